"""Invoices and bills: the status machine, what may be edited when, numbers, settlement (XERO 4.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from crossfoot.emulators.xero import contacts
from crossfoot.emulators.xero.fields import (
    DAY,
    FLAG,
    GUID,
    NUMBER,
    STAMP,
    Check,
    Field,
    Fields,
    choice,
    text,
)
from crossfoot.emulators.xero.formats import ZERO, date_string, fold, round_amount
from crossfoot.emulators.xero.kinds import (
    PAGE,
    SINGLE,
    SUMMARY,
    Call,
    Keep,
    Kind,
    Record,
    folded_set,
    shown_lines,
    store,
)
from crossfoot.emulators.xero.lines import CONTACT_REFERENCE, LINE_ITEMS, PURCHASES, SALES, build_line, totals

# What a status may become by a client's wish; PAID is the system's (XERO 4.3).
TRANSITIONS: Mapping[str | None, frozenset[str]] = {
    None: frozenset({"DRAFT", "SUBMITTED", "AUTHORISED"}),
    "DRAFT": frozenset({"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"}),
    "SUBMITTED": frozenset({"SUBMITTED", "DRAFT", "AUTHORISED", "DELETED"}),
    "AUTHORISED": frozenset({"AUTHORISED", "VOIDED"}),
    "PAID": frozenset({"PAID"}),
    "VOIDED": frozenset(),
    "DELETED": frozenset(),
}
POSTED = frozenset({"AUTHORISED", "PAID"})
NOT_VALID = "Invoice not of valid status for modification"
SETTLED_EDIT = "This document cannot be edited as it has a payment or credit note allocated to it."
SETTLED_VOID = (
    "The status VOIDED cannot be applied to the invoice because it has payments or credit notes allocated to it."
)
# Once something is applied, only these may change (XERO 4.3).
SETTLED_FIELDS = frozenset(
    {
        "Reference",
        "DueDate",
        "InvoiceNumber",
        "BrandingThemeID",
        "Contact",
        "Url",
        "PlannedPaymentDate",
        "SentToContact",
    }
)
SETTLED_LINE_FIELDS = frozenset({"LineItemID", "Description", "AccountCode", "AccountID", "Tracking"})
COMPUTED = ("SubTotal", "TotalTax", "Total")  # may be sent, never obeyed
_NOT_ASCII = re.compile(r"[^ -~]")
_SEEN_NUMBER = Field("number", read_only=True)

FIELDS: Fields = {
    "InvoiceID": GUID,
    "InvoiceNumber": text(255),
    "Type": choice("ACCREC", "ACCPAY"),
    "Contact": CONTACT_REFERENCE,
    "LineItems": LINE_ITEMS,
    "Date": DAY,
    "DueDate": DAY,
    "LineAmountTypes": choice("Exclusive", "Inclusive", "NoTax"),
    "Reference": text(255),
    "BrandingThemeID": GUID,
    "Url": text(),
    "CurrencyCode": text(3),
    "CurrencyRate": NUMBER,
    "Status": choice("DRAFT", "SUBMITTED", "DELETED", "AUTHORISED", "PAID", "VOIDED"),
    "SentToContact": FLAG,
    "ExpectedPaymentDate": DAY,
    "PlannedPaymentDate": DAY,
    **dict.fromkeys(COMPUTED, NUMBER),
    "AmountDue": _SEEN_NUMBER,
    "AmountPaid": _SEEN_NUMBER,
    "AmountCredited": _SEEN_NUMBER,
    "FullyPaidOnDate": Field("day", read_only=True),
    "UpdatedDateUTC": STAMP,
}


def _build(call: Call, old: Record | None, values: Record, check: Check) -> Record:
    for name in COMPUTED:
        values.pop(name, None)
    record = {**(old or _blank(call)), **{name: value for name, value in values.items() if value is not None or old}}
    if not record["Type"]:
        check.refuse("A Type must be specified for this type of transaction")
        return record
    if old is not None and record["Type"] != old["Type"]:
        check.refuse("The Type of an invoice cannot be changed")
    status = _check_status(call, old, record, check)
    if check.problems:
        return record
    contact = _contact(call, old, values, record, check)
    record["LineAmountTypes"] = record["LineAmountTypes"] or "Exclusive"
    _fill_currency(call, old, values, record, check)
    record["LineItems"] = _lines(call, old, values, record, contact, check)
    record |= totals(record["LineItems"], record["LineAmountTypes"])
    record["Status"] = status
    _check_header(call, record, check)
    _check_settled(old, values, record, check)
    _check_locks(call, old, record, check)
    if check.problems:
        return record
    _number(call, old, record, check)
    return record | settlement(call, record)


def _blank(call: Call) -> Record:
    themes = sorted(call.organisation.all("BrandingThemes"), key=lambda theme: theme["SortOrder"])
    return {
        "Type": None,
        "InvoiceID": call.world.new_id(),
        "InvoiceNumber": None,
        "Reference": None,
        "Contact": None,
        "Date": call.today,
        "DueDate": None,
        "Status": None,
        "LineAmountTypes": None,
        "LineItems": [],
        "CurrencyCode": None,
        "CurrencyRate": None,
        "BrandingThemeID": themes[0]["BrandingThemeID"] if themes else None,
        "Url": None,
        "SentToContact": False,
        "AmountPaid": ZERO,
        "AmountCredited": ZERO,
    }


def _check_status(call: Call, old: Record | None, record: Record, check: Check) -> str:
    """The status after this write, by the table of transitions."""
    before = old["Status"] if old else None
    wanted = str(record["Status"] or before or "DRAFT")
    if wanted == "PAID" and before == "AUTHORISED" and old is not None:
        check.refuse(NOT_VALID, illegal="status PAID sent; payments set it")
    elif before is not None and not TRANSITIONS[before]:
        check.refuse(NOT_VALID, illegal=f"edit of a {before} invoice")
    elif wanted == "VOIDED" and old is not None and _is_settled(old):
        check.refuse(SETTLED_VOID, illegal="void of an invoice with payments or credits")
    elif wanted not in TRANSITIONS[before]:
        check.refuse(NOT_VALID, illegal=f"status {before or 'new'} to {wanted}")
    if old is not None and not call.is_person and old.get("_app") is None:
        check.illegal.append("edit of a document that a person created")
    return wanted


def _is_settled(record: Record) -> bool:
    return bool(record["AmountPaid"] or record["AmountCredited"] or record["Status"] == "PAID")


def _contact(call: Call, old: Record | None, values: Record, record: Record, check: Check) -> Record | None:
    if old is not None and not values.get("Contact"):
        record["Contact"] = old["Contact"]
        return call.organisation.get("Contacts", old["Contact"]["ContactID"])
    contact = contacts.resolve(call, values.get("Contact"), check)
    if contact is not None:
        record["Contact"] = {"ContactID": contact["ContactID"]}
    return contact


def _fill_currency(call: Call, old: Record | None, values: Record, record: Record, check: Check) -> None:
    """The base currency has rate 1; another takes the sent rate, else the day's (XERO 4.3)."""
    code = (record["CurrencyCode"] or call.organisation.base_currency).upper()
    record["CurrencyCode"] = code
    if call.organisation.get("Currencies", code) is None:
        check.refuse(f"Organisation is not subscribed to currency {code}", illegal="currency that is not enabled")
    if code == call.organisation.base_currency:
        record["CurrencyRate"] = Decimal("1.0000000000")
        return
    day_rate = call.organisation.day_rate(code, record["Date"] or call.today)
    moved = old is None or (old["CurrencyCode"], old["Date"]) != (code, record["Date"])
    sent = values.get("CurrencyRate")
    if sent is not None and sent <= 0:
        check.refuse("The CurrencyRate must be greater than zero")
        return
    if sent is not None:
        record["CurrencyRate"] = round_amount(sent, 6)
        if abs(sent - day_rate) > day_rate / 10:
            check.warn(f"The currency rate {sent} differs by more than 10% from the market rate {day_rate}.")
    elif moved or record["CurrencyRate"] is None:
        record["CurrencyRate"] = day_rate


