"""Price books, their entries, and dated exchange rates (SF 6.7, 6.12)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.errors import ApiError, field_error
from crossfoot.emulators.salesforce.rules.refusals import integrity, missing
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.world import Row


def before_entry(tx: Transaction, old: Row | None, row: Row, given: frozenset[str]) -> None:
    """A product has a standard price before any other, and one entry per book and currency (SF 6.7)."""
    book = tx.world.live("Pricebook2", row.get("Pricebook2Id"))
    if book is None or row.get("Product2Id") is None:
        return
    siblings = [
        found
        for each in tx.world.index.find("PricebookEntry", "Product2Id", row["Product2Id"])
        if (found := tx.world.live("PricebookEntry", each)) is not None
        and found["Id"] != row["Id"]
        and found.get("CurrencyIsoCode") == row.get("CurrencyIsoCode")
    ]
    if old is None and any(each["Pricebook2Id"] == book["Id"] for each in siblings):
        shown = "This price definition already exists in this price book"
        raise field_error("DUPLICATE_VALUE", shown, "Pricebook2Id", "Product2Id")
    if not book.get("IsStandard"):
        _follow_standard(tx, row, siblings, given)
    if row.get("UnitPrice") is None:
        raise missing("UnitPrice")


def _follow_standard(tx: Transaction, row: Row, siblings: list[Row], given: frozenset[str]) -> None:
    standard_id = next(each["Id"] for each in tx.world.rows["Pricebook2"].values() if each.get("IsStandard"))
    standard = next((each for each in siblings if each["Pricebook2Id"] == standard_id), None)
    if standard is None:
        raise field_error("STANDARD_PRICE_NOT_DEFINED", "Before creating a custom price, create a standard price.")
    if row.get("UseStandardPrice"):
        if "UnitPrice" in given and row.get("UnitPrice") != standard.get("UnitPrice"):
            raise integrity("UnitPrice (cannot be written while UseStandardPrice is set)", "UnitPrice")
        row["UnitPrice"] = standard.get("UnitPrice")


def before_pricebook_delete(_: Transaction, row: Row) -> None:
    if row.get("IsStandard"):
        raise ApiError("DELETE_FAILED", "The standard price book cannot be deleted", fields=[])


def before_dated_rate(tx: Transaction, _old: Row | None, row: Row, _given: frozenset[str]) -> None:
    """One rate per currency and day, of a currency that the org has (SF 6.12)."""
    code = row.get("IsoCode")
    if code is not None and code not in {each["IsoCode"] for each in tx.world.rows.get("CurrencyType", {}).values()}:
        raise field_error("INVALID_CURRENCY_ISO", f"Currency ISO Code: invalid currency code: {code}", "IsoCode")
    for other in _rates(tx, code):
        if other["Id"] != row["Id"] and other["StartDate"] == row.get("StartDate"):
            shown = f"duplicate value found: StartDate duplicates value on record with id: {other['Id']}"
            raise field_error("DUPLICATE_VALUE", shown, "StartDate")


def before_dated_rate_delete(tx: Transaction, row: Row) -> None:
    if len(_rates(tx, row["IsoCode"])) == 1:
        raise ApiError("DELETE_FAILED", "The last rate of a currency cannot be deleted", fields=[])


def _rates(tx: Transaction, code: str | None) -> list[Row]:
    return [each for each in tx.world.rows.get("DatedConversionRate", {}).values() if each["IsoCode"] == code]
