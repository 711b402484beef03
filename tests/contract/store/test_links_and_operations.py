"""What the database itself refuses: a second live link on either side, and a second standing write of one identity."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from crossfoot.core.agreement import Told, ToldStage
from crossfoot.core.links import Identity, Kind, Link, LinkState
from crossfoot.core.records import Side
from crossfoot.store.database import Database
from crossfoot.store.links import (
    UNSETTLED,
    add_link,
    find_link,
    highest_epochs,
    load_links,
    note_told,
    repoint_link,
    retire_link,
    set_agreed,
    set_base,
    told_of,
)
from crossfoot.store.operations import (
    State,
    StoredCall,
    StoredOperation,
    call_is_committed,
    commit_call,
    end_call,
    forget_refusals,
    load_operations,
    orphaned_calls,
    recent_intents,
    reserve,
    settle,
    standing_refusals,
)
from crossfoot.store.schema import from_units, to_units

ORG, AU, NZ = "00D5g000004abcdEAA", "organisation-au", "organisation-nz"
NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)


def identity(source: str = "006A", *, organisation: str = AU, kind: Kind = Kind.INVOICE, epoch: int = 1) -> Identity:
    return Identity(ORG, organisation, kind, source, epoch=epoch)


def link(source: str = "006A", xero_id: str = "invoice-1", **named: object) -> Link:
    return Link(identity(source, **named), xero_id, "SF-1", "crossfoot", "base")  # type: ignore[arg-type]


def add(connection: Connection, new: Link) -> None:
    add_link(connection, new, NOW, source_id=new.identity.source_key)


@pytest.mark.promise("S0-18")
@pytest.mark.parametrize(
    ("second", "allowed"),
    [
        (link("006A", "invoice-2"), False),
        (link("006A", "invoice-2", epoch=2), False),
        (link("006B", "invoice-1"), False),
        (link("006B", "invoice-2"), True),
        (link("006A", "invoice-2", organisation=NZ), True),
        (link("006A", "contact-1", kind=Kind.CONTACT), True),
    ],
    ids=["same deal", "same deal, later epoch", "same invoice", "others", "other organisation", "other kind"],
)
def test_live_links_are_unique_on_each_side(database: Database, second: Link, allowed: bool) -> None:
    with database.writing() as connection:
        add(connection, link())
    if allowed:
        with database.writing() as connection:
            add(connection, second)
    else:
        with pytest.raises(IntegrityError), database.writing() as connection:
            add(connection, second)
    with database.reading() as connection:
        every = list(load_links(connection, second.identity.organisation_id, second.identity.kind))
    assert (second in [each.link for each in every]) is allowed


def test_a_retired_link_gives_way_to_the_next_epoch_and_is_never_forgotten(connection: Connection) -> None:
    add(connection, link())
    first = find_link(connection, AU, Kind.INVOICE, "006A")
    assert first is not None
    retire_link(connection, first.id)
    assert find_link(connection, AU, Kind.INVOICE, "006A") is None
    add(connection, link("006A", "invoice-2", epoch=2))
    assert highest_epochs(connection, AU, Kind.INVOICE) == {"006A": 2}
    every = list(load_links(connection, AU, Kind.INVOICE, live_only=False))
    assert [each.link.state for each in every] == [LinkState.RETIRED, LinkState.LIVE]


def test_an_epoch_is_used_once_for_ever(connection: Connection) -> None:
    add(connection, link())
    first = find_link(connection, AU, Kind.INVOICE, "006A")
    assert first is not None
    retire_link(connection, first.id)
    with pytest.raises(IntegrityError):
        add(connection, link("006A", "invoice-2"))


def test_the_base_moves_part_by_part(connection: Connection) -> None:
    add(connection, link())
    (known,) = load_links(connection, AU, Kind.INVOICE)
    set_base(connection, known.id, base_hash="as read back")
    set_base(connection, known.id, source_hash="as planned")
    (known,) = load_links(connection, AU, Kind.INVOICE)
    assert (known.link.base_hash, known.source_hash) == ("as read back", "as planned")


def operation(number: int = 1, source: str = "006A", **changed: object) -> StoredOperation:
    usual = StoredOperation(
        id=f"operation-{number}",
        run_id="run-1",
        identity=identity(source),
        source_id=source,
        action="create",
        body=b"{}",
        payload_hash="payload",
        number="SF-1",
        currency="AUD",
        ex_tax=Decimal("100.00"),
        gross=Decimal("110.00"),
        base_gross=Decimal("110.00"),
        reason="won",
    )
    return replace(usual, **changed)  # type: ignore[arg-type]


CALL = StoredCall("call-1", AU, "run-1", "PUT", "/Invoices", b"the exact body", "key", 3)


@pytest.mark.promise("S0-39", "U-03")
@pytest.mark.parametrize(
    ("state", "free"),
    [
        ("reserved", False),
        ("sending", False),
        ("unknown", False),
        ("applied", False),
        ("verified", True),
        ("refused", True),
        ("abandoned", True),
    ],
)
def test_one_identity_has_one_standing_operation(database: Database, state: State, free: bool) -> None:
    with database.writing() as connection:
        reserve(connection, [operation(1)], NOW)
        settle(connection, "operation-1", state, NOW)
    if free:
        with database.writing() as connection:
            reserve(connection, [operation(2)], NOW)
    else:
        with pytest.raises(IntegrityError), database.writing() as connection:
            reserve(connection, [operation(2, identity=identity(epoch=2))], NOW)


def test_what_was_reserved_comes_back_as_it_was(connection: Connection) -> None:
    reserve(connection, [operation()], NOW)
    assert list(load_operations(connection, AU)) == [operation()]
    assert list(load_operations(connection, AU, states=["applied"])) == []
    assert list(load_operations(connection, AU, run_id="run-1", kind=Kind.INVOICE, source_id="006A")) == [operation()]
    assert list(load_operations(connection, NZ)) == []


@pytest.mark.promise("S0-39")
def test_a_call_may_leave_only_between_its_commit_and_its_outcome(connection: Connection) -> None:
    reserve(connection, [operation(1), operation(2, "006B")], NOW)
    assert not call_is_committed(connection, "call-1")
    commit_call(connection, CALL, ["operation-2", "operation-1"], NOW)
    assert call_is_committed(connection, "call-1")
    assert orphaned_calls(connection, AU) == ["call-1"]
    sending = sorted(load_operations(connection, AU, states=["sending"]), key=lambda each: each.position)
    assert [each.id for each in sending] == ["operation-2", "operation-1"]
    end_call(connection, "call-1", NOW, state="answered", status=200)
    assert not call_is_committed(connection, "call-1")
    assert orphaned_calls(connection, AU) == []


def test_an_unknown_call_makes_its_operations_unknown(connection: Connection) -> None:
    reserve(connection, [operation(1), operation(2, "006B"), operation(3, "006C")], NOW)
    commit_call(connection, CALL, ["operation-1", "operation-2"], NOW)
    settle(connection, "operation-2", "applied", NOW, xero_id="invoice-2")
    end_call(connection, "call-1", NOW, state="unknown")
    states = {each.id: each.state for each in load_operations(connection, AU)}
    assert states == {"operation-1": "unknown", "operation-2": "applied", "operation-3": "reserved"}


def test_intents_of_the_last_day_feed_the_brake(connection: Connection) -> None:
    yesterday = NOW - timedelta(hours=24, seconds=1)
    reserve(connection, [operation(1, "006A")], yesterday)
    reserve(connection, [operation(2, "006B", base_gross=Decimal("0.10"))], NOW - timedelta(hours=23))
    reserve(connection, [operation(3, "006C", base_gross=Decimal("0.20"))], NOW)
    reserve(connection, [operation(4, "006D", action="update"), operation(5, "006E", reviewed=True)], NOW)
    reserve(connection, [operation(6, "006F"), operation(7, "001A", identity=identity("001A", kind=Kind.CONTACT))], NOW)
    settle(connection, "operation-6", "refused", NOW)
    assert recent_intents(connection, AU, NOW) == (2, Decimal("0.30"), 1)


def test_a_refusal_is_remembered_until_something_newer_happens(connection: Connection) -> None:
    reserve(connection, [operation()], NOW)
    settle(connection, "operation-1", "refused", NOW, refusal="Xero's own words")
    a_day_ago = NOW - timedelta(days=1)
    assert standing_refusals(connection, AU, a_day_ago) == {("006A", "payload"): "Xero's own words"}
    assert standing_refusals(connection, AU, NOW + timedelta(seconds=1)) == {}
    reserve(connection, [operation(2)], NOW + timedelta(seconds=1))
    assert standing_refusals(connection, AU, a_day_ago) == {}


def test_a_refusal_is_forgotten_when_a_person_asks_for_another_attempt(connection: Connection) -> None:
    reserve(connection, [operation()], NOW)
    settle(connection, "operation-1", "refused", NOW, refusal="Xero's own words")
    forget_refusals(connection, AU, "006A")
    assert standing_refusals(connection, AU, NOW - timedelta(days=1)) == {}


@pytest.mark.parametrize("amount", ["0.01", "-9999999999.99", "0.0001", "12345678901234.5678"])
def test_amounts_are_kept_exactly(amount: str) -> None:
    assert from_units(to_units(Decimal(amount))) == Decimal(amount)


def test_an_amount_that_would_lose_digits_is_refused() -> None:
    with pytest.raises(ValueError, match="more than four decimals"):
        to_units(Decimal("0.00001"))


BASE: dict[str, str | tuple[str, ...]] = {"Name": "Acme", "Address": ("9 New Street", "Perth", "WA", "6000", "AU")}


def test_what_both_sides_agreed_on_comes_back(connection: Connection) -> None:
    add(connection, link(kind=Kind.CONTACT))
    stored = find_link(connection, AU, Kind.CONTACT, "006A")
    assert stored is not None
    assert (stored.base, stored.suffix, stored.told, stored.conflicts, stored.merged_seq) == ({}, "", (), {}, UNSETTLED)
    stages = (*ToldStage,) * 20
    told = [Told("Phone", Side.XERO, f"hash-{number}", NOW, stage) for number, stage in enumerate(stages)]

    set_agreed(connection, stored.id, base=BASE, suffix=" (A-1)", conflicts={"Phone": "about"}, merged_seq=7)
    note_told(connection, stored.id, told)
    repoint_link(connection, stored.id, "invoice-2")

    kept = find_link(connection, AU, Kind.CONTACT, "006A")
    assert kept is not None
    assert (kept.base, kept.suffix, kept.conflicts, kept.merged_seq) == (
        BASE,
        " (A-1)",
        {"Phone": "about"},
        UNSETTLED,
    )
    assert kept.told == told_of(connection, stored.id) == tuple(told[-40:])
    assert kept.link.xero_id == "invoice-2"
