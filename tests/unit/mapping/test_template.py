"""The file that `crossfoot init` writes: one screen, only fields and codes that are there, and it compiles."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from crossfoot.emulators.clock import Clock
from crossfoot.emulators.host import VENDORS, make_worlds
from crossfoot.emulators.scenario import find_scenario
from crossfoot.emulators.scenarios import demo
from crossfoot.emulators.wire import Request
from crossfoot.mapping.compiled import FlowMapping
from crossfoot.mapping.settings import load_settings
from crossfoot.mapping.template import LINES_MAX, RECORDS, InitFacts, render_settings
from crossfoot.salesforce import requests

OBJECTS = ("Account", "Opportunity", "OpportunityLineItem", "Product2")
PACKAGE = tuple(RECORDS.values())


@pytest.fixture(scope="module")
def demo_facts() -> InitFacts:
    """What init finds in the demo org."""
    org = make_worlds(find_scenario("demo"), Clock(0, lambda: demo.CLOCK)).emulators["salesforce"]
    asked = requests.describe((*OBJECTS, *PACKAGE))
    signed = {"authorization": f"Bearer {VENDORS['salesforce'].credentials(org.world, None)['access_token']}"}
    answer = org.answer(Request(asked.method, asked.path, "", signed, asked.body))
    described = requests.decode_describes((*OBJECTS, *PACKAGE), answer.body)
    return InitFacts(
        salesforce="harbour-point",
        xero="harbour-point-au",
        organisation="Harbour Point Advisory",
        country="AU",
        currency="AUD",
        start_date=dt.date(2026, 10, 1),
        inclusive=False,
        due_days=14,
        sales_account="200",
        tax="OUTPUT",
        tax_by_country={"NZ": "EXEMPTEXPORT", "US": "EXEMPTEXPORT"},
        fields={name: {each["name"] for each in result["fields"]} for name, result in described.items() if result},
        prefix="SF-",
        objects={name for name in PACKAGE if described[name]},
        tracking={"Region": "Opportunity.Region__c"},
    )


def compile_text(text: str, directory: Path) -> FlowMapping:
    path = directory / "crossfoot.yaml"
    path.write_text(text, encoding="utf-8")
    return FlowMapping(load_settings(path))


def bare(facts: InitFacts) -> InitFacts:
    """An org as Salesforce delivers it, of one currency."""
    standard = {
        name: {field for field in fields if not field.endswith("__c") and field != "CurrencyIsoCode"}
        for name, fields in facts.fields.items()
    }
    return replace(facts, fields=standard, objects=(), tracking={}, tax_by_country={}, sales_account="", tax="")


@pytest.mark.promise("S0-73")
@pytest.mark.parametrize("kind", ["demo org", "bare org"])
def test_the_file_fits_one_screen_and_compiles(demo_facts: InitFacts, tmp_path: Path, kind: str) -> None:
    text = render_settings(demo_facts if kind == "demo org" else bare(demo_facts))
    assert len(text.splitlines()) <= LINES_MAX == 60
    mapping = compile_text(text, tmp_path)
    assert mapping.policy.start_date == dt.date(2026, 10, 1)
    assert mapping.policy.status == "DRAFT"
    assert mapping.settings.prices == "ex_tax"


@pytest.mark.promise("S0-73", "S1-21")
@pytest.mark.parametrize("kind", ["demo org", "bare org"])
def test_only_fields_that_the_org_shows_are_read_or_written(demo_facts: InitFacts, tmp_path: Path, kind: str) -> None:
    facts = demo_facts if kind == "demo org" else bare(demo_facts)
    mapping = compile_text(render_settings(facts), tmp_path)
    for name, reading in mapping.readings().items():
        own = {field for field in reading.fields if "." not in field}
        assert own <= set(facts.fields[name]), name
    lines = mapping.readings()["Opportunity"].line_fields
    assert {field for field in lines if "." not in field} <= set(facts.fields["OpportunityLineItem"])
    flows = mapping.settings.flows
    assert flows.invoices.write_back.keys() <= set(facts.fields["Opportunity"])
    assert flows.customers.write_back.keys() <= set(facts.fields["Account"])
    assert set(flows.invoices.records.values()) <= set(facts.objects)


def test_the_demo_orgs_own_fields_are_used(demo_facts: InitFacts, tmp_path: Path) -> None:
    mapping = compile_text(render_settings(demo_facts), tmp_path)
    assert mapping.settings.flows.invoices.fields["Number"] == "Deal_Number__c"
    assert len(mapping.settings.flows.invoices.write_back) == 17
    assert mapping.policy.coding.tax_by_country == {"NZ": "EXEMPTEXPORT", "US": "EXEMPTEXPORT"}
    assert "TaxNumber" in mapping.customer


@pytest.mark.parametrize("organisation", ["Smith & Sons: the firm", 'Quote\'s "Own"', "# not a comment"])
def test_an_organisations_name_cannot_break_the_file(demo_facts: InitFacts, tmp_path: Path, organisation: str) -> None:
    compile_text(render_settings(replace(demo_facts, organisation=organisation)), tmp_path)


def test_tracking_categories_of_any_name_are_written_safely(demo_facts: InitFacts, tmp_path: Path) -> None:
    tracking = {"Region & team: all": "Opportunity.Region__c", "Office, #1": "Product2.Family"}
    mapping = compile_text(render_settings(replace(demo_facts, tracking=tracking)), tmp_path)
    assert set(mapping.settings.flows.invoices.lines.tracking) == set(tracking)
