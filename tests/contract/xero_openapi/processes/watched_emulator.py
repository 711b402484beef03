"""Has somebody see all that the emulated Xero answers, beneath what the faults do to answers on their way.

Imported by processes that must start quickly: the standard library only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any


def wrap(emulator: ModuleType, see: Callable[[Any, Any], None]) -> None:
    """Have ``see`` called with each request and response of the accounting API and of the identity service."""
    answer, routes = emulator.api.answer, emulator.IDENTITY_ROUTES

    @functools.wraps(answer)
    def answer_seen(world: Any, request: Any, now: Any) -> Any:
        response, events = answer(world, request, now)
        see(request, response)
        return response, events

    def seen(route: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(route)
        def route_seen(world: Any, request: Any, now: Any) -> Any:
            response = route(world, request, now)
            see(request, response)
            return response

        return route_seen

    emulator.api.answer = answer_seen
    routes.update({key: seen(route) for key, route in routes.items()})
