"""Reading lists and writing batches (XERO 3.1 to 3.8)."""

from __future__ import annotations

from email.utils import format_datetime
from typing import Any

import pytest

from .conftest import Client, line


def test_pages_hold_lines_and_unpaged_lists_do_not(xero: Client) -> None:
    xero.rows("PUT", "/Invoices", {"Invoices": [xero.draft(n) for n in range(1, 6)]})
    answer = xero.json("GET", "/Invoices", query={"page": 2, "pageSize": 2})
    assert answer["pagination"] == {"page": 2, "pageSize": 2, "pageCount": 3, "itemCount": 5}
    assert [len(row["LineItems"]) for row in answer["Invoices"]] == [1, 1]
    unpaged = xero.json("GET", "/Invoices")
    assert "pagination" not in unpaged
    assert [row["LineItems"] for row in unpaged["Invoices"]] == [[]] * 5
    assert xero.json("GET", "/Invoices", query={"page": 9})["Invoices"] == []
    assert xero.json("GET", "/Invoices", query={"page": 0, "page_size": 5000})["pagination"]["pageSize"] == 1000


def test_default_order_is_by_stamp(xero: Client) -> None:
    first = xero.invoice(1)
    xero.wait(minutes=1)
    second = xero.invoice(2)
    xero.wait(minutes=1)
    xero.one("POST", f"/Invoices/{first['InvoiceID']}", {"Reference": "touched"})
    assert [row["InvoiceID"] for row in xero.rows("GET", "/Invoices")] == [second["InvoiceID"], first["InvoiceID"]]
    ordered = xero.rows("GET", "/Invoices", order="AmountDue DESC", page=1)
    assert [row["InvoiceID"] for row in ordered] == [second["InvoiceID"], first["InvoiceID"]]


@pytest.mark.parametrize("form", ["2026-11-20T01:35:00", "2026-11-20T01:35:00Z", "2026-11-20T01:35:00.123Z", "rfc"])
def test_modified_since_in_every_form_that_clients_send(xero: Client, form: str) -> None:
    xero.invoice(1)
    xero.wait(minutes=5)
    newer = xero.invoice(2)
    text = format_datetime(xero.now, usegmt=True) if form == "rfc" else form
    found = xero.json("GET", "/Invoices", headers={"if-modified-since": text})["Invoices"]
    assert [row["InvoiceID"] for row in found] == [newer["InvoiceID"]]


def test_modified_since_that_cannot_be_read_is_ignored(xero: Client) -> None:
    xero.invoice(1)
    assert len(xero.json("GET", "/Invoices", headers={"if-modified-since": "yesterday"})["Invoices"]) == 1


def test_query_lists(xero: Client) -> None:
    made = [xero.invoice(n, Reference=f"Deal {n}") for n in (1, 2, 3)]
    xero.one("POST", f"/Invoices/{made[2]['InvoiceID']}", {"Status": "DELETED"})
    ids = ",".join(row["InvoiceID"] for row in made[:2])
    assert len(xero.rows("GET", "/Invoices", IDs=ids)) == 2
    assert len(xero.rows("GET", "/Invoices", InvoiceNumbers="INV-0002,INV-0009")) == 1
    assert len(xero.rows("GET", "/Invoices", Statuses="DRAFT,SUBMITTED")) == 2
    assert len(xero.rows("GET", "/Invoices", ContactIDs=made[0]["Contact"]["ContactID"])) == 3
    assert len(xero.rows("GET", "/Invoices", searchTerm="deal 2")) == 1
    assert len(xero.rows("GET", "/invoices", where='Contact.Name=="ACME pty ltd" AND Status=="DRAFT"')) == 2
    xero.person("PUT", "/Invoices", xero.draft(9))
    assert len(xero.rows("GET", "/Invoices", createdByMyApp="true")) == 3
    assert "LineItems" not in xero.rows("GET", "/Invoices", summaryOnly="true")[0]


@pytest.mark.parametrize("path", ["/api.xro/2.0/Contacts", "/API.XRO/2.0/contacts", "/Contacts", "/CONTACTS"])
def test_paths_ignore_case_and_the_base_may_be_left_out(xero: Client, path: str) -> None:
    assert xero.rows("GET", path) == []


def test_batch_element_by_element(xero: Client) -> None:
    sent = {"Invoices": [xero.draft(1), xero.draft({"UnitAmount": 1, "TaxType": "NOSUCH"}), xero.draft(3)]}
    rows = xero.rows("PUT", "/Invoices", sent, summarizeErrors="False")
    assert [row["StatusAttributeString"] for row in rows] == ["OK", "ERROR", "OK"]
    refused = rows[1]
    assert (refused["InvoiceID"], refused["HasErrors"]) == ("00000000-0000-0000-0000-000000000000", True)
    assert refused["ValidationErrors"]
    assert len(xero.rows("GET", "/Invoices")) == 2


def test_batch_all_or_nothing(xero: Client) -> None:
    contact = {"Name": "Made by the same call"}
    sent = {"Invoices": [xero.draft(1, Contact=contact), xero.draft({"UnitAmount": 1, "TaxType": "NOSUCH"})]}
    answer = xero.json("PUT", "/Invoices", sent)
    assert (answer["ErrorNumber"], answer["Type"], len(answer["Elements"])) == (10, "ValidationException", 1)
    assert xero.rows("GET", "/Invoices") == []
    assert [row["Name"] for row in xero.rows("GET", "/Contacts")] == ["Acme Pty Ltd"]


