"""Customers and products that people edit on both sides, and what becomes of each edit (I3, I5, I7).

A part is one value that both sides hold. Of an edit the ledger keeps what its writer saw before, so that an oracle can
tell a later edit that knew of it from one that did not.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from crossfoot.core.records import Side
from crossfoot.store.queue import QueueEntry

Record = dict[str, Any]
SALESFORCE, XERO, EITHER = "salesforce", "xero", "either"
SIDES = frozenset({SALESFORCE, XERO})
_OTHER = {SALESFORCE: XERO, XERO: SALESFORCE}
_SUFFIX = re.compile(r" \([^()]*\)$")


def _plain(value: Any) -> str:
    return str(value or "")


def _digits(value: Any) -> str:
    return re.sub(r"[^0-9]", "", str(value or ""))


def _bare(name: Any) -> str:
    """A name without the suffix that keeps it unique in Xero."""
    return _SUFFIX.sub("", str(name or ""))


def _phone(contact: Record) -> str:
    for phone in contact.get("Phones", ()):
        if phone["PhoneType"] == "DEFAULT":
            parts = ("PhoneCountryCode", "PhoneAreaCode", "PhoneNumber")
            return "".join(str(phone.get(part) or "") for part in parts)
    return ""


@dataclass(frozen=True, slots=True)
class Part:
    """One value that both sides hold: its field in Salesforce, how Xero shows and takes it, and whose word counts."""

    name: str
    field: str
    of_xero: Callable[[Record], str]
    to_xero: Callable[[str], Record]
    owner: str
    fold: Callable[[Any], str] = _plain
    words: Callable[[int], str] = str
    may_be_blank: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record that is kept in agreement."""

    object: str
    xero: str
    key: str
    parts: tuple[Part, ...]


CUSTOMER = Kind(
    "Account",
    "Contacts",
    "ContactID",
    (
        Part(
            "Phone",
            "Phone",
            _phone,
            lambda text: {"Phones": [{"PhoneType": "DEFAULT", "PhoneNumber": text}]},
            EITHER,
            _digits,
            lambda number: f"02 5550 {number:04d}",
            may_be_blank=True,
        ),
        Part(
            "Name",
            "Name",
            lambda contact: str(contact["Name"]),
            lambda text: {"Name": text},
            SALESFORCE,
            _bare,
            lambda number: f"Wattle {number} Renamed",
        ),
    ),
)
PRODUCT = Kind(
    "Product2",
    "Items",
    "ItemID",
    (
        Part(
            "Name",
            "Name",
            lambda item: str(item.get("Name") or ""),
            lambda text: {"Name": text},
            SALESFORCE,
            words=lambda number: f"Service {number}",
        ),
    ),
)
Place = tuple[str, str, str]
"""Side, id of the Salesforce record, name of the part."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person made of a part on one side, and what that side showed before."""

    kind: Kind
    part: Part
    record_id: str
    xero_id: str
    side: str
    at: datetime
    value: str
    was: str
    before: tuple[str, ...] = ()
    """What its writer, and those before on this side, saw: oldest first."""

    @property
    def place(self) -> Place:
        """Where it was made."""
        return self.side, self.record_id, self.part.name

    @property
    def over_there(self) -> Place:
        """The same part on the other side."""
        return _OTHER[self.side], self.record_id, self.part.name

    def knew(self, earlier: str, now: str) -> bool:
        """Whether ``now`` is what it says, or said on the way to it, by somebody who had seen ``earlier``."""
        said = (*self.before, self.value)
        return earlier in self.before and now in said[said.index(earlier) + 1 :]


class Worlds(Protocol):
    """Both sides as they are."""

    @property
    def books(self) -> Any:
        """The organisation's books."""

    def org_row(self, name: str, record_id: str) -> Record:
        """A record as the org holds it."""


