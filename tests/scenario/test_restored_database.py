"""An old copy of the database is put back: it is noticed, nothing is written, links are rebuilt, then all goes on."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from crossfoot.core.errors import NeedsPerson, Stopped
from crossfoot.core.links import Kind, record_id_in
from crossfoot.emulators.people import Acts, Visit, edit_draft
from crossfoot.engine.guards.anchor import Verdict, audit_verdict, read_anchor
from crossfoot.engine.runs import restore
from crossfoot.engine.session import Session
from crossfoot.engine.undo import undo
from crossfoot.store.audit import read_audit
from crossfoot.store.database import open_memory
from crossfoot.store.links import load_links

from .business import Business, Stage
from .test_invoice_fields import CLINIC, LINES


class Anchored(Business):
    """A firm that keeps the newest hash of its audit log outside the database, as every workspace does."""

    def session(self) -> Session:
        opened = super().session()
        opened.anchor_path = self.directory / "workspace.anchor"
        return opened

    def verdict(self) -> Verdict:
        """``crossfoot audit verify``."""
        session = self.session()
        return audit_verdict(self.database, session.organisation_id, session.anchor_path)


@pytest.fixture
def firm(connected_stage: Stage, tmp_path: Path) -> Iterator[Anchored]:
    """Five deals of the last days are drafted."""
    made = Anchored(connected_stage, tmp_path)
    made.set("start_date: 2026-10-01", "start_date: 2026-11-16")
    made.sync()
    made.later()
    yield made
    made.close()


def go_on_and_fall_back(firm: Anchored) -> str:
    """A deal is won and drafted, then last hour's copy of the database is put back. Returns the deal."""
    copy = firm.freeze().database
    deal_id = firm.win("Won since the copy", CLINIC, LINES)
    firm.later()
    assert firm.sync().applied.created == 1
    firm.later()
    firm.database = open_memory(copy)
    return deal_id


def test_nothing_is_written_until_a_person_says_that_a_copy_was_put_back(firm: Anchored) -> None:
    go_on_and_fall_back(firm)

    def try_all() -> None:
        for act in (firm.sync, lambda: undo(firm.session(), "any")):
            with pytest.raises(Stopped, match="not the database of the last run") as stopped:
                act()
            assert stopped.value.code == "restored"

    assert firm.writes_during(try_all) == []
    assert not firm.verdict().holds
    assert "the log ends at entry" in firm.verdict().departs


def test_after_a_restore_each_deal_has_one_invoice_and_the_log_tells_of_its_gap(firm: Anchored) -> None:
    deal_id = go_on_and_fall_back(firm)
    session = firm.session()
    copied, lost = firm.verdict().newest, read_anchor(session.anchor_path, session.organisation_id)
    assert lost is not None

    def go_on() -> None:
        done, planned = restore(firm.session(), "disk failed")
        assert (done.linked, planned.operations) == (1, ())

    assert firm.writes_during(go_on) == []
    assert firm.verdict().holds
    firm.later()
    assert firm.sync().applied.created == 0
    marked = [record_id_in(invoice["Url"]) for invoice in firm.invoices() if invoice.get("Url")]
    assert marked.count(deal_id) == 1
    assert len(marked) == len(set(marked))
    assert not firm.tie_out().result.unexplained
    with firm.database.reading() as connection:
        [entry] = [e for e in read_audit(connection, firm.session().organisation_id) if e.action == "restore"]
    assert (entry.actor, entry.body["reason"], entry.body["linked"]) == ("crossfoot", "disk failed", 1)
    assert (entry.body["lost_from"], entry.body["lost_to"]) == (copied.seq + 1, lost.seq)


def test_the_customer_of_an_invoice_that_is_found_again_is_linked_again(firm: Anchored) -> None:
    deal_id = go_on_and_fall_back(firm)
    account_id = firm.deal("Won since the copy")["AccountId"]
    with firm.database.reading() as connection:
        assert not list(load_links(connection, firm.session().organisation_id, Kind.CONTACT, source_keys=[account_id]))

    restore(firm.session(), "disk failed")

    with firm.database.reading() as connection:
        [found] = load_links(connection, firm.session().organisation_id, Kind.CONTACT, source_keys=[account_id])
    [invoice] = [each for each in firm.invoices() if record_id_in(each.get("Url") or "") == deal_id]
    assert found.link.xero_id == invoice["Contact"]["ContactID"]


def test_deals_without_a_number_of_their_own_are_found_again_by_series_and_mark(firm: Anchored) -> None:
    firm.set(" Number: Deal_Number__c,", "")
    deal_id = go_on_and_fall_back(firm)

    done, _ = restore(firm.session(), "disk failed")

    assert done.linked == 1
    assert firm.sync().applied.created == 0
    assert [record_id_in(i["Url"]) for i in firm.invoices() if i.get("Url")].count(deal_id) == 1


