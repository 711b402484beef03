"""The proof that both sides agree: won deals on one side, invoices on the other, each difference named.

It is given what was read fresh from both sides, and the engine's claims only as *names* for differences, never as
amounts. What nothing names is unexplained.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from crossfoot.core.books import POSTED_STATUSES, LedgerInvoice
from crossfoot.core.links import record_id_in
from crossfoot.core.money import EXACT, ZERO, rounding_allowance, total
from crossfoot.core.reissue import is_nothing

ROUNDING_MAX = Decimal("0.05")


@dataclass(frozen=True, slots=True)
class WonDeal:
    """A won deal as Salesforce has it now; ``not_counted`` is empty or the reason why it is not to be invoiced."""

    id: str
    name: str
    month: str
    currency: str
    amount: Decimal
    not_counted: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One named difference: class, amount ex tax (deal minus invoice), and the records."""

    kind: str
    amount: Decimal
    deal: str = ""
    deal_name: str = ""
    invoice: str = ""
    note: str = ""


@dataclass(slots=True)
class Row:
    """Organisation, month and currency: both sides' totals ex tax, tax and gross."""

    month: str
    currency: str
    won: Decimal = ZERO
    not_counted: Decimal = ZERO
    waiting: Decimal = ZERO
    draft: Decimal = ZERO
    approved: Decimal = ZERO
    tax: Decimal = ZERO
    gross: Decimal = ZERO
    deals: int = 0
    invoices: int = 0
    differences: list[Difference] = field(default_factory=list)
    unnamed: list[Difference] = field(default_factory=list)

    @property
    def named(self) -> Decimal:
        """Sum of the named differences."""
        return total(difference.amount for difference in self.differences)

    @property
    def unexplained(self) -> Decimal:
        """What nothing names: must be 0.00."""
        accounted = total((self.not_counted, self.waiting, self.draft, self.approved, self.named))
        return EXACT.subtract(self.won, accounted)


@dataclass(frozen=True, slots=True)
class TieOut:
    """The tie-out of one organisation."""

    rows: tuple[Row, ...]
    in_xero_only: tuple[LedgerInvoice, ...]

    @property
    def unexplained(self) -> bool:
        """Whether any row has an unexplained amount."""
        return any(row.unexplained != 0 for row in self.rows)


def tie_out(
    deals: Iterable[WonDeal],
    invoices: Iterable[LedgerInvoice],
    *,
    linked: Mapping[str, str],
    waiting: Mapping[str, str],
    named: Mapping[str, str],
    since: dt.date,
    inclusive: bool = False,
    rounding_max: Decimal = ROUNDING_MAX,
) -> TieOut:
    """Compare. ``linked`` pairs deal ids with the invoices that stand for them, also hand-made ones a person chose;
    ``waiting`` and ``named`` give reasons by deal id for a deal without, and for a difference of a deal with, an
    invoice. With ``inclusive`` prices the deals' amounts contain tax, and are compared with the invoices' gross."""
    by_deal: dict[str, list[LedgerInvoice]] = defaultdict(list)
    by_id = {invoice.invoice_id: invoice for invoice in invoices}
    for invoice in by_id.values():
        if source_id := record_id_in(invoice.url):
            by_deal[source_id].append(invoice)
    claimed: set[str] = set()

    def pairs() -> Iterator[tuple[WonDeal, list[LedgerInvoice], str]]:
        for deal in sorted(deals, key=lambda deal: (deal.month, deal.currency, deal.id)):
            mine = list(by_deal.get(deal.id, ()))
            chosen = by_id.get(linked.get(deal.id, ""))
            if chosen and chosen not in mine:
                mine.append(chosen)
            claimed.update(invoice.invoice_id for invoice in mine)
            yield deal, mine, chosen.invoice_id if chosen else ""

    rows = tie_pairs(pairs(), waiting=waiting, named=named, inclusive=inclusive, rounding_max=rounding_max)
    return TieOut(rows, strangers((i for i in by_id.values() if i.invoice_id not in claimed), since))


def tie_pairs(
    pairs: Iterable[tuple[WonDeal, Sequence[LedgerInvoice], str]],
    *,
    waiting: Mapping[str, str],
    named: Mapping[str, str],
    inclusive: bool = False,
    rounding_max: Decimal = ROUNDING_MAX,
) -> tuple[Row, ...]:
    """Compare won deals with their invoices (and the id of the one that each is linked to, or blank), one after the
    other: only the rows and the differences are kept."""
    rows: dict[tuple[str, str], Row] = {}
    for deal, mine, linked in pairs:
        row = rows.setdefault((deal.month, deal.currency), Row(deal.month, deal.currency))
        row.deals += 1
        row.won = EXACT.add(row.won, deal.amount)
        live = [each for each in mine if each.is_live and (each.invoice_id == linked or not is_nothing(each))]
        credited = [invoice for invoice in live if _is_taken_back(invoice, linked)]
        _place(row, deal, live, credited, waiting, named, inclusive=inclusive, rounding_max=rounding_max)
    return tuple(rows[key] for key in sorted(rows))


