"""One history: a seed from its first fault to its fixpoint."""

from __future__ import annotations

import gc
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from crossfoot.core.recovery import REFUSED_AGAIN_AFTER

from .bugs import planted
from .deeds import CHANGE_DRAFTED, EDIT_NEW, GIVE, MERGES, VANISH, deeds_of, edit_alone, leaning
from .engines import Engines, database_clock
from .hints import Hints
from .listeners import Listeners
from .machine import GOES_ON, Actor, Fate, Machine, Violation
from .operators import Operators
from .oracles import Oracles
from .people import Desks, Ledger, People
from .rare import Reached
from .rest import Rest
from .shared import SALESFORCE, XERO
from .vendor_faults import SAME_SECOND
from .wire import COMMITTED, LATE_S_MAX, WRITTEN, QuietWire, Wire, fault_rates
from .world import CLOCK, PLAIN, Pair, Ways, copy_pair, running, template

ROUNDS_MAX = 3
# Around the steps of a write is where a death is worst: between the vendor's commit and our own above all.
KILL_WEIGHTS = {"write ": 120, "commit reserve": 120, "commit call": 60, "commit outcome": 120, "commit verified": 120}
KILL_WEIGHTS |= {"commit write-back": 30, "send xero P": 60, "answered xero P": 60, "commit adopt": 60}
KILL_WEIGHTS |= {"commit hinted records": 30, "commit hints done": 30}
KILL_WEIGHTS |= {"commit grant": 60, "commit payment": 60, "commit run ended": 30}
ROUND_S_MAX = 1_200.0
AGAIN_S_MAX = 120.0
NEW_TOKENS = "xero POST token"
LAST_LINES = 8  # of a trace: more than lie between new tokens and their commit
FOLLOW_UP_RATE = 0.04
FIRST_DAY_SHARE = 0.4  # of the seeds begin before the first run ever, the others in a running business
TWO_WAY_SHARE = 0.6
PAYMENTS_SHARE = 0.5
RESTORES_SHARE = 0.15
MERGES_SHARE = 0.2
HINTS_SHARE = 0.4
LISTENS_SHARE = 0.3
BRAKE_SHARE = 0.25
ABROAD_SHARE = 0.25
GIVES_SHARE = 0.25
GIVE_RATE = 0.003  # at each seam
LEANS_SHARE = 0.4  # of the seeds have much of some deeds, and of faults of one sort of write
VANISHING_SHARE = 0.5  # of the rounds of those
SERIES_SHARE = 0.5  # of the seeds begin before the first run number invoices from a series
DRAFTED_SHARE = 0.8  # of the rounds begin with a change to a deal whose invoice is a draft
EDIT_NEW_RATE = 0.6  # of the writes that were just done, as far as one made or changed a draft
MERGE_RATE = 0.002  # at each seam
PEOPLE_SHARE = 0.5  # of the two-way seeds without merges
OPERATORS_SHARE = 0.6  # of the pauses between runs
DAYS_SHARE = 0.03  # of those are days long
CHAOS_ROUNDS = (3, 9)
STANDS_STILL_S = (30.0, 900.0)
ROOT = Path(__file__).parents[2]


class HistoryFailed(AssertionError):
    """A seed broke an oracle; the message tells how to run it alone."""

    def __init__(self, seed: int, bug: str, cause: BaseException, tail: str) -> None:
        again = f"python -m tests.simulation.run --seed {seed}" + (f" --bug {bug!r}" if bug else "")
        super().__init__(
            f"seed {seed}, commit {commit()}: {type(cause).__name__}: {cause}\n{tail}\nrun it alone: {again}"
        )
        self.cause = cause


