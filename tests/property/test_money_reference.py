"""Xero's arithmetic against an independent reference in exact fractions, over 10,000 generated documents."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfoot.core.documents import IntendedInvoice, IntendedLine, LineAmounts
from crossfoot.core.money import document_totals, round_money, split, total
from tests.unit.core.cases import invoice

DOCUMENTS = 5_000  # in each of the two modes
RATES = {"NONE": "0", "TAX5": "5", "TAX8": "8.875", "TAX10": "10", "TAX12": "12.5", "TAX15": "15", "TAX20": "20"}


def rounded(value: Fraction, places: int = 2) -> Fraction:
    """Half away from zero, on whole numbers only."""
    scale = 10**places
    size = floor(abs(value) * scale + Fraction(1, 2))
    return Fraction(size if value >= 0 else -size, scale)


@dataclass(frozen=True)
class Reference:
    """A document's totals, computed without Decimal."""

    ex_tax: Fraction
    tax: Fraction
    gross: Fraction


def reference(document: IntendedInvoice) -> Reference:
    ex_tax = tax = Fraction(0)
    for line in document.lines:
        gross = Fraction(rounded(Fraction(line.quantity), 4) * rounded(Fraction(line.unit_amount), 4))
        if line.discount_rate:
            gross = gross * (100 - Fraction(line.discount_rate)) / 100
        amount = rounded(gross) - Fraction(line.discount_amount or 0)
        rate = Fraction(RATES[line.tax_type]) / 100
        if document.line_amounts is LineAmounts.INCLUSIVE:
            net = rounded(amount / (1 + rate))
            ex_tax, tax = ex_tax + net, tax + amount - net
        else:
            ex_tax, tax = ex_tax + amount, tax + rounded(amount * rate)
    return Reference(ex_tax, tax, ex_tax + tax)


def any_line(chance: random.Random) -> IntendedLine:
    price = Decimal(chance.randrange(1, 5_000_000)).scaleb(-chance.choice([0, 1, 2, 3, 4, 5]))
    discount = chance.choice(["none", "none", "rate", "amount"])
    return IntendedLine(
        "Advice",
        quantity=Decimal(chance.randrange(1, 100_000)).scaleb(-chance.choice([0, 0, 1, 2, 4])),
        unit_amount=-price if chance.random() < 0.1 else price,
        tax_type=chance.choice(list(RATES)),
        discount_rate=Decimal(chance.randrange(1, 1_000_000)).scaleb(-4) if discount == "rate" else None,
        discount_amount=Decimal(chance.randrange(1, 100_000)).scaleb(-2) if discount == "amount" else None,
    )


@pytest.mark.promise("S0-26", "S0-52")
@pytest.mark.parametrize("mode", list(LineAmounts))
def test_totals_equal_the_exact_reference(mode: LineAmounts) -> None:
    rates = {name: Decimal(rate) for name, rate in RATES.items()}
    for seed in range(DOCUMENTS):
        chance = random.Random(f"{mode} {seed}")
        document = invoice(lines=[any_line(chance) for _ in range(chance.randint(1, 8))], line_amounts=mode)
        totals, expected = document.totals(rates), reference(document)
        found = Reference(Fraction(totals.ex_tax), Fraction(totals.tax), Fraction(totals.gross))
        assert found == expected, f"document {seed}: {document.lines}"


cents = st.decimals(-(10**9), 10**9, places=2)
weights = st.lists(st.decimals(0, 10**6, places=4), min_size=1, max_size=40).filter(any)


@given(cents, weights)
def test_a_split_sums_back_to_the_whole(amount: Decimal, shares: list[Decimal]) -> None:
    parts = split(amount, shares)
    assert total(parts) == amount
    assert all(part == round_money(part) for part in parts)


@given(cents, weights)
def test_no_part_of_a_split_is_a_cent_away_from_its_exact_share(amount: Decimal, shares: list[Decimal]) -> None:
    whole = sum((Fraction(share) for share in shares), Fraction(0))
    for part, share in zip(split(amount, shares), shares, strict=True):
        assert abs(Fraction(part) - Fraction(amount) * Fraction(share) / whole) < Fraction(1, 100)


@given(
    st.lists(st.tuples(cents, st.sampled_from([Decimal(rate) for rate in RATES.values()])), max_size=20), st.booleans()
)
def test_the_order_of_lines_is_irrelevant_and_tax_adds_up(
    lines: list[tuple[Decimal, Decimal]], inclusive: bool
) -> None:
    totals = document_totals(lines, inclusive=inclusive)
    assert totals == document_totals(lines[::-1], inclusive=inclusive)
    assert totals.ex_tax + totals.tax == totals.gross
    assert (totals.gross if inclusive else totals.ex_tax) == total(amount for amount, _ in lines)


@given(st.lists(cents, min_size=1, max_size=20))
def test_prices_with_and_without_tax_agree_to_half_a_cent_a_line(amounts: list[Decimal]) -> None:
    ex_tax = document_totals([(amount, Decimal(10)) for amount in amounts], inclusive=False)
    grossed = [round_money(amount * Decimal("1.1")) for amount in amounts]
    inclusive = document_totals([(amount, Decimal(10)) for amount in grossed], inclusive=True)
    assert abs(ex_tax.ex_tax - inclusive.ex_tax) <= Decimal("0.01") * len(amounts)
