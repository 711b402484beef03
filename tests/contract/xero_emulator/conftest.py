"""A Xero world to talk to without sockets, and the few words in which the tests talk to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from crossfoot.emulators.wire import Event, Request, Response
from crossfoot.emulators.xero import World, credentials, handle, new_world

START = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


@dataclass
class Client:
    """One app with a user's access token."""

    world: World
    now: datetime = START
    token: str = ""
    tenant: str = ""
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        known = credentials(self.world, self.now)
        self.token, self.tenant = known["access_token"], known["tenant_id"]

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        told = {"authorization": f"Bearer {self.token}", "xero-tenant-id": self.tenant, "accept": "application/json"}
        sent = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        asked = urlencode(query or {}, quote_via=quote)
        response, self.events = handle(
            self.world, Request(method, path, asked, {**told, **(headers or {})}, sent), self.now
        )
        return response

    def json(self, *arguments: Any, **named: Any) -> Any:
        return _DECODER.decode(self.send(*arguments, **named).body)

    def rows(self, method: str, path: str, body: Any = None, **query: Any) -> list[dict[str, Any]]:
        """The rows of an answer that must be 200."""
        response = self.send(method, path, body, query)
        assert response.status == 200, response.body
        answer = _DECODER.decode(response.body)
        found: list[dict[str, Any]] = next(value for value in answer.values() if isinstance(value, list))
        return found

    def one(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        (row,) = self.rows(method, path, body, **query)
        return row

    def problems(self, method: str, path: str, body: Any, **query: Any) -> list[str]:
        """The validation messages of a call that must be refused with 400."""
        response = self.send(method, path, body, query)
        assert response.status == 400, response.body
        elements = _DECODER.decode(response.body)["Elements"]
        return [error["Message"] for element in elements for error in element["ValidationErrors"]]

    def person(self, method: str, path: str, body: Any = None) -> Any:
        """The same, as a person in Xero's own screens."""
        sent = msgspec.json.encode({"method": method, "path": path, "body": body})
        response, self.events = handle(self.world, Request("POST", "/control/person", body=sent), self.now)
        assert response.status in {200, 204}, response.body
        return _DECODER.decode(response.body) if response.body else None

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def contact(self, name: str = "Acme Pty Ltd", **members: Any) -> dict[str, Any]:
        return self.one("PUT", "/Contacts", {"Contacts": [{"Name": name, **members}]})

    def invoice(self, *lines: Any, **members: Any) -> dict[str, Any]:
        """A sales invoice of one customer; a line is a price or a mapping."""
        return self.one("PUT", "/Invoices", self.draft(*lines, **members), unitdp=4)

    def draft(self, *lines: Any, **members: Any) -> dict[str, Any]:
        if "Contact" not in members:
            found = self.rows("GET", "/Contacts", where='Name=="Acme Pty Ltd"') or [self.contact()]
            members["Contact"] = {"ContactID": found[0]["ContactID"]}
        return {
            "Type": "ACCREC",
            "Date": "2026-11-20",
            "DueDate": "2026-12-04",
            "LineItems": [line(part) for part in lines or (100,)],
            **members,
        }

    def pay(self, invoice: Mapping[str, Any], amount: Any, **members: Any) -> dict[str, Any]:
        return self.one("PUT", "/Payments", self.payment(invoice, amount, **members))

    @staticmethod
    def payment(invoice: Mapping[str, Any], amount: Any, **members: Any) -> dict[str, Any]:
        return {
            "Invoice": {"InvoiceID": invoice["InvoiceID"]},
            "Account": {"Code": "090"},
            "Date": "2026-11-20",
            "Amount": amount,
            **members,
        }


def line(part: Any) -> dict[str, Any]:
    told = part if isinstance(part, dict) else {"UnitAmount": part}
    return {"Description": "Advice", "Quantity": 1, "AccountCode": "200", "TaxType": "OUTPUT", **told}


@pytest.fixture(scope="session")
def signing_key_pem() -> str:
    return new_world().signing_key_pem


@pytest.fixture
def make_client(signing_key_pem: str) -> Callable[..., Client]:
    def make(**settings: Any) -> Client:
        return Client(new_world(settings=settings, signing_key_pem=signing_key_pem))

    return make


@pytest.fixture
def xero(make_client: Callable[..., Client]) -> Client:
    return make_client(minute_limit=100_000)
