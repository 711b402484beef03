"""Creating, changing and deleting records by the platform's order of work (SF 2.5, 6.1).

Read the payload, apply defaults and the object's own rules, check what is required, referenced and unique, ask the
validation rules, write, then roll up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from crossfoot.emulators.salesforce import permissions, rules
from crossfoot.emulators.salesforce.errors import ApiError, field_error
from crossfoot.emulators.salesforce.ids import to_18
from crossfoot.emulators.salesforce.schema import Field, SObject
from crossfoot.emulators.salesforce.standard import AUDIT_FIELDS
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.validation_rules import check_validation_rules
from crossfoot.emulators.salesforce.values import to_stored
from crossfoot.emulators.salesforce.world import Row, World

INSERT, UPDATE = "insert", "update"


def insert(tx: Transaction, sobject: SObject, payload: Mapping[str, Any]) -> str:
    """Create a record and return its id. What its object and fields allow is what they allow this caller (SF 8.4)."""
    sobject = _writable_object(tx, sobject, "createable", "insert")
    given = read_payload(tx, sobject, payload, INSERT)
    row = _defaults(tx, sobject) | given
    row["Id"] = tx.world.next_id(sobject.key_prefix)
    tx.lock(None)
    _save(tx, sobject, None, row, frozenset(given))
    return str(row["Id"])


def update(tx: Transaction, sobject: SObject, record_id: str, payload: Mapping[str, Any]) -> None:
    """Change the fields that the payload names; null clears, absent fields stay (SF 2.5)."""
    sobject = _writable_object(tx, sobject, "updateable", "update")
    old = _own(tx, sobject, record_id)
    given = read_payload(tx, sobject, payload, UPDATE)
    _save(tx, sobject, old, old | given, frozenset(given))


def upsert(
    tx: Transaction, sobject: SObject, key: Field, value: Any, payload: Mapping[str, Any], *, update_only: bool = False
) -> tuple[str, bool]:
    """Create or update by a key field: the id, and whether it was created. Deleted rows do not match (SF 2.5).

    Where the key is the id itself, a row without one is created.
    """
    if key.type == "id":
        if value:
            update(tx, sobject, id_of_item(value), payload)
            return id_of_item(value), False
        return insert(tx, sobject, payload), True
    folded = {name.lower() for name in payload}
    if key.name.lower() in folded:
        raise field_error(
            "INVALID_FIELD", f"The {key.name} field should not be specified in the sobject data.", key.name
        )
    stored = to_stored(key, str(value) if isinstance(value, int) else value)
    if stored is None:
        raise field_error("MISSING_ARGUMENT", f"{key.name} not specified", key.name)
    matches = [each for each in find_by_key(tx.world, sobject, key, stored) if tx.sees(each)]
    if len(matches) > 1:
        message = f"{key.name}: more than one record found for external id field: {matches}"
        raise ApiError("DUPLICATE_EXTERNAL_ID", message, status=300)
    if matches:
        update(tx, sobject, matches[0], payload)
        return matches[0], False
    if update_only:
        raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
    return insert(tx, sobject, {**payload, key.name: value}), True


def delete(tx: Transaction, sobject: SObject, record_id: str) -> None:
    """Delete a record with what hangs on it: cascade, clear, or refuse, as each reference declares."""
    sobject = _writable_object(tx, sobject, "deletable", "delete")
    row = _own(tx, sobject, record_id)
    rules.before_delete(tx, sobject, row)
    _bury(tx, sobject, row, None)
    rules.after_save(tx, sobject, row, None)


def _bury(tx: Transaction, sobject: SObject, row: Row, deleted_with: str | None) -> None:
    for child, reference in tx.world.schema.children(sobject.name):
        for child_id in tx.world.index.find(child.name, reference.name, row["Id"]) if reference.indexed else ():
            dependent = tx.world.live(child.name, child_id)
            if dependent is None:
                continue
            if reference.on_delete == "Restrict":
                name = row.get("Name", row["Id"])
                message = f"Your attempt to delete {name} could not be completed: it is associated with {child_id}"
                raise ApiError("DELETE_FAILED", message, fields=[])
            if reference.on_delete == "Cascade":
                _bury(tx, child, dependent, row["Id"])
            else:
                tx.change(child, child_id, **{reference.name: None})
    current = tx.world.row(sobject.name, row["Id"])
    tx.bury(sobject, current or row, deleted_with=deleted_with)


def erase(tx: Transaction, sobject: SObject, record_id: str) -> None:
    """Take a deleted record, and what was deleted with it, out of the recycle bin for good (SF 7 item 6)."""
    for child, reference in tx.world.schema.children(sobject.name):
        for child_id in tx.world.index.find(child.name, reference.name, record_id) if reference.indexed else ():
            if tx.world.rows[child.name][child_id].get("_deleted_with") == record_id:
                erase(tx, child, child_id)
    if tx.world.row(sobject.name, record_id) is not None:
        tx.erase(sobject, record_id)


def undelete(tx: Transaction, sobject: SObject, record_id: str) -> None:
    """Take a record and what was deleted with it out of the recycle bin (SF 7 item 6)."""
    row = tx.world.row(sobject.name, record_id)
    if row is None or not row["IsDeleted"]:
        raise not_in_bin()
    restored = row | {"IsDeleted": False, "_deleted_with": None}
    _check_unique(tx, sobject, restored)
    tx.write(sobject, restored, kind="UNDELETE")
    for child, reference in tx.world.schema.children(sobject.name):
        for child_id in tx.world.index.find(child.name, reference.name, record_id):
            if tx.world.rows[child.name][child_id].get("_deleted_with") == record_id:
                undelete(tx, child, child_id)


def not_in_bin() -> ApiError:
    return ApiError("UNDELETE_FAILED", "Entity is not in the recycle bin", fields=[])


def merge(tx: Transaction, sobject: SObject, winner_id: str, loser_ids: list[str]) -> None:
    """Merge: losers go to the bin with MasterRecordId, their children move, the winner is stamped (SF 7 item 7)."""
    if not sobject.mergeable or not 1 <= len(loser_ids) <= 2:
        raise ApiError(
            "INVALID_OPERATION", "one or two records of a mergeable object can be merged into another", fields=[]
        )
    winner = find(tx.world, sobject, winner_id)
    for loser_id in loser_ids:
        loser = find(tx.world, sobject, loser_id)
        if bool(loser.get("IsPersonAccount")) is not bool(winner.get("IsPersonAccount")):
            raise ApiError("INVALID_OPERATION", "a person account is not merged with a business account", fields=[])
        for child, reference in tx.world.schema.children(sobject.name):
            for child_id in tx.world.index.find(child.name, reference.name, loser["Id"]):
                if tx.world.live(child.name, child_id) is not None:
                    tx.change(child, child_id, **{reference.name: winner["Id"]})
        tx.bury(sobject, loser | {"MasterRecordId": winner["Id"]})
    tx.write(sobject, dict(tx.world.rows[sobject.name][winner["Id"]]), kind="UPDATE")


def _own(tx: Transaction, sobject: SObject, record_id: str) -> Row:
    """The live record that the caller is to change, once nobody else holds it."""
    row = find(tx.world, sobject, record_id)
    if not tx.sees(row["Id"]):
        raise ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[])
    tx.lock(row["Id"])
    return row


def find(world: World, sobject: SObject, record_id: str) -> Row:
    """The live record of an id in either form, or the platform's refusal."""
    full = to_18(record_id)
    if full is None:
        raise ApiError(
            "NOT_FOUND", "Provided external ID field does not exist or is not accessible: " + record_id, status=404
        )
    row = world.row(sobject.name, full)
    if row is None:
        known = any(each["id"] == full for each in world.deletions)
        if known:
            raise ApiError("ENTITY_IS_DELETED", "entity is deleted", status=404, fields=[])
        raise ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[])
    if row["IsDeleted"]:
        raise ApiError("ENTITY_IS_DELETED", "entity is deleted", status=404, fields=[])
    return row


