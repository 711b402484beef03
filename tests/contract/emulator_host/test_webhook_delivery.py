"""Webhooks over real HTTP: the emulators' host delivers to a server that judges signatures for itself (XERO 6)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from crossfoot.emulators import webhooks
from crossfoot.emulators.host import Host, HostSettings, make_worlds
from crossfoot.emulators.scenario import Scenario, ScenarioError
from crossfoot.emulators.wire import Delivery

KEY = "a key known to both"
wait_s_max = 10


class Subscriber(ThreadingHTTPServer):
    """A receiver as Xero wants it: 200 for a right signature, 401 for a wrong one, nothing else in the answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Inbox)
        self.url = f"http://127.0.0.1:{self.server_port}/hooks/xero?from=books"
        self.seen: list[tuple[bool, dict[str, Any]]] = []
        self.paths: list[str] = []
        self.broken = False
        self.redirect_to = ""
        self.slow_s = 0.0

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What came rightly signed and with events."""
        return [body for signed, body in self.seen if signed and body["events"]]


class _Inbox(BaseHTTPRequestHandler):
    server: Subscriber

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        wanted = base64.b64encode(hmac.digest(KEY.encode(), raw, hashlib.sha256)).decode()
        signed = hmac.compare_digest(wanted, self.headers["x-xero-signature"])
        self.server.paths.append(self.path)
        self.server.seen.append((signed, json.loads(raw)))
        time.sleep(self.server.slow_s)
        if self.server.redirect_to and signed:
            self.send_response(307)
            self.send_header("Location", self.server.redirect_to)
        else:
            self.send_response(503 if self.server.broken else 200 if signed else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with Subscriber() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def running(state: Path | None = None) -> Iterator[Host]:
    host = Host(HostSettings(scenario="empty", state=state))
    host.start()
    try:
        yield host
    finally:
        host.stop()


def control(host: Host, method: str, path: str, body: Any = None) -> Any:
    parts = urlsplit(host.urls["xero"])
    with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=5)) as connection:
        connection.request(method, f"/control/{path}", None if body is None else json.dumps(body))
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        return json.loads(answer.read())


def subscribe(host: Host, subscriber: Subscriber) -> None:
    control(host, "PUT", "webhooks", {"url": subscriber.url, "signing_key": KEY, "batch_s": 0})
    until(lambda: shown(host)["status"] == "active")


def shown(host: Host) -> dict[str, Any]:
    return dict(control(host, "GET", "webhooks")["webhooks"])


def add_contact(host: Host, name: str) -> str:
    made = control(host, "POST", "person", {"method": "PUT", "path": "/Contacts", "body": {"Name": name}})
    return str(made["Contacts"][0]["ContactID"])


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + wait_s_max
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def test_a_change_reaches_a_subscriber_that_showed_its_intent(subscriber: Subscriber) -> None:
    with running() as host:
        subscribe(host, subscriber)
        assert sorted(signed for signed, _ in subscriber.seen) == [False, False, False, True]
        contact = add_contact(host, "Acme")
        until(lambda: len(subscriber.bodies) == 1)
        [event] = subscriber.bodies[0]["events"]
        assert (event["resourceId"], event["eventType"]) == (contact, "CREATE")
        assert event["resourceUrl"] == f"{host.urls['xero']}/api.xro/2.0/Contacts/{contact}"
        assert set(subscriber.paths) == {"/hooks/xero?from=books"}
        until(lambda: shown(host)["counts"]["accepted"] == 1)


def test_a_broken_subscriber_is_tried_again_by_the_emulators_clock(subscriber: Subscriber) -> None:
    with running() as host:
        subscribe(host, subscriber)
        subscriber.broken = True
        add_contact(host, "Acme")
        until(lambda: shown(host)["counts"]["failed"] == 2)
        subscriber.broken = False
        time.sleep(3 * webhooks.poll_s)
        assert len(subscriber.bodies) == 2, "once, and once more immediately"
        control(host, "POST", "clock", {"advance_s": 15 * 60})
        until(lambda: shown(host)["counts"]["accepted"] == 1)
        assert len({json.dumps(body) for body in subscriber.bodies}) == 1


def test_a_redirect_is_not_followed(subscriber: Subscriber) -> None:
    with running() as host:
        subscribe(host, subscriber)
        subscriber.redirect_to = subscriber.url.replace("hooks", "elsewhere")
        add_contact(host, "Acme")
        until(lambda: shown(host)["counts"]["failed"] == 2)
        assert [entry["status"] for entry in shown(host)["history"]][-2:] == [307, 307]
        assert set(subscriber.paths) == {"/hooks/xero?from=books"}


def test_a_scenario_that_subscribes_wrongly_is_named() -> None:
    settings = {"xero": {"webhooks": {"url": "books.example"}}}
    with pytest.raises(ScenarioError, match=r"office: xero, \$settings: url must be an http or https address"):
        make_worlds(Scenario("office", settings=settings))


def test_a_slow_or_absent_subscriber_gives_no_receipt(subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "answer_s_max", 0.1)
    delivery = Delivery("batch-1-0", subscriber.url, (("x-xero-signature", ""),), b'{"events": []}')
    assert webhooks.post(delivery).status == 401
    subscriber.slow_s = 0.5
    assert webhooks.post(delivery).status is None
    subscriber.shutdown()
    subscriber.server_close()
    assert webhooks.post(delivery).status is None


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_what_waits_survives_a_restart(subscriber: Subscriber, tmp_path: Path, end: str) -> None:
    state = tmp_path / "webhook-state"
    with running(state) as host:
        subscribe(host, subscriber)
        add_contact(host, "Delivered")
        until(lambda: shown(host)["counts"]["accepted"] == 1)
        subscriber.broken = True
        add_contact(host, "Undelivered")
        until(lambda: shown(host)["counts"]["failed"] == 2)
        before = shown(host)
        if end == "killed":  # what a kill leaves is what lies in the folder now
            state = Path(shutil.copytree(state, tmp_path / "webhook-state-at-the-kill"))
    subscriber.broken = False
    subscriber.seen.clear()
    with running(state) as host:
        assert shown(host) == before
        contact = add_contact(host, "After the restart")
        control(host, "POST", "clock", {"advance_s": 15 * 60})
        until(lambda: shown(host)["counts"]["accepted"] == 3)
        assert [(body["firstEventSequence"], body["lastEventSequence"]) for body in subscriber.bodies] == [
            (2, 2),
            (3, 3),
        ]
        [event] = subscriber.bodies[1]["events"]
        assert event["resourceUrl"] == f"{host.urls['xero']}/api.xro/2.0/Contacts/{contact}"
