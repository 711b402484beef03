"""Agree: linked customers and products whose records changed are merged field by field, and both sides are told.

A merge is decided from stored versions and decided again from what is read back: the base moves only where both sides
were seen to hold the same value. So an interrupted change needs no recovery of its own; it is merged anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from crossfoot.core.agreement import CODES, Agreement, LinkedRecord, Part, Value, agree
from crossfoot.core.books import LedgerContact, LedgerItem
from crossfoot.core.findings import Finding
from crossfoot.core.links import Kind
from crossfoot.core.matching import suffixed_names
from crossfoot.core.merge import Direction
from crossfoot.core.names import unique_name
from crossfoot.core.people import part_of, place_people, with_people
from crossfoot.core.plan import Action, Operation
from crossfoot.core.records import RecordRef, Side, content_hash
from crossfoot.core.recovery import REFUSED_AGAIN_AFTER
from crossfoot.engine.planning.people import (
    People,
    changed_customers,
    keep_compared,
    load_people,
    people_findings,
    shared_parts,
)
from crossfoot.engine.reading.drift import CUSTOMERS, PEOPLE, PRODUCTS
from crossfoot.engine.reading.ledger import load_ledger
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
from crossfoot.store.operations import standing_refusals
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
    shared = shared_parts(people, decode(theirs.body, LedgerContact)) if people else []
    record = LinkedRecord(
        identity=stored.link.identity,
        source=ours.ref,
        target=theirs.ref,
        name=str(fields.get("Name") or ours.ref.id),
        salesforce={**mine.values, **{part.name: value for part, value, _ in shared}},
        xero={**form.values, **{part.name: value for part, _, value in shared}},
        base=stored.base,
        salesforce_at=datetime.fromisoformat(ours.stamp),
        xero_at=datetime.fromisoformat(theirs.stamp),
        salesforce_by=_saved_by(fields),
        unreadable={**form.unreadable, **mine.unreadable},
        decided=decided,
        told=stored.told,
        labels=people.labels() if people else {},
    )
    if (found := _standstill(record, ours, theirs)) is not None:
        undecided = replace(record, decided={})  # what a person chose outlives it
        agreement = Agreement(undecided, base=stored.base, findings=found, told=stored.told)
    else:
        parts = (*flow.parts, *(part for part, _, _ in shared))
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
    placed = place_people(list(people.values()), decode(theirs.body, LedgerContact), stored.base, told)
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
        if contact.name in suffixed_names(intended.name, intended):
            suffix = contact.name[contact.name.rindex(" (") :]
    return suffix, flow.lens.contact(contact, suffix)


def _saved_by(fields: Mapping[str, Any]) -> str:
    user = fields.get("LastModifiedBy")
    return str(user.get("Name") or "") if isinstance(user, Mapping) else ""


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
    entries = queue_store.open_entries(connection, session.organisation_id)
    return {e.record.id: e.record_name for e in entries if e.code in CODES and e.record.kind == name}


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
    return [
        replace(finding, cause=said.get(finding.record.id, finding.cause))
        if finding.code == "field_conflict"
        else finding
        for item in compared
        for finding in item.agreement.findings
    ]


def hold_refused(session: Session, compared: Sequence[Compared]) -> list[Compared]:
    """Keep back what a side refused in exactly this form: it is told again when it changes, when asked, or next day."""
    since = session.host.now() - REFUSED_AGAIN_AFTER
    with session.database.reading() as connection:
        refused = standing_refusals(connection, session.organisation_id, since)
    if not refused:
        return list(compared)
    return [_without_refused(item, refused) for item in compared]


def _without_refused(item: Compared, refused: Mapping[tuple[str, str], str]) -> Compared:
    agreement = item.agreement
    source, target = agreement.record.source, agreement.record.target
    writes = [(Side.XERO, source, agreement.to_xero)] if agreement.to_xero else []
    writes += [(Side.SALESFORCE, row.ref, row.values) for row in rows_of(item)]
    for side, told, values in writes:
        words = refused.get((told.id, told_hash(side, values)))
        if words is None:
            continue
        names = ", ".join(sorted(map(agreement.record.label, values)))
        finding = Finding(
            "field_refused",
            source,
            f"{names} refused by {side.value.title()}: {words}",
            related=(target,) if told == source else (told, target),
            vendor_text=words,
        )
        left = {name: value for name, value in told_to(agreement, side).items() if name not in values}
        held: Any = {"to_salesforce" if side is Side.SALESFORCE else "to_xero": left}
        agreement = replace(agreement, findings=(*agreement.findings, finding), **held)
    return replace(item, agreement=agreement)


@dataclass(frozen=True, slots=True)
class Row:
    """A Salesforce record that is told something: the linked one itself, or one of its people."""

    object: str
    id: str
    values: Mapping[str, Value]
    fields: Mapping[str, Any]
    pre_image: str

    @property
    def ref(self) -> RecordRef:
        """The record itself."""
        return RecordRef(Side.SALESFORCE, self.object, self.id)


def rows_of(item: Compared) -> list[Row]:
    """The Salesforce records that a comparison would change."""
    own: dict[str, Value] = {}
    people: dict[str, dict[str, Value]] = {}
    for name, value in item.agreement.to_salesforce.items():
        part = part_of(name) if item.people else None
        if part is None:
            own[name] = value
        else:
            people.setdefault(part.contact_id, {})[name] = value
    fields = item.flow.lens.salesforce_fields(own)
    rows = [Row(item.flow.object, item.stored.source_id, own, fields, item.ours.hash)] if own else []
    for contact_id, values in people.items():
        assert item.people is not None
        name, pre_image = item.people.object_of(contact_id)
        texts = {part.field: str(value) for each, value in values.items() if (part := part_of(each))}
        rows.append(Row(name, contact_id, values, item.people.lens.fields(texts), pre_image))
    return rows


def told_to(agreement: Agreement, side: Side) -> Mapping[str, Value]:
    """What one side is told."""
    return agreement.to_salesforce if side is Side.SALESFORCE else agreement.to_xero


def told_hash(side: Side, values: Mapping[str, Value]) -> str:
    """Names what a side is told."""
    return content_hash({side.value: plain(values)})


def plain(values: Mapping[str, Value]) -> dict[str, Any]:
    """Values as JSON has them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def xero_operations(session: Session, compared: Sequence[Compared]) -> Iterator[tuple[Compared, Operation]]:
    """The updates that tell Xero, each with what it was decided from."""
    names = _names_in_use(session, compared)
    for each in compared:
        values = each.agreement.to_xero
        if not values:
            continue
        item, record = each, each.agreement.record
        document: Any
        if item.flow.kind is Kind.CONTACT:
            item = _with_free_name(session, each, names)
            contact = decode(item.theirs.body, LedgerContact)
            own = {name: value for name, value in values.items() if part_of(name) is None}
            document = item.flow.lens.contact_change(record.source, contact, own, item.suffix)
            if item.people:
                document = with_people(document, contact, item.people.placed, values)
        else:
            document = item.flow.lens.item_change(record.source, decode(item.theirs.body, LedgerItem), values)
        yield (
            item,
            Operation(
                identity=record.identity,
                action=Action.UPDATE,
                source=record.source,
                document=document,
                reason=reason(item, values, Side.SALESFORCE),
                xero_id=item.stored.link.xero_id,
                pre_image=item.theirs.hash,
                source_hash=told_hash(Side.XERO, values),
                before=plain({name: record.xero.get(name, "") for name in values}),
            ),
        )


