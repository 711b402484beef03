"""Aggregates, GROUP BY with ROLLUP and CUBE, and HAVING (SF 2.6, 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import combinations
from typing import Any

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.schema import NUMBER_TYPES, Field
from crossfoot.emulators.salesforce.soql.column import Column
from crossfoot.emulators.salesforce.soql.evaluate import condition_of
from crossfoot.emulators.salesforce.soql.order import order_rows
from crossfoot.emulators.salesforce.soql.scope import Scope
from crossfoot.emulators.salesforce.soql.syntax import Call, Expression, Item, Path, Query, TypeOf, is_aggregate
from crossfoot.emulators.salesforce.values import canonical, render, round_half_up
from crossfoot.emulators.salesforce.world import Row

GROUPS_MAX = 2000
_SUMMED = NUMBER_TYPES | {"int"}
_UNCOUNTED = frozenset({"boolean", "multipicklist", "address", "location", "base64"})
_UNGROUPED = NUMBER_TYPES | {"datetime", "multipicklist", "address", "location", "base64"}

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


def key_of(expression: Expression) -> str:
    return str(expression).lower()


class GroupScope(Scope):
    """Names over groups: each group is a row that holds the values of its expressions."""

    def __init__(self, rows: Scope, query: Query) -> None:
        super().__init__(rows.context, rows.sobject, query)
        self._rows = rows
        self.grouped = {self._key(each): each for each in query.group_by}
        for each in query.group_by:
            self._check_groupable(each)
        self.needed: dict[str, Expression] = {}

    def _key(self, expression: Expression) -> str:
        """One key for all spellings of an expression: aliases and the object's own name make no difference."""
        if isinstance(expression, Path):
            return ".".join(self.names(expression)).lower()
        inner = expression.argument
        return key_of(expression) if inner is None else f"{expression.name.lower()}({self._key(inner)})"

    def _check_groupable(self, expression: Expression) -> None:
        if is_aggregate(expression):
            raise self.error("MALFORMED_QUERY", expression.at, "aggregate functions can not be grouped")
        field = self._rows.value(expression).field
        if isinstance(expression, Path) and (field.type in _UNGROUPED or not field.filterable):
            message = f"field '{field.name}' can not be grouped in a query call"
            raise self.error("MALFORMED_QUERY", expression.at, message)

    def value(self, expression: Expression) -> Column:
        if isinstance(expression, Call) and expression.name == "FORMAT":
            return super().value(expression)
        key = self._key(expression)
        if is_aggregate(expression):
            field = self._result_field(expression)
        elif key in self.grouped:
            field = self._rows.value(expression).field
        else:
            raise self.error("MALFORMED_QUERY", expression.at, f"Field must be grouped or aggregated: {expression}")
        self.needed[key] = expression
        return Column(field, lambda group: group[key])

    def _result_field(self, expression: Expression) -> Field:
        argument = expression.argument if isinstance(expression, Call) else None
        if not isinstance(expression, Call) or not isinstance(argument, Path):
            return Field("COUNT", "int")
        if expression.name == "GROUPING":
            if self._key(argument) not in self.grouped:
                raise self.error("MALFORMED_QUERY", expression.at, f"GROUPING needs a grouped field: {argument}")
            return Field("GROUPING", "int")
        field = self._rows.column(argument).field
        summed = expression.name in {"SUM", "AVG"}
        if field.type in _UNCOUNTED or not field.filterable or (summed and field.type not in _SUMMED):
            message = f"field {field.name} does not support aggregate operator {expression.name}"
            raise self.error("MALFORMED_QUERY", expression.at, message)
        if expression.name.startswith("COUNT"):
            return Field("COUNT", "int")
        if not summed:
            return field
        return Field(expression.name, "currency" if field.type == "currency" else "double", scale=field.scale)

    def groups(self, query: Query, rows: Sequence[Row]) -> Iterable[Row]:
        """One row per group with the value of every needed expression; without GROUP BY all rows are one group."""
        keys = {key: self._rows.value(each).key for key, each in self.grouped.items()}
        for names in _grouping_sets(tuple(keys), query.grouping):
            members: dict[tuple[Any, ...], list[Row]] = {} if names else {(): list(rows)}
            for row in rows if names else ():
                members.setdefault(tuple(keys[name](row) for name in names), []).append(row)
            values = {key: self._value_of(each, frozenset(names)) for key, each in self.needed.items()}
            yield from ({key: value(group) for key, value in values.items()} for group in members.values())

    def _value_of(self, expression: Expression, kept: frozenset[str]) -> Callable[[list[Row]], Any]:
        """How an expression is read from the members of a group that keeps these of the grouped expressions apart."""
        if isinstance(expression, Call) and expression.name == "GROUPING" and expression.argument is not None:
            subtotal = int(self._key(expression.argument) not in kept)
            return lambda _: subtotal
        if not is_aggregate(expression) or not isinstance(expression, Call):
            read = self._rows.value(expression).read
            return (lambda group: read(group[0])) if self._key(expression) in kept else lambda _: None
        if not isinstance(expression.argument, Path):
            return len
        column = self._rows.column(expression.argument)
        converted = column.compared is not None and not expression.name.startswith("COUNT")
        read = column.compared if converted and column.compared else column.read
        aggregate, scale = AGGREGATES[expression.name], column.field.scale

        def collect(group: list[Row]) -> Any:
            result = aggregate([value for row in group if (value := read(row)) is not None])
            return canonical(round_half_up(result, scale)) if converted and result is not None else result

        return collect


def _grouping_sets(names: tuple[str, ...], grouping: str) -> Sequence[tuple[str, ...]]:
    """The sets of expressions by which rows are grouped: ROLLUP drops them from the right, CUBE in every way."""
    if grouping == "ROLLUP":
        return [names[:count] for count in range(len(names), -1, -1)]
    if grouping == "CUBE":
        return [each for count in range(len(names), -1, -1) for each in combinations(names, count)]
    return [names]


def grouped_columns(scope: GroupScope, items: Sequence[Item]) -> list[tuple[str, Column]]:
    """The columns of an aggregate query: named by aliases, field names, or ``expr0`` and so on."""
    named: list[tuple[str, Column]] = []
    unnamed = 0
    for item in items:
        if isinstance(item.what, Query | TypeOf):
            raise scope.error("MALFORMED_QUERY", item.what.at, "subqueries are not allowed in aggregate queries")
        column = scope.value(item.what)
        name = item.alias or (column.field.name if isinstance(item.what, Path) else f"expr{unnamed}")
        unnamed += item.alias is None and not isinstance(item.what, Path)
        if name.lower() in {known.lower() for known, _ in named}:
            raise scope.error("MALFORMED_QUERY", item.what.at, f"duplicate alias: {name}")
        named.append((name, column))
    return named


def grouped_records(rows_scope: Scope, query: Query, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The AggregateResult records. There is no cursor over them: too many are an error (SF 3.1)."""
    scope = GroupScope(rows_scope, query)
    named = [(name, column.read) for name, column in grouped_columns(scope, query.items)]
    having = condition_of(scope, query.having) if query.having else lambda _: True
    order = [(scope.value(each.what), each) for each in query.order_by]
    groups = [group for group in scope.groups(query, rows) if having(group)]
    end = None if query.limit is None else query.offset + query.limit
    chosen = order_rows(groups, order)[query.offset : end]
    if len(chosen) > GROUPS_MAX:
        message = "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"
        raise ApiError("EXCEEDED_ID_LIMIT", message)
    return [
        {"attributes": {"type": "AggregateResult"}} | {name: render(read(group)) for name, read in named}
        for group in chosen
    ]
