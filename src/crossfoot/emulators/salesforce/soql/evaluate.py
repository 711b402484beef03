"""Conditions compiled to closures over rows, with the comparison rules of SF 3.2."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.ids import to_18
from crossfoot.emulators.salesforce.schema import ID_TYPES, NUMBER_TYPES, TEXT_TYPES, SObject
from crossfoot.emulators.salesforce.soql.column import Column, Read, reader
from crossfoot.emulators.salesforce.soql.context import Context
from crossfoot.emulators.salesforce.soql.currencies import literal_in_caller_currency
from crossfoot.emulators.salesforce.soql.dates import midnight, span_of
from crossfoot.emulators.salesforce.soql.functions import FILTERS
from crossfoot.emulators.salesforce.soql.scope import Scope
from crossfoot.emulators.salesforce.soql.syntax import (
    Call,
    Compare,
    Condition,
    Expression,
    In,
    Includes,
    Junction,
    Literal,
    Not,
    Query,
    is_aggregate,
)
from crossfoot.emulators.salesforce.soql.tokens import like_pattern
from crossfoot.emulators.salesforce.world import Row, World

__all__ = ["Predicate", "compile_condition", "condition_of", "literal_value", "reader"]

Predicate = Callable[[Row], bool]

_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_UNORDERED_TYPES = frozenset({"boolean", "multipicklist"})


def compile_condition(world: World, sobject: SObject, condition: Condition, now: datetime) -> Predicate:
    """A condition by itself, as validation rules have it."""
    return condition_of(Scope(Context(world, now), sobject), condition)


def condition_of(scope: Scope, condition: Condition) -> Predicate:
    """A condition over rows of the scope, checked whole before any row is read."""
    if isinstance(condition, Junction):
        parts = tuple(condition_of(scope, each) for each in condition.conditions)
        if condition.operator == "AND":
            return lambda row: all(part(row) for part in parts)
        return lambda row: any(part(row) for part in parts)
    if isinstance(condition, Not):
        inner = condition_of(scope, condition.condition)
        return lambda row: not inner(row)
    if isinstance(condition, In):
        return _in(scope, condition)
    if isinstance(condition, Includes):
        return _includes(scope, condition)
    return _compare(scope, condition)


def _filtered(scope: Scope, expression: Expression) -> Column:
    """The column of the left side of a condition, which has to be one that can be filtered."""
    column = scope.value(expression)
    shown = isinstance(expression, Call) and expression.name not in FILTERS and not is_aggregate(expression)
    if shown or not (column.field.filterable or isinstance(expression, Call)):
        name = expression if shown else column.field.name
        raise scope.error("INVALID_FIELD", expression.at, f"field '{name}' can not be filtered in a query call")
    return column


def _compare(scope: Scope, compare: Compare) -> Predicate:
    column = _filtered(scope, compare.left)
    sign = compare.operator
    unordered = column.field.type in _UNORDERED_TYPES and sign in _ORDERED
    if unordered or (sign == "LIKE" and (column.field.type not in TEXT_TYPES or compare.right.kind != "text")):
        raise scope.error("INVALID_QUERY_FILTER_OPERATOR", compare.left.at, "invalid operator on field")
    if sign == "LIKE":
        return _like(column, compare.right)
    span = _span(scope, column, compare.right)
    if span is not None:
        return _compare_span(column.read, sign, *span)
    return _compare_value(column.key, sign, column.field.fold(literal_value(scope, column, compare.right)))


def _like(column: Column, literal: Literal) -> Predicate:
    pattern, read = like_pattern(literal.source), column.read

    def matches(row: Row) -> bool:
        value = read(row)
        return value is not None and pattern.fullmatch(value) is not None

    return matches


def _span(scope: Scope, column: Column, literal: Literal) -> tuple[Any, Any] | None:
    """The bounds of a date literal, as the column's type has them."""
    if literal.kind != "range":
        return None
    name, count = literal.value
    zone = scope.context.zone
    fiscal = int(scope.context.fiscal("FiscalYearStartMonth", 1))
    try:
        span = span_of(name, count, scope.context.now.astimezone(zone).date(), fiscal)
    except (OverflowError, ValueError):
        span = None
    if span is None:
        raise scope.error("MALFORMED_QUERY", literal.at, f"Invalid date literal: {name}")
    if column.field.type == "date":
        return span
    if column.field.type != "datetime":
        raise _wrong_type(scope, column, literal)
    return midnight(span[0], zone), midnight(span[1], zone)


