"""The desk: what people do about what waits. Every decision is kept with who took it, and none touches the vendors
except ``undo``, which deletes untouched drafts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from crossfoot.core.books import LedgerContact, LedgerInvoice
from crossfoot.core.decided import item_key
from crossfoot.core.documents import ledger_form
from crossfoot.core.errors import NeedsPerson, Stopped
from crossfoot.core.findings import REASONS
from crossfoot.core.links import Kind, Link, record_id_in
from crossfoot.core.records import Side, content_hash
from crossfoot.engine.guards.guard import check_guard
from crossfoot.engine.reading.ledger import CONTACT, INVOICE, load_ledger
from crossfoot.engine.session import Session
from crossfoot.engine.writing.cancelling import ASKED as CANCEL
from crossfoot.engine.writing.cancelling import REQUESTS as CANCEL_PROPOSED_BY
from crossfoot.engine.writing.reissue import ASKED, PROPOSED_BY, about
from crossfoot.store import operations as ops
from crossfoot.store import queue as queue_store
from crossfoot.store import workspace as store
from crossfoot.store.audit import AuditEntry, append_audit, read_audit
from crossfoot.store.codec import decode_fields
from crossfoot.store.database import Database
from crossfoot.store.links import (
    StoredLink,
    add_link,
    compare_again,
    drop_link,
    find_link,
    load_links,
    next_identity,
    retire_link,
    set_base,
)
from crossfoot.store.queue import QueueEntry
from crossfoot.store.versions import forget_answered, load_versions
from crossfoot.store.write_backs import retry_write_backs

IGNORE_DAYS_MAX = 366
_LINKABLE = {"already_invoiced": Kind.INVOICE, "number_taken": Kind.INVOICE, "contact_similar": Kind.CONTACT,
             "contact_ambiguous": Kind.CONTACT}  # fmt: skip
CHOSEN = "chosen by a person"
"""The evidence of a link that ``queue link`` made."""
_ONLY_TOLD_APART = frozenset({"payment_maybe_there", "contact_same_tax_number"})
"""Another payment is never taken for a row's own, and two accounts are made one in Salesforce alone."""
_UNSEEN: Mapping[str, Kind] = {"not_shown": Kind.INVOICE, "payment_not_shown": Kind.PAYMENT}
_REISSUED = frozenset({"invoice_voided", "undone"})
_SAID_ONCE = frozenset({"readback_differs", "rate_unusual", "credit_left", "payment_differs", "accounts_merged",
                        "contacts_merged"})  # fmt: skip
