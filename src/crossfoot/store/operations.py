"""Operations and calls: the intent is committed here before a byte leaves, the outcome after it came back.

An operation goes reserved -> sending -> (unknown) -> applied -> verified, or is refused, or abandoned (it turned out
that it must not be sent after all). A call goes committed -> answered | unknown; a bulk load loading -> answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, select, text, update

from crossfoot.core.links import Identity, Kind
from crossfoot.core.money import ZERO
from crossfoot.store.codec import instant, moment
from crossfoot.store.lookups import chunks
from crossfoot.store.prepared import Bound, Prepared, change
from crossfoot.store.schema import call, from_units, operation, to_units

State = Literal["reserved", "sending", "unknown", "applied", "verified", "refused", "abandoned"]
CallState = Literal["committed", "answered", "unknown", "loading"]

IN_THE_AIR: tuple[State, ...] = ("reserved", "sending", "unknown")
"""Decided, and nobody has said yet what became of it."""
STANDING: tuple[State, ...] = (*IN_THE_AIR, "applied")
# Word for word what the index of those that stand says: they are few, and all others stay for ever.
_REFUSED = text("operation.state = 'refused'")
_STANDS = text("operation.state NOT IN ('refused', 'abandoned', 'verified')")


@dataclass(frozen=True, slots=True)
class StoredOperation:
    """One decided write, with the exact element that is sent for it."""

    id: str
    run_id: str
    identity: Identity
    source_id: str
    action: str
    body: bytes
    payload_hash: str
    reason: str
    state: State = "reserved"
    pre_image: str = ""
    number: str = ""
    xero_id: str = ""
    currency: str = ""
    ex_tax: Decimal = ZERO
    gross: Decimal = ZERO
    base_gross: Decimal = ZERO
    reviewed: bool = False
    source_hash: str = ""
    call_id: str = ""
    position: int = 0
    refusal: str = ""
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredCall:
    """One HTTP write: exact body and key, kept until its outcome is known."""

    id: str
    home: str
    run_id: str
    method: str
    path: str
    body: bytes
    idempotency_key: str
    token_generation: int


def reserve(connection: Connection, operations: Iterable[StoredOperation], now: datetime) -> None:
    """Commit the decision to write. A second standing operation of one identity is refused by the database."""
    rows = [_reserved(item, now) for item in operations]
    if rows:
        connection.execute(insert(operation), rows)


def _reserved(item: StoredOperation, now: datetime) -> dict[str, object]:
    identity = item.identity
    return {
        "id": item.id,
        "organisation_id": identity.organisation_id,
        "run_id": item.run_id,
        "org_id": identity.org_id,
        "kind": identity.kind.value,
        "source_key": identity.source_key,
        "part": identity.part,
        "epoch": identity.epoch,
        "source_id": item.source_id,
        "action": item.action,
        "state": "reserved",
        "body": item.body,
        "payload_hash": item.payload_hash,
        "pre_image": item.pre_image,
        "number": item.number,
        "xero_id": item.xero_id,
        "currency": item.currency,
        "ex_tax": to_units(item.ex_tax),
        "gross": to_units(item.gross),
        "base_gross": to_units(item.base_gross),
        "reviewed": item.reviewed,
        "call_id": "",
        "position": 0,
        "reason": item.reason,
        "source_hash": item.source_hash,
        "refusal": "",
        "reserved_at": instant(now),
    }


def commit_call(connection: Connection, new: StoredCall, operation_ids: Sequence[str], now: datetime) -> None:
    """Commit a call and mark its operations as sending, in their order. Only then may it leave."""
    row = {
        "id": new.id,
        "home": new.home,
        "run_id": new.run_id,
        "method": new.method,
        "path": new.path,
        "body": new.body,
        "idempotency_key": new.idempotency_key,
        "token_generation": new.token_generation,
        "state": "committed",
        "status": 0,
        "request_id": "",
        "first_sent_at": instant(now),
    }
    connection.execute(insert(call), row)
    for position, operation_id in enumerate(operation_ids):
        sending = {"state": "sending", "call_id": new.id, "position": position}
        change(connection, operation, {"id": operation_id}, sending)


def end_call(
    connection: Connection, call_id: str, now: datetime, *, state: CallState, status: int = 0, request_id: str = ""
) -> None:
    """Record what became of a call; its body is no longer needed once it was answered."""
    values: dict[str, object] = {"state": state, "status": status, "request_id": request_id, "ended_at": instant(now)}
    if state == "answered":
        values["body"] = b""
    change(connection, call, {"id": call_id}, values)
    if state == "unknown":
        change(connection, operation, {"call_id": call_id, "state": "sending"}, {"state": "unknown"})


@Prepared
def _call_state(call_id: Bound) -> Select[Any]:
    return select(call.c.state).where(call.c.id == call_id)


def call_is_committed(connection: Connection, call_id: str) -> bool:
    """Whether a call was committed and has no outcome yet: what the transport asks before it sends."""
    return bool(_call_state(connection, call_id=call_id).scalar() == "committed")


def settle(
    connection: Connection,
    operation_id: str,
    state: State,
    now: datetime,
    *,
    xero_id: str | None = None,
    refusal: str = "",
) -> None:
    """Move an operation on. What was sent, and its digests, are needed no more once it reads back as it was meant."""
    values: dict[str, object] = {"state": state, "refusal": refusal, "resolved_at": instant(now)}
    if state == "verified":
        values |= {"body": b"", "payload_hash": "", "source_hash": "", "pre_image": ""}
    if xero_id is not None:
        values["xero_id"] = xero_id
    if state == "reserved":
        values["call_id"] = ""
    change(connection, operation, {"id": operation_id}, values)


@cache
def _operations(names: tuple[str, ...], *, standing: bool) -> Prepared:
    """Operations of an organisation, of which each named column is among some values."""

    def build(organisation_id: Bound, **among: Bound) -> Select[Any]:
        mine = [operation.c[name].in_(values) for name, values in among.items()]
        query = select(operation).where(operation.c.organisation_id == organisation_id, *mine)
        query = query.where(_STANDS) if standing else query
        return query.order_by(operation.c.reserved_at, operation.c.id)

    return Prepared(build, ("organisation_id", *names))


def load_operations(
    connection: Connection,
    organisation_id: str,
    *,
    states: Sequence[State] | None = None,
    run_id: str | None = None,
    kind: Kind | None = None,
    source_id: str | None = None,
) -> Iterator[StoredOperation]:
    """Operations by state, run, kind or source."""
    asked = {"run_id": run_id, "kind": kind.value if kind else None, "source_id": source_id}
    among: dict[str, Sequence[str]] = {name: [value] for name, value in asked.items() if value is not None}
    if states is not None:
        among["state"] = states
    standing = states is not None and set(states) <= set(STANDING)
    rows = _operations(tuple(among), standing=standing)(connection, organisation_id=organisation_id, **among)
    for row in rows:
        yield StoredOperation(
            id=row.id,
            run_id=row.run_id,
            identity=Identity(row.org_id, row.organisation_id, Kind(row.kind), row.source_key, row.part, row.epoch),
            source_id=row.source_id,
            action=row.action,
            state=row.state,
            body=row.body,
            payload_hash=row.payload_hash,
            pre_image=row.pre_image,
            number=row.number,
            xero_id=row.xero_id,
            currency=row.currency,
            ex_tax=from_units(row.ex_tax),
            gross=from_units(row.gross),
            base_gross=from_units(row.base_gross),
            reviewed=row.reviewed,
            reason=row.reason,
            source_hash=row.source_hash,
            call_id=row.call_id,
            position=row.position,
            refusal=row.refusal,
            resolved_at=moment(row.resolved_at) if row.resolved_at else None,
        )


@Prepared
def _calls(home: Bound, state: Bound) -> Select[Any]:
    mine = (call.c.home == home) & (call.c.state == state)
    return select(call.c.id, call.c.idempotency_key, call.c.body).where(mine).order_by(call.c.first_sent_at, call.c.id)


def orphaned_calls(connection: Connection, home: str) -> list[str]:
    """Calls that were committed but whose outcome this process does not know: an earlier one died over them."""
    return list(_calls(connection, home=home, state="committed").scalars())


def first_sent_at(connection: Connection, call_id: str) -> datetime | None:
    """When a call was committed to be sent: until its time-out has passed since then it may still land."""
    at = connection.execute(select(call.c.first_sent_at).where(call.c.id == call_id)).scalar()
    return moment(at) if at else None


def _recently(organisation_id: Bound, since: Bound) -> ColumnElement[bool]:
    """Committed after an instant, and not known to have come to nothing."""
    mine = (operation.c.organisation_id == organisation_id) & (operation.c.reserved_at > since)
    return mine & operation.c.state.not_in(("refused", "abandoned"))


def _day_before(now: datetime) -> str:
    return instant(now - timedelta(hours=24))


@Prepared
def _recent_payments(organisation_id: Bound, since: Bound) -> Select[Any]:
    return select(func.count()).where(_recently(organisation_id, since), operation.c.kind == Kind.PAYMENT.value)


def recent_payments(connection: Connection, organisation_id: str, now: datetime) -> int:
    """Payments that were committed within the last 24 hours."""
    return int(_recent_payments(connection, organisation_id=organisation_id, since=_day_before(now)).scalar_one())


@dataclass(frozen=True, slots=True)
class Load:
    """A bulk job that is under way: its id at the vendor (empty: not known yet) and the rows it writes."""

    id: str
    job_id: str
    body: bytes


def open_load(connection: Connection, new: StoredCall, now: datetime) -> None:
    """Commit a load before its job is made. Its steps are calls of their own; it ends when its outcomes are in."""
    commit_call(connection, new, [], now)
    change(connection, call, {"id": new.id}, {"state": "loading"})


def keep_job(connection: Connection, load_id: str, job_id: str) -> None:
    """The job's id, kept before its rows are uploaded: after a crash the job is looked at and not made again."""
    change(connection, call, {"id": load_id}, {"idempotency_key": job_id})


