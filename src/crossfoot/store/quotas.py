"""What is known of each organisation's limits, and the data received from it by month. Survives a restart."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from crossfoot.core.pacing import Quota, Window
from crossfoot.store import schema
from crossfoot.store.codec import instant, moment
from crossfoot.store.prepared import Bound, Prepared
from crossfoot.store.upsert import add, upsert


def save_quota(connection: Connection, home: str, quota: Quota) -> None:
    """Keep what the server last said of its limits."""
    row = {
        "home": home,
        "day_remaining": quota.day_left,
        "day_most": quota.day_most,
        "minute_remaining": quota.minute.left,
        "minute_began": _text(quota.minute.began),
        "app_remaining": quota.app_minute.left,
        "app_began": _text(quota.app_minute.began),
        "resume_at": _text(quota.resume_at),
        "parked_until": _text(quota.parked_until),
        "read_at": _text(quota.read_at),
    }
    upsert(connection, schema.quota, [row])


@Prepared
def _quota(home: Bound) -> Select[Any]:
    return select(schema.quota).where(schema.quota.c.home == home)


def load_quota(connection: Connection, home: str) -> Quota:
    """What is known of an organisation's limits; empty where nothing was heard yet."""
    row = _quota(connection, home=home).one_or_none()
    if row is None:
        return Quota()
    return Quota(
        day_left=row.day_remaining,
        day_most=row.day_most,
        minute=Window(row.minute_remaining, _moment(row.minute_began)),
        app_minute=Window(row.app_remaining, _moment(row.app_began)),
        resume_at=_moment(row.resume_at),
        parked_until=_moment(row.parked_until),
        read_at=_moment(row.read_at),
    )


def _text(at: datetime | None) -> str | None:
    return instant(at) if at else None


def _moment(text: str | None) -> datetime | None:
    return moment(text) if text else None


def add_received(connection: Connection, home: str, now: datetime, received_bytes: int) -> None:
    """Count an answer towards its month (UTC, as the vendor's bill does)."""
    add(connection, schema.received, {"home": home, "month": f"{now:%Y-%m}"}, "received_bytes", received_bytes)


@Prepared
def _received(home: Bound, month: Bound) -> Select[Any]:
    received = schema.received
    return select(received.c.received_bytes).where(received.c.home == home, received.c.month == month)


def load_received(connection: Connection, home: str, now: datetime) -> int:
    """Bytes received from an organisation in the month of ``now``."""
    return _received(connection, home=home, month=f"{now:%Y-%m}").scalar() or 0
