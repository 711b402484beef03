"""Overrides that people decided: who, when, why, and what the source said then. None is ever deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from crossfoot.core.overrides import Override, OverrideState
from crossfoot.store.codec import instant
from crossfoot.store.feed import touch
from crossfoot.store.prepared import Bound, Prepared, change
from crossfoot.store.schema import override as table

CHUNK = 500


def add_override(
    connection: Connection, organisation_id: str, source_id: str, decided: Override, now: datetime
) -> Override:
    """Keep a decision; an earlier one about the same part of the same record is dropped for it."""
    connection.execute(
        update(table)
        .where(
            table.c.organisation_id == organisation_id,
            table.c.source_id == source_id,
            table.c.field == decided.field,
            table.c.state != OverrideState.DROPPED.value,
        )
        .values(state=OverrideState.DROPPED.value)
    )
    added = connection.execute(
        insert(table)
        .values(
            organisation_id=organisation_id,
            source_id=source_id,
            field=decided.field,
            value=decided.value,
            was=decided.was,
            reason=decided.reason,
            actor=decided.actor,
            at=instant(now),
            approver="",
            state=decided.state.value,
        )
        .returning(table.c.id)
    ).scalar_one()
    touch(connection, organisation_id, source_id)
    return load_override(connection, organisation_id, int(added)) or decided


def load_override(connection: Connection, organisation_id: str, override_id: int) -> Override | None:
    """One decision, whatever became of it."""
    query = select(table).where(table.c.organisation_id == organisation_id, table.c.id == override_id)
    row = connection.execute(query).one_or_none()
    return _override(row) if row else None


@Prepared
def _standing(organisation_id: Bound) -> Select[Any]:
    mine = (table.c.organisation_id == organisation_id) & (table.c.state != OverrideState.DROPPED.value)
    return select(table).where(mine).order_by(table.c.id)


def load_overrides(
    connection: Connection, organisation_id: str, source_ids: Iterable[str] | None = None
) -> Mapping[str, list[Override]]:
    """Decisions that stand or are proposed, by record, in the order in which they were taken."""
    wanted = None if source_ids is None else set(source_ids)
    found: dict[str, list[Override]] = {}
    for row in _standing(connection, organisation_id=organisation_id):
        if wanted is None or row.source_id in wanted:
            found.setdefault(row.source_id, []).append(_override(row))
    return found


def settle_override(
    connection: Connection,
    organisation_id: str,
    decided: Override,
    state: OverrideState,
    *,
    approver: str = "",
    now: datetime | None = None,
) -> None:
    """Approve or drop a decision; its record is planned again."""
    values: dict[str, object] = {"state": state.value}
    if approver and now:
        values |= {"approver": approver, "approved_at": instant(now)}
    change(connection, table, {"id": decided.id}, values)
    touch(connection, organisation_id, decided.source_id)


def _override(row: object) -> Override:
    get = row._mapping  # type: ignore[attr-defined]
    return Override(
        field=get["field"],
        value=get["value"],
        was=get["was"],
        reason=get["reason"],
        actor=get["actor"],
        state=OverrideState(get["state"]),
        approver=get["approver"],
        id=get["id"],
        source_id=get["source_id"],
        at=get["at"],
    )
