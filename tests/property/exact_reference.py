"""A document's amounts in whole numbers and fractions, written from Xero's calculation model alone (XERO 5.1).

It is the third reading beside ``crossfoot.core.money`` and the emulator's ``lines``, and shares nothing with either:
no Decimal arithmetic, no context, no rounding function of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from random import Random

EXCLUSIVE, INCLUSIVE, NO_TAX = "Exclusive", "Inclusive", "NoTax"

# Name -> (percent, whether it applies to the amount with the other components' tax) of each component (XERO 4.11)
COMPONENTS: dict[str, tuple[tuple[str, bool], ...]] = {
    "Nothing": (("0", False),),
    "Five": (("5", False),),
    "Seven": (("7", False),),
    "GST 10": (("10", False),),
    "Twelve and a half": (("12.5", False),),
    "GST 15": (("15", False),),
    "VAT 20": (("20", False),),
    "New York": (("4", False), ("4.5", False), ("0.375", False)),
    "Four decimals": (("8.8875", False),),
    "Compound": (("5", False), ("10", True)),
    "Old Quebec": (("5", False), ("9.5", True)),
}


def rounded(value: Fraction, places: int = 2) -> Fraction:
    """Half away from zero, on whole numbers only."""
    scale = 10**places
    size = (2 * abs(value.numerator) * scale + value.denominator) // (2 * value.denominator)
    return Fraction(size if value >= 0 else -size, scale)


def effective_rate(components: Sequence[tuple[str, bool]]) -> Fraction:
    """Percent of a rate: simple components add up, a compound one stands on the amount with their tax."""
    simple = sum((Fraction(percent) for percent, compound in components if not compound), Fraction(0))
    compound = sum((Fraction(percent) for percent, is_compound in components if is_compound), Fraction(0))
    return simple + compound * (1 + simple / 100)


RATES = {name: effective_rate(components) for name, components in COMPONENTS.items()}


@dataclass(frozen=True, slots=True)
class Line:
    """What a client sends."""

    quantity: Decimal
    unit_amount: Decimal
    rate: str
    discount_rate: Decimal | None = None
    discount_amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """Lines, how their amounts are meant, and the decimals of unit prices."""

    mode: str
    unit_places: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Amounts:
    """What Xero answers: (LineAmount, TaxAmount) of each line, and the totals."""

    lines: tuple[tuple[Fraction, Fraction], ...]
    sub_total: Fraction
    total_tax: Fraction
    total: Fraction


def exact_amounts(document: Document) -> Amounts:
    """Price rounded first, then the line after its discount, then its tax, and only then sums."""
    found = tuple(_line(document, line) for line in document.lines)
    amount = sum((amount for amount, _ in found), Fraction(0))
    tax = sum((tax for _, tax in found), Fraction(0))
    net = amount - tax if document.mode == INCLUSIVE else amount
    return Amounts(found, net, tax, net + tax)


def _line(document: Document, line: Line) -> tuple[Fraction, Fraction]:
    gross = rounded(Fraction(line.quantity), 4) * rounded(Fraction(line.unit_amount), document.unit_places)
    if line.discount_rate is not None:
        gross -= gross * Fraction(line.discount_rate) / 100
    amount = rounded(gross)
    if line.discount_amount is not None:
        amount -= Fraction(line.discount_amount)
    rate = RATES[line.rate] / 100
    if document.mode == NO_TAX:
        return amount, Fraction(0)
    if document.mode == INCLUSIVE:
        return amount, amount - rounded(amount / (1 + rate))
    return amount, rounded(amount * rate)


def any_document(seed: int) -> Document:
    """A document that anybody may try: ordinary prices, long ones, ties on the half cent, credits, big sums."""
    chance = Random(seed)
    return Document(
        mode=chance.choice((EXCLUSIVE, EXCLUSIVE, INCLUSIVE, INCLUSIVE, NO_TAX)),
        unit_places=chance.choice((2, 4)),
        lines=tuple(_any_line(chance) for _ in range(chance.choice((1, 1, 2, 2, 3, 5)))),
    )


def _any_line(chance: Random) -> Line:
    digits = chance.choice((2, 3, 4, 5, 6, 8))
    price = Decimal(chance.randrange(10**digits)).scaleb(-chance.choice((0, 1, 2, 2, 3, 4, 5)))
    most = 2 if digits == 8 else 3  # no line passes the largest LineAmount
    quantity = Decimal(chance.randrange(1, 10 ** chance.choice((1, 2, most)))).scaleb(
        -chance.choice((0, 0, 1, 2, 4, 5))
    )
    discount = chance.randrange(6)
    return Line(
        quantity=quantity,
        unit_amount=-price if chance.random() < 0.15 else price,
        rate=chance.choice(_RATE_NAMES),
        discount_rate=Decimal(chance.randrange(10_001)).scaleb(-2) if discount == 0 else None,
        discount_amount=Decimal(chance.randrange(10_000)).scaleb(-2) if discount == 1 else None,
    )


_RATE_NAMES = tuple(RATES)
