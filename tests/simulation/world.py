"""The small business that every seed starts from, made once and copied for each seed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import msgspec

from crossfoot.core.records import Side
from crossfoot.emulators import salesforce, xero
from crossfoot.emulators.clock import Clock
from crossfoot.emulators.emulator import Emulator
from crossfoot.emulators.host import ENV_NAMES, VENDORS, Worlds, make_worlds
from crossfoot.emulators.scenario import read_scenario
from crossfoot.emulators.scenarios.demo_book import (
    CURRENCY_PRICES,
    Book,
    Contact,
    Customer,
    Deal,
    Line,
    abn,
    at,
    instant,
    price_ref,
)
from crossfoot.engine.calls.grants import Grants
from crossfoot.engine.host import Host
from crossfoot.engine.runs import sync
from crossfoot.engine.session import Workspace, make_session
from crossfoot.engine.setup.connect import Connector
from crossfoot.engine.setup.workspace import Choices, connect_with_env, propose, remotes
from crossfoot.http import Http
from crossfoot.mapping.compiled import FlowMapping
from crossfoot.mapping.settings import FILE_NAME, load_settings
from crossfoot.store.database import Database, open_memory
from crossfoot.store.workspace import load_connections
from crossfoot.vault.envelope import VaultKey

CLOCK = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
START_DATE = date(2026, 10, 1)
TODAY = CLOCK.date()
KEY = VaultKey("5" * 16, b"\x07" * 32)
URLS = {"salesforce": "https://salesforce.invalid", "xero": "https://xero.invalid"}
OPEN_STAGE = "Negotiation/Review"
LOCKED_DEAL = "Deal 16"
HOME, FOREIGN = "AUD", "NZD"

_OPENING = date(2026, 1, 5)
# Product, code, price, whether Xero has the item already. The last has no code: its deal waits. A price of four
# decimals, and half a report, which comes to half a cent, are what roundings go wrong with.
_PRODUCTS = (
    ("Valuation", "VAL", "1800.00", True),
    ("Advice", "ADV", "320.00", False),
    ("Survey", "SUR", "640.50", False),
    ("Travel", "TRV", "0.8775", True),
    ("Report", "REP", "95.45", False),
    ("Workshop", "WKS", "1250.00", False),
    ("Retainer", "RET", "733.33", False),
    ("Oddments", "", "10.00", False),
)
_PLAIN = ("Acacia", "Banksia", "Correa", "Dianella", "Eucalypt", "Fern", "Grevillea")
_LINES = (
    (Line("Valuation", "1", "1800.00"),),
    (Line("Advice", "7.5", "320.00"), Line("Travel", "412", "0.8775")),
    (Line("Survey", "3", "640.50", discount="12.5"), Line("Report", "7", "95.45", discount="5")),
    (Line("Workshop", "2", "1250.00"), Line("Report", "0.5", "95.45")),
    (Line("Retainer", "3", "733.33", discount="7.5"), Line("Advice", "0.5", "320.00")),
)


_TWINS = ("Twin", "Other twin")


def _customers() -> list[Customer]:
    plain = [
        Customer(
            f"{name} Partners",
            number=f"C-{number}",
            abn=abn(300_400_500 + 7 * number),
            contact=Contact(f"{name} Partners", abn(300_400_500 + 7 * number)) if number < 3 else None,
        )
        for number, name in enumerate(_PLAIN)
    ]
    twins = [Customer(name, abn=abn(700_000_001)) for name in ("Hakea Holdings", "Ironbark Trading")]
    archived = Customer(
        "Jarrah Joinery", abn=abn(700_000_099), contact=Contact("Jarrah Joinery", abn(700_000_099), archived=True)
    )
    similar = Customer("Kurrajong Legal", contact=Contact("Kurrajong Legal Group", abn(700_000_207)))
    return [*plain, *twins, archived, similar, Customer("Lilly Exports", country="New Zealand")]


def _deals(customers: list[Customer], *, abroad: bool) -> list[Deal]:
    plain = [customer for customer in customers if customer.name.split()[0] in (*_PLAIN, "Lilly")]
    deals = []
    for number in range(1, 18):
        closes = TODAY - timedelta(days=number)
        won = number % 4 == 0
        customer, lines = plain[number % len(plain)].ref, _LINES[number % len(_LINES)]
        outcome = "Closed Won" if won else OPEN_STAGE
        extra = {"NextStep": "Handed to delivery"} if f"Deal {number}" == LOCKED_DEAL else {}
        currency = FOREIGN if abroad and number % 3 < 2 else HOME
        deals.append(Deal(f"Deal {number}", customer, closes, lines, outcome, currency=currency, extra=extra))
    awkward = (
        ("No products", plain[0].ref, TODAY, (), "1500.00"),
        ("Worth nothing", plain[1].ref, TODAY, (), "0.00"),
        ("Next month", plain[2].ref, TODAY + timedelta(days=30), _LINES[0], ""),
        ("Without account", None, TODAY, _LINES[0], ""),
        ("Uncoded product", plain[3].ref, TODAY, (Line("Oddments", "4", "10.00"),), ""),
        ("Twin", "account_hakea_holdings", TODAY, _LINES[0], ""),
        ("Other twin", "account_ironbark_trading", TODAY, _LINES[1], ""),
        ("Archived customer", "account_jarrah_joinery", TODAY, _LINES[2], ""),
        ("Similar customer", "account_kurrajong_legal", TODAY, _LINES[3], ""),
    )
    deals += [
        Deal(
            name,
            customer,
            closes,
            lines,
            "Closed Won" if name in _TWINS else OPEN_STAGE,
            outcome_at=at(TODAY, "00:30"),
            amount=amount,
            opened=TODAY - timedelta(days=20),
        )
        for name, customer, closes, lines, amount in awkward
    ]
    return deals


# Won deals that get no invoice, and why the scenario knows it.
NEVER_INVOICED: Mapping[str, str] = {
    "Worth nothing": "nothing to bill",
    "Next month": "closes in the future",
    "Without account": "has no account",
    "Uncoded product": "a product has no code",
    **dict.fromkeys(_TWINS, "two accounts have one ABN"),
    "Archived customer": "the contact is archived",
    "Similar customer": "a contact of a similar name exists",
}
# Of those, the ones that no entry of the queue needs to explain: there is nothing for a person to do.
UNNAMED = frozenset({"Worth nothing"})


def scenario(*, abroad: bool = False) -> dict[str, Any]:
    """The business as a scenario document: 12 accounts, 8 products, 26 deals, most of them still open. ``abroad``: many
    of them are in another currency, for which there is a bank account."""
    book = Book()
    opening, entries = at(_OPENING, "00:00"), at(_OPENING, "00:10")
    for name, code, price, in_xero in _PRODUCTS:
        ref = f"product_{name.lower()}"
        record = {"Name": name, "IsActive": True, "Family": "Services"} | ({"ProductCode": code} if code else {})
        book.add("salesforce", "Product2", opening, record, name=ref)
        for currency in (HOME, FOREIGN) if abroad else (HOME,):
            entry: dict[str, Any] = {"Pricebook2Id": "$standard", "Product2Id": f"${ref}"}
            entry |= {"CurrencyIsoCode": currency, "IsActive": True}
            entry["UnitPrice"] = Decimal(price) * CURRENCY_PRICES[currency]
            book.add("salesforce", "PricebookEntry", entries, entry, name=price_ref(name, currency))
        if in_xero:
            book.add("xero", "Items", opening, {"Code": code, "Name": name, "Description": name})
    customers = _customers()
    for customer in customers:
        record = {"Name": customer.name, "BillingCountry": customer.country, "BillingCity": "Sydney"}
        record |= {
            key: value for key, value in {"ABN__c": customer.abn, "AccountNumber": customer.number}.items() if value
        }
        book.add("salesforce", "Account", opening, record, name=customer.ref)
        if customer.contact is not None:
            book.add_contact(customer.contact, f"contact_{customer.ref}", opening)
    for deal in _deals(customers, abroad=abroad):
        book.add_deal(deal)
    if abroad:
        bank = {"Code": "095", "Name": "Auckland account", "Type": "BANK", "BankAccountNumber": "01 0902 0068389"}
        book.add("xero", "Accounts", opening, bank | {"CurrencyCode": FOREIGN})
    rule = {"EntityDefinition": "Opportunity", "ValidationName": "Locked", "Active": True}
    rule |= {"ErrorConditionFormula": "NextStep = 'Handed to delivery' AND Xero_Status__c != null"}
    book.add("salesforce", "ValidationRule", CLOCK, rule | {"ErrorMessage": "This deal is locked."})
    return book.document(clock=instant(CLOCK), start_date=START_DATE.isoformat(), seed=7)


@dataclass(frozen=True, slots=True)
class Template:
    """A connected pair before its first sync: what every seed copies."""

    salesforce: dict[str, Any]
    xero: dict[str, Any]
    database: bytes
    settings: str


@dataclass(frozen=True, slots=True)
class Ways:
    """What a seed's workspace is set to do beyond making invoices and showing them."""

    two_way: bool = False
    payments: bool = False
    merges: bool = False
    series: bool = False
    hints: bool = False
    brake: bool = False
    people: bool = False
    listens: bool = False
    abroad: bool = False
    gives: bool = False


