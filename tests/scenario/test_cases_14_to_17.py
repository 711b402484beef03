"""The planted cases 14 to 17 of the demo business: what people do after the invoices were made."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from crossfoot.emulators.people import Acts, Visit, pay, void
from crossfoot.emulators.scenarios.demo_cases import case

from .business import Business

PAID, IN_PARTS, OVER, BOUNCED = case(14).deal_names
CHANGED, VOIDED, EDITED = case(15).deal_names
[HANDED_OVER] = case(16).deal_names


def dec(text: str) -> Decimal:
    return Decimal(text)


def payments_in_salesforce(firm: Business, deal_name: str) -> list[tuple[str, Decimal]]:
    """Status and amount of the deal's payment records."""
    deal_id = firm.deal(deal_name)["Id"]
    where = f"Xero_Invoice__r.Opportunity__c = '{deal_id}'"
    rows = firm.soql(f"SELECT Status__c, Amount__c FROM Xero_Payment__c WHERE {where} ORDER BY Id")
    return [(row["Status__c"], row["Amount__c"]) for row in rows]


def standing(deal: dict[str, Any]) -> tuple[str, str, Decimal]:
    return deal["Xero_Status__c"], deal["Xero_Payment_Status__c"], deal["Xero_Amount_Due__c"]


@pytest.mark.promise("S0-32", "S0-33", "S0-34", "S1-31", "S0-60", "S3-31")
def test_case_14_a_payment_in_full_shows_in_salesforce_as_paid(settled: Business) -> None:
    deal = settled.deal(PAID)
    assert standing(deal) == ("Paid", "Paid", dec("0.00"))
    assert (deal["Xero_Amount_Paid__c"], deal["Xero_Paid_Date__c"]) == (dec("4730.00"), "2026-11-20")
    assert payments_in_salesforce(settled, PAID) == [("Authorised", dec("4730.00"))]


@pytest.mark.promise("S0-35", "S0-50", "S0-60")
def test_case_14_two_part_payments_show_as_partly_paid(settled: Business) -> None:
    """7,835.33 gross, a quarter paid twice: 1,958.83 each; 3,917.67 still due."""
    assert standing(settled.deal(IN_PARTS)) == ("Authorised", "Partly paid", dec("3917.67"))
    assert payments_in_salesforce(settled, IN_PARTS) == [("Authorised", dec("1958.83"))] * 2


def test_case_14_too_much_paid_shows_as_paid_with_credit(settled: Business) -> None:
    """3,179.00 was due; the customer sent 50.00 more, which stays as an overpayment."""
    deal = settled.deal(OVER)
    assert standing(deal) == ("Paid", "Paid with credit", dec("0.00"))
    [account] = settled.soql(f"SELECT Xero_Balance__c FROM Account WHERE Id = '{deal['AccountId']}'")
    assert account["Xero_Balance__c"] == dec("-50.00")


def test_case_14_a_bounced_payment_leaves_the_invoice_unpaid_again(settled: Business) -> None:
    deal = settled.deal(BOUNCED)
    assert standing(deal) == ("Authorised", "Unpaid", dec("1043.90"))
    assert deal["Xero_Paid_Date__c"] is None


def test_case_14_a_payment_seen_and_then_deleted_stays_as_a_deleted_row(synced: Business) -> None:
    invoice = synced.in_xero("Invoices", InvoiceID=synced.invoice_of(BOUNCED)["InvoiceID"], Status="AUTHORISED")
    [payment] = pay(synced.office, [invoice], Decimal(1), Acts(), "paid")
    synced.later()
    synced.sync()
    assert standing(synced.deal(BOUNCED)) == ("Paid", "Paid", dec("0.00"))
    assert payments_in_salesforce(synced, BOUNCED) == [("Authorised", dec("1043.90"))]

    path = f"/Payments/{payment['PaymentID']}"
    synced.office.ask(synced.office.xero_url, "POST", path, {"Status": "DELETED"})
    synced.later()
    synced.sync()

    assert standing(synced.deal(BOUNCED)) == ("Authorised", "Unpaid", dec("1043.90"))
    assert payments_in_salesforce(synced, BOUNCED) == [("Deleted", dec("1043.90"))]


def test_case_15_an_amount_changed_after_approval_is_named_and_the_invoice_stays(settled: Business) -> None:
    """Sales doubled the deal to 19,600.00 after 9,800.00 had been approved."""
    entry = settled.waiting(CHANGED)["changed_after_approval"]
    assert entry.money.amount == dec("9800.00")
    assert settled.deal(CHANGED)["Amount"] == dec("19600.00")
    assert settled.invoice_of(CHANGED)["SubTotal"] == dec("9800.00")

    named = [d for row in settled.tie_out().result.rows for d in row.differences if d.deal_name == CHANGED]

    assert [(d.kind, d.amount) for d in named] == [("changed_after_approval", dec("9800.00"))]


@pytest.mark.promise("S0-36", "S0-60")
def test_case_15_a_voided_invoice_shows_as_voided_and_is_not_made_again(settled: Business) -> None:
    assert standing(settled.deal(VOIDED)) == ("Voided", "Voided", dec("0.00"))
    settled.sync()
    assert [invoice["Status"] for invoice in settled.invoices_of(VOIDED)] == ["VOIDED"]
    assert "invoice_voided" in settled.waiting(VOIDED)


