"""What Salesforce tells of the org's calls, and the share of them that is used (SF 2.1, 2.8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crossfoot.core.pacing import Heard, Lane, Quota, Step, after_answer, pace, within_share
from crossfoot.salesforce.limits import decode_limits, heard, heard_in_full

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("api-usage=18/5000", Heard(day_left=4982, day_allowed=5000)),
        ("api-usage=17/250; per-app-api-usage=17/20(appName=Crossfoot)", Heard(day_left=233, day_allowed=250)),
        ("per-app-api-usage=17/20(appName=x)", Heard()),
        ("api-usage=5100/5000", Heard(day_left=0, day_allowed=5000)),
        ("api-usage=many/5000", Heard()),
        ("", Heard()),
    ],
)
def test_the_header_tells_what_anyone_used(header: str, told: Heard) -> None:
    assert heard({"sforce-limit-info": header} if header else {}) == told


@pytest.mark.promise("S1-13")
@pytest.mark.parametrize(
    ("used", "lane", "step"),
    [
        (6_999, Lane.SWEEP, Step.GO),
        (7_000, Lane.SWEEP, Step.GO),
        (7_001, Lane.SWEEP, Step.PARK),
        (7_001, Lane.BACKFILL, Step.PARK),
        (8_500, Lane.PROMPT, Step.GO),
        (8_501, Lane.PROMPT, Step.PARK),
        (9_999, Lane.RECOVERY, Step.GO),
    ],
)
def test_work_stops_at_the_share_and_looking_up_does_not(used: int, lane: Lane, step: Step) -> None:
    quota = after_answer(Quota(), Heard(day_left=10_000 - used, day_allowed=10_000), NOW)
    assert pace(quota, lane, NOW, kept=within_share(70)).step is step


def test_after_an_hour_one_call_may_look_again() -> None:
    """The day rolls: calls come free as those of yesterday pass, and nobody tells when."""
    quota = after_answer(Quota(), Heard(day_left=0, day_allowed=10_000), NOW)
    held = pace(quota, Lane.SWEEP, NOW + timedelta(minutes=59), kept=within_share(70))
    assert (held.step, held.limit, held.wait_s) == (Step.PARK, "reserve", 60.0)
    assert pace(quota, Lane.SWEEP, NOW + timedelta(minutes=60), kept=within_share(70)).step is Step.GO


def test_an_allowance_that_grew_counts_at_once() -> None:
    quota = after_answer(Quota(), Heard(day_left=100, day_allowed=1_000), NOW)
    quota = after_answer(quota, Heard(day_left=9_100, day_allowed=10_000), NOW)
    assert quota.day_most == 10_000


def test_limits_in_full_leave_single_apps_out() -> None:
    body = b'{"DailyApiRequests":{"Max":5000,"Remaining":4000,"An app":{"Max":0,"Remaining":0}},"Odd":{"Max":1}}'
    assert decode_limits(body) == {"DailyApiRequests": (4000, 5000)}
    assert heard_in_full(body) == Heard(day_left=4000, day_allowed=5000)
    assert heard_in_full(b"{}") == Heard()
