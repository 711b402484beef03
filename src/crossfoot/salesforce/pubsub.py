"""The Pub/Sub API as a subscriber uses it: change events over gRPC (SF 5.1 to 5.6). Needs the extra ``cdc``.

A change event says where to look and when it was committed; its field values are not read here, since amounts arrive
as doubles and unchanged fields as nulls.
"""

from __future__ import annotations

import contextlib
import io
import json
import queue
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from threading import Thread
from typing import Any

import fastavro
import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from crossfoot.core.errors import NeedsPerson
from crossfoot.salesforce.changes import Change, Received, StreamEnded

ENDPOINT = "api.pubsub.salesforce.com:443"
ASKED_MAX = 100
CALL_S_MAX = 30.0
_PACKAGE = "eventbus.v1"
_ERROR_PREFIX = "sfdc.platform.eventbus.grpc."
# Message -> its members with their numbers; the star marks a repeated one. Others of the API are not used.
_MESSAGES: Mapping[str, Mapping[int, str]] = {
    "ProducerEvent": {1: "string id", 2: "string schema_id", 3: "bytes payload"},
    "ConsumerEvent": {1: "ProducerEvent event", 2: "bytes replay_id"},
    "FetchRequest": {1: "string topic_name", 2: "int32 replay_preset", 3: "bytes replay_id", 4: "int32 num_requested"},
    "FetchResponse": {1: "ConsumerEvent* events", 2: "bytes latest_replay_id", 4: "int32 pending_num_requested"},
    "SchemaRequest": {1: "string schema_id"},
    "SchemaInfo": {1: "string schema_json", 2: "string schema_id"},
}
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {"bytes": _Field.TYPE_BYTES, "int32": _Field.TYPE_INT32, "string": _Field.TYPE_STRING}


class Preset(IntEnum):
    """From where a stream begins. On the wire an enum is a number."""

    LATEST = 0
    EARLIEST = 1
    CUSTOM = 2


def _message_types() -> Mapping[str, type[Message]]:
    """The messages, declared at run time in a pool of their own: no generated files."""
    file = descriptor_pb2.FileDescriptorProto(name="crossfoot_pubsub.proto", package=_PACKAGE, syntax="proto3")
    for name, members in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, member in members.items():
            kind, _, member_name = member.partition(" ")
            field = message.field.add(name=member_name, number=number)
            field.label = _Field.LABEL_REPEATED if kind.endswith("*") else _Field.LABEL_OPTIONAL
            kind = kind.removesuffix("*")
            field.type = _SCALARS.get(kind, _Field.TYPE_MESSAGE)
            if kind not in _SCALARS:
                field.type_name = f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


_TYPES = _message_types()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who subscribes: every call carries it as metadata (SF 5.1)."""

    token: str
    instance_url: str
    org_id: str

    def __repr__(self) -> str:
        return f"Caller({self.org_id})"

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The call's metadata."""
        return ("accesstoken", self.token), ("instanceurl", self.instance_url), ("tenantid", self.org_id)


