"""Reserve: what was planned becomes intents, each with its number and the exact element that will be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.decided import Operation
from crossfoot.core.documents import (
    ContactChange,
    IntendedContact,
    IntendedInvoice,
    IntendedItem,
    ItemChange,
    intended_form,
    ledger_form,
)
from crossfoot.core.findings import Finding
from crossfoot.core.links import Kind, document_number, number_in_series
from crossfoot.core.money import EXACT, ZERO, round_money
from crossfoot.core.records import RecordRef, Side, canonical
from crossfoot.engine.reading.ledger import INVOICE, load_ledger
from crossfoot.engine.session import Session
from crossfoot.engine.writing.numbers import NumbersInUse, newest_rate
from crossfoot.store import operations as ops
from crossfoot.store.codec import encode
from crossfoot.store.links import find_link
from crossfoot.store.operations import StoredOperation
from crossfoot.store.queue import deal_facts, replace_findings
from crossfoot.xero import changes, elements


def reserve(session: Session, wave: Sequence[Operation], *, reviewed: bool) -> list[StoredOperation]:
    """Commit the intents of one wave, with their numbers; leave out what cannot be sent after all."""
    if not wave:
        return []
    ready: list[StoredOperation] = []
    findings: list[Finding] = []
    with session.database.writing("reserve") as connection:
        numbers = NumbersInUse(connection, session.organisation_id)
        rates = newest_rates(connection, session, wave)
        standing = {o.identity for o in ops.load_operations(connection, session.organisation_id, states=ops.STANDING)}
        for operation in wave:
            if operation.identity in standing:
                continue  # what an interrupted run may have written to it is read back first; then it is planned again
            stored = _store_operation(connection, session, operation, numbers, rates, reviewed=reviewed)
            if isinstance(stored, Finding):
                findings.append(stored)
            elif stored is not None:
                ready.append(stored)
        ops.reserve(connection, ready, session.host.now())
        for finding in findings:
            name, money = deal_facts(connection, session.organisation_id, finding.record.id)
            replace_findings(
                connection,
                session.organisation_id,
                {finding.record.id: name},
                [replace(finding, money=money)],
                session.host.now(),
                codes={finding.code},
            )
    return ready


def _store_operation(
    connection: Connection,
    session: Session,
    operation: Operation,
    numbers: NumbersInUse,
    rates: Mapping[str, Decimal],
    *,
    reviewed: bool,
) -> StoredOperation | Finding | None:
    number, xero_id, form, target = "", operation.xero_id, None, None
    match operation.document:
        case IntendedContact():
            element = elements.contact_element(operation.document, operation.status)
        case IntendedItem():
            element = elements.item_element(operation.document)
        case ContactChange():
            element = changes.contact_change_element(operation.document)
        case ItemChange():
            element = changes.item_change_element(operation.document)
        case IntendedInvoice():
            contact_id = operation.contact_id or _contact_id(connection, session, operation.contact_source)
            if not contact_id or _lacks_items(connection, session, operation):
                return None  # its customer or an item was refused; the deal waits for that
            number = _number(connection, session, operation, numbers)
            taken = numbers.get(number)
            if taken is not None and taken.invoice_id != xero_id:
                cause = f"{number} is already an invoice to {taken.contact_name} ({taken.status.lower()})"
                related = (RecordRef(Side.XERO, "Invoice", taken.invoice_id),)
                return Finding("number_taken", operation.source, cause, related=related)
            target = _target(connection, session, operation)
            element = _invoice_element(session, operation, contact_id, number, target)
            form = intended_form(operation.document, contact_id)
    before = canonical(ledger_form(target)) if target else operation.before
    stamp = target.updated.isoformat() if target else None  # by which a change that Xero drops is told (F15)
    body = encode({"element": element, "form": canonical(form) if form else None, "before": before, "stamp": stamp})
    totals = operation.totals
    return StoredOperation(
        id=session.host.new_id(),
        run_id=session.run_id,
        identity=operation.identity,
        source_id=operation.source.id,
        action=operation.action.value,
        body=body,
        payload_hash=operation.decided_hash,
        pre_image=operation.pre_image,
        number=number,
        xero_id=xero_id,
        currency=operation.currency,
        ex_tax=totals.ex_tax if totals else ZERO,
        gross=totals.gross if totals else ZERO,
        base_gross=base_amount(session, operation, rates),
        reviewed=reviewed,
        reason=operation.reason,
        source_hash=operation.source_hash,
    )


def _lacks_items(connection: Connection, session: Session, operation: Operation) -> bool:
    """Whether an item that was to be made before an invoice is not there after all."""
    home = session.organisation_id
    items = [identity for identity in operation.needs if identity.kind is Kind.ITEM]
    return any(find_link(connection, home, each.kind, each.source_key) is None for each in items)


def _target(connection: Connection, session: Session, operation: Operation) -> LedgerInvoice | None:
    """The invoice that is to be changed, as it was read last."""
    if not operation.xero_id:
        return None
    home = session.organisation_id
    return load_ledger(connection, home, INVOICE, LedgerInvoice, ids=[operation.xero_id]).get(operation.xero_id)


def _contact_id(connection: Connection, session: Session, account_id: str) -> str:
    stored = find_link(connection, session.organisation_id, Kind.CONTACT, account_id)
    return stored.link.xero_id if stored else ""


def _number(connection: Connection, session: Session, operation: Operation, numbers: NumbersInUse) -> str:
    """The document's number: the one it was given before, else from the deal's own, else the next of the series. One
    that Xero refused is none: the deal or the settings may give another by now."""
    identity, prefix = operation.identity, session.mapping.policy.number_prefix
    assert isinstance(operation.document, IntendedInvoice)
    own = operation.document.own_number
    known = ops.load_operations(connection, session.organisation_id, kind=Kind.INVOICE, source_id=operation.source.id)
    for earlier in known:
        stands = earlier.state != "refused" or (not own and number_in_series(prefix, earlier.number))
        if earlier.identity == identity and earlier.number and stands:
            return earlier.number
    if own:
        return document_number(prefix, own, epoch=identity.epoch)
    return numbers.next_in_series(prefix)


def _invoice_element(
    session: Session, operation: Operation, contact_id: str, number: str, target: LedgerInvoice | None
) -> dict[str, Any]:
    assert isinstance(operation.document, IntendedInvoice)
    line_ids = [line.line_item_id for line in target.lines] if target else []
    rate = target.currency_rate if target else None  # a line-only update was seen to reset it: always resend
    element = elements.invoice_element(
        operation.document, contact_id=contact_id, number=number, status=operation.status, line_ids=line_ids
    )
    if target:
        element = {"InvoiceID": target.invoice_id, **element}
        organisation = session.organisation
        if rate and organisation and operation.currency != organisation.base_currency:
            element["CurrencyRate"] = rate
    return element


def newest_rates(connection: Connection, session: Session, operations: Sequence[Operation]) -> dict[str, Decimal]:
    """The rate that Xero used last, else the org's, by each currency of the operations that is not the organisation's
    own."""
    home, day, organisation = session.organisation_id, session.host.now().date(), session.organisation
    foreign = {each.currency for each in operations} - {organisation.base_currency if organisation else "", ""}
    found = {each: newest_rate(connection, home, each, day) for each in sorted(foreign)}
    return {currency: rate for currency in found if (rate := found[currency] or session.org_rates.get(currency))}


def base_amount(session: Session, operation: Operation, rates: Mapping[str, Decimal]) -> Decimal:
    """The gross amount in the organisation's own currency; for the brake only."""
    if operation.totals is None:
        return ZERO
    organisation = session.organisation
    if organisation is None or operation.currency == organisation.base_currency:
        return operation.totals.gross
    return round_money(EXACT.divide(operation.totals.gross, rates.get(operation.currency, Decimal(1))))
