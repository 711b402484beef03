"""Salesforce's change events on their way to listeners: late, twice, never, as gaps; streams that end (SF 5, I12, I14).

The emulator's bus decides what is told and under which replay id; here its answers are carried to the real listener,
which runs beside the engines and may die at any seam.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from random import Random
from threading import Event
from typing import Any

from sqlalchemy import select

from crossfoot.core.errors import NeedsPerson, NeedsReauthorisation
from crossfoot.emulators.people import RefusedError
from crossfoot.emulators.salesforce.events import log, pubsub
from crossfoot.emulators.salesforce.events.avro import Codec
from crossfoot.emulators.salesforce.events.changes import OVERFLOW
from crossfoot.emulators.wire import Request
from crossfoot.engine.reading.events import ASKED_MAX, Listener
from crossfoot.engine.reading.position import is_current
from crossfoot.engine.session import Session
from crossfoot.salesforce.changes import Change, Received, StreamEnded
from crossfoot.store.database import Database
from crossfoot.store.schema import version
from crossfoot.store.versions import last_seq, load_reference

from .engines import Engines
from .machine import Actor, Machine, Violation
from .people import BEHIND_S_MAX, Desks
from .rare import Reached
from .shared import SALESFORCE
from .vendor_faults import SAME_SECOND
from .world import Pair

SELECTED = ("Account", "Product2", "Opportunity", "OpportunityLineItem", "Contact")
LIVES_S = (60.0, 600.0)
STARTS_WITHIN_S = 120.0
WAITS_S = (2.0, 40.0)
NAP_S_MAX = 60.0
OPENS_WITHIN_S = 2.0
KEEPALIVE_S = 90
END_RATE, TWICE_RATE, LATE_RATE = 0.04, 0.1, 0.2
STRUCK_RATE = 0.2  # of what people do in Salesforce, in the seeds with listeners
LISTENER = "listener"
LINES = "OpportunityLineItem"  # stored with their deal
BEHIND = timedelta(seconds=BEHIND_S_MAX + 1)
"""How far the stamp of a later change may lie before that of an earlier one."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
EVENT_FAULTS = ("event_lost", "event_gap", "event_overflow")
ENDS = ("", "unavailable", "unauthenticated", "permission_denied", "not_found", *sorted(pubsub.STATUSES))
"""How a stream may end: the service's own codes, what stands where one is missing, and good order."""
FORGOTTEN, FORGOTTEN_RATE = "subscription.fetch.replayid.corrupted", 0.1
BATCH_MAX = 20
COMES_FIRST_SHARE = 0.5
LINGERS_RATE = 0.2
LINGERS_S = (30.0, 1200.0)
LINGERS_AT = ("commit hints done", "commit hinted records begins", "commit sweep Opportunity done")
"""Between taking a read's number and reading, and between reading and storing."""


class Until(Event):
    """Set once its time has come."""

    def __init__(self, machine: Machine, seconds: float) -> None:
        super().__init__()
        self._machine, self._at = machine, machine.now + timedelta(seconds=seconds)

    def is_set(self) -> bool:
        """Whether it has."""
        return self._machine.now >= self._at


@dataclass(frozen=True, slots=True)
class Delivered:
    """An event that a listener was given, and when: the position may pass it only with what it points at."""

    change: Change
    at: datetime


@dataclass(frozen=True, slots=True)
class Stamp:
    """As of when a record was stored, and under which number of a reading."""

    stands: datetime
    read_seq: int


UNKNOWN = Stamp(NEVER, 0)


