"""What one request changes: written at once, remembered until the end, undone to any earlier mark."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crossfoot.emulators.salesforce.schema import SObject
from crossfoot.emulators.salesforce.world import Row, World
from crossfoot.emulators.wire import Event

_STAMPS = frozenset({"SystemModstamp", "LastModifiedDate", "LastModifiedById"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``person`` is the org's administrator in the user interface: audit fields are writable there."""

    user_id: str
    session: str | None = None
    person: bool = False
    client: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    object_name: str
    record_id: str
    kind: str
    fields: tuple[str, ...]


class Transaction:
    """The writes of one request, in order. Stamps are whole seconds of ``now`` (SF 0.5)."""

    def __init__(self, world: World, caller: Caller, now: datetime) -> None:
        self.world = world
        self.caller = caller
        self.now = now.replace(microsecond=0)
        self._journal: list[tuple[SObject, str, Row | None]] = []
        self._changes: list[Change] = []
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
        """Store a row with this transaction's stamps: a creation when its id is new, else an update."""
        before = self.world.row(sobject.name, row["Id"])
        row["SystemModstamp"] = self.now
        row.setdefault("IsDeleted", False)
        if before is None:
            row.setdefault("CreatedDate", self.now)
            row.setdefault("CreatedById", self.caller.user_id)
            row.setdefault("LastModifiedDate", self.now)
            row.setdefault("LastModifiedById", self.caller.user_id)
        else:
            row["LastModifiedDate"] = self.now
            row["LastModifiedById"] = self.caller.user_id
        self._journal.append((sobject, row["Id"], before))
        self.world.put(sobject, row)
        self._note(sobject, row["Id"], kind or ("CREATE" if before is None else "UPDATE"), before or {}, row)

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
        self._note(sobject, record_id, "DELETE", row, row)

    def _note(self, sobject: SObject, record_id: str, kind: str, before: Row, after: Row) -> None:
        if not sobject.change_events:
            return
        changed = tuple(each.name for each in sobject.fields if before.get(each.name) != after.get(each.name))
        if kind == "UPDATE" and not set(changed) - _STAMPS:
            return
        self._changes.append(Change(sobject.name, record_id, kind, () if kind == "DELETE" else changed))

    def commit(self, version: int | None) -> list[Event]:
        """The change events of what remains written: one per record, with what the whole transaction did (SF 5.6)."""
        if not self._changes:
            return []
        merged: dict[str, Change] = {}
        for change in self._changes:
            known = merged.get(change.record_id)
            fields = change.fields if known is None else tuple(dict.fromkeys(known.fields + change.fields))
            kind = "CREATE" if known is not None and known.kind == "CREATE" and change.kind == "UPDATE" else change.kind
            merged[change.record_id] = Change(change.object_name, change.record_id, kind, fields)
        key = self.world.random_text(32)
        origin = f"com/salesforce/api/rest/{version}.0;client={self.caller.client}" if version else ""
        self._journal, self._changes = [], []
        return [
            Event(
                "change",
                {
                    "entityName": change.object_name,
                    "recordIds": [change.record_id],
                    "changeType": change.kind,
                    "changedFields": list(change.fields) if change.kind == "UPDATE" else [],
                    "changeOrigin": origin,
                    "transactionKey": key,
                    "sequenceNumber": sequence,
                    "commitTimestamp": int(self.now.timestamp()) * 1000,
                    "commitNumber": self.world.next_number("commit"),
                    "commitUser": self.caller.user_id,
                },
            )
            for sequence, change in enumerate(merged.values(), start=1)
        ]
