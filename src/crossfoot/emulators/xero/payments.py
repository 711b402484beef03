"""Payments: created and deleted, never edited; they settle invoices and refund overpayments (XERO 4.5)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from crossfoot.emulators.xero import invoices, overpayments
from crossfoot.emulators.xero.fields import DAY, FLAG, GUID, NUMBER, SEEN, STAMP, Check, Fields, an_object, choice, text
from crossfoot.emulators.xero.formats import round_amount
from crossfoot.emulators.xero.kinds import Call, Kind, Record

ACCOUNT_REFERENCE: Fields = {"AccountID": GUID, "Code": text(10), "Name": text()}
FIELDS: Fields = {
    "PaymentID": GUID,
    "Invoice": an_object({"InvoiceID": GUID, "InvoiceNumber": text(), "Type": SEEN, "Status": SEEN}),
    "Overpayment": an_object({"OverpaymentID": GUID}),
    "CreditNote": an_object({"CreditNoteID": GUID, "CreditNoteNumber": text()}),
    "Prepayment": an_object({"PrepaymentID": GUID}),
    "InvoiceNumber": text(),
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
    "RECEIVE-OVERPAYMENT": "AROVERPAYMENTPAYMENT",
    "SPEND-OVERPAYMENT": "APOVERPAYMENTPAYMENT",
}
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
    named = [name for name in ("Invoice", "CreditNote", "Prepayment", "Overpayment") if values.get(name)]
    number = values.get("InvoiceNumber")
    if len(named) + bool(number and not named) != 1:
        check.refuse("A payment must be against exactly one invoice, credit note, prepayment or overpayment")
        return None
    found = None
    if named == ["Overpayment"]:
        found = call.organisation.get("Overpayments", values["Overpayment"].get("OverpaymentID") or "")
    elif named in ([], ["Invoice"]):
        reference = values.get("Invoice") or {}
        found = call.organisation.get("Invoices", reference.get("InvoiceID") or "")
        number = reference.get("InvoiceNumber") or number
        if found is None and number and not reference.get("InvoiceID"):
            found = call.organisation.find_one("Invoices", "InvoiceNumber", number)
    if found is None:
        check.refuse("The document to be paid could not be found")
        return None
    return ("Overpayments" if named == ["Overpayment"] else "Invoices"), found


def _build(call: Call, old: Record | None, values: Record, check: Check) -> Record:
    if old is not None:
        return _delete(call, old, values, check)
    target, account = _target(call, values, check), pay_account(call, values.get("Account"), values.get("Code"), check)
    amount = values.get("Amount")
    if amount is None or amount <= 0:
        check.refuse("Payment amounts must be positive amounts")
    day = values.get("Date") or call.today
    if problem := call.organisation.lock_problem(day, adviser=call.adviser):
        check.refuse(problem, illegal="a payment dated behind the lock")
    if target is None or account is None or amount is None:
        return {}
    kind, document = target
    amount = round_amount(amount)
    if document["Status"] != "AUTHORISED":
        check.refuse(NOT_AUTHORISED, illegal=f"payment of a {document['Status']} document")
    elif amount > document["AmountDue" if kind == "Invoices" else "RemainingCredit"]:
        check.refuse(
            "Payment amount exceeds the amount outstanding on this document", illegal="payment above the amount due"
        )
    rate = round_amount(values["CurrencyRate"], 6) if values.get("CurrencyRate") else document["CurrencyRate"]
    if document["CurrencyCode"] == call.organisation.base_currency:
        rate = Decimal("1.0000000000")
    same = account.get("CurrencyCode") in {None, document["CurrencyCode"]}
    return {
        "PaymentID": call.world.new_id(),
        "Date": day,
        "BankAmount": values.get("BankAmount") or (amount if same else round_amount(amount / rate)),
        "Amount": amount,
        "Reference": values.get("Reference"),
        "CurrencyRate": rate,
        "PaymentType": PAYMENT_TYPES[document["Type"]],
        "Status": "AUTHORISED",
        "HasAccount": True,
        "IsReconciled": bool(values.get("IsReconciled")),
        "Account": {"AccountID": account["AccountID"], "Code": account.get("Code"), "Name": account["Name"]},
        "Invoice": {"InvoiceID": document["InvoiceID" if kind == "Invoices" else "OverpaymentID"]},
        "_target": document["InvoiceID" if kind == "Invoices" else "OverpaymentID"],
        "_target_kind": kind,
    }


def _delete(call: Call, old: Record, values: Record, check: Check) -> Record:
    """The only change of a payment is its end; it re-opens the document."""
    if values.get("Status") != "DELETED" or set(values) - {"PaymentID", "Status"}:
        check.refuse("Payments cannot be updated; delete the payment and create another", illegal="edit of a payment")
    elif old["Status"] == "DELETED":
        check.refuse("Payment has already been deleted")
    elif old["IsReconciled"] and not call.is_person:
        check.refuse("A reconciled payment cannot be deleted", illegal="delete of a reconciled payment")
    if problem := call.organisation.lock_problem(old["Date"], adviser=call.adviser):
        check.refuse(problem, illegal="a payment dated behind the lock")
    return {**old, "Status": "DELETED"}


def _after(call: Call, _old: Record | None, record: Record) -> None:
    document = call.organisation.get(record["_target_kind"], record["_target"])
    assert document is not None
    if record["_target_kind"] == "Invoices":
        invoices.settle(call, document)
    else:
        overpayments.settle(call, document)


def _view(call: Call, record: Record, _shape: str) -> Record:
    """A refund shows the refunded document under ``Invoice``, as Xero does (XERO 4.5)."""
    stamp = record.get("UpdatedDateUTC")
    return {
        **record,
        "UpdatedDateUTCString": f"{stamp:%Y-%m-%dT%H:%M:%SZ}" if stamp else None,
        "Invoice": _shown_target(call, record),
        "HasValidationErrors": False,
    }


def _shown_target(call: Call, record: Record) -> Record | None:
    document = call.organisation.get(record["_target_kind"], record["_target"])
    if document is None:
        return None
    contact = call.organisation.get("Contacts", document["Contact"]["ContactID"])
    refund = record["_target_kind"] != "Invoices"
    return {
        "Type": "AROVERPAYMENT" if refund else document["Type"],
        "InvoiceID": record["_target"],
        "InvoiceNumber": document.get("InvoiceNumber"),
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