class Listeners:
    """The way between the org's event bus and the listeners, and what must hold on it."""

    def __init__(
        self,
        machine: Machine,
        pair: Pair,
        engines: Engines,
        desks: Desks,
        reached: Reached,
        struck: Mapping[str, int],
    ) -> None:
        self.strikes = 0.0
        self.machine = machine
        self._pair = pair
        self._engines = engines
        self._desks = desks
        self._reached = reached
        self._struck = struck
        self._world: Any = pair.salesforce.world
        self._due: dict[tuple[str, bytes], Delivered] = {}
        self._unseen: dict[str, datetime] = {}
        self._stamps: dict[tuple[str, str], Stamp] = {}
        self._numbered: dict[int, datetime] = {}
        self._changed_at: dict[str, tuple[datetime, datetime]] = {}
        self._followed: list[str] = []
        self._codec = cache(lambda schema_id: Codec(self._world.events["schemas"][schema_id]))

    @property
    def chance(self) -> Random:
        """Its own draws: seeds without listeners keep their story."""
        return self.machine.listening

    def subscribe(self) -> None:
        """Select what the mapping reads, and choose what is followed; from now on events are struck."""
        log.select(self._world, SELECTED)
        objects = [*self._engines.mapping.readings(), LINES, *["Opportunity"] * 3]
        self._followed = self.chance.choices(objects, k=self.chance.choice((1, 1, 2)))
        self.strikes = STRUCK_RATE

    def comes_first(self) -> bool:
        """Whether this round's run begins while the listeners are at work already."""
        return self.chance.random() < COMES_FIRST_SHARE

    def bodies(self) -> list[tuple[str, Callable[[], None]]]:
        """The processes of one round: one or two listeners, now and then both of one object."""
        return [(f"{LISTENER} {place}", partial(self._body, name)) for place, name in enumerate(self._followed, 1)]

    def _body(self, name: str) -> None:
        """Follow one object for a while, as a thread of ``serve`` does."""
        machine = self.machine
        machine.pause("its time has not come", self.chance.uniform(0, STARTS_WITHIN_S))
        listener = self._listener(name)
        machine.note(f"listens to {name}")
        try:
            listener.run(Until(machine, self.chance.uniform(*LIVES_S)))
        except (NeedsReauthorisation, NeedsPerson) as error:  # anything else must not end it
            machine.note(f"no longer listens: {type(error).__name__}: {str(error)[:80]}")
            self._engines.told(str(error))
        self._engines.told(listener.heard.waits_for)

    def _listener(self, name: str) -> Listener:
        machine = self.machine
        host = replace(machine.host(self._engines.skew), sleep=self._nap)
        session = self._engines.session(Database(self._pair.database.engine, machine.pause), host)
        return Listener(session, lambda topic, position: self._open(session, topic, position), name, self._changed)

    def _changed(self) -> None:
        writer = self._engines.writer
        if writer is not None and self.machine.is_alive(writer):
            self._reached.note("a listener found a change within a run")

    def _nap(self, seconds: float) -> None:
        """Whoever waits for nothing in particular may sleep in."""
        self.machine.pause("sleeps in", max(seconds, self.chance.uniform(0, NAP_S_MAX)))

    def _open(self, session: Session, topic: str, position: bytes | None) -> Subscription:
        """What ``over_grpc`` does, without the network."""
        token = session.salesforce.access().token.reveal()
        caller = {"accesstoken": token, "instanceurl": session.instance_url, "tenantid": session.org_id}
        if position is None:
            self._recovers(topic)
        elif self.chance.random() < FORGOTTEN_RATE:
            raise StreamEnded(FORGOTTEN, "the replay id is too old")
        return Subscription(self, caller, topic, position)

    def _recovers(self, topic: str) -> None:
        """From here on a sweep answers for what was told before."""
        if self._position(topic):
            self._reached.note("a stream was recovered by a sweep")
        self._due = {key: due for key, due in self._due.items() if key[0] != topic}

    def fetch(self, caller: Mapping[str, str], asked: Mapping[str, Any]) -> Received:
        """One answer of the bus. Raises StreamEnded where the service refuses."""
        body = json.dumps(asked).encode()
        response = self._pair.salesforce.answer(Request("POST", f"{pubsub.PATH}Subscribe", headers=caller, body=body))
        answer = json.loads(response.body)
        if response.status != pubsub.ANSWERED:
            raise StreamEnded(answer["error_code"].removeprefix(pubsub.PREFIX), answer["message"])
        found = tuple(
            self._change(each["event"]["schema_id"], b64decode(each["event"]["payload"]), b64decode(each["replay_id"]))
            for each in answer["events"]
        )
        return Received(found, b64decode(answer["latest_replay_id"]), answer["pending_num_requested"])

    def _change(self, schema_id: str, payload: bytes, replay_id: bytes) -> Change:
        """An event as the Pub/Sub API's client decodes it."""
        header = self._codec(schema_id).decode(payload)["ChangeEventHeader"]
        committed = datetime.fromtimestamp(header["commitTimestamp"] / 1000, UTC)
        ids, kind, origin = tuple(header["recordIds"]), header["changeType"], header["changeOrigin"]
        return Change(header["entityName"], ids, kind, origin, committed, replay_id)

    def delivered(self, topic: str, received: Received) -> None:
        """A listener was given this. Of two that are given one event the first may answer for both."""
        position = self._position(topic)
        for change in received.changes:
            key = topic, change.replay_id
            if key in self._due:
                self._reached.note("an event came again")
            elif log.bare_position(change.replay_id) > position:
                self._due[key] = Delivered(change, self.machine.now)

    @contextmanager
    def befalling(self) -> Iterator[None]:
        """What people do meanwhile may be told as a gap, as an overflow, or not at all."""
        if self.strikes and self.chance.random() < self.strikes:
            self._world.strike = {"kind": self.chance.choice(EVENT_FAULTS)}
        yield
        self._world.strike = None

    def at_seam(self, actor: Actor) -> float:
        """Judge what a listener has just stored; for how long an actor stands still here."""
        self._unseen.update(dict.fromkeys(self._world.unseen, self.machine.now))
        self._note_changes()
        if actor.seam.startswith("commit") and actor.seam.endswith("done"):
            self._number()
            if actor.name.startswith(LISTENER):
                self._check()
        if not actor.seam.startswith(LINGERS_AT) or self.chance.random() > LINGERS_RATE:
            return 0.0
        self._save_once_more()
        return self.chance.uniform(*LINGERS_S)

    def _save_once_more(self) -> None:
        """Somebody saves a deal while a listener holds what it was before, and late enough to tell the two apart."""
        held = {each for due in self._due.values() for each in due.change.ids}
        deals = sorted(deal["Id"] for deal in self._desks.deals() if deal["Id"] in held)
        if deals:
            after_s = self.chance.uniform(1, 2) * BEHIND.total_seconds()
            self.machine.later(after_s, "somebody saves a deal once more", partial(self._save, deals[0]))

    def _save(self, deal_id: str) -> None:
        with suppress(RefusedError):  # it is locked, or deleted by now
            self._desks.salesforce("PATCH", f"/sobjects/Opportunity/{deal_id}", {"Description": "Saved once more"})

    def _note_changes(self) -> None:
        """When each record was seen to have a stamp of another value: the stamp itself may have been given early."""
        for name in self._followed:
            for record_id, row in self._world.rows.get(name, {}).items():
                stamp = row["SystemModstamp"]
                if self._changed_at.get(record_id, (NEVER, NEVER))[0] != stamp:
                    self._changed_at[record_id] = stamp, self.machine.now

    def _number(self) -> None:
        """When each reading took its number."""
        with self._pair.database.reading() as connection:
            last = last_seq(connection)
        self._numbered = {number: at for number, at in self._numbered.items() if number <= last}  # not of an old copy
        self._numbered |= dict.fromkeys(range(len(self._numbered) + 1, last + 1), self.machine.now)

    def _check(self) -> None:
        """I12: a reading that took its number after a change never shows what was before, although of two that stand
        still the later number may have read earlier. The position passes only what is stored."""
        in_order = SAME_SECOND not in self._struck
        found = self._load_stamps()
        for (name, record_id), stamp in found.items():
            before = self._stamps.get((name, record_id), stamp).stands
            began = self._numbered.get(stamp.read_seq, NEVER)
            is_known = stamp.stands < before - BEHIND and before + BEHIND < began
            if in_order and is_known and stamp.stands != self._world.rows[name][record_id]["SystemModstamp"]:
                raise Violation(f"I12: {name} {record_id} was stored as of {before}, and then as of {stamp.stands}")
        self._stamps = found
        positions = {topic: self._position(topic) for topic in sorted({topic for topic, _ in self._due})}
        for key, due in list(self._due.items()):
            if log.bare_position(due.change.replay_id) <= positions[key[0]]:
                del self._due[key]
                if in_order:
                    self._check_stored(due, found)

    def _check_stored(self, due: Delivered, found: Mapping[tuple[str, str], Stamp]) -> None:
        """What an event points at was read after it came: each record that it names, or all of the object's."""
        change, rows = due.change, self._world.rows[due.change.object]
        overflow = change.kind == OVERFLOW
        if overflow:
            self._reached.note("an overflow was swept")
        if change.object == LINES:
            return
        for record_id in rows if overflow else change.ids:
            stands = rows[record_id]["SystemModstamp"]
            stored = found.get((change.object, record_id), UNKNOWN).stands
            before = self._changed_at[record_id][1] <= due.at
            is_due = before if overflow else stored < change.committed_at - BEHIND
            is_seen = self._unseen.get(record_id, NEVER) < due.at
            if is_due and stored != stands and is_seen and not self._is_read_anew(change.object):
                raise Violation(f"I12: the replay id passed a change of {change.object} {record_id} that is not stored")

    def _is_read_anew(self, name: str) -> bool:
        """Whether the next run reads all of an object, since the settings name other fields than were read so far."""
        session = self._engines.session(self._pair.database, self.machine.host())
        with self._pair.database.reading() as connection:
            return not is_current(connection, session, session.mapping.readings()[name])

    def _load_stamps(self) -> dict[tuple[str, str], Stamp]:
        columns = version.c.kind, version.c.record_id, version.c.stamp, version.c.read_seq
        query = select(*columns).where(version.c.side == SALESFORCE)
        with self._pair.database.reading() as connection:
            rows = connection.execute(query).all()
        return {(row.kind, row.record_id): Stamp(datetime.fromisoformat(row.stamp), row.read_seq) for row in rows}

    def _position(self, topic: str) -> int:
        with self._pair.database.reading() as connection:
            known = load_reference(connection, self._world.organization["Id"], f"replay {topic}")
        return log.bare_position(known[1]) if known else 0

    def forget(self) -> None:
        """An old copy of the database was put back."""
        self._due.clear()
        self._stamps.clear()

    def again(self) -> None:
        """Everything that was ever told comes once more, twice and in another order (I14)."""
        told = [self._change(each["schema"], each["payload"], b"") for each in self._world.events["log"]] * 2
        self.chance.shuffle(told)
        for name in [*self._engines.mapping.readings(), LINES]:
            mine = [change for change in told if change.object == name]
            listener = self._listener(name)
            for start in range(0, len(mine), ASKED_MAX):
                listener.absorb(Received(tuple(mine[start : start + ASKED_MAX]), b"", ASKED_MAX))


