"""The control plane: what people and tests do to the org behind the API's back (SF 11.1 item 7).

It carries no bearer token and counts against no limit; the host serves it on loopback only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from crossfoot.emulators.salesforce import record_controls, records
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.events import controls as events
from crossfoot.emulators.salesforce.settings import ACCESS_SETTINGS, check
from crossfoot.emulators.salesforce.transaction import Caller, Transaction
from crossfoot.emulators.salesforce.values import from_json, to_json
from crossfoot.emulators.salesforce.world import World
from crossfoot.emulators.wire import Event, Request, Response

Answer = tuple[Response, list[Event]]
ServeData = Callable[[World, Request, datetime, Caller | None, list[str]], Answer]


def serve(world: World, request: Request, now: datetime, serve_data: ServeData) -> Answer:
    """Answer a request below ``/control/``."""
    try:
        body = from_json(request.body) if request.body else {}
        if not isinstance(body, dict):
            raise ApiError("BAD_REQUEST", "the body has to be a JSON object")
        name = request.path.removeprefix("/control/").strip("/")
        if request.method == "GET" and name in _READINGS:
            return _json(200, _READINGS[name](world, dict(parse_qsl(request.query)))), []
        if request.method == "POST" and name == "person":
            return serve_data(world, _as_sent(body), now, _person(world), [])
        if request.method in {"POST", "PATCH"} and name in _ACTIONS:
            return _act(Transaction(world, _person(world), now), _ACTIONS[name], body)
    except ApiError as error:
        return _json(error.status, [error.as_error()]), []
    except KeyError as error:
        return _json(400, [{"message": f"the body needs {error}", "errorCode": "BAD_REQUEST"}]), []
    return _json(404, [{"message": "no such control", "errorCode": "NOT_FOUND"}]), []


def _act(tx: Transaction, action: Callable[[Transaction, Mapping[str, Any]], Any], body: Mapping[str, Any]) -> Answer:
    try:
        answer = action(tx, body)
    except ApiError:
        tx.rollback()
        raise
    return _json(200, answer), tx.commit(None)


def _json(status: int, payload: Any) -> Response:
    return Response(status, (("Content-Type", "application/json;charset=UTF-8"),), to_json(payload))


def _person(world: World) -> Caller:
    """The org's administrator in the user interface."""
    return Caller(world.grants["admin"], person=True)


def _as_sent(body: Mapping[str, Any]) -> Request:
    query = body.get("query") or ""
    sent = body.get("body")
    return Request(
        str(body["method"]).upper(),
        body["path"].partition("?")[0],
        urlencode(query) if isinstance(query, dict) else str(query) or body["path"].partition("?")[2],
        {name.lower(): value for name, value in (body.get("headers") or {}).items()},
        sent.encode() if isinstance(sent, str) else b"" if sent is None else to_json(sent),
    )


def _log(world: World, params: Mapping[str, str]) -> Any:
    since = int(params.get("since", 0))
    return {"entries": world.log[since:], "next": len(world.log)}


def _counts(world: World, _: Mapping[str, str]) -> Any:
    return world.counts


def _merge(tx: Transaction, body: Mapping[str, Any]) -> Any:
    records.merge(tx, tx.world.object(body["object"]), body["winner"], list(body["losers"]))
    return {"id": body["winner"], "success": True}


def _undelete(tx: Transaction, body: Mapping[str, Any]) -> Any:
    records.undelete(tx, tx.world.object(body["object"]), body["id"])
    return {"id": body["id"], "success": True}


def _validation_rule(tx: Transaction, body: Mapping[str, Any]) -> Any:
    """Create a validation rule, or change the one of that object and name: to switch it off, send ``active``."""
    sobject = tx.world.object("ValidationRule")
    names = {
        "object": "EntityDefinition",
        "name": "ValidationName",
        "condition": "ErrorConditionFormula",
        "message": "ErrorMessage",
        "field": "ErrorDisplayField",
        "active": "Active",
    }
    values = {names[key]: value for key, value in body.items() if key in names}
    known = (row for row in tx.world.rows.get("ValidationRule", {}).values())
    same = ("EntityDefinition", "ValidationName")
    found = next((row for row in known if all(row[each] == values.get(each) for each in same)), None)
    if found is None:
        return {"id": records.insert(tx, sobject, values), "success": True}
    records.update(tx, sobject, found["Id"], values)
    return {"id": found["Id"], "success": True}


def _settings(tx: Transaction, body: Mapping[str, Any]) -> Any:
    """Change how the org admits apps and users: names and values of ``ACCESS_SETTINGS``. Answers all of those."""
    unknown = set(body) - ACCESS_SETTINGS
    if unknown:
        raise ApiError("BAD_REQUEST", f"not to be changed here: {', '.join(sorted(unknown))}")
    try:
        tx.world.settings = check({**tx.world.settings, **body})
    except ValueError as error:
        raise ApiError("BAD_REQUEST", str(error)) from None
    return {name: tx.world.settings[name] for name in sorted(ACCESS_SETTINGS)}


_READINGS: Mapping[str, Callable[[World, Mapping[str, str]], Any]] = {
    "log": _log,
    "counts": _counts,
    "events": events.show,
}
_ACTIONS: Mapping[str, Callable[[Transaction, Mapping[str, Any]], Any]] = {
    **record_controls.CONTROLS,
    "change-events": events.select,
    "change-gap": events.tell_gap,
    "merge": _merge,
    "settings": _settings,
    "undelete": _undelete,
    "validation-rule": _validation_rule,
}
