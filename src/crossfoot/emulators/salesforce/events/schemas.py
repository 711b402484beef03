"""The Avro schemas of events, made from the objects' declarations, and the bitmaps of changed fields (SF 5.6).

A schema belongs to a set of fields: its id changes when they do.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from crossfoot.emulators.salesforce.events.avro import Codec
from crossfoot.emulators.salesforce.formulas import computed
from crossfoot.emulators.salesforce.ids import DIGITS
from crossfoot.emulators.salesforce.schema import Field, SObject

if TYPE_CHECKING:
    from crossfoot.emulators.salesforce.world import Row, World

Read = Callable[["Row"], Any]
Path = tuple[int, int | None]  # the index of a field, and of a part within a compound one
NAMESPACE = "com.sforce.eventbus"
HEADER = "ChangeEventHeader"
CHANGE_TYPES = (
    "CREATE",
    "UPDATE",
    "DELETE",
    "UNDELETE",
    "GAP_CREATE",
    "GAP_UPDATE",
    "GAP_DELETE",
    "GAP_UNDELETE",
    "GAP_OVERFLOW",
    "SNAPSHOT",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ABSENT = frozenset({"Id", "IsDeleted", "SystemModstamp", "LastActivityDate", "LastViewedDate", "LastReferencedDate"})
_AUDIT_DOCS = {
    "CreatedDate": "CreatedDate:DateTime",
    "CreatedById": "CreatedBy:EntityId",
    "LastModifiedDate": "LastModifiedDate:DateTime",
    "LastModifiedById": "LastModifiedBy:EntityId",
}
# Field type -> Avro type, and what the doc calls it: of dates and times only the doc tells what the number is.
_TYPES = {
    "boolean": ("boolean", "Boolean"),
    "combobox": ("string", "DynamicEnum"),
    "currency": ("double", "Currency"),
    "date": ("long", "DateOnly"),
    "datetime": ("long", "DateTime"),
    "double": ("double", "Double"),
    "email": ("string", "Email"),
    "int": ("int", "Integer"),
    "multipicklist": ("string", "MultiEnum"),
    "percent": ("double", "Percent"),
    "phone": ("string", "Phone"),
    "picklist": ("string", "DynamicEnum"),
    "reference": ("string", "EntityId"),
    "string": ("string", "Text"),
    "time": ("long", "TimeOnly"),
    "url": ("string", "Url"),
}
_ADDRESS_PARTS = ("Street", "City", "State", "PostalCode", "Country", "StateCode", "CountryCode")
_PLACE_PARTS = ("Latitude", "Longitude")
_NAME_PARTS = ("Salutation", "FirstName", "LastName", "MiddleName", "InformalName", "Suffix")
_HEADER_FIELDS: tuple[tuple[str, Any], ...] = (
    ("entityName", "string"),
    ("recordIds", {"type": "array", "items": "string"}),
    ("changeType", {"type": "enum", "name": "ChangeType", "symbols": list(CHANGE_TYPES)}),
    ("changeOrigin", "string"),
    ("transactionKey", "string"),
    ("sequenceNumber", "int"),
    ("commitTimestamp", "long"),
    ("commitNumber", "long"),
    ("commitUser", "string"),
    ("nulledFields", {"type": "array", "items": "string"}),
    ("diffFields", {"type": "array", "items": "string"}),
    ("changedFields", {"type": "array", "items": "string"}),
)


@dataclass(frozen=True, slots=True)
class EventField:
    """One field of an event. A compound one has ``parts``, and reads a dict of those that have a value."""

    name: str
    kind: Any
    doc: str
    read: Read
    parts: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        kinds = self.kind if isinstance(self.kind, list) else [self.kind]
        return {"name": self.name, "type": ["null", *kinds], "doc": self.doc, "default": None}


@dataclass(frozen=True, slots=True)
class EventSchema:
    """What events of one object look like. Of a change event, field 0 is the header."""

    id: str
    json: str
    fields: tuple[EventField, ...]
    codec: Codec

    def names(self, paths: Iterable[Path]) -> list[str]:
        """``Phone`` and ``BillingAddress.City`` for the paths of changed fields."""
        made = []
        for index, part in paths:
            each = self.fields[index - 1]
            made.append(each.name if part is None else f"{each.name}.{each.parts[part]}")
        return made


def change_schema(world: World, sobject: SObject) -> EventSchema:
    """The schema of an object's change events, as its declaration stands now."""
    known: dict[str, EventSchema] = world.compiled.setdefault("event schemas", {})
    if sobject.name not in known:
        header = {"type": "record", "name": HEADER, "fields": _members(_HEADER_FIELDS)}
        fields = _change_fields(world, sobject)
        members = [{"name": HEADER, "type": header, "doc": ""}, *_defined_once(fields)]
        known[sobject.name] = _schema(change_event_name(sobject), members, fields)
    return known[sobject.name]


