"""Credit notes and prepayments: their life, allocations and refunds (XERO 4.4, 4.7)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .conftest import Client, line


def note(xero: Client, *lines: Any, **members: Any) -> dict[str, Any]:
    """A customer's credit note, as sent."""
    draft = xero.draft(*lines, **{"Type": "ACCRECCREDIT", **members})
    del draft["DueDate"]
    return draft


def make_note(xero: Client, *lines: Any, **members: Any) -> dict[str, Any]:
    return xero.one("PUT", "/CreditNotes", note(xero, *lines, **{"Status": "AUTHORISED", **members}))


def make_prepayment(xero: Client, amount: Any, **members: Any) -> dict[str, Any]:
    sent = {
        "Type": "RECEIVE-PREPAYMENT",
        "Contact": {"ContactID": xero.rows("GET", "/Contacts")[0]["ContactID"]},
        "BankAccount": {"Code": "090"},
        "Date": "2026-11-20",
        "LineItems": [{"Description": "Deposit", "UnitAmount": amount, "AccountCode": "835", "TaxType": "OUTPUT"}],
        **members,
    }
    made = xero.one("PUT", "/BankTransactions", sent)
    return xero.one("GET", f"/Prepayments/{made['PrepaymentID']}")


def allocate(xero: Client, path: str, invoice: dict[str, Any], amount: Any) -> dict[str, Any]:
    sent = {"Amount": amount, "Date": "2026-11-20", "Invoice": {"InvoiceID": invoice["InvoiceID"]}}
    return xero.one("PUT", f"{path}/Allocations", {"Allocations": [sent]})


def _status(xero: Client, path: str) -> tuple[str, Any]:
    found = xero.one("GET", path)
    return found["Status"], found.get("RemainingCredit", found.get("AmountDue"))


def test_a_credit_note_pays_an_invoice_and_gives_it_back(xero: Client) -> None:
    made, credit = xero.invoice(100, Status="AUTHORISED"), make_note(xero, 120)
    assert (credit["CreditNoteNumber"], credit["RemainingCredit"], credit["ID"]) == (
        "CN-0001",
        132,
        credit["CreditNoteID"],
    )
    invoice, path = f"/Invoices/{made['InvoiceID']}", f"/CreditNotes/{credit['CreditNoteID']}"
    row = allocate(xero, path, made, 110)
    assert row["CreditNote"]["CreditNoteID"] == credit["CreditNoteID"]
    assert (_status(xero, invoice), _status(xero, path)) == (("PAID", 0), ("AUTHORISED", 22))
    paid = xero.one("GET", invoice)
    assert (paid["AmountCredited"], paid["AmountPaid"]) == (110, 0)
    (entry,) = paid["CreditNotes"]
    assert (entry["AppliedAmount"], entry["CreditNoteNumber"], entry["Total"]) == (110, "CN-0001", 132)
    assert xero.rows("GET", "/Payments") == []
    assert xero.json("DELETE", f"{path}/Allocations/{row['AllocationID']}")["IsDeleted"] is True
    assert (_status(xero, invoice), _status(xero, path)) == (("AUTHORISED", 110), ("AUTHORISED", 132))


def test_a_credit_note_that_is_used_up_is_paid(xero: Client) -> None:
    made, credit = xero.invoice(100, Status="AUTHORISED"), make_note(xero, 50)
    path = f"/CreditNotes/{credit['CreditNoteID']}"
    allocate(xero, path, made, 25)
    refund = {"CreditNote": {"CreditNoteID": credit["CreditNoteID"]}, "Account": {"Code": "090"}, "Amount": 30}
    payment = xero.one("PUT", "/Payments", refund)
    assert (payment["PaymentType"], payment["Invoice"]["Type"]) == ("ARCREDITPAYMENT", "ACCRECCREDIT")
    assert _status(xero, path) == ("PAID", 0)
    xero.one("POST", f"/Payments/{payment['PaymentID']}", {"Status": "DELETED"})
    assert _status(xero, path) == ("AUTHORISED", 30)


@pytest.mark.parametrize(
    ("change", "allowed"),
    [({"Status": "VOIDED"}, False), ({"LineItems": [line(1)]}, False), ({"Reference": "Goodwill"}, True)],
)
def test_an_allocated_credit_note_keeps_its_amounts(xero: Client, change: dict[str, Any], allowed: bool) -> None:
    made, credit = xero.invoice(100, Status="AUTHORISED"), make_note(xero, 50)
    path = f"/CreditNotes/{credit['CreditNoteID']}"
    allocate(xero, path, made, 25)
    assert xero.send("POST", path, change).status == (200 if allowed else 400)
    assert _status(xero, path) == ("AUTHORISED", 30)


