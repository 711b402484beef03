"""Planted bugs: one-line defects that the simulator must catch. They exist here only, as replaced functions.

Each names what a hurried engine would do. Several stack: Crossfoot has more than one line of defence, so a defect that
the next line would catch is planted together with that line's absence, and its description says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import crossfoot.engine.adopt as engine_adopt
import crossfoot.engine.apply as engine_apply
import crossfoot.engine.observe as engine_observe
import crossfoot.engine.runs as engine_runs
import crossfoot.engine.write_back as engine_write_back
from crossfoot.core import lifecycle
from crossfoot.core import plan as core_plan
from crossfoot.core.errors import OutcomeUnknown
from crossfoot.core.links import Kind
from crossfoot.engine.session import Session
from crossfoot.engine.verify import Verified
from crossfoot.http import Http
from crossfoot.salesforce.requests import RowOutcome
from crossfoot.store import operations as ops
from crossfoot.store import workspace
from crossfoot.store.codec import decode_fields, encode
from crossfoot.store.links import find_link, retire_link
from crossfoot.store.operations import StoredOperation
from crossfoot.store.versions import load_watermark, move_watermark
from crossfoot.xero import documents

from .machine import Machine

Change = tuple[object, str, object]


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


def _trust_200(_machine: Machine) -> list[Change]:
    """The elements' own errors are not read."""
    decode = documents.decode_elements

    def trusting(kind: str, body: bytes) -> list[documents.Element]:
        return [replace(element, errors=(), xero_id=element.xero_id or "unknown") for element in decode(kind, body)]

    return [(documents, "decode_elements", trusting)]


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
        (engine_apply, "_number", random_number),
        (core_plan, "_double_billing", lambda *_: []),
    ]


def _never_adopt(_machine: Machine) -> list[Change]:
    """What was written but not linked is never taken up: neither by its operation nor by its marker."""
    return [
        (engine_runs, "resume", lambda _session: 0),
        (engine_runs, "adopt_by_marker", lambda _session, _numbers: 0),
    ]


def _watermark_without_lag(_machine: Machine) -> list[Change]:
    return [(engine_observe, "SALESFORCE_LAG", timedelta(0)), (engine_observe, "XERO_LAG", timedelta(0))]


def _watermark_before_rows(machine: Machine) -> list[Change]:
    """The watermark moves when a sweep begins, not with its rows."""
    load = load_watermark

    def move_first(connection: Any, home: str, resource: str) -> str | None:
        position = load(connection, home, resource)
        move_watermark(connection, home, resource, machine.now.replace(microsecond=0).isoformat(), machine.now)
        return position

    return [(engine_observe, "load_watermark", move_first)]


def _no_look_before_update(_machine: Machine) -> list[Change]:
    """An update is sent on the strength of the last sweep."""
    return [(engine_apply, "unmoved", lambda _session, batch: list(batch))]


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


def _refused_write_back_starts_anew(_machine: Machine) -> list[Change]:
    """When Salesforce refuses the status, the document counts as failed and is made again."""
    settle = engine_write_back._settle

    def forget(connection: Any, session: Session, item: Any, outcome: RowOutcome, *, lost: bool) -> None:
        settle(connection, session, item, outcome, lost=lost)
        stored = find_link(connection, session.organisation_id, Kind.INVOICE, item.source_id)
        if not outcome.success and stored is not None:
            retire_link(connection, stored.id)

    return [(engine_write_back, "_settle", forget)]


def _assume_written_back(_machine: Machine) -> list[Change]:
    """A write-back whose answer was lost counts as done."""
    call = engine_write_back._call

    def hopeful(session: Session, batch: Sequence[Any]) -> list[RowOutcome]:
        try:
            return call(session, batch)
        except OutcomeUnknown:
            return [RowOutcome("", success=True)] * len(batch)

    return [(engine_write_back, "_call", hopeful)]


def _write_every_time(_machine: Machine) -> list[Change]:
    """What was written back is not remembered."""
    return [(workspace, "write_back_written", lambda *_, **__: None)]


def _leave_unread(_machine: Machine) -> list[Change]:
    """Nothing is read back."""
    return [(engine_runs, "verify", lambda _session, **_: Verified())]


@dataclass(frozen=True, slots=True)
class Bug:
    """A planted bug, and within how many seeds it must be caught, counted from ``first``."""

    plant: Callable[[Machine], list[Change]]
    seeds: int
    first: int = 1


BUGS: Mapping[str, Bug] = {
    "create by POST": Bug(_create_by_post, 40),
    "intent after send": Bug(_intent_after_send, 40),
    "trust 200": Bug(_trust_200, 40, first=11),
    "send again blindly": Bug(_send_again_blindly, 40),
    "resume blindly": Bug(_resume_blindly, 40, first=25),
    "never adopt": Bug(_never_adopt, 40, first=12),
    "watermark without lag": Bug(_watermark_without_lag, 40),
    "watermark before rows": Bug(_watermark_before_rows, 40),
    "no look before update": Bug(_no_look_before_update, 40, first=16),
    "overwrite drafts": Bug(_overwrite_drafts, 40),
    "refused write-back starts anew": Bug(_refused_write_back_starts_anew, 40),
    "assume written back": Bug(_assume_written_back, 40, first=16),
    "write every time": Bug(_write_every_time, 40),
    "leave unread": Bug(_leave_unread, 40, first=17),
}


@contextmanager
def planted(name: str, machine: Machine) -> Iterator[None]:
    """Plant one bug for the length of a history."""
    with ExitStack() as stack:
        for target, attribute, value in BUGS[name].plant(machine):
            stack.enter_context(patch.object(target, attribute, value))
        yield
