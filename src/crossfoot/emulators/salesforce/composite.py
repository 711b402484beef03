"""The composite family: collections of records, and several requests in one (SF 2.7)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, unquote

from crossfoot.emulators.salesforce import records
from crossfoot.emulators.salesforce.errors import ApiError, field_error
from crossfoot.emulators.salesforce.exchange import Ask, Reply, error_reply
from crossfoot.emulators.salesforce.ids import to_18
from crossfoot.emulators.salesforce.resources import named_fields, record_of
from crossfoot.emulators.salesforce.schema import SObject

RECORDS_MAX = 200
RETRIEVED_BY_POST_MAX = 2000
CHUNKS_MAX = 10
SUBREQUESTS_MAX = 25

Outcome = dict[str, Any]


def insert_collection(ask: Ask) -> Reply:
    def insert(record: Mapping[str, Any]) -> Outcome:
        record_id = records.insert(ask.tx, _type_of(ask, record), record)
        return {"id": record_id, "success": True, "errors": []}

    return _each(ask, _collection(ask), insert)


def update_collection(ask: Ask) -> Reply:
    def update(record: Mapping[str, Any]) -> Outcome:
        record_id = to_18(next((value for name, value in record.items() if name.lower() == "id"), None))
        if record_id is None:
            raise field_error("MISSING_ARGUMENT", "Id not specified in an update call")
        records.update(ask.tx, _type_of(ask, record), record_id, _without_id(record))
        return {"id": record_id, "success": True, "errors": []}

    return _each(ask, _collection(ask), update)


def upsert_collection(ask: Ask, name: str, field: str) -> Reply:
    """One type; the key's value stands inside each record. A key that comes twice fails on both rows."""
    sobject = ask.object(name)
    key = records.upsert_key(sobject, field)
    batch = _collection(ask)
    folded = [key.fold(str(_pop(record, key.name)[0]).strip()) for record in batch]

    def upsert(record: Mapping[str, Any]) -> Outcome:
        if _type_of(ask, record) is not sobject:
            raise field_error("INVALID_FIELD", f"the record is not of type {sobject.name}")
        value, rest = _pop(record, key.name)
        if value is not None and folded.count(key.fold(str(value).strip())) > 1:
            raise field_error("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", key.name)
        record_id, created = records.upsert(ask.tx, sobject, key, value, rest)
        return {"id": record_id, "success": True, "errors": [], "created": created}

    return _each(ask, batch, upsert)


def delete_collection(ask: Ask) -> Reply:
    ids = _ids(ask.params.get("ids", "").split(","), RECORDS_MAX)

    def remove(record: Mapping[str, Any]) -> Outcome:
        record_id = to_18(record["id"])
        sobject = ask.seen.schema.by_prefix.get(str(record["id"])[:3])
        if record_id is None or sobject is None:
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
        ids, names = _ids(ask.fields().get("ids", ()), RETRIEVED_BY_POST_MAX), ask.fields().get("fields", [])
    fields = named_fields(ask, sobject, [each for each in names if each])
    rows = (ask.world.live(sobject.name, to_18(each)) for each in ids)
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


def _without_id(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name.lower() != "id"}


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
        atomic = bool(ask.payload.get("allOrNone"))
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


def composite(ask: Ask) -> Reply:
    """Requests in order, each able to use the outcome of earlier ones by ``@{ref.path}`` (SF 2.7)."""
    requests = _subrequests(ask, "compositeRequest")
    references = [str(each.get("referenceId", "")) for each in requests]
    if len(set(references)) < len(references) or not all(re.fullmatch(r"\w+", each) for each in references):
        raise ApiError(
            "BAD_REQUEST", "each referenceId has to be given, unique, and made of letters, digits and underscores"
        )
    atomic = bool(ask.fields().get("allOrNone"))
    start = ask.tx.mark()
    replies: dict[str, Reply] = {}
    for reference, request in zip(references, requests, strict=True):
        try:
            filled = _fill(request, replies)
            body = filled.get("body")
            if atomic and isinstance(body, dict) and "records" in body:
                body = body | {"allOrNone": False}
            replies[reference] = _perform(ask, filled, body)
        except ApiError as error:
            replies[reference] = error_reply(error)
    failed = [name for name, reply in replies.items() if _failed(reply)]
    if atomic and failed:
        ask.tx.rollback(start)
        halted = error_reply(
            ApiError("PROCESSING_HALTED", "The transaction was rolled back since another operation failed.")
        )
        replies = {name: reply if name in failed else halted for name, reply in replies.items()}
    answers = [
        {"body": reply.payload, "httpHeaders": dict(reply.headers), "httpStatusCode": reply.status, "referenceId": name}
        for name, reply in replies.items()
    ]
    return Reply(200, {"compositeResponse": answers})