"""What is seen as it happens and never again: closed before a person looked, it would be lost."""
_ANSWERED_BY: Mapping[str, queue_store.Decided] = {PROPOSED_BY: ASKED, **dict.fromkeys(CANCEL_PROPOSED_BY, CANCEL)}
"""The kind of decision by which a question of the queue is answered, for the next sync to carry out."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The review queue of one organisation, as one person works it. Needs no access to either vendor."""

    database: Database
    org_id: str
    organisation_id: str
    actor: str
    now: dt.datetime

    def entries(self, *, ignored: bool = False) -> list[QueueEntry]:
        """Open entries, biggest money first; those put aside only when asked for."""
        today = self.now.date().isoformat()
        with self.database.reading() as connection:
            found = list(queue_store.open_entries(connection, self.organisation_id))
        return [entry for entry in found if ignored or not entry.ignored_until or entry.ignored_until <= today]

    def entry(self, entry_id: int) -> QueueEntry:
        """One entry."""
        with self.database.reading() as connection:
            return self._found(connection, entry_id)

    @contextmanager
    def deciding(self, action: str, entry_id: int) -> Iterator[tuple[Connection, QueueEntry]]:
        """A write transaction about one entry that waits, which nobody else settles meanwhile. What was settled is not
        decided once more: by now its record may have moved on."""
        with self.database.writing(action) as connection:
            entry = self._found(connection, entry_id)
            if entry.state != "open":
                title = REASONS[entry.code].title
                raise NeedsPerson(
                    f"Entry {entry.id} ({title}) is settled already, or asks about more by now: `crossfoot queue ls`."
                )
            yield connection, entry

    def _found(self, connection: Connection, entry_id: int) -> QueueEntry:
        found = queue_store.find_entry(connection, self.organisation_id, entry_id)
        if found is None:
            raise NeedsPerson(f"There is no queue entry {entry_id}. `crossfoot queue ls` shows them.")
        return found

    def ignore(self, entry_id: int, *, reason: str, until: dt.date) -> QueueEntry:
        """Put an entry aside until a day, with a reason; it stays on the tie-out. An answer to it that was not carried
        out yet is taken back."""
        if not reason.strip():
            raise NeedsPerson('Ignoring needs a reason: --reason "...".')
        today = self.now.date()
        if not today < until <= today + dt.timedelta(days=IGNORE_DAYS_MAX):
            raise NeedsPerson(f"--until must lie after today and within a year (today is {today}).")
        with self.deciding("ignore", entry_id) as (connection, entry):
            if entry.code in _ANSWERED_BY:
                queue_store.forget_decision(connection, self.organisation_id, _ANSWERED_BY[entry.code], entry.record.id)
            ignored = queue_store.ignore_entry(connection, entry, reason=reason.strip(), until=until.isoformat())
            self.note(connection, "ignore", entry, reason=reason.strip(), until=until.isoformat())
        return ignored

    def retry(self, entry_id: int) -> QueueEntry:
        """Ask for another attempt at the next run; a voided or undone invoice is issued anew under its next number.
        Whether another invoice is the deal's is asked again: a wrong answer to that may be why its own had to go."""
        with self.deciding("retry", entry_id) as (connection, entry):
            queue_store.forget_decision(connection, self.organisation_id, "undone", entry.record.id)
            retry_write_backs(connection, self.organisation_id, entry.record.id)
            for source_id in (entry.record.id, *(ref.id for ref in entry.related)):
                ops.forget_refusals(connection, self.organisation_id, source_id)
            compare_again(connection, self.organisation_id, entry.record.id)
            if entry.code in _REISSUED:
                queue_store.forget_decision(connection, self.organisation_id, "not_same", entry.record.id)
                stored = find_link(connection, self.organisation_id, Kind.INVOICE, entry.record.id)
                if stored:
                    retire_link(connection, stored.id)
            if entry.code in _UNSEEN:
                self._take_back_unseen(connection, _UNSEEN[entry.code], entry.record.id)
            queue_store.close_entry(connection, entry.id, self.now)
            self.note(connection, "retry", entry)
        return entry

    def _take_back_unseen(self, connection: Connection, kind: Kind, source_id: str) -> None:
        """What Xero never showed is as if no answer had come: looked up, then decided anew, an invoice under the same
        number."""
        home = self.organisation_id
        stored = find_link(connection, home, kind, source_id)
        for operation in list(
            ops.load_operations(connection, home, states=("applied",), kind=kind, source_id=source_id)
        ):
            if stored and stored.link.xero_id == operation.xero_id and operation.action == "create":
                ops.settle(connection, operation.id, "unknown", self.now)
                forget_answered(connection, home, kind.value, operation.xero_id)
                drop_link(connection, stored.id)

    def retry_many(self, *, code: str = "", owner: str = "", everything: bool = False) -> list[QueueEntry]:
        """Ask for another attempt at all entries of a reason, of an owner (a person or a role), or at all of them. Only
        where its reason is named is billed again what finance voided, or somebody undid, and closed what is said once.
        What is settled meanwhile is passed over."""
        if code and code not in REASONS:
            raise NeedsPerson(f"{code!r} is no reason. docs/reference/reasons.md lists them.")
        if not (code or owner or everything):
            raise NeedsPerson("Say which: an entry's number, --reason, --owner or --all.")
        wanted = owner.casefold()
        chosen = [
            entry
            for entry in self.entries()
            if (entry.code == code or (not code and entry.code not in _REISSUED | _SAID_ONCE))
            and wanted in {"", entry.owner.casefold(), entry.owner_name.casefold()}
        ]
        asked = []
        for entry in chosen:
            with suppress(NeedsPerson):
                asked.append(self.retry(entry.id))
        return asked

    def link(self, entry_id: int, target: str = "") -> tuple[QueueEntry, str]:
        """Say that the record shown is the same one: an existing invoice, or an existing customer."""
        with self.deciding("link", entry_id) as (connection, entry):
            chosen = self.pair(connection, entry, target)
            queue_store.close_entry(connection, entry.id, self.now)
            self.note(connection, "link", entry, to=chosen)
        return entry, chosen

    def pair(self, connection: Connection, entry: QueueEntry, target: str) -> str:
        """Link what an entry asks about to the Xero record meant, in the caller's transaction. Returns its id."""
        kind, source = linkable(entry), source_of(entry)
        choices = [ref.id for ref in entry.related if ref.side is Side.XERO]
        chosen = target or (choices[0] if len(choices) == 1 else "")
        if chosen not in choices and not (kind is Kind.CONTACT and self._is_customer(connection, chosen)):
            raise NeedsPerson(f"Say which one with --to: {', '.join(choices) or 'there is none to link'}.")
        if kind is Kind.CONTACT:
            queue_store.decide(
                connection, self.organisation_id, "link_contact", source, chosen, actor=self.actor, now=self.now
            )
            else_ = "merge the two accounts in Salesforce, or bill this deal alone to it: `crossfoot queue edit "
            else_ += f'{entry.id} --set contact={chosen} --reason "..."`.'
            self._link(connection, Kind.CONTACT, source, chosen, else_=else_)
        else:
            self._link_invoice(connection, entry, chosen)
        return chosen

    def _is_customer(self, connection: Connection, contact_id: str) -> bool:
        """Whether it is an active contact: a person may know of one that is not shown."""
        found = load_ledger(connection, self.organisation_id, CONTACT, LedgerContact, ids=[contact_id])
        return any(contact.is_active for contact in found.values())

    def _link_invoice(self, connection: Connection, entry: QueueEntry, invoice_id: str) -> None:
        invoice = load_ledger(connection, self.organisation_id, INVOICE, LedgerInvoice, ids=[invoice_id])[invoice_id]
        source_hash = ""
        for version in load_versions(connection, self.org_id, entry.record.kind, ids=[entry.record.id]):
            source_hash = version.hash
        base = content_hash(ledger_form(invoice))
        self._let_go_of(connection, invoice_id, entry.record.kind)
        else_ = "renumber it in Xero, or give this deal another number."
        self._link(connection, Kind.INVOICE, entry.record.id, invoice_id, invoice.number, base, else_=else_)
        stored = find_link(connection, self.organisation_id, Kind.INVOICE, entry.record.id)
        if stored:
            set_base(connection, stored.id, source_hash=source_hash)
        queue_store.set_bucket(connection, self.organisation_id, entry.record.id, "linked")

    def _let_go_of(self, connection: Connection, invoice_id: str, kind: str) -> None:
        """End the link of an invoice to a record that is no source any more, since the settings name another object."""
        for stored in list(load_links(connection, self.organisation_id, Kind.INVOICE, xero_ids=[invoice_id])):
            if not any(load_versions(connection, self.org_id, kind, ids=[stored.source_id])):
                retire_link(connection, stored.id)

    def _link(
        self,
        connection: Connection,
        kind: Kind,
        source_id: str,
        xero_id: str,
        number: str = "",
        base: str = "",
        *,
        else_: str,
    ) -> None:
        """A Xero record is one Salesforce record's: where it is another's already, ``else_`` says what can be done."""
        taken = list(load_links(connection, self.organisation_id, kind, xero_ids=[xero_id]))
        if taken:
            raise NeedsPerson(f"That {kind.value.lower()} is linked to {taken[0].source_id} already: {else_}")
        identity = next_identity(connection, self.org_id, self.organisation_id, kind, source_id)
        link = Link(identity, xero_id, number, "people", base, CHOSEN)
        add_link(connection, link, self.now, source_id=source_id)

    def not_same(self, entry_id: int) -> QueueEntry:
        """Say that the records shown are others: the deal or customer then goes on its own."""
        with self.deciding("not same", entry_id) as (connection, entry):
            if entry.code == "number_taken":
                raise NeedsPerson("Xero has one invoice of a number: renumber the one shown there, or link it.")
            if entry.code == "contact_ambiguous" and len([ref for ref in entry.related if ref.side is Side.XERO]) == 1:
                raise NeedsPerson(f"Xero has the contact shown as this account's own. {entry.fix}")
            if entry.code not in _ONLY_TOLD_APART:
                linkable(entry)
            source = source_of(entry)
            for ref in entry.related:
                if ref.id != source:
                    queue_store.decide(
                        connection, self.organisation_id, "not_same", source, ref.id, actor=self.actor, now=self.now
                    )
            queue_store.close_entry(connection, entry.id, self.now)
            self.note(connection, "not the same", entry)
        return entry

    def cancel(self, entry_id: int) -> QueueEntry:
        """Have the invoice of a lost or deleted deal taken back at the next sync: a draft is deleted, an unpaid invoice
        voided. The entry stays open until that is done."""
        with self.deciding("cancel", entry_id) as (connection, entry):
            if _ANSWERED_BY.get(entry.code) != CANCEL:
                raise NeedsPerson(f"Entry {entry.id} ({REASONS[entry.code].title}) is not about a deal that was lost.")
            stored = find_link(connection, self.organisation_id, Kind.INVOICE, entry.record.id)
            if stored is None:
                raise NeedsPerson(f"Entry {entry.id}: the deal has no invoice any more.")
            target = stored.link.xero_id
            ops.forget_refusals(connection, self.organisation_id, entry.record.id)
            queue_store.decide(
                connection, self.organisation_id, CANCEL, entry.record.id, target, actor=self.actor, now=self.now
            )
            self.note(connection, "cancel", entry, xero_id=target)
        return entry

    def reissue(self, entry_id: int) -> tuple[QueueEntry, str]:
        """Have the approved invoice of a changed deal credited in full and made anew at the next sync; returns its
        number. The answer is about the deal as it stands now: where it changes once more, it is asked again."""
        with self.deciding("reissue", entry_id) as (connection, entry):
            if entry.code != PROPOSED_BY:
                raise NeedsPerson(f"Entry {entry.id} ({REASONS[entry.code].title}) is not about a changed deal.")
            stored = find_link(connection, self.organisation_id, Kind.INVOICE, entry.record.id)
            versions = load_versions(connection, self.org_id, entry.record.kind, ids=[entry.record.id])
            hashes = [version.hash for version in versions]
            if stored is None or not hashes:
                raise NeedsPerson(f"Entry {entry.id}: the deal or its invoice is gone.")
            home, deal, target = self.organisation_id, entry.record.id, about(stored.link.xero_id, hashes[0])
            queue_store.forget_decision(connection, home, ASKED, deal)
            ops.forget_refusals(connection, home, deal)
            queue_store.decide(connection, home, ASKED, deal, target, actor=self.actor, now=self.now)
            self.note(connection, "reissue", entry, xero_id=stored.link.xero_id)
        return entry, stored.link.number

    def note(self, connection: Connection, action: str, entry: QueueEntry, **more: object) -> None:
        """Keep in the audit log what was decided about an entry."""
        append_audit(
            connection,
            self.organisation_id,
            self.now,
            actor=self.actor,
            action=f"queue {action}",
            record_id=entry.record.id,
            entry=entry.id,
            code=entry.code,
            **more,
        )


