"""A subscriber's side of the Pub/Sub API, written from its proto file and knowing nothing of the emulator."""

from __future__ import annotations

import io
import json
import queue
import re
from collections.abc import Iterator, Mapping
from typing import Any

import fastavro
import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTO = """
message TopicInfo { string topic_name = 1; string tenant_guid = 2; bool can_publish = 3; bool can_subscribe = 4;
  string schema_id = 5; string rpc_id = 6; }
message TopicRequest { string topic_name = 1; }
message EventHeader { string key = 1; bytes value = 2; }
message ProducerEvent { string id = 1; string schema_id = 2; bytes payload = 3; repeated EventHeader headers = 4; }
message ConsumerEvent { ProducerEvent event = 1; bytes replay_id = 2; }
message Error { int32 code = 1; string msg = 2; }
message PublishResult { bytes replay_id = 1; Error error = 2; string correlation_key = 3; }
message FetchRequest { string topic_name = 1; int32 replay_preset = 2; bytes replay_id = 3; int32 num_requested = 4;
  string auth_refresh = 5; }
message FetchResponse { repeated ConsumerEvent events = 1; bytes latest_replay_id = 2; string rpc_id = 3;
  int32 pending_num_requested = 4; }
message SchemaRequest { string schema_id = 1; }
message SchemaInfo { string schema_json = 1; string schema_id = 2; string rpc_id = 3; }
message PublishRequest { string topic_name = 1; repeated ProducerEvent events = 2; string auth_refresh = 3; }
message PublishResponse { repeated PublishResult results = 1; string schema_id = 2; string rpc_id = 3; }
message ManagedFetchRequest { string subscription_id = 1; string developer_name = 2; int32 num_requested = 3; }
message ManagedFetchResponse { repeated ConsumerEvent events = 1; bytes latest_replay_id = 2; string rpc_id = 3; }
"""
LATEST, EARLIEST, CUSTOM = 0, 1, 2
Kind = descriptor_pb2.FieldDescriptorProto
_SCALARS = {"string": Kind.TYPE_STRING, "bytes": Kind.TYPE_BYTES, "bool": Kind.TYPE_BOOL, "int32": Kind.TYPE_INT32}


def _messages() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="subscriber.proto", package="eventbus.v1", syntax="proto3")
    for name, body in re.findall(r"message (\w+) \{(.*?)\}", PROTO, re.DOTALL):
        message = file.message_type.add(name=name)
        for repeated, kind, member, number in re.findall(r"(repeated )?(\w+) (\w+) = (\d+);", body):
            field = message.field.add(name=member, number=int(number), label=3 if repeated else 1)
            field.type = _SCALARS.get(kind, Kind.TYPE_MESSAGE)
            if kind not in _SCALARS:
                field.type_name = f".eventbus.v1.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        each.name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"eventbus.v1.{each.name}"))
        for each in file.message_type
    }


MESSAGES = _messages()


def message(name: str, **members: Any) -> Any:
    return MESSAGES[name](**members)


class Stream:
    """An open stream: what is put into ``ask`` is sent."""

    def __init__(self, call: Any, sent: queue.Queue[Any]) -> None:
        self.call = call
        self._sent = sent

    def ask(self, number: int, topic: str = "", **members: Any) -> None:
        self._sent.put(message("FetchRequest", topic_name=topic, num_requested=number, **members))

    def next(self) -> Any:
        return next(self.call)

    def refusal(self) -> tuple[str, str]:
        """The status and the error code with which the stream ends."""
        try:
            for _ in self.call:
                continue
        except grpc.RpcError as error:
            return told(error)
        return "OK", ""

    def cancel(self) -> None:
        self._sent.put(None)
        self.call.cancel()


def told(error: Any) -> tuple[str, str]:
    codes = dict(error.trailing_metadata() or ())
    return error.code().name, str(codes.get("error-code", "")).removeprefix("sfdc.platform.eventbus.grpc.")


class Subscriber:
    """One client of one endpoint."""

    def __init__(self, channel: grpc.Channel, metadata: Mapping[str, str]) -> None:
        self.channel = channel
        self.metadata = tuple(metadata.items())
        self._schemas: dict[str, Any] = {}

    def unary(self, method: str, request: Any, answer: str) -> Any:
        call = self.channel.unary_unary(
            f"/eventbus.v1.PubSub/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=MESSAGES[answer].FromString,
        )
        return call(request, metadata=self.metadata, timeout=10)

    def refused(self, method: str, request: Any, answer: str) -> tuple[str, str]:
        try:
            self.unary(method, request, answer)
        except grpc.RpcError as error:
            return told(error)
        raise AssertionError(f"{method} was answered")

    def topic(self, name: str) -> Any:
        return self.unary("GetTopic", message("TopicRequest", topic_name=name), "TopicInfo")

    def schema(self, schema_id: str) -> Any:
        if schema_id not in self._schemas:
            info = self.unary("GetSchema", message("SchemaRequest", schema_id=schema_id), "SchemaInfo")
            self._schemas[schema_id] = fastavro.parse_schema(json.loads(info.schema_json))
        return self._schemas[schema_id]

    def publish(self, name: str, *payloads: Mapping[str, Any], schema_id: str = "") -> Any:
        known = self.topic(name).schema_id
        events = []
        for number, payload in enumerate(payloads):
            out = io.BytesIO()
            fastavro.schemaless_writer(out, self.schema(known), payload)
            sent = {"id": f"key-{number}", "schema_id": schema_id or known, "payload": out.getvalue()}
            events.append(message("ProducerEvent", **sent))
        return self.unary("Publish", message("PublishRequest", topic_name=name, events=events), "PublishResponse")

    def stream(self, method: str, request: str, answer: str, first: Any) -> Stream:
        sent: queue.Queue[Any] = queue.Queue()
        sent.put(first)
        call = self.channel.stream_stream(
            f"/eventbus.v1.PubSub/{method}",
            request_serializer=MESSAGES[request].SerializeToString,
            response_deserializer=MESSAGES[answer].FromString,
        )
        return Stream(call(_until_none(sent), metadata=self.metadata, timeout=20), sent)

    def subscribe(self, topic: str, number: int, preset: int = LATEST, replay_id: bytes = b"") -> Stream:
        members = {"topic_name": topic, "num_requested": number, "replay_preset": preset, "replay_id": replay_id}
        return self.stream("Subscribe", "FetchRequest", "FetchResponse", message("FetchRequest", **members))

    def payload(self, event: Any) -> dict[str, Any]:
        schema = self.schema(event.event.schema_id)
        found = fastavro.schemaless_reader(io.BytesIO(event.event.payload), schema, None)
        assert isinstance(found, dict)
        return found


def _until_none(sent: queue.Queue[Any]) -> Iterator[Any]:
    while (each := sent.get()) is not None:
        yield each
