"""Looking up what may have been written, and adopting what turns out to be ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from crossfoot.core.books import LedgerContact, LedgerInvoice, LedgerItem
from crossfoot.core.documents import ledger_form
from crossfoot.core.links import Kind, Link, record_id_in
from crossfoot.core.pacing import Lane
from crossfoot.core.records import content_hash
from crossfoot.core.recovery import BOTH_END_WITHIN
from crossfoot.engine.reading.ledger import CONTACT, INVOICE, ITEM, load_ledger, to_version
from crossfoot.engine.reading.observe import observe_xero
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note_write
from crossfoot.store import operations as ops
from crossfoot.store.codec import decode_fields
from crossfoot.store.links import add_link, find_link, next_identity, set_base
from crossfoot.store.lookups import find_candidates
from crossfoot.store.operations import StoredOperation
from crossfoot.store.queue import replace_findings, set_bucket
from crossfoot.store.versions import load_versions, next_seq, save_versions
from crossfoot.xero import requests
from crossfoot.xero.documents import Page, decode_page
from crossfoot.xero.requests import OrganisationRequest, Tenant

Found = LedgerInvoice | LedgerContact | LedgerItem
_WRITTEN = frozenset({"create", "update"})  # a status that was set is settled by status_calls


def link_applied(connection: Connection, session: Session, operation: StoredOperation, xero_id: str) -> None:
    """Settle an operation as applied: link (or new base), bucket and audit entry in the caller's transaction."""
    now = session.host.now()
    ops.settle(connection, operation.id, "applied", now, xero_id=xero_id)
    body = decode_fields(operation.body)
    sent_hash = content_hash(body["form"]) if body["form"] else ""
    if operation.action == "create":
        identity = operation.identity
        if identity.kind is Kind.CONTACT:  # of an account that was merged away and restored it is another one by now
            home = session.organisation_id
            identity = next_identity(connection, session.org_id, home, Kind.CONTACT, identity.source_key)
        link = Link(identity, xero_id, operation.number, "crossfoot", sent_hash, operation.reason)
        add_link(
            connection, link, now, source_id=operation.source_id, source_hash=operation.source_hash, sent_hash=sent_hash
        )
        if operation.identity.kind is Kind.INVOICE:
            set_bucket(connection, session.organisation_id, operation.source_id, "drafted")
    elif operation.action == "update":
        stored = find_link(connection, session.organisation_id, operation.identity.kind, operation.identity.source_key)
        if stored:
            set_base(connection, stored.id, source_hash=operation.source_hash)  # the base follows once it is read back
    if operation.identity.kind in {Kind.CONTACT, Kind.ITEM}:  # a document's refusal goes with its next plan
        records = {operation.source_id: ""}
        replace_findings(connection, session.organisation_id, records, [], now, codes={"refused_by_xero"})
    note_write(connection, session, operation, xero_id)


def probe(session: Session, batch: Sequence[StoredOperation]) -> dict[str, Found]:
    """Ask Xero for records that would be these operations', by number, marker or code."""
    kind = batch[0].identity.kind
    found: dict[str, Found] = {}
    if kind is Kind.ITEM:
        observe_xero(session, ITEM, lane=Lane.RECOVERY)
        with session.database.reading() as connection:
            items = load_ledger(connection, session.organisation_id, ITEM, LedgerItem)
        by_code = {item.code.casefold(): item for item in items.values()}
        return {o.id: by_code[o.identity.source_key] for o in batch if o.identity.source_key in by_code}
    for start in range(0, len(batch), requests.NUMBERS_PER_CALL):
        part = batch[start : start + requests.NUMBERS_PER_CALL]
        page = decode_page(session.xero.read(_probe_request(session.tenant, kind, part)).body)
        _keep(session, page)
        for operation in part:
            record = _matching(page, operation)
            if record is not None:
                found[operation.id] = record
    return found


