"""Many records gone at once look like a mistake, not like so many decisions: the run stops until looked at."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from crossfoot.core.errors import Stopped
from crossfoot.core.guards import Vanished, vanished_problem
from crossfoot.core.policy import Brake
from crossfoot.engine.undo import undo
from crossfoot.store.database import open_database

from .business import Business
from .test_invoice_fields import CLINIC, LINES


@pytest.mark.parametrize(
    ("gone", "linked", "held"),
    [(4, 4, False), (5, 5, True), (5, 25, False), (6, 25, True), (20, 100, False), (21, 100, True), (0, 0, False)],
)
def test_a_fifth_is_too_many_but_a_handful_never_is(gone: int, linked: int, *, held: bool) -> None:
    assert bool(vanished_problem(Brake(), [Vanished("Opportunity", gone, linked)])) is held


def delete_deals(firm: Business) -> None:
    for row in firm.soql("SELECT Id FROM Opportunity WHERE Xero_Status__c = 'Draft' LIMIT 25"):
        firm.office.salesforce("DELETE", f"/sobjects/Opportunity/{row['Id']}")
    firm.later()


def test_a_mass_deletion_stops_every_run_until_a_reviewed_plan_was_applied(synced: Business) -> None:
    synced.set("first_live_run: 5", "first_live_run: 5, on_test_pair: true")
    delete_deals(synced)

    def try_twice() -> None:
        for _ in range(2):
            with pytest.raises(Stopped, match="25 of 112 linked records of Opportunity are gone") as stopped:
                synced.sync()
            assert stopped.value.code == "brake"
            synced.later()

    assert synced.writes_during(try_twice) == []

    assert "25 of 112 linked records of Opportunity are gone" in synced.plan_in_words()
    synced.apply(synced.save_plan())
    synced.later()
    synced.sync()
    invoices = [invoice for invoice in synced.invoices() if invoice.get("Url") and invoice["Status"] == "DRAFT"]
    assert len(invoices) == 112, "what was deleted in Salesforce is never deleted in Xero"


def test_a_plan_from_before_a_mass_deletion_is_no_answer_to_it(synced: Business) -> None:
    synced.set("first_live_run: 5", "first_live_run: 5, on_test_pair: true")
    earlier = synced.save_plan()
    delete_deals(synced)
    with pytest.raises(Stopped, match="linked records that are gone changed since the plan was made"):
        synced.apply(earlier)
    with pytest.raises(Stopped, match="25 of 112"):
        synced.sync()


def test_an_undo_is_no_answer_to_a_mass_deletion(synced: Business) -> None:
    synced.win("One more", CLINIC, [LINES[1]])
    run = synced.sync().run_id
    synced.later()
    synced.set("first_live_run: 5", "first_live_run: 5, on_test_pair: true")
    delete_deals(synced)
    with pytest.raises(Stopped, match="linked records of Opportunity are gone"):
        synced.sync()
    undo(synced.session(), run)
    synced.later()
    with pytest.raises(Stopped, match="linked records of Opportunity are gone"):
        synced.sync()


def test_what_was_gone_before_a_newer_version_read_all_anew_is_no_surprise(synced: Business, tmp_path: Path) -> None:
    synced.set("first_live_run: 5", "first_live_run: 5, on_test_pair: true")
    drafts = [invoice for invoice in synced.invoices() if invoice.get("Url") and invoice["Status"] == "DRAFT"]
    for start in (0, 20):
        for draft in drafts[start : start + 20]:
            synced.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Status="DELETED")
        synced.later()
        synced.sync()
        synced.later()
    older = tmp_path / "crossfoot.db"
    older.write_bytes(synced.freeze().database)
    with closing(sqlite3.connect(older)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0005'")
        raw.commit()
    synced.database = open_database(older)

    report = synced.sync()
    assert (report.warning, report.writes) == ("", 0)

    synced.later()
    for draft in drafts[40:70]:
        synced.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Status="DELETED")
    synced.later()
    with pytest.raises(Stopped, match="30 of 112 linked records of Xero Invoice are gone"):
        synced.sync()


def test_what_we_deleted_ourselves_is_no_surprise(connected: Business) -> None:
    connected.set("start_date: 2026-10-01", "start_date: 2026-11-16")
    connected.set("first_live_run: 5", "first_live_run: 5, on_test_pair: true")
    run = connected.sync().run_id
    connected.later()
    assert len(undo(connected.session(), run).deleted) >= 5
    connected.later()
    assert connected.sync().warning == ""
