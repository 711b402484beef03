"""Versions, links and intended documents in; operations and findings out. Pure: the plan is what ``apply`` will do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace

from crossfoot.core.books import UNAPPROVED_STATUSES, LedgerInvoice
from crossfoot.core.coding import code_invoice, tax_rates
from crossfoot.core.decided import CALLS_FOR_NONE, Action, Bucket, Context, DealDecision, Mirror, Operation, item_key
from crossfoot.core.documents import Deal, IntendedInvoice, same_source
from crossfoot.core.findings import Finding
from crossfoot.core.invoiced import lookalikes, reference_word
from crossfoot.core.lifecycle import Judgement, LinkedDeal, asks_for_money, bills, calls_for_one, judge_linked
from crossfoot.core.links import Identity, Kind, Link, document_number
from crossfoot.core.matching import ContactDecision
from crossfoot.core.money import EXACT, Money, Totals, minor_units, rounding_allowance
from crossfoot.core.policy import Policy
from crossfoot.core.records import RecordRef, Side
from crossfoot.core.standing import is_billable
from crossfoot.core.terms import due_date


def decide_deal(deal: Deal, context: Context) -> DealDecision:
    """Decide one deal."""
    link = context.links.get(deal.ref.id)
    if link is not None:
        return _decide_linked(deal, link, context)
    if not deal.won or deal.deleted:
        return DealDecision(deal, Bucket.NOT_WON)
    standing = _standing(deal, context)
    if standing is not None:
        return standing
    findings = [*deal.findings, *_deal_problems(deal, context)]
    invoice = deal.invoice
    contact = _customer(deal, context)
    if contact is not None:
        findings += _of_customer(deal, contact)
    if invoice is None or invoice.account is None or contact is None:
        return _waiting_or_defect(deal, findings)
    coded = code_invoice(invoice, context.accounts[invoice.account.id].country, context.books, context.policy.coding)
    invoice = replace(coded.invoice, due=invoice.due or _due_date(invoice.dated, contact.contact_id, context))
    totals = invoice.totals(tax_rates(context.books))
    findings += [*coded.findings, *_amount_findings(deal, invoice, context.policy)]
    findings += _double_billing(deal, invoice, totals, contact.contact_id, context)
    findings += _number_taken(deal, invoice, context)
    if any(finding.blocks for finding in findings):
        return DealDecision(deal, Bucket.WAITING, _with_money(deal, findings), totals=totals)
    operation = _create_invoice(deal, invoice, totals, contact, context, findings)
    return DealDecision(deal, Bucket.READY, _with_money(deal, findings), operation, totals)


def _customer(deal: Deal, context: Context) -> ContactDecision | None:
    """The customer that a person chose for this deal, else its account's; None without an account that can be read."""
    account = deal.invoice.account if deal.invoice else None
    if account is None or account.id not in context.accounts:
        return None
    if deal.bill_to:
        return context.chosen.get(deal.ref.id)
    return context.contacts.get(account.id)


def _of_customer(deal: Deal, contact: ContactDecision) -> list[Finding]:
    """Why a deal waits for its customer."""
    return [replace(each, record=deal.ref, related=_with_account(deal, each)) for each in contact.findings]


def _billed_to(contact: ContactDecision | None, current: LedgerInvoice | None) -> str:
    """The contact that a deal with an invoice is billed to; that of its invoice also while nothing may go to it."""
    if contact is None:
        return ""
    if current and any(ref.id == current.contact_id for ref in contact.candidates):
        return current.contact_id
    return contact.contact_id


def _with_account(deal: Deal, finding: Finding) -> tuple[RecordRef, ...]:
    account = deal.invoice.account if deal.invoice else None
    return (*([account] if account else []), *finding.related)


def _standing(deal: Deal, context: Context) -> DealDecision | None:
    """Decide what needs no document: wins before the start, and deals worth nothing. A deal that had an invoice counts,
    whatever the start date is by now: what was taken back to be made anew is made."""
    start = context.policy.start_date
    closed_since = deal.close_date is not None and deal.close_date >= start
    won_since = deal.won_on is not None and deal.won_on >= start
    had_one = deal.ref.id in context.epochs
    if not (closed_since or won_since or had_one):
        return DealDecision(deal, Bucket.BEFORE_START)
    if closed_since != won_since and not had_one:
        cause = f"close date {deal.close_date}, last stage change {deal.won_on}, start date {start}"
        return _waits(deal, "start_date_straddled", cause, _of_either_side(start, closed_since=closed_since))
    if deal.ref.id in context.undone:
        return _waits(deal, "undone", "a run that made its draft was undone")
    if not is_billable(deal):
        return DealDecision(deal, Bucket.NOT_BILLABLE)
    return None


