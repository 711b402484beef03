"""Payments recorded in Salesforce: which become a payment in Xero, which wait and why, and what became of those made.

Xero keeps no payment unique, so that identity is ours: a row is paid once in its life, under a marker made of its id
that stands in the payment's reference. Payments are made and taken away, never changed (XERO 4.5).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from crossfoot.core.books import Books, LedgerInvoice, LedgerPayment
from crossfoot.core.findings import Finding
from crossfoot.core.links import LinkState
from crossfoot.core.money import Money, round_money
from crossfoot.core.records import RecordRef, Side, content_hash
from crossfoot.core.reissue import is_credited

SAME_PAYMENT_DAYS = 7
REFERENCE_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class RecordedPayment:
    """A row that says that a customer paid. ``own_key`` is filled where the row shows a payment of Xero's already."""

    ref: RecordRef
    name: str = ""
    owner: str = ""
    counts: bool = True
    deleted: bool = False
    own_key: str = ""
    invoice_id: str = ""
    amount: Decimal | None = None
    dated: dt.date | None = None
    account: str = ""
    currency: str = ""
    reference: str = ""
    problems: tuple[str, ...] = ()

    @property
    def terms_hash(self) -> str:
        """What was paid, when, on which invoice: the row says something else when this changes."""
        return content_hash({"invoice": self.invoice_id, "amount": self.amount, "dated": self.dated})


@dataclass(frozen=True, slots=True)
class IntendedPayment:
    """A payment to be made in Xero, in the invoice's currency; ``reference`` ends with the row's marker."""

    source: RecordRef
    invoice_id: str
    amount: Decimal
    dated: dt.date
    account: str
    reference: str
    currency: str


@dataclass(frozen=True, slots=True)
class MadePayment:
    """The link of a row to the payment that was made for it; retired once the payment was taken away in Xero."""

    payment_id: str
    terms_hash: str
    state: LinkState


@dataclass(frozen=True, slots=True)
class Settlement:
    """What follows for one row: a payment to make, one found to adopt, or reasons to wait.

    ``gone`` says that the invoice no longer lists the payment that was made: to be confirmed with Xero.
    """

    recorded: RecordedPayment
    findings: tuple[Finding, ...] = ()
    intended: IntendedPayment | None = None
    found: LedgerPayment | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class SettlementContext:
    """What payments are decided from.

    ``in_flight`` are invoices with a payment under way, ``unsure`` the rows of which it is not known whether Xero made
    theirs.
    """

    org_id: str
    books: Books
    as_of: dt.date
    invoices: Mapping[str, LedgerInvoice]
    made: Mapping[str, MadePayment]
    in_flight: Collection[str] = frozenset()
    unsure: Collection[str] = frozenset()
    not_same: Collection[tuple[str, str]] = frozenset()
    refused: Mapping[tuple[str, str], str] = field(default_factory=dict)


def payment_marker(org_id: str, row_id: str) -> str:
    """The short text by which a payment in Xero is known to be a row's."""
    return f"CF-{hashlib.sha256(f'{org_id}:{row_id}'.encode()).hexdigest()[:12].upper()}"


def with_marker(reference: str, marker: str) -> str:
    """A reference that ends with the marker, cut so that it fits (XERO 4.5)."""
    room = REFERENCE_LENGTH_MAX - len(marker) - 1
    return f"{reference[:room].strip()} {marker}".strip()


def marked(invoice: LedgerInvoice, marker: str) -> list[LedgerPayment]:
    """The payments of an invoice that carry a marker."""
    return [payment for payment in invoice.payments if marker in payment.reference.split()]


def pre_image(invoice: LedgerInvoice) -> str:
    """What a payment is decided on: what the invoice owes, and what was paid on it already."""
    paid = sorted((payment.payment_id, payment.amount) for payment in invoice.payments)
    return content_hash({"status": invoice.status, "due": invoice.amount_due, "payments": [list(p) for p in paid]})


