"""Which deals a plan must decide again: what changed since the last one, and whatever is not settled.

The rule is exactness: a plan of the scope, kept, leaves the store as a plan of everything would (a property test holds
both against each other over random histories). What a decision leaned on is in ``core.standing``; here each change is
followed to the deals that may lean on it. A change followed too far costs time, one not followed would be lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import Connection

from crossfoot.core.books import Books, LedgerContact, LedgerInvoice, LedgerItem
from crossfoot.core.links import Kind, record_id_in
from crossfoot.core.records import content_hash
from crossfoot.engine.reading.ledger import CONTACT, INVOICE, ITEM, load_books, load_ledger
from crossfoot.engine.session import Session, zone_of
from crossfoot.store import dispositions
from crossfoot.store.feed import PlannedTo, changed_since, planned_to, touched_since
from crossfoot.store.links import load_links
from crossfoot.store.lookups import find_candidates
from crossfoot.store.versions import last_seq

MERGE_CHAIN_MAX = 10
FORM = 1  # how what is stored is read and compared: raise it when that changes, and everything is decided anew
REFERS = "refers"
"""The key under which a deal is found by the accounts and products that it names."""
CODED_BY = "coded by"
"""The key under which a deal is found by the items, or the missing item codes, that its document was coded with."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What to plan, and what the plan will have been made from. ``deals`` is None for all of them.

    ``accounts`` are those that changed themselves: their own findings may be others now.
    """

    reached: PlannedTo
    deals: frozenset[str] | None = None
    accounts: frozenset[str] = frozenset()


def find_scope(session: Session, connection: Connection, books: Books, *, full: bool = False) -> Scope:
    """Follow what changed since the last kept plan; everything where there is none, or its settings no longer hold."""
    before = planned_to(connection, session.organisation_id)
    reached = PlannedTo(last_seq(connection), _grounds(session, books), _books_hash(books))
    if full or before is None or before.grounds != reached.grounds:
        return Scope(reached)
    return _Following(session, connection, before, books_changed=before.books != reached.books).scope(reached)


def newly_named(session: Session, connection: Connection) -> set[str] | None:
    """Deals that an invoice may name since the last kept plan: it or the deal changed. None: any may be."""
    before = planned_to(connection, session.organisation_id)
    books = load_books(connection, session.organisation_id)
    if before is None or before.grounds != _grounds(session, books):
        return None
    following = _Following(session, connection, before, books_changed=False)
    return following.named()


def _grounds(session: Session, books: Books) -> str:
    """What every decision leans on: how it is taken, the settings, and how instants become days."""
    return content_hash([FORM, session.mapping.hash, session.instance_url, str(zone_of(books.organisation))])


def _books_hash(books: Books) -> str:
    """Reference data but the items, whose changes are followed one by one."""
    parts = (
        asdict(books.organisation),
        {code: asdict(account) for code, account in books.accounts.items()},
        {code: [rate.name, rate.status, rate.rate, sorted(rate.applies_to)] for code, rate in books.tax_rates.items()},
        {
            name: [category.status, sorted(category.active_options), sorted(category.archived_options)]
            for name, category in books.tracking.items()
        },
        sorted(books.currencies),
    )
    return content_hash(list(parts))


class _Following:
    """One walk from changes to deals."""

    def __init__(self, session: Session, connection: Connection, before: PlannedTo, *, books_changed: bool) -> None:
        self._session = session
        self._connection = connection
        self._since = before.seq
        self._books_changed = books_changed
        self._organisation_id = session.organisation_id
        self._touched = touched_since(connection, session.organisation_id, before.seq)

    def scope(self, reached: PlannedTo) -> Scope:
        mapping, org_id = self._session.mapping, self._session.org_id
        accounts = self._changed(org_id, mapping.account_object) | self._touched
        deals = self._changed(org_id, mapping.deal_object) | self._touched
        deals |= dispositions.unsettled(self._connection, self._organisation_id)
        deals |= self._by_invoices(self._changed(self._organisation_id, INVOICE) | self._touched)
        deals |= self._by_accounts(accounts | self._accounts_of_contacts())
        deals |= self._of_accounts(self._touched)  # whether a customer is linked bears on all of its deals
        deals |= self._by_products(self._changed(org_id, mapping.product_object))
        deals |= self._by_items(self._changed(self._organisation_id, ITEM))
        if self._books_changed:
            deals |= dispositions.leaning(self._connection, self._organisation_id)
        return Scope(reached, frozenset(deals), frozenset(accounts))

    def named(self) -> set[str]:
        """Deals that changed, and deals that changed invoices name."""
        changed = self._changed(self._organisation_id, INVOICE) | self._touched
        deals = self._changed(self._session.org_id, self._session.mapping.deal_object)
        return deals | self._touched | self._by_invoices(changed)

    def _changed(self, home: str, kind: str) -> set[str]:
        return changed_since(self._connection, home, kind, self._since)

    def _by_invoices(self, invoice_ids: Iterable[str]) -> set[str]:
        """Deals linked to them, and deals that they name: a second invoice of one deal is a duplicate."""
        ids = set(invoice_ids)
        linked = load_links(self._connection, self._organisation_id, Kind.INVOICE, xero_ids=ids)
        found = {stored.source_id for stored in linked}
        invoices = load_ledger(self._connection, self._organisation_id, INVOICE, LedgerInvoice, ids=ids)
        return found | {deal for invoice in invoices.values() if (deal := record_id_in(invoice.url))}

    def _accounts_of_contacts(self) -> set[str]:
        """Accounts linked to contacts that changed, or to contacts merged into these."""
        ids = self._changed(self._organisation_id, CONTACT) | self._touched
        ids |= merged_into(self._connection, self._organisation_id, ids)
        linked = load_links(self._connection, self._organisation_id, Kind.CONTACT, xero_ids=ids)
        return {stored.source_id for stored in linked}

    def _by_accounts(self, account_ids: set[str]) -> set[str]:
        if self._session.mapping.header_reads_account:  # whether a deal is won at all may hang on its account
            return self._referring(account_ids)
        return dispositions.leaning(self._connection, self._organisation_id, account_ids=account_ids)

    def _of_accounts(self, account_ids: set[str]) -> set[str]:
        found = dispositions.load_dispositions(self._connection, self._organisation_id, account_ids=account_ids)
        return {each.record_id for each in found}

    def _by_products(self, product_ids: set[str]) -> set[str]:
        referring = self._referring(product_ids)
        return dispositions.leaning(self._connection, self._organisation_id, record_ids=referring)

    def _referring(self, ids: set[str]) -> set[str]:
        return find_candidates(self._connection, self._session.org_id, self._session.mapping.deal_object, REFERS, ids)

    def _by_items(self, item_ids: set[str]) -> set[str]:
        """Drafts coded by an item that changed (by its id), or that wanted one of its code and found none."""
        if not item_ids:
            return set()
        items = load_ledger(self._connection, self._organisation_id, ITEM, LedgerItem, ids=item_ids)
        values = {*item_ids, *(item.code.casefold() for item in items.values())}
        coded = find_candidates(self._connection, self._organisation_id, INVOICE, CODED_BY, values)
        return dispositions.leaning(self._connection, self._organisation_id, record_ids=coded)


def merged_into(connection: Connection, organisation_id: str, contact_ids: Iterable[str]) -> set[str]:
    """Contacts that were merged into one of these, at any remove."""
    known, newest = set(contact_ids), set(contact_ids)
    for _ in range(MERGE_CHAIN_MAX):
        found = find_candidates(connection, organisation_id, CONTACT, "merged", newest) - known
        if not found:
            break
        known, newest = known | found, found
    return known - set(contact_ids)


def load_contacts(connection: Connection, organisation_id: str, ids: Iterable[str]) -> dict[str, LedgerContact]:
    """Contacts with all that were merged into them and all that they were merged into."""
    wanted = set(ids)
    wanted |= merged_into(connection, organisation_id, wanted)
    contacts = load_ledger(connection, organisation_id, CONTACT, LedgerContact, ids=wanted)
    for _ in range(MERGE_CHAIN_MAX):
        missing = {contact.merged_to for contact in contacts.values() if contact.merged_to} - contacts.keys()
        found = load_ledger(connection, organisation_id, CONTACT, LedgerContact, ids=missing)
        if not found:
            break
        contacts.update(found)
    return contacts
