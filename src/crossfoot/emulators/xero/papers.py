"""Purchase orders, quotes, repeating invoices and receipts: documents with lines that post nothing (XERO 4.15, 4.16,
4.20, 4.24). Apps write all but receipts, of which they only read here.

A kind of paper is one ``Paper``; ``_build`` does the rest for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any

from crossfoot.emulators.xero import contacts
from crossfoot.emulators.xero.documents import fill_currency
from crossfoot.emulators.xero.errors import bad_query
from crossfoot.emulators.xero.fields import (
    DAY,
    FLAG,
    GUID,
    NUMBER,
    SEEN,
    SEEN_FLAG,
    STAMP,
    Check,
    Field,
    Fields,
    an_object,
    choice,
    text,
)
from crossfoot.emulators.xero.formats import date_string, fold, parse_day
from crossfoot.emulators.xero.invoices import by_member
from crossfoot.emulators.xero.kinds import SUMMARY, Call, Keep, Kind, Record, shown_lines
from crossfoot.emulators.xero.lines import (
    CONTACT_REFERENCE,
    LINE_ITEMS,
    PURCHASES,
    SALES,
    LineRules,
    build_line,
    totals,
)
from crossfoot.emulators.xero.plans import check_action

Statuses = Mapping[str | None, tuple[str, ...]]

COMMON: Fields = {
    "Contact": CONTACT_REFERENCE,
    "LineItems": LINE_ITEMS,
    "BrandingThemeID": GUID,
    "CurrencyCode": text(3),
    "CurrencyRate": NUMBER,
    "HasAttachments": SEEN_FLAG,
    **dict.fromkeys(("SubTotal", "TotalTax", "Total", "TotalDiscount"), Field("number", read_only=True)),
    "UpdatedDateUTC": STAMP,
}
AMOUNTS = ("LineItems", "LineAmountTypes", "CurrencyCode", "CurrencyRate")
_MODE_WORDS = {"EXCLUSIVE": "Exclusive", "INCLUSIVE": "Inclusive", "NOTAX": "NoTax"}
MODES = choice("Exclusive", "Inclusive", "NoTax")
USER: Fields = {"UserID": GUID, "FirstName": SEEN, "LastName": SEEN}


@dataclass(frozen=True, slots=True)
class Paper:
    """What differs between the kinds: members, statuses, lines and numbers."""

    plural: str
    singular: str
    id_field: str
    families: tuple[str, ...]
    fields: Fields
    statuses: Statuses  # what a status may become; None is a new document
    rules: Callable[[Record], LineRules]
    blank: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)  # member -> what is said when it is missing
    closed: frozenset[str] = frozenset()  # statuses in which amounts stay as they are
    each_time: tuple[str, ...] = ()  # members that every update has to repeat
    series: str | None = None
    number_field: str = ""
    fixed_prices: bool = False  # unit prices have four decimals always (XERO 3.10)
    lists_lines: bool = True  # whether a list shows lines
    new_contacts: bool = True  # whether an unknown contact name makes a contact
    hidden: frozenset[str] = frozenset({"IsDiscounted"})
    check: Callable[[Call, Record, Check], None] | None = None
    view: Callable[[Call, Record], Record] = lambda _call, _record: {}


def _build(paper: Paper, call: Call, old: Record | None, values: Record, check: Check) -> Record:
    record = {**(old or _blank(paper, call)), **{name: value for name, value in values.items() if value is not None}}
    before = old["Status"] if old else None
    if record["Status"] not in paper.statuses[before]:
        check.refuse(f"{paper.singular} not of valid status for modification")
    for name, message in paper.needs.items():
        if not (values if name in paper.each_time else record).get(name):
            check.refuse(message)
    if check.problems:
        return record
    contact = _contact(paper, call, record, check)
    fill_currency(call, old, values, record, check)
    priced = replace(call, query={**call.query, "unitdp": "4"}) if paper.fixed_prices else call
    known = {line["LineItemID"]: line for line in (old or {}).get("LineItems", [])}
    sent = values.get("LineItems")
    mode = _MODE_WORDS[record["LineAmountTypes"].upper()]
    new_mode = old is not None and old["LineAmountTypes"] != record["LineAmountTypes"]
    rules = replace(paper.rules(record), new_mode=new_mode)
    if sent is None and new_mode:
        sent = [{"LineItemID": line_id} for line_id in known]
    if sent is not None:
        record["LineItems"] = [
            build_line(priced, line, known.pop(line.get("LineItemID") or "", None), mode, rules, contact, check)
            for line in sent
        ]
    record |= totals(record["LineItems"], mode)
    if old and {before, record["Status"]} <= paper.closed and any(record[name] != old[name] for name in AMOUNTS):
        check.refuse(f"{paper.singular} not of valid status for modification")
    if paper.check:
        paper.check(call, record, check)
    if paper.series and not check.problems:
        _number(paper, call, record, check)
    return record


def _blank(paper: Paper, call: Call) -> Record:
    return {
        paper.id_field: call.world.new_id(),
        "Date": call.today,
        "LineItems": [],
        "LineAmountTypes": "Exclusive",
        "CurrencyCode": None,
        "CurrencyRate": None,
        "Status": "DRAFT",
        "HasAttachments": False,
        **paper.blank,
    }


def _contact(paper: Paper, call: Call, record: Record, check: Check) -> Record | None:
    sent = record["Contact"]
    if not paper.new_contacts and not sent.get("ContactID") and sent.get("Name"):
        found = call.organisation.find_one("Contacts", "Name", sent["Name"])
        if found is None:
            check.refuse("The contact must exist before it can be used on this document")
            return None
        sent = {"ContactID": found["ContactID"]}
    contact = contacts.resolve(call, sent, check)
    if contact is not None:
        record["Contact"] = {"ContactID": contact["ContactID"]}
    return contact


def _match(paper: Paper, call: Call, values: Record, check: Check) -> Record | None:
    """POST with a known number edits the document that has it (XERO 3.3; unconfirmed beyond the id)."""
    number = values.get(paper.number_field)
    found = call.organisation.find_one(paper.plural, "UniqueNumber", number) if number else None
    if found is not None:
        check.illegal.append(f"POST of a {paper.singular} by number, without its id, overwrites")
    return found


def _number(paper: Paper, call: Call, record: Record, check: Check) -> None:
    """Numbers are unique, and given from the organisation's series when none is sent."""
    assert paper.series
    name = paper.number_field
    if not record.get(name):
        record[name] = call.organisation.next_number(paper.plural, paper.series)
    same = call.organisation.find(paper.plural, "UniqueNumber", record[name])
    if any(other[paper.id_field] != record[paper.id_field] for other in same):
        check.refuse(f"{paper.singular} number must be unique.")


