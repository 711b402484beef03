"""The day's last calls to Xero: nothing new is sent, what was sent is read back, and another day makes the rest."""

from __future__ import annotations

import pytest

from crossfoot.core.links import record_id_in
from crossfoot.store.quotas import load_quota

from .business import Business


@pytest.mark.promise("S1-15")
def test_what_is_kept_for_reading_back_is_not_spent_on_new_documents(connected: Business) -> None:
    connected.plan()
    with connected.database.reading() as connection:
        quota = load_quota(connection, connected.session().organisation_id)
    assert quota.day_left is not None
    # Five calls sweep, three tell a customer what Salesforce knows more of, four write customers, items and the first
    # batch of invoices; the second batch would be one more than is kept.
    connected.ledger.state["limits"]["day"] -= quota.day_left - quota.day_kept - 11

    stopped = connected.sync()

    assert stopped.applied.created == 50
    assert stopped.verified.verified == 50
    assert "calls left today. They are kept for looking up and reading back" in stopped.warning

    connected.ledger.state["limits"]["day"] = 5_000
    connected.later(days=1)
    rest = connected.sync()
    assert rest.applied.created > 0
    made = [record_id_in(invoice["Url"]) for invoice in connected.invoices() if invoice.get("Url")]
    assert len(made) == len(set(made)) == 50 + rest.applied.created
    assert not connected.tie_out().result.unexplained
