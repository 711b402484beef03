"""What queries with functions, groups, parents and children answer (SF 2.6, 3.2)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Org

# The clock stands at 2026-11-20 01:30 UTC, which is 12:30 of the same day in Sydney; memos were said at 00:30 the next.
NAMES = [
    ("Opportunity WHERE CALENDAR_YEAR(CloseDate) = 2027", ["Kiwi"]),
    ("Opportunity WHERE FISCAL_YEAR(CloseDate) = 2027 ORDER BY Name", ["Kiwi", "One", "Three"]),
    ("Opportunity WHERE FISCAL_QUARTER(CloseDate) = 1", ["One"]),
    ("Opportunity WHERE FISCAL_MONTH(CloseDate) = 12", ["Two"]),
    ("Opportunity WHERE CALENDAR_QUARTER(CloseDate) = 4", ["Three"]),
    ("Opportunity WHERE DAY_IN_WEEK(CloseDate) = 7", ["Three"]),
    ("Opportunity WHERE DAY_IN_YEAR(CloseDate) = 1", ["Kiwi"]),
    ("Opportunity WHERE WEEK_IN_MONTH(CloseDate) = 5", ["Two"]),
    ("Opportunity WHERE WEEK_IN_YEAR(CloseDate) = 1", ["Kiwi"]),
    ("Opportunity WHERE CloseDate = THIS_FISCAL_QUARTER", ["Three"]),
    ("Opportunity WHERE CloseDate = LAST_FISCAL_YEAR", ["Two"]),
    ("Opportunity WHERE CloseDate = NEXT_FISCAL_QUARTER", ["Kiwi"]),
    ("Opportunity WHERE CloseDate = N_MONTHS_AGO:4", ["One"]),
    ("Opportunity WHERE CloseDate IN (TOMORROW, 2026-06-30) ORDER BY Name", ["Three", "Two"]),
    ("Opportunity WHERE CloseDate NOT IN (TOMORROW, 2026-06-30) ORDER BY Name", ["Kiwi", "One"]),
    ("Memo__c WHERE DAY_ONLY(Said__c) = 2026-11-20 ORDER BY Name", ["m1", "m2", "m3"]),
    ("Memo__c WHERE DAY_ONLY(convertTimezone(Said__c)) = 2026-11-21 ORDER BY Name", ["m1", "m2", "m3"]),
    ("Memo__c WHERE HOUR_IN_DAY(Said__c) = 13 AND HOUR_IN_DAY(convertTimezone(Said__c)) = 0 LIMIT 1", ["m1"]),
    ("Memo__c WHERE Said__c = TOMORROW ORDER BY Name", ["m1", "m2", "m3"]),
    ("Memo__c WHERE Topics__c INCLUDES ('Tax;Cash', 'Other')", ["m1"]),
    ("Memo__c WHERE Topics__c INCLUDES ('Cash') ORDER BY Name", ["m1", "m2"]),
    ("Memo__c WHERE Topics__c EXCLUDES ('Tax') ORDER BY Name", ["m2", "m3"]),
    ("Memo__c WHERE About__r.Type = 'Account'", ["m1"]),
    ("Memo__c WHERE About__r.Name = 'one'", ["m2"]),
    ("Memo__c m, m.About__r a WHERE a.Name = 'One'", ["m2"]),
    ("Opportunity o, o.Account a, a.Owner w WHERE w.Name = null AND a.Name = null ORDER BY Name LIMIT 1", ["Kiwi"]),
    ("Opportunity o, o.Account a WHERE a.Name = 'South' AND o.Amount = 7", ["Three"]),
    ("Opportunity WHERE Account.Name LIKE '%TH' ORDER BY StageName, Name", ["Two", "One", "Three"]),
    ("Opportunity WHERE toLabel(StageName) = 'closed lost'", ["Kiwi"]),
    ("Opportunity WHERE Amount >= 100 ORDER BY Amount DESC, Name", ["Kiwi", "One"]),
    ("Opportunity WHERE Amount = NZD109 ORDER BY Name", ["Kiwi", "One"]),
    ("Opportunity ORDER BY Account.Name DESC NULLS LAST, Name LIMIT 2", ["Three", "One"]),
    ("Account WHERE Id IN (SELECT AccountId FROM Contact) AND Id NOT IN (SELECT About__c FROM Memo__c)", []),
    ("Account USING SCOPE everything ORDER BY Name", ["North", "South"]),
    ("Account USING SCOPE mine", []),
    ("Account WITH USER_MODE ORDER BY Name FOR VIEW", ["North", "South"]),
]


@pytest.mark.parametrize(("tail", "names"), NAMES, ids=[tail for tail, _ in NAMES])
def test_a_query_finds_exactly_these_rows_in_this_order(book: Org, tail: str, names: list[str]) -> None:
    field = "m.Name" if tail.startswith("Memo__c m,") else "Name"
    assert [each["Name"] for each in book.soql(f"SELECT {field} FROM {tail}")] == names


AGGREGATES: list[tuple[str, list[dict[str, Any]]]] = [
    (
        "SELECT StageName, Type, COUNT(Id) n FROM Opportunity GROUP BY ROLLUP(StageName, Type) ORDER BY StageName,Type",
        [
            {"StageName": None, "Type": None, "n": 4},
            {"StageName": "Prospecting", "Type": None, "n": 1},
            {"StageName": "Prospecting", "Type": "Old", "n": 1},
            {"StageName": "Closed Won", "Type": None, "n": 2},
            {"StageName": "Closed Won", "Type": "New", "n": 2},
            {"StageName": "Closed Lost", "Type": None, "n": 1},
            {"StageName": "Closed Lost", "Type": None, "n": 1},
        ],
    ),
    (
        (
            "SELECT Type, GROUPING(Type) g, SUM(Amount) s FROM Opportunity GROUP BY ROLLUP(Type) "
            "HAVING GROUPING(Type) = 1 OR SUM(Amount) > 60 ORDER BY GROUPING(Type), Type"
        ),
        [
            {"Type": None, "g": 0, "s": Decimal(100)},
            {"Type": "New", "g": 0, "s": Decimal(107)},
            {"Type": None, "g": 1, "s": Decimal(257)},
        ],
    ),
    (
        (
            "SELECT IsWon w, IsClosed, COUNT(Id) FROM Opportunity GROUP BY CUBE(IsWon, IsClosed) "
            "HAVING COUNT(Id) > 2 ORDER BY COUNT(Id)"
        ),
        [{"w": None, "IsClosed": True, "expr0": 3}, {"w": None, "IsClosed": None, "expr0": 4}],
    ),
    (
        (
            "SELECT HOUR_IN_DAY(convertTimezone(Said__c)) h, MIN(Name), MAX(m.Name) last1 FROM Memo__c m "
            "GROUP BY HOUR_IN_DAY(convertTimezone(Said__c))"
        ),
        [{"h": 0, "expr0": "m1", "last1": "m3"}],
    ),
    ("SELECT FORMAT(SUM(Amount)) s FROM Opportunity WHERE Type = 'New'", [{"s": "AUD 107.00"}]),
    ("SELECT o.Type FROM Opportunity o GROUP BY Type HAVING o.Type LIKE 'o%'", [{"Type": "Old"}]),
    ("SELECT AVG(Amount) a FROM Opportunity WHERE Type = 'New'", [{"a": Decimal("53.5")}]),
]


@pytest.mark.parametrize(("text", "expected"), AGGREGATES, ids=[text for text, _ in AGGREGATES])
def test_aggregates_group_subtotal_and_filter(book: Org, text: str, expected: list[dict[str, Any]]) -> None:
    records = book.soql(text)
    assert [each.pop("attributes") for each in records] == [{"type": "AggregateResult"}] * len(expected)
    assert records == expected


def one(org: Org, text: str) -> dict[str, Any]:
    (record,) = org.soql(text)
    return record


def test_a_polymorphic_parent_shows_what_all_of_its_kinds_have(book: Org) -> None:
    about = one(book, "SELECT About__r.Name, About__r.Type FROM Memo__c WHERE Name = 'm2'")["About__r"]
    assert (about["Name"], about["Type"], about["attributes"]["type"]) == ("One", "Opportunity", "Name")
    assert "/sobjects/Opportunity/006" in about["attributes"]["url"]


def test_typeof_chooses_fields_by_the_kind_of_the_parent(book: Org) -> None:
    text = (
        "SELECT Name, TYPEOF About__r WHEN Account THEN Industry, Owner.Username WHEN Opportunity THEN Amount "
        "ELSE Name END FROM Memo__c ORDER BY Name"
    )
    account, deal, nobody = (each["About__r"] for each in book.soql(text))
    assert (account["attributes"]["type"], account["Industry"]) == ("Account", "Shipping")
    assert account["Owner"]["Username"] == "admin@harbourpoint.example"
    assert (deal["attributes"]["type"], deal["Amount"], "Industry" in deal) == ("Opportunity", 100, False)
    assert nobody is None


def test_amounts_are_converted_and_formatted(book: Org) -> None:
    text = (
        "SELECT Amount, convertCurrency(Amount) mine, FORMAT(Amount) shown, FORMAT(convertCurrency(Amount)) ours, "
        "FORMAT(CloseDate) day, FORMAT(Account.Name) buyer FROM Opportunity WHERE Name = 'Kiwi'"
    )
    deal = one(book, text)
    assert (deal["Amount"], deal["mine"]) == (109, 100)
    assert (deal["shown"], deal["ours"], deal["day"]) == ("NZD 109.00 (AUD 100.00)", "AUD 100.00", "1/01/2027")
    assert deal["Account"] is None


def test_a_user_of_another_currency_and_zone_compares_in_those(book: Org) -> None:
    user = book.world.rows["User"][book.world.grants["integration"]]
    book.world.put(
        book.world.object("User"), user | {"DefaultCurrencyIsoCode": "NZD", "TimeZoneSidKey": "America/Los_Angeles"}
    )
    assert one(book, "SELECT convertCurrency(Amount) FROM Opportunity WHERE Name = 'One'")["Amount"] == 109
    assert [each["Name"] for each in book.soql("SELECT Name FROM Opportunity WHERE Amount = 109 ORDER BY Name")] == [
        "Kiwi",
        "One",
    ]
    # 2026-11-19 17:30 in Los Angeles
    assert book.soql("SELECT Name FROM Memo__c WHERE Said__c = TODAY") == []
    assert len(book.soql("SELECT Name FROM Memo__c WHERE Said__c = TOMORROW")) == 3


def test_dated_rates_serve_deals_by_their_close_date(book: Org) -> None:
    rates = [(date(2026, 1, 1), Decimal("1.09")), (date(2027, 1, 1), Decimal("1.25"))]
    book.world.rows["DatedConversionRate"] = {
        str(number): {"IsoCode": "NZD", "StartDate": start, "ConversionRate": rate}
        for number, (start, rate) in enumerate(rates)
    }
    assert one(book, "SELECT convertCurrency(Amount) a FROM Opportunity WHERE Name = 'Kiwi'")["a"] == Decimal("87.20")


def test_children_nest_and_stand_under_their_relationship(book: Org) -> None:
    text = (
        "SELECT Name, (SELECT LastName FROM Account.Contacts c WHERE c.LastName != 'Birch' ORDER BY LastName DESC), "
        "(SELECT Name, (SELECT Quantity FROM OpportunityLineItems) FROM Opportunities ORDER BY CloseDate LIMIT 1) "
        "FROM Account WHERE Name = 'North'"
    )
    account = one(book, text)
    assert [each["LastName"] for each in account["Contacts"]["records"]] == ["Cedar", "Ash"]
    (deal,) = account["Opportunities"]["records"]
    assert (deal["Name"], deal["OpportunityLineItems"]) == ("Two", None)


def test_distance_between_places(book: Org) -> None:
    account = next(iter(book.world.rows["Account"].values()))
    text = "SELECT Name FROM Account WHERE DISTANCE(BillingAddress, GEOLOCATION(-33.86, 151.21), 'km') < 20"
    assert book.soql(text) == []  # nobody has located the addresses
    place = {"BillingLatitude": "-33.87", "BillingLongitude": "151.20"}
    assert book.person("PATCH", f"sobjects/Account/{account['Id']}", place).status == 204
    assert [each["Name"] for each in book.soql(text)] == [account["Name"]]
    assert book.soql(text.replace("km", "mi").replace("20", "0.5")) == []


def test_like_tells_an_escaped_backslash_from_an_escaped_wildcard(org: Org) -> None:
    for name in ("a%b", "a\\xb", "axb"):
        org.create("Account", Name=name)
    found = {
        pattern: [
            each["Name"] for each in org.soql(f"SELECT Name FROM Account WHERE Name LIKE '{pattern}' ORDER BY Name")
        ]
        for pattern in ("a\\%b", "a\\\\%b", "a_b", "a\\u0025b")
    }
    assert found == {"a\\%b": ["a%b"], "a\\\\%b": ["a\\xb"], "a_b": ["a%b", "axb"], "a\\u0025b": ["a%b"]}