def open_loads(connection: Connection, home: str) -> list[Load]:
    """Loads whose rows' outcomes are not in yet."""
    return [Load(row.id, row.idempotency_key, row.body) for row in _calls(connection, home=home, state="loading")]


@Prepared
def _recent_intents(organisation_id: Bound, since: Bound) -> Select[Any]:
    mine = (operation.c.kind == Kind.INVOICE.value) & operation.c.reviewed.is_(False)
    columns = (operation.c.action, func.count().label("operations"), func.sum(operation.c.base_gross).label("worth"))
    return select(*columns).where(_recently(organisation_id, since), mine).group_by(operation.c.action)


def recent_intents(connection: Connection, organisation_id: str, now: datetime) -> tuple[int, Decimal, int]:
    """Creations of invoices, their worth in base currency, and changes, committed within the last 24 hours."""
    rows = _recent_intents(connection, organisation_id=organisation_id, since=_day_before(now))
    found = {row.action: (row.operations, from_units(row.worth or 0)) for row in rows}
    created, worth = found.pop("create", (0, Decimal(0)))
    return created, worth, sum(count for count, _ in found.values())


def was_reserved_since(connection: Connection, operation_id: str, since: datetime) -> bool:
    """Whether an operation is so young that a call of it may still land."""
    query = select(operation.c.reserved_at).where(operation.c.id == operation_id)
    return str(connection.execute(query).scalar() or "") > instant(since)


