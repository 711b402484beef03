"""People at a customer: Salesforce contacts and a Xero contact's persons, both ways, and nobody is ever deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crossfoot.core.errors import NeedsPerson
from crossfoot.core.records import Side
from crossfoot.engine.review.choices import choose
from crossfoot.store.queue import QueueEntry

from .business import URLS, Business, Stage
from .test_schema_drift import drift
from .test_two_way_records import merge_contacts

FLOW = """  people:
    when: "NOT(ISBLANK(Email))"
    primary: "Title = 'Owner'"
    fields: {FirstName: FirstName, LastName: LastName, Email: Email}
  products:"""


class Customer:
    """One linked customer, with its people on both sides."""

    def __init__(self, firm: Business) -> None:
        self.firm = firm
        contacts = {c["ContactNumber"]: c for c in firm.contacts() if c.get("ContactNumber")}
        rows = firm.soql("SELECT Id, Name FROM Account ORDER BY Id")
        self.account_id, self.contact_id = next(
            (r["Id"], contacts[r["Id"]]["ContactID"]) for r in rows if r["Id"] in contacts
        )

    def hire(self, first: str, last: str, email: str = "", **fields: Any) -> str:
        """Sales add a contact to the account."""
        row = {"AccountId": self.account_id, "FirstName": first, "LastName": last, "Email": email or None, **fields}
        contact_id: str = self.firm.office.salesforce("POST", "/sobjects/Contact", row)["id"]
        return contact_id

    def in_salesforce(self, contact_id: str) -> dict[str, Any]:
        [row] = self.firm.soql(f"SELECT FirstName, LastName, Email FROM Contact WHERE Id = '{contact_id}'")
        return row

    @property
    def in_xero(self) -> dict[str, Any]:
        return self.firm.contact(self.contact_id)

    @property
    def persons(self) -> list[tuple[str, str, str, bool]]:
        """The contact's persons in Xero."""
        members = ("FirstName", "LastName", "EmailAddress", "IncludeInEmails")
        return [tuple(person.get(name, "") for name in members) for person in self.in_xero["ContactPersons"]]

    def write_persons(self, *persons: tuple[str, str, str]) -> None:
        """Finance edit the list in Xero."""
        rows = [{"FirstName": first, "LastName": last, "EmailAddress": email} for first, last, email in persons]
        self.firm.in_xero("Contacts", ContactID=self.contact_id, ContactPersons=rows)

    def waiting(self) -> dict[str, QueueEntry]:
        return {e.code: e for e in self.firm.desk.entries(ignored=True) if e.record.id == self.account_id}

    def settle(self) -> None:
        """Sync, and find nothing more to do."""
        self.firm.sync()
        self.firm.later()
        again = self.firm.sync()
        assert (again.agreed.writes, again.queue_opened, again.queue_closed) == (0, 0, 0)
        self.firm.later()


