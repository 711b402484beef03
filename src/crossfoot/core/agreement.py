"""Linked customers and products kept in agreement: what each side shall be told, what waits, what both agree on.

Values are canonical text (an address is one value of several texts), so that equal means equal. Merging is by field
(``core.merge``); this module adds what a record needs: blanks that overwrite nothing, a person's decisions, and the
brake on a field that two machines turn to and fro.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from crossfoot.core.findings import Finding
from crossfoot.core.links import Identity
from crossfoot.core.merge import Direction, Owner, RecordMerge, Sides, merge_record, newer_side
from crossfoot.core.records import RecordRef, Side, content_hash

Value = str | tuple[str, ...]
Values = Mapping[str, Value]

CODES = frozenset(
    {
        "field_conflict",
        "field_unreadable",
        "field_refused",
        "blank_kept",
        "flapping",
        "link_archived",
        "link_deleted",
        "person_unknown",
        "person_gone",
        "person_no_room",
        "person_not_primary",
    }
)
"""Findings that comparing linked records raises and closes."""
FLAPS_MAX = 3
FLAP_WINDOW = timedelta(minutes=60)


@dataclass(frozen=True, slots=True)
class Part:
    """One value that both sides hold. ``fold`` gives the form in which two spellings of it are one.

    ``writable`` says whether Salesforce can be told it (a formula cannot), ``empties`` whether emptying one side
    empties the other.
    """

    name: str
    owner: Owner
    fold: Callable[[str], str] = str
    writable: bool = True
    empties: bool = False


class ToldStage(StrEnum):
    """How far the telling of a value has come."""

    SENT = "sent"  # about to leave, or nobody knows what became of it
    ANSWERED = "answered"
    AGREED = "agreed"  # both sides were seen to have one value of the part since


@dataclass(frozen=True, slots=True)
class Told:
    """A value that one side was told earlier."""

    part: str
    side: Side
    value_hash: str
    at: datetime
    stage: ToldStage = ToldStage.ANSWERED


@dataclass(frozen=True, slots=True)
class LinkedRecord:
    """A linked record as both sides have it now, and as they last agreed on it.

    ``unreadable`` names parts that cannot be read, with the reason: they are left alone. ``decided`` is a person's
    choice by part: the side that is right, and the fingerprint of the two values it was about; ``asked`` gives that
    fingerprint for each part about which people were asked.
    """

    identity: Identity
    source: RecordRef
    target: RecordRef
    name: str
    salesforce: Values
    xero: Values
    base: Values
    salesforce_at: datetime | None = None
    xero_at: datetime | None = None
    salesforce_by: str = ""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    decided: Mapping[str, tuple[Side, str]] = field(default_factory=dict)
    asked: Mapping[str, str] = field(default_factory=dict)
    told: Sequence[Told] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """What a part is called before a person, where not by its name."""
    saved: Mapping[str, tuple[datetime, str]] = field(default_factory=dict)
    """When and by whom a part was saved in Salesforce, where it stands in a record of its own there."""

    def saved_in_salesforce(self, name: str) -> tuple[datetime | None, str]:
        """When and by whom a part was saved in Salesforce."""
        return self.saved.get(name, (self.salesforce_at, self.salesforce_by))

    def label(self, name: str) -> str:
        """What a part is called."""
        return self.labels.get(name, name)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What one linked record needs. ``base`` is what both sides agree on already, before anything is written;
    ``conflicts`` gives the fingerprint of each part that waits for a person's choice, ``told`` what was told so far."""

    record: LinkedRecord
    to_salesforce: Values = field(default_factory=dict)
    to_xero: Values = field(default_factory=dict)
    base: Values = field(default_factory=dict)
    overruled: Values = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    conflicts: Mapping[str, str] = field(default_factory=dict)
    told: tuple[Told, ...] = ()
    settled: bool = True


def fingerprint(salesforce: Value | None, xero: Value | None) -> str:
    """Names a conflict by its two values: a decision about others does not settle it."""
    return content_hash([_plain(salesforce), _plain(xero)])[:16]


def value_hash(value: Value | None) -> str:
    """Names a value without telling it."""
    return content_hash(_plain(value))[:16]


