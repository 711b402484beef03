"""Setting the status of invoices: deleting drafts, voiding what was approved. One committed call, each outcome known.

A status that is set twice is the same status, so that an unknown outcome is settled by reading the document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.documents import ledger_form
from crossfoot.core.errors import NeedsReauthorisation, OutcomeUnknown, Rejected, RetryLater
from crossfoot.core.links import Identity, idempotency_key
from crossfoot.core.money import ZERO
from crossfoot.core.records import canonical, content_hash
from crossfoot.engine.calls.remote import NotApplied
from crossfoot.engine.reading.fresh import read_invoices
from crossfoot.engine.reading.ledger import to_version
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note_write
from crossfoot.store import operations as ops
from crossfoot.store.codec import decode_fields, encode
from crossfoot.store.operations import StoredCall, StoredOperation
from crossfoot.xero import documents, requests

ACTIONS = {"DELETED": "delete", "VOIDED": "void"}
MOVED = "it changed in Xero just now; the next run looks at it again"


def status_operation(
    session: Session, identity: Identity, invoice: LedgerInvoice, status: str, *, reason: str, reviewed: bool
) -> StoredOperation:
    """The operation that deletes or voids an invoice."""
    element = {"InvoiceID": invoice.invoice_id, "InvoiceNumber": invoice.number, "Status": status}
    return StoredOperation(
        id=session.host.new_id(),
        run_id=session.run_id,
        identity=identity,
        source_id=identity.source_key,
        action=ACTIONS[status],
        state="reserved",
        body=encode({"element": element, "form": None, "before": canonical(ledger_form(invoice))}),
        payload_hash=content_hash(element),
        pre_image=to_version(session.organisation_id, invoice).hash,
        number=invoice.number,
        xero_id=invoice.invoice_id,
        currency=invoice.currency,
        ex_tax=invoice.sub_total,
        gross=invoice.total,
        base_gross=ZERO,
        reviewed=reviewed,
        reason=reason,
    )


def send_statuses(session: Session, operations: Sequence[StoredOperation]) -> list[str]:
    """Send one call of at most fifty, of those whose invoice still is as it was judged. Returns, for each operation,
    why it was not done, or an empty string."""
    looked_at = session.host.now()
    found = read_invoices(session, [each.xero_id for each in operations])
    now = {invoice_id: to_version(session.organisation_id, invoice).hash for invoice_id, invoice in found.items()}
    same = [each for each in operations if now.get(each.xero_id) == each.pre_image]
    problems = dict(zip((each.id for each in same), _send(session, same, looked_at) if same else (), strict=True))
    return [problems.get(each.id, MOVED) for each in operations]


def _send(session: Session, operations: Sequence[StoredOperation], looked_at: datetime) -> list[str]:
    access, call_id = session.xero.access(), session.host.new_id()
    body = documents.batch_body("Invoice", [encode(decode_fields(each.body)["element"]) for each in operations])
    key = idempotency_key(session.organisation_id, call_id, hashlib.sha256(body).hexdigest())
    request = requests.write(session.tenant, "Invoices", "POST", body, key)
    home = session.organisation_id
    call = StoredCall(call_id, home, session.run_id, "POST", request.path, body, key, access.generation)
    with session.database.writing("status intent") as connection:
        ops.reserve(connection, operations, session.host.now())
        ops.commit_call(connection, call, [operation.id for operation in operations], session.host.now())
    try:
        answer = session.xero.write(call_id, request, access, looked_at=looked_at)
    except OutcomeUnknown:
        return settle_statuses(session, operations)
    except Rejected as error:
        return _settle(session, call_id, operations, ["; ".join(error.reasons)] * len(operations))
    except NotApplied:
        return _settle(session, call_id, operations, ["it was not sent in time; it is tried again"] * len(operations))
    except (RetryLater, NeedsReauthorisation) as error:
        _settle(session, call_id, operations, [str(error)] * len(operations))
        raise
    elements = documents.decode_elements("Invoice", answer.body)
    if len(elements) != len(operations):
        return settle_statuses(session, operations)
    now = read_invoices(session, [operation.xero_id for operation in operations])
    kept = "Xero answered that it was done, and it still stands"  # an answer is no proof (F15)
    answered = zip(operations, elements, strict=True)
    problems = ["; ".join(element.errors) or ("" if _is_done(each, now) else kept) for each, element in answered]
    return _settle(session, call_id, operations, problems)


def settle_statuses(session: Session, operations: Sequence[StoredOperation]) -> list[str]:
    """Settle what has no answer by what the documents are now."""
    now = read_invoices(session, [operation.xero_id for operation in operations])
    problems = ["" if _is_done(each, now) else "no answer came, and it still stands" for each in operations]
    return _settle(session, "", operations, problems)


def _is_done(operation: StoredOperation, now: Mapping[str, LedgerInvoice]) -> bool:
    """Whether an invoice has the status that was set."""
    invoice, status = now.get(operation.xero_id), decode_fields(operation.body)["element"]["Status"]
    return invoice is not None and invoice.status == status


def resume_statuses(session: Session) -> None:
    """Settle what an earlier run left in the air."""
    with session.database.reading() as connection:
        states = ("reserved", "sending", "unknown")
        found = ops.load_operations(connection, session.organisation_id, states=states)
        standing = [operation for operation in found if operation.action in ACTIONS.values()]
    if standing:
        settle_statuses(session, standing)


def _settle(
    session: Session, call_id: str, operations: Sequence[StoredOperation], problems: Sequence[str]
) -> list[str]:
    now = session.host.now()
    with session.database.writing("status outcome") as connection:
        if call_id:
            ops.end_call(connection, call_id, now, state="answered")
        for operation, problem in zip(operations, problems, strict=True):
            ops.settle(connection, operation.id, "abandoned" if problem else "verified", now, refusal=problem)
            if not problem:
                note_write(connection, session, operation, operation.xero_id)
    return list(problems)
