"""The recycle bin: what lies in it too long is gone (SF 7 item 6)."""

from __future__ import annotations

from datetime import datetime, timedelta

from crossfoot.emulators.salesforce import unseen
from crossfoot.emulators.salesforce.world import World


def advance(world: World, now: datetime) -> None:
    """Bring the stored rows up to the instant: old deletions are forgotten, held rows show."""
    if world.unseen:
        unseen.settle(world, now)
    floor = now - timedelta(days=world.settings["recycle_bin_days"])
    old = 0
    for each in world.deletions:
        if each["deleted"] >= floor:
            break
        old += 1
        row = world.row(each["object"], each["id"])
        if row is not None and row["IsDeleted"] and row["SystemModstamp"] < floor:
            world.drop(world.object(each["object"]), each["id"])
    del world.deletions[:old]
