"""The tie-out: every column, every named difference, and that what nobody names stays unexplained."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from crossfoot.core.books import LedgerInvoice, LedgerLine
from crossfoot.core.money import ZERO
from crossfoot.core.tieout import Row, TieOut, WonDeal, tie_out

from .cases import INSTANCE, START, deal_id, ledger_invoice, money


def won(number: int = 1, amount: str = "100.00", **changed: Any) -> WonDeal:
    return replace(WonDeal(deal_id(number), f"Deal {number}", "2026-11", "AUD", money(amount)), **changed)


def billed(number: int = 1, ex_tax: str = "100.00", **changed: Any) -> LedgerInvoice:
    tax = (money(ex_tax) / 10).quantize(Decimal("0.01"))
    usual = ledger_invoice(
        number, url=f"{INSTANCE}/{deal_id(number)}", sub_total=money(ex_tax), total_tax=tax, total=money(ex_tax) + tax
    )
    return replace(usual, **changed)


def compare(deals: list[WonDeal], invoices: list[LedgerInvoice], **named: Any) -> TieOut:
    usual: dict[str, Any] = {"linked": {}, "waiting": {}, "named": {}, "since": START}
    return tie_out(deals, invoices, **{**usual, **named})


def only_row(result: TieOut) -> Row:
    (row,) = result.rows
    return row


def test_every_column_of_a_month() -> None:
    deals = [
        won(1, "100.00"),
        won(2, "200.00"),
        won(3, "50.00", not_counted="before the start date"),
        won(4, "30.00"),
        won(5, "20.05"),
        won(6, "7.00"),
    ]
    invoices = [
        billed(1, "100.00"),
        billed(2, "200.00", status="AUTHORISED"),
        billed(5, "20.04", status="SUBMITTED"),
        billed(6, "5.00", status="PAID"),
    ]
    result = compare(deals, invoices, waiting={deal_id(4): "no_account"}, named={deal_id(6): "changed_after_approval"})
    row = only_row(result)
    assert (row.deals, row.invoices) == (6, 4)
    assert (row.won, row.not_counted, row.waiting) == (money("407.05"), money(50), money(30))
    assert (row.draft, row.approved) == (money("120.04"), money(205))
    assert (row.tax, row.gross) == (money("32.50"), money("357.54"))
    assert [(each.kind, each.amount, each.deal) for each in row.differences] == [
        ("rounding", money("0.01"), deal_id(5)),
        ("changed_after_approval", money("2.00"), deal_id(6)),
    ]
    assert (row.named, row.unexplained, result.unexplained) == (money("2.01"), ZERO, False)


@pytest.mark.parametrize(
    ("invoices", "unexplained"),
    [
        ([], "100.00"),
        ([billed(1, "90.00")], "10.00"),
        ([billed(1, "110.00")], "-10.00"),
        ([billed(1, currency="NZD")], "100.00"),
    ],
    ids=["no invoice and no reason", "too little", "too much", "another currency"],
)
def test_what_nothing_names_is_unexplained(invoices: list[LedgerInvoice], unexplained: str) -> None:
    result = compare([won()], invoices)
    row = only_row(result)
    assert result.unexplained
    assert row.unexplained == money(unexplained)
    assert [each.deal for each in row.unnamed] == [deal_id()]


def test_amounts_of_another_currency_are_not_added() -> None:
    row = only_row(compare([won()], [billed(currency="NZD")]))
    assert (row.tax, row.gross, row.draft) == (ZERO, ZERO, ZERO)


def test_an_invoice_in_another_currency_has_the_name_that_the_queue_gives_it() -> None:
    result = compare([won()], [billed(currency="NZD")], named={deal_id(): "changed_after_approval"})
    row = only_row(result)
    assert [(each.kind, each.amount, each.note) for each in row.differences] == [
        ("changed_after_approval", money(100), "invoiced in NZD")
    ]
    assert (row.unnamed, row.gross, result.unexplained) == ([], ZERO, False)


@pytest.mark.promise("S0-52")
@pytest.mark.parametrize(
    ("lines", "off", "named"),
    [(1, "0.01", True), (1, "0.02", False), (9, "0.05", True), (9, "0.06", False), (20, "0.06", False)],
)
def test_only_cents_that_rounding_can_cause_are_called_rounding(lines: int, off: str, named: bool) -> None:
    invoice = billed(1, str(money("100.00") - money(off)), lines=(LedgerLine(),) * lines)
    result = compare([won()], [invoice])
    assert result.unexplained is not named
    assert [each.kind for each in only_row(result).differences] == (["rounding"] if named else [])


def test_the_cap_of_rounding_is_the_policys() -> None:
    nine = billed(1, "99.95", lines=(LedgerLine(),) * 9)
    assert compare([won()], [nine], rounding_max=money("0.04")).unexplained
    assert not compare([won()], [nine], rounding_max=money("0.05")).unexplained


def test_what_is_billed_twice_is_shown_with_its_money() -> None:
    twin = replace(billed(), invoice_id="twin", number="INV-TWIN")
    row = only_row(compare([won()], [billed(), twin]))
    [difference] = row.differences
    assert (difference.kind, difference.invoice, difference.amount) == ("duplicate", "INV-TWIN", money("-100.00"))
    assert (row.draft, row.gross, row.invoices, row.unexplained) == (money("200.00"), money("220.00"), 2, ZERO)


def test_a_second_invoice_that_was_paid_in_advance_is_still_a_second_one() -> None:
    paid: dict[str, Any] = {"status": "PAID", "amount_due": money(0)}
    paid |= {"amount_credited": money(110), "prepaid": money(110)}
    row = only_row(compare([won()], [billed(), billed(2, url=billed().url, **paid)]))
    assert [difference.kind for difference in row.differences] == ["duplicate"]


def test_of_two_live_invoices_the_one_that_says_what_the_deal_says_is_its_own() -> None:
    row = only_row(compare([won()], [billed(1, "60.00"), replace(billed(), invoice_id="twin", number="INV-TWIN")]))
    assert [(each.kind, each.amount) for each in row.differences] == [("duplicate", money("-60.00"))]
    assert row.unexplained == ZERO


def test_what_neither_of_two_live_invoices_says_stays_unexplained() -> None:
    twin = replace(billed(), invoice_id="twin", number="INV-TWIN")
    assert only_row(compare([won(amount="250.00")], [billed(), twin])).unexplained == money("150.00")


def test_a_deal_whose_invoice_was_credited_and_its_successor_voided_waits() -> None:
    credited = billed(amount_credited=money("110.00"), amount_due=ZERO)
    invoices = [credited, billed(1, invoice_id="new", status="VOIDED")]
    row = only_row(compare([won(amount="250.00")], invoices, waiting={deal_id(1): "invoice_voided"}))
    assert (row.waiting, row.approved, row.unexplained) == (money("250.00"), ZERO, ZERO)


GOODWILL: dict[str, Any] = {"status": "PAID", "amount_due": ZERO, "amount_paid": money(99)}
GOODWILL |= {"amount_credited": money(11)}


def test_an_invoice_with_some_credit_that_still_stands_for_its_deal_is_not_taken_back() -> None:
    """It was paid but for something off; then the deal changed, which waits."""
    reasons = {deal_id(1): "changed_after_approval"}
    invoices = [billed(**GOODWILL)]
    linked = {deal_id(1): invoices[0].invoice_id}
    row = only_row(compare([won(amount="90.00")], invoices, waiting=reasons, named=reasons, linked=linked))
    assert (row.waiting, row.approved, row.gross, row.unexplained) == (ZERO, money(100), money(110), ZERO)
    assert [(each.kind, each.amount) for each in row.differences] == [("changed_after_approval", money(-10))]


def test_an_invoice_with_some_credit_is_taken_back_where_another_one_stands_for_its_deal() -> None:
    """It was partly paid when it was credited and made anew; that much is left to the customer."""
    anew = replace(billed(), invoice_id="anew", number="INV-0001-2")
    row = only_row(compare([won()], [billed(**GOODWILL), anew], linked={deal_id(1): "anew"}))
    assert [(each.kind, each.amount) for each in row.differences] == [("credited", ZERO)]
    assert (row.draft, row.approved, row.unexplained) == (money(100), ZERO, ZERO)


def test_a_voided_twin_is_no_duplicate() -> None:
    row = only_row(compare([won()], [billed(), billed(1, invoice_id="twin", status="VOIDED")]))
    assert (row.differences, row.unexplained) == ([], ZERO)


def test_a_hand_made_invoice_that_a_person_linked_counts_for_its_deal() -> None:
    result = compare([won()], [ledger_invoice(7, status="PAID")], linked={deal_id(): "invoice-7"})
    assert (only_row(result).approved, result.unexplained, result.in_xero_only) == (money(100), False, ())


def test_an_invoice_born_in_xero_is_named_and_not_added() -> None:
    strangers = [
        ledger_invoice(8),
        ledger_invoice(9, dated=START - dt.timedelta(days=1)),
        ledger_invoice(10, status="VOIDED"),
    ]
    result = compare([won()], [billed(), *strangers])
    assert [invoice.number for invoice in result.in_xero_only] == ["INV-0008"]
    assert only_row(result).invoices == 1


def test_months_and_currencies_stand_apart() -> None:
    deals = [won(1), won(2, month="2026-10"), won(3, currency="NZD")]
    result = compare(deals, [billed(1), billed(2), billed(3, currency="NZD")])
    assert [(row.month, row.currency, row.won) for row in result.rows] == [
        ("2026-10", "AUD", money(100)),
        ("2026-11", "AUD", money(100)),
        ("2026-11", "NZD", money(100)),
    ]
    assert not result.unexplained


def test_prices_with_tax_are_compared_with_the_gross() -> None:
    row = only_row(compare([won(1, "110.00")], [billed(1, "100.00")], inclusive=True))
    assert (row.draft, row.unexplained) == (money(110), ZERO)


def test_a_reason_is_only_a_name_and_never_an_amount() -> None:
    result = compare(
        [won()], [billed()], waiting={deal_id(): "no_account"}, named={deal_id(): "changed_after_approval"}
    )
    row = only_row(result)
    assert (row.waiting, row.differences, row.unexplained) == (ZERO, [], ZERO)
