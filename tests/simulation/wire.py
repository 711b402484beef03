"""The wire between the engines and the emulators: bytes in, bytes out, and everything that may go wrong on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import parse_qs

import httpx2

from crossfoot.emulators.emulator import Emulator
from crossfoot.emulators.wire import TRUNCATED, Request, Response

from .machine import Machine
from .vendor_faults import PAGE_SHIFT, VENDOR_FAULTS, switch_on

CLIENT_TIMEOUT_S = 90.0
LATE_S_MAX = 240.0
WRITE_WEIGHT = 12  # writes are few among the requests, and it is with them that faults hurt
LEANT_WEIGHT = 6  # of the writes that a seed leans on, beyond that
WRITTEN = ("Payments", "Invoices", "CreditNotes", "Contacts", "Items", "sobjects")
SHIFT_WEIGHT = 12  # nor is there often a page behind the first one, which is where rows are skipped
LEAVES, COMMITTED, ANSWERED = "bytes leave", "vendor committed", "answer comes"
_HOSTS = {"salesforce.invalid": "salesforce", "xero.invalid": "xero"}
_READ_PATHS = ("/composite", "/composite/batch", "/token")


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it left an engine."""

    side: str
    request: Request
    at: datetime

    @property
    def is_write(self) -> bool:
        """Whether it may change a record: neither a read, nor reads carried by POST, nor a request for tokens."""
        return self.request.method != "GET" and not self.is_token and not self.request.path.endswith(_READ_PATHS)

    @property
    def is_further_page(self) -> bool:
        """Whether it asks for a page behind the first one of a list."""
        return parse_qs(self.request.query).get("page", ["1"]) != ["1"]

    @property
    def is_token(self) -> bool:
        """Whether it asks for tokens."""
        return self.request.path.endswith("/token")

    def seam(self, name: str) -> str:
        """A place on its way, as the machine calls it: deaths strike those of writes more often."""
        return f"write {name}" if self.is_write else name

    @property
    def words(self) -> str:
        """How the trace calls it; the digest of the body makes two runs comparable to the byte."""
        digest = sha256(self.request.query.encode() + self.request.body).hexdigest()[:8]
        return f"{self.side} {self.request.method} {self.request.path.rsplit('/', 1)[-1]} {digest}"


class Watch(Protocol):
    """Who looks at the wire: the oracles."""

    def sent(self, sent: Sent) -> None:
        """A request leaves."""

    def delivered(self, sent: Sent, response: Response) -> None:
        """A vendor has done what a request asked."""

    def answered(self, sent: Sent, response: Response) -> None:
        """An engine hears an answer."""


def to_request(request: httpx2.Request) -> Request:
    """A client's request as the emulators take it."""
    path, _, query = request.url.raw_path.decode().partition("?")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request(request.method, path, query, headers, request.read())


def dated(response: Response, now: datetime) -> Response:
    """An answer with the Date that the host adds: when it was made, however long it is on its way (RFC 9110, 6.6.1)."""
    date = ("Date", format_datetime(now.replace(microsecond=0), usegmt=True))
    return replace(response, headers=(*response.headers, date))


