"""The planted cases 1 to 8 of the demo business: which wins go, and to which customer."""

from __future__ import annotations

from decimal import Decimal

import pytest

from crossfoot.core.errors import NeedsPerson
from crossfoot.core.records import Side
from crossfoot.emulators.scenarios.demo_cases import case
from crossfoot.engine.review.unlink import unlink

from .business import Business


def dec(text: str) -> Decimal:
    return Decimal(text)


def test_case_01_wins_before_the_start_date_are_left_alone(connected: Business) -> None:
    """Two wins of 8,600.00 and 1,920.00 lie before 1 October; finance invoiced the first by hand, nobody the second."""
    by_hand, forgotten = case(1).deal_names
    ledger_before = {invoice["InvoiceID"]: invoice for invoice in connected.invoices()}
    early = connected.soql("SELECT Amount FROM Opportunity WHERE IsWon = true AND CloseDate < 2026-10-01")
    worth = sum((row["Amount"] for row in early), Decimal(0))

    words = connected.plan_in_words()
    connected.sync()

    assert f"{len(early)} earlier wins are left alone (AUD {worth:,.2f})" in words
    assert connected.invoices_of(by_hand) == connected.invoices_of(forgotten) == []
    assert connected.deal(forgotten)["Xero_Status__c"] is None
    after = {invoice["InvoiceID"]: invoice for invoice in connected.invoices()}
    assert all(after[invoice_id] == invoice for invoice_id, invoice in ledger_before.items())


@pytest.mark.parametrize("number", [0, 1], ids=["same customer and total", "the deal's number in the reference"])
def test_case_02_a_win_invoiced_by_hand_waits_and_shows_that_invoice(synced: Business, number: int) -> None:
    name, shown = case(2).deal_names[number], ("INV-0096", "INV-0098")[number]

    entry = synced.waiting(name)["already_invoiced"]

    assert shown in entry.cause
    assert synced.invoices_of(name) == []


def test_case_02_linking_mirrors_the_invoice_by_hand_and_never_makes_a_second(synced: Business) -> None:
    """Finance had invoiced 9,800.00 as INV-0096 by hand; the controller links it to the deal."""
    [name, _] = case(2).deal_names
    count = len(synced.invoices())
    synced.desk.link(synced.waiting(name)["already_invoiced"].id)
    synced.later()

    synced.sync()
    synced.sync()

    deal = synced.deal(name)
    assert (deal["Xero_Invoice_Number__c"], deal["Xero_Status__c"]) == ("INV-0096", "Authorised")
    assert (deal["Xero_Subtotal__c"], deal["Xero_Total__c"]) == (dec("9800.00"), dec("10780.00"))
    assert len(synced.invoices()) == count
    assert "already_invoiced" not in synced.waiting(name)
    assert "INV-0096" not in [stranger.number for stranger in synced.tie_out().result.in_xero_only]


def test_case_02_a_win_told_apart_from_the_invoice_by_hand_gets_its_own(synced: Business) -> None:
    [name, _] = case(2).deal_names
    synced.desk.not_same(synced.waiting(name)["already_invoiced"].id)
    synced.later()

    synced.sync()

    assert synced.invoice_of(name)["SubTotal"] == dec("9800.00")


def test_case_02_a_deal_that_was_linked_to_a_wrong_invoice_gets_its_own_once_that_is_taken_back(
    synced: Business,
) -> None:
    [name, _] = case(2).deal_names
    entry = synced.waiting(name)["already_invoiced"]
    _, wrong = synced.desk.link(entry.id)
    synced.later()
    synced.sync()
    assert synced.deal(name)["Xero_Invoice_Number__c"] == "INV-0096"

    unlink(synced.desk, entry.id)
    synced.later()
    synced.sync()

    own = synced.invoice_of(name)
    assert own["InvoiceNumber"] == f"SF-{synced.deal(name)['Deal_Number__c']}"
    assert synced.deal(name)["Xero_Invoice_Number__c"] == own["InvoiceNumber"]
    [row] = synced.soql(f"SELECT Opportunity__c FROM Xero_Invoice__c WHERE Invoice_Id__c = '{wrong}'")
    assert row["Opportunity__c"] is None
    assert synced.waiting(name) == {}
    assert [event.action for event in synced.history(name) if "link" in event.action] == ["queue link", "queue unlink"]


def test_case_02_who_told_the_invoice_by_hand_apart_by_mistake_is_asked_again(synced: Business) -> None:
    [name, _] = case(2).deal_names
    synced.desk.not_same(synced.waiting(name)["already_invoiced"].id)
    synced.sync()
    synced.in_xero("Invoices", InvoiceID=synced.invoice_of(name)["InvoiceID"], Status="DELETED")
    synced.later()
    synced.sync()

    synced.desk.retry(synced.waiting(name)["invoice_voided"].id)
    synced.later()
    assert synced.sync().applied.created == 0
    synced.desk.link(synced.waiting(name)["already_invoiced"].id)
    synced.later()
    synced.sync()

    assert (synced.waiting(name), synced.deal(name)["Xero_Invoice_Number__c"]) == ({}, "INV-0096")


