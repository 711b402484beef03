"""Invoices and bills: what is theirs alone, and how they are settled (XERO 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from crossfoot.emulators.xero import attachments, contacts, documents, ledger, stock
from crossfoot.emulators.xero.documents import POSTED, Form
from crossfoot.emulators.xero.fields import DAY, GUID, NUMBER, Check, Field, Fields, choice, text
from crossfoot.emulators.xero.formats import ZERO, date_string, fold, stamp_string
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

_SEEN_NUMBER = Field("number", read_only=True)

FIELDS: Fields = {
    "InvoiceID": GUID,
    "InvoiceNumber": text(255),
    "Type": choice("ACCREC", "ACCPAY"),
    **documents.FIELDS,
    "Url": text(),
    "ExpectedPaymentDate": DAY,
    "PlannedPaymentDate": DAY,
    "RoundingAmount": NUMBER,
    "EnteredTotal": _SEEN_NUMBER,
    "AmountDue": _SEEN_NUMBER,
    "AmountPaid": _SEEN_NUMBER,
    "AmountCredited": _SEEN_NUMBER,
}


def _check_header(_call: Call, record: Record, check: Check) -> None:
    if record["Status"] in POSTED | {"SUBMITTED"} and record["DueDate"] is None:
        check.refuse("Due date cannot be empty.")
    if record.get("Url") and not _is_link(record["Url"]):
        check.refuse("Url must be a valid absolute http or https address and must not contain 'xero'.")


def _is_link(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and "xero" not in url.lower()


def _is_settled(record: Record) -> bool:
    return bool(record["AmountPaid"] or record["AmountCredited"] or record["Status"] == "PAID")


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
        "UpdatedDateUTCString": stamp_string(record.get("UpdatedDateUTC")),
        "HasErrors": False,
    }
    if shape != SINGLE:
        shown |= {"RoundingAmount": None, "EnteredTotal": None}  # told of a single invoice only (XERO 4.3)
    if shape == SUMMARY and call.asks("summaryOnly"):
        del shown["LineItems"]
        return shown
    shown["HasAttachments"] = record.get("HasAttachments", False)
    if shape == SINGLE and shown["HasAttachments"]:
        shown["Attachments"] = attachments.listed(call, record["InvoiceID"])
    shown["Payments"] = _payments(call, record)
    shown |= {plural: list(_applied(call, record, plural)) for plural in ("CreditNotes", "Prepayments", "Overpayments")}
    if shape == SUMMARY:
        shown["LineItems"] = []
    elif shape in {PAGE, SINGLE}:
        shown["LineItems"] = shown_lines(call, record["LineItems"])
    return shown


def _applied(call: Call, record: Record, plural: str) -> Iterator[Record]:
    """What was allocated to an invoice from one kind of credit."""
    for credit in record.get("_credits", []):
        if credit["_kind"] == plural:
            document = call.organisation.get(plural, credit["_credit"]) or {}
            yield {
                "CreditNoteNumber": document.get("CreditNoteNumber"),
                f"{plural[:-1]}ID": credit["_credit"],
                "ID": credit["_credit"],
                "AppliedAmount": credit["Amount"],
                "Date": credit["Date"],
                "Total": document.get("Total"),
            }


def _payments(call: Call, record: Record) -> list[Record]:
    return [
        {
            "PaymentID": payment["PaymentID"],
            "Date": payment["Date"],
            "Amount": payment["Amount"],
            "Reference": payment.get("Reference"),
            "CurrencyRate": payment["CurrencyRate"],
            "BatchPaymentID": payment.get("BatchPaymentID"),
            "HasAccount": True,
            "HasValidationErrors": False,
        }
        for payment in call.organisation.find("Payments", "Target", record["InvoiceID"])
        if payment["Status"] == "AUTHORISED"
    ]


def by_member(*path: str) -> Callable[[Call, list[str]], Keep]:
    """A query list that keeps the records whose member has one of the values sent."""

    def make(_call: Call, values: list[str]) -> Keep:
        wanted = folded_set(values)

        def keep(_call: Call, record: Record) -> bool:
            value: Any = record
            for name in path:
                value = (value or {}).get(name)
            return fold(str(value or "")) in wanted

        return keep

    return make


FORM = Form(
    plural="Invoices",
    noun="invoice",
    id_field="InvoiceID",
    number_field="InvoiceNumber",
    sales_type="ACCREC",
    series="invoice",
    not_unique="Invoice # must be unique.",
    discounts=True,
    empty_drafts=False,
    blank={"Url": None, "AmountPaid": ZERO, "AmountCredited": ZERO},
    check_header=_check_header,
    is_settled=_is_settled,
    settlement=settlement,
)

INVOICES = Kind(
    plural="Invoices",
    singular="Invoice",
    id_field="InvoiceID",
    families=("accounting.invoices",),
    fields=FIELDS,
    view=_view,
    match=_match,
    build=partial(documents.build, FORM),
    after=stock.move,
    still=partial(documents.is_still, FORM),
    posting=ledger.document_posting,
    number_index="InvoiceNumber",
    joins={"Contact": ("Contacts", "ContactID")},
    lists={
        "IDs": by_member("InvoiceID"),
        "InvoiceNumbers": by_member("InvoiceNumber"),
        "ContactIDs": by_member("Contact", "ContactID"),
        "Statuses": by_member("Status"),
    },
    indexed={"InvoiceNumbers": "InvoiceNumber", "ContactIDs": "Contact"},
    paged=True,
    event="INVOICE",
    searched=("InvoiceNumber", "Reference"),
)