class Subscription:
    """One stream. It opens a moment after it was asked for, as one over gRPC does."""

    def __init__(self, way: Listeners, caller: Mapping[str, str], topic: str, position: bytes | None) -> None:
        self._way = way
        self._caller = caller
        self._asked: dict[str, Any] = {"topic_name": topic, "replay_preset": "LATEST"}
        self._pending = ASKED_MAX
        self._spoke = way.machine.now
        self._last: Received | None = None
        self._ended: StreamEnded | None = None
        if position is not None:
            self._go_on_from(position)
        else:
            way.machine.later(way.chance.uniform(0, OPENS_WITHIN_S), f"{topic} is listened to", self._begin)

    def ask(self, number: int) -> None:
        """Let so many more changes come."""
        self._pending = min(ASKED_MAX, self._pending + number)

    def receive(self, timeout_s: float) -> Received | None:  # noqa: ARG002 - who stands still misses it
        """What came, None where nothing came. Raises ``StreamEnded``."""
        way, chance = self._way, self._way.chance
        way.machine.pause("waits for events", chance.uniform(*WAITS_S))
        if self._ended or chance.random() < END_RATE:
            raise self._ended or StreamEnded(chance.choice(ENDS), "so the draw has it")
        if self._last and chance.random() < TWICE_RATE:
            return self._last
        if "replay_id" not in self._asked or not self._pending or chance.random() < LATE_RATE:
            return None
        received = way.fetch(self._caller, {**self._asked, "num_requested": self._batch()})
        idle_s = (way.machine.now - self._spoke).total_seconds()
        if not received.changes and idle_s < KEEPALIVE_S:
            return None
        self._pending -= len(received.changes)
        self._spoke = way.machine.now
        self._go_on_from(received.latest)
        way.delivered(self._asked["topic_name"], received)
        self._last = replace(received, pending=self._pending)
        return self._last

    def close(self) -> None:
        """Leave the stream."""

    def _batch(self) -> int:
        return min(self._pending, self._way.chance.randrange(1, BATCH_MAX))

    def _begin(self) -> None:
        try:
            self._go_on_from(self._way.fetch(self._caller, {**self._asked, "num_requested": 1}).latest)
        except StreamEnded as ended:
            self._ended = ended

    def _go_on_from(self, position: bytes) -> None:
        self._asked |= {"replay_preset": "CUSTOM", "replay_id": b64encode(position).decode()}
