"""Apply: reserve, send in batches, record each element's outcome. Durable at every step, resumable after a kill.

Only committed calls leave. An outcome that is not known is looked up by number, marker or code before anything is sent
again, and the vendor's own uniqueness refuses what a look-up could have missed.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.documents import (
    ContactChange,
    IntendedContact,
    IntendedInvoice,
    IntendedItem,
    ItemChange,
    intended_form,
    ledger_form,
)
from crossfoot.core.errors import OutcomeUnknown, Rejected, RetryLater
from crossfoot.core.findings import Finding
from crossfoot.core.links import Kind, Link, document_number, idempotency_key, number_in_series
from crossfoot.core.money import EXACT, ZERO, round_money
from crossfoot.core.pacing import Lane
from crossfoot.core.plan import Action, Bucket, Operation
from crossfoot.core.records import RecordRef, Side, canonical
from crossfoot.engine.calls.remote import NotApplied
from crossfoot.engine.planning.planner import Planned
from crossfoot.engine.reading.ledger import INVOICE, load_ledger, to_version
from crossfoot.engine.reading.names import record_name
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note_refused
from crossfoot.engine.writing.adopt import adopt, link_applied, probe, unmoved
from crossfoot.engine.writing.numbers import NumbersInUse, newest_rate
from crossfoot.store import operations as ops
from crossfoot.store.codec import decode_fields, encode
from crossfoot.store.links import StoredLink, add_link, find_link, load_links, next_identity
from crossfoot.store.operations import StoredCall, StoredOperation
from crossfoot.store.queue import deal_facts, replace_findings
from crossfoot.store.versions import ANSWERED, save_versions
from crossfoot.xero import changes, documents, requests
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
        reserved = _reserve(session, wave, reviewed=reviewed)
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


def _reserve(session: Session, wave: Sequence[Operation], *, reviewed: bool) -> list[StoredOperation]:
    """Commit the intents of one wave, with their numbers; leave out what cannot be sent after all."""
    if not wave:
        return []
    ready: list[StoredOperation] = []
    findings: list[Finding] = []
    with session.database.writing("reserve") as connection:
        numbers = NumbersInUse(connection, session.organisation_id)
        rates = newest_rates(connection, session, wave)
        unread = {o.identity for o in ops.load_operations(connection, session.organisation_id, states=("applied",))}
        for operation in wave:
            if operation.identity in unread:
                continue  # what an interrupted run wrote to it is read back first; then it is planned again
            stored = _store_operation(connection, session, operation, numbers, rates, reviewed=reviewed)
            if isinstance(stored, Finding):
                findings.append(stored)
            elif stored is not None:
                ready.append(stored)
        ops.reserve(connection, ready, session.host.now())
        for finding in findings:
            name, money = deal_facts(connection, session.organisation_id, finding.record.id)
            replace_findings(
                connection,
                session.organisation_id,
                {finding.record.id: name},
                [replace(finding, money=money)],
                session.host.now(),
                codes={finding.code},
            )
    return ready


def link_customers(session: Session, planned: Planned, *, of_new: bool) -> None:
    """Keep which existing contact each customer was matched with: it is shown in Salesforce and never decided anew.

    Customers of invoices that stand are linked as soon as they are seen, ``of_new`` also those of invoices to be made.
    """
    with session.database.writing("customers") as connection:
        known = _customer_links(connection, session, planned)
        taken = {stored.source_id for stored in known} | {stored.link.xero_id for stored in known}
        for decision in planned.decisions:
            account = decision.deal.invoice.account if decision.deal.invoice else None
            contact = planned.contacts.get(account.id) if account else None
            goes = decision.bucket in _INVOICED or (of_new and decision.operation is not None)
            if account is None or contact is None or not goes or {account.id, contact.contact_id} & {*taken, ""}:
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


def _lacks_items(connection: Connection, session: Session, operation: Operation) -> bool:
    """Whether an item that was to be made before an invoice is not there after all."""
    home = session.organisation_id
    items = [identity for identity in operation.needs if identity.kind is Kind.ITEM]
    return any(find_link(connection, home, each.kind, each.source_key) is None for each in items)


def _store_operation(
    connection: Connection,
    session: Session,
    operation: Operation,
    numbers: NumbersInUse,
    rates: Mapping[str, Decimal],
    *,
    reviewed: bool,
) -> StoredOperation | Finding | None:
    number, xero_id, form, target = "", operation.xero_id, None, None
    match operation.document:
        case IntendedContact():
            element = documents.contact_element(operation.document, operation.status)
        case IntendedItem():
            element = documents.item_element(operation.document)
        case ContactChange():
            element = changes.contact_change_element(operation.document)
        case ItemChange():
            element = changes.item_change_element(operation.document)
        case IntendedInvoice():
            contact_id = operation.contact_id or _contact_id(connection, session, operation.contact_source)
            if not contact_id or _lacks_items(connection, session, operation):
                return None  # its customer or an item was refused; the deal waits for that
            number = _number(connection, session, operation, numbers)
            taken = numbers.get(number)
            if taken is not None and taken.invoice_id != xero_id:
                cause = f"{number} is already an invoice to {taken.contact_name} ({taken.status.lower()})"
                related = (RecordRef(Side.XERO, "Invoice", taken.invoice_id),)
                return Finding("number_taken", operation.source, cause, related=related)
            target = _target(connection, session, operation)
            element = _invoice_element(session, operation, contact_id, number, target)
            form = intended_form(operation.document, contact_id)
    before = canonical(ledger_form(target)) if target else operation.before
    stamp = target.updated.isoformat() if target else None  # by which a change that Xero drops is told (F15)
    body = encode({"element": element, "form": canonical(form) if form else None, "before": before, "stamp": stamp})
    totals = operation.totals
    return StoredOperation(
        id=session.host.new_id(),
        run_id=session.run_id,
        identity=operation.identity,
        source_id=operation.source.id,
        action=operation.action.value,
        state="reserved",
        body=body,
        payload_hash=operation.decided_hash,
        pre_image=operation.pre_image,
        number=number,
        xero_id=xero_id,
        currency=operation.currency,
        ex_tax=totals.ex_tax if totals else ZERO,
        gross=totals.gross if totals else ZERO,
        base_gross=base_amount(session, operation, rates),
        reviewed=reviewed,
        reason=operation.reason,
        source_hash=operation.source_hash,
    )


def _target(connection: Connection, session: Session, operation: Operation) -> LedgerInvoice | None:
    """The invoice that is to be changed, as it was read last."""
    if not operation.xero_id:
        return None
    home = session.organisation_id
    return load_ledger(connection, home, INVOICE, LedgerInvoice, ids=[operation.xero_id]).get(operation.xero_id)


def _contact_id(connection: Connection, session: Session, account_id: str) -> str:
    stored = find_link(connection, session.organisation_id, Kind.CONTACT, account_id)
    return stored.link.xero_id if stored else ""


def _number(connection: Connection, session: Session, operation: Operation, numbers: NumbersInUse) -> str:
    """The document's number: the one it was given before, else from the deal's own, else the next of the series. One
    that Xero refused is none: the deal or the settings may give another by now."""
    identity, prefix = operation.identity, session.mapping.policy.number_prefix
    assert isinstance(operation.document, IntendedInvoice)
    own = operation.document.own_number
    known = ops.load_operations(connection, session.organisation_id, kind=Kind.INVOICE, source_id=operation.source.id)
    for earlier in known:
        stands = earlier.state != "refused" or (not own and number_in_series(prefix, earlier.number))
        if earlier.identity == identity and earlier.number and stands:
            return earlier.number
    if own:
        return document_number(prefix, own, epoch=identity.epoch)
    return numbers.next_in_series(prefix)


def _invoice_element(
    session: Session, operation: Operation, contact_id: str, number: str, target: LedgerInvoice | None
) -> dict[str, Any]:
    assert isinstance(operation.document, IntendedInvoice)
    line_ids = [line.line_item_id for line in target.lines] if target else []
    rate = target.currency_rate if target else None  # a line-only update was seen to reset it: always resend
    element = documents.invoice_element(
        operation.document, contact_id=contact_id, number=number, status=operation.status, line_ids=line_ids
    )
    if target:
        element = {"InvoiceID": target.invoice_id, **element}
        organisation = session.organisation
        if rate and organisation and operation.currency != organisation.base_currency:
            element["CurrencyRate"] = rate
    return element


def newest_rates(connection: Connection, session: Session, operations: Sequence[Operation]) -> dict[str, Decimal]:
    """The rate that Xero used last, by each currency of the operations that is not the organisation's own."""
    home, day, organisation = session.organisation_id, session.host.now().date(), session.organisation
    foreign = {each.currency for each in operations} - {organisation.base_currency if organisation else "", ""}
    found = {each: newest_rate(connection, home, each, day) for each in sorted(foreign)}
    return {currency: rate for currency, rate in found.items() if rate}


