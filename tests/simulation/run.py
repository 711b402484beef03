"""Run seeds by hand: ``python -m tests.simulation.run --seed N`` or ``--seeds A-B``; ``--bug NAME`` plants a bug."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from .bugs import BUGS
from .history import HistoryFailed, run_history


def main() -> int:
    """Run what was asked for; exit status 1 when a seed failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--seed", type=int)
    chosen.add_argument("--seeds", help="a range, such as 1-100")
    parser.add_argument("--bug", choices=sorted(BUGS), default="")
    asked = parser.parse_args()
    first, last = (asked.seed, asked.seed) if asked.seeds is None else map(int, asked.seeds.split("-"))
    failed, totals = 0, Counter[str]()
    for seed in range(first, last + 1):
        try:
            outcome = run_history(seed, asked.bug)
        except HistoryFailed as error:
            failed += 1
            say(str(error) if first == last else str(error).splitlines()[0])
            continue
        totals += Counter({"runs": outcome.runs, "kills": outcome.kills, "adopted": outcome.adopted})
        totals += Counter(outcome.faults) + Counter(outcome.acts)
        if first == last:
            say(f"seed {seed} holds; trace {outcome.trace_hash}")
    say(f"{last - first + 1} seeds, {failed} failed; {dict(totals)}")
    return 1 if failed else 0


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
