"""Who sees and does what: object permissions, field-level security and permission sets (SF 2.4, 8.4)."""

from __future__ import annotations

from typing import Any

import pytest

from crossfoot.emulators.salesforce import World, new_world, sessions

ACCOUNT_READ = {"SobjectType": "Account", "PermissionsRead": True}


@pytest.fixture
def bare(org: Any) -> Any:
    """An org without the package: its integration user has been granted nothing yet."""
    return type(org)(new_world(seed=7, settings={"package": False}))


def admin_of(org: Any) -> str:
    return sessions.open_session(org.world, org.world.grants["admin"], "api", org.now)


def grant(org: Any, *, objects: list[dict[str, Any]], fields: dict[str, bool], **flags: bool) -> str:
    """A permission set with these grants, assigned to the integration user; ``fields``: name to editable."""
    set_id: str = org.create("PermissionSet", Name=f"Set{len(org.world.rows['PermissionSet'])}", Label="Set", **flags)
    for each in objects:
        org.create("ObjectPermissions", ParentId=set_id, **each)
    for name, edit in fields.items():
        given = {"SobjectType": name.partition(".")[0], "Field": name, "PermissionsRead": True, "PermissionsEdit": edit}
        org.create("FieldPermissions", ParentId=set_id, **given)
    org.create("PermissionSetAssignment", AssigneeId=org.world.grants["integration"], PermissionSetId=set_id)
    return set_id


def names(org: Any, kind: str) -> dict[str, dict[str, Any]]:
    described = org.call("GET", f"sobjects/{kind}/describe")
    assert described.status == 200, described.body
    return {each["name"]: each for each in described.body["fields"]}


def test_the_default_org_has_the_package_installed_and_granted(org: Any) -> None:
    assert names(org, "Account")["Xero_Balance__c"]["updateable"]
    assert "Xero_Key__c" in names(org, "Xero_Invoice__c")
    sets = org.soql("SELECT Label FROM PermissionSet WHERE IsOwnedByProfile = false")
    assert [each["Label"] for each in sets] == ["Crossfoot"]


def test_without_the_package_nothing_of_it_exists_and_the_integration_user_sees_no_business(bare: Any) -> None:
    listed = {each["name"] for each in bare.call("GET", "sobjects").body["sobjects"]}
    assert "Organization" in listed
    assert not listed & {"Account", "Opportunity", "Xero_Invoice__c"}
    assert bare.call("GET", "sobjects/Account/describe").code == "NOT_FOUND"
    assert bare.call("GET", "query", query={"q": "SELECT Id FROM Account"}).code == "INVALID_TYPE"
    seen_by_person = bare.person("GET", "sobjects/Account/describe").body["fields"]
    assert not [each["name"] for each in seen_by_person if each["name"].startswith("Xero_")]


def test_an_ungranted_field_is_as_if_it_did_not_exist(bare: Any) -> None:
    account = bare.create("Account", Name="Acme", Site="Pier 4", AccountNumber="A-1")
    grant(bare, objects=[{**ACCOUNT_READ, "PermissionsEdit": True}], fields={"Account.Site": True})
    seen = names(bare, "Account")
    assert {"Id", "Name", "Site", "OwnerId", "SystemModstamp"} <= set(seen)
    assert "AccountNumber" not in seen
    row = bare.read("Account", account)
    assert row["Site"] == "Pier 4"
    assert "AccountNumber" not in row
    for text in (
        "SELECT AccountNumber FROM Account",
        "SELECT Id FROM Account WHERE AccountNumber = 'A-1'",
        "SELECT Id FROM Account ORDER BY AccountNumber",
        "SELECT COUNT(Id), AccountNumber FROM Account GROUP BY AccountNumber",
    ):
        assert bare.call("GET", "query", query={"q": text}).code == "INVALID_FIELD", text
    assert bare.call("GET", f"sobjects/Account/{account}", query={"fields": "AccountNumber"}).code == "INVALID_FIELD"
    written = bare.call("PATCH", f"sobjects/Account/{account}", {"AccountNumber": "A-2"})
    assert written.code == "INVALID_FIELD"
    assert bare.world.rows["Account"][account]["AccountNumber"] == "A-1"


