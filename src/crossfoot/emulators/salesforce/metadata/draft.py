"""The org as a deployment would leave it: declarations and components, changed in a draft and adopted as one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crossfoot.emulators.salesforce.ids import DIGITS
from crossfoot.emulators.salesforce.metadata.xml import Element, document, inner_xml, parse_xml
from crossfoot.emulators.salesforce.schema import Field, Schema, SObject, declaration, with_declarations
from crossfoot.emulators.salesforce.setup_objects import SETUP_OBJECTS
from crossfoot.emulators.salesforce.standard import standard_objects
from crossfoot.emulators.salesforce.world import World

Stored = dict[str, Any]


class Refusal(Exception):
    """A component cannot be deployed; the message is the platform's where the facts have it."""

    def __init__(self, problem: str, at: Element | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = at.line if at else 0
        self.column = at.column if at else 0


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a deployment: its type and full name, its file in the zip, and what it says.

    ``root`` is its XML; ``files`` are the bytes of what is not XML, such as a bundle's scripts.
    """

    type: str
    name: str
    file: str
    root: Element
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def stored(self) -> Stored:
        """The content, in the one form in which equal components are equal."""
        return {"xml": inner_xml(self.root), "files": dict(self.files)}


class Draft:
    """Declarations and components of one org, apart from it until ``adopt``."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.components: dict[str, dict[str, Stored]] = {name: dict(each) for name, each in world.metadata.items()}
        self._objects = {each["name"]: each for each in _merged(world.declarations)}
        self._schema: Schema | None = world.schema

    @property
    def schema(self) -> Schema:
        if self._schema is None:
            objects = standard_objects(self.world.settings) + SETUP_OBJECTS
            self._schema = with_declarations(objects, self._objects.values())
        return self._schema

    def declare(self, sobject: SObject) -> None:
        """An object of the org's own, or its new form; its fields stay as they are declared."""
        known = self._objects.get(sobject.name, {"fields": []})
        data = declaration(sobject)
        fields = {each["name"]: each for each in [*data["fields"], *(each for each in known["fields"] if _own(each))]}
        self._objects[sobject.name] = data | {"fields": list(fields.values())}
        self._schema = None

    def declare_field(self, sobject: SObject, added: Field) -> None:
        known = self._objects.get(sobject.name) or declaration(dataclasses.replace(sobject, fields=()))
        kept = {each["name"].lower(): each for each in known["fields"]}
        kept[added.name.lower()] = dataclasses.asdict(added)
        self._objects[sobject.name] = known | {"fields": list(kept.values())}
        self._schema = None

    def drop_field(self, sobject: SObject, name: str) -> None:
        known = self._objects[sobject.name]
        kept = [each for each in known["fields"] if each["name"].lower() != name.lower()]
        self._objects[sobject.name] = known | {"fields": kept}
        self._schema = None

    def drop_object(self, sobject: SObject) -> None:
        self._objects.pop(sobject.name, None)
        self._schema = None

    def key_prefix(self) -> str:
        """The first of a00, a01, ... that no object has (SF 0.3)."""
        return next(
            prefix for one in DIGITS for two in DIGITS if (prefix := f"a{one}{two}") not in self.schema.by_prefix
        )

    def find(self, kind: str, name: str) -> Stored | None:
        """A component by its type and its full name, without case."""
        folded = name.lower()
        return next((each for key, each in self.components.get(kind, {}).items() if key.lower() == folded), None)

    def element(self, kind: str, name: str) -> Element | None:
        """What a stored component says."""
        found = self.find(kind, name)
        return None if found is None else parse_xml(document(kind, found["xml"]))

    def texts(self) -> Iterator[tuple[str, str, str]]:
        """Type, name and XML of every component."""
        for kind, each in self.components.items():
            for name, stored in each.items():
                yield kind, name, stored["xml"]

    def put(self, component: Component, stored: Stored) -> None:
        known = self.components.setdefault(component.type, {})
        same = next((key for key in known if key.lower() == component.name.lower()), component.name)
        known[same] = stored

    def remove(self, kind: str, name: str) -> None:
        known = self.components.get(kind, {})
        for key in [each for each in known if each.lower() == name.lower()]:
            del known[key]

    def adopt(self) -> None:
        """Make the draft the org. What deleted fields and objects held goes with them (SF 8.3)."""
        world = self.world
        world.metadata = self.components
        if self._schema is world.schema:
            return
        schema = self.schema
        for sobject in world.schema.objects.values():
            kept = schema.object(sobject.name)
            if kept is None:
                world.rows.pop(sobject.name, None)
                continue
            gone = {each.name for each in sobject.fields} - {each.name for each in kept.fields}
            if gone:
                table = world.rows.get(sobject.name, {})
                for key, row in table.items():
                    table[key] = {name: value for name, value in row.items() if name not in gone}
        world.declarations = list(self._objects.values())
        world.declare()


def _own(data: Mapping[str, Any]) -> bool:
    return str(data["name"]).endswith("__c")


def _merged(declarations: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One declaration per object, of the several that an org may have gathered."""
    objects: dict[str, dict[str, Any]] = {}
    for data in declarations:
        known = objects.get(data["name"])
        fields = {each["name"]: each for each in [*(known or data)["fields"], *data["fields"]]}
        objects[data["name"]] = (known or data) | {"fields": list(fields.values())}
    yield from objects.values()
