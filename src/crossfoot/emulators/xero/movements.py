"""Manual journals, bank transfers and batch payments: what moves money without a document (XERO 4.6, 4.8, 4.17).
What is posted moves the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial

from crossfoot.emulators.xero import ledger
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
    rows,
    text,
)
from crossfoot.emulators.xero.formats import ZERO, date_string, round_amount
from crossfoot.emulators.xero.kinds import SUMMARY, Call, Kind, Record, store
from crossfoot.emulators.xero.lines import PURCHASES, TRACKING, build_line, find_tracking
from crossfoot.emulators.xero.papers import MODES
from crossfoot.emulators.xero.payments import ACCOUNT_REFERENCE, PAYMENTS
from crossfoot.emulators.xero.writing import write_element

_SEEN_NUMBER = Field("number", read_only=True)
_JOURNAL_RULES = replace(PURCHASES, approved=True)
JOURNAL_STATUSES: Mapping[str | None, tuple[str, ...]] = {
    None: ("DRAFT", "POSTED"),
    "DRAFT": ("DRAFT", "POSTED", "DELETED"),
    "POSTED": ("POSTED", "VOIDED"),
    "VOIDED": (),
    "DELETED": (),
}
_JOURNAL_LINE: Fields = {
    "LineAmount": NUMBER,
    "AccountCode": text(10),
    "AccountID": GUID,
    "Description": text(4000),
    "TaxType": text(),
    "TaxAmount": _SEEN_NUMBER,
    "Tracking": rows(TRACKING),
}


def _given(values: Record) -> Record:
    return {name: value for name, value in values.items() if value is not None}


def _check_lock(call: Call, record: Record, check: Check) -> None:
    if problem := call.organisation.lock_problem(record["Date"], adviser=call.adviser):
        check.refuse(problem, illegal="an entry dated behind the lock")


def _build_journal(call: Call, old: Record | None, values: Record, check: Check) -> Record:
    blank = {
        "ManualJournalID": call.world.new_id(),
        "Date": call.today,
        "Status": "DRAFT",
        "LineAmountTypes": "NoTax",
        "JournalLines": [],
        "ShowOnCashBasisReports": True,
        "HasAttachments": False,
    }
    record = {**(old or blank), **_given(values)}
    before = old["Status"] if old else None
    if record["Status"] not in JOURNAL_STATUSES[before]:
        check.refuse(f"The Status of a manual journal that is {before or 'new'} cannot become {record['Status']}")
    if not record.get("Narration"):
        check.refuse("Narration must be specified")
    lines = values.get("JournalLines")
    if lines is None and old is not None and old["LineAmountTypes"] != record["LineAmountTypes"]:
        lines = [{**line, "TaxAmount": None} for line in old["JournalLines"]]  # computed anew in the new mode
    if lines is not None:
        record["JournalLines"] = [_journal_line(call, line, record, check) for line in lines]
    if len(record["JournalLines"]) < 2:
        check.refuse("A manual journal must have at least two journal lines")
    _check_balance(record, check)
    for version in (old, record):
        if version and version["Status"] in {"POSTED", "VOIDED"}:
            _check_lock(call, version, check)
    return record


def _journal_line(call: Call, sent: Record, record: Record, check: Check) -> Record:
    """A line of a manual journal keeps the rules of document lines: which accounts it may name, and its tax."""
    amount = round_amount(sent.get("LineAmount") or ZERO)
    values = {**sent, "Quantity": Decimal(1), "UnitAmount": amount, "Description": sent.get("Description") or "-"}
    values.pop("LineAmount", None)
    line = build_line(call, values, None, record["LineAmountTypes"], _JOURNAL_RULES, None, check)
    kept = ("LineAmount", "AccountCode", "AccountID", "TaxType", "TaxAmount", "Tracking")
    return {name: line.get(name) for name in kept} | {"Description": sent.get("Description"), "IsBlank": False}


def _check_balance(record: Record, check: Check) -> None:
    adds_tax = record["LineAmountTypes"] == "Exclusive"
    amounts = [row["LineAmount"] + (row["TaxAmount"] if adds_tax else ZERO) for row in record["JournalLines"]]
    debit, credit = (sum((part for part in amounts if part * sign > 0), ZERO) for sign in (1, -1))
    if debit + credit:
        check.refuse(f"The total debits ({debit:.2f}) must equal total credits ({credit:.2f})")


def _view_journal(_call: Call, record: Record, shape: str) -> Record:
    return {**record, "JournalLines": []} if shape == SUMMARY else record


MANUAL_JOURNALS = Kind(
    plural="ManualJournals",
    singular="ManualJournal",
    id_field="ManualJournalID",
    families=("accounting.manualjournals",),
    fields={
        "ManualJournalID": GUID,
        "Narration": text(),
        "JournalLines": rows(_JOURNAL_LINE),
        "Date": DAY,
        "LineAmountTypes": MODES,
        "Status": choice("DRAFT", "POSTED", "DELETED", "VOIDED"),
        "Url": text(),
        "ShowOnCashBasisReports": FLAG,
        "HasAttachments": SEEN_FLAG,
        "UpdatedDateUTC": STAMP,
    },
    view=_view_journal,
    build=_build_journal,
    posting=ledger.journal_posting,
    paged=True,
)

_ENDS = (("From", "SPEND-TRANSFER"), ("To", "RECEIVE-TRANSFER"))


def _build_transfer(call: Call, old: Record | None, values: Record, check: Check) -> Record:
    if old is not None:
        return _delete(call, old, values, "BankTransferID", check)
    ends = {f"{end}BankAccount": _bank(call, values.get(f"{end}BankAccount"), check) for end, _ in _ENDS}
    amount = values.get("Amount")
    if amount is None or amount <= 0:
        check.refuse("The Amount of a bank transfer must be greater than zero")
    currencies = {account["CurrencyCode"] for account in ends.values() if account}
    if len(currencies) > 1:
        check.refuse("Both bank accounts of a transfer must be in the same currency")
    if len({account["AccountID"] for account in ends.values() if account}) == 1:
        check.refuse("The bank accounts of a transfer must be different")
    if check.problems or amount is None:
        return {}
    day = values.get("Date") or call.today
    [code] = currencies
    record: Record = {
        "BankTransferID": call.world.new_id(),
        **{name: _reference(account) for name, account in ends.items() if account},
        "Amount": round_amount(amount),
        "Date": day,
        "CurrencyRate": Decimal(1)
        if code == call.organisation.base_currency
        else call.organisation.day_rate(code, day),
        "_currency": code,
        "Reference": values.get("Reference"),
        "Status": "AUTHORISED",
        "CreatedDateUTC": call.now,
        "HasAttachments": False,
    }
    for end, _ in _ENDS:
        record[f"{end}BankTransactionID"] = call.world.new_id()
        record[f"{end}IsReconciled"] = bool(values.get(f"{end}IsReconciled"))
        record[f"{end}Tracking"] = find_tracking(call, values.get(f"{end}Tracking") or [], check)
    _check_lock(call, record, check)
    return record


def _bank(call: Call, sent: Record | None, check: Check) -> Record | None:
    reference = sent or {}
    account = call.organisation.get("Accounts", reference.get("AccountID") or "")
    if account is None and reference.get("Code"):
        account = call.organisation.find_one("Accounts", "Code", reference["Code"])
    if account is None or account["Type"] != "BANK" or account["Status"] != "ACTIVE":
        check.refuse("Bank account could not be found or is not an active account of type BANK")
        return None
    return account


def _reference(account: Record) -> Record:
    return {"AccountID": account["AccountID"], "Code": account.get("Code"), "Name": account["Name"]}


def _delete(call: Call, old: Record, values: Record, id_field: str, check: Check) -> Record:
    """The only change of a transfer or a batch is its end."""
    if values.get("Status") != "DELETED" or set(values) - {id_field, "Status"} or old["Status"] == "DELETED":
        check.refuse("It cannot be updated, only deleted")
    _check_lock(call, old, check)
    return {**old, "Status": "DELETED"}


def _needs_id(id_field: str, _call: Call, _values: Record, check: Check) -> None:
    """PUT creates; a POST deletes what its id names and creates nothing (XERO 4.6, 4.8)."""
    check.refuse(f"{id_field} must be specified")


def _after_transfer(call: Call, _old: Record | None, record: Record) -> None:
    """Each end of a transfer is a bank transaction, which posts nothing of its own."""
    for end, kind in _ENDS:
        transaction_id = record[f"{end}BankTransactionID"]
        transaction = {
            "BankTransactionID": transaction_id,
            "Type": kind,
            "BankAccount": record[f"{end}BankAccount"],
            "IsReconciled": record[f"{end}IsReconciled"],
            "Date": record["Date"],
            "Reference": record["Reference"],
            "CurrencyCode": record["_currency"],
            "CurrencyRate": record["CurrencyRate"],
            "Status": record["Status"],
            "LineAmountTypes": "NoTax",
            "LineItems": [],
            "SubTotal": record["Amount"],
            "TotalTax": ZERO,
            "Total": record["Amount"],
            "HasAttachments": False,
            "UpdatedDateUTC": call.now,
        }
        call.organisation.put("BankTransactions", transaction_id, transaction)


BANK_TRANSFERS = Kind(
    plural="BankTransfers",
    singular="BankTransfer",
    id_field="BankTransferID",
    families=("accounting.banktransactions",),
    fields={
        "BankTransferID": GUID,
        **{f"{end}BankAccount": an_object(ACCOUNT_REFERENCE) for end, _ in _ENDS},
        **{f"{end}IsReconciled": FLAG for end, _ in _ENDS},
        **{f"{end}Tracking": rows(TRACKING) for end, _ in _ENDS},
        **{f"{end}BankTransactionID": SEEN for end, _ in _ENDS},
        "Amount": NUMBER,
        "Date": DAY,
        "Reference": text(255),
        "Status": choice("AUTHORISED", "DELETED"),
        "CurrencyRate": _SEEN_NUMBER,
        "CreatedDateUTC": STAMP,
        "HasAttachments": SEEN_FLAG,
    },
    # The stamp is what If-Modified-Since compares; Xero does not show it (XERO 3.7, 4.8).
    view=lambda _call, record, _shape: {name: value for name, value in record.items() if name != "UpdatedDateUTC"},
    match=partial(_needs_id, "BankTransferID"),
    build=_build_transfer,
    after=_after_transfer,
    posting=ledger.transfer_posting,
    visible=lambda call, record: record["Status"] != "DELETED" or call.asks("includeDeleted"),
)

_BATCH_TYPES = {"ACCREC": "RECBATCH", "ACCPAY": "PAYBATCH"}
# What a batch tells the bank of each of its payments (XERO 4.6)
_BANK_TEXTS: Fields = {"BankAccountNumber": text(), "Particulars": text(12), "Code": text(12), "Details": text(18)}
_BATCH_PAYMENT: Fields = {
    "Invoice": an_object({"InvoiceID": GUID, "InvoiceNumber": text()}),
    "Amount": NUMBER,
    "Reference": text(255),
    **_BANK_TEXTS,
}


def _build_batch(call: Call, old: Record | None, values: Record, check: Check) -> Record:
    if old is not None:
        return _delete(call, old, values, "BatchPaymentID", check)
    batch_id, day, account = call.world.new_id(), values.get("Date") or call.today, values.get("Account") or {}
    payments: list[Record] = []
    for row in values.get("Payments") or []:
        told = {name: row[name] for name in _BANK_TEXTS if row.get(name)}
        element = {name: value for name, value in _given(row).items() if name not in told}
        element |= {"Account": account, "Date": day}
        outcome = write_element(call, PAYMENTS, "PUT", element)
        for error in outcome.echo.get("ValidationErrors", []):
            check.refuse(error["Message"])
        if not outcome.failed:
            made = _stored_payment(call, outcome.echo["PaymentID"])
            payments.append({**made, "BatchPaymentID": batch_id, "_told": told})
            call.organisation.put("Payments", payments[-1]["PaymentID"], payments[-1])
    if not values.get("Payments"):
        check.refuse("A batch payment must have at least one payment")
    if check.problems:
        return {}
    documents = [call.organisation.get("Invoices", payment["_target"]) or {} for payment in payments]
    types = {document["Type"] for document in documents}
    if len(types) > 1:
        check.refuse("A batch payment must be of sales invoices only or of bills only")
    if any(document["CurrencyCode"] != call.organisation.base_currency for document in documents):
        check.refuse("A batch payment must be in the organisation's base currency")
    texts = ("Reference", "Particulars", "Code", "Details", "Narrative")
    return {
        "BatchPaymentID": batch_id,
        **{name: values[name] for name in texts if values.get(name)},
        "Account": payments[0]["Account"],
        "Date": day,
        "Type": _BATCH_TYPES[types.pop()],
        "Status": "AUTHORISED",
        "TotalAmount": sum((payment["Amount"] for payment in payments), ZERO),
        "IsReconciled": False,
        "_payments": [payment["PaymentID"] for payment in payments],
    }


def _stored_payment(call: Call, payment_id: str) -> Record:
    found = call.organisation.get("Payments", payment_id)
    assert found is not None
    return found


def _after_batch(call: Call, old: Record | None, record: Record) -> None:
    """Deleting a batch deletes its payments (XERO 4.6)."""
    if old is None or record["Status"] != "DELETED":
        return
    assert PAYMENTS.after is not None
    for payment_id in record["_payments"]:
        payment = _stored_payment(call, payment_id)
        PAYMENTS.after(call, payment, store(call, PAYMENTS, {**payment, "Status": "DELETED"}))


def _view_batch(call: Call, record: Record, _shape: str) -> Record:
    shown = {**record, "DateString": date_string(record["Date"])}
    payments = [_stored_payment(call, payment_id) for payment_id in record.get("_payments", [])]
    shown["Payments"] = [
        {
            "PaymentID": payment["PaymentID"],
            "Invoice": {"InvoiceID": payment["_target"], "LineItems": [], "IsDiscounted": False, "HasErrors": False},
            "Amount": payment["Amount"],
            "BankAmount": payment["BankAmount"],
            "Reference": payment.get("Reference"),
            **payment.get("_told", {}),
        }
        for payment in payments
    ]
    return shown


BATCH_PAYMENTS = Kind(
    plural="BatchPayments",
    singular="BatchPayment",
    id_field="BatchPaymentID",
    families=("accounting.payments",),
    fields={
        "BatchPaymentID": GUID,
        "Account": an_object(ACCOUNT_REFERENCE),
        "Payments": rows(_BATCH_PAYMENT),
        "Date": DAY,
        "Reference": text(255),
        "Particulars": text(12),
        "Code": text(12),
        "Details": text(18),
        "Narrative": text(18),
        "Status": choice("AUTHORISED", "DELETED"),
        "Type": SEEN,
        "TotalAmount": _SEEN_NUMBER,
        "IsReconciled": SEEN_FLAG,
        "UpdatedDateUTC": STAMP,
    },
    view=_view_batch,
    match=partial(_needs_id, "BatchPaymentID"),
    build=_build_batch,
    after=_after_batch,
    joins={"Account": ("Accounts", "AccountID")},
)
KINDS = (MANUAL_JOURNALS, BANK_TRANSFERS, BATCH_PAYMENTS)
