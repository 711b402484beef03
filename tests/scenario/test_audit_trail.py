"""One audit entry for each write that a vendor took, with before, after, why and the mapping in force."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from crossfoot.engine.undo import undo
from crossfoot.store.audit import AuditEntry, broken_audit_entry, read_audit

from .business import Business

WRITES = ("create ", "update ", "delete ", "write back ")


def entries(firm: Business, after: int = 0) -> list[AuditEntry]:
    """The log's entries about writes, from a place on."""
    with firm.database.reading() as connection:
        organisation_id = firm.session().organisation_id
        assert broken_audit_entry(connection, organisation_id) is None
        return [
            entry
            for entry in read_audit(connection, organisation_id)
            if entry.seq > after and entry.action.startswith(WRITES)
        ]


@pytest.mark.promise("S1-76")
def test_each_write_of_a_first_sync_has_exactly_one_entry(connected: Business) -> None:
    connected.set("start_date: 2026-10-01", "start_date: 2026-11-12")
    report = connected.sync()
    done = report.applied

    kinds = Counter(entry.action.rpartition(" refused")[0] or entry.action for entry in entries(connected))

    assert kinds["create Invoice"] == done.created
    assert kinds["create Contact"] == done.contacts
    assert kinds["create Item"] == done.items
    refused_too = report.written_back + report.write_backs_refused
    assert sum(count for kind, count in kinds.items() if kind.startswith("write back")) == refused_too
    invoices = {invoice["InvoiceID"]: invoice for invoice in connected.invoices()}
    for entry in entries(connected):
        assert entry.actor, entry.action
        assert entry.body["mapping"] == connected.mapping.hash
        assert entry.body["reason"]
        assert entry.body["after"]
        if entry.action == "create Invoice":
            made = invoices.pop(str(entry.body["xero_id"]))
            assert entry.body["before"] is None
            assert entry.body["after"]["reference"] == made["Reference"]  # type: ignore[index]
            assert Decimal(str(entry.body["gross"])) == made["Total"]
    assert not [invoice for invoice in invoices.values() if invoice.get("Url")]


def test_a_change_is_told_by_its_changed_parts_before_and_after(synced: Business) -> None:
    name = "Evergreen Cinemas - Half-year review"
    last = entries(synced)[-1].seq
    [line] = synced.lines(name)
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()

    synced.sync()

    [changed] = [entry for entry in entries(synced, last) if entry.action == "update Invoice"]
    assert changed.body["before"] == {"line 1 quantity": "1", "line 1 amount": "4300"}
    assert changed.body["after"] == {"line 1 quantity": "2", "line 1 amount": "8600"}


def test_a_deletion_tells_what_was_deleted(connected: Business) -> None:
    connected.set("start_date: 2026-10-01", "start_date: 2026-11-16")
    run = connected.sync().run_id
    connected.later()
    invoices = {invoice["InvoiceID"]: invoice for invoice in connected.invoices() if invoice.get("Url")}
    last = entries(connected)[-1].seq

    undone = undo(connected.session(), run)

    deletions = [entry for entry in entries(connected, last) if entry.action == "delete Invoice"]
    assert len(deletions) == len(undone.deleted)
    for entry in deletions:
        assert entry.body["before"]["reference"] == invoices[str(entry.body["xero_id"])]["Reference"]  # type: ignore[index]
        assert entry.body["after"] is None
        assert entry.body["mapping"] == connected.mapping.hash
