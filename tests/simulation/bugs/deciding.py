"""Defects in what is decided: which deal gets which document, for how much, to whom, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Any

from sqlalchemy import Connection

import crossfoot.core.documents as core_documents
import crossfoot.core.money as core_money
import crossfoot.engine.planning.planner as engine_planner
import crossfoot.engine.runs as engine_runs
import crossfoot.engine.showing.wanting as engine_wanting
import crossfoot.engine.writing.apply as engine_apply
import crossfoot.engine.writing.numbers as engine_numbers
import crossfoot.engine.writing.reserve as engine_reserve
from crossfoot.core import lifecycle, settlement
from crossfoot.core import plan as core_plan
from crossfoot.core.books import LedgerInvoice
from crossfoot.core.decided import Context, DealDecision
from crossfoot.core.documents import Deal
from crossfoot.core.findings import Finding
from crossfoot.core.links import Kind, LinkState
from crossfoot.core.settlement import RecordedPayment
from crossfoot.engine.reading.ledger import INVOICE, load_ledger
from crossfoot.engine.session import Session
from crossfoot.engine.showing.balances import Balance
from crossfoot.engine.showing.moved import Moved, find_moved
from crossfoot.engine.writing import adopt
from crossfoot.mapping.deals import DealLens
from crossfoot.mapping.expressions import compile_expression
from crossfoot.store import links as store_links
from crossfoot.xero import documents, elements
from tests.simulation.machine import Machine

from .planting import Change, Plant


def _overwrite_drafts(_machine: Machine) -> list[Change]:
    """The deal wins: a person's edit of a draft is not compared with what was agreed last."""
    judge = lifecycle._judge_change

    def ours_wins(*args: Any, touched: bool, **words: Any) -> lifecycle.Judgement:
        del touched
        return judge(*args, touched=False, **words)

    return [
        (lifecycle, "_judge_change", ours_wins),
        (engine_apply, "unmoved", lambda _session, batch: list(batch)),
    ]


def _update_approved(_machine: Machine) -> list[Change]:
    """What a person approved still follows the deal."""
    judge = lifecycle._judge_change

    def goes_on(*args: Any, unapproved: bool, **words: Any) -> lifecycle.Judgement:
        del unapproved
        return judge(*args, unapproved=True, **words)

    return [
        (lifecycle, "_judge_change", goes_on),
        (engine_apply, "unmoved", lambda _session, batch: list(batch)),
    ]


def _make_again_what_was_voided(_machine: Machine) -> list[Change]:
    """A deal whose invoice was voided or deleted has none, so it gets one."""
    decide = core_plan.decide_deal

    def fresh(deal: Deal, context: Context) -> DealDecision:
        link = context.links.get(deal.ref.id)
        invoice = context.mirror.invoices.get(link.xero_id) if link else None
        if invoice is None or invoice.is_live:
            return decide(deal, context)
        without = {source: other for source, other in context.links.items() if source != deal.ref.id}
        return decide(deal, replace(context, links=without))

    return [
        (engine_planner, "decide_deal", fresh),
        (core_plan, "_double_billing", lambda *_: []),
        (engine_apply, "add_link", _relink),
    ]


def _relink(connection: Any, link: Any, now: Any, **words: Any) -> None:
    stored = store_links.find_link(connection, link.identity.organisation_id, Kind.INVOICE, words["source_id"])
    if stored is not None and stored.link.state is LinkState.LIVE:
        store_links.retire_link(connection, stored.id)
    store_links.add_link(connection, link, now, **words)


def _invoice_the_future(_machine: Machine) -> list[Change]:
    """Deals go whatever day it is, and whatever is locked."""
    return [(core_plan, "_deal_problems", lambda _deal, _context: [])]


def _invoice_what_is_open(_machine: Machine) -> list[Change]:
    """Whether a deal is won is not asked."""
    read = DealLens.read

    def eager(lens: DealLens, *arguments: Any, **named: Any) -> Any:
        return read(replace(lens, when=compile_expression("TRUE")), *arguments, **named)

    return [(DealLens, "read", eager)]


