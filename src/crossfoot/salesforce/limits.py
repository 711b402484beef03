"""What Salesforce says of the org's allowances: in a header of every answer, in full at ``/limits`` (SF 2.1, 2.8)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from crossfoot.core.pacing import Heard
from crossfoot.salesforce.requests import decode_json

DAILY_CALLS = "DailyApiRequests"
_USAGE = re.compile(r"(?<![\w-])api-usage=(\d{1,12})/(\d{1,12})(?![\d/])")


def heard(headers: Mapping[str, str]) -> Heard:
    """The org's calls of the rolling day, as ``Sforce-Limit-Info`` tells them; header names are lower case.

    An app's own share may follow after a semicolon. The count is approximate, may run past the allowance for a while,
    and is of everybody's calls. An odd value says nothing.
    """
    found = _USAGE.search(headers.get("sforce-limit-info", ""))
    if found is None:
        return Heard()
    used, allowed = int(found.group(1)), int(found.group(2))
    return Heard(day_left=max(0, allowed - used), day_allowed=allowed)


def decode_limits(body: bytes) -> dict[str, tuple[int, int]]:
    """(remaining, allowed) of each allowance by its name. Figures of single apps, which nest in some, are left out."""
    answer = decode_json(body)
    return {
        name: (int(row["Remaining"]), int(row["Max"]))
        for name, row in answer.items()
        if isinstance(row, Mapping) and "Max" in row and "Remaining" in row
    }


def heard_in_full(body: bytes) -> Heard:
    """The same from ``/limits``, which may be five minutes old."""
    remaining, allowed = decode_limits(body).get(DAILY_CALLS, (None, None))
    return Heard(day_left=remaining, day_allowed=allowed)
