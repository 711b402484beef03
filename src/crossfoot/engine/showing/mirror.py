"""What Xero holds, as rows of the Salesforce objects that show it. Nothing here reads or sends.

Every row has a key that begins with the organisation's id, and points at others by their keys. Only the kinds of
record that the settings name are shown, and only they are pointed at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crossfoot.core.books import (
    UNAPPROVED_STATUSES,
    Account,
    Books,
    LedgerBill,
    LedgerContact,
    LedgerCreditNote,
    LedgerInvoice,
    LedgerItem,
    LedgerLine,
    LedgerPayment,
)
from crossfoot.engine.showing.balances import Balance
from crossfoot.salesforce.package import KEY_FIELD
from crossfoot.salesforce.soql import is_record_id
from crossfoot.store.queue import QueueEntry

# Parents are written before what points at them; what Salesforce had before comes after the records of ours.
WAVES: Mapping[str, int] = {
    "organisation": 0,
    "account": 1,
    "tax_rate": 1,
    "tracking_option": 1,
    "item": 1,
    "contact": 1,
    "bill": 1,
    "invoice": 2,
    "line": 3,
    "credit_note": 3,
    "payment": 3,
    "issue": 5,
}
UPDATES_WAVE = 4
NAME_LENGTH = 80
ISSUE_OPEN, ISSUE_CLOSED = "Open", "Closed"


@dataclass(frozen=True, slots=True)
class Row:
    """One row that should stand in Salesforce; ``source_id`` is the deal or account that it concerns, else its key.
    ``parent`` is the key of the invoice that a line or a payment belongs to."""

    kind: str
    key: str
    fields: Mapping[str, Any]
    source_id: str = ""
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Mirror:
    """How one organisation is shown. ``customers`` maps a Xero contact to its Salesforce account, ``deals`` an invoice
    to its deal, ``products`` an item's code to its product. ``gone`` are deals and accounts that were deleted: nothing
    may point at them (SF 2.5). Rows have fields that point at accounts and opportunities: nothing else goes there."""

    organisation_id: str
    records: Mapping[str, str]
    books: Books
    multi_currency: bool = False
    customers: Mapping[str, str] = field(default_factory=dict)
    deals: Mapping[str, str] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    account_object: str = "Account"
    deal_object: str = "Opportunity"

    def key(self, *parts: str) -> str:
        """The key of a row."""
        return ":".join((self.organisation_id, *parts))

    def link(self, path: str, *, ledger: str = "AccountsReceivable") -> str:
        """Where a person opens a document in Xero."""
        code = self.books.organisation.short_code
        return f"https://go.xero.com/organisationlogin/default.aspx?shortcode={code}&redirecturl=/{ledger}/{path}"

    def reference_rows(self) -> Iterator[Row]:
        """The organisation, its chart, rates and tracking options."""
        organisation = self.books.organisation
        about: dict[str, Any] = {
            "Name": organisation.name[:NAME_LENGTH],
            "Organisation_Id__c": organisation.organisation_id,
            "Country__c": organisation.country,
            "Base_Currency__c": organisation.base_currency,
            "Time_Zone__c": organisation.timezone,
            "Short_Code__c": organisation.short_code,
            "Locked_Until__c": organisation.locked_until,
            "Is_Demo__c": organisation.is_demo,
        }
        yield Row("organisation", self.key("organisation"), about)
        for account in self.books.accounts.values():
            yield Row("account", self._account_key(account), self._account(account))
        for rate in self.books.tax_rates.values():
            about = {
                **self._to("organisation", "organisation"),
                "Name": rate.name[:NAME_LENGTH],
                "Tax_Type__c": rate.tax_type,
                "Rate__c": rate.rate,
                "Active__c": rate.status == "ACTIVE",
                "Applies_To_Sales__c": "REVENUE" in rate.applies_to,
            }
            yield Row("tax_rate", self.key(rate.tax_type), about)
        yield from self._options()

    def item_rows(self) -> Iterator[Row]:
        """Every item."""
        for item in self.books.items.values():
            yield Row("item", self.key(item.item_id), self._item(item))

    def _account(self, account: Account) -> dict[str, Any]:
        return {
            **self._to("organisation", "organisation"),
            "Name": f"{account.code} {account.name}"[:NAME_LENGTH],
            "Code__c": account.code,
            "Type__c": account.type,
            "Class__c": account.account_class,
            "Tax_Type__c": account.tax_type or None,
            "Active__c": account.status == "ACTIVE",
            "Takes_Sales_Lines__c": account.takes_sales_lines,
        }

    def _options(self) -> Iterator[Row]:
        for category in self.books.tracking.values():
            for name, option_id in category.option_ids.items():
                about = {
                    **self._to("organisation", "organisation"),
                    "Name": name[:NAME_LENGTH],
                    "Category__c": category.name,
                    "Active__c": category.status == "ACTIVE" and name in category.active_options,
                }
                yield Row("tracking_option", self.key(option_id), about)

    def _item(self, item: LedgerItem) -> dict[str, Any]:
        return {
            **self._to("organisation", "organisation"),
            "Name": (item.name or item.code)[:NAME_LENGTH],
            "Product__c": self.products.get(item.code.casefold()),
            "Item_Id__c": item.item_id,
            "Code__c": item.code,
            "Account_Code__c": item.account_code or None,
            "Tax_Type__c": item.tax_type or None,
            "Tracked__c": item.quantity_on_hand is not None,
            "Quantity_On_Hand__c": item.quantity_on_hand,
        }

    def contact_row(self, contact: LedgerContact, balance: Balance) -> Row:
        """A customer with what is owed."""
        values = balance.values(contact.contact_id)
        about = {
            **self._to("organisation", "organisation"),
            "Name": contact.name[:NAME_LENGTH],
            "Account__c": self._at_account(self.customers.get(contact.contact_id)),
            "Contact_Id__c": contact.contact_id,
            "Account_Number__c": contact.account_number or None,
            "Status__c": contact.status.capitalize(),
            "Balance__c": values["Outstanding"],
            "Overdue__c": values["Overdue"],
            "Currency__c": values["Currency"],
            **(self._currency(balance.only_currency, shown=False) if balance.only_currency else {}),
        }
        source = self.customers.get(contact.contact_id, "")
        return Row("contact", self.key(contact.contact_id), about, source)

    def invoice_rows(
        self, invoice: LedgerInvoice, payment_status: str, account_id: str | None, lookups: Mapping[str, Any]
    ) -> Iterator[Row]:
        """An invoice, its lines and its payments."""
        deal_id = self.deals.get(invoice.invoice_id)
        about = {
            "Name": (invoice.number or "Draft")[:NAME_LENGTH],
            **self._to("organisation", "organisation"),
            **self._to("contact", invoice.contact_id),
            "Account__c": self._at_account(account_id or self.customers.get(invoice.contact_id)),
            "Opportunity__c": self._at_deal(deal_id),
            "Invoice_Id__c": invoice.invoice_id,
            "Invoice_Number__c": invoice.number,
            "Reference__c": invoice.reference or None,
            "Status__c": invoice.status.capitalize(),
            "Payment_Status__c": payment_status,
            "Date__c": invoice.dated,
            "Due_Date__c": invoice.due,
            "Paid_Date__c": invoice.fully_paid_on,
            "Subtotal__c": invoice.sub_total,
            "Tax__c": invoice.total_tax,
            "Total__c": invoice.total,
            "Amount_Due__c": invoice.amount_due,
            "Amount_Paid__c": invoice.amount_paid,
            "Amount_Credited__c": invoice.amount_credited,
            "Url__c": self.link(f"View.aspx?InvoiceID={invoice.invoice_id}"),
            **self._currency(invoice.currency),
            **lookups,
        }
        key = self.key(invoice.invoice_id)
        source = deal_id or key
        yield Row("invoice", key, about, source)
        for line in invoice.lines:
            yield Row("line", self.key(line.line_item_id), self._line(invoice, line), source, key)
        for payment in invoice.payments:
            yield Row("payment", self.key(payment.payment_id), self._payment(invoice, payment), source, key)

    def _line(self, invoice: LedgerInvoice, line: LedgerLine) -> dict[str, Any]:
        account, item = self.books.accounts.get(line.account_code), self.books.items.get(line.item_code.casefold())
        rate = self.books.tax_rates.get(line.tax_type)
        return {
            "Name": (line.description.split("\n")[0] or line.item_code or "Line")[:NAME_LENGTH],
            **self._to("invoice", invoice.invoice_id),
            **(self._refer("account", self._account_key(account)) if account else self._at_none("account")),
            **(self._to("tax_rate", rate.tax_type) if rate else self._at_none("tax_rate")),
            **(self._to("item", item.item_id) if item else self._at_none("item")),
            "Description__c": line.description or None,
            "Quantity__c": line.quantity,
            "Unit_Amount__c": line.unit_amount,
            "Discount_Rate__c": line.discount_rate,
            "Line_Amount__c": line.line_amount,
            "Tax_Amount__c": line.tax_amount,
            "Item_Code__c": line.item_code or None,
            "Account_Code__c": line.account_code or None,
            "Tax_Type__c": line.tax_type or None,
            "Tracking__c": "; ".join(f"{name}: {option}" for name, option in line.tracking)[:255] or None,
            "Removed__c": False,
            **self._currency(invoice.currency, shown=False),
        }

    def _payment(self, invoice: LedgerInvoice, payment: LedgerPayment) -> dict[str, Any]:
        return {
            "Name": f"{invoice.number} {payment.dated}"[:NAME_LENGTH],
            **self._to("invoice", invoice.invoice_id),
            "Payment_Id__c": payment.payment_id,
            "Amount__c": payment.amount,
            "Date__c": payment.dated,
            "Reference__c": payment.reference or None,
            "Status__c": "Authorised",
            **self._currency(invoice.currency),
        }

    def credit_note_row(self, note: LedgerCreditNote) -> Row:
        """A credit note; it points at an invoice, and at its deal, where it went to just one."""
        invoice_id = note.invoice_ids[0] if len(note.invoice_ids) == 1 else ""
        deal_id = self.deals.get(invoice_id)
        about = {
            "Name": (note.number or "Credit note")[:NAME_LENGTH],
            **self._to("organisation", "organisation"),
            **self._to("contact", note.contact_id),
            **(self._to("invoice", invoice_id) or self._at_none("invoice")),
            "Account__c": self._at_account(self.customers.get(note.contact_id)),
            "Opportunity__c": self._at_deal(deal_id),
            "Credit_Note_Id__c": note.credit_note_id,
            "Credit_Note_Number__c": note.number,
            "Reference__c": note.reference or None,
            "Status__c": note.status.capitalize(),
            "Date__c": note.dated,
            "Subtotal__c": note.sub_total,
            "Tax__c": note.total_tax,
            "Total__c": note.total,
            "Remaining__c": note.remaining,
            "Url__c": self.link(f"ViewCreditNote.aspx?creditNoteID={note.credit_note_id}"),
            **self._currency(note.currency),
        }
        return Row("credit_note", self.key(note.credit_note_id), about, deal_id or "")

    def bill_row(self, bill: LedgerBill) -> Row:
        """A supplier's bill. Its number is the supplier's, so that its name says whose it is."""
        open_words = "Partly paid" if bill.amount_paid or bill.amount_credited else "Unpaid"
        drafted = dict.fromkeys(UNAPPROVED_STATUSES, "Not approved yet")
        about = {
            **self._to("organisation", "organisation"),
            "Name": f"{bill.supplier} {bill.number}".strip()[:NAME_LENGTH] or "Bill",
            "Supplier__c": bill.supplier or None,
            "Bill_Id__c": bill.bill_id,
            "Bill_Number__c": bill.number or None,
            "Status__c": bill.status.capitalize(),
            "Payment_Status__c": {**drafted, "AUTHORISED": open_words}.get(bill.status, bill.status.capitalize()),
            "Date__c": bill.dated,
            "Due_Date__c": bill.due,
            "Paid_Date__c": bill.fully_paid_on,
            "Subtotal__c": bill.sub_total,
            "Tax__c": bill.total_tax,
            "Total__c": bill.total,
            "Amount_Due__c": bill.amount_due,
            "Amount_Paid__c": bill.amount_paid,
            "Amount_Credited__c": bill.amount_credited,
            "Url__c": self.link(f"View.aspx?InvoiceID={bill.bill_id}", ledger="AccountsPayable"),
            **self._currency(bill.currency),
        }
        return Row("bill", self.key(bill.bill_id), about)

    def issue_row(self, entry: QueueEntry, title: str) -> Row:
        """An open entry of the review queue."""
        record_id, kind = entry.record.id, entry.record.kind if is_record_id(entry.record.id) else ""
        about = {
            "Name": title[:NAME_LENGTH],
            "Account__c": self._at_account(record_id) if kind == self.account_object else None,
            "Opportunity__c": self._at_deal(record_id) if kind == self.deal_object else None,
            "Reason__c": entry.code,
            "Cause__c": entry.cause[:4000],
            "Next_Step__c": entry.fix[:1000],
            "Vendor_Text__c": entry.vendor_text[:4000] or None,
            "Responsible__c": entry.owner,
            "Amount__c": entry.money.amount if entry.money.currency else None,
            "Status__c": ISSUE_OPEN,
            "Opened__c": entry.opened_at,
            **(self._currency(entry.money.currency) if entry.money.currency else {}),
        }
        return Row("issue", self.key(record_id.removeprefix(self.key("")), entry.code), about)

    def _at_account(self, record_id: str | None) -> str | None:
        return None if self.account_object != "Account" or record_id in self.gone else record_id

    def _at_deal(self, record_id: str | None) -> str | None:
        return None if self.deal_object != "Opportunity" or record_id in self.gone else record_id

    def _account_key(self, account: Account) -> str:
        return self.key(account.account_id or account.code)

    def _to(self, kind: str, own: str) -> dict[str, Any]:
        return self._refer(kind, self.key(own)) if own else {}

    def _at_none(self, kind: str) -> dict[str, Any]:
        """The same lookup, emptied: it may have pointed somewhere before."""
        return {self.records[kind]: None} if kind in self.records else {}

    def _refer(self, kind: str, key: str) -> dict[str, Any]:
        """A lookup by the other row's key, where rows of that kind are shown at all (SF 2.5)."""
        if kind not in self.records:
            return {}
        return {self.records[kind].removesuffix("__c") + "__r": {KEY_FIELD: key}}

    def _currency(self, currency: str, *, shown: bool = True) -> dict[str, Any]:
        """The currency in words where the whole package is there, and the row's own where the org has several."""
        words = {"Currency__c": currency} if shown and "organisation" in self.records else {}
        return words | ({"CurrencyIsoCode": currency} if self.multi_currency else {})
