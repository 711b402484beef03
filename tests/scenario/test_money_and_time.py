"""Currencies, tax, rounding and dates: what each combination of settings on both sides comes to in the books."""

from __future__ import annotations

from decimal import Decimal

import pytest

from .business import Business


def dec(text: str) -> Decimal:
    return Decimal(text)


REVIEW = "Evergreen Cinemas - Half-year review"


@pytest.mark.parametrize("currency", ["CurrencyIsoCode", "Account.CurrencyIsoCode"])
def test_the_tie_out_reads_what_a_deal_takes_from_its_account(connected: Business, currency: str) -> None:
    """It found no deal that counts, and agreed with books that it had not compared."""
    connected.set("    when: IsWon\n", "    when: IsWon && Account.BillingCountry = 'Australia'\n")
    connected.set("Currency: CurrencyIsoCode", f"Currency: {currency}")
    made = connected.sync().applied.created

    result = connected.tie_out().result

    assert made > 90
    assert sum(row.invoices for row in result.rows) == made
    assert not result.unexplained
    assert len(result.in_xero_only) == 3  # what finance keyed by hand
