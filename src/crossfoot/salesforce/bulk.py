"""Bulk API 2.0 as Crossfoot uses it: large upserts by a unique external id (SF 4).

A load is planned here (``choose_write``, ``together``, ``encode_rows``), asked for (``create_load`` to ``results``) and
read (``decode_job``, ``decode_results``); waiting and recording belong to the engine. A row's outcome counts, never the
job's: JobComplete says nothing about rows, and a job that failed keeps what its earlier batches did.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from crossfoot.core.errors import Defect, RetryLater
from crossfoot.http import HttpRequest
from crossfoot.salesforce.requests import DATA, HEADERS, RowOutcome, decode_json
from crossfoot.salesforce.soql import identifier

COLLECTIONS_ROWS_MAX = 2_000
JOB_ROWS_MAX = 10_000
JOB_BYTES_MAX = 100_000_000
POLL_WAIT_S_MIN, POLL_WAIT_S_MAX = 2.0, 60.0
READ_AGAIN_S = 5.0
NULL = "#N/A"
ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
_CSV_HEADERS = {**HEADERS, "Accept": "text/csv", "Content-Type": "text/csv"}
_JOB_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
_ROW_ERROR = re.compile(r"(?P<code>[A-Z_]+):(?P<message>.*):(?P<fields>[^:]*) --\s*", re.DOTALL)

Value = str | bool | int | Decimal | date | datetime | None


class Way(StrEnum):
    """How rows are written."""

    COLLECTIONS = "collections"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Choice:
    """How rows will be written, and why, in words for the plan."""

    way: Way
    reason: str


@dataclass(frozen=True, slots=True)
class UpsertRow:
    """A row by its unique external id. ``parent`` is the record that the platform locks when it saves the row."""

    key: str
    fields: Mapping[str, Value]
    parent: str = ""


def choose_write(rows: Sequence[UpsertRow]) -> Choice:
    """Collections up to 2,000 rows, where they are faster; above that the bulk API, which costs few calls (SF 4.3)."""
    if len(rows) <= COLLECTIONS_ROWS_MAX:
        return Choice(Way.COLLECTIONS, f"{len(rows)} rows: up to {COLLECTIONS_ROWS_MAX} collections are faster")
    if any(value == NULL for row in rows for value in row.fields.values()):
        return Choice(Way.COLLECTIONS, f"a value is the text {NULL}, by which a bulk file clears a field")
    return Choice(Way.BULK, f"{len(rows)} rows: above {COLLECTIONS_ROWS_MAX} the bulk API needs fewer calls")


def together(
    rows: Sequence[UpsertRow], *, rows_max: int = JOB_ROWS_MAX, bytes_max: int = JOB_BYTES_MAX
) -> Iterator[list[UpsertRow]]:
    """The rows in portions, those of one parent side by side and, where they fit, in one portion.

    Portions are to be sent one after the other: two at a time would wait for each other's locks on a parent (SF 4.3). A
    bulk portion is one batch of its job for the same reason.
    """
    if len({row.key for row in rows}) < len(rows):
        raise Defect("two rows of one load have the same external id: Salesforce would refuse both")
    columns = len(_columns(rows))
    portion: list[UpsertRow] = []
    used = 0
    for family in _families(rows):
        sizes = [_size(row, columns) for row in family]
        if portion and (len(portion) + len(family) > rows_max or used + sum(sizes) > bytes_max):
            yield portion
            portion, used = [], 0
        for row, size in zip(family, sizes, strict=True):
            if portion and (len(portion) == rows_max or used + size > bytes_max):
                yield portion
                portion, used = [], 0
            portion.append(row)
            used += size
    if portion:
        yield portion


def _families(rows: Sequence[UpsertRow]) -> list[list[UpsertRow]]:
    """Rows by parent; a row without one is a family of its own."""
    found: dict[tuple[str, str], list[UpsertRow]] = {}
    for row in sorted(rows, key=lambda row: (row.parent, row.key)):
        found.setdefault((row.parent, "" if row.parent else row.key), []).append(row)
    return list(found.values())


def _size(row: UpsertRow, columns: int) -> int:
    """At most how many bytes a row takes: every cell in quotes, every quote in it doubled, and a separator."""
    texts = [row.key, *(cell_of(value) for value in row.fields.values())]
    return sum(len(text.encode()) + text.count('"') for text in texts) + 3 * (columns + 1)


def _columns(rows: Sequence[UpsertRow]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.fields))


def encode_rows(key_field: str, rows: Sequence[UpsertRow]) -> bytes:
    """A load's file. A field that a row does not name is left as it is; None and empty text clear it (SF 4.2)."""
    names = _columns(rows)
    if key_field in names:
        raise Defect(f"{key_field} is the key of the load and cannot be one of its fields too")
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([identifier(each) for each in (key_field, *names)])
    for row in rows:
        cells = (cell_of(row.fields[name]) if name in row.fields else "" for name in names)
        writer.writerow([_key_cell(row.key), *cells])
    return out.getvalue().encode()


def _key_cell(key: str) -> str:
    if not key.strip() or key == NULL:
        raise Defect("a row of a load has no external id")
    return key


