"""Undo: delete a run's own drafts that nobody has touched, and say of everything else why it stays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.documents import ledger_form
from crossfoot.core.errors import NeedsPerson, OutcomeUnknown, Rejected
from crossfoot.core.links import Kind, idempotency_key
from crossfoot.core.records import content_hash
from crossfoot.engine.ledger import INVOICE, load_ledger
from crossfoot.engine.observe import observe_xero
from crossfoot.engine.remote import NotApplied
from crossfoot.engine.runs import check_guard
from crossfoot.engine.session import Session
from crossfoot.store import operations as ops
from crossfoot.store import queue as queue_store
from crossfoot.store import workspace as store
from crossfoot.store.audit import append_audit
from crossfoot.store.codec import encode
from crossfoot.store.links import StoredLink, load_links
from crossfoot.xero import documents, requests


@dataclass(slots=True)
class Undone:
    """What ``undo`` deleted, and what it could not."""

    deleted: list[str] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)


def undo(session: Session, run_id: str) -> Undone:
    """Delete a run's own drafts that nobody has touched; everything else is listed as not undoable."""
    check_guard(session)
    with session.database.reading() as connection:
        found = list(ops.load_operations(connection, session.organisation_id, run_id=run_id))
    if not found:
        raise NeedsPerson(f"There is no run {run_id} that wrote anything. `crossfoot runs` shows them.")
    observe_xero(session, INVOICE)
    undone = Undone()
    session.run_id = session.host.new_id()
    with session.database.writing("run") as connection:
        store.start_run(
            connection, session.run_id, session.organisation_id, "undo", session.host.now(), live=session.is_live
        )
        links = {s.source_id: s for s in load_links(connection, session.organisation_id, Kind.INVOICE)}
        invoices = load_ledger(connection, session.organisation_id, INVOICE, LedgerInvoice)
    for operation in found:
        name = operation.number or f"{operation.identity.kind.value} {operation.identity.source_key}"
        if operation.state in {"refused", "abandoned"}:
            continue
        if operation.identity.kind is not Kind.INVOICE or operation.action != "create":
            undone.kept.append((name, "customers and items stay; they may be in use"))
            continue
        invoice, stored = invoices.get(operation.xero_id), links.get(operation.source_id)
        if problem := _not_undoable(invoice, stored):
            undone.kept.append((name, problem))
        elif invoice and stored:
            _delete_draft(session, operation, invoice, undone)
    with session.database.writing("run ended") as connection:
        store.end_run(
            connection,
            session.run_id,
            session.host.now(),
            outcome="done",
            created=0,
            counts={"deleted": len(undone.deleted), "kept": len(undone.kept)},
        )
    return undone


def _not_undoable(invoice: LedgerInvoice | None, stored: StoredLink | None) -> str:
    if invoice is None or stored is None:
        return "it is no longer linked"
    if not invoice.is_live:
        return f"it is {invoice.status.lower()} already"
    if invoice.status != "DRAFT":
        return f"it is {invoice.status.lower()}: void or credit it in Xero"
    if content_hash(ledger_form(invoice)) != stored.link.base_hash:
        return "somebody edited the draft"
    return ""


def _delete_draft(session: Session, operation: ops.StoredOperation, invoice: LedgerInvoice, undone: Undone) -> None:
    """One draft at a time: commit the intent, send, look where no answer came, record."""
    element = {"InvoiceID": invoice.invoice_id, "InvoiceNumber": invoice.number, "Status": "DELETED"}
    deletion = replace(
        operation,
        id=session.host.new_id(),
        run_id=session.run_id,
        action="delete",
        state="reserved",
        body=encode({"element": element, "form": None}),
        payload_hash=content_hash(element),
        pre_image=content_hash(ledger_form(invoice)),
        reason=f"undo of run {operation.run_id}",
        reviewed=True,
    )
    problem = _send_deletion(session, operation, deletion, documents.batch_body("Invoice", [encode(element)]))
    with session.database.writing("undo outcome") as connection:
        now = session.host.now()
        ops.settle(connection, deletion.id, "refused" if problem else "verified", now, refusal=problem)
        if not problem:
            queue_store.decide(
                connection,
                session.organisation_id,
                "undone",
                operation.source_id,
                invoice.invoice_id,
                actor=session.actor,
                now=now,
            )
            append_audit(
                connection,
                session.organisation_id,
                now,
                actor=session.actor,
                action="delete Invoice",
                record_id=operation.source_id,
                xero_id=invoice.invoice_id,
                number=invoice.number,
                reason=deletion.reason,
            )
    if problem:
        undone.kept.append((invoice.number, problem))
    else:
        undone.deleted.append(invoice.number)


def _send_deletion(session: Session, created: ops.StoredOperation, deletion: ops.StoredOperation, body: bytes) -> str:
    """Send one committed deletion. Returns why the draft still stands, or an empty string."""
    access = session.xero.access()
    call_id = session.host.new_id()
    key = idempotency_key(session.organisation_id, call_id, content_hash(body.decode()))
    request = requests.write("Invoices", "POST", body, key)
    call = ops.StoredCall(
        call_id, session.organisation_id, session.run_id, "POST", request.path, body, key, access.generation
    )
    with session.database.writing("undo intent") as connection:
        ops.settle(connection, created.id, "verified", session.host.now())
        ops.reserve(connection, [deletion], session.host.now())
        ops.commit_call(connection, call, [deletion.id], session.host.now())
    state = "answered"
    try:
        answer = session.xero.write(call_id, request, access)
        problem = "; ".join(documents.decode_elements("Invoice", answer.body)[0].errors)
    except (Rejected, NotApplied) as error:
        problem = str(error) or "Xero did not take it"
    except OutcomeUnknown as error:
        state = "unknown"
        page = documents.decode_page(session.xero.read(requests.invoices_by_id([deletion.xero_id])).body)
        gone = any(found.status == "DELETED" for found in page.invoices)
        problem = "" if gone else f"no answer came ({error}) and the draft still stands; run undo again"
    with session.database.writing("undo call ended") as connection:
        ops.end_call(connection, call_id, session.host.now(), state=state)
    return problem
