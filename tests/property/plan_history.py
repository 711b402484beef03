"""A stored firm, and everything that may happen to it between two plans: straight in the store, without emulators.

The history is drawn from a seed. It is rougher than life: accounts swap tax numbers, invoices name deals of others,
contacts are merged in circles of rumour. A plan must follow all of it.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

from sqlalchemy import Connection, select

from crossfoot.core.books import LedgerContact, LedgerInvoice, LedgerItem, LedgerLine, LedgerPhone
from crossfoot.core.decided import Operation
from crossfoot.core.documents import IntendedContact, IntendedInvoice, IntendedItem, ledger_form
from crossfoot.core.links import Identity, Kind, Link, document_number, record_url
from crossfoot.core.money import ZERO
from crossfoot.core.records import content_hash
from crossfoot.core.standing import account_of
from crossfoot.engine.host import Host
from crossfoot.engine.planning.planner import Planned, keep_plan, make_plan
from crossfoot.engine.reading import observe
from crossfoot.engine.reading.ledger import CONTACT, INVOICE, ITEM, LedgerRecord, load_ledger, to_version
from crossfoot.engine.runs import look
from crossfoot.engine.session import Session, make_session
from crossfoot.store import operations as ops
from crossfoot.store import queue as queue_store
from crossfoot.store import schema
from crossfoot.store.codec import decode_fields
from crossfoot.store.database import Database, open_memory
from crossfoot.store.links import StoredLink, add_link, load_links, retire_link, set_base
from crossfoot.store.versions import load_reference, load_versions, next_seq, save_reference, save_versions
from tests.simulation.wire import QuietWire
from tests.simulation.world import CLOCK, KEY, copy_pair, iter_ids, template

Row = dict[str, Any]
TAX_NUMBERS = ("68300400500", "24300400507", "21700000099", "", "not a number")
PHONES = ("02 5550 1000", "+61 2 5550 1000", "02 5550 2000 ext 5", "0000 0000")
WORDS = ("Acacia", "Banksia", "Partners", "Holdings", "Legal", "Group", "12", "A")


def session_on(database: Database, now: Callable[[], dt.datetime], new_id: Callable[[], str]) -> Session:
    """A session whose vendors are never asked."""
    made = template(QuietWire)
    pair = copy_pair(made, now, lambda _seam: None)
    host = Host(now=now, sleep=lambda _s: None, new_id=new_id, jitter=lambda: 0.5)
    return make_session(database, pair.mapping, lambda: KEY, host=host, transport=QuietWire(pair.salesforce, pair.xero))


def observed_firm() -> bytes:
    """The simulator's firm, read once into the store, with every deal won, and all invoiced that can be."""
    database = open_memory(template(QuietWire).database)
    look(session_on(database, lambda: CLOCK, iter_ids()))
    firm = Firm.of(-1, serialised(database))
    with firm.session.database.writing() as connection:
        for row in firm.rows(connection, "Opportunity").values():
            stage = {"IsWon": True, "LastStageChangeDate": f"{firm.as_of}T01:00:00.000+0000"}
            firm.save_row(connection, "Opportunity", {**row, **stage})
    for _ in range(3):
        planned = firm.plan()
        with firm.session.database.writing() as connection:
            for operation in planned.operations:
                firm.apply(connection, operation)
            for deal in planned.decisions:
                firm.link_matched(connection, planned, account_of(deal.deal))
            for _ in range(4):
                firm.approve(connection)
    return serialised(firm.session.database)


def serialised(database: Database) -> bytes:
    """The whole database."""
    raw = database.engine.raw_connection().driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw.serialize()