def test_drafts_of_credit_notes_may_be_empty_and_approved_ones_not(xero: Client) -> None:
    draft = xero.one("PUT", "/CreditNotes", {**note(xero), "LineItems": []})
    assert (draft["Status"], draft["Total"]) == ("DRAFT", 0)
    assert "One or more line items must be specified" in xero.problems(
        "POST", f"/CreditNotes/{draft['CreditNoteID']}", {"Status": "AUTHORISED"}
    )


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"LineItems": [line({"UnitAmount": 10, "DiscountRate": 5})]}, "Discounts can only be applied"),
        ({"CreditNoteNumber": "cn-0001"}, "must be unique"),
        ({"Status": "PAID"}, "Credit note not of valid status"),
    ],
)
def test_refused_credit_notes(xero: Client, members: dict[str, Any], message: str) -> None:
    make_note(xero, 10)
    assert message in xero.problems("PUT", "/CreditNotes", {**note(xero, 10), **members})[0]


def test_allocations_stay_on_their_side_and_with_their_customer(xero: Client) -> None:
    credit = make_note(xero, 50)
    path = f"/CreditNotes/{credit['CreditNoteID']}/Allocations"
    bill = xero.one("PUT", "/Invoices", {**xero.draft(100), "Type": "ACCPAY", "Status": "AUTHORISED"})
    other = xero.invoice(100, Status="AUTHORISED", Contact={"Name": "Somebody Else"})
    draft = xero.invoice(100)
    for document in (bill, other, draft):
        sent = {"Amount": 1, "Date": "2026-11-20", "Invoice": {"InvoiceID": document["InvoiceID"]}}
        assert xero.problems("PUT", path, sent)
    assert _status(xero, f"/CreditNotes/{credit['CreditNoteID']}") == ("AUTHORISED", 55)


def test_nothing_is_allocated_behind_the_lock(xero: Client) -> None:
    made, credit = xero.invoice(100, Status="AUTHORISED"), make_note(xero, 50)
    path = f"/CreditNotes/{credit['CreditNoteID']}"
    row = allocate(xero, path, made, 25)
    xero.person("POST", "/Organisation", {"EndOfYearLockDate": "2026-11-30"})
    assert xero.send("DELETE", f"{path}/Allocations/{row['AllocationID']}").status == 400
    assert _status(xero, path) == ("AUTHORISED", 30)


