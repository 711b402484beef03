"""The audit log: append-only, one hash chain per organisation, one entry per mutation or decision.

What an entry says lies beside the chain, which holds its digest: so it can go after a time, and the chain still holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select

from crossfoot.store.codec import instant
from crossfoot.store.schema import audit, audit_body

GENESIS = "0" * 64
BODIES_KEPT = timedelta(days=90)
PRUNED_AT_ONCE_MAX = 5_000
ROWS_AT_ONCE = 1_000
# One entry for each mutation: built once.
_ADD, _ADD_BODY = insert(audit), insert(audit_body)
_BODY_OF = (audit_body.c.organisation_id == audit.c.organisation_id) & (audit_body.c.seq == audit.c.seq)
_NEWEST = (
    select(audit.c.seq, audit.c.hash)
    .where(audit.c.organisation_id == bindparam("organisation_id"))
    .order_by(audit.c.seq.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of the chain; ``body`` is empty once it is older than bodies are kept."""

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
    head = {
        "organisation_id": organisation_id,
        "seq": last + 1,
        "at": instant(now),
        "actor": actor,
        "action": action,
        "record_id": record_id,
    }
    digest = _digest(text)
    connection.execute(_ADD, {**head, "digest": digest, "hash": _hash(head, digest, previous)})
    connection.execute(_ADD_BODY, {"organisation_id": organisation_id, "seq": last + 1, "body": text.encode()})


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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _hash(row: Mapping[str, Any], covered: str, previous: str) -> str:
    """The hash of an entry covers its head, the digest of what it says (schema 0001: the words), and the one before."""
    head = [str(row[name]) for name in ("organisation_id", "seq", "at", "actor", "action", "record_id")]
    return _digest("\n".join([*head, covered, previous]))


def read_audit(connection: Connection, organisation_id: str, record_id: str | None = None) -> Iterator[AuditEntry]:
    """Entries in order, all or those of one record."""
    query = _entries(organisation_id)
    if record_id is not None:
        query = query.where(audit.c.record_id == record_id)
    for row in connection.execute(query):
        yield AuditEntry(row.seq, row.at, row.actor, row.action, row.record_id, json.loads(row.body or "{}"), row.hash)


def _entries(organisation_id: str) -> Select[Any]:
    query = select(audit, audit_body.c.body).outerjoin(audit_body, _BODY_OF)
    return query.where(audit.c.organisation_id == organisation_id).order_by(audit.c.seq)


def broken_audit_entry(connection: Connection, organisation_id: str) -> int | None:
    """The first entry that does not follow from the one before, or None when the chain verifies.

    Bodies go from the oldest on: one that is missing behind one that stands was taken out.
    """
    previous, expected, body_seen = GENESIS, 1, False
    with connection.execute(_entries(organisation_id).execution_options(yield_per=ROWS_AT_ONCE)) as rows:
        for row in rows.mappings():
            text = None if row["body"] is None else row["body"].decode()
            covered = row["digest"] or text or ""
            says_so = not body_seen if text is None else row["digest"] in {"", _digest(text)}
            if row["seq"] != expected or row["hash"] != _hash(dict(row), covered, previous) or not says_so:
                return expected
            previous, expected = row["hash"], expected + 1
            body_seen = body_seen or bool(row["digest"] and text)
    return None


def prune_bodies(connection: Connection, organisation_id: str, now: datetime) -> int:
    """Take out what entries say that are older than ``BODIES_KEPT``, the oldest first; their chain stays for ever.

    Entries of schema 0001 keep their words, which their hashes cover. Returns how many went.
    """
    until = instant(now - BODIES_KEPT)
    query = (
        select(audit_body.c.seq, audit.c.at)
        .join(audit, _BODY_OF)
        .where(audit.c.organisation_id == organisation_id, audit.c.digest != "")
        .order_by(audit_body.c.seq)
        .limit(PRUNED_AT_ONCE_MAX)
    )
    old = [row.seq for row in takewhile(lambda row: row.at < until, connection.execute(query))]
    if old:
        connection.execute(
            delete(audit_body).where(
                audit_body.c.organisation_id == organisation_id, audit_body.c.seq.between(old[0], old[-1])
            )
        )
    return len(old)
