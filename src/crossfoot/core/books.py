"""The Xero organisation as Crossfoot has read it: its records, and the reference data a document must respect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from crossfoot.core.money import EXACT, ZERO

VOID_STATUSES = frozenset({"VOIDED", "DELETED"})
UNAPPROVED_STATUSES = frozenset({"DRAFT", "SUBMITTED"})
POSTED_STATUSES = frozenset({"AUTHORISED", "PAID"})


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A line of a sales document as Xero holds it."""

    line_item_id: str = ""
    description: str = ""
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None
    line_amount: Decimal = ZERO
    tax_amount: Decimal = ZERO
    item_code: str = ""
    account_code: str = ""
    tax_type: str = ""
    discount_rate: Decimal | None = None
    discount_amount: Decimal | None = None
    tracking: tuple[tuple[str, str], ...] = ()

    @property
    def is_text_only(self) -> bool:
        """Whether it is a description and nothing else (XERO 4.3)."""
        return not (self.account_code or self.item_code or self.line_amount)


@dataclass(frozen=True, slots=True)
class LedgerPayment:
    """A payment as an invoice lists it."""

    payment_id: str
    dated: date
    amount: Decimal
    reference: str = ""


@dataclass(frozen=True, slots=True)
class LedgerInvoice:
    """A sales invoice as Xero holds it; amounts are in its own currency."""

    invoice_id: str
    number: str
    status: str
    contact_id: str
    contact_name: str
    dated: date
    currency: str
    sub_total: Decimal
    total_tax: Decimal
    total: Decimal
    amount_due: Decimal
    amount_paid: Decimal
    amount_credited: Decimal
    updated: datetime
    due: date | None = None
    currency_rate: Decimal | None = None
    reference: str = ""
    url: str = ""
    line_amount_types: str = "Exclusive"
    lines: tuple[LedgerLine, ...] = ()
    payments: tuple[LedgerPayment, ...] = ()
    fully_paid_on: date | None = None
    prepaid: Decimal = ZERO
    """The part of ``amount_credited`` that is the customer's own money: prepayments and overpayments (XERO 4.7)."""

    @property
    def is_live(self) -> bool:
        """Whether the document still stands (neither voided nor deleted)."""
        return self.status not in VOID_STATUSES

    @property
    def taken_off(self) -> Decimal:
        """What credit notes took off it."""
        return EXACT.subtract(self.amount_credited, self.prepaid)


@dataclass(frozen=True, slots=True)
class LedgerBill:
    """A supplier's bill as Xero holds it, without its lines; amounts are in its own currency."""

    bill_id: str
    number: str
    status: str
    supplier: str
    dated: date
    currency: str
    sub_total: Decimal
    total_tax: Decimal
    total: Decimal
    amount_due: Decimal
    amount_paid: Decimal
    amount_credited: Decimal
    updated: datetime
    due: date | None = None
    fully_paid_on: date | None = None


@dataclass(frozen=True, slots=True)
class LedgerPhone:
    """One of a contact's numbers; ``kind`` is Xero's own word: DEFAULT, MOBILE, FAX or DDI."""

    kind: str
    number: str
    area: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class LedgerAddress:
    """One of a contact's addresses; ``kind`` is POBOX (billing) or STREET (delivery)."""

    kind: str
    lines: tuple[str, ...] = ()
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    attention: str = ""


@dataclass(frozen=True, slots=True)
class LedgerPerson:
    """One of a contact's further persons; Xero gives it no id (XERO 4.1)."""

    first_name: str = ""
    last_name: str = ""
    email: str = ""
    include_in_emails: bool = False


@dataclass(frozen=True, slots=True)
class LedgerContact:
    """A customer as Xero holds it. ``sales_terms`` is (day, type) of its own invoice terms."""

    contact_id: str
    name: str
    status: str
    updated: datetime
    contact_number: str = ""
    account_number: str = ""
    tax_number: str = ""
    email: str = ""
    merged_to: str = ""
    sales_terms: tuple[int, str] | None = None
    first_name: str = ""
    last_name: str = ""
    phones: tuple[LedgerPhone, ...] = ()
    addresses: tuple[LedgerAddress, ...] = ()
    people: tuple[LedgerPerson, ...] = ()

    @property
    def is_active(self) -> bool:
        """Whether new documents may be made for it."""
        return self.status == "ACTIVE"


