"""What a package's manifest asks for, matched with what its files hold (SF 8.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from crossfoot.emulators.salesforce.metadata.archive import MANIFEST, Package, Problem
from crossfoot.emulators.salesforce.metadata.draft import Component
from crossfoot.emulators.salesforce.metadata.objects import CHILD_TYPES
from crossfoot.emulators.salesforce.metadata.types import BY_NAME, HOLDS, member_of
from crossfoot.emulators.salesforce.metadata.xml import Element

_CHILDREN = frozenset(CHILD_TYPES.values())


@dataclass(frozen=True, slots=True)
class Member:
    """One ``<members>`` of a manifest."""

    type: str
    name: str
    line: int
    column: int

    @property
    def key(self) -> tuple[str, str]:
        return self.type, self.name.lower()


def members_of(manifest: Element, file: str, problems: list[Problem]) -> Iterator[Member]:
    """The members of a manifest; a type that the emulator does not cover is a problem, by name."""
    for block in manifest.all("types"):
        kind = block.get("name")
        if kind not in BY_NAME or kind in HOLDS:
            text = f"Unknown type name '{kind}' specified in {file}: the emulator does not cover it"
            problems.append(Problem(file, text, block.line, block.column))
            continue
        for each in block.all("members"):
            yield Member(*member_of(kind, each.text), each.line, each.column)


def select(package: Package, *, allow_missing: bool, auto_update: bool) -> list[Component]:
    """The components that the manifest names. What is named and not there, or there and not named, is a problem."""
    if package.manifest is None:
        return []
    if not package.manifest.get("version"):
        package.problems.append(Problem(MANIFEST, "Required field is missing: version"))
    members = list(members_of(package.manifest, MANIFEST, package.problems))
    named = {each.key for each in members}
    chosen = []
    for component in package.components:
        if _is_named(component, named) or auto_update:
            chosen.append(component)
        else:
            text = "Not in package.xml"
            root = component.root
            package.problems.append(
                Problem(component.file, text, root.line, root.column, component.type, component.name)
            )
    if not allow_missing:
        package.problems.extend(_missing(package, members))
    return chosen


def _is_named(component: Component, named: set[tuple[str, str]]) -> bool:
    """By name or by wildcard; a child also through its object. Where files are sent, unlike where they are asked for,
    a wildcard stands for standard objects too; for what is kept in folders none does (SF 8.3)."""
    owner = component.name.partition(".")[0].lower()
    of_object = component.type in _CHILDREN or component.type == "CustomObject"
    keys = {(component.type, component.name.lower())}
    if of_object:
        keys.add(("CustomObject", owner))
    in_folder = component.type in HOLDS or BY_NAME[component.type].inside
    if not in_folder:
        keys.add(("CustomObject" if of_object else component.type, "*"))
    return not keys.isdisjoint(named)


def _missing(package: Package, members: list[Member]) -> Iterator[Problem]:
    there = {(each.type, each.name.lower()) for each in package.components}
    there |= {
        ("CustomObject", each.name.partition(".")[0].lower()) for each in package.components if each.type in _CHILDREN
    }
    broken = {(each.type, each.name.lower()) for each in package.problems if each.type}
    for each in members:
        if each.name != "*" and each.key not in there | broken:
            text = (
                f"An object '{each.name}' of type {each.type} was named in package.xml, but was not found in zipped "
                "directory"
            )
            yield Problem(MANIFEST, text, each.line, each.column, each.type, each.name)
