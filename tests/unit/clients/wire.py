"""A vendor at the end of a wire that carries exactly what a test says, and a machine whose clock only sleep moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx2

from crossfoot.core.records import Side
from crossfoot.engine.calls.grants import Grants, GrantSecrets
from crossfoot.engine.calls.remote import Remote, Tools
from crossfoot.engine.host import Host
from crossfoot.http import Http, HttpRequest
from crossfoot.store.database import Database
from crossfoot.store.workspace import StoredConnection
from crossfoot.vault.envelope import VaultKey
from crossfoot.xero.requests import OrganisationRequest, Tenant

NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
KEY = VaultKey(id="00112233445566ff", secret=bytes(range(32)))
BASE = "https://vendor.example.com"
HOMES = {Side.XERO: "0b4dd2ca-6d2e-4e5f-9a3a-5d8f3b8a1c11", Side.SALESFORCE: "00D5g000004abcdEAA"}
TENANT = Tenant(HOMES[Side.XERO])
READS: dict[Side, HttpRequest] = {
    Side.XERO: OrganisationRequest("GET", "/Invoices", tenant=TENANT),
    Side.SALESFORCE: HttpRequest("GET", "/query"),
}
GRANT = "the grant"
COMMITTED = "call-1"

Reply = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]


def reply(status: int = 200, body: Any = None, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, content=json.dumps({} if body is None else body).encode(), headers=named)


def tokens(number: int, *, refresh: str = "") -> httpx2.Response:
    return reply(200, {"access_token": f"canary-access-{number}", "refresh_token": refresh, "expires_in": 1800})


@dataclass
class Wire:
    """Answers in order; the last one again and again."""

    replies: list[Reply]
    requests: list[httpx2.Request] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]


def http(wire: Callable[[httpx2.Request], httpx2.Response], committed: Iterable[str] = (COMMITTED,)) -> Http:
    return Http(lambda call_id: call_id in committed, httpx2.MockTransport(wire))


@dataclass
class Machine:
    """A clock that moves by sleeping."""

    now: datetime = NOW
    slept: list[float] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=count)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def host(self) -> Host:
        return Host(now=lambda: self.now, sleep=self.sleep, new_id=lambda: f"id-{next(self.ids)}", jitter=lambda: 0.0)


SECRETS = GrantSecrets(
    token_base=BASE,
    client_id="client",
    client_secret="canary-client-secret",
    access_token="canary-access-1",
    refresh_token="canary-refresh-1",
)


@dataclass
class Setting:
    """One connection with a grant that is good for half an hour."""

    database: Database
    wire: Wire
    machine: Machine
    grants: Grants
    remote: Remote[HttpRequest]


def connect(
    database: Database, *replies: Reply, side: Side = Side.XERO, kind: str = "refresh", secrets: GrantSecrets = SECRETS
) -> Setting:
    wire, machine = Wire(list(replies)), Machine()
    client = http(wire)
    grants = Grants(database, client, machine.host(), lambda: KEY)
    grants.save(GRANT, side, kind, secrets, NOW + timedelta(minutes=30))
    stored = StoredConnection(side, HOMES[side], "Harbour Point", "hp", GRANT, {"base": BASE}, {})
    remote: Remote[HttpRequest] = Remote(stored, Tools(client, grants, database, machine.host()))
    return Setting(database, wire, machine, grants, remote)
