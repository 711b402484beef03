"""Verify: the sweep after writing is the read-back. What Xero holds is compared with what was meant, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from crossfoot.core.books import POSTED_STATUSES, UNAPPROVED_STATUSES, LedgerInvoice
from crossfoot.core.documents import differences, ledger_form
from crossfoot.core.findings import Finding
from crossfoot.core.lifecycle import bills
from crossfoot.core.links import Kind
from crossfoot.core.money import Money
from crossfoot.core.pacing import Lane
from crossfoot.core.records import RecordRef, Side, content_hash
from crossfoot.engine.reading.follow import survivor_of
from crossfoot.engine.reading.fresh import read_invoices, read_records
from crossfoot.engine.reading.ledger import CONTACT, INVOICE, ITEM, load_ledger
from crossfoot.engine.reading.observe import observe_xero
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note, note_refused
from crossfoot.engine.writing.landing import is_late
from crossfoot.engine.writing.numbers import recent_rates
from crossfoot.store import operations as ops
from crossfoot.store.codec import decode_fields
from crossfoot.store.links import drop_link, find_link, load_links, set_base
from crossfoot.store.operations import StoredOperation
from crossfoot.store.queue import QueueEntry, close_entry, deal_facts, open_about, replace_findings
from crossfoot.store.versions import forget_answered, read_back

RATE_BAND = Decimal("0.10")
_MINE = frozenset({"readback_differs", "not_shown", "rate_unusual"})
_BEFORE_APPROVING = frozenset({"readback_differs", "rate_unusual"})


@dataclass(frozen=True, slots=True)
class Verified:
    """How many documents read back as they were meant, how many differ, how many are not visible yet."""

    verified: int = 0
    differing: int = 0
    unseen: int = 0


def verify(session: Session, *, swept: bool = False) -> Verified:
    """Read back what was applied and not verified yet; with ``swept`` the sweep just made is the read-back."""
    if swept:
        _close_answered(session)
    with session.database.reading() as connection:
        found = ops.load_operations(connection, session.organisation_id, states=("applied",))
        applied = [each for each in found if each.identity.kind is not Kind.PAYMENT]  # read back by payment_outcomes
    _verify_records(session, [each for each in applied if each.identity.kind is not Kind.INVOICE])
    applied = [each for each in applied if each.identity.kind is Kind.INVOICE]
    if not applied:
        return Verified()
    late = {each.id for each in applied if is_late(session, each)}
    if not swept:
        session.progress("Reading back", 0, 0)
        observe_xero(session, INVOICE, lane=Lane.RECOVERY)
    # A list that lags shows it later under a stamp that a sweep has passed by then.
    read_invoices(session, (each.xero_id for each in applied if each.id in late))
    verified = differing = unseen = 0
    with session.database.writing("verified") as connection:
        ids = {operation.xero_id for operation in applied}
        shown = read_back(connection, session.organisation_id, INVOICE, ids)
        invoices = load_ledger(connection, session.organisation_id, INVOICE, LedgerInvoice, ids=shown)
        for operation in applied:
            invoice = invoices.get(operation.xero_id)
            if invoice is None or (operation.id not in late and _as_before(operation, invoice)):
                unseen += 1  # not visible yet is not a mismatch
                if operation.id in late:
                    _tell_missing(connection, session, operation)
                continue
            if _is_dropped(operation, invoice):
                differing += 1
                _give_up(connection, session, operation)
                continue
            good = _compare(connection, session, operation, invoice)
            verified += good
            differing += not good
    return Verified(verified, differing, unseen)


def _verify_records(session: Session, written: Sequence[StoredOperation]) -> None:
    """A customer or item is there once a reading has shown it: else all that names it would be refused for ever (F15).

    One that should have been shown and is not, and for which Xero refused an invoice, never came to be. It is made
    anew, and its name or code is its own.
    """
    home = session.organisation_id
    made = [each for each in written if each.action == "create"]
    late = [each for each in made if is_late(session, each)]
    read_records(session, {(each.identity.kind, each.xero_id) for each in late})
    with session.database.writing("records verified") as connection:
        ids = {each.xero_id for each in made}
        shown = {each for kind in (CONTACT, ITEM) for each in read_back(connection, home, kind, ids)}
        in_vain = _named_in_vain(connection, home) if late else frozenset()
        for operation in written:
            if operation.action != "create" or operation.xero_id in shown:
                ops.settle(connection, operation.id, "verified", session.host.now())
            elif operation in late and {operation.xero_id, operation.identity.source_key} & in_vain:
                _unmake(connection, session, operation)


def _named_in_vain(connection: Connection, home: str) -> frozenset[str]:
    """The customers and item codes in invoices that Xero refused."""
    refused = ops.load_operations(connection, home, states=("refused",), kind=Kind.INVOICE)
    elements = [decode_fields(each.body)["element"] for each in refused if each.action == "create"]
    codes = {str(line.get("ItemCode") or "").casefold() for each in elements for line in each["LineItems"]}
    return frozenset({each["Contact"]["ContactID"] for each in elements} | codes)


def _unmake(connection: Connection, session: Session, operation: StoredOperation) -> None:
    kind, home = operation.identity.kind, session.organisation_id
    ops.settle(connection, operation.id, "abandoned", session.host.now())
    forget_answered(connection, home, kind.value, operation.xero_id)
    for stored in list(load_links(connection, home, kind, xero_ids=[operation.xero_id])):
        drop_link(connection, stored.id)
    note_refused(
        connection, session, operation, [f"Xero answered that it made the {kind.lower()}, and does not show it"]
    )


def _close_answered(session: Session) -> None:
    """What a person was to look at before approving a draft is over once they did: it is approved, or gone, or says by
    now what was meant. Of an invoice that was made approved nobody does, and it stays."""
    home = session.organisation_id
    with session.database.reading() as connection:
        asked = open_about(connection, home, _BEFORE_APPROVING)
        over = [entry for entry in asked if not _is_to_be_looked_at(connection, session, entry)]
    if over:
        with session.database.writing("read-back answered") as connection:
            for entry in over:
                close_entry(connection, entry.id, session.host.now())


def _is_to_be_looked_at(connection: Connection, session: Session, entry: QueueEntry) -> bool:
    home, ids = session.organisation_id, [ref.id for ref in entry.related]
    stored = find_link(connection, home, Kind.INVOICE, entry.record.id)
    for invoice in load_ledger(connection, home, INVOICE, LedgerInvoice, ids=ids).values():
        is_edited = invoice.updated > datetime.fromisoformat(entry.opened_at)
        is_meant = is_edited and stored is not None and content_hash(ledger_form(invoice)) == stored.link.base_hash
        is_approved = invoice.status in POSTED_STATUSES and not _is_made_approved(session, invoice)
        if bills(invoice) and not is_approved and not (is_meant and entry.code == "readback_differs"):
            return True
    return False


def _is_made_approved(session: Session, invoice: LedgerInvoice) -> bool:
    """Whether such an invoice is made approved: then nobody looked at it as it was approved. One in a foreign currency
    or above the limit is made a draft."""
    policy, organisation = session.mapping.policy, session.organisation
    home = organisation is None or invoice.currency == organisation.base_currency
    return policy.status == "AUTHORISED" and home and invoice.total <= policy.approve_up_to


def _as_before(operation: StoredOperation, invoice: LedgerInvoice) -> bool:
    """Whether an invoice that was changed still reads as it did: Xero's lists may lag, or the change was dropped."""
    form = ledger_form(invoice)
    kept = operation.action == "update" and content_hash(form) == operation.pre_image
    return kept and bool(differences(decode_fields(operation.body)["form"], form))


