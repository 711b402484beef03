"""One Xero organisation: its records by kind, the indexes over them, and undo for calls that fail half-way.

Records are replaced, never changed in place; that makes undo, snapshots and cached order cheap.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from crossfoot.emulators.xero.formats import ZERO, fold, lock_date_text, round_amount

Record = dict[str, Any]
IndexKey = Callable[[Record], str | None]


def _member(*path: str) -> IndexKey:
    def read(record: Record) -> str | None:
        value: Any = record
        for name in path:
            value = (value or {}).get(name)
        return fold(value) if value else None

    return read


def _live_contact(name: str) -> IndexKey:
    read = _member(name)
    return lambda record: read(record) if record["ContactStatus"] == "ACTIVE" else None


def _live_number(sales_type: str, member: str) -> IndexKey:
    # A voided document keeps its number, a deleted draft frees it (XERO 4.3, unconfirmed).
    def read(record: Record) -> str | None:
        free = record["Type"] != sales_type or record["Status"] == "DELETED"
        return None if free else fold(record[member])

    return read


def _kept_number(member: str) -> IndexKey:
    return lambda record: None if record["Status"] == "DELETED" else fold(record[member])


# The series that documents are numbered from, and how each begins unless the organisation chose otherwise (XERO 11)
PREFIXES: Mapping[str, str] = {"invoice": "INV-", "credit_note": "CN-", "purchase_order": "PO-", "quote": "QU-"}

# kind -> index -> key of a record, None where the record is not indexed
INDEXES: Mapping[str, Mapping[str, IndexKey]] = {
    "Accounts": {
        "Code": _member("Code"),
        "Name": lambda record: fold(record["Name"]) if record["Status"] != "DELETED" else None,
        "SystemAccount": _member("SystemAccount"),
    },
    "TaxRates": {"TaxType": _member("TaxType"), "Name": _member("Name")},
    "TrackingCategories": {"Name": _member("Name")},
    "Currencies": {"Code": _member("Code")},
    "Items": {"Code": _member("Code")},
    "Contacts": {
        "Name": _live_contact("Name"),
        "ContactNumber": _live_contact("ContactNumber"),
        "AccountNumber": _live_contact("AccountNumber"),
        "AnyContactNumber": _member("ContactNumber"),
    },
    "Invoices": {
        "UniqueNumber": _live_number("ACCREC", "InvoiceNumber"),
        "InvoiceNumber": _member("InvoiceNumber"),
        "Contact": _member("Contact", "ContactID"),
        "Customer": lambda record: record["Contact"]["ContactID"] if record["Type"] == "ACCREC" else None,
        "Supplier": lambda record: record["Contact"]["ContactID"] if record["Type"] == "ACCPAY" else None,
        "Open": lambda record: record["Contact"]["ContactID"] if record["Status"] == "AUTHORISED" else None,
    },
    "Payments": {"Target": _member("_target")},
    "BankTransactions": {"Contact": _member("Contact", "ContactID")},
    "CreditNotes": {
        "UniqueNumber": _live_number("ACCRECCREDIT", "CreditNoteNumber"),
        "CreditNoteNumber": _member("CreditNoteNumber"),
        "Contact": _member("Contact", "ContactID"),
    },
    "PurchaseOrders": {
        "UniqueNumber": _kept_number("PurchaseOrderNumber"),
        "PurchaseOrderNumber": _member("PurchaseOrderNumber"),
        "Contact": _member("Contact", "ContactID"),
    },
    "Quotes": {"UniqueNumber": _kept_number("QuoteNumber"), "Contact": _member("Contact", "ContactID")},
    "RepeatingInvoices": {"Contact": _member("Contact", "ContactID")},
    "Receipts": {"Contact": _member("Contact", "ContactID")},
    "Prepayments": {"Contact": _member("Contact", "ContactID")},
    "Overpayments": {"Contact": _member("Contact", "ContactID")},
    "ContactGroups": {"Name": lambda record: fold(record["Name"]) if record["Status"] == "ACTIVE" else None},
    "Attachments": {"Parent": _member("_parent")},
    "Journals": {"JournalNumber": lambda record: str(record["JournalNumber"])},
}

_EMPTY: dict[str, None] = {}


class Organisation:
    """The ledger of one tenant. ``state`` holds plain values only: info, tables, counters and day rates."""

    def __init__(self, state: Record) -> None:
        self.state = state
        self._indexes: dict[str, dict[str, dict[str, dict[str, None]]]] = {}
        self._orders: dict[str, tuple[list[tuple[datetime, str]], set[str]]] = {}  # see ``by_stamp``
        self._undo: list[tuple[str, str, Record | None]] | None = None
        self._counters: Record = {}
        self._open = 0  # transactions inside one another
        for kind, table in self.tables.items():
            for record_id, record in table.items():
                self._index(kind, record_id, None, record)

    @property
    def info(self) -> Record:
        info: Record = self.state["info"]
        return info

    @property
    def tables(self) -> dict[str, dict[str, Record]]:
        tables: dict[str, dict[str, Record]] = self.state["tables"]
        return tables

    @property
    def tenant_id(self) -> str:
        return str(self.info["OrganisationID"])

    @property
    def base_currency(self) -> str:
        return str(self.info["BaseCurrency"])

    def get(self, kind: str, record_id: str) -> Record | None:
        return self.tables.get(kind, {}).get(record_id.lower())

    def all(self, kind: str) -> Iterator[Record]:
        return iter(self.tables.get(kind, {}).values())

    def _ids(self, kind: str, index: str, value: str) -> Mapping[str, None]:
        return self._indexes.get(kind, {}).get(index, {}).get(fold(value), _EMPTY)

    def find(self, kind: str, index: str, value: str) -> list[Record]:
        """Records of a kind whose indexed value equals this one, oldest first."""
        table = self.tables.get(kind, {})
        return [table[record_id] for record_id in self._ids(kind, index, value)]

    def has(self, kind: str, index: str, value: str) -> bool:
        """Whether any record of a kind has this indexed value."""
        return bool(self._ids(kind, index, value))

    def find_one(self, kind: str, index: str, value: str) -> Record | None:
        record_id = next(iter(self._ids(kind, index, value)), None)
        return None if record_id is None else self.tables[kind][record_id]

    def put(self, kind: str, record_id: str, record: Record) -> None:
        """Insert or replace a record; the newest stands last in its table."""
        table = self.tables.setdefault(kind, {})
        old = table.pop(record_id, None)
        if self._undo is not None:
            self._undo.append((kind, record_id, old))
        table[record_id] = record
        self._index(kind, record_id, old, record)

    def remove(self, kind: str, record_id: str) -> None:
        old = self.tables[kind].pop(record_id)
        if self._undo is not None:
            self._undo.append((kind, record_id, old))
        self._index(kind, record_id, old, None)

    def _index(self, kind: str, record_id: str, old: Record | None, new: Record | None) -> None:
        if kind in self._orders:
            self._orders[kind][1].add(record_id)
        for name, key_of in INDEXES.get(kind, {}).items():
            before, after = key_of(old) if old else None, key_of(new) if new else None
            if before == after:
                continue
            index = self._indexes.setdefault(kind, {}).setdefault(name, {})
            if before is not None:
                index[before].pop(record_id)
            if after is not None:
                index.setdefault(after, {})[record_id] = None

    def by_stamp(self, kind: str, since: datetime | None = None) -> list[Record]:
        """Records in the default order, UpdatedDateUTC then id, from an instant on (XERO 3.7, 3.8).

        The order is kept between reads; each read places anew only what was written since the last one.
        """
        table = self.tables.get(kind, {})
        keys, written = self._orders.get(kind) or ([], set(table))
        if written:
            keys = [key for key in keys if key[1] not in written]
            keys += [(table[record_id]["UpdatedDateUTC"], record_id) for record_id in written if record_id in table]
            keys.sort()
            self._orders[kind] = keys, set()
        first = 0 if since is None else bisect_left(keys, (since,))
        return [table[record_id] for _, record_id in keys[first:]]

    def begin(self) -> None:
        """Open a transaction; one inside another belongs to it, and begins before anything was changed."""
        self._open += 1
        if self._open == 1:
            self._undo = []
            self._counters = dict(self.state["counters"])
        assert not self._undo

    def mark(self) -> int:
        assert self._undo is not None
        return len(self._undo)

    def roll_back(self, mark: int = 0) -> None:
        """Take back every change made since the mark."""
        undo, self._undo = self._undo, None
        assert undo is not None
        while len(undo) > mark:
            kind, record_id, old = undo.pop()
            if old is None:
                self.remove(kind, record_id)
            else:
                self.put(kind, record_id, old)
        self._undo = undo
        if mark == 0:
            self.state["counters"] = dict(self._counters)

    def end(self) -> None:
        self._open -= 1
        if not self._open:
            self._undo = None

    def next_number(self, kind: str, series: str) -> str:
        """The next free number of one of the organisation's series, as ``INV-0001`` (XERO 4.3)."""
        counters = self.state["counters"]
        while True:
            counters[series] = counters.get(series, 0) + 1
            number = f"{counters.get(f'{series}_prefix', PREFIXES[series])}{counters[series]:04d}"
            if not self.has(kind, "UniqueNumber", number):
                return number

    def day_rate(self, currency: str, day: date) -> Decimal:
        """Foreign units per base unit on a day: a table entry, else the currency's level with a small daily wobble."""
        rates = self.state["rates"]
        fixed = rates["days"].get(day.isoformat(), {}).get(currency)
        if fixed is not None:
            return Decimal(fixed)
        wobble = int.from_bytes(sha256(f"{currency}{day.isoformat()}".encode()).digest()[:2], "big") % 2001 - 1000
        level = Decimal(rates["levels"].get(currency, "1"))
        return round_amount(level * (1 + Decimal(wobble) / 100_000), 6)

    def lock_problem(self, day: date, *, adviser: bool) -> str | None:
        """Why a document of this date may not be posted or changed; advisers pass the period lock (XERO 4.13)."""
        locks = (("EndOfYearLockDate", "end of year lock date", False), ("PeriodLockDate", "period lock date", adviser))
        for name, words, passes in locks:
            lock: date | None = self.info.get(name)
            if lock is not None and day <= lock and not passes:
                return f"The document date cannot be before the {words}, currently set at {lock_date_text(lock)}"
        return None

    def outstanding(self, contact_id: str, day: date) -> Record:
        """``Balances`` of a contact in base currency: what approved documents still owe (XERO 4.1)."""
        sums = {kind: {"Outstanding": ZERO, "Overdue": ZERO} for kind in ("ACCREC", "ACCPAY")}
        for invoice in self.find("Invoices", "Open", contact_id):
            due = round_amount(invoice["AmountDue"] / invoice["CurrencyRate"])
            sums[invoice["Type"]]["Outstanding"] += due
            if invoice["DueDate"] < day:
                sums[invoice["Type"]]["Overdue"] += due
        return {"AccountsReceivable": sums["ACCREC"], "AccountsPayable": sums["ACCPAY"]}
