"""What the org shows the integration user of an object: its fields, relations and children, from describe (SF 2.4).

A field that was deleted and one that was hidden from the user look alike: they are not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from crossfoot.core.errors import RetryLater
from crossfoot.salesforce.requests import decode_json


class FieldShape(msgspec.Struct, frozen=True):
    """A field: its type, whether it may be written, and whether a row needs it. ``relation`` leads to its parent.

    ``choices`` are the active values of a picklist that takes no others; empty for any other field.
    """

    type: str
    createable: bool = False
    updateable: bool = False
    required: bool = False
    relation: str = ""
    choices: tuple[str, ...] = ()

    @property
    def writable(self) -> bool:
        """Whether this user may give it a value, on a new row or on one that is there."""
        return self.createable or self.updateable


class ObjectShape(msgspec.Struct, frozen=True):
    """An object: fields by name, and the object and field of each child relationship by its name."""

    fields: dict[str, FieldShape]
    children: dict[str, tuple[str, str]]

    def field_of(self, name: str) -> FieldShape | None:
        """A field by its name, by the name of its relation, or by a path that begins with one."""
        first = name.partition(".")[0]
        if first in self.fields:
            return self.fields[first]
        return next((field for field in self.fields.values() if field.relation == first), None)


class Seen(msgspec.Struct, frozen=True):
    """An answer about one object: its shape, or None where it was not shown; ``unchanged`` where it is as known."""

    shape: ObjectShape | None = None
    modified: str = ""
    unchanged: bool = False


def decode_shapes(body: bytes) -> Iterator[tuple[str, Seen]]:
    """Answers to ``describe_changed`` by object name. Raises ``RetryLater`` where one is neither yes nor no."""
    for answer in decode_json(body)["compositeResponse"]:
        name, status = answer["referenceId"], int(answer["httpStatusCode"])
        headers = {key.lower(): value for key, value in (answer.get("httpHeaders") or {}).items()}
        if status == 304:
            yield name, Seen(unchanged=True)
        elif status == 200:
            yield name, Seen(shape_of(answer["body"]), str(headers.get("last-modified", "")))
        elif status >= 500:
            raise RetryLater(f"Salesforce could not describe {name} (HTTP {status}). Run again later.", after_s=60)
        else:
            yield name, Seen()


def shape_of(described: Mapping[str, Any]) -> ObjectShape:
    """The shape within a full describe."""
    return ObjectShape(
        {item["name"]: _field(item) for item in described["fields"]},
        {
            child["relationshipName"]: (child["childSObject"], child["field"])
            for child in described["childRelationships"]
            if child.get("relationshipName")
        },
    )


def _field(item: Mapping[str, Any]) -> FieldShape:
    createable = bool(item.get("createable"))
    return FieldShape(
        type=item["type"],
        createable=createable,
        updateable=bool(item.get("updateable")),
        required=createable and not item.get("nillable") and not item.get("defaultedOnCreate"),
        relation=item.get("relationshipName") or "",
        choices=_choices(item.get("picklistValues") or ()) if item.get("restrictedPicklist") else (),
    )


def _choices(values: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(choice["value"] for choice in values if choice.get("active"))
