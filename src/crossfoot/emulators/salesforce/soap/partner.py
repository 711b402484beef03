"""The partner and enterprise APIs: ``/services/Soap/u/59.0`` and ``/services/Soap/c/59.0`` (SF 1.1, 2.9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.soap import describing, login, records
from crossfoot.emulators.salesforce.soap.call import Admit, Call, ServeData, fault_of
from crossfoot.emulators.salesforce.soap.envelope import (
    NAMESPACES,
    RECORD_NAMESPACES,
    SoapFault,
    envelope_answer,
    fault_answer,
    read_envelope,
)
from crossfoot.emulators.salesforce.world import World
from crossfoot.emulators.wire import Event, Request, Response

VERSION_OLDEST, VERSION_NOW = 31, 68
_PATH = re.compile(r"/services/Soap/([uc])/(\d{1,3})(?:\.0)?(?:/[^/]*)?/?\Z", re.IGNORECASE)


class Answer(NamedTuple):
    """The response, what the org pushes because of it, who asked, and what a careful client would not have sent."""

    response: Response
    events: list[Event]
    user: str | None
    complaints: list[str]


def serve(world: World, request: Request, now: datetime, admit: Admit, serve_data: ServeData) -> Answer | None:
    """The answer of the partner or enterprise API; None when the path is none of SOAP's (SF 2.9)."""
    match = _PATH.match(request.path)
    if match is None and request.path.lower().startswith("/services/soap/"):
        fault = SoapFault("soapenv:Client", f"The emulator serves no SOAP API at {request.path}")
        return Answer(fault_answer(NAMESPACES["u"], fault), [], None, [])
    if match is None:
        return None
    api, version = match.group(1).lower(), int(match.group(2))
    try:
        if not VERSION_OLDEST <= version <= VERSION_NOW:
            raise SoapFault("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL")
        call = Call(world, read_envelope(request.body), version, api, now, admit, serve_data)
    except SoapFault as fault:
        return Answer(fault_answer(NAMESPACES[api], fault), [], None, [])
    try:
        response = _answer(call)
    except ApiError as error:
        response = fault_answer(NAMESPACES[api], fault_of(error))
    except SoapFault as fault:
        response = fault_answer(NAMESPACES[api], fault)
    user = call.admitted.user_id if call.admitted else None
    return Answer(response, call.events, user, call.complaints)


def _answer(call: Call) -> Response:
    asked = call.envelope.operation
    operation = OPERATIONS.get(asked.tag)
    if operation is None:
        name = f"{{{asked.namespace}}}{asked.tag}"
        raise SoapFault("soapenv:Client", f"No operation available for request {name}")
    content = f"<{asked.tag}Response>{operation(call)}</{asked.tag}Response>"
    return envelope_answer(NAMESPACES[call.api], content, records=RECORD_NAMESPACES[call.api])


OPERATIONS: Mapping[str, Callable[[Call], str]] = {
    "convertLead": records.convert_lead,
    "create": records.create,
    "delete": records.delete,
    "describeGlobal": describing.describe_global,
    "describeSObject": describing.describe_sobject,
    "describeSObjects": describing.describe_sobjects,
    "emptyRecycleBin": records.empty_recycle_bin,
    "getDeleted": describing.get_deleted,
    "getServerTimestamp": login.get_server_timestamp,
    "getUpdated": describing.get_updated,
    "getUserInfo": login.get_user_info,
    "login": login.log_in,
    "logout": login.log_out,
    "merge": records.merge,
    "query": records.query,
    "queryAll": records.query_all,
    "queryMore": records.query_more,
    "retrieve": records.retrieve,
    "search": records.search,
    "undelete": records.undelete,
    "update": records.update,
    "upsert": records.upsert,
}
