"""What a user may see and do: the sum of the profile's and the assigned permission sets' grants (SF 2.4, 8.4).

A user's grants are resolved once into a schema that holds only what that user sees, each field and object as writable
as it is for that user. Describe, SOQL and the writing of records all read that schema, so no row is looked at for
access. A ``person`` is the emulator's own way behind the API and sees everything.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from crossfoot.emulators.salesforce import unseen
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.schema import Field, Schema, SObject
from crossfoot.emulators.salesforce.setup_objects import OBJECT_PERMISSIONS, USER_PERMISSIONS
from crossfoot.emulators.salesforce.transaction import Caller
from crossfoot.emulators.salesforce.world import Row, World

STANDARD = "_standard"  # a row's own member: the set grants the standard objects with all their fields
UNPERMISSIONED_FIELDS = frozenset(
    {"name", "ownerid", "currencyisocode", "recordtypeid", "isdeleted", "isclosed", "iswon", "hasopportunitylineitem"}
)
# Objects that take no grant of their own: who may use the parent may use them (SF 8.4).
GOVERNED_BY = {
    "opportunitylineitem": "opportunity",
    "orderitem": "order",
    "pricebookentry": "pricebook2",
    "quotelineitem": "quote",
}
_NAME_PARTS = frozenset({"Salutation", "FirstName", "MiddleName", "LastName", "Suffix"})
_ADDRESS_PARTS = ("Street", "City", "State", "PostalCode", "Country")
SETUP_WRITERS = {
    "PermissionSetAssignment": "AssignPermissionSets",
    "PermissionSet": "ManageUsers",
    "ObjectPermissions": "ManageUsers",
    "FieldPermissions": "ManageUsers",
    "SetupEntityAccess": "ManageUsers",
    "User": "ManageUsers",
}
_EVERYTHING = frozenset(OBJECT_PERMISSIONS)
_READING = frozenset({"allowRead", "viewAllRecords"})


@dataclasses.dataclass(frozen=True, slots=True)
class Access:
    """The sum of one user's grants. Object and field names are folded: ``account``, ``account.site``."""

    standard: bool
    permissions: frozenset[str]
    objects: Mapping[str, frozenset[str]]
    readable: frozenset[str]
    editable: frozenset[str]
    custom: frozenset[str]  # custom permissions, folded

    def on(self, sobject: SObject) -> frozenset[str]:
        """The elements of objectPermissions that this user has on an object."""
        if self.standard and not sobject.custom:
            return _EVERYTHING
        granted = self.objects.get(GOVERNED_BY.get(sobject.name.lower(), sobject.name.lower()), frozenset())
        if sobject.name.lower() in GOVERNED_BY and "allowEdit" in granted:
            granted = _EVERYTHING
        if "ModifyAllData" in self.permissions:
            return _EVERYTHING
        return granted | _READING if "ViewAllData" in self.permissions else granted


_ALL = Access(True, frozenset(USER_PERMISSIONS), {}, frozenset(), frozenset(), frozenset())


def permissionable(sobject: SObject, field: Field) -> bool:
    """Whether field-level security applies: not to system, required and master-detail fields, nor to those of platform
    events, nor to the parts of a person's name, which are its Name (SF 5.5, 8.4)."""
    system = not (field.createable or field.updateable or field.custom or field.formula)
    return not (
        system
        or (field.name in _NAME_PARTS and sobject.field("LastName") is not None)
        or address_of(sobject, field) is not None
        or sobject.setup
        or sobject.platform_event
        or field.required
        or field.name.lower() in UNPERMISSIONED_FIELDS
    )


def address_of(sobject: SObject, field: Field) -> Field | None:
    """The compound address that a field is a part of: its grant is theirs (SF 8.4)."""
    for part in _ADDRESS_PARTS:
        found = sobject.field(f"{field.name.removesuffix(part)}Address") if field.name.endswith(part) else None
        if found is not None and found.type == "address":
            return found
    return None


def seen(world: World, caller: Caller) -> World:
    """The org as the caller sees it: the rows that are shown to it, behind the schema of what is visible."""
    if caller.person:
        return world
    schema = schema_of(world, caller.user_id)
    if schema is world.schema and not world.unseen:
        return world
    view = copy.copy(world)
    view.schema = schema
    view.compiled = world.compiled.setdefault(f"compiled {caller.user_id}", {})
    if world.unseen:
        view.rows = unseen.shown_rows(world)
    return view


def holds(world: World, user_id: str, permission: str) -> bool:
    """Whether a user holds a user permission, such as ``ViewSetup``."""
    return permission in access_of(world, user_id).permissions


def require(world: World, caller: Caller, permission: str) -> None:
    """Refuse what needs a user permission that the caller lacks."""
    if not caller.person and not holds(world, caller.user_id, permission):
        message = f"You do not have the level of access necessary to perform this operation: {permission}"
        raise ApiError("INSUFFICIENT_ACCESS", message, status=403)


def require_write(world: World, caller: Caller, sobject: SObject, flag: str) -> None:
    """Refuse a write that the object would take, though not from this caller. ``flag`` is of SObject: createable."""
    if not caller.person and not getattr(seen(world, caller).object(sobject.name), flag):
        raise ApiError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", fields=[])


