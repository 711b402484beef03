"""Write the SFDX source under ``salesforce/`` from ``salesforce_tables``: ``python -m tools.salesforce_source``.

The source is committed; a test checks that it is what the table says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tools.salesforce_tables import (
    API_VERSION,
    MARK,
    OBJECTS,
    ORDER_GRANTS,
    ORDERS,
    PERMISSION_SETS,
    PERMISSIONS,
    STANDARD,
    Field,
    Grants,
    Object,
)

ROOT = Path(__file__).resolve().parent.parent / "salesforce"
NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
APP = "Crossfoot"

Parts = Mapping[str, Any]


def label_of(name: str) -> str:
    """``Xero_Amount_Due__c`` is "Xero Amount Due"."""
    return name.removesuffix("__c").replace("_", " ")


def described(words: str) -> str:
    """A description that says whose the component is."""
    return f"{words} {MARK}".strip()


def document(tag: str, parts: Parts) -> str:
    """A metadata file: elements by name, which keeps those of one name together (SF 8.3)."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{tag} xmlns="{NAMESPACE}">\n{_elements(parts, "    ")}</{tag}>\n'


def _elements(parts: Parts, indent: str) -> str:
    ordered = sorted(parts, key=lambda name: (name != "fullName", name))
    return "".join(_element(name, parts[name], indent) for name in ordered)


def _element(name: str, value: Any, indent: str) -> str:
    if isinstance(value, list):
        return "".join(_element(name, each, indent) for each in value)
    if isinstance(value, Mapping):
        return f"{indent}<{name}>\n{_elements(value, indent + '    ')}{indent}</{name}>\n"
    words = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{indent}<{name}>{escape(words)}</{name}>\n"


def field_parts(field: Field) -> Parts:
    """The elements of a field."""
    about = {"inlineHelpText": field.help} if field.help else {}
    return {
        "fullName": field.name,
        "label": field.label or label_of(field.name),
        "type": field.type,
        "description": described(field.help),
        **about,
        **field.parts,
    }


def object_parts(declared: Object) -> Parts:
    """A mirror object's own settings: everyone with a grant reads every row, only its owner writes."""
    label = declared.label or label_of(declared.name)
    return {
        "deploymentStatus": "Deployed",
        "description": described(declared.help),
        "enableActivities": False,
        "enableBulkApi": True,
        "enableReports": True,
        "enableSearch": True,
        "enableSharing": True,
        "enableStreamingApi": True,
        "label": label,
        "nameField": {"label": f"{label} Name", "type": "Text"},
        "pluralLabel": declared.plural or f"{label}s",
        "sharingModel": "Read",
    }


def _objects(objects: Sequence[Object]) -> Iterator[tuple[str, str]]:
    for declared in objects:
        folder = f"objects/{declared.name}"
        if declared.custom and declared.columns:
            yield f"{folder}/{declared.name}.object-meta.xml", document("CustomObject", object_parts(declared))
            view = {
                "fullName": "Crossfoot_All",
                "columns": ["NAME", *declared.columns],
                "filterScope": "Everything",
                "label": "All",
            }
            yield f"{folder}/listViews/Crossfoot_All.listView-meta.xml", document("ListView", view)
        for field in declared.fields:
            yield (
                f"{folder}/fields/{field.name}.field-meta.xml",
                document("CustomField", field_parts(field)),
            )


