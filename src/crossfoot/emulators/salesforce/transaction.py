"""What one request changes: written at once, remembered until the end, undone to any earlier mark."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crossfoot.emulators.salesforce import unseen
from crossfoot.emulators.salesforce.errors import field_error
from crossfoot.emulators.salesforce.events.changes import PUBLISHED, Change, Commit, publish
from crossfoot.emulators.salesforce.schema import SObject
from crossfoot.emulators.salesforce.world import Row, World
from crossfoot.emulators.wire import Event


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``person`` is the org's administrator in the user interface: audit fields are writable there."""

    user_id: str
    session: str | None = None
    person: bool = False
    client: str = ""
    api: str = "rest"  # of change events' origin (SF 5.6)


class Transaction:
    """The writes of one request, in order. Stamps are whole seconds of ``now`` (SF 0.5)."""

    def __init__(self, world: World, caller: Caller, now: datetime) -> None:
        self.world = world
        self.caller = caller
        self.now = now.replace(microsecond=0)
        self.duplicate_header = ""  # Sforce-Duplicate-Rule-Header of the request that saves (SF 2.1)
        self._journal: list[tuple[SObject, str, Row | None]] = []
        self._changes: list[Change] = []
        self._locks = 0
        self._start = self.mark()

    def mark(self) -> tuple[int, int, int]:
        return len(self._journal), len(self._changes), len(self.world.deletions)

    def rollback(self, mark: tuple[int, int, int] | None = None) -> None:
        """Undo what was written since the mark, or all of it. Ids and auto-numbers that were given stay given."""
        journal, changes, deletions = mark or self._start
        while len(self._journal) > journal:
            sobject, record_id, before = self._journal.pop()
            if before is None:
                self.world.drop(sobject, record_id)
            else:
                self.world.put(sobject, before)
        del self._changes[changes:]
        del self.world.deletions[deletions:]

    def write(self, sobject: SObject, row: Row, *, kind: str | None = None) -> None:
        """Store a row with this transaction's stamps: a creation when its id is new, else an update.

        A platform event is not stored but sent. An update whose ``kind`` is given is told even if no value differs.
        """
        if sobject.platform_event:
            self._changes.append(Change(sobject.name, row["Id"], PUBLISHED, {}, row))
            return
        before = self.world.row(sobject.name, row["Id"])
        row["SystemModstamp"] = stamp = self._stamp(sobject)
        row.setdefault("IsDeleted", False)
        if before is None:
            row.setdefault("CreatedDate", stamp)
            row.setdefault("CreatedById", self.caller.user_id)
            row.setdefault("LastModifiedDate", stamp)
            row.setdefault("LastModifiedById", self.caller.user_id)
        else:
            row["LastModifiedDate"] = stamp
            row["LastModifiedById"] = self.caller.user_id
        self._journal.append((sobject, row["Id"], before))
        self.world.put(sobject, row)
        told = kind or ("CREATE" if before is None else "UPDATE")
        self._note(sobject, told, before or {}, row, touched=kind is not None)

    def _stamp(self, sobject: SObject) -> datetime:
        """Now; where the fault ``same_second`` strikes, the stamp of the object's newest row."""
        return (self.world.index.newest(sobject.name) if self.world.strikes("same_second") else None) or self.now

    def sees(self, record_id: str) -> bool:
        """Whether the record is shared with the caller."""
        return self.caller.person or not unseen.is_hidden(self.world, record_id)

    def lock(self, record_id: str | None) -> None:
        """Take the next record of this request; the fault ``row_lock`` has somebody else hold it (SF 2.3)."""
        self._locks += 1
        struck = self.world.strike if self.world.strikes("row_lock") else None
        if struck is not None and struck["settings"]["item"] == self._locks:
            shown = f"unable to obtain exclusive access to this record or 1 records: {record_id or 'its parent'}"
            raise field_error("UNABLE_TO_LOCK_ROW", shown)

    def change(self, sobject: SObject, record_id: str, **values: Any) -> None:
        """A write by the platform itself (a roll-up, a re-parenting): no rule is asked."""
        row = self.world.row(sobject.name, record_id)
        if row is not None:
            self.write(sobject, row | values)

    def bury(self, sobject: SObject, row: Row, *, deleted_with: str | None = None) -> None:
        """Delete a row: into the recycle bin, or for good where the object has none and nothing above it goes."""
        record_id = row["Id"]
        self.world.deletions.append({"object": sobject.name, "id": record_id, "deleted": self.now})
        if sobject.recycled or deleted_with is not None:
            self.write(sobject, row | {"IsDeleted": True, "_deleted_with": deleted_with}, kind="DELETE")
            return
        self._journal.append((sobject, record_id, row))
        self.world.drop(sobject, record_id)
        self._note(sobject, "DELETE", row, row, touched=True)

    def note_gap(self, sobject: SObject, record_id: str, kind: str) -> None:
        """Have a change told without its values (SF 5.6)."""
        self._changes.append(Change(sobject.name, record_id, kind, {}, {}))

    def erase(self, sobject: SObject, record_id: str) -> None:
        """Remove a row that lies in the recycle bin: no event tells of it, as one told of its deletion."""
        self._journal.append((sobject, record_id, self.world.row(sobject.name, record_id)))
        self.world.drop(sobject, record_id)

    def _note(self, sobject: SObject, kind: str, before: Row, after: Row, *, touched: bool) -> None:
        if sobject.name in self.world.settings["change_event_entities"]:
            self._changes.append(Change(sobject.name, after["Id"], kind, before, after, touched))

    def commit(self, version: int | None) -> list[Event]:
        """Put what remains written on the event bus, and tell it. Without a ``version`` no API was the way (SF 5.6)."""
        if self.world.strikes("late_rows") and self.world.strike is not None:
            written = ((sobject.name, record_id, before) for sobject, record_id, before in self._journal)
            unseen.hold(self.world, written, self.now, self.world.strike["settings"]["seconds"])
        if not self._changes:
            return []
        client = f";client={self.caller.client}" if self.caller.client else ""
        key = uuid.UUID(bytes=hashlib.sha256(self.world.random_text(32).encode()).digest()[:16])
        committed = Commit(
            key=str(key),
            number=self.world.next_number("commit"),
            now=self.now,
            user=self.caller.user_id,
            origin=f"com/salesforce/api/{self.caller.api}/{version}.0{client}" if version else "",
        )
        done = self._changes
        self._journal, self._changes = [], []
        return publish(self.world, done, committed)
