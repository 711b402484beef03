"""Settings that come to name other fields than were read so far: no record is judged without them, nor for them."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import delete

from crossfoot.engine.reading import scope
from crossfoot.store.schema import lookup, name_key

from .business import URLS, Business
from .test_invoice_fields import CLINIC, LINES
from .test_other_sources import with_orders

DEAL = "Billed at Christmas"
DRAFTED = "Cent and Sons Bakers - Flour costing"


@pytest.fixture
def firm(synced: Business) -> Business:
    """A deal waits for its day and is not read again until then, for nobody touches it."""
    synced.win(DEAL, CLINIC, LINES, CloseDate="2026-12-24", Type="HOLD")
    for _ in range(2):
        synced.later()
        synced.sync()
    synced.later()
    return synced


def christmas(firm: Business) -> None:
    firm.time.now = firm.time.now.replace(month=12, day=24)
    firm.sync()


def test_a_condition_on_a_new_field_holds_back_deals_that_were_read_before(firm: Business) -> None:
    firm.set("when: IsWon", "when: \"AND(IsWon, NOT(Type = 'HOLD'))\"")
    christmas(firm)
    assert firm.invoices_of(DEAL) == []


def test_a_document_says_what_a_new_field_says(firm: Business) -> None:
    firm.set('Reference: "BLANKVALUE(Deal_Number__c, Id)', "Reference: \"BLANKVALUE(Type, 'nothing')")
    christmas(firm)
    assert firm.invoice_of(DEAL)["Reference"] == "HOLD"


HELD = ("when: IsWon", "when: \"AND(IsWon, NOT(Type = 'HOLD'))\"")
NO_ORDER = (" & IF(ISBLANK(PO_Number__c), '', ' PO ' & PO_Number__c)", "")
OF_ACCOUNT = ("BLANKVALUE(Deal_Number__c, Id)", "BLANKVALUE(Account.AccountNumber, 'none')")


@pytest.mark.parametrize("other", [HELD, NO_ORDER, OF_ACCOUNT], ids=["more", "less", "of its account"])
def test_that_other_fields_are_read_of_a_deal_is_no_change_of_it(firm: Business, other: tuple[str, str]) -> None:
    """What people made of its draft stands, and is told as it was."""
    draft = firm.invoice_of(DRAFTED)
    firm.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Reference="by hand")
    firm.later()
    firm.sync()
    before = {entry.record.id: entry.cause for entry in firm.desk.entries(ignored=True)}
    firm.edit("Opportunity", firm.deal(DRAFTED)["Id"], Description="no matter of the invoice")
    firm.later()
    firm.set(*other)

    assert [call for call in firm.writes_during(firm.sync) if "Invoices" in call] == []

    assert "draft_edited" in firm.waiting(DRAFTED)
    assert firm.invoice_of(DRAFTED)["Reference"] == "by hand"
    after = {entry.record.id: entry.cause for entry in firm.desk.entries(ignored=True)}
    held = firm.deal(DEAL)["Id"]  # by one of these settings it counts no more
    assert after | {held: ""} == before | {held: ""}


@pytest.mark.parametrize("other", [HELD, NO_ORDER, OF_ACCOUNT], ids=["more", "less", "of its account"])
def test_an_approved_invoice_agrees_with_its_deal_whatever_the_settings_come_to_read(
    firm: Business, other: tuple[str, str]
) -> None:
    firm.edit("Opportunity", firm.deal(DRAFTED)["Id"], PO_Number__c="PO-1")
    firm.later()
    firm.sync()
    firm.approve(DRAFTED)
    assert firm.invoice_of(DRAFTED)["Reference"].endswith(" PO PO-1")
    firm.set(*other)
    firm.sync()
    firm.edit("Opportunity", firm.deal(DRAFTED)["Id"], Description="no matter of the invoice")
    firm.later()
    firm.sync()
    assert "changed_after_approval" not in firm.waiting(DRAFTED)

    firm.edit("Opportunity", firm.deal(DRAFTED)["Id"], PO_Number__c="PO-2", CloseDate="2026-11-12")
    firm.later()
    firm.sync()
    assert "changed_after_approval" in firm.waiting(DRAFTED)


def test_what_a_draft_comes_to_take_from_its_account_is_followed_from_then_on(firm: Business) -> None:
    firm.set(*OF_ACCOUNT)
    firm.sync()
    [customer] = firm.soql(f"SELECT AccountId FROM Opportunity WHERE Name = '{DRAFTED}'")
    firm.edit("Account", customer["AccountId"], AccountNumber="C-77")
    firm.later()
    firm.sync()
    assert firm.invoice_of(DRAFTED)["Reference"].startswith("C-77")


@pytest.mark.parametrize("other", [HELD, NO_ORDER], ids=["more", "less"])
def test_all_rows_are_read_once_for_other_fields_and_no_more(firm: Business, other: tuple[str, str]) -> None:
    firm.set(*other)
    read = firm.sync().observed.counts["Salesforce Opportunity"].read
    firm.later()
    assert read > 1 >= firm.sync().observed.counts["Salesforce Opportunity"].read  # at most the latest, once more


def test_what_was_refused_is_not_sent_again_once_the_settings_name_no_field_for_it(synced: Business) -> None:
    refused = [entry for entry in synced.desk.entries() if entry.code == "write_back_refused"]
    assert {entry.record.kind for entry in refused} == {"Opportunity"}
    deals = synced.settings.index("  invoices:")
    tail = re.sub(r"    write_back:\s*\{[^}]*\}", "    write_back: {}", synced.settings[deals:], count=1)
    synced.settings = synced.settings[:deals] + tail
    synced.later(days=2)

    synced.sync()

    assert [entry for entry in synced.desk.entries() if entry.code == "write_back_refused"] == []
    synced.later(days=2)
    assert synced.writes_during(synced.sync) == []


def test_rows_of_an_object_that_the_settings_no_longer_name_are_given_up_and_shown_again_once_they_do(
    synced: Business,
) -> None:
    draft = next(invoice for invoice in synced.invoices() if invoice["Status"] == "DRAFT")
    _let_be_edited(synced, "Xero_Payment__c.Status__c", may=False)
    synced.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Status="AUTHORISED")
    about = {"Invoice": {"InvoiceID": draft["InvoiceID"]}, "Account": {"Code": "090"}, "Date": "2026-11-18"}
    [paid] = synced.office.xero("PUT", "Payments", [{**about, "Amount": 1}])
    synced.later()
    synced.sync()
    assert any("Xero_Payment__c: " in entry.cause for entry in synced.desk.entries())

    synced.set("payment: Xero_Payment__c, ", "")
    synced.later(days=2)
    synced.sync()
    assert not any("Xero_Payment__c: " in entry.cause for entry in synced.desk.entries())

    _let_be_edited(synced, "Xero_Payment__c.Status__c", may=True)
    synced.set("credit_note: Xero_Credit_Note__c, ", "credit_note: Xero_Credit_Note__c, payment: Xero_Payment__c, ")
    synced.later(days=1)
    synced.sync()
    [row] = synced.soql(f"SELECT Amount__c FROM Xero_Payment__c WHERE Payment_Id__c = '{paid['PaymentID']}'")
    assert row["Amount__c"] == 1


def _let_be_edited(firm: Business, field: str, *, may: bool) -> None:
    query = "SELECT Id, Field FROM FieldPermissions WHERE SobjectType = 'Xero_Payment__c'"
    [found] = [row for row in firm.soql(query) if row["Field"] == field]
    firm.edit("FieldPermissions", found["Id"], PermissionsEdit=may)


def test_what_was_refused_is_not_sent_again_once_the_settings_name_another_object(synced: Business) -> None:
    assert "write_back_refused" in {entry.code for entry in synced.desk.entries()}
    synced.settings = with_orders(synced.settings)
    synced.later(days=2)
    synced.sync()
    assert "write_back_refused" not in {entry.code for entry in synced.desk.entries()}
    for _ in range(2):  # what one run writes twice the next one writes once more
        synced.later(days=2)
        again = synced.writes_during(synced.sync)
    assert again == []


def test_an_answer_does_not_outlive_its_question_where_nothing_goes_to_xero(synced: Business) -> None:
    """The deal is won again and lost again meanwhile: its draft is not deleted for what was said the first time."""
    both = synced.settings
    synced.set("prices: ex_tax", "direction: to_salesforce\nprices: ex_tax")
    deal = synced.deal(DRAFTED)["Id"]

    def becomes(stage: str) -> None:
        synced.edit("Opportunity", deal, StageName=stage)
        synced.later()
        synced.sync()
        synced.later()

    becomes("Closed Lost")
    synced.desk.cancel(synced.waiting(DRAFTED)["no_longer_won"].id)
    becomes("Closed Won")
    becomes("Closed Lost")
    synced.settings = both
    synced.sync()

    assert synced.invoice_of(DRAFTED)["Status"] == "DRAFT"
    assert "no_longer_won" in synced.waiting(DRAFTED)


def test_what_was_refused_is_asked_about_no_more_where_nothing_goes_to_salesforce(synced: Business) -> None:
    assert "write_back_refused" in {entry.code for entry in synced.desk.entries()}
    synced.set("prices: ex_tax", "direction: to_xero\nprices: ex_tax")
    assert synced.writes_during(synced.sync) == []
    assert "write_back_refused" not in {entry.code for entry in synced.desk.entries()}


def test_a_refusal_is_over_once_what_stands_in_salesforce_is_wanted_again(synced: Business) -> None:
    """A status field was to show a long address for a while."""

    def refused() -> set[str]:
        return {entry.record.id for entry in synced.desk.entries() if entry.code == "write_back_refused"}

    before = refused()
    assert synced.deal(DRAFTED)["Id"] not in before
    synced.set("Xero_Payment_Status__c: PaymentStatus", "Xero_Payment_Status__c: Link")
    synced.sync()
    assert synced.deal(DRAFTED)["Id"] in refused()

    synced.later()
    synced.set("Xero_Payment_Status__c: Link", "Xero_Payment_Status__c: PaymentStatus")
    synced.sync()

    assert refused() == before


@pytest.mark.parametrize("own", ["Deal_Number__c", "\"''\""], ids=["its own", "of the series"])
def test_a_number_that_xero_refused_is_not_kept_once_the_settings_give_another(synced: Business, own: str) -> None:
    synced.set("Number: Deal_Number__c", "Number: Id")
    synced.win("Numbered", CLINIC, LINES)
    synced.later()
    at_the_write = {"method": "PUT", "path_contains": "/Invoices"}
    synced.post(f"{URLS['xero']}/control/fault", {"kind": "account_archived", "account": "212", "match": at_the_write})
    synced.sync()
    assert "refused_by_xero" in synced.waiting("Numbered")

    archived = synced.see("Accounts", query='where=Code%3D%3D"212"')
    synced.office.ask(URLS["xero"], "POST", f"/Accounts/{archived['AccountID']}", {"Status": "ACTIVE"})
    synced.settings = synced.settings.replace("Number: Id", f"Number: {own}")
    synced.later(days=1)
    synced.sync()

    numbered = synced.deal("Numbered")["Deal_Number__c"] if own == "Deal_Number__c" else "00001"
    assert synced.invoice_of("Numbered")["InvoiceNumber"] == f"SF-{numbered}"


def test_a_condition_that_no_longer_counts_a_deal_deletes_no_draft_unasked(synced: Business) -> None:
    """Nobody lost the deal: a slip in the condition would delete what stands, and no run makes it again by itself."""
    synced.set("  create: draft", "  cancel: delete_drafts\n  create: draft")
    synced.set("when: IsWon", "when: IsWon && Amount > 999999")
    assert [call for call in synced.writes_during(synced.sync) if call.startswith("xero")] == []
    assert "no_longer_won" in synced.waiting(DRAFTED)
    synced.later()

    synced.edit("Opportunity", synced.deal(DRAFTED)["Id"], StageName="Closed Lost")
    synced.later()
    synced.sync()
    [lost] = synced.invoices_of(DRAFTED)
    assert lost["Status"] == "DELETED"
    synced.set("when: IsWon && Amount > 999999", "when: IsWon")
    synced.later()
    synced.sync()
    assert "no_longer_won" not in {entry.code for entry in synced.desk.entries()}


def test_after_an_upgrade_a_contact_is_found_by_what_the_new_version_reads_in_it(
    firm: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Xero tells nothing of a contact that nobody touches, so it stays stored as the version before found it."""
    monkeypatch.setattr(scope, "FORM", 0)
    firm.office.xero("PUT", "Contacts", [{"Name": "Tallow Bros. Chandlers", "TaxNumber": "51 824 753 556"}])
    firm.sync()
    with firm.database.writing("") as connection:
        connection.execute(delete(lookup))
        connection.execute(delete(name_key))
    firm.later()
    firm.sync()
    monkeypatch.undo()
    firm.later()
    firm.sync()

    account = {"Name": "Tallow Brothers Chandlery", "ABN__c": "51824753556", "BillingCountry": "Australia"}
    firm.office.salesforce("POST", "/sobjects/Account", account)
    firm.win(DEAL + " anew", account["Name"], LINES)
    firm.sync()

    invoice = firm.invoice_of(DEAL + " anew")
    assert invoice["Contact"]["Name"] == "Tallow Bros. Chandlers"
