"""Coding: ledger account, tax type and tracking of each line, checked against the organisation's books.

Account and tax come from the product, then the Xero item, then the named default; a foreign customer's tax comes from
the country table alone, or from a person. What cannot be decided is a finding: tax is never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from crossfoot.core.books import Books
from crossfoot.core.documents import IntendedInvoice, IntendedLine
from crossfoot.core.findings import Finding
from crossfoot.core.money import LINE_AMOUNT_MAX
from crossfoot.core.policy import Coding

ITEM_CODE_LENGTH_MAX = 30


@dataclass(frozen=True, slots=True)
class CodedInvoice:
    """An invoice with every line coded, or the findings for which it waits."""

    invoice: IntendedInvoice
    findings: tuple[Finding, ...]


def customer_tax(country: str, currency: str, books: Books, coding: Coding) -> tuple[str | None, str]:
    """``(tax type, problem code)`` that the customer's country imposes; ``(None, "")`` for a home customer.

    A blank country counts as home only where the deal is in the organisation's own currency.
    """
    if not country:
        return (None, "") if currency == books.organisation.base_currency else (None, "country_blank")
    if country == (coding.home_country or books.organisation.country):
        return None, ""
    tax_type = coding.tax_by_country.get(country)
    return (tax_type, "") if tax_type else (None, "country_without_rule")


def as_taxed(invoice: IntendedInvoice, country: str, books: Books, coding: Coding) -> IntendedInvoice:
    """The invoice with the tax that the customer's country imposes on its lines, none where there is no rule for it:
    what a person decides about tax is decided against that."""
    foreign_tax, problem = customer_tax(country, invoice.currency, books, coding)
    if not (foreign_tax or problem):
        return invoice
    return replace(invoice, lines=tuple(replace(line, tax_type=foreign_tax or "") for line in invoice.lines))


def code_invoice(invoice: IntendedInvoice, country: str, books: Books, coding: Coding) -> CodedInvoice:
    """Resolve and check every line; all problems at once."""
    findings: list[Finding] = []
    foreign_tax, problem = customer_tax(country, invoice.currency, books, coding)
    if problem and not all(line.tax_decided for line in invoice.lines):
        cause = (
            f"no country on the account, and the deal is in {invoice.currency}"
            if problem == "country_blank"
            else f"no tax rule for customers in {country}"
        )
        findings.append(Finding(problem, invoice.source, cause))
    lines = []
    for number, line in enumerate(invoice.lines, start=1):
        coded = _code_line(line, foreign_tax, invoice.without_products, books, coding)
        lines.append(coded)
        where, related = f"line {number} ({line.description[:60]})", (line.product,) if line.product else ()
        row = country if foreign_tax and not line.tax_decided else ""
        findings.extend(
            Finding(code, invoice.source, f"{where}: {cause}", fix=_fix(code, row), related=related)
            for code, cause in _line_problems(coded, invoice.without_products, books)
            if not (problem and code.startswith("tax") and not line.tax_decided)
        )
    return CodedInvoice(replace(invoice, lines=tuple(lines)), tuple(findings))


def _fix(code: str, country: str) -> str:
    """What to do about a tax that a row of the country table names; blank for the reason's own words."""
    if not country or not code.startswith("tax"):
        return ""
    return f"Correct the row {country} of `coding.tax_by_country` in crossfoot.yaml, or the rate in Xero."


def _code_line(
    line: IntendedLine, foreign_tax: str | None, without_products: bool, books: Books, coding: Coding
) -> IntendedLine:
    item = books.items.get(line.item_code.casefold()) if line.item_code else None
    default_account = coding.no_products_account if without_products else coding.account
    account = line.account_code or (item.account_code if item else "") or default_account
    tax = (None if line.tax_decided else foreign_tax) or line.tax_type or (item.tax_type if item else "") or coding.tax
    return replace(line, account_code=account, tax_type=tax, item_code=item.code if item else line.item_code)


def _line_problems(line: IntendedLine, without_products: bool, books: Books) -> Iterator[tuple[str, str]]:
    if not without_products:
        if not line.item_code:
            yield "no_product_code", "the product has no code"
        elif len(line.item_code) > ITEM_CODE_LENGTH_MAX:
            yield "product_code_too_long", f"code {line.item_code!r} has {len(line.item_code)} characters"
        elif line.product is None and line.item_code.casefold() not in books.items:
            yield "item_unknown", f"Xero has no item {line.item_code!r}, and the line names no product to make it of"
    if line.amount.copy_abs() > LINE_AMOUNT_MAX:  # a person decided on its price
        yield "unreadable", f"it comes to {line.amount}, Xero takes at most {LINE_AMOUNT_MAX}"
    if line.quantity < 0:
        yield "negative_quantity", f"quantity {line.quantity} with price {line.unit_amount}"
    yield from _account_and_tax_problems(line, without_products, books)
    for category, option in line.tracking:
        yield from tracking_problems(category, option, books)


def _account_and_tax_problems(line: IntendedLine, without_products: bool, books: Books) -> Iterator[tuple[str, str]]:
    account = books.accounts.get(line.account_code)
    if not line.account_code:
        yield ("no_products_no_account" if without_products else "account_missing"), "no ledger account is named"
    elif account is None:
        yield "account_unknown", f"ledger account {line.account_code} does not exist"
    elif account.status != "ACTIVE" or not account.takes_sales_lines:
        state = "archived" if account.status != "ACTIVE" else f"a {account.type} account"
        yield "account_unknown", f"ledger account {line.account_code} {account.name} is {state}"
    rate = books.tax_rates.get(line.tax_type)
    if not line.tax_type:
        yield "tax_missing", "no tax type is named"
    elif rate is None:
        yield "tax_unknown", f"tax type {line.tax_type} does not exist"
    elif rate.status != "ACTIVE":
        yield "tax_retired", f"tax rate {rate.name} ({line.tax_type}) is {rate.status.lower()}"
    elif account and account.account_class not in rate.applies_to:
        yield "tax_not_for_account", f"{rate.name} does not apply to {account.code} {account.name}"


def tracking_problems(category: str, option: str, books: Books) -> Iterator[tuple[str, str]]:
    """Why Xero would take no line under an option, or drop the option: the reason and its cause (XERO 4.3)."""
    known = books.tracking.get(category)
    if known is None or known.status != "ACTIVE":
        yield "tracking_unknown", f"tracking category {category!r} is not in use"
    elif option in known.archived_options:
        yield "tracking_archived", f"{category} option {option!r} is archived"
    elif option not in known.active_options:
        yield "tracking_unknown", f"{category} has no option {option!r}"


def tax_rates(books: Books) -> dict[str, Decimal]:
    """Percent by tax type."""
    return {tax_type: rate.rate for tax_type, rate in books.tax_rates.items()}
