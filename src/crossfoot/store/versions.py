"""Stored versions of records, and how far each resource has durably been read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select, text

from crossfoot.core.records import RecordRef, Side
from crossfoot.store.codec import instant, moment
from crossfoot.store.lookups import Keys, chunks, save_keys, save_names
from crossfoot.store.prepared import Bound, Prepared, beside
from crossfoot.store.schema import counter, reference, version, watermark
from crossfoot.store.upsert import add, upsert

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Version:
    """One record as it was last read. ``changed_seq`` rises by our own sequence whenever its content changes.

    ``keys`` are values by which it is found, ``name`` the one by which similar records are.
    """

    ref: RecordRef
    home: str
    stamp: str
    hash: str
    body: bytes
    deleted: bool
    changed_seq: int = 0
    keys: Keys = ()
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ReadCounts:
    """Every record of a read ends in exactly one of these."""

    read: int
    changed: int
    unchanged: int


ANSWERED = 0
"""The read sequence of what the answer to a write showed: every reading replaces it, and it is no proof (F15)."""
_ANSWERED, _DELETED = text("version.read_seq = 0"), text("version.deleted")  # as their indexes say it


def next_seq(connection: Connection, name: str = "seq") -> int:
    """The next value of a durable counter."""
    return add(connection, counter, {"name": name}, "value")


@Prepared
def _last_seq(name: Bound) -> Select[Any]:
    return select(counter.c.value).where(counter.c.name == name)


def last_seq(connection: Connection, name: str = "seq") -> int:
    """The value that a durable counter gave last."""
    return int(_last_seq(connection, name=name).scalar() or 0)


def set_seq(connection: Connection, name: str, value: int) -> None:
    """Keep a value under a name of its own, such as how far something was seen."""
    upsert(connection, counter, [{"name": name, "value": value}])


def save_versions(connection: Connection, read_seq: int, versions: Sequence[Version]) -> ReadCounts:
    """Store what a read returned. Only a read that *began* later replaces a version, whatever the order of arrival.

    The change sequence is taken here and not where the read began: another process may have planned in between.
    """
    changed, changed_now = 0, 0
    for start in range(0, len(versions), CHUNK):
        chunk = {v.ref.id: v for v in versions[start : start + CHUNK]}
        known = _known(connection, list(chunk.values()))
        fresh, new = [], []
        for item in chunk.values():
            before = known.get((item.ref.kind, item.ref.id))
            if before and before[1] > read_seq:
                continue
            same = before is not None and before[0] == item.hash and before[3] == item.deleted
            if not same:
                changed += 1
                changed_now = changed_now or next_seq(connection)
                new.append(item)
            fresh.append(_row(item, read_seq, before[2] if before and same else changed_now))
        upsert(connection, version, fresh)
        _save_keys(connection, new)
    return ReadCounts(len(versions), changed, len(versions) - changed)


def read_back(connection: Connection, home: str, kind: str, ids: Collection[str]) -> set[str]:
    """Which of some records a reading has shown, and not only the answer to a write."""
    wanted = sorted(set(ids))
    found: set[str] = set()
    for start in range(0, len(wanted), CHUNK):
        query = select(version.c.record_id).where(
            version.c.home == home,
            version.c.kind == kind,
            version.c.read_seq != ANSWERED,
            version.c.record_id.in_(wanted[start : start + CHUNK]),
        )
        found.update(connection.execute(query).scalars())
    return found


@Prepared
def _unread(home: Bound, kind: Bound) -> Select[Any]:
    mine = (beside(version.c.home) == home) & (version.c.kind == kind)
    return select(version.c.record_id, version.c.changed_seq).where(mine, _ANSWERED)


def unread(connection: Connection, home: str, kind: str) -> dict[str, int]:
    """Change sequence of what only the answer to a write has shown, by id."""
    return {row.record_id: row.changed_seq for row in _unread(connection, home=home, kind=kind)}


def forget_answered(connection: Connection, home: str, kind: str, record_id: str) -> None:
    """Forget what only the answer to a write has shown."""
    mine = (version.c.home == home) & (version.c.kind == kind) & (version.c.record_id == record_id)
    connection.execute(delete(version).where(mine, version.c.read_seq == ANSWERED))


def _save_keys(connection: Connection, changed: Sequence[Version]) -> None:
    kinds = {(item.home, item.ref.kind) for item in changed}
    for home, kind in sorted(kinds):
        mine = [item for item in changed if (item.home, item.ref.kind) == (home, kind)]
        save_keys(connection, home, kind, {item.ref.id: item.keys for item in mine})
        save_names(connection, home, kind, {item.ref.id: item.name for item in mine if item.name is not None})


@Prepared
def _of_keys(home: Bound, kinds: Bound, ids: Bound) -> Select[Any]:
    columns = (version.c.kind, version.c.record_id, version.c.hash, version.c.read_seq, version.c.changed_seq)
    mine = (version.c.home == home) & version.c.kind.in_(kinds) & version.c.record_id.in_(ids)
    return select(*columns, version.c.deleted).where(mine)


def _known(connection: Connection, chunk: Sequence[Version]) -> dict[tuple[str, str], tuple[str, int, int, bool]]:
    kinds, ids = sorted({v.ref.kind for v in chunk}), [v.ref.id for v in chunk]
    rows = _of_keys(connection, home=chunk[0].home, kinds=kinds, ids=ids)
    return {(row.kind, row.record_id): (row.hash, row.read_seq, row.changed_seq, row.deleted) for row in rows}


def _row(item: Version, read_seq: int, changed_seq: int) -> dict[str, object]:
    return {
        "home": item.home,
        "kind": item.ref.kind,
        "record_id": item.ref.id,
        "side": item.ref.side.value,
        "stamp": item.stamp,
        "hash": item.hash,
        "body": item.body,
        "deleted": item.deleted,
        "read_seq": read_seq,
        "changed_seq": changed_seq,
    }


@Prepared
def _of_kind(home: Bound, kind: Bound, since: Bound) -> Select[Any]:
    return select(version).where(version.c.home == home, version.c.kind == kind, version.c.changed_seq > since)


@Prepared
def _of_ids(home: Bound, kind: Bound, ids: Bound) -> Select[Any]:
    return select(version).where(version.c.home == home, version.c.kind == kind, version.c.record_id.in_(ids))


def load_versions(
    connection: Connection, home: str, kind: str, *, ids: Iterable[str] | None = None, since_seq: int = -1
) -> Iterator[Version]:
    """Stored versions of one kind: those of ``ids``, or all that changed after ``since_seq``."""
    if ids is None:
        yield from map(_version, _of_kind(connection, home=home, kind=kind, since=since_seq))
        return
    for part in chunks(ids):
        yield from map(_version, _of_ids(connection, home=home, kind=kind, ids=part))


def _version(row: object) -> Version:
    get = row._mapping  # type: ignore[attr-defined]
    ref = RecordRef(Side(get["side"]), get["kind"], get["record_id"])
    return Version(ref, get["home"], get["stamp"], get["hash"], get["body"], get["deleted"], get["changed_seq"])


@Prepared
def _deleted(home: Bound, kind: Bound) -> Select[Any]:
    return select(version.c.record_id).where(beside(version.c.home) == home, version.c.kind == kind, _DELETED)


def deleted_ids(connection: Connection, home: str, kind: str) -> set[str]:
    """Records of one kind that were deleted."""
    return set(_deleted(connection, home=home, kind=kind).scalars())


def standing_keys(
    connection: Connection, home: str, kind: str, *, but_answered: bool = False
) -> Iterator[tuple[str, bool]]:
    """Id of every record of one kind, and whether it is deleted, without holding them all; ``but_answered``: of those
    that a reading has shown, and not only the answer to a write."""
    query = select(version.c.record_id, version.c.deleted).where(version.c.home == home, version.c.kind == kind)
    query = query.where(version.c.read_seq != ANSWERED) if but_answered else query
    for row in connection.execute(query.execution_options(yield_per=CHUNK)):
        yield row.record_id, row.deleted


@Prepared
def _newest(home: Bound, kind: Bound) -> Select[Any]:
    return select(func.max(version.c.changed_seq)).where(version.c.home == home, version.c.kind == kind)


def newest_change(connection: Connection, home: str, kind: str) -> int:
    """The highest change sequence among stored versions of one kind."""
    return int(_newest(connection, home=home, kind=kind).scalar() or 0)


@Prepared
def _watermark(home: Bound, resource: Bound) -> Select[Any]:
    return select(watermark.c.position).where(watermark.c.home == home, watermark.c.resource == resource)


def load_watermark(connection: Connection, home: str, resource: str) -> str | None:
    """How far a resource has durably been read, in the vendor's own terms."""
    return _watermark(connection, home=home, resource=resource).scalar()


