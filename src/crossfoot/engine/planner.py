"""Plan: stored versions, links and books in, the pure core asked, its decisions and findings kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rapidfuzz import fuzz, process
from sqlalchemy import Connection
from stdnum.au import abn
from stdnum.exceptions import ValidationError

from crossfoot.core.books import Books, LedgerContact, LedgerInvoice
from crossfoot.core.documents import Deal, IntendedContact, IntendedItem
from crossfoot.core.findings import REASONS, Finding
from crossfoot.core.links import Identity, Kind
from crossfoot.core.matching import ContactDecision, ContactDirectory, decide_contacts
from crossfoot.core.money import Money
from crossfoot.core.plan import (
    Action,
    Bucket,
    Context,
    DealDecision,
    Mirror,
    Operation,
    decide_deal,
    item_key,
)
from crossfoot.engine.ledger import CONTACT, INVOICE, load_books, load_ledger
from crossfoot.engine.session import Session, zone_of
from crossfoot.mapping.compiled import Related
from crossfoot.store import links as link_store
from crossfoot.store import queue as queue_store
from crossfoot.store.codec import decode_fields
from crossfoot.store.operations import standing_refusals
from crossfoot.store.versions import Version, load_versions, newest_change

SIMILAR_SCORE_MIN = 88.0
REFUSED_AGAIN_AFTER = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan: what would be written, in order, and every decision behind it."""

    as_of: dt.date
    books: Books
    decisions: tuple[DealDecision, ...]
    contacts: Mapping[str, ContactDecision]
    operations: tuple[Operation, ...]
    findings: tuple[Finding, ...]
    seq: int

    @property
    def invoices(self) -> list[Operation]:
        """The invoices that would be created or changed."""
        return [operation for operation in self.operations if operation.identity.kind is Kind.INVOICE]


def similar_names(key: str, others: Sequence[str]) -> Collection[int]:
    """Positions of names that a person might take for the same one."""
    found = process.extract(key, others, scorer=fuzz.token_sort_ratio, score_cutoff=SIMILAR_SCORE_MIN, limit=20)
    words = set(key.split())
    positions = {index for _, _, index in found}
    if len(words) > 1:  # one name within the other: "Brightwater Legal" and "Brightwater Legal Group"
        positions.update(
            index
            for index, other in enumerate(others)
            if (theirs := set(other.split())) and len(theirs) > 1 and (words <= theirs or theirs <= words)
        )
    return positions


def canonical_tax_number(text: str) -> str:
    """An ABN's eleven digits where it is one, else an empty string: only a valid number is evidence."""
    try:
        return str(abn.validate(text))
    except ValidationError:
        return ""


def make_plan(session: Session, as_of: dt.date) -> Planned:
    """Decide every deal whose situation may have changed: it, its invoice or the cause for which it waits."""
    with session.database.reading() as connection:
        seq = max(newest_change(connection, session.org_id), newest_change(connection, session.organisation_id))
        books = load_books(connection, session.organisation_id)
        versions = list(load_versions(connection, session.org_id, session.mapping.deal_object))
        known = queue_store.buckets(connection, session.organisation_id)
        deals = _read_deals(session, connection, versions, books)
        context = _context(session, connection, books, as_of, deals)
    decisions = [
        decide_deal(deal, context) for deal in deals if deal.won or deal.ref.id in context.links or deal.ref.id in known
    ]
    account_findings = _account_findings(session, decisions)
    decisions = _hold_refused(session, decisions, _order(session, decisions, context))
    operations = _order(session, decisions, context)
    return Planned(as_of, books, tuple(decisions), context.contacts, tuple(operations), tuple(account_findings), seq)


def _hold_refused(
    session: Session, decisions: Sequence[DealDecision], operations: Sequence[Operation]
) -> list[DealDecision]:
    """Keep back what Xero refused in exactly this form: it is tried again when it changes, when asked, or next day."""
    since = session.host.now() - REFUSED_AGAIN_AFTER
    with session.database.reading() as connection:
        refused = standing_refusals(connection, session.organisation_id, since)
    words = {o.identity: refused[key] for o in operations if (key := (o.source.id, o.decided_hash)) in refused}
    sources = {operation.identity: operation.source for operation in operations}
    held = []
    for decision in decisions:
        operation = decision.operation
        blocking = [] if operation is None else [i for i in (operation.identity, *operation.needs) if i in words]
        if not blocking:
            held.append(decision)
            continue
        first = blocking[0]
        finding = Finding(
            "refused_by_xero",
            decision.deal.ref,
            f"{first.kind.value.lower()} refused: {words[first]}",
            money=Money(decision.deal.currency, decision.deal.amount),
            owner_name=decision.deal.owner,
            related=(sources[first],),
            vendor_text=words[first],
        )
        findings = (*decision.findings, finding)
        held.append(replace(decision, bucket=Bucket.WAITING, findings=findings, operation=None))
    return held


