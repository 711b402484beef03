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
    Gap("Writing through the API to resources that are listed as read only", "501, which says so", "XERO 4.24"),
    Gap("Attachments and history of resources that do not list them", "404", "XERO 4.22"),
    Gap("BankSummary, BudgetSummary, ExecutiveSummary, TenNinetyNine and published tax reports", "404", "XERO 4.23"),
    Gap("Comparison periods, tracking and cash basis in reports", "the parameters are ignored", "XERO 4.23"),
    Gap("CIS settings, invoice reminders and Setup", "404", "XERO 4.24"),
    Gap("Form-encoded bodies", "400 with ErrorNumber 14", "XERO 3.1"),
    Gap("Tax returns, payroll, files, assets and projects", "other APIs of Xero's; 404", "XERO 1.1"),
)
