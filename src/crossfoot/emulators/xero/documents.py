"""What invoices and credit notes share: the status machine, what may be edited when, lines, currency, locks, numbers.

A kind of document is one ``Form``; ``build`` does the rest for all of them (XERO 4.3, 4.4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from crossfoot.emulators.xero import contacts, plans, stock
from crossfoot.emulators.xero.fields import DAY, FLAG, GUID, NUMBER, SEEN_FLAG, STAMP, Check, Fields, choice, text
from crossfoot.emulators.xero.formats import ZERO, round_amount
from crossfoot.emulators.xero.kinds import Call, Record
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
SETTLED_EDIT = "This document cannot be edited as it has a payment or credit note allocated to it."
# Once something is applied, only these and the number may change (XERO 4.3).
SETTLED_FIELDS = frozenset(
    {"Reference", "DueDate", "BrandingThemeID", "Contact", "Url", "PlannedPaymentDate", "SentToContact"}
)
STILL_FIELDS = frozenset({"DueDate", "SentToContact"})
SETTLED_LINE_FIELDS = frozenset({"LineItemID", "Description", "AccountCode", "AccountID", "Tracking"})
COMPUTED = ("SubTotal", "TotalTax", "Total")  # may be sent, never obeyed
ROUNDING_MAX = Decimal("0.10")
_NOT_ASCII = re.compile(r"[^ -~]")

FIELDS: Fields = {
    "Contact": CONTACT_REFERENCE,
    "LineItems": LINE_ITEMS,
    "Date": DAY,
    "DueDate": DAY,
    "LineAmountTypes": choice("Exclusive", "Inclusive", "NoTax"),
    "Reference": text(255),
    "BrandingThemeID": GUID,
    "CurrencyCode": text(3),
    "CurrencyRate": NUMBER,
    "Status": choice("DRAFT", "SUBMITTED", "DELETED", "AUTHORISED", "PAID", "VOIDED"),
    "SentToContact": FLAG,
    **dict.fromkeys(COMPUTED, NUMBER),
    "FullyPaidOnDate": STAMP,
    "IsDiscounted": SEEN_FLAG,
    "HasAttachments": SEEN_FLAG,
    "UpdatedDateUTC": STAMP,
}


@dataclass(frozen=True, slots=True)
class Form:
    """What differs between the kinds of document: names, sides, and the rules that are one kind's own."""

    plural: str
    noun: str  # as the messages say it
    id_field: str
    number_field: str
    sales_type: str
    series: str  # the counter that numbers come from
    not_unique: str
    discounts: bool
    empty_drafts: bool  # whether a draft may be without lines
    blank: Record
    check_header: Callable[[Call, Record, Check], None]
    is_settled: Callable[[Record], bool]
    settlement: Callable[[Call, Record], Record]  # what payments and allocations leave


def build(form: Form, call: Call, old: Record | None, values: Record, check: Check) -> Record:
    """The document that an element asks for; problems go into the Check."""
    told = {name: values.pop(name, None) for name in COMPUTED}
    record = {
        **(old or _blank(form, call)),
        **{name: value for name, value in values.items() if value is not None or old},
    }
    if not record["Type"]:
        check.refuse("A Type must be specified for this type of transaction")
        return record
    if old is not None and record["Type"] != old["Type"]:
        check.refuse(f"The Type of {_article(form.noun)} cannot be changed")
    status = _check_status(form, call, old, record, check)
    if check.problems:
        return record
    contact = _contact(call, old, values, record, check)
    record["LineAmountTypes"] = record["LineAmountTypes"] or "Exclusive"
    fill_currency(call, old, values, record, check)
    record["LineItems"] = _lines(form, call, old, values, record, contact, check)
    record |= totals(record["LineItems"], record["LineAmountTypes"])
    _round_total(call, status, values, told, record, check)
    record["Status"] = status
    _check_header(form, call, record, check)
    _check_settled(form, old, values, record, check)
    _check_locks(call, old, record, check)
    plans.check_document(call.organisation, old, record, check)
    stock.price(call, old, record, check)
    if check.problems:
        return record
    _number(form, call, old, record, check)
    return record | form.settlement(call, record)


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _blank(form: Form, call: Call) -> Record:
    themes = sorted(call.organisation.all("BrandingThemes"), key=lambda theme: theme["SortOrder"])
    return {
        "Type": None,
        form.id_field: call.world.new_id(),
        form.number_field: None,
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
        "SentToContact": False,
        **form.blank,
    }


