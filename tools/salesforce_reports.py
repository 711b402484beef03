"""The package's report types, and the reports that stand on them, in a folder of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.salesforce_xml import described, document

FOLDER = "Crossfoot"
_DEAL = ("Name", "Account", "Owner", "CloseDate", "Amount", "IsWon")
_STAGES = ("Xero_Scheduled__c", "Xero_Drafted__c", "Xero_Invoiced__c", "Xero_Uninvoiced__c", "Xero_Amount_Paid__c")
_WAITING = ("Xero_Amount_Due__c", "Xero_Sync_State__c", "Xero_Last_Error__c")
_INVOICE = ("Name", "Date__c", "Due_Date__c", "Status__c", "Payment_Status__c", "Total__c", "Amount_Due__c")
_INVOICES = "Opportunity.Xero_Invoices__r"
WON_TO_PAID, DEALS_AND_INVOICES = "Crossfoot_Won_To_Paid", "Crossfoot_Deals_And_Invoices"


@dataclass(frozen=True, slots=True)
class Report:
    """A report of deals. ``columns`` are shown in order, ``sums`` are added up, ``where`` is (column, operator, value).

    Columns are written as the platform writes them: the table, ``$``, the field (SF 8.4).
    """

    name: str
    title: str
    help: str
    kind: str
    columns: tuple[str, ...]
    sums: tuple[str, ...]
    where: tuple[tuple[str, str, str], ...]
    by: tuple[str, ...]
    details: bool = False


def _of(table: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{table}${name}" for name in names)


_WON = ("Opportunity$IsWon", "equals", "1")
REPORTS = (
    Report(
        "Won_To_Paid",
        "Won to paid, by month and owner",
        "What was won, and how much of it is scheduled, drafted, invoiced and paid, by close month and owner.",
        WON_TO_PAID,
        _of("Opportunity", "Name"),
        _of("Opportunity", "Amount", *_STAGES),
        (_WON,),
        _of("Opportunity", "CloseDate", "Owner"),
    ),
    Report(
        "Won_Not_Invoiced",
        "Won and not invoiced, by owner",
        "Deals with something left to invoice, and why they wait.",
        WON_TO_PAID,
        _of("Opportunity", "Name", "Account", "CloseDate", *_WAITING[1:]),
        _of("Opportunity", "Amount", "Xero_Uninvoiced__c"),
        (_WON, ("Opportunity$Xero_Uninvoiced__c", "greaterThan", "0")),
        _of("Opportunity", "Owner"),
        details=True,
    ),
    Report(
        "Invoices_To_Collect",
        "Invoices to collect, by owner",
        "Invoices with money outstanding, with their due dates.",
        DEALS_AND_INVOICES,
        (*_of("Opportunity", "Name", "Account"), *_of(_INVOICES, "Name", "Due_Date__c", "Payment_Status__c")),
        _of(_INVOICES, "Total__c", "Amount_Due__c"),
        ((f"{_INVOICES}$Amount_Due__c", "greaterThan", "0"), (f"{_INVOICES}$Status__c", "equals", "Authorised")),
        _of("Opportunity", "Owner"),
        details=True,
    ),
)


def _report_type(label: str, words: str, columns: Mapping[str, Sequence[str]], join: str = "") -> str:
    sections = [
        {
            "columns": [{"checkedByDefault": True, "field": name, "table": table} for name in names],
            "masterLabel": "Deal" if table == "Opportunity" else "Xero Invoice",
        }
        for table, names in columns.items()
    ]
    parts: dict[str, Any] = {
        "baseObject": "Opportunity",
        "category": "opportunities",
        "deployed": True,
        "description": described(words),
        "label": label,
        "sections": sections,
    }
    if join:
        parts["join"] = {"outerJoin": True, "relationship": join}
    return document("ReportType", parts)


def report_type_files() -> Iterator[tuple[str, str]]:
    """What reports may be made of: deals, and deals with their invoices."""
    words = "Group by close month and owner for won, scheduled, drafted, invoiced and paid."
    yield (
        f"reportTypes/{WON_TO_PAID}.reportType-meta.xml",
        _report_type("Crossfoot: Won to Paid", words, {"Opportunity": (*_DEAL, *_STAGES, *_WAITING)}),
    )
    yield (
        f"reportTypes/{DEALS_AND_INVOICES}.reportType-meta.xml",
        _report_type(
            "Crossfoot: Deals with Xero Invoices",
            "Each deal with its invoices.",
            {"Opportunity": (*_DEAL, "Deal_Number__c"), _INVOICES: _INVOICE},
            join="Xero_Invoices__r",
        ),
    )


def report_files() -> Iterator[tuple[str, str]]:
    """The folder, which everybody of the business may look into, and the reports in it."""
    share = {"accessLevel": "View", "sharedTo": "AllInternalUsers", "sharedToType": "Group"}
    yield f"reports/{FOLDER}.reportFolder-meta.xml", document("ReportFolder", {"name": FOLDER, "folderShares": share})
    for report in REPORTS:
        yield f"reports/{FOLDER}/{report.name}.report-meta.xml", document("Report", _parts(report))


def _parts(report: Report) -> dict[str, Any]:
    plain = [{"field": name} for name in report.columns if name not in report.by]
    criteria = [
        {"column": column, "columnToColumn": False, "isUnlocked": True, "operator": operator, "value": value}
        for column, operator, value in report.where
    ]
    return {
        "columns": [*plain, *({"aggregateTypes": "Sum", "field": name} for name in report.sums)],
        "description": described(report.help),
        "filter": {"criteriaItems": criteria},
        "format": "Summary",
        "groupingsDown": [
            {"dateGranularity": "Month" if name.endswith("$CloseDate") else "Day", "field": name, "sortOrder": "Asc"}
            for name in report.by
        ],
        "name": report.title,
        "reportType": f"{report.kind}__c",
        "scope": "organization",
        "showDetails": report.details,
        "showGrandTotal": True,
        "showSubTotals": True,
        "timeFrameFilter": {"dateColumn": "Opportunity$CloseDate", "interval": "INTERVAL_CUSTOM"},
    }
