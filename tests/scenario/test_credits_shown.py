"""Credit that finance give in Xero: shown in Salesforce as it is put against invoices, left over and paid back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from crossfoot.emulators.scenario import find_scenario
from crossfoot.xero import requests

from .business import URLS, Business, Stage, found
from .test_credit_and_reissue import SMALL_FIRM

FIRST, SECOND = "Advice", "Second audit"  # two deals of one customer
BANK = {"Code": "090"}


@pytest.fixture(scope="session")
def owing_stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A small firm; two invoices of one customer are approved."""
    stage = found(find_scenario(str(SMALL_FIRM)), tmp_path_factory.mktemp("small firm"), date(2026, 11, 1))
    firm = Business(stage, tmp_path_factory.mktemp("owing"))
    firm.sync()
    firm.approve(FIRST, SECOND)
    return firm.freeze()


@pytest.fixture
def firm(owing_stage: Stage, tmp_path: Path) -> Iterator[Business]:
    opened = Business(owing_stage, tmp_path)
    yield opened
    opened.close()


def put(firm: Business, path: str, body: dict[str, Any]) -> None:
    """Finance do something in Xero, and Crossfoot runs."""
    firm.office.ask(URLS["xero"], "PUT", path, body)
    firm.later()
    firm.sync()
    firm.later()


def credit(firm: Business, amount: int) -> str:
    """Finance make a credit note for the customer. Returns its id."""
    line = {"Description": "Goodwill", "Quantity": 1, "UnitAmount": amount, "AccountCode": "200"}
    about = {"Type": "ACCRECCREDIT", "Status": "AUTHORISED", "Date": "2026-11-18", "LineAmountTypes": "NoTax"}
    contact = {"ContactID": firm.invoice_of(FIRST)["Contact"]["ContactID"]}
    [made] = firm.office.xero("PUT", "CreditNotes", [{**about, "Contact": contact, "LineItems": [line]}])
    return str(made["CreditNoteID"])


def allocate(firm: Business, note: str, deal: str, amount: int) -> None:
    against = {"InvoiceID": firm.invoice_of(deal)["InvoiceID"]}
    wish = {"Amount": amount, "Date": "2026-11-19", "Invoice": against}
    put(firm, f"/CreditNotes/{note}/Allocations", {"Allocations": [wish]})


def shown(firm: Business, note: str) -> dict[str, Any]:
    fields = "Status__c, Total__c, Remaining__c, Account__c, Opportunity__c, Xero_Invoice__r.Invoice_Id__c"
    [row] = firm.soql(f"SELECT {fields} FROM Xero_Credit_Note__c WHERE Credit_Note_Id__c = '{note}'")
    return row


def balance(firm: Business) -> Decimal:
    [row] = firm.soql(f"SELECT Xero_Balance__c FROM Account WHERE Id = '{firm.deal(FIRST)['AccountId']}'")
    return Decimal(row["Xero_Balance__c"])


@pytest.mark.promise("S0-63", "S3-64")
def test_a_credit_note_is_shown_on_the_deal_whose_invoice_it_went_to_with_what_is_left_of_it(firm: Business) -> None:
    owed, due = balance(firm), firm.deal(FIRST)["Xero_Amount_Due__c"]
    note = credit(firm, 100)

    allocate(firm, note, FIRST, 30)

    row, deal = shown(firm, note), firm.deal(FIRST)
    assert (row["Status__c"], row["Total__c"], row["Remaining__c"]) == ("Authorised", 100, 70)
    assert (row["Account__c"], row["Opportunity__c"]) == (deal["AccountId"], deal["Id"])
    assert row["Xero_Invoice__r"]["Invoice_Id__c"] == firm.invoice_of(FIRST)["InvoiceID"]
    assert (deal["Xero_Payment_Status__c"], deal["Xero_Amount_Due__c"]) == ("Partly paid", due - 30)
    assert balance(firm) == owed - 100
    assert firm.writes_during(firm.sync) == []


