"""Invoices: status machine, edits, numbers, locks, tracking (XERO 4.3, 4.12, 4.13)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .conftest import Client, line

ALLOWED = {
    ("DRAFT", "DRAFT"),
    ("DRAFT", "SUBMITTED"),
    ("DRAFT", "AUTHORISED"),
    ("DRAFT", "DELETED"),
    ("SUBMITTED", "SUBMITTED"),
    ("SUBMITTED", "DRAFT"),
    ("SUBMITTED", "AUTHORISED"),
    ("SUBMITTED", "DELETED"),
    ("AUTHORISED", "AUTHORISED"),
    ("AUTHORISED", "VOIDED"),
    ("PAID", "PAID"),
}
STATUSES = ("DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED")


def _in_status(xero: Client, status: str) -> dict[str, Any]:
    """An invoice brought into a status by the ways there are."""
    first = {"PAID": "AUTHORISED", "VOIDED": "AUTHORISED", "DELETED": "DRAFT"}.get(status, status)
    made = xero.invoice(100, Status=first)
    if status == "PAID":
        xero.pay(made, 110)
    elif first != status:
        xero.one("POST", f"/Invoices/{made['InvoiceID']}", {"Status": status})
    return xero.one("GET", f"/Invoices/{made['InvoiceID']}")


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
def test_status_machine(xero: Client, before: str, after: str) -> None:
    made = _in_status(xero, before)
    assert made["Status"] == before
    response = xero.send("POST", f"/Invoices/{made['InvoiceID']}", {"Status": after})
    allowed = (before, after) in ALLOWED
    assert response.status == (200 if allowed else 400)
    assert xero.one("GET", f"/Invoices/{made['InvoiceID']}")["Status"] == (after if allowed else before)
    assert (xero.world.log[-2]["illegal"] is None) is allowed


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({"Reference": "PO 7"}, True),
        ({"DueDate": "2027-01-31"}, True),
        ({"Url": "https://example.com/006"}, True),
        ({"Date": "2026-11-19"}, False),
        ({"CurrencyCode": "NZD"}, False),
        ({"LineAmountTypes": "Inclusive"}, False),
        ({"LineItems": [line(1)]}, False),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_edits_of_a_part_paid_invoice(xero: Client, change: dict[str, Any], allowed: bool) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    xero.pay(made, 10)
    path = f"/Invoices/{made['InvoiceID']}"
    if allowed:
        assert xero.one("POST", path, change)["AmountDue"] == 100
    else:
        assert xero.problems("POST", path, change) == [
            "This document cannot be edited as it has a payment or credit note allocated to it."
        ]
        assert "part-paid" in xero.world.log[-1]["illegal"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"DueDate": "2027-01-31"}, False),
        ({"SentToContact": True}, False),
        ({"DueDate": "2027-01-31", "Reference": "r"}, True),
    ],
    ids=["due date", "sent", "more"],
)
def test_what_modified_since_misses_on_a_part_paid_invoice(xero: Client, change: dict[str, Any], found: bool) -> None:
    """XERO 3.7: a due date and SentToContact of a part-paid document move no stamp; of an unpaid one they do."""
    paid, open_one = xero.invoice(100, Status="AUTHORISED"), xero.invoice(100, Status="AUTHORISED")
    xero.pay(paid, 10)
    xero.wait(minutes=5)
    since = {"if-modified-since": f"{xero.now:%Y-%m-%dT%H:%M:%S}"}
    for made, shown in ((paid, found), (open_one, True)):
        xero.one("POST", f"/Invoices/{made['InvoiceID']}", change)
        assert [event.payload["resourceId"] for event in xero.events] == [made["InvoiceID"]]
        listed = xero.json("GET", "/Invoices", headers=since)["Invoices"]
        assert (made["InvoiceID"] in [row["InvoiceID"] for row in listed]) is shown


def test_part_paid_line_may_change_its_words_but_not_its_amount(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    xero.pay(made, 10)
    line_id = made["LineItems"][0]["LineItemID"]
    path = f"/Invoices/{made['InvoiceID']}"
    words = [{"LineItemID": line_id, "Description": "Clearer", "AccountCode": "201"}]
    assert xero.one("POST", path, {"LineItems": words})["LineItems"][0]["AccountCode"] == "201"
    assert xero.problems("POST", path, {"LineItems": [{"LineItemID": line_id, "UnitAmount": 99}]})


def test_sent_lines_replace_all_lines(xero: Client) -> None:
    made = xero.invoice(100, 200)
    kept = made["LineItems"][1]["LineItemID"]
    lines = [{"LineItemID": kept, "Quantity": 2}, line(5)]
    after = xero.one("POST", f"/Invoices/{made['InvoiceID']}", {"LineItems": lines})
    assert [part["LineAmount"] for part in after["LineItems"]] == [400, 5]
    assert after["LineItems"][0]["LineItemID"] == kept
    assert xero.one("POST", f"/Invoices/{made['InvoiceID']}", {"Reference": "r"})["LineItems"] == after["LineItems"]


def test_lines_without_their_ids_are_marked(xero: Client) -> None:
    made = xero.invoice(100)
    xero.one("POST", f"/Invoices/{made['InvoiceID']}", {"LineItems": [line(100)]})
    assert "LineItemIDs" in xero.world.log[-1]["illegal"]


def test_numbers_are_given_reserved_and_freed(xero: Client) -> None:
    first, second = xero.invoice(1), xero.invoice(2, Status="AUTHORISED")
    assert [first["InvoiceNumber"], second["InvoiceNumber"]] == ["INV-0001", "INV-0002"]
    xero.one("POST", f"/Invoices/{first['InvoiceID']}", {"Status": "DELETED"})
    xero.one("POST", f"/Invoices/{second['InvoiceID']}", {"Status": "VOIDED"})
    assert xero.invoice(3, InvoiceNumber="INV-0001")["InvoiceNumber"] == "INV-0001"
    assert xero.problems("PUT", "/Invoices", xero.draft(4, InvoiceNumber="inv-0002")) == ["Invoice # must be unique."]
    assert xero.invoice(5)["InvoiceNumber"] == "INV-0003"


def test_a_refused_call_takes_no_number(xero: Client) -> None:
    sent = {"Invoices": [xero.draft(1), xero.draft({"UnitAmount": 1, "TaxType": "NOSUCH"})]}
    assert xero.send("PUT", "/Invoices", sent).status == 400
    assert xero.invoice(1)["InvoiceNumber"] == "INV-0001"


def test_bills_share_numbers(xero: Client) -> None:
    told = {"UnitAmount": 10, "AccountCode": "429", "TaxType": "INPUT"}
    bills = [xero.invoice(told, Type="ACCPAY", InvoiceNumber="B1") for _ in range(2)]
    assert bills[0]["InvoiceID"] != bills[1]["InvoiceID"]


def test_post_with_a_known_number_overwrites_and_is_marked(xero: Client) -> None:
    made = xero.invoice(100, InvoiceNumber="A-1")
    after = xero.one("POST", "/Invoices", xero.draft(70, InvoiceNumber="A-1"))
    assert (after["InvoiceID"], after["SubTotal"]) == (made["InvoiceID"], 70)
    assert "by number" in xero.world.log[-1]["illegal"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Contact": {"ContactID": "00000000-0000-4000-8000-000000000000"}}, "A Contact must be specified"),
        ({"LineItems": []}, "One or more line items must be specified"),
        ({"Status": "AUTHORISED", "DueDate": None}, "Due date cannot be empty."),
        ({"Url": "https://xero.example.com/"}, "Url must be"),
        ({"Url": "/relative"}, "Url must be"),
        ({"Url": "https://[broken"}, "Url must be"),
        ({"InvoiceNumber": "Ä1"}, "printable ASCII"),
        ({"InvoiceID": "5f0c1c1e-0000-4000-8000-000000000000"}, "with the specified InvoiceID could not be found"),
        ({"Status": "PAID"}, "not of valid status"),
        ({"Reference": "r" * 256}, "must not be longer than 255"),
    ],
)
def test_refused_headers(xero: Client, members: dict[str, Any], message: str) -> None:
    assert message in xero.problems("PUT", "/Invoices", xero.draft(100, **members))[0]


def test_draft_may_lack_account_and_due_date_until_it_is_approved(xero: Client) -> None:
    bare = {"Description": "Advice", "Quantity": 1, "UnitAmount": 10}
    made = xero.one("PUT", "/Invoices", {**xero.draft(DueDate=None), "LineItems": [bare]})
    problems = xero.problems("POST", f"/Invoices/{made['InvoiceID']}", {"Status": "AUTHORISED"})
    assert problems == ["Account code or ID must be specified", "Due date cannot be empty."]


def test_unknown_account_of_a_draft_is_dropped_with_a_warning(xero: Client) -> None:
    made = xero.invoice({"UnitAmount": 1, "AccountCode": "476"})
    assert "476" in made["Warnings"][0]["Message"]
    assert "AccountCode" not in made["LineItems"][0]


def test_archived_account_and_retired_rate_are_refused(xero: Client) -> None:
    account = xero.one("GET", "/Accounts", where='Code=="260"')
    xero.one("POST", f"/Accounts/{account['AccountID']}", {"Status": "ARCHIVED"})
    assert (
        "has been archived" in xero.problems("PUT", "/Invoices", xero.draft({"UnitAmount": 1, "AccountCode": "260"}))[0]
    )
    rate = {"Name": "Old GST", "ReportTaxType": "OUTPUT", "TaxComponents": [{"Name": "GST", "Rate": 12}]}
    tax_type = xero.one("PUT", "/TaxRates", rate)["TaxType"]
    xero.one("POST", "/TaxRates", {"Name": "Old GST", "Status": "DELETED"})
    assert "does not exist" in xero.problems("PUT", "/Invoices", xero.draft({"UnitAmount": 1, "TaxType": tax_type}))[0]


def test_zero_invoice_is_paid_when_approved(xero: Client) -> None:
    assert xero.invoice(0, Status="AUTHORISED")["Status"] == "PAID"
    assert xero.invoice(0)["Status"] == "DRAFT"


def test_lock_date_stops_approval_not_drafts(xero: Client) -> None:
    locked = xero.invoice(100, Date="2026-09-30", Status="AUTHORISED")
    xero.person("POST", "/Organisation", {"PeriodLockDate": "2026-09-30"})
    message = "The document date cannot be before the period lock date, currently set at 30-Sep-2026"
    draft = xero.invoice(100, Date="2026-09-30")
    path = f"/Invoices/{draft['InvoiceID']}"
    assert xero.problems("POST", path, {"Status": "AUTHORISED"}) == [message]
    assert xero.problems("POST", f"/Invoices/{locked['InvoiceID']}", {"Status": "VOIDED"}) == [message]
    assert xero.problems("POST", f"/Invoices/{locked['InvoiceID']}", {"Reference": "late"}) == [message]
    assert xero.problems("PUT", "/Payments", xero.payment(locked, 1, Date="2026-09-30")) == [message]
    assert "behind the lock" in xero.world.log[-1]["illegal"]
    assert xero.one("POST", path, {"Status": "AUTHORISED", "Date": "2026-10-01"})["Status"] == "AUTHORISED"


def test_tracking_is_resolved_and_bounded(xero: Client) -> None:
    options = [{"Name": name} for name in ("North", "South")]
    region = xero.one("PUT", "/TrackingCategories", {"Name": "Region", "Options": options})
    south = region["Options"][1]
    by_name = xero.invoice({"UnitAmount": 1, "Tracking": [{"Name": "region", "Option": "South"}]})
    by_id = {"TrackingCategoryID": region["TrackingCategoryID"], "TrackingOptionID": south["TrackingOptionID"]}
    (tracked,) = xero.invoice({"UnitAmount": 1, "Tracking": [by_id]})["LineItems"][0]["Tracking"]
    assert [tracked] == by_name["LineItems"][0]["Tracking"]
    assert tracked["Option"] == "South"
    path = f"/TrackingCategories/{region['TrackingCategoryID']}/Options/{south['TrackingOptionID']}"
    xero.rows("POST", path, {"Status": "ARCHIVED"})
    dropped = xero.invoice({"UnitAmount": 1, "Tracking": [{"Name": "Region", "Option": "South"}]})
    assert dropped["LineItems"][0]["Tracking"] == []
    assert "South" in dropped["Warnings"][0]["Message"]
    twice = {"UnitAmount": 1, "Tracking": [{"Name": "Region", "Option": "North"}] * 2}
    assert "same tracking category twice" in xero.problems("PUT", "/Invoices", xero.draft(twice))[0]


def test_events_name_what_changed(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    assert [(event.payload["eventCategory"], event.payload["eventType"]) for event in xero.events] == [
        ("INVOICE", "CREATE")
    ]
    xero.pay(made, 10)
    assert [(event.payload["resourceId"], event.payload["eventType"]) for event in xero.events] == [
        (made["InvoiceID"], "UPDATE")
    ]
    xero.problems("PUT", "/Invoices", xero.draft({"UnitAmount": 1, "TaxType": "NOSUCH"}))
    assert xero.events == []


def test_amounts_are_json_numbers_and_dates_have_companions(xero: Client) -> None:
    body = xero.send("PUT", "/Invoices", xero.draft("12.30")).body
    assert b'"SubTotal":12.30,' in body
    made = xero.one("GET", "/Invoices/INV-0001")
    assert (made["Date"], made["DateString"]) == ("/Date(1795132800000+0000)/", "2026-11-20T00:00:00")
    assert made["Total"] == Decimal("13.53")


def test_an_account_sent_by_its_id_alone_replaces_the_code(xero: Client) -> None:
    made = xero.invoice(100)
    line_id, path = made["LineItems"][0]["LineItemID"], f"/Invoices/{made['InvoiceID']}"
    other = xero.one("GET", "/Accounts", where='Code=="260"')["AccountID"]
    [moved] = xero.one("POST", path, {"LineItems": [{"LineItemID": line_id, "AccountID": other}]})["LineItems"]
    assert (moved["AccountCode"], moved["AccountID"]) == ("260", other)
    [cleared] = xero.one("POST", path, {"LineItems": [{"LineItemID": line_id, "AccountCode": ""}]})["LineItems"]
    assert not {"AccountCode", "AccountID"} & cleared.keys()


def test_a_line_whose_item_is_cleared_shows_none(xero: Client) -> None:
    xero.one("PUT", "/Items", {"Code": "ADV", "Name": "Advice"})
    made = xero.invoice({"ItemCode": "ADV", "UnitAmount": 5})
    sent = [{"LineItemID": made["LineItems"][0]["LineItemID"], "ItemCode": ""}]
    [row] = xero.one("POST", f"/Invoices/{made['InvoiceID']}", {"LineItems": sent})["LineItems"]
    assert not {"ItemCode", "Item"} & row.keys()


def test_a_line_id_that_is_sent_twice_makes_a_second_line(xero: Client) -> None:
    made = xero.invoice(100)
    path, kept = f"/Invoices/{made['InvoiceID']}", {"LineItemID": made["LineItems"][0]["LineItemID"]}
    again = xero.one("POST", path, {"LineItems": [kept, {**line(50), **kept}]})
    assert len({row["LineItemID"] for row in again["LineItems"]}) == 2
    assert xero.one("POST", path, {"Status": "AUTHORISED"})["Total"] == again["Total"]