def _check_status(form: Form, call: Call, old: Record | None, record: Record, check: Check) -> str:
    """The status after this write, by the table of transitions."""
    before = old["Status"] if old else None
    not_valid = f"{form.noun.capitalize()} not of valid status for modification"
    wanted = str(record["Status"] or before or "DRAFT")
    if wanted == "PAID" and before == "AUTHORISED" and old is not None:
        check.refuse(not_valid, illegal="status PAID sent; payments set it")
    elif before is not None and not TRANSITIONS[before]:
        check.refuse(not_valid, illegal=f"edit of a {before} {form.noun}")
    elif wanted == "VOIDED" and old is not None and form.is_settled(old):
        check.refuse(
            f"The status VOIDED cannot be applied to the {form.noun} because it has payments or credit notes "
            "allocated to it.",
            illegal=f"void of {_article(form.noun)} with payments or credits",
        )
    elif wanted not in TRANSITIONS[before]:
        check.refuse(not_valid, illegal=f"status {before or 'new'} to {wanted}")
    if old is not None and not call.is_person and old.get("_app") is None:
        check.illegal.append("edit of a document that a person created")
    return wanted


def _contact(call: Call, old: Record | None, values: Record, record: Record, check: Check) -> Record | None:
    if old is not None and not values.get("Contact"):
        record["Contact"] = old["Contact"]
        return call.organisation.get("Contacts", old["Contact"]["ContactID"])
    contact = contacts.resolve(call, values.get("Contact"), check)
    if contact is not None:
        record["Contact"] = {"ContactID": contact["ContactID"]}
    return contact


def sent_rate(values: Record, check: Check) -> Decimal | None:
    """A currency rate as sent, with its six decimals; it divides, so nothing may be left of zero (XERO 4.3)."""
    sent = values.get("CurrencyRate")
    rate = None if sent is None else round_amount(sent, 6)
    if rate is not None and rate <= 0:
        check.refuse("The CurrencyRate must be greater than zero")
        return None
    return rate


def fill_currency(call: Call, old: Record | None, values: Record, record: Record, check: Check) -> None:
    """The base currency has rate 1; another takes the sent rate, else the day's (XERO 4.3)."""
    code = (record["CurrencyCode"] or call.organisation.base_currency).upper()
    record["CurrencyCode"] = code
    if not plans.takes_currency(call.organisation, code):
        check.refuse(f"Organisation is not subscribed to currency {code}", illegal="currency that is not enabled")
    if code == call.organisation.base_currency:
        record["CurrencyRate"] = Decimal("1.0000000000")
        return
    day_rate = call.organisation.day_rate(code, record["Date"] or call.today)
    moved = old is None or (old["CurrencyCode"], old["Date"]) != (code, record["Date"])
    sent = sent_rate(values, check)
    if sent is not None:
        record["CurrencyRate"] = sent
        if abs(sent - day_rate) > day_rate / 10:
            check.warn(f"The currency rate {sent} differs by more than 10% from the market rate {day_rate}.")
    elif moved or record["CurrencyRate"] is None:
        record["CurrencyRate"] = day_rate


def _lines(
    form: Form, call: Call, old: Record | None, values: Record, record: Record, contact: Record | None, check: Check
) -> list[Record]:
    """Sent lines replace all lines: known ids are updated, the others added, what is missing is gone (XERO 4.3)."""
    known = {line["LineItemID"]: line for line in (old or {}).get("LineItems", [])}
    sent = values.get("LineItems")
    if sent is None:
        sent = [{"LineItemID": line_id} for line_id in known]
    elif known and not call.is_person and not any(line.get("LineItemID") in known for line in sent):
        check.illegal.append("lines replaced without their LineItemIDs")
    approved = record["Status"] in POSTED
    if not sent and (approved or not form.empty_drafts):
        check.refuse("One or more line items must be specified")
    side = SALES if record["Type"] == form.sales_type else PURCHASES
    mode = record["LineAmountTypes"]
    new_mode = old is not None and old["LineAmountTypes"] != mode
    rules = replace(side, approved=approved, new_mode=new_mode, discounts=side.discounts and form.discounts)
    approving = approved and old is not None and old["Status"] not in POSTED
    if values.get("LineItems") is None and old is not None and not new_mode and not approving:
        return list(known.values())
    return [
        build_line(call, line, known.pop(line.get("LineItemID") or "", None), mode, rules, contact, check)
        for line in sent
    ]


