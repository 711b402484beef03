"""Going back: a run undone, an invoice issued anew, and a database lost and made again."""

from __future__ import annotations

from decimal import Decimal

import pytest

from crossfoot.emulators.people import Acts, Visit, approve, edit_draft
from crossfoot.engine.undo import undo
from crossfoot.store.database import open_memory

from .business import Business, Stage


def small_run(firm: Business) -> tuple[str, list[str]]:
    """Five drafts of the last days. Returns the run and the deals' names."""
    firm.set("start_date: 2026-10-01", "start_date: 2026-11-16")
    report = firm.sync()
    firm.later()
    deals = firm.soql("SELECT Name FROM Opportunity WHERE Xero_Status__c = 'Draft' ORDER BY Name")
    return report.run_id, [deal["Name"] for deal in deals]


def test_undo_deletes_untouched_drafts_and_lists_the_rest(connected: Business) -> None:
    """Of five drafts one was approved and one edited; three are deleted."""
    run, names = small_run(connected)
    approved, edited, *untouched = (connected.invoice_of(name) for name in names)
    approve(connected.office, [approved], Acts())
    edit_draft(connected.office, Visit("", edited), Acts())
    connected.later()

    undone = undo(connected.session(), run)

    assert sorted(undone.deleted) == sorted(invoice["InvoiceNumber"] for invoice in untouched)
    kept = dict(undone.kept)
    assert "authorised" in kept[approved["InvoiceNumber"]]
    assert "somebody edited the draft" in kept[edited["InvoiceNumber"]]
    status = {invoice["InvoiceNumber"]: invoice["Status"] for invoice in connected.invoices()}
    assert [status[invoice["InvoiceNumber"]] for invoice in (approved, edited)] == ["AUTHORISED", "DRAFT"]
    assert {status[invoice["InvoiceNumber"]] for invoice in untouched} == {"DELETED"}


def test_what_was_undone_waits_until_a_person_asks_and_then_takes_the_next_number(connected: Business) -> None:
    run, names = small_run(connected)
    number = connected.invoice_of(names[0])["InvoiceNumber"]
    undo(connected.session(), run)
    connected.later()
    assert connected.sync().applied.created == 0
    assert {tuple(connected.waiting(name)) for name in names} == {("undone",)}
    assert connected.deal(names[0])["Xero_Status__c"] == "Deleted"

    connected.desk.retry(connected.waiting(names[0])["undone"].id)
    connected.later()
    report = connected.sync()

    assert report.applied.created == 1
    assert connected.invoice_of(names[0])["InvoiceNumber"] == f"{number}-2"
    assert connected.deal(names[0])["Xero_Invoice_Number__c"] == f"{number}-2"
    assert not connected.tie_out().result.unexplained


@pytest.mark.promise("U-03", "U-41")
def test_after_the_database_was_lost_every_invoice_is_found_again_and_none_doubled(
    synced: Business, connected_stage: Stage
) -> None:
    before = {invoice["InvoiceID"]: invoice for invoice in synced.invoices()}
    contacts = {contact["ContactID"] for contact in synced.contacts()}
    synced.database = open_memory(connected_stage.database)

    written = synced.writes_during(synced.sync)

    assert not [write for write in written if write.startswith("xero")]
    assert {invoice["InvoiceID"]: invoice for invoice in synced.invoices()} == before
    assert {contact["ContactID"] for contact in synced.contacts()} == contacts
    assert list(synced.buckets().values()).count("drafted") == 112
    assert not synced.tie_out().result.unexplained


def test_after_a_restore_a_draft_still_follows_its_deal(synced: Business, connected_stage: Stage) -> None:
    name = "Evergreen Cinemas - Half-year review"
    invoice_id = synced.invoice_of(name)["InvoiceID"]
    synced.database = open_memory(connected_stage.database)
    synced.sync()
    [line] = synced.lines(name)
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()

    synced.sync()

    after = synced.invoice_of(name)
    assert (after["InvoiceID"], after["SubTotal"]) == (invoice_id, Decimal("8600.00"))