PLAIN = Ways()
_BRAKE = re.compile(r"brake: \{.*\}")
# Histories are busier than a business: of the brake's limits the one on what is gone at once is under test.
_VANISHED_ONLY = (
    "brake: {creations: 10000, amount: 100000000, times_biggest_recent_run: 1000, changes: 10000, on_test_pair: true}"
)
_NUMBER = "Number: Deal_Number__c,"
_DIRECTION = re.compile(r"\n    direction: .*")
_TWO_WAY = ("    salesforce: Account\n", "    salesforce: Product2\n")
_PEOPLE = """  people:
    when: "NOT(ISBLANK(Email))"
    fields: {FirstName: FirstName, LastName: LastName, Email: Email}
  products:"""
_PAYMENTS = """
  payments:
    fields: {Invoice: Xero_Invoice__r.Xero_Key__c, Amount: Amount__c, Date: Date__c, Currency: CurrencyIsoCode,
      Account: "IF(CurrencyIsoCode = 'NZD', '095', '090')", Reference: Reference__c, Name: Name}
"""


@cache
def mapping_of(settings: str, ways: Ways = PLAIN) -> FlowMapping:
    """A workspace's settings with what a seed turned on in them."""
    settings = _DIRECTION.sub("", settings)
    if ways.brake:
        settings = _BRAKE.sub(_VANISHED_ONLY, settings)
    if ways.series:
        assert _NUMBER in settings
        settings = settings.replace(_NUMBER, "")
    for line in _TWO_WAY if ways.two_way else ():
        assert line in settings, line
        settings = settings.replace(line, f"{line}    direction: both\n")
    if ways.people:
        settings = settings.replace("  products:", _PEOPLE, 1)
    with TemporaryDirectory() as directory:
        path = Path(directory) / FILE_NAME
        path.write_text(settings + (_PAYMENTS if ways.payments else ""), encoding="utf-8")
        return FlowMapping(load_settings(path))


