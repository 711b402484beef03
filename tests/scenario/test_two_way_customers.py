"""Customers kept in agreement: a change on either side reaches the other, once, and nothing else is written."""

from __future__ import annotations

from typing import Any

import pytest

from crossfoot.core.records import Side
from crossfoot.engine.review.choices import choose
from crossfoot.store.queue import QueueEntry

from .business import URLS, Business


def linked(firm: Business) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Accounts with the contacts that Crossfoot made from them, both as people see them."""
    contacts = {c["ContactNumber"]: c for c in firm.contacts() if c.get("ContactNumber")}
    rows = firm.soql(
        "SELECT Id, Name, Phone, ABN__c, AccountNumber, BillingStreet, BillingCity, BillingState, BillingPostalCode, "
        "BillingCountry FROM Account ORDER BY Id"
    )
    return [(row, contacts[row["Id"]]) for row in rows if row["Id"] in contacts]


def account(firm: Business, account_id: str) -> dict[str, Any]:
    [row] = firm.soql(f"SELECT Id, Name, Phone, ABN__c, BillingCity FROM Account WHERE Id = '{account_id}'")
    return row


def phone(firm: Business, contact_id: str) -> str:
    [number] = [p for p in firm.contact(contact_id)["Phones"] if p["PhoneType"] == "DEFAULT"]
    return str(number["PhoneNumber"])


def waiting(firm: Business, record_id: str) -> dict[str, QueueEntry]:
    return {entry.code: entry for entry in firm.desk.entries(ignored=True) if entry.record.id == record_id}


@pytest.mark.promise("S1-23", "S1-33", "S1-36", "S3-04", "S0-03", "S0-59", "S3-52")
def test_a_phone_changed_in_salesforce_reaches_xero_and_nothing_more_is_written(shared: Business) -> None:
    row, contact = linked(shared)[0]
    shared.edit("Account", row["Id"], Phone="+61 2 5550 1234")

    report = shared.sync()

    assert phone(shared, contact["ContactID"]) == "+61 2 5550 1234"
    assert (report.agreed.to_xero, report.agreed.to_salesforce) == (1, 0)
    shared.later()
    again = shared.sync()
    assert (again.writes, again.queue_opened, again.queue_closed) == (0, 0, 0)


@pytest.mark.promise("S1-23", "S1-33", "S0-03")
def test_a_phone_changed_in_xero_reaches_salesforce(shared: Business) -> None:
    row, contact = linked(shared)[0]
    shared.in_xero(
        "Contacts", ContactID=contact["ContactID"], Phones=[{"PhoneType": "DEFAULT", "PhoneNumber": "08 5550 9999"}]
    )

    report = shared.sync()

    assert account(shared, row["Id"])["Phone"] == "08 5550 9999"
    assert (report.agreed.to_xero, report.agreed.to_salesforce) == (0, 1)
    shared.later()
    assert shared.sync().agreed.writes == 0


def both_change_the_phone(firm: Business) -> tuple[str, str]:
    row, contact = linked(firm)[0]
    firm.edit("Account", row["Id"], Phone="02 5550 1111")
    firm.in_xero(
        "Contacts", ContactID=contact["ContactID"], Phones=[{"PhoneType": "DEFAULT", "PhoneNumber": "02 5550 2222"}]
    )
    return row["Id"], contact["ContactID"]


@pytest.mark.promise("S1-36", "S3-61", "U-12")
def test_two_different_changes_wait_for_a_person_with_both_values_and_the_one_before(shared: Business) -> None:
    before = linked(shared)[0][0]["Phone"]
    account_id, contact_id = both_change_the_phone(shared)

    report = shared.sync()

    assert report.agreed.writes == 0
    entry = waiting(shared, account_id)["field_conflict"]
    assert all(words in entry.cause for words in ("Phone", "'02 5550 1111'", "'02 5550 2222'", repr(before), "saved"))
    assert [ref.id for ref in entry.related] == [contact_id]
    shared.later()
    again = shared.sync()
    assert (again.writes, again.queue_opened, again.queue_closed) == (0, 0, 0)


@pytest.mark.parametrize("saved_again", ["by us", "by a person, for another field"])
def test_two_changes_of_which_neither_is_known_to_be_the_later_wait_whoever_saves_the_record_again(
    shared: Business, saved_again: str
) -> None:
    shared.set("{from: Phone, as: phone}", "{from: Phone, as: phone, owner: newest}")
    account_id, contact_id = both_change_the_phone(shared)
    shared.later()
    if saved_again == "by us":  # its balance
        draft = next(each for each in shared.invoices() if each["Contact"]["ContactID"] == contact_id)
        shared.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Status="AUTHORISED")
    shared.sync()
    shared.later()
    if saved_again != "by us":
        shared.edit("Account", account_id, BillingCity="Perth")

    shared.sync()

    assert set(waiting(shared, account_id)) == {"field_conflict"}
    assert (account(shared, account_id)["Phone"], phone(shared, contact_id)) == ("02 5550 1111", "02 5550 2222")
    shared.later()
    shared.edit("Account", account_id, Phone="02 5550 3333")
    shared.sync()
    assert phone(shared, contact_id) == "02 5550 3333"


@pytest.mark.promise("S3-61", "U-12")
@pytest.mark.parametrize(("side", "right"), [(Side.SALESFORCE, "02 5550 1111"), (Side.XERO, "02 5550 2222")])
def test_a_choice_settles_both_sides_and_is_not_asked_again(shared: Business, side: Side, right: str) -> None:
    account_id, contact_id = both_change_the_phone(shared)
    shared.sync()
    entry = waiting(shared, account_id)["field_conflict"]

    choose(shared.desk, entry.id, side, "Phone")
    shared.later()
    shared.sync()

    assert (account(shared, account_id)["Phone"], phone(shared, contact_id)) == (right, right)
    assert waiting(shared, account_id) == {}
    shared.later()
    assert shared.sync().agreed.writes == 0


def test_a_choice_outlives_a_contact_that_is_archived_for_a_while(shared: Business) -> None:
    account_id, contact_id = both_change_the_phone(shared)
    shared.sync()
    choose(shared.desk, waiting(shared, account_id)["field_conflict"].id, Side.SALESFORCE)
    shared.later()
    shared.office.ask(URLS["xero"], "POST", f"/Contacts/{contact_id}", {"ContactStatus": "ARCHIVED"})
    shared.sync()
    assert set(waiting(shared, account_id)) == {"link_archived"}
    shared.later()
    shared.office.ask(URLS["xero"], "POST", f"/Contacts/{contact_id}", {"ContactStatus": "ACTIVE"})

    shared.sync()

    assert phone(shared, contact_id) == "02 5550 1111"
    assert waiting(shared, account_id) == {}


def test_a_choice_lapses_where_a_value_changes_once_more(shared: Business) -> None:
    account_id, contact_id = both_change_the_phone(shared)
    shared.sync()
    choose(shared.desk, waiting(shared, account_id)["field_conflict"].id, Side.XERO)
    shared.later()
    shared.edit("Account", account_id, Phone="02 5550 3333")

    shared.sync()

    assert "'02 5550 3333'" in waiting(shared, account_id)["field_conflict"].cause
    assert phone(shared, contact_id) == "02 5550 2222"


@pytest.mark.promise("S1-37", "S3-61")
def test_salesforce_owns_the_name_and_a_rename_in_xero_is_turned_back_with_what_it_overruled_in_the_log(
    shared: Business,
) -> None:
    row, contact = linked(shared)[0]
    shared.in_xero("Contacts", ContactID=contact["ContactID"], Name="Somebody Else Pty Ltd")

    shared.sync()

    assert shared.contact(contact["ContactID"])["Name"] == contact["Name"]
    [entry] = [e for e in shared.audit() if e.action == "update Contact" and e.record_id == row["Id"]]
    assert entry.body["before"] == {"Name": "Somebody Else Pty Ltd"}
    assert "overrules Name" in str(entry.body["reason"])


@pytest.mark.promise("S1-37", "S3-20")
def test_an_account_renamed_in_salesforce_renames_the_contact(shared: Business) -> None:
    row, contact = linked(shared)[0]
    shared.edit("Account", row["Id"], Name="Quite Another Name Pty Ltd")
    shared.sync()
    assert shared.contact(contact["ContactID"])["Name"] == "Quite Another Name Pty Ltd"


@pytest.mark.promise("S1-38")
def test_a_rename_to_a_name_that_is_taken_gets_a_suffix_that_is_never_taken_for_a_rename(shared: Business) -> None:
    (row, contact), (other, _) = linked(shared)[:2]
    mark = row["AccountNumber"] or row["Id"][-6:]
    shared.edit("Account", row["Id"], Name=other["Name"])

    shared.sync()

    assert shared.contact(contact["ContactID"])["Name"] == f"{other['Name']} ({mark})"
    shared.later()
    assert shared.sync().agreed.writes == 0
    assert account(shared, row["Id"])["Name"] == other["Name"]
    shared.edit("Account", row["Id"], Name="Free Again")
    shared.later()
    shared.sync()
    assert shared.contact(contact["ContactID"])["Name"] == f"Free Again ({mark})"


def test_a_suffix_is_the_whole_account_number_and_leaves_the_name_within_what_xero_takes(shared: Business) -> None:
    (first, _), (second, contact) = linked(shared)[:2]
    name = "Long " * 50
    shared.edit("Account", first["Id"], Name=name)
    shared.edit("Account", second["Id"], Name=name, AccountNumber="A (7)")
    assert shared.sync().agreed.refused == 0
    assert shared.contact(contact["ContactID"])["Name"] == f"{name[:247].rstrip()} (A (7))"
    shared.later()
    assert shared.sync().agreed.writes == 0


@pytest.mark.promise("S1-34", "S1-39")
def test_a_billing_address_goes_whole_and_the_other_address_stays(shared: Business) -> None:
    row, contact = linked(shared)[0]
    delivery = {"AddressType": "STREET", "AddressLine1": "Dock 4", "City": "Geelong", "Country": "Australia"}
    shared.in_xero("Contacts", ContactID=contact["ContactID"], Addresses=[delivery])
    shared.edit(
        "Account", row["Id"], BillingStreet="Level 3\n9 New Street", BillingCity="Perth", BillingState="WA",
        BillingPostalCode="6000", BillingCountry="Australia",
    )  # fmt: skip

    shared.sync()

    addresses = {a["AddressType"]: a for a in shared.contact(contact["ContactID"])["Addresses"]}
    postal = addresses["POBOX"]
    assert [postal[k] for k in ("AddressLine1", "AddressLine2", "City", "Region", "PostalCode", "Country")] == [
        "Level 3", "9 New Street", "Perth", "WA", "6000", "Australia",
    ]  # fmt: skip
    assert (addresses["STREET"]["AddressLine1"], addresses["STREET"]["City"]) == ("Dock 4", "Geelong")


def test_whose_an_address_is_may_stand_at_any_of_its_fields(shared: Business) -> None:
    row, contact = linked(shared)[0]
    shared.set("City: BillingCity", "City: {from: BillingCity, owner: either}")
    postal = {"AddressType": "POBOX", "AddressLine1": "PO Box 9", "City": "Geelong", "Country": "Australia"}
    shared.in_xero("Contacts", ContactID=contact["ContactID"], Addresses=[postal])
    shared.sync()
    assert account(shared, row["Id"])["BillingCity"] == "Geelong"


@pytest.mark.promise("S1-35")
def test_an_abn_goes_both_ways_and_a_broken_one_nowhere(shared: Business) -> None:
    row, contact = linked(shared)[0]
    shared.in_xero("Contacts", ContactID=contact["ContactID"], TaxNumber="53 004 085 616")
    shared.sync()
    assert account(shared, row["Id"])["ABN__c"] == "53004085616"

    shared.edit("Account", row["Id"], ABN__c="12 345 678 901")
    shared.later()
    shared.sync()

    assert shared.contact(contact["ContactID"])["TaxNumber"] == "53 004 085 616"
    assert "12 345 678 901" in waiting(shared, row["Id"])["field_unreadable"].cause


def test_a_blank_overwrites_nothing_and_says_so(shared: Business) -> None:
    row, contact = linked(shared)[0]
    shared.edit("Account", row["Id"], Phone=None)

    report = shared.sync()

    assert report.agreed.writes == 0
    assert phone(shared, contact["ContactID"]) == row["Phone"]
    assert "Phone was emptied in Salesforce" in waiting(shared, row["Id"])["blank_kept"].cause


def test_emptying_goes_across_where_the_file_says_so(shared: Business) -> None:
    shared.set("{from: Phone, as: phone}", "{from: Phone, as: phone, empties: true}")
    row, contact = linked(shared)[0]
    shared.edit("Account", row["Id"], Phone=None)
    shared.sync()
    assert phone(shared, contact["ContactID"]) == ""


def test_another_spelling_of_one_number_is_no_change(shared: Business) -> None:
    row, contact = linked(shared)[0]
    spelt = "(" + row["Phone"].replace(" ", ") ", 1)
    shared.in_xero("Contacts", ContactID=contact["ContactID"], Phones=[{"PhoneType": "DEFAULT", "PhoneNumber": spelt}])
    assert shared.sync().agreed.writes == 0
