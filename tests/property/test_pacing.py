"""Pacing against a server with fixed windows that begin when they like: no limit is met, and little time is lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from crossfoot.core.pacing import KEPT, Heard, Lane, Quota, Step, after_answer, pace

START = datetime(2026, 11, 20, tzinfo=UTC)
MINUTE_LIMIT, APP_LIMIT = 60, 10_000


@dataclass
class Server:
    """Counts calls as Xero does: in windows of a fixed length, each from an instant of its own (XERO 2)."""

    offset_s: int
    day_limit: int
    counts: dict[tuple[str, int], int] = field(default_factory=dict)
    refused: int = 0
    answered: int = 0

    def call(self, now: datetime) -> Heard:
        since = (now - START).total_seconds() + self.offset_s
        windows = {"minute": (int(since // 60), MINUTE_LIMIT), "day": (int(since // 86_400), self.day_limit)}
        if any(self.counts.get((name, number), 0) >= limit for name, (number, limit) in windows.items()):
            self.refused += 1
            return Heard(0, 0, 0)
        self.answered += 1
        left = {}
        for name, (number, limit) in windows.items():
            self.counts[name, number] = self.counts.get((name, number), 0) + 1
            left[name] = limit - self.counts[name, number]
        return Heard(left["day"], left["minute"], APP_LIMIT)


def saturate(server: Server, lane: Lane, hours: float, takes_ms: list[int]) -> Quota:
    """Call as often as pacing lets, for so long; a call takes its turn of ``takes_ms``."""
    quota, now, number = Quota(), START, 0
    while now < START + timedelta(hours=hours):
        found = pace(quota, lane, now)
        if found.step is not Step.GO:
            now += timedelta(seconds=found.wait_s)
            continue
        arrives = now + timedelta(milliseconds=takes_ms[number % len(takes_ms)] / 2)
        heard = server.call(arrives)
        now = arrives + (arrives - now)
        quota = after_answer(quota, heard, now)
        number += 1
    return quota


@settings(max_examples=40, deadline=None)
@given(
    offset_s=st.integers(0, 86_399),
    takes_ms=st.lists(st.integers(20, 4_000), min_size=1, max_size=20),
    lane=st.sampled_from([Lane.PROMPT, Lane.SWEEP, Lane.BACKFILL]),
)
def test_a_single_client_never_meets_the_minute_limit(offset_s: int, takes_ms: list[int], lane: Lane) -> None:
    server = Server(offset_s, day_limit=100_000)
    saturate(server, lane, 1, takes_ms)
    assert server.refused == 0
    fastest = 3600 / (sum(takes_ms) / len(takes_ms) / 1000)
    usable = MINUTE_LIMIT - KEPT[lane].minute - 1
    assert server.answered >= min(fastest, 60 * usable) * 0.85


@settings(max_examples=8, deadline=None)
@given(offset_s=st.integers(0, 86_399), day_limit=st.sampled_from([1_000, 5_000]))
def test_a_day_at_saturation_leaves_the_reserve_and_meets_no_limit(offset_s: int, day_limit: int) -> None:
    """Twenty-four hours of new work: the server refuses nothing, and what is kept for recovery is left."""
    server = Server(offset_s, day_limit)
    saturate(server, Lane.SWEEP, 24, [100])
    assert server.refused == 0
    days = {number: count for (name, number), count in server.counts.items() if name == "day"}
    hourly_looks = 25
    assert all(count <= day_limit * 0.9 + hourly_looks + 1 for count in days.values())
    assert max(days.values()) >= day_limit * 0.85


@settings(max_examples=30, deadline=None)
@given(pinned=st.integers(0, 10_000), calls=st.integers(2, 200))
def test_a_figure_that_never_moves_does_not_stop_the_work(pinned: int, calls: int) -> None:
    """Rapid Sync pins the headers at full (XERO 1.9); a stale figure may be any."""
    quota, now = Quota(), START
    for _ in range(calls):
        found = pace(quota, Lane.SWEEP, now)
        assert found.step is Step.GO
        now += timedelta(milliseconds=100)
        quota = after_answer(quota, Heard(None, pinned, pinned), now)