def platform_schema(world: World, sobject: SObject) -> EventSchema:
    """The schema of a platform event: two system fields, and its own."""
    known: dict[str, EventSchema] = world.compiled.setdefault("event schemas", {})
    if sobject.name not in known:
        fields = tuple(_plain(world, sobject, each) for each in sobject.fields if each.custom)
        members = [
            {"name": "CreatedDate", "type": "long", "doc": _AUDIT_DOCS["CreatedDate"]},
            {"name": "CreatedById", "type": "string", "doc": _AUDIT_DOCS["CreatedById"]},
            *(each.as_json() for each in fields),
        ]
        known[sobject.name] = _schema(sobject.name, members, fields)
    return known[sobject.name]


def change_event_name(sobject: SObject) -> str:
    """``AccountChangeEvent``, and ``Visit__ChangeEvent`` for ``Visit__c``."""
    return f"{sobject.name.removesuffix('c') if sobject.custom else sobject.name}ChangeEvent"


def changed_paths(fields: Sequence[EventField], before: Row, after: Row) -> list[Path]:
    """The fields, and the parts of compound ones, whose value differs."""
    paths: list[Path] = []
    for index, each in enumerate(fields, start=1):
        old, new = each.read(before), each.read(after)
        if old == new:
            continue
        if isinstance(old, str) or isinstance(new, str) or not each.parts:
            paths.append((index, None))
        else:
            parts = enumerate(each.parts)
            paths += ((index, place) for place, part in parts if (old or {}).get(part) != (new or {}).get(part))
    return paths


def bitmaps(paths: Iterable[Path]) -> list[str]:
    """Bit n is field n of the schema; ``4-0x10`` are the parts of the compound field 4 (SF 5.6)."""
    whole, parts = 0, dict[int, int]()
    for index, part in paths:
        if part is None:
            whole |= 1 << index
        else:
            parts[index] = parts.get(index, 0) | 1 << part
    return [_hex(whole)] * bool(whole) + [f"{index}-{_hex(bits)}" for index, bits in sorted(parts.items())]