def _lines(
    call: Call, old: Record | None, values: Record, record: Record, contact: Record | None, check: Check
) -> list[Record]:
    """Sent lines replace all lines: known ids are updated, the others added, what is missing is gone (XERO 4.3)."""
    known = {line["LineItemID"]: line for line in (old or {}).get("LineItems", [])}
    sent = values.get("LineItems")
    if sent is None:
        sent = [{"LineItemID": line_id} for line_id in known]
    elif known and not call.is_person and not any(line.get("LineItemID") in known for line in sent):
        check.illegal.append("lines replaced without their LineItemIDs")
    if not sent:
        check.refuse("One or more line items must be specified")
    side = SALES if record["Type"] == "ACCREC" else PURCHASES
    rules = replace(side, approved=record["Status"] in POSTED)
    mode = record["LineAmountTypes"]
    approving = rules.approved and old is not None and old["Status"] not in POSTED
    if values.get("LineItems") is None and old is not None and old["LineAmountTypes"] == mode and not approving:
        return list(known.values())
    return [
        build_line(call, line, known.get(line.get("LineItemID") or ""), mode, rules, contact, check) for line in sent
    ]


def _check_header(call: Call, record: Record, check: Check) -> None:
    posted = record["Status"] in POSTED | {"SUBMITTED"}
    if record["Date"] is None:
        record["Date"] = call.today
    if posted and record["DueDate"] is None:
        check.refuse("Due date cannot be empty.")
    if record["Total"] < 0:
        check.refuse("The Total for this document must be greater than or equal to zero.")
    if record.get("Url") and not _is_link(record["Url"]):
        check.refuse("Url must be a valid absolute http or https address and must not contain 'xero'.")
    if record["Type"] == "ACCPAY":
        record["Reference"] = None
    if record["SentToContact"] and record["Status"] not in POSTED:
        check.warn("Only AUTHORISED invoices may have SentToContact updated.")
        record["SentToContact"] = False
    theme = record["BrandingThemeID"]
    if theme and call.organisation.get("BrandingThemes", theme) is None:
        check.refuse("The BrandingThemeID could not be found.")


