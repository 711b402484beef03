"""Loading rows: a file becomes batches, which commit one by one; each of their rows succeeds or fails alone (SF 4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from crossfoot.emulators.salesforce import permissions, records
from crossfoot.emulators.salesforce.bulk.files import FileError, Table, read_table
from crossfoot.emulators.salesforce.bulk.job import COMPLETE, FAILED, Job, caller_of, enter, seen_by, use
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.schema import Field, SObject
from crossfoot.emulators.salesforce.transaction import Caller, Transaction
from crossfoot.emulators.salesforce.world import World
from crossfoot.emulators.wire import Event

BATCH_RECORDS_MAX = 10_000
CHUNK_RECORDS_MAX = 200
NULL = "#N/A"
BATCHES_PER_DAY = "DailyBulkApiBatches"
_COLUMN = re.compile(r"(?:(?P<type>\w+):)?(?P<relationship>\w+)\.(?P<field>\w+)\Z")
Payload = dict[str, Any]


class Column(NamedTuple):
    """A column of a file: a field of the row, or the external id by which a row that it refers to is found."""

    name: str
    boolean: bool = False
    key: str = ""
    target: str = ""


def wanted_key(world: World, caller: Caller, sobject: SObject, operation: object, key: object) -> str:
    """The name of the field by which an upsert finds its rows; empty for what is no upsert. Refuses what may not be."""
    if operation == "hardDelete" and not permissions.holds(world, caller.user_id, "BulkApiHardDelete"):
        message = (
            "hardDelete operation requires special user profile permission, please contact your system administrator"
        )
        raise ApiError("FEATURENOTENABLED", message)
    if operation != "upsert":
        return ""
    if not key:
        raise ApiError("INVALIDJOB", "InvalidJob : externalIdFieldName is required for upsert")
    return records.upsert_key(sobject, str(key), ids=True).name


def begin(world: World, job: Job, at: datetime) -> None:
    """Read the file, and count the batches that it makes."""
    if take(world, job, at, lambda content: read_table(content, job["delimiter"], job["line_ending"])):
        use(world, BATCHES_PER_DAY, at, -(-len(job["rows"]) // BATCH_RECORDS_MAX))


def take(world: World, job: Job, at: datetime, read: Callable[[bytes], Table]) -> bool:
    """Read the rows. What is wrong with the file as a whole fails the job, and all of its rows stay unprocessed."""
    try:
        header, rows = read(job["content"])
        sobject = seen_by(world, job).schema.object(job["object"])
        if sobject is None:
            raise FileError(f"InvalidEntity : Unable to find object: {job['object']}")
        _columns(world, job, sobject, header)
    except FileError as error:
        enter(job, FAILED, at, error=str(error))
        return False
    job |= {"content": b"", "header": header, "rows": rows}
    return True


def work(world: World, job: Job, at: datetime) -> list[Event]:
    """Save one batch. A job that ends early keeps what its earlier batches committed."""
    sobject = seen_by(world, job).schema.object(job["object"])
    if sobject is None:
        enter(job, FAILED, at, error=f"InvalidEntity : Unable to find object: {job['object']}")
        return []
    done = len(job["outcomes"])
    tx = Transaction(world, caller_of(job), at)
    try:
        columns = _columns(world, job, sobject, job["header"])
    except FileError as error:
        enter(job, FAILED, at, error=str(error))
        return []
    batch = job["rows"][done : done + BATCH_RECORDS_MAX]
    for start in range(0, len(batch), CHUNK_RECORDS_MAX):
        chunk = batch[start : start + CHUNK_RECORDS_MAX]
        job["outcomes"] += _save_chunk(tx, sobject, job, [_payload(columns, row) for row in chunk])
    enter(job, COMPLETE if done + len(batch) == len(job["rows"]) else job["state"], at)
    return tx.commit(job["version"])


def _columns(world: World, job: Job, sobject: SObject, header: Sequence[str]) -> list[Column]:
    """What the header names, as the job's user sees the org; a name that is nothing fails the job (SF 4.2)."""
    if job["operation"] in {"delete", "hardDelete"} and [each.lower() for each in header] != ["id"]:
        raise FileError("InvalidBatch : a file of deletions has the one column Id")
    if len({each.lower() for each in header}) < len(header):
        raise FileError("InvalidBatch : a column stands in the header twice")
    found = [_column(seen_by(world, job), sobject, name) for name in header]
    if job["key"] and job["key"].lower() not in {each.name.lower() for each in found if not each.key}:
        raise FileError(f"InvalidBatch : Field name not found : {job['key']}")
    return found


