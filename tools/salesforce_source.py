"""Write the SFDX source under ``salesforce/`` from ``salesforce_tables``: ``python -m tools.salesforce_source``.

The source is committed; a test checks that it is what the tables say. Lightning components are written by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.salesforce_grants import BILL_SETS, ORDER_SETS, PERMISSION_SETS, PERMISSIONS, Grants
from tools.salesforce_reports import report_files, report_type_files
from tools.salesforce_tables import API_VERSION, BILLS, OBJECTS, ORDERS, STANDARD, Field, Object, Rule
from tools.salesforce_xml import Parts, described, document, label_of

ROOT = Path(__file__).resolve().parent.parent / "salesforce"
APP = "Crossfoot"


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
    """An object's own settings: everyone with a grant reads every row. Only its owner writes it, or where people make
    rows that the integration user answers, whoever is granted to edit."""
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
        "sharingModel": "ReadWrite" if declared.people else "Read",
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
        for rule in declared.rules:
            yield f"{folder}/validationRules/{rule.name}.validationRule-meta.xml", _rule(rule)


def _rule(rule: Rule) -> str:
    parts = {
        "fullName": rule.name,
        "active": True,
        "description": described(""),
        "errorConditionFormula": rule.formula,
        "errorMessage": rule.message,
    }
    return document("ValidationRule", parts)


def _layouts(objects: Sequence[Object]) -> Iterator[tuple[str, str]]:
    """A layout of each object, in two columns: read-only but for what people enter; related lists where rows point at
    it."""
    for declared in objects:
        names = ["Name", *(field.name for field in declared.fields if field.name != "Xero_Key__c"), "Xero_Key__c"]
        behaviors = {"Name": "Required", **{field.name: "Edit" for field in declared.fields if field.entered}}
        halves = (names[: (len(names) + 1) // 2], names[(len(names) + 1) // 2 :])
        # The name has to be editable on a layout: the platform takes no other (SF 8.4).
        columns = [
            {"layoutItems": [{"behavior": behaviors.get(n, "Readonly"), "field": n} for n in half]} for half in halves
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


def permission_set(grants: Grants) -> str:
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
    if grants.app:
        parts["applicationVisibilities"] = {"application": APP, "visible": True}
    if grants.tabs:
        parts["tabSettings"] = [{"tab": tab, "visibility": "Visible"} for tab in grants.tabs]
    return document("PermissionSet", parts)


def _all_flags(given: Mapping[str, bool]) -> dict[str, bool]:
    names = ("allowCreate", "allowDelete", "allowEdit", "allowRead", "modifyAllRecords", "viewAllRecords")
    return {name: given.get(name, False) for name in names}


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


def _tabs(objects: Sequence[Object]) -> Iterator[tuple[str, str]]:
    for each in objects:
        parts = {"customObject": True, "description": described(""), "motif": each.motif}
        yield f"tabs/{each.name}.tab-meta.xml", document("CustomTab", parts)


def _permission_sets(sets: Sequence[Grants]) -> Iterator[tuple[str, str]]:
    for grants in sets:
        yield f"permissionsets/{grants.name}.permissionset-meta.xml", permission_set(grants)


def core_files() -> dict[str, str]:
    """The files of the package's main part, by path below ``main/default``."""
    files = dict([*_objects((*OBJECTS, *STANDARD)), *_layouts(OBJECTS), *_tabs(OBJECTS)])
    files |= dict([*report_type_files(), *report_files(), *_permission_sets(PERMISSION_SETS)])
    for name, words in PERMISSIONS.items():
        label, _, about = words.partition(": ")
        parts = {"description": described(about), "isLicensed": False, "label": label}
        files[f"customPermissions/{name}.customPermission-meta.xml"] = document("CustomPermission", parts)
    app = {
        "description": described("What Xero holds, and what waits."),
        "formFactors": "Large",
        "isNavAutoTempTabsDisabled": False,
        "isNavPersonalizationDisabled": False,
        "label": APP,
        "navType": "Standard",
        "tabs": [each.name for each in OBJECTS],
        "uiType": "Lightning",
    }
    files[f"applications/{APP}.app-meta.xml"] = document("CustomApplication", app)
    files["flows/Crossfoot_Sample_Invoice_Paid.flow-meta.xml"] = _paid_flow()
    return files


def order_files() -> dict[str, str]:
    """The files of the part for orgs with Orders."""
    return dict([*_objects(ORDERS), *_permission_sets(ORDER_SETS)])


def bill_files() -> dict[str, str]:
    """The files of the part for supplier bills."""
    return dict([*_objects(BILLS), *_layouts(BILLS), *_tabs(BILLS), *_permission_sets(BILL_SETS)])


def source_files() -> dict[str, str]:
    """Every generated file by path below ``salesforce/``."""
    parts = {"force-app": core_files(), "orders": order_files(), "bills": bill_files()}
    return {f"{part}/main/default/{path}": content for part, files in parts.items() for path, content in files.items()}


def written_files() -> Iterator[Path]:
    """The files of the source that are this module's, as they stand: all but the Lightning components."""
    for part in ("force-app", "orders", "bills"):
        yield from (path for path in ROOT.glob(f"{part}/**/*.xml") if "lwc" not in path.parts)


def main() -> None:
    """Write the files, and take away those that the tables no longer make."""
    wanted = source_files()
    for path in list(written_files()):
        if path.relative_to(ROOT).as_posix() not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
