"""Credit and re-issue, when a person asks: the approved invoice of a changed deal is credited in full and made anew.

It takes several calls, and in between the books are neither here nor there. So a danger record is committed before the
first one, and each sync goes on with it until a reading shows the end. The new invoice itself is planned, numbered,
checked and sent as every other one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection

from crossfoot.core.books import LedgerCreditNote, LedgerInvoice
from crossfoot.core.decided import CALLS_FOR_NONE, Bucket, DealDecision
from crossfoot.core.errors import NeedsReauthorisation, RetryLater
from crossfoot.core.findings import Finding
from crossfoot.core.links import Kind
from crossfoot.core.money import Money
from crossfoot.core.plan import decide_deal
from crossfoot.core.records import RecordRef, Side
from crossfoot.core.reissue import (
    CODES,
    Act,
    Next,
    Stage,
    act_on,
    credit_of,
    find_obstacle,
    is_finished,
    is_its_credit,
    is_unspoilt,
    next_step,
)
from crossfoot.engine.planning.evidence import read_evidence
from crossfoot.engine.reading.fresh import read_invoices
from crossfoot.engine.reading.ledger import CREDIT_NOTE, INVOICE, load_books, load_ledger, refresh_reference
from crossfoot.engine.reading.scope import Scope, find_scope
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note
from crossfoot.engine.writing.landing import PROBE_SPACING_S, wait_to_land
from crossfoot.engine.writing.reissue_calls import (
    allocate_note,
    give_up,
    make_note,
    read_note,
    refused_note,
    settle_seen,
    standing,
)
from crossfoot.store import acts
from crossfoot.store.links import StoredLink, find_link, highest_epochs, load_links, retire_link
from crossfoot.store.queue import (
    QueueEntry,
    buckets,
    close_entry,
    deal_facts,
    decisions,
    forget_decision,
    open_about,
    open_entries,
    replace_findings,
)
from crossfoot.store.versions import load_versions

ASKED: Final = "reissue"
"""The kind of decision by which a person has an invoice credited and made anew; about one invoice and one version of
the deal."""
PROPOSED_BY = "changed_after_approval"
STEPS_MAX = 6
LOOK_AGAIN_S = 5.0


@dataclass(slots=True)
class Reissued:
    """What a run did about re-issues. ``credited`` invoices were taken back: their deals can be planned anew."""

    begun: int = 0
    credited: int = 0
    finished: int = 0
    stopped: str = ""

    @property
    def writes(self) -> int:
        """Acts that moved on."""
        return self.begun + self.credited


def about(invoice_id: str, source_hash: str) -> str:
    """What a person's answer is about: it lapses when the invoice or the deal is another one by then."""
    return f"{invoice_id}:{source_hash}"


def reissue_invoices(session: Session, as_of: dt.date) -> Reissued:
    """Go on with what has begun, and begin what people asked for, as far as the credit notes go."""
    done = Reissued()
    if session.mapping.settings.direction == "to_salesforce":
        return done
    finish_reissues(session, done)
    problems = _begin_asked(session, as_of, done)
    with session.database.reading() as connection:
        begun = [act for act in acts.open_acts(connection, session.organisation_id) if act.stage is Stage.BEGUN]
    try:
        for act in begun:
            if dropped := _go_on(session, act, as_of, done):
                problems[act.source_id] = dropped
    except (RetryLater, NeedsReauthorisation) as error:
        done.stopped = f"Re-issues are left for later: {error}"
    _keep(session, problems)
    return done


def finish_reissues(session: Session, done: Reissued) -> None:
    """End acts whose deal has its new invoice, or calls for none any more."""
    with session.database.reading() as connection:
        home = session.organisation_id
        open_ = acts.open_acts(connection, home)
        epochs = highest_epochs(connection, home, Kind.INVOICE, [act.source_id for act in open_])
        stands = buckets(connection, home, [act.source_id for act in open_])
    ended = [
        act for act in open_ if is_finished(act, epochs, wanted=stands.get(act.source_id, "") not in CALLS_FOR_NONE)
    ]
    for act in ended:
        with session.database.writing("re-issue done") as connection:
            acts.move_act(connection, session.organisation_id, act, Stage.DONE, session.host.now())
            _note(session, connection, act, "re-issue done")
    done.finished += len(ended)
    if open_ or done.finished:
        _keep(session, None)


