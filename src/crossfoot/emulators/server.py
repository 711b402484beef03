"""A threaded HTTP/1.1 server for one emulator: the wire, the calls in progress, the host's part of the control plane.

Everything a vendor says comes from the emulator's handle; this module adds Content-Length, the Date header (from the
emulators' clock), compression, and does to the connection what the fault switchboard asks for. It tells the handle how
many calls a client has in progress; what is too many, the vendor says.
"""

from __future__ import annotations

import gzip
import socket
import socketserver
import ssl
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import format_datetime
from http import HTTPStatus
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from crossfoot.emulators.controls import STATE_PATH, Controls, answer_json
from crossfoot.emulators.emulator import Emulator, StoppedError
from crossfoot.emulators.wire import CLOSED, IN_PROGRESS, TRUNCATED, Request, Response

body_bytes_max = 128 * 1024 * 1024  # a Salesforce bulk upload may hold 112.5 MB
state_bytes_max = 2 * 1024 * 1024 * 1024  # a whole state comes over the control plane
chunk_line_bytes_max = 1024
gzip_bytes_min = 1024
idle_s_max = 120


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
    controls: Controls

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._in_progress: Counter[str] = Counter()
        self._counting = threading.Lock()
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Exchange)

    def get_request(self) -> tuple[socket.socket, Any]:
        """The next connection. With TLS its own thread shakes hands, when it first reads."""
        connection, address = super().get_request()
        if self._tls is None:
            return connection, address
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def server_bind(self) -> None:
        """Bind without HTTPServer's look-up of the host's name, which may ask the network."""
        socketserver.TCPServer.server_bind(self)
        host, port = self.server_address[:2]
        self.server_name, self.server_port = str(host), int(port)

    @property
    def url(self) -> str:
        """The address that clients on this machine reach."""
        host = "127.0.0.1" if self.server_name in ("", "0.0.0.0") else self.server_name  # noqa: S104 - compared only
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.server_port}"

    def start(self, emulator: Emulator, controls: Controls) -> None:
        """Serve ``emulator`` on a thread of its own. ``controls`` are the paths of the control plane that the host
        answers itself."""
        self.emulator, self.controls = emulator, controls
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    @contextmanager
    def in_progress(self, lane: str | None) -> Iterator[int]:
        """Count a call while it lasts; yields how many its lane has in progress, this one included."""
        if lane is None:
            yield 1
            return
        with self._counting:
            self._in_progress[lane] += 1
            number = self._in_progress[lane]
        try:
            yield number
        finally:
            with self._counting:
                self._in_progress[lane] -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about clients that hang up; show anything else, it is a defect."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError | ssl.SSLError):
            super().handle_error(request, client_address)


# Every browser sends one of them with what a page asks for; no other client has a reason to.
_BROWSER_HEADERS = frozenset({"origin", "sec-fetch-site"})


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
        response = self._answer(request)
        if response is None or response.wire == CLOSED:
            self.close_connection = True
            return
        self.close_connection |= response.wire == TRUNCATED
        self._write(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - http.server's names

    def _answer(self, request: Request) -> Response | None:
        """The emulator's answer, None when it takes no more requests. A call is over before its answer is written:
        a client that waits for one answer before it sends the next has one call in progress."""
        emulator = self.server.emulator
        with self.server.in_progress(emulator.lane(request)) as number:
            if number > 1:
                request = replace(request, headers={**request.headers, IN_PROGRESS: str(number)})
            try:
                response = emulator.answer(request)
            except StoppedError:
                return None
            except Exception:  # noqa: BLE001 - a defect in an emulator must reach its client as a 500 and the screen in full
                traceback.print_exc()
                response = _plain(HTTPStatus.INTERNAL_SERVER_ERROR, "The emulator failed; its terminal shows where.")
            time.sleep(response.delay_s)
        return response

    def _control(self, request: Request) -> Response:
        if request.headers.keys() & _BROWSER_HEADERS:
            return _plain(HTTPStatus.FORBIDDEN, "The control plane does not answer web pages.")
        control = self.server.controls.get(request.path.rstrip("/"))
        if control is None:
            answer = self._answer(request)
            return answer or _plain(HTTPStatus.SERVICE_UNAVAILABLE, "The emulator is stopping.")
        try:
            return control(request)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            return answer_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    def _read_request(self) -> Request:
        target = self.path
        if "://" in target.partition("?")[0]:
            target = "/" + target.partition("://")[2].partition("/")[2]
        path, _, query = target.partition("?")
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.lower()
            if key == IN_PROGRESS:
                continue
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        return Request(self.command, path, query, headers, self._read_body(path, headers))

    def _read_body(self, path: str, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return _read_chunked(self.rfile)
        length = headers.get("content-length", "0")
        if not length.isdigit():
            raise _BodyError(HTTPStatus.BAD_REQUEST)
        if int(length) > (state_bytes_max if path == STATE_PATH else body_bytes_max):
            raise _BodyError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return self.rfile.read(int(length))

    def _write(self, response: Response) -> None:
        """Send head and body in one write; a truncated answer breaks off in the middle of its body."""
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
        elif response.wire == TRUNCATED:
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


def _plain(status: HTTPStatus, text: str) -> Response:
    return Response(status, (("Content-Type", "text/plain; charset=utf-8"),), text.encode())
