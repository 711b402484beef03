"""Decoding of the organisation and its reference data."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from crossfoot.core.books import Account, Organisation, TaxRate, TrackingCategory
from crossfoot.xero.documents import parse_day

# Xero names zones as Windows does, squeezed (XERO 3.2); these are the ones of its main regions.
_ZONES = {
    "AUSEASTERNSTANDARDTIME": "Australia/Sydney",
    "EAUSTRALIASTANDARDTIME": "Australia/Brisbane",
    "CENAUSTRALIASTANDARDTIME": "Australia/Adelaide",
    "AUSCENTRALSTANDARDTIME": "Australia/Darwin",
    "WAUSTRALIASTANDARDTIME": "Australia/Perth",
    "TASMANIASTANDARDTIME": "Australia/Hobart",
    "NEWZEALANDSTANDARDTIME": "Pacific/Auckland",
    "GMTSTANDARDTIME": "Europe/London",
    "UTC": "UTC",
    "EASTERNSTANDARDTIME": "America/New_York",
    "CENTRALSTANDARDTIME": "America/Chicago",
    "MOUNTAINSTANDARDTIME": "America/Denver",
    "USMOUNTAINSTANDARDTIME": "America/Phoenix",
    "PACIFICSTANDARDTIME": "America/Los_Angeles",
    "SINGAPORESTANDARDTIME": "Asia/Singapore",
    "SOUTHAFRICASTANDARDTIME": "Africa/Johannesburg",
}
_CLASSES = {
    "CanApplyToAssets": "ASSET",
    "CanApplyToEquity": "EQUITY",
    "CanApplyToExpenses": "EXPENSE",
    "CanApplyToLiabilities": "LIABILITY",
    "CanApplyToRevenue": "REVENUE",
}


def _rows(body: bytes, member: str) -> list[dict[str, Any]]:
    envelope = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode(body)
    rows: list[dict[str, Any]] = envelope.get(member) or []
    return rows


def decode_organisation(body: bytes) -> Organisation:
    """The organisation. An unknown zone is named as it came; dates then follow UTC and ``doctor`` says so."""
    row = _rows(body, "Organisations")[0]
    terms = (row.get("PaymentTerms") or {}).get("Sales")
    zone = row.get("Timezone") or "UTC"
    return Organisation(
        organisation_id=row["OrganisationID"],
        name=row.get("Name") or "",
        country=row.get("CountryCode") or "",
        base_currency=row.get("BaseCurrency") or "",
        timezone=_ZONES.get(zone.replace("/", "").upper(), zone),
        is_demo=bool(row.get("IsDemoCompany")),
        default_sales_tax=row.get("DefaultSalesTax") or "",
        pays_tax=row.get("PaysTax") is not False,
        period_lock=_day(row.get("PeriodLockDate")),
        year_lock=_day(row.get("EndOfYearLockDate")),
        sales_terms=(int(terms["Day"]), terms["Type"]) if terms else None,
        short_code=row.get("ShortCode") or "",
        org_class=row.get("Class") or "",
        edition=row.get("Edition") or "",
    )


def _day(text: str | None) -> date | None:
    return parse_day(text) if text else None


def decode_accounts(body: bytes) -> list[Account]:
    """The chart of accounts."""
    return [
        Account(
            code=row.get("Code") or "",
            name=row.get("Name") or "",
            type=row.get("Type") or "",
            account_class=row.get("Class") or "",
            status=row.get("Status") or "ACTIVE",
            tax_type=row.get("TaxType") or "",
            system_account=row.get("SystemAccount") or "",
            account_id=row.get("AccountID") or "",
            payments_enabled=bool(row.get("EnablePaymentsToAccount")),
            currency=(row.get("CurrencyCode") or "") if row.get("Type") == "BANK" else "",
        )
        for row in _rows(body, "Accounts")
    ]


def decode_tax_rates(body: bytes) -> list[TaxRate]:
    """Tax rates with the account classes each may be used with."""
    return [
        TaxRate(
            tax_type=row["TaxType"],
            name=row.get("Name") or row["TaxType"],
            status=row.get("Status") or "ACTIVE",
            rate=Decimal(row.get("EffectiveRate") or 0),
            applies_to=frozenset(name for flag, name in _CLASSES.items() if row.get(flag)),
        )
        for row in _rows(body, "TaxRates")
    ]


def decode_tracking(body: bytes) -> list[TrackingCategory]:
    """Tracking categories and their options by status."""
    found = []
    for row in _rows(body, "TrackingCategories"):
        options = row.get("Options") or []
        active = frozenset(option["Name"] for option in options if option.get("Status") == "ACTIVE")
        archived = frozenset(option["Name"] for option in options if option.get("Status") != "ACTIVE")
        ids = {option["Name"]: option.get("TrackingOptionID") or "" for option in options}
        found.append(TrackingCategory(row["Name"], row.get("Status") or "ACTIVE", active, archived - active, ids))
    return found


def decode_currencies(body: bytes) -> list[str]:
    """Codes of the enabled currencies."""
    return [row["Code"] for row in _rows(body, "Currencies")]


def decode_actions(body: bytes) -> dict[str, bool]:
    """What the plan allows, by action name."""
    return {row["Name"]: row.get("Status") == "ALLOWED" for row in _rows(body, "Actions")}