def test_a_prepayment_has_tax_and_is_used_and_refunded(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    credit = make_prepayment(xero, Decimal("88"))
    assert (credit["Total"], credit["TotalTax"], credit["Type"]) == (88, 8, "RECEIVE-PREPAYMENT")
    path = f"/Prepayments/{credit['PrepaymentID']}"
    allocate(xero, path, made, 60)
    invoice = xero.one("GET", f"/Invoices/{made['InvoiceID']}")
    assert (invoice["AmountDue"], invoice["Prepayments"][0]["PrepaymentID"]) == (50, credit["PrepaymentID"])
    refund = {"Prepayment": {"PrepaymentID": credit["PrepaymentID"]}, "Account": {"Code": "090"}, "Amount": 28}
    assert xero.one("PUT", "/Payments", refund)["PaymentType"] == "ARPREPAYMENTPAYMENT"
    assert _status(xero, path) == ("PAID", 0)


def test_credits_announce_their_type_and_status(xero: Client) -> None:
    xero.contact()
    make_note(xero, 10, Status="DRAFT")
    told = [event.payload for event in xero.events]
    assert [(event["eventCategory"], event["data"]) for event in told] == [
        ("CREDITNOTE", {"Type": "ACCRECCREDIT", "Status": "DRAFT"})
    ]


def test_credits_say_their_stamp_as_text_too(xero: Client) -> None:
    """XERO 3.2: UpdatedDateUTCString stands on credit notes, prepayments and overpayments as on invoices."""
    made = [make_note(xero, 10), make_prepayment(xero, 10)]
    assert [row["UpdatedDateUTCString"] for row in made] == ["2026-11-20T01:30:00Z"] * 2


@pytest.mark.parametrize("path", ["/BankTransactions", "/Prepayments"])
def test_money_is_found_by_its_references(xero: Client, path: str) -> None:
    """XERO 3.8: References, and InvoiceNumbers of prepayments; what has no reference is not found."""
    xero.contact()
    for reference in ("INV-1", "INV-2", None):
        make_prepayment(xero, 10, **({"Reference": reference} if reference else {}))
    names = ("References", "InvoiceNumbers") if path == "/Prepayments" else ("References",)
    for name in names:
        assert [row["Reference"] for row in xero.rows("GET", path, **{name: "inv-2,INV-9"})] == ["INV-2"]
    assert xero.rows("GET", "/Overpayments", References="INV-2") == []


def test_a_document_with_a_credit_keeps_its_contact(xero: Client) -> None:
    """XERO 4.3: with a payment an invoice may go to another contact, with a credit applied it may not."""
    paid, credited = xero.invoice(100, Status="AUTHORISED"), xero.invoice(100, Status="AUTHORISED")
    credit = make_note(xero, 50)
    xero.pay(paid, 10)
    allocate(xero, f"/CreditNotes/{credit['CreditNoteID']}", credited, 20)
    other = {"Contact": {"ContactID": xero.contact("Other Ltd")["ContactID"]}}
    assert xero.one("POST", f"/Invoices/{paid['InvoiceID']}", other)["Contact"]["Name"] == "Other Ltd"
    kept = (f"/Invoices/{credited['InvoiceID']}", f"/CreditNotes/{credit['CreditNoteID']}")
    for path in kept:
        assert xero.problems("POST", path, other) == [
            "This document cannot be edited as it has a payment or credit note allocated to it."
        ]


def test_money_is_in_the_currency_of_its_bank_account(xero: Client) -> None:
    """XERO 4.8: only an overpayment may be in another currency, and that one must be enabled."""
    xero.contact()
    assert make_prepayment(xero, 10, CurrencyCode="NZD")["CurrencyCode"] == "AUD"
    overpaid: dict[str, Any] = {
        "Type": "RECEIVE-OVERPAYMENT",
        "Contact": {"Name": "Acme Pty Ltd"},
        "BankAccount": {"Code": "090"},
        "LineItems": [{"Description": "Too much", "UnitAmount": 10}],
    }
    assert xero.one("PUT", "/BankTransactions", {**overpaid, "CurrencyCode": "NZD"})["CurrencyCode"] == "NZD"
    assert xero.problems("PUT", "/BankTransactions", {**overpaid, "CurrencyCode": "XXX"}) == [
        "Organisation is not subscribed to currency XXX"
    ]


@pytest.mark.parametrize("member", ["InvoiceNumber", "CreditNoteNumber"])
def test_a_payment_names_its_document_by_number_alone(xero: Client, member: str) -> None:
    """XERO 4.5: the OpenAPI file has both numbers beside the objects."""
    made = xero.invoice(100, Status="AUTHORISED") if member == "InvoiceNumber" else make_note(xero, 100)
    paid = {member: made[member], "Account": {"Code": "090"}, "Amount": 10, "Date": "2026-11-20"}
    assert xero.one("PUT", "/Payments", paid)["Invoice"]["InvoiceNumber"] == made[member]
    assert xero.problems("PUT", "/Payments", {**paid, "InvoiceNumber": "INV-9", "CreditNoteNumber": "CN-9"})


def test_a_received_prepayment_tells_its_reference_as_invoice_number(xero: Client) -> None:
    """XERO 4.7: a spent one has no invoice number."""
    xero.contact()
    received = make_prepayment(xero, 10, Reference="INV-7")
    spent = make_prepayment(xero, 10, Reference="INV-8", Type="SPEND-PREPAYMENT")
    assert [row.get("InvoiceNumber") for row in (received, spent)] == ["INV-7", None]


def test_the_line_of_an_overpayment_is_computed_as_other_lines_are(xero: Client) -> None:
    bank = {"Type": "RECEIVE-OVERPAYMENT", "Contact": {"Name": "Acme Pty Ltd"}, "BankAccount": {"Code": "090"}}
    sent = {**bank, "LineItems": [{"Description": "Too much", "Quantity": 1000, "UnitAmount": 0.061171}]}
    assert xero.one("PUT", "/BankTransactions", sent)["Total"] == 60
    assert xero.one("PUT", "/BankTransactions", sent, unitdp=4)["Total"] == Decimal("61.20")
    sent["LineItems"] = [{"Description": "Too much", "Quantity": 2, "UnitAmount": 5, "LineAmount": 11}]
    assert xero.problems("PUT", "/BankTransactions", sent) == [
        "The line total 11.00 does not match the expected line total 10.00"
    ]
