"""One history: a seed from its first fault to its fixpoint."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

from crossfoot.core.errors import CrossfootError, Defect
from crossfoot.engine.planner import REFUSED_AGAIN_AFTER
from crossfoot.engine.runs import sync
from crossfoot.engine.session import Session, make_session

from .bugs import planted
from .machine import Machine, Violation
from .oracles import Oracles
from .people import Desks, Ledger, People
from .wire import COMMITTED, FAULTS, LATE_S_MAX, QuietWire, Wire
from .world import CLOCK, KEY, Pair, copy_pair, template

ROUNDS_MAX = 3
KILL_WEIGHT = 5  # between the vendor's commit and our own is where a death is worst
FOLLOW_UP_RATE = 0.02
CHAOS_S = (1200.0, 3000.0)


class HistoryFailed(AssertionError):
    """A seed broke an oracle; the message tells how to run it alone."""

    def __init__(self, seed: int, bug: str, cause: BaseException, tail: str) -> None:
        again = f"python -m tests.simulation.run --seed {seed}" + (f" --bug {bug!r}" if bug else "")
        super().__init__(f"seed {seed}: {type(cause).__name__}: {cause}\n{tail}\nrun it alone: {again}")
        self.cause = cause


@dataclass(slots=True)
class Outcome:
    """What a history that held came to."""

    seed: int
    trace_hash: str
    kills: int
    rounds: int
    residual: int
    faults: Mapping[str, int] = field(default_factory=dict)
    acts: Mapping[str, int] = field(default_factory=dict)
    runs: int = 0
    runs_ended_early: int = 0
    adopted: int = 0


def run_history(seed: int, bug: str = "") -> Outcome:
    """Run one seed. Raises HistoryFailed."""
    made = template(QuietWire)
    machine = Machine(seed, CLOCK)
    history = _History(machine, copy_pair(made, lambda: machine.now, machine.pause))
    try:
        with planted(bug, machine) if bug else nullcontext():
            return history.run(seed)
    except Exception as error:
        raise HistoryFailed(seed, bug, error, machine.trace.tail()) from error
    finally:
        machine.close()


class _History:
    def __init__(self, machine: Machine, pair: Pair) -> None:
        self.machine = machine
        self.pair = pair
        self.ledger = Ledger()
        emulators = {"salesforce": pair.salesforce, "xero": pair.xero}
        desks = Desks(emulators)
        self.oracles = Oracles(pair, desks, self.ledger)
        self.people = People(machine, desks, self.ledger)
        self.wire = Wire(machine, emulators, self.oracles)
        self.runs = self.ended_early = self.adopted = 0
        raw = pair.database.engine.raw_connection().driver_connection
        assert isinstance(raw, sqlite3.Connection)
        self._raw = raw

    def run(self, seed: int) -> Outcome:
        self._chaos()
        rounds = self._heal()
        self.oracles.at_rest()
        return Outcome(
            seed,
            self.machine.trace.hash,
            self.machine.kills,
            rounds,
            self.oracles.residual,
            self.wire.struck,
            self.ledger.counts,
            self.runs,
            self.ended_early,
            self.adopted,
        )

    def _session(self) -> Session:
        return make_session(
            self.pair.database, self.pair.mapping, lambda: KEY, host=self.machine.host(), transport=self.wire
        )

    def _chaos(self) -> None:
        """Faults, kills and people, each seed with its own mix; some seeds have none of one sort."""
        machine, chance = self.machine, self.machine.chance
        strength = chance.choice((0.0, 0.01, 0.04))
        chosen = [name for name in FAULTS if chance.random() < 0.5]
        self.wire.rates = {name: strength * chance.uniform(0.3, 2) for name in chosen} if strength else {}
        self.wire.slowest_s = chance.choice((0.2, 1.5, 4.0))
        kill_rate = chance.choice((0.0, 0.002, 0.01))
        act_rate = chance.choice((0.005, 0.02, 0.06))
        machine.note(f"chaos: faults {strength}, kills {kill_rate}, people {act_rate}")

        def at_seam(seam: str) -> bool:
            assert not self._raw.in_transaction, "a seam inside a transaction"
            if chance.random() < act_rate:
                machine.note(self.people.act())
            if chance.random() < FOLLOW_UP_RATE and (done := self.people.follow_up()):
                machine.note(done)
            return chance.random() < kill_rate * (KILL_WEIGHT if seam == COMMITTED else 1)

        machine.at_every_seam = at_seam
        until = machine.now.timestamp() + chance.uniform(*CHAOS_S)
        while machine.now.timestamp() < until:
            for _ in range(chance.randrange(3)):
                machine.note(self.people.act())
            machine.run(self._engine, "engine")
            machine.advance(chance.uniform(1, 600))

    def _engine(self) -> None:
        """One ``sync``, as a schedule would start it; a message to a person ends it and no more."""
        self.runs += 1
        try:
            report = sync(self._session())
        except Defect:
            raise
        except CrossfootError as error:
            self.ended_early += 1
            self.machine.note(f"run ended: {type(error).__name__}: {str(error)[:80]}")
        else:
            self.adopted += report.applied.adopted

    def _heal(self) -> int:
        """Faults and people stop; what is under way arrives; within three rounds a run finds nothing to write.

        Between the first round and the others a day passes: what was refused is tried again only then.
        """
        machine, wire = self.machine, self.wire
        machine.at_every_seam = lambda _name: False
        wire.rates, wire.slowest_s = {}, 0.2
        machine.note("heal")
        machine.advance(LATE_S_MAX + 60)
        machine.run(self._round, "engine")
        machine.advance(REFUSED_AGAIN_AFTER.total_seconds())
        for done in range(ROUNDS_MAX + 1):
            before = wire.writes
            machine.run(self._round, "engine")
            if wire.writes == before:
                return done
            machine.advance(300)
        raise Violation(f"I6: still writing in round {ROUNDS_MAX + 1} after the last fault and the last edit")

    def _round(self) -> None:
        sync(self._session())
