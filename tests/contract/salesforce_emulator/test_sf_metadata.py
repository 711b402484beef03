"""Deploying, listing and retrieving metadata (SF 8)."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.contract.salesforce_emulator.metadata_zips import (
    ALL,
    NAMESPACE,
    custom_object,
    deploy_body,
    field,
    manifest,
    packed,
    permission_set,
    tags,
    xml,
)

from crossfoot.emulators import snapshot
from crossfoot.emulators.salesforce import World, new_world, sessions

DEPLOY = "/services/data/v66.0/metadata/deployRequest"
SOAP = "/services/Soap/m/66.0"
Files = dict[str, "str | bytes"]


class Administration:
    """The org's administrator with a session, a clock and a zip."""

    def __init__(self, org: Any) -> None:
        self.org = org
        self.token = sessions.open_session(org.world, org.world.grants["admin"], "api", org.now)

    def start(self, files: Mapping[str, str | bytes], **options: Any) -> Any:
        body, kind = deploy_body(packed(files), **options)
        headers = {"authorization": f"Bearer {self.token}", "content-type": kind}
        return self.org.send("POST", DEPLOY, body, **headers)

    def status(self, record_id: str) -> dict[str, Any]:
        answer = self.org.call("GET", f"{DEPLOY}/{record_id}", query={"includeDetails": "true"}, token=self.token)
        assert answer.status == 200, answer.body
        result: dict[str, Any] = answer.body["deployResult"]
        return result

    def deploy(self, files: Mapping[str, str | bytes], **options: Any) -> dict[str, Any]:
        answer = self.start(files, **options)
        assert answer.status == 201, answer.body
        self.org.tick(10)
        return self.status(answer.body["id"])

    def good(self, files: Mapping[str, str | bytes], **options: Any) -> dict[str, Any]:
        result = self.deploy(files, **options)
        assert result["status"] == "Succeeded", result["details"]["componentFailures"]
        return result

    def problem(self, files: Mapping[str, str | bytes], **options: Any) -> dict[str, Any]:
        """The one failure of a deployment that has to fail."""
        result = self.deploy(files, **options)
        assert (result["status"], result["success"]) == ("Failed", False), result
        [failure] = result["details"]["componentFailures"]
        told: dict[str, Any] = failure
        return told

    def soap(self, operation: str, inner: str = "", *, token: str | None = None) -> ElementTree.Element:
        text = (
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
            f'xmlns:met="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Header>'
            f"<met:SessionHeader><met:sessionId>{token or self.token}</met:sessionId></met:SessionHeader>"
            f'</soapenv:Header><soapenv:Body><{operation} xmlns="{NAMESPACE}">{inner}</{operation}></soapenv:Body>'
            "</soapenv:Envelope>"
        )
        answer = self.org.send("POST", SOAP, text.encode(), **{"content-type": "text/xml", "soapaction": '""'})
        return ElementTree.fromstring(re.sub(rb' xmlns="[^"]+"', b"", answer.body))  # noqa: S314 - our own answer

    def grant(self, name: str) -> None:
        """Assign a deployed permission set to the integration user."""
        [row] = [each for each in self.org.world.rows["PermissionSet"].values() if each["Name"] == name]
        wish = {"AssigneeId": self.org.world.grants["integration"], "PermissionSetId": row["Id"]}
        answer = self.org.call("POST", "sobjects/PermissionSetAssignment", wish, token=self.token)
        assert answer.status == 201, answer.body


@pytest.fixture
def admin(org: Any) -> Administration:
    """The administrator of an org in which nothing of Crossfoot is installed."""
    return Administration(type(org)(new_world(seed=7, settings={"package": False})))


