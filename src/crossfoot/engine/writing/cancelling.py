"""Taking back the invoice of a deal that was lost, reopened or deleted: drafts by policy, the rest when a person asks.

What was paid, credited or locked stays, and the review queue says why.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.documents import read_part
from crossfoot.core.findings import Finding
from crossfoot.core.lifecycle import CANCEL_CODES, Cancellation, judge_cancellation
from crossfoot.core.links import Kind
from crossfoot.core.records import RecordRef, Side
from crossfoot.engine.reading.ledger import AT_WRITE_AGE, INVOICE, load_ledger, refresh_reference
from crossfoot.engine.session import Session
from crossfoot.engine.writing.status_calls import ACTIONS, refused_lately, send_statuses, status_operation
from crossfoot.store import operations as ops
from crossfoot.store.links import StoredLink, load_links
from crossfoot.store.operations import StoredOperation
from crossfoot.store.queue import QueueEntry, decisions, forget_decision, open_about, replace_findings
from crossfoot.store.versions import load_versions
from crossfoot.xero.requests import BATCH_SIZE

ASKED: Final = "cancel"
"""The kind of decision by which a person has a document taken back."""
REQUESTS = frozenset({"no_longer_won", "worth_nothing", "source_deleted"})
"""Reasons of the review queue that ask for it."""
_BY_POLICY = REQUESTS - {"worth_nothing"}
"""Reasons for which drafts may go unasked. Who changes a deal's products may have taken all of them off for a while."""


@dataclass(slots=True)
class Cancelled:
    """What was taken back in a run. ``stopped`` says why no more was."""

    deleted: int = 0
    voided: int = 0
    stopped: str = ""

    @property
    def writes(self) -> int:
        """How many documents."""
        return self.deleted + self.voided


def cancel_documents(session: Session) -> Cancelled:
    """Take back what people asked for, and where the policy says so, own drafts that nobody has touched."""
    done = Cancelled()
    if session.mapping.settings.direction == "to_salesforce":
        _requests(session)  # no answer outlives its question, though none is carried out
        return done
    wanted = _wanted(session)
    age_max = AT_WRITE_AGE if wanted.asked else dt.timedelta.max  # drafts may be deleted behind a lock (XERO 4.13)
    invoices, locked_until = _books(session, wanted, age_max)
    operations: list[StoredOperation] = []
    problems: dict[str, str] = {}
    refused = refused_lately(session)
    for deal, invoice, step in _judged(wanted, invoices, locked_until):
        reviewed, cause = deal in wanted.asked, wanted.entries[deal].cause
        if step.status:
            reason = f"asked for: {cause}" if reviewed else f"by policy: {cause}"
            identity = wanted.links[deal].link.identity
            operation = status_operation(session, identity, invoice, step.status, reason=reason, reviewed=reviewed)
            if words := refused.get((deal, operation.payload_hash)):
                problems[deal] = words
            else:
                operations.append(operation)
        elif reviewed:
            problems[deal] = step.problem
    allowed = _within_brake(session, operations, done)
    for start in range(0, len(allowed), BATCH_SIZE):
        batch = allowed[start : start + BATCH_SIZE]
        for operation, problem in zip(batch, send_statuses(session, batch), strict=True):
            if problem:
                problems[operation.source_id] = problem
            elif operation.action == ACTIONS["DELETED"]:
                done.deleted += 1
            else:
                done.voided += 1
    _keep(session, wanted.entries, problems)
    return done


