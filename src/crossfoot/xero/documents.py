"""Xero's documents: exact decoding of what it answers.

Unknown members and enum values are normal; amounts never pass through float.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from crossfoot.core import books
from crossfoot.core.money import total
from crossfoot.xero import answers

ZERO_ID = "00000000-0000-0000-0000-000000000000"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{2,4})?\)/")


def parse_instant(text: str) -> datetime:
    """An instant as Xero writes it (XERO 3.2)."""
    if match := _MS_DATE.fullmatch(text):
        return _EPOCH + timedelta(milliseconds=int(match[1]))
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_day(text: str) -> date:
    """A calendar date as Xero writes it: midnight of that date, expressed as UTC."""
    return parse_instant(text).date()


@dataclass(frozen=True, slots=True)
class Page:
    """Decoded records of one answer, and whether more pages follow."""

    invoices: tuple[books.LedgerInvoice, ...] = ()
    contacts: tuple[books.LedgerContact, ...] = ()
    items: tuple[books.LedgerItem, ...] = ()
    credits: tuple[books.LedgerCredit, ...] = ()
    credit_notes: tuple[books.LedgerCreditNote, ...] = ()
    bills: tuple[books.LedgerBill, ...] = ()
    more: bool = False


def decode_page(body: bytes) -> Page:
    """Records of a list answer."""
    envelope = msgspec.json.decode(body, type=answers.Envelope)
    paging = envelope.pagination
    return Page(
        tuple(_invoice(item) for item in envelope.invoices if item.type in {"ACCREC", ""}),
        tuple(_contact(item) for item in envelope.contacts),
        tuple(_item(item) for item in envelope.items),
        tuple(_credit(item) for item in envelope.overpayments if not item.type.startswith(("SPEND", "AP"))),
        tuple(_credit_note(item) for item in envelope.credit_notes if item.type in {"ACCRECCREDIT", ""}),
        tuple(_bill(item) for item in envelope.invoices if item.type == "ACCPAY"),
        more=paging is not None and paging.page < paging.page_count,
    )


def _bill(item: answers.Invoice) -> books.LedgerBill:
    """A bill's number is the supplier's own: many may have the same one, or none (XERO 4.3)."""
    return books.LedgerBill(
        bill_id=item.invoice_id,
        number=item.invoice_number or "",
        status=item.status,
        supplier=item.contact.name,
        dated=parse_day(item.date) if item.date else date.min,
        due=parse_day(item.due_date) if item.due_date else None,
        currency=item.currency_code,
        sub_total=item.sub_total,
        total_tax=item.total_tax,
        total=item.total,
        amount_due=item.amount_due,
        amount_paid=item.amount_paid,
        amount_credited=item.amount_credited,
        updated=parse_instant(item.updated_date_utc),
        fully_paid_on=parse_day(item.fully_paid_on_date) if item.fully_paid_on_date else None,
    )


def _invoice(item: answers.Invoice) -> books.LedgerInvoice:
    return books.LedgerInvoice(
        invoice_id=item.invoice_id,
        number=item.invoice_number or "",
        status=item.status,
        contact_id=item.contact.contact_id,
        contact_name=item.contact.name,
        dated=parse_day(item.date) if item.date else date.min,
        due=parse_day(item.due_date) if item.due_date else None,
        currency=item.currency_code,
        currency_rate=item.currency_rate,
        sub_total=item.sub_total,
        total_tax=item.total_tax,
        total=item.total,
        amount_due=item.amount_due,
        amount_paid=item.amount_paid,
        amount_credited=item.amount_credited,
        updated=parse_instant(item.updated_date_utc),
        reference=item.reference or "",
        url=item.url or "",
        line_amount_types=item.line_amount_types,
        lines=tuple(_line(line) for line in item.line_items),
        payments=tuple(
            books.LedgerPayment(p.payment_id, parse_day(p.date), p.amount, p.reference or "") for p in item.payments
        ),
        fully_paid_on=parse_day(item.fully_paid_on_date) if item.fully_paid_on_date else None,
        prepaid=total(each.applied_amount for each in (*item.prepayments, *item.overpayments)),
    )


def _line(line: answers.Line) -> books.LedgerLine:
    return books.LedgerLine(
        line_item_id=line.line_item_id or "",
        description=line.description or "",
        quantity=line.quantity,
        unit_amount=line.unit_amount,
        line_amount=line.line_amount,
        tax_amount=line.tax_amount,
        item_code=line.item_code or "",
        account_code=line.account_code or "",
        tax_type=line.tax_type or "",
        discount_rate=line.discount_rate,
        discount_amount=None if line.discount_rate else line.discount_amount,
        tracking=tuple((entry.name, entry.option) for entry in line.tracking),
    )


def _contact(item: answers.Contact) -> books.LedgerContact:
    terms = item.payment_terms.sales if item.payment_terms else None
    return books.LedgerContact(
        contact_id=item.contact_id,
        name=item.name,
        status=item.contact_status,
        updated=parse_instant(item.updated_date_utc),
        contact_number=item.contact_number or "",
        account_number=item.account_number or "",
        tax_number=item.tax_number or "",
        email=item.email_address or "",
        merged_to=item.merged_to_contact_id or "",
        sales_terms=(terms.day, terms.type) if terms else None,
        first_name=item.first_name or "",
        last_name=item.last_name or "",
        phones=tuple(phone for phone in map(_phone, item.phones) if phone.number),
        addresses=tuple(address for address in map(_address, item.addresses) if address != _blank_like(address)),
        people=tuple(
            books.LedgerPerson(p.first_name or "", p.last_name or "", p.email_address or "", p.include_in_emails)
            for p in item.contact_persons
        ),
    )


def _phone(phone: answers.Phone) -> books.LedgerPhone:
    return books.LedgerPhone(
        phone.phone_type, phone.phone_number or "", phone.phone_area_code or "", phone.phone_country_code or ""
    )


def _address(address: answers.Address) -> books.LedgerAddress:
    lines = (address.address_line1, address.address_line2, address.address_line3, address.address_line4)
    return books.LedgerAddress(
        kind=address.address_type,
        lines=tuple(line for line in lines if line),
        city=address.city or "",
        region=address.region or "",
        postal_code=address.postal_code or "",
        country=address.country or "",
        attention=address.attention_to or "",
    )


def _blank_like(address: books.LedgerAddress) -> books.LedgerAddress:
    return books.LedgerAddress(address.kind)


def _item(item: answers.Item) -> books.LedgerItem:
    return books.LedgerItem(
        item_id=item.item_id,
        code=item.code,
        name=item.name or "",
        updated=parse_instant(item.updated_date_utc),
        account_code=item.sales_details.account_code or "",
        tax_type=item.sales_details.tax_type or "",
        description=item.description or "",
        unit_price=item.sales_details.unit_price,
        quantity_on_hand=item.quantity_on_hand if item.is_tracked_as_inventory else None,
        is_sold=item.is_sold,
    )


def _credit(item: answers.Overpayment) -> books.LedgerCredit:
    return books.LedgerCredit(
        credit_id=item.overpayment_id,
        contact_id=item.contact.contact_id,
        currency=item.currency_code,
        status=item.status,
        remaining=item.remaining_credit,
        dated=parse_day(item.date),
        updated=parse_instant(item.updated_date_utc),
    )


def _credit_note(item: answers.CreditNote) -> books.LedgerCreditNote:
    return books.LedgerCreditNote(
        credit_note_id=item.credit_note_id,
        number=item.credit_note_number or "",
        status=item.status,
        contact_id=item.contact.contact_id,
        dated=parse_day(item.date) if item.date else date.min,
        currency=item.currency_code,
        sub_total=item.sub_total,
        total_tax=item.total_tax,
        total=item.total,
        remaining=item.remaining_credit,
        updated=parse_instant(item.updated_date_utc),
        reference=item.reference or "",
        invoice_ids=tuple(dict.fromkeys(each.invoice.invoice_id for each in item.allocations)),
    )


@dataclass(frozen=True, slots=True)
class Element:
    """Outcome of one element of a batch. HTTP 200 alone proves nothing (XERO 3.4). ``status`` is Xero's own word."""

    xero_id: str
    errors: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    record: books.LedgerInvoice | books.LedgerContact | books.LedgerItem | None = None
    status: str = ""

    @property
    def applied(self) -> bool:
        """Whether Xero did it."""
        return not self.errors