def cell_of(value: Value) -> str:
    """A value as a file of the bulk API writes it; Salesforce keeps no empty text, so that it clears too (SF 0.4)."""
    match value:
        case None:
            return NULL
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return format(Decimal(value), "f")
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case date():
            return value.isoformat()
        case str():
            return value.replace("\0", "") if value.strip() else NULL
    raise Defect(f"{type(value).__name__} is no value of a Salesforce field")


def create_load(kind: str, key_field: str) -> HttpRequest:
    """A job that upserts rows of one object by a unique external id: safe to repeat."""
    wish = {
        "object": identifier(kind),
        "operation": "upsert",
        "externalIdFieldName": identifier(key_field),
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    return HttpRequest("POST", f"{DATA}/jobs/ingest", headers=HEADERS, body=msgspec.json.encode(wish))


def upload(job_id: str, content: bytes) -> HttpRequest:
    """The file of an open job. It is taken once: after an unknown outcome, abort the job and make another."""
    if len(content) > JOB_BYTES_MAX:
        raise Defect(f"{len(content)} bytes do not fit one bulk job")
    return HttpRequest("PUT", f"{_load(job_id)}/batches", headers=_CSV_HEADERS, body=content)


def start(job_id: str) -> HttpRequest:
    """Let the job work on what was uploaded."""
    return _change(_load(job_id), "UploadComplete")


def abort(job_id: str) -> HttpRequest:
    """Stop a load. Batches that are committed stay."""
    return _change(_load(job_id), "Aborted")


def poll(job_id: str) -> HttpRequest:
    """Where a load stands."""
    return HttpRequest("GET", _load(job_id), headers=HEADERS)


def results(job_id: str) -> tuple[HttpRequest, HttpRequest, HttpRequest]:
    """The rows of an ended load that succeeded, that failed, and that were not looked at."""
    base = _load(job_id)
    names = ("successfulResults", "failedResults", "unprocessedrecords")
    succeeded, failed, unprocessed = (HttpRequest("GET", f"{base}/{name}", headers=_CSV_HEADERS) for name in names)
    return succeeded, failed, unprocessed


def poll_wait_s(polls: int) -> float:
    """How long to wait before the next poll: 2 s at first, doubled up to a minute (SF 4.4)."""
    return min(POLL_WAIT_S_MIN * (1 << min(polls, 10)), POLL_WAIT_S_MAX)


def _load(job_id: str) -> str:
    return f"{DATA}/jobs/ingest/{_checked(job_id)}"


def _checked(job_id: str) -> str:
    if not _JOB_ID.fullmatch(job_id):
        raise Defect(f"{job_id!r} is not the id of a bulk job")
    return job_id


def _change(path: str, state: str) -> HttpRequest:
    return HttpRequest("PATCH", path, headers=HEADERS, body=msgspec.json.encode({"state": state}))


@dataclass(frozen=True, slots=True)
class BulkJob:
    """A job as an answer tells of it. ``failed`` counts rows; ``error`` is what stopped the whole job."""

    id: str
    state: str
    processed: int = 0
    failed: int = 0
    error: str = ""

    @property
    def ended(self) -> bool:
        """Whether its state is final. Rows may have failed even where it is JobComplete."""
        return self.state in ENDED


def decode_job(body: bytes) -> BulkJob:
    """The job of an answer to create, start, abort or poll."""
    told = decode_json(body)
    return BulkJob(
        str(told["id"]),
        str(told["state"]),
        int(told.get("numberRecordsProcessed") or 0),
        int(told.get("numberRecordsFailed") or 0),
        str(told.get("errorMessage") or ""),
    )


def decode_results(key_field: str, succeeded: bytes, failed: bytes, unprocessed: bytes) -> dict[str, RowOutcome]:
    """Outcomes by external id: files keep no order. A key in none of them has an unknown outcome: look it up."""
    found: dict[str, RowOutcome] = {}
    for row in _rows(succeeded, "sf__Id", key_field):
        found[row[key_field]] = RowOutcome(row["sf__Id"], success=True)
    for row in _rows(failed, "sf__Error", key_field):
        error = _ROW_ERROR.fullmatch(row["sf__Error"])
        code, message = (error["code"], error["message"]) if error else ("", row["sf__Error"])
        found[row[key_field]] = RowOutcome(row.get("sf__Id", ""), success=False, code=code, message=message)
    for row in _rows(unprocessed, key_field):
        ended = RowOutcome("", success=False, code="UNPROCESSED", message="the job ended before this row's turn")
        found.setdefault(row[key_field], ended)
    return found


def _rows(body: bytes, *needed: str) -> Iterator[dict[str, str]]:
    """The rows of a file by column name; one without rows may lack columns.

    Values hold line breaks, and now and then NUL, which is left out (SF 4.4).
    """
    try:
        text = body.decode("utf-8-sig").replace("\0", "")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = next(reader, [])
        for cells in filter(None, reader):
            row = dict(zip(header, cells, strict=True))
            if missing := set(needed) - set(row):
                raise RetryLater(f"a result file of Salesforce has no column {min(missing)}", after_s=READ_AGAIN_S)
            yield row
    except (csv.Error, ValueError) as error:
        raise RetryLater(f"a result file of Salesforce cannot be read: {error}", after_s=READ_AGAIN_S) from error
