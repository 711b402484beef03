"""What documents refer to: accounts, tax rates, tracking, currencies, items, themes, users (XERO 4.9 to 4.14)."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

from crossfoot.emulators.xero.chart import CLASSES, currency
from crossfoot.emulators.xero.countries import TAX_SIDES, no_tax
from crossfoot.emulators.xero.errors import ApiError, validation_error
from crossfoot.emulators.xero.fields import (
    FLAG,
    GUID,
    NUMBER,
    SEEN,
    SEEN_FLAG,
    STAMP,
    Check,
    Field,
    Fields,
    an_object,
    choice,
    rows,
    text,
)
from crossfoot.emulators.xero.formats import ARITHMETIC, ZERO, round_amount
from crossfoot.emulators.xero.kinds import Call, Kind, Record
from crossfoot.emulators.xero.plans import MULTICURRENCY, is_allowed

SETTINGS = ("accounting.settings",)
REPORTING_VERSIONS = frozenset({"AU", "NZ", "UK"})  # where a new tax rate must say what it reports as (XERO 4.11)
CATEGORIES_MAX, CATEGORIES_ACTIVE_MAX = 4, 2  # of tracking (XERO 4.12)
_SEEN_NUMBER = Field("number", read_only=True)
OPTION_FIELDS: Fields = {"TrackingOptionID": GUID, "Name": text(100), "Status": choice("ACTIVE", "ARCHIVED")}


def _given(values: Record) -> Record:
    return {name: value for name, value in values.items() if value is not None}


def _others(call: Call, kind: str, index: str, value: str | None, id_field: str, own_id: str | None) -> list[Record]:
    found = call.organisation.find(kind, index, value) if value else []
    return [record for record in found if record[id_field] != own_id]


def _build_account(call: Call, old: Record | None, values: Record, check: Check) -> Record:
    record = {**(old or _blank_account(call)), **_given(values)}
    if old is not None and "Status" in values and set(values) - {"AccountID", "Status"}:
        check.refuse("Cannot update account details and STATUS on the same request")
    if old is not None and old.get("SystemAccount") and record["Status"] != "ACTIVE":
        check.refuse("System accounts cannot be archived or deleted")
    if not record.get("Name") or _others(call, "Accounts", "Name", record["Name"], "AccountID", record["AccountID"]):
        check.refuse("Please enter a unique Name.")
    if _others(call, "Accounts", "Code", record.get("Code"), "AccountID", record["AccountID"]):
        check.refuse("Please enter a unique Code.")
    if not record.get("Code") and record.get("Type") != "BANK":
        check.refuse("Please enter a unique Code.")
    if record.get("Type") not in CLASSES:
        check.refuse("The account type is not valid.")
        return record
    if record["Type"] == "BANK":
        record.setdefault("BankAccountType", "BANK")
        record.setdefault("CurrencyCode", call.organisation.base_currency)
        if not record.get("BankAccountNumber"):
            check.refuse("Bank account number is required for bank accounts.")
        if call.organisation.get("Currencies", record["CurrencyCode"]) is None:
            check.refuse(f"Organisation is not subscribed to currency {record['CurrencyCode']}")
    record["Class"] = CLASSES[record["Type"]]
    record.setdefault("TaxType", no_tax(call.organisation.info))
    if call.organisation.get("TaxRates", record["TaxType"]) is None:
        check.refuse(f"The TaxType code '{record['TaxType']}' does not exist.")
    return record


def _blank_account(call: Call) -> Record:
    return {
        "AccountID": call.world.new_id(),
        "Status": "ACTIVE",
        "EnablePaymentsToAccount": False,
        "ShowInExpenseClaims": False,
        "AddToWatchlist": False,
        "HasAttachments": False,
    }


ACCOUNTS = Kind(
    plural="Accounts",
    singular="Account",
    id_field="AccountID",
    families=SETTINGS,
    fields={
        "AccountID": GUID,
        "Code": text(10),
        "Name": text(150),
        "Type": text(),
        "Status": choice("ACTIVE", "ARCHIVED"),
        "TaxType": text(),
        "Description": text(4000),
        "EnablePaymentsToAccount": FLAG,
        "ShowInExpenseClaims": FLAG,
        "AddToWatchlist": FLAG,
        "BankAccountNumber": text(),
        "BankAccountType": choice("BANK", "CREDITCARD", "PAYPAL"),
        "CurrencyCode": text(3),
        "Class": SEEN,
        **dict.fromkeys(("SystemAccount", "ReportingCode", "ReportingCodeName"), SEEN),
        "HasAttachments": SEEN_FLAG,
        "UpdatedDateUTC": STAMP,
    },
    build=_build_account,
    one_per_call=True,
    errors_flag="HasValidationErrors",
    put_only=True,
)


def _match_rate(call: Call, values: Record, _check: Check) -> Record | None:
    organisation = call.organisation
    by_type = organisation.get("TaxRates", values["TaxType"]) if values.get("TaxType") else None
    return by_type or (organisation.find_one("TaxRates", "Name", values["Name"]) if values.get("Name") else None)


def _build_rate(call: Call, old: Record | None, values: Record, check: Check) -> Record:
    if old is not None and old.get("_system") and not call.is_person:
        check.refuse("System tax rates cannot be updated.")
    record = {**(old or {}), **_given(values)}
    if not record.get("Name") or _others(call, "TaxRates", "Name", record["Name"], "TaxType", record.get("TaxType")):
        check.refuse("Please enter a unique Name.")
    if not record.get("TaxComponents"):
        check.refuse("A tax rate must have at least one tax component.")
    if old is None:
        report, known = record.get("ReportTaxType"), call.organisation.all("TaxRates")
        if not report and call.organisation.info["Version"] in REPORTING_VERSIONS:
            check.refuse("ReportTaxType is required.")
        elif report and report not in {rate.get("ReportTaxType") for rate in known}:
            check.refuse("ReportTaxType is not valid.")
        call.organisation.state["counters"]["tax"] += 1
        record["TaxType"] = f"TAX{call.organisation.state['counters']['tax']:03d}"
        sides = dict.fromkeys((f"CanApplyTo{side}" for side in TAX_SIDES), True)
        record = {**sides, "Status": "ACTIVE", **record}
    record["TaxComponents"] = [
        {"IsCompound": False, "IsNonRecoverable": False, **_given(part)} for part in record.get("TaxComponents") or []
    ]
    record["DisplayTaxRate"] = sum((part.get("Rate", ZERO) for part in record["TaxComponents"]), Decimal(0))
    record["EffectiveRate"] = _effective_rate(record["TaxComponents"])
    return record


def _effective_rate(components: list[Record]) -> Decimal:
    """Simple components add up; a compound one applies to the amount with the others' tax (XERO 4.11)."""
    with localcontext(ARITHMETIC):
        simple = sum((part.get("Rate", ZERO) for part in components if not part["IsCompound"]), Decimal(0))
        compound = sum((part.get("Rate", ZERO) for part in components if part["IsCompound"]), Decimal(0))
        return round_amount(simple + compound * (1 + simple / 100), 4)


