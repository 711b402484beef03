"""Run seeds by hand.

``--seed N`` runs one and shows its story where it fails; ``--seeds A-B`` runs a range on all cores; ``--record FILE``
keeps the ranges and goes on where an earlier campaign stopped; ``--bug NAME`` plants a bug; ``--bugs`` looks for all,
each for so many ``--seconds``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from math import inf
from pathlib import Path

from .bugs import BUGS
from .campaign import cores, run_campaign, summary
from .history import HistoryFailed, run_history
from .hunt import hunt
from .rare import unreached

ALL_RARE_FROM = 300  # seeds; a shorter campaign need not reach every rare path


def main() -> int:
    """Run what was asked for; exit status 1 when a seed failed, a bug got away or a rare path was not reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--seed", type=int)
    chosen.add_argument("--seeds", help="a range, such as 1-100")
    chosen.add_argument("--bugs", action="store_true", help="plant each bug in turn and look for it")
    parser.add_argument("--bug", choices=sorted(BUGS), default="")
    parser.add_argument("--record", type=Path, help="a file of recorded ranges")
    parser.add_argument("--seconds", type=float, default=inf, help="of a process, for each planted bug")
    parser.add_argument("--jobs", type=int, default=cores())
    asked = parser.parse_args()
    if asked.seed is not None:
        return _one(asked.seed, asked.bug)
    if asked.bugs:
        return _bugs(asked.record, asked.jobs, asked.seconds)
    first, last = map(int, asked.seeds.split("-"))
    return _bug_in_range(first, last, asked.bug) if asked.bug else _range(first, last, asked)


def _one(seed: int, bug: str) -> int:
    try:
        outcome = run_history(seed, bug)
    except HistoryFailed as error:
        say(str(error))
        return 1
    say(f"seed {seed} holds; trace {outcome.trace_hash}")
    return 0


def _bug_in_range(first: int, last: int, bug: str) -> int:
    caught = 0
    for seed in range(first, last + 1):
        try:
            run_history(seed, bug)
        except HistoryFailed as error:
            caught += 1
            say(str(error).splitlines()[0])
    say(f"{bug!r} was caught by {caught} of {last - first + 1} seeds")
    return 0 if caught else 1


def _range(first: int, last: int, asked: argparse.Namespace) -> int:
    began = time.monotonic()
    done = run_campaign(first, last, jobs=asked.jobs, record=asked.record)
    for message in done.failed.values():
        say(message)
    missing = unreached(done.reached) if done.seeds >= ALL_RARE_FROM else []
    for path in missing:
        say(f"never reached: {path}")
    say(f"{dict(summary(done))} in {time.monotonic() - began:.0f} s")
    return 1 if done.failed or missing else 0


def _bugs(record: Path | None, jobs: int, seconds: float) -> int:
    """Look for each bug that the record does not tell of yet; without that file all are looked for anew."""
    known = json.loads(record.read_text(encoding="utf-8")) if record and record.exists() else {}
    found: dict[str, dict[str, str | int]] = {name: each for name, each in known.items() if name in BUGS}
    for caught in hunt(sorted(BUGS.keys() - found.keys()), jobs=jobs, seconds=seconds):
        within = f"caught within {caught.seeds} seeds" if caught.seeds else f"not caught within {caught.tried}"
        say(f"{caught.name}: {within}; {caught.by}")
        found[caught.name] = {name: value for name, value in asdict(caught).items() if name != "name"}
        if record:
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0 if all(each["seeds"] for each in found.values()) else 1


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
