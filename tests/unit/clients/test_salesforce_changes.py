"""What change events tell, and how to go on when their stream ends (SF 5.2 to 5.8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from crossfoot.salesforce.changes import Again, Change, Look, after_end, where_to_look

ACCOUNT = Change(
    "Account", ("001A", "001B"), "UPDATE", "com/salesforce/api/rest/62.0;client=x", datetime.now(UTC), b"1"
)
WATCHED = frozenset({"Account", "Opportunity"})


def test_each_record_is_looked_at_once() -> None:
    again = replace(ACCOUNT, ids=("001B", "001C"))
    assert where_to_look([ACCOUNT, again], WATCHED) == Look({"Account": ("001A", "001B", "001C")})


def test_what_nobody_watches_is_left() -> None:
    assert where_to_look([replace(ACCOUNT, object="Lead")], WATCHED) == Look()


@pytest.mark.parametrize("kind", ["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"])
def test_a_gap_is_read_again_by_id(kind: str) -> None:
    assert where_to_look([replace(ACCOUNT, kind=kind)], WATCHED).ids == {"Account": ACCOUNT.ids}


@pytest.mark.parametrize(
    "change",
    [replace(ACCOUNT, kind="GAP_OVERFLOW", ids=("000000000000000AAA",)), replace(ACCOUNT, ids=("001*",))],
    ids=["overflow", "an id for many"],
)
def test_what_names_no_records_calls_for_a_sweep_of_its_object_alone(change: Change) -> None:
    other = replace(ACCOUNT, object="Opportunity", ids=("006A",))
    assert where_to_look([ACCOUNT, change, other], WATCHED) == Look({"Opportunity": ("006A",)}, frozenset({"Account"}))


def test_our_own_writes_are_known_and_looked_at_all_the_same() -> None:
    """What a flow of the customer did upon our write carries our origin too."""
    own = replace(ACCOUNT, origin="com/salesforce/api/rest/62.0;client=Crossfoot")
    assert own.is_own
    assert not ACCOUNT.is_own
    assert where_to_look([own], WATCHED).ids == {"Account": own.ids}


@pytest.mark.parametrize(
    ("code", "again"),
    [
        ("", Again.RESUME),
        ("service.unavailable", Again.RESUME),
        ("anything.new", Again.RESUME),
        ("service.auth.error", Again.RENEW),
        ("subscription.fetch.replayid.corrupted", Again.RECOVER),
        ("subscription.limit.exceeded", Again.PARK),
        ("topic.not.found", Again.ASK),
    ],
)
def test_every_end_has_a_way_on(code: str, again: Again) -> None:
    assert after_end(code) is again
