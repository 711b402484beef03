"""The Pub/Sub API over gRPC: turns calls and streams into requests to the emulator (SF 5.1, 5.2).

A stream is a row of fetches. Between them it waits on the emulator's condition, which every new event wakes; what is on
the bus, who may read it and what a call is refused with, the emulator's handle says. Needs the extra ``cdc``.
"""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from crossfoot.emulators.emulator import Emulator, StoppedError
from crossfoot.emulators.salesforce.events import log, pubsub
from crossfoot.emulators.salesforce.events.messages import METHODS, SERVICE, message_types
from crossfoot.emulators.salesforce.events.topics import find_topic
from crossfoot.emulators.wire import Request

streams_max = 60
message_bytes_max = 4 * 1024 * 1024
stop_s_max = 1


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


class PubSubServer:
    """Takes its port at once (OSError when it is busy) and serves from ``start`` until ``stop``."""

    def __init__(self, emulator: Emulator, settings: PubSubSettings) -> None:
        self._service = _Service(emulator, settings)
        self._server = grpc.server(
            ThreadPoolExecutor(streams_max + 4, thread_name_prefix="pubsub"),
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", message_bytes_max),
                ("grpc.max_send_message_length", message_bytes_max),
            ],
        )
        self._server.add_generic_rpc_handlers((self._service.handlers(),))
        address = f"{settings.host}:{settings.port}"
        try:
            if settings.certificate is None or settings.key is None:
                port = self._server.add_insecure_port(address)
            else:
                pair = (settings.key.read_bytes(), settings.certificate.read_bytes())
                port = self._server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        except RuntimeError:
            port = 0
        if port == 0:
            raise OSError(f"Pub/Sub API: {address} cannot be listened on")
        self.endpoint = f"{settings.host}:{port}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        """End every stream and close the port."""
        self._service.close()
        self._server.stop(stop_s_max).wait()


class _Refused(Exception):
    """A call is refused; carries the status, the message and the error code."""

    def __init__(self, status: str, message: str, code: str) -> None:
        super().__init__(message)
        self.status = getattr(grpc.StatusCode, status)
        self.code = code


@dataclass(slots=True)
class _Answer:
    message: dict[str, Any]
    fault: str | None


class _Service:
    """The methods of the service. Each stream holds one thread."""

    def __init__(self, emulator: Emulator, settings: PubSubSettings) -> None:
        self.emulator = emulator
        self.settings = settings
        self.stopping = False
        self._streams = 0

    def handlers(self) -> grpc.GenericRpcHandler:
        """One handler per row of the table of methods."""
        types = message_types()
        streams: dict[str, Callable[..., Any]] = {
            "Subscribe": self._subscribe,
            "PublishStream": self._publish_stream,
            "ManagedSubscribe": self._managed,
        }
        made = {}
        for name, (request, response, is_stream) in METHODS.items():
            wire = {
                "request_deserializer": types[request].FromString,
                "response_serializer": types[response].SerializeToString,
            }
            if is_stream:
                made[name] = grpc.stream_stream_rpc_method_handler(streams[name], **wire)
            else:
                made[name] = grpc.unary_unary_rpc_method_handler(self._unary(name), **wire)
        return grpc.method_handlers_generic_handler(SERVICE, made)

    def close(self) -> None:
        with self.emulator.changed:
            self.stopping = True
            self.emulator.changed.notify_all()

    def call(self, method: str, message: dict[str, Any], context: grpc.ServicerContext) -> _Answer:
        """Let the emulator answer one message; _Refused when it does not take it."""
        headers = {name: value for name, value in context.invocation_metadata() if isinstance(value, str)}
        request = Request("POST", pubsub.PATH + method, headers=headers, body=json.dumps(message).encode())
        try:
            response = self.emulator.answer(request)
        except StoppedError:
            raise _Refused("UNAVAILABLE", "The emulator is stopping", pubsub.PREFIX + "service.unavailable") from None
        time.sleep(response.delay_s)
        told = dict(response.headers)
        answer = json.loads(response.body) if told.get("Content-Type") == "application/json" and not response.wire else {}
        if response.status == 200 and not response.wire:
            return _Answer(answer, told.get(pubsub.STREAM_HEADER))
        unavailable = f"The service is unavailable (HTTP {response.status})"
        raise _Refused(
            answer.get("status", "UNAVAILABLE"),
            answer.get("message", unavailable),
            answer.get("error_code", pubsub.PREFIX + "service.unavailable"),
        )

    def _unary(self, method: str) -> Callable[[Message, grpc.ServicerContext], Message]:
        def serve(message: Message, context: grpc.ServicerContext) -> Message:
            with _told(context):
                return _response(method, self.call(method, _as_json(message), context).message)

        return serve

    def _publish_stream(self, messages: Iterator[Message], context: grpc.ServicerContext) -> Iterator[Message]:
        with _told(context):
            for message in messages:
                yield _response("Publish", self.call("Publish", _as_json(message), context).message)

    def _managed(self, messages: Iterator[Message], context: grpc.ServicerContext) -> Iterator[Message]:
        with _told(context):
            for message in messages:
                self.call("ManagedSubscribe", _as_json(message), context)
        yield from ()

    def _subscribe(self, messages: Iterator[Message], context: grpc.ServicerContext) -> Iterator[Message]:
        with _told(context), self._counted():
            for message in _Stream(self, messages, context).responses():
                yield _response("Subscribe", message)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self.emulator.lock:
            if self._streams >= streams_max:
                code = pubsub.PREFIX + "concurrent.client.limit.exceeded"
                raise _Refused("RESOURCE_EXHAUSTED", "too many open streams", code)
            self._streams += 1
        try:
            yield
        finally:
            with self.emulator.lock:
                self._streams -= 1


class _Stream:
    """One subscription: what was asked for and not yet delivered, and the position of the last response."""

    def __init__(self, service: _Service, messages: Iterator[Message], context: grpc.ServicerContext) -> None:
        self._service = service
        self._changed = service.emulator.changed
        self._context = context
        self._asked: deque[dict[str, Any]] = deque()
        self._open = True
        self._pending = 0
        self._fetch: dict[str, Any] = {}
        self._spoke = time.monotonic()
        context.add_callback(self._close)
        threading.Thread(target=self._listen, args=(messages,), name="pubsub requests", daemon=True).start()

    def _listen(self, messages: Iterator[Message]) -> None:
        """Take fetch requests as they come. A client that will send no more may still be waiting for events."""
        try:
            for message in messages:
                with self._changed:
                    self._asked.append(_as_json(message))
                    self._changed.notify_all()
        except grpc.RpcError:
            self._close()

    def _close(self) -> None:
        with self._changed:
            self._open = False
            self._changed.notify_all()

    def responses(self) -> Iterator[dict[str, Any]]:
        """Events as soon as there are some and they were asked for, else now and then an empty response (SF 5.2)."""
        while self._wait():
            while self._asked:
                self._ask(self._asked.popleft())
            unspoken = time.monotonic() - self._spoke
            if self._pending == 0:
                if unspoken >= self._service.settings.unasked_s_max:
                    return
                continue
            first = "replay_preset" not in self._fetch or self._fetch["replay_preset"] != "CUSTOM"
            answer = self._service.call("Subscribe", {**self._fetch, "num_requested": self._pending}, self._context)
            if answer.fault is not None:
                if answer.fault == "stream_silent":
                    self._be_silent()
                return
            message = answer.message
            self._fetch |= {"replay_preset": "CUSTOM", "replay_id": message["latest_replay_id"]}
            self._pending = message["pending_num_requested"]
            if message["events"] or unspoken >= self._service.settings.keepalive_s:
                self._spoke = time.monotonic()
                yield message
