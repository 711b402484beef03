"""Write-backs: what Salesforce rows should say of Xero, kept before it is sent.

A row's fields are kept until Salesforce has taken them for certain; of what stands there only the digest is known.
Rows of the first wave are few, and stay whole: they are read again. Most keys begin with the organisation's id, which
is kept once, and not in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Update, case, delete, false, select, update

from crossfoot.store.codec import decode_fields, encode, instant
from crossfoot.store.lookups import chunks
from crossfoot.store.prepared import Bound, Prepared, beside, change
from crossfoot.store.schema import TO_SEND, write_back
from crossfoot.store.upsert import upsert

_WANTED = ("parent", "fields", "wanted_hash", "source_id", "wave")


@dataclass(frozen=True, slots=True)
class WriteBack:
    """What a Salesforce row should say of Xero. ``key`` is the record id or the external id, ``parent`` the key of the
    invoice that a line or a payment belongs to."""

    object: str
    key: str
    fields: Mapping[str, Any]
    wanted_hash: str
    source_id: str
    wave: int
    unsure_until: str | None = None
    written_hash: str = ""
    parent: str | None = None

    @property
    def state(self) -> tuple[str, str, str | None]:
        """By what one wanted state of a row is told from another."""
        return self.wanted_hash, self.source_id, self.parent


def want_write_backs(connection: Connection, organisation_id: str, items: Iterable[WriteBack]) -> None:
    """Keep what should stand in Salesforce; whether it differs from what was written shows in the hashes."""
    rows = [
        {
            "organisation_id": organisation_id,
            "object": item.object,
            "key": _within(organisation_id, item.key),
            "parent": _within(organisation_id, item.parent) if item.parent else None,
            "fields": encode(dict(item.fields)),
            "wanted_hash": item.wanted_hash,
            "written_hash": "",
            "refused_hash": "",
            "source_id": item.source_id,
            "wave": item.wave,
        }
        for item in items
    ]
    upsert(connection, write_back, rows, replace=_WANTED)


def _within(organisation_id: str, key: str) -> str:
    """A key as it is kept: without the organisation's id in front, and so beginning with a colon."""
    if key.startswith(":"):
        raise ValueError(f"{key!r} cannot be the key of a row")
    rest = key.removeprefix(organisation_id)
    return rest if rest.startswith(":") else key


def _whole(organisation_id: str, kept: str) -> str:
    """The key that ``_within`` was given."""
    return organisation_id + kept if kept.startswith(":") else kept


_STATE = (write_back.c.key, write_back.c.wanted_hash, write_back.c.source_id, write_back.c.parent)


def _of(organisation_id: Bound, name: Bound) -> ColumnElement[bool]:
    return (write_back.c.organisation_id == organisation_id) & (write_back.c.object == name)


@Prepared
def _states(organisation_id: Bound, name: Bound, keys: Bound) -> Select[Any]:
    return select(*_STATE).where(_of(organisation_id, name), write_back.c.key.in_(keys))


def wanted_states(
    connection: Connection, organisation_id: str, name: str, keys: Iterable[str]
) -> dict[str, tuple[str, str, str | None]]:
    """What should stand in some rows of one object (``WriteBack.state``), by key."""
    found = {}
    for part in chunks(_within(organisation_id, key) for key in keys):
        for row in _states(connection, organisation_id=organisation_id, name=name, keys=part):
            parent = _whole(organisation_id, row.parent) if row.parent else None
            found[_whole(organisation_id, row.key)] = (row.wanted_hash, row.source_id, parent)
    return found


@Prepared
def _below(organisation_id: Bound, name: Bound, parents: Bound) -> Select[Any]:
    mine = (beside(write_back.c.organisation_id) == organisation_id) & (beside(write_back.c.object) == name)
    return select(*_STATE).where(mine, write_back.c.parent.is_not(None), write_back.c.parent.in_(parents))