def _view(paper: Paper, call: Call, record: Record, shape: str) -> Record:
    lines = record["LineItems"]
    shown = {
        **record,
        "Contact": contacts.nested(call, record["Contact"]["ContactID"], shape),
        "LineItems": lines if paper.fixed_prices else shown_lines(call, lines),
        **paper.view(call, record),
    }
    if shape == SUMMARY and not paper.lists_lines:
        shown["LineItems"] = []
    return {name: value for name, value in shown.items() if name not in paper.hidden}


def _days(member: str, keeps: Callable[[date, date], bool]) -> Callable[[Call, list[str]], Keep]:
    """A query parameter that bounds a date; a record without that date is left out."""

    def make(_call: Call, values: list[str]) -> Keep:
        try:
            bound = parse_day(",".join(values))
        except ValueError as error:
            raise bad_query(str(error)) from None
        return lambda _call, record: record.get(member) is not None and keeps(record[member], bound)

    return make


def _part_of(member: str) -> Callable[[Call, list[str]], Keep]:
    def make(_call: Call, values: list[str]) -> Keep:
        wanted = fold(",".join(values))
        return lambda _call, record: wanted in fold(record[member])

    return make


def _make_kind(paper: Paper, **declared: Any) -> Kind:
    return Kind(
        plural=paper.plural,
        singular=paper.singular,
        id_field=paper.id_field,
        families=paper.families,
        fields=paper.fields,
        view=partial(_view, paper),
        match=partial(_match, paper) if paper.series else None,
        build=partial(_build, paper),
        joins={"Contact": ("Contacts", "ContactID")},
        **declared,
    )


_from, _to = (lambda day, bound: day >= bound), (lambda day, bound: day <= bound)
_INVOICES = ("accounting.invoices",)
_CONTACT_NEEDED = {"Contact": "A Contact must be specified for this type of transaction"}
_LINES_NEEDED = {"LineItems": "One or more line items must be specified"}


def _check_order(_call: Call, record: Record, check: Check) -> None:
    if record["SentToContact"] and record["Status"] not in {"AUTHORISED", "BILLED"}:
        check.warn("Only AUTHORISED purchase orders may have SentToContact updated.")
        record["SentToContact"] = False