def package() -> Files:
    """A small package: an object with a key and a lookup, a field on Account, a tab, a layout and the grants."""
    fields = (
        field("Account__c", "Lookup", referenceTo="Account", relationshipName="Bills"),
        field("Key__c", "Text", length=100, unique="true", externalId="true"),
        field("Total__c", "Currency", precision=16, scale=2),
    )
    grants = {"Bill__c.Key__c": True, "Bill__c.Account__c": True, "Bill__c.Total__c": False, "Account.Owed__c": False}
    items = "".join(f"<layoutItems>{tags(behavior='Edit', field=each)}</layoutItems>" for each in ("Name", "Key__c"))
    section = (
        f"<layoutSections><layoutColumns>{items}</layoutColumns>{tags(style='TwoColumnsTopToBottom')}</layoutSections>"
    )
    return {
        "package.xml": manifest(
            CustomObject=["Bill__c"],
            CustomField=["Account.Owed__c"],
            CustomTab=["Bill__c"],
            Layout=["Bill__c-Bill Layout"],
            PermissionSet=["Billing"],
        ),
        "objects/Bill__c.object": custom_object("Bill", *fields),
        "objects/Account.object": xml("CustomObject", field("Owed__c", "Currency", precision=16, scale=2)),
        "tabs/Bill__c.tab": xml("CustomTab", tags(customObject="true", motif="Custom13: Box")),
        "layouts/Bill__c-Bill Layout.layout": xml("Layout", section),
        "permissionsets/Billing.permissionset": permission_set(
            "Billing", objects={"Bill__c": ALL, "Account": {"allowRead": "true"}}, fields=grants
        ),
    }


def with_field(inner: str) -> Files:
    """A package of one field on Account."""
    name = re.search("<fullName>(.*?)</fullName>", inner)
    assert name is not None
    return {
        "package.xml": manifest(CustomField=[f"Account.{name[1]}"]),
        "objects/Account.object": xml("CustomObject", inner),
    }


def test_a_deployment_goes_its_way_by_the_clock(admin: Administration) -> None:
    answer = admin.start(package())
    assert answer.status == 201
    assert answer.body["id"].startswith("0Af")
    assert answer.body["deployResult"]["status"] == "Pending"
    assert answer.body["deployOptions"]["rollbackOnError"] is True
    admin.org.tick()
    assert admin.status(answer.body["id"])["status"] == "InProgress"
    assert "Bill__c" not in admin.org.person("GET", "sobjects").body["sobjects"]
    admin.org.tick()
    result = admin.status(answer.body["id"])
    assert (result["status"], result["done"], result["success"]) == ("Succeeded", True, True)
    assert result["numberComponentsTotal"] == result["numberComponentsDeployed"] == 8
    assert result["details"]["runTestResult"]["numTestsRun"] == 0


def test_what_is_deployed_is_invisible_until_it_is_granted(admin: Administration) -> None:
    admin.good(package())
    described = admin.org.call("GET", "sobjects/Bill__c/describe", token=admin.token).body["fields"]
    assert "Key__c" not in {each["name"] for each in described}
    assert admin.org.call("GET", "query", query={"q": "SELECT Key__c FROM Bill__c"}).code == "INVALID_TYPE"
    admin.grant("Billing")
    assert admin.org.soql("SELECT Key__c, Account__r.Owed__c FROM Bill__c") == []
    answer = admin.org.call("PATCH", "sobjects/Bill__c/Key__c/K-1", {"Name": "First"})
    assert answer.status == 201
    assert (
        admin.org.call("PATCH", "sobjects/Bill__c/Key__c/K-2", {"Total__c": 5}).code
        == "INVALID_FIELD_FOR_INSERT_UPDATE"
    )
    assert admin.org.call("GET", "query", query={"q": "SELECT Site FROM Account"}).code == "INVALID_FIELD"


def test_a_second_deployment_changes_nothing(admin: Administration) -> None:
    admin.good(package())
    before = admin.org.world.dump()
    told = admin.good(package())["details"]["componentSuccesses"]
    assert {(each["created"], each["changed"]) for each in told} == {(False, False)}
    after = admin.org.world.dump()
    assert after["rows"] == before["rows"]
    assert after["declarations"] == before["declarations"]
    files = with_field(field("Owed__c", "Currency", precision=17, scale=2))
    [told] = [each for each in admin.good(files)["details"]["componentSuccesses"] if each["componentType"]]
    assert (told["created"], told["changed"]) == (False, True)


