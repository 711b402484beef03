"""What a new organisation has before anybody works in it: settings, chart of accounts, tax rates, users (XERO 11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from crossfoot.emulators.xero.formats import parse_day

Record = dict[str, Any]

CLASSES: Mapping[str, str] = {
    **dict.fromkeys(("BANK", "CURRENT", "FIXED", "INVENTORY", "NONCURRENT", "PREPAYMENT"), "ASSET"),
    **dict.fromkeys(("CURRLIAB", "LIABILITY", "TERMLIAB", "PAYG"), "LIABILITY"),
    "EQUITY": "EQUITY",
    **dict.fromkeys(("EXPENSE", "DIRECTCOSTS", "OVERHEADS", "DEPRECIATN"), "EXPENSE"),
    **dict.fromkeys(("REVENUE", "SALES", "OTHERINCOME"), "REVENUE"),
}

# Code, Name, Type, TaxType, SystemAccount, takes payments
CHART: tuple[tuple[str, str, str, str, str, bool], ...] = (
    ("090", "Business Bank Account", "BANK", "BASEXCLUDED", "", False),
    ("091", "Business Savings Account", "BANK", "BASEXCLUDED", "", False),
    ("200", "Sales", "REVENUE", "OUTPUT", "", False),
    ("201", "Advisory Fees", "REVENUE", "OUTPUT", "", False),
    ("202", "Subscription Income", "REVENUE", "OUTPUT", "", False),
    ("203", "Training Income", "REVENUE", "OUTPUT", "", False),
    ("204", "Expenses Recovered", "REVENUE", "OUTPUT", "", False),
    ("260", "Other Revenue", "REVENUE", "OUTPUT", "", False),
    ("270", "Interest Income", "REVENUE", "INPUTTAXED", "", False),
    ("310", "Cost of Goods Sold", "DIRECTCOSTS", "INPUT", "", False),
    ("400", "Advertising", "EXPENSE", "INPUT", "", False),
    ("404", "Bank Fees", "EXPENSE", "EXEMPTEXPENSES", "", False),
    ("412", "Consulting & Accounting", "EXPENSE", "INPUT", "", False),
    ("429", "General Expenses", "EXPENSE", "INPUT", "", False),
    ("453", "Office Expenses", "EXPENSE", "INPUT", "", False),
    ("469", "Rent", "EXPENSE", "INPUT", "", False),
    ("485", "Subscriptions", "EXPENSE", "INPUT", "", False),
    ("497", "Bank Revaluations", "EXPENSE", "BASEXCLUDED", "BANKCURRENCYGAIN", False),
    ("498", "Unrealised Currency Gains", "EXPENSE", "BASEXCLUDED", "UNREALISEDCURRENCYGAIN", False),
    ("499", "Realised Currency Gains", "EXPENSE", "BASEXCLUDED", "REALISEDCURRENCYGAIN", False),
    ("610", "Accounts Receivable", "CURRENT", "BASEXCLUDED", "DEBTORS", False),
    ("620", "Prepayments", "CURRENT", "BASEXCLUDED", "", False),
    ("630", "Inventory", "INVENTORY", "BASEXCLUDED", "", False),
    ("710", "Office Equipment", "FIXED", "CAPEXINPUT", "", False),
    ("800", "Accounts Payable", "CURRLIAB", "BASEXCLUDED", "CREDITORS", False),
    ("801", "Unpaid Expense Claims", "CURRLIAB", "BASEXCLUDED", "UNPAIDEXPCLM", False),
    ("820", "GST", "CURRLIAB", "BASEXCLUDED", "GST", False),
    ("835", "Income in Advance", "CURRLIAB", "OUTPUT", "", False),
    ("840", "Historical Adjustment", "CURRLIAB", "BASEXCLUDED", "HISTORICAL", False),
    ("860", "Rounding", "CURRLIAB", "BASEXCLUDED", "ROUNDING", False),
    ("877", "Tracking Transfers", "CURRLIAB", "BASEXCLUDED", "TRACKINGTRANSFERS", False),
    ("880", "Owner A Drawings", "EQUITY", "BASEXCLUDED", "", True),
    ("881", "Owner A Funds Introduced", "EQUITY", "BASEXCLUDED", "", True),
    ("960", "Retained Earnings", "EQUITY", "BASEXCLUDED", "RETAINEDEARNINGS", False),
)

TAX_SIDES = ("Assets", "Equity", "Expenses", "Liabilities", "Revenue")

# TaxType, Name, rate, which of TAX_SIDES it can apply to (XERO 4.11)
TAX_RATES: tuple[tuple[str, str, str, str], ...] = (
    ("OUTPUT", "GST on Income", "10", "TTFTT"),
    ("INPUT", "GST on Expenses", "10", "TTTTF"),
    ("EXEMPTOUTPUT", "GST Free Income", "0", "TTFTT"),
    ("EXEMPTEXPORT", "GST Free Exports", "0", "TTFTT"),
    ("EXEMPTEXPENSES", "GST Free Expenses", "0", "TTTTF"),
    ("CAPEXINPUT", "GST on Capital", "10", "TTTTF"),
    ("EXEMPTCAPITAL", "GST Free Capital", "0", "TTTTF"),
    ("BASEXCLUDED", "BAS Excluded", "0", "TTTTT"),
    ("INPUTTAXED", "Input Taxed", "0", "TTTTT"),
    ("GSTONIMPORTS", "GST on Imports", "0", "FFFTF"),
)

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

ACTIONS: tuple[str, ...] = (
    "CreateApprovedInvoice",
    "CreateApprovedBill",
    "CreateDraftInvoice",
    "CreateDraftBill",
    "CreateRepeatingInvoice",
    "CreateRepeatingBill",
    "CreateDraftQuote",
    "CreateSentQuote",
    "CreateDraftPurchaseOrder",
    "CreateApprovedPurchaseOrder",
    "CreateInvoicePayment",
    "AttachFilesIntoInvoice",
    "UseMulticurrency",
)

FOUNDED = datetime(2020, 7, 1, tzinfo=UTC)

ORGANISATION: Record = {
    "Name": "Harbour Point Advisory",
    "LegalName": "Harbour Point Advisory Pty Ltd",
    "PaysTax": True,
    "Version": "AU",
    "OrganisationType": "COMPANY",
    "BaseCurrency": "AUD",
    "CountryCode": "AU",
    "IsDemoCompany": True,
    "OrganisationStatus": "ACTIVE",
    "TaxNumber": "51824753556",
    "FinancialYearEndDay": 30,
    "FinancialYearEndMonth": 6,
    "SalesTaxBasis": "ACCRUALS",
    "SalesTaxPeriod": "QUARTERLY1",
    "DefaultSalesTax": "Tax Exclusive",
    "DefaultPurchasesTax": "Tax Exclusive",
    "PeriodLockDate": None,
    "EndOfYearLockDate": None,
    "CreatedDateUTC": FOUNDED,
    "OrganisationEntityType": "COMPANY",
    "Timezone": "AUSEASTERNSTANDARDTIME",
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
    """The plain state of a new organisation.

    Settings may hold Organisation members by Xero's names, and ``currencies`` (codes), ``rates`` (levels),
    ``day_rates`` (day -> code -> rate), ``invoice_prefix``, ``credit_note_prefix``, ``not_allowed`` (names of Actions).
    """
    info = {"OrganisationID": new_id(), "APIKey": None, **ORGANISATION}
    info |= {name: value for name, value in settings.items() if name in info}
    for name in DATES:
        if info[name] is not None and not isinstance(info[name], date):
            info[name] = parse_day(str(info[name]))
    codes = [info["BaseCurrency"], *settings.get("currencies", ("NZD", "USD"))]
    levels = {code: level for code, (_, level) in CURRENCIES.items()} | {
        code: str(level) for code, level in settings.get("rates", {}).items()
    }
    return {
        "info": info,
        "actions": {name: name not in settings.get("not_allowed", ()) for name in ACTIONS},
        "counters": {
            "invoice_prefix": settings.get("invoice_prefix", "INV-"),
            "invoice": 0,
            "credit_note_prefix": settings.get("credit_note_prefix", "CN-"),
            "credit_note": 0,
            "tax": 0,
        },
        "rates": {"levels": levels, "days": _plain_rates(settings.get("day_rates", {}))},
        "tables": {
            "Accounts": _by_id("AccountID", (_account(row, info, new_id) for row in CHART)),
            "TaxRates": {row[0].lower(): _tax_rate(row) for row in TAX_RATES},
            "Currencies": {code.lower(): currency(code) for code in dict.fromkeys(codes)},
            "BrandingThemes": _by_id("BrandingThemeID", (_theme(new_id),)),
            "Users": _by_id("UserID", (_user(row, new_id) for row in USERS)),
        },
    }


def _plain_rates(days: Mapping[Any, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    return {str(day): {code: str(rate) for code, rate in rates.items()} for day, rates in days.items()}


def _by_id(id_field: str, records: Any) -> dict[str, Record]:
    return {record[id_field]: record for record in records}


def currency(code: str) -> Record:
    return {"Code": code, "Description": CURRENCIES.get(code, (code, "1"))[0]}


def _account(row: tuple[str, str, str, str, str, bool], info: Record, new_id: Callable[[], str]) -> Record:
    code, name, kind, tax_type, system, takes_payments = row
    bank = {"BankAccountNumber": f"062000{code}4417", "BankAccountType": "BANK", "CurrencyCode": info["BaseCurrency"]}
    return {
        "AccountID": new_id(),
        "Code": code,
        "Name": name,
        "Status": "ACTIVE",
        "Type": kind,
        "TaxType": tax_type,
        **(bank if kind == "BANK" else {}),
        "Class": CLASSES[kind],
        "SystemAccount": system or None,
        "EnablePaymentsToAccount": takes_payments,
        "ShowInExpenseClaims": False,
        "ReportingCode": CLASSES[kind][:3],
        "ReportingCodeName": CLASSES[kind].capitalize(),
        "HasAttachments": False,
        "UpdatedDateUTC": FOUNDED,
        "AddToWatchlist": False,
    }


def _tax_rate(row: tuple[str, str, str, str]) -> Record:
    tax_type, name, rate, sides = row
    component = {"Name": "GST", "Rate": Decimal(rate), "IsCompound": False, "IsNonRecoverable": False}
    return {
        "Name": name,
        "TaxType": tax_type,
        "ReportTaxType": tax_type,
        **{f"CanApplyTo{side}": flag == "T" for side, flag in zip(TAX_SIDES, sides, strict=True)},
        "DisplayTaxRate": Decimal(rate),
        "EffectiveRate": Decimal(rate),
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
