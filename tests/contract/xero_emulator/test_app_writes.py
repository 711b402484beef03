"""What apps write of orders, quotes, manual journals, transfers, batches, links and templates (XERO 3.3, 4.6, 4.8, 4.15
to 4.17, 4.19, 4.20)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from .conftest import Client
from .test_ledger import journals, legs
from .test_read_only import LINE, SALE, contact_of

DAY = "2026-11-20"


def order(xero: Client) -> dict[str, Any]:
    return {"Contact": contact_of(xero), "LineItems": [LINE]}


def quote(xero: Client) -> dict[str, Any]:
    return {"Contact": contact_of(xero), "Date": DAY, "LineItems": [SALE]}


def journal(_xero: Client) -> dict[str, Any]:
    lines = [{"LineAmount": 100, "AccountCode": "429"}, {"LineAmount": -100, "AccountCode": "835"}]
    return {"Narration": "Accrual", "Date": DAY, "JournalLines": lines}


def transfer(_xero: Client) -> dict[str, Any]:
    return {"FromBankAccount": {"Code": "090"}, "ToBankAccount": {"Code": "091"}, "Amount": 5, "Date": DAY}


def batch(xero: Client) -> dict[str, Any]:
    invoice = xero.invoice(100, Status="AUTHORISED")
    row = {"Invoice": {"InvoiceID": invoice["InvoiceID"]}, "Amount": 60}
    return {"Account": {"Code": "090"}, "Date": DAY, "Payments": [row]}


def link(xero: Client) -> dict[str, Any]:
    bill = xero.invoice({"AccountCode": "429", "TaxType": "INPUT"}, Type="ACCPAY", InvoiceNumber="B-1")
    return {"SourceTransactionID": bill["InvoiceID"], "SourceLineItemID": bill["LineItems"][0]["LineItemID"]}


def template(xero: Client) -> dict[str, Any]:
    schedule = {"Period": 1, "Unit": "MONTHLY", "StartDate": "2026-12-01", "DueDate": 10}
    return {"Type": "ACCREC", "Contact": contact_of(xero), "Schedule": schedule, "LineItems": [SALE]}


def service(_xero: Client) -> dict[str, Any]:
    return {"PaymentServiceName": "PayUpNow", "PaymentServiceUrl": "https://pay.example/"}


BODIES: dict[str, Callable[[Client], dict[str, Any]]] = {
    "PurchaseOrders": order,
    "Quotes": quote,
    "ManualJournals": journal,
    "BankTransfers": transfer,
    "BatchPayments": batch,
    "LinkedTransactions": link,
    "RepeatingInvoices": template,
    "PaymentServices": service,
}


@pytest.mark.parametrize("plural", BODIES)
def test_an_app_creates_what_it_then_reads(xero: Client, plural: str) -> None:
    id_field = f"{plural[:-1]}ID"
    made = xero.one("PUT", f"/{plural}", {plural: [BODIES[plural](xero)]})
    assert [row[id_field] for row in xero.rows("GET", f"/{plural}")] == [made[id_field]]


@pytest.mark.parametrize(("plural", "number"), [("PurchaseOrders", "PO-0001"), ("Quotes", "QU-0001")])
def test_a_post_with_a_known_number_edits_that_paper_and_is_marked(xero: Client, plural: str, number: str) -> None:
    body = BODIES[plural](xero)
    made = xero.one("PUT", f"/{plural}", body)
    changed = xero.one("POST", f"/{plural}", {**body, f"{plural[:-1]}Number": number, "Reference": "changed"})
    assert (changed[f"{plural[:-1]}ID"], changed["Reference"]) == (made[f"{plural[:-1]}ID"], "changed")
    assert "overwrites" in xero.world.log[-1]["illegal"]


def test_a_purchase_order_is_changed_by_its_id(xero: Client) -> None:
    made = xero.one("PUT", "/PurchaseOrders", order(xero))
    changed = xero.one("POST", f"/PurchaseOrders/{made['PurchaseOrderID']}", {"Status": "AUTHORISED"})
    assert (changed["Status"], xero.world.log[-1]["illegal"]) == ("AUTHORISED", None)


def test_an_orders_quantity_needs_a_price(xero: Client) -> None:
    """XERO 4.15: sent, or the item's."""
    xero.one("PUT", "/Items", {"Code": "PAPER", "Name": "Paper", "PurchaseDetails": {"UnitPrice": 4}})
    bare = {"Description": "Paper", "Quantity": 2, "AccountCode": "429", "TaxType": "INPUT"}
    assert xero.problems("PUT", "/PurchaseOrders", {**order(xero), "LineItems": [bare]}) == [
        "A UnitAmount must be given with a Quantity"
    ]
    for extra, total in (({"ItemCode": "PAPER"}, 8), ({"UnitAmount": 5}, 10), ({"UnitAmount": 0}, 0)):
        made = xero.one("PUT", "/PurchaseOrders", {**order(xero), "LineItems": [{**bare, **extra}]})
        assert made["SubTotal"] == total


