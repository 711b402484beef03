"""Looking up what became of payments: those whose answer was lost, those made, and those taken away in Xero.

A payment without an answer may land until its time-out has passed. Only then its invoice is read, twice and spaced; it
is given up, to be decided anew, when neither reading shows the row's marker, and neither does a payment that was taken
away since: an invoice no longer lists that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from crossfoot.core.errors import Rejected
from crossfoot.core.findings import Finding
from crossfoot.core.links import Identity, Kind
from crossfoot.core.money import Money
from crossfoot.core.records import RecordRef, Side
from crossfoot.core.settlement import RecordedPayment, marked, payment_marker
from crossfoot.engine.reading.fresh import read_invoices
from crossfoot.engine.reading.observe import PAGES_MAX
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note
from crossfoot.engine.writing.landing import PROBE_SPACING_S, is_late, wait_to_land
from crossfoot.engine.writing.payment_calls import Paid, link_made, link_payment, parent_of, want_row
from crossfoot.store import operations as ops
from crossfoot.store import write_backs as store
from crossfoot.store.codec import decode_fields
from crossfoot.store.links import StoredLink, retire_link
from crossfoot.store.operations import StoredOperation
from crossfoot.store.queue import replace_findings
from crossfoot.xero import payments
from crossfoot.xero.requests import PAGE_SIZE

READ_BACK = frozenset({"payment_differs", "payment_not_shown"})
"""Findings that reading back raises and closes."""


def settle_unknown(session: Session, paid: Paid) -> None:
    """Wait until what has no answer can no longer land, then look twice: adopt it, or give it up."""
    with session.database.reading() as connection:
        unknown = list(
            ops.load_operations(connection, session.organisation_id, kind=Kind.PAYMENT, states=("sending", "unknown"))
        )
    if not unknown:
        return
    wait_to_land(session, unknown)
    missing = _probe(session, unknown, paid)
    if missing:
        session.host.sleep(PROBE_SPACING_S)
        missing = _probe(session, missing, paid)
    removed = find_marked(session, {operation.source_id: parent_of(operation) for operation in missing})
    with session.database.writing("payments given up") as connection:
        for operation in missing:
            if payment_id := removed.get(operation.source_id):
                link_made(connection, session, operation, payment_id)
                paid.adopted += 1
            else:
                ops.settle(connection, operation.id, "abandoned", session.host.now())
                _take_back(connection, session, operation.source_id)


def _take_back(connection: Connection, session: Session, row_id: str) -> None:
    """A row that was told of a payment which Xero then never showed says nothing of one any more."""
    name = session.mapping.payment_object
    if store.wanted_states(connection, session.organisation_id, name, [row_id]):
        want_row(connection, session, row_id, "", "")


def _probe(session: Session, unknown: Sequence[StoredOperation], paid: Paid) -> list[StoredOperation]:
    """Adopt what the invoices show; returns what they certainly do not. An invoice not shown proves nothing."""
    invoices = read_invoices(session, map(parent_of, unknown))
    missing = []
    for operation in unknown:
        invoice = invoices.get(parent_of(operation))
        if invoice is None:
            continue
        mine = marked(invoice, payment_marker(session.org_id, operation.source_id))
        if not mine:
            missing.append(operation)
            continue
        with session.database.writing("payment adopted") as connection:
            link_made(connection, session, operation, mine[0].payment_id)
        paid.adopted += 1
    return missing


def find_marked(session: Session, wanted: Mapping[str, str]) -> dict[str, str]:
    """Ids of payments that carry the marker of a row, by row, one that was taken away included; ``wanted`` gives the
    invoice of each row."""
    markers = {payment_marker(session.org_id, row_id): row_id for row_id in wanted}
    invoices = sorted(set(wanted.values()))
    found: dict[str, str] = {}
    for start in range(0, len(invoices), payments.INVOICES_PER_CALL):
        for page in range(1, PAGES_MAX + 1):
            asked = payments.payments_of(session.tenant, invoices[start : start + payments.INVOICES_PER_CALL], page)
            listed = payments.decode_listed(session.xero.read(asked).body)
            for payment in listed:
                mine = [markers[word] for word in payment.reference.split() if word in markers]
                found |= {row_id: payment.payment_id for row_id in mine if wanted[row_id] == payment.invoice_id}
            if len(listed) < PAGE_SIZE:
                break
    return found


def adopt_found(session: Session, recorded: RecordedPayment, payment_id: str, paid: Paid) -> None:
    """Pair a row with a payment that carries its marker and that this database knows nothing of."""
    identity = Identity(session.org_id, session.organisation_id, Kind.PAYMENT, recorded.ref.id)
    reason = "it carries the row's marker"
    with session.database.writing("payment adopted") as connection:
        link_payment(connection, session, identity, payment_id, recorded.terms_hash, reason)
        note(
            connection,
            session,
            "adopt Payment",
            record_id=recorded.ref.id,
            xero_id=payment_id,
            reason=reason,
        )
    paid.adopted += 1


def read_back(session: Session) -> None:
    """Compare what was made with what its invoice lists now; what it does not list yet stays to be read again, and is
    told where it should be there by now: an answer is no proof (F15)."""
    with session.database.reading() as connection:
        applied = list(ops.load_operations(connection, session.organisation_id, kind=Kind.PAYMENT, states=("applied",)))
    if not applied:
        return
    invoices = read_invoices(session, map(parent_of, applied))
    late = {each.id for each in applied if is_late(session, each) and not _status(session, each.xero_id)}
    with session.database.writing("payments verified") as connection:
        now = session.host.now()
        for operation in applied:
            invoice = invoices.get(parent_of(operation))
            listed = {payment.payment_id: payment for payment in invoice.payments} if invoice else {}
            payment = listed.get(operation.xero_id)
            element = decode_fields(operation.body)["element"]
            row = RecordRef(Side.SALESFORCE, session.mapping.payment_object, operation.source_id)
            if payment is None and operation.id in late:
                _tell_missing(connection, session, operation, row)
            if invoice is None or payment is None:
                continue
            kept, sent = (payment.amount, payment.dated.isoformat()), (element["Amount"], element["Date"])
            cause = f"{invoice.number}: {kept[0]} of {kept[1]} was kept, {sent[0]} of {sent[1]} was sent"
            money = Money(invoice.currency, payment.amount)
            findings = [] if kept == sent else [Finding("payment_differs", row, cause, money=money)]
            home = session.organisation_id
            replace_findings(connection, home, {row.id: operation.number}, findings, now, codes=READ_BACK)
            ops.settle(connection, operation.id, "verified", now)


def _tell_missing(connection: Connection, session: Session, operation: StoredOperation, row: RecordRef) -> None:
    cause = f"Xero answered that it made a payment of {operation.gross} on {operation.number}, and does not show it"
    finding = Finding("payment_not_shown", row, cause, money=Money(operation.currency, operation.gross))
    names, now = {row.id: operation.number}, session.host.now()
    replace_findings(connection, session.organisation_id, names, [finding], now, codes={finding.code})


def is_removed(session: Session, payment_id: str) -> bool:
    """Whether Xero says that a payment was taken away: that an invoice does not list it is no proof."""
    return _status(session, payment_id) == "DELETED"


def _status(session: Session, payment_id: str) -> str:
    """What Xero says of a payment; blank where it knows none of this id."""
    try:
        answer = session.xero.read(payments.payment_by_id(session.tenant, payment_id))
    except Rejected as error:
        if error.status == 404:
            return ""
        raise
    return next((outcome.status for outcome in payments.decode_payments(answer.body)), "")


def retire_removed(session: Session, stored: StoredLink, paid: Paid) -> None:
    """A payment was taken away in Xero: its row says so, and is never paid again."""
    home, now = session.organisation_id, session.host.now()
    with session.database.writing("payment removed") as connection:
        retire_link(connection, stored.id)
        for operation in ops.load_operations(
            connection, home, kind=Kind.PAYMENT, source_id=stored.source_id, states=("applied",)
        ):  # it went before it was read back: nothing is left to compare
            ops.settle(connection, operation.id, "verified", now)
        replace_findings(connection, home, {stored.source_id: ""}, [], now, codes=READ_BACK)
        want_row(connection, session, stored.source_id, stored.link.xero_id, "Deleted")
        note(
            connection,
            session,
            "payment removed in Xero",
            record_id=stored.source_id,
            xero_id=stored.link.xero_id,
            reason="Xero shows it as deleted",
        )
    paid.removed += 1
