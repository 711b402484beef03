"""Where Xero's OpenAPI files disagree with live answers, by name: each with its reason and where it is documented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .schemas import Fault


@dataclass(frozen=True, slots=True)
class Known:
    """One fault of a file. ``example`` is a value that the file refuses; of an enumeration it is the only one that is
    let pass. ``met`` is False for those that no test of the suite shows."""

    reason: str
    section: str
    example: Any = ""
    met: bool = True


_COMPANION = Known("dates have a companion in text", "XERO 3.2", "2026-11-20T00:00:00")
_DOUBLED_ID = Known("the id is told twice", "XERO 3.1", "00000000-0000-0000-0000-000000000000")
_FLAG = Known("a refused element carries its flag, whatever its resource", "XERO 3.4", True)
_STAMP = Known("stamps of connections have seven digits and no zone", "XERO 1.6", "2026-11-20T01:30:00.0000000")
_NUMBER = Known("a document is found by its number too", "XERO 4.3", "inv-0001")

KNOWN: Mapping[tuple[str, str], Known] = {
    ("Invoice.DateString", "member"): _COMPANION,
    ("Invoice.DueDateString", "member"): _COMPANION,
    ("CreditNote.DateString", "member"): _COMPANION,
    ("Prepayment.DateString", "member"): _COMPANION,
    ("Overpayment.DateString", "member"): _COMPANION,
    ("BankTransaction.DateString", "member"): _COMPANION,
    ("CreditNote.ID", "member"): _DOUBLED_ID,
    ("Prepayment.ID", "member"): _DOUBLED_ID,
    ("Overpayment.ID", "member"): _DOUBLED_ID,
    ("CreditNote.IsDiscounted", "member"): Known("told of every document", "XERO 3.1", False),
    ("Account.HasValidationErrors", "member"): _FLAG,
    ("Item.HasValidationErrors", "member"): _FLAG,
    ("BankTransaction.HasErrors", "member"): _FLAG,
    ("GET /Invoices/{InvoiceID}", "form"): _NUMBER,
    ("GET /CreditNotes/{CreditNoteID}", "form"): _NUMBER,
    ("BudgetBalance.Period", "form"): Known("a month, as the file's own example has it", "XERO 4.24", "2026-11"),
    ("AccessToken.scope", "member"): Known("the SDKs need it", "XERO 9.1", "openid"),
    ("Connection.createdDateUtc", "form"): _STAMP,
    ("Connection.updatedDateUtc", "form"): _STAMP,
}


def is_known(fault: Fault) -> bool:
    """Whether a contradiction is listed; an enumeration's only for the listed value."""
    known = KNOWN.get(fault.key)
    return known is not None and (fault.kind != "choice" or fault.value == known.example)
