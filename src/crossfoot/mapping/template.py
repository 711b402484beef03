"""The ``crossfoot.yaml`` that ``crossfoot init`` writes: at most 60 lines, every default in words.

Only fields that the org's describe shows are written, and only codes that the organisation has.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

LINES_MAX = 60
SCHEMA_NAME = "crossfoot.schema.json"


@dataclass(frozen=True, slots=True)
class InitFacts:
    """What init found out, or was told."""

    salesforce: str
    xero: str
    organisation: str
    country: str
    currency: str
    start_date: dt.date
    inclusive: bool
    due_days: int
    sales_account: str
    tax: str
    tax_by_country: Mapping[str, str]
    fields: Mapping[str, Collection[str]]
    prefix: str
    objects: Collection[str] = ()
    tracking: Mapping[str, str] = field(default_factory=dict)


_WRITE_BACK = {
    "Xero_Invoice_Number__c": "Number",
    "Xero_Invoice_Id__c": "InvoiceID",
    "Xero_Invoice_Url__c": "Link",
    "Xero_Status__c": "Status",
    "Xero_Payment_Status__c": "PaymentStatus",
    "Xero_Subtotal__c": "SubTotal",
    "Xero_Tax__c": "TotalTax",
    "Xero_Total__c": "Total",
    "Xero_Amount_Due__c": "AmountDue",
    "Xero_Amount_Paid__c": "AmountPaid",
    "Xero_Paid_Date__c": "PaidDate",
    "Xero_Scheduled__c": "Scheduled",
    "Xero_Drafted__c": "Drafted",
    "Xero_Invoiced__c": "Invoiced",
    "Xero_Uninvoiced__c": "Uninvoiced",
    "Xero_Sync_State__c": "SyncState",
    "Xero_Last_Error__c": "LastError",
}
_ACCOUNT_WRITE_BACK = {
    "Xero_Contact_Id__c": "ContactID",
    "Xero_Balance__c": "Outstanding",
    "Xero_Overdue__c": "Overdue",
    "Xero_Credit_Exposure__c": "Exposure",
    "Xero_Oldest_Overdue__c": "OldestOverdue",
    "Xero_Days_To_Pay__c": "DaysToPay",
    "Xero_Currency__c": "Currency",
}
_PRODUCT_WRITE_BACK = {"Xero_Stock__c": "QuantityOnHand"}
# The objects of the package, by what they show.
RECORDS = {
    "organisation": "Xero_Organisation__c",
    "account": "Xero_Account__c",
    "tax_rate": "Xero_Tax_Rate__c",
    "tracking_option": "Xero_Tracking_Option__c",
    "item": "Xero_Item__c",
    "contact": "Xero_Contact__c",
    "invoice": "Xero_Invoice__c",
    "line": "Xero_Invoice_Line__c",
    "credit_note": "Xero_Credit_Note__c",
    "payment": "Xero_Payment__c",
    "issue": "Xero_Sync_Issue__c",
}


def render_settings(facts: InitFacts) -> str:
    """The file's text."""
    deal, account = facts.fields.get("Opportunity", ()), facts.fields.get("Account", ())
    won_at = "BLANKVALUE(LastStageChangeDate, CreatedDate)" if "LastStageChangeDate" in deal else "CreatedDate"
    tax_number = "\n      TaxNumber: {from: ABN__c, as: abn}    # checked; a broken one is left out"
    tax_number = tax_number if "ABN__c" in account else ""
    rows = ", ".join(f"{country}: {tax}" for country, tax in facts.tax_by_country.items())
    shown = {kind: name for kind, name in RECORDS.items() if name in facts.objects}
    return f"""\
# yaml-language-server: $schema=.crossfoot/{SCHEMA_NAME}
# What Crossfoot keeps in agreement, and how. No secret belongs here. Reference: docs/reference/crossfoot-yaml.md
crossfoot: 1
salesforce: {facts.salesforce}
xero: [{facts.xero}]                # {facts.organisation}
start_date: {facts.start_date}            # deals won before this day are never invoiced
prices: {"inc_tax" if facts.inclusive else "ex_tax "}              # what prices in Salesforce mean: ex_tax or inc_tax
policy:
  create: draft                   # invoices start as drafts: a person approves them in Xero (or: approved)
  due_days: {facts.due_days}                    # where neither the contact nor the organisation has payment terms
  number: {{prefix: "{facts.prefix}"}}         # prefix + the deal's own number, so Xero refuses a double
  double_billing_days: 45         # a look-alike invoice this near makes the deal wait
  rounding_max: 0.05              # a cent difference up to this is accepted and named; more waits
  brake: {{creations: 50, amount: 250000, times_biggest_recent_run: 3, changes: 10, first_live_run: 5}}   # within 24 h
coding:                           # used where neither the product nor the Xero item says; nothing is guessed
  account: "{facts.sales_account}"
  no_products_account: "{facts.sales_account}"      # one flagged line for a deal without products; "" = it waits
  tax: "{facts.tax}"
  home_country: "{facts.country}"
  tax_by_country: {{{rows}}}   # customers elsewhere; no row: the deal waits. Ask your accountant
flows:
  customers:                      # only accounts with a counting deal; Salesforce owns name and address
    salesforce: Account
    direction: both               # once linked, ABN and phones go both ways; both changed = you choose
    fields:
      Name: Name                  # taken by another customer with another ABN: a readable suffix is added{tax_number}
      AccountNumber: AccountNumber
      Phone: {{from: Phone, as: phone}}
      Street: BillingStreet
      City: BillingCity
      Region: BillingState
      PostalCode: BillingPostalCode
      Country: {{from: BillingCountry, as: country}}
    write_back: {_flow(_present(_ACCOUNT_WRITE_BACK, account), width=4)}
  products:                       # items are created where missing; an existing item is never changed
    salesforce: Product2
    fields: {_flow(_item_fields(facts), width=3)}
    write_back: {_flow(_present(_PRODUCT_WRITE_BACK, facts.fields.get("Product2", ())))}
  invoices:
    salesforce: Opportunity
    when: IsWon
    won_at: {won_at}
    fields: {_flow(_document_fields(facts), width=3)}
    lines:
      from: OpportunityLineItems
      fields: {_flow(_line_fields(facts), width=3)}
      tracking: {_flow(facts.tracking)}
    write_back: {_flow(_present(_WRITE_BACK, deal), width=6)}
    records: {_flow(shown, width=6)}
"""