def agree(
    record: LinkedRecord, parts: Sequence[Part], now: datetime, *, direction: Direction = Direction.BOTH
) -> Agreement:
    """Decide one linked record."""
    findings = [
        Finding("field_unreadable", record.source, f"{name}: {reason}", related=(record.target,))
        for name, reason in sorted(record.unreadable.items())
    ]
    asked = [part for part in parts if part.name not in record.unreadable]
    ours, theirs, base = dict(record.salesforce), dict(record.xero), {**record.base, **_said_as_told(record)}
    for part in asked:
        kept = _align(part, record.label(part.name), ours, theirs, base)
        findings += [Finding("blank_kept", record.source, why, related=(record.target,)) for why in kept]
    merged = merge_record(
        ours,
        theirs,
        base,
        {part.name: _owner(part, direction, record, ours, theirs) for part in asked},
        newer={part.name: newer_side(record.saved_in_salesforce(part.name)[0], record.xero_at) for part in asked},
        direction=direction,
        decided=_decisions(record, ours, theirs),
    )
    to_salesforce = {
        p.name: merged.to_salesforce[p.name] for p in asked if p.writable and p.name in merged.to_salesforce
    }
    to_xero = dict(merged.to_xero)
    flapping = [*_flapping(record, Side.SALESFORCE, to_salesforce, now), *_flapping(record, Side.XERO, to_xero, now)]
    for name in flapping:
        to_salesforce.pop(name, None)
        to_xero.pop(name, None)
    if flapping:
        names = ", ".join(sorted(map(record.label, set(flapping))))
        cause = f"{names}: told the same value {FLAPS_MAX} times within an hour"
        findings.append(Finding("flapping", record.source, cause, related=(record.target,)))
    if merged.conflicts:
        cause = "; ".join(_conflict(record, name, sides) for name, sides in merged.conflicts.items())
        findings.append(Finding("field_conflict", record.source, cause, related=(record.target,)))
    told = {*merged.to_salesforce, *merged.to_xero}
    return Agreement(
        record,
        to_salesforce=to_salesforce,
        to_xero=to_xero,
        base=_standing_base(merged, base, told),
        overruled={name: value for name, value in merged.overruled.items() if name in {*to_salesforce, *to_xero}},
        findings=tuple(findings),
        conflicts={name: fingerprint(sides.salesforce, sides.xero) for name, sides in merged.conflicts.items()},
        told=_agreed_since(record.told, ours, theirs),
        settled=not (to_salesforce or to_xero or flapping or merged.conflicts),
    )


def _said_as_told(record: LinkedRecord) -> dict[str, Value]:
    """Parts of which one side says what it was told last: our own words, which nobody edited since.

    Both sides had that value, one after the other. So it is what they agreed on last, even where the other side moved
    on before both were seen to have it, or where nobody knows what became of the call.
    """
    last = {(each.part, each.side): each for each in record.told if each.part not in record.unreadable}
    found: dict[str, Value] = {}
    for each in sorted(last.values(), key=lambda each: each.at):
        said = (record.salesforce if each.side is Side.SALESFORCE else record.xero).get(each.part, "")
        if each.stage is not ToldStage.AGREED and value_hash(said) == each.value_hash:
            found[each.part] = said
    return found


def _agreed_since(told: Sequence[Told], ours: Values, theirs: Values) -> tuple[Told, ...]:
    """What was told, with the parts of which both sides have one value by now: whoever says it again edits."""
    same = {name for name, value in ours.items() if theirs.get(name) == value}
    return tuple(replace(each, stage=ToldStage.AGREED) if each.part in same else each for each in told)


