"""A plan of what changed, kept, leaves the store as a plan of everything would: over random histories of a firm."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from crossfoot.engine.planning.planner import keep_plan, make_plan
from crossfoot.store.database import open_memory

from .plan_history import Firm, kept_state, observed_firm, serialised

STEPS = 15
ACTS_MAX = 3
stored_firm = cache(observed_firm)


@pytest.mark.parametrize("seed", range(6))
def test_a_plan_of_what_changed_is_the_plan_of_everything(seed: int) -> None:
    firm = Firm.of(seed, stored_firm())
    for step in range(STEPS):
        for _ in range(firm.chance.randrange(ACTS_MAX + 1)):
            firm.act()
        before = serialised(firm.session.database)
        planned = firm.plan()
        other = replace(firm.session, database=open_memory(before))
        everything = make_plan(other, firm.as_of, full=True)
        keep_plan(other, everything)
        told = f"seed {seed}, step {step}: {firm.done[-6:]}"
        assert planned.operations == everything.operations, told
        ours, theirs = kept_state(firm.session.database), kept_state(other.database)
        differing = {name: sorted(set(ours[name]) ^ set(theirs[name])) for name in ours if ours[name] != theirs[name]}
        assert not differing, told
