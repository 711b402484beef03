"""The HTTP seam: one exchange, no redirect, nothing in clear text, and no write without a committed intent."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import httpx2
import pytest

from crossfoot.core.errors import Defect, NeedsPerson
from crossfoot.http import ANSWER_BYTES_MAX, TOKEN_EXCHANGE, HttpRequest, Lost, is_loopback, require_safe_address

from .wire import BASE, COMMITTED, Reply, Wire, http, reply

READ, WRITE = HttpRequest("GET", "/Invoices", {"page": "1"}), HttpRequest("PUT", "/Invoices", body=b"the exact body")


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.0.88.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("me", False)],  # noqa: S104
)
def test_every_loopback_address_is_this_machine_alone(host: str, own: bool) -> None:
    assert is_loopback(host) is own


@pytest.mark.promise("S1-72")
@pytest.mark.parametrize(
    "address", ["https://api.xero.com", "http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:8080"]
)
def test_addresses_that_may_be_used(address: str) -> None:
    require_safe_address(address)


@pytest.mark.promise("S1-72")
@pytest.mark.parametrize(
    "address",
    [
        "http://api.xero.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://192.168.1.10",
        "http://0.0.0.0",
        "ftp://localhost",
        "localhost:8080",
        "https://",
        "",
    ],
)
def test_clear_text_is_refused_before_anything_is_sent(address: str) -> None:
    wire = Wire([reply()])
    with pytest.raises(NeedsPerson, match="not an https address"):
        http(wire).send(address, READ, {})
    assert wire.requests == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("intent", ["", "call-never-committed"])
def test_a_write_without_a_committed_intent_never_leaves(method: str, intent: str) -> None:
    wire = Wire([reply()])
    with pytest.raises(Defect, match="no committed intent; nothing was sent"):
        http(wire).send(BASE, HttpRequest(method, "/Invoices"), {}, intent=intent)
    assert wire.requests == []


@pytest.mark.parametrize(
    ("request_", "intent"),
    [
        (READ, ""),
        (WRITE, COMMITTED),
        (HttpRequest("POST", "/composite/batch", only_reads=True), ""),
        (HttpRequest("POST", "/connect/token"), TOKEN_EXCHANGE),
    ],
    ids=["a read", "a committed write", "a POST that only reads", "a token request"],
)
def test_what_may_leave_leaves_once(request_: HttpRequest, intent: str) -> None:
    wire = Wire([reply(200, {"ok": True}, Date="Fri, 20 Nov 2026 01:30:00 GMT", X_Request_Id="abc")])
    answer = http(wire).send(f"{BASE}/", request_, {"Authorization": "Bearer t"}, intent=intent)
    assert (answer.status, answer.body, answer.request_id) == (200, b'{"ok": true}', "abc")
    assert answer.date is not None
    assert answer.date.hour == 1
    (sent,) = wire.requests
    assert (sent.method, sent.url.path, sent.content) == (request_.method, request_.path, request_.body)
    assert sent.headers["authorization"] == "Bearer t"


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    wire = Wire([reply(302, location="http://169.254.169.254/latest/meta-data")])
    assert http(wire).send(BASE, READ, {}).status == 302
    assert len(wire.requests) == 1


def broken(_request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-encoding": "gzip"}, content=b"not gzip at all")


@pytest.mark.parametrize(
    ("reply_", "sent"),
    [
        (httpx2.ConnectError("refused"), False),
        (httpx2.ConnectTimeout("slow"), False),
        (httpx2.PoolTimeout("busy"), False),
        (httpx2.ReadTimeout("silent"), True),
        (httpx2.WriteError("cut"), True),
        (httpx2.WriteTimeout("cut"), True),
        (httpx2.RemoteProtocolError("cut"), True),
        (broken, True),
    ],
)
def test_a_lost_answer_says_whether_the_request_can_have_left(reply_: Reply, sent: bool) -> None:
    wire = Wire([reply_])
    with pytest.raises(Lost, match=r"vendor\.example\.com") as lost:
        http(wire).send(BASE, WRITE, {}, intent=COMMITTED)
    assert lost.value.sent is sent
    assert len(wire.requests) == 1


class Pieces(httpx2.SyncByteStream):
    """A body that comes in pieces, as from a socket."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def __iter__(self) -> Iterator[bytes]:
        while self.pieces:
            yield self.pieces.pop(0)


def test_gzip_is_asked_for_decoded_and_metered_as_it_came() -> None:
    body = b'{"Invoices":[]}' * 1000
    packed = gzip.compress(body)
    stream = Pieces(packed[:10], packed[10:])
    wire = Wire([httpx2.Response(200, headers={"content-encoding": "gzip"}, stream=stream)])
    answer = http(wire).send(BASE, READ, {})
    assert wire.requests[0].headers["accept-encoding"] == "gzip"
    assert (answer.body, answer.received_bytes) == (body, len(packed))


def test_a_small_answer_that_inflates_beyond_the_bound_is_given_up() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(4 * ANSWER_BYTES_MAX >> 20)) + packer.flush()
    pieces = [bomb[start : start + 4096] for start in range(0, len(bomb), 4096)]
    stream = Pieces(*pieces)
    wire = Wire([httpx2.Response(200, headers={"content-encoding": "gzip"}, stream=stream)])
    with pytest.raises(Lost, match="exceeds") as lost:
        http(wire).send(BASE, WRITE, {}, intent=COMMITTED)
    assert lost.value.sent
    assert len(stream.pieces) > len(pieces) / 2


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "deflate", "zstd"])
def test_an_encoding_that_was_not_asked_for_is_not_decoded(encoding: str) -> None:
    wire = Wire([httpx2.Response(200, headers={"content-encoding": encoding}, stream=Pieces(b"x"))])
    with pytest.raises(Lost, match="not asked for") as lost:
        http(wire).send(BASE, WRITE, {}, intent=COMMITTED)
    assert lost.value.sent


def test_a_request_shows_neither_headers_nor_body() -> None:
    request = HttpRequest("POST", "/token", headers={"Authorization": "canary"}, body=b"client_secret=canary")
    assert "canary" not in repr(request)