@dataclass(frozen=True, slots=True)
class LedgerItem:
    """A product as Xero holds it. ``quantity_on_hand`` only where Xero counts its stock; of one that is not sold Xero
    keeps no description and no sales details (XERO 4.9)."""

    item_id: str
    code: str
    name: str
    updated: datetime
    account_code: str = ""
    tax_type: str = ""
    description: str = ""
    unit_price: Decimal | None = None
    quantity_on_hand: Decimal | None = None
    is_sold: bool = True


@dataclass(frozen=True, slots=True)
class LedgerCreditNote:
    """A sales credit note as Xero holds it; ``invoice_ids`` are the invoices that it was used for."""

    credit_note_id: str
    number: str
    status: str
    contact_id: str
    dated: date
    currency: str
    sub_total: Decimal
    total_tax: Decimal
    total: Decimal
    remaining: Decimal
    updated: datetime
    reference: str = ""
    invoice_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerCredit:
    """An overpayment: money of a customer that no invoice has used yet."""

    credit_id: str
    contact_id: str
    currency: str
    status: str
    remaining: Decimal
    dated: date
    updated: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """A ledger account."""

    code: str
    name: str
    type: str
    account_class: str
    status: str
    tax_type: str = ""
    system_account: str = ""
    account_id: str = ""
    payments_enabled: bool = False
    currency: str = ""
    """That of a bank account; blank for all others."""

    @property
    def takes_payments(self) -> bool:
        """Whether a payment may be made to it: a bank account, or one that was opened to payments (XERO 4.5)."""
        return self.status == "ACTIVE" and (self.type == "BANK" or self.payments_enabled)

    @property
    def takes_sales_lines(self) -> bool:
        """Whether an invoice line may post to it (XERO 4.10)."""
        return self.type not in {"BANK", "INVENTORY"} and self.system_account not in {
            "DEBTORS",
            "CREDITORS",
            "RETAINEDEARNINGS",
        }


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A tax rate; ``rate`` is the effective percentage, ``applies_to`` the account classes it may be used with."""

    tax_type: str
    name: str
    status: str
    rate: Decimal
    applies_to: frozenset[str]


@dataclass(frozen=True, slots=True)
class TrackingCategory:
    """A tracking category with the names of its options by status, and their ids by name."""

    name: str
    status: str
    active_options: frozenset[str]
    archived_options: frozenset[str] = frozenset()
    option_ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Organisation:
    """A Xero organisation: what documents dated, priced and taxed in it must know."""

    organisation_id: str
    name: str
    country: str
    base_currency: str
    timezone: str
    is_demo: bool
    default_sales_tax: str = ""
    pays_tax: bool = True
    period_lock: date | None = None
    year_lock: date | None = None
    sales_terms: tuple[int, str] | None = None
    short_code: str = ""
    org_class: str = ""
    edition: str = ""

    @property
    def charges_tax(self) -> bool:
        """Whether it is registered for tax, and its sales bear any as a rule (XERO 4.13)."""
        return self.pays_tax and self.default_sales_tax != "No Tax"

    @property
    def locked_until(self) -> date | None:
        """The later lock date: nothing dated on or before it may change (XERO 4.13)."""
        dates = [day for day in (self.period_lock, self.year_lock) if day]
        return max(dates) if dates else None


@dataclass(frozen=True, slots=True)
class Books:
    """Reference data of one organisation, read within its permitted age."""

    organisation: Organisation
    accounts: Mapping[str, Account]
    tax_rates: Mapping[str, TaxRate]
    tracking: Mapping[str, TrackingCategory]
    currencies: frozenset[str]
    items: Mapping[str, LedgerItem] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        organisation: Organisation,
        *,
        accounts: Iterable[Account],
        tax_rates: Iterable[TaxRate],
        tracking: Iterable[TrackingCategory],
        currencies: Iterable[str],
        items: Iterable[LedgerItem] = (),
    ) -> Books:
        """Books from lists, keyed by the code that documents use. Item codes are compared without case."""
        return cls(
            organisation,
            {account.code: account for account in accounts if account.code},
            {rate.tax_type: rate for rate in tax_rates},
            {category.name: category for category in tracking},
            frozenset(currencies),
            {item.code.casefold(): item for item in items},
        )
