"""Campaigns: many seeds on all cores, recorded range by range, so that one that was stopped goes on where it was.

A record is one line of JSON for one range of seeds: what ran, on which sources, for how long, what struck, what people
did, which rare paths were reached, and which seeds failed. A range that is recorded for the same sources is not run
again. Failing seeds join ``corpus.txt``, which every run of the tests replays.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from .history import ROOT, HistoryFailed, Outcome, commit, run_history

CHUNK = 25
CORPUS = Path(__file__).with_name("corpus.txt")
COUNTERS = ("faults", "acts", "reached", "ended_early")
NUMBERS = ("runs", "kills", "pauses", "adopted", "residual", "documents", "virtual_s")


@dataclass(slots=True)
class Range:
    """A range of seeds and what it came to."""

    first: int
    last: int
    sources: str = ""
    commit: str = ""
    cpu_s: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    acts: dict[str, int] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    ended_early: dict[str, int] = field(default_factory=dict)
    rounds_max: int = 0

    @property
    def seeds(self) -> int:
        """How many."""
        return self.last - self.first + 1

    def add(self, outcome: Outcome) -> None:
        """Count one history that held."""
        _add(self.totals, {name: getattr(outcome, name) for name in NUMBERS})
        for name in COUNTERS:
            _add(getattr(self, name), getattr(outcome, name))
        self.rounds_max = max(self.rounds_max, outcome.rounds)

    def join(self, other: Range) -> None:
        """Take up another range's figures; ``first`` and ``last`` stay."""
        self.cpu_s += other.cpu_s
        self.failed |= other.failed
        for name in ("totals", *COUNTERS):
            _add(getattr(self, name), getattr(other, name))
        self.rounds_max = max(self.rounds_max, other.rounds_max)


def _add(into: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        into[name] = into.get(name, 0) + count


@cache
def sources() -> str:
    """A digest of everything that decides a history: Crossfoot's sources and the simulator's."""
    digest = sha256()
    for folder in ("src/crossfoot", "tests/simulation"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def run_range(first: int, last: int) -> Range:
    """Run one range in this process."""
    done = Range(first, last, sources(), commit())
    began = time.process_time()
    for seed in range(first, last + 1):
        try:
            done.add(run_history(seed))
        except HistoryFailed as error:
            done.failed[str(seed)] = str(error).splitlines()[0]
    done.cpu_s = round(time.process_time() - began, 2)
    return done


def chunks(first: int, last: int) -> Iterator[tuple[int, int]]:
    """A range cut at multiples of the chunk's size, so that two campaigns cut alike."""
    while first <= last:
        end = min(last, (first - 1) // CHUNK * CHUNK + CHUNK)
        yield first, end
        first = end + 1


def run_campaign(first: int, last: int, *, jobs: int, record: Path | None = None) -> Range:
    """Run a range of seeds on ``jobs`` processes; ranges that ``record`` has for these sources are taken from there."""
    known = {(r.first, r.last): r for r in read_records(record) if r.sources == sources()} if record else {}
    whole = Range(first, last, sources(), commit())
    parts = list(chunks(first, last))
    for part in parts:
        if part in known:
            whole.join(known[part])
    for done in _run_parts([part for part in parts if part not in known], jobs):
        whole.join(done)
        if record:
            _keep(record, done)
    return whole


def _run_parts(parts: Sequence[tuple[int, int]], jobs: int) -> Iterator[Range]:
    if jobs == 1:
        yield from (run_range(*part) for part in parts)
        return
    with ProcessPoolExecutor(jobs) as pool:
        waiting = [pool.submit(run_range, *part) for part in parts]
        for each in waiting:
            yield each.result()


def _keep(record: Path, done: Range) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    with record.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(done), sort_keys=True) + "\n")
    new = [int(seed) for seed in done.failed if int(seed) not in corpus()]
    if new:
        with CORPUS.open("a", encoding="utf-8") as file:
            file.writelines(f"{seed}  # {_cause(done.failed[str(seed)])}\n" for seed in new)


def _cause(message: str) -> str:
    """What a failure's first line says after the seed and the commit."""
    return message.split(": ", 1)[1][:100].strip()


def read_records(record: Path) -> list[Range]:
    """Every range that was recorded; a last line that was cut off is left out."""
    if not record.exists():
        return []
    found: list[Range] = []
    for line in record.read_text(encoding="utf-8").splitlines():
        try:
            row: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        found.append(Range(**row))
    return found


def corpus() -> list[int]:
    """Seeds that failed once, and are run again with every change."""
    lines = CORPUS.read_text(encoding="utf-8").splitlines() if CORPUS.exists() else []
    return [int(text) for line in lines if (text := line.split("#")[0].strip())]


def cores() -> int:
    """How many processes this machine runs beside each other."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def summary(done: Range) -> Counter[str]:
    """The figures that a person wants to see first."""
    return Counter(done.totals) + Counter({"seeds": done.seeds, "failed": len(done.failed)})
