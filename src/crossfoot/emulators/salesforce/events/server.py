"""The Pub/Sub API over gRPC: turns calls and streams into requests to the emulator (SF 5.1, 5.2).

A stream is a row of fetches. Between them it waits on the emulator's condition, which every new event wakes; what is on
the bus, who may read it and what a call is refused with, the emulator's handle says. Needs the extra ``cdc``.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from crossfoot.emulators.emulator import Emulator, StoppedError
from crossfoot.emulators.salesforce.events import pubsub
from crossfoot.emulators.salesforce.events.messages import METHODS, SERVICE, message_types
from crossfoot.emulators.wire import Request

streams_max = 60
message_bytes_max = 4 * 1024 * 1024
stop_s_max = 1


class PubSubServer:
    """Takes its port at once (OSError when it is busy) and serves from ``start`` until ``stop``."""

    def __init__(self, emulator: Emulator, settings: pubsub.PubSubSettings) -> None:
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

    def __init__(self, emulator: Emulator, settings: pubsub.PubSubSettings) -> None:
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
            raise _refused("service.unavailable", "The emulator is stopping") from None
        time.sleep(response.delay_s)
        if response.status not in (pubsub.ANSWERED, pubsub.REFUSED) or response.wire:
            raise _refused("service.unavailable", f"The service is unavailable (HTTP {response.status})")
        answer = json.loads(response.body)
        if "error_code" in answer:
            raise _Refused(answer["status"], answer["message"], answer["error_code"])
        return _Answer(answer, dict(response.headers).get(pubsub.STREAM_HEADER))

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
                raise _refused("concurrent.client.limit.exceeded", "too many open streams")
            self._streams += 1
        try:
            yield
        finally:
            with self.emulator.lock:
                self._streams -= 1


class _Stream:
    """One subscription: what was asked for and not yet delivered, and the replay id of the last response."""

    def __init__(self, service: _Service, messages: Iterator[Message], context: grpc.ServicerContext) -> None:
        self._service = service
        self._changed = service.emulator.changed
        self._context = context
        self._asked: deque[dict[str, Any]] = deque()
        self._closed = False
        self._pending = 0
        self._fetch: dict[str, Any] | None = None
        self._spoke = time.monotonic()
        if not context.add_callback(self._close):
            self._closed = True
        threading.Thread(target=self._listen, args=(messages,), name="pubsub requests", daemon=True).start()

    def responses(self) -> Iterator[dict[str, Any]]:
        """Events as soon as there are some and they were asked for, else now and then an empty response (SF 5.2).

        Without anything asked for, the stream ends after a while.
        """
        while True:
            self._wait()
            if self._is_over():
                return
            self._take_asked()
            idle_s = time.monotonic() - self._spoke
            if self._fetch is None or self._pending == 0:
                if idle_s >= self._service.settings.unasked_s_max:
                    return
                continue
            answer = self._service.call("Subscribe", {**self._fetch, "num_requested": self._pending}, self._context)
            if answer.fault is not None:
                self._suffer(answer.fault)
                return
            message = answer.message
            self._fetch |= {"replay_preset": "CUSTOM", "replay_id": message["latest_replay_id"]}
            self._pending = message["pending_num_requested"]
            if message["events"] or idle_s >= self._service.settings.keepalive_s:
                self._spoke = time.monotonic()
                yield message

    def _wait(self) -> None:
        """Until there is something to do: a request, events, or that too long nothing was said."""
        settings = self._service.settings
        limit_s = settings.keepalive_s if self._pending else settings.unasked_s_max
        with self._changed:
            self._changed.wait_for(self._has_work, max(0.0, self._spoke + limit_s - time.monotonic()))

    def _has_work(self) -> bool:
        if self._is_over() or self._asked:
            return True
        if self._fetch is None or not self._pending:
            return False
        emulator = self._service.emulator
        return pubsub.has_waiting(emulator.world, self._fetch, emulator.clock.now())

    def _is_over(self) -> bool:
        return self._closed or self._service.stopping

    def _take_asked(self) -> None:
        """The first request chooses topic and position; each adds to what may be delivered (SF 5.2)."""
        while self._asked:
            asked = self._asked.popleft()
            number, topic = asked.get("num_requested", 0), asked.get("topic_name", "")
            if self._fetch is None:
                self._fetch = asked
            elif topic not in ("", self._fetch["topic_name"]):
                raise _refused("subscription.fetch.topic.mismatch", "a stream keeps its topic")
            if number <= 0:
                raise _refused("subscription.fetch.requested.events.invalid", "num_requested must be more than 0")
            self._pending = min(pubsub.PENDING_MAX, self._pending + number)

    def _suffer(self, fault: str) -> None:
        """End the stream, or hold it open and say nothing more until the client gives up."""
        if fault == pubsub.SILENT:
            with self._changed:
                self._changed.wait_for(self._is_over)

    def _listen(self, messages: Iterator[Message]) -> None:
        """Take fetch requests as they come. A client that will send no more may still be waiting for events."""
        with suppress(grpc.RpcError, StopIteration):
            for message in messages:
                with self._changed:
                    self._asked.append(_as_json(message))
                    self._changed.notify_all()

    def _close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _refused(code: str, message: str) -> _Refused:
    error = pubsub.PubSubError(code, message).as_json()
    return _Refused(error["status"], error["message"], error["error_code"])


@contextmanager
def _told(context: grpc.ServicerContext) -> Iterator[None]:
    """A refusal leaves as a gRPC status, with its error code in the trailing metadata (SF 5.4)."""
    try:
        yield
    except _Refused as refused:
        context.set_trailing_metadata((("error-code", refused.code),))
        context.abort(refused.status, str(refused))


def _as_json(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _response(method: str, message: dict[str, Any]) -> Message:
    return json_format.ParseDict(message, message_types()[METHODS[method][1]]())
