"""History and notes: what Xero itself writes about a record, and the notes that are added to it (XERO 4.21).

The rows live with their record, under a private member, so that they come and go with its transaction. A row is kept
as (instant, change, user, details).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

Record = dict[str, Any]
Row = tuple[datetime, str, str, str]

KINDS = frozenset(
    {
        "BankTransactions",
        "BankTransfers",
        "BatchPayments",
        "Contacts",
        "CreditNotes",
        "ExpenseClaims",
        "Invoices",
        "Items",
        "ManualJournals",
        "Overpayments",
        "Payments",
        "Prepayments",
        "PurchaseOrders",
        "Quotes",
        "Receipts",
        "RepeatingInvoices",
    }
)
NOTE_LENGTH_MAX = 2500
SYSTEM_USER = "System Generated"
_DRAFTED = frozenset({"Invoices", "CreditNotes", "PurchaseOrders", "Quotes"})  # kinds whose life begins as a draft
_CHANGES: Mapping[str | None, str] = {
    "SUBMITTED": "Submitted",
    "AUTHORISED": "Approved",
    "PAID": "Paid",
    "VOIDED": "Voided",
    "DELETED": "Deleted",
    "ARCHIVED": "Archived",
}
_NAMES = ("InvoiceNumber", "CreditNoteNumber", "PurchaseOrderNumber", "QuoteNumber", "Name", "Reference")
_AMOUNTS = ("Total", "Amount")
_LEFT = ("AmountDue", "RemainingCredit")


def rows(record: Record) -> list[Row]:
    """The history of a record, oldest first; one stored by an older version has none."""
    found: list[Row] = record.get("_history", [])
    return found


def after_write(plural: str, old: Record | None, new: Record, at: datetime, user: str, app: str | None) -> list[Row]:
    """The history of a record that has just been created or changed, with the system's own rows for that, unless the
    change has told its row already."""
    if old and len(rows(new)) > len(rows(old)):
        return rows(new)
    details = _described(new) + (f" through the Xero API using {app}" if app else "")
    return [*(rows(old) if old else ()), *((at, change, user, details) for change in _changes(plural, old, new))]


def with_row(record: Record, row: Row) -> Record:
    """A copy of a record with one more row."""
    return {**record, "_history": [*rows(record), row]}


def shown(row: Row) -> Record:
    """A row as the API shows it."""
    at, change, user, details = row
    return {
        "Changes": change,
        "DateUTC": at,
        "DateUTCString": f"{at:%Y-%m-%d %H:%M:%S}",
        "User": user,
        "Details": details,
    }


def _changes(plural: str, old: Record | None, new: Record) -> list[str]:
    """Xero's words for the difference: a change of status has its own, money that came in is Paid, the rest Edited."""
    after = _status(new)
    if old is None:
        begun_as = "DRAFT" if plural in _DRAFTED else after
        return ["Created", *([_CHANGES[after]] if after != begun_as and after in _CHANGES else [])]
    before = _status(old)
    if after != before and (before, after) != ("PAID", "AUTHORISED"):
        return [_CHANGES.get(after, "Edited")]
    left = _first(old, _LEFT), _first(new, _LEFT)
    fell = None not in left and left[1] < left[0] and old.get("Total") == new.get("Total")
    return ["Paid" if fell else "Edited"]


def _described(record: Record) -> str:
    name, amount, left = (_first(record, names) for names in (_NAMES, _AMOUNTS, _LEFT))
    parts = [str(name or ""), "" if amount is None else f"for {amount}", "" if left is None else f"({left} left)"]
    return " ".join(part for part in parts if part)


def _status(record: Record) -> str | None:
    found: str | None = _first(record, ("Status", "ContactStatus"))
    return found


def _first(record: Record, names: tuple[str, ...]) -> Any:
    return next((record[name] for name in names if record.get(name) is not None), None)