def find_by_key(world: World, sobject: SObject, key: Field, stored: Any) -> list[str]:
    return [
        each for each in world.index.find(sobject.name, key.name, key.fold(stored)) if world.live(sobject.name, each)
    ]


def upsert_key(sobject: SObject, name: str, *, ids: bool = False) -> Field:
    """The field by which records may be found or upserted, or 404; ``ids`` where that may be Id (SF 2.5)."""
    key = sobject.field(name)
    if key is None or not (key.upsert_key or (ids and key.type == "id")):
        raise ApiError(
            "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {name}", status=404
        )
    return key


def id_of_item(value: object) -> str:
    """The id that one record of many gives for itself."""
    if value is None or value == "":
        raise field_error("MISSING_ARGUMENT", "Id not specified in an update call")
    record_id = to_18(value)
    if record_id is None:
        raise field_error("MALFORMED_ID", f"malformed id {value}")
    return record_id


def keys_given_twice(key: Field, values: Iterable[object]) -> frozenset[object]:
    """The folded keys that several records of one request share: none of those is saved (SF 2.7)."""
    counts = Counter(key.fold(str(each).strip()) for each in values if each is not None)
    return frozenset(folded for folded, count in counts.items() if count > 1)


def check_once(key: Field, value: object, twice: frozenset[object]) -> None:
    """Refuse a record whose key another one of the same request has too."""
    if value is not None and key.fold(str(value).strip()) in twice:
        raise field_error("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", key.name)


