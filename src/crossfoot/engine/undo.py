"""Undo: delete a run's own drafts that nobody has touched, and say of everything else why it stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from crossfoot.core.books import UNAPPROVED_STATUSES, LedgerInvoice
from crossfoot.core.documents import ledger_form
from crossfoot.core.errors import NeedsPerson
from crossfoot.core.links import Kind
from crossfoot.core.records import content_hash
from crossfoot.engine.guards.brake import settle_vanished, vanished
from crossfoot.engine.guards.guard import check_guard, require_go_live
from crossfoot.engine.guards.restore import keep_anchor, require_current
from crossfoot.engine.planning.planner import keep_plan, make_plan
from crossfoot.engine.reading.ledger import CONTACT, INVOICE, ITEM, load_ledger, refresh_reference
from crossfoot.engine.reading.observe import observe_xero
from crossfoot.engine.runs import settle_earlier, today
from crossfoot.engine.session import Session
from crossfoot.engine.writing.status_calls import send_statuses, status_operation
from crossfoot.store import operations as ops
from crossfoot.store import queue as queue_store
from crossfoot.store import workspace as store
from crossfoot.store.links import StoredLink, load_links
from crossfoot.store.versions import read_back
from crossfoot.xero.requests import BATCH_SIZE

_STAYS = {
    Kind.INVOICE: "a change to an invoice stays: correct it in Xero",
    Kind.CONTACT: "customers and items stay; they may be in use",
    Kind.ITEM: "customers and items stay; they may be in use",
    Kind.PAYMENT: "a payment stays: remove it in Xero",
    Kind.CREDIT_NOTE: "a credit note stays: void it in Xero",
}
"""Why what is no new draft is left as the run made it."""


@dataclass(slots=True)
class Undone:
    """What ``undo`` deleted, and what it could not."""

    deleted: list[str] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)


def undo(session: Session, run_id: str) -> Undone:
    """Delete a run's own drafts that nobody has touched; everything else is listed as not undoable."""
    if session.mapping.settings.direction == "to_salesforce":
        raise NeedsPerson(
            "This workspace writes nothing to Xero (`direction: to_salesforce`): delete the drafts there."
        )
    require_current(session)
    check_guard(session)
    require_go_live(session)
    refresh_reference(session)
    for resource in (CONTACT, ITEM, INVOICE):
        observe_xero(session, resource)
    settle_earlier(session)  # the run may have died before it knew what it had made
    unanswered = bool(vanished(session))  # what else is gone was nobody's to look at here
    with session.database.reading() as connection:
        found = list(ops.load_operations(connection, session.organisation_id, run_id=run_id))
    if not found:
        raise NeedsPerson(f"There is no run {run_id} that wrote anything. `crossfoot runs` shows them.")
    undone = Undone()
    session.run_id = session.host.new_id()
    with session.database.writing("run") as connection:
        store.start_run(
            connection, session.run_id, session.organisation_id, "undo", session.host.now(), live=session.is_live
        )
        links = {s.source_id: s for s in load_links(connection, session.organisation_id, Kind.INVOICE)}
        wanted = {operation.xero_id for operation in found}
        shown = read_back(connection, session.organisation_id, INVOICE, wanted)
        invoices = load_ledger(connection, session.organisation_id, INVOICE, LedgerInvoice, ids=shown)
    doomed: list[tuple[ops.StoredOperation, LedgerInvoice]] = []
    for operation in found:
        name = operation.number or f"{operation.identity.kind.value} {operation.identity.source_key}"
        if operation.state in {"refused", "abandoned"}:
            continue
        if operation.identity.kind is not Kind.INVOICE or operation.action != "create":
            undone.kept.append((name, _STAYS[operation.identity.kind]))
            continue
        invoice = invoices.get(operation.xero_id)
        if invoice is None:
            undone.kept.append((name, "Xero does not show it; `crossfoot queue ls` says what can be done"))
            continue
        if problem := _not_undoable(invoice, links.get(operation.source_id)):
            undone.kept.append((name, problem))
        else:
            doomed.append((operation, invoice))
    for start in range(0, len(doomed), BATCH_SIZE):
        _delete_drafts(session, doomed[start : start + BATCH_SIZE], undone)
        session.progress("Deleting drafts", min(start + BATCH_SIZE, len(doomed)), len(doomed))
    _end(session, undone, unanswered=unanswered)
    return undone


def _end(session: Session, undone: Undone, *, unanswered: bool) -> None:
    """Close the run, and let the queue say at once what now waits. Where too much was gone before it, that still is to
    be looked at."""
    observe_xero(session, INVOICE)
    keep_plan(session, make_plan(session, today(session)))
    counts = {"deleted": len(undone.deleted), "kept": len(undone.kept)}
    with session.database.writing("run ended") as connection:
        if not unanswered:
            settle_vanished(session, connection)
        store.end_run(connection, session.run_id, session.host.now(), outcome="done", created=0, counts=counts)
    keep_anchor(session)


def _not_undoable(invoice: LedgerInvoice, stored: StoredLink | None) -> str:
    if stored is None:
        return "it is no longer linked"
    if not invoice.is_live:
        return f"it is {invoice.status.lower()} already"
    if invoice.status not in UNAPPROVED_STATUSES:
        return f"it is {invoice.status.lower()}: void or credit it in Xero"
    if content_hash(ledger_form(invoice)) != stored.link.base_hash:
        return "somebody edited the draft"
    return ""


def _delete_drafts(
    session: Session, batch: Sequence[tuple[ops.StoredOperation, LedgerInvoice]], undone: Undone
) -> None:
    """Delete drafts in one call; what was deleted waits until a person asks for it again."""
    deletions = [
        status_operation(
            session,
            created.identity,
            invoice,
            "DELETED",
            reason=f"undo of run {created.run_id}",
            reviewed=True,
        )
        for created, invoice in batch
    ]
    with session.database.writing("undo intent") as connection:
        for created, _ in batch:
            ops.settle(connection, created.id, "verified", session.host.now())
    problems = send_statuses(session, deletions)
    with session.database.writing("undo outcome") as connection:
        for deletion, problem in zip(deletions, problems, strict=True):
            if problem:
                undone.kept.append((deletion.number, problem))
                continue
            undone.deleted.append(deletion.number)
            queue_store.decide(
                connection,
                session.organisation_id,
                "undone",
                deletion.source_id,
                deletion.xero_id,
                actor=session.actor,
                now=session.host.now(),
            )
