"""An org's validation rules: conditions over the record as it would be, in the vendor's formula language or in SOQL.

A deployed rule is a formula (SF 8.4). One that was set through the control plane is a SOQL condition, which needs no
deployment and reads like the queries beside it.
"""

from __future__ import annotations

from collections.abc import Callable

from crossfoot.emulators.salesforce import permissions
from crossfoot.emulators.salesforce.errors import field_error
from crossfoot.emulators.salesforce.expressions import Evaluate, Moment, compile_expression
from crossfoot.emulators.salesforce.formulas import reader
from crossfoot.emulators.salesforce.schema import SObject
from crossfoot.emulators.salesforce.soql.evaluate import compile_condition
from crossfoot.emulators.salesforce.soql.parser import parse_condition
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.world import Row

FORMULA = "_formula"  # a rule's own member: the very condition that was deployed as a formula


def check_validation_rules(tx: Transaction, sobject: SObject, row: Row) -> None:
    """Refuse the save when an active rule's condition holds of the record as it would be."""
    for rule in tx.world.rows.get("ValidationRule", {}).values():
        if not rule.get("Active") or rule["EntityDefinition"].lower() != sobject.name.lower():
            continue
        if _holds(tx, sobject, rule)(row):
            shown_at = rule.get("ErrorDisplayField")
            raise field_error(
                "FIELD_CUSTOM_VALIDATION_EXCEPTION", rule["ErrorMessage"], *([shown_at] if shown_at else [])
            )


def is_formula(rule: Row) -> bool:
    return rule.get(FORMULA) is not None and rule.get(FORMULA) == rule.get("ErrorConditionFormula")


def check_condition(tx: Transaction, sobject: SObject, rule: Row) -> None:
    """Refuse a rule whose condition does not compile."""
    if rule.get("ErrorConditionFormula") and not is_formula(rule):
        compile_condition(tx.world, sobject, parse_condition(rule["ErrorConditionFormula"]), tx.now)


def _holds(tx: Transaction, sobject: SObject, rule: Row) -> Callable[[Row], bool]:
    return _formula(tx, sobject, rule) if is_formula(rule) else _condition(tx, sobject, rule["ErrorConditionFormula"])


def _formula(tx: Transaction, sobject: SObject, rule: Row) -> Callable[[Row], bool]:
    key = f"formula {sobject.name} {rule[FORMULA]}"
    if key not in tx.world.compiled:
        tx.world.compiled[key] = compile_expression(tx.world.whole, sobject, rule[FORMULA], saving=True)
    evaluate: Evaluate = tx.world.compiled[key]
    held = permissions.access_of(tx.world, tx.caller.user_id).custom

    def holds(row: Row) -> bool:
        moment = Moment(tx.world, reader, held, tx.now, tx.world.row(sobject.name, row["Id"]), tx.caller.user_id)
        try:
            return bool(evaluate(moment, row))
        except (ArithmeticError, TypeError, ValueError):
            return False

    return holds


def _condition(tx: Transaction, sobject: SObject, condition: str) -> Callable[[Row], bool]:
    """The compiled condition, kept for the second in which it was compiled: date literals move with the clock."""
    key = f"rule {sobject.name} {condition}"
    instant, predicate = tx.world.compiled.get(key, (None, None))
    if instant != tx.now:
        predicate = compile_condition(tx.world, sobject, parse_condition(condition), tx.now)
        tx.world.compiled[key] = (tx.now, predicate)
    found: Callable[[Row], bool] = predicate
    return found
