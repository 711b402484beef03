"""What an org's metadata consists of: its types, its components, and their files (SF 8.2, 8.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.metadata.archive import MANIFEST, pack
from crossfoot.emulators.salesforce.metadata.declared import field_element, object_element
from crossfoot.emulators.salesforce.metadata.draft import Stored
from crossfoot.emulators.salesforce.metadata.objects import CHILD_TYPES
from crossfoot.emulators.salesforce.metadata.types import BY_NAME, HOLDS, TYPES, ComponentType, member_of
from crossfoot.emulators.salesforce.metadata.xml import document, inner_xml, parse_xml
from crossfoot.emulators.salesforce.world import World

LIST_QUERIES_MAX = 3
_TAGS = {kind: tag for tag, kind in CHILD_TYPES.items()}


def describe_types(world: World) -> dict[str, Any]:
    """The DescribeMetadataResult: every type that the emulator covers."""
    return {
        "metadataObjects": [
            {
                "childXmlNames": list(CHILD_TYPES.values()) if each.name == "CustomObject" else [],
                "directoryName": each.folder,
                "inFolder": bool(each.inside),
                "metaFile": each.content,
                "suffix": each.suffix or None,
                "xmlName": each.name,
            }
            for each in TYPES
            if each.folder and each.name not in HOLDS
        ],
        "organizationNamespace": "",
        "partialSaveAllowed": bool(world.settings["is_sandbox"]),
        "testRequired": not world.settings["is_sandbox"],
    }


def components(world: World, kind: str) -> dict[str, Stored]:
    """The components of one type: deployed ones, and the objects and fields that the org was founded with."""
    found = dict(world.metadata.get(kind, {}))
    if kind == "CustomObject":
        for sobject in world.schema.objects.values():
            if not (sobject.setup or sobject.tooling):
                found.setdefault(sobject.name, _founded(object_element(sobject)))
    if kind == "CustomField":
        for sobject in world.schema.objects.values():
            for field in sobject.fields:
                if field.custom:
                    found.setdefault(f"{sobject.name}.{field.name}", _founded(field_element(field)))
    return found


def _founded(element: Any) -> Stored:
    return {"xml": inner_xml(element), "files": {}, "id": None, "file": "", "created": None}


def file_properties(world: World, kind: str, name: str, stored: Stored, start: str = "") -> dict[str, Any]:
    """The FileProperties of a component. What the org was founded with was made by its administrator then."""
    administrator = world.row("User", world.grants["admin"]) or {}
    made, changed = stored.get("created"), stored.get("modified") or stored.get("created")
    founded = administrator.get("CreatedDate")
    named = " ".join(administrator[part] for part in ("FirstName", "LastName") if administrator.get(part))
    return {
        "createdById": world.grants["admin"],
        "createdByName": named,
        "createdDate": _instant(made or founded),
        "fileName": start + next(iter(sorted(_files_of(BY_NAME[kind], name, stored)))),
        "fullName": name,
        "id": stored.get("id") or "",
        "lastModifiedById": world.grants["admin"],
        "lastModifiedByName": named,
        "lastModifiedDate": _instant(changed or founded),
        "manageableState": "unmanaged",
        "type": kind,
    }


def _instant(value: Any) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%S}.000Z"


def list_components(world: World, queries: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """The FileProperties of all components of up to three types, each with the folder that it is asked about: what is
    kept in folders is listed by folder alone (SF 8.2)."""
    wanted = list(queries)
    if not 1 <= len(wanted) <= LIST_QUERIES_MAX:
        raise ApiError("LIMIT_EXCEEDED", f"between 1 and {LIST_QUERIES_MAX} queries are allowed in one call")
    for kind, _ in wanted:
        if kind not in BY_NAME:
            raise ApiError("INVALID_TYPE", f"Unknown type name: {kind}: the emulator does not cover it")
    return [
        file_properties(world, kind, name, stored)
        for kind, folder in wanted
        for name, stored in sorted(components(world, kind).items())
        if not BY_NAME[kind].inside or name.rpartition("/")[0].lower() == folder.lower()
    ]


def retrieve(
    world: World, members: Mapping[str, Iterable[str]], version: str, *, single: bool
) -> tuple[bytes, list[dict[str, Any]], list[dict[str, str]]]:
    """A zip of the named components with its package.xml; their FileProperties; and messages on what is not there.

    Children are put into the file of their object; an object that is named brings all of its children (SF 8.3).
    """
    start = "" if single else "unpackaged/"
    files: dict[str, bytes] = {}
    objects: dict[str, list[tuple[str, Stored]]] = {}
    properties: list[dict[str, Any]] = []
    messages: list[dict[str, str]] = []
    found: dict[str, list[str]] = {}
    for kind, name, stored in _wanted(world, members, messages):
        found.setdefault(HOLDS.get(kind, kind), []).append(name)
        if kind in _TAGS or kind == "CustomObject":
            owner = name.partition(".")[0]
            objects.setdefault(owner, []).extend(_parts(world, kind, name, stored))
        else:
            files.update({start + path: text for path, text in _files_of(BY_NAME[kind], name, stored).items()})
        properties.append(file_properties(world, kind, name, stored, start))
    for owner, parts in objects.items():
        files[f"{start}objects/{owner}.object"] = document("CustomObject", _joined(parts))
    files[start + MANIFEST] = _manifest(found, version)
    return pack(files), properties, messages


def _wanted(
    world: World, members: Mapping[str, Iterable[str]], messages: list[dict[str, str]]
) -> Iterator[tuple[str, str, Stored]]:
    for kind, names in members.items():
        if kind not in BY_NAME or kind in HOLDS:
            messages.append({"fileName": MANIFEST, "problem": f"Unknown type name '{kind}' specified in package.xml"})
            continue
        for asked in names:
            member, name = member_of(kind, asked) if asked != "*" else (kind, asked)
            known = components(world, member)
            folded = {each.lower(): each for each in known}
            if name == "*" and not BY_NAME[kind].inside:
                starred = (each for each in sorted(known) if kind != "CustomObject" or each.endswith("__c"))
                yield from ((kind, each, known[each]) for each in starred)
            elif name.lower() in folded:
                yield member, folded[name.lower()], known[folded[name.lower()]]
            else:
                problem = f"Entity of type '{kind}' named '{name}' cannot be found"
                messages.append({"fileName": MANIFEST, "problem": problem})


def _parts(world: World, kind: str, name: str, stored: Stored) -> Iterator[tuple[str, Stored]]:
    """What a component adds to its object's file: by tag, or as a child of the file itself."""
    if kind != "CustomObject":
        yield _TAGS[kind], stored
        return
    yield "", stored
    for child_kind, tag in sorted(_TAGS.items()):
        for full_name, child in sorted(components(world, child_kind).items()):
            if full_name.partition(".")[0] == name:
                yield tag, child


