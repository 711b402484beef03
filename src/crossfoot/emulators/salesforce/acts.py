"""What the fault switchboard does in Salesforce: refusals of the vendor, and what people change while a client works.

``row_lock``, ``late_rows`` and ``same_second`` strike in the transaction of the request that they meet.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

from crossfoot.emulators.fault_kinds import FaultSpecError
from crossfoot.emulators.faults import Act, Strike
from crossfoot.emulators.salesforce import sessions
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.schema import Field, SObject, declaration
from crossfoot.emulators.salesforce.values import from_json, to_json
from crossfoot.emulators.salesforce.world import World
from crossfoot.emulators.wire import Request

# Fault -> code, message and status (SF 2.3).
REFUSALS: Mapping[str, tuple[str, str, int]] = {
    "limit_day": ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403),
    "limit_concurrent": (
        "REQUEST_LIMIT_EXCEEDED",
        "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
        403,
    ),
    "server_busy": ("SERVER_UNAVAILABLE", "Server too busy", 503),
    "unknown_exception": (
        "UNKNOWN_EXCEPTION",
        "An unexpected error occurred. Please include this ErrorId if you contact support: 1047-2210 (-1431190312)",
        500,
    ),
    "query_timeout": ("QUERY_TIMEOUT", "Your query request was running for too long.", 400),
    "maintenance": (
        "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
        "Organization is in read only mode for maintenance",
        503,
    ),
}
# Fault -> path below /control/ and body; {name} stands for a setting of the fault. What begins with a method is a
# person's request of the data API.
SCREENS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "api_disabled": ("settings", {"api_enabled": False}),
    "app_blocked": ("settings", {"app_error": "{error}"}),
    "record_deleted": ("DELETE sobjects/{object}/{record}", {}),
    "record_erased": ("erase", {"object": "{object}", "id": "{record}"}),
    "record_hidden": ("hide", {"object": "{object}", "id": "{record}"}),
    "record_merged": ("merge", {"object": "{object}", "winner": "{into}", "losers": ["{record}"]}),
    "record_shown": ("show", {"object": "{object}", "id": "{record}"}),
    "record_undeleted": ("undelete", {"object": "{object}", "id": "{record}"}),
    "rows_saved": ("resave", {"object": "{object}", "rows": "{rows}"}),
    "validation_rule_added": (
        "validation-rule",
        {"object": "{object}", "name": "Added_by_fault", "condition": "{condition}", "message": "{message}"},
    ),
}


def refuse(world: World) -> None:
    """Refuse the request in hand where a fault of the vendor says so."""
    refused = REFUSALS.get(world.strike["kind"]) if world.strike is not None else None
    if refused is not None:
        code, message, status = refused
        raise ApiError(code, message, status=status)


def _screen(name: str, strike: Strike) -> None:
    """Do what the screen says; a refusal carries the org's own words."""
    path, body = SCREENS[name]
    settings = strike.row["settings"]
    filled = {key: _filled(value, settings) for key, value in body.items()}
    method, _, below = path.format_map(settings).partition(" ")
    if below:
        filled = {"method": method, "path": f"/services/data/v68.0/{below}"}
    request = Request("POST", f"/control/{'person' if below else path}", body=to_json(filled))
    response, _ = strike.vendor.handle(strike.world, request, strike.now)
    if response.status >= 400:
        raise FaultSpecError(f"{name}: {from_json(response.body)[0]['message']}")


def _filled(value: Any, settings: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_filled(each, settings) for each in value]
    return value.format_map(settings) if isinstance(value, str) else value


def _expire(strike: Strike) -> None:
    """End the bearer's session; every one when no request brought it (SF 1.5)."""
    world, bearer = strike.world, sessions.bearer(dict(strike.request.headers))
    for token in [bearer] if bearer in world.sessions else list(world.sessions):
        sessions.end_session(world, token)


def _revoke(strike: Strike) -> None:
    for name, family in strike.world.families.items():
        if family["live"]:
            sessions.end_family(strike.world, name)


def _deactivate(strike: Strike) -> None:
    """The user of that name, or the integration user, is deactivated."""
    world: World = strike.world
    username = strike.setting("username") or world.settings["username"]
    user = sessions.user_named(world, username)
    if user is None:
        raise FaultSpecError(f"no active user is called {username}")
    world.put(world.object("User"), {**user, "IsActive": False, "SystemModstamp": strike.now.replace(microsecond=0)})


def _lose_cursors(strike: Strike) -> None:
    strike.world.cursors = {}


def _field(strike: Strike, *, custom: bool = True) -> tuple[SObject, Field]:
    sobject = strike.world.schema.object(str(strike.setting("object")))
    field = sobject.field(str(strike.setting("field"))) if sobject else None
    if sobject is None or field is None or (custom and not field.custom):
        kind = "custom field" if custom else "field"
        raise FaultSpecError(f"the org has no {kind} {strike.setting('object')}.{strike.setting('field')}")
    return sobject, field


def _remove_field(strike: Strike) -> None:
    """Delete a custom field with its values."""
    world: World = strike.world
    sobject, field = _field(strike)
    for data in world.declarations:
        if data["name"] == sobject.name:
            data["fields"] = [each for each in data["fields"] if each["name"] != field.name]
    for row in list(world.rows.get(sobject.name, {}).values()):
        world.rows[sobject.name][row["Id"]] = {name: value for name, value in row.items() if name != field.name}
    world.declare()


def _hide_field(strike: Strike) -> None:
    sobject, field = _field(strike)
    _drop_grants(strike, "FieldPermissions", "Field", f"{sobject.name}.{field.name}")


def _hide_object(strike: Strike) -> None:
    _drop_grants(strike, "ObjectPermissions", "SobjectType", str(strike.setting("object")))


def _drop_grants(strike: Strike, grants: str, member: str, name: str) -> None:
    world: World = strike.world
    granted = [row for row in world.rows.get(grants, {}).values() if row[member].lower() == name.lower()]
    if not granted:
        raise FaultSpecError(f"no permission set grants {name}")
    for row in granted:
        world.drop(world.object(grants), row["Id"])


def _add_picklist_value(strike: Strike) -> None:
    sobject, field = _field(strike, custom=False)
    if field.type not in {"picklist", "multipicklist"}:
        raise FaultSpecError(f"{sobject.name}.{field.name} is no picklist")
    longer = dataclasses.replace(field, picklist=(*field.picklist, str(strike.setting("value"))))
    strike.world.declare(declaration(dataclasses.replace(sobject, fields=(longer,))))


def _deactivate_currency(strike: Strike) -> None:
    world: World = strike.world
    code = str(strike.setting("currency")).upper()
    row = next((each for each in world.rows.get("CurrencyType", {}).values() if each["IsoCode"] == code), None)
    if row is None or row.get("IsCorporate"):
        raise FaultSpecError(f"{code} is no currency that the org could deactivate")
    world.put(world.object("CurrencyType"), {**row, "IsActive": False})


ACTS: Mapping[str, Act] = {
    "currency_deactivated": _deactivate_currency,
    "cursors_lost": _lose_cursors,
    "field_hidden": _hide_field,
    "field_removed": _remove_field,
    "object_hidden": _hide_object,
    "picklist_value_added": _add_picklist_value,
    "refresh_token_revoked": _revoke,
    "token_expired": _expire,
    "user_deactivated": _deactivate,
    **{name: partial(_screen, name) for name in SCREENS},
}
