"""The Salesforce package that ships with Crossfoot: its components, read from the SFDX source, and zips of them.

Source format keeps one file for each field; the Metadata API takes one for each object, so that they are joined here.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

from crossfoot.core.errors import Defect, NeedsPerson

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
METADATA_VERSION = "62.0"
MARK = "Part of Crossfoot."
KEY_FIELD = "Xero_Key__c"
CORE, ORDERS, BILLS = "force-app", "orders", "bills"
# Folder of the source -> component type and its suffix, in the order in which a person would name them.
_TYPES = {
    "objects": ("CustomObject", "object"),
    "layouts": ("Layout", "layout"),
    "tabs": ("CustomTab", "tab"),
    "applications": ("CustomApplication", "app"),
    "customPermissions": ("CustomPermission", "customPermission"),
    "permissionsets": ("PermissionSet", "permissionset"),
    "flows": ("Flow", "flow"),
    "reportTypes": ("ReportType", "reportType"),
    "reports": ("Report", "report"),
}
BUNDLE, REPORT, FOLDER = "LightningComponentBundle", "Report", "ReportFolder"
_BUNDLES, _FOLDER_SUFFIX = "lwc", "reportFolder"
_CHILDREN = {"fields": "CustomField", "listViews": "ListView", "validationRules": "ValidationRule"}
_CHILD_TAGS = {kind: tag for tag, kind in _CHILDREN.items()}
_FOLDERS = {kind: (folder, suffix) for folder, (kind, suffix) in _TYPES.items()}
# What makes a field what it is; the rest is how it is shown.
_SHAPE = ("type", "length", "precision", "scale", "referenceTo", "displayFormat", "unique", "externalId")


@dataclass(frozen=True, slots=True)
class Component:
    """One component. The full name of an object's child begins with the object's: ``Account.Xero_Balance__c``."""

    type: str
    name: str
    element: Element = field(repr=False, compare=False)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    """What a bundle has beside its XML."""

    @property
    def owner(self) -> str:
        """The object that it belongs to; empty where it belongs to none."""
        if self.type == "CustomObject":
            return self.name
        return self.name.partition(".")[0] if self.type in _CHILD_TAGS else ""

    @property
    def marked(self) -> bool:
        """Whether it says that it is Crossfoot's."""
        return MARK in (_child_text(self.element, "description") or "")

    @property
    def key(self) -> tuple[str, str]:
        """Type and name as they are compared: names have no case."""
        return self.type, self.name.casefold()


def parse(text: bytes) -> Element:
    """A metadata file's root, its namespace taken off. A document type is refused: no metadata has one."""
    if b"<!DOCTYPE" in text:
        raise Defect("a metadata file declares a document type")
    try:
        root = fromstring(text)  # noqa: S314 - without a document type there are no entities to expand
    except ParseError as error:
        raise Defect(f"a metadata file is not XML: {error}") from error
    for each in root.iter():
        each.tag = each.tag.rpartition("}")[2]
    return root


def load_components(parts: Sequence[str] = (CORE,)) -> list[Component]:
    """The components of these parts of the package, by type and name."""
    root = _source()
    found = [each for part in parts for each in _read(root.joinpath(part, "main", "default"))]
    return sorted(found, key=lambda each: (list(_FOLDERS).index(each.type) if each.type in _FOLDERS else -1, each.name))


def _source() -> Traversable:
    """The source as it was installed with Crossfoot, else that of the checkout this file is in."""
    shipped = files("crossfoot").joinpath("package_data", "salesforce")
    if shipped.is_dir():
        return shipped
    beside = Path(__file__).resolve().parents[3] / "salesforce"
    if beside.is_dir():
        return beside
    raise NeedsPerson("This installation of Crossfoot came without its Salesforce package. Install it again.")


def _read(folder: Traversable) -> Iterator[Component]:
    for name, (kind, suffix) in _TYPES.items():
        below = folder.joinpath(name)
        for entry in below.iterdir() if below.is_dir() else ():
            if kind == "CustomObject":
                yield from _object(entry)
            elif entry.is_dir():
                for each in entry.iterdir():
                    yield _file(kind, suffix, f"{entry.name}/{each.name}", each)
            elif entry.name.endswith(f".{_FOLDER_SUFFIX}-meta.xml"):
                yield _file(FOLDER, _FOLDER_SUFFIX, entry.name, entry)
            else:
                yield _file(kind, suffix, entry.name, entry)
    bundles = folder.joinpath(_BUNDLES)
    for entry in bundles.iterdir() if bundles.is_dir() else ():
        yield _bundle(entry.name, {each.name: each.read_bytes() for each in entry.iterdir() if each.is_file()})


def _file(kind: str, suffix: str, path: str, entry: Traversable) -> Component:
    return Component(kind, path.removesuffix(f".{suffix}-meta.xml"), parse(entry.read_bytes()))


def _bundle(name: str, files: Mapping[str, bytes]) -> Component:
    """A Lightning web component; its tests, which would lie in a folder below, are no part of it (SF 8.4)."""
    about = f"{name}.js-meta.xml"
    return Component(BUNDLE, name, parse(files[about]), {path: files[path] for path in files if path != about})


def _object(folder: Traversable) -> Iterator[Component]:
    for entry in folder.iterdir():
        if entry.is_file():
            yield Component("CustomObject", folder.name, parse(entry.read_bytes()))
            continue
        for child in entry.iterdir():
            root = parse(child.read_bytes())
            kind = _CHILDREN[entry.name]
            yield Component(kind, f"{folder.name}.{_child_text(root, 'fullName')}", root)


