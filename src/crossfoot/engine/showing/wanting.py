"""What should stand in Salesforce, worked out for what moved and kept before it is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from crossfoot.core.books import (
    POSTED_STATUSES,
    UNAPPROVED_STATUSES,
    LedgerBill,
    LedgerContact,
    LedgerCredit,
    LedgerCreditNote,
    LedgerInvoice,
)
from crossfoot.core.decided import CALLS_FOR_NONE, Bucket
from crossfoot.core.findings import REASONS
from crossfoot.core.links import Kind, LinkState
from crossfoot.core.money import EXACT, ZERO
from crossfoot.core.records import content_hash
from crossfoot.core.reissue import is_credited
from crossfoot.engine.reading.ledger import BILL, CONTACT, CREDIT, CREDIT_NOTE, INVOICE, load_books, load_ledger
from crossfoot.engine.session import Session
from crossfoot.engine.showing.balances import balances
from crossfoot.engine.showing.mirror import ISSUE_CLOSED, UPDATES_WAVE, WAVES, Mirror, Row
from crossfoot.engine.showing.moved import OWED_BY, Document, find_moved
from crossfoot.mapping.compiled import CURRENCY
from crossfoot.store import write_backs as store
from crossfoot.store.codec import decode_fields
from crossfoot.store.dispositions import Disposition, load_dispositions
from crossfoot.store.feed import save_shown_to
from crossfoot.store.links import load_links
from crossfoot.store.lookups import chunks, find_candidates
from crossfoot.store.queue import QueueEntry, open_entries
from crossfoot.store.versions import deleted_ids, load_versions, unread
from crossfoot.store.write_backs import WriteBack

ERROR_LENGTH = 255
_DIGEST_LENGTH = 32  # 128 bits tell one wanted state of a row from another
_TAKEN_BACK: Mapping[str, Mapping[str, Any]] = {"line": {"Removed__c": True}, "payment": {"Status__c": "Deleted"}}
_AMOUNTS = frozenset(
    {"SubTotal", "TotalTax", "Total", "AmountDue", "AmountPaid", "AmountCredited", "Drafted", "Invoiced", "Uninvoiced"}
)
# Not shown on a deal: that it could not be shown there is no reason to try anew.
_OWN_TROUBLE = "write_back_refused"


class Wanting:
    """One round of working out what should stand in Salesforce, in one transaction, some hundred records at a time."""

    def __init__(self, session: Session, connection: Connection, as_of: date) -> None:
        self._session, self._connection, self._as_of = session, connection, as_of
        self._home, self._mapping = session.organisation_id, session.mapping
        self._unread = unread(connection, self._home, INVOICE)  # nobody has seen these in Xero yet
        records = self._mapping.settings.flows.invoices.records
        names = (self._mapping.deal_object, self._mapping.account_object)
        self._gone_payments = deleted_ids(connection, session.org_id, self._mapping.payment_object)
        self._mirror = Mirror(
            self._home,
            {str(kind): name for kind, name in records.items()},
            load_books(connection, self._home),
            multi_currency=self._mapping.has_currencies,
            gone=frozenset(each for name in names for each in deleted_ids(connection, session.org_id, name)),
            account_object=self._mapping.account_object,
            deal_object=self._mapping.deal_object,
        )

    def want_all(self, *, full: bool = False) -> None:
        """Every row that may have changed, and with ``full`` every other one too: the same comes of it."""
        moved = find_moved(self._session, self._connection, self._mirror.books, self._as_of, full=full)
        self._want_rows(self._mirror.reference_rows())
        if moved.items:
            self._want_items()
        for part in chunks(moved.contacts):
            self._want_customers(part)
            self._want_nothing_of(part)
        for part in chunks(moved.invoices):
            self._want_invoices(part)
        for part in chunks(moved.notes):
            self._want_notes(part)
        if "bill" in self._mirror.records:
            for part in chunks(moved.bills):
                bills = load_ledger(self._connection, self._home, BILL, LedgerBill, ids=part)
                self._want_rows(map(self._mirror.bill_row, bills.values()))
        for part in chunks(moved.deals):
            self._want_deals(part)
        self._forget(self._mapping.payment_object, self._gone_payments)
        store.let_refusals_go(self._connection, self._home, self._mapping.written_objects)
        self.want_issues()
        save_shown_to(self._connection, self._home, moved.reached)

    def _want_rows(self, rows: Iterable[Row]) -> None:
        """Rows of the kinds that the settings name."""
        self._want(
            WriteBack(name, row.key, row.fields, "", row.source_id or row.key, WAVES[row.kind], parent=row.parent)
            for row in rows
            if (name := self._mirror.records.get(row.kind))
        )

    def _want(self, items: Iterable[WriteBack]) -> None:
        """Keep what stands otherwise than it should, or does not stand yet. Where the settings name no field any more
        nothing is wanted, nor sent that was wanted before."""
        by_object: dict[str, dict[str, WriteBack]] = defaultdict(dict)
        unnamed: dict[str, set[str]] = defaultdict(set)
        for item in items:
            plain = {each: _plain(value) for each, value in item.fields.items()}
            if plain:
                digest = content_hash(plain)[:_DIGEST_LENGTH]
                by_object[item.object][item.key] = replace(item, fields=plain, wanted_hash=digest)
            else:
                unnamed[item.object].add(item.key)
        for name, keys in unnamed.items():
            self._forget(name, keys)
        for name, rows in by_object.items():
            known = store.wanted_states(self._connection, self._home, name, rows)
            new = [item for key, item in rows.items() if known.get(key) != item.state]
            store.want_write_backs(self._connection, self._home, new)

    def _update(self, name: str, record_id: str, fields: Mapping[str, Any]) -> WriteBack:
        """Fields of a record that was in Salesforce before."""
        return WriteBack(name, record_id, fields, "", record_id, UPDATES_WAVE)

    # What Xero holds

    def _invoices(self, ids: Iterable[str]) -> dict[str, LedgerInvoice]:
        found = load_ledger(self._connection, self._home, INVOICE, LedgerInvoice, ids=ids)
        return {key: invoice for key, invoice in found.items() if key not in self._unread}

    def _owed_by(self, kind: str, into: type[Any], contacts: Collection[str]) -> list[Any]:
        ids = find_candidates(self._connection, self._home, kind, OWED_BY, contacts)
        found = load_ledger(self._connection, self._home, kind, into, ids=ids - self._unread.keys())
        return [document for document in found.values() if document.contact_id in contacts]

    def _customers(self, documents: Iterable[Document]) -> dict[str, str]:
        """The account of each contact that documents name."""
        return self._sources(Kind.CONTACT, {document.contact_id for document in documents})

    def _sources(self, kind: Kind, xero_ids: Iterable[str]) -> dict[str, str]:
        found = load_links(self._connection, self._home, kind, xero_ids=xero_ids)
        return {stored.link.xero_id: stored.source_id for stored in found}

    # Rows

    def _want_customers(self, ids: Collection[str]) -> None:
        """What each customer owes: on its row, and on its account where it has one."""
        target = self._mapping.settings.flows.customers.write_back
        contacts = load_ledger(self._connection, self._home, CONTACT, LedgerContact, ids=ids)
        mirror = replace(self._mirror, customers=self._sources(Kind.CONTACT, ids))
        accounts = self._fields_of(self._mapping.account_object, mirror.customers.values())
        found = balances(
            self._owed_by(INVOICE, LedgerInvoice, ids),
            self._owed_by(CREDIT, LedgerCredit, ids),
            self._owed_by(CREDIT_NOTE, LedgerCreditNote, ids),
            self._as_of,
        )
        name = mirror.records.get("contact", "")
        shown = store.wanted_states(self._connection, self._home, name, map(mirror.key, ids))
        rows, updates = [], []
        for contact_id in ids:
            account_id = mirror.customers.get(contact_id)
            if not (contact_id in found or account_id or mirror.key(contact_id) in shown):
                continue
            balance = found[contact_id]
            if contact_id in contacts:
                rows.append(mirror.contact_row(contacts[contact_id], balance))
            if account_id and account_id not in mirror.gone:
                own = str(accounts.get(account_id, {}).get(CURRENCY) or self._mapping.constant_currency)
                values = balance.values(contact_id, shown_in=own)
                fields = {field: values[value] for field, value in target.items()}
                updates.append(self._update(self._mapping.account_object, account_id, fields))
        self._want_rows(rows)
        self._want(updates)
        self._forget(self._mapping.account_object, mirror.gone & set(mirror.customers.values()))

    def _want_nothing_of(self, accounts: Iterable[str]) -> None:
        """Empty what accounts were told of a contact that is theirs no more, since its link was taken back."""
        name = self._mapping.account_object
        told = store.wanted_states(self._connection, self._home, name, accounts).keys() - self._mirror.gone
        linked = load_links(self._connection, self._home, Kind.CONTACT, source_keys=told)
        unlinked = told - {stored.source_id for stored in linked}
        blank = dict.fromkeys(self._mapping.settings.flows.customers.write_back)
        self._want(self._update(name, account_id, blank) for account_id in sorted(unlinked))

    def _want_invoices(self, ids: Collection[str]) -> None:
        invoices = self._invoices(ids)
        customers, deals = self._customers(invoices.values()), self._sources(Kind.INVOICE, invoices)
        mirror = replace(self._mirror, customers=customers, deals=deals)
        fields = self._fields_of(self._mapping.deal_object, deals.values())
        open_credits = self._open_credits(invoices.values())
        rows: list[Row] = []
        for invoice_id, invoice in sorted(invoices.items()):
            deal = fields.get(deals.get(invoice_id, ""))
            account_id = deal.get(f"{self._mapping.account_object}Id") if deal is not None else None
            lookups = self._mapping.lookups_of(deal) if deal is not None else {}
            rows += mirror.invoice_rows(invoice, payment_status(invoice, open_credits), account_id, lookups)
        self._want_rows(rows)
        self._want_gone(set(map(mirror.key, invoices)), {row.key for row in rows})

    def _want_gone(self, parents: Collection[str], standing: Collection[str]) -> None:
        """Lines and payments that were taken back in Xero: the row stays and says so, unless people deleted it."""
        standing = {*standing, *self._keys_of_gone()}
        for kind, says in _TAKEN_BACK.items():
            name = self._mirror.records.get(kind, "")
            below = store.rows_below(self._connection, self._home, name, parents)
            self._want(
                WriteBack(name, key, says, "", source, WAVES[kind], parent=parent)
                for key, source, parent in below
                if key not in standing
            )

    def _keys_of_gone(self) -> set[str]:
        """The keys that deleted rows of payments bore: told once more, such a key would make an empty row."""
        flow, org_id = self._mapping.settings.flows.payments, self._session.org_id
        if flow is None:
            return set()
        gone = load_versions(self._connection, org_id, flow.salesforce, ids=self._gone_payments)
        return {str(decode_fields(version.body).get(flow.key) or "") for version in gone}

    def _open_credits(self, invoices: Iterable[LedgerInvoice]) -> list[LedgerCredit]:
        paid = {invoice.contact_id for invoice in invoices if invoice.status == "PAID"}
        return self._owed_by(CREDIT, LedgerCredit, paid)

    def _fields_of(self, kind: str, ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        found = load_versions(self._connection, self._session.org_id, kind, ids=ids)
        return {version.ref.id: decode_fields(version.body) for version in found}

    def _want_notes(self, ids: Collection[str]) -> None:
        notes = load_ledger(self._connection, self._home, CREDIT_NOTE, LedgerCreditNote, ids=ids).values()
        deals = self._sources(Kind.INVOICE, {invoice for note in notes for invoice in note.invoice_ids})
        mirror = replace(self._mirror, customers=self._customers(notes), deals=deals)
        self._want_rows(mirror.credit_note_row(note) for note in notes)

    def _want_items(self) -> None:
        """Items, and the stock that Xero keeps of them."""
        target = self._mapping.settings.flows.products.write_back
        mirror = replace(self._mirror, products=self._products())
        self._want_rows(mirror.item_rows())
        updates = []
        for item in mirror.books.items.values():
            product_id = mirror.products.get(item.code.casefold())
            if product_id and item.quantity_on_hand is not None:
                values = {"QuantityOnHand": item.quantity_on_hand}
                fields = {name: values[value] for name, value in target.items()}
                updates.append(self._update(self._mapping.product_object, product_id, fields))
        self._want(updates)

    def _products(self) -> dict[str, str]:
        """Products by item code; of several with one code the first."""
        mapping, found = self._mapping, dict[str, str]()
        for version in load_versions(self._connection, self._session.org_id, mapping.product_object):
            if not version.deleted:
                code = mapping.item(version.ref.id, decode_fields(version.body)).code
                found.setdefault(code.casefold(), version.ref.id)
        return found

    def _want_deals(self, ids: Collection[str]) -> None:
        """Each deal that counts: its invoice, and where it stands in money and words."""
        target = self._mapping.settings.flows.invoices.write_back
        links = list(load_links(self._connection, self._home, Kind.INVOICE, source_keys=ids, live_only=False))
        linked = {each.source_id: each.link.xero_id for each in links if each.link.state is LinkState.LIVE}
        # In the order of their making: where a deal's invoice was taken back, its last one is still shown.
        taken_back = {each.source_id: each.link.xero_id for each in links if each.source_id not in linked}
        invoices = self._invoices([*linked.values(), *taken_back.values()])
        open_credits = self._open_credits(invoices.values())
        waiting: dict[str, QueueEntry] = {}
        for entry in open_entries(self._connection, self._home, record_ids=ids):
            if REASONS[entry.code].weight.value == "waits" and entry.code != _OWN_TROUBLE:
                waiting.setdefault(entry.record.id, entry)
        told = store.wanted_states(self._connection, self._home, self._mapping.deal_object, ids)
        updates = []
        for deal in load_dispositions(self._connection, self._home, record_ids=ids):
            invoice = invoices.get(linked.get(deal.record_id, ""))
            last = invoice or invoices.get(taken_back.get(deal.record_id, ""))
            if deal.bucket in {Bucket.NOT_WON, Bucket.BEFORE_START} and last is None and deal.record_id not in told:
                continue
            if deal.record_id in self._mirror.gone:
                continue
            values = self._standing(deal, invoice, waiting.get(deal.record_id))
            if last is not None:
                values |= _invoice_values(last, self._mirror, payment_status(last, open_credits))
                if deal.money.currency not in {"", last.currency}:  # they would read as amounts of the deal's
                    values |= dict.fromkeys(_AMOUNTS)
            # Without an invoice its fields are blank: a copied deal may bear those of the one that it was copied from.
            fields = {name: values.get(value) for name, value in target.items()}
            updates.append(self._update(self._mapping.deal_object, deal.record_id, fields))
        self._want(updates)
        self._forget(self._mapping.deal_object, self._mirror.gone & set(ids))

    def _forget(self, name: str, gone: Collection[str]) -> None:
        """What should stand on a record that was deleted is wanted no more, until it is restored; nor is what should
        stand in fields that the settings no longer name."""
        for record_id in sorted(store.wanted_states(self._connection, self._home, name, gone)):
            store.forget_write_back(self._connection, self._home, name, record_id)

    def _standing(self, deal: Disposition, invoice: LedgerInvoice | None, entry: QueueEntry | None) -> dict[str, Any]:
        """How much of a deal is scheduled, drafted and invoiced, ex tax unless prices include it; and why it waits."""
        amount, policy = deal.money.amount, self._mapping.policy
        inclusive = self._mapping.settings.prices == "inc_tax"
        worth = ZERO if invoice is None else invoice.total if inclusive else invoice.sub_total
        posted = invoice is not None and invoice.status in POSTED_STATUSES
        drafted = invoice is not None and invoice.status in UNAPPROVED_STATUSES
        calls_for_none = deal.bucket in CALLS_FOR_NONE
        left = EXACT.subtract(amount, worth) if posted else ZERO if calls_for_none else amount
        scheduled = entry is not None and entry.code == "future_date" and invoice is None
        state = "Invoiced" if posted else "Drafted" if drafted else "Nothing to invoice"
        if not (posted or drafted or calls_for_none):
            state = "Ready"
        if entry is not None:
            state = "Scheduled" if scheduled else "Waiting"
        return {
            "Scheduled": amount if scheduled else ZERO,
            "Drafted": worth if drafted else ZERO,
            "Invoiced": worth if posted else ZERO,
            "Uninvoiced": ZERO if abs(left) <= policy.rounding_max else left,
            "SyncState": state,
            "LastError": f"{REASONS[entry.code].title}: {entry.cause}"[:ERROR_LENGTH] if entry else None,
        }

    def want_issues(self) -> None:
        """The review queue, open entries and those that were closed since. Trouble with an issue's own row is none."""
        name = self._mirror.records.get("issue")
        if not name:
            return
        rows = [
            self._mirror.issue_row(entry, REASONS[entry.code].title)
            for entry in open_entries(self._connection, self._home)
            if entry.record.kind != name
        ]
        self._want_rows(rows)
        closed = {"Status__c": ISSUE_CLOSED}
        standing = store.rows_but(self._connection, self._home, name, content_hash(closed)[:_DIGEST_LENGTH])
        gone = sorted(standing - {row.key for row in rows})
        self._want(WriteBack(name, key, closed, "", key, WAVES["issue"]) for key in gone)


