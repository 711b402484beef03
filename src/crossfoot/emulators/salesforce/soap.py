"""SOAP: envelopes and faults, and ``login()`` where the partner and enterprise APIs still have it (SF 1.1, 10.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from crossfoot.emulators.salesforce import sessions
from crossfoot.emulators.salesforce.errors import OAuthError
from crossfoot.emulators.salesforce.values import render
from crossfoot.emulators.salesforce.world import Row, World
from crossfoot.emulators.wire import Request, Response

LOGIN_VERSION_MAX = 64
LOGIN_ENDS = datetime(2027, 6, 1, tzinfo=UTC)
VERSION_OLDEST, VERSION_NOW = 31, 68
DEPTH_MAX = 60
NAMESPACES = {"u": "urn:partner.soap.sforce.com", "c": "urn:enterprise.soap.sforce.com"}
_PATH = re.compile(r"/services/Soap/([uc])/(\d+)(?:\.0)?(?:/[^/]*)?/?\Z", re.IGNORECASE)
_BAD_LOGIN = "Invalid username, password, security token; or user locked out."


class SoapFault(Exception):
    """A refusal in SOAP's own shape, always with status 500."""

    def __init__(self, code: str, message: str, *, kind: str = "ApiFault") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Envelope:
    """One SOAP request: the operation, its namespace, its parameters, and the session that the header names."""

    operation: str
    namespace: str
    parameters: Element
    session: str

    def text(self, name: str) -> str:
        """A parameter's text; empty where it is missing."""
        return next((each.text or "" for each in self.parameters if local(each) == name), "")


@dataclass(frozen=True, slots=True)
class Call:
    """What an operation of the partner or enterprise API works on."""

    world: World
    envelope: Envelope
    version: int
    api: str
    now: datetime

    def caller(self) -> Row:
        """The user of the session."""
        session = sessions.session_of(self.world, self.envelope.session, self.now)
        if session is None:
            message = "Invalid Session ID found in SessionHeader: Illegal Session"
            raise SoapFault("INVALID_SESSION_ID", message, kind="UnexpectedErrorFault")
        return sessions.user_of(self.world, session["user"])


class _Builder(TreeBuilder):
    """Builds a plain tree: no document type, so no entities of its own, and a bounded depth."""

    depth = 0

    def start(self, tag: str, attributes: dict[Any, Any], /) -> Element:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise ValueError(f"elements are nested more than {DEPTH_MAX} deep")
        return super().start(tag, attributes)

    def end(self, tag: str, /) -> Element:
        self.depth -= 1
        return super().end(tag)

    def doctype(self, _name: str, _public_id: str | None, _system: str | None) -> None:
        raise ValueError("a document type is not allowed")


