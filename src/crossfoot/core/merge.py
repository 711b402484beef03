"""Three-way merge by field: what Salesforce has now, what Xero has now, and the base that both last agreed on.

The rules are Unison's, adapted: equal content on both sides is never a conflict, one side's change travels where the
field's owner lets it, and two different changes are decided by the owner or by a person, never by a clock alone. A
value that a rule overrules is kept in the result, so that the audit log can tell what was lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

CLOCK_MARGIN = timedelta(seconds=120)  # stamps of two vendors closer than this say nothing about which came first


class Owner(StrEnum):
    """Who decides a field."""

    SALESFORCE = "salesforce"
    XERO = "xero"
    EITHER = "either"  # both may change it; two different changes wait for a person
    NEWEST = "newest"  # as either, but the later change wins when the stamps are clearly apart
    UNION = "union"  # a set of values: both sides' additions and removals count


class Direction(StrEnum):
    """Which way a flow may write."""

    BOTH = "both"
    TO_XERO = "to_xero"
    TO_SALESFORCE = "to_salesforce"


class Step(StrEnum):
    """What a field needs."""

    NOTHING = "nothing"
    AGREED = "both sides have the same new value: only the base moves"
    TO_XERO = "write to Xero"
    TO_SALESFORCE = "write to Salesforce"
    TO_BOTH = "write to both"
    CONFLICT = "a person decides"


@dataclass(frozen=True, slots=True)
class Sides:
    """A field's value on each side. ``base`` is meaningless unless ``has_base``: the sides never agreed before."""

    salesforce: Any
    xero: Any
    base: Any = None
    has_base: bool = True


@dataclass(frozen=True, slots=True)
class FieldMerge:
    """One field's outcome: the step, the value that both sides shall have, and a value that a rule overruled."""

    step: Step
    value: Any = None
    overruled: Any = None


@dataclass(frozen=True, slots=True)
class RecordMerge:
    """A record's outcome by field name. ``base`` is what stands once both writes are verified."""

    to_salesforce: Mapping[str, Any] = field(default_factory=dict)
    to_xero: Mapping[str, Any] = field(default_factory=dict)
    base: Mapping[str, Any] = field(default_factory=dict)
    conflicts: Mapping[str, Sides] = field(default_factory=dict)
    overruled: Mapping[str, Any] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        """Whether any side has to be written."""
        return bool(self.to_salesforce or self.to_xero)


def merge_field(
    sides: Sides, owner: Owner, *, newer: Step | None = None, direction: Direction = Direction.BOTH
) -> FieldMerge:
    """Merge one field. ``newer`` says for ``Owner.NEWEST`` whose change is clearly later (see ``newer_side``)."""
    if sides.salesforce == sides.xero:
        moved = not sides.has_base or sides.base != sides.salesforce
        return FieldMerge(Step.AGREED if moved else Step.NOTHING, sides.salesforce)
    wanted = _first_meeting(sides) if not sides.has_base else _decide(sides, owner, newer)
    return _directed(wanted, sides, direction)


def newer_side(salesforce_at: datetime | None, xero_at: datetime | None) -> Step | None:
    """Which side's change is later by more than clocks may differ; None when that cannot be known."""
    if salesforce_at is None or xero_at is None or abs(salesforce_at - xero_at) <= CLOCK_MARGIN:
        return None
    return Step.TO_XERO if salesforce_at > xero_at else Step.TO_SALESFORCE


