"""The Salesforce package as a table: objects, fields and rules. ``salesforce_grants`` says who is granted what, and
``salesforce_source`` writes both out.

Objects that mirror Xero belong to Xero: people read them, and only the integration user writes. In two of them people
make rows: payments that they took, and requests. External ids begin with the organisation's id, are unique and
case-sensitive (SF 2.5, 8.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MARK = "Part of Crossfoot."
ACTIONS = ("Cancel invoice", "Credit and re-issue invoice")
API_VERSION = "62.0"


@dataclass(frozen=True, slots=True)
class Field:
    """A custom field. ``parts`` are its metadata elements beyond name, label and type."""

    name: str
    type: str
    parts: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    help: str = ""
    granted: str = "edit"
    """What the integration user needs: ``edit``, ``read``, or nothing where the platform gives it anyway."""
    entered: bool = False
    """Whether people fill it, so that a layout lets them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A validation rule: a save is refused with ``message`` where ``formula`` holds."""

    name: str
    formula: str
    message: str


@dataclass(frozen=True, slots=True)
class Object:
    """A custom object, or the fields that are added to a standard one."""

    name: str
    fields: tuple[Field, ...]
    label: str = ""
    plural: str = ""
    help: str = ""
    columns: tuple[str, ...] = ()
    motif: str = ""
    people: str = ""
    """What people do with its rows: nothing but read them, ``make`` them, or ``ask`` for something with them, which the
    integration user answers and never makes. Whoever is granted to edit such an object may edit anybody's row."""
    rules: tuple[Rule, ...] = ()

    @property
    def custom(self) -> bool:
        """Whether the package makes it."""
        return self.name.endswith("__c")


def text(name: str, length: int = 255, **parts: Any) -> Field:
    return _field(name, "Text", {"length": length}, parts)


def long_text(name: str, length: int, **parts: Any) -> Field:
    return _field(name, "LongTextArea", {"length": length, "visibleLines": 3}, parts)


def money(name: str, scale: int = 2, **parts: Any) -> Field:
    return _field(name, "Currency", {"precision": 16, "scale": scale}, parts)


def number(name: str, precision: int, scale: int, kind: str = "Number", **parts: Any) -> Field:
    return _field(name, kind, {"precision": precision, "scale": scale}, parts)


def day(name: str, **parts: Any) -> Field:
    return _field(name, "Date", {}, parts)


def moment(name: str, **parts: Any) -> Field:
    return _field(name, "DateTime", {}, parts)


def link(name: str, **parts: Any) -> Field:
    return _field(name, "Url", {}, parts)


def flag(name: str, **parts: Any) -> Field:
    return _field(name, "Checkbox", {"defaultValue": False}, parts)


def choice(name: str, *values: str, **parts: Any) -> Field:
    """A restricted picklist."""
    listed = [{"fullName": each, "default": False, "label": each} for each in values]
    definition = {"sorted": False, "value": listed}
    return _field(name, "Picklist", {"valueSet": {"restricted": True, "valueSetDefinition": definition}}, parts)


def key() -> Field:
    unique = {"caseSensitive": True, "externalId": True, "unique": True}
    words = "The Xero organisation's id, then the record's own."
    return _field("Xero_Key__c", "Text", {"length": 120, **unique}, {"help": words})


def lookup(name: str, to: str, children: str, **parts: Any) -> Field:
    about = {"deleteConstraint": "SetNull", "referenceTo": to, "relationshipName": children}
    return _field(name, "Lookup", about, {"relationshipLabel": children.replace("_", " "), **parts})


def _field(name: str, kind: str, own: Mapping[str, Any], given: Mapping[str, Any]) -> Field:
    about = {each: given[each] for each in ("label", "help", "granted", "entered") if each in given}
    parts = {each: value for each, value in given.items() if each not in about}
    return Field(name, kind, {**own, **parts}, **about)


def only(target: str, message: str, *flags: str) -> dict[str, Any]:
    """A lookup filter: rows of ``target`` with these boxes ticked. Required, so that the API obeys it too."""
    items = [{"field": f"{target}.{name}", "operation": "equals", "value": "True"} for name in flags]
    return {"lookupFilter": {"active": True, "errorMessage": message, "filterItems": items, "isOptional": False}}


def coding(children: str) -> tuple[Field, ...]:
    """How a document or a line is coded, picked from what Xero has: active, and legal on a sales document."""
    accounts = only("Xero_Account__c", "Choose an active account for sales.", "Active__c", "Takes_Sales_Lines__c")
    rates = only("Xero_Tax_Rate__c", "Choose an active rate for sales.", "Active__c", "Applies_To_Sales__c")
    options = only("Xero_Tracking_Option__c", "Choose an active option.", "Active__c")
    return (
        lookup("Xero_Account__c", "Xero_Account__c", children, granted="read", **accounts),
        lookup("Xero_Tax_Rate__c", "Xero_Tax_Rate__c", children, granted="read", **rates),
        lookup("Xero_Tracking_1__c", "Xero_Tracking_Option__c", f"{children}_1", granted="read", **options),
        lookup("Xero_Tracking_2__c", "Xero_Tracking_Option__c", f"{children}_2", granted="read", **options),
    )


