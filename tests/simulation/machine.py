"""One thread, one virtual clock, one baton: actors run from seam to seam, and the seed says what happens at each seam.

An actor is a greenlet. At a seam (a commit, a byte that leaves, an answer, a sleep) it hands the baton back; the
scheduler notes the seam, lets people act, and decides what becomes of the actor: it goes on once its time has come, or
stands still for a while, or never goes on. Which of several actors is next is the seed's choice where both could be. A
killed actor is kept referenced until its seed ends: unwinding it would run ``finally`` blocks, which kill -9 does not.
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

STEPS_MAX = 30_000


class Violation(AssertionError):
    """An oracle was broken; the message begins with the invariant's id."""


@dataclass(slots=True)
class Trace:
    """What happened, in order: seams, decisions and virtual instants. Its hash is the same for the same seed."""

    lines: list[str] = field(default_factory=list)

    def note(self, now: datetime, text: str) -> None:
        """Add one line."""
        self.lines.append(f"{now.isoformat(sep=' ')} {text}")

    @property
    def hash(self) -> str:
        """A digest of all of it."""
        return sha256("\n".join(self.lines).encode()).hexdigest()

    def tail(self, count: int = 60) -> str:
        """The last part, for a failure's message."""
        return "\n".join(self.lines[-count:])


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an actor at a seam: it dies, or it stands still for a while, or neither."""

    dies: bool = False
    stands_still_s: float = 0.0


GOES_ON = Fate()


@dataclass(eq=False, slots=True)
class Actor:
    """Something that runs from seam to seam: an engine. ``wakes`` is when it may go on, ``seam`` where it stopped."""

    name: str
    greenlet: greenlet
    wakes: datetime
    seam: str = "starts"


class Machine:
    """The scheduler: clock, chance, trace, requests still under way, and the actors."""

    def __init__(self, seed: int, start: datetime) -> None:
        self.chance = random.Random(f"events of {seed}")
        self.now = start
        self.trace = Trace()
        self.at_every_seam: Callable[[Actor], Fate] = lambda _actor: GOES_ON
        self.kills = 0
        self.pauses = 0
        self.acting: Actor | None = None
        self.longest_sleep_s = 0.0
        self.aside = random.Random(f"asides of {seed}")  # what was added later draws from here: seeds keep their story
        self.beside = random.Random(f"more of {seed}")  # and what was added after that
        self.listening = random.Random(f"listening of {seed}")  # what change events add, and nothing else
        self.selling = random.Random(f"selling of {seed}")  # in which currency, and what is given away
        self.leaning = random.Random(f"leaning of {seed}")  # what a seed has more of than others
        self._ids = random.Random(f"ids of {seed}")
        self._due: list[tuple[datetime, int, str, Callable[[], None]]] = []
        self._steps = self._scheduled = 0
        self._main = getcurrent()
        self._live: list[Actor] = []
        self._dead: list[Actor] = []
        self._over = False

    def host(self, skew: timedelta = timedelta(0)) -> Host:
        """The machine as an engine sees it; ``skew`` is how far its clock is ahead of the vendors'."""
        return Host(
            now=lambda: self.now + skew,
            sleep=self._sleep,
            new_id=lambda: f"{self._ids.getrandbits(128):032x}",
            jitter=self._ids.random,
            point=self.pause,
        )

    def _sleep(self, seconds: float) -> None:
        self.longest_sleep_s = max(self.longest_sleep_s, seconds)
        self.pause("sleeps", seconds)

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
        self.trace.note(self.now, f"{self.acting.name}: {text}" if self.acting else text)

    def later(self, seconds: float, what: str, act: Callable[[], None]) -> None:
        """Let something happen on its own after a while: a request that is still under way."""
        self._scheduled += 1
        heappush(self._due, (self.now + timedelta(seconds=seconds), self._scheduled, what, act))

    def advance(self, seconds: float) -> None:
        """Let time pass; what is due on the way happens at its own instant."""
        self._advance_to(self.now + timedelta(seconds=seconds))

    def _advance_to(self, until: datetime) -> None:
        while self._due and self._due[0][0] <= until:
            at, _, what, act = heappop(self._due)
            self.now = max(self.now, at)
            self.note(what)
            act()
        self.now = max(self.now, until)

    def run(self, *bodies: tuple[str, Callable[[], None]]) -> None:
        """Run actors beside each other until each has ended or was killed. What one raises is raised here."""
        self._live = [Actor(name, greenlet(body), self.now) for name, body in bodies]
        while self._live:
            actor = self._next()
            self._advance_to(actor.wakes)
            if not self._goes_on(actor):
                self._live.remove(actor)

    def is_alive(self, actor: Actor) -> bool:
        """Whether it may still go on, be it standing still."""
        return actor in self._live

    def _next(self) -> Actor:
        soonest = min(actor.wakes for actor in self._live)
        ready = [actor for actor in self._live if actor.wakes <= max(soonest, self.now)]
        return ready[0] if len(ready) == 1 else self.chance.choice(ready)

    def _goes_on(self, actor: Actor) -> bool:
        """Let an actor run to its next seam; False once it has ended or is dead."""
        self.acting = actor
        try:
            if actor.seam == "starts":
                self.note("starts")
            beat = actor.greenlet.switch()
        finally:
            self.acting = None
        if actor.greenlet.dead:
            return False
        actor.seam, seconds = beat
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise Violation(f"I23: more than {STEPS_MAX} seams in one history")
        self.trace.note(self.now, f"{actor.name}: {actor.seam}")
        fate = self.at_every_seam(actor)
        if fate.dies:
            self.note(f"{actor.name} is killed")
            self.kills += 1
            self._dead.append(actor)
            return False
        if fate.stands_still_s:
            self.note(f"{actor.name} stands still for {fate.stands_still_s:.0f} s")
            self.pauses += 1
        actor.wakes = self.now + timedelta(seconds=seconds + fate.stands_still_s)
        return True

    def close(self) -> None:
        """End the seed: only now are killed actors unwound, and every seam on their way out ends them again."""
        self._over = True
        for actor in self._dead:
            actor.greenlet.throw(GreenletExit)
        self._dead.clear()
