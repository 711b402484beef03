"""The catalogue of faults: everything that can be made to go wrong, with a sentence and its settings.

Help, messages and the reference pages are written from this table. ``faults`` strikes what lies on the wire; a vendor's
own package does the rest, by the same names. To add a fault is to add a row here and a row there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

BOTH, XERO, SALESFORCE = ("salesforce", "xero"), ("xero",), ("salesforce",)
WIRE, VENDOR, ACT = "on the wire", "by the vendor", "an act"
REQUIRED = object()
wait_s_max = 600
far_s_max = 7 * 24 * 3600


class FaultSpecError(ValueError):
    """A fault description cannot be used; the message names the member at fault."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a fault: its meaning, its default, and the bounds of a number.

    ``names`` is the kind of record that a text stands for, by id, code or name.
    """

    text: str
    default: Any = REQUIRED
    lowest: int | None = None
    highest: int | None = None
    names: str | None = None

    def read(self, name: str, value: Any) -> Any:
        """The value as a fault keeps it, or FaultSpecError."""
        if value is None or isinstance(value, bool):
            raise FaultSpecError(f"{name} needs a value: {self.text}")
        if self.lowest is None or self.highest is None:
            return value if isinstance(value, dict) else str(value)
        if not isinstance(value, int | Decimal) or not self.lowest <= value <= self.highest:
            raise FaultSpecError(f"{name} must be a number from {self.lowest} to {self.highest}; got {value!s}")
        return value


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One sort of fault. An act without a ``match`` is done at once; all else waits for the next request it matches.

    ``path`` is the part of a path that it matches where no other is given.
    """

    place: str
    does: str
    systems: tuple[str, ...] = XERO
    settings: Mapping[str, Setting] = field(default_factory=dict)
    path: str = ""


def _status(default: int, lowest: int = 400) -> Setting:
    return Setting("the HTTP status", default, lowest, 599)


def _seconds(text: str, default: int, highest: int = wait_s_max) -> Setting:
    return Setting(text, default, 0, highest)


def _named(kind: str, text: str) -> Setting:
    return Setting(f"{text}, by id, code or name", names=kind)


_TYPE = Setting("its Content-Type", "application/json")
_BODY = Setting("its body; without one, a JSON object that names the switchboard", "")
_HEADERS = Setting("further headers, as an object", None)
_RETRY = Setting("seconds in Retry-After, -1 to leave the header out; by default as Xero would", None, -1, far_s_max)

