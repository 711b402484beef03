"""What a plan was made from, and what was touched since.

Write transactions follow each other, so a sequence taken inside one rises in the order in which they commit: whoever
has read up to a value has missed nothing below it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Delete, Select, delete, select

from crossfoot.store.prepared import Bound, Prepared
from crossfoot.store.schema import planned, shown, touched, version
from crossfoot.store.upsert import upsert
from crossfoot.store.versions import next_seq


@dataclass(frozen=True, slots=True)
class PlannedTo:
    """How far an organisation was planned, and hashes of the settings and of the books that held then."""

    seq: int
    grounds: str
    books: str


@Prepared
def _planned(organisation_id: Bound) -> Select[Any]:
    return select(planned).where(planned.c.organisation_id == organisation_id)


def planned_to(connection: Connection, organisation_id: str) -> PlannedTo | None:
    """How far the plan that was kept last had read; None before the first."""
    row = _planned(connection, organisation_id=organisation_id).one_or_none()
    return PlannedTo(row.seq, row.grounds, row.books) if row else None


def save_planned_to(connection: Connection, organisation_id: str, reached: PlannedTo) -> None:
    """Keep it, in the transaction that keeps the plan's decisions."""
    row = {
        "organisation_id": organisation_id,
        "seq": reached.seq,
        "grounds": reached.grounds,
        "books": reached.books,
    }
    upsert(connection, planned, [row])
    carried = shown_to(connection, organisation_id)
    _forget_touched(connection, organisation_id, min(reached.seq, carried.seq) if carried else reached.seq)


@dataclass(frozen=True, slots=True)
class ShownTo:
    """How far what is stored was carried into Salesforce, the plan that it was carried with, a hash of what every row
    leans on, and the day on which it held."""

    seq: int
    planned_seq: int
    grounds: str
    as_of: str


@Prepared
def _shown(organisation_id: Bound) -> Select[Any]:
    return select(shown).where(shown.c.organisation_id == organisation_id)


def shown_to(connection: Connection, organisation_id: str) -> ShownTo | None:
    """How far it was carried last; None before the first time."""
    row = _shown(connection, organisation_id=organisation_id).one_or_none()
    return ShownTo(row.seq, row.planned_seq, row.grounds, row.as_of) if row else None


def save_shown_to(connection: Connection, organisation_id: str, reached: ShownTo) -> None:
    """Keep it, in the transaction that keeps what should stand in Salesforce."""
    upsert(connection, shown, [{"organisation_id": organisation_id, **asdict(reached)}])
    plan = planned_to(connection, organisation_id)
    _forget_touched(connection, organisation_id, min(reached.seq, plan.seq if plan else 0))


def forget_shown_to(connection: Connection, organisation_id: str) -> None:
    """Let the next write-back look at everything."""
    connection.execute(delete(shown).where(shown.c.organisation_id == organisation_id))


@Prepared
def _forget(organisation_id: Bound, seq: Bound) -> Delete:
    return delete(touched).where(touched.c.organisation_id == organisation_id, touched.c.seq <= seq)


def _forget_touched(connection: Connection, organisation_id: str, seq: int) -> None:
    """What both have seen, planning and writing back."""
    _forget(connection, organisation_id=organisation_id, seq=seq)


def touch(connection: Connection, organisation_id: str, *record_ids: str) -> None:
    """Note that something beside its version changed about a record, such as its link or a person's decision.

    Belongs in the transaction that makes the change; the record is then planned again.
    """
    seq = next_seq(connection)
    rows = [
        {"organisation_id": organisation_id, "record_id": record_id, "seq": seq}
        for record_id in dict.fromkeys(filter(None, record_ids))
    ]
    upsert(connection, touched, rows)


@Prepared
def _touched(organisation_id: Bound, seq: Bound) -> Select[Any]:
    return select(touched.c.record_id).where(touched.c.organisation_id == organisation_id, touched.c.seq > seq)


def touched_since(connection: Connection, organisation_id: str, seq: int) -> set[str]:
    """Ids of what was touched after a sequence value."""
    return set(_touched(connection, organisation_id=organisation_id, seq=seq).scalars())


@Prepared
def _changed(home: Bound, kind: Bound, seq: Bound) -> Select[Any]:
    mine = (version.c.home == home) & (version.c.kind == kind) & (version.c.changed_seq > seq)
    return select(version.c.record_id).where(mine)


def changed_since(connection: Connection, home: str, kind: str, seq: int) -> set[str]:
    """Ids of records of a kind whose content changed after a sequence value."""
    return set(_changed(connection, home=home, kind=kind, seq=seq).scalars())