def test_a_field_that_may_only_be_read_is_not_written(bare: Any) -> None:
    account = bare.create("Account", Name="Acme", Site="Pier 4")
    grant(bare, objects=[{**ACCOUNT_READ, "PermissionsEdit": True}], fields={"Account.Site": False})
    assert not names(bare, "Account")["Site"]["updateable"]
    answer = bare.call("PATCH", f"sobjects/Account/{account}", {"Site": "Pier 5"})
    assert (answer.status, answer.code) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    assert answer.body[0]["fields"] == ["Site"]


def test_parents_and_children_that_are_not_granted_cannot_be_reached(bare: Any) -> None:
    account = bare.create("Account", Name="Acme")
    bare.create("Contact", LastName="Lee", AccountId=account)
    grant(bare, objects=[{"SobjectType": "Contact", "PermissionsRead": True}], fields={"Contact.AccountId": False})
    assert bare.soql("SELECT AccountId FROM Contact")[0]["AccountId"] == account
    refused = bare.call("GET", "query", query={"q": "SELECT Account.Name FROM Contact"})
    assert refused.code == "INVALID_FIELD"
    grant(bare, objects=[ACCOUNT_READ], fields={})
    assert bare.soql("SELECT Account.Name FROM Contact")[0]["Account"]["Name"] == "Acme"
    assert bare.soql("SELECT Id, (SELECT LastName FROM Contacts) FROM Account")[0]["Contacts"]["totalSize"] == 1


@pytest.mark.parametrize(
    ("method", "permission", "status"),
    [("POST", "PermissionsCreate", 201), ("PATCH", "PermissionsEdit", 204), ("DELETE", "PermissionsDelete", 204)],
)
def test_each_write_needs_its_object_permission(bare: Any, method: str, permission: str, status: int) -> None:
    account = bare.create("Account", Name="Acme")
    grant(bare, objects=[ACCOUNT_READ], fields={})
    path = "sobjects/Account" if method == "POST" else f"sobjects/Account/{account}"
    body = None if method == "DELETE" else {"Name": "Other"}
    refused = bare.call(method, path, body)
    assert refused.code == "INSUFFICIENT_ACCESS_OR_READONLY"
    item = bare.call("POST", "composite/sobjects", {"records": [{"attributes": {"type": "Account"}, "Name": "B"}]})
    assert item.body[0]["errors"][0]["statusCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    grant(bare, objects=[{"SobjectType": "Account", "PermissionsRead": True, permission: True}], fields={})
    assert bare.call(method, path, body).status == status


def test_an_upsert_needs_a_key_that_the_user_sees(bare: Any) -> None:
    grant(bare, objects=[{"SobjectType": "Contact", "PermissionsRead": True, "PermissionsCreate": True}], fields={})
    path = "sobjects/Contact/Email/lee@acme.example"
    assert bare.call("PATCH", path, {"LastName": "Lee"}).code == "NOT_FOUND"
    grant(bare, objects=[], fields={"Contact.Email": True})
    assert bare.call("PATCH", path, {"LastName": "Lee"}).status == 201


def test_a_removed_assignment_takes_the_access_away_at_once(org: Any) -> None:
    assert org.call("GET", "query", query={"q": "SELECT Id FROM Xero_Invoice__c"}).status == 200
    user = org.world.grants["integration"]
    [assigned] = org.soql(f"SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = '{user}'")
    assert org.person("DELETE", f"sobjects/PermissionSetAssignment/{assigned['Id']}").status == 204
    assert org.call("GET", "query", query={"q": "SELECT Id FROM Xero_Invoice__c"}).code == "INVALID_TYPE"


def test_a_query_keeps_to_the_access_of_its_page_not_of_its_beginning(org: Any) -> None:
    for number in range(201):
        org.create("Account", Name=f"A{number}", Site="x")
    small = {"Sforce-Query-Options": "batchSize=200"}
    text = {"q": "SELECT Id, Xero_Balance__c FROM Account"}
    first = org.call("GET", "query", query=text, headers={name.lower(): value for name, value in small.items()})
    granted = org.soql("SELECT Id FROM FieldPermissions WHERE Field = 'Account.Xero_Balance__c'")
    for each in granted:
        org.person("DELETE", f"sobjects/FieldPermissions/{each['Id']}")
    assert org.call("GET", first.body["nextRecordsUrl"]).code == "INVALID_FIELD"


def test_the_administrator_sees_all_objects_but_not_ungranted_fields(bare: Any) -> None:
    token = admin_of(bare)
    bare.world.declare({"name": "Account", "key_prefix": "001", "fields": [{"name": "Grade__c", "type": "date"}]})
    fields = bare.call("GET", "sobjects/Account/describe", token=token).body["fields"]
    assert {"AccountNumber", "ABN__c"} <= {each["name"] for each in fields}
    assert "Grade__c" not in {each["name"] for each in fields}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("PermissionSet", {"Name": "Mine", "Label": "Mine"}),
        ("PermissionSetAssignment", {}),
        ("FieldPermissions", {}),
        ("CurrencyType", {"IsoCode": "JPY"}),
    ],
)
def test_the_integration_user_grants_itself_nothing(org: Any, kind: str, values: dict[str, Any]) -> None:
    assert org.call("POST", f"sobjects/{kind}", values).code == "INSUFFICIENT_ACCESS_OR_READONLY"