def move_watermark(connection: Connection, home: str, resource: str, position: str, now: datetime) -> None:
    """Advance; belongs in the transaction that stores what it covers. It never goes back."""
    reached = max(position, load_watermark(connection, home, resource) or "")
    row = {"home": home, "resource": resource, "position": reached, "read_at": instant(now)}
    upsert(connection, watermark, [row])


def watermarks(connection: Connection, home: str) -> dict[str, tuple[str, str]]:
    """Position and time of the last read by resource."""
    rows = connection.execute(select(watermark).where(watermark.c.home == home))
    return {row.resource: (row.position, row.read_at) for row in rows}


def save_reference(connection: Connection, home: str, name: str, body: bytes, now: datetime) -> None:
    """Keep reference data with its read time."""
    save_references(connection, home, {name: body}, now)


def save_references(connection: Connection, home: str, bodies: Mapping[str, bytes], now: datetime) -> None:
    """The same of several, by name."""
    at = instant(now)
    rows = [{"home": home, "name": name, "read_at": at, "body": body} for name, body in bodies.items()]
    upsert(connection, reference, rows)


@Prepared
def _references(home: Bound, names: Bound) -> Select[Any]:
    return select(reference).where(reference.c.home == home, reference.c.name.in_(names))


def load_references(connection: Connection, home: str, names: Iterable[str]) -> dict[str, tuple[datetime, bytes]]:
    """Reference data and when it was read, by name, as far as it was ever read."""
    rows = _references(connection, home=home, names=sorted(names))
    return {row.name: (moment(row.read_at), row.body) for row in rows}


@Prepared
def _reference(home: Bound, name: Bound) -> Select[Any]:
    return select(reference).where(reference.c.home == home, reference.c.name == name)


def load_reference(connection: Connection, home: str, name: str) -> tuple[datetime, bytes] | None:
    """The same of one."""
    row = _reference(connection, home=home, name=name).one_or_none()
    return (moment(row.read_at), row.body) if row else None
