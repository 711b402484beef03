"""Orders, quotes, manual journals, transfers, batches and the like as people make them and apps read them
(XERO 4.6, 4.8, 4.15 to 4.17, 4.19, 4.20, 4.24); ``test_app_writes`` has those that apps write."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from crossfoot.emulators.xero import new_world

from .conftest import Client
from .test_ledger import journals, legs, report

LINE = {"Description": "Paper", "Quantity": 2, "UnitAmount": "10.1234", "AccountCode": "429", "TaxType": "INPUT"}
SALE = {"Description": "Advice", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200", "TaxType": "OUTPUT"}


def contact_of(xero: Client) -> dict[str, str]:
    (known,) = xero.rows("GET", "/Contacts", where='Name=="Paper Mill"') or [xero.contact("Paper Mill")]
    return {"ContactID": known["ContactID"]}


def user_of(xero: Client) -> dict[str, str]:
    return {"UserID": xero.rows("GET", "/Users")[0]["UserID"]}


def make(xero: Client, plural: str, body: dict[str, Any], query: str = "") -> dict[str, Any]:
    """What a person makes in Xero's own screens."""
    (made,) = xero.person("PUT", f"/{plural}{query}", {plural: [body]})[plural]
    return dict(made)


def refusals(xero: Client, plural: str, body: dict[str, Any], method: str = "PUT") -> list[str]:
    (element,) = xero.person(method, f"/{plural}?summarizeErrors=false", {plural: [body]})[plural]
    return [error["Message"] for error in element.get("ValidationErrors", [])]


def make_receipt(xero: Client) -> dict[str, Any]:
    return make(xero, "Receipts", {"Contact": contact_of(xero), "User": user_of(xero), "LineItems": [LINE]})


def make_link(xero: Client) -> dict[str, Any]:
    bill = xero.invoice({"AccountCode": "429", "TaxType": "INPUT", "UnitAmount": 5}, Type="ACCPAY", InvoiceNumber="B-1")
    source = {"SourceTransactionID": bill["InvoiceID"], "SourceLineItemID": bill["LineItems"][0]["LineItemID"]}
    return make(xero, "LinkedTransactions", source)


def make_batch(xero: Client) -> dict[str, Any]:
    invoices = [xero.invoice(100, Status="AUTHORISED"), xero.invoice(200, Status="AUTHORISED")]
    rows = [{"Invoice": {"InvoiceID": row["InvoiceID"]}, "Amount": row["Total"]} for row in invoices]
    return make(xero, "BatchPayments", {"Account": {"Code": "090"}, "Date": "2026-11-20", "Payments": rows})


MAKERS: dict[str, Callable[[Client], dict[str, Any]]] = {
    "PurchaseOrders": lambda xero: make(xero, "PurchaseOrders", {"Contact": contact_of(xero), "LineItems": [LINE]}),
    "Quotes": lambda xero: make(
        xero, "Quotes", {"Contact": contact_of(xero), "Date": "2026-11-20", "LineItems": [SALE]}
    ),
    "RepeatingInvoices": lambda xero: make(
        xero,
        "RepeatingInvoices",
        {
            "Type": "ACCREC",
            "Contact": contact_of(xero),
            "Schedule": {"Period": 1, "Unit": "MONTHLY", "StartDate": "2026-12-01", "DueDate": 10},
            "LineItems": [SALE],
        },
    ),
    "Receipts": make_receipt,
    "ManualJournals": lambda xero: make(
        xero,
        "ManualJournals",
        {
            "Narration": "Accrual",
            "Status": "POSTED",
            "JournalLines": [
                {"LineAmount": 100, "AccountCode": "429", "Description": "Cost"},
                {"LineAmount": -100, "AccountCode": "835"},
            ],
        },
    ),
    "BankTransfers": lambda xero: make(
        xero,
        "BankTransfers",
        {"FromBankAccount": {"Code": "090"}, "ToBankAccount": {"Code": "091"}, "Amount": 250, "Date": "2026-11-20"},
    ),
    "BatchPayments": make_batch,
    "ExpenseClaims": lambda xero: make(
        xero,
        "ExpenseClaims",
        {"User": user_of(xero), "Receipts": [{"ReceiptID": make_receipt(xero)["ReceiptID"]}]},
    ),
    "Employees": lambda xero: make(xero, "Employees", {"FirstName": "Ana", "LastName": "Silva"}),
    "LinkedTransactions": make_link,
    "PaymentServices": lambda xero: make(
        xero, "PaymentServices", {"PaymentServiceName": "PayUpNow", "PaymentServiceUrl": "https://pay.example/"}
    ),
    "Budgets": lambda xero: make(
        xero,
        "Budgets",
        {
            "Description": "Overall",
            "BudgetLines": [
                {
                    "AccountCode": "200",
                    "BudgetBalances": [{"Period": f"2026-{month:02}", "Amount": 1000} for month in (10, 11, 12)],
                }
            ],
        },
    ),
}
ID_FIELDS = {plural: f"{plural[:-1]}ID" for plural in MAKERS}