WIRE_FAULTS: Mapping[str, FaultKind] = {
    "lost_request": FaultKind(WIRE, "The connection closes before the vendor sees the request.", BOTH),
    "lost_response": FaultKind(WIRE, "The vendor commits, then the connection closes without an answer.", BOTH),
    "late": FaultKind(
        WIRE,
        "The connection closes without an answer; the vendor acts on the request later, by the emulators' clock.",
        BOTH,
        {"seconds": _seconds("how much later", 90, 3600)},
    ),
    "slow": FaultKind(
        WIRE,
        "The vendor commits, and its answer comes late; until then the call is in progress.",
        BOTH,
        {"seconds": _seconds("how late", 1)},
    ),
    "truncated": FaultKind(WIRE, "The vendor commits, then the answer breaks off in the middle of its body.", BOTH),
    "duplicate": FaultKind(
        WIRE,
        "A proxy delivers the request twice; the client hears one of the two answers.",
        BOTH,
        {"hears": Setting("which answer: 1 or 2", 1, 1, 2)},
    ),
    "status": FaultKind(
        WIRE,
        "The answer is an error (by default 503) and the vendor has done nothing.",
        BOTH,
        {"status": _status(503, 100), "headers": _HEADERS, "content_type": _TYPE, "body": _BODY},
    ),
    "status_after_commit": FaultKind(
        WIRE,
        "The vendor commits, then the answer is an error (by default 500).",
        BOTH,
        {"status": _status(500), "headers": _HEADERS, "content_type": _TYPE, "body": _BODY},
    ),
    "html_page": FaultKind(
        WIRE,
        "A gateway answers with a page in HTML and the vendor sees nothing.",
        BOTH,
        {"status": _status(502, 200)},
    ),
    "wrong_type": FaultKind(
        WIRE,
        "The vendor commits, and its answer carries a wrong Content-Type.",
        BOTH,
        {"content_type": Setting("the wrong type", "text/html; charset=utf-8")},
    ),
}
XERO_FAULTS: Mapping[str, FaultKind] = {
    "limit_minute": FaultKind(VENDOR, "429: the organisation's minute is used up.", XERO, {"retry_after_s": _RETRY}),
    "limit_day": FaultKind(VENDOR, "429: the organisation's day is used up.", XERO, {"retry_after_s": _RETRY}),
    "limit_concurrent": FaultKind(VENDOR, "429: too many calls in progress.", XERO, {"retry_after_s": _RETRY}),
    "limit_app_minute": FaultKind(VENDOR, "429: the app's minute is used up.", XERO, {"retry_after_s": _RETRY}),
    "limits_pinned": FaultKind(
        VENDOR,
        "The headers that say how many calls are left do not move: they are stale.",
        XERO,
        {"left": Setting("what all three say; -1 for the full limits, as during Rapid Sync", -1, -1, 100_000)},
    ),
    "offline": FaultKind(VENDOR, "503 in plain text: the organisation is offline, being moved or restored."),
    "silent_200": FaultKind(VENDOR, "A write answers 200 as if done, and the change is dropped."),
    "zero_id": FaultKind(VENDOR, "A create answers 200 with an all-zero id, and nothing is created."),
    "read_lag": FaultKind(
        VENDOR,
        "What the request creates does not show in reads for a while; uniqueness sees it at once.",
        XERO,
        {"seconds": _seconds("for how long, by the emulators' clock", 30, 3600)},
    ),
    "page_shift": FaultKind(
        ACT,
        "Before a list is read, its oldest rows are saved anew by somebody, and all others move up between pages.",
        XERO,
        {"rows": Setting("how many rows", 1, 1, 1000)},
    ),
    "token_expired": FaultKind(ACT, "The request's access token ends, or every one when nothing is matched."),
    "scope_removed": FaultKind(
        ACT, "Grants lose a scope.", XERO, {"scope": Setting("the scope, as accounting.invoices")}
    ),
    "refresh_token_revoked": FaultKind(ACT, "Every refresh token is revoked, and with it every connection."),
    "connection_revoked": FaultKind(ACT, "A user disconnects the app in Xero: the organisation's connections end."),
    "organisation_downgraded": FaultKind(
        ACT,
        "The organisation moves to a smaller plan.",
        XERO,
        {"class": Setting("the plan, as the organisation's Class names it", "STARTER")},
    ),
    "lock_date_moved": FaultKind(
        ACT,
        "Finance moves a lock date, in either direction.",
        XERO,
        {
            "date": Setting("the new date, as 2026-10-31; empty takes the lock away"),
            "lock": Setting("PeriodLockDate or EndOfYearLockDate", "PeriodLockDate"),
        },
    ),
    "contact_archived": FaultKind(
        ACT, "A person archives a contact.", XERO, {"contact": _named("Contacts", "the contact")}
    ),
    "contact_merged": FaultKind(
        ACT,
        "A person merges a contact into another.",
        XERO,
        {"contact": _named("Contacts", "the contact that goes"), "into": _named("Contacts", "the one that stays")},
    ),
    "account_archived": FaultKind(
        ACT, "A person archives an account.", XERO, {"account": _named("Accounts", "the account")}
    ),
    "account_renamed": FaultKind(
        ACT,
        "A person gives an account another code.",
        XERO,
        {"account": _named("Accounts", "the account"), "code": Setting("the new code")},
    ),
    "tax_rate_archived": FaultKind(
        ACT, "A person archives a tax rate.", XERO, {"tax_rate": _named("TaxRates", "the rate")}
    ),
    "tax_rate_renamed": FaultKind(
        ACT,
        "A person gives a tax rate another name.",
        XERO,
        {"tax_rate": _named("TaxRates", "the rate"), "name": Setting("the new name")},
    ),
    "item_deleted": FaultKind(ACT, "A person deletes an item.", XERO, {"item": _named("Items", "the item")}),
    "item_renamed": FaultKind(
        ACT,
        "A person gives an item another code.",
        XERO,
        {"item": _named("Items", "the item"), "code": Setting("the new code")},
    ),
    "tracking_archived": FaultKind(
        ACT,
        "A person archives a tracking category.",
        XERO,
        {"category": _named("TrackingCategories", "the category")},
    ),
    "tracking_option_archived": FaultKind(
        ACT, "A person archives a tracking option.", XERO, {"option": _named("Options", "the option")}
    ),
    "tracking_option_renamed": FaultKind(
        ACT,
        "A person gives a tracking option another name.",
        XERO,
        {"option": _named("Options", "the option"), "name": Setting("the new name")},
    ),
}
_STREAM = "/eventbus.v1.PubSub/Subscribe"


def _salesforce(place: str, does: str, **settings: Setting) -> FaultKind:
    return FaultKind(place, does, SALESFORCE, settings)