def merge_record(
    salesforce: Mapping[str, Any],
    xero: Mapping[str, Any],
    base: Mapping[str, Any] | None,
    owners: Mapping[str, Owner],
    *,
    newer: Mapping[str, Step | None] | None = None,
    direction: Direction = Direction.BOTH,
    decided: Mapping[str, Any] | None = None,
) -> RecordMerge:
    """Merge the fields that ``owners`` names. ``newer`` says of each whose change is clearly later, ``decided`` holds
    values that a person chose for conflicts."""
    to_salesforce, to_xero, agreed = {}, {}, dict(base or {})
    conflicts, overruled = {}, {}
    for name, owner in owners.items():
        has_base = base is not None and name in base
        sides = Sides(salesforce.get(name), xero.get(name), base.get(name) if base else None, has_base)
        merged = merge_field(sides, owner, newer=(newer or {}).get(name), direction=direction)
        if merged.step is Step.CONFLICT and decided is not None and name in decided:
            merged = _directed(FieldMerge(Step.TO_BOTH, decided[name]), sides, direction)
        if merged.step is Step.CONFLICT:
            conflicts[name] = sides
            continue
        if merged.overruled is not None:
            overruled[name] = merged.overruled
        if merged.step in {Step.TO_SALESFORCE, Step.TO_BOTH} and merged.value != sides.salesforce:
            to_salesforce[name] = merged.value
        if merged.step in {Step.TO_XERO, Step.TO_BOTH} and merged.value != sides.xero:
            to_xero[name] = merged.value
        if merged.step is not Step.NOTHING:
            agreed[name] = merged.value
    return RecordMerge(to_salesforce, to_xero, agreed, conflicts, overruled)


def _first_meeting(sides: Sides) -> FieldMerge:
    """Without a base nothing is overwritten: an empty side is filled, two different values wait for a person."""
    if _blank(sides.salesforce):
        return FieldMerge(Step.TO_SALESFORCE, sides.xero)
    if _blank(sides.xero):
        return FieldMerge(Step.TO_XERO, sides.salesforce)
    return FieldMerge(Step.CONFLICT)


def _decide(sides: Sides, owner: Owner, newer: Step | None) -> FieldMerge:
    salesforce_moved, xero_moved = sides.salesforce != sides.base, sides.xero != sides.base
    match owner:
        case Owner.SALESFORCE:
            return FieldMerge(Step.TO_XERO, sides.salesforce, sides.xero if xero_moved else None)
        case Owner.XERO:
            return FieldMerge(Step.TO_SALESFORCE, sides.xero, sides.salesforce if salesforce_moved else None)
        case Owner.UNION:
            return FieldMerge(Step.TO_BOTH, _union(sides))
    if salesforce_moved and xero_moved:
        if owner is Owner.NEWEST and newer is Step.TO_XERO:
            return FieldMerge(newer, sides.salesforce, sides.xero)
        if owner is Owner.NEWEST and newer is Step.TO_SALESFORCE:
            return FieldMerge(newer, sides.xero, sides.salesforce)
        return FieldMerge(Step.CONFLICT)
    if salesforce_moved:
        return FieldMerge(Step.TO_XERO, sides.salesforce)
    return FieldMerge(Step.TO_SALESFORCE, sides.xero)


def _union(sides: Sides) -> frozenset[Any]:
    """Both sides' additions and removals against the base."""
    base, ours, theirs = (frozenset(part or ()) for part in (sides.base, sides.salesforce, sides.xero))
    return (base & ours & theirs) | (ours - base) | (theirs - base)


def _directed(wanted: FieldMerge, sides: Sides, direction: Direction) -> FieldMerge:
    """What a one-way flow leaves of a step: it never writes the other way, and the base then stays as it was."""
    if direction is Direction.BOTH or wanted.step in {Step.NOTHING, Step.AGREED, Step.CONFLICT}:
        return wanted
    allowed = Step.TO_XERO if direction is Direction.TO_XERO else Step.TO_SALESFORCE
    if wanted.step is allowed:
        return wanted
    unchanged = wanted.value == (sides.xero if allowed is Step.TO_XERO else sides.salesforce)
    if wanted.step is Step.TO_BOTH and not unchanged:
        return FieldMerge(allowed, wanted.value, wanted.overruled)
    return FieldMerge(Step.NOTHING, sides.base)


def _blank(value: Any) -> bool:
    return value is None or value in ("", frozenset(), ())
