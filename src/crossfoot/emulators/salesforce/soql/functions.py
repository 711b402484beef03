"""Functions of a path: parts of dates, labels, formats, converted amounts, distances (SF 3.2)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.schema import TEXT_TYPES, Field, SObject
from crossfoot.emulators.salesforce.soql.column import Column
from crossfoot.emulators.salesforce.soql.context import Context
from crossfoot.emulators.salesforce.soql.currencies import in_caller_currency
from crossfoot.emulators.salesforce.soql.dates import PARTS, fiscal_part
from crossfoot.emulators.salesforce.soql.formats import formatter
from crossfoot.emulators.salesforce.soql.syntax import DATE_FUNCTIONS, Call, Expression, Literal, Path
from crossfoot.emulators.salesforce.values import canonical, round_half_up
from crossfoot.emulators.salesforce.world import Row


class Names(Protocol):
    """What a function asks of the scope that it stands in."""

    context: Context
    sobject: SObject

    def column(self, path: Path) -> Column:
        """A path as a column."""

    def value(self, expression: Expression) -> Column:
        """A path, or a function of one, as a column."""

    def error(self, code: str, at: int, message: str) -> ApiError:
        """A refusal that shows the place in the query."""


EARTH_RADIUS = {"km": 6371.0, "mi": 3958.8}


def _inner(scope: Names, call: Call) -> Column:
    if call.argument is None:
        raise scope.error("MALFORMED_QUERY", call.at, f"unexpected token: '{call.name}'")
    return scope.value(call.argument)


def _date_part(scope: Names, call: Call) -> Column:
    """A part of a date, or of an instant in UTC unless convertTimezone moves it to the caller's zone (SF 3.2)."""
    argument = call.argument
    zoned = isinstance(argument, Call)
    inner = scope.value(argument.argument) if isinstance(argument, Call) and argument.argument else _inner(scope, call)
    if inner.field.type not in ({"datetime"} if zoned or call.name == "HOUR_IN_DAY" else {"date", "datetime"}):
        raise scope.error(
            "MALFORMED_QUERY", call.at, f"field {inner.field.name} does not support date function {call.name}"
        )
    zone = scope.context.zone if zoned else UTC
    part = _part(scope, call.name)

    def read(row: Row) -> Any:
        value = inner.read(row)
        if value is None:
            return None
        return part(value.astimezone(zone) if isinstance(value, datetime) else value)

    return Column(Field(call.name, "date" if call.name == "DAY_ONLY" else "int"), read)


def _part(scope: Names, name: str) -> Callable[[Any], Any]:
    if name == "HOUR_IN_DAY":
        return lambda instant: instant.hour
    if name == "DAY_ONLY":
        return lambda day: day.date() if isinstance(day, datetime) else day
    if name in PARTS:
        return PARTS[name]
    start = int(scope.context.fiscal("FiscalYearStartMonth", 1))
    by_end = not scope.context.fiscal("UsesStartDateAsFiscalYearName", False)

    def part(day: date) -> int:
        return fiscal_part(name, day, start, named_by_end=by_end)

    return part


def _label(scope: Names, call: Call) -> Column:
    """The label of a picklist value: the same as the value, as no translations are kept."""
    inner = _inner(scope, call)
    if inner.field.type not in TEXT_TYPES:
        raise scope.error("INVALID_FIELD", call.at, f"field '{inner.field.name}' does not support toLabel")
    return inner


def _format(scope: Names, call: Call) -> Column:
    inner = _inner(scope, call)
    write = formatter(scope.context, inner.field, converted=isinstance(call.argument, Call))
    read = inner.read
    field = dataclasses.replace(inner.field, type="string", formula=None)
    return Column(field, lambda row: write(read(row), row), inner.steps)


def _converted(scope: Names, call: Call) -> Column:
    """The amount in the caller's currency, to the scale of its field."""
    inner = _inner(scope, call)
    if inner.field.type != "currency" or not scope.context.world.multi_currency:
        message = f"field '{inner.field.name}' does not support convertCurrency"
        raise scope.error("INVALID_FIELD", call.at, message)
    convert = inner.compared or in_caller_currency(scope.context, scope.sobject.name, inner.read)

    def read(row: Row) -> Any:
        amount = convert(row)
        return None if amount is None else canonical(round_half_up(amount, inner.field.scale))

    return Column(inner.field, read, inner.steps)


def _place(scope: Names, where: Path | Call | Literal) -> Callable[[Row], tuple[float, float] | None]:
    if isinstance(where, Call):
        latitude, longitude = (float(each.value) for each in where.arguments if isinstance(each, Literal))
        return lambda _: (latitude, longitude)
    column = scope.column(where) if isinstance(where, Path) else None
    if column is None or column.field.type not in {"address", "location"}:
        raise scope.error("INVALID_FIELD", where.at, "DISTANCE needs a geolocation or an address")

    def read(row: Row) -> tuple[float, float] | None:
        found = column.read(row) or {}
        if found.get("latitude") is None or found.get("longitude") is None:
            return None
        return float(found["latitude"]), float(found["longitude"])

    return read


def _distance(scope: Names, call: Call) -> Column:
    """Great-circle distance between two places, null where either is unknown."""
    one, other = (_place(scope, each) for each in call.arguments[:2])
    unit = call.arguments[2]
    radius = EARTH_RADIUS[str(unit.value).lower()] if isinstance(unit, Literal) else EARTH_RADIUS["km"]

    def read(row: Row) -> Decimal | None:
        begin, end = one(row), other(row)
        if begin is None or end is None:
            return None
        (lat_1, long_1), (lat_2, long_2) = (map(math.radians, each) for each in (begin, end))
        arc = math.sin((lat_2 - lat_1) / 2) ** 2
        arc += math.cos(lat_1) * math.cos(lat_2) * math.sin((long_2 - long_1) / 2) ** 2
        return canonical(round_half_up(Decimal(2 * radius * math.asin(math.sqrt(arc))), 6))

    return Column(Field("DISTANCE", "double"), read)


FUNCTIONS: Mapping[str, Callable[[Names, Call], Column]] = {
    **dict.fromkeys(DATE_FUNCTIONS, _date_part),
    "TOLABEL": _label,
    "FORMAT": _format,
    "CONVERTCURRENCY": _converted,
    "DISTANCE": _distance,
}
# Functions by which rows may be filtered and ordered; the others only change how a value is shown.
FILTERS = DATE_FUNCTIONS | {"TOLABEL", "DISTANCE"}
