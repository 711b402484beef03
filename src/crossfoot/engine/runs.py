"""Runs: ``plan``, ``apply`` and ``sync``, each a walk along observe -> plan -> apply -> verify -> write back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from crossfoot.core.decided import Operation
from crossfoot.core.errors import NeedsPerson, Stopped
from crossfoot.core.links import Identity, Kind
from crossfoot.core.reissue import Stage
from crossfoot.engine.guards.anchor import Anchor
from crossfoot.engine.guards.brake import check_brake, check_vanished, settle_vanished
from crossfoot.engine.guards.guard import check_guard, require_go_live
from crossfoot.engine.guards.restore import (
    Restored,
    doubt_shared_values,
    find_gap,
    keep_anchor,
    require_current,
    settle_restored,
)
from crossfoot.engine.planning.people import doubt_people
from crossfoot.engine.planning.planner import Planned, keep_plan, make_plan
from crossfoot.engine.reading.allowance import refresh_allowance, told_in_queue
from crossfoot.engine.reading.follow import read_documents_of_merged
from crossfoot.engine.reading.observe import Observed, observe
from crossfoot.engine.reading.scope import newly_named
from crossfoot.engine.review.overrides import drop_agreed
from crossfoot.engine.review.requested import answer_requests
from crossfoot.engine.session import Session, zone_of
from crossfoot.engine.showing.recall import recall_rows
from crossfoot.engine.showing.write_back import write_back
from crossfoot.engine.trail import note, pack_trail
from crossfoot.engine.writing.adopt import resume
from crossfoot.engine.writing.apply import Applied, apply_operations, link_customers
from crossfoot.engine.writing.cancelling import Cancelled, cancel_documents
from crossfoot.engine.writing.payment_calls import Paid
from crossfoot.engine.writing.payments import look_at_payments, recall_payments, record_payments
from crossfoot.engine.writing.rebuild import adopt_by_marker, recall
from crossfoot.engine.writing.reissue import Reissued, finish_reissues, reissue_invoices
from crossfoot.engine.writing.status_calls import resume_statuses
from crossfoot.engine.writing.tell import Agreed, look_at_links, tell
from crossfoot.engine.writing.verify import Verified, verify
from crossfoot.store.acts import open_acts
from crossfoot.store.audit import prune_bodies
from crossfoot.store.codec import decode_fields
from crossfoot.store.links import load_links
from crossfoot.store.queue import bucket_totals
from crossfoot.store.versions import load_versions
from crossfoot.store.workspace import any_plan_applied, end_run, start_run


@dataclass(slots=True)
class RunReport:
    """What a run did, in counts and money."""

    run_id: str
    observed: Observed
    planned: Planned
    applied: Applied = field(default_factory=Applied)
    verified: Verified = field(default_factory=Verified)
    agreed: Agreed = field(default_factory=Agreed)
    paid: Paid = field(default_factory=Paid)
    cancelled: Cancelled = field(default_factory=Cancelled)
    reissued: Reissued = field(default_factory=Reissued)
    written_back: int = 0
    write_backs_refused: int = 0
    queue_opened: int = 0
    queue_closed: int = 0
    left_out: Sequence[str] = ()
    warning: str = ""
    calls: Mapping[str, int] = field(default_factory=dict)
    buckets: Sequence[tuple[str, str, int, Decimal]] = ()
    audit: Anchor | None = None

    @property
    def writes(self) -> int:
        """Everything that this run changed on either side."""
        done = self.applied
        return (
            (done.created + done.updated + done.deleted + done.contacts + done.items - done.adopted + self.written_back)
            + self.agreed.writes
            + self.paid.made
            + self.cancelled.writes
            + self.reissued.writes
        )

    @property
    def counts(self) -> dict[str, int]:
        """What is kept of it with the run and in the audit log."""
        return {
            "created": self.applied.created,
            "updated": self.applied.updated,
            "contacts": self.applied.contacts,
            "items": self.applied.items,
            "adopted": self.applied.adopted,
            "verified": self.verified.verified,
            "agreed": self.agreed.writes,
            "payments": self.paid.made,
            "cancelled": self.cancelled.writes,
            "reissued": self.reissued.credited,
            "written_back": self.written_back,
        }


def look(session: Session, *, after_copy: bool = False) -> tuple[Observed, Planned, tuple[int, int]]:
    """Observe both sides, settle what an earlier run left, and plan. Writes nothing to either side. ``after_copy``:
    find again what an old copy of the database does not know."""
    with told_in_queue(session):
        check_guard(session)
        refresh_allowance(session)
        observed = observe(session)
        read_documents_of_merged(session)
    settle_earlier(session)
    session.rebuilt += adopt_by_marker(session, _own_numbers(session))
    if after_copy:
        recall(session)
    session.progress("Planning", 0, 0)
    look_at_links(session)
    drop_agreed(session)
    planned = make_plan(session, today(session))
    link_customers(session, planned, of_new=False)  # before the plan is kept: these deals are not planned again
    changes = keep_plan(session, planned)
    look_at_payments(session, planned.as_of)
    return observed, planned, changes


def settle_earlier(session: Session) -> None:
    """Settle what an earlier run left in the air, from the sweep that has just been read."""
    resume(session)
    resume_statuses(session)
    verify(session, swept=True)


def today(session: Session) -> dt.date:
    """The calendar day in the organisation's zone, by Xero's own clock rather than this machine's."""
    organisation = session.organisation
    if organisation is None:
        raise NeedsPerson("The Xero organisation was not read yet.")
    return ledger_now(session).astimezone(zone_of(organisation)).date()


