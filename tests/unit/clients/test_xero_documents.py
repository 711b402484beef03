"""Xero's documents: every amount exact in both directions, and an element that is believed only when it says so."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfoot.core.documents import Address, IntendedItem, LineAmounts
from crossfoot.xero import reference
from crossfoot.xero.documents import (
    ZERO_ID,
    decode_elements,
    decode_page,
    parse_day,
    parse_instant,
)
from crossfoot.xero.elements import batch_body, contact_element, encode, invoice_element, item_element
from crossfoot.xero.errors import as_rejection, says_taken
from tests.unit.core.cases import account, account_id, invoice, line, money, salesforce

UPDATED = "/Date(1763602200000+0000)/"


def exact(body: bytes) -> Any:
    """JSON with every number as Decimal, to compare digit by digit."""
    return json.loads(body, parse_float=Decimal, parse_int=Decimal)


def leaves(value: object) -> Iterator[object]:
    """Everything inside a decoded value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for each in dataclasses.fields(value):
            yield from leaves(getattr(value, each.name))
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


FULL = b"""{"pagination": {"page": 1, "pageSize": 1000, "pageCount": 2, "itemCount": 1001},
  "Invoices": [{"Type": "ACCREC", "InvoiceID": "i-1", "InvoiceNumber": "SF-1", "Status": "PAID",
    "Contact": {"ContactID": "c-1", "Name": "Customer"}, "CurrencyRate": 1.0837261845, "CurrencyCode": "NZD",
    "DateString": "2026-11-10T00:00:00", "Date": "/Date(1794268800000+0000)/", "DueDate": "2026-11-24T00:00:00",
    "LineAmountTypes": "Exclusive", "SubTotal": 0.30000000000000004, "TotalTax": 0.1, "Total": 9999999999.99,
    "AmountDue": 0, "AmountPaid": 0.29, "AmountCredited": 1e2, "UpdatedDateUTC": "/Date(1763602200123+0000)/",
    "FullyPaidOnDate": "/Date(1794873600000)/", "SomethingNew": {"Deep": [1.5]},
    "Payments": [{"PaymentID": "p-1", "Date": "/Date(1794873600000+0000)/", "Amount": 0.29, "Reference": null}],
    "LineItems": [{"LineItemID": "l-1", "Description": null, "Quantity": 1.3333, "UnitAmount": 19.9875,
      "LineAmount": 26.65, "TaxAmount": 2.67, "ItemCode": "ADVICE", "AccountCode": "200", "TaxType": "OUTPUT",
      "DiscountRate": 12.5, "DiscountAmount": 3.33, "Tracking": [{"Name": "Region", "Option": "East"}]}]},
   {"Type": "ACCPAY", "InvoiceID": "bill", "UpdatedDateUTC": "/Date(0)/"}]}"""


def test_an_invoice_is_decoded_digit_by_digit() -> None:
    page = decode_page(FULL)
    (found,) = page.invoices
    assert page.more
    assert str(found.sub_total) == "0.30000000000000004"
    assert (found.total_tax, found.total, found.amount_paid) == (money("0.1"), money("9999999999.99"), money("0.29"))
    assert found.amount_credited == 100
    assert str(found.currency_rate) == "1.0837261845"
    assert (found.dated, found.due) == (dt.date(2026, 11, 10), dt.date(2026, 11, 24))
    assert found.fully_paid_on == dt.date(2026, 11, 17)
    assert (found.lines[0].quantity, found.lines[0].unit_amount) == (money("1.3333"), money("19.9875"))
    assert (found.lines[0].discount_rate, found.lines[0].discount_amount) == (money("12.5"), None)
    assert found.lines[0].tracking == (("Region", "East"),)
    assert found.payments[0].amount == money("0.29")


def test_no_float_is_anywhere_in_what_is_decoded() -> None:
    assert not [value for value in leaves(decode_page(FULL)) if isinstance(value, float)]
    rates = b'{"TaxRates": [{"TaxType": "OUTPUT", "Name": "GST", "EffectiveRate": 12.345, "CanApplyToRevenue": true}]}'
    (rate,) = reference.decode_tax_rates(rates)
    assert (rate.rate, rate.applies_to) == (money("12.345"), frozenset({"REVENUE"}))


amounts = st.decimals(-(10**10), 10**10, places=4)


