"""Sundry resources that have neither lines nor postings: expense claims, employees, linked transactions, payment
services, budgets (XERO 4.19, 4.24). Apps write linked transactions and payment services, and read the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from crossfoot.emulators.xero.errors import bad_query
from crossfoot.emulators.xero.fields import (
    DAY,
    GUID,
    NUMBER,
    SEEN,
    STAMP,
    Check,
    Field,
    Fields,
    an_object,
    choice,
    rows,
    text,
)
from crossfoot.emulators.xero.formats import ZERO, fold, parse_day
from crossfoot.emulators.xero.invoices import by_member
from crossfoot.emulators.xero.kinds import SINGLE, SUMMARY, Call, Keep, Kind, Record, folded_set
from crossfoot.emulators.xero.lines import TRACKING, find_tracking
from crossfoot.emulators.xero.papers import RECEIPTS, USER

Rule = Callable[[Call, Record, Check], None]
_SEEN_NUMBER = Field("number", read_only=True)


def _no_rule(_call: Call, _record: Record, _check: Check) -> None:
    """A kind whose members say all."""


def _build(id_field: str, blank: Mapping[str, Any], needs: tuple[str, ...], rule: Rule, *context: Any) -> Record:
    """A record of a kind without lines: members over blanks, those that are needed, and a rule of the kind's own."""
    call, old, values, check = context
    given = {name: value for name, value in values.items() if value is not None}
    record: Record = {**(old or {id_field: call.world.new_id(), **blank}), **given, "UpdatedDateUTC": call.now}
    for name in needs:
        if not record.get(name):
            check.refuse(f"{name} must be specified")
    if not check.problems:
        rule(call, record, check)
    return record


def _check_claim(call: Call, record: Record, check: Check) -> None:
    """A claim is the sum of its receipts."""
    user = call.organisation.get("Users", record["User"].get("UserID") or "")
    receipts = [call.organisation.get("Receipts", row.get("ReceiptID") or "") for row in record["Receipts"]]
    if user is None:
        check.refuse("User could not be found")
        return
    record["User"] = {name: user[name] for name in USER}
    found = [receipt for receipt in receipts if receipt is not None]
    if len(found) < len(receipts):
        check.refuse("Receipt could not be found")
    record["Receipts"] = [{"ReceiptID": receipt["ReceiptID"]} for receipt in found]
    record["Total"] = sum((receipt["Total"] for receipt in found), ZERO)
    record["AmountPaid"] = record["Total"] if record["Status"] == "PAID" else ZERO
    record["AmountDue"] = record["Total"] - record["AmountPaid"]
    record["ReportingDate"] = record.get("ReportingDate") or call.today


def _view_claim(call: Call, record: Record, shape: str) -> Record:
    """A single claim shows its receipts, a list does not."""
    held = [call.organisation.get("Receipts", row["ReceiptID"]) for row in record["Receipts"]]
    receipts = [RECEIPTS.view(call, receipt, SINGLE) for receipt in held if receipt] if shape == SINGLE else []
    return {**record, "Receipts": receipts, "Payments": []}


_SOURCES: Mapping[str, str] = {"ACCPAY": "Invoices", "SPEND": "BankTransactions"}


def _check_link(call: Call, record: Record, check: Check) -> None:
    """A billable expense: a line of a bill or of money spent, and the customer's invoice line that bills it."""
    for kind, plural in _SOURCES.items():
        source = call.organisation.get(plural, record["SourceTransactionID"])
        if source is not None and source["Type"] == kind:
            break
    else:
        check.refuse("The SourceTransactionID could not be found")
        return
    record["SourceTransactionTypeCode"] = kind
    if record["SourceLineItemID"] not in {line["LineItemID"] for line in source["LineItems"]}:
        check.refuse("The SourceLineItemID and SourceTransactionID do not match")
    target = call.organisation.get("Invoices", record.get("TargetTransactionID") or "")
    if target is not None:
        record["ContactID"] = record.get("ContactID") or target["Contact"]["ContactID"]
        if record["ContactID"] != target["Contact"]["ContactID"]:
            check.refuse("The ContactID and the TargetTransaction ContactID do not match")


def _link_status(call: Call, record: Record) -> str:
    """The status follows from the documents at both ends (XERO 4.19)."""
    found = call.organisation.get(_SOURCES[record["SourceTransactionTypeCode"]], record["SourceTransactionID"])
    source = found or {"Status": "VOIDED"}
    target = call.organisation.get("Invoices", record.get("TargetTransactionID") or "")
    if source["Status"] in {"VOIDED", "DELETED"}:
        return "VOIDED"
    if target is not None and target["Status"] not in {"VOIDED", "DELETED"}:
        return "BILLED" if target["Status"] in {"AUTHORISED", "PAID"} else "ONDRAFT"
    return "APPROVED" if source["Status"] in {"AUTHORISED", "PAID"} else "DRAFT"


def _of_status(_call: Call, values: list[str]) -> Keep:
    wanted = folded_set(values)
    return lambda call, record: fold(_link_status(call, record)) in wanted


_MONTH = "%Y-%m"


def _check_budget(call: Call, record: Record, check: Check) -> None:
    record["Tracking"] = find_tracking(call, record["Tracking"], check)
    record["Type"] = "TRACKING" if record["Tracking"] else "OVERALL"
    lines: list[Record] = []
    for line in record["BudgetLines"]:
        account = call.organisation.get("Accounts", line.get("AccountID") or "") or call.organisation.find_one(
            "Accounts", "Code", line.get("AccountCode") or ""
        )
        if account is None:
            check.refuse(f"Account code '{line.get('AccountCode')}' is not a valid code for this document.")
            continue
        balances = line.get("BudgetBalances") or []
        if not all(row.get("Period") for row in balances):
            check.refuse("Period must be specified")
            continue
        balances = sorted(balances, key=lambda row: str(row["Period"]))
        lines.append(
            {"AccountID": account["AccountID"], "AccountCode": account.get("Code"), "BudgetBalances": balances}
        )
    record["BudgetLines"] = lines


