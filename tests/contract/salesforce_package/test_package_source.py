"""The table, the committed source and what a new emulated org declares are one and the same."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tools import salesforce_source
from tools.salesforce_grants import BILL_SETS, PERMISSION_SETS
from tools.salesforce_tables import BILLS, OBJECTS, STANDARD
from tools.salesforce_xml import described

from crossfoot.core.findings import REASONS
from crossfoot.emulators.salesforce import World, new_world
from crossfoot.emulators.salesforce.metadata.archive import read_zip
from crossfoot.emulators.salesforce.metadata.deploy import Options, deploy
from crossfoot.emulators.salesforce.package import BUSINESS_FIELDS
from crossfoot.emulators.salesforce.transaction import Caller
from crossfoot.salesforce.package import BILLS as BILLS_PART
from crossfoot.salesforce.package import CORE, MARK, ORDERS, Component, load_components, pack

NOON = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
SOURCE = Path(salesforce_source.ROOT)
# Objects in which people make rows or change them.
PEOPLE_S = {"Xero_Payment__c", "Xero_Request__c"}
# What a deployment declares otherwise, though it is the same: labels, prefixes, and fields' help.
SHOWN = {"label", "help", "default", "relationship"}


def deployed() -> World:
    """An org without the package, into which it was deployed."""
    world = new_world(seed=7, settings={"package": False})
    outcome = deploy(
        world,
        Caller(world.grants["admin"], ""),
        NOON,
        read_zip(pack(load_components((CORE, ORDERS)))),
        Options(single=True),
    )
    problems = [f"{each['fullName']}: {each['problem']}" for each in outcome.messages if not each["success"]]
    assert problems == []
    assert outcome.applied
    return world


def shape(world: World) -> dict[str, dict[str, dict[str, Any]]]:
    """Custom fields by object, as far as their declaration matters to data."""
    found = {}
    for name, sobject in world.schema.objects.items():
        fields = {each.name: each for each in sobject.fields if each.custom and each.name not in BUSINESS_FIELDS}
        if fields or sobject.custom:
            found[name] = {
                key: {part: getattr(each, part) for part in each.__dataclass_fields__ if part not in SHOWN}
                for key, each in fields.items()
            }
    return found


def test_the_committed_source_is_what_the_table_says() -> None:
    wanted = salesforce_source.source_files()
    found = {
        path.relative_to(SOURCE).as_posix(): path.read_text(encoding="utf-8")
        for path in salesforce_source.written_files()
    }
    assert sorted(found) == sorted(wanted)
    assert [name for name in wanted if found[name] != wanted[name]] == []


@pytest.mark.promise("S3-01")
def test_a_new_emulated_org_is_as_if_the_package_had_been_deployed() -> None:
    assert shape(deployed()) == shape(new_world(seed=7))


@pytest.mark.promise("S3-22", "S3-23", "S3-24", "S3-36", "S1-49")
def test_every_mirror_object_has_a_unique_case_sensitive_key_and_its_lookups() -> None:
    schema = deployed().schema
    for declared in OBJECTS:
        key = schema.objects[declared.name.lower()].field("Xero_Key__c")
        assert key is not None
        assert (key.unique, key.external_id, key.case_sensitive) == (True, True, True)
    targets = {each.reference_to for each in schema.objects["xero_invoice__c"].fields}
    assert {("Account",), ("Opportunity",), ("Xero_Contact__c",)} <= targets
    number = schema.objects["opportunity"].field("Deal_Number__c")
    assert number is not None
    assert number.autonumber


def by_type(kind: str, *parts: str) -> list[Component]:
    return [each for each in load_components(parts or (CORE,)) if each.type == kind]


def test_no_layout_or_list_view_of_a_standard_object_is_in_it() -> None:
    ours = {each.name for each in OBJECTS}
    assert {each.name.split("-")[0] for each in by_type("Layout", CORE, ORDERS)} == ours
    assert {each.owner for each in by_type("ListView", CORE, ORDERS)} == ours
    standard = {each.owner for each in by_type("CustomField", CORE)} - ours
    assert standard == {each.name for each in STANDARD}
    assert [each.name for each in by_type("CustomObject", CORE, ORDERS) if not each.name.endswith("__c")] == []


def test_every_component_that_can_say_so_says_that_it_is_ours() -> None:
    silent = {each.type for each in load_components((CORE, ORDERS)) if not each.marked}
    assert silent == {"Layout", "ListView", "ReportFolder"}
    assert MARK in described("")


def test_names_are_ones_that_the_platform_takes() -> None:
    for each in load_components((CORE, ORDERS)):
        name = each.name.rpartition(".")[2]
        if each.type in {"CustomObject", "CustomField"}:
            assert re.fullmatch(r"[A-Za-z](?:(?!__)[A-Za-z0-9_]){0,38}__c", name), name
        assert len(each.element.findtext("label") or "") <= 40
    children = [
        (each.element.findtext("referenceTo"), each.element.findtext("relationshipName"))
        for each in by_type("CustomField", CORE, ORDERS)
        if each.element.findtext("type") == "Lookup"
    ]
    assert len(children) == len(set(children))


@pytest.mark.promise("S3-10", "S3-11")
def test_coding_lookups_offer_only_active_and_legal_values() -> None:
    filters = {
        each.name: {item.findtext("field") for item in each.element.iter("filterItems")}
        for each in by_type("CustomField", CORE, ORDERS)
        if each.element.find("lookupFilter") is not None
    }
    for owner in ("Opportunity", "OpportunityLineItem", "Product2", "OrderItem"):
        assert filters[f"{owner}.Xero_Account__c"] == {
            "Xero_Account__c.Active__c",
            "Xero_Account__c.Takes_Sales_Lines__c",
        }
        assert "Xero_Tax_Rate__c.Active__c" in filters[f"{owner}.Xero_Tax_Rate__c"]
        assert filters[f"{owner}.Xero_Tracking_1__c"] == {"Xero_Tracking_Option__c.Active__c"}


def test_only_the_integration_user_may_write_to_the_mirror_and_nobody_deletes() -> None:
    for grants in (*PERMISSION_SETS, *BILL_SETS):
        for name, given in grants.objects.items():
            assert not given.get("allowDelete"), (grants.name, name)
            assert not given.get("modifyAllRecords"), (grants.name, name)
            if not grants.name.startswith("Crossfoot_Integration"):
                assert name in PEOPLE_S or set(given) == {"allowRead"}, (grants.name, name)
                assert not given.get("viewAllRecords"), (grants.name, name)


def test_where_a_row_is_to_be_deleted_the_words_name_an_administrator() -> None:
    deleting = [each.fix for code, each in REASONS.items() if code.startswith("payment_") and "delete" in each.fix]
    assert len(deleting) == 4
    assert [fix for fix in deleting if "administrator" not in fix] == []


def test_people_fill_only_what_is_theirs_to_say() -> None:
    """Beside the coding of deals, the fields that each permission set lets people write."""
    filled = {
        each.name: {name for name, edit in each.fields.items() if edit and name.startswith("Xero_")}
        for each in PERMISSION_SETS
    }
    assert filled["Crossfoot_Viewer"] == set()
    assert filled["Crossfoot_Requester"] == {
        f"Xero_Request__c.{each}__c" for each in ("Xero_Invoice", "Action", "Reason")
    }
    assert filled["Crossfoot_Approver"] == {"Xero_Request__c.Approved__c"}
    assert filled["Crossfoot_Payments"] == {
        f"Xero_Payment__c.{each}__c" for each in ("Xero_Invoice", "Amount", "Date", "Reference")
    }


def test_bills_are_in_no_permission_set_but_their_own() -> None:
    told = {each.name for each in (*PERMISSION_SETS, *BILL_SETS) if "Xero_Bill__c" in each.objects}
    assert told == {"Crossfoot_Integration_Bills", "Crossfoot_Bills"}
    assert not [each for each in load_components((CORE, ORDERS)) if "Xero_Bill" in each.name]
    assert {each.owner for each in by_type("CustomField", BILLS_PART)} == {each.name for each in BILLS}


@pytest.mark.promise("S0-16")
def test_a_report_type_shows_won_scheduled_drafted_invoiced_and_paid_by_month_and_owner() -> None:
    [report] = [each for each in by_type("ReportType") if each.name == "Crossfoot_Won_To_Paid"]
    columns = {each.findtext("field") for each in report.element.iter("columns")}
    stages = {"Amount", "Xero_Scheduled__c", "Xero_Drafted__c", "Xero_Invoiced__c", "Xero_Amount_Paid__c"}
    assert columns >= {*stages, "CloseDate", "Owner", "IsWon"}


@pytest.mark.promise("S0-16")
def test_a_report_is_ready_for_it_in_a_folder_of_its_own() -> None:
    reports = {each.name: each.element for each in by_type("Report")}
    assert {each.partition("/")[0] for each in reports} == {each.name for each in by_type("ReportFolder")}
    report = reports["Crossfoot/Won_To_Paid"]
    assert [each.findtext("field") for each in report.iter("groupingsDown")] == [
        "Opportunity$CloseDate",
        "Opportunity$Owner",
    ]
    summed = {each.findtext("field") for each in report.iter("columns") if each.findtext("aggregateTypes") == "Sum"}
    stages = ("Amount", "Xero_Scheduled__c", "Xero_Drafted__c", "Xero_Invoiced__c", "Xero_Amount_Paid__c")
    assert summed >= {f"Opportunity${each}" for each in stages}
    for each in reports.values():
        assert len(each.findtext("name") or "") <= 40
        assert len(each.findtext("description") or "") <= 255


def scripts() -> dict[str, tuple[Component, str, str]]:
    """The Lightning components by name, each with its script and its template."""
    return {
        each.name: (each, each.files[f"{each.name}.js"].decode(), each.files.get(f"{each.name}.html", b"").decode())
        for each in by_type("LightningComponentBundle")
    }


@pytest.mark.promise("U-19")
def test_a_component_for_the_record_pages_of_deals_and_customers_shows_only_what_a_viewer_is_granted() -> None:
    [viewer] = [each for each in PERMISSION_SETS if each.name == "Crossfoot_Viewer"]
    pages = set()
    for bundle, script, _ in scripts().values():
        read = set(re.findall(r"@salesforce/schema/([\w.]+)", script))
        assert read <= set(viewer.fields), bundle.name
        if bundle.element.findtext("isExposed") == "true":
            pages |= {each.text for each in bundle.element.iter("object")}
            assert [each.text for each in bundle.element.iter("target")] == ["lightning__RecordPage"]
        assert "apex" not in script.casefold()
    assert pages == {"Opportunity", "Account"}


@pytest.mark.promise("S0-09", "S1-32")
def test_the_components_show_what_is_owed_on_a_customer_and_how_payment_stands_on_a_deal() -> None:
    read = {name: set(re.findall(r"@salesforce/schema/([\w.]+)", script)) for name, (_, script, _) in scripts().items()}
    assert read["crossfootCustomer"] >= {"Account.Xero_Balance__c", "Account.Xero_Overdue__c"}
    payment = ("Xero_Invoice_Number__c", "Xero_Status__c", "Xero_Payment_Status__c", "Xero_Amount_Due__c")
    assert read["crossfootDeal"] >= {f"Opportunity.{name}" for name in (*payment, "Xero_Paid_Date__c")}
    listed = ("Invoice_Number__c", "Payment_Status__c", "Due_Date__c", "Amount_Due__c")
    assert read["crossfootInvoices"] >= {f"Xero_Invoice__c.{name}" for name in listed}
    for owner in ("crossfootCustomer", "crossfootDeal"):
        assert "<c-crossfoot-invoices" in scripts()[owner][2]
        assert "{row.value}" in scripts()[owner][2]


def test_a_template_names_only_what_its_script_has_and_components_that_are_there() -> None:
    known = scripts()
    for name, (_, script, template) in known.items():
        items = set(re.findall(r'for:item="(\w+)"', template))
        used = {each.partition(".")[0] for each in re.findall(r"\{([\w.]+)\}", template)} - items
        assert [each for each in used if not re.search(rf"(get |@api ){each}\b", script)] == [], name
        children = {
            re.sub(r"-(\w)", lambda found: found[1].upper(), each) for each in re.findall(r"<c-([\w-]+)", template)
        }
        assert children | set(re.findall(r'"c/(\w+)"', script)) <= set(known), name
