"""Bank transactions: money received and spent, and the prepayments and overpayments that come with it (XERO 4.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from crossfoot.emulators.xero import contacts, ledger, plans, stock
from crossfoot.emulators.xero.countries import no_tax
from crossfoot.emulators.xero.credit_documents import OVERPAYMENTS, PREPAYMENTS
from crossfoot.emulators.xero.documents import sent_rate
from crossfoot.emulators.xero.fields import (
    DAY,
    FLAG,
    GUID,
    NUMBER,
    SEEN_FLAG,
    STAMP,
    Check,
    Field,
    Fields,
    an_object,
    choice,
    text,
)
from crossfoot.emulators.xero.formats import date_string
from crossfoot.emulators.xero.invoices import by_member
from crossfoot.emulators.xero.kinds import SUMMARY, Call, Kind, Record, shown_lines, store
from crossfoot.emulators.xero.lines import CONTACT_REFERENCE, LINE_ITEMS, PURCHASES, SALES, build_line, compute, totals
from crossfoot.emulators.xero.payments import ACCOUNT_REFERENCE

# An overpayment's one line stands on the control account of its side, without tax (XERO 4.7).
CONTROL_ACCOUNTS: Mapping[str, str] = {"RECEIVE-OVERPAYMENT": "DEBTORS", "SPEND-OVERPAYMENT": "CREDITORS"}
# The credit that a bank transaction makes (XERO 4.7)
CREDIT_KINDS: Mapping[str, Kind] = {
    "RECEIVE-PREPAYMENT": PREPAYMENTS,
    "SPEND-PREPAYMENT": PREPAYMENTS,
    "RECEIVE-OVERPAYMENT": OVERPAYMENTS,
    "SPEND-OVERPAYMENT": OVERPAYMENTS,
}
UPDATABLE = ("RECEIVE", "SPEND")
TYPES = (*UPDATABLE, *CREDIT_KINDS)
FIELDS: Fields = {
    "BankTransactionID": GUID,
    "Type": choice(*TYPES),
    "Contact": CONTACT_REFERENCE,
    "LineItems": LINE_ITEMS,
    "BankAccount": an_object(ACCOUNT_REFERENCE),
    "IsReconciled": FLAG,
    "Date": DAY,
    "Reference": text(255),
    "CurrencyCode": text(3),
    "CurrencyRate": NUMBER,
    "Url": text(),
    "Status": choice("AUTHORISED", "DELETED"),
    "LineAmountTypes": choice("Exclusive", "Inclusive", "NoTax"),
    "SubTotal": Field("number", read_only=True),
    "TotalTax": Field("number", read_only=True),
    "Total": Field("number", read_only=True),
    "HasAttachments": SEEN_FLAG,
    "UpdatedDateUTC": STAMP,
}


def _build(call: Call, old: Record | None, values: Record, check: Check) -> Record:
    if old is not None and _is_closed(old, values, check):
        return old
    record = {**(old or _blank(call)), **{name: value for name, value in values.items() if value is not None}}
    bank = _bank_account(call, record.get("BankAccount"), check)
    contact = contacts.resolve(call, record.get("Contact"), check)
    if record.get("Type") is None:
        check.refuse("A Type must be specified for this type of transaction")
    if check.problems or bank is None or contact is None:
        return record
    record["Contact"] = {"ContactID": contact["ContactID"]}
    record["BankAccount"] = {"AccountID": bank["AccountID"], "Code": bank.get("Code"), "Name": bank["Name"]}
    record["Date"] = record["Date"] or call.today
    _fill_currency(call, bank, values, record, check)
    record["LineItems"] = _lines(call, old, values, record, contact, check)
    record |= totals(record["LineItems"], record["LineAmountTypes"])
    del record["TotalDiscount"], record["IsDiscounted"]
    stock.price(call, old, record, check)
    if record["Total"] <= 0:
        check.refuse("The Total for this document must be greater than zero.")
    for day in {record["Date"], old["Date"] if old else record["Date"]}:
        if problem := call.organisation.lock_problem(day, adviser=call.adviser):
            check.refuse(problem, illegal="a bank transaction dated behind the lock")
    return record


def _is_closed(old: Record, values: Record, check: Check) -> bool:
    """What made a credit is never edited and nothing becomes such by an edit (XERO 4.8); a deletion is final, in the
    words that other documents have for it (unconfirmed)."""
    if old["Status"] == "DELETED":
        check.refuse(
            "BankTransaction not of valid status for modification", illegal="edit of a DELETED bank transaction"
        )
    elif old["Type"] not in UPDATABLE or (values.get("Type") or old["Type"]) not in UPDATABLE:
        check.refuse("The Type field is not valid for an update. This must be either 'SPEND', 'RECEIVE'.")
    return bool(check.problems)


def _blank(call: Call) -> Record:
    return {
        "BankTransactionID": call.world.new_id(),
        "Type": None,
        "Date": None,
        "IsReconciled": False,
        "Status": "AUTHORISED",
        "LineAmountTypes": "Inclusive",
        "LineItems": [],
        "HasAttachments": False,
    }


def _bank_account(call: Call, sent: Record | None, check: Check) -> Record | None:
    reference = sent or {}
    account = (
        call.organisation.get("Accounts", reference["AccountID"])
        if reference.get("AccountID")
        else call.organisation.find_one("Accounts", "Code", reference.get("Code") or "")
    )
    if account is None or account["Type"] != "BANK" or account["Status"] != "ACTIVE":
        check.refuse("Bank account could not be found or is not an active account of type BANK")
        return None
    return account


def _fill_currency(call: Call, bank: Record, values: Record, record: Record, check: Check) -> None:
    """The currency is the bank account's; only an overpayment may be in another (XERO 4.8)."""
    asked = record.get("CurrencyCode") if record["Type"] in CONTROL_ACCOUNTS else None
    code = (asked or bank.get("CurrencyCode") or call.organisation.base_currency).upper()
    record["CurrencyCode"] = code
    if not plans.takes_currency(call.organisation, code):
        check.refuse(f"Organisation is not subscribed to currency {code}", illegal="currency that is not enabled")
    if code == call.organisation.base_currency:
        record["CurrencyRate"] = Decimal("1.0000000000")
    else:
        record["CurrencyRate"] = sent_rate(values, check) or call.organisation.day_rate(code, record["Date"])


