"""Payments, bank transactions and overpayments (XERO 4.5, 4.7, 4.8)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .conftest import Client


def _invoice(xero: Client, reference: dict[str, Any]) -> dict[str, Any]:
    return xero.one("GET", f"/Invoices/{reference['InvoiceID']}")


def test_parts_settle_an_invoice_and_deleting_one_reopens_it(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    xero.pay(made, 60, Date="2026-11-21")
    part = _invoice(xero, made)
    assert (part["Status"], part["AmountPaid"], part["AmountDue"]) == ("AUTHORISED", 60, 50)
    last = xero.pay(made, 50, Date="2026-11-22")
    paid = _invoice(xero, made)
    assert (paid["Status"], paid["AmountDue"], paid["FullyPaidOnDate"]) == ("PAID", 0, "/Date(1795305600000+0000)/")
    assert [row["Amount"] for row in paid["Payments"]] == [60, 50]
    xero.wait(minutes=5)
    assert xero.one("POST", f"/Payments/{last['PaymentID']}", {"Status": "DELETED"})["Status"] == "DELETED"
    again = _invoice(xero, made)
    assert (again["Status"], again["AmountDue"], "FullyPaidOnDate" in again) == ("AUTHORISED", 50, False)
    assert again["UpdatedDateUTC"] > paid["UpdatedDateUTC"]


def test_an_invoice_is_not_paid_while_a_cent_is_due(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    xero.pay(made, 109.99)
    assert (_invoice(xero, made)["Status"], _invoice(xero, made)["AmountDue"]) == ("AUTHORISED", Decimal("0.01"))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Amount": 110.01}, "Payment amount exceeds the amount outstanding on this document"),
        ({"Amount": 0}, "Payment amounts must be positive amounts"),
        ({"Account": {"Code": "200"}}, "Account type is invalid for making a payment to/from"),
        ({"Account": {"Code": "999"}}, "Account could not be found or is not active"),
        ({"CreditNote": {"CreditNoteID": "x"}}, "exactly one"),
    ],
)
def test_refused_payments(xero: Client, members: dict[str, Any], message: str) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    assert message in xero.problems("PUT", "/Payments", {**xero.payment(made, 10), **members})[0]
    assert _invoice(xero, made)["AmountDue"] == 110


def test_only_authorised_documents_take_payments(xero: Client) -> None:
    assert xero.problems("PUT", "/Payments", xero.payment(xero.invoice(100), 10)) == [
        "Payments can only be made against Authorised documents"
    ]


def test_two_payments_of_one_call_cannot_exceed_the_invoice(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    rows = xero.rows("PUT", "/Payments", {"Payments": [xero.payment(made, 60)] * 2}, summarizeErrors="false")
    assert [row["StatusAttributeString"] for row in rows] == ["OK", "ERROR"]
    assert _invoice(xero, made)["AmountDue"] == 50


def test_payment_cannot_be_edited(xero: Client) -> None:
    payment = xero.pay(xero.invoice(100, Status="AUTHORISED"), 10)
    for sent in ({"Amount": 5}, {**payment, "Status": "DELETED"}):
        told = xero.problems("POST", f"/Payments/{payment['PaymentID']}", sent)
        assert told == ["Only Status accepted for updates."]


def test_payment_is_deleted_by_a_post_to_all_that_names_it(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    payment = xero.pay(made, 10)
    ended = xero.one("POST", "/Payments", {"PaymentID": payment["PaymentID"], "Status": "DELETED"})
    assert (ended["PaymentID"], ended["Status"]) == (payment["PaymentID"], "DELETED")
    assert _invoice(xero, made)["AmountDue"] == 110


def test_foreign_payment_shows_what_the_bank_saw(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED", CurrencyCode="NZD")
    assert xero.pay(made, 110, CurrencyRate=1.1)["BankAmount"] == 100


def test_payments_are_found_by_their_invoice(xero: Client) -> None:
    made, other = (xero.invoice(100, Status="AUTHORISED") for _ in range(2))
    payment = xero.pay(made, 10)
    xero.pay(other, 10)
    where = f'Invoice.InvoiceId==Guid("{made["InvoiceID"]}")'
    assert [row["PaymentID"] for row in xero.rows("GET", "/Payments", where=where)] == [payment["PaymentID"]]


def _overpay(xero: Client, amount: int) -> dict[str, Any]:
    contact = xero.rows("GET", "/Contacts")[0]
    sent = {
        "Type": "RECEIVE-OVERPAYMENT",
        "Contact": {"ContactID": contact["ContactID"]},
        "BankAccount": {"Code": "090"},
        "LineItems": [{"Description": "Paid too much", "UnitAmount": amount}],
    }
    made = xero.one("PUT", "/BankTransactions", sent)
    return xero.one("GET", f"/Overpayments/{made['OverpaymentID']}")


def test_overpayment_is_allocated_and_taken_back(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    over = _overpay(xero, 30)
    assert (over["RemainingCredit"], over["LineItems"][0]["AccountCode"], over["TotalTax"]) == (30, "610", 0)
    path = f"/Overpayments/{over['OverpaymentID']}/Allocations"
    row = xero.one("PUT", path, {"Amount": 30, "Invoice": {"InvoiceID": made["InvoiceID"]}, "Date": "2026-11-20"})
    invoice = _invoice(xero, made)
    assert (invoice["AmountCredited"], invoice["AmountDue"], invoice["Overpayments"][0]["AppliedAmount"]) == (
        30,
        80,
        30,
    )
    assert xero.one("GET", f"/Overpayments/{over['OverpaymentID']}")["Status"] == "PAID"
    assert xero.json("DELETE", f"{path}/{row['AllocationID']}")["IsDeleted"] is True
    assert _invoice(xero, made)["AmountDue"] == 110


def test_allocation_above_what_is_left_changes_nothing(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    over = _overpay(xero, 30)
    rows = [{"Amount": amount, "Invoice": {"InvoiceID": made["InvoiceID"]}} for amount in (20, 20)]
    assert xero.problems("PUT", f"/Overpayments/{over['OverpaymentID']}/Allocations", {"Allocations": rows})
    assert _invoice(xero, made)["AmountDue"] == 110


def test_money_received_is_inclusive_by_default(xero: Client) -> None:
    contact = xero.contact()
    sent = {
        "Type": "RECEIVE",
        "Contact": {"ContactID": contact["ContactID"]},
        "BankAccount": {"Code": "090"},
        "LineItems": [{"Description": "Sold over the counter", "UnitAmount": 110, "AccountCode": "200"}],
    }
    made = xero.one("PUT", "/BankTransactions", sent)
    assert (made["Total"], made["TotalTax"], made["LineAmountTypes"]) == (110, 10, "Inclusive")
    assert "BankAccount" in made
    sent["BankAccount"] = {"Code": "200"}
    assert "not an active account of type BANK" in xero.problems("PUT", "/BankTransactions", sent)[0]
