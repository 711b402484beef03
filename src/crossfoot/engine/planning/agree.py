"""Agree: linked customers and products whose records changed are merged field by field, and both sides are told.

A merge is decided from stored versions and decided again from what is read back: the base moves only where both sides
were seen to hold the same value. So an interrupted change needs no recovery of its own; it is merged anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from crossfoot.core.agreement import CODES, Agreement, LinkedRecord, Part, agree
from crossfoot.core.books import LedgerContact, LedgerItem
from crossfoot.core.findings import Finding
from crossfoot.core.links import Kind
from crossfoot.core.matching import suffixes, with_suffix
from crossfoot.core.merge import Direction
from crossfoot.core.people import part_of, place_people
from crossfoot.core.records import Side
from crossfoot.engine.planning.people import (
    People,
    changed_customers,
    keep_compared,
    load_people,
    people_findings,
    saved_of,
    shared_parts,
)
from crossfoot.engine.reading.drift import CUSTOMERS, PEOPLE, PRODUCTS
from crossfoot.engine.session import Session
from crossfoot.mapping.lenses import Form, RecordLens
from crossfoot.store import queue as queue_store
from crossfoot.store.codec import decode, decode_fields
from crossfoot.store.links import (
    UNSETTLED,
    LinkedKind,
    StoredLink,
    compared_to,
    links_to_agree,
    load_links,
    newest_of_either,
    note_told,
    save_compared_to,
    set_agreed,
)
from crossfoot.store.versions import Version, load_references, load_versions, save_reference

_FLOWS: Mapping[Kind, str] = MappingProxyType({Kind.CONTACT: CUSTOMERS, Kind.ITEM: PRODUCTS})


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow that keeps linked records in agreement."""

    kind: Kind
    object: str
    lens: RecordLens
    direction: Direction

    @property
    def parts(self) -> tuple[Part, ...]:
        """What both sides share."""
        return self.lens.parts


@dataclass(frozen=True, slots=True)
class Compared:
    """One linked record as it was compared: its link, both versions, and what was decided."""

    flow: Flow
    stored: StoredLink
    ours: Version
    theirs: Version
    suffix: str
    agreement: Agreement
    people: People | None = None

    @property
    def seq(self) -> int:
        """Up to which change of either side it was compared."""
        return max(self.ours.changed_seq, self.theirs.changed_seq)


@dataclass(frozen=True, slots=True)
class Reached:
    """Up to which change linked records, and people at customers, were compared, and by which settings each kind was;
    where none changed it says nothing."""

    linked: Mapping[LinkedKind, int]
    people: int = 0
    settings: Mapping[Kind, str] = field(default_factory=dict)

    @property
    def further(self) -> bool:
        """Whether anything changed since the last time."""
        return bool(self.linked or self.people or self.settings)


def flows_of(session: Session) -> list[Flow]:
    """Flows with a direction, customers before products, less those that a change of the org's schema holds."""
    mapping = session.mapping
    rows = (
        (Kind.CONTACT, mapping.account_object, mapping.customer_lens),
        (Kind.ITEM, mapping.product_object, mapping.product_lens),
    )
    paused = set(session.paused)
    if PEOPLE in paused:
        paused.add(CUSTOMERS)  # a customer is compared with its people, or not at all
    return [
        Flow(kind, name, lens, direction)
        for kind, name, lens in rows
        if (direction := mapping.direction_of(_FLOWS[kind])) and _FLOWS[kind] not in paused
    ]


def compare(session: Session) -> tuple[list[Compared], Reached]:
    """Merge every linked record of which a side changed, or which was not settled. Pure but for reading the store."""
    found: list[Compared] = []
    linked: dict[LinkedKind, int] = {}
    people_seq = 0
    now = session.host.now()
    with session.database.reading() as connection:
        changed_settings = _changed_settings(session, connection)
        for flow in flows_of(session):
            mine = LinkedKind(session.org_id, flow.object, session.organisation_id, flow.kind)
            if (newest := newest_of_either(connection, mine)) > compared_to(connection, mine):
                linked[mine] = newest
            decided = _decisions(connection, session.organisation_id)
            stored, people = links_to_agree(connection, mine), {}
            if flow.kind in changed_settings:  # what is shared is another matter now, though no record changed
                stored = list(load_links(connection, session.organisation_id, flow.kind))
            if flow.kind is Kind.CONTACT:
                people_seq, changed = changed_customers(session, connection)
                more = changed - {link.source_id for link in stored}
                stored += load_links(connection, session.organisation_id, flow.kind, source_keys=more)
                people = load_people(session, connection, {link.source_id for link in stored})
            ours = _versions(connection, session.org_id, flow.object, [link.source_id for link in stored])
            theirs = _versions(connection, session.organisation_id, flow.kind.value, [s.link.xero_id for s in stored])
            for link in stored:
                version, other = ours.get(link.source_id), theirs.get(link.link.xero_id)
                if version is not None and other is not None:
                    choices, persons = decided.get(link.source_id, {}), people.get(link.source_id, ())
                    found.append(_compare(session, flow, link, version, other, choices, persons, now))
    return found, Reached(linked, people_seq, changed_settings)


