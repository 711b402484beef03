"""Write ``docs/evidence`` from what campaigns recorded: one page to read, one file for machines.

``campaign.jsonl`` holds the ranges of seeds that ran (``make campaign``), ``bugs.json`` how soon each planted bug was
caught (``make simulate-bugs``). Only ranges that ran on one and the same state of the sources are added up: the newest.
Of earlier states it says how many seeds ran and which failed.
"""

from __future__ import annotations

import html
import json
import os
import platform
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.simulation.campaign import Range, read_records  # noqa: E402 - the simulator lies beside the tools
from tests.simulation.rare import KILL_POINTS, SOMETIMES, unreached  # noqa: E402

FOLDER = ROOT / "docs" / "evidence"
# What a failed seed's message begins with -> the figure that a reader asks for.
FIGURES: Mapping[str, tuple[str, ...]] = {
    "duplicates": ("I1",),
    "writes without a committed intent": ("I2",),
    "lost edits": ("I3", "I4"),
    "histories that did not converge": ("I5", "I6", "I7"),
    "histories with cents unexplained": ("I8", "I9"),
    "illegal writes": ("I10", "I18"),
    "amounts that passed through a float": ("I24",),
    "writes from an old copy of the database": ("I15",),
    "decisions that were asked again": ("I26",),
    "cross-tenant writes": ("I11",),
    "dropped rows": ("I12", "I16"),
    "queue entries without a reason": ("I17",),
    "writes by an engine that may not write": ("I19",),
    "tokens shown or lost": ("I20",),
    "audit entries missing or broken": ("I21",),
    "limits not kept to": ("I22", "I23"),
}
NOT_TESTED = (
    "Xero and Salesforce themselves: the emulators are judged by the vendors' own libraries and documents.",
    "Edits in Xero in the seconds between our last look and our update: they can be lost (see the residual window).",
    "A change made while a record was hidden from the integration user, and not saved again after it was shown.",
    "More than one organisation in the simulated business.",
    "A creation that Xero reports as done, with an id, and drops: only changes are known to be dropped so.",
    "Torn files and lying disks: the durability of SQLite and PostgreSQL is taken as documented.",
)
_INVARIANT = re.compile(r"Violation: (I\d+)")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known, added up."""

    whole: Range
    seeds: int
    bugs: Mapping[str, Mapping[str, Any]]
    earlier: Sequence[Mapping[str, Any]]

    @property
    def failures(self) -> Counter[str]:
        """Failed seeds by invariant; what is no oracle's word counts as a defect."""
        found = (_INVARIANT.search(message) for message in self.whole.failed.values())
        return Counter(match.group(1) if match else "defect" for match in found)

    @property
    def data(self) -> dict[str, Any]:
        """For machines."""
        caught = sorted(bug["seeds"] for bug in self.bugs.values() if bug["seeds"])
        figures = {name: sum(self.failures[each] for each in ids) for name, ids in FIGURES.items()}
        done = self.whole
        return {
            "commit": done.commit,
            "sources": done.sources,
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python "
            f"{platform.python_version()}",
            "seeds": self.seeds,
            "failed_seeds": done.failed,
            "earlier_states": self.earlier,
            "cpu_seconds": round(done.cpu_s),
            "figures": figures,
            "defects_outside_an_oracle": self.failures["defect"],
            "rounds_to_rest_max": done.rounds_max,
            "edits_lost_in_the_residual_window": done.totals.get("residual", 0),
            "totals": done.totals,
            "faults": done.faults,
            "acts_of_people": done.acts,
            "runs_that_ended_early": done.ended_early,
            "rare_paths": {path: done.reached.get(path, 0) for path in SOMETIMES},
            "rare_paths_never_reached": unreached(done.reached),
            "planted_bugs": {
                "planted": len(self.bugs),
                "caught": len(caught),
                "seeds_median": median(caught) if caught else None,
                "each": self.bugs,
            },
            "not_tested": list(NOT_TESTED),
        }


def collect(records: Sequence[Range], bugs: Mapping[str, Mapping[str, Any]]) -> Evidence:
    """Add up the ranges of the state of the sources that was recorded last, each seed once."""
    states: dict[str, dict[tuple[int, int], Range]] = {}
    for each in records:
        states.setdefault(each.sources, {}).setdefault((each.first, each.last), each)
    newest = list(states.pop(records[-1].sources).values())
    whole = Range(0, 0, newest[-1].sources, newest[-1].commit)
    for each in newest:
        whole.join(each)
    earlier = [_earlier(list(ranges.values())) for ranges in states.values()]
    return Evidence(whole, sum(each.seeds for each in newest), bugs, earlier)