@Prepared
def _recent_changes(organisation_id: Bound, since: Bound) -> Select[Any]:
    mine = (operation.c.kind != Kind.INVOICE.value) & (operation.c.action == "update")
    return select(func.count()).where(_recently(organisation_id, since), mine)


def recent_changes(connection: Connection, organisation_id: str, now: datetime) -> int:
    """Changes to customers and products on either side, committed within the last 24 hours."""
    return int(_recent_changes(connection, organisation_id=organisation_id, since=_day_before(now)).scalar_one())


@Prepared
def _lately_refused(organisation_id: Bound, since: Bound) -> Select[Any]:
    mine = operation.c.organisation_id == organisation_id
    return select(operation.c.source_id).where(mine, operation.c.resolved_at > since, _REFUSED)


@Prepared
def _histories(organisation_id: Bound, source_ids: Bound) -> Select[Any]:
    mine = (operation.c.organisation_id == organisation_id) & operation.c.source_id.in_(source_ids)
    return select(operation).where(mine).order_by(operation.c.reserved_at, operation.c.id)


def standing_refusals(connection: Connection, organisation_id: str, since: datetime) -> dict[tuple[str, str], str]:
    """The vendor's words by (source id, payload hash), where a source's newest operation was refused since then."""
    after = instant(since)
    newest: dict[tuple[str, str, str], Row[Any]] = {}
    for ids in chunks(_lately_refused(connection, organisation_id=organisation_id, since=after).scalars()):
        for row in _histories(connection, organisation_id=organisation_id, source_ids=ids):
            newest[row.source_id, row.kind, row.part] = row
    return {
        (row.source_id, row.payload_hash): row.refusal
        for row in newest.values()
        if row.state == "refused" and (row.resolved_at or "") > after
    }


def forget_refusals(connection: Connection, organisation_id: str, source_id: str) -> None:
    """A person asks for another attempt."""
    connection.execute(
        update(operation)
        .where(
            operation.c.organisation_id == organisation_id,
            operation.c.source_id == source_id,
            operation.c.state == "refused",
        )
        .values(state="abandoned")
    )
