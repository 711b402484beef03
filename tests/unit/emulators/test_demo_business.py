"""The demo business as data: deterministic, of the promised size, and with every planted case in it."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from rapidfuzz import fuzz, utils
from stdnum.au import abn as stdnum_abn

from crossfoot.emulators.scenario import read_scenario
from crossfoot.emulators.scenarios import demo
from crossfoot.emulators.scenarios.demo_book import Line, abn
from crossfoot.emulators.scenarios.demo_cases import CASES, Case, case, cases_table, planted_customers, planted_deals
from crossfoot.emulators.snapshot import tag


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return demo.build()


def _created(document: dict[str, Any], side: str, kind: str) -> list[dict[str, Any]]:
    return [record for record in document[side][kind] if "$update" not in record]


def _won(document: dict[str, Any]) -> dict[str, datetime]:
    """When each won deal was won, by its reference name."""
    return {
        record["$update"].removeprefix("$"): datetime.fromisoformat(record["$at"])
        for record in document["salesforce"]["Opportunity"]
        if record.get("StageName") == "Closed Won"
    }


def test_the_same_seed_gives_the_same_business(document: dict[str, Any]) -> None:
    assert repr(tag(demo.build())) == repr(tag(document))
    assert repr(tag(demo.build(1))) != repr(tag(document))


def test_it_has_the_promised_size(document: dict[str, Any]) -> None:
    assert len(_created(document, "salesforce", "Account")) == 150
    assert len(_created(document, "salesforce", "Product2")) == 60
    opportunities = _created(document, "salesforce", "Opportunity")
    assert len(opportunities) == 400
    assert set(Counter(record["CurrencyIsoCode"] for record in opportunities)) == {"AUD", "NZD", "USD", "GBP"}
    counting = [moment for moment in _won(document).values() if moment.isoformat() >= "2026-09-30T14:00"]
    assert 110 <= len(counting) <= 150


def test_it_is_a_readable_scenario_without_floats(document: dict[str, Any]) -> None:
    scenario = read_scenario(document, "demo")
    assert (scenario.clock, scenario.start_date) == (demo.CLOCK, demo.START_DATE)
    tag(document)


def test_names_refer_to_one_record_each(document: dict[str, Any]) -> None:
    steps = read_scenario(document, "demo").steps
    repeated = [name for name, count in Counter(step.name for step in steps if step.name).items() if count > 1]
    assert repeated == []


def test_numbers_made_for_customers_are_valid_and_distinct_but_for_the_planted_ones(document: dict[str, Any]) -> None:
    given = Counter(
        record["ABN__c"].replace(" ", "") for record in document["salesforce"]["Account"] if "ABN__c" in record
    )
    broken = {number for number in given if not stdnum_abn.is_valid(number)}
    repeated = {number for number, count in given.items() if count > 1}
    assert broken == {case(7).customers[0].abn.replace(" ", "")}
    assert repeated == {case(4).customers[0].abn}


@pytest.mark.parametrize("serial", [1, 89, 100_200_315, 999_999_999])
def test_made_up_numbers_pass_the_registers_check(serial: int) -> None:
    assert stdnum_abn.is_valid(abn(serial))


def test_only_planted_names_resemble_a_contact_that_is_not_theirs(document: dict[str, Any]) -> None:
    ledger = _created(document, "xero", "Contacts")
    planted = {customer.name for customer in planted_customers()}
    alike = [
        (account["Name"], contact["Name"])
        for account in _created(document, "salesforce", "Account")
        for contact in ledger
        if account["Name"] not in planted
        and account["Name"] != contact["Name"]
        and fuzz.WRatio(account["Name"], contact["Name"], processor=utils.default_process) > 70
    ]
    assert alike == []


def test_plain_wins_close_after_the_lock_and_not_in_the_future(document: dict[str, Any]) -> None:
    planted = {deal.ref for deal in planted_deals()}
    won = _won(document)
    for record in _created(document, "salesforce", "Opportunity"):
        moment = won.get(record["$name"])
        if moment is None or record["$name"] in planted:
            continue
        closes = date.fromisoformat(record["CloseDate"])
        assert (closes < demo.START_DATE) == (moment.date() < demo.START_DATE), record
        assert closes < demo.START_DATE or demo.PERIOD_LOCK_DATE < closes <= demo.CLOCK.date(), record
        assert moment < demo.CLOCK


def _line_total(record: dict[str, Any]) -> Decimal:
    line = Line("", str(record["Quantity"]), str(record.get("UnitPrice", "")), str(record.get("Discount", "")))
    return Decimal(record.get("TotalPrice") or line.amount)


def test_no_plain_win_looks_like_an_invoice_made_by_hand(document: dict[str, Any]) -> None:
    """Case 2 alone may meet the search for double billing: same customer and total within 45 days."""
    totals: dict[str, Decimal] = {}
    for record in document["salesforce"]["OpportunityLineItem"]:
        deal = record["OpportunityId"].removeprefix("$")
        totals[deal] = totals.get(deal, Decimal(0)) + _line_total(record)
    by_hand = {
        (record["Contact"]["ContactID"].removeprefix("$contact_"), Decimal(record["LineItems"][0]["UnitAmount"]))
        for record in _created(document, "xero", "Invoices")
        if record["Date"] >= "2026-08-20"
    }
    won = _won(document)
    suspects = {
        record["Name"]
        for record in _created(document, "salesforce", "Opportunity")
        if record["$name"] in won
        and record["CloseDate"] >= demo.START_DATE.isoformat()
        and (record.get("AccountId", "").removeprefix("$account_"), totals.get(record["$name"])) in by_hand
    }
    assert suspects == {case(2).deal_names[0]}


def test_the_planted_cent_comes_from_multiplying_a_rounded_price() -> None:
    line = next(deal for deal in case(13).deals if "Flour" in deal.name).lines[0]
    quantity, kept = Decimal(line.quantity), 1 - Decimal(line.discount) / 100
    price = (Decimal(line.total) / (quantity * kept)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    assert line.amount - (quantity * price * kept).quantize(Decimal("0.01"), ROUND_HALF_UP) == Decimal("0.01")


@pytest.mark.parametrize("planted", CASES, ids=lambda planted: f"case {planted.number}")
def test_every_planted_case_is_in_the_business(document: dict[str, Any], planted: Case) -> None:
    accounts = Counter(record["Name"] for record in _created(document, "salesforce", "Account"))
    deals = Counter(record["Name"] for record in _created(document, "salesforce", "Opportunity"))
    contacts = {record["Name"] for record in _created(document, "xero", "Contacts")}
    assert all(accounts[name] >= 1 for name in planted.account_names)
    assert all(deals[name] == 1 for name in planted.deal_names)
    assert all(contact.name in contacts for contact in planted.ledger_only)
    assert all(customer.contact is None or customer.contact.name in contacts for customer in planted.customers)
    assert planted.deals or planted.ledger_only


def test_cases_are_numbered_as_documented() -> None:
    assert [planted.number for planted in CASES] == list(range(1, 18))


def test_the_documentation_prints_the_table_of_cases() -> None:
    page = (Path(__file__).parents[3] / "docs/explanation/demo-business.md").read_text(encoding="utf-8")
    assert cases_table() in page, "paste the output of crossfoot.emulators.scenarios.demo_cases.cases_table()"