@given(amounts, amounts, st.decimals(0, 100, places=4))
def test_amounts_are_read_exactly_as_written(sub_total: Decimal, unit_amount: Decimal, rate: Decimal) -> None:
    body = f"""{{"Invoices": [{{"Type": "ACCREC", "SubTotal": {sub_total:f}, "UpdatedDateUTC": "{UPDATED}",
      "LineItems": [{{"UnitAmount": {unit_amount:f}, "DiscountRate": {rate:f}}}]}}]}}"""
    (found,) = decode_page(body.encode()).invoices
    (only,) = found.lines
    assert (found.sub_total, only.unit_amount, only.discount_rate) == (sub_total, unit_amount, rate)


@given(st.decimals("0.0001", 10**6, places=4), amounts, st.none() | st.decimals("0.0001", 100, places=4))
def test_amounts_are_written_exactly_as_meant(quantity: Decimal, unit_amount: Decimal, rate: Decimal | None) -> None:
    document = invoice(lines=[line(quantity=quantity, unit_amount=unit_amount, discount_rate=rate)])
    element = invoice_element(document, contact_id="c-1", number="SF-1", status="DRAFT")
    (sent,) = exact(encode(element))["LineItems"]
    assert (sent["Quantity"], sent["UnitAmount"], sent.get("DiscountRate")) == (quantity, unit_amount, rate)


@pytest.mark.promise("S0-22", "S0-27", "S1-41", "S1-42", "S1-44", "S1-45", "S1-46")
def test_the_element_that_creates_an_invoice() -> None:
    document = invoice(
        lines=[
            line(
                quantity=money("1.5"),
                unit_amount=money("19.9875"),
                discount_rate=money("12.5"),
                account_code="200",
                tax_type="OUTPUT",
                tracking=(("Region", "East"), ("Team", "Blue")),
            ),
            line(
                item_code="", discount_amount=money("3.30"), discount_rate=None, account_code="200", tax_type="OUTPUT"
            ),
        ],
        due=dt.date(2026, 11, 24),
        line_amounts=LineAmounts.INCLUSIVE,
    )
    assert exact(encode(invoice_element(document, contact_id="c-1", number="SF-D-0001", status="DRAFT"))) == {
        "Type": "ACCREC",
        "Contact": {"ContactID": "c-1"},
        "InvoiceNumber": "SF-D-0001",
        "Reference": "D-0001",
        "Url": document.url,
        "Date": "2026-11-10",
        "DueDate": "2026-11-24",
        "CurrencyCode": "AUD",
        "LineAmountTypes": "Inclusive",
        "Status": "DRAFT",
        "LineItems": [
            {
                "Description": "Advice",
                "Quantity": money("1.5"),
                "UnitAmount": money("19.9875"),
                "AccountCode": "200",
                "TaxType": "OUTPUT",
                "ItemCode": "ADVICE",
                "DiscountRate": money("12.5"),
                "Tracking": [{"Name": "Region", "Option": "East"}, {"Name": "Team", "Option": "Blue"}],
            },
            {
                "Description": "Advice",
                "Quantity": 1,
                "UnitAmount": 100,
                "AccountCode": "200",
                "TaxType": "OUTPUT",
                "DiscountAmount": money("3.30"),
            },
        ],
    }


def test_an_update_sends_every_line_with_its_id_and_new_lines_without() -> None:
    document = invoice(lines=[line(), line(), line()])
    sent = invoice_element(document, contact_id="c", number="n", status="DRAFT", line_ids=["l-1", "l-2"])["LineItems"]
    assert [each.get("LineItemID") for each in sent] == ["l-1", "l-2", None]


@pytest.mark.promise("S1-37", "S1-39", "S1-40", "S1-47")
def test_the_element_that_creates_a_customer() -> None:
    address = Address(("Level 9", "1 George St", "Tower B", "Plaza"), "Sydney", "NSW", "2000", "Australia")
    customer = account(tax_number="51824753556", account_number="A-1", phone="+61 2 9999 1234", address=address)
    assert contact_element(customer, "Customer 1 (A-1)") == {
        "Name": "Customer 1 (A-1)",
        "ContactNumber": account_id(),
        "AccountNumber": "A-1",
        "TaxNumber": "51824753556",
        "Addresses": [
            {
                "AddressType": "POBOX",
                "AddressLine1": "Level 9",
                "AddressLine2": "1 George St",
                "AddressLine3": "Tower B",
                "AddressLine4": "Plaza",
                "City": "Sydney",
                "Region": "NSW",
                "PostalCode": "2000",
                "Country": "Australia",
            }
        ],
        "Phones": [{"PhoneType": "DEFAULT", "PhoneNumber": "+61 2 9999 1234"}],
    }
    assert contact_element(account(), "Customer 1") == {"Name": "Customer 1", "ContactNumber": account_id()}