def _of_either_side(start: dt.date, *, closed_since: bool) -> str:
    """How a deal that was won and closed on two sides of the start date is billed here, and how it is not."""
    if closed_since:
        return f"To bill it here, reopen the deal and win it again; if it was billed before, close it before {start}."
    return (
        f"To bill it here, set the close date to {start} or later; if it was billed before, `crossfoot queue ignore` "
        "puts it aside."
    )


def _deal_problems(deal: Deal, context: Context) -> list[Finding]:
    problems: list[Finding] = []

    def add(code: str, cause: str, fix: str = "") -> None:
        problems.append(Finding(code, deal.ref, cause, fix=fix))

    problems += _below_zero(deal)
    if deal.invoice is None:
        return problems
    problems += _account_problems(deal, context)
    dated, locked = deal.invoice.dated, context.books.organisation.locked_until
    if dated > context.as_of:
        add("future_date", f"closes on {dated}; today is {context.as_of} in the organisation")
    if locked and dated <= locked:
        first_open = locked + dt.timedelta(days=1)
        fix = f"The first open day is {first_open}: set the close date to it, or move the lock date in Xero."
        add("locked_period", f"dated {dated}; Xero is locked up to {locked}", fix)
    if deal.currency not in context.books.currencies:
        add("currency_not_enabled", f"{deal.currency} is not a currency of {context.books.organisation.name}")
    if minor_units(deal.currency) != 2:
        add("currency_decimals", f"{deal.currency} has {minor_units(deal.currency)} decimals")
    return problems


def _below_zero(deal: Deal) -> list[Finding]:
    """Where people decided on prices, what the lines then come to says so, not the deal's amount."""
    worth = f"the deal is worth {deal.amount} {deal.currency}"
    return [Finding("negative_deal", deal.ref, worth)] if deal.amount < 0 and not deal.amount_decided else []


def _account_problems(deal: Deal, context: Context) -> list[Finding]:
    """Why there is nobody to send the deal's invoice to."""
    if deal.invoice is None or _customer(deal, context) is not None:
        return []
    if deal.invoice.account is None:
        return [Finding("no_account", deal.ref, "Account Name is empty")]
    cause = f"its account {deal.invoice.account.id} is deleted, or hidden from the integration user"
    fix = "Restore the account, choose another one on the opportunity, or let the integration user see it."
    return [Finding("no_account", deal.ref, cause, fix=fix)]


def _amount_findings(deal: Deal, invoice: IntendedInvoice, policy: Policy) -> list[Finding]:
    findings = []
    if invoice.without_products:
        findings.append(Finding("no_products", deal.ref, f"one line of {invoice.amount} {deal.currency}"))
    if invoice.amount < 0 and (deal.amount >= 0 or deal.amount_decided):
        findings.append(Finding("negative_deal", deal.ref, f"the lines come to {invoice.amount} {deal.currency}"))
    difference = EXACT.subtract(invoice.amount, deal.amount)
    if difference and not deal.amount_decided:
        accepted = rounding_allowance(len(invoice.lines), policy.rounding_max)
        code = "rounding" if difference.copy_abs() <= accepted else "rounding_too_large"
        cause = f"Xero's arithmetic gives {invoice.amount}, Salesforce {deal.amount}: difference {difference}"
        findings.append(Finding(code, deal.ref, cause, money=Money(deal.currency, difference)))
    return findings


def _double_billing(
    deal: Deal, invoice: IntendedInvoice, totals: Totals, contact_id: str, context: Context
) -> list[Finding]:
    mirror, own = context.mirror, invoice.own_number
    suspects = list(mirror.by_marker.get(deal.ref.id, ()))
    if deal.ref.id not in context.epochs:  # else it is known what became of the invoices that the deal had
        suspects += mirror.over_by_marker.get(deal.ref.id, ())
    for word in (reference_word(own), reference_word(deal.ref.id)):
        suspects += mirror.by_reference_word.get(word, ())
    if own and context.policy.number_prefix:  # else it is the number that is taken
        suspects += mirror.unclaimed_of_number(own)
    near = [
        other
        for other in (mirror.by_contact.get(contact_id, ()) if contact_id else ())
        if abs((other.dated - invoice.dated).days) <= context.policy.double_billing_days
        and other.currency == invoice.currency
    ]
    suspects += lookalikes(deal, invoice, totals, near, context.policy.rounding_max)
    findings = []
    for other in {each.invoice_id: each for each in suspects}.values():
        if (deal.ref.id, other.invoice_id) in context.not_same:
            continue
        cause = (
            f"invoice {other.number or 'without number'} of {other.dated} to {other.contact_name}: "
            f"{other.sub_total} {other.currency} ex tax, {other.status.lower()}"
        )
        related = (RecordRef(Side.XERO, "Invoice", other.invoice_id),)
        findings.append(Finding("already_invoiced", deal.ref, cause, related=related))
    return findings


