"""The fault switchboard over real sockets: the wire, calls in progress, and a restart in the middle."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse, RemoteDisconnected
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from crossfoot.emulators.fault_kinds import CATALOGUE, SALESFORCE_FAULTS, WIRE_FAULTS, FaultSpecError, kinds_of
from crossfoot.emulators.faults import read_fault
from crossfoot.emulators.host import Host, HostSettings
from crossfoot.emulators.wire import IN_PROGRESS

HOME = {"path_contains": "/Contacts"}


class Office:
    """A running host, and one app's way of asking it."""

    def __init__(self, state: Path | None = None) -> None:
        self.host = Host(HostSettings(scenario="empty", state=state))
        self.host.start()
        self.env = self.host.env()

    def headers(self) -> Mapping[str, str]:
        return {
            "Authorization": f"Bearer {self.env['XERO_ACCESS_TOKEN']}",
            "xero-tenant-id": self.env["XERO_TENANT_ID"],
            "Accept": "application/json",
        }

    def send(
        self, method: str, path: str, body: Any = None, side: str = "xero", **headers: str
    ) -> tuple[HTTPResponse, bytes]:
        """One request on a connection of its own; its answer and body."""
        connection = HTTPConnection(urlsplit(self.host.urls[side]).netloc, timeout=10)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, {**self.headers(), **headers})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, body: Any = None, side: str = "xero") -> Any:
        return json.loads(self.send(method, path, body, side)[1])

    def fault(self, kind: str, side: str = "xero", **spec: Any) -> None:
        answer, body = self.send("POST", "/control/fault", {"kind": kind, **spec}, side)
        assert answer.status == 200, body

    def names(self) -> list[str]:
        return [row["Name"] for row in self.json("GET", "/api.xro/2.0/Contacts")["Contacts"]]


@pytest.fixture
def office() -> Iterator[Office]:
    made = Office()
    yield made
    made.host.stop()