def to_response(response: Response) -> httpx2.Response:
    """An answer as the client gets it."""
    body = response.body[: len(response.body) // 2] if response.wire == TRUNCATED else response.body
    return httpx2.Response(response.status, headers=list(response.headers), content=body)


class QuietWire(httpx2.BaseTransport):
    """A wire on which nothing ever happens."""

    def __init__(self, salesforce: Emulator, xero: Emulator) -> None:
        self._emulators = {"salesforce": salesforce, "xero": xero}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer at once."""
        emulator = self._emulators[_HOSTS[request.url.host]]
        return to_response(dated(emulator.answer(to_request(request)), emulator.clock.now()))


class Wire(httpx2.BaseTransport):
    """A wire with delays and faults. ``rates`` gives the share of requests that each fault strikes; writes to what is
    leant on are struck most often."""

    def __init__(self, machine: Machine, emulators: Mapping[str, Emulator], watch: Watch, leans_on: str = "") -> None:
        self.machine = machine
        self.rates: Mapping[str, float] = {}
        self.slowest_s = 1.5
        self.struck: dict[str, int] = {}
        self.writes = 0
        self._emulators = emulators
        self._watch = watch
        self._leans_on = leans_on

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Carry one request, with whatever befalls it."""
        machine = self.machine
        sent = Sent(_HOSTS[request.url.host], to_request(request), machine.now)
        fault = self._draw(sent)
        machine.note(f"{sent.words} leaves" + (f": {fault}" if fault else ""))
        self._watch.sent(sent)
        self.writes += sent.is_write
        machine.pause(sent.seam(LEAVES), machine.chance.uniform(0.02, self.slowest_s))
        response = self._strike(fault, sent) if fault else self.deliver(sent)
        machine.pause(sent.seam(ANSWERED), machine.chance.uniform(0.02, self.slowest_s))
        self._watch.answered(sent, response)
        return to_response(response)

    def deliver(self, sent: Sent) -> Response:
        """Let the vendor do it; a seam follows, at which the engine may die before it hears of it."""
        response = self.commit(sent)
        self.machine.pause(sent.seam(COMMITTED))
        return response

    def commit(self, sent: Sent) -> Response:
        """Let the vendor do it."""
        response = dated(self._emulators[sent.side].answer(sent.request), self.machine.now)
        self.machine.note(f"{sent.words} answered {response.status}")
        self._watch.delivered(sent, response)
        return response

    def _strike(self, fault: str, sent: Sent) -> Response:
        if fault in FAULTS:
            return FAULTS[fault](self, sent)
        switch_on(self._emulators[sent.side], VENDOR_FAULTS[fault])
        return self.deliver(sent)

    def _draw(self, sent: Sent) -> str:
        weight = WRITE_WEIGHT if sent.is_write else 1
        if sent.is_write and self._leans_on and self._leans_on in sent.request.path:
            weight *= LEANT_WEIGHT
        for name, rate in self.rates.items():
            strikes = self.machine.chance.random() < rate * weight * _weight(name, sent)
            if strikes and (name in FAULTS or VENDOR_FAULTS[name].fits(sent.side, sent.request)):
                self.struck[name] = self.struck.get(name, 0) + 1
                return name
        return ""


def _weight(name: str, sent: Sent) -> int:
    """How much oftener than others a fault strikes a request of this sort."""
    if name == PAGE_SHIFT and sent.is_further_page:
        return SHIFT_WEIGHT
    return VENDOR_FAULTS[name].weight if name in VENDOR_FAULTS else 1


def _lost_request(_wire: Wire, _sent: Sent) -> Response:
    raise httpx2.ReadError("the connection broke")


def _unreachable(_wire: Wire, _sent: Sent) -> Response:
    raise httpx2.ConnectError("no route")


def _lost_response(wire: Wire, sent: Sent) -> Response:
    wire.deliver(sent)
    raise httpx2.RemoteProtocolError("the connection broke before an answer")


def _duplicate(wire: Wire, sent: Sent) -> Response:
    again = wire.machine.chance.uniform(0.1, 3)
    wire.machine.later(again, f"a proxy delivers {sent.words} again", lambda: _ignore(wire.commit(sent)))
    return wire.deliver(sent)


def _page(wire: Wire, status: int, title: str) -> Response:
    page = Response(status, (("Content-Type", "text/html"),), f"<h1>{title}</h1>".encode())
    return dated(page, wire.machine.now)


def _error_before(wire: Wire, _sent: Sent) -> Response:
    return _page(wire, 503, "Service Unavailable")


def _error_after(wire: Wire, sent: Sent) -> Response:
    wire.deliver(sent)
    return _page(wire, 500, "Internal Server Error")


def _gateway_page(wire: Wire, _sent: Sent) -> Response:
    """A gateway's page instead of an answer, with a status that says nothing of the vendor."""
    return _page(wire, 502, "Bad Gateway")


def _refused_whole(wire: Wire, sent: Sent) -> Response:
    """Xero refuses a batch as a whole, as it does for one element that it cannot read (XERO 3.5)."""
    if not (sent.side == "xero" and sent.is_write):
        return wire.deliver(sent)
    body = b'{"ErrorNumber":17,"Type":"PostDataInvalidException","Message":"The data could not be read."}'
    return dated(Response(400, (("Content-Type", "application/json"),), body), wire.machine.now)


def _truncated(wire: Wire, sent: Sent) -> Response:
    return replace(wire.deliver(sent), wire=TRUNCATED)


def _slow(wire: Wire, sent: Sent) -> Response:
    wire.machine.pause("waits", wire.machine.chance.uniform(5, CLIENT_TIMEOUT_S - 5))
    return wire.deliver(sent)


def _late(wire: Wire, sent: Sent) -> Response:
    after = wire.machine.chance.uniform(CLIENT_TIMEOUT_S, LATE_S_MAX)
    wire.machine.later(after, f"at last {sent.words} arrives", lambda: _ignore(wire.commit(sent)))
    wire.machine.pause("waits in vain", CLIENT_TIMEOUT_S)
    raise httpx2.ReadTimeout("no answer in time")


def _ignore(_response: Response) -> None:
    """Nobody hears this answer."""


FAULTS: Mapping[str, Callable[[Wire, Sent], Response]] = {
    "lost request": _lost_request,
    "unreachable": _unreachable,
    "lost response": _lost_response,
    "delivered twice": _duplicate,
    "error before": _error_before,
    "error after commit": _error_after,
    "gateway page": _gateway_page,
    "batch refused": _refused_whole,
    "truncated": _truncated,
    "slow": _slow,
    "late commit": _late,
}
ALL_FAULTS = (*FAULTS, *VENDOR_FAULTS)


def fault_rates(chance: Any, strength: float) -> dict[str, float]:
    """One seed's own mix: about half of all faults, each with a rate of its own."""
    chosen = [name for name in ALL_FAULTS if chance.random() < 0.5]
    return {name: strength * chance.uniform(0.3, 2) for name in chosen} if strength else {}
