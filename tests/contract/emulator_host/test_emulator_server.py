"""The emulators' wire over a real loopback socket, with a toy vendor behind it."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from crossfoot.emulators.clock import Clock
from crossfoot.emulators.controls import clock_control
from crossfoot.emulators.emulator import Emulator
from crossfoot.emulators.faults import Vendor, new_faults, serve
from crossfoot.emulators.server import EmulatorServer
from crossfoot.emulators.wire import Event, Request, Response

HOST_NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)


@dataclass
class ToyWorld:
    """Remembers what it was asked."""

    host_offset_s: int = 0
    public_url: str = ""
    seen: list[Request] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, list[dict[str, Any]]] = field(default_factory=new_faults)
    strike: dict[str, Any] | None = None

    def dump(self) -> dict[str, Any]:
        return {}

    def credentials(self, now: datetime | None = None) -> dict[str, Any]:  # noqa: ARG002 - its grants never run out
        return {}


def answer(world: ToyWorld, request: Request, now: datetime) -> tuple[Response, list[Event]]:
    world.seen.append(request)
    if request.path == "/broken":
        raise ZeroDivisionError
    body = request.body or b"x" * int(request.query or 2)
    return Response(200, (("Content-Type", "text/plain"), ("X-Now", now.isoformat())), body), []


def handle(world: ToyWorld, request: Request, now: datetime) -> tuple[Response, list[Event]]:
    return serve(world, request, now, Vendor("salesforce", answer, acts={}))


@dataclass
class Toy:
    world: ToyWorld
    server: EmulatorServer
    clock: Clock

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=5)

    def fault(self, **spec: Any) -> None:
        connection = self.connect()
        connection.request("POST", "/control/fault", json.dumps(spec))
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        connection.close()


@pytest.fixture
def toy() -> Iterator[Toy]:
    clock = Clock(0, lambda: HOST_NOW)
    world = ToyWorld()
    server = EmulatorServer("127.0.0.1", 0)

    def turn(change: Callable[[Clock], None]) -> None:
        change(clock)

    server.start(Emulator("toy", world, handle, clock), {"/control/clock": clock_control(clock, turn)})
    yield Toy(world, server, clock)
    server.shutdown()
    server.server_close()


def test_one_connection_carries_many_requests(toy: Toy) -> None:
    connection = toy.connect()
    for _ in range(3):
        connection.request("GET", "/things")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"xx")
    connection.close()
    assert len(toy.world.seen) == 3


def test_path_and_query_arrive_as_sent_and_header_names_in_lower_case(toy: Toy) -> None:
    connection = toy.connect()
    connection.request("GET", "/a%20b?4&c=%2F", headers={"X-Thing": "One"})
    connection.getresponse().read()
    [request] = toy.world.seen
    assert (request.path, request.query, request.headers["x-thing"]) == ("/a%20b", "4&c=%2F", "One")
    connection.close()


def test_chunked_bodies_with_trailers_leave_the_connection_usable(toy: Toy) -> None:
    with socket.create_connection(("127.0.0.1", toy.server.server_port), timeout=5) as raw:
        head = b"POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        raw.sendall(
            head
            + b"4;ext=1\r\nwiki\r\n5\r\npedia\r\n0\r\nTrailer: 1\r\n\r\n"
            + b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        received = b""
        while received.count(b"HTTP/1.1 200") < 2:
            part = raw.recv(65536)
            assert part, received
            received += part
    assert [(request.method, request.body) for request in toy.world.seen] == [("POST", b"wikipedia"), ("GET", b"")]


@pytest.mark.parametrize("size", [b"-5", b"zz", b""], ids=["negative", "no number", "empty"])
def test_a_bad_chunk_size_is_refused(toy: Toy, size: bytes) -> None:
    with socket.create_connection(("127.0.0.1", toy.server.server_port), timeout=5) as raw:
        raw.sendall(b"POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n")
        assert raw.recv(65536).startswith(b"HTTP/1.1 400 ")
    assert toy.world.seen == []


def test_a_body_that_is_too_large_is_refused_before_it_is_read(toy: Toy) -> None:
    connection = toy.connect()
    connection.putrequest("POST", "/up")
    connection.putheader("Content-Length", str(129 * 1024 * 1024))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_the_date_header_shows_the_emulators_clock(toy: Toy) -> None:
    connection = toy.connect()
    connection.request("POST", "/control/clock", json.dumps({"advance_s": 3600}))
    assert json.loads(connection.getresponse().read())["now"] == "2026-11-20T02:30:00+00:00"
    connection.request("GET", "/things")
    answer = connection.getresponse()
    assert answer.headers["Date"] == "Fri, 20 Nov 2026 02:30:00 GMT"
    assert answer.headers["X-Now"] == "2026-11-20T02:30:00+00:00"
    answer.read()
    connection.request("POST", "/control/clock", json.dumps({"set": "2026-11-20T01:30:00Z"}))
    refused = connection.getresponse()
    assert (refused.status, json.loads(refused.read())) == (400, {"error": "The clock only turns forward."})
    connection.close()


def test_long_answers_are_compressed_when_asked(toy: Toy) -> None:
    connection = toy.connect()
    connection.request("GET", "/things?5000", headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.read()) == b"x" * 5000
    connection.request("GET", "/things?100", headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    assert (answer.headers["Content-Encoding"], answer.read()) == (None, b"x" * 100)
    connection.close()


def test_a_lost_response_commits_and_answers_nothing(toy: Toy) -> None:
    toy.fault(kind="lost_response", match={"method": "PUT", "path_contains": "/invoices"})
    connection = toy.connect()
    connection.request("PUT", "/Invoices", b"one")
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    assert [request.body for request in toy.world.seen] == [b"one"]
    connection.close()
    connection.request("PUT", "/Invoices", b"two")
    assert connection.getresponse().read() == b"two"
    connection.close()


def test_a_lost_request_never_reaches_the_vendor(toy: Toy) -> None:
    toy.fault(kind="lost_request")
    connection = toy.connect()
    connection.request("PUT", "/Invoices", b"one")
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    assert toy.world.seen == []
    connection.close()


def test_a_status_fault_waits_for_its_turn_and_strikes_as_often_as_told(toy: Toy) -> None:
    toy.fault(kind="status", status=429, headers={"Retry-After": "7"}, after=1, times=2)
    connection, answers = toy.connect(), []
    for _ in range(4):
        connection.request("GET", "/things")
        answer = connection.getresponse()
        answers.append((answer.status, answer.headers["Retry-After"]))
        answer.read()
    connection.close()
    assert answers == [(200, None), (429, "7"), (429, "7"), (200, None)]


def test_a_truncated_answer_breaks_off_in_its_body(toy: Toy) -> None:
    toy.fault(kind="truncated")
    connection = toy.connect()
    connection.request("GET", "/things?100")
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()
    connection.close()
    assert len(toy.world.seen) == 1


def test_faults_can_be_shown_cleared_and_refused(toy: Toy) -> None:
    toy.fault(kind="status")
    connection = toy.connect()
    connection.request("DELETE", "/control/fault")
    assert json.loads(connection.getresponse().read()) == {"faults": []}
    connection.request("POST", "/control/fault", json.dumps({"kind": "gremlin"}))
    answer = connection.getresponse()
    assert answer.status == 400
    assert "lost_response" in json.loads(answer.read())["error"]
    connection.close()


def test_a_defect_in_an_emulator_is_a_500_and_shows_on_its_terminal(
    toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = toy.connect()
    connection.request("GET", "/broken")
    answer = connection.getresponse()
    assert answer.status == 500
    answer.read()
    connection.close()
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
def test_the_control_plane_does_not_answer_web_pages(toy: Toy, header: str) -> None:
    connection = toy.connect()
    connection.request("POST", "/control/clock", json.dumps({"advance_s": 3600}), {header: "same-origin"})
    response = connection.getresponse()
    assert (response.status, response.read()) == (403, b"The control plane does not answer web pages.")
    assert toy.clock.offset_s == 0
    connection.close()
