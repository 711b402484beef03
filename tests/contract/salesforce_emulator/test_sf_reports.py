"""Report folders, reports and bundles as metadata: deployed, listed, retrieved, and kept while they are used (SF 8)."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

import pytest
from tests.contract.salesforce_emulator.metadata_zips import manifest, tags, xml
from tests.contract.salesforce_emulator.test_sf_metadata import Administration, Files

from crossfoot.emulators.salesforce import new_world

COLUMNS = "".join(f"<columns>{tags(field=each, table='Opportunity')}</columns>" for each in ("Name", "Amount"))
REPORT_TYPE = xml(
    "ReportType",
    tags(baseObject="Opportunity", category="opportunities", deployed="true", label="Deals")
    + f"<sections>{COLUMNS}{tags(masterLabel='Deal')}</sections>",
)
FOLDER = xml("ReportFolder", tags(name="Money"))
BUNDLE = xml("LightningComponentBundle", tags(apiVersion="66.0", isExposed="true"))


def report(column: str = "Opportunity$Amount", kind: str = "Deals__c") -> str:
    shown = f"<columns>{tags(field=column)}</columns>"
    return xml("Report", shown + tags(format="Tabular", name="Won", reportType=kind))


def package() -> Files:
    return {
        "package.xml": manifest(ReportType=["Deals"], Report=["Money", "Money/Won"]),
        "reportTypes/Deals.reportType": REPORT_TYPE,
        "reports/Money-meta.xml": FOLDER,
        "reports/Money/Won.report": report(),
    }


@pytest.fixture
def admin(org: Any) -> Administration:
    return Administration(type(org)(new_world(seed=7, settings={"package": False})))


def removal(**members: Any) -> Files:
    return {"package.xml": manifest(), "destructiveChanges.xml": manifest(**members)}


def test_a_report_and_its_folder_deploy_and_come_back_as_they_were(admin: Administration) -> None:
    told = admin.good(package())["details"]["componentSuccesses"]
    assert {(each["componentType"], each["fullName"]) for each in told if each["componentType"]} == {
        ("ReportType", "Deals"),
        ("ReportFolder", "Money"),
        ("Report", "Money/Won"),
    }
    wanted = f"<types>{tags(members='Money')}{tags(members='Money/Won')}{tags(name='Report')}</types>"
    asked = f"<retrieveRequest>{tags(apiVersion='66.0', singlePackage='true', unpackaged=wanted)}</retrieveRequest>"
    record_id = admin.soap("retrieve", asked).findtext(".//result/id")
    admin.org.tick(2)
    done = admin.soap("checkRetrieveStatus", tags(asyncProcessId=record_id, includeZip="true"))
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(done.findtext(".//result/zipFile") or ""))) as archive:
        files: Files = {each: archive.read(each) for each in archive.namelist()}
    assert sorted(files) == ["package.xml", "reports/Money-meta.xml", "reports/Money/Won.report"]
    assert not [each for each in admin.good(files)["details"]["componentSuccesses"] if each["changed"]]


def test_reports_are_listed_by_folder(admin: Administration) -> None:
    admin.good(package())

    def listed(kind: str, folder: str = "") -> list[str | None]:
        inner = tags(folder=folder, type=kind) if folder else tags(type=kind)
        answer = admin.soap("listMetadata", f"<queries>{inner}</queries>{tags(asOfVersion='66.0')}")
        return [each.findtext("fullName") for each in answer.findall(".//result")]

    assert listed("ReportFolder") == ["Money"]
    assert listed("Report", "Money") == ["Money/Won"]
    assert listed("Report") == []
    types = admin.soap("describeMetadata").findall(".//metadataObjects")
    [found] = [each for each in types if each.findtext("directoryName") == "reports"]
    assert (found.findtext("xmlName"), found.findtext("inFolder")) == ("Report", "true")


@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        ("reports/Money/Won.report", report("Opportunity$Nope__c"), "Invalid value specified: Opportunity$Nope__c"),
        ("reports/Money/Won.report", report(kind="Nope__c"), "no ReportType named Nope__c found"),
        ("reports/Money-meta.xml", xml("ReportFolder", ""), "Required field is missing: name"),
    ],
)
def test_a_report_shows_what_its_type_has(admin: Administration, path: str, text: str, problem: str) -> None:
    result = admin.deploy({**package(), path: text})
    assert problem in " ".join(each["problem"] for each in result["details"]["componentFailures"])


def test_what_is_used_stays(admin: Administration) -> None:
    admin.good(package())
    assert "by the Report Money/Won" in admin.problem(removal(Report=["Money"]))["problem"]
    assert "by the Report Money/Won" in admin.problem(removal(ReportType=["Deals"]))["problem"]
    admin.good(removal(Report=["Money", "Money/Won"], ReportType=["Deals"]))
    assert not any(admin.org.world.metadata.get(kind) for kind in ("Report", "ReportFolder", "ReportType"))


def test_a_bundle_that_stands_on_a_page_stays(admin: Administration) -> None:
    placed = f"<itemInstances><componentInstance>{tags(componentName='panel')}</componentInstance></itemInstances>"
    page = tags(masterLabel="Deal", template="t", type="RecordPage", sobjectType="Opportunity")
    files: Files = {
        "package.xml": manifest(LightningComponentBundle=["panel"], FlexiPage=["Deal"]),
        "lwc/panel/panel.js-meta.xml": BUNDLE,
        "lwc/panel/panel.js": "export default class {}",
        "flexipages/Deal.flexipage": xml("FlexiPage", f"<flexiPageRegions>{placed}</flexiPageRegions>{page}"),
    }
    admin.good(files)
    refused = admin.problem(removal(LightningComponentBundle=["panel"]))["problem"]
    assert refused == "This LightningComponentBundle is referenced elsewhere: by the FlexiPage Deal"
    admin.good(removal(FlexiPage=["Deal"]))
    admin.good(removal(LightningComponentBundle=["panel"]))
