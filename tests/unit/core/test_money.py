"""Money: the one rounding, Xero's own arithmetic, and sums that are exact on every thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, localcontext

import pytest

from crossfoot.core.guards import Recent, brake_problem
from crossfoot.core.money import Money, document_totals, line_amount, line_tax, minor_units, round_money, split, total
from crossfoot.core.policy import Brake
from crossfoot.core.records import canonical, content_hash

from .cases import money


@pytest.mark.promise("S0-52")
@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        ("0.005", "0.01"),
        ("-0.005", "-0.01"),
        ("0.015", "0.02"),
        ("0.025", "0.03"),
        ("2.675", "2.68"),
        ("1.00499999999999999999999999999999999999", "1.00"),
        ("-1.125", "-1.13"),
        ("0", "0.00"),
    ],
)
def test_half_a_cent_goes_away_from_zero(value: str, rounded: str) -> None:
    assert str(round_money(money(value))) == rounded


@pytest.mark.promise("S0-26", "S0-52")
def test_tax_is_rounded_by_line_as_in_xeros_own_example() -> None:
    """25.06 + 25.61 + 25.63 at 15 %: 3.76 + 3.84 + 3.84 = 11.44 by line, where the total alone would give 11.45."""
    lines = [(money(amount), money(15)) for amount in ("25.06", "25.61", "25.63")]
    totals = document_totals(lines, inclusive=False)
    assert (totals.ex_tax, totals.tax, totals.gross) == (money("76.30"), money("11.44"), money("87.74"))
    assert round_money(totals.ex_tax * money("0.15")) == money("11.45")


@pytest.mark.promise("S0-26")
@pytest.mark.parametrize(
    ("gross", "rate", "tax"),
    [
        ("55.00", "10", "5.00"),
        ("47.85", "10", "4.35"),
        ("0.03", "20", "0.00"),  # net first: 0.025 is 0.03; tax first would give 0.01
        ("-55.00", "10", "-5.00"),
        ("100.00", "0", "0.00"),
        ("115.00", "15", "15.00"),
    ],
)
def test_tax_inside_a_price_is_what_its_rounded_net_leaves(gross: str, rate: str, tax: str) -> None:
    assert line_tax(money(gross), money(rate), inclusive=True) == money(tax)


@pytest.mark.promise("S0-26")
def test_rates_mix_on_one_document() -> None:
    exclusive = document_totals([(money("100.00"), money(10)), (money("50.00"), money(0))], inclusive=False)
    assert (exclusive.ex_tax, exclusive.tax, exclusive.gross) == (money(150), money(10), money(160))
    inclusive = document_totals([(money("110.00"), money(10)), (money("50.00"), money(0))], inclusive=True)
    assert (inclusive.ex_tax, inclusive.tax, inclusive.gross) == (money(150), money(10), money(160))


@pytest.mark.promise("S0-23", "S0-24", "S0-25")
@pytest.mark.parametrize(
    ("quantity", "price", "rate", "off", "amount"),
    [
        ("3", "19.99", None, None, "59.97"),
        ("1.3333", "0.0375", None, None, "0.05"),
        ("1000", "0.00005", None, None, "0.10"),  # the price is 0.0001 before anything is multiplied
        ("8", "149.0625", "12.5", None, "1043.44"),
        ("1", "1000", "33.3333", None, "666.67"),
        ("2", "50.00", None, "25.50", "74.50"),
        ("1", "-20.00", None, None, "-20.00"),
    ],
)
def test_a_line_as_xero_computes_it(quantity: str, price: str, rate: str | None, off: str | None, amount: str) -> None:
    found = line_amount(
        money(quantity),
        money(price),
        discount_rate=money(rate) if rate else None,
        discount_amount=money(off) if off else None,
    )
    assert found == money(amount)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        ("10.00", ["1", "1", "1"], ["3.34", "3.33", "3.33"]),
        ("0.02", ["1", "1", "1"], ["0.01", "0.01", "0.00"]),
        ("-10.00", ["1", "1", "1"], ["-3.33", "-3.33", "-3.34"]),
        ("100.00", ["60", "0", "40"], ["60.00", "0.00", "40.00"]),
        ("0.05", ["1", "2"], ["0.02", "0.03"]),
    ],
)
def test_a_split_gives_the_spare_cents_to_the_largest_remainders(
    amount: str, weights: list[str], parts: list[str]
) -> None:
    assert split(money(amount), [money(weight) for weight in weights]) == [money(part) for part in parts]


@pytest.mark.parametrize(("amount", "weights"), [("1.005", ["1"]), ("1.00", []), ("1.00", ["0", "0"])])
def test_a_split_that_cannot_be_exact_is_refused(amount: str, weights: list[str]) -> None:
    with pytest.raises(ValueError, match=r"decimals|weight"):
        split(money(amount), [money(weight) for weight in weights])


def test_currencies_are_never_added_together() -> None:
    assert Money("AUD", money(1)) + Money("AUD", money("0.10")) == Money("AUD", money("1.10"))
    with pytest.raises(ValueError, match="AUD and NZD"):
        Money("AUD", money(1)) + Money("NZD", money(1))


@pytest.mark.parametrize(("currency", "places"), [("AUD", 2), ("JPY", 0), ("KWD", 3), ("NZD", 2)])
def test_minor_units_of_currencies(currency: str, places: int) -> None:
    assert minor_units(currency) == places


@contextmanager
def careless_context() -> Iterator[None]:
    """What another library might leave behind on the thread: few digits, and another rounding."""
    with localcontext(Context(prec=3, rounding=ROUND_DOWN)):
        yield


BIG = money("1234567890.12")


def _everything() -> list[object]:
    return [
        round_money(money("2.675")),
        total([BIG, money("0.01")]),
        split(BIG, [money(3), money(4), money(5)]),
        line_amount(money("12.3456"), money("98765.4321"), discount_rate=money("12.5")),
        line_tax(BIG, money("12.5"), inclusive=True),
        document_totals([(BIG, money(10)), (BIG, money(15))], inclusive=False),
        Money("AUD", BIG) + Money("AUD", money("0.01")),
        -Money("AUD", BIG),
        canonical(BIG),
        content_hash({"amount": BIG}),
        brake_problem(Brake(creations=1), Recent(amount=BIG), amounts=[BIG, money("0.01")], changes=0, live=True),
    ]


def test_nothing_depends_on_the_decimal_context_of_the_thread() -> None:
    expected = _everything()
    with careless_context():
        assert _everything() == expected


def test_nothing_depends_on_which_thread_computes() -> None:
    expected, found = _everything(), []

    def compute() -> None:
        with localcontext(Context(prec=6, rounding=ROUND_HALF_EVEN)):
            found.append(_everything())

    threads = [threading.Thread(target=compute) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_a_price_from_a_float_has_no_place_here() -> None:
    with pytest.raises(TypeError, match="float has no canonical form"):
        canonical(0.1)
    assert round_money(Decimal("1.1") * 3) == money("3.30")
