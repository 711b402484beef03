"""What ``status`` and ``runs`` show: from the store alone, without asking either side."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Connection

from crossfoot.core.errors import NeedsPerson
from crossfoot.core.findings import Weight
from crossfoot.core.records import Side
from crossfoot.engine.session import Workspace
from crossfoot.store.queue import bucket_totals, open_entries
from crossfoot.store.versions import watermarks
from crossfoot.store.workspace import StoredConnection, StoredRun, load_connections, load_runs


def both_sides(connection: Connection) -> tuple[StoredConnection, StoredConnection]:
    """The connected org and organisation."""
    by_side = {found.side: found for found in load_connections(connection)}
    for side in Side:
        if side not in by_side:
            raise NeedsPerson(f"{side.value.title()} is not connected. Run `crossfoot connect {side.value}`.")
    return by_side[Side.SALESFORCE], by_side[Side.XERO]


def overview(workspace: Workspace) -> dict[str, Any]:
    """Both sides, the last run, where won deals stand, who is waited for, and how far each side was read."""
    database = workspace.open_database()
    with database.reading() as connection:
        org, organisation = both_sides(connection)
        runs = load_runs(connection, organisation.home, limit=1)
        totals = bucket_totals(connection, organisation.home)
        entries = list(open_entries(connection, organisation.home))
        read = {
            f"{side.value.title()} {resource}": position[:19].replace("T", " ")
            for side, home in ((Side.SALESFORCE, org.home), (Side.XERO, organisation.home))
            for resource, (position, _) in watermarks(connection, home).items()
        }
    database.engine.dispose()
    owners = Counter(entry.owner for entry in entries if entry.weight == Weight.BLOCKS)
    kind = "sandbox" if org.pinned["is_sandbox"] else "production"
    state = (
        "demo company" if organisation.pinned["is_demo"] else "live" if organisation.live_since else "live, read-only"
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
    }


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