def reason(item: Compared, values: Mapping[str, Value], side: Side) -> str:
    """Why a side is told: which parts come from the other one, and which of its own values a rule overrules."""
    label = item.agreement.record.label
    overruled = sorted(map(label, item.agreement.overruled.keys() & values.keys()))
    words = f"{', '.join(sorted(map(label, values)))} from {side.value.title()}"
    return f"{words}; overrules {', '.join(overruled)}" if overruled else words


def _names_in_use(session: Session, compared: Sequence[Compared]) -> dict[str, str]:
    """The holder of each contact name, where a name is about to change."""
    if not any("Name" in item.agreement.to_xero and item.flow.kind is Kind.CONTACT for item in compared):
        return {}
    with session.database.reading() as connection:
        contacts = load_ledger(connection, session.organisation_id, Kind.CONTACT.value, LedgerContact)
    return {unique_name(contact.name): contact.contact_id for contact in contacts.values() if contact.is_active}


def _with_free_name(session: Session, item: Compared, names: dict[str, str]) -> Compared:
    """A new name that another contact holds gets a suffix, once; one that carries a suffix keeps it (XERO 4.1)."""
    name, contact_id = str(item.agreement.to_xero.get("Name", "")), item.stored.link.xero_id
    if not name:
        return item
    if not item.suffix and names.get(unique_name(name), contact_id) != contact_id:
        intended = session.mapping.contact(item.stored.source_id, decode_fields(item.ours.body))[0]
        free = (other for other in suffixed_names(name, intended) if unique_name(other) not in names)
        if suffixed := next(free, ""):
            item = replace(item, suffix=suffixed[suffixed.rindex(" (") :])
    names[unique_name(name + item.suffix)] = contact_id
    return item
