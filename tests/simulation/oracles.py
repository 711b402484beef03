"""What must hold. Oracles read the emulators' worlds, the wire and people's ledger, never what the engine believes.

The two exceptions are what the contract says about the engine's own books: every live document has a link, and a
difference that stands is named in the review queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from crossfoot.core.links import Kind
from crossfoot.emulators.wire import Response
from crossfoot.store.audit import broken_audit_entry
from crossfoot.store.database import Database
from crossfoot.store.links import load_links
from crossfoot.store.queue import open_entries
from crossfoot.store.schema import call

from .machine import Violation
from .people import Desks, Ledger, deal_of, lines_of
from .wire import Sent
from .world import LOCKED_DEAL, NEVER_INVOICED, Pair

DEAD = {"VOIDED", "DELETED"}
GUARD_AGE = timedelta(seconds=10)
PLAN_AGE = timedelta(minutes=10)  # a creation overwrites nothing: it stands on its run's sweep
_NAMED = {"changed_after_approval", "rounding", "locked_period"}
_INCIDENTS = {"unlinked_marker", "duplicate_incident"}
_NAMED_IF_EDITED = {"draft_edited", "changed_and_draft_edited"}


class Oracles:
    """All oracles over one pair of worlds."""

    def __init__(self, pair: Pair, desks: Desks, ledger: Ledger) -> None:
        self._database: Database = pair.database
        self._xero: Any = pair.xero.world
        self._salesforce: Any = pair.salesforce.world
        self._desks = desks
        self._ledger = ledger
        self.residual = 0
        self._ghosts: set[str] = set()

    @property
    def _books(self) -> Any:
        (books,) = self._xero.organisations.values()
        return books

    def sent(self, sent: Sent) -> None:
        """I2: nothing leaves whose intent is not committed."""
        if not sent.is_write:
            return
        query = select(func.count()).select_from(call).where(call.c.state == "committed")
        key = sent.request.headers.get("idempotency-key")
        query = query.where(call.c.idempotency_key == key) if key else query.where(call.c.path == sent.request.path)
        with self._database.reading() as connection:
            if not connection.execute(query).scalar():
                raise Violation(f"I2: {sent.words} left without a committed intent")

    def delivered(self, sent: Sent, response: Response) -> None:
        """After each write: one document for each deal, nothing illegal, nobody's edit overwritten."""
        if not sent.is_write:
            return
        self._check_single()
        log = self._xero.log if sent.side == "xero" else self._salesforce.log
        touched = self._touched_since(sent)
        if log and log[-1]["illegal"] and not touched:
            raise Violation(f"I10: {sent.words}: {log[-1]['illegal']}")
        self._check_edits(sent)
        self._note_ghosts(sent)
        del response

    def _touched_since(self, sent: Sent) -> bool:
        """Whether a person touched a write's target too late for the engine to know (I4's residual window)."""
        age = PLAN_AGE if sent.request.method == "PUT" else GUARD_AGE
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
                self._ghosts.add(deal_of(invoice))

    def _check_single(self) -> None:
        live = Counter(deal_of(found) for found in self._desks.ledger_invoices() if found["Status"] not in DEAD)
        for deal_id, count in live.items():
            if count > 1:
                raise Violation(f"I1: {count} live invoices for {self._deal(deal_id)['Name']}")
        books = self._books
        for kind, key in (("Contacts", "ContactNumber"), ("Items", "Code")):
            seen = Counter(record[key] for record in books.all(kind) if record.get(key))
            if seen and (twice := seen.most_common(1)[0])[1] > 1:
                raise Violation(f"I1: {twice[1]} {kind} with {key} {twice[0]}")

    def _check_edits(self, sent: Sent | None) -> None:
        """I3: what a person edited stays, unless the write left before anybody could have seen the edit (I4)."""
        by_id = {found["InvoiceID"]: found for found in self._desks.ledger_invoices()}
        for invoice_id, (at, lines) in list(self._ledger.edits.items()):
            if lines_of(by_id[invoice_id]) == lines:
                continue
            if sent is None or at <= sent.at - GUARD_AGE:
                raise Violation(f"I3: a person's edit of {by_id[invoice_id]['InvoiceNumber']} at {at:%H:%M:%S} is lost")
            del self._ledger.edits[invoice_id]
            self.residual += 1

    def _deal(self, deal_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._salesforce.rows["Opportunity"][deal_id]
        return found

    def at_rest(self) -> None:
        """After the heal phase: everything that counts is there, once, right, linked, and told to Salesforce."""
        self._check_single()
        self._check_edits(None)
        invoices = self._desks.ledger_invoices()
        by_deal: dict[str, list[Mapping[str, Any]]] = {}
        for invoice in invoices:
            by_deal.setdefault(deal_of(invoice), []).append(invoice)
        with self._database.reading() as connection:
            links = {stored.link.xero_id for stored in load_links(connection, self._books.tenant_id, Kind.INVOICE)}
            waiting: dict[str, set[str]] = {}
            for entry in open_entries(connection, self._books.tenant_id):
                waiting.setdefault(entry.record.id, set()).add(entry.code)
            broken = broken_audit_entry(connection, self._books.tenant_id)
        if broken is not None:
            raise Violation(f"I21: the audit chain breaks at entry {broken}")
        for deal in self._desks.deals():
            self._check_deal(deal, by_deal.get(deal["Id"], []), waiting.get(deal["Id"], set()), links)
        for invoice in invoices:
            if deal_of(invoice) not in self._ghosts:
                self._check_written_back(invoice)

    def _check_deal(
        self, deal: Mapping[str, Any], invoices: list[Mapping[str, Any]], named: set[str], links: set[str]
    ) -> None:
        live = [invoice for invoice in invoices if invoice["Status"] not in DEAD]
        if deal["Id"] in self._ghosts:
            if not links.issuperset(invoice["InvoiceID"] for invoice in live) and not named & _INCIDENTS:
                raise Violation(f"I2: {deal['Name']} has a live invoice that is neither linked nor named: {named}")
            return
        due = deal["StageName"] == "Closed Won" and deal["Name"] not in NEVER_INVOICED
        wanted = 1 if due and deal["Id"] not in self._ledger.ended else 0
        if len(live) != wanted:
            raise Violation(f"I1: {deal['Name']} has {len(live)} live invoices, expected {wanted}; queue: {named}")
        if due and len(invoices) != 1:
            raise Violation(f"I1: {deal['Name']} was invoiced {len(invoices)} times")
        for invoice in live:
            if invoice["InvoiceID"] not in links:
                raise Violation(f"I2: {invoice['InvoiceNumber']} has no link")
            self._check_amount(deal, invoice, named)

    def _check_amount(self, deal: Mapping[str, Any], invoice: Mapping[str, Any], named: set[str]) -> None:
        if Decimal(invoice["SubTotal"]) == Decimal(deal["Amount"]):
            return
        edited, draft = invoice["InvoiceID"] in self._ledger.edits, invoice["Status"] == "DRAFT"
        if edited and not draft:
            return  # a person approved their own figures; the tie-out names the difference
        known = {"rounding"} if draft else _NAMED
        if not named & (known | _NAMED_IF_EDITED if edited else known):
            raise Violation(
                f"I8: {invoice['InvoiceNumber']} ({invoice['Status']}) is {invoice['SubTotal']}, the deal "
                f"{deal['Amount']}; queue: {sorted(named)}"
            )

    def _check_written_back(self, invoice: Mapping[str, Any]) -> None:
        """I5: Salesforce shows number, status and balance as Xero has them."""
        deal = self._deal(deal_of(invoice))
        if deal["Name"] == LOCKED_DEAL:
            return  # its validation rule refuses every write-back
        wanted = (invoice["InvoiceID"], invoice["Status"].capitalize(), invoice["AmountDue"])
        shown = (deal.get("Xero_Invoice_Id__c"), deal.get("Xero_Status__c"), deal.get("Xero_Amount_Due__c"))
        if shown != wanted:
            raise Violation(f"I5: {deal['Name']} shows {shown}, Xero has {wanted}")
        rows = [
            row
            for row in self._salesforce.rows.get("Xero_Invoice__c", {}).values()
            if row.get("Invoice_Id__c") == invoice["InvoiceID"]
        ]
        told = [(row["Invoice_Id__c"], row["Status__c"], row["Amount_Due__c"]) for row in rows]
        if told != [wanted]:
            raise Violation(f"I5: invoice records of {deal['Name']} show {told}, Xero has {wanted}")