@cache
def commit() -> str:
    """The commit that the checkout stands on; a plus where files differ from it."""
    asked = ["git", "--no-optional-locks", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


@contextmanager
def collecting_afterwards() -> Iterator[None]:
    """A history makes many objects and few cycles: to look for these while it runs takes a quarter of its time, and
    among what was there before it there are none to find."""
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()
        gc.enable()


@dataclass(slots=True)
class Outcome:
    """What a history that held came to."""

    seed: int
    trace_hash: str
    kills: int
    pauses: int
    rounds: int
    residual: int
    faults: Mapping[str, int] = field(default_factory=dict)
    acts: Mapping[str, int] = field(default_factory=dict)
    reached: Mapping[str, int] = field(default_factory=dict)
    ended_early: Mapping[str, int] = field(default_factory=dict)
    runs: int = 0
    adopted: int = 0
    documents: int = 0
    virtual_s: int = 0


@collecting_afterwards()
def run_history(seed: int, bug: str = "") -> Outcome:
    """Run one seed. Raises HistoryFailed."""
    machine = Machine(seed, CLOCK)
    first_day = machine.chance.random() < FIRST_DAY_SHARE
    abroad = machine.selling.random() < ABROAD_SHARE
    made = (template if first_day else running)(QuietWire, abroad=abroad)
    ways = Ways(two_way=machine.chance.random() < TWO_WAY_SHARE, payments=machine.chance.random() < PAYMENTS_SHARE)
    ways = replace(ways, merges=machine.aside.random() < MERGES_SHARE)
    ways = replace(ways, series=first_day and machine.aside.random() < SERIES_SHARE)
    ways = replace(ways, hints=machine.aside.random() < HINTS_SHARE, brake=machine.aside.random() < BRAKE_SHARE)
    peopled = ways.two_way and not ways.merges and machine.beside.random() < PEOPLE_SHARE
    ways = replace(ways, people=peopled, listens=machine.listening.random() < LISTENS_SHARE)
    ways = replace(ways, abroad=abroad, gives=machine.selling.random() < GIVES_SHARE)
    history = History(machine, copy_pair(made, lambda: machine.now, machine.pause, ways), ways)
    try:
        with ExitStack() as stack:
            stack.enter_context(database_clock(machine))
            if bug:
                stack.enter_context(planted(bug, machine))
            if machine.chance.random() < RESTORES_SHARE:
                history.operators.restores = True
                if machine.chance.random() < 0.7:
                    history.engines.anchor_path = Path(stack.enter_context(TemporaryDirectory())) / "anchor"
            return history.run(seed)
    except Exception as error:
        raise HistoryFailed(seed, bug, error, machine.trace.tail()) from error
    finally:
        machine.close()


@cache
def _kill_weight(seam: str) -> int:
    return next((weight for start, weight in KILL_WEIGHTS.items() if seam.startswith(start)), 1)


class History:
    """One pair of worlds, the engines that work on it, the people, and the oracles that look on."""

    def __init__(self, machine: Machine, pair: Pair, ways: Ways = PLAIN) -> None:
        self.machine = machine
        self.pair = pair
        self.ways = ways
        self.ledger = Ledger()
        emulators = {"salesforce": pair.salesforce, "xero": pair.xero}
        desks = Desks(emulators)
        self.reached = Reached()
        leans = machine.leaning.random() < LEANS_SHARE
        deeds = deeds_of(ways)
        self.people = People(machine, desks, self.ledger, leaning(deeds, machine.leaning) if leans else deeds)
        self.oracles = Oracles(machine, pair, desks, self.ledger, self.people.shared, self.reached)
        self.rest = Rest(pair, desks, self.ledger, self.people.shared, self.oracles)
        self.wire = Wire(machine, emulators, self.oracles, machine.leaning.choice(WRITTEN) if leans else "")
        self.engines = Engines(machine, pair, self.wire)
        self.engines.told = self._told
        shared = self.people.shared
        self.operators = Operators(machine, pair, self.engines, self.wire, self.ledger, shared, self.reached)
        self.hints = Hints(machine, pair, self.reached)
        self.listeners = Listeners(machine, pair, self.engines, desks, self.reached, self.wire.struck)
        self.operators.restored = self._restored
        self._round_began = machine.now
        self.oracles.may_write = lambda: self.engines.writer
        raw = pair.database.engine.raw_connection().driver_connection
        assert isinstance(raw, sqlite3.Connection)
        self._raw = raw

    def run(self, seed: int) -> Outcome:
        """Chaos, heal, rest; what it came to."""
        self._chaos()
        rounds = self.heal()
        self.rest.check()
        self.rest.check_decisions(self.operators.decided)
        if not (self.machine.kills or self.machine.pauses or self.wire.struck):
            self.rest.check_echoes()
        if self.ways.hints or self.ways.listens:
            self._hear_again()
        self.machine.run(("tie-out", self._tie_out))
        self.reached.read(self.machine, self.wire.struck, self.rest)
        work = self.engines.work
        return Outcome(
            seed,
            self.machine.trace.hash,
            self.machine.kills,
            self.machine.pauses,
            rounds,
            self.oracles.residual,
            self.wire.struck,
            self.ledger.counts,
            self.reached.counts,
            work.ended_early,
            work.runs,
            work.adopted,
            self.rest.documents,
            int((self.machine.now - CLOCK).total_seconds()),
        )

    def _told(self, text: str) -> None:
        """A run ended, with or without a message."""
        self.oracles.told(text)
        self.rest.check_watermarks(in_order=SAME_SECOND not in self.wire.struck)
        self.hints.seen_at = self.engines.seen_at
        self.hints.check()

    def _restored(self) -> None:
        """An old copy of the database was put back."""
        self.rest.forget()
        self.hints.forget()
        self.listeners.forget()
        self.ledger.vanished.clear()

    def _chaos(self) -> None:
        """Faults, kills and people, each seed with its own mix; some seeds have none of one sort."""
        machine, chance = self.machine, self.machine.chance
        strength = chance.choice((0.0, 0.004, 0.015))
        self.wire.rates = fault_rates(chance, strength)
        self.wire.slowest_s = chance.choice((0.2, 1.5, 4.0))
        kill_rate = chance.choice((0.0, 0.0003, 0.001))
        still_rate = chance.choice((0.0, 0.004))
        act_rate = chance.choice((0.01, 0.03, 0.08))
        second_rate = chance.choice((0.0, 0.5))
        self.engines.distributed = chance.random() < 0.5
        self.engines.skew = timedelta(seconds=chance.choice((0, 0, 0, -600, 600)))
        machine.note(
            f"chaos: faults {strength}, kills {kill_rate}, people {act_rate}, standing still {still_rate}, "
            f"second engine {second_rate}, leases {self.engines.distributed}, skew {self.engines.skew}, "
            f"deeds {len(self.people.deeds)}"
        )

        def at_seam(actor: Actor) -> Fate:
            assert not self._raw.in_transaction, "a seam inside a transaction"
            lingers_s = self.listeners.at_seam(actor) if self.ways.listens else 0.0
            with self.listeners.befalling():
                self._people_at_seam(actor, act_rate)
            if chance.random() < kill_rate * _kill_weight(actor.seam):
                self.operators.tokens_lost |= any(NEW_TOKENS in line for line in machine.trace.lines[-LAST_LINES:])
                return Fate(dies=True)
            if not lingers_s:
                lingers_s = chance.uniform(*STANDS_STILL_S) if chance.random() < still_rate else 0.0
            elapsed_s = (machine.now - self._round_began).total_seconds()
            if elapsed_s + lingers_s > ROUND_S_MAX:
                return GOES_ON
            return Fate(stands_still_s=lingers_s) if lingers_s else GOES_ON

        if self.ways.hints:
            self.hints.subscribe()
        if self.ways.listens:
            self.listeners.subscribe()
        machine.at_every_seam = at_seam
        died = False
        for _ in range(chance.randrange(*CHAOS_ROUNDS)):
            died = self._chaos_round(second_rate, soon=died)

    def _chaos_round(self, second_rate: float, *, soon: bool) -> bool:
        """Engines and listeners beside each other, and what people do before and after; ``soon``: an engine starts at
        once. Answers whether somebody died: who did is started again soon, since where a token was not kept the used
        one works for half an hour (XERO 1.5)."""
        machine, chance = self.machine, self.machine.chance
        for _ in range(chance.randrange(5)):
            machine.note(self.people.act())
        if self._brakes() and machine.aside.random() < VANISHING_SHARE:
            machine.note(self.people.do(VANISH))
        if machine.aside.random() < DRAFTED_SHARE:
            machine.note(self.people.do(CHANGE_DRAFTED))
        late = self.ways.listens and self.listeners.comes_first() and not soon
        engines = [("engine", self.engines.later_body if late else self.engines.body)]
        if chance.random() < second_rate:
            engines.append(("second engine", self.engines.later_body))
        if self.ways.hints:
            engines.append(("receiver", self.hints.body))
        if self.ways.listens:
            engines += self.listeners.bodies()
        began, killed = machine.now, machine.kills
        self._round_began = began
        machine.run(*engines)
        self.hints.check()
        died = machine.kills > killed
        machine.advance(chance.uniform(1, AGAIN_S_MAX if died else 600))
        if chance.random() < OPERATORS_SHARE:
            self.operators.act()
        if chance.random() < DAYS_SHARE and self.engines.seen_at >= began and not died:
            machine.advance(timedelta(days=chance.choice((1, 1, 3))).total_seconds())
        return died

    def _people_at_seam(self, actor: Actor, act_rate: float) -> None:
        """What people do while an engine is on its way."""
        machine, chance = self.machine, self.machine.chance
        if chance.random() < act_rate:
            machine.note(self.people.act())
        if self.ways.merges and machine.aside.random() < MERGE_RATE:
            machine.note(self.people.do(machine.aside.choice(MERGES)))
        if self.ways.gives and machine.selling.random() < GIVE_RATE:
            machine.note(self.people.do(GIVE))
        self._edit_new(actor)
        if chance.random() < FOLLOW_UP_RATE and (done := self.people.follow_up()):
            machine.note(done)

    def _brakes(self) -> bool:
        """Whether the brake is on, and nobody has taken it off."""
        return self.ways.brake and self.engines.mapping is self.pair.mapping

    def heal(self) -> int:
        """Faults and people stop, but for one who edits a customer; what is under way arrives; within three rounds a
        run finds nothing to write.

        The last edits are made to what the first of these runs writes, in the moment in which it does.
        Between the first round and the others a day passes: what was refused is tried again only then.
        """
        machine, wire = self.machine, self.wire
        machine.at_every_seam = self._edit_new
        wire.rates, wire.slowest_s = {}, 0.2
        machine.note("heal")
        machine.advance(LATE_S_MAX + 60)
        self.operators.finish()
        side = machine.chance.choice((SALESFORCE, XERO))
        self._edit_alone(side)
        self._run_unbraked()
        if self.operators.connect():
            self._run_unbraked()
        machine.at_every_seam = lambda _actor: GOES_ON
        self._edit_alone(side)
        machine.advance(REFUSED_AGAIN_AFTER.total_seconds())
        self.operators.finish()  # a day's limit may have held it off
        if self._brakes():  # the first run may have ended before it saw how much was gone
            self._run_unbraked()
        for done in range(ROUNDS_MAX + 1):
            before: Any = (wire.writes, self.rest.queue())
            machine.run(("engine", self._round))
            if (wire.writes, self.rest.queue()) == before:
                return done
            machine.advance(300)
        raise Violation(f"I6: still changing something in round {ROUNDS_MAX + 1} after the last fault and edit")

    def _edit_alone(self, side: str) -> None:
        """An edit that nothing disturbs; a second one once the first was told has to follow it unasked (I17)."""
        if self.ways.two_way:
            self.machine.note(edit_alone(self.people, side))

    def _edit_new(self, actor: Actor) -> Fate:
        """Now and then finance edit a draft as it is made or changed: the read-back must find that out."""
        if actor.seam == f"write {COMMITTED}" and self.machine.aside.random() < EDIT_NEW_RATE:
            self.machine.note(self.people.do(EDIT_NEW))
        return GOES_ON

    def _run_unbraked(self) -> None:
        """A run; where the brake holds it somebody takes it off, and it runs again."""
        self.operators.release()
        self.machine.run(("engine", self.engines.body))
        if self.operators.release():
            self.machine.run(("engine", self.engines.body))

    def _round(self) -> None:
        self.engines.sync()

    def _hear_again(self) -> None:
        """I14: whatever became of webhooks and events, however often they come again, both sides stay as they are."""
        before = self.wire.writes, self.rest.queue()
        if self.ways.hints:
            self.hints.again()
        if self.ways.listens:
            self.listeners.again()
        self.machine.run(("engine", self._round))
        if (self.wire.writes, self.rest.queue()) != before:
            raise Violation("I14: webhooks or events that came again changed something")

    def _tie_out(self) -> None:
        """I8: the product's own proof agrees that nothing is left over."""
        if self.engines.tie_out():
            raise Violation("I8: the tie-out leaves an amount unexplained")
