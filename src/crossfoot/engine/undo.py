"""Undo: delete a run's own drafts that nobody has touched, and say of everything else why it stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.documents import ledger_form
from crossfoot.core.errors import NeedsPerson, OutcomeUnknown, Rejected
from crossfoot.core.links import Kind, idempotency_key
from crossfoot.core.records import canonical, content_hash
from crossfoot.engine.brake import settle_vanished
from crossfoot.engine.ledger import INVOICE, load_ledger, refresh_reference
from crossfoot.engine.observe import observe_xero
from crossfoot.engine.planner import keep_plan, make_plan
from crossfoot.engine.remote import NotApplied
from crossfoot.engine.restore import keep_anchor, require_current
from crossfoot.engine.runs import check_guard, today
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note_write
from crossfoot.store import operations as ops
from crossfoot.store import queue as queue_store
from crossfoot.store import workspace as store
from crossfoot.store.codec import decode_fields, encode
from crossfoot.store.links import StoredLink, load_links
from crossfoot.xero import documents, requests


@dataclass(slots=True)
class Undone:
    """What ``undo`` deleted, and what it could not."""

    deleted: list[str] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)


def undo(session: Session, run_id: str) -> Undone:
    """Delete a run's own drafts that nobody has touched; everything else is listed as not undoable."""
    require_current(session)
    check_guard(session)
    refresh_reference(session)
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
    doomed: list[tuple[ops.StoredOperation, LedgerInvoice]] = []
    for operation in found:
        name = operation.number or f"{operation.identity.kind.value} {operation.identity.source_key}"
        if operation.state in {"refused", "abandoned"}:
            continue
        if operation.identity.kind is not Kind.INVOICE or operation.action != "create":
            undone.kept.append((name, "customers and items stay; they may be in use"))
            continue
        invoice = invoices.get(operation.xero_id)
        if problem := _not_undoable(invoice, links.get(operation.source_id)):
            undone.kept.append((name, problem))
        elif invoice:
            doomed.append((operation, invoice))
    for start in range(0, len(doomed), requests.BATCH_SIZE):
        _delete_drafts(session, doomed[start : start + requests.BATCH_SIZE], undone)
        session.progress("Deleting drafts", min(start + requests.BATCH_SIZE, len(doomed)), len(doomed))
    _end(session, undone)
    return undone


def _end(session: Session, undone: Undone) -> None:
    """Close the run, and let the queue say at once what now waits."""
    observe_xero(session, INVOICE)
    keep_plan(session, make_plan(session, today(session)))
    counts = {"deleted": len(undone.deleted), "kept": len(undone.kept)}
    with session.database.writing("run ended") as connection:
        settle_vanished(session, connection)
        store.end_run(connection, session.run_id, session.host.now(), outcome="done", created=0, counts=counts)
    keep_anchor(session)


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


def _delete_drafts(
    session: Session, batch: Sequence[tuple[ops.StoredOperation, LedgerInvoice]], undone: Undone
) -> None:
    """Commit the intents, send them in one call, look where no answer came, record each outcome."""
    deletions = [_deletion(session, operation, invoice) for operation, invoice in batch]
    problems = _send_deletions(session, [operation for operation, _ in batch], deletions)
    with session.database.writing("undo outcome") as connection:
        now = session.host.now()
        for deletion, (_, invoice), problem in zip(deletions, batch, problems, strict=True):
            ops.settle(connection, deletion.id, "refused" if problem else "verified", now, refusal=problem)
            if problem:
                undone.kept.append((invoice.number, problem))
                continue
            undone.deleted.append(invoice.number)
            queue_store.decide(
                connection,
                session.organisation_id,
                "undone",
                deletion.source_id,
                invoice.invoice_id,
                actor=session.actor,
                now=now,
            )
            note_write(connection, session, deletion, invoice.invoice_id)


def _deletion(session: Session, created: ops.StoredOperation, invoice: LedgerInvoice) -> ops.StoredOperation:
    element = {"InvoiceID": invoice.invoice_id, "InvoiceNumber": invoice.number, "Status": "DELETED"}
    return replace(
        created,
        id=session.host.new_id(),
        run_id=session.run_id,
        action="delete",
        state="reserved",
        call_id="",
        body=encode({"element": element, "form": None, "before": canonical(ledger_form(invoice))}),
        payload_hash=content_hash(element),
        pre_image=content_hash(ledger_form(invoice)),
        reason=f"undo of run {created.run_id}",
        reviewed=True,
    )


def _send_deletions(
    session: Session, created: Sequence[ops.StoredOperation], deletions: Sequence[ops.StoredOperation]
) -> list[str]:
    """Send one committed call. Returns, for each draft, why it still stands, or an empty string."""
    access = session.xero.access()
    call_id = session.host.new_id()
    body = documents.batch_body("Invoice", [encode(decode_fields(d.body)["element"]) for d in deletions])
    key = idempotency_key(session.organisation_id, call_id, content_hash(body.decode()))
    request = requests.write(session.tenant, "Invoices", "POST", body, key)
    call = ops.StoredCall(
        call_id, session.organisation_id, session.run_id, "POST", request.path, body, key, access.generation
    )
    with session.database.writing("undo intent") as connection:
        for operation in created:
            ops.settle(connection, operation.id, "verified", session.host.now())
        ops.reserve(connection, deletions, session.host.now())
        ops.commit_call(connection, call, [deletion.id for deletion in deletions], session.host.now())
    state = "answered"
    try:
        answer = session.xero.write(call_id, request, access)
        problems = ["; ".join(element.errors) for element in documents.decode_elements("Invoice", answer.body)]
    except (Rejected, NotApplied) as error:
        problems = [str(error) or "Xero did not take it"] * len(deletions)
    except OutcomeUnknown as error:
        state = "unknown"
        problems = _still_standing(session, deletions, f"no answer came ({error}); run undo again")
    with session.database.writing("undo call ended") as connection:
        ops.end_call(connection, call_id, session.host.now(), state=state)
    return problems


def _still_standing(session: Session, deletions: Sequence[ops.StoredOperation], problem: str) -> list[str]:
    gone: set[str] = set()
    for start in range(0, len(deletions), requests.NUMBERS_PER_CALL):
        ids = [deletion.xero_id for deletion in deletions[start : start + requests.NUMBERS_PER_CALL]]
        page = documents.decode_page(session.xero.read(requests.invoices_by_id(session.tenant, ids)).body)
        gone |= {invoice.invoice_id for invoice in page.invoices if invoice.status == "DELETED"}
    return ["" if deletion.xero_id in gone else problem for deletion in deletions]