def _is_dropped(operation: StoredOperation, invoice: LedgerInvoice) -> bool:
    """Whether Xero never made the change that it answered to have made (F15), of an invoice that shows it no more late.

    A draft that was stamped since may be one that a person set back, and that is theirs; what is approved or gone is
    never written again, so that it does not matter.
    """
    if not _as_before(operation, invoice):
        return False
    is_draft, seen = invoice.status in UNAPPROVED_STATUSES, decode_fields(operation.body).get("stamp")
    return not is_draft or invoice.updated.isoformat() == seen


def _give_up(connection: Connection, session: Session, operation: StoredOperation) -> None:
    """What Xero dropped it has refused, as of its answer: the deal is planned anew, from what its invoice is by now."""
    assert operation.resolved_at is not None
    words = f"Xero answered that it changed {operation.number}, and left it as it was"
    ops.settle(connection, operation.id, "refused", operation.resolved_at, refusal=words)
    stored = find_link(connection, session.organisation_id, Kind.INVOICE, operation.identity.source_key)
    if stored and stored.link.xero_id == operation.xero_id:
        set_base(connection, stored.id, source_hash="")
    note_refused(connection, session, operation, [words])


def _tell_missing(connection: Connection, session: Session, operation: StoredOperation) -> None:
    """What Xero said it wrote and has not shown for a while is told: an answer is no proof (F15)."""
    ref = RecordRef(Side.SALESFORCE, session.mapping.deal_object, operation.source_id)
    cause = f"Xero answered that it made {operation.number}, and does not show it"
    name, money = deal_facts(connection, session.organisation_id, operation.source_id)
    finding = Finding("not_shown", ref, cause, money=money)
    now = session.host.now()
    replace_findings(connection, session.organisation_id, {ref.id: name}, [finding], now, codes={"not_shown"})


