"""Credit and re-issue: an approved invoice that its deal no longer agrees with is credited in full, then made anew.

History is corrected by adding to it: the old invoice stands, a credit note takes it back, and the new one follows under
the next number. A person accepts each such act.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from crossfoot.core.books import POSTED_STATUSES, VOID_STATUSES, Books, LedgerCreditNote, LedgerInvoice, LedgerLine
from crossfoot.core.coding import tax_rates, tracking_problems
from crossfoot.core.links import Link
from crossfoot.core.money import EXACT, UNIT_PRICE_PLACES, ZERO, Totals, document_totals, line_amount, round_money

CREDIT_SUFFIX = "-CR"
CODES = frozenset({"reissue_not_possible", "reissue_unfinished", "credit_left"})
"""Findings that such acts raise and close."""


class Stage(StrEnum):
    """How far an act has come. Until it is ended the books are between two states, and a run goes on with it first."""

    BEGUN = "begun"  # nothing may have been sent yet
    CREDITED = "credited"  # the old invoice is taken back; the new one is still to be made
    DONE = "done"
    DROPPED = "dropped"  # it turned out before the first write that it must not be done


@dataclass(frozen=True, slots=True)
class Act:
    """The danger record of one act: committed before its first call, ended only when all of it is seen to be done."""

    source_id: str
    epoch: int
    xero_id: str
    number: str
    credit_number: str
    currency: str
    gross: Decimal
    stage: Stage = Stage.BEGUN
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CreditLine:
    """A line of a credit note: as the invoice's, but net, for credit notes know no discounts (XERO 4.4)."""

    description: str
    quantity: Decimal
    unit_amount: Decimal
    account_code: str
    tax_type: str
    item_code: str = ""
    tracking: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class IntendedCredit:
    """A credit note that takes one invoice back in full."""

    number: str
    invoice_number: str
    contact_id: str
    dated: dt.date
    currency: str
    currency_rate: Decimal | None
    line_amounts: str
    lines: tuple[CreditLine, ...]
    gross: Decimal


def credit_number(invoice_number: str) -> str:
    """The credit note's number, made from its invoice's: Xero then refuses a second one (XERO 4.4)."""
    return f"{invoice_number}{CREDIT_SUFFIX}"


def act_on(invoice: LedgerInvoice, source_id: str, epoch: int) -> Act:
    """The danger record of an act that takes this invoice of a deal back."""
    number = invoice.number
    return Act(source_id, epoch, invoice.invoice_id, number, credit_number(number), invoice.currency, invoice.total)


def is_credited(invoice: LedgerInvoice) -> bool:
    """Whether credit has taken the whole invoice back. Money that the customer paid in advance does not, it pays it."""
    return invoice.status == "PAID" and invoice.taken_off == invoice.total != ZERO


def is_nothing(invoice: LedgerInvoice) -> bool:
    """Whether an approved invoice comes to nothing: Xero calls it paid, and it can be neither credited nor voided
    (XERO 4.3). It stands in nobody's way."""
    return invoice.status in POSTED_STATUSES and invoice.total == ZERO


def find_obstacle(invoice: LedgerInvoice, link: Link, books: Books, as_of: dt.date) -> str:
    """Why an invoice cannot be credited and made anew; empty where it can (XERO 4.3, 4.4, 4.13)."""
    if is_credited(invoice) and invoice.number:
        return ""  # people credited it already: only the new one is wanting
    if link.born != "crossfoot":
        by_hand = "credit it in full" if invoice.status in POSTED_STATUSES else "correct it"
        return f"people made the invoice: {by_hand} in Xero"
    if not invoice.number or invoice.status not in POSTED_STATUSES:
        return f"it is {invoice.status.lower()} in Xero"
    if is_nothing(invoice):
        return ""  # there is nothing to credit
    if invoice.taken_off and (invoice.amount_paid or invoice.prepaid):
        return "something is paid and something credited on it: take the payment off it in Xero, and credit it in full"
    if invoice.taken_off:
        return "something is credited on it already: credit the rest in Xero"
    if not invoice.amount_due:
        return "it is paid in full: take a payment off it in Xero, to be put on the new one"
    locked_until = books.organisation.locked_until
    if locked_until and as_of <= locked_until:
        return f"Xero is locked up to {locked_until}, a credit note would be dated {as_of}"
    if any(line.line_amount < ZERO for line in invoice.lines):
        return "it has lines below zero: credit it in Xero"
    for category, option in (pair for line in invoice.lines for pair in line.tracking):
        for _, cause in tracking_problems(category, option, books):  # Xero would credit it without (XERO 4.3)
            return f"{cause}: restore it in Xero, or choose another on the invoice"
    totals = credit_totals(invoice, tax_rates(books))
    if totals.gross != invoice.total:
        held = f"its lines come to {totals.gross} by the tax rates of today, Xero holds {invoice.total}"
        return f"{held}: credit it in full in Xero"
    return ""


def credit_totals(invoice: LedgerInvoice, rates: Mapping[str, Decimal]) -> Totals:
    """What a credit note of the invoice's lines would come to."""
    charged = {} if invoice.line_amount_types == "NoTax" else rates
    pairs = [(line.line_amount, charged.get(line.tax_type, ZERO)) for line in invoice.lines]
    return document_totals(pairs, inclusive=invoice.line_amount_types == "Inclusive")