@pytest.mark.promise("S0-63", "S3-64")
def test_a_credit_note_that_went_to_several_invoices_lowers_what_each_owes(firm: Business) -> None:
    before = {deal: firm.deal(deal)["Xero_Amount_Due__c"] for deal in (FIRST, SECOND)}
    note = credit(firm, 100)

    for deal, amount in ((FIRST, 30), (SECOND, 70)):
        allocate(firm, note, deal, amount)

    assert {deal: before[deal] - firm.deal(deal)["Xero_Amount_Due__c"] for deal in before} == {FIRST: 30, SECOND: 70}
    row = shown(firm, note)
    assert (row["Status__c"], row["Remaining__c"]) == ("Paid", 0)
    assert (row["Opportunity__c"], row["Xero_Invoice__r"]) == (None, None)


@pytest.mark.promise("S0-49")
def test_a_refund_uses_up_the_credit_and_the_customer_owes_as_before(firm: Business) -> None:
    owed = balance(firm)
    note = credit(firm, 100)
    firm.sync()
    firm.later()
    assert (shown(firm, note)["Remaining__c"], balance(firm)) == (100, owed - 100)

    put(firm, "/Payments", {"CreditNote": {"CreditNoteID": note}, "Account": BANK, "Date": "2026-11-19", "Amount": 100})

    assert (shown(firm, note)["Status__c"], shown(firm, note)["Remaining__c"]) == ("Paid", 0)
    assert balance(firm) == owed
    assert not firm.tie_out().result.unexplained
    assert firm.writes_during(firm.sync) == []


@pytest.mark.promise("S0-49")
def test_money_paid_beyond_the_invoice_and_sent_back_leaves_no_credit_with_the_customer(firm: Business) -> None:
    owed, invoice = balance(firm), firm.invoice_of(FIRST)
    contact = {"ContactID": invoice["Contact"]["ContactID"]}
    line = {"Description": "Paid twice", "Quantity": 1, "UnitAmount": 50}
    received = {"Type": "RECEIVE-OVERPAYMENT", "Contact": contact, "BankAccount": BANK, "Date": "2026-11-18"}
    put(firm, "/BankTransactions", {"BankTransactions": [{**received, "LineItems": [line]}]})
    assert balance(firm) == owed - 50
    overpayment = firm.see("Overpayments")["OverpaymentID"]

    back = {"Overpayment": {"OverpaymentID": overpayment}, "Account": BANK, "Date": "2026-11-19", "Amount": 50}
    put(firm, "/Payments", back)

    assert balance(firm) == owed
    assert firm.writes_during(firm.sync) == []


def test_no_overpayment_is_missed_while_another_is_used(firm: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four overpayments in two pages. Finance use the first after Crossfoot read the first page."""
    owed, invoice = balance(firm), firm.invoice_of(FIRST)
    received = {"Type": "RECEIVE-OVERPAYMENT", "Contact": {"ContactID": invoice["Contact"]["ContactID"]}}
    received |= {"BankAccount": BANK, "Date": "2026-11-18"}
    for amount in (10, 20, 30, 40):
        line = {"Description": "Paid too much", "Quantity": 1, "UnitAmount": amount}
        firm.office.xero("PUT", "BankTransactions", [{**received, "LineItems": [line]}])
        firm.later()
    first = firm.see("Overpayments")["OverpaymentID"]
    wish = {"Amount": 10, "Date": "2026-11-19", "Invoice": {"InvoiceID": invoice["InvoiceID"]}}
    carry, pages = firm.carrier.handle_request, list[str]()

    def use_it_between_pages(request: httpx2.Request) -> httpx2.Response:
        answer = carry(request)
        if request.method == "GET" and request.url.path.endswith("/Overpayments"):
            pages.append(request.url.params["page"])
            if len(pages) == 1:
                firm.office.ask(URLS["xero"], "PUT", f"/Overpayments/{first}/Allocations", {"Allocations": [wish]})
        return answer

    monkeypatch.setattr(requests, "PAGE_SIZE", 2)
    monkeypatch.setattr(firm.carrier, "handle_request", use_it_between_pages)
    firm.sync()
    firm.later()
    firm.sync()

    assert pages[:2] == ["1", "2"]
    assert balance(firm) == owed - 100
