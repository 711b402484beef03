"""Orders and contracts: drafted, then activated by their status alone, then held (SF 6.9, 6.10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from crossfoot.emulators.salesforce import permissions
from crossfoot.emulators.salesforce.errors import ApiError, field_error
from crossfoot.emulators.salesforce.formulas import FORMULAS, children_of
from crossfoot.emulators.salesforce.rules.refusals import integrity, locked, missing
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.world import Row

DRAFT, ACTIVATED = "Draft", "Activated"
EDIT_ACTIVATED = "EditActivatedOrders"


@dataclass(frozen=True, slots=True)
class Activated:
    """What activation needs of one kind of document. ``lines``: the object and the reference of what it must have."""

    name: str
    key_prefix: str
    permission: str | None = None
    lines: tuple[str, str] | None = None

    def code(self, tx: Transaction, row: Row | None) -> str | None:
        """The category of a row's status."""
        return tx.world.status_code(self.key_prefix, (row or {}).get("Status"))


ORDER = Activated("Order", "801", "ActivateOrder", ("OrderItem", "OrderId"))
CONTRACT = Activated("Contract", "800")


def before_activated(kind: Activated) -> Callable[[Transaction, Row | None, Row, frozenset[str]], None]:
    def before(tx: Transaction, old: Row | None, row: Row, given: frozenset[str]) -> None:
        was, is_now = kind.code(tx, old), kind.code(tx, row)
        if old is None:
            if is_now == ACTIVATED:
                raise field_error("INVALID_STATUS", f"A new {kind.name} has to be a draft", "Status")
        elif was != ACTIVATED and is_now == ACTIVATED:
            _activate(tx, kind, row, given)
        elif was == ACTIVATED and is_now != ACTIVATED:
            _reopen(tx, kind, row)
        elif was == ACTIVATED and given - {"Status"}:
            _require_edit(tx, row["Id"])
        if was == ACTIVATED and "AccountId" in given and row.get("AccountId") != (old or {}).get("AccountId"):
            raise integrity(f"AccountId (cannot be changed once the {kind.name.lower()} is activated)", "AccountId")

    return before


def _activate(tx: Transaction, kind: Activated, row: Row, given: frozenset[str]) -> None:
    """By a change of the status alone, of a document with lines, by somebody who may (SF 6.9)."""
    if given != {"Status"}:
        raise field_error("FAILED_ACTIVATION", f"To activate the {kind.name}, change its Status alone", "Status")
    if kind.permission and not permissions.holds(tx.world, tx.caller.user_id, kind.permission):
        raise locked(f"{kind.permission} is needed to activate {row['Id']}")
    if kind.lines and not children_of(tx.world, *kind.lines, row):
        raise field_error("FAILED_ACTIVATION", f"The {kind.name} must have at least one product", "Status")
    row |= {"ActivatedDate": tx.now, "ActivatedById": tx.caller.user_id}


def _reopen(tx: Transaction, kind: Activated, row: Row) -> None:
    """Back to draft, as long as no reduction order stands on it."""
    if kind.lines is None:
        raise field_error("INVALID_STATUS", f"An activated {kind.name} does not become a draft again", "Status")
    if kind.permission and not permissions.holds(tx.world, tx.caller.user_id, kind.permission):
        raise locked(f"{kind.permission} is needed to deactivate {row['Id']}")
    if any(children_of(tx.world, "OrderItem", "OriginalOrderItemId", each) for each in _items(tx, row)):
        raise field_error("INVALID_STATUS", "An order that has been reduced does not become a draft again", "Status")
    row |= {"ActivatedDate": None, "ActivatedById": None}


def _items(tx: Transaction, order: Row) -> list[Row]:
    return children_of(tx.world, "OrderItem", "OrderId", order)


def _require_edit(tx: Transaction, record_id: str) -> None:
    if not permissions.holds(tx.world, tx.caller.user_id, EDIT_ACTIVATED):
        raise locked(f"{record_id} is activated")


def before_order(tx: Transaction, old: Row | None, row: Row, _given: frozenset[str]) -> None:
    """A reduction order stands on an activated order of the same account (SF 6.9)."""
    if old is not None and row.get("Pricebook2Id") != old.get("Pricebook2Id") and _items(tx, row):
        raise integrity("Pricebook2Id (cannot be changed while the order has products)", "Pricebook2Id")
    if old is not None or not row.get("IsReductionOrder"):
        return
    if not tx.world.settings["reduction_orders"]:
        raise integrity("IsReductionOrder (reduction orders are not enabled)", "IsReductionOrder")
    original = tx.world.live("Order", row.get("OriginalOrderId"))
    if original is None:
        raise missing("OriginalOrderId")
    if ORDER.code(tx, original) != ACTIVATED or original.get("AccountId") != row.get("AccountId"):
        shown = "OriginalOrderId (the original has to be an activated order of the same account)"
        raise integrity(shown, "OriginalOrderId")


def before_item(tx: Transaction, old: Row | None, row: Row, _given: frozenset[str]) -> None:
    """The lines of an activated order are held; those of a reduction order take from lines of the original."""
    order = tx.world.live("Order", row.get("OrderId"))
    if order is None:
        return
    if ORDER.code(tx, order) == ACTIVATED:
        _require_edit(tx, order["Id"])
    if order.get("IsReductionOrder"):
        _check_reduction(tx, order, old, row)
    elif row.get("Quantity") is not None and row["Quantity"] < 0:
        raise integrity("Quantity (must be positive on an order that is no reduction order)", "Quantity")
    quote_line = tx.world.live("QuoteLineItem", row.get("QuoteLineItemId"))
    if quote_line is not None and quote_line["QuoteId"] != order.get("QuoteId"):
        raise integrity("QuoteLineItemId (the line is of another quote than the order's)", "QuoteLineItemId")


def _check_reduction(tx: Transaction, order: Row, old: Row | None, row: Row) -> None:
    original = tx.world.live("OrderItem", row.get("OriginalOrderItemId"))
    if original is None:
        raise missing("OriginalOrderItemId")
    if original["OrderId"] != order.get("OriginalOrderId"):
        raise integrity("OriginalOrderItemId (the line is of another order)", "OriginalOrderItemId")
    quantity = row.get("Quantity")
    left = FORMULAS["available_quantity"](tx.world, original) - ((old or {}).get("Quantity") or 0)
    if quantity is not None and not -left <= quantity < 0:
        raise integrity(f"Quantity (must be negative, and at most {left} are left to reduce)", "Quantity")


def before_item_delete(tx: Transaction, row: Row) -> None:
    order = tx.world.live("Order", row.get("OrderId"))
    if order is not None and ORDER.code(tx, order) == ACTIVATED:
        _require_edit(tx, order["Id"])


def before_delete(kind: Activated) -> Callable[[Transaction, Row], None]:
    def before(tx: Transaction, row: Row) -> None:
        if kind.code(tx, row) == ACTIVATED:
            raise ApiError("DELETE_FAILED", f"An activated {kind.name} cannot be deleted", fields=[])

    return before
