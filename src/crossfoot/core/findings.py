"""Findings: what a person should know about a record, each with a reason from one public catalogue.

A blocking finding keeps its document in the review queue; all others go. Nobody is asked to decode a code: ``REASONS``
gives what happened, who fixes it and how, and the finding gives the record, the cause in this case and the money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from crossfoot.core.money import Money
from crossfoot.core.records import RecordRef


class Owner(StrEnum):
    """Who can fix the cause."""

    SALES = "deal owner"
    FINANCE = "finance"
    ADMIN = "administrator"


class Weight(StrEnum):
    """Whether the document waits for it."""

    BLOCKS = "waits"
    WARNS = "warning"
    NOTES = "note"


@dataclass(frozen=True, slots=True)
class Reason:
    """An entry of the catalogue."""

    title: str
    owner: Owner
    fix: str
    weight: Weight = Weight.BLOCKS


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason, about one record, with what is particular to it. ``related`` points at records shown beside it."""

    code: str
    record: RecordRef
    cause: str
    money: Money | None = None
    owner_name: str = ""
    fix: str = ""
    related: tuple[RecordRef, ...] = ()
    vendor_text: str = ""

    @property
    def reason(self) -> Reason:
        """Its entry in the catalogue."""
        return REASONS[self.code]

    @property
    def blocks(self) -> bool:
        """Whether the record waits because of it."""
        return self.reason.weight is Weight.BLOCKS


_SALES, _FINANCE, _ADMIN = Owner.SALES, Owner.FINANCE, Owner.ADMIN

