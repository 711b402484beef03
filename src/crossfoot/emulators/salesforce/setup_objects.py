"""The objects in which an org keeps who may do what, as declarations (SF 8.4)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.schema import Field, SObject, checkbox, fixed, long_text, reference, system, text
from crossfoot.emulators.salesforce.standard import SYSTEM_FIELDS

# The user permissions that the emulator knows; each is a checkbox of PermissionSet, ``Permissions`` before its name.
USER_PERMISSIONS = (
    "ActivateOrder",
    "ApiEnabled",
    "AssignPermissionSets",
    "BulkApiHardDelete",
    "CreateAuditFields",
    "CustomizeApplication",
    "EditActivatedOrders",
    "ManageUsers",
    "ModifyAllData",
    "ModifyMetadata",
    "RunFlow",
    "RunReports",
    "ViewAllData",
    "ViewRoles",
    "ViewSetup",
)
# Element of objectPermissions in a permission set, field of ObjectPermissions, and what it depends on (SF 8.4).
OBJECT_PERMISSIONS = {
    "allowRead": ("PermissionsRead", ()),
    "allowCreate": ("PermissionsCreate", ("allowRead",)),
    "allowEdit": ("PermissionsEdit", ("allowRead",)),
    "allowDelete": ("PermissionsDelete", ("allowRead", "allowEdit")),
    "viewAllRecords": ("PermissionsViewAllRecords", ("allowRead",)),
    "modifyAllRecords": (
        "PermissionsModifyAllRecords",
        ("allowRead", "allowEdit", "allowDelete", "viewAllRecords"),
    ),
}


def _setup(name: str, key_prefix: str, *fields: Field, **flags: bool) -> SObject:
    return SObject(name, key_prefix, SYSTEM_FIELDS + fields, setup=True, recycled=False, **flags)  # type: ignore[arg-type]


def _part_of_set(children: str) -> Field:
    return fixed(reference("ParentId", "PermissionSet", children=children, required=True, on_delete="Cascade"))


PERMISSION_SET = _setup(
    "PermissionSet",
    "0PS",
    text("Name", 80, required=True, unique=True),
    text("Label", 80, required=True),
    text("Description"),
    text("NamespacePrefix", 15),
    text("Type", 40, default="Regular"),
    system(checkbox("IsCustom", True)),
    system(checkbox("IsOwnedByProfile")),
    checkbox("HasActivationRequired"),
    system(reference("ProfileId", "Profile")),
    *(checkbox(f"Permissions{name}") for name in USER_PERMISSIONS),
)
PERMISSION_SET_ASSIGNMENT = _setup(
    "PermissionSetAssignment",
    "0Pa",
    fixed(reference("AssigneeId", "User", children="PermissionSetAssignments", required=True)),
    fixed(reference("PermissionSetId", "PermissionSet", children="Assignments", required=True, on_delete="Cascade")),
    system(reference("PermissionSetGroupId", "PermissionSetGroup", children="Assignments")),
    updateable=False,
)
# Nothing makes groups of permission sets here; clients ask for them all the same.
PERMISSION_SET_GROUP = _setup(
    "PermissionSetGroup",
    "0PG",
    text("DeveloperName", 80, required=True, unique=True),
    text("MasterLabel", 80, required=True),
    text("Status", 40),
    createable=False,
    updateable=False,
    deletable=False,
)
OBJECT_PERMISSION = _setup(
    "ObjectPermissions",
    "110",
    _part_of_set("ObjectPerms"),
    fixed(text("SobjectType", 40, required=True, type="picklist")),
    *(checkbox(column) for column, _ in OBJECT_PERMISSIONS.values()),
)
FIELD_PERMISSION = _setup(
    "FieldPermissions",
    "01k",
    _part_of_set("FieldPerms"),
    fixed(text("SobjectType", 40, required=True, type="picklist")),
    fixed(text("Field", 120, required=True, type="picklist")),
    checkbox("PermissionsRead"),
    checkbox("PermissionsEdit"),
)
SETUP_ENTITY_ACCESS = _setup(
    "SetupEntityAccess",
    "0J0",
    _part_of_set("SetupEntityAccessItems"),
    fixed(text("SetupEntityId", 18, required=True)),
    system(text("SetupEntityType", 40, type="picklist")),
    updateable=False,
)
CUSTOM_PERMISSION = _setup(
    "CustomPermission",
    "0CP",
    text("DeveloperName", 80, required=True, unique=True),
    text("MasterLabel", 80, required=True),
    text("NamespacePrefix", 15),
    long_text("Description", 255),
    createable=False,
    updateable=False,
    deletable=False,
)

SETUP_OBJECTS = (
    PERMISSION_SET,
    PERMISSION_SET_ASSIGNMENT,
    PERMISSION_SET_GROUP,
    OBJECT_PERMISSION,
    FIELD_PERMISSION,
    SETUP_ENTITY_ACCESS,
    CUSTOM_PERMISSION,
)
