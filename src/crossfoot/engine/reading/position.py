"""How far an object of Salesforce was read, and with which fields.

Where the settings come to name other fields than were read so far, every row has the wrong ones: all of them are read
anew. That other fields are read of a record is no change of it: what its document was agreed on with stays agreed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from crossfoot.engine.session import Session
from crossfoot.mapping.compiled import Reading
from crossfoot.store.codec import decode, decode_fields, encode
from crossfoot.store.links import rename_source
from crossfoot.store.queue import rename_answers
from crossfoot.store.versions import (
    Version,
    load_reference,
    load_versions,
    load_watermark,
    move_watermark,
    save_reference,
)


@dataclass(frozen=True, slots=True)
class Position:
    """``since`` is None where all rows are to be read; ``again`` says that they were read before, with other fields,
    ``kept`` that just these fields are what is kept of it."""

    since: str | None
    again: bool
    kept: bool


def find_position(connection: Connection, session: Session, reading: Reading) -> Position:
    """From where to read an object with these fields."""
    reached = load_watermark(connection, session.org_id, reading.object)
    known = load_reference(connection, session.org_id, _key(reading))
    covered, wanted = set(decode(known[1], list[str])) if known else set(), _fields(reading)
    again = reached is not None and wanted != covered
    return Position(None if again else reached, again, kept=wanted == covered)


def move_position(
    connection: Connection, session: Session, reading: Reading, position: Position, until: datetime
) -> None:
    """Keep how far it was read, and with what; belongs in the transaction that stores what was read last."""
    now = session.host.now()
    move_watermark(connection, session.org_id, reading.object, until.isoformat(), now)
    if not position.kept:
        save_reference(connection, session.org_id, _key(reading), encode(sorted(_fields(reading))), now)


def is_current(connection: Connection, session: Session, reading: Reading) -> bool:
    """Whether an object is read with just these fields: a listener that began under other settings has others."""
    known = load_reference(connection, session.org_id, _key(reading))
    return known is None or set(decode(known[1], list[str])) == _fields(reading)


def _key(reading: Reading) -> str:
    return f"fields of {reading.object}"


def _fields(reading: Reading) -> set[str]:
    return {*reading.fields, *(f"{reading.lines}.{name}" for name in reading.line_fields)}


def keep_agreed(connection: Connection, session: Session, read: Sequence[Version]) -> None:
    """Let invoices' links, and people's answers, name the versions about to be stored where other fields are read of
    their deals, and that is all the difference."""
    fresh = {version.ref.id: version for version in read}
    for before in load_versions(connection, session.org_id, session.mapping.deal_object, ids=fresh):
        now = fresh[before.ref.id]
        if before.hash != now.hash and _says_the_same(decode_fields(before.body), decode_fields(now.body)):
            for rename in (rename_source, rename_answers):
                rename(connection, session.organisation_id, before.ref.id, before.hash, now.hash)


def _says_the_same(before: Any, now: Any) -> bool:
    """Whether two readings agree in all that both have."""
    if isinstance(before, dict) and isinstance(now, dict):
        return all(_says_the_same(before[name], now[name]) for name in before.keys() & now.keys())
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(map(_says_the_same, before, now))
    return bool(before == now)
