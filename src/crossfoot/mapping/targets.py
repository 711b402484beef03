"""What ``crossfoot.yaml`` may and must name on Xero's side of each flow, and what may be shown in Salesforce."""

from __future__ import annotations

from crossfoot.mapping.lenses import CONTACT_PARTS, ITEM_PARTS

CONTACT_FIELDS = frozenset(member for shape in CONTACT_PARTS.values() for member in shape.members)
ITEM_FIELDS = frozenset(member for shape in ITEM_PARTS.values() for member in shape.members)
INVOICE_FIELDS = frozenset(
    {"Name", "Owner", "Contact", "Date", "DueDate", "Currency", "Number", "Reference", "Amount", "Discount"}
)
LINE_FIELDS = frozenset(
    {"Product", "Description", "ItemCode", "Quantity", "UnitAmount", "DiscountRate", "AccountCode", "TaxType"}
)
PAYMENT_FIELDS = frozenset({"Invoice", "Amount", "Date", "Account", "Currency", "Reference", "Name", "Owner"})
PAYMENT_TERMS = ("Invoice", "Amount", "Date")
PAYMENT_WRITE_BACK = frozenset({"Key", "PaymentID", "Status"})
CONTACT_WRITE_BACK = frozenset(
    {"ContactID", "Outstanding", "Overdue", "Exposure", "OldestOverdue", "DaysToPay", "Currency"}
)
ITEM_WRITE_BACK = frozenset({"QuantityOnHand"})
INVOICE_WRITE_BACK = frozenset(
    {"InvoiceID", "Number", "Link", "Status", "PaymentStatus", "SubTotal", "TotalTax", "Total", "AmountDue",
     "AmountPaid", "AmountCredited", "PaidDate", "Date", "DueDate", "Reference", "Scheduled", "Drafted", "Invoiced",
     "Uninvoiced", "SyncState", "LastError"}
)  # fmt: skip
REQUIRED = {
    "customers": {"Name"},
    "products": {"Code", "Name"},
    "invoices": {"Name", "Contact", "Date", "Currency", "Reference", "Amount"},
    "lines": {"Description", "Quantity", "UnitAmount"},
    "people": {"LastName"},
    "payments": {"Invoice", "Amount", "Date", "Account"},
}
