"""The elements that make invoices, customers and items in Xero, encoded exactly: amounts never pass through float."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from crossfoot.core.documents import IntendedContact, IntendedInvoice, IntendedItem, IntendedLine
from crossfoot.core.money import ZERO, round_money

_encoder = msgspec.json.Encoder(decimal_format="number")


def invoice_element(
    invoice: IntendedInvoice, *, contact_id: str, number: str, status: str, line_ids: Sequence[str] = ()
) -> dict[str, Any]:
    """The element that creates (or, with line ids, replaces) a sales invoice. Only the contact's id is sent."""
    element: dict[str, Any] = {
        "Type": "ACCREC",
        "Contact": {"ContactID": contact_id},
        "InvoiceNumber": number,
        "Reference": invoice.reference,
        "Url": invoice.url,
        "Date": invoice.dated.isoformat(),
        "DueDate": invoice.due.isoformat() if invoice.due else None,
        "CurrencyCode": invoice.currency,
        "LineAmountTypes": invoice.line_amounts.value,
        "Status": status,
        "LineItems": [_line_element(line) for line in invoice.lines],
    }
    known = [_line_over(line, line_id) for line, line_id in zip(element["LineItems"], line_ids, strict=False)]
    element["LineItems"][: len(known)] = known
    return {key: value for key, value in element.items() if value is not None}


def _line_over(line: Mapping[str, Any], line_id: str) -> dict[str, Any]:
    """A line in place of a known one: what it has no more is named too, else it would stay as it was (XERO 3.3)."""
    discount: dict[str, Any] = {} if "DiscountAmount" in line else {"DiscountRate": ZERO}
    return {"ItemCode": "", "Tracking": [], **discount, **line, "LineItemID": line_id}


def _line_element(line: IntendedLine) -> dict[str, Any]:
    element: dict[str, Any] = {
        "Description": line.description,
        "Quantity": round_money(line.quantity, 4),
        "UnitAmount": round_money(line.unit_amount, 4),
        "AccountCode": line.account_code,
        "TaxType": line.tax_type,
    }
    if line.item_code:
        element["ItemCode"] = line.item_code
    if line.discount_amount:
        element["DiscountAmount"] = line.discount_amount
    elif line.discount_rate:
        element["DiscountRate"] = line.discount_rate
    if line.tracking:
        element["Tracking"] = [{"Name": name, "Option": option} for name, option in line.tracking]
    return element


def contact_element(contact: IntendedContact, name: str) -> dict[str, Any]:
    """The element that creates a customer, marked with the account's id."""
    address = contact.address
    lines = {f"AddressLine{i}": text for i, text in enumerate(address.lines[:4], start=1)}
    postal = {
        "AddressType": "POBOX",
        **lines,
        "City": address.city,
        "Region": address.region,
        "PostalCode": address.postal_code,
        "Country": address.country,
    }
    element: dict[str, Any] = {"Name": name, "ContactNumber": contact.source.id}
    if contact.account_number:
        element["AccountNumber"] = contact.account_number
    if contact.tax_number:
        element["TaxNumber"] = contact.tax_number
    if contact.email:
        element["EmailAddress"] = contact.email
    if any(value for key, value in postal.items() if key != "AddressType"):
        element["Addresses"] = [{key: value for key, value in postal.items() if value}]
    if contact.phone:
        element["Phones"] = [{"PhoneType": "DEFAULT", "PhoneNumber": contact.phone[:50]}]
    return element


def item_element(item: IntendedItem) -> dict[str, Any]:
    """The element that creates an item. No price: finance owns that."""
    element: dict[str, Any] = {"Code": item.code, "Name": item.name[:50]}
    if item.description:
        element["Description"] = item.description[:4000]
    sales = {"AccountCode": item.account_code, "TaxType": item.tax_type}
    if any(sales.values()):
        element["SalesDetails"] = {key: value for key, value in sales.items() if value}
    return element


def encode(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """JSON with exact numbers."""
    return _encoder.encode(value)


def batch_body(kind: str, elements: Sequence[bytes]) -> bytes:
    """A wrapped batch of encoded elements."""
    return b'{"%ss":[%s]}' % (kind.encode(), b",".join(elements))
