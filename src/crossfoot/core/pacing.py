"""Pacing: whether a call may leave now, must wait, or must be left for later. Decided before a limit is met.

Windows are fixed and begin at an instant that no vendor tells (XERO 2). From its first answer on a window can last no
longer than its length: who waits that long meets a fresh one. A figure that does not move is not believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from crossfoot.core.recovery import LIMIT_WAIT_S_MAX

IN_FLIGHT_MAX = 4
"""Calls to one organisation at a time: one fewer than Xero's five."""
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
# Nobody tells when the day begins anew: a call of new work may look again once an hour.
DAY_RECHECK = timedelta(hours=1)


class Lane(IntEnum):
    """How urgent a call is: a lower lane goes first and may use what higher ones must leave."""

    RECOVERY = 0
    """Looking up what may have been written, and reading back what was."""
    PROMPT = 1
    """Payments, hints, and what a person waits for."""
    SWEEP = 2
    """The regular reading of changes, and new documents."""
    BACKFILL = 3
    """Reading a resource for the first time."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a lane leaves to more urgent ones: a share of the day's calls, and calls of a minute."""

    day_percent: int
    minute: int
    app_minute: int


Kepts = Mapping[Lane, Kept]
KEPT: Kepts = {
    Lane.RECOVERY: Kept(0, 0, 0),
    Lane.PROMPT: Kept(5, 2, 100),
    Lane.SWEEP: Kept(10, 5, 200),
    Lane.BACKFILL: Kept(25, 10, 500),
}
SHARE_PERCENT = 70


def within_share(percent: int) -> Kepts:
    """What is kept of an allowance that others use too: new work stops once ``percent`` of it is used by anyone.

    What a person waits for may go half of the rest further; looking up what was written is never held.
    """
    rest = 100 - percent
    kept = {Lane.RECOVERY: 0, Lane.PROMPT: rest // 2, Lane.SWEEP: rest, Lane.BACKFILL: rest}
    return {lane: Kept(day_percent, 0, 0) for lane, day_percent in kept.items()}


_MINUTE_LOW = KEPT[Lane.BACKFILL].minute
_APP_MINUTE_LOW = KEPT[Lane.BACKFILL].app_minute


@dataclass(frozen=True, slots=True)
class Heard:
    """What an answer said is left; None where it said nothing."""

    day_left: int | None = None
    minute_left: int | None = None
    app_minute_left: int | None = None
    day_allowed: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A window of a minute: calls left in it as last heard (None: not known), and when its first answer came."""

    left: int | None = None
    began: datetime | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """What is known of one organisation's limits. ``day_most`` is the day's whole allowance where the vendor tells it,
    else the most that was left since the day began."""

    day_left: int | None = None
    day_most: int = 0
    minute: Window = Window()
    app_minute: Window = Window()
    resume_at: datetime | None = None
    parked_until: datetime | None = None
    read_at: datetime | None = None

    @property
    def day_kept(self) -> int:
        """Calls of the day that new work leaves for looking up and reading back."""
        return kept_of_day(self, Lane.SWEEP)


class Step(StrEnum):
    """What to do with a call before it leaves."""

    GO = "go"
    WAIT = "wait"
    PARK = "leave it for later; nothing sleeps on it"


@dataclass(frozen=True, slots=True)
class Pace:
    """The step, for how long, and which limit it is about."""

    step: Step
    wait_s: float = 0.0
    limit: str = ""


def pace(quota: Quota, lane: Lane, now: datetime, *, in_flight: int = 0, kept: Kepts = KEPT) -> Pace:
    """Whether a call of this lane may leave. ``in_flight`` calls have left without an answer yet."""
    if quota.parked_until and quota.parked_until > now:
        return Pace(Step.PARK, (quota.parked_until - now).total_seconds(), "day")
    recheck = (quota.read_at or now) + DAY_RECHECK
    if quota.day_left is not None and quota.day_left < kept_of_day(quota, lane, kept) and recheck > now:
        return Pace(Step.PARK, (recheck - now).total_seconds(), "reserve")
    resume = {
        "retry-after": min(quota.resume_at or now, now + timedelta(seconds=LIMIT_WAIT_S_MAX)),
        "minute": _reopens(quota.minute, kept[lane].minute + in_flight, now),
        "app minute": _reopens(quota.app_minute, kept[lane].app_minute + in_flight, now),
    }
    limit = max(resume, key=lambda name: resume[name])
    wait_s = (resume[limit] - now).total_seconds()
    return Pace(Step.WAIT, wait_s, limit) if wait_s > 0 else Pace(Step.GO)


def kept_of_day(quota: Quota, lane: Lane, kept: Kepts = KEPT) -> int:
    """Calls of the day that a lane leaves to others."""
    return quota.day_most * kept[lane].day_percent // 100


def _reopens(window: Window, kept: int, now: datetime) -> datetime:
    if window.left is None or window.began is None or window.left > kept:
        return now
    return min(window.began, now) + MINUTE  # a clock that was set back makes no window longer


def after_answer(quota: Quota, heard: Heard, now: datetime) -> Quota:
    """What is known after an answer."""
    if heard == Heard():
        return quota
    day_left, day_most = quota.day_left, quota.day_most
    if heard.day_left is not None:
        most = heard.day_allowed if heard.day_allowed is not None else _most(quota, heard.day_left, now)
        day_left, day_most = heard.day_left, most
    return replace(
        quota,
        day_left=day_left,
        day_most=day_most,
        minute=_moved(quota.minute, heard.minute_left, now, low=_MINUTE_LOW),
        app_minute=_moved(quota.app_minute, heard.app_minute_left, now, low=_APP_MINUTE_LOW),
        read_at=now,
    )


def after_limit(quota: Quota, *, limit: str, wait_s: float, now: datetime) -> Quota:
    """What is known after a limit was met all the same: the server's own wait beats arithmetic."""
    until = now + timedelta(seconds=wait_s)
    if limit == "day":
        return replace(quota, parked_until=until, day_left=None)  # when it resets, that figure is of another day
    return replace(quota, resume_at=until) if limit != "concurrent" else quota


def _most(quota: Quota, left: int, now: datetime) -> int:
    """A figure that rises by more than what was in flight shows that a new day began."""
    is_new = quota.day_left is None or quota.read_at is None
    is_new = is_new or now - (quota.read_at or now) >= DAY or left > (quota.day_left or 0) + IN_FLIGHT_MAX
    return left if is_new else max(left, quota.day_most)


def _moved(window: Window, left: int | None, now: datetime, *, low: int) -> Window:
    """The window after another answer. A window does not begin low: a low figure counts when it was counted down to."""
    if left is None:
        return window
    same = window.began is not None and now - window.began < MINUTE
    if same and window.left is not None:
        if left < window.left:
            return Window(left, window.began)
        if left <= low and window.left < left <= window.left + IN_FLIGHT_MAX:
            return window  # answers that overtook each other
    return Window(left if left > low else None, now)
