"""Choices: a person says which side is right about a field that both sides changed."""

from __future__ import annotations

from collections import Counter
from typing import Final

from sqlalchemy import Connection

from crossfoot.core.errors import NeedsPerson
from crossfoot.core.links import Kind
from crossfoot.core.people import part_label, part_of
from crossfoot.core.records import RecordRef, Side
from crossfoot.engine.reading.names import record_name
from crossfoot.engine.review.desk import Desk
from crossfoot.store import queue as queue_store
from crossfoot.store.audit import append_audit
from crossfoot.store.links import load_links
from crossfoot.store.queue import QueueEntry

DECISION: Final = "field"
PERSON = "Contact"  # people of another object are called by their id


def choose(desk: Desk, entry_id: int, side: Side, field: str = "") -> tuple[QueueEntry, dict[str, str]]:
    """Let one side win the conflicts of an entry: one field's, or all. Returns the entry and the parts decided,
    by what the entry calls them.

    The choice is about the two values shown: it lapses where one of them changes before the next sync.
    """
    with desk.deciding("choice", entry_id) as (connection, entry):
        if entry.code != "field_conflict":
            raise NeedsPerson(f"Entry {entry.id} is not about a field that both sides changed.")
        wanted = _wanted(connection, desk, entry, field)
        for name, about in wanted.values():
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
    return entry, {called: part for called, (part, _) in sorted(wanted.items())}


def _wanted(connection: Connection, desk: Desk, entry: QueueEntry, field: str) -> dict[str, tuple[str, str]]:
    """Part and fingerprint of each conflict that is meant, by what the entry calls it."""
    of_contacts = load_links(connection, desk.organisation_id, Kind.CONTACT, source_keys=[entry.record.id])
    of_items = load_links(connection, desk.organisation_id, Kind.ITEM)  # they are found by their code alone
    mine = [stored for stored in (*of_contacts, *of_items) if stored.source_id == entry.record.id]
    parts = {part: about for stored in mine for part, about in stored.conflicts.items()}
    called = {part: _labels(connection, desk, part) for part in parts}
    plainly = Counter(plain for plain, _ in called.values())
    waiting: dict[str, tuple[str, str]] = {}
    for part, (plain, exact) in called.items():
        waiting[exact if exact == field or plainly[plain] > 1 else plain] = part, parts[part]
    if field and field not in waiting:
        raise NeedsPerson(f"{field} does not wait. These do: {', '.join(sorted(waiting)) or 'none'}.")
    return {field: waiting[field]} if field else waiting


def _labels(connection: Connection, desk: Desk, part: str) -> tuple[str, str]:
    """A field's own name; a person's value is called by the person, and where two have one name by the id as well."""
    of = part_of(part)
    if of is None:
        return part, part
    name = record_name(connection, desk.org_id, RecordRef(Side.SALESFORCE, PERSON, of.contact_id)) or of.contact_id
    return part_label(of.field, name), part_label(of.field, name, of.contact_id)
