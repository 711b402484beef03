"""An emulated org, in process and served, and what a subscriber makes of its events."""

from __future__ import annotations

import io
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import fastavro
import pytest

from crossfoot.emulators.salesforce import World, handle, new_world
from crossfoot.emulators.salesforce.schema import SObject, checkbox, currency, declaration, text
from crossfoot.emulators.wire import Event, Request, Response

NOON = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
API = "/services/data/v66.0"
ORDER_SHIPPED = SObject(
    "Order_Shipped__e",
    "e00",
    (text("Number__c", 20), currency("Amount__c"), checkbox("Late__c")),
    updateable=False,
    deletable=False,
)


class Org:
    """An org, its clock, and one session; calls go to the handle, or to whatever ``answer`` is."""

    def __init__(self, world: World, answer: Callable[[Request], Response] | None = None) -> None:
        self.world = world
        self.now = NOON
        self.told: list[Event] = []
        self.token = world.credentials()["access_token"]
        self.admin = f"{self.org_id[:15]}!administrator"
        session = {"user": world.grants["admin"], "family": None, "scope": "api", "seen": None, "opened": NOON}
        world.sessions[self.admin] = session
        self._answer = answer or self._handle

    def _handle(self, request: Request) -> Response:
        response, self.told = handle(self.world, request, self.now)
        return response

    def tick(self, seconds: int = 1) -> None:
        self.now += timedelta(seconds=seconds)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        sent = b"" if body is None else json.dumps(body).encode()
        response = self._answer(Request(method, path, "", headers, sent))
        return response.status, json.loads(response.body or b"null")

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        signed = {
            "authorization": f"Bearer {self.token}",
            **{name.replace("_", "-"): headers[name] for name in headers},
        }
        status, answer = self.send(method, f"{API}/{path}", body, **signed)
        assert status < 300, answer
        return answer

    def create(self, kind: str, **fields: Any) -> str:
        return str(self.call("POST", f"sobjects/{kind}", fields)["id"])

    def control(self, name: str, body: Any) -> Any:
        status, answer = self.send("POST", f"/control/{name}", body)
        assert status < 300, answer
        return answer

    def pubsub(self, method: str, token: str | None = None, **message: Any) -> Any:
        """One call of the Pub/Sub API as the gRPC service makes it."""
        metadata = {"accesstoken": token or self.token, "instanceurl": "https://x", "tenantid": self.org_id}
        return self.send("POST", f"/eventbus.v1.PubSub/{method}", message, **metadata)[1]

    @property
    def org_id(self) -> str:
        return str(self.world.organization["Id"])

    def fetch(self, topic: str = "/data/ChangeEvents", replay_id: str = "", number: int = 100, **message: Any) -> Any:
        preset = "CUSTOM" if replay_id else "EARLIEST"
        start = {"replay_preset": preset, "replay_id": replay_id, "num_requested": number}
        return self.pubsub("Subscribe", **{"token": self.admin, "topic_name": topic, **start, **message})

    def payloads(self, answer: Any) -> list[dict[str, Any]]:
        return [self.decode(each["event"]) for each in answer["events"]]

    def decode(self, event: Mapping[str, Any]) -> dict[str, Any]:
        found = fastavro.schemaless_reader(
            io.BytesIO(b64decode(event["payload"])), self.schema(event["schema_id"]), None
        )
        assert isinstance(found, dict)
        return found

    def encode(self, schema_id: str, payload: Mapping[str, Any]) -> str:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self.schema(schema_id), payload)
        return b64encode(out.getvalue()).decode()

    def schema(self, schema_id: str) -> Any:
        return fastavro.parse_schema(json.loads(self.pubsub("GetSchema", schema_id=schema_id)["schema_json"]))

    def news(self) -> list[dict[str, Any]]:
        """The change events since this was last asked."""
        answer = self.fetch(replay_id=getattr(self, "seen", ""))
        self.seen = answer["latest_replay_id"]
        return self.payloads(answer)

    def names(self, payload: Mapping[str, Any], member: str) -> list[str]:
        """What a bitmap of the header names, read as the vendor's guide says."""
        header = payload["ChangeEventHeader"]
        fields = self.schema(self.pubsub("GetTopic", topic_name=topic_of(header))["schema_id"])["fields"]
        found = []
        for mask in header[member]:
            index, _, bits = mask.rpartition("-")
            inside = fields if not index else fields[int(index)]["type"][-1]["fields"]
            prefix = f"{fields[int(index)]['name']}." if index else ""
            found += [prefix + each["name"] for place, each in enumerate(inside) if int(bits, 16) >> place & 1]
        return found


def topic_of(header: Mapping[str, Any]) -> str:
    entity = header["entityName"]
    return f"/data/{entity[:-1] if entity.endswith('__c') else entity}ChangeEvent"


@pytest.fixture
def org() -> Org:
    return Org(new_world(seed=7))


@pytest.fixture
def shop(org: Org) -> Org:
    """An org that declares a platform event, used by its administrator."""
    org.world.declare(declaration(ORDER_SHIPPED))
    org.token = org.admin
    return org
