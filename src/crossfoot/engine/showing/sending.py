"""Everything that is pending towards Salesforce, sent: parents before children, by the way that suits its size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection

from crossfoot.core.links import Kind
from crossfoot.engine.reading.allowance import told_in_queue
from crossfoot.engine.reading.drift import unwritable
from crossfoot.engine.session import Session
from crossfoot.engine.showing.bulk_load import load_rows, under_way
from crossfoot.engine.showing.row_writes import batches, by_parent, parents, send_batch
from crossfoot.salesforce.bulk import Way, choose_write
from crossfoot.store import write_backs as store
from crossfoot.store.links import load_links
from crossfoot.store.write_backs import WriteBack


def send_rows(session: Session, pending: Sequence[WriteBack]) -> tuple[int, int]:
    """Send what is pending, less what an org's changed schema would refuse and what a bulk load is carrying.

    Returns rows written and rows refused.
    """
    written = refused = 0
    waves: dict[int, list[WriteBack]] = defaultdict(list)
    for item in _sendable(session, pending):
        waves[item.wave].append(item)
    with told_in_queue(session):
        for _, items in sorted(waves.items()):
            good, bad = _send_wave(session, _with_parents(session, items))
            written, refused = written + good, refused + bad
            session.progress("Writing to Salesforce", written + refused, len(pending))
    return written, refused


def _sendable(session: Session, pending: Sequence[WriteBack]) -> list[WriteBack]:
    carried = under_way(session)
    free = [item for item in pending if (item.object, item.key) not in carried]
    rows: dict[str, list[WriteBack]] = defaultdict(list)
    for item in free:
        rows[item.object].append(item)
    held = unwritable(session, {kind: [item.fields for item in items] for kind, items in rows.items()})
    return [item for item in free if not held.holds(item.object, item.fields)]


def _with_parents(session: Session, items: Sequence[WriteBack]) -> list[WriteBack]:
    """Rows whose parents Salesforce has, and whose key stands on the row that somebody entered for the same. Others
    wait: sent now they would be refused, and for another's reason, or make a second row."""
    pointed_at: dict[str, set[str]] = defaultdict(set)
    for item in items:
        for name, key in parents(item):
            pointed_at[name].add(key)
    with session.database.reading() as connection:
        entered = _entered(session, connection, items)
        for name, record_id in entered.values():
            pointed_at[name].add(record_id)
        missing = {
            (name, key)
            for name, keys in pointed_at.items()
            for key in store.unwritten_rows(connection, session.organisation_id, name, keys)
        }
    return [item for item in items if missing.isdisjoint([*parents(item), entered.get(item.key, ("", ""))])]


def _entered(session: Session, connection: Connection, items: Sequence[WriteBack]) -> dict[str, tuple[str, str]]:
    """Rows (object and id) that somebody entered for what others show, that is payments, by the key they shall bear; a
    payment that was taken away as well."""
    name, of = session.mapping.payment_object, f"{session.organisation_id}:"
    keys = {item.key.removeprefix(of): item.key for item in items if item.object == name and item.key.startswith(of)}
    links = load_links(connection, session.organisation_id, Kind.PAYMENT, xero_ids=keys, live_only=False)
    return {keys[stored.link.xero_id]: (name, stored.source_id) for stored in links}


def _send_wave(session: Session, items: Sequence[WriteBack]) -> tuple[int, int]:
    """Rows of one wave: objects with very many rows each by a bulk load, all others by collections."""
    by_object: dict[str, list[WriteBack]] = defaultdict(list)
    for item in items:
        by_object[item.object].append(item)
    few: list[WriteBack] = []
    done = []
    for _, rows in sorted(by_object.items()):
        if choose_write(by_parent(session, rows)).way is Way.BULK:
            done.append(load_rows(session, rows))
        else:
            few += rows
    done += [send_batch(session, batch) for batch in batches(session, few)]
    return sum(good for good, _ in done), sum(bad for _, bad in done)
