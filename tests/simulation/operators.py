"""What whoever runs Crossfoot does between runs: keep a copy of the database, put an old one back, answer conflicts.

A copy is put back when nothing is under way any more, as in life hours pass. Where the newest hash of the log is kept
outside the database, a run must refuse to write until the copy is taken as the database (I15, F24); it is kept as a run
ends, so that only a copy from before the last run that ended is told from the database itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

from crossfoot.core.errors import CrossfootError, NeedsPerson
from crossfoot.core.records import Side
from crossfoot.engine.review.choices import choose
from crossfoot.engine.review.desk import Desk
from crossfoot.engine.writing.cancelling import REQUESTS
from crossfoot.engine.writing.reissue import PROPOSED_BY
from crossfoot.store.database import Database
from crossfoot.store.queue import QueueEntry

from .engines import Engines
from .machine import Machine, Violation
from .people import Ledger
from .rare import Reached
from .shared import Shared
from .wire import LATE_S_MAX, Wire
from .world import Pair, consent

Decided = dict[tuple[str, str], datetime]
"""Record and part that a person decided -> since when edits were made that the person did not see."""


class Operators:
    """Between runs they do one thing now and then. ``restores`` says whether this business ever puts a copy back."""

    def __init__(
        self,
        machine: Machine,
        pair: Pair,
        engines: Engines,
        wire: Wire,
        ledger: Ledger,
        shared: Shared,
        reached: Reached,
    ) -> None:
        self.restores = False
        self.tokens_lost = False
        self._told_to_connect = 0
        self.decided: Decided = {}
        self.restored: Callable[[], None] = lambda: None
        self._copy = b""
        self._kept_at, self._logged = machine.now, engines.logged
        self._pending = False
        self._machine = machine
        self._pair = pair
        self._engines = engines
        self._wire = wire
        self._ledger = ledger
        self._shared = shared
        self._reached = reached

    def act(self) -> None:
        """Answer what the review queue asks, or see to the copy of the database."""
        self.connect()
        self.finish()
        self.release()
        chance = self._machine.chance
        if self.restores and chance.random() < 0.8:
            self._put_back() if self._copy else self._keep_copy()
        else:
            self._answer()

    @property
    def _raw(self) -> sqlite3.Connection:
        raw = self._pair.database.engine.raw_connection().driver_connection
        assert isinstance(raw, sqlite3.Connection)
        return raw

    def _keep_copy(self) -> None:
        self._machine.note("somebody keeps a copy of the database")
        self._copy, self._kept_at, self._logged = self._raw.serialize(), self._machine.now, self._engines.log()

    def _put_back(self) -> None:
        machine = self._machine
        machine.advance(LATE_S_MAX + 60)
        machine.note("somebody puts an old copy of the database back")
        with closing(sqlite3.connect(":memory:")) as source:
            source.deserialize(self._copy)
            source.backup(self._raw)
        self._copy = b""
        consent(self._pair.database, machine.host(), self._wire, self._pair.xero.world)  # the copy's token is used up
        self.decided.clear()
        self.restored()
        self._reached.note("an old copy of the database was put back")
        if self._engines.anchor_path is not None:
            # A run that noted nothing lost nothing: its log is the copy's.
            before = self._wire.writes
            should_notice = self._engines.seen_at >= self._kept_at and self._engines.logged != self._logged
            machine.run(("engine", self._engines.body))
            if self._wire.writes != before and should_notice:
                raise Violation("I15: a run wrote from an old copy of the database")
        self._pending = True
        self.finish()

    def finish(self) -> None:
        """Take the copy that was put back as the database, where that is still to be done."""
        if self._pending:
            self._machine.run(("restore", self._restore))

    def connect(self) -> bool:
        """Connect Xero anew where a run says so. Who died before new tokens were kept, and was not started again within
        half an hour, has lost them (XERO 1.5); nothing else may lose them."""
        told = self._engines.work.ended_early.get("invalid_grant", 0)
        if told == self._told_to_connect:
            return False
        if not self.tokens_lost:
            raise Violation("I20: tokens were lost, and nobody died over them")
        self._told_to_connect = told
        self._machine.note("somebody connects Xero anew")
        consent(self._pair.database, self._machine.host(), self._wire, self._pair.xero.world)
        return True

    def release(self) -> bool:
        """Where the brake held a run somebody has looked at what is gone, and takes it off for good."""
        if self._engines.mapping is self._pair.unbraked or not self._engines.work.ended_early.get("brake"):
            return False
        self._machine.note("somebody takes the brake off")
        self._reached.note("the brake held a run")
        self._ledger.vanished.clear()
        self._engines.mapping = self._pair.unbraked
        return True

    def _restore(self) -> None:
        try:
            linked = self._engines.restore("an old copy was put back")
        except CrossfootError as error:
            self._machine.note(f"restore ended: {error}")  # to be tried again: a vendor was away, or the engine died
        else:
            self._pending = False
            self._reached.note("a restore rebuilt what it could", linked + 1)

    def _answer(self) -> None:
        """Answer one entry of the review queue that has an answer."""
        org: Any = self._pair.salesforce.world
        books: Any = self._pair.xero.world
        (home,) = books.organisations
        desk = Desk(Database(self._pair.database.engine), org.organization["Id"], home, "A person", self._machine.now)
        answerable = [entry for entry in desk.entries() if entry.code in _ANSWERS]
        if not answerable:
            return
        code = self._machine.aside.choice(sorted({entry.code for entry in answerable}))
        entry = self._machine.aside.choice([entry for entry in answerable if entry.code == code])
        try:
            self._machine.note(f"somebody {_ANSWERS[entry.code](self, desk, entry)}")
        except NeedsPerson as refused:
            self._machine.note(f"an answer is not taken: {refused}")

    def choose(self, desk: Desk, entry: QueueEntry) -> str:
        """Let one side be right about everything that a record's two sides dispute."""
        side = self._machine.aside.choice((Side.SALESFORCE, Side.XERO))
        _, fields = choose(desk, entry.id, side)
        self._reached.note("a conflict was answered")
        loser = "xero" if side is Side.SALESFORCE else "salesforce"
        for name in fields.values():
            # I26: who answers has seen what the entry says, however long ago a run ended.
            seen_at = self._machine.now if self._shared.is_said_in(entry, name) else self._engines.seen_at
            self.decided[entry.record.id, name] = seen_at
            self._shared.forget(loser, entry.record.id, name)
        return f"chooses {side.value} for {', '.join(fields.values())} of {entry.record_name}"

    def take_back(self, desk: Desk, entry: QueueEntry) -> str:
        """Have the invoice of a deal taken back that was lost or deleted."""
        desk.cancel(entry.id)
        self._ledger.asked_back.add(entry.record.id)
        return f"asks to take back the invoice of {entry.record_name}"

    def make_anew(self, desk: Desk, entry: QueueEntry) -> str:
        """Have the invoice of a changed deal credited and made anew."""
        _, number = desk.reissue(entry.id)
        self._ledger.asked_anew.add(entry.record.id)
        return f"asks to credit {number} of {entry.record_name} and to make it anew"


_ANSWERS: Mapping[str, Callable[[Operators, Desk, QueueEntry], str]] = {
    "field_conflict": Operators.choose,
    PROPOSED_BY: Operators.make_anew,
    **dict.fromkeys(REQUESTS, Operators.take_back),
}
