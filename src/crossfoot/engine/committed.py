"""One way to send a write: its call is committed, it leaves, and what became of it is kept.

``commit`` belongs in the transaction that commits the intent, ``Sent.end`` in the one that settles what was sent; no
transaction is open between the two. What follows an error is the sender's own: to make a new call, to look up what was
done, to halve, or to give up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy import Connection

from crossfoot.core.errors import NeedsReauthorisation, OutcomeUnknown, Rejected, RetryLater
from crossfoot.core.links import idempotency_key
from crossfoot.core.records import Side
from crossfoot.engine.calls.grants import Access
from crossfoot.engine.calls.remote import NotApplied, Remote, RequestT
from crossfoot.engine.session import Session
from crossfoot.store import operations as ops
from crossfoot.store.codec import decode_fields, encode
from crossfoot.store.operations import StoredCall, StoredOperation
from crossfoot.xero import elements, requests

T = TypeVar("T")
Failure = NotApplied | OutcomeUnknown | Rejected | RetryLater | NeedsReauthorisation
"""Why a call has no answer. But for ``OutcomeUnknown`` each says that it definitely did nothing."""


@dataclass(frozen=True, slots=True)
class Sent(Generic[T]):
    """What became of a call: its answer, decoded, or why there is none."""

    call_id: str
    answer: T | None
    error: Failure | None = None
    status: int = 0

    @property
    def did_nothing(self) -> bool:
        """Whether it is certain that nothing was done."""
        return self.error is not None and not isinstance(self.error, OutcomeUnknown)

    @property
    def stops(self) -> bool:
        """Whether a limit or an access that has ended kept it from being made: nothing more is sent in this run."""
        return isinstance(self.error, RetryLater | NeedsReauthorisation)

    @property
    def refusal(self) -> str:
        """The vendor's words, where it refused the call as a whole."""
        return ("; ".join(self.error.reasons) or str(self.error)) if isinstance(self.error, Rejected) else ""

    def end(self, connection: Connection, now: datetime) -> None:
        """Keep it. Where the outcome is unknown, so are the operations from here on; else the sender settles them."""
        state: ops.CallState = "unknown" if isinstance(self.error, OutcomeUnknown) else "answered"
        status, request_id = self.status, ""
        if isinstance(self.error, Rejected):
            status, request_id = self.error.status, self.error.request_id
        ops.end_call(connection, self.call_id, now, state=state, status=status, request_id=request_id)

    def unwrap(self) -> T:
        """The answer; where there is none, the error is raised."""
        if self.error is not None:
            raise self.error
        assert self.answer is not None
        return self.answer


@dataclass(frozen=True, slots=True)
class Call(Generic[RequestT]):
    """A committed write, and the token under which it leaves."""

    id: str
    remote: Remote[RequestT]
    request: RequestT
    access: Access

    def send(self, decode: Callable[[bytes], T], *, looked_at: datetime | None = None) -> Sent[T]:
        """Send it; an update while the look at its targets is fresh (I4). ``decode`` may find the outcome unknown."""
        try:
            answer = self.remote.write(self.id, self.request, self.access, looked_at=looked_at)
            return Sent(self.id, decode(answer.body), status=answer.status)
        except (NotApplied, OutcomeUnknown, Rejected, RetryLater, NeedsReauthorisation) as error:
            return Sent(self.id, None, error)


def commit(
    connection: Connection,
    session: Session,
    remote: Remote[RequestT],
    access: Access,
    request: RequestT,
    operations: Sequence[StoredOperation] = (),
) -> Call[RequestT]:
    """Commit a call of these operations, in their order. Ask for ``access`` first: to renew it is a call by itself.

    Xero knows a write again by its key (XERO 3.6), which is kept with the bytes; Salesforce by the rows' own ids.
    """
    call_id, body, key = session.host.new_id(), b"", ""
    if remote.side is Side.XERO:
        body = request.body
        key = idempotency_key(remote.home, call_id, hashlib.sha256(body).hexdigest())
        request = requests.keyed(request, key)
    home, path = remote.home, request.path
    stored = StoredCall(call_id, home, session.run_id, request.method, path, body, key, access.generation)
    ops.commit_call(connection, stored, [operation.id for operation in operations], session.host.now())
    return Call(call_id, remote, request, access)


def batch_of(kind: str, operations: Sequence[StoredOperation]) -> bytes:
    """The body that carries the elements of these operations."""
    return elements.batch_body(kind, [encode(decode_fields(operation.body)["element"]) for operation in operations])


def of_each(operations: Sequence[StoredOperation], decode: Callable[[bytes], list[T]]) -> Callable[[bytes], list[T]]:
    """Decode an outcome for each operation, in their order; an answer that has more or fewer tells nothing."""

    def outcomes(body: bytes) -> list[T]:
        found = decode(body)
        if len(found) != len(operations):
            raise OutcomeUnknown(f"{len(operations)} elements were sent, and the answer has {len(found)}.")
        return found

    return outcomes
