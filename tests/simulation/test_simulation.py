"""Seeds that must hold, seeds that must repeat, and planted bugs that must be caught."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx2
import pytest

from .bugs import BUGS
from .campaign import Range, chunks, corpus, read_records, run_campaign
from .history import History, HistoryFailed, run_history
from .hunt import catch
from .machine import Machine
from .rare import KILL_POINTS, SOMETIMES, unreached
from .wire import ALL_FAULTS, QuietWire
from .world import CLOCK, copy_pair, template

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("CROSSFOOT_SEEDS", "300"))
SEEDS_PER_TEST = 25
# Defects of every sort that a few seeds find; ``make simulate-bugs`` looks for all of them.
WITH_EVERY_CHANGE = (
    "any contact", "approve at once", "audit unchained", "discount left out", "entry without cause",
    "first organisation", "intent after send", "tokens in clear", "write every time", "wrong balance",
)  # fmt: skip
QUICK_SEEDS = 12


@pytest.mark.parametrize("first", range(1, SEEDS + 1, SEEDS_PER_TEST))
def test_histories_hold(first: int) -> None:
    done = run_campaign(first, first + SEEDS_PER_TEST - 1, jobs=1)
    assert not done.failed, "\n".join(done.failed.values())
    assert done.totals["kills"], "no engine was killed: these histories prove little"
    assert len(done.faults) >= len(ALL_FAULTS) // 2, "too few sorts of faults struck"
    assert done.reached.get("an orphan was adopted"), "nothing was ever adopted"


@pytest.mark.parametrize("seed", corpus())
def test_what_failed_once_holds(seed: int) -> None:
    run_history(seed)


@pytest.mark.parametrize("name", WITH_EVERY_CHANGE)
def test_a_planted_bug_is_caught(name: str) -> None:
    assert catch(name, QUICK_SEEDS).seeds, f"{name!r} was not caught within {QUICK_SEEDS} seeds"


def test_there_are_bugs_of_every_sort() -> None:
    assert len(BUGS) >= 40
    assert set(WITH_EVERY_CHANGE) <= set(BUGS)


def test_a_seed_repeats_itself() -> None:
    assert run_history(3).trace_hash == run_history(3).trace_hash != run_history(4).trace_hash


def test_a_seed_repeats_itself_whatever_the_hash_seed() -> None:
    assert _hash_of(3, "1") == _hash_of(3, "2") == run_history(3).trace_hash


def test_an_answer_bears_the_time_at_which_it_was_made() -> None:
    machine = Machine(1, CLOCK)
    history = History(machine, copy_pair(template(QuietWire), lambda: machine.now, machine.pause))
    history.wire.slowest_s = 600.0
    answer = history.wire.handle_request(httpx2.Request("GET", "https://salesforce.invalid/services/data"))
    made_at = parsedate_to_datetime(answer.headers["Date"])
    assert machine.trace.lines[-1].startswith(f"{made_at:%Y-%m-%d %H:%M:%S}")
    assert machine.now - made_at > timedelta(seconds=60)


def test_a_failure_says_how_to_run_it_alone() -> None:
    with pytest.raises(HistoryFailed, match=r"python -m tests\.simulation\.run --seed 1 --bug 'intent after send'"):
        run_history(1, "intent after send")


def test_a_campaign_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "campaign.jsonl"
    whole = run_campaign(1, 2, jobs=1, record=record)
    monkeypatch.setattr("tests.simulation.campaign.run_range", _never)
    again = run_campaign(1, 2, jobs=1, record=record)
    assert (again.totals, again.faults, again.reached) == (whole.totals, whole.faults, whole.reached)
    [kept] = read_records(record)
    assert (kept.first, kept.last, kept.sources) == (1, 2, whole.sources)


def _never(first: int, last: int) -> Range:
    raise AssertionError(f"{first}-{last} was recorded already")


def test_campaigns_are_cut_alike() -> None:
    assert list(chunks(1, 60)) == [(1, 25), (26, 50), (51, 60)]
    assert list(chunks(20, 30)) == [(20, 25), (26, 30)]


def test_what_was_never_reached_is_named() -> None:
    everything = Counter(dict.fromkeys(SOMETIMES, 1))
    assert unreached(everything) == []
    assert unreached(everything - Counter({"an orphan was adopted": 1})) == ["an orphan was adopted"]
    assert len(KILL_POINTS) == 10


def _hash_of(seed: int, hash_seed: str) -> str:
    command = [sys.executable, "-m", "tests.simulation.run", "--seed", str(seed)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.split("trace ")[1].split()[0]
