"""What makes a record of a row: fields, parents and children in the order in which they were asked for (SF 2.6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from crossfoot.emulators.salesforce.schema import Field, SObject
from crossfoot.emulators.salesforce.soql.column import NAME, Read, parent_row, polymorphic, reader
from crossfoot.emulators.salesforce.soql.context import visible_fields
from crossfoot.emulators.salesforce.soql.scope import Scope
from crossfoot.emulators.salesforce.soql.syntax import Call, Item, Path, Query, TypeOf
from crossfoot.emulators.salesforce.values import render
from crossfoot.emulators.salesforce.world import Row

Render = Callable[[Row], Any]
Tree = dict[str, "Render | Branch"]


@dataclasses.dataclass(frozen=True, slots=True)
class Branch:
    """The selected part of a parent: how its row is found, and what is shown of it."""

    owner: SObject
    find: Callable[[Row], Row | None]
    tree: Tree


def attributes(object_name: str, record_id: str, base: str) -> dict[str, str]:
    return {"type": object_name, "url": f"{base}/sobjects/{object_name}/{record_id}"}


def blob_address(object_name: str, field: Field, base: str) -> Render:
    """A file's bytes are not in the record: their address is (SF 0.4)."""

    def address(row: Row) -> str | None:
        held = row.get(field.name) is not None
        return f"{attributes(object_name, row['Id'], base)['url']}/{field.name}" if held else None

    return address


def _shown(scope: Scope, field: Field, read: Read) -> Render:
    return _leaf(read) if field.type != "base64" else blob_address(scope.sobject.name, field, scope.context.base)


def projection(scope: Scope, query: Query, children: Callable[[Query, Scope], tuple[str, Render]]) -> Render:
    """How rows of the scope become records. ``children`` answers a query of child rows."""
    tree: Tree = {}
    for item in query.items:
        if isinstance(item.what, Query):
            name, part = children(item.what, scope)
            _put(tree, name, part, scope, item.what.at)
        elif isinstance(item.what, TypeOf):
            _put(tree, *_type_of(item.what, scope), scope, item.what.at)
        elif isinstance(item.what, Call) and item.what.name == "FIELDS":
            for each in field_set(scope, item.what):
                _put(tree, each.name, _shown(scope, each, reader(scope.world, each)), scope, item.what.at)
        else:
            _plant(tree, item, scope)
    return _record(scope, scope.sobject, tree)


def _put(tree: Tree, name: str, part: Render | Branch, scope: Scope, at: int) -> None:
    if name in tree:
        raise scope.error("INVALID_FIELD", at, f"duplicate field selected: {name}")
    tree[name] = part


def _plant(tree: Tree, item: Item, scope: Scope) -> None:
    """Place a field, or a function of one, below the relationships that its path follows."""
    path = path_of(item)
    if path is None:
        if not isinstance(item.what, Call):
            raise TypeError(item)
        unnamed = f"expr{sum(name.startswith('expr') for name in tree)}"
        _put(tree, item.alias or unnamed, _leaf(scope.value(item.what).read), scope, item.what.at)
        return
    steps, owner, _ = scope.steps(path)
    column = scope.column(path)
    for step in steps:
        branch = tree.get(str(step.relationship))
        if not isinstance(branch, Branch):
            target = NAME if polymorphic(step) else scope.world.object(step.reference_to[0])
            branch = Branch(target, lambda row, step=step: parent_row(scope.world, step, row), {})  # type: ignore[misc]
            _put(tree, str(step.relationship), branch, scope, path.at)
        tree = branch.tree
    here = scope if not steps else Scope(scope.context, owner)
    short = Path((column.field.name,), path.at)
    what = short if isinstance(item.what, Path) else _shortened(item.what, short)
    shown = _shown(here, column.field, here.value(what).read)
    _put(tree, item.alias or column.field.name, shown, scope, path.at)


def path_of(item: Item) -> Path | None:
    """The one path of a selected expression; DISTANCE has more than one place."""
    what = item.what
    while isinstance(what, Call) and what.name != "DISTANCE" and what.argument is not None:
        what = what.argument
    return what if isinstance(what, Path) else None


def _shortened(what: Any, path: Path) -> Path | Call:
    """The same function of the last name of its path."""
    if not isinstance(what, Call):
        return path
    return dataclasses.replace(what, arguments=(_shortened(what.argument, path),))


def field_set(scope: Scope, call: Call) -> list[Field]:
    """The fields that FIELDS(ALL), FIELDS(CUSTOM) or FIELDS(STANDARD) stands for."""
    which = str(call.argument)
    return [
        each
        for each in visible_fields(scope.world, scope.sobject)
        if which in {"ALL", "CUSTOM" if each.custom else "STANDARD"}
    ]


def _type_of(what: TypeOf, scope: Scope) -> tuple[str, Render]:
    """Fields by the kind of record to which a polymorphic relationship points."""
    step = scope.reference(what.relationship)
    if not polymorphic(step):
        message = f"TYPEOF needs a polymorphic relationship: {what.relationship}"
        raise scope.error("INVALID_FIELD", what.at, message)
    records: dict[str, Render] = {}
    for kind, paths in what.whens:
        sobject = scope.world.schema.object(str(kind))
        if sobject is None or sobject.name not in step.reference_to:
            raise scope.error("INVALID_TYPE", kind.at, f"sObject type '{kind}' is not supported")
        records[sobject.name] = _part(scope, sobject, paths)
    other = _part(scope, NAME, what.otherwise) if what.otherwise else None

    def render_parent(row: Row) -> Any:
        found = parent_row(scope.world, step, row)
        if found is None:
            return None
        owner = scope.world.schema.by_prefix[found["Id"][:3]]
        part = records.get(owner.name, other)
        return {"attributes": attributes(owner.name, found["Id"], scope.context.base)} if part is None else part(found)

    return str(step.relationship), render_parent


def _part(scope: Scope, sobject: SObject, paths: tuple[Path, ...]) -> Render:
    tree: Tree = {}
    here = Scope(scope.context, sobject)
    for path in paths:
        _plant(tree, Item(path), here)
    return _record(scope, sobject, tree)


def _leaf(read: Read) -> Render:
    return lambda row: render(read(row))


def _record(scope: Scope, sobject: SObject, tree: Tree) -> Render:
    base = scope.context.base
    by_prefix = scope.world.schema.by_prefix
    parts = [(name, _parent(scope, part) if isinstance(part, Branch) else part) for name, part in tree.items()]
    any_object = sobject is NAME

    def record(row: Row) -> dict[str, Any]:
        made: dict[str, Any] = {"attributes": attributes(sobject.name, row["Id"], base)}
        if any_object:
            made["attributes"]["url"] = attributes(by_prefix[row["Id"][:3]].name, row["Id"], base)["url"]
        for name, part in parts:
            made[name] = part(row)
        return made

    return record


def _parent(scope: Scope, branch: Branch) -> Render:
    record, find = _record(scope, branch.owner, branch.tree), branch.find

    def follow(row: Row) -> Any:
        found = find(row)
        return None if found is None else record(found)

    return follow
