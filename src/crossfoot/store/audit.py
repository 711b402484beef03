"""The audit log: append-only, one hash chain per organisation, one entry per mutation or decision.

What an entry says lies beside the chain, which holds its digest: so it can go after a time, and the chain still holds.
Neighbours say nearly the same: once there are enough, they are laid in one row, where they take a quarter of the room.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select

from crossfoot.store.codec import instant
from crossfoot.store.schema import audit, audit_body
from crossfoot.store.versions import last_seq, set_seq

GENESIS = "0" * 64
BODIES_KEPT = timedelta(days=90)
PRUNED_AT_ONCE_MAX = 5_000
ROWS_AT_ONCE = 1_000
BLOCK = 256
BLOCKS_AT_ONCE = 32
# One entry for each mutation: built once.
_ADD, _ADD_BODY = insert(audit), insert(audit_body)
_BODY_UP_TO = (audit_body.c.organisation_id == audit.c.organisation_id) & (audit_body.c.seq == audit.c.seq)
_BODIES = (
    select(audit_body.c.first, audit_body.c.seq, audit_body.c.body)
    .where(audit_body.c.organisation_id == bindparam("organisation_id"), audit_body.c.seq >= bindparam("seq"))
    .order_by(audit_body.c.seq)
    .limit(bindparam("rows"))
)
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


@dataclass(frozen=True, slots=True)
class Said:
    """What a new entry shall say."""

    action: str
    record_id: str
    body: Mapping[str, object]


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
    append_all(connection, organisation_id, now, actor, [Said(action, record_id, body)])


def append_all(
    connection: Connection, organisation_id: str, now: datetime, actor: str, entries: Iterable[Said]
) -> None:
    """Add entries in their order; belongs in the transaction of what they record."""
    last, newest = newest_audit(connection, organisation_id)
    heads: list[dict[str, object]] = []
    bodies: list[dict[str, object]] = []
    for seq, said in enumerate(entries, last + 1):
        text = json.dumps(said.body, sort_keys=True, separators=(",", ":"), default=str, ensure_ascii=False)
        head: dict[str, object] = {"organisation_id": organisation_id, "seq": seq, "at": instant(now), "actor": actor}
        head |= {"action": said.action, "record_id": said.record_id}
        digest = _digest(text)
        newest = _hash(head, digest, newest)
        heads.append({**head, "digest": digest, "hash": newest})
        bodies.append({"organisation_id": organisation_id, "seq": seq, "first": seq, "body": text.encode()})
    if heads:
        connection.execute(_ADD, heads)
        connection.execute(_ADD_BODY, bodies)


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


class _Bodies:
    """What entries say. Asked for in their order, each row is read once, so many at a time."""

    def __init__(self, connection: Connection, organisation_id: str, rows: int = BLOCKS_AT_ONCE) -> None:
        self._connection, self._organisation_id, self._at_once = connection, organisation_id, rows
        self._asked = self._first = self._last = 0
        self._lines: list[bytes] = []
        self._read: deque[Any] = deque()

    def of(self, seq: int) -> bytes | None:
        """What one entry says, or None where that was taken out."""
        if not self._asked <= seq <= self._last:
            row = self._next(seq)
            self._asked, self._first, self._last = (seq, row.first, row.seq) if row else (seq, sys.maxsize, sys.maxsize)
            # At most so many lines: what was added belongs to the last entry, whose digest does not cover it.
            self._lines = row.body.split(b"\n", row.seq - row.first) if row else []
        place = seq - self._first
        return self._lines[place] if 0 <= place < len(self._lines) else None

    def _next(self, seq: int) -> Any:
        """The first row that reaches to this entry or beyond."""
        while self._read and self._read[0].seq < seq:
            self._read.popleft()
        if not self._read:
            try:
                self._read = self._from(seq, self._at_once)
            except ValueError:  # one of them is no body at all: those before it are
                self._at_once = 1
                self._read = self._from(seq, self._at_once)
        return self._read.popleft() if self._read else None

    def _from(self, seq: int, rows: int) -> deque[Any]:
        given = {"organisation_id": self._organisation_id, "seq": seq, "rows": rows}
        return deque(self._connection.execute(_BODIES, given))


def read_audit(connection: Connection, organisation_id: str, record_id: str | None = None) -> Iterator[AuditEntry]:
    """Entries in order, all or those of one record."""
    query, bodies = _entries(organisation_id), _Bodies(connection, organisation_id)
    if record_id is not None:  # its entries lie far apart
        query, bodies = query.where(audit.c.record_id == record_id), _Bodies(connection, organisation_id, rows=1)
    for row in connection.execute(query):
        body = json.loads(bodies.of(row.seq) or b"{}")
        yield AuditEntry(row.seq, row.at, row.actor, row.action, row.record_id, body, row.hash)


def _entries(organisation_id: str) -> Select[Any]:
    return select(audit).where(audit.c.organisation_id == organisation_id).order_by(audit.c.seq)


def broken_audit_entry(connection: Connection, organisation_id: str) -> int | None:
    """The first entry that does not follow from the one before, or None when the chain verifies.

    Bodies go from the oldest on: one that is missing behind one that stands was taken out.
    """
    previous, expected, body_seen = GENESIS, 1, False
    bodies = _Bodies(connection, organisation_id)
    with connection.execute(_entries(organisation_id).execution_options(yield_per=ROWS_AT_ONCE)) as rows:
        for row in rows.mappings():
            try:
                body = bodies.of(row["seq"])
            except ValueError:  # somebody wrote over it what is no body at all
                return expected
            text = None if body is None else body.decode()
            covered = row["digest"] or text or ""
            says_so = not body_seen if text is None else row["digest"] in {"", _digest(text)}
            if row["seq"] != expected or row["hash"] != _hash(dict(row), covered, previous) or not says_so:
                return expected
            previous, expected = row["hash"], expected + 1
            body_seen = body_seen or bool(row["digest"] and text)
    return None


def _packed_to(organisation_id: str) -> str:
    return f"audit bodies packed of {organisation_id}"


def bodies_to_pack(connection: Connection, organisation_id: str) -> bool:
    """Whether so much was said since the last time that it can be laid together."""
    newest, _ = newest_audit(connection, organisation_id)
    return newest - last_seq(connection, _packed_to(organisation_id)) >= BLOCK


def pack_bodies(connection: Connection, organisation_id: str) -> int:
    """Lay what ``BLOCK`` entries in a row say into one row, the oldest first, for up to ``BLOCKS_AT_ONCE`` rows.

    Where what an entry says was taken out nothing is laid together: whoever verifies the chain finds that. Entries of
    schema 0001 stay, since their words do. Returns how many rows were made.
    """
    query = (
        select(audit_body.c.seq, audit_body.c.body)
        .join(audit, _BODY_UP_TO)
        .where(
            audit_body.c.organisation_id == organisation_id,
            audit_body.c.seq > last_seq(connection, _packed_to(organisation_id)),
            audit.c.digest != "",
        )
        .order_by(audit_body.c.seq)
        .limit(BLOCK * BLOCKS_AT_ONCE)
    )
    said = connection.execute(query).all()
    made = 0
    for start in range(0, len(said) - BLOCK + 1, BLOCK):
        block = said[start : start + BLOCK]
        first, last = block[0].seq, block[-1].seq
        if last - first != BLOCK - 1:
            break
        _take_out(connection, organisation_id, first, last)
        body = b"\n".join(row.body for row in block)
        connection.execute(_ADD_BODY, {"organisation_id": organisation_id, "seq": last, "first": first, "body": body})
        set_seq(connection, _packed_to(organisation_id), last)
        made += 1
    return made


def _take_out(connection: Connection, organisation_id: str, first: int, last: int) -> None:
    mine = (audit_body.c.organisation_id == organisation_id) & audit_body.c.seq.between(first, last)
    connection.execute(delete(audit_body).where(mine))


def prune_bodies(connection: Connection, organisation_id: str, now: datetime) -> int:
    """Take out what entries say that are older than ``BODIES_KEPT``, the oldest first; their chain stays for ever.

    What was laid together goes when the youngest of it is so old. Entries of schema 0001 keep their words, which their
    hashes cover. Returns how many entries' words went.
    """
    until = instant(now - BODIES_KEPT)
    query = (
        select(audit_body.c.first, audit_body.c.seq, audit.c.at)
        .join(audit, _BODY_UP_TO)
        .where(audit.c.organisation_id == organisation_id, audit.c.digest != "")
        .order_by(audit_body.c.seq)
        .limit(PRUNED_AT_ONCE_MAX)
    )
    old = list(takewhile(lambda row: row.at < until, connection.execute(query)))
    if old:
        _take_out(connection, organisation_id, old[0].seq, old[-1].seq)
    return sum(row.seq - row.first + 1 for row in old)
