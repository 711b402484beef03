"""What an answer means and what to do next: one table over statuses, headers and kinds of call."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from crossfoot.core.recovery import BACKOFF_S_MAX, READ_ATTEMPTS_MAX, Next, Verdict, backoff_s, judge_answer, judge_loss


def judge(
    status: int,
    *,
    is_write: bool = True,
    attempt: int = 1,
    text: str = "",
    headers: Mapping[str, str] | None = None,
) -> Verdict:
    return judge_answer(status=status, headers=headers or {}, text=text, is_write=is_write, attempt=attempt, jitter=1.0)


@pytest.mark.promise("S0-38", "S1-54")
@pytest.mark.parametrize(
    ("status", "is_write", "text", "expected"),
    [
        (200, True, "", Next.READ),
        (204, True, "", Next.READ),
        (200, False, "", Next.READ),
        (400, True, "", Next.REFUSED),
        (404, False, "", Next.REFUSED),
        (412, True, "", Next.REFUSED),
        (401, True, "TokenExpired", Next.RENEW),
        (401, False, '[{"errorCode":"INVALID_SESSION_ID"}]', Next.RENEW),
        (401, True, "AuthorizationUnsuccessful", Next.RECONNECT),
        (403, False, "AuthenticationUnsuccessful", Next.RECONNECT),
        (403, False, "Bad_OAuth_Token", Next.RENEW),
        (403, False, "REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded", Next.PARK),
        (403, False, "REQUEST_LIMIT_EXCEEDED: ConcurrentRequests Limit exceeded", Next.WAIT),
        (500, True, "", Next.UNKNOWN),
        (502, True, "", Next.UNKNOWN),
        (503, True, "", Next.UNKNOWN),
        (504, True, "", Next.UNKNOWN),
        (408, True, "", Next.UNKNOWN),
        (500, False, "", Next.WAIT),
        (503, False, "", Next.WAIT),
        (408, False, "", Next.WAIT),
        (301, True, "", Next.REFUSED),
    ],
)
def test_what_an_answer_means(status: int, is_write: bool, text: str, expected: Next) -> None:
    assert judge(status, is_write=is_write, text=text).next is expected


def test_a_missing_scope_asks_for_a_new_grant_and_not_for_a_new_token() -> None:
    verdict = judge(401, headers={"www-authenticate": 'Bearer error="insufficient_scope"'})
    assert verdict.next is Next.RECONNECT


def test_a_token_that_is_refused_again_and_again_is_not_renewed_for_ever() -> None:
    assert [judge(401, attempt=attempt).next for attempt in (1, 2, 3)] == [Next.RENEW, Next.RENEW, Next.RECONNECT]


@pytest.mark.promise("S1-66")
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7", "x-rate-limit-problem": "minute"}, Verdict(Next.WAIT, 7.0, "minute")),
        ({"retry-after": "120", "x-rate-limit-problem": "Minute"}, Verdict(Next.WAIT, 120.0, "minute")),
        ({"retry-after": "1.5"}, Verdict(Next.WAIT, 1.5, "concurrent")),
        ({"retry-after": "74000", "x-rate-limit-problem": "day"}, Verdict(Next.PARK, 74000.0, "day")),
        ({"x-rate-limit-problem": "day"}, Verdict(Next.PARK, 3600.0, "day")),
        ({"retry-after": "121", "x-rate-limit-problem": "minute"}, Verdict(Next.PARK, 121.0, "day")),
        ({"x-rate-limit-problem": "appminute"}, Verdict(Next.WAIT, 20.0, "app minute")),
        ({"x-rate-limit-problem": "App-Minute"}, Verdict(Next.WAIT, 20.0, "app minute")),
        ({"x-rate-limit-problem": "Concurrent"}, Verdict(Next.WAIT, 0.5, "concurrent")),
        ({}, Verdict(Next.WAIT, 0.5, "concurrent")),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, Verdict(Next.WAIT, 0.5, "concurrent")),
        ({"retry-after": "²"}, Verdict(Next.WAIT, 0.5, "concurrent")),
        ({"retry-after": "-1"}, Verdict(Next.WAIT, 0.5, "concurrent")),
    ],
)
@pytest.mark.parametrize("is_write", [True, False])
def test_a_limit_is_waited_for_as_long_as_the_server_says(
    headers: dict[str, str], expected: Verdict, is_write: bool
) -> None:
    assert judge(429, is_write=is_write, headers=headers) == expected


@pytest.mark.promise("S0-38")
@pytest.mark.parametrize(
    ("sent", "is_write", "attempt", "expected"),
    [
        (True, True, 1, Next.UNKNOWN),
        (False, True, 1, Next.WAIT),
        (True, False, 1, Next.WAIT),
        (False, False, 1, Next.WAIT),
        (True, True, READ_ATTEMPTS_MAX, Next.UNKNOWN),
        (False, True, READ_ATTEMPTS_MAX, Next.REFUSED),
        (True, False, READ_ATTEMPTS_MAX, Next.REFUSED),
    ],
)
def test_a_lost_answer_is_unknown_only_where_a_write_may_have_left(
    sent: bool, is_write: bool, attempt: int, expected: Next
) -> None:
    assert judge_loss(sent=sent, is_write=is_write, attempt=attempt, jitter=0).next is expected


def test_reads_are_given_up_after_a_bounded_number_of_attempts() -> None:
    outcomes = [judge(503, is_write=False, attempt=attempt).next for attempt in range(1, READ_ATTEMPTS_MAX + 1)]
    assert outcomes == [Next.WAIT] * (READ_ATTEMPTS_MAX - 1) + [Next.REFUSED]


def test_waits_grow_and_are_bounded_and_never_vanish() -> None:
    assert [backoff_s(attempt, 1.0) for attempt in range(1, 5)] == [0.5, 1.0, 2.0, 4.0]
    assert backoff_s(1, 0.0) == 0.25
    assert backoff_s(40, 1.0) == BACKOFF_S_MAX
