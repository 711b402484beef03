"""Permission sets as metadata: their rules, and the rows in which the org keeps what they grant (SF 8.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crossfoot.emulators.salesforce.metadata.draft import Component, Draft, Refusal
from crossfoot.emulators.salesforce.metadata.xml import Element
from crossfoot.emulators.salesforce.permissions import permissionable
from crossfoot.emulators.salesforce.setup_objects import OBJECT_PERMISSIONS, USER_PERMISSIONS

VISIBILITIES = frozenset({"Available", "None", "Visible"})
# Element, the member that names what it grants access to, and the component type of that.
SETUP_ENTITIES = {
    "customPermissions": ("name", "CustomPermission"),
    "classAccesses": ("apexClass", "ApexClass"),
    "applicationVisibilities": ("application", "CustomApplication"),
}
ELEMENTS = frozenset(
    {
        *SETUP_ENTITIES,
        "description",
        "fieldPermissions",
        "hasActivationRequired",
        "label",
        "license",
        "objectPermissions",
        "recordTypeVisibilities",
        "tabSettings",
        "userPermissions",
    }
)


def check_permission_set(draft: Draft, component: Component) -> None:
    """Everything that the set names exists, and no grant is one that the platform would not take."""
    root = component.root
    if not root.get("label"):
        raise Refusal("Required field is missing: label", root)
    for each in root.children:
        if each.tag not in ELEMENTS:
            shown = f"Element {{{each.namespace}}}{each.tag} invalid at this location in type PermissionSet"
            raise Refusal(shown, each)
    for each in root.all("objectPermissions"):
        _check_object(draft, each)
    for each in root.all("fieldPermissions"):
        _check_field(draft, each)
    for each in root.all("userPermissions"):
        if each.get("name") not in USER_PERMISSIONS:
            raise Refusal(f"Unknown user permission: {each.get('name')}", each)
    for each in root.all("tabSettings"):
        _check_tab(draft, each)
    for tag, (member, kind) in SETUP_ENTITIES.items():
        for each in root.all(tag):
            if draft.find(kind, each.get(member)) is None:
                raise Refusal(f"In field: {member} - no {kind} named {each.get(member)} found", each)


def _check_object(draft: Draft, element: Element) -> None:
    name = element.get("object")
    if draft.schema.object(name) is None:
        raise Refusal(f"In field: object - no CustomObject named {name} found", element)
    given = {tag for tag in OBJECT_PERMISSIONS if element.is_true(tag)}
    for tag, (_, needed) in OBJECT_PERMISSIONS.items():
        missing = [each for each in needed if each not in given]
        if tag in given and missing:
            words = ", ".join(f"{each.removeprefix('allow')} {name}" for each in missing)
            raise Refusal(f"Permission {tag.removeprefix('allow')} {name} depends on permission(s): {words}", element)


def _check_field(draft: Draft, element: Element) -> None:
    """Required and master-detail fields take no grant; computed ones none to edit, but an address stands for its parts;
    editing needs reading (SF 8.4)."""
    full_name = element.get("field")
    object_name, _, name = full_name.partition(".")
    sobject = draft.schema.object(object_name)
    field = sobject.field(name) if sobject else None
    if sobject is None or field is None:
        raise Refusal(f"In field: field - no CustomField named {full_name} found", element)
    if not permissionable(sobject, field):
        raise Refusal(f"You cannot deploy to a required field: {full_name}", element)
    if element.is_true("editable") and not element.is_true("readable"):
        raise Refusal(f"Permission Edit {full_name} depends on permission(s): Read {full_name}", element)
    if element.is_true("editable") and not (field.createable or field.updateable or field.type == "address"):
        raise Refusal(f"Field {full_name} is not editable", element)


def _check_tab(draft: Draft, element: Element) -> None:
    tab = element.get("tab")
    if element.get("visibility") not in VISIBILITIES:
        raise Refusal(
            f"'{element.get('visibility')}' is not a valid value for the enum 'PermissionSetTabVisibility'", element
        )
    if not tab.startswith("standard-") and draft.find("CustomTab", tab) is None:
        raise Refusal(f"In field: tab - no CustomTab named {tab} found", element)


def set_values(name: str, root: Element) -> dict[str, Any]:
    """The PermissionSet row of a set."""
    enabled = {each.get("name") for each in root.all("userPermissions") if each.is_true("enabled")}
    return {
        "Name": name,
        "Label": root.get("label"),
        "Description": root.get("description") or None,
        "HasActivationRequired": root.is_true("hasActivationRequired"),
        "IsCustom": True,
        "IsOwnedByProfile": False,
        "Type": "Regular",
        **{f"Permissions{each}": each in enabled for each in USER_PERMISSIONS},
    }


def grant_rows(draft: Draft, root: Element) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows below it: object name, and values without ParentId. A grant of nothing has no row."""
    for each in root.all("objectPermissions"):
        sobject = draft.schema.object(each.get("object"))
        columns = {column: each.is_true(tag) for tag, (column, _) in OBJECT_PERMISSIONS.items()}
        if sobject is not None and any(columns.values()):
            yield "ObjectPermissions", {"SobjectType": sobject.name, **columns}
    for each in root.all("fieldPermissions"):
        object_name, _, name = each.get("field").partition(".")
        sobject = draft.schema.object(object_name)
        field = sobject.field(name) if sobject else None
        if sobject is not None and field is not None and each.is_true("readable"):
            granted = {"PermissionsRead": True, "PermissionsEdit": each.is_true("editable")}
            yield "FieldPermissions", {"SobjectType": sobject.name, "Field": f"{sobject.name}.{field.name}", **granted}
    for tag, (member, kind) in SETUP_ENTITIES.items():
        for each in root.all(tag):
            entity = draft.find(kind, each.get(member))
            if entity is not None and (each.is_true("enabled") or each.is_true("visible")):
                yield "SetupEntityAccess", {"SetupEntityId": entity["id"], "SetupEntityType": kind}
