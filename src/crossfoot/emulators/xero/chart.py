"""What a new organisation has before anybody works in it: settings, chart of accounts, tax rates, users (XERO 4.13)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from crossfoot.emulators.xero.charts import Row
from crossfoot.emulators.xero.countries import ANY, TAX_SIDES, Country, Rate, find_country
from crossfoot.emulators.xero.formats import parse_day, round_amount
from crossfoot.emulators.xero.organisation import PREFIXES
from crossfoot.emulators.xero.plans import ACTIONS, EDITIONS, MULTICURRENCY, PLANS, find_plan

Record = dict[str, Any]

CLASSES: Mapping[str, str] = {
    **dict.fromkeys(("BANK", "CURRENT", "FIXED", "INVENTORY", "NONCURRENT", "PREPAYMENT"), "ASSET"),
    **dict.fromkeys(("CURRLIAB", "LIABILITY", "TERMLIAB", "PAYG"), "LIABILITY"),
    "EQUITY": "EQUITY",
    **dict.fromkeys(("EXPENSE", "DIRECTCOSTS", "OVERHEADS", "DEPRECIATN"), "EXPENSE"),
    **dict.fromkeys(("REVENUE", "SALES", "OTHERINCOME"), "REVENUE"),
}

CURRENCIES: Mapping[str, tuple[str, str]] = {
    "AUD": ("Australian Dollar", "1"),
    "NZD": ("New Zealand Dollar", "1.092500"),
    "USD": ("United States Dollar", "0.654100"),
    "GBP": ("British Pound", "0.497800"),
    "EUR": ("Euro", "0.571200"),
    "SGD": ("Singapore Dollar", "0.853000"),
    "JPY": ("Japanese Yen", "100.450000"),
    "CAD": ("Canadian Dollar", "0.919000"),
    "HKD": ("Hong Kong Dollar", "5.093000"),
    "ZAR": ("South African Rand", "11.350000"),
}

# First name, last name, role; the first is the person who works in Xero's own screens
USERS: tuple[tuple[str, str, str], ...] = (
    ("Margaret", "Okafor", "FINANCIALADVISER"),
    ("Wei", "Chen", "STANDARD"),
    ("Integration", "Service", "STANDARD"),
    ("Reporting", "Service", "STANDARD"),
)

FOUNDED = datetime(2020, 7, 1, tzinfo=UTC)

ORGANISATION: Record = {
    "Name": "Harbour Point Advisory",
    "LegalName": None,
    "PaysTax": True,
    "Version": None,
    "OrganisationType": "COMPANY",
    "BaseCurrency": None,
    "CountryCode": None,
    "IsDemoCompany": True,
    "OrganisationStatus": "ACTIVE",
    "RegistrationNumber": None,
    "EmployerIdentificationNumber": None,
    "TaxNumber": None,
    "FinancialYearEndDay": None,
    "FinancialYearEndMonth": None,
    "SalesTaxBasis": None,
    "SalesTaxPeriod": None,
    "DefaultSalesTax": "Tax Exclusive",
    "DefaultPurchasesTax": "Tax Exclusive",
    "PeriodLockDate": None,
    "EndOfYearLockDate": None,
    "CreatedDateUTC": FOUNDED,
    "OrganisationEntityType": "COMPANY",
    "Timezone": None,
    "ShortCode": "!hPa01",
    "Class": "DEMO",
    "Edition": "BUSINESS",
    "LineOfBusiness": "Professional services",
    "Addresses": [],
    "Phones": [],
    "ExternalLinks": [],
    "PaymentTerms": {"Sales": {"Day": 14, "Type": "DAYSAFTERBILLDATE"}},
}

DATES = ("PeriodLockDate", "EndOfYearLockDate")


def new_organisation(settings: Mapping[str, Any], new_id: Callable[[], str]) -> Record:
    """The plain state of a new organisation of the country that ``CountryCode`` names, Australia by default.

    Settings may hold Organisation members by Xero's names, and ``currencies`` (codes), ``rates`` (levels),
    ``day_rates`` (day -> code -> rate), ``invoice_prefix``, ``credit_note_prefix``, ``purchase_order_prefix``,
    ``quote_prefix``, ``not_allowed`` (names of Actions), ``rounding_amounts`` (whether invoices take RoundingAmount).
    Raises ``ValueError`` for a country or a plan that the emulator does not know.
    """
    country = find_country(str(settings.get("CountryCode", "AU")))
    info = {"OrganisationID": new_id(), "APIKey": None, **ORGANISATION, **country.info}
    info |= {name: value for name, value in settings.items() if name in info and name != "CountryCode"}
    for name in DATES:
        if info[name] is not None and not isinstance(info[name], date):
            info[name] = parse_day(str(info[name]))
    if info["Class"] not in PLANS or info["Edition"] not in EDITIONS:
        raise ValueError(
            f"Class {info['Class']!r} of Edition {info['Edition']!r} is not a plan that the emulator knows."
        )
    added = () if MULTICURRENCY in find_plan(info).refused else country.currencies
    codes = [info["BaseCurrency"], *settings.get("currencies", added)]
    return {
        "info": info,
        "actions": {name: name not in settings.get("not_allowed", ()) for name in ACTIONS},
        "rounding_amounts": bool(settings.get("rounding_amounts", False)),
        "counters": {
            "tax": 0,
            **dict.fromkeys(PREFIXES, 0),
            **{f"{series}_prefix": settings.get(f"{series}_prefix", prefix) for series, prefix in PREFIXES.items()},
        },
        "rates": {
            "levels": _levels(info["BaseCurrency"], settings),
            "days": _plain_rates(settings.get("day_rates", {})),
        },
        "tables": {
            "Accounts": _by_id("AccountID", (_account(row, info, country, new_id) for row in country.chart)),
            "TaxRates": {rate["TaxType"].lower(): rate for rate in _tax_rates(country, new_id)},
            "Currencies": {code.lower(): currency(code) for code in dict.fromkeys(codes)},
            "BrandingThemes": _by_id("BrandingThemeID", (_theme(new_id),)),
            "Users": _by_id("UserID", (_user(row, new_id) for row in USERS)),
        },
    }


def _levels(base: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Foreign units per unit of the organisation's currency."""
    own = Decimal(CURRENCIES[base][1]) if base in CURRENCIES else Decimal(1)
    levels = {
        code: level if own == 1 else str(round_amount(Decimal(level) / own, 6))
        for code, (_, level) in CURRENCIES.items()
    }
    return levels | {code: str(level) for code, level in settings.get("rates", {}).items()}


