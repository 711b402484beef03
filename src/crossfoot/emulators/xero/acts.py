"""What the fault switchboard's acts do in Xero: what people change while a client works, and grants that end.

The faults ``by the vendor`` are struck where the rule that they bend is kept: the gate, ``writing``, ``kinds`` and
``listing`` ask ``World.strikes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from crossfoot.emulators.fault_kinds import XERO_FAULTS, FaultSpecError
from crossfoot.emulators.faults import Act, Strike
from crossfoot.emulators.wire import Request
from crossfoot.emulators.xero.api import KINDS, split_path
from crossfoot.emulators.xero.formats import fold, parse_json, parse_modified_since, to_json
from crossfoot.emulators.xero.kinds import Call, Kind, Record
from crossfoot.emulators.xero.organisation import Organisation

_NAMES = ("Code", "TaxType", "Name", "ContactNumber")


@dataclass(frozen=True, slots=True)
class Screen:
    """One thing that a person does on Xero's screens, as a request of the control plane's ``person``.

    ``{name}`` stands for a setting of the fault: an id where the setting names a record.
    """

    method: str
    path: str
    body: Mapping[str, str]


SCREENS: Mapping[str, Screen] = {
    "organisation_downgraded": Screen("POST", "/Organisation", {"Class": "{class}"}),
    "lock_date_moved": Screen("POST", "/Organisation", {"{lock}": "{date}"}),
    "contact_archived": Screen("POST", "/Contacts/{contact}", {"ContactStatus": "ARCHIVED"}),
    "contact_merged": Screen("POST", "/Contacts/{contact}/merge", {"Into": "{into}"}),
    "account_archived": Screen("POST", "/Accounts/{account}", {"Status": "ARCHIVED"}),
    "account_renamed": Screen("POST", "/Accounts/{account}", {"Code": "{code}"}),
    "tax_rate_archived": Screen("POST", "/TaxRates", {"TaxType": "{tax_rate}", "Status": "ARCHIVED"}),
    "tax_rate_renamed": Screen("POST", "/TaxRates", {"TaxType": "{tax_rate}", "Name": "{name}"}),
    "item_deleted": Screen("DELETE", "/Items/{item}", {}),
    "item_renamed": Screen("POST", "/Items/{item}", {"Code": "{code}"}),
    "tracking_archived": Screen("POST", "/TrackingCategories/{category}", {"Status": "ARCHIVED"}),
    "tracking_option_archived": Screen("POST", "/TrackingCategories/{option}", {"Status": "ARCHIVED"}),
    "tracking_option_renamed": Screen("POST", "/TrackingCategories/{option}", {"Name": "{name}"}),
}


def _tenant(strike: Strike) -> str:
    """The organisation that the request means, else the app's first."""
    sent = strike.request.headers.get("xero-tenant-id", "").lower()
    return sent if sent in strike.world.organisations else str(strike.world.app["tenant_id"])


def _person(name: str, strike: Strike) -> None:
    """Do what the screen says; a refusal carries Xero's own words."""
    screen, tenant = SCREENS[name], _tenant(strike)
    organisation = strike.world.organisations[tenant]
    values = {key: _value(organisation, name, key, value) for key, value in strike.row["settings"].items()}
    wish = {
        "tenant": tenant,
        "method": screen.method,
        "path": screen.path.format_map(values),
        "body": {key.format_map(values): text.format_map(values) for key, text in screen.body.items()} or None,
    }
    request = Request("POST", "/control/person", body=to_json(wish))
    response, _ = strike.vendor.handle(strike.world, request, strike.now)
    if response.status >= 400:
        raise FaultSpecError(f"{name}: {_words(response.body)}")


def _words(body: bytes) -> str:
    try:
        told: Any = parse_json(body)
    except ValueError:
        return body.decode("utf-8", "replace")
    elements = told.get("Elements") or []
    problems = [error["Message"] for element in elements for error in element.get("ValidationErrors", ())]
    return "; ".join(problems) or str(told.get("Message", told))


