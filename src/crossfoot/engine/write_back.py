"""Write back: what Xero holds, into Salesforce, by update or by upsert on a unique key.

What should stand there is kept first, then sent; repeating it changes nothing. Rows are worked out anew
for what changed; one whose content is as it was is not sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
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
from crossfoot.core.findings import REASONS
from crossfoot.core.links import Kind
from crossfoot.core.money import EXACT, ZERO
from crossfoot.core.plan import Bucket
from crossfoot.core.records import content_hash
from crossfoot.engine.balances import balances
from crossfoot.engine.bulk_load import resume_loads
from crossfoot.engine.ledger import BILL, CONTACT, CREDIT, CREDIT_NOTE, INVOICE, load_books, load_ledger
from crossfoot.engine.mirror import ISSUE_CLOSED, UPDATES_WAVE, WAVES, Mirror, Row
from crossfoot.engine.sending import send_rows
from crossfoot.engine.session import Session
from crossfoot.salesforce.package import KEY_FIELD
from crossfoot.store import workspace as store
from crossfoot.store.codec import decode_fields
from crossfoot.store.links import StoredLink, links_to_write_back, load_links, mark_written
from crossfoot.store.queue import QueueEntry, dispositions, open_entries, replace_findings
from crossfoot.store.versions import deleted_ids, load_versions, load_watermark, move_watermark, newest_change, unread
from crossfoot.store.workspace import WriteBack

REFUSED_AGAIN_AFTER = timedelta(days=1)
ERROR_LENGTH = 255
_TAKEN_BACK: Mapping[str, Mapping[str, Any]] = {"line": {"Removed__c": True}, "payment": {"Status__c": "Deleted"}}
# Not shown on a deal: that it could not be shown there is no reason to try anew.
_OWN_TROUBLE = "write_back_refused"


def write_back(session: Session, as_of: date) -> tuple[int, int]:
    """Carry what changed into Salesforce. Returns rows written and rows refused."""
    with session.database.writing("write-back wanted") as connection:
        _Wanting(session, connection, as_of).want_all()
    written, refused = resume_loads(session)
    good, bad = _send_pending(session)
    if good + bad + written + refused:  # sending opens and closes entries of the review queue
        with session.database.writing("issues wanted") as connection:
            _Wanting(session, connection, as_of).want_issues()
        more, worse = _send_pending(session)
        good, bad = good + more, bad + worse
    return written + good, refused + bad


def _send_pending(session: Session) -> tuple[int, int]:
    now = session.host.now()
    with session.database.reading() as connection:
        pending = list(store.pending_write_backs(connection, session.organisation_id, now, now - REFUSED_AGAIN_AFTER))
    return send_rows(session, pending)


def payment_status(invoice: LedgerInvoice, open_credits: Iterable[LedgerCredit]) -> str:
    """Where payment stands, in words for sales people."""
    match invoice.status:
        case "VOIDED":
            return "Voided"
        case "DELETED":
            return "Deleted"
        case "DRAFT" | "SUBMITTED":
            return "Not approved yet"
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


@dataclass(slots=True)
class _Wanting:
    """One round of working out what should stand in Salesforce, within one transaction."""

    session: Session
    connection: Connection
    as_of: date
    _known: dict[tuple[str, str], tuple[str, str]] = field(init=False)
    _unread: dict[str, int] = field(init=False)
    _invoices: dict[str, LedgerInvoice] = field(init=False)
    _credits: list[LedgerCredit] = field(init=False)
    _notes: list[LedgerCreditNote] = field(init=False)
    _links: dict[str, StoredLink] = field(init=False)
    _gone: frozenset[str] = field(init=False)
    _mirror: Mirror = field(init=False)

    def __post_init__(self) -> None:
        session, connection, home = self.session, self.connection, self.session.organisation_id
        self._known = store.wanted_write_backs(connection, home)
        self._unread = unread(connection, home, INVOICE)  # nobody has seen these in Xero yet
        found = load_ledger(connection, home, INVOICE, LedgerInvoice)
        self._invoices = {key: invoice for key, invoice in found.items() if key not in self._unread}
        self._credits = list(load_ledger(connection, home, CREDIT, LedgerCredit).values())
        self._notes = list(load_ledger(connection, home, CREDIT_NOTE, LedgerCreditNote).values())
        self._links = {stored.link.xero_id: stored for stored in load_links(connection, home, Kind.INVOICE)}
        names = (session.mapping.deal_object, session.mapping.account_object)
        self._gone = frozenset(each for name in names for each in deleted_ids(connection, session.org_id, name))
        self._mirror = Mirror(
            home,
            {str(kind): name for kind, name in session.mapping.settings.flows.invoices.records.items()},
            load_books(connection, home),
            multi_currency=session.mapping.has_currencies,
            customers={s.link.xero_id: s.source_id for s in load_links(connection, home, Kind.CONTACT)},
            deals={xero_id: stored.source_id for xero_id, stored in self._links.items()},
            products=self._products(),
            gone=self._gone,
        )

    def want_all(self) -> None:
        """Every row that may have changed."""
        self._want_rows(self._mirror.reference_rows())
        self._want_customers()
        for invoice_id in self._moved():
            self._want_invoice(self._invoices[invoice_id])
        self._want_rows(self._mirror.credit_note_row(note) for note in self._notes)
        if "bill" in self._mirror.records:
            bills = load_ledger(self.connection, self.session.organisation_id, BILL, LedgerBill)
            self._want_rows(self._mirror.bill_row(bill) for bill in bills.values())
        self._want_stock()
        self._want_deals()
        self.want_issues()

    def _want_rows(self, rows: Iterable[Row]) -> None:
        """Rows of the kinds that the settings name."""
        for row in rows:
            name = self._mirror.records.get(row.kind)
            if name:
                self._want(name, row.key, row.fields, row.source_id or row.key, WAVES[row.kind])

    def _want(self, name: str, key: str, fields: Mapping[str, Any], source_id: str, wave: int) -> None:
        plain = {each: _plain(value) for each, value in fields.items()}
        state = content_hash(plain), source_id
        if plain and self._known.get((name, key)) != state:
            item = WriteBack(name, key, plain, *state, wave)
            store.want_write_back(self.connection, self.session.organisation_id, item)
            self._known[name, key] = state

    def _moved(self) -> list[str]:
        """Invoices that changed since they were shown, or whose link, deal or customer did, or that a credit touches.

        The position begins anew when the settings name other records.
        """
        home, connection = self.session.organisation_id, self.connection
        flow = self.session.mapping.settings.flows.invoices
        resource = f"shown {content_hash([flow.records, flow.lookups])[:12]}"
        reached = int(load_watermark(connection, home, resource) or -1)
        changed = {version.ref.id for version in load_versions(connection, home, INVOICE, since_seq=reached)}
        for stored, seq in list(links_to_write_back(connection, home, Kind.INVOICE)):
            changed.add(stored.link.xero_id)
            mark_written(connection, stored.id, seq)
        customers = {credit.contact_id for credit in self._credits}
        for stored, seq in list(links_to_write_back(connection, home, Kind.CONTACT)):
            customers.add(stored.link.xero_id)
            mark_written(connection, stored.id, seq)
        changed.update(each.invoice_id for each in self._invoices.values() if each.contact_id in customers)
        kind = self.session.mapping.deal_object
        deals = {version.ref.id for version in load_versions(connection, self.session.org_id, kind, since_seq=reached)}
        changed.update(xero_id for xero_id, stored in self._links.items() if stored.source_id in deals)
        reached = max(reached, min([newest_change(connection, home), *(seq - 1 for seq in self._unread.values())]))
        move_watermark(connection, home, resource, f"{reached:020d}", self.session.host.now())
        return sorted(changed & self._invoices.keys())

    def _want_invoice(self, invoice: LedgerInvoice) -> None:
        account_id, lookups = None, {}
        stored = self._links.get(invoice.invoice_id)
        if stored is not None:
            fields = self._deal_fields(stored.source_id)
            account_id = fields.get(f"{self.session.mapping.account_object}Id")
            lookups = self.session.mapping.lookups_of(fields)
        rows = list(self._mirror.invoice_rows(invoice, payment_status(invoice, self._credits), account_id, lookups))
        self._want_rows(rows)
        self._want_gone(invoice, {row.key for row in rows})

    def _want_gone(self, invoice: LedgerInvoice, standing: set[str]) -> None:
        """Lines and payments that were taken back in Xero: the row stays and says so."""
        records, parent = self._mirror.records, self._mirror.key(invoice.invoice_id)
        below = records.get("invoice", "").removesuffix("__c") + "__r"
        source = self._mirror.deals.get(invoice.invoice_id, parent)
        for kind, says in _TAKEN_BACK.items():
            name = records.get(kind, "")
            for key, fields in store.write_backs_of(self.connection, self.session.organisation_id, name, source):
                if key not in standing and fields.get(below) == {KEY_FIELD: parent}:
                    self._want(name, key, says, source, WAVES[kind])

    def _deal_fields(self, deal_id: str) -> Mapping[str, Any]:
        mapping = self.session.mapping
        for version in load_versions(self.connection, self.session.org_id, mapping.deal_object, ids=[deal_id]):
            return decode_fields(version.body)
        return {}

    def _want_customers(self) -> None:
        """What each customer owes: on its row, and on its account where it has one."""
        mapping = self.session.mapping
        target = mapping.settings.flows.customers.write_back
        contacts = load_ledger(self.connection, self.session.organisation_id, CONTACT, LedgerContact)
        found = balances(self._invoices.values(), self._credits, self._notes, self.as_of)
        for contact_id in sorted({*found, *self._mirror.customers}):
            balance = found[contact_id]
            if contact_id in contacts:
                self._want_rows([self._mirror.contact_row(contacts[contact_id], balance)])
            account_id = self._mirror.customers.get(contact_id)
            if account_id and target and not self._is_gone(mapping.account_object, account_id):
                values = balance.values(contact_id)
                fields = {name: values[value] for name, value in target.items()}
                self._want(mapping.account_object, account_id, fields, account_id, UPDATES_WAVE)

    def _products(self) -> dict[str, str]:
        """Products by item code; of several with one code the first."""
        mapping, found = self.session.mapping, dict[str, str]()
        for version in load_versions(self.connection, self.session.org_id, mapping.product_object):
            if not version.deleted:
                code = mapping.item(version.ref.id, decode_fields(version.body)).code
                found.setdefault(code.casefold(), version.ref.id)
        return found

    def _want_stock(self) -> None:
        mapping = self.session.mapping
        target = mapping.settings.flows.products.write_back
        for item in self._mirror.books.items.values():
            product_id = self._mirror.products.get(item.code.casefold())
            if product_id and target and item.quantity_on_hand is not None:
                values = {"QuantityOnHand": item.quantity_on_hand}
                fields = {name: values[value] for name, value in target.items()}
                self._want(mapping.product_object, product_id, fields, product_id, UPDATES_WAVE)

    def _want_deals(self) -> None:
        """Each deal that counts: its invoice, and where it stands in money and words."""
        mapping = self.session.mapping
        target = mapping.settings.flows.invoices.write_back
        by_deal = {stored.source_id: self._invoices.get(xero_id) for xero_id, stored in self._links.items()}
        waiting: dict[str, QueueEntry] = {}
        for entry in open_entries(self.connection, self.session.organisation_id):
            if REASONS[entry.code].weight.value == "waits" and entry.code != _OWN_TROUBLE:
                waiting.setdefault(entry.record.id, entry)
        for deal in dispositions(self.connection, self.session.organisation_id):
            invoice = by_deal.get(deal.record_id)
            if invoice is None and deal.bucket in {Bucket.NOT_WON, Bucket.BEFORE_START}:
                continue
            if self._is_gone(mapping.deal_object, deal.record_id):
                continue
            values = self._standing(deal.amount, deal.bucket, invoice, waiting.get(deal.record_id))
            if invoice is not None:
                values |= _invoice_values(invoice, self._mirror, payment_status(invoice, self._credits))
            fields = {name: values[value] for name, value in target.items() if value in values}
            self._want(mapping.deal_object, deal.record_id, fields, deal.record_id, UPDATES_WAVE)

    def _is_gone(self, name: str, record_id: str) -> bool:
        """Whether a record was deleted. What should stand on it is then wanted no more, until it is restored."""
        if record_id not in self._gone:
            return False
        home = self.session.organisation_id
        if self._known.pop((name, record_id), None):
            store.forget_write_back(self.connection, home, name, record_id)
            if not store.has_refused(self.connection, home, record_id):
                now = self.session.host.now()
                replace_findings(self.connection, home, {record_id: ""}, (), now, codes={_OWN_TROUBLE})
        return True

    def _standing(
        self, amount: Decimal, bucket: str, invoice: LedgerInvoice | None, entry: QueueEntry | None
    ) -> dict[str, Any]:
        """How much of a deal is scheduled, drafted and invoiced, ex tax unless prices include it; and why it waits."""
        policy = self.session.mapping.policy
        inclusive = self.session.mapping.settings.prices == "inc_tax"
        worth = ZERO if invoice is None else invoice.total if inclusive else invoice.sub_total
        posted = invoice is not None and invoice.status in POSTED_STATUSES
        drafted = invoice is not None and invoice.status in UNAPPROVED_STATUSES
        left = EXACT.subtract(amount, worth) if posted else amount
        scheduled = entry is not None and entry.code == "future_date"
        state = "Invoiced" if posted else "Drafted" if drafted else "Nothing to invoice"
        if not (posted or drafted) and bucket != Bucket.NOT_BILLABLE:
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
        mapping, standing = self.session.mapping, set()
        for entry in open_entries(self.connection, self.session.organisation_id):
            if entry.record.kind != name:
                title = REASONS[entry.code].title
                row = self._mirror.issue_row(
                    entry, title, account_object=mapping.account_object, deal_object=mapping.deal_object
                )
                standing.add(row.key)
                self._want_rows([row])
        for kind, key in list(self._known):
            if kind == name and key not in standing:
                self._want(name, key, {"Status__c": ISSUE_CLOSED}, key, WAVES["issue"])


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