def _is_link(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and "xero" not in url.lower()


def _check_settled(old: Record | None, values: Record, record: Record, check: Check) -> None:
    """On a document with payments or credits only the harmless may change (XERO 4.3)."""
    if old is None or not _is_settled(old):
        return
    changed = {
        name
        for name in values
        if name not in SETTLED_FIELDS | {"InvoiceID", "LineItems", "Status"} and record.get(name) != old.get(name)
    }
    if "LineItems" in values and not _same_amounts(old["LineItems"], record["LineItems"]):
        changed.add("LineItems")
    if changed:
        check.refuse(SETTLED_EDIT, illegal=f"edit of {', '.join(sorted(changed))} on a paid or part-paid invoice")


def _same_amounts(old: list[Record], new: list[Record]) -> bool:
    def fixed(lines: Iterable[Record]) -> list[Record]:
        return [
            {name: value for name, value in line.items() if name not in SETTLED_LINE_FIELDS and value is not None}
            | {"LineItemID": line["LineItemID"]}
            for line in lines
        ]

    return fixed(old) == fixed(new)


def _check_locks(call: Call, old: Record | None, record: Record, check: Check) -> None:
    """Nothing posts, changes or ends on or before a lock date; drafts may be dated there (XERO 4.13)."""
    days = [document["Date"] for document in (old, record) if document and document["Status"] in {*POSTED, "VOIDED"}]
    problems = [call.organisation.lock_problem(day, adviser=call.adviser) for day in days]
    for problem in filter(None, problems):
        check.refuse(problem, illegal="an approved document dated behind the lock")


def _number(call: Call, old: Record | None, record: Record, check: Check) -> None:
    """Sales invoices have unique numbers, given from the series when none is sent; bills carry any text (XERO 4.3)."""
    number = record["InvoiceNumber"]
    if number and _NOT_ASCII.search(number):
        check.refuse("InvoiceNumber must consist of printable ASCII characters.")
    if record["Type"] != "ACCREC" or record["Status"] == "DELETED":
        record["InvoiceNumber"] = number or ""
        return
    if not number:
        record["InvoiceNumber"] = old["InvoiceNumber"] if old else call.organisation.next_invoice_number()
        return
    same = call.organisation.find("Invoices", "UniqueNumber", number)
    if any(other["InvoiceID"] != record["InvoiceID"] for other in same):
        check.refuse("Invoice # must be unique.")


def settlement(call: Call, record: Record) -> Record:
    """What payments and allocations leave: AmountPaid, AmountCredited, AmountDue, Status and FullyPaidOnDate."""
    applied = call.organisation.find("Payments", "Target", record["InvoiceID"])
    payments = [payment for payment in applied if payment["Status"] == "AUTHORISED"]
    allocations = record.get("_credits", [])
    paid = sum((payment["Amount"] for payment in payments), ZERO)
    credited = sum((credit["Amount"] for credit in allocations), ZERO)
    due = record["Total"] - paid - credited
    status = record["Status"]
    if status in POSTED:
        status = "PAID" if due == 0 else "AUTHORISED"
    last = max((row["Date"] for row in [*payments, *allocations]), default=record["Date"])
    return {
        "AmountPaid": paid,
        "AmountCredited": credited,
        "AmountDue": ZERO if status in {"VOIDED", "DELETED"} else due,
        "Status": status,
        "FullyPaidOnDate": last if status == "PAID" else None,
    }


def settle(call: Call, invoice: Record, allocations: list[Record] | None = None) -> Record:
    """Recompute an invoice after a payment or an allocation came or went; its stamp moves (XERO 11)."""
    record = {**invoice, **({} if allocations is None else {"_credits": allocations})}
    return store(call, INVOICES, record | settlement(call, record))


def _match(call: Call, values: Record, check: Check) -> Record | None:
    """POST with a known sales invoice number edits that invoice (XERO 3.3)."""
    number = values.get("InvoiceNumber")
    if not number or values.get("Type") == "ACCPAY":
        return None
    found = call.organisation.find_one("Invoices", "UniqueNumber", number)
    if found is not None:
        check.illegal.append("POST of an invoice by number, without its id, overwrites")
    return found


def _view(call: Call, record: Record, shape: str) -> Record:
    """A list without pages shows no lines; a page does; a single invoice adds the whole contact (XERO 3.8)."""
    shown = {
        **record,
        "Contact": contacts.nested(call, record["Contact"]["ContactID"], shape) if record["Contact"] else None,
        "DateString": date_string(record["Date"]),
        "DueDateString": date_string(record["DueDate"]),
        "UpdatedDateUTCString": f"{record['UpdatedDateUTC']:%Y-%m-%dT%H:%M:%SZ}"
        if "UpdatedDateUTC" in record
        else None,
        "HasErrors": False,
    }
    if shape == SUMMARY and call.asks("summaryOnly"):
        del shown["LineItems"]
        return shown
    shown["HasAttachments"] = False
    shown["Payments"] = _payments(call, record)
    shown["CreditNotes"], shown["Prepayments"] = [], []
    shown["Overpayments"] = [
        {
            "OverpaymentID": credit["OverpaymentID"],
            "ID": credit["OverpaymentID"],
            "AppliedAmount": credit["Amount"],
            "Date": credit["Date"],
        }
        for credit in record.get("_credits", [])
    ]
    if shape == SUMMARY:
        shown["LineItems"] = []
    elif shape in {PAGE, SINGLE}:
        shown["LineItems"] = shown_lines(call, record["LineItems"])
    return shown


def _payments(call: Call, record: Record) -> list[Record]:
    return [
        {
            "PaymentID": payment["PaymentID"],
            "Date": payment["Date"],
            "Amount": payment["Amount"],
            "Reference": payment.get("Reference"),
            "CurrencyRate": payment["CurrencyRate"],
            "HasAccount": True,
            "HasValidationErrors": False,
        }
        for payment in call.organisation.find("Payments", "Target", record["InvoiceID"])
        if payment["Status"] == "AUTHORISED"
    ]


def _by_member(*path: str) -> Callable[[Call, list[str]], Keep]:
    def make(_call: Call, values: list[str]) -> Keep:
        wanted = folded_set(values)

        def keep(_call: Call, record: Record) -> bool:
            value: Any = record
            for name in path:
                value = value[name]
            return fold(str(value or "")) in wanted

        return keep

    return make


INVOICES = Kind(
    plural="Invoices",
    singular="Invoice",
    id_field="InvoiceID",
    families=("accounting.invoices",),
    fields=FIELDS,
    view=_view,
    match=_match,
    build=_build,
    number_index="InvoiceNumber",
    joins={"Contact": ("Contacts", "ContactID")},
    lists={
        "IDs": _by_member("InvoiceID"),
        "InvoiceNumbers": _by_member("InvoiceNumber"),
        "ContactIDs": _by_member("Contact", "ContactID"),
        "Statuses": _by_member("Status"),
    },
    paged=True,
    event="INVOICE",
    searched=("InvoiceNumber", "Reference"),
)
