"""What the control plane does with events: shows the bus, chooses the selected objects, tells gaps (SF 11.1 item 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.events import log
from crossfoot.emulators.salesforce.events.avro import Codec
from crossfoot.emulators.salesforce.events.changes import GAP, NO_RECORD, OVERFLOW
from crossfoot.emulators.salesforce.events.schemas import CHANGE_TYPES
from crossfoot.emulators.salesforce.events.topics import selection
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.values import render
from crossfoot.emulators.salesforce.world import World

SHOWN_MAX = 1_000


def show(world: World, params: Mapping[str, str]) -> Any:
    """The selected objects, and up to 1,000 events after a position, read back from their bytes."""
    bus, since = world.events, int(params.get("since", 0))
    entries = [each for each in bus["log"] if each["position"] > since][:SHOWN_MAX]
    codecs = {name: Codec(bus["schemas"][name]) for name in {each["schema"] for each in entries}}
    shown = [
        {**each, "at": render(each["at"]), "payload": codecs[each["schema"]].decode(each["payload"])}
        for each in entries
    ]
    return {"selected": selection(world), "entries": shown, "next": entries[-1]["position"] if entries else since}


def select(tx: Transaction, body: Mapping[str, Any]) -> Any:
    """Choose the objects of Change Data Capture: ``{"entities": [...]}``."""
    try:
        return {"selected": log.select(tx.world, list(body["entities"]))}
    except ValueError as error:
        raise ApiError("BAD_REQUEST", str(error)) from None


def tell_gap(tx: Transaction, body: Mapping[str, Any]) -> Any:
    """Tell changes without their values: ``{"object", "ids", "change"}``; an OVERFLOW has no ids."""
    sobject, kind = tx.world.schema.object(str(body["object"])), GAP + str(body.get("change", "UPDATE")).upper()
    if sobject is None or not sobject.change_events or kind not in CHANGE_TYPES:
        raise ApiError("BAD_REQUEST", "a gap has the name of an object with change events and a kind of change")
    for record_id in [NO_RECORD] if kind == OVERFLOW else list(body["ids"]):
        tx.note_gap(sobject, record_id, kind)
    return {"success": True}
