"""The control plane's view of webhooks: what an app's owner does in Xero's developer portal (XERO 6.1).

Xero has no API for this. ``/control/webhooks`` shows, sets and removes the subscription; below it stand a new intent to
receive, disturbances, and the receipts that whoever sends deliveries hands back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from crossfoot.emulators.wire import Event, Receipt, Request, Response
from crossfoot.emulators.xero import webhooks
from crossfoot.emulators.xero.errors import bad_data, json_response, not_found
from crossfoot.emulators.xero.formats import parse_json
from crossfoot.emulators.xero.world import World

Record = dict[str, Any]

_WAITING_SHOWN_MAX = 100
_SHOWN = ("url", "categories", "status", "batch_s", "kept_days", "sequence", "disturbances", "counts")


def _show(world: World) -> Response:
    """The subscription as it stands, ``null`` when there is none."""
    subscription: Record | None = world.state.get("webhooks")
    if subscription is None:
        return json_response({"webhooks": None})
    waiting, failing = subscription["waiting"], subscription["failing_since"]
    told = {
        **{name: subscription[name] for name in _SHOWN},
        "signing_key": world.app["webhook_key"],
        "intent_problem": subscription["intent"]["problem"],
        "failing_since": failing and failing.isoformat(),
        "disturbances_known": {name: kind.sentence for name, kind in webhooks.DISTURBANCES.items()},
        "waiting": [
            {
                "first": batch["first"],
                "last": batch["last"],
                "due": batch["due"].isoformat(),
                "failures": batch["failures"],
            }
            for batch in waiting[:_WAITING_SHOWN_MAX]
        ],
        "history": [{**entry, "at": entry["at"].isoformat()} for entry in subscription["history"]],
    }
    return json_response({"webhooks": told})


def _set(world: World, asked: Record, _now: datetime) -> None:
    webhooks.subscribe(world, asked)


def _remove(world: World, _asked: Record, _now: datetime) -> None:
    world.state["webhooks"] = None


def _look(_world: World, _asked: Record, _now: datetime) -> None:
    """Change nothing."""


def _ask_intent(world: World, _asked: Record, _now: datetime) -> None:
    webhooks.ask_intent(world)


def _disturb(world: World, asked: Record, _now: datetime) -> None:
    webhooks.disturb(world, asked)


def _calm(world: World, _asked: Record, _now: datetime) -> None:
    world.state["webhooks"]["disturbances"] = []


def _receive(world: World, asked: Record, now: datetime) -> None:
    status = asked.get("status")
    if status is not None:
        status = webhooks.whole_number(asked, "status", 0, 100, 599)
    milliseconds = webhooks.whole_number(asked, "milliseconds", 0, 0, 86_400_000)
    receipt = Receipt(status, milliseconds, bool(asked.get("has_body")), bool(asked.get("sets_cookies")))
    webhooks.outcome(world, str(asked.get("delivery")), receipt, now)


# Path below /control, method -> the act, and whether it needs a subscription.
_ACTS: Mapping[tuple[str, str], tuple[Callable[[World, Record, datetime], None], bool]] = {
    ("GET", "/control/webhooks"): (_look, False),
    ("PUT", "/control/webhooks"): (_set, False),
    ("DELETE", "/control/webhooks"): (_remove, False),
    ("POST", "/control/webhooks/intent"): (_ask_intent, True),
    ("POST", "/control/webhooks/disturbances"): (_disturb, True),
    ("DELETE", "/control/webhooks/disturbances"): (_calm, True),
    ("POST", "/control/webhooks/outcome"): (_receive, True),
}


def _screen(
    act: Callable[[World, Record, datetime], None], needs_subscription: bool
) -> Callable[[World, Request, datetime], tuple[Response, list[Event]]]:
    """The route of one act; every answer shows the subscription afterwards."""

    def route(world: World, request: Request, now: datetime) -> tuple[Response, list[Event]]:
        if needs_subscription and world.state.get("webhooks") is None:
            raise not_found()
        try:
            asked = parse_json(request.body) if request.body else {}
            if not isinstance(asked, dict):
                raise ValueError("An object was expected.")
            act(world, asked, now)
        except ValueError as error:
            raise bad_data(str(error)) from None
        return _show(world), []

    return route


ROUTES = {place: _screen(act, needs_subscription) for place, (act, needs_subscription) in _ACTS.items()}
