"""The key sweep: every id that either side has, against every id that is stored.

It finds what paging missed (it is read now) and what is gone without a trace, as when a recycle bin was emptied (it is
named; hidden is not deleted). An item that Xero does not list was deleted: all others stay in its lists (XERO 3.7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from crossfoot.core.links import Kind
from crossfoot.core.records import Side
from crossfoot.engine.reading.ledger import ITEM
from crossfoot.engine.reading.observe import XERO_RESOURCES, read_rows, row_versions, xero_pages
from crossfoot.engine.session import Session
from crossfoot.mapping.compiled import Reading
from crossfoot.salesforce import soql
from crossfoot.store.codec import instant, moment
from crossfoot.store.links import drop_link, load_links
from crossfoot.store.scratch import KeyTable, key_table
from crossfoot.store.versions import (
    Version,
    load_versions,
    load_watermark,
    move_watermark,
    next_seq,
    save_versions,
    standing_keys,
    watermarks,
)

EVERY = timedelta(days=7)
SHOWN_MAX = 5
_DONE = "key sweep"


@dataclass(frozen=True, slots=True)
class KeySweep:
    """What a sweep of one object found: how many ids each side has, ids read late, and ids that are gone."""

    side: Side
    object: str
    theirs: int
    ours: int
    missed: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def words(self) -> str:
        """What was found, for a person; blank where both sides agree."""
        name = f"{self.side.value.capitalize()} {self.object}"
        late = f"{len(self.missed):,} read late" if self.missed else ""
        shown = ", ".join(self.gone[:SHOWN_MAX]) + (" and more" if len(self.gone) > SHOWN_MAX else "")
        gone = f"{len(self.gone):,} gone without a trace ({shown})" if self.gone else ""
        return f"{name}: {', '.join(filter(None, (late, gone)))}" if late or gone else ""


def sweep_is_due(session: Session) -> bool:
    """Whether the last sweep of this organisation was a week ago, or none was yet."""
    with session.database.reading() as connection:
        last = load_watermark(connection, session.organisation_id, _DONE)
    return last is None or session.host.now() - moment(last) >= EVERY


def sweep_keys(session: Session) -> list[KeySweep]:
    """Sweep what the mapping reads, on both sides. Weekly is enough; memory holds differences only."""
    found = [_sweep_object(session, reading) for reading in session.mapping.readings().values()]
    with session.database.reading() as connection:
        resources = sorted(watermarks(connection, session.organisation_id).keys() & XERO_RESOURCES)
    found += [_sweep_resource(session, resource) for resource in resources]
    now = session.host.now()
    with session.database.writing("keys swept") as connection:
        move_watermark(connection, session.organisation_id, _DONE, instant(now), now)
    return found


def _sweep_object(session: Session, reading: Reading) -> KeySweep:
    """Salesforce: ids alone, then the rows that are missing."""
    keys_only = replace(reading, fields=(), lines="", line_fields=())

    def read(table: KeyTable) -> None:
        table.add_theirs((row["Id"], bool(row["IsDeleted"])) for row in read_rows(session, keys_only, ""))

    found = _compare(session, Side.SALESFORCE, session.org_id, reading.object, read)
    for ids in _some(found.missed):
        with session.database.writing("key sweep") as connection:
            read_seq = next_seq(connection)
        versions = row_versions(session, reading, ids)
        with session.database.writing("missed rows") as connection:
            save_versions(connection, read_seq, versions)
    return found


def _sweep_resource(session: Session, resource: str) -> KeySweep:
    """Xero has no list of ids: a page brings whole records, so that a change that was missed is found as well."""
    missed: list[str] = []
    with session.database.writing("key sweep") as connection:
        read_seq = next_seq(connection)

    def read(table: KeyTable) -> None:
        for page in xero_pages(session, resource, None):
            table.add_theirs((version.ref.id, version.deleted) for version in page.versions)
            otherwise, late = _unknown(session, resource, page.versions)
            with session.database.writing(f"missed {resource}") as connection:
                save_versions(connection, read_seq, otherwise)
            missed.extend(late)

    found = _compare(session, Side.XERO, session.organisation_id, resource, read)
    if resource == ITEM and found.theirs:  # that none is left at all is more likely a fault
        _end_items(session, read_seq, found.gone)
    return replace(found, missed=tuple(missed))


def _end_items(session: Session, read_seq: int, gone: Sequence[str]) -> None:
    """Deleted items code nothing any more, and free their codes: where one is used, it is made anew."""
    home = session.organisation_id
    with session.database.writing("items gone") as connection:
        versions = load_versions(connection, home, ITEM, ids=gone)
        save_versions(connection, read_seq, [replace(version, deleted=True) for version in versions])
        for stored in list(load_links(connection, home, Kind.ITEM, xero_ids=gone)):
            drop_link(connection, stored.id)


def _unknown(session: Session, resource: str, versions: list[Version]) -> tuple[list[Version], list[str]]:
    """Those that are not stored as they are read, and the ids of those that should have been read before. What Xero
    changed without a new stamp, as the customer's name within an invoice, no reading could have told of."""
    ids = [version.ref.id for version in versions]
    with session.database.reading() as connection:
        known = {each.ref.id: each for each in load_versions(connection, session.organisation_id, resource, ids=ids)}
    otherwise = [each for each in versions if each.ref.id not in known or known[each.ref.id].hash != each.hash]
    late = [each.ref.id for each in otherwise if each.ref.id not in known or known[each.ref.id].stamp != each.stamp]
    return otherwise, late


def _compare(session: Session, side: Side, home: str, name: str, read: Callable[[KeyTable], None]) -> KeySweep:
    session.progress(f"Comparing ids of {name}", 0, 0)
    with key_table() as table:
        with session.database.reading() as connection:
            # what only an answer told of may not be listed yet: it is not gone
            table.add_ours(standing_keys(connection, home, name, but_answered=True))
        # read after ours: what comes into being meanwhile is theirs alone, and reading it once more harms nobody
        read(table)
        return KeySweep(side, name, *table.counts(), tuple(table.missed()), tuple(table.gone()))


def _some(ids: tuple[str, ...]) -> Iterator[list[str]]:
    for start in range(0, len(ids), soql.IDS_PER_QUERY):
        yield list(ids[start : start + soql.IDS_PER_QUERY])