def _probe_request(tenant: Tenant, kind: Kind, part: Sequence[StoredOperation]) -> OrganisationRequest:
    if kind is Kind.CONTACT:
        return requests.contacts_by_number(tenant, [operation.source_id for operation in part])
    return requests.invoices_by_number(tenant, [operation.number for operation in part])


def _keep(session: Session, page: Page) -> None:
    with session.database.writing("probe") as connection:
        read_seq = next_seq(connection)
        records: list[Found] = [*page.invoices, *page.contacts]
        save_versions(connection, read_seq, [to_version(session.organisation_id, record) for record in records])


def _matching(page: Page, operation: StoredOperation) -> Found | None:
    if operation.identity.kind is Kind.CONTACT:
        mine = [c for c in page.contacts if c.contact_number == operation.source_id]
        return mine[0] if mine else None
    same_number = [i for i in page.invoices if i.number == operation.number]
    ours = [i for i in same_number if record_id_in(i.url) == operation.source_id]
    live = [i for i in ours if i.is_live]
    return next(iter(live or ours or same_number), None)


def adopt(session: Session, operation: StoredOperation, record: Found) -> str:
    """Take a record that Xero holds as this operation's result. Returns ``adopted``, or why it is not ours."""
    match record:
        case LedgerInvoice():
            xero_id = record.invoice_id
            if record_id_in(record.url) != operation.source_id:
                return f"The number {record.number} is taken by another invoice, to {record.contact_name}."
        case LedgerContact():
            xero_id = record.contact_id
        case LedgerItem():
            xero_id = record.item_id
    try:
        with session.database.writing("adopt") as connection:
            link_applied(connection, session, operation, xero_id)
    except IntegrityError:
        return "Another record is linked to it already."
    session.host.point("adopted")
    return "adopted"


def resume(session: Session) -> int:
    """Settle what an earlier process left in the air, from the sweep that has just been read.

    What was sent and is there is adopted. What was never sent, or is not there, is abandoned and planned anew under
    the same number, so that a write which Xero commits late is refused as a duplicate instead of made twice.
    """
    with session.database.writing("resume") as connection:
        for call_id in ops.orphaned_calls(connection, session.organisation_id):
            ops.end_call(connection, call_id, session.host.now(), state="unknown")
        for call_id in ops.orphaned_calls(connection, session.org_id):
            ops.end_call(connection, call_id, session.host.now(), state="unknown")
        found = ops.load_operations(connection, session.organisation_id, states=ops.IN_THE_AIR)
        standing = [each for each in found if each.identity.kind is not Kind.PAYMENT and each.action in _WRITTEN]
    adopted = 0
    for operation in standing:
        record = _in_store(session, operation) if operation.state != "reserved" else None
        ours = record is not None and (operation.action == "create" or _reads_as_sent(operation, record))
        if record is not None and ours and adopt(session, operation, record) == "adopted":
            adopted += 1
            continue
        if operation.action == "update" and operation.state != "reserved":
            _give_up_change(session, operation)
            continue
        with session.database.writing("abandon") as connection:
            ops.settle(connection, operation.id, "abandoned", session.host.now())
    return adopted


def _give_up_change(session: Session, operation: StoredOperation) -> None:
    """Judge afresh, but not before a lost call can no longer land: it would undo what is told meanwhile, and what it
    leaves of a draft would look like a person's edit."""
    now = session.host.now()
    with session.database.writing("abandon") as connection:
        if ops.was_reserved_since(connection, operation.id, now - BOTH_END_WITHIN):
            return
        ops.settle(connection, operation.id, "abandoned", now)
        note_write(connection, session, replace(operation, action="answer lost to update of"), operation.xero_id)


def _reads_as_sent(operation: StoredOperation, record: Found) -> bool:
    """Whether an update whose answer was lost was made: else our own words would look like a person's edit."""
    form = decode_fields(operation.body)["form"]
    return isinstance(record, LedgerInvoice) and bool(form) and content_hash(ledger_form(record)) == content_hash(form)


