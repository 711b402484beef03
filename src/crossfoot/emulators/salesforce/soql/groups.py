"""Aggregates, GROUP BY and HAVING (SF 2.6, 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from crossfoot.emulators.salesforce.schema import NUMBER_TYPES, Field
from crossfoot.emulators.salesforce.soql.evaluate import Column, Scope
from crossfoot.emulators.salesforce.soql.order import order_rows
from crossfoot.emulators.salesforce.soql.syntax import Call, Expression, Path, Query
from crossfoot.emulators.salesforce.values import canonical, render, round_half_up
from crossfoot.emulators.salesforce.world import Row

GROUPS_MAX = 2000

Aggregate = Callable[[list[Any]], Any]


def _average(values: list[Any]) -> Any:
    return canonical(round_half_up(sum(values, Decimal(0)) / len(values), 6)) if values else None


AGGREGATES: Mapping[str, Aggregate] = {
    "COUNT": len,
    "COUNT_DISTINCT": lambda values: len({each.lower() if isinstance(each, str) else each for each in values}),
    "SUM": lambda values: canonical(sum(values, Decimal(0))) if values else None,
    "AVG": _average,
    "MIN": lambda values: min(values, default=None),
    "MAX": lambda values: max(values, default=None),
}


def is_aggregate(what: object) -> bool:
    return isinstance(what, Call) and what.name in AGGREGATES


class _GroupScope(Scope):
    """Conditions over groups: each group is a row that holds the values of its expressions."""

    def __init__(self, scope: Scope, query: Query) -> None:
        super().__init__(scope.world, scope.sobject, scope.now, scope.text, scope.alias)
        self._grouped = {key_of(each) for each in query.group_by}
        self._rows = scope
        self.needed: dict[str, Expression] = {}

    def value(self, expression: Expression) -> Column:
        key = key_of(expression)
        if is_aggregate(expression):
            field = self._result_field(expression)
        elif key in self._grouped:
            field = self._rows.value(expression).field
        else:
            raise self.error("MALFORMED_QUERY", expression.at, f"Field must be grouped or aggregated: {key}")
        self.needed[key] = expression
        return Column(field, lambda group: group[key])

    def _result_field(self, expression: Expression) -> Field:
        if not isinstance(expression, Call):
            raise TypeError(expression)
        if expression.argument is None or expression.name.startswith("COUNT"):
            return Field("COUNT", "int")
        field = self._rows.column(expression.argument).field
        if expression.name in {"SUM", "AVG"}:
            if field.type not in NUMBER_TYPES | {"int"}:
                raise self.error(
                    "MALFORMED_QUERY",
                    expression.at,
                    f"field {field.name} does not support aggregate operator {expression.name}",
                )
            return Field(expression.name, "double")
        return field


def key_of(expression: Expression) -> str:
    if isinstance(expression, Path):
        return str(expression).lower()
    return f"{expression.name}({str(expression.argument or '').lower()})"


def grouped_records(scope: Scope, query: Query, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The AggregateResult records: keys are aliases, field names, or ``expr0`` and so on."""
    groups = _GroupScope(scope, query)
    named: list[tuple[str, Callable[[Row], Any]]] = []
    for item in query.items:
        if isinstance(item.what, Query):
            raise scope.error("MALFORMED_QUERY", item.what.at, "subqueries are not allowed in aggregate queries")
        column = groups.value(item.what)
        unnamed = f"expr{sum(name.startswith('expr') for name, _ in named)}"
        name = item.alias or (column.field.name if isinstance(item.what, Path) else unnamed)
        named.append((name, column.read))
    having = groups.condition(query.having) if query.having else lambda _: True
    order = [(groups.value(each.what), each) for each in query.order_by]
    made = order_rows((group for group in _collect(scope, query, groups.needed, rows) if having(group)), order)
    end = None if query.limit is None else query.offset + query.limit
    return [
        {"attributes": {"type": "AggregateResult"}} | {name: render(read(group)) for name, read in named}
        for group in made[query.offset : end][:GROUPS_MAX]
    ]


def _collect(scope: Scope, query: Query, needed: Mapping[str, Expression], rows: Sequence[Row]) -> list[Row]:
    """One row per group with the value of every needed expression; without GROUP BY all rows are one group."""
    keys = [scope.value(each) for each in query.group_by]
    members: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): list(rows)}
    for row in rows if keys else ():
        members.setdefault(tuple(key.field.fold(key.read(row)) for key in keys), []).append(row)
    values = {key: _value_of(scope, expression) for key, expression in needed.items()}
    return [{key: value(group) for key, value in values.items()} for group in members.values()]


def _value_of(scope: Scope, expression: Expression) -> Callable[[list[Row]], Any]:
    if not is_aggregate(expression) or not isinstance(expression, Call):
        read = scope.value(expression).read
        return lambda group: read(group[0])
    if expression.argument is None:
        return len
    column = scope.column(expression.argument)
    converted = (
        column.field.type == "currency" and scope.world.multi_currency and not expression.name.startswith("COUNT")
    )
    read = scope.in_corporate_currency(column) if converted else column.read
    aggregate, scale = AGGREGATES[expression.name], column.field.scale

    def collect(group: list[Row]) -> Any:
        result = aggregate([value for row in group if (value := read(row)) is not None])
        return canonical(round_half_up(result, scale)) if converted and result is not None else result

    return collect