def planned_cancellations(session: Session) -> list[tuple[str, LedgerInvoice, str]]:
    """What the next sync would take back, as far as was read: the deal's name, its invoice, and the status to set."""
    if session.mapping.settings.direction == "to_salesforce":
        return []
    wanted = _wanted(session)
    invoices, locked_until = _books(session, wanted)
    judged = _judged(wanted, invoices, locked_until)
    return [(wanted.entries[deal].record_name, invoice, step.status) for deal, invoice, step in judged if step.status]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Links of the deals whose invoice is to go, their entries of the review queue, and which of them people asked."""

    links: Mapping[str, StoredLink]
    entries: Mapping[str, QueueEntry]
    asked: Collection[str]


def _wanted(session: Session) -> _Wanted:
    entries, answers = _requests(session)
    links = _links(session, entries)
    asked = {deal for deal, stored in links.items() if (deal, stored.link.xero_id) in answers}
    lost = _lost(session, links, entries) if session.mapping.policy.cancel_drafts else ()
    return _Wanted({deal: links[deal] for deal in links if deal in lost or deal in asked}, entries, asked)


def _lost(session: Session, links: Mapping[str, StoredLink], entries: Mapping[str, QueueEntry]) -> set[str]:
    """Deals that people lost, reopened or deleted. One that is as it was when its invoice was made did not change: the
    settings count it no more, and people are asked."""
    with session.database.reading() as connection:
        versions = load_versions(connection, session.org_id, session.mapping.deal_object, ids=links)
        now = {version.ref.id: version.hash for version in versions}
    by_policy = {deal: links[deal] for deal in links if entries[deal].code in _BY_POLICY}
    return {
        deal
        for deal, stored in by_policy.items()
        if entries[deal].code != "no_longer_won" or read_part(stored.source_hash) != now.get(deal)
    }


def _books(
    session: Session, wanted: _Wanted, age_max: dt.timedelta = dt.timedelta.max
) -> tuple[Mapping[str, LedgerInvoice], dt.date | None]:
    """The invoices as they were read last, each of which is looked at again before it is sent; and the lock date."""
    ids = [stored.link.xero_id for stored in wanted.links.values()]
    with session.database.reading() as connection:
        invoices = load_ledger(connection, session.organisation_id, INVOICE, LedgerInvoice, ids=ids)
    return invoices, refresh_reference(session, names=("organisation",), age_max=age_max).locked_until


def _judged(
    wanted: _Wanted, invoices: Mapping[str, LedgerInvoice], locked_until: dt.date | None
) -> Iterator[tuple[str, LedgerInvoice, Cancellation]]:
    """How each is taken back. Without being asked only a draft is."""
    for deal, stored in wanted.links.items():
        invoice = invoices.get(stored.link.xero_id)
        if invoice is not None:
            step = judge_cancellation(invoice, stored.link, locked_until)
            by_itself = step.status == "DELETED" or deal in wanted.asked
            yield deal, invoice, step if by_itself else Cancellation()


def _requests(session: Session) -> tuple[dict[str, QueueEntry], set[tuple[str, str]]]:
    """Open entries by deal, and what was asked for. An answer does not outlive its question: a deal that is won again
    and lost again is asked about again."""
    home = session.organisation_id
    with session.database.writing("cancel requests") as connection:
        entries = {entry.record.id: entry for entry in open_about(connection, home, REQUESTS)}
        asked = set(decisions(connection, home, ASKED))
        for deal, _ in asked:
            if deal not in entries:
                forget_decision(connection, home, ASKED, deal)
    return entries, asked


def _links(session: Session, entries: Mapping[str, QueueEntry]) -> dict[str, StoredLink]:
    with session.database.reading() as connection:
        found = load_links(connection, session.organisation_id, Kind.INVOICE, source_keys=entries)
        return {stored.source_id: stored for stored in found}


def _within_brake(session: Session, operations: list[StoredOperation], done: Cancelled) -> list[StoredOperation]:
    """What people asked for one by one goes; of what the policy would delete all, or none past the brake."""
    brake = session.mapping.policy.brake
    own = [operation for operation in operations if not operation.reviewed]
    with session.database.reading() as connection:
        _, _, changed = ops.recent_intents(connection, session.organisation_id, session.host.now())
    if not own or changed + len(own) <= brake.changes:
        return operations
    done.stopped = (
        f"The brake holds deletions: {changed + len(own)} documents changed or deleted within 24 hours "
        f"(at most {brake.changes})."
    )
    held = session.is_live or brake.on_test_pair
    return [operation for operation in operations if operation.reviewed] if held else operations


def _keep(session: Session, entries: Mapping[str, QueueEntry], problems: Mapping[str, str]) -> None:
    findings = [
        replace(
            Finding("cancel_not_possible", RecordRef(Side.SALESFORCE, entries[deal].record.kind, deal), problem),
            money=entries[deal].money,
            owner_name=entries[deal].owner_name,
            related=entries[deal].related,
        )
        for deal, problem in problems.items()
    ]
    with session.database.writing("cancelled kept") as connection:
        home, now = session.organisation_id, session.host.now()
        standing = open_about(connection, home, CANCEL_CODES)
        names = {entry.record.id: entry.record_name for entry in [*standing, *entries.values()]}
        replace_findings(connection, home, names, findings, now, codes=CANCEL_CODES)
