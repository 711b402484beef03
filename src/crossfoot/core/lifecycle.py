"""The life of an invoice after it was made: what may change when, and when to hold and ask.

A draft that people have not touched follows the deal. A person's edit in Xero wins. What is approved is never
rewritten: the difference is named and waits. Nothing voided is made again by itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from crossfoot.core.books import UNAPPROVED_STATUSES, LedgerInvoice
from crossfoot.core.documents import Deal, IntendedInvoice, LineAmounts, differences, intended_form, ledger_form
from crossfoot.core.findings import Finding
from crossfoot.core.links import Link
from crossfoot.core.money import EXACT, Money
from crossfoot.core.records import RecordRef, Side, content_hash
from crossfoot.core.reissue import is_credited, is_nothing
from crossfoot.core.standing import is_billable

CANCEL_CODES = frozenset({"cancel_not_possible"})
"""Findings that are raised and closed where documents are taken back."""

_TAKEN_BACK_BY_HAND = {
    True: "Delete the draft in Xero and make a credit note there by hand, then `crossfoot queue ignore` the entry that "
    "is here by then.",
    False: "Credit the invoice in Xero and make a credit note of what the deal is below zero there, both by hand; then "
    "`crossfoot queue ignore` the entry.",
}
"""What to do about the invoice of a deal that came to be below zero, by whether nobody approved it yet."""


@dataclass(frozen=True, slots=True)
class LinkedDeal:
    """A deal that has its invoice: both sides now, and whether the deal changed since they last agreed.

    ``gross`` is what the intended document comes to with tax. Where there can be none any more, ``intended`` is None
    and ``problems`` say why. ``asked_anew``: it called for no invoice when it was decided last, or waited already.
    ``source_known``: it is stored what was agreed on, which it is not where an old copy found an edited invoice again.
    """

    deal: Deal
    link: Link
    invoice: LedgerInvoice | None
    source_changed: bool
    intended: IntendedInvoice | None
    contact_id: str
    locked_until: dt.date | None
    as_of: dt.date
    problems: tuple[Finding, ...] = ()
    gross: Decimal | None = None
    asked_anew: bool = False
    source_known: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """What follows: findings, perhaps an update, whether the deal waits. ``agreed`` names what both sides say where the
    deal merely looks changed: the invoice says already what it calls for."""

    findings: tuple[Finding, ...] = ()
    update: IntendedInvoice | None = None
    waits: bool = False
    agreed: str = ""


def bills(invoice: LedgerInvoice) -> bool:
    """Whether an invoice stands: it is not dead, and credit has not taken all of it back."""
    return invoice.is_live and not is_credited(invoice)


def asks_for_money(invoice: LedgerInvoice) -> bool:
    """Whether an invoice stands and comes to something, so that a deal which calls for none is asked about."""
    return bills(invoice) and not is_nothing(invoice)


def calls_for_one(deal: Deal) -> bool:
    """Whether a deal calls for an invoice."""
    return deal.won and not deal.deleted and is_billable(deal)


def judge_linked(case: LinkedDeal) -> Judgement:
    """Decide what to do about a deal whose invoice exists."""
    deal, invoice = case.deal, case.invoice
    if invoice is None:
        return Judgement()
    related = (RecordRef(Side.XERO, "Invoice", invoice.invoice_id),)

    def hold(code: str, cause: str, money: Money | None = None, *, waits: bool = True) -> Judgement:
        finding = Finding(code, deal.ref, cause, money=money, related=related)
        return Judgement((finding,), waits=waits)

    shown = f"invoice {invoice.number or invoice.invoice_id}"
    if not asks_for_money(invoice) and not calls_for_one(deal):
        return Judgement()
    if not invoice.is_live:
        return hold("invoice_voided", f"{shown} is {invoice.status.lower()} in Xero; the deal is still won")
    if deal.deleted:
        return hold("source_deleted", f"{shown} of {invoice.total} {invoice.currency} stands", waits=False)
    if not deal.won:
        return hold("no_longer_won", f"{shown} of {invoice.total} {invoice.currency} stands", waits=False)
    if not is_billable(deal) and not any(finding.blocks for finding in deal.findings):
        return hold("worth_nothing", f"{shown} of {invoice.total} {invoice.currency} stands", waits=False)
    if _credited_meanwhile(case, invoice):
        return hold("invoice_voided", f"{shown} was credited in full in Xero; the deal calls for an invoice again")
    form = ledger_form(invoice)
    touched = content_hash(form) != case.link.base_hash
    unapproved = invoice.status in UNAPPROVED_STATUSES
    if case.intended is not None and case.link.born != "crossfoot" and invoice.currency != case.intended.currency:
        return _judge_own_figures(case, invoice, case.intended, shown)
    if not case.source_changed:
        if touched and unapproved and case.link.born == "crossfoot":
            return hold("draft_edited", f"{shown} now comes to {invoice.sub_total} ex tax", waits=False)
        if touched and case.link.born == "crossfoot" and case.intended is not None:
            return _judge_own_figures(case, invoice, case.intended, shown)
        return Judgement()
    if case.intended is None:
        return _judge_unmakeable(case, invoice, touched=touched, unapproved=unapproved, shown=shown)
    return _judge_change(case, invoice, form, touched=touched, unapproved=unapproved, shown=shown)


def _judge_unmakeable(
    case: LinkedDeal, invoice: LedgerInvoice, *, touched: bool, unapproved: bool, shown: str
) -> Judgement:
    """The deal changed into something that no document can be made from. An untouched draft stays, and its deal waits
    for the same reasons as one without; what people approved or edited is named, and the reasons are told with it."""
    related = (RecordRef(Side.XERO, "Invoice", invoice.invoice_id),)
    follows = unapproved and case.link.born == "crossfoot"
    below_zero = _TAKEN_BACK_BY_HAND[unapproved] if any(each.code == "negative_deal" for each in case.problems) else ""
    if follows and not touched:
        told = (replace(each, fix=below_zero if each.code == "negative_deal" else each.fix) for each in case.problems)
        return Judgement(tuple(replace(each, related=(*each.related, *related)) for each in told), waits=True)
    code = "changed_and_draft_edited" if follows else "changed_after_approval"
    causes = "; ".join(f"{each.reason.title} ({each.cause})" for each in case.problems)
    cause = f"the deal changed and can no longer be read as {shown}: {causes}"
    return Judgement((Finding(code, case.deal.ref, cause, fix=below_zero, related=related),))


def _judge_own_figures(case: LinkedDeal, invoice: LedgerInvoice, intended: IntendedInvoice, shown: str) -> Judgement:
    """What a person edited and approved stands. Where it comes to something else than the deal, that has a name."""
    change = _difference(invoice, intended)
    if change is not None and not change.amount:
        return Judgement()
    cause = f"{shown} is in {invoice.currency}, the deal in {intended.currency}"
    if change is not None:
        cause = f"{shown} was approved with other figures than the deal's; by {change.amount} {change.currency}"
    related = (RecordRef(Side.XERO, "Invoice", invoice.invoice_id),)
    return Judgement((Finding("draft_edited", case.deal.ref, cause, money=change, related=related),))


def _judge_change(
    case: LinkedDeal,
    invoice: LedgerInvoice,
    form: dict[str, object],
    *,
    touched: bool,
    unapproved: bool,
    shown: str,
) -> Judgement:
    assert case.intended is not None
    intended = case.intended
    parts = differences(intended_form(intended, case.contact_id), form)
    if case.link.born != "crossfoot":
        parts = [] if intended.amount == _comparable(invoice, intended) else ["amount"]
    if not unapproved and not _sets_due(case.deal, invoice):
        parts = [part for part in parts if part != "due"]
    if not parts:
        return Judgement(agreed=content_hash(form))
    related = (RecordRef(Side.XERO, "Invoice", invoice.invoice_id),)
    money = _difference(invoice, intended)
    if invoice.taken_off and case.gross == EXACT.subtract(invoice.total, invoice.taken_off) and _of_amounts(parts):
        cause = f"{shown} comes to what the deal is worth now, with {invoice.taken_off} credited by finance"
        return Judgement((Finding("draft_edited", case.deal.ref, cause, money=money, related=related),))
    apart = f"by {money.amount} {money.currency}" if money else f"it is in {invoice.currency}"
    cause = f"{shown} differs from the deal in {', '.join(parts[:4])}; {apart}"
    if not case.source_known and not unapproved and _of_words(parts):  # no sign that the deal changed
        return Judgement((Finding("draft_edited", case.deal.ref, cause, money=money, related=related),))
    if not unapproved or case.link.born != "crossfoot":
        return Judgement((Finding("changed_after_approval", case.deal.ref, cause, money=money, related=related),))
    if touched:
        code = "changed_and_draft_edited" if parts != ["due"] or _sets_due(case.deal, invoice) else "draft_edited"
        return Judgement((Finding(code, case.deal.ref, cause, money=money, related=related),))
    if intended.currency != invoice.currency or invoice.contact_id != case.contact_id:
        fix = "Delete the draft in Xero; `crossfoot queue retry` of the entry that then says so makes it anew."
        moved = Finding("changed_after_approval", case.deal.ref, cause, fix=fix, money=money, related=related)
        return Judgement((moved,))
    if case.locked_until and intended.dated <= case.locked_until:
        locked = f"dated {intended.dated}; Xero is locked up to {case.locked_until}"
        return Judgement((Finding("locked_period", case.deal.ref, locked, money=money, related=related),))
    if intended.dated > case.as_of:
        future = f"closes on {intended.dated} now; {shown} follows on that day"
        return Judgement((Finding("future_date", case.deal.ref, future, money=money, related=related),))
    return Judgement(update=intended)


def _credited_meanwhile(case: LinkedDeal, invoice: LedgerInvoice) -> bool:
    """Whether credit took back an invoice while its deal called for none. A deal that called for it all the time is not
    asked about, as where finance wrote the invoice off."""
    if not is_credited(invoice):
        return False
    won_on, credited_on = case.deal.won_on, invoice.fully_paid_on
    won_since = case.source_changed and won_on is not None and credited_on is not None and won_on >= credited_on
    return case.asked_anew or won_since


def _of_amounts(parts: Iterable[str]) -> bool:
    """Whether an invoice differs in its lines alone: of these credit can make up for what they come to."""
    return all(part == "amount" or part.startswith(("line ", "number of lines")) for part in parts)


def _of_words(parts: Iterable[str]) -> bool:
    """Whether an invoice differs in its texts alone."""
    return all(part == "reference" or part.endswith(" description") for part in parts)


def _sets_due(deal: Deal, invoice: LedgerInvoice) -> bool:
    """Whether a deal has a say in when its invoice is due: it names the day, or another one to count from. Else finance
    gave the customer longer, or the customer's terms changed since."""
    intended = deal.invoice
    return intended is not None and (intended.due is not None or intended.dated != invoice.dated)


