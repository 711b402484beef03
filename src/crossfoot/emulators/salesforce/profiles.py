"""What the users of a new org are granted: by their profiles, and by the package's permission set (SF 1.6, 8.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from crossfoot.emulators.salesforce import package, permissions
from crossfoot.emulators.salesforce.schema import SObject
from crossfoot.emulators.salesforce.setup_objects import OBJECT_PERMISSIONS, USER_PERMISSIONS
from crossfoot.emulators.salesforce.world import Row, World

Add = Callable[..., Row]

API_ONLY = "Minimum Access - API Only Integrations"
_PROFILES: Mapping[str, tuple[str, ...]] = {
    "System Administrator": tuple(each for each in USER_PERMISSIONS if each != "BulkApiHardDelete"),
    "Standard User": ("ApiEnabled", "RunFlow", "RunReports", "ViewSetup"),
    API_ONLY: ("ApiEnabled",),
}
_PACKAGE_SET = {"Name": "Crossfoot_Org", "Label": "Crossfoot", "Type": "Regular", "IsCustom": True}
_PACKAGE_PERMISSIONS = ("ApiEnabled", "EditActivatedOrders", "ViewSetup")


def grant_access(world: World, users: Mapping[str, Row], add: Add) -> None:
    """Found the org's permission sets: one behind each profile, and the package's where it is installed.

    Profiles see the standard objects whole, and of the org's own fields those of the business itself. The API-only
    profile sees nothing: permission sets have to give it what it needs.
    """
    creator = users["admin"]["Id"]
    for number, profile in enumerate(list(world.rows["Profile"].values()), start=1):
        named = {"Name": f"X00ex{number:012d}", "Label": profile["Name"], "Type": "Profile", "IsCustom": False}
        owned = {"IsOwnedByProfile": True, "ProfileId": profile["Id"], **_flags(_PROFILES[profile["Name"]])}
        row = add(world, "PermissionSet", creator, **named, **owned)
        if profile["Name"] != API_ONLY:
            _grant(world, row, package.declarations(installed=False), add)
    if world.settings["package"]:
        row = add(world, "PermissionSet", creator, **_PACKAGE_SET, **_flags(_PACKAGE_PERMISSIONS))
        _grant(world, row, package.declarations(installed=True), add)
        for role in ("integration", "admin"):
            assigned = {"AssigneeId": users[role]["Id"], "PermissionSetId": row["Id"]}
            add(world, "PermissionSetAssignment", creator, **assigned)


def _flags(names: Iterable[str]) -> dict[str, bool]:
    return {f"Permissions{name}": True for name in names}


def _grant(world: World, parent: Row, declared: Iterable[SObject], add: Add) -> None:
    """The standard objects, and row by row what the org declares."""
    parent[permissions.STANDARD] = True
    creator = parent["CreatedById"]
    for each in declared:
        sobject = world.schema.object(each.name)
        if sobject is None:
            continue  # a standard object that the org does not have
        on = {"ParentId": parent["Id"], "SobjectType": sobject.name}
        if sobject.custom:
            add(
                world, "ObjectPermissions", creator, **on, **{column: True for column, _ in OBJECT_PERMISSIONS.values()}
            )
        for field in each.fields:
            if field.custom and permissions.permissionable(sobject, field):
                granted = {"PermissionsRead": True, "PermissionsEdit": field.createable or field.updateable}
                add(world, "FieldPermissions", creator, **on, Field=f"{sobject.name}.{field.name}", **granted)
