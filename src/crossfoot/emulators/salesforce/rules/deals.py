"""Opportunities and what their lines make of them (SF 6.5, 6.6)."""

from __future__ import annotations

from decimal import Decimal

from crossfoot.emulators.salesforce.formulas import children_of
from crossfoot.emulators.salesforce.rules.refusals import integrity
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.values import canonical
from crossfoot.emulators.salesforce.world import Row


def before_opportunity(tx: Transaction, old: Row | None, row: Row, given: frozenset[str]) -> None:
    """Stage gives probability and forecast; with line items Amount is theirs and the price book is held (SF 6.5)."""
    before = old or {}
    stage = tx.world.stage(row.get("StageName"))
    if stage is not None and row.get("StageName") != before.get("StageName"):
        if row.get("Probability") is None or "Probability" not in given:
            row["Probability"] = stage["DefaultProbability"]
        if "ForecastCategoryName" not in given:
            row["ForecastCategoryName"] = stage["ForecastCategoryName"]
        if old is not None:
            row["LastStageChangeDate"] = tx.now
    if old is None:
        return
    if row.get("CloseDate") and _month(row) > _month(old):
        row["PushCount"] = row.get("PushCount", 0) + 1
    if not tx.world.index.find("OpportunityLineItem", "OpportunityId", old["Id"]):
        return
    row["Amount"] = old.get("Amount")
    for held in ("Pricebook2Id", "CurrencyIsoCode"):
        if row.get(held) != old.get(held):
            raise integrity(f"{held} (cannot be changed while the opportunity has line items)", held)


def _month(row: Row) -> tuple[int, int]:
    return row["CloseDate"].year, row["CloseDate"].month


def after_line(tx: Transaction, old: Row | None, row: Row | None) -> None:
    """Roll lines up to their deal, whose stamp moves only when a sum does (SF 6.6)."""
    roll_up(tx, (row or old or {}).get("OpportunityId"), first=old is None)


def roll_up(tx: Transaction, deal_id: str | None, *, first: bool = False) -> None:
    """Amount and quantity of a deal are those of its lines. ``first``: a line was added, perhaps the first one."""
    deal = tx.world.live("Opportunity", deal_id)
    if deal is None:
        return
    lines = children_of(tx.world, "OpportunityLineItem", "OpportunityId", deal)
    sums = {
        "Amount": canonical(sum((each["TotalPrice"] for each in lines), Decimal(0))),
        "TotalOpportunityQuantity": canonical(sum((each["Quantity"] for each in lines), Decimal(0))),
    }
    first_or_last = (first and len(lines) == 1) or not lines
    if first_or_last or any(deal.get(name) != value for name, value in sums.items()):
        tx.change(tx.world.object("Opportunity"), deal["Id"], **sums)
