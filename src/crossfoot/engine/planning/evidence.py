"""What decisions are made from: deals, customers and ledger documents, read for all deals or for those of a scope.

Both ways give the same decisions. For a scope only what could bear on it is read, by keys kept as versions are stored;
a key may lead to more than is asked for and never to less, and the same core code then looks at what was found.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection

from crossfoot.core.books import Books, LedgerContact, LedgerInvoice
from crossfoot.core.coding import as_taxed
from crossfoot.core.decided import Context, Mirror
from crossfoot.core.documents import Deal, IntendedContact
from crossfoot.core.invoiced import reference_word
from crossfoot.core.links import Kind, document_number
from crossfoot.core.matching import (
    CONTACT_NAME_LENGTH_MAX,
    ContactDirectory,
    decide_contacts,
    suffixed_names,
    use_chosen,
)
from crossfoot.core.names import name_key, unique_name
from crossfoot.core.overrides import overridden
from crossfoot.core.reach import KINDS, account_reached_at
from crossfoot.core.standing import account_of, moves_in
from crossfoot.engine.planning.accounts import Accounts
from crossfoot.engine.planning.similar import similar_names
from crossfoot.engine.planning.spelling import spelt
from crossfoot.engine.reading.ledger import CONTACT, INVOICE, canonical_tax_number, load_ledger
from crossfoot.engine.reading.scope import Scope, load_contacts
from crossfoot.engine.session import Session, zone_of
from crossfoot.mapping.deals import Related
from crossfoot.store import dispositions
from crossfoot.store import queue as queue_store
from crossfoot.store.acts import credited_invoices
from crossfoot.store.codec import decode_fields
from crossfoot.store.links import StoredLink, highest_epochs, load_links
from crossfoot.store.lookups import find_candidates, load_names
from crossfoot.store.overrides import load_overrides
from crossfoot.store.versions import Version, load_versions

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The deals of a scope in the order of their ids, and the context in which they are decided."""

    deals: tuple[Deal, ...]
    context: Context
    accounts: Accounts
    linked_accounts: frozenset[str] = frozenset()


def read_evidence(
    session: Session,
    connection: Connection,
    books: Books,
    as_of: dt.date,
    scope: Scope,
    *,
    unlinked: Collection[str] = (),
) -> Evidence:
    """Read what the scope's decisions are made from. Deals in ``unlinked`` are seen as if their invoices had been taken
    back."""
    decided = load_overrides(connection, session.organisation_id, scope.deals)
    accounts = Accounts(session)
    read = read_deals(session, connection, books, scope, accounts, decided=decided)
    deals = [overridden(deal, decided.get(deal.ref.id, ())) for deal in read]
    ids = None if scope.deals is None else [deal.ref.id for deal in deals]
    organisation_id = session.organisation_id
    links = {
        s.source_id: s
        for s in load_links(connection, organisation_id, Kind.INVOICE, source_keys=ids)
        if s.source_id not in unlinked
    }
    epochs = highest_epochs(connection, organisation_id, Kind.INVOICE, ids)
    customers = _Customers(session, connection, scope, deals, epochs, accounts)
    invoices = (
        load_ledger(connection, organisation_id, INVOICE, LedgerInvoice)
        if scope.deals is None
        else _invoices_for(session, connection, deals, links, epochs, customers)
    )
    linked = _claimed(session, connection, scope, deals, links, invoices)
    stood = queue_store.buckets(connection, organisation_id, ids)
    credited = credited_invoices(connection, organisation_id, None if ids is None else invoices)
    context = Context(
        org_id=session.org_id,
        policy=session.mapping.policy,
        books=books,
        as_of=as_of,
        contacts=customers.decisions,
        accounts=customers.accounts,
        chosen=customers.chosen_for,
        mirror=Mirror(invoices, linked=frozenset(credited | linked), credited=frozenset(credited)),
        links={source_id: stored.link for source_id, stored in links.items()},
        link_source_hash={source_id: stored.source_hash for source_id, stored in links.items()},
        epochs=epochs,
        not_same=customers.not_same,
        undone=frozenset(source for source, _ in queue_store.decisions(connection, organisation_id, "undone")),
        stood=stood,
        sales_terms=partial(_sales_terms, customers.contacts),
    )
    return Evidence(tuple(deals), context, accounts, frozenset(customers.links))