def unmoved(session: Session, batch: Sequence[StoredOperation]) -> list[StoredOperation]:
    """Of updates about to leave, those whose target is still the draft that they were decided on.

    Xero has no If-Match, so each target and its customer are read again just before the write. What a person approved,
    submitted, edited or archived meanwhile is left alone and planned anew.
    """
    kept: list[StoredOperation] = []
    if batch[0].identity.kind is not Kind.INVOICE:
        kept = _unmoved_records(session, batch)
        _leave(session, batch, kept)
        return kept
    for start in range(0, len(batch), requests.NUMBERS_PER_CALL):
        part = batch[start : start + requests.NUMBERS_PER_CALL]
        targets = requests.invoices_by_id(session.tenant, [o.xero_id for o in part])
        drafts = decode_page(session.xero.read(targets).body)
        owners = requests.contacts_by_id(session.tenant, [_customer(o) for o in part])
        customers = decode_page(session.xero.read(owners).body)
        _keep(session, drafts)
        _keep(session, customers)
        active = {contact.contact_id for contact in customers.contacts if contact.is_active}
        now = {invoice.invoice_id: (invoice.status, content_hash(ledger_form(invoice))) for invoice in drafts.invoices}
        kept += [o for o in part if now.get(o.xero_id) == (_status(o), o.pre_image) and _customer(o) in active]
    _leave(session, batch, kept)
    return kept


def _unmoved_records(session: Session, batch: Sequence[StoredOperation]) -> list[StoredOperation]:
    """Of changes to contacts or items, those whose target still reads as it did when both sides were compared."""
    kind = batch[0].identity.kind.value
    if kind == CONTACT:
        for start in range(0, len(batch), requests.NUMBERS_PER_CALL):
            ids = [operation.xero_id for operation in batch[start : start + requests.NUMBERS_PER_CALL]]
            _keep(session, decode_page(session.xero.read(requests.contacts_by_id(session.tenant, ids)).body))
    else:
        observe_xero(session, ITEM, lane=Lane.RECOVERY)
    with session.database.reading() as connection:
        found = load_versions(connection, session.organisation_id, kind, ids=[o.xero_id for o in batch])
        now = {version.ref.id: version.hash for version in found}
    return [operation for operation in batch if now.get(operation.xero_id) == operation.pre_image]


def _leave(session: Session, batch: Sequence[StoredOperation], kept: Sequence[StoredOperation]) -> None:
    """Give up on what moved: it is judged anew."""
    left = {operation.id for operation in batch} - {operation.id for operation in kept}
    if left:
        with session.database.writing("moved") as connection:
            for operation_id in sorted(left):
                ops.settle(connection, operation_id, "abandoned", session.host.now())


def _status(operation: StoredOperation) -> str:
    status: str = decode_fields(operation.body)["element"]["Status"]
    return status


def _customer(operation: StoredOperation) -> str:
    contact_id: str = decode_fields(operation.body)["element"]["Contact"]["ContactID"]
    return contact_id


def _in_store(session: Session, operation: StoredOperation) -> Found | None:
    with session.database.reading() as connection:
        home = session.organisation_id
        match operation.identity.kind:
            case Kind.INVOICE:
                ids = find_candidates(connection, home, INVOICE, "number", [operation.number.casefold()])
                invoices = load_ledger(connection, home, INVOICE, LedgerInvoice, ids=ids).values()
                return _matching(Page(invoices=tuple(invoices)), operation)
            case Kind.CONTACT:
                ids = find_candidates(connection, home, CONTACT, "marker", [operation.source_id])
                contacts = load_ledger(connection, home, CONTACT, LedgerContact, ids=ids).values()
                return _matching(Page(contacts=tuple(contacts)), operation)
            case Kind.ITEM:
                items = load_ledger(connection, home, ITEM, LedgerItem).values()
                mine = [item for item in items if item.code.casefold() == operation.identity.source_key]
                return mine[0] if mine else None
            case Kind.PAYMENT | Kind.CREDIT_NOTE:
                return None  # ``payment_outcomes`` looks for a payment on its invoice, ``reissue`` for a credit note
