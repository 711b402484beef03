"""The org's allowance of API calls: read in full each day, told in the review queue where it stops work (SF 2.8)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from crossfoot.core.errors import Rejected, RetryLater
from crossfoot.core.findings import Finding
from crossfoot.core.pacing import Lane, after_answer
from crossfoot.core.records import RecordRef, Side
from crossfoot.engine.session import Session
from crossfoot.salesforce import requests as sf
from crossfoot.salesforce.limits import heard_in_full
from crossfoot.store.queue import replace_findings
from crossfoot.store.quotas import load_quota, save_quota
from crossfoot.store.versions import load_reference, save_reference

LIMITS_AGE = timedelta(days=1)
CODE = "salesforce_allowance"
_LIMITS = "limits"


def refresh_allowance(session: Session, *, fresh: bool = False) -> None:
    """Read ``/limits`` once a day; every answer's header tells of the calls between. Only ``fresh`` tells a refusal.

    The user may lack View Setup and Configuration, without which it is refused.
    """
    now = session.host.now()
    with session.database.reading() as connection:
        known = load_reference(connection, session.org_id, _LIMITS)
    if known and not fresh and now - known[0] < LIMITS_AGE:
        return
    try:
        body = session.salesforce.read(replace(sf.limits(), lane=Lane.PROMPT)).body
    except Rejected:
        if fresh:
            raise
        body = b"{}"
    with session.database.writing(_LIMITS) as connection:
        save_reference(connection, session.org_id, _LIMITS, body, now)
        quota = after_answer(load_quota(connection, session.org_id), heard_in_full(body), now)
        save_quota(connection, session.org_id, quota)


@contextmanager
def told_in_queue(session: Session) -> Iterator[None]:
    """Where the org's allowance ends the work within, say so in the review queue with the time it goes on."""
    try:
        yield
    except RetryLater:
        try:
            session.salesforce.require_room(Lane.SWEEP)
        except RetryLater as parked:
            _tell(session, [Finding(CODE, _org(session), str(parked))])
        raise
    _tell(session, [])


def _org(session: Session) -> RecordRef:
    return RecordRef(Side.SALESFORCE, "Organization", session.org_id)


def _tell(session: Session, findings: list[Finding]) -> None:
    names = {session.org_id: session.salesforce.name}
    with session.database.writing("allowance") as connection:
        replace_findings(connection, session.organisation_id, names, findings, session.host.now(), codes={CODE})
