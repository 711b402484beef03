"""The Pub/Sub API as requests: one call of one method, its message as JSON, answered at once (SF 5.1-5.4).

The host's gRPC service turns calls into these requests and streams into rows of them, so that the switchboard, the
request log and a state folder treat events like everything else. Members are named as in the API's proto file; bytes
are base64.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossfoot.emulators.salesforce import sessions
from crossfoot.emulators.salesforce.events import log
from crossfoot.emulators.salesforce.events.avro import AvroError
from crossfoot.emulators.salesforce.events.topics import Topic, carried, find_topic
from crossfoot.emulators.salesforce.events.visibility import payload_for
from crossfoot.emulators.salesforce.ids import to_18
from crossfoot.emulators.wire import Event, Request, Response

if TYPE_CHECKING:
    from crossfoot.emulators.salesforce.world import World

PATH = "/eventbus.v1.PubSub/"
PENDING_MAX = 100
EVENTS_PER_PUBLISH_MAX = 200
BATCH_BYTES_MAX = 2_000_000
PREFIX = "sfdc.platform.eventbus.grpc."
STREAM_HEADER = "Emulator-Stream"  # tells the gRPC service to fall silent, or to end the stream
SILENT, ENDED = "stream_silent", "stream_ended"
ANSWERED, REFUSED = 200, 403
# Error code -> gRPC status (SF 5.4)
STATUSES = {
    "concurrent.client.limit.exceeded": "RESOURCE_EXHAUSTED",
    "managed.subscription.developer.name.not.found": "NOT_FOUND",
    "managed.subscription.subscription.id.not.found": "NOT_FOUND",
    "managed.subscription.id.or.developer.name.empty": "INVALID_ARGUMENT",
    "publish.event.count.invalid": "INVALID_ARGUMENT",
    "publish.topic.mismatch": "INVALID_ARGUMENT",
    "schema.meta.permission": "PERMISSION_DENIED",
    "schema.validation.failed": "INVALID_ARGUMENT",
    "service.auth.error": "UNAUTHENTICATED",
    "service.auth.headers.invalid": "UNAUTHENTICATED",
    "service.unavailable": "UNAVAILABLE",
    "subscription.fetch.replayid.corrupted": "INVALID_ARGUMENT",
    "subscription.fetch.replayid.validation.failed": "INVALID_ARGUMENT",
    "subscription.fetch.requested.events.invalid": "INVALID_ARGUMENT",
    "subscription.fetch.topic.mismatch": "INVALID_ARGUMENT",
    "subscription.limit.exceeded": "RESOURCE_EXHAUSTED",
    "subscription.topic.cannot.subscribe": "PERMISSION_DENIED",
    "topic.meta.permission": "PERMISSION_DENIED",
    "topic.not.found": "NOT_FOUND",
    "topic.validation.empty": "INVALID_ARGUMENT",
}

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PubSubSettings:
    """Where the service listens (port 0 = any free one), and how its streams behave.

    With a certificate chain and its key (PEM files) it speaks TLS, as Salesforce always does; without, plain text.
    """

    host: str = "127.0.0.1"
    port: int = 0
    certificate: Path | None = None
    key: Path | None = None
    keepalive_s: float = 90
    unasked_s_max: float = 60


class PubSubError(Exception):
    """A refusal; ``code`` is the error code without its common prefix."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def as_json(self) -> Message:
        return {"error_code": PREFIX + self.code, "status": STATUSES[self.code], "message": str(self)}


@dataclass(frozen=True, slots=True)
class Call:
    world: World
    user_id: str
    now: datetime
    message: Mapping[str, Any]

    def text(self, name: str) -> str:
        return str(self.message.get(name) or "")

    @property
    def rpc_id(self) -> str:
        return log.event_uuid(self.world, f"rpc {self.world.next_number('rpc')}")