@pytest.mark.parametrize("plural", MAKERS)
def test_an_app_reads_what_a_person_made_in_a_list_and_by_id(xero: Client, plural: str) -> None:
    made = MAKERS[plural](xero)
    record_id = made[ID_FIELDS[plural]]
    (listed,) = xero.rows("GET", f"/{plural}")
    assert listed[ID_FIELDS[plural]] == record_id
    if plural != "PaymentServices":
        assert xero.one("GET", f"/{plural}/{record_id}")[ID_FIELDS[plural]] == record_id
    assert xero.send("GET", f"/{plural}/{'0' * 8}-0000-4000-8000-{'0' * 12}").status == 404


@pytest.mark.parametrize("plural", ["Receipts", "ExpenseClaims", "Employees"])
def test_an_app_that_writes_is_told_that_the_emulator_does_not_cover_it(xero: Client, plural: str) -> None:
    made = MAKERS[plural](xero)
    for method, path in (
        ("PUT", f"/{plural}"),
        ("POST", f"/{plural}"),
        ("POST", f"/{plural}/{made[ID_FIELDS[plural]]}"),
    ):
        response = xero.send(method, path, {plural: [{"FirstName": "Ana"}]})
        assert response.status == 501
        told = json.loads(response.body)
        assert (told["Title"], plural in told["Detail"]) == ("Not Implemented", True)
        assert (xero.world.log[-1]["method"], xero.world.log[-1]["status"]) == (method, 501)
    assert len(xero.rows("GET", f"/{plural}")) == 1


def test_no_scope_lets_an_app_write_budgets(xero: Client) -> None:
    assert xero.send("PUT", "/Budgets", {"Budgets": [{"Description": "x"}]}).status == 401


@pytest.mark.parametrize(
    ("plural", "scope"),
    [
        ("PurchaseOrders", "accounting.invoices.read"),
        ("Quotes", "accounting.invoices.read"),
        ("RepeatingInvoices", "accounting.invoices.read"),
        ("LinkedTransactions", "accounting.invoices.read"),
        ("ManualJournals", "accounting.manualjournals.read"),
        ("BankTransfers", "accounting.banktransactions.read"),
        ("BatchPayments", "accounting.payments.read"),
        ("Receipts", "accounting.classicexpenses.read"),
        ("ExpenseClaims", "accounting.classicexpenses.read"),
        ("Employees", "accounting.settings.read"),
        ("PaymentServices", "paymentservices"),
        ("Budgets", "accounting.budgets.read"),
    ],
)
def test_each_is_opened_by_its_own_scope_and_no_other(xero: Client, plural: str, scope: str) -> None:
    grant = next(token["grant"] for text, token in xero.world.state["access_tokens"].items() if text == xero.token)
    grant["scope"] = [scope]
    assert xero.send("GET", f"/{plural}").status == 200
    grant["scope"] = ["accounting.contacts"]
    assert xero.send("GET", f"/{plural}").status == 401


