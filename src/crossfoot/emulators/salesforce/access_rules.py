"""What the rows of access are checked for when they are written over REST (SF 8.4)."""

from __future__ import annotations

from crossfoot.emulators.salesforce import permissions
from crossfoot.emulators.salesforce.errors import field_error
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.world import Row


def before_assignment(tx: Transaction, _old: Row | None, row: Row, _given: frozenset[str]) -> None:
    """A user has a permission set once, and a profile's own set only through the profile."""
    for each in tx.world.rows.get("PermissionSetAssignment", {}).values():
        same = all(each[name] == row.get(name) for name in ("AssigneeId", "PermissionSetId"))
        if same and each["Id"] != row["Id"]:
            shown = f"duplicate value found: PermissionSetId duplicates value on record with id: {each['Id']}"
            raise field_error("DUPLICATE_VALUE", shown, "PermissionSetId", "AssigneeId")
    assigned = tx.world.live("PermissionSet", row.get("PermissionSetId"))
    if assigned is not None and assigned.get("IsOwnedByProfile"):
        shown = "A permission set that belongs to a profile cannot be assigned"
        raise field_error("FIELD_INTEGRITY_EXCEPTION", shown, "PermissionSetId")


def before_object_permissions(tx: Transaction, _old: Row | None, row: Row, _given: frozenset[str]) -> None:
    if tx.world.schema.object(str(row.get("SobjectType"))) is None:
        raise field_error("FIELD_INTEGRITY_EXCEPTION", f"no such object: {row.get('SobjectType')}", "SobjectType")


def before_field_permissions(tx: Transaction, old: Row | None, row: Row, given: frozenset[str]) -> None:
    """Only fields to which field-level security applies take a grant; editing needs reading."""
    before_object_permissions(tx, old, row, given)
    sobject = tx.world.object(str(row["SobjectType"]))
    owner, _, name = str(row.get("Field")).partition(".")
    field = sobject.field(name) if owner.lower() == sobject.name.lower() else None
    if field is None or not permissions.permissionable(sobject, field):
        raise field_error("FIELD_INTEGRITY_EXCEPTION", f"Field Name: bad value for field: {row.get('Field')}", "Field")
    if row.get("PermissionsEdit") and not row.get("PermissionsRead"):
        shown = f"Permission Edit {row['Field']} depends on permission(s): Read {row['Field']}"
        raise field_error("FIELD_INTEGRITY_EXCEPTION", shown, "PermissionsEdit")
