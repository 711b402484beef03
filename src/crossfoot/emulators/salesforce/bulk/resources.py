"""``jobs/ingest`` and ``jobs/query``: the resources of Bulk API 2.0 (SF 4.1, 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from crossfoot.emulators.salesforce.bulk import ingest, query
from crossfoot.emulators.salesforce.bulk.files import write_table
from crossfoot.emulators.salesforce.bulk.job import (
    ABORTED,
    COMPLETE,
    ENDED,
    INGEST,
    JOB_TYPES,
    OPEN,
    QUERY,
    RUNNING,
    UPLOADED,
    Job,
    bulk_object,
    enter,
    find_job,
    new_job,
    progress,
    require_allowance,
    shown,
    use,
)
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.exchange import Ask, Reply, member
from crossfoot.emulators.salesforce.multipart import Part
from crossfoot.emulators.salesforce.values import from_json

JOBS_PER_PAGE = 1_000
RESULT_RECORDS_MAX = 50_000
RESULT_PAGES_MAX = 5
RESULT_PAGES_VERSION_MIN = 58
CONTENT_BYTES_MAX = 112_500_000  # 150 MB once it is in base64
MULTIPART_CHARS_MAX = 100_000
DIGITS_MAX = 18
CSV = ("Content-Type", "text/csv")


def create_ingest(ask: Ask) -> Reply:
    """A job that waits for its file; one that comes with its file, as multipart, is closed at once."""
    wish, content = _wish(ask)
    operation = member(wish, "operation", str) or ""
    if operation not in ingest.OPERATIONS:
        raise ApiError("INVALIDJOB", f"InvalidJob : operation must be one of {', '.join(ingest.OPERATIONS)}")
    sobject = bulk_object(ask, wish.get("object"))
    name = ingest.wanted_key(ask.world, ask.tx.caller, sobject, operation, wish.get("externalIdFieldName"))
    require_allowance(ask.world, ingest.BATCHES_PER_DAY, ask.world.settings["daily_bulk_batches"], ask.tx.now)
    job = new_job(ask, INGEST, wish, sobject, OPEN)
    job |= {"key": name, "content": None, "header": [], "rows": [], "outcomes": []}
    if content is not None:
        job |= {"content": content, "state": UPLOADED}
    return Reply(200, _shown_ingest(job))


def _wish(ask: Ask) -> tuple[Mapping[str, Any], bytes | None]:
    """What the job shall be, and its file where that came along."""
    if not isinstance(ask.payload, list):
        return ask.fields(), None
    parts = {each.name: each.body for each in ask.payload if isinstance(each, Part)}
    wish = from_json(parts.get("job", b"{}"))
    if not isinstance(wish, dict) or "content" not in parts:
        raise ApiError("INVALIDJOB", "InvalidJob : a multipart request has the parts job and content")
    if len(parts["content"]) > MULTIPART_CHARS_MAX:
        raise ApiError("INVALIDJOB", f"InvalidJob : a multipart request holds {MULTIPART_CHARS_MAX} characters at most")
    return wish, parts["content"]


def _shown_ingest(job: Job) -> dict[str, Any]:
    address = f"services/data/v{job['version']}.0/jobs/ingest/{job['id']}/batches"
    key = {"externalIdFieldName": job["key"]} if job["key"] else {}
    return shown(job) | {"contentUrl": address} | key


def upload(ask: Ask, job_id: str) -> Reply:
    """The file of an open job, once (SF 4.1)."""
    job = find_job(ask, INGEST, job_id)
    if job["state"] != OPEN or job["content"] is not None:
        raise ApiError("INVALIDJOBSTATE", "Found multiple contents for job: only one upload is allowed per open job")
    content = ask.payload
    if not isinstance(content, bytes):
        raise ApiError("CLIENTINPUTERROR", "ClientInputError : the content has to be text/csv and not empty")
    if len(content) > CONTENT_BYTES_MAX:
        raise ApiError("CLIENTINPUTERROR", "ClientInputError : a job holds 150 MB in base64 at most", status=413)
    job["content"] = content
    return Reply(201)


def read_ingest(ask: Ask, job_id: str) -> Reply:
    job = find_job(ask, INGEST, job_id)
    failed = sum(error != "" for _, _, error in job["outcomes"])
    times = {"apiActiveProcessingTime": job["busy_s"] * 1000, "apexProcessingTime": 0}
    told = progress(job, len(job["outcomes"])) | {"numberRecordsFailed": failed} | times
    return Reply(200, _shown_ingest(job) | told)


def change_ingest(ask: Ask, job_id: str) -> Reply:
    """Close the upload, or abort what has not ended; batches that are committed stay (SF 4.1)."""
    job = find_job(ask, INGEST, job_id)
    wanted = member(ask.fields(), "state", str)
    if wanted not in {UPLOADED, ABORTED}:
        raise ApiError("INVALIDJOBSTATE", f"the state can be changed to {UPLOADED} or {ABORTED}")
    if job["state"] != OPEN and (wanted == UPLOADED or job["state"] in ENDED):
        raise ApiError("INVALIDJOBSTATE", f"the job is {job['state']} and cannot become {wanted}")
    if wanted == UPLOADED and job["content"] is None:
        raise ApiError("INVALIDJOBSTATE", "no content was uploaded")
    enter(job, str(wanted), ask.tx.now)
    return Reply(200, _shown_ingest(job))


def delete_ingest(ask: Ask, job_id: str) -> Reply:
    return _delete(ask, find_job(ask, INGEST, job_id), ENDED | {UPLOADED})


def _delete(ask: Ask, job: Job, states: Iterable[str]) -> Reply:
    if job["state"] not in states:
        raise ApiError("INVALIDJOBSTATE", f"a job that is {job['state']} cannot be deleted")
    del ask.world.jobs[job["id"]]
    return Reply(204)


def list_ingest(ask: Ask) -> Reply:
    return _list(ask, INGEST, _shown_ingest)


def list_query(ask: Ask) -> Reply:
    return _list(ask, QUERY, shown)


def _list(ask: Ask, kind: str, tell: Callable[[Job], dict[str, Any]]) -> Reply:
    job_type = JOB_TYPES[kind]
    wanted = ask.params.get("jobType") in {None, job_type}
    jobs = [each for each in ask.world.jobs.values() if each["kind"] == kind] if wanted else []
    chosen = [tell(each) | {"jobType": job_type} for each in jobs]
    start = query.position_of(ask.params["queryLocator"], chosen) if ask.params.get("queryLocator") else 0
    end = start + JOBS_PER_PAGE
    done = end >= len(chosen)
    following = None if done else f"{ask.base}/jobs/{kind}?queryLocator={query.locator_of(end)}"
    return Reply(200, {"done": done, "records": chosen[start:end], "nextRecordsUrl": following})


def successful_results(ask: Ask, job_id: str) -> Reply:
    job = _ended(find_job(ask, INGEST, job_id))
    pairs = zip(job["outcomes"], job["rows"], strict=False)
    rows = [[record_id, created, *row] for (record_id, created, error), row in pairs if not error]
    return _file(job, ["sf__Id", "sf__Created", *job["header"]], rows)


def failed_results(ask: Ask, job_id: str) -> Reply:
    job = _ended(find_job(ask, INGEST, job_id))
    pairs = zip(job["outcomes"], job["rows"], strict=False)
    rows = [[record_id, error, *row] for (record_id, _, error), row in pairs if error]
    return _file(job, ["sf__Id", "sf__Error", *job["header"]], rows)


def unprocessed_records(ask: Ask, job_id: str) -> Reply:
    """The rows that no batch took up; of a file that could not be read, all of it."""
    job = _ended(find_job(ask, INGEST, job_id))
    if job["content"]:
        return Reply(200, job["content"], (CSV,))
    return _file(job, job["header"], job["rows"][len(job["outcomes"]) :])


def _ended(job: Job) -> Job:
    if job["state"] not in ENDED:
        raise ApiError("INVALIDJOBSTATE", f"the job is {job['state']}: results are there when it has ended")
    return job


def _file(job: Job, header: Sequence[str], rows: Sequence[Sequence[str]], *headers: tuple[str, str]) -> Reply:
    text = write_table([header, *rows] if header else [], job["delimiter"], job["line_ending"])
    return Reply(200, text.encode(), (CSV, *headers))


def create_query(ask: Ask) -> Reply:
    wish = ask.fields()
    if member(wish, "operation", str) not in {"query", "queryAll"}:
        raise ApiError("INVALIDJOB", "InvalidJob : operation must be query or queryAll")
    text, all_rows = str(wish.get("query") or ""), wish["operation"] == "queryAll"
    runner = query.prepare(ask.world, ask.tx.caller, ask.tx.now, ask.version, text, all_rows=all_rows)
    sobject = bulk_object(ask, runner.sobject.name)
    require_allowance(ask.world, query.JOBS_PER_DAY, ask.world.settings["daily_bulk_query_jobs"], ask.tx.now)
    use(ask.world, query.JOBS_PER_DAY, ask.tx.now)
    job = new_job(ask, QUERY, wish, sobject, UPLOADED)
    job |= {"query": text, "chunked": query.chunked(runner.query), "header": [], "rows": []}
    return Reply(200, shown(job))


def read_query(ask: Ask, job_id: str) -> Reply:
    job = find_job(ask, QUERY, job_id)
    told = progress(job, len(job["rows"])) | {"isPkChunkingSupported": job["chunked"]}
    return Reply(200, shown(job) | told)


def change_query(ask: Ask, job_id: str) -> Reply:
    job = find_job(ask, QUERY, job_id)
    if member(ask.fields(), "state", str) != ABORTED or job["state"] not in {UPLOADED, RUNNING}:
        raise ApiError("INVALIDJOBSTATE", f"a job that is {job['state']} can only be aborted while it waits or works")
    enter(job, ABORTED, ask.tx.now)
    return Reply(200, shown(job))


def delete_query(ask: Ask, job_id: str) -> Reply:
    return _delete(ask, find_job(ask, QUERY, job_id), ENDED)


def query_results(ask: Ask, job_id: str) -> Reply:
    """One page of the file, which begins with the header; the locator after the last page is the text null."""
    job = _complete(ask, find_job(ask, QUERY, job_id))
    start = query.position_of(ask.params["locator"], job["rows"]) if ask.params.get("locator") else 0
    page = job["rows"][start : start + _page_size(ask)]
    end = start + len(page)
    locator = query.locator_of(end) if end < len(job["rows"]) else "null"
    headers = (("Sforce-Locator", locator), ("Sforce-NumberOfRecords", str(len(page))))
    return _file(job, job["header"], page, *headers)


def result_pages(ask: Ask, job_id: str) -> Reply:
    """The addresses of the next pages, which may be fetched at the same time (SF 4.4, v58 and later)."""
    if ask.version < RESULT_PAGES_VERSION_MIN:
        raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
    job = _complete(ask, find_job(ask, QUERY, job_id))
    size = _page_size(ask)
    start = query.position_of(ask.params["locator"], job["rows"]) if ask.params.get("locator") else 0
    starts = list(range(start, max(len(job["rows"]), start + 1), size))
    told, rest = starts[:RESULT_PAGES_MAX], starts[RESULT_PAGES_MAX:]
    base = f"{ask.base}/jobs/query/{job['id']}"
    pages = [{"resultUrl": f"{base}/results?maxRecords={size}&locator={query.locator_of(each)}"} for each in told]
    following = f"{base}/resultPages?maxRecords={size}&locator={query.locator_of(rest[0])}" if rest else None
    return Reply(200, {"resultPages": pages, "nextRecordsUrl": following, "done": not rest})


def _complete(ask: Ask, job: Job) -> Job:
    if ask.version != job["version"]:
        message = f"the job was made by version {job['version']}.0 of the API, and its results are read by that one"
        raise ApiError("API_VERSION_MISMATCH", message, status=409)
    if job["state"] != COMPLETE:
        raise ApiError("INVALIDJOBSTATE", f"the job is {job['state']}: it has no results")
    return job


def _page_size(ask: Ask) -> int:
    text = ask.params.get("maxRecords") or str(RESULT_RECORDS_MAX)
    if not text.isdecimal() or len(text) > DIGITS_MAX or int(text) == 0:
        raise ApiError("INVALIDJOB", f"maxRecords must be a whole number above zero: {text}")
    return min(int(text), RESULT_RECORDS_MAX)
