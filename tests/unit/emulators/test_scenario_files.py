"""Scenario files: what is read, and how a bad one is explained."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crossfoot.emulators.scenario import Scenario, ScenarioError, find_scenario, read_scenario, references

CLOCK = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)


def _read(tmp_path: Path, text: str) -> Scenario:
    path = tmp_path / "office.yaml"
    path.write_text(text, encoding="utf-8")
    return find_scenario(str(path))


def test_numbers_stay_exact_and_dates_stay_text(tmp_path: Path) -> None:
    scenario = _read(
        tmp_path,
        """
        clock: 2026-11-20T12:30:00+11:00
        start_date: 2026-10-01
        xero:
          Items: [{Code: A, Price: 0.1}]
        salesforce:
          Opportunity:
            - {$name: won, Name: Deal, CloseDate: 2026-10-06, Amount: 1234567890.10}
        """,
    )
    item, deal = scenario.steps
    assert (scenario.clock, scenario.start_date) == (CLOCK, date(2026, 10, 1))
    assert repr(item.fields["Price"]) == "Decimal('0.1')"
    assert deal.fields == {"Name": "Deal", "CloseDate": "2026-10-06", "Amount": Decimal("1234567890.10")}
    assert deal.name == "won"


def test_json_of_the_same_shape_reads_the_same(tmp_path: Path) -> None:
    text = '{"start_date": "2026-10-01", "xero": {"Items": [{"$name": "a", "Code": "A", "Price": 0.10, "Count": 2}]}}'
    (tmp_path / "office.json").write_text(text, encoding="utf-8")
    found, same = find_scenario(str(tmp_path / "office.json")), _read(tmp_path, text)
    assert repr((found.start_date, found.steps)) == repr((same.start_date, same.steps))
    assert repr(found.steps[0].fields["Price"]) == "Decimal('0.10')"


def test_a_mapping_of_names_stands_for_a_list(tmp_path: Path) -> None:
    scenario = _read(tmp_path, "xero: {Contacts: {acme: {Name: Acme}, best: {Name: Best}}}")
    assert [(step.name, step.fields["Name"]) for step in scenario.steps] == [("acme", "Acme"), ("best", "Best")]


def test_history_is_in_the_order_of_time_then_of_the_file() -> None:
    late, early = "2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z"
    document = {"salesforce": {"A": [{"n": 1}, {"n": 2, "$at": late}], "B": [{"n": 3, "$at": early}, {"n": 4}]}}
    history = read_scenario(document, "here").history("salesforce", CLOCK)
    assert [step.fields["n"] for _at, step in history] == [1, 3, 4, 2]
    assert [f"{at:%m}" for at, _step in history] == ["02", "02", "02", "03"]


def test_without_any_instant_all_is_written_now() -> None:
    history = read_scenario({"xero": {"Contacts": [{}, {}]}}, "here").history("xero", CLOCK)
    assert [at for at, _step in history] == [CLOCK, CLOCK]


def test_references_are_whole_strings_at_any_depth() -> None:
    value = {"a": "$one", "b": [{"c": "$two.b"}], "d": "costs $three", "e": "$"}
    assert list(references(value)) == ["one", "two.b"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "here: a scenario is a mapping"),
        ({"sales": {}}, "here: unknown key 'sales'"),
        ({"clock": "today"}, "here, clock: 'today' is no instant"),
        ({"clock": "2026-11-20T01:30:00"}, "needs its zone"),
        ({"start_date": "soon"}, "here, start_date: 'soon' is no date"),
        ({"seed": "x"}, "seed must be a whole number"),
        ({"xero": []}, "here, xero: expected a mapping"),
        ({"xero": {"Contacts": "Acme"}}, "here: xero, Contacts: expected a list"),
        ({"xero": {"Contacts": [{"Name": "A"}, "B"]}}, "here: xero, Contacts, record 2: a record is a mapping"),
        ({"clock": "2026-01-01T00:00Z", "xero": {"Contacts": [{"$at": "2026-01-02T00:00Z"}]}}, "after the scenario's"),
        ({"xero": {"Contacts": [{"$nmae": "a"}]}}, r"here: xero, Contacts, record 1: unknown '\$nmae'"),
    ],
)
def test_a_bad_shape_is_explained_with_its_place(document: Any, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        read_scenario(document, "here")


def test_an_unreadable_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"office.yaml: not readable as YAML: (?s:.*)line 2"):
        _read(tmp_path, "xero:\n  {broken")
    with pytest.raises(ScenarioError, match="no scenario called 'nowhere'"):
        find_scenario("nowhere")
    (tmp_path / "office.json").write_text("{broken")
    with pytest.raises(ScenarioError, match=r"office\.json: not readable as JSON: .*malformed"):
        find_scenario(str(tmp_path / "office.json"))
