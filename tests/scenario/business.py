"""The demo firm in one process: both emulated systems, Crossfoot between them, and the people on both sides.

The real engine runs against the emulators without sockets, on a clock that only tests and the engine's own waits turn.
A stage is a moment of the firm's life that many tests start from; each test gets a copy of its own.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx2
import pytest

from crossfoot.core.links import record_id_in
from crossfoot.emulators import salesforce, xero
from crossfoot.emulators.clock import Clock
from crossfoot.emulators.emulator import Emulator
from crossfoot.emulators.host import ENV_NAMES, VENDORS, Worlds, make_worlds
from crossfoot.emulators.people import Office
from crossfoot.emulators.scenario import Scenario, find_scenario
from crossfoot.emulators.scenarios import demo
from crossfoot.emulators.wire import Request
from crossfoot.engine.host import Host
from crossfoot.engine.planning.planner import Planned
from crossfoot.engine.plans import apply_plan_file, describe_plan, read_plan_file, save_plan_file
from crossfoot.engine.review.desk import Desk
from crossfoot.engine.runs import RunReport, look, restore, sync
from crossfoot.engine.session import Session, Workspace, make_session
from crossfoot.engine.setup.connect import Connector
from crossfoot.engine.setup.workspace import Choices, connect_with_env, propose, remotes
from crossfoot.engine.tie import TieOutReport, run_tie_out
from crossfoot.mapping.compiled import FlowMapping
from crossfoot.mapping.settings import FILE_NAME, load_settings
from crossfoot.store.audit import AuditEntry, read_audit
from crossfoot.store.database import Database, open_memory
from crossfoot.store.queue import QueueEntry, bucket_totals, buckets
from crossfoot.store.workspace import load_runs
from crossfoot.vault.envelope import VaultKey

URLS = {"salesforce": "https://salesforce.invalid", "xero": "https://xero.invalid"}
CONTACTS_PAGE = 1000
KEY = VaultKey("5" * 16, b"\x07" * 32)
LIVE = {"salesforce": {"is_sandbox": False}, "xero": {"IsDemoCompany": False}}
DEAL_FIELDS = (
    "Id, Name, Amount, CloseDate, AccountId, StageName, Deal_Number__c, PO_Number__c, Xero_Invoice_Number__c, "
    "Xero_Invoice_Id__c, Xero_Status__c, Xero_Payment_Status__c, Xero_Subtotal__c, Xero_Tax__c, Xero_Total__c, "
    "Xero_Amount_Due__c, Xero_Amount_Paid__c, Xero_Paid_Date__c"
)
_READ_PATHS = ("/composite", "/composite/batch", "/token")


class KilledError(BaseException):
    """The process ended here."""


Carry = Callable[[httpx2.Request], httpx2.Response]
Intercept = Callable[[httpx2.Request, Carry], httpx2.Response]


class InProcess(httpx2.BaseTransport):
    """Carries bytes to the emulators; every host name is a side."""

    def __init__(self, emulators: Mapping[str, Emulator]) -> None:
        self._emulators = {f"{side}.invalid": emulator for side, emulator in emulators.items()}
        self.down_after: dict[str, int] = {}
        self.lose_answer_to: tuple[str, str] | None = None
        self._carry: Carry = self._deliver

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer at once, unless what intercepts it does otherwise."""
        return self._carry(request)

    def intercept(self, intercept: Intercept) -> None:
        """From now on every request is given to it, with what carries it on."""
        carry = self._carry
        self._carry = lambda request: intercept(request, carry)

    def _deliver(self, request: httpx2.Request) -> httpx2.Response:
        """Answer with the Date that the emulators' host adds."""
        emulator = self._emulators[request.url.host]
        self._fail_if_down(request)
        now = emulator.clock.now()
        if request.url.path == "/control/clock":
            return httpx2.Response(200, json={"now": now.isoformat()})
        path, _, query = request.url.raw_path.decode().partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = emulator.answer(Request(request.method, path, query, headers, request.read()))
        if self.lose_answer_to == (request.method, path.rsplit("/", 1)[-1]):
            self.lose_answer_to = None
            raise httpx2.ReadTimeout("the answer was lost", request=request)
        dated = [*answer.headers, ("Date", format_datetime(now.replace(microsecond=0), usegmt=True))]
        return httpx2.Response(answer.status, headers=dated, content=answer.body)

    def _fail_if_down(self, request: httpx2.Request) -> None:
        """An outage of a side begins after so many more requests of the app."""
        left = self.down_after.get(request.url.host)
        if left is None or request.url.path.startswith("/control/"):
            return
        if not left:
            raise httpx2.ConnectError("no route", request=request)
        self.down_after[request.url.host] = left - 1


