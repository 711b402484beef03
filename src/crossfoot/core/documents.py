"""Intended documents: what a Salesforce record means in the books, before anything is written.

The mapping turns a stored record into one of these; ``core.plan`` prices it, codes it against the organisation's books
and decides.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from crossfoot.core.books import LedgerAddress, LedgerInvoice, LedgerLine, LedgerPerson, LedgerPhone
from crossfoot.core.findings import Finding
from crossfoot.core.money import ZERO, Totals, document_totals, line_amount, total
from crossfoot.core.records import RecordRef, canonical, content_hash


class LineAmounts(StrEnum):
    """How the prices of a document are meant (XERO 4.3)."""

    EXCLUSIVE = "Exclusive"
    INCLUSIVE = "Inclusive"


@dataclass(frozen=True, slots=True)
class IntendedLine:
    """A line as the deal has it. Empty account or tax means: the item's, else the named default."""

    description: str
    quantity: Decimal
    unit_amount: Decimal
    item_code: str = ""
    account_code: str = ""
    tax_type: str = ""
    discount_rate: Decimal | None = None
    discount_amount: Decimal | None = None
    tracking: tuple[tuple[str, str], ...] = ()
    product: RecordRef | None = None
    row_id: str = ""
    """The id of the deal's line; blank for the one line of a deal without products."""
    tax_decided: bool = False
    """Whether a person decided on its tax (``core.overrides``), whatever the customer's country imposes."""

    @property
    def amount(self) -> Decimal:
        """The line's amount as Xero will compute it."""
        return line_amount(
            self.quantity, self.unit_amount, discount_rate=self.discount_rate, discount_amount=self.discount_amount
        )


@dataclass(frozen=True, slots=True)
class IntendedInvoice:
    """A sales invoice that a deal calls for."""

    source: RecordRef
    account: RecordRef | None
    dated: dt.date
    currency: str
    reference: str
    url: str
    lines: tuple[IntendedLine, ...]
    line_amounts: LineAmounts = LineAmounts.EXCLUSIVE
    due: dt.date | None = None
    own_number: str = ""
    without_products: bool = False

    @property
    def amount(self) -> Decimal:
        """Sum of the line amounts, in the mode the prices are in (ex tax or inclusive)."""
        return total(line.amount for line in self.lines)

    def totals(self, rates: Mapping[str, Decimal]) -> Totals:
        """Totals as Xero will compute them; ``rates`` gives percent by tax type."""
        pairs = [(line.amount, rates.get(line.tax_type, ZERO)) for line in self.lines]
        return document_totals(pairs, inclusive=self.line_amounts is LineAmounts.INCLUSIVE)


@dataclass(frozen=True, slots=True)
class Address:
    """A billing address; ``lines`` are at most four."""

    lines: tuple[str, ...] = ()
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class IntendedContact:
    """A customer that must exist in Xero. ``tax_number`` is canonical and valid, or empty; ``country`` is ISO-2."""

    source: RecordRef
    name: str
    created: dt.datetime
    account_number: str = ""
    tax_number: str = ""
    phone: str = ""
    email: str = ""
    address: Address = field(default_factory=Address)
    country: str = ""


@dataclass(frozen=True, slots=True)
class IntendedItem:
    """A product that must exist in Xero as an item."""

    source: RecordRef
    code: str
    name: str
    description: str = ""
    account_code: str = ""
    tax_type: str = ""


