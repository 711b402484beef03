"""One bulk job as the org keeps it: plain values that the clock carries from state to state (SF 4.1, 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from crossfoot.emulators.salesforce import permissions
from crossfoot.emulators.salesforce.bulk.files import DELIMITERS, LINE_ENDINGS
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.exchange import Ask, member
from crossfoot.emulators.salesforce.ids import to_18
from crossfoot.emulators.salesforce.schema import SObject
from crossfoot.emulators.salesforce.transaction import Caller
from crossfoot.emulators.salesforce.values import render
from crossfoot.emulators.salesforce.world import World

INGEST, QUERY = "ingest", "query"
CLASSIC, CLASSIC_BATCH, CLASSIC_LOAD = "classic", "classic batch", "classic load"  # of Bulk API 1.0
OPEN, UPLOADED, RUNNING, COMPLETE, FAILED, ABORTED = (
    "Open",
    "UploadComplete",
    "InProgress",
    "JobComplete",
    "Failed",
    "Aborted",
)
ENDED = frozenset({COMPLETE, FAILED, ABORTED})
JOB_TYPES = {INGEST: "V2Ingest", QUERY: "V2Query"}
UNSUPPORTED_OBJECTS = frozenset(
    {
        "CaseStatus",
        "ContractStatus",
        "OrderStatus",
        "PartnerRole",
        "RecentlyViewed",
        "SolutionStatus",
        "TaskPriority",
        "TaskStatus",
    }
)
Job = dict[str, Any]


def new_job(ask: Ask, kind: str, wish: Mapping[str, Any], sobject: SObject, state: str) -> Job:
    """A job as the body ``wish`` asks for it."""
    delimiter, line_ending = (
        member(wish, name, str) or usual for name, usual in (("columnDelimiter", "COMMA"), ("lineEnding", "LF"))
    )
    for name, value, known in (
        ("contentType", member(wish, "contentType", str) or "CSV", ("CSV",)),
        ("columnDelimiter", delimiter, DELIMITERS),
        ("lineEnding", line_ending, LINE_ENDINGS),
    ):
        if value not in known:
            raise ApiError("INVALIDJOB", f"{name} must be one of {', '.join(known)}")
    return keep_job(
        ask.world,
        ask.tx.caller,
        ask.tx.now,
        kind=kind,
        operation=wish["operation"],
        object=sobject.name,
        version=ask.version,
        delimiter=delimiter,
        line_ending=line_ending,
        state=state,
    )


def keep_job(world: World, caller: Caller, now: datetime, prefix: str = "750", **members: Any) -> Job:
    """A new job of the caller's, stored under its id."""
    job: Job = {
        "id": world.next_id(prefix),
        "user": caller.user_id,
        "client": caller.client,
        "delimiter": "COMMA",
        "line_ending": "LF",
        "created": now,
        "stamp": now,
        "error": None,
        "busy_s": 0,
        **members,
    }
    world.jobs[job["id"]] = job
    return job


def find_job(ask: Ask, kind: str, job_id: str) -> Job:
    job = ask.world.jobs.get(to_18(job_id) or "")
    if job is None or job["kind"] != kind:
        raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
    return job


def caller_of(job: Job) -> Caller:
    """Who the job works for: whoever made it, with that user's rights at the time of the work."""
    return Caller(job["user"], client=job["client"])


def seen_by(world: World, job: Job) -> World:
    return permissions.seen(world, caller_of(job))


def enter(job: Job, state: str, at: datetime, *, error: str | None = None) -> None:
    job |= {"state": state, "stamp": at, "error": error}


def bulk_object(ask: Ask, name: object) -> SObject:
    """An object that jobs may be about (SF 4.4)."""
    sobject = ask.seen.schema.object(str(name or ""))
    if sobject is None:
        raise ApiError("INVALIDENTITY", f"Unable to find object: {name}")
    if sobject.tooling or sobject.name in UNSUPPORTED_OBJECTS:
        raise ApiError("INVALIDENTITY", f"Entity '{sobject.name}' is not supported by the Bulk API.")
    return sobject


def shown(job: Job) -> dict[str, Any]:
    """What every answer about a job tells."""
    return {
        "id": job["id"],
        "operation": job["operation"],
        "object": job["object"],
        "createdById": job["user"],
        "createdDate": render(job["created"]),
        "systemModstamp": render(job["stamp"]),
        "state": job["state"],
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": Decimal(f"{job['version']}.0"),
        "lineEnding": job["line_ending"],
        "columnDelimiter": job["delimiter"],
    }


def progress(job: Job, processed: int) -> dict[str, Any]:
    """What a poll of a job tells besides."""
    told: dict[str, Any] = {
        "jobType": JOB_TYPES[job["kind"]],
        "numberRecordsProcessed": processed,
        "retries": 0,
        "totalProcessingTime": job["busy_s"] * 1000,
    }
    return told if job["error"] is None else told | {"errorMessage": job["error"]}


def bulk_used(world: World, allowance: str, now: datetime) -> int:
    """What was used of a daily allowance of bulk work in the last 24 hours, by the hour (SF 2.8)."""
    floor = f"{now - timedelta(hours=24):%Y-%m-%dT%H}"
    return sum(count for hour, count in world.bulk_usage.get(allowance, {}).items() if hour > floor)


def use(world: World, allowance: str, now: datetime, count: int = 1) -> None:
    hours = world.bulk_usage.setdefault(allowance, {})
    hour = f"{now:%Y-%m-%dT%H}"
    hours[hour] = hours.get(hour, 0) + count


def require_allowance(world: World, allowance: str, most: int, now: datetime) -> None:
    if bulk_used(world, allowance, now) >= most:
        raise ApiError("EXCEEDEDQUOTA", f"ExceededQuota : {allowance} of the last 24 hours is used up: {most}")
