"""The reading side of Bulk API 1.0, as far as a Singer tap uses it: ``/services/async/61.0/job`` (SF 4.4).

A job is a folder of batches; each batch is one query, which runs as a job of Bulk API 2.0 does.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any

from crossfoot.emulators.salesforce import permissions
from crossfoot.emulators.salesforce.bulk import work
from crossfoot.emulators.salesforce.bulk.files import write_table
from crossfoot.emulators.salesforce.bulk.ingest import BATCHES_PER_DAY
from crossfoot.emulators.salesforce.bulk.job import (
    ABORTED,
    CLASSIC,
    CLASSIC_BATCH,
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
from crossfoot.emulators.salesforce.values import from_json, render, to_json
from crossfoot.emulators.salesforce.world import World
from crossfoot.emulators.wire import Event, Request, Response

PATH = "/services/async/"
NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
CLOSED = "Closed"
BATCH_STATES = {
    UPLOADED: "Queued",
    RUNNING: "InProgress",
    COMPLETE: "Completed",
    FAILED: "Failed",
    ABORTED: "NotProcessed",
}
_ADDRESS = re.compile(r"/services/async/(?P<version>\d\d)\.0/job(?P<rest>(?:/[^/]+)*)/?\Z")
_SESSION_CODES = {"INVALID_SESSION_ID": "InvalidSessionId"}
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
        call = Call(world, caller, request, int(match["version"]), now.replace(microsecond=0))
        return _ROUTES[shape](call, *segments[::2]), events
    except ApiError as error:
        told = AsyncError(_SESSION_CODES.get(error.code, error.code), error.message, error.status)
    except AsyncError as error:
        told = error
    payload = {"exceptionCode": told.code, "exceptionMessage": told.message}
    return _answer(request, told.status, "error", payload), events


def _create(call: Call) -> Response:
    wish = _body(call.request)
    sobject = permissions.seen(call.world, call.caller).schema.object(str(wish.get("object") or ""))
    if wish.get("operation") not in {"query", "queryAll"} or wish.get("contentType") != "CSV":
        raise AsyncError("FeatureNotEnabled", "this emulator serves Bulk API 1.0 for query and queryAll in CSV only")
    if sobject is None or sobject.tooling or sobject.name in UNSUPPORTED_OBJECTS:
        raise AsyncError("InvalidEntity", f"Entity '{wish.get('object')}' is not supported by the Bulk API.")
    chunking = call.request.headers.get("sforce-enable-pkchunking", "false").lower()
    members = {"operation": wish["operation"], "object": sobject.name, "chunked": not chunking.startswith("false")}
    job = _kept(call, CLASSIC, "750", state=OPEN, **members)
    return _answer(call.request, 201, "jobInfo", _told_job(call, job))


def _kept(call: Call, kind: str, prefix: str, **members: Any) -> Job:
    return keep_job(call.world, call.caller, call.now, prefix, kind=kind, version=call.version, **members)


def _body(request: Request) -> Mapping[str, Any]:
    body = from_json(request.body)
    if not isinstance(body, dict):
        raise AsyncError("InvalidJob", "the body has to be a JSON object")
    return body


def _job(call: Call, job_id: str) -> Job:
    job = call.world.jobs.get(to_18(job_id) or "")
    if job is None or job["kind"] != CLASSIC:
        raise AsyncError("InvalidJob", "Invalid job id")
    return job


def _batches(call: Call, job: Job) -> list[Job]:
    return [each for each in call.world.jobs.values() if each.get("job") == job["id"]]


def _read(call: Call, job_id: str) -> Response:
    return _answer(call.request, 200, "jobInfo", _told_job(call, _job(call, job_id)))


def _change(call: Call, job_id: str) -> Response:
    """Close or abort a job. What is closed takes no more batches; those that it has go on."""
    job, wanted = _job(call, job_id), _body(call.request).get("state")
    if wanted not in {CLOSED, ABORTED} or job["state"] != OPEN:
        raise AsyncError("InvalidJobState", f"a job that is {job['state']} cannot become {wanted}")
    enter(job, str(wanted), call.now)
    for each in _batches(call, job) if wanted == ABORTED else []:
        if each["state"] in {UPLOADED, RUNNING}:
            enter(each, ABORTED, call.now)
    return _answer(call.request, 200, "jobInfo", _told_job(call, job))


def _add_batch(call: Call, job_id: str) -> Response:
    """One query. With primary-key chunking the batch itself is not processed: others do its work."""
    job = _job(call, job_id)
    if job["state"] != OPEN:
        raise AsyncError("InvalidJobState", f"Job is {job['state']}: batches go to an open job")
    if bulk_used(call.world, BATCHES_PER_DAY, call.now) >= call.world.settings["daily_bulk_batches"]:
        raise AsyncError("ExceededQuota", "the batches of the last 24 hours are used up")
    states = (ABORTED, UPLOADED) if job["chunked"] else (UPLOADED,)
    text = call.request.body.decode("utf-8", "replace")
    shared = {"job": job["id"], "operation": job["operation"], "object": job["object"], "query": text}
    added = [
        _kept(call, CLASSIC_BATCH, "751", state=state, result=call.world.next_id("752"), header=[], rows=[], **shared)
        for state in states
    ]
    use(call.world, BATCHES_PER_DAY, call.now)
    return _xml(201, "batchInfo", _told_batch(added[0]))


def _list_batches(call: Call, job_id: str) -> Response:
    told = [f"<batchInfo>{_elements(_told_batch(each))}</batchInfo>" for each in _batches(call, _job(call, job_id))]
    return _document(200, "batchInfoList", "".join(told))


def _batch(call: Call, job_id: str, batch_id: str) -> Job:
    found = next((each for each in _batches(call, _job(call, job_id)) if each["id"] == to_18(batch_id)), None)
    if found is None:
        raise AsyncError("InvalidBatch", "Invalid batch id")
    return found


def _read_batch(call: Call, job_id: str, batch_id: str) -> Response:
    return _xml(200, "batchInfo", _told_batch(_batch(call, job_id, batch_id)))


def _list_results(call: Call, job_id: str, batch_id: str) -> Response:
    return _xml(200, "result-list", {"result": _completed(_batch(call, job_id, batch_id))["result"]})


def _read_result(call: Call, job_id: str, batch_id: str, result_id: str) -> Response:
    batch = _completed(_batch(call, job_id, batch_id))
    if batch["result"] != to_18(result_id):
        raise AsyncError("InvalidBatch", "Invalid result id")
    text = write_table([batch["header"], *batch["rows"]], batch["delimiter"], batch["line_ending"])
    if not batch["rows"]:
        text = "Records not found for this query"
    return Response(200, (("Content-Type", "text/csv; charset=UTF-8"),), text.encode())


def _completed(batch: Job) -> Job:
    if batch["state"] != COMPLETE:
        raise AsyncError("InvalidBatch", "Batch not completed")
    return batch


def _told_batch(batch: Job) -> dict[str, Any]:
    message = {"stateMessage": f"InvalidBatch : Failed to process query: {batch['error']}"} if batch["error"] else {}
    times = {"createdDate": render(batch["created"]), "systemModstamp": render(batch["stamp"])}
    told = {"id": batch["id"], "jobId": batch["job"], "state": BATCH_STATES[batch["state"]]} | message | times
    return told | {"numberRecordsProcessed": len(batch["rows"]), "numberRecordsFailed": 0}


def _told_job(call: Call, job: Job) -> dict[str, Any]:
    batches = _batches(call, job)
    counts = {
        f"numberBatches{name}": sum(each["state"] == state for each in batches)
        for state, name in BATCH_STATES.items()
        if state != ABORTED
    }
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
        "numberBatchesTotal": len(batches),
        "numberRecordsProcessed": sum(len(each["rows"]) for each in batches),
        "apiVersion": Decimal(f"{job['version']}.0"),
    } | counts


def _answer(request: Request, status: int, tag: str, payload: Mapping[str, Any]) -> Response:
    """In JSON where the request was JSON, else in XML."""
    if request.headers.get("content-type", "").startswith("application/json"):
        return Response(status, (("Content-Type", "application/json"),), to_json(payload))
    return _xml(status, tag, payload)


def _xml(status: int, tag: str, payload: Mapping[str, Any]) -> Response:
    return _document(status, tag, _elements(payload))


def _elements(payload: Mapping[str, Any]) -> str:
    return "".join(f"<{name}>{escape(str(value), quote=False)}</{name}>" for name, value in payload.items())


def _document(status: int, tag: str, content: str) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?><{tag} xmlns="{NAMESPACE}">{content}</{tag}>'
    return Response(status, (("Content-Type", "application/xml; charset=UTF-8"),), text.encode())


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
