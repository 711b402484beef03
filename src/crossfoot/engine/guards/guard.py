"""The live guard: both sides are still the ones that were connected, and a test side never meets a live one."""

from __future__ import annotations

import datetime as dt

from crossfoot.core.errors import Stopped
from crossfoot.core.guards import Fingerprint, guard_problem
from crossfoot.engine.reading.ledger import refresh_reference
from crossfoot.engine.session import Session
from crossfoot.salesforce import requests as sf
from crossfoot.salesforce import soql
from crossfoot.store.versions import load_reference, save_reference

ORG_AGE = dt.timedelta(minutes=5)


def check_guard(session: Session) -> None:
    """Compare both sides with what was pinned when they were connected; refuse a changed or mixed pair, and one that
    crossfoot.yaml is not about."""
    _require_named(session)
    organisation = refresh_reference(session, names=("organisation",))
    org = _read_org(session)
    pinned_org, pinned = session.salesforce.connection.pinned, session.xero.connection.pinned
    problem = guard_problem(
        Fingerprint(
            str(pinned_org["org_id"]),
            bool(pinned_org["is_sandbox"]),
            str(pinned["organisation_id"]),
            bool(pinned["is_demo"]),
        ),
        Fingerprint(org["Id"], bool(org["IsSandbox"]), organisation.organisation_id, organisation.is_demo),
    )
    if problem:
        raise Stopped(f"{problem} Nothing was written.", code="live_guard")


def _require_named(session: Session) -> None:
    """The accounts, taxes and start date of one pair are never used on another, as where two workspaces were given one
    database, or a person consented as a user of another org."""
    settings = session.mapping.settings
    for connection, name in (
        (session.salesforce.connection, settings.salesforce),
        (session.xero.connection, settings.xero[0]),
    ):
        if not connection.is_called(name):
            side = connection.side.value
            raise Stopped(
                f"crossfoot.yaml is about {name!r}, but {connection.name} ({connection.alias}) is connected as {side}. "
                f"Run `crossfoot connect {side}` again, or make a workspace with a database of its own for the other. "
                f"If it is the same one by a new name, correct `{side}:` in the file. Nothing was written.",
                code="live_guard",
            )


def require_go_live(session: Session) -> None:
    """Refuse to write to a live organisation before a person said that this org may."""
    if session.is_live and not session.xero.connection.is_open_to(session.org_id):
        raise Stopped(
            f"Xero organisation {session.xero.connection.name} is live and read-only. "
            "Look at `crossfoot plan`, then run `crossfoot go-live`. Nothing was written.",
            code="not_live_yet",
        )


def _read_org(session: Session) -> dict[str, str]:
    with session.database.reading() as connection:
        known = load_reference(connection, session.org_id, "organization")
    if known is None or session.host.now() - known[0] > ORG_AGE:
        query = soql.select(["Id", "Name", "IsSandbox", "OrganizationType"], "Organization")
        answer = session.salesforce.read(sf.query(query))
        with session.database.writing("organization") as connection:
            save_reference(connection, session.org_id, "organization", answer.body, session.host.now())
        body = answer.body
    else:
        body = known[1]
    rows = sf.decode_query(body).rows
    if not rows:
        raise Stopped("Salesforce does not show its Organization record. Nothing was written.", code="live_guard")
    row: dict[str, str] = rows[0]
    return row
