"""The Xero emulator: ``handle(world, request, now) -> (response, events)``, without input, output or clock of its own.

It is an independent reading of Xero's rules; ``docs/vendors/xero.md`` restates the facts that the code cites as
``XERO n.m``.
"""

from __future__ import annotations

from datetime import datetime

from crossfoot.emulators import faults
from crossfoot.emulators.wire import Event, Request, Response
from crossfoot.emulators.xero import api, control, webhooks
from crossfoot.emulators.xero.acts import ACTS
from crossfoot.emulators.xero.beginning import credentials, new_world
from crossfoot.emulators.xero.errors import ApiError
from crossfoot.emulators.xero.gate import lane
from crossfoot.emulators.xero.openid import IDENTITY_ROUTES
from crossfoot.emulators.xero.webhooks import due, outcome
from crossfoot.emulators.xero.world import World

__all__ = ["World", "credentials", "due", "handle", "lane", "new_world", "outcome"]


def handle(world: World, request: Request, now: datetime) -> tuple[Response, list[Event]]:
    """Answer one request at an instant of the emulator's clock (aware UTC); the only change is to this world."""
    world.state["instant"] = now
    response, events = faults.serve(world, request, now, _VENDOR)
    webhooks.announce(world, events, now)
    return response, events


def _answer(world: World, request: Request, now: datetime) -> tuple[Response, list[Event]]:
    path = request.path.lower().rstrip("/")
    if path.startswith("/control/"):
        return control.answer(world, request, now)
    route = IDENTITY_ROUTES.get((request.method, path))
    if route is None:
        return api.answer(world, request, now)
    world.state["counts"]["identity_calls"] += 1
    try:
        return route(world, request, now), []
    except ApiError as error:
        return error.response, []


_VENDOR = faults.Vendor("xero", _answer, ACTS)
