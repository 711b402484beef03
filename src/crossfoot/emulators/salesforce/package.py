"""The fields and objects that this org has added, its own and Crossfoot's package, as declarations.

The org is as if the package had been deployed into it.
"""

from __future__ import annotations

import dataclasses

from crossfoot.emulators.salesforce.schema import (
    Field,
    SObject,
    checkbox,
    currency,
    date,
    long_text,
    moment,
    number,
    picklist,
    reference,
    system,
    text,
)
from crossfoot.emulators.salesforce.standard import CURRENCY, OWNER, SYSTEM_FIELDS


def money(*names: str) -> tuple[Field, ...]:
    return tuple(currency(name, 16, 2) for name in names)


def key(name: str) -> Field:
    return text(name, 120, unique=True, external_id=True, case_sensitive=True)


def _url(name: str) -> Field:
    return text(name, 255, type="url")


def _texts(**lengths: int) -> tuple[Field, ...]:
    return tuple(text(f"{name}__c", length) for name, length in lengths.items())


def _flags(*names: str) -> tuple[Field, ...]:
    return tuple(checkbox(name) for name in names)


def _to(target: str, children: str, name: str = "") -> Field:
    return reference(name or target, target, children=f"{children}__r")


def _coding(children: str) -> tuple[Field, ...]:
    """Lookups by which a document or a line is coded."""
    return (
        _to("Xero_Account__c", children),
        _to("Xero_Tax_Rate__c", children),
        _to("Xero_Tracking_Option__c", f"{children}_1", "Xero_Tracking_1__c"),
        _to("Xero_Tracking_Option__c", f"{children}_2", "Xero_Tracking_2__c"),
    )


ACCOUNT = (
    text("ABN__c", 20, label="ABN"),
    text("Xero_Contact_Id__c", 36),
    *money("Xero_Balance__c", "Xero_Overdue__c", "Xero_Credit_Exposure__c"),
    date("Xero_Oldest_Overdue__c"),
    number("Xero_Days_To_Pay__c", 5, 0),
    text("Xero_Currency__c", 100),
)
OPPORTUNITY = (
    system(text("Deal_Number__c", 30, autonumber="D-{00000}")),
    text("PO_Number__c", 50),
    picklist("Region__c", length=100),
    *money("Whole_Deal_Discount__c"),
    text("Xero_Invoice_Number__c", 255),
    text("Xero_Invoice_Id__c", 36),
    _url("Xero_Invoice_Url__c"),
    text("Xero_Status__c", 40),
    text("Xero_Payment_Status__c", 40),
    *money("Xero_Subtotal__c", "Xero_Tax__c", "Xero_Total__c", "Xero_Amount_Due__c", "Xero_Amount_Paid__c"),
    date("Xero_Paid_Date__c"),
    *money("Xero_Scheduled__c", "Xero_Drafted__c", "Xero_Invoiced__c", "Xero_Uninvoiced__c"),
    text("Xero_Sync_State__c", 40),
    text("Xero_Last_Error__c", 255),
    *_coding("Opportunities"),
)
PRODUCT = (
    text("Xero_Account_Code__c", 10),
    text("Xero_Tax_Type__c", 50),
    number("Xero_Stock__c", 16, 4),
    *_coding("Products"),
)


def _mirror(name: str, key_prefix: str, *fields: Field) -> SObject:
    """An object that shows what Xero holds, row by row under a key of its own."""
    common = (*SYSTEM_FIELDS, text("Name", 80), key("Xero_Key__c"))
    return SObject(name, key_prefix, (*common, *fields, CURRENCY, OWNER), change_events=True)


def _in_organisation(children: str) -> Field:
    return _to("Xero_Organisation__c", children)


