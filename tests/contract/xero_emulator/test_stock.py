"""Tracked inventory: stock, average cost, and the cost of goods sold in the ledger (XERO 4.9)."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Client
from .test_ledger import journals, legs, report

ITEM: dict[str, Any] = {
    "Code": "LAMP",
    "Name": "Lamp",
    "InventoryAssetAccountCode": "630",
    "SalesDetails": {"UnitPrice": 50, "AccountCode": "200", "TaxType": "OUTPUT"},
    "PurchaseDetails": {"UnitPrice": 20, "COGSAccountCode": "310", "TaxType": "INPUT"},
}


@pytest.fixture
def shop(xero: Client) -> Client:
    """A shop that has bought ten lamps at 20 and five at 26."""
    xero.one("PUT", "/Items", ITEM)
    for quantity, price in ((10, 20), (5, 26)):
        xero.invoice(lamps(quantity, UnitAmount=price, TaxType="INPUT"), Type="ACCPAY", Status="AUTHORISED")
    return xero


def lamps(quantity: int, **members: Any) -> dict[str, Any]:
    return {"ItemCode": "LAMP", "Quantity": quantity, "UnitAmount": 50, "AccountCode": None, **members}


def stock(xero: Client) -> tuple[Any, Any]:
    """Quantity on hand and the pool of its cost."""
    item = xero.one("GET", "/Items", where='Code=="LAMP"')
    return item["QuantityOnHand"], item["TotalCostPool"]


def test_bills_add_to_stock_and_stand_on_the_inventory_account(shop: Client) -> None:
    assert stock(shop) == (15, 330)
    assert legs(journals(shop)[-1]) == {"800": -143, "630": 130, "820": 13}


def test_a_sale_takes_goods_at_average_cost_and_its_end_gives_them_back(shop: Client) -> None:
    draft = shop.invoice(lamps(4))
    assert stock(shop) == (15, 330)
    shop.one("POST", f"/Invoices/{draft['InvoiceID']}", {"Status": "AUTHORISED"})
    assert stock(shop) == (11, 242)
    assert legs(journals(shop)[-1]) == {"610": 220, "200": -200, "820": -20, "310": 88, "630": -88}
    shop.one("POST", f"/Invoices/{draft['InvoiceID']}", {"Reference": "harmless"})
    assert stock(shop) == (11, 242)
    shop.one("POST", f"/Invoices/{draft['InvoiceID']}", {"Status": "VOIDED"})
    assert stock(shop) == (15, 330)
    assert report(shop, "TrialBalance")["Inventory (630)"][0] == "330.00"


def test_the_last_goods_take_all_that_is_in_the_pool(shop: Client) -> None:
    for quantity in (7, 8):
        shop.invoice(lamps(quantity), Status="AUTHORISED")
    assert stock(shop) == (0, 0)


def test_a_sale_beyond_stock_is_refused_unless_backorders_are_allowed(shop: Client) -> None:
    wanted = shop.draft(lamps(10), lamps(6), Status="AUTHORISED")
    assert shop.problems("PUT", "/Invoices", wanted) == ["The quantity of LAMP is more than what is in stock (15.0000)"]
    assert stock(shop) == (15, 330)
    shop.one("PUT", "/Invoices", {**wanted, "Status": "DRAFT"})
    shop.one("PUT", "/Invoices", wanted, allowBackorders="true")
    assert stock(shop)[0] == -1


def test_a_tracked_item_has_both_accounts_and_no_other_on_the_purchase_side(xero: Client) -> None:
    assert xero.problems("PUT", "/Items", {**ITEM, "InventoryAssetAccountCode": "200"}) == [
        "A tracked item needs an account of type INVENTORY; '200' is none."
    ]
    both = {**ITEM["PurchaseDetails"], "AccountCode": "429"}
    assert xero.problems("PUT", "/Items", {**ITEM, "PurchaseDetails": both}) == [
        "The PurchaseDetails of a tracked item have a COGSAccountCode and no AccountCode."
    ]


def test_the_inventory_account_is_closed_to_lines_without_its_item(shop: Client) -> None:
    bill = shop.draft({"AccountCode": "630", "TaxType": "INPUT"}, Type="ACCPAY")
    assert shop.problems("PUT", "/Invoices", bill) == ["Account code '630' is not a valid code for this document."]
