"""The shapes of what Xero answers, as its JSON has them; ``documents`` makes records of them.

Unknown members are ignored; amounts never pass through float.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from crossfoot.core.money import ZERO


def _pascal(name: str) -> str:
    return "".join(part.upper() if part in {"id", "utc"} else part.capitalize() for part in name.split("_"))


class Struct(msgspec.Struct, rename=_pascal, frozen=True):
    """A shape whose members are named as Xero names them."""


class Message(Struct, frozen=True):
    """What Xero says of an element, as an error or a warning."""

    message: str = ""
    description: str = ""


class Refusable(Struct, frozen=True):
    """What Xero may refuse by itself, within a document or a contact."""

    validation_errors: list[Message] = []


class Judged(Refusable, frozen=True):
    """An element of a batch, with what Xero says of it."""

    status_attribute_string: str = ""
    has_errors: bool = False
    has_validation_errors: bool = False
    warnings: list[Message] = []


class Tracking(Struct, frozen=True):
    """A line's option of a tracking category."""

    name: str = ""
    option: str = ""


class Line(Refusable, frozen=True):
    """A line of a document."""

    line_item_id: str | None = None
    description: str | None = None
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None
    line_amount: Decimal = ZERO
    tax_amount: Decimal = ZERO
    item_code: str | None = None
    account_code: str | None = None
    tax_type: str | None = None
    discount_rate: Decimal | None = None
    discount_amount: Decimal | None = None
    tracking: list[Tracking] = []


class Ref(Refusable, frozen=True):
    """The contact that a document names."""

    contact_id: str = ""
    name: str = ""


class Payment(Struct, frozen=True):
    """A payment within an invoice."""

    payment_id: str = ""
    date: str = ""
    amount: Decimal = ZERO
    reference: str | None = None


class Applied(Struct, frozen=True):
    """Credit that went to an invoice."""

    applied_amount: Decimal = ZERO


class Invoice(Judged, frozen=True):
    """An invoice or a bill."""

    invoice_id: str = ""
    invoice_number: str | None = None
    type: str = ""
    status: str = ""
    reference: str | None = None
    url: str | None = None
    contact: Ref = Ref()
    date: str | None = None
    due_date: str | None = None
    line_amount_types: str = "Exclusive"
    line_items: list[Line] = []
    currency_code: str = ""
    currency_rate: Decimal | None = None
    sub_total: Decimal = ZERO
    total_tax: Decimal = ZERO
    total: Decimal = ZERO
    amount_due: Decimal = ZERO
    amount_paid: Decimal = ZERO
    amount_credited: Decimal = ZERO
    fully_paid_on_date: str | None = None
    payments: list[Payment] = []
    prepayments: list[Applied] = []
    overpayments: list[Applied] = []
    updated_date_utc: str = ""


class Terms(Struct, frozen=True):
    """When something is due."""

    day: int = 0
    type: str = ""


class SalesTerms(Struct, frozen=True):
    """A contact's terms for sales."""

    sales: Terms | None = None


class Phone(Refusable, frozen=True):
    """A phone number in its three parts."""

    phone_type: str = ""
    phone_number: str | None = None
    phone_area_code: str | None = None
    phone_country_code: str | None = None


class Address(Refusable, frozen=True):
    """An address."""

    address_type: str = ""
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    address_line4: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    attention_to: str | None = None


class Person(Refusable, frozen=True):
    """A contact person beside the primary one."""

    first_name: str | None = None
    last_name: str | None = None
    email_address: str | None = None
    include_in_emails: bool = False


class Contact(Judged, frozen=True):
    """A contact."""

    contact_id: str = ""
    contact_number: str | None = None
    account_number: str | None = None
    contact_status: str = "ACTIVE"
    name: str = ""
    first_name: str | None = None
    last_name: str | None = None
    tax_number: str | None = None
    email_address: str | None = None
    merged_to_contact_id: str | None = None
    payment_terms: SalesTerms | None = None
    updated_date_utc: str = ""
    addresses: list[Address] = []
    phones: list[Phone] = []
    contact_persons: list[Person] = []


class SalesDetails(Struct, frozen=True):
    """How an item is sold."""

    unit_price: Decimal | None = None
    account_code: str | None = None
    tax_type: str | None = None


class Item(Judged, frozen=True):
    """An item."""

    item_id: str = ""
    code: str = ""
    name: str | None = None
    description: str | None = None
    sales_details: SalesDetails = SalesDetails()
    is_sold: bool = True
    is_tracked_as_inventory: bool = False
    quantity_on_hand: Decimal | None = None
    updated_date_utc: str = ""


class Overpayment(Struct, frozen=True):
    """An overpayment, which leaves a customer credit."""

    overpayment_id: str = ""
    contact: Ref = Ref()
    date: str = ""
    status: str = ""
    currency_code: str = ""
    remaining_credit: Decimal = ZERO
    type: str = ""
    updated_date_utc: str = ""


class Allocated(Struct, frozen=True):
    """The invoice that credit went to."""

    invoice_id: str = ""


class Allocation(Struct, frozen=True):
    """Credit that went to an invoice, within its source."""

    invoice: Allocated = Allocated()


class CreditNote(Struct, frozen=True):
    """A credit note."""

    credit_note_id: str = ""
    credit_note_number: str | None = None
    type: str = ""
    status: str = ""
    reference: str | None = None
    contact: Ref = Ref()
    date: str | None = None
    currency_code: str = ""
    sub_total: Decimal = ZERO
    total_tax: Decimal = ZERO
    total: Decimal = ZERO
    remaining_credit: Decimal = ZERO
    allocations: list[Allocation] = []
    updated_date_utc: str = ""


class Pagination(msgspec.Struct, frozen=True, rename="camel"):
    """Which of how many pages an answer is."""

    page: int = 1
    page_count: int = 1


class Envelope(msgspec.Struct, frozen=True):
    """An answer with records of any kind."""

    pagination: Pagination | None = None
    invoices: list[Invoice] = msgspec.field(name="Invoices", default_factory=list)
    contacts: list[Contact] = msgspec.field(name="Contacts", default_factory=list)
    items: list[Item] = msgspec.field(name="Items", default_factory=list)
    overpayments: list[Overpayment] = msgspec.field(name="Overpayments", default_factory=list)
    credit_notes: list[CreditNote] = msgspec.field(name="CreditNotes", default_factory=list)
