"""Lenses: a linked record's shared values in the one form in which both sides are compared, and back.

Each part of a record is one value of canonical text; an address is one value of five texts, so that a street never
meets another one's city. Writing what was read changes nothing, and reading what was written gives it again, save for
the losses that docs/how-to/keep-customers-in-agreement.md lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from crossfoot.core.agreement import Part, Value, Values
from crossfoot.core.books import LedgerAddress, LedgerContact, LedgerItem, LedgerPhone
from crossfoot.core.documents import ContactChange, ItemChange
from crossfoot.core.errors import NeedsPerson
from crossfoot.core.matching import CONTACT_NAME_LENGTH_MAX, with_suffix
from crossfoot.core.merge import Owner
from crossfoot.core.money import EXACT
from crossfoot.core.records import RecordRef, canonical
from crossfoot.mapping.expressions import ExpressionError
from crossfoot.mapping.rules import Rule
from crossfoot.mapping.transforms import TransformError, country_code, find_transform, join_street, split_street
from crossfoot.mapping.values import as_text, raw_at

_BILLING = ("Street", "City", "Region", "PostalCode", "Country")
_DELIVERY = ("DeliveryStreet", "DeliveryCity", "DeliveryRegion", "DeliveryPostalCode", "DeliveryCountry")
NO_ADDRESS: Value = ""
PHONE_KINDS: Mapping[str, str] = MappingProxyType(
    {"Phone": "DEFAULT", "Mobile": "MOBILE", "Fax": "FAX", "DirectDial": "DDI"}
)
ADDRESS_KINDS: Mapping[str, str] = MappingProxyType({"Address": "POBOX", "DeliveryAddress": "STREET"})


def _digits(text: str) -> str:
    """A phone number as it is dialled: digits, with a leading + kept."""
    return ("+" if re.match(r"[\s(]*\+", text) else "") + re.sub(r"[^0-9]", "", text)


@dataclass(frozen=True, slots=True)
class Shape:
    """How one part is made up: its members in crossfoot.yaml, who owns it by default, and which spellings are one."""

    members: tuple[str, ...]
    owner: Owner
    fold: Callable[[str], str] = str
    length_max: int = 0


_SALESFORCE, _XERO, _EITHER = Owner.SALESFORCE, Owner.XERO, Owner.EITHER
CONTACT_PARTS: Mapping[str, Shape] = MappingProxyType(
    {
        "Name": Shape(("Name",), _SALESFORCE),
        "FirstName": Shape(("FirstName",), _SALESFORCE, length_max=255),
        "LastName": Shape(("LastName",), _SALESFORCE, length_max=255),
        "AccountNumber": Shape(("AccountNumber",), _SALESFORCE, length_max=50),
        "TaxNumber": Shape(("TaxNumber",), _EITHER, length_max=50),
        "Email": Shape(("Email",), _XERO, str.casefold, length_max=255),
        **{name: Shape((name,), _EITHER, _digits, 50) for name in PHONE_KINDS},
        "Address": Shape(_BILLING, _SALESFORCE),
        "DeliveryAddress": Shape(_DELIVERY, _SALESFORCE),
    }
)
ITEM_PARTS: Mapping[str, Shape] = MappingProxyType(
    {
        "Code": Shape(("Code",), _SALESFORCE, length_max=30),
        "Name": Shape(("Name",), _SALESFORCE, length_max=50),
        "Description": Shape(("Description",), _SALESFORCE, length_max=4000),
        "Price": Shape(("Price",), _XERO),
        "AccountCode": Shape(("AccountCode",), _XERO),
        "TaxType": Shape(("TaxType",), _XERO),
    }
)

_OF_SOLD_ITEMS = frozenset({"Description", "Price", "AccountCode", "TaxType"})


def parts_of(shapes: Mapping[str, Shape], rules: Mapping[str, Rule]) -> tuple[Part, ...]:
    """The parts that a flow maps, each with its owner: that of an address may stand at any of its fields."""
    parts = []
    for name, shape in shapes.items():
        mapped = [rules[member] for member in shape.members if member in rules]
        if not mapped:
            continue
        parts.append(
            Part(
                name,
                next((rule.owner for rule in mapped if rule.owner), shape.owner),
                shape.fold,
                writable=all(rule.expression.own_field for rule in mapped),
                empties=any(rule.empties for rule in mapped),
            )
        )
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class Form:
    """A record's canonical values, and the parts that cannot be read, with the reason."""

    values: Values
    unreadable: Mapping[str, str]
    absent: frozenset[str] = frozenset()
    """Parts of which that side can hold no value: these are left alone on both sides."""


