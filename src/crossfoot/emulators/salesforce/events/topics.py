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
from crossfoot.emulators.salesforce.schema import SObject

if TYPE_CHECKING:
    from crossfoot.emulators.salesforce.world import World

EVERYTHING = "/data/ChangeEvents"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as one user has it. ``schema`` is None where its events have several."""

    name: str
    schema: EventSchema | None
    can_publish: bool
    can_subscribe: bool


def find_topic(world: World, name: str, user_id: str) -> Topic | None:
    """The topic of that name as this user has it; None for one that the org does not have.

    Change events show records of every owner, so that they need the right to view all of them.
    """
    access = permissions.access_of(world, user_id)
    selected = {_change_topic(each): each for each in map(world.object, selection(world))}
    if name == EVERYTHING:
        return Topic(name, None, False, "ViewAllData" in access.permissions)
    if name in selected:
        sobject = selected[name]
        return Topic(name, change_schema(world, sobject), False, "viewAllRecords" in access.on(sobject))
    kind, _, event = name.removeprefix("/").partition("/")
    found = world.schema.object(event)
    if kind != "event" or found is None or not found.platform_event or found.name != event:
        return None
    allowed = access.on(found)
    schema = platform_schema(world, found)
    return Topic(name, schema, "allowCreate" in allowed, "allowRead" in allowed)


def carried(world: World, name: str) -> frozenset[str]:
    """The names under which a topic's events lie on the bus."""
    whole = name == EVERYTHING
    return frozenset(map(_change_topic, map(world.object, selection(world)))) if whole else frozenset({name})


def _change_topic(sobject: SObject) -> str:
    return f"/data/{change_event_name(sobject)}"


def selection(world: World) -> list[str]:
    """The selected objects that the org has."""
    return [name for name in world.settings["change_event_entities"] if world.schema.object(name)]