TAX_RATES = Kind(
    plural="TaxRates",
    singular="TaxRate",
    id_field="TaxType",
    families=SETTINGS,
    fields={
        "Name": text(50),
        "TaxType": text(),
        "ReportTaxType": text(),
        "Status": choice("ACTIVE", "DELETED", "ARCHIVED"),
        "TaxComponents": rows(
            {"Name": text(50), "Rate": NUMBER, "IsCompound": FLAG, "IsNonRecoverable": FLAG},
        ),
        **{f"CanApplyTo{side}": SEEN_FLAG for side in TAX_SIDES},
        "DisplayTaxRate": _SEEN_NUMBER,
        "EffectiveRate": _SEEN_NUMBER,
    },
    match=_match_rate,
    build=_build_rate,
    modified_since=False,
    one_per_call=True,
    errors_flag="HasValidationErrors",
)


def _tracking_view(call: Call, record: Record, _shape: str) -> Record:
    options = [option for option in record["Options"] if option["Status"] == "ACTIVE" or call.asks("includeArchived")]
    return {**record, "Options": options}


def _build_tracking(call: Call, old: Record | None, values: Record, check: Check) -> Record:
    blank = {"TrackingCategoryID": call.world.new_id(), "Status": "ACTIVE", "Options": []}
    record = {**(old or blank), **{name: value for name, value in _given(values).items() if name != "Options"}}
    if not record.get("Name") or _others(
        call, "TrackingCategories", "Name", record["Name"], "TrackingCategoryID", record["TrackingCategoryID"]
    ):
        check.refuse(
            "A Tracking Category with this name already exists." if record.get("Name") else "Name is required."
        )
    others = [
        row
        for row in call.organisation.all("TrackingCategories")
        if row["TrackingCategoryID"] != record["TrackingCategoryID"]
    ]
    if record["Status"] == "ACTIVE" and sum(row["Status"] == "ACTIVE" for row in others) >= CATEGORIES_ACTIVE_MAX:
        check.refuse(f"You cannot have more than {CATEGORIES_ACTIVE_MAX} active tracking categories.")
    if old is None and len(others) >= CATEGORIES_MAX:
        check.refuse(f"You cannot have more than {CATEGORIES_MAX} tracking categories.")
    for option in values.get("Options") or [] if old is None else []:
        record["Options"] = [*record["Options"], with_option(call, record, None, option, check)]
    return record