def _claimed(
    session: Session,
    connection: Connection,
    scope: Scope,
    deals: Iterable[Deal],
    links: Mapping[str, StoredLink],
    invoices: Iterable[str],
) -> set[str]:
    """Invoices that are a deal's already. One of a record that is no source any more, since the settings name another
    object, is nobody's: what it bills may come once more as a record of that object."""
    found = list(links.values())
    sources = {deal.ref.id for deal in deals}
    if scope.deals is not None:
        others = set(invoices) - {stored.link.xero_id for stored in found}
        found += load_links(connection, session.organisation_id, Kind.INVOICE, xero_ids=others)
        elsewhere = {stored.source_id for stored in found} - sources
        known = load_versions(connection, session.org_id, session.mapping.deal_object, ids=elsewhere)
        sources |= {version.ref.id for version in known}
    return {stored.link.xero_id for stored in found if stored.source_id in sources}


def _sales_terms(contacts: Mapping[str, LedgerContact], contact_id: str) -> tuple[int, str] | None:
    return contacts[contact_id].sales_terms if contact_id in contacts else None


def read_deals(
    session: Session,
    connection: Connection,
    books: Books,
    scope: Scope,
    accounts: Accounts,
    *,
    decided: Collection[str],
) -> list[Deal]:
    """The deals of a scope as their sources have them, in the order of their ids. Those about which people ``decided``
    something have the tax that the customer's country imposes: a decision about tax is one against that."""
    mapping, zone = session.mapping, zone_of(books.organisation)
    versions = sorted(
        load_versions(connection, session.org_id, mapping.deal_object, ids=scope.deals), key=lambda v: v.ref.id
    )
    bodies = [decode_fields(version.body) for version in versions]
    related = _related(session, connection, bodies, accounts, every=scope.deals is None)
    deals = [
        mapping.deal(
            version.ref.id,
            fields,
            related,
            zone=zone,
            instance_url=session.instance_url,
            deleted=version.deleted,
        )
        for version, fields in zip(versions, bodies, strict=True)
    ]
    customers = accounts.contacts(connection, {account_of(deal) for deal in deals if deal.ref.id in decided} - {""})
    return [
        _as_taxed(session, deal, customers[account_of(deal)][0], books)
        if deal.ref.id in decided and account_of(deal) in customers
        else deal
        for deal in deals
    ]


def _as_taxed(session: Session, deal: Deal, customer: IntendedContact, books: Books) -> Deal:
    assert deal.invoice is not None  # it names the customer
    invoice = as_taxed(deal.invoice, customer.country, books, session.mapping.policy.coding)
    return replace(deal, invoice=invoice)


def _related(
    session: Session, connection: Connection, bodies: Iterable[Fields], accounts: Accounts, *, every: bool
) -> Related:
    mapping = session.mapping
    of_deals: set[str] = set()
    products: set[str] = set()
    lines = mapping.settings.flows.invoices.lines.source
    for fields in bodies:
        of_deals.add(fields.get(f"{mapping.account_object}Id") or "")
        products.update(row.get(f"{mapping.product_object}Id") or "" for row in fields.get(lines) or ())
    return Related(
        accounts.fields(connection, None if every else of_deals),
        {v.ref.id: decode_fields(v.body) for v in _products(session, connection, None if every else products)},
    )


def _products(session: Session, connection: Connection, ids: Iterable[str] | None) -> Iterator[Version]:
    found = load_versions(connection, session.org_id, session.mapping.product_object, ids=ids)
    return (version for version in found if not version.deleted)


