"""Finding records by what is in them: keys kept as versions are stored.

A look-up gives *candidates*: keys are hashes, and a record that no longer holds a value is still found by it. Whoever
asks reads the candidates and looks. So nothing is ever taken away, and nothing that holds a value is missed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Select, select

from crossfoot.store.prepared import Bound, Prepared
from crossfoot.store.schema import lookup, name_key
from crossfoot.store.upsert import upsert

IDS_PER_QUERY = 500
Keys = tuple[tuple[str, str], ...]
"""(name, value) pairs under which a record is found."""


def chunks(values: Iterable[str]) -> Iterator[list[str]]:
    """Distinct values in order, so many at a time as one query takes."""
    ordered = sorted(set(values))
    for start in range(0, len(ordered), IDS_PER_QUERY):
        yield ordered[start : start + IDS_PER_QUERY]


def _hashed(home: str, kind: str, name: str, value: str) -> int:
    """48 bits: of a million deals one or two look-ups give a candidate too many."""
    text = f"{home}\x1f{kind}\x1f{name}\x1f{value}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()[:6], signed=True)


def save_keys(connection: Connection, home: str, kind: str, keys: Mapping[str, Keys]) -> None:
    """Keep under which values records are found, by record id."""
    rows = {
        (_hashed(home, kind, name, value), record_id)
        for record_id, pairs in keys.items()
        for name, value in pairs
        if value
    }
    upsert(connection, lookup, [{"key": key, "record_id": record_id} for key, record_id in sorted(rows)])


@Prepared
def _holding(keys: Bound) -> Select[Any]:
    return select(lookup.c.record_id).where(lookup.c.key.in_(keys))


def find_candidates(connection: Connection, home: str, kind: str, name: str, values: Iterable[str]) -> set[str]:
    """Ids of records that hold, or once held, one of the values."""
    wanted = sorted({_hashed(home, kind, name, value) for value in values if value})
    found: set[str] = set()
    for start in range(0, len(wanted), IDS_PER_QUERY):
        found.update(_holding(connection, keys=wanted[start : start + IDS_PER_QUERY]).scalars())
    return found


def save_names(connection: Connection, home: str, kind: str, names: Mapping[str, str]) -> None:
    """Keep the name by which similar ones are found, by record id; a blank one is never similar to anything."""
    rows = [
        {"home": home, "kind": kind, "record_id": record_id, "name": name} for record_id, name in sorted(names.items())
    ]
    upsert(connection, name_key, rows)


@Prepared
def _names(home: Bound, kind: Bound) -> Select[Any]:
    mine = (name_key.c.home == home) & (name_key.c.kind == kind) & (name_key.c.name != "")
    return select(name_key.c.record_id, name_key.c.name).where(mine)


def load_names(connection: Connection, home: str, kind: str) -> tuple[list[str], list[str]]:
    """Ids and names of all records of a kind, in the same order."""
    rows = _names(connection, home=home, kind=kind).all()
    return [row.record_id for row in rows], [row.name for row in rows]
