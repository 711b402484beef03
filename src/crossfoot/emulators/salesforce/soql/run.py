"""Running a query: choose rows, order and limit them, and render the records that were asked for (SF 2.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.schema import Field, SObject
from crossfoot.emulators.salesforce.soql.candidates import candidate_ids, in_stamp_order, stamp_floor
from crossfoot.emulators.salesforce.soql.evaluate import Predicate, Read, Scope, reader
from crossfoot.emulators.salesforce.soql.groups import grouped_records, is_aggregate
from crossfoot.emulators.salesforce.soql.order import order_rows
from crossfoot.emulators.salesforce.soql.parser import parse_query
from crossfoot.emulators.salesforce.soql.syntax import Call, Path, Query
from crossfoot.emulators.salesforce.values import render
from crossfoot.emulators.salesforce.world import Row, World

OFFSET_MAX = 2000
FIELDS_LIMIT_MAX = 200
STATEMENT_CHARS_MAX = 100_000
Render = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """The answer of a query before paging: ids to render, or the finished records of an aggregate."""

    ids: Sequence[str]
    record: Render
    total: int
    aggregates: tuple[dict[str, Any], ...] | None = None

    def records(self, table: dict[str, Row], ids: Iterable[str]) -> list[Any]:
        return [self.record(table[each]) for each in ids if each in table]


def run_query(
    world: World, text: str, now: datetime, version: int, *, all_rows: bool = False
) -> tuple[SObject, Selection]:
    """Run SOQL; refusals are ApiErrors in the platform's words."""
    query, sobject = _parse(world, text, now)
    return sobject, _Runner(world, text, now, version, all_rows=all_rows or query.all_rows).select(query, sobject)


def projection_of(world: World, text: str, now: datetime, version: int, *, all_rows: bool) -> tuple[SObject, Render]:
    """What makes a record of a row for this query, without choosing rows: later pages of a cursor."""
    query, sobject = _parse(world, text, now)
    runner = _Runner(world, text, now, version, all_rows=all_rows or query.all_rows)
    return sobject, runner.projection(query, runner.scope(query, sobject))


def _parse(world: World, text: str, now: datetime) -> tuple[Query, SObject]:
    if len(text) > STATEMENT_CHARS_MAX:
        raise ApiError("QUERY_TOO_COMPLICATED", "SOQL statements cannot be longer than 100000 characters.")
    query = parse_query(text)
    sobject = world.schema.object(query.source)
    if sobject is None or sobject.tooling or (sobject.name == "CurrencyType" and not world.multi_currency):
        message = (
            f"sObject type '{query.source}' is not supported. If you are attempting to use a custom object, be sure to "
            "append the '__c' after the entity name. Please reference your WSDL or the describe call for the "
            "appropriate names."
        )
        raise Scope(world, world.object("Organization"), now, text).error("INVALID_TYPE", query.at, message)
    return query, sobject


