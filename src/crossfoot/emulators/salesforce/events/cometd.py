"""``/cometd/60.0``: the Streaming API, which refuses every handshake and says why; events come by gRPC (SF 5.9)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crossfoot.emulators.salesforce import sessions
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.values import from_json, to_json
from crossfoot.emulators.salesforce.world import World
from crossfoot.emulators.wire import Request, Response

PATH = "/cometd/"
_JSON = ("Content-Type", "application/json;charset=UTF-8")
_NOT_HERE = "403::The emulator does not serve the Streaming API: subscribe through the Pub/Sub API"
_NO_TOKEN = "401::Request requires authentication"  # noqa: S105 - words for its absence
_BAD_TOKEN = "401::Authentication invalid"  # noqa: S105 - words for a token that is none


def serve(world: World, request: Request, now: datetime) -> Response | None:
    """The answer to Bayeux messages; None where they are none. A client that is refused so does not ask again."""
    if not request.path.startswith(PATH) or request.method != "POST":
        return None
    reason = _reason(world, request, now)
    try:
        sent = from_json(request.body)
    except ApiError:
        return Response(400, (_JSON,), to_json([_refusal({}, "400::Message is not JSON", reason)]))
    messages = sent if isinstance(sent, list) else [sent]
    told = [_answer(each, reason) for each in messages if isinstance(each, Mapping)]
    return Response(200, (_JSON,), to_json(told))


def _reason(world: World, request: Request, now: datetime) -> str:
    token = sessions.bearer(request.headers)
    if not token:
        return _NO_TOKEN
    return _BAD_TOKEN if sessions.session_of(world, token, now) is None else _NOT_HERE


def _answer(message: Mapping[str, Any], reason: str) -> dict[str, Any]:
    handshake = message.get("channel") == "/meta/handshake"
    return _refusal(message, "403::Handshake denied" if handshake else "403::Unknown client", reason)


def _refusal(message: Mapping[str, Any], error: str, reason: str) -> dict[str, Any]:
    told = {"channel": message.get("channel", "/meta/handshake"), "error": error, "successful": False}
    kept = {name: message[name] for name in ("id", "version", "supportedConnectionTypes") if name in message}
    return {**kept, **told, "advice": {"reconnect": "none"}, "ext": {"sfdc": {"failureReason": reason}}}
