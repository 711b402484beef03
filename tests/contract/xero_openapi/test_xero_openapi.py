"""Xero's own OpenAPI description judges both readings of it: what we send and decode, and what the emulator answers.

The file is not part of the project: XERO_SPEC names it, and without it these tests are skipped and say so. Where it is
named, every answer of the emulator in every test is judged as well (``watching``).
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contract.xero_openapi import watching
from tests.contract.xero_openapi.description import OUR_CLIENT, Description
from tests.contract.xero_openapi.known_faults import KNOWN
from tests.contract.xero_openapi.schemas import Fault, faults_of

from crossfoot.core.documents import Address, IntendedContact, IntendedInvoice, IntendedItem, IntendedLine
from crossfoot.core.records import RecordRef, Side
from crossfoot.emulators.host import VENDORS, Worlds, make_worlds
from crossfoot.emulators.scenario import find_scenario
from crossfoot.emulators.wire import Request, Response
from crossfoot.emulators.xero import api, openid
from crossfoot.xero import answers, elements

# Members of an answer to a write that say what became of an element, whatever its resource (XERO 3.4).
OF_ANY_ELEMENT = {"HasErrors", "HasValidationErrors", "StatusAttributeString", "ValidationErrors", "Warnings"}
GUID = "0f0e0d0c-0b0a-4908-8706-050403020100"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def description() -> Description:
    path = os.environ.get("XERO_SPEC")
    if not path:
        pytest.skip("XERO_SPEC does not name Xero's OpenAPI file")
    return watching.describe(path)


@pytest.fixture(scope="module")
def worlds() -> Worlds:
    return make_worlds(find_scenario("demo"))


def ask(worlds: Worlds, path: str) -> tuple[Request, Response]:
    """One read in the demo organisation."""
    resource, _, query = path.partition("?")
    known = VENDORS["xero"].credentials(worlds.xero.world, worlds.clock.now())
    headers = {
        "authorization": f"Bearer {known['access_token']}",
        "xero-tenant-id": known["tenant_id"],
        "accept": "application/json",
    }
    request = Request("GET", f"/api.xro/2.0/{resource}", query, headers)
    return request, worlds.xero.answer(request)


STRUCTS = [
    (answers.Invoice, "Invoice"),
    (answers.Line, "LineItem"),
    (answers.Contact, "Contact"),
    (answers.Item, "Item"),
    (answers.Payment, "Payment"),
    (answers.Overpayment, "Overpayment"),
    (answers.Tracking, "LineItemTracking"),
]


@pytest.mark.parametrize(("struct", "schema"), STRUCTS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_member_we_decode_exists(description: Description, struct: Any, schema: str) -> None:
    known = {place.partition(".")[2] for place, kind in KNOWN if kind == "member" and place.startswith(f"{schema}.")}
    decoded = {field.encode_name for field in msgspec.structs.fields(struct)}
    assert decoded - known - OF_ANY_ELEMENT <= description.schemas[schema]["properties"].keys()


@pytest.mark.parametrize("key", KNOWN, ids=lambda key: f"{key[0]}: {key[1]}")
def test_a_known_fault_of_the_file_is_still_there(description: Description, key: tuple[str, str]) -> None:
    assert key in {fault.key for fault in shown_faults(description, *key, KNOWN[key].example)}


def shown_faults(description: Description, place: str, kind: str, example: Any) -> list[Fault]:
    """What the file says about a value at a place."""
    method, _, path = place.partition(" ")
    if path:
        path, _, parameter = path.partition("?")
        asked = re.sub(r"\{\w+\}", example if kind == "form" else GUID, path)
        headers = {"user-agent": OUR_CLIENT, parameter.lower(): example} if parameter else {}
        told = (("Content-Type", example if kind == "content" else "application/json"),)
        return description.judge(Request(method, f"/api.xro/2.0{asked}", "", headers), Response(200, told, b"{}"))
    schema, _, member = place.partition(".")
    schemas = description.answered if schema in description.schemas else description.identity
    return faults_of(schemas.checker({"$ref": schema}, schema), {member: example})


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
        "Invoice": elements.invoice_element(invoice, contact_id=GUID, number="SF-1", status="DRAFT"),
        "Contact": elements.contact_element(contact, "Acme"),
        "Item": elements.item_element(item),
    }
    for schema, element in sent.items():
        plain = json.loads(elements.encode(element), parse_float=Decimal)
        assert not faults_of(description.sent.checker({"$ref": schema}, schema), plain)


@pytest.mark.parametrize(
    "path",
    [
        "Invoices?page=1&unitdp=4",
        "Contacts?page=1",
        "Items",
        "Accounts",
        "TaxRates",
        "TrackingCategories?includeArchived=true",
        "Currencies",
        "Organisation",
        "Organisation/Actions",
        "Payments?page=1",
        "Overpayments?page=1",
        "BankTransactions?page=1",
        "BrandingThemes",
        "Users",
    ],
)
def test_the_demo_organisation_fits_the_description(description: Description, worlds: Worlds, path: str) -> None:
    request, response = ask(worlds, path)
    assert response.status == 200, response.body
    assert not [fault for fault in description.judge(request, response) if fault.key not in KNOWN]


def broken(body: Any) -> Iterator[tuple[str, Any]]:
    """An answer with one thing wrong, and what it is."""
    [invoice] = body["Invoices"]
    wrong: dict[str, dict[str, Any]] = {
        "Invoice.Total: type": {"Total": "10.00"},
        "Invoice.Status: choice": {"Status": "OPEN"},
        "Invoice.InvoiceID: form": {"InvoiceID": "42"},
        "Invoice.Date: form": {"Date": "2026-11-20"},
        "Invoice.Reference: null": {"Reference": None},
        "Invoice.Colour: member": {"Colour": "blue"},
        "Invoice.LineItems: type": {"LineItems": {}},
        "LineItem.TaxType: type": {"LineItems": [{**invoice["LineItems"][0], "TaxType": 7}]},
    }
    for fault, changed in wrong.items():
        yield fault, {**body, "Invoices": [{**invoice, **changed}]}
    yield "Envelope.Id: missing", {name: value for name, value in body.items() if name != "Id"}


def test_each_kind_of_fault_in_an_answer_is_noticed(description: Description, worlds: Worlds) -> None:
    request, response = ask(worlds, "Invoices?page=1&pageSize=1")
    body = json.loads(response.body)
    for fault, changed in broken(body):
        found = description.judge(request, replace(response, body=json.dumps(changed).encode()))
        assert fault in {f"{one.place}: {one.kind}" for one in found}
    for wrong, kind in (
        ((replace(request, path="/api.xro/2.0/Invoices/a/b/c"), response), "path"),
        ((replace(request, method="DELETE"), response), "method"),
        ((request, replace(response, status=418)), "status"),
        ((request, replace(response, headers=(("Content-Type", "text/html"),))), "content"),
        ((request, replace(response, status=404)), "content"),
        ((request, replace(response, status=403)), "missing"),
    ):
        assert kind in {fault.kind for fault in description.judge(*wrong)}


def test_what_our_client_asks_is_judged_too(description: Description, worlds: Worlds) -> None:
    request, response = ask(worlds, "Invoices?page=1&pageSize=1")
    ours = replace(request, headers={**request.headers, "user-agent": OUR_CLIENT})
    for query in ("page=one", "Page=1", "summaryOnly=True"):
        assert description.judge(replace(ours, query=query), response)
        assert {fault.key for fault in description.judge(replace(request, query=query), response)} <= KNOWN.keys()
    sent = replace(ours, method="PUT", query="", body=b'{"Invoices":[{"Type":"SALE","Contact":{},"LineItems":[]}]}')
    assert Fault("Invoice.Type", "choice", "SALE") in description.judge(sent, response)


def test_an_element_that_was_refused_may_repeat_what_was_sent(description: Description, worlds: Worlds) -> None:
    request, response = ask(worlds, "Invoices?page=1&pageSize=1")
    element: dict[str, Any] = {"Type": "SALE", "ValidationErrors": [{"Message": "Invoice type is not valid."}]}
    error: dict[str, Any] = {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "refused",
        "Elements": [element],
    }
    refused = replace(response, status=400, body=json.dumps(error).encode())
    assert not description.judge(replace(request, method="PUT"), refused)
    error["Elements"] = [{**element, "Colour": "blue"}]
    refused = replace(response, status=400, body=json.dumps(error).encode())
    assert [fault.key for fault in description.judge(replace(request, method="PUT"), refused)] == [
        ("Invoice.Colour", "member")
    ]


def test_every_answer_of_this_process_is_watched(description: Description) -> None:
    assert all(hasattr(route, "__wrapped__") for route in (api.answer, *openid.IDENTITY_ROUTES.values()))


def test_the_answers_of_another_process_are_read_back(description: Description, tmp_path: Path) -> None:
    watcher = watching.Watching(os.environ["XERO_SPEC"])
    program = (
        "from datetime import UTC, datetime\n"
        "from crossfoot.emulators.wire import Request\n"
        "from crossfoot.emulators.xero import handle, new_world\n"
        "now, request = datetime(2026, 11, 20, tzinfo=UTC), Request('GET', '/api.xro/2.0/Invoices', body=b'\\xff')\n"
        "handle(new_world(), request, now)\n"
    )
    environment = {**os.environ, "XERO_ANSWERS": str(watcher.notes)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60, cwd=ROOT)
    [(request, response)] = watcher.noted()
    assert (request.path, request.body, response.status) == ("/api.xro/2.0/Invoices", b"\xff", 401)
    assert not list(watcher.noted())


def test_a_contradiction_fails_the_test_that_asked(description: Description, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = watching.Watching(os.environ["XERO_SPEC"])
    watcher.new.append((Request("GET", "/Invoices"), Response(302)))
    with pytest.raises(pytest.fail.Exception, match="GET /Invoices: 302: "):
        watcher.fail()
    watcher.fail()
    assert watcher.judged == 1