class Shared:
    """The latest edit of each part on each side, and those that a rule overruled."""

    def __init__(self, worlds: Worlds) -> None:
        self.edits: dict[Place, Edit] = {}
        self.overruled: list[Edit] = []
        self.made: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.latest: dict[tuple[str, str], datetime] = {}
        self.edited: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.both = 0
        self._worlds = worlds

    def value(self, kind: Kind, part: Part, side: str, record_id: str, xero_id: str) -> str:
        """What a side shows, in the form in which both are compared."""
        if side == XERO:
            return part.fold(part.of_xero(self._worlds.books.get(kind.xero, xero_id)))
        return part.fold(self._worlds.org_row(kind.object, record_id).get(part.field))

    def is_said_in(self, conflict: QueueEntry, name: str) -> bool:
        """Whether both sides show by now what the words of a conflict say of a part."""
        words = re.search(rf"{name}: Salesforce has (.*?) \(saved .*?, Xero has (.*?) \(saved", conflict.cause)
        found = [
            (k, p) for k in (CUSTOMER, PRODUCT) for p in k.parts if (k.object, p.name) == (conflict.record.kind, name)
        ]
        xero_ids = [ref.id for ref in conflict.related if ref.side is Side.XERO]
        if words is None or not found or not xero_ids:
            return False
        kind, part = found[0]
        said = [part.fold("" if each == "nothing" else each.strip("'")) for each in words.groups()]
        return said == [self.value(kind, part, side, conflict.record.id, xero_ids[0]) for side in (SALESFORCE, XERO)]

    def add(self, edit: Edit) -> None:
        """A person edited."""
        for other in list(self.edits.values()):  # accounts were merged since: it is the same record, with another's id
            if edit.side == other.side == XERO and (edit.xero_id, edit.part) == (other.xero_id, other.part):
                self.edits[edit.place] = self.edits.pop(other.place)
        last = self.edits.get(edit.place)
        seen = last.before if last and last.value == edit.was else ()
        self.edits[edit.place] = replace(edit, before=(*seen, edit.was))
        self.made[edit.record_id] += 1
        self.latest[edit.record_id, edit.part.name] = edit.at
        self.edited[edit.record_id, edit.part.name].add(edit.side)
        self.both += edit.over_there in self.edits

    def forget(self, side: str, record_id: str, name: str) -> None:
        """Somebody decided against what this side says of a part. One of a person is named by their id and field."""
        person, _, field = name.rpartition(" ")
        theirs = [place for place, edit in self.edits.items() if (person, field) == (place[1], edit.part.field)]
        for place in [(side, record_id, name), *theirs]:
            if place[0] == side:
                self.edits.pop(place, None)

    def note_told(self, body: Any) -> None:
        """Count the records of either side that a write changes in a part that people edit, by their ids there."""
        for kind in (CUSTOMER, PRODUCT):
            for element in body.get(kind.xero, ()) if isinstance(body, Mapping) else ():
                self.told[element.get(kind.key, "")] += 1
            fields = {part.field for part in kind.parts}
            for row in body.get("records", ()) if isinstance(body, Mapping) else ():
                if row.get("attributes", {}).get("type") == kind.object and fields & row.keys():
                    self.told[row.get("id", "")] += 1

    def lost(self, seen_before: datetime) -> Iterator[str]:
        """Edits that a write has just overwritten although nobody had seen them (I3); those made too late for anyone
        to see (I4), and those that gave way to a later one or to the owner's word, are settled and forgotten."""
        for edit in list(self.edits.values()):
            now = self.value(edit.kind, edit.part, edit.side, edit.record_id, edit.xero_id)
            if now == edit.value:
                continue
            del self.edits[edit.place]
            other = self.edits.get(edit.over_there)
            if edit.at > seen_before or not edit.value or (other and other.knew(edit.value, now)):
                continue
            if edit.part.owner == _OTHER[edit.side]:
                self.overruled.append(edit)
                continue
            yield f"{edit.part.name} {edit.value!r} of {edit.record_id}, saved in {edit.side} at {edit.at:%H:%M:%S}"
