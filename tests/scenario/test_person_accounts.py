"""Customers who are people: a person account is invoiced, and kept in agreement, as any other customer is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from crossfoot.core.errors import NeedsPerson
from crossfoot.emulators.scenario import find_scenario

from .business import Business, Stage, found

SMALL_FIRM = Path(__file__).parents[1] / "acceptance" / "small_firm.yaml"
MAPPED = """      Phone: {from: Phone, as: phone}
      FirstName: FirstName
      LastName: LastName
      Email: {from: PersonEmail, owner: either}
"""
DEAL = "Tax return"


@pytest.fixture(scope="session")
def person_stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A firm on an org with person accounts; Ann Lee bought a tax return, and her invoice is a draft."""
    scenario = find_scenario(str(SMALL_FIRM))
    settings = {**scenario.settings, "salesforce": {"person_accounts": True}}
    stage = found(replace(scenario, settings=settings), tmp_path_factory.mktemp("firm"), date(2026, 11, 1))
    firm = Business(stage, tmp_path_factory.mktemp("people"))
    firm.set("      Phone: {from: Phone, as: phone}\n", MAPPED)
    ann = {"FirstName": "Ann", "LastName": "Lee", "PersonEmail": "ann@example.com", "Phone": "02 5550 1000"}
    firm.office.salesforce("POST", "/sobjects/Account", {**ann, "BillingCountry": "Australia"})
    firm.win(DEAL, "Ann Lee", [{"code": "AUDIT", "Quantity": 1, "UnitPrice": 400}])
    firm.later()
    firm.sync()
    firm.later()
    return firm.freeze()


@pytest.fixture
def firm(person_stage: Stage, tmp_path: Path) -> Iterator[Business]:
    opened = Business(person_stage, tmp_path)
    yield opened
    opened.close()


def ann(firm: Business) -> dict[str, Any]:
    fields = "Id, Name, FirstName, LastName, PersonEmail, Phone, IsPersonAccount"
    [row] = firm.soql(f"SELECT {fields} FROM Account WHERE IsPersonAccount = TRUE")
    return row


def her_contact(firm: Business) -> dict[str, Any]:
    return firm.contact(firm.invoice_of(DEAL)["Contact"]["ContactID"])


@pytest.mark.promise("S1-33", "U-37", "F-04")
def test_a_person_becomes_a_contact_with_her_own_names(firm: Business) -> None:
    firm.sync()
    contact = her_contact(firm)
    names = (contact["Name"], contact["FirstName"], contact["LastName"], contact["EmailAddress"])
    assert names == ("Ann Lee", "Ann", "Lee", "ann@example.com")
    firm.later()
    assert firm.writes_during(firm.sync) == []


def test_a_change_on_either_side_reaches_the_other(firm: Business) -> None:
    firm.sync()
    firm.later()
    firm.edit("Account", ann(firm)["Id"], LastName="Lee-Ng")
    firm.in_xero("Contacts", ContactID=her_contact(firm)["ContactID"], EmailAddress="ann@lee.example")
    firm.sync()
    firm.later()
    assert (her_contact(firm)["Name"], her_contact(firm)["LastName"]) == ("Ann Lee-Ng", "Lee-Ng")
    assert ann(firm)["PersonEmail"] == "ann@lee.example"
    assert firm.sync().agreed.writes == 0


def test_her_name_is_turned_back_where_xero_changed_it(firm: Business) -> None:
    firm.sync()
    firm.later()
    firm.in_xero("Contacts", ContactID=her_contact(firm)["ContactID"], Name="A. Lee")
    firm.sync()
    assert (her_contact(firm)["Name"], ann(firm)["Name"]) == ("Ann Lee", "Ann Lee")


def buys(firm: Business, deal: str, first: str, last: str, **fields: Any) -> str:
    """Somebody new buys a tax return, and Crossfoot runs. Returns the account's id."""
    person = {"FirstName": first, "LastName": last, "BillingCountry": "Australia", **fields}
    account_id: str = firm.office.salesforce("POST", "/sobjects/Account", person)["id"]
    about = {"Name": deal, "AccountId": account_id, "CloseDate": "2026-11-18", "Amount": 400}
    firm.office.salesforce("POST", "/sobjects/Opportunity", {**about, "StageName": "Closed Won"})
    firm.later()
    firm.sync()
    firm.later()
    return account_id


@pytest.mark.promise("U-37", "F-04")
def test_two_people_of_one_common_name_wait_until_somebody_tells_them_apart(firm: Business) -> None:
    firm.sync()
    firm.later()
    second = buys(firm, "Second return", "Ann", "Lee", PersonEmail="ann.lee@example.net")
    entry = firm.waiting("Second return")["contact_similar"]
    assert "'Ann Lee'" in entry.cause
    assert firm.invoices_of("Second return") == []

    firm.desk.not_same(entry.id)
    firm.sync()
    firm.later()
    firm.sync()

    hers, other = her_contact(firm), firm.contact(firm.invoice_of("Second return")["Contact"]["ContactID"])
    assert hers["ContactID"] != other["ContactID"]
    assert (hers["Name"], other["Name"]) == ("Ann Lee", f"Ann Lee ({second[-6:]})")
    assert (other["FirstName"], other["LastName"], other["EmailAddress"]) == ("Ann", "Lee", "ann.lee@example.net")


def test_an_answer_says_nothing_of_a_contact_that_was_not_shown(firm: Business) -> None:
    firm.sync()
    firm.later()
    buys(firm, "Second return", "Ann", "Lee", PersonEmail="ann.lee@example.net")
    shown = firm.waiting("Second return")["contact_similar"]
    hers = firm.in_xero("Contacts", Name="Ann Lee (Geelong)", EmailAddress="ann.lee@example.net")["ContactID"]
    firm.sync()
    firm.later()

    with pytest.raises(NeedsPerson, match="asks about more by now"):
        firm.desk.not_same(shown.id)

    entry = firm.waiting("Second return")["contact_similar"]
    firm.desk.link(entry.id, hers)
    firm.sync()
    assert firm.invoice_of("Second return")["Contact"]["ContactID"] == hers


@pytest.mark.promise("U-37", "F-04")
def test_a_person_whom_xero_knows_by_e_mail_under_another_name_is_asked_about(firm: Business) -> None:
    known = {"Name": "B. Ng", "FirstName": "Bo", "LastName": "Ng", "EmailAddress": "bo@example.com"}
    contact = firm.in_xero("Contacts", **known)
    firm.later()
    buys(firm, "Second return", "Boris", "Nguyen", PersonEmail="bo@example.com")
    entry = firm.waiting("Second return")["contact_similar"]
    assert "'B. Ng' (same e-mail address)" in entry.cause

    firm.desk.link(entry.id)
    firm.sync()

    assert firm.invoice_of("Second return")["Contact"]["ContactID"] == contact["ContactID"]
