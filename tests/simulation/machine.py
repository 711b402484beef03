"""One thread, one virtual clock, one baton: actors run from seam to seam, and the seed says what happens at each seam.

An actor is a greenlet. At a seam (a commit, a byte that leaves, an answer, a sleep) it hands the baton back; the
scheduler notes the seam, moves the clock, lets people act, and then lets the actor go on, or never again. A killed
actor is kept referenced until its seed ends: unwinding it would run ``finally`` blocks, which kill -9 does not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from heapq import heappop, heappush

from greenlet import GreenletExit, getcurrent, greenlet

from crossfoot.engine.host import Host

STEPS_MAX = 60_000


class Violation(AssertionError):
    """An oracle was broken; the message begins with the invariant's id."""


@dataclass(slots=True)
class Trace:
    """What happened, in order: seams, decisions and virtual instants. Its hash is the same for the same seed."""

    lines: list[str] = field(default_factory=list)

    def note(self, now: datetime, text: str) -> None:
        """Add one line."""
        self.lines.append(f"{now:%d %H:%M:%S.%f} {text}")

    @property
    def hash(self) -> str:
        """A digest of all of it."""
        return sha256("\n".join(self.lines).encode()).hexdigest()

    def tail(self, count: int = 60) -> str:
        """The last part, for a failure's message."""
        return "\n".join(self.lines[-count:])


class Machine:
    """The scheduler: clock, chance, trace, requests still under way, and the actors."""

    def __init__(self, seed: int, start: datetime) -> None:
        self.chance = random.Random(f"events of {seed}")
        self.now = start
        self.trace = Trace()
        self.at_every_seam: Callable[[str], bool] = lambda _name: False
        self.kills = 0
        self._ids = random.Random(f"ids of {seed}")
        self._due: list[tuple[datetime, int, str, Callable[[], None]]] = []
        self._steps = self._scheduled = 0
        self._main = getcurrent()
        self._dead: list[greenlet] = []
        self._over = False

    def host(self) -> Host:
        """The machine as an engine sees it."""
        return Host(
            now=lambda: self.now,
            sleep=lambda seconds: self.pause("sleeps", seconds),
            new_id=lambda: f"{self._ids.getrandbits(128):032x}",
            jitter=self._ids.random,
            point=self.pause,
        )

    def pause(self, name: str, seconds: float = 0.0) -> None:
        """A seam: called within an actor, it gives the baton back. Outside of one, time passes and nothing else."""
        if self._over:
            raise GreenletExit
        if getcurrent() is self._main:
            self.advance(seconds)
        else:
            self._main.switch((name, seconds))

    def note(self, text: str) -> None:
        """Add a line to the trace."""
        self.trace.note(self.now, text)

    def later(self, seconds: float, what: str, act: Callable[[], None]) -> None:
        """Let something happen on its own after a while: a request that is still under way."""
        self._scheduled += 1
        heappush(self._due, (self.now + timedelta(seconds=seconds), self._scheduled, what, act))

    def advance(self, seconds: float) -> None:
        """Let time pass; what is due on the way happens at its own instant."""
        until = self.now + timedelta(seconds=seconds)
        while self._due and self._due[0][0] <= until:
            at, _, what, act = heappop(self._due)
            self.now = max(self.now, at)
            self.note(what)
            act()
        self.now = max(self.now, until)

    def run(self, body: Callable[[], None], name: str) -> bool:
        """Run an actor until it ends (True) or is killed (False). What it raises is raised here."""
        self.note(f"{name} starts")
        actor = greenlet(body)
        while True:
            beat = actor.switch()
            if actor.dead:
                return True
            seam, seconds = beat
            self._steps += 1
            if self._steps > STEPS_MAX:
                raise Violation(f"I23: more than {STEPS_MAX} seams in one history")
            self.note(seam)
            self.advance(seconds)
            if self.at_every_seam(seam):
                self.note(f"{name} is killed")
                self.kills += 1
                self._dead.append(actor)
                return False

    def close(self) -> None:
        """End the seed: only now are killed actors unwound, and every seam on their way out ends them again."""
        self._over = True
        for actor in self._dead:
            actor.throw(GreenletExit)
        self._dead.clear()
