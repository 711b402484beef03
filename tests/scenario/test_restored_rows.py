"""An old copy of the database is put back: rows that were shown in Salesforce since, and must not go on saying so."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crossfoot.core.links import Kind
from crossfoot.store.links import load_links

from .business import URLS, Business, Stage
from .test_credit_and_reissue import raise_the_price
from .test_payments_recorded import OTHER_DEAL, Counter, approved_stage, counter_for

__all__ = ["approved_stage"]


@pytest.fixture
def counter(approved_stage: Stage, tmp_path: Path) -> Iterator[Counter]:
    firm = Business(approved_stage, tmp_path)
    yield counter_for(firm, OTHER_DEAL)
    firm.close()


def take_away(firm: Business, payment_id: str) -> None:
    firm.office.ask(URLS["xero"], "POST", f"/Payments/{payment_id}", {"Status": "DELETED"})


def rows(firm: Business, kind: str, fields: str) -> list[dict[str, Any]]:
    return firm.soql(f"SELECT Id, {fields} FROM {kind}")


@pytest.mark.parametrize("seen", [True, False], ids=["seen as taken away", "taken away unseen"])
def test_a_recorded_payment_that_was_taken_away_is_shown_so_and_not_made_again(counter: Counter, *, seen: bool) -> None:
    firm, copy = counter.firm, counter.firm.freeze().database
    row_id = counter.record("10.00")
    firm.sync()
    firm.later()
    take_away(firm, counter.row(row_id)["Payment_Id__c"])
    if seen:
        firm.sync()
        firm.later()

    firm.fall_back(copy)

    assert counter.row(row_id)["Status__c"] == "Deleted"
    assert counter.waits(row_id) == {"payment_removed"}
    assert counter.payments() == []
    assert firm.writes_during(firm.sync) == []


def test_a_recorded_payment_that_stands_is_its_rows_again(counter: Counter) -> None:
    firm, copy = counter.firm, counter.firm.freeze().database
    row_id = counter.record("10.00")
    firm.sync()
    firm.later()

    firm.fall_back(copy)

    with firm.database.reading() as connection:
        [link] = load_links(connection, firm.session().organisation_id, Kind.PAYMENT)
    assert (link.source_id, link.link.xero_id) == (row_id, counter.row(row_id)["Payment_Id__c"])
    assert counter.row(row_id)["Status__c"] == "Authorised"
    assert counter.payments() == [Decimal("10.00")]
    firm.edit("Xero_Payment__c", row_id, Amount__c=11)
    firm.sync()
    assert counter.waits(row_id) == {"payment_row_changed"}


def test_a_payment_of_finance_that_was_shown_and_taken_away_since_is_shown_so(counter: Counter) -> None:
    firm, copy = counter.firm, counter.firm.freeze().database
    payment = {"Invoice": {"InvoiceID": counter.invoice_id}, "Account": {"Code": "090"}, "Date": "2026-11-18"}
    [made] = firm.office.xero("PUT", "Payments", [{**payment, "Amount": 5}])
    firm.sync()
    firm.later()
    assert [row["Status__c"] for row in rows(firm, "Xero_Payment__c", "Status__c")] == ["Authorised"]
    take_away(firm, made["PaymentID"])

    firm.fall_back(copy)

    assert [row["Status__c"] for row in rows(firm, "Xero_Payment__c", "Status__c")] == ["Deleted"]
    with firm.database.reading() as connection:
        assert not list(load_links(connection, firm.session().organisation_id, Kind.PAYMENT, live_only=False))
    assert firm.writes_during(firm.sync) == []


def test_a_line_that_was_shown_and_taken_off_since_is_shown_so(counter: Counter) -> None:
    firm, copy = counter.firm, counter.firm.freeze().database
    [draft] = [each for each in firm.invoices() if each["Status"] == "DRAFT" and each.get("Url")]
    lines = [{**line, "LineItemID": line["LineItemID"]} for line in draft["LineItems"]]
    added = {"Description": "Travel", "Quantity": 1, "UnitAmount": 3, "AccountCode": "200", "TaxType": "OUTPUT"}
    firm.in_xero("Invoices", InvoiceID=draft["InvoiceID"], LineItems=[*lines, added])
    firm.sync()
    firm.later()
    firm.in_xero("Invoices", InvoiceID=draft["InvoiceID"], LineItems=lines)

    firm.fall_back(copy)

    found = rows(firm, "Xero_Invoice_Line__c", "Description__c, Removed__c")
    assert [row["Removed__c"] for row in found if row["Description__c"] == "Travel"] == [True]
    assert [row["Removed__c"] for row in found].count(True) == 1


def test_an_issue_that_was_shown_and_settled_itself_since_is_closed(counter: Counter) -> None:
    firm, copy = counter.firm, counter.firm.freeze().database
    [line, *_] = firm.lines(OTHER_DEAL)
    raise_the_price(firm)
    firm.later()
    firm.sync()
    firm.later()
    shown = "Reason__c, Status__c"
    assert [row for row in rows(firm, "Xero_Sync_Issue__c", shown) if row["Reason__c"] == "changed_after_approval"]
    firm.edit("OpportunityLineItem", line["Id"], UnitPrice=line["UnitPrice"])

    firm.fall_back(copy)

    [issue] = [row for row in rows(firm, "Xero_Sync_Issue__c", shown) if row["Reason__c"] == "changed_after_approval"]
    assert issue["Status__c"] == "Closed"
