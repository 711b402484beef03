"""What must hold at every moment. Oracles read the emulators' worlds, the wire and people's ledger.

Of the engine's own books they read only what the contract says about them: that a write was intended before it left,
and who holds the right to write. ``rest`` judges the state at the end.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from crossfoot.core.recovery import LIMIT_WAIT_S_MAX
from crossfoot.core.reissue import CREDIT_SUFFIX
from crossfoot.emulators.wire import Response
from crossfoot.engine.reading.ledger import LOCK_DATE_AGE
from crossfoot.engine.writing.landing import LANDS_WITHIN
from crossfoot.store.database import Database
from crossfoot.store.schema import call

from .machine import Actor, Machine, Violation
from .people import Desks, Ledger, deal_of, lines_of
from .rare import Reached
from .shared import SALESFORCE, Shared
from .wire import Sent
from .world import Pair

DEAD = {"VOIDED", "DELETED"}
GUARD_AGE = timedelta(seconds=10)
PLAN_AGE = timedelta(minutes=20)  # a creation overwrites nothing: it stands on its run's sweep
VANISHED_MIN = 5  # so few may be meant
DECIMALS_MAX, RATE_DECIMALS_MAX = 4, 6  # Xero keeps no more of a price or a quantity, and of a currency's rate
# A member of what is sent to Xero -> the kind that must hold a record of it by then, and under which name.
_REFERENCES: Mapping[str, tuple[str, str]] = {
    "Contact.ContactID": ("Contacts", "ContactID"),
    "Invoice.InvoiceID": ("Invoices", "InvoiceID"),
    "ItemCode": ("Items", "Code"),
}
_NO_PARENT = b"Foreign key external ID"
_TAKEN = (b"must be unique", b"already exists", b"already assigned", b"has this contact number")
_UNIQUE = (("Contacts", "ContactNumber"), ("Items", "Code"))


def _members(body: Any, within: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value of a body, with its name; one of Contact and Invoice by the name of both."""
    if isinstance(body, Mapping):
        for name, value in body.items():
            yield from _members(value, f"{within}.{name}" if within in {"Contact", "Invoice"} else name)
    elif isinstance(body, list):
        for each in body:
            yield from _members(each)
    else:
        yield within, body


