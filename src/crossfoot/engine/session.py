"""A session: one workspace opened for one command, with everything the engine works with."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from threading import Lock
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx2

from crossfoot.core.books import Organisation
from crossfoot.core.errors import NeedsPerson, Stopped
from crossfoot.core.records import Side
from crossfoot.engine.calls.grants import Grants
from crossfoot.engine.calls.pacing import kept_by_side
from crossfoot.engine.calls.remote import Remote, Tools
from crossfoot.engine.host import Host, real_host
from crossfoot.http import Http, HttpRequest
from crossfoot.mapping.compiled import FlowMapping
from crossfoot.mapping.settings import FILE_NAME, SettingsFile, database_address, load_settings
from crossfoot.store.database import Database, hold_lease, open_database, open_server
from crossfoot.store.operations import call_is_committed
from crossfoot.store.workspace import StoredConnection, load_connections
from crossfoot.vault.envelope import VaultKey
from crossfoot.vault.keys import key_path, load_key
from crossfoot.xero.requests import OrganisationRequest, Tenant

STATE_DIRECTORY = ".crossfoot"
DATABASE_NAME = "crossfoot.db"
DATABASE_VARIABLE = "CROSSFOOT_DATABASE"

Progress = Callable[[str, int, int], None]
"""Told of long work: what, how far, out of how much (0: not known)."""


def no_progress(_what: str, _done: int, _of: int) -> None:
    """Nobody watches."""


def say_nothing(_sentence: str) -> None:
    """Nobody listens."""


@dataclass(slots=True)
class Workspace:
    """A workspace directory: ``crossfoot.yaml`` and, beside it, the state that Crossfoot keeps."""

    directory: Path

    @property
    def settings_path(self) -> Path:
        """The settings file."""
        return self.directory / FILE_NAME

    @property
    def state(self) -> Path:
        """Where the database and the lock are."""
        return self.directory / STATE_DIRECTORY

    @property
    def id(self) -> str:
        """The random id that names this workspace's key file."""
        path = self.state / "workspace-id"
        if not path.exists():
            raise NeedsPerson(f"{self.directory} is no workspace yet. `crossfoot init` makes one.")
        return path.read_text().strip()

    def load_settings(self) -> SettingsFile:
        """The settings, checked."""
        return load_settings(self.settings_path)

    def open_database(self, seam: Callable[[str], None] | None = None) -> Database:
        """The database, migrated: the server that CROSSFOOT_DATABASE or the settings name, else a file."""
        self._require()
        at_seam = seam or (lambda _name: None)
        if address := self.server:
            return open_server(address, at_seam)
        return open_database(self.state / DATABASE_NAME, at_seam)

    @property
    def server(self) -> str:
        """The address of the PostgreSQL server that keeps this workspace's state; blank: a file does."""
        return os.environ.get(DATABASE_VARIABLE, "") or database_address(self.settings_path)

    @property
    def anchor_path(self) -> Path:
        """Where the newest hash of the audit log is kept, outside the database: beside the vault's key."""
        return key_path(self.id, os.environ).with_suffix(".anchor")

    def load_key(self) -> VaultKey:
        """The vault's key: from CROSSFOOT_KEY_FILE, else from the user's configuration directory."""
        return load_key(key_path(self.id, os.environ))

    def _require(self) -> None:
        if not self.state.exists():
            raise NeedsPerson(f"{self.directory} is no workspace yet. `crossfoot init` makes one.")

    @contextmanager
    def only_writer(self) -> Iterator[None]:
        """Hold the lock that admits one writing process; the kernel frees it when the process dies."""
        self._require()
        with (self.state / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Stopped(
                    "Another crossfoot command is writing in this workspace. Wait until it ends (stop it where it is "
                    "`crossfoot serve`), then run again.",
                    code="locked",
                ) from None
            yield


@dataclass(slots=True)
class Session:
    """What a run works with. One org, one organisation."""

    database: Database
    host: Host
    salesforce: Remote[HttpRequest]
    xero: Remote[OrganisationRequest]
    mapping: FlowMapping
    actor: str = "crossfoot"
    progress: Progress = no_progress
    say: Callable[[str], None] = say_nothing
    """Told at once what a person should know who sees nothing happen."""
    run_id: str = ""
    organisation: Organisation | None = field(default=None)
    http: Http | None = field(default=None)
    anchor_path: Path | None = None
    rebuilt: int = 0
    """Documents that this session found to be ours by what they carry, and linked again."""
    paused: dict[str, str] = field(default_factory=dict)
    """Flows that wait for a change of the org's schema, and why (``engine.drift``)."""
    just_shown: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Rows of Salesforce (object and key) that were written moments ago, and when."""
    org_rates: dict[str, Decimal] = field(default_factory=dict)
    """What one of the organisation's own currency is worth by the org's rates, for currencies Xero gave no rate of."""

    @property
    def org_id(self) -> str:
        """The Salesforce org's id."""
        return self.salesforce.home

    @property
    def organisation_id(self) -> str:
        """The Xero organisation's id."""
        return self.xero.home

    @property
    def tenant(self) -> Tenant:
        """The Xero organisation as every call to it names it."""
        return Tenant(self.xero.home)

    @property
    def instance_url(self) -> str:
        """Where a person opens Salesforce records."""
        return str(self.salesforce.connection.settings.get("instance_url") or self.salesforce.base)

    @property
    def is_live(self) -> bool:
        """Whether the pair was pinned as live at connect."""
        return not self.xero.connection.pinned.get("is_demo")

    @contextmanager
    def only_engine(self) -> Iterator[None]:
        """Hold the lease that admits one engine of those that share a database server; a file has its lock instead."""
        if self.database.engine.dialect.name == "sqlite":
            yield
            return
        holder = f"{socket.gethostname()}, process {os.getpid()},"
        with hold_lease(self.database, f"{self.org_id}/{self.organisation_id}", holder):
            yield

    def close(self) -> None:
        """Let connections go."""
        if self.http is not None:
            self.http.close()
        self.database.engine.dispose()


def zone_of(organisation: Organisation) -> ZoneInfo:
    """The zone in which the books are kept; an unknown one falls back to UTC (``doctor`` says so)."""
    try:
        return ZoneInfo(organisation.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def make_session(
    database: Database,
    mapping: FlowMapping,
    load_vault_key: Callable[[], VaultKey],
    *,
    host: Host,
    transport: httpx2.BaseTransport | None = None,
    progress: Progress = no_progress,
    renewing: Lock | None = None,
) -> Session:
    """Put a session together from a database, settings and a machine."""
    http = Http(lambda call_id: _is_committed(database, call_id), transport)
    grants = Grants(database, http, host, load_vault_key, renewing)
    with database.reading() as connection:
        connections = load_connections(connection)

    tools = Tools(http, grants, database, host, kept_by_side(mapping.settings.policy.salesforce_calls_percent))
    salesforce = Remote[HttpRequest](_one(connections, Side.SALESFORCE), tools)
    xero = Remote[OrganisationRequest](_one(connections, Side.XERO), tools)
    return Session(database, host, salesforce, xero, mapping, progress=progress, http=http)


def _is_committed(database: Database, call_id: str) -> bool:
    with database.reading() as connection:
        committed = call_is_committed(connection, call_id)
        if database.lease:  # asked last: whoever took over may have settled the call in between
            database.lease.check(connection)
        return committed


def _one(connections: list[StoredConnection], side: Side) -> StoredConnection:
    for connection in connections:
        if connection.side is side:
            return connection
    raise NeedsPerson(f"{side.value.title()} is not connected. Run `crossfoot connect {side.value}`.")


def open_session(
    workspace: Workspace,
    *,
    progress: Progress = no_progress,
    host: Host | None = None,
    renewing: Lock | None = None,
) -> Session:
    """Open a workspace for a command."""
    machine = host or real_host()
    mapping = FlowMapping(workspace.load_settings())
    database = workspace.open_database(machine.point)
    session = make_session(database, mapping, workspace.load_key, host=machine, progress=progress, renewing=renewing)
    session.anchor_path = workspace.anchor_path
    return session