def _organisation(children: str) -> Field:
    return lookup("Xero_Organisation__c", "Xero_Organisation__c", children)


_TOTALS = (money("Subtotal__c", help="Ex tax."), money("Tax__c"), money("Total__c", help="With tax."))
_NOT_SUMMED = "Empty when what is open is in several currencies, or in another one than the account's."
_CURRENCY = text("Currency__c", 3, help="The document's own currency in Xero.")

OBJECTS = (
    Object(
        "Xero_Organisation__c",
        (
            key(),
            text("Organisation_Id__c", 36),
            text("Country__c", 2),
            text("Base_Currency__c", 3),
            text("Time_Zone__c", 60),
            text("Short_Code__c", 20),
            day("Locked_Until__c", help="Nothing dated on or before this day may change."),
            flag("Is_Demo__c"),
        ),
        help="A Xero organisation that Crossfoot keeps in agreement with this org.",
        columns=("Country__c", "Base_Currency__c", "Locked_Until__c"),
        motif="Custom24: Building",
    ),
    Object(
        "Xero_Account__c",
        (
            key(),
            _organisation("Xero_Accounts"),
            text("Code__c", 10),
            text("Type__c", 40),
            text("Class__c", 40),
            text("Tax_Type__c", 50),
            flag("Active__c"),
            flag("Takes_Sales_Lines__c", help="Whether a sales document may post to it."),
        ),
        help="A ledger account of Xero's chart.",
        columns=("Code__c", "Type__c", "Active__c"),
        motif="Custom18: Form",
    ),
    Object(
        "Xero_Tax_Rate__c",
        (
            key(),
            _organisation("Xero_Tax_Rates"),
            text("Tax_Type__c", 50),
            number("Rate__c", 7, 4, "Percent"),
            flag("Active__c"),
            flag("Applies_To_Sales__c"),
        ),
        help="A tax rate of Xero.",
        columns=("Tax_Type__c", "Rate__c", "Active__c"),
        motif="Custom41: Calculator",
    ),
    Object(
        "Xero_Tracking_Option__c",
        (key(), _organisation("Xero_Tracking_Options"), text("Category__c", 100), flag("Active__c")),
        help="An option of one of Xero's tracking categories.",
        columns=("Category__c", "Active__c"),
        motif="Custom83: Pushpin",
    ),
    Object(
        "Xero_Item__c",
        (
            key(),
            _organisation("Xero_Items"),
            lookup("Product__c", "Product2", "Xero_Items"),
            text("Item_Id__c", 36),
            text("Code__c", 30),
            text("Account_Code__c", 10),
            text("Tax_Type__c", 50),
            flag("Tracked__c", help="Whether Xero counts its stock."),
            number("Quantity_On_Hand__c", 16, 4),
        ),
        help="An item of Xero's price list.",
        columns=("Code__c", "Product__c", "Quantity_On_Hand__c"),
        motif="Custom13: Box",
    ),
    Object(
        "Xero_Contact__c",
        (
            key(),
            _organisation("Xero_Contacts"),
            lookup("Account__c", "Account", "Xero_Contacts"),
            text("Contact_Id__c", 36),
            text("Account_Number__c", 50),
            text("Status__c", 40),
            money("Balance__c", help="Owed, with tax, less credit; empty when in several currencies."),
            money("Overdue__c", help="Past its due date; empty when in several currencies."),
            text("Currency__c", 100, help="The currency of what is owed, or each of several."),
        ),
        help="A customer as one Xero organisation has it.",
        columns=("Account__c", "Balance__c", "Overdue__c", "Currency__c"),
        motif="Custom15: People",
    ),
    Object(
        "Xero_Invoice__c",
        (
            key(),
            _organisation("Xero_Invoices"),
            lookup("Xero_Contact__c", "Xero_Contact__c", "Xero_Invoices"),
            lookup("Account__c", "Account", "Xero_Invoices"),
            lookup("Opportunity__c", "Opportunity", "Xero_Invoices"),
            text("Invoice_Id__c", 36),
            text("Invoice_Number__c", 255),
            text("Reference__c", 255),
            text("Status__c", 40),
            text("Payment_Status__c", 40),
            day("Date__c"),
            day("Due_Date__c"),
            day("Paid_Date__c"),
            *_TOTALS,
            money("Amount_Due__c"),
            money("Amount_Paid__c"),
            money("Amount_Credited__c"),
            _CURRENCY,
            link("Url__c", help="Opens the invoice in Xero."),
        ),
        help="A sales invoice as Xero has it, whoever made it.",
        columns=("Account__c", "Date__c", "Total__c", "Amount_Due__c", "Payment_Status__c"),
        motif="Custom45: Cash",
    ),
    Object(
        "Xero_Invoice_Line__c",
        (
            key(),
            lookup("Xero_Invoice__c", "Xero_Invoice__c", "Xero_Invoice_Lines"),
            lookup("Xero_Account__c", "Xero_Account__c", "Xero_Invoice_Lines"),
            lookup("Xero_Tax_Rate__c", "Xero_Tax_Rate__c", "Xero_Invoice_Lines"),
            lookup("Xero_Item__c", "Xero_Item__c", "Xero_Invoice_Lines"),
            long_text("Description__c", 4000),
            number("Quantity__c", 16, 4),
            money("Unit_Amount__c", 4),
            number("Discount_Rate__c", 7, 4, "Percent"),
            money("Line_Amount__c"),
            money("Tax_Amount__c"),
            text("Item_Code__c", 30),
            text("Account_Code__c", 10),
            text("Tax_Type__c", 50),
            text("Tracking__c", 255),
            flag("Removed__c", help="It is no longer on the invoice."),
        ),
        label="Xero Invoice Line",
        help="A line of a sales invoice.",
        columns=("Xero_Invoice__c", "Quantity__c", "Line_Amount__c"),
        motif="Custom67: Gears",
    ),
    Object(
        "Xero_Credit_Note__c",
        (
            key(),
            _organisation("Xero_Credit_Notes"),
            lookup("Xero_Contact__c", "Xero_Contact__c", "Xero_Credit_Notes"),
            lookup("Xero_Invoice__c", "Xero_Invoice__c", "Xero_Credit_Notes", help="Where it went to one invoice."),
            lookup("Account__c", "Account", "Xero_Credit_Notes"),
            lookup("Opportunity__c", "Opportunity", "Xero_Credit_Notes"),
            text("Credit_Note_Id__c", 36),
            text("Credit_Note_Number__c", 255),
            text("Reference__c", 255),
            text("Status__c", 40),
            day("Date__c"),
            *_TOTALS,
            money("Remaining__c", help="Not used by an invoice yet."),
            _CURRENCY,
            link("Url__c", help="Opens the credit note in Xero."),
        ),
        help="A sales credit note as Xero has it.",
        columns=("Account__c", "Date__c", "Total__c", "Remaining__c", "Status__c"),
        motif="Custom28: Envelope",
    ),
    Object(
        "Xero_Payment__c",
        (
            key(),
            lookup("Xero_Invoice__c", "Xero_Invoice__c", "Xero_Payments", entered=True),
            text("Payment_Id__c", 36),
            money("Amount__c", entered=True),
            _CURRENCY,
            day("Date__c", entered=True),
            text("Reference__c", 255, entered=True),
            text("Status__c", 40),
        ),
        help="A payment of a sales invoice, as Xero has it, or recorded here by a person and carried into Xero.",
        columns=("Xero_Invoice__c", "Date__c", "Amount__c", "Status__c"),
        motif="Custom40: Coins",
        people="make",
        rules=(
            Rule(
                "Xero_Has_It",
                "AND(NOT($Permission.Crossfoot_Bypass), NOT(ISNEW()), NOT(ISBLANK(PRIORVALUE(Xero_Key__c))))",
                "Xero has this payment. Take it away in Xero, then record another one here.",
            ),
        ),
    ),
    Object(
        "Xero_Request__c",
        (
            key(),
            lookup("Xero_Invoice__c", "Xero_Invoice__c", "Xero_Requests", granted="read", entered=True),
            choice("Action__c", *ACTIONS, granted="read", entered=True),
            text("Reason__c", granted="read", entered=True),
            flag("Approved__c", granted="read", entered=True, help="Set by somebody else than who asks."),
            text("Status__c", 40),
            text("Outcome__c", help="What became of it, or why it waits."),
        ),
        help="Something that a person asks Crossfoot to do in Xero, and another person approves.",
        columns=("Xero_Invoice__c", "Action__c", "Approved__c", "Status__c"),
        motif="Custom70: Handsaw",
        people="ask",
        rules=(
            Rule(
                "Somebody_Else_Approves",
                "AND(Approved__c, OR(ISNEW(), AND(ISCHANGED(Approved__c), CreatedById = $User.Id)))",
                "Somebody else than who asks approves it, after it was saved.",
            ),
            Rule(
                "Stays_As_Asked",
                "AND(NOT(ISNEW()), OR(ISCHANGED(Xero_Invoice__c), ISCHANGED(Action__c), ISCHANGED(Reason__c)))",
                "A request stays as it was made. Make a new one.",
            ),
        ),
    ),
    Object(
        "Xero_Sync_Issue__c",
        (
            key(),
            lookup("Account__c", "Account", "Xero_Sync_Issues"),
            lookup("Opportunity__c", "Opportunity", "Xero_Sync_Issues"),
            text("Reason__c", 60),
            long_text("Cause__c", 4000),
            long_text("Next_Step__c", 1000),
            long_text("Vendor_Text__c", 4000, help="The refusing system's own words."),
            text("Responsible__c", 40),
            text("Status__c", 40),
            money("Amount__c", help="The money at stake, ex tax."),
            _CURRENCY,
            moment("Opened__c"),
        ),
        help="Why a record waits, and what to do about it: an entry of Crossfoot's review queue.",
        columns=("Opportunity__c", "Reason__c", "Responsible__c", "Amount__c", "Status__c"),
        motif="Custom79: Warning",
    ),
)