def _difference(invoice: LedgerInvoice, intended: IntendedInvoice) -> Money | None:
    """By how much a deal is worth more than its invoice comes to; None where both are in different currencies."""
    if intended.currency != invoice.currency:
        return None
    return Money(invoice.currency, EXACT.subtract(intended.amount, _comparable(invoice, intended)))


def _comparable(invoice: LedgerInvoice, intended: IntendedInvoice) -> Decimal:
    return invoice.total if intended.line_amounts is LineAmounts.INCLUSIVE else invoice.sub_total


@dataclass(frozen=True, slots=True)
class Cancellation:
    """How an invoice that its deal no longer calls for is taken back: the status to set, or why it is not."""

    status: str = ""
    problem: str = ""


def judge_cancellation(invoice: LedgerInvoice, link: Link, locked_until: dt.date | None) -> Cancellation:
    """Only our own documents are taken back: a draft that nobody touched is deleted, an approved invoice is voided
    while nothing is applied to it and its period is open (XERO 4.3, 4.13)."""
    if link.born != "crossfoot":
        return Cancellation(problem="people made the invoice: void it in Xero")
    if not invoice.is_live:
        return Cancellation(problem=f"it is {invoice.status.lower()} already")
    if invoice.status in UNAPPROVED_STATUSES:
        if content_hash(ledger_form(invoice)) != link.base_hash:
            return Cancellation(problem="finance edited the draft: delete it in Xero")
        return Cancellation("DELETED")
    if invoice.amount_paid or invoice.prepaid:
        also = ", and credit it in full" if invoice.taken_off else ""
        return Cancellation(
            problem=f"money is on it: take that off it in Xero, as an overpayment of the customer{also}"
        )
    if invoice.status != "AUTHORISED" or invoice.amount_credited:
        return Cancellation(problem="something is credited on it: credit the rest in Xero")
    if locked_until and invoice.dated <= locked_until:
        return Cancellation(problem=f"dated {invoice.dated}, Xero is locked up to {locked_until}: credit it in Xero")
    return Cancellation("VOIDED")
