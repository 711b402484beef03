"""Account, tax type and tracking of a line: who decides, and what is refused before anything is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crossfoot.core.books import Books, LedgerItem
from crossfoot.core.coding import CodedInvoice, code_invoice, customer_tax, tax_rates
from crossfoot.core.documents import IntendedLine
from crossfoot.core.findings import REASONS
from crossfoot.core.policy import Coding

from .cases import CODING, MORNING, ORGANISATION, books, invoice, line, money, salesforce


def code(
    *lines: IntendedLine, country: str = "AU", coding: Coding = CODING, ledger: Books | None = None, **changed: Any
) -> CodedInvoice:
    return code_invoice(invoice(lines=lines, **changed), country, ledger or books(), coding)


def codes(coded: CodedInvoice) -> list[str]:
    assert all(finding.blocks for finding in coded.findings)
    return [finding.code for finding in coded.findings]


@pytest.mark.promise("S0-45", "S0-46", "S3-17", "S3-19")
@pytest.mark.parametrize(
    ("product", "item", "account", "tax"),
    [
        (("205", "OLD"), ("610", "INPUT"), "205", "OLD"),
        (("", ""), ("610", "INPUT"), "610", "INPUT"),
        (("", ""), ("", ""), "200", "OUTPUT"),
    ],
    ids=["the product decides", "then the Xero item", "then the named default"],
)
def test_where_account_and_tax_come_from(
    product: tuple[str, str], item: tuple[str, str], account: str, tax: str
) -> None:
    ledger = books(items=[LedgerItem("item-1", "ADVICE", "Advice", MORNING, *item)])
    (coded,) = code(line(account_code=product[0], tax_type=product[1]), ledger=ledger).invoice.lines
    assert (coded.account_code, coded.tax_type) == (account, tax)


def test_an_item_code_is_written_as_xero_has_it() -> None:
    (coded,) = code(line(item_code="advice")).invoice.lines
    assert coded.item_code == "ADVICE"


@pytest.mark.promise("S0-66")
@pytest.mark.parametrize(
    ("country", "currency", "expected"),
    [
        ("AU", "AUD", (None, "")),
        ("", "AUD", (None, "")),
        ("", "NZD", (None, "country_blank")),
        ("NZ", "NZD", ("EXEMPTEXPORT", "")),
        ("NZ", "AUD", ("EXEMPTEXPORT", "")),
        ("FR", "AUD", (None, "country_without_rule")),
    ],
)
def test_the_tax_of_a_customer_by_country(country: str, currency: str, expected: tuple[str | None, str]) -> None:
    assert customer_tax(country, currency, books(), CODING) == expected


def test_the_home_country_can_be_named() -> None:
    assert customer_tax("NZ", "NZD", books(), replace(CODING, home_country="NZ")) == (None, "")


def test_a_foreign_customer_has_the_tax_of_its_country_on_every_line() -> None:
    coded = code(line(tax_type="OUTPUT"), line(), country="NZ")
    assert [each.tax_type for each in coded.invoice.lines] == ["EXEMPTEXPORT", "EXEMPTEXPORT"]
    assert not coded.findings


@pytest.mark.parametrize("row", ["NOSUCH", "OLD", "INPUT"])
def test_a_tax_that_the_country_table_names_is_to_be_corrected_there(row: str) -> None:
    """The product cannot help: a foreign customer's tax comes from the table alone."""
    [finding] = code(line(tax_type="OUTPUT"), country="NZ", coding=replace(CODING, tax_by_country={"NZ": row})).findings
    assert "row NZ of `coding.tax_by_country`" in finding.fix


@pytest.mark.promise("S0-29", "S0-30", "S1-67")
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"item_code": ""}, "no_product_code"),
        ({"item_code": "X" * 31}, "product_code_too_long"),
        ({"item_code": "NOSUCH"}, "item_unknown"),
        ({"quantity": money(-1), "unit_amount": money(-5)}, "negative_quantity"),
        ({"account_code": "999"}, "account_unknown"),
        ({"account_code": "205"}, "account_unknown"),
        ({"account_code": "610"}, "account_unknown"),
        ({"account_code": "090"}, "account_unknown"),
        ({"tax_type": "NOSUCH"}, "tax_unknown"),
        ({"tax_type": "OLD"}, "tax_retired"),
        ({"tax_type": "INPUT"}, "tax_not_for_account"),
        ({"tracking": (("Region", "North"),)}, "tracking_unknown"),
        ({"tracking": (("Region", "Overseas"),)}, "tracking_archived"),
        ({"tracking": (("Team", "Blue"),)}, "tracking_unknown"),
        ({"tracking": (("Nowhere", "Blue"),)}, "tracking_unknown"),
    ],
)
def test_what_a_line_waits_for(changed: dict[str, Any], expected: str) -> None:
    coded = code(line(), line(**changed))
    assert codes(coded)[0] == expected
    assert coded.findings[0].cause.startswith("line 2 (Advice): ")
    assert coded.findings[0].reason.fix


def test_what_is_named_nowhere_is_not_guessed() -> None:
    assert codes(code(line(), coding=Coding())) == ["account_missing", "tax_missing"]


def test_a_deal_without_products_needs_its_own_account() -> None:
    without = replace(CODING, no_products_account="")
    assert codes(code(line(item_code=""), coding=without, without_products=True)) == ["no_products_no_account"]
    assert codes(code(line(item_code=""), without_products=True)) == []


def test_all_problems_are_told_at_once_each_with_its_line_and_product() -> None:
    product = salesforce("Product2", "01t5g000001aaaaAAA")
    lines = [line(item_code="", product=product), line(), line(tax_type="OLD", account_code="999")]
    coded = code(*lines)
    assert codes(coded) == ["no_product_code", "account_unknown", "tax_retired"]
    assert [finding.cause[:6] for finding in coded.findings] == ["line 1", "line 3", "line 3"]
    assert coded.findings[0].related == (product,)


def test_an_unknown_country_is_told_once_and_not_again_by_every_line() -> None:
    coded = code(line(), line(), country="FR", coding=replace(CODING, tax=""))
    assert codes(coded) == ["country_without_rule"]


def test_a_two_category_line_goes() -> None:
    ledger = books(tracking=[*books().tracking.values(), replace(books().tracking["Region"], name="Office")])
    assert not codes(code(line(tracking=(("Region", "East"), ("Office", "West"))), ledger=ledger))


def test_rates_by_tax_type() -> None:
    assert tax_rates(books())["OUTPUT"] == 10


def test_every_reason_says_who_fixes_it_and_how() -> None:
    assert ORGANISATION.locked_until is None
    for name, reason in REASONS.items():
        assert reason.title, name
        assert reason.fix.endswith("."), name