STANDARD = (
    Object(
        "Account",
        (
            text("Xero_Contact_Id__c", 36),
            money("Xero_Balance__c", help=f"Owed, with tax, less credit. {_NOT_SUMMED}"),
            money("Xero_Overdue__c", help=f"Past its due date, with tax. {_NOT_SUMMED}"),
            money("Xero_Credit_Exposure__c", help=f"The balance and drafts not approved yet, with tax. {_NOT_SUMMED}"),
            day("Xero_Oldest_Overdue__c", help="Due date of the oldest invoice that is overdue."),
            number("Xero_Days_To_Pay__c", 5, 0, help="Average of the invoices paid in the last twelve months."),
            text("Xero_Currency__c", 100, help="The currency of what is owed; of several, see the Xero Contacts."),
        ),
    ),
    Object(
        "Opportunity",
        (
            Field("Deal_Number__c", "AutoNumber", {"displayFormat": "D-{00000}"}, granted="read"),
            text("Xero_Invoice_Number__c", 255),
            text("Xero_Invoice_Id__c", 36),
            link("Xero_Invoice_Url__c"),
            text("Xero_Status__c", 40),
            text("Xero_Payment_Status__c", 40),
            money("Xero_Subtotal__c", help="Of the invoice, ex tax."),
            money("Xero_Tax__c"),
            money("Xero_Total__c", help="Of the invoice, with tax."),
            money("Xero_Amount_Due__c", help="Outstanding, with tax."),
            money("Xero_Amount_Paid__c", help="Paid, with tax."),
            day("Xero_Paid_Date__c"),
            money("Xero_Scheduled__c", help="Won and not due to be invoiced before a later day, ex tax."),
            money("Xero_Drafted__c", help="Drafted and not approved yet, ex tax."),
            money("Xero_Invoiced__c", help="Approved in Xero, ex tax. A draft is not invoiced."),
            money("Xero_Uninvoiced__c", help="Won and not invoiced yet, ex tax, drafts included."),
            text("Xero_Sync_State__c", 40),
            text("Xero_Last_Error__c", 255, help="Why it waits, in words."),
            *coding("Opportunities"),
        ),
    ),
    Object("OpportunityLineItem", coding("Opportunity_Products")),
    Object(
        "Product2",
        (
            text("Xero_Account_Code__c", 10, granted="read"),
            text("Xero_Tax_Type__c", 50, granted="read"),
            number("Xero_Stock__c", 16, 4, help="On hand, where Xero counts it."),
            *coding("Products"),
        ),
    ),
)
# Deployed where the org has Orders.
ORDERS = (
    Object("Xero_Invoice__c", (lookup("Order__c", "Order", "Xero_Invoices"),)),
    Object("OrderItem", coding("Order_Products")),
)
# Deployed where supplier bills are asked for.
BILLS = (
    Object(
        "Xero_Bill__c",
        (
            key(),
            _organisation("Xero_Bills"),
            text("Supplier__c"),
            text("Bill_Id__c", 36),
            text("Bill_Number__c", help="The supplier's own number."),
            text("Status__c", 40),
            text("Payment_Status__c", 40),
            day("Date__c"),
            day("Due_Date__c"),
            day("Paid_Date__c"),
            *_TOTALS,
            money("Amount_Due__c"),
            money("Amount_Paid__c"),
            money("Amount_Credited__c"),
            _CURRENCY,
            link("Url__c", help="Opens the bill in Xero."),
        ),
        help="A supplier's bill as Xero has it.",
        columns=("Supplier__c", "Date__c", "Due_Date__c", "Total__c", "Amount_Due__c"),
        motif="Custom46: Postage",
    ),
)
