"""What the answer to a call means, and what to do next: the one place where retries are decided.

An answer is *definite* when it proves that nothing was done, and *indefinite* when the write may have happened: a lost
answer, a 5xx, a body that cannot be read. An indefinite write is looked up before anything is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

READ_ATTEMPTS_MAX = 6
WAITS_FOR_LIMIT_MAX = 30
BACKOFF_S_MAX = 30.0
LIMIT_WAIT_S_MAX = 120.0
APP_MINUTE_WAIT_S = 20.0
CONCURRENT_WAIT_S_MAX = 2.0
CALL_RESEND_S_MAX = 300.0
CLIENT_TIMEOUT_S = 90.0
LOOK_S_MAX = 10.0
"""So old may the last look at a record be as its change leaves: no vendor refuses one for what came in between (I4)."""

REFUSED_AGAIN_AFTER = timedelta(days=1)
"""What a vendor refused is sent once more after so long, or when it or a person's word changes."""
BOTH_END_WITHIN = timedelta(minutes=10)
"""So long after it left may a request without an answer be done: Salesforce ends it then (SF 2.1), Xero sooner."""


class Next(StrEnum):
    """What to do with a call after its answer."""

    READ = "read the answer"
    WAIT = "wait, then send again"
    RENEW = "renew the token, then send again"
    REFUSED = "refused: nothing was done"
    UNKNOWN = "unknown: look before sending again"
    RECONNECT = "access has ended: connect again"
    PARK = "park this organisation until its limit resets"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The next step, how long to wait before it, and which limit was met."""

    next: Next
    wait_s: float = 0.0
    limit: str = ""


def judge_answer(
    *,
    status: int,
    headers: Mapping[str, str],
    text: str,
    is_write: bool,
    attempt: int,
    jitter: float,
    readable: bool = True,
) -> Verdict:
    """Judge a complete HTTP answer of either vendor. ``attempt`` counts from 1, ``jitter`` lies in 0..1.

    ``readable`` is False where the body is not what the vendor answers: cut short, or some proxy's page.
    """
    if 200 <= status < 300 and readable:
        return Verdict(Next.READ)
    if status == 429:
        return _limited(headers, attempt, jitter)
    if status == 401 or is_ended_session(status, text):
        detail = (text + headers.get("www-authenticate", "")).casefold()
        missing = "authorizationunsuccessful" in detail or "_scope" in detail
        return Verdict(Next.RECONNECT if missing or attempt > 2 else Next.RENEW)
    if status == 403 and "REQUEST_LIMIT_EXCEEDED" in text:
        if "Concurrent" in text:
            return Verdict(Next.WAIT, backoff_s(attempt, jitter), "concurrent")
        return Verdict(Next.PARK, 3600.0, "day")
    if status == 403:
        return Verdict(Next.RECONNECT)
    if status in {408, 420} or status >= 500 or status < 300:
        if is_write:
            return Verdict(Next.UNKNOWN, backoff_s(attempt, jitter))
        if attempt >= READ_ATTEMPTS_MAX:
            return Verdict(Next.REFUSED)
        return Verdict(Next.WAIT, backoff_s(attempt, jitter))
    return Verdict(Next.REFUSED)


def is_ended_session(status: int, text: str) -> bool:
    """Whether Salesforce's identity service, which alone says so with 403, takes the token no more (SF 1.5)."""
    return status == 403 and text.strip() == "Bad_OAuth_Token"


def judge_loss(*, sent: bool, is_write: bool, attempt: int, jitter: float) -> Verdict:
    """Judge a call without an answer. ``sent`` is False only when no byte of it can have left."""
    if is_write and sent:
        return Verdict(Next.UNKNOWN, backoff_s(attempt, jitter))
    if attempt >= READ_ATTEMPTS_MAX:
        return Verdict(Next.REFUSED, limit="unreachable")
    return Verdict(Next.WAIT, backoff_s(attempt, jitter))


def backoff_s(attempt: int, jitter: float) -> float:
    """Growing wait with jitter: 0.5 s doubled per attempt, bounded, never under half of it."""
    full = min(BACKOFF_S_MAX, 0.5 * 2.0 ** (attempt - 1))
    return full / 2 + full / 2 * jitter


def _limited(headers: Mapping[str, str], attempt: int, jitter: float) -> Verdict:
    limit = headers.get("x-rate-limit-problem", "").casefold().replace("-", " ")
    asked = headers.get("retry-after", "")
    wait = float(asked) if asked.isascii() and asked.replace(".", "", 1).isdigit() else 0.0
    if limit == "day" or wait > LIMIT_WAIT_S_MAX:
        return Verdict(Next.PARK, wait or 3600.0, "day")
    if limit in {"appminute", "app minute"}:  # never with a Retry-After (XERO 2)
        return Verdict(Next.WAIT, wait or APP_MINUTE_WAIT_S * (1 + jitter) / 2, "app minute")
    return Verdict(Next.WAIT, wait or min(backoff_s(attempt, jitter), CONCURRENT_WAIT_S_MAX), limit or "concurrent")
