"""Where each planned deal stands, and what its decision leaned on (``core.standing``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select, text

from crossfoot.core.money import Money
from crossfoot.store.lookups import chunks
from crossfoot.store.prepared import Bound, Prepared, beside
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


def _among(by: str, organisation_id: Bound, ids: Bound) -> ColumnElement[bool]:
    """The deals of which one column is among some ids."""
    column = disposition.c.organisation_id
    organisation: ColumnElement[Any] = column if by == "record_id" else beside(column)
    return (organisation == organisation_id) & disposition.c[by].in_(ids)


@Prepared
def _all(organisation_id: Bound) -> Select[Any]:
    return select(disposition).where(disposition.c.organisation_id == organisation_id)


@Prepared
def _by_record(organisation_id: Bound, ids: Bound) -> Select[Any]:
    return select(disposition).where(_among("record_id", organisation_id, ids))


@Prepared
def _by_account(organisation_id: Bound, ids: Bound) -> Select[Any]:
    return select(disposition).where(_among("account_id", organisation_id, ids))


def load_dispositions(
    connection: Connection,
    organisation_id: str,
    *,
    record_ids: Iterable[str] | None = None,
    account_ids: Iterable[str] | None = None,
) -> Iterator[Disposition]:
    """Where deals stand: all, some, or those of some accounts."""
    if record_ids is None and account_ids is None:
        yield from map(_disposition, _all(connection, organisation_id=organisation_id))
        return
    found, ids = (_by_record, record_ids) if account_ids is None else (_by_account, account_ids)
    for part in chunks(ids or ()):
        yield from map(_disposition, found(connection, organisation_id=organisation_id, ids=part))


def _disposition(row: object) -> Disposition:
    get = row._mapping  # type: ignore[attr-defined]
    amount: Decimal = from_units(get["amount"])
    money = Money(get["currency"], amount)
    return Disposition(
        get["record_id"], get["bucket"], get["name"], get["owner"], money, get["account_id"], get["moves_in"]
    )


# Word for word what their indexes say: so SQLite finds by them the few that are meant.
_LEANS, _UNSETTLED = text("disposition.leans"), text("disposition.unsettled")


@Prepared
def _unsettled(organisation_id: Bound) -> Select[Any]:
    return select(disposition.c.record_id).where(beside(disposition.c.organisation_id) == organisation_id, _UNSETTLED)


def unsettled(connection: Connection, organisation_id: str) -> set[str]:
    """Deals to decide again whatever changed."""
    return set(_unsettled(connection, organisation_id=organisation_id).scalars())


@Prepared
def _leaning(organisation_id: Bound) -> Select[Any]:
    return select(disposition.c.record_id).where(beside(disposition.c.organisation_id) == organisation_id, _LEANS)


@Prepared
def _leaning_by_record(organisation_id: Bound, ids: Bound) -> Select[Any]:
    mine = _among("record_id", organisation_id, ids)
    return select(disposition.c.record_id).where(mine, disposition.c.leans)


@Prepared
def _leaning_by_account(organisation_id: Bound, ids: Bound) -> Select[Any]:
    mine = _among("account_id", organisation_id, ids)
    return select(disposition.c.record_id).where(mine, disposition.c.leans)


def leaning(
    connection: Connection,
    organisation_id: str,
    *,
    record_ids: Iterable[str] | None = None,
    account_ids: Iterable[str] | None = None,
) -> set[str]:
    """Deals whose decision leans on customer, products and books: all, or those of some ids or accounts."""
    if record_ids is None and account_ids is None:
        return set(_leaning(connection, organisation_id=organisation_id).scalars())
    found, ids = (_leaning_by_record, record_ids) if account_ids is None else (_leaning_by_account, account_ids)
    parts = (found(connection, organisation_id=organisation_id, ids=part) for part in chunks(ids or ()))
    return {record_id for rows in parts for record_id in rows.scalars()}


@Prepared
def _planned_since(organisation_id: Bound, seq: Bound) -> Select[Any]:
    mine = (disposition.c.planned_seq >= seq) & (beside(disposition.c.organisation_id) == organisation_id)
    return select(disposition.c.record_id).where(mine)


def planned_since(connection: Connection, organisation_id: str, seq: int) -> set[str]:
    """Deals that the plan of that sequence, or a later one, decided."""
    return set(_planned_since(connection, organisation_id=organisation_id, seq=seq).scalars())
