"""What an operation of the partner or enterprise API works on: org, caller, and the data API beneath it (SF 2.9)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from crossfoot.emulators.salesforce import acts, sessions
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.soap.envelope import Envelope, SoapFault
from crossfoot.emulators.salesforce.transaction import Caller, Transaction
from crossfoot.emulators.salesforce.values import from_json, to_json
from crossfoot.emulators.salesforce.world import Row, World
from crossfoot.emulators.wire import Event, Request, Response

Admit = Callable[[World, Request, datetime], Caller]
ServeData = Callable[[World, Request, datetime, Caller | None, list[str]], tuple[Response, list[Event]]]
BAD_SESSION = "Invalid Session ID found in SessionHeader: Illegal Session"
# SOAP header with its element -> request header of REST and its words (SF 2.1).
_OPTIONS = {
    ("CallOptions", "client"): ("sforce-call-options", "client={}"),
    ("DuplicateRuleHeader", "allowSave"): ("sforce-duplicate-rule-header", "allowSave={}"),
    ("QueryOptions", "batchSize"): ("sforce-query-options", "batchSize={}"),
}
_CODES = {"EXCEEDED_MAX_SIZE_REQUEST": "EXCEEDED_ID_LIMIT", "INVALID_BATCH_SIZE": "EXCEEDED_ID_LIMIT"}
_KINDS = {
    "INVALID_FIELD": "InvalidFieldFault",
    "INVALID_QUERY_LOCATOR": "InvalidQueryLocatorFault",
    "INVALID_SESSION_ID": "UnexpectedErrorFault",
    "INVALID_TYPE": "InvalidSObjectFault",
    "MALFORMED_ID": "InvalidIdFault",
    "MALFORMED_QUERY": "MalformedQueryFault",
}


@dataclasses.dataclass(slots=True)
class Call:
    """One operation. What it changes is told in ``events``, what a careful client would not send in ``complaints``."""

    world: World
    envelope: Envelope
    version: int
    api: str
    now: datetime
    admit: Admit
    serve_data: ServeData
    events: list[Event] = dataclasses.field(default_factory=list)
    complaints: list[str] = dataclasses.field(default_factory=list)
    admitted: Caller | None = None

    def text(self, name: str) -> str:
        """A parameter's text; empty where it is missing."""
        return self.envelope.operation.get(name)

    def user(self) -> Row:
        """The user of the session, for what counts against no limit."""
        session = sessions.session_of(self.world, self.envelope.session, self.now)
        if session is None:
            raise fault_of(ApiError("INVALID_SESSION_ID", ""))
        return sessions.user_of(self.world, session["user"])

    def caller(self) -> Caller:
        """Who asks, admitted once, as the data API admits; its writes are told as SOAP's (SF 5.6)."""
        if self.admitted is not None:
            return self.admitted
        headers = {"authorization": f"Bearer {self.envelope.session}", **self._headers()}
        try:
            admitted = self.admit(self.world, Request("POST", "/", "", headers, b""), self.now)
        except ApiError as error:
            raise fault_of(error) from None
        self.admitted = dataclasses.replace(admitted, api="soap")
        return self.admitted

    def _headers(self) -> dict[str, str]:
        said = ((self.envelope.option(*asked), *told) for asked, told in _OPTIONS.items())
        return {name: words.format(value) for value, name, words in said if value}

    def ask(self, method: str, path: str, payload: Any = None, *, version_min: int = 0, **query: str) -> Any:
        """What the data API answers: there is one way to read and to write, whatever carries it."""
        full = f"/services/data/v{max(self.version, version_min)}.0/{path}"
        body = b"" if payload is None else to_json(payload)
        headers = {"content-type": "application/json", **self._headers()}
        request = Request(method, full, urlencode(query), headers, body)
        response, events = self.serve_data(self.world, request, self.now, self.caller(), self.complaints)
        self.events += events
        answer: Any = from_json(response.body) if response.body else None
        if response.status >= 400:
            error = answer[0]
            raise fault_of(ApiError(error["errorCode"], error["message"], status=response.status))
        return answer

    def act(self, action: Callable[[Transaction], Any]) -> Any:
        """Do what only SOAP and people do, in a transaction of its own."""
        tx = Transaction(self.world, self.caller(), self.now)
        try:
            acts.refuse(self.world)
            done = action(tx)
        except ApiError:
            tx.rollback()
            raise
        self.events += tx.commit(self.version)
        return done


def fault_of(error: ApiError) -> SoapFault:
    """A refusal of the data API as a fault of SOAP."""
    if error.code == "JSON_PARSER_ERROR":
        return SoapFault("soapenv:Client", error.message)
    message = BAD_SESSION if error.code == "INVALID_SESSION_ID" else error.message
    code = _CODES.get(error.code, error.code)
    return SoapFault(code, message, kind=_KINDS.get(code, "ApiFault"))


def outcome(made: Mapping[str, Any]) -> dict[str, Any]:
    """What became of one record, as SOAP tells it: errors first, and an id even where there is none."""
    errors = [{name: each[name] for name in ("fields", "message", "statusCode")} for each in made.get("errors", ())]
    created = {"created": made.get("created", False)} if "created" in made else {}
    return {**created, "errors": errors, "id": made.get("id"), "success": made["success"]}
