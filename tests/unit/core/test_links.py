"""Numbers that can be rebuilt, markers that can be read back, and the checksum of Salesforce ids."""

from __future__ import annotations

import pytest

from crossfoot.core.links import (
    IDEMPOTENCY_KEY_LENGTH_MAX,
    Identity,
    Kind,
    document_number,
    idempotency_key,
    number_in_series,
    record_id_in,
    record_url,
    salesforce_id_18,
    series_number,
)

from .cases import INSTANCE, ORG_ID, ORGANISATION_ID, deal_id


@pytest.mark.parametrize(
    ("part", "epoch", "number"),
    [(1, 1, "SF-D-0007"), (1, 2, "SF-D-0007-2"), (1, 3, "SF-D-0007-3"), (2, 1, "SF-D-0007-2")],
)
def test_the_number_of_a_deals_invoice(part: int, epoch: int, number: str) -> None:
    assert document_number("SF-", "D-0007", part=part, epoch=epoch) == number


def test_an_identity_is_said_in_full() -> None:
    first = Identity(ORG_ID, ORGANISATION_ID, Kind.INVOICE, deal_id())
    assert str(first) == f"{ORG_ID}/{ORGANISATION_ID}/Invoice/{deal_id()}//1"


def test_numbers_of_a_series_are_read_back() -> None:
    assert series_number("SF-", 42) == "SF-00042"
    assert series_number("SF-", 123456) == "SF-123456"
    assert number_in_series("SF-", "SF-00042") == 42


@pytest.mark.parametrize("number", ["INV-00042", "SF-", "SF-00042-2", "SF-D-0042", "SF-٤٢", ""])
def test_other_numbers_are_not_of_the_series(number: str) -> None:
    assert number_in_series("SF-", number) is None


@pytest.mark.parametrize(
    ("short", "suffix"),
    [
        ("0015g00000AbCdE", "AAV"),
        ("a00000000000000", "AAA"),
        ("AAAAAAAAAAAAAAA", "555"),
        ("00000Z00000aaaa", "ABA"),
    ],
)
def test_the_checksum_of_a_salesforce_id(short: str, suffix: str) -> None:
    assert salesforce_id_18(short) == short + suffix
    assert salesforce_id_18(short + suffix) == short + suffix


@pytest.mark.promise("S1-50", "U-41")
@pytest.mark.parametrize(
    "url",
    [
        record_url(INSTANCE, deal_id()),
        record_url(f"{INSTANCE}/", deal_id()),
        f"{INSTANCE}/{deal_id()[:15]}",
        f"{INSTANCE}/lightning/r/Opportunity/{deal_id()}/view",
        f"{INSTANCE}/lightning/r/Opportunity/{deal_id()[:15]}/view?ws=1",
    ],
)
def test_the_deals_id_is_read_from_the_url(url: str) -> None:
    assert record_id_in(url) == deal_id()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://example.com/invoices/42",
        "https://accountingfirms.example.com/fifteenletterss",
        f"https://{deal_id()}.example.com/",
        f"{INSTANCE}/{deal_id()[:15]}ZZZ",
        f"{INSTANCE}/x{deal_id()}",
        "https://example.com/0b4dd2ca-6d2e-4e5f-9a3a-5d8f3b8a1c11",
    ],
)
def test_other_addresses_carry_no_id(url: str) -> None:
    assert record_id_in(url) is None


def test_a_key_is_one_calls_own_and_fits_the_header() -> None:
    key = idempotency_key(ORGANISATION_ID, "call-1", "hash")
    assert key == idempotency_key(ORGANISATION_ID, "call-1", "hash")
    assert len(key) <= IDEMPOTENCY_KEY_LENGTH_MAX
    assert (
        len({key, idempotency_key(ORGANISATION_ID, "call-2", "hash"), idempotency_key("other", "call-1", "hash")}) == 3
    )
