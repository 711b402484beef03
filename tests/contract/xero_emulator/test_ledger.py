"""The ledger behind the documents: postings, journals and reports (XERO 4.18, 4.23).

What holds after any history is in ``tests/property/test_xero_books.py``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .conftest import Client, line
from .test_credits import allocate, make_note, make_prepayment


def journals(xero: Client) -> list[dict[str, Any]]:
    """The whole feed, as a client pages through it."""
    found: list[dict[str, Any]] = []
    while page := xero.rows("GET", "/Journals", offset=len(found)):
        found += page
    return found


def legs(journal: dict[str, Any]) -> dict[str, Decimal]:
    return {row["AccountCode"]: row["NetAmount"] for row in journal["JournalLines"]}


def report(xero: Client, name: str, **query: Any) -> dict[str, list[str]]:
    """A report's rows by the text of their first cell."""
    (found,) = xero.rows("GET", f"/Reports/{name}", **query)
    rows = [row for part in found["Rows"] for row in part.get("Rows", [part])]
    return {cells[0]["Value"]: [cell["Value"] for cell in cells[1:]] for cells in (row["Cells"] for row in rows)}


def test_a_draft_posts_nothing_and_approval_posts_net_tax_and_gross(xero: Client) -> None:
    made = xero.invoice(100, {"UnitAmount": 50, "AccountCode": "201"})
    assert journals(xero) == []
    xero.one("POST", f"/Invoices/{made['InvoiceID']}", {"Status": "AUTHORISED"})
    (journal,) = journals(xero)
    assert legs(journal) == {"610": 165, "200": -100, "201": -50, "820": -15}
    assert (journal["SourceType"], journal["SourceID"]) == ("ACCREC", made["InvoiceID"])
    sales = next(row for row in journal["JournalLines"] if row["AccountCode"] == "200")
    assert (sales["GrossAmount"], sales["TaxAmount"], sales["TaxName"]) == (-110, -10, "GST on Income")


