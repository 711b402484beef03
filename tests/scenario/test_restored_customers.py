"""An old copy of the database is put back: customers linked since, of whose deals none counts any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crossfoot.core.errors import CrossfootError
from crossfoot.core.links import Kind
from crossfoot.core.records import Side
from crossfoot.emulators.scenario import find_scenario
from crossfoot.engine.review.choices import choose
from crossfoot.store.links import load_links

from .business import Business, Stage, found
from .test_credit_and_reissue import SMALL_FIRM
from .test_two_way_customers import account, linked, phone, waiting

CUSTOMER = "Acme"
SHOWN = "Id, Xero_Contact_Id__c, Xero_Balance__c"


@pytest.fixture(scope="session")
def linked_since(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Stage]:
    """Xero was away just before the first invoice was made, so that all a first run left is customers by their ABN.
    Then their deals were lost. With a copy of before."""
    stage = found(find_scenario(str(SMALL_FIRM)), tmp_path_factory.mktemp("small firm"), date(2026, 11, 1))
    firm = Business(stage, tmp_path_factory.mktemp("linked"))
    firm.carrier.down_after["xero.invalid"] = requests_before_the_first_invoice(stage, tmp_path_factory.mktemp("twin"))
    with pytest.raises(CrossfootError):
        firm.sync()
    firm.carrier.down_after.clear()
    for deal in firm.soql(f"SELECT Id FROM Opportunity WHERE Account.Name = '{CUSTOMER}'"):
        firm.edit("Opportunity", deal["Id"], StageName="Closed Lost")
    firm.later()
    firm.sync()
    firm.later()
    return stage.database, firm.freeze()


def requests_before_the_first_invoice(stage: Stage, directory: Path) -> int:
    twin = Business(stage, directory)
    before = len(twin.ledger.log)
    twin.sync()
    made = [entry["method"] == "PUT" and entry["path"].endswith("/Invoices") for entry in twin.ledger.log[before:]]
    twin.close()
    return made.index(True)


@pytest.fixture
def firm(linked_since: tuple[bytes, Stage], tmp_path: Path) -> Iterator[Business]:
    opened = Business(linked_since[1], tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def copy(linked_since: tuple[bytes, Stage]) -> bytes:
    return linked_since[0]


def shown(firm: Business) -> dict[str, Any]:
    [account] = firm.soql(f"SELECT {SHOWN} FROM Account WHERE Name = '{CUSTOMER}'")
    return account


def links(firm: Business) -> dict[str, str]:
    with firm.database.reading() as connection:
        found = load_links(connection, firm.session().organisation_id, Kind.CONTACT)
        return {each.source_id: each.link.xero_id for each in found}


def pay_something(firm: Business) -> None:
    invoice = firm.see("Invoices", query="page=1")
    payment = {"Invoice": {"InvoiceID": invoice["InvoiceID"]}, "Account": {"Code": "090"}, "Date": "2026-11-18"}
    firm.office.xero("PUT", "Payments", [{**payment, "Amount": 100}])


def test_a_customer_that_was_linked_since_goes_on_being_shown(firm: Business, copy: bytes) -> None:
    account = shown(firm)
    assert links(firm)[account["Id"]] == account["Xero_Contact_Id__c"]
    pay_something(firm)

    firm.fall_back(copy)

    assert links(firm)[account["Id"]] == account["Xero_Contact_Id__c"]
    assert shown(firm)["Xero_Balance__c"] == Decimal(account["Xero_Balance__c"]) - 100
    assert firm.writes_during(firm.sync) == []


@pytest.mark.parametrize("contact", ["another's tax number", "not there"])
def test_what_salesforce_shows_is_not_believed_alone(firm: Business, copy: bytes, contact: str) -> None:
    account = shown(firm)
    if contact == "not there":
        firm.edit("Account", account["Id"], Xero_Contact_Id__c="00000000-0000-0000-0000-000000000001")
    else:
        firm.in_xero("Contacts", ContactID=account["Xero_Contact_Id__c"], TaxNumber="53004085616")

    firm.fall_back(copy)

    assert account["Id"] not in links(firm)


def test_a_contact_that_two_accounts_show_is_linked_to_neither(firm: Business, copy: bytes) -> None:
    account = shown(firm)
    twin = {"Name": "Acme again", "ABN__c": "51824753556", "Xero_Contact_Id__c": account["Xero_Contact_Id__c"]}
    firm.office.salesforce("POST", "/sobjects/Account", twin)

    firm.fall_back(copy)

    assert account["Xero_Contact_Id__c"] not in links(firm).values()


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("owner", ["either", "newest"])
def test_a_value_that_was_shared_since_and_then_set_back_on_one_side_waits_for_a_choice(
    shared: Business, side: Side, owner: str
) -> None:
    """By the old copy the other side alone seems to have changed."""
    shared.set("{from: Phone, as: phone}", f"{{from: Phone, as: phone, owner: {owner}}}")
    shared.sync()
    shared.later()
    copy = shared.freeze().database
    row, contact = linked(shared)[0]
    account_id, contact_id = row["Id"], contact["ContactID"]
    before, new = phone(shared, contact_id), "+61 2 5550 1234"
    shared.edit("Account", account_id, Phone=new)
    shared.sync()
    shared.later()
    if side is Side.SALESFORCE:
        shared.edit("Account", account_id, Phone=before)
    else:
        shared.in_xero("Contacts", ContactID=contact_id, Phones=[{"PhoneType": "DEFAULT", "PhoneNumber": before}])

    shared.fall_back(copy)

    ours, theirs = (before, new) if side is Side.SALESFORCE else (new, before)
    assert (account(shared, account_id)["Phone"], phone(shared, contact_id)) == (ours, theirs)
    entry = waiting(shared, account_id)["field_conflict"]
    choose(shared.desk, entry.id, side)
    shared.later()
    shared.sync()
    assert (account(shared, account_id)["Phone"], phone(shared, contact_id)) == (before, before)
    assert waiting(shared, account_id) == {}


def test_a_name_that_salesforce_owns_goes_to_xero_after_a_restore_as_ever(shared: Business) -> None:
    copy = shared.freeze().database
    row, contact = linked(shared)[0]
    shared.edit("Account", row["Id"], Name="Renamed Pty Ltd")

    shared.fall_back(copy)

    assert shared.contact(contact["ContactID"])["Name"] == "Renamed Pty Ltd"