def _lines(
    call: Call, old: Record | None, values: Record, record: Record, contact: Record, check: Check
) -> list[Record]:
    sent = values.get("LineItems")
    if sent is None:
        sent = [{"LineItemID": line["LineItemID"]} for line in (old or {}).get("LineItems", [])]
    if not sent:
        check.refuse("One or more line items must be specified")
    if record["Type"] in CONTROL_ACCOUNTS:
        return [_overpayment_line(call, record, sent, check)] if sent else []
    known = {line["LineItemID"]: line for line in (old or {}).get("LineItems", [])}
    side = SALES if record["Type"].startswith("RECEIVE") else PURCHASES
    if record["Type"] in CREDIT_KINDS and any(line.get("ItemCode") for line in sent):
        check.refuse("An ItemCode can only be used on a bank transaction of type 'SPEND' or 'RECEIVE'.")
    mode = record["LineAmountTypes"]
    new_mode = old is not None and old["LineAmountTypes"] != mode
    rules = replace(
        side, discounts=False, approved=True, new_mode=new_mode, tax_override=False, quantity_above_zero=True
    )
    return [
        build_line(call, line, known.pop(line.get("LineItemID") or "", None), mode, rules, contact, check)
        for line in sent
    ]


def _overpayment_line(call: Call, record: Record, sent: list[Record], check: Check) -> Record:
    if len(sent) > 1:
        check.refuse("An overpayment must have exactly one line item")
    account = call.organisation.find_one("Accounts", "SystemAccount", CONTROL_ACCOUNTS[record["Type"]])
    assert account is not None
    record["LineAmountTypes"] = "NoTax"
    line = {
        "LineItemID": call.world.new_id(),
        **{name: sent[0].get(name) for name in ("Description", "Quantity", "UnitAmount", "LineAmount")},
        "TaxAmount": None,
        "TaxType": no_tax(call.organisation.info),
        "AccountCode": account["Code"],
        "AccountID": account["AccountID"],
        "Tracking": [],
    }
    compute(call, line, call.unit_places, record["LineAmountTypes"], PURCHASES, check)
    return line


def _after(call: Call, old: Record | None, record: Record) -> None:
    """Goods move; a prepayment or an overpayment becomes a document of its own."""
    stock.move(call, old, record)
    kind = CREDIT_KINDS.get(record["Type"])
    if kind is None or old is not None:
        return
    taken = ("Type", "Contact", "Date", "LineAmountTypes", "LineItems", "SubTotal", "TotalTax", "Total", "CurrencyCode")
    credit = {
        kind.id_field: call.world.new_id(),
        **{name: record[name] for name in taken},
        "CurrencyRate": record["CurrencyRate"],
        "Reference": record.get("Reference"),
        "Status": "AUTHORISED",
        "RemainingCredit": record["Total"],
        "Allocations": [],
    }
    store(call, kind, credit, created=True)
    call.organisation.put(
        "BankTransactions", record["BankTransactionID"], {**record, kind.id_field: credit[kind.id_field]}
    )


def _view(call: Call, record: Record, shape: str) -> Record:
    return {
        **record,
        "Contact": contacts.nested(call, record["Contact"]["ContactID"], shape) if record.get("Contact") else None,
        "DateString": date_string(record["Date"]),
        "LineItems": [] if shape == SUMMARY else shown_lines(call, record["LineItems"]),
    }


BANK_TRANSACTIONS = Kind(
    plural="BankTransactions",
    singular="BankTransaction",
    id_field="BankTransactionID",
    families=("accounting.banktransactions",),
    fields=FIELDS,
    view=_view,
    build=_build,
    after=_after,
    posting=ledger.bank_posting,
    joins={"Contact": ("Contacts", "ContactID"), "BankAccount": ("Accounts", "AccountID")},
    lists={"References": by_member("Reference")},
    paged=True,
)
