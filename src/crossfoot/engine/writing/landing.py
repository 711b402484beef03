"""When a write without an answer can no longer land: after its time-out with a margin. Only then a reading is proof.
And when one that was answered should have been shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from crossfoot.core.recovery import CLIENT_TIMEOUT_S
from crossfoot.engine.session import Session
from crossfoot.store import operations as ops
from crossfoot.store.operations import StoredOperation

LANDS_WITHIN = dt.timedelta(seconds=CLIENT_TIMEOUT_S + 180)  # Xero tells no time after which it ends a request
PROBE_SPACING_S = 15.0
SHOWN_WITHIN = dt.timedelta(minutes=10)  # far longer than any list was seen to lag behind a write (XERO 3.7)


def is_late(session: Session, operation: StoredOperation) -> bool:
    """Whether what Xero said it wrote should have been shown by now."""
    answered = operation.resolved_at if operation.state == "applied" else None
    return answered is not None and session.host.now() - answered >= SHOWN_WITHIN


def wait_to_land(session: Session, operations: Iterable[StoredOperation]) -> None:
    """Wait until none of the newest calls of these operations can land any more."""
    with session.database.reading() as connection:
        sent = [ops.first_sent_at(connection, operation.call_id) for operation in operations]
    now = session.host.now()
    until = max([moment + LANDS_WITHIN for moment in sent if moment], default=now)
    wait_s = min((until - now).total_seconds(), LANDS_WITHIN.total_seconds())
    if wait_s > 0:
        session.say(f"Waiting {wait_s:.0f} s, until a call that Xero did not answer can no longer land.")
        session.host.sleep(wait_s)
