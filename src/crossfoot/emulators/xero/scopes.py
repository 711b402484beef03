"""Which scopes exist and what each opens (XERO 1.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

BASE_SCOPES = ("openid", "profile", "email", "offline_access")
FAMILIES = (
    "accounting.invoices",
    "accounting.payments",
    "accounting.banktransactions",
    "accounting.manualjournals",
    "accounting.contacts",
    "accounting.settings",
    "accounting.attachments",
    "accounting.classicexpenses",
)
READ_ONLY = (
    "accounting.budgets.read",
    "accounting.journals.read",
    *(
        f"accounting.reports.{name}.read"
        for name in (
            "aged",
            "balancesheet",
            "banksummary",
            "budgetsummary",
            "executivesummary",
            "profitandloss",
            "trialbalance",
            "taxreports",
            "tenninetynine",
        )
    ),
)
OF_THE_APP = ("app.connections", "marketplace.billing")  # of the app itself; such a token reaches no organisation
WRITE_ONLY = ("paymentservices",)  # without a .read variant
# Xero's other APIs, by the first segment of their paths: an app may ask for their scopes, and an organisation that
# does not use them answers 403 (unconfirmed).
OTHER_APIS: Mapping[str, tuple[str, ...]] = {
    "assets.xro": ("assets",),
    "files.xro": ("files",),
    "payroll.xro": tuple(f"payroll.{part}" for part in ("employees", "payruns", "payslip", "settings", "timesheets")),
    "projects.xro": ("projects",),
}
OTHERS = tuple(scope for families in OTHER_APIS.values() for family in families for scope in (family, f"{family}.read"))
GRANULAR = (*(scope for family in FAMILIES for scope in (family, f"{family}.read")), *READ_ONLY, *WRITE_ONLY)

# A broad scope of apps made before 2026-03-02 stands for these families until 2027-09-13.
LEGACY: Mapping[str, tuple[str, ...]] = {
    "accounting.transactions": (
        "accounting.invoices",
        "accounting.payments",
        "accounting.banktransactions",
        "accounting.manualjournals",
        "accounting.classicexpenses",
    ),
    "accounting.transactions.read": (
        "accounting.invoices.read",
        "accounting.payments.read",
        "accounting.banktransactions.read",
        "accounting.manualjournals.read",
        "accounting.classicexpenses.read",
    ),
    "accounting.reports.read": tuple(scope for scope in READ_ONLY if ".reports." in scope),
}


def known_scopes(*, legacy: bool) -> tuple[str, ...]:
    """Every scope an app may ask for; broad ones only for apps of the older generation."""
    return (*BASE_SCOPES, *GRANULAR, *OTHERS, *(LEGACY if legacy else ()))


def permits(granted: Iterable[str], families: Iterable[str], *, write: bool) -> bool:
    """Whether any granted scope opens any of these families; a write scope implies read."""
    opened = {scope for name in granted for scope in (name, *LEGACY.get(name, ()))}
    return any(family in opened or (not write and f"{family}.read" in opened) for family in families)