def _invoices_for(
    session: Session,
    connection: Connection,
    deals: Iterable[Deal],
    links: Mapping[str, StoredLink],
    epochs: Mapping[str, int],
    customers: _Customers,
) -> dict[str, LedgerInvoice]:
    """Their own invoices; and for deals without one, all that may be theirs or stand in their way."""
    policy = session.mapping.policy
    markers: set[str] = set()
    words: set[str] = set()
    numbers: set[str] = set()
    months: set[str] = set()
    for deal in deals:
        markers.add(deal.ref.id)
        if deal.ref.id in links or deal.invoice is None:
            continue
        own = deal.invoice.own_number
        words |= {reference_word(deal.ref.id), reference_word(own)}
        if own:
            epoch = epochs.get(deal.ref.id, 0) + 1
            numbers |= {own.casefold(), document_number(policy.number_prefix, own, epoch=epoch).casefold()}
        if contact_id := customers.contact_of(deal):
            reach = dt.timedelta(days=policy.double_billing_days)
            months |= months_of(
                contact_id, deal.invoice.currency, deal.invoice.dated - reach, deal.invoice.dated + reach
            )
    ids = {stored.link.xero_id for stored in links.values()}
    for name, values in (("marker", markers), ("word", words), ("number", numbers), ("month", months)):
        ids |= find_candidates(connection, session.organisation_id, INVOICE, name, values)
    return load_ledger(connection, session.organisation_id, INVOICE, LedgerInvoice, ids=ids)


def months_of(contact_id: str, currency: str, first: dt.date, last: dt.date) -> set[str]:
    """The keys under which invoices of a customer between two days are found."""
    found = set()
    month = first.replace(day=1)
    while month <= last:
        found.add(f"{contact_id} {currency} {month:%Y-%m}")
        month = (month + dt.timedelta(days=32)).replace(day=1)
    return found