def literal_value(scope: Scope, column: Column, literal: Literal) -> Any:
    """A literal as a value of the column's type, or the platform's refusal."""
    kind, value = column.field.type, literal.value
    if literal.kind == "null":
        return None
    if kind in ID_TYPES and literal.kind == "text":
        if value == "":
            return None
        record_id = to_18(value)
        if record_id is None:
            raise scope.error("INVALID_QUERY_FILTER_OPERATOR", literal.at, f"invalid ID field: {value}")
        return record_id
    if kind in TEXT_TYPES and literal.kind == "text":
        return value or None
    if (kind in NUMBER_TYPES or kind == "int") and literal.kind == "number":
        return value
    if kind == "currency" and literal.kind == "currency":
        code, amount = value
        converted = literal_in_caller_currency(scope.context, code, amount)
        if converted is None:
            raise scope.error("MALFORMED_QUERY", literal.at, f"Invalid currency ISO code: {code}")
        return converted
    if kind == literal.kind and kind in {"boolean", "date", "datetime"}:
        return value
    raise _wrong_type(scope, column, literal)


def _wrong_type(scope: Scope, column: Column, literal: Literal) -> ApiError:
    quoted = "should be" if column.field.type in TEXT_TYPES | ID_TYPES else "should not be"
    kind = {"datetime": "dateTime", "reference": "string", "picklist": "string"}.get(
        column.field.type, column.field.type
    )
    wanted = f"must be of type {kind} and {quoted} enclosed in quotes"
    message = f"value of filter criterion for field '{column.field.name}' {wanted}"
    return scope.error("INVALID_FIELD", literal.at, message)


def _in(scope: Scope, condition: In) -> Predicate:
    column = _filtered(scope, condition.left)
    key, fold, negated = column.key, column.field.fold, condition.negated
    if isinstance(condition.values, Query):
        if scope.values_of is None:
            raise scope.error("MALFORMED_QUERY", condition.values.at, "a subquery is not allowed here")
        wanted = scope.values_of(scope, column.field, condition.values)
        return lambda row: (key(row) in wanted) is not negated
    spans = [
        _compare_span(column.read, "=", *span) for each in condition.values if (span := _span(scope, column, each))
    ]
    wanted = frozenset(fold(literal_value(scope, column, each)) for each in condition.values if each.kind != "range")
    if spans:
        return lambda row: (key(row) in wanted or any(span(row) for span in spans)) is not negated
    return lambda row: (key(row) in wanted) is not negated


def _includes(scope: Scope, condition: Includes) -> Predicate:
    """Each quoted list is a set of values of which all have to be chosen; one such list is enough."""
    column = _filtered(scope, condition.left)
    if column.field.type != "multipicklist" or any(each.kind not in {"text", "null"} for each in condition.values):
        message = "includes and excludes need a multipicklist"
        raise scope.error("INVALID_QUERY_FILTER_OPERATOR", condition.left.at, message)
    wanted = [frozenset(str(each.value or "").lower().split(";")) for each in condition.values]

    def includes(row: Row) -> bool:
        chosen = frozenset((column.read(row) or "").lower().split(";"))
        return any(each <= chosen for each in wanted) is not condition.negated

    return includes


def _compare_value(read: Read, sign: str, wanted: Any) -> Predicate:
    """``=`` and ``!=`` see nulls; the ordering signs leave them out."""
    if sign == "=":
        return lambda row: bool(read(row) == wanted)
    if sign == "!=":
        return lambda row: bool(read(row) != wanted)
    ordered = _ORDERED[sign]

    def compares(row: Row) -> bool:
        value = read(row)
        return value is not None and wanted is not None and ordered(value, wanted)

    return compares


def _compare_span(read: Read, sign: str, first: Any, after: Any) -> Predicate:
    tests: Mapping[str, Callable[[Any], bool]] = {
        "=": lambda value: first <= value < after,
        "!=": lambda value: not first <= value < after,
        "<": lambda value: value < first,
        "<=": lambda value: value < after,
        ">": lambda value: value >= after,
        ">=": lambda value: value >= first,
    }
    test = tests[sign]

    def compares(row: Row) -> bool:
        value = read(row)
        return sign == "!=" if value is None else test(value)

    return compares
