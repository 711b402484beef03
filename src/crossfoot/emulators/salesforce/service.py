"""``handle``: one request to the emulated org, from bytes to bytes."""

from __future__ import annotations

import codecs
import dataclasses
import gzip
import re
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from crossfoot.emulators.salesforce import acts, control, oauth, permissions, recycle_bin, sessions
from crossfoot.emulators.salesforce.bulk import classic, work
from crossfoot.emulators.salesforce.errors import ILLEGAL_CODES, ApiError
from crossfoot.emulators.salesforce.events import cometd, pubsub
from crossfoot.emulators.salesforce.exchange import Ask, Reply, error_reply
from crossfoot.emulators.salesforce.metadata import jobs
from crossfoot.emulators.salesforce.metadata import soap as metadata_soap
from crossfoot.emulators.salesforce.multipart import read_parts
from crossfoot.emulators.salesforce.routes import dispatch
from crossfoot.emulators.salesforce.soap import partner
from crossfoot.emulators.salesforce.transaction import Caller, Transaction
from crossfoot.emulators.salesforce.values import from_json, render, to_json
from crossfoot.emulators.salesforce.world import World
from crossfoot.emulators.wire import Event, Request, Response

VERSION_NOW = 68
VERSION_OLDEST = 31
ADDRESS_AND_HEADERS_BYTES_MAX = 16_384
BODY_BYTES_MAX = 50_000_000
DATA_SCOPES = frozenset({"api", "full"})
JSON = ("Content-Type", "application/json;charset=UTF-8")
_DATA = re.compile(r"/services/data/v(\d+)\.(\d)(?:/(.*))?\Z")
_SEASONS = ("Spring", "Summer", "Winter")
_UNPACK: Mapping[str, Callable[[bytes], bytes]] = {
    "deflate": zlib.decompress,
    "gzip": gzip.decompress,
    "identity": lambda body: body,
}
# What a body is to its resource, by content type: a JSON value, the parts of a form, or the bytes of a file.
_BODIES: Mapping[str, Callable[[str, bytes], Any]] = {
    "application/json": lambda kind, body: from_json(_in_utf8(kind, body)),
    "multipart/form-data": read_parts,
    "text/csv": lambda _, body: body,
}


def handle(world: World, request: Request, now: datetime) -> tuple[Response, list[Event]]:
    """Answer one request at an instant of the emulator's clock, and tell what the org would push because of it."""
    if now.tzinfo is None:
        raise ValueError("now has to be an aware instant")
    now = now.astimezone(UTC)
    if request.path.startswith("/control/"):
        return control.serve(world, request, now, _serve_data)
    if request.path.startswith(pubsub.PATH):
        answer, told = pubsub.serve(world, request, now)
        _record(world, request, answer, now, None, None)
        return answer, told
    complaints: list[str] = []
    user: str | None = None
    events: list[Event] = []
    try:
        request = _unpacked(request)
        response = _before_data(world, request, now)
        if response is None and request.path.startswith(classic.PATH):
            response, events = classic.serve(world, request, now, _caller)
        elif response is None and (answered := partner.serve(world, request, now, _caller, _serve_data)) is not None:
            response, events, user = answered.response, answered.events, answered.user
            complaints += answered.complaints
        elif response is None:
            caller = None if request.path.rstrip("/") == "/services/data" else _bearer(world, request, now)
            user = caller.user_id if caller else None
            response, events = _serve_data(world, request, now, caller, complaints)
    except ApiError as error:
        response = _render(error_reply(error))
        if error.code in ILLEGAL_CODES:
            complaints.append(str(error))
    response = _with_usage(world, response, now)
    _record(world, request, response, now, user, "; ".join(dict.fromkeys(complaints)) or None)
    return response, events


def _before_data(world: World, request: Request, now: datetime) -> Response | None:
    """The answer of what stands beside the data API: OAuth, the Metadata API and streaming."""
    for serve in (oauth.serve, metadata_soap.serve, cometd.serve):
        response = serve(world, request, now)
        if response is not None:
            return response
    return None


def _bearer(world: World, request: Request, now: datetime) -> Caller:
    """Who sends a request of the data API: without a header nobody, with one that is none a mistake (SF 1.5)."""
    if "authorization" in request.headers and not sessions.bearer(request.headers):
        raise ApiError("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", status=401)
    return _caller(world, request, now)


def _caller(world: World, request: Request, now: datetime) -> Caller:
    """Who the bearer of the token is. Every such call counts against the org's daily limit (SF 2.8)."""
    token = sessions.bearer(dict(request.headers))
    session = sessions.session_of(world, token, now)
    if session is None:
        raise ApiError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
    if not DATA_SCOPES & set(session["scope"].split()):
        raise ApiError("INVALID_SESSION_ID", "This session is not valid for use with the REST API", status=401)
    if not world.settings["api_enabled"]:
        raise ApiError("API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.", status=403)
    if not permissions.holds(world, session["user"], "ApiEnabled"):
        raise ApiError("API_CURRENTLY_DISABLED", "API is disabled for this User", status=403)
    if world.usage(now) >= world.settings["daily_api_limit"]:
        raise ApiError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
    world.count_usage(now)
    options = request.headers.get("sforce-call-options", "")
    client = re.search(r"client\s*=\s*([^,;]+)", options)
    return Caller(session["user"], token, client=client.group(1).strip() if client else "")