def test_purchase_orders_are_always_paged_numbered_and_keep_four_decimals(xero: Client) -> None:
    made = MAKERS["PurchaseOrders"](xero)
    answer = xero.json("GET", "/PurchaseOrders")
    assert answer["pagination"] == {"page": 1, "pageSize": 100, "pageCount": 1, "itemCount": 1}
    order = xero.one("GET", "/PurchaseOrders/PO-0001")
    assert order["PurchaseOrderID"] == made["PurchaseOrderID"]
    assert (order["LineItems"][0]["UnitAmount"], order["SubTotal"], order["Total"]) == (
        Decimal("10.1234"),
        Decimal("20.25"),
        Decimal("22.28"),
    )
    again = {"Contact": made["Contact"], "LineItems": [LINE], "PurchaseOrderNumber": "PO-0001"}
    assert refusals(xero, "PurchaseOrders", again) == ["PurchaseOrder number must be unique."]
    unknown = {"Contact": {"Name": "Nobody"}, "LineItems": [LINE]}
    assert refusals(xero, "PurchaseOrders", unknown) == [
        "The contact must exist before it can be used on this document"
    ]


def test_orders_and_quotes_are_filtered_by_status_and_dates(xero: Client) -> None:
    contact = contact_of(xero)
    for plural, day_field in (("PurchaseOrders", "DeliveryDate"), ("Quotes", "ExpiryDate")):
        for day in ("2026-11-01", "2026-11-10"):
            body = {"Contact": contact, "Date": day, "LineItems": [LINE], day_field: "2026-12-01"}
            make(xero, plural, body)
        assert len(xero.rows("GET", f"/{plural}", DateFrom="2026-11-05")) == 1
        assert len(xero.rows("GET", f"/{plural}", DateTo="2026-11-05")) == 1
        assert len(xero.rows("GET", f"/{plural}", DateFrom="2026-11-01", DateTo="2026-11-10")) == 2
        assert xero.rows("GET", f"/{plural}", Status="DELETED") == []
        assert len(xero.rows("GET", f"/{plural}", Status="DRAFT")) == 2
        assert xero.send("GET", f"/{plural}", query={"DateFrom": "soon"}).status == 400
    assert len(xero.rows("GET", "/Quotes", ExpiryDateTo="2026-12-01")) == 2
    assert xero.rows("GET", "/Quotes", ExpiryDateFrom="2026-12-02") == []
    assert [row["QuoteNumber"] for row in xero.rows("GET", "/Quotes", QuoteNumber="0002")] == ["QU-0002"]
    assert len(xero.rows("GET", "/Quotes", ContactID=contact["ContactID"])) == 2


def test_modified_since_finds_only_what_changed(xero: Client) -> None:
    MAKERS["PurchaseOrders"](xero)
    xero.wait(minutes=10)
    since = {"if-modified-since": f"{xero.now:%Y-%m-%dT%H:%M:%S}"}
    assert xero.json("GET", "/PurchaseOrders", headers=since)["PurchaseOrders"] == []


def test_a_quotes_life_and_what_each_update_has_to_repeat(xero: Client) -> None:
    quote = MAKERS["Quotes"](xero)
    told = {"QuoteID": quote["QuoteID"], "Contact": {"ContactID": quote["Contact"]["ContactID"]}, "Date": "2026-11-20"}
    assert refusals(xero, "Quotes", {"QuoteID": quote["QuoteID"], "Status": "SENT"}, "POST") == [
        "A Contact must be specified for this type of transaction",
        "A Date must be specified for this type of transaction",
    ]
    assert refusals(xero, "Quotes", {**told, "Status": "INVOICED"}, "POST") == [
        "Quote not of valid status for modification"
    ]
    for status in ("SENT", "ACCEPTED", "INVOICED", "DELETED"):
        assert refusals(xero, "Quotes", {**told, "Status": status}, "POST") == []
    (deleted,) = xero.rows("GET", f"/Quotes/{quote['QuoteID']}")
    assert (deleted["Status"], deleted["LineAmountTypes"], deleted["Total"]) == ("DELETED", "EXCLUSIVE", 110)


