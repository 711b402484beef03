"""Line items and document totals, to the cent as Xero computes them (XERO 4.3, 5.1).

The unit price is rounded before it is multiplied, tax is rounded on each line and then summed, halves go away
from zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from crossfoot.emulators.xero import contacts
from crossfoot.emulators.xero.fields import FLAG, GUID, NUMBER, SEEN, Check, Fields, an_object, rows, text
from crossfoot.emulators.xero.formats import ARITHMETIC, ZERO, fold, round_amount
from crossfoot.emulators.xero.kinds import Call, Record

LINE_AMOUNT_MAX = Decimal("9999999999.99")
LINES_MAX = 1000
# Accounts that a line may not name: banks take payments, control accounts are the documents themselves (XERO 4.10).
CLOSED_TYPES = frozenset({"BANK", "INVENTORY"})
CLOSED_SYSTEM = frozenset({"DEBTORS", "CREDITORS", "RETAINEDEARNINGS"})
TAX_SIDE: Mapping[str, str] = {
    "ASSET": "CanApplyToAssets",
    "EQUITY": "CanApplyToEquity",
    "EXPENSE": "CanApplyToExpenses",
    "LIABILITY": "CanApplyToLiabilities",
    "REVENUE": "CanApplyToRevenue",
}

TRACKING: Fields = {
    "TrackingCategoryID": GUID,
    "TrackingOptionID": GUID,
    "Name": text(100),
    "Option": text(100),
}
LINE: Fields = {
    "LineItemID": GUID,
    "Description": text(4000),
    "Quantity": NUMBER,
    "UnitAmount": NUMBER,
    "ItemCode": text(30),
    "Item": SEEN,
    "AccountCode": text(10),
    "AccountID": GUID,
    "TaxType": text(),
    "TaxAmount": NUMBER,
    "LineAmount": NUMBER,
    "DiscountRate": NUMBER,
    "DiscountAmount": NUMBER,
    "Tracking": rows(TRACKING),
    "IsReconciled": FLAG,
}
LINE_ITEMS = rows(LINE, LINES_MAX)
COMPUTED_FROM = frozenset(
    {"Quantity", "UnitAmount", "LineAmount", "TaxType", "TaxAmount", "DiscountRate", "DiscountAmount"}
)
# What a document says of its contact beside the id is written to the contact; its status is not (XERO 4.1).
CONTACT_REFERENCE = an_object({**contacts.FIELDS, "ContactStatus": SEEN})


@dataclass(frozen=True, slots=True)
class LineRules:
    """What differs between documents: which side of an item and of a contact fills the gaps, and what is allowed."""

    item_side: str  # SalesDetails or PurchaseDetails
    item_text: str  # Description or PurchaseDescription
    contact_tax: str  # AccountsReceivableTaxType or AccountsPayableTaxType
    discounts: bool
    approved: bool  # the document posts to the ledger, so that every line needs an account
    new_mode: bool = False  # the tax mode is not the one that stored lines were computed in
    tax_override: bool = True
    quantity_above_zero: bool = False
    spelled_out: bool = False  # neither a tax type from the account nor tracking by name (XERO 4.16)
    price_with_quantity: bool = False  # a quantity that is sent needs a price (XERO 4.15)


SALES = LineRules("SalesDetails", "Description", "AccountsReceivableTaxType", discounts=True, approved=False)
PURCHASES = LineRules(
    "PurchaseDetails", "PurchaseDescription", "AccountsPayableTaxType", discounts=False, approved=False
)


def build_line(
    call: Call, values: Record, old: Record | None, mode: str, rules: LineRules, contact: Record | None, check: Check
) -> Record:
    """One line from what was sent over what was there, with gaps filled, checked and computed."""
    line = {**(old or {}), **values}
    for name in ("TaxAmount", "LineAmount"):
        line[name] = values.get(name)  # what Xero computed last time does not count as sent
    for pair in (("DiscountRate", "DiscountAmount"), ("AccountCode", "AccountID")):
        if len(values.keys() & set(pair)) == 1:  # the one that is sent says all
            line |= {name: values.get(name) for name in pair}
    line["LineItemID"] = old["LineItemID"] if old else call.world.new_id()
    item = _fill_from_item(call, line, rules, check)
    if rules.price_with_quantity and line.get("Quantity") is not None and line.get("UnitAmount") is None:
        check.refuse("A UnitAmount must be given with a Quantity")
    _check_account(call, line, (item or {}).get("InventoryAssetAccountCode"), rules, check)
    if is_text_only(line):
        return {**line, "Quantity": Decimal("0.0000"), "LineAmount": ZERO, "TaxAmount": ZERO, "Tracking": []}
    if not line.get("Description"):
        check.refuse("Description field is mandatory")
    _fill_tax_type(call, line, item, rules, contact, check)
    line["Tracking"] = find_tracking(call, line.get("Tracking") or [], check, by_name=not rules.spelled_out)
    if old is not None and _keeps_amounts(old, values, line, rules):
        return line | {name: old[name] for name in ("LineAmount", "TaxAmount")}
    # A price that is not sent again keeps the decimals it was stored with.
    kept = old is not None and "UnitAmount" not in values
    compute(call, line, 4 if kept else call.unit_places, mode, rules, check)
    return line


def _keeps_amounts(old: Record, values: Record, line: Record, rules: LineRules) -> bool:
    """Whether a stored line keeps its amounts, a tax amount of its own among them: nothing was sent that they are
    computed from (XERO 4.3)."""
    asked = rules.new_mode or COMPUTED_FROM & values.keys() or "LineAmount" not in old
    return not asked and old.get("TaxType") == line["TaxType"] and old.get("UnitAmount") == line.get("UnitAmount")


def is_text_only(line: Mapping[str, Any]) -> bool:
    """A line with a description and nothing else is legal text, also with the zeros that it is read back with
    (XERO 4.3)."""
    return not any(line.get(name) is not None for name in ("UnitAmount", "ItemCode", "AccountCode", "AccountID")) and (
        not any(line.get(name) for name in ("Quantity", "LineAmount"))
    )


def _fill_from_item(call: Call, line: Record, rules: LineRules, check: Check) -> Record | None:
    code = line.get("ItemCode")
    if not code:
        line.pop("Item", None)
        return None
    item = call.organisation.find_one("Items", "Code", code)
    if item is None:
        check.refuse(f"Item code '{code}' is not valid")
        return None
    details = item.get(rules.item_side) or {}
    if item.get("IsTrackedAsInventory") and rules.item_side == "PurchaseDetails":
        details = {**details, "AccountCode": item["InventoryAssetAccountCode"]}
    line["ItemCode"] = item["Code"]
    line["Item"] = {"ItemID": item["ItemID"], "Name": item.get("Name"), "Code": item["Code"]}
    defaults = {
        "Description": item.get(rules.item_text) or item.get("Name"),
        "UnitAmount": details.get("UnitPrice") if line.get("LineAmount") is None else None,
        "AccountCode": details.get("AccountCode") if not line.get("AccountID") else None,
    }
    for name, value in defaults.items():
        if line.get(name) is None and value is not None:
            line[name] = value
    return item


def _check_account(call: Call, line: Record, stock_code: str | None, rules: LineRules, check: Check) -> None:
    """The account of a line; one for inventory only on a line of an item that it holds (XERO 4.10)."""
    code, account_id = line.get("AccountCode"), line.get("AccountID")
    if not code and not account_id:
        if rules.approved and not is_text_only(line):
            check.refuse("Account code or ID must be specified")
        return
    account = (
        call.organisation.find_one("Accounts", "Code", code)
        if code
        else call.organisation.get("Accounts", account_id or "")
    )
    if account is None and not rules.approved:
        check.warn(f"Account code '{code or account_id}' has been removed as it does not match a recognised account.")
        line.pop("AccountCode", None)
        line.pop("AccountID", None)
    elif account is None or _is_closed(account, stock_code):
        check.refuse(f"Account code '{code or account_id}' is not a valid code for this document.")
    elif account["Status"] != "ACTIVE":
        check.refuse(
            f"Account code '{account['Code']}' has been archived, or has been deleted. "
            "Each line item must reference a valid account."
        )
    else:
        line["AccountCode"], line["AccountID"] = account["Code"], account["AccountID"]


def _is_closed(account: Record, stock_code: str | None) -> bool:
    closed = account["Type"] in CLOSED_TYPES and account.get("Code") != stock_code
    return closed or account.get("SystemAccount") in CLOSED_SYSTEM


def _fill_tax_type(
    call: Call, line: Record, item: Record | None, rules: LineRules, contact: Record | None, check: Check
) -> None:
    """An omitted tax type comes from the contact, the item, then the account (XERO 4.3; order unconfirmed)."""
    account = call.organisation.get("Accounts", line.get("AccountID") or "")
    line["TaxType"] = (
        line.get("TaxType")
        or (contact or {}).get(rules.contact_tax)
        or ((item or {}).get(rules.item_side) or {}).get("TaxType")
        or (None if rules.spelled_out else (account or {}).get("TaxType"))
    )
    if not line["TaxType"]:
        return
    rate = call.organisation.get("TaxRates", line["TaxType"])
    if rate is None or rate["Status"] != "ACTIVE" or (rate.get("_automatic") and not call.is_person):
        check.refuse(
            f"The TaxType code '{line['TaxType']}' does not exist or cannot be used for this type of transaction."
        )
    elif account is not None and not rate[TAX_SIDE[account["Class"]]]:
        check.refuse(f"The TaxType code '{line['TaxType']}' cannot be used with account code '{account['Code']}'.")


def find_tracking(call: Call, sent: list[Record], check: Check, *, by_name: bool = True) -> list[Record]:
    """At most two entries of distinct categories; an unknown option is dropped with a warning (XERO 4.3)."""
    if len(sent) > 2:
        check.refuse("A line item cannot have more than 2 tracking categories")
    kept: list[Record] = []
    for entry in sent:
        category = (
            call.organisation.get("TrackingCategories", entry["TrackingCategoryID"])
            if entry.get("TrackingCategoryID")
            else call.organisation.find_one("TrackingCategories", "Name", entry.get("Name") or "")
        )
        usable = category and category["Status"] == "ACTIVE" and (by_name or entry.get("TrackingOptionID"))
        option = _option(category, entry) if category and usable else None
        if category is None or option is None:
            named = entry.get("Option") or entry.get("TrackingOptionID") or ""
            check.warn(
                f"Tracking option '{named}' has been removed as it is not an active option of this organisation."
            )
        elif any(row["TrackingCategoryID"] == category["TrackingCategoryID"] for row in kept):
            check.refuse("A line item cannot use the same tracking category twice")
        else:
            kept.append(
                {
                    "Name": category["Name"],
                    "Option": option["Name"],
                    "TrackingCategoryID": category["TrackingCategoryID"],
                    "TrackingOptionID": option["TrackingOptionID"],
                }
            )
    return kept


def _option(category: Record, entry: Record) -> Record | None:
    for option in category["Options"]:
        by_id = entry.get("TrackingOptionID") == option["TrackingOptionID"]
        by_name = "TrackingOptionID" not in entry and fold(entry.get("Option") or "") == fold(option["Name"])
        if option["Status"] == "ACTIVE" and (by_id or by_name):
            found: Record = option
            return found
    return None


def compute(call: Call, line: Record, places: int, mode: str, rules: LineRules, check: Check) -> None:
    """Fill Quantity, UnitAmount, LineAmount and TaxAmount by the calculation model (XERO 5.1)."""
    with localcontext(ARITHMETIC):
        sent = line["LineAmount"]
        complete = line.get("Quantity") is not None and line.get("UnitAmount") is not None
        quantity, unit = _quantity_and_unit(line, sent, places)
        if quantity < 0:
            check.refuse(f"The quantity value '{quantity}' is invalid. The quantity must not be less than zero")
        if rules.quantity_above_zero and quantity == 0:
            check.refuse("The quantity must be greater than zero")
        if rules.quantity_above_zero and unit == 0:
            check.refuse(f'The UnitAmount value "{unit:.4f}" is invalid. UnitAmount must not be equal to zero')
        amount = _discounted(line, quantity, unit, rules, check)
        if sent is not None:
            if complete and round_amount(sent) != amount:
                check.refuse(f"The line total {round_amount(sent)} does not match the expected line total {amount}")
            amount = round_amount(sent)
        if abs(amount) > LINE_AMOUNT_MAX:
            check.refuse(f"The LineAmount must not be greater than {LINE_AMOUNT_MAX}")
        line["Quantity"], line["UnitAmount"], line["LineAmount"] = quantity, unit, amount
        line["TaxAmount"] = _tax(call, line, mode, rules, check)


def _quantity_and_unit(line: Record, sent: Decimal | None, places: int) -> tuple[Decimal, Decimal]:
    """The one of Quantity and UnitAmount that is missing follows from LineAmount; a quantity is 1 by default."""
    quantity, unit = line.get("Quantity"), line.get("UnitAmount")
    gross = None if sent is None else _before_discount(line, sent)
    if gross is not None and quantity is None and unit:
        quantity = gross / unit
    quantity = Decimal(1) if quantity is None else quantity
    if gross is not None and unit is None and quantity:
        unit = gross / quantity
    return round_amount(quantity, 4), round_amount(unit or Decimal(0), places)


def _before_discount(line: Record, amount: Decimal) -> Decimal:
    """LineAmount is the discounted value (XERO 5.1); what it was discounted from."""
    percent = line.get("DiscountRate") or ZERO
    if 0 < percent < 100:
        return amount / (1 - percent / 100)
    return amount + (line.get("DiscountAmount") or ZERO)


def _discounted(line: Record, quantity: Decimal, unit: Decimal, rules: LineRules, check: Check) -> Decimal:
    percent, absolute = line.get("DiscountRate"), line.get("DiscountAmount")
    if (percent or absolute) and not rules.discounts:
        check.refuse("Discounts can only be applied to sales invoices and quotes")
    if percent is not None and not 0 <= percent <= 100:
        check.refuse(f"The DiscountRate value '{percent}' is invalid. It must be between 0 and 100")
    if percent and absolute:
        check.refuse("DiscountRate and DiscountAmount cannot both be given on a line item")
    if percent:
        return round_amount(quantity * unit * (1 - percent / 100))
    return round_amount(quantity * unit) - round_amount(absolute or ZERO)


def _tax(call: Call, line: Record, mode: str, rules: LineRules, check: Check) -> Decimal:
    """The line's tax; a sent amount overrides it where the document allows."""
    amount, sent = line["LineAmount"], line["TaxAmount"]
    rate = call.organisation.get("TaxRates", line["TaxType"]) if line.get("TaxType") and mode != "NoTax" else None
    percent = rate["EffectiveRate"] if rate is not None else Decimal(0)
    if mode == "Inclusive":
        tax: Decimal = amount - round_amount(amount / (1 + percent / 100))
    else:
        tax = round_amount(amount * percent / 100)
    if sent is None or mode == "NoTax" or round_amount(sent) == tax:
        return tax
    if not rules.tax_override:
        check.refuse(f"The tax amount {round_amount(sent)} does not match the expected tax amount {tax}")
    if abs(sent) > abs(amount):
        check.refuse("The tax amount must not be greater than the line amount")
    return round_amount(sent)


def totals(lines: list[Record], mode: str) -> Record:
    """SubTotal, TotalTax, Total and TotalDiscount of a document (XERO 5.1)."""
    with localcontext(ARITHMETIC):
        amount = sum((line["LineAmount"] for line in lines), ZERO)
        tax = sum((line["TaxAmount"] for line in lines), ZERO)
        net = amount - tax if mode == "Inclusive" else amount
        discounted = [line for line in lines if line.get("DiscountRate") or line.get("DiscountAmount")]
        discount = sum(
            (round_amount(line["Quantity"] * line["UnitAmount"]) - line["LineAmount"] for line in discounted), ZERO
        )
    return {
        "SubTotal": net,
        "TotalTax": tax,
        "Total": net + tax,
        "TotalDiscount": discount if discounted else None,
        "IsDiscounted": bool(discounted),
    }
