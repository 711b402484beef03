"""An administrator changes the org under a running connection: what it touches waits with a reason, others go on."""

from __future__ import annotations

from typing import Any

import pytest

from crossfoot.core.errors import RetryLater
from crossfoot.store.queue import QueueEntry, open_entries

from .business import URLS, Business

DRIFT = {
    "object_missing",
    "field_missing",
    "field_type_changed",
    "field_not_writable",
    "object_not_writable",
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
    assert connected.soql("SELECT Id FROM Xero_Invoice__c LIMIT 1")


@pytest.mark.parametrize("kind", ["Xero_Sync_Issue__c", "Xero_Invoice_Line__c"])
def test_an_object_that_is_hidden_holds_only_what_is_shown_in_it_and_heals_by_itself(
    synced: Business, kind: str
) -> None:
    """More than one thing may find it missing within a run, and each run finds it anew: the run goes on to its end."""
    can = ", ".join(f"Permissions{what}" for what in ("Read", "Create", "Edit", "Delete", "ViewAllRecords"))
    query = f"SELECT ParentId, SobjectType, {can} FROM ObjectPermissions WHERE SobjectType = '{kind}'"
    granted = synced.soql(query)
    shown = len(synced.org.rows[kind])
    synced.post(f"{URLS['salesforce']}/control/fault", {"kind": "object_hidden", "object": kind})
    [customer] = synced.soql("SELECT Account.Name FROM Opportunity WHERE Xero_Status__c = 'Draft' LIMIT 1")
    for deal in ("First of them", "Second of them"):
        synced.win(deal, customer["Account"]["Name"], [], Amount=100)
        synced.later(days=2)
        assert synced.sync().applied.created == 1
        assert drift(synced)[kind].code == "object_not_writable"
        assert synced.deal(deal)["Xero_Status__c"] == "Draft"

    for grant in granted:
        given = {name: value for name, value in grant.items() if name != "attributes"}
        synced.office.salesforce("POST", "/sobjects/ObjectPermissions", given)
    synced.later(days=2)
    synced.sync()

    assert not drift(synced)
    assert len(synced.org.rows[kind]) > shown
    synced.later()
    assert synced.sync().writes == 0


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
