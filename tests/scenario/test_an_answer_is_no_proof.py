"""Xero answers 200 with an id and keeps nothing (F15): that is told, and never taken for a draft."""

from __future__ import annotations

from .business import URLS, Business

DEAL = "Quarterly advice"


def test_a_creation_that_saved_nothing_is_not_verified_and_is_told(synced: Business) -> None:
    [drafted] = synced.soql("SELECT Account.Name FROM Opportunity WHERE Xero_Status__c = 'Draft' LIMIT 1")
    synced.win(DEAL, drafted["Account"]["Name"], [], Amount=100)
    fault = {"kind": "silent_200", "match": {"method": "PUT", "path_contains": "/Invoices"}}
    synced.post(f"{URLS['xero']}/control/fault", fault)

    report = synced.sync()

    assert (report.applied.created, report.verified.verified, report.verified.unseen) == (1, 0, 1)
    assert "readback_differs" not in synced.waiting(DEAL)
    synced.later(minutes=11)
    synced.sync()
    assert "does not show it" in synced.waiting(DEAL)["readback_differs"].cause
