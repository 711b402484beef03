"""Which rows a query has to look at: by id, by an indexed field, by stamp, or all of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.soql.evaluate import literal_value
from crossfoot.emulators.salesforce.soql.scope import Scope
from crossfoot.emulators.salesforce.soql.syntax import Compare, Condition, In, Junction, Literal, Path, Query


def candidate_ids(scope: Scope, where: Condition | None) -> list[str] | None:
    """The ids that the most telling conjunct admits, or None when none of them is indexed."""
    found = [ids for each in _conjuncts(where) if (ids := _ids_of(scope, each)) is not None]
    return min(found, key=len) if found else None


def stamp_floor(where: Condition | None) -> datetime | None:
    """The SystemModstamp before which no row can match, for ``(stamp = t AND Id > x) OR stamp > t`` too (SF 7)."""
    if isinstance(where, Junction):
        floors = [stamp_floor(each) for each in where.conditions]
        known = [each for each in floors if each is not None]
        if where.operator == "AND":
            return max(known, default=None)
        return min(known) if len(known) == len(floors) else None
    if isinstance(where, Compare) and _is_path(where.left, "systemmodstamp") and where.operator in {"=", ">", ">="}:
        return where.right.value if where.right.kind == "datetime" else None
    return None


def in_stamp_order(query: Query) -> bool:
    """Whether the query asks for the very order in which the stamp index holds rows."""
    names = [str(each.what).lower() for each in query.order_by]
    plain = not any(each.descending for each in query.order_by)
    return plain and names in (["systemmodstamp"], ["systemmodstamp", "id"])


def _is_path(expression: object, name: str) -> bool:
    return isinstance(expression, Path) and expression.names[-1].lower() == name and len(expression.names) == 1


def _conjuncts(where: Condition | None) -> Iterable[Condition]:
    if where is None:
        return ()
    if isinstance(where, Junction):
        return where.conditions if where.operator == "AND" else ()
    return (where,)


def _ids_of(scope: Scope, condition: Condition) -> list[str] | None:
    literals: tuple[Literal, ...] | None = None
    if isinstance(condition, Compare) and condition.operator == "=":
        literals = (condition.right,)
    elif isinstance(condition, In) and not condition.negated and not isinstance(condition.values, Query):
        literals = condition.values
    if literals is None or not isinstance(condition, Compare | In) or not isinstance(condition.left, Path):
        return None
    if any(each.kind == "null" or each.value == "" for each in literals):
        return None
    try:
        column = scope.column(condition.left)
        values = dict.fromkeys(column.field.fold(literal_value(scope, column, each)) for each in literals)
    except ApiError:
        return None  # the condition itself reports what is wrong with it
    if column.steps:
        return None
    if column.field.type == "id":
        table = scope.world.rows.get(scope.sobject.name, {})
        return [each for each in values if each in table]
    if not column.field.indexed:
        return None
    ids = (each for value in values for each in scope.world.index.find(scope.sobject.name, column.field.name, value))
    return list(dict.fromkeys(ids))
