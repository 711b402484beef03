"""Records that callers do not see though they are stored: writes that are not committed yet, and what is not shared.

A row is kept under its id with the object, the instant at which all see it (None: until somebody shares it again), and
what is seen until then: the row as it was before, or nothing. Uniqueness knows every stored row (SF 2.5, 7).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crossfoot.emulators.salesforce.world import Row, World


def hold(world: World, written: Iterable[tuple[str, str, Row | None]], now: datetime, seconds: int) -> None:
    """Have what a transaction wrote show only after a while. Of several writes of a row the first tells what it was."""
    until = now + timedelta(seconds=seconds)
    for object_name, record_id, before in written:
        world.unseen.setdefault(record_id, {"object": object_name, "until": until, "row": before, "since": now})


def hide(world: World, object_name: str, record_id: str, now: datetime) -> None:
    world.unseen[record_id] = {"object": object_name, "until": None, "row": None, "since": now}


def show(world: World, record_id: str) -> None:
    world.unseen.pop(record_id, None)


def settle(world: World, now: datetime) -> None:
    """Forget what everybody sees by now."""
    for record_id in [key for key, each in world.unseen.items() if each["until"] is not None and each["until"] <= now]:
        del world.unseen[record_id]


def shown_rows(world: World) -> dict[str, dict[str, Row]]:
    """The tables as callers see them."""
    rows = dict(world.rows)
    for object_name in {each["object"] for each in world.unseen.values()}:
        rows[object_name] = dict(rows.get(object_name, {}))
    for record_id, each in world.unseen.items():
        if each["row"] is None:
            rows[each["object"]].pop(record_id, None)
        else:
            rows[each["object"]][record_id] = each["row"]
    return rows


def is_hidden(world: World, record_id: str) -> bool:
    """Whether the record is not shared with callers."""
    found: dict[str, Any] | None = world.unseen.get(record_id)
    return found is not None and found["until"] is None


def covered_until(world: World, now: datetime) -> datetime:
    """Up to where all that was stamped can be seen: held back to the start of the longest transaction (SF 2.6)."""
    return min((each["since"] for each in world.unseen.values() if each["until"] is not None), default=now)
