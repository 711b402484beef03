"""Time and memory that the Salesforce emulator takes with a million records: to load, read and save them.

``python -m bench.emulator_salesforce [records]``. Seconds are of this process's CPU, so that a busy machine does not
count. Ceilings are for 100,000 records; those of loading grow with their number.
"""

from __future__ import annotations

import gc
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from crossfoot.emulators import salesforce, xero
from crossfoot.emulators.snapshot import Snapshot, StateFolder
from crossfoot.emulators.wire import Request

RECORDS = 1_000_000
NOON = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
LOAD_S_MAX, PAGE_S_MAX, FIND_S_MAX = 60.0, 1.0, 0.05
BATCH, PAGE = 200, 2000
REPEATS = 10
API = "/services/data/v66.0"
DEALS = "SELECT Id, Name, Amount, StageName, IsWon, AccountId, SystemModstamp FROM Opportunity"

_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Timed:
    """The slowest of some runs beside its ceiling; no ceiling where the figure is only told."""

    what: str
    figure: float
    ceiling: float | None
    unit: str = "s"


class Org:
    """One emulated org as an app sees it, without sockets. Its clock moves on by a second with every batch."""

    def __init__(self, world: salesforce.World) -> None:
        self.world, self.now = world, NOON
        self.headers = {"authorization": f"Bearer {world.credentials()['access_token']}"}

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """A request that must succeed, and its answer."""
        sent = b"" if body is None else _encode(body)
        request = Request(method, f"{API}/{path}", urlencode(query), self.headers, sent)
        response, _ = salesforce.handle(self.world, request, self.now)
        assert response.status < 300, response.body[:500]
        return msgspec.json.decode(response.body) if response.body else None

    def soql(self, text: str) -> list[Any]:
        return list(self.ask("GET", "query", q=text)["records"])

    def load(self, kind: str, rows: Iterator[dict[str, Any]], count: int) -> list[str]:
        """Create rows in collections of 200; their ids."""
        ids: list[str] = []
        for start in range(0, count, BATCH):
            batch = [{"attributes": {"type": kind}, **next(rows)} for _ in range(min(BATCH, count - start))]
            outcomes = self.ask("POST", "composite/sobjects", {"allOrNone": True, "records": batch})
            assert outcomes[0]["success"], outcomes[0]
            ids += [each["id"] for each in outcomes]
            self.now += timedelta(seconds=1)
        return ids


def _accounts() -> Iterator[dict[str, Any]]:
    number = 0
    while True:
        number += 1
        yield {"Name": f"Customer {number}", "AccountNumber": f"C{number}", "BillingCity": "Sydney", "Phone": "1"}


def _deals(accounts: list[str]) -> Iterator[dict[str, Any]]:
    number = 0
    while True:
        number += 1
        yield {
            "Name": f"Deal {number}",
            "StageName": "Closed Won" if number % 3 == 0 else "Prospecting",
            "CloseDate": f"2026-{number % 12 + 1:02}-15",
            "AccountId": accounts[number % len(accounts)],
            "Amount": number % 1000 + 50,
        }


def _timed(what: str, ceiling: float | None, run: Callable[[], Any], times: int = 1) -> Timed:
    slowest = 0.0
    for _ in range(times):
        begun = time.process_time()
        run()
        slowest = max(slowest, time.process_time() - begun)
    return Timed(what, slowest, ceiling)


def measure(records: int = RECORDS) -> Iterator[Timed]:
    """Load a tenth of accounts and nine tenths of deals, read them, save and load."""
    org, share = Org(salesforce.new_world(settings={"daily_api_limit": 10**9})), max(1, records // 100_000)
    accounts: list[str] = []
    few = max(1, records // 10)
    load = LOAD_S_MAX * share
    yield _timed(f"load {few:,} accounts", load, lambda: accounts.extend(org.load("Account", _accounts(), few)))
    deals = partial(org.load, "Opportunity", _deals(accounts), records - few)
    yield _timed(f"load {records - few:,} deals", load, deals)
    yield Timed("memory then, at most", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, None, "MB")
    gc.freeze()  # as ``crossfoot emulator up`` does
    yield from _read(org, accounts[0])
    yield from _save(org.world, load)
    gc.unfreeze()


def _read(org: Org, account: str) -> Iterator[Timed]:
    deal = org.soql("SELECT Id FROM Opportunity LIMIT 1")[0]["Id"]
    middle = f"{org.now - (org.now - NOON) / 2:%Y-%m-%dT%H:%M:%SZ}"
    queries = {
        "page of 2,000 by stamp": f"WHERE SystemModstamp >= {middle} ORDER BY SystemModstamp, Id LIMIT {PAGE}",
        "page of 2,000, keyset": (
            f"WHERE (SystemModstamp = {middle} AND Id > '{deal}') OR SystemModstamp > {middle} "
            f"ORDER BY SystemModstamp, Id LIMIT {PAGE}"
        ),
        "deals of one account": f"WHERE AccountId = '{account}'",
        "one deal by id": f"WHERE Id = '{deal}'",
    }
    for what, tail in queries.items():
        found = partial(org.soql, f"{DEALS} {tail}")
        yield _timed(what, PAGE_S_MAX if "page" in what else FIND_S_MAX, found, REPEATS)
    scan = partial(org.soql, f"{DEALS} WHERE Name LIKE 'Deal 1%' ORDER BY Name LIMIT {PAGE}")
    yield _timed("scan of all deals", None, scan)
    change = partial(org.ask, "PATCH", f"sobjects/Opportunity/{deal}", {"NextStep": "Call"})
    yield _timed("change of one deal", FIND_S_MAX, change, REPEATS)


def _save(world: salesforce.World, ceiling: float) -> Iterator[Timed]:
    """A ``--state`` folder written at the end and read at the next start."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "state"
        state, other = StateFolder(folder), xero.new_world().dump()

        def save() -> None:
            state.write_snapshot(Snapshot(1, 0, "bench", None, {"salesforce": world.dump(), "xero": other}))
            state.close()

        def load() -> None:
            found = StateFolder(folder).read_snapshot()
            assert found is not None
            salesforce.World.load(found.worlds["salesforce"])

        yield _timed("save the state", ceiling, save)
        yield Timed("state file", (folder / "snapshot.json").stat().st_size / 1024**2, None, "MB")
        yield _timed("load the state", ceiling, load)


def main(records: int = RECORDS) -> bool:
    """Print each figure beside its ceiling; true when one is exceeded."""
    print(f"The Salesforce emulator with {records:,} records")
    exceeded = False
    for found in measure(records):
        over = found.ceiling is not None and found.figure > found.ceiling
        exceeded |= over
        limit = "" if found.ceiling is None else f"  (at most {found.ceiling:g}){'  EXCEEDED' if over else ''}"
        print(f"{found.what:32} {found.figure:9.3f} {found.unit}{limit}", flush=True)
    return exceeded


if __name__ == "__main__":
    sys.exit(int(main(*map(int, sys.argv[1:]))))