def rows_below(
    connection: Connection, organisation_id: str, name: str, parents: Iterable[str]
) -> list[tuple[str, str, str]]:
    """Key, source and parent of the rows of one object below some invoices."""
    return [
        (_whole(organisation_id, row.key), row.source_id, _whole(organisation_id, row.parent))
        for part in chunks(_within(organisation_id, parent) for parent in parents)
        for row in _below(connection, organisation_id=organisation_id, name=name, parents=part)
    ]


def write_backs_of(
    connection: Connection, organisation_id: str, name: str, source_id: str
) -> list[tuple[str, Mapping[str, Any]]]:
    """Key and fields of the rows of one object that concern one record: of a row of the first wave as it stands, of
    any other what was not taken yet."""
    query = select(write_back.c.key, write_back.c.fields).where(
        write_back.c.organisation_id == organisation_id,
        write_back.c.object == name,
        write_back.c.source_id == source_id,
    )
    return [
        (_whole(organisation_id, row.key), decode_fields(row.fields) if row.fields else {})
        for row in connection.execute(query)
    ]


@Prepared
def _but(organisation_id: Bound, name: Bound, wanted_hash: Bound) -> Select[Any]:
    return select(write_back.c.key).where(_of(organisation_id, name), write_back.c.wanted_hash != wanted_hash)


def rows_but(connection: Connection, organisation_id: str, name: str, wanted_hash: str) -> set[str]:
    """Keys of the rows of one object that should say anything but this."""
    kept = _but(connection, organisation_id=organisation_id, name=name, wanted_hash=wanted_hash).scalars()
    return {_whole(organisation_id, key) for key in kept}


@Prepared
def _refusals(organisation_id: Bound, source_ids: Bound) -> Select[Any]:
    return select(write_back.c.source_id).where(
        write_back.c.organisation_id == organisation_id,
        write_back.c.source_id.in_(source_ids),
        write_back.c.refused_at.is_not(None),
        write_back.c.refused_hash == write_back.c.wanted_hash,
    )


def refused_sources(connection: Connection, organisation_id: str, source_ids: Iterable[str]) -> set[str]:
    """Those of some records of which Salesforce refused what should stand in a row that concerns them."""
    parts = (_refusals(connection, organisation_id=organisation_id, source_ids=part) for part in chunks(source_ids))
    return {source_id for found in parts for source_id in found.scalars()}


def let_refusals_go(connection: Connection, organisation_id: str, shown: Iterable[str]) -> None:
    """Forget what was refused in other objects than those that are shown."""
    where = (write_back.c.organisation_id == organisation_id) & write_back.c.object.not_in(list(shown))
    refused = where & write_back.c.refused_at.is_not(None)
    connection.execute(update(write_back).where(refused).values(refused_hash="", refused_at=None))


@Prepared
def _unwritten(organisation_id: Bound, name: Bound, keys: Bound) -> Select[Any]:
    mine = _of(organisation_id, name) & (write_back.c.written_hash == "")
    return select(write_back.c.key).where(mine, write_back.c.key.in_(keys))


def unwritten_rows(connection: Connection, organisation_id: str, name: str, keys: Iterable[str]) -> set[str]:
    """Those of an object's rows that Salesforce never had: refused, lost on the way, or not sent yet."""
    mine = {"organisation_id": organisation_id, "name": name}
    parts = chunks(_within(organisation_id, key) for key in keys)
    kept = (key for part in parts for key in _unwritten(connection, **mine, keys=part).scalars())
    return {_whole(organisation_id, key) for key in kept}


def forget_write_back(connection: Connection, organisation_id: str, name: str, key: str) -> None:
    """A row that cannot be written any more, since its record is gone, is wanted no more."""
    kept = _within(organisation_id, key)
    mine = (write_back.c.organisation_id == organisation_id) & (write_back.c.object == name)
    connection.execute(delete(write_back).where(mine, write_back.c.key == kept))


@Prepared
def _pending(organisation_id: Bound, now: Bound, refused_before: Bound) -> Select[Any]:
    return (
        select(write_back)
        .where(
            TO_SEND,
            write_back.c.organisation_id == organisation_id,
            (write_back.c.wanted_hash != write_back.c.written_hash) | (write_back.c.unsure_until <= now),
            (write_back.c.refused_hash != write_back.c.wanted_hash) | (write_back.c.refused_at < refused_before),
        )
        .order_by(write_back.c.wave, write_back.c.object, write_back.c.key)
    )


