"""Sending payments: the intent committed first, one payment under way for each invoice, each element's outcome kept.

Xero has nothing of its own that keeps a payment from being made twice. A payment whose outcome is not known stays as it
is, and holds its invoice, until ``payment_outcomes`` has looked it up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.errors import Rejected
from crossfoot.core.links import Identity, Kind, Link
from crossfoot.core.pacing import Lane
from crossfoot.core.records import content_hash
from crossfoot.core.settlement import IntendedPayment, RecordedPayment, intended_hash, pre_image
from crossfoot.engine.committed import batch_of, commit, of_each
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note_write
from crossfoot.engine.writing.landing import is_late
from crossfoot.store import operations as ops
from crossfoot.store import write_backs as store
from crossfoot.store.codec import decode_fields, encode
from crossfoot.store.links import add_link, load_links
from crossfoot.store.operations import StoredOperation
from crossfoot.store.write_backs import WriteBack
from crossfoot.xero import payments, requests

WRITE_BACK_WAVE = 0
"""Before the rows that show Xero's payments by their keys: those then find this row and make none of their own."""


@dataclass(slots=True)
class Paid:
    """What became of recorded payments in a run. ``stopped`` says why no more were sent."""

    made: int = 0
    adopted: int = 0
    removed: int = 0
    refused: int = 0
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """A payment about to be made, the row it comes from, and its invoice as it was read just before."""

    intended: IntendedPayment
    recorded: RecordedPayment
    invoice: LedgerInvoice


def send_payments(session: Session, due: Sequence[Due], paid: Paid, *, looked_at: datetime) -> None:
    """Send payments on at most fifty different invoices, just looked at, in a call; one that Xero refuses whole is
    halved. What stands too long to leave is given up, to be decided anew."""
    work = deque([due] if due else [])
    while work:
        batch = work.popleft()
        session.xero.require_room(Lane.PROMPT)
        try:
            _send(session, batch, paid, looked_at)
        except Rejected:
            middle = len(batch) // 2
            work.extend((batch[:middle], batch[middle:]))


def parent_of(operation: StoredOperation) -> str:
    """The invoice that a payment is made on."""
    invoice_id: str = decode_fields(operation.body)["element"]["Invoice"]["InvoiceID"]
    return invoice_id


def _send(session: Session, batch: Sequence[Due], paid: Paid, looked_at: datetime) -> None:
    """Send one call. Raises ``Rejected`` where several payments were refused together and none was made."""
    access = session.xero.access()
    with session.database.writing("payment intent") as connection:
        operations = _free(connection, session, batch)
        if not operations:
            return
        ops.reserve(connection, operations, session.host.now())
        request = requests.write(session.tenant, "Payments", "PUT", batch_of(payments.KIND, operations))
        call = commit(connection, session, session.xero, access, replace(request, lane=Lane.PROMPT), operations)
    sent = call.send(of_each(operations, payments.decode_payments), looked_at=looked_at)
    state: ops.State = "refused" if sent.refusal and len(operations) == 1 else "abandoned"
    now = session.host.now()
    with session.database.writing("payment call ended" if sent.error else "payment outcome") as connection:
        sent.end(connection, now)
        if sent.did_nothing:
            for operation in operations:
                ops.settle(connection, operation.id, state, now, refusal=sent.refusal)
            paid.refused += state == "refused"
        elif sent.error is None:
            for operation, outcome in zip(operations, sent.unwrap(), strict=True):
                _record(connection, session, replace(operation, call_id=call.id), outcome, paid)
    if sent.stops or (sent.refusal and state != "refused"):
        sent.unwrap()  # raises it


def _free(connection: Connection, session: Session, batch: Sequence[Due]) -> list[StoredOperation]:
    """The payments as operations. An invoice that has a payment under way is left out."""
    found = ops.load_operations(connection, session.organisation_id, kind=Kind.PAYMENT, states=ops.STANDING)
    busy = {parent_of(operation) for operation in found if not is_late(session, operation)}
    return [_operation(session, due) for due in batch if due.invoice.invoice_id not in busy]


def _operation(session: Session, due: Due) -> StoredOperation:
    intended, invoice = due.intended, due.invoice
    before = {
        "status": invoice.status,
        "amount_due": invoice.amount_due,
        "payments": [payment.payment_id for payment in invoice.payments],
    }
    element = payments.payment_element(intended)
    return StoredOperation(
        id=session.host.new_id(),
        run_id=session.run_id,
        identity=Identity(session.org_id, session.organisation_id, Kind.PAYMENT, intended.source.id),
        source_id=intended.source.id,
        action="create",
        body=encode({"element": element, "form": None, "before": before}),
        payload_hash=intended_hash(intended),
        pre_image=pre_image(invoice),
        number=invoice.number,
        currency=intended.currency,
        gross=intended.amount,
        reason="recorded in Salesforce",
        source_hash=due.recorded.terms_hash,
    )


def _record(
    connection: Connection, session: Session, operation: StoredOperation, outcome: payments.PaymentOutcome, paid: Paid
) -> None:
    if outcome.errors:
        ops.settle(connection, operation.id, "refused", session.host.now(), refusal="; ".join(outcome.errors))
        paid.refused += 1
    else:
        link_made(connection, session, operation, outcome.payment_id)
        paid.made += 1


def link_made(connection: Connection, session: Session, operation: StoredOperation, payment_id: str) -> None:
    """Settle an operation as applied: link, row and audit entry in the caller's transaction.

    Where the row is linked already, another process looked up this payment while its answer was on the way.
    """
    ops.settle(connection, operation.id, "applied", session.host.now(), xero_id=payment_id)
    row_id = operation.source_id
    if any(load_links(connection, session.organisation_id, Kind.PAYMENT, live_only=False, source_keys=[row_id])):
        return
    link_payment(connection, session, operation.identity, payment_id, operation.source_hash, operation.reason)
    note_write(connection, session, operation, payment_id)


def link_payment(
    connection: Connection, session: Session, identity: Identity, payment_id: str, terms_hash: str, evidence: str
) -> None:
    """Pair a row with its payment, and let the row say so."""
    link = Link(identity, payment_id, "", "crossfoot", "", evidence)
    add_link(connection, link, session.host.now(), source_id=identity.source_key, source_hash=terms_hash)
    want_row(connection, session, identity.source_key, payment_id, "Authorised")


def want_row(connection: Connection, session: Session, row_id: str, payment_id: str, status: str) -> None:
    """What the row in Salesforce should say of its payment; nothing in a workspace that writes to Xero only."""
    want_rows(connection, session, {row_id: (payment_id, status)})


def want_rows(connection: Connection, session: Session, payments_of: Mapping[str, tuple[str, str]]) -> None:
    """As ``want_row``, for several: id and status of its payment by row, both blank where it has none after all. What
    is wanted already stays as it is."""
    flow, home = session.mapping.settings.flows.payments, session.organisation_id
    if flow is None or session.mapping.settings.direction == "to_xero":
        return
    known = store.wanted_states(connection, home, flow.salesforce, payments_of)
    items = []
    for row_id, (payment_id, status) in payments_of.items():
        values = {"Key": f"{home}:{payment_id}", "PaymentID": payment_id, "Status": status} if payment_id else {}
        fields: Mapping[str, Any] = {field: values.get(name) for field, name in flow.write_back.items()}
        item = WriteBack(flow.salesforce, row_id, fields, content_hash(fields), row_id, WRITE_BACK_WAVE)
        if known.get(row_id) != item.state:
            items.append(item)
    store.want_write_backs(connection, home, items)
