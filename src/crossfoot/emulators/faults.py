"""The fault switchboard: what may go wrong between a client and an emulated vendor, and in the vendor itself.

A fault is chosen by method and path, may let some matching requests pass first (``after``), and strikes a stated number
of times. Faults are rows of the world's state and strike inside the handle: they are replayed, counted down and saved
like everything else. What only a host can do (a closed connection, a delay) the Response asks of it. The control plane
itself is never struck.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from crossfoot.emulators.fault_kinds import ACT, REQUIRED, FaultSpecError, kinds_of
from crossfoot.emulators.wire import CLOSED, TRUNCATED, Event, Request, Response

times_max = 1_000_000
Row = dict[str, Any]
Answer = tuple[Response, list[Event]]
_NO_ANSWER = Response(0, wire=CLOSED)
_HTML = b"<html><head><title>Bad Gateway</title></head><body><h1>The server had a problem</h1></body></html>"


class Struck(Protocol):
    """A world that faults can strike.

    ``faults`` is plain state: the rows switched on, and the requests that arrive late. ``strike`` is the fault that the
    request in hand meets, for the vendor's own code to ask about.
    """

    strike: Row | None

    @property
    def faults(self) -> dict[str, list[Row]]:
        """``on`` and ``late``."""

    @property
    def log(self) -> list[Row]:
        """The request log."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """How one vendor answers, and what its acts do. An act raises FaultSpecError when it cannot be done."""

    system: str
    handle: Callable[[Any, Request, datetime], Answer]
    acts: Mapping[str, Act]


@dataclass(frozen=True, slots=True)
class Strike:
    """One request as a fault meets it."""

    world: Any
    request: Request
    now: datetime
    row: Row
    vendor: Vendor

    def deliver(self) -> Answer:
        """Let the vendor do what was asked."""
        return self.vendor.handle(self.world, self.request, self.now)

    def setting(self, name: str) -> Any:
        return self.row["settings"][name]


Act = Callable[[Strike], None]


def new_faults() -> dict[str, list[Row]]:
    """A switchboard on which everything is off."""
    return {"on": [], "late": []}


def serve(world: Any, request: Request, now: datetime, vendor: Vendor) -> Answer:
    """Answer one request through the switchboard; requests that were held up arrive first, at their own instants."""
    struck: Struck = world
    events: list[Event] = []
    for row in [row for row in struck.faults["late"] if row["due"] <= now]:
        struck.faults["late"].remove(row)
        last = _last(struck)
        events += vendor.handle(world, Request(*row["request"]), row["due"])[1]
        _mark(struck, last, "late")
    if request.path.rstrip("/") == "/control/fault":
        return _control(struck, request, now, vendor), events
    struck_by = None if request.path.startswith("/control/") else _take(struck.faults["on"], request)
    if struck_by is None:
        response, more = vendor.handle(world, request, now)
    else:
        response, more = _suffer(struck, Strike(world, request, now, struck_by, vendor))
    return response, events + more


def _take(on: list[Row], request: Request) -> Row | None:
    """The first fault that strikes this request, counted down; None when it passes unharmed."""
    for row in on:
        if row["method"] not in (None, request.method) or row["path_contains"].lower() not in request.path.lower():
            continue
        if row["after"] > 0:
            row["after"] -= 1
            continue
        row["times"] -= 1
        if row["times"] == 0:
            on.remove(row)
        return row
    return None


def _suffer(world: Struck, strike: Strike) -> Answer:
    """Let the fault strike, and say so in the request log where the vendor saw the request."""
    kind, told = strike.row["kind"], str(strike.row["kind"])
    last = _last(world)
    world.strike = strike.row
    try:
        if kind in strike.vendor.acts:
            try:
                strike.vendor.acts[kind](strike)
            except FaultSpecError as error:
                told = f"{kind}, which could not be done: {error}"
        answer = _WIRE.get(kind, Strike.deliver)(strike)
    finally:
        world.strike = None
    _mark(world, last, told)
    return answer


def _last(world: Struck) -> Row | None:
    return world.log[-1] if world.log else None


def _mark(world: Struck, last: Row | None, told: str) -> None:
    """Note a fault at the newest entry of the request log, where that came after ``last``."""
    if world.log and world.log[-1] is not last:
        world.log[-1]["fault"] = told


def _control(world: Struck, request: Request, now: datetime, vendor: Vendor) -> Response:
    """GET lists the faults, POST switches one on, DELETE clears all, or the one whose ``number`` the body gives."""
    try:
        spec = json.loads(request.body or b"{}", parse_float=Decimal)
        if not isinstance(spec, dict):
            raise FaultSpecError("a fault is a JSON object")
        if request.method == "POST":
            _switch_on(world, spec, request, now, vendor)
        elif request.method == "DELETE":
            _clear(world.faults["on"], spec.get("number"))
    except ValueError as error:
        return _json({"error": str(error)}, 400)
    return _json({"faults": [_shown(row) for row in world.faults["on"]]})


def _switch_on(world: Struck, spec: Mapping[str, Any], request: Request, now: datetime, vendor: Vendor) -> None:
    row = read_fault(spec, vendor.system)
    row["number"] = max((other["number"] for other in world.faults["on"]), default=0) + 1
    at_once = not spec.get("match") and "after" not in spec
    if kinds_of(vendor.system)[row["kind"]].place == ACT and at_once:
        vendor.acts[row["kind"]](Strike(world, request, now, row, vendor))
    else:
        world.faults["on"].append(row)


def _clear(on: list[Row], number: Any) -> None:
    kept = [] if number is None else [row for row in on if row["number"] != number]
    if number is not None and len(kept) == len(on):
        raise FaultSpecError(f"no fault has the number {number}")
    on[:] = kept


def read_fault(spec: Mapping[str, Any], system: str) -> Row:
    """Read ``{"kind", "match": {"method", "path_contains"}, "times", "after"}`` and the settings of that kind."""
    kinds, name = kinds_of(system), str(spec.get("kind"))
    if name not in kinds:
        raise FaultSpecError(f"kind must be one of {', '.join(kinds)}; got {name}")
    declared, match = kinds[name].settings, spec.get("match") or {}
    unknown = sorted(set(spec) - {"kind", "match", "times", "after", *declared})
    if unknown:
        raise FaultSpecError(f"{name} has no {unknown[0]}. Its settings: {', '.join(declared) or 'none'}")
    if not isinstance(match, dict) or set(match) - {"method", "path_contains"}:
        raise FaultSpecError("match has method and path_contains")
    settings = {}
    for key, setting in declared.items():
        if key not in spec and setting.default is REQUIRED:
            raise FaultSpecError(f"{name} needs {key}: {setting.text}")
        settings[key] = setting.read(key, spec[key]) if key in spec else setting.default
    method = match.get("method")
    return {
        "kind": name,
        "method": str(method).upper() if method else None,
        "path_contains": str(match.get("path_contains") or kinds[name].path),
        "times": _whole(spec, "times", 1, 1),
        "after": _whole(spec, "after", 0, 0),
        "settings": settings,
    }


def _whole(spec: Mapping[str, Any], name: str, default: int, lowest: int) -> int:
    value = spec.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= times_max:
        raise FaultSpecError(f"{name} must be a whole number from {lowest} to {times_max}; got {value!r}")
    return value


def _shown(row: Row) -> Row:
    match = {"method": row["method"], "path_contains": row["path_contains"]}
    settings = {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in row["settings"].items()
        if value is not None
    }
    return {**{name: row[name] for name in ("number", "kind", "times", "after")}, "match": match, **settings}


def _json(payload: Any, status: int = 200) -> Response:
    return Response(status, (("Content-Type", "application/json"),), json.dumps(payload).encode())


def _lost_request(_strike: Strike) -> Answer:
    return _NO_ANSWER, []


def _lost_response(strike: Strike) -> Answer:
    return _NO_ANSWER, strike.deliver()[1]


def _late(strike: Strike) -> Answer:
    sent = strike.request
    due = strike.now + timedelta(seconds=float(strike.setting("seconds")))
    held = {"due": due, "request": (sent.method, sent.path, sent.query, dict(sent.headers), sent.body)}
    strike.world.faults["late"] = sorted([*strike.world.faults["late"], held], key=lambda row: row["due"])
    return _NO_ANSWER, []


def _slow(strike: Strike) -> Answer:
    response, events = strike.deliver()
    return replace(response, delay_s=float(strike.setting("seconds"))), events


def _truncated(strike: Strike) -> Answer:
    response, events = strike.deliver()
    return replace(response, wire=TRUNCATED), events


def _duplicate(strike: Strike) -> Answer:
    answers = [strike.deliver(), strike.deliver()]
    return answers[int(strike.setting("hears")) - 1][0], [event for _, events in answers for event in events]


def _error(strike: Strike) -> Response:
    status = int(strike.setting("status"))
    plain = {"Title": "Fault from the emulator's switchboard", "Status": status}
    body = strike.setting("body") or json.dumps(plain)
    headers = tuple((str(name), str(value)) for name, value in (strike.setting("headers") or {}).items())
    return Response(status, (("Content-Type", strike.setting("content_type")), *headers), body.encode())


def _status(strike: Strike) -> Answer:
    return _error(strike), []


def _status_after_commit(strike: Strike) -> Answer:
    return _error(strike), strike.deliver()[1]


def _html_page(strike: Strike) -> Answer:
    return Response(int(strike.setting("status")), (("Content-Type", "text/html; charset=utf-8"),), _HTML), []


def _wrong_type(strike: Strike) -> Answer:
    response, events = strike.deliver()
    others = tuple(header for header in response.headers if header[0].lower() != "content-type")
    return replace(response, headers=(("Content-Type", strike.setting("content_type")), *others)), events


_WIRE: Mapping[str, Callable[[Strike], Answer]] = {
    "lost_request": _lost_request,
    "lost_response": _lost_response,
    "late": _late,
    "slow": _slow,
    "truncated": _truncated,
    "duplicate": _duplicate,
    "status": _status,
    "status_after_commit": _status_after_commit,
    "html_page": _html_page,
    "wrong_type": _wrong_type,
}
