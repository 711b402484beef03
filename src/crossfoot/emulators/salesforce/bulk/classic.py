"""Bulk API 1.0, which older clients still use: ``/services/async/61.0/job`` (SF 4.5).

A job is a folder of batches. Each batch is one query, or one file of rows, which runs as a job of Bulk API 2.0 does.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from crossfoot.emulators.salesforce import permissions
from crossfoot.emulators.salesforce.bulk import ingest, work
from crossfoot.emulators.salesforce.bulk.classic_forms import (
    CONTENT_TYPES,
    document,
    elements,
    load_result,
    query_result,
    read_wish,
    written,
)
from crossfoot.emulators.salesforce.bulk.job import (
    ABORTED,
    CLASSIC,
    CLASSIC_BATCH,
    CLASSIC_LOAD,
    COMPLETE,
    FAILED,
    OPEN,
    RUNNING,
    UNSUPPORTED_OBJECTS,
    UPLOADED,
    Job,
    bulk_used,
    enter,
    keep_job,
    use,
)
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.ids import to_18
from crossfoot.emulators.salesforce.transaction import Caller
from crossfoot.emulators.salesforce.values import render, to_json
from crossfoot.emulators.salesforce.world import World
from crossfoot.emulators.wire import Event, Request, Response

PATH = "/services/async/"
CLOSED = "Closed"
QUERIES = frozenset({"query", "queryAll"})
BATCH_BYTES_MAX = 10_000_000
BATCH_STATES = {
    UPLOADED: "Queued",
    RUNNING: "InProgress",
    COMPLETE: "Completed",
    FAILED: "Failed",
    ABORTED: "NotProcessed",
}
VERSION_OLDEST, VERSION_NOW = 31, 68
_ADDRESS = re.compile(r"/services/async/(?P<version>\d{1,2})\.0/job(?P<rest>(?:/[^/]+)*)/?\Z")
# Codes of the newer API in this one's spelling.
_CODES = {
    "FEATURENOTENABLED": "FeatureNotEnabled",
    "INVALIDJOB": "InvalidJob",
    "INVALID_SESSION_ID": "InvalidSessionId",
}
_SPENT = {"totalProcessingTime": 0, "apiActiveProcessingTime": 0, "apexProcessingTime": 0}
Admit = Callable[[World, Request, datetime], Caller]


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    world: World
    caller: Caller
    request: Request
    version: int
    now: datetime


class AsyncError(Exception):
    """A refusal in this API's own shape: ``exceptionCode`` and ``exceptionMessage`` (SF 2.3)."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def serve(world: World, request: Request, now: datetime, admit: Admit) -> tuple[Response, list[Event]]:
    """Answer a request below ``/services/async/``. The session is in a header of its own."""
    token = request.headers.get("x-sfdc-session", "")
    events: list[Event] = []
    try:
        signed = dataclasses.replace(request, headers={**request.headers, "authorization": f"Bearer {token}"})
        caller = admit(world, signed, now)
        events = work.advance(world, now)
        match = _ADDRESS.match(request.path)
        segments = match["rest"].split("/")[1:] if match else []
        shape = (request.method, *("*" if at % 2 == 0 else each for at, each in enumerate(segments)))
        if match is None or shape not in _ROUTES:
            raise AsyncError("InvalidUrl", "Destination URL not found", 404)
        if not VERSION_OLDEST <= int(match["version"]) <= VERSION_NOW:
            raise AsyncError("InvalidVersion", f"Unsupported API version: {match['version']}.0")
        call = Call(world, caller, request, int(match["version"]), now.replace(microsecond=0))
        return _ROUTES[shape](call, *segments[::2]), events
    except ApiError as error:
        told = AsyncError(_CODES.get(error.code, error.code), error.message, error.status)
    except AsyncError as error:
        told = error
    payload = {"exceptionCode": told.code, "exceptionMessage": told.message}
    return written(_form(request), told.status, "error", payload), events


def _form(request: Request) -> str:
    """The form in which jobs are told: as the request's, JSON or else XML."""
    return "JSON" if request.headers.get("content-type", "").startswith("application/json") else "XML"