def read_payload(tx: Transaction, sobject: SObject, payload: Mapping[str, Any], operation: str) -> Row:
    """The payload as stored values under canonical names; every unknown or read-only field is refused."""
    given: Row = {}
    refused = []
    seen = permissions.seen(tx.world, tx.caller)
    sobject = seen.object(sobject.name)
    for name, value in payload.items():
        if name.lower() == "attributes":
            continue
        field = sobject.field(name)
        if field is None or (field.name == "CurrencyIsoCode" and not tx.world.multi_currency):
            parent = sobject.parent(name)
            if parent is None:
                raise _no_such_column(sobject, name)
            given[parent.name] = _by_external_id(tx, seen, parent, value)
        elif not _writable(tx, field, operation):
            refused.append(field.name)
        else:
            given[field.name] = to_stored(field, value)
    if refused:
        message = (
            f"Unable to create/update fields: {', '.join(refused)}. Please check the security settings of this field "
            "and verify that it is read/write for your profile or permission set."
        )
        raise field_error("INVALID_FIELD_FOR_INSERT_UPDATE", message, *refused)
    return given


def _writable(tx: Transaction, field: Field, operation: str) -> bool:
    if operation == INSERT:
        return field.createable or (tx.caller.person and field.name in AUDIT_FIELDS)
    return field.updateable


def _by_external_id(tx: Transaction, seen: World, reference: Field, value: Any) -> str:
    """The id behind ``{"Account": {"Key__c": "x"}}``; attributes.type tells which object where several fit (SF 2.5).

    As with uniqueness, a row that a long transaction has not committed yet counts: the look-up waits for it.
    """
    parent = seen.object(_referred_to(reference, value))
    names = [name for name in value if name.lower() != "attributes"] if isinstance(value, Mapping) else []
    key = parent.field(names[0]) if len(names) == 1 else None
    if key is None or not (key.upsert_key or key.type == "id"):
        raise ApiError(
            "INVALID_FIELD",
            f"{reference.relationship}: needs exactly one external ID field of {parent.name}",
            fields=[],
        )
    stored = to_stored(key, value[names[0]])
    matches = [stored] if key.type == "id" else find_by_key(tx.world, parent, key, stored)
    if len(matches) != 1 or not (key.type == "id" or tx.sees(matches[0])):
        message = f"Foreign key external ID: {stored} not found for field {key.name} in entity {parent.name}"
        raise ApiError("INVALID_FIELD", message, fields=[])
    return str(matches[0])


def _referred_to(reference: Field, value: Any) -> str:
    attributes = value.get("attributes") if isinstance(value, Mapping) else None
    kind = str(attributes.get("type") or "") if isinstance(attributes, Mapping) else ""
    found = next((name for name in reference.reference_to if name.lower() == kind.lower()), None)
    if found is None and (kind or len(reference.reference_to) > 1):
        message = f"{reference.relationship}: attributes.type must be one of {', '.join(reference.reference_to)}"
        raise ApiError("INVALID_FIELD", message, fields=[])
    return found or reference.reference_to[0]


