"""The demo business as both emulators hold it: the planted facts are there, by the vendors' own rules."""

from __future__ import annotations

import json
import time
from collections import Counter
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest

from crossfoot.emulators.host import Worlds
from crossfoot.emulators.play import Person
from crossfoot.emulators.scenarios import demo
from crossfoot.emulators.scenarios.demo_cases import case, planted_deals
from crossfoot.emulators.snapshot import tag

from .probe import load_demo, soql, xero_get

WINS = """
    SELECT Id, Name, Amount, CloseDate, LastStageChangeDate, Deal_Number__c, AccountId, HasOpportunityLineItem
    FROM Opportunity WHERE IsWon = true
"""


@pytest.fixture(scope="module")
def wins(demo_worlds: Worlds) -> dict[str, dict[str, Any]]:
    rows = soql(demo_worlds, WINS)
    return {row["Name"]: row for row in rows}


@pytest.fixture(scope="module")
def invoices(demo_worlds: Worlds) -> list[dict[str, Any]]:
    return xero_get(demo_worlds, "Invoices")


def _digest(worlds: Worlds) -> str:
    """Both worlds without the one thing that is drawn afresh: the key that signs Xero's tokens."""
    dumps = {name: emulator.world.dump() for name, emulator in worlds.emulators.items()}
    dumps["xero"].pop("signing_key_pem")
    return sha256(json.dumps(tag(dumps), sort_keys=True).encode()).hexdigest()


def test_it_loads_fast_and_alike_every_time(demo_worlds: Worlds) -> None:
    started = time.process_time()
    again = load_demo()
    assert time.process_time() - started < 10
    assert _digest(again) == _digest(demo_worlds)


@pytest.mark.promise("N-23")
def test_counts_are_as_promised(demo_worlds: Worlds, wins: dict[str, Any], invoices: list[dict[str, Any]]) -> None:
    assert soql(demo_worlds, "SELECT COUNT(Id) total FROM Opportunity")[0]["total"] == 400
    since = [row for row in wins.values() if row["LastStageChangeDate"] >= "2026-09-30T14:00"]
    assert 110 <= len(since) <= 150
    assert Counter(invoice["Status"] for invoice in invoices).keys() == {"PAID", "AUTHORISED"}
    assert len(xero_get(demo_worlds, "Contacts", "includeArchived=true")) >= 55


def test_close_date_and_stage_change_agree_about_the_start_date(wins: dict[str, Any]) -> None:
    """30 September 14:00 UTC is midnight in Sydney: no plain win is on one side by one date only."""
    start = demo.START_DATE.isoformat()
    split = [
        row["Name"]
        for row in wins.values()
        if (row["CloseDate"] >= start) != (row["LastStageChangeDate"] >= "2026-09-30T14:00")
    ]
    assert split == []


@pytest.mark.parametrize("deal", list(planted_deals()), ids=lambda deal: deal.name)
def test_salesforce_adds_each_planted_deal_up_as_written(wins: dict[str, Any], deal: Any) -> None:
    assert wins[deal.name]["Amount"] == deal.total
    assert wins[deal.name]["HasOpportunityLineItem"] == bool(deal.lines)
    assert (wins[deal.name]["AccountId"] is None) == (deal.customer is None)


def test_case_2_the_invoice_by_hand_carries_the_deals_own_number(
    wins: dict[str, Any], invoices: list[dict[str, Any]]
) -> None:
    by_total, by_number = (wins[name] for name in case(2).deal_names)
    by_hand = [found for found in invoices if found["Contact"]["Name"] == case(2).account_names[0]]
    assert {(found["SubTotal"], found["Reference"]) for found in by_hand} == {
        (by_total["Amount"], "Valuation"),
        (Decimal("5361.50"), by_number["Deal_Number__c"]),
    }


def test_case_6_the_contact_is_archived(demo_worlds: Worlds) -> None:
    archived = xero_get(demo_worlds, "Contacts", "includeArchived=true&where=ContactStatus==%22ARCHIVED%22")
    assert [contact["Name"] for contact in archived] == list(case(6).account_names)


def test_case_10_rate_and_option_are_retired(demo_worlds: Worlds) -> None:
    [product] = soql(demo_worlds, "SELECT Xero_Tax_Type__c FROM Product2 WHERE ProductCode = 'TRN-LEGACY'")
    rates = {rate["TaxType"]: rate["Status"] for rate in xero_get(demo_worlds, "TaxRates")}
    assert rates[product["Xero_Tax_Type__c"]] == "DELETED"
    categories = xero_get(demo_worlds, "TrackingCategories", "includeArchived=true")
    options = {option["Name"]: option["Status"] for category in categories for option in category["Options"]}
    assert options["Tasmania"] == "ARCHIVED"
    assert Counter(options.values())["ACTIVE"] == 15


def test_case_11_a_win_at_half_past_midnight_in_sydney(wins: dict[str, Any]) -> None:
    _forecast, midnight, _late = (wins[name] for name in case(11).deal_names)
    assert (midnight["CloseDate"], midnight["LastStageChangeDate"]) == ("2026-10-01", "2026-09-30T14:30:00.000+0000")


def test_case_12_xero_has_no_pounds(demo_worlds: Worlds) -> None:
    assert {found["Code"] for found in xero_get(demo_worlds, "Currencies")} == {"AUD", "NZD", "USD"}
    assert soql(demo_worlds, "SELECT Id FROM CurrencyType WHERE IsoCode = 'GBP' AND IsActive = true")


def test_case_13_salesforce_derives_the_planted_price(demo_worlds: Worlds) -> None:
    name = next(deal.name for deal in case(13).deals if "Flour" in deal.name)
    query = "SELECT UnitPrice, TotalPrice FROM OpportunityLineItem WHERE Opportunity.Name = {name}"
    [line] = soql(demo_worlds, query, name=name)
    assert (line["UnitPrice"], line["TotalPrice"]) == (Decimal("9.5238"), Decimal(10000))


def test_case_16_the_rule_refuses_the_write_back(demo_worlds: Worlds, wins: dict[str, Any]) -> None:
    deal = wins[case(16).deal_names[0]]
    admin = Person(demo_worlds.salesforce.world, demo_worlds.salesforce.handle, demo.CLOCK)
    path = f"/services/data/v66.0/sobjects/Opportunity/{deal['Id']}"
    status, answer = admin.ask("PATCH", path, {"Xero_Status__c": "DRAFT"})
    assert (status, answer[0]["errorCode"]) == (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert answer[0]["message"] == case(16).rules[0].message


def test_case_17_the_sale_has_no_deal(demo_worlds: Worlds, invoices: list[dict[str, Any]]) -> None:
    [contact] = case(17).ledger_only
    assert [found["Total"] for found in invoices if found["Contact"]["Name"] == contact.name] == [Decimal("1980.00")]
    assert soql(demo_worlds, "SELECT Id FROM Account WHERE Name = {name}", name=contact.name) == []
