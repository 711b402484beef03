"""The hunt for planted bugs: how many seeds it takes until an oracle notices each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from math import inf
from time import process_time

from sqlalchemy.exc import IntegrityError

from crossfoot.core.errors import CrossfootError

from .history import HistoryFailed, commit, run_history
from .machine import Violation

SEEDS_MAX = 60
# What an engine with a defect comes to grief on by itself, before an oracle need speak.
NOTICED = (Violation, IntegrityError, AssertionError, CrossfootError)


@dataclass(frozen=True, slots=True)
class Catch:
    """How a planted bug fared: after how many seeds it was caught (0: it got away within ``tried``), and by what."""

    name: str
    seeds: int = 0
    by: str = ""
    tried: int = 0
    commit: str = ""


def catch(name: str, most: int = SEEDS_MAX, seconds: float = inf) -> Catch:
    """Look for one bug, seed after seed, for so much time of this process. A slip in the planting itself is raised."""
    until, seed = process_time() + seconds, 0
    while seed < most and process_time() < until:
        seed += 1
        try:
            run_history(seed, name)
        except HistoryFailed as failure:
            if isinstance(failure.cause, NOTICED):
                return Catch(name, seed, f"{type(failure.cause).__name__}: {failure.cause}"[:160], seed, commit())
            raise
    return Catch(name, 0, "", seed, commit())


def hunt(names: Sequence[str], *, jobs: int, seconds: float = inf) -> Iterator[Catch]:
    """Look for each, on several processes; in the order in which they are done with."""
    with ProcessPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(_tried, name, seconds) for name in names]):
            yield done.result()


def _tried(name: str, seconds: float) -> Catch:
    try:
        return catch(name, seconds=seconds)
    except HistoryFailed as slip:
        words = f"the planting itself fails: {type(slip.cause).__name__}: {slip.cause}"[:160]
        return Catch(name, 0, words, 0, commit())
