"""Quotes, orders, contracts and assets (SF 6.8-6.10)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.schema import (
    Field,
    checkbox,
    currency,
    date,
    derived,
    fixed,
    integer,
    long_text,
    moment,
    number,
    picklist,
    reference,
    system,
    text,
)
from crossfoot.emulators.salesforce.standard.base import (
    CURRENCY,
    OWNER,
    RECORD_TYPE_ID,
    address,
    catalogue,
    standard,
)

QUOTES, ORDERS = "quotes", "orders"
# Status, the category that it stands for, and whether it is the default (SF 6.9, 6.10).
ORDER_STATUSES = (("Draft", "Draft", True), ("Activated", "Activated", False))
CONTRACT_STATUSES = (
    ("Draft", "Draft", True),
    ("In Approval Process", "InApproval", False),
    ("Activated", "Activated", False),
)
QUOTE_STATUSES = ("Draft", "Needs Review", "In Review", "Approved", "Rejected", "Presented", "Accepted", "Denied")
_CATEGORIES = (text("StatusCode", 40), checkbox("IsDefault"), integer("SortOrder"))
ORDER_STATUS = catalogue("OrderStatus", "01w", *_CATEGORIES)
CONTRACT_STATUS = catalogue("ContractStatus", "01X", *_CATEGORIES)


def _status(statuses: tuple[tuple[str, str, bool], ...]) -> tuple[Field, Field]:
    names = [name for name, _, _ in statuses]
    return (
        picklist("Status", names, required=True, restricted=True),
        derived(picklist("StatusCode", length=40), "status_code"),
    )


def _line(parent: str, children: str, *, restrict: str = "Restrict") -> tuple[Field, ...]:
    """What every line of a document has: its header, its price book entry and product, and its amounts."""
    return (
        fixed(reference(f"{parent}Id", parent, children=children, required=True, on_delete="Cascade")),
        fixed(reference("PricebookEntryId", "PricebookEntry", children=children, on_delete=restrict)),
        fixed(reference("Product2Id", "Product2", children=children, on_delete=restrict)),
        number("Quantity", 12, 2, required=True),
        currency("UnitPrice", 18, 4),
        system(currency("TotalPrice")),
        derived(currency("ListPrice", 18, 4), "list_price"),
        derived(text("ProductCode"), "product_code"),
        date("ServiceDate"),
        text("Description"),
        system(CURRENCY),
    )


QUOTE = standard(
    "Quote",
    "0Q0",
    system(text("QuoteNumber", 30, autonumber="{00000000}")),
    text("Name", required=True),
    fixed(reference("OpportunityId", "Opportunity", children="Quotes", required=True, on_delete="Cascade")),
    reference("Pricebook2Id", "Pricebook2"),
    reference("ContactId", "Contact", children="Quotes"),
    reference("ContractId", "Contract"),
    RECORD_TYPE_ID,
    derived(reference("AccountId", "Account", children="Quotes"), "quote_account"),
    picklist(
        "Status", ("Draft", "Needs Review", "In Review", "Approved", "Rejected", "Presented", "Accepted", "Denied")
    ),
    date("ExpirationDate"),
    long_text("Description", 32000),
    text("Email", 80, type="email"),
    text("Phone", 40, type="phone"),
    text("Fax", 40, type="phone"),
    *(each for prefix in ("Billing", "Shipping", "QuoteTo", "Additional") for each in address(prefix)),
    *(text(f"{prefix}Name") for prefix in ("Billing", "Shipping", "QuoteTo", "Additional")),
    currency("Tax"),
    currency("ShippingHandling"),
    derived(integer("LineItemCount"), "line_count"),
    derived(currency("Subtotal"), "quote_subtotal"),
    derived(number("Discount", 5, 2, type="percent"), "quote_discount"),
    derived(currency("TotalPrice"), "quote_total"),
    derived(currency("GrandTotal"), "quote_grand_total"),
    derived(checkbox("IsSyncing"), "quote_is_syncing"),
    system(CURRENCY),
    OWNER,
    change_events=True,
    feature=QUOTES,
)
QUOTE_LINE = standard(
    "QuoteLineItem",
    "0QL",
    system(text("LineNumber", 30, autonumber="{00000000}")),
    *_line("Quote", "QuoteLineItems"),
    number("Discount", 5, 2, type="percent"),
    derived(currency("Subtotal"), "line_subtotal"),
    system(reference("OpportunityLineItemId", "OpportunityLineItem")),
    integer("SortOrder"),
    change_events=True,
    label="Quote Line Item",
    feature=QUOTES,
)
ORDER = standard(
    "Order",
    "801",
    system(text("OrderNumber", 30, autonumber="{00000000}")),
    text("Name", 80),
    reference("AccountId", "Account", children="Orders", required=True, on_delete="Restrict"),
    date("EffectiveDate", required=True),
    date("EndDate"),
    *_status(ORDER_STATUSES),
    reference("Pricebook2Id", "Pricebook2", children="Orders"),
    reference("ContractId", "Contract", children="Orders"),
    reference("OpportunityId", "Opportunity", children="Orders"),
    reference("QuoteId", "Quote", children="Orders", feature=QUOTES),
    reference("OriginalOrderId", "Order"),
    fixed(checkbox("IsReductionOrder")),
    RECORD_TYPE_ID,
    picklist("Type", length=40),
    text("PoNumber", 80),
    date("PoDate"),
    text("OrderReferenceNumber", 80),
    derived(currency("TotalAmount"), "order_total"),
    reference("BillToContactId", "Contact"),
    reference("ShipToContactId", "Contact"),
    reference("CustomerAuthorizedById", "Contact"),
    *address("Billing"),
    *address("Shipping"),
    long_text("Description", 32000),
    system(moment("ActivatedDate")),
    system(reference("ActivatedById", "User")),
    fixed(CURRENCY),
    OWNER,
    change_events=True,
    feature=ORDERS,
)
ORDER_ITEM = standard(
    "OrderItem",
    "802",
    system(text("OrderItemNumber", 30, autonumber="{0000000000}")),
    *_line("Order", "OrderItems"),
    date("EndDate"),
    fixed(reference("OriginalOrderItemId", "OrderItem")),
    reference("QuoteLineItemId", "QuoteLineItem", feature=QUOTES),
    derived(number("AvailableQuantity", 12, 2), "available_quantity"),
    recycled=False,
    change_events=True,
    label="Order Product",
    feature=ORDERS,
)
CONTRACT = standard(
    "Contract",
    "800",
    system(text("ContractNumber", 30, autonumber="{00000000}")),
    text("Name", 80),
    reference("AccountId", "Account", children="Contracts", required=True, on_delete="Restrict"),
    *_status(CONTRACT_STATUSES),
    reference("Pricebook2Id", "Pricebook2"),
    RECORD_TYPE_ID,
    date("StartDate"),
    integer("ContractTerm"),
    derived(date("EndDate"), "contract_end"),
    *address("Billing"),
    reference("CustomerSignedId", "Contact"),
    date("CustomerSignedDate"),
    date("CompanySignedDate"),
    long_text("SpecialTerms", 4000),
    long_text("Description", 32000),
    system(moment("ActivatedDate")),
    system(reference("ActivatedById", "User")),
    CURRENCY,
    OWNER,
    change_events=True,
)
ASSET = standard(
    "Asset",
    "02i",
    text("Name", required=True),
    reference("AccountId", "Account", children="Assets"),
    reference("ContactId", "Contact", children="Assets"),
    reference("Product2Id", "Product2", children="Assets"),
    derived(text("ProductCode"), "product_code"),
    text("SerialNumber", 80),
    picklist("Status", ("Shipped", "Installed", "Registered", "Obsolete", "Purchased"), length=40),
    date("PurchaseDate"),
    date("InstallDate"),
    date("UsageEndDate"),
    currency("Price"),
    number("Quantity", 12, 2),
    long_text("Description", 32000),
    CURRENCY,
    OWNER,
    change_events=True,
)