def test_an_edit_is_a_reversal_and_a_new_journal_and_a_void_only_a_reversal(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    path = f"/Invoices/{made['InvoiceID']}"
    kept = {"LineItemID": made["LineItems"][0]["LineItemID"]}
    xero.one("POST", path, {"LineItems": [{**line(200), **kept}]})
    xero.one("POST", path, {"DueDate": "2027-01-01"})
    first, reversal, second = journals(xero)
    assert legs(reversal) == {code: -amount for code, amount in legs(first).items()}
    assert legs(second)["610"] == 220
    xero.one("POST", path, {"Status": "VOIDED"})
    last = journals(xero)[-1]
    assert legs(last)["610"] == -220
    assert (last["JournalDate"], last["JournalNumber"]) == (first["JournalDate"], 4)


def test_money_received_for_an_invoice_and_given_back(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    payment = xero.pay(made, 60)
    assert legs(journals(xero)[-1]) == {"090": 60, "610": -60}
    xero.one("POST", f"/Payments/{payment['PaymentID']}", {"Status": "DELETED"})
    assert legs(journals(xero)[-1]) == {"090": -60, "610": 60}


def test_a_gain_of_the_rate_goes_to_the_currency_gain_account(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED", CurrencyCode="NZD", CurrencyRate=1.1)
    xero.pay(made, 110, CurrencyRate=1.0)
    assert legs(journals(xero)[-1]) == {"090": 110, "610": -100, "499": -10}


def test_an_allocation_at_one_rate_posts_nothing_and_at_two_the_difference(xero: Client) -> None:
    made, credit = xero.invoice(100, Status="AUTHORISED"), make_note(xero, 50)
    before = len(journals(xero))
    allocate(xero, f"/CreditNotes/{credit['CreditNoteID']}", made, 55)
    assert len(journals(xero)) == before
    foreign = xero.invoice(100, Status="AUTHORISED", CurrencyCode="NZD", CurrencyRate=1.1)
    other = make_note(xero, 100, CurrencyCode="NZD", CurrencyRate=1.0)
    allocate(xero, f"/CreditNotes/{other['CreditNoteID']}", foreign, 110)
    assert legs(journals(xero)[-1]) == {"610": 10, "499": -10}


def test_a_prepayment_waits_on_its_own_account_until_it_is_used(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    credit = make_prepayment(xero, 88)
    assert legs(journals(xero)[-1]) == {"090": 88, "835": -80, "820": -8}
    allocate(xero, f"/Prepayments/{credit['PrepaymentID']}", made, 44)
    assert legs(journals(xero)[-1]) == {"610": -44, "835": 40, "820": 4}


def test_the_feed_is_read_by_offset_instant_and_number(xero: Client) -> None:
    xero.contact()
    for _ in range(101):
        xero.invoice(1, Status="AUTHORISED")
    page = xero.rows("GET", "/Journals")
    assert [journal["JournalNumber"] for journal in page] == list(range(1, 101))
    (last,) = xero.rows("GET", "/Journals", offset=100)
    xero.wait(minutes=10)
    xero.invoice(1, Status="AUTHORISED")
    since = xero.json("GET", "/Journals", headers={"if-modified-since": "2026-11-20T01:35:00"})
    assert [journal["JournalNumber"] for journal in since["Journals"]] == [102]
    for reference in (last["JournalID"], last["JournalNumber"]):
        single = xero.one("GET", f"/Journals/{reference}")
        assert single["JournalNumber"] == 101
        assert "SourceID" not in single


def test_an_element_that_is_refused_leaves_no_gap(xero: Client) -> None:
    good = {**xero.draft(10), "Status": "AUTHORISED"}
    batch = {"Invoices": [good, {**good, "DueDate": ""}, good]}
    assert xero.send("PUT", "/Invoices", batch).status == 400
    assert journals(xero) == []
    xero.send("PUT", "/Invoices", batch, {"summarizeErrors": "false"})
    assert [journal["JournalNumber"] for journal in journals(xero)] == [1, 2]


def test_reports_show_what_was_earned_and_what_is_owed(xero: Client) -> None:
    made = xero.invoice(1000, Status="AUTHORISED")
    xero.pay(made, 300)
    cost = {**xero.draft({"UnitAmount": 200, "AccountCode": "429", "TaxType": "INPUT"}), "Type": "ACCPAY"}
    xero.one("PUT", "/Invoices", {**cost, "Status": "AUTHORISED"})
    profit = report(xero, "ProfitAndLoss", fromDate="2026-11-01", toDate="2026-11-30")
    assert (profit["Total Income"], profit["General Expenses"], profit["Net Profit"]) == (
        ["1000.00"],
        ["200.00"],
        ["800.00"],
    )
    sheet = report(xero, "BalanceSheet", date="2026-11-30")
    assert (sheet["Accounts Receivable"], sheet["Business Bank Account"], sheet["Net Assets"]) == (
        ["800.00"],
        ["300.00"],
        ["800.00"],
    )
    assert sheet["Current Year Earnings"] == sheet["Total Equity"] == ["800.00"]
    aged = report(xero, "AgedReceivablesByContact", contactId=made["Contact"]["ContactID"], date="2026-11-30")
    assert aged["Total"][3:] == ["1100.00", "300.00", "0.00", "800.00"]
    assert report(xero, "AgedPayablesByContact", contactId=made["Contact"]["ContactID"])["Total"][-1] == "220.00"


def test_a_new_financial_year_begins_at_zero(xero: Client) -> None:
    xero.invoice(1000, Status="AUTHORISED", Date="2026-06-30")
    trial = report(xero, "TrialBalance", date="2026-07-01")
    assert "Sales (200)" not in trial
    assert trial["Retained Earnings (960)"] == ["", "", "", "1000.00"]
    assert report(xero, "BalanceSheet", date="2026-07-01")["Retained Earnings"] == ["1000.00"]


def test_an_account_with_postings_stays(xero: Client) -> None:
    xero.pay(xero.invoice(100, Status="AUTHORISED"), 10, Account={"Code": "880"})
    (drawings,) = xero.rows("GET", "/Accounts", where='Code=="880"')
    assert xero.send("DELETE", f"/Accounts/{drawings['AccountID']}").status == 400
    (unused,) = xero.rows("GET", "/Accounts", where='Code=="881"')
    assert xero.send("DELETE", f"/Accounts/{unused['AccountID']}").status == 200


@pytest.mark.parametrize("path", ["/Reports/Nothing", "/Reports/TrialBalance/x"])
def test_unknown_reports(xero: Client, path: str) -> None:
    assert xero.send("GET", path).status == 404
