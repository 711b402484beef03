"""Credit notes, prepayments and overpayments: credit that is allocated to invoices or refunded (XERO 4.4, 4.7)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from crossfoot.emulators.xero import contacts, documents, invoices, ledger, stock
from crossfoot.emulators.xero.documents import POSTED, Form
from crossfoot.emulators.xero.fields import DAY, GUID, SEEN, STAMP, Check, Field, choice, text
from crossfoot.emulators.xero.formats import ZERO, date_string, stamp_string
from crossfoot.emulators.xero.kinds import SUMMARY, Call, Kind, Record, shown_lines, store
from crossfoot.emulators.xero.lines import CONTACT_REFERENCE

_SEEN_NUMBER = Field("number", read_only=True)
_ID_FIELDS: Mapping[str, str] = {
    "CreditNotes": "CreditNoteID",
    "Prepayments": "PrepaymentID",
    "Overpayments": "OverpaymentID",
}


def _id(record: Record) -> str:
    return str(next(record[name] for name in _ID_FIELDS.values() if name in record))


def _refunds(call: Call, record: Record) -> list[Record]:
    found = call.organisation.find("Payments", "Target", _id(record))
    return [payment for payment in found if payment["Status"] == "AUTHORISED"]


def settlement(call: Call, record: Record) -> Record:
    """RemainingCredit and status after an allocation or a refund came or went; PAID when nothing is left (XERO 4.4)."""
    rows = [*record["Allocations"], *_refunds(call, record)]
    left = record["Total"] - sum((row["Amount"] for row in rows), ZERO)
    status = record["Status"]
    if status in POSTED:
        status = "AUTHORISED" if left else "PAID"
    last = max((row["Date"] for row in rows), default=record["Date"])
    return {
        "RemainingCredit": ZERO if status in {"VOIDED", "DELETED"} else left,
        "Status": status,
        "FullyPaidOnDate": last if status == "PAID" else None,
    }


def _is_settled(record: Record) -> bool:
    return bool(record["Status"] == "PAID" or record["RemainingCredit"] != record["Total"])


def _no_header_rules(_call: Call, _record: Record, _check: Check) -> None:
    """A credit note has neither a due date to check nor a link."""


def _view(call: Call, record: Record, shape: str) -> Record:
    return {
        **record,
        "ID": _id(record),
        "Contact": contacts.nested(call, record["Contact"]["ContactID"], shape) if record["Contact"] else None,
        "DateString": date_string(record["Date"]),
        "UpdatedDateUTCString": stamp_string(record.get("UpdatedDateUTC")),
        "LineItems": [] if shape == SUMMARY else shown_lines(call, record["LineItems"]),
        "Payments": [
            {"PaymentID": row["PaymentID"], "Date": row["Date"], "Amount": row["Amount"]}
            for row in _refunds(call, record)
        ],
        "HasAttachments": record.get("HasAttachments", False),
        **({"InvoiceNumber": record["Reference"]} if record["Type"] == "RECEIVE-PREPAYMENT" else {}),
    }


def _view_note(call: Call, record: Record, shape: str) -> Record:
    return _view(call, record, shape) | {"HasErrors": False}


def _match_note(call: Call, values: Record, check: Check) -> Record | None:
    """POST with a known number of a customer's credit note edits it (XERO 3.3)."""
    number = values.get("CreditNoteNumber")
    if not number or values.get("Type") == "ACCPAYCREDIT":
        return None
    found = call.organisation.find_one("CreditNotes", "UniqueNumber", number)
    if found is not None:
        check.illegal.append("POST of a credit note by number, without its id, overwrites")
    return found


NOTE_FORM = Form(
    plural="CreditNotes",
    noun="credit note",
    id_field="CreditNoteID",
    number_field="CreditNoteNumber",
    sales_type="ACCRECCREDIT",
    series="credit_note",
    not_unique="Credit Note # must be unique.",
    discounts=False,
    empty_drafts=True,
    blank={"Allocations": [], "RemainingCredit": ZERO},
    check_header=_no_header_rules,
    is_settled=_is_settled,
    settlement=settlement,
)
CREDIT_NOTES = Kind(
    plural="CreditNotes",
    singular="CreditNote",
    id_field="CreditNoteID",
    families=("accounting.invoices",),
    fields={
        "CreditNoteID": GUID,
        "CreditNoteNumber": text(255),
        "Type": choice("ACCRECCREDIT", "ACCPAYCREDIT"),
        **documents.FIELDS,
        "RemainingCredit": _SEEN_NUMBER,
    },
    view=_view_note,
    match=_match_note,
    build=partial(documents.build, NOTE_FORM),
    after=stock.move,
    still=partial(documents.is_still, NOTE_FORM),
    posting=ledger.document_posting,
    number_index="CreditNoteNumber",
    joins={"Contact": ("Contacts", "ContactID")},
    paged=True,
    event="CREDITNOTE",
)


def _of_bank(singular: str, *numbers: str) -> Kind:
    """Prepayments and overpayments are made by bank transactions, and only read here (XERO 4.7). ``numbers`` are the
    query lists that look at the reference."""
    return Kind(
        plural=f"{singular}s",
        singular=singular,
        id_field=f"{singular}ID",
        families=("accounting.payments",),
        fields={
            f"{singular}ID": GUID,
            "Type": SEEN,
            "Contact": CONTACT_REFERENCE,
            "Date": DAY,
            "Status": choice("AUTHORISED", "PAID", "VOIDED"),
            "CurrencyCode": SEEN,
            "Reference": SEEN,
            "Total": _SEEN_NUMBER,
            "RemainingCredit": _SEEN_NUMBER,
            "UpdatedDateUTC": STAMP,
        },
        view=_view,
        verbs=frozenset({"GET"}),
        joins={"Contact": ("Contacts", "ContactID")},
        lists=dict.fromkeys(numbers, invoices.by_member("Reference")),
        paged=True,
        event=singular.upper(),
    )


PREPAYMENTS, OVERPAYMENTS = (
    _of_bank("Prepayment", "InvoiceNumbers", "References"),
    _of_bank("Overpayment", "References"),
)
CREDITS: Mapping[str, Kind] = {kind.plural: kind for kind in (CREDIT_NOTES, PREPAYMENTS, OVERPAYMENTS)}


def settle(call: Call, kind: Kind, record: Record) -> Record:
    """Store a credit again after an allocation or a refund came or went."""
    settled = record | settlement(call, record)
    if kind is not CREDIT_NOTES:
        del settled["FullyPaidOnDate"]
    return store(call, kind, settled)


def settle_target(call: Call, plural: str, document: Record) -> Record:
    """Recompute the document that a payment was made against."""
    kind = CREDITS.get(plural)
    return settle(call, kind, document) if kind else invoices.settle(call, document)
