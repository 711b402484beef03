"""Search by words: SOSL and its form without a language (SF 2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Answer, Org


@pytest.fixture
def stocked(org: Org) -> Org:
    org.create("Account", Name="Kea Creek Dairy", Phone="1", BillingCity="Tui")
    org.create("Account", Name="Kea Hill", Phone="2")
    org.create("Contact", LastName="Keating", Email="kea@tui.example")
    return org


def found(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [each.get("Name") or each["attributes"]["type"] for each in answer.body["searchRecords"]]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("FIND {kea} IN NAME FIELDS RETURNING Account(Name ORDER BY Name)", ["Kea Creek Dairy", "Kea Hill"]),
        ("FIND {kea} RETURNING Account(Name WHERE Phone = '2'), Contact", ["Kea Hill", "Contact"]),
        ("FIND {kea} IN NAME FIELDS RETURNING Contact", []),
        ("find {Kea*} in name fields returning Contact(Id)", ["Contact"]),
        ('FIND {"kea creek"} RETURNING Account(Name)', ["Kea Creek Dairy"]),
        ('FIND {"creek kea"} RETURNING Account(Name)', []),
        ("FIND {kea AND NOT hill} RETURNING Account(Name)", ["Kea Creek Dairy"]),
        ("FIND {hill OR dairy} RETURNING Account(Name ORDER BY Name DESC LIMIT 1)", ["Kea Hill"]),
        ("FIND {tui} IN NAME FIELDS RETURNING Account(Name)", []),
        ("FIND {tui} IN EMAIL FIELDS", ["Contact"]),
        ("FIND {kea} RETURNING Account(Name), Contact LIMIT 1", ["Kea Creek Dairy"]),
    ],
)
def test_words_are_found_where_they_are_looked_for(stocked: Org, text: str, names: list[str]) -> None:
    assert found(stocked.call("GET", "search", query={"q": text})) == names


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("FIND kea", "MALFORMED_SEARCH"),
        ("FIND {k}", "MALFORMED_SEARCH"),
        ("FIND {kea} IN SOME FIELDS", "MALFORMED_SEARCH"),
        ("FIND {kea} RETURNING Account(Nope)", "INVALID_FIELD"),
        ("FIND {kea} RETURNING Nope(Id)", "INVALID_TYPE"),
    ],
)
def test_what_is_no_search_is_refused(stocked: Org, text: str, code: str) -> None:
    assert stocked.call("GET", "search", query={"q": text}).code == code


def test_the_parameters_say_the_same(stocked: Org) -> None:
    query = {"q": "kea", "sobject": "Account", "Account.fields": "Name", "in": "NAME", "overallLimit": "1"}
    assert found(stocked.call("GET", "parameterizedSearch", query=query)) == ["Kea Creek Dairy"]
    wish: dict[str, Any] = {"q": "kea", "fields": ["Name"], "sobjects": [{"name": "Account", "where": "Phone = '2'"}]}
    assert found(stocked.call("POST", "parameterizedSearch", wish)) == ["Kea Hill"]