@dataclass(frozen=True, slots=True)
class Pair:
    """One seed's own copy."""

    salesforce: Emulator
    xero: Emulator
    database: Database
    mapping: FlowMapping
    unbraked: FlowMapping


class _Keyed(Workspace):
    def load_key(self) -> VaultKey:
        return KEY


@cache
def template(transport: Callable[[Emulator, Emulator], httpx2.BaseTransport], *, abroad: bool = False) -> Template:
    """Play the scenario, connect both sides, propose settings: once in a process. ``transport`` carries the bytes."""
    worlds = make_worlds(read_scenario(scenario(abroad=abroad), "simulation"), Clock(0, lambda: CLOCK), URLS)
    database = open_memory()
    host = Host(now=lambda: CLOCK, sleep=lambda _s: None, new_id=iter_ids(), jitter=lambda: 0.5)
    carried = transport(worlds.salesforce, worlds.xero)
    with TemporaryDirectory() as directory:
        workspace = _Keyed(Path(directory))
        connections = connect_with_env(workspace, database, host, _env(worlds), carried, payments=True)
        consent(database, host, carried, worlds.xero.world)
        sides = remotes(connections, Connector(workspace, database, host, carried))
        settings = propose(*sides, Choices(START_DATE)).text
    raw = database.engine.raw_connection().driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return Template(worlds.salesforce.world.dump(), worlds.xero.world.dump(), raw.serialize(), settings)