class Channel:
    """A connection to the Pub/Sub API. Without TLS only on this machine."""

    def __init__(self, endpoint: str = ENDPOINT) -> None:
        host = endpoint.rpartition(":")[0]
        if host in {"localhost", "127.0.0.1", "[::1]"}:
            self._channel = grpc.insecure_channel(endpoint)
        elif host:
            self._channel = grpc.secure_channel(endpoint, grpc.ssl_channel_credentials())
        else:
            raise NeedsPerson(f"{endpoint!r} is no address of the Pub/Sub API; it reads HOST:PORT.")
        self._schemas: dict[str, Any] = {}

    def close(self) -> None:
        """End every stream."""
        self._channel.close()

    def subscribe(self, caller: Caller, topic: str, replay_id: bytes | None, *, asked: int = ASKED_MAX) -> GrpcStream:
        """A stream of changes after ``replay_id``, or of new ones only."""
        first = _TYPES["FetchRequest"](
            topic_name=topic,
            replay_preset=Preset.LATEST if replay_id is None else Preset.CUSTOM,
            replay_id=replay_id or b"",
            num_requested=asked,
        )
        return GrpcStream(self, caller, first)

    def open(self, caller: Caller, requests: Iterator[Message]) -> Any:
        """The call behind a stream."""
        method = self._channel.stream_stream(
            f"/{_PACKAGE}.PubSub/Subscribe",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=_TYPES["FetchResponse"].FromString,
        )
        return method(requests, metadata=caller.metadata)

    def change(self, caller: Caller, event: Any) -> Change:
        """What an event's header says. A schema never changes under its id (SF 5.6)."""
        schema = self._schema(caller, event.event.schema_id)
        read: Any = fastavro.schemaless_reader(io.BytesIO(event.event.payload), schema, None)
        header = read["ChangeEventHeader"]
        return Change(
            object=header["entityName"],
            ids=tuple(header["recordIds"]),
            kind=header["changeType"],
            origin=header["changeOrigin"],
            committed_at=datetime.fromtimestamp(header["commitTimestamp"] / 1000, UTC),
            replay_id=event.replay_id,
        )

    def _schema(self, caller: Caller, schema_id: str) -> Any:
        if schema_id not in self._schemas:
            call = self._channel.unary_unary(
                f"/{_PACKAGE}.PubSub/GetSchema",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=_TYPES["SchemaInfo"].FromString,
            )
            asked = _TYPES["SchemaRequest"](schema_id=schema_id)
            info = call(asked, metadata=caller.metadata, timeout=CALL_S_MAX)
            self._schemas[schema_id] = fastavro.parse_schema(json.loads(info.schema_json))
        return self._schemas[schema_id]


class GrpcStream:
    """An open stream. One thread of its own reads it, so that ``receive`` can give up waiting."""

    def __init__(self, channel: Channel, caller: Caller, first: Message) -> None:
        self._channel, self._caller = channel, caller
        self._asking: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._heard: queue.SimpleQueue[Received | StreamEnded] = queue.SimpleQueue()
        self._asking.put(first)
        self._call = channel.open(caller, iter(self._asking.get, None))
        Thread(target=self._read, name="salesforce changes", daemon=True).start()

    def ask(self, number: int) -> None:
        """Let so many more events come; requests add up to 100 at most (SF 5.2)."""
        self._asking.put(_TYPES["FetchRequest"](num_requested=number))

    def receive(self, timeout_s: float) -> Received | None:
        """What came, empty where the server only said that it lives; None where nothing came in time.

        Raises ``StreamEnded``.
        """
        try:
            heard = self._heard.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(heard, StreamEnded):
            raise heard
        return heard

    def close(self) -> None:
        """Leave the stream."""
        self._asking.put(None)
        self._call.cancel()

    def _read(self) -> None:
        ended = StreamEnded("", "the server ended the stream")
        try:
            for response in self._call:
                changes = tuple(self._channel.change(self._caller, event) for event in response.events)
                pending = response.pending_num_requested
                self._heard.put(Received(changes, response.latest_replay_id, pending))
        except grpc.RpcError as error:
            ended = _ended(error)
        except Exception as error:  # noqa: BLE001 - whatever ends this thread must reach the one that waits
            ended = StreamEnded("unreadable", f"an event could not be read: {error}")
        self._heard.put(ended)


def _ended(error: Any) -> StreamEnded:
    """The error code stands in the trailing metadata; where it is missing, the status (SF 5.4)."""
    status, told = "UNKNOWN", {}
    with contextlib.suppress(AttributeError):
        status = error.code().name
        told = dict(error.trailing_metadata() or ())
    code = str(told.get("error-code", "")).removeprefix(_ERROR_PREFIX)
    return StreamEnded(code or status.casefold(), str(getattr(error, "details", lambda: "")() or status))
