"""Allocations: a credit note, prepayment or overpayment put against invoices, and taken back (XERO 4.4, 4.7)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from crossfoot.emulators.xero import credit_documents, invoices, ledger
from crossfoot.emulators.xero.errors import ApiError, not_found, validation_error
from crossfoot.emulators.xero.fields import DAY, GUID, NUMBER, Check, Field, an_object, read_members
from crossfoot.emulators.xero.formats import ZERO, round_amount
from crossfoot.emulators.xero.kinds import Call, Kind, Record
from crossfoot.emulators.xero.ledger import BANK_SOURCES

ALLOCATION = {
    "AllocationID": GUID,
    "Amount": NUMBER,
    "AppliedAmount": NUMBER,  # its older name, which some clients still send (XERO 4.4)
    "Date": DAY,
    "Invoice": an_object({"InvoiceID": GUID, "InvoiceNumber": Field()}),
}
INVOICE_TYPES = {1: "ACCPAY", -1: "ACCREC"}  # by the sign of the credit: a debit meets a bill


def allocate(call: Call, kind: Kind, record: Record, elements: list[Any]) -> Record:
    """PUT /{credits}/{id}/Allocations: all of the call or nothing."""
    organisation = call.organisation
    organisation.begin()
    try:
        made = [_allocate_one(call, kind, kind.key(record), element) for element in elements]
    except ApiError:
        organisation.roll_back()
        call.events.clear()
        raise
    finally:
        organisation.end()
    return {"Allocations": made}


def _allocate_one(call: Call, kind: Kind, credit_id: str, element: Any) -> Record:
    check = Check()
    values = read_members(ALLOCATION, element, check)
    record = call.organisation.get(kind.plural, credit_id)
    assert record is not None
    sent = values.get("Invoice") or {}
    invoice = call.organisation.get("Invoices", sent.get("InvoiceID") or "")
    if invoice is None and sent.get("InvoiceNumber") and not sent.get("InvoiceID"):
        invoice = call.organisation.find_one("Invoices", "UniqueNumber", sent["InvoiceNumber"])
    amount = round_amount(values.get("Amount") or values.get("AppliedAmount") or ZERO)
    if invoice is None:
        check.refuse("The document with the supplied id was not found for this endpoint.")
    else:
        day = values.get("Date") or max(record["Date"], invoice["Date"])
        _check(call, kind, record, invoice, amount, day, check)
    if check.problems or invoice is None:
        call.illegal.extend(check.illegal)
        errors = [{"Message": message} for message in check.problems]
        raise validation_error([{**values, "HasErrors": True, "ValidationErrors": errors}])
    row = {
        "AllocationID": call.world.new_id(),
        "Amount": amount,
        "Date": day,
        "Invoice": {"InvoiceID": invoice["InvoiceID"], "InvoiceNumber": invoice["InvoiceNumber"]},
        "_kind": kind.plural,
        "_credit": credit_id,
    }
    _commit(call, kind, record, [*record["Allocations"], row], invoice, [*invoice.get("_credits", []), row], row)
    return {**row, kind.singular: {kind.id_field: credit_id, "ID": credit_id}, "ValidationErrors": []}


def _check(call: Call, kind: Kind, record: Record, invoice: Record, amount: Decimal, day: date, check: Check) -> None:
    if record["Status"] != "AUTHORISED" or invoice["Status"] != "AUTHORISED":
        check.refuse(
            "Allocations can only be made between Authorised documents", illegal="allocation to a closed document"
        )
    noun = "credit note" if kind is credit_documents.CREDIT_NOTES else kind.singular.lower()
    if invoice["Contact"] != record["Contact"] or invoice["CurrencyCode"] != record["CurrencyCode"]:
        check.refuse(f"The {noun} and the invoice must have the same contact and currency")
    if invoice["Type"] != INVOICE_TYPES[ledger.SIGNS[record["Type"]]]:
        check.refuse(f"The {noun} cannot be allocated to a document of type {invoice['Type']}")
    if not 0 < amount <= min(record["RemainingCredit"], invoice["AmountDue"]):
        check.refuse("The amount applied exceeds the amount outstanding on one of the documents")
    if problem := call.organisation.lock_problem(day, adviser=call.adviser):
        check.refuse(problem, illegal="an allocation dated behind the lock")


def _commit(
    call: Call, kind: Kind, record: Record, rows: list[Record], invoice: Record, applied: list[Record], row: Record
) -> None:
    """Give both documents their allocations and post what that moves in the ledger."""
    credit_after = credit_documents.settle(call, kind, {**record, "Allocations": rows})
    invoice_after = invoices.settle(call, invoice, applied)
    source = BANK_SOURCES.get(record["Type"], record["Type"])
    changes = [(record, credit_after), (invoice, invoice_after)]
    posting = ledger.settlement_posting(call.organisation, row["Date"], source, row["AllocationID"], changes)
    ledger.post(call.organisation, call.now, posting)


def remove(call: Call, kind: Kind, record: Record, allocation_id: str) -> Record:
    """DELETE of one allocation: both documents re-open."""
    row = next((row for row in record["Allocations"] if row["AllocationID"] == allocation_id.lower()), None)
    if row is None:
        raise not_found()
    if problem := call.organisation.lock_problem(row["Date"], adviser=call.adviser):
        call.illegal.append("removal of an allocation dated behind the lock")
        raise validation_error([{**row, "ValidationErrors": [{"Message": problem}]}])
    invoice = call.organisation.get("Invoices", row["Invoice"]["InvoiceID"])
    assert invoice is not None
    rows, applied = (
        [other for other in found if other["AllocationID"] != row["AllocationID"]]
        for found in (record["Allocations"], invoice["_credits"])
    )
    _commit(call, kind, record, rows, invoice, applied, row)
    # Xero's published example leaves Amount out; its schema and its own Python SDK demand it.
    return {**{name: row[name] for name in ("AllocationID", "Amount", "Date", "Invoice")}, "IsDeleted": True}
