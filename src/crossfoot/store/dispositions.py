"""Where each planned deal stands, and what its decision leaned on (``core.standing``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, select

from crossfoot.core.money import Money
from crossfoot.store.lookups import chunks
from crossfoot.store.schema import disposition, from_units


@dataclass(frozen=True, slots=True)
class Disposition:
    """Where one deal stands."""

    record_id: str
    bucket: str
    name: str
    owner: str
    money: Money
    account_id: str
    moves_in: bool


def load_dispositions(
    connection: Connection,
    organisation_id: str,
    *,
    record_ids: Iterable[str] | None = None,
    account_ids: Iterable[str] | None = None,
) -> Iterator[Disposition]:
    """Where deals stand: all, some, or those of some accounts."""
    query = select(disposition).where(disposition.c.organisation_id == organisation_id)
    if record_ids is None and account_ids is None:
        yield from map(_disposition, connection.execute(query))
        return
    by_record = account_ids is None
    column = disposition.c.record_id if by_record else disposition.c.account_id
    for part in chunks((record_ids if by_record else account_ids) or ()):
        yield from map(_disposition, connection.execute(query.where(column.in_(part))))


def _disposition(row: object) -> Disposition:
    get = row._mapping  # type: ignore[attr-defined]
    amount: Decimal = from_units(get["amount"])
    money = Money(get["currency"], amount)
    return Disposition(
        get["record_id"], get["bucket"], get["name"], get["owner"], money, get["account_id"], get["moves_in"]
    )


def unsettled(connection: Connection, organisation_id: str) -> set[str]:
    """Deals to decide again whatever changed."""
    query = select(disposition.c.record_id).where(
        disposition.c.organisation_id == organisation_id, disposition.c.unsettled
    )
    return set(connection.execute(query).scalars())


def leaning(
    connection: Connection,
    organisation_id: str,
    *,
    record_ids: Iterable[str] | None = None,
    account_ids: Iterable[str] | None = None,
) -> set[str]:
    """Deals whose decision leans on customer, products and books: all, or those of some ids or accounts."""
    query = select(disposition.c.record_id).where(disposition.c.organisation_id == organisation_id, disposition.c.leans)
    if record_ids is None and account_ids is None:
        return set(connection.execute(query).scalars())
    by_record = account_ids is None
    column = disposition.c.record_id if by_record else disposition.c.account_id
    found: set[str] = set()
    for part in chunks((record_ids if by_record else account_ids) or ()):
        found.update(connection.execute(query.where(column.in_(part))).scalars())
    return found


def planned_since(connection: Connection, organisation_id: str, seq: int) -> set[str]:
    """Deals that the plan of that sequence, or a later one, decided."""
    query = select(disposition.c.record_id).where(
        disposition.c.planned_seq >= seq, disposition.c.organisation_id == organisation_id
    )
    return set(connection.execute(query).scalars())
