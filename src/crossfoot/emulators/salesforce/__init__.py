"""The Salesforce emulator: an org with its REST API, its rules and its OAuth endpoints.

``handle`` is the whole of it: deterministic, single-threaded, without input, output or a clock of its own.
"""

from __future__ import annotations

from datetime import datetime

from crossfoot.emulators import faults
from crossfoot.emulators.salesforce import service
from crossfoot.emulators.salesforce.acts import ACTS
from crossfoot.emulators.salesforce.org import new_world
from crossfoot.emulators.salesforce.settings import DEFAULT_SETTINGS
from crossfoot.emulators.salesforce.world import World
from crossfoot.emulators.wire import Event, Request, Response

__all__ = ["DEFAULT_SETTINGS", "World", "handle", "new_world"]

_VENDOR = faults.Vendor("salesforce", service.handle, acts=ACTS)


def handle(world: World, request: Request, now: datetime) -> tuple[Response, list[Event]]:
    """Answer one request at an instant of the emulator's clock (aware UTC), through the fault switchboard."""
    return faults.serve(world, request, now, _VENDOR)