@dataclass(frozen=True, slots=True)
class ContactChange:
    """What changes on a linked contact: only the texts that do, but all phones, addresses or persons where one does."""

    source: RecordRef
    contact_id: str
    texts: tuple[tuple[str, str], ...] = ()
    phones: tuple[LedgerPhone, ...] = ()
    addresses: tuple[LedgerAddress, ...] = ()
    people: tuple[LedgerPerson, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemChange:
    """What changes on a linked item: only the texts that do, but all its sales details where one does."""

    source: RecordRef
    item_id: str
    texts: tuple[tuple[str, str], ...] = ()
    sales: tuple[tuple[str, str], ...] = ()
    unit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Deal:
    """One source record as the planner sees it.

    ``won_on`` is the later evidence of winning: the day of its last stage change in the organisation's zone (of its
    creation where that is empty). ``invoice`` is None when the record cannot be read as a document at all; then
    ``findings`` say why.
    """

    ref: RecordRef
    name: str
    owner: str
    won: bool
    deleted: bool
    close_date: dt.date | None
    won_on: dt.date | None
    currency: str
    amount: Decimal
    mapped_hash: str
    invoice: IntendedInvoice | None = None
    findings: tuple[Finding, ...] = ()
    bill_to: str = ""
    """The Xero contact that a person chose for it instead of its account's (``core.overrides``)."""
    amount_decided: bool = False
    amount_known: bool = True
    """False where the amount could not be read: the deal is then not worth nothing."""


def source_mark(read: str, told: Mapping[str, object]) -> str:
    """Names what a deal says: by the hash of what was read of it and, where its document takes more from its account,
    by which fields these are and what they say."""
    return ".".join([read, content_hash(sorted(told)), content_hash(dict(told))]) if told else read


def decided_mark(mark: str, decided: Sequence[object]) -> str:
    """The same where people decided parts of the document otherwise."""
    return f"{mark}+{content_hash(decided)}"


def read_part(mark: str) -> str:
    """The hash of what was read of a deal itself."""
    return re.split(r"[.+]", mark)[0]


def read_anew(mark: str, was: str, now: str) -> str:
    """The mark of a deal of which other fields are read now, without a change in what it says."""
    return f"{now}{mark.removeprefix(was)}" if read_part(mark) == was else mark


def same_source(known: str, now: str) -> bool:
    """Whether two marks name one state of a deal. Which fields its document takes from the account is for the settings
    to say: that they are others is no change of the deal."""
    then, _, decided_then = known.partition("+")
    read_then, *told_then = then.split(".")
    read_now, *told_now = now.partition("+")[0].split(".")
    if (read_then, decided_then) != (read_now, now.partition("+")[2]):
        return False
    return told_then == told_now or told_then[:1] != told_now[:1]


def intended_form(invoice: IntendedInvoice, contact_id: str) -> dict[str, object]:
    """What the document should read like in Xero, in the form that ``ledger_form`` gives for what it does."""
    return {
        "contact": contact_id,
        "dated": invoice.dated,
        "due": invoice.due,
        "currency": invoice.currency,
        "reference": invoice.reference,
        "url": invoice.url,
        "line_amounts": invoice.line_amounts.value,
        "lines": [_line_form(line, line.amount) for line in invoice.lines],
    }


def ledger_form(invoice: LedgerInvoice) -> dict[str, object]:
    """What Xero holds, without what it adds by itself (ids, status, payments, rate)."""
    return {
        "contact": invoice.contact_id,
        "dated": invoice.dated,
        "due": invoice.due,
        "currency": invoice.currency,
        "reference": invoice.reference,
        "url": invoice.url,
        "line_amounts": invoice.line_amount_types,
        "lines": [_line_form(line, line.line_amount) for line in invoice.lines],
    }


def _line_form(line: IntendedLine | LedgerLine, amount: Decimal) -> dict[str, object]:
    return {
        "description": line.description,
        "quantity": line.quantity,
        "unit_amount": line.unit_amount,
        "amount": amount,
        "item": line.item_code.casefold(),
        "account": line.account_code,
        "tax": line.tax_type,
        "discount_rate": line.discount_rate or ZERO,
        "discount_amount": line.discount_amount or ZERO,
        "tracking": sorted([list(pair) for pair in line.tracking]),
    }


def differences(left: Mapping[str, object], right: Mapping[str, object]) -> list[str]:
    """Names of the parts in which two forms differ; lines are numbered."""
    named = [key for key in left if key != "lines" and canonical(left[key]) != canonical(right[key])]
    ours, theirs = _lines(left), _lines(right)
    if len(ours) != len(theirs):
        return [*named, f"number of lines ({len(ours)} and {len(theirs)})"]
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True), start=1):
        named += [f"line {number} {key}" for key in mine if canonical(mine[key]) != canonical(other[key])]
    return named


def _lines(form: Mapping[str, object]) -> list[Mapping[str, object]]:
    lines = form["lines"]
    assert isinstance(lines, list)
    return lines
