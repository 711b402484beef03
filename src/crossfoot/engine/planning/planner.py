"""Plan: stored versions, links and books in, the pure core asked, its decisions and findings kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from crossfoot.core import agreement, reissue
from crossfoot.core.books import Books
from crossfoot.core.decided import Action, Bucket, Context, DealDecision, Operation, item_key
from crossfoot.core.documents import IntendedItem, same_source
from crossfoot.core.findings import REASONS, Finding
from crossfoot.core.lifecycle import CANCEL_CODES
from crossfoot.core.links import Identity, Kind
from crossfoot.core.matching import ContactDecision
from crossfoot.core.money import Money
from crossfoot.core.plan import decide_deal
from crossfoot.core.recovery import REFUSED_AGAIN_AFTER
from crossfoot.core.standing import Standing, account_of, moves_in, reads_intended
from crossfoot.engine.planning.customers import Customer, keep_customers, review_customers
from crossfoot.engine.planning.evidence import Evidence, read_evidence
from crossfoot.engine.reading import follow
from crossfoot.engine.reading.drift import hold_paused
from crossfoot.engine.reading.ledger import INVOICE, key_contacts_anew, load_books
from crossfoot.engine.reading.scope import CODED_BY, find_scope
from crossfoot.engine.session import Session
from crossfoot.store import links as link_store
from crossfoot.store import queue as queue_store
from crossfoot.store.codec import decode_fields
from crossfoot.store.feed import PlannedTo, planned_to, save_planned_to
from crossfoot.store.lookups import Keys, save_keys
from crossfoot.store.operations import standing_refusals
from crossfoot.store.versions import load_versions

REFUSED = "refused_by_xero"


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan: what would be written, in order, and every decision behind it. ``reached`` is what it was made from."""

    as_of: dt.date
    books: Books
    decisions: tuple[DealDecision, ...]
    contacts: Mapping[str, ContactDecision]
    operations: tuple[Operation, ...]
    customers: Mapping[str, Customer]
    reached: PlannedTo

    @property
    def invoices(self) -> list[Operation]:
        """The invoices that would be created or changed."""
        return [operation for operation in self.operations if operation.identity.kind is Kind.INVOICE]


def make_plan(session: Session, as_of: dt.date, *, full: bool = False) -> Planned:
    """Decide every deal whose situation may have changed: it, its invoice, its customer, or why it waits.

    With ``full`` all are decided, whatever changed: so it is the first time, and as the repair with the same result.
    """
    with session.database.reading() as connection:
        books = load_books(connection, session.organisation_id)
        scope = find_scope(session, connection, books, full=full)
        evidence = read_evidence(session, connection, books, as_of, scope)
    context = evidence.context
    decisions = [
        decide_deal(deal, context)
        for deal in evidence.deals
        if deal.won or deal.ref.id in context.links or deal.ref.id in context.stood
    ]
    decisions = _hold_refused(session, decisions, _order(session, decisions, context))
    decisions = hold_paused(session.paused, decisions)
    decisions = [replace(decision, standing=_standing(session, decision, evidence)) for decision in decisions]
    one_way = session.mapping.settings.direction == "to_salesforce"  # then nothing goes to Xero, and no brake counts it
    operations = [] if one_way else _order(session, decisions, context)
    with session.database.reading() as connection:
        customers = review_customers(session, connection, decisions, scope.accounts, evidence.accounts)
    return Planned(as_of, books, tuple(decisions), context.contacts, tuple(operations), customers, scope.reached)


