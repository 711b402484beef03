"""Amounts to the cent, by Xero's calculation model (XERO 5.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .conftest import Client, line


def test_tax_is_rounded_on_each_line_and_then_summed(xero: Client) -> None:
    """Xero's own example: 25.06 + 25.61 + 25.63 at 15 % is 11.44; on the sum it would be 11.45."""
    rate = {"Name": "GST 15", "ReportTaxType": "OUTPUT", "TaxComponents": [{"Name": "GST", "Rate": 15}]}
    tax_type = xero.one("PUT", "/TaxRates", rate)["TaxType"]
    invoice = xero.invoice(*({"UnitAmount": price, "TaxType": tax_type} for price in (25.06, 25.61, 25.63)))
    assert (invoice["SubTotal"], invoice["TotalTax"], invoice["Total"]) == (
        Decimal("76.30"),
        Decimal("11.44"),
        Decimal("87.74"),
    )


@pytest.mark.parametrize(
    ("unitdp", "unit", "amount"), [(2, "0.06", "60.00"), (4, "0.0612", "61.20")], ids=["two", "four"]
)
def test_unit_price_is_rounded_before_it_is_multiplied(xero: Client, unitdp: int, unit: str, amount: str) -> None:
    sent = xero.draft({"Quantity": 1000, "UnitAmount": 0.061171})
    (made,) = xero.one("PUT", "/Invoices", sent, unitdp=unitdp)["LineItems"]
    assert (made["UnitAmount"], made["LineAmount"]) == (Decimal(unit), Decimal(amount))


@pytest.mark.parametrize(
    ("told", "amount", "tax"),
    [
        ({"UnitAmount": 2.165}, "2.17", "0.22"),
        ({"UnitAmount": -2.165}, "-2.17", "-0.22"),
        ({"UnitAmount": 100, "Quantity": 3, "DiscountRate": 12.5}, "262.50", "26.25"),
        ({"UnitAmount": 100, "Quantity": 3, "DiscountAmount": 0.01}, "299.99", "30.00"),
        ({"UnitAmount": 100, "TaxAmount": 9.99}, "100.00", "9.99"),
        ({"LineAmount": 33.33, "Quantity": 3}, "33.33", "3.33"),
        ({"UnitAmount": 0.1, "Quantity": 3}, "0.30", "0.03"),
        ({"UnitAmount": 100, "TaxType": "EXEMPTOUTPUT"}, "100.00", "0.00"),
    ],
    ids=["half up", "half away from zero", "percent", "discount amount", "own tax", "unit derived", "exact", "no tax"],
)
def test_lines(xero: Client, told: dict[str, Any], amount: str, tax: str) -> None:
    sent = line(told) if "LineAmount" not in told else {"Description": "x", "AccountCode": "200", **told}
    if Decimal(amount) < 0:
        made = xero.one("PUT", "/Invoices", {**xero.draft(), "LineItems": [sent, line(500)]})["LineItems"][0]
    else:
        made = xero.one("PUT", "/Invoices", {**xero.draft(), "LineItems": [sent]})["LineItems"][0]
    assert (made["LineAmount"], made["TaxAmount"]) == (Decimal(amount), Decimal(tax))


@pytest.mark.parametrize(("gross", "tax"), [("55.00", "5.00"), ("47.85", "4.35")])
def test_inclusive_tax_is_what_the_rounded_net_leaves(xero: Client, gross: str, tax: str) -> None:
    invoice = xero.invoice(Decimal(gross), LineAmountTypes="Inclusive")
    assert (invoice["TotalTax"], invoice["Total"]) == (Decimal(tax), Decimal(gross))
    assert invoice["SubTotal"] == Decimal(gross) - Decimal(tax)


def test_no_tax_mode_has_none(xero: Client) -> None:
    assert xero.invoice(100, LineAmountTypes="NoTax")["Total"] == 100


def test_stored_price_keeps_its_decimals_when_it_is_not_sent_again(xero: Client) -> None:
    made = xero.invoice({"UnitAmount": 1.2345, "Quantity": 100})
    (kept,) = made["LineItems"]
    lines = [{"LineItemID": kept["LineItemID"], "Description": "Other words"}]
    path = f"/Invoices/{made['InvoiceID']}"
    again = xero.one("POST", path, {"LineItems": lines})
    assert again["LineItems"][0]["UnitAmount"] == Decimal("1.23")
    assert (again["SubTotal"], xero.one("GET", path, unitdp=4)["LineItems"][0]["UnitAmount"]) == (
        Decimal("123.45"),
        Decimal("1.2345"),
    )


@pytest.mark.parametrize("told", [{"UnitAmount": 100, "TaxAmount": 9.5}, {"Quantity": 3, "LineAmount": 100}])
def test_amounts_of_a_line_outlast_what_does_not_change_them(xero: Client, told: dict[str, Any]) -> None:
    sent = {"Description": "Advice", "AccountCode": "200", "TaxType": "OUTPUT", **told}
    made = xero.one("PUT", "/Invoices", {**xero.draft(), "LineItems": [sent]})
    path = f"/Invoices/{made['InvoiceID']}"
    assert xero.one("POST", path, {"Status": "AUTHORISED"})["Total"] == made["Total"]
    xero.pay(made, 10)
    words = [{"LineItemID": made["LineItems"][0]["LineItemID"], "Description": "Other words"}]
    assert xero.one("POST", path, {"LineItems": words})["Total"] == made["Total"]


