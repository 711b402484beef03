"""API calls for invoices created and verified, against the stated ceilings, beside a plain script and the floor."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from crossfoot.emulators.host import Host, HostSettings
from crossfoot.engine.host import real_host
from crossfoot.engine.runs import RunReport, sync
from crossfoot.engine.session import Session, Workspace, open_session
from crossfoot.engine.setup.connect import Connector
from crossfoot.engine.setup.workspace import Choices, connect_with_env, make_workspace, propose, remotes

CEILINGS = {"Xero calls, cold": 20, "Xero calls, all in place": 10, "Salesforce calls, cold": 14}


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure beside its ceiling."""

    what: str
    figure: int
    ceiling: int


def business(deals: int) -> dict[str, Any]:
    """A scenario of so many won deals, each of its own customer, with two lines of ten products."""
    accounts = [
        {"$name": f"a{i}", "Name": f"Customer number {i}", "BillingCountry": "Australia", "AccountNumber": f"C{i:05}"}
        for i in range(deals)
    ]
    products = [
        {"$name": f"p{i}", "Name": f"Service {i}", "ProductCode": f"SRV-{i:02}", "IsActive": True} for i in range(10)
    ]
    prices = [
        {"$name": f"e{i}", "Pricebook2Id": "$standard", "Product2Id": f"$p{i}", "UnitPrice": 100 + i, "IsActive": True,
         "CurrencyIsoCode": "AUD"}
        for i in range(10)
    ]  # fmt: skip
    return {
        "salesforce": {
            "Account": accounts,
            "Product2": products,
            "PricebookEntry": prices,
            "Opportunity": won_deals(0, deals),
            "OpportunityLineItem": lines(0, deals),
        }
    }


def won_deals(first: int, count: int) -> list[dict[str, Any]]:
    """Deals won today, by the clock that the start date follows: UTC, whatever the machine's zone."""
    day = datetime.now(UTC).date().isoformat()
    return [
        {"$name": f"d{i}", "Name": f"Deal {i}", "AccountId": f"$a{i % max(count, 1)}", "StageName": "Closed Won",
         "CloseDate": day, "CurrencyIsoCode": "AUD", "Pricebook2Id": "$standard"}
        for i in range(first, first + count)
    ]  # fmt: skip


def lines(first: int, count: int) -> list[dict[str, Any]]:
    """Two lines for each deal."""
    return [
        {"OpportunityId": f"$d{i}", "PricebookEntryId": f"$e{(i + n) % 10}", "Quantity": n + 1, "UnitPrice": 50 + i + n}
        for i in range(first, first + count)
        for n in range(2)
    ]


@contextmanager
def running(scenario: dict[str, Any]) -> Iterator[tuple[Workspace, Host]]:
    """Both emulators up over TCP and a workspace connected to them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scenario.yaml"
        path.write_bytes(msgspec.json.encode(scenario))  # JSON is YAML
        emulators = Host(HostSettings(scenario=str(path)))
        emulators.start()
        try:
            yield _connected(Path(folder) / "workspace", emulators), emulators
        finally:
            emulators.stop()


def _connected(directory: Path, emulators: Host) -> Workspace:
    workspace, _ = make_workspace(directory, with_key=True)
    database, host = workspace.open_database(), real_host()
    connections = connect_with_env(workspace, database, host, emulators.env())
    start = date.fromisoformat(emulators.env()["CROSSFOOT_START_DATE"])
    with closing(Connector(workspace, database, host)) as connector:
        text = propose(*remotes(connections, connector), Choices(start)).text
    workspace.settings_path.write_text(text, encoding="utf-8")
    database.engine.dispose()  # what the proposal read is not kept: the first run is cold
    return workspace


def run(workspace: Workspace) -> tuple[RunReport, Session]:
    """One sync, as the command does it."""
    session = open_session(workspace)
    report = sync(session)
    session.close()
    return report, session


def measure(deals: int = 100) -> list[Measured]:
    """Cold: nothing in Xero but its chart. In place: customers, items and reference data are there."""
    with running(business(deals)) as (workspace, emulators):
        cold, session = run(workspace)
        assert cold.applied.created == cold.verified.verified == deals
        figures = [session.xero.calls, session.salesforce.calls]
        _win_again(emulators, deals)
        warm, session = run(workspace)
        assert warm.applied.created == warm.verified.verified == deals
    found = (figures[0], session.xero.calls, figures[1])
    return [Measured(what, figure, ceiling) for (what, ceiling), figure in zip(CEILINGS.items(), found, strict=True)]


MANY = 1_000
XERO_MANY, SALESFORCE_MANY = 26, 12
PAUSE_S = 180
ROWS_PER_CALL, DOCUMENTS_PER_CALL, DOCUMENTS_PER_PAGE = 200, 50, 1_000


def measure_many(deals: int = MANY) -> list[Measured]:
    """So many at once, customers, items and reference data being there. What goes back to Salesforce counts by row."""
    with running(business(deals)) as (workspace, emulators):
        run(workspace)
        # Longer than a read overlaps the one before, so that what that run made is not read once more.
        httpx2.post(f"{emulators.urls['xero']}/control/clock", json={"advance_s": PAUSE_S})
        _win_again(emulators, deals)
        report, session = run(workspace)
        assert report.applied.created == report.verified.verified == deals
    rows = report.written_back
    return [
        Measured(f"Xero calls, {deals:,} invoices", session.xero.calls, XERO_MANY),
        Measured(
            f"Salesforce calls, {rows:,} rows", session.salesforce.calls, SALESFORCE_MANY - (-rows // ROWS_PER_CALL)
        ),
    ]


def beside(deals: int = MANY) -> list[str]:
    """What others take: a plain script, with a call to write and one to read back; and the least there can be."""
    floor = -(-deals // DOCUMENTS_PER_CALL) + -(-deals // DOCUMENTS_PER_PAGE)
    return [f"a plain script: {2 * deals:,} Xero calls", f"the least there can be: {floor} Xero calls"]


def _win_again(emulators: Host, deals: int) -> None:
    """As many further deals of the same customers and products."""
    names = emulators.worlds.names
    headers = {"content-type": "application/json"}

    with httpx2.Client(timeout=60) as client:
        for kind, records in (("Opportunity", won_deals(deals, deals)), ("OpportunityLineItem", lines(deals, deals))):
            resolved = [_resolve(record, names, deals) for record in records]
            for start in range(0, len(resolved), 200):
                part = resolved[start : start + 200]
                body = {
                    "method": "POST",
                    "path": "/services/data/v62.0/composite/sobjects",
                    "body": {
                        "allOrNone": True,
                        "records": [{"attributes": {"type": kind}, **record} for record in part],
                    },
                }
                url = f"{emulators.urls['salesforce']}/control/person"
                answer = client.post(url, content=msgspec.json.encode(body), headers=headers).json()
                if kind == "Opportunity":
                    new = {f"d{deals + start + i}": row["id"] for i, row in enumerate(answer)}
                    names = {**names, **new}


def _resolve(record: dict[str, Any], names: Any, deals: int) -> dict[str, Any]:
    resolved = {}
    for key, value in record.items():
        if key == "$name":
            continue
        name = value[1:] if isinstance(value, str) and value.startswith("$") else ""
        if key == "AccountId":
            name = f"a{int(name[1:]) % deals}"
        if key == "Pricebook2Id":
            continue
        resolved[key] = names[name] if name else value
    return resolved