def _begin_asked(session: Session, as_of: dt.date, done: Reissued) -> dict[str, str]:
    """Commit the danger record of each act that may begin. Returns why others may not, by deal."""
    asked = _asked(session)
    if not asked:
        return {}
    invoices = read_invoices(session, [stored.link.xero_id for stored in asked.values()])
    refresh_reference(session)
    with session.database.reading() as connection:
        books = load_books(connection, session.organisation_id)
    follow = _new_invoices(session, as_of, asked)
    problems: dict[str, str] = {}
    for deal, stored in asked.items():
        invoice = invoices.get(stored.link.xero_id)
        if invoice is None:
            continue
        act = act_on(invoice, deal, stored.link.identity.epoch)
        problem = find_obstacle(invoice, stored.link, books, as_of) or _would_wait(follow.get(deal))
        if problem := problem or refused_note(session, act):
            problems[deal] = problem
            continue
        with session.database.writing("re-issue begun") as connection:
            acts.begin_act(connection, session.organisation_id, act, session.host.now())
            _note(session, connection, act, "re-issue begun")
        done.begun += 1
    return problems


def _asked(session: Session) -> dict[str, StoredLink]:
    """Links of the deals that people answered for. An answer does not outlive its question: one about another invoice
    or another version of the deal lapses, one about an invoice that people voided meanwhile, and one whose invoice was
    taken back. While that is under way it stands, since the act may be dropped."""
    home = session.organisation_id
    found: dict[str, StoredLink] = {}
    with session.database.writing("re-issues asked for") as connection:
        asked = dict(decisions(connection, home, ASKED))
        standing = open_entries(connection, home, record_ids=asked)
        questions = {entry.record.id for entry in standing if entry.code == PROPOSED_BY}
        links = {s.source_id: s for s in load_links(connection, home, Kind.INVOICE, source_keys=asked)}
        versions = load_versions(connection, session.org_id, session.mapping.deal_object, ids=asked)
        hashes = {version.ref.id: version.hash for version in versions}
        under_way = {act.source_id: act.stage for act in acts.open_acts(connection, home)}
        for deal, target in asked.items():
            stored = links.get(deal)
            if under_way.get(deal) is Stage.BEGUN:
                continue
            if (
                deal in questions - under_way.keys()
                and stored
                and target == about(stored.link.xero_id, hashes.get(deal, ""))
            ):
                found[deal] = stored
            else:
                forget_decision(connection, home, ASKED, deal)
    return found


def planned_reissues(session: Session) -> list[tuple[str, str, Decimal, str]]:
    """What the next sync would begin or go on with: the deal's id, the invoice's number, amount and currency."""
    if session.mapping.settings.direction == "to_salesforce":
        return []
    asked = _asked(session)
    with session.database.reading() as connection:
        home = session.organisation_id
        begun = [act for act in acts.open_acts(connection, home) if act.stage is Stage.BEGUN]
        ids = [stored.link.xero_id for stored in asked.values()]
        invoices = load_ledger(connection, home, INVOICE, LedgerInvoice, ids=ids)
    found = [(deal, invoices.get(stored.link.xero_id)) for deal, stored in asked.items()]
    return [
        *((act.source_id, act.number, act.gross, act.currency) for act in begun),
        *((deal, invoice.number, invoice.total, invoice.currency) for deal, invoice in found if invoice),
    ]


