"""Contacts: uniqueness, upsert, archiving, merging (XERO 4.1)."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Client

ARCHIVED = (
    "The specified contact details matched an archived contact. "
    "Archived contacts cannot currently be edited via the API."
)


def test_a_contact_always_carries_its_lists(xero: Client) -> None:
    xero.contact()
    for query in ({}, {"page": 1}):
        (found,) = xero.rows("GET", "/Contacts", **query)
        assert (found["ContactGroups"], found["ContactPersons"]) == ([], [])
        assert [row["AddressType"] for row in found["Addresses"]] == ["STREET", "POBOX"]
        assert [row["PhoneType"] for row in found["Phones"]] == ["DDI", "DEFAULT", "FAX", "MOBILE"]


@pytest.mark.parametrize("name", ["Acme Pty Ltd", "ACME  pty ltd", "Acmé Pty Ltd"])
def test_put_refuses_a_name_in_use(xero: Client, name: str) -> None:
    xero.contact("Acme Pty Ltd")
    assert "is already assigned to another contact" in xero.problems("PUT", "/Contacts", {"Name": name})[0]


def test_numbers_are_unique_among_the_active(xero: Client) -> None:
    xero.contact("One", ContactNumber="C1", AccountNumber="A1")
    assert xero.problems("PUT", "/Contacts", {"Name": "Two", "ContactNumber": "C1", "AccountNumber": "a1"}) == [
        "Another contact has this contact number. Please enter a different contact number.",
        "The Account Number already exists. Please enter a different Account Number.",
    ]


def test_post_overwrites_by_number_and_by_name_and_is_marked(xero: Client) -> None:
    made = xero.contact("One", ContactNumber="C1", EmailAddress="a@example.com")
    by_number = xero.one("POST", "/Contacts", {"ContactNumber": "C1", "Name": "Renamed"})
    assert (by_number["ContactID"], by_number["EmailAddress"]) == (made["ContactID"], "a@example.com")
    assert "by number" in xero.world.log[-1]["illegal"]
    assert xero.one("POST", "/Contacts", {"Name": "renamed"})["ContactID"] == made["ContactID"]
    assert "by name" in xero.world.log[-1]["illegal"]
    assert len(xero.rows("GET", "/Contacts")) == 1


def test_addresses_merge_by_type_and_people_are_replaced(xero: Client) -> None:
    made = xero.contact(
        "One",
        Addresses=[{"AddressType": "POBOX", "AddressLine1": "1 Quay St", "City": "Sydney"}],
        ContactPersons=[{"FirstName": "Ann"}],
    )
    after = xero.one(
        "POST",
        f"/Contacts/{made['ContactID']}",
        {"Addresses": [{"AddressType": "STREET", "City": "Perth"}], "ContactPersons": [{"FirstName": "Bo"}]},
    )
    assert [row["City"] for row in after["Addresses"]] == ["Perth", "Sydney"]
    assert [row["FirstName"] for row in after["ContactPersons"]] == ["Bo"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Name": "  "}, "Contact Name cannot be empty."),
        ({"Name": "A <b>"}, "angle brackets"),
        ({"Name": "n" * 256}, "must not be longer than 255"),
        ({"Name": "A", "EmailAddress": "müller@example.com"}, "Email address must be valid."),
        ({"Name": "A", "DefaultCurrency": "GBP"}, "not subscribed to currency GBP"),
        ({"Name": "A", "ContactPersons": [{}] * 6}, "more than 5"),
    ],
)
def test_refused_contacts(xero: Client, members: dict[str, Any], message: str) -> None:
    assert message in xero.problems("PUT", "/Contacts", members)[0]


def test_archived_contact_is_closed_to_the_api_until_a_person_reopens_it(xero: Client) -> None:
    made = xero.contact("Acme Pty Ltd")
    path = f"/Contacts/{made['ContactID']}"
    assert xero.one("POST", path, {"ContactStatus": "ARCHIVED"})["ContactStatus"] == "ARCHIVED"
    assert xero.rows("GET", "/Contacts") == []
    assert len(xero.rows("GET", "/Contacts", includeArchived="true")) == 1
    assert xero.problems("POST", path, {"ContactStatus": "ACTIVE"}) == [ARCHIVED]
    assert xero.world.log[-1]["illegal"] == "write to an archived contact"
    sent = xero.draft(1, Contact={"ContactID": made["ContactID"]})
    assert "must be un-archived before" in xero.problems("PUT", "/Invoices", sent)[0]
    xero.person("POST", "/Contacts", {"ContactID": made["ContactID"], "ContactStatus": "ACTIVE"})
    assert xero.one("PUT", "/Invoices", sent)["Contact"]["Name"] == "Acme Pty Ltd"


def test_archived_name_is_free_and_blocks_reopening_once_taken(xero: Client) -> None:
    made = xero.contact("Acme Pty Ltd")
    xero.one("POST", f"/Contacts/{made['ContactID']}", {"ContactStatus": "ARCHIVED"})
    xero.contact("Acme Pty Ltd")
    answer = xero.send(
        "POST",
        "/control/person",
        {"method": "POST", "path": "/Contacts", "body": {"ContactID": made["ContactID"], "ContactStatus": "ACTIVE"}},
    )
    assert answer.status == 400


def test_merge_moves_the_documents(xero: Client) -> None:
    loser, survivor = xero.contact("Loser"), xero.contact("Survivor")
    invoice = xero.invoice(100, Contact={"ContactID": loser["ContactID"]})
    xero.wait(minutes=1)
    xero.person("POST", f"/Contacts/{loser['ContactID']}/Merge", {"Into": survivor["ContactID"]})
    gone = xero.one("GET", f"/Contacts/{loser['ContactID']}")
    assert (gone["ContactStatus"], gone["MergedToContactID"]) == ("ARCHIVED", survivor["ContactID"])
    moved = xero.one("GET", f"/Invoices/{invoice['InvoiceID']}")
    assert moved["Contact"]["ContactID"] == survivor["ContactID"]
    assert xero.rows("GET", "/Invoices", ContactIDs=loser["ContactID"]) == []


def test_balances_are_computed_in_base_currency(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED", Date="2026-10-01", DueDate="2026-10-15")
    path = f"/Contacts/{made['Contact']['ContactID']}"
    before = xero.one("GET", path)
    assert before["Balances"]["AccountsReceivable"] == {"Outstanding": 110, "Overdue": 110}
    assert (before["IsCustomer"], before["IsSupplier"]) == (True, False)
    xero.wait(minutes=1)
    xero.pay(made, 110)
    after = xero.one("GET", path)
    assert after["Balances"]["AccountsReceivable"]["Outstanding"] == 0
    assert after["UpdatedDateUTC"] == before["UpdatedDateUTC"]


def test_a_contact_made_by_a_document_has_all_that_the_document_says(xero: Client) -> None:
    """XERO 4.1: an unknown name creates the contact."""
    phone = {"PhoneType": "MOBILE", "PhoneNumber": "5550100"}
    told = {"Name": "Inline Ltd", "FirstName": "Ada", "EmailAddress": "ada@inline.example", "Phones": [phone]}
    made = xero.invoice(50, Contact=told)["Contact"]
    found = xero.one("GET", f"/Contacts/{made['ContactID']}")
    assert (found["FirstName"], found["EmailAddress"]) == ("Ada", "ada@inline.example")
    assert [row["PhoneNumber"] for row in found["Phones"] if row["PhoneType"] == "MOBILE"] == ["5550100"]


def test_a_document_that_says_more_than_the_id_writes_its_contact(xero: Client) -> None:
    """XERO 4.1: ``Contact: {ContactID, Name...}`` updates the contact and drops the contact persons it leaves out."""
    kept = {"Name": "Acme Pty Ltd", "ContactPersons": [{"FirstName": "Bo", "EmailAddress": "bo@acme.example"}]}
    contact = xero.one("PUT", "/Contacts", kept)
    path, by_id = f"/Contacts/{contact['ContactID']}", {"ContactID": contact["ContactID"]}
    xero.wait(minutes=5)
    xero.invoice(50, Contact=by_id)
    xero.invoice(50, Contact={**kept, **by_id, "ContactStatus": "ARCHIVED"})
    untouched = xero.one("GET", path)
    assert (untouched["UpdatedDateUTC"], untouched["ContactPersons"]) == (
        contact["UpdatedDateUTC"],
        contact["ContactPersons"],
    )
    xero.invoice(50, Contact={**by_id, "Name": "Acme Pty Ltd", "EmailAddress": "post@acme.example"})
    assert [event.payload["eventCategory"] for event in xero.events] == ["CONTACT", "INVOICE"]
    changed = xero.one("GET", path)
    assert (changed["EmailAddress"], changed["ContactPersons"]) == ("post@acme.example", [])
    assert changed["UpdatedDateUTC"] != contact["UpdatedDateUTC"]
    assert xero.problems("PUT", "/Invoices", xero.draft(1, Contact={**by_id, "EmailAddress": "nonsense"})) == [
        "Email address must be valid."
    ]


def test_an_office_phone_is_kept_beside_the_four(xero: Client) -> None:
    """XERO 4.1: the OpenAPI file has a fifth type; only the four are always shown."""
    made = xero.contact(Phones=[{"PhoneType": "OFFICE", "PhoneNumber": "5550199"}])
    assert {row["PhoneType"]: row["PhoneNumber"] for row in made["Phones"]} == {
        **dict.fromkeys(("DDI", "DEFAULT", "FAX", "MOBILE"), ""),
        "OFFICE": "5550199",
    }


def test_a_body_may_begin_with_a_byte_order_mark(xero: Client) -> None:
    """XERO 3.2: some writers of UTF-8 begin so."""
    assert xero.one("PUT", "/Contacts", b'\xef\xbb\xbf{"Name": "Marked Ltd"}')["Name"] == "Marked Ltd"
