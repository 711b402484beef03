"""Record types: which a record may have, and the picklist values that each allows (SF 6.1, 6.13)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.errors import field_error
from crossfoot.emulators.salesforce.schema import SObject
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.world import Row

VALUES = "_values"  # a record type's own member: picklist field -> the values that it has there


def check(tx: Transaction, sobject: SObject, row: Row, given: frozenset[str]) -> None:
    """Refuse a record type of another object, and values that the record's type does not have."""
    type_id = row.get("RecordTypeId")
    if type_id is None or not given:
        return
    kind = tx.world.live("RecordType", type_id)
    if "RecordTypeId" in given and (kind is None or kind["SobjectType"] != sobject.name or not kind.get("IsActive")):
        shown = f"Record Type ID: this ID value isn't valid for the user: {type_id}"
        raise field_error("INVALID_CROSS_REFERENCE_KEY", shown, "RecordTypeId")
    for name, values in ((kind or {}).get(VALUES) or {}).items():
        field, value = sobject.field(name), row.get(name)
        if field is not None and field.name in given and value is not None and value not in values:
            shown = f"{field.label or field.name}: bad value for restricted picklist field: {value}"
            raise field_error("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", shown, field.name)
