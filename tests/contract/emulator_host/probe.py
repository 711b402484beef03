"""Looks into emulated worlds without sockets."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

from crossfoot.emulators.clock import Clock
from crossfoot.emulators.host import Worlds, make_worlds
from crossfoot.emulators.play import Person
from crossfoot.emulators.scenario import find_scenario
from crossfoot.emulators.scenarios import demo


def load_demo() -> Worlds:
    """The demo business at its own instant, whatever the host's time."""
    return make_worlds(find_scenario("demo"), Clock(0, lambda: demo.CLOCK))


def soql(worlds: Worlds, query: str, **texts: str) -> list[dict[str, Any]]:
    """All rows of a query as the administrator sees them; ``{name}`` in it stands for the quoted text of that name."""
    admin = Person(worlds.salesforce.world, worlds.salesforce.handle, demo.CLOCK)
    asked = query.format(**{name: f"'{text}'" for name, text in texts.items()})
    status, page = admin.ask("GET", "/services/data/v66.0/query", query=f"q={quote_plus(asked)}")
    assert status == 200, page
    rows: list[dict[str, Any]] = page["records"]
    while not page["done"]:
        _status, page = admin.ask("GET", page["nextRecordsUrl"])
        rows += page["records"]
    return rows


def xero_get(worlds: Worlds, kind: str, query: str = "") -> list[dict[str, Any]]:
    """Records of one kind as the organisation's own user sees them, up to 1,000."""
    person = Person(worlds.xero.world, worlds.xero.handle, demo.CLOCK)
    status, answer = person.ask("GET", f"/{kind}", query=f"page=1&pageSize=1000&{query}")
    assert status == 200, answer
    rows: list[dict[str, Any]] = answer[kind]
    return rows
