"""An old copy of the database is put back, and invoices were made anew since: each follows the one before it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from crossfoot.core.links import Kind
from crossfoot.engine.runs import restore
from crossfoot.store.acts import open_acts
from crossfoot.store.database import open_memory
from crossfoot.store.links import load_links

from .business import Business, Stage
from .test_credit_and_reissue import DEAL, accept, changed_stage, old_and_new, pay, raise_the_price

__all__ = ["changed_stage"]
NUMBERED = "Number: Deal_Number__c,"


@pytest.fixture
def firm(changed_stage: Stage, tmp_path: Path) -> Iterator[Business]:
    opened = Business(changed_stage, tmp_path)
    yield opened
    opened.close()


def make_anew(firm: Business) -> None:
    accept(firm)
    firm.later()
    assert firm.sync().reissued.credited == 1
    firm.later()


def void_and_make_anew(firm: Business) -> None:
    firm.in_xero("Invoices", InvoiceID=firm.invoice_of(DEAL)["InvoiceID"], Status="VOIDED")
    firm.sync()
    firm.desk.retry(firm.waiting(DEAL)["invoice_voided"].id)
    firm.later()
    assert firm.sync().applied.created == 1
    firm.later()


def approve_and_make_anew_again(firm: Business) -> None:
    """The second is made anew in its turn."""
    make_anew(firm)
    _, new = old_and_new(firm)
    firm.in_xero("Invoices", InvoiceID=new["InvoiceID"], Status="AUTHORISED")
    firm.sync()
    raise_the_price(firm)
    firm.later()
    firm.sync()
    make_anew(firm)


def fall_back(firm: Business, since: Callable[[Business], None]) -> int:
    """Something happens, then the copy of before is taken as the database. Answers how many were linked."""
    copy = firm.freeze().database
    since(firm)
    return put_back(firm, copy)


def put_back(firm: Business, copy: bytes) -> int:
    firm.database = open_memory(copy)
    linked = 0

    def go_on() -> None:
        nonlocal linked
        linked = restore(firm.session(), "disk failed")[0].linked

    assert firm.writes_during(go_on) == []
    firm.later()
    return linked


def linked_number(firm: Business) -> str:
    with firm.database.reading() as connection:
        links = load_links(connection, firm.session().organisation_id, Kind.INVOICE)
        [number] = [each.link.number for each in links if each.source_id == firm.deal(DEAL)["Id"]]
    return number


def assert_all_is_well(firm: Business) -> None:
    """The newest invoice is the deal's, shown as such; nothing is made, and nobody is asked about a second one."""
    made = firm.invoices_of(DEAL)
    [newest] = [each["InvoiceNumber"] for each in made if not each["AmountCredited"] and each["Status"] != "VOIDED"]
    assert linked_number(firm) == newest
    firm.sync()
    firm.later()
    assert firm.writes_during(firm.sync) == []
    assert len(firm.invoices_of(DEAL)) == len(made)
    assert "duplicate_incident" not in firm.waiting(DEAL)
    assert "reissue_unfinished" not in firm.waiting(DEAL)
    assert firm.deal(DEAL)["Xero_Invoice_Number__c"] == newest
    assert not firm.tie_out().result.unexplained
    with firm.database.reading() as connection:
        assert open_acts(connection, firm.session().organisation_id) == []


@pytest.mark.parametrize(
    ("since", "linked"),
    [(make_anew, 1), (void_and_make_anew, 1), (approve_and_make_anew_again, 2)],
    ids=["credited", "voided", "twice"],
)
def test_an_invoice_that_was_made_anew_since_is_the_deals_again(
    firm: Business, since: Callable[[Business], None], linked: int
) -> None:
    assert fall_back(firm, since) == linked
    assert_all_is_well(firm)
    assert "changed_after_approval" not in firm.waiting(DEAL)


def test_so_it_is_where_numbers_come_from_the_series(firm: Business) -> None:
    firm.set(NUMBERED, "")
    assert fall_back(firm, make_anew) == 1
    assert_all_is_well(firm)


def test_an_invoice_that_was_made_and_made_anew_since_is_found_with_its_successor(firm: Business) -> None:
    """The copy knows of neither."""
    [line, *_] = firm.lines(DEAL)
    sold = [{"code": line["Product2"]["ProductCode"], "Quantity": 1, "UnitPrice": 100}]
    copy = firm.freeze().database
    firm.win("Won since", firm.soql("SELECT Account.Name FROM Opportunity")[0]["Account"]["Name"], sold)
    firm.sync()
    made = firm.invoice_of("Won since")
    firm.in_xero("Invoices", InvoiceID=made["InvoiceID"], Status="AUTHORISED")
    firm.later()
    firm.sync()
    [line] = firm.lines("Won since")
    firm.edit("OpportunityLineItem", line["Id"], UnitPrice=200)
    firm.later()
    firm.sync()
    firm.desk.reissue(firm.waiting("Won since")["changed_after_approval"].id)
    firm.sync()
    firm.later()

    assert put_back(firm, copy) == 2

    assert firm.sync().applied.created == 0
    assert firm.waiting("Won since") == {}
    actions = [entry.action for entry in firm.history("Won since")]
    assert actions.count("adopt Invoice") == 2


def test_what_finance_deleted_of_it_since_is_asked_about_as_such(firm: Business) -> None:
    def delete_the_new_one(firm: Business) -> None:
        make_anew(firm)
        _, new = old_and_new(firm)
        firm.in_xero("Invoices", InvoiceID=new["InvoiceID"], Status="DELETED")

    assert fall_back(firm, delete_the_new_one) == 1
    assert_all_is_well(firm)
    assert "-2 is deleted" in firm.waiting(DEAL)["invoice_voided"].cause


def test_credit_that_was_left_over_is_named_again(firm: Business) -> None:
    pay(firm, Decimal(100))
    assert fall_back(firm, make_anew) == 1
    assert_all_is_well(firm)
    assert firm.waiting(DEAL)["credit_left"].money.amount == 100


def test_two_that_count_are_for_a_person_to_look_at(firm: Business) -> None:
    """Finance took the credit away again, so that both are owed."""

    def owe_both(firm: Business) -> None:
        make_anew(firm)
        old, new = old_and_new(firm)
        firm.in_xero("Invoices", InvoiceID=new["InvoiceID"], Status="AUTHORISED")
        [note] = firm.office.ask("https://xero.invalid", "GET", "/CreditNotes", query="page=1")["CreditNotes"]
        allocation = note["Allocations"][0]["AllocationID"]
        path = f"/CreditNotes/{note['CreditNoteID']}/Allocations/{allocation}"
        firm.office.ask("https://xero.invalid", "DELETE", path)
        assert firm.see("Invoices", old["InvoiceID"])["AmountDue"]

    assert fall_back(firm, owe_both) == 0
    firm.sync()
    assert "duplicate_incident" in firm.waiting(DEAL)


@pytest.mark.parametrize("reached", ["re-issue seen", "re-issue released"], ids=["noted", "credited"])
def test_a_reissue_that_was_under_way_is_named_and_gone_on_with(firm: Business, reached: str) -> None:
    def die_on_the_way(firm: Business) -> None:
        accept(firm)
        firm.die_at(f"commit {reached} done")

    assert fall_back(firm, die_on_the_way) == 0
    with firm.database.reading() as connection:
        assert len(open_acts(connection, firm.session().organisation_id)) == 1

    assert firm.sync().reissued.credited == 1

    assert [invoice["Status"] for invoice in old_and_new(firm)] == ["PAID", "DRAFT"]
    assert_all_is_well(firm)