def serve(world: World, request: Request, now: datetime) -> tuple[Response, list[Event]]:
    """Answer one call. A refusal has status 403 and names the gRPC status with which it leaves."""
    struck = world.strike["kind"] if world.strike else None
    try:
        method = _METHODS.get(request.path.removeprefix(PATH))
        if method is None:
            return Response(404), []
        call = Call(world, _user(world, request.headers, now), now, json.loads(request.body or b"{}"))
        if struck in (SILENT, ENDED):
            return _json(ANSWERED, {}, ((STREAM_HEADER, str(struck)),)), []
        if struck == "replay_id_corrupted" and call.text("replay_preset") == "CUSTOM":
            raise _corrupted()
        answer, events = method(call)
        return _json(ANSWERED, answer), events
    except PubSubError as error:
        return _json(REFUSED, error.as_json()), []


def _json(status: int, payload: Message, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    return Response(status, (("Content-Type", "application/json"), *headers), json.dumps(payload).encode())


def _user(world: World, headers: Mapping[str, str], now: datetime) -> str:
    """Whose session the call's metadata names. Such calls do not count against the daily limit of API requests."""
    missing = [name for name in ("accesstoken", "instanceurl", "tenantid") if not headers.get(name)]
    if missing:
        raise PubSubError("service.auth.headers.invalid", f"metadata {', '.join(missing)} is missing")
    if to_18(headers["tenantid"]) != world.organization["Id"]:
        raise PubSubError("service.auth.headers.invalid", "tenantid is not this org's id")
    session = sessions.session_of(world, headers["accesstoken"], now)
    if session is None:
        raise PubSubError("service.auth.error", "The access token is invalid or has expired")
    return str(session["user"])


def _topic(call: Call) -> Topic:
    name = call.text("topic_name")
    if not name:
        raise PubSubError("topic.validation.empty", "a topic name is required")
    topic = find_topic(call.world, name, call.user_id)
    if topic is None:
        raise PubSubError("topic.not.found", f"Topic {name} not found")
    if not (topic.can_subscribe or topic.can_publish):
        raise PubSubError("topic.meta.permission", f"User does not have access to {name}")
    return topic


def _get_topic(call: Call) -> tuple[Message, list[Event]]:
    topic = _topic(call)
    if topic.schema:
        log.keep_schema(call.world, topic.schema)
    return {
        "topic_name": topic.name,
        "tenant_guid": log.event_uuid(call.world, "tenant"),
        "can_publish": topic.can_publish,
        "can_subscribe": topic.can_subscribe,
        "schema_id": topic.schema.id if topic.schema else "",
        "rpc_id": call.rpc_id,
    }, []


def _get_schema(call: Call) -> tuple[Message, list[Event]]:
    schema_id = call.text("schema_id")
    known = call.world.events["schemas"].get(schema_id)
    if known is None:
        raise PubSubError("schema.validation.failed", f"Schema {schema_id} not found")
    return {"schema_json": known, "schema_id": schema_id, "rpc_id": call.rpc_id}, []


def _fetch(call: Call) -> tuple[Message, list[Event]]:
    """The events after a position, up to the number that is asked for; none when there are none yet (SF 5.2)."""
    topic = _topic(call)
    if not topic.can_subscribe:
        raise PubSubError("subscription.topic.cannot.subscribe", f"User cannot subscribe to {topic.name}")
    asked = min(int(call.message.get("num_requested") or 0), PENDING_MAX)
    if asked <= 0:
        raise PubSubError("subscription.fetch.requested.events.invalid", "num_requested must be more than 0")
    world, now = call.world, call.now
    waiting = log.after(world, _start(call), carried(world, topic.name), now)
    found = _batch(waiting, asked)
    left = world.settings["event_deliveries_per_day"] - log.used(world, "delivered", now, 24)
    if found and left <= 0:
        raise PubSubError("subscription.limit.exceeded", "The daily event delivery allocation is used up")
    found = found[: max(0, left)]
    log.count(world, "delivered", len(found), now)
    latest = found[-1]["position"] if found else log.tip(world, now)
    return {
        "events": [_consumer_event(call, entry) for entry in found],
        "latest_replay_id": _text(log.replay_id(world, latest)),
        "rpc_id": call.rpc_id,
        "pending_num_requested": asked - len(found),
    }, []


def has_waiting(world: Any, fetch: Mapping[str, Any], now: datetime) -> bool:
    """Whether the fetch that continues at this replay id would find events. Asking changes nothing."""
    position, topics = log.bare_position(b64decode(fetch["replay_id"])), carried(world, fetch["topic_name"])
    return next(log.after(world, position, topics, now), None) is not None


def _start(call: Call) -> int:
    preset = call.text("replay_preset") or "LATEST"
    if preset == "LATEST":
        return log.tip(call.world, call.now)
    if preset == "EARLIEST":
        return 0
    sent = call.text("replay_id")
    if not sent:
        raise PubSubError("subscription.fetch.replayid.validation.failed", "CUSTOM needs a replay id")
    try:
        return log.position_of(call.world, b64decode(sent), call.now)
    except log.UnknownPositionError:
        raise _corrupted() from None


def _corrupted() -> PubSubError:
    return PubSubError("subscription.fetch.replayid.corrupted", "The Replay ID validation failed.")


def _batch(waiting: Iterable[log.Entry], asked: int) -> list[log.Entry]:
    """As many as were asked for and fit into one message."""
    found: list[log.Entry] = []
    size = 0
    for entry in islice(waiting, asked):
        size += len(entry["payload"])
        if found and size > BATCH_BYTES_MAX:
            break
        found.append(entry)
    return found


def _consumer_event(call: Call, entry: log.Entry) -> Message:
    payload = payload_for(call.world, call.user_id, entry)
    event = {"id": entry["id"], "schema_id": entry["schema"], "payload": _text(payload)}
    return {"event": event, "replay_id": _text(log.replay_id(call.world, entry["position"]))}


def _publish(call: Call) -> tuple[Message, list[Event]]:
    """Publish platform events; each is taken or refused by itself (SF 5.1)."""
    topic, sent = _topic(call), call.message.get("events") or []
    if not topic.can_publish or topic.schema is None:
        raise PubSubError("topic.meta.permission", f"User cannot publish to {topic.name}")
    if not 1 <= len(sent) <= EVENTS_PER_PUBLISH_MAX:
        raise PubSubError("publish.event.count.invalid", f"publish 1 to {EVENTS_PER_PUBLISH_MAX} events at once")
    made = [_publish_one(call, topic, each) for each in sent]
    events = [Event("platform event", {"topic": topic.name, **each}) for each in made if "replay_id" in each]
    return {"results": made, "schema_id": topic.schema.id, "rpc_id": call.rpc_id}, events


def _publish_one(call: Call, topic: Topic, sent: Mapping[str, Any]) -> Message:
    world, schema = call.world, topic.schema
    assert schema is not None
    key = {"correlation_key": str(sent.get("id") or "")}
    if log.allocations(world, call.now)["HourlyPublishedPlatformEvents"]["Remaining"] <= 0:
        return key | {"error": {"code": "PUBLISH", "msg": "The hourly event publishing allocation is used up"}}
    try:
        payload = b64decode(str(sent.get("payload") or ""))
        if sent.get("schema_id") != schema.id:
            raise AvroError(f"the topic's schema is {schema.id}")
        schema.codec.decode(payload)
    except (AvroError, UnicodeDecodeError, binascii.Error) as error:
        return key | {"error": {"code": "PUBLISH", "msg": f"The event does not fit the schema: {error}"}}
    entry = log.append(world, topic.name, schema, payload, call.now, str(sent.get("id") or ""))
    log.count(world, "published", 1, call.now)
    return key | {"replay_id": _text(log.replay_id(world, entry["position"]))}


def _managed(call: Call) -> tuple[Message, list[Event]]:
    """An emulated org has no managed subscriptions, which are in beta."""
    for member, code in (
        ("developer_name", "developer.name.not.found"),
        ("subscription_id", "subscription.id.not.found"),
    ):
        if call.text(member):
            raise PubSubError(f"managed.subscription.{code}", f"no managed subscription {call.text(member)}")
    raise PubSubError("managed.subscription.id.or.developer.name.empty", "name a managed subscription")


def _text(value: bytes) -> str:
    return b64encode(value).decode()


_METHODS: Mapping[str, Callable[[Call], tuple[Message, list[Event]]]] = {
    "GetTopic": _get_topic,
    "GetSchema": _get_schema,
    "Subscribe": _fetch,
    "Publish": _publish,
    "ManagedSubscribe": _managed,
}