def test_a_check_changes_nothing_and_can_be_deployed_quickly(admin: Administration) -> None:
    answer = admin.start(package(), checkOnly=True)
    admin.org.tick(5)
    result = admin.status(answer.body["id"])
    assert (result["status"], result["checkOnly"]) == ("Succeeded", True)
    assert all(each["created"] for each in result["details"]["componentSuccesses"] if each["componentType"])
    assert admin.org.world.schema.object("Bill__c") is None
    quick = admin.org.call("POST", DEPLOY, {"validatedDeployRequestId": answer.body["id"]}, token=admin.token)
    assert (quick.status, quick.body["validatedDeployRequestId"]) == (201, answer.body["id"])
    admin.org.tick(5)
    assert admin.status(quick.body["id"])["status"] == "Succeeded"
    assert admin.org.world.schema.object("Bill__c") is not None


def test_one_failure_undoes_all_unless_rollback_is_off(admin: Administration) -> None:
    files = with_field(field("Owed__c", "Currency", precision=16, scale=2) + field("Bad__c", "Text"))
    files["package.xml"] = manifest(CustomField=["Account.Owed__c", "Account.Bad__c"])
    failure = admin.problem(files)
    assert failure["problem"] == "Must specify 'length' for a CustomField of type Text"
    assert (failure["fullName"], failure["componentType"]) == ("Account.Bad__c", "CustomField")
    assert (failure["lineNumber"], failure["problemType"]) == (7, "Error")
    assert admin.org.world.object("Account").field("Owed__c") is None
    assert admin.deploy(files, rollbackOnError=False)["status"] == "SucceededPartial"
    assert admin.org.world.object("Account").field("Owed__c") is not None


def test_production_always_rolls_back(org: Any) -> None:
    production = Administration(type(org)(new_world(settings={"is_sandbox": False})))
    assert production.start(package(), rollbackOnError=False).code == "INVALID_OPERATION"


def test_only_who_may_change_metadata_deploys(admin: Administration) -> None:
    admin.token = admin.org.token
    assert (admin.start(package()).status, admin.start(package()).code) == (403, "INSUFFICIENT_ACCESS")


def test_deployments_queue_and_can_be_cancelled(admin: Administration) -> None:
    first = admin.start(package()).body["id"]
    second = admin.start(package()).body["id"]
    third = admin.start(with_field(field("Odd__c", "Date"))).body["id"]
    admin.org.tick(1)
    assert [admin.status(each)["status"] for each in (first, second)] == ["InProgress", "Pending"]
    wish = {"deployResult": {"status": "Canceling"}}
    answer = admin.org.call("PATCH", f"{DEPLOY}/{third}", wish, token=admin.token)
    assert (answer.status, answer.body["deployResult"]["status"]) == (202, "Canceling")
    admin.org.tick(5)
    assert [admin.status(each)["status"] for each in (first, second, third)] == ["Succeeded", "Succeeded", "Canceled"]
    assert admin.org.world.object("Account").field("Odd__c") is None
    assert admin.org.call("PATCH", f"{DEPLOY}/{third}", wish, token=admin.token).status == 400


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        (f"<fields>{tags(fullName='A__c', type='Date')}</fields>", "Must specify a non-empty label"),
        (field("A__c", "Text", length=256), "'length' has to be a whole number between 1 and 255"),
        (field("A__c", "Number", precision=18), "Must specify 'scale' for a CustomField of type Number"),
        (field("A__c", "Number", precision=19, scale=2), "'precision' has to be"),
        (field("A__c", "Number", precision=2, scale=3), "'scale' cannot be greater"),
        (field("A__c", "Checkbox"), "Must specify 'defaultValue'"),
        (field("A__c", "LongTextArea", length=1000), "Must specify 'visibleLines'"),
        (field("A__c", "Date", unique="true"), "Can not specify 'unique' for a CustomField of type Date"),
        (field("A__c", "Lookup"), "Must specify 'referenceTo'"),
        (field("A__c", "Lookup", referenceTo="Bill__c"), "'Bill__c' does not resolve to a valid sObject type"),
        (field("A__c", "Lookup", referenceTo="Account", relationshipName="ChildAccounts"), None),
        (field("A__c", "Lookup", referenceTo="Contact", required="true"), "must specify either cascade delete"),
        (field("A__c", "AutoNumber", displayFormat="D"), "'displayFormat' needs one number"),
        (field("A__c", "Picklist"), "Must specify either valueSet"),
        (field("A__c", "Picklist", valueSet=tags(valueSetName="Stages")), "no GlobalValueSet named Stages"),
        (field("A__c", "Checkbox", defaultValue="false", required="true"), "Can not specify 'required'"),
        (field("A__c", "Location"), "The emulator does not cover fields of type 'Location'"),
        (field("A__b__c", "Date"), "single underscores"),
        (field("A_", "Date"), "end with __c"),
        (field("Name", "Text", length=10), "standard field Account.Name"),
    ],
)
def test_a_field_is_judged_as_the_platform_judges_it(admin: Administration, declared: str, problem: str | None) -> None:
    if problem is None:
        admin.good(with_field(declared))
    else:
        assert problem in admin.problem(with_field(declared))["problem"]


