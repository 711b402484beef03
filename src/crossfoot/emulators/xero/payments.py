"""Payments: created and deleted, never edited; they settle invoices and refund credits (XERO 4.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from crossfoot.emulators.xero import credit_documents, ledger
from crossfoot.emulators.xero.documents import sent_rate
from crossfoot.emulators.xero.fields import DAY, FLAG, GUID, NUMBER, SEEN, STAMP, Check, Fields, an_object, choice, text
from crossfoot.emulators.xero.formats import round_amount, stamp_string
from crossfoot.emulators.xero.kinds import Call, Kind, Record
from crossfoot.emulators.xero.plans import check_action

ACCOUNT_REFERENCE: Fields = {"AccountID": GUID, "Code": text(10), "Name": text()}
FIELDS: Fields = {
    "PaymentID": GUID,
    "Invoice": an_object({"InvoiceID": GUID, "InvoiceNumber": text(), "Type": SEEN, "Status": SEEN}),
    "Overpayment": an_object({"OverpaymentID": GUID}),
    "CreditNote": an_object({"CreditNoteID": GUID, "CreditNoteNumber": text()}),
    "Prepayment": an_object({"PrepaymentID": GUID}),
    **dict.fromkeys(("InvoiceNumber", "CreditNoteNumber"), text()),
    "Account": an_object(ACCOUNT_REFERENCE),
    "Code": text(10),
    "Date": DAY,
    "Amount": NUMBER,
    "CurrencyRate": NUMBER,
    "BankAmount": NUMBER,
    "Reference": text(255),
    "IsReconciled": FLAG,
    "Status": choice("AUTHORISED", "DELETED"),
    "PaymentType": SEEN,
    "UpdatedDateUTC": STAMP,
}
PAYMENT_TYPES: Mapping[str, str] = {
    "ACCREC": "ACCRECPAYMENT",
    "ACCPAY": "ACCPAYPAYMENT",
    "ACCRECCREDIT": "ARCREDITPAYMENT",
    "ACCPAYCREDIT": "APCREDITPAYMENT",
    "RECEIVE-PREPAYMENT": "ARPREPAYMENTPAYMENT",
    "SPEND-PREPAYMENT": "APPREPAYMENTPAYMENT",
    "RECEIVE-OVERPAYMENT": "AROVERPAYMENTPAYMENT",
    "SPEND-OVERPAYMENT": "APOVERPAYMENTPAYMENT",
}
# A journal knows fewer sources than there are types of payment (XERO 4.18).
JOURNAL_SOURCES: Mapping[str, str] = {
    "ARPREPAYMENTPAYMENT": "ARPREPAYMENT",
    "APPREPAYMENTPAYMENT": "APPREPAYMENT",
    "AROVERPAYMENTPAYMENT": "AROVERPAYMENT",
    "APOVERPAYMENTPAYMENT": "APOVERPAYMENT",
}
# The member that names the document -> its kind, its id and its number, if it has one
TARGETS: Mapping[str, tuple[str, str, str]] = {
    "Invoice": ("Invoices", "InvoiceID", "InvoiceNumber"),
    "CreditNote": ("CreditNotes", "CreditNoteID", "CreditNoteNumber"),
    "Prepayment": ("Prepayments", "PrepaymentID", ""),
    "Overpayment": ("Overpayments", "OverpaymentID", ""),
}
ID_FIELDS: Mapping[str, str] = {kind: id_field for kind, id_field, _ in TARGETS.values()}
_OF_BATCH = ("BatchPaymentID", "Account", "Date", "Type", "Status", "TotalAmount", "IsReconciled", "UpdatedDateUTC")
NOT_AUTHORISED = "Payments can only be made against Authorised documents"


def pay_account(call: Call, sent: Record | None, code: str | None, check: Check) -> Record | None:
    """The account that money moves through: a bank account, or one that takes payments (XERO 4.5)."""
    reference = sent or {}
    number = reference.get("Code") or code
    if reference.get("AccountID"):
        account = call.organisation.get("Accounts", reference["AccountID"])
    else:
        account = call.organisation.find_one("Accounts", "Code", number) if number else None
    if account is None or account["Status"] != "ACTIVE":
        check.refuse("Account could not be found or is not active")
        return None
    if account["Type"] != "BANK" and not account["EnablePaymentsToAccount"]:
        check.refuse("Account type is invalid for making a payment to/from")
    return account


def _target(call: Call, values: Record, check: Check) -> tuple[str, Record] | None:
    """The one document that a payment settles, and its kind."""
    named = [name for name in TARGETS if values.get(name)]
    if not named:  # the number of an invoice or a credit note may stand alone
        alone = {name: number for name, (_, _, number) in TARGETS.items() if values.get(number)}
        named, values = [*alone], values | {name: {number: values[number]} for name, number in alone.items()}
    if len(named) != 1:
        check.refuse("A payment must be against exactly one invoice, credit note, prepayment or overpayment")
        return None
    plural, id_field, number_field = TARGETS[named[0]]
    reference = values[named[0]]
    found = call.organisation.get(plural, reference.get(id_field) or "")
    number = reference.get(number_field) or (values.get("InvoiceNumber") if plural == "Invoices" else None)
    if found is None and number and not reference.get(id_field):
        found = call.organisation.find_one(plural, number_field, number)
    if found is None:
        check.refuse("The document to be paid could not be found")
        return None
    return plural, found


def _build(call: Call, old: Record | None, values: Record, check: Check) -> Record:
    if old is not None:
        return _delete(call, old, values, check)
    check_action(call.organisation, "CreateInvoicePayment", check)
    target, account = _target(call, values, check), pay_account(call, values.get("Account"), values.get("Code"), check)
    amount, bank_amount = (
        None if values.get(name) is None else round_amount(values[name]) for name in ("Amount", "BankAmount")
    )
    if amount is None or amount <= 0 or (bank_amount is not None and bank_amount <= 0):
        check.refuse("Payment amounts must be positive amounts")
    day = values.get("Date") or call.today
    if problem := call.organisation.lock_problem(day, adviser=call.adviser):
        check.refuse(problem, illegal="a payment dated behind the lock")
    if target is None or account is None or amount is None:
        return {}
    kind, document = target
    if document["Status"] != "AUTHORISED":
        check.refuse(NOT_AUTHORISED, illegal=f"payment of a {document['Status']} document")
    elif amount > document["AmountDue" if kind == "Invoices" else "RemainingCredit"]:
        check.refuse(
            "Payment amount exceeds the amount outstanding on this document", illegal="payment above the amount due"
        )
    rate = sent_rate(values, check) or document["CurrencyRate"]
    if document["CurrencyCode"] == call.organisation.base_currency:
        rate = Decimal("1.0000000000")
    same = account.get("CurrencyCode") in {None, document["CurrencyCode"]}
    return {
        "PaymentID": call.world.new_id(),
        "Date": day,
        "BankAmount": bank_amount or (amount if same else round_amount(amount / rate)),
        "Amount": amount,
        "Reference": values.get("Reference"),
        "CurrencyRate": rate,
        "PaymentType": PAYMENT_TYPES[document["Type"]],
        "Status": "AUTHORISED",
        "HasAccount": True,
        "IsReconciled": bool(values.get("IsReconciled")),
        "Account": {"AccountID": account["AccountID"], "Code": account.get("Code"), "Name": account["Name"]},
        "Invoice": {"InvoiceID": document[ID_FIELDS[kind]]},
        "_target": document[ID_FIELDS[kind]],
        "_target_kind": kind,
    }


def _delete(call: Call, old: Record, values: Record, check: Check) -> Record:
    """The only change of a payment is its end; it re-opens the document."""
    if values.get("Status") != "DELETED" or set(values) - {"PaymentID", "Status"}:
        check.refuse("Only Status accepted for updates.", illegal="edit of a payment")
    elif old["Status"] == "DELETED":
        check.refuse("Payment has already been deleted")
    elif old.get("BatchPaymentID"):
        check.refuse("Payments within a batch cannot be deleted.", illegal="delete of a payment in a batch")
    elif old["IsReconciled"] and not call.is_person:
        check.refuse("A reconciled payment cannot be deleted", illegal="delete of a reconciled payment")
    if problem := call.organisation.lock_problem(old["Date"], adviser=call.adviser):
        check.refuse(problem, illegal="a payment dated behind the lock")
    return {**old, "Status": "DELETED"}


def _after(call: Call, _old: Record | None, record: Record) -> None:
    """Settle the document and post the money against what it then stands at; a deletion posts the way back."""
    before = call.organisation.get(record["_target_kind"], record["_target"])
    assert before is not None
    after = credit_documents.settle_target(call, record["_target_kind"], before)
    sign = ledger.SIGNS[before["Type"]] * (1 if record["Status"] == "AUTHORISED" else -1)
    money = ledger.Leg(record["Account"]["AccountID"], sign * _base_amount(call, record, before))
    source = JOURNAL_SOURCES.get(record["PaymentType"], record["PaymentType"])
    posting = ledger.settlement_posting(
        call.organisation, record["Date"], source, record["PaymentID"], [(before, after)], money
    )
    ledger.post(call.organisation, call.now, posting and replace(posting, reference=record["Reference"]))


def _base_amount(call: Call, record: Record, document: Record) -> Decimal:
    """What the money was worth: as the bank saw it, or by the payment's own rate."""
    account = call.organisation.get("Accounts", record["Account"]["AccountID"]) or {}
    base = call.organisation.base_currency
    if account.get("CurrencyCode") == base != document["CurrencyCode"]:
        return round_amount(record["BankAmount"])
    return ledger.in_base(record["Amount"], record["CurrencyRate"])


