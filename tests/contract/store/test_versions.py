"""Stored versions: a read that began later wins whatever arrives first, and the watermark never goes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations

import pytest
from sqlalchemy import Connection

from crossfoot.core.records import RecordRef, Side
from crossfoot.store.database import Database
from crossfoot.store.feed import PlannedTo, changed_since, planned_to, save_planned_to, touch, touched_since
from crossfoot.store.lookups import find_candidates
from crossfoot.store.versions import (
    CHUNK,
    ReadCounts,
    Version,
    last_seq,
    load_reference,
    load_versions,
    load_watermark,
    move_watermark,
    newest_change,
    next_seq,
    save_reference,
    save_versions,
    watermarks,
)

HOME = "00D5g000004abcdEAA"
NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)


def version(content: str, record_id: str = "006A", **changed: object) -> Version:
    ref = RecordRef(Side.SALESFORCE, "Opportunity", record_id)
    usual = Version(ref, HOME, "2026-11-20T01:00:00Z", f"hash of {content}", content.encode(), deleted=False)
    return replace(usual, **changed)  # type: ignore[arg-type]


def stored(connection: Connection) -> Version:
    (only,) = load_versions(connection, HOME, "Opportunity")
    return only


@pytest.mark.parametrize("arrivals", list(permutations([(1, "old"), (2, "newer"), (3, "newest")])))
def test_the_read_that_began_last_wins_whatever_the_order_of_arrival(
    connection: Connection, arrivals: list[tuple[int, str]]
) -> None:
    for began, content in arrivals:
        save_versions(connection, began, [version(content)])
    assert stored(connection).body == b"newest"


def test_a_later_page_of_the_same_read_wins(connection: Connection) -> None:
    save_versions(connection, 1, [version("on page 1")])
    save_versions(connection, 1, [version("on page 2")])
    assert stored(connection).body == b"on page 2"


@pytest.mark.promise("S0-37")
def test_every_record_of_a_read_is_counted_once(connection: Connection) -> None:
    first = save_versions(connection, 1, [version("a", "006A"), version("b", "006B")])
    again = save_versions(connection, 2, [version("a", "006A"), version("changed", "006B"), version("c", "006C")])
    stale = save_versions(connection, 1, [version("stale", "006B")])
    assert (first, again, stale) == (ReadCounts(2, 2, 0), ReadCounts(3, 2, 1), ReadCounts(1, 0, 1))


def test_only_content_moves_the_change_sequence(connection: Connection) -> None:
    save_versions(connection, 1, [version("same")])
    first = stored(connection).changed_seq
    save_versions(connection, 2, [version("same", stamp="2026-11-20T02:00:00Z")])
    assert (stored(connection).changed_seq, stored(connection).stamp) == (first, "2026-11-20T02:00:00Z")
    save_versions(connection, 3, [version("same", deleted=True)])
    second = stored(connection).changed_seq
    assert (second > first, stored(connection).deleted, newest_change(connection, HOME, "Opportunity")) == (
        True,
        True,
        second,
    )
    assert changed_since(connection, HOME, "Opportunity", second) == set()
    assert changed_since(connection, HOME, "Opportunity", first) == {"006A"}


def test_the_change_sequence_follows_the_commits_and_not_the_reads(connection: Connection) -> None:
    """A page stored late, of a read that began early, still counts as changed after what was planned meanwhile."""
    began = next_seq(connection)
    planned = last_seq(connection)
    save_versions(connection, began, [version("late page")])
    assert changed_since(connection, HOME, "Opportunity", planned) == {"006A"}


def test_a_record_is_found_by_what_it_holds_and_by_what_it_held(connection: Connection) -> None:
    save_versions(connection, 1, [version("a", keys=(("number", "inv-1"),)), version("b", "006B")])
    save_versions(connection, 2, [version("c", keys=(("number", "inv-2"), ("number", "")))])
    for value in ("inv-1", "inv-2"):
        assert find_candidates(connection, HOME, "Opportunity", "number", [value]) == {"006A"}
    assert find_candidates(connection, HOME, "Opportunity", "number", ["inv-3", ""]) == set()
    assert find_candidates(connection, "00DOTHER", "Opportunity", "number", ["inv-1"]) == set()


def test_what_was_touched_is_forgotten_once_it_was_planned(connection: Connection) -> None:
    touch(connection, HOME, "006A")
    reached = last_seq(connection)
    touch(connection, HOME, "006B", "")
    assert touched_since(connection, HOME, 0) == {"006A", "006B"}
    save_planned_to(connection, HOME, PlannedTo(reached, "grounds", "books"))
    assert (touched_since(connection, HOME, 0), planned_to(connection, HOME)) == (
        {"006B"},
        PlannedTo(reached, "grounds", "books"),
    )


def test_more_records_than_fit_one_statement(connection: Connection) -> None:
    ids = [f"006{number:06}" for number in range(2 * CHUNK + 1)]
    counts = save_versions(connection, 1, [version("x", record_id) for record_id in ids])
    assert counts.changed == len(ids)
    found = load_versions(connection, HOME, "Opportunity", ids=[*ids, ids[0], "unknown"])
    assert sorted(each.ref.id for each in found) == ids


def test_what_belongs_to_another_home_is_not_seen(connection: Connection) -> None:
    save_versions(connection, 1, [version("mine")])
    save_versions(connection, 2, [version("theirs", home="00DOTHER")])
    assert stored(connection).body == b"mine"
    assert newest_change(connection, HOME, "Opportunity") == 1


@pytest.mark.promise("S0-37")
def test_the_watermark_never_goes_back(connection: Connection) -> None:
    assert load_watermark(connection, HOME, "Opportunity") is None
    for position in ("2026-11-20T01:00:00", "2026-11-20T03:00:00", "2026-11-20T02:00:00"):
        move_watermark(connection, HOME, "Opportunity", position, NOW)
    assert load_watermark(connection, HOME, "Opportunity") == "2026-11-20T03:00:00"
    assert set(watermarks(connection, HOME)) == {"Opportunity"}


@pytest.mark.promise("S0-37")
def test_the_watermark_moves_only_with_the_versions_it_covers(database: Database) -> None:
    def read_and_die(connection: Connection) -> None:
        save_versions(connection, 1, [version("lost")])
        move_watermark(connection, HOME, "Opportunity", "2026-11-20T03:00:00", NOW)
        raise RuntimeError("killed before the end")

    with pytest.raises(RuntimeError, match="killed"), database.writing() as connection:
        read_and_die(connection)
    with database.reading() as connection:
        assert list(load_versions(connection, HOME, "Opportunity")) == []
        assert load_watermark(connection, HOME, "Opportunity") is None


def test_counters_go_up_by_one_and_apart(connection: Connection) -> None:
    assert [next_seq(connection), next_seq(connection), next_seq(connection, "other")] == [1, 2, 1]


def test_reference_data_keeps_its_read_time(connection: Connection) -> None:
    save_reference(connection, HOME, "accounts", b"old", NOW)
    save_reference(connection, HOME, "accounts", b"new", NOW)
    assert load_reference(connection, HOME, "accounts") == (NOW, b"new")