def _standing(session: Session, decision: DealDecision, evidence: Evidence) -> Standing:
    """What the decision leaned on, and whether it is settled."""
    deal, context = decision.deal, evidence.context
    link = context.links.get(deal.ref.id)
    account_id = account_of(deal)
    moving = moves_in(deal, context.policy.start_date, linked=link is not None or deal.ref.id in context.epochs)
    leans = decision.bucket is Bucket.NOT_BILLABLE or session.mapping.header_reads_account
    if link is not None:
        changed = not same_source(context.link_source_hash.get(deal.ref.id, ""), deal.mapped_hash)
        leans = leans or reads_intended(context.mirror.invoices.get(link.xero_id), source_changed=changed)
    unsettled = (
        decision.bucket in {Bucket.WAITING, Bucket.READY}
        or decision.operation is not None
        or any(finding.blocks for finding in decision.findings)
        or (moving and account_id not in evidence.linked_accounts)
    )
    return Standing(account_id, moving, leans, unsettled)


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
            REFUSED,
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
    """Make the review queue and the buckets say what was decided. Returns entries opened and closed.

    A plan that another process has overtaken is not kept: its own is newer.
    """
    now, organisation_id = session.host.now(), session.organisation_id
    records = {decision.deal.ref.id: decision.deal.name for decision in planned.decisions}
    records |= {account_id: seen.name for account_id, seen in planned.customers.items()}
    findings = [finding for decision in planned.decisions for finding in decision.findings]
    findings += [finding for seen in planned.customers.values() for finding in seen.findings]
    with session.database.writing("plan kept") as connection:
        before = planned_to(connection, organisation_id)
        if before is not None and before.seq > planned.reached.seq:
            return 0, 0
        if before is not None and before.grounds != planned.reached.grounds:  # then everything was decided
            records |= queue_store.forget_deals(connection, organisation_id, but=records)
            key_contacts_anew(connection, organisation_id)
        changes = queue_store.replace_findings(connection, organisation_id, records, findings, now, codes=_PLAN_CODES)
        _let_go(connection, session, planned)
        queue_store.save_dispositions(connection, organisation_id, planned.decisions, planned.reached.seq)
        keep_customers(session, connection, planned.customers)
        _keep_codes(connection, organisation_id, planned)
        save_planned_to(connection, organisation_id, planned.reached)
        for decision in planned.decisions:
            if decision.agreed or decision.renamed:
                stored = link_store.find_link(connection, organisation_id, Kind.INVOICE, decision.deal.ref.id)
                if stored:
                    source_hash = decision.deal.mapped_hash
                    link_store.set_base(
                        connection, stored.id, base_hash=decision.agreed or None, source_hash=source_hash
                    )
    return changes


def _let_go(connection: Connection, session: Session, planned: Planned) -> None:
    """A customer or product that Xero refused waits for as long as a deal needs it."""
    entries = queue_store.open_about(connection, session.organisation_id, [REFUSED])
    needed = {ref.id for entry in entries for ref in entry.related}
    needed |= {operation.source.id for operation in planned.operations}
    for entry in entries:
        shared = entry.record.kind in {session.mapping.account_object, session.mapping.product_object}
        if shared and entry.record.id not in needed:
            queue_store.close_entry(connection, entry.id, session.host.now())


def _keep_codes(connection: Connection, organisation_id: str, planned: Planned) -> None:
    """Keep by which items a deal that leans on them is found: by the codes it names, and the items these mean now."""
    items = planned.books.items
    keys: dict[str, Keys] = {}
    for decision in planned.decisions:
        invoice = decision.deal.invoice
        if invoice is None or not decision.standing.leans or decision.standing.unsettled:
            continue
        codes = {item_key(line.item_code) for line in invoice.lines}
        known = {items[code].item_id for code in codes if code in items}
        keys[decision.deal.ref.id] = tuple((CODED_BY, value) for value in sorted(codes | known))
    save_keys(connection, organisation_id, INVOICE, keys)


# Findings that sending and verifying raise are theirs to close.
_AFTER_SENDING = {"write_back_refused", "readback_differs", "not_shown", "rate_unusual"}
_AFTER_SENDING |= {*agreement.CODES, *CANCEL_CODES, *follow.CODES, *reissue.CODES}
_PLAN_CODES = frozenset(REASONS) - _AFTER_SENDING
