"""The emulators' durable state: a versioned snapshot, and a log of the requests since.

``snapshot.json`` holds both worlds as tagged JSON and names the log that continues it. Every request is appended to
that log and flushed before its answer leaves, so killing the emulators loses nothing that was answered. A new
snapshot names a new log: there is no moment at which a request could be replayed twice.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from crossfoot.emulators.files import write_private
from crossfoot.emulators.wire import Request

version = 1


class StateError(Exception):
    """A state folder cannot be used; the message says why and what to do."""


# Tag, Python type, to text or list, and back. Order matters: a datetime is also a date.
_TAGS: tuple[tuple[str, type, Callable[[Any], Any], Callable[[Any], Any]], ...] = (
    ("$datetime", datetime, datetime.isoformat, datetime.fromisoformat),
    ("$date", date, date.isoformat, date.fromisoformat),
    ("$decimal", Decimal, str, Decimal),
    ("$bytes", bytes, lambda value: base64.b64encode(value).decode(), base64.b64decode),
    ("$tuple", tuple, lambda value: [tag(item) for item in value], lambda items: tuple(untag(item) for item in items)),
)
_READERS = {name: read for name, _type, _write, read in _TAGS}


def tag(value: Any) -> Any:
    """Turn plain values into what JSON can hold; a type that is not plain raises TypeError."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, list):
        return [tag(item) for item in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: tag(item) for key, item in value.items()}
        return {"$dict": [[tag(key), tag(item)] for key, item in value.items()]}
    for name, kind, write, _read in _TAGS:
        if isinstance(value, kind):
            return {name: write(value)}
    raise TypeError(f"a world's state may not hold {type(value).__name__}: {value!r}")


def untag(value: Any) -> Any:
    """The value that ``tag`` was given."""
    if isinstance(value, list):
        return [untag(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [(name, inner)] = value.items()
        if name == "$dict":
            return {untag(key): untag(item) for key, item in inner}
        if name in _READERS:
            return _READERS[name](inner)
    return {key: untag(item) for key, item in value.items()}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Both worlds at one moment, with the clock's offset and the scenario that they came from."""

    generation: int
    offset_s: int
    scenario: str
    start_date: str | None
    worlds: dict[str, Any]


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
        try:
            found = json.loads(path.read_bytes(), parse_float=Decimal)
            found_version = found["version"]
        except (ValueError, KeyError, TypeError):
            raise StateError(f"{path} is not a snapshot of the emulators. Choose another --state folder.") from None
        if found_version != version:
            raise StateError(
                f"{path} was written by another version of the emulators (snapshot version {found_version}, this one "
                f"reads {version}). Choose another --state folder."
            )
        return Snapshot(
            found["generation"], found["offset_s"], found["scenario"], found["start_date"], untag(found["worlds"])
        )

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
        content = {
            "version": version,
            "generation": snapshot.generation,
            "offset_s": snapshot.offset_s,
            "scenario": snapshot.scenario,
            "start_date": snapshot.start_date,
            "worlds": tag(snapshot.worlds),
        }
        log_path = self._log_path(snapshot.generation)
        write_private(log_path, b"")
        write_private(self.folder / "snapshot.json", json.dumps(content, separators=(",", ":")).encode())
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
