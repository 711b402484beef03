"""What the emulator leaves out of Xero's API, as a table; the reference page is written from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that Xero has and the emulator has not, what a client meets instead, and where Xero says so."""

    what: str
    instead: str
    section: str


NOT_COVERED: tuple[Gap, ...] = (
    Gap("Writing receipts, expense claims and employees through the API", "501, which says so", "XERO 4.24"),
    Gap("Attachments and history of resources that do not list them", "404", "XERO 4.22"),
    Gap("BudgetSummary, ExecutiveSummary, TenNinetyNine and single published tax reports", "404", "XERO 4.23"),
    Gap("Comparison periods, tracking and cash basis in reports", "the parameters are ignored", "XERO 4.23"),
    Gap("CIS settings, invoice reminders, a theme's payment services and Setup", "404", "XERO 4.24"),
    Gap("QuantityAvailable and QuantityOnBackOrder of items", "the members are left out", "XERO 4.9"),
    Gap("Form-encoded bodies", "400 with ErrorNumber 14", "XERO 3.1"),
    Gap("Payroll, projects, files and assets", "403, as in an organisation without them", "XERO 1.8"),
    Gap("Bank feeds, finance and practice manager", "other APIs of Xero's; 404", "XERO 1.1"),
)