XERO_INVOICE = _mirror(
    "Xero_Invoice__c",
    "a00",
    _in_organisation("Xero_Invoices"),
    _to("Xero_Contact__c", "Xero_Invoices"),
    _to("Account", "Xero_Invoices", "Account__c"),
    _to("Opportunity", "Xero_Invoices", "Opportunity__c"),
    _to("Order", "Xero_Invoices", "Order__c"),
    *_texts(Invoice_Id=36, Invoice_Number=255, Reference=255, Status=40, Payment_Status=40),
    *(date(name) for name in ("Date__c", "Due_Date__c", "Paid_Date__c")),
    *money("Subtotal__c", "Tax__c", "Total__c", "Amount_Due__c", "Amount_Paid__c", "Amount_Credited__c"),
    text("Currency__c", 3),
    _url("Url__c"),
)
XERO_PAYMENT = _mirror(
    "Xero_Payment__c",
    "a01",
    _to("Xero_Invoice__c", "Xero_Payments"),
    text("Payment_Id__c", 36),
    *money("Amount__c"),
    text("Currency__c", 3),
    date("Date__c"),
    *_texts(Reference=255, Status=40),
)
XERO_ORGANISATION = _mirror(
    "Xero_Organisation__c",
    "a02",
    *_texts(Organisation_Id=36, Country=2, Base_Currency=3, Time_Zone=60, Short_Code=20),
    date("Locked_Until__c"),
    *_flags("Is_Demo__c"),
)
XERO_ACCOUNT = _mirror(
    "Xero_Account__c",
    "a03",
    _in_organisation("Xero_Accounts"),
    *_texts(Code=10, Type=40, Class=40, Tax_Type=50),
    *_flags("Active__c", "Takes_Sales_Lines__c"),
)
XERO_TAX_RATE = _mirror(
    "Xero_Tax_Rate__c",
    "a04",
    _in_organisation("Xero_Tax_Rates"),
    text("Tax_Type__c", 50),
    number("Rate__c", 7, 4, type="percent"),
    *_flags("Active__c", "Applies_To_Sales__c"),
)
XERO_TRACKING_OPTION = _mirror(
    "Xero_Tracking_Option__c",
    "a05",
    _in_organisation("Xero_Tracking_Options"),
    text("Category__c", 100),
    *_flags("Active__c"),
)
XERO_ITEM = _mirror(
    "Xero_Item__c",
    "a06",
    _in_organisation("Xero_Items"),
    _to("Product2", "Xero_Items", "Product__c"),
    *_texts(Item_Id=36, Code=30, Account_Code=10, Tax_Type=50),
    *_flags("Tracked__c"),
    number("Quantity_On_Hand__c", 16, 4),
)
XERO_CONTACT = _mirror(
    "Xero_Contact__c",
    "a07",
    _in_organisation("Xero_Contacts"),
    _to("Account", "Xero_Contacts", "Account__c"),
    *_texts(Contact_Id=36, Account_Number=50, Status=40),
    *money("Balance__c", "Overdue__c"),
    text("Currency__c", 100),
)
XERO_INVOICE_LINE = _mirror(
    "Xero_Invoice_Line__c",
    "a08",
    *(_to(f"Xero_{name}__c", "Xero_Invoice_Lines") for name in ("Invoice", "Account", "Tax_Rate", "Item")),
    long_text("Description__c", 4000),
    number("Quantity__c", 16, 4),
    currency("Unit_Amount__c", 16, 4),
    number("Discount_Rate__c", 7, 4, type="percent"),
    *money("Line_Amount__c", "Tax_Amount__c"),
    *_texts(Item_Code=30, Account_Code=10, Tax_Type=50, Tracking=255),
    *_flags("Removed__c"),
)
XERO_CREDIT_NOTE = _mirror(
    "Xero_Credit_Note__c",
    "a09",
    _in_organisation("Xero_Credit_Notes"),
    _to("Xero_Contact__c", "Xero_Credit_Notes"),
    _to("Xero_Invoice__c", "Xero_Credit_Notes"),
    _to("Account", "Xero_Credit_Notes", "Account__c"),
    _to("Opportunity", "Xero_Credit_Notes", "Opportunity__c"),
    *_texts(Credit_Note_Id=36, Credit_Note_Number=255, Reference=255, Status=40),
    date("Date__c"),
    *money("Subtotal__c", "Tax__c", "Total__c", "Remaining__c"),
    text("Currency__c", 3),
    _url("Url__c"),
)
XERO_SYNC_ISSUE = _mirror(
    "Xero_Sync_Issue__c",
    "a0A",
    _to("Account", "Xero_Sync_Issues", "Account__c"),
    _to("Opportunity", "Xero_Sync_Issues", "Opportunity__c"),
    text("Reason__c", 60),
    *(long_text(f"{name}__c", length) for name, length in (("Cause", 4000), ("Next_Step", 1000))),
    long_text("Vendor_Text__c", 4000),
    *_texts(Responsible=40, Status=40),
    *money("Amount__c"),
    text("Currency__c", 3),
    moment("Opened__c"),
)
XERO_REQUEST = _mirror(
    "Xero_Request__c",
    "a0B",
    _to("Xero_Invoice__c", "Xero_Requests"),
    picklist("Action__c", ("Cancel invoice", "Credit and re-issue invoice"), restricted=True),
    text("Reason__c", 255),
    *_flags("Approved__c"),
    *_texts(Status=40, Outcome=255),
)

DECLARATIONS = (
    SObject("Account", "001", ACCOUNT),
    SObject("Opportunity", "006", OPPORTUNITY),
    SObject("OpportunityLineItem", "00k", _coding("Opportunity_Products")),
    SObject("OrderItem", "802", _coding("Order_Products")),
    SObject("Product2", "01t", PRODUCT),
    XERO_ORGANISATION,
    XERO_ACCOUNT,
    XERO_TAX_RATE,
    XERO_TRACKING_OPTION,
    XERO_ITEM,
    XERO_CONTACT,
    XERO_INVOICE,
    XERO_INVOICE_LINE,
    XERO_CREDIT_NOTE,
    XERO_PAYMENT,
    XERO_SYNC_ISSUE,
    XERO_REQUEST,
)
# The business had these before Crossfoot came.
BUSINESS_FIELDS = frozenset({"ABN__c", "PO_Number__c", "Region__c", "Whole_Deal_Discount__c"})


def declarations(*, installed: bool) -> tuple[SObject, ...]:
    """What a new org declares: all of it, or without the package only the fields of the business itself."""
    if installed:
        return DECLARATIONS
    kept = (
        dataclasses.replace(each, fields=tuple(field for field in each.fields if field.name in BUSINESS_FIELDS))
        for each in DECLARATIONS
        if not each.custom
    )
    return tuple(each for each in kept if each.fields)
