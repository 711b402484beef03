"""The messages of ``eventbus.v1``, declared at run time: no generated files (SF 5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

PACKAGE = "eventbus.v1"
SERVICE = f"{PACKAGE}.PubSub"
# Members in the order of their numbers, from 1. A star marks a repeated one.
_MESSAGES: Mapping[str, tuple[str, ...]] = {
    "TopicInfo": (
        "string topic_name",
        "string tenant_guid",
        "bool can_publish",
        "bool can_subscribe",
        "string schema_id",
        "string rpc_id",
    ),
    "TopicRequest": ("string topic_name",),
    "EventHeader": ("string key", "bytes value"),
    "ProducerEvent": ("string id", "string schema_id", "bytes payload", "EventHeader* headers"),
    "ConsumerEvent": ("ProducerEvent event", "bytes replay_id"),
    "Error": ("ErrorCode code", "string msg"),
    "PublishResult": ("bytes replay_id", "Error error", "string correlation_key"),
    "FetchRequest": (
        "string topic_name",
        "ReplayPreset replay_preset",
        "bytes replay_id",
        "int32 num_requested",
        "string auth_refresh",
    ),
    "FetchResponse": (
        "ConsumerEvent* events",
        "bytes latest_replay_id",
        "string rpc_id",
        "int32 pending_num_requested",
    ),
    "SchemaRequest": ("string schema_id",),
    "SchemaInfo": ("string schema_json", "string schema_id", "string rpc_id"),
    "PublishRequest": ("string topic_name", "ProducerEvent* events", "string auth_refresh"),
    "PublishResponse": ("PublishResult* results", "string schema_id", "string rpc_id"),
    "CommitReplayRequest": ("string commit_request_id", "bytes replay_id"),
    "CommitReplayResponse": ("string commit_request_id", "bytes replay_id", "Error error", "int64 process_time"),
    "ManagedFetchRequest": (
        "string subscription_id",
        "string developer_name",
        "int32 num_requested",
        "string auth_refresh",
        "CommitReplayRequest commit_replay_id_request",
    ),
    "ManagedFetchResponse": (
        "ConsumerEvent* events",
        "bytes latest_replay_id",
        "string rpc_id",
        "int32 pending_num_requested",
        "CommitReplayResponse commit_response",
    ),
}
_ENUMS = {"ErrorCode": ("UNKNOWN", "PUBLISH", "COMMIT"), "ReplayPreset": ("LATEST", "EARLIEST", "CUSTOM")}
# Method -> request, response, and whether either is a stream
METHODS: Mapping[str, tuple[str, str, bool]] = {
    "Subscribe": ("FetchRequest", "FetchResponse", True),
    "GetSchema": ("SchemaRequest", "SchemaInfo", False),
    "GetTopic": ("TopicRequest", "TopicInfo", False),
    "Publish": ("PublishRequest", "PublishResponse", False),
    "PublishStream": ("PublishRequest", "PublishResponse", True),
    "ManagedSubscribe": ("ManagedFetchRequest", "ManagedFetchResponse", True),
}
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _Field.TYPE_BOOL,
    "bytes": _Field.TYPE_BYTES,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "string": _Field.TYPE_STRING,
}


@cache
def message_types() -> Mapping[str, type[Message]]:
    """Every message of the API by name, in a pool of its own."""
    file = descriptor_pb2.FileDescriptorProto(name="pubsub_api.proto", package=PACKAGE, syntax="proto3")
    for name, symbols in _ENUMS.items():
        values = [
            descriptor_pb2.EnumValueDescriptorProto(name=symbol, number=number) for number, symbol in enumerate(symbols)
        ]
        file.enum_type.add(name=name, value=values)
    for name, members in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, member in enumerate(members, start=1):
            message.field.add(**_field(member), number=number)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in _MESSAGES
    }


def _field(member: str) -> dict[str, Any]:
    kind, _, name = member.partition(" ")
    label = _Field.LABEL_REPEATED if kind.endswith("*") else _Field.LABEL_OPTIONAL
    kind = kind.removesuffix("*")
    if kind in _SCALARS:
        return {"name": name, "label": label, "type": _SCALARS[kind]}
    own = _Field.TYPE_ENUM if kind in _ENUMS else _Field.TYPE_MESSAGE
    return {"name": name, "label": label, "type": own, "type_name": f".{PACKAGE}.{kind}"}
