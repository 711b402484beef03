"""Operations and calls: the intent is committed here before a byte leaves, the outcome after it came back.

States of an operation: reserved -> sending -> (unknown) -> applied -> verified, or refused, or abandoned (it turned out
that it must not be sent after all). States of a call: committed -> answered | unknown; of a bulk
load: loading -> answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, and_, func, insert, select, update

from crossfoot.core.links import Identity, Kind
from crossfoot.store.codec import instant, moment
from crossfoot.store.lookups import chunks
from crossfoot.store.schema import call, from_units, operation, to_units

_LOADING = "loading"
STANDING = ("reserved", "sending", "unknown", "applied")


@dataclass(frozen=True, slots=True)
class StoredOperation:
    """One decided write, with the exact element that is sent for it."""

    id: str
    run_id: str
    identity: Identity
    source_id: str
    action: str
    state: str
    body: bytes
    payload_hash: str
    pre_image: str
    number: str
    xero_id: str
    currency: str
    ex_tax: Decimal
    gross: Decimal
    base_gross: Decimal
    reviewed: bool
    reason: str
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
    for item in operations:
        identity = item.identity
        connection.execute(
            insert(operation).values(
                id=item.id,
                organisation_id=identity.organisation_id,
                run_id=item.run_id,
                org_id=identity.org_id,
                kind=identity.kind.value,
                source_key=identity.source_key,
                part=identity.part,
                epoch=identity.epoch,
                source_id=item.source_id,
                action=item.action,
                state="reserved",
                body=item.body,
                payload_hash=item.payload_hash,
                pre_image=item.pre_image,
                number=item.number,
                xero_id=item.xero_id,
                currency=item.currency,
                ex_tax=to_units(item.ex_tax),
                gross=to_units(item.gross),
                base_gross=to_units(item.base_gross),
                reviewed=item.reviewed,
                call_id="",
                position=0,
                reason=item.reason,
                source_hash=item.source_hash,
                refusal="",
                reserved_at=instant(now),
            )
        )


def commit_call(connection: Connection, new: StoredCall, operation_ids: Sequence[str], now: datetime) -> None:
    """Commit a call and mark its operations as sending, in their order. Only then may it leave."""
    connection.execute(
        insert(call).values(
            id=new.id,
            home=new.home,
            run_id=new.run_id,
            method=new.method,
            path=new.path,
            body=new.body,
            idempotency_key=new.idempotency_key,
            token_generation=new.token_generation,
            state="committed",
            status=0,
            request_id="",
            first_sent_at=instant(now),
        )
    )
    for position, operation_id in enumerate(operation_ids):
        connection.execute(
            update(operation)
            .where(operation.c.id == operation_id)
            .values(state="sending", call_id=new.id, position=position)
        )


def end_call(
    connection: Connection, call_id: str, now: datetime, *, state: str, status: int = 0, request_id: str = ""
) -> None:
    """Record what became of a call; its body is no longer needed once it was answered."""
    values: dict[str, object] = {"state": state, "status": status, "request_id": request_id, "ended_at": instant(now)}
    if state == "answered":
        values["body"] = b""
    connection.execute(update(call).where(call.c.id == call_id).values(**values))
    if state == "unknown":
        connection.execute(
            update(operation)
            .where(operation.c.call_id == call_id, operation.c.state == "sending")
            .values(state="unknown")
        )


def call_is_committed(connection: Connection, call_id: str) -> bool:
    """Whether a call was committed and has no outcome yet: what the transport asks before it sends."""
    query = select(call.c.state).where(call.c.id == call_id)
    return connection.execute(query).scalar() == "committed"


def settle(
    connection: Connection,
    operation_id: str,
    state: str,
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
    connection.execute(update(operation).where(operation.c.id == operation_id).values(**values))


def load_operations(
    connection: Connection,
    organisation_id: str,
    *,
    states: Sequence[str] | None = None,
    run_id: str | None = None,
    kind: Kind | None = None,
    source_id: str | None = None,
) -> Iterator[StoredOperation]:
    """Operations by state, run, kind or source."""
    where = [operation.c.organisation_id == organisation_id]
    if states is not None:
        where.append(operation.c.state.in_(states))
    if run_id is not None:
        where.append(operation.c.run_id == run_id)
    if kind is not None:
        where.append(operation.c.kind == kind.value)
    if source_id is not None:
        where.append(operation.c.source_id == source_id)
    rows = connection.execute(select(operation).where(and_(*where)).order_by(operation.c.reserved_at, operation.c.id))
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


def orphaned_calls(connection: Connection, home: str) -> list[str]:
    """Calls that were committed but whose outcome this process does not know: an earlier one died over them."""
    return list(connection.execute(select(call.c.id).where(call.c.home == home, call.c.state == "committed")).scalars())


def first_sent_at(connection: Connection, call_id: str) -> datetime | None:
    """When a call was committed to be sent: until its time-out has passed since then it may still land."""
    text = connection.execute(select(call.c.first_sent_at).where(call.c.id == call_id)).scalar()
    return moment(text) if text else None


def recent_payments(connection: Connection, organisation_id: str, now: datetime) -> int:
    """Payments that were committed within the last 24 hours."""
    query = select(func.count()).where(
        operation.c.organisation_id == organisation_id,
        operation.c.kind == Kind.PAYMENT.value,
        operation.c.reserved_at > instant(now - timedelta(hours=24)),
        operation.c.state.not_in(("refused", "abandoned")),
    )
    return int(connection.execute(query).scalar() or 0)


@dataclass(frozen=True, slots=True)
class Load:
    """A bulk job that is under way: its id at the vendor (empty: not known yet) and the rows it writes."""

    id: str
    job_id: str
    body: bytes


def open_load(connection: Connection, new: StoredCall, now: datetime) -> None:
    """Commit a load before its job is made. Its steps are calls of their own; it ends when its outcomes are in."""
    commit_call(connection, new, [], now)
    connection.execute(update(call).where(call.c.id == new.id).values(state=_LOADING))


def keep_job(connection: Connection, load_id: str, job_id: str) -> None:
    """The job's id, kept before its rows are uploaded: after a crash the job is looked at and not made again."""
    connection.execute(update(call).where(call.c.id == load_id).values(idempotency_key=job_id))


