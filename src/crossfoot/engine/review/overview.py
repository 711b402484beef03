"""What ``status`` and ``runs`` show: from the store alone, without asking either side."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from crossfoot.core.errors import NeedsPerson
from crossfoot.core.findings import Weight
from crossfoot.core.pacing import SHARE_PERCENT, Lane, kept_of_day, within_share
from crossfoot.core.records import Side
from crossfoot.engine.calls.grants import consent_ends
from crossfoot.engine.session import Workspace
from crossfoot.store.queue import bucket_totals, open_entries
from crossfoot.store.quotas import load_quota, load_received
from crossfoot.store.versions import watermarks
from crossfoot.store.workspace import StoredConnection, StoredRun, load_connections, load_grant, load_runs
from crossfoot.xero.limits import covering_tier

MIB = 1024**2
CONSENT_WARNED = timedelta(days=7)


def both_sides(connection: Connection) -> tuple[StoredConnection, StoredConnection]:
    """The connected org and organisation."""
    by_side = {found.side: found for found in load_connections(connection)}
    for side in Side:
        if side not in by_side:
            raise NeedsPerson(f"{side.value.title()} is not connected. Run `crossfoot connect {side.value}`.")
    return by_side[Side.SALESFORCE], by_side[Side.XERO]


def overview(workspace: Workspace, now: datetime) -> dict[str, Any]:
    """Both sides, the last run, where won deals stand, who is waited for, and how far each side was read."""
    database = workspace.open_database()
    with database.reading() as connection:
        org, organisation = both_sides(connection)
        runs = load_runs(connection, organisation.home, limit=1)
        totals = bucket_totals(connection, organisation.home)
        entries = list(open_entries(connection, organisation.home))
        told = [*told_limits(connection, organisation, now), *told_allowance(connection, org, now)]
        read = {
            f"{side.value.title()} {resource}": position[:19].replace("T", " ")
            for side, home in ((Side.SALESFORCE, org.home), (Side.XERO, organisation.home))
            for resource, (position, _) in watermarks(connection, home).items()
        }
    database.engine.dispose()
    owners = Counter(entry.owner for entry in entries if entry.weight == Weight.BLOCKS)
    kind = "sandbox" if org.pinned["is_sandbox"] else "production"
    state = (
        "demo company"
        if organisation.pinned["is_demo"]
        else "live"
        if organisation.is_open_to(org.home)
        else "live, read-only"
    )
    return {
        "sides": [f"Salesforce org {org.name} ({kind})", f"Xero organisation {organisation.name} ({state})"],
        "last_run": _last_run(runs),
        "won_deals": [
            {"standing": bucket, "currency": currency, "deals": count, "amount": amount}
            for bucket, currency, count, amount in totals
        ],
        "waiting": [{"owner": owner, "entries": count} for owner, count in owners.most_common()],
        "read_at": read,
        "limits": [each.words for each in told],
    }


@dataclass(frozen=True, slots=True)
class Told:
    """Something to know of a limit; ``urgent`` where a person should act."""

    name: str
    words: str
    urgent: bool = False


def told_limits(connection: Connection, organisation: StoredConnection, now: datetime) -> list[Told]:
    """Calls left today, data received this month, and until when the consent lasts: as last heard."""
    quota, received = load_quota(connection, organisation.home), load_received(connection, organisation.home, now)
    told = []
    if quota.parked_until and quota.parked_until > now:
        told.append(Told("Xero API calls", f"no Xero calls until {quota.parked_until:%Y-%m-%d %H:%M} UTC", urgent=True))
    elif quota.day_left is not None and quota.read_at:
        words = (
            f"{quota.day_left:,} Xero calls left today, {quota.day_kept:,} of them kept for looking up and reading back"
        )
        low = quota.day_left < quota.day_kept
        told.append(Told("Xero API calls", f"{words} (heard {quota.read_at:%Y-%m-%d %H:%M} UTC)", urgent=low))
    words = f"{received / MIB:,.1f} MiB received from Xero in {now:%Y-%m} ({covering_tier(received)})"
    told.append(Told("Xero data", words))
    grant = load_grant(connection, organisation.grant_id)
    ends = consent_ends(grant) if grant else None
    if ends:
        words = f"the consent to Xero ends on {ends:%Y-%m-%d}, unless a command uses it before"
        told.append(Told("Xero consent", words, urgent=ends - now < CONSENT_WARNED))
    return told


def told_allowance(
    connection: Connection, org: StoredConnection, now: datetime, percent: int | None = None
) -> list[Told]:
    """How much of the org's calls of 24 hours anyone used, and where known the share at which Crossfoot stops."""
    quota, name = load_quota(connection, org.home), "Salesforce API calls"
    if quota.parked_until and quota.parked_until > now:
        return [Told(name, f"no Salesforce calls until {quota.parked_until:%Y-%m-%d %H:%M} UTC", urgent=True)]
    if quota.day_left is None or quota.read_at is None:
        return []
    used = quota.day_most - quota.day_left
    stops = f"; new work stops at {percent} %" if percent is not None else ""
    words = (
        f"{used:,} of the org's {quota.day_most:,} Salesforce calls used in 24 hours by anyone{stops} "
        f"(heard {quota.read_at:%Y-%m-%d %H:%M} UTC)"
    )
    kept = kept_of_day(quota, Lane.SWEEP, within_share(SHARE_PERCENT if percent is None else percent))
    return [Told(name, words, urgent=quota.day_left < kept)]


def _last_run(runs: list[StoredRun]) -> str:
    if not runs:
        return "No run yet."
    run = runs[0]
    if run.ended_at is None:
        return f"The last run ({run.command}, {run.started_at[:19]} UTC) did not end; running again continues it."
    return f"Last run: {run.command} at {run.ended_at[:19]} UTC, {run.created} invoices created."


def list_runs(workspace: Workspace) -> list[StoredRun]:
    """The newest runs."""
    database = workspace.open_database()
    with database.reading() as connection:
        _, organisation = both_sides(connection)
        found = load_runs(connection, organisation.home)
    database.engine.dispose()
    return found