def _document_fields(facts: InitFacts) -> dict[str, str]:
    deal = facts.fields.get("Opportunity", ())
    number = "Deal_Number__c" if "Deal_Number__c" in deal else ""
    reference = f"BLANKVALUE({number}, Id)" if number else "Id"
    if "PO_Number__c" in deal:
        reference += " & IF(ISBLANK(PO_Number__c), '', ' PO ' & PO_Number__c)"
    discount = "Whole_Deal_Discount__c" if "Whole_Deal_Discount__c" in deal else ""
    return {
        "Name": "Name",
        "Owner": "Owner.Name",
        "Contact": "AccountId",
        "Date": "CloseDate",
        "Currency": "CurrencyIsoCode" if "CurrencyIsoCode" in deal else f"'{facts.currency}'",
        "Number": number,
        "Reference": f'"{reference}"',
        "Amount": f"Amount - BLANKVALUE({discount}, 0)" if discount else "Amount",
        "Discount": discount,
    }


def _line_fields(facts: InitFacts) -> dict[str, str]:
    return {
        "Product": "Product2Id",
        "ItemCode": "Product2.ProductCode",
        "Description": "BLANKVALUE(Description, Product2.Name)",
        "Quantity": "Quantity",
        "UnitAmount": "UnitPrice",
        "DiscountRate": "Discount" if "Discount" in facts.fields.get("OpportunityLineItem", ()) else "",
        "AccountCode": _coded(facts, "Xero_Account__c", "Code__c", "Xero_Account_Code__c"),
        "TaxType": _coded(facts, "Xero_Tax_Rate__c", "Tax_Type__c", "Xero_Tax_Type__c"),
    }


def _coded(facts: InitFacts, lookup: str, code: str, own: str) -> str:
    """What the line chose, else its deal, else its product: by lookup, or as the product's own text."""
    path = f"{lookup.removesuffix('__c')}__r.{code}"
    places = (("OpportunityLineItem", ""), ("Opportunity", "Opportunity."), ("Product2", "Product2."))
    shown = lookup in facts.objects
    chosen = [f"{start}{path}" for kind, start in places if shown and lookup in facts.fields.get(kind, ())]
    chosen += [f"Product2.{own}"] if own in facts.fields.get("Product2", ()) else []
    made = ""
    for each in reversed(chosen):
        made = f"BLANKVALUE({each}, {made})" if made else each
    return made


def _item_fields(facts: InitFacts) -> dict[str, str]:
    product = facts.fields.get("Product2", ())
    own = {"AccountCode": "Xero_Account_Code__c", "TaxType": "Xero_Tax_Type__c"}
    standard = {"Code": "ProductCode", "Name": "Name", "Description": "Description"}
    return standard | {name: field for name, field in own.items() if field in product}


def _present(wanted: Mapping[str, str], fields: Collection[str]) -> dict[str, str]:
    return {name: value for name, value in wanted.items() if name in fields}


def _flow(values: Mapping[str, str], width: int = 99) -> str:
    """A mapping on as few lines as read well, without the members that are empty."""
    members = [f"{_scalar(key)}: {_scalar(value)}" for key, value in values.items() if value]
    rows = [", ".join(members[i : i + width]) for i in range(0, len(members), width)]
    return "{" + (",\n      ").join(rows) + "}"


def _scalar(value: str) -> str:
    """The value as YAML reads it back: as it is where that is safe (or it is quoted already), else quoted."""
    if value.startswith('"') or not any(sign in value for sign in ",'&{}[]#:"):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