def _changed_settings(session: Session, connection: Connection) -> dict[Kind, str]:
    """By which settings each kind is compared, where they are others than the last time. Blank: it no longer is."""
    mapping = session.mapping
    running = {flow.kind for flow in flows_of(session)}  # one that is paused goes on with what it was compared by
    now = {
        kind: mapping.compared_by(flow)
        for kind, flow in _FLOWS.items()
        if kind in running or mapping.direction_of(flow) is None
    }
    known = load_references(connection, session.organisation_id, map(_compared_by, now))
    before = {name: body.decode() for name, (_, body) in known.items()}
    return {kind: settings for kind, settings in now.items() if settings != before.get(_compared_by(kind), "")}


def _compared_by(kind: Kind) -> str:
    return f"{kind} compared by"


def _versions(connection: Connection, home: str, kind: str, ids: Sequence[str]) -> dict[str, Version]:
    return {version.ref.id: version for version in load_versions(connection, home, kind, ids=ids)}


def _decisions(connection: Connection, organisation_id: str) -> dict[str, dict[str, tuple[Side, str]]]:
    """People's choices by record and part: which side is right, and about which two values."""
    found: dict[str, dict[str, tuple[Side, str]]] = {}
    for source_id, target in queue_store.decisions(connection, organisation_id, "field"):
        part, side, about = target.split(":")
        found.setdefault(source_id, {})[part] = (Side(side), about)
    return found


def _compare(
    session: Session,
    flow: Flow,
    stored: StoredLink,
    ours: Version,
    theirs: Version,
    decided: Mapping[str, tuple[Side, str]],
    contacts: Sequence[Version],
    now: datetime,
) -> Compared:
    fields = decode_fields(ours.body)
    suffix, form = _xero_form(session, flow, stored, fields, theirs)
    mine = flow.lens.salesforce(fields, suffix)
    people = _people(session, flow, stored, theirs, contacts)
    saved_at, saved_by = saved_of(ours)
    shared = shared_parts(people, decode(theirs.body, LedgerContact)) if people else []
    record = LinkedRecord(
        identity=stored.link.identity,
        source=ours.ref,
        target=theirs.ref,
        name=str(fields.get("Name") or ours.ref.id),
        salesforce={**mine.values, **{part.name: value for part, value, _ in shared}},
        xero={**form.values, **{part.name: value for part, _, value in shared}},
        base=people.without_added(stored.base) if people else stored.base,
        salesforce_at=saved_at,
        xero_at=datetime.fromisoformat(theirs.stamp),
        salesforce_by=saved_by,
        unreadable={**form.unreadable, **mine.unreadable},
        decided=decided,
        asked=stored.conflicts,
        told=stored.told,
        labels=people.labels() if people else {},
        saved=people.saved() if people else {},
    )
    if (found := _standstill(record, ours, theirs)) is not None:
        undecided = replace(record, decided={})  # what a person chose outlives it
        agreement = Agreement(undecided, base=stored.base, findings=found, told=stored.told)
    else:
        held = (part for part in flow.parts if part.name not in form.absent)
        parts = (*held, *(part for part, _, _ in shared))
        agreement = agree(record, parts, now, direction=flow.direction)
        if people:
            more = people_findings(people, decode(theirs.body, LedgerContact), ours.ref, theirs.ref)
            agreement = replace(agreement, findings=(*agreement.findings, *more))
    return Compared(flow, stored, ours, theirs, suffix, agreement, people)


def _people(
    session: Session, flow: Flow, stored: StoredLink, theirs: Version, contacts: Sequence[Version]
) -> People | None:
    """The customer's people with their places in Xero; None where no such flow is set."""
    lens = session.mapping.people
    if lens is None or flow.kind is not Kind.CONTACT:
        return None
    found = {version.ref.id: lens.person(version.ref.id, decode_fields(version.body)) for version in contacts}
    people = {contact_id: person for contact_id, person in found.items() if person}
    told = {part.contact_id for each in stored.told if each.side is Side.XERO and (part := part_of(each.part))}
    contact = decode(theirs.body, LedgerContact)
    placed = place_people(list(people.values()), contact, stored.base, told, has_primary=bool(lens.primary.paths))
    return People(lens, {version.ref.id: version for version in contacts}, people, placed)


