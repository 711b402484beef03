"""The two writes of a re-issue: the credit note, and putting it against its invoice. One committed call each.

What either did is read from Xero, never taken from an answer: an operation stands until a reading shows its result, or
shows none once it can no longer land. Only then another follows; Xero refuses what would be a second one (XERO 4.4).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

from crossfoot.core.books import LedgerCreditNote, LedgerInvoice
from crossfoot.core.links import Identity, Kind
from crossfoot.core.money import ZERO
from crossfoot.core.records import content_hash
from crossfoot.core.recovery import REFUSED_AGAIN_AFTER
from crossfoot.core.reissue import Act, IntendedCredit
from crossfoot.engine.committed import commit
from crossfoot.engine.reading.ledger import to_version
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note_write
from crossfoot.store import operations as ops
from crossfoot.store.codec import encode
from crossfoot.store.operations import StoredOperation, standing_refusals
from crossfoot.store.versions import next_seq, save_versions
from crossfoot.xero import credit_notes
from crossfoot.xero.documents import decode_page
from crossfoot.xero.requests import OrganisationRequest

MAKE, ALLOCATE = "make", "allocate"
ALLOCATION_PART = "allocation"


@dataclass(frozen=True, slots=True)
class _Write:
    """One of the two writes: what it says and of how much, the request that carries it, and why it was not taken."""

    action: str
    element: dict[str, Any]
    amount: Decimal
    request: OrganisationRequest
    problem: Callable[[bytes], str]


def read_note(session: Session, number: str) -> LedgerCreditNote | None:
    """The credit note of this number as it stands in Xero right now."""
    with session.database.writing("credit note looked up") as connection:
        read_seq = next_seq(connection)
    notes = decode_page(session.xero.read(credit_notes.note_by_number(session.tenant, number)).body).credit_notes
    with session.database.writing("credit note read") as connection:
        save_versions(connection, read_seq, [to_version(session.organisation_id, note) for note in notes])
    return next((note for note in notes if note.number == number), None)


def make_note(session: Session, act: Act, credit: IntendedCredit, *, looked_at: dt.datetime) -> str:
    """Make the credit note of an invoice as it was just looked at: what is paid meanwhile is looked at again first.
    Returns why Xero refused it, or an empty string: a reading says what became of it."""
    element = credit_notes.note_element(credit)
    request = credit_notes.make_note(session.tenant, element)
    problem = partial(credit_notes.decode_problem, "CreditNote", "CreditNoteID")
    return _send(session, act, _Write(MAKE, element, credit.gross, request, problem), looked_at)


def allocate_note(
    session: Session, act: Act, note: LedgerCreditNote, amount: Decimal, dated: str, *, looked_at: dt.datetime
) -> str:
    """Put the credit note against the invoice that it takes back. Returns as ``make_note`` does."""
    element = credit_notes.allocation_element(act.xero_id, amount, dated)
    request = credit_notes.allocate_note(session.tenant, note.credit_note_id, element)
    problem = partial(credit_notes.decode_problem, "Allocation", "")
    return _send(session, act, _Write(ALLOCATE, element, amount, request, problem), looked_at)


def settle_seen(session: Session, act: Act, invoice: LedgerInvoice | None, note: LedgerCreditNote | None) -> None:
    """Settle the operations whose result a reading shows, each with one entry in the audit log."""
    seen = {MAKE: note is not None, ALLOCATE: invoice is not None and invoice.taken_off > ZERO}
    for operation in standing(session, act):
        if seen[operation.action] and operation.state != "reserved":
            xero_id = note.credit_note_id if note else act.xero_id
            with session.database.writing("re-issue seen") as connection:
                ops.settle(connection, operation.id, "verified", session.host.now(), xero_id=xero_id)
                note_write(connection, session, operation, xero_id)


def standing(session: Session, act: Act) -> list[StoredOperation]:
    """Operations of the act whose result was not seen yet."""
    home, deal = session.organisation_id, act.source_id
    with session.database.reading() as connection:
        found = ops.load_operations(connection, home, states=ops.IN_THE_AIR, kind=Kind.CREDIT_NOTE, source_id=deal)
        return [operation for operation in found if operation.identity.epoch == act.epoch]


def give_up(session: Session, act: Act) -> None:
    """What stands can no longer land and did nothing: the next step is decided anew, from what is owed by now."""
    with session.database.writing("re-issue given up") as connection:
        for operation in standing(session, act):
            ops.settle(connection, operation.id, "abandoned", session.host.now())
            if operation.state != "reserved":
                note_write(connection, session, replace(operation, action=f"answer lost to {operation.action}"), "")


def _operation(session: Session, act: Act, write: _Write) -> StoredOperation:
    part = ALLOCATION_PART if write.action == ALLOCATE else ""
    identity = Identity(session.org_id, session.organisation_id, Kind.CREDIT_NOTE, act.source_id, part, act.epoch)
    return StoredOperation(
        id=session.host.new_id(),
        run_id=session.run_id,
        identity=identity,
        source_id=act.source_id,
        action=write.action,
        body=encode({"element": write.element, "form": None, "before": None}),
        payload_hash=_says(act, write.action, write.amount),
        number=act.credit_number,
        currency=act.currency,
        gross=write.amount,
        reviewed=True,
        reason=f"asked for: takes {act.number} back, to be made anew",
    )


def _says(act: Act, action: str, amount: Decimal) -> str:
    return content_hash({"action": action, "number": act.credit_number, "amount": amount})


def refused_note(session: Session, act: Act) -> str:
    """Why Xero refused an act's credit note, if it did so lately."""
    return _refused_lately(session, act, _says(act, MAKE, act.gross))


def _refused_lately(session: Session, act: Act, payload_hash: str) -> str:
    """What Xero refused in exactly this form is sent again when a person asks, or next day."""
    since = session.host.now() - REFUSED_AGAIN_AFTER
    with session.database.reading() as connection:
        refused = standing_refusals(connection, session.organisation_id, since)
    return refused.get((act.source_id, payload_hash), "")


def _send(session: Session, act: Act, write: _Write, looked_at: dt.datetime) -> str:
    """Send one write. Nothing of the act is under way by then: what was is seen, or was given up."""
    operation = _operation(session, act, write)
    if words := _refused_lately(session, act, operation.payload_hash):
        return words
    with session.database.writing("re-issue intent") as connection:
        ops.reserve(connection, [operation], session.host.now())
    access = session.xero.access()
    with session.database.writing("re-issue call") as connection:
        call = commit(connection, session, session.xero, access, write.request, [operation])
    sent = call.send(write.problem, looked_at=looked_at)
    words = sent.refusal if sent.error else sent.unwrap()
    state: ops.State = "refused" if words else "abandoned" if sent.did_nothing else "unknown"
    with session.database.writing("re-issue call ended") as connection:
        sent.end(connection, session.host.now())
        ops.settle(connection, operation.id, state, session.host.now(), refusal=words)
    if sent.stops:
        sent.unwrap()  # raises it
    return words