def _defaults(tx: Transaction, sobject: SObject) -> Row:
    row: Row = {}
    for field in sobject.fields:
        if field.autonumber:
            row[field.name] = _autonumber(tx.world, sobject, field)
        elif field.name == "OwnerId":
            row[field.name] = tx.caller.user_id
        elif field.name == "CurrencyIsoCode" and tx.world.multi_currency:
            row[field.name] = tx.world.settings["corporate_currency"]
        elif field.default is not None and field.formula is None:
            row[field.name] = field.default
    return row


def _autonumber(world: World, sobject: SObject, field: Field) -> str:
    """``D-{00000}`` and 42 make D-00042; a number that a refused save was given is not given again."""
    before, _, rest = str(field.autonumber).partition("{")
    zeros, _, after = rest.partition("}")
    return f"{before}{world.next_number(f'{sobject.name}.{field.name}'):0{len(zeros)}d}{after}"


def _save(tx: Transaction, sobject: SObject, old: Row | None, row: Row, given: frozenset[str]) -> None:
    if row.get("OwnerId") is None and sobject.field("OwnerId"):
        row["OwnerId"] = tx.caller.user_id
    rules.before_save(tx, sobject, old, row, given)
    missing = [each.name for each in sobject.fields if each.required and row.get(each.name) is None]
    if missing:
        raise field_error("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", *missing)
    _check_references(tx, sobject, old, row, given)
    _check_unique(tx, sobject, row)
    check_validation_rules(tx, sobject, row)
    rules.before_write(tx, sobject, old, row, given)
    tx.write(sobject, {name: value for name, value in row.items() if value is not None})
    rules.after_save(tx, sobject, old, row)


def _check_references(tx: Transaction, sobject: SObject, old: Row | None, row: Row, given: frozenset[str]) -> None:
    world = tx.world
    for field in sobject.fields:
        value = row.get(field.name)
        if field.type != "reference" or value is None or field.name not in given:
            continue
        target = next((found for name in field.reference_to if (found := world.row(name, value)) is not None), None)
        if target is None:
            known = world.schema.by_prefix.get(value[:3])
            if known is not None and known.name not in field.reference_to:
                shown = f"{field.label or field.name}: id value of incorrect type: {value}"
                raise field_error("FIELD_INTEGRITY_EXCEPTION", shown, field.name)
            raise field_error("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", field.name)
        if target["IsDeleted"]:
            raise field_error("ENTITY_IS_DELETED", "entity is deleted", field.name)
        if not tx.sees(value) and (old is None or old.get(field.name) != value):
            shown = f"insufficient access rights on cross-reference id: {value}"
            raise ApiError("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", shown, fields=[])
        if field.name == "OwnerId" and not target.get("IsActive", True):
            raise field_error("INACTIVE_OWNER_OR_USER", "operation performed with inactive user", field.name)
    code = row.get("CurrencyIsoCode")
    if "CurrencyIsoCode" in given and code is not None:
        active = {each["IsoCode"] for each in world.rows.get("CurrencyType", {}).values() if each.get("IsActive")}
        if code not in active:
            raise field_error(
                "INVALID_CURRENCY_ISO", f"Currency ISO Code: invalid currency code: {code}", "CurrencyIsoCode"
            )


def _check_unique(tx: Transaction, sobject: SObject, row: Row) -> None:
    for field in sobject.fields:
        if field.unique and row.get(field.name) is not None:
            for other in find_by_key(tx.world, sobject, field, row[field.name]):
                if other != row["Id"]:
                    message = f"duplicate value found: {field.name} duplicates value on record with id: {other}"
                    raise field_error("DUPLICATE_VALUE", message, field.name)


def _writable_object(tx: Transaction, sobject: SObject, flag: str, operation: str) -> SObject:
    """The object with all its fields, once it is known that it, and then this caller, may do the operation."""
    whole = tx.world.object(sobject.name)
    if not getattr(whole, flag):
        raise _not_allowed(whole, operation)
    permissions.require_write(tx.world, tx.caller, whole, flag)
    return whole


def _no_such_column(sobject: SObject, name: str) -> ApiError:
    return ApiError("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")


def _not_allowed(sobject: SObject, operation: str) -> ApiError:
    message = f"entity type {sobject.name} does not support {operation}"
    return ApiError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, fields=[])
