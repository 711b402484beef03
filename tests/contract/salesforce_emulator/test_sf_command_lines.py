"""What the vendor's command line and CumulusCI ask for, and few others: told here as they send it (SF 8, 10.2)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.contract.salesforce_emulator.metadata_zips import manifest, tags, xml
from tests.contract.salesforce_emulator.test_sf_metadata import Administration

from crossfoot.emulators.salesforce import new_world


@pytest.fixture
def admin(org: Any) -> Administration:
    return Administration(type(org)(new_world(seed=7, settings={"package": False})))


def test_a_wildcard_stands_for_standard_objects_too_where_files_are_sent(admin: Administration) -> None:
    kind = f"<recordTypes>{tags(fullName='Partner', active='true', label='Partner')}</recordTypes>"
    files = {"package.xml": manifest(CustomObject=["*"]), "objects/Account.object": xml("CustomObject", kind)}
    admin.good(files)
    described = admin.org.call("GET", "sobjects/Account/describe", token=admin.token).body
    assert "Partner" in {each["developerName"] for each in described["recordTypeInfos"]}


def test_a_folder_may_be_named_with_a_slash_at_its_end(admin: Administration) -> None:
    files = {
        "package.xml": manifest(Report=["Bills/"]),
        "reports/Bills-meta.xml": xml("ReportFolder", tags(name="Bills")),
    }
    admin.good(files)
    wanted = "<types><members>Bills/</members><name>Report</name></types>"
    asked = f"<retrieveRequest>{tags(apiVersion='66.0', singlePackage='true', unpackaged=wanted)}</retrieveRequest>"
    record_id = admin.soap("retrieve", asked).findtext(".//result/id")
    assert admin.soap("checkStatus", tags(asyncProcessId=record_id)).findtext(".//result/state") == "InProgress"
    admin.org.tick(2)
    told = admin.soap("checkStatus", tags(asyncProcessId=record_id))
    assert (told.findtext(".//result/done"), told.findtext(".//result/state")) == ("true", "Completed")
    done = admin.soap("checkRetrieveStatus", tags(asyncProcessId=record_id, includeZip="false"))
    assert [each.findtext("fileName") for each in done.findall(".//fileProperties")] == ["reports/Bills-meta.xml"]


def test_the_user_interface_is_opened_by_an_address_that_works_once(admin: Administration) -> None:
    first, second = (
        admin.org.call(
            "GET", "/services/oauth2/singleaccess", query={"redirect_uri": "lightning/page/home"}, token=admin.token
        ).body["frontdoor_uri"]
        for _ in range(2)
    )
    address = urlsplit(first)
    assert (address.path, parse_qs(address.query)["startURL"]) == ("/secur/frontdoor.jsp", ["lightning/page/home"])
    assert first != second
    assert admin.org.call("GET", "/services/oauth2/singleaccess", token="00D!none").status == 401


PACKAGES = (
    "SELECT Id, SubscriberPackage.NamespacePrefix, SubscriberPackageVersion.BuildNumber, "
    "SubscriberPackageVersion.Package2ContainerOptions FROM InstalledSubscriberPackage"
)


@pytest.mark.parametrize(
    ("resource", "soql"),
    [
        ("tooling/query", PACKAGES),
        ("tooling/query", "SELECT MajorVersion, MinorVersion, PatchVersion, IsBeta FROM SubscriberPackageVersion"),
        ("query", "SELECT PermissionSet.Name FROM PermissionSetAssignment WHERE PermissionSetGroupId != null"),
    ],
)
def test_what_an_org_has_none_of_can_be_asked_for(admin: Administration, resource: str, soql: str) -> None:
    answer = admin.org.call("GET", resource, query={"q": soql}, token=admin.token)
    assert (answer.status, answer.body.get("records")) == (200, [])


def test_old_versions_call_the_batches_of_a_day_requests(admin: Administration) -> None:
    names = {
        version: set(admin.org.call("GET", f"/services/data/v{version}.0/limits", token=admin.token).body)
        for version in (48, 49)
    }
    assert "DailyBulkApiRequests" in names[48] - names[49]
    assert "DailyBulkApiBatches" in names[49] - names[48]
