"""Components that the org also keeps as rows: permission sets, custom permissions, record types, rules (SF 8.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from crossfoot.emulators.salesforce.metadata import reports
from crossfoot.emulators.salesforce.metadata.draft import Component, Draft, Refusal
from crossfoot.emulators.salesforce.metadata.permission_sets import grant_rows, set_values
from crossfoot.emulators.salesforce.metadata.xml import Element
from crossfoot.emulators.salesforce.permissions import STANDARD
from crossfoot.emulators.salesforce.rules.record_types import VALUES
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.validation_rules import FORMULA
from crossfoot.emulators.salesforce.world import Row, World

EMPTY = Element("")
GRANTS = ("ObjectPermissions", "FieldPermissions", "SetupEntityAccess")


@dataclass(frozen=True, slots=True)
class RowType:
    """How a component type is kept: the object, the values of its row, and by which of them it is known."""

    sobject: str
    values: Callable[[str, Element], Mapping[str, Any]]
    key: tuple[str, ...]


def _custom_permission(name: str, root: Element) -> Mapping[str, Any]:
    return {"DeveloperName": name, "MasterLabel": root.get("label"), "Description": root.get("description") or None}


def _record_type(name: str, root: Element) -> Mapping[str, Any]:
    owner, _, developer_name = name.partition(".")
    named = {"SobjectType": owner, "DeveloperName": developer_name, "Name": root.get("label")}
    return named | {"IsActive": root.is_true("active"), VALUES: _picklist_values(root)}


def _picklist_values(root: Element) -> Mapping[str, list[str]]:
    """The values that a record type leaves of each picklist; in the file they are percent-encoded."""
    return {
        each.get("picklist"): [unquote(value.get("fullName")) for value in each.children if value.tag == "values"]
        for each in root.children
        if each.tag == "picklistValues"
    }


def _validation_rule(name: str, root: Element) -> Mapping[str, Any]:
    owner, _, rule = name.partition(".")
    return {
        "EntityDefinition": owner,
        "ValidationName": rule,
        "ErrorConditionFormula": root.get("errorConditionFormula"),
        "ErrorMessage": root.get("errorMessage"),
        "ErrorDisplayField": root.get("errorDisplayField") or None,
        "Active": root.is_true("active"),
        FORMULA: root.get("errorConditionFormula"),
    }


ROW_TYPES: Mapping[str, RowType] = {
    "CustomPermission": RowType("CustomPermission", _custom_permission, ("DeveloperName",)),
    "PermissionSet": RowType("PermissionSet", set_values, ("Name",)),
    "RecordType": RowType("RecordType", _record_type, ("SobjectType", "DeveloperName")),
    "ValidationRule": RowType("ValidationRule", _validation_rule, ("EntityDefinition", "ValidationName")),
}


def known_id(draft: Draft, component: Component) -> str | None:
    """The id of a component that the org has as a row, though it was never deployed."""
    found = _row(draft.world, component.type, component.name, component.root)
    return None if found is None else str(found["Id"])


def existed(draft: Draft, component: Component) -> bool:
    """Whether the org had the component before, deployed or founded with it."""
    if component.type in {"CustomObject", "CustomField"}:
        owner, _, field = component.name.partition(".")
        sobject = draft.schema.object(owner)
        return sobject is not None and (not field or sobject.field(field) is not None)
    return known_id(draft, component) is not None


def check_deletable(draft: Draft, component: Component) -> None:
    """A permission set that somebody has, an active flow, and what another component needs are not deleted."""
    reports.check_unneeded(draft, component)
    if component.type == "PermissionSet":
        found = known_id(draft, component)
        assigned = draft.world.rows.get("PermissionSetAssignment", {}).values()
        if found is not None and any(each["PermissionSetId"] == found for each in assigned):
            raise Refusal(f"Cannot delete the permission set {component.name}: it is assigned to users")
    flow = draft.element("Flow", component.name) if component.type == "Flow" else None
    if flow is not None and flow.get("status") == "Active":
        raise Refusal(f"insufficient access rights on cross-reference id: the flow {component.name} is active")


def settle(tx: Transaction, draft: Draft, touched: Iterable[tuple[str, str]]) -> None:
    """Bring the rows into line with what the adopted draft created, changed and deleted."""
    for kind, name in touched:
        if kind in ROW_TYPES:
            _settle_one(tx, draft, kind, name)
    _drop_dangling(tx)


def _settle_one(tx: Transaction, draft: Draft, kind: str, name: str) -> None:
    row_type, root = ROW_TYPES[kind], draft.element(kind, name)
    sobject = tx.world.object(row_type.sobject)
    before = _row(tx.world, kind, name, root or EMPTY)
    if before is not None and kind == "PermissionSet":
        for each in GRANTS:
            for row in [row for row in tx.world.rows.get(each, {}).values() if row["ParentId"] == before["Id"]]:
                tx.bury(tx.world.object(each), row)
    if root is None:
        if before is not None:
            tx.bury(sobject, before)
        return
    row = {**(before or {}), **row_type.values(name, root)}
    row.pop(STANDARD, None)
    row["Id"] = before["Id"] if before else (draft.find(kind, name) or {})["id"]
    tx.write(sobject, {key: value for key, value in row.items() if value is not None})
    for object_name, values in grant_rows(draft, root) if kind == "PermissionSet" else ():
        child = tx.world.object(object_name)
        tx.write(child, {"Id": tx.world.next_id(child.key_prefix), "ParentId": row["Id"], **values})


def _row(world: World, kind: str, name: str, root: Element) -> Row | None:
    row_type = ROW_TYPES.get(kind)
    if row_type is None:
        return None
    wanted = row_type.values(name, root)
    for row in world.rows.get(row_type.sobject, {}).values():
        same = all(str(row.get(each)).lower() == str(wanted[each]).lower() for each in row_type.key)
        if same and not row["IsDeleted"]:
            return row
    return None


def _drop_dangling(tx: Transaction) -> None:
    """Grants on fields and objects that are gone go too."""
    for name in ("ObjectPermissions", "FieldPermissions"):
        for row in list(tx.world.rows.get(name, {}).values()):
            sobject = tx.world.schema.object(row["SobjectType"])
            field = row["Field"].partition(".")[2] if name == "FieldPermissions" else None
            if sobject is None or (field is not None and sobject.field(field) is None):
                tx.bury(tx.world.object(name), row)
