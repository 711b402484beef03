"""Hints that something changed at a vendor, kept before they are acknowledged and until a sweep has covered them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from crossfoot.store.codec import instant
from crossfoot.store.schema import hint

KEPT_MAX = 1_000
"""So many say no more than one: a sweep reads everything that changed. What comes beyond them needs no row."""


def keep_hint(connection: Connection, home: str, body: bytes, now: datetime) -> None:
    """Keep the raw body of a hint."""
    standing = connection.execute(select(func.count()).where(hint.c.home == home)).scalar() or 0
    if standing < KEPT_MAX:
        connection.execute(insert(hint).values(home=home, received_at=instant(now), body=body))


def open_hints(connection: Connection, home: str) -> list[int]:
    """Hints that no sweep has covered yet."""
    return list(connection.execute(select(hint.c.id).where(hint.c.home == home).order_by(hint.c.id)).scalars())


def forget_hints(connection: Connection, ids: Sequence[int]) -> None:
    """A sweep that began after they came has covered them."""
    if ids:
        connection.execute(delete(hint).where(hint.c.id.in_(ids)))
