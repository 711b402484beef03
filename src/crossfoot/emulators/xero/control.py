"""The control plane under ``/control/``: the request log, and what people do in Xero's own screens.

It needs no token; the host binds it to loopback only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from crossfoot.emulators.wire import Event, Request, Response
from crossfoot.emulators.xero.api import KINDS, parse_query, respond, split_path
from crossfoot.emulators.xero.chart import DATES
from crossfoot.emulators.xero.contacts import merge
from crossfoot.emulators.xero.errors import ApiError, bad_data, json_response, not_found, validation_error
from crossfoot.emulators.xero.fields import Check, Field, choice, read_members
from crossfoot.emulators.xero.formats import parse_json, to_json, to_wire
from crossfoot.emulators.xero.kinds import Call, Record, find_record
from crossfoot.emulators.xero.plans import EDITIONS, PLANS
from crossfoot.emulators.xero.reference import WITH_LINES
from crossfoot.emulators.xero.webhook_screens import ROUTES as WEBHOOK_ROUTES
from crossfoot.emulators.xero.world import World

# What a person may change on the organisation's settings screens.
ORGANISATION_FIELDS = {
    **dict.fromkeys(DATES, Field("day")),
    "Name": Field(),
    "IsDemoCompany": Field("flag"),
    "DefaultSalesTax": Field(),
    "Timezone": Field(),
    "Class": choice(*PLANS),
    "Edition": choice(*EDITIONS),
}


def answer(world: World, request: Request, now: datetime) -> tuple[Response, list[Event]]:
    """One control request."""
    route = _ROUTES.get((request.method, urlsplit(request.path).path.lower().rstrip("/")))
    try:
        if route is None:
            raise not_found()
        return route(world, request, now)
    except ApiError as error:
        return error.response, []


def _log(world: World, request: Request, _now: datetime) -> tuple[Response, list[Event]]:
    """The request log, or what came since the position that an earlier answer called ``next``."""
    since = int(parse_qs(request.query).get("since", ["0"])[0])
    entries = [{**entry, "at": entry["at"].isoformat()} for entry in world.log[since:]]
    return json_response({"entries": entries, "next": len(world.log)}), []


def _counts(world: World, _request: Request, _now: datetime) -> tuple[Response, list[Event]]:
    return json_response(world.state["counts"]), []


def _person(world: World, request: Request, now: datetime) -> tuple[Response, list[Event]]:
    """Do an API request as the organisation's own user: no quota, no token, not the app's doing."""
    asked = _json(request.body)
    tenant = str(asked.get("tenant") or world.app["tenant_id"])
    if tenant not in world.organisations or not isinstance(asked.get("path"), str):
        raise not_found()
    place, _, inline_query = asked["path"].partition("?")
    sent = asked.get("query") or inline_query
    if not isinstance(sent, str | dict):
        raise bad_data("A query is a text or an object.")
    query = (
        parse_query(sent) if isinstance(sent, str) else {str(name).lower(): str(value) for name, value in sent.items()}
    )
    call = Call(
        world=world, organisation=world.organisations[tenant], now=now, query={"unitdp": "4", **query}, adviser=True
    )
    method, path, body = str(asked.get("method", "GET")).upper(), split_path(place), asked.get("body")
    if not path:
        raise not_found()
    special = _SCREENS.get((method, path[0].lower(), path[2].lower() if len(path) == 3 else ""))
    if special is not None and not isinstance(body or {}, dict):
        raise bad_data("An object was expected.")
    if special is not None:
        return json_response(to_wire(special(call, path, body or {}))), call.events
    response = respond(call, method, path, b"" if body is None else to_json(body))
    return response, call.events


def _json(body: bytes) -> Record:
    try:
        found = parse_json(body)
    except ValueError as error:
        raise bad_data(str(error)) from None
    if not isinstance(found, dict):
        raise bad_data("An object was expected.")
    return found


def _edit_organisation(call: Call, _path: list[str], body: Record) -> Record:
    """Change lock dates and other settings; an empty string clears a lock date."""
    sent: Any = body.get("Organisations", [body])
    check = Check()
    changed = [read_members(ORGANISATION_FIELDS, one, check) for one in (sent if isinstance(sent, list) else [sent])]
    if check.problems:
        raise validation_error([{"ValidationErrors": [{"Message": message} for message in check.problems]}])
    info = call.organisation.info
    for values in changed:
        info |= values
    return {"Organisations": [info]}


def _merge_contacts(call: Call, path: list[str], body: Record) -> Record:
    kind = KINDS["contacts"]
    loser, survivor = (find_record(call, kind, str(name)) for name in (path[1], body.get("Into", "")))
    if loser is None or survivor is None or loser is survivor:
        raise not_found()
    merge(call, loser, survivor, (*WITH_LINES, "Prepayments", "Overpayments"))
    return {"Contacts": [kind.view(call, survivor, "single")]}


_ROUTES: Mapping[tuple[str, str], Callable[[World, Request, datetime], tuple[Response, list[Event]]]] = {
    ("GET", "/control/log"): _log,
    ("GET", "/control/counts"): _counts,
    ("POST", "/control/person"): _person,
    **WEBHOOK_ROUTES,
}
_SCREENS: Mapping[tuple[str, str, str], Callable[[Call, list[str], Record], Record]] = {
    ("POST", "organisation", ""): _edit_organisation,
    ("POST", "organisations", ""): _edit_organisation,
    ("POST", "contacts", "merge"): _merge_contacts,
}
