"""What Xero says of its limits in its answers, and what a month of data may cost (XERO 1.9, 2)."""

from __future__ import annotations

from collections.abc import Mapping

from crossfoot.core.pacing import Heard

GIB = 1024**3
# Data that each tier includes in a month; Starter states none.
EGRESS_INCLUDED_GIB: Mapping[str, int] = {"Core": 10, "Plus": 50, "Advanced": 250}
_NOT_METERED = ("/organisation",)


def heard(headers: Mapping[str, str]) -> Heard:
    """The calls that are left, as an answer's headers say; header names are lower case. Odd values say nothing."""
    return Heard(
        day_left=_count(headers.get("x-daylimit-remaining", "")),
        minute_left=_count(headers.get("x-minlimit-remaining", "")),
        app_minute_left=_count(headers.get("x-appminlimit-remaining", "")),
    )


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def is_metered(path: str) -> bool:
    """Whether an answer's bytes count as data received: the Organisation endpoint's do not."""
    return not path.casefold().endswith(_NOT_METERED)


def covering_tier(received_bytes: int) -> str:
    """The smallest tier whose included data covers a month's bytes, in words."""
    for tier, included in EGRESS_INCLUDED_GIB.items():
        if received_bytes <= included * GIB:
            return f"{tier} includes {included} GiB a month"
    return "more than any tier includes"
