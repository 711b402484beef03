"""A zip of metadata read into components, and its package.xml into what it asks for (SF 8.3)."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from crossfoot.emulators.salesforce.metadata.draft import Component
from crossfoot.emulators.salesforce.metadata.objects import split_object
from crossfoot.emulators.salesforce.metadata.types import BY_FOLDER, BY_NAME, ComponentType
from crossfoot.emulators.salesforce.metadata.xml import Element, XmlError, parse_xml

FILES_MAX = 10_000
ZIP_BYTES_MAX = 39 * 1024 * 1024
UNPACKED_BYTES_MAX = 600 * 1024 * 1024
MANIFEST = "package.xml"
# Manifests of deletions, and whether they are carried out before the components or after them.
DESTRUCTIVE = {"destructiveChangesPre.xml": True, "destructiveChanges.xml": True, "destructiveChangesPost.xml": False}


class ArchiveError(Exception):
    """A zip cannot be used at all; the deployment fails as a whole."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one file, before any component is judged."""

    file: str
    text: str
    line: int = 0
    column: int = 0
    type: str = ""
    name: str = ""


@dataclass(slots=True)
class Package:
    """One package of a zip: what its manifests name, and the components that its files hold."""

    folder: str
    manifest: Element | None = None
    destructive: dict[str, Element] = field(default_factory=dict)
    components: list[Component] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_zip(packed: bytes) -> dict[str, bytes]:
    """The files of a zip by their path, within the platform's limits (SF 8.1)."""
    if len(packed) > ZIP_BYTES_MAX:
        raise ArchiveError(f"The zip file is larger than {ZIP_BYTES_MAX} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            entries = [each for each in archive.infolist() if not each.is_dir()]
            if len(entries) > FILES_MAX or sum(each.file_size for each in entries) > UNPACKED_BYTES_MAX:
                raise ArchiveError(f"The zip file holds more than {FILES_MAX} files or {UNPACKED_BYTES_MAX} bytes")
            return {each.filename: archive.read(each) for each in entries}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise ArchiveError(f"Failed to process the zip file: {error}") from error


def read_packages(files: Mapping[str, bytes], *, single: bool) -> list[Package]:
    """The packages of a zip: the one at its root, or one in each folder that has a manifest.

    Command-line clients wrap a single package in a folder too, so one such folder is taken for the root.
    """
    folders = sorted(path.rpartition("/")[0] for path in files if path.rpartition("/")[2] == MANIFEST)
    if "" in folders:
        folders = [""] if single else [each for each in folders if each]
    elif single and len(folders) > 1:
        folders = []
    if not folders:
        raise ArchiveError("No package.xml found")
    return [_package(folder, files) for folder in folders]


def _package(folder: str, files: Mapping[str, bytes]) -> Package:
    package = Package(folder)
    start = f"{folder}/" if folder else ""
    inside = {path.removeprefix(start): content for path, content in files.items() if path.startswith(start)}
    package.manifest = _manifest(package, MANIFEST, inside[MANIFEST])
    for name in DESTRUCTIVE:
        if name in inside:
            found = _manifest(package, name, inside[name])
            if found is not None:
                package.destructive[name] = found
    rest = {path: content for path, content in inside.items() if path not in {MANIFEST, *DESTRUCTIVE}}
    for path in sorted(rest):
        kind = BY_FOLDER.get(path.partition("/")[0])
        if kind is None:
            folder_name = path.partition("/")[0]
            text = f"The emulator does not cover the metadata in the folder {folder_name}"
            package.problems.append(Problem(start + path, text))
            continue
        try:
            package.components.extend(_components(kind, path, rest, start))
        except XmlError as error:
            text = f"Error parsing file: {error.reason}"
            package.problems.append(Problem(start + path, text, error.line, error.column, kind.name, _stem(path, kind)))
    return package


def _manifest(package: Package, name: str, text: bytes) -> Element | None:
    try:
        root = parse_xml(text)
        if root.tag != "Package":
            raise XmlError(
                f"Element {root.tag} invalid at this location: a Package is expected", root.line, root.column
            )
    except XmlError as error:
        package.problems.append(Problem(name, f"Error parsing file: {error.reason}", error.line, error.column))
        return None
    return root


def _stem(path: str, kind: ComponentType) -> str:
    inner = path.partition("/")[2]
    return inner.partition("/")[0] if kind.bundle else unquote(inner.removesuffix(f".{kind.suffix}"))


def _components(kind: ComponentType, path: str, files: Mapping[str, bytes], start: str) -> Iterator[Component]:
    """The components of one file. Of a bundle, and of a content file, the ``-meta.xml`` speaks for all."""
    name = _stem(path, kind)
    if kind.bundle:
        if path == f"{kind.folder}/{name}/{name}.js-meta.xml":
            below = f"{kind.folder}/{name}/"
            parts = {each.removeprefix(below): files[each] for each in files if each.startswith(below)}
            contents = {each: content for each, content in parts.items() if not each.endswith("-meta.xml")}
            yield Component(kind.name, name, start + path, _root(files[path], kind), contents)
        elif f"{kind.folder}/{name}/{name}.js-meta.xml" not in files:
            raise XmlError(f"the bundle has no {name}.js-meta.xml", 0, 0)
        return
    if kind.content:
        file = path.removesuffix("-meta.xml")
        if file != path:
            name = _stem(file, kind)
            contents = {f"{name}.{kind.suffix}": files[file]} if file in files else {}
            yield Component(kind.name, name, start + file, _root(files[path], kind), contents)
        elif f"{path}-meta.xml" not in files:
            raise XmlError(f"the file has no {path}-meta.xml", 0, 0)
        return
    if kind.inside and path.endswith("-meta.xml"):
        holder = BY_NAME[kind.inside]
        yield Component(holder.name, name.removesuffix("-meta.xml"), start + path, _root(files[path], holder))
        return
    if not path.endswith(f".{kind.suffix}"):
        raise XmlError(f"a file in {kind.folder} has to end in .{kind.suffix}", 0, 0)
    component = Component(kind.name, name, start + path, _root(files[path], kind))
    yield from split_object(component) if kind.name == "CustomObject" else (component,)


def _root(text: bytes, kind: ComponentType) -> Element:
    root = parse_xml(text)
    if root.tag != kind.name:
        raise XmlError(f"Element {root.tag} invalid at this location: {kind.name} is expected", root.line, root.column)
    seen: dict[str, int] = {}
    for number, each in enumerate(root.children):
        if each.tag in seen and seen[each.tag] != number - 1:
            shown = f"Element {each.tag} is duplicated at this location in type {kind.name}"
            raise XmlError(shown, each.line, each.column)
        seen[each.tag] = number
    return root


def pack(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files; the same files make the same bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), files[path], zipfile.ZIP_DEFLATED)
    return made.getvalue()