@pytest.mark.promise("S1-38")
def test_case_03_same_name_other_abn_makes_two_contacts_told_apart_readably(synced: Business) -> None:
    """Both accounts are called Meridian Partners; the second has no account number, so its suffix is from its id."""
    sydney, perth = case(3).deal_names
    first, second = (synced.invoice_of(name)["Contact"]["ContactID"] for name in (sydney, perth))

    assert first != second
    assert synced.contact(first)["Name"] == "Meridian Partners"
    account_id = synced.deal(perth)["AccountId"]
    assert synced.contact(second)["Name"] == f"Meridian Partners ({account_id[-6:]})"
    names = synced.soql("SELECT Name FROM Account WHERE Name LIKE 'Meridian%'")
    assert [row["Name"] for row in names] == ["Meridian Partners", "Meridian Partners"]


@pytest.mark.promise("S0-06")
def test_case_04_same_name_and_same_abn_waits_on_both_sides(synced: Business) -> None:
    showroom, warehouse = case(4).deal_names

    assert "contact_same_tax_number" in synced.waiting(showroom)
    assert "contact_same_tax_number" in synced.waiting(warehouse)
    assert not [contact for contact in synced.contacts() if contact["Name"].startswith("Blue Gum")]
    accounts = {row["Id"] for row in synced.soql("SELECT Id FROM Account WHERE Name LIKE 'Blue Gum%'")}
    for deal_name in (showroom, warehouse):
        entry = synced.waiting(deal_name)["contact_same_tax_number"]
        assert "ABN" in entry.cause
        assert {each.id for each in entry.related} & accounts
        assert entry.fix.startswith("Merge the accounts in Salesforce")


@pytest.mark.promise("S0-17", "S3-20")
def test_case_05_the_same_abn_links_another_spelling_and_shows_why(synced: Business) -> None:
    """Salesforce says Kirrawee Engineering Pty Ltd, Xero Kirawee Eng. P/L; both carry ABN 97 100 200 306."""
    name = case(5).deal_names[0]
    invoice = synced.invoice_of(name)

    contact = synced.contact(invoice["Contact"]["ContactID"])

    assert contact["Name"] == "Kirawee Eng. P/L"
    reasons = [str(event.body.get("reason", "")) for event in synced.history(name)]
    assert any("same ABN 97100200306, in Xero as 'Kirawee Eng. P/L'" in reason for reason in reasons)
    [account] = synced.soql("SELECT Xero_Contact_Id__c FROM Account WHERE Name = 'Kirrawee Engineering Pty Ltd'")
    assert account["Xero_Contact_Id__c"] == contact["ContactID"]


@pytest.mark.promise("S0-71")
def test_case_05_a_similar_name_alone_waits(synced: Business) -> None:
    name = case(5).deal_names[1]

    entry = synced.waiting(name)["contact_similar"]

    assert "Saltbush Creative Studio" in entry.cause
    assert synced.invoices_of(name) == []


def test_case_05_a_person_says_that_the_similar_name_is_the_customer(synced: Business) -> None:
    name = case(5).deal_names[1]
    synced.desk.link(synced.waiting(name)["contact_similar"].id)
    synced.later()

    synced.sync()

    assert synced.invoice_of(name)["Contact"]["Name"] == "Saltbush Creative Studio"
    assert not [contact for contact in synced.contacts() if contact["Name"] == "Saltbush Creative"]


def test_case_05_a_wrong_link_is_taken_back_and_the_deals_go_to_a_customer_of_their_own(synced: Business) -> None:
    name = case(5).deal_names[1]
    entry = synced.waiting(name)["contact_similar"]
    _, wrong = synced.desk.link(entry.id)
    synced.later()
    synced.sync()
    account_id, draft = synced.deal(name)["AccountId"], synced.invoice_of(name)
    assert draft["Contact"]["ContactID"] == wrong

    done = unlink(synced.desk, entry.id)
    assert done.invoices == (draft["InvoiceNumber"],)
    assert "AccountNumber" in done.told[Side.XERO]
    synced.in_xero("Contacts", ContactID=wrong, AccountNumber="")
    synced.later()
    assert synced.sync().applied.created == 0
    [account] = synced.soql(f"SELECT Xero_Contact_Id__c FROM Account WHERE Id = '{account_id}'")
    assert account["Xero_Contact_Id__c"] is None
    synced.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Status="DELETED")
    synced.later()
    synced.sync()
    synced.desk.retry(synced.waiting(name)["invoice_voided"].id)
    synced.later()
    synced.sync()

    [anew] = [each for each in synced.invoices_of(name) if each["Status"] == "DRAFT"]
    customer = synced.contact(anew["Contact"]["ContactID"])
    assert (customer["Name"], customer["ContactNumber"]) == ("Saltbush Creative", account_id)
    assert synced.waiting(name) == {}
    with pytest.raises(NeedsPerson, match="nothing is taken back"):
        unlink(synced.desk, entry.id)
    synced.later()
    assert synced.sync().writes == 0