def base_amount(session: Session, operation: Operation, rates: Mapping[str, Decimal]) -> Decimal:
    """The gross amount in the organisation's own currency; for the brake only."""
    if operation.totals is None:
        return ZERO
    organisation = session.organisation
    if organisation is None or operation.currency == organisation.base_currency:
        return operation.totals.gross
    return round_money(EXACT.divide(operation.totals.gross, rates.get(operation.currency, Decimal(1))))


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
        call_id = ""
        try:
            call_id, answer_body = _call(session, batch, looked_at)
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
        remaining = _record(session, call_id, batch, answer_body, applied)
        if remaining:
            left = _look_up(session, remaining, applied, taken=True)
            if left:
                work.append((left, attempt + 1))


def _call(session: Session, batch: Sequence[StoredOperation], looked_at: datetime | None) -> tuple[str, bytes]:
    """Commit a call for the batch, then send it; that of updates only while the look at their targets is fresh."""
    kind = batch[0].identity.kind.value
    elements = [encode(decode_fields(operation.body)["element"]) for operation in batch]
    body = documents.batch_body(kind, elements)
    access = session.xero.access()
    call_id = session.host.new_id()
    key = idempotency_key(session.organisation_id, call_id, hashlib.sha256(body).hexdigest())
    request = requests.write(session.tenant, f"{kind}s", _METHODS[batch[0].action], body, key)
    with session.database.writing("call") as connection:
        stored = StoredCall(
            call_id, session.organisation_id, session.run_id, request.method, request.path, body, key, access.generation
        )
        ops.commit_call(connection, stored, [operation.id for operation in batch], session.host.now())
    try:
        answer = session.xero.write(call_id, request, access, looked_at=looked_at)
    except OutcomeUnknown:
        _end_call(session, call_id, "unknown")
        raise
    except (NotApplied, Rejected) as error:
        _end_call(session, call_id, "answered", error if isinstance(error, Rejected) else None)
        raise
    return call_id, answer.body


