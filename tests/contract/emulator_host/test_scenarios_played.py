"""Scenarios played into both emulators: references, updates, history, and refusals in one sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from crossfoot.emulators.clock import Clock
from crossfoot.emulators.host import Worlds, make_worlds
from crossfoot.emulators.scenario import ScenarioError, find_scenario, read_scenario
from crossfoot.emulators.scenarios import demo

from .probe import soql, xero_get

PAGE = Path(__file__).parents[3] / "docs/reference/scenario-files.md"


def make(document: Any) -> Worlds:
    return make_worlds(read_scenario(document, "here"), Clock(0, lambda: demo.CLOCK))


def test_the_documented_example_loads(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "example.yaml"
    path.write_text(example, encoding="utf-8")
    worlds = make_worlds(find_scenario(str(path)), Clock(0, lambda: demo.CLOCK))
    [deal] = soql(worlds, "SELECT IsWon, Amount, LastStageChangeDate FROM Opportunity")
    assert (deal["IsWon"], deal["Amount"], deal["LastStageChangeDate"]) == (True, 8600, "2026-10-20T03:00:00.000+0000")
    [invoice] = xero_get(worlds, "Invoices")
    assert (invoice["Contact"]["Name"], invoice["Total"]) == ("Acme Pty Ltd", 9460)


def test_an_empty_pair_has_what_a_new_one_has() -> None:
    worlds = make_worlds(find_scenario("empty"), Clock(0, lambda: demo.CLOCK))
    assert soql(worlds, "SELECT Id FROM Account") == []
    assert soql(worlds, "SELECT IsStandard FROM Pricebook2")[0]["IsStandard"] is True
    assert "200" in {account["Code"] for account in xero_get(worlds, "Accounts")}
    assert xero_get(worlds, "Contacts") == []


def test_salesforce_records_may_refer_to_xero_records() -> None:
    worlds = make(
        {
            "xero": {"Contacts": [{"$name": "acme", "Name": "Acme"}]},
            "salesforce": {"Account": [{"Name": "Acme", "Xero_Contact_Id__c": "$acme"}]},
        }
    )
    [account] = soql(worlds, "SELECT Xero_Contact_Id__c FROM Account")
    assert account["Xero_Contact_Id__c"] == xero_get(worlds, "Contacts")[0]["ContactID"] == worlds.names["acme"]


def test_a_record_may_refer_to_the_one_before_it_in_its_list() -> None:
    worlds = make({"salesforce": {"Account": [{"$name": "parent", "Name": "A"}, {"Name": "B", "ParentId": "$parent"}]}})
    assert [row["Name"] for row in soql(worlds, "SELECT Name FROM Account WHERE Parent.Name = 'A'")] == ["B"]


def test_long_lists_go_in_several_calls() -> None:
    worlds = make({"salesforce": {"Account": [{"Name": f"A{number}"} for number in range(450)]}})
    assert len(soql(worlds, "SELECT Id FROM Account")) == 450


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"salesforce": {"Account": [{"Name": "A"}, {"$name": "b", "Nmae": "B"}]}},
            r"here: salesforce, Account, record 2 \(b\).*Nmae",
        ),
        (
            {"salesforce": {"Opportunity": [{"Name": "A", "StageName": "Prospecting", "CloseDate": "soon"}]}},
            "here: salesforce, Opportunity, record 1.*of date from VALUE_STRING value soon",
        ),
        (
            {"xero": {"Contacts": [{"Name": "A"}, {"Name": "a"}]}},
            "here: xero, Contacts, record 2: The contact name",
        ),
        ({"xero": {"Quips": [{}]}}, "here: xero, Quips, record 1: unknown kind of record. Known: Organisation"),
        (
            {"xero": {"Invoices": [{"Type": "ACCREC", "Contact": {"ContactID": "$acme"}}]}},
            r"here: xero, Invoices, record 1, field Contact: \$acme is not defined\.",
        ),
        (
            {"xero": {"Contacts": [{"Name": "A", "ContactNumber": "$b"}, {"$name": "b", "Name": "B"}]}},
            r"record 1, field ContactNumber: \$b is made only later",
        ),
        (
            {"salesforce": {"Account": [{"$update": "$gone", "Name": "A"}]}},
            r"record 1, \$update: \$gone is not defined",
        ),
        (
            {"xero": {"TrackingCategories": [{"Name": "Region", "Options": [{"Name": "N"}, {"Name": "N"}]}]}},
            "TrackingCategories, record 1, field Options: option 'N'",
        ),
    ],
)
def test_a_refused_record_is_named_with_its_cause(document: Any, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        make(document)