class _Customers:
    """Customers of the scope, each with its decision. Linked ones need their contact alone; the others also see every
    contact that might be them, and every account that might be the same customer."""

    def __init__(
        self,
        session: Session,
        connection: Connection,
        scope: Scope,
        deals: Iterable[Deal],
        invoiced: Collection[str],
        accounts: Accounts,
    ) -> None:
        self._session = session
        self._reader = accounts
        self._connection = connection
        self._org_id, self._organisation_id = session.org_id, session.organisation_id
        self._deals = list(deals)
        self._planned = None if scope.deals is None else {*scope.deals}
        start = session.mapping.policy.start_date
        moving = {account_of(d) for d in self._deals if moves_in(d, start, linked=d.ref.id in invoiced)}
        self.not_same = frozenset(queue_store.decisions(connection, self._organisation_id, "not_same"))
        self.chosen = dict(queue_store.decisions(connection, self._organisation_id, "link_contact"))
        self._ids = {account_of(deal) for deal in self._deals} - {""}
        self.accounts = self._load_accounts(self._ids)
        if self._planned is None:
            self._read_everything()
        else:
            self._read_for(moving, scope.accounts)
            moving |= self._peers
        self.directory = ContactDirectory(
            dict(self.contacts),
            similar_names,
            linked_accounts={contact_id: account_id for account_id, contact_id in self._all_links.items()},
            tax_number_of=canonical_tax_number,
            spelt=spelt,
        )
        self.decisions = decide_contacts(
            [self.accounts[account_id] for account_id in sorted(moving) if account_id in self.accounts],
            self.directory,
            links=self._all_links,
            chosen=self.chosen,
            not_same=self.not_same,
        )
        self.chosen_for = {
            deal.ref.id: use_chosen(self.accounts[account_of(deal)], deal.bill_to, self.directory)
            for deal in self._deals
            if deal.bill_to and account_of(deal) in self.accounts
        }

    @property
    def links(self) -> Mapping[str, str]:
        """Contact ids by account, as far as they were read."""
        return self._all_links

    def contact_of(self, deal: Deal) -> str:
        """The contact that a deal's documents go to; blank where there is none yet."""
        decision = self.chosen_for.get(deal.ref.id) or self.decisions.get(account_of(deal))
        return decision.contact_id if decision else ""

    def _load_accounts(self, ids: Iterable[str]) -> dict[str, IntendedContact]:
        return {each: contact for each, (contact, _) in self._reader.contacts(self._connection, set(ids)).items()}

    def _contact_links(self, **which: Iterable[str]) -> dict[str, str]:
        found = load_links(self._connection, self._organisation_id, Kind.CONTACT, **which)  # type: ignore[arg-type]
        return {stored.source_id: stored.link.xero_id for stored in found}

    def _read_everything(self) -> None:
        self.contacts = load_ledger(self._connection, self._organisation_id, CONTACT, LedgerContact)
        self._all_links = self._contact_links()
        self._peers: set[str] = set()

    def _read_for(self, moving: set[str], changed: Iterable[str]) -> None:
        self._all_links = self._contact_links(source_keys=self._ids)
        known = {**self.chosen, **self._all_links}
        ids = {contact_id for account_id, contact_id in known.items() if account_id in self.accounts}
        ids |= {deal.bill_to for deal in self._deals if deal.bill_to}
        unlinked = [self.accounts[each] for each in sorted(moving & self.accounts.keys()) if each not in known]
        if unlinked:
            ids |= self._contacts_like(unlinked)
        self.contacts = load_contacts(self._connection, self._organisation_id, ids)
        self._peers = set()
        if unlinked:
            self._read_peers(unlinked, moving, changed)

    def _contacts_like(self, accounts: Iterable[IntendedContact]) -> set[str]:
        """Contacts that matching may ask for: of the same id, tax number, e-mail, domain or phone, or of a similar
        name."""
        marks, taxes, names = set(), set(), set()
        reaches: dict[str, set[str]] = {kind: set() for kind in KINDS}
        for account in accounts:
            name = account.name[:CONTACT_NAME_LENGTH_MAX]
            marks.add(account.source.id)
            taxes.add(account.tax_number)
            names |= {unique_name(each) for each in (name, *suffixed_names(name, account))}
            for kind, value in account_reached_at(account):
                reaches[kind].add(value)
        ids: set[str] = set()
        for name, values in (("marker", marks), ("tax", taxes), ("name", names), *reaches.items()):
            ids |= find_candidates(self._connection, self._organisation_id, CONTACT, name, values)
        known, keys = load_names(self._connection, self._organisation_id, CONTACT)
        for account in accounts:
            key = name_key(account.name)
            ids |= {known[i] for i in similar_names(key, keys, limit=None)}
            ids |= {known[i] for i, other in enumerate(keys) if other == key}
        return ids

    def _read_peers(self, unlinked: Iterable[IntendedContact], moving: set[str], changed: Iterable[str]) -> None:
        """Accounts beyond the scope that moved in: of the same tax number, or linked to a contact that was found."""
        taxes = {account.tax_number for account in unlinked}
        kind = self._session.mapping.account_object
        linked = self._contact_links(xero_ids=self.contacts)
        self._all_links |= linked
        ids = find_candidates(self._connection, self._org_id, kind, "tax", taxes) | linked.keys() | set(changed)
        standing = dispositions.load_dispositions(self._connection, self._organisation_id, account_ids=ids - moving)
        assert self._planned is not None
        self._peers = {d.account_id for d in standing if d.moves_in and d.record_id not in self._planned}
        self.accounts |= self._load_accounts(self._peers - self.accounts.keys())
        self._all_links |= self._contact_links(source_keys=self._peers)
        missing = {self._all_links[each] for each in self._peers if each in self._all_links} - self.contacts.keys()
        self.contacts |= load_contacts(self._connection, self._organisation_id, missing)