def linkable(entry: QueueEntry) -> Kind:
    """What kind of records an entry asks whether they are one. Raises ``NeedsPerson`` where it does not."""
    if entry.code not in _LINKABLE:
        raise NeedsPerson(f"Entry {entry.id} ({REASONS[entry.code].title}) is not about two records that may be one.")
    return _LINKABLE[entry.code]


def source_of(entry: QueueEntry) -> str:
    """The Salesforce record that an entry asks about: of a customer's the account, though a deal waits for it."""
    if not entry.code.startswith("contact"):
        return entry.record.id
    return next((ref.id for ref in entry.related if ref.side is Side.SALESFORCE), entry.record.id)


def go_live(session: Session, typed_name: str) -> None:
    """Lift the read-only guard of a live ledger; its name must be typed."""
    check_guard(session)
    connection_ = session.xero.connection
    if not session.is_live:
        raise NeedsPerson(f"{connection_.name} is a test organisation; it needs no going live.")
    if typed_name.strip() != connection_.name:
        raise Stopped(f"The name typed is not {connection_.name!r}. Nothing was changed.", code="name_mismatch")
    wanted = session.organisation.default_sales_tax if session.organisation else ""
    basis = "Tax Inclusive" if session.mapping.settings.prices == "inc_tax" else "Tax Exclusive"
    if wanted and wanted not in {basis, "No Tax"}:
        raise Stopped(
            f"Xero's default for sales is {wanted}, crossfoot.yaml says prices: {session.mapping.settings.prices}. "
            "Correct one of them first.",
            code="tax_basis",
        )
    now = session.host.now()
    with session.database.writing("go live") as connection:
        store.save_connection(connection, connection_.opened_to(session.org_id, now), now)
        append_audit(connection, session.organisation_id, now, actor=session.actor, action="go live", record_id="")


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything known of one record: the deal, its invoice, how they are tied, and what happened when."""

    source_id: str
    deal: Mapping[str, Any]
    link: StoredLink | None
    invoice: LedgerInvoice | None
    entries: tuple[QueueEntry, ...]
    history: tuple[AuditEntry, ...]


def explain(desk: Desk, mapping_object: str, wanted: str) -> Explanation:
    """Find a record by Salesforce id, invoice number, invoice id, deal number or name."""
    with desk.database.reading() as connection:
        invoices = load_ledger(connection, desk.organisation_id, INVOICE, LedgerInvoice)
        links = list(load_links(connection, desk.organisation_id, Kind.INVOICE))
        deals = {
            version.ref.id: decode_fields(version.body)
            for version in load_versions(connection, desk.org_id, mapping_object)
        }
        source_id = _find_source(wanted, invoices, links, deals)
        link = next((stored for stored in links if stored.source_id == source_id), None)
        entries = tuple(queue_store.open_entries(connection, desk.organisation_id, record_ids=[source_id]))
        history = tuple(read_audit(connection, desk.organisation_id, source_id))
    invoice = invoices.get(link.link.xero_id) if link else None
    if invoice is None:
        invoice = next((i for i in invoices.values() if record_id_in(i.url) == source_id), None)
    return Explanation(source_id, deals.get(source_id, {}), link, invoice, entries, history)


def _find_source(
    wanted: str,
    invoices: Mapping[str, LedgerInvoice],
    links: list[StoredLink],
    deals: Mapping[str, Mapping[str, Any]],
) -> str:
    text = wanted.strip()
    for deal_id in deals:
        if text in {deal_id, deal_id[:15]}:
            return deal_id
    by_invoice = {stored.link.xero_id: stored.source_id for stored in links}
    for invoice in invoices.values():
        if text.casefold() in {invoice.number.casefold(), invoice.invoice_id.casefold()}:
            found = by_invoice.get(invoice.invoice_id) or record_id_in(invoice.url)
            if found:
                return found
    folded = item_key(text)
    named = [
        deal_id
        for deal_id, fields in deals.items()
        if folded in {str(value).casefold() for value in fields.values() if isinstance(value, str)}
    ]
    if len(named) == 1:
        return named[0]
    raise NeedsPerson(
        f"{len(named)} records are called {wanted!r}; use the Salesforce id."
        if named
        else f"No deal or invoice is known as {wanted!r}. Use a Salesforce id, an invoice number or a deal's name."
    )
