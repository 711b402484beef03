"""The emulators' clock: an offset in whole seconds that only grows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crossfoot.emulators.clock import Clock, ClockBackwardsError

HOST = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)
START = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)


def test_it_starts_at_the_asked_instant_and_runs_on() -> None:
    host = [HOST]
    clock = Clock.starting_at(START, lambda: host[0])
    assert timedelta(0) <= clock.now() - START < timedelta(seconds=1)
    host[0] += timedelta(hours=3)
    assert timedelta(hours=3) <= clock.now() - START < timedelta(hours=3, seconds=1)


def test_it_shows_the_hosts_time_once_the_history_is_past() -> None:
    later = START + timedelta(days=30)
    assert Clock.starting_at(START, lambda: later).now() == later


def test_without_an_instant_it_shows_the_hosts_time() -> None:
    assert Clock.starting_at(None, lambda: HOST).now() == HOST


def test_it_turns_forward_to_an_instant() -> None:
    clock = Clock.starting_at(START, lambda: HOST)
    clock.advance_to(START + timedelta(days=2))
    assert timedelta(0) <= clock.now() - START - timedelta(days=2) < timedelta(seconds=1)


def test_it_never_turns_back() -> None:
    clock = Clock.starting_at(START, lambda: HOST)
    with pytest.raises(ClockBackwardsError):
        clock.advance(-1)
    with pytest.raises(ClockBackwardsError):
        clock.advance_to(START - timedelta(minutes=1))
    assert clock.now() >= START
