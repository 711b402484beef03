"""The two writes of a re-issue: the credit note, and putting it against its invoice. One committed call each.

What either did is read from Xero, never taken from an answer: an operation stands until a reading shows its result, and
is sent again under a new call where none does. Xero refuses what would be a second one (XERO 4.4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crossfoot.core.books import LedgerCreditNote, LedgerInvoice
from crossfoot.core.errors import NeedsReauthorisation, OutcomeUnknown, Rejected, RetryLater
from crossfoot.core.links import Identity, Kind, idempotency_key
from crossfoot.core.money import ZERO
from crossfoot.core.records import content_hash
from crossfoot.core.reissue import Act, IntendedCredit
from crossfoot.engine.calls.remote import NotApplied
from crossfoot.engine.reading.ledger import to_version
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note_write
from crossfoot.store import operations as ops
from crossfoot.store.codec import decode_fields, encode
from crossfoot.store.operations import StoredCall, StoredOperation
from crossfoot.store.versions import next_seq, save_versions
from crossfoot.xero import credit_notes
from crossfoot.xero.documents import decode_page
from crossfoot.xero.requests import OrganisationRequest

MAKE, ALLOCATE = "make", "allocate"
ALLOCATION_PART = "allocation"
_STANDING = ("reserved", "sending", "unknown")


@dataclass(frozen=True, slots=True)
class _Write:
    """One of the two writes: its operation, the request that carries it, and where its answer stands."""

    operation: StoredOperation
    request: Callable[[dict[str, Any], str], OrganisationRequest]
    kind: str
    id_member: str = ""


def read_note(session: Session, number: str) -> LedgerCreditNote | None:
    """The credit note of this number as it stands in Xero right now."""
    with session.database.writing("credit note looked up") as connection:
        read_seq = next_seq(connection)
    notes = decode_page(session.xero.read(credit_notes.note_by_number(session.tenant, number)).body).credit_notes
    with session.database.writing("credit note read") as connection:
        save_versions(connection, read_seq, [to_version(session.organisation_id, note) for note in notes])
    return next((note for note in notes if note.number == number), None)


def make_note(session: Session, act: Act, credit: IntendedCredit) -> str:
    """Make the credit note. Returns why Xero refused it, or an empty string: a reading says what became of it."""
    operation = _operation(session, act, MAKE, credit_notes.note_element(credit), credit.gross)
    return _send(
        session,
        _Write(
            operation,
            lambda element, key: credit_notes.make_note(session.tenant, element, key),
            "CreditNote",
            "CreditNoteID",
        ),
    )


def allocate_note(session: Session, act: Act, note: LedgerCreditNote, amount: Decimal, dated: str) -> str:
    """Put the credit note against the invoice that it takes back."""
    element = credit_notes.allocation_element(act.xero_id, amount, dated)
    operation = _operation(session, act, ALLOCATE, element, amount)
    return _send(
        session,
        _Write(
            operation,
            lambda sent, key: credit_notes.allocate_note(session.tenant, note.credit_note_id, sent, key),
            "Allocation",
        ),
    )


def settle_seen(session: Session, act: Act, invoice: LedgerInvoice | None, note: LedgerCreditNote | None) -> None:
    """Settle the operations whose result a reading shows, each with one entry in the audit log."""
    seen = {MAKE: note is not None, ALLOCATE: invoice is not None and invoice.amount_credited > ZERO}
    for operation in standing(session, act):
        if seen[operation.action] and operation.state != "reserved":
            xero_id = note.credit_note_id if note else act.xero_id
            with session.database.writing("re-issue seen") as connection:
                ops.settle(connection, operation.id, "verified", session.host.now(), xero_id=xero_id)
                note_write(connection, session, operation, xero_id)


def standing(session: Session, act: Act) -> list[StoredOperation]:
    """Operations of the act whose result was not seen yet."""
    with session.database.reading() as connection:
        home = session.organisation_id
        found = ops.load_operations(connection, home, states=_STANDING, kind=Kind.CREDIT_NOTE, source_id=act.source_id)
        return [operation for operation in found if operation.identity.epoch == act.epoch]


def _operation(session: Session, act: Act, action: str, element: dict[str, Any], amount: Decimal) -> StoredOperation:
    """The operation that stands for this write already, else a new one."""
    for operation in standing(session, act):
        if operation.action == action:
            return operation
    part = ALLOCATION_PART if action == ALLOCATE else ""
    identity = Identity(session.org_id, session.organisation_id, Kind.CREDIT_NOTE, act.source_id, part, act.epoch)
    operation = StoredOperation(
        id=session.host.new_id(),
        run_id=session.run_id,
        identity=identity,
        source_id=act.source_id,
        action=action,
        state="reserved",
        body=encode({"element": element, "form": None, "before": None}),
        payload_hash=content_hash({"action": action, "number": act.credit_number, "amount": amount}),
        pre_image="",
        number=act.credit_number,
        xero_id="",
        currency=act.currency,
        ex_tax=ZERO,
        gross=amount,
        base_gross=ZERO,
        reviewed=True,
        reason=f"asked for: takes {act.number} back, to be made anew",
    )
    with session.database.writing("re-issue intent") as connection:
        ops.reserve(connection, [operation], session.host.now())
    return operation


def _send(session: Session, write: _Write) -> str:
    """Send one call. A refusal of what may have been done by an earlier one proves nothing: then a reading decides."""
    access, call_id = session.xero.access(), session.host.new_id()
    element = decode_fields(write.operation.body)["element"]
    unsigned = write.request(element, "")
    body = unsigned.body or b""
    key = idempotency_key(session.organisation_id, call_id, hashlib.sha256(body).hexdigest())
    request = write.request(element, key)
    home = session.organisation_id
    call = StoredCall(call_id, home, session.run_id, request.method, request.path, body, key, access.generation)
    with session.database.writing("re-issue call") as connection:
        ops.commit_call(connection, call, [write.operation.id], session.host.now())
    repeated = write.operation.state != "reserved"
    try:
        answer = session.xero.write(call_id, request, access, may_wait=False)
    except OutcomeUnknown:
        return _end(session, call_id, write.operation, "unknown")
    except Rejected as error:
        words = "; ".join(error.reasons) or str(error)
        return _end(session, call_id, write.operation, "unknown" if repeated else "refused", words)
    except NotApplied:
        return _end(session, call_id, write.operation, "unknown" if repeated else "reserved")
    except (RetryLater, NeedsReauthorisation):
        _end(session, call_id, write.operation, "unknown" if repeated else "reserved")
        raise
    problem = credit_notes.decode_problem(write.kind, write.id_member, answer.body)
    return _end(session, call_id, write.operation, "refused" if problem and not repeated else "unknown", problem)


def _end(session: Session, call_id: str, operation: StoredOperation, state: str, words: str = "") -> str:
    """Keep what became of a call: done nothing, refused, or to be read. Returns the words of a refusal that counts."""
    refused = state == "refused"
    now = session.host.now()
    with session.database.writing("re-issue call ended") as connection:
        ops.end_call(connection, call_id, now, state="answered")
        ops.settle(connection, operation.id, state, now, refusal=words if refused else "")
    return words if refused else ""