def payment_status(invoice: LedgerInvoice, open_credits: Iterable[LedgerCredit]) -> str:
    """Where payment stands, in words for sales people."""
    match invoice.status:
        case "VOIDED":
            return "Voided"
        case "DELETED":
            return "Deleted"
        case "DRAFT" | "SUBMITTED":
            return "Not approved yet"
        case "PAID" if is_credited(invoice):
            return "Credited"
        case "PAID":
            open_credit = any(
                credit.contact_id == invoice.contact_id
                and credit.currency == invoice.currency
                and credit.remaining > 0
                and any(payment.dated == credit.dated for payment in invoice.payments)
                for credit in open_credits
            )
            return "Paid with credit" if open_credit else "Paid"
        case _:
            return "Partly paid" if invoice.amount_paid or invoice.amount_credited else "Unpaid"


def _invoice_values(invoice: LedgerInvoice, mirror: Mirror, payment: str) -> dict[str, Any]:
    return {
        "InvoiceID": invoice.invoice_id,
        "Number": invoice.number,
        "Link": mirror.link(f"View.aspx?InvoiceID={invoice.invoice_id}"),
        "Status": invoice.status.capitalize(),
        "PaymentStatus": payment,
        "SubTotal": invoice.sub_total,
        "TotalTax": invoice.total_tax,
        "Total": invoice.total,
        "AmountDue": invoice.amount_due,
        "AmountPaid": invoice.amount_paid,
        "AmountCredited": invoice.amount_credited,
        "PaidDate": invoice.fully_paid_on,
        "Date": invoice.dated,
        "DueDate": invoice.due,
        "Reference": invoice.reference,
    }


def _plain(value: Any) -> Any:
    """A value as it is kept and sent: days as text, amounts without a context's rounding."""
    if isinstance(value, date):
        return value.isoformat()
    return EXACT.plus(value) if isinstance(value, Decimal) else value
