"""What differs between organisations of Australia, New Zealand, the United Kingdom and the United States: settings,
chart of accounts and tax rates (XERO 4.10, 4.11, 4.13).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crossfoot.emulators.xero import charts

Record = dict[str, Any]

TAX_SIDES = ("Assets", "Equity", "Expenses", "Liabilities", "Revenue")
# Which of TAX_SIDES a rate can apply to (XERO 4.11)
SALE, PURCHASE, ANY, IMPORT, ASSET, OWED = "TTFTT", "TTTTF", "TTTTT", "FFFTF", "TFFFF", "FFFTT"


@dataclass(frozen=True, slots=True)
class Rate:
    """One system tax rate. A reverse charge shows its rate and charges ``effective``, nothing (unconfirmed)."""

    tax_type: str
    name: str
    percent: str
    sides: str
    report: str = ""  # ReportTaxType where it is not the tax type itself
    effective: str = ""


@dataclass(frozen=True, slots=True)
class Country:
    """One country's edition of Xero. ``info`` holds the Organisation members that are its own."""

    info: Mapping[str, Any]
    chart: tuple[charts.Row, ...]
    rates: tuple[Rate, ...]
    tax_name: str  # what tax components are called
    no_tax: str  # the tax type of what is outside the tax system
    bank_number: str  # how bank account numbers begin
    currencies: tuple[str, ...]  # what a new organisation has besides its own
    automatic_tax: tuple[str, ...] = ()  # rates that only Xero's own sales tax engine may use


