"""Payments recorded in Salesforce, carried into Xero: read, decided, made one at a time for each invoice, read back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.errors import NeedsReauthorisation, RetryLater
from crossfoot.core.findings import REASONS
from crossfoot.core.links import Kind, LinkState
from crossfoot.core.recovery import REFUSED_AGAIN_AFTER
from crossfoot.core.settlement import (
    IntendedPayment,
    MadePayment,
    RecordedPayment,
    Settlement,
    SettlementContext,
    payment_marker,
    settle,
)
from crossfoot.engine.reading.drift import PAYMENTS
from crossfoot.engine.reading.fresh import read_invoices
from crossfoot.engine.reading.ledger import INVOICE, load_books, load_ledger, refresh_reference
from crossfoot.engine.reading.observe import ENTERED
from crossfoot.engine.session import Session
from crossfoot.engine.writing.landing import is_late
from crossfoot.engine.writing.payment_calls import Due, Paid, parent_of, send_payments, want_rows
from crossfoot.engine.writing.payment_outcomes import (
    READ_BACK,
    adopt_found,
    find_marked,
    is_removed,
    read_back,
    retire_removed,
    settle_unknown,
)
from crossfoot.store import operations as ops
from crossfoot.store.codec import decode_fields
from crossfoot.store.links import load_links, set_base
from crossfoot.store.lookups import find_candidates
from crossfoot.store.queue import decisions, open_about, replace_findings
from crossfoot.store.versions import load_reference, load_versions, save_reference
from crossfoot.xero.requests import BATCH_SIZE

ROUNDS_MAX = 20
NOT_PERMITTED = (
    "Payments are left for later: Xero was connected without the permission to make them. Run `crossfoot connect xero`."
)
_MINE = frozenset(code for code in REASONS if code.startswith("payment_")) - READ_BACK | {"refused_by_xero"}
_READ_BY = "payments read by"
_OF_MADE = {"payment_unsure", "payment_twice", "payment_row_changed", "payment_row_deleted", "payment_removed"}


def look_at_payments(session: Session, as_of: dt.date) -> list[Settlement]:
    """Settle what an earlier run left, and let the queue say which payments wait. Writes nothing to either side."""
    paid = Paid()
    settle_unknown(session, paid)
    read_back(session)
    _let_go(session)
    if not _flows(session):
        return []
    _keep_agreed(session)
    settlements = decide_payments(session, as_of)
    _tell_made(session, settlements)
    _keep(session, settlements)
    return settlements


def _keep_agreed(session: Session) -> None:
    """Where the settings come to take invoice, amount or date from elsewhere, rows of payments that were made say
    something else without a change of theirs: they agree as before, but for those that people are asked about."""
    home, terms = session.organisation_id, session.mapping.payment_terms.encode()
    with session.database.reading() as connection:
        known = load_reference(connection, home, _READ_BY)
    if known and known[1] == terms:
        return
    rows = {row.ref.id: row for row in _rows(session)}
    with session.database.writing("payments read otherwise") as connection:
        asked = {entry.record.id for entry in open_about(connection, home, ["payment_row_changed"])}
        for stored in list(load_links(connection, home, Kind.PAYMENT)) if known else ():
            if stored.source_id in rows.keys() - asked:
                set_base(connection, stored.id, source_hash=rows[stored.source_id].terms_hash)
        save_reference(connection, home, _READ_BY, terms, session.host.now())


def _tell_made(session: Session, settlements: Sequence[Settlement]) -> None:
    """Let each row say what became of its payment: it was not told while the flow was off or nothing went to
    Salesforce, and what it was to be told is forgotten while it lies in the recycle bin."""
    doubtful = [
        each.recorded.ref.id
        for each in settlements
        if not each.recorded.deleted
        and (not each.recorded.own_key or any(found.code == "payment_removed" for found in each.findings))
    ]
    with session.database.writing("payments told") as connection:
        made = load_links(connection, session.organisation_id, Kind.PAYMENT, source_keys=doubtful, live_only=False)
        says = {LinkState.LIVE: "Authorised", LinkState.RETIRED: "Deleted"}
        want_rows(connection, session, {each.source_id: (each.link.xero_id, says[each.link.state]) for each in made})


def _let_go(session: Session) -> None:
    """Where payments are no longer carried over, or are recorded in another object, no row of before waits to be. What
    is asked about one that was made stays."""
    mapping, held = session.mapping, _MINE - _OF_MADE
    others = {mapping.account_object, mapping.product_object, mapping.deal_object, mapping.payment_object}
    with session.database.writing("payments let go") as connection:
        entries = open_about(connection, session.organisation_id, held)
        rows = {entry.record.id: entry.record_name for entry in entries if entry.record.kind not in others}
        if rows:
            replace_findings(connection, session.organisation_id, rows, [], session.host.now(), codes=held)


def planned_payments(session: Session, as_of: dt.date) -> list[IntendedPayment]:
    """The payments that a run would make first; a second one of the same invoice is decided after it."""
    if not _flows(session) or session.mapping.settings.direction == "to_salesforce":
        return []
    return [each.intended for each in decide_payments(session, as_of) if each.intended]


def record_payments(session: Session, as_of: dt.date) -> Paid:
    """Make in Xero what people recorded in Salesforce. Several payments of one invoice follow each other."""
    paid = Paid()
    if not _flows(session) or session.mapping.settings.direction == "to_salesforce":
        return paid
    settlements = decide_payments(session, as_of)
    if not any(each.intended or each.found or each.gone for each in settlements):
        return paid
    if not session.xero.may_make_payments():
        paid.stopped = NOT_PERMITTED
        return paid
    _follow_removed(session, settlements, paid)
    try:
        for _ in range(ROUNDS_MAX):
            if not _round(session, as_of, paid):
                break
    except (RetryLater, NeedsReauthorisation) as error:
        paid.stopped = f"Payments are left for later: {error}"
    settle_unknown(session, paid)
    read_back(session)
    settlements = decide_payments(session, as_of)
    _follow_removed(session, settlements, paid)
    _keep(session, decide_payments(session, as_of))
    return paid


def _flows(session: Session) -> bool:
    return session.mapping.settings.flows.payments is not None and PAYMENTS not in session.paused


def _round(session: Session, as_of: dt.date, paid: Paid) -> bool:
    """One payment for each invoice that has one due. Each is decided again on its invoice as it stands right now."""
    rows = _rows(session)
    first = [each for each in decide_payments(session, as_of, rows) if each.intended or each.found]
    if not first:
        return False
    refresh_reference(session)
    held = _held_by_brake(session, sum(each.intended is not None for each in first), paid)
    before = paid.made + paid.adopted + paid.refused
    invoices = list(dict.fromkeys(each.recorded.invoice_id for each in first))
    for start in range(0, len(invoices), BATCH_SIZE):
        some = frozenset(invoices[start : start + BATCH_SIZE])
        _settle_some(session, as_of, [row for row in rows if row.invoice_id in some], paid, held=held)
    read_back(session)
    return not held and paid.made + paid.adopted + paid.refused > before


def _settle_some(session: Session, as_of: dt.date, rows: Sequence[RecordedPayment], paid: Paid, *, held: bool) -> None:
    """Look at the invoices of so many rows as fit one call, and send it at once."""
    looked_at = session.host.now()
    invoices = read_invoices(session, (row.invoice_id for row in rows))
    settlements = decide_payments(session, as_of, rows)
    removed = find_marked(session, {s.recorded.ref.id: s.intended.invoice_id for s in settlements if s.intended})
    due = []
    for settlement in settlements:
        if settlement.found is not None:
            adopt_found(session, settlement.recorded, settlement.found.payment_id, paid)
        elif payment_id := removed.get(settlement.recorded.ref.id):  # an old copy of the database forgot it
            adopt_found(session, settlement.recorded, payment_id, paid)
        elif settlement.intended is not None and (invoice := invoices.get(settlement.intended.invoice_id)):
            due.append(Due(settlement.intended, settlement.recorded, invoice))
    if not held:
        send_payments(session, due, paid, looked_at=looked_at)


def _held_by_brake(session: Session, count: int, paid: Paid) -> bool:
    """Whether all of so many payments are held: the brake counts what was committed within 24 hours. On a test pair it
    only warns."""
    brake = session.mapping.policy.brake
    with session.database.reading() as connection:
        all_of_them = ops.recent_payments(connection, session.organisation_id, session.host.now()) + count
    if not count or all_of_them <= brake.payments:
        return False
    paid.stopped = (
        f"The brake holds payments: {all_of_them} within 24 hours (at most {brake.payments}). "
        "Look at them in Salesforce, then raise `policy.brake.payments` in crossfoot.yaml."
    )
    return session.is_live or brake.on_test_pair


def decide_payments(
    session: Session, as_of: dt.date, read: Sequence[RecordedPayment] | None = None
) -> list[Settlement]:
    """Decide every row that is no mere picture of a payment in Xero, from what is stored; or those that were ``read``,
    all of their invoices' among them."""
    home = session.organisation_id
    with session.database.reading() as connection:
        made = {
            stored.source_id: MadePayment(stored.link.xero_id, stored.source_hash, stored.link.state)
            for stored in load_links(connection, home, Kind.PAYMENT, live_only=False)
        }
        of_all = _rows(session) if read is None else read
        rows = [row for row in of_all if row.ref.id in made or not row.own_key]
        standing = list(ops.load_operations(connection, home, kind=Kind.PAYMENT, states=ops.STANDING))
        since = session.host.now() - REFUSED_AGAIN_AFTER
        wanted = {row.invoice_id for row in rows} - {""}
        context = SettlementContext(
            org_id=session.org_id,
            books=load_books(connection, home),
            as_of=as_of,
            invoices=load_ledger(connection, home, INVOICE, LedgerInvoice, ids=wanted),
            made=made,
            in_flight=frozenset(parent_of(each) for each in standing if not is_late(session, each)),
            unsure=frozenset(operation.source_id for operation in standing if operation.state != "applied"),
            not_same=frozenset(decisions(connection, home, "not_same")),
            refused=ops.standing_refusals(connection, home, since) if rows else {},
        )
    return settle(rows, context)