def _earlier(ranges: Sequence[Range]) -> dict[str, Any]:
    failed = {seed: message for each in ranges for seed, message in each.failed.items()}
    return {"commit": ranges[-1].commit, "seeds": sum(each.seeds for each in ranges), "failed_seeds": failed}


def page(data: Mapping[str, Any]) -> str:
    """One page without a script or anything from elsewhere."""
    head = [
        ("seeds", data["seeds"]),
        ("failed seeds", len(data["failed_seeds"])),
        ("seeds on earlier states of the sources", sum(state["seeds"] for state in data["earlier_states"])),
        ("days of virtual time", data["totals"].get("virtual_s", 0) // 86_400),
        ("runs", data["totals"].get("runs", 0)),
        ("documents", data["totals"].get("documents", 0)),
        ("faults", sum(data["faults"].values())),
        ("engines killed", data["totals"].get("kills", 0)),
        ("engines that stood still", data["totals"].get("pauses", 0)),
        ("orphans adopted", data["totals"].get("adopted", 0)),
        ("rounds to rest, at most", data["rounds_to_rest_max"]),
        ("edits lost in the residual window", data["edits_lost_in_the_residual_window"]),
        ("planted bugs caught", f"{data['planted_bugs']['caught']} of {data['planted_bugs']['planted']}"),
    ]
    bugs = [
        (name, bug["seeds"] or f"not within {bug.get('tried', 0)}", bug["by"])
        for name, bug in sorted(data["planted_bugs"]["each"].items())
    ]
    earlier = [(state["commit"], state["seeds"], ", ".join(state["failed_seeds"])) for state in data["earlier_states"]]
    kills = [(point, data["rare_paths"][point]) for point in KILL_POINTS]
    rare = [(path, times) for path, times in data["rare_paths"].items() if path not in KILL_POINTS]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Crossfoot: evidence</title>",
        f"<style>{_STYLE}</style><h1>Evidence</h1>",
        f"<p>Commit {html.escape(data['commit'])}, sources {data['sources']}; {html.escape(data['machine'])};",
        f"{data['cpu_seconds']} seconds of processor time.</p>",
        "<p>Again: <code>make campaign simulate-bugs evidence</code>.</p>",
        _table("What ran", ("", ""), head),
        _table("What must be zero", ("", "histories"), data["figures"].items()),
        _table("Where engines died", ("point of the write protocol", "times"), kills),
        _table("Faults", ("", "times"), Counter(data["faults"]).most_common()),
        _table("What people did meanwhile", ("", "times"), sorted(data["acts_of_people"].items())),
        _table("Rare paths", ("", "times"), rare),
        _table("Planted bugs", ("defect", "within seeds", "caught by"), bugs),
        _table("Failed seeds", ("seed", "message"), data["failed_seeds"].items()) if data["failed_seeds"] else "",
        _table("Earlier states of the sources", ("commit", "seeds", "of these failed"), earlier),
        "<h2>What was not tested</h2><ul>",
        *(f"<li>{html.escape(text)}</li>" for text in data["not_tested"]),
        "</ul></html>",
    ]
    return "\n".join(filter(None, parts)) + "\n"


_STYLE = (
    "body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}"
    "td,th{padding:.2rem .8rem .2rem 0;text-align:left;border-bottom:1px solid #ddd;vertical-align:top}"
)


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    header = "".join(f"<th>{html.escape(head)}</th>" for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>\n" for row in rows)
    return f"<h2>{html.escape(title)}</h2>\n<table><tr>{header}</tr>\n{body}</table>"


def main() -> int:
    """Write both files; status 1 when there is nothing to write them from."""
    records = read_records(FOLDER / "campaign.jsonl")
    bugs_file = FOLDER / "bugs.json"
    bugs = json.loads(bugs_file.read_text(encoding="utf-8")) if bugs_file.exists() else {}
    if not records:
        sys.stderr.write("No campaign was recorded; `make campaign SEEDS=1000` does that.\n")
        return 1
    data = collect(records, bugs).data
    (FOLDER / "evidence.json").write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (FOLDER / "index.html").write_text(page(data), encoding="utf-8")
    sys.stdout.write(f"{data['seeds']} seeds, {len(data['failed_seeds'])} failed; docs/evidence/index.html\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