def credit_of(invoice: LedgerInvoice, as_of: dt.date) -> IntendedCredit:
    """The credit note that takes the invoice back: same accounts, taxes, tracking and currency rate, today's date."""
    return IntendedCredit(
        number=credit_number(invoice.number),
        invoice_number=invoice.number,
        contact_id=invoice.contact_id,
        dated=max(as_of, invoice.dated),
        currency=invoice.currency,
        currency_rate=invoice.currency_rate,
        line_amounts=invoice.line_amount_types,
        lines=tuple(_net(line) for line in invoice.lines if not line.is_text_only),
        gross=invoice.total,
    )


def _net(line: LedgerLine) -> CreditLine:
    """The line at a price that gives its amount to the cent; where none does, one piece at that amount."""
    quantity = line.quantity or ZERO
    unit = round_money(EXACT.divide(line.line_amount, quantity), UNIT_PRICE_PLACES) if quantity else ZERO
    exact = bool(quantity) and line_amount(quantity, unit) == line.line_amount
    return CreditLine(
        description=line.description,
        quantity=quantity if exact else Decimal(1),
        unit_amount=unit if exact else line.line_amount,
        account_code=line.account_code,
        tax_type=line.tax_type,
        item_code=line.item_code if exact else "",
        tracking=line.tracking,
    )


class Next(StrEnum):
    """The step that an act which has begun needs next."""

    CREDIT = "make the credit note"
    ALLOCATE = "put it against the invoice"
    RELEASE = "the invoice is taken back: let the deal have a new one"
    STOP = "a person looks at it"


@dataclass(frozen=True, slots=True)
class Step:
    """What comes next, with the amount to allocate or the reason to stop."""

    next: Next
    amount: Decimal = ZERO
    problem: str = ""


def next_step(act: Act, invoice: LedgerInvoice | None, note: LedgerCreditNote | None) -> Step:
    """Decide from what Xero holds right now, never from what was sent: so a lost answer needs no recovery of its own.

    Neither write can happen twice: the note's number is unique, and an invoice takes no more credit than it is owed.
    """
    if invoice is None or not invoice.is_live:
        return Step(Next.STOP, problem=f"{act.number} was voided or is not shown by Xero any more")
    if is_taken_back(invoice, note):
        return Step(Next.RELEASE)
    if note is not None and not is_its_credit(note, invoice):
        return Step(Next.STOP, problem=f"{note.number} is another credit note ({note.status.lower()})")
    if note is None:
        return Step(Next.CREDIT) if invoice.amount_due else Step(Next.STOP, problem=f"{act.number} was paid meanwhile")
    amount = min(note.remaining, invoice.amount_due)
    if not amount:
        return Step(Next.STOP, problem=f"{note.number} is used up and {act.number} still owes {invoice.amount_due}")
    return Step(Next.ALLOCATE, amount)


def is_taken_back(invoice: LedgerInvoice, note: LedgerCreditNote | None) -> bool:
    """Whether nothing of an invoice is owed any more since its credit note was made, or other credit took it back; nor
    ever was.

    What people paid meanwhile leaves the credit to the customer.
    """
    made = is_credited(invoice) or is_nothing(invoice) or (note is not None and is_its_credit(note, invoice))
    return made and invoice.is_live and not invoice.amount_due


@dataclass(frozen=True, slots=True)
class Issue:
    """One of the invoices that a deal had, one after the other, with the credit note of its number if there is one."""

    epoch: int
    invoice: LedgerInvoice
    note: LedgerCreditNote | None = None

    @property
    def is_over(self) -> bool:
        """Whether it makes room for the next one: it is dead or was taken back."""
        return not self.invoice.is_live or is_taken_back(self.invoice, self.note)


def succession(issues: Iterable[Issue]) -> list[Issue]:
    """Of a deal's invoices those up to the one that counts, in order; none where two count, for a person to see."""
    ordered = sorted(issues, key=lambda issue: issue.epoch)
    counting = [place for place, issue in enumerate(ordered, start=1) if not issue.is_over]
    if len(counting) > 1:
        return []
    return ordered[: counting[0]] if counting else ordered


def is_unspoilt(note: LedgerCreditNote | None) -> bool:
    """Whether nothing of the act stands in Xero, so that it can be dropped without a trace."""
    return note is None or note.status in VOID_STATUSES


def is_its_credit(note: LedgerCreditNote, invoice: LedgerInvoice) -> bool:
    """Whether a credit note is the one that an act makes to take this invoice back."""
    same = (note.contact_id, note.currency, note.total) == (invoice.contact_id, invoice.currency, invoice.total)
    return same and note.reference == invoice.number and note.status in POSTED_STATUSES


def is_finished(act: Act, epochs: Mapping[str, int], *, wanted: bool) -> bool:
    """Whether a credited act has its new invoice, or the deal no longer calls for one."""
    return act.stage is Stage.CREDITED and (epochs.get(act.source_id, 0) > act.epoch or not wanted)
