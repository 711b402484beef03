"""Time and memory that the Xero emulator takes with 100,000 invoices: to load, read, report and save them.

``python -m bench.emulator_xero [invoices]``. Seconds are of this process's CPU, so that a busy machine does not count.
"""

from __future__ import annotations

import gc
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from crossfoot.emulators import salesforce, xero
from crossfoot.emulators.clock import Clock
from crossfoot.emulators.host import make_worlds
from crossfoot.emulators.scenario import find_scenario
from crossfoot.emulators.snapshot import Snapshot, StateFolder
from crossfoot.emulators.wire import Request

INVOICES = 100_000
NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
LOAD_S_MAX, ANSWER_S_MAX, FIND_S_MAX, REPORT_S_MAX = 60.0, 1.0, 0.05, 2.0
REPEATS = 20
BATCH = 50
NO_LIMITS = {f"{name}_limit": 10**9 for name in ("minute", "day", "app_minute")}

PAGE = {"page": 1, "pageSize": 1000}
QUERIES: Mapping[str, Mapping[str, Any]] = {
    "page of 1,000": PAGE,
    "page of 1,000, last": {**PAGE, "page": 100},
    "page of 1,000, where": {**PAGE, "where": 'Status=="AUTHORISED" AND Date>=DateTime(2026,6,1) AND AmountDue>100'},
    "page of 1,000, where on the contact": {**PAGE, "where": 'Contact.Name.StartsWith("Customer 1")'},
    "page of 1,000, order": {**PAGE, "order": "Date DESC"},
    "page of 1,000, Statuses": {**PAGE, "Statuses": "PAID"},
}
REPORTS = ("TrialBalance", "ProfitAndLoss", "BalanceSheet", "AgedReceivablesByContact")

_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Timed:
    """The slowest of some runs beside its ceiling; no ceiling where the figure is only told."""

    what: str
    figure: float
    ceiling: float | None
    unit: str = "s"


