"""Webhooks as the Xero emulator schedules them, without sockets (XERO 6).

The receiver here checks signatures by its own reading of Xero's documentation: it shares no code with the emulator.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from crossfoot.emulators.wire import Delivery, Receipt, Request
from crossfoot.emulators.xero import World, credentials, due, handle, outcome, webhooks

from .conftest import Client

URL = "https://books.example/xero"
Answer = Callable[[Delivery, bool], Receipt]


def is_signed(delivery: Delivery, key: str) -> bool:
    sent = dict(delivery.headers)["x-xero-signature"]
    digest = hmac.new(key.encode("utf-8"), msg=delivery.body, digestmod=hashlib.sha256).digest()
    return hmac.compare_digest(sent, base64.b64encode(digest).decode("ascii"))


def take(_delivery: Delivery, signed: bool) -> Receipt:
    return Receipt(200 if signed else 401, 20)


def fail(_delivery: Delivery, _signed: bool) -> Receipt:
    return Receipt(500, 20)


@dataclass
class Receiver:
    """Plays both the sender and the subscriber, on the client's clock."""

    xero: Client
    seen: list[tuple[datetime, Delivery, bool]] = field(default_factory=list)

    def control(self, method: str, path: str = "", body: Any = None) -> Any:
        sent = b"" if body is None else json.dumps(body).encode()
        request = Request(method, f"/control/webhooks{path}", body=sent)
        response, _ = handle(self.xero.world, request, self.xero.now)
        assert response.status == 200, response.body
        return json.loads(response.body)["webhooks"]

    def contact(self, name: str = "Acme Pty Ltd") -> dict[str, Any]:
        """A customer whom a person in Xero enters; no token runs out however long the test waits."""
        [made] = self.xero.person("PUT", "/Contacts", {"Name": name})["Contacts"]
        return dict(made)

    def run(self, answer: Answer = take) -> list[dict[str, Any]]:
        """Send all that is due at this instant; the bodies of what was rightly signed."""
        bodies: list[dict[str, Any]] = []
        for _ in range(1000):
            deliveries = due(self.xero.world, self.xero.now)
            if not deliveries:
                return bodies
            [delivery] = deliveries
            signed = is_signed(delivery, self.xero.world.app["webhook_key"])
            self.seen.append((self.xero.now, delivery, signed))
            assert delivery.url == self.control("GET")["url"]
            assert outcome(self.xero.world, delivery.id, answer(delivery, signed), self.xero.now)
            if signed:
                bodies.append(json.loads(delivery.body))
        raise AssertionError("deliveries without end")

    def attempts(self, answer: Answer, until: timedelta, step: timedelta = timedelta(minutes=1)) -> list[timedelta]:
        """Let time pass; the instants of all attempts, counted from now."""
        began, before = self.xero.now, len(self.seen)
        while self.xero.now - began <= until:
            self.run(answer)
            self.xero.now += step
        return [at - began for at, _, _ in self.seen[before:]]

    def events(self, answer: Answer = take) -> list[tuple[str, str]]:
        return [(row["eventCategory"], row["eventType"]) for body in self.run(answer) for row in body["events"]]


@pytest.fixture
def subscribe(make_client: Callable[..., Client]) -> Callable[..., Receiver]:
    def make(**members: Any) -> Receiver:
        receiver = Receiver(make_client(minute_limit=100_000))
        receiver.control("PUT", body={"url": URL, "batch_s": 0, **members})
        receiver.run()
        assert receiver.control("GET")["status"] == "active"
        receiver.seen.clear()
        return receiver

    return make


@pytest.fixture
def receiver(subscribe: Callable[..., Receiver]) -> Receiver:
    return subscribe()


def ranges(bodies: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(body["firstEventSequence"], body["lastEventSequence"]) for body in bodies]


