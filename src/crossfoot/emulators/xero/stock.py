"""Tracked inventory: what documents add to and take from an item's stock, at average cost (XERO 4.9).

Stock moves when a document is approved, and moves back when it is voided or deleted. A line that takes or returns goods
at cost keeps that cost in ``_stock``, from which the ledger posts the cost of goods sold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from crossfoot.emulators.xero.fields import Check
from crossfoot.emulators.xero.formats import ARITHMETIC, ZERO, round_amount
from crossfoot.emulators.xero.kinds import Call, Record
from crossfoot.emulators.xero.ledger import POSTED, in_base


@dataclass(frozen=True, slots=True)
class Flow:
    """Which way a type of document moves goods, and whether at their cost or at the price of its line."""

    sign: int
    at_cost: bool


FLOWS: Mapping[str, Flow] = {
    "ACCREC": Flow(-1, at_cost=True),
    "RECEIVE": Flow(-1, at_cost=True),
    "ACCRECCREDIT": Flow(1, at_cost=True),
    "ACCPAY": Flow(1, at_cost=False),
    "SPEND": Flow(1, at_cost=False),
    "ACCPAYCREDIT": Flow(-1, at_cost=False),
}


@dataclass(frozen=True, slots=True)
class Move:
    """What one line does to one item."""

    code: str
    quantity: Decimal
    value: Decimal


def price(call: Call, old: Record | None, record: Record, check: Check) -> None:
    """Give the lines of a document that is approved their cost, and refuse what is not in stock (wording unconfirmed).
    ``left`` counts what the document takes back and takes anew."""
    flow = FLOWS.get(record["Type"])
    goods = any(line.get("ItemCode") for line in record["LineItems"])
    if flow is None or not goods or record["Status"] not in POSTED:
        return
    left: dict[str, Decimal] = {}
    for done in _total(call, old):
        left[done.code] = left.get(done.code, ZERO) - done.quantity
    lines = []
    for line in record["LineItems"]:
        item = _tracked(call, line)
        if item is None:
            lines.append({name: value for name, value in line.items() if name != "_stock"})
            continue
        code, on_hand = item["Code"], item["QuantityOnHand"]
        left[code] = left.get(code, ZERO) + flow.sign * line["Quantity"]
        if on_hand + left[code] < 0 and not call.asks("allowBackorders"):
            check.refuse(f"The quantity of {code} is more than what is in stock ({on_hand:f})")
        lines.append({**line, "_stock": _cost(call, item, line)} if flow.at_cost else line)
    record["LineItems"] = lines


def _cost(call: Call, item: Record, line: Record) -> Record:
    """The average cost of a line's goods, kept once the line has it; all that is left costs all that is in the pool."""
    known: Record | None = line.get("_stock")
    if known is not None and known["quantity"] == line["Quantity"]:
        return known
    stock, pool, quantity = item["QuantityOnHand"], item["TotalCostPool"], line["Quantity"]
    cost = pool if quantity == stock else round_amount(ARITHMETIC.divide(pool * quantity, stock)) if stock > 0 else ZERO
    accounts = {
        "asset": item["InventoryAssetAccountCode"],
        "sold": item["PurchaseDetails"]["COGSAccountCode"],
    }
    found = {name: call.organisation.find_one("Accounts", "Code", code) or {} for name, code in accounts.items()}
    return {"quantity": quantity, "cost": cost, **{name: account["AccountID"] for name, account in found.items()}}


def move(call: Call, old: Record | None, record: Record) -> None:
    """Bring the items from what a document did to them before to what it does now."""
    changes = [
        *(Move(done.code, -done.quantity, -done.value) for done in _total(call, old)),
        *_total(call, record),
    ]
    for change in changes:
        item = call.organisation.find_one("Items", "Code", change.code)
        assert item is not None
        moved = {
            **item,
            "QuantityOnHand": round_amount(item["QuantityOnHand"] + change.quantity, 4),
            "TotalCostPool": round_amount(item["TotalCostPool"] + change.value),
            "UpdatedDateUTC": call.now,
        }
        call.organisation.put("Items", item["ItemID"], moved)


def _total(call: Call, record: Record | None) -> list[Move]:
    return list(_moves(call, record)) if record is not None and record["Status"] in POSTED else []


def _moves(call: Call, record: Record) -> Iterator[Move]:
    flow = FLOWS.get(record["Type"])
    for line in record["LineItems"] if flow else ():
        item = _tracked(call, line)
        if item is None or flow is None or (flow.at_cost and "_stock" not in line):
            continue
        net = line["LineAmount"] - (line["TaxAmount"] if record["LineAmountTypes"] == "Inclusive" else ZERO)
        value = line["_stock"]["cost"] if flow.at_cost else in_base(net, record["CurrencyRate"])
        yield Move(item["Code"], flow.sign * line["Quantity"], flow.sign * value)


def _tracked(call: Call, line: Record) -> Record | None:
    item = call.organisation.find_one("Items", "Code", line["ItemCode"]) if line.get("ItemCode") else None
    return item if item is not None and item.get("IsTrackedAsInventory") else None
