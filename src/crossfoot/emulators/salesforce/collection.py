"""sObject collections: up to 200 records in one request, each with an outcome of its own (SF 2.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from crossfoot.emulators.salesforce import records
from crossfoot.emulators.salesforce.errors import ApiError, field_error
from crossfoot.emulators.salesforce.exchange import Ask, Reply, flag, texts
from crossfoot.emulators.salesforce.ids import to_18
from crossfoot.emulators.salesforce.resources import named_fields, record_of
from crossfoot.emulators.salesforce.schema import SObject

RECORDS_MAX = 200
RETRIEVED_BY_POST_MAX = 2000
CHUNKS_MAX = 10
UPSERT_VERSION_MIN = 46

Outcome = dict[str, Any]


def insert_collection(ask: Ask) -> Reply:
    def insert(record: Mapping[str, Any]) -> Outcome:
        record_id = records.insert(ask.tx, _type_of(ask, record), record)
        return {"id": record_id, "success": True, "errors": []}

    return _each(ask, _collection(ask), insert)


def update_collection(ask: Ask) -> Reply:
    def update(record: Mapping[str, Any]) -> Outcome:
        record_id = records.id_of_item(_pop(record, "Id")[0])
        records.update(ask.tx, _type_of(ask, record), record_id, _pop(record, "Id")[1])
        return {"id": record_id, "success": True, "errors": []}

    return _each(ask, _collection(ask), update)


def upsert_collection(ask: Ask, name: str, field: str) -> Reply:
    """One type; the key's value stands inside each record. A key that comes twice fails on both rows."""
    if ask.version < UPSERT_VERSION_MIN:
        raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
    sobject = ask.object(name)
    key = records.upsert_key(sobject, field, ids=True)
    batch = _collection(ask)
    twice = records.keys_given_twice(key, [_pop(record, key.name)[0] for record in batch])

    def upsert(record: Mapping[str, Any]) -> Outcome:
        if _type_of(ask, record) is not sobject:
            raise field_error("INVALID_FIELD", f"the record is not of type {sobject.name}")
        value, rest = _pop(record, key.name)
        records.check_once(key, value, twice)
        record_id, created = records.upsert(ask.tx, sobject, key, value, rest)
        return {"id": record_id, "success": True, "errors": [], "created": created}

    return _each(ask, batch, upsert)


def delete_collection(ask: Ask) -> Reply:
    ids = _ids(ask.params.get("ids", "").split(","), RECORDS_MAX)

    def remove(record: Mapping[str, Any]) -> Outcome:
        record_id = records.id_of_item(record["id"])
        sobject = ask.seen.schema.by_prefix.get(record_id[:3])
        if sobject is None:
            raise field_error("MALFORMED_ID", f"malformed id {record['id']}")
        records.delete(ask.tx, sobject, record_id)
        return {"id": record_id, "success": True, "errors": []}

    atomic = ask.params.get("allOrNone", "").lower() == "true"
    return _each(ask, [{"id": each} for each in ids], remove, atomic=atomic)


def retrieve_collection(ask: Ask, name: str) -> Reply:
    """Rows in the order of their ids, null for each that is not there."""
    sobject = ask.object(name)
    if ask.method == "GET":
        ids, names = _ids(ask.params.get("ids", "").split(","), RECORDS_MAX), ask.params.get("fields", "").split(",")
    else:
        ids, names = _ids(texts(ask.fields(), "ids"), RETRIEVED_BY_POST_MAX), texts(ask.fields(), "fields")
    fields = named_fields(ask, sobject, [each for each in names if each])
    rows = (ask.seen.live(sobject.name, to_18(each)) for each in ids)
    return Reply(200, [None if row is None else record_of(ask, sobject, row, fields) for row in rows])


def _ids(values: Sequence[str], most: int) -> list[str]:
    ids = [each.strip() for each in values if each.strip()]
    if not ids or len(ids) > most:
        raise ApiError("INVALID_BATCH_SIZE" if ids else "BAD_REQUEST", f"between 1 and {most} ids are needed")
    return ids


def _collection(ask: Ask) -> list[dict[str, Any]]:
    batch = ask.fields().get("records")
    if not isinstance(batch, list) or not all(isinstance(each, dict) for each in batch):
        raise ApiError("BAD_REQUEST", "records: an array of sObjects is required")
    if len(batch) > RECORDS_MAX:
        raise ApiError(
            "EXCEEDED_MAX_SIZE_REQUEST", f"record limit reached. cannot submit more than {RECORDS_MAX} records"
        )
    types = [str(_attributes(each).get("type", "")).lower() for each in batch]
    if 1 + sum(one != other for one, other in pairwise(types)) > CHUNKS_MAX:
        raise ApiError(
            "EXCEEDED_MAX_TYPES_LIMIT", f"records may change type at most {CHUNKS_MAX} times: sort them by type"
        )
    return batch


def _attributes(record: Mapping[str, Any]) -> Mapping[str, Any]:
    found = record.get("attributes")
    return found if isinstance(found, dict) else {}


def _type_of(ask: Ask, record: Mapping[str, Any]) -> SObject:
    name = _attributes(record).get("type")
    if not name:
        raise ApiError("INVALID_TYPE", "attributes.type is required in each record")
    try:
        return ask.object(str(name))
    except ApiError as error:
        raise field_error("INVALID_TYPE", f"sObject type '{name}' is not supported.") from error


def _pop(record: Mapping[str, Any], name: str) -> tuple[Any, dict[str, Any]]:
    folded = name.lower()
    value = next((value for key, value in record.items() if key.lower() == folded), None)
    return value, {key: each for key, each in record.items() if key.lower() != folded}


def _each(
    ask: Ask,
    batch: Sequence[Mapping[str, Any]],
    save: Callable[[Mapping[str, Any]], Outcome],
    *,
    atomic: bool | None = None,
) -> Reply:
    """One outcome per record in request order, 200 even when all fail; all or none when that is asked (SF 2.7)."""
    if atomic is None:
        atomic = flag(ask.payload, "allOrNone")
    start = ask.tx.mark()
    outcomes: list[Outcome] = []
    for record in batch:
        before = ask.tx.mark()
        try:
            outcomes.append(save(record))
        except ApiError as error:
            ask.tx.rollback(before)
            if error.code == "JSON_PARSER_ERROR":
                ask.tx.rollback(start)
                raise  # a value of the wrong JSON type spoils the whole envelope
            ask.complain(error)
            outcomes.append({"success": False, "errors": [error.as_item()]})
    if atomic and not all(each["success"] for each in outcomes):
        ask.tx.rollback(start)
        message = "Record rolled back because not all records were valid and the request was using AllOrNone header"
        rolled_back = field_error("ALL_OR_NONE_OPERATION_ROLLED_BACK", message).as_item()
        outcomes = [{"success": False, "errors": [rolled_back]} if each["success"] else each for each in outcomes]
    return Reply(200, outcomes)