def with_option(call: Call, category: Record, old: Record | None, values: Record, check: Check) -> Record:
    """A tracking option from what was sent; names are unique within the category."""
    blank = {"TrackingOptionID": call.world.new_id(), "Status": "ACTIVE"}
    option = {**(old or blank), **_given(values)}
    others = [row for row in category["Options"] if row["TrackingOptionID"] != option["TrackingOptionID"]]
    names = [row["Name"].lower() for row in others if row.get("Name")]  # one that is refused may have none
    if not option.get("Name") or option["Name"].lower() in names:
        check.refuse("A Tracking Option with this name already exists." if option.get("Name") else "Name is required.")
    return option


TRACKING_CATEGORIES = Kind(
    plural="TrackingCategories",
    singular="TrackingCategory",
    id_field="TrackingCategoryID",
    families=SETTINGS,
    fields={
        "TrackingCategoryID": GUID,
        "Name": text(100),
        "Status": choice("ACTIVE", "ARCHIVED"),
        "Options": rows(OPTION_FIELDS),
    },
    view=_tracking_view,
    build=_build_tracking,
    visible=lambda call, record: record["Status"] == "ACTIVE" or call.asks("includeArchived"),
    modified_since=False,
    one_per_call=True,
    errors_flag="HasValidationErrors",
    put_only=True,
)


def _build_currency(call: Call, _old: Record | None, values: Record, check: Check) -> Record:
    code = (values.get("Code") or "").upper()
    if len(code) != 3 or not code.isalpha():
        check.refuse("The currency code is not valid.")
    if not is_allowed(call.organisation, MULTICURRENCY):
        check.refuse("Organisation is not subscribed to multicurrency")
    return currency(code)


CURRENCIES = Kind(
    plural="Currencies",
    singular="Currency",
    id_field="Code",
    families=SETTINGS,
    fields={"Code": text(3), "Description": text()},
    build=_build_currency,
    verbs=frozenset({"GET", "PUT"}),
    modified_since=False,
    one_per_call=True,
)

BRANDING_THEMES = Kind(
    plural="BrandingThemes",
    singular="BrandingTheme",
    id_field="BrandingThemeID",
    families=SETTINGS,
    fields={"BrandingThemeID": GUID, "Name": text(), "SortOrder": NUMBER, "CreatedDateUTC": STAMP},
    verbs=frozenset({"GET"}),
    modified_since=False,
)
USERS = Kind(
    plural="Users",
    singular="User",
    id_field="UserID",
    families=SETTINGS,
    fields={
        "UserID": GUID,
        "EmailAddress": text(),
        "FirstName": text(),
        "LastName": text(),
        "IsSubscriber": FLAG,
        "OrganisationRole": text(),
        "UpdatedDateUTC": STAMP,
    },
    verbs=frozenset({"GET"}),
)

_PRICE: Fields = {"UnitPrice": NUMBER, "AccountCode": text(10), "COGSAccountCode": text(10), "TaxType": text()}


def _match_item(call: Call, values: Record, check: Check) -> Record | None:
    found = call.organisation.find_one("Items", "Code", values["Code"]) if values.get("Code") else None
    if found is not None:
        check.illegal.append("POST of an item by code, without its id, overwrites")
    return found


def _build_item(call: Call, old: Record | None, values: Record, check: Check) -> Record:
    blank = {"ItemID": call.world.new_id(), "IsSold": True, "IsPurchased": True, "IsTrackedAsInventory": False}
    record: Record = {**(old or blank), **{name: value for name, value in values.items() if value is not None or old}}
    if not record.get("Code"):
        check.refuse("Price List Item Code cannot be empty.")
    elif _others(call, "Items", "Code", record["Code"], "ItemID", record["ItemID"]):
        check.refuse(f"Price List Item with Code '{record['Code']}' already exists")
    for side in ("SalesDetails", "PurchaseDetails"):
        record[side] = _price(
            call, {**((old or {}).get(side) or {}), **(values.get(side) or {})}, side in values, check
        )
    _track(call, record, check)
    for flag, side, words in (
        ("IsSold", "SalesDetails", "Description"),
        ("IsPurchased", "PurchaseDetails", "PurchaseDescription"),
    ):
        if not record[flag]:
            record[side], record[words] = {}, None
    return record


