"""Which topics an org has, what is on them, and who may subscribe (SF 5.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crossfoot.emulators.salesforce import permissions
from crossfoot.emulators.salesforce.events.schemas import (
    EventSchema,
    change_event_name,
    change_schema,
    platform_schema,
)

if TYPE_CHECKING:
    from crossfoot.emulators.salesforce.world import World

EVERYTHING = "/data/ChangeEvents"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: the names under which its events lie on the bus, their schema where they share one, and who may what."""

    name: str
    carries: frozenset[str]
    schema: EventSchema | None
    can_publish: bool
    can_subscribe: bool


def find_topic(world: World, name: str, user_id: str) -> Topic | None:
    """The topic of that name as this user has it; None for one that the org does not have.

    Change events show records of every owner, so that they need the right to view all of them.
    """
    access = permissions.access_of(world, user_id)
    selected = {f"/data/{change_event_name(each)}": each for each in map(world.object, selection(world))}
    if name == EVERYTHING:
        return Topic(name, frozenset(selected), None, False, "ViewAllData" in access.permissions)
    if name in selected:
        sobject = selected[name]
        may = "viewAllRecords" in access.on(sobject)
        return Topic(name, frozenset({name}), change_schema(world, sobject), False, may)
    kind, _, event = name.removeprefix("/").partition("/")
    found = world.schema.object(event)
    if kind != "event" or found is None or not found.platform_event or found.name != event:
        return None
    allowed = access.on(found)
    schema = platform_schema(world, found)
    return Topic(name, frozenset({name}), schema, "allowCreate" in allowed, "allowRead" in allowed)


def selection(world: World) -> list[str]:
    """The selected objects that the org has."""
    return [name for name in world.settings["change_event_entities"] if world.schema.object(name)]
