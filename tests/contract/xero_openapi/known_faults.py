"""Where Xero's OpenAPI files disagree with live answers, by name: each with its reason and where it is documented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .schemas import Fault


@dataclass(frozen=True, slots=True)
class Known:
    """One fault of a file. ``example`` is a value that the file refuses; of an enumeration or a kind of
    content it is the only one that is let pass. ``met`` is False for those that no test of the suite shows."""

    reason: str
    section: str
    example: Any = ""
    met: bool = True


_COMPANION = Known("dates have a companion in text", "XERO 3.2", "2026-11-20T00:00:00")
_DOUBLED_ID = Known("the id is told twice", "XERO 3.1", "00000000-0000-0000-0000-000000000000")
_FLAG = Known("a refused element carries its flag, whatever its resource", "XERO 3.4", True)
_WARNED = Known("what was dropped is told, whatever the resource", "XERO 3.4", [])
_PROBLEMS = Known("a refused element carries its problems, whatever its resource", "XERO 3.4", [])
_PAGED = Known("a paged list says which page it is", "XERO 3.8", {})
_STAMP = Known("stamps of connections have seven digits and no zone", "XERO 1.6", "2026-11-20T01:30:00.0000000")
_SINCE = Known("If-Modified-Since is in UTC without saying so", "XERO 3.7", "2026-11-20T01:28:00")
_NUMBER = Known("a document is found by its number too", "XERO 4.3", "inv-0001")

KNOWN: Mapping[tuple[str, str], Known] = {
    ("Invoice.DateString", "member"): _COMPANION,
    ("Invoice.DueDateString", "member"): _COMPANION,
    ("CreditNote.DateString", "member"): _COMPANION,
    ("Prepayment.DateString", "member"): _COMPANION,
    ("Overpayment.DateString", "member"): _COMPANION,
    ("BankTransaction.DateString", "member"): _COMPANION,
    ("Invoice.RoundingAmount", "member"): Known("newer than the file", "XERO 4.3", "0.05"),
    ("Invoice.EnteredTotal", "member"): Known("newer than the file", "XERO 4.3", "110.05"),
    ("CreditNote.ID", "member"): _DOUBLED_ID,
    ("Prepayment.ID", "member"): _DOUBLED_ID,
    ("Overpayment.ID", "member"): _DOUBLED_ID,
    ("CreditNote.IsDiscounted", "member"): Known("told of every document", "XERO 3.1", False),
    ("Account.HasValidationErrors", "member"): _FLAG,
    ("Currency.HasErrors", "member"): _FLAG,
    ("Currency.ValidationErrors", "member"): Known("a refused element says why", "XERO 3.4", [{"Message": "why"}]),
    ("Item.HasValidationErrors", "member"): _FLAG,
    ("BankTransaction.HasErrors", "member"): _FLAG,
    ("ManualJournal.HasErrors", "member"): _FLAG,
    ("BankTransfer.HasErrors", "member"): _FLAG,
    ("BatchPayment.HasErrors", "member"): _FLAG,
    ("LinkedTransaction.HasErrors", "member"): _FLAG,
    ("PurchaseOrder.HasErrors", "member"): _FLAG,
    ("Quote.HasErrors", "member"): _FLAG,
    ("BankTransfer.Warnings", "member"): _WARNED,
    ("Quote.Warnings", "member"): _WARNED,
    ("RepeatingInvoice.Warnings", "member"): _WARNED,
    ("PaymentService.HasErrors", "member"): _FLAG,
    ("RepeatingInvoice.HasErrors", "member"): _FLAG,
    ("RepeatingInvoice.ValidationErrors", "member"): _PROBLEMS,
    ("ContactGroup.HasValidationErrors", "member"): _FLAG,
    ("TaxRate.HasValidationErrors", "member"): _FLAG,
    ("TrackingCategory.HasValidationErrors", "member"): _FLAG,
    ("ContactGroup.ValidationErrors", "member"): _PROBLEMS,
    ("TaxRate.ValidationErrors", "member"): _PROBLEMS,
    ("TrackingCategory.ValidationErrors", "member"): _PROBLEMS,
    ("Account.StatusAttributeString", "member"): Known("an element says what became of it", "XERO 3.4", "OK"),
    ("Quotes.pagination", "member"): _PAGED,
    ("LinkedTransactions.pagination", "member"): _PAGED,
    ("POST /LinkedTransactions", "method"): Known("public clients create by it", "XERO 4.19"),
    ("GET /Employees", "path"): Known("left out of the file since 2026-05, still answered", "XERO 4.24"),
    ("GET /Invoices/{InvoiceID}/OnlineInvoice", "form"): _NUMBER,
    ("HistoryRecord.ValidationErrors", "member"): Known("the file's own example has it", "XERO 4.21", []),
    ("HistoryRecord.DateUTCString", "member"): Known(
        "the file's own example has it", "XERO 4.21", "2019-02-23 05:23:20"
    ),
    ("GET /Invoices/{InvoiceID}", "content"): Known("Accept asks for the PDF", "XERO 3.1", "application/pdf"),
    ("GET /Invoices?If-Modified-Since", "form"): _SINCE,
    ("GET /Contacts?If-Modified-Since", "form"): _SINCE,
    ("GET /Items?If-Modified-Since", "form"): _SINCE,
    ("GET /CreditNotes?If-Modified-Since", "form"): _SINCE,
    ("GET /Overpayments?If-Modified-Since", "form"): _SINCE,
    ("GET /Invoices/{InvoiceID}", "form"): _NUMBER,
    ("GET /CreditNotes/{CreditNoteID}", "form"): _NUMBER,
    ("BudgetBalance.Period", "form"): Known("a month, as the file's own example has it", "XERO 4.24", "2026-11"),
    ("AccessToken.scope", "member"): Known("the SDKs need it", "XERO 9.1", "openid"),
    ("Connection.createdDateUtc", "form"): _STAMP,
    ("Connection.updatedDateUtc", "form"): _STAMP,
}


def is_known(fault: Fault) -> bool:
    """Whether a contradiction is listed; of an enumeration or a kind of content only the listed value is."""
    known = KNOWN.get(fault.key)
    if known is None:
        return False
    return fault.kind not in {"choice", "content"} or fault.value == known.example