def _round_total(call: Call, status: str, values: Record, told: Record, record: Record, check: Check) -> None:
    """An organisation with the capability may round an invoice's total by up to ten cents (XERO 4.3)."""
    if not call.organisation.state.get("rounding_amounts"):
        values.pop("RoundingAmount", None)
        record.pop("RoundingAmount", None)
    if values.get("RoundingAmount"):
        record["RoundingAmount"] = round_amount(values["RoundingAmount"])
        if abs(record["RoundingAmount"]) > ROUNDING_MAX:
            check.refuse(f"The RoundingAmount must be between -{ROUNDING_MAX} and {ROUNDING_MAX}")
        if status not in {*POSTED, "SUBMITTED"} or None in told.values():
            check.refuse("A RoundingAmount needs SubTotal, TotalTax and Total, and status SUBMITTED or AUTHORISED")
            return
        record["EnteredTotal"] = round_amount(told["Total"])
    record["Total"] += record.get("RoundingAmount") or ZERO


def _check_header(form: Form, call: Call, record: Record, check: Check) -> None:
    if record["Date"] is None:
        record["Date"] = call.today
    form.check_header(call, record, check)
    if record["Total"] < 0:
        check.refuse("The Total for this document must be greater than or equal to zero.")
    if record["Type"] != form.sales_type:
        record["Reference"] = None
    if record["SentToContact"] and record["Status"] not in POSTED:
        check.warn(f"Only AUTHORISED {form.noun}s may have SentToContact updated.")
        record["SentToContact"] = False
    theme = record["BrandingThemeID"]
    if theme and call.organisation.get("BrandingThemes", theme) is None:
        check.refuse("The BrandingThemeID could not be found.")


def _check_settled(form: Form, old: Record | None, values: Record, record: Record, check: Check) -> None:
    """On a document with payments or credits only the harmless may change (XERO 4.3)."""
    if old is None or not form.is_settled(old):
        return
    free = SETTLED_FIELDS | {form.id_field, form.number_field, "LineItems", "Status"}
    changed = {name for name in values if name not in free and record.get(name) != old.get(name)}
    if "LineItems" in values and not _same_amounts(old["LineItems"], record["LineItems"]):
        changed.add("LineItems")
    if record["Contact"] != old["Contact"] and (old.get("_credits") or old.get("Allocations")):
        changed.add("Contact")  # a credit is its customer's
    if changed:
        check.refuse(SETTLED_EDIT, illegal=f"edit of {', '.join(sorted(changed))} on a paid or part-paid {form.noun}")


def is_still(form: Form, old: Record, new: Record) -> bool:
    """Whether a change is one that If-Modified-Since does not find: the due date, or that it was sent, of a document
    with payments or credits (XERO 3.7)."""
    changed = {name for name in new if not name.startswith("_") and new[name] != old.get(name)}
    return form.is_settled(old) and bool(changed) and changed <= STILL_FIELDS


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


def _number(form: Form, call: Call, old: Record | None, record: Record, check: Check) -> None:
    """Sales documents have unique numbers, given from the series when none is sent; bills carry any text (XERO 4.3)."""
    number = record[form.number_field]
    if number and _NOT_ASCII.search(number):
        check.refuse(f"{form.number_field} must consist of printable ASCII characters.")
    if record["Type"] != form.sales_type or record["Status"] == "DELETED":
        record[form.number_field] = number or ""
        return
    if not number:
        kept = old[form.number_field] if old else None
        record[form.number_field] = kept or call.organisation.next_number(form.plural, form.series)
        return
    same = call.organisation.find(form.plural, "UniqueNumber", number)
    if any(other[form.id_field] != record[form.id_field] for other in same):
        check.refuse(form.not_unique)
