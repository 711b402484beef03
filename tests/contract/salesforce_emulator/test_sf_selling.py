"""Deals, their lines and price books: arithmetic and rules of SF 6.5-6.7."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Org


def add_line(org: Org, deal: str, entry: str, **fields: Any) -> str:
    return org.create("OpportunityLineItem", OpportunityId=deal, PricebookEntryId=entry, **fields)


PRICED = [
    ({"Quantity": 3, "UnitPrice": "12.3456", "Discount": "12.5"}, "12.3456", "32.41"),
    ({"Quantity": "2.5", "UnitPrice": "0.33"}, "0.33", "0.83"),
    ({"Quantity": 1, "UnitPrice": "-50"}, "-50", "-50"),
    ({"Quantity": 3, "TotalPrice": "100"}, "33.3333", "100"),
    ({"Quantity": 4, "TotalPrice": "90", "Discount": 10}, "25", "90"),
    ({"Quantity": 2, "UnitPrice": "10", "Discount": 100}, "10", "0"),
]


@pytest.mark.parametrize(("given", "unit_price", "total"), PRICED)
def test_price_and_total_follow_each_other_to_the_cent(
    org: Org, given: dict[str, Any], unit_price: str, total: str
) -> None:
    deal, entry = org.deal(), org.priced_product("A", "10")
    line = org.read("OpportunityLineItem", add_line(org, deal, entry, **given))
    assert (line["UnitPrice"], line["TotalPrice"]) == (Decimal(unit_price), Decimal(total))
    assert org.read("Opportunity", deal)["Amount"] == Decimal(total)


UPDATED = [
    ({"Quantity": 4}, "5", "20"),
    ({"Discount": 50}, "10", "10"),
    ({"UnitPrice": 7}, "7", "14"),
    ({"TotalPrice": 30}, "15", "30"),
    ({"Quantity": 3, "Discount": 10, "UnitPrice": 10}, "10", "27"),
    ({"Description": "x"}, "10", "20"),
]


@pytest.mark.parametrize(("change", "unit_price", "total"), UPDATED)
def test_what_gives_way_when_a_line_changes(org: Org, change: dict[str, Any], unit_price: str, total: str) -> None:
    line_id = add_line(org, org.deal(), org.priced_product("A", "10"), Quantity=2, UnitPrice=10)
    assert org.call("PATCH", f"sobjects/OpportunityLineItem/{line_id}", change).status == 204
    line = org.read("OpportunityLineItem", line_id)
    assert (line["UnitPrice"], line["TotalPrice"]) == (Decimal(unit_price), Decimal(total))


@pytest.mark.parametrize(
    "given",
    [
        {"Quantity": 1},
        {"Quantity": 1, "UnitPrice": 5, "TotalPrice": 5},
        {"Quantity": 0, "UnitPrice": 5},
        {"UnitPrice": 5},
    ],
)
def test_a_line_needs_a_quantity_and_exactly_one_price(org: Org, given: dict[str, Any]) -> None:
    deal, entry = org.deal(), org.priced_product("A", "10")
    body = {"OpportunityId": deal, "PricebookEntryId": entry, **given}
    assert org.call("POST", "sobjects/OpportunityLineItem", body).status == 400
    assert org.read("Opportunity", deal)["Pricebook2Id"] is None


def test_lines_own_the_amount_and_hold_the_price_book(org: Org) -> None:
    deal, entry = org.deal(Amount=5), org.priced_product("A", "10")
    first = add_line(org, deal, entry, Quantity=1, UnitPrice=10)
    add_line(org, deal, entry, Quantity=2, UnitPrice="20.25")
    assert org.call("PATCH", f"sobjects/Opportunity/{deal}", {"Amount": 1, "NextStep": "n"}).status == 204
    row = org.read("Opportunity", deal)
    assert (row["Amount"], row["NextStep"], row["HasOpportunityLineItem"]) == (Decimal("50.5"), "n", True)
    assert row["Pricebook2Id"] == org.standard_book()
    assert (
        org.call("PATCH", f"sobjects/Opportunity/{deal}", {"CurrencyIsoCode": "NZD"}).code
        == "FIELD_INTEGRITY_EXCEPTION"
    )
    org.call("DELETE", f"sobjects/OpportunityLineItem/{first}")
    assert org.read("Opportunity", deal)["Amount"] == Decimal("40.5")


def test_a_line_moves_the_deals_stamp_only_with_a_sum_and_is_deleted_for_good(org: Org) -> None:
    deal = org.deal()
    line = add_line(org, deal, org.priced_product("A", "10"), Quantity=1, UnitPrice=10)
    made = org.read("Opportunity", deal)["SystemModstamp"]
    org.tick()
    org.call("PATCH", f"sobjects/OpportunityLineItem/{line}", {"Description": "words"})
    assert org.read("Opportunity", deal)["SystemModstamp"] == made
    org.call("PATCH", f"sobjects/OpportunityLineItem/{line}", {"Quantity": 2, "UnitPrice": 10})
    assert org.read("Opportunity", deal)["SystemModstamp"] > made
    org.call("DELETE", f"sobjects/OpportunityLineItem/{line}")
    assert org.soql("SELECT Id FROM OpportunityLineItem", resource="queryAll") == []


def test_an_entry_of_another_book_or_currency_is_refused(org: Org) -> None:
    standard = org.priced_product("A", "10")
    product = org.soql("SELECT Product2Id FROM PricebookEntry")[0]["Product2Id"]
    book = org.create("Pricebook2", Name="Partners", IsActive=True)
    other = org.create("PricebookEntry", Pricebook2Id=book, Product2Id=product, UnitPrice=8, IsActive=True)
    deal = org.deal()
    add_line(org, deal, standard, Quantity=1, UnitPrice=10)
    foreign = {"OpportunityId": deal, "PricebookEntryId": other, "Quantity": 1, "UnitPrice": 8}
    assert org.call("POST", "sobjects/OpportunityLineItem", foreign).code == "FIELD_INTEGRITY_EXCEPTION"
    kiwi = {
        "OpportunityId": org.deal(CurrencyIsoCode="NZD"),
        "PricebookEntryId": standard,
        "Quantity": 1,
        "UnitPrice": 8,
    }
    assert org.call("POST", "sobjects/OpportunityLineItem", kiwi).code == "FIELD_INTEGRITY_EXCEPTION"


def test_a_product_has_its_standard_price_first_and_one_per_book_and_currency(org: Org) -> None:
    product = org.create("Product2", Name="P", IsActive=True)
    book = org.create("Pricebook2", Name="Partners", IsActive=True)
    entry = {"Pricebook2Id": book, "Product2Id": product, "UnitPrice": 8, "IsActive": True}
    assert org.call("POST", "sobjects/PricebookEntry", entry).code == "STANDARD_PRICE_NOT_DEFINED"
    standard = {**entry, "Pricebook2Id": org.standard_book()}
    assert org.call("POST", "sobjects/PricebookEntry", standard).status == 201
    assert org.call("POST", "sobjects/PricebookEntry", standard).code == "DUPLICATE_VALUE"
    assert org.call("POST", "sobjects/PricebookEntry", {**standard, "CurrencyIsoCode": "NZD"}).status == 201
    assert org.call("POST", "sobjects/PricebookEntry", entry).status == 201


def test_a_product_that_lines_use_is_not_deleted(org: Org) -> None:
    entry = org.priced_product("A", "10")
    add_line(org, org.deal(), entry, Quantity=1, UnitPrice=10)
    product = org.soql("SELECT Product2Id FROM PricebookEntry")[0]["Product2Id"]
    assert org.call("DELETE", f"sobjects/Product2/{product}").code == "DELETE_FAILED"
    assert org.read("PricebookEntry", entry)["Id"] == entry


def test_the_stage_tells_won_from_lost_and_stamps_its_change(org: Org) -> None:
    born_won, moved = org.deal("Born", StageName="Closed Won"), org.deal("Moved")
    org.tick(90)
    org.call("PATCH", f"sobjects/Opportunity/{moved}", {"StageName": "Closed Won"})
    org.tick(90)
    org.call("PATCH", f"sobjects/Opportunity/{moved}", {"NextStep": "later"})
    born, changed = org.read("Opportunity", born_won), org.read("Opportunity", moved)
    assert (born["IsWon"], born["IsClosed"], born["Probability"], born["LastStageChangeDate"]) == (
        True,
        True,
        100,
        None,
    )
    assert (changed["IsWon"], changed["LastStageChangeDate"]) == (True, "2026-11-20T01:31:30.000+0000")


def test_deals_are_numbered_in_the_order_of_their_making(org: Org) -> None:
    deals = [org.deal(f"Deal {number}") for number in range(2)]
    assert [org.read("Opportunity", each)["Deal_Number__c"] for each in deals] == ["D-00001", "D-00002"]
