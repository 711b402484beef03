"""Objects and what changed of them, over SOAP (SF 2.4, 2.6, 2.9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crossfoot.emulators.salesforce.soap.call import Call
from crossfoot.emulators.salesforce.soap.envelope import SoapFault, element

OBJECTS_MAX = 100


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
        return _told(call.ask("GET", f"sobjects/{name}/describe"))
    except SoapFault as fault:
        if fault.code != "NOT_FOUND":
            raise
        shown = f"sObject type '{name}' is not supported."
        raise SoapFault("INVALID_TYPE", shown, kind="InvalidSObjectFault") from None


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
    start, end = call.text("startDate"), call.text("endDate")
    return call.ask("GET", f"sobjects/{call.text('sObjectType')}/{resource}", start=start, end=end)