def _xero_form(
    session: Session, flow: Flow, stored: StoredLink, fields: Mapping[str, Any], theirs: Version
) -> tuple[str, Form]:
    """What Xero has, and the unique-name suffix to strip. A name met for the first time may carry one already."""
    if flow.kind is Kind.ITEM:
        return "", flow.lens.item(decode(theirs.body, LedgerItem))
    contact = decode(theirs.body, LedgerContact)
    suffix = stored.suffix
    if not suffix and not stored.base:
        intended = session.mapping.contact(stored.source_id, fields)[0]
        carried = (each for each in suffixes(intended) if contact.name == with_suffix(intended.name, each))
        suffix = next(carried, "")
    return suffix, flow.lens.contact(contact, suffix)


def _standstill(record: LinkedRecord, ours: Version, theirs: Version) -> tuple[Finding, ...] | None:
    """Why nothing is told either side: the record is gone here, or archived there. Neither is undone by itself; of what
    is gone on both sides nothing is left to say."""
    contact = decode(theirs.body, LedgerContact) if theirs.ref.kind == Kind.CONTACT.value else None
    retired = theirs.deleted or (contact is not None and not contact.is_active)
    if ours.deleted:
        fix = "" if contact else "Nothing is deleted in Xero. Restore the product, or delete the item by hand."
        told = Finding("link_deleted", record.source, f"{record.name} was deleted", fix=fix, related=(record.target,))
        return () if retired else (told,)
    if contact is not None and retired:
        cause = f"{contact.name!r} is {contact.status.lower()} in Xero"
        return (Finding("link_archived", record.source, cause, related=(record.target,)),)
    return None


def keep(session: Session, compared: Sequence[Compared], reached: Reached) -> tuple[int, int]:
    """Keep what was decided without a write: values seen to be shared, what people should know, and how far all was
    compared. Returns queue entries opened and closed."""
    if not compared and not reached.further:
        return 0, 0
    now = session.host.now()
    with session.database.writing("agreements kept") as connection:
        for item in compared:
            agreement = item.agreement
            seq = item.seq if agreement.settled else UNSETTLED
            before = (item.stored.base, item.stored.suffix, item.stored.conflicts, item.stored.merged_seq)
            if before != (agreement.base, item.suffix, agreement.conflicts, seq):
                set_agreed(
                    connection,
                    item.stored.id,
                    base=agreement.base,
                    suffix=item.suffix,
                    conflicts=agreement.conflicts,
                    merged_seq=seq,
                )
            if agreement.told != item.stored.told:
                note_told(connection, item.stored.id, agreement.told)
            if agreement.settled and agreement.record.decided:
                queue_store.forget_decision(connection, session.organisation_id, "field", item.stored.source_id)
        for linked, seq in reached.linked.items():
            save_compared_to(connection, linked, seq)
        persons = {item.stored.source_id: item.people.people for item in compared if item.people}
        keep_compared(session, connection, reached.people, persons)
        names = {item.agreement.record.source.id: item.agreement.record.name for item in compared}
        for kind, settings in reached.settings.items():
            save_reference(connection, session.organisation_id, _compared_by(kind), settings.encode(), now)
            names |= {} if settings else _asked_about(session, connection, kind)
        return queue_store.replace_findings(
            connection,
            session.organisation_id,
            names,
            _as_first_told(session, connection, compared),
            now,
            codes=CODES,
        )


def _asked_about(session: Session, connection: Connection, kind: Kind) -> dict[str, str]:
    """Records of a kind with open questions of comparing them: nobody could answer them once it is compared no more."""
    mapping = session.mapping
    name = mapping.account_object if kind is Kind.CONTACT else mapping.product_object
    entries = queue_store.open_about(connection, session.organisation_id, CODES)
    return {entry.record.id: entry.record_name for entry in entries if entry.record.kind == name}


def _as_first_told(session: Session, connection: Connection, compared: Sequence[Compared]) -> list[Finding]:
    """Findings, where a conflict about the same values keeps the words of the first time: who saved a record last, and
    when, may since be our own writing of its status."""
    same = {
        item.stored.source_id
        for item in compared
        if item.stored.conflicts and item.stored.conflicts == item.agreement.conflicts
    }
    entries = queue_store.open_entries(connection, session.organisation_id, record_ids=same)
    said = {entry.record.id: entry.cause for entry in entries if entry.code == "field_conflict"}

    def words(item: Compared, finding: Finding) -> str:
        """Those of the first time, while everybody in them is called so."""
        first, label = said.get(finding.record.id, ""), item.agreement.record.label
        called = all(f"{label(name)}: " in first for name in item.agreement.conflicts)
        return first if first and called else finding.cause

    return [
        replace(finding, cause=words(item, finding)) if finding.code == "field_conflict" else finding
        for item in compared
        for finding in item.agreement.findings
    ]