ORDER = Paper(
    plural="PurchaseOrders",
    singular="PurchaseOrder",
    id_field="PurchaseOrderID",
    families=_INVOICES,
    fields={
        "PurchaseOrderID": GUID,
        "PurchaseOrderNumber": text(255),
        **COMMON,
        "Date": DAY,
        "DeliveryDate": DAY,
        "ExpectedArrivalDate": DAY,
        "LineAmountTypes": MODES,
        "Reference": text(255),
        "Status": choice("DRAFT", "SUBMITTED", "AUTHORISED", "BILLED", "DELETED"),
        "SentToContact": FLAG,
        "DeliveryAddress": text(),
        "AttentionTo": text(),
        "Telephone": text(),
        "DeliveryInstructions": text(500),
    },
    statuses={
        None: ("DRAFT", "SUBMITTED", "AUTHORISED", "BILLED"),
        "DRAFT": ("DRAFT", "SUBMITTED", "AUTHORISED", "BILLED", "DELETED"),
        "SUBMITTED": ("DRAFT", "SUBMITTED", "AUTHORISED", "BILLED", "DELETED"),
        "AUTHORISED": ("AUTHORISED", "BILLED", "DELETED"),
        "BILLED": ("BILLED", "AUTHORISED", "DELETED"),
        "DELETED": (),
    },
    rules=lambda _record: replace(PURCHASES, discounts=True, price_with_quantity=True),
    blank={"SentToContact": False},
    needs=_CONTACT_NEEDED | _LINES_NEEDED,
    series="purchase_order",
    number_field="PurchaseOrderNumber",
    fixed_prices=True,
    new_contacts=False,
    check=_check_order,
)
QUOTE = Paper(
    plural="Quotes",
    singular="Quote",
    id_field="QuoteID",
    families=_INVOICES,
    fields={
        "QuoteID": GUID,
        "QuoteNumber": text(255),
        **COMMON,
        "Date": DAY,
        "ExpiryDate": DAY,
        "LineAmountTypes": choice("EXCLUSIVE", "INCLUSIVE", "NOTAX"),
        "Reference": text(4000),
        "Title": text(100),
        "Summary": text(3000),
        "Terms": text(4000),
        "Status": choice("DRAFT", "SENT", "DECLINED", "ACCEPTED", "INVOICED", "DELETED"),
    },
    statuses={
        None: ("DRAFT", "SENT"),
        "DRAFT": ("DRAFT", "SENT", "DELETED"),
        "SENT": ("SENT", "ACCEPTED", "DECLINED", "DELETED"),
        "DECLINED": ("DECLINED", "SENT", "DELETED"),
        "ACCEPTED": ("ACCEPTED", "INVOICED", "SENT", "DELETED"),
        "INVOICED": ("INVOICED", "SENT", "DELETED"),
        "DELETED": (),
    },
    rules=lambda _record: replace(SALES, spelled_out=True),
    closed=frozenset({"ACCEPTED", "DECLINED", "INVOICED"}),
    blank={"LineAmountTypes": "EXCLUSIVE"},
    needs=_CONTACT_NEEDED | {"Date": "A Date must be specified for this type of transaction"} | _LINES_NEEDED,
    each_time=("Contact", "Date"),
    series="quote",
    number_field="QuoteNumber",
    fixed_prices=True,
    hidden=frozenset({"IsDiscounted", "HasAttachments"}),
    view=lambda _call, record: {
        "DateString": date_string(record["Date"]),
        "ExpiryDateString": date_string(record.get("ExpiryDate")),
    },
)


def _check_repeating(call: Call, record: Record, check: Check) -> None:
    schedule = {name: value for name, value in record["Schedule"].items() if value is not None}
    if not schedule.get("Period") or not schedule.get("Unit") or not schedule.get("StartDate"):
        check.refuse("A Schedule with Period, Unit and StartDate must be specified")
        return
    schedule |= {name: int(schedule[name]) for name in ("Period", "DueDate") if name in schedule}
    record["Schedule"] = {"NextScheduledDate": schedule["StartDate"], **schedule}
    noun = "Invoice" if record["Type"] == "ACCREC" else "Bill"
    check_action(call.organisation, f"CreateRepeating{noun}", check)


