"""Who may call: bearer, tenant, scope, quotas and the Idempotency-Key, in that order (XERO 11)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import takewhile
from typing import Any

from crossfoot.emulators.wire import IN_PROGRESS, Request, Response
from crossfoot.emulators.xero.errors import forbidden, idempotency_error, offline, too_many, unauthorized
from crossfoot.emulators.xero.identity import ACCESS_LIFE, tenants_of
from crossfoot.emulators.xero.scopes import permits
from crossfoot.emulators.xero.world import LIMITS, Record, World

REPLAY_LIFE = timedelta(minutes=6)
KEY_LENGTH_MAX = 128
WINDOWS: Mapping[str, int] = {"minute": 60, "day": 86_400, "app_minute": 60}
WAITS_TOLD = frozenset({"minute", "day"})  # only these carry Retry-After (XERO 2)
PROBLEMS = {"minute": "minute", "day": "day", "app_minute": "appminute", "concurrent": "concurrent"}


def check_bearer(world: World, request: Request, now: datetime) -> Record:
    """The token behind the request; a token is looked up, its signature is the holder's affair."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    found: Record | None = world.state["access_tokens"].get(text.strip())
    if scheme.lower() != "bearer" or found is None:
        raise unauthorized("TokenInvalidSignature", world.new_id())
    if found["expires"] is None:
        found["expires"] = now + ACCESS_LIFE
    if found["expires"] <= now:
        raise unauthorized(f"TokenExpired: token expired at {found['expires']:%m/%d/%Y %H:%M:%S}", world.new_id())
    return found


def check_tenant(world: World, request: Request, grant: Record) -> str:
    """The organisation meant; a custom connection may leave the header out (XERO 1.4, 1.7)."""
    tenant = request.headers.get("xero-tenant-id", "").strip().lower()
    reached = tenants_of(world, grant)
    if not tenant and grant["user"] is None and reached:
        return reached[0]
    if tenant not in reached:
        raise forbidden(world.new_id())
    return tenant


def check_scope(world: World, grant: Record, families: tuple[str, ...], *, write: bool) -> None:
    """A missing scope is 401, not 403 (XERO 1.8)."""
    if not permits(grant["scope"], families, write=write):
        raise unauthorized("AuthorizationUnsuccessful", world.new_id(), scope_missing=True)


def lane(request: Request) -> str | None:
    """Whose calls in progress count together: those of one organisation and app, and there is one app (XERO 2)."""
    of_api = request.path.lower().startswith("/api.xro/")
    return request.headers.get("xero-tenant-id", "").strip().lower() if of_api else None


def count_call(world: World, request: Request, tenant: str, now: datetime) -> None:
    """Count one call in the fixed windows of this tenant; the call that finds a window full is not counted, nor is one
    that comes while too many are in progress (XERO 2)."""
    if world.strikes("offline"):
        raise offline()
    _check_struck_limit(world, tenant, now)
    if int(request.headers.get(IN_PROGRESS, "1")) > _limit(world, "concurrent"):
        raise too_many(PROBLEMS["concurrent"], None)
    windows = [_window(world, name, tenant, now) for name in WINDOWS]
    for name, (window, ends_in_s) in zip(WINDOWS, windows, strict=True):
        if window["used"] >= _limit(world, name):
            raise too_many(PROBLEMS[name], ends_in_s if name in WAITS_TOLD else None)
    for window, _ in windows:
        window["used"] += 1


def _limit(world: World, name: str) -> int:
    return int(world.state["limits"].get(name, LIMITS[name]))


def _struck_limit(world: World) -> str | None:
    """The limit that a fault declares used up."""
    kind = world.strike["kind"] if world.strike else ""
    return kind.removeprefix("limit_") if kind.startswith("limit_") else None


def _check_struck_limit(world: World, tenant: str, now: datetime) -> None:
    name = _struck_limit(world)
    if name is None or world.strike is None:
        return
    wait_s = world.strike["settings"]["retry_after_s"]
    if wait_s is None and name in WAITS_TOLD:
        wait_s = _window(world, name, tenant, now)[1]
    raise too_many(PROBLEMS[name], None if wait_s is None or wait_s < 0 else int(wait_s))


def _window(world: World, name: str, tenant: str, now: datetime) -> tuple[Record, int]:
    """The window that holds ``now`` and the seconds until it ends. Windows are fixed and begin at an instant of each
    tenant's own (XERO 2)."""
    length_s = WINDOWS[name]
    key = f"{name}:{'' if name == 'app_minute' else tenant}"
    window: Record = world.state["windows"].setdefault(
        key, {"offset": int.from_bytes(sha256(key.encode()).digest()[:4], "big") % length_s, "number": -1, "used": 0}
    )
    number, into_s = divmod(int(now.timestamp()) + window["offset"], length_s)
    if window["number"] != number:
        window["number"], window["used"] = number, 0
    return window, length_s - into_s


def rate_headers(world: World, tenant: str, now: datetime) -> tuple[tuple[str, str], ...]:
    """The three headers that every accounting response carries (XERO 2)."""
    left = {name: max(0, _limit(world, name) - _window(world, name, tenant, now)[0]["used"]) for name in WINDOWS}
    if world.strike and world.strikes("limits_pinned"):
        pinned = int(world.strike["settings"]["left"])
        left = {name: _limit(world, name) if pinned < 0 else pinned for name in left}
    if (used_up := _struck_limit(world)) is not None:
        left[used_up] = 0
    return (
        ("X-DayLimit-Remaining", str(left["day"])),
        ("X-MinLimit-Remaining", str(left["minute"])),
        ("X-AppMinLimit-Remaining", str(left["app_minute"])),
    )


class Replay:
    """One use of an Idempotency-Key: find the stored answer, or keep this one (XERO 3.6).

    Scope is the app and the access token: the strict reading, as a client cannot rely on more.
    """

    def __init__(self, world: World, request: Request, jti: str, tenant: str, now: datetime) -> None:
        self.replays: dict[str, Any] = world.state["replays"]
        self.now = now
        key = request.headers.get("idempotency-key", "")
        self.active = bool(key) and request.method in {"POST", "PUT", "PATCH"}
        self.slot = f"{jti}:{key}"
        if not self.active:
            return
        if len(key) > KEY_LENGTH_MAX:
            raise idempotency_error(
                f"Idempotency Key: {key} is {len(key)} characters long; the maximum is {KEY_LENGTH_MAX}."
            )
        told = f"{request.method}\n{request.path}\n{request.query}\n{tenant}\n".encode() + request.body
        self.digest = sha256(told).hexdigest()
        kept = self.replays.get(self.slot)
        if kept is not None and now - kept["at"] < REPLAY_LIFE and kept["digest"] != self.digest:
            raise idempotency_error(f"Idempotency Key: {key} is used with a different request.")

    def find(self) -> Response | None:
        kept = self.replays.get(self.slot) if self.active else None
        if kept is None or self.now - kept["at"] >= REPLAY_LIFE:
            return None
        return Response(kept["status"], tuple((name, value) for name, value in kept["headers"]), kept["body"])

    def keep(self, response: Response) -> None:
        if not self.active:
            return
        stale = takewhile(lambda kept: self.now - kept[1]["at"] >= REPLAY_LIFE, self.replays.items())  # oldest first
        for slot, _ in list(stale):
            del self.replays[slot]
        self.replays[self.slot] = {
            "at": self.now,
            "digest": self.digest,
            "status": response.status,
            "headers": [list(header) for header in response.headers],
            "body": response.body,
        }