def _end_call(session: Session, call_id: str, state: str, error: Rejected | None = None) -> None:
    with session.database.writing("call ended") as connection:
        ops.end_call(
            connection,
            call_id,
            session.host.now(),
            state=state,
            status=error.status if error else 0,
            request_id=error.request_id if error else "",
        )


def _record(
    session: Session, call_id: str, batch: Sequence[StoredOperation], body: bytes, applied: Applied
) -> list[StoredOperation]:
    """Record the outcome of each element; returns those whose number or name Xero says exists already."""
    elements = documents.decode_elements(batch[0].identity.kind.value, body)
    if len(elements) != len(batch):
        _end_call(session, call_id, "unknown")
        return list(batch)
    taken: list[StoredOperation] = []
    refused: list[tuple[StoredOperation, tuple[str, ...]]] = []
    with session.database.writing("outcome") as connection:
        for operation, element in zip(batch, elements, strict=True):
            if element.applied:
                if element.record is not None:
                    save_versions(connection, ANSWERED, [to_version(session.organisation_id, element.record)])
                link_applied(connection, session, replace(operation, call_id=call_id), element.xero_id)
                applied.count(operation)
            elif operation.action == "create" and says_taken(element.errors):
                ops.settle(connection, operation.id, "unknown", session.host.now())
                taken.append(operation)
            else:
                refused.append((operation, element.errors))
        ops.end_call(connection, call_id, session.host.now(), state="answered", status=200)
        for operation, errors in refused:
            _refuse_in(connection, session, operation, errors, applied)
    return taken


def _look_up(
    session: Session, batch: Sequence[StoredOperation], applied: Applied, *, taken: bool = False
) -> list[StoredOperation]:
    """Probe for what may have been written: adopt what is ours, return what is certainly not there."""
    if batch[0].action != "create":
        return []  # an update is judged anew from what the next sweep reads
    found = probe(session, batch)
    remaining: list[StoredOperation] = []
    for operation in batch:
        record = found.get(operation.id)
        if record is None:
            if taken:
                reason = "Xero says it exists already, but shows none that is this one."
                _refuse(session, operation, (reason,), applied)
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
