"""What people do on both sides while the engine works, and a ledger of it for the oracles."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from crossfoot.emulators import people
from crossfoot.emulators.emulator import Emulator
from crossfoot.emulators.people import Acts, Office, RefusedError, Visit
from crossfoot.emulators.play import Person
from crossfoot.emulators.wire import Request

from .machine import Machine
from .shared import Shared
from .world import NEVER_INVOICED, OPEN_STAGE

BEHIND_S_MAX = 100
Record = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Vanished:
    """Deals that somebody deleted, or whose invoices somebody voided or deleted, at one go and between runs."""

    at: datetime
    side: str
    deals: frozenset[str]


@dataclass(slots=True)
class Ledger:
    """What people did: the oracles' own knowledge."""

    ended: dict[str, datetime] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    edits: dict[str, tuple[datetime, list[Any]]] = field(default_factory=dict)
    touched: dict[str, datetime] = field(default_factory=dict)
    edited_deals: set[str] = field(default_factory=set)
    settings_changed: list[datetime] = field(default_factory=list)
    recorded: dict[str, str] = field(default_factory=dict)
    recorded_in: dict[str, str] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    asked_back: set[str] = field(default_factory=set)
    asked_anew: set[str] = field(default_factory=set)
    merged: list[tuple[str, str]] = field(default_factory=list)
    vanished: list[Vanished] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


class Desks(Office):
    """People's hands on both worlds, without a client. ``behind_s``: a stamp given early, a row visible late (F34)."""

    def __init__(self, emulators: Mapping[str, Emulator]) -> None:
        self.salesforce_url, self.xero_url = "salesforce", "xero"
        self.behind_s = 0.0
        self._emulators = emulators

    def ask(self, base: str, method: str, path: str, body: Any = None, query: str = "") -> Any:
        """One request as a person at work; answers the parsed body. Raises RefusedError."""
        emulator = self._emulators[base]
        at = emulator.clock.now() - timedelta(seconds=self.behind_s)
        status, answer = Person(emulator.world, emulator.handle, at).ask(method, path, body, query)
        if status >= 400:
            raise RefusedError(f"{method} {path}: {status} {answer}")
        return answer

    def screen(self, base: str, name: str, body: Record) -> None:
        """One of an administrator's own screens (``/control/...``), which the data API does not have."""
        emulator = self._emulators[base]
        request = Request("POST", f"/control/{name}", body=json.dumps(body).encode())
        response, _ = emulator.handle(emulator.world, request, emulator.clock.now())
        if response.status >= 400:
            raise RefusedError(f"{name}: {response.body.decode()}")

    def today(self) -> str:
        """The present day."""
        return self._emulators["xero"].clock.now().date().isoformat()

    @property
    def books(self) -> Any:
        """The organisation's books, as Xero holds them."""
        world: Any = self._emulators["xero"].world
        (books,) = world.organisations.values()
        return books

    def org_row(self, name: str, record_id: str) -> Record:
        """A record as the org holds it."""
        world: Any = self._emulators["salesforce"].world
        found: Record = world.rows[name][record_id]
        return found

    def org_rows(self, name: str) -> list[Record]:
        """Every record of an object that is not in the bin."""
        world: Any = self._emulators["salesforce"].world
        return [row for row in world.rows.get(name, {}).values() if not row["IsDeleted"]]

    def deals(self) -> list[Record]:
        """Every opportunity that is not in the bin."""
        return self.org_rows("Opportunity")

    def customers(self) -> list[Record]:
        """Every contact in use that finance made: archiving one that a late request may still make frees its name."""
        mine = [each for each in self.books.all("Contacts") if not each.get("ContactNumber")]
        return [each for each in mine if each["ContactStatus"] == "ACTIVE"]

    def ledger_invoices(self) -> list[Record]:
        """Every sales invoice that carries a deal's address, as the ledger holds it."""
        return [record for record in self.books.all("Invoices") if record.get("Url")]


def deal_of(invoice: Mapping[str, Any]) -> str:
    """The deal that an invoice's Url names."""
    return str(invoice["Url"]).rsplit("/", 1)[-1]


def is_followed(invoice: Mapping[str, Any], invoices: Sequence[Mapping[str, Any]], ledger: Ledger) -> bool:
    """Whether a later invoice of its deal has taken its place, as a person asked."""

    def place(each: Mapping[str, Any]) -> tuple[int, str]:
        return len(each["InvoiceNumber"]), each["InvoiceNumber"]

    later = (each for each in invoices if deal_of(each) == deal_of(invoice) and place(each) > place(invoice))
    return deal_of(invoice) in ledger.asked_anew and any(later)


def lines_of(invoice: Mapping[str, Any]) -> list[Any]:
    """What a person sees of an invoice's lines."""
    return [(line["Description"], line["Quantity"], line["UnitAmount"]) for line in invoice["LineItems"]]


Deed = tuple[int, Callable[["People"], str]]
"""How often, in parts of all, and what: it answers on what, or nothing where it makes no sense."""


