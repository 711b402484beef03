"""JSON Schemas of an OpenAPI file, each compiled once to a function that names what contradicts it.

Stricter than OpenAPI asks: a member that a schema does not have, and null, are contradictions too. What Xero answers
for a refused element repeats what was sent, so inside it only members and types are judged (XERO 3.5).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One contradiction. ``place`` is schema and member, or an operation; ``kind`` is one of ``KINDS``."""

    place: str
    kind: str
    value: Any = None

    @property
    def key(self) -> tuple[str, str]:
        return self.place, self.kind

    def __str__(self) -> str:
        return f"{self.place}: {KINDS[self.kind]}: {str(self.value)[:200]}"


KINDS: Mapping[str, str] = {
    "member": "there is no such member",
    "missing": "a required member is missing",
    "null": "null is not allowed",
    "type": "another type",
    "choice": "not one of the enumerated values",
    "form": "another form of text",
    "length": "too long",
    "path": "there is no such path",
    "method": "the path has no such method",
    "status": "neither the file nor the status matrix (XERO 3.11) has this status",
    "content": "another kind of content",
    "parameter": "there is no such parameter",
}
Checker = Callable[[Any, list[Fault]], None]
Schema = Mapping[str, Any]

_WRITTEN_DATE = re.compile(r"/Date\(-?\d+(\+0000)?\)/")
_READ_DATE = re.compile(r"/Date\(-?\d+(\+0000)?\)/|\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d)?")
_FORMS: Mapping[str, re.Pattern[str]] = {
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, Decimal),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


class Schemas:
    """The named schemas of one file. ``sent`` compiles them for requests, where dates may be written as days."""

    def __init__(self, named: Mapping[str, Schema], *, sent: bool = False) -> None:
        self.named = named
        self._date = _READ_DATE if sent else _WRITTEN_DATE
        self._compiled: dict[tuple[str, bool], Checker] = {}

    def checker(self, schema: Schema, place: str, *, echo: bool = False) -> Checker:
        """The function that judges a value at a place. ``echo`` leaves values alone and judges members and types."""
        if "$ref" in schema:
            return self._by_name(schema["$ref"].rsplit("/", 1)[-1], echo)
        kind = schema.get("type") or ("object" if "properties" in schema else "")
        if kind == "object" and "properties" in schema:
            return self._object(schema, place, echo)
        if kind == "array":
            return _array(self.checker(schema.get("items", {}), place, echo=echo), place)
        return _plain(kind, place) if echo else _scalar(kind, schema, self._form(schema), place)

    def _by_name(self, name: str, echo: bool) -> Checker:
        """Schemas refer to each other in circles, so the compiled one is looked up when it is called."""
        compiled, key = self._compiled, (name, echo)

        def forward(value: Any, found: list[Fault]) -> None:
            compiled[key](value, found)

        if key not in compiled:
            compiled[key] = forward
            compiled[key] = self.checker(self.named[name], name, echo=echo)
        return forward

    def _form(self, schema: Schema) -> re.Pattern[str] | None:
        if schema.get("x-is-msdate") or schema.get("x-is-msdate-time"):
            return self._date
        return _FORMS.get(schema.get("format", ""))

    def _object(self, schema: Schema, place: str, echo: bool) -> Checker:
        members = {
            name: self.checker(inner, f"{place}.{name}", echo=echo) for name, inner in schema["properties"].items()
        }
        required = () if echo else tuple(schema.get("required", ()))
        lenient = None if echo else self.checker(schema, place, echo=True)

        def check(value: Any, found: list[Fault]) -> None:
            if not isinstance(value, dict):
                found.append(Fault(place, "type", value))
                return
            if lenient is not None and value.get("ValidationErrors"):
                lenient(value, found)
                return
            for name, inner in value.items():
                member = members.get(name)
                if member is None:
                    found.append(Fault(f"{place}.{name}", "member", inner))
                elif inner is None:
                    found.append(Fault(f"{place}.{name}", "null"))
                else:
                    member(inner, found)
            found.extend(Fault(f"{place}.{name}", "missing") for name in required if name not in value)

        return check


def _array(item: Checker, place: str) -> Checker:
    def check(value: Any, found: list[Fault]) -> None:
        if not isinstance(value, list):
            found.append(Fault(place, "type", value))
            return
        for inner in value:
            item(inner, found)

    return check


def _plain(kind: str, place: str) -> Checker:
    types = _TYPES.get(kind, (object,))

    def check(value: Any, found: list[Fault]) -> None:
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types and kind):
            found.append(Fault(place, "type", value))

    return check


def _scalar(kind: str, schema: Schema, form: re.Pattern[str] | None, place: str) -> Checker:
    plain = _plain(kind, place)
    choices = frozenset(str(value) for value in schema.get("enum", ()))
    length_max: int | None = schema.get("maxLength")
    if kind != "string" or not (form or choices or length_max):
        return plain

    def check(value: Any, found: list[Fault]) -> None:
        if not isinstance(value, str):
            found.append(Fault(place, "type", value))
            return
        if choices and value not in choices:
            found.append(Fault(place, "choice", value))
        if form and not form.fullmatch(value):
            found.append(Fault(place, "form", value))
        if length_max is not None and len(value) > length_max:
            found.append(Fault(place, "length", value))

    return check


def faults_of(check: Checker, value: Any) -> list[Fault]:
    """What a checker finds in a value."""
    found: list[Fault] = []
    check(value, found)
    return found
