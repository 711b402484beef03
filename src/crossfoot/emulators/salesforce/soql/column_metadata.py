"""``?columns=true``: the columns of a query instead of its rows, as command lines ask for them (SF 2.6)."""

from __future__ import annotations

from typing import Any

from crossfoot.emulators.salesforce.schema import NUMBER_TYPES, TEXT_TYPES, Field
from crossfoot.emulators.salesforce.soql.groups import GroupScope, grouped_columns
from crossfoot.emulators.salesforce.soql.projection import field_set, path_of
from crossfoot.emulators.salesforce.soql.run import Runner
from crossfoot.emulators.salesforce.soql.scope import Scope
from crossfoot.emulators.salesforce.soql.syntax import Call, Item, Query, TypeOf, is_aggregate

_APEX_TYPES = {
    "id": "Id",
    "reference": "Id",
    "boolean": "Boolean",
    "int": "Integer",
    "date": "Date",
    "datetime": "Datetime",
    "address": "Address",
    "location": "Location",
} | dict.fromkeys(NUMBER_TYPES, "Double")


def column_metadata(runner: Runner) -> dict[str, Any]:
    """What the columns of a query are called and hold; the query itself is not run."""
    query = runner.query
    return {
        "columnMetadata": _aggregates(runner) if query.aggregated else _columns(runner, query, runner.scope),
        "entityName": runner.sobject.name,
        "groupBy": bool(query.group_by),
        "idSelected": any(str(item.what).lower() == "id" for item in query.items),
        "keyPrefix": runner.sobject.key_prefix,
    }


def _aggregates(runner: Runner) -> list[dict[str, Any]]:
    query = runner.query
    if query.counts:
        return []
    scope = GroupScope(runner.scope, query)
    return [
        _aggregate(name, item.what, column.field) if is_aggregate(item.what) else _column(name, column.field)
        for (name, column), item in zip(grouped_columns(scope, query.items), query.items, strict=True)
    ]


def _aggregate(name: str, what: object, field: Field) -> dict[str, Any]:
    shown = f"{what.name.lower()}({what.argument or ''})" if isinstance(what, Call) else str(what)
    return _column(name, field) | {"aggregate": True, "apexType": None, "displayName": shown}


def _columns(runner: Runner, query: Query, scope: Scope) -> list[dict[str, Any]]:
    """Columns in the order of the query; those of one parent stand together, where the first of them was."""
    found: list[dict[str, Any]] = []
    for item in query.items:
        what = item.what
        if isinstance(what, Query):
            child, reference = runner.child_of(what, scope)
            inner = _columns(runner, what, runner.scope_of(what, child))
            found.append(_group(str(reference.children), None, inner, aggregate=True))
        elif isinstance(what, TypeOf):
            _below(found, scope.reference(what.relationship))
        elif isinstance(what, Call) and what.name == "FIELDS":
            found += [_column(each.name, each) for each in field_set(scope, what)]
        else:
            _add(found, item, scope)
    return found


def _add(columns: list[dict[str, Any]], item: Item, scope: Scope) -> None:
    path = path_of(item)
    if path is None:
        columns.append(_column(item.alias or "expr0", Field(str(item.what), "double")))
        return
    for step in scope.steps(path)[0]:
        columns = _below(columns, step)
    field = scope.column(path).field
    columns.append(_column(item.alias or field.name, field))


def _below(columns: list[dict[str, Any]], step: Field) -> list[dict[str, Any]]:
    """The columns of a parent, which begin where the first of them stands."""
    name = str(step.relationship)
    group = next((each for each in columns if each["columnName"] == name), None)
    if group is None:
        group = _group(name, step.name, [], aggregate=False)
        columns.append(group)
    inner: list[dict[str, Any]] = group["joinColumns"]
    return inner


def _group(name: str, reference: str | None, columns: list[dict[str, Any]], *, aggregate: bool) -> dict[str, Any]:
    """The columns of a parent, or of a child set, below one name."""
    made = _column(name, Field(name, "", createable=False, updateable=False))
    return made | {"aggregate": aggregate, "apexType": None, "foreignKeyName": reference, "joinColumns": columns}


def _column(name: str, field: Field) -> dict[str, Any]:
    return {
        "aggregate": False,
        "apexType": _APEX_TYPES.get(field.type, "String"),
        "booleanType": field.type == "boolean",
        "columnName": name,
        "custom": field.custom,
        "displayName": name,
        "foreignKeyName": None,
        "insertable": field.createable,
        "joinColumns": [],
        "numberType": field.type in NUMBER_TYPES | {"int"},
        "textType": field.type in TEXT_TYPES,
        "updatable": field.updateable,
    }
