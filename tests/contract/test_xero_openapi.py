"""Xero's own OpenAPI description judges both readings of it: what we send and decode, and what the emulator answers.

The file is not part of the project: XERO_SPEC names it, and without it these tests are skipped and say so. Members that
live answers have and the file lacks are listed by name, and nothing else may be missing from it.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from crossfoot.core.documents import Address, IntendedContact, IntendedInvoice, IntendedItem, IntendedLine
from crossfoot.core.records import RecordRef, Side
from crossfoot.emulators.host import Worlds, make_worlds
from crossfoot.emulators.scenario import find_scenario
from crossfoot.emulators.wire import Request
from crossfoot.xero import documents

# Members of live answers that the description does not have (docs/vendors/xero.md 3.1, 3.2, 0).
KNOWN_EXTRAS: dict[str, set[str]] = {
    "Invoice": {"DateString", "DueDateString", "InvoicePaymentServices", "SalesTaxCalculationTypeCode"},
    "LineItem": {"ValidationErrors"},
    "LineItemTracking": {"Options"},
    "Overpayment": {"DateString", "ID"},
    "BankTransaction": {"DateString", "UpdatedDateUTCString"},
}
_TYPES: dict[str, Any] = {
    "string": str,
    "number": (int, Decimal),
    "integer": int,
    "boolean": bool,
    "array": list,
    "object": dict,
}


class Description:
    """The parsed OpenAPI file."""

    def __init__(self, path: str) -> None:
        loaded = YAML(typ="safe").load(Path(path).read_text(encoding="utf-8"))
        self.schemas: dict[str, Any] = loaded["components"]["schemas"]

    def problems(self, schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
        """Where a value contradicts its schema."""
        name = schema.get("$ref", "").rsplit("/", 1)[-1]
        if name:
            schema = self.schemas[name]
        if value is None:
            return
        expected = _TYPES.get(schema.get("type", ""), object)
        if not isinstance(value, expected) or (isinstance(value, bool) and schema.get("type") != "boolean"):
            yield f"{where}: {value!r} is no {schema.get('type')}"
        if "enum" in schema and value not in schema["enum"] and value != "":
            yield f"{where}: {value!r} is not one of {schema['enum'][:6]}"
        if isinstance(value, dict) and "properties" in schema:
            known = schema["properties"]
            for key, inner in value.items():
                if key in known:
                    yield from self.problems(known[key], inner, f"{where}.{key}")
                elif key not in KNOWN_EXTRAS.get(name, set()):
                    yield f"{where}.{key}: {name} has no such member"
        if isinstance(value, list) and "items" in schema:
            for number, inner in enumerate(value[:50]):
                yield from self.problems(schema["items"], inner, f"{where}[{number}]")


@pytest.fixture(scope="module")
def description() -> Description:
    path = os.environ.get("XERO_SPEC")
    if not path:
        pytest.skip("XERO_SPEC does not name Xero's OpenAPI file")
    return Description(path)


@pytest.fixture(scope="module")
def worlds() -> Worlds:
    return make_worlds(find_scenario("demo"))


STRUCTS = [
    (documents._Invoice, "Invoice"),
    (documents._Line, "LineItem"),
    (documents._Contact, "Contact"),
    (documents._Item, "Item"),
    (documents._Payment, "Payment"),
    (documents._Overpayment, "Overpayment"),
    (documents._Tracking, "LineItemTracking"),
]


@pytest.mark.parametrize(("struct", "schema"), STRUCTS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_member_we_decode_exists(description: Description, struct: Any, schema: str) -> None:
    known = description.schemas[schema]["properties"].keys() | KNOWN_EXTRAS.get(schema, set())
    unknown = {field.encode_name for field in msgspec.structs.fields(struct)} - known
    assert unknown <= {"HasErrors", "StatusAttributeString", "ValidationErrors", "Warnings"}


def test_the_listed_faults_of_the_file_are_still_there(description: Description) -> None:
    listed = {(name, member) for name, members in KNOWN_EXTRAS.items() for member in members}
    assert not {(name, member) for name, member in listed if member in description.schemas[name]["properties"]}


def test_what_we_send_fits_the_description(description: Description) -> None:
    account = RecordRef(Side.SALESFORCE, "Account", "001000000000001AAA")
    line = IntendedLine(
        "Advice",
        Decimal("1.5"),
        Decimal("99.9999"),
        "ADV",
        "200",
        "OUTPUT",
        Decimal("12.5"),
        None,
        (("Region", "NSW"),),
    )
    invoice = IntendedInvoice(
        source=RecordRef(Side.SALESFORCE, "Opportunity", "006000000000001AAA"),
        account=account,
        dated=dt.date(2026, 11, 20),
        due=dt.date(2026, 12, 4),
        currency="AUD",
        reference="D-00001",
        url="https://acme.my.salesforce.com/006000000000001AAA",
        lines=(line,),
        source_amount=Decimal("131.25"),
    )
    contact = IntendedContact(
        account,
        "Acme",
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "A-1",
        "51824753556",
        "02 9999 0000",
        "books@acme.example",
        Address(("Level 1", "1 Main Street"), "Sydney", "NSW", "2000", "Australia"),
        "AU",
    )
    item = IntendedItem(
        RecordRef(Side.SALESFORCE, "Product2", "01t000000000001AAA"), "ADV", "Advice", "By the hour", "200"
    )
    sent = {
        "Invoice": documents.invoice_element(invoice, contact_id="c", number="SF-1", status="DRAFT"),
        "Contact": documents.contact_element(contact, "Acme"),
        "Item": documents.item_element(item),
    }
    for schema, element in sent.items():
        plain = json.loads(documents.encode(element), parse_float=Decimal)
        assert not list(description.problems({"$ref": schema}, plain, schema))


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("Invoices?page=1&unitdp=4", "Invoices"),
        ("Contacts?page=1", "Contacts"),
        ("Items", "Items"),
        ("Accounts", "Accounts"),
        ("TaxRates", "TaxRates"),
        ("TrackingCategories?includeArchived=true", "TrackingCategories"),
        ("Currencies", "Currencies"),
        ("Organisation", "Organisations"),
        ("Organisation/Actions", "Actions"),
        ("Payments?page=1", "Payments"),
        ("Overpayments?page=1", "Overpayments"),
        ("BankTransactions?page=1", "BankTransactions"),
        ("BrandingThemes", "BrandingThemes"),
        ("Users", "Users"),
    ],
)
def test_what_the_emulator_answers_fits_the_description(
    description: Description, worlds: Worlds, path: str, schema: str
) -> None:
    resource, _, query = path.partition("?")
    credentials = worlds.xero.world.credentials(worlds.clock.now())
    headers = {
        "authorization": f"Bearer {credentials['access_token']}",
        "xero-tenant-id": credentials["tenant_id"],
        "accept": "application/json",
    }
    response = worlds.xero.answer(Request("GET", f"/api.xro/2.0/{resource}", query, headers))
    assert response.status == 200, response.body
    answer = json.loads(response.body, parse_float=Decimal)
    assert not list(description.problems(description.schemas[schema]["properties"][schema], answer[schema], schema))