def _number_taken(deal: Deal, invoice: IntendedInvoice, context: Context) -> list[Finding]:
    """Xero keeps a number for ever, of voided invoices too; only a deleted draft frees it (XERO 4.3). That the two were
    told apart does not help: there is one invoice of a number."""
    if not invoice.own_number:
        return []
    epoch = context.epochs.get(deal.ref.id, 0) + 1
    number = document_number(context.policy.number_prefix, invoice.own_number, epoch=epoch)
    return [
        Finding(
            "number_taken",
            deal.ref,
            f"{number} is already an invoice to {other.contact_name} ({other.status.lower()})",
            related=(RecordRef(Side.XERO, "Invoice", other.invoice_id),),
        )
        for other in context.mirror.by_number.get(number.casefold(), ())
        if other.status != "DELETED"
    ]


def _create_invoice(
    deal: Deal,
    invoice: IntendedInvoice,
    totals: Totals,
    contact: ContactDecision,
    context: Context,
    findings: Iterable[Finding],
) -> Operation:
    assert invoice.account is not None
    organisation_id = context.books.organisation.organisation_id
    policy = context.policy
    small = invoice.currency == context.books.organisation.base_currency and totals.gross <= policy.approve_up_to
    approved = policy.status == "AUTHORISED" and small and not invoice.without_products
    needs = [Identity(context.org_id, organisation_id, Kind.CONTACT, invoice.account.id)] if contact.create_as else []
    needs += _missing_items(invoice, context)
    epoch = context.epochs.get(deal.ref.id, 0) + 1
    return Operation(
        identity=Identity(context.org_id, organisation_id, Kind.INVOICE, deal.ref.id, epoch=epoch),
        action=Action.CREATE,
        source=deal.ref,
        document=invoice,
        reason=f"won on {deal.won_on}, closed {deal.close_date}; customer: {contact.evidence}",
        needs=tuple(needs),
        contact_id=contact.contact_id,
        contact_source=invoice.account.id,
        status="AUTHORISED" if approved else "DRAFT",
        totals=totals,
        currency=invoice.currency,
        source_hash=deal.mapped_hash,
        warnings=tuple(finding for finding in findings if not finding.blocks),
    )


def _missing_items(invoice: IntendedInvoice, context: Context) -> list[Identity]:
    """The items that must be made before a document can name them."""
    home = context.books.organisation.organisation_id
    wanted = {item_key(line.item_code) for line in invoice.lines if line.item_code}
    return [Identity(context.org_id, home, Kind.ITEM, key) for key in sorted(wanted - context.books.items.keys())]


def _decide_linked(deal: Deal, link: Link, context: Context) -> DealDecision:
    bucket = Bucket.DRAFTED if link.born == "crossfoot" else Bucket.LINKED
    contact, current = _customer(deal, context), context.mirror.invoices.get(link.xero_id)
    contact_id = _billed_to(contact, current)
    account = deal.invoice.account if deal.invoice else None
    coded, problems = _coded(deal, contact_id, context)
    known = context.link_source_hash.get(deal.ref.id, "")
    same = same_source(known, deal.mapped_hash)
    judged = judge_linked(
        LinkedDeal(
            deal=deal,
            link=link,
            invoice=current,
            source_changed=not same,
            intended=coded,
            contact_id=contact_id,
            locked_until=context.books.organisation.locked_until,
            as_of=context.as_of,
            problems=problems,
            gross=coded.totals(tax_rates(context.books)).gross if coded else None,
            asked_anew=context.stood.get(deal.ref.id) in {*CALLS_FOR_NONE, Bucket.WAITING},
            source_known=bool(known or link.base_hash),
        )
    )
    if judged.update is not None and contact and contact.findings:
        judged = Judgement(tuple(_of_customer(deal, contact)), waits=True)
    operation = None
    if judged.update is not None and current is not None:
        operation = Operation(
            identity=link.identity,
            action=Action.UPDATE,
            source=deal.ref,
            document=judged.update,
            reason="the deal changed and nobody has touched its draft",
            needs=tuple(_missing_items(judged.update, context)),
            contact_id=contact_id,
            contact_source=account.id if account else "",
            status=current.status,  # whoever submitted it for approval has done so
            totals=judged.update.totals(tax_rates(context.books)),
            currency=judged.update.currency,
            xero_id=link.xero_id,
            pre_image=link.base_hash,
            source_hash=deal.mapped_hash,
        )
    if judged.waits:
        bucket = Bucket.WAITING
    elif current is not None and not asks_for_money(current) and not calls_for_one(deal):
        bucket = Bucket.NOT_BILLABLE if deal.won and not deal.deleted else Bucket.NOT_WON
    findings = list(judged.findings)
    if twin := _beside(deal, link, current, context.mirror):
        if context.mirror.by_marker.get(deal.ref.id):
            findings, operation = [], None
        findings.append(twin)
        bucket = Bucket.WAITING if twin.code == "invoice_voided" else bucket
    if deal.ref.id in context.undone:
        findings = [replace(f, code="undone") if f.code == "invoice_voided" else f for f in findings]
    if coded and not findings and link.born == "crossfoot" and current and current.status in UNAPPROVED_STATUSES:
        findings += [finding for finding in _amount_findings(deal, coded, context.policy) if not finding.blocks]
    told = {finding.code for finding in findings}
    findings += [each for each in deal.findings if each.code.startswith("override_") and each.code not in told]
    renamed = same and known != deal.mapped_hash
    return DealDecision(deal, bucket, _with_money(deal, findings), operation, agreed=judged.agreed, renamed=renamed)