def _plain_rates(days: Mapping[Any, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    return {str(day): {code: str(rate) for code, rate in rates.items()} for day, rates in days.items()}


def _by_id(id_field: str, records: Any) -> dict[str, Record]:
    return {record[id_field]: record for record in records}


def currency(code: str) -> Record:
    return {"Code": code, "Description": CURRENCIES.get(code, (code, "1"))[0]}


def _account(row: Row, info: Record, country: Country, new_id: Callable[[], str]) -> Record:
    bank = {
        "BankAccountNumber": f"{country.bank_number}{row.code}4417",
        "BankAccountType": "BANK",
        "CurrencyCode": info["BaseCurrency"],
    }
    return {
        "AccountID": new_id(),
        "Code": row.code,
        "Name": row.name,
        "Status": "ACTIVE",
        "Type": row.type,
        "TaxType": row.tax_type,
        **(bank if row.type == "BANK" else {}),
        "Class": CLASSES[row.type],
        "SystemAccount": row.system or None,
        "EnablePaymentsToAccount": row.takes_payments,
        "ShowInExpenseClaims": False,
        "ReportingCode": CLASSES[row.type][:3],
        "ReportingCodeName": CLASSES[row.type].capitalize(),
        "HasAttachments": False,
        "UpdatedDateUTC": FOUNDED,
        "AddToWatchlist": False,
    }


def _tax_rates(country: Country, new_id: Callable[[], str]) -> Iterator[Record]:
    for rate in country.rates:
        yield _tax_rate(rate, country.tax_name)
    for name in country.automatic_tax:
        engine = Rate(new_id(), name, "0", ANY, "USSALESTAX")
        yield {**_tax_rate(engine, country.tax_name), "_automatic": True}


def _tax_rate(rate: Rate, tax_name: str) -> Record:
    percent = Decimal(rate.percent)
    component = {"Name": tax_name, "Rate": percent, "IsCompound": False, "IsNonRecoverable": False}
    return {
        "Name": rate.name,
        "TaxType": rate.tax_type,
        "ReportTaxType": rate.report or rate.tax_type,
        **{f"CanApplyTo{side}": flag == "T" for side, flag in zip(TAX_SIDES, rate.sides, strict=True)},
        "DisplayTaxRate": percent,
        "EffectiveRate": Decimal(rate.effective or rate.percent),
        "Status": "ACTIVE",
        "TaxComponents": [component],
        "_system": True,
    }


def _theme(new_id: Callable[[], str]) -> Record:
    return {
        "BrandingThemeID": new_id(),
        "Name": "Standard",
        "Type": "INVOICE",
        "SortOrder": 0,
        "CreatedDateUTC": FOUNDED,
    }


def _user(row: tuple[str, str, str], new_id: Callable[[], str]) -> Record:
    first, last, role = row
    return {
        "UserID": new_id(),
        "EmailAddress": f"{first}.{last}@harbourpoint.example".lower(),
        "FirstName": first,
        "LastName": last,
        "UpdatedDateUTC": FOUNDED,
        "IsSubscriber": role == "FINANCIALADVISER",
        "OrganisationRole": role,
    }