def _track(call: Call, record: Record, check: Check) -> None:
    """An item with an inventory account and an account for the cost of sales is tracked (XERO 4.9)."""
    asset, purchase = record.get("InventoryAssetAccountCode"), record["PurchaseDetails"]
    if not asset:
        return
    for code, kind in ((asset, "INVENTORY"), (purchase.get("COGSAccountCode"), "DIRECTCOSTS")):
        account = call.organisation.find_one("Accounts", "Code", code) if code else None
        if account is None or account["Type"] != kind:
            check.refuse(f"A tracked item needs an account of type {kind}; '{code or ''}' is none.")
    if purchase.get("AccountCode"):
        check.refuse("The PurchaseDetails of a tracked item have a COGSAccountCode and no AccountCode.")
    record["IsTrackedAsInventory"] = True
    record.setdefault("QuantityOnHand", Decimal("0.0000"))
    record.setdefault("TotalCostPool", ZERO)


def _price(call: Call, details: Record, sent: bool, check: Check) -> Record:
    if not sent:
        return details
    if details.get("UnitPrice") is not None:
        details["UnitPrice"] = round_amount(details["UnitPrice"], call.unit_places)
    for name in ("AccountCode", "COGSAccountCode"):
        code = details.get(name)
        account = call.organisation.find_one("Accounts", "Code", code) if code else None
        if code and (account is None or account["Status"] != "ACTIVE"):
            check.refuse(f"Account code '{code}' is not a valid account code.")
    tax_type = details.get("TaxType")
    rate: Any = call.organisation.get("TaxRates", tax_type) if tax_type else None
    if tax_type and (rate is None or rate["Status"] != "ACTIVE"):
        check.refuse(f"The TaxType code '{tax_type}' does not exist or cannot be used for this type of transaction.")
    return details


def _item_view(call: Call, record: Record, _shape: str) -> Record:
    shown = dict(record)
    for side in ("SalesDetails", "PurchaseDetails"):
        price = shown[side].get("UnitPrice")
        if price is not None and call.unit_places == 2:
            shown[side] = {**shown[side], "UnitPrice": round_amount(price)}
    return shown


ITEMS = Kind(
    plural="Items",
    singular="Item",
    id_field="ItemID",
    families=("accounting.settings", "accounting.invoices"),
    fields={
        "ItemID": GUID,
        "Code": text(30),
        "Name": text(50),
        "IsSold": FLAG,
        "IsPurchased": FLAG,
        "Description": text(4000),
        "PurchaseDescription": text(4000),
        "SalesDetails": an_object(_PRICE),
        "PurchaseDetails": an_object(_PRICE),
        "IsTrackedAsInventory": SEEN_FLAG,
        "InventoryAssetAccountCode": text(10),
        "QuantityOnHand": _SEEN_NUMBER,
        "TotalCostPool": _SEEN_NUMBER,
        "UpdatedDateUTC": STAMP,
    },
    view=_item_view,
    match=_match_item,
    build=_build_item,
    number_index="Code",
    errors_flag="HasValidationErrors",
)


WITH_LINES = (
    *("Invoices", "CreditNotes", "BankTransactions", "PurchaseOrders", "Quotes"),
    *("RepeatingInvoices", "Receipts"),
)


def is_used(call: Call, member: str, value: str) -> bool:
    """Whether any document, journal or transfer has this value; what is in use cannot be deleted (XERO 4.10, 4.12)."""
    return any(
        line.get(member) == value or any(entry.get(member) == value for entry in line.get("Tracking", ()))
        for plural in (*WITH_LINES, "ManualJournals", "BankTransfers")
        for record in call.organisation.all(plural)
        for line in _lines(record)
    ) or (member == "AccountID" and _has_postings(call, value))


def _lines(record: Record) -> list[Record]:
    """The lines of a document or a manual journal; a transfer's ends stand for lines."""
    ends = [{"Tracking": record[end]} for end in ("FromTracking", "ToTracking") if end in record]
    return [*record.get("LineItems", ()), *record.get("JournalLines", ()), *ends]


def _has_postings(call: Call, account_id: str) -> bool:
    """Whether the ledger names an account, as a payment's bank does without any line."""
    return any(
        line["AccountID"] == account_id
        for journal in call.organisation.all("Journals")
        for line in journal["JournalLines"]
    )


def delete(call: Call, kind: Kind, record: Record) -> Record:
    """DELETE of an item, an account or a tracking category; the answer's row (XERO 3.3)."""
    key = kind.key(record)
    if kind is not ITEMS and (record.get("SystemAccount") or is_used(call, kind.id_field, record[kind.id_field])):
        raise _in_use(kind, record)
    call.organisation.remove(kind.plural, key)
    return {**record, "Status": "DELETED"}


def _in_use(kind: Kind, record: Record) -> ApiError:
    message = f"The {kind.singular} is in use or belongs to the system and cannot be deleted."
    return validation_error([{**record, "HasValidationErrors": True, "ValidationErrors": [{"Message": message}]}])