def ledger_now(session: Session) -> dt.datetime:
    """Now, as far as the ledger is concerned."""
    return session.xero.server_now or session.host.now()


def _own_numbers(session: Session) -> dict[str, str]:
    """The number that each deal which an invoice may newly name has of its own (empty: numbered from the series)."""
    rule = session.mapping.invoice.get("Number")
    paths = sorted(rule.expression.paths) if rule else []
    with session.database.reading() as connection:
        named = newly_named(session, connection)
        return {
            version.ref.id: str(decode_fields(version.body).get(paths[0][0]) or "") if len(paths) == 1 else ""
            for version in load_versions(connection, session.org_id, session.mapping.deal_object, ids=named)
        }


def sync(session: Session) -> RunReport:
    """Plan and apply, within the guards. Nothing can wave the brake through."""
    require_current(session)
    observed, planned, changes = look(session)
    require_go_live(session)
    if session.is_live:
        _require_reviewed_plan(session)
    warning = " ".join(filter(None, (check_vanished(session), check_brake(session, planned.invoices))))
    report = _carry_out(session, "sync", observed, planned, planned.operations, reviewed=False)
    report.queue_opened, report.queue_closed = changes
    report.warning = " ".join(filter(None, (report.warning, warning)))
    return report


def apply_reviewed(
    session: Session,
    wanted: Mapping[str, str],
    *,
    strict: bool,
    names: Mapping[str, str],
    check: Callable[[Planned], None],
) -> RunReport:
    """Apply a plan that a person reviewed: exactly its documents, less those that moved since. ``wanted`` gives what
    the reviewer saw by deal id; ``check`` stops when the plan as a whole no longer holds."""
    require_current(session)
    observed, planned, changes = look(session)
    check(planned)
    require_go_live(session)
    matching = {o.source.id for o in planned.invoices if wanted.get(o.source.id) == o.decided_hash}
    done = _done(session, planned, wanted)
    left_out = [names[deal] for deal in wanted if deal not in matching and deal not in done]
    if left_out and strict:
        raise Stopped(
            f"{len(left_out)} documents changed since the plan was made ({', '.join(left_out[:5])}); "
            "with --strict nothing is sent. Make a new plan.",
            code="plan_moved",
        )
    chosen = {o.identity for o in planned.invoices if o.source.id in matching}
    operations = _with_needs(planned.operations, chosen)
    report = _carry_out(session, "apply", observed, planned, operations, reviewed=True)
    report.queue_opened, report.queue_closed = changes
    report.left_out = left_out
    return report


def _done(session: Session, planned: Planned, deals: Iterable[str]) -> set[str]:
    """Those of some deals that have their invoice and say what it was made or changed from: nothing is left to send."""
    now = {decision.deal.ref.id: decision.deal.mapped_hash for decision in planned.decisions}
    with session.database.reading() as connection:
        links = load_links(connection, session.organisation_id, Kind.INVOICE, source_keys=deals)
        return {each.source_id for each in links if now.get(each.source_id, each.source_hash) == each.source_hash}


