"""Elements that change what exists in Xero: by its id, and only the members that are to change."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from crossfoot.core.books import LedgerAddress
from crossfoot.core.documents import ContactChange, ItemChange

_CONTACT_TEXTS: Mapping[str, str] = MappingProxyType({"Email": "EmailAddress"})
_PHONE_LENGTH_MAX = 50


def contact_change_element(change: ContactChange) -> dict[str, Any]:
    """The element that changes a contact by its id. Members that are not named stay as they are (XERO 4.1)."""
    element: dict[str, Any] = {"ContactID": change.contact_id}
    element |= {_CONTACT_TEXTS.get(name, name): text for name, text in change.texts}
    if change.phones:
        element["Phones"] = [
            {
                "PhoneType": phone.kind,
                "PhoneNumber": phone.number[:_PHONE_LENGTH_MAX],
                "PhoneAreaCode": phone.area,
                "PhoneCountryCode": phone.country,
            }
            for phone in change.phones
        ]
    if change.addresses:
        element["Addresses"] = [_address_element(address) for address in change.addresses]
    if change.people:
        element["ContactPersons"] = [
            {
                "FirstName": person.first_name,
                "LastName": person.last_name,
                "EmailAddress": person.email,
                "IncludeInEmails": person.include_in_emails,
            }
            for person in change.people
        ]
    return element


def _address_element(address: LedgerAddress) -> dict[str, Any]:
    lines = [*address.lines, "", "", "", ""][:4]
    element: dict[str, Any] = {"AddressType": address.kind}
    element |= {f"AddressLine{number}": text for number, text in enumerate(lines, start=1)}
    element |= {"City": address.city, "Region": address.region, "PostalCode": address.postal_code}
    element |= {"Country": address.country, "AttentionTo": address.attention}
    return element


def item_change_element(change: ItemChange) -> dict[str, Any]:
    """The element that changes an item by its id; its code is always named (XERO 4.9)."""
    element: dict[str, Any] = {"ItemID": change.item_id, **dict(change.texts)}
    sales: dict[str, Any] = dict(change.sales)
    if change.unit_price is not None:
        sales["UnitPrice"] = change.unit_price
    if sales:
        element["SalesDetails"] = sales
    return element
