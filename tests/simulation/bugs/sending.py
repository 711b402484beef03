"""Defects in how writes are sent, and in what is done when nobody knows whether they arrived."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import crossfoot.engine.calls.remote as engine_remote
import crossfoot.engine.committed as engine_committed
import crossfoot.engine.runs as engine_runs
import crossfoot.engine.showing.sending as engine_sending
import crossfoot.engine.writing.adopt as engine_adopt
import crossfoot.engine.writing.apply as engine_apply
import crossfoot.engine.writing.reserve as engine_reserve
import crossfoot.engine.writing.verify as engine_verify
from crossfoot.core import plan as core_plan
from crossfoot.core.errors import OutcomeUnknown
from crossfoot.core.links import Kind
from crossfoot.core.recovery import Next, Verdict, judge_answer, judge_loss
from crossfoot.engine.calls.pacing import Pacing
from crossfoot.engine.calls.remote import Remote
from crossfoot.engine.session import Session
from crossfoot.engine.showing import row_writes
from crossfoot.engine.writing.verify import Verified
from crossfoot.http import Http
from crossfoot.store import operations as ops
from crossfoot.store import write_backs
from crossfoot.store.codec import decode_fields, encode
from crossfoot.store.database import Database
from crossfoot.store.leases import Lease
from crossfoot.store.links import find_link, retire_link
from crossfoot.store.operations import StoredOperation
from crossfoot.xero import documents, requests
from tests.simulation import engines
from tests.simulation.machine import Machine

from .planting import Change, Plant


def _create_by_post(_machine: Machine) -> list[Change]:
    return [(engine_apply, "_METHODS", {**engine_apply._METHODS, "create": "POST"})]


def _intent_after_send(_machine: Machine) -> list[Change]:
    """The call is committed only when its answer is known; the transport's own guard is off."""
    commit = ops.commit_call
    late: list[tuple[Any, ...]] = []

    def commit_later(connection: Any, new: Any, ids: Any, now: Any) -> None:
        late.append((new, ids, now))
        del connection

    def end(connection: Any, call_id: str, now: Any, **values: Any) -> None:
        if late:
            commit(connection, *late.pop())
        original_end(connection, call_id, now, **values)

    original_end = ops.end_call
    unguarded = _unguarded(Http.__init__)
    return [(ops, "commit_call", commit_later), (ops, "end_call", end), (Http, "__init__", unguarded)]


def _unguarded(original: Callable[..., None]) -> Callable[..., None]:
    def make(self: Http, _may_write: object, transport: Any = None) -> None:
        original(self, lambda _call_id: True, transport)

    return make


def _random_key(machine: Machine) -> list[Change]:
    """The idempotency key is drawn as the bytes leave, and kept nowhere."""
    keyed = requests.keyed

    def with_fresh_key(request: Any, _key: str) -> Any:
        return keyed(request, f"{machine.chance.getrandbits(64):016x}")

    return [(requests, "keyed", with_fresh_key)]


def _one_key_for_all(_machine: Machine) -> list[Change]:
    """The idempotency key does not depend on what is sent."""
    return [(engine_committed, "idempotency_key", lambda *_: "crossfoot")]


def _trust_200(_machine: Machine) -> list[Change]:
    """The elements' own errors are not read."""
    decode = documents.decode_elements

    def trusting(kind: str, body: bytes) -> list[documents.Element]:
        return [replace(element, errors=(), xero_id=element.xero_id or "unknown") for element in decode(kind, body)]

    return [(documents, "decode_elements", trusting)]


def _take_zero_ids(_machine: Machine) -> list[Change]:
    """An id of zeros counts as one."""
    return [(documents, "ZERO_ID", "no id")]


def _send_again_blindly(_machine: Machine) -> list[Change]:
    """A lost answer means failure: the invoice is sent again at once, under a fresh number, without a look."""

    def again(
        session: Session, batch: Sequence[StoredOperation], _applied: object, *, taken: bool = False
    ) -> list[StoredOperation]:
        del taken
        return [_renumbered(session, operation) for operation in batch if operation.action == "create"]

    return [(engine_apply, "_look_up", again)]