class People:
    """Everybody on both sides. ``act`` does one of ``deeds`` that makes sense at the moment, if there is one."""

    def __init__(self, machine: Machine, desks: Desks, ledger: Ledger, deeds: Mapping[str, Deed]) -> None:
        self.desks = desks
        self.ledger = ledger
        self.shared = Shared(desks)
        self.deeds = deeds
        self.chance = machine.chance
        self.aside = machine.aside
        self.selling = machine.selling
        self._machine = machine
        self._acts = Acts()
        self._deal = ""
        self._soon: list[tuple[str, str]] = []

    @property
    def now(self) -> datetime:
        """The present instant."""
        return self._machine.now

    def later(self, least_s: float, most_s: float, what: str, act: Callable[[], None]) -> None:
        """Somebody puts right what was done, some time later."""

        def put_right() -> None:
            with suppress(RefusedError):  # it may be gone by then
                act()

        self._machine.later(self.chance.uniform(least_s, most_s), what, put_right)

    def hear(self, what: str, act: Callable[[], None]) -> None:
        """Somebody on the other side hears of what was done, within a minute, and does the like."""

        def do() -> None:
            with suppress(RefusedError):
                act()

        self._machine.later(self.aside.uniform(5, 60), what, do)

    def act(self) -> str:
        """Do one thing; answers what, for the trace."""
        return self.do(self.chance.choices(list(self.deeds), [weight for weight, _deed in self.deeds.values()])[0])

    def do(self, name: str) -> str:
        """Do this, if it makes sense; answers what, for the trace."""
        self.desks.behind_s = self.chance.uniform(0, BEHIND_S_MAX) if self.chance.random() < 0.3 else 0.0
        try:
            subject = self.deeds[name][1](self)
        except RefusedError as error:
            return f"a person may not {name}: {str(error)[:80]}"
        if not subject:
            return f"nobody can {name}"
        self.ledger.counts[name] = self.ledger.counts.get(name, 0) + 1
        return f"a person does {name}: {subject}"

    def win(self) -> str:
        """Sales win an open deal."""
        deal = self.one([deal for deal in self.desks.deals() if deal["StageName"] == OPEN_STAGE])
        if deal:
            self.desks.salesforce("PATCH", f"/sobjects/Opportunity/{deal['Id']}", {"StageName": "Closed Won"})
        return str(deal["Name"]) if deal else ""

    def change_deal(self) -> str:
        """Sales sell one more of a deal's first line."""
        with_lines = [deal for deal in self.desks.deals() if deal.get("Pricebook2Id")]
        if self.chance.random() < 0.6:  # what is open changes as often, and makes no history
            won = [deal for deal in with_lines if deal["StageName"] != OPEN_STAGE]
            with_lines = [deal for deal in won if deal["Name"] not in NEVER_INVOICED] or with_lines
        deal = self.one([deal for deal in with_lines if self._deal in deal["Id"]])
        if deal:
            people.change_deal_amount(self.desks, Visit(deal["Id"], {}), self._acts)
            self._tell_others(deal["Id"])
        return str(deal["Name"]) if deal else ""

    def change_drafted(self) -> str:
        """Sales change a deal whose invoice is a draft that finance has not edited, and nobody hears of it: the draft
        is to follow."""
        deals = [deal for deal in self.desks.deals() if deal.get("Pricebook2Id")]
        won = {deal["Id"] for deal in deals if deal["StageName"] == "Closed Won"}
        drafts = [each for each in self.desks.ledger_invoices() if each["Status"] == "DRAFT"]
        untouched = [each for each in drafts if each["InvoiceID"] not in self.ledger.edits and deal_of(each) in won]
        if not untouched:
            return ""
        draft = self.aside.choice(untouched)
        people.change_deal_amount(self.desks, Visit(deal_of(draft), {}), self._acts)
        return str(draft["InvoiceNumber"])

    def _tell_others(self, deal_id: str) -> None:
        """One change brings others: finance look at the same document, sales think again. That is when races happen.

        Whoever is told at once looks within a minute, which is while a run is under way as often as not.
        """
        roll = self.chance.random()
        if roll < 0.25:
            self._soon.append((deal_id, self.chance.choice(("edit a draft", "edit a draft", "approve a draft"))))
        elif roll < 0.45:
            self._soon.append((deal_id, "change a deal"))
        elif roll < 0.65:
            self._machine.later(
                self.chance.uniform(2, 60), "finance hear of a change", lambda: self._on_deal(deal_id, "edit a draft")
            )

    def _on_deal(self, deal_id: str, name: str) -> None:
        """Do this about one deal, where it makes sense."""
        self._deal = deal_id
        try:
            self._machine.note(self.do(name))
        finally:
            self._deal = ""

    def follow_up(self) -> str:
        """Do what an earlier act led to; answers what, or nothing."""
        if not self._soon:
            return ""
        self._deal, name = self._soon.pop(0)
        try:
            return self.do(name)
        finally:
            self._deal = ""

    def approve(self) -> str:
        """The controller approves a draft."""
        return self.on_invoice({"DRAFT"}, lambda visit: people.approve(self.desks, [visit.document], self._acts))

    def pay(self) -> str:
        """A customer pays, all or a part."""
        share = self.chance.choice((Decimal(1), Decimal("0.25")))
        return self.on_invoice(
            {"AUTHORISED"}, lambda visit: people.pay(self.desks, [visit.document], share, self._acts, "paid")
        )

    def void(self) -> str:
        """Finance void an approved invoice."""
        return self.on_invoice({"AUTHORISED"}, lambda visit: people.void(self.desks, visit, self._acts), ends=True)

    def delete(self) -> str:
        """Finance delete a draft."""

        def do(visit: Visit) -> None:
            gone = {"InvoiceID": visit.document["InvoiceID"], "Status": "DELETED"}
            self.desks.xero("POST", "Invoices", [gone])

        return self.on_invoice({"DRAFT"}, do, ends=True)

    def archive(self) -> str:
        """Finance archive a customer by mistake, and restore it a few minutes later."""
        contact = self.one(self.desks.customers())
        if contact is None:
            return ""
        contact_id = contact["ContactID"]

        def set_status(status: str) -> None:
            self.desks.ask("xero", "POST", f"/Contacts/{contact_id}", {"ContactStatus": status})
            self.ledger.touched[contact_id] = self.now

        set_status("ARCHIVED")
        self.later(20, 240, "finance restore a customer", lambda: set_status("ACTIVE"))
        return str(contact["Name"])

    def lock_period(self) -> str:
        """Finance close the books up to a recent day by mistake, and open them minutes later, or most of an hour."""
        day = (self.now - timedelta(days=self.chance.randrange(1, 12))).date()

        def lock(date: str) -> None:
            self.desks.ask("xero", "POST", "/Organisation", {"PeriodLockDate": date})
            self.ledger.settings_changed.append(self.now)

        lock(day.isoformat())
        least_s, most_s = self.chance.choice(((20, 240), (1500, 3000)))
        self.later(least_s, most_s, "finance open the period", lambda: lock(""))
        return day.isoformat()

    def hide(self) -> str:
        """An administrator changes who sees a deal, and corrects that a few minutes later: hidden, not deleted.

        Who corrects it saves the deal too: what changed while it was hidden would carry an old stamp, and no sweep by
        stamps finds that. Deals that wait because of one another are left alone: each counts only while both are seen.
        """
        deal = self.one([deal for deal in self.desks.deals() if deal["Name"] not in NEVER_INVOICED])
        if deal is None:
            return ""
        record = {"object": "Opportunity", "id": deal["Id"]}

        def show() -> None:
            self.desks.screen("salesforce", "show", record)
            self.desks.salesforce("PATCH", f"/sobjects/Opportunity/{deal['Id']}", {"Description": "Shared again"})

        self.desks.screen("salesforce", "hide", record)
        self.later(20, 240, "an administrator shows a deal", show)
        return str(deal["Name"])

    def edit(self, lower_by: int = 10) -> str:
        """Finance reword a draft and lower a price."""
        number = self.on_invoice(
            {"DRAFT"}, lambda visit: people.edit_draft(self.desks, visit, self._acts, lower_by=lower_by)
        )
        for invoice in self.desks.ledger_invoices():
            if number and invoice["InvoiceNumber"] == number and invoice["Status"] == "DRAFT":
                self.ledger.edits[invoice["InvoiceID"]] = (self.now, lines_of(invoice))
                self.ledger.edited_deals.add(deal_of(invoice))
                if self.chance.random() < 0.5:
                    self._soon.append((deal_of(invoice), "change a deal"))
        return number

    def edit_new(self) -> str:
        """Finance reword a draft in the moment in which it was made or changed: before anybody has read it back."""
        drafts = [each for each in self.desks.ledger_invoices() if each["Status"] == "DRAFT"]
        new = [
            each for each in drafts if each["UpdatedDateUTC"] == self.now and each["InvoiceID"] not in self.ledger.edits
        ]
        if not new:
            return ""
        self._deal = deal_of(self.aside.choice(new))
        try:
            return self.edit(lower_by=0)
        finally:
            self._deal = ""

    def on_invoice(self, statuses: set[str], do: Callable[[Visit], object], *, ends: bool = False) -> str:
        standing = [each for each in self.desks.ledger_invoices() if each["Status"] in statuses]
        invoice = self.one([each for each in standing if self._deal in each["Url"]])
        if invoice is None:
            return ""
        do(Visit(deal_of(invoice), invoice))
        self.ledger.touched[invoice["InvoiceID"]] = self.now
        if ends:
            self.ledger.gone.add(invoice["InvoiceID"])
        if ends and not is_followed(invoice, self.desks.ledger_invoices(), self.ledger):
            self.ledger.ended[deal_of(invoice)] = self.now
        return str(invoice["InvoiceNumber"])

    def one(self, candidates: Sequence[T]) -> T | None:
        return self.chance.choice(candidates) if candidates else None
