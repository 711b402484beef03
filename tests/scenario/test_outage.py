"""A vendor is away: nothing is lost, and the next run catches up."""

from __future__ import annotations

import pytest

from crossfoot.core.errors import RetryLater
from crossfoot.core.links import record_id_in

from .business import Business


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
