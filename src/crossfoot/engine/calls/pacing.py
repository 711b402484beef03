"""Pacing of one connection: what the server said is kept in the store, so that a restart and other processes know it.

Decisions are ``core.pacing``'s; here they are waited out on the machine's clock. Nothing sleeps on a day's limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from threading import BoundedSemaphore, Lock

from crossfoot.core.errors import RetryLater
from crossfoot.core.pacing import (
    IN_FLIGHT_MAX,
    KEPT,
    SHARE_PERCENT,
    Heard,
    Kepts,
    Lane,
    Pace,
    Quota,
    Step,
    after_answer,
    after_limit,
    pace,
    within_share,
)
from crossfoot.core.records import Side
from crossfoot.core.recovery import WAITS_FOR_LIMIT_MAX, Next, Verdict
from crossfoot.engine.host import Host
from crossfoot.http import Answer
from crossfoot.salesforce import limits as salesforce_limits
from crossfoot.store.database import Database
from crossfoot.store.quotas import add_received, load_quota, save_quota
from crossfoot.xero import limits as xero_limits

# What each vendor's answers tell of limits.
_HEARD: Mapping[Side, Callable[[Mapping[str, str]], Heard]] = {
    Side.XERO: xero_limits.heard,
    Side.SALESFORCE: salesforce_limits.heard,
}


def kept_by_side(salesforce_percent: int = SHARE_PERCENT) -> Mapping[Side, Kepts]:
    """What is kept of each vendor's allowance. An org's belongs to all of its apps: a share of it may be used."""
    return {Side.XERO: KEPT, Side.SALESFORCE: within_share(salesforce_percent)}


@dataclass(slots=True)
class Pacing:
    """Admits calls to one org or organisation."""

    side: Side
    home: str
    name: str
    database: Database
    host: Host
    kept: Kepts = field(default_factory=lambda: KEPT)
    _slots: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(IN_FLIGHT_MAX))
    _in_flight: int = 0
    _known: Quota = field(default_factory=Quota)
    _counting: Lock = field(default_factory=Lock)

    def require_room(self, lane: Lane) -> Pace:
        """The pace of a call of this lane. Raises ``RetryLater`` where it must be left for later."""
        with self.database.reading() as connection:
            self._known = quota = load_quota(connection, self.home)
        now = self.host.now()
        found = pace(quota, lane, now, in_flight=self._in_flight, kept=self.kept)
        if found.step is not Step.PARK:
            return found
        until = now + timedelta(seconds=found.wait_s)
        raise RetryLater(
            self._park_words(quota, found.limit, f"{until:%Y-%m-%d %H:%M} UTC"),
            after_s=found.wait_s,
            limit=found.limit,
        )

    def admit(self, lane: Lane) -> float:
        """Wait until a call of this lane may leave. Returns for how long it waited, in seconds."""
        waited = 0.0
        for _ in range(WAITS_FOR_LIMIT_MAX):
            found = self.require_room(lane)
            if found.step is Step.GO:
                return waited
            self.host.sleep(found.wait_s)
            waited += found.wait_s
        raise RetryLater(
            f"{self.name} had no call left for {waited:.0f} s. Run again later.", after_s=60, limit="minute"
        )

    @contextmanager
    def slot(self) -> Iterator[None]:
        """One of the calls that may be under way at a time (XERO 2)."""
        with self._slots:
            self._count(+1)
            try:
                yield
            finally:
                self._count(-1)

    def _count(self, change: int) -> None:
        with self._counting:
            self._in_flight += change

    def note(self, answer: Answer, verdict: Verdict, path: str) -> None:
        """Keep what an answer says of limits, and count its bytes. Before an organisation is chosen there are none."""
        if not self.home:
            return
        now, known = self.host.now(), self._known
        quota = after_answer(known, _HEARD[self.side](answer.headers), now)
        if verdict.limit and verdict.next in {Next.WAIT, Next.PARK}:
            quota = after_limit(quota, limit=verdict.limit, wait_s=verdict.wait_s, now=now)
        metered = answer.received_bytes if self.side is Side.XERO and xero_limits.is_metered(path) else 0
        if quota == known and not metered:
            return
        self._known = quota
        with self.database.writing("quota") as connection:
            save_quota(connection, self.home, quota)
            if metered:
                add_received(connection, self.home, now, metered)

    def _park_words(self, quota: Quota, limit: str, until: str) -> str:
        if limit != "reserve":
            return f"{self.name} allows no more calls until {until}. Run again after that."
        if self.side is Side.XERO:
            return (
                f"{self.name} has {quota.day_left:,} calls left today. They are kept for looking up and reading back "
                f"what was written; nothing new is sent. Run again after {until}."
            )
        return (
            f"{self.name} has {quota.day_left or 0:,} of {quota.day_most:,} calls left in 24 hours. They are kept for "
            f"the org's other apps and people; nothing new is read or sent. Run again after {until}."
        )
