"""Amounts in the caller's currency: how several currencies are compared, added up and converted (SF 3.2, 6.12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from crossfoot.emulators.salesforce.soql.context import Context
from crossfoot.emulators.salesforce.world import Row, World


def _close_date(world: World, row: Row) -> date | None:
    deal = row if "CloseDate" in row else world.row("Opportunity", row.get("OpportunityId"))
    return deal.get("CloseDate") if deal else None


# Dated rates serve deals and what hangs on them; all other amounts follow the static rates (SF 6.12).
_DATED: Mapping[str, Callable[[World, Row], date | None]] = {
    "Opportunity": _close_date,
    "OpportunityLineItem": _close_date,
}


def static_rates(world: World) -> dict[str, Decimal]:
    return {each["IsoCode"]: Decimal(each["ConversionRate"]) for each in world.rows.get("CurrencyType", {}).values()}


def _dated_rate(world: World, code: str, day: date | None) -> Decimal | None:
    """The latest dated rate that begins on or before the day."""
    if day is None:
        return None
    known = [
        (each["StartDate"], Decimal(each["ConversionRate"]))
        for each in world.rows.get("DatedConversionRate", {}).values()
        if each["IsoCode"] == code and each["StartDate"] <= day
    ]
    return max(known)[1] if known else None


def in_caller_currency(context: Context, object_name: str, read: Callable[[Row], Any]) -> Callable[[Row], Any]:
    """Read an amount of a row of this object, converted from the row's currency to the caller's."""
    world, target, rates = context.world, context.currency, static_rates(context.world)
    dated = _DATED.get(object_name) if world.rows.get("DatedConversionRate") else None

    def convert(row: Row) -> Any:
        amount, code = read(row), row.get("CurrencyIsoCode")
        if amount is None or code is None or code == target:
            return amount
        day = dated(world, row) if dated else None
        source, wanted = (_dated_rate(world, each, day) or rates.get(each, Decimal(1)) for each in (code, target))
        return Decimal(amount) / source * wanted

    return convert


def literal_in_caller_currency(context: Context, code: str, amount: Decimal) -> Decimal | None:
    """``USD500`` in the caller's currency; None for a currency that the org has not."""
    rates = static_rates(context.world)
    if code not in rates:
        return None
    return amount if code == context.currency else amount / rates[code] * rates.get(context.currency, Decimal(1))
