"""Quotas, idempotency, request log, people, snapshots (XERO 2, 3.6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crossfoot.emulators.wire import Request
from crossfoot.emulators.xero import World, credentials, handle, new_world

from .conftest import START, Client


def test_every_answer_carries_what_is_left(make_client: Any) -> None:
    client = make_client()
    headers = [dict(client.send("GET", "/Organisation").headers) for _ in range(2)]
    assert [row["X-MinLimit-Remaining"] for row in headers] == ["59", "58"]
    assert [row["X-DayLimit-Remaining"] for row in headers] == ["4999", "4998"]
    assert headers[1]["X-AppMinLimit-Remaining"] == "9998"


@pytest.mark.parametrize(("limit", "problem", "window_s"), [("minute", "minute", 60), ("day", "day", 86_400)])
def test_full_window_is_429_until_it_ends(make_client: Any, limit: str, problem: str, window_s: int) -> None:
    client: Client = make_client(**{f"{limit}_limit": 2})
    statuses = [client.send("GET", "/Organisation").status for _ in range(3)]
    refused = client.send("GET", "/Organisation")
    headers = dict(refused.headers)
    assert statuses == [200, 200, 429]
    assert headers["X-Rate-Limit-Problem"] == problem
    wait_s = int(headers["Retry-After"])
    assert 0 < wait_s <= window_s
    client.wait(seconds=wait_s)
    client.token = credentials(client.world, client.now)["access_token"]
    assert client.send("GET", "/Organisation").status == 200


def _put(xero: Client, key: str, name: str, **headers: str) -> Any:
    return xero.send("PUT", "/Contacts", {"Name": name}, headers={"idempotency-key": key, **headers})


def test_same_key_and_request_is_answered_from_memory(xero: Client) -> None:
    first, again = _put(xero, "k1", "One"), _put(xero, "k1", "One")
    assert (first.status, again.body) == (200, first.body)
    assert len(xero.rows("GET", "/Contacts")) == 1
    assert dict(again.headers)["X-MinLimit-Remaining"] < dict(first.headers)["X-MinLimit-Remaining"]


def test_same_key_with_another_request_is_refused(xero: Client) -> None:
    _put(xero, "k1", "One")
    refused = _put(xero, "k1", "Two")
    assert refused.status == 400
    assert b"Idempotency Key: k1 is used with a different request." in refused.body


def test_errors_are_remembered_too(xero: Client) -> None:
    made = xero.contact("One")
    assert _put(xero, "k1", "One").status == 400
    xero.one("POST", f"/Contacts/{made['ContactID']}", {"Name": "Gone"})
    assert _put(xero, "k1", "One").status == 400
    assert _put(xero, "k2", "One").status == 200


def test_a_key_lives_six_minutes_and_is_bound_to_its_token(xero: Client) -> None:
    assert _put(xero, "k1", "One").status == 200
    xero.wait(minutes=5, seconds=59)
    assert _put(xero, "k1", "One").status == 200
    xero.wait(seconds=1)
    assert _put(xero, "k1", "One").status == 400
    app = xero.world.app
    form = f"grant_type=client_credentials&client_id={app['client_id']}&client_secret={app['client_secret']}"
    answer, _ = handle(xero.world, Request("POST", "/connect/token", body=form.encode()), xero.now)
    xero.token = json.loads(answer.body)["access_token"]
    assert b"already assigned" in _put(xero, "k1", "One").body


def test_long_keys_are_refused(xero: Client) -> None:
    assert _put(xero, "k" * 128, "One").status == 200
    refused = _put(xero, "k" * 129, "Two")
    assert refused.status == 400
    assert b"129" in refused.body


def test_a_person_costs_no_quota_and_is_not_logged(xero: Client) -> None:
    contact = xero.person("PUT", "/Contacts", {"Name": "By hand"})["Contacts"][0]
    xero.person("POST", f"/Contacts/{contact['ContactID']}", {"ContactStatus": "ARCHIVED"})
    xero.person("PUT", "/Currencies", {"Code": "GBP"})
    xero.person("POST", "/Organisation", {"PeriodLockDate": "2026-06-30", "IsDemoCompany": False})
    assert xero.world.log == []
    organisation = xero.one("GET", "/Organisation")
    assert (organisation["PeriodLockDate"], organisation["IsDemoCompany"]) == ("/Date(1782777600000+0000)/", False)
    assert "GBP" in [row["Code"] for row in xero.rows("GET", "/Currencies")]
    xero.person("POST", "/Organisation", {"PeriodLockDate": ""})
    assert "PeriodLockDate" not in xero.one("GET", "/Organisation")


def test_app_that_edits_what_a_person_made_is_marked(xero: Client) -> None:
    made = xero.person("PUT", "/Invoices", xero.draft(100))["Invoices"][0]
    xero.one("POST", f"/Invoices/{made['InvoiceID']}", {"Reference": "mine"})
    counts, _ = handle(xero.world, Request("GET", "/control/counts"), xero.now)
    log, _ = handle(xero.world, Request("GET", "/control/log"), xero.now)
    assert json.loads(counts.body)["illegal"] == 1
    assert json.loads(log.body)["entries"][-1]["illegal"] == "edit of a document that a person created"


def test_same_seed_and_requests_make_the_same_world(signing_key_pem: str) -> None:
    def play() -> list[bytes]:
        client = Client(new_world(seed=7, signing_key_pem=signing_key_pem))
        return [client.send("PUT", "/Invoices", client.draft(n)).body for n in (1, 2)]

    assert play() == play()


def test_a_world_goes_on_from_its_dump(xero: Client, signing_key_pem: str) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    _put(xero, "k1", "One")
    copy = new_world(seed=99, signing_key_pem=signing_key_pem)
    copy.load(xero.world.dump())
    bodies = []
    for world in (xero.world, copy):
        xero.world = world
        xero.now = START
        bodies.append(
            [
                xero.send("PUT", "/Payments", xero.payment(made, 110)).body,
                xero.send("GET", "/Invoices", query={"page": 1}).body,
                _put(xero, "k1", "One").body,
                xero.send("PUT", "/Invoices", xero.draft(5)).body,
            ]
        )
    assert bodies[0] == bodies[1]


def test_dump_holds_plain_values_and_is_a_copy(xero: Client) -> None:
    xero.invoice(100)
    dump = xero.world.dump()
    plain = {"dict", "list", "tuple", "str", "int", "bool", "NoneType", "Decimal", "date", "datetime", "bytes"}

    def kinds(value: Any) -> set[str]:
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        return {type(value).__name__}.union(*(kinds(child) for child in children))

    assert kinds(dump) <= plain
    xero.invoice(200)
    assert len(World(dump).organisations[xero.tenant].tables["Invoices"]) == 1


def test_a_state_of_an_older_version_goes_on(xero: Client) -> None:
    """What came later, as credit notes and plans did, is then as in a new world."""
    xero.contact()
    actions = xero.rows("GET", "/Organisation/Actions")
    old = xero.world.dump()
    (organisation,) = old["organisations"]
    organisation["counters"] = {"invoice_prefix": "F-", "invoice": 41, "tax": 0}
    for name in ("CreditNotes", "Journals"):
        organisation["tables"].pop(name, None)
    del organisation["actions"], organisation["info"]["DefaultSalesTax"]
    del old["limits"]["concurrent"], old["counts"]["identity_calls"]
    old.pop("faults", None)
    xero.world = World(old)
    assert xero.invoice(100)["InvoiceNumber"] == "F-0042"
    assert xero.one("PUT", "/CreditNotes", xero.draft(Type="ACCRECCREDIT"))["CreditNoteNumber"] == "CN-0001"
    assert xero.one("GET", "/Organisation")["DefaultSalesTax"] == "Tax Exclusive"
    assert xero.rows("GET", "/Organisation/Actions") == actions


def test_several_organisations_are_apart(make_client: Any) -> None:
    client: Client = make_client(organisations=[{"Name": "First"}, {"Name": "Second"}])
    other = list(client.world.organisations)[1]
    client.person("PUT", "/Contacts", {"Name": "Here"})
    body = json.dumps({"method": "GET", "path": "/Contacts", "tenant": other}).encode()
    answer, _ = handle(client.world, Request("POST", "/control/person", body=body), client.now)
    assert json.loads(answer.body)["Contacts"] == []
    assert [row["tenantName"] for row in client.json("GET", "/connections")] == ["First"]
    client.tenant = other
    assert client.send("GET", "/Contacts").status == 403
