"""An administrator changes the org under a running connection: what it touches waits with a reason, others go on."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from crossfoot.core.errors import RetryLater
from crossfoot.store.queue import QueueEntry, open_entries

from .business import Business

DRIFT = {
    "object_missing",
    "object_not_writable",
    "field_missing",
    "field_type_changed",
    "field_not_writable",
    "field_required",
    "choice_missing",
}


def hide(firm: Business, field: str) -> dict[str, Any]:
    """The administrator takes a field from the integration user. Returns what to give back."""
    query = "SELECT Id, ParentId, SobjectType, Field, PermissionsRead, PermissionsEdit FROM FieldPermissions"
    found = [row for row in firm.soql(query) if row["Field"] == field]
    assert found, field
    for row in found:
        firm.office.salesforce("DELETE", f"/sobjects/FieldPermissions/{row['Id']}")
    return {"rows": [{key: row[key] for key in row if key not in {"Id", "attributes"}} for row in found]}


def show(firm: Business, hidden: dict[str, Any]) -> None:
    for row in hidden["rows"]:
        firm.office.salesforce("POST", "/sobjects/FieldPermissions", row)


def drift(firm: Business) -> dict[str, QueueEntry]:
    with firm.database.reading() as connection:
        entries = list(open_entries(connection, firm.session().organisation_id))
    return {entry.record.id: entry for entry in entries if entry.code in DRIFT}


def test_a_hidden_field_holds_the_invoices_and_heals_by_itself(connected: Business) -> None:
    connected.plan()
    hidden = hide(connected, "Opportunity.PO_Number__c")
    connected.later()
    held = connected.sync()
    assert held.applied.created == 0
    assert "flow `invoices` is paused" in drift(connected)["Opportunity.PO_Number__c"].cause
    with connected.database.reading() as connection:
        waiting = [e for e in open_entries(connection, connected.session().organisation_id) if e.code == "flow_paused"]
    assert waiting
    assert all("PO_Number__c" in entry.cause for entry in waiting)

    show(connected, hidden)
    connected.later()
    healed = connected.sync()
    assert drift(connected) == {}
    assert healed.applied.created > 0
    assert not connected.tie_out().result.unexplained


def test_a_field_of_the_customers_lets_known_customers_go_on(synced: Business) -> None:
    [known] = synced.soql("SELECT Account.Name FROM Opportunity WHERE Xero_Status__c = 'Draft' LIMIT 1")
    hide(synced, "Account.ABN__c")
    [product] = synced.soql("SELECT ProductCode FROM Product2 WHERE ProductCode != null AND IsActive = true LIMIT 1")
    line = {"code": product["ProductCode"], "Quantity": 1, "UnitPrice": 100}
    deal = synced.win("Known customer", known["Account"]["Name"], [line])
    synced.later()
    report = synced.sync()
    assert list(drift(synced)) == ["Account.ABN__c"]
    assert synced.buckets()[deal] != "waiting"
    assert report.applied.created == 1
    assert report.applied.contacts == 0


def test_a_status_field_that_may_not_be_written_holds_only_its_object(connected: Business) -> None:
    connected.plan()
    query = "SELECT Id, Field FROM FieldPermissions WHERE SobjectType = 'Opportunity'"
    for row in connected.soql(query):
        if row["Field"] == "Opportunity.Xero_Status__c":
            connected.edit("FieldPermissions", row["Id"], PermissionsEdit=False)
    connected.later()
    report = connected.sync()
    assert report.applied.created > 0
    assert drift(connected)["Opportunity.Xero_Status__c"].code == "field_not_writable"
    assert connected.soql("SELECT Id FROM Opportunity WHERE Xero_Status__c != null") == []
    shown = connected.soql("SELECT Opportunity__c FROM Xero_Sync_Issue__c WHERE Reason__c = 'field_not_writable'")
    assert [row["Opportunity__c"] for row in shown] == [None]  # it is about no one deal
    assert connected.soql("SELECT Id FROM Xero_Invoice__c LIMIT 1")


def hide_object(firm: Business, name: str) -> dict[str, list[dict[str, Any]]]:
    """The administrator takes a whole object from the integration user. Returns what to give back."""
    rights: dict[str, list[dict[str, Any]]] = {}
    for kind, more in (("FieldPermissions", "Field"), ("ObjectPermissions", "PermissionsCreate, PermissionsDelete")):
        fields = f"Id, ParentId, SobjectType, PermissionsRead, PermissionsEdit, {more}"
        rights[kind] = firm.soql(f"SELECT {fields} FROM {kind} WHERE SobjectType = '{name}'")
        for row in rights[kind]:
            firm.office.salesforce("DELETE", f"/sobjects/{kind}/{row['Id']}")
    return {kind: [{k: v for k, v in row.items() if k not in {"Id", "attributes"}} for row in rights[kind]]
            for kind in ("ObjectPermissions", "FieldPermissions")}  # fmt: skip


@pytest.mark.parametrize("name", ["Xero_Invoice__c", "Xero_Sync_Issue__c"])
def test_an_object_that_is_hidden_while_it_is_written_to_holds_only_its_rows(connected: Business, name: str) -> None:
    connected.plan()
    rights = hide_object(connected, name)
    connected.later(hours=2)
    assert connected.sync().applied.created > 0
    entry = drift(connected)[name]
    assert entry.code == "object_not_writable"
    connected.desk.ignore(entry.id, reason="it comes on Monday", until=date(2026, 12, 1))
    connected.later(hours=2)
    connected.sync()
    assert (drift(connected)[name].id, drift(connected)[name].ignored_until) == (entry.id, "2026-12-01")

    for kind, rows in rights.items():
        for row in rows:
            connected.office.salesforce("POST", f"/sobjects/{kind}", row)
    connected.later(hours=2)
    connected.sync()
    assert drift(connected) == {}
    assert connected.soql(f"SELECT Id FROM {name} LIMIT 1")


@pytest.mark.promise("S1-13")
def test_the_share_of_the_orgs_calls_ends_the_work_with_a_reason_and_a_time(connected: Business) -> None:
    connected.plan()
    settings = connected.org.settings
    settings["daily_api_limit"] = 10
    connected.later()
    connected.later(hours=2)
    with pytest.raises(RetryLater, match="kept for the org's other apps") as stopped:
        connected.sync()
    assert "Run again after" in str(stopped.value)
    with connected.database.reading() as connection:
        [entry] = [
            e for e in open_entries(connection, connected.session().organisation_id) if e.code == "salesforce_allowance"
        ]
    assert entry.cause == str(stopped.value)

    settings["daily_api_limit"] = 100_000
    connected.later(hours=2)
    assert connected.sync().applied.created > 0
    with connected.database.reading() as connection:
        codes = {entry.code for entry in open_entries(connection, connected.session().organisation_id)}
    assert "salesforce_allowance" not in codes


def withdraw(firm: Business, name: str) -> list[dict[str, Any]]:
    """The administrator takes an object from the integration user. Returns what to give back."""
    granted = (
        "ParentId",
        "SobjectType",
        "PermissionsRead",
        "PermissionsCreate",
        "PermissionsEdit",
        "PermissionsDelete",
    )
    query = f"SELECT Id, {', '.join(granted)} FROM ObjectPermissions WHERE SobjectType = '{name}'"
    found = firm.soql(query)
    assert found, name
    for row in found:
        firm.office.salesforce("DELETE", f"/sobjects/ObjectPermissions/{row['Id']}")
    return [{key: row[key] for key in granted} for row in found]


def test_an_object_that_is_only_written_and_was_withdrawn_holds_itself_alone_and_heals(connected: Business) -> None:
    """Its entry was opened by each part of a run, and the second one ended the run."""
    connected.plan()
    granted = withdraw(connected, "Xero_Tracking_Option__c")
    connected.later()
    assert connected.sync().applied.created > 0
    assert "writing to Xero_Tracking_Option__c is paused" in drift(connected)["Xero_Tracking_Option__c"].cause
    assert connected.soql("SELECT Id FROM Xero_Invoice__c LIMIT 1")
    connected.later()
    connected.sync()
    assert list(drift(connected)) == ["Xero_Tracking_Option__c"]

    for row in granted:
        connected.office.salesforce("POST", "/sobjects/ObjectPermissions", row)
    connected.later(hours=2)
    connected.sync()
    assert drift(connected) == {}


def test_what_waits_for_an_object_waits_no_more_once_the_settings_do_not_name_it(connected: Business) -> None:
    connected.plan()
    withdraw(connected, "Xero_Tracking_Option__c")
    connected.later()
    connected.sync()
    assert list(drift(connected)) == ["Xero_Tracking_Option__c"]
    connected.later()

    connected.set("tracking_option: Xero_Tracking_Option__c, ", "")
    connected.sync()

    assert drift(connected) == {}
