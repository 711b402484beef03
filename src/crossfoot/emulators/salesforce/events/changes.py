"""What one transaction did, told as events: a change event per record, or one for many that changed alike (SF 5.6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crossfoot.emulators.salesforce.events import log
from crossfoot.emulators.salesforce.events.schemas import (
    HEADER,
    Path,
    bitmaps,
    change_event_name,
    change_schema,
    changed_paths,
    milliseconds,
    platform_schema,
)
from crossfoot.emulators.wire import Event

if TYPE_CHECKING:
    from crossfoot.emulators.salesforce.world import Row, World

CHANGES_MAX = 100_000
EVENT_BYTES_MAX = 1_000_000
PUBLISHED = "PUBLISH"
NO_RECORD = "000000000000000AAA"
_STAMPS = frozenset({"LastModifiedDate", "LastModifiedById"})
_ALONE = frozenset({"CREATE", "UNDELETE"})
GAP, OVERFLOW = "GAP_", "GAP_OVERFLOW"


@dataclass(frozen=True, slots=True)
class Change:
    """One write of a record. ``touched`` tells an update even where no value differs, as a merge does."""

    object_name: str
    record_id: str
    kind: str
    before: Row
    after: Row
    touched: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """The transaction that all its events name."""

    key: str
    number: int
    now: datetime
    user: str
    origin: str

    def header(self, change: Told, sequence: int) -> dict[str, Any]:
        return {
            "entityName": change.entity,
            "recordIds": change.record_ids,
            "changeType": change.kind,
            "changeOrigin": self.origin,
            "transactionKey": self.key,
            "sequenceNumber": sequence,
            "commitTimestamp": milliseconds(self.now),
            "commitNumber": self.number,
            "commitUser": self.user,
            "nulledFields": bitmaps(change.nulled),
            "diffFields": [],
            "changedFields": bitmaps(change.changed),
        }


@dataclass(slots=True)
class Told:
    """One event to be: which records changed, and how."""

    entity: str
    kind: str
    record_ids: list[str]
    values: dict[str, Any] = field(default_factory=dict)
    changed: list[Path] = field(default_factory=list)
    nulled: list[Path] = field(default_factory=list)


def publish(world: World, changes: Sequence[Change], commit: Commit) -> list[Event]:
    """Put the events of a committed transaction on the bus, and tell them."""
    events = [_publish_platform_event(world, each, commit) for each in changes if each.kind == PUBLISHED]
    selected = [each for each in changes if each.kind != PUBLISHED]
    struck = world.strike["kind"] if world.strike else None
    if struck == "event_lost" or not selected:
        return events
    if struck == "event_overflow" or len(selected) > CHANGES_MAX:
        told = [Told(name, OVERFLOW, [NO_RECORD]) for name in dict.fromkeys(each.object_name for each in selected)]
    else:
        told = _alike(made for each in _net(selected) if (made := _told(world, each)) is not None)
    if struck == "event_gap":
        told = [Told(each.entity, f"{GAP}{each.kind}", each.record_ids) for each in told]
    return events + [_publish_change(world, each, commit, place) for place, each in enumerate(told, start=1)]


def _net(changes: Iterable[Change]) -> Iterable[Change]:
    """One change per record: from before its first write to after its last. What came and went makes none."""
    net: dict[str, Change] = {}
    for each in changes:
        known = net.get(each.record_id)
        if known is None:
            net[each.record_id] = each
        elif known.kind == "CREATE" and each.kind == "DELETE":
            del net[each.record_id]
        else:
            kind = known.kind if each.kind == "UPDATE" else each.kind
            touched = known.touched or each.touched
            net[each.record_id] = Change(each.object_name, each.record_id, kind, known.before, each.after, touched)
    return net.values()


def _told(world: World, change: Change) -> Told | None:
    """The event of one record: all values of a new one, the changed ones of an update, none of a deletion or a gap."""
    told = Told(change.object_name, change.kind, [change.record_id])
    if change.kind == "DELETE" or change.kind.startswith(GAP):
        return told
    fields = change_schema(world, world.object(change.object_name)).fields
    if change.kind != "UPDATE":
        told.values = {each.name: each.read(change.after) for each in fields}
        return told
    told.changed = changed_paths(fields, change.before, change.after)
    if not change.touched and {fields[index - 1].name for index, _ in told.changed} <= _STAMPS:
        return None
    for index, part in told.changed:
        each = fields[index - 1]
        value = each.read(change.after)
        if part is not None:
            value = (value or {}).get(each.parts[part])
            told.values.setdefault(each.name, {})[each.parts[part]] = value
        else:
            told.values[each.name] = value
        if value is None:
            told.nulled.append((index, part))
    return told


def _alike(changes: Iterable[Told]) -> list[Told]:
    """Records that changed in the same way within one transaction share an event."""
    merged: list[Told] = []
    for each in changes:
        last = merged[-1] if merged else None
        if last and each.kind not in _ALONE and _without_ids(last) == _without_ids(each):
            last.record_ids += each.record_ids
        else:
            merged.append(each)
    return merged


def _without_ids(told: Told) -> tuple[Any, ...]:
    return told.entity, told.kind, told.values, told.changed


def _publish_change(world: World, told: Told, commit: Commit, sequence: int) -> Event:
    sobject = world.object(told.entity)
    schema = change_schema(world, sobject)
    header = commit.header(told, sequence)
    payload = schema.codec.encode({HEADER: header, **told.values})
    if len(payload) > EVENT_BYTES_MAX:
        return _publish_change(world, Told(told.entity, f"{GAP}{told.kind}", told.record_ids), commit, sequence)
    log.append(world, f"/data/{change_event_name(sobject)}", schema, payload, commit.now)
    named = {"changedFields": schema.names(told.changed), "nulledFields": schema.names(told.nulled)}
    return Event("change", header | named)


def _publish_platform_event(world: World, change: Change, commit: Commit) -> Event:
    """An event that was created as a record: it is not stored, only sent (SF 5.5)."""
    sobject = world.object(change.object_name)
    schema = platform_schema(world, sobject)
    values = {each.name: each.read(change.after) for each in schema.fields}
    payload = schema.codec.encode(values | system_values(commit.now, commit.user))
    name = log.event_uuid(world, change.record_id)
    log.append(world, f"/event/{sobject.name}", schema, payload, commit.now, name)
    log.count(world, "published", 1, commit.now)
    return Event("platform event", {"topic": f"/event/{sobject.name}", "id": name, **values})


def system_values(now: datetime, user: str) -> dict[str, Any]:
    """What the platform itself says in every platform event."""
    return {"CreatedDate": milliseconds(now), "CreatedById": user}