def test_what_finance_wrote_into_an_invoice_that_is_found_again_is_kept(firm: Anchored) -> None:
    """The copy does not know what was sent, so that it cannot tell what finance wrote since: people are asked."""
    deal_id = go_on_and_fall_back(firm)
    [draft] = [each for each in firm.invoices() if record_id_in(each.get("Url") or "") == deal_id]
    edit_draft(firm.office, Visit(deal_id, draft), Acts())
    [edited] = [each for each in firm.invoices() if record_id_in(each.get("Url") or "") == deal_id]

    restore(firm.session(), "disk failed")
    firm.later()
    firm.sync()

    [kept] = [each for each in firm.invoices() if record_id_in(each.get("Url") or "") == deal_id]
    assert kept["LineItems"] == edited["LineItems"]
    assert "changed_and_draft_edited" in firm.waiting("Won since the copy")


def test_words_that_finance_wrote_and_approved_since_the_copy_are_no_change_of_the_deal(firm: Anchored) -> None:
    deal_id = go_on_and_fall_back(firm)
    [draft] = [each for each in firm.invoices() if record_id_in(each.get("Url") or "") == deal_id]
    firm.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Reference="as agreed by phone", Status="AUTHORISED")

    restore(firm.session(), "disk failed")
    firm.later()
    firm.sync()

    assert set(firm.waiting("Won since the copy")) == {"draft_edited"}
    [line, *_] = firm.lines("Won since the copy")
    firm.edit("OpportunityLineItem", line["Id"], Quantity=9, UnitPrice=line["UnitPrice"])
    firm.later()
    firm.sync()
    assert set(firm.waiting("Won since the copy")) == {"changed_after_approval"}


def test_an_invoice_that_is_found_again_as_it_was_sent_still_follows_its_deal(firm: Anchored) -> None:
    deal_id = go_on_and_fall_back(firm)
    restore(firm.session(), "disk failed")
    firm.later()

    [line, *_] = firm.lines("Won since the copy")
    firm.edit("OpportunityLineItem", line["Id"], Quantity=9, UnitPrice=line["UnitPrice"])
    firm.later()

    assert firm.sync().applied.updated == 1
    [draft] = [each for each in firm.invoices() if record_id_in(each.get("Url") or "") == deal_id]
    assert draft["LineItems"][0]["Quantity"] == 9


def test_what_was_shown_since_the_copy_and_is_not_so_any_more_is_put_right(firm: Anchored) -> None:
    """A payment comes and goes: to the copy it looks as if nothing had happened, but Salesforce shows it."""
    [invoice, *_] = [each for each in firm.invoices() if each.get("Url")]
    name = firm.soql(f"SELECT Name FROM Opportunity WHERE Id = '{record_id_in(invoice['Url'])}'")[0]["Name"]
    invoice_id = invoice["InvoiceID"]
    firm.in_xero("Invoices", InvoiceID=invoice_id, Status="AUTHORISED")
    firm.sync()
    firm.later()
    copy = firm.freeze().database
    payment = {"Invoice": {"InvoiceID": invoice_id}, "Account": {"Code": "090"}, "Date": "2026-11-18", "Amount": 1}
    [paid] = firm.office.xero("PUT", "Payments", [payment])
    firm.sync()
    firm.later()
    shown = Decimal(firm.deal(name)["Xero_Amount_Due__c"])
    assert shown == invoice["Total"] - 1
    firm.office.ask("https://xero.invalid", "POST", f"/Payments/{paid['PaymentID']}", {"Status": "DELETED"})
    firm.database = open_memory(copy)

    assert firm.writes_during(lambda: restore(firm.session(), "disk failed")) == []
    firm.later()
    firm.sync()

    assert Decimal(firm.deal(name)["Xero_Amount_Due__c"]) == invoice["Total"]
    firm.later()
    assert firm.writes_during(firm.sync) == []


def test_going_on_needs_a_reason(firm: Anchored) -> None:
    go_on_and_fall_back(firm)
    with pytest.raises(NeedsPerson, match="needs a reason"):
        restore(firm.session(), " ")
    with pytest.raises(Stopped):
        firm.sync()


@pytest.mark.promise("S1-76", "N-14")
def test_cutting_off_the_last_entries_is_seen_by_the_anchor(firm: Anchored) -> None:
    """The chain itself still verifies: only what is kept outside shows the cut."""
    assert firm.verdict().holds
    with firm.database.writing() as connection:
        connection.execute(text("DROP TRIGGER audit_whole"))
        connection.execute(text("DELETE FROM audit WHERE seq > (SELECT max(seq) - 3 FROM audit)"))
    found = firm.verdict()
    assert (found.first_broken, found.holds) == (None, False)
    assert "cut" not in found.words
    assert "the log ends at entry" in found.words


def test_a_run_reports_the_hash_to_note_down(firm: Anchored) -> None:
    report = firm.sync()
    assert report.audit == firm.verdict().newest
    assert report.audit.hash[:16] in report.audit.words