AU = Country(
    info={
        "LegalName": "Harbour Point Advisory Pty Ltd",
        "Version": "AU",
        "BaseCurrency": "AUD",
        "CountryCode": "AU",
        "TaxNumber": "51824753556",
        "FinancialYearEndDay": 30,
        "FinancialYearEndMonth": 6,
        "SalesTaxBasis": "ACCRUALS",
        "SalesTaxPeriod": "QUARTERLY1",
        "Timezone": "AUSEASTERNSTANDARDTIME",
    },
    chart=charts.AU,
    rates=(
        Rate("OUTPUT", "GST on Income", "10", SALE),
        Rate("INPUT", "GST on Expenses", "10", PURCHASE),
        Rate("EXEMPTOUTPUT", "GST Free Income", "0", SALE),
        Rate("EXEMPTEXPORT", "GST Free Exports", "0", SALE),
        Rate("EXEMPTEXPENSES", "GST Free Expenses", "0", PURCHASE),
        Rate("CAPEXINPUT", "GST on Capital", "10", PURCHASE),
        Rate("EXEMPTCAPITAL", "GST Free Capital", "0", PURCHASE),
        Rate("BASEXCLUDED", "BAS Excluded", "0", ANY),
        Rate("INPUTTAXED", "Input Taxed", "0", ANY),
        Rate("GSTONIMPORTS", "GST on Imports", "0", IMPORT),
        Rate("GSTONCAPIMPORTS", "GST on Capital Imports", "0", IMPORT),
    ),
    tax_name="GST",
    no_tax="BASEXCLUDED",
    bank_number="062000",
    currencies=("NZD", "USD"),
)
NZ = Country(
    info={
        "LegalName": "Harbour Point Advisory Limited",
        "Version": "NZ",
        "BaseCurrency": "NZD",
        "CountryCode": "NZ",
        "TaxNumber": "49091850",
        "FinancialYearEndDay": 31,
        "FinancialYearEndMonth": 3,
        "SalesTaxBasis": "INVOICE",
        "SalesTaxPeriod": "TWOMONTHS",
        "Timezone": "NEWZEALANDSTANDARDTIME",
    },
    chart=charts.NZ,
    rates=(
        Rate("OUTPUT2", "15% GST on Income", "15", SALE),
        Rate("INPUT2", "15% GST on Expenses", "15", PURCHASE),
        Rate("ZERORATED", "Zero Rated", "0", OWED, "ZERORATEDOUTPUT"),
        Rate("NONE", "No GST", "0", ANY),
        Rate("GSTONIMPORTS", "GST on Imports", "0", IMPORT),
    ),
    tax_name="GST",
    no_tax="NONE",
    bank_number="010902",
    currencies=("AUD", "USD"),
)
UK = Country(
    info={
        "LegalName": "Harbour Point Advisory Limited",
        "Version": "UK",
        "BaseCurrency": "GBP",
        "CountryCode": "GB",
        "RegistrationNumber": "09876543",
        "TaxNumber": "GB123456789",
        "FinancialYearEndDay": 31,
        "FinancialYearEndMonth": 3,
        "SalesTaxBasis": "ACCRUAL",
        "SalesTaxPeriod": "QUARTERLY",
        "Timezone": "GMTSTANDARDTIME",
    },
    chart=charts.UK,
    rates=(
        Rate("OUTPUT2", "20% (VAT on Income)", "20", SALE, "OUTPUT"),
        Rate("INPUT2", "20% (VAT on Expenses)", "20", PURCHASE, "INPUT"),
        Rate("RROUTPUT", "5% (VAT on Income)", "5", SALE, "OUTPUT"),
        Rate("RRINPUT", "5% (VAT on Expenses)", "5", PURCHASE, "INPUT"),
        Rate("ZERORATEDOUTPUT", "Zero Rated Income", "0", SALE),
        Rate("ZERORATEDINPUT", "Zero Rated Expenses", "0", PURCHASE),
        Rate("EXEMPTOUTPUT", "Exempt Income", "0", SALE),
        Rate("EXEMPTINPUT", "Exempt Expenses", "0", PURCHASE),
        Rate("ECZROUTPUT", "Zero Rated EC Goods Income", "0", SALE, "ECOUTPUT"),
        Rate("ECZROUTPUTSERVICES", "Zero Rated EC Services", "0", SALE, "ECOUTPUTSERVICES"),
        Rate("ECZRINPUT", "Zero Rated EC Expenses", "0", PURCHASE, "ECINPUT"),
        Rate("ECACQUISITIONS", "EC Acquisitions (20%)", "20", PURCHASE, effective="0"),
        Rate("REVERSECHARGES", "Reverse Charge Expenses (20%)", "20", PURCHASE, effective="0"),
        Rate("DRCHARGESUPPLY20", "Domestic Reverse Charge @ 20% (Income)", "20", SALE, "DRCHARGESUPPLY", "0"),
        Rate("DRCHARGE20", "Domestic Reverse Charge @ 20% (Expenses)", "20", PURCHASE, "DRCHARGE", "0"),
        Rate("DRCHARGESUPPLY5", "Domestic Reverse Charge @ 5% (Income)", "5", SALE, "DRCHARGESUPPLY", "0"),
        Rate("DRCHARGE5", "Domestic Reverse Charge @ 5% (Expenses)", "5", PURCHASE, "DRCHARGE", "0"),
        Rate("CAPEXINPUT2", "20% (VAT on Capital Purchases)", "20", ASSET, "CAPITALEXPENSESINPUT"),
        Rate("CAPEXOUTPUT2", "20% (VAT on Capital Sales)", "20", ASSET, "CAPITALSALESOUTPUT"),
        Rate("NONE", "No VAT", "0", ANY),
        Rate("GSTONIMPORTS", "VAT on Imports", "0", IMPORT),
    ),
    tax_name="VAT",
    no_tax="NONE",
    bank_number="200000",
    currencies=("EUR", "USD"),
)
US = Country(
    info={
        "LegalName": "Harbour Point Advisory Inc",
        "Version": "US",
        "BaseCurrency": "USD",
        "CountryCode": "US",
        "EmployerIdentificationNumber": "12-3456789",
        "TaxNumber": None,
        "FinancialYearEndDay": 31,
        "FinancialYearEndMonth": 12,
        "SalesTaxBasis": "ACCRUALS",
        "SalesTaxPeriod": "MONTHLY",
        "Timezone": "EASTERNSTANDARDTIME",
    },
    chart=charts.US,
    rates=(
        Rate("OUTPUT", "Tax on Sales", "0", ANY),
        Rate("INPUT", "Tax on Purchases", "0", ANY),
        Rate("NONE", "Tax Exempt", "0", ANY),
        Rate("GSTONIMPORTS", "Sales Tax on Imports", "0", IMPORT),
    ),
    tax_name="Tax",
    no_tax="NONE",
    bank_number="021000",
    currencies=("CAD", "EUR"),
    automatic_tax=("Auto Sales Tax",),
)
COUNTRIES: Mapping[str, Country] = {"AU": AU, "NZ": NZ, "GB": UK, "UK": UK, "US": US}


def find_country(code: str) -> Country:
    """The country of a code; ``UK`` is taken for GB. Raises ``ValueError`` for one that the emulator does not know."""
    try:
        return COUNTRIES[code.upper()]
    except KeyError:
        raise ValueError(f"CountryCode {code!r} is not one the emulator knows: AU, NZ, GB, US.") from None


def no_tax(info: Mapping[str, Any]) -> str:
    """The tax type of what is outside an organisation's tax system: ``BASEXCLUDED`` or ``NONE``."""
    return COUNTRIES.get(info["CountryCode"], AU).no_tax  # older states may name a country and have Australia's rates
