"""A Xero world without quotas, to be asked many thousand questions."""

from __future__ import annotations

from functools import cache
from typing import Any

from crossfoot.emulators.xero import new_world
from tests.contract.xero_emulator.conftest import Client


@cache
def signing_key_pem() -> str:
    """One key for every world; making one takes longer than most tests."""
    return new_world().signing_key_pem


def open_client(**settings: Any) -> Client:
    """An app with a user's token, in a new organisation."""
    limits = dict.fromkeys(("minute_limit", "day_limit", "app_minute_limit"), 10**9)
    return Client(new_world(settings={**limits, **settings}, signing_key_pem=signing_key_pem()))


def books_of(client: Client) -> dict[str, Any]:
    """A copy of everything that the organisation holds: records, counters and settings. An empty table is none."""
    (organisation,) = client.world.dump()["organisations"]
    tables = {name: table for name, table in organisation["tables"].items() if table}
    found: dict[str, Any] = _copied({**organisation, "tables": tables})
    return found


def _copied(value: Any) -> Any:
    """A copy that shares nothing, so that a record changed in place shows too."""
    if isinstance(value, dict):
        return {name: _copied(member) for name, member in value.items()}
    return [_copied(member) for member in value] if isinstance(value, list) else value