def pending_write_backs(
    connection: Connection, organisation_id: str, now: datetime, refused_before: datetime
) -> Iterator[WriteBack]:
    """Rows whose wanted state was not written yet, and those that a lost call may have overtaken since.

    What was refused is tried again when it changed, or after ``refused_before``.
    """
    until = {"now": instant(now), "refused_before": instant(refused_before)}
    for row in _pending(connection, organisation_id=organisation_id, **until):
        yield WriteBack(
            row.object, _whole(organisation_id, row.key), decode_fields(row.fields), row.wanted_hash, row.source_id,
            row.wave, row.unsure_until, row.written_hash, _whole(organisation_id, row.parent) if row.parent else None,
        )  # fmt: skip


def _key(organisation_id: str, item: WriteBack) -> dict[str, object]:
    return {"organisation_id": organisation_id, "name": item.object, "key": _within(organisation_id, item.key)}


@Prepared
def _leaves(organisation_id: Bound, name: Bound, key: Bound, until: Bound) -> Update:
    return update(write_back).where(_of(organisation_id, name), write_back.c.key == key).values(unsure_until=until)


def write_backs_leave(
    connection: Connection, organisation_id: str, items: Iterable[WriteBack], until: datetime
) -> None:
    """A call for them leaves. Until its answer is known, and for a while where none comes, it may land at any time."""
    rows = [{**_key(organisation_id, item), "until": item.unsure_until or instant(until)} for item in items]
    _leaves.each(connection, rows)


@Prepared
def _taken(organisation_id: Bound, name: Bound, key: Bound, written: Bound, until: Bound, needed: Bound) -> Update:
    stands = write_back.c.wanted_hash == written
    left = case((stands & (needed == false()), b""), else_=write_back.c.fields)
    taken = {"written_hash": written, "refused_hash": "", "refused_at": None, "unsure_until": until, "fields": left}
    return update(write_back).where(_of(organisation_id, name), write_back.c.key == key).values(taken)


def write_backs_written(
    connection: Connection, organisation_id: str, items: Iterable[tuple[WriteBack, str | None]]
) -> None:
    """Salesforce took them. The instant beside each stays where an earlier call for it may still land: only else, and
    where it is what should still stand there, its fields are needed no more."""
    rows = [
        {
            **_key(organisation_id, item),
            "written": item.wanted_hash,
            "until": until,
            "needed": item.wave == 0 or until is not None,
        }
        for item, until in items
    ]
    _taken.each(connection, rows)


def write_back_refused(connection: Connection, organisation_id: str, item: WriteBack, now: datetime) -> None:
    """Salesforce refused it."""
    key = {"organisation_id": organisation_id, "object": item.object, "key": _within(organisation_id, item.key)}
    values = {"refused_hash": item.wanted_hash, "refused_at": instant(now), "unsure_until": None}
    change(connection, write_back, key, values)


def doubt_write_backs(connection: Connection, organisation_id: str) -> None:
    """Salesforce may hold something else than what is known to have been written, or nothing: all of it is written
    once more."""
    mine = write_back.c.organisation_id == organisation_id
    settled = (write_back.c.wanted_hash == write_back.c.written_hash) & write_back.c.unsure_until.is_(None)
    # Of settled rows but of the first wave the fields are not kept: they are sent once they are wanted again.
    later = mine & settled & (write_back.c.wave > 0)
    connection.execute(update(write_back).where(later).values(wanted_hash="", written_hash=""))
    connection.execute(update(write_back).where(mine).values(written_hash=""))


def retry_write_backs(connection: Connection, organisation_id: str, source_id: str) -> None:
    """Forget refusals for one source."""
    where = (write_back.c.organisation_id == organisation_id) & (write_back.c.source_id == source_id)
    refused = where & write_back.c.refused_at.is_not(None)
    connection.execute(update(write_back).where(refused).values(refused_hash="", refused_at=None))
