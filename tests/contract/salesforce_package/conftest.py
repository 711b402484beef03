"""An emulated org without the package, connected by its integration user, and an administrator who installs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bench.calls import business
from tests.scenario.business import URLS, InProcess, Time, _env, _Keyed, machine

from crossfoot.core.records import Side
from crossfoot.emulators.clock import Clock
from crossfoot.emulators.host import Worlds, make_worlds
from crossfoot.emulators.people import Office
from crossfoot.emulators.salesforce import World, sessions
from crossfoot.emulators.scenario import find_scenario
from crossfoot.emulators.scenarios import demo
from crossfoot.engine.setup.connect import Connector
from crossfoot.engine.setup.install import Installer
from crossfoot.engine.setup.workspace import connect_with_env
from crossfoot.store.database import Database, open_memory
from crossfoot.store.workspace import StoredConnection
from crossfoot.vault.secret import Secret

DEALS = 3


@dataclass
class Firm:
    """A small firm: a few won deals, nothing in Xero but its chart."""

    worlds: Worlds
    carrier: InProcess
    database: Database
    time: Time
    workspace: _Keyed
    connections: tuple[StoredConnection, StoredConnection]
    installers: list[Installer] = field(default_factory=list)

    @property
    def org(self) -> World:
        found = self.worlds.emulators["salesforce"].world
        assert isinstance(found, World)
        return found

    def connector(self) -> Connector:
        return Connector(self.workspace, self.database, machine(self.time), self.carrier)

    def session_of(self, role: str) -> Secret:
        return Secret(sessions.open_session(self.org, self.org.grants[role], "api", self.time.now))

    def installer(self, role: str = "admin", *, bills: bool = False) -> Installer:
        connection = self.connections[0]
        assert connection.side is Side.SALESFORCE
        integration = self.connector().remote(connection)
        made = Installer(
            connection,
            integration,
            self.session_of(role),
            self.database,
            machine(self.time),
            bills=bills,
            transport=self.carrier,
        )
        self.installers.append(made)
        return made

    def install(self, *, bills: bool = False) -> int:
        installer = self.installer(bills=bills)
        return installer.install(installer.check(installer.inspect()), "Avery")

    def person(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Somebody of the business does something in Salesforce."""
        with Office(URLS["salesforce"], URLS["xero"], self.carrier) as office:
            return office.salesforce(method, f"/{path}", dict(body))

    def deployments(self) -> list[Mapping[str, Any]]:
        """What was deployed so far, checks left out."""
        return [each for each in self.org.deployments.values() if not each["options"]["checkOnly"]]


def make_firm(directory: Path, **salesforce: Any) -> Firm:
    time = Time(demo.CLOCK)
    path = directory / "few_deals.yaml"
    few = business(DEALS)
    for deal in few["salesforce"]["Opportunity"]:
        deal["CloseDate"] = demo.CLOCK.date().isoformat()
    path.write_bytes(msgspec.json.encode(few))
    scenario = replace(find_scenario(str(path)), settings={"salesforce": salesforce})
    worlds = make_worlds(scenario, Clock(0, lambda: time.now), URLS)
    database, carrier = open_memory(), InProcess(worlds.emulators)
    workspace = _Keyed(directory)
    connections = connect_with_env(workspace, database, machine(time), _env(worlds), carrier, payments=True)
    return Firm(worlds, carrier, database, time, workspace, connections)


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    """Without the package."""
    made = make_firm(tmp_path, package=False)
    yield made
    for each in made.installers:
        each.close(end_session=False)
    made.database.engine.dispose()
