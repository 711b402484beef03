"""Xero answers 200 with an id and keeps nothing (F15): that is told, and never taken for a draft."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from crossfoot.engine.undo import undo

from .business import URLS, Business, Carry

DEAL = "Quarterly advice"
DRAFTED = "Evergreen Cinemas - Half-year review"


@pytest.fixture
def unsaved(synced: Business) -> tuple[Business, str]:
    """A firm for which Xero said that it made one invoice, and made none; and the run in which it did."""
    [drafted] = synced.soql("SELECT Account.Name FROM Opportunity WHERE Xero_Status__c = 'Draft' LIMIT 1")
    synced.win(DEAL, drafted["Account"]["Name"], [], Amount=100)
    fault = {"kind": "silent_200", "match": {"method": "PUT", "path_contains": "/Invoices"}}
    synced.post(f"{URLS['xero']}/control/fault", fault)
    report = synced.sync()
    assert (report.applied.created, report.verified.verified, report.verified.unseen) == (1, 0, 1)
    return synced, report.run_id


def test_a_creation_that_saved_nothing_is_not_verified_and_is_told(unsaved: tuple[Business, str]) -> None:
    firm, _ = unsaved
    assert "not_shown" not in firm.waiting(DEAL)

    firm.later(minutes=11)
    firm.sync()

    assert "does not show it" in firm.waiting(DEAL)["not_shown"].cause
    assert firm.deal(DEAL)["Xero_Status__c"] is None
    assert firm.sync().applied.created == 0


def test_what_was_never_saved_is_made_again_when_asked_and_never_twice(unsaved: tuple[Business, str]) -> None:
    firm, _ = unsaved
    before = len(firm.invoices())
    firm.later(minutes=11)
    firm.sync()

    firm.desk.retry(firm.waiting(DEAL)["not_shown"].id)
    firm.later()
    report = firm.sync()

    assert (report.applied.created, report.verified.verified, report.verified.unseen) == (1, 1, 0)
    assert "not_shown" not in firm.waiting(DEAL)
    assert len(firm.invoices()) == before + 1
    assert firm.deal(DEAL)["Xero_Status__c"] == "Draft"
    assert firm.invoice_of(DEAL)["InvoiceNumber"] == firm.deal(DEAL)["Xero_Invoice_Number__c"]
    assert not firm.tie_out().result.unexplained


def test_what_a_list_shows_only_after_its_stamp_was_passed_is_looked_up(synced: Business) -> None:
    [drafted] = synced.soql("SELECT Account.Name FROM Opportunity WHERE Xero_Status__c = 'Draft' LIMIT 1")
    synced.win(DEAL, drafted["Account"]["Name"], [], Amount=100)
    fault = {"kind": "read_lag", "seconds": 540, "match": {"method": "PUT", "path_contains": "/Invoices"}}
    synced.post(f"{URLS['xero']}/control/fault", fault)
    assert synced.sync().verified.unseen == 1
    synced.in_xero("Contacts", ContactID=synced.contacts()[0]["ContactID"], Name="Somebody else's change")
    synced.in_xero("Invoices", InvoiceID=synced.invoices()[0]["InvoiceID"], Reference="Later than the new one")
    synced.later(minutes=6)
    synced.sync()
    synced.later(minutes=6)

    synced.sync()

    assert "not_shown" not in synced.waiting(DEAL)
    assert synced.deal(DEAL)["Xero_Status__c"] == "Draft"
    synced.later()
    assert synced.sync().writes == 0


def test_undo_says_that_xero_does_not_show_it(unsaved: tuple[Business, str]) -> None:
    firm, run_id = unsaved
    firm.later()

    undone = undo(firm.session(), run_id)

    assert undone.deleted == []
    assert [problem for _, problem in undone.kept if "Xero does not show it" in problem]


def test_a_deletion_that_xero_dropped_is_told_and_nothing_counts_as_undone(synced: Business) -> None:
    [run] = synced.runs()
    drafts = [each["InvoiceNumber"] for each in synced.invoices() if each.get("Url")]
    fault = {"kind": "silent_200", "times": 3, "match": {"method": "POST", "path_contains": "/Invoices"}}
    synced.post(f"{URLS['xero']}/control/fault", fault)

    undone = undo(synced.session(), run)

    assert undone.deleted == []
    told = {what for what, why in undone.kept if why == "Xero answered that it was done, and it still stands"}
    assert told == {*drafts}
    assert "delete Invoice" not in {entry.action for entry in synced.audit()}
    synced.later()
    assert sorted(undo(synced.session(), run).deleted) == sorted(drafts)


@pytest.fixture
def dropped(synced: Business) -> Business:
    """A firm whose deal was sold twice over; Xero said that it changed the draft, and did not."""
    [line] = synced.lines(DRAFTED)
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()
    fault = {"kind": "silent_200", "match": {"method": "POST", "path_contains": "/Invoices"}}
    synced.post(f"{URLS['xero']}/control/fault", fault)
    report = synced.sync()
    assert (report.applied.updated, report.verified.verified, report.verified.unseen) == (1, 0, 1)
    assert not synced.waiting(DRAFTED)
    return synced


def test_a_change_that_was_dropped_waits_as_refused_and_is_made_when_asked(dropped: Business) -> None:
    before = dropped.invoice_of(DRAFTED)["SubTotal"]
    dropped.later(minutes=11)

    assert dropped.sync().applied.updated == 0

    assert set(dropped.waiting(DRAFTED)) == {"refused_by_xero"}
    assert "left it as it was" in dropped.waiting(DRAFTED)["refused_by_xero"].cause
    assert not dropped.tie_out().result.unexplained
    dropped.desk.retry(dropped.waiting(DRAFTED)["refused_by_xero"].id)
    report = dropped.sync()
    assert (report.applied.updated, report.verified.verified) == (1, 1)
    assert not dropped.waiting(DRAFTED)
    assert dropped.invoice_of(DRAFTED)["SubTotal"] == 2 * before


def test_a_change_that_was_dropped_is_made_next_day_by_itself(dropped: Business) -> None:
    before = dropped.invoice_of(DRAFTED)["SubTotal"]
    dropped.later(days=1)

    assert dropped.sync().applied.updated == 1

    assert not dropped.waiting(DRAFTED)
    assert dropped.invoice_of(DRAFTED)["SubTotal"] == 2 * before


@pytest.mark.parametrize(
    ("status", "reason"), [("AUTHORISED", "changed_after_approval"), ("DELETED", "invoice_voided")]
)
def test_a_dropped_change_of_what_is_no_draft_any_more_says_what_is_to_be_done(
    dropped: Business, status: str, reason: str
) -> None:
    dropped.in_xero("Invoices", InvoiceID=dropped.invoice_of(DRAFTED)["InvoiceID"], Status=status)
    dropped.later(minutes=11)
    dropped.sync()
    assert set(dropped.waiting(DRAFTED)) == {reason}
    dropped.later(days=1)
    assert dropped.sync().applied.updated == 0
    assert set(dropped.waiting(DRAFTED)) == {reason}


@pytest.fixture
def changed_unread(synced: Business) -> tuple[Business, dict[str, Any]]:
    """A firm whose draft was changed by a process that ended before it read that back; and the draft before that."""
    draft, [line] = synced.invoice_of(DRAFTED), synced.lines(DRAFTED)
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()
    synced.die_at("commit outcome done")
    assert synced.invoice_of(DRAFTED)["SubTotal"] == 2 * draft["SubTotal"]
    synced.later(seconds=5)
    return synced, draft


def test_what_is_gone_by_the_time_it_is_read_back_is_not_compared(
    changed_unread: tuple[Business, dict[str, Any]],
) -> None:
    firm, draft = changed_unread
    firm.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Reference="To be deleted")
    firm.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Status="DELETED")
    firm.later()
    firm.sync()
    assert set(firm.waiting(DRAFTED)) == {"invoice_voided"}


def test_a_draft_that_a_person_set_back_to_what_it_said_is_theirs(
    changed_unread: tuple[Business, dict[str, Any]],
) -> None:
    synced, draft = changed_unread
    synced.in_xero("Invoices", InvoiceID=draft["InvoiceID"], LineItems=draft["LineItems"])
    synced.later(minutes=11)

    synced.sync()
    synced.later(days=1)

    assert synced.sync().applied.updated == 0
    assert "draft_edited" in synced.waiting(DRAFTED)
    assert synced.invoice_of(DRAFTED)["SubTotal"] == draft["SubTotal"]


def test_an_invoice_whose_customer_was_merged_before_it_was_read_back_is_the_one_that_was_sent(
    synced: Business,
) -> None:
    [drafted] = synced.soql("SELECT Account.Name FROM Opportunity WHERE Xero_Status__c = 'Draft' LIMIT 1")
    synced.win(DEAL, drafted["Account"]["Name"], [], Amount=100)
    synced.die_at("commit verified begins")
    synced.later()
    customer = synced.invoice_of(DEAL)["Contact"]["ContactID"]
    synced.office.ask(URLS["xero"], "POST", f"/Contacts/{customer}/merge", {"Into": another_than(synced, customer)})
    synced.later()
    synced.sync()
    assert "readback_differs" not in synced.waiting(DEAL)


def another_than(firm: Business, contact_id: str) -> str:
    """A customer who is nobody's account in Salesforce."""
    contacts = firm.office.ask(URLS["xero"], "GET", "/Contacts")["Contacts"]
    return str(next(c["ContactID"] for c in contacts if not c.get("ContactNumber") and c["ContactID"] != contact_id))


def test_an_answer_without_an_outcome_for_each_element_is_looked_up_and_what_is_not_there_sent_again(
    synced: Business,
) -> None:
    [drafted] = synced.soql("SELECT Account.Name FROM Opportunity WHERE Xero_Status__c = 'Draft' LIMIT 1")
    synced.win(DEAL, drafted["Account"]["Name"], [], Amount=100)
    short: list[str] = []

    def answer_nothing(request: httpx2.Request, carry: Carry) -> httpx2.Response:
        if request.method == "PUT" and request.url.path.endswith("/Invoices") and not short:
            short.append(request.url.path)
            return httpx2.Response(200, json={"Invoices": []}, request=request)
        return carry(request)

    synced.carrier.intercept(answer_nothing)
    report = synced.sync()
    assert (short, report.applied.created, report.applied.refused) == (["/api.xro/2.0/Invoices"], 1, [])
    assert synced.deal(DEAL)["Xero_Status__c"] == "Draft"