def _beside(deal: Deal, link: Link, own: LedgerInvoice | None, mirror: Mirror) -> Finding | None:
    """Another live invoice that names the deal, or one that its own was made in place of and that owes again. One of
    them may stand: where that is not the deal's own, this is let go of first, and the other is asked about."""
    twins = mirror.by_marker.get(deal.ref.id, [])
    owing = mirror.owing_by_marker.get(deal.ref.id, []) if own is not None and bills(own) else []
    if not (twins or owing):
        return None
    numbers = ", ".join(invoice.number or invoice.invoice_id for invoice in twins or owing)
    related = tuple(RecordRef(Side.XERO, "Invoice", invoice.invoice_id) for invoice in twins or owing)
    if own is not None and not bills(own) and calls_for_one(deal):
        other = f"another {numbers}" if numbers == link.number else numbers
        cause = f"invoice {link.number} was voided, deleted or credited in Xero; {other} names this deal and is live"
        fix = (
            f"`crossfoot queue retry`; the next sync then asks whether {numbers} is the deal's invoice: link it there."
        )
        return Finding("invoice_voided", deal.ref, cause, fix=fix, related=related)
    cause, fix = f"beside {link.number}, {numbers} names this deal and is live", ""
    if not twins:
        cause = f"{numbers} was taken back by credit and made anew as {link.number}, and owes again"
        fix = "Put its credit note against it again in Xero, or void it."
    return Finding("duplicate_incident", deal.ref, cause, fix=fix, related=related)


def _coded(deal: Deal, contact_id: str, context: Context) -> tuple[IntendedInvoice | None, tuple[Finding, ...]]:
    """What a deal with an invoice calls for now; or None, and why no document can be made from it."""
    invoice, problems = deal.invoice, [*deal.findings, *_below_zero(deal), *_account_problems(deal, context)]
    if invoice and invoice.account and invoice.account.id in context.accounts:
        country = context.accounts[invoice.account.id].country
        result = code_invoice(invoice, country, context.books, context.policy.coding)
        problems += result.findings
        if not any(finding.blocks for finding in problems):
            problems += _amount_findings(deal, result.invoice, context.policy)
        if not any(finding.blocks for finding in problems):
            return replace(result.invoice, due=invoice.due or _due_date(invoice.dated, contact_id, context)), ()
    return None, tuple(finding for finding in _or_defect(deal, problems) if finding.blocks)


def _due_date(dated: dt.date, contact_id: str, context: Context) -> dt.date:
    terms = context.sales_terms(contact_id) or context.books.organisation.sales_terms
    return due_date(dated, terms, context.policy.due_days)


def _with_money(deal: Deal, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    stake = Money(deal.currency, deal.amount)
    return tuple(
        replace(finding, money=finding.money or stake, owner_name=finding.owner_name or deal.owner)
        for finding in findings
    )


def _waits(deal: Deal, code: str, cause: str, fix: str = "") -> DealDecision:
    unreadable = [finding for finding in deal.findings if finding.blocks]
    return DealDecision(deal, Bucket.WAITING, _with_money(deal, [*unreadable, Finding(code, deal.ref, cause, fix=fix)]))


def _waiting_or_defect(deal: Deal, findings: list[Finding]) -> DealDecision:
    return DealDecision(deal, Bucket.WAITING, _with_money(deal, _or_defect(deal, findings)))


def _or_defect(deal: Deal, findings: list[Finding]) -> list[Finding]:
    """Findings of a deal that has no document, one of which always blocks."""
    if any(finding.blocks for finding in findings):
        return findings
    return [*findings, Finding("unreadable", deal.ref, "no document can be made from it")]
