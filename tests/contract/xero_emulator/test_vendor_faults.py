"""What Xero itself can do to a client, and what people do while one works: each fault strikes as its row says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crossfoot.emulators import snapshot
from crossfoot.emulators.fault_kinds import ACT, VENDOR, XERO_FAULTS
from crossfoot.emulators.wire import CLOSED, Request, Response
from crossfoot.emulators.xero import World, credentials, handle
from crossfoot.emulators.xero.acts import ACTS
from crossfoot.emulators.xero.formats import ZERO_ID

from .conftest import Client

ASKED = {"path_contains": "/"}  # makes an act wait for the next request


def fault(xero: Client, kind: str, expected: int = 200, **spec: Any) -> dict[str, Any]:
    """Switch a fault on; answers what the switchboard then shows."""
    request = Request("POST", "/control/fault", body=json.dumps({"kind": kind, **spec}).encode())
    response, _ = handle(xero.world, request, xero.now)
    assert response.status == expected, response.body
    shown: dict[str, Any] = json.loads(response.body)
    return shown


def names(xero: Client, **query: Any) -> list[str]:
    return [row["Name"] for row in xero.rows("GET", "/Contacts", **query)]


def test_the_catalogue_and_the_deeds_agree() -> None:
    assert set(ACTS) == {name for name, kind in XERO_FAULTS.items() if kind.place == ACT}
    assert {kind.place for kind in XERO_FAULTS.values()} == {ACT, VENDOR}


@pytest.mark.parametrize(
    ("limit", "problem", "left", "waits"),
    [
        ("minute", "minute", "X-MinLimit-Remaining", True),
        ("day", "day", "X-DayLimit-Remaining", True),
        ("app_minute", "appminute", "X-AppMinLimit-Remaining", False),
        ("concurrent", "concurrent", None, False),
    ],
)
def test_each_limit_can_be_used_up(xero: Client, limit: str, problem: str, left: str | None, waits: bool) -> None:
    fault(xero, f"limit_{limit}")
    refused, after = xero.send("GET", "/Contacts"), xero.send("GET", "/Contacts")
    headers = dict(refused.headers)
    assert (refused.status, after.status) == (429, 200)
    assert headers["X-Rate-Limit-Problem"] == problem
    assert ("Retry-After" in headers) is waits
    assert [name for name in headers if name.endswith("-Remaining") and headers[name] == "0"] == [left] * bool(left)


@pytest.mark.parametrize(("asked", "told"), [(72_000, "72000"), (-1, None), (0, "0")], ids=["20 h", "none", "zero"])
def test_retry_after_may_be_anything(xero: Client, asked: int, told: str | None) -> None:
    fault(xero, "limit_day", retry_after_s=asked)
    assert dict(xero.send("GET", "/Contacts").headers).get("Retry-After") == told


def test_the_headers_of_what_is_left_can_stand_still(xero: Client) -> None:
    def left() -> tuple[str, str]:
        headers = dict(xero.send("GET", "/Contacts").headers)
        return headers["X-DayLimit-Remaining"], headers["X-MinLimit-Remaining"]

    fault(xero, "limits_pinned", times=2)
    fault(xero, "limits_pinned", left=37)
    assert [left() for _ in range(4)] == [("5000", "100000"), ("5000", "100000"), ("37", "37"), ("4996", "99996")]


def test_an_organisation_can_be_offline(xero: Client) -> None:
    fault(xero, "offline")
    response = xero.send("GET", "/Contacts")
    assert response.status == 503
    assert dict(response.headers)["Content-Type"].startswith("text/plain")


def test_a_silent_200_changes_nothing(xero: Client) -> None:
    made = xero.contact("Acme")
    before = xero.world.dump()["organisations"]
    fault(xero, "silent_200", match={"method": "POST"})
    echo = xero.one("POST", f"/Contacts/{made['ContactID']}", {"FirstName": "Ann"})
    assert (echo["FirstName"], xero.events) == ("Ann", [])
    assert xero.one("GET", f"/Contacts/{made['ContactID']}")["FirstName"] == ""
    assert xero.world.dump()["organisations"] == before


def held(xero: Client) -> tuple[dict[str, Any], dict[str, int]]:
    """Every record and every counter of the organisation."""
    (organisation,) = xero.world.dump()["organisations"]
    return {kind: rows for kind, rows in organisation["tables"].items() if rows}, organisation["counters"]


@pytest.mark.parametrize("place", ["payment", "allocation", "allocation taken back", "void", "item", "group", "note"])
def test_every_way_to_write_can_be_silent(xero: Client, place: str) -> None:
    invoice = xero.invoice(100, Status="AUTHORISED")
    group = xero.one("PUT", "/ContactGroups", {"Name": "Mills"})["ContactGroupID"]
    item = xero.one("PUT", "/Items", {"Code": "A", "Name": "Advice"})["ItemID"]
    line = {"Description": "Credit", "Quantity": 1, "UnitAmount": 10, "AccountCode": "200"}
    contact = {"ContactID": invoice["Contact"]["ContactID"]}
    note = xero.one(
        "PUT",
        "/CreditNotes",
        {"Type": "ACCRECCREDIT", "Status": "AUTHORISED", "Contact": contact, "LineItems": [line]},
    )
    allocated = f"/CreditNotes/{note['CreditNoteID']}/Allocations"
    target = {"Invoice": {"InvoiceID": invoice["InvoiceID"]}, "Amount": 4}
    made = xero.one("PUT", allocated, target)["AllocationID"] if place == "allocation taken back" else ""
    before = held(xero)
    fault(xero, "silent_200")
    writes = {
        "payment": ("PUT", "/Payments", xero.payment(invoice, 60)),
        "allocation": ("PUT", allocated, target),
        "allocation taken back": ("DELETE", f"{allocated}/{made}", None),
        "void": ("POST", f"/Invoices/{invoice['InvoiceID']}", {"Status": "VOIDED"}),
        "item": ("DELETE", f"/Items/{item}", None),
        "group": ("PUT", f"/ContactGroups/{group}/Contacts", {"Contacts": [contact]}),
        "note": ("PUT", f"/Invoices/{invoice['InvoiceID']}/History", {"HistoryRecords": [{"Details": "x"}]}),
    }
    assert xero.send(*writes[place]).status in {200, 204}
    assert (xero.events, held(xero)) == ([], before)
    assert xero.send(*writes[place]).status in {200, 204}
    assert held(xero) != before


def test_a_payment_can_answer_with_the_zero_id(xero: Client) -> None:
    invoice = xero.invoice(100, Status="AUTHORISED")
    fault(xero, "zero_id")
    assert xero.pay(invoice, 60)["PaymentID"] == ZERO_ID
    assert xero.rows("GET", "/Payments") == []
    assert xero.pay(invoice, 60)["PaymentID"] != ZERO_ID


def test_a_create_can_answer_with_the_zero_id(xero: Client) -> None:
    fault(xero, "zero_id")
    body = {"Contacts": [{"Name": "One"}, {"Name": "Two"}]}
    rows = xero.rows("PUT", "/Contacts", body, summarizeErrors="false")
    assert [(row["ContactID"], row["StatusAttributeString"]) for row in rows] == [(ZERO_ID, "OK")] * 2
    assert names(xero) == []
    assert len(xero.rows("PUT", "/Contacts", body)) == 2


def test_what_was_just_created_shows_late(xero: Client) -> None:
    fault(xero, "read_lag", seconds=20, match={"method": "PUT"})
    made = xero.contact("Fresh", ContactNumber="F-1")
    assert names(xero) == []
    assert xero.send("GET", f"/Contacts/{made['ContactID']}").status == 404
    assert xero.rows("GET", "/Contacts", IDs=made["ContactID"]) == []
    assert xero.person("GET", "/Contacts")["Contacts"][0]["Name"] == "Fresh"
    assert any("already assigned" in problem for problem in xero.problems("PUT", "/Contacts", {"Name": "Fresh"}))
    xero.contact("Other")
    assert names(xero) == ["Other"]
    xero.wait(seconds=20)
    assert names(xero) == ["Fresh", "Other"]


def test_rows_move_between_pages(xero: Client) -> None:
    for name in "ABCD":
        xero.contact(name)
        xero.wait(seconds=1)
    fault(xero, "page_shift", match={"method": "GET", "path_contains": "/Contacts"}, after=1)
    pages = [names(xero, page=page, pageSize=2) for page in (1, 2)]
    assert pages == [["A", "B"], ["D", "A"]]
    assert names(xero, order="Name") == ["A", "B", "C", "D"]


def test_a_token_ends_mid_way_and_no_other_does(xero: Client) -> None:
    fault(xero, "token_expired", match={"path_contains": "/Contacts"}, after=1)
    statuses = [xero.send("GET", "/Contacts").status for _ in range(3)]
    assert statuses == [200, 401, 401]
    other = Client(xero.world, xero.now)
    assert other.token != xero.token
    assert other.send("GET", "/Contacts").status == 200
    fault(xero, "token_expired")
    assert other.send("GET", "/Contacts").status == 401


def test_a_scope_can_be_removed(xero: Client) -> None:
    assert "no grant" in fault(xero, "scope_removed", 400, scope="accounting.nothing")["error"]
    fault(xero, "scope_removed", scope="accounting.contacts")
    refused = xero.send("GET", "/Contacts")
    assert refused.status == 401
    assert "insufficient_scope" in dict(refused.headers)["WWW-Authenticate"]
    assert xero.send("GET", "/Organisation").status == 200


def test_a_disconnected_organisation_is_403_and_its_tokens_live(xero: Client) -> None:
    fault(xero, "connection_revoked")
    assert xero.send("GET", "/Contacts").status == 403
    assert xero.json("GET", "/connections") == []


def test_a_custom_connection_ends_too_and_gives_no_more_tokens(xero: Client) -> None:
    def ask() -> Response:
        known = credentials(xero.world, xero.now)
        secret = f"client_id={known['client_id']}&client_secret={known['client_secret']}"
        form = f"grant_type=client_credentials&{secret}".encode()
        return handle(xero.world, Request("POST", "/connect/token", body=form), xero.now)[0]

    xero.token = json.loads(ask().body)["access_token"]
    assert len(xero.json("GET", "/connections")) == 1
    fault(xero, "connection_revoked")
    assert xero.send("GET", "/Contacts").status == 403
    assert xero.json("GET", "/connections") == []
    assert (ask().status, json.loads(ask().body)["error"]) == (400, "unauthorized_client")


def test_a_revoked_refresh_token_is_invalid_grant(xero: Client) -> None:
    known = credentials(xero.world, xero.now)
    fault(xero, "refresh_token_revoked")
    form = (
        f"grant_type=refresh_token&refresh_token={known['refresh_token']}"
        f"&client_id={known['client_id']}&client_secret={known['client_secret']}"
    )
    answer, _ = handle(xero.world, Request("POST", "/connect/token", body=form.encode()), xero.now)
    assert (answer.status, json.loads(answer.body)["error"]) == (400, "invalid_grant")


def test_a_lock_date_moves_between_two_calls_and_back(xero: Client) -> None:
    fault(xero, "lock_date_moved", date="2026-11-30", match={"method": "PUT", "path_contains": "/invoices"}, after=1)
    invoice = xero.draft(100, Status="AUTHORISED")
    assert xero.send("PUT", "/Invoices", invoice).status == 200
    assert "period lock date" in xero.problems("PUT", "/Invoices", invoice)[0]
    fault(xero, "lock_date_moved", date="")
    assert xero.send("PUT", "/Invoices", invoice).status == 200


def test_a_downgraded_organisation_loses_actions(xero: Client) -> None:
    xero.person("POST", "/Organisation", {"Class": "ULTIMATE"})
    fault(xero, "organisation_downgraded")
    actions = {row["Name"]: row["Status"] for row in xero.rows("GET", "/Organisation/Actions")}
    assert actions["UseMulticurrency"] == "NOT-ALLOWED"


def test_contacts_are_archived_and_merged_by_id_number_or_name(xero: Client) -> None:
    ids = {name: xero.contact(name, ContactNumber=f"N-{name}")["ContactID"] for name in ("A", "B", "C")}
    fault(xero, "contact_archived", contact=ids["A"])
    fault(xero, "contact_merged", contact="n-b", into="C")
    found = {row["Name"]: row for row in xero.rows("GET", "/Contacts", includeArchived="true")}
    assert [found[name]["ContactStatus"] for name in "ABC"] == ["ARCHIVED", "ARCHIVED", "ACTIVE"]
    assert xero.one("GET", f"/Contacts/{ids['B']}")["MergedToContactID"] == ids["C"]


@pytest.mark.parametrize(
    ("kind", "settings", "path", "member", "value"),
    [
        ("account_archived", {"account": "260"}, "/Accounts", "Status", "ARCHIVED"),
        ("account_renamed", {"account": "260", "code": "261"}, "/Accounts", "Code", "261"),
        ("tax_rate_archived", {"tax_rate": "GST on Income"}, "/TaxRates", "Status", "ARCHIVED"),
        ("tax_rate_renamed", {"tax_rate": "OUTPUT", "name": "Output tax"}, "/TaxRates", "Name", "Output tax"),
        ("item_renamed", {"item": "BOOK", "code": "TOME"}, "/Items", "Code", "TOME"),
        ("tracking_archived", {"category": "Region"}, "/TrackingCategories", "Status", "ARCHIVED"),
    ],
)
def test_reference_data_changes_under_a_client(
    xero: Client, kind: str, settings: dict[str, Any], path: str, member: str, value: str
) -> None:
    xero.person("PUT", "/Items", {"Code": "BOOK"})
    xero.person("PUT", "/TrackingCategories", {"Name": "Region"})

    def seen() -> int:
        rows = xero.rows("GET", path, includeArchived="true")
        return sum(row.get(member) == value for row in rows)

    before = seen()
    fault(xero, kind, **settings)
    assert seen() == before + 1


def test_items_go_and_tracking_options_change(xero: Client) -> None:
    xero.person("PUT", "/Items", {"Code": "BOOK"})
    region = xero.person("PUT", "/TrackingCategories", {"Name": "Region"})["TrackingCategories"][0]
    for name in ("North", "South"):
        xero.person("PUT", f"/TrackingCategories/{region['TrackingCategoryID']}/Options", {"Name": name})
    fault(xero, "item_deleted", item="book")
    fault(xero, "tracking_option_archived", option="North")
    fault(xero, "tracking_option_renamed", option="South", name="Far South")
    assert xero.rows("GET", "/Items") == []
    options = xero.one("GET", "/TrackingCategories", includeArchived="true")["Options"]
    assert {row["Name"]: row["Status"] for row in options} == {"North": "ARCHIVED", "Far South": "ACTIVE"}


def test_an_act_that_cannot_be_done_says_why(xero: Client) -> None:
    assert "no such record in Accounts" in fault(xero, "account_archived", 400, account="999")["error"]
    assert "System accounts cannot be archived" in fault(xero, "account_archived", 400, account="610")["error"]
    fault(xero, "account_archived", account="999", match=ASKED)
    assert xero.send("GET", "/Contacts").status == 200
    assert "could not be done" in xero.world.log[-1]["fault"]


def test_a_request_held_up_arrives_later_by_the_emulators_clock(xero: Client) -> None:
    fault(xero, "late", seconds=90, match={"method": "PUT"})
    assert xero.send("PUT", "/Contacts", {"Name": "Late"}).wire == CLOSED
    xero.wait(seconds=89)
    assert names(xero) == []
    xero.wait(seconds=1)
    assert names(xero) == ["Late"]
    assert [entry.get("fault") for entry in xero.world.log[-2:]] == ["late", None]


def test_a_proxy_delivers_twice(xero: Client) -> None:
    invoice = xero.draft(100)
    fault(xero, "duplicate", match={"method": "PUT"}, hears=2, times=2)
    assert xero.send("PUT", "/Contacts", {"Name": "Once"}).status == 400
    assert sorted(names(xero)) == ["Acme Pty Ltd", "Once"]
    assert xero.send("PUT", "/Invoices", invoice).status == 200
    assert len(xero.rows("GET", "/Invoices")) == 2


def test_faults_and_what_they_hold_back_go_on_from_a_dump(xero: Client) -> None:
    fault(xero, "read_lag", seconds=20, times=2, match={"path_contains": "/Contacts"})
    xero.contact("Fresh")
    fault(xero, "late", match={"path_contains": "/Items"})
    xero.send("PUT", "/Items", {"Code": "LATE"})
    fault(xero, "slow", seconds=0.5, after=3, match=ASKED)
    state = snapshot.decode(b"".join(snapshot.encode(xero.world.dump())))
    copy = Client(World(state), xero.now, xero.token, xero.tenant)
    copy.token = xero.token
    for client in (xero, copy):
        assert [(row["kind"], row["times"]) for row in client.world.faults["on"]] == [("read_lag", 1), ("slow", 1)]
        assert names(client) == []
        client.wait(seconds=100)
        assert names(client) == ["Fresh"]
        assert [row["Code"] for row in client.rows("GET", "/Items")] == ["LATE"]


def test_a_state_from_before_the_switchboard_loads(xero: Client) -> None:
    old = {name: value for name, value in xero.world.dump().items() if name != "faults"}
    del old["limits"]["concurrent"]
    client = Client(World(old), xero.now)
    assert client.send("GET", "/Contacts").status == 200


def test_the_plan_of_the_app_sets_its_day(make_client: Any) -> None:
    headers = dict(make_client(tier="Starter").send("GET", "/Organisation").headers)
    assert headers["X-DayLimit-Remaining"] == "999"
