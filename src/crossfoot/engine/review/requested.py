"""Requests approved in Salesforce: each is taken for an answer to the review queue, and told what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.links import Kind, LinkState
from crossfoot.core.records import content_hash
from crossfoot.core.requests import QUESTIONS, Action, Approval, Reply, Situation, Status, judge
from crossfoot.engine.reading.drift import REQUESTS
from crossfoot.engine.reading.ledger import INVOICE, load_ledger
from crossfoot.engine.review.desk import Desk
from crossfoot.engine.session import Session
from crossfoot.salesforce.package import KEY_FIELD
from crossfoot.store import write_backs as store
from crossfoot.store.acts import open_acts
from crossfoot.store.audit import append_audit
from crossfoot.store.codec import decode_fields
from crossfoot.store.links import StoredLink, load_links
from crossfoot.store.queue import decide, decisions, open_entries
from crossfoot.store.versions import load_versions
from crossfoot.store.write_backs import WriteBack

APPROVED: Final = "approved"
"""The kind of decision under which an approval is kept as it was first seen."""
WAVE = 0
_ANSWERS: Mapping[Action, Callable[[Desk, int], object]] = {Action.CANCEL: Desk.cancel, Action.REISSUE: Desk.reissue}


@dataclass(frozen=True, slots=True)
class Asked:
    """A row of the requests' object that concerns this organisation and is approved and not done."""

    id: str
    action: Action
    invoice_id: str
    approval: Approval
    accepted: bool
    says: tuple[str, str]


def answer_requests(session: Session) -> None:
    """Take what was approved for the answer to the review queue's question, and tell each request how it stands."""
    if session.mapping.settings.flows.requests is None or REQUESTS in session.paused:
        return
    asked = list(_asked(session))
    if not asked:
        return
    known = _Known(session)
    for request in asked:
        situation = known.situation(request)
        reply = judge(request.approval, situation, accepted=request.accepted)
        if reply.decide is not None:
            desk = Desk(
                session.database,
                session.org_id,
                session.organisation_id,
                f"Salesforce user {request.approval.approved_by}",
                session.host.now(),
            )
            _ANSWERS[request.action](desk, reply.decide)
        if (reply.status, reply.words) != request.says:
            _tell(session, request, reply)


def _asked(session: Session) -> Iterator[Asked]:
    with session.database.reading() as connection:
        versions = list(load_versions(connection, session.org_id, session.mapping.request_object))
        seen = dict(decisions(connection, session.organisation_id, APPROVED))
        told = {each.ref.id: _told(session, connection, each.ref.id) for each in versions}
    for version in versions:
        fields = {**decode_fields(version.body), **told[version.ref.id]}
        home, _, invoice_id = str((fields.get("Xero_Invoice__r") or {}).get(KEY_FIELD) or "").rpartition(":")
        says = str(fields.get("Status__c") or ""), str(fields.get("Outcome__c") or "")
        over = says[0] in {Status.DONE, Status.LAPSED}
        if version.deleted or over or not fields.get("Approved__c") or home != session.organisation_id:
            continue
        if fields["Action__c"] not in set(Action):
            continue  # a value that somebody added to the list: nothing of Crossfoot's
        first = seen.get(version.ref.id)
        approver, _, moment = (first or _first_seen(session, version.ref.id, fields, version.stamp)).partition(" ")
        approval = Approval(str(fields["CreatedById"]), approver, moment)
        accepted = bool(fields.get(KEY_FIELD))
        yield Asked(version.ref.id, Action(fields["Action__c"]), invoice_id, approval, accepted, says)


def _told(session: Session, connection: Connection, row_id: str) -> Mapping[str, Any]:
    """What the row was told and may not show yet."""
    rows = store.write_backs_of(connection, session.organisation_id, session.mapping.request_object, row_id)
    return dict(rows).get(row_id, {})


def _first_seen(session: Session, row_id: str, fields: Mapping[str, Any], stamp: str) -> str:
    """Keep who approved and when: what is written onto the row later makes Crossfoot its last editor."""
    approver = str(fields["LastModifiedBy"]["Id"])
    kept = f"{approver} {stamp}"
    with session.database.writing("request approved") as connection:
        home, now = session.organisation_id, session.host.now()
        actor = f"Salesforce user {approver}"
        decide(connection, home, APPROVED, row_id, kept, actor=actor, now=now)
        about = {"request": str(fields.get("Name") or ""), "asked": str(fields["Action__c"])}
        append_audit(
            connection,
            home,
            now,
            actor=actor,
            action="approve request",
            record_id=row_id,
            asked_by=f"Salesforce user {fields['CreatedById']}",
            reason=str(fields.get("Reason__c") or ""),
            **about,
        )
    return kept


class _Known:
    """What requests are judged by, read once for all of them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        home = session.organisation_id
        with session.database.reading() as connection:
            found = list(load_links(connection, home, Kind.INVOICE, live_only=False))
            self._entries = list(open_entries(connection, home))
            kinds = [question.decision for question in QUESTIONS.values()]
            self._decided = {kind: dict(decisions(connection, home, kind)) for kind in kinds}
            self._acts = {act.source_id for act in open_acts(connection, home)}
        self._links = {stored.link.xero_id: stored for stored in found}
        self._current = {stored.source_id: stored for stored in found if stored.link.state is not LinkState.RETIRED}

    def situation(self, request: Asked) -> Situation:
        """How things stand with the invoice that a request is about."""
        stored = self._links.get(request.invoice_id)
        if stored is None:
            return Situation()
        deal, question = stored.source_id, QUESTIONS[request.action]
        codes = {entry.code: entry for entry in self._entries if entry.record.id == deal}
        in_act = request.action is Action.REISSUE and deal in self._acts
        trouble = next((codes[code].cause for code in sorted(question.trouble & codes.keys())), "")
        return Situation(
            deal_id=deal,
            changed_at=self._changed_at(deal),
            entry=next((codes[code].id for code in sorted(question.codes & codes.keys())), None),
            under_way=in_act or deal in self._decided[question.decision],
            ended=self._ended(request, stored),
            trouble=trouble,
        )

    def _changed_at(self, deal: str) -> str:
        with self._session.database.reading() as connection:
            versions = load_versions(connection, self._session.org_id, self._session.mapping.deal_object, ids=[deal])
            return next((version.stamp for version in versions), "")

    def _ended(self, request: Asked, stored: StoredLink) -> str:
        if request.action is Action.REISSUE:
            current = self._current.get(stored.source_id)
            if current is not None and current.link.xero_id != request.invoice_id:
                return f"Taken back and made anew as {current.link.number}."
            return ""
        with self._session.database.reading() as connection:
            home, wanted = self._session.organisation_id, [request.invoice_id]
            invoice = load_ledger(connection, home, INVOICE, LedgerInvoice, ids=wanted).get(request.invoice_id)
        return "" if invoice is None or invoice.is_live else f"The invoice is {invoice.status.lower()} in Xero."


def _tell(session: Session, request: Asked, reply: Reply) -> None:
    """What the row in Salesforce says of the request. Its key is filled once it is accepted, and stays."""
    if session.mapping.settings.direction == "to_xero":
        return
    fields: dict[str, Any] = {"Status__c": reply.status.value, "Outcome__c": reply.words[:255]}
    if request.accepted or reply.status is Status.ACCEPTED:
        fields[KEY_FIELD] = f"{session.organisation_id}:{request.id}"
    item = WriteBack(session.mapping.request_object, request.id, fields, content_hash(fields), request.id, WAVE)
    with session.database.writing("request answered") as connection:
        store.want_write_backs(connection, session.organisation_id, [item])