def _create(call: Call) -> Response:
    wish = _wish(call.request)
    operation, kind = wish.get("operation"), str(wish.get("contentType") or "XML").upper()
    sobject = permissions.seen(call.world, call.caller).schema.object(str(wish.get("object") or ""))
    if operation not in {*QUERIES, *ingest.OPERATIONS}:
        raise AsyncError("InvalidJob", f"operation must be one of {', '.join((*ingest.OPERATIONS, *sorted(QUERIES)))}")
    if kind not in CONTENT_TYPES:
        raise AsyncError("FeatureNotEnabled", f"this emulator serves the content types {', '.join(CONTENT_TYPES)}")
    if sobject is None or sobject.tooling or sobject.name in UNSUPPORTED_OBJECTS:
        raise AsyncError("InvalidEntity", f"Entity '{wish.get('object')}' is not supported by the Bulk API.")
    chunking = call.request.headers.get("sforce-enable-pkchunking", "false").lower()
    job = keep_job(
        call.world,
        call.caller,
        call.now,
        kind=CLASSIC,
        version=call.version,
        state=OPEN,
        operation=operation,
        object=sobject.name,
        content_type=kind,
        key=ingest.wanted_key(call.world, call.caller, sobject, operation, wish.get("externalIdFieldName")),
        serial=wish.get("concurrencyMode") == "Serial",
        chunked=operation in QUERIES and not chunking.startswith("false"),
    )
    return _told(call, 201, job)


def _wish(request: Request) -> Mapping[str, Any]:
    try:
        return read_wish(request.headers.get("content-type", ""), request.body)
    except ValueError as error:
        raise AsyncError("InvalidJob", f"Unable to parse Job: {error}") from error


def _job(call: Call, job_id: str) -> Job:
    job = call.world.jobs.get(to_18(job_id) or "")
    if job is None or job["kind"] != CLASSIC:
        raise AsyncError("InvalidJob", "Invalid job id")
    return job


def _batches(call: Call, job: Job) -> list[Job]:
    return [each for each in call.world.jobs.values() if each.get("job") == job["id"]]


def _read(call: Call, job_id: str) -> Response:
    return _told(call, 200, _job(call, job_id))


def _change(call: Call, job_id: str) -> Response:
    """Close or abort a job. What is closed takes no more batches; those that it has go on."""
    job, wanted = _job(call, job_id), _wish(call.request).get("state")
    if wanted not in {CLOSED, ABORTED} or job["state"] != OPEN:
        raise AsyncError("InvalidJobState", f"a job that is {job['state']} cannot become {wanted}")
    enter(job, str(wanted), call.now)
    for each in _batches(call, job) if wanted == ABORTED else []:
        if each["state"] in {UPLOADED, RUNNING}:
            enter(each, ABORTED, call.now)
    return _told(call, 200, job)


def _add_batch(call: Call, job_id: str) -> Response:
    """One query or one file. With primary-key chunking the batch itself is not processed: others do its work."""
    job = _job(call, job_id)
    if job["state"] != OPEN:
        raise AsyncError("InvalidJobState", f"Job is {job['state']}: batches go to an open job")
    if bulk_used(call.world, ingest.BATCHES_PER_DAY, call.now) >= call.world.settings["daily_bulk_batches"]:
        raise AsyncError("ExceededQuota", "the batches of the last 24 hours are used up")
    if len(call.request.body) > BATCH_BYTES_MAX:
        raise AsyncError("ClientInputError", f"Failed to read request. Exceeded max size limit of {BATCH_BYTES_MAX}")
    members = _query_batch(call) if job["operation"] in QUERIES else _load_batch(call, job)
    shared = {name: job.get(name, "CSV") for name in ("operation", "object", "content_type")}
    added = [
        keep_job(
            call.world,
            call.caller,
            call.now,
            "751",
            version=call.version,
            job=job["id"],
            state=state,
            header=[],
            rows=[],
            **{**shared, **members},
        )
        for state in ((ABORTED, UPLOADED) if job["chunked"] else (UPLOADED,))
    ]
    use(call.world, ingest.BATCHES_PER_DAY, call.now)
    return written(_kind(job), 201, "batchInfo", _told_batch(added[0]))


def _query_batch(call: Call) -> dict[str, Any]:
    text = call.request.body.decode("utf-8", "replace")
    return {"kind": CLASSIC_BATCH, "query": text, "result": call.world.next_id("752")}


def _load_batch(call: Call, job: Job) -> dict[str, Any]:
    return {"kind": CLASSIC_LOAD, "key": job["key"], "content": call.request.body, "outcomes": []}


