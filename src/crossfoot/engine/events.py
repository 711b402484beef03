"""Listening to the org's change events: hints that make a change known within seconds. Sweeps stay what is relied on.

A hint's records are read over REST and stored as a sweep would store them, in one transaction with the replay id that
they came with: after a crash the same hints come again. Our own writes come back too and fall out as unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event

from crossfoot.core.errors import RetryLater
from crossfoot.core.recovery import backoff_s
from crossfoot.engine.describes import shapes
from crossfoot.engine.observe import Observed, row_versions, sweep_object
from crossfoot.engine.session import Session
from crossfoot.mapping.compiled import Reading
from crossfoot.salesforce import requests as sf
from crossfoot.salesforce import soql
from crossfoot.salesforce.changes import TOPIC, Again, Look, Received, Stream, StreamEnded, after_end, where_to_look
from crossfoot.store.versions import ReadCounts, Version, load_reference, next_seq, save_reference, save_versions

SILENCE_S_MAX = 300.0
"""An idle server speaks within 270 s: after this a stream that looks open is taken for dead (SF 5.2)."""
RECEIVE_S = 5.0
ASKED_MAX = 100
ASK_AGAIN_BELOW = 50
PARK_S = 3600.0
_POSITION = f"replay {TOPIC}"

Subscribe = Callable[[bytes | None], Stream]
"""Open a stream behind a replay id; None: only what is new."""


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


def listen(session: Session, subscribe: Subscribe, stop: Event, on_change: Callable[[], None] = lambda: None) -> Heard:
    """Follow the org's changes until ``stop`` is set; ``on_change`` is told when records are not as they were.

    The session is this listener's own. What ends a stream never ends the listener: it resumes, recovers or waits.
    """
    return Listener(session, subscribe, on_change).run(stop)


@dataclass(slots=True)
class Listener:
    """One org's listener. ``follow`` is one stream's life, from which ``run`` decides how to go on."""

    session: Session
    subscribe: Subscribe
    on_change: Callable[[], None] = lambda: None
    heard: Heard = field(default_factory=Heard)
    _failures: int = 0
    _recover: bool = False

    def run(self, stop: Event) -> Heard:
        """Stream after stream."""
        while not stop.is_set():
            try:
                self.follow(stop)
            except StreamEnded as ended:
                self._after(after_end(ended.code), str(ended), stop)
            except RetryLater as later:
                self._wait(max(later.after_s, 1.0), str(later), stop)
            self.heard.resubscribed += not stop.is_set()
        return self.heard

    def follow(self, stop: Event) -> None:
        """One stream: from where the last one was stored, or from now on with a sweep of what went before."""
        position = None if self._recover else self._position()
        stream = self.subscribe(position)
        try:
            if position is None:  # first the stream, then the sweep: nothing falls between them
                self._sweep(self.session.mapping.readings())
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
        session, readings = self.session, self.session.mapping.readings()
        lines = self._lines(readings)
        look = where_to_look(received.changes, frozenset({*readings, *lines}))
        with session.database.writing("hints") as connection:
            read_seq = next_seq(connection)
        versions = self._read(look, readings, lines)
        self._sweep({name: readings[lines.get(name, name)] for name in look.sweep})
        with session.database.writing("hinted records") as connection:
            counts = save_versions(connection, read_seq, versions) if versions else ReadCounts(0, 0, 0)
            if received.latest:
                save_reference(connection, session.org_id, _POSITION, received.latest, session.host.now())
        self.heard.changes += len(received.changes)
        self.heard.own += sum(change.is_own for change in received.changes)
        self.heard.changed += counts.changed
        if counts.changed:
            self.on_change()

    def _read(self, look: Look, readings: Mapping[str, Reading], lines: Mapping[str, str]) -> list[Version]:
        """The records hinted at; a line's hint means the deal that it belongs to."""
        wanted: dict[str, dict[str, None]] = {}
        for name, ids in look.ids.items():
            found = self._parents(name, lines[name], ids) if name in lines else ids
            wanted.setdefault(lines.get(name, name), {}).update(dict.fromkeys(found))
        versions = []
        for name, records in wanted.items():
            ids = tuple(records)
            for start in range(0, len(ids), soql.IDS_PER_QUERY):
                versions += row_versions(self.session, readings[name], ids[start : start + soql.IDS_PER_QUERY])
        return versions

    def _parents(self, line: str, deal: str, ids: tuple[str, ...]) -> list[str]:
        reading = self.session.mapping.readings()[deal]
        shape = shapes(self.session, [deal])[deal]
        child = shape.children.get(reading.lines) if shape else None
        if child is None:
            return []
        found = []
        for start in range(0, len(ids), soql.IDS_PER_QUERY):
            chunk = soql.one_of("Id", ids[start : start + soql.IDS_PER_QUERY])
            query = soql.select(["Id", child[1]], line, where=chunk)
            page = sf.decode_query(self.session.salesforce.read(sf.query(query, deleted=True)).body)
            found += [row[child[1]] for row in page.rows]
        return found

    def _lines(self, readings: Mapping[str, Reading]) -> dict[str, str]:
        """Objects that are lines of another -> that other."""
        seen = shapes(self.session, readings)
        return {
            shape.children[reading.lines][0]: name
            for name, reading in readings.items()
            if reading.lines and (shape := seen[name]) is not None and reading.lines in shape.children
        }

    def _sweep(self, readings: Mapping[str, Reading]) -> None:
        observed = Observed()
        for reading in {reading.object: reading for reading in readings.values()}.values():
            sweep_object(self.session, reading, observed)
            self.heard.swept += 1
        if observed.changed:
            self.heard.changed += observed.changed
            self.on_change()

    def _position(self) -> bytes | None:
        with self.session.database.reading() as connection:
            known = load_reference(connection, self.session.org_id, _POSITION)
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