def local(element: Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def read_envelope(body: bytes) -> Envelope:
    """A request's envelope. Raises SoapFault for what is not one."""
    parser = XMLParser(target=_Builder())  # noqa: S314 - the builder refuses what makes XML dangerous
    try:
        parser.feed(body)
        root = parser.close()
    except (ParseError, LookupError, ValueError) as error:
        raise SoapFault("soapenv:Client", f"The request is not well-formed XML: {error}") from None
    parts = {local(part): part for part in root}
    operation = next(iter(parts.get("Body", ())), None)
    if local(root) != "Envelope" or operation is None:
        raise SoapFault("soapenv:Client", "The request has no operation in the body of an envelope.")
    named = (each.text or "" for each in parts.get("Header", root).iter() if local(each) == "sessionId")
    namespace = operation.tag.rpartition("}")[0].lstrip("{")
    return Envelope(local(operation), namespace, operation, next(named, "").strip())


def envelope_answer(namespace: str, content: str, *, status: int = 200) -> Response:
    """An answer around XML that is ready."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="{namespace}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<soapenv:Body>{content}</soapenv:Body></soapenv:Envelope>"
    )
    return Response(status, (("Content-Type", "text/xml;charset=UTF-8"),), text.encode())


def fault_answer(namespace: str, fault: SoapFault) -> Response:
    """A fault: clients read ``faultstring``, or ``sf:exceptionCode`` and ``sf:exceptionMessage`` (SF 10.2)."""
    if ":" in fault.code:
        content = f"<faultcode>{fault.code}</faultcode><faultstring>{escape(fault.message)}</faultstring>"
    else:
        code, message = escape(fault.code), escape(fault.message)
        content = (
            f"<faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring>"
            f'<detail><sf:{fault.kind} xsi:type="sf:{fault.kind}"><sf:exceptionCode>{code}</sf:exceptionCode>'
            f"<sf:exceptionMessage>{message}</sf:exceptionMessage></sf:{fault.kind}></detail>"
        )
    family = namespace.replace("urn:", "urn:fault.")
    content = f'<soapenv:Fault xmlns:sf="{family}">{content}</soapenv:Fault>'
    return envelope_answer(namespace, content, status=500)


def serve(world: World, request: Request, now: datetime) -> Response | None:
    """The answer of the partner or enterprise API; None when the path is neither's."""
    match = _PATH.match(request.path)
    if match is None:
        return None
    api, version = match.group(1).lower(), int(match.group(2))
    try:
        if not VERSION_OLDEST <= version <= VERSION_NOW:
            raise SoapFault("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL")
        call = Call(world, read_envelope(request.body), version, api, now)
        operation = _OPERATIONS.get(call.envelope.operation)
        if operation is None:
            name = f"{{{call.envelope.namespace}}}{call.envelope.operation}"
            raise SoapFault("soapenv:Client", f"No operation available for request {name}")
        content = operation(call)
    except SoapFault as fault:
        return fault_answer(NAMESPACES[api], fault)
    name = f"{call.envelope.operation}Response"
    return envelope_answer(NAMESPACES[api], f"<{name}>{content}</{name}>")


def _log_in(call: Call) -> str:
    """A session for a name and a password; gone from v65 on, and everywhere with Summer '27 (SF 1.1)."""
    if call.version > LOGIN_VERSION_MAX or call.now >= LOGIN_ENDS:
        message = f"login() is not available in API version {call.version}.0"
        raise SoapFault("UNSUPPORTED_API_VERSION", message)
    if not call.world.settings["soap_login"]:
        raise SoapFault("INVALID_OPERATION", "SOAP API login() is disabled by default in this org.")
    username, password = call.envelope.text("username"), call.envelope.text("password")
    try:
        user = sessions.log_in(call.world, username, password, call.now, token=True)
    except OAuthError as error:
        raise SoapFault("LOGIN_RATE_EXCEEDED", error.description, kind="LoginFault") from None
    if user is None:
        raise SoapFault("INVALID_LOGIN", _BAD_LOGIN, kind="LoginFault")
    token = sessions.open_session(call.world, user["Id"], "full api", call.now)
    base, org_id = f"{call.world.public_url}/services/Soap", call.world.organization["Id"][:15]
    result = {
        "metadataServerUrl": f"{base}/m/{call.version}.0/{org_id}",
        "passwordExpired": False,
        "sandbox": bool(call.world.settings["is_sandbox"]),
        "serverUrl": f"{base}/{call.api}/{call.version}.0/{org_id}",
        "sessionId": token,
        "userId": user["Id"],
    }
    return f"<result>{_elements(result)}<userInfo>{_elements(_user_info(call, user))}</userInfo></result>"


def _log_out(call: Call) -> str:
    call.caller()
    sessions.end_session(call.world, call.envelope.session)
    return ""


def _get_user_info(call: Call) -> str:
    return f"<result>{_elements(_user_info(call, call.caller()))}</result>"


def _get_server_timestamp(call: Call) -> str:
    call.caller()
    return f"<result>{_elements({'timestamp': str(render(call.now)).replace('+0000', 'Z')})}</result>"


def _user_info(call: Call, user: Row) -> dict[str, Any]:
    organization, settings = call.world.organization, call.world.settings
    return {
        "currencySymbol": None,
        "organizationId": organization["Id"],
        "organizationMultiCurrency": bool(settings["multi_currency"]),
        "organizationName": organization["Name"],
        "orgDefaultCurrencyIsoCode": settings["corporate_currency"],
        "profileId": user["ProfileId"],
        "sessionSecondsValid": settings["session_timeout_s"],
        "userDefaultCurrencyIsoCode": settings["corporate_currency"] if settings["multi_currency"] else None,
        "userEmail": user.get("Email"),
        "userFullName": " ".join(user[part] for part in ("FirstName", "LastName") if user.get(part)),
        "userId": user["Id"],
        "userLanguage": user.get("LanguageLocaleKey"),
        "userLocale": user.get("LocaleSidKey"),
        "userName": user["Username"],
        "userTimeZone": user.get("TimeZoneSidKey"),
        "userType": "Standard",
        "userUiSkin": "Theme3",
    }


def _elements(values: Mapping[str, Any]) -> str:
    return "".join(
        f'<{name} xsi:nil="true"/>' if value is None else f"<{name}>{escape(_text(value))}</{name}>"
        for name, value in values.items()
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_OPERATIONS: Mapping[str, Callable[[Call], str]] = {
    "login": _log_in,
    "logout": _log_out,
    "getUserInfo": _get_user_info,
    "getServerTimestamp": _get_server_timestamp,
}
