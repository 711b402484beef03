"""Linked records: blanks, spellings, decisions, owners and directions, and the field that two machines turn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from crossfoot.core.agreement import (
    FLAPS_MAX,
    Agreement,
    LinkedRecord,
    Part,
    Told,
    ToldStage,
    agree,
    fingerprint,
    value_hash,
)
from crossfoot.core.links import Identity, Kind
from crossfoot.core.merge import Direction, Owner
from crossfoot.core.records import RecordRef, Side

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
IDENTITY = Identity("00D", "organisation", Kind.CONTACT, "001A")
SOURCE, TARGET = RecordRef(Side.SALESFORCE, "Account", "001A"), RecordRef(Side.XERO, "Contact", "c-1")


def record(ours: Any, theirs: Any, base: Any = None, **more: Any) -> LinkedRecord:
    bases = {} if base is None else {"F": base}
    return LinkedRecord(IDENTITY, SOURCE, TARGET, "Acme", {"F": ours}, {"F": theirs}, bases, **more)


def decide(each: LinkedRecord, owner: Owner = Owner.EITHER, **named: Any) -> Agreement:
    direction = named.pop("direction", Direction.BOTH)
    return agree(each, [Part("F", owner, **named)], NOW, direction=direction)


def codes(agreement: Agreement) -> list[str]:
    return [finding.code for finding in agreement.findings]


def test_the_base_does_not_move_before_the_other_side_was_read_back() -> None:
    told = decide(record("new", "old", "old"))
    assert (told.to_xero, told.base, told.settled) == ({"F": "new"}, {"F": "old"}, False)
    read_back = decide(record("new", "new", "old"))
    assert (read_back.to_xero, read_back.base, read_back.settled) == ({}, {"F": "new"}, True)


def test_a_blank_overwrites_nothing_unless_told_to() -> None:
    kept = decide(record("", "old", "old"))
    assert (kept.to_xero, kept.to_salesforce, codes(kept), kept.settled) == ({}, {}, ["blank_kept"], True)
    assert decide(record("", "old", "old"), empties=True).to_xero == {"F": ""}
    assert decide(record("", "new", "old")).to_salesforce == {"F": "new"}
    assert codes(decide(record("", "", "old"))) == []


def test_a_blank_side_is_filled_on_first_meeting_and_two_values_wait() -> None:
    assert decide(record("ours", "")).to_xero == {"F": "ours"}
    assert decide(record("", "theirs"), Owner.SALESFORCE).to_salesforce == {"F": "theirs"}
    assert codes(decide(record("ours", "theirs"), Owner.SALESFORCE)) == ["field_conflict"]


def test_words_that_are_one_but_for_capitals_take_the_owners_spelling_on_first_meeting() -> None:
    assert decide(record("Acme Pty Ltd", "ACME  PTY LTD"), Owner.SALESFORCE).to_xero == {"F": "Acme Pty Ltd"}
    assert decide(record("Acme Pty Ltd", "ACME PTY LTD"), Owner.XERO).to_salesforce == {"F": "ACME PTY LTD"}


def test_an_address_that_says_less_is_completed_on_first_meeting_and_another_one_waits() -> None:
    full = ("Level 27\n138 London Circuit", "Canberra", "ACT", "2601", "AU")
    part = ("138 London Circuit", "", "", "", "AU")
    assert decide(record(full, part), Owner.SALESFORCE).to_xero == {"F": full}
    assert codes(decide(record(part, full), Owner.SALESFORCE)) == ["field_conflict"]
    assert codes(decide(record(full, ("9 Other Street", "", "", "", "AU")), Owner.SALESFORCE)) == ["field_conflict"]


def test_spellings_that_fold_together_are_one_value() -> None:
    fold = str.casefold
    assert decide(record("A@B.example", "a@b.example"), fold=fold).settled
    assert decide(record("A@B.example", "a@b.example", "a@b.EXAMPLE"), fold=fold).settled


def test_a_part_that_salesforce_cannot_be_told_is_not_told_it() -> None:
    assert decide(record("", "theirs"), Owner.SALESFORCE, writable=False).to_salesforce == {}


def test_what_cannot_be_read_is_left_alone_and_named() -> None:
    left = decide(record("ours", "theirs", "old", unreadable={"F": "no ABN"}))
    assert (left.to_xero, left.to_salesforce, codes(left), left.base) == ({}, {}, ["field_unreadable"], {"F": "old"})


@pytest.mark.parametrize("side", list(Side))
def test_a_decision_holds_for_the_two_values_it_was_about_and_no_others(side: Side) -> None:
    waiting = record("ours", "theirs", "old")
    assert decide(waiting).conflicts == {"F": fingerprint("ours", "theirs")}
    chosen = {"F": (side, fingerprint("ours", "theirs"))}
    settled = decide(replace(waiting, decided=chosen))
    right = "ours" if side is Side.SALESFORCE else "theirs"
    assert {**settled.to_salesforce, **settled.to_xero} == {"F": right}
    assert codes(decide(replace(record("newer", "theirs", "old"), decided=chosen))) == ["field_conflict"]


def test_a_field_told_the_same_value_again_and_again_is_left_alone_for_an_hour() -> None:
    told = [Told("F", Side.XERO, value_hash("ours"), NOW - timedelta(minutes=minute)) for minute in range(FLAPS_MAX)]
    turned = record("ours", "turned", "ours", told=told)
    held = decide(turned, Owner.SALESFORCE)
    assert (held.to_xero, codes(held), held.settled) == ({}, ["flapping"], False)
    assert decide(replace(turned, told=told[1:]), Owner.SALESFORCE).to_xero == {"F": "ours"}
    earlier = [replace(each, at=each.at - timedelta(hours=1)) for each in told]
    assert decide(replace(turned, told=earlier), Owner.SALESFORCE).to_xero == {"F": "ours"}


@pytest.mark.parametrize("stage", [ToldStage.SENT, ToldStage.ANSWERED])
@pytest.mark.parametrize("side", Side)
def test_a_side_that_says_what_it_was_told_last_was_not_edited(side: Side, stage: ToldStage) -> None:
    told = [Told("F", side, value_hash("told"), NOW, stage)]
    sides = ("told", "later") if side is Side.SALESFORCE else ("later", "told")
    found = decide(record(*sides, "before", told=told))
    assert (found.to_salesforce if side is Side.SALESFORCE else found.to_xero) == {"F": "later"}
    assert (found.base, codes(found)) == ({"F": "told"}, [])


def test_a_value_that_comes_back_after_both_sides_agreed_is_an_edit() -> None:
    told = [Told("F", Side.SALESFORCE, value_hash("told"), NOW)]
    agreed = decide(record("other", "other", "told", told=told))
    assert [each.stage for each in agreed.told] == [ToldStage.AGREED]
    assert decide(record("told", "other", "other", told=agreed.told)).to_xero == {"F": "told"}


def test_only_what_a_side_was_told_last_is_taken_for_our_words() -> None:
    told = [Told("F", Side.SALESFORCE, value_hash(value), NOW) for value in ("first", "second")]
    assert codes(decide(record("first", "later", "before", told=told))) == ["field_conflict"]


def test_what_never_had_an_answer_does_not_count_as_turned_back() -> None:
    told = [Told("F", Side.XERO, value_hash("ours"), NOW, ToldStage.SENT)] * FLAPS_MAX
    assert decide(record("ours", "old", "old", told=told)).to_xero == {"F": "ours"}


def test_over_a_small_model_a_second_look_is_silent_and_one_way_flows_stay_one_way() -> None:
    """Every owner, direction, pair of values and base: what is told and read back needs nothing more."""
    values = ("", "a", "b")
    cases = product(values, values, (None, *values), [o for o in Owner if o is not Owner.UNION], Direction)
    for ours, theirs, base, owner, direction in cases:
        case = (ours, theirs, base, owner, direction)
        first = decide(record(ours, theirs, base), owner, direction=direction)
        assert not (direction is Direction.TO_XERO and first.to_salesforce), case
        assert not (direction is Direction.TO_SALESFORCE and first.to_xero), case
        known = first.base.get("F")
        after = record(first.to_salesforce.get("F", ours), first.to_xero.get("F", theirs), known)
        again = decide(after, owner, direction=direction)
        assert not again.to_xero, case
        assert not again.to_salesforce, case
        assert bool(again.conflicts) == bool(first.conflicts), case