def test_the_element_that_creates_an_item_has_no_price() -> None:
    product = IntendedItem(salesforce("Product2", "01t"), "ADVICE", "A" * 60, account_code="200")
    assert item_element(product) == {"Code": "ADVICE", "Name": "A" * 50, "SalesDetails": {"AccountCode": "200"}}


def test_a_batch_is_the_elements_as_they_were_reserved() -> None:
    elements = [encode({"Total": money("0.30")}), encode({"Total": money("1E+2")})]
    assert exact(batch_body("Invoice", elements)) == {"Invoices": [{"Total": money("0.30")}, {"Total": 100}]}


UNSAID = "Xero marked the element as failed without saying why."
SAID = {"Message": "Account code '999' is not valid"}


@pytest.mark.promise("S0-40")
@pytest.mark.parametrize(
    ("element", "errors"),
    [
        ({"InvoiceID": "i-1", "StatusAttributeString": "OK"}, ()),
        ({"InvoiceID": "i-1", "ValidationErrors": [SAID]}, (SAID["Message"],)),
        ({"InvoiceID": "i-1", "ValidationErrors": [SAID, SAID]}, (SAID["Message"],)),
        ({"InvoiceID": ZERO_ID, "ValidationErrors": [{"Description": "Told elsewhere"}]}, ("Told elsewhere",)),
        ({"InvoiceID": "i-1", "LineItems": [{"ValidationErrors": [SAID]}]}, (SAID["Message"],)),
        ({"InvoiceID": "i-1", "Contact": {"ValidationErrors": [SAID]}}, (SAID["Message"],)),
        ({"InvoiceID": "i-1", "StatusAttributeString": "ERROR"}, (UNSAID,)),
        ({"InvoiceID": "i-1", "HasErrors": True}, (UNSAID,)),
    ],
)
def test_an_element_of_a_200_is_believed_only_without_errors(element: dict[str, Any], errors: tuple[str, ...]) -> None:
    body = msgspec.json.encode({"Invoices": [{"UpdatedDateUTC": UPDATED, **element}]})
    (found,) = decode_elements("Invoice", body)
    assert found.errors == errors
    assert found.applied is not bool(errors)
    assert (found.record is not None) is found.applied


@pytest.mark.parametrize(("kind", "id_name"), [("Invoice", "InvoiceID"), ("Contact", "ContactID"), ("Item", "ItemID")])
def test_an_all_zero_id_is_no_id(kind: str, id_name: str) -> None:
    body = msgspec.json.encode({f"{kind}s": [{id_name: ZERO_ID}, {id_name: "x-2", "UpdatedDateUTC": UPDATED}]})
    first, second = decode_elements(kind, body)
    assert (first.applied, first.xero_id, first.record) == (False, "", None)
    assert first.errors == ("Xero answered without an id: the element was not saved.",)
    assert (second.applied, second.xero_id) == (True, "x-2")


@pytest.mark.parametrize(("kind", "id_name"), [("Invoice", "InvoiceID"), ("Contact", "ContactID"), ("Item", "ItemID")])
def test_warnings_and_xeros_own_word_are_kept_and_do_not_fail_an_element(kind: str, id_name: str) -> None:
    said = {"StatusAttributeString": "WARNING", "Warnings": [{"Message": "Rounded"}]}
    warned = {id_name: "x-1", "UpdatedDateUTC": UPDATED, **said}
    (found,) = decode_elements(kind, msgspec.json.encode({f"{kind}s": [warned]}))
    assert (found.applied, found.warnings, found.status) == (True, ("Rounded",), "WARNING")


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        ("Invoice", {"InvoiceID": "x", "HasValidationErrors": True}),
        ("Contact", {"ContactID": "x", "HasErrors": True}),
        ("Contact", {"ContactID": "x", "Addresses": [{"ValidationErrors": [{"Message": "Too long"}]}]}),
        ("Contact", {"ContactID": "x", "Phones": [{"ValidationErrors": [{"Description": "Too long"}]}]}),
        ("Item", {"ItemID": "x", "HasValidationErrors": True}),
    ],
)
def test_a_failure_is_seen_wherever_it_is_told(kind: str, refused: dict[str, Any]) -> None:
    body = msgspec.json.encode({f"{kind}s": [{"UpdatedDateUTC": UPDATED, **refused}]})
    (found,) = decode_elements(kind, body)
    assert not found.applied


