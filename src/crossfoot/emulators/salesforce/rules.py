"""What each standard object does to its own records when they are saved (SF 6.5-6.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from crossfoot.emulators.salesforce import access_rules, validation_rules
from crossfoot.emulators.salesforce.errors import ApiError, field_error
from crossfoot.emulators.salesforce.schema import SObject
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.values import canonical, round_half_up
from crossfoot.emulators.salesforce.world import Row, World

BeforeSave = Callable[[Transaction, Row | None, Row, frozenset[str]], None]
AfterSave = Callable[[Transaction, Row | None, Row | None], None]
BeforeDelete = Callable[[Transaction, Row], None]

PRICE_SCALE = 4


def before_save(tx: Transaction, sobject: SObject, old: Row | None, row: Row, given: frozenset[str]) -> None:
    if sobject.name in _BEFORE_SAVE:
        _BEFORE_SAVE[sobject.name](tx, old, row, given)


def after_save(tx: Transaction, sobject: SObject, old: Row | None, row: Row | None) -> None:
    """Roll up. ``old`` is None after a creation, ``row`` after a deletion."""
    if sobject.name in _AFTER_SAVE:
        _AFTER_SAVE[sobject.name](tx, old, row)


def before_delete(tx: Transaction, sobject: SObject, row: Row) -> None:
    if sobject.name in _BEFORE_DELETE:
        _BEFORE_DELETE[sobject.name](tx, row)


def _integrity(detail: str, *fields: str) -> ApiError:
    return field_error("FIELD_INTEGRITY_EXCEPTION", f"field integrity exception: {detail}", *fields)


def _before_opportunity(tx: Transaction, old: Row | None, row: Row, given: frozenset[str]) -> None:
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
    if old is None or not tx.world.index.find("OpportunityLineItem", "OpportunityId", old["Id"]):
        return
    row["Amount"] = old.get("Amount")
    for held in ("Pricebook2Id", "CurrencyIsoCode"):
        if row.get(held) != old.get(held):
            raise _integrity(f"{held} (cannot be changed while the opportunity has line items)", held)


def _before_line(tx: Transaction, old: Row | None, row: Row, given: frozenset[str]) -> None:
    if old is None:
        _choose_price(tx, row)
    _price_line(row, old, given)


def _choose_price(tx: Transaction, row: Row) -> None:
    """The line's price book entry: it sets the deal's price book, or has to agree with it (SF 6.6)."""
    deal = tx.world.live("Opportunity", row.get("OpportunityId"))
    if deal is None:
        return
    entry = _entry(tx.world, deal, row)
    if not entry.get("IsActive"):
        raise _integrity("PricebookEntryId (pricebook entry is inactive)", "PricebookEntryId")
    if deal.get("CurrencyIsoCode") != entry.get("CurrencyIsoCode"):
        raise _integrity(
            "PricebookEntryId (pricebook entry currency code does not match opportunity currency code)",
            "PricebookEntryId",
        )
    if deal.get("Pricebook2Id") is None:
        tx.change(tx.world.object("Opportunity"), deal["Id"], Pricebook2Id=entry["Pricebook2Id"])
    elif deal["Pricebook2Id"] != entry["Pricebook2Id"]:
        raise _integrity(
            "PricebookEntryId (pricebook entry is in a different pricebook than the one assigned to the opportunity)",
            "PricebookEntryId",
        )
    row["PricebookEntryId"], row["Product2Id"] = entry["Id"], entry["Product2Id"]
    if tx.world.multi_currency:
        row["CurrencyIsoCode"] = deal.get("CurrencyIsoCode")


def _entry(world: World, deal: Row, row: Row) -> Row:
    """The entry that the line names, or the one of its product in the deal's price book and currency."""
    if row.get("PricebookEntryId") is not None:
        named = world.live("PricebookEntry", row["PricebookEntryId"])
        if named is None:
            raise field_error("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", "PricebookEntryId")
        return named
    for entry_id in (
        world.index.find("PricebookEntry", "Product2Id", row.get("Product2Id")) if row.get("Product2Id") else ()
    ):
        found = world.live("PricebookEntry", entry_id)
        same = ("Pricebook2Id", "CurrencyIsoCode")
        if found is not None and deal.get("Pricebook2Id") and all(found.get(each) == deal.get(each) for each in same):
            return found
    raise _integrity(
        "PricebookEntryId, unknown (versions 3.0 and higher must specify pricebook entry id)", "PricebookEntryId"
    )


