"""Setting the status of invoices: deleting drafts, voiding what was approved. One committed call, each outcome known.

A status that is set twice is the same status, so that an unknown outcome is settled by reading the document.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.documents import ledger_form
from crossfoot.core.errors import OutcomeUnknown, Rejected
from crossfoot.core.links import Identity
from crossfoot.core.records import canonical, content_hash
from crossfoot.core.recovery import REFUSED_AGAIN_AFTER
from crossfoot.engine.calls.remote import NotApplied
from crossfoot.engine.committed import Sent, batch_of, commit, of_each
from crossfoot.engine.reading.fresh import read_invoices
from crossfoot.engine.reading.ledger import to_version
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note_write
from crossfoot.store import operations as ops
from crossfoot.store.codec import decode_fields, encode
from crossfoot.store.operations import StoredOperation
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
        body=encode({"element": element, "form": None, "before": canonical(ledger_form(invoice))}),
        payload_hash=content_hash(element),
        pre_image=to_version(session.organisation_id, invoice).hash,
        number=invoice.number,
        xero_id=invoice.invoice_id,
        currency=invoice.currency,
        ex_tax=invoice.sub_total,
        gross=invoice.total,
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
    request = requests.write(session.tenant, "Invoices", "POST", batch_of("Invoice", operations))
    access = session.xero.access()
    with session.database.writing("status intent") as connection:
        ops.reserve(connection, operations, session.host.now())
        call = commit(connection, session, session.xero, access, request, operations)
    sent = call.send(of_each(operations, partial(documents.decode_elements, "Invoice")), looked_at=looked_at)
    refused: list[str] = []
    match sent.error:
        case None:
            stands = _as_they_are(session, operations, "Xero answered that it was done")  # which is no proof (F15)
            told = ["; ".join(each.errors) for each in sent.unwrap()]
            refused = [each.id for each, words in zip(operations, told, strict=True) if words]
            problems = [words or found for words, found in zip(told, stands, strict=True)]
        case OutcomeUnknown():
            problems = _as_they_are(session, operations, "no answer came")
        case Rejected():
            problems = [sent.refusal] * len(operations)
            refused = [each.id for each in operations] if len(operations) == 1 else []
        case NotApplied():
            problems = ["it was not sent in time; it is tried again"] * len(operations)
        case error:
            _settle(session, operations, [str(error)] * len(operations), sent)
            raise error
    return _settle(session, operations, problems, sent, refused)


def refused_lately(session: Session) -> dict[tuple[str, str], str]:
    """What Xero refused is sent again when a person asks, or next day: its words by deal and payload."""
    since = session.host.now() - REFUSED_AGAIN_AFTER
    with session.database.reading() as connection:
        return ops.standing_refusals(connection, session.organisation_id, since)


def _as_they_are(session: Session, operations: Sequence[StoredOperation], told: str) -> list[str]:
    """What was not done, judged by what the documents are now, and nothing for what was."""
    now = read_invoices(session, [operation.xero_id for operation in operations])
    problems = []
    for operation in operations:
        invoice, status = now.get(operation.xero_id), decode_fields(operation.body)["element"]["Status"]
        done = invoice is not None and invoice.status == status
        problems.append("" if done else f"{told}, and it still stands")
    return problems


def resume_statuses(session: Session) -> None:
    """Settle what an earlier run left in the air."""
    with session.database.reading() as connection:
        found = ops.load_operations(connection, session.organisation_id, states=ops.IN_THE_AIR)
        standing = [operation for operation in found if operation.action in ACTIONS.values()]
    if standing:
        _settle(session, standing, _as_they_are(session, standing, "no answer came"))


def _settle(
    session: Session,
    operations: Sequence[StoredOperation],
    problems: list[str],
    sent: Sent[list[documents.Element]] | None = None,
    refused: Collection[str] = (),
) -> list[str]:
    now = session.host.now()
    with session.database.writing("status outcome") as connection:
        if sent:
            sent.end(connection, now)
        for operation, problem in zip(operations, problems, strict=True):
            state: ops.State = "refused" if operation.id in refused else "abandoned" if problem else "verified"
            ops.settle(connection, operation.id, state, now, refusal=problem)
            if not problem:
                note_write(connection, session, operation, operation.xero_id)
    return problems
