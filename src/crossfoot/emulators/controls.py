"""The host's own part of the control plane: the clock that both emulators share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from crossfoot.emulators.clock import Clock
from crossfoot.emulators.wire import Request, Response

Control = Callable[[Request], Response]
"""Answers one control request; a ValueError or KeyError is told to whoever asked."""

Controls = Mapping[str, Control]
CLOCK_PATH, STATE_PATH = "/control/clock", "/control/state"
JSON_TYPE = ("Content-Type", "application/json")


def clock_control(clock: Clock, turn: Callable[[Callable[[Clock], None]], None]) -> Control:
    """Shows the clock, or turns it forward by ``advance_s`` seconds or to the instant ``set``."""

    def control(request: Request) -> Response:
        if request.method == "POST":
            turn(_wish(json.loads(request.body)))
        return answer_json({"now": clock.now().isoformat(timespec="seconds"), "offset_s": clock.offset_s})

    return control


def answer_json(value: Any, status: int = 200) -> Response:
    """An answer of the control plane."""
    return Response(status, (JSON_TYPE,), json.dumps(value).encode())


def _wish(spec: Mapping[str, Any]) -> Callable[[Clock], None]:
    if "set" not in spec:
        seconds = int(spec["advance_s"])
        return lambda clock: clock.advance(seconds)
    instant = datetime.fromisoformat(spec["set"])
    if instant.tzinfo is None:
        raise ValueError("set needs an instant with its zone, such as 2026-11-20T01:30:00Z")
    return lambda clock: clock.advance_to(instant)
