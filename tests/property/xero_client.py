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
    """A copy of everything that the organisation holds: records, counters and settings."""
    (organisation,) = client.world.dump()["organisations"]
    found: dict[str, Any] = organisation
    return found