def test_new_tax_mode_computes_stored_lines_anew(xero: Client) -> None:
    made = xero.invoice({"UnitAmount": 110, "TaxAmount": 9.5})
    path = f"/Invoices/{made['InvoiceID']}"
    assert xero.one("POST", path, {"LineAmountTypes": "Inclusive"})["TotalTax"] == Decimal("10.00")
    order = xero.one("PUT", "/PurchaseOrders", {"Contact": made["Contact"], "LineItems": [line({"UnitAmount": 110})]})
    path = f"/PurchaseOrders/{order['PurchaseOrderID']}"
    again = xero.one("POST", path, {"LineAmountTypes": "Inclusive"})
    assert (again["TotalTax"], again["Total"]) == (Decimal("10.00"), Decimal("110.00"))
    lines = [{"LineAmount": amount, "AccountCode": "429", "TaxType": "INPUT"} for amount in (110, -110)]
    journal = {"Narration": "Moved", "LineAmountTypes": "Exclusive", "JournalLines": lines}
    path = f"/ManualJournals/{xero.one('PUT', '/ManualJournals', journal)['ManualJournalID']}"
    again = xero.one("POST", path, {"LineAmountTypes": "Inclusive"})
    assert [row["TaxAmount"] for row in again["JournalLines"]] == [10, -10]


@pytest.mark.parametrize("discount", [{"DiscountRate": 10}, {"DiscountAmount": 10}])
def test_a_line_amount_alone_is_what_the_discount_leaves(xero: Client, discount: dict[str, Any]) -> None:
    sent = {"Description": "Advice", "AccountCode": "200", "LineAmount": 90, **discount}
    made = xero.one("PUT", "/Invoices", {**xero.draft(), "LineItems": [sent]})
    [row] = made["LineItems"]
    assert (row["UnitAmount"], row["LineAmount"], made["TotalDiscount"]) == (100, 90, 10)


def test_a_line_of_text_can_be_approved_and_sent_back_as_it_was_read(xero: Client) -> None:
    made = xero.one("PUT", "/Invoices", {**xero.draft(), "LineItems": [line(100), {"Description": "Words"}]})
    path = f"/Invoices/{made['InvoiceID']}"
    approved = xero.one("POST", path, {"Status": "AUTHORISED"})
    assert xero.one("POST", path, {"LineItems": approved["LineItems"]})["LineItems"] == approved["LineItems"]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"UnitAmount": 10, "LineAmount": 10.01}, "The line total 10.01 does not match the expected line total 10.00"),
        ({"UnitAmount": 10, "Quantity": -1}, "must not be less than zero"),
        ({"UnitAmount": 10, "DiscountRate": 5, "DiscountAmount": 1}, "cannot both be given"),
        ({"UnitAmount": 10, "TaxType": "INPUT"}, "The TaxType code 'INPUT' cannot be used with account code '200'."),
        ({"UnitAmount": 10, "TaxType": "NOSUCH"}, "The TaxType code 'NOSUCH' does not exist"),
        ({"UnitAmount": 10, "AccountCode": "090"}, "Account code '090' is not a valid code for this document."),
        ({"UnitAmount": 10, "AccountCode": "610"}, "Account code '610' is not a valid code for this document."),
        ({"UnitAmount": 10, "ItemCode": "NONE"}, "Item code 'NONE' is not valid"),
        ({"UnitAmount": -10}, "must be greater than or equal to zero"),
        ({"UnitAmount": 10, "Description": ""}, "Description field is mandatory"),
    ],
)
def test_refused_lines(xero: Client, told: dict[str, Any], message: str) -> None:
    assert message in xero.problems("PUT", "/Invoices", xero.draft(told))[0]


def test_bill_takes_no_discount(xero: Client) -> None:
    sent = xero.draft({"UnitAmount": 10, "AccountCode": "429", "TaxType": "INPUT", "DiscountRate": 5}, Type="ACCPAY")
    assert "Discounts can only be applied" in xero.problems("PUT", "/Invoices", sent)[0]


def test_item_fills_the_gaps_of_its_line(xero: Client) -> None:
    details = {"UnitPrice": 12.3456, "AccountCode": "201", "TaxType": "EXEMPTOUTPUT"}
    xero.one(
        "PUT", "/Items", {"Code": "ADV", "Name": "Advice", "Description": "Sold", "SalesDetails": details}, unitdp=4
    )
    sent = {**xero.draft(), "LineItems": [{"ItemCode": "adv", "Quantity": 2}]}
    (made,) = xero.one("PUT", "/Invoices", sent, unitdp=4)["LineItems"]
    assert (made["Description"], made["AccountCode"], made["TaxType"]) == ("Sold", "201", "EXEMPTOUTPUT")
    assert (made["UnitAmount"], made["LineAmount"]) == (Decimal("12.3456"), Decimal("24.69"))


def test_foreign_invoice_takes_the_day_rate_unless_one_is_sent(xero: Client) -> None:
    rate = xero.invoice(100, CurrencyCode="NZD")["CurrencyRate"]
    assert rate == xero.invoice(100, CurrencyCode="NZD")["CurrencyRate"]
    assert rate.as_tuple().exponent >= -6
    assert xero.invoice(100, CurrencyCode="NZD", CurrencyRate=1.05)["CurrencyRate"] == Decimal("1.05")
    assert "differs by more than 10%" in xero.invoice(100, CurrencyCode="NZD", CurrencyRate=9)["Warnings"][0]["Message"]
    assert xero.problems("PUT", "/Invoices", xero.draft(100, CurrencyCode="GBP")) == [
        "Organisation is not subscribed to currency GBP"
    ]


def test_day_rates_can_be_set(make_client: Any) -> None:
    client = make_client(day_rates={"2026-11-20": {"NZD": "1.111111"}})
    assert client.invoice(100, CurrencyCode="NZD")["CurrencyRate"] == Decimal("1.111111")