def test_relationship_names_are_unique_per_parent(admin: Administration) -> None:
    admin.good(with_field(field("A__c", "Lookup", referenceTo="Contact", relationshipName="Bills")))
    failure = admin.problem(with_field(field("B__c", "Lookup", referenceTo="Contact", relationshipName="Bills")))
    assert failure["problem"] == "There is already a Child Relationship named Bills on Contact."


def test_a_field_keeps_its_type(admin: Administration) -> None:
    admin.good(with_field(field("A__c", "Date")))
    assert "Cannot change the type" in admin.problem(with_field(field("A__c", "Email")))["problem"]


def test_picklists_and_auto_numbers_work_as_deployed(admin: Administration) -> None:
    shared = "".join(f"<customValue>{tags(fullName=each, default='false', label=each)}</customValue>" for each in "AB")
    files = with_field(
        field("No__c", "AutoNumber", displayFormat="N-{000}")
        + field("Grade__c", "Picklist", valueSet=tags(restricted="true", valueSetName="Grades"))
    )
    files["package.xml"] = manifest(
        CustomField=["Account.No__c", "Account.Grade__c"], GlobalValueSet=["Grades"], PermissionSet=["P"]
    )
    files["globalValueSets/Grades.globalValueSet"] = xml(
        "GlobalValueSet", shared + tags(masterLabel="G", sorted="false")
    )
    given = {"allowRead": "true", "allowCreate": "true"}
    files["permissionsets/P.permissionset"] = permission_set(
        "P", objects={"Account": given}, fields={"Account.No__c": False, "Account.Grade__c": True}
    )
    admin.good(files)
    admin.grant("P")
    made = admin.org.call("POST", "sobjects/Account", {"Name": "Acme", "Grade__c": "B"})
    row = admin.org.read("Account", made.body["id"])
    assert (row["No__c"], row["Grade__c"]) == ("N-001", "B")
    refused = admin.org.call("POST", "sobjects/Account", {"Name": "Acme", "Grade__c": "C"})
    assert refused.code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


def test_a_roll_up_sums_the_lines_of_its_master(admin: Administration) -> None:
    master = field("Bill__c", "MasterDetail", referenceTo="Bill__c", relationshipName="Lines")
    amount = field("Amount__c", "Currency", precision=16, scale=2)
    total = field(
        "Total__c",
        "Summary",
        summarizedField="Line__c.Amount__c",
        summaryForeignKey="Line__c.Bill__c",
        summaryOperation="sum",
    )
    admin.good(
        {
            "package.xml": manifest(CustomObject=["Bill__c", "Line__c"]),
            "objects/Bill__c.object": custom_object("Bill", total),
            "objects/Line__c.object": custom_object("Line", master, amount, sharingModel="ControlledByParent"),
        }
    )
    bill = admin.org.create("Bill__c", Name="B")
    for each in ("10.25", "4.5"):
        admin.org.create("Line__c", Name="L", Bill__c=bill, Amount__c=each)
    row = admin.org.person("GET", f"sobjects/Bill__c/{bill}").body
    assert str(row["Total__c"]) == "14.75"
    assert admin.org.person("DELETE", f"sobjects/Bill__c/{bill}").status == 204
    assert all(each["IsDeleted"] for each in admin.org.world.rows["Line__c"].values())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"package.xml": manifest(Dashboard=["X"])}, "Unknown type name 'Dashboard' specified in package.xml"),
        ({"package.xml": manifest(CustomTab=["Bill__c"])}, "was named in package.xml, but was not found"),
        ({"package.xml": manifest(), "tabs/X.tab": xml("CustomTab", tags(url="u"))}, "Not in package.xml"),
        (
            {"package.xml": manifest(), "dashboards/X.dashboard": "<Dashboard/>"},
            "does not cover the metadata in the folder dashboards",
        ),
        ({"package.xml": manifest(Flow=["F"]), "flows/F.flow": "<Flow>"}, "Error parsing file"),
        ({"package.xml": manifest(Flow=["F"]), "flows/F.flow": xml("Layout", "")}, "Flow is expected"),
        (
            {"package.xml": manifest(Flow=["F"]), "flows/F.flow": xml("Flow", "<a/><b/><a/>")},
            "Element a is duplicated at this location in type Flow",
        ),
        (
            {"package.xml": manifest(Flow=["F"]), "flows/F.flow": '<!DOCTYPE a [<!ENTITY b "c">]><Flow>&b;</Flow>'},
            "a document type declaration is not allowed",
        ),
        (
            {
                "package.xml": manifest(CustomTab=["B__c"]),
                "tabs/B__c.tab": xml("CustomTab", tags(customObject="true", motif="M")),
            },
            "no CustomObject named B__c found",
        ),
    ],
)
def test_a_package_and_its_files_have_to_agree(admin: Administration, change: Files, problem: str) -> None:
    assert problem in admin.problem(change)["problem"]


