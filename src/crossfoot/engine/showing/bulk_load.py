"""Loads by the bulk API (SF 4): committed, made, its job's id kept, uploaded, started, waited for, settled row by row.

A crash leaves a committed load behind. The next run looks at its job instead of making another: one that was never
started is aborted, one that works is waited for, one that ended is settled. Rows of a load that is under way are sent
by no other way meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crossfoot.core.errors import OutcomeUnknown, Rejected
from crossfoot.engine.calls.remote import NotApplied
from crossfoot.engine.session import Session
from crossfoot.engine.showing.row_writes import BUSY, by_parent, key_field, mark_leaving, send_committed, settle_rows
from crossfoot.salesforce import bulk
from crossfoot.store import operations as ops
from crossfoot.store import write_backs as store
from crossfoot.store.write_backs import WriteBack

POLLS_MAX = 25
"""Polls of one run, some twenty minutes: what works longer is looked at by the next run."""
_NEVER_STARTED = "Open"
_LEFT_OPEN = frozenset({*BUSY, "UNPROCESSED"})


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """A row of a load as it is kept: enough to settle it, its values are in the job."""

    object: str
    key: str
    wanted_hash: str
    source_id: str
    wave: int


def load_rows(session: Session, rows: Sequence[WriteBack]) -> tuple[int, int]:
    """Write many rows of one object. Returns rows written and rows refused; what stays open is sent by a later run."""
    items = {item.key: item for item in rows}
    written = refused = 0
    for portion in bulk.together(by_parent(session, rows)):
        good, bad = _load(session, [items[row.key] for row in portion], portion)
        written, refused = written + good, refused + bad
    return written, refused


def _load(session: Session, items: Sequence[WriteBack], rows: Sequence[bulk.UpsertRow]) -> tuple[int, int]:
    load = _commit(session, items)
    field = key_field(items[0])
    try:
        job = bulk.decode_job(send_committed(session, bulk.create_load(items[0].object, field)))
        with session.database.writing("bulk job") as connection:
            ops.keep_job(connection, load.id, job.id)
            mark_leaving(connection, session, items)
        load = ops.Load(load.id, job.id, load.body)
        send_committed(session, bulk.upload(job.id, bulk.encode_rows(field, rows)))
        send_committed(session, bulk.start(job.id))
    except (OutcomeUnknown, NotApplied):
        pass  # looked at below: the job tells how far it came
    except Rejected:
        _give_up(session, load)
        raise
    return _look_at(session, load, items)


def _commit(session: Session, items: Sequence[WriteBack]) -> ops.Load:
    body = msgspec.json.encode([_Row(i.object, i.key, i.wanted_hash, i.source_id, i.wave) for i in items])
    load = ops.Load(session.host.new_id(), "", body)
    call = ops.StoredCall(load.id, session.org_id, session.run_id, "LOAD", items[0].object, body, "", 0)
    with session.database.writing("bulk load") as connection:
        ops.open_load(connection, call, session.host.now())
    return load


def resume_loads(session: Session) -> tuple[int, int]:
    """Look at the jobs of loads that an earlier run left. Returns rows written and rows refused."""
    with session.database.reading() as connection:
        left = ops.open_loads(connection, session.org_id)
    done = [_look_at(session, load) for load in left]
    return sum(good for good, _ in done), sum(bad for _, bad in done)


def under_way(session: Session) -> set[tuple[str, str]]:
    """(object, key) of every row whose load is not settled yet."""
    with session.database.reading() as connection:
        loads = ops.open_loads(connection, session.org_id)
    return {(row.object, row.key) for load in loads for row in _rows(load)}


def _rows(load: ops.Load) -> list[_Row]:
    return msgspec.json.decode(load.body, type=list[_Row])


def _look_at(session: Session, load: ops.Load, sent: Sequence[WriteBack] = ()) -> tuple[int, int]:
    """Wait for a load's job and settle its rows; one that never began is ended, so that it never will.

    ``sent`` are its rows as they were before they left, where that was in this run.
    """
    if not load.job_id:  # at most an empty job was made: it ends by itself within a day (SF 4.3)
        _end(session, load)
        return 0, 0
    for polls in range(POLLS_MAX):
        try:
            job = bulk.decode_job(session.salesforce.read(bulk.poll(load.job_id)).body)
        except Rejected as error:
            if error.status != 404:
                raise
            _end(session, load)
            return 0, 0
        if job.state == _NEVER_STARTED:
            _give_up(session, load)
            return 0, 0
        if job.ended:
            return _settle(session, load, sent or _items(session, load))
        session.host.sleep(bulk.poll_wait_s(polls))
    return 0, 0


def _give_up(session: Session, load: ops.Load) -> None:
    """Abort a job that holds nothing or was not started, and end its load; its rows are sent anew."""
    if load.job_id:
        try:
            send_committed(session, bulk.abort(load.job_id))
        except (OutcomeUnknown, NotApplied):
            return  # the load stays open: the next run looks again
        except Rejected:
            pass  # it has ended
    _end(session, load)


def _end(session: Session, load: ops.Load) -> None:
    with session.database.writing("bulk load ended") as connection:
        ops.end_call(connection, load.id, session.host.now(), state="answered")


def _settle(session: Session, load: ops.Load, items: Sequence[WriteBack]) -> tuple[int, int]:
    """The outcome of every row. One that is in no file, or was not looked at, or met a lock, stays to be sent."""
    succeeded, failed, unprocessed = (session.salesforce.read(request).body for request in bulk.results(load.job_id))
    outcomes = bulk.decode_results(key_field(items[0]), succeeded, failed, unprocessed)
    known = [(item, outcomes[item.key]) for item in items if item.key in outcomes]
    settled = [(item, outcome) for item, outcome in known if outcome.success or outcome.code not in _LEFT_OPEN]
    with session.database.writing("bulk outcomes") as connection:
        written = settle_rows(connection, session, settled)
        ops.end_call(connection, load.id, session.host.now(), state="answered")
    return written, len(settled) - written


def _items(session: Session, load: ops.Load) -> list[WriteBack]:
    """The load's rows as they were sent. What should stand there may have changed since: then it is sent again."""
    now = session.host.now()
    with session.database.reading() as connection:
        pending = store.pending_write_backs(connection, session.organisation_id, now, now)
        known = {(item.object, item.key, item.wanted_hash): item for item in pending}
    return [
        known.get((row.object, row.key, row.wanted_hash))
        or WriteBack(row.object, row.key, {}, row.wanted_hash, row.source_id, row.wave)
        for row in _rows(load)
    ]