def test_a_receiver_that_tells_signatures_apart_becomes_active(xero: Client) -> None:
    receiver = Receiver(xero)
    assert receiver.control("PUT", body={"url": URL})["status"] == "ITR required"
    receiver.run()
    bodies = [json.loads(delivery.body) for _, delivery, _ in receiver.seen]
    assert sorted(signed for _, _, signed in receiver.seen) == [False, False, False, True]
    assert all(body["events"] == [] and body["firstEventSequence"] == body["lastEventSequence"] == 0 for body in bodies)
    assert len({body["entropy"] for body in bodies}) == 4
    shown = receiver.control("GET")
    assert (shown["status"], shown["intent_problem"]) == ("active", None)
    assert shown["signing_key"] == credentials(xero.world, xero.now)["webhook_key"]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (lambda _delivery, _signed: Receipt(200), "A wrong signature was answered with 200; 401 was expected."),
        (lambda _delivery, _signed: Receipt(401), "A right signature was answered with 401; 200 was expected."),
        (lambda _delivery, signed: Receipt(302 if signed else 401), "A right signature was answered with 302"),
        (lambda _delivery, signed: Receipt(200 if signed else 403), "A wrong signature was answered with 403"),
        (lambda _delivery, signed: Receipt(200 if signed else 401, has_body=True), "The answer had a body."),
        (lambda _delivery, signed: Receipt(200 if signed else 401, sets_cookies=True), "The answer set cookies."),
        (lambda _delivery, signed: Receipt(200 if signed else 401, 5001), "There was no answer within 5 seconds."),
        (lambda _delivery, _signed: Receipt(None), "There was no answer within 5 seconds."),
    ],
)
def test_any_other_receiver_stays_without_events(xero: Client, answer: Answer, problem: str) -> None:
    receiver = Receiver(xero)
    receiver.control("PUT", body={"url": URL, "batch_s": 0})
    receiver.run(answer)
    shown = receiver.control("GET")
    assert shown["status"] == "ITR required"
    assert shown["intent_problem"].startswith(problem)
    xero.contact()
    xero.wait(days=1)
    assert receiver.run() == []
    receiver.control("POST", "/intent")
    assert [body["events"] for body in receiver.run()] == [[]]
    assert receiver.control("GET")["status"] == "active"
    assert receiver.run() == [], "what happened before the first intent was shown is not told"


def test_a_payload_is_as_documented(receiver: Receiver) -> None:
    xero = receiver.xero
    contact = xero.contact()
    [body] = receiver.run()
    assert list(body) == ["events", "firstEventSequence", "lastEventSequence", "entropy"]
    assert body["entropy"].isalpha()
    assert body["events"] == [
        {
            "resourceUrl": f"{xero.world.public_url}/api.xro/2.0/Contacts/{contact['ContactID']}",
            "resourceId": contact["ContactID"],
            "eventDateUtc": "2026-11-20T01:30:00.000",
            "eventType": "CREATE",
            "eventCategory": "CONTACT",
            "tenantId": xero.tenant,
            "tenantType": "ORGANISATION",
        }
    ]
    assert dict(receiver.seen[0][1].headers)["Content-Type"].startswith("application/json")


def test_each_category_is_told_and_the_younger_ones_carry_data(receiver: Receiver) -> None:
    xero = receiver.xero
    invoice = xero.invoice(100, Status="AUTHORISED")
    assert receiver.events() == [("CONTACT", "CREATE"), ("INVOICE", "CREATE")]
    xero.pay(invoice, 40)
    assert receiver.events() == [("INVOICE", "UPDATE")]
    contact = {"ContactID": invoice["Contact"]["ContactID"]}
    xero.one("PUT", "/CreditNotes", xero.draft(Type="ACCRECCREDIT"))
    bank = {"Contact": contact, "BankAccount": {"Code": "090"}, "Date": "2026-11-20"}
    prepaid = {"Description": "Ahead", "Quantity": 1, "UnitAmount": 10, "AccountCode": "200"}
    xero.one("PUT", "/BankTransactions", {**bank, "Type": "RECEIVE-PREPAYMENT", "LineItems": [prepaid]})
    overpaid = {"Description": "Too much", "Quantity": 1, "UnitAmount": 10}
    xero.one("PUT", "/BankTransactions", {**bank, "Type": "RECEIVE-OVERPAYMENT", "LineItems": [overpaid]})
    told = [row for body in receiver.run() for row in body["events"]]
    assert [(row["eventCategory"], row["data"]) for row in told] == [
        ("CREDITNOTE", {"Type": "ACCRECCREDIT", "Status": "DRAFT"}),
        ("PREPAYMENT", {"Type": "RECEIVE-PREPAYMENT", "Status": "AUTHORISED"}),
        ("OVERPAYMENT", {"Type": "RECEIVE-OVERPAYMENT", "Status": "AUTHORISED"}),
    ]


def test_only_chosen_categories_and_connected_organisations_are_told(subscribe: Callable[..., Receiver]) -> None:
    receiver = subscribe(categories=["INVOICE"])
    xero = receiver.xero
    xero.invoice(100)
    assert receiver.events() == [("INVOICE", "CREATE")]
    for connection in xero.json("GET", "/connections"):
        assert xero.send("DELETE", f"/connections/{connection['id']}").status == 204
    xero.world.state["connections"].clear()  # those of the users behind the ready refresh token
    xero.person("PUT", "/Invoices", xero_draft(xero))
    assert receiver.events() == []


def xero_draft(xero: Client) -> dict[str, Any]:
    contact = xero.person("GET", "/Contacts")["Contacts"][0]
    return xero.draft(Contact={"ContactID": contact["ContactID"]})