def _view_budget(call: Call, record: Record, shape: str) -> Record:
    """A list shows no lines; a single budget shows the months from DateFrom to DateTo (XERO 4.24)."""
    if shape == SUMMARY:
        return {**record, "BudgetLines": []}
    try:
        bounds = [parse_day(call.query[name]) if name in call.query else None for name in ("datefrom", "dateto")]
    except ValueError as error:
        raise bad_query(str(error)) from None
    first, last = (f"{day:{_MONTH}}" if day else None for day in bounds)
    shown = [
        {
            **line,
            "BudgetBalances": [
                row for row in line["BudgetBalances"] if (first or "") <= row["Period"][:7] <= (last or "9999")
            ],
        }
        for line in record["BudgetLines"]
    ]
    return {**record, "BudgetLines": shown}


EXPENSE_CLAIMS = Kind(
    plural="ExpenseClaims",
    singular="ExpenseClaim",
    id_field="ExpenseClaimID",
    families=("accounting.classicexpenses",),
    fields={
        "ExpenseClaimID": GUID,
        "User": an_object(USER),
        "Receipts": rows({"ReceiptID": GUID}),
        "Status": choice("SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED"),
        "PaymentDueDate": DAY,
        "ReportingDate": DAY,
        **dict.fromkeys(("Total", "AmountDue", "AmountPaid"), _SEEN_NUMBER),
        "UpdatedDateUTC": STAMP,
    },
    view=_view_claim,
    build=partial(_build, "ExpenseClaimID", {"Status": "SUBMITTED"}, ("User", "Receipts"), _check_claim),
    people_only=True,
)
EMPLOYEES = Kind(
    plural="Employees",
    singular="Employee",
    id_field="EmployeeID",
    families=("accounting.settings",),
    fields={
        "EmployeeID": GUID,
        "FirstName": text(255),
        "LastName": text(255),
        "Status": choice("ACTIVE", "ARCHIVED", "DELETED"),
        "ExternalLink": an_object({"Url": text(), "Description": text()}),
        "UpdatedDateUTC": STAMP,
    },
    build=partial(_build, "EmployeeID", {"Status": "ACTIVE"}, ("FirstName", "LastName"), _no_rule),
    people_only=True,
)
LINKED_TRANSACTIONS = Kind(
    plural="LinkedTransactions",
    singular="LinkedTransaction",
    id_field="LinkedTransactionID",
    families=("accounting.invoices",),
    fields={
        **dict.fromkeys(("LinkedTransactionID", "SourceTransactionID", "SourceLineItemID"), GUID),
        **dict.fromkeys(("ContactID", "TargetTransactionID", "TargetLineItemID"), GUID),
        "Status": SEEN,
        "UpdatedDateUTC": STAMP,
    },
    view=lambda call, record, _shape: {**record, "Status": _link_status(call, record)},
    build=partial(
        _build,
        "LinkedTransactionID",
        {"Type": "BILLABLEEXPENSE"},
        ("SourceTransactionID", "SourceLineItemID"),
        _check_link,
    ),
    lists={
        **{
            name: by_member(name)
            for name in ("LinkedTransactionID", "SourceTransactionID", "TargetTransactionID", "ContactID")
        },
        "Status": _of_status,
    },
    derived={"Status": _link_status},
    modified_since=False,
    paged=True,
    one_per_call=True,
)
PAYMENT_SERVICES = Kind(
    plural="PaymentServices",
    singular="PaymentService",
    id_field="PaymentServiceID",
    families=("paymentservices",),
    fields={
        "PaymentServiceID": GUID,
        "PaymentServiceName": text(),
        "PaymentServiceUrl": text(),
        "PayNowText": text(),
    },
    view=lambda _call, record, _shape: {name: value for name, value in record.items() if name != "UpdatedDateUTC"},
    build=partial(
        _build,
        "PaymentServiceID",
        {"PaymentServiceType": "Custom", "PayNowText": "Pay now"},
        ("PaymentServiceName", "PaymentServiceUrl"),
        _no_rule,
    ),
    verbs=frozenset({"GET", "PUT"}),
    modified_since=False,
    by_id=False,
)
_BALANCE: Fields = {"Period": text(7), "Amount": NUMBER, "Notes": text(255)}
BUDGETS = Kind(
    plural="Budgets",
    singular="Budget",
    id_field="BudgetID",
    families=("accounting.budgets",),
    fields={
        "BudgetID": GUID,
        "Description": text(255),
        "Type": choice("OVERALL", "TRACKING"),
        "BudgetLines": rows({"AccountID": GUID, "AccountCode": text(10), "BudgetBalances": rows(_BALANCE)}),
        "Tracking": rows(TRACKING),
        "UpdatedDateUTC": STAMP,
    },
    view=_view_budget,
    build=partial(_build, "BudgetID", {"BudgetLines": [], "Tracking": []}, ("Description",), _check_budget),
    lists={"IDs": by_member("BudgetID")},
    modified_since=False,
    people_only=True,
)

KINDS = (EXPENSE_CLAIMS, EMPLOYEES, LINKED_TRANSACTIONS, PAYMENT_SERVICES, BUDGETS)