def _renumbered(session: Session, operation: StoredOperation) -> StoredOperation:
    body = decode_fields(operation.body)
    if "InvoiceNumber" in body["element"]:
        body["element"]["InvoiceNumber"] = f"SF-R{session.host.new_id()[:8]}"
    return replace(operation, body=encode(body))


def _resume_blindly(_machine: Machine) -> list[Change]:
    """What a dead process left is taken as not sent, numbers are random, and nobody looks at the marker in Xero."""

    def random_number(_connection: object, session: Session, *_: object) -> str:
        return f"SF-R{session.host.new_id()[:8]}"

    return [
        (engine_adopt, "_in_store", lambda _session, _operation: None),
        (engine_runs, "adopt_by_marker", lambda _session, _numbers: 0),
        (engine_reserve, "_number", random_number),
        (core_plan, "_double_billing", lambda *_: []),
    ]


def _never_adopt(_machine: Machine) -> list[Change]:
    """What was written but not linked is never taken up: neither by its operation nor by its marker."""
    return [
        (engine_runs, "resume", lambda _session: 0),
        (engine_runs, "adopt_by_marker", lambda _session, _numbers: 0),
    ]


def _retry_for_ever(_machine: Machine) -> list[Change]:
    """Every answer that is no success is waited out."""

    def patient(**facts: Any) -> Verdict:
        verdict = judge_answer(**facts)
        return verdict if verdict.next is Next.READ else Verdict(Next.WAIT, 1.0, "minute")

    return [(engine_remote, "judge_answer", patient), (engine_remote, "WAITS_FOR_LIMIT_MAX", 10**9)]


def _sleep_on_the_day(_machine: Machine) -> list[Change]:
    """A day's limit is slept out within the run."""

    def sleepy(**facts: Any) -> Verdict:
        verdict = judge_answer(**facts)
        return replace(verdict, next=Next.WAIT) if verdict.next is Next.PARK else verdict

    return [(engine_remote, "judge_answer", sleepy)]


def _ignore_retry_after(_machine: Machine) -> list[Change]:
    """What the server asks for is not waited for."""

    def hasty(**facts: Any) -> Verdict:
        verdict = judge_answer(**facts)
        return replace(verdict, wait_s=0.1) if verdict.limit else verdict

    return [
        (engine_remote, "judge_answer", hasty),
        (Pacing, "admit", lambda *_: 0),
        (Pacing, "note", lambda *_: None),
    ]


def _lost_is_not_done(_machine: Machine) -> list[Change]:
    """A write whose answer was lost is repeated as if it had never left."""

    def hopeful(**facts: Any) -> Verdict:
        return judge_loss(**{**facts, "is_write": False})

    def blind(session: Session, batch: Sequence[StoredOperation], _applied: object, **_: object) -> list[Any]:
        del session
        return list(batch)

    return [(engine_remote, "judge_loss", hopeful), (engine_apply, "_look_up", blind)]


def _halve_for_ever(_machine: Machine) -> list[Change]:
    """A refused batch is tried again whole, without an end."""
    record = engine_apply._record

    def never_done(session: Session, batch: Any, sent: Any, applied: Any) -> list[Any]:
        left = record(session, batch, sent, applied)
        return left or [(operation, ()) for operation in batch]

    return [
        (engine_apply, "_record", never_done),
        (engine_apply, "SENDS_MAX", 10**9),
        (engine_apply, "_look_up", lambda _session, batch, _applied, **_: list(batch)),
    ]


def _first_organisation(_machine: Machine) -> list[Change]:
    """The organisation is the first that the token reaches, not the one that was chosen."""
    header = Remote._tenant_header

    def first(self: Any, request: Any) -> dict[str, str]:
        return dict.fromkeys(header(self, request), "00000000-0000-4000-8000-000000000001")

    return [(Remote, "_tenant_header", first)]


def _remote_call_in_a_transaction(_machine: Machine) -> list[Change]:
    """The outcome is awaited with the transaction open."""
    once = Remote._once

    def within(self: Any, *args: Any, **words: Any) -> Any:
        database: Database = self._pacing.database
        with database.writing("held"):
            return once(self, *args, **words)

    return [(Remote, "_once", within), (Http, "__init__", _unguarded(Http.__init__))]


