"""What stops a run before it writes: the live guard's table, and the brake one step below and above each limit."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from crossfoot.core.guards import Fingerprint, Recent, brake_problem, guard_problem
from crossfoot.core.policy import Brake

from .cases import ORG_ID, ORGANISATION_ID, money

TEST_PAIR = Fingerprint(ORG_ID, is_sandbox=True, organisation_id=ORGANISATION_ID, is_demo=True)
LIVE_PAIR = replace(TEST_PAIR, is_sandbox=False, is_demo=False)


@pytest.mark.parametrize("pair", [TEST_PAIR, LIVE_PAIR], ids=["sandbox with demo company", "production with live"])
def test_two_pairs_may_be_written_between(pair: Fingerprint) -> None:
    assert guard_problem(pair, pair) == ""


@pytest.mark.parametrize(
    ("is_sandbox", "is_demo", "sentence"),
    [(True, False, "must not write to a live Xero"), (False, True, "must not be tied to a Xero demo company")],
)
def test_test_and_live_are_never_mixed(is_sandbox: bool, is_demo: bool, sentence: str) -> None:
    mixed = replace(TEST_PAIR, is_sandbox=is_sandbox, is_demo=is_demo)
    assert sentence in guard_problem(mixed, mixed)


@pytest.mark.parametrize(("pinned", "seen"), list(product([TEST_PAIR, LIVE_PAIR], repeat=2)))
def test_a_side_that_turned_live_since_it_was_connected_stops_everything(
    pinned: Fingerprint, seen: Fingerprint
) -> None:
    assert bool(guard_problem(pinned, seen)) is (pinned != seen)


def test_another_org_or_organisation_than_was_connected_is_named() -> None:
    assert "00DOTHER" in guard_problem(TEST_PAIR, replace(TEST_PAIR, org_id="00DOTHER"))
    assert "another-organisation" in guard_problem(
        TEST_PAIR, replace(TEST_PAIR, organisation_id="another-organisation")
    )


BRAKE = Brake()
USUAL = Recent(any_live_run=True)


def held(*, count: int = 1, each: str = "10", changes: int = 0, recent: Recent = USUAL, live: bool = True) -> str:
    return brake_problem(BRAKE, recent, amounts=[money(each)] * count, changes=changes, live=live)


@pytest.mark.parametrize(
    ("within", "beyond", "sentence"),
    [
        (held(count=50), held(count=51), "51 documents created within 24 hours (at most 50)"),
        (
            held(count=1, recent=replace(USUAL, creations=49)),
            held(count=1, recent=replace(USUAL, creations=50)),
            "51 documents created within 24 hours (at most 50)",
        ),
        (
            held(each="250000.00"),
            held(each="250000.01"),
            "250,000.01 created within 24 hours (at most 250,000.00)",
        ),
        (
            held(each="0.01", recent=replace(USUAL, amount=money("249999.99"))),
            held(each="0.02", recent=replace(USUAL, amount=money("249999.99"))),
            "250,000.01 created within 24 hours (at most 250,000.00)",
        ),
        (
            held(count=12, recent=replace(USUAL, biggest_run=4)),
            held(count=13, recent=replace(USUAL, biggest_run=4)),
            "13 documents, the biggest recent run had 4 (at most 12)",
        ),
        (held(changes=10), held(changes=11), "11 documents changed or deleted within 24 hours (at most 10)"),
        (
            held(changes=1, recent=replace(USUAL, changes=9)),
            held(changes=1, recent=replace(USUAL, changes=10)),
            "11 documents changed or deleted within 24 hours (at most 10)",
        ),
        (
            held(changes=5, recent=replace(USUAL, live_links=100)),
            held(changes=6, recent=replace(USUAL, live_links=100)),
            "6 documents changed or deleted within 24 hours (at most 5 % of 100)",
        ),
        (
            held(count=5, recent=Recent()),
            held(count=6, recent=Recent()),
            "6 documents on the first live run (at most 5)",
        ),
    ],
)
def test_each_limit_holds_one_step_beyond_it_and_not_before(within: str, beyond: str, sentence: str) -> None:
    assert within == ""
    assert beyond == sentence


def test_few_links_are_no_basis_for_a_percentage() -> None:
    assert held(changes=6, recent=replace(USUAL, live_links=99)) == ""


def test_the_first_run_of_a_test_pair_may_be_bigger() -> None:
    assert held(count=6, recent=Recent(), live=False) == ""


def test_all_reasons_are_told_at_once() -> None:
    assert held(count=51, each="6000", changes=11, recent=Recent(biggest_run=1)).count(";") == 4


def test_a_run_that_adds_nothing_is_not_held_for_what_earlier_runs_did() -> None:
    busy = Recent(creations=60, amount=money(300_000), changes=20, biggest_run=1, live_links=200, any_live_run=True)
    assert brake_problem(BRAKE, busy, amounts=[], changes=0, live=True) == ""
