"""Whatever is sent is answered: no request ends in an exception, and a refused one changes nothing (XERO 3.5, 3.11).

Requests are made from a seed, which a failure names: most are a sound request with something odd in it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossfoot.emulators.wire import Request
from crossfoot.emulators.xero import handle
from crossfoot.emulators.xero.api import KINDS
from crossfoot.emulators.xero.fields import Field
from tests.contract.xero_emulator.conftest import Client, line
from tests.property.xero_client import books_of, open_client

REQUESTS, BLOCK = 5_000, 1_250
STATUSES = {200, 204, 400, 401, 403, 404, 405, 406, 412, 413, 415, 501}
Known = dict[str, list[str]]

DAY = "2026-11-20"
CONTACT, LINES = {"Name": "Acme Pty Ltd"}, [line(5), line({"UnitAmount": "1.005", "DiscountRate": 5})]
COSTS = [line({"UnitAmount": 7, "AccountCode": "429", "TaxType": "INPUT"})]
BANK, DOCUMENT = {"Code": "090"}, {"Contact": CONTACT, "Date": DAY, "DueDate": DAY, "Status": "AUTHORISED"}
RATE = [{"Name": "A", "Rate": 5, "IsCompound": False}, {"Name": "B", "Rate": 2.5, "IsCompound": True}]
# Requests that are sound but for what the seed does to them: path (``{}`` stands for a known id), its ids, body
SOUND: tuple[tuple[str, str, Any], ...] = (
    ("Invoices", "", {"Invoices": [{**DOCUMENT, "Type": "ACCREC", "LineItems": LINES, "Url": "https://a.example/1"}]}),
    ("Invoices", "", {**DOCUMENT, "Type": "ACCPAY", "LineItems": COSTS, "CurrencyCode": "NZD", "CurrencyRate": 1.1}),
    ("Invoices/{}", "InvoiceID", {"LineItems": LINES, "Status": "DRAFT", "Reference": "x"}),
    ("Invoices/{}", "InvoiceID", {"Status": "VOIDED"}),
    ("CreditNotes", "", {"CreditNotes": [{**DOCUMENT, "Type": "ACCRECCREDIT", "LineItems": LINES[:1]}]}),
    ("CreditNotes/{}/Allocations", "CreditNoteID", {"Allocations": [{"Amount": 1, "Date": DAY, "Invoice": "?"}]}),
    ("Overpayments/{}/Allocations", "OverpaymentID", {"Amount": 1, "Date": DAY, "Invoice": {"InvoiceID": "?"}}),
    ("Payments", "", {"Payments": [{"Invoice": {"InvoiceID": "?"}, "Account": BANK, "Amount": 1, "Date": DAY}]}),
    ("Payments/{}", "PaymentID", {"Status": "DELETED"}),
    ("BankTransactions", "", {"Type": "SPEND", "Contact": CONTACT, "BankAccount": BANK, "LineItems": COSTS}),
    (
        "BankTransactions",
        "",
        {"Type": "RECEIVE-OVERPAYMENT", "Contact": CONTACT, "BankAccount": BANK, "LineItems": LINES[:1]},
    ),
    ("BankTransactions/{}", "BankTransactionID", {"Status": "DELETED", "Reference": "x"}),
    ("Contacts", "", {"Contacts": [{"Name": "New", "Addresses": [{"AddressType": "POBOX", "City": "Perth"}]}]}),
    ("Contacts/{}", "ContactID", {"ContactStatus": "ARCHIVED", "Phones": [{"PhoneType": "MOBILE"}]}),
    ("Items", "", {"Items": [{"Code": "NEW", "Name": "New", "SalesDetails": {"UnitPrice": 1, "AccountCode": "200"}}]}),
    ("Items/{}", "ItemID", {"Code": "ADV", "IsSold": False}),
    ("Accounts", "", {"Code": "999", "Name": "New", "Type": "BANK", "BankAccountNumber": "1", "CurrencyCode": "NZD"}),
    ("Accounts/{}", "AccountID", {"Status": "ARCHIVED"}),
    ("TaxRates", "", {"Name": "New", "ReportTaxType": "OUTPUT", "TaxComponents": RATE}),
    ("TrackingCategories", "", {"Name": "Team", "Options": [{"Name": "Red"}]}),
    ("TrackingCategories/{}/Options", "TrackingCategoryID", {"Name": "South"}),
    ("Currencies", "", {"Code": "EUR"}),
    ("ContactGroups", "", {"Name": "Group"}),
    ("Invoices/{}/History", "InvoiceID", {"HistoryRecords": [{"Details": "A note"}]}),
    ("Invoices/{}/Attachments/a.txt", "InvoiceID", {"x": 1}),
    ("Invoices/{}/Email", "InvoiceID", {}),
)
EMOJI, ARABIC_THREE, SQUARED = "\U0001f600", "\u0663", "\u00b2"
ODD_TEXTS = ("", " ", "0", "-1", "1e400", "NaN", "Infinity", ARABIC_THREE, SQUARED, "\x00", EMOJI, "true", "x" * 5000)
ODD_DAYS = (
    *("/Date(1)/", "/Date(99999999999999999)/", "/Date(-99999999999999)/"),
    *("0001-01-01", "9999-12-31", "2026-02-30"),
)
ODD_NUMBERS = (0, 1, -1, 10**9, 10**30, -(10**30), 0.1, 1e-7, 1e300, 0.005, 12345.67895, 1e-28)
ODD: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"x": 1}, *ODD_TEXTS, *ODD_DAYS, *ODD_NUMBERS)
REPORTS = ("AgedReceivablesByContact", "AgedPayablesByContact", "BalanceSheet", "ProfitAndLoss", "TrialBalance")
PLACES = (
    *("", "Organisation", "Organisation/Actions", "Reports", "Nothing", "connections"),
    *(f"Reports/{name}" for name in REPORTS),
)
NESTED = (
    *("Allocations", "Options", "History", "Attachments", "Attachments/a.txt"),
    *("pdf", "OnlineInvoice", "Contacts", "x"),
)
PARAMETERS = (
    *("page", "pageSize", "where", "order", "IDs", "Statuses", "InvoiceNumbers", "ContactIDs", "summarizeErrors"),
    *("unitdp", "searchTerm", "summaryOnly", "includeArchived", "createdByMyApp", "offset", "date", "fromDate"),
    *("toDate", "periods", "timeframe", "contactId", "DateFrom", "Status", "x"),
)
VALUES = (
    *(*ODD_TEXTS, *ODD_DAYS, "9" * 30, "9" * 5000, "--5", "1", DAY),
    *("false", "4", "Name", "Date DESC", "MONTH", "DRAFT"),
)
STAMPS = (
    *("2026-11-20T00:00:00", "Fri, 20 Nov 2026 00:00:00 GMT", "Fri, 99 Nov 2026 99:00:00 GMT", "0001-01-01", ","),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "Mon, 01 Jan 0001 00:00:00 +1400"),
)
TYPES = ("application/json", "application/xml", "text/xml", "*/*", "multipart/form-data", "application/pdf", EMOJI)
HEADERS: Mapping[str, tuple[str, ...]] = {
    "if-modified-since": (*STAMPS, "", "x"),
    "idempotency-key": ("", " ", "k", "k" * 128, "k" * 200, EMOJI),
    "accept": TYPES,
    "content-type": TYPES,
    "xero-tenant-id": ("", "x"),
}


@cache
def start() -> tuple[Client, dict[str, Any], Known]:
    """A client, its world with records of each kind, and what texts the members of records have there."""
    xero = open_client()
    made = xero.invoice(100, Status="AUTHORISED")
    xero.pay(made, 10)
    xero.invoice(100)
    xero.one("PUT", "/CreditNotes", {**xero.draft(50), "Type": "ACCRECCREDIT", "Status": "AUTHORISED"})
    xero.contact("Nobody")
    for kind in ("SPEND", "RECEIVE-OVERPAYMENT", "RECEIVE-PREPAYMENT"):
        money = {"Type": kind, "Contact": CONTACT, "BankAccount": BANK}
        xero.one("PUT", "/BankTransactions", {**money, "LineItems": COSTS if kind == "SPEND" else LINES[:1]})
    xero.one("PUT", "/Items", {"Code": "ADV", "Name": "Advice", "SalesDetails": {"UnitPrice": 5}})
    xero.one("PUT", "/TrackingCategories", {"Name": "Region", "Options": [{"Name": "North"}]})
    known: Known = {}
    for table in books_of(xero)["tables"].values():
        for record in table.values():
            for name, value in record.items():
                if isinstance(value, str) and len(known.setdefault(name, [])) < 4:
                    known[name].append(value)
    return xero, xero.world.dump(), known


def member(chance: Random, name: str, declared: Field, depth: int) -> Any:
    """Mostly what a member is for, and sometimes anything at all."""
    if chance.random() < 0.15 or not depth:
        return chance.choice(ODD)
    if declared.kind in {"object", "rows"}:
        inner = [element(chance, declared.members, depth - 1) for _ in range(chance.randint(0, 2))]
        return inner if declared.kind == "rows" else (inner or [{}])[0]
    known = chance.choice(start()[2].get(name) or ["x"])
    usual: dict[str, tuple[Any, ...]] = {
        "choice": declared.choices or ("x",),
        "number": (*ODD_NUMBERS, 5, 10, 100),
        "flag": (True, False),
        "day": (DAY, "2026-11-20T00:00:00", *ODD_DAYS),
    }
    return chance.choice(usual.get(declared.kind, (known,)))


def element(chance: Random, fields: Mapping[str, Field], depth: int = 3) -> dict[str, Any]:
    names = chance.sample(sorted(fields), min(len(fields), chance.randint(0, 8)))
    return {name: member(chance, name, fields[name], depth) for name in names}


def spoiled(chance: Random, body: Any) -> Any:
    """A body with one value replaced, dropped, repeated or wrapped, wherever in it."""
    parent: Any = None
    key, value = None, body
    while isinstance(value, dict | list) and value and (parent is None or chance.random() < 0.7):
        parent, key = value, chance.choice(list(value) if isinstance(value, dict) else list(range(len(value))))
        value = parent[key]
    if parent is None:
        return chance.choice(ODD)
    act = chance.randrange(4)
    if act == 0:
        del parent[key]
    else:
        parent[key] = [chance.choice(ODD), [value, value], value][act - 1]
    return body


def with_ids(body: Any, known: Known) -> Any:
    """The body with a known invoice where one is meant."""
    invoice = known["InvoiceID"][0]
    text = json.dumps(body).replace('{"InvoiceID": "?"}', f'{{"InvoiceID": "{invoice}"}}')
    return json.loads(text.replace('"Invoice": "?"', f'"Invoice": {{"InvoiceID": "{invoice}"}}'))


def any_write(chance: Random) -> tuple[str, bytes]:
    """Path and body of a write."""
    known = start()[2]
    if chance.random() < 0.65:
        place, ids, sound = chance.choice(SOUND)
        body = with_ids(copy.deepcopy(sound), known)
        for _ in range(chance.choice((0, 1, 1, 2, 3))):
            body = spoiled(chance, body)
        path = place.format(chance.choice(known.get(ids) or ["x"]))
    else:
        kind = KINDS[chance.choice(sorted(KINDS))]
        rows = [element(chance, kind.fields) for _ in range(chance.randint(1, 3))]
        path, body = any_place(chance), chance.choice(({kind.plural: rows}, rows[0], rows, chance.choice(ODD)))
    raw = json.dumps(body).encode()
    return path, raw if chance.random() < 0.95 else chance.choice((b"", b"{", b"\xff", b"<Invoices/>", raw[:-1]))


def any_place(chance: Random) -> str:
    if chance.random() < 0.15:
        return chance.choice(PLACES)
    kind = KINDS[chance.choice(sorted(KINDS))]
    parts = [kind.plural]
    if chance.random() < 0.6:
        parts.append(chance.choice((*start()[2].get(kind.id_field, ()), "x", EMOJI, "INV-0001")))
        if chance.random() < 0.4:
            parts.append(chance.choice(NESTED))
            if chance.random() < 0.5:
                parts.append(chance.choice(("x", *start()[2]["ContactID"])))
    return "/".join(quote(part) for part in parts)


def any_request(seed: int) -> Request:
    """The request of a seed, without who sends it."""
    chance = Random(seed)
    method = chance.choice(("GET", "GET", "GET", "PUT", "PUT", "POST", "POST", "POST", "DELETE", "PATCH", "HEAD"))
    path, body = (any_place(chance), b"") if method in {"GET", "DELETE", "HEAD"} else any_write(chance)
    query = {chance.choice(PARAMETERS): chance.choice(VALUES) for _ in range(chance.choice((0, 0, 1, 2, 3)))}
    odd = {name: chance.choice(HEADERS[name]) for name in HEADERS if chance.random() < 0.08}
    return Request(method, f"/api.xro/2.0/{path}", urlencode(query), odd, body)


@pytest.mark.parametrize("first", range(0, REQUESTS, BLOCK))
def test_requests_of_any_kind_are_answered_and_refusals_change_nothing(first: int) -> None:
    xero, dump, _ = start()
    sender = {"authorization": f"Bearer {xero.token}", "xero-tenant-id": xero.tenant, "accept": "application/json"}
    xero.world.load(dump)
    before, met = books_of(xero), set()
    for seed in range(first, first + BLOCK):
        asked = any_request(seed)
        xero.world.load(dump)
        request = Request(asked.method, asked.path, asked.query, {**sender, **asked.headers}, asked.body)
        try:
            response, events = handle(xero.world, request, xero.now)
        except Exception as error:
            error.add_note(f"request {seed}: {asked}")
            raise
        told = f"request {seed}: {asked}\n{response}"
        assert response.status in STATUSES, told
        assert len(xero.world.log) == len(dump["log"]) + 1, told
        if request.method == "GET" or response.status >= 400:
            assert books_of(xero) == before, told
            assert not events, told
        met.add((request.method, response.status))
    assert {("GET", 200), ("GET", 400), ("PUT", 200), ("PUT", 400), ("POST", 200), ("POST", 400)} <= met


@settings(max_examples=100)
@given(st.text(max_size=30), st.text(max_size=12), st.sampled_from(("", "Bearer ", "Bearer x", "Basic eA==")))
def test_paths_methods_and_tokens_of_any_kind_are_answered(path: str, method: str, authorization: str) -> None:
    xero, dump, _ = start()
    xero.world.load(dump)
    before, body = books_of(xero), path.encode("utf-8", "replace")
    for place in (f"/{path}", f"/api.xro/2.0/{quote(path)}", f"/connect/{path}", f"/identity/{path}", "/connect/token"):
        request = Request(method, place, path, {"authorization": authorization}, body)
        assert handle(xero.world, request, xero.now)[0].status < 500
    assert books_of(xero) == before