def test_a_posted_manual_journal_moves_the_ledger_and_a_voided_one_moves_it_back(xero: Client) -> None:
    made = MAKERS["ManualJournals"](xero)
    assert legs(journals(xero)[-1]) == {"429": 100, "835": -100}
    (total,) = (cells for name, cells in report(xero, "TrialBalance").items() if name == "Total")
    assert total == ["100.00", "100.00", "100.00", "100.00"]
    assert xero.rows("GET", "/ManualJournals")[0]["JournalLines"] == []
    assert len(xero.rows("GET", "/ManualJournals", page=1)[0]["JournalLines"]) == 2
    xero.person("POST", f"/ManualJournals/{made['ManualJournalID']}", {"Status": "VOIDED"})
    feed = journals(xero)
    assert legs(feed[-1]) == {"429": -100, "835": 100}
    assert [row["JournalNumber"] for row in feed] == list(range(1, len(feed) + 1))


def test_a_manual_journal_with_tax_posts_the_tax_apart(xero: Client) -> None:
    lines = [
        {"LineAmount": 110, "AccountCode": "429", "TaxType": "INPUT"},
        {"LineAmount": -110, "AccountCode": "880", "TaxType": "BASEXCLUDED"},
    ]
    body = {"Narration": "Card", "Status": "POSTED", "LineAmountTypes": "Inclusive", "JournalLines": lines}
    make(xero, "ManualJournals", body)
    assert legs(journals(xero)[-1]) == {"429": 100, "820": 10, "880": -110}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([("429", 100), ("835", -10)], "The total debits (100.00) must equal total credits (-10.00)"),
        ([("429", 100), ("610", -100)], "Account code '610' is not a valid code for this document."),
        ([("429", 100), ("090", -100)], "Account code '090' is not a valid code for this document."),
        ([("429", 0)], "A manual journal must have at least two journal lines"),
    ],
)
def test_what_a_manual_journal_may_not_be(xero: Client, lines: list[tuple[str, int]], message: str) -> None:
    rows = [{"LineAmount": amount, "AccountCode": code} for code, amount in lines]
    assert refusals(xero, "ManualJournals", {"Narration": "x", "JournalLines": rows}) == [message]
    assert journals(xero) == []


def test_a_transfer_posts_once_and_shows_as_a_bank_transaction_at_each_end(xero: Client) -> None:
    made = MAKERS["BankTransfers"](xero)
    assert legs(journals(xero)[-1]) == {"090": -250, "091": 250}
    ends = {row["Type"]: row["BankTransactionID"] for row in xero.rows("GET", "/BankTransactions", page=1)}
    assert ends == {"SPEND-TRANSFER": made["FromBankTransactionID"], "RECEIVE-TRANSFER": made["ToBankTransactionID"]}
    end = {"BankTransactionID": made["ToBankTransactionID"], "Reference": "x"}
    assert xero.problems("POST", "/BankTransactions", {"BankTransactions": [end]}) == [
        "The Type field is not valid for an update. This must be either 'SPEND', 'RECEIVE'."
    ]
    xero.person("POST", "/BankTransfers", {"BankTransferID": made["BankTransferID"], "Status": "DELETED"})
    assert xero.rows("GET", "/BankTransfers") == []
    assert xero.one("GET", "/BankTransfers", includeDeleted="true")["Status"] == "DELETED"
    assert legs(journals(xero)[-1]) == {"090": 250, "091": -250}
    assert {row["Status"] for row in xero.rows("GET", "/BankTransactions")} == {"DELETED"}