def test_events_gather_for_a_moment_and_numbers_have_no_gaps(subscribe: Callable[..., Receiver]) -> None:
    receiver = subscribe(batch_s=2)
    for number in range(3):
        receiver.contact(f"Customer {number}")
        receiver.xero.wait(seconds=0.5)
    assert receiver.run() == []
    receiver.xero.wait(seconds=0.5)
    receiver.contact("Customer 3")
    bodies = receiver.run()
    receiver.xero.wait(seconds=2)
    assert ranges(bodies + receiver.run()) == [(1, 3), (4, 4)]
    receiver.xero.rows("PUT", "/Contacts", {"Contacts": [{"Name": f"Client {number}"} for number in range(250)]})
    receiver.xero.wait(seconds=2)
    bodies = receiver.run()
    assert ranges(bodies) == [(5, 104), (105, 204), (205, 254)]
    assert [len(body["events"]) for body in bodies] == [100, 100, 50]


def test_a_failed_delivery_is_repeated_at_once_then_every_quarter_of_an_hour(receiver: Receiver) -> None:
    receiver.contact("First")
    receiver.contact("Second")
    minutes = [pause.total_seconds() / 60 for pause in receiver.attempts(fail, timedelta(minutes=50))]
    assert minutes == [0, 0, 15, 30, 45]
    assert len({delivery.body for _, delivery, _ in receiver.seen}) == 1, "the same bytes, and nothing overtakes them"
    receiver.xero.wait(minutes=15)
    assert ranges(receiver.run()) == [(1, 1), (2, 2)]
    assert receiver.control("GET")["failing_since"] is None


def slow(_delivery: Delivery, _signed: bool) -> Receipt:
    return Receipt(200, 5001)


@pytest.mark.parametrize("answer", [fail, slow, lambda _delivery, _signed: Receipt(None)])
def test_after_a_day_of_failures_the_subscription_is_disabled_until_a_new_intent(
    receiver: Receiver, answer: Answer
) -> None:
    receiver.contact("Before")
    pauses = receiver.attempts(answer, timedelta(hours=26), timedelta(minutes=5))
    assert pauses[-1] == timedelta(hours=24)
    assert len(pauses) == 2 + 24 * 4
    assert receiver.control("GET")["status"] == "disabled"
    receiver.contact("Meanwhile")
    assert receiver.run() == []
    receiver.control("POST", "/intent")
    told = [body for body in receiver.run() if body["events"]]
    assert ranges(told) == [(1, 1), (2, 2)]


def test_events_wait_31_days_for_a_disabled_subscriber(receiver: Receiver) -> None:
    receiver.contact("Too old in the end")
    receiver.attempts(fail, timedelta(hours=25), timedelta(minutes=15))
    receiver.xero.wait(days=1)
    receiver.contact("Young enough")
    receiver.xero.wait(days=29, hours=12)
    receiver.control("POST", "/intent")
    told = [body for body in receiver.run() if body["events"]]
    assert ranges(told) == [(2, 2)]
    assert receiver.control("GET")["counts"]["lost"] == 1


def test_a_subscription_that_keeps_nothing_loses_events_and_shows_the_gap(subscribe: Callable[..., Receiver]) -> None:
    receiver = subscribe(kept_days=0)
    receiver.contact("Undelivered")
    receiver.attempts(fail, timedelta(hours=25), timedelta(minutes=15))
    receiver.contact("Meanwhile")
    receiver.control("POST", "/intent")
    assert [body["events"] for body in receiver.run()] == [[]]
    receiver.contact("After")
    assert ranges(receiver.run()) == [(3, 3)]
    assert receiver.control("GET")["counts"]["lost"] == 2


def test_a_new_address_shows_its_intent_first_and_gets_what_waited(receiver: Receiver) -> None:
    receiver.contact()
    [old] = due(receiver.xero.world, receiver.xero.now)
    receiver.run(fail)
    shown = receiver.control("PUT", body={"url": f"{URL}/2", "signing_key": "another key"})
    assert shown["status"] == "ITR required"
    assert shown["waiting"][0]["due"] > receiver.xero.now.isoformat()
    assert not outcome(receiver.xero.world, old.id, Receipt(200), receiver.xero.now), "an answer of the old address"
    bodies = receiver.run()
    assert [len(body["events"]) for body in bodies] == [0, 1], "at once, whatever pause the old address had earned"
    assert receiver.control("PUT", body={"categories": ["CONTACT"]})["status"] == "active"
    assert receiver.control("DELETE") is None
    receiver.contact("Unheard")
    assert due(receiver.xero.world, receiver.xero.now) == []


def disturbed(receiver: Receiver, kind: str, **members: Any) -> Iterator[list[tuple[int, int]]]:
    """Three changes while one disturbance is on: what arrives at once, and what within the next two minutes."""
    receiver.control("POST", "/disturbances", {"kind": kind, **members})
    for number in range(3):
        receiver.contact(f"Customer {number}")
    yield ranges(receiver.run())
    receiver.xero.wait(minutes=2)
    yield ranges(receiver.run())