class _Runner:
    def __init__(self, world: World, text: str, now: datetime, version: int, *, all_rows: bool) -> None:
        self._world = world
        self._text = text
        self._now = now
        self._version = version
        self._all_rows = all_rows

    def scope(self, query: Query, sobject: SObject) -> Scope:
        return Scope(self._world, sobject, self._now, self._text, query.alias, self._values_of)

    def select(self, query: Query, sobject: SObject) -> Selection:
        scope = self.scope(query, sobject)
        self._check(query, scope)
        if query.group_by or any(is_aggregate(item.what) for item in query.items):
            rows = list(self._matching(query, scope, self._source(query, scope)[0]))
            first = query.items[0].what
            if len(query.items) == 1 and isinstance(first, Call) and first.argument is None and not query.group_by:
                total = len(rows) if query.limit is None else min(query.limit, len(rows))
                return Selection((), lambda _: None, total, ())
            records = grouped_records(scope, query, rows)
            return Selection((), lambda _: None, len(records), tuple(records))
        record = self.projection(query, scope)
        ids = [row["Id"] for row in self._chosen(query, scope)]
        return Selection(ids, record, len(ids))

    def _check(self, query: Query, scope: Scope) -> None:
        if query.offset > OFFSET_MAX:
            raise ApiError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {OFFSET_MAX}")
        aggregated = bool(query.group_by) or any(is_aggregate(item.what) for item in query.items)
        names = [str(item.what).lower() for item in query.items if isinstance(item.what, Path)]
        for item in query.items:
            if isinstance(item.what, Path) and names.count(str(item.what).lower()) > 1:
                raise scope.error("INVALID_FIELD", item.what.at, f"duplicate field selected: {item.what}")
            if isinstance(item.what, Path) and item.alias and not aggregated:
                raise scope.error("MALFORMED_QUERY", item.what.at, f"unexpected token: '{item.alias}'")

    def _source(self, query: Query, scope: Scope) -> tuple[Iterable[Row], bool]:
        """The rows worth a look, by id; or in stamp order, and then True, where the index serves that."""
        table = self._world.rows.get(scope.sobject.name, {})
        ids = candidate_ids(scope, query.where)
        if ids is not None:
            return (table[each] for each in sorted(ids)), False
        floor = stamp_floor(query.where)
        if floor is None:
            return table.values(), False
        stamped = self._world.index.since(scope.sobject.name, floor)
        if in_stamp_order(query):
            return (table[each] for each in stamped), True
        return (table[each] for each in sorted(stamped)), False

    def _matching(self, query: Query, scope: Scope, source: Iterable[Row]) -> Iterable[Row]:
        where: Predicate = scope.condition(query.where) if query.where else lambda _: True
        if self._all_rows:
            return (row for row in source if where(row))
        return (row for row in source if not row["IsDeleted"] and where(row))

    def _chosen(self, query: Query, scope: Scope, source: Iterable[Row] | None = None) -> list[Row]:
        looked_at, in_order = (source, False) if source is not None else self._source(query, scope)
        rows = self._matching(query, scope, looked_at)
        end = None if query.limit is None else query.offset + query.limit
        if not query.order_by or in_order:
            return list(islice(rows, query.offset, end))
        ordered = order_rows(rows, [(scope.value(each.what), each) for each in query.order_by])
        return ordered[query.offset : end]

    def _values_of(self, query: Query) -> frozenset[Any]:
        """The values of a semi-join's one field."""
        sobject = self._world.schema.object(query.source)
        path = query.items[0].what
        if sobject is None or len(query.items) != 1 or not isinstance(path, Path):
            message = f"sObject type '{query.source}' is not supported in a semi join"
            raise Scope(self._world, self._world.object("Organization"), self._now, self._text).error(
                "INVALID_TYPE", query.at, message
            )
        scope = self.scope(query, sobject)
        column = scope.column(path)
        return frozenset(
            value for row in self._chosen(query, scope) if (value := column.field.fold(column.read(row))) is not None
        )

    def projection(self, query: Query, scope: Scope) -> Render:
        """What makes a record of a row: fields, parents and children in the order in which they were asked for."""
        tree: dict[str, Any] = {}
        for item in query.items:
            if isinstance(item.what, Query):
                child_name, render_children = self._children(item.what, scope)
                tree[child_name] = render_children
            elif isinstance(item.what, Call) and item.what.name == "FIELDS":
                tree.update(self._fields_of(item.what, query, scope))
            elif isinstance(item.what, Call):
                field = scope.value(item.what)
                tree[item.alias or field.field.name] = _leaf(field.read)
            else:
                self._plant(tree, item.what, scope)
        return self._record(scope.sobject, tree)

    def _plant(self, tree: dict[str, Any], path: Path, scope: Scope) -> None:
        steps, _, _ = scope.steps(path)
        field = scope.column(path).field
        for step in steps:
            branch = tree.setdefault(str(step.relationship), (step, {}))
            tree = branch[1]
        tree[field.name] = _leaf(reader(self._world, field))

    def _fields_of(self, call: Call, query: Query, scope: Scope) -> dict[str, Render]:
        which = str(call.argument).upper()
        if which not in {"ALL", "CUSTOM", "STANDARD"}:
            raise scope.error("MALFORMED_QUERY", call.at, f"unexpected token: '{which}'")
        if which != "STANDARD" and (query.limit is None or query.limit > FIELDS_LIMIT_MAX):
            raise ApiError(
                "MALFORMED_QUERY", f"The SOQL FIELDS function must have a LIMIT of at most {FIELDS_LIMIT_MAX}"
            )
        chosen = visible_fields(self._world, scope.sobject)
        return {
            each.name: _leaf(reader(self._world, each))
            for each in chosen
            if which == "ALL" or each.custom == (which == "CUSTOM")
        }

    def _children(self, query: Query, scope: Scope) -> tuple[str, Render]:
        found = self._world.schema.child(scope.sobject.name, query.source)
        if found is None:
            message = f"Didn't understand relationship '{query.source}' in FROM part of query call."
            raise scope.error("INVALID_TYPE", query.at, message)
        child, reference = found
        inner = self.scope(query, child)
        self._check(query, inner)
        record = self.projection(query, inner)
        table = self._world.rows.get(child.name, {})

        def render_children(row: Row) -> Any:
            ids = self._world.index.find(child.name, reference.name, row["Id"])
            chosen = self._chosen(query, inner, [table[each] for each in sorted(ids)])
            if not chosen:
                return None
            return {"totalSize": len(chosen), "done": True, "records": [record(each) for each in chosen]}

        return str(reference.children), render_children

    def _record(self, sobject: SObject, tree: dict[str, Any]) -> Render:
        version = self._version
        parts: list[tuple[str, Render]] = []
        for name, branch in tree.items():
            parts.append((name, self._parent(*branch) if isinstance(branch, tuple) else branch))

        def record(row: Row) -> dict[str, Any]:
            made: dict[str, Any] = {"attributes": attributes(sobject.name, row["Id"], version)}
            for name, part in parts:
                made[name] = part(row)
            return made

        return record

    def _parent(self, step: Field, tree: dict[str, Any]) -> Render:
        parent = self._world.object(step.reference_to[0])
        record = self._record(parent, tree)

        def follow(row: Row) -> Any:
            found = self._world.row(parent.name, row.get(step.name))
            return None if found is None else record(found)

        return follow


def attributes(object_name: str, record_id: str, version: int) -> dict[str, str]:
    return {"type": object_name, "url": f"/services/data/v{version}.0/sobjects/{object_name}/{record_id}"}


def visible_fields(world: World, sobject: SObject) -> list[Field]:
    return [each for each in sobject.fields if each.name != "CurrencyIsoCode" or world.multi_currency]


def _leaf(read: Read) -> Render:
    return lambda row: render(read(row))
