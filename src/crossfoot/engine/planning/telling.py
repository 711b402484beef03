"""What each side is told by a comparison: rows of Salesforce and operations for Xero, less what was refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crossfoot.core.agreement import Agreement, Value
from crossfoot.core.books import LedgerContact, LedgerItem
from crossfoot.core.decided import Action, Operation
from crossfoot.core.findings import Finding
from crossfoot.core.links import Kind
from crossfoot.core.matching import suffixes, with_suffix
from crossfoot.core.names import unique_name
from crossfoot.core.people import part_of, with_people
from crossfoot.core.records import RecordRef, Side, content_hash
from crossfoot.core.recovery import REFUSED_AGAIN_AFTER
from crossfoot.engine.planning.agree import Compared
from crossfoot.engine.reading.ledger import load_ledger
from crossfoot.engine.session import Session
from crossfoot.store.codec import decode, decode_fields
from crossfoot.store.operations import standing_refusals


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
        free = (each for each in suffixes(intended) if unique_name(with_suffix(name, each)) not in names)
        item = replace(item, suffix=next(free, ""))
    names[unique_name(with_suffix(name, item.suffix))] = contact_id
    return item
