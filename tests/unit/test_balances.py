"""What a customer owes: one currency is summed, several are named, drafts are exposure only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from crossfoot.core.books import LedgerCredit, LedgerCreditNote, LedgerInvoice
from crossfoot.engine.showing.balances import balances

AS_OF = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, tzinfo=UTC)


def dec(text: str) -> Decimal:
    return Decimal(text)


def invoice(number: str, status: str, total: str, **other: Any) -> LedgerInvoice:
    due = dec("0") if status in {"PAID", "VOIDED"} else dec(total)
    values: dict[str, Any] = {
        "dated": date(2026, 10, 1),
        "due": date(2026, 12, 1),
        "currency": "AUD",
        "sub_total": dec(total),
        "total_tax": dec("0"),
        "amount_due": due,
        "amount_paid": dec("0"),
        "amount_credited": dec("0"),
    }
    return LedgerInvoice(
        invoice_id=number,
        number=number,
        status=status,
        contact_id="c",
        contact_name="C",
        total=dec(total),
        updated=NOON,
        **{**values, **other},
    )


def shown(*invoices: LedgerInvoice, overpaid: tuple[Any, ...] = (), notes: tuple[Any, ...] = ()) -> dict[str, Any]:
    return balances(invoices, overpaid, notes, AS_OF)["c"].values("c")


@pytest.mark.promise("S0-14")
def test_one_currency_is_summed_less_credit_and_drafts_are_exposure_only() -> None:
    credit = LedgerCredit("o", "c", "AUD", "AUTHORISED", dec("30.00"), AS_OF, NOON)
    note = LedgerCreditNote(
        *("n", "CN-1", "AUTHORISED", "c", AS_OF, "AUD", dec("20"), dec("0"), dec("20"), dec("5.50"), NOON)
    )
    found = shown(
        invoice("1", "AUTHORISED", "100.10", due=date(2026, 11, 19)),
        invoice("2", "AUTHORISED", "50.00", due=date(2026, 11, 20)),
        invoice("3", "DRAFT", "7.00"),
        invoice("4", "VOIDED", "999.00"),
        overpaid=(credit,),
        notes=(note,),
    )
    assert (found["Outstanding"], found["Overdue"]) == (dec("114.60"), dec("100.10"))
    assert found["Exposure"] == dec("121.60")
    assert (found["OldestOverdue"], found["Currency"]) == (date(2026, 11, 19), "AUD")


@pytest.mark.promise("S0-14")
def test_several_currencies_are_named_and_never_added() -> None:
    found = shown(
        invoice("1", "AUTHORISED", "100.00", due=date(2026, 11, 1)), invoice("2", "AUTHORISED", "1.00", currency="USD")
    )
    assert (found["Outstanding"], found["Overdue"], found["Exposure"]) == (None, None, None)
    assert found["Currency"] == "AUD, USD"
    assert found["OldestOverdue"] == date(2026, 11, 1)


@pytest.mark.promise("S0-14")
def test_days_to_pay_are_averaged_over_a_year_and_empty_without_payments() -> None:
    found = shown(
        invoice("1", "PAID", "1.00", fully_paid_on=date(2026, 10, 11)),
        invoice("2", "PAID", "1.00", fully_paid_on=date(2026, 10, 16)),
        invoice("3", "PAID", "1.00", dated=date(2025, 1, 1), fully_paid_on=date(2025, 10, 16)),
    )
    assert found["DaysToPay"] == dec("13")  # 12.5, rounded up
    assert shown(invoice("1", "AUTHORISED", "1.00"))["DaysToPay"] is None


def test_an_invoice_that_credit_took_back_says_nothing_of_how_long_payments_take() -> None:
    paid = invoice("1", "PAID", "10.00", fully_paid_on=date(2026, 10, 31), amount_paid=dec("10.00"))
    credited = invoice("2", "PAID", "10.00", fully_paid_on=date(2026, 10, 2), amount_credited=dec("10.00"))
    in_advance = replace(credited, prepaid=dec("10.00"))
    assert shown(paid, credited)["DaysToPay"] == 30
    assert shown(in_advance)["DaysToPay"] == 1
