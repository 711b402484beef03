"""Whatever stands in a place of a body is answered: each leaf of a full body of each kind, with each odd value in it.

``test_xero_robust`` draws its bodies; here every place comes to its turn, those inside lines, tracking and contacts too
(XERO 3.5).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from crossfoot.emulators.wire import Request
from crossfoot.emulators.xero import handle
from tests.contract.xero_emulator.conftest import Client
from tests.property.xero_client import books_of, open_client

Path = tuple[str | int, ...]
ODD: tuple[Any, ...] = ("", None, {}, [], [{}], True, -1, "x" * 300, 10**30)
DAY = "2026-11-20"
CONTACT = {
    "ContactID": "contact",
    "Name": "Acme Pty Ltd",
    "ContactNumber": "7",
    "EmailAddress": "a@acme.example",
    "Addresses": [{"AddressType": "POBOX", "AddressLine1": "1 Pier", "City": "Perth", "Country": "Australia"}],
    "Phones": [{"PhoneType": "MOBILE", "PhoneNumber": "1", "PhoneAreaCode": "2", "PhoneCountryCode": "3"}],
    "ContactPersons": [{"FirstName": "Bo", "EmailAddress": "bo@acme.example", "IncludeInEmails": True}],
    "PaymentTerms": {"Sales": {"Day": 5, "Type": "OFCURRENTMONTH"}},
}
BY_NAME = [{"Name": "Region", "Option": "North"}]
BY_ID = [{"TrackingCategoryID": "category", "TrackingOptionID": "option"}]
TAXED = {"AccountCode": "200", "TaxType": "OUTPUT"}
LINES = [
    {
        "Description": "a",
        "Quantity": 2,
        "UnitAmount": 5,
        "ItemCode": "ADV",
        **TAXED,
        "TaxAmount": 1,
        "Tracking": BY_NAME,
    },
    {
        "Description": "b",
        "Quantity": 2,
        "UnitAmount": 5,
        "LineAmount": 9.5,
        "DiscountRate": 5,
        **TAXED,
        "Tracking": BY_ID,
    },
]
COSTS = [
    {"Description": "c", "Quantity": 2, "UnitAmount": 5, "AccountCode": "429", "TaxType": "INPUT", "LineAmount": 10}
]
MONEY = {"Contact": CONTACT, "BankAccount": {"Code": "090"}}
DRAFT = {"Contact": CONTACT, "Date": DAY, "CurrencyCode": "NZD", "CurrencyRate": 1.1, "Reference": "r"}
SIDE = {"UnitPrice": 1, "AccountCode": "200", "TaxType": "OUTPUT"}
SCHEDULE = {"Period": 1, "Unit": "MONTHLY", "DueDate": 10, "DueDateType": "OFCURRENTMONTH", "StartDate": DAY}
ENDS = {
    "FromBankAccount": {"Code": "090"},
    "ToBankAccount": {"Code": "091"},
    "FromTracking": BY_NAME,
    "ToTracking": BY_ID,
}
JOURNAL = [
    {"LineAmount": amount, "AccountCode": "429", "TaxType": "INPUT", "Tracking": BY_NAME} for amount in (10, -10)
]
PAID = {"Invoice": {"InvoiceID": "invoice"}, "Amount": 1, "Reference": "r"}
# Method and path -> a sound body; the names in it stand for ids of the world
APPS: dict[str, Any] = {
    "PUT Invoices": {"Type": "ACCREC", **DRAFT, "DueDate": DAY, "LineItems": LINES, "Status": "AUTHORISED"},
    "PUT CreditNotes": {"Type": "ACCRECCREDIT", **DRAFT, "LineItems": COSTS, "Status": "AUTHORISED"},
    "PUT CreditNotes/note/Allocations": {"Amount": 1, "Date": DAY, "Invoice": {"InvoiceNumber": "INV-0001"}},
    "PUT Payments": {**PAID, "Account": {"Code": "090"}, "Date": DAY, "CurrencyRate": 1, "BankAmount": 1},
    "PUT BatchPayments": {"Account": {"Code": "090"}, "Date": DAY, "Payments": [{**PAID, "Details": "d"}]},
    "PUT BankTransactions": {"Type": "SPEND", **MONEY, "LineItems": COSTS, "LineAmountTypes": "Exclusive"},
    "POST BankTransactions": {"Type": "RECEIVE-OVERPAYMENT", **MONEY, "LineItems": [{"LineAmount": 5}]},
    "PUT BankTransfers": {**ENDS, "Amount": 5, "Date": DAY, "FromIsReconciled": True},
    "PUT ManualJournals": {"Narration": "n", "Date": DAY, "Status": "POSTED", "JournalLines": JOURNAL},
    "PUT PurchaseOrders": {**DRAFT, "DeliveryDate": DAY, "LineItems": COSTS, "Status": "AUTHORISED"},
    "PUT Quotes": {**DRAFT, "ExpiryDate": DAY, "LineItems": LINES, "Status": "SENT", "LineAmountTypes": "INCLUSIVE"},
    "PUT RepeatingInvoices": {"Type": "ACCREC", "Contact": CONTACT, "LineItems": LINES, "Schedule": SCHEDULE},
    "PUT LinkedTransactions": {
        "SourceTransactionID": "bill",
        "SourceLineItemID": "x",
        "TargetTransactionID": "invoice",
    },
    "POST Contacts": {**CONTACT, "DefaultCurrency": "AUD", "BatchPayments": {"Code": "c"}, "ContactStatus": "ACTIVE"},
    "PUT Items": {"Code": "NEW", "SalesDetails": SIDE, "PurchaseDetails": SIDE, "InventoryAssetAccountCode": "630"},
    "PUT Accounts": {"Code": "998", "Name": "N", "Type": "BANK", "BankAccountNumber": "1", "CurrencyCode": "NZD"},
    "PUT TaxRates": {"Name": "N", "ReportTaxType": "OUTPUT", "TaxComponents": [{"Name": "A", "Rate": 5}]},
    "PUT TrackingCategories": {"Name": "Team", "Options": [{"Name": "Red", "Status": "ACTIVE"}]},
    "PUT TrackingCategories/category/Options": {"Name": "South"},
    "POST TrackingCategories/category/Options/option": {"Name": "South"},
    "PUT PaymentServices": {"PaymentServiceName": "n", "PaymentServiceUrl": "https://pay.example/"},
}
BALANCES = [{"Period": "2026-11", "Amount": 5, "Notes": "n"}]
PEOPLE: dict[str, Any] = {
    "POST Organisation": {"PeriodLockDate": DAY},
    "PUT Budgets": {"Description": "d", "Tracking": BY_NAME, "BudgetLines": [{"BudgetBalances": BALANCES, **TAXED}]},
    "PUT Receipts": {"User": {"UserID": "user"}, "Contact": CONTACT, "LineItems": COSTS, "Date": DAY},
    "PUT ExpenseClaims": {"User": {"UserID": "user"}, "Receipts": [{"ReceiptID": "x"}], "PaymentDueDate": DAY},
}


@cache
def start() -> tuple[Client, dict[str, Any], dict[str, str]]:
    """A client, its world with what the bodies name, and the ids by those names."""
    xero = open_client()
    region = xero.one("PUT", "/TrackingCategories", {"Name": "Region", "Options": [{"Name": "North"}]})
    xero.one("PUT", "/Items", {"Code": "ADV", "Name": "Advice", "SalesDetails": SIDE})
    costs = {"AccountCode": "429", "TaxType": "INPUT"}
    invoice = xero.invoice(100, Status="AUTHORISED")
    ids = {
        "contact": invoice["Contact"]["ContactID"],
        "invoice": invoice["InvoiceID"],
        "bill": xero.invoice(costs, Type="ACCPAY", Status="AUTHORISED")["InvoiceID"],
        "note": xero.one("PUT", "/CreditNotes", {**xero.draft(50), "Type": "ACCRECCREDIT", "Status": "AUTHORISED"})[
            "CreditNoteID"
        ],
        "category": region["TrackingCategoryID"],
        "option": region["Options"][0]["TrackingOptionID"],
        "user": xero.rows("GET", "/Users")[0]["UserID"],
    }
    return xero, xero.world.dump(), ids


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        yield from leaves(member, (*path, key))


def replaced(body: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(body)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


def asked(told: str, body: Any, *, person: bool) -> Request:
    method, path = told.split()
    if person:
        sent = {"method": method, "path": f"/{path}", "body": body}
        return Request("POST", "/control/person", body=json.dumps(sent).encode())
    xero = start()[0]
    headers = {"authorization": f"Bearer {xero.token}", "xero-tenant-id": xero.tenant, "accept": "application/json"}
    return Request(method, f"/api.xro/2.0/{path}", "unitdp=4", headers, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("told", "body", "person"), [(*row, rows is PEOPLE) for rows in (APPS, PEOPLE) for row in rows.items()]
)
def test_each_place_of_a_body_takes_anything(told: str, body: Any, person: bool) -> None:
    xero, dump, ids = start()
    for name, known in ids.items():
        told = told.replace(f"/{name}", f"/{known}")
        body = json.loads(json.dumps(body).replace(f'"{name}"', f'"{known}"'))
    xero.world.load(dump)
    before = books_of(xero)
    for path in leaves(body):
        for value in ODD:
            xero.world.load(dump)
            request = asked(told, replaced(body, path, value), person=person)
            try:
                response, events = handle(xero.world, request, xero.now)
            except Exception as error:
                error.add_note(f"{told}: {value!r} at {path}")
                raise
            assert response.status in {200, 400, 404, 405}, (path, value, response)
            if response.status != 200:
                assert (books_of(xero), events) == (before, []), (path, value, response)
