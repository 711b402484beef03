"""Apply: reserve, send in batches, record each element's outcome. Durable at every step, resumable after a kill.

Only committed calls leave. An outcome that is not known is looked up by number, marker or code before anything is sent
again, and the vendor's own uniqueness refuses what a look-up could have missed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType

from sqlalchemy import Connection

from crossfoot.core.decided import Action, Bucket, Operation
from crossfoot.core.errors import OutcomeUnknown, Rejected, RetryLater
from crossfoot.core.findings import Finding
from crossfoot.core.links import Kind, Link
from crossfoot.core.pacing import Lane
from crossfoot.core.records import RecordRef, Side
from crossfoot.engine.calls.remote import NotApplied
from crossfoot.engine.committed import Sent, batch_of, commit, of_each
from crossfoot.engine.planning.planner import Planned
from crossfoot.engine.reading.ledger import to_version
from crossfoot.engine.reading.names import record_name
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note_refused
from crossfoot.engine.writing.adopt import adopt, link_applied, probe, unmoved
from crossfoot.engine.writing.reserve import reserve
from crossfoot.store import operations as ops
from crossfoot.store.links import StoredLink, add_link, load_links, next_identity
from crossfoot.store.operations import StoredOperation
from crossfoot.store.queue import deal_facts, decisions, replace_findings
from crossfoot.store.versions import ANSWERED, save_versions
from crossfoot.xero import documents, requests
from crossfoot.xero.errors import says_taken

SENDS_MAX = 6
_INVOICED = frozenset({Bucket.DRAFTED, Bucket.LINKED})
_METHODS = {Action.CREATE.value: "PUT", Action.UPDATE.value: "POST", Action.DELETE.value: "POST"}


@dataclass(slots=True)
class Applied:
    """What a run did, for its report."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    adopted: int = 0
    contacts: int = 0
    items: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    stopped: str = ""

    def count(self, operation: StoredOperation, *, adopted: bool = False) -> None:
        """Count one applied operation."""
        self.adopted += adopted
        if operation.identity.kind is Kind.CONTACT:
            self.contacts += 1
        elif operation.identity.kind is Kind.ITEM:
            self.items += 1
        elif operation.action == "create":
            self.created += 1
        elif operation.action == "update":
            self.updated += 1
        else:
            self.deleted += 1


def apply_operations(session: Session, operations: Sequence[Operation], *, reviewed: bool = False) -> Applied:
    """Write what was planned: customers and items first, then the documents that need them."""
    applied = Applied()
    waves = (
        [o for o in operations if o.identity.kind is Kind.CONTACT],
        [o for o in operations if o.identity.kind is Kind.ITEM],
        [o for o in operations if o.identity.kind is Kind.INVOICE and o.action is Action.CREATE],
        [o for o in operations if o.identity.kind is Kind.INVOICE and o.action is not Action.CREATE],
    )
    done, total = 0, len(operations)
    for wave in waves:
        reserved = reserve(session, wave, reviewed=reviewed)
        for group in _groups(reserved):
            try:
                session.xero.require_room(Lane.SWEEP)
            except RetryLater as later:
                if later.limit != "reserve":
                    raise
                applied.stopped = str(later)
                return applied  # what was sent is still read back: that may use the reserve
            _send(session, group, applied)
            done += len(group)
            session.progress("Writing to Xero", done, total)
    return applied


def link_customers(session: Session, planned: Planned, *, of_new: bool) -> None:
    """Keep which existing contact each customer was matched with: it is shown in Salesforce and never decided anew.

    Customers of invoices that stand are linked as soon as they are seen, ``of_new`` also those of invoices to be made.
    What people told apart since the plan was made is not.
    """
    with session.database.writing("customers") as connection:
        known = _customer_links(connection, session, planned)
        apart = set(decisions(connection, session.organisation_id, "not_same"))
        taken = {stored.source_id for stored in known} | {stored.link.xero_id for stored in known}
        for decision in planned.decisions:
            account = decision.deal.invoice.account if decision.deal.invoice else None
            contact = planned.contacts.get(account.id) if account else None
            goes = decision.bucket in _INVOICED or (of_new and decision.operation is not None)
            if account is None or contact is None or not goes or {account.id, contact.contact_id} & {*taken, ""}:
                continue
            if (account.id, contact.contact_id) in apart:
                continue
            taken |= {account.id, contact.contact_id}
            identity = next_identity(connection, session.org_id, session.organisation_id, Kind.CONTACT, account.id)
            matched = Link(identity, contact.contact_id, "", "people", "", contact.evidence)
            add_link(connection, matched, session.host.now(), source_id=account.id)


def _customer_links(connection: Connection, session: Session, planned: Planned) -> list[StoredLink]:
    """Links of the plan's accounts, and links to the contacts that they were matched with."""
    home, contacts = session.organisation_id, {each.contact_id for each in planned.contacts.values()}
    mine = load_links(connection, home, Kind.CONTACT, source_keys=planned.contacts)
    return [*mine, *load_links(connection, home, Kind.CONTACT, xero_ids=contacts)]


def _groups(reserved: Sequence[StoredOperation]) -> Iterable[list[StoredOperation]]:
    """Batches of at most 50 elements and 3.5 MB, of one method each."""
    group: list[StoredOperation] = []
    size = 0
    for operation in reserved:
        full = len(group) == requests.BATCH_SIZE or size + len(operation.body) > requests.BATCH_BYTES_MAX
        if group and (full or _METHODS[operation.action] != _METHODS[group[0].action]):
            yield group
            group, size = [], 0
        group.append(operation)
        size += len(operation.body)
    if group:
        yield group


