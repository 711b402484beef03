"""The anchor: the newest hash of the audit log, kept in a file outside the database, beside the vault's key.

A hash chain shows that an entry was changed, but not that the last ones were cut off, nor that an old copy of the
database took the place of a newer one. What is kept elsewhere shows both. A restored copy is worked on only after a
person said so (``engine.restore``): its links are rebuilt from what Xero holds before anything is written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from crossfoot.store.audit import audit_entries, audit_hash, broken_audit_entry, newest_audit
from crossfoot.store.audit_guard import audit_is_kept
from crossfoot.store.database import Database


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest entry of one organisation's audit log, as it was when a run ended."""

    seq: int
    hash: str

    @property
    def words(self) -> str:
        """The entry and the beginning of its hash, for a person to note down."""
        return f"entry {self.seq:,}, hash {self.hash[:16]}"


def read_anchor(path: Path | None, organisation_id: str) -> Anchor | None:
    """The anchor of an organisation; None where none was kept, or what stands there cannot be read."""
    kept = _read(path).get(organisation_id)
    return Anchor(int(kept["seq"]), str(kept["hash"])) if kept else None


def _read(path: Path | None) -> Mapping[str, dict[str, str | int]]:
    if path is None:
        return {}
    try:
        found: dict[str, dict[str, str | int]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def drop_anchor(path: Path | None, organisation_id: str, anchor: Anchor) -> bool:
    """Keep the newest hash. False where its place cannot be written; a run does not fail for it."""
    if path is None:
        return False
    kept = {**_read(path), organisation_id: {"seq": anchor.seq, "hash": anchor.hash}}
    fresh = path.with_suffix(".anchor-new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(kept, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        return False
    return True


def newest(connection: Connection, organisation_id: str) -> Anchor:
    """The newest entry of the log."""
    return Anchor(*newest_audit(connection, organisation_id))


def departs(connection: Connection, organisation_id: str, anchor: Anchor | None) -> str:
    """How the log departs from its anchor: it ends before it, or has another entry there. Blank where it holds."""
    if anchor is None:
        return ""
    found = audit_hash(connection, organisation_id, anchor.seq)
    if found is None:
        seq, _ = newest_audit(connection, organisation_id)
        return f"the log ends at entry {seq:,}, but had {anchor.seq:,}"
    return "" if found == anchor.hash else f"entry {anchor.seq:,} is not the one that stood there"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the audit log is whole, and what keeps it so."""

    entries: int
    first_broken: int | None
    departs: str
    kept_by_database: bool
    newest: Anchor

    @property
    def holds(self) -> bool:
        """Whether nothing was changed, taken out, put in or cut off, as far as it can be known."""
        return self.first_broken is None and not self.departs

    @property
    def words(self) -> str:
        """For a person."""
        if self.first_broken is not None:
            return f"The audit log does NOT hold: entry {self.first_broken} does not follow from the one before."
        if self.departs:
            return (
                f"The audit log does NOT hold: {self.departs} when the last run ended. If an old copy of the database "
                "was put back, say so with `crossfoot restore`."
            )
        kept = "" if self.kept_by_database else " The database would let this user change it: `crossfoot audit role`."
        held = f"The audit log holds: {self.entries:,} entries, each following from the one before"
        return f"{held}; newest {self.newest.words}.{kept}"

    def as_data(self) -> dict[str, object]:
        """For a machine."""
        return {
            "entries": self.entries,
            "holds": self.holds,
            "first_broken": self.first_broken,
            "departs_from_anchor": self.departs,
            "kept_by_database": self.kept_by_database,
            "newest_hash": self.newest.hash,
        }


def audit_verdict(database: Database, organisation_id: str, path: Path | None) -> Verdict:
    """Follow the whole chain, and compare it with its anchor."""
    with database.reading() as connection:
        return Verdict(
            entries=audit_entries(connection, organisation_id),
            first_broken=broken_audit_entry(connection, organisation_id),
            departs=departs(connection, organisation_id, read_anchor(path, organisation_id)),
            kept_by_database=audit_is_kept(connection),
            newest=newest(connection, organisation_id),
        )