@pytest.mark.parametrize(("files", "message"), [({"x.txt": "x"}, "No package.xml found")])
def test_a_zip_without_a_package_fails_as_a_whole(admin: Administration, files: Files, message: str) -> None:
    result = admin.deploy(files)
    assert (result["status"], result["errorMessage"]) == ("Failed", message)


def test_a_single_package_may_stand_in_a_folder(admin: Administration) -> None:
    wrapped: Files = {f"zip/{path}": content for path, content in package().items()}
    assert admin.good(wrapped)["numberComponentsDeployed"] == 8
    assert admin.good({f"metadata/{path}": text for path, text in package().items()}, singlePackage=False)


@pytest.mark.parametrize(
    ("grants", "problem"),
    [
        ({"fields": {"Bill__c.Nope__c": True}}, "no CustomField named Bill__c.Nope__c found"),
        ({"fields": {"Account.Name": True}}, "You cannot deploy to a required field: Account.Name"),
        ({"fields": {}, "objects": {"Nope__c": ALL}}, "no CustomObject named Nope__c found"),
        ({"fields": {}, "objects": {"Account": {"allowEdit": "true"}}}, "depends on permission(s): Read Account"),
        ({"fields": {"Opportunity.ExpectedRevenue": True}}, "Field Opportunity.ExpectedRevenue is not editable"),
    ],
)
def test_a_permission_set_names_only_what_can_be_granted(
    admin: Administration, grants: dict[str, Any], problem: str
) -> None:
    text = permission_set("P", objects=grants.get("objects", {}), fields=grants["fields"])
    files: Files = {"package.xml": manifest(PermissionSet=["P"]), "permissionsets/P.permissionset": text}
    failure = admin.problem(files)
    assert problem in failure["problem"]
    assert failure["lineNumber"] == 3


def test_the_other_components_are_judged_too(admin: Administration) -> None:
    start = f"<start>{tags(object='Nope__c', triggerType='RecordAfterSave')}</start>"
    flow = xml("Flow", tags(label="F", processType="AutoLaunchedFlow") + start + tags(status="Active"))
    bundle = xml("LightningComponentBundle", tags(apiVersion="66.0", isExposed="true"))
    files: Files = {
        "package.xml": manifest(
            Flow=["F"],
            LightningComponentBundle=["panel"],
            CustomPermission=["Bypass"],
            PermissionSet=["P"],
            ApexClass=["Tidy"],
        ),
        "flows/F.flow": flow,
        "lwc/panel/panel.js-meta.xml": bundle,
        "lwc/panel/panel.js": "export default class {}",
        "lwc/panel/panel.html": "<template></template>",
        "classes/Tidy.cls": "public class Tidy {}",
        "classes/Tidy.cls-meta.xml": xml("ApexClass", tags(apiVersion="66.0", status="Active")),
        "customPermissions/Bypass.customPermission": xml("CustomPermission", tags(label="Bypass")),
        "permissionsets/P.permissionset": xml(
            "PermissionSet",
            f"<customPermissions>{tags(enabled='true', name='Bypass')}</customPermissions>{tags(label='P')}",
        ),
    }
    assert admin.problem(files)["problem"] == "In field: object - no CustomObject named Nope__c found"
    files["flows/F.flow"] = flow.replace("Nope__c", "Account")
    admin.good(files)
    [access] = admin.org.soql("SELECT SetupEntityId, SetupEntityType, Parent.Name FROM SetupEntityAccess")
    [bypass] = admin.org.soql("SELECT Id FROM CustomPermission WHERE DeveloperName = 'Bypass'")
    assert (access["SetupEntityId"], access["SetupEntityType"]) == (bypass["Id"], "CustomPermission")
    assert access["Parent"]["Name"] == "P"


