"""What an organisation's plan lets it do: invoicing, several currencies, approvals a month (XERO 3.12, 4.13).

``Class`` and ``Edition`` name the plan. Which classes are entry plans, and which have several currencies, is not in
Xero's API documentation (unconfirmed).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crossfoot.emulators.xero.fields import Check
from crossfoot.emulators.xero.organisation import Organisation

Record = dict[str, Any]

MULTICURRENCY = "UseMulticurrency"
SALES_ACTIONS = (
    "CreateApprovedInvoice",
    "CreateApprovedBill",
    "CreateDraftInvoice",
    "CreateDraftBill",
    "CreateRepeatingInvoice",
    "CreateRepeatingBill",
    "CreateDraftQuote",
    "CreateSentQuote",
    "CreateDraftPurchaseOrder",
    "CreateApprovedPurchaseOrder",
    "CreateInvoicePayment",
    "AttachFilesIntoInvoice",
)
ACTIONS = (*SALES_ACTIONS, MULTICURRENCY)
BEFORE_LOCK = "ApproveTransactionsBeforePeriodLockDate"  # a right of the user, not of the plan
POSTED = frozenset({"AUTHORISED", "PAID"})
# What the Actions call a document of each type; a credit note counts as its side's document (unconfirmed).
NOUNS: Mapping[str, str] = {"ACCREC": "Invoice", "ACCPAY": "Bill", "ACCRECCREDIT": "Invoice", "ACCPAYCREDIT": "Bill"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a plan does not let an organisation do, and how many documents of a type it may approve in a month."""

    refused: frozenset[str] = frozenset()
    approvals_max: Mapping[str, int] = field(default_factory=dict)


FULL = Plan()
ONE_CURRENCY = Plan(frozenset({MULTICURRENCY}))
ENTRY = Plan(frozenset({MULTICURRENCY}), {"ACCREC": 20, "ACCPAY": 5})
BOOKS_ONLY = Plan(frozenset(ACTIONS))
PLANS: Mapping[str, Plan] = {
    **dict.fromkeys(("DEMO", "TRIAL", "COMPREHENSIVE", "ULTRA"), FULL),
    **dict.fromkeys(("PREMIUM", "PREMIUM_20", "PREMIUM_50", "PREMIUM_100"), FULL),
    **dict.fromkeys(("ULTIMATE", "ULTIMATE_10", "ULTIMATE_20", "ULTIMATE_50", "ULTIMATE_100"), FULL),
    **dict.fromkeys(("STANDARD", "GROW"), ONE_CURRENCY),
    **dict.fromkeys(("STARTER", "IGNITE", "LITE", "SIMPLE", "BASICLITE"), ENTRY),
    **dict.fromkeys(("LEDGER", "GST_CASHBOOK", "NON_GST_CASHBOOK"), BOOKS_ONLY),
}
EDITIONS = ("BUSINESS", "PARTNER")


def find_plan(info: Mapping[str, Any]) -> Plan:
    """The plan of an organisation: an accountant's edition keeps books only, as cashbooks and ledgers do."""
    return BOOKS_ONLY if info["Edition"] == "PARTNER" else PLANS.get(info["Class"], FULL)


def is_allowed(organisation: Organisation, action: str) -> bool:
    """Whether both the plan and the organisation's own settings allow an action."""
    return organisation.state["actions"].get(action, True) and action not in find_plan(organisation.info).refused


def actions(organisation: Organisation, *, adviser: bool) -> list[Record]:
    """The rows of ``/Organisation/Actions``."""
    allowed = {name: is_allowed(organisation, name) for name in ACTIONS} | {BEFORE_LOCK: adviser}
    return [{"Name": name, "Status": "ALLOWED" if flag else "NOT-ALLOWED"} for name, flag in allowed.items()]


def takes_currency(organisation: Organisation, code: str) -> bool:
    """Whether documents may be in a currency: the organisation's own, or one added under a plan with several."""
    own = code == organisation.base_currency
    return own or (organisation.get("Currencies", code) is not None and is_allowed(organisation, MULTICURRENCY))


def check_action(organisation: Organisation, action: str, check: Check) -> None:
    """Refuse what the plan does not have; the wording is unconfirmed."""
    if not is_allowed(organisation, action):
        check.refuse(
            f"The organisation's subscription does not include this action: {action}",
            illegal=f"{action} is not among the organisation's allowed actions",
        )


def check_document(organisation: Organisation, old: Record | None, record: Record, check: Check) -> None:
    """An invoice, bill or credit note that is new or now approved, against the plan and its cap of the month."""
    kind, approved = record["Type"], record["Status"] in POSTED
    approving = approved and (old is None or old["Status"] not in POSTED)
    if not approving and old is not None:
        return
    check_action(organisation, f"Create{'Approved' if approved else 'Draft'}{NOUNS[kind]}", check)
    most = find_plan(organisation.info).approvals_max.get(kind)
    if approving and most is not None and _approved_in_month(organisation, record) >= most:
        check.refuse("You have reached the limit of invoices you can approve")


def _approved_in_month(organisation: Organisation, record: Record) -> int:
    month = (record["Date"].year, record["Date"].month)
    return sum(
        (other["Date"].year, other["Date"].month) == month
        for other in organisation.all("Invoices")
        if other["Type"] == record["Type"] and other["Status"] in POSTED
    )