def _hex(bits: int) -> str:
    """In whole bytes, capital digits."""
    return "0x" + bits.to_bytes((bits.bit_length() + 7) // 8, "big").hex().upper()


def paths_of(masks: Iterable[str]) -> list[Path]:
    """The paths that bitmaps stand for."""
    paths: list[Path] = []
    for mask in masks:
        index, _, bits = mask.rpartition("-")
        set_bits = [place for place in range(4 * len(bits)) if int(bits, 16) >> place & 1]
        paths += ((int(index), place) if index else (place, None) for place in set_bits)
    return paths


def milliseconds(value: date | datetime) -> int:
    """An instant, or the first of a day, since 1970."""
    instant = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
    return (instant - _EPOCH) // _EPOCH.resolution // 1000


def _schema(name: str, members: list[dict[str, Any]], fields: tuple[EventField, ...]) -> EventSchema:
    text = json.dumps({"type": "record", "name": name, "namespace": NAMESPACE, "fields": members})
    fingerprint = hashlib.sha256(text.encode()).digest()[:16]
    return EventSchema(base64.urlsafe_b64encode(fingerprint).decode().rstrip("="), text, fields, Codec(text))


def _members(fields: Iterable[tuple[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": name, "type": kind} for name, kind in fields]


def _defined_once(fields: Iterable[EventField]) -> Iterable[dict[str, Any]]:
    """Avro defines a named type at its first use and refers to it by name afterwards."""
    defined = set()
    for each in fields:
        member = each.as_json()
        record = member["type"][-1]
        if isinstance(record, dict):
            if record["name"] in defined:
                member["type"][-1] = record["name"]
            defined.add(record["name"])
        yield member


def _change_fields(world: World, sobject: SObject) -> tuple[EventField, ...]:
    """Standard fields as declared, the audit fields, then the org's own. Of the org's own, formulas make no events."""
    declared = [
        each
        for each in sobject.fields
        if each.name not in _ABSENT
        and not (each.custom and (each.formula or each.expression))
        and (each.name != "CurrencyIsoCode" or world.multi_currency)
    ]
    compounds = {each.name: made for each in declared if (made := _compound(sobject, each)) is not None}
    inside = {name for each in compounds.values() for name in each.sources if name != each.name}

    def place(each: Field) -> int:
        return 2 if each.custom else 1 if each.name in _AUDIT_DOCS else 0

    return tuple(
        compounds.get(each.name) or _plain(world, sobject, each)
        for each in sorted(declared, key=place)
        if each.name not in inside and (each.name in compounds or each.type in {*_TYPES, "textarea"})
    )


def _compound(sobject: SObject, field: Field) -> EventField | None:
    """An address, or a person's name; the name of an account may be either a text or a person's."""
    if field.type == "address":
        prefix = field.name.removesuffix("Address")
        parts = (*_ADDRESS_PARTS, *_PLACE_PARTS, "GeocodeAccuracy")
        kinds = {part: "double" if part in _PLACE_PARTS else "string" for part in parts}
        return _record_field(field.name, "Address", kinds, "Data:Address", _parts_of(sobject, prefix, parts))
    if field.name != "Name" or not (sobject.field("LastName") or sobject.name == "Account"):
        return None
    sources = _parts_of(sobject, "", _NAME_PARTS)
    kinds = dict.fromkeys(_NAME_PARTS, "string")
    if sobject.name != "Account":
        return _record_field("Name", "PersonName", kinds, "Data:PersonName", sources)
    made = _record_field("Name", "Switchable_PersonName", kinds, "Data:Switchable_PersonName", sources)
    person = made.read

    def read(row: Row) -> Any:
        return person(row) if row.get("IsPersonAccount") else row.get("Name")

    return EventField("Name", ["string", made.kind], made.doc, read, made.parts, ("Name", *made.sources))


def _parts_of(sobject: SObject, prefix: str, parts: Iterable[str]) -> dict[str, str]:
    """Part -> the field that holds it, for the parts that the object has."""
    return {part: prefix + part for part in parts if sobject.field(prefix + part) is not None}


def _record_field(name: str, record: str, kinds: dict[str, str], doc: str, sources: dict[str, str]) -> EventField:
    members = [{"name": part, "type": ["null", kind], "default": None} for part, kind in kinds.items()]
    kind = {"type": "record", "name": record, "fields": members}

    def read(row: Row) -> Any:
        return {part: row[source] for part, source in sources.items() if row.get(source) is not None} or None

    return EventField(name, kind, doc, read, tuple(kinds), tuple(sources.values()))


def _plain(world: World, sobject: SObject, field: Field) -> EventField:
    long_text = field.type == "textarea"
    kind, called = (
        ("string", "StringPlusClob" if field.length > 255 else "MultiLineText") if long_text else _TYPES[field.type]
    )
    role = "ForeignKey" if field.type == "reference" else "Data"
    doc = _AUDIT_DOCS.get(field.name) or f"{'Owner' if field.name == 'OwnerId' else role}:{called}"
    if field.custom:
        doc = f"{doc}:{_field_id(sobject, field)}"
    return EventField(field.name, kind, doc, _reader(world, field), sources=(field.name,))


def _reader(world: World, field: Field) -> Read:
    """How the value is read: as stored, dates and instants in milliseconds."""
    name = field.name
    if field.formula is not None:
        formula = computed(world, field)
        return lambda row: formula(row) if row else None
    if field.type == "boolean":
        return lambda row: row.get(name, False) if row else None
    if field.type in {"date", "datetime"}:
        return lambda row: None if row.get(name) is None else milliseconds(row[name])
    return lambda row: row.get(name)


def _field_id(sobject: SObject, field: Field) -> str:
    """The id that the platform gave the org's own field: here one that follows from its name."""
    digest = hashlib.sha256(f"{sobject.name}.{field.name}".encode()).digest()
    return "00N" + "".join(DIGITS[byte % 62] for byte in digest[:12])
