"""What a deal's decision leaned on, so that it is taken again only when one of these changed.

Every decision leans on its deal, its link and its invoice. Only some lean on more: the customer, the products and the
books by which a document is coded. What waits, or would be written, is decided again each time, whatever changed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from crossfoot.core.books import UNAPPROVED_STATUSES, LedgerInvoice
from crossfoot.core.documents import Deal


@dataclass(frozen=True, slots=True)
class Standing:
    """``moves_in``: its customer belongs in the ledger. ``leans``: on customer, products and books, beside deal and
    invoice. ``unsettled``: to be decided again whether or not anything changed. The safe defaults ask for more work."""

    account_id: str = ""
    moves_in: bool = False
    leans: bool = True
    unsettled: bool = True


def account_of(deal: Deal) -> str:
    """The account that a deal's invoice is for; blank where there is none."""
    return deal.invoice.account.id if deal.invoice and deal.invoice.account else ""


def is_billable(deal: Deal) -> bool:
    """Whether the deal, or one of its lines, is worth anything, as far as can be told."""
    return (
        not deal.amount_known
        or bool(deal.amount)
        or (deal.invoice is not None and any(line.amount for line in deal.invoice.lines))
    )


def moves_in(deal: Deal, start: dt.date, *, linked: bool) -> bool:
    """Whether the deal brings its customer into the ledger: it counts, or had an invoice. No prospect enters."""
    if not account_of(deal):
        return False
    closed_since = deal.close_date is not None and deal.close_date >= start
    won_since = deal.won_on is not None and deal.won_on >= start
    return linked or (closed_since and won_since and is_billable(deal))


def reads_intended(invoice: LedgerInvoice | None, *, source_changed: bool) -> bool:
    """Whether what a linked deal would come to now plays a part: what is approved and unchanged is not compared."""
    return invoice is not None and (source_changed or invoice.status in UNAPPROVED_STATUSES)
