"""Going back: a run undone, an invoice issued anew, and a database lost and made again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from crossfoot.core.errors import Stopped
from crossfoot.emulators.people import Acts, Visit, approve, edit_draft
from crossfoot.engine.review.desk import go_live
from crossfoot.engine.undo import undo
from crossfoot.store.database import open_memory
from crossfoot.store.workspace import save_connection

from .business import Business, KilledError, Stage


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


def test_undo_deletes_an_untouched_draft_that_was_submitted_for_approval(connected: Business) -> None:
    run, [name, *_] = small_run(connected)
    submitted = connected.invoice_of(name)
    connected.in_xero("Invoices", InvoiceID=submitted["InvoiceID"], Status="SUBMITTED")
    connected.later()

    assert submitted["InvoiceNumber"] in undo(connected.session(), run).deleted

    [gone] = connected.invoices_of(name)
    assert gone["Status"] == "DELETED"


def test_undo_of_a_run_that_died_before_it_knew_what_it_had_made_finds_its_drafts(connected: Business) -> None:
    def die_after_the_invoices(name: str) -> None:
        last = connected.ledger.log[-1]
        if name == "commit outcome begins" and last["method"] == "PUT" and last["path"].endswith("/Invoices"):
            raise KilledError(name)

    connected.set("start_date: 2026-10-01", "start_date: 2026-11-16")
    connected.database.seam = die_after_the_invoices
    with pytest.raises(KilledError):
        connected.sync()
    connected.database.seam = lambda _name: None
    made = {invoice["InvoiceNumber"] for invoice in connected.invoices() if invoice.get("Url")}
    assert len(made) == 5
    connected.later()

    assert set(undo(connected.session(), connected.runs()[0]).deleted) == made

    connected.later()
    assert connected.sync().applied.created == 0
    assert not connected.tie_out().result.unexplained


def test_undo_says_of_a_change_and_of_an_undo_why_they_stay(connected: Business) -> None:
    run, [name, *_] = small_run(connected)
    [line, *_] = connected.lines(name)
    connected.edit("OpportunityLineItem", line["Id"], Quantity=9, UnitPrice=line["UnitPrice"])
    connected.later()
    changing = connected.sync().run_id
    connected.later()
    undo(connected.session(), run)
    undoing, number = connected.runs()[0], connected.invoices_of(name)[0]["InvoiceNumber"]
    connected.later()

    for again in (changing, undoing):
        assert dict(undo(connected.session(), again).kept)[number].startswith("a change to an invoice stays")


def test_undo_deletes_nothing_where_a_live_organisation_was_connected_anew_and_is_read_only(live: Business) -> None:
    run = gone_live(live, since="2026-11-16")
    session = live.session()
    with session.database.writing() as connection:
        save_connection(connection, replace(session.xero.connection, live_since=None), live.time.now)

    def attempt() -> None:
        with pytest.raises(Stopped, match="read-only"):
            undo(live.session(), run)

    assert live.writes_during(attempt) == []


def gone_live(firm: Business, *, since: str) -> str:
    """A live firm whose first reviewed plan was sent. Returns the run."""
    go_live(firm.session(), "Harbour Point Advisory")
    firm.set("start_date: 2026-10-01", f"start_date: {since}")
    report = firm.apply(firm.save_plan())
    assert report.applied.created
    firm.later()
    return report.run_id


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


@pytest.mark.parametrize("end", ["DELETED", "VOIDED"])
def test_what_finance_took_back_is_not_made_again_where_the_database_was_lost_and_numbers_begin_otherwise(
    connected: Business, connected_stage: Stage, end: str
) -> None:
    """The old number is none that Crossfoot would give by now: nothing is linked, but the deal's id says enough."""
    _, [name, *_] = small_run(connected)
    ended = connected.invoice_of(name)
    for status in ("AUTHORISED", "VOIDED") if end == "VOIDED" else ("DELETED",):
        connected.in_xero("Invoices", InvoiceID=ended["InvoiceID"], Status=status)
    connected.set('number: {prefix: "SF-"}', 'number: {prefix: "CF-"}')
    connected.database = open_memory(connected_stage.database)
    connected.later()

    assert connected.sync().applied.created == 0

    entry = connected.waiting(name)["already_invoiced"]
    assert ended["InvoiceNumber"] in entry.cause
    assert end.lower() in entry.cause
    connected.desk.not_same(entry.id)
    connected.later()
    assert connected.sync().applied.created == 1
