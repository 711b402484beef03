"""Objects, rows, queries and limits of the REST data API (SF 2.4-2.8)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from crossfoot.emulators.salesforce import permissions, records, unseen
from crossfoot.emulators.salesforce.bulk.job import bulk_used
from crossfoot.emulators.salesforce.conditions import check_conditions, http_date, is_unchanged, read_date, tags_of
from crossfoot.emulators.salesforce.describe import describe, describe_global, described_at
from crossfoot.emulators.salesforce.errors import ApiError, method_not_allowed
from crossfoot.emulators.salesforce.events.log import allocations, enqueued
from crossfoot.emulators.salesforce.exchange import Ask, Reply
from crossfoot.emulators.salesforce.ids import to_18
from crossfoot.emulators.salesforce.schema import Field, SObject
from crossfoot.emulators.salesforce.soql.evaluate import reader
from crossfoot.emulators.salesforce.soql.run import attributes, blob_address, visible_fields
from crossfoot.emulators.salesforce.values import parse_datetime, render, to_stored
from crossfoot.emulators.salesforce.world import Row

UPSERT_BODY_VERSION_MIN = 46


def resource_list(ask: Ask) -> Reply:
    names = (
        *("sobjects", "query", "queryAll", "search", "parameterizedSearch", "limits", "recordCount"),
        *("composite", "jobs", "metadata", "tooling", "process", "actions", "quickActions", "recent", "tabs", "theme"),
    )
    me = f"{ask.world.public_url}/id/{ask.world.organization['Id']}/{ask.tx.caller.user_id}"
    return Reply(200, {name: f"{ask.base}/{name}" for name in names} | {"identity": me})


def list_objects(ask: Ask) -> Reply:
    return Reply(200, describe_global(ask.seen, ask.base))


def object_summary(ask: Ask, name: str) -> Reply:
    full = describe(ask.seen, ask.object(name), ask.base)
    summary = {key: value for key, value in full.items() if not isinstance(value, list)}
    return Reply(200, {"objectDescribe": summary, "recentItems": []})


def object_describe(ask: Ask, name: str) -> Reply:
    """The full description, or 304 when nothing of it changed since ``If-Modified-Since`` (SF 2.4)."""
    changed, since = described_at(ask.world), read_date(ask.headers.get("if-modified-since", ""))
    if since is not None and changed <= since:
        return Reply(304)
    return Reply(200, describe(ask.seen, ask.object(name), ask.base), (("Last-Modified", http_date(changed)),))


def create_row(ask: Ask, name: str) -> Reply:
    sobject = ask.object(name)
    record_id = records.insert(ask.tx, sobject, ask.fields())
    location = f"{ask.base}/sobjects/{sobject.name}/{record_id}"
    errors = enqueued(ask.world, record_id) if sobject.platform_event else []
    return Reply(201, {"id": record_id, "success": True, "errors": errors}, (("Location", location),))


def read_row(ask: Ask, name: str, record_id: str) -> Reply:
    sobject = ask.object(name)
    try:
        row = records.find(ask.seen, sobject, record_id)
    except ApiError as error:
        if error.code == "INVALID_CROSS_REFERENCE_KEY":
            raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404) from error
        raise
    check_conditions(ask, sobject, row, write=False)
    if is_unchanged(ask, sobject, row):
        return Reply(304, None, tags_of(sobject, row))
    return Reply(200, record_of(ask, sobject, row, chosen_fields(ask, sobject)), tags_of(sobject, row))


def update_row(ask: Ask, name: str, record_id: str) -> Reply:
    sobject = ask.object(name)
    if to_18(record_id) is None:
        raise method_not_allowed(ask.method, ("GET", "POST"))
    payload = ask.fields()
    if any(each.lower() == "id" for each in payload):
        raise ApiError("INVALID_FIELD", "The Id field should not be specified in the sobject data.", fields=["Id"])
    check_conditions(ask, sobject, records.find(ask.world, sobject, record_id), write=True)
    records.update(ask.tx, sobject, record_id, payload)
    return Reply(204)


def delete_row(ask: Ask, name: str, record_id: str) -> Reply:
    try:
        records.delete(ask.tx, ask.object(name), record_id)
    except ApiError as error:
        if error.code == "INVALID_CROSS_REFERENCE_KEY":
            raise ApiError(error.code, error.message, status=404, fields=[]) from error
        raise
    return Reply(204)


def upsert_row(ask: Ask, name: str, field: str, value: str) -> Reply:
    """201 for a new row; for a known one 200 with a body from v46, 204 without before (SF 2.5)."""
    sobject = ask.object(name)
    if not value:
        raise method_not_allowed(ask.method, ("GET", "POST"))
    key = records.upsert_key(sobject, field)
    update_only = ask.params.get("updateOnly", "").lower() == "true"
    try:
        record_id, created = records.upsert(ask.tx, sobject, key, value, ask.fields(), update_only=update_only)
    except ApiError as error:
        if error.status == 300:
            return _choices(ask, sobject, key, value)
        raise
    if not created and ask.version < UPSERT_BODY_VERSION_MIN:
        return Reply(204)
    return Reply(201 if created else 200, {"id": record_id, "success": True, "errors": [], "created": created})


def read_by_key(ask: Ask, name: str, field: str, value: str) -> Reply:
    """A row by an external id; with an id in place of the field, a related row or rows (SF 2.5)."""
    sobject = ask.object(name)
    if to_18(field) is not None and sobject.field(field) is None:
        return _related(ask, sobject, field, value)
    key = records.upsert_key(sobject, field)
    matches = records.find_by_key(ask.seen, sobject, key, to_stored(key, value))
    if len(matches) > 1:
        return _choices(ask, sobject, key, value)
    if not matches:
        raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
    return read_row(ask, name, matches[0])


def delete_by_key(ask: Ask, name: str, field: str, value: str) -> Reply:
    sobject = ask.object(name)
    key = records.upsert_key(sobject, field)
    matches = records.find_by_key(ask.world, sobject, key, to_stored(key, value))
    if len(matches) > 1:
        return _choices(ask, sobject, key, value)
    if not matches:
        raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
    return delete_row(ask, name, matches[0])


def _choices(ask: Ask, sobject: SObject, key: Field, value: str) -> Reply:
    matches = records.find_by_key(ask.world, sobject, key, to_stored(key, value))
    return Reply(300, [f"{ask.base}/sobjects/{sobject.name}/{each}" for each in matches])


def _related(ask: Ask, sobject: SObject, record_id: str, relationship: str) -> Reply:
    row = records.find(ask.seen, sobject, record_id)
    held = sobject.field(relationship)
    if held is not None and held.type == "base64":
        return Reply(200, b64decode(row.get(held.name) or ""), (("Content-Type", "application/octet-stream"),))
    parent = sobject.parent(relationship)
    if parent is not None and row.get(parent.name):
        return read_row(ask, parent.reference_to[0], row[parent.name])
    child = ask.seen.schema.child(sobject.name, relationship)
    if child is None:
        raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
    found = (
        ask.seen.live(child[0].name, each) for each in ask.world.index.find(child[0].name, child[1].name, row["Id"])
    )
    fields = chosen_fields(ask, child[0])
    made = [record_of(ask, child[0], each, fields) for each in found if each is not None]
    return Reply(200, {"totalSize": len(made), "done": True, "records": made})


def chosen_fields(ask: Ask, sobject: SObject) -> list[Field]:
    """The fields that ``?fields=`` names, or all of them."""
    names = [each.strip() for each in ask.params.get("fields", "").split(",") if each.strip()]
    return named_fields(ask, sobject, names) if names else visible_fields(ask.world, sobject)


def named_fields(ask: Ask, sobject: SObject, names: Sequence[str]) -> list[Field]:
    known = {each.name.lower(): each for each in visible_fields(ask.world, sobject)}
    for name in names:
        if name.lower() not in known:
            raise ApiError("INVALID_FIELD", f"No such column '{name}' on entity '{sobject.name}'.")
    return [known[name.lower()] for name in dict.fromkeys(names)]


def record_of(ask: Ask, sobject: SObject, row: Row, fields: Sequence[Field]) -> dict[str, Any]:
    made: dict[str, Any] = {"attributes": attributes(sobject.name, row["Id"], ask.base)}
    for each in fields:
        held = each.type == "base64"
        read = blob_address(sobject.name, each, ask.base) if held else reader(ask.world, each)
        made[each.name] = render(read(row))
    made.setdefault("Id", row["Id"])
    return made


def _window(ask: Ask, days_max: int) -> tuple[datetime, datetime]:
    try:
        start, end = (parse_datetime(ask.params[name].replace(" ", "+")) for name in ("start", "end"))
    except (KeyError, ValueError) as error:
        raise ApiError("INVALID_REPLICATION_DATE", "start and end must be ISO 8601 instants with a zone") from error
    if start >= end or start < ask.tx.now - timedelta(days=days_max):
        raise ApiError("INVALID_REPLICATION_DATE", f"startDate must be before endDate and within {days_max} days")
    return start, end


def list_updated(ask: Ask, name: str) -> Reply:
    """Ids stamped in the window, and how far the answer is complete (SF 2.6)."""
    sobject = ask.object(name)
    start, end = _window(ask, 30)
    table = ask.seen.rows.get(sobject.name, {})
    stamped = (table[each] for each in ask.world.index.since(sobject.name, start) if each in table)
    ids = [row["Id"] for row in stamped if start <= row["SystemModstamp"] < end and not row["IsDeleted"]]
    return Reply(200, {"ids": ids, "latestDateCovered": _covered(ask, end)})


def _covered(ask: Ask, end: datetime) -> str:
    return str(render(min(end, unseen.covered_until(ask.world, ask.tx.now))))


def list_deleted(ask: Ask, name: str) -> Reply:
    sobject = ask.object(name)
    start, end = _window(ask, 15)
    gone = {
        each["id"]: each["deleted"]
        for each in ask.world.deletions
        if each["object"] == sobject.name
        and start <= each["deleted"] < end
        and ask.world.live(sobject.name, each["id"]) is None
    }
    return Reply(
        200,
        {
            "deletedRecords": [{"id": each, "deletedDate": render(deleted)} for each, deleted in gone.items()],
            "earliestDateAvailable": render(ask.tx.now - timedelta(days=15)),
            "latestDateCovered": _covered(ask, end),
        },
    )


def record_counts(ask: Ask) -> Reply:
    names = [each.strip() for each in ask.params.get("sObjects", "").split(",") if each.strip()]
    objects = [ask.object(each) for each in names] or list(ask.seen.schema.objects.values())
    tables = ((each.name, ask.seen.rows.get(each.name, {})) for each in objects)
    counts = [{"count": sum(not row["IsDeleted"] for row in table.values()), "name": name} for name, table in tables]
    return Reply(200, {"sObjects": counts})


BULK_BATCHES_VERSION_MIN = 49
_BULK_LIMITS = {"DailyBulkApiBatches": "daily_bulk_batches", "DailyBulkV2QueryJobs": "daily_bulk_query_jobs"}
# Allowances of what the emulator does not count: nothing of them is ever used.
_OTHER_LIMITS = {
    "ConcurrentAsyncGetReportInstances": 200,
    "ConcurrentSyncReportRuns": 20,
    "DailyAsyncApexExecutions": 250_000,
    "DailyBulkV2QueryFileStorageMB": 976_562,
    "DailyDurableGenericStreamingApiEvents": 100_000,
    "DailyDurableStreamingApiEvents": 100_000,
    "DailyGenericStreamingApiEvents": 10_000,
    "DailyStandardVolumePlatformEvents": 25_000,
    "DailyStreamingApiEvents": 50_000,
    "DataStorageMB": 10_240,
    "DurableStreamingApiConcurrentClients": 1_000,
    "FileStorageMB": 10_240,
    "HourlyODataCallout": 20_000,
    "HourlyPublishedStandardVolumePlatformEvents": 100_000,
    "HourlyTimeBasedWorkflow": 1_000,
    "MassEmail": 5_000,
    "MonthlyPlatformEventsUsageEntitlement": 0,
    "Package2VersionCreates": 6,
    "SingleEmail": 5_000,
    "StreamingApiConcurrentClients": 1_000,
}
_PERMISSION_SETS_MAX, _OWN_PERMISSION_SETS_MAX = 1_500, 1_000


def limits(ask: Ask) -> Reply:
    permissions.require(ask.world, ask.tx.caller, "ViewSetup")
    allowed = ask.world.settings["daily_api_limit"]
    used = {"Max": allowed, "Remaining": max(0, allowed - ask.world.usage(ask.tx.now))}
    mosts = _OTHER_LIMITS | {name: ask.world.settings[setting] for name, setting in _BULK_LIMITS.items()}
    others: dict[str, Any] = {
        name: {"Max": most, "Remaining": max(0, most - bulk_used(ask.world, name, ask.tx.now))}
        for name, most in mosts.items()
    }
    if ask.version < BULK_BATCHES_VERSION_MIN:  # it had another name then
        others["DailyBulkApiRequests"] = others.pop("DailyBulkApiBatches")
    others["PermissionSets"] = _permission_set_limits(ask)
    return Reply(200, {"DailyApiRequests": used} | others | allocations(ask.world, ask.tx.now))


def _permission_set_limits(ask: Ask) -> dict[str, Any]:
    """How many permission sets may be made: one of the limits that hold another one (SF 2.8)."""
    rows = ask.world.rows.get("PermissionSet", {}).values()
    made = sum(not (row["IsDeleted"] or row.get("IsOwnedByProfile")) for row in rows)
    own = {"Max": _OWN_PERMISSION_SETS_MAX, "Remaining": _OWN_PERMISSION_SETS_MAX - made}
    return {"Max": _PERMISSION_SETS_MAX, "Remaining": _PERMISSION_SETS_MAX - made, "CreateCustom": own}
