"""How queries are refused that Salesforce refuses, and which limits hold (SF 2.3, 3.1, 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.soql.run import run_query

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Org

MALFORMED, FIELD, TYPE = "MALFORMED_QUERY", "INVALID_FIELD", "INVALID_TYPE"
OPERATOR = "INVALID_QUERY_FILTER_OPERATOR"
JOIN = "Id IN (SELECT AccountId FROM Contact)"

REFUSALS = [
    ("SELECT COUNT(), Id FROM Account", MALFORMED, "COUNT() stands alone"),
    ("SELECT COUNT() FROM Account GROUP BY Name", MALFORMED, "COUNT() stands alone"),
    ("SELECT COUNT(Id) FROM Account LIMIT 1", MALFORMED, "LIMIT is not allowed"),
    ("SELECT Amount, COUNT(Id) FROM Opportunity GROUP BY Amount", MALFORMED, "field 'Amount' can not be grouped"),
    ("SELECT COUNT(Id) FROM Opportunity GROUP BY CreatedDate", MALFORMED, "can not be grouped"),
    ("SELECT COUNT(Id) FROM Opportunity GROUP BY COUNT(Id)", MALFORMED, "can not be grouped"),
    ("SELECT SUM(Name) FROM Account", MALFORMED, "field Name does not support aggregate operator SUM"),
    ("SELECT COUNT(IsWon) FROM Opportunity", MALFORMED, "does not support aggregate operator COUNT"),
    ("SELECT MAX(Description) FROM Account", MALFORMED, "does not support aggregate operator MAX"),
    ("SELECT Name, Name n FROM Account GROUP BY Name", "", ""),
    ("SELECT Name n, COUNT(Id) N FROM Account GROUP BY Name", MALFORMED, "duplicate alias: N"),
    ("SELECT GROUPING(Site) g FROM Account GROUP BY ROLLUP(Name)", MALFORMED, "GROUPING needs a grouped field"),
    ("SELECT Name FROM Account GROUP BY CUBE(Name, Site, Phone, Fax)", MALFORMED, "takes 3 fields at most"),
    ("SELECT Name FROM Account HAVING COUNT(Id) > 1", MALFORMED, "unexpected token: 'HAVING'"),
    ("SELECT Id FROM Account WHERE COUNT(Id) > 1", MALFORMED, "COUNT is not allowed here"),
    ("SELECT Id FROM Account ORDER BY COUNT(Id)", MALFORMED, "COUNT is not allowed here"),
    ("SELECT CALENDAR_YEAR(CreatedDate) FROM Account", MALFORMED, "selected only where it is grouped"),
    ("SELECT convertTimezone(CreatedDate) t FROM Account", MALFORMED, "CONVERTTIMEZONE is not allowed here"),
    ("SELECT Id FROM Account WHERE CALENDAR_YEAR(Name) = 1", MALFORMED, "does not support date function"),
    ("SELECT Id FROM Opportunity WHERE HOUR_IN_DAY(CloseDate) = 1", MALFORMED, "does not support date function"),
    ("SELECT Id FROM Account WHERE CALENDAR_YEAR(CreatedDate) = THIS_YEAR", FIELD, "must be of type int"),
    ("SELECT Id FROM Opportunity WHERE FORMAT(Amount) = 'x'", FIELD, "can not be filtered"),
    ("SELECT Id FROM Opportunity WHERE convertCurrency(Amount) > 5", FIELD, "can not be filtered"),
    ("SELECT convertCurrency(Name) FROM Account", FIELD, "does not support convertCurrency"),
    ("SELECT toLabel(Amount) FROM Opportunity", FIELD, "does not support toLabel"),
    ("SELECT Amount, FORMAT(Amount) FROM Opportunity", FIELD, "duplicate field selected: Amount"),
    ("SELECT FIELDS(STANDARD), Name FROM Account", FIELD, "duplicate field selected: Name"),
    ("SELECT a.Name, Name FROM Account a", FIELD, "duplicate field selected: Name"),
    ("SELECT (SELECT Id FROM Contacts), (SELECT Name FROM Contacts) FROM Account", FIELD, "duplicate field selected"),
    ("SELECT FIELDS(ALL) FROM Account LIMIT 201", MALFORMED, "LIMIT of at most 200"),
    ("SELECT (SELECT FIELDS(CUSTOM) FROM Contacts) FROM Account LIMIT 5", MALFORMED, "LIMIT of at most 200"),
    ("SELECT FIELDS(STANDARD) FROM Account GROUP BY Name", MALFORMED, "not supported with GROUP BY"),
    ("SELECT Id FROM Account ORDER BY Description", MALFORMED, "can not be sorted"),
    ("SELECT Id FROM Account ORDER BY BillingAddress", MALFORMED, "can not be sorted"),
    ("SELECT Id FROM Opportunity WHERE IsWon > false", OPERATOR, "invalid operator"),
    ("SELECT Id FROM Opportunity WHERE Amount LIKE '5%'", OPERATOR, "invalid operator"),
    ("SELECT Id FROM Opportunity WHERE Name LIKE 5", OPERATOR, "invalid operator"),
    ("SELECT Id FROM Account WHERE Name INCLUDES ('a')", OPERATOR, "need a multipicklist"),
    ("SELECT Id FROM Opportunity WHERE Amount > XXX5", MALFORMED, "Invalid currency ISO code: XXX"),
    ("SELECT Id FROM Opportunity WHERE CloseDate = LAST_N_YEARS:999999", MALFORMED, "Invalid date literal"),
    ("SELECT Id FROM Opportunity WHERE CloseDate = 2026-02-30", MALFORMED, "Invalid date: 2026-02-30"),
    ("SELECT Id FROM Account WHERE Name = :name", MALFORMED, "Bind variables only allowed in Apex code"),
    ("SELECT Id FROM Account WHERE Name = 'a\\qb'", MALFORMED, "Illegal character sequence '\\q'"),
    ("SELECT Id FROM Account WHERE Näme = 'a'", MALFORMED, "unexpected token: 'ä'"),
    ("SELECT Id\u00a0FROM Account", MALFORMED, "unexpected token"),
    ("SELECT Id FROM Account USING SCOPE team_of_mine", MALFORMED, "unexpected token: 'team_of_mine'"),
    ("SELECT Id FROM Account USING SCOPE my_territory", "INVALID_QUERY_SCOPE", "not supported for Account"),
    ("SELECT Id FROM PricebookEntry USING SCOPE mine", "INVALID_QUERY_SCOPE", "not supported for PricebookEntry"),
    (
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact) "
            "AND Id IN (SELECT AccountId FROM Opportunity) AND Id NOT IN (SELECT AccountId FROM Opportunity)"
        ),
        "EXCEEDED_MAX_SEMIJOIN_SUBSELECTS",
        "Maximum 2",
    ),
    (f"SELECT Id FROM Account WHERE {JOIN} OR Name = 'x'", MALFORMED, "only allowed at the top level"),
    (f"SELECT Id FROM Account WHERE NOT {JOIN}", MALFORMED, "only allowed at the top level"),
    (
        f"SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account WHERE {JOIN})",
        MALFORMED,
        "only allowed at the top level",
    ),
    ("SELECT Id FROM Account WHERE Id IN (SELECT ParentId FROM Account)", MALFORMED, "same object type"),
    ("SELECT Id FROM Account WHERE Name IN (SELECT AccountId FROM Contact)", MALFORMED, "should be an id field"),
    ("SELECT Id FROM Account WHERE Id IN (SELECT OwnerId FROM Contact)", MALFORMED, "should point to the same object"),
    ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId, Id FROM Contact)", MALFORMED, "select one field"),
    ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact LIMIT 5)", MALFORMED, "can not use"),
    ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Nobody)", TYPE, "'Nobody' is not supported"),
    ("SELECT (SELECT COUNT(Id) FROM Contacts) FROM Account", MALFORMED, "not allowed in a relationship query"),
    ("SELECT (SELECT Foo FROM Contacts) FROM Account", FIELD, "No such column 'Foo' on entity 'Contact'"),
    ("SELECT (SELECT Id FROM Contacts WHERE Foo = 1) FROM Account", FIELD, "No such column 'Foo' on entity 'Contact'"),
    ("SELECT TYPEOF Owner WHEN User THEN Name END FROM Account", FIELD, "needs a polymorphic relationship"),
    ("SELECT Parent.Parent.Parent.Parent.Parent.Parent.Name FROM Account", FIELD, "Didn't understand relationship"),
    ("SELECT Id FROM Account WHERE DISTANCE(Name, GEOLOCATION(1,1), 'km') < 5", FIELD, "needs a geolocation"),
    ("SELECT NULL FROM Account", MALFORMED, "unexpected token: 'NULL'"),
    ("SELECT COUNT(Id) first FROM Account", MALFORMED, "unexpected token: 'first'"),
]


@pytest.mark.parametrize(("text", "code", "message"), REFUSALS, ids=[text for text, _, _ in REFUSALS])
def test_a_query_that_salesforce_refuses_is_refused(org: Org, text: str, code: str, message: str) -> None:
    answer = org.call("GET", "query", query={"q": text})
    if not code:
        assert answer.status == 200
        return
    assert (answer.status, answer.code) == (400, code)
    assert message in answer.body[0]["message"]


def test_parents_go_five_levels_up(org: Org) -> None:
    org.create("Account", Name="A")
    assert org.soql("SELECT Parent.Parent.Parent.Parent.Parent.Name FROM Account")[0]["Parent"] is None


def test_children_nest_from_version_58_on(org: Org) -> None:
    text = "SELECT (SELECT (SELECT Id FROM OpportunityLineItems) FROM Opportunities) FROM Account"
    old = org.call("GET", "/services/data/v57.0/query", query={"q": text})
    assert (old.code, "nested 1 level" in old.body[0]["message"]) == (MALFORMED, True)
    assert org.call("GET", "/services/data/v58.0/query", query={"q": text}).status == 200


def nested(levels: int) -> str:
    inner = "SELECT Id FROM ChildAccounts"
    for _ in range(levels - 1):
        inner = f"SELECT ({inner}) FROM ChildAccounts"
    return f"SELECT ({inner}) FROM Account"


@pytest.mark.parametrize(("levels", "status"), [(5, 200), (6, 400)])
def test_children_nest_five_levels_deep(org: Org, levels: int, status: int) -> None:
    assert org.call("GET", "query", query={"q": nested(levels)}).status == status


def run(org: Org, text: str) -> tuple[int, str]:
    """Run a text that is too long for an address, as a composite sub-request would carry it."""
    try:
        run_query(org.world, text, org.now, 66)
    except ApiError as error:
        return error.status, error.message
    return 200, ""


@pytest.mark.parametrize(("length", "status"), [(4_000, 200), (4_001, 400)])
def test_a_literal_has_four_thousand_characters_at_most(org: Org, length: int, status: int) -> None:
    assert run(org, f"SELECT Id FROM Account WHERE Name = '{'x' * length}'")[0] == status


def test_a_statement_has_a_hundred_thousand_characters_at_most(org: Org) -> None:
    short = "SELECT Id FROM Account"
    assert run(org, short + " " * (100_000 - len(short)))[0] == 200
    assert "longer than 100000" in run(org, short + " " * (100_001 - len(short)))[1]


def test_parentheses_without_end_are_refused_not_a_crash(org: Org) -> None:
    for deep in ("(" * 5_000, "NOT " * 5_000):
        assert "nested too deeply" in run(org, f"SELECT Id FROM Account WHERE {deep}Name = 'x'")[1]


def test_groups_have_no_cursor(org: Org) -> None:
    for start in range(0, 2_200, 200):
        rows = [{"attributes": {"type": "Account"}, "Name": f"A{start + each}"} for each in range(200)]
        org.call("POST", "composite/sobjects", {"records": rows})
    text = "SELECT Name, COUNT(Id) FROM Account GROUP BY Name"
    refused = org.call("GET", "query", query={"q": text})
    assert (refused.code, "does not support queryMore()" in refused.body[0]["message"]) == ("EXCEEDED_ID_LIMIT", True)
    assert len(org.soql(f"{text} LIMIT 2000")) == 2_000