def _joined(parts: Iterable[tuple[str, Stored]]) -> str:
    """The parts of an object's file: the same tags together, none twice."""
    texts = (
        stored["xml"] if not tag else f"    <{tag}>\n{_indented(stored['xml'])}    </{tag}>\n" for tag, stored in parts
    )
    groups: dict[str, dict[str, None]] = {}
    for each in texts:
        for element in parse_xml(document("CustomObject", each)).children:
            made = type(element)("", children=[element])
            groups.setdefault(element.tag, {})[inner_xml(made)] = None
    return "".join(text for tag in sorted(groups) for text in groups[tag])


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def _files_of(kind: ComponentType, name: str, stored: Stored) -> dict[str, bytes]:
    """A component's files by their path in a zip (SF 8.3)."""
    text = document(kind.name, stored["xml"])
    if kind.bundle:
        below = f"{kind.folder}/{name}/"
        return {below + path: content for path, content in stored["files"].items()} | {
            f"{below}{name}.js-meta.xml": text
        }
    if kind.content:
        path = f"{kind.folder}/{name}.{kind.suffix}"
        return {path: next(iter(stored["files"].values()), b""), f"{path}-meta.xml": text}
    if kind.name in HOLDS:
        return {f"{kind.folder}/{name}-meta.xml": text}
    if not kind.folder:
        return {f"objects/{name.partition('.')[0]}.object": text}
    return {f"{kind.folder}/{name}.{kind.suffix}": text}


def _manifest(found: Mapping[str, Iterable[str]], version: str) -> bytes:
    blocks = (
        "    <types>\n"
        + "".join(f"        <members>{name}</members>\n" for name in sorted(names))
        + f"        <name>{kind}</name>\n    </types>\n"
        for kind, names in sorted(found.items())
    )
    return document("Package", "".join(blocks) + f"    <version>{version}</version>\n")
