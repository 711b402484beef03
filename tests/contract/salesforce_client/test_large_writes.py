"""Large writes by the bulk API, and what becomes of them when a process dies over one (SF 4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.scenario.business import Business

from crossfoot.engine.session import Session
from crossfoot.engine.showing.bulk_load import load_rows, resume_loads, under_way
from crossfoot.engine.showing.row_writes import batches
from crossfoot.engine.showing.sending import send_rows
from crossfoot.salesforce import bulk
from crossfoot.store import write_backs as store
from crossfoot.store.queue import open_entries
from crossfoot.store.write_backs import WriteBack, want_write_backs

KIND = "Xero_Item__c"


class Killed(BaseException):
    """The process died."""


def wanted(firm: Business, count: int, **fields: Any) -> list[WriteBack]:
    """Rows that should stand in Salesforce."""
    home = firm.session().organisation_id
    items = [
        WriteBack(KIND, f"{home}:i{i}", {"Name": f"Item {i}", **fields}, f"hash {i} {fields}", f"{home}:i{i}", 1)
        for i in range(count)
    ]
    with firm.database.writing() as connection:
        for item in items:
            want_write_backs(connection, home, [item])
    return items


def pending(firm: Business) -> list[WriteBack]:
    session = firm.session()
    with firm.database.reading() as connection:
        now = session.host.now()
        found = store.pending_write_backs(connection, session.organisation_id, now, now)
        return [item for item in found if item.object == KIND]


def jobs(firm: Business) -> int:
    return sum(e["method"] == "POST" and e["path"].endswith("/jobs/ingest") for e in firm.org.log)


def rows(firm: Business) -> list[dict[str, Any]]:
    return firm.soql(f"SELECT Id, Name FROM {KIND} WHERE Name LIKE 'Item %'")


@contextmanager
def killed_at(firm: Business, point: str) -> Iterator[Session]:
    """A session whose process dies at a point."""

    def reached(name: str) -> None:
        if name == point:
            raise Killed

    session = firm.session()
    session.salesforce._host = replace(session.host, point=reached)
    with pytest.raises(Killed):
        yield session


def test_many_rows_go_by_the_bulk_api_each_with_its_outcome(connected: Business, monkeypatch: Any) -> None:
    monkeypatch.setattr(bulk, "COLLECTIONS_ROWS_MAX", 20)
    items = wanted(connected, 30)
    written, refused = send_rows(connected.session(), items)
    assert (written, refused, jobs(connected), len(rows(connected))) == (30, 0, 1, 30)
    assert pending(connected) == []


@pytest.mark.promise("S1-20")
def test_the_initial_load_goes_by_the_bulk_api_and_shows_all_that_xero_has(
    connected: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "COLLECTIONS_ROWS_MAX", 20)

    connected.sync()

    loaded = {job["object"] for job in connected.org.jobs.values()}
    assert {"Xero_Contact__c", "Xero_Invoice__c", "Xero_Invoice_Line__c", "Account", "Opportunity"} <= loaded
    shown = {row["Invoice_Id__c"] for row in connected.soql("SELECT Invoice_Id__c FROM Xero_Invoice__c")}
    assert shown == {invoice["InvoiceID"] for invoice in connected.invoices()}
    connected.later()
    assert connected.writes_during(connected.sync) == []


def test_a_row_that_is_refused_waits_alone_with_the_rules_text(connected: Business) -> None:
    [*good, bad] = wanted(connected, 5)
    bad = replace(bad, fields={"Name": "x" * 300})
    assert load_rows(connected.session(), [*good, bad]) == (4, 1)
    with connected.database.reading() as connection:
        entries = list(open_entries(connection, connected.session().organisation_id))
    [entry] = [entry for entry in entries if entry.code == "write_back_refused"]
    assert entry.record.id == bad.source_id
    assert entry.vendor_text


@pytest.mark.parametrize(
    ("point", "settled"),
    [
        ("send salesforce PUT batches", 0),  # the job's id is kept, nothing was uploaded
        ("answered salesforce PUT", 0),  # uploaded, not started
        ("answered salesforce PATCH", 10),  # started: it does its work without us
    ],
)
def test_after_a_crash_the_job_is_looked_at_and_not_made_again(connected: Business, point: str, settled: int) -> None:
    items = wanted(connected, 10)
    with killed_at(connected, point) as session:
        load_rows(session, items)
    assert len(under_way(connected.session())) == 10

    connected.later()
    assert resume_loads(connected.session()) == (settled, 0)
    assert (jobs(connected), len(rows(connected))) == (1, settled)
    assert under_way(connected.session()) == set()
    assert len(pending(connected)) == 10 - settled

    connected.later()
    send_rows(connected.session(), pending(connected))
    assert len(rows(connected)) == 10
    assert pending(connected) == []


def test_a_job_whose_id_was_never_heard_holds_nothing(connected: Business) -> None:
    items = wanted(connected, 10)
    with killed_at(connected, "answered salesforce POST") as session:
        load_rows(session, items)
    assert resume_loads(connected.session()) == (0, 0)
    assert under_way(connected.session()) == set()
    assert rows(connected) == []


def test_rows_of_a_load_under_way_are_sent_by_no_other_way(connected: Business) -> None:
    items = wanted(connected, 10)
    with killed_at(connected, "answered salesforce PATCH") as session:
        load_rows(session, items)
    assert send_rows(connected.session(), items) == (0, 0)


def test_rows_that_share_a_parent_travel_together(synced: Business) -> None:
    """Two calls that wait for each other's lock on one account are what this avoids."""
    accounts = [row["Id"] for row in synced.soql("SELECT Id FROM Account LIMIT 3")]
    items = [
        WriteBack("Xero_Invoice__c", f"org:{i:03}", {"Account__c": accounts[i % 3]}, "", f"org:{i:03}", 2)
        for i in range(300)
    ]
    sent = list(batches(synced.session(), items))
    assert [len(batch) for batch in sent] == [200, 100]
    for account in accounts:
        assert sum(any(item.fields["Account__c"] == account for item in batch) for batch in sent) == 1