def _compare(
    connection: Connection,
    session: Session,
    operation: StoredOperation,
    invoice: LedgerInvoice,
) -> bool:
    now = session.host.now()
    form = ledger_form(invoice)
    meant = decode_fields(operation.body)["form"]
    if meant.get("contact", form["contact"]) != form["contact"]:  # people may have merged it into another one since
        meant["contact"] = survivor_of(connection, session.organisation_id, meant["contact"])
    parts = differences(meant, form) if invoice.is_live else []  # of what is gone nothing is left to compare
    if invoice.total != operation.gross and invoice.is_live and not parts:
        parts = [f"total {invoice.total}, expected {operation.gross}"]
    ref = RecordRef(Side.SALESFORCE, session.mapping.deal_object, operation.source_id)
    related = (RecordRef(Side.XERO, "Invoice", invoice.invoice_id),)
    findings = []
    if parts:
        cause = f"invoice {invoice.number}: Xero holds another {', '.join(parts[:5])}"
        money = Money(invoice.currency, invoice.total - operation.gross)
        findings.append(Finding("readback_differs", ref, cause, money=money, related=related))
    if unusual := _unusual_rate(connection, session, invoice):
        money = Money(invoice.currency, invoice.total)
        findings.append(Finding("rate_unusual", ref, unusual, money=money, related=related))
    names = {operation.source_id: deal_facts(connection, session.organisation_id, operation.source_id)[0]}
    replace_findings(connection, session.organisation_id, names, findings, now, codes=_MINE)
    stored = find_link(connection, session.organisation_id, Kind.INVOICE, operation.identity.source_key)
    if stored:  # what Xero holds instead of what was sent counts as a person's edit
        set_base(connection, stored.id, base_hash=content_hash(meant if parts else form))
    ops.settle(connection, operation.id, "verified", now)
    note(
        connection,
        session,
        "verify Invoice" if not parts else "verify Invoice: differs",
        record_id=operation.source_id,
        xero_id=invoice.invoice_id,
        number=invoice.number,
        total=str(invoice.total),
        rate=str(invoice.currency_rate or ""),
        differs=parts,
    )
    return not parts


def _unusual_rate(connection: Connection, session: Session, invoice: LedgerInvoice) -> str:
    """Whether the rate is more than a tenth away from the middle of recent ones."""
    organisation = session.organisation
    if organisation is None or invoice.currency == organisation.base_currency or not invoice.currency_rate:
        return ""
    today = session.host.now().date()
    recent = recent_rates(connection, session.organisation_id, invoice.currency, today, but=invoice.invoice_id)
    if not recent:
        return ""
    middle = recent[len(recent) // 2]
    if abs(invoice.currency_rate - middle) <= middle * RATE_BAND:
        return ""
    return f"rate {invoice.currency_rate} against {middle} usually"
