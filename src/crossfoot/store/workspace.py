"""Connections, grants, runs, plans and number series."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select

from crossfoot.core.records import Side
from crossfoot.store import schema
from crossfoot.store.codec import instant, moment
from crossfoot.store.prepared import Bound, Prepared, change
from crossfoot.store.upsert import upsert

_LIVE_WITH = "live_with"


@dataclass(frozen=True, slots=True)
class StoredConnection:
    """Authorised access to one org or organisation, and what was pinned when it was connected."""

    side: Side
    home: str
    name: str
    alias: str
    grant_id: str
    settings: Mapping[str, Any]
    pinned: Mapping[str, Any]
    live_since: str | None = None

    def is_called(self, name: str) -> bool:
        """Whether a person means this one: by its name, its short name in crossfoot.yaml, or its id."""
        return name.strip().casefold() in {self.name.casefold(), self.alias.casefold(), self.home.casefold()}

    def opened_to(self, org_id: str, now: datetime) -> StoredConnection:
        """The same organisation, which may be written to from this org from now on."""
        return replace(self, live_since=instant(now), settings={**self.settings, _LIVE_WITH: org_id})

    def open_as(self, earlier: StoredConnection) -> StoredConnection:
        """The same organisation, open as it was before it was connected anew."""
        kept = {name: value for name, value in earlier.settings.items() if name == _LIVE_WITH}
        return replace(self, live_since=earlier.live_since, settings={**self.settings, **kept})

    def is_open_to(self, org_id: str) -> bool:
        """Whether a person said that a live organisation may be written to from this org (``crossfoot go-live``)."""
        return self.live_since is not None and self.settings.get(_LIVE_WITH, org_id) == org_id


@dataclass(frozen=True, slots=True)
class StoredGrant:
    """Sealed tokens. ``generation`` rises with every new access token; ``issued_at`` is when the newest came."""

    id: str
    side: Side
    kind: str
    sealed: bytes
    generation: int
    access_expires_at: datetime | None
    issued_at: datetime | None = None


def save_connection(connection: Connection, item: StoredConnection, now: datetime) -> None:
    """Keep a connection, and a number for its home, which stays when the connection goes."""
    keep_home(connection, item.home)
    row = {
        "side": item.side.value,
        "home": item.home,
        "name": item.name,
        "alias": item.alias,
        "grant_id": item.grant_id,
        "settings": json.dumps(dict(item.settings), sort_keys=True),
        "pinned": json.dumps(dict(item.pinned), sort_keys=True),
        "live_since": item.live_since,
        "connected_at": instant(now),
    }
    upsert(connection, schema.connection, [row])


def keep_home(connection: Connection, home: str) -> None:
    """Give an org or organisation the number that stands for it in large tables (``packed.Home``)."""
    highest = connection.execute(select(func.coalesce(func.max(schema.home.c.code), 0))).scalar_one()
    upsert(connection, schema.home, [{"id": home, "code": highest + 1}], replace=())


def load_connections(connection: Connection, side: Side | None = None) -> list[StoredConnection]:
    """Connections of the workspace."""
    query = select(schema.connection).order_by(schema.connection.c.side, schema.connection.c.connected_at)
    return [
        StoredConnection(
            Side(row.side),
            row.home,
            row.name,
            row.alias,
            row.grant_id,
            json.loads(row.settings),
            json.loads(row.pinned),
            row.live_since,
        )
        for row in connection.execute(query)
        if side is None or row.side == side.value
    ]


def remove_connections(connection: Connection, side: Side, *, keep: str = "") -> None:
    """Forget connections of one side, all but ``keep``."""
    table = schema.connection
    connection.execute(table.delete().where(table.c.side == side.value, table.c.home != keep))


def remove_connection(connection: Connection, side: Side, home: str) -> None:
    """Forget one connection."""
    table = schema.connection
    connection.execute(table.delete().where(table.c.side == side.value, table.c.home == home))


def save_grant(connection: Connection, item: StoredGrant, now: datetime) -> None:
    """Keep sealed tokens; a new refresh token is stored before the access token that came with it is used."""
    row = {
        "id": item.id,
        "side": item.side.value,
        "kind": item.kind,
        "sealed": item.sealed,
        "generation": item.generation,
        "access_expires_at": instant(item.access_expires_at) if item.access_expires_at else None,
        "updated_at": instant(now),
    }
    upsert(connection, schema.grant, [row])


@Prepared
def _grant(grant_id: Bound) -> Select[Any]:
    return select(schema.grant).where(schema.grant.c.id == grant_id)


def load_grant(connection: Connection, grant_id: str) -> StoredGrant | None:
    """Sealed tokens by id."""
    row = _grant(connection, grant_id=grant_id).one_or_none()
    if row is None:
        return None
    expires = moment(row.access_expires_at) if row.access_expires_at else None
    issued = moment(row.updated_at)
    return StoredGrant(row.id, Side(row.side), row.kind, row.sealed, row.generation, expires, issued)


def remove_grant(connection: Connection, grant_id: str) -> None:
    """Erase sealed tokens."""
    connection.execute(schema.grant.delete().where(schema.grant.c.id == grant_id))


def start_run(
    connection: Connection, run_id: str, organisation_id: str, command: str, now: datetime, *, live: bool
) -> None:
    """A run begins."""
    row = {
        "id": run_id,
        "organisation_id": organisation_id,
        "command": command,
        "started_at": instant(now),
        "outcome": "running",
        "live": live,
        "created": 0,
        "counts": "{}",
    }
    connection.execute(insert(schema.run), row)


def end_run(
    connection: Connection, run_id: str, now: datetime, *, outcome: str, created: int, counts: Mapping[str, object]
) -> None:
    """A run ended, with what it did."""
    told = json.dumps(dict(counts), default=str)
    values = {"ended_at": instant(now), "outcome": outcome, "created": created, "counts": told}
    change(connection, schema.run, {"id": run_id}, values)


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One run of a command that may write."""

    id: str
    command: str
    started_at: str
    ended_at: str | None
    outcome: str
    live: bool
    created: int
    counts: Mapping[str, Any]