def test_a_deployed_validation_rule_is_asked(admin: Administration) -> None:
    rule = tags(
        fullName="Named",
        active="true",
        errorConditionFormula="AND(ISBLANK(Site), NOT($Permission.Bypass))",
        errorMessage="Give a site.",
    )
    files: Files = {
        "package.xml": manifest(ValidationRule=["Account.Named"]),
        "objects/Account.object": xml("CustomObject", f"<validationRules>{rule}</validationRules>"),
    }
    admin.good(files)
    refused = admin.org.person("POST", "sobjects/Account", {"Name": "Acme"})
    assert (refused.code, refused.body[0]["message"]) == ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Give a site.")
    switched = admin.org.control("validation-rule", {"object": "Account", "name": "Named", "active": False})
    assert switched.status == 200, switched.body
    admin.org.create("Account", Name="Acme")
    files["objects/Account.object"] = str(files["objects/Account.object"]).replace("ISBLANK(Site)", "WEEKDAY(Site) = 1")
    assert "does not know the function WEEKDAY" in admin.problem(files)["problem"]


def test_a_custom_permission_bypasses_a_rule_of_the_customer(admin: Administration) -> None:
    rule = tags(
        fullName="Closed",
        active="true",
        errorConditionFormula="ISCHANGED(Site) &amp;&amp; !ISNEW() &amp;&amp; !$Permission.Bypass",
        errorMessage="The site is fixed.",
    )
    access = f"<customPermissions>{tags(enabled='true', name='Bypass')}</customPermissions>"
    grants = permission_set(
        "P", objects={"Account": {"allowRead": "true", "allowEdit": "true"}}, fields={"Account.Site": True}
    )
    files: Files = {
        "package.xml": manifest(
            ValidationRule=["Account.Closed"], CustomPermission=["Bypass"], PermissionSet=["P", "Q"]
        ),
        "objects/Account.object": xml("CustomObject", f"<validationRules>{rule}</validationRules>"),
        "customPermissions/Bypass.customPermission": xml("CustomPermission", tags(label="Bypass")),
        "permissionsets/P.permissionset": grants,
        "permissionsets/Q.permissionset": xml("PermissionSet", access + tags(label="Q")),
    }
    admin.good(files)
    admin.grant("P")
    account = admin.org.create("Account", Name="Acme", Site="Pier 4")
    path = f"sobjects/Account/{account}"
    assert admin.org.call("PATCH", path, {"Site": "Pier 5"}).code == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    assert admin.org.call("PATCH", path, {"Name": "Acme Ltd"}).status == 204
    admin.grant("Q")
    assert admin.org.call("PATCH", path, {"Site": "Pier 5"}).status == 204