def open_loads(connection: Connection, home: str) -> list[Load]:
    """Loads whose rows' outcomes are not in yet."""
    query = select(call).where(call.c.home == home, call.c.state == _LOADING).order_by(call.c.first_sent_at, call.c.id)
    return [Load(row.id, row.idempotency_key, row.body) for row in connection.execute(query)]


def recent_intents(connection: Connection, organisation_id: str, now: datetime) -> tuple[int, Decimal, int]:
    """Creations of invoices, their worth in base currency, and changes, committed within the last 24 hours."""
    since = instant(now - timedelta(hours=24))
    query = (
        select(operation.c.action, func.count(), func.sum(operation.c.base_gross))
        .where(
            operation.c.organisation_id == organisation_id,
            operation.c.kind == Kind.INVOICE.value,
            operation.c.reserved_at > since,
            operation.c.reviewed.is_(False),
            operation.c.state.not_in(("refused", "abandoned")),
        )
        .group_by(operation.c.action)
    )
    found = {action: (count, from_units(worth or 0)) for action, count, worth in connection.execute(query)}
    created, worth = found.pop("create", (0, Decimal(0)))
    return created, worth, sum(count for count, _ in found.values())


def was_reserved_since(connection: Connection, operation_id: str, since: datetime) -> bool:
    """Whether an operation is so young that a call of it may still land."""
    query = select(operation.c.reserved_at).where(operation.c.id == operation_id)
    return str(connection.execute(query).scalar() or "") > instant(since)


def recent_changes(connection: Connection, organisation_id: str, now: datetime) -> int:
    """Changes to customers and products on either side, committed within the last 24 hours."""
    query = select(func.count()).where(
        operation.c.organisation_id == organisation_id,
        operation.c.kind != Kind.INVOICE.value,
        operation.c.action == "update",
        operation.c.reserved_at > instant(now - timedelta(hours=24)),
        operation.c.state.not_in(("refused", "abandoned")),
    )
    return int(connection.execute(query).scalar() or 0)


def standing_refusals(connection: Connection, organisation_id: str, since: datetime) -> dict[tuple[str, str], str]:
    """The vendor's words by (source id, payload hash), where a source's newest operation was refused since then."""
    newest: dict[tuple[str, str, str], tuple[str, str, str, str]] = {}
    mine = operation.c.organisation_id == organisation_id
    lately = operation.c.resolved_at > instant(since)
    refused = select(operation.c.source_id).where(mine, operation.c.state == "refused", lately)
    query = (
        select(
            operation.c.source_id,
            operation.c.kind,
            operation.c.part,
            operation.c.state,
            operation.c.payload_hash,
            operation.c.refusal,
            operation.c.resolved_at,
        )
        .where(mine)
        .order_by(operation.c.reserved_at, operation.c.id)
    )
    for ids in chunks(connection.execute(refused).scalars()):
        rows = connection.execute(query.where(operation.c.source_id.in_(ids)))
        for source_id, kind, part, state, payload_hash, refusal, resolved_at in rows:
            newest[source_id, kind, part] = (state, payload_hash, refusal, resolved_at or "")
    return {
        (source_id, payload_hash): refusal
        for (source_id, _kind, _part), (state, payload_hash, refusal, resolved_at) in newest.items()
        if state == "refused" and resolved_at > instant(since)
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
