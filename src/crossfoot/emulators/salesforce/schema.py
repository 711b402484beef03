"""What an object is: a declaration of its fields, from which describe, saving and SOQL all follow.

Declarations are plain data, so that an org's own fields and objects can live in the world and be added at run time.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

TEXT_TYPES = frozenset({"string", "textarea", "picklist", "url", "phone", "email", "combobox", "multipicklist"})
NUMBER_TYPES = frozenset({"double", "currency", "percent"})
OWN_SUFFIXES = ("__c", "__e", "__mdt")
ID_TYPES = frozenset({"id", "reference"})


def label_of(name: str) -> str:
    """A label for an API name: ``Xero_Amount_Due__c`` is "Xero Amount Due"."""
    words = name.removesuffix("__c").replace("_", " ")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", words)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object (SF 2.4).

    ``formula`` names a function of ``formulas.FORMULAS``. A field of the org's own that is computed has its
    ``expression`` (the object, and the formula's text) or the ``summary`` of its child rows besides (SF 8.4).
    """

    name: str
    type: str
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    required: bool = False
    createable: bool = True
    updateable: bool = True
    unique: bool = False
    external_id: bool = False
    id_lookup: bool = False
    case_sensitive: bool = False
    reference_to: tuple[str, ...] = ()
    relationship: str | None = None
    children: str | None = None
    on_delete: str = "SetNull"
    picklist: tuple[str, ...] = ()
    restricted: bool = False
    default: Any = None
    autonumber: str | None = None
    formula: str | None = None
    expression: tuple[str, str] | None = None
    summary: Mapping[str, Any] | None = None
    help: str | None = None
    filterable: bool = True
    feature: str | None = None

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def upsert_key(self) -> bool:
        return self.external_id or (self.id_lookup and self.type != "id")

    @property
    def indexed(self) -> bool:
        return self.type == "reference" or self.external_id or self.unique or self.id_lookup

    def fold(self, value: Any) -> Any:
        """The form of a value under which it is compared: text without case, unless the field is case-sensitive."""
        return (
            value.lower() if isinstance(value, str) and self.type in TEXT_TYPES and not self.case_sensitive else value
        )


@dataclass(frozen=True, slots=True)
class SObject:
    """One kind of record. ``feature`` is the setting without which an org has no such object.

    ``recycled`` is false where deletion bypasses the recycle bin (SF 6.6). ``setup`` objects belong to the org's
    administration: everybody sees them, and object permissions do not apply. ``filtered_by`` names the fields one of
    which a query has to filter by (SF 2.4).
    """

    name: str
    key_prefix: str
    fields: tuple[Field, ...]
    label: str = ""
    plural: str = ""
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    mergeable: bool = False
    recycled: bool = True
    change_events: bool = False
    tooling: bool = False
    setup: bool = False
    feature: str | None = None
    filtered_by: tuple[str, ...] = ()
    by_name: Mapping[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {each.name.lower(): each for each in self.fields})

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def has_pages(self) -> bool:
        """Whether people see its records on pages of their own: list views, layouts, a tab (SF 2.4)."""
        return not (self.setup or self.tooling or self.name.endswith(OWN_SUFFIXES[1:]))

    @property
    def platform_event(self) -> bool:
        """Whether its records are sent as events and never stored (SF 5.5)."""
        return self.name.endswith("__e")

    def field(self, name: str) -> Field | None:
        return self.by_name.get(name.lower())

    def parent(self, relationship: str) -> Field | None:
        """The reference field behind a relationship name such as ``Account`` or ``Xero_Invoice__r``."""
        folded = relationship.lower()
        return next((each for each in self.fields if each.relationship and each.relationship.lower() == folded), None)