_DUE = ("DAYSAFTERBILLDATE", "DAYSAFTERBILLMONTH", "DAYSAFTERINVOICEDATE", "DAYSAFTERINVOICEMONTH")
_SCHEDULE: Fields = {
    "Period": NUMBER,
    "Unit": choice("WEEKLY", "MONTHLY"),
    "DueDate": NUMBER,
    "DueDateType": choice(*_DUE, "OFCURRENTMONTH", "OFFOLLOWINGMONTH"),
    "StartDate": DAY,
    "NextScheduledDate": DAY,
    "EndDate": DAY,
}
_SENDING = ("ApprovedForSending", "SendCopy", "MarkAsSent", "IncludePDF")
REPEATING = Paper(
    plural="RepeatingInvoices",
    singular="RepeatingInvoice",
    id_field="RepeatingInvoiceID",
    families=_INVOICES,
    fields={
        "RepeatingInvoiceID": GUID,
        "Type": choice("ACCREC", "ACCPAY"),
        **COMMON,
        "Schedule": an_object(_SCHEDULE),
        "LineAmountTypes": MODES,
        "Reference": text(255),
        "Status": choice("DRAFT", "AUTHORISED", "DELETED"),
        **dict.fromkeys(_SENDING, FLAG),
    },
    statuses={
        None: ("DRAFT", "AUTHORISED"),
        "DRAFT": ("DRAFT", "AUTHORISED", "DELETED"),
        "AUTHORISED": ("AUTHORISED", "DRAFT", "DELETED"),
        "DELETED": (),
    },
    rules=lambda record: SALES if record["Type"] == "ACCREC" else PURCHASES,
    blank=dict.fromkeys(_SENDING, False),
    needs=_CONTACT_NEEDED
    | _LINES_NEEDED
    | {"Type": "A Type must be specified for this type of transaction", "Schedule": "A Schedule must be specified"},
    hidden=frozenset({"IsDiscounted", "TotalDiscount", "CurrencyRate", "Date"}),
    check=_check_repeating,
    view=lambda _call, record: {"ID": record["RepeatingInvoiceID"]},
)


def _check_receipt(call: Call, record: Record, check: Check) -> None:
    user = call.organisation.get("Users", record["User"].get("UserID") or "")
    if user is None:
        check.refuse("User could not be found")
        return
    record["User"] = {name: user[name] for name in USER}
    record.setdefault("ReceiptNumber", str(len(call.organisation.tables.get("Receipts", {})) + 1))


RECEIPT = Paper(
    plural="Receipts",
    singular="Receipt",
    id_field="ReceiptID",
    families=("accounting.classicexpenses",),
    fields={
        "ReceiptID": GUID,
        **COMMON,
        "Date": DAY,
        "User": an_object(USER),
        "LineAmountTypes": MODES,
        "Reference": text(255),
        "Status": choice("DRAFT", "SUBMITTED", "AUTHORISED", "DECLINED", "VOIDED"),
        "ReceiptNumber": SEEN,
    },
    statuses={
        None: ("DRAFT",),
        "DRAFT": ("DRAFT", "SUBMITTED"),
        "SUBMITTED": ("SUBMITTED", "AUTHORISED", "DECLINED", "DRAFT"),
        "DECLINED": ("DECLINED", "DRAFT"),
        "AUTHORISED": ("AUTHORISED", "VOIDED"),
        "VOIDED": (),
    },
    rules=lambda _record: PURCHASES,
    needs=_CONTACT_NEEDED | _LINES_NEEDED | {"User": "A User must be specified"},
    hidden=frozenset({"IsDiscounted", "TotalDiscount", "CurrencyCode", "CurrencyRate"}),
    lists_lines=False,
    check=_check_receipt,
)

PURCHASE_ORDERS = _make_kind(
    ORDER,
    number_index="PurchaseOrderNumber",
    lists={"Status": by_member("Status"), "DateFrom": _days("Date", _from), "DateTo": _days("Date", _to)},
    paged=True,
    always_paged=True,
)
QUOTES = _make_kind(
    QUOTE,
    lists={
        "Status": by_member("Status"),
        "ContactID": by_member("Contact", "ContactID"),
        "QuoteNumber": _part_of("QuoteNumber"),
        "DateFrom": _days("Date", _from),
        "DateTo": _days("Date", _to),
        "ExpiryDateFrom": _days("ExpiryDate", _from),
        "ExpiryDateTo": _days("ExpiryDate", _to),
    },
    paged=True,
)
REPEATING_INVOICES = _make_kind(REPEATING, modified_since=False)
RECEIPTS = _make_kind(RECEIPT, people_only=True)
KINDS = (PURCHASE_ORDERS, QUOTES, REPEATING_INVOICES, RECEIPTS)