@pytest.mark.promise("S0-43")
def test_case_15_asked_for_the_voided_invoice_is_issued_anew_under_the_next_number(settled: Business) -> None:
    [old] = settled.invoices_of(VOIDED)
    settled.desk.retry(settled.waiting(VOIDED)["invoice_voided"].id)
    settled.later()

    settled.sync()

    again = settled.invoice_of(VOIDED)
    assert again["InvoiceNumber"] == f"{old['InvoiceNumber']}-2"
    assert again["SubTotal"] == old["SubTotal"] == dec("4425.00")
    assert settled.deal(VOIDED)["Xero_Invoice_Number__c"] == again["InvoiceNumber"]


def test_case_15_a_draft_edited_by_finance_is_kept_and_named(settled: Business) -> None:
    """Finance agreed 10.00 less by phone: 3,505.00 in place of 3,515.00."""
    invoice = settled.invoice_of(EDITED)
    assert (invoice["SubTotal"], invoice["Status"]) == (dec("3505.00"), "DRAFT")
    assert invoice["LineItems"][0]["Description"].endswith("(as agreed by phone)")
    assert settled.waiting(EDITED)["draft_edited"].weight == "note"
    assert settled.deal(EDITED)["Xero_Subtotal__c"] == dec("3505.00")


def test_case_15_a_person_s_edit_wins_over_a_later_change_of_the_deal(settled: Business) -> None:
    line = settled.lines(EDITED)[0]
    settled.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    settled.later()

    settled.sync()

    assert settled.invoice_of(EDITED)["SubTotal"] == dec("3505.00")
    assert "changed_and_draft_edited" in settled.waiting(EDITED)


def test_case_15_an_edited_draft_that_is_approved_leaves_nothing_unexplained(settled: Business) -> None:
    settled.in_xero("Invoices", InvoiceID=settled.invoice_of(EDITED)["InvoiceID"], Status="AUTHORISED")
    settled.later()

    settled.sync()

    entry = settled.waiting(EDITED)["draft_edited"]
    assert entry.money.amount == dec("10.00")
    assert not settled.tie_out().result.unexplained


@pytest.mark.promise("S0-41")
def test_case_16_a_validation_rule_refuses_the_write_back_and_nothing_else(synced: Business) -> None:
    invoice = synced.invoice_of(HANDED_OVER)

    entry = synced.waiting(HANDED_OVER)["write_back_refused"]

    assert len(synced.invoices_of(HANDED_OVER)) == 1
    assert entry.vendor_text == case(16).rules[0].message
    assert (entry.record_name, entry.money.amount) == (HANDED_OVER, invoice["SubTotal"])
    assert synced.deal(HANDED_OVER)["Xero_Status__c"] is None
    assert synced.deal(PAID)["Xero_Status__c"] == "Draft"


def test_case_16_the_write_back_goes_once_the_rule_is_off_and_a_person_asks(synced: Business) -> None:
    rule = case(16).rules[0]
    control = f"{synced.office.salesforce_url}/control/validation-rule"
    synced.post(control, {"object": rule.object, "name": rule.name, "active": False})
    synced.sync()
    assert synced.deal(HANDED_OVER)["Xero_Status__c"] is None

    synced.desk.retry(synced.waiting(HANDED_OVER)["write_back_refused"].id)
    synced.later()
    synced.sync()

    assert synced.deal(HANDED_OVER)["Xero_Invoice_Number__c"] == synced.invoice_of(HANDED_OVER)["InvoiceNumber"]
    assert "write_back_refused" not in synced.waiting(HANDED_OVER)


@pytest.mark.promise("S3-54")
def test_case_17_an_invoice_born_in_xero_is_named_and_shown_and_makes_no_deal(synced: Business) -> None:
    [contact] = case(17).ledger_only

    strangers = [i for i in synced.tie_out().result.in_xero_only if i.contact_name == contact.name]

    assert [(i.sub_total, i.total) for i in strangers] == [(dec("1800.00"), dec("1980.00"))]
    assert synced.soql(f"SELECT Id FROM Account WHERE Name = '{contact.name}'") == []
    fields = "Total__c, Amount_Due__c, Opportunity__c, Account__c, Xero_Contact__r.Name"
    [shown] = synced.soql(f"SELECT {fields} FROM Xero_Invoice__c WHERE Invoice_Number__c = '{strangers[0].number}'")
    assert (shown["Total__c"], shown["Opportunity__c"], shown["Account__c"]) == (dec("1980.00"), None, None)
    assert shown["Xero_Contact__r"]["Name"] == contact.name


def test_case_15_voiding_is_the_only_way_back_and_nothing_else_moves(settled: Business) -> None:
    """A second invoice voided by hand behaves as the planted one does: named once, never replaced."""
    invoice = settled.invoice_of(BOUNCED)
    void(settled.office, Visit(settled.deal(BOUNCED)["Id"], invoice), Acts())
    settled.later()

    written = settled.writes_during(settled.sync)

    assert not [write for write in written if write.startswith("xero")]
    assert standing(settled.deal(BOUNCED)) == ("Voided", "Voided", dec("0.00"))
