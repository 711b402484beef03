"""Every win since the start that is not planted can be invoiced as it stands, and both sides add it up alike."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from crossfoot.emulators.play import Person
from crossfoot.emulators.scenarios import demo, demo_names
from crossfoot.emulators.scenarios.demo_cases import planted_deals

from .probe import load_demo, soql

LINES = """
    SELECT OpportunityId, Quantity, UnitPrice, Discount, Product2.Name, Product2.Family, Product2.Xero_Account_Code__c,
        Product2.Xero_Tax_Type__c, Opportunity.Region__c, Opportunity.CurrencyIsoCode
    FROM OpportunityLineItem WHERE Opportunity.IsWon = true AND Opportunity.CloseDate >= 2026-10-01
"""
DEALS = """
    SELECT Id, Name, Amount, CloseDate, CurrencyIsoCode
    FROM Opportunity WHERE IsWon = true AND CloseDate >= 2026-10-01
"""


def _line(row: dict[str, Any]) -> dict[str, Any]:
    product, deal = row["Product2"], row["Opportunity"]
    tax_type = product["Xero_Tax_Type__c"] or "OUTPUT"
    line = {
        "Description": product["Name"],
        "Quantity": row["Quantity"],
        "UnitAmount": row["UnitPrice"],
        "AccountCode": product["Xero_Account_Code__c"] or "200",
        "TaxType": tax_type if deal["CurrencyIsoCode"] == "AUD" else "EXEMPTEXPORT",
        "Tracking": [
            {"Name": "Region", "Option": deal["Region__c"]},
            {"Name": "Practice", "Option": product["Family"]},
        ],
    }
    return line | ({"DiscountRate": row["Discount"]} if row["Discount"] else {})


def test_plain_wins_go_through_to_the_cent() -> None:
    worlds = load_demo()
    planted = {deal.name for deal in planted_deals()}
    deals = [deal for deal in soql(worlds, DEALS) if deal["Name"] not in planted]
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in soql(worlds, LINES):
        lines.setdefault(row["OpportunityId"], []).append(_line(row))
    person = Person(worlds.xero.world, worlds.xero.handle, demo.CLOCK)
    assert len(deals) > 90
    for deal in deals:
        draft = {
            "Type": "ACCREC",
            "Contact": {"Name": "Anyone"},
            "Date": deal["CloseDate"],
            "DueDate": "2026-12-20",
            "Status": "AUTHORISED",
            "CurrencyCode": deal["CurrencyIsoCode"],
            "LineItems": lines[deal["Id"]],
        }
        status, answer = person.ask("PUT", "/Invoices", draft, "unitdp=4")
        assert status == 200, (deal["Name"], answer)
        [invoice] = answer["Invoices"]
        assert invoice["SubTotal"] == deal["Amount"], deal["Name"]
        assert not invoice.get("Warnings"), deal["Name"]
        assert all(len(line["Tracking"]) == 2 for line in invoice["LineItems"])


def test_products_coded_in_xero_have_an_item_that_says_account_and_tax() -> None:
    for product in demo_names.products():
        assert product.code in demo_names.CODED_IN_XERO or (product.account and product.tax_type)
        assert Decimal(product.price) > 0
        assert len(product.code) <= 30
        assert len(product.name) <= 50