def documents(invoices: int) -> dict[str, list[dict[str, Any]]]:
    """A scenario's Xero side: a customer to twenty approved invoices of two lines, every fourth of them paid."""
    customers = max(1, invoices // 20)
    return {
        "Contacts": [{"$name": f"c{n}", "Name": f"Customer {n}"} for n in range(customers)],
        "Invoices": [_invoice(n, f"$c{n % customers}") for n in range(invoices)],
        "Payments": [
            {"Invoice": {"InvoiceID": f"$i{n}"}, "Account": {"Code": "090"}, "Date": "2026-11-15", "Amount": _total(n)}
            for n in range(0, invoices, 4)
        ],
    }


def _price(number: int) -> int:
    return 50 + number % 1000


def _total(number: int) -> Decimal:
    return (_price(number) + 25) * Decimal("1.1")


def _invoice(number: int, contact: str) -> dict[str, Any]:
    month = number % 10 + 1
    return {
        "$name": f"i{number}",
        "Type": "ACCREC",
        "Status": "AUTHORISED",
        "Contact": {"ContactID": contact},
        "Date": f"2026-{month:02}-15",
        "DueDate": f"2026-{month + 1:02}-15",
        "InvoiceNumber": f"CF-{number:06}",
        "Reference": f"Deal {number}",
        "LineItems": [
            {"Description": "Advice", "UnitAmount": _price(number), "AccountCode": "200", "TaxType": "OUTPUT"},
            {"Description": "Training", "Quantity": 2, "UnitAmount": 12.5, "AccountCode": "203", "TaxType": "OUTPUT"},
        ],
    }


class Books:
    """One emulated organisation as an app sees it, without sockets."""

    def __init__(self, world: xero.World) -> None:
        self.world = world
        credentials = xero.credentials(world, NOW)
        self.headers = {
            "authorization": f"Bearer {credentials['access_token']}",
            "xero-tenant-id": credentials["tenant_id"],
            "accept": "application/json",
        }

    def ask(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None, **more: str) -> Any:
        """A request that must succeed, and its answer."""
        sent = b"" if body is None else _encode(body)
        asked = urlencode(query or {}, quote_via=quote)
        response, _ = xero.handle(self.world, Request(method, path, asked, {**self.headers, **more}, sent), NOW)
        assert response.status == 200, response.body[:500]
        return msgspec.json.decode(response.body)

    def load(self, sent: Mapping[str, list[dict[str, Any]]]) -> None:
        """The same documents as an app writes them: batches of 50, each element on its own."""
        ids: dict[str, str] = {}
        for plural, elements in sent.items():
            for start in range(0, len(elements), BATCH):
                batch = [_resolved(element, ids) for element in elements[start : start + BATCH]]
                rows = self.ask("PUT", f"/{plural}", {plural: batch}, {"summarizeErrors": "false"})[plural]
                for element, row in zip(elements[start : start + BATCH], rows, strict=True):
                    if "$name" in element:
                        ids[f"${element['$name']}"] = row[f"{plural[:-1]}ID"]


def _resolved(element: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    resolved = {name: value for name, value in element.items() if name != "$name"}
    for name, id_field in (("Contact", "ContactID"), ("Invoice", "InvoiceID")):
        if name in resolved:
            resolved[name] = {id_field: ids[resolved[name][id_field]]}
    return resolved


def _timed(what: str, ceiling: float | None, run: Callable[[], Any], times: int = 1) -> Timed:
    slowest = 0.0
    for _ in range(times):
        begun = time.process_time()
        run()
        slowest = max(slowest, time.process_time() - begun)
    return Timed(what, slowest, ceiling)


def measure(invoices: int = INVOICES) -> Iterator[Timed]:
    """Load in each way, read, report and save."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scenario.json"
        scenario = {"clock": NOW.isoformat(), "xero": {"$settings": NO_LIMITS, **documents(invoices)}}
        path.write_bytes(_encode(scenario))
        made: list[xero.World] = []

        def play() -> None:
            world = make_worlds(find_scenario(str(path)), Clock(0, lambda: NOW)).xero.world
            assert isinstance(world, xero.World)
            made.append(world)

        yield _timed("load from a scenario file", LOAD_S_MAX, play)
        yield Timed("memory then, at most", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, None, "MB")
        gc.freeze()  # as ``crossfoot emulator up`` does
        yield from _read(Books(made[0]))
        yield from _save(made[0], Path(folder) / "state")
        gc.unfreeze()
    made.clear()
    books = Books(xero.new_world(settings=NO_LIMITS))
    yield _timed("load through the API, 50 to a call", LOAD_S_MAX, lambda: books.load(documents(invoices)))


def _read(books: Books) -> Iterator[Timed]:
    """Lists, single invoices and reports. Each is asked after a write, so that nothing is kept from the time before."""
    found = books.ask("GET", "/Invoices", query={"page": 1, "pageSize": BATCH})["Invoices"]
    place, contact = f"/Invoices/{found[0]['InvoiceID']}", found[0]["Contact"]["ContactID"]

    def read(path: str, query: Mapping[str, Any] | None = None, **headers: str) -> None:
        books.ask("GET", path, query=query, **headers)

    def write() -> None:
        books.ask("POST", place, {"InvoiceID": found[0]["InvoiceID"], "DueDate": "2026-12-30"})

    def after_write(what: str, ceiling: float, run: Callable[[], None]) -> Timed:
        timed = Timed(what, 0, ceiling)
        for _ in range(REPEATS):
            write()
            timed = max(timed, _timed(what, ceiling, run), key=lambda each: each.figure)
        return timed

    yield _timed("change of one invoice", FIND_S_MAX, write, REPEATS)
    for what, query in QUERIES.items():
        yield after_write(what, ANSWER_S_MAX, partial(read, "/Invoices", query))
    since = {"if-modified-since": "2026-11-20T01:00:00"}
    yield after_write("page of 1,000, If-Modified-Since", ANSWER_S_MAX, partial(read, "/Invoices", PAGE, **since))
    yield after_write("one invoice by id", FIND_S_MAX, partial(read, place))
    numbers = {"InvoiceNumbers": ",".join(row["InvoiceNumber"] for row in found[:40])}
    yield after_write("40 InvoiceNumbers", FIND_S_MAX, partial(read, "/Invoices", numbers))
    about = {"contactId": contact, "date": "2026-11-30"}
    for name in REPORTS:
        yield after_write(name, REPORT_S_MAX, partial(read, f"/Reports/{name}", about))


def _save(world: xero.World, folder: Path) -> Iterator[Timed]:
    """A ``--state`` folder written at the end and read at the next start."""
    worlds = {"salesforce": salesforce.new_world().dump()}
    state = StateFolder(folder)

    def save() -> None:
        state.write_snapshot(Snapshot(1, 0, "bench", None, {**worlds, "xero": world.dump()}))
        state.close()

    def load() -> None:
        found = StateFolder(folder).read_snapshot()
        assert found is not None
        xero.World(found.worlds["xero"])

    yield _timed("save the state", LOAD_S_MAX, save)
    yield Timed("state file", (folder / "snapshot.json").stat().st_size / 1024**2, None, "MB")
    yield _timed("load the state", LOAD_S_MAX, load)


def main(invoices: int = INVOICES) -> bool:
    """Print each figure beside its ceiling; true when one is exceeded."""
    print(f"The Xero emulator with {invoices:,} invoices")
    exceeded = False
    for found in measure(invoices):
        over = found.ceiling is not None and found.figure > found.ceiling
        exceeded |= over
        limit = "" if found.ceiling is None else f"  (at most {found.ceiling:g}){'  EXCEEDED' if over else ''}"
        print(f"{found.what:40} {found.figure:9.3f} {found.unit}{limit}", flush=True)
    return exceeded


if __name__ == "__main__":
    sys.exit(int(main(*map(int, sys.argv[1:]))))