def _serve_data(
    world: World, request: Request, now: datetime, caller: Caller | None, complaints: list[str]
) -> tuple[Response, list[Event]]:
    """A data API request of a known caller; without one, only the list of versions."""
    if caller is None:
        return _render(Reply(200, _versions())), []
    recycle_bin.advance(world, now)
    jobs.advance(world, now)
    events = work.advance(world, now)
    tx = Transaction(world, caller, now)
    version = None
    try:
        acts.refuse(world)
        ask = _ask(request, tx, complaints)
        version = ask.version
        reply = dispatch(ask)
    except ApiError as error:
        tx.rollback()
        reply = error_reply(error)
        if error.code in ILLEGAL_CODES:
            complaints.append(str(error))
    return _render(reply), events + tx.commit(None if caller.person else version)


def _ask(request: Request, tx: Transaction, complaints: list[str]) -> Ask:
    """The request, if its address is one of a version that still answers (SF 0.1, 2.1)."""
    address = len(request.path) + len(request.query)
    headers_length = sum(len(name) + len(value) for name, value in request.headers.items())
    if address + headers_length > ADDRESS_AND_HEADERS_BYTES_MAX:
        if address > headers_length:
            raise ApiError("URI_TOO_LONG", "URI Too Long", status=414)
        raise ApiError("HEADERS_TOO_LONG", "Request Header Fields Too Large", status=431)
    match = _DATA.match(request.path)
    if match is None:
        raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
    version = int(match.group(1))
    if 7 <= version < VERSION_OLDEST:
        raise ApiError("GONE", "The requested resource is no longer available", status=410)
    if not VERSION_OLDEST <= version <= VERSION_NOW or match.group(2) != "0":
        raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
    params = dict(parse_qsl(request.query, keep_blank_values=True))
    method = params.pop("_HttpMethod", request.method).upper() if request.method == "POST" else request.method
    payload = _payload(request) if method in {"POST", "PATCH", "PUT"} else None
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Ask(tx, version, method, match.group(3) or "", params, headers, payload, dispatch, complaints=complaints)


def _unpacked(request: Request) -> Request:
    """The request with the body that its sender compressed, for REST, Bulk and SOAP alike (SF 2.1)."""
    packed = request.headers.get("content-encoding", "").strip().lower()
    if not packed:
        return request
    if packed not in _UNPACK:
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", f"The content encoding {packed} is not supported", status=415)
    try:
        return dataclasses.replace(request, body=_UNPACK[packed](request.body))
    except (OSError, EOFError, zlib.error) as error:
        raise ApiError("JSON_PARSER_ERROR", f"The body is not {packed}, though Content-Encoding says so") from error


def _payload(request: Request) -> Any:
    """The body by its content type (SF 2.1)."""
    body = request.body
    if not body.strip():
        return None
    content_type = request.headers.get("content-type", "application/json")
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in _BODIES:
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", f"The content type {kind} is not supported", status=415)
    if len(body) > BODY_BYTES_MAX and kind != "text/csv":  # the bulk API has a limit of its own
        raise ApiError("REQUEST_TOO_LARGE", "Request Entity Too Large", status=413)
    return _BODIES[kind](content_type, body)


def _in_utf8(content_type: str, body: bytes) -> bytes:
    """A text in the charset that its content type names, without the mark that some writers put first (SF 2.1)."""
    named = re.search(r"charset\s*=\s*\"?([\w.:-]+)", content_type, re.IGNORECASE)
    if named is None or named.group(1).lower() in {"utf-8", "utf8"}:
        return body.removeprefix(codecs.BOM_UTF8)
    try:
        return body.decode(named.group(1)).encode()
    except (LookupError, UnicodeError) as error:
        message = f"The content type {content_type} is not supported"
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", message, status=415) from error


def _render(reply: Reply) -> Response:
    if reply.payload is None:
        return Response(reply.status, reply.headers)
    if isinstance(reply.payload, bytes):
        return Response(reply.status, reply.headers, reply.payload)
    return Response(reply.status, (JSON, *reply.headers), to_json(reply.payload))


def _versions() -> list[dict[str, str]]:
    return [
        {"label": _season(version), "url": f"/services/data/v{version}.0", "version": f"{version}.0"}
        for version in range(VERSION_OLDEST, VERSION_NOW + 1)
    ]


def _season(version: int) -> str:
    """Three releases a year: 66 is Spring '26, 67 Summer '26, 68 Winter '27 (SF 0.1)."""
    years, season = divmod(version - 66, 3)
    return f"{_SEASONS[season]} '{26 + years + (season == 2)}"


def _with_usage(world: World, response: Response, now: datetime) -> Response:
    """Sforce-Limit-Info in its short form on every answer (SF 2.1)."""
    usage = f"api-usage={world.usage(now)}/{world.settings['daily_api_limit']}"
    return Response(response.status, (*response.headers, ("Sforce-Limit-Info", usage)), response.body)


def _record(
    world: World, request: Request, response: Response, now: datetime, user: str | None, illegal: str | None
) -> None:
    entry = {"instant": render(now), "method": request.method, "path": request.path, "status": response.status}
    world.note(entry | {"user": user, "illegal": illegal})
    added = {"calls": 1, "bytes_in": len(request.body), "bytes_out": len(response.body), "illegal": illegal is not None}
    for name, amount in added.items():
        world.counts[name] = world.counts.get(name, 0) + int(amount)
