"""A vendor is away: nothing is lost, and the next run catches up."""

from __future__ import annotations

from contextlib import suppress

import pytest

from crossfoot.core.errors import RetryLater
from crossfoot.core.links import record_id_in

from .business import URLS, Business
from .test_invoice_fields import CLINIC, LINES


@pytest.mark.promise("S1-56", "S1-59")
@pytest.mark.parametrize(
    ("host", "requests"),
    [
        ("xero.invalid", 0),
        ("xero.invalid", 9),
        ("xero.invalid", 11),
        ("salesforce.invalid", 0),
        ("salesforce.invalid", 5),
    ],
)
def test_what_was_not_sent_in_an_outage_goes_once_it_is_over(connected: Business, host: str, requests: int) -> None:
    """From 8 November on 32 deals go; the vendor stops answering before, between or after the writes."""
    connected.set("start_date: 2026-10-01", "start_date: 2026-11-08")
    connected.carrier.down_after[host] = requests
    with pytest.raises(RetryLater):
        connected.sync()

    connected.carrier.down_after.clear()
    connected.later()
    connected.sync()

    made = [record_id_in(invoice["Url"]) for invoice in connected.invoices() if invoice.get("Url")]
    assert len(made) == len(set(made)) == 32
    shown = connected.soql("SELECT COUNT(Id) total FROM Opportunity WHERE Xero_Status__c = 'Draft'")
    assert shown[0]["total"] == 31  # case 16: a validation rule keeps one deal from being written to
    assert not connected.tie_out().result.unexplained


@pytest.mark.promise("S1-56", "S1-57", "S1-59")
def test_what_queued_for_hours_is_replayed_in_order_and_as_it_stands_by_then(connected: Business) -> None:
    """Xero is away for six hours, while deals are won and one of them is changed twice."""
    connected.set("start_date: 2026-10-01", "start_date: 2026-11-18")
    connected.sync()
    connected.later()
    connected.carrier.down_after["xero.invalid"] = 0
    first = connected.win("Won first", CLINIC, LINES)
    for hour in range(6):
        with pytest.raises(RetryLater):
            connected.sync()
        connected.later(hours=1)
        if hour == 1:
            second = connected.win("Won second", CLINIC, LINES)
        if hour in {2, 4}:
            [line, _] = connected.lines("Won first")
            connected.edit("OpportunityLineItem", line["Id"], Quantity=hour)

    connected.carrier.down_after.clear()
    connected.sync()

    made = [
        record_id_in(i["Url"]) for i in sorted(connected.invoices(), key=lambda i: i["InvoiceNumber"]) if i.get("Url")
    ]
    assert [deal for deal in made if deal in {first, second}] == [first, second]
    quantities = [line["Quantity"] for line in connected.invoice_of("Won first")["LineItems"]]
    assert quantities[0] == 4
    connected.later()
    assert connected.sync().writes == 0
    assert not connected.tie_out().result.unexplained


def test_a_change_that_was_made_while_the_database_took_nothing_is_no_edit_of_a_person(synced: Business) -> None:
    """Xero has answered, and its limits cannot be noted at that moment: what it did counts all the same."""
    name = "Evergreen Cinemas - Half-year review"
    [line] = synced.lines(name)
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()
    busy: list[str] = []

    def take_nothing_after_the_write(point: str) -> None:
        last = synced.ledger.log[-1]
        if point == "commit quota begins" and not busy and last["method"] == "POST" and "Invoices" in last["path"]:
            busy.append(point)
            raise RetryLater("The database does not take this now: database is locked", after_s=60)

    synced.database.seam = take_nothing_after_the_write
    with suppress(RetryLater):
        synced.sync()
    assert busy
    assert synced.invoice_of(name)["SubTotal"] == 8600
    synced.edit("OpportunityLineItem", line["Id"], Quantity=3, UnitPrice=line["UnitPrice"])
    synced.later()
    synced.sync()

    assert synced.waiting(name) == {}
    assert synced.invoice_of(name)["SubTotal"] == 12900
    assert [entry.action for entry in synced.history(name)].count("update Invoice") == 2


def test_a_change_that_landed_late_is_no_edit_of_a_person(synced: Business) -> None:
    """Xero acts on a request minutes after the connection broke off, when a run has already seen that it did not."""
    name = "Evergreen Cinemas - Half-year review"
    [line] = synced.lines(name)
    fault = {"kind": "late", "seconds": 240, "match": {"method": "POST", "path_contains": "/Invoices"}}
    synced.post(f"{URLS['xero']}/control/fault", fault)
    for minutes, quantity in ((1, 2), (2, 3), (3, 3), (10, 3)):  # sent and lost; not there yet; there by now; settled
        synced.edit("OpportunityLineItem", line["Id"], Quantity=quantity, UnitPrice=line["UnitPrice"])
        synced.later(minutes=minutes)
        synced.sync()
        assert synced.waiting(name) == {}

    assert synced.invoice_of(name)["SubTotal"] == 12900
    synced.later()
    assert synced.sync().writes == 0
