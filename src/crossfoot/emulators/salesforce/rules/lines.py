"""The lines of deals, quotes and orders: which price they take and what they come to (SF 6.6, 6.8, 6.9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from crossfoot.emulators.salesforce.errors import field_error
from crossfoot.emulators.salesforce.rules.refusals import integrity, missing
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.values import canonical, round_half_up
from crossfoot.emulators.salesforce.world import Row, World

PRICE_SCALE = 4


@dataclass(frozen=True, slots=True)
class LineKind:
    """How the lines of one kind of document behave.

    ``takes_total``: TotalPrice may be given in place of UnitPrice, and holds when the quantity changes. ``sets_book``:
    the first line gives its price book to a document that has none.
    """

    parent: str
    takes_total: bool = False
    sets_book: bool = True

    @property
    def reference(self) -> str:
        return f"{self.parent}Id"

    @property
    def word(self) -> str:
        return self.parent.lower()


DEAL_LINE = LineKind("Opportunity", takes_total=True)
QUOTE_LINE = LineKind("Quote")
ORDER_LINE = LineKind("Order", sets_book=False)


def before_line(kind: LineKind) -> Callable[[Transaction, Row | None, Row, frozenset[str]], None]:
    def before(tx: Transaction, old: Row | None, row: Row, given: frozenset[str]) -> None:
        if old is None:
            _choose_price(tx, kind, row)
        _price(tx.world, kind, old, row, given)

    return before


def _choose_price(tx: Transaction, kind: LineKind, row: Row) -> None:
    """The line's price book entry: it sets the document's price book, or has to agree with it (SF 6.6)."""
    header = tx.world.live(kind.parent, row.get(kind.reference))
    if header is None:
        return
    entry = _entry(tx.world, header, row)
    book = tx.world.live("Pricebook2", entry["Pricebook2Id"])
    if not entry.get("IsActive"):
        raise integrity("PricebookEntryId (pricebook entry is inactive)", "PricebookEntryId")
    if book is None or not book.get("IsActive"):
        raise integrity("PricebookEntryId (pricebook is inactive)", "PricebookEntryId")
    if header.get("CurrencyIsoCode") != entry.get("CurrencyIsoCode"):
        shown = f"pricebook entry currency code does not match {kind.word} currency code"
        raise integrity(f"PricebookEntryId ({shown})", "PricebookEntryId")
    if header.get("Pricebook2Id") is None and kind.sets_book:
        tx.change(tx.world.object(kind.parent), header["Id"], Pricebook2Id=entry["Pricebook2Id"])
    elif header.get("Pricebook2Id") != entry["Pricebook2Id"]:
        shown = f"pricebook entry is in a different pricebook than the one assigned to the {kind.word}"
        raise integrity(f"PricebookEntryId ({shown})", "PricebookEntryId")
    row["PricebookEntryId"], row["Product2Id"] = entry["Id"], entry["Product2Id"]
    if tx.world.multi_currency:
        row["CurrencyIsoCode"] = header.get("CurrencyIsoCode")


def _entry(world: World, header: Row, row: Row) -> Row:
    """The entry that the line names, or the one of its product in the document's price book and currency."""
    if row.get("PricebookEntryId") is not None:
        named = world.live("PricebookEntry", row["PricebookEntryId"])
        if named is None:
            raise field_error("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", "PricebookEntryId")
        return named
    product, same = row.get("Product2Id"), ("Pricebook2Id", "CurrencyIsoCode")
    for entry_id in world.index.find("PricebookEntry", "Product2Id", product) if product else ():
        found = world.live("PricebookEntry", entry_id)
        if found and header.get("Pricebook2Id") and all(found.get(each) == header.get(each) for each in same):
            return found
    shown = "PricebookEntryId, unknown (versions 3.0 and higher must specify pricebook entry id)"
    raise integrity(shown, "PricebookEntryId")


def _price(world: World, kind: LineKind, old: Row | None, row: Row, given: frozenset[str]) -> None:
    """TotalPrice = Quantity x UnitPrice x (1 - Discount / 100); which of them gives way is SF 6.6."""
    touched = given & {"UnitPrice", "TotalPrice", "Quantity", "Discount"}
    if (old is not None and not touched) or row.get("Quantity") is None:
        return
    if row["Quantity"] == 0:
        raise integrity("Quantity (must be non-zero)", "Quantity")
    by_unit = "UnitPrice" in touched and row.get("UnitPrice") is not None
    by_total = "TotalPrice" in touched and row.get("TotalPrice") is not None
    if by_unit and by_total:
        shown = "unknown (must specify either unit price or total price, but not both)"
        raise integrity(shown, "UnitPrice", "TotalPrice")
    if not by_unit and not by_total:
        if old is None or "UnitPrice" in touched:
            raise missing("UnitPrice")
        if kind.takes_total and touched >= {"Quantity", "Discount"}:
            raise integrity("unknown (must specify unit price or total price with quantity and discount)", "UnitPrice")
        by_total = kind.takes_total and "Quantity" in touched
    factor = row["Quantity"] * (1 - (row.get("Discount") or Decimal(0)) / 100)
    if by_total and factor != 0:
        row["UnitPrice"] = canonical(round_half_up(row["TotalPrice"] / factor, PRICE_SCALE))
        return
    row["TotalPrice"] = canonical(round_half_up(factor * row["UnitPrice"], _places(world, row)))


def _places(world: World, row: Row) -> int:
    """The decimals of the line's currency."""
    code = row.get("CurrencyIsoCode")
    currencies = world.rows.get("CurrencyType", {}).values() if code else ()
    return next((int(each.get("DecimalPlaces", 2)) for each in currencies if each["IsoCode"] == code), 2)
