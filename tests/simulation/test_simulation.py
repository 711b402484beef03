"""Seeds that must hold, seeds that must repeat, and planted bugs that must be caught."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from .bugs import BUGS
from .history import HistoryFailed, run_history
from .machine import Violation
from .wire import FAULTS

ROOT = Path(__file__).parents[2]
SEEDS_PER_TEST = 25


@pytest.mark.parametrize("first", range(1, 101, SEEDS_PER_TEST))
def test_histories_hold(first: int) -> None:
    outcomes = [run_history(seed) for seed in range(first, first + SEEDS_PER_TEST)]
    faults = sum((Counter(outcome.faults) for outcome in outcomes), Counter[str]())
    assert sum(outcome.kills for outcome in outcomes), "no engine was killed: these histories prove little"
    assert len(faults) >= len(FAULTS) // 2, "too few sorts of faults struck"
    assert sum(outcome.adopted for outcome in outcomes), "nothing was ever adopted"


@pytest.mark.parametrize("name", sorted(BUGS))
def test_a_planted_bug_is_caught(name: str) -> None:
    for seed in range(BUGS[name].first, BUGS[name].first + BUGS[name].seeds):
        try:
            run_history(seed, name)
        except HistoryFailed as failure:
            if isinstance(failure.cause, Violation | IntegrityError):  # anything else would be a slip in the planting
                return
            raise
    pytest.fail(f"{name!r} was not caught within {BUGS[name].seeds} seeds")


def test_a_seed_repeats_itself() -> None:
    assert run_history(3).trace_hash == run_history(3).trace_hash != run_history(4).trace_hash


def test_a_seed_repeats_itself_whatever_the_hash_seed() -> None:
    assert _hash_of(3, "1") == _hash_of(3, "2") == run_history(3).trace_hash


def test_a_failure_says_how_to_run_it_alone() -> None:
    with pytest.raises(HistoryFailed, match=r"python -m tests\.simulation\.run --seed 1 --bug 'intent after send'"):
        run_history(1, "intent after send")


def _hash_of(seed: int, hash_seed: str) -> str:
    command = [sys.executable, "-m", "tests.simulation.run", "--seed", str(seed)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.split("trace ")[1].split()[0]
