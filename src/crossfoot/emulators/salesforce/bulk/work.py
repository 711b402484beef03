"""What the clock does to bulk jobs: begin, work batch by batch, end, and be forgotten (SF 4.1, 4.3).

There are no threads: whatever is due is done before the next request of the data API is answered, each step at the
instant at which it fell due.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from crossfoot.emulators.salesforce.bulk import ingest, query
from crossfoot.emulators.salesforce.bulk.classic_forms import read_batch
from crossfoot.emulators.salesforce.bulk.job import (
    ABORTED,
    CLASSIC_BATCH,
    CLASSIC_LOAD,
    INGEST,
    OPEN,
    QUERY,
    RUNNING,
    UPLOADED,
    Job,
    enter,
)
from crossfoot.emulators.salesforce.world import World
from crossfoot.emulators.wire import Event

OPEN_LIFE = timedelta(days=1)
RESULTS_LIFE = timedelta(days=7)
Step = Callable[[World, Job, datetime], list[Event]]


def advance(world: World, now: datetime) -> list[Event]:
    """Do what has fallen due by ``now``, in the order of its instants; the change events of it."""
    events: list[Event] = []
    while world.jobs:
        at, job_id = min((_due(world, job), job_id) for job_id, job in world.jobs.items())
        if at > now:
            break
        job = world.jobs[job_id]
        events += _STEPS.get(job["state"], _forget)(world, job, at)
    return events


def _due(world: World, job: Job) -> datetime:
    """When the state that a job is in ends."""
    entered: datetime = job["stamp"]
    waits = {
        OPEN: OPEN_LIFE,
        UPLOADED: timedelta(seconds=world.settings["bulk_pending_s"]),
        RUNNING: timedelta(seconds=world.settings["bulk_batch_s"]),
    }
    return entered + waits.get(job["state"], RESULTS_LIFE)


def _begin(world: World, job: Job, at: datetime) -> list[Event]:
    enter(job, RUNNING, at)
    _BEGIN[job["kind"]](world, job, at)
    return []


def _begin_load(world: World, job: Job, at: datetime) -> None:
    """Batches of Bulk API 1.0 count when they are added, and hold one batch of rows at most (SF 4.5)."""
    ingest.take(world, job, at, partial(read_batch, job))


def _work(world: World, job: Job, at: datetime) -> list[Event]:
    job["busy_s"] += world.settings["bulk_batch_s"]
    return _WORK[job["kind"]](world, job, at)


def _close(_: World, job: Job, at: datetime) -> list[Event]:
    enter(job, ABORTED, at)
    return []


def _forget(world: World, job: Job, _: datetime) -> list[Event]:
    del world.jobs[job["id"]]
    return []


_BEGIN: Mapping[str, Callable[[World, Job, datetime], None]] = {
    INGEST: ingest.begin,
    QUERY: query.begin,
    CLASSIC_BATCH: query.begin,
    CLASSIC_LOAD: _begin_load,
}
_WORK: Mapping[str, Step] = {
    INGEST: ingest.work,
    QUERY: query.work,
    CLASSIC_BATCH: query.work,
    CLASSIC_LOAD: ingest.work,
}
_STEPS: Mapping[str, Step] = {  # whatever else a job may be is final
    OPEN: _close,
    UPLOADED: _begin,
    RUNNING: _work,
}
