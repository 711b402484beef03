"""Choices: a person says which side is right about a field that both sides changed."""

from __future__ import annotations

from crossfoot.core.errors import NeedsPerson
from crossfoot.core.links import Kind
from crossfoot.core.records import Side
from crossfoot.engine.review.desk import Desk
from crossfoot.store import queue as queue_store
from crossfoot.store.audit import append_audit
from crossfoot.store.links import StoredLink, load_links
from crossfoot.store.queue import QueueEntry

DECISION = "field"


def choose(desk: Desk, entry_id: int, side: Side, field: str = "") -> tuple[QueueEntry, list[str]]:
    """Let one side win the conflicts of an entry: one field's, or all. Returns the entry and the fields decided.

    The choice is about the two values shown: it lapses where one of them changes before the next sync.
    """
    entry = desk.entry(entry_id)
    if entry.code != "field_conflict":
        raise NeedsPerson(f"Entry {entry.id} is not about a field that both sides changed.")
    with desk.database.writing("choice") as connection:
        kinds = (Kind.CONTACT, Kind.ITEM)
        stored = [s for kind in kinds for s in load_links(connection, desk.organisation_id, kind)]
        link = next((s for s in stored if s.source_id == entry.record.id and s.conflicts), None)
        wanted = _wanted(link, field)
        for name, about in wanted.items():
            earlier = queue_store.decisions(connection, desk.organisation_id, DECISION)
            for source_id, target in earlier:
                if source_id == entry.record.id and target.startswith(f"{name}:"):
                    queue_store.take_back(connection, desk.organisation_id, DECISION, source_id, target)
            target = f"{name}:{side.value}:{about}"
            queue_store.decide(
                connection,
                desk.organisation_id,
                DECISION,
                entry.record.id,
                target,
                actor=desk.actor,
                now=desk.now,
            )
        append_audit(
            connection,
            desk.organisation_id,
            desk.now,
            actor=desk.actor,
            action="queue choose",
            record_id=entry.record.id,
            entry=entry.id,
            fields=sorted(wanted),
            side=side.value,
            reason=entry.cause,
        )
    return entry, sorted(wanted)


def _wanted(link: StoredLink | None, field: str) -> dict[str, str]:
    waiting = dict(link.conflicts) if link else {}
    if field and field not in waiting:
        raise NeedsPerson(f"{field} does not wait. These do: {', '.join(sorted(waiting)) or 'none'}.")
    return {field: waiting[field]} if field else waiting
