"""Who is granted what of the Salesforce package: permission sets over the tables of ``salesforce_tables``.

What a person may do is said by Salesforce's own permissions on objects and fields, which hold in every window and in
every API; no list of Crossfoot's repeats it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tools.salesforce_tables import BILLS, OBJECTS, ORDERS, STANDARD, Object, coding

PERMISSIONS = {
    "Crossfoot_Bypass": "Crossfoot Bypass: exempt the integration user from your own rules with $Permission",
}

_READ = {"allowRead": True}
_MAKE = {"allowCreate": True, "allowEdit": True, "allowRead": True}


@dataclass(frozen=True, slots=True)
class Grants:
    """A permission set. ``fields`` maps a full field name to whether it may be edited; each may be read."""

    name: str
    label: str
    help: str
    objects: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    fields: Mapping[str, bool] = field(default_factory=dict)
    permissions: tuple[str, ...] = ()
    user_permissions: tuple[str, ...] = ()
    tabs: tuple[str, ...] = ()
    app: bool = False


def _fields(objects: Iterable[Object], *, edit: bool) -> dict[str, bool]:
    return {
        f"{each.name}.{own.name}": edit and own.granted == "edit"
        for each in objects
        for own in each.fields
        if own.granted
    }


def _written(each: Object) -> dict[str, bool]:
    """What the integration user needs on an object of ours: requests it answers, the rest it makes."""
    asked = {"allowEdit": True, "allowRead": True}
    return {**(asked if each.people == "ask" else _MAKE), "viewAllRecords": True}


def _viewing(
    name: str,
    about: str,
    *entered: str,
    objects: Mapping[str, Mapping[str, bool]] | None = None,
) -> Grants:
    """A permission set for people: they see everything of the mirror, and fill the fields that are named."""
    seen = {each.name: _READ for each in OBJECTS}
    fields = {**_fields((*OBJECTS, *STANDARD), edit=False), **dict.fromkeys(entered, True)}
    return Grants(
        f"Crossfoot_{name}",
        f"Crossfoot {name}",
        about,
        objects={**seen, **(objects or {})},
        fields=fields,
        tabs=tuple(seen),
        app=True,
    )


def _entered(object_name: str, *leaving: str) -> list[str]:
    """The fields of an object that people fill."""
    [found] = [each for each in OBJECTS if each.name == object_name]
    return [f"{object_name}.{own.name}" for own in found.fields if own.entered and own.name not in leaving]


_CODING = [f"{name}.{each.name}" for name in ("Opportunity", "OpportunityLineItem") for each in coding("x")]
# Standard fields that the default mapping reads. Required fields, names and owners take no grant.
_READ_STANDARD = (
    "Account.AccountNumber",
    "Account.BillingAddress",
    "Opportunity.AccountId",
    "Opportunity.Amount",
    "OpportunityLineItem.Description",
    "OpportunityLineItem.Discount",
    "OpportunityLineItem.Product2Id",
    "OpportunityLineItem.UnitPrice",
    "Product2.Description",
    "Product2.Family",
    "Product2.ProductCode",
)

INTEGRATION = Grants(
    "Crossfoot_Integration",
    "Crossfoot Integration",
    "For the integration user alone: what the flows need, and no more. It deletes nothing.",
    objects={
        **{each.name: _written(each) for each in OBJECTS},
        "Account": {"allowEdit": True, "allowRead": True, "viewAllRecords": True},
        "Opportunity": {"allowEdit": True, "allowRead": True, "viewAllRecords": True},
        "Pricebook2": _READ,
        "Product2": {"allowEdit": True, "allowRead": True, "viewAllRecords": True},
    },
    fields={
        **dict.fromkeys(_READ_STANDARD, False),
        "Account.Phone": True,  # shared with Xero unless the settings say otherwise
        **_fields((*OBJECTS, *STANDARD), edit=True),
    },
    permissions=("Crossfoot_Bypass",),
    user_permissions=("ApiEnabled", "ViewSetup"),
)
TWO_WAY = Grants(
    "Crossfoot_Integration_Two_Way",
    "Crossfoot Integration Two Way",
    "For the integration user, where Xero decides more of customers or products than phones.",
    fields=dict.fromkeys(
        (
            "Account.AccountNumber",
            "Account.BillingAddress",
            "Product2.Description",
            "Product2.ProductCode",
            "Product2.Xero_Account_Code__c",
            "Product2.Xero_Tax_Type__c",
        ),
        True,
    ),
)
PEOPLE = Grants(
    "Crossfoot_Integration_People",
    "Crossfoot Integration People",
    "For the integration user, where people at customers are kept in agreement too.",
    objects={
        "Account": {"allowRead": True, "viewAllRecords": True},
        "Contact": {"allowEdit": True, "allowRead": True, "viewAllRecords": True},
    },
    fields={"Contact.AccountId": False, "Contact.Email": True},
)
PERMISSION_SETS = (
    INTEGRATION,
    TWO_WAY,
    PEOPLE,
    _viewing("Viewer", "Sees what Xero holds: for sales people and managers."),
    _viewing(
        "Requester",
        "Sees what Xero holds, codes deals and their products, and asks for invoices to be cancelled or made anew.",
        *_CODING,
        *_entered("Xero_Request__c", "Approved__c"),
        objects={"Xero_Request__c": {"allowCreate": True, "allowRead": True}},
    ),
    _viewing(
        "Approver",
        "Sees what Xero holds, and approves what others asked for.",
        "Xero_Request__c.Approved__c",
        objects={"Xero_Request__c": {"allowEdit": True, "allowRead": True}},
    ),
    _viewing(
        "Payments",
        "Sees what Xero holds, and records payments that customers made.",
        *_entered("Xero_Payment__c"),
        objects={"Xero_Payment__c": _MAKE},
    ),
)
ORDER_SETS = (
    Grants(
        "Crossfoot_Integration_Orders",
        "Crossfoot Integration Orders",
        "For the integration user, where the org has Orders.",
        objects={"Order": {"allowRead": True, "viewAllRecords": True}, "Xero_Invoice__c": _MAKE},
        fields=_fields(ORDERS, edit=True),
    ),
)
BILL_SETS = (
    Grants(
        "Crossfoot_Integration_Bills",
        "Crossfoot Integration Bills",
        "For the integration user, where supplier bills are shown.",
        objects={
            **{each.name: _written(each) for each in BILLS},
            "Xero_Organisation__c": _READ,
        },
        fields=_fields(BILLS, edit=True),
    ),
    Grants(
        "Crossfoot_Bills",
        "Crossfoot Bills",
        "Sees supplier bills, which no other permission set shows.",
        objects={each.name: _READ for each in BILLS} | {"Xero_Organisation__c": _READ},
        fields=_fields(BILLS, edit=False),
        tabs=tuple(each.name for each in BILLS),
    ),
)
