"""Invoice numbers that are taken, and rates that Xero used lately: found by key, without reading every invoice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.links import number_in_series, series_number
from crossfoot.engine.reading.ledger import INVOICE, load_ledger
from crossfoot.store.lookups import find_candidates
from crossfoot.store.workspace import series_exists, take_from_series

RATE_MONTHS_MAX = 36
RECENT_RATES = 50
SERIES_SKIPS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class NumbersInUse:
    """Numbers that Xero holds. It keeps one for ever, of voided invoices too; a deleted draft frees it (XERO 4.3)."""

    connection: Connection
    organisation_id: str

    def get(self, number: str) -> LedgerInvoice | None:
        """The invoice of a number, compared without case."""
        folded = number.casefold()
        ids = find_candidates(self.connection, self.organisation_id, INVOICE, "number", [folded])
        found = load_ledger(self.connection, self.organisation_id, INVOICE, LedgerInvoice, ids=ids)
        named = (invoice for _, invoice in sorted(found.items()) if invoice.number.casefold() == folded)
        return next((invoice for invoice in named if invoice.status != "DELETED"), None)

    def next_in_series(self, prefix: str) -> str:
        """The next free number of the organisation's series; it begins above the highest that Xero holds."""
        highest = 0
        if not series_exists(self.connection, self.organisation_id, prefix):
            invoices = load_ledger(self.connection, self.organisation_id, INVOICE, LedgerInvoice).values()
            standing = [invoice.number for invoice in invoices if invoice.status != "DELETED"]
            highest = max((number_in_series(prefix, number) or 0 for number in standing), default=0)
        for _ in range(SERIES_SKIPS_MAX):
            number = series_number(prefix, take_from_series(self.connection, self.organisation_id, prefix, highest))
            if self.get(number) is None:
                return number
        raise AssertionError(f"more than {SERIES_SKIPS_MAX} numbers of the series {prefix} are taken in a row")


def _rated(connection: Connection, organisation_id: str, currency: str, day: dt.date) -> Iterator[list[LedgerInvoice]]:
    """Invoices of a currency that have a rate: month after month back from the one after a day, each by date."""
    month = (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    for _ in range(RATE_MONTHS_MAX):
        ids = find_candidates(connection, organisation_id, INVOICE, "rate", [f"{currency} {month:%Y-%m}"])
        found = load_ledger(connection, organisation_id, INVOICE, LedgerInvoice, ids=ids).values()
        mine = [each for each in found if each.currency == currency and each.currency_rate]
        yield sorted(mine, key=lambda invoice: (invoice.dated, invoice.invoice_id))
        month = (month - dt.timedelta(days=1)).replace(day=1)


def newest_rate(connection: Connection, organisation_id: str, currency: str, day: dt.date) -> Decimal | None:
    """The rate that Xero used last for a currency."""
    months = _rated(connection, organisation_id, currency, day)
    return next((invoices[-1].currency_rate for invoices in months if invoices), None)


def recent_rates(
    connection: Connection, organisation_id: str, currency: str, day: dt.date, *, but: str
) -> list[Decimal]:
    """Rates of the newest months that together have enough of them, in order; one invoice is left out."""
    rates: list[Decimal] = []
    for invoices in _rated(connection, organisation_id, currency, day):
        rates += [each.currency_rate for each in invoices if each.currency_rate and each.invoice_id != but]
        if len(rates) >= RECENT_RATES:
            break
    return sorted(rates)
