"""The emulators' durable state: a versioned snapshot, and a log of the requests since.

``snapshot.json`` holds both worlds as tagged JSON and names the log that continues it. Every request is appended to
that log and flushed before its answer leaves, so killing the emulators loses nothing that was answered. A new
snapshot names a new log: there is no moment at which a request could be replayed twice.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from crossfoot.emulators.collection import collection_paused
from crossfoot.emulators.files import write_private
from crossfoot.emulators.wire import Request

version = 1


class StateError(Exception):
    """A state folder cannot be used; the message says why and what to do."""


# Python type -> tag, to text or list, and back
_TAGS: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    datetime: ("$datetime", datetime.isoformat, datetime.fromisoformat),
    date: ("$date", date.isoformat, date.fromisoformat),
    Decimal: ("$decimal", str, Decimal),
    bytes: ("$bytes", lambda value: base64.b64encode(value).decode(), base64.b64decode),
    tuple: ("$tuple", lambda value: [tag(item) for item in value], tuple),
}
_READERS: dict[str, Callable[[Any], Any]] = {"$dict": dict, **{name: read for name, _write, read in _TAGS.values()}}
_PLAIN = frozenset({str, int, bool, type(None)})  # JSON has these
_PIECES_DEPTH = 6  # worlds, side, "organisations", one of them, "tables", kind: below that, one record at a time

_encode = json.JSONEncoder(separators=(",", ":")).encode


def encode(value: Any, depth: int = 0) -> Iterator[bytes]:
    """Plain values as tagged JSON, in pieces.

    Containers are opened down to ``depth``, so that no second copy of a large world need stand in memory.
    """
    if depth > 0 and isinstance(value, dict) and _are_names(value):
        for place, (key, item) in enumerate(value.items()):
            yield f"{',' if place else '{'}{_encode(key)}:".encode()
            yield from encode(item, depth - 1)
        yield b"}" if value else b"{}"
    elif depth > 0 and isinstance(value, list):
        for place, item in enumerate(value):
            yield b"," if place else b"["
            yield from encode(item, depth - 1)
        yield b"]" if value else b"[]"
    else:
        yield _encode(tag(value)).encode()


@collection_paused()
def decode(text: bytes) -> Any:
    """The value that ``encode`` was given."""
    return json.loads(text, object_hook=_untagged)


def _are_names(keys: Iterable[Any]) -> bool:
    """Whether all keys are texts that no tag can be mistaken for."""
    try:
        return "$" not in "".join(keys)
    except TypeError:
        return False


def tag(value: Any) -> Any:
    """Turn plain values into what JSON can hold; a type that is not plain raises TypeError."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, list):
        return [tag(item) for item in value]
    if isinstance(value, dict):
        if _are_names(value):
            return {key: item if type(item) in _PLAIN else tag(item) for key, item in value.items()}
        return {"$dict": [[tag(key), tag(item)] for key, item in value.items()]}
    if type(value) not in _TAGS:
        raise TypeError(f"a world's state may not hold {type(value).__name__}: {value!r}")
    name, write, _read = _TAGS[type(value)]
    return {name: write(value)}


def _untagged(found: dict[str, Any]) -> Any:
    """What a JSON object stands for; the objects inside it have been read already."""
    if len(found) == 1:
        [(name, inner)] = found.items()
        if name in _READERS:
            return _READERS[name](inner)
    return found


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Both worlds at one moment, with the clock's offset and the scenario that they came from."""

    generation: int
    offset_s: int
    scenario: str
    start_date: str | None
    worlds: dict[str, Any]


def write_state(snapshot: Snapshot) -> Iterator[bytes]:
    """A snapshot in pieces, as it stands in a folder and goes over the control plane."""
    content = {
        "version": version,
        "generation": snapshot.generation,
        "offset_s": snapshot.offset_s,
        "scenario": snapshot.scenario,
        "start_date": snapshot.start_date,
        "worlds": snapshot.worlds,
    }
    return encode(content, _PIECES_DEPTH + 1)


def read_state(text: bytes, place: str) -> Snapshot:
    """The snapshot that ``write_state`` was given; ``place`` is what messages call it."""
    try:
        found = decode(text)
        if found["version"] == version:
            members = ("generation", "offset_s", "scenario", "start_date", "worlds")
            return Snapshot(*(found[name] for name in members))
    except (ValueError, KeyError, TypeError, ArithmeticError):
        raise StateError(f"{place} is not a snapshot of the emulators. Choose another one.") from None
    raise StateError(
        f"{place} was written by another version of the emulators (snapshot version {found['version']}, this one reads "
        f"{version}). Choose another one."
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log: a request that an emulator handled, or (``request`` None) a turn of the clock."""

    side: str
    at: datetime
    offset_s: int
    request: Request | None


class StateFolder:
    """Reads and writes one ``--state`` folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log: IO[bytes] | None = None

    def read_snapshot(self) -> Snapshot | None:
        """The last snapshot, or None in a new folder."""
        path = self.folder / "snapshot.json"
        if not path.exists():
            return None
        return read_state(path.read_bytes(), str(path))

    def entries(self, generation: int) -> Iterator[Entry]:
        """The log's entries in order. A last line broken off by a kill is no entry: it was never answered."""
        path = self._log_path(generation)
        if not path.exists():
            return
        lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            try:
                yield _read_entry(json.loads(line))
            except (ValueError, KeyError, TypeError, binascii.Error):
                raise StateError(f"{path}, line {number}: not a log entry. The state cannot be rebuilt.") from None

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """Make ``snapshot`` the state and begin its log."""
        self.close()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        log_path = self._log_path(snapshot.generation)
        write_private(log_path, b"")
        write_private(self.folder / "snapshot.json", write_state(snapshot))
        for old in self.folder.glob("log-*.jsonl"):
            if old != log_path:
                old.unlink()
        self._log = log_path.open("ab")

    def append(self, entry: Entry) -> None:
        """Write one entry and flush it to the operating system, before the answer leaves."""
        if self._log is None:
            raise StateError("the state folder is closed")
        self._log.write(json.dumps(_entry_json(entry), separators=(",", ":")).encode() + b"\n")
        self._log.flush()

    def close(self) -> None:
        """Close the log; appending needs a new snapshot first."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def _log_path(self, generation: int) -> Path:
        return self.folder / f"log-{generation}.jsonl"


def _entry_json(entry: Entry) -> dict[str, Any]:
    line: dict[str, Any] = {"side": entry.side, "at": entry.at.isoformat(), "offset_s": entry.offset_s}
    if entry.request is not None:
        request = entry.request
        line["request"] = [request.method, request.path, request.query, dict(request.headers)]
        line["body"] = base64.b64encode(request.body).decode()
    return line


def _read_entry(line: dict[str, Any]) -> Entry:
    request = None
    if "request" in line:
        method, path, query, headers = line["request"]
        request = Request(method, path, query, headers, base64.b64decode(line["body"]))
    return Entry(line["side"], datetime.fromisoformat(line["at"]), line["offset_s"], request)
