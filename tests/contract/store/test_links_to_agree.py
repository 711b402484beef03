"""Which linked records are to be compared: those that changed, and those that are not settled, of however many."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

import pytest
from sqlalchemy import Connection

from crossfoot.core.links import Identity, Kind, Link
from crossfoot.core.records import RecordRef, Side
from crossfoot.store.links import (
    UNSETTLED,
    LinkedKind,
    StoredLink,
    add_link,
    compare_again,
    compared_to,
    links_to_agree,
    load_links,
    newest_of_either,
    repoint_link,
    retire_link,
    save_compared_to,
    set_agreed,
)
from crossfoot.store.versions import Version, next_seq, save_versions

ORG, AU = "00D5g000004abcdEAA", "organisation-au"
NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
CUSTOMERS = LinkedKind(ORG, "Account", AU, Kind.CONTACT)
PRODUCTS = LinkedKind(ORG, "Product2", AU, Kind.ITEM)
KINDS = pytest.mark.parametrize("linked", [CUSTOMERS, PRODUCTS], ids=["customers", "products"])
RECORDS = range(6)
STEPS = 60


def change(connection: Connection, linked: LinkedKind, side: Side, number: int) -> None:
    """A sweep reads something new of one record."""
    seq = next_seq(connection)
    ref, home = RecordRef(Side.SALESFORCE, linked.source_kind, ours(number)), linked.org_id
    if side is Side.XERO:
        ref, home = RecordRef(Side.XERO, linked.kind.value, theirs(number)), linked.organisation_id
    save_versions(connection, seq, [Version(ref, home, "s", f"h{seq}", b"{}", deleted=False)])


def ours(number: int) -> str:
    return f"source-{number}"


def theirs(number: int) -> str:
    return f"theirs-{number}"


def pair(connection: Connection, linked: LinkedKind, source: int, target: int, epoch: int = 1) -> None:
    key = ours(source) if linked.kind is Kind.CONTACT else f"code-{source}"
    identity = Identity(ORG, AU, linked.kind, key, epoch=epoch)
    add_link(connection, Link(identity, theirs(target), "", "people", ""), NOW, source_id=ours(source))


def settle(connection: Connection, stored: StoredLink, seq: int) -> None:
    set_agreed(connection, stored.id, base={}, suffix="", conflicts={}, merged_seq=seq)


def compare_all(connection: Connection, linked: LinkedKind) -> None:
    """Every link that is to be compared is settled, and how far is kept."""
    seq = newest_of_either(connection, linked)
    for stored in links_to_agree(connection, linked):
        settle(connection, stored, seq)
    save_compared_to(connection, linked, seq)


def due(connection: Connection, linked: LinkedKind) -> list[str]:
    return [stored.source_id for stored in links_to_agree(connection, linked)]


@KINDS
@pytest.mark.parametrize("kept", [False, True], ids=["never kept how far", "kept how far"])
def test_a_link_is_compared_where_either_record_changed(
    connection: Connection, linked: LinkedKind, *, kept: bool
) -> None:
    pair(connection, linked, 1, 1)
    assert due(connection, linked) == []
    for side in (*Side, *Side):
        change(connection, linked, side, 1)
        assert due(connection, linked) == [ours(1)]
        [stored] = links_to_agree(connection, linked)
        settle(connection, stored, newest_of_either(connection, linked))
        if kept:
            save_compared_to(connection, linked, newest_of_either(connection, linked))
        assert due(connection, linked) == []
    change(connection, linked, Side.XERO, 1)
    retire_link(connection, stored.id)
    assert due(connection, linked) == []


@KINDS
def test_a_link_that_is_not_settled_is_compared_though_nothing_changed(
    connection: Connection, linked: LinkedKind
) -> None:
    for side in Side:
        for number in RECORDS:
            change(connection, linked, side, number)
    for number in (1, 2):
        pair(connection, linked, number, number)
    compare_all(connection, linked)
    assert due(connection, linked) == []
    pair(connection, linked, 3, 3)
    assert due(connection, linked) == [ours(3)]
    compare_again(connection, AU, ours(2))
    assert due(connection, linked) == [ours(2), ours(3)]
    compare_all(connection, linked)
    first = next(load_links(connection, AU, linked.kind))
    repoint_link(connection, first.id, theirs(4))
    assert due(connection, linked) == [ours(1)]
    compare_all(connection, linked)
    settle(connection, first, UNSETTLED)
    assert due(connection, linked) == [ours(1)]


@pytest.mark.parametrize("seed", range(4))
@KINDS
def test_asking_about_what_changed_finds_what_asking_about_every_link_does(
    connection: Connection, linked: LinkedKind, seed: int
) -> None:
    chance = Random(f"links to agree {seed}")
    narrowed = 0
    for number in RECORDS:
        pair(connection, linked, number, number)
    for step in range(STEPS):
        deed = chance.choice(DEEDS)
        deed(connection, linked, chance)
        found = links_to_agree(connection, linked)
        reached = compared_to(connection, linked)
        save_compared_to(connection, linked, 0)
        assert found == links_to_agree(connection, linked), f"seed {seed}, step {step}: {deed.__name__}"
        save_compared_to(connection, linked, reached)
        narrowed += bool(reached and found)
    assert narrowed > STEPS / 4


def _changes(connection: Connection, linked: LinkedKind, chance: Random) -> None:
    change(connection, linked, chance.choice(list(Side)), chance.choice(RECORDS))


def _is_added(connection: Connection, linked: LinkedKind, chance: Random) -> None:
    links = list(load_links(connection, AU, linked.kind, live_only=False))
    live = [stored for stored in links if stored.link.state == "live"]
    free = set(map(ours, RECORDS)) - {stored.source_id for stored in live}
    targets = set(map(theirs, RECORDS)) - {stored.link.xero_id for stored in live}
    if free:
        source, target = chance.choice(sorted(free)), chance.choice(sorted(targets))
        epoch = 1 + sum(stored.source_id == source for stored in links)
        pair(connection, linked, int(source[-1]), int(target[-1]), epoch)


def _is_retired(connection: Connection, linked: LinkedKind, chance: Random) -> None:
    retire_link(connection, _some(connection, linked, chance).id)
    _is_added(connection, linked, chance)


def _follows(connection: Connection, linked: LinkedKind, chance: Random) -> None:
    """One link's record is merged into that of another, which ends."""
    kept, other = _some(connection, linked, chance), _some(connection, linked, chance)
    if kept.id != other.id:
        retire_link(connection, other.id)
        repoint_link(connection, kept.id, other.link.xero_id)


def _is_asked_for(connection: Connection, linked: LinkedKind, chance: Random) -> None:
    compare_again(connection, AU, _some(connection, linked, chance).source_id)


def _is_compared(connection: Connection, linked: LinkedKind, chance: Random) -> None:
    """As a look does: what is settled and what is not, up to what was read before something else changed."""
    seq, found = newest_of_either(connection, linked), links_to_agree(connection, linked)
    if chance.random() < 0.3:
        _changes(connection, linked, chance)
    if chance.random() < 0.2:
        return  # it ended before anything was kept
    for stored in found:
        settle(connection, stored, chance.choice([seq, seq, UNSETTLED]))
    save_compared_to(connection, linked, seq)


def _some(connection: Connection, linked: LinkedKind, chance: Random) -> StoredLink:
    return chance.choice(list(load_links(connection, AU, linked.kind)))


DEEDS: tuple[Callable[[Connection, LinkedKind, Random], None], ...] = (
    _changes, _changes, _is_added, _is_retired, _follows, _is_asked_for, _is_compared, _is_compared,
)  # fmt: skip
