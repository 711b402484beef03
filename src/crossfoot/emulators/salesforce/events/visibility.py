"""Change events respect field-level security: a subscriber is not told values that it may not read (SF 5.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossfoot.emulators.salesforce import permissions
from crossfoot.emulators.salesforce.events.avro import Codec
from crossfoot.emulators.salesforce.events.log import Entry
from crossfoot.emulators.salesforce.events.schemas import HEADER, bitmaps, change_event_name, change_schema, paths_of

if TYPE_CHECKING:
    from crossfoot.emulators.salesforce.world import World


def payload_for(world: World, user_id: str, entry: Entry) -> bytes:
    """The bytes of an event as one user gets them."""
    hidden = _hidden(world, user_id, entry["topic"])
    if not hidden:
        payload: bytes = entry["payload"]
        return payload
    codec = Codec(world.events["schemas"][entry["schema"]])
    names = [each["name"] for each in codec.schema["fields"]]
    event = codec.decode(entry["payload"])
    header = event[HEADER]
    for member in ("changedFields", "nulledFields"):
        header[member] = bitmaps(path for path in paths_of(header[member]) if names[path[0]] not in hidden)
    return codec.encode({name: value for name, value in event.items() if name not in hidden})


def _hidden(world: World, user_id: str, topic: str) -> frozenset[str]:
    """The fields of a topic's events that a user may not read, of a compound one any part."""
    schema = permissions.schema_of(world, user_id)
    if schema is world.schema:
        return frozenset()
    for sobject in world.schema.objects.values():
        if topic == f"/data/{change_event_name(sobject)}":
            visible = schema.object(sobject.name)
            fields = change_schema(world, sobject).fields
            return frozenset(
                each.name
                for each in fields
                if visible is None or any(visible.field(name) is None for name in each.sources)
            )
    return frozenset()