def _send(session: Session, group: list[StoredOperation], applied: Applied) -> None:
    """Send one batch until each of its operations is applied, refused, or left for the next run."""
    work: deque[tuple[list[StoredOperation], int]] = deque([(group, 1)])
    while work:
        batch, attempt = work.popleft()
        if attempt > SENDS_MAX:
            continue  # they stay as they are: the next run looks them up first
        looked_at: datetime | None = None
        if batch[0].action == Action.UPDATE.value:
            looked_at = session.host.now()
            batch = unmoved(session, batch)
            if not batch:
                continue
        try:
            sent = _call(session, batch, looked_at)
        except NotApplied:
            work.append((batch, attempt + 1))
            continue
        except OutcomeUnknown:
            remaining = _look_up(session, batch, applied)
            if remaining:
                work.append((remaining, attempt + 1))
            continue
        except Rejected as error:
            if len(batch) > 1:  # one element poisons the batch: halve until it stands alone
                middle = len(batch) // 2
                work.extend([(batch[:middle], attempt), (batch[middle:], attempt)])
            else:
                _refuse(session, batch[0], error.reasons, applied)
            continue
        if taken := _record(session, batch, sent, applied):
            said = {operation.id: errors for operation, errors in taken}
            left = _look_up(session, [operation for operation, _ in taken], applied, taken=said)
            if left:
                work.append((left, attempt + 1))


def _call(
    session: Session, batch: Sequence[StoredOperation], looked_at: datetime | None
) -> Sent[list[documents.Element]]:
    """Commit a call for the batch, then send it; that of updates only while the look at their targets is fresh."""
    kind = batch[0].identity.kind.value
    request = requests.write(session.tenant, f"{kind}s", _METHODS[batch[0].action], batch_of(kind, batch))
    access = session.xero.access()
    with session.database.writing("call") as connection:
        call = commit(connection, session, session.xero, access, request, batch)
    sent = call.send(of_each(batch, partial(documents.decode_elements, kind)), looked_at=looked_at)
    if sent.error:
        with session.database.writing("call ended") as connection:
            sent.end(connection, session.host.now())
            if sent.stops and batch[0].action == Action.UPDATE.value:  # a creation may have been sent before
                for operation in batch:
                    ops.settle(connection, operation.id, "abandoned", session.host.now())
        raise sent.error
    return sent


def _record(
    session: Session, batch: Sequence[StoredOperation], sent: Sent[list[documents.Element]], applied: Applied
) -> list[tuple[StoredOperation, tuple[str, ...]]]:
    """Record the outcome of each element; returns those whose number or name Xero says exists already, with its
    words."""
    taken: list[tuple[StoredOperation, tuple[str, ...]]] = []
    refused: list[tuple[StoredOperation, tuple[str, ...]]] = []
    with session.database.writing("outcome") as connection:
        for operation, element in zip(batch, sent.unwrap(), strict=True):
            if element.applied:
                if element.record is not None:
                    save_versions(connection, ANSWERED, [to_version(session.organisation_id, element.record)])
                link_applied(connection, session, replace(operation, call_id=sent.call_id), element.xero_id)
                applied.count(operation)
            elif operation.action == "create" and says_taken(element.errors):
                ops.settle(connection, operation.id, "unknown", session.host.now())
                taken.append((operation, element.errors))
            else:
                refused.append((operation, element.errors))
        sent.end(connection, session.host.now())
        for operation, errors in refused:
            _refuse_in(connection, session, operation, errors, applied)
    return taken


def _look_up(
    session: Session,
    batch: Sequence[StoredOperation],
    applied: Applied,
    *,
    taken: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[StoredOperation]:
    """Probe for what may have been written: adopt what is ours, return what is certainly not there. What Xero said was
    ``taken`` and is none of ours is refused with its words."""
    if batch[0].action != "create":
        return []  # an update is judged anew from what the next sweep reads
    found = probe(session, batch)
    remaining: list[StoredOperation] = []
    for operation in batch:
        record = found.get(operation.id)
        if record is None:
            if operation.id in taken:
                _refuse(session, operation, taken[operation.id], applied)
            else:
                remaining.append(operation)
            continue
        outcome = adopt(session, operation, record)
        if outcome == "adopted":
            applied.count(operation, adopted=True)
        else:
            _refuse(session, operation, (outcome,), applied)
    return remaining


def _refuse(session: Session, operation: StoredOperation, reasons: Sequence[str], applied: Applied) -> None:
    with session.database.writing("refused") as connection:
        _refuse_in(connection, session, operation, reasons, applied)


def _refuse_in(
    connection: Connection,
    session: Session,
    operation: StoredOperation,
    reasons: Sequence[str],
    applied: Applied,
) -> None:
    """The record waits in the queue with the vendor's own words."""
    words = "; ".join(reasons)
    now = session.host.now()
    ops.settle(connection, operation.id, "refused", now, refusal=words)
    kinds = {
        Kind.CONTACT: session.mapping.account_object,
        Kind.ITEM: session.mapping.product_object,
        Kind.INVOICE: session.mapping.deal_object,
    }
    record = RecordRef(Side.SALESFORCE, kinds[operation.identity.kind], operation.source_id)
    name, money = deal_facts(connection, session.organisation_id, operation.source_id)
    cause = f"{operation.identity.kind.value.lower()} refused: {words}"
    shared = operation.identity.kind is not Kind.INVOICE and operation.action == Action.UPDATE.value
    code = "field_refused" if shared else "refused_by_xero"
    finding = Finding(code, record, cause, money=money, vendor_text=words)
    names = {record.id: name or record_name(connection, session.org_id, record)}
    replace_findings(connection, session.organisation_id, names, [finding], now, codes={code})
    note_refused(connection, session, operation, reasons)
    applied.refused.append((operation.source_id, words))
