"""An emulated org and a client of it that carries the same bytes as HTTP would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from crossfoot.emulators.salesforce import World, handle, new_world
from crossfoot.emulators.wire import Event, Request

NOON = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
API = "/services/data/v66.0"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]
    events: list[Event]

    @property
    def code(self) -> str:
        """The error code of a refusal, in the array shape."""
        return str(self.body[0]["errorCode"])


class Org:
    """A world, a clock and the ready session of its integration user."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = NOON
        self.token = world.credentials()["access_token"]

    def tick(self, seconds: int = 1) -> None:
        self.now += timedelta(seconds=seconds)

    def send(self, method: str, path: str, body: bytes = b"", query: str = "", **headers: str) -> Answer:
        response, events = handle(self.world, Request(method, path, query, headers, body), self.now)
        answered = dict(response.headers)
        kind = answered.get("Content-Type", "")
        parsed = (
            json.loads(response.body, parse_float=Decimal) if kind.startswith("application/json") else response.body
        )
        return Answer(response.status, parsed, answered, events)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        full = path if path.startswith("/") else f"{API}/{path}"
        sent = b"" if body is None else json.dumps(body).encode()
        signed = {"authorization": f"Bearer {token or self.token}", **(headers or {})}
        return self.send(method, full, sent, urlencode(query or {}), **signed)

    def person(self, method: str, path: str, body: Any = None) -> Answer:
        wish = {"method": method, "path": f"{API}/{path}", "body": body}
        return self.send("POST", "/control/person", json.dumps(wish).encode())

    def control(self, name: str, body: Any) -> Answer:
        return self.send("POST", f"/control/{name}", json.dumps(body).encode())

    def create(self, kind: str, **fields: Any) -> str:
        answer = self.person("POST", f"sobjects/{kind}", fields)
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    def soql(self, text: str, *, resource: str = "query") -> list[dict[str, Any]]:
        answer = self.call("GET", resource, query={"q": text})
        assert answer.status == 200, answer.body
        records: list[dict[str, Any]] = answer.body["records"]
        return records

    def read(self, kind: str, record_id: str) -> dict[str, Any]:
        row: dict[str, Any] = self.call("GET", f"sobjects/{kind}/{record_id}").body
        return row

    def token_by(self, **form: str) -> Answer:
        app = {
            "client_id": self.world.settings["consumer_key"],
            "client_secret": self.world.settings["consumer_secret"],
        }
        return self.send("POST", "/services/oauth2/token", urlencode({**app, **form}).encode())

    def standard_book(self) -> str:
        return str(self.soql("SELECT Id FROM Pricebook2 WHERE IsStandard = true")[0]["Id"])

    def priced_product(self, code: str, price: str, **entry: Any) -> str:
        """A product with a standard price; the id of the price book entry."""
        product = self.create("Product2", Name=f"Product {code}", ProductCode=code, IsActive=True)
        values = {"Pricebook2Id": self.standard_book(), "Product2Id": product, "UnitPrice": price, "IsActive": True}
        return self.create("PricebookEntry", **(values | entry))

    def deal(self, name: str = "Deal", **fields: Any) -> str:
        return self.create(
            "Opportunity", **({"Name": name, "StageName": "Prospecting", "CloseDate": "2026-11-20"} | fields)
        )


@pytest.fixture
def org() -> Org:
    return Org(new_world(seed=7))
