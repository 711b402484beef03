"""What is known of each organisation's limits, and the data received from it by month. Survives a restart."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from crossfoot.core.pacing import Quota, Window
from crossfoot.store import schema
from crossfoot.store.codec import instant, moment
from crossfoot.store.upsert import upsert

# Asked before and after each call: built once.
_QUOTA = select(schema.quota).where(schema.quota.c.home == bindparam("home"))
_RECEIVED = select(schema.received.c.received_bytes).where(
    schema.received.c.home == bindparam("home"), schema.received.c.month == bindparam("month")
)


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


def load_quota(connection: Connection, home: str) -> Quota:
    """What is known of an organisation's limits; empty where nothing was heard yet."""
    row = connection.execute(_QUOTA, {"home": home}).one_or_none()
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
    known = load_received(connection, home, now)
    row = {"home": home, "month": f"{now:%Y-%m}", "received_bytes": known + received_bytes}
    upsert(connection, schema.received, [row])


def load_received(connection: Connection, home: str, now: datetime) -> int:
    """Bytes received from an organisation in the month of ``now``."""
    return connection.execute(_RECEIVED, {"home": home, "month": f"{now:%Y-%m}"}).scalar() or 0
