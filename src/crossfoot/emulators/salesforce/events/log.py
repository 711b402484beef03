"""The event bus: what was published, in order, for 72 hours, and how much of it was delivered (SF 5.3, 5.7).

Positions are opaque to subscribers: milliseconds of the emulator's clock, pushed on where two events share one, with a
check that tells ids of another org, or made-up ones, from its own.
"""

from __future__ import annotations

import uuid
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from crossfoot.emulators.salesforce.events.schemas import EventSchema, milliseconds

if TYPE_CHECKING:
    from crossfoot.emulators.salesforce.world import World

Entry = dict[str, Any]

RETENTION = timedelta(hours=72)
EVENTS_KEPT_MAX = 100_000
_CHECK_BITS = 6
_ID_BYTES = 8
_ID_TAIL = b"\x00\x00"
_PRUNE_EVERY = 1_000


class UnknownPositionError(ValueError):
    """A replay id that is too old, or was never given."""


def append(world: World, topic: str, schema: EventSchema, payload: bytes, now: datetime, event_id: str = "") -> Entry:
    """Publish one event; ``event_id`` is chosen here where the publisher gave none."""
    bus = world.events
    bus["head"] = max(bus["head"] + 1, milliseconds(now))
    keep_schema(world, schema)
    entry = {
        "position": bus["head"],
        "topic": topic,
        "at": now,
        "id": event_id or event_uuid(world, str(bus["head"])),
        "schema": schema.id,
        "payload": payload,
    }
    bus["log"].append(entry)
    if len(bus["log"]) % _PRUNE_EVERY == 0:
        _prune(bus["log"], now)
    return entry


def keep_schema(world: World, schema: EventSchema) -> None:
    """A schema that was ever told stays known under its id, also after the fields of its object have changed."""
    world.events["schemas"].setdefault(schema.id, schema.json)


def _prune(log: list[Entry], now: datetime) -> None:
    floor = milliseconds(now - RETENTION)
    expired = bisect_right(log, floor, key=lambda each: each["position"])
    del log[: max(expired, len(log) - EVENTS_KEPT_MAX)]


def after(world: World, position: int, topics: frozenset[str], now: datetime) -> Iterator[Entry]:
    """The events of these topics that came after a position and are still kept."""
    log: list[Entry] = world.events["log"]
    floor = max(position, milliseconds(now - RETENTION))
    for place in range(bisect_right(log, floor, key=lambda each: each["position"]), len(log)):
        if log[place]["topic"] in topics:
            yield log[place]


def tip(world: World, now: datetime) -> int:
    """The position behind all that was published. It moves with the clock, so that a quiet topic's does not age."""
    world.events["head"] = max(world.events["head"], milliseconds(now))
    return int(world.events["head"])


def replay_id(world: World, position: int) -> bytes:
    """The opaque form of a position."""
    return (position << _CHECK_BITS | _check(world, position)).to_bytes(_ID_BYTES, "big") + _ID_TAIL


def bare_position(sent: bytes) -> int:
    """The position that a replay id names, right or wrong."""
    return int.from_bytes(sent[:_ID_BYTES], "big") >> _CHECK_BITS


def position_of(world: World, sent: bytes, now: datetime) -> int:
    """The position behind a replay id; UnknownPositionError for one that expired or is not of this org (SF 5.3)."""
    position = bare_position(sent)
    own = sent == replay_id(world, position)[: len(sent)] and len(sent) >= _ID_BYTES
    log: list[Entry] = world.events["log"]
    dropped = len(log) >= EVENTS_KEPT_MAX and position < log[0]["position"]
    if not own or dropped or not milliseconds(now - RETENTION) <= position <= world.events["head"]:
        raise UnknownPositionError("the replay id is unknown or too old")
    return position


def _check(world: World, position: int) -> int:
    return zlib.crc32(f"{world.organization['Id']} {position}".encode()) & ((1 << _CHECK_BITS) - 1)


def event_uuid(world: World, name: str) -> str:
    """A universally unique id that follows from the org's seed and a name."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{world.seed} {name}"))


def enqueued(world: World, record_id: str) -> list[dict[str, Any]]:
    """What the answer says when a platform event was created: no error, but the event's own id (SF 5.5)."""
    return [{"statusCode": "OPERATION_ENQUEUED", "message": event_uuid(world, record_id), "fields": []}]


def used(world: World, counter: str, now: datetime, hours: int) -> int:
    """How many events were counted in the last hours; ``counter`` is delivered or published (SF 5.7)."""
    floor = _hour(now - timedelta(hours=hours))
    return sum(count for hour, count in world.events[counter].items() if hour > floor)


def count(world: World, counter: str, amount: int, now: datetime) -> None:
    if amount:
        hours = world.events[counter]
        floor = _hour(now - timedelta(hours=24))
        for old in [hour for hour in hours if hour <= floor]:
            del hours[old]
        hours[_hour(now)] = hours.get(_hour(now), 0) + amount


def allocations(world: World, now: datetime) -> dict[str, dict[str, int]]:
    """What ``/limits`` says of events."""
    rows = (
        ("DailyDeliveredPlatformEvents", "event_deliveries_per_day", "delivered", 24),
        ("HourlyPublishedPlatformEvents", "events_published_per_hour", "published", 1),
    )
    return {
        name: {"Max": most, "Remaining": max(0, most - used(world, counter, now, hours))}
        for name, setting, counter, hours in rows
        for most in (world.settings[setting],)
    }


def select(world: World, names: Iterable[str]) -> list[str]:
    """Choose the objects whose changes make events, in place of those before. ValueError says why not (SF 5.7)."""
    chosen = []
    for name in names:
        sobject = world.schema.object(name)
        if sobject is None or not sobject.change_events:
            raise ValueError(f"{name} has no change events")
        chosen.append(sobject.name)
    most = world.settings["change_event_entities_max"]
    if len(set(chosen)) > most:
        raise ValueError(f"{len(set(chosen))} entities are selected; this org may select {most}")
    world.settings["change_event_entities"] = list(dict.fromkeys(chosen))
    return list(dict.fromkeys(chosen))


def _hour(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H")