def strangers(unclaimed: Iterable[LedgerInvoice], since: dt.date) -> tuple[LedgerInvoice, ...]:
    """Invoices of no won deal, as far as they stand and are not from before."""
    standing = [invoice for invoice in unclaimed if invoice.is_live and invoice.dated >= since]
    return tuple(sorted(standing, key=lambda invoice: (invoice.dated, invoice.number)))


def _is_taken_back(invoice: LedgerInvoice, linked: str) -> bool:
    """Whether credit took an invoice back: all of it, or what was left to pay of one that was made anew since. One that
    still stands for its deal merely has something off."""
    if not invoice.taken_off or invoice.amount_due:
        return False
    return invoice.taken_off == invoice.total or invoice.invoice_id != linked


def _without_taken_back(
    row: Row, deal: WonDeal, live: Sequence[LedgerInvoice], credited: Sequence[LedgerInvoice]
) -> Sequence[LedgerInvoice]:
    """An invoice that owes nothing because of credit is no second one beside the one made anew; it is named."""
    if not credited or len(credited) == len(live):
        return live
    row.differences += [
        Difference("credited", ZERO, deal.id, deal.name, invoice.number, "taken back by credit and made anew")
        for invoice in credited
    ]
    return [invoice for invoice in live if invoice not in credited]


def _count(row: Row, invoice: LedgerInvoice, value: Decimal) -> None:
    """Add an invoice to what the books have."""
    row.invoices += 1
    row.tax = EXACT.add(row.tax, invoice.total_tax)
    row.gross = EXACT.add(row.gross, invoice.total)
    if invoice.status in POSTED_STATUSES:
        row.approved = EXACT.add(row.approved, value)
    else:
        row.draft = EXACT.add(row.draft, value)


def _place(
    row: Row,
    deal: WonDeal,
    live: Sequence[LedgerInvoice],
    credited: Sequence[LedgerInvoice],
    waiting: Mapping[str, str],
    named: Mapping[str, str],
    *,
    inclusive: bool,
    rounding_max: Decimal,
) -> None:
    taken_back = len(credited) == len(live)
    if taken_back and (not live or deal.id in waiting or deal.not_counted):
        if deal.not_counted:
            row.not_counted = EXACT.add(row.not_counted, deal.amount)
        elif deal.id in waiting:
            row.waiting = EXACT.add(row.waiting, deal.amount)
        else:
            row.unnamed.append(Difference("no invoice", deal.amount, deal.id, deal.name))
        return
    live = _without_taken_back(row, deal, live, credited)
    values = {each.invoice_id: each.total if inclusive else each.sub_total for each in live}

    def apart(each: LedgerInvoice) -> tuple[bool, Decimal]:
        return each.currency != deal.currency, EXACT.subtract(deal.amount, values[each.invoice_id]).copy_abs()

    invoice, *others = sorted(live, key=apart)
    if invoice.currency != deal.currency:
        row.invoices += 1
        note, reason = f"invoiced in {invoice.currency}", named.get(deal.id, "")
        apart_by = row.differences if reason else row.unnamed
        apart_by.append(Difference(reason or "currency", deal.amount, deal.id, deal.name, invoice.number, note))
        return
    _count(row, invoice, values[invoice.invoice_id])
    for other in others:  # what is billed twice is shown with its money
        twice = other.currency == deal.currency
        if twice:
            _count(row, other, values[other.invoice_id])
        amount = EXACT.minus(values[other.invoice_id]) if twice else ZERO
        note = f"a second live invoice beside {invoice.number}" + ("" if twice else f", in {other.currency}")
        row.differences.append(Difference("duplicate", amount, deal.id, deal.name, other.number, note))
    difference = EXACT.subtract(deal.amount, values[invoice.invoice_id])
    if difference == 0:
        return
    reason = named.get(deal.id, "")
    if not reason and difference.copy_abs() <= rounding_allowance(len(invoice.lines), rounding_max):
        reason = "rounding"
    if reason:
        row.differences.append(Difference(reason, difference, deal.id, deal.name, invoice.number))
    else:
        row.unnamed.append(Difference("amount", difference, deal.id, deal.name, invoice.number))