def test_formula_fields_are_computed_at_each_read_from_whatever_they_name(admin: Administration) -> None:
    owed = field("Owed__c", "Currency", precision=16, scale=2)
    half = field("Half__c", "Currency", precision=16, scale=2, formula="ROUND(Owed__c / 2, 2)")
    words = field(
        "Words__c",
        "Text",
        formula="IF(ISBLANK(Site), Name, Name &amp; ' at ' &amp; Site) &amp; ' ' &amp; TEXT(Half__c)",
    )
    above = field("Above__c", "Text", formula="Parent.Name")
    files = with_field(owed + words + half + above)
    computed = ("Half__c", "Words__c", "Above__c")
    files["package.xml"] = manifest(
        CustomField=[f"Account.{each}" for each in ("Owed__c", *computed)], PermissionSet=["P"]
    )
    given = dict.fromkeys((f"Account.{each}" for each in computed), False)
    files["permissionsets/P.permissionset"] = permission_set(
        "P", objects={"Account": {"allowRead": "true"}}, fields=given
    )
    admin.good(files)
    admin.grant("P")
    parent = admin.org.create("Account", Name="Group")
    admin.org.create("Account", Name="Acme", ParentId=parent, Owed__c="10.05")
    [row] = admin.org.soql("SELECT Half__c, Words__c, Above__c FROM Account WHERE Half__c > 1")
    assert (str(row["Half__c"]), row["Words__c"], row["Above__c"]) == ("5.03", "Acme 5.03", "Group")
    described = admin.org.call("GET", "sobjects/Account/describe").body["fields"]
    [half_field] = [each for each in described if each["name"] == "Half__c"]
    assert (half_field["calculated"], half_field["createable"]) == (True, False)
    assert half_field["calculatedFormula"] == "ROUND(Owed__c / 2, 2)"
    bad = field("Bad__c", "Text", formula="Nope__c &amp; 'x'")
    assert admin.problem(with_field(bad))["problem"] == "Field Nope__c does not exist. Check spelling."


def test_describe_tells_whether_anything_changed(admin: Administration) -> None:
    first = admin.org.call("GET", "sobjects/Account/describe", token=admin.token)
    since = {"if-modified-since": first.headers["Last-Modified"]}
    path = "sobjects/Account/describe"
    assert admin.org.call("GET", path, headers=since, token=admin.token).status == 304
    admin.good(with_field(field("A__c", "Date")))
    assert admin.org.call("GET", path, headers=since, token=admin.token).status == 200


def test_deletion_takes_the_data_the_grants_and_the_places_on_layouts(admin: Administration) -> None:
    admin.good(package())
    admin.grant("Billing")
    bill = admin.org.create("Bill__c", Name="B", Key__c="K-1")
    removal: Files = {
        "package.xml": manifest(),
        "destructiveChanges.xml": manifest(CustomField=["Bill__c.Key__c", "Bill__c.Gone__c"]),
    }
    told = {each["fullName"]: each for each in admin.good(removal)["details"]["componentSuccesses"]}
    assert told["Bill__c.Key__c"]["deleted"]
    assert (told["Bill__c.Gone__c"]["warning"], told["Bill__c.Gone__c"]["deleted"]) == (True, False)
    assert "Key__c" not in admin.org.world.rows["Bill__c"][bill]
    assert not admin.org.soql("SELECT Id FROM FieldPermissions WHERE Field = 'Bill__c.Key__c'")
    admin.good({"package.xml": manifest(), "destructiveChangesPost.xml": manifest(CustomObject=["Bill__c"])})
    assert admin.org.person("GET", "sobjects/Bill__c/describe").status == 404
    assert "Bill__c" not in admin.org.world.rows
    told = {each["fullName"]: each for each in admin.good(package())["details"]["componentSuccesses"]}
    assert [told[each]["created"] for each in ("Bill__c", "Bill__c.Key__c", "Billing")] == [True, True, False]
    assert told["Billing"]["changed"]


def test_what_is_used_is_not_deleted(admin: Administration) -> None:
    admin.good(package())
    admin.good(with_field(field("Bill__c", "Lookup", referenceTo="Bill__c", relationshipName="Payers")))
    removal: Files = {"package.xml": manifest(), "destructiveChanges.xml": manifest(CustomObject=["Bill__c"])}
    assert "referenced elsewhere: by the field Account.Bill__c" in admin.problem(removal)["problem"]
    admin.grant("Billing")
    removal["destructiveChanges.xml"] = manifest(PermissionSet=["Billing"])
    assert "assigned to users" in admin.problem(removal)["problem"]


def test_deployed_schema_survives_a_snapshot(admin: Administration) -> None:
    admin.good(package())
    admin.grant("Billing")
    waiting = admin.start(with_field(field("Later__c", "Date"))).body["id"]
    state = snapshot.decode(b"".join(snapshot.encode(admin.org.world.dump(), 7)))
    again = type(admin.org)(World.load(state))
    again.now = admin.org.now
    assert again.soql("SELECT Key__c FROM Bill__c") == []
    again.tick(5)
    assert again.call("GET", f"{DEPLOY}/{waiting}", token=admin.token).body["deployResult"]["status"] == "Succeeded"
    assert again.world.object("Account").field("Later__c") is not None