def _new_invoices(session: Session, as_of: dt.date, deals: Iterable[str]) -> dict[str, DealDecision]:
    """How each deal would be decided once its invoice is taken back."""
    wanted = frozenset(deals)
    with session.database.reading() as connection:
        books = load_books(connection, session.organisation_id)
        scope = Scope(find_scope(session, connection, books).reached, wanted)
        evidence = read_evidence(session, connection, books, as_of, scope, unlinked=wanted)
    return {deal.ref.id: decide_deal(deal, evidence.context) for deal in evidence.deals}


def _would_wait(decision: DealDecision | None) -> str:
    """Why the new invoice could not be made: then the old one is not touched either."""
    if decision is None or decision.bucket is Bucket.READY:
        return ""
    blocking = [finding for finding in decision.findings if finding.blocks]
    told = [f"{finding.reason.title} ({finding.cause})" for finding in blocking]
    return f"the new invoice would wait: {'; '.join(told) or decision.bucket.value}"


def _go_on(session: Session, act: Act, as_of: dt.date, done: Reissued) -> str:
    """Step by step, each decided from a fresh reading of both documents. Returns why it was dropped, if it was."""
    for _ in range(STEPS_MAX):
        seen = _look(session, act)
        step = next_step(act, seen.invoice, seen.note)
        if step.next is Next.RELEASE:
            with session.database.writing("re-issue released") as connection:
                release(connection, session, act, seen.credit)
            done.credited += 1
            return ""
        problem = step.problem
        if step.next is not Next.STOP:
            problem = _write(session, act, step.next, seen, as_of)
        if problem:
            return _hold(session, act, seen.note, problem)
    return _hold(session, act, seen.note, "Xero does not show yet what was sent")


@dataclass(frozen=True, slots=True)
class _Seen:
    """Both documents of an act, and when they were looked at."""

    invoice: LedgerInvoice | None
    note: LedgerCreditNote | None
    at: dt.datetime

    @property
    def credit(self) -> LedgerCreditNote | None:
        """The credit note, where it is the act's own and not another one of its number."""
        own = self.note is not None and self.invoice is not None and is_its_credit(self.note, self.invoice)
        return self.note if own else None


def _look(session: Session, act: Act) -> _Seen:
    """Both documents as Xero shows them, once nothing of the act is under way.

    What was sent and is not shown may lag (XERO 3.7), or land as long as its time-out has not passed. What an invoice
    that is shown does not say then, twice and spaced, was not done.
    """
    waits: tuple[Callable[[], None], ...] = (
        lambda: session.host.sleep(LOOK_AGAIN_S),
        lambda: wait_to_land(session, standing(session, act)),
        lambda: session.host.sleep(PROBE_SPACING_S),
    )
    seen = _read(session, act)
    for wait in waits:
        if not standing(session, act):
            return seen
        wait()
        seen = _read(session, act)
    if seen.invoice is not None:
        give_up(session, act)
    return seen


def _read(session: Session, act: Act) -> _Seen:
    at = session.host.now()
    invoice = read_invoices(session, [act.xero_id]).get(act.xero_id)
    note = read_note(session, act.credit_number)
    settle_seen(session, act, invoice, note)
    return _Seen(invoice, note, at)


def _write(session: Session, act: Act, step: Next, seen: _Seen, as_of: dt.date) -> str:
    invoice, note = seen.invoice, seen.note
    assert invoice is not None
    if step is Next.CREDIT:
        return make_note(session, act, credit_of(invoice, as_of), looked_at=seen.at)
    assert note is not None
    amount, dated = min(note.remaining, invoice.amount_due), max(as_of, note.dated, invoice.dated)
    return allocate_note(session, act, note, amount, dated.isoformat(), looked_at=seen.at)