def decode_elements(kind: str, body: bytes) -> list[Element]:
    """Outcomes in the order in which the elements were sent."""
    envelope = msgspec.json.decode(body, type=answers.Envelope)
    if kind == "Contact":
        return [
            _element(c.contact_id, c, _contact, [c, *c.addresses, *c.phones, *c.contact_persons])
            for c in envelope.contacts
        ]
    if kind == "Item":
        return [_element(i.item_id, i, _item, [i]) for i in envelope.items]
    return [_element(i.invoice_id, i, _invoice, [i, i.contact, *i.line_items]) for i in envelope.invoices]


def _element(
    xero_id: str, item: answers.Judged, record: Callable[[Any], Any], parts: Sequence[answers.Refusable]
) -> Element:
    """One outcome. It failed where Xero says so in any of its ways, and where it gave no id; all zeros are none."""
    errors = _texts(message for part in parts for message in part.validation_errors)
    usable = "" if xero_id == ZERO_ID else xero_id
    if not errors and (item.has_errors or item.has_validation_errors or item.status_attribute_string == "ERROR"):
        errors = ("Xero marked the element as failed without saying why.",)
    if not errors and not usable:
        errors = ("Xero answered without an id: the element was not saved.",)
    made = None if errors else record(item)
    return Element(usable, errors, _texts(item.warnings), made, item.status_attribute_string)


def _texts(messages: Iterable[answers.Message]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(message.message or message.description for message in messages))
