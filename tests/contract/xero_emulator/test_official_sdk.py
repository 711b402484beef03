"""The official Python SDK's strict models read what the emulator answers: real booleans, known enums, shapes."""

from __future__ import annotations

import json
import warnings
from decimal import Decimal
from typing import Any

import pytest

from .conftest import Client
from .test_credits import allocate, make_note, make_prepayment

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK's own imports warn on newer Pythons
    from xero_python.accounting import models
    from xero_python.api_client import ModelFinder
    from xero_python.api_client.deserializer import deserialize
    from xero_python.api_client.serializer import serialize


def _read(xero: Client, path: str, model: str) -> Any:
    return deserialize(model, json.loads(xero.send("GET", path).body, parse_float=Decimal), ModelFinder(models))


@pytest.fixture
def books(xero: Client) -> Client:
    xero.one("PUT", "/TrackingCategories", {"Name": "Region", "Options": [{"Name": "North"}]})
    xero.one("PUT", "/Items", {"Code": "A1", "Name": "One", "SalesDetails": {"UnitPrice": 1.25, "AccountCode": "200"}})
    tracked = {"UnitAmount": 100, "ItemCode": "A1", "Tracking": [{"Name": "Region", "Option": "North"}]}
    made = xero.invoice(tracked, Status="AUTHORISED", Reference="006")
    xero.pay(made, 10)
    over = {
        "Type": "RECEIVE-OVERPAYMENT",
        "Contact": {"ContactID": made["Contact"]["ContactID"]},
        "BankAccount": {"Code": "090"},
        "LineItems": [{"Description": "Over", "UnitAmount": 5}],
    }
    xero.one("PUT", "/BankTransactions", over)
    note = make_note(xero, 20, Reference="007")
    allocate(xero, f"/CreditNotes/{note['CreditNoteID']}", made, 11)
    make_prepayment(xero, 22)
    return xero


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/Organisation", "Organisations"),
        ("/Organisation/Actions", "Actions"),
        ("/Accounts", "Accounts"),
        ("/TaxRates", "TaxRates"),
        ("/TrackingCategories", "TrackingCategories"),
        ("/Currencies", "Currencies"),
        ("/BrandingThemes", "BrandingThemes"),
        ("/Users", "Users"),
        ("/Items", "Items"),
        ("/Contacts", "Contacts"),
        ("/Invoices", "Invoices"),
        ("/Invoices/INV-0001", "Invoices"),
        ("/Payments", "Payments"),
        ("/BankTransactions", "BankTransactions"),
        ("/Overpayments", "Overpayments"),
        ("/CreditNotes", "CreditNotes"),
        ("/CreditNotes/CN-0001", "CreditNotes"),
        ("/Prepayments", "Prepayments"),
        ("/Journals", "Journals"),
        ("/Reports/TrialBalance", "ReportWithRows"),
        ("/Reports/ProfitAndLoss", "ReportWithRows"),
        ("/Reports/BalanceSheet", "ReportWithRows"),
    ],
)
def test_models_read_every_resource(books: Client, path: str, model: str) -> None:
    found = _read(books, path, model)
    rows = next(value for value in found.to_dict().values() if isinstance(value, list))
    assert rows


def test_what_the_sdk_sends_is_understood(xero: Client) -> None:
    contact = xero.contact()
    invoice = models.Invoice(
        type="ACCREC",
        contact=models.Contact(contact_id=contact["ContactID"]),
        line_items=[models.LineItem(description="x", quantity=1.0, unit_amount=20.5, account_code="200")],
        line_amount_types=models.LineAmountTypes.EXCLUSIVE,
        status="DRAFT",
    )
    body = json.dumps(serialize(models.Invoices(invoices=[invoice]))).encode()
    made = xero.one("PUT", "/api.xro/2.0/Invoices", body, summarizeErrors="False")
    assert made["Total"] == Decimal("22.55")


def test_amounts_read_exactly(books: Client) -> None:
    (invoice,) = _read(books, "/Invoices/INV-0001", "Invoices").invoices
    assert (invoice.amount_due, invoice.total_tax) == (Decimal("89.00"), Decimal("10.00"))
    assert invoice.date.isoformat() == "2026-11-20"
