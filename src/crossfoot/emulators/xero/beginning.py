"""How a world begins: its organisations, its app, and the grants that are ready for a client."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from crossfoot.emulators.xero.chart import new_organisation
from crossfoot.emulators.xero.identity import ready_tokens
from crossfoot.emulators.xero.organisation import Organisation
from crossfoot.emulators.xero.scopes import known_scopes
from crossfoot.emulators.xero.webhooks import subscribe
from crossfoot.emulators.xero.world import LIMITS, Record, World, blank_state

DAY_LIMITS: Mapping[str, int] = {"starter": 1000, **dict.fromkeys(("core", "plus", "advanced", "enterprise"), 5000)}


def new_world(*, seed: int = 0, settings: Mapping[str, Any] | None = None, signing_key_pem: str | None = None) -> World:
    """A world with one organisation (or one per entry of ``settings["organisations"]``), all connected to one app.

    Settings: ``organisation`` or Organisation members directly, ``currencies``, ``rates``, ``day_rates``,
    ``invoice_prefix`` (see ``chart.new_organisation``); ``tier`` (the app's: ``starter`` has 1,000 calls a day),
    ``minute_limit``, ``day_limit``, ``app_minute_limit``, ``concurrent_limit``, ``high_volume_limit`` (rows that a list
    may look at); ``legacy_scopes`` (default true: an app of the older generation); ``redirect_uris``;
    ``webhooks`` (see ``webhooks.subscribe``).
    """
    chosen = dict(settings or {})
    limits = {**LIMITS, "day": DAY_LIMITS[str(chosen.get("tier", "core")).lower()]}
    state: Record = {
        **blank_state(),
        "seed": seed,
        "signing_key_pem": signing_key_pem or _new_key(),
        "limits": {name: int(chosen.get(f"{name}_limit", value)) for name, value in limits.items()},
    }
    world = World(state)
    people: dict[str, str] = {}
    for part in chosen.get("organisations", [chosen.get("organisation", chosen)]):
        organisation = Organisation(_of_people(new_organisation(part, world.new_id), people))
        world.organisations[organisation.tenant_id] = organisation
    world.state["app"] = {
        "client_id": world.new_id().replace("-", "").upper(),
        "client_secret": world.new_secret(),
        "name": "Crossfoot",
        "tenant_id": next(iter(world.organisations)),
        "scopes": list(known_scopes(legacy=bool(chosen.get("legacy_scopes", True)))),
        "redirect_uris": list(chosen.get("redirect_uris", ())),
        "webhook_key": world.new_secret(),
    }
    if "webhooks" in chosen:
        subscribe(world, chosen["webhooks"])
    return world


def _of_people(organisation: Record, people: dict[str, str]) -> Record:
    """The same person is one user in all organisations; tokens are the user's (XERO 1.5)."""
    users = [
        {**user, "UserID": people.setdefault(user["EmailAddress"], user["UserID"])}
        for user in organisation["tables"]["Users"].values()
    ]
    organisation["tables"]["Users"] = {user["UserID"]: user for user in users}
    return organisation


def _new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def credentials(world: World, now: datetime | None = None) -> Record:
    """What a client needs to connect: the app, its webhook key, and one ready access token and one ready refresh
    token, each a grant of a user of its own, so that using one ends no other.

    Ready tokens are minted once and again when they have run out at ``now`` (default: the last instant handled).
    Ask before the first snapshot, so that the tokens survive a restart.
    """
    return {
        "client_id": world.app["client_id"],
        "client_secret": world.app["client_secret"],
        "tenant_id": world.app["tenant_id"],
        **ready_tokens(world, now or world.state["instant"]),
        "webhook_key": world.app["webhook_key"],
    }
