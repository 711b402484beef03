"""Rules that an org keeps as rows have to make sense themselves (SF 6.13)."""

from __future__ import annotations

from crossfoot.emulators.salesforce import validation_rules
from crossfoot.emulators.salesforce.errors import field_error
from crossfoot.emulators.salesforce.schema import SObject
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.world import Row


def before_validation_rule(tx: Transaction, _old: Row | None, row: Row, _given: frozenset[str]) -> None:
    validation_rules.check_condition(tx, _target(tx, row, "EntityDefinition"), row)


def before_duplicate_rule(tx: Transaction, _old: Row | None, row: Row, _given: frozenset[str]) -> None:
    target = _target(tx, row, "SobjectType")
    for name in match_fields(row):
        if target.field(name) is None:
            raise field_error("FIELD_INTEGRITY_EXCEPTION", f"no such field: {target.name}.{name}", "MatchFields")


def match_fields(rule: Row) -> list[str]:
    return [each.strip() for each in str(rule.get("MatchFields") or "").split(",") if each.strip()]


def _target(tx: Transaction, row: Row, name: str) -> SObject:
    target = tx.world.schema.object(str(row.get(name)))
    if target is None:
        raise field_error("FIELD_INTEGRITY_EXCEPTION", f"no such object: {row.get(name)}", name)
    return target