@dataclass(slots=True)
class Firm:
    """One seed's firm. ``act`` does something to it; ``plan`` plans and keeps."""

    seed: int
    chance: Random
    session: Session
    now: dt.datetime = CLOCK
    done: list[str] = field(default_factory=list)
    _ids: Callable[[], str] = field(default_factory=iter_ids)
    _last: Planned | None = None

    @classmethod
    def of(cls, seed: int, stored: bytes) -> Firm:
        """A firm of its own for a seed."""
        firm = cls(seed, Random(f"plan history {seed}"), None)  # type: ignore[arg-type]
        firm.session = session_on(open_memory(stored), lambda: firm.now, lambda: f"n{firm._ids()}")
        firm.session.organisation = None
        return firm

    @property
    def as_of(self) -> dt.date:
        """Today."""
        return self.now.date()

    def plan(self) -> Planned:
        """Plan what changed, and keep it."""
        planned = make_plan(self.session, self.as_of)
        keep_plan(self.session, planned)
        self._last = planned
        return planned

    def act(self) -> None:
        """Do one thing."""
        name = self.chance.choice(sorted(_DEEDS))
        self.done.append(name)
        with self.session.database.writing(name) as connection:
            _DEEDS[name](self, connection)

    # What is stored

    def rows(self, connection: Connection, kind: str) -> dict[str, Row]:
        """Salesforce rows by id."""
        found = load_versions(connection, self.session.org_id, kind)
        return {version.ref.id: decode_fields(version.body) for version in found}

    def save_row(self, connection: Connection, kind: str, row: Row, *, deleted: bool = False) -> None:
        """Store a row as a sweep would."""
        reading = self.session.mapping.readings()[kind]
        stamped = {**row, "SystemModstamp": self.now.isoformat(), "IsDeleted": deleted}
        version = observe._row_version(self.session.org_id, reading, stamped)
        save_versions(connection, next_seq(connection), [version])

    def ledger(self, connection: Connection, kind: str, into: type[Any]) -> list[Any]:
        """Xero records in the order of their ids."""
        return [r for _, r in sorted(load_ledger(connection, self.session.organisation_id, kind, into).items())]

    def save_record(self, connection: Connection, record: LedgerRecord) -> None:
        """Store a record as a sweep would."""
        save_versions(connection, next_seq(connection), [to_version(self.session.organisation_id, record)])

    def one(self, found: list[Any]) -> Any:
        """One of several, or None."""
        return self.chance.choice(found) if found else None

    def links(self, connection: Connection, kind: Kind) -> list[StoredLink]:
        """Live links."""
        return list(load_links(connection, self.session.organisation_id, kind))

    # What people do in Salesforce

    def change_deal(self, connection: Connection) -> None:
        deals = self.rows(connection, "Opportunity")
        row = deals[self.one(sorted(deals))]
        accounts = [None, *sorted(self.rows(connection, "Account"))]
        day = self.as_of - dt.timedelta(days=self.chance.randrange(-10, 60))
        change: Row = self.one(
            [
                {"IsWon": not row["IsWon"], "LastStageChangeDate": f"{day}T01:00:00.000+0000"},
                {"IsWon": True, "LastStageChangeDate": f"{self.as_of}T01:00:00.000+0000"},
                {"CloseDate": day.isoformat()},
                {"AccountId": self.one(accounts)},
                {"Amount": Decimal(self.chance.randrange(-100, 5000))},
                {"Amount": ZERO},
                {"Deal_Number__c": f"D-{self.chance.randrange(30):05}"},
                {"Name": f"Renamed {self.chance.randrange(99)}"},
                {"CurrencyIsoCode": self.one(["AUD", "NZD", "JPY"])},
            ]
        )
        self.save_row(connection, "Opportunity", {**row, **change}, deleted=self.chance.random() < 0.1)

    def change_lines(self, connection: Connection) -> None:
        deals = self.rows(connection, "Opportunity")
        row = deals[self.one(sorted(deals))]
        lines = [dict(line) for line in row["OpportunityLineItems"]]
        if lines:
            line = self.one(lines)
            line["Quantity"] = Decimal(self.chance.randrange(-1, 9))
            line["Product2Id"] = self.one(sorted(self.rows(connection, "Product2")))
        worth = sum((line["Quantity"] * line["UnitPrice"] for line in lines), ZERO)
        changed = {**row, "OpportunityLineItems": lines, "Amount": round(worth, 2)}
        self.save_row(connection, "Opportunity", changed)

    def change_account(self, connection: Connection) -> None:
        accounts = self.rows(connection, "Account")
        row = accounts[self.one(sorted(accounts))]
        change = self.one(
            [
                {"ABN__c": self.one(list(TAX_NUMBERS)) or None},
                {"BillingCountry": self.one(["Australia", "New Zealand", "France", None])},
                {"Name": self.name()},
                {"Phone": self.one(list(PHONES))},
                {"AccountNumber": f"C-{self.chance.randrange(20)}"},
            ]
        )
        self.save_row(connection, "Account", {**row, **change}, deleted=self.chance.random() < 0.1)

    def change_product(self, connection: Connection) -> None:
        products = self.rows(connection, "Product2")
        row = products[self.one(sorted(products))]
        code = self.one(["VAL", "TRV", "ADV", None, f"X{self.chance.randrange(5)}"])
        change = self.one([{"ProductCode": code}, {"Xero_Account_Code__c": self.one([None, "200", "nil"])}])
        self.save_row(connection, "Product2", {**row, **change}, deleted=self.chance.random() < 0.1)

    # What people do in Xero

    def name(self) -> str:
        """A name that may resemble another."""
        return " ".join(self.chance.sample(WORDS, 2))

    def change_invoice(self, connection: Connection) -> None:
        invoice = self.one(self.ledger(connection, INVOICE, LedgerInvoice))
        if invoice is None:
            return
        deals = sorted(self.rows(connection, "Opportunity"))
        status = self.one(["DRAFT", "AUTHORISED", "PAID", "VOIDED", "DELETED"])
        change = self.one(
            [
                {"status": status},
                {"status": status},
                {"reference": f"order {self.one(deals)}"},
                {"reference": f"D-{self.chance.randrange(30):05}"},
                {"url": record_url(self.session.instance_url, self.one(deals))},
                {"number": f"INV-D-{self.chance.randrange(30):05}"},
                {"reference": f"Deal#D{self.chance.randrange(30):05}; final."},
                {"sub_total": invoice.sub_total + self.one([1, Decimal("0.03")])},
                {"contact_id": self.contact_id(connection)},
                {"lines": (*invoice.lines, LedgerLine("extra"))},
            ]
        )
        self.save_record(connection, replace(invoice, **change))

    def stranger_invoice(self, connection: Connection) -> None:
        """An invoice made by hand: like a deal's, or naming one."""
        deals = self.rows(connection, "Opportunity")
        deal = deals[self.one(sorted(deals))]
        amount = deal["Amount"] or ZERO
        invoice = LedgerInvoice(
            invoice_id=f"hand-{self.seed}-{self._ids()}",
            number=self.one(["", f"D-{self.chance.randrange(30):05}", str(deal["Deal_Number__c"])]),
            status=self.one(["DRAFT", "AUTHORISED"]),
            contact_id=self.contact_id(connection),
            contact_name="somebody",
            dated=dt.date.fromisoformat(deal["CloseDate"]),
            currency=deal["CurrencyIsoCode"],
            sub_total=amount,
            total_tax=ZERO,
            total=amount,
            amount_due=amount,
            amount_paid=ZERO,
            amount_credited=ZERO,
            updated=self.now,
            reference=self.one(["", str(deal["Deal_Number__c"]), f"for {deal['Id']}"]),
            url=self.one(["", record_url(self.session.instance_url, deal["Id"])]),
        )
        self.save_record(connection, invoice)

    def contact_id(self, connection: Connection) -> str:
        """Some contact."""
        return str(self.one(self.ledger(connection, CONTACT, LedgerContact)).contact_id)

    def change_contact(self, connection: Connection) -> None:
        contact = self.one(self.ledger(connection, CONTACT, LedgerContact))
        accounts = sorted(self.rows(connection, "Account"))
        change = self.one(
            [
                {"status": self.one(["ACTIVE", "ARCHIVED"])},
                {"name": self.name()},
                {"tax_number": self.one(list(TAX_NUMBERS))},
                {"phones": (LedgerPhone("DEFAULT", self.one(list(PHONES))),)},
                {"merged_to": self.one(["", self.contact_id(connection)]), "status": "ARCHIVED"},
                {"contact_number": self.one(["", self.one(accounts)])},
                {"sales_terms": self.one([None, (20, "DAYSAFTERBILLDATE")])},
            ]
        )
        self.save_record(connection, replace(contact, **change))

    def new_contact(self, connection: Connection) -> None:
        contact = LedgerContact(
            f"hand-{self.seed}-{self._ids()}", self.name(), "ACTIVE", self.now, "", "", self.one(list(TAX_NUMBERS))
        )
        self.save_record(connection, contact)

    def change_item(self, connection: Connection) -> None:
        item = self.one(self.ledger(connection, ITEM, LedgerItem))
        change = self.one([{"code": f"X{self.chance.randrange(5)}"}, {"account_code": self.one(["", "200", "nil"])}])
        self.save_record(connection, replace(item, **change))

    def change_books(self, connection: Connection) -> None:
        name = self.one(["organisation", "accounts", "tax_rates"])
        known = load_reference(connection, self.session.organisation_id, name)
        assert known is not None
        body: Row = json.loads(known[1])
        if name == "organisation":
            locked = self.as_of - dt.timedelta(days=self.chance.randrange(60))
            instant = int(dt.datetime.combine(locked, dt.time(), dt.UTC).timestamp() * 1000)
            body["Organisations"][0]["PeriodLockDate"] = f"/Date({instant}+0000)/"
        else:
            rows = body["Accounts" if name == "accounts" else "TaxRates"]
            self.one(rows)["Status"] = self.one(["ACTIVE", "ARCHIVED"])
        save_reference(connection, self.session.organisation_id, name, json.dumps(body).encode(), self.now)

    # What Crossfoot and the person at its desk do

    def carry_out(self, connection: Connection) -> None:
        """Some of the last plan's operations are applied; some are refused."""
        if self._last is None:
            return
        for operation in self._last.operations:
            if self.chance.random() < 0.3:
                self.refuse(connection, operation)
            elif self.chance.random() < 0.7:
                self.apply(connection, operation)
        self._last = None

    def refuse(self, connection: Connection, operation: Operation) -> None:
        stored = ops.StoredOperation(
            f"{self.seed}-{self._ids()}", "run", operation.identity, operation.source.id, operation.action.value,
            b"{}", operation.decided_hash, reason="", currency=operation.currency,
        )  # fmt: skip
        ops.reserve(connection, [stored], self.now)
        ops.settle(connection, stored.id, "refused", self.now, refusal="no")

    def apply(self, connection: Connection, operation: Operation) -> None:
        document = operation.document
        home = self.session.organisation_id
        known = {stored.link.identity for stored in self.links(connection, operation.identity.kind)}
        if isinstance(document, IntendedContact) and operation.identity not in known:
            contact = LedgerContact(
                f"made-{self.seed}-{self._ids()}",
                operation.status,
                "ACTIVE",
                self.now,
                operation.source.id,
                "",
                document.tax_number,
            )
            self.save_record(connection, contact)
            self.link(connection, operation.identity, contact.contact_id, "", operation.source.id)
        elif isinstance(document, IntendedItem):
            self.save_record(
                connection, LedgerItem(f"made-{self.seed}-{self._ids()}", document.code, document.name, self.now)
            )
        elif isinstance(document, IntendedInvoice):
            contact_id = operation.contact_id
            for stored in load_links(connection, home, Kind.CONTACT, source_keys=[operation.contact_source]):
                contact_id = contact_id or stored.link.xero_id
            if not contact_id:
                return
            invoice = self.made(operation, document, contact_id)
            base = content_hash(ledger_form(invoice))
            self.save_record(connection, invoice)
            if operation.xero_id:
                (stored,) = load_links(connection, home, Kind.INVOICE, source_keys=[operation.source.id])
                set_base(connection, stored.id, base_hash=base, source_hash=operation.source_hash)
            elif operation.identity not in known:
                self.link(
                    connection, operation.identity, invoice.invoice_id, base, operation.source.id, operation.source_hash
                )
                queue_store.set_bucket(connection, home, operation.source.id, "drafted")

    def made(self, operation: Operation, document: IntendedInvoice, contact_id: str) -> LedgerInvoice:
        """What Xero makes of an operation."""
        totals = operation.totals
        assert totals is not None
        lines = tuple(
            LedgerLine("", line.description, line.quantity, line.unit_amount, line.amount, ZERO, line.item_code,
                       line.account_code, line.tax_type, line.discount_rate, line.discount_amount, line.tracking)
            for line in document.lines
        )  # fmt: skip
        number = document_number("INV-", document.own_number, epoch=operation.identity.epoch)
        return LedgerInvoice(
            operation.xero_id or f"made-{self.seed}-{self._ids()}", number, "DRAFT", contact_id, "somebody",
            document.dated, document.currency, totals.ex_tax, totals.tax, totals.gross, totals.gross, ZERO, ZERO,
            self.now,
            document.due, None, document.reference, document.url, document.line_amounts.value, lines,
        )  # fmt: skip

    def link(
        self, connection: Connection, identity: Identity, xero_id: str, base: str, source_id: str, source_hash: str = ""
    ) -> None:
        taken = [s for s in self.links(connection, identity.kind) if xero_id == s.link.xero_id]
        if not taken:
            new = Link(identity, xero_id, "", "crossfoot", base, "")
            add_link(connection, new, self.now, source_id=source_id, source_hash=source_hash)

    def approve(self, connection: Connection) -> None:
        """Finance approves a draft that stands: from now on it leans on nothing."""
        invoices = self.ledger(connection, INVOICE, LedgerInvoice)
        drafts = [invoice for invoice in invoices if invoice.status == "DRAFT"]
        if drafts:
            self.save_record(connection, replace(self.one(drafts), status="AUTHORISED"))

    def retire(self, connection: Connection) -> None:
        stored = self.one(self.links(connection, self.one([Kind.INVOICE, Kind.CONTACT])))
        if stored:
            retire_link(connection, stored.id)

    def link_matched(self, connection: Connection, planned: Planned, account_id: str) -> None:
        """Keep which contact a customer was matched with."""
        decision = planned.contacts.get(account_id)
        known = {stored.source_id for stored in self.links(connection, Kind.CONTACT)}
        if decision and decision.contact_id and account_id not in known:
            identity = Identity(self.session.org_id, self.session.organisation_id, Kind.CONTACT, account_id)
            self.link(connection, identity, decision.contact_id, "", account_id)

    def link_customer(self, connection: Connection) -> None:
        account_id = self.one(sorted(self.rows(connection, "Account")))
        linked = {stored.source_id for stored in self.links(connection, Kind.CONTACT)}
        epochs = connection.execute(select(schema.link.c.epoch).where(schema.link.c.source_id == account_id)).scalars()
        if account_id not in linked:
            identity = Identity(
                self.session.org_id, self.session.organisation_id, Kind.CONTACT, account_id,
                epoch=max(epochs, default=0) + 1,
            )  # fmt: skip
            self.link(connection, identity, self.contact_id(connection), "", account_id)

    def decide(self, connection: Connection) -> None:
        """A person settles an entry, or takes a decision back."""
        entry = self.one(list(queue_store.open_entries(connection, self.session.organisation_id)))
        if entry is None:
            return
        theirs = [ref.id for ref in entry.related]
        home, source = self.session.organisation_id, entry.record.id
        kind = self.one(["not_same", "undone", "link_contact", "forget"])
        if kind == "forget":
            for each in ("not_same", "undone", "link_contact"):
                queue_store.forget_decision(connection, home, each, source)
        elif kind == "link_contact":
            account = self.one(sorted(self.rows(connection, "Account")))
            queue_store.decide(
                connection, home, kind, account, self.contact_id(connection), actor="Avery", now=self.now
            )
        else:
            target = self.one(theirs) or "nothing"
            queue_store.decide(connection, home, kind, source, target, actor="Avery", now=self.now)

    def time_passes(self, _connection: Connection) -> None:
        self.now += self.one([dt.timedelta(minutes=10), dt.timedelta(hours=30)])


_DEEDS: Mapping[str, Callable[[Firm, Connection], None]] = {
    deed.__name__: deed
    for deed in (
        Firm.change_deal, Firm.change_lines, Firm.change_account, Firm.change_product, Firm.change_invoice,
        Firm.stranger_invoice, Firm.change_contact, Firm.new_contact, Firm.change_item, Firm.change_books,
        Firm.carry_out, Firm.approve, Firm.retire, Firm.link_customer, Firm.decide, Firm.time_passes,
    )
}  # fmt: skip


def kept_state(database: Database) -> dict[str, list[Any]]:
    """Everything that keeping a plan decides: where deals stand and on what they lean, open entries, links."""
    tables = {
        "deals": (schema.disposition, {"planned_seq"}, None),
        "queue": (schema.queue, {"id", "opened_at", "closed_at"}, schema.queue.c.state == "open"),
        "links": (schema.link, set(), None),
    }
    state = {}
    with database.reading() as connection:
        for name, (table, ignored, where) in tables.items():
            columns = [column for column in table.c if column.name not in ignored]
            query = select(*columns) if where is None else select(*columns).where(where)
            state[name] = sorted(tuple(row) for row in connection.execute(query))
    return state