class RecordLens:
    """The lens of one flow, between a Salesforce record and a Xero one."""

    def __init__(self, shapes: Mapping[str, Shape], rules: Mapping[str, Rule]) -> None:
        self._shapes, self._rules = shapes, rules
        self.parts = parts_of(shapes, rules)

    @property
    def told(self) -> frozenset[str]:
        """The Salesforce fields that Xero may change: those of the parts that it owns or shares."""
        parts = [part for part in self.parts if part.writable and part.owner is not Owner.SALESFORCE]
        members = [member for part in parts for member in self._shapes[part.name].members if member in self._rules]
        return frozenset(filter(None, (self._rules[member].expression.own_field for member in members)))

    def salesforce(self, fields: Mapping[str, Any], suffix: str = "") -> Form:
        """What Salesforce has. ``suffix`` is what the Xero name carries beyond it."""
        return self._form(lambda member: self._of_salesforce(member, fields), suffix)

    def contact(self, contact: LedgerContact, suffix: str = "") -> Form:
        """What Xero has of a contact, its unique-name suffix stripped."""
        texts = _contact_texts(contact)
        name = contact.name
        texts["Name"] = name[: -len(suffix)] if suffix and name.endswith(suffix) else name
        return self._form(lambda member: self._of_xero(member, texts), suffix)

    def item(self, item: LedgerItem) -> Form:
        """What Xero has of an item."""
        texts = {
            "Code": item.code,
            "Name": item.name,
            "Description": item.description,
            "Price": "" if item.unit_price is None else format(item.unit_price, "f"),
            "AccountCode": item.account_code,
            "TaxType": item.tax_type,
        }
        form = self._form(lambda member: self._of_xero(member, texts), "")
        return form if item.is_sold else replace(form, absent=_OF_SOLD_ITEMS)

    def salesforce_fields(self, values: Values) -> dict[str, Any]:
        """Salesforce fields that hold these values."""
        fields: dict[str, Any] = {}
        for name, value in values.items():
            members = self._shapes[name].members
            texts = address_texts(value) if len(members) > 1 else (value,)
            for member, text in zip(members, texts, strict=True):
                rule = self._rules.get(member)
                if rule is not None and rule.expression.own_field:
                    fields[rule.expression.own_field] = _for_salesforce(member, str(text))
        return fields

    def contact_change(
        self, source: RecordRef, contact: LedgerContact, values: Values, suffix: str = ""
    ) -> ContactChange:
        """A contact's change: the texts that change, and phones and addresses whole where one of them does."""
        texts = {name: str(value) for name, value in values.items() if isinstance(value, str)}
        phones = {phone.kind: phone for phone in contact.phones}
        addresses = {address.kind: address for address in contact.addresses}
        numbers = {PHONE_KINDS[name]: texts.pop(name) for name in PHONE_KINDS if name in texts}
        places = {
            ADDRESS_KINDS[name]: address_texts(value)
            for name in ADDRESS_KINDS
            if (value := values.get(name)) is not None
        }
        for name in ADDRESS_KINDS:
            texts.pop(name, None)
        phones |= {kind: LedgerPhone(kind, number) for kind, number in numbers.items()}
        for kind, (street, city, region, postal_code, country) in places.items():
            lines = tuple(line for line in split_street(street) if line)
            attention = addresses[kind].attention if kind in addresses else ""
            addresses[kind] = LedgerAddress(kind, lines, city, region, postal_code, country_name(country), attention)
        if "Name" in texts:
            texts["Name"] = with_suffix(texts["Name"], suffix)
        return ContactChange(
            source,
            contact.contact_id,
            tuple(sorted(texts.items())),
            phones=tuple(phones.values()) if numbers else (),
            addresses=tuple(addresses.values()) if places else (),
        )

    def item_change(self, source: RecordRef, item: LedgerItem, values: Values) -> ItemChange:
        """An item's change: the texts that change, and its sales details whole where one of them does."""
        texts = {"Code": item.code, **{name: str(value) for name, value in values.items()}}
        sales = {"AccountCode": item.account_code, "TaxType": item.tax_type}
        price = Decimal(texts.pop("Price")) if texts.get("Price") else item.unit_price
        touched = sales.keys() & texts.keys() or "Price" in values
        sales |= {name: texts.pop(name) for name in tuple(sales) if name in texts}
        return ItemChange(
            source,
            item.item_id,
            tuple(sorted(texts.items())),
            sales=tuple(sorted((name, text) for name, text in sales.items() if text)) if touched else (),
            unit_price=price if touched else None,
        )

    def _form(self, read: Callable[[str], str], suffix: str) -> Form:
        values: dict[str, Value] = {}
        unreadable: dict[str, str] = {}
        for part in self.parts:
            shape = self._shapes[part.name]
            try:
                if len(shape.members) > 1:
                    texts = tuple(read(member) for member in shape.members)
                    values[part.name] = texts if any(texts) else NO_ADDRESS
                else:
                    room = CONTACT_NAME_LENGTH_MAX - len(suffix) if part.name == "Name" else shape.length_max
                    text = read(part.name)
                    values[part.name] = text[:room].rstrip() if room else text
            except (ExpressionError, NeedsPerson) as error:
                unreadable[part.name] = str(error)
        return Form(values, unreadable)

    def _of_salesforce(self, member: str, fields: Mapping[str, Any]) -> str:
        rule = self._rules.get(member)
        if rule is None:
            return ""
        text = as_text(rule.expression.evaluate(lambda path: raw_at(fields, path)))
        return _canonical_text(member, text, rule)

    def _of_xero(self, member: str, texts: Mapping[str, str]) -> str:
        rule = self._rules.get(member)
        return "" if rule is None else _canonical_text(member, texts.get(member, ""), rule)