def _kind(job: Job) -> str:
    """The form in which batches are told: JSON for jobs in JSON, else XML."""
    return "JSON" if job.get("content_type") == "JSON" else "XML"


def _list_batches(call: Call, job_id: str) -> Response:
    job = _job(call, job_id)
    told = [_told_batch(each) for each in _batches(call, job)]
    return written(_kind(job), 200, "batchInfoList", {"batchInfo": told})


def _batch(call: Call, job: Job, batch_id: str) -> Job:
    found = next((each for each in _batches(call, job) if each["id"] == to_18(batch_id)), None)
    if found is None:
        raise AsyncError("InvalidBatch", "Invalid batch id")
    return found


def _read_batch(call: Call, job_id: str, batch_id: str) -> Response:
    job = _job(call, job_id)
    return written(_kind(job), 200, "batchInfo", _told_batch(_batch(call, job, batch_id)))


def _list_results(call: Call, job_id: str, batch_id: str) -> Response:
    """Of a query the ids of its result files; of a load what became of its rows."""
    job = _job(call, job_id)
    batch = _completed(_batch(call, job, batch_id))
    if batch["kind"] == CLASSIC_LOAD:
        return load_result(job, batch)
    if _kind(job) == "JSON":
        return Response(200, (("Content-Type", "application/json"),), to_json([batch["result"]]))
    return document(200, "result-list", elements({"result": batch["result"]}))


def _read_result(call: Call, job_id: str, batch_id: str, result_id: str) -> Response:
    job = _job(call, job_id)
    batch = _completed(_batch(call, job, batch_id))
    if batch.get("result") != to_18(result_id):
        raise AsyncError("InvalidBatch", "Invalid result id")
    return query_result(job, batch)


def _completed(batch: Job) -> Job:
    if batch["state"] != COMPLETE:
        raise AsyncError("InvalidBatch", "Batch not completed")
    return batch


def _told_batch(batch: Job) -> dict[str, Any]:
    message = {}
    if batch["error"]:
        failed = "" if batch["kind"] == CLASSIC_LOAD else "InvalidBatch : Failed to process query: "
        message = {"stateMessage": f"{failed}{batch['error']}"}
    times = {"createdDate": render(batch["created"]), "systemModstamp": render(batch["stamp"])}
    told = {"id": batch["id"], "jobId": batch["job"], "state": BATCH_STATES[batch["state"]]} | message | times
    return told | {"numberRecordsProcessed": _done(batch), "numberRecordsFailed": _failed(batch)} | _SPENT


def _done(batch: Job) -> int:
    return len(batch["outcomes"] if "outcomes" in batch else batch["rows"])


def _failed(batch: Job) -> int:
    return sum(error != "" for _, _, error in batch.get("outcomes", ()))


def _told(call: Call, status: int, job: Job) -> Response:
    batches = _batches(call, job)
    counts = {
        f"numberBatches{name}": sum(each["state"] == state for each in batches)
        for state, name in BATCH_STATES.items()
        if state != ABORTED
    }
    told = {
        "id": job["id"],
        "operation": job["operation"],
        "object": job["object"],
        "createdById": job["user"],
        "createdDate": render(job["created"]),
        "systemModstamp": render(job["stamp"]),
        "state": job["state"],
        "externalIdFieldName": job.get("key") or None,
        "concurrencyMode": "Serial" if job.get("serial") else "Parallel",
        "contentType": job.get("content_type", "CSV"),
        "numberBatchesTotal": len(batches),
        "numberRecordsProcessed": sum(_done(each) for each in batches),
        "numberRecordsFailed": sum(_failed(each) for each in batches),
        "numberRetries": 0,
        "apiVersion": Decimal(f"{job['version']}.0"),
    }
    return written(_form(call.request), status, "jobInfo", told | counts | _SPENT)


# Method, then the path below ``job``: "*" stands for an id.
_ROUTES: Mapping[tuple[str, ...], Callable[..., Response]] = {
    ("POST",): _create,
    ("GET", "*"): _read,
    ("POST", "*"): _change,
    ("GET", "*", "batch"): _list_batches,
    ("POST", "*", "batch"): _add_batch,
    ("GET", "*", "batch", "*"): _read_batch,
    ("GET", "*", "batch", "*", "result"): _list_results,
    ("GET", "*", "batch", "*", "result", "*"): _read_result,
}
