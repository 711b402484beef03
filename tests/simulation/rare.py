"""Rare paths: each is named here, and a campaign that never reached one of them has proven too little.

They are read from what the wire, the trace and the vendors' logs show, not from what an engine says of itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .machine import Machine

# Where an engine died -> the kill point of the write protocol, by the seam at which it stopped.
KILL_POINTS: Mapping[str, tuple[str, ...]] = {
    "K0 before the intent": ("commit reserve begins",),
    "K1 intent committed": ("commit reserve done", "commit call begins"),
    "K2 about to send": ("commit call done", "send xero P"),
    "K3 bytes sent": ("write bytes leave",),
    "K4 vendor committed": ("write vendor committed",),
    "K5 answer in memory": ("write answer comes", "answered xero P", "commit outcome begins"),
    "K6 applied": ("commit outcome done",),
    "K7 verified": ("commit verified done", "commit write-back wanted"),
    "K8 write-back under way": ("commit write-back call done", "send salesforce P", "answered salesforce P"),
    "K9 written back": ("commit write-back outcome done", "commit run ended"),
}
# What the trace says -> the path that was taken.
_SAID: Mapping[str, str] = {
    "adopted": "an orphan was adopted",
    "stands still for": "an engine stood still",
    "stood still for longer than its lease": "a lease was lost",
    "is writing": "a run met another engine's lock",
    "a proxy delivers": "a request was delivered twice",
    "at last xero P": "a write was committed late",
    "commit abandon done": "an intent was given up",
    "commit moved done": "a target moved before its update",
}
SOMETIMES = (
    *KILL_POINTS,
    *_SAID.values(),
    "a batch was halved",
    "a second creation was refused as taken",
    "a day's limit parked the organisation",
    "a page shifted",
    "the graceful refresh token was used",
    "a draft was updated",
    "finance's edit was kept",
    "an invoice was voided and stayed so",
    "a period was locked and opened",
    "a deal was hidden and shown",
    "a deal was deleted with its invoice standing",
    "an old copy of the database was put back",
    "a restore rebuilt what it could",
    "a conflict was answered",
    "an invoice was taken back when a person asked",
    "an invoice was credited and made anew",
    "both sides edited one field",
    "a rule overruled an edit",
    "a payment was recorded in Salesforce",
    "a recorded payment was taken away in Xero",
    "an invoice was credited",
    "a deal was given away",
    "an invoice in a foreign currency was paid",
    "two accounts were merged",
    "two contacts were merged",
    "a webhook was kept",
    "a forged webhook was refused",
    "the brake held a run",
    "a person at a customer was edited",
    "a listener found a change within a run",
    "a stream was recovered by a sweep",
    "an overflow was swept",
    "an event came again",
)


class Rested(Protocol):
    """What the state at rest tells."""

    @property
    def told(self) -> Iterable[str]:
        """Paths that the end of a history shows to have been taken."""


@dataclass(slots=True)
class Reached:
    """Which rare paths one history took, and how often."""

    counts: Counter[str] = field(default_factory=Counter)

    def note(self, path: str, times: int = 1) -> None:
        """A path was taken."""
        assert path in SOMETIMES, path
        self.counts[path] += times

    def read(self, machine: Machine, struck: Mapping[str, int], rest: Rested) -> None:
        """Read the rest of them from the trace and from what is left at the end."""
        for place, line in enumerate(machine.trace.lines):
            for said, path in _SAID.items():
                if said in line:
                    self.counts[path] += 1
            if line.endswith(" is killed"):
                self._killed(machine.trace.lines[:place], line.split(" ", 2)[2].removesuffix(" is killed"))
        for path in rest.told:
            self.note(path)
        if struck.get("page shift"):
            self.note("a page shifted")

    def _killed(self, lines: Sequence[str], name: str) -> None:
        mine = [line.split(f" {name}: ", 1)[1] for line in lines[-40:] if f" {name}: " in line]
        if not mine:
            return
        seam = mine[-1]
        if seam.startswith("write "):
            sent = next((line for line in reversed(mine) if " leaves" in line), "")
            seam = "send salesforce P" if sent.startswith("salesforce") else seam
        for point, seams in KILL_POINTS.items():
            if seam.startswith(seams):
                self.counts[point] += 1


def unreached(counts: Mapping[str, int]) -> list[str]:
    """Paths that a campaign should have taken and did not."""
    return [path for path in SOMETIMES if not counts.get(path)]