class Schema:
    """Every object of one org, by name without case."""

    def __init__(self, objects: Iterable[SObject]) -> None:
        self.objects = {each.name.lower(): each for each in objects}
        self.by_prefix = {each.key_prefix: each for each in self.objects.values()}
        self._children: dict[str, list[tuple[SObject, Field]]] = {}
        for each in self.objects.values():
            for reference in each.fields:
                for parent in reference.reference_to:
                    self._children.setdefault(parent, []).append((each, reference))

    def object(self, name: str) -> SObject | None:
        return self.objects.get(name.lower())

    def children(self, parent: str) -> list[tuple[SObject, Field]]:
        """The reference fields of all objects that point at ``parent``."""
        return self._children.get(parent, [])

    def child(self, parent: str, relationship: str) -> tuple[SObject, Field] | None:
        folded = relationship.lower()
        named = (pair for pair in self.children(parent) if pair[1].children)
        return next((pair for pair in named if str(pair[1].children).lower() == folded), None)


def declaration(sobject: SObject) -> dict[str, Any]:
    """An object, or the fields that an org adds to one, as plain data for the world."""
    data = {each.name: getattr(sobject, each.name) for each in dataclasses.fields(sobject) if each.init}
    return data | {"fields": [dataclasses.asdict(each) for each in sobject.fields]}


def with_declarations(standard: Iterable[SObject], declarations: Iterable[Mapping[str, Any]]) -> Schema:
    """The standard objects and what the org declares: new objects, or more fields on known ones."""
    objects = {each.name: each for each in standard}
    for data in declarations:
        fields = tuple(Field(**each) for each in data["fields"])
        known = objects.get(data["name"])
        if known is None and not data["name"].endswith(OWN_SUFFIXES):
            continue  # the org has no such standard object, and so not these fields of it either
        if known is None:
            objects[data["name"]] = SObject(**{**data, "fields": fields})
        else:
            objects[known.name] = dataclasses.replace(known, fields=_merged(known.fields, fields))
    return Schema(objects.values())


def _merged(known: tuple[Field, ...], added: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple({each.name: each for each in known + added}.values())


def text(name: str, length: int = 255, **options: Any) -> Field:
    return Field(name, options.pop("type", "string"), length=length, **options)


def long_text(name: str, length: int, **options: Any) -> Field:
    return Field(name, "textarea", length=length, filterable=length <= 255, **options)


def blob(name: str, **options: Any) -> Field:
    """A file's bytes, which are stored and sent as base64 and read at an address of their own (SF 0.4)."""
    return Field(name, "base64", filterable=False, **options)


def picklist(name: str, values: Iterable[str] = (), **options: Any) -> Field:
    return Field(name, "picklist", length=options.pop("length", 255), picklist=tuple(values), **options)


def number(name: str, precision: int, scale: int, **options: Any) -> Field:
    return Field(name, options.pop("type", "double"), precision=precision, scale=scale, **options)


def currency(name: str, precision: int = 18, scale: int = 2, **options: Any) -> Field:
    return number(name, precision, scale, type="currency", **options)


def integer(name: str, **options: Any) -> Field:
    return Field(name, "int", precision=9, **options)


def checkbox(name: str, default: bool = False, **options: Any) -> Field:
    return Field(name, "boolean", default=default, **options)


def date(name: str, **options: Any) -> Field:
    return Field(name, "date", **options)


def moment(name: str, **options: Any) -> Field:
    return Field(name, "datetime", **options)


def reference(name: str, *to: str, children: str | None = None, **options: Any) -> Field:
    """A lookup. Its relationship is named after it: ``AccountId`` -> ``Account``, ``Account__c`` -> ``Account__r``."""
    custom = name.endswith("__c")
    relationship = name.removesuffix("__c") + "__r" if custom else name.removesuffix("Id")
    return Field(name, "reference", reference_to=to, relationship=relationship, children=children, length=18, **options)


def derived(field_: Field, formula: str) -> Field:
    """A field that the platform computes at each read; nobody writes it."""
    return dataclasses.replace(field_, createable=False, updateable=False, formula=formula)


def system(field_: Field) -> Field:
    """A field that the platform stores and nobody writes."""
    return dataclasses.replace(field_, createable=False, updateable=False)


def fixed(field_: Field) -> Field:
    """A field that is given at creation and never changes."""
    return dataclasses.replace(field_, updateable=False)