def _canonical_text(member: str, text: str, rule: Rule) -> str:
    """One form on both sides."""
    if member.endswith("Country"):
        return country_code(text)
    if member.endswith("Street"):
        return join_street(split_street(text)) or ""
    if member == "Price":
        return _price(text)
    if rule.transform is not None:
        return as_text(rule.transform(text))
    if member in PHONE_KINDS:
        return as_text(find_transform("phone")(text))
    if member == "Description":
        return as_text(find_transform("text")(text))
    return " ".join(as_text(canonical(text)).split())


def _price(text: str) -> str:
    if not text:
        return ""
    try:
        number = EXACT.quantize(Decimal(text), Decimal("0.0001"))
    except InvalidOperation:
        raise TransformError("unreadable", f"`{text}` is not a price.") from None
    return format(EXACT.normalize(number), "f")


def address_texts(value: Value) -> tuple[str, ...]:
    """Street (of several lines), city, region, postal code and country of an address value."""
    return value if isinstance(value, tuple) else ("",) * len(_BILLING)


def country_name(text: str) -> str:
    """The English name of an ISO code, in letters only as Xero takes it; other words stay."""
    try:
        return as_text(find_transform("country_name")(text))
    except TransformError:
        return text


def address_value(address: LedgerAddress) -> tuple[str, ...]:
    """An address in the order of an address value, as it stands in Xero."""
    return ("\n".join(address.lines), address.city, address.region, address.postal_code, address.country)


def _contact_texts(contact: LedgerContact) -> dict[str, str]:
    texts = {
        "FirstName": contact.first_name,
        "LastName": contact.last_name,
        "AccountNumber": contact.account_number,
        "TaxNumber": contact.tax_number,
        "Email": contact.email,
    }
    numbers = {phone.kind: " ".join(_words(phone.country, phone.area, phone.number)) for phone in contact.phones}
    texts |= {name: numbers.get(kind, "") for name, kind in PHONE_KINDS.items()}
    addresses = {address.kind: address_value(address) for address in contact.addresses}
    for kind, members in (("POBOX", _BILLING), ("STREET", _DELIVERY)):
        texts |= dict(zip(members, addresses.get(kind, ("",) * len(members)), strict=True))
    return texts


def _words(*texts: str) -> Iterable[str]:
    return (text.strip() for text in texts if text.strip())


def _for_salesforce(member: str, text: str) -> Any:
    if member.endswith("Country"):
        return country_name(text) or None
    if member == "Price":
        return Decimal(text) if text else None
    return text or None
