"""The state of one emulated Xero: organisations, apps, users, grants, quotas, request log."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives import serialization

from crossfoot.emulators.faults import new_faults
from crossfoot.emulators.xero.chart import new_organisation
from crossfoot.emulators.xero.organisation import Organisation

Record = dict[str, Any]

LOG_ENTRIES_MAX = 200_000
# Calls (XERO 2), and rows that a list may look at (XERO 3.9)
LIMITS: Mapping[str, int] = {"minute": 60, "day": 5000, "app_minute": 10_000, "concurrent": 5, "high_volume": 100_000}


class World:
    """Everything the emulator knows. Reachable state is plain values, so that a host can write it down.

    ``public_url``, ``host_offset_s`` belong to the host and are not part of a dump: the first is what issuer, discovery
    and links use, the second is what signed tokens subtract from the emulator's clock.
    """

    def __init__(self, state: Record) -> None:
        self.public_url = "http://127.0.0.1:8081"
        self.host_offset_s: float = 0
        self.strike: Record | None = None  # the fault that the request in hand meets
        self.load(state)

    def dump(self) -> Record:
        """A copy of the whole state as plain values; an organisation's records are shared, as they never change."""
        return {**_copied(self.state), "organisations": [_shared(found.state) for found in self.organisations.values()]}

    def load(self, state: Mapping[str, Any]) -> None:
        """Become the world that ``dump`` described; what its version did not have is as in a new world."""
        kept = _copied({name: value for name, value in state.items() if name != "organisations"})
        self.state: Record = _filled(kept, blank_state())
        found = (Organisation(_filled(_shared(part), _blank_organisation(part))) for part in state["organisations"])
        self.__dict__.pop("signing_key", None)
        self.organisations: dict[str, Organisation] = {organisation.tenant_id: organisation for organisation in found}

    @property
    def app(self) -> Record:
        """The registered app; its id and secret serve the code flow and the custom connection alike."""
        app: Record = self.state["app"]
        return app

    @property
    def log(self) -> list[Record]:
        """One entry per API request: at, method, path, status, app, tenant, illegal."""
        log: list[Record] = self.state["log"]
        return log

    @property
    def faults(self) -> dict[str, list[Record]]:
        """The fault switchboard; a state saved before there was one has everything off."""
        faults: dict[str, list[Record]] = self.state.setdefault("faults", new_faults())
        return faults

    def strikes(self, kind: str) -> bool:
        """Whether the request in hand meets this fault."""
        return self.strike is not None and self.strike["kind"] == kind

    @property
    def signing_key_pem(self) -> str:
        return str(self.state["signing_key_pem"])

    @cached_property
    def signing_key(self) -> Any:
        """The RSA key behind every token; it is our own, so its lengthy validation is skipped."""
        return serialization.load_pem_private_key(
            self.signing_key_pem.encode(), password=None, unsafe_skip_rsa_key_validation=True
        )

    def draw(self) -> bytes:
        """The next 32 bytes of the world's seeded stream."""
        self.state["drawn"] += 1
        return sha256(f"{self.state['seed']}:{self.state['drawn']}".encode()).digest()

    def new_id(self) -> str:
        return str(UUID(bytes=self.draw()[:16], version=4))

    def new_secret(self) -> str:
        return urlsafe_b64encode(self.draw()).decode().rstrip("=")


def blank_state() -> Record:
    """The state of a world in which nothing has happened, without what makes it this one."""
    return {
        "drawn": 0,
        "instant": None,
        "limits": dict(LIMITS),
        "windows": {},
        "replays": {},
        "connections": {},
        "custom_ended": False,  # the custom connection was taken away
        "access_tokens": {},
        "refresh_tokens": {},
        "codes": {},
        "ready": {},
        "log": [],
        "counts": {"calls": 0, "identity_calls": 0, "bytes_in": 0, "bytes_out": 0, "illegal": 0, "by": {}},
        "organisations": [],
    }


def _blank_organisation(organisation: Mapping[str, Any]) -> Record:
    """What a new organisation of the same country has beside its records: settings, counters, rates, plan."""
    blank = new_organisation({"CountryCode": organisation["info"]["CountryCode"]}, lambda: "")
    return {**blank, "tables": {}}


def _filled(state: Record, blank: Record) -> Record:
    """A state with the members that only ``blank`` has, at every depth that both describe."""
    both = {
        name: _filled(value, blank[name])
        for name, value in state.items()
        if isinstance(value, dict) and isinstance(blank.get(name), dict)
    }
    return {**blank, **state, **both}


def _shared(organisation: Mapping[str, Any]) -> Record:
    """A copy with tables of its own around the same records: a record is replaced, never changed in place."""
    tables = {kind: dict(table) for kind, table in organisation["tables"].items()}
    return {**_copied({name: part for name, part in organisation.items() if name != "tables"}), "tables": tables}


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_copied(member) for member in value]
    assert isinstance(value, tuple | str | int | Decimal | datetime | bytes | None) or hasattr(value, "isoformat")
    return value
