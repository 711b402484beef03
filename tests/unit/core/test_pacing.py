"""Whether a call may leave: lanes, the day's reserve, a server's own wait, and figures that cannot be believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crossfoot.core.pacing import (
    DAY_RECHECK,
    IN_FLIGHT_MAX,
    Heard,
    Lane,
    Pace,
    Quota,
    Step,
    Window,
    after_answer,
    after_limit,
    pace,
)

NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
FULL = Quota(day_left=4_999, day_most=4_999, minute=Window(59, NOW), app_minute=Window(9_999, NOW), read_at=NOW)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def counted_down(quota: Quota, *, day: int, minute: int, app: int = 9_000) -> Quota:
    return after_answer(quota, Heard(day, minute, app), later(1))


@pytest.mark.promise("S1-15")
@pytest.mark.parametrize(
    ("day_left", "goes"),
    [
        (1_300, {Lane.RECOVERY, Lane.PROMPT, Lane.SWEEP, Lane.BACKFILL}),
        (1_000, {Lane.RECOVERY, Lane.PROMPT, Lane.SWEEP}),
        (498, {Lane.RECOVERY, Lane.PROMPT}),
        (100, {Lane.RECOVERY}),
        (0, {Lane.RECOVERY}),
    ],
)
def test_the_fewer_calls_the_day_has_the_more_urgent_they_must_be(day_left: int, goes: set[Lane]) -> None:
    quota = counted_down(FULL, day=day_left, minute=50)
    assert {lane for lane in Lane if pace(quota, lane, later(1)).step is Step.GO} == goes


@pytest.mark.promise("S1-14")
@pytest.mark.parametrize(
    ("minute_left", "goes"),
    [
        (11, {Lane.RECOVERY, Lane.PROMPT, Lane.SWEEP, Lane.BACKFILL}),
        (10, {Lane.RECOVERY, Lane.PROMPT, Lane.SWEEP}),
        (5, {Lane.RECOVERY, Lane.PROMPT}),
        (2, {Lane.RECOVERY}),
        (0, set()),
    ],
)
def test_the_fewer_calls_the_minute_has_the_more_urgent_they_must_be(minute_left: int, goes: set[Lane]) -> None:
    quota = counted_down(FULL, day=4_000, minute=minute_left)
    paces = {lane: pace(quota, lane, later(1)) for lane in Lane}
    assert {lane for lane in Lane if paces[lane].step is Step.GO} == goes
    assert {found.wait_s for found in paces.values() if found.step is Step.WAIT} <= {59.0}
    assert all(pace(quota, lane, later(60)).step is Step.GO for lane in Lane)


def test_the_apps_own_minute_is_watched_too() -> None:
    quota = counted_down(FULL, day=4_000, minute=50, app=150)
    assert pace(quota, Lane.SWEEP, later(1)) == Pace(Step.WAIT, 59.0, "app minute")
    assert pace(quota, Lane.PROMPT, later(1)).step is Step.GO


def test_calls_under_way_count_as_made() -> None:
    quota = counted_down(FULL, day=4_000, minute=8)
    assert pace(quota, Lane.SWEEP, later(1), in_flight=2).step is Step.GO
    assert pace(quota, Lane.SWEEP, later(1), in_flight=3).step is Step.WAIT


def test_new_work_may_look_again_once_an_hour() -> None:
    quota = counted_down(FULL, day=100, minute=50)
    heard_at = later(1)
    assert pace(quota, Lane.SWEEP, heard_at) == Pace(Step.PARK, DAY_RECHECK.total_seconds(), "reserve")
    assert pace(quota, Lane.SWEEP, heard_at + DAY_RECHECK).step is Step.GO


def test_a_new_day_is_seen_by_its_rise_and_brings_its_own_reserve() -> None:
    low = counted_down(FULL, day=100, minute=50)
    overtaken = after_answer(low, Heard(100 + IN_FLIGHT_MAX, None, None), later(2))
    assert overtaken.day_most == FULL.day_most
    smaller_tier = after_answer(low, Heard(999, None, None), later(2))
    assert (smaller_tier.day_left, smaller_tier.day_kept) == (999, 99)


@pytest.mark.promise("S1-66")
def test_the_servers_own_wait_beats_arithmetic() -> None:
    quota = after_limit(FULL, limit="minute", wait_s=22, now=NOW)
    assert pace(quota, Lane.RECOVERY, NOW) == Pace(Step.WAIT, 22.0, "retry-after")
    assert pace(quota, Lane.RECOVERY, later(22)).step is Step.GO


def test_a_day_that_is_used_up_parks_every_lane_until_it_resets() -> None:
    quota = after_limit(counted_down(FULL, day=0, minute=50), limit="day", wait_s=1_200, now=NOW)
    assert {pace(quota, lane, NOW) for lane in Lane} == {Pace(Step.PARK, 1_200.0, "day")}
    assert {pace(quota, lane, later(1_200)).step for lane in Lane} == {Step.GO}


def test_answers_that_overtake_each_other_do_not_hide_a_low_minute() -> None:
    quota = counted_down(FULL, day=4_000, minute=4)
    overtaken = after_answer(quota, Heard(4_001, 6, None), later(2))
    assert overtaken.minute == quota.minute
    assert pace(overtaken, Lane.SWEEP, later(2)).step is Step.WAIT


def test_an_answer_without_figures_changes_nothing() -> None:
    assert after_answer(FULL, Heard(), later(5)) is FULL
