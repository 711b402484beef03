"""FORMAT(): values as the caller's locale writes them (SF 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crossfoot.emulators.salesforce.schema import NUMBER_TYPES, Field
from crossfoot.emulators.salesforce.soql.context import Context
from crossfoot.emulators.salesforce.soql.currencies import in_caller_currency
from crossfoot.emulators.salesforce.values import round_half_up
from crossfoot.emulators.salesforce.world import Row

MONTH_FIRST_LOCALES = frozenset({"en_US", "en_PH"})


def formatter(context: Context, field: Field, *, converted: bool) -> Callable[[Any, Row], str | None]:
    """What writes values of a field. ``converted``: an amount is in the caller's currency already."""
    if field.type in NUMBER_TYPES | {"int"} and field.type != "currency":
        return lambda value, _: None if value is None else _number(value, field.scale, field.type)
    if field.type == "currency":
        return _amounts(context, field, converted=converted)
    if field.type in {"date", "datetime"}:
        return _days(context)
    return lambda value, _: None if value is None else str(value)


def _number(value: Any, scale: int, kind: str) -> str:
    return f"{round_half_up(Decimal(value), scale):,}" + ("%" if kind == "percent" else "")


def _amounts(context: Context, field: Field, *, converted: bool) -> Callable[[Any, Row], str | None]:
    """``NZD 109.00 (AUD 100.00)``: the record's own currency, and the caller's where it is another."""

    def write(value: Any, row: Row) -> str | None:
        if value is None:
            return None
        if not context.world.multi_currency:
            return f"${_number(value, field.scale, field.type)}"
        own = context.currency if converted else row.get("CurrencyIsoCode") or context.currency
        shown = f"{own} {_number(value, field.scale, field.type)}"
        if own == context.currency:
            return shown
        amount = in_caller_currency(context, "", lambda _: value)(row)
        return f"{shown} ({context.currency} {_number(amount, field.scale, field.type)})"

    return write


def _days(context: Context) -> Callable[[Any, Row], str | None]:
    month_first = context.user.get("LocaleSidKey") in MONTH_FIRST_LOCALES
    zone = context.zone

    def day_of(day: date) -> str:
        return f"{day.month}/{day.day}/{day.year}" if month_first else f"{day.day}/{day.month:02}/{day.year}"

    def write(value: Any, _: Row) -> str | None:
        if not isinstance(value, datetime):
            return None if value is None else day_of(value)
        local = value.astimezone(zone)
        half = "AM" if local.hour < 12 else "PM"
        return (
            f"{day_of(local.date())}, {local.hour % 12 or 12}:{local.minute:02} {half if month_first else half.lower()}"
        )

    return write