def _align(
    part: Part, label: str, ours: dict[str, Value], theirs: dict[str, Value], base: dict[str, Value]
) -> list[str]:
    """Let spellings of one value, and blanks that overwrite nothing, count as no change. Returns what was kept."""
    name = part.name
    for side in (ours, theirs):
        side.setdefault(name, "")
    for mine, other in ((theirs, ours), (ours, base), (theirs, base)):
        if name in other and mine[name] != other[name] and _folded(part, mine[name]) == _folded(part, other[name]):
            mine[name] = other[name]
    if ours[name] == theirs[name]:
        return []
    if name not in base:
        poorer = ours[name] if part.owner is Owner.XERO else theirs[name]
        richer = theirs[name] if part.owner is Owner.XERO else ours[name]
        if _within(poorer, richer):  # the owner has the same and more, or spells it otherwise: nothing is lost
            base[name] = poorer
        return []
    kept = []
    for side, emptied, holder in ((ours, "Salesforce", "Xero"), (theirs, "Xero", "Salesforce")):
        if not side[name] and base[name] and not part.empties:
            side[name] = base[name]
            kept.append(f"{label} was emptied in {emptied}; {holder} keeps its value")
    return kept


def _folded(part: Part, value: Value) -> Value:
    return part.fold(value) if isinstance(value, str) else value


def _within(poorer: Value, richer: Value) -> bool:
    """Whether all that one value says stands in the other: each line of an address, or the same words."""
    if isinstance(poorer, tuple) and isinstance(richer, tuple):
        return all(_lines(less) <= _lines(more) for less, more in zip(poorer, richer, strict=True))
    return bool(poorer) and _lines(poorer) == _lines(richer)


def _lines(value: Value) -> frozenset[str]:
    lines = value.splitlines() if isinstance(value, str) else value
    return frozenset(words for line in lines if (words := " ".join(line.split()).casefold()))


def _owner(part: Part, direction: Direction, record: LinkedRecord, ours: Values, theirs: Values) -> Owner:
    """In a one-way flow what either side may change is decided by the side it comes from. Two values that people were
    asked about are theirs to choose from: a record that was saved again since, perhaps by us, has no later value."""
    if part.owner not in {Owner.EITHER, Owner.NEWEST}:
        return part.owner
    if direction is not Direction.BOTH:
        return Owner.SALESFORCE if direction is Direction.TO_XERO else Owner.XERO
    _, answered = record.decided.get(part.name, (None, ""))
    is_asked = fingerprint(ours.get(part.name), theirs.get(part.name)) in {record.asked.get(part.name), answered}
    return Owner.EITHER if is_asked else part.owner


def _decisions(record: LinkedRecord, ours: Values, theirs: Values) -> dict[str, Value]:
    chosen = {}
    for name, (side, about) in record.decided.items():
        if about == fingerprint(ours.get(name), theirs.get(name)):
            chosen[name] = ours[name] if side is Side.SALESFORCE else theirs[name]
    return chosen


def _flapping(record: LinkedRecord, side: Side, values: Values, now: datetime) -> list[str]:
    """Parts that this side was told this very value often enough, lately: something there turns it back."""
    return [
        name
        for name, value in values.items()
        if sum(
            told.part == name
            and told.side is side
            and told.value_hash == value_hash(value)
            and told.stage is not ToldStage.SENT
            and now - told.at <= FLAP_WINDOW
            for told in record.told
        )
        >= FLAPS_MAX
    ]


def _standing_base(merged: RecordMerge, base: Values, told: set[str]) -> dict[str, Value]:
    """The base without what has still to be written: it moves only after both sides were read back."""
    standing = {name: value for name, value in merged.base.items() if name not in told}
    return standing | {name: base[name] for name in told if name in base}


def _conflict(record: LinkedRecord, name: str, sides: Sides) -> str:
    saved_at, saved_by = record.saved_in_salesforce(name)
    by = f" by {saved_by}" if saved_by else ""
    before = f", before that {_shown(sides.base)}" if sides.base else ""
    return (
        f"{record.label(name)}: Salesforce has {_shown(sides.salesforce)} (saved {_when(saved_at)}{by}), "
        f"Xero has {_shown(sides.xero)} (saved {_when(record.xero_at)}){before}"
    )


def _when(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC") if moment else "at an unknown time"


def _shown(value: Value | None) -> str:
    text = value if isinstance(value, str) else ", ".join(part for part in value or () if part)
    return repr(text) if text else "nothing"


def _plain(value: Value | None) -> list[str] | str | None:
    return list(value) if isinstance(value, tuple) else value