@dataclass(slots=True)
class Time:
    """The one clock of everybody."""

    now: datetime

    def pass_s(self, seconds: float) -> None:
        """Let time go by."""
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Stage:
    """A moment of the firm's life, frozen."""

    now: datetime
    salesforce: dict[str, Any]
    xero: dict[str, Any]
    database: bytes
    settings: str


class _Keyed(Workspace):
    """A workspace whose vault key is no file."""

    def load_key(self) -> VaultKey:
        return KEY


def machine(time: Time) -> Host:
    """A machine on the tests' clock."""
    return Host(now=lambda: time.now, sleep=time.pass_s, new_id=lambda: uuid.uuid4().hex, jitter=lambda: 0.5)


def found(scenario: Scenario, directory: Path, start_date: date) -> Stage:
    """Play a scenario into both systems, connect them, and write the settings that ``crossfoot init`` proposes."""
    time = Time(scenario.clock or demo.CLOCK)
    worlds = make_worlds(scenario, Clock(0, lambda: time.now), URLS)
    database, carrier = open_memory(), InProcess(worlds.emulators)
    workspace = _Keyed(directory)
    connections = connect_with_env(workspace, database, machine(time), _env(worlds), carrier, payments=True)
    sides = remotes(connections, Connector(workspace, database, machine(time), carrier))
    text = propose(*sides, Choices(start_date)).text
    return Stage(time.now, worlds.salesforce.world.dump(), worlds.xero.world.dump(), _bytes(database), text)


def demo_firm(**settings: Mapping[str, Any]) -> Scenario:
    """The demo business, with other settings of either vendor where a test wants them."""
    return replace(find_scenario("demo"), settings=settings)


def _env(worlds: Worlds) -> dict[str, str]:
    env = {"SF_LOGIN_URL": URLS["salesforce"], "SF_INSTANCE_URL": URLS["salesforce"]}
    env |= {"XERO_API_BASE": URLS["xero"], "XERO_IDENTITY_BASE": URLS["xero"]}
    for side, emulator in worlds.emulators.items():
        credentials = VENDORS[side].credentials(emulator.world, None)
        env |= {variable: str(credentials[key]) for variable, key in ENV_NAMES[side].items()}
    return env


def _bytes(database: Database) -> bytes:
    raw = database.engine.raw_connection().driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw.serialize()