def consent(database: Database, host: Host, carried: httpx2.BaseTransport, books: Any) -> None:
    """Connect Xero by a person's grant, whose refresh tokens rotate: the app's own has none (XERO 1.5)."""
    grants = Grants(database, Http(lambda _call_id: True, carried), host, lambda: KEY)
    with database.reading() as connection:
        [connected] = load_connections(connection, Side.XERO)
    books.state["ready"].pop("refresh_token", None)  # the one at hand is old, or was used
    credentials = VENDORS["xero"].credentials(books, host.now())
    tokens = {name: str(credentials[name]) for name in ("access_token", "refresh_token")}
    secrets = msgspec.structs.replace(grants.secrets(connected.grant_id), **tokens, previous_refresh_token="")
    grants.save(connected.grant_id, connected.side, "authorization_code", secrets, host.now())


@cache
def running(transport: Callable[[Emulator, Emulator], httpx2.BaseTransport], *, abroad: bool = False) -> Template:
    """The same pair a day's work later: one undisturbed run has made what the won deals called for."""
    made = template(transport, abroad=abroad)
    pair = copy_pair(made, lambda: CLOCK, lambda _name: None)
    host = Host(now=lambda: CLOCK, sleep=lambda _s: None, new_id=iter_ids(), jitter=lambda: 0.5)
    carried = transport(pair.salesforce, pair.xero)
    sync(make_session(pair.database, pair.mapping, lambda: KEY, host=host, transport=carried))
    raw = pair.database.engine.raw_connection().driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return Template(pair.salesforce.world.dump(), pair.xero.world.dump(), raw.serialize(), made.settings)


def iter_ids() -> Callable[[], str]:
    """Ids that count upwards."""
    counter = iter(range(1, 1_000_000))
    return lambda: f"{next(counter):032x}"


def _env(worlds: Worlds) -> dict[str, str]:
    env = {"SF_LOGIN_URL": URLS["salesforce"], "SF_INSTANCE_URL": URLS["salesforce"]}
    env |= {"XERO_API_BASE": URLS["xero"], "XERO_IDENTITY_BASE": URLS["xero"]}
    for name, emulator in worlds.emulators.items():
        credentials = VENDORS[name].credentials(emulator.world, None)
        env |= {variable: str(credentials[key]) for variable, key in ENV_NAMES[name].items()}
    return env


def copy_pair(made: Template, now: Callable[[], datetime], seam: Callable[[str], None], ways: Ways = PLAIN) -> Pair:
    """A fresh copy of the template, on a clock and seams of its own."""
    clock = Clock(0, now)
    org, books = salesforce.World.load(made.salesforce), xero.World(made.xero)
    books.public_url = URLS["xero"]
    return Pair(
        Emulator("salesforce", org, salesforce.handle, clock),
        Emulator("xero", books, xero.handle, clock),
        open_memory(made.database, seam),
        mapping_of(made.settings, ways),
        mapping_of(made.settings, replace(ways, brake=False)),
    )