@pytest.fixture(scope="session")
def peopled_stage(shared_stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Customers kept in agreement, and their people with them."""
    firm = Business(shared_stage, tmp_path_factory.mktemp("peopled"))
    firm.set("  products:", FLOW)
    for _ in range(3):
        firm.sync()
        firm.later()
    return firm.freeze()


@pytest.fixture
def customer(peopled_stage: Stage, tmp_path: Path) -> Iterator[Customer]:
    firm = Business(peopled_stage, tmp_path)
    yield Customer(firm)
    firm.close()


@pytest.mark.promise("S1-33", "S1-36", "S3-21", "S0-59", "S1-51")
def test_a_contact_becomes_a_person_of_its_customer_once(customer: Customer) -> None:
    customer.hire("Ann", "Lee", "ann@example.com")
    customer.settle()
    assert customer.persons == [("Ann", "Lee", "ann@example.com", False)]


def test_a_plan_calls_a_person_by_name(customer: Customer) -> None:
    customer.hire("Ann", "Lee", "ann@example.com")
    [change] = customer.firm.plan_in_full()["changes"]
    assert change["parts"] == ["FirstName of Ann Lee", "LastName of Ann Lee", "Email of Ann Lee"]


@pytest.mark.promise("S1-24", "S1-33")
def test_an_e_mail_changed_in_salesforce_reaches_xero_and_one_changed_in_xero_reaches_salesforce(
    customer: Customer,
) -> None:
    ann, bo = customer.hire("Ann", "Lee", "ann@example.com"), customer.hire("Bo", "Ng", "bo@example.com")
    customer.settle()
    customer.firm.edit("Contact", ann, Email="a.lee@example.com")
    customer.write_persons(("Ann", "Lee", "ann@example.com"), ("Bo", "Ng", "b.ng@example.com"))

    customer.settle()

    assert [email for *_, email, _ in customer.persons] == ["a.lee@example.com", "b.ng@example.com"]
    assert customer.in_salesforce(bo)["Email"] == "b.ng@example.com"


@pytest.mark.promise("S1-36")
def test_the_primary_person_is_the_contact_itself(customer: Customer) -> None:
    owner = customer.hire("Kim", "Oda", "kim@example.com", Title="Owner")
    customer.settle()
    assert (customer.in_xero["FirstName"], customer.in_xero["LastName"]) == ("Kim", "Oda")
    assert customer.persons == []
    customer.firm.in_xero("Contacts", ContactID=customer.contact_id, LastName="Oda-Smith")
    customer.settle()
    assert customer.in_salesforce(owner)["LastName"] == "Oda-Smith"


def test_two_changes_of_one_name_wait_and_a_choice_settles_them(customer: Customer) -> None:
    ann = customer.hire("Ann", "Lee", "ann@example.com")
    customer.settle()
    customer.firm.edit("Contact", ann, LastName="Leigh")
    customer.write_persons(("Ann", "Li", "ann@example.com"))
    customer.firm.sync()
    entry = customer.waiting()["field_conflict"]
    assert "LastName of Ann Leigh: Salesforce has 'Leigh'" in entry.cause

    with pytest.raises(NeedsPerson, match="LastName of Ann Leigh"):
        choose(customer.firm.desk, entry.id, Side.SALESFORCE, "LastName")
    _, fields = choose(customer.firm.desk, entry.id, Side.SALESFORCE, "LastName of Ann Leigh")
    customer.firm.later()
    customer.settle()

    assert fields == {"LastName of Ann Leigh": f"{ann} LastName"}
    assert customer.persons == [("Ann", "Leigh", "ann@example.com", False)]


@pytest.mark.parametrize("last", ["Salesforce", "Xero"])
def test_of_two_changes_of_a_name_the_later_goes_by_when_the_person_was_saved(customer: Customer, last: str) -> None:
    """When the account itself was saved says nothing of that."""
    customer.firm.set("LastName: LastName,", "LastName: {from: LastName, owner: newest},")
    ann = customer.hire("Ann", "Lee", "ann@example.com")
    customer.settle()
    edits: list[Callable[[], object]] = [
        lambda: customer.write_persons(("Ann", "Leung", "ann@example.com")),
        lambda: customer.firm.edit("Contact", ann, LastName="Leigh"),
    ]
    for edit in edits if last == "Salesforce" else reversed(edits):
        edit()
        customer.firm.later()
    if last == "Xero":
        customer.firm.edit("Account", customer.account_id, Description="no matter of hers")

    customer.settle()

    later = "Leigh" if last == "Salesforce" else "Leung"
    assert customer.persons == [("Ann", later, "ann@example.com", False)]
    assert customer.in_salesforce(ann)["LastName"] == later


def test_a_conflict_is_told_by_the_name_that_the_person_has_now(customer: Customer) -> None:
    ann = customer.hire("Ann", "Lee", "ann@example.com")
    customer.settle()
    customer.firm.edit("Contact", ann, LastName="Leigh")
    customer.write_persons(("Ann", "Li", "ann@example.com"))
    customer.firm.sync()
    customer.firm.edit("Contact", ann, FirstName="Anna")
    customer.firm.later()
    customer.settle()
    entry = customer.waiting()["field_conflict"]
    assert "LastName of Anna Leigh: Salesforce has" in entry.cause
    choose(customer.firm.desk, entry.id, Side.SALESFORCE, "LastName of Anna Leigh")


def test_of_two_of_one_name_each_is_called_by_the_id_as_well(customer: Customer) -> None:
    ids = [customer.hire("Ann", "Lee", f"ann{number}@example.com") for number in range(2)]
    customer.settle()
    for contact_id in ids:
        customer.firm.edit("Contact", contact_id, LastName="Leigh")
    customer.write_persons(("Ann", "Li", "ann0@example.com"), ("Ann", "Lo", "ann1@example.com"))
    customer.firm.sync()
    entry = customer.waiting()["field_conflict"]
    with pytest.raises(NeedsPerson, match="LastName of Ann Leigh does not wait"):
        choose(customer.firm.desk, entry.id, Side.XERO, "LastName of Ann Leigh")
    hers = f"LastName of Ann Leigh ({ids[1]})"
    assert f"{hers}: Salesforce has 'Leigh'" in entry.cause
    choose(customer.firm.desk, entry.id, Side.XERO, hers)
    customer.firm.later()
    customer.settle()
    assert [customer.in_salesforce(each)["LastName"] for each in ids] == ["Leigh", "Lo"]


def test_somebody_taken_away_on_one_side_stays_on_the_other(customer: Customer) -> None:
    ann, bo = customer.hire("Ann", "Lee", "ann@example.com"), customer.hire("Bo", "Ng", "bo@example.com")
    customer.settle()
    customer.firm.office.salesforce("DELETE", f"/sobjects/Contact/{ann}")
    customer.write_persons(("Ann", "Lee", "ann@example.com"))

    report = customer.firm.sync()

    assert report.agreed.writes == 0
    assert customer.in_salesforce(bo)["Email"] == "bo@example.com"
    assert [first for first, *_ in customer.persons] == ["Ann"]
    assert {"person_gone", "person_unknown"} <= set(customer.waiting())


def test_a_person_known_to_xero_only_is_told_and_becomes_one_with_a_contact_of_that_e_mail(customer: Customer) -> None:
    customer.write_persons(("Cy", "Roe", "cy@example.com"))
    customer.settle()
    assert "Cy Roe" in customer.waiting()["person_unknown"].cause
    customer.hire("Cyrus", "Roe", "cy@example.com")
    customer.firm.sync()
    assert len(customer.persons) == 1
    assert "FirstName of Cyrus Roe" in customer.waiting()["field_conflict"].cause
    assert "person_unknown" not in customer.waiting()


def test_xero_has_room_for_five(customer: Customer) -> None:
    for number in range(6):
        customer.hire("Ann", f"Lee{number}", f"ann{number}@example.com")
    customer.settle()
    assert len(customer.persons) == 5
    assert (
        "five" in customer.waiting()["person_no_room"].cause
        or "5 persons" in customer.waiting()["person_no_room"].cause
    )


@pytest.mark.promise("S1-25")
def test_a_contact_that_changes_its_company_is_added_there_and_stays_where_it_was(customer: Customer) -> None:
    ann = customer.hire("Ann", "Lee", "ann@example.com")
    customer.settle()
    numbers = {c["ContactNumber"]: c["ContactID"] for c in customer.firm.contacts() if c.get("ContactNumber")}
    [other] = [account for account in sorted(numbers) if account != customer.account_id][:1]
    customer.firm.edit("Contact", ann, AccountId=other)
    customer.settle()
    [moved] = customer.firm.contact(numbers[other])["ContactPersons"]
    assert moved["EmailAddress"] == "ann@example.com"
    assert [first for first, *_ in customer.persons] == ["Ann"]


def test_the_people_of_a_contact_that_was_merged_are_added_to_the_one_that_stands(customer: Customer) -> None:
    customer.hire("Ann", "Lee", "ann@example.com")
    customer.settle()
    zoe = {"FirstName": "Zoe", "LastName": "Poe", "EmailAddress": "zoe@example.com"}
    [stands] = customer.firm.office.xero("PUT", "Contacts", [{"Name": "The One That Stands", "ContactPersons": [zoe]}])
    merge_contacts(customer.firm, stands["ContactID"], customer.contact_id)
    customer.settle()
    customer.contact_id = stands["ContactID"]
    assert [first for first, *_ in customer.persons] == ["Zoe", "Ann"]
    assert list(customer.waiting()) == ["person_unknown"]


def test_what_was_told_of_somebody_is_over_once_they_moved_to_another_company(customer: Customer) -> None:
    ids = [customer.hire("Ann", f"Lee{number}", f"ann{number}@example.com") for number in range(6)]
    customer.settle()
    assert "Ann Lee5" in customer.waiting()["person_no_room"].cause
    [other] = customer.firm.soql(f"SELECT Id FROM Account WHERE Id != '{customer.account_id}' ORDER BY Id LIMIT 1")
    customer.firm.edit("Contact", ids[5], AccountId=other["Id"])
    customer.settle()
    assert not customer.waiting()

    customer.firm.edit("Contact", ids[0], AccountId=other["Id"])
    customer.settle()
    assert customer.waiting()["person_unknown"].cause == "Ann Lee0 ann0@example.com"


def test_somebody_of_whom_it_cannot_be_told_whether_they_count_keeps_their_place_and_is_named(
    customer: Customer,
) -> None:
    customer.firm.set('"NOT(ISBLANK(Email))"', '"VALUE(Department) > 1"')
    ann = customer.hire("Ann", "Lee", "ann@example.com", Department="2")
    customer.settle()
    customer.firm.edit("Contact", ann, Department="two", LastName="Leigh")
    customer.hire("Bo", "Ng", "bo@example.com", Department="many")
    customer.settle()
    assert customer.persons == [("Ann", "Lee", "ann@example.com", False)]
    assert list(customer.waiting()) == ["field_unreadable"]
    assert all(name in customer.waiting()["field_unreadable"].cause for name in ("Ann Leigh: ", "Bo Ng: "))

    customer.firm.edit("Contact", ann, Department="3")
    customer.settle()
    assert customer.persons == [("Ann", "Leigh", "ann@example.com", False)]
    assert "Ann" not in customer.waiting()["field_unreadable"].cause


@pytest.mark.promise("S1-78", "S1-82")
def test_only_contacts_that_the_rule_names_go(customer: Customer) -> None:
    customer.hire("Dee", "Fox")
    assert customer.firm.sync().agreed.writes == 0
    assert customer.persons == []


def test_somebody_without_an_e_mail_is_added_by_name_and_followed(customer: Customer) -> None:
    customer.firm.set('"NOT(ISBLANK(Email))"', '"TRUE"')
    dee = customer.hire("Dee", "Fox")
    customer.settle()
    assert customer.persons == [("Dee", "Fox", "", False)]
    assert not customer.waiting()

    customer.firm.edit("Contact", dee, Email="dee@example.com")
    customer.settle()
    assert customer.persons == [("Dee", "Fox", "dee@example.com", False)]


def test_namesakes_without_an_e_mail_are_each_added_once(customer: Customer) -> None:
    customer.firm.set('"NOT(ISBLANK(Email))"', '"TRUE"')
    customer.hire("Dee", "Fox")
    customer.hire("Dee", "Fox")
    customer.settle()
    assert customer.persons == [("Dee", "Fox", "", False)] * 2
    assert not customer.waiting()


def test_somebody_with_one_name_only_is_added_and_taken_away_is_gone(customer: Customer) -> None:
    customer.firm.set('"NOT(ISBLANK(Email))"', '"TRUE"')
    customer.hire("", "Prince")
    customer.settle()
    assert customer.persons == [("", "Prince", "", False)]
    customer.write_persons(("Bo", "Ng", "bo@example.com"))
    customer.settle()
    assert [first for first, *_ in customer.persons] == ["Bo"]
    assert "Prince" in customer.waiting()["person_gone"].cause


def test_who_opted_out_of_e_mail_is_sent_no_invoices(customer: Customer) -> None:
    rule = "{from: 'NOT(HasOptedOutOfEmail)', owner: salesforce}"
    customer.firm.set("Email: Email}", f"Email: Email, IncludeInEmails: {rule}}}")
    customer.hire("Ann", "Lee", "ann@example.com")
    customer.hire("Bo", "Ng", "bo@example.com", HasOptedOutOfEmail=True)

    customer.settle()

    assert sorted(customer.persons) == [("Ann", "Lee", "ann@example.com", True), ("Bo", "Ng", "bo@example.com", False)]


def test_a_field_of_contacts_that_is_not_seen_pauses_people_and_no_invoice(customer: Customer) -> None:
    firm = customer.firm
    customer.hire("Jo", "Park", "jo@park.example")
    customer.settle()
    persons = customer.persons
    firm.set("Email: Email}", "Email: Work_Email__c}")
    customer.write_persons(("Jo", "Park", "accounts@park.example"))
    [account] = firm.soql(f"SELECT Name FROM Account WHERE Id = '{customer.account_id}'")
    firm.win("Advice", account["Name"], [], Amount=10)

    report = firm.sync()

    assert (report.applied.created, report.agreed.writes) == (1, 0)
    assert list(drift(firm)) == ["Contact.Work_Email__c"]
    firm.set("Email: Work_Email__c}", "Email: Email}")
    firm.later()
    customer.settle()
    assert not drift(firm)
    assert persons != customer.persons
    assert {row["Email"] for row in firm.soql("SELECT Email FROM Contact WHERE Name = 'Jo Park'")} == {
        "accounts@park.example"
    }


def test_what_salesforce_refused_of_a_person_is_told_again_when_asked(customer: Customer) -> None:
    ann = customer.hire("Ann", "Lee", "ann@example.com")
    customer.settle()
    rule = {"object": "Contact", "name": "One_name", "condition": "LastName = 'Lee-Ng'", "message": "No hyphens"}
    address = f"{URLS['salesforce']}/control/validation-rule"
    customer.firm.post(address, {**rule, "active": True})
    customer.write_persons(("Ann", "Lee-Ng", "ann@example.com"))
    customer.firm.sync()
    customer.firm.later()
    assert "No hyphens" in customer.waiting()["field_refused"].vendor_text

    customer.firm.post(address, {**rule, "active": False})
    customer.firm.desk.retry(customer.waiting()["field_refused"].id)
    customer.settle()

    assert customer.in_salesforce(ann)["LastName"] == "Lee-Ng"
    assert not customer.waiting()


def test_spaces_that_xero_keeps_in_a_name_are_no_change(customer: Customer) -> None:
    ann = customer.hire("Ann", "Lee", "ann@example.com")
    kim = customer.hire("Kim", "Oda", "kim@example.com", Title="Owner")
    customer.settle()
    customer.firm.in_xero("Contacts", ContactID=customer.contact_id, LastName="Oda  Ng ")
    customer.write_persons((" Ann", "Lee  Ng ", "ann@example.com"))
    customer.settle()
    assert [customer.in_salesforce(each)["LastName"] for each in (ann, kim)] == ["Lee Ng", "Oda Ng"]
    assert not customer.waiting()


def test_who_becomes_the_primary_person_is_not_renamed_to_who_was(customer: Customer) -> None:
    kim = customer.hire("Kim", "Oda", "kim@example.com", Title="Owner")
    lou = customer.hire("Lou", "Ray", "lou@example.com")
    customer.settle()
    for contact_id, title in ((kim, "Retired"), (lou, "Owner")):
        customer.firm.edit("Contact", contact_id, Title=title)

    customer.settle()

    assert [customer.in_salesforce(each)["LastName"] for each in (kim, lou)] == ["Oda", "Ray"]
    assert (customer.in_xero["LastName"], customer.persons) == ("Oda", [("Lou", "Ray", "lou@example.com", False)])
    assert {code: entry.cause for code, entry in customer.waiting().items()} == {"person_not_primary": "Lou Ray"}

    own = {"FirstName": "Lou", "LastName": "Ray", "EmailAddress": "lou@example.com"}
    customer.firm.in_xero("Contacts", ContactID=customer.contact_id, **own)
    customer.write_persons(("Kim", "Oda", "kim@example.com"))
    customer.firm.edit("Contact", lou, LastName="Roe")
    customer.settle()
    assert (customer.in_xero["LastName"], customer.persons) == ("Roe", [("Kim", "Oda", "kim@example.com", False)])
    assert not customer.waiting()


def test_a_new_primary_person_leaves_the_one_who_was_in_place(customer: Customer) -> None:
    kim = customer.hire("Kim", "Oda", "kim@example.com", Title="Owner")
    customer.settle()
    customer.firm.edit("Contact", kim, Title="Retired", LastName="Oda-Smith")
    customer.hire("Lou", "Ray", "lou@example.com", Title="Owner")
    customer.settle()
    assert (customer.in_xero["LastName"], customer.persons) == ("Oda-Smith", [("Lou", "Ray", "lou@example.com", False)])
    assert list(customer.waiting()) == ["person_not_primary"]


def test_of_two_primary_persons_one_stands_there_and_the_other_beside(customer: Customer) -> None:
    for first, last in (("Kim", "Oda"), ("Lou", "Ray")):
        customer.hire(first, last, f"{first}@example.com".lower(), Title="Owner")
    customer.settle()
    assert (customer.in_xero["LastName"], customer.persons) == ("Oda", [("Lou", "Ray", "lou@example.com", False)])
    assert customer.waiting()["person_not_primary"].cause == "Lou Ray"


def test_who_is_named_primary_no_more_is_followed_there_until_somebody_else_is(customer: Customer) -> None:
    kim = customer.hire("Kim", "Oda", "kim@example.com", Title="Owner")
    customer.settle()
    customer.firm.edit("Contact", kim, Title="Retired")
    customer.settle()
    customer.firm.edit("Contact", kim, LastName="Oda-Smith")
    customer.settle()
    assert (customer.in_xero["LastName"], customer.persons) == ("Oda-Smith", [])
    customer.firm.in_xero("Contacts", ContactID=customer.contact_id, EmailAddress="smith@example.com")
    customer.settle()
    assert customer.in_salesforce(kim)["Email"] == "smith@example.com"
    assert not customer.waiting()


@pytest.mark.parametrize("email", ["zed@example.com", "kim@example.com"], ids=["a stranger", "of the others"])
def test_another_person_whom_finance_make_primary_is_not_who_was(customer: Customer, email: str) -> None:
    kim = customer.hire("Kim", "Oda", "kim@example.com", Title="Owner")
    if email == "kim@example.com":
        customer.hire("Zed", "Poe", "zed@example.com")
    customer.settle()
    own = {"FirstName": "Zed", "LastName": "Poe", "EmailAddress": email}
    customer.firm.in_xero("Contacts", ContactID=customer.contact_id, **own)
    customer.settle()
    assert customer.in_salesforce(kim)["LastName"] == "Oda"
    told = {code: entry.cause for code, entry in customer.waiting().items()}
    assert told == {"person_gone": "Kim Oda", "person_unknown": f"Zed Poe {email}"}


def test_who_follows_another_as_the_primary_person_is_followed_there(customer: Customer) -> None:
    kim = customer.hire("Kim", "Oda", "kim@example.com", Title="Owner")
    customer.settle()
    own = {"FirstName": "Zed", "LastName": "Poe", "EmailAddress": "zed@example.com"}
    customer.firm.in_xero("Contacts", ContactID=customer.contact_id, **own)
    customer.firm.edit("Contact", kim, Title="Retired")
    zed = customer.hire("Zed", "Poe", "zed@example.com", Title="Owner")
    customer.settle()
    customer.firm.edit("Contact", zed, LastName="Po")
    customer.settle()
    assert (customer.in_xero["LastName"], customer.in_salesforce(kim)["LastName"]) == ("Po", "Oda")
    assert list(customer.waiting()) == ["person_gone"]


def test_of_two_contacts_with_one_e_mail_each_is_who_says_the_same(customer: Customer) -> None:
    customer.write_persons(("Bo", "Ng", "info@example.com"))
    ann = customer.hire("Ann", "Lee", "info@example.com")
    bo = customer.hire("Bo", "Ng", "info@example.com")
    customer.settle()
    assert [first for first, *_ in customer.persons] == ["Bo", "Ann"]
    assert [customer.in_salesforce(each)["FirstName"] for each in (ann, bo)] == ["Ann", "Bo"]
    assert not customer.waiting()


def test_who_was_taken_for_another_of_one_e_mail_is_added_once_that_one_is_known(customer: Customer) -> None:
    customer.write_persons(("Bo", "Ng", "info@example.com"))
    customer.hire("Ann", "Lee", "info@example.com")
    customer.settle()
    assert "field_conflict" in customer.waiting()
    customer.hire("Bo", "Ng", "info@example.com")
    customer.settle()
    assert customer.persons == [("Bo", "Ng", "info@example.com", False), ("Ann", "Lee", "info@example.com", False)]
    assert not customer.waiting()


@pytest.mark.parametrize("hers_now", ["ann@example.com", "bo@example.com"], ids=["given away", "exchanged"])
def test_an_address_that_finance_give_to_another_person_makes_nobody_that_person(
    customer: Customer, hers_now: str
) -> None:
    ann, bo = customer.hire("Ann", "Lee", "info@example.com"), customer.hire("Bo", "Ng", "bo@example.com")
    customer.settle()
    customer.write_persons(("Ann", "Lee", hers_now), ("Bo", "Ng", "info@example.com"))
    customer.settle()
    said = [(row["FirstName"], row["Email"]) for row in map(customer.in_salesforce, (ann, bo))]
    assert said == [("Ann", hers_now), ("Bo", "info@example.com")]
    assert not customer.waiting()


def test_a_rule_that_changes_counts_for_those_who_were_read_before(customer: Customer) -> None:
    customer.hire("Dee", "Fox")
    customer.settle()
    customer.firm.set('"NOT(ISBLANK(Email))"', '"TRUE"')
    customer.settle()
    assert customer.persons == [("Dee", "Fox", "", False)]


@pytest.mark.parametrize("whole", [False, True], ids=["people", "their customers too"])
def test_what_was_asked_is_over_with_the_flow_that_asked(customer: Customer, *, whole: bool) -> None:
    customer.write_persons(("Cy", "Roe", "cy@example.com"))
    customer.settle()
    assert "person_unknown" in customer.waiting()
    customer.firm.set(FLOW, "  products:")
    if whole:
        customer.firm.set("salesforce: Account\n    direction: both ", "salesforce: Account\n    direction: create ")
    customer.firm.sync()
    assert not customer.waiting()
    customer.firm.later()
    customer.settle()


def test_after_an_old_copy_nobody_is_entered_twice_where_a_person_stands_under_another_name_and_address(
    customer: Customer,
) -> None:
    """The copy is from before she was entered, and both sides wrote about her since: all that is sure is that somebody
    stands there whom nobody knows."""
    copy = customer.firm.freeze().database
    ann = customer.hire("Ann", "Lee", "ann@example.com")
    customer.settle()
    customer.firm.edit("Contact", ann, LastName="Leigh")
    customer.write_persons(("Ann", "Lee", "accounts@example.com"))

    customer.firm.fall_back(copy)

    assert customer.persons == [("Ann", "Lee", "accounts@example.com", False)]
    assert customer.waiting().keys() == {"person_gone", "person_unknown"}
    customer.write_persons(("Ann", "Leigh", "accounts@example.com"))
    customer.settle()
    customer.settle()
    assert "person_gone" not in customer.waiting()
    assert customer.in_salesforce(ann)["LastName"] == "Leigh"
    assert [last for _, last, *_ in customer.persons] == ["Leigh"]


def test_after_an_old_copy_a_person_who_was_hired_since_is_still_entered(customer: Customer) -> None:
    copy = customer.firm.freeze().database
    customer.hire("Ann", "Lee", "ann@example.com")
    customer.settle()
    customer.hire("Bo", "Ng", "bo@example.com")

    customer.firm.fall_back(copy)

    assert [name for name, *_ in customer.persons] == ["Ann", "Bo"]
    assert customer.waiting() == {}