class Business:
    """One test's own copy of a stage, with what each of its people can do and see."""

    def __init__(self, stage: Stage, directory: Path) -> None:
        self.time = Time(stage.now)
        clock = Clock(0, lambda: self.time.now)
        self.org, self.ledger = salesforce.World.load(stage.salesforce), xero.World(stage.xero)
        self.org.public_url, self.ledger.public_url = URLS["salesforce"], URLS["xero"]
        self.emulators = {
            "salesforce": Emulator("salesforce", self.org, salesforce.handle, clock),
            "xero": Emulator("xero", self.ledger, xero.handle, clock),
        }
        self.carrier = InProcess(self.emulators)
        self.office = Office(URLS["salesforce"], URLS["xero"], self.carrier)
        self.database = open_memory(stage.database)
        self.directory = directory
        self.settings = stage.settings
        self.actor = "Avery"

    def freeze(self) -> Stage:
        """This moment, for other tests to start from."""
        return Stage(self.time.now, self.org.dump(), self.ledger.dump(), _bytes(self.database), self.settings)

    def close(self) -> None:
        """Let go of everything."""
        self.office.__exit__()
        self.database.engine.dispose()

    # What Crossfoot does

    @property
    def mapping(self) -> FlowMapping:
        """The settings as they are now."""
        path = self.directory / FILE_NAME
        path.write_text(self.settings, encoding="utf-8")
        return FlowMapping(load_settings(path))

    def set(self, old: str, new: str) -> None:
        """Edit crossfoot.yaml."""
        assert old in self.settings, old
        self.settings = self.settings.replace(old, new)

    def session(self) -> Session:
        """Crossfoot, opened for one command."""
        return make_session(self.database, self.mapping, lambda: KEY, host=machine(self.time), transport=self.carrier)

    def reconnect(self, *, payments: bool = False) -> None:
        """``crossfoot connect`` for both sides; ``payments`` where the settings have their flow."""
        worlds = Worlds(self.emulators["salesforce"], self.emulators["xero"], self.emulators["xero"].clock, "")
        keyed, host = _Keyed(self.directory), machine(self.time)
        connect_with_env(keyed, self.database, host, _env(worlds), self.carrier, payments=payments)

    def sync(self) -> RunReport:
        """``crossfoot sync --yes``."""
        return sync(self.session())

    def plan(self) -> Planned:
        """``crossfoot plan``."""
        return look(self.session())[1]

    def save_plan(self, name: str = "reviewed.plan") -> Path:
        """``crossfoot plan --out FILE``."""
        session = self.session()
        path = self.directory / name
        save_plan_file(session, look(session)[1], path)
        return path

    def apply(self, path: Path, *, strict: bool = False) -> RunReport:
        """``crossfoot apply FILE``."""
        session = self.session()
        return apply_plan_file(session, read_plan_file(session, path), strict=strict)

    def tie_out(self) -> TieOutReport:
        """``crossfoot tieout``."""
        return run_tie_out(self.session())

    def plan_in_full(self) -> dict[str, Any]:
        """``crossfoot plan --json``."""
        session = self.session()
        return describe_plan(session, look(session)[1])

    def plan_in_words(self) -> str:
        """The first line of a plan."""
        return str(self.plan_in_full()["summary"])

    def history(self, deal_name: str) -> list[AuditEntry]:
        """What the audit log says of a deal."""
        with self.database.reading() as connection:
            return list(read_audit(connection, self.session().organisation_id, self.deal(deal_name)["Id"]))

    def audit(self) -> list[AuditEntry]:
        """The whole audit log."""
        with self.database.reading() as connection:
            return list(read_audit(connection, self.session().organisation_id))

    def standings(self) -> list[tuple[str, str, int, Decimal]]:
        """Won deals by where they stand and currency: count and worth."""
        with self.database.reading() as connection:
            return bucket_totals(connection, self.session().organisation_id)

    def buckets(self) -> dict[str, str]:
        """Where each won deal stands."""
        with self.database.reading() as connection:
            return buckets(connection, self.session().organisation_id)

    def bucket(self, deal_name: str) -> str:
        """Where a won deal stands."""
        return self.buckets()[self.deal(deal_name)["Id"]]

    def runs(self) -> list[str]:
        """The runs so far, newest first."""
        with self.database.reading() as connection:
            return [run.id for run in load_runs(connection, self.session().organisation_id, limit=50)]

    @property
    def desk(self) -> Desk:
        """``crossfoot queue``."""
        session = self.session()
        return Desk(self.database, session.org_id, session.organisation_id, self.actor, self.time.now)

    def waiting(self, deal_name: str) -> dict[str, QueueEntry]:
        """What the review queue says of a deal, by reason."""
        deal_id = self.deal(deal_name)["Id"]
        return {entry.code: entry for entry in self.desk.entries(ignored=True) if entry.record.id == deal_id}

    def keep_otherwise(self, path: str, sent: bytes, kept: bytes) -> None:
        """Xero keeps something else than is sent when records of this path are made."""

        def alter(request: httpx2.Request, carry: Carry) -> httpx2.Response:
            if request.method == "PUT" and request.url.path.endswith(f"/{path}"):
                headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
                body = request.read().replace(sent, kept)
                request = httpx2.Request(request.method, request.url, headers=headers, content=body)
            return carry(request)

        self.carrier.intercept(alter)

    def later(self, **timespan: float) -> None:
        """Let time pass; ten minutes unless told."""
        self.time.now += timedelta(**(timespan or {"minutes": 10}))

    def fall_back(self, copy: bytes) -> None:
        """Put an old copy of the database back, take it for the present one, and run once."""
        self.database = open_memory(copy)
        assert self.writes_during(lambda: restore(self.session(), "disk failed")) == []
        self.later()
        self.sync()
        self.later()

    def die_at(self, place: str) -> None:
        """A sync whose process ends at one point: before or after a commit of that name."""

        def seam(name: str) -> None:
            if name == place:
                raise KilledError(name)

        self.database.seam = seam
        with pytest.raises(KilledError):
            self.sync()
        self.database.seam = lambda _name: None

    def stand_still_at(self, place: str, meanwhile: Callable[[], object]) -> None:
        """A sync whose process stands still for three minutes the first time it comes to a point."""
        stood: list[str] = []

        def seam(name: str) -> None:
            if name == place and not stood:
                stood.append(name)
                self.later(minutes=3)
                meanwhile()

        self.database.seam = seam
        self.sync()
        self.database.seam = lambda _name: None
        assert stood

    # What people see and do in Salesforce

    def soql(self, query: str) -> list[dict[str, Any]]:
        """All rows of a query, as the administrator sees them."""
        page = self.office.salesforce("GET", "/query", query=f"q={quote_plus(query)}")
        rows: list[dict[str, Any]] = page["records"]
        while not page["done"]:
            page = self.office.ask(URLS["salesforce"], "GET", page["nextRecordsUrl"])
            rows += page["records"]
        return rows

    def deal(self, name: str) -> dict[str, Any]:
        """One opportunity by its name."""
        [row] = self.soql(f"SELECT {DEAL_FIELDS} FROM Opportunity WHERE Name = '{name}'")
        return row

    def lines(self, deal_name: str) -> list[dict[str, Any]]:
        """The opportunity's products."""
        return self.soql(
            "SELECT Id, Quantity, UnitPrice, Discount, TotalPrice, Product2Id, Product2.ProductCode, Product2.Name "
            f"FROM OpportunityLineItem WHERE Opportunity.Name = '{deal_name}' ORDER BY Id"
        )

    def edit(self, kind: str, record_id: str, **fields: Any) -> None:
        """A person edits a Salesforce record."""
        self.office.salesforce("PATCH", f"/sobjects/{kind}/{record_id}", fields)

    def win(self, name: str, account: str, lines: list[dict[str, Any]], **fields: Any) -> str:
        """Sales enter a deal with its products and win it. Returns its id."""
        [customer] = self.soql(f"SELECT Id FROM Account WHERE Name = '{account}'")
        fields = {"CloseDate": "2026-11-18", "CurrencyIsoCode": "AUD", **fields}
        deal = {"Name": name, "AccountId": customer["Id"], "StageName": "Prospecting", **fields}
        deal_id: str = self.office.salesforce("POST", "/sobjects/Opportunity", deal)["id"]
        for line in lines:
            code = line["code"]
            [entry] = self.soql(
                f"SELECT Id FROM PricebookEntry WHERE Product2.ProductCode = '{code}' "
                f"AND CurrencyIsoCode = '{fields['CurrencyIsoCode']}'"
            )
            sold = {key: value for key, value in line.items() if key != "code"}
            sold |= {"OpportunityId": deal_id, "PricebookEntryId": entry["Id"]}
            self.office.salesforce("POST", "/sobjects/OpportunityLineItem", sold)
        self.edit("Opportunity", deal_id, StageName="Closed Won")
        return deal_id

    # What people see and do in Xero

    def invoices(self) -> list[dict[str, Any]]:
        """Every sales invoice, read by the organisation's own user."""
        return list(self.office.invoices())

    def invoices_of(self, deal_name: str) -> list[dict[str, Any]]:
        """The invoices whose link leads to the deal, whatever their status."""
        deal_id = self.deal(deal_name)["Id"]
        return [invoice for invoice in self.invoices() if record_id_in(invoice.get("Url") or "") == deal_id]

    def invoice_of(self, deal_name: str) -> dict[str, Any]:
        """The one live invoice of a deal."""
        [invoice] = [found for found in self.invoices_of(deal_name) if found["Status"] not in {"VOIDED", "DELETED"}]
        return invoice

    def contact(self, contact_id: str) -> dict[str, Any]:
        """A Xero contact."""
        return self.see("Contacts", contact_id)

    def see(self, kind: str, record_id: str = "", query: str = "") -> dict[str, Any]:
        """The first record of a kind, or the one of that id."""
        path = f"/{kind}/{record_id}" if record_id else f"/{kind}"
        rows: list[dict[str, Any]] = self.office.ask(URLS["xero"], "GET", path, query=query)[kind]
        return rows[0]

    def contacts(self) -> list[dict[str, Any]]:
        """Every Xero contact, archived ones too."""
        rows: list[dict[str, Any]] = []
        while len(rows) % CONTACTS_PAGE == 0:
            query = f"page={len(rows) // CONTACTS_PAGE + 1}&pageSize={CONTACTS_PAGE}&includeArchived=true"
            read = self.office.ask(URLS["xero"], "GET", "/Contacts", query=query)["Contacts"]
            rows += read
            if not read:
                break
        return rows

    def in_xero(self, kind: str, **fields: Any) -> dict[str, Any]:
        """A person edits a Xero record."""
        return self.office.xero("POST", kind, [fields], "unitdp=4")[0]

    def approve(self, *deals: str) -> None:
        """Finance approve the drafts of some deals, and Crossfoot reads that."""
        for deal in deals:
            self.in_xero("Invoices", InvoiceID=self.invoice_of(deal)["InvoiceID"], Status="AUTHORISED")
        self.later()
        self.sync()
        self.later()

    def lock(self, until: str) -> None:
        """Finance locks the books up to a day."""
        self.office.ask(URLS["xero"], "POST", "/Organisation", {"PeriodLockDate": until})

    def post(self, address: str, body: Mapping[str, Any]) -> None:
        """Turn something on an emulator's control plane."""
        with httpx2.Client(transport=self.carrier) as client:
            answer = client.post(address, json=body)
        assert answer.status_code == 200, answer.text

    # What the vendors' logs say of Crossfoot

    def writes_during(self, act: Callable[[], object]) -> list[str]:
        """The app's requests that may have changed a record, on either side, while something happens."""
        worlds: dict[str, Any] = {"salesforce": self.org, "xero": self.ledger}
        before = {side: len(world.log) for side, world in worlds.items()}
        act()
        return [
            f"{side} {entry['method']} {entry['path']}"
            for side, world in worlds.items()
            for entry in world.log[before[side] :]
            if entry["method"] != "GET" and not entry["path"].endswith(_READ_PATHS)
        ]


def sums(rows: Iterator[tuple[str, Decimal]] | list[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """Amounts by currency, never added across currencies."""
    totals: dict[str, Decimal] = {}
    for currency, amount in rows:
        totals[currency] = totals.get(currency, Decimal(0)) + amount
    return totals