@pytest.mark.parametrize(
    ("kind", "at_once", "later"),
    [
        ("duplicate", [(1, 1), (1, 1), (2, 2), (3, 3)], []),
        ("drop", [(2, 2), (3, 3)], []),
        ("delay", [], [(1, 1), (2, 2), (3, 3)]),
        ("reorder", [(2, 2), (3, 3)], [(1, 1)]),
        ("bad_signature", [(1, 1), (2, 2), (3, 3)], []),
    ],
)
def test_deliveries_are_disturbed_on_request(
    receiver: Receiver, kind: str, at_once: list[tuple[int, int]], later: list[tuple[int, int]]
) -> None:
    assert list(disturbed(receiver, kind)) == [at_once, later]
    forged = [delivery for _, delivery, signed in receiver.seen if not signed]
    assert len(forged) == (kind == "bad_signature")
    assert receiver.control("GET")["disturbances"] == []
    assert receiver.control("GET")["counts"]["forged_accepted"] == 0


def test_an_overtaken_delivery_that_fails_holds_up_the_others_like_any_other(receiver: Receiver) -> None:
    assert next(disturbed(receiver, "reorder")) == [(2, 2), (3, 3)]
    receiver.xero.wait(minutes=1)
    receiver.run(fail)
    receiver.contact("Behind it")
    assert receiver.run() == []
    receiver.xero.wait(minutes=15)
    assert ranges(receiver.run()) == [(1, 1), (4, 4)]


def test_only_so_much_waits(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "BATCHES_MAX", 3)
    for number in range(6):
        receiver.contact(f"Customer {number}")
    assert ranges(receiver.run()) == [(3, 3), (4, 4), (5, 5), (6, 6)], "the oldest are lost, the newest joins"
    assert receiver.control("GET")["counts"]["lost"] == 2


def test_a_receiver_that_takes_a_forgery_is_found_out(receiver: Receiver) -> None:
    receiver.control("POST", "/disturbances", {"kind": "bad_signature"})
    receiver.contact()
    receiver.run(lambda _delivery, _signed: Receipt(200))
    counts = receiver.control("GET")["counts"]
    assert (counts["forged"], counts["forged_accepted"], counts["accepted"]) == (1, 1, 1)


def test_chance_comes_from_the_seed_and_state_survives_a_dump(subscribe: Callable[..., Receiver]) -> None:
    first, second = subscribe(), subscribe()
    for receiver in (first, second):
        for kind in ("duplicate", "drop", "reorder"):
            receiver.control("POST", "/disturbances", {"kind": kind, "times": 1000, "percent": 30, "seconds": 5})
    for number in range(40):
        for receiver in (first, second):
            receiver.contact(f"Customer {number}")
        second.xero.world = World(second.xero.world.dump())
    for receiver in (first, second):
        receiver.run()
        receiver.xero.wait(seconds=5)
        receiver.run()
    orders = [[json.loads(delivery.body)["firstEventSequence"] for _, delivery, _ in r.seen] for r in (first, second)]
    assert orders[0] == orders[1]
    assert orders[0] != sorted(orders[0])
    assert len(set(orders[0])) < len(orders[0]), "some came twice"
    assert set(orders[0]) < set(range(1, 41)), "some never came"


def test_asking_what_is_due_changes_nothing(receiver: Receiver) -> None:
    receiver.contact()
    before = receiver.xero.world.dump()
    assert due(receiver.xero.world, receiver.xero.now) == due(receiver.xero.world, receiver.xero.now) != []
    assert receiver.xero.world.dump() == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "", {"categories": ["INVOICE"]}),
        ("PUT", "", {"url": "ftp://books.example"}),
        ("PUT", "", {"url": URL, "categories": ["PAYMENT"]}),
        ("PUT", "", {"url": URL, "kept_days": 32}),
        ("PUT", "", [URL]),
        ("PUT", "", {"url": URL, "categories": "INVOICE"}),
        ("POST", "/disturbances", {"kind": "loud"}),
        ("POST", "/disturbances", {"kind": "drop", "percent": 101}),
    ],
)
def test_what_cannot_be_set_is_refused(xero: Client, method: str, path: str, body: Any) -> None:
    if path:
        Receiver(xero).control("PUT", body={"url": URL})
    request = Request(method, f"/control/webhooks{path}", body=json.dumps(body).encode())
    assert handle(xero.world, request, xero.now)[0].status == 400


def test_a_scenario_may_subscribe(make_client: Callable[..., Client]) -> None:
    client = make_client(webhooks={"url": URL, "signing_key": "known beforehand"})
    receiver = Receiver(client)
    receiver.run()
    assert receiver.control("GET")["status"] == "active"
    assert credentials(client.world, client.now)["webhook_key"] == "known beforehand"
