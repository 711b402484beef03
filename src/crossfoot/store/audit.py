"""The audit log: append-only, one hash chain per organisation, one entry per mutation or decision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select

from crossfoot.store.codec import instant
from crossfoot.store.schema import audit

GENESIS = "0" * 64
# One entry for each mutation: built once.
_ADD = insert(audit)
_NEWEST = (
    select(audit.c.seq, audit.c.hash)
    .where(audit.c.organisation_id == bindparam("organisation_id"))
    .order_by(audit.c.seq.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of the chain."""

    seq: int
    at: str
    actor: str
    action: str
    record_id: str
    body: Mapping[str, object]
    hash: str


def append_audit(
    connection: Connection,
    organisation_id: str,
    now: datetime,
    *,
    actor: str,
    action: str,
    record_id: str = "",
    **body: object,
) -> None:
    """Add an entry; belongs in the transaction of what it records."""
    last, previous = newest_audit(connection, organisation_id)
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), default=str, ensure_ascii=False)
    row = {
        "organisation_id": organisation_id,
        "seq": last + 1,
        "at": instant(now),
        "actor": actor,
        "action": action,
        "record_id": record_id,
        "body": text,
        "previous_hash": previous,
    }
    connection.execute(_ADD, {**row, "hash": _hash(row)})


def newest_audit(connection: Connection, organisation_id: str) -> tuple[int, str]:
    """Place and hash of the newest entry; what comes before the first where there is none."""
    last = connection.execute(_NEWEST, {"organisation_id": organisation_id}).one_or_none()
    return (last.seq, last.hash) if last else (0, GENESIS)


def audit_hash(connection: Connection, organisation_id: str, seq: int) -> str | None:
    """The hash of one entry; None where there is no such entry."""
    if seq == 0:
        return GENESIS
    query = select(audit.c.hash).where(audit.c.organisation_id == organisation_id, audit.c.seq == seq)
    return connection.execute(query).scalar()


def audit_entries(connection: Connection, organisation_id: str) -> int:
    """How many entries there are."""
    query = select(func.count()).select_from(audit).where(audit.c.organisation_id == organisation_id)
    return int(connection.execute(query).scalar_one())


def _hash(row: Mapping[str, object]) -> str:
    names = ("organisation_id", "seq", "at", "actor", "action", "record_id", "body", "previous_hash")
    return hashlib.sha256("\n".join(str(row[name]) for name in names).encode()).hexdigest()


def read_audit(connection: Connection, organisation_id: str, record_id: str | None = None) -> Iterator[AuditEntry]:
    """Entries in order, all or those of one record."""
    query = select(audit).where(audit.c.organisation_id == organisation_id).order_by(audit.c.seq)
    if record_id is not None:
        query = query.where(audit.c.record_id == record_id)
    for row in connection.execute(query):
        yield AuditEntry(row.seq, row.at, row.actor, row.action, row.record_id, json.loads(row.body), row.hash)


def broken_audit_entry(connection: Connection, organisation_id: str) -> int | None:
    """The first entry that does not follow from the one before, or None when the chain verifies."""
    previous, expected = GENESIS, 1
    query = select(audit).where(audit.c.organisation_id == organisation_id).order_by(audit.c.seq)
    for row in connection.execute(query).mappings():
        if row["seq"] != expected or row["previous_hash"] != previous or row["hash"] != _hash(dict(row)):
            return expected
        previous, expected = row["hash"], expected + 1
    return None
