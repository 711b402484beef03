"""Lens laws of linked records: what was written reads back the same, and writing what was read changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crossfoot.core.books import LedgerAddress, LedgerContact, LedgerItem, LedgerPhone
from crossfoot.core.records import RecordRef, Side
from crossfoot.mapping.expressions import compile_expression
from crossfoot.mapping.lenses import CONTACT_PARTS, ITEM_PARTS, RecordLens
from crossfoot.mapping.rules import Rule
from crossfoot.mapping.transforms import find_transform

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SOURCE = RecordRef(Side.SALESFORCE, "Account", "001A")


def lens(shapes: Any) -> RecordLens:
    members = [member for shape in shapes.values() for member in shape.members]
    rules = {member: Rule(compile_expression(f"{member}__c")) for member in members}
    if "TaxNumber" in rules:
        rules["TaxNumber"] = replace(rules["TaxNumber"], transform=find_transform("abn"))
    return RecordLens(shapes, rules)


CONTACTS, ITEMS = lens(CONTACT_PARTS), lens(ITEM_PARTS)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=40)
NUMBERS = st.from_regex(r"(\+61 )?[0-9 ()-]{6,14}", fullmatch=True)
COUNTRIES = st.sampled_from(["Australia", "AU", "new zealand", "U.K.", "", "Nowhere Land", "The Netherlands"])
ABNS = st.sampled_from(["51 824 753 556", "53004085616", ""])
SUFFIXES = st.sampled_from(["", " (A-17)", " (01XyZ9)"])


@st.composite
def contacts(draw: st.DrawFn) -> LedgerContact:
    address = st.builds(
        LedgerAddress,
        kind=st.sampled_from(["POBOX", "STREET"]),
        lines=st.lists(WORDS.filter(str.strip), max_size=4).map(tuple),
        city=WORDS,
        region=WORDS,
        postal_code=WORDS,
        country=COUNTRIES,
        attention=WORDS,
    )
    kinds = st.sampled_from(["DEFAULT", "MOBILE", "FAX", "DDI"])
    phone = st.builds(LedgerPhone, kind=kinds, number=NUMBERS, area=st.sampled_from(["", "02"]))
    return LedgerContact(
        "c-1",
        draw(WORDS.filter(str.strip)),
        "ACTIVE",
        NOW,
        tax_number=draw(ABNS),
        email=draw(WORDS),
        phones=tuple({p.kind: p for p in draw(st.lists(phone, max_size=4))}.values()),
        addresses=tuple({a.kind: a for a in draw(st.lists(address, max_size=2))}.values()),
    )


def put(contact: LedgerContact, values: Any, suffix: str = "") -> LedgerContact:
    """The contact after a change, as Xero keeps it: named texts replaced, phones and addresses by type (XERO 4.1)."""
    change = CONTACTS.contact_change(SOURCE, contact, values, suffix)
    texts = dict(change.texts)
    return replace(
        contact,
        name=texts.get("Name", contact.name),
        first_name=texts.get("FirstName", contact.first_name),
        last_name=texts.get("LastName", contact.last_name),
        account_number=texts.get("AccountNumber", contact.account_number),
        tax_number=texts.get("TaxNumber", contact.tax_number),
        email=texts.get("Email", contact.email),
        phones=change.phones or contact.phones,
        addresses=change.addresses or contact.addresses,
    )


@given(contacts(), contacts(), SUFFIXES)
def test_what_is_put_into_a_contact_reads_back_the_same(
    contact: LedgerContact, other: LedgerContact, suffix: str
) -> None:
    meant = CONTACTS.contact(other, suffix)
    after = CONTACTS.contact(put(contact, meant.values, suffix), suffix)
    assert {name: after.values[name] for name in meant.values} == meant.values


@given(contacts(), SUFFIXES)
def test_putting_back_what_a_contact_says_changes_nothing_that_can_be_read(contact: LedgerContact, suffix: str) -> None:
    named = replace(contact, name=contact.name + suffix)
    form = CONTACTS.contact(named, suffix)
    assert CONTACTS.contact(put(named, form.values, suffix), suffix) == form


@given(contacts())
def test_parts_that_are_not_put_stay_to_the_letter(contact: LedgerContact) -> None:
    after = put(contact, {"Phone": "02 5550 1234"})
    assert replace(after, phones=()) == replace(contact, phones=())
    rest = {phone for phone in contact.phones if phone.kind != "DEFAULT"}
    assert {phone for phone in after.phones if phone.kind != "DEFAULT"} == rest


@given(contacts(), SUFFIXES)
def test_salesforce_fields_read_back_the_same(contact: LedgerContact, suffix: str) -> None:
    meant = CONTACTS.contact(contact, suffix)
    fields = CONTACTS.salesforce_fields(meant.values)
    assert CONTACTS.salesforce(fields, suffix).values == {**CONTACTS.salesforce({}, suffix).values, **meant.values}


@given(contacts())
def test_the_form_is_its_own_form(contact: LedgerContact) -> None:
    form = CONTACTS.contact(contact).values
    assert CONTACTS.salesforce(CONTACTS.salesforce_fields(form)).values.items() >= form.items()


@given(WORDS, WORDS, st.decimals("0", "99999", places=4) | st.none())
def test_an_item_reads_back_as_it_was_put(name: str, description: str, price: Decimal | None) -> None:
    item = LedgerItem("i-1", "ADVICE", "Advice", NOW, account_code="200", tax_type="OUTPUT", unit_price=Decimal(5))
    meant = ITEMS.item(replace(item, name=name, description=description, unit_price=price)).values
    change = ITEMS.item_change(SOURCE, item, {k: v for k, v in meant.items() if v})
    texts, sales = dict(change.texts), dict(change.sales)
    assert texts["Code"] == "ADVICE"
    assert all(texts[key] == meant[key] for key in ("Name", "Description") if meant[key])
    assert sales == {"AccountCode": "200", "TaxType": "OUTPUT"}
    assert change.unit_price == (Decimal(str(meant["Price"])) if meant["Price"] else item.unit_price)