def _value(organisation: Organisation, fault: str, name: str, value: Any) -> str:
    kind = XERO_FAULTS[fault].settings[name].names
    if kind is None:
        return str(value)
    found = (
        _option_path(organisation, value) if kind == "Options" else _record_id(organisation, KINDS[kind.lower()], value)
    )
    if found is None:
        raise FaultSpecError(f"{name}: the organisation has no such record in {kind}: {value}")
    return found


def _record_id(organisation: Organisation, kind: Kind, text: str) -> str | None:
    record = organisation.get(kind.plural, text)
    if record is None:
        same = (row for row in organisation.all(kind.plural) if fold(text) in _names(row))
        record = next(same, None)
    return None if record is None else str(record[kind.id_field])


def _names(record: Record) -> set[str]:
    return {fold(record[name]) for name in _NAMES if record.get(name)}


def _option_path(organisation: Organisation, text: str) -> str | None:
    """A tracking option by id or name, as the path below its category."""
    for category in organisation.all("TrackingCategories"):
        for option in category["Options"]:
            if fold(text) in {fold(option["TrackingOptionID"]), fold(option["Name"])}:
                return f"{category['TrackingCategoryID']}/Options/{option['TrackingOptionID']}"
    return None


def _page_shift(strike: Strike) -> None:
    """Save the oldest rows of the list anew: they go to its end, and every later row moves up (XERO 3.8)."""
    path = split_path(strike.request.path)
    kind = KINDS.get(path[0].lower()) if len(path) == 1 else None
    if kind is None or not kind.modified_since:
        raise FaultSpecError("page_shift needs a list whose rows have a date of change")
    organisation = strike.world.organisations[_tenant(strike)]
    call = Call(world=strike.world, organisation=organisation, now=strike.now)
    sent = strike.request.headers.get("if-modified-since")
    rows = organisation.by_stamp(kind.plural, parse_modified_since(sent) if sent else None)
    shown = [record for record in rows if kind.visible(call, record)]
    for record in shown[: int(strike.setting("rows"))]:
        organisation.put(kind.plural, kind.key(record), {**record, "UpdatedDateUTC": strike.now})


def _expire(strike: Strike) -> None:
    """End the bearer's access token; every one when no request brought it (XERO 1.5)."""
    tokens = strike.world.state["access_tokens"]
    bearer = strike.request.headers.get("authorization", "").rpartition(" ")[2]
    for found in [tokens[bearer]] if bearer in tokens else tokens.values():
        found["expires"] = strike.now


def _remove_scope(strike: Strike) -> None:
    """Take a scope from every grant; a write scope goes with its ``.read`` variant (XERO 1.8)."""
    state, scope = strike.world.state, str(strike.setting("scope"))
    holders = [row["grant"] for name in ("access_tokens", "refresh_tokens") for row in state[name].values()]
    holders += state["connections"].values()
    if not any(scope in holder["scope"] for holder in holders):
        raise FaultSpecError(f"no grant has the scope {scope}")
    for holder in holders:
        holder["scope"] = [held for held in holder["scope"] if held not in {scope, f"{scope}.read"}]


def _revoke(strike: Strike) -> None:
    """Revocation drops refresh tokens and connections together (XERO 1.5)."""
    strike.world.state["refresh_tokens"] = {}
    strike.world.state["connections"] = {}


def _disconnect(strike: Strike) -> None:
    """The organisation's connections end; tokens live on and meet 403 (XERO 1.6)."""
    state, tenant = strike.world.state, _tenant(strike)
    state["connections"] = {key: row for key, row in state["connections"].items() if row["tenant"] != tenant}
    state["custom_ended"] |= tenant == strike.world.app["tenant_id"]


ACTS: Mapping[str, Act] = {
    "page_shift": _page_shift,
    "token_expired": _expire,
    "scope_removed": _remove_scope,
    "refresh_token_revoked": _revoke,
    "connection_revoked": _disconnect,
    **{name: partial(_person, name) for name in SCREENS},
}