def release(connection: Connection, session: Session, act: Act, note: LedgerCreditNote | None) -> None:
    """The old invoice is taken back: the deal is planned as one without, under the next number. What is left of the
    credit note is named."""
    home = session.organisation_id
    stored = find_link(connection, home, Kind.INVOICE, act.source_id)
    if stored and stored.link.xero_id == act.xero_id:
        retire_link(connection, stored.id)
    forget_decision(connection, home, ASKED, act.source_id)
    acts.move_act(connection, home, act, Stage.CREDITED, session.host.now())
    _note(session, connection, act, "re-issue credited")
    if note and note.remaining:
        cause = f"{note.remaining} {note.currency} of {note.number} are left: that much was paid on {act.number}"
        finding = Finding(
            "credit_left",
            _deal(session, act),
            cause,
            money=Money(note.currency, note.remaining),
            related=(RecordRef(Side.XERO, CREDIT_NOTE, note.credit_note_id),),
        )
        name, _ = deal_facts(connection, home, act.source_id)
        replace_findings(connection, home, {act.source_id: name}, [finding], session.host.now(), codes={"credit_left"})


def _hold(session: Session, act: Act, note: LedgerCreditNote | None, problem: str) -> str:
    """It does not get further now. Where nothing of it stands in Xero, nor can still land, it is dropped; returns why.
    What a person asked for stands then, and may begin anew."""
    dropped = is_unspoilt(note) and not standing(session, act)
    stage = Stage.DROPPED if dropped else act.stage
    with session.database.writing("re-issue held") as connection:
        acts.move_act(connection, session.organisation_id, act, stage, session.host.now(), problem=problem)
        if dropped:
            _note(session, connection, act, "re-issue dropped", because=problem)
    return problem if dropped else ""


def _keep(session: Session, problems: Mapping[str, str] | None) -> None:
    """Let the queue say what is under way, what could not begin (None: as it says by now), and what credit is left."""
    home, now = session.organisation_id, session.host.now()
    with session.database.writing("re-issues kept") as connection:
        open_ = acts.open_acts(connection, home)
        entries = open_about(connection, home, CODES)
        codes = CODES - ({"credit_left"} if problems is not None else {"credit_left", "reissue_not_possible"})
        findings = [_unfinished(session, act) for act in open_]
        findings += [
            Finding("reissue_not_possible", RecordRef(Side.SALESFORCE, session.mapping.deal_object, deal), problem)
            for deal, problem in (problems or {}).items()
        ]
        ids = {each.record.id for each in findings} | {entry.record.id for entry in entries}
        facts = {deal: deal_facts(connection, home, deal) for deal in ids}
        findings = [replace(each, money=each.money or facts[each.record.id][1]) for each in findings]
        names = {deal: name for deal, (name, _) in facts.items()}
        replace_findings(connection, home, names, findings, now, codes=codes)
        for entry in entries:
            if entry.code == "credit_left" and not _left(connection, home, entry):
                close_entry(connection, entry.id, now)


def _unfinished(session: Session, act: Act) -> Finding:
    credited = act.stage is Stage.CREDITED
    cause = f"{act.number} was taken back by {act.credit_number}" if credited else f"{act.number} is to be taken back"
    return Finding(
        "reissue_unfinished",
        _deal(session, act),
        f"{cause}: {act.problem}" if act.problem else cause,
        money=Money(act.currency, act.gross),
        related=(RecordRef(Side.XERO, Kind.INVOICE.value, act.xero_id),),
    )


def _left(connection: Connection, home: str, entry: QueueEntry) -> bool:
    """Whether the credit that an entry is about is still unused, as far as it was read."""
    notes = load_ledger(connection, home, CREDIT_NOTE, LedgerCreditNote, ids=[ref.id for ref in entry.related])
    return any(note.remaining for note in notes.values())


def _deal(session: Session, act: Act) -> RecordRef:
    return RecordRef(Side.SALESFORCE, session.mapping.deal_object, act.source_id)


def _note(session: Session, connection: Connection, act: Act, action: str, **more: object) -> None:
    note(
        connection,
        session,
        action,
        record_id=act.source_id,
        xero_id=act.xero_id,
        number=act.number,
        credit_note=act.credit_number,
        **more,
    )
