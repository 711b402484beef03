"""Duplicate rules: a save that looks like a known record is stopped, or passed when asked (SF 2.1, 2.3)."""

from __future__ import annotations

import re
from typing import Any

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.rules.definitions import match_fields
from crossfoot.emulators.salesforce.schema import Field, SObject
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.world import Row

MATCHES_MAX = 100


def check(tx: Transaction, sobject: SObject, old: Row | None, row: Row, given: frozenset[str]) -> None:
    """Ask each active rule of the object. A person has seen the warning and saves; nobody passes a rule that blocks."""
    for rule in tx.world.rows.get("DuplicateRule", {}).values():
        if not rule.get("IsActive") or rule["SobjectType"].lower() != sobject.name.lower():
            continue
        fields = [field for name in match_fields(rule) if (field := sobject.field(name)) is not None]
        allows = rule.get("ActionOnInsert" if old is None else "ActionOnUpdate") == "Allow"
        if old is not None and not given & {field.name for field in fields}:
            continue
        if allows and (tx.caller.person or _asked(tx, "allowSave")):
            continue
        found = _matches(tx, sobject, fields, row)
        if found:
            raise _detected(tx, sobject, rule, found, fields, allows=allows)


def _asked(tx: Transaction, option: str) -> bool:
    return re.search(rf"{option}\s*=\s*true", tx.duplicate_header, re.IGNORECASE) is not None


def _matches(tx: Transaction, sobject: SObject, fields: list[Field], row: Row) -> list[Row]:
    wanted = [field.fold(row.get(field.name)) for field in fields]
    if not fields or None in wanted:
        return []
    narrow = next((at for at, field in enumerate(fields) if field.indexed), None)
    table = tx.world.rows.get(sobject.name, {})
    ids = table if narrow is None else tx.world.index.find(sobject.name, fields[narrow].name, wanted[narrow])
    found = []
    for each in ids:
        other = tx.world.live(sobject.name, each)
        if other is None or other["Id"] == row["Id"]:
            continue
        if all(field.fold(other.get(field.name)) == value for field, value in zip(fields, wanted, strict=True)):
            found.append(other)
            if len(found) == MATCHES_MAX:
                break
    return found


def _detected(
    tx: Transaction, sobject: SObject, rule: Row, found: list[Row], fields: list[Field], *, allows: bool
) -> ApiError:
    """DUPLICATES_DETECTED, with what was found: ``allowSave`` says whether the header would let it pass."""
    shown = [field.name for field in fields] if _asked(tx, "includeRecordDetails") else []
    result: dict[str, Any] = {
        "allowSave": allows,
        "duplicateRule": rule["DeveloperName"],
        "duplicateRuleEntityType": sobject.name,
        "errorMessage": rule.get("ErrorMessage"),
        "matchResults": [
            {
                "entityType": sobject.name,
                "errors": [],
                "matchEngine": "ExactMatchEngine",
                "matchRecords": [_match(sobject, each, shown) for each in found],
                "rule": f"{rule['DeveloperName']}_Match",
                "size": len(found),
                "success": True,
            }
        ],
    }
    message = str(rule.get("ErrorMessage") or "Use one of these records?")
    return ApiError("DUPLICATES_DETECTED", message, fields=[], details={"duplicateResult": result})


def _match(sobject: SObject, row: Row, shown: list[str]) -> dict[str, Any]:
    url = f"/services/data/v68.0/sobjects/{sobject.name}/{row['Id']}"
    record = {"attributes": {"type": sobject.name, "url": url}, "Id": row["Id"]}
    record |= {name: row.get(name) for name in shown}
    return {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0, "record": record}
