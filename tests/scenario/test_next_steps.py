"""What an entry of the review queue says is to be done, done to the letter: it goes, and no deal is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crossfoot.core.errors import NeedsPerson
from crossfoot.emulators.scenarios.demo_cases import case
from crossfoot.engine.review.overrides import approve_override, edit_entry

from .business import Business

DEAL = "Stocktake of the new branch"


def see(firm: Business) -> set[str]:
    """Sync twice: what waits stays, and says why."""
    codes = []
    for _ in range(2):
        firm.later()
        firm.sync()
        codes.append(set(firm.waiting(DEAL)))
    firm.later()
    assert codes[0] == codes[1]
    return codes[0]


def sell(firm: Business, account: str = "") -> None:
    [known] = firm.soql("SELECT Account.Name FROM Opportunity WHERE Xero_Status__c = 'Draft' ORDER BY Name LIMIT 1")
    [product] = firm.soql("SELECT ProductCode FROM Product2 WHERE ProductCode != null AND IsActive = true LIMIT 1")
    line = {"code": product["ProductCode"], "Quantity": 1, "UnitPrice": 4321}
    firm.win(DEAL, account or known["Account"]["Name"], [line])


def key_by_hand(firm: Business, number: str, status: str = "AUTHORISED") -> dict[str, Any]:
    """Finance key an invoice of this number for somebody else."""
    customer = firm.in_xero("Contacts", Name="Nobody of whom Salesforce knows")
    line = {"Description": "By hand", "Quantity": 1, "UnitAmount": 5, "AccountCode": "200"}
    about = {"Type": "ACCREC", "InvoiceNumber": number, "Date": "2026-11-18", "DueDate": "2026-11-30"}
    contact = {"ContactID": customer["ContactID"]}
    [made] = firm.office.xero("PUT", "Invoices", [{**about, "Contact": contact, "Status": status, "LineItems": [line]}])
    return dict(made)


def test_a_deal_whose_number_is_taken_waits_until_the_other_invoice_is_renumbered(synced: Business) -> None:
    sell(synced)
    taken = key_by_hand(synced, f"SF-{synced.deal(DEAL)['Deal_Number__c']}")
    assert see(synced) == {"number_taken"}

    with pytest.raises(NeedsPerson, match="renumber"):
        synced.desk.not_same(synced.waiting(DEAL)["number_taken"].id)
    assert see(synced) == {"number_taken"}

    synced.in_xero("Invoices", InvoiceID=taken["InvoiceID"], InvoiceNumber="BY-HAND-1")
    assert see(synced) == set()
    assert synced.invoice_of(DEAL)["InvoiceNumber"] == taken["InvoiceNumber"]


def test_a_deal_whose_number_a_voided_invoice_has_is_billed_under_the_next_one(synced: Business) -> None:
    sell(synced)
    taken = key_by_hand(synced, f"SF-{synced.deal(DEAL)['Deal_Number__c']}")
    synced.in_xero("Invoices", InvoiceID=taken["InvoiceID"], Status="VOIDED")
    assert see(synced) == {"number_taken"}
    synced.desk.link(synced.waiting(DEAL)["number_taken"].id)
    assert see(synced) == {"invoice_voided"}
    synced.desk.retry(synced.waiting(DEAL)["invoice_voided"].id)
    assert see(synced) == set()
    assert synced.invoice_of(DEAL)["InvoiceNumber"] == f"{taken['InvoiceNumber']}-2"


def test_a_customer_that_is_another_accounts_already_is_billed_as_the_refused_answer_says(synced: Business) -> None:
    [known] = synced.soql("SELECT Account.Name FROM Opportunity WHERE Xero_Status__c = 'Draft' ORDER BY Name LIMIT 1")
    name = f"{known['Account']['Name']} Pty Ltd"
    synced.office.salesforce("POST", "/sobjects/Account", {"Name": name, "BillingCountry": "Australia"})
    sell(synced, name)
    assert see(synced) == {"contact_similar"}
    entry = synced.waiting(DEAL)["contact_similar"]
    with pytest.raises(NeedsPerson, match="bill this deal alone to it") as refused:
        synced.desk.link(entry.id)
    [contact] = [ref.id for ref in entry.related if f"--set contact={ref.id}" in str(refused.value)]
    edit_entry(synced.session(), entry.id, {"contact": contact}, "the same")
    assert see(synced) == {"override_stands"}
    assert synced.invoice_of(DEAL)["Contact"]["ContactID"] == contact


def test_a_customer_whose_account_number_another_contact_has_waits_with_xeros_own_words(synced: Business) -> None:
    synced.in_xero("Contacts", Name="Unlike any of these", AccountNumber="C-99")
    account = {"Name": "Wholly Other Traders", "AccountNumber": "C-99", "BillingCountry": "Australia"}
    synced.office.salesforce("POST", "/sobjects/Account", account)
    sell(synced, "Wholly Other Traders")
    assert see(synced) == {"refused_by_xero"}
    entry = synced.waiting(DEAL)["refused_by_xero"]
    assert entry.vendor_text == "The Account Number already exists. Please enter a different Account Number."


@pytest.mark.parametrize("closed", ["2026-11-18", "2026-12-01"])
def test_a_deal_on_both_sides_of_the_start_date_is_billed_as_its_entry_says(synced: Business, closed: str) -> None:
    synced.set("start_date: 2026-10-01", "start_date: 2026-11-25")
    if closed < "2026-11-25":
        synced.time.now = synced.time.now.replace(day=26)
    sell(synced)
    deal_id = synced.deal(DEAL)["Id"]
    synced.edit("Opportunity", deal_id, CloseDate=closed)
    synced.time.now = synced.time.now.replace(month=12, day=2)
    assert see(synced) == {"start_date_straddled"}
    fix = synced.waiting(DEAL)["start_date_straddled"].fix
    if "win it again" in fix:
        synced.edit("Opportunity", deal_id, StageName="Prospecting")
        synced.edit("Opportunity", deal_id, StageName="Closed Won")
    else:
        assert "to 2026-11-25 or later" in fix
        synced.edit("Opportunity", deal_id, CloseDate="2026-11-25")
    assert see(synced) == set()
    assert synced.invoice_of(DEAL)["SubTotal"] == 4321


def test_a_deal_told_apart_from_an_invoice_that_has_its_number_still_waits_for_the_number(synced: Business) -> None:
    sell(synced)
    number = synced.deal(DEAL)["Deal_Number__c"]
    taken = key_by_hand(synced, f"SF-{number}")
    synced.in_xero("Invoices", InvoiceID=taken["InvoiceID"], Reference=number)
    assert see(synced) == {"already_invoiced", "number_taken"}
    synced.desk.not_same(synced.waiting(DEAL)["already_invoiced"].id)
    assert see(synced) == {"number_taken"}


def test_branches_of_one_abn_that_are_told_apart_are_customers_of_their_own(synced: Business) -> None:
    showroom, warehouse = case(4).deal_names
    entry = synced.waiting(showroom)["contact_same_tax_number"]
    assert "`crossfoot queue not-same`" in entry.fix
    synced.desk.not_same(entry.id)
    for _ in range(2):
        synced.later()
        synced.sync()

    billed = [synced.contact(synced.invoice_of(deal)["Contact"]["ContactID"]) for deal in (showroom, warehouse)]
    assert billed[0]["ContactID"] != billed[1]["ContactID"]
    assert billed[0]["TaxNumber"] == billed[1]["TaxNumber"] != ""
    assert not synced.waiting(showroom)
    assert not synced.waiting(warehouse)


def test_an_account_whose_id_another_ones_contact_bears_is_linked_to_the_contact_that_a_person_names(
    synced: Business,
) -> None:
    account = {"Name": "Wholly Other Traders", "BillingCountry": "Australia"}
    account_id = synced.office.salesforce("POST", "/sobjects/Account", account)["id"]
    bearer = next(each for each in synced.contacts() if each.get("ContactNumber"))
    synced.in_xero("Contacts", ContactID=bearer["ContactID"], ContactNumber=account_id)
    own = synced.in_xero("Contacts", Name="Unlike any of these")
    synced.later()
    sell(synced, "Wholly Other Traders")
    assert see(synced) == {"contact_ambiguous"}
    entry = synced.waiting(DEAL)["contact_ambiguous"]
    assert "choose another contact with `crossfoot queue link ENTRY --to CONTACT`" in entry.fix

    with pytest.raises(NeedsPerson, match="as this account's own"):
        synced.desk.not_same(entry.id)
    with pytest.raises(NeedsPerson, match="Say which one"):
        synced.desk.link(entry.id, "no such contact")
    synced.desk.link(entry.id, own["ContactID"])
    see(synced)

    assert synced.invoice_of(DEAL)["Contact"]["ContactID"] == own["ContactID"]


def approve(firm: Business) -> None:
    firm.approve(DEAL)


def correct(firm: Business) -> None:
    draft = firm.invoice_of(DEAL)
    names = ("LineItemID", "Description", "Quantity", "AccountCode", "TaxType", "ItemCode", "Tracking")
    line = {name: draft["LineItems"][0][name] for name in names if name in draft["LineItems"][0]}
    firm.in_xero("Invoices", InvoiceID=draft["InvoiceID"], LineItems=[{**line, "UnitAmount": 4321}])


def delete(firm: Business) -> None:
    firm.in_xero("Invoices", InvoiceID=firm.invoice_of(DEAL)["InvoiceID"], Status="DELETED")


@pytest.mark.parametrize(("end", "left"), [(approve, {"draft_edited"}), (correct, set()), (delete, {"invoice_voided"})])
def test_a_draft_that_xero_kept_otherwise_is_asked_about_until_somebody_looked(
    synced: Business, end: Callable[[Business], None], left: set[str]
) -> None:
    synced.keep_otherwise("Invoices", b"4321", b"4300")
    sell(synced)
    assert see(synced) == {"readback_differs", "draft_edited"}
    end(synced)
    assert see(synced) == left
    assert not synced.tie_out().result.unexplained


@pytest.mark.parametrize("policy", ["draft", "approved\n  approve_up_to: 100000"])
def test_an_unusual_rate_is_asked_about_until_the_draft_is_approved(synced: Business, policy: str) -> None:
    """A draft in a foreign currency is approved by a person also where others are made approved."""
    synced.set("  create: draft", f"  create: {policy}")
    [known] = synced.soql(
        "SELECT Account.Name FROM Opportunity WHERE CurrencyIsoCode = 'NZD' AND Xero_Status__c = 'Draft' LIMIT 1"
    )
    [books] = synced.ledger.organisations.values()
    books.state["rates"]["days"]["2026-11-18"] = {"NZD": "3.5"}
    [entry] = synced.soql(
        "SELECT Product2.ProductCode FROM PricebookEntry WHERE CurrencyIsoCode = 'NZD' "
        "AND Product2.ProductCode != null LIMIT 1"
    )
    line = {"code": entry["Product2"]["ProductCode"], "Quantity": 1, "UnitPrice": 4321}
    synced.win(DEAL, known["Account"]["Name"], [line], CurrencyIsoCode="NZD")
    assert see(synced) == {"rate_unusual"}
    synced.desk.retry_many(everything=True)
    assert see(synced) == {"rate_unusual"}, "nothing says it a second time"
    synced.approve(DEAL)
    assert see(synced) == set()


@pytest.mark.parametrize("products", [True, False])
def test_a_number_that_is_no_amount_holds_its_own_deal_alone_until_it_is_corrected(
    synced: Business, products: bool
) -> None:
    sell(synced)
    [line] = synced.lines(DEAL)
    if not products:
        synced.office.salesforce("DELETE", f"/sobjects/OpportunityLineItem/{line['Id']}")
    slip = {"Quantity": 90_000_000, "UnitPrice": 9_999_999_999}
    kind, record_id = ("OpportunityLineItem", line["Id"]) if products else ("Opportunity", synced.deal(DEAL)["Id"])
    synced.edit(kind, record_id, **(slip if products else {"Amount": 61_290_000_001_234}))
    assert see(synced) == {"unreadable"}
    assert "is too large for an amount" in synced.waiting(DEAL)["unreadable"].cause
    assert not synced.tie_out().result.unexplained

    synced.edit(kind, record_id, **({"Quantity": 1, "UnitPrice": 4321} if products else {"Amount": 4321}))
    assert see(synced) <= {"no_products"}
    assert synced.invoice_of(DEAL)["SubTotal"] == 4321


def test_a_price_that_a_person_decided_beyond_what_xero_takes_holds_its_own_deal_alone(synced: Business) -> None:
    sell(synced)
    [line] = synced.lines(DEAL)
    synced.edit("OpportunityLineItem", line["Id"], Quantity=1000, UnitPrice=4)
    synced.lock("2026-11-18")
    assert see(synced) == {"locked_period"}
    entry = synced.waiting(DEAL)["locked_period"].id
    with pytest.raises(NeedsPerson, match="too large"):
        edit_entry(synced.session(), entry, {"unit_amount": "1e400"}, "a slip")

    [proposed] = edit_entry(synced.session(), entry, {"unit_amount": "9999999999"}, "a slip")
    second = synced.session()
    second.actor = "Blake"
    approve_override(second, proposed.id)
    assert see(synced) == {"locked_period", "unreadable", "override_stands"}


@pytest.mark.parametrize("approved", [False, True])
def test_a_draft_that_is_right_as_finance_edited_it_stands_once_that_is_decided(
    synced: Business, approved: bool
) -> None:
    sell(synced)
    see(synced)
    draft, [line] = synced.invoice_of(DEAL), synced.lines(DEAL)
    names = ("LineItemID", "Description", "Quantity", "AccountCode", "TaxType", "ItemCode", "Tracking")
    kept = {name: draft["LineItems"][0][name] for name in names if name in draft["LineItems"][0]}
    agreed = {"Reference": "as agreed", "LineItems": [{**kept, "UnitAmount": 4300}]}
    synced.in_xero("Invoices", InvoiceID=draft["InvoiceID"], **agreed)
    synced.edit("OpportunityLineItem", line["Id"], UnitPrice=4400)
    assert see(synced) == {"changed_and_draft_edited"}
    if approved:
        synced.approve(DEAL)
        assert see(synced) == {"changed_after_approval"}

    [entry] = synced.waiting(DEAL).values()
    assert "`crossfoot queue edit`" in entry.fix
    decided = edit_entry(synced.session(), entry.id, {"unit_amount:1": "4300", "reference": "as agreed"}, "by phone")
    second = synced.session()
    second.actor = "Blake"
    approve_override(second, decided[0].id)

    assert see(synced) == {"override_stands"}
    assert synced.invoice_of(DEAL)["SubTotal"] == 4300
    assert not synced.tie_out().result.unexplained
