"""Three-way merge, exhaustively over a small model: every owner and direction, with and without a base."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from crossfoot.core.merge import (
    CLOCK_MARGIN,
    Direction,
    Owner,
    RecordMerge,
    Sides,
    Step,
    merge_field,
    merge_record,
    newer_side,
)

VALUES = ("", "a", "b", "c")
NEWER = (None, Step.TO_XERO, Step.TO_SALESFORCE)
SINGLE = [owner for owner in Owner if owner is not Owner.UNION]
CASES = [
    (Sides(ours, theirs, base, has_base), owner, newer, direction)
    for ours, theirs, base in product(VALUES, repeat=3)
    for has_base in (True, False)
    for owner in SINGLE
    for newer in NEWER
    for direction in Direction
]


def merged(sides: Sides, owner: Owner, newer: Step | None, direction: Direction) -> RecordMerge:
    base = {"F": sides.base} if sides.has_base else None
    return merge_record(
        {"F": sides.salesforce}, {"F": sides.xero}, base, {"F": owner}, newer={"F": newer}, direction=direction
    )


def applied(sides: Sides, outcome: RecordMerge) -> tuple[Any, Any]:
    return outcome.to_salesforce.get("F", sides.salesforce), outcome.to_xero.get("F", sides.xero)


def test_the_model_is_whole() -> None:
    assert len(CASES) == 4**3 * 2 * 4 * 3 * 3


def test_equal_sides_are_never_a_conflict_and_never_written() -> None:
    for case in CASES:
        if case[0].salesforce == case[0].xero:
            outcome = merged(*case)
            assert not outcome.writes, case
            assert not outcome.conflicts, case
            assert outcome.base == {"F": case[0].salesforce}, case


@pytest.mark.promise("S3-03")
def test_after_the_writes_both_sides_agree_or_a_person_is_asked_or_the_flow_is_one_way() -> None:
    for case in CASES:
        outcome = merged(*case)
        ours, theirs = applied(case[0], outcome)
        assert ours == theirs or outcome.conflicts or case[3] is not Direction.BOTH, case


def test_a_second_merge_after_the_writes_does_nothing() -> None:
    for sides, owner, newer, direction in CASES:
        outcome = merged(sides, owner, newer, direction)
        if outcome.conflicts:
            continue
        ours, theirs = applied(sides, outcome)
        again = merge_record(
            {"F": ours}, {"F": theirs}, outcome.base, {"F": owner}, newer={"F": newer}, direction=direction
        )
        assert not again.writes, (sides, owner, newer, direction)
        assert not again.conflicts, (sides, owner, newer, direction)


@pytest.mark.promise("U-12")
def test_no_edit_is_lost_in_silence() -> None:
    """A value that one side had put there against the base stands afterwards, is told as overruled, or waits."""
    for sides, owner, newer, direction in CASES:
        outcome = merged(sides, owner, newer, direction)
        ours, theirs = applied(sides, outcome)
        for edit, now in ((sides.salesforce, ours), (sides.xero, theirs)):
            edited = sides.has_base and edit != sides.base
            assert not edited or now == edit or outcome.overruled.get("F") == edit, (sides, owner, newer, direction)


def test_the_owner_wins_and_what_it_overrules_is_told() -> None:
    both_moved = Sides("ours", "theirs", "base")
    assert merge_field(both_moved, Owner.SALESFORCE).value == "ours"
    assert merge_field(both_moved, Owner.SALESFORCE).overruled == "theirs"
    assert merge_field(both_moved, Owner.XERO).value == "theirs"
    assert merge_field(both_moved, Owner.XERO).overruled == "ours"
    assert merge_field(both_moved, Owner.EITHER).step is Step.CONFLICT


def test_without_a_base_nothing_is_overwritten() -> None:
    for case in CASES:
        sides = case[0]
        if not sides.has_base and sides.salesforce and sides.xero and sides.salesforce != sides.xero:
            outcome = merged(*case)
            assert outcome.conflicts, case
            assert not outcome.writes, case


@pytest.mark.promise("S1-02")
def test_a_one_way_flow_never_writes_the_other_way() -> None:
    for case in CASES:
        outcome = merged(*case)
        assert not (case[3] is Direction.TO_XERO and outcome.to_salesforce), case
        assert not (case[3] is Direction.TO_SALESFORCE and outcome.to_xero), case


def test_the_newest_change_wins_only_when_clocks_cannot_be_wrong_about_it() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert newer_side(now, now - CLOCK_MARGIN) is None
    assert newer_side(now, now - CLOCK_MARGIN - timedelta(seconds=1)) is Step.TO_XERO
    assert newer_side(now - CLOCK_MARGIN - timedelta(seconds=1), now) is Step.TO_SALESFORCE
    assert newer_side(None, now) is None
    assert merge_field(Sides("ours", "theirs", "base"), Owner.NEWEST).step is Step.CONFLICT
    late = merge_field(Sides("ours", "theirs", "base"), Owner.NEWEST, newer=Step.TO_SALESFORCE)
    assert (late.step, late.value, late.overruled) == (Step.TO_SALESFORCE, "theirs", "ours")


def test_a_set_keeps_both_sides_additions_and_removals() -> None:
    subsets = [
        frozenset(name for name, kept in zip("xyz", mask, strict=True) if kept) for mask in product((0, 1), repeat=3)
    ]
    for ours, theirs, base in product(subsets, repeat=3):
        sides = Sides(ours, theirs, base)
        outcome = merged(sides, Owner.UNION, None, Direction.BOTH)
        left, right = applied(sides, outcome)
        assert left == right
        for name in "xyz":
            changed = [name in side for side in (ours, theirs) if (name in side) != (name in base)]
            assert (name in left) == (changed[0] if changed else name in base)


def test_a_decision_of_a_person_settles_a_conflict_on_both_sides() -> None:
    outcome = merge_record({"F": "a"}, {"F": "b"}, {"F": "c"}, {"F": Owner.EITHER}, decided={"F": "b"})
    assert (outcome.to_salesforce, outcome.to_xero, outcome.base) == ({"F": "b"}, {}, {"F": "b"})
    assert not outcome.conflicts