def test_a_manual_journal_of_an_app_posts_and_respects_the_lock_date(xero: Client) -> None:
    made = xero.one("PUT", "/ManualJournals", journal(xero))
    assert (made["Status"], journals(xero)) == ("DRAFT", [])
    xero.one("POST", f"/ManualJournals/{made['ManualJournalID']}", {"Status": "POSTED"})
    assert legs(journals(xero)[-1]) == {"429": 100, "835": -100}
    xero.person("POST", "/Organisation", {"PeriodLockDate": DAY})
    (problem,) = xero.problems("PUT", "/ManualJournals", {**journal(xero), "Status": "POSTED"})
    assert "period lock date" in problem
    assert xero.world.log[-1]["illegal"] == "an entry dated behind the lock"


def test_a_quotes_line_is_spelled_out(xero: Client) -> None:
    """XERO 4.16: no tax type from the account, and tracking by the option's id alone."""
    region = xero.one("PUT", "/TrackingCategories", {"Name": "Region", "Options": [{"Name": "North"}]})
    by_id = {"TrackingCategoryID": region["TrackingCategoryID"], **region["Options"][0]}
    del by_id["Name"], by_id["Status"]
    bare = {"Description": "Advice", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200"}
    lines = [{**bare, "Tracking": [{"Name": "Region", "Option": "North"}]}, {**bare, "Tracking": [by_id]}]
    made = xero.one("PUT", "/Quotes", {**quote(xero), "LineItems": lines})
    assert (made["TotalTax"], [row.get("TaxType") for row in made["LineItems"]]) == (0, [None, None])
    assert [[entry["Option"] for entry in row["Tracking"]] for row in made["LineItems"]] == [[], ["North"]]
    assert "Tracking option 'North' has been removed" in made["Warnings"][0]["Message"]


def test_an_accepted_quote_keeps_its_amounts(xero: Client) -> None:
    """XERO 4.16: fully editable in DRAFT and SENT; sent again, it is open again."""
    made = xero.one("PUT", "/Quotes", {**quote(xero), "Status": "SENT"})
    path, told = f"/Quotes/{made['QuoteID']}", {"Contact": {"ContactID": made["Contact"]["ContactID"]}, "Date": DAY}
    dearer = {**told, "LineItems": [{"LineItemID": made["LineItems"][0]["LineItemID"], "UnitAmount": 120}]}
    assert xero.one("POST", path, {**dearer, "Status": "ACCEPTED"})["SubTotal"] == 120
    assert xero.one("POST", path, {**dearer, "Title": "As agreed"})["Title"] == "As agreed"
    dearest = {**told, "LineItems": [{**SALE, "UnitAmount": 150}]}
    assert xero.problems("POST", path, dearest) == ["Quote not of valid status for modification"]
    assert xero.problems("POST", path, {**dearest, "Status": "INVOICED"})
    assert xero.one("POST", path, {**dearest, "Status": "SENT"})["SubTotal"] == 150


@pytest.mark.parametrize("plural", ["BankTransfers", "BatchPayments"])
def test_a_post_deletes_what_its_id_names_and_creates_nothing(xero: Client, plural: str) -> None:
    id_field, body = f"{plural[:-1]}ID", BODIES[plural](xero)
    assert xero.problems("POST", f"/{plural}", {plural: [body]})[0] == f"{id_field} must be specified"
    made = xero.one("PUT", f"/{plural}", {plural: [body]})
    deleted = xero.one("POST", f"/{plural}", {plural: [{id_field: made[id_field], "Status": "DELETED"}]})
    assert deleted["Status"] == "DELETED"


def test_a_payment_of_a_batch_tells_its_batch_and_what_the_bank_is_told(xero: Client) -> None:
    """XERO 4.5, 4.6: BatchPayment of a payment, also on its invoice; the texts of each row of a batch."""
    body = batch(xero)
    texts = {"BankAccountNumber": "0600014417", "Particulars": "Rent", "Code": "R-7", "Details": "November"}
    body["Payments"][0] |= texts
    made = xero.one("PUT", "/BatchPayments", body)
    (row,) = made["Payments"]
    assert {name: row[name] for name in texts} == texts
    payment = xero.one("GET", f"/Payments/{row['PaymentID']}")
    told = payment["BatchPayment"]
    assert (told["BatchPaymentID"], told["TotalAmount"], told["Type"]) == (made["BatchPaymentID"], 60, "RECBATCH")
    (applied,) = xero.one("GET", f"/Invoices/{payment['Invoice']['InvoiceID']}")["Payments"]
    assert applied["BatchPaymentID"] == made["BatchPaymentID"]


def test_a_linked_transaction_is_deleted_silently(xero: Client) -> None:
    made = xero.one("POST", "/LinkedTransactions", link(xero))
    answer = xero.send("DELETE", f"/LinkedTransactions/{made['LinkedTransactionID']}")
    assert (answer.status, answer.body, xero.rows("GET", "/LinkedTransactions")) == (204, b"", [])


def test_a_quote_of_an_app_keeps_four_decimals_and_upper_case_modes(xero: Client) -> None:
    lines = [{**SALE, "UnitAmount": "0.0611", "Quantity": 1000}]
    made = xero.one("PUT", "/Quotes", {**quote(xero), "LineItems": lines})
    assert (made["LineItems"][0]["UnitAmount"], made["SubTotal"]) == (Decimal("0.0611"), Decimal("61.10"))
    assert made["LineAmountTypes"] == "EXCLUSIVE"


@pytest.mark.parametrize(
    ("plural", "element"),
    [
        ("PurchaseOrders", {}),
        ("Quotes", {}),
        ("LinkedTransactions", {"SourceLineItemID": "00000000-0000-4000-8000-000000000001"}),
        ("RepeatingInvoices", {"Type": "ACCREC"}),
    ],
)
def test_a_refused_element_carries_its_flag_and_its_problems(
    xero: Client, plural: str, element: dict[str, Any]
) -> None:
    """XERO 3.4."""
    [refused] = xero.json("PUT", f"/{plural}", {plural: [element]})["Elements"]
    assert refused["HasErrors"] is True
    assert refused["ValidationErrors"]


@pytest.mark.parametrize("plural", ["ManualJournals", "BankTransfers"])
def test_tracking_of_journals_and_transfers_is_in_use(xero: Client, plural: str) -> None:
    """XERO 4.12: what is in use cannot be deleted."""
    region = xero.one("PUT", "/TrackingCategories", {"Name": "Region", "Options": [{"Name": "North"}]})
    path = f"/TrackingCategories/{region['TrackingCategoryID']}"
    option = f"{path}/Options/{region['Options'][0]['TrackingOptionID']}"
    body, tracking = BODIES[plural](xero), [{"Name": "Region", "Option": "North"}]
    if plural == "BankTransfers":
        body["ToTracking"] = tracking
    else:
        body["JournalLines"][0]["Tracking"] = tracking
    xero.one("PUT", f"/{plural}", body)
    assert [xero.send("DELETE", place).status for place in (option, path)] == [400, 400]


def test_one_tracking_option_is_made_per_call(xero: Client) -> None:
    category = xero.one("PUT", "/TrackingCategories", {"Name": "Region"})
    path = f"/TrackingCategories/{category['TrackingCategoryID']}/Options"
    refused = xero.send("PUT", path, {"Options": [{"Name": "North"}, {"Name": "South"}]})
    assert (refused.status, b"NoDataProcessedException" in refused.body) == (400, True)
    assert xero.one("PUT", path, {"Options": [{"Name": "North"}]})["Name"] == "North"
