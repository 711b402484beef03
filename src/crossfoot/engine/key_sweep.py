"""The key sweep: every id that Salesforce has, against every id that is stored. It finds what paging missed (it is read
now) and what is gone without a trace, as when a recycle bin was emptied (it is named; hidden is not deleted)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from crossfoot.engine.observe import read_rows, row_versions
from crossfoot.engine.session import Session
from crossfoot.mapping.compiled import Reading
from crossfoot.salesforce import soql
from crossfoot.store.scratch import key_table
from crossfoot.store.versions import next_seq, save_versions, standing_keys


@dataclass(frozen=True, slots=True)
class KeySweep:
    """What a sweep of one object found: how many ids each side has, ids read late, and ids that are gone."""

    object: str
    theirs: int
    ours: int
    missed: tuple[str, ...]
    gone: tuple[str, ...]


def sweep_keys(session: Session) -> list[KeySweep]:
    """Sweep the objects that the mapping reads. Weekly is enough; memory holds differences only."""
    return [_sweep(session, reading) for reading in session.mapping.readings().values()]


def _sweep(session: Session, reading: Reading) -> KeySweep:
    keys_only = replace(reading, fields=(), lines="", line_fields=())
    session.progress(f"Comparing ids of {reading.object}", 0, 0)
    with key_table() as table:
        with session.database.reading() as connection:
            table.add_ours(standing_keys(connection, session.org_id, reading.object))
        # read after ours: what comes into being meanwhile is theirs alone, and reading it once more harms nobody
        table.add_theirs((row["Id"], bool(row["IsDeleted"])) for row in read_rows(session, keys_only, ""))
        missed = tuple(table.missed())
        found = KeySweep(reading.object, *table.counts(), missed, tuple(table.gone()))
    for ids in _some(missed):
        with session.database.writing("key sweep") as connection:
            read_seq = next_seq(connection)
        versions = row_versions(session, reading, ids)
        with session.database.writing("missed rows") as connection:
            save_versions(connection, read_seq, versions)
    return found


def _some(ids: tuple[str, ...]) -> Iterator[list[str]]:
    for start in range(0, len(ids), soql.IDS_PER_QUERY):
        yield list(ids[start : start + soql.IDS_PER_QUERY])