def test_a_batch_pays_its_invoices_and_its_deletion_opens_them(xero: Client) -> None:
    made = make_batch(xero)
    assert (made["Type"], made["TotalAmount"]) == ("RECBATCH", 330)
    assert {row["Status"] for row in xero.rows("GET", "/Invoices")} == {"PAID"}
    payment_id = made["Payments"][0]["PaymentID"]
    assert xero.one("GET", f"/Payments/{payment_id}")["BatchPaymentID"] == made["BatchPaymentID"]
    assert xero.problems("POST", f"/Payments/{payment_id}", {"Status": "DELETED"}) == [
        "Payments within a batch cannot be deleted."
    ]
    xero.person("POST", f"/BatchPayments/{made['BatchPaymentID']}", {"Status": "DELETED"})
    assert {row["Status"] for row in xero.rows("GET", "/Invoices")} == {"AUTHORISED"}
    assert {row["Status"] for row in xero.rows("GET", "/Payments")} == {"DELETED"}


def test_a_refused_batch_leaves_no_payment(xero: Client) -> None:
    invoice = xero.invoice(100, Status="AUTHORISED")
    rows = [{"Invoice": {"InvoiceID": invoice["InvoiceID"]}, "Amount": amount} for amount in (60, 60)]
    told = refusals(xero, "BatchPayments", {"Account": {"Code": "090"}, "Payments": rows})
    assert told == ["Payment amount exceeds the amount outstanding on this document"]
    assert xero.rows("GET", "/Payments") == []


def test_a_linked_transactions_status_follows_its_documents(xero: Client) -> None:
    link = make_link(xero)

    def status() -> str:
        return str(xero.one("GET", f"/LinkedTransactions/{link['LinkedTransactionID']}")["Status"])

    assert status() == "DRAFT"
    xero.one("POST", f"/Invoices/{link['SourceTransactionID']}", {"Status": "AUTHORISED"})
    assert status() == "APPROVED"
    target = xero.invoice(100)
    change = {"LinkedTransactionID": link["LinkedTransactionID"], "TargetTransactionID": target["InvoiceID"]}
    xero.person("POST", "/LinkedTransactions", change)
    assert status() == "ONDRAFT"
    xero.one("POST", f"/Invoices/{target['InvoiceID']}", {"Status": "AUTHORISED"})
    assert len(xero.rows("GET", "/LinkedTransactions", Status="BILLED")) == 1
    other = {"LinkedTransactionID": link["LinkedTransactionID"], "ContactID": xero.contact("Other")["ContactID"]}
    assert refusals(xero, "LinkedTransactions", other, "POST") == [
        "The ContactID and the TargetTransaction ContactID do not match"
    ]


def test_an_expense_claim_is_the_sum_of_its_receipts(xero: Client) -> None:
    claim = MAKERS["ExpenseClaims"](xero)
    assert (claim["Status"], claim["Total"], claim["AmountDue"]) == ("SUBMITTED", Decimal("22.28"), Decimal("22.28"))
    assert claim["Receipts"][0]["User"]["FirstName"]
    assert xero.one("GET", "/ExpenseClaims")["Receipts"] == []
    assert xero.one("GET", "/Receipts")["ReceiptNumber"] == "1"


def test_a_budget_shows_its_months_by_id_only_and_between_two_days(xero: Client) -> None:
    budget = MAKERS["Budgets"](xero)
    assert xero.one("GET", "/Budgets")["BudgetLines"] == []
    path = f"/Budgets/{budget['BudgetID']}"
    (line_,) = xero.one("GET", path, DateFrom="2026-11-01", DateTo="2026-11-30")["BudgetLines"]
    assert [row["Period"] for row in line_["BudgetBalances"]] == ["2026-11"]
    assert len(xero.one("GET", path)["BudgetLines"][0]["BudgetBalances"]) == 3


def test_everything_survives_a_dump(xero: Client) -> None:
    for maker in MAKERS.values():
        maker(xero)
    copy = new_world(signing_key_pem=xero.world.signing_key_pem)
    copy.load(xero.world.dump())
    assert copy.dump() == xero.world.dump()
