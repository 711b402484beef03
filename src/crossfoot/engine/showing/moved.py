"""Which stored records may show otherwise in Salesforce than when they were carried there last.

The rule is exactness, as in planning: carrying what moved leaves the store as carrying everything would (a property
test holds both against each other). A change followed too far costs time, one not followed would be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection

from crossfoot.core.books import Books, LedgerCredit, LedgerCreditNote, LedgerInvoice, LedgerItem
from crossfoot.core.decided import item_key
from crossfoot.core.links import Kind
from crossfoot.core.records import content_hash
from crossfoot.engine.reading.ledger import BILL, CONTACT, CREDIT, CREDIT_NOTE, INVOICE, ITEM, load_ledger
from crossfoot.engine.reading.scope import REFERS
from crossfoot.engine.session import Session
from crossfoot.engine.showing.balances import turning_day
from crossfoot.store.dispositions import load_dispositions, planned_since
from crossfoot.store.feed import ShownTo, changed_since, planned_to, shown_to, touched_since
from crossfoot.store.links import linked_pairs, load_links
from crossfoot.store.lookups import Keys, chunks, find_candidates, save_keys
from crossfoot.store.versions import last_seq, standing_keys, unread
from crossfoot.store.write_backs import rows_but

DAYS_MAX = 400
FORM = 3  # how rows are made of what is stored: raise it when that changes, and every row is worked out anew
# Keys under which documents are found by what their rows lean on.
OWED_BY, APPLIED_TO, SOLD, TURNS = "owed by", "applied to", "sold", "turns"
NAMED_BY = "named by"
"""The key under which a contact is found by the documents that name it, or once did."""
Document = LedgerInvoice | LedgerCredit | LedgerCreditNote
_DOCUMENTS: Mapping[str, type[LedgerInvoice] | type[LedgerCredit] | type[LedgerCreditNote]] = {
    INVOICE: LedgerInvoice,
    CREDIT: LedgerCredit,
    CREDIT_NOTE: LedgerCreditNote,
}


@dataclass(frozen=True, slots=True)
class Moved:
    """Ids of what to show anew, and how far all is carried then. Some may stand for nothing that is stored. Among the
    ``contacts`` are accounts whose link may be gone."""

    reached: ShownTo
    invoices: frozenset[str]
    contacts: frozenset[str]
    notes: frozenset[str]
    bills: frozenset[str]
    deals: frozenset[str]
    items: bool


def find_moved(session: Session, connection: Connection, books: Books, as_of: date, *, full: bool = False) -> Moved:
    """Follow what changed since the last time; everything where there is none, or what it leaned on holds no more."""
    home = session.organisation_id
    before, plan = shown_to(connection, home), planned_to(connection, home)
    # Nobody has seen these in Xero yet: the position waits for them.
    waiting = unread(connection, home, INVOICE).values()
    seq = min([last_seq(connection), *(changed - 1 for changed in waiting)])
    reached = ShownTo(seq, plan.seq if plan else 0, _grounds(session, books), as_of.isoformat())
    if full or before is None or before.grounds != reached.grounds or not _near(before, as_of):
        return _everything(session, connection, books, reached)
    return _Following(session, connection, books, before, as_of).moved(reached)


def _near(before: ShownTo, as_of: date) -> bool:
    return timedelta(0) <= as_of - date.fromisoformat(before.as_of) <= timedelta(days=DAYS_MAX)


def _grounds(session: Session, books: Books) -> str:
    """What every row leans on: the settings, and the reference data that lines point at."""
    return content_hash(
        [
            FORM,
            session.mapping.hash,
            session.mapping.has_currencies,
            books.organisation.short_code,
            {code: account.account_id for code, account in books.accounts.items()},
            sorted(books.tax_rates),
        ]
    )


def _everything(session: Session, connection: Connection, books: Books, reached: ShownTo) -> Moved:
    home = session.organisation_id
    kinds = (*_DOCUMENTS, CONTACT, BILL)
    ids = {kind: [key for key, _ in standing_keys(connection, home, kind)] for kind in kinds}
    for kind in _DOCUMENTS:
        keep_keys(connection, home, kind, ids[kind], books)
    linked = dict(linked_pairs(connection, home, Kind.CONTACT))
    told = rows_but(connection, home, session.mapping.account_object, "")
    return Moved(
        reached,
        invoices=frozenset(ids[INVOICE]),
        contacts=frozenset({*ids[CONTACT], *linked.values(), *(told - linked.keys())}),
        notes=frozenset(ids[CREDIT_NOTE]),
        bills=frozenset(ids[BILL]),
        deals=frozenset(each.record_id for each in load_dispositions(connection, home)),
        items=True,
    )


def keep_keys(connection: Connection, home: str, kind: str, ids: Iterable[str], books: Books) -> set[str]:
    """Keep by what documents are found, and return the customers that they name now."""
    owing: set[str] = set()
    for part in chunks(ids):
        documents = load_ledger(connection, home, kind, _DOCUMENTS[kind], ids=part)
        save_keys(connection, home, kind, {key: _keys(document, books) for key, document in documents.items()})
        named: dict[str, list[tuple[str, str]]] = {}
        for key, document in documents.items():
            named.setdefault(document.contact_id, []).append((NAMED_BY, key))
        save_keys(connection, home, CONTACT, {contact: tuple(keys) for contact, keys in named.items()})
        owing |= named.keys()
    return owing


def _keys(document: Document, books: Books) -> Keys:
    owed = (OWED_BY, document.contact_id)
    match document:
        case LedgerInvoice():
            codes = {item_key(line.item_code) for line in document.lines if line.item_code}
            sold = {*codes, *(books.items[code].item_id for code in codes if code in books.items)}
            turns = turning_day(document)
            return (owed, (TURNS, turns.isoformat() if turns else ""), *((SOLD, each) for each in sorted(sold)))
        case LedgerCreditNote():
            return (owed, *((APPLIED_TO, invoice) for invoice in document.invoice_ids))
        case LedgerCredit():
            return (owed,)


class _Following:
    """One walk from changes to what shows them."""

    def __init__(self, session: Session, connection: Connection, books: Books, before: ShownTo, as_of: date) -> None:
        self._session, self._connection, self._books = session, connection, books
        self._home, self._before, self._as_of = session.organisation_id, before, as_of
        self._touched = touched_since(connection, self._home, before.seq)

    def moved(self, reached: ShownTo) -> Moved:
        mapping, org_id = self._session.mapping, self._session.org_id
        changed = {kind: self._changed(self._home, kind) for kind in (*_DOCUMENTS, CONTACT, ITEM, BILL)}
        owing = {kind: self._owing(kind, changed[kind]) for kind in _DOCUMENTS}
        accounts = self._changed(org_id, mapping.account_object)  # nothing points at one that was deleted
        deals = self._changed(org_id, mapping.deal_object) | self._referring(accounts) | self._touched
        linked = self._touched | self._linked(Kind.CONTACT, self._touched | accounts)
        linked_deals = self._linked(Kind.INVOICE, deals)
        invoices = changed[INVOICE] | self._touched | linked_deals
        invoices |= self._find(INVOICE, OWED_BY, linked | owing[CREDIT]) | self._selling(changed[ITEM])
        notes = changed[CREDIT_NOTE] | self._find(CREDIT_NOTE, OWED_BY, linked)
        notes |= self._find(CREDIT_NOTE, APPLIED_TO, self._touched | linked_deals)
        turning = self._find(INVOICE, TURNS, self._days())
        contacts = changed[CONTACT] | linked | set().union(*owing.values()) | self._find(CONTACT, NAMED_BY, turning)
        return Moved(
            reached,
            invoices=frozenset(invoices),
            contacts=frozenset(contacts),
            notes=frozenset(notes),
            bills=frozenset(changed[BILL]),
            deals=frozenset(deals | self._deals_of(invoices) | self._planned()),
            items=bool(changed[ITEM] or self._changed(org_id, mapping.product_object)),
        )

    def _changed(self, home: str, kind: str) -> set[str]:
        return changed_since(self._connection, home, kind, self._before.seq)

    def _planned(self) -> set[str]:
        """A plan that was made before the last time may have been kept after it, with the same sequence."""
        return planned_since(self._connection, self._home, self._before.planned_seq)

    def _find(self, kind: str, name: str, values: Iterable[str]) -> set[str]:
        return find_candidates(self._connection, self._home, kind, name, values)

    def _referring(self, accounts: set[str]) -> set[str]:
        mapping = self._session.mapping
        return find_candidates(self._connection, self._session.org_id, mapping.deal_object, REFERS, accounts)

    def _owing(self, kind: str, ids: set[str]) -> set[str]:
        """Customers that documents name, and those that they named before."""
        now = keep_keys(self._connection, self._home, kind, ids, self._books)
        return now | self._find(CONTACT, NAMED_BY, ids)

    def _linked(self, kind: Kind, sources: Iterable[str]) -> set[str]:
        found = load_links(self._connection, self._home, kind, source_keys=sources)
        return {stored.link.xero_id for stored in found}

    def _deals_of(self, invoices: Iterable[str]) -> set[str]:
        return {
            stored.source_id for stored in load_links(self._connection, self._home, Kind.INVOICE, xero_ids=invoices)
        }

    def _selling(self, item_ids: set[str]) -> set[str]:
        """Invoices with an item that changed: by its id, and by its code as it is now."""
        items = load_ledger(self._connection, self._home, ITEM, LedgerItem, ids=item_ids)
        return self._find(INVOICE, SOLD, {*item_ids, *(item_key(item.code) for item in items.values())})

    def _days(self) -> list[str]:
        """The days that began since, on which what somebody owes may have turned overdue."""
        first = date.fromisoformat(self._before.as_of)
        return [(first + timedelta(days=n + 1)).isoformat() for n in range((self._as_of - first).days)]