def settle(recorded: Iterable[RecordedPayment], context: SettlementContext) -> list[Settlement]:
    """Decide every row. Of several for one invoice only the first is intended: the next is decided on what follows."""
    settlements = []
    busy = set(context.in_flight)
    ours = {made.payment_id for made in context.made.values()}
    for payment in sorted(recorded, key=lambda each: (each.dated or dt.date.max, each.ref.id)):
        made = context.made.get(payment.ref.id)
        if payment.ref.id in context.unsure:
            cause = "Xero did not answer when the payment was sent"
            settlements.append(Settlement(payment, (_finding(payment, "payment_unsure", cause),)))
        elif made is not None:
            settlements.append(_judge_made(payment, made, context))
        elif payment.own_key or payment.deleted or not payment.counts:
            settlements.append(Settlement(payment))
        else:
            settlement = _decide(payment, context, ours)
            if settlement.intended is not None and payment.invoice_id in busy:
                settlement = replace(settlement, intended=None)
            elif settlement.intended is not None:
                busy.add(payment.invoice_id)
            settlements.append(settlement)
    return settlements


def _finding(payment: RecordedPayment, code: str, cause: str, *related: RecordRef, fix: str = "") -> Finding:
    money = Money(payment.currency, payment.amount) if payment.amount is not None else None
    return Finding(code, payment.ref, cause, money=money, owner_name=payment.owner, related=related, fix=fix)


def _decide(payment: RecordedPayment, context: SettlementContext, ours: Collection[str]) -> Settlement:
    if problems := _unreadable(payment):
        return Settlement(payment, (_finding(payment, "payment_unreadable", "; ".join(problems)),))
    invoice = context.invoices.get(payment.invoice_id)
    if invoice is None:
        cause = f"Xero shows no sales invoice {payment.invoice_id}"
        return Settlement(payment, (_finding(payment, "payment_no_invoice", cause),))
    payment = replace(payment, currency=payment.currency or invoice.currency)
    marker = payment_marker(context.org_id, payment.ref.id)
    mine = [each for each in marked(invoice, marker) if each.payment_id not in ours]
    if mine:
        twice = _finding(payment, "payment_twice", f"{len(mine)} payments of {invoice.number} carry {marker}")
        return Settlement(payment, (twice,) if len(mine) > 1 else (), found=mine[0])
    assert payment.amount is not None
    assert payment.dated is not None
    findings = [*_invoice_problems(payment, invoice), *_place_problems(payment, invoice, context)]
    findings += _may_be_there(payment, invoice, ours, context)
    if findings:
        return Settlement(payment, tuple(findings))
    intended = IntendedPayment(
        payment.ref,
        invoice.invoice_id,
        payment.amount,
        payment.dated,
        payment.account,
        with_marker(payment.reference, marker),
        invoice.currency,
    )
    if words := context.refused.get((payment.ref.id, intended_hash(intended))):
        refused = replace(_finding(payment, "refused_by_xero", f"payment refused: {words}"), vendor_text=words)
        return Settlement(payment, (refused,))
    return Settlement(payment, intended=intended)


def intended_hash(intended: IntendedPayment) -> str:
    """What Xero took or refused: the payment is another one when this changes."""
    return content_hash(
        {
            "invoice": intended.invoice_id,
            "amount": intended.amount,
            "dated": intended.dated,
            "account": intended.account,
            "reference": intended.reference,
        }
    )


def _unreadable(payment: RecordedPayment) -> list[str]:
    problems = list(payment.problems)
    if not payment.invoice_id:
        problems.append("it names no invoice")
    if payment.amount is None or payment.amount <= 0:
        problems.append("its amount is not above zero")
    elif round_money(payment.amount) != payment.amount:
        problems.append(f"{payment.amount} has more than two decimals")
    if payment.dated is None:
        problems.append("it has no date")
    if not payment.account:
        problems.append("no account is named that the money went to")
    return problems


def _invoice_problems(payment: RecordedPayment, invoice: LedgerInvoice) -> list[Finding]:
    """Only an approved invoice takes a payment, of its own currency and at most what it still owes (XERO 4.5)."""
    related = RecordRef(Side.XERO, "Invoice", invoice.invoice_id)
    shown = f"invoice {invoice.number or invoice.invoice_id}"
    if is_credited(invoice):
        fix = "Point the payment at the invoice that was made anew, once that is approved."
        return [_finding(payment, "payment_not_due", f"{shown} was taken back by credit", related, fix=fix)]
    if invoice.status != "AUTHORISED":
        return [_finding(payment, "payment_not_due", f"{shown} is {invoice.status.lower()}", related)]
    problems = []
    if payment.currency != invoice.currency:
        cause = f"the payment is in {payment.currency}, {shown} in {invoice.currency}"
        problems.append(_finding(payment, "payment_currency", cause, related))
    elif payment.amount is not None and payment.amount > invoice.amount_due:
        cause = f"{payment.amount} {payment.currency} paid, {shown} owes {invoice.amount_due}"
        problems.append(_finding(payment, "payment_too_large", cause, related))
    return problems