def batch(ask: Ask) -> Reply:
    """Independent requests; with haltOnError those after a failure are not done."""
    halt = bool(ask.fields().get("haltOnError"))
    results: list[dict[str, Any]] = []
    failed = False
    for request in _subrequests(ask, "batchRequests"):
        if failed and halt:
            reply = error_reply(
                ApiError("BATCH_PROCESSING_HALTED", "Batch processing halted by request option", status=412)
            )
        else:
            reply = _perform(ask, request, request.get("richInput"))
        failed = failed or reply.status >= 400
        results.append({"statusCode": reply.status, "result": reply.payload})
    return Reply(200, {"hasErrors": failed, "results": results})


def _failed(reply: Reply) -> bool:
    if reply.status >= 400:
        return True
    payload = reply.payload
    return isinstance(payload, list) and any(
        isinstance(each, dict) and each.get("success") is False for each in payload
    )


def _subrequests(ask: Ask, name: str) -> list[dict[str, Any]]:
    requests = ask.fields().get(name)
    if not isinstance(requests, list) or not requests or not all(isinstance(each, dict) for each in requests):
        raise ApiError("BAD_REQUEST", f"{name}: an array of requests is required")
    if len(requests) > SUBREQUESTS_MAX:
        raise ApiError("LIMIT_EXCEEDED", f"The maximum number of subrequests is {SUBREQUESTS_MAX}")
    return requests


def _perform(ask: Ask, request: Mapping[str, Any], body: Any) -> Reply:
    """One sub-request. Its URL is absolute, or begins with the version (SF 2.7)."""
    path, _, query = str(request.get("url", "")).partition("?")
    path = path.removeprefix("/services/data").lstrip("/")
    match = re.match(r"v(\d\d)\.0/?(.*)", path)
    before = ask.tx.mark()
    headers = {name.lower(): str(value) for name, value in (request.get("httpHeaders") or {}).items()}
    inner = dataclasses.replace(
        ask,
        method=str(request.get("method", "")).upper(),
        path=match.group(2) if match else path,
        version=int(match.group(1)) if match else ask.version,
        params=dict(parse_qsl(query, keep_blank_values=True)),
        headers={**ask.headers, **headers},
        payload=body,
    )
    try:
        return ask.dispatch(inner)
    except ApiError as error:
        ask.tx.rollback(before)
        ask.complain(error)
        return error_reply(error)


_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}")


def _fill(value: Any, replies: Mapping[str, Reply]) -> Any:
    """The same structure with every ``@{ref.records[0].Id}`` replaced by what it points at."""
    if isinstance(value, dict):
        return {key: _fill(each, replies) for key, each in value.items()}
    if isinstance(value, list):
        return [_fill(each, replies) for each in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(unquote(value) if value.startswith("%40") else value)
    if whole:
        return _pointed_at(whole, replies)
    return _REFERENCE.sub(lambda match: str(_pointed_at(match, replies)), value)


def _pointed_at(match: re.Match[str], replies: Mapping[str, Reply]) -> Any:
    reply = replies.get(match.group(1))
    if reply is None or reply.status >= 400:
        raise ApiError("PROCESSING_HALTED", f"Invalid reference specified. No value for {match.group(1)} found.")
    found = reply.payload
    for name, position in re.findall(r"\.(\w+)|\[(\d+)\]", match.group(2)):
        try:
            found = found[name] if name else found[int(position)]
        except (KeyError, IndexError, TypeError) as error:
            raise ApiError(
                "PROCESSING_HALTED", f"Invalid reference specified. No value for {match.group()} found."
            ) from error
    return found