def with_owners(chosen: Iterable[Component], known: Iterable[Component]) -> list[Component]:
    """Components with the settings of the custom objects that they are part of: the platform reads both together."""
    wanted = {each.key: each for each in chosen}
    objects = {each.name: each for each in known if each.type == "CustomObject"}
    for each in list(wanted.values()):
        owner = objects.get(each.owner)
        if owner is not None:
            wanted.setdefault(owner.key, owner)
    return list(wanted.values())


def pack(components: Sequence[Component]) -> bytes:
    """A zip to deploy, in metadata format with its manifest (SF 8.3)."""
    contents = {"package.xml": manifest(components)}
    joined: dict[str, Element] = {}
    for each in sorted(components, key=lambda each: (each.type in _CHILD_TAGS, each.type, each.name)):
        if each.owner:
            root = joined.setdefault(each.owner, Element("CustomObject"))
            if each.type == "CustomObject":
                root.extend(each.element)
            else:
                child = SubElement(root, _CHILD_TAGS[each.type])
                child.extend(each.element)
        elif each.type == BUNDLE:
            below = f"{_BUNDLES}/{each.name}/"
            contents[f"{below}{each.name}.js-meta.xml"] = _document(each.element)
            contents |= {below + path: content for path, content in each.files.items()}
        elif each.type == FOLDER:
            contents[f"{_FOLDERS[REPORT][0]}/{each.name}-meta.xml"] = _document(each.element)
        else:
            folder, suffix = _FOLDERS[each.type]
            contents[f"{folder}/{each.name}.{suffix}"] = _document(each.element)
    contents |= {f"objects/{name}.object": _document(root) for name, root in joined.items()}
    return _zip(contents)


def pack_removal(components: Sequence[Component]) -> bytes:
    """A zip that deletes components, in this order: an empty manifest, and the list of what goes (SF 8.3)."""
    return _zip({"package.xml": manifest(()), "destructiveChanges.xml": manifest(components)})


def manifest(components: Iterable[Component]) -> bytes:
    """A package.xml that names components."""
    root = Element("Package")
    name_members(root, components)
    return _document(root)


def name_members(parent: Element, components: Iterable[Component]) -> None:
    """The members of a manifest: by type, in the order given. A folder of reports counts as a report (SF 8.3)."""
    members: dict[str, list[str]] = {}
    for each in components:
        members.setdefault(REPORT if each.type == FOLDER else each.type, []).append(each.name)
    for kind in sorted(members):
        types = SubElement(parent, "types")
        for name in members[kind]:
            SubElement(types, "members").text = name
        SubElement(types, "name").text = kind
    SubElement(parent, "version").text = METADATA_VERSION


def _document(root: Element) -> bytes:
    copied = Element(root.tag, {"xmlns": NAMESPACE})
    copied.extend(root)
    return bytes(tostring(copied, encoding="UTF-8", xml_declaration=True))


def _zip(contents: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(contents):
            archive.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), contents[path], zipfile.ZIP_DEFLATED)
    return made.getvalue()


def unpack(packed: bytes) -> list[Component]:
    """The components of a retrieved zip. Everything in it may stand in a folder of its own."""
    found: list[Component] = []
    bundles: dict[str, dict[str, bytes]] = {}
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        for path in archive.namelist():
            steps = path.split("/")
            place = next((at for at, step in enumerate(steps) if step in {*_TYPES, _BUNDLES}), len(steps))
            top, inner = steps[place : place + 1], "/".join(steps[place + 1 :])
            if not inner or inner.endswith("/"):
                continue
            if top == [_BUNDLES]:
                name, _, file = inner.partition("/")
                bundles.setdefault(name, {})[file] = archive.read(path)
            else:
                found.extend(_unpacked(*_TYPES[top[0]], inner, parse(archive.read(path))))
    return [*found, *(_bundle(name, files) for name, files in bundles.items())]


def _unpacked(kind: str, suffix: str, path: str, root: Element) -> Iterable[Component]:
    if kind == "CustomObject":
        return _split(path.removesuffix(".object"), root)
    if root.tag == FOLDER:
        return [Component(FOLDER, path.removesuffix("-meta.xml"), root)]
    return [Component(kind, path.removesuffix(f".{suffix}"), root)]


def _split(name: str, root: Element) -> Iterator[Component]:
    own = Element("CustomObject")
    own.extend(each for each in root if each.tag not in _CHILDREN)
    if len(own):
        yield Component("CustomObject", name, own)
    for each in root:
        if each.tag in _CHILDREN:
            yield Component(_CHILDREN[each.tag], f"{name}.{_child_text(each, 'fullName')}", each)


def is_as_ours(ours: Component, theirs: Component) -> bool:
    """Whether a component stands in the org as we would deploy it."""
    files = all(theirs.files.get(path, b"").strip() == content.strip() for path, content in ours.files.items())
    return files and says_the_same(ours.element, theirs.element)


def says_the_same(ours: Element, theirs: Element) -> bool:
    """Whether everything that we say stands in the org too; it may say more. Descriptions do not count."""
    for each in ours:
        if each.tag != "description" and not any(_agrees(each, other) for other in theirs.findall(each.tag)):
            return False
    return True


def _agrees(ours: Element, theirs: Element) -> bool:
    if len(ours):
        return says_the_same(ours, theirs)
    return (ours.text or "").strip().casefold() == (theirs.text or "").strip().casefold()


def has_shape_of(ours: Element, theirs: Element) -> bool:
    """Whether a field of the org can hold what ours would: the same type and size."""
    shapes = ([(_child_text(each, tag) or "").replace("false", "") for tag in _SHAPE] for each in (ours, theirs))
    return next(shapes) == next(shapes)


def _child_text(element: Element, tag: str) -> str | None:
    found = element.find(tag)
    return None if found is None else (found.text or "").strip()