def _place_problems(payment: RecordedPayment, invoice: LedgerInvoice, context: SettlementContext) -> list[Finding]:
    """Where the money went, and when. What an account of another currency got of it, Xero would guess (XERO 4.5)."""
    problems = []
    account = context.books.accounts.get(payment.account)
    if account is None or not account.takes_payments:
        cause = f"account {payment.account} is not in Xero" if account is None else f"{account.name} takes no payments"
        problems.append(_finding(payment, "payment_account", cause))
    elif account.currency not in {"", invoice.currency}:
        cause = f"{account.name} is in {account.currency}, invoice {invoice.number} in {invoice.currency}"
        fix = f"Name an account in {invoice.currency}, or enter it in Xero as the bank has it and delete the row."
        problems.append(_finding(payment, "payment_account", cause, fix=fix))
    locked = context.books.organisation.locked_until
    assert payment.dated is not None
    if locked and payment.dated <= locked:
        cause = f"dated {payment.dated}; Xero is locked up to {locked}"
        problems.append(_finding(payment, "payment_date", cause))
    if payment.dated > context.as_of:
        cause = f"dated {payment.dated}; today is {context.as_of} in the organisation"
        problems.append(_finding(payment, "payment_date", cause))
    return problems


def _may_be_there(
    payment: RecordedPayment, invoice: LedgerInvoice, ours: Collection[str], context: SettlementContext
) -> list[Finding]:
    """The bank feed may have brought the same money: then it is not recorded a second time unasked."""
    suspects = [
        other
        for other in invoice.payments
        if other.amount == payment.amount
        and payment.dated is not None
        and abs((other.dated - payment.dated).days) <= SAME_PAYMENT_DAYS
        and other.payment_id not in ours
        and (payment.ref.id, other.payment_id) not in context.not_same
    ]
    return [
        _finding(
            payment,
            "payment_maybe_there",
            f"{invoice.number} has a payment of {other.amount} dated {other.dated}, reference {other.reference!r}",
            RecordRef(Side.XERO, "Payment", other.payment_id),
        )
        for other in suspects
    ]


def _judge_made(payment: RecordedPayment, made: MadePayment, context: SettlementContext) -> Settlement:
    """A payment that was made: it never is again, whatever happens to it or to its row."""
    related = RecordRef(Side.XERO, "Payment", made.payment_id)
    unchanged = payment.terms_hash == made.terms_hash
    if made.state is LinkState.RETIRED:
        return Settlement(payment, () if payment.deleted else (_removed(payment, made, context),))
    findings: list[Finding] = []
    if payment.deleted:
        cause = "the row was deleted; the payment stands in Xero"
        findings.append(_finding(payment, "payment_row_deleted", cause, related))
    elif not unchanged:
        cause = "amount, date or invoice of the row changed; the payment in Xero is as it was"
        findings.append(_finding(payment, "payment_row_changed", cause, related))
    invoice = context.invoices.get(payment.invoice_id)
    if invoice is None:  # where the row names another one by now, the payment is asked for by itself
        return Settlement(payment, tuple(findings), gone=not unchanged)
    listed = any(each.payment_id == made.payment_id for each in invoice.payments)
    marker = payment_marker(context.org_id, payment.ref.id)
    if listed and len(marked(invoice, marker)) > 1:
        cause = f"more than one payment of {invoice.number} carries {marker}"
        findings.append(_finding(payment, "payment_twice", cause, related))
    return Settlement(payment, tuple(findings), gone=not listed)


def _removed(payment: RecordedPayment, made: MadePayment, context: SettlementContext) -> Finding:
    """The payment was taken away. Where it was the one of two that its row shows, the money stands as the other."""
    cause, related = "the payment was taken away in Xero", RecordRef(Side.XERO, "Payment", made.payment_id)
    invoice = context.invoices.get(payment.invoice_id)
    others = marked(invoice, payment_marker(context.org_id, payment.ref.id)) if invoice else []
    if not (invoice and others):
        return _finding(payment, "payment_removed", cause, related)
    cause += f"; another one of {others[0].amount} that was made for this row stands on {invoice.number}"
    return _finding(
        payment,
        "payment_removed",
        cause,
        RecordRef(Side.XERO, "Payment", others[0].payment_id),
        fix="Nothing to do: that one counts. Record no new row.",
    )