def _column(seen: World, sobject: SObject, name: str) -> Column:
    field = sobject.field(name)
    if field is not None:
        return Column(field.name, boolean=field.type == "boolean")
    match = _COLUMN.match(name)
    parent = sobject.parent(match["relationship"]) if match else None
    if match is None or parent is None:
        raise FileError(f"InvalidBatch : Field name not found : {name}")
    kind = match["type"] or (parent.reference_to[0] if len(parent.reference_to) == 1 else "")
    target = seen.schema.object(kind)
    if target is None or target.name not in parent.reference_to or target.field(match["field"]) is None:
        raise FileError(f"InvalidBatch : Field name not found : {name}")
    return Column(str(parent.relationship), key=match["field"], target=target.name)


def _payload(columns: Sequence[Column], row: Sequence[str]) -> Payload:
    """A row as a record: an empty cell is ignored, #N/A clears the field."""
    made: Payload = {}
    for column, cell in zip(columns, row, strict=True):
        if cell == "":
            continue
        value = None if cell == NULL else cell
        if column.key:
            made[column.name] = {"attributes": {"type": column.target}, column.key: value}
        elif column.boolean:
            made[column.name] = {"1": "true", "0": "false"}.get(cell, value)
        else:
            made[column.name] = value
    return made


def _save_chunk(tx: Transaction, sobject: SObject, job: Job, payloads: Sequence[Payload]) -> list[list[str]]:
    """Save up to 200 rows: per row its id, whether it was created, and its error."""
    operation = _OPERATIONS[job["operation"]]
    key = records.upsert_key(sobject, job["key"], ids=True) if job["key"] else None
    twice = records.keys_given_twice(key, [each.get(key.name) for each in payloads]) if key else frozenset()
    outcomes = []
    for payload in payloads:
        mark = tx.mark()
        try:
            if key is not None:
                records.check_once(key, payload.get(key.name), twice)
            record_id, created = operation(tx, sobject, payload, key)
            outcomes.append([record_id, str(created).lower(), ""])
        except ApiError as error:
            tx.rollback(mark)
            outcomes.append([str(payload.get("Id") or ""), "", _told(error)])
    return outcomes


def _told(error: ApiError) -> str:
    """A row's error as its result file tells it. A value of the wrong type fails its row alone here (SF 4.1)."""
    code = "INVALID_TYPE_ON_FIELD_IN_RECORD" if error.code == "JSON_PARSER_ERROR" else error.code
    return f"{code}:{error.message}:{','.join(error.fields or [])} --"


def _insert(tx: Transaction, sobject: SObject, payload: Payload, _: Field | None) -> tuple[str, bool]:
    return records.insert(tx, sobject, payload), True


def _update(tx: Transaction, sobject: SObject, payload: Payload, _: Field | None) -> tuple[str, bool]:
    record_id = records.id_of_item(payload.get("Id"))
    records.update(tx, sobject, record_id, {name: value for name, value in payload.items() if name != "Id"})
    return record_id, False


def _upsert(tx: Transaction, sobject: SObject, payload: Payload, key: Field | None) -> tuple[str, bool]:
    if key is None:
        raise TypeError("an upsert has a key")
    rest = {name: value for name, value in payload.items() if name != key.name}
    return records.upsert(tx, sobject, key, payload.get(key.name), rest)


def _delete(tx: Transaction, sobject: SObject, payload: Payload, _: Field | None) -> tuple[str, bool]:
    record_id = records.id_of_item(payload.get("Id"))
    records.delete(tx, sobject, record_id)
    return record_id, False


def _hard_delete(tx: Transaction, sobject: SObject, payload: Payload, _: Field | None) -> tuple[str, bool]:
    record_id, _created = _delete(tx, sobject, payload, None)
    records.erase(tx, sobject, record_id)
    return record_id, False


_OPERATIONS: Mapping[str, Callable[[Transaction, SObject, Payload, Field | None], tuple[str, bool]]] = {
    "insert": _insert,
    "update": _update,
    "upsert": _upsert,
    "delete": _delete,
    "hardDelete": _hard_delete,
}
OPERATIONS = tuple(_OPERATIONS)