REASONS: Mapping[str, Reason] = MappingProxyType(
    {
        "start_date_straddled": Reason(
            "Won on one side of the start date, closed on the other",
            _FINANCE,
            "Correct the close date, or win the deal again: the entry says which. What was billed before can be put "
            "aside.",
        ),
        "future_date": Reason("Closes in the future", _SALES, "Nothing to do: it goes on its close date."),
        "locked_period": Reason(
            "Dated in a locked period", _FINANCE, "Set the close date to the first open day, or move the lock date."
        ),
        "no_account": Reason("The deal has no account", _SALES, "Fill Account Name on the opportunity."),
        "unreadable": Reason(
            "The record cannot be read as a document", _ADMIN, "Correct the field, or the mapping in crossfoot.yaml."
        ),
        "already_invoiced": Reason(
            "It may be invoiced already",
            _FINANCE,
            "Compare both, then `crossfoot queue link` or `crossfoot queue not-same`.",
        ),
        "contact_similar": Reason(
            "Xero has a customer that may be this one",
            _FINANCE,
            "If it is the same customer `crossfoot queue link`, else `crossfoot queue not-same`.",
        ),
        "contact_same_tax_number": Reason(
            "Several accounts have the same ABN",
            _SALES,
            "Merge the accounts in Salesforce, or correct the ABN; if they are branches, `crossfoot queue not-same`.",
        ),
        "contact_ambiguous": Reason(
            "Several Xero contacts could be this customer",
            _FINANCE,
            "Merge them in Xero, or choose with `crossfoot queue link ENTRY --to CONTACT`.",
        ),
        "contact_archived": Reason(
            "The customer is archived in Xero", _FINANCE, "Restore the contact in Xero: the deal then goes by itself."
        ),
        "tax_number_invalid": Reason(
            "The ABN is not valid",
            _SALES,
            "Correct the ABN on the account; the tax number stays empty until then.",
            Weight.WARNS,
        ),
        "no_product_code": Reason("A line's product has no code", _SALES, "Fill Product Code on the product."),
        "product_code_too_long": Reason(
            "A product code is too long for Xero", _ADMIN, "Shorten the product code to 30 characters."
        ),
        "item_unknown": Reason(
            "Xero has no such item, and there is no product to make it of",
            _ADMIN,
            "Make the item in Xero, or map `Product` of the lines in crossfoot.yaml.",
        ),
        "account_missing": Reason(
            "No ledger account for a line", _FINANCE, "Name one on the product, the Xero item, or in crossfoot.yaml."
        ),
        "account_unknown": Reason(
            "A ledger account cannot be used",
            _FINANCE,
            "Correct its code where it is named: in Salesforce, on the Xero item or in crossfoot.yaml. Or restore it "
            "in Xero.",
        ),
        "tax_missing": Reason(
            "No tax type for a line", _FINANCE, "Name one on the product, the Xero item, or in crossfoot.yaml."
        ),
        "tax_unknown": Reason(
            "Xero does not know a tax type",
            _FINANCE,
            "Correct it where it is named: in Salesforce, on the Xero item or in crossfoot.yaml.",
        ),
        "tax_retired": Reason(
            "A tax rate is no longer in use",
            _FINANCE,
            "Choose a current one where it is named: in Salesforce, on the Xero item or in crossfoot.yaml. Or restore "
            "the rate in Xero.",
        ),
        "tax_not_for_account": Reason(
            "A tax type does not fit the ledger account",
            _FINANCE,
            "Choose a tax type that applies to revenue where it is named: in Salesforce, on the Xero item or in "
            "crossfoot.yaml.",
        ),
        "tracking_unknown": Reason(
            "Xero does not know a tracking option", _FINANCE, "Add the option in Xero, or correct it in Salesforce."
        ),
        "tracking_archived": Reason(
            "A tracking option is archived", _FINANCE, "Restore the option in Xero, or choose another in Salesforce."
        ),
        "currency_not_enabled": Reason(
            "The currency is not enabled in Xero", _FINANCE, "Add the currency in Xero, or change the deal's currency."
        ),
        "currency_decimals": Reason(
            "Xero cannot hold the currency's decimals",
            _FINANCE,
            "Invoice this deal by hand in another currency, with its number (else its id) as the reference: you are "
            "then asked to link it.",
        ),
        "country_blank": Reason(
            "The customer's country is not known", _SALES, "Fill Billing Country on the account: it decides the tax."
        ),
        "country_without_rule": Reason(
            "No tax rule for the customer's country",
            _FINANCE,
            "Add a row under `coding.tax_by_country` in crossfoot.yaml.",
        ),
        "negative_deal": Reason(
            "The deal is below zero",
            _FINANCE,
            "Make a credit note in Xero by hand, then `crossfoot queue ignore` the entry: it stays on the tie-out.",
        ),
        "negative_quantity": Reason(
            "A line has a negative quantity and a negative price", _SALES, "Correct the line in Salesforce."
        ),
        "no_products": Reason(
            "The deal has no products",
            _SALES,
            "Check the single line of the draft, or add products to the deal.",
            Weight.WARNS,
        ),
        "no_products_no_account": Reason(
            "The deal has no products and no account is named for that",
            _FINANCE,
            "Add products, or name `coding.no_products_account` in crossfoot.yaml.",
        ),
        "rounding_too_large": Reason(
            "The lines do not add up to the deal", _SALES, "Correct the deal's prices: the difference is too large."
        ),
        "rounding": Reason(
            "A rounding difference of cents", _FINANCE, "Nothing to do: it is named on the tie-out.", Weight.NOTES
        ),
        "number_taken": Reason(
            "The invoice number is taken in Xero",
            _FINANCE,
            "Look at the invoice of that number: renumber it, or `crossfoot queue link` it. One that is voided cannot "
            "be renumbered: linked, it can be made anew under the next number.",
        ),
        "refused_by_xero": Reason(
            "Xero refused the document",
            _FINANCE,
            "See Xero's own words; correct the cause, then `crossfoot queue retry`.",
        ),
        "write_back_refused": Reason(
            "Salesforce refused the status",
            _ADMIN,
            "See the rule's own text; the invoice is not affected. Correct the cause, then `crossfoot queue retry`.",
        ),
        "readback_differs": Reason(
            "Xero kept something else than was sent",
            _FINANCE,
            "Compare the invoice with the deal before approving it. One that was made approved: void it if it is "
            "wrong, else `crossfoot queue retry` closes this.",
        ),
        "not_shown": Reason(
            "Xero does not show what it said it wrote",
            _FINANCE,
            "Look for it in Xero. If it is not there, `crossfoot queue retry` writes it again, under the same number, "
            "which Xero never gives twice.",
        ),
        "rate_unusual": Reason(
            "An unusual exchange rate", _FINANCE, "Check the rate on the draft before approving it.", Weight.WARNS
        ),
        "changed_after_approval": Reason(
            "The deal changed after its invoice was approved",
            _FINANCE,
            "`crossfoot queue reissue` credits it and makes a new one; or set the deal back. If the invoice is right, "
            "decide the parts named here as it has them: `crossfoot queue edit`. The invoice is untouched.",
        ),
        "draft_edited": Reason(
            "Finance edited the invoice in Xero", _FINANCE, "Nothing to do: the person's edit is kept.", Weight.NOTES
        ),
        "changed_and_draft_edited": Reason(
            "The deal changed and finance edited the draft",
            _FINANCE,
            "If the deal is right, edit the draft in Xero. If the draft is right, decide the parts named here as it "
            "has them: `crossfoot queue edit`.",
        ),
        "invoice_voided": Reason(
            "The invoice was voided, deleted or credited in Xero",
            _FINANCE,
            "Nothing is created again by itself; `crossfoot queue retry` re-issues it under the next number.",
        ),
        "no_longer_won": Reason(
            "The deal is no longer won but its invoice stands",
            _FINANCE,
            "`crossfoot queue cancel` takes it back. Take money off it in Xero first, as an overpayment; "
            "or win the deal again.",
        ),
        "worth_nothing": Reason(
            "The deal is worth nothing now but its invoice stands",
            _FINANCE,
            "`crossfoot queue cancel` takes it back. Take money off it in Xero first, as an overpayment; "
            "or correct the deal.",
        ),
        "source_deleted": Reason(
            "The deal was deleted but its invoice stands",
            _FINANCE,
            "`crossfoot queue cancel` takes it back. Take money off it in Xero first, as an overpayment; "
            "or restore the deal.",
        ),
        "undone": Reason(
            "Its draft was deleted by `crossfoot undo`", _FINANCE, "`crossfoot queue retry` makes it again."
        ),
        "object_missing": Reason(
            "Salesforce no longer shows an object", _ADMIN, "Grant it to the integration user, or edit crossfoot.yaml."
        ),
        "field_missing": Reason(
            "Salesforce no longer shows a field", _ADMIN, "Grant it to the integration user, or edit crossfoot.yaml."
        ),
        "field_type_changed": Reason(
            "A field changed its type", _ADMIN, "Change it back, or edit the mapping in crossfoot.yaml."
        ),
        "object_not_writable": Reason(
            "An object can no longer be written",
            _ADMIN,
            "Grant it to the integration user, or bring it in again: `crossfoot connect salesforce --install`.",
        ),
        "field_not_writable": Reason(
            "A field can no longer be written", _ADMIN, "Grant edit access to the integration user."
        ),
        "field_required": Reason(
            "A field is required now and nothing fills it", _ADMIN, "Make it optional, or give it a default."
        ),
        "choice_missing": Reason(
            "A picklist does not take what Xero says", _ADMIN, "Add the value to the picklist, or lift its restriction."
        ),
        "flow_paused": Reason(
            "Waits for a change of the Salesforce schema",
            _ADMIN,
            "See the entry that names the field: once that is mended this goes by itself.",
        ),
        "salesforce_allowance": Reason(
            "The org's share of API calls is used up",
            _ADMIN,
            "Nothing to do: work goes on when calls are free again. See what else uses them, or raise the share.",
        ),
        "field_conflict": Reason(
            "Salesforce and Xero hold different values",
            _FINANCE,
            "Say which side is right: `crossfoot queue choose ENTRY --field NAME --side salesforce` (or xero).",
            Weight.WARNS,
        ),
        "field_unreadable": Reason(
            "A field of a linked record cannot be read",
            _SALES,
            "Correct the value: until then the field is left alone on both sides.",
            Weight.WARNS,
        ),
        "field_refused": Reason(
            "One side refused a change from the other",
            _ADMIN,
            "See its own words; correct the cause, then `crossfoot queue retry`.",
            Weight.WARNS,
        ),
        "blank_kept": Reason(
            "A field was emptied on one side only",
            _SALES,
            "Nothing to do: a blank overwrites nothing. Empty it on the other side too, if that is meant.",
            Weight.NOTES,
        ),
        "flapping": Reason(
            "Something turns a field back again and again",
            _ADMIN,
            "Look for a flow, a trigger or another app that edits this field; it is tried again after an hour.",
            Weight.WARNS,
        ),
        "link_archived": Reason(
            "A linked contact is archived in Xero",
            _FINANCE,
            "Nothing is written to it. Restore it in Xero if the customer still buys.",
            Weight.NOTES,
        ),
        "link_deleted": Reason(
            "A linked record was deleted in Salesforce",
            _FINANCE,
            "Nothing is deleted in Xero. Restore the record, or archive the contact by hand.",
            Weight.NOTES,
        ),
        "person_unknown": Reason(
            "A person stands in Xero only",
            _SALES,
            "Add the person to the account in Salesforce: both are then one by e-mail or name. None is made by itself.",
            Weight.NOTES,
        ),
        "person_gone": Reason(
            "A person is not found in Xero any more",
            _SALES,
            "Nothing is deleted in Salesforce. Add the person in Xero again, give both sides one name or e-mail, or "
            "let the contact no longer count.",
            Weight.NOTES,
        ),
        "person_not_primary": Reason(
            "Another person stands as the primary one in Xero",
            _SALES,
            "Let the two change places in Xero, or name one contact of the account alone as primary.",
            Weight.NOTES,
        ),
        "person_no_room": Reason(
            "Xero has no room for another person",
            _SALES,
            "Take a person away in Xero, or let fewer contacts of the account count.",
            Weight.WARNS,
        ),
        "accounts_merged": Reason(
            "Two customers were merged in Salesforce",
            _FINANCE,
            "Merge the two contacts in Xero; documents go to the one of the account that stands.",
            Weight.WARNS,
        ),
        "contacts_merged": Reason(
            "Two customers were merged in Xero",
            _SALES,
            "Merge the two accounts in Salesforce; until then the contact follows the one shown first.",
            Weight.WARNS,
        ),
        "cancel_not_possible": Reason(
            "The invoice cannot be taken back",
            _FINANCE,
            "See why and correct it in Xero, or win the deal again. `crossfoot queue retry` sends at once what Xero "
            "refused.",
            Weight.WARNS,
        ),
        "reissue_not_possible": Reason(
            "The invoice cannot be credited and made anew",
            _FINANCE,
            "See why and correct it in Xero, or set the deal back. `crossfoot queue retry` sends at once what Xero "
            "refused.",
            Weight.WARNS,
        ),
        "reissue_unfinished": Reason(
            "An invoice is being credited and its new one is not made yet",
            _FINANCE,
            "Each sync goes on with it. See what it waits for: the cause, or the deal's other entries here.",
            Weight.WARNS,
        ),
        "credit_left": Reason(
            "Credit is left over from an invoice that was made anew",
            _FINANCE,
            "Put it against the new invoice in Xero once that is approved. Where that is another customer's, or in "
            "another currency, refund it.",
            Weight.NOTES,
        ),
        "payment_unreadable": Reason(
            "A recorded payment cannot be read",
            _SALES,
            "Fill the payment's invoice, date, account and an amount above zero with at most two decimals.",
        ),
        "payment_no_invoice": Reason(
            "A recorded payment names an invoice that Xero does not show",
            _SALES,
            "Point the payment at the invoice's record, or have an administrator delete the payment's row.",
        ),
        "payment_not_due": Reason(
            "The invoice takes no payment",
            _FINANCE,
            "Approve the invoice if it is a draft; else point the payment at another, "
            "or have an administrator delete its row.",
        ),
        "payment_currency": Reason(
            "A recorded payment is in another currency than its invoice",
            _SALES,
            "Correct the currency: a payment is recorded in the invoice's own.",
        ),
        "payment_too_large": Reason(
            "A recorded payment is more than the invoice owes",
            _FINANCE,
            "Correct the amount; money beyond the invoice is an overpayment, to be entered in Xero.",
        ),
        "payment_account": Reason(
            "The account cannot take the payment",
            _FINANCE,
            "Name a bank account, or enable payments to the account in Xero.",
        ),
        "payment_date": Reason(
            "A recorded payment has a date on which Xero takes none",
            _FINANCE,
            "Correct the date, or move the lock date; a future date goes on its day.",
        ),
        "payment_maybe_there": Reason(
            "The payment may be in Xero already",
            _FINANCE,
            "Compare both: if it is the same money have an administrator delete the row, "
            "else `crossfoot queue not-same`.",
        ),
        "payment_unsure": Reason(
            "It is not known yet whether Xero made a payment",
            _FINANCE,
            "Nothing to do: it is looked up, and nothing is sent again before that.",
            Weight.WARNS,
        ),
        "payment_twice": Reason(
            "A recorded payment is in Xero twice", _FINANCE, "Remove one of the two payments in Xero."
        ),
        "payment_differs": Reason(
            "Xero kept another payment than was recorded",
            _FINANCE,
            "Compare the payment in Xero with the row; remove it in Xero and record it anew if it is wrong.",
        ),
        "payment_not_shown": Reason(
            "Xero does not show a payment that it said it made",
            _FINANCE,
            "Look at the invoice in Xero. If the payment is not there, `crossfoot queue retry` looks once more, and "
            "the second sync from then makes it anew.",
        ),
        "payment_row_changed": Reason(
            "A payment's row changed after the payment was made",
            _FINANCE,
            "Payments cannot be changed: set the row back, or remove the payment in Xero and record a new row.",
        ),
        "payment_row_deleted": Reason(
            "A payment's row was deleted, the payment stands",
            _FINANCE,
            "Remove the payment in Xero if it was wrong; else restore the row, or, where it is gone, "
            "`crossfoot queue ignore`.",
        ),
        "payment_removed": Reason(
            "A recorded payment was removed in Xero",
            _FINANCE,
            "Nothing is made again by itself: record a new row if the money came after all; "
            "an administrator may delete this one.",
            Weight.NOTES,
        ),
        "override_stands": Reason(
            "A person decided a part of the document otherwise",
            _FINANCE,
            "Nothing to do: it is dropped by itself once the source says the same.",
            Weight.NOTES,
        ),
        "override_proposed": Reason(
            "Another amount was proposed and waits for a second person",
            _FINANCE,
            "Somebody else approves it by its number: `crossfoot queue approve OVERRIDE`, or takes it back with `queue "
            "withdraw`.",
        ),
        "override_outdated": Reason(
            "The source changed under a person's decision",
            _FINANCE,
            "Decide again with `crossfoot queue edit`, or follow the source: `crossfoot queue withdraw OVERRIDE`.",
        ),
        "duplicate_incident": Reason(
            "Two live invoices name the same deal",
            _FINANCE,
            "Void or credit the wrong one in Xero; nothing is written for this deal before that.",
        ),
    }
)
