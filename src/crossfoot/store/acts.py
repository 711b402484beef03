"""Danger records of credit and re-issue: none is ever deleted, and one that has not ended is gone on with first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from crossfoot.core.reissue import Act, Stage
from crossfoot.store.codec import instant
from crossfoot.store.feed import touch
from crossfoot.store.lookups import chunks
from crossfoot.store.prepared import Bound, Prepared, change
from crossfoot.store.schema import act as table
from crossfoot.store.schema import from_units, to_units

_ENDED = (Stage.DONE.value, Stage.DROPPED.value)


def begin_act(connection: Connection, organisation_id: str, act: Act, now: datetime) -> None:
    """Keep that the act begins; belongs in a transaction of its own, before its first call. One that was dropped
    earlier begins anew."""
    key = (table.c.organisation_id == organisation_id, table.c.source_id == act.source_id, table.c.epoch == act.epoch)
    row = {
        "organisation_id": organisation_id,
        "source_id": act.source_id,
        "epoch": act.epoch,
        "xero_id": act.xero_id,
        "number": act.number,
        "credit_number": act.credit_number,
        "currency": act.currency,
        "gross": to_units(act.gross),
        "stage": Stage.BEGUN.value,
        "problem": "",
        "begun_at": instant(now),
        "ended_at": None,
    }
    again = connection.execute(update(table).where(*key, table.c.stage == Stage.DROPPED.value).values(**row))
    if not again.rowcount:
        connection.execute(insert(table).values(**row))


def move_act(
    connection: Connection, organisation_id: str, act: Act, stage: Stage, now: datetime, *, problem: str = ""
) -> None:
    """Keep how far it has come, or why it does not get further."""
    key = {"organisation_id": organisation_id, "source_id": act.source_id, "epoch": act.epoch}
    ended_at = instant(now) if stage.value in _ENDED else None
    change(connection, table, key, {"stage": stage.value, "problem": problem, "ended_at": ended_at})
    touch(connection, organisation_id, act.source_id)


@Prepared
def _open(organisation_id: Bound) -> Select[Any]:
    mine = (table.c.organisation_id == organisation_id) & table.c.stage.not_in(_ENDED)
    return select(table).where(mine).order_by(table.c.begun_at, table.c.source_id)


def open_acts(connection: Connection, organisation_id: str) -> list[Act]:
    """Acts that have begun and not ended."""
    return [_act(row) for row in _open(connection, organisation_id=organisation_id)]


def credited_invoices(connection: Connection, organisation_id: str, xero_ids: Iterable[str] | None) -> set[str]:
    """Invoices that an act took back, of all or among these: they stand, and are nobody's second invoice."""
    stages = (Stage.CREDITED.value, Stage.DONE.value)
    query = select(table.c.xero_id).where(table.c.organisation_id == organisation_id, table.c.stage.in_(stages))
    parts = [query] if xero_ids is None else [query.where(table.c.xero_id.in_(part)) for part in chunks(xero_ids)]
    return {xero_id for part in parts for xero_id in connection.execute(part).scalars()}


def _act(row: Row[tuple[object, ...]]) -> Act:
    return Act(
        row.source_id,
        row.epoch,
        row.xero_id,
        row.number,
        row.credit_number,
        row.currency,
        from_units(row.gross),
        Stage(row.stage),
        row.problem,
    )