def test_a_refused_batch_tells_its_reasons_from_any_depth_once() -> None:
    elements = [
        {
            "ValidationErrors": [{"Message": "Date is locked"}],
            "Contact": {"ValidationErrors": [{"Message": "No name"}]},
        },
        {"LineItems": [{"ValidationErrors": [{"Description": "No account"}, {"Message": "Date is locked"}]}]},
    ]
    said = {"ErrorNumber": 10, "Type": "ValidationException", "Message": "A validation exception", "Elements": elements}
    refused = as_rejection(400, msgspec.json.encode(said), "trace-7")
    assert refused.reasons == ("Date is locked", "No name", "No account")
    assert (refused.status, refused.code, refused.request_id) == (400, "ValidationException", "trace-7")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("/Date(0)/", dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
        ("/Date(1763602200123+0000)/", dt.datetime(2025, 11, 20, 1, 30, 0, 123000, tzinfo=dt.UTC)),
        ("/Date(-1000+1300)/", dt.datetime(1969, 12, 31, 23, 59, 59, tzinfo=dt.UTC)),
        ("2026-11-10T00:00:00", dt.datetime(2026, 11, 10, tzinfo=dt.UTC)),
        ("2026-11-10T00:00:00Z", dt.datetime(2026, 11, 10, tzinfo=dt.UTC)),
    ],
)
def test_instants_as_xero_writes_them(text: str, instant: dt.datetime) -> None:
    assert parse_instant(text) == instant
    assert parse_day(text) == instant.date()


def test_the_organisation_with_its_later_lock_date() -> None:
    row = {
        "OrganisationID": "o-1",
        "Name": "Harbour Point",
        "BaseCurrency": "AUD",
        "CountryCode": "AU",
        "Timezone": "AUSEASTERNSTANDARDTIME",
        "IsDemoCompany": True,
        "PeriodLockDate": "/Date(1782777600000+0000)/",
        "EndOfYearLockDate": "/Date(1751241600000+0000)/",
        "PaymentTerms": {"Sales": {"Day": 14, "Type": "DAYSAFTERBILLDATE"}},
    }
    found = reference.decode_organisation(msgspec.json.encode({"Organisations": [row]}))
    assert (found.timezone, found.is_demo) == ("Australia/Sydney", True)
    assert found.locked_until == dt.date(2026, 6, 30)
    assert found.sales_terms == (14, "DAYSAFTERBILLDATE")


def test_tracking_options_by_status() -> None:
    options = [{"Name": "East", "Status": "ACTIVE"}, {"Name": "Old", "Status": "ARCHIVED"}]
    body = msgspec.json.encode({"TrackingCategories": [{"Name": "Region", "Status": "ACTIVE", "Options": options}]})
    (found,) = reference.decode_tracking(body)
    assert (found.active_options, found.archived_options) == (frozenset({"East"}), frozenset({"Old"}))


@pytest.mark.parametrize(
    ("reason", "taken"),
    [
        ("Invoice # must be unique.", True),
        (
            "The contact name X is already assigned to another contact. It must be unique across all active contacts.",
            True,
        ),
        ("Account code '999' is not valid", False),
    ],
)
def test_words_that_mean_it_exists_already(reason: str, taken: bool) -> None:
    assert says_taken(("Other", reason)) is taken


def test_a_whole_refusal_collects_every_reason() -> None:
    body = {"Type": "ValidationException", "Elements": [{"ValidationErrors": [SAID]}, {"ValidationErrors": [{}]}]}
    assert as_rejection(400, msgspec.json.encode(body), "").reasons == (SAID["Message"],)
