"""Limits, and everything that the fault switchboard lets go wrong in an org: each fault strikes as its row says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.contract.salesforce_emulator.conftest import Org

from crossfoot.emulators import snapshot
from crossfoot.emulators.fault_kinds import ACT, SALESFORCE_FAULTS
from crossfoot.emulators.salesforce import World, new_world
from crossfoot.emulators.salesforce.acts import ACTS, REFUSALS

IN_TRANSACTION = {"row_lock", "late_rows", "same_second"}


def fault(org: Org, kind: str, expected: int = 200, **spec: Any) -> Any:
    answer = org.send("POST", "/control/fault", json.dumps({"kind": kind, **spec}).encode())
    assert answer.status == expected, answer.body
    return answer.body


def accounts(org: Org, *names: str) -> list[dict[str, Any]]:
    batch = {"records": [{"attributes": {"type": "Account"}, "Name": name} for name in names]}
    answer = org.call("POST", "composite/sobjects", batch)
    assert answer.status == 200
    return list(answer.body)


def names(org: Org) -> list[str]:
    return [row["Name"] for row in org.soql("SELECT Name FROM Account ORDER BY Name")]


def test_the_catalogue_and_the_deeds_agree() -> None:
    of_events = {name for name in SALESFORCE_FAULTS if name.startswith(("event_", "stream_", "replay_"))}
    assert set(ACTS) == {name for name, kind in SALESFORCE_FAULTS.items() if kind.place == ACT} - of_events
    assert set(SALESFORCE_FAULTS) == set(ACTS) | set(REFUSALS) | IN_TRANSACTION | of_events


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_of_the_vendor_has_its_code_and_nothing_is_done(org: Org, kind: str) -> None:
    code, message, status = REFUSALS[kind]
    fault(org, kind)
    refused = org.call("POST", "sobjects/Account", {"Name": "A"})
    assert (refused.status, refused.code, refused.body[0]["message"]) == (status, code, message)
    assert org.call("POST", "sobjects/Account", {"Name": "B"}).status == 201
    assert names(org) == ["B"]


def test_the_orgs_calls_are_used_up_and_come_back_after_a_day() -> None:
    org = Org(new_world(seed=7, settings={"daily_api_limit": 3}))
    statuses = [org.call("GET", "sobjects").status for _ in range(4)]
    assert statuses == [200, 200, 200, 403]
    refused = org.call("GET", "sobjects")
    assert (refused.code, refused.body[0]["message"]) == ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    assert refused.headers["Sforce-Limit-Info"] == "api-usage=3/3"
    org.tick(25 * 3600)
    token = org.token_by(grant_type="client_credentials").body["access_token"]
    assert org.call("GET", "sobjects", token=token).status == 200


def test_one_locked_record_fails_alone_and_passes_when_tried_again(org: Org) -> None:
    fault(org, "row_lock", item=2)
    outcomes = accounts(org, "One", "Two", "Three")
    assert [each["success"] for each in outcomes] == [True, False, True]
    assert outcomes[1]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    assert names(org) == ["One", "Three"]
    assert all(each["success"] for each in accounts(org, "Two"))


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_locked_record_is_neither_changed_nor_deleted(org: Org, method: str) -> None:
    record_id = org.create("Account", Name="A")
    fault(org, "row_lock")
    body = {"Name": "B"} if method == "PATCH" else None
    assert org.call(method, f"sobjects/Account/{record_id}", body).code == "UNABLE_TO_LOCK_ROW"
    assert names(org) == ["A"]


def test_late_rows_show_behind_their_stamp_and_hold_back_what_is_covered(org: Org) -> None:
    known = org.create("Account", Name="Old name")
    org.tick(60)
    fault(org, "late_rows", seconds=45, times=2, match={"path_contains": "sobjects"})
    (made,) = accounts(org, "New")
    assert org.call("PATCH", f"sobjects/Account/{known}", {"Name": "New name"}).status == 204
    org.tick(30)
    assert names(org) == ["Old name"]
    assert org.call("GET", f"sobjects/Account/{made['id']}").status == 404
    assert [row["Name"] for row in org.soql(f"SELECT Name FROM Account WHERE Id = '{known}'")] == ["Old name"]
    window = {"start": "2026-11-20T01:31:00Z", "end": "2026-11-20T01:40:00Z"}
    covered = org.call("GET", "sobjects/Account/updated", query=window).body
    assert covered == {"ids": [], "latestDateCovered": "2026-11-20T01:31:00.000+0000"}
    state = snapshot.decode(b"".join(snapshot.encode(org.world.dump())))
    org.world = World.load(state)
    org.tick(15)
    assert names(org) == ["New", "New name"]
    covered = org.call("GET", "sobjects/Account/updated", query=window).body
    assert (set(covered["ids"]), covered["latestDateCovered"]) == ({made["id"], known}, "2026-11-20T01:31:45.000+0000")
    stamps = {row["SystemModstamp"] for row in org.soql("SELECT SystemModstamp FROM Account")}
    assert stamps == {"2026-11-20T01:31:00.000+0000"}


def test_a_late_row_already_guards_its_unique_key(org: Org) -> None:
    fault(org, "late_rows")
    org.call("POST", "sobjects/Xero_Payment__c", {"Xero_Key__c": "K"})
    assert org.call("POST", "sobjects/Xero_Payment__c", {"Xero_Key__c": "K"}).code == "DUPLICATE_VALUE"
    assert org.soql("SELECT Id FROM Xero_Payment__c") == []


def test_rows_of_different_times_can_carry_the_same_second(org: Org) -> None:
    accounts(org, "One")
    org.tick(600)
    fault(org, "same_second")
    accounts(org, "Two", "Three")
    assert len({row["SystemModstamp"] for row in org.soql("SELECT SystemModstamp FROM Account")}) == 1
    accounts(org, "Four")
    assert len({row["SystemModstamp"] for row in org.soql("SELECT SystemModstamp FROM Account")}) == 2


def test_a_hidden_record_is_silent_but_keeps_its_key(org: Org) -> None:
    record_id = org.create("Xero_Payment__c", Xero_Key__c="K")
    fault(org, "record_hidden", object="Xero_Payment__c", record=record_id)
    path = f"sobjects/Xero_Payment__c/{record_id}"
    assert org.soql("SELECT Id FROM Xero_Payment__c", resource="queryAll") == []
    assert (org.call("GET", path).status, org.call("PATCH", path, {}).code) == (404, "INVALID_CROSS_REFERENCE_KEY")
    upsert = org.call("PATCH", "sobjects/Xero_Payment__c/Xero_Key__c/K", {"Status__c": "x"})
    assert (upsert.code, record_id in upsert.body[0]["message"]) == ("DUPLICATE_VALUE", True)
    fault(org, "record_shown", object="Xero_Payment__c", record=record_id)
    assert org.call("GET", path).status == 200


def test_sessions_grants_and_the_app_can_end(org: Org) -> None:
    family = org.world.credentials()["refresh_token"]
    fault(org, "token_expired", match={"path_contains": "sobjects"})
    assert org.call("GET", "sobjects").code == "INVALID_SESSION_ID"
    fault(org, "refresh_token_revoked")
    refused = org.token_by(grant_type="refresh_token", refresh_token=family)
    assert (refused.status, refused.body["error"]) == (400, "invalid_grant")
    org.token = org.token_by(grant_type="client_credentials").body["access_token"]
    fault(org, "api_disabled")
    assert org.call("GET", "sobjects").code == "API_DISABLED_FOR_ORG"
    fault(org, "user_deactivated")
    assert org.call("GET", "sobjects").code == "INVALID_SESSION_ID"
    assert org.token_by(grant_type="client_credentials").status == 400


def test_cursors_can_be_lost(org: Org) -> None:
    for number in range(2):
        accounts(org, *(f"A{number}{each}" for each in range(150)))
    page = org.call(
        "GET", "query", query={"q": "SELECT Id FROM Account"}, headers={"Sforce-Query-Options": "batchSize=200"}
    )
    fault(org, "cursors_lost")
    assert org.call("GET", page.body["nextRecordsUrl"]).code == "INVALID_QUERY_LOCATOR"


def test_the_schema_drifts_under_a_client(org: Org) -> None:
    text = "SELECT ABN__c FROM Account"
    org.create("Account", Name="A", ABN__c="51")
    fault(org, "picklist_value_added", object="Opportunity", field="Type", value="Renewal")
    fields = {each["name"]: each for each in org.call("GET", "sobjects/Opportunity/describe").body["fields"]}
    assert "Renewal" in {each["value"] for each in fields["Type"]["picklistValues"]}
    fault(org, "field_hidden", object="Account", field="ABN__c")
    assert org.call("GET", "query", query={"q": text}).code == "INVALID_FIELD"
    assert org.person("GET", "query?q=SELECT+ABN__c+FROM+Account").body["records"][0]["ABN__c"] == "51"
    fault(org, "field_removed", object="Account", field="ABN__c")
    assert org.person("GET", "query?q=SELECT+ABN__c+FROM+Account").code == "INVALID_FIELD"
    fault(org, "validation_rule_added", object="Account", condition="Site = null", message="Say where.")
    assert org.call("POST", "sobjects/Account", {"Name": "B"}).body[0]["message"] == "Say where."
    fault(org, "currency_deactivated", currency="nzd")
    answer = org.call("POST", "sobjects/Account", {"Name": "B", "CurrencyIsoCode": "NZD"})
    assert answer.code == "INVALID_CURRENCY_ISO"


def test_an_object_can_be_taken_from_a_client(org: Org) -> None:
    fault(org, "object_hidden", object="Xero_Payment__c")
    assert org.call("GET", "sobjects/Xero_Payment__c/describe").status == 404


def test_people_move_records_while_a_client_works(org: Org) -> None:
    first, second = (each["id"] for each in accounts(org, "One", "Two"))
    org.tick(60)
    fault(org, "rows_saved", object="Account", rows=1)
    order = [row["Id"] for row in org.soql("SELECT Id FROM Account ORDER BY SystemModstamp, Id")]
    assert order == [second, first]
    fault(org, "record_merged", object="Account", record=first, into=second)
    (gone,) = org.soql("SELECT MasterRecordId FROM Account WHERE IsDeleted = true", resource="queryAll")
    assert gone["MasterRecordId"] == second
    fault(org, "record_deleted", object="Account", record=second)
    fault(org, "record_undeleted", object="Account", record=second)
    assert names(org) == ["Two"]
    fault(org, "record_erased", object="Account", record=first)
    assert [row["Id"] for row in org.soql("SELECT Id FROM Account", resource="queryAll")] == [second]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("field_removed", {"object": "Account", "field": "Site"}),
        ("field_hidden", {"object": "Account", "field": "Nowhere__c"}),
        ("object_hidden", {"object": "Nowhere__c"}),
        ("currency_deactivated", {"currency": "AUD"}),
        ("record_deleted", {"object": "Account", "record": "001000000000001AAA"}),
        ("picklist_value_added", {"object": "Account", "field": "Name", "value": "x"}),
        ("user_deactivated", {"username": "nobody@example"}),
    ],
)
def test_an_act_that_cannot_be_done_says_so(org: Org, kind: str, settings: dict[str, Any]) -> None:
    assert "error" in fault(org, kind, 400, **settings)
