"""Listening to the org's change events: hints that make a change known within seconds. Sweeps stay what is relied on.

A hint's records are read over REST and stored as a sweep would store them, in one transaction with the replay id that
they came with: after a crash the same hints come again. Our own writes come back too and fall out as unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event

from crossfoot.core.errors import NeedsPerson, Rejected, RetryLater
from crossfoot.core.recovery import backoff_s
from crossfoot.engine.reading.describes import shapes
from crossfoot.engine.reading.observe import Observed, row_versions, sweep_object
from crossfoot.engine.reading.position import is_current
from crossfoot.engine.session import Session
from crossfoot.mapping.compiled import Reading
from crossfoot.salesforce import requests as sf
from crossfoot.salesforce import soql
from crossfoot.salesforce.changes import Again, Received, Stream, StreamEnded, after_end, topic_of, where_to_look
from crossfoot.store.versions import ReadCounts, Version, load_reference, next_seq, save_reference, save_versions

SILENCE_S_MAX = 300.0
"""An idle server speaks within 270 s: after this a stream that looks open is taken for dead (SF 5.2)."""
RECEIVE_S = 5.0
ASKED_MAX = 100
ASK_AGAIN_BELOW = 50
PARK_S = 3600.0

Subscribe = Callable[[str, bytes | None], Stream]
"""Open a stream of a topic behind a replay id; None: only what is new."""


@dataclass(slots=True)
class Heard:
    """What a listener heard so far, for ``status`` and metrics. ``at`` is when the stream last gave a sign of life."""

    at: datetime | None = None
    changes: int = 0
    own: int = 0
    changed: int = 0
    resubscribed: int = 0
    swept: int = 0
    waits_for: str = ""


def watched(session: Session) -> list[str]:
    """Objects whose changes are worth following: what the mapping reads, and the lines of it. One listener for each."""
    readings = session.mapping.readings()
    return [*readings, *_lines(session, readings)]


def listen(
    session: Session, subscribe: Subscribe, stop: Event, name: str, on_change: Callable[[], None] = lambda: None
) -> Heard:
    """Follow one object's changes until ``stop`` is set; ``on_change`` is told when records are not as they were.

    The session is this listener's own. What ends a stream does not end the listener: it resumes, recovers or waits.
    Raises ``NeedsReauthorisation`` where access itself has ended.
    """
    return Listener(session, subscribe, name, on_change).run(stop)


def over_grpc(session: Session) -> Subscribe:
    """Streams of the Pub/Sub API, each opened with the token that is current then."""
    try:
        from crossfoot.salesforce import pubsub  # noqa: PLC0415 - an extra, and slow to load
    except ModuleNotFoundError:
        raise NeedsPerson("Listening to change events needs an extra: pip install 'crossfoot[cdc]'.") from None
    channel = pubsub.Channel(str(session.salesforce.connection.settings.get("pubsub") or pubsub.ENDPOINT))

    def subscribe(topic: str, position: bytes | None) -> Stream:
        token = session.salesforce.access().token.reveal()
        return channel.subscribe(pubsub.Caller(token, session.instance_url, session.org_id), topic, position)

    return subscribe


@dataclass(slots=True)
class Listener:
    """One object's listener. ``follow`` is one stream's life, from which ``run`` decides how to go on."""

    session: Session
    subscribe: Subscribe
    object: str
    on_change: Callable[[], None] = lambda: None
    heard: Heard = field(default_factory=Heard)
    _failures: int = 0
    _recover: bool = False

    def run(self, stop: Event) -> Heard:
        """Stream after stream."""
        while not stop.is_set():
            try:
                self._follow_to_its_end(stop)
            except RetryLater as later:
                self._wait(max(later.after_s, 1.0), str(later), stop)
            except Rejected as refused:  # runs meet it too, and tell it where it lasts
                self._wait(PARK_S, str(refused), stop)
            self.heard.resubscribed += not stop.is_set()
        return self.heard

    def _follow_to_its_end(self, stop: Event) -> None:
        try:
            self.follow(stop)
        except StreamEnded as ended:
            self._after(after_end(ended.code), str(ended), stop)

    def follow(self, stop: Event) -> None:
        """One stream: from where the last one was stored, or from now on with a sweep of what went before."""
        position = None if self._recover else self._position()
        stream = self.subscribe(topic_of(self.object), position)
        try:
            if position is None:  # first the stream, then the sweep: nothing falls between them
                self._sweep()
                self._recover = False
            self._receive(stream, stop)
        finally:
            stream.close()

    def _receive(self, stream: Stream, stop: Event) -> None:
        """Until the stream ends, or has been silent for too long."""
        now = self.session.host.now
        self.heard.at = now()
        while not stop.is_set():
            received = stream.receive(RECEIVE_S)
            if received is None:
                if now() - self.heard.at > timedelta(seconds=SILENCE_S_MAX):
                    return
                continue
            self.heard.at, self.heard.waits_for, self._failures = now(), "", 0
            self.absorb(received)
            if received.pending < ASK_AGAIN_BELOW:
                stream.ask(ASKED_MAX - received.pending)

    def absorb(self, received: Received) -> None:
        """Read what the hints point at and store it with the replay id, all or nothing."""
        session = self.session
        look = where_to_look(received.changes, frozenset({self.object}))
        with session.database.writing("hints") as connection:
            read_seq = next_seq(connection)
        versions = self._read(look.ids.get(self.object, ()))
        if look.sweep:
            self._sweep()
        with session.database.writing("hinted records") as connection:
            current = is_current(connection, session, self._reading()[0])
            counts = save_versions(connection, read_seq, versions) if versions and current else ReadCounts(0, 0, 0)
            if received.latest:
                save_reference(connection, session.org_id, self._key, received.latest, session.host.now())
        self.heard.changes += len(received.changes)
        self.heard.own += sum(change.is_own for change in received.changes)
        self._changed(counts.changed if current else len(versions))

    def _read(self, ids: Sequence[str]) -> list[Version]:
        """The records hinted at; a line's hint means the deal that it belongs to."""
        reading, parent_field = self._reading()
        wanted = self._parents(parent_field, ids) if parent_field else ids
        return [
            version
            for chunk in _chunks(list(dict.fromkeys(wanted)))
            for version in row_versions(self.session, reading, chunk)
        ]

    def _reading(self) -> tuple[Reading, str]:
        """What is read upon a hint, and for a line the field that leads to it."""
        readings = self.session.mapping.readings()
        if self.object in readings:
            return readings[self.object], ""
        deal, parent_field = _lines(self.session, readings)[self.object]
        return readings[deal], parent_field

    def _parents(self, parent_field: str, ids: Sequence[str]) -> list[str]:
        found = []
        for chunk in _chunks(ids):
            query = soql.select(["Id", parent_field], self.object, where=soql.one_of("Id", chunk))
            page = sf.decode_query(self.session.salesforce.read(sf.query(query, deleted=True)).body)
            found += [row[parent_field] for row in page.rows]
        return found

    def _sweep(self) -> None:
        """Sweep the object, unless the settings changed since this listener began: runs read it otherwise by now."""
        reading, observed = self._reading()[0], Observed()
        with self.session.database.reading() as connection:
            current = is_current(connection, self.session, reading)
        if current:
            sweep_object(self.session, reading, observed)
        self.heard.swept += current
        self._changed(observed.changed)

    def _changed(self, count: int) -> None:
        self.heard.changed += count
        if count:
            self.on_change()

    @property
    def _key(self) -> str:
        return f"replay {topic_of(self.object)}"

    def _position(self) -> bytes | None:
        with self.session.database.reading() as connection:
            known = load_reference(connection, self.session.org_id, self._key)
        return known[1] if known else None

    def _after(self, again: Again, words: str, stop: Event) -> None:
        """How to go on after an end; every way but a recovery waits, longer each time it fails."""
        self._failures += 1
        wait_s = backoff_s(self._failures, self.session.host.jitter())
        match again:
            case Again.RECOVER:
                self._recover, wait_s = True, 0.0
            case Again.RENEW:
                self.session.salesforce.renew()
            case Again.PARK | Again.ASK:
                wait_s = PARK_S
        self._wait(wait_s, words, stop)

    def _wait(self, wait_s: float, words: str, stop: Event) -> None:
        """In short pieces, so that ``stop`` is heard."""
        self.heard.waits_for = words
        until = self.session.host.now() + timedelta(seconds=wait_s)
        while not stop.is_set() and (left := (until - self.session.host.now()).total_seconds()) > 0:
            self.session.host.sleep(min(left, RECEIVE_S))


def _lines(session: Session, readings: Mapping[str, Reading]) -> dict[str, tuple[str, str]]:
    """Objects that are lines of another, with that other and the field that leads to it."""
    seen = shapes(session, readings)
    found = {}
    for name, reading in readings.items():
        shape = seen[name]
        if shape is not None and reading.lines in shape.children:
            child, parent_field = shape.children[reading.lines]
            found[child] = name, parent_field
    return found


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), soql.IDS_PER_QUERY):
        yield ids[start : start + soql.IDS_PER_QUERY]