def _lease_without_fence(_machine: Machine) -> list[Change]:
    """A lease is taken, and never asked for again."""
    return [(Lease, name, lambda _self, _connection: None) for name in ("check", "keep")]


def _no_lock(_machine: Machine) -> list[Change]:
    """Two runs beside each other: neither the lock nor the lease refuses the second."""

    def nothing(*_: object) -> Any:
        return nullcontext()

    return [(engines.FileLock, "hold", nothing), (engines, "hold_lease", nothing)]


def _no_look_before_update(_machine: Machine) -> list[Change]:
    """An update is sent on the strength of the last sweep."""
    return [(engine_apply, "unmoved", lambda _session, batch: list(batch))]


def _leave_unread(_machine: Machine) -> list[Change]:
    """Nothing is read back."""
    return [(engine_runs, "verify", lambda _session, **_: Verified())]


def _read_back_without_comparing(_machine: Machine) -> list[Change]:
    """What is read back is taken as it comes, whatever was meant."""
    return [(engine_verify, "differences", lambda _meant, _found: [])]


def _assume_written_back(_machine: Machine) -> list[Change]:
    """A write-back whose answer was lost counts as done."""
    send = row_writes.send_batch

    def hopeful(session: Session, batch: Sequence[Any]) -> tuple[int, int]:
        def call(_session: Session, rows: Sequence[Any]) -> bytes:
            try:
                return original(_session, rows)
            except OutcomeUnknown:
                done = b",".join(b'{"id":"","success":true,"errors":[]}' for _ in rows)
                return b"[" + done + b"]"

        with patch.object(row_writes, "_send_rows", call):
            return send(session, batch)

    original = row_writes._send_rows
    return [(engine_sending, "send_batch", hopeful)]


def _write_every_time(_machine: Machine) -> list[Change]:
    """What was written back is not remembered."""
    return [(write_backs, "write_backs_written", lambda *_, **__: None)]


def _row_errors_unread(_machine: Machine) -> list[Change]:
    """Salesforce's refusal of single rows is not read."""
    settle = row_writes.settle_rows

    def deaf(connection: Any, session: Session, rows: Any, *, lost: bool = False) -> int:
        return settle(connection, session, [(item, replace(said, success=True)) for item, said in rows], lost=lost)

    return [(row_writes, "settle_rows", deaf), (row_writes, "BUSY", frozenset())]


def _refused_write_back_starts_anew(_machine: Machine) -> list[Change]:
    """When Salesforce refuses the status, the document counts as failed and is made again."""
    settle = row_writes.settle_rows

    def forget(connection: Any, session: Session, rows: Any, *, lost: bool = False) -> int:
        taken = settle(connection, session, rows, lost=lost)
        for item, outcome in rows:
            stored = find_link(connection, session.organisation_id, Kind.INVOICE, item.source_id)
            if not outcome.success and stored is not None:
                retire_link(connection, stored.id)
        return taken

    return [(row_writes, "settle_rows", forget)]


SENDING: Mapping[str, Plant] = {
    "create by POST": _create_by_post,
    "intent after send": _intent_after_send,
    "random idempotency key": _random_key,
    "one key for all": _one_key_for_all,
    "trust 200": _trust_200,
    "take zero ids": _take_zero_ids,
    "send again blindly": _send_again_blindly,
    "resume blindly": _resume_blindly,
    "never adopt": _never_adopt,
    "retry for ever": _retry_for_ever,
    "sleep on the day's limit": _sleep_on_the_day,
    "ignore Retry-After": _ignore_retry_after,
    "lost is not done": _lost_is_not_done,
    "halve for ever": _halve_for_ever,
    "first organisation": _first_organisation,
    "remote call in a transaction": _remote_call_in_a_transaction,
    "lease without fence": _lease_without_fence,
    "no lock": _no_lock,
    "no look before update": _no_look_before_update,
    "leave unread": _leave_unread,
    "read back without comparing": _read_back_without_comparing,
    "assume written back": _assume_written_back,
    "write every time": _write_every_time,
    "row errors unread": _row_errors_unread,
    "refused write-back starts anew": _refused_write_back_starts_anew,
}
