"""SOQL as a table: what each query answers over one small org, and how each bad query is refused (SF 3.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Org


@pytest.fixture
def book(org: Org) -> Org:
    """Three accounts, four deals, one of them with two lines."""
    north = org.create("Account", Name="North Wharf", ABN__c="51824753556", BillingCity="Sydney")
    org.tick(60)
    south = org.create("Account", Name="south pier", Industry="Shipping")
    org.tick(60)
    org.create("Account", Name="100% Quay_side")
    advice = org.priced_product("ADV", "100")
    won = org.deal("Won", AccountId=north, StageName="Closed Won", CloseDate="2026-10-01", Region__c="NSW")
    org.create("OpportunityLineItem", OpportunityId=won, PricebookEntryId=advice, Quantity=2, UnitPrice="150")
    org.create("OpportunityLineItem", OpportunityId=won, PricebookEntryId=advice, Quantity=1, UnitPrice="99.95")
    org.deal("Lost", AccountId=south, StageName="Closed Lost", Amount=10, CloseDate="2026-11-19", Region__c="nsw")
    org.deal("Open", AccountId=south, Amount=500, CloseDate="2026-11-20")
    org.deal("Kiwi", Amount=109, CurrencyIsoCode="NZD", CloseDate="2026-12-01")
    return org


NAMES = [
    ("Account ORDER BY Name", ["100% Quay_side", "North Wharf", "south pier"]),
    ("Account WHERE Name = 'NORTH WHARF'", ["North Wharf"]),
    ("account WHERE NAME like 'NO%'", ["North Wharf"]),
    ("Account WHERE Name LIKE '100\\% Q%'", ["100% Quay_side"]),
    ("Account WHERE Name LIKE '%y\\_s%'", ["100% Quay_side"]),
    ("Account WHERE Name LIKE 'sout_ pier'", ["south pier"]),
    ("Account WHERE (NOT Name LIKE '%o%') ORDER BY Name", ["100% Quay_side"]),
    ("Account WHERE Industry = null ORDER BY Name", ["100% Quay_side", "North Wharf"]),
    ("Account WHERE Industry != 'Retail' ORDER BY Name", ["100% Quay_side", "North Wharf", "south pier"]),
    ("Account WHERE Industry != null", ["south pier"]),
    ("Account WHERE ABN__c IN ('51824753556', '0')", ["North Wharf"]),
    ("Account WHERE Name NOT IN ('North Wharf', 'South Pier')", ["100% Quay_side"]),
    ("Account ORDER BY Industry NULLS LAST, Name LIMIT 1", ["south pier"]),
    ("Account ORDER BY Industry DESC, Name", ["100% Quay_side", "North Wharf", "south pier"]),
    ("Account ORDER BY Name DESC LIMIT 1 OFFSET 1", ["North Wharf"]),
    ("Account LIMIT 0", []),
    ("Account WHERE Id IN (SELECT AccountId FROM Opportunity WHERE IsWon = true)", ["North Wharf"]),
    ("Account WHERE Id NOT IN (SELECT AccountId FROM Opportunity WHERE AccountId != null)", ["100% Quay_side"]),
    ("Opportunity o WHERE o.Account.BillingCity = 'sydney'", ["Won"]),
    ("Opportunity WHERE Account.Name = null", ["Kiwi"]),
    ("Opportunity WHERE IsClosed = true AND IsWon = false", ["Lost"]),
    ("Opportunity WHERE (IsWon = true OR Name = 'Open') AND Amount > 100 ORDER BY Name", ["Open", "Won"]),
    ("Opportunity WHERE Amount = 399.95", ["Won"]),
    ("Opportunity WHERE Amount <= 100 ORDER BY Name", ["Kiwi", "Lost"]),
    ("Opportunity WHERE Amount > NZD500", ["Open"]),
    ("Opportunity WHERE CloseDate = 2026-10-01", ["Won"]),
    ("Opportunity WHERE CloseDate = TODAY", ["Open"]),
    ("Opportunity WHERE CloseDate = YESTERDAY", ["Lost"]),
    ("Opportunity WHERE CloseDate = NEXT_MONTH", ["Kiwi"]),
    ("Opportunity WHERE CloseDate = LAST_N_DAYS:1 ORDER BY Name", ["Lost", "Open"]),
    ("Opportunity WHERE CloseDate > LAST_N_MONTHS:1 ORDER BY Name", ["Kiwi", "Lost", "Open"]),
    ("Opportunity WHERE CreatedDate = TODAY AND Name = 'Won'", ["Won"]),
    ("Opportunity WHERE Region__c = 'NSW' ORDER BY Name", ["Lost", "Won"]),
    (
        "Account WHERE SystemModstamp >= 2026-11-20T01:31:00Z ORDER BY SystemModstamp, Id",
        ["south pier", "100% Quay_side"],
    ),
    ("Account WHERE SystemModstamp > 2026-11-20T12:31:00+11:00 ORDER BY SystemModstamp, Id", ["100% Quay_side"]),
    ("Account WHERE SystemModstamp < 2026-11-20T01:31:00.500Z ORDER BY Name", ["North Wharf"]),
]


@pytest.mark.parametrize(("tail", "names"), NAMES, ids=[tail for tail, _ in NAMES])
def test_a_query_finds_exactly_these_rows_in_this_order(book: Org, tail: str, names: list[str]) -> None:
    found = book.soql(f"SELECT Name FROM {tail}")
    assert [each["Name"] for each in found] == names


VALUES: list[tuple[str, list[dict[str, Any]]]] = [
    ("SELECT COUNT(Id) n FROM Opportunity", [{"n": 4}]),
    ("SELECT COUNT(Id), MAX(Name) FROM Opportunity", [{"expr0": 4, "expr1": "Won"}]),
    ("SELECT SUM(Amount) total FROM Opportunity WHERE CurrencyIsoCode = 'AUD'", [{"total": Decimal("909.95")}]),
    ("SELECT SUM(Amount) total FROM Opportunity WHERE Name = 'Kiwi'", [{"total": Decimal("100.0")}]),
    (
        "SELECT IsClosed, COUNT(Id) n FROM Opportunity GROUP BY IsClosed ORDER BY IsClosed",
        [{"IsClosed": False, "n": 2}, {"IsClosed": True, "n": 2}],
    ),
    (
        "SELECT Account.Name, SUM(Amount) s FROM Opportunity GROUP BY Account.Name HAVING COUNT(Id) > 1",
        [{"Name": "south pier", "s": Decimal(510)}],
    ),
    ("SELECT COUNT_DISTINCT(Region__c) n FROM Opportunity", [{"n": 1}]),
    (
        "SELECT CALENDAR_MONTH(CloseDate) m, COUNT(Id) n FROM Opportunity GROUP BY CALENDAR_MONTH(CloseDate) LIMIT 1",
        [{"m": 10, "n": 1}],
    ),
    ("SELECT MIN(CloseDate) soonest FROM Opportunity WHERE Name = 'nobody'", [{"soonest": None}]),
]


@pytest.mark.parametrize(("text", "expected"), VALUES, ids=[text for text, _ in VALUES])
def test_aggregates_answer_records_of_their_own_type(book: Org, text: str, expected: list[dict[str, Any]]) -> None:
    records = book.soql(text)
    assert [each.pop("attributes") for each in records] == [{"type": "AggregateResult"}] * len(expected)
    assert records == expected


def test_count_alone_answers_a_total_and_no_rows(book: Org) -> None:
    answer = book.call("GET", "query", query={"q": "SELECT COUNT() FROM Opportunity WHERE Amount > 100"})
    assert answer.body == {"totalSize": 2, "done": True, "records": []}


def test_parents_and_children_nest_and_an_empty_child_set_is_null(book: Org) -> None:
    text = (
        "SELECT Name, Account.Name, Account.Owner.Username, "
        "(SELECT Quantity, Product2.ProductCode FROM OpportunityLineItems WHERE UnitPrice > 50 ORDER BY Quantity) "
        "FROM Opportunity WHERE Name IN ('Won', 'Kiwi') ORDER BY Name"
    )
    kiwi, won = book.soql(text)
    assert kiwi["Account"] is None
    assert kiwi["OpportunityLineItems"] is None
    assert won["Account"]["Owner"]["Username"] == "admin@harbourpoint.example"
    assert won["OpportunityLineItems"]["totalSize"] == 2
    assert [each["Quantity"] for each in won["OpportunityLineItems"]["records"]] == [1, 2]
    assert won["OpportunityLineItems"]["records"][0]["Product2"]["ProductCode"] == "ADV"


def test_keyset_pages_over_equal_stamps_lose_nothing_and_repeat_nothing(org: Org) -> None:
    batch = [{"attributes": {"type": "Account"}, "Name": f"A{number}"} for number in range(25)]
    org.call("POST", "composite/sobjects", {"records": batch})
    stamp, last, seen = "2000-01-01T00:00:00Z", "000000000000000AAA", []
    while True:
        page = org.soql(
            "SELECT Id, SystemModstamp FROM Account "
            f"WHERE (SystemModstamp = {stamp} AND Id > '{last}') OR SystemModstamp > {stamp} "
            "ORDER BY SystemModstamp, Id LIMIT 10"
        )
        if not page:
            break
        seen += [each["Id"] for each in page]
        stamp, last = page[-1]["SystemModstamp"], page[-1]["Id"]
    assert len(seen) == 25
    assert seen == sorted(set(seen))


REFUSALS = [
    ("SELECT Id FRM Account", "MALFORMED_QUERY", "unexpected token"),
    (
        "SELECT Id FROM Account WHERE Name = 'a' AND Site = 'b' OR Phone = 'c'",
        "MALFORMED_QUERY",
        "unexpected token: 'OR'",
    ),
    ('SELECT Id FROM Account WHERE Name = "a"', "MALFORMED_QUERY", "unexpected token"),
    ("SELECT Id, Id FROM Account", "INVALID_FIELD", "duplicate field selected: Id"),
    ("SELECT Foo FROM Account", "INVALID_FIELD", "No such column 'Foo' on entity 'Account'"),
    ("SELECT Boss.Name FROM Account", "INVALID_FIELD", "Didn't understand relationship 'Boss' in field path"),
    ("SELECT Id FROM Ledger__c", "INVALID_TYPE", "sObject type 'Ledger__c' is not supported"),
    ("SELECT (SELECT Id FROM Invoices) FROM Account", "INVALID_TYPE", "Didn't understand relationship 'Invoices'"),
    (
        "SELECT Id FROM Account WHERE CreatedDate > '2026-01-01'",
        "INVALID_FIELD",
        "must be of type dateTime and should not be enclosed",
    ),
    ("SELECT Id FROM Account WHERE CreatedDate > 2026-01-01", "INVALID_FIELD", "must be of type dateTime"),
    (
        "SELECT Id FROM Opportunity WHERE Amount = '5'",
        "INVALID_FIELD",
        "must be of type currency and should not be enclosed",
    ),
    ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD", "should be enclosed in quotes"),
    ("SELECT Id FROM Account WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
    ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered"),
    ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY", "Field must be grouped or aggregated"),
    ("SELECT Name n FROM Account", "MALFORMED_QUERY", "unexpected token: 'n'"),
    ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY", "LIMIT of at most 200"),
    ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "offset"),
    ("SELECT Id FROM Account WHERE CloseDate = TODAY", "INVALID_FIELD", "No such column 'CloseDate'"),
    ("SELECT Id FROM Opportunity WHERE CloseDate = SOMEDAY", "MALFORMED_QUERY", "unexpected token: 'SOMEDAY'"),
]


@pytest.mark.parametrize(("text", "code", "message"), REFUSALS, ids=[text for text, _, _ in REFUSALS])
def test_a_bad_query_is_refused_in_the_platforms_words(org: Org, text: str, code: str, message: str) -> None:
    answer = org.call("GET", "query", query={"q": text})
    assert (answer.status, answer.code) == (400, code)
    assert message in answer.body[0]["message"]


def test_a_caret_points_at_the_wrong_place(org: Org) -> None:
    message = org.call("GET", "query", query={"q": "SELECT Id, Foo FROM Account"}).body[0]["message"]
    assert message.startswith("\nSELECT Id, Foo FROM Account\n           ^\nERROR at Row:1:Column:12\n")


def test_fields_functions_name_columns_by_kind(book: Org) -> None:
    custom = book.soql("SELECT FIELDS(CUSTOM) FROM Account LIMIT 1")[0]
    assert {"ABN__c", "Xero_Balance__c"} <= set(custom)
    assert all(name.endswith("__c") for name in custom if name != "attributes")
    assert "ABN__c" in book.soql("SELECT FIELDS(ALL) FROM Account LIMIT 200")[0]


def test_ids_of_fifteen_and_eighteen_characters_are_the_same(book: Org) -> None:
    record_id = book.soql("SELECT Id FROM Account WHERE Name = 'North Wharf'")[0]["Id"]
    text = "SELECT Id FROM Account WHERE Id = '{}'"
    assert book.soql(text.format(record_id[:15]))[0]["Id"] == record_id