def _price_line(row: Row, old: Row | None, given: frozenset[str]) -> None:
    """TotalPrice = Quantity x UnitPrice x (1 - Discount / 100); which of them gives way is SF 6.6."""
    touched = given & {"UnitPrice", "TotalPrice", "Quantity", "Discount"}
    if (old is not None and not touched) or row.get("Quantity") is None:
        return
    if row["Quantity"] == 0:
        raise _integrity("Quantity (must be non-zero)", "Quantity")
    by_unit = "UnitPrice" in touched and row.get("UnitPrice") is not None
    by_total = "TotalPrice" in touched and row.get("TotalPrice") is not None
    if by_unit and by_total:
        raise _integrity(
            "unknown (must specify either unit price or total price, but not both)", "UnitPrice", "TotalPrice"
        )
    if not by_unit and not by_total:
        if old is None or "UnitPrice" in touched:
            raise field_error("REQUIRED_FIELD_MISSING", "Required fields are missing: [UnitPrice]", "UnitPrice")
        if touched >= {"Quantity", "Discount"}:
            raise _integrity("unknown (must specify unit price or total price with quantity and discount)", "UnitPrice")
        by_total = "Quantity" in touched
    factor = row["Quantity"] * (1 - (row.get("Discount") or Decimal(0)) / 100)
    if by_total and factor != 0:
        row["UnitPrice"] = canonical(round_half_up(row["TotalPrice"] / factor, PRICE_SCALE))
        return
    row["TotalPrice"] = canonical(round_half_up(factor * row["UnitPrice"], 2))


def _after_line(tx: Transaction, old: Row | None, row: Row | None) -> None:
    """Roll lines up to their deal, whose stamp moves only when a sum does (SF 6.6)."""
    deal = tx.world.live("Opportunity", (row or old or {}).get("OpportunityId"))
    if deal is None:
        return
    found = (
        tx.world.live("OpportunityLineItem", each)
        for each in tx.world.index.find("OpportunityLineItem", "OpportunityId", deal["Id"])
    )
    lines = [each for each in found if each is not None]
    sums = {
        "Amount": canonical(sum((each["TotalPrice"] for each in lines), Decimal(0))),
        "TotalOpportunityQuantity": canonical(sum((each["Quantity"] for each in lines), Decimal(0))),
    }
    first_or_last = (old is None and len(lines) == 1) or not lines
    if first_or_last or any(deal.get(name) != value for name, value in sums.items()):
        tx.change(tx.world.object("Opportunity"), deal["Id"], **sums)


def _before_entry(tx: Transaction, old: Row | None, row: Row, given: frozenset[str]) -> None:
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
    standard_id = next(each["Id"] for each in tx.world.rows["Pricebook2"].values() if each.get("IsStandard"))
    if old is None and any(each["Pricebook2Id"] == book["Id"] for each in siblings):
        raise field_error(
            "DUPLICATE_VALUE", "This price definition already exists in this price book", "Pricebook2Id", "Product2Id"
        )
    standard = next((each for each in siblings if each["Pricebook2Id"] == standard_id), None)
    if not book.get("IsStandard"):
        if standard is None:
            raise field_error("STANDARD_PRICE_NOT_DEFINED", "Before creating a custom price, create a standard price.")
        if row.get("UseStandardPrice"):
            if "UnitPrice" in given and row.get("UnitPrice") != standard.get("UnitPrice"):
                raise _integrity("UnitPrice (cannot be written while UseStandardPrice is set)", "UnitPrice")
            row["UnitPrice"] = standard.get("UnitPrice")
    if row.get("UnitPrice") is None:
        raise field_error("REQUIRED_FIELD_MISSING", "Required fields are missing: [UnitPrice]", "UnitPrice")


def _before_pricebook_delete(_: Transaction, row: Row) -> None:
    if row.get("IsStandard"):
        raise ApiError("DELETE_FAILED", "The standard price book cannot be deleted", fields=[])


def _before_rule(tx: Transaction, _old: Row | None, row: Row, _given: frozenset[str]) -> None:
    target = tx.world.schema.object(str(row.get("EntityDefinition")))
    if target is None:
        raise field_error(
            "FIELD_INTEGRITY_EXCEPTION", f"no such object: {row.get('EntityDefinition')}", "EntityDefinition"
        )
    validation_rules.check_condition(tx, target, row)


_BEFORE_SAVE: Mapping[str, BeforeSave] = {
    "Opportunity": _before_opportunity,
    "OpportunityLineItem": _before_line,
    "PricebookEntry": _before_entry,
    "ValidationRule": _before_rule,
    "PermissionSetAssignment": access_rules.before_assignment,
    "ObjectPermissions": access_rules.before_object_permissions,
    "FieldPermissions": access_rules.before_field_permissions,
}
_AFTER_SAVE: Mapping[str, AfterSave] = {"OpportunityLineItem": _after_line}
_BEFORE_DELETE: Mapping[str, BeforeDelete] = {"Pricebook2": _before_pricebook_delete}
