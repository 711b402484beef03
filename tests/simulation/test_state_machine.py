"""A model of any story: people, faults, crashes and time in any order that Hypothesis finds, shrunk to a short one.

The simulator's seeds draw long histories; this draws short ones, and tells the shortest that breaks an oracle.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from .deeds import deeds_of
from .engines import database_clock
from .history import History
from .machine import GOES_ON, Actor, Fate, Machine
from .wire import ALL_FAULTS, QuietWire
from .world import CLOCK, Ways, copy_pair, running, template

EXAMPLES = int(os.environ.get("CROSSFOOT_STORIES", "8"))
STEPS = 12
WAYS = Ways(two_way=True, payments=True, people=True)
SEAMS_MAX = 400  # a run passes some hundred; one that ends before its killer comes has simply ended


class Story(RuleBasedStateMachine):
    """One pair, its people and engines; the oracles look on throughout, and judge the end."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine(0, CLOCK)
        self.open = ExitStack()
        self.open.enter_context(database_clock(self.machine))
        self.history: History

    @initialize(
        first_day=st.booleans(), abroad=st.booleans(), leases=st.booleans(), minutes_off=st.sampled_from((0, -10, 10))
    )
    def begins(self, first_day: bool, abroad: bool, leases: bool, minutes_off: int) -> None:
        made = (template if first_day else running)(QuietWire, abroad=abroad)
        pair = copy_pair(made, lambda: self.machine.now, self.machine.pause, WAYS)
        self.history = History(self.machine, pair, WAYS)
        self.history.engines.distributed = leases
        self.history.engines.skew = timedelta(minutes=minutes_off)

    @rule(deed=st.sampled_from(sorted(deeds_of(WAYS))))
    def somebody_does(self, deed: str) -> None:
        self.history.people.do(deed)

    @rule(seconds=st.sampled_from((1, 60, 600, 7200)))
    def time_passes(self, seconds: int) -> None:
        self.machine.advance(seconds)

    @rule()
    def runs(self) -> None:
        self.machine.run(("engine", self.history.engines.body))

    @rule(fault=st.sampled_from(ALL_FAULTS), share=st.sampled_from((0.05, 0.3)))
    def runs_while(self, fault: str, share: float) -> None:
        self.history.wire.rates = {fault: share}
        self.machine.run(("engine", self.history.engines.body))
        self.history.wire.rates = {}

    @rule(seam=st.integers(1, SEAMS_MAX))
    def is_killed_at(self, seam: int) -> None:
        left = iter(range(seam, -1, -1))
        self.machine.at_every_seam = lambda _actor: Fate(dies=next(left, 0) == 0)
        self.machine.run(("engine", self.history.engines.body))
        self.machine.at_every_seam = lambda _actor: GOES_ON

    @rule(seam=st.integers(1, SEAMS_MAX), deed=st.sampled_from(sorted(deeds_of(WAYS))))
    def runs_while_somebody_does(self, seam: int, deed: str) -> None:
        left = iter(range(seam, -1, -1))

        def act(_actor: Actor) -> Fate:
            if next(left, -1) == 0:
                self.history.people.do(deed)
            return GOES_ON

        self.machine.at_every_seam = act
        self.machine.run(("engine", self.history.engines.body), ("second engine", self.history.engines.body))
        self.machine.at_every_seam = lambda _actor: GOES_ON

    def teardown(self) -> None:
        try:
            if hasattr(self, "history"):
                self.history.heal()
                self.history.rest.check()
        finally:
            self.machine.close()
            self.open.close()


Story.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestStory = Story.TestCase
