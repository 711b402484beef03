"""What the platform's own logic does when a record of each object is saved (SF 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from crossfoot.emulators.salesforce import access_rules
from crossfoot.emulators.salesforce.rules import (
    addresses,
    customers,
    deals,
    definitions,
    duplicates,
    files,
    lines,
    orders,
    prices,
    quotes,
    record_types,
)
from crossfoot.emulators.salesforce.schema import SObject
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.world import Row

BeforeSave = Callable[[Transaction, Row | None, Row, frozenset[str]], None]
AfterSave = Callable[[Transaction, Row | None, Row | None], None]
BeforeDelete = Callable[[Transaction, Row], None]


def before_save(tx: Transaction, sobject: SObject, old: Row | None, row: Row, given: frozenset[str]) -> None:
    """Fill in what follows from the fields that were ``given``, or refuse them."""
    for each in _BEFORE_SAVE.get(sobject.name, ()):
        each(tx, old, row, given)
    record_types.check(tx, sobject, row, given)
    addresses.check(tx, sobject, old, row, given)


def before_write(tx: Transaction, sobject: SObject, old: Row | None, row: Row, given: frozenset[str]) -> None:
    """The last word on a record that is valid by itself: duplicates of it (SF 2.3)."""
    duplicates.check(tx, sobject, old, row, given)


def after_save(tx: Transaction, sobject: SObject, old: Row | None, row: Row | None) -> None:
    """Carry the change on to other records. ``old`` is None after a creation, ``row`` after a deletion."""
    for each in _AFTER_SAVE.get(sobject.name, ()):
        each(tx, old, row)


def before_delete(tx: Transaction, sobject: SObject, row: Row) -> None:
    for each in _BEFORE_DELETE.get(sobject.name, ()):
        each(tx, row)


_BEFORE_SAVE: Mapping[str, tuple[BeforeSave, ...]] = {
    "Account": (customers.before_account,),
    "Contact": (customers.before_contact,),
    "Lead": (customers.before_lead,),
    "Opportunity": (deals.before_opportunity, quotes.before_opportunity),
    "OpportunityLineItem": (lines.before_line(lines.DEAL_LINE),),
    "PricebookEntry": (prices.before_entry,),
    "Quote": (quotes.before_quote,),
    "QuoteLineItem": (lines.before_line(lines.QUOTE_LINE),),
    "Order": (orders.before_activated(orders.ORDER), orders.before_order),
    "OrderItem": (orders.before_item, lines.before_line(lines.ORDER_LINE)),
    "Contract": (orders.before_activated(orders.CONTRACT),),
    "Attachment": (files.before_attachment,),
    "ContentVersion": (files.before_version,),
    "DatedConversionRate": (prices.before_dated_rate,),
    "ValidationRule": (definitions.before_validation_rule,),
    "DuplicateRule": (definitions.before_duplicate_rule,),
    "PermissionSetAssignment": (access_rules.before_assignment,),
    "ObjectPermissions": (access_rules.before_object_permissions,),
    "FieldPermissions": (access_rules.before_field_permissions,),
}
_AFTER_SAVE: Mapping[str, tuple[AfterSave, ...]] = {
    "Account": (customers.after_account,),
    "ContentVersion": (files.after_version,),
    "Opportunity": (quotes.after_opportunity,),
    "OpportunityLineItem": (deals.after_line,),
    "QuoteLineItem": (quotes.after_line,),
}
_BEFORE_DELETE: Mapping[str, tuple[BeforeDelete, ...]] = {
    "Contact": (customers.before_contact_delete,),
    "Contract": (orders.before_delete(orders.CONTRACT),),
    "DatedConversionRate": (prices.before_dated_rate_delete,),
    "Order": (orders.before_delete(orders.ORDER),),
    "OrderItem": (orders.before_item_delete,),
    "Pricebook2": (prices.before_pricebook_delete,),
}
