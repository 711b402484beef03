"""Avro's binary encoding, as far as event schemas use it, without a file header (SF 5.6)."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

Kind = Any  # a schema as JSON: a type's name, a union's list, or an object
Write = Callable[[Any, bytearray], None]
Shape = type | None  # what tells the branches of a union apart: nothing, a text, a record, or else a number

DEPTH_MAX = 8
_DOUBLE = struct.Struct("<d")


class AvroError(ValueError):
    """A value or a payload that does not fit its schema."""


class Codec:
    """Writes and reads the values of one schema."""

    def __init__(self, schema_json: str) -> None:
        self.schema: dict[str, Any] = json.loads(schema_json)
        self._named: dict[str, Kind] = {}
        self._writers: dict[str, Write] = {}
        self._collect(self.schema)
        self._write = self._writer(self.schema)

    def encode(self, value: Mapping[str, Any]) -> bytes:
        """The bytes of a record. Members that are missing are null."""
        out = bytearray()
        self._write(value, out)
        return bytes(out)

    def decode(self, payload: bytes) -> dict[str, Any]:
        """The record behind these bytes, all of them; AvroError when there is none."""
        source = BytesIO(payload)
        value: dict[str, Any] = self._read(self.schema, source, 0)
        if source.read(1):
            raise AvroError("bytes are left over")
        return value

    def _collect(self, kind: Kind) -> None:
        """Named types may be referred to by name once they have been defined."""
        if isinstance(kind, list):
            for branch in kind:
                self._collect(branch)
        elif isinstance(kind, dict):
            self._named[kind.get("name", "")] = kind
            for inner in (kind.get("items"), *(each["type"] for each in kind.get("fields", ()))):
                self._collect(inner)

    def _writer(self, kind: Kind) -> Write:
        """How values of a type are written, worked out once."""
        if isinstance(kind, list):
            return self._union_writer(kind)
        if isinstance(kind, str) and kind in self._named:
            if kind not in self._writers:
                self._writers[kind] = self._writer(self._named[kind])
            return self._writers[kind]
        name = kind if isinstance(kind, str) else kind["type"]
        if name == "record":
            return _record_writer([(each["name"], self._writer(each["type"])) for each in kind["fields"]])
        if name == "array":
            return _array_writer(self._writer(kind["items"]))
        if name == "enum":
            return lambda value, out: _write_long(kind["symbols"].index(value), out)
        return _WRITERS[name]

    def _union_writer(self, kinds: list[Kind]) -> Write:
        branches = [(self._shape(kind), self._writer(kind)) for kind in kinds]

        def write(value: Any, out: bytearray) -> None:
            shape = _shape_of(value)
            for index, (wanted, write_branch) in enumerate(branches):
                if wanted is shape:
                    out.append(index << 1)
                    return write_branch(value, out)
            raise AvroError(f"{value!r} is none of {kinds}")

        return write

    def _shape(self, kind: Kind) -> Shape:
        name = self._named.get(kind, kind) if isinstance(kind, str) else kind
        return dict if isinstance(name, dict) else _SHAPES.get(name, float)

    def _read(self, kind: Kind, source: BytesIO, depth: int) -> Any:
        if depth > DEPTH_MAX:
            raise AvroError("nested too deeply")
        if isinstance(kind, list):
            return self._read(_chosen(kind, _read_long(source)), source, depth + 1)
        kind = self._named.get(kind, kind) if isinstance(kind, str) else kind
        name = kind if isinstance(kind, str) else kind["type"]
        if name == "record":
            return {each["name"]: self._read(each["type"], source, depth + 1) for each in kind["fields"]}
        if name == "array":
            items: list[Any] = []
            while (count := _read_long(source)) != 0:
                if count < 0:  # a block that also tells its size in bytes
                    count, _ = -count, _read_long(source)
                items += (self._read(kind["items"], source, depth + 1) for _ in range(count))
            return items
        if name == "enum":
            return _chosen(kind["symbols"], _read_long(source))
        return _READERS[name](source)


def _shape_of(value: Any) -> Shape:
    return None if value is None else str if isinstance(value, str) else dict if isinstance(value, dict) else float


def _record_writer(members: list[tuple[str, Write]]) -> Write:
    def write(value: Any, out: bytearray) -> None:
        for name, write_member in members:
            write_member(value.get(name), out)

    return write


def _array_writer(write_item: Write) -> Write:
    def write(value: Any, out: bytearray) -> None:
        if value:
            _write_long(len(value), out)
            for item in value:
                write_item(item, out)
        out.append(0)

    return write


def _chosen(choices: list[Any], index: int) -> Any:
    if not 0 <= index < len(choices):
        raise AvroError(f"there is no choice {index} of {choices}")
    return choices[index]


def _write_long(value: Any, out: bytearray) -> None:
    number = value << 1 if value >= 0 else ((-value) << 1) - 1
    while number > 0x7F:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    out.append(number)


def _read_long(source: BytesIO) -> int:
    number = shift = 0
    while True:
        byte = _take(source, 1)[0]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number >> 1 if number & 1 == 0 else -((number + 1) >> 1)
        shift += 7
        if shift > 63:
            raise AvroError("a number of more than 64 bits")


def _take(source: BytesIO, size: int) -> bytes:
    if size < 0 or len(found := source.read(size)) < size:
        raise AvroError("the bytes end too early")
    return found


def _write_string(value: Any, out: bytearray) -> None:
    sent = value.encode()
    _write_long(len(sent), out)
    out += sent


def _read_string(source: BytesIO) -> str:
    return _take(source, _read_long(source)).decode()


def _write_double(value: Any, out: bytearray) -> None:
    """Amounts leave as doubles, as the platform sends them: whoever needs them exactly reads the row (SF 5.6)."""
    out += _DOUBLE.pack(float(value))


_SHAPES: dict[str, Shape] = {"null": None, "string": str}
_WRITERS: dict[str, Write] = {
    "null": lambda _value, _out: None,
    "boolean": lambda value, out: out.append(bool(value)),
    "int": _write_long,
    "long": _write_long,
    "double": _write_double,
    "string": _write_string,
}
_READERS = {
    "null": lambda _source: None,
    "boolean": lambda source: _take(source, 1) == b"\x01",
    "int": _read_long,
    "long": _read_long,
    "double": lambda source: _DOUBLE.unpack(_take(source, 8))[0],
    "string": _read_string,
}