def test_every_kind_reads_with_the_settings_that_it_needs() -> None:
    needed = {"scope": "s", "date": "", "contact": "a", "into": "b", "account": "1", "tax_rate": "x", "item": "i"}
    needed |= {"code": "c", "name": "n", "category": "c", "option": "o"}
    needed |= {"object": "Account", "field": "Site", "value": "v", "record": "001", "currency": "NZD"}
    items = {"row_lock": {"item": 1}}
    for system in ("salesforce", "xero"):
        for name, kind in kinds_of(system).items():
            given = {key: value for key, value in needed.items() if key in kind.settings} | items.get(name, {})
            assert set(read_fault({"kind": name, **given}, system)["settings"]) == set(kind.settings)
    assert set(kinds_of("salesforce")) == {*WIRE_FAULTS, *SALESFORCE_FAULTS}
    assert all(kind.does.endswith(".") for kind in CATALOGUE)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "gremlin"}, "kind must be one of lost_request"),
        ({"kind": "slow", "second": 1}, "slow has no second"),
        ({"kind": "slow", "seconds": 601}, "seconds must be a number from 0 to 600"),
        ({"kind": "slow", "seconds": True}, "seconds needs a value"),
        ({"kind": "contact_archived"}, "contact_archived needs contact"),
        ({"kind": "status", "times": 0}, "times must be a whole number from 1"),
        ({"kind": "status", "match": {"url": "x"}}, "match has method and path_contains"),
        ({"kind": "limit_minute"}, "kind must be one of"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(spec: dict[str, Any], message: str) -> None:
    system = "salesforce" if spec["kind"] == "limit_minute" else "xero"
    with pytest.raises(FaultSpecError, match=message):
        read_fault(spec, system)


def test_errors_before_and_after_the_commit(office: Office) -> None:
    for kind, status in (("status", 504), ("status_after_commit", 502)):
        office.fault(kind, match=HOME, status=status)
        answer, _ = office.send("PUT", "/api.xro/2.0/Contacts", {"Name": kind})
        assert answer.status == status
    assert office.names() == ["status_after_commit"]


def test_a_gateways_page_and_a_wrong_type(office: Office) -> None:
    office.fault("html_page", match=HOME, status=200)
    answer, body = office.send("PUT", "/api.xro/2.0/Contacts", {"Name": "Unseen"})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert body.startswith(b"<html>")
    office.fault("wrong_type", match=HOME)
    answer, body = office.send("PUT", "/api.xro/2.0/Contacts", {"Name": "Seen"})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert json.loads(body)["Contacts"][0]["Name"] == "Seen"
    assert office.names() == ["Seen"]


def test_one_fault_can_be_cleared_by_its_number(office: Office) -> None:
    for seconds in (1, 2, 3):
        office.fault("slow", seconds=seconds, match={"path_contains": "/nothing"})
    kept = office.json("DELETE", "/control/fault", {"number": 2})["faults"]
    assert [(fault["number"], fault["seconds"]) for fault in kept] == [(1, 1), (3, 3)]
    answer, body = office.send("DELETE", "/control/fault", {"number": 2})
    assert (answer.status, json.loads(body)) == (400, {"error": "no fault has the number 2"})


def test_salesforce_has_the_same_wire(office: Office) -> None:
    office.fault("lost_request", side="salesforce")
    with pytest.raises(RemoteDisconnected):
        office.send("GET", "/services/data", side="salesforce")
    assert office.send("GET", "/services/data", side="salesforce")[0].status == 200


def test_the_sixth_call_in_progress_is_too_many(office: Office) -> None:
    office.fault("slow", seconds=0.6, times=5, match=HOME)
    before = office.json("GET", "/control/counts")["calls"]
    with ThreadPoolExecutor(5) as pool:
        held = [pool.submit(office.send, "GET", "/api.xro/2.0/Contacts") for _ in range(5)]
        pause = threading.Event()
        while office.json("GET", "/control/counts")["calls"] < before + 5:
            pause.wait(0.01)
        answer, _ = office.send("GET", "/api.xro/2.0/Organisation", **{IN_PROGRESS: "1"})
        other, _ = office.send("GET", "/connections")
        assert (answer.status, answer.headers["X-Rate-Limit-Problem"]) == (429, "concurrent")
        assert answer.headers["Retry-After"] is None
        assert other.status == 200
        assert {found.result()[0].status for found in held} == {200}
    assert office.send("GET", "/api.xro/2.0/Organisation")[0].status == 200


def test_a_client_cannot_say_how_many_calls_it_has(office: Office) -> None:
    assert office.send("GET", "/api.xro/2.0/Organisation", **{IN_PROGRESS: "99"})[0].status == 200


def test_faults_survive_a_restart_counted_down(tmp_path: Path) -> None:
    first = Office(tmp_path / "state")
    first.fault("status", times=3, match=HOME)
    assert first.send("GET", "/api.xro/2.0/Contacts")[0].status == 503
    first.fault("late", seconds=600, match={"method": "PUT"})
    first.json("DELETE", "/control/fault", {"number": 1})
    with pytest.raises(RemoteDisconnected):
        first.send("PUT", "/api.xro/2.0/Contacts", {"Name": "Held"})
    first.fault("read_lag", times=7, after=2)
    first.send("GET", "/api.xro/2.0/Contacts")
    kill(first)
    second = Office(tmp_path / "state")
    [left] = second.json("GET", "/control/fault")["faults"]
    assert (left["kind"], left["times"], left["after"]) == ("read_lag", 7, 1)
    second.json("DELETE", "/control/fault")
    second.json("POST", "/control/clock", {"advance_s": 600})
    second.env = second.host.env()
    assert second.names() == ["Held"]
    second.host.stop()


def kill(office: Office) -> None:
    """Stop serving without a last snapshot, so that the next start replays the log."""
    for server in office.host._servers.values():
        server.shutdown()
        server.server_close()
    for courier in office.host._couriers:
        courier.stop()
    assert office.host._folder is not None
    office.host._folder.close()


def test_a_state_can_be_shown_and_put_back(office: Office) -> None:
    office.send("PUT", "/api.xro/2.0/Contacts", {"Name": "Before"})
    office.fault("slow", seconds=1, match={"path_contains": "/nothing"})
    _, state = office.send("GET", "/control/state")
    office.json("DELETE", "/control/fault")
    office.send("PUT", "/api.xro/2.0/Contacts", {"Name": "After"})
    office.json("POST", "/control/clock", {"advance_s": 86_400})
    connection = HTTPConnection(urlsplit(office.host.urls["salesforce"]).netloc, timeout=10)
    connection.request("POST", "/control/state", state)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["scenario"]) == (200, "empty")
    connection.close()
    assert office.names() == ["Before"]
    assert [fault["kind"] for fault in office.json("GET", "/control/fault")["faults"]] == ["slow"]
    assert office.json("GET", "/control/clock")["offset_s"] < 86_400
    refused, body = office.send("POST", "/control/state", {"version": 1})
    assert refused.status == 400
    assert "is not a snapshot" in json.loads(body)["error"]
    assert office.names() == ["Before"]