def _approve_at_once(_machine: Machine) -> list[Change]:
    """Documents are made as approved ones."""
    element = elements.invoice_element

    def approved(*args: Any, **words: Any) -> dict[str, Any]:
        return element(*args, **{**words, "status": "AUTHORISED"})

    return [(elements, "invoice_element", approved)]


def _any_contact(_machine: Machine) -> list[Change]:
    """The customer is whoever comes first."""

    def first(connection: Any, session: Session, _account_id: str) -> str:
        known = list(store_links.load_links(connection, session.organisation_id, Kind.CONTACT))
        return known[0].link.xero_id if known else ""

    return [(engine_reserve, "_contact_id", first)]


def _only_the_first_line(_machine: Machine) -> list[Change]:
    """Of several lines one is sent: Xero takes what is sent for the whole."""
    element = elements.invoice_element

    def short(*args: Any, **words: Any) -> dict[str, Any]:
        made = element(*args, **words)
        return {**made, "LineItems": made["LineItems"][:1]}

    return [(elements, "invoice_element", short)]


def _discount_left_out(_machine: Machine) -> list[Change]:
    """A line's discount is not sent."""
    line = elements._line_element

    def full(*args: Any) -> dict[str, Any]:
        return {name: value for name, value in line(*args).items() if not name.startswith("Discount")}

    return [(elements, "_line_element", full)]


def _whole_quantities(_machine: Machine) -> list[Change]:
    """Quantities are cut to whole numbers."""
    line = elements._line_element

    def whole(*args: Any) -> dict[str, Any]:
        made = line(*args)
        return {**made, "Quantity": made["Quantity"].to_integral_value(ROUND_DOWN)}

    return [(elements, "_line_element", whole)]


def _prices_to_the_cent(_machine: Machine) -> list[Change]:
    """Unit prices are rounded as amounts are."""
    line = elements._line_element

    def rounded(*args: Any) -> dict[str, Any]:
        made = line(*args)
        return {**made, "UnitAmount": core_money.round_money(made["UnitAmount"])}

    return [(elements, "_line_element", rounded)]


def _half_even(_machine: Machine) -> list[Change]:
    """Amounts are rounded half to even, as a thread's decimal context does."""

    def banker(value: Decimal, places: int = 2) -> Decimal:
        return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)

    return [(core_money, "round_money", banker)]


def _float_money(_machine: Machine) -> list[Change]:
    """A line's amount is multiplied in binary."""

    def binary(quantity: Decimal, unit_amount: Decimal, **discount: Any) -> Decimal:
        kept = 1 - float(discount.get("discount_rate") or 0) / 100
        exact = float(quantity) * float(unit_amount) * kept - float(discount.get("discount_amount") or 0)
        return Decimal(str(int(exact * 100) / 100))

    return [(core_documents, "line_amount", binary)]


def _wrong_balance(_machine: Machine) -> list[Change]:
    """What was paid is shown as what is due."""
    values = engine_wanting._invoice_values

    def swapped(invoice: LedgerInvoice, *rest: Any) -> dict[str, Any]:
        shown = values(invoice, *rest)
        return {**shown, "AmountDue": shown["AmountPaid"]}

    return [(engine_wanting, "_invoice_values", swapped)]


def _currencies_added(_machine: Machine) -> list[Change]:
    """What a customer owes in several currencies is shown as one sum."""
    values = Balance.values

    def added(balance: Balance, contact_id: str, **_words: Any) -> dict[str, Any]:
        owed = {"": [amount for amounts in balance.owed.values() for amount in amounts]}
        return values(replace(balance, owed=owed, drafted={}), contact_id)

    return [(Balance, "values", added)]


