"""A process that stands still between its last look and its write looks again: what people did meanwhile is theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from crossfoot.engine.runs import RunReport, sync
from crossfoot.engine.session import make_session

from .business import KEY, Business, machine
from .test_an_answer_is_no_proof import DRAFTED
from .test_two_way_customers import account, linked, phone

STANDS_STILL_S = 219.0


def sync_standing_still(firm: Business, place: str, meanwhile: Callable[[], object]) -> RunReport:
    """A sync whose process stands still once, as a call of this name is about to leave."""
    stood: list[str] = []

    def point(name: str) -> None:
        if name == place and not stood:
            stood.append(name)
            firm.time.pass_s(STANDS_STILL_S)
            meanwhile()

    host = replace(machine(firm.time), point=point)
    report = sync(make_session(firm.database, firm.mapping, lambda: KEY, host=host, transport=firm.carrier))
    assert stood
    return report


def refused_by_the_vendors(firm: Business) -> list[str]:
    return [entry["illegal"] for log in (firm.ledger.log, firm.org.log) for entry in log if entry.get("illegal")]


@pytest.fixture
def sold_twice_over(synced: Business) -> Business:
    """A deal was sold twice over while its invoice is a draft."""
    [line] = synced.lines(DRAFTED)
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()
    return synced


def test_a_draft_that_was_approved_meanwhile_is_left_alone(sold_twice_over: Business) -> None:
    firm, draft = sold_twice_over, sold_twice_over.invoice_of(DRAFTED)

    report = sync_standing_still(
        firm,
        "send xero POST Invoices",
        lambda: firm.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Status="AUTHORISED"),
    )

    assert report.applied.updated == 0
    assert refused_by_the_vendors(firm) == []
    assert (firm.invoice_of(DRAFTED)["Status"], firm.invoice_of(DRAFTED)["Total"]) == ("AUTHORISED", draft["Total"])
    firm.sync()
    assert set(firm.waiting(DRAFTED)) == {"changed_after_approval"}


def test_a_draft_that_nobody_touched_meanwhile_is_changed_once(sold_twice_over: Business) -> None:
    firm, draft = sold_twice_over, sold_twice_over.invoice_of(DRAFTED)
    report = sync_standing_still(firm, "send xero POST Invoices", lambda: None)
    assert (report.applied.updated, report.verified.verified) == (1, 1)
    assert firm.invoice_of(DRAFTED)["SubTotal"] == 2 * draft["SubTotal"]
    assert not firm.waiting(DRAFTED)


def test_a_draft_that_finance_reworded_meanwhile_is_not_deleted(synced: Business) -> None:
    draft = synced.invoice_of(DRAFTED)
    synced.edit("Opportunity", synced.deal(DRAFTED)["Id"], StageName="Closed Lost")
    synced.later()
    synced.sync()
    synced.desk.cancel(synced.waiting(DRAFTED)["no_longer_won"].id)

    report = sync_standing_still(
        synced,
        "send xero POST Invoices",
        lambda: synced.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Reference="Kept for the new deal"),
    )

    assert report.cancelled.deleted == 0
    assert synced.invoice_of(DRAFTED)["Reference"] == "Kept for the new deal"
    synced.later()
    synced.sync()
    assert "finance edited the draft" in synced.waiting(DRAFTED)["cancel_not_possible"].cause


@pytest.mark.parametrize("is_salesforce", [True, False], ids=["in Salesforce", "in Xero"])
def test_a_phone_that_a_person_changed_meanwhile_is_not_overwritten(shared: Business, *, is_salesforce: bool) -> None:
    row, contact = linked(shared)[0]

    def set_in_salesforce(number: str) -> None:
        shared.edit("Account", row["Id"], Phone=number)

    def set_in_xero(number: str) -> None:
        phones = [{"PhoneType": "DEFAULT", "PhoneNumber": number}]
        shared.in_xero("Contacts", ContactID=contact["ContactID"], Phones=phones)

    told, teller = (set_in_salesforce, set_in_xero) if is_salesforce else (set_in_xero, set_in_salesforce)
    place = "send salesforce PATCH sobjects" if is_salesforce else "send xero POST Contacts"
    teller("02 5550 1111")
    shared.later()

    sync_standing_still(shared, place, lambda: told("02 5550 2222"))
    shared.later()
    shared.sync()

    kept = account(shared, row["Id"])["Phone"] if is_salesforce else phone(shared, contact["ContactID"])
    assert kept == "02 5550 2222"
    assert {entry.code for entry in shared.desk.entries() if entry.record.id == row["Id"]} == {"field_conflict"}
