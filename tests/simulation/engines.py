"""The engines: one or two processes that run ``sync`` on one workspace, under its file lock or under leases.

Embedded engines share a file, whose lock the kernel frees when its holder dies. Distributed ones share a server and
take leases by the database's clock: one that stood still past its lease must not commit anything any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from crossfoot.core.errors import CrossfootError, Defect, Stopped
from crossfoot.engine.host import Host
from crossfoot.engine.runs import RunReport, restore
from crossfoot.engine.serve import hinted_sync
from crossfoot.engine.session import Session, make_session
from crossfoot.engine.tie import run_tie_out
from crossfoot.store import leases
from crossfoot.store.audit import newest_audit
from crossfoot.store.database import Database, hold_lease

from .machine import Actor, Machine
from .wire import Wire
from .world import KEY, Pair

LEASE = "the pair"
COVERED = "commit hints covered done"
TAKEN = "commit lease done"
STARTS_WITHIN_S = 600


@dataclass(slots=True)
class Work:
    """What runs came to."""

    runs: int = 0
    ended_early: dict[str, int] = field(default_factory=dict)
    adopted: int = 0


class FileLock:
    """The kernel's lock on a file: whoever died does not hold it any more."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._holder: Actor | None = None

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold it, or be refused at once, as ``Workspace.only_writer`` is."""
        holder = self._holder
        if holder is not None and self._machine.is_alive(holder):
            raise Stopped("Another crossfoot command is writing in this workspace.", code="locked")
        self._holder = self._machine.acting
        yield
        self._holder = None


class Engines:
    """Starts runs on one workspace. ``distributed`` says what keeps two engines apart."""

    def __init__(self, machine: Machine, pair: Pair, wire: Wire) -> None:
        self.distributed = False
        self.skew = timedelta(0)
        self.anchor_path: Path | None = None
        self.seen_at = machine.now
        self.work = Work()
        self.writer: Actor | None = None
        self.told: Callable[[str], None] = lambda _text: None
        self.mapping = pair.mapping
        self._machine = machine
        self._pair = pair
        self._wire = wire
        self._lock = FileLock(machine)
        self.logged = self.log()

    def body(self) -> None:
        """One ``sync``, as a schedule would start it; a message to a person ends it and no more."""
        self.work.runs += 1
        try:
            report = self.sync()
        except Defect:
            raise
        except CrossfootError as error:
            kind = getattr(error, "code", "") or type(error).__name__
            self.work.ended_early[kind] = self.work.ended_early.get(kind, 0) + 1
            self._machine.note(f"run ended: {type(error).__name__}: {str(error)[:80]}")
            self.told(str(error))
        else:
            self.logged = self.log()
            self.work.adopted += report.applied.adopted
            self.told(report.warning)

    def log(self) -> tuple[int, str]:
        """The newest entry of the audit log."""
        books: Any = self._pair.xero.world
        (home,) = books.organisations
        with self._pair.database.reading() as connection:
            return newest_audit(connection, home)

    def later_body(self) -> None:
        """The same by another schedule: some minutes later, when the first may stand still or have died."""
        self._machine.pause("its time has not come", self._machine.aside.uniform(0, STARTS_WITHIN_S))
        self.body()

    def sync(self) -> RunReport:
        """One ``sync`` of a process of its own."""
        began = self._machine.now

        def seam(name: str) -> None:
            if name == COVERED:  # whoever dies or stands still from here on has covered them
                self.seen_at = began
            self._pause(name)

        database = Database(self._pair.database.engine, seam)
        with self._hold(database):
            began = self._machine.now
            report = hinted_sync(self.session(database))
            self.seen_at = began  # I13: it covers what came while it waited for its turn, since only then it reads
        return report

    def restore(self, reason: str) -> int:
        """Take an old copy as the database from now on; answers how many links were rebuilt."""
        database = Database(self._pair.database.engine, self._pause)
        with self._hold(database):
            return restore(self.session(database), reason)[0].linked

    def _pause(self, name: str) -> None:
        """Whoever stands still with the lease just taken has it, and may have lost it when they go on."""
        if name == TAKEN:
            self.writer = self._machine.acting
        self._machine.pause(name)

    @contextmanager
    def _hold(self, database: Database) -> Iterator[None]:
        """What keeps two engines apart."""
        if self.distributed:
            with hold_lease(database, LEASE, "engine"):
                yield
            return
        with self._lock.hold():
            self.writer = self._machine.acting
            yield

    def tie_out(self) -> bool:
        """Whether the tie-out, which reads both sides on its own path, leaves an amount unexplained."""
        return run_tie_out(self.session(Database(self._pair.database.engine, self._machine.pause))).result.unexplained

    def session(self, database: Database, host: Host | None = None) -> Session:
        """A session of a process of its own."""
        host = host or self._machine.host(self.skew)
        session = make_session(database, self.mapping, lambda: KEY, host=host, transport=self._wire)
        session.anchor_path = self.anchor_path
        return session


@contextmanager
def database_clock(machine: Machine) -> Iterator[None]:
    """The database's own clock, by which leases run, is the virtual one."""
    with patch.object(leases, "database_now", lambda _connection: machine.now):
        yield
