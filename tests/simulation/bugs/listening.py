"""Defects in how change events are followed: what a hint is taken for, and when it counts as heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import update

import crossfoot.engine.reading.events as engine_events
import crossfoot.engine.reading.observe as engine_observe
from crossfoot.engine.reading.events import Listener
from crossfoot.salesforce.changes import Received, where_to_look
from crossfoot.store.schema import version
from crossfoot.store.versions import Version, load_versions, move_watermark, next_seq, save_reference, save_versions
from tests.simulation.machine import Machine

from .planting import Change, Plant

_absorb = Listener.absorb


def _position_before_records(_machine: Machine) -> list[Change]:
    """The replay id is stored as its events come, and not with what they point at."""

    def absorb(self: Listener, received: Received) -> None:
        with self.session.database.writing("hints") as connection:
            save_reference(
                connection, self.session.org_id, self._key, received.latest or b"\0", self.session.host.now()
            )
        _absorb(self, received)

    return [(Listener, "absorb", absorb)]


def _overflow_is_nothing(_machine: Machine) -> list[Change]:
    """An event that names no record tells nothing."""
    return [(engine_events, "where_to_look", lambda *told: replace(where_to_look(*told), sweep=frozenset()))]


def _last_to_arrive_wins(_machine: Machine) -> list[Change]:
    """What a listener read takes its number as it is stored, and not before it is read."""

    def newest(connection: Any, _read_seq: int, found: Sequence[Version]) -> Any:
        return save_versions(connection, next_seq(connection), found)

    return [(engine_events, "save_versions", newest)]


def _heard_is_read(_machine: Machine) -> list[Change]:
    """Who hears every change need not sweep: the watermark follows the stream."""

    def absorb(self: Listener, received: Received) -> None:
        _absorb(self, received)
        session, now = self.session, self.session.host.now()
        with session.database.writing("heard") as connection:
            move_watermark(connection, session.org_id, self._reading()[0].object, now.isoformat(), now)

    return [(Listener, "absorb", absorb)]


def _heard_is_planned(_machine: Machine) -> list[Change]:
    """What a listener stores does not count as changed: the next run's sweep finds it as it is, and plans nothing."""

    def quietly(connection: Any, read_seq: int, found: Sequence[Version]) -> Any:
        home, kind, ids = found[0].home, found[0].ref.kind, [each.ref.id for each in found]
        before = list(load_versions(connection, home, kind, ids=ids))
        counts = save_versions(connection, read_seq, found)
        for each in before:
            mine = (version.c.home == home) & (version.c.kind == kind) & (version.c.record_id == each.ref.id)
            connection.execute(update(version).where(mine).values(changed_seq=each.changed_seq))
        return counts

    return [(engine_events, "save_versions", quietly)]


def _sweep_began_with_its_answer(_machine: Machine) -> list[Change]:
    """A sweep passes what it saw, although what a listener read before kept it from being stored."""

    def answered(_session: Any, _started: datetime, server_date: datetime | None) -> datetime | None:
        return server_date

    return [(engine_observe, "_began", answered)]


LISTENING: Mapping[str, Plant] = {
    "replay id before records": _position_before_records,
    "overflow is nothing": _overflow_is_nothing,
    "last to arrive wins": _last_to_arrive_wins,
    "heard is read": _heard_is_read,
    "heard is planned": _heard_is_planned,
    "sweep began with its answer": _sweep_began_with_its_answer,
}
