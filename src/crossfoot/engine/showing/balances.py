"""What each customer owes, from the stored documents. Amounts of several currencies are never added together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from crossfoot.core.books import UNAPPROVED_STATUSES, LedgerCredit, LedgerCreditNote, LedgerInvoice
from crossfoot.core.money import total
from crossfoot.core.reissue import is_credited

DAYS_TO_PAY_OVER = timedelta(days=365)
_Amounts = dict[str, list[Decimal]]


def _amounts() -> _Amounts:
    return defaultdict(list)


@dataclass(slots=True)
class Balance:
    """One customer's standing, by currency: owed and overdue with tax, drafts, and how long payments take."""

    owed: _Amounts = field(default_factory=_amounts)
    overdue: _Amounts = field(default_factory=_amounts)
    drafted: _Amounts = field(default_factory=_amounts)
    oldest_overdue: date | None = None
    days: list[int] = field(default_factory=list)

    @property
    def currencies(self) -> list[str]:
        """In which anything is open."""
        return sorted({*self.owed, *self.drafted})

    @property
    def only_currency(self) -> str:
        """The one in which all that is open is; blank where nothing is, or in several."""
        return self.currencies[0] if len(self.currencies) == 1 else ""

    def values(self, contact_id: str, *, shown_in: str = "") -> dict[str, Any]:
        """What is shown of it; sums are empty where several currencies are open, or another one than that of the record
        on which they would stand."""
        single = len({*self.currencies, shown_in} - {""}) <= 1
        return {
            "ContactID": contact_id,
            "Outstanding": _sum(self.owed) if single else None,
            "Overdue": _sum(self.overdue) if single else None,
            "Exposure": total([*_all(self.owed), *_all(self.drafted)]) if single else None,
            "OldestOverdue": self.oldest_overdue,
            "DaysToPay": _average(self.days),
            "Currency": ", ".join(self.currencies)[:100] or None,
        }


def _all(amounts: _Amounts) -> list[Decimal]:
    return [amount for some in amounts.values() for amount in some]


def _sum(amounts: _Amounts) -> Decimal:
    return total(_all(amounts))


def _average(days: list[int]) -> Decimal | None:
    return (Decimal(sum(days)) / len(days)).quantize(Decimal(1), ROUND_HALF_UP) if days else None


def balances(
    invoices: Iterable[LedgerInvoice],
    overpayments: Iterable[LedgerCredit],
    credit_notes: Iterable[LedgerCreditNote],
    as_of: date,
) -> dict[str, Balance]:
    """Standings by contact. Approved documents alone are owed; a draft only adds to the exposure."""
    found: dict[str, Balance] = defaultdict(Balance)
    for invoice in invoices:
        mine = found[invoice.contact_id]
        if invoice.status in UNAPPROVED_STATUSES:
            mine.drafted[invoice.currency].append(invoice.total)
        elif invoice.status == "AUTHORISED" and invoice.amount_due:
            mine.owed[invoice.currency].append(invoice.amount_due)
            if invoice.due and invoice.due < as_of:
                mine.overdue[invoice.currency].append(invoice.amount_due)
                mine.oldest_overdue = min(mine.oldest_overdue or invoice.due, invoice.due)
        paid_on = None if is_credited(invoice) else invoice.fully_paid_on
        if invoice.status == "PAID" and paid_on and paid_on > as_of - DAYS_TO_PAY_OVER:
            mine.days.append((paid_on - invoice.dated).days)
    open_credits = [(each.contact_id, each.currency, each.status, each.remaining) for each in overpayments]
    open_credits += [(each.contact_id, each.currency, each.status, each.remaining) for each in credit_notes]
    for contact_id, currency, status, remaining in open_credits:
        if remaining and status == "AUTHORISED":
            found[contact_id].owed[currency].append(-remaining)
    return found


def turning_day(invoice: LedgerInvoice) -> date | None:
    """The day from which an invoice counts otherwise though nothing happens to it: it is overdue then, or was paid too
    long ago to say how long payments take. None for what never turns, or beyond the calendar."""
    with suppress(OverflowError):
        if invoice.status == "AUTHORISED" and invoice.amount_due and invoice.due:
            return invoice.due + timedelta(days=1)
        if invoice.status == "PAID" and invoice.fully_paid_on:
            return invoice.fully_paid_on + DAYS_TO_PAY_OVER
    return None
