"""What a resource's members are, declared as tables, and the one reader of request elements (XERO 3.1, 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crossfoot.emulators.xero.errors import bad_data
from crossfoot.emulators.xero.formats import parse_day, parse_number, plain_guid

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One member. ``kind`` is text, number, flag, day, guid, choice, object or rows; ``max`` bounds a text's length
    or the count of rows; a read-only member may be filtered and ordered by, and is ignored when sent."""

    kind: str = "text"
    max: int | None = None
    choices: tuple[str, ...] = ()
    members: Mapping[str, Field] = field(default_factory=dict)
    read_only: bool = False


Fields = Mapping[str, Field]

NUMBER, FLAG, DAY, GUID = Field("number"), Field("flag"), Field("day"), Field("guid")
SEEN = Field(read_only=True)
STAMP = Field("day", read_only=True)
SEEN_FLAG = Field("flag", read_only=True)


def text(length_max: int | None = None) -> Field:
    return Field("text", length_max)


def choice(*values: str) -> Field:
    return Field("choice", choices=values)


def an_object(members: Fields) -> Field:
    return Field("object", members=members)


def rows(members: Fields, count_max: int | None = None) -> Field:
    return Field("rows", count_max, members=members)


class Check:
    """Collects everything wrong with one element, so that a client sees all problems at once.

    ``illegal`` holds attempts that a careful integration never makes, whether or not Xero lets them pass.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.illegal: list[str] = []

    def refuse(self, message: str, *, illegal: str | None = None) -> None:
        if message not in self.problems:
            self.problems.append(message)
        if illegal:
            self.illegal.append(illegal)

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def read_members(fields: Fields, element: Any, check: Check) -> Record:
    """Read the members that were sent, in any letter case; an empty string reads as None, which clears. Null counts as
    not sent; unknown members are ignored; a wrong type refuses the whole body (ErrorNumber 14)."""
    if not isinstance(element, dict):
        raise bad_data(f"Error converting value {element!r} to an object.")
    values: Record = {}
    for sent, value in element.items():
        name = sent if sent in fields else find_name(fields, sent)
        if name is None or value is None or fields[name].read_only:
            continue
        try:
            values[name] = None if value == "" else _READERS[fields[name].kind](name, fields[name], value, check)
        except ValueError as error:
            raise bad_data(f"{error} Path '{name}'.") from None
    return values


def find_name(names: Iterable[str], sent: str) -> str | None:
    """The one of some names that was sent, in any letter case."""
    lowered = sent.lower()
    return next((name for name in names if name.lower() == lowered), None)


def _text(name: str, declared: Field, value: Any, check: Check) -> str:
    if isinstance(value, dict | list):
        raise ValueError("Error reading string. Unexpected token.")
    found = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    if declared.max is not None and len(found) > declared.max:
        check.refuse(f"The {name} field must not be longer than {declared.max} characters.")
    return found


def _choice(name: str, declared: Field, value: Any, check: Check) -> str:
    found = _text(name, declared, value, check)
    for allowed in declared.choices:
        if allowed.lower() == found.lower():
            return allowed
    check.refuse(f"{name} value '{found}' is not valid. It must be one of: {', '.join(declared.choices)}.")
    return found


def _guid(name: str, declared: Field, value: Any, check: Check) -> str:
    return plain_guid(_text(name, declared, value, check))


def _flag(_name: str, _declared: Field, value: Any, _check: Check) -> bool:
    words = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() in words:
        return words[str(value).lower()]
    raise ValueError(f"Could not convert string to boolean: {value}.")


def _day(_name: str, _declared: Field, value: Any, _check: Check) -> Any:
    return parse_day(str(value))


def _number(_name: str, _declared: Field, value: Any, _check: Check) -> Any:
    return parse_number(value)


def _object(_name: str, declared: Field, value: Any, check: Check) -> Record:
    return read_members(declared.members, value, check)


def _rows(name: str, declared: Field, value: Any, check: Check) -> list[Record]:
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise ValueError("Cannot deserialize the current JSON value because the type requires a JSON array.")
    if declared.max is not None and len(value) > declared.max:
        check.refuse(f"{name} must not hold more than {declared.max} entries.")
    return [read_members(declared.members, row, check) for row in value if row is not None]


_READERS: Mapping[str, Callable[[str, Field, Any, Check], Any]] = {
    "text": _text,
    "choice": _choice,
    "guid": _guid,
    "flag": _flag,
    "day": _day,
    "number": _number,
    "object": _object,
    "rows": _rows,
}