def _layouts() -> Iterator[tuple[str, str]]:
    """A layout of each object of ours, read-only and in two columns; related lists where rows point at it."""
    for declared in OBJECTS:
        names = ["Name", *(field.name for field in declared.fields if field.name != "Xero_Key__c"), "Xero_Key__c"]
        halves = (names[: (len(names) + 1) // 2], names[(len(names) + 1) // 2 :])
        # The name has to be editable on a layout: the platform takes no other (SF 8.4).
        columns = [
            {"layoutItems": [{"behavior": "Required" if n == "Name" else "Readonly", "field": n} for n in half]}
            for half in halves
        ]
        section = {
            "customLabel": True,
            "detailHeading": True,
            "editHeading": True,
            "label": "Xero",
            "layoutColumns": columns,
            "style": "TwoColumnsTopToBottom",
        }
        related = [
            {"fields": ["NAME", *other.columns[:3]], "relatedList": f"{other.name}.{field.name}"}
            for other in OBJECTS
            for field in other.fields
            if field.parts.get("referenceTo") == declared.name and declared.name != "Xero_Organisation__c"
        ]
        label = declared.label or label_of(declared.name)
        parts = {"layoutSections": [section], **({"relatedLists": related} if related else {})}
        yield f"layouts/{declared.name}-{label} Layout.layout-meta.xml", document("Layout", parts)


def permission_set(grants: Grants, tabs: Sequence[str]) -> str:
    """A permission set's file."""
    parts: dict[str, Any] = {
        "label": grants.label,
        "description": described(grants.help),
        "hasActivationRequired": False,
        "fieldPermissions": [
            {"field": name, "readable": True, "editable": edit} for name, edit in sorted(grants.fields.items())
        ],
        "objectPermissions": [{"object": name, **_all_flags(given)} for name, given in sorted(grants.objects.items())],
        "customPermissions": [{"enabled": True, "name": name} for name in grants.permissions],
        "userPermissions": [{"enabled": True, "name": name} for name in grants.user_permissions],
    }
    if grants.tabs:
        parts["applicationVisibilities"] = {"application": APP, "visible": True}
        parts["tabSettings"] = [{"tab": tab, "visibility": "Visible"} for tab in tabs]
    return document("PermissionSet", parts)


def _all_flags(given: Mapping[str, bool]) -> dict[str, bool]:
    names = ("allowCreate", "allowDelete", "allowEdit", "allowRead", "modifyAllRecords", "viewAllRecords")
    return {name: given.get(name, False) for name in names}


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


_DEAL = ("Name", "Account", "Owner", "CloseDate", "Amount", "IsWon")
_STAGES = (
    *("Xero_Scheduled__c", "Xero_Drafted__c", "Xero_Invoiced__c", "Xero_Uninvoiced__c"),
    *("Xero_Amount_Paid__c", "Xero_Amount_Due__c", "Xero_Sync_State__c"),
)
_INVOICE = ("Name", "Date__c", "Status__c", "Payment_Status__c", "Total__c", "Amount_Due__c", "Paid_Date__c")


def _report_types() -> Iterator[tuple[str, str]]:
    words = "Group by close month and owner for won, scheduled, drafted, invoiced and paid."
    yield (
        "reportTypes/Crossfoot_Won_To_Paid.reportType-meta.xml",
        _report_type("Crossfoot: Won to Paid", words, {"Opportunity": (*_DEAL, *_STAGES)}),
    )
    yield (
        "reportTypes/Crossfoot_Deals_And_Invoices.reportType-meta.xml",
        _report_type(
            "Crossfoot: Deals with Xero Invoices",
            "Each deal with its invoices.",
            {"Opportunity": (*_DEAL, "Deal_Number__c"), "Opportunity.Xero_Invoices__r": _INVOICE},
            join="Xero_Invoices__r",
        ),
    )


def _paid_flow() -> str:
    """A sample to start from: a task for the deal's owner when an invoice turns Paid. It is deployed as a draft."""

    def filled(name: str, **value: str) -> Parts:
        return {"field": name, "value": value}

    create = {
        "name": "Tell_The_Owner",
        "label": "Tell the owner",
        "locationX": 176,
        "locationY": 335,
        "inputAssignments": [
            filled("OwnerId", elementReference="$Record.Opportunity__r.OwnerId"),
            filled("Status", stringValue="Completed"),
            filled("Subject", stringValue="The invoice is paid"),
            filled("WhatId", elementReference="$Record.Opportunity__c"),
        ],
        "object": "Task",
        "storeOutputAutomatically": True,
    }
    start = {
        "connector": {"targetReference": "Tell_The_Owner"},
        "doesRequireRecordChangedToMeetCriteria": True,
        "filterLogic": "and",
        "filters": [
            {"field": "Payment_Status__c", "operator": "EqualTo", "value": {"stringValue": "Paid"}},
            {"field": "Opportunity__c", "operator": "IsNull", "value": {"booleanValue": False}},
        ],
        "locationX": 50,
        "locationY": 0,
        "object": "Xero_Invoice__c",
        "recordTriggerType": "CreateAndUpdate",
        "triggerType": "RecordAfterSave",
    }
    parts = {
        "apiVersion": API_VERSION,
        "description": described("A sample: activate a copy of it, and change what it does."),
        "environments": "Default",
        "interviewLabel": "Invoice paid {!$Flow.CurrentDateTime}",
        "label": "Crossfoot Sample: Invoice Paid",
        "processType": "AutoLaunchedFlow",
        "recordCreates": create,
        "start": start,
        "status": "Draft",
    }
    return document("Flow", parts)


def core_files() -> dict[str, str]:
    """The files of the package's main part, by path below ``main/default``."""
    tabs = [each.name for each in OBJECTS]
    files = dict([*_objects((*OBJECTS, *STANDARD)), *_layouts(), *_report_types()])
    for each in OBJECTS:
        parts = {"customObject": True, "description": described(""), "motif": each.motif}
        files[f"tabs/{each.name}.tab-meta.xml"] = document("CustomTab", parts)
    for name, words in PERMISSIONS.items():
        label, _, about = words.partition(": ")
        parts = {"description": described(about), "isLicensed": False, "label": label}
        files[f"customPermissions/{name}.customPermission-meta.xml"] = document("CustomPermission", parts)
    for grants in PERMISSION_SETS:
        files[f"permissionsets/{grants.name}.permissionset-meta.xml"] = permission_set(grants, tabs)
    app = {
        "description": described("What Xero holds, and what waits."),
        "formFactors": "Large",
        "isNavAutoTempTabsDisabled": False,
        "isNavPersonalizationDisabled": False,
        "label": APP,
        "navType": "Standard",
        "tabs": tabs,
        "uiType": "Lightning",
    }
    files[f"applications/{APP}.app-meta.xml"] = document("CustomApplication", app)
    files["flows/Crossfoot_Sample_Invoice_Paid.flow-meta.xml"] = _paid_flow()
    return files


def order_files() -> dict[str, str]:
    """The files of the part for orgs with Orders."""
    files = dict(_objects(ORDERS))
    files[f"permissionsets/{ORDER_GRANTS.name}.permissionset-meta.xml"] = permission_set(ORDER_GRANTS, ())
    return files


def source_files() -> dict[str, str]:
    """Every generated file by path below ``salesforce/``."""
    parts = {"force-app": core_files(), "orders": order_files()}
    return {f"{part}/main/default/{path}": content for part, files in parts.items() for path, content in files.items()}


def main() -> None:
    """Write the files, and take away those that the table no longer makes."""
    wanted = source_files()
    for path in [*ROOT.glob("force-app/**/*.xml"), *ROOT.glob("orders/**/*.xml")]:
        if path.relative_to(ROOT).as_posix() not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
