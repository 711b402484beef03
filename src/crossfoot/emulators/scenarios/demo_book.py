"""The vocabulary of the demo business: customers, deals and lines, and how each becomes records of a scenario."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Record = dict[str, Any]

_ABN_WEIGHTS = (3, 5, 7, 9, 11, 13, 15, 17, 19)
_CENT = Decimal("0.01")
CURRENCY_PRICES = {"AUD": Decimal(1), "NZD": Decimal("1.09"), "USD": Decimal("0.66"), "GBP": Decimal("0.51")}


def abn(serial: int) -> str:
    """A valid Australian Business Number: nine digits behind the two check digits that make the weighted sum fit."""
    digits = f"{serial:09d}"
    total = sum(weight * int(digit) for weight, digit in zip(_ABN_WEIGHTS, digits, strict=True))
    return f"{11 + (-total - 1) % 89}{digits}"


def spaced(number: str) -> str:
    """An ABN as people write it: 51 824 753 556."""
    return f"{number[:2]} {number[2:5]} {number[5:8]} {number[8:]}"


def slug(text: str) -> str:
    """A reference name made from a record's own name."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


@dataclass(frozen=True, slots=True)
class Line:
    """One opportunity line. Salesforce derives ``price`` where ``total`` is given in its place."""

    product: str
    quantity: str
    price: str = ""
    discount: str = ""
    total: str = ""

    @property
    def amount(self) -> Decimal:
        """TotalPrice as Salesforce computes it (SF 6.6): rounded half up to cents."""
        if self.total:
            return Decimal(self.total)
        kept = 1 - Decimal(self.discount or 0) / 100
        return (Decimal(self.quantity) * Decimal(self.price) * kept).quantize(_CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer or supplier that the Xero ledger already holds."""

    name: str
    tax_number: str = ""
    archived: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True)
class Customer:
    """A Salesforce account, and the Xero contact that finance keeps for it, if any."""

    name: str
    key: str = ""
    number: str = ""
    abn: str = ""
    country: str = "Australia"
    contact: Contact | None = None

    @property
    def ref(self) -> str:
        """The scenario's name for the account."""
        return f"account_{self.key or slug(self.name)}"


@dataclass(frozen=True, slots=True)
class HandInvoice:
    """An invoice that finance made in Xero by hand, ``days_after`` the deal closed."""

    total: Decimal
    days_after: int = 1
    reference: str = ""
    paid: bool = False


@dataclass(frozen=True, slots=True)
class Deal:
    """A Salesforce opportunity: inserted open on ``opened``, then moved to won (or lost) at its instant."""

    name: str
    customer: str | None
    closes: date
    lines: tuple[Line, ...] = ()
    outcome: str = "Closed Won"
    outcome_at: datetime | None = None
    opened: date | None = None
    currency: str = "AUD"
    region: str = "NSW"
    amount: str = ""
    invoice: HandInvoice | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ref(self) -> str:
        """The scenario's name for the opportunity."""
        return f"deal_{slug(self.name)}"

    @property
    def total(self) -> Decimal:
        """Amount ex tax as Salesforce shows it, a whole-deal discount not yet taken off."""
        return sum((line.amount for line in self.lines), Decimal(self.amount or "0.00"))

    @property
    def opened_at(self) -> datetime:
        """When the opportunity was entered."""
        return at(self.opened or self.closes - timedelta(days=31), "00:10")

    @property
    def moved_at(self) -> datetime | None:
        """When it was won or lost; None while it is open."""
        if not self.outcome.startswith("Closed"):
            return None
        return self.outcome_at or at(self.closes, "03:00")


def at(day: date, clock: str) -> datetime:
    """A UTC instant on a day; 00:00 to 12:59 UTC is the same calendar day in Sydney."""
    return datetime.combine(day, time.fromisoformat(clock), UTC)


def instant(moment: datetime) -> str:
    """An instant as scenario files write it."""
    return moment.isoformat().replace("+00:00", "Z")


class Book:
    """Collects records side by side, in the shape of a scenario document."""

    def __init__(self) -> None:
        self.salesforce: dict[str, list[Record]] = {}
        self.xero: dict[str, list[Record]] = {}

    def add(self, side: str, kind: str, moment: datetime, record: Record, name: str = "", update: str = "") -> None:
        """Append one record (or an update of ``update``) at its instant."""
        directives: Record = {"$at": instant(moment)}
        if name:
            directives["$name"] = name
        if update:
            directives["$update"] = f"${update}"
        getattr(self, side).setdefault(kind, []).append(directives | record)

    def add_contact(self, contact: Contact, ref: str, moment: datetime) -> None:
        """Put a contact into the ledger; an archived one is archived a day later."""
        words = slug(contact.name).split("_")
        record: Record = {"Name": contact.name, "EmailAddress": f"accounts@{''.join(words[:2])}.example"}
        if contact.tax_number:
            record["TaxNumber"] = contact.tax_number
        if contact.address:
            record["Addresses"] = [{"AddressType": "POBOX", "AddressLine1": contact.address, "Country": "Australia"}]
        self.add("xero", "Contacts", moment, record, name=ref)
        if contact.archived:
            archive = {"ContactStatus": "ARCHIVED"}
            self.add("xero", "Contacts", moment + timedelta(days=1), archive, update=ref)

    def add_invoice(self, deal: Deal, contact_ref: str) -> None:
        """The invoice that finance made by hand for a deal, and its payment."""
        made = deal.invoice
        if made is None:
            return
        day = deal.closes + timedelta(days=made.days_after)
        ref = f"invoice_{slug(deal.name)}"
        line = {"Description": deal.name, "Quantity": 1, "UnitAmount": made.total, "AccountCode": "200"}
        invoice: Record = {
            "Type": "ACCREC",
            "Contact": {"ContactID": f"${contact_ref}"},
            "Date": day.isoformat(),
            "DueDate": (day + timedelta(days=14)).isoformat(),
            "LineAmountTypes": "Exclusive",
            "Status": "AUTHORISED",
            "Reference": made.reference,
            "LineItems": [line | {"TaxType": "OUTPUT"}],
        }
        self.add("xero", "Invoices", at(day, "04:00"), invoice, name=ref)
        if made.paid:
            tax = (made.total / 10).quantize(_CENT, ROUND_HALF_UP)
            paid_on = day + timedelta(days=12)
            payment = {
                "Invoice": {"InvoiceID": f"${ref}"},
                "Account": {"Code": "090"},
                "Date": paid_on.isoformat(),
                "Amount": made.total + tax,
            }
            self.add("xero", "Payments", at(paid_on, "05:00"), payment)

    def add_deal(self, deal: Deal) -> None:
        """An opportunity's history: entered open, its lines ten minutes later, won or lost at its instant."""
        record: Record = {
            "Name": deal.name,
            "StageName": "Proposal/Price Quote" if deal.moved_at else deal.outcome,
            "CloseDate": deal.closes.isoformat(),
            "CurrencyIsoCode": deal.currency,
            "Region__c": deal.region,
        }
        if deal.customer is not None:
            record["AccountId"] = f"${deal.customer}"
        if deal.amount:
            record["Amount"] = Decimal(deal.amount)
        if deal.lines:
            record["Pricebook2Id"] = "$standard"
        self.add("salesforce", "Opportunity", deal.opened_at, record | dict(deal.extra), name=deal.ref)
        for line in deal.lines:
            self.add("salesforce", "OpportunityLineItem", deal.opened_at + timedelta(minutes=10), _line(deal, line))
        if deal.moved_at is not None:
            self.add("salesforce", "Opportunity", deal.moved_at, {"StageName": deal.outcome}, update=deal.ref)

    def document(self, **top: Any) -> Record:
        """The scenario document."""
        return {**top, "xero": self.xero, "salesforce": self.salesforce}


def price_ref(product: str, currency: str) -> str:
    """The scenario's name for a price book entry."""
    return f"price_{slug(product)}_{currency.lower()}"


def _line(deal: Deal, line: Line) -> Record:
    record: Record = {
        "OpportunityId": f"${deal.ref}",
        "PricebookEntryId": f"${price_ref(line.product, deal.currency)}",
        "Quantity": Decimal(line.quantity),
    }
    record["TotalPrice" if line.total else "UnitPrice"] = Decimal(line.total or line.price)
    if line.discount:
        record["Discount"] = Decimal(line.discount)
    return record