def _read_deals(session: Session, connection: Connection, versions: Sequence[Version], books: Books) -> list[Deal]:
    mapping, zone = session.mapping, zone_of(books.organisation)
    accounts = _fields(connection, session.org_id, mapping.account_object)
    products = _fields(connection, session.org_id, mapping.product_object)
    related = Related(accounts, products)
    return [
        mapping.deal(
            version.ref.id,
            decode_fields(version.body),
            related,
            zone=zone,
            instance_url=session.instance_url,
            deleted=version.deleted,
        )
        for version in versions
    ]


def _fields(connection: Connection, home: str, kind: str) -> dict[str, Mapping[str, Any]]:
    return {v.ref.id: decode_fields(v.body) for v in load_versions(connection, home, kind) if not v.deleted}


def _context(session: Session, connection: Connection, books: Books, as_of: dt.date, deals: Sequence[Deal]) -> Context:
    organisation_id = session.organisation_id
    invoices = load_ledger(connection, organisation_id, INVOICE, LedgerInvoice)
    links = {stored.source_id: stored for stored in link_store.load_links(connection, organisation_id, Kind.INVOICE)}
    contacts = load_ledger(connection, organisation_id, CONTACT, LedgerContact)
    accounts = _accounts(session, connection, deals)
    contact_links = {
        stored.source_id: stored.link.xero_id
        for stored in link_store.load_links(connection, organisation_id, Kind.CONTACT)
    }
    not_same = frozenset(queue_store.decisions(connection, organisation_id, "not_same"))
    moving_in = _moving_in(session, deals, links)
    directory = ContactDirectory(
        dict(contacts),
        similar_names,
        linked_accounts={contact_id: account_id for account_id, contact_id in contact_links.items()},
        tax_number_of=canonical_tax_number,
    )
    decided = decide_contacts(
        [accounts[account_id] for account_id in moving_in if account_id in accounts],
        directory,
        links=contact_links,
        chosen=dict(queue_store.decisions(connection, organisation_id, "link_contact")),
        not_same=not_same,
    )
    return Context(
        org_id=session.org_id,
        policy=session.mapping.policy,
        books=books,
        as_of=as_of,
        contacts=decided,
        accounts=accounts,
        mirror=Mirror(invoices, linked=frozenset(stored.link.xero_id for stored in links.values())),
        links={source_id: stored.link for source_id, stored in links.items()},
        link_source_hash={source_id: stored.source_hash for source_id, stored in links.items()},
        epochs=link_store.highest_epochs(connection, organisation_id, Kind.INVOICE),
        not_same=not_same,
        undone=frozenset(source for source, _ in queue_store.decisions(connection, organisation_id, "undone")),
        sales_terms=lambda contact_id: contacts[contact_id].sales_terms if contact_id in contacts else None,
    )


def _accounts(session: Session, connection: Connection, deals: Sequence[Deal]) -> dict[str, IntendedContact]:
    wanted = {deal.invoice.account.id for deal in deals if deal.invoice and deal.invoice.account}
    found = {}
    for version in load_versions(connection, session.org_id, session.mapping.account_object, ids=wanted):
        if not version.deleted:
            found[version.ref.id] = session.mapping.contact(version.ref.id, decode_fields(version.body))[0]
    return found


def _moving_in(session: Session, deals: Sequence[Deal], links: Mapping[str, link_store.StoredLink]) -> list[str]:
    """Accounts with a counting or invoiced deal: no prospect enters the ledger."""
    start = session.mapping.policy.start_date
    accounts: dict[str, None] = {}
    for deal in deals:
        if deal.invoice is None or deal.invoice.account is None:
            continue
        counts = deal.close_date is not None and deal.close_date >= start and deal.won_on and deal.won_on >= start
        if deal.ref.id in links or (counts and deal.amount):
            accounts[deal.invoice.account.id] = None
    return list(accounts)


