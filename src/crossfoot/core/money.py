"""Exact money: amounts with a currency, the one rounding function, splitting, and tax as Xero computes it.

Xero rounds the unit price first (2 or 4 decimals), then each line to 2 decimals, then the tax of each line, half away
from zero, and only then adds up (docs/vendors/xero.md 5.1). Nothing here relies on the thread's decimal context.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal

EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
ZERO = Decimal(0)
HALF_CENT = Decimal("0.005")
UNIT_PRICE_PLACES = 4
QUANTITY_PLACES = 4
LINE_AMOUNT_MAX = Decimal("9999999999.99")
AMOUNT_MAX = Decimal(10**12)
"""What reaches this is no amount, but a slip such as a phone number in its field; the database holds not much more."""

# ISO 4217 minor units that are not 2. Xero keeps 2 decimals whatever the currency, so the others are refused in plan.
MINOR_UNITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"), 0),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in one currency. Amounts of different currencies are never added."""

    currency: str
    amount: Decimal

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added")
        return Money(self.currency, EXACT.add(self.amount, other.amount))

    def __neg__(self) -> Money:
        return Money(self.currency, EXACT.minus(self.amount))


def minor_units(currency: str) -> int:
    """Decimals that the currency has by ISO 4217."""
    return MINOR_UNITS.get(currency, 2)


def round_money(value: Decimal, places: int = 2) -> Decimal:
    """Round half away from zero: the only place where an amount is rounded."""
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=EXACT)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Exact sum."""
    result = ZERO
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result


def rounding_allowance(lines: int, largest: Decimal) -> Decimal:
    """How far rounding may take a document of so many lines: half a cent for each and for the total, with a cap."""
    return min(EXACT.multiply(HALF_CENT, Decimal(lines + 1)), largest)


def split(amount: Decimal, weights: Sequence[Decimal], places: int = 2) -> list[Decimal]:
    """Share ``amount`` by ``weights`` so that the parts sum to it exactly (largest remainder, ties in order)."""
    step = Decimal(1).scaleb(-places)
    if round_money(amount, places) != amount:
        raise ValueError(f"{amount} has more than {places} decimals")
    whole = total(weights)
    if not weights or whole == 0:
        raise ValueError("an amount cannot be shared over no weight")
    exact = [EXACT.divide(EXACT.multiply(amount, weight), whole) for weight in weights]
    parts = [value.quantize(step, rounding=ROUND_FLOOR, context=EXACT) for value in exact]
    missing = int(EXACT.divide(EXACT.subtract(amount, total(parts)), step))
    by_remainder = sorted(range(len(parts)), key=lambda i: (EXACT.subtract(parts[i], exact[i]), i))
    for i in by_remainder[:missing]:
        parts[i] = EXACT.add(parts[i], step)
    return parts


def line_amount(
    quantity: Decimal,
    unit_amount: Decimal,
    *,
    discount_rate: Decimal | None = None,
    discount_amount: Decimal | None = None,
) -> Decimal:
    """A line's amount as Xero computes it, after discount, to the cent."""
    price = round_money(unit_amount, UNIT_PRICE_PLACES)
    gross = EXACT.multiply(round_money(quantity, QUANTITY_PLACES), price)
    if discount_rate:
        kept = EXACT.subtract(Decimal(100), discount_rate)
        gross = EXACT.divide(EXACT.multiply(gross, kept), Decimal(100))
    return EXACT.subtract(round_money(gross), discount_amount or ZERO)


def line_tax(amount: Decimal, rate_percent: Decimal, *, inclusive: bool) -> Decimal:
    """Tax of one line, rounded by line; an inclusive line's tax is what is left beside its rounded net."""
    if not inclusive:
        return round_money(EXACT.divide(EXACT.multiply(amount, rate_percent), Decimal(100)))
    grown = EXACT.add(Decimal(1), EXACT.divide(rate_percent, Decimal(100)))
    return EXACT.subtract(amount, round_money(EXACT.divide(amount, grown)))


@dataclass(frozen=True, slots=True)
class Totals:
    """Ex tax, tax and gross of a document, in its own currency."""

    ex_tax: Decimal
    tax: Decimal
    gross: Decimal


def document_totals(lines: Iterable[tuple[Decimal, Decimal]], *, inclusive: bool) -> Totals:
    """Totals of ``(line amount, tax rate in percent)`` pairs, as Xero adds them up."""
    rows = list(lines)
    amounts = total(amount for amount, _ in rows)
    tax = total(line_tax(amount, rate, inclusive=inclusive) for amount, rate in rows)
    ex_tax = EXACT.subtract(amounts, tax) if inclusive else amounts
    return Totals(ex_tax, tax, EXACT.add(ex_tax, tax))
