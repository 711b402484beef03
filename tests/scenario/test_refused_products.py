"""A product that Xero refuses waits for as long as a deal needs it."""

from __future__ import annotations

from .business import URLS, Business

LINE = {"code": "CTRL-NEW", "Quantity": 1, "UnitPrice": 100}


def _fault(firm: Business, kind: str, **more: object) -> None:
    firm.post(f"{URLS['xero']}/control/fault", {"kind": kind, **more})


def _refused(firm: Business) -> set[str]:
    """Names of what Xero refused."""
    return {entry.record_name for entry in firm.desk.entries(ignored=True) if entry.code == "refused_by_xero"}


def _won_with_a_product_that_xero_refuses(firm: Business) -> str:
    """While its item is made, somebody archives the ledger account that the item names."""
    create = firm.office.salesforce
    product = {"Name": "Control samples", "ProductCode": LINE["code"], "IsActive": True, "Xero_Account_Code__c": "200"}
    product_id = create("POST", "/sobjects/Product2", product)["id"]
    [book] = firm.soql("SELECT Id FROM Pricebook2 WHERE IsStandard = TRUE")
    entry = {"Product2Id": product_id, "Pricebook2Id": book["Id"], "UnitPrice": 100, "CurrencyIsoCode": "AUD"}
    create("POST", "/sobjects/PricebookEntry", {**entry, "IsActive": True})
    deal_id = firm.win("Samples for control", "Wollemi Laboratories", [LINE])
    _fault(firm, "account_archived", account="200", match={"method": "PUT", "path_contains": "/Items"})
    firm.sync()
    return deal_id


def test_it_waits_with_its_deal_and_leaves_the_queue_when_no_deal_needs_it(synced: Business) -> None:
    deal_id = _won_with_a_product_that_xero_refuses(synced)
    assert _refused(synced) == {"Samples for control", "Control samples"}
    synced.later()
    synced.edit("Opportunity", deal_id, StageName="Closed Lost")

    synced.sync()

    assert _refused(synced) == set()
