"""Which recorded payments become a payment in Xero, and why the others wait."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from crossfoot.core.books import Account, Books, LedgerInvoice, LedgerPayment, Organisation
from crossfoot.core.links import LinkState
from crossfoot.core.records import RecordRef, Side
from crossfoot.core.settlement import (
    MadePayment,
    RecordedPayment,
    SettlementContext,
    intended_hash,
    payment_marker,
    settle,
    with_marker,
)

TODAY = dt.date(2026, 11, 20)
ORG = "00D000000000001AAA"
INVOICE = LedgerInvoice(
    invoice_id="inv-1",
    number="INV-1",
    status="AUTHORISED",
    contact_id="c",
    contact_name="Birch",
    dated=dt.date(2026, 11, 1),
    currency="AUD",
    sub_total=Decimal(100),
    total_tax=Decimal(10),
    total=Decimal(110),
    amount_due=Decimal(110),
    amount_paid=Decimal(0),
    amount_credited=Decimal(0),
    updated=dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
)
BOOKS = Books.of(
    Organisation("o", "Firm", "AU", "AUD", "Australia/Sydney", is_demo=True, period_lock=dt.date(2026, 10, 31)),
    accounts=[
        Account("090", "Bank", "BANK", "ASSET", "ACTIVE"),
        Account("091", "Old bank", "BANK", "ASSET", "ARCHIVED"),
        Account("200", "Sales", "REVENUE", "REVENUE", "ACTIVE"),
        Account("880", "Clearing", "CURRENT", "ASSET", "ACTIVE", payments_enabled=True),
    ],
    tax_rates=[],
    tracking=[],
    currencies=["AUD"],
)
ROW = RecordedPayment(
    ref=RecordRef(Side.SALESFORCE, "Xero_Payment__c", "a01000000000001AAA"),
    invoice_id="inv-1",
    amount=Decimal("10.00"),
    dated=dt.date(2026, 11, 18),
    account="090",
    currency="AUD",
    reference="cheque 7",
)
MARKER = payment_marker(ORG, ROW.ref.id)


def context(invoice: LedgerInvoice = INVOICE, **changes: Any) -> SettlementContext:
    return replace(SettlementContext(ORG, BOOKS, TODAY, {invoice.invoice_id: invoice}, {}), **changes)


def paid(payment_id: str, amount: str = "10.00", day: int = 18, reference: str = "") -> LedgerPayment:
    return LedgerPayment(payment_id, dt.date(2026, 11, day), Decimal(amount), reference)


def codes(row: RecordedPayment, given: SettlementContext) -> set[str]:
    [settlement] = settle([row], given)
    assert settlement.findings or settlement.intended or settlement.found
    return {finding.code for finding in settlement.findings}


def test_a_payment_is_intended_with_its_marker_behind_the_reference() -> None:
    [settlement] = settle([ROW], context())
    assert settlement.intended is not None
    assert settlement.intended.reference == f"cheque 7 {MARKER}"
    assert not settlement.findings


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": None}, "payment_unreadable"),
        ({"amount": Decimal(0)}, "payment_unreadable"),
        ({"amount": Decimal("-1")}, "payment_unreadable"),
        ({"amount": Decimal("1.005")}, "payment_unreadable"),
        ({"dated": None}, "payment_unreadable"),
        ({"account": ""}, "payment_unreadable"),
        ({"invoice_id": ""}, "payment_unreadable"),
        ({"problems": ("Amount: not a number",)}, "payment_unreadable"),
        ({"invoice_id": "inv-2"}, "payment_no_invoice"),
        ({"currency": "USD"}, "payment_currency"),
        ({"amount": Decimal("110.01")}, "payment_too_large"),
        ({"account": "091"}, "payment_account"),
        ({"account": "200"}, "payment_account"),
        ({"account": "999"}, "payment_account"),
        ({"dated": dt.date(2026, 10, 31)}, "payment_date"),
        ({"dated": dt.date(2026, 11, 21)}, "payment_date"),
    ],
)
def test_a_row_that_cannot_be_paid_waits(change: dict[str, Any], code: str) -> None:
    assert codes(replace(ROW, **change), context()) == {code}


@pytest.mark.parametrize(
    "change",
    [{"amount": Decimal(110)}, {"account": "880"}, {"dated": dt.date(2026, 11, 1)}, {"dated": TODAY}, {"currency": ""}],
)
def test_the_edges_go(change: dict[str, Any]) -> None:
    assert codes(replace(ROW, **change), context()) == set()


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "PAID", "VOIDED", "DELETED"])
def test_only_an_approved_invoice_is_paid(status: str) -> None:
    assert codes(ROW, context(replace(INVOICE, status=status))) == {"payment_not_due"}


@pytest.mark.parametrize("change", [{"counts": False}, {"deleted": True}, {"own_key": "o:p"}])
def test_rows_that_ask_for_nothing_are_left_alone(change: dict[str, Any]) -> None:
    [settlement] = settle([replace(ROW, **change)], context())
    assert (settlement.findings, settlement.intended, settlement.found) == ((), None, None)


def test_one_payment_at_a_time_goes_for_each_invoice() -> None:
    second = replace(ROW, ref=replace(ROW.ref, id="a01000000000002AAA"), amount=Decimal("20.00"))
    assert [bool(each.intended) for each in settle([second, ROW], context())] == [True, False]
    assert not settle([ROW], context(in_flight={"inv-1"}))[0].intended


def test_a_payment_that_looks_the_same_is_asked_about_until_a_person_says_otherwise() -> None:
    invoice = replace(INVOICE, payments=(paid("p-1", day=11),))
    assert codes(ROW, context(invoice)) == {"payment_maybe_there"}
    assert codes(ROW, context(invoice, not_same={(ROW.ref.id, "p-1")})) == set()
    assert codes(ROW, context(replace(INVOICE, payments=(paid("p-1", day=10),)))) == set()
    assert codes(ROW, context(replace(INVOICE, payments=(paid("p-1", "10.01"),)))) == set()
    theirs = {"a01000000000002AAA": MadePayment("p-1", "", LinkState.LIVE)}
    assert codes(ROW, context(invoice, made=theirs)) == set()


def test_a_payment_that_carries_the_marker_is_adopted_whatever_the_invoice_says_now() -> None:
    invoice = replace(INVOICE, status="PAID", payments=(paid("p-1", reference=f"x {MARKER}"),))
    [settlement] = settle([ROW], context(invoice))
    assert settlement.found == invoice.payments[0]
    assert settlement.intended is None
    twice = replace(invoice, payments=(*invoice.payments, paid("p-2", reference=MARKER)))
    assert codes(ROW, context(twice)) == {"payment_twice"}
    linked = {ROW.ref.id: MadePayment("p-1", ROW.terms_hash, LinkState.LIVE)}
    assert codes(ROW, context(twice, made=linked)) == {"payment_twice"}


def test_while_the_outcome_is_not_known_nothing_is_decided() -> None:
    assert codes(ROW, context(unsure={ROW.ref.id})) == {"payment_unsure"}


def test_what_xero_refused_waits_until_it_changes() -> None:
    intended = settle([ROW], context())[0].intended
    assert intended is not None
    refused = {(ROW.ref.id, intended_hash(intended)): "no"}
    assert codes(ROW, context(refused=refused)) == {"refused_by_xero"}
    assert codes(replace(ROW, amount=Decimal(9)), context(refused=refused)) == set()


@pytest.mark.parametrize(
    ("change", "state", "code"),
    [
        ({"amount": Decimal(11)}, LinkState.LIVE, {"payment_row_changed"}),
        ({"deleted": True}, LinkState.LIVE, {"payment_row_deleted"}),
        ({"own_key": "o:p-1", "counts": False}, LinkState.LIVE, set()),
        ({}, LinkState.RETIRED, {"payment_removed"}),
        ({"deleted": True}, LinkState.RETIRED, set()),
    ],
)
def test_a_row_whose_payment_was_made_is_never_paid_again(
    change: dict[str, Any], state: LinkState, code: set[str]
) -> None:
    invoice = replace(INVOICE, payments=(paid("p-1", reference=MARKER),))
    made = {ROW.ref.id: MadePayment("p-1", ROW.terms_hash, state)}
    [settlement] = settle([replace(ROW, **change)], context(invoice, made=made))
    assert {finding.code for finding in settlement.findings} == code
    assert (settlement.intended, settlement.found, settlement.gone) == (None, None, False)


def test_a_payment_that_is_not_listed_is_to_be_confirmed() -> None:
    made = {ROW.ref.id: MadePayment("p-1", ROW.terms_hash, LinkState.LIVE)}
    assert settle([ROW], context(made=made))[0].gone


def test_a_long_reference_is_cut_and_the_marker_kept() -> None:
    assert with_marker("", MARKER) == MARKER
    assert len(with_marker("x" * 300, MARKER)) == 255
    assert with_marker("x" * 300, MARKER).endswith(f" {MARKER}")