def test_soap_deploys_lists_and_retrieves(admin: Administration) -> None:
    zipped = base64.b64encode(packed(package())).decode()
    options = tags(rollbackOnError="true", singlePackage="true", checkOnly="false")
    started = admin.soap("deploy", tags(ZipFile=zipped) + f"<DeployOptions>{options}</DeployOptions>")
    record_id = started.findtext(".//result/id")
    admin.org.tick(5)
    status = admin.soap("checkDeployStatus", tags(asyncProcessId=record_id, includeDetails="true"))
    assert status.findtext(".//result/status") == "Succeeded"
    assert len(status.findall(".//details/componentSuccesses")) == 9
    listed = admin.soap("listMetadata", f"<queries>{tags(type='CustomField')}</queries>{tags(asOfVersion='66.0')}")
    names = {each.findtext("fullName") for each in listed.findall(".//result")}
    assert {"Bill__c.Key__c", "Account.Owed__c", "Account.ABN__c"} <= names
    types = {each.findtext("xmlName") for each in admin.soap("describeMetadata").findall(".//metadataObjects")}
    assert {"CustomObject", "PermissionSet", "Flow", "LightningComponentBundle"} <= types


@pytest.mark.parametrize("parameter", ["retrieveRequest", "request"])
def test_what_is_retrieved_deploys_without_change(admin: Administration, parameter: str) -> None:
    admin.good(package())
    wanted = "".join(
        f"<types><members>{member}</members><name>{kind}</name></types>"
        for kind, member in {
            "CustomObject": "Bill__c",
            "CustomField": "Account.Owed__c",
            "CustomTab": "*",
            "Layout": "*",
            "PermissionSet": "Billing",
        }.items()
    )
    asked = f"<{parameter}>{tags(apiVersion='66.0', singlePackage='true', unpackaged=wanted)}</{parameter}>"
    record_id = admin.soap("retrieve", asked).findtext(".//result/id")
    first = admin.soap("checkRetrieveStatus", tags(asyncProcessId=record_id, includeZip="true"))
    assert first.findtext(".//result/done") == "false"
    admin.org.tick(2)
    done = admin.soap("checkRetrieveStatus", tags(asyncProcessId=record_id, includeZip="true"))
    assert not done.findall(".//messages")
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(done.findtext(".//result/zipFile") or ""))) as archive:
        files: Files = {each: archive.read(each) for each in archive.namelist()}
    assert set(files) == set(package())
    told = admin.good(files)["details"]["componentSuccesses"]
    assert [each["fullName"] for each in told if each["changed"]] == []


def test_soap_reads_and_saves_single_components(admin: Administration) -> None:
    value = (
        f'<metadata xsi:type="CustomField">{tags(fullName="Account.Grade__c", label="Grade", type="Date")}</metadata>'
    )
    assert admin.soap("createMetadata", value).findtext(".//result/success") == "true"
    assert admin.org.world.object("Account").field("Grade__c") is not None
    assert admin.soap("createMetadata", value).findtext(".//result/errors/statusCode") == "DUPLICATE_DEVELOPER_NAME"
    assert admin.soap("upsertMetadata", value).findtext(".//result/created") == "false"
    read = admin.soap("readMetadata", tags(type="CustomField", fullNames="Account.Grade__c"))
    assert read.findtext(".//records/label") == "Grade"
    gone = admin.soap("deleteMetadata", tags(type="CustomField", fullNames="Account.Grade__c"))
    assert gone.findtext(".//result/success") == "true"
    assert admin.org.world.object("Account").field("Grade__c") is None


def test_soap_refuses_bad_sessions_bad_xml_and_unknown_calls(admin: Administration) -> None:
    fault = admin.soap("describeMetadata", token="00Dx!no")
    assert fault.findtext(".//faultcode") == "sf:INVALID_SESSION_ID"
    assert "No operation" in str(admin.soap("dance").findtext(".//faultstring"))
    assert admin.soap("describeMetadata", token=admin.org.token).findtext(".//faultcode") == "sf:INSUFFICIENT_ACCESS"
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    answer = admin.org.send("POST", SOAP, bomb, **{"content-type": "text/xml"})
    assert (answer.status, b"document type declaration" in answer.body) == (500, True)
