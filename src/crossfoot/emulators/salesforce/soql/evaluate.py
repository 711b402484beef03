"""Paths and conditions compiled to closures over rows, with the comparison rules of SF 3.2."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.formulas import FORMULAS
from crossfoot.emulators.salesforce.ids import to_18
from crossfoot.emulators.salesforce.schema import ID_TYPES, NUMBER_TYPES, TEXT_TYPES, Field, SObject
from crossfoot.emulators.salesforce.soql.dates import midnight, span_of
from crossfoot.emulators.salesforce.soql.syntax import (
    Compare,
    Condition,
    Expression,
    In,
    Includes,
    Junction,
    Literal,
    Not,
    Path,
    Query,
)
from crossfoot.emulators.salesforce.soql.tokens import query_error
from crossfoot.emulators.salesforce.world import Row, World

Read = Callable[[Row], Any]
Predicate = Callable[[Row], bool]

RELATIONSHIP_LEVELS_MAX = 5
_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_DATE_FUNCTIONS: Mapping[str, Callable[[date], Any]] = {
    "CALENDAR_YEAR": lambda day: day.year,
    "CALENDAR_QUARTER": lambda day: (day.month + 2) // 3,
    "CALENDAR_MONTH": lambda day: day.month,
    "DAY_IN_MONTH": lambda day: day.day,
    "DAY_ONLY": lambda day: day,
}


@dataclass(frozen=True, slots=True)
class Column:
    """An expression over rows of the queried object: what kind of value it has and how it is read."""

    field: Field
    read: Read
    steps: tuple[Field, ...] = ()


def reader(world: World, field: Field) -> Read:
    """How one field of a row is read: stored, or computed at each read."""
    if field.formula is not None:
        formula = FORMULAS[field.formula]
        return lambda row: formula(world, row)
    name = field.name
    if field.type == "boolean":
        return lambda row: row.get(name, False)
    return lambda row: row.get(name)


class Scope:
    """One queried object, with the text of the query for its error messages."""

    def __init__(
        self,
        world: World,
        sobject: SObject,
        now: datetime,
        text: str = "",
        alias: str | None = None,
        values_of: Callable[[Query], frozenset[Any]] | None = None,
    ) -> None:
        self.world = world
        self.sobject = sobject
        self.now = now
        self.text = text
        self.alias = alias
        self._values_of = values_of

    def error(self, code: str, at: int, message: str) -> ApiError:
        return query_error(code, self.text, at, message)

    def steps(self, path: Path) -> tuple[tuple[Field, ...], SObject, str]:
        """The references that a path follows, the object where it ends, and its last name."""
        names = path.names
        if len(names) > 1 and names[0].lower() in {(self.alias or "").lower(), self.sobject.name.lower()}:
            names = names[1:]
        owner = self.sobject
        followed: list[Field] = []
        for name in names[:-1]:
            parent = owner.parent(name)
            if parent is None or len(followed) == RELATIONSHIP_LEVELS_MAX:
                raise self.error(
                    "INVALID_FIELD", path.at, f"Didn't understand relationship '{name}' in field path. {_ADVICE}"
                )
            followed.append(parent)
            owner = self.world.object(parent.reference_to[0])
        return tuple(followed), owner, names[-1]

    def column(self, path: Path) -> Column:
        followed, owner, name = self.steps(path)
        field = owner.field(name)
        if field is None or (field.name == "CurrencyIsoCode" and not self.world.multi_currency):
            raise self.error("INVALID_FIELD", path.at, f"No such column '{name}' on entity '{owner.name}'. {_ADVICE}")
        read = reader(self.world, field)
        for step in reversed(followed):
            read = self._through(step, read)
        return Column(field, read, followed)

    def _through(self, step: Field, read: Read) -> Read:
        world, parent, name = self.world, step.reference_to[0], step.name

        def follow(row: Row) -> Any:
            found = world.row(parent, row.get(name))
            return None if found is None else read(found)

        return follow

    def value(self, expression: Expression) -> Column:
        """A path, or a function of one, as a column."""
        if isinstance(expression, Path):
            return self.column(expression)
        if expression.argument is None:
            raise self.error("MALFORMED_QUERY", expression.at, f"unexpected token: '{expression.name}'")
        inner = self.column(expression.argument)
        if expression.name in {"TOLABEL", "FORMAT"}:
            return inner
        part = _DATE_FUNCTIONS.get(expression.name)
        if part is None or inner.field.type not in {"date", "datetime"}:
            raise self.error("MALFORMED_QUERY", expression.at, f"unexpected function: '{expression.name}'")
        zone = ZoneInfo(self.world.settings["time_zone"])

        def read(row: Row) -> Any:
            moment = inner.read(row)
            return (
                None
                if moment is None
                else part(moment.astimezone(zone).date() if isinstance(moment, datetime) else moment)
            )

        kind = "date" if expression.name == "DAY_ONLY" else "int"
        return Column(Field(expression.name, kind), read)

    def condition(self, condition: Condition) -> Predicate:
        if isinstance(condition, Junction):
            parts = tuple(self.condition(each) for each in condition.conditions)
            if condition.operator == "AND":
                return lambda row: all(part(row) for part in parts)
            return lambda row: any(part(row) for part in parts)
        if isinstance(condition, Not):
            inner = self.condition(condition.condition)
            return lambda row: not inner(row)
        if isinstance(condition, In):
            return self._in(condition)
        if isinstance(condition, Includes):
            return self._includes(condition)
        return self._compare(condition)

    def _compare(self, compare: Compare) -> Predicate:
        column = self.value(compare.left)
        at = compare.left.at
        if not column.field.filterable:
            raise self.error("INVALID_FIELD", at, f"field '{column.field.name}' can not be filtered in a query call")
        if compare.operator == "LIKE":
            return self._like(column, compare.right, at)
        span = self.span(column, compare.right)
        if span is not None:
            return _compare_span(column.read, compare.operator, *span)
        wanted = self.literal(column, compare.right)
        if column.field.type == "currency" and wanted is not None and self.world.multi_currency:
            return _compare_value(self.in_corporate_currency(column), compare.operator, wanted)
        fold = column.field.fold
        read = column.read if column.field.type not in TEXT_TYPES else lambda row: fold(column.read(row))
        return _compare_value(read, compare.operator, fold(wanted))

    def in_corporate_currency(self, column: Column) -> Read:
        """A currency field by the static rates: filters and aggregates compare converted amounts (SF 3.2)."""
        rates = {each["IsoCode"]: each["ConversionRate"] for each in self.world.rows.get("CurrencyType", {}).values()}

        def convert(row: Row) -> Any:
            amount, rate = column.read(row), rates.get(row.get("CurrencyIsoCode"), Decimal(1))
            return amount if amount is None or rate == 1 or column.steps else amount / rate

        return convert

    def span(self, column: Column, literal: Literal) -> tuple[Any, Any] | None:
        """The bounds of a date literal, as the column's type has them."""
        if literal.kind != "range":
            return None
        zone = ZoneInfo(self.world.settings["time_zone"])
        name, count = literal.value
        fiscal = self.world.organization.get("FiscalYearStartMonth", 1)
        span = span_of(name, count, self.now.astimezone(zone).date(), fiscal)
        if span is None:
            raise self.error("MALFORMED_QUERY", literal.at, f"unexpected token: '{name}'")
        if column.field.type == "date":
            return span
        if column.field.type != "datetime":
            raise self._wrong_type(column, literal)
        return midnight(span[0], zone), midnight(span[1], zone)

    def literal(self, column: Column, literal: Literal) -> Any:
        """A literal as a value of the column's type, or the platform's refusal."""
        kind, value = column.field.type, literal.value
        if literal.kind == "null":
            return None
        if kind in ID_TYPES and literal.kind == "text":
            if value == "":
                return None
            record_id = to_18(value)
            if record_id is None:
                raise self.error("INVALID_QUERY_FILTER_OPERATOR", literal.at, f"invalid ID field: {value}")
            return record_id
        if kind in TEXT_TYPES and literal.kind == "text":
            return value or None
        if (kind in NUMBER_TYPES or kind == "int") and literal.kind == "number":
            return value
        if kind == "currency" and literal.kind == "currency":
            code, amount = value
            return self._amount(code, amount, literal.at)
        if kind == literal.kind and kind in {"boolean", "date", "datetime"}:
            return value
        raise self._wrong_type(column, literal)

    def _amount(self, code: str, amount: Decimal, at: int) -> Decimal:
        for each in self.world.rows.get("CurrencyType", {}).values():
            if each["IsoCode"] == code:
                return amount / Decimal(each["ConversionRate"])
        raise self.error("MALFORMED_QUERY", at, f"Invalid currency ISO code: {code}")

    def _wrong_type(self, column: Column, literal: Literal) -> ApiError:
        quoted = "should be" if column.field.type in TEXT_TYPES | ID_TYPES else "should not be"
        kind = {"datetime": "dateTime", "reference": "string", "picklist": "string"}.get(
            column.field.type, column.field.type
        )
        wanted = f"must be of type {kind} and {quoted} enclosed in quotes"
        message = f"value of filter criterion for field '{column.field.name}' {wanted}"
        return self.error("INVALID_FIELD", literal.at, message)

    def _like(self, column: Column, literal: Literal, at: int) -> Predicate:
        if column.field.type not in TEXT_TYPES or literal.kind != "text":
            raise self.error("INVALID_QUERY_FILTER_OPERATOR", at, "invalid operator on field")
        pattern = like_pattern(literal.value)
        read = column.read

        def matches(row: Row) -> bool:
            value = read(row)
            return value is not None and pattern.fullmatch(value) is not None

        return matches

    def _in(self, condition: In) -> Predicate:
        column = self.value(condition.left)
        fold, read, negated = column.field.fold, column.read, condition.negated
        if isinstance(condition.values, Query):
            if self._values_of is None:
                raise self.error("MALFORMED_QUERY", condition.values.at, "a subquery is not allowed here")
            wanted = self._values_of(condition.values)
        else:
            wanted = frozenset(fold(self.literal(column, each)) for each in condition.values)
        return lambda row: (fold(read(row)) in wanted) is not negated

    def _includes(self, condition: Includes) -> Predicate:
        column = self.value(condition.left)
        if column.field.type != "multipicklist":
            raise self.error(
                "INVALID_QUERY_FILTER_OPERATOR", condition.left.at, "includes and excludes need a multipicklist"
            )
        wanted = [frozenset(str(each.value).lower().split(";")) for each in condition.values]

        def includes(row: Row) -> bool:
            chosen = frozenset((column.read(row) or "").lower().split(";"))
            return any(each <= chosen for each in wanted) is not condition.negated

        return includes


_ADVICE = (
    "If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)


def compile_condition(world: World, sobject: SObject, condition: Condition, now: datetime) -> Predicate:
    """A condition by itself, as validation rules have it."""
    return Scope(world, sobject, now).condition(condition)


def like_pattern(text: str) -> re.Pattern[str]:
    wildcards = {"%": ".*", "_": "."}
    parts = re.findall(r"\\[%_\\]|.", text, re.DOTALL)
    pattern = "".join(wildcards.get(part) or re.escape(part.removeprefix("\\") or part) for part in parts)
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


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
