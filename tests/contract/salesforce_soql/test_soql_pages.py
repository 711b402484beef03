"""Pages, cursors, columns and plans (SF 2.1, 2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Answer, Org

SMALL = {"Sforce-Query-Options": "batchSize=200"}


def many(org: Org, kind: str, count: int, **fields: Any) -> None:
    for start in range(0, count, 200):
        numbers = range(start, min(count, start + 200))
        rows = [{"attributes": {"type": kind}, "LastName": f"C{number:04}", **fields} for number in numbers]
        if kind == "Account":
            rows = [{"attributes": {"type": kind}, "Name": f"A{number:04}", **fields} for number in numbers]
        answer = org.call("POST", "composite/sobjects", {"records": rows})
        assert all(each["success"] for each in answer.body)


def pages(org: Org, text: str, headers: dict[str, str]) -> list[Any]:
    """The bodies of all pages, from the query on."""
    found = [org.call("GET", "query", query={"q": text}, headers=headers).body]
    while not found[-1]["done"]:
        found.append(org.call("GET", found[-1]["nextRecordsUrl"], headers=headers).body)
    return found


@pytest.mark.parametrize(("count", "sizes"), [(400, [200, 200]), (401, [200, 200, 1]), (200, [200])])
def test_pages_return_each_row_once(org: Org, count: int, sizes: list[int]) -> None:
    many(org, "Account", count)
    found = pages(org, "SELECT Name FROM Account ORDER BY Name", SMALL)
    assert [len(each["records"]) for each in found] == sizes
    assert {each["totalSize"] for each in found} == {count}
    assert "nextRecordsUrl" not in found[-1]
    names = [row["Name"] for each in found for row in each["records"]]
    assert names == [f"A{number:04}" for number in range(count)]


def test_children_fill_a_page_too_so_that_a_short_page_is_not_the_last(org: Org) -> None:
    many(org, "Account", 6)
    for account in org.soql("SELECT Id FROM Account"):
        many(org, "Contact", 70, AccountId=account["Id"])
    found = pages(org, "SELECT Name, (SELECT Id FROM Contacts) FROM Account ORDER BY Name", SMALL)
    assert [len(each["records"]) for each in found] == [3, 3]
    assert sum(row["Contacts"]["totalSize"] for each in found for row in each["records"]) == 420


def test_a_long_child_set_has_a_cursor_of_its_own(org: Org) -> None:
    many(org, "Account", 1)
    (account,) = org.soql("SELECT Id FROM Account")
    many(org, "Contact", 450, AccountId=account["Id"])
    text = "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account"
    (page,) = pages(org, text, SMALL)
    child = page["records"][0]["Contacts"]
    names = [row["LastName"] for row in child["records"]]
    while not child["done"]:
        child = org.call("GET", child["nextRecordsUrl"], headers=SMALL).body
        assert child["records"][0]["attributes"]["type"] == "Contact"
        names += [row["LastName"] for row in child["records"]]
    assert names == [f"C{number:04}" for number in range(450)]


def test_a_cursor_belongs_to_the_session_that_opened_it(org: Org) -> None:
    many(org, "Account", 250)
    first = org.call("GET", "query", query={"q": "SELECT Id FROM Account"}, headers=SMALL).body
    other = org.token_by(grant_type="refresh_token", refresh_token=org.world.credentials()["refresh_token"])
    foreign = org.call("GET", first["nextRecordsUrl"], token=other.body["access_token"])
    assert (foreign.status, foreign.code) == (400, "INVALID_QUERY_LOCATOR")
    assert org.call("GET", first["nextRecordsUrl"].replace("/query/", "/queryAll/")).body["done"]
    org.tick(3 * 86_400)
    assert _code(org.call("GET", first["nextRecordsUrl"])) in {"INVALID_QUERY_LOCATOR", "INVALID_SESSION_ID"}


def _code(answer: Answer) -> str:
    return answer.code


def test_a_cursor_of_an_older_state_is_still_read(org: Org) -> None:
    many(org, "Account", 250)
    first = org.call("GET", "query", query={"q": "SELECT Name FROM Account"}, headers=SMALL).body
    for cursor in org.world.cursors.values():
        del cursor["child"]
    assert len(org.call("GET", first["nextRecordsUrl"]).body["records"]) == 50


def columns(org: Org, text: str) -> Any:
    answer = org.call("GET", "query", query={"q": text, "columns": "true"})
    assert answer.status == 200, answer.body
    return answer.body


def test_columns_are_told_as_the_command_line_reads_them(book: Org) -> None:
    text = (
        "SELECT Id, Name, Owner.Name, Owner.Profile.Name, Owner.Email, (SELECT LastName, Account.Name FROM Contacts) "
        "FROM Account"
    )
    told = columns(book, text)
    assert (told["entityName"], told["idSelected"], told["groupBy"], told["keyPrefix"]) == (
        "Account",
        True,
        False,
        "001",
    )
    record_id, name, owner, contacts = told["columnMetadata"]
    assert record_id == {
        "aggregate": False,
        "apexType": "Id",
        "booleanType": False,
        "columnName": "Id",
        "custom": False,
        "displayName": "Id",
        "foreignKeyName": None,
        "insertable": False,
        "joinColumns": [],
        "numberType": False,
        "textType": False,
        "updatable": False,
    }
    assert (name["apexType"], name["textType"]) == ("String", True)
    assert (owner["columnName"], owner["foreignKeyName"], owner["aggregate"]) == ("Owner", "OwnerId", False)
    assert [each["columnName"] for each in owner["joinColumns"]] == ["Name", "Profile", "Email"]
    assert [each["columnName"] for each in owner["joinColumns"][1]["joinColumns"]] == ["Name"]
    assert (contacts["columnName"], contacts["aggregate"], contacts["apexType"]) == ("Contacts", True, None)
    assert [each["columnName"] for each in contacts["joinColumns"]] == ["LastName", "Account"]


def test_aggregate_columns_show_the_function_and_are_called_by_their_alias(book: Org) -> None:
    told = columns(book, "SELECT StageName, AVG(Amount), COUNT(Id) n FROM Opportunity GROUP BY StageName")
    stage, average, count = told["columnMetadata"]
    assert told["groupBy"]
    assert (stage["columnName"], stage["aggregate"]) == ("StageName", False)
    assert (average["columnName"], average["displayName"], average["numberType"]) == ("expr0", "avg(Amount)", True)
    assert (count["columnName"], count["displayName"], count["aggregate"]) == ("n", "count(Id)", True)
    assert columns(book, "SELECT COUNT() FROM Account")["columnMetadata"] == []


def test_other_columns(book: Org) -> None:
    text = "SELECT FIELDS(STANDARD), TYPEOF About__r WHEN Account THEN Name END FROM Memo__c"
    names = [each["columnName"] for each in columns(book, text)["columnMetadata"]]
    assert {"Id", "Name", "CreatedDate", "About__r"} <= set(names)
    text = "SELECT DISTANCE(BillingAddress, GEOLOCATION(1, 1), 'km') d, FORMAT(AnnualRevenue) r FROM Account"
    assert [each["columnName"] for each in columns(book, text)["columnMetadata"]] == ["d", "r"]


def test_a_plan_tells_whether_an_index_serves(book: Org) -> None:
    def plan(text: str) -> Any:
        return book.call("GET", "query", query={"explain": text}).body["plans"][0]

    by_id = plan("SELECT Id FROM Contact WHERE AccountId = '001000000000000AAA'")
    assert (by_id["leadingOperationType"], by_id["cardinality"], by_id["relativeCost"]) == ("Index", 0, 0)
    scan = plan("SELECT Id FROM Contact WHERE LastName = 'Ash'")
    assert (scan["leadingOperationType"], scan["cardinality"], scan["relativeCost"]) == ("TableScan", 3, 1)
    assert scan["sobjectType"] == "Contact"
    assert plan("SELECT Id FROM Contact WHERE SystemModstamp > 2000-01-01T00:00:00Z")["leadingOperationType"] == "Index"


def test_queries_over_deleted_rows(book: Org) -> None:
    (contact,) = book.soql("SELECT Id FROM Contact WHERE LastName = 'Ash'")
    book.call("DELETE", f"sobjects/Contact/{contact['Id']}")
    assert len(book.soql("SELECT Id FROM Contact")) == 2
    assert len(book.soql("SELECT Id FROM Contact ALL ROWS")) == 3
    assert [each["IsDeleted"] for each in book.soql("SELECT IsDeleted FROM Contact", resource="queryAll")].count(
        True
    ) == 1
    account = book.soql("SELECT (SELECT Id FROM Contacts) FROM Account WHERE Name = 'North'", resource="queryAll")[0]
    assert account["Contacts"]["totalSize"] == 3