def test_an_administrator_assigns_a_permission_set_once_over_rest(bare: Any) -> None:
    token, user = admin_of(bare), bare.world.grants["integration"]
    set_id = bare.create("PermissionSet", Name="Crossfoot", Label="Crossfoot")
    wish = {"AssigneeId": user, "PermissionSetId": set_id}
    assert bare.call("POST", "sobjects/PermissionSetAssignment", wish, token=token).status == 201
    again = bare.call("POST", "sobjects/PermissionSetAssignment", wish, token=token)
    assert again.code == "DUPLICATE_VALUE"
    [row] = bare.soql(f"SELECT PermissionSet.Name FROM PermissionSetAssignment WHERE PermissionSetId = '{set_id}'")
    assert row["PermissionSet"]["Name"] == "Crossfoot"


@pytest.mark.parametrize("field", ["Account.Name", "Account.SystemModstamp", "Account.Nothing__c", "Contact.Email"])
def test_a_grant_is_only_for_a_field_that_takes_one(bare: Any, field: str) -> None:
    set_id = bare.create("PermissionSet", Name="Set", Label="Set")
    wish = {"ParentId": set_id, "SobjectType": "Account", "Field": field, "PermissionsRead": True}
    assert bare.person("POST", "sobjects/FieldPermissions", wish).code == "FIELD_INTEGRITY_EXCEPTION"


def test_limits_need_view_setup(bare: Any) -> None:
    assert bare.call("GET", "limits").status == 403
    grant(bare, objects=[], fields={}, PermissionsViewSetup=True)
    assert bare.call("GET", "limits").status == 200


def test_access_survives_a_dump_and_an_org_from_before_permission_sets_is_open(org: Any, bare: Any) -> None:
    grant(bare, objects=[ACCOUNT_READ], fields={})
    again = type(org)(World.load(bare.world.dump()))
    assert "Site" not in names(again, "Account")
    old = org.world.dump()
    for kind in ("PermissionSet", "PermissionSetAssignment", "FieldPermissions", "ObjectPermissions"):
        del old["rows"][kind]
    for member in ("metadata", "deployments", "retrievals"):
        del old[member]
    assert "Xero_Balance__c" in names(type(org)(World.load(old)), "Account")


def test_the_access_of_a_user_is_resolved_once(org: Any) -> None:
    org.call("GET", "sobjects/Account/describe")
    first = org.world.compiled["seen"]
    org.create("Account", Name="Acme")
    org.call("GET", "query", query={"q": "SELECT Id FROM Account"})
    assert org.world.compiled["seen"] is first