def _view(call: Call, record: Record, _shape: str) -> Record:
    """A refund shows the refunded document under ``Invoice``, as Xero does (XERO 4.5)."""
    return {
        **record,
        "UpdatedDateUTCString": stamp_string(record.get("UpdatedDateUTC")),
        "Invoice": _shown_target(call, record),
        "BatchPayment": _batch(call, record),
        "HasValidationErrors": False,
    }


def _batch(call: Call, record: Record) -> Record | None:
    """The batch that a payment belongs to, as the payment tells it."""
    batch = call.organisation.get("BatchPayments", record.get("BatchPaymentID") or "")
    return batch and {name: batch[name] for name in _OF_BATCH}


def _shown_target(call: Call, record: Record) -> Record | None:
    document = call.organisation.get(record["_target_kind"], record["_target"])
    if document is None:
        return None
    contact = call.organisation.get("Contacts", document["Contact"]["ContactID"])
    return {
        "Type": ledger.BANK_SOURCES.get(document["Type"], document["Type"]),
        "InvoiceID": record["_target"],
        "InvoiceNumber": document.get("InvoiceNumber") or document.get("CreditNoteNumber"),
        "Contact": {"ContactID": contact["ContactID"], "Name": contact["Name"]} if contact else None,
        "CurrencyCode": document["CurrencyCode"],
        "IsDiscounted": False,
        "LineItems": [],
        "HasErrors": False,
    }


PAYMENTS = Kind(
    plural="Payments",
    singular="Payment",
    id_field="PaymentID",
    families=("accounting.payments",),
    fields=FIELDS,
    view=_view,
    build=_build,
    after=_after,
    joins={"Invoice": ("Invoices", "InvoiceID")},
    paged=True,
    errors_flag="HasValidationErrors",
)