def access_of(world: World, user_id: str) -> Access:
    """A user's grants, resolved again whenever a row of them changes."""
    known: dict[str, Access] = world.compiled.setdefault("access", {})
    if user_id not in known:
        known[user_id] = _ALL if _unkept(world) else _sum_of(world, list(_sets_of(world, user_id)))
    return known[user_id]


def schema_of(world: World, user_id: str) -> Schema:
    """The schema that a user sees; the org's own when nothing is kept from that user."""
    known: dict[str, Schema] = world.compiled.setdefault("seen", {})
    if user_id not in known:
        everything = _unkept(world)
        known[user_id] = world.schema if everything else _visible(world.schema, access_of(world, user_id))
    return known[user_id]


def _unkept(world: World) -> bool:
    """Whether the org's state is from before permission sets were kept: then everybody sees everything."""
    return not world.rows.get("PermissionSet")


def _sets_of(world: World, user_id: str) -> Iterable[Row]:
    profile = (world.live("User", user_id) or {}).get("ProfileId")
    assigned = {
        each["PermissionSetId"]
        for each in world.rows.get("PermissionSetAssignment", {}).values()
        if each["AssigneeId"] == user_id
    }
    for row in world.rows.get("PermissionSet", {}).values():
        owned = row.get("IsOwnedByProfile") and row.get("ProfileId") == profile
        if owned or row["Id"] in assigned:
            yield row


def _sum_of(world: World, sets: list[Row]) -> Access:
    ids = {row["Id"] for row in sets}
    objects: dict[str, frozenset[str]] = {}
    for row in world.rows.get("ObjectPermissions", {}).values():
        if row["ParentId"] in ids:
            name = row["SobjectType"].lower()
            given = {element for element, (column, _) in OBJECT_PERMISSIONS.items() if row.get(column)}
            objects[name] = objects.get(name, frozenset()) | given
    fields = [row for row in world.rows.get("FieldPermissions", {}).values() if row["ParentId"] in ids]
    return Access(
        standard=any(row.get(STANDARD) for row in sets),
        permissions=frozenset(name for name in USER_PERMISSIONS if any(row.get(f"Permissions{name}") for row in sets)),
        objects=objects,
        readable=frozenset(row["Field"].lower() for row in fields if row.get("PermissionsRead")),
        editable=frozenset(row["Field"].lower() for row in fields if row.get("PermissionsEdit")),
        custom=frozenset(_custom_permissions(world, ids)),
    )


def _custom_permissions(world: World, ids: set[str]) -> Iterable[str]:
    for row in world.rows.get("SetupEntityAccess", {}).values():
        found = world.row("CustomPermission", row["SetupEntityId"])
        if row["ParentId"] in ids and found is not None:
            yield str(found["DeveloperName"]).lower()


def _visible(schema: Schema, access: Access) -> Schema:
    kept = {each.name: _object(each, access) for each in schema.objects.values()}
    names = frozenset(name for name, each in kept.items() if each is not None)
    seen_objects = [_reachable(each, names) for each in kept.values() if each is not None]
    same = len(seen_objects) == len(kept) and all(
        one is other for one, other in zip(seen_objects, schema.objects.values(), strict=True)
    )
    return schema if same else Schema(seen_objects)


def _object(sobject: SObject, access: Access) -> SObject | None:
    """An object as a user sees it; None when not at all."""
    if sobject.setup:
        writer = SETUP_WRITERS.get(sobject.name, "CustomizeApplication")
        allowed = _EVERYTHING if writer in access.permissions else _READING
    else:
        allowed = access.on(sobject)
    if "allowRead" not in allowed:
        return None
    made: SObject = _changed(
        sobject,
        createable=sobject.createable and "allowCreate" in allowed,
        updateable=sobject.updateable and "allowEdit" in allowed,
        deletable=sobject.deletable and "allowDelete" in allowed,
        fields=_fields(sobject, access),
    )
    return made


def _fields(sobject: SObject, access: Access) -> tuple[Field, ...]:
    made = []
    for field in sobject.fields:
        granting = address_of(sobject, field) or field
        name = f"{sobject.name}.{granting.name}".lower()
        if not permissionable(sobject, granting) or (access.standard and not field.custom) or name in access.editable:
            made.append(field)
        elif name in access.readable:
            made.append(_changed(field, createable=False, updateable=False))
    return sobject.fields if len(made) == len(sobject.fields) and _identical(made, sobject.fields) else tuple(made)


def _reachable(sobject: SObject, names: frozenset[str]) -> SObject:
    """Without relationships to objects that the user does not see."""
    if all(names.issuperset(each.reference_to) for each in sobject.fields):
        return sobject
    fields = []
    for each in sobject.fields:
        targets = tuple(name for name in each.reference_to if name in names)
        fields.append(_changed(each, reference_to=targets, relationship=each.relationship if targets else None))
    return dataclasses.replace(sobject, fields=tuple(fields))


def _identical(some: Iterable[object], others: Iterable[object]) -> bool:
    return all(one is other for one, other in zip(some, others, strict=True))


def _changed(declared: Any, **values: Any) -> Any:
    """A declaration with other values: the very same object when nothing differs, which keeps schemas shared."""
    if all(getattr(declared, name) is value or getattr(declared, name) == value for name, value in values.items()):
        return declared
    return dataclasses.replace(declared, **values)