def load_runs(connection: Connection, organisation_id: str, limit: int = 20) -> list[StoredRun]:
    """The newest runs first."""
    table = schema.run
    query = select(table).where(table.c.organisation_id == organisation_id).order_by(table.c.started_at.desc())
    return [
        StoredRun(
            row.id,
            row.command,
            row.started_at,
            row.ended_at,
            row.outcome,
            row.live,
            row.created,
            json.loads(row.counts),
        )
        for row in connection.execute(query.limit(limit))
    ]


def save_plan(connection: Connection, plan_id: str, organisation_id: str, digest: bytes, now: datetime) -> None:
    """Know a plan that was saved for review again, by the digest of its file."""
    row = {
        "id": plan_id,
        "organisation_id": organisation_id,
        "created_at": instant(now),
        "state": "saved",
        "body": digest,
    }
    upsert(connection, schema.plan, [row])


def plan_digest(connection: Connection, plan_id: str) -> bytes | None:
    """What a plan's file was when it was saved; None where no such plan was."""
    return connection.execute(select(schema.plan.c.body).where(schema.plan.c.id == plan_id)).scalar()


def plan_applied(connection: Connection, plan_id: str) -> None:
    """Keep that a reviewed plan was sent."""
    change(connection, schema.plan, {"id": plan_id}, {"state": "applied"})


def any_plan_applied(connection: Connection, organisation_id: str) -> bool:
    """Whether a reviewed plan was ever applied to this organisation."""
    table = schema.plan
    query = select(func.count()).where(table.c.organisation_id == organisation_id, table.c.state == "applied")
    return bool(connection.execute(query).scalar())


def series_exists(connection: Connection, organisation_id: str, prefix: str) -> bool:
    """Whether a number of the series was ever taken."""
    table = schema.series
    query = select(table.c.last).where(table.c.organisation_id == organisation_id, table.c.prefix == prefix)
    return connection.execute(query).scalar() is not None


def take_from_series(connection: Connection, organisation_id: str, prefix: str, at_least: int) -> int:
    """The next number of a series, never below what Xero already holds."""
    table = schema.series
    query = select(table.c.last).where(table.c.organisation_id == organisation_id, table.c.prefix == prefix)
    last = max(connection.execute(query).scalar() or 0, at_least)
    row = {
        "organisation_id": organisation_id,
        "prefix": prefix,
        "last": last + 1,
    }
    upsert(connection, table, [row])
    return last + 1
