"""Overpayments: made by bank transactions, allocated to invoices, refunded by payments (XERO 4.7)."""

from __future__ import annotations

from typing import Any

from crossfoot.emulators.xero import contacts, invoices
from crossfoot.emulators.xero.errors import ApiError, not_found, validation_error
from crossfoot.emulators.xero.fields import (
    DAY,
    GUID,
    NUMBER,
    SEEN,
    STAMP,
    Check,
    Field,
    an_object,
    choice,
    read_members,
)
from crossfoot.emulators.xero.formats import ZERO, date_string, round_amount
from crossfoot.emulators.xero.kinds import SUMMARY, Call, Kind, Record, shown_lines, store
from crossfoot.emulators.xero.lines import CONTACT_REFERENCE

ALLOCATION = {
    "AllocationID": GUID,
    "Amount": NUMBER,
    "Date": DAY,
    "Invoice": an_object({"InvoiceID": GUID, "InvoiceNumber": Field()}),
}


def _view(call: Call, record: Record, shape: str) -> Record:
    return {
        **record,
        "ID": record["OverpaymentID"],
        "Contact": contacts.nested(call, record["Contact"]["ContactID"], shape),
        "DateString": date_string(record["Date"]),
        "LineItems": [] if shape == SUMMARY else shown_lines(call, record["LineItems"]),
        "Payments": [
            {"PaymentID": row["PaymentID"], "Date": row["Date"], "Amount": row["Amount"]}
            for row in _refunds(call, record)
        ],
        "HasAttachments": False,
    }


def _refunds(call: Call, record: Record) -> list[Record]:
    found = call.organisation.find("Payments", "Target", record["OverpaymentID"])
    return [payment for payment in found if payment["Status"] == "AUTHORISED"]


OVERPAYMENTS = Kind(
    plural="Overpayments",
    singular="Overpayment",
    id_field="OverpaymentID",
    families=("accounting.payments",),
    fields={
        "OverpaymentID": GUID,
        "Type": SEEN,
        "Contact": CONTACT_REFERENCE,
        "Date": DAY,
        "Status": choice("AUTHORISED", "PAID", "VOIDED"),
        "CurrencyCode": SEEN,
        "Reference": SEEN,
        "Total": Field("number", read_only=True),
        "RemainingCredit": Field("number", read_only=True),
        "UpdatedDateUTC": STAMP,
    },
    view=_view,
    verbs=frozenset({"GET"}),
    joins={"Contact": ("Contacts", "ContactID")},
    paged=True,
)


def settle(call: Call, record: Record) -> Record:
    """RemainingCredit and status after an allocation or a refund came or went; PAID when nothing is left."""
    used = sum((row["Amount"] for row in record["Allocations"]), ZERO)
    refunded = sum((row["Amount"] for row in _refunds(call, record)), ZERO)
    left = record["Total"] - used - refunded
    return store(call, OVERPAYMENTS, {**record, "RemainingCredit": left, "Status": "AUTHORISED" if left else "PAID"})


def allocate(call: Call, record: Record, elements: list[Any]) -> Record:
    """PUT /Overpayments/{id}/Allocations: all of the call or nothing (XERO 4.4)."""
    organisation = call.organisation
    organisation.begin()
    try:
        made = [_allocate_one(call, record["OverpaymentID"], element) for element in elements]
    except ApiError:
        organisation.roll_back()
        call.events.clear()
        raise
    finally:
        organisation.end()
    return {"Allocations": made}


def _allocate_one(call: Call, overpayment_id: str, element: Any) -> Record:
    check = Check()
    values = read_members(ALLOCATION, element, check)
    record = call.organisation.get("Overpayments", overpayment_id)
    assert record is not None
    invoice = call.organisation.get("Invoices", (values.get("Invoice") or {}).get("InvoiceID") or "")
    amount = round_amount(values.get("Amount") or ZERO)
    if invoice is None:
        check.refuse("The document with the supplied id was not found for this endpoint.")
    else:
        day = values.get("Date") or max(record["Date"], invoice["Date"])
        _check(call, record, invoice, amount, day, check)
    if check.problems or invoice is None:
        call.illegal.extend(check.illegal)
        errors = [{"Message": message} for message in check.problems]
        raise validation_error([{**values, "HasErrors": True, "ValidationErrors": errors}])
    row = {
        "AllocationID": call.world.new_id(),
        "OverpaymentID": overpayment_id,
        "Amount": amount,
        "Date": day,
        "Invoice": {"InvoiceID": invoice["InvoiceID"], "InvoiceNumber": invoice["InvoiceNumber"]},
    }
    settle(call, {**record, "Allocations": [*record["Allocations"], row]})
    invoices.settle(call, invoice, [*invoice.get("_credits", []), row])
    return {name: value for name, value in row.items() if name != "OverpaymentID"} | {"ValidationErrors": []}


def _check(call: Call, record: Record, invoice: Record, amount: Any, day: Any, check: Check) -> None:
    if record["Status"] != "AUTHORISED" or invoice["Status"] != "AUTHORISED":
        check.refuse(
            "Allocations can only be made between Authorised documents", illegal="allocation to a closed document"
        )
    if invoice["Contact"] != record["Contact"] or invoice["CurrencyCode"] != record["CurrencyCode"]:
        check.refuse("The overpayment and the invoice must have the same contact and currency")
    if not 0 < amount <= min(record["RemainingCredit"], invoice["AmountDue"]):
        check.refuse("The amount applied exceeds the amount outstanding on one of the documents")
    if problem := call.organisation.lock_problem(day, adviser=call.adviser):
        check.refuse(problem, illegal="an allocation dated behind the lock")


def remove_allocation(call: Call, record: Record, allocation_id: str) -> Record:
    """DELETE of one allocation: both documents re-open."""
    row = next((row for row in record["Allocations"] if row["AllocationID"] == allocation_id.lower()), None)
    if row is None:
        raise not_found()
    invoice = call.organisation.get("Invoices", row["Invoice"]["InvoiceID"])
    assert invoice is not None
    settle(call, {**record, "Allocations": [other for other in record["Allocations"] if other is not row]})
    left = [credit for credit in invoice["_credits"] if credit["AllocationID"] != row["AllocationID"]]
    invoices.settle(call, invoice, left)
    return {"AllocationID": row["AllocationID"], "Date": row["Date"], "Invoice": row["Invoice"], "IsDeleted": True}
