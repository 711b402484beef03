"""A workspace holds a million deals: what a run asks again and again looks at the rows that it means, and no others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event

from crossfoot.core.links import Kind
from crossfoot.core.records import RecordRef, Side
from crossfoot.store.dispositions import leaning, load_dispositions, planned_since, unsettled
from crossfoot.store.feed import changed_since
from crossfoot.store.links import LinkedKind, highest_epochs, links_to_agree, load_links, save_compared_to
from crossfoot.store.lookups import IDS_PER_QUERY, find_candidates
from crossfoot.store.operations import STANDING, load_operations, recent_intents, standing_refusals
from crossfoot.store.queue import buckets, open_entries
from crossfoot.store.versions import Version, deleted_ids, load_versions, newest_change, next_seq, save_versions, unread
from crossfoot.store.write_backs import pending_write_backs, refused_sources, rows_below, wanted_states

HERE, THERE = "ef134f2a-180b-405d-a91a-b32d2976f51d", "00D5g000004abcdEAA"
NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
IDS = [f"{number:018}" for number in range(IDS_PER_QUERY)]
OWN_KEY = "PRIMARY KEY"
READ = [Version(RecordRef(Side.XERO, "Invoice", each), HERE, "", "", b"{}", deleted=False) for each in IDS]


@pytest.mark.parametrize(
    ("ask", "found_by"),
    [
        (lambda c: load_versions(c, HERE, "Invoice", ids=IDS), f"{OWN_KEY} (home=? AND kind=? AND record_id=?)"),
        (lambda c: changed_since(c, HERE, "Invoice", 7), "version_by_change (home=? AND kind=? AND changed_seq>?)"),
        (lambda c: load_links(c, HERE, Kind.INVOICE, xero_ids=IDS), "link_live_by_xero_id"),
        (lambda c: load_links(c, HERE, Kind.INVOICE, source_keys=IDS), "AND kind=? AND source_key=?)"),
        (lambda c: newest_change(c, HERE, "Invoice"), "version_by_change (home=? AND kind=?)"),
        (lambda c: highest_epochs(c, HERE, Kind.INVOICE, IDS).items(), "AND kind=? AND source_key=?)"),
        (lambda c: find_candidates(c, HERE, "Invoice", "word", IDS), f"{OWN_KEY} (key=?)"),
        (lambda c: load_operations(c, HERE, states=STANDING), "operation_standing"),
        (lambda c: load_operations(c, HERE, source_id="006A"), "operation_by_source"),
        (lambda c: standing_refusals(c, HERE, NOW), "operation_refused"),
        (lambda c: deleted_ids(c, HERE, "Invoice"), "version_deleted"),
        (lambda c: unread(c, HERE, "Invoice"), "version_answered"),
        (lambda c: recent_intents(c, HERE, NOW), "operation_by_time"),
        (lambda c: open_entries(c, HERE, record_ids=IDS), "queue_"),
        (lambda c: buckets(c, HERE, IDS), f"{OWN_KEY} (organisation_id=? AND record_id=?)"),
        (lambda c: load_dispositions(c, HERE, record_ids=IDS), f"{OWN_KEY} (organisation_id=? AND record_id=?)"),
        (lambda c: load_dispositions(c, HERE, account_ids=IDS), "disposition_by_account"),
        (lambda c: leaning(c, HERE, record_ids=IDS), f"{OWN_KEY} (organisation_id=? AND record_id=?)"),
        (lambda c: leaning(c, HERE, account_ids=IDS), "disposition_by_account"),
        (lambda c: leaning(c, HERE), "disposition_leaning"),
        (lambda c: unsettled(c, HERE), "disposition_unsettled"),
        (lambda c: planned_since(c, HERE, 7), "disposition_by_plan"),
        (lambda c: pending_write_backs(c, HERE, NOW, NOW), "write_back_to_send"),
        (lambda c: wanted_states(c, HERE, "Line__c", IDS), "(organisation_id=? AND object=? AND key=?)"),
        (lambda c: rows_below(c, HERE, "Line__c", IDS), "write_back_below"),
        (lambda c: refused_sources(c, HERE, ["006A"]), "write_back_refused"),
    ],
)
def test_few_rows_are_looked_at(connection: Connection, ask: Callable[[Connection], Any], found_by: str) -> None:
    (plan,) = plans_of(connection, lambda: list(ask(connection) or ()))
    assert any(found_by in line for line in plan), plan


def test_what_a_page_brings_is_compared_with_no_other_records(connection: Connection) -> None:
    plans = plans_of(connection, lambda: save_versions(connection, 1, READ))
    assert any("PRIMARY KEY (home=? AND kind=? AND record_id=?)" in line for line in plans[0]), plans[0]


def test_which_links_to_compare_is_asked_of_what_changed(connection: Connection) -> None:
    linked = LinkedKind(THERE, "Account", HERE, Kind.CONTACT)
    save_compared_to(connection, linked, next_seq(connection))
    for home, kind in ((THERE, "Account"), (HERE, "Contact")):
        save_versions(connection, 1, [replace(each, home=home, ref=replace(each.ref, kind=kind)) for each in READ])
    plans = plans_of(connection, lambda: links_to_agree(connection, linked))
    found = ["".join(line for line in plan if line.startswith("SEARCH link ")) for plan in plans]
    for line, by in zip(filter(None, found), ("link_unsettled", "source_key=?", "link_live_by_xero_id"), strict=True):
        assert by in line, plans


def plans_of(connection: Connection, ask: Callable[[], object]) -> list[list[str]]:
    """How SQLite finds the rows of each query that is asked."""
    if connection.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by what the tables hold")
    seen: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    ask()
    event.remove(connection, "before_cursor_execute", note)
    asked = (connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given) for statement, given in seen)
    return [[row[3] for row in plan] for plan in asked]