def _home_currency(_machine: Machine) -> list[Change]:
    """Every document is made in the currency of the books."""
    decide = core_plan.decide_deal

    def at_home(deal: Deal, context: Context) -> DealDecision:
        home = context.books.organisation.base_currency
        invoice = deal.invoice and replace(deal.invoice, currency=home)
        return decide(replace(deal, currency=home, invoice=invoice), context)

    return [(engine_planner, "decide_deal", at_home)]


def _any_currency(_machine: Machine) -> list[Change]:
    """The figure of a payment is taken for one in its invoice's currency, whatever account it went into."""
    problems = settlement._invoice_problems

    def taken(payment: RecordedPayment, invoice: LedgerInvoice) -> list[Finding]:
        return problems(replace(payment, currency=invoice.currency), invoice)

    return [(settlement, "_invoice_problems", taken), (settlement, "_place_problems", lambda *_: [])]


def _bill_nothing(_machine: Machine) -> list[Change]:
    """A deal that comes to nothing is a deal."""
    return [(lifecycle, "is_billable", lambda _deal: True), (core_plan, "is_billable", lambda _deal: True)]


def _tell_once(_machine: Machine) -> list[Change]:
    """An invoice is shown in Salesforce when it is made, and not when it changes."""
    return [(engine_wanting, "find_moved", _drafts_only)]


def _drafts_only(session: Session, connection: Connection, *rest: Any, full: bool = False) -> Moved:
    moved = find_moved(session, connection, *rest, full=full)
    invoices = load_ledger(connection, session.organisation_id, INVOICE, LedgerInvoice, ids=moved.invoices)
    return replace(moved, invoices=frozenset(key for key, each in invoices.items() if each.status == "DRAFT"))


def _series_stands_still(_machine: Machine) -> list[Change]:
    """The series gives one number for ever."""
    free = lambda _self, _number: None  # noqa: E731 - nobody looks whether it is taken
    return [(engine_numbers, "take_from_series", lambda *_: 1), (engine_numbers.NumbersInUse, "get", free)]


def _forget_the_link(machine: Machine) -> list[Change]:
    """A link is kept only sometimes."""
    add = store_links.add_link

    def sometimes(connection: Any, link: Any, now: Any, **words: Any) -> None:
        if machine.chance.random() < 0.7:
            add(connection, link, now, **words)

    return [(adopt, "add_link", sometimes), (engine_runs, "adopt_by_marker", lambda *_: 0)]


def _answers_in_another_order(_machine: Machine) -> list[Change]:
    """The elements of an answer are taken for those of the batch from the end."""
    decode = documents.decode_elements

    def reversed_(kind: str, body: bytes) -> Sequence[documents.Element]:
        return list(reversed(decode(kind, body)))

    return [(documents, "decode_elements", reversed_)]


def _warnings_stop(_machine: Machine) -> list[Change]:
    """A remark keeps a deal back as a reason does."""
    decide = core_plan.decide_deal

    def strict(deal: Deal, context: Context) -> DealDecision:
        decision = decide(deal, context)
        held = decision.findings and decision.operation is not None
        return replace(decision, operation=None) if held else decision

    return [(engine_planner, "decide_deal", strict)]


DECIDING: Mapping[str, Plant] = {
    "overwrite drafts": _overwrite_drafts,
    "update what was approved": _update_approved,
    "make again what was voided": _make_again_what_was_voided,
    "invoice the future": _invoice_the_future,
    "invoice what is open": _invoice_what_is_open,
    "approve at once": _approve_at_once,
    "any contact": _any_contact,
    "only the first line": _only_the_first_line,
    "discount left out": _discount_left_out,
    "whole quantities": _whole_quantities,
    "prices to the cent": _prices_to_the_cent,
    "half to even": _half_even,
    "float money": _float_money,
    "wrong balance": _wrong_balance,
    "currencies added": _currencies_added,
    "home currency": _home_currency,
    "any currency": _any_currency,
    "bill nothing": _bill_nothing,
    "tell once": _tell_once,
    "series stands still": _series_stands_still,
    "forget the link": _forget_the_link,
    "answers in another order": _answers_in_another_order,
    "warnings stop": _warnings_stop,
}
