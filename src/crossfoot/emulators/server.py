"""A threaded HTTP/1.1 server for one emulator: the wire, its faults and the host's part of the control plane.

Everything a vendor says comes from the emulator's handle; this module adds Content-Length, the Date header (from the
emulators' clock), compression, and whatever the fault switchboard does to the connection.
"""

from __future__ import annotations

import gzip
import json
import socket
import socketserver
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from crossfoot.emulators.clock import Clock
from crossfoot.emulators.emulator import Emulator, StoppedError
from crossfoot.emulators.faults import Fault
from crossfoot.emulators.wire import Request, Response

body_bytes_max = 50 * 1024 * 1024
chunk_line_bytes_max = 1024
gzip_bytes_min = 1024
idle_s_max = 120

TurnClock = Callable[[Callable[[Clock], None]], None]


class _BodyError(Exception):
    """A request body that cannot be read; carries the HTTP status to answer with."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes:
        """Read up to size bytes."""

    def readline(self, size: int, /) -> bytes:
        """Read one line of at most size bytes."""


class EmulatorServer(ThreadingHTTPServer):
    """Takes a port at once (0 = any free one; ``url`` says which) and serves an emulator from ``start`` on.

    Clients that connect before ``start`` wait.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    emulator: Emulator
    turn_clock: TurnClock

    def __init__(self, host: str, port: int) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Exchange)

    def server_bind(self) -> None:
        """Bind without HTTPServer's look-up of the host's name, which may ask the network."""
        socketserver.TCPServer.server_bind(self)
        host, port = self.server_address[:2]
        self.server_name, self.server_port = str(host), int(port)

    @property
    def url(self) -> str:
        """The address that clients on this machine reach."""
        host = "127.0.0.1" if self.server_name in ("", "0.0.0.0") else self.server_name  # noqa: S104 - compared only
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server_port}"

    def start(self, emulator: Emulator, turn_clock: TurnClock) -> None:
        """Serve ``emulator`` on a thread of its own. ``turn_clock`` turns the clock that it shares with others."""
        self.emulator, self.turn_clock = emulator, turn_clock
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about clients that hang up; show anything else, it is a defect."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Exchange(BaseHTTPRequestHandler):
    """One connection: any number of requests, each answered with one write."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = idle_s_max
    server: EmulatorServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing: each world keeps its own request log."""

    def _serve(self) -> None:
        try:
            request = self._read_request()
        except _BodyError as error:
            self.close_connection = True
            self._write(_plain(error.status, error.status.phrase))
            return
        if request.path.startswith("/control/"):
            self._write(self._control(request))
            return
        with self.server.emulator.lock:
            fault = self.server.emulator.faults.take(request)
        if fault is None:
            self._answer(request, self._write)
        else:
            self._suffer(fault, request)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - http.server's names

    def _suffer(self, fault: Fault, request: Request) -> None:
        if fault.kind == "status":
            self._write(fault.answer())
        elif fault.kind == "slow":
            time.sleep(fault.seconds)
            self._answer(request, self._write)
        elif fault.kind == "lost_request":
            self.close_connection = True
        elif fault.kind == "lost_response":
            self.close_connection = True
            self._answer(request, lambda _response: None)
        else:
            self.close_connection = True
            self._answer(request, lambda response: self._write(response, truncated=True))

    def _answer(self, request: Request, write: Callable[[Response], None]) -> None:
        try:
            response = self.server.emulator.answer(request)
        except StoppedError:
            self.close_connection = True
            return
        except Exception:  # noqa: BLE001 - a defect in an emulator must reach its client as a 500 and the screen in full
            traceback.print_exc()
            response = _plain(HTTPStatus.INTERNAL_SERVER_ERROR, "The emulator failed; its terminal shows where.")
        write(response)

    def _control(self, request: Request) -> Response:
        routes = {"/control/fault": self._control_fault, "/control/clock": self._control_clock}
        route = routes.get(request.path.rstrip("/"))
        if route is None:
            answer: list[Response] = []
            self._answer(request, answer.append)
            return answer[0] if answer else _plain(HTTPStatus.SERVICE_UNAVAILABLE, "The emulator is stopping.")
        try:
            return _json(route(request.method, json.loads(request.body or b"{}")))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            return _json({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    def _control_fault(self, method: str, spec: dict[str, Any]) -> dict[str, Any]:
        emulator = self.server.emulator
        with emulator.lock:
            if method == "POST":
                emulator.faults.faults.append(Fault.from_json(spec))
            elif method == "DELETE":
                emulator.faults.faults.clear()
            return {"faults": [_describe(fault) for fault in emulator.faults.faults]}

    def _control_clock(self, method: str, spec: dict[str, Any]) -> dict[str, Any]:
        clock = self.server.emulator.clock
        if method == "POST":
            if "set" in spec:
                instant = datetime.fromisoformat(spec["set"])
                if instant.tzinfo is None:
                    raise ValueError("set needs an instant with its zone, such as 2026-11-20T01:30:00Z")
                self.server.turn_clock(lambda turned: turned.advance_to(instant))
            else:
                self.server.turn_clock(lambda turned: turned.advance(int(spec["advance_s"])))
        return {"now": clock.now().isoformat(timespec="seconds"), "offset_s": clock.offset_s}

    def _read_request(self) -> Request:
        target = self.path
        if "://" in target.partition("?")[0]:
            target = "/" + target.partition("://")[2].partition("/")[2]
        path, _, query = target.partition("?")
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.lower()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        return Request(self.command, path, query, headers, self._read_body(headers))

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return _read_chunked(self.rfile)
        length = headers.get("content-length", "0")
        if not length.isdigit():
            raise _BodyError(HTTPStatus.BAD_REQUEST)
        if int(length) > body_bytes_max:
            raise _BodyError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return self.rfile.read(int(length))

    def _write(self, response: Response, truncated: bool = False) -> None:
        """Send head and body in one write; ``truncated`` breaks off in the middle of the body."""
        body, headers = response.body, list(response.headers)
        if len(body) > gzip_bytes_min and "gzip" in self.headers.get("Accept-Encoding", "").lower():
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        headers.append(("Date", format_datetime(self.server.emulator.clock.now(), usegmt=True)))
        if response.status != HTTPStatus.NO_CONTENT:
            headers.append(("Content-Length", str(len(body))))
        if self.close_connection:
            headers.append(("Connection", "close"))
        lines = [f"HTTP/1.1 {response.status} {responses.get(response.status, '')}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if self.command == "HEAD":
            body = b""
        elif truncated:
            body = body[: len(body) // 2]
        self.wfile.write("\r\n".join((*lines, "", "")).encode("latin-1") + body)


def _read_chunked(stream: _Stream) -> bytes:
    """Read a chunked body (RFC 9112 section 7.1) with its trailer."""
    body = bytearray()
    while True:
        size_text = stream.readline(chunk_line_bytes_max).partition(b";")[0].strip()
        if not size_text or size_text.strip(b"0123456789abcdefABCDEF"):
            raise _BodyError(HTTPStatus.BAD_REQUEST)
        size = int(size_text, 16)
        if len(body) + size > body_bytes_max:
            raise _BodyError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if size == 0:
            while stream.readline(chunk_line_bytes_max).strip():
                continue
            return bytes(body)
        body += stream.read(size)
        stream.readline(chunk_line_bytes_max)


def _describe(fault: Fault) -> dict[str, Any]:
    return {
        "kind": fault.kind,
        "match": {"method": fault.method, "path_contains": fault.path_contains},
        "times": fault.times,
        "after": fault.after,
    }


def _json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(status, (("Content-Type", "application/json"),), json.dumps(value).encode())


def _plain(status: HTTPStatus, text: str) -> Response:
    return Response(status, (("Content-Type", "text/plain; charset=utf-8"),), text.encode())