class Oracles:
    """The oracles over the wire between engines and one pair of worlds."""

    def __init__(
        self, machine: Machine, pair: Pair, desks: Desks, ledger: Ledger, shared: Shared, reached: Reached
    ) -> None:
        self.residual = 0
        self.ghosts: set[str] = set()
        self.may_write: Callable[[], Actor | None] = lambda: machine.acting
        self._machine = machine
        self._database: Database = pair.database
        self._xero: Any = pair.xero.world
        self._salesforce: Any = pair.salesforce.world
        self._desks = desks
        self._ledger = ledger
        self._shared = shared
        self._reached = reached
        self._refused_elements = 0
        self._asked_to_wait: dict[tuple[Actor | None, str], datetime] = {}

    @property
    def books(self) -> Any:
        """The organisation's books."""
        (books,) = self._xero.organisations.values()
        return books

    def tokens(self) -> list[str]:
        """Every token that either vendor would take."""
        state = self._xero.state
        return [*state["access_tokens"], *state["refresh_tokens"], *self._salesforce.sessions]

    def told(self, text: str) -> None:
        """I20: no message shows a token. I22: nobody sleeps on a limit that lasts."""
        if any(token in text for token in self.tokens()):
            raise Violation("I20: a message shows a token")
        if self._machine.longest_sleep_s > max(LIMIT_WAIT_S_MAX, LANDS_WITHIN.total_seconds()):
            raise Violation(f"I22: an engine slept {self._machine.longest_sleep_s:.0f} s instead of giving up")

    def sent(self, sent: Sent) -> None:
        """What must hold as a request leaves."""
        self._check_tenant(sent)
        self._check_patience(sent)
        if sent.is_token:
            self._note_grace(sent)
        if sent.is_write:
            self._check_intent(sent)
            self._check_writer(sent)
            self._check_brake(sent)
            self._check_contents(sent)

    def _check_tenant(self, sent: Sent) -> None:
        """I11: a call to an organisation names it, and no other."""
        if sent.side == "xero" and sent.request.path.startswith("/api.xro"):
            named = sent.request.headers.get("xero-tenant-id", "")
            if named != self.books.tenant_id:
                raise Violation(f"I11: {sent.words} names the organisation {named!r}")

    def _check_patience(self, sent: Sent) -> None:
        """I22: whoever was told to wait waits."""
        until = self._asked_to_wait.get((self._machine.acting, sent.side))
        if until and sent.at < until and not sent.is_token:
            raise Violation(f"I22: {sent.words} left {(until - sent.at).total_seconds():.0f} s before its time")

    def _check_intent(self, sent: Sent) -> None:
        """I2: nothing leaves whose intent is not committed."""
        query = select(func.count()).select_from(call).where(call.c.state == "committed")
        key = sent.request.headers.get("idempotency-key")
        query = query.where(call.c.idempotency_key == key) if key else query.where(call.c.path == sent.request.path)
        with self._database.reading() as connection:
            if not connection.execute(query).scalar():
                raise Violation(f"I2: {sent.words} left without a committed intent")

    def _check_writer(self, sent: Sent) -> None:
        """I19: who writes holds the lock, or the lease that nobody took since."""
        if self._machine.acting is not self.may_write():
            raise Violation(f"I19: {sent.words} was sent by an engine that may not write any more")

    def _check_brake(self, sent: Sent) -> None:
        """I25: where most of what is linked vanished between two runs, nothing is written until a person looked."""
        rows, invoices = self._salesforce.rows["Opportunity"], self._desks.ledger_invoices()
        ended = {deal_of(each) for each in invoices if each["Status"] in DEAD}
        for each in self._ledger.vanished:
            gone = {
                deal for deal in each.deals if (rows[deal]["IsDeleted"] if each.side == SALESFORCE else deal in ended)
            }
            if 2 * len(gone) > len({deal_of(invoice) for invoice in invoices}) and len(gone) >= VANISHED_MIN:
                raise Violation(
                    f"I25: {sent.words} left although {len(gone)} deals or invoices were gone in {each.side}"
                )

    def _check_contents(self, sent: Sent) -> None:
        """I24: no amount has passed through a binary float. I18: what a document refers to is there before it."""
        body = json.loads(sent.request.body or b"null", parse_float=Decimal)
        self._shared.note_told(body)
        for name, value in _members(body):
            decimals = RATE_DECIMALS_MAX if name == "CurrencyRate" else DECIMALS_MAX
            if isinstance(value, Decimal) and round(value, decimals) != value:
                raise Violation(f"I24: {sent.words} sends {name} as {value}")
            if sent.side == "xero" and name in _REFERENCES:
                kind, key = _REFERENCES[name]
                if not any(each.get(key) == value for each in self.books.all(kind)):
                    raise Violation(f"I18: {sent.words} refers to {name} {value}, which is not there")

    def answered(self, sent: Sent, response: Response) -> None:
        """What an engine was told that it has to keep to."""
        if sent.side == "xero" and sent.is_write:
            elements = sent.request.body.count(b'"ContactNumber"') + sent.request.body.count(b'"InvoiceNumber"')
            if elements and 2 * elements - 1 <= self._refused_elements <= 2 * elements + 1:
                self._reached.note("a batch was halved")
            self._refused_elements = elements if response.status == 400 else 0
        headers = {name.lower(): value for name, value in response.headers}
        if response.status == 429 and (wait := headers.get("retry-after")):
            until = self._machine.now + timedelta(seconds=float(wait))
            self._asked_to_wait[self._machine.acting, sent.side] = until
            if headers.get("x-rate-limit-problem") == "day":
                self._reached.note("a day's limit parked the organisation")

    def delivered(self, sent: Sent, response: Response) -> None:
        """After each write: one document for each deal, nothing illegal, nobody's edit overwritten."""
        self._note_rare(sent, response)
        if not sent.is_write:
            return
        self._check_single()
        if _NO_PARENT in response.body:
            raise Violation(f"I18: {sent.words} has a row that points at one that is not there")
        log = self._xero.log if sent.side == "xero" else self._salesforce.log
        if log and log[-1]["illegal"] and not self._touched_since(sent):
            raise Violation(f"I10: {sent.words}: {log[-1]['illegal']}")
        is_invoice = sent.request.path.endswith("/Invoices")
        if sent.side == "xero" and is_invoice and b'"AUTHORISED"' in sent.request.body:
            raise Violation(f"I10: {sent.words} approves an invoice, which is for people to do")
        self.check_edits(sent)
        for lost in self._shared.lost(sent.at - GUARD_AGE):
            raise Violation(f"I3: a person's edit is lost: {lost}")
        if sent.side == "xero":
            self._note_taken_back(sent)
        self._note_ghosts(sent)

    def _note_taken_back(self, sent: Sent) -> None:
        """I10: an invoice that a write took back was a person's to give up: they did it, or they asked for it."""
        for invoice in self._desks.ledger_invoices():
            deal_id, note = deal_of(invoice), f'"{invoice["InvoiceNumber"]}{CREDIT_SUFFIX}"'
            if note.encode() in sent.request.body and deal_id not in self._ledger.asked_anew:
                raise Violation(f"I10: {invoice['InvoiceNumber']} was credited, which nobody asked for")
            if invoice["Status"] in DEAD and not {deal_id, invoice["InvoiceID"]} & (
                self._ledger.ended.keys() | self._ledger.gone
            ):
                if deal_id not in self._ledger.asked_back:
                    raise Violation(f"I10: {invoice['InvoiceNumber']} was taken back, which nobody asked for")
                self._ledger.ended[deal_id] = self._machine.now
                self._reached.note("an invoice was taken back when a person asked")

    def is_credited(self, invoice: Mapping[str, Any]) -> bool:
        """Whether a credit note of its own takes an invoice back in full, after a person asked for a new one.

        What people do to it afterwards, such as taking a payment away, does not bring it back. One that could be voided
        had nothing of the note's on it (XERO 4.3): there people came first.
        """
        if deal_of(invoice) not in self._ledger.asked_anew or invoice["Status"] in DEAD:
            return False
        if invoice["AmountDue"] and invoice["InvoiceID"] not in self._ledger.touched:
            return False
        return any(
            (note["CreditNoteNumber"], note["Total"])
            == (f"{invoice['InvoiceNumber']}{CREDIT_SUFFIX}", invoice["Total"])
            for note in self.books.all("CreditNotes")
            if note["Status"] not in DEAD
        )

    def standing(self, invoices: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Those that count: neither dead nor credited to be made anew."""
        return [each for each in invoices if each["Status"] not in DEAD and not self.is_credited(each)]

    def _note_rare(self, sent: Sent, response: Response) -> None:
        if sent.side != "xero" or not sent.is_write:
            return
        if any(sign in response.body.lower() for sign in _TAKEN):
            self._reached.note("a second creation was refused as taken")
        if sent.request.method == "POST" and sent.request.path.endswith("/Invoices"):
            self._reached.note("a draft was updated")

    def _note_grace(self, sent: Sent) -> None:
        """Whether a refresh token that was used before is used once more: its successor was lost."""
        known = self._xero.state["refresh_tokens"]
        asked = sent.request.body.decode()
        if sent.side == "xero" and any(row["used"] and token in asked for token, row in known.items()):
            self._reached.note("the graceful refresh token was used")

    def _touched_since(self, sent: Sent) -> bool:
        """Whether a person touched a write's target too late for the engine to know (I4's residual window)."""
        age = PLAN_AGE if sent.request.method == "PUT" else GUARD_AGE
        of_locks = max(age, LOCK_DATE_AGE + GUARD_AGE)  # a lock date is read again after a minute by design
        if any(at > sent.at - of_locks for at in self._ledger.settings_changed):
            return True
        return any(
            at > sent.at - age and record_id.encode() in sent.request.body
            for record_id, at in self._ledger.touched.items()
        )

    def _note_ghosts(self, sent: Sent) -> None:
        """A creation that arrives after a person deleted its successor makes a draft that nobody asked for any more.

        Xero frees the number of a deleted draft, so nothing can refuse it; it has to be linked or named.
        """
        for invoice in self._desks.ledger_invoices():
            ended = self._ledger.ended.get(deal_of(invoice))
            if ended and sent.at < ended and invoice["Status"] not in DEAD:
                self.ghosts.add(deal_of(invoice))

    def _check_single(self) -> None:
        """I1: one live invoice for a deal, one contact for an account, one item for a code."""
        live = Counter(deal_of(found) for found in self.standing(self._desks.ledger_invoices()))
        for deal_id, count in live.items():
            if count > 1:
                raise Violation(f"I1: {count} live invoices for {self.deal(deal_id)['Name']}")
        for kind, key in _UNIQUE:
            seen = Counter(record[key] for record in self.books.all(kind) if record.get(key))
            if seen and (twice := seen.most_common(1)[0])[1] > 1:
                raise Violation(f"I1: {twice[1]} {kind} with {key} {twice[0]}")

    def check_edits(self, sent: Sent | None) -> None:
        """I3: what a person edited stays, unless the write left before anybody could have seen the edit (I4)."""
        by_id = {found["InvoiceID"]: found for found in self._desks.ledger_invoices()}
        for invoice_id, (at, lines) in list(self._ledger.edits.items()):
            if lines_of(by_id[invoice_id]) == lines:
                continue
            if sent is None or at <= sent.at - GUARD_AGE:
                raise Violation(f"I3: a person's edit of {by_id[invoice_id]['InvoiceNumber']} at {at:%H:%M:%S} is lost")
            del self._ledger.edits[invoice_id]
            self.residual += 1

    def deal(self, deal_id: str) -> Mapping[str, Any]:
        """A deal as the org holds it."""
        found: Mapping[str, Any] = self._salesforce.rows["Opportunity"][deal_id]
        return found