def test_case_05_a_wrong_link_gives_way_to_the_right_one_though_the_wrong_one_has_its_abn_by_now(
    synced: Business,
) -> None:
    name = case(5).deal_names[1]
    entry, right = synced.waiting(name)["contact_similar"], synced.in_xero("Contacts", Name="Unlike any of these")
    synced.later()
    synced.sync()
    _, wrong = synced.desk.link(entry.id)
    synced.edit("Account", synced.deal(name)["AccountId"], ABN__c="51 824 753 556")
    synced.in_xero("Contacts", ContactID=wrong, TaxNumber="51824753556")

    unlink(synced.desk, entry.id, right["ContactID"])
    for _ in range(2):
        synced.later()
        synced.sync()

    assert synced.invoice_of(name)["Contact"]["ContactID"] == right["ContactID"]


def test_case_05_a_link_that_is_taken_back_while_a_run_plans_is_not_made_again_by_that_run(synced: Business) -> None:
    name = case(5).deal_names[1]
    entry = synced.waiting(name)["contact_similar"]
    synced.desk.link(entry.id)
    synced.later()
    synced.sync()
    [line] = synced.lines(name)
    synced.edit("OpportunityLineItem", line["Id"], UnitPrice=99)
    synced.later()

    synced.stand_still_at("commit customers begins", lambda: unlink(synced.desk, entry.id))

    synced.later()
    synced.sync()
    [account] = synced.soql(f"SELECT Xero_Contact_Id__c FROM Account WHERE Id = '{synced.deal(name)['AccountId']}'")
    assert account["Xero_Contact_Id__c"] is None


@pytest.mark.promise("U-07")
def test_case_06_an_archived_contact_holds_the_deal_until_it_is_restored(synced: Business) -> None:
    [name] = case(6).deal_names
    assert "archived in Xero" in synced.waiting(name)["contact_archived"].cause
    assert synced.waiting(name)["contact_archived"].fix.startswith("Restore the contact in Xero")
    [archived] = [contact for contact in synced.contacts() if contact["Name"] == "Old Mint Restorations"]

    synced.in_xero("Contacts", ContactID=archived["ContactID"], ContactStatus="ACTIVE")
    synced.later()
    synced.sync()

    invoice = synced.invoice_of(name)
    assert (invoice["Contact"]["ContactID"], invoice["SubTotal"]) == (archived["ContactID"], dec("2950.00"))
    assert synced.waiting(name) == {}


@pytest.mark.promise("S1-48")
def test_case_07_a_broken_abn_is_left_out_and_named_and_holds_nothing(synced: Business) -> None:
    """51 824 753 557 is one digit off: the invoice of 1,540.00 goes, the contact's tax number stays empty."""
    [name] = case(7).deal_names
    invoice = synced.invoice_of(name)

    assert invoice["SubTotal"] == dec("1540.00")
    assert not synced.contact(invoice["Contact"]["ContactID"]).get("TaxNumber")
    [warning] = [entry for entry in synced.desk.entries() if entry.code == "tax_number_invalid"]
    assert (warning.weight, warning.owner) == ("warning", "deal owner")
    assert "51 824 753 557" in warning.cause


@pytest.mark.promise("S1-47", "S1-48")
def test_case_07_the_tax_number_of_a_valid_abn_has_eleven_digits(synced: Business) -> None:
    invoice = synced.invoice_of(case(3).deal_names[0])
    assert synced.contact(invoice["Contact"]["ContactID"])["TaxNumber"] == "65100200303"


@pytest.mark.promise("U-30")
def test_case_08_a_deal_without_an_account_waits_for_its_owner(synced: Business) -> None:
    [name] = case(8).deal_names
    entry = synced.waiting(name)["no_account"]
    assert (entry.owner, entry.money.amount) == ("deal owner", dec("2350.00"))
    assert entry.owner_name
    assert entry.fix == "Fill Account Name on the opportunity."
    [account] = synced.soql("SELECT Id FROM Account WHERE AccountNumber = 'WOL-01'")

    synced.edit("Opportunity", synced.deal(name)["Id"], AccountId=account["Id"])
    synced.later()
    synced.sync()

    assert synced.invoice_of(name)["Contact"]["Name"] == "Wollemi Laboratories"