def restore(session: Session, reason: str) -> tuple[Restored, Planned]:
    """Go on with an old copy of the database: rebuild its links from what Xero holds. Writes to neither side."""
    gap = find_gap(session, reason)
    _, planned, _ = look(session, after_copy=True)
    recall_payments(session)
    recall_rows(session)
    doubt_people(session)
    doubt_shared_values(session)
    return settle_restored(session, reason, gap, session.rebuilt), planned


def _carry_out(
    session: Session,
    command: str,
    observed: Observed,
    planned: Planned,
    operations: Sequence[Operation],
    *,
    reviewed: bool,
) -> RunReport:
    session.run_id = session.host.new_id()
    with session.database.writing("run") as connection:
        start_run(
            connection, session.run_id, session.organisation_id, command, session.host.now(), live=session.is_live
        )
    report = RunReport(session.run_id, observed, planned)
    link_customers(session, planned, of_new=True)
    if not reviewed:  # a reviewed plan sends exactly its documents
        report.agreed = tell(session, look_at_links(session))
        answer_requests(session)
        report.reissued = reissue_invoices(session, planned.as_of)
    if report.agreed.to_xero or report.reissued.writes:
        operations = _plan_again(session, planned.as_of, operations)
    report.applied = apply_operations(session, operations, reviewed=reviewed)
    stops = (report.agreed.stopped, report.reissued.stopped, report.applied.stopped)
    report.warning = " ".join(filter(None, stops))
    report.verified = verify(session)
    look_at_links(session)  # customers that were linked just now are compared for the first time
    if not reviewed:
        report.cancelled = cancel_documents(session)
        report.paid = record_payments(session, planned.as_of)
        report.warning = " ".join(filter(None, (report.warning, report.cancelled.stopped, report.paid.stopped)))
    if operations or report.cancelled.writes or report.reissued.writes:
        keep_plan(session, make_plan(session, planned.as_of))
        finish_reissues(session, report.reissued)
    answer_requests(session)
    report.written_back, report.write_backs_refused = write_back(session, planned.as_of)
    report.calls = {"xero": session.xero.calls, "salesforce": session.salesforce.calls}
    _end(session, command, report)
    return report


def _end(session: Session, command: str, report: RunReport) -> None:
    """Keep what the run came to."""
    now, counts = session.host.now(), report.counts
    with session.database.writing("run ended") as connection:
        report.buckets = bucket_totals(connection, session.organisation_id)
        end_run(connection, session.run_id, now, outcome="done", created=report.applied.created, counts=counts)
        settle_vanished(session, connection)
        prune_bodies(connection, session.organisation_id, now)
        if report.writes:
            note(connection, session, f"run {command}", record_id=session.run_id, **counts)
    report.audit = keep_anchor(session)
    pack_trail(session)


def _with_needs(operations: Sequence[Operation], documents: Collection[Identity]) -> list[Operation]:
    """Some documents, and the customers and items that must be made before them."""
    needed = {each for operation in operations if operation.identity in documents for each in operation.needs}
    wanted = {*documents, *needed}
    return [operation for operation in operations if operation.identity in wanted]


def _plan_again(session: Session, as_of: dt.date, shown: Sequence[Operation]) -> list[Operation]:
    """The same documents as they are by now, and those that are made anew. What else became ready meanwhile has not
    passed the brake: the next run sends it."""
    reasons = {operation.identity: operation.reason for operation in shown}
    with session.database.reading() as connection:
        acts = open_acts(connection, session.organisation_id)
    anew = {act.source_id for act in acts if act.stage is Stage.CREDITED}
    again = make_plan(session, as_of)
    documents = {o.identity for o in again.invoices if o.identity in reasons or o.source.id in anew}
    return [
        replace(operation, reason=reasons.get(operation.identity, operation.reason))
        for operation in _with_needs(again.operations, documents)
    ]


def _require_reviewed_plan(session: Session) -> None:
    with session.database.reading() as connection:
        applied = any_plan_applied(connection, session.organisation_id)
    if not applied:
        raise Stopped(
            "On a live organisation the first documents go by a reviewed plan: `crossfoot plan --out FILE`, read it, "
            "then `crossfoot apply FILE`. Nothing was written.",
            code="no_reviewed_plan",
        )