_OBJECT = Setting("the object, as Account")
_FIELD = Setting("the field, as Site")
_RECORD = Setting("the record's id")
SALESFORCE_FAULTS: Mapping[str, FaultKind] = {
    "limit_day": _salesforce(VENDOR, "403 REQUEST_LIMIT_EXCEEDED: the org's calls of 24 hours are used up."),
    "limit_concurrent": _salesforce(VENDOR, "403 REQUEST_LIMIT_EXCEEDED: too many long calls in progress."),
    "server_busy": _salesforce(VENDOR, "503 SERVER_UNAVAILABLE: the instance is busy."),
    "unknown_exception": _salesforce(VENDOR, "500 UNKNOWN_EXCEPTION with an ErrorId, and nothing was done."),
    "query_timeout": _salesforce(VENDOR, "400 QUERY_TIMEOUT: the query ran for too long."),
    "maintenance": _salesforce(VENDOR, "The org is read-only: INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE."),
    "row_lock": _salesforce(
        VENDOR,
        "UNABLE_TO_LOCK_ROW for one record of the request; the others are not held up.",
        item=Setting("which record, counted from 1", 1, 1, 10_000),
    ),
    "late_rows": _salesforce(
        VENDOR,
        "What the request writes is committed late: reads show it only after a while, behind its own stamp.",
        seconds=_seconds("for how long, by the emulators' clock", 30, 3600),
    ),
    "same_second": _salesforce(VENDOR, "What the request writes carries the very stamp of its object's newest row."),
    "token_expired": _salesforce(
        ACT, "The request's session ends with its cursors, or every one when none is matched."
    ),
    "refresh_token_revoked": _salesforce(ACT, "Every refresh token is revoked, and its session ends."),
    "user_deactivated": _salesforce(
        ACT,
        "A user leaves: sessions and grants are refused.",
        username=Setting("the user; by default the integration user", ""),
    ),
    "app_blocked": _salesforce(
        ACT, "The org stops admitting the app.", error=Setting("how it refuses", "OAUTH_APP_BLOCKED")
    ),
    "api_disabled": _salesforce(ACT, "The edition loses the API: 403 API_DISABLED_FOR_ORG."),
    "cursors_lost": _salesforce(ACT, "Every open query cursor is lost: INVALID_QUERY_LOCATOR."),
    "rows_saved": _salesforce(
        ACT,
        "Somebody saves the oldest rows of an object anew, and they move behind all others.",
        object=_OBJECT,
        rows=Setting("how many rows", 1, 1, 10_000),
    ),
    "field_removed": _salesforce(ACT, "A custom field is deleted.", object=_OBJECT, field=_FIELD),
    "field_hidden": _salesforce(
        ACT, "Every permission set loses its grant on a custom field.", object=_OBJECT, field=_FIELD
    ),
    "object_hidden": _salesforce(ACT, "Every permission set loses its grant on an object.", object=_OBJECT),
    "picklist_value_added": _salesforce(
        ACT, "A picklist gets one more value.", object=_OBJECT, field=_FIELD, value=Setting("the value")
    ),
    "validation_rule_added": _salesforce(
        ACT,
        "An administrator adds a validation rule.",
        object=_OBJECT,
        condition=Setting("when it refuses, as a SOQL condition", "Id != null"),
        message=Setting("what it says", "Ask your administrator."),
    ),
    "currency_deactivated": _salesforce(ACT, "A currency is deactivated.", currency=Setting("its code, as NZD")),
    "record_deleted": _salesforce(ACT, "A person deletes a record.", object=_OBJECT, record=_RECORD),
    "record_undeleted": _salesforce(
        ACT, "A person brings a record back from the recycle bin.", object=_OBJECT, record=_RECORD
    ),
    "record_erased": _salesforce(
        ACT, "A deleted record is taken out of the recycle bin.", object=_OBJECT, record=_RECORD
    ),
    "record_merged": _salesforce(
        ACT,
        "A person merges a record into another.",
        object=_OBJECT,
        record=Setting("the id of the record that goes"),
        into=Setting("the id of the one that stays"),
    ),
    "record_hidden": _salesforce(ACT, "A record is no longer shared with apps.", object=_OBJECT, record=_RECORD),
    "record_shown": _salesforce(ACT, "A record is shared with apps again.", object=_OBJECT, record=_RECORD),
    "event_gap": FaultKind(
        VENDOR, "The change events of the matched write come as gap events, without values.", SALESFORCE
    ),
    "event_overflow": FaultKind(
        VENDOR, "The change events of the matched write come as one GAP_OVERFLOW per object, without ids.", SALESFORCE
    ),
    "event_lost": FaultKind(VENDOR, "The matched write makes no change events.", SALESFORCE),
    "replay_id_corrupted": FaultKind(
        VENDOR, "The next replay id is refused as if it had expired or the org had moved.", SALESFORCE, path=_STREAM
    ),
    "stream_ended": FaultKind(VENDOR, "The server ends an event stream.", SALESFORCE, path=_STREAM),
    "stream_silent": FaultKind(
        VENDOR, "An event stream falls silent: no event, no keepalive, no error.", SALESFORCE, path=_STREAM
    ),
}
_OF: Mapping[str, Mapping[str, FaultKind]] = {
    "salesforce": {**WIRE_FAULTS, **SALESFORCE_FAULTS},
    "xero": {**WIRE_FAULTS, **XERO_FAULTS},
}
CATALOGUE = (*WIRE_FAULTS.values(), *SALESFORCE_FAULTS.values(), *XERO_FAULTS.values())


def kinds_of(system: str) -> Mapping[str, FaultKind]:
    """The faults that one system can have, by name. Both may have one of the same name, each in its own way."""
    return _OF[system]
