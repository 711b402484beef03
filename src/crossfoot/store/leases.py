"""Leases: which of several engines may write, by the database's own clock, with a number that fences off the others.

An engine that was paused past its lease wakes up believing that it still holds it. So the lease is not asked whether
time is up, but whether somebody took it since: every taking raises its fence, and each write transaction compares the
fence it was given. Takings and write transactions wait for each other, so what was compared holds until the commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, select, text, update

from crossfoot.core.errors import Stopped
from crossfoot.store.codec import instant, moment
from crossfoot.store.prepared import Bound, Prepared
from crossfoot.store.schema import lease
from crossfoot.store.upsert import upsert

LEASE_LIFE = timedelta(minutes=5)
"""Longer than any call may take with its waiting, so that what a lost engine had sent has landed or failed."""
_RENEW_AFTER = LEASE_LIFE / 3
_NOW = {
    "postgresql": text("SELECT clock_timestamp()"),
    "sqlite": text("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"),
}


@Prepared
def _by_name(name: Bound) -> Select[Any]:
    return select(lease).where(lease.c.name == name)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write, as one engine was given it."""

    name: str
    holder: str
    fence: int

    def check(self, connection: Connection) -> None:
        """Refuse when another engine took the lease since."""
        self._mine(connection)

    def keep(self, connection: Connection) -> None:
        """Check, and renew once a third of its life is over; belongs at the beginning of a write transaction."""
        found = self._mine(connection)
        until = database_now(connection) + LEASE_LIFE
        if found.until < instant(until - _RENEW_AFTER):
            connection.execute(update(lease).where(lease.c.name == self.name).values(until=instant(until)))

    def _mine(self, connection: Connection) -> Row[Any]:
        found = _by_name(connection, name=self.name).one_or_none()
        if found is None or found.fence != self.fence:
            other = found.holder if found and found.holder else "another engine"
            raise Stopped(
                f"This engine stood still for longer than its lease lasts, and {other} took over. "
                "Nothing more is written here; what was under way is looked up there.",
                code="lease_lost",
            )
        return found

    def give_back(self, connection: Connection) -> None:
        """Let others in at once; a lease that was lost stays whose it is."""
        mine = (lease.c.name == self.name) & (lease.c.fence == self.fence)
        connection.execute(update(lease).where(mine).values(holder="", until=""))


def take_lease(connection: Connection, name: str, holder: str) -> Lease:
    """Take a lease that is free or ran out; belongs in a write transaction of its own."""
    now = database_now(connection)
    found = _by_name(connection, name=name).one_or_none()
    if found and found.until > instant(now):
        raise Stopped(
            f"{found.holder} is writing for this workspace. Wait until it ends; should it have died, its lease runs "
            f"out at {moment(found.until):%H:%M:%S} UTC.",
            code="locked",
        )
    taken = Lease(name, holder, (found.fence if found else 0) + 1)
    row = {"name": name, "fence": taken.fence, "holder": holder, "until": instant(now + LEASE_LIFE)}
    upsert(connection, lease, [row])
    return taken


def database_now(connection: Connection) -> datetime:
    """The one clock that all engines of a workspace share."""
    told = connection.execute(_NOW[connection.dialect.name]).scalar_one()
    return (told if isinstance(told, datetime) else datetime.fromisoformat(told)).astimezone(UTC)