def test_refused_element_takes_its_new_contact_with_it(xero: Client) -> None:
    sent = xero.draft({"UnitAmount": 1, "TaxType": "NOSUCH"}, Contact={"Name": "Brief"})
    xero.rows("PUT", "/Invoices", sent, summarizeErrors="false")
    assert xero.rows("GET", "/Contacts") == []


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b"{not json", 14),
        (b'{"Invoices":[{"Type":"ACCREC","Date":"soon"}]}', 14),
        (b'{"Invoices":[{"Type":"ACCREC","LineItems":[{"Quantity":"many"}]}]}', 14),
        (b'{"Invoices":["x"]}', 14),
        (b"", 17),
        (b"{}", 17),
        (b'{"Nonsense":1}', 17),
    ],
)
def test_bodies_that_cannot_be_processed(xero: Client, body: bytes, number: int) -> None:
    response = xero.send("PUT", "/Invoices", body)
    assert response.status == 400
    assert f'"ErrorNumber":{number}'.encode() in response.body
    assert b"Elements" not in response.body


def test_members_bind_in_any_case_and_unknown_ones_are_ignored(xero: Client) -> None:
    assert xero.one("PUT", "/Contacts", {"contacts": [{"NAME": "Any Case", "Colour": "red"}]})["Name"] == "Any Case"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/Invoices/NOPE-1", 404),
        ("POST", "/Invoices/5f0c1c1e-0000-4000-8000-000000000000", 404),
        ("GET", "/Nowhere", 404),
        ("DELETE", "/Invoices", 405),
        ("PUT", "/Users", 405),
    ],
)
def test_unknown_things(xero: Client, method: str, path: str, status: int) -> None:
    assert xero.send(method, path, {"Name": "x"}).status == status


def test_archived_tracking_is_listed_on_request(xero: Client) -> None:
    region = xero.one("PUT", "/TrackingCategories", {"name": "Region", "Options": [{"Name": "North"}]})
    path = f"/TrackingCategories/{region['TrackingCategoryID']}"
    xero.rows("POST", f"{path}/Options/{region['Options'][0]['TrackingOptionID']}", {"Status": "ARCHIVED"})
    assert xero.one("GET", "/TrackingCategories")["Options"] == []
    assert xero.one("GET", "/TrackingCategories", includeArchived="true")["Options"][0]["Status"] == "ARCHIVED"


def test_options_without_a_name_are_refused_beside_others(xero: Client) -> None:
    options = [{}, {"Name": "North"}]
    problems = xero.problems("PUT", "/TrackingCategories", {"Name": "Region", "Options": options})
    assert problems == ["Name is required."]


def test_item_codes_are_unique_and_post_overwrites(xero: Client) -> None:
    item = xero.one("PUT", "/Items", {"Code": "A1", "Name": "One", "SalesDetails": {"UnitPrice": 1.239}})
    assert xero.problems("PUT", "/Items", {"Code": "a1"}) == ["Price List Item with Code 'a1' already exists"]
    again = xero.one("POST", "/Items", {"Code": "A1", "Name": "Two"})
    assert (again["ItemID"], again["Name"], str(again["SalesDetails"]["UnitPrice"])) == (item["ItemID"], "Two", "1.24")
    assert xero.send("DELETE", f"/Items/{item['ItemID']}").status == 204


def test_accounts_in_use_stay(xero: Client) -> None:
    xero.invoice(line(1))
    account = xero.one("GET", "/Accounts", where='Code=="200"')
    assert xero.send("DELETE", f"/Accounts/{account['AccountID']}").status == 400
    mixed: dict[str, Any] = {"Status": "ARCHIVED", "Name": "Old"}
    assert "same request" in xero.problems("POST", f"/Accounts/{account['AccountID']}", mixed)[0]


def test_there_are_four_tracking_categories_at_most_and_two_active_ones(xero: Client) -> None:
    """XERO 4.12: archived categories count towards the four."""
    for name in ("A", "B", "C", "D"):
        made = xero.one("PUT", "/TrackingCategories", {"Name": name})
        if name < "C":
            xero.one("POST", f"/TrackingCategories/{made['TrackingCategoryID']}", {"Status": "ARCHIVED"})
    assert xero.problems("PUT", "/TrackingCategories", {"Name": "E"}) == [
        "You cannot have more than 2 active tracking categories.",
        "You cannot have more than 4 tracking categories.",
    ]
    xero.one("POST", f"/TrackingCategories/{made['TrackingCategoryID']}", {"Status": "ARCHIVED"})
    (problem,) = xero.problems("PUT", "/TrackingCategories", {"Name": "E"})
    assert "4 tracking categories" in problem


@pytest.mark.parametrize("plural", ["Invoices", "CreditNotes", "Contacts", "Items", "PurchaseOrders", "Payments"])
def test_an_unknown_id_is_one_problem_and_no_creation(xero: Client, plural: str) -> None:
    """XERO 3.3: a client cannot choose the id; nothing else is said of the element."""
    singular, unknown = plural[:-1], "5f0c1c1e-aaaa-4000-8000-000000000000"
    assert xero.problems("PUT", f"/{plural}", {plural: [{f"{singular}ID": unknown}]}) == [
        f"An existing {singular} with the specified {singular}ID could not be found"
    ]
    assert xero.rows("GET", f"/{plural}") == []