def _rows(session: Session, *, shown: bool = False) -> list[RecordedPayment]:
    """The rows that people entered; with ``shown`` also those that show what was paid in Xero."""
    mapping = session.mapping
    with session.database.reading() as connection:
        linked = load_links(connection, session.organisation_id, Kind.PAYMENT, live_only=False)
        name, value = ENTERED
        entered = find_candidates(connection, session.org_id, mapping.payment_object, name, [value])
        ids = None if shown else entered | {stored.source_id for stored in linked}
        return [
            mapping.recorded_payment(
                version.ref.id,
                decode_fields(version.body),
                organisation_id=session.organisation_id,
                deleted=version.deleted,
            )
            for version in load_versions(connection, session.org_id, mapping.payment_object, ids=ids)
        ]


def recall_payments(session: Session) -> None:
    """After an old copy of the database was put back: link the rows again that show the payment which was made for
    them, be it taken away since. A row that merely shows a payment of Xero's left no marker there."""
    if not _flows(session) or session.mapping.settings.direction == "to_salesforce":
        return
    home = session.organisation_id
    with session.database.reading() as connection:
        linked = {each.source_id for each in load_links(connection, home, Kind.PAYMENT, live_only=False)}
        shows = [row for row in _rows(session, shown=True) if row.own_key.startswith(f"{home}:") and not row.deleted]
        rows = [row for row in shows if row.ref.id not in linked]
        invoices = load_ledger(connection, home, INVOICE, LedgerInvoice, ids={row.invoice_id for row in rows})
    listed = {payment.payment_id: payment for invoice in invoices.values() for payment in invoice.payments}
    shown = {row.ref.id: row.own_key.removeprefix(f"{home}:") for row in rows}
    taken_away = {row.ref.id: row.invoice_id for row in rows if shown[row.ref.id] not in listed and row.invoice_id}
    found = find_marked(session, taken_away)
    for row in rows:
        payment = listed.get(shown[row.ref.id])
        marker = payment_marker(session.org_id, row.ref.id)
        is_marked = marker in payment.reference.split() if payment else found.get(row.ref.id) == shown[row.ref.id]
        if is_marked:
            adopt_found(session, row, shown[row.ref.id], Paid())


def _follow_removed(session: Session, settlements: Sequence[Settlement], paid: Paid) -> None:
    """Where an invoice no longer lists a payment that was made, ask Xero; what was taken away stays away."""
    gone = [each.recorded.ref.id for each in settlements if each.gone]
    if not gone:
        return
    with session.database.reading() as connection:
        links = list(load_links(connection, session.organisation_id, Kind.PAYMENT, source_keys=gone))
    for stored in links:
        if is_removed(session, stored.link.xero_id):
            retire_removed(session, stored, paid)


def _keep(session: Session, settlements: Sequence[Settlement]) -> None:
    """Make the review queue say what waits; an entry whose cause is gone closes."""
    records = {each.recorded.ref.id: each.recorded.name for each in settlements}
    findings = [finding for each in settlements for finding in each.findings]
    with session.database.writing("payments kept") as connection:
        replace_findings(connection, session.organisation_id, records, findings, session.host.now(), codes=_MINE)
