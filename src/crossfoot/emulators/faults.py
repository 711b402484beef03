"""The fault switchboard: what may go wrong on the wire between a client and an emulated vendor.

A fault is chosen by method and path, may let some matching requests pass first (``after``), and strikes a stated
number of times. The control plane itself is never struck.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crossfoot.emulators.wire import Request, Response

KINDS = {
    "lost_request": "the connection closes before the vendor sees the request",
    "lost_response": "the vendor commits, then the connection closes without an answer",
    "status": "the vendor answers with `status` and `headers` and does nothing",
    "slow": "the vendor waits `seconds` before it looks at the request",
    "truncated": "the vendor commits, then the answer breaks off in the middle of its body",
}
times_max = 1_000_000
seconds_max = 600


class FaultSpecError(ValueError):
    """A fault description cannot be used; the message names the member at fault."""


@dataclass(slots=True)
class Fault:
    """One switched-on fault and how often it still strikes."""

    kind: str
    method: str | None = None
    path_contains: str = ""
    times: int = 1
    after: int = 0
    status: int = 503
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 1.0

    @classmethod
    def from_json(cls, spec: Mapping[str, Any]) -> Fault:
        """Read ``{"match": {"method", "path_contains"}, "kind", "times", "after", "status", "headers", "seconds"}``."""
        kind = spec.get("kind")
        if kind not in KINDS:
            raise FaultSpecError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
        match = spec.get("match") or {}
        method = match.get("method")
        return cls(
            kind=kind,
            method=str(method).upper() if method else None,
            path_contains=str(match.get("path_contains", "")),
            times=_whole(spec, "times", 1, 1, times_max),
            after=_whole(spec, "after", 0, 0, times_max),
            status=_whole(spec, "status", 503, 100, 599),
            headers=tuple((str(name), str(value)) for name, value in (spec.get("headers") or {}).items()),
            seconds=min(max(float(spec.get("seconds", 1)), 0), seconds_max),
        )

    def matches(self, request: Request) -> bool:
        """Whether this fault concerns the request at all."""
        return self.method in (None, request.method) and self.path_contains.lower() in request.path.lower()

    def answer(self) -> Response:
        """The answer of a ``status`` fault."""
        body = json.dumps({"Title": "Fault from the emulator's switchboard", "Status": self.status}).encode()
        return Response(self.status, (("Content-Type", "application/json"), *self.headers), body)


@dataclass(slots=True)
class FaultBoard:
    """The faults switched on for one emulator, oldest first. Callers hold the emulator's lock."""

    faults: list[Fault] = field(default_factory=list)

    def take(self, request: Request) -> Fault | None:
        """The fault that strikes this request, counted down; None when it passes unharmed."""
        for fault in self.faults:
            if not fault.matches(request):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            fault.times -= 1
            if fault.times == 0:
                self.faults.remove(fault)
            return fault
        return None


def _whole(spec: Mapping[str, Any], name: str, default: int, lowest: int, highest: int) -> int:
    value = spec.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise FaultSpecError(f"{name} must be a whole number from {lowest} to {highest}; got {value!r}")
    return value
