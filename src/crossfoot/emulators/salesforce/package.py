"""The fields and objects that this org has added, its own and Crossfoot's package, as declarations."""

from __future__ import annotations

import dataclasses

from crossfoot.emulators.salesforce.schema import Field, SObject, currency, date, picklist, reference, system, text
from crossfoot.emulators.salesforce.standard import CURRENCY, OWNER, SYSTEM_FIELDS


def money(*names: str) -> tuple[Field, ...]:
    return tuple(currency(name, 16, 2) for name in names)


def key(name: str) -> Field:
    return text(name, 100, unique=True, external_id=True)


def _url(name: str) -> Field:
    return text(name, 255, type="url")


ACCOUNT = (
    text("ABN__c", 20, label="ABN"),
    text("Xero_Contact_Id__c", 36),
    *money("Xero_Balance__c", "Xero_Overdue__c"),
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
)
PRODUCT = (text("Xero_Account_Code__c", 10), text("Xero_Tax_Type__c", 50))

XERO_INVOICE = SObject(
    "Xero_Invoice__c",
    "a00",
    (
        *SYSTEM_FIELDS,
        text("Name", 80),
        key("Xero_Key__c"),
        reference("Account__c", "Account", children="Xero_Invoices__r"),
        reference("Opportunity__c", "Opportunity", children="Xero_Invoices__r"),
        text("Invoice_Id__c", 36),
        text("Invoice_Number__c", 255),
        text("Reference__c", 255),
        text("Status__c", 40),
        text("Payment_Status__c", 40),
        date("Date__c"),
        date("Due_Date__c"),
        date("Paid_Date__c"),
        *money("Subtotal__c", "Tax__c", "Total__c", "Amount_Due__c", "Amount_Paid__c", "Amount_Credited__c"),
        _url("Url__c"),
        CURRENCY,
        OWNER,
    ),
    change_events=True,
)
XERO_PAYMENT = SObject(
    "Xero_Payment__c",
    "a01",
    (
        *SYSTEM_FIELDS,
        text("Name", 80),
        key("Xero_Key__c"),
        reference("Xero_Invoice__c", "Xero_Invoice__c", children="Xero_Payments__r"),
        text("Payment_Id__c", 36),
        *money("Amount__c"),
        date("Date__c"),
        text("Reference__c", 255),
        text("Status__c", 40),
        CURRENCY,
        OWNER,
    ),
    change_events=True,
)

DECLARATIONS = (
    SObject("Account", "001", ACCOUNT),
    SObject("Opportunity", "006", OPPORTUNITY),
    SObject("Product2", "01t", PRODUCT),
    XERO_INVOICE,
    XERO_PAYMENT,
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
