"""Settings that come to name a field which was not read so far: no record is judged without it."""

from __future__ import annotations

import re

import pytest

from crossfoot.store.write_backs import unsent_objects

from .business import Business
from .test_invoice_fields import CLINIC, LINES

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


def test_that_more_is_read_of_a_deal_is_no_change_of_it(firm: Business) -> None:
    """What people made of its draft stands, and is told as it was."""
    draft = firm.invoice_of(DRAFTED)
    firm.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Reference="by hand")
    firm.later()
    firm.sync()
    before = {entry.record.id: entry.cause for entry in firm.desk.entries(ignored=True)}
    firm.later()
    firm.set("when: IsWon", "when: \"AND(IsWon, NOT(Type = 'HOLD'))\"")

    assert [call for call in firm.writes_during(firm.sync) if "Invoices" in call] == []

    assert "draft_edited" in firm.waiting(DRAFTED)
    assert firm.invoice_of(DRAFTED)["Reference"] == "by hand"
    after = {entry.record.id: entry.cause for entry in firm.desk.entries(ignored=True)}
    assert after == {key: cause for key, cause in before.items() if key != firm.deal(DEAL)["Id"]}


def test_all_rows_are_read_once_for_a_new_field_and_no_more(firm: Business) -> None:
    firm.set("when: IsWon", "when: \"AND(IsWon, NOT(Type = 'HOLD'))\"")
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
    synced.later()
    synced.sync()
    assert not any("Xero_Payment__c: " in entry.cause for entry in synced.desk.entries())
    with synced.database.reading() as connection:
        assert "Xero_Payment__c" not in unsent_objects(connection, synced.session().organisation_id)

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
