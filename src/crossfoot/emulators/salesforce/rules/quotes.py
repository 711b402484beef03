"""Quotes, and how the one that is synced takes over its deal's lines (SF 6.6, 6.8)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.formulas import children_of
from crossfoot.emulators.salesforce.rules.deals import roll_up
from crossfoot.emulators.salesforce.rules.refusals import integrity
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.world import Row

_COPIED = (
    "CurrencyIsoCode",
    "Description",
    "Discount",
    "PricebookEntryId",
    "Product2Id",
    "Quantity",
    "ServiceDate",
    "SortOrder",
    "TotalPrice",
    "UnitPrice",
)


def before_quote(tx: Transaction, old: Row | None, row: Row, _given: frozenset[str]) -> None:
    """A quote takes price book and currency from its deal."""
    deal = tx.world.live("Opportunity", row.get("OpportunityId"))
    if old is None and deal is not None:
        if row.get("Pricebook2Id") is None:
            row["Pricebook2Id"] = deal.get("Pricebook2Id")
        row["CurrencyIsoCode"] = deal.get("CurrencyIsoCode")
    if old is not None and row.get("Pricebook2Id") != old.get("Pricebook2Id") and _lines(tx, old):
        raise integrity("Pricebook2Id (cannot be changed while the quote has line items)", "Pricebook2Id")


def before_opportunity(tx: Transaction, _old: Row | None, row: Row, given: frozenset[str]) -> None:
    """Only a quote of the deal itself can be synced with it."""
    if "SyncedQuoteId" not in given or row.get("SyncedQuoteId") is None:
        return
    quote = tx.world.live("Quote", row["SyncedQuoteId"])
    if quote is None or quote["OpportunityId"] != row["Id"]:
        raise integrity("SyncedQuoteId (the quote belongs to another opportunity)", "SyncedQuoteId")


def after_opportunity(tx: Transaction, old: Row | None, row: Row | None) -> None:
    synced = (row or {}).get("SyncedQuoteId")
    if synced is not None and synced != (old or {}).get("SyncedQuoteId"):
        _sync(tx, tx.world.rows["Quote"][synced])


def after_line(tx: Transaction, old: Row | None, row: Row | None) -> None:
    quote = tx.world.live("Quote", (row or old or {}).get("QuoteId"))
    deal = tx.world.live("Opportunity", (quote or {}).get("OpportunityId"))
    if quote is not None and deal is not None and deal.get("SyncedQuoteId") == quote["Id"]:
        _sync(tx, quote)


def _lines(tx: Transaction, quote: Row) -> list[Row]:
    return children_of(tx.world, "QuoteLineItem", "QuoteId", quote)


def _sync(tx: Transaction, quote: Row) -> None:
    """Replace the deal's lines: the old ones are gone for good, and no line keeps its id (SF 6.6)."""
    deal, line_kind = tx.world.rows["Opportunity"][quote["OpportunityId"]], tx.world.object("OpportunityLineItem")
    for each in children_of(tx.world, line_kind.name, "OpportunityId", deal):
        tx.bury(line_kind, each)
    for line in _lines(tx, quote):
        copied = {name: line[name] for name in _COPIED if line.get(name) is not None}
        made = {"Id": tx.world.next_id(line_kind.key_prefix), "OpportunityId": deal["Id"], **copied}
        tx.write(line_kind, made)
        tx.change(tx.world.object("QuoteLineItem"), line["Id"], OpportunityLineItemId=made["Id"])
    if deal.get("Pricebook2Id") != quote.get("Pricebook2Id"):
        tx.change(tx.world.object("Opportunity"), deal["Id"], Pricebook2Id=quote.get("Pricebook2Id"))
    roll_up(tx, deal["Id"])