def _account_findings(session: Session, decisions: Sequence[DealDecision]) -> list[Finding]:
    """Warnings about accounts that move in (a broken ABN, for one), each with the money of its deals."""
    stakes: dict[str, Money] = {}
    owners: dict[str, str] = {}
    for decision in decisions:
        invoice = decision.deal.invoice
        if invoice and invoice.account and decision.bucket in {Bucket.READY, Bucket.DRAFTED, Bucket.WAITING}:
            stakes.setdefault(invoice.account.id, Money(decision.deal.currency, decision.deal.amount))
            owners.setdefault(invoice.account.id, decision.deal.owner)
    findings = []
    with session.database.reading() as connection:
        for version in load_versions(connection, session.org_id, session.mapping.account_object, ids=stakes):
            for finding in session.mapping.contact(version.ref.id, decode_fields(version.body))[1]:
                findings.append(replace(finding, money=stakes[version.ref.id], owner_name=owners[version.ref.id]))
    return findings


def _order(session: Session, decisions: Sequence[DealDecision], context: Context) -> list[Operation]:
    """Contacts and items first, then the documents that need them; one operation for each identity."""
    invoices = [decision.operation for decision in decisions if decision.operation is not None]
    needed = {identity for operation in invoices for identity in operation.needs}
    contacts = [
        Operation(
            identity=identity,
            action=Action.CREATE,
            source=context.accounts[identity.source_key].source,
            document=context.accounts[identity.source_key],
            reason=context.contacts[identity.source_key].evidence,
            status=context.contacts[identity.source_key].create_as,
        )
        for identity in sorted(needed)
        if identity.kind is Kind.CONTACT
    ]
    return [*contacts, *_items(session, invoices, needed), *invoices]


def _items(session: Session, invoices: Sequence[Operation], needed: set[Identity]) -> list[Operation]:
    codes: dict[str, str] = {}
    for operation in invoices:
        for line in getattr(operation.document, "lines", ()):
            if line.product and line.item_code:
                codes.setdefault(item_key(line.item_code), line.product.id)
    with session.database.reading() as connection:
        products = {
            version.ref.id: decode_fields(version.body)
            for version in load_versions(connection, session.org_id, session.mapping.product_object, ids=codes.values())
        }
    operations = []
    for identity in sorted(needed):
        if identity.kind is not Kind.ITEM:
            continue
        product_id = codes[identity.source_key]
        item: IntendedItem = session.mapping.item(product_id, products.get(product_id, {}))
        operations.append(
            Operation(
                identity=identity,
                action=Action.CREATE,
                source=item.source,
                document=item,
                reason="used on a deal, missing in Xero",
            )
        )
    return operations


def keep_plan(session: Session, planned: Planned) -> tuple[int, int]:
    """Make the review queue and the buckets say what was decided. Returns entries opened and closed."""
    now = session.host.now()
    records = {decision.deal.ref.id: decision.deal.name for decision in planned.decisions}
    findings = [finding for decision in planned.decisions for finding in decision.findings]
    for finding in planned.findings:
        records.setdefault(finding.record.id, _account_name(planned, finding.record.id))
        findings.append(finding)
    accounts = {d.deal.invoice.account.id for d in planned.decisions if d.deal.invoice and d.deal.invoice.account}
    for account_id in accounts:
        records.setdefault(account_id, _account_name(planned, account_id))
    with session.database.writing("plan kept") as connection:
        changes = queue_store.replace_findings(
            connection, session.organisation_id, records, findings, now, codes=_PLAN_CODES
        )
        queue_store.save_dispositions(connection, session.organisation_id, planned.decisions, planned.seq)
        for decision in planned.decisions:
            if decision.same_as_base:
                stored = link_store.find_link(connection, session.organisation_id, Kind.INVOICE, decision.deal.ref.id)
                if stored:
                    link_store.set_base(connection, stored.id, source_hash=decision.deal.mapped_hash)
    return changes


def _account_name(planned: Planned, account_id: str) -> str:
    for decision in planned.decisions:
        invoice = decision.deal.invoice
        if invoice and invoice.account and invoice.account.id == account_id:
            return f"account of {decision.deal.name}"
    return account_id


# Findings that sending and verifying raise are theirs to close.
_AFTER_SENDING = {"write_back_refused", "readback_differs", "rate_unusual"}
_PLAN_CODES = frozenset(REASONS) - _AFTER_SENDING
