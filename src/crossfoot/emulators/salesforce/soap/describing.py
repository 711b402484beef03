"""Objects and what changed of them, over SOAP (SF 2.4, 2.6, 2.9)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from crossfoot.emulators.salesforce.soap.call import Call
from crossfoot.emulators.salesforce.soap.envelope import SoapFault, element

OBJECTS_MAX = 100
# What REST lists among its addresses stands in SOAP by itself: the pages that a person opens.
_PAGES = {"urlDetail": "uiDetailTemplate", "urlEdit": "uiEditTemplate", "urlNew": "uiNewRecord"}
_ZONE = re.compile(r"(?:Z|[+-]\d\d:?\d\d)\Z", re.IGNORECASE)


def describe_global(call: Call) -> str:
    return element("result", _told(call.ask("GET", "sobjects")))


def describe_sobject(call: Call) -> str:
    return element("result", _described(call, call.text("sObjectType")))


def describe_sobjects(call: Call) -> str:
    names = call.envelope.operation.texts("sObjectType")
    if len(names) > OBJECTS_MAX:
        raise SoapFault("EXCEEDED_ID_LIMIT", f"at most {OBJECTS_MAX} objects are described in one call")
    return element("result", [_described(call, each) for each in names])


def _described(call: Call, name: str) -> Any:
    try:
        described = call.ask("GET", f"sobjects/{name}/describe")
    except SoapFault as fault:
        if fault.code != "NOT_FOUND":
            raise
        shown = f"sObject type '{name}' is not supported."
        raise SoapFault("INVALID_TYPE", shown, kind="InvalidSObjectFault") from None
    pages = {tag: described["urls"].get(name) for tag, name in _PAGES.items()}
    return {**_told(described), **pages}


def _told(described: Any) -> Any:
    """A description without what is null, and without addresses of REST."""
    if isinstance(described, list):
        return [_told(each) for each in described]
    if isinstance(described, Mapping):
        return {name: _told(each) for name, each in described.items() if each is not None and name != "urls"}
    return described


def get_updated(call: Call) -> str:
    return element("result", _window(call, "updated"))


def get_deleted(call: Call) -> str:
    return element("result", _window(call, "deleted"))


def _window(call: Call, resource: str) -> Any:
    start, end = (_zoned(call.text(name)) for name in ("startDate", "endDate"))
    return call.ask("GET", f"sobjects/{call.text('sObjectType')}/{resource}", start=start, end=end)


def _zoned(instant: str) -> str:
    """An instant without a zone is one of UTC (unconfirmed)."""
    return instant if not instant or _ZONE.search(instant) else f"{instant}Z"
