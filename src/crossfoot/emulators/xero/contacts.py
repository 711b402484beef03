"""Contacts: uniqueness among the active, archiving, addresses and phones by type, balances (XERO 4.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from crossfoot.emulators.xero.fields import (
    FLAG,
    GUID,
    NUMBER,
    SEEN,
    SEEN_FLAG,
    STAMP,
    Check,
    Fields,
    an_object,
    choice,
    rows,
    text,
)
from crossfoot.emulators.xero.kinds import SINGLE, SUMMARY, Call, Keep, Kind, Record, store
from crossfoot.emulators.xero.writing import write_element

ARCHIVED_EDIT = (
    "The specified contact details matched an archived contact. "
    "Archived contacts cannot currently be edited via the API."
)
ARCHIVED_USE = (
    "The contact with the specified contact details has been archived. "
    "The contact must be un-archived before creating new invoices or credit notes."
)
_EMAIL = re.compile(r"^[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+$")
_LINE_AMOUNT_TYPES = choice("INCLUSIVE", "EXCLUSIVE", "NONE")
_TERM: Fields = {
    "Day": NUMBER,
    "Type": choice("DAYSAFTERBILLDATE", "DAYSAFTERBILLMONTH", "OFCURRENTMONTH", "OFFOLLOWINGMONTH"),
}
_ADDRESS: Fields = {
    "AddressType": choice("STREET", "POBOX"),
    **{f"AddressLine{n}": text(500) for n in range(1, 5)},
    "City": text(255),
    "Region": text(255),
    "PostalCode": text(50),
    "Country": text(50),
    "AttentionTo": text(255),
}
_PHONE: Fields = {
    "PhoneType": choice("DEFAULT", "DDI", "MOBILE", "FAX", "OFFICE"),
    "PhoneNumber": text(50),
    "PhoneAreaCode": text(10),
    "PhoneCountryCode": text(20),
}
_PERSON: Fields = {"FirstName": text(255), "LastName": text(255), "EmailAddress": text(255), "IncludeInEmails": FLAG}
_TRACKING: Fields = {"TrackingCategoryName": text(100), "TrackingOptionName": text(100)}

FIELDS: Fields = {
    "ContactID": GUID,
    "ContactNumber": text(50),
    "AccountNumber": text(50),
    "ContactStatus": choice("ACTIVE", "ARCHIVED", "GDPRREQUEST"),
    "Name": text(255),
    "FirstName": text(255),
    "LastName": text(255),
    "EmailAddress": text(255),
    "CompanyNumber": text(50),
    "TaxNumber": text(50),
    "TaxNumberType": choice("SSN", "EIN", "ITIN", "ATIN"),
    "BankAccountDetails": text(),
    "AccountsReceivableTaxType": text(),
    "AccountsPayableTaxType": text(),
    "Addresses": rows(_ADDRESS),
    "Phones": rows(_PHONE),
    "ContactPersons": rows(_PERSON, 5),
    "DefaultCurrency": text(3),
    "SalesDefaultAccountCode": text(10),
    "PurchasesDefaultAccountCode": text(10),
    "SalesDefaultLineAmountType": _LINE_AMOUNT_TYPES,
    "PurchasesDefaultLineAmountType": _LINE_AMOUNT_TYPES,
    "SalesTrackingCategories": rows(_TRACKING),
    "PurchasesTrackingCategories": rows(_TRACKING),
    "PaymentTerms": an_object({"Bills": an_object(_TERM), "Sales": an_object(_TERM)}),
    "BatchPayments": an_object(
        {
            "BankAccountNumber": text(),
            "BankAccountName": text(),
            "Details": text(),
            "Code": text(12),
            "Reference": text(12),
        }
    ),
    "XeroNetworkKey": text(),
    **dict.fromkeys(("IsSupplier", "IsCustomer", "HasAttachments"), SEEN_FLAG),
    "MergedToContactID": SEEN,
    "UpdatedDateUTC": STAMP,
}

_PAGED_ONLY = (
    "ContactPersons",
    "XeroNetworkKey",
    "MergedToContactID",
    "SalesDefaultAccountCode",
    "PurchasesDefaultAccountCode",
    "SalesDefaultLineAmountType",
    "PurchasesDefaultLineAmountType",
    "SalesTrackingCategories",
    "PurchasesTrackingCategories",
    "PaymentTerms",
    "BatchPayments",
    "TaxNumberType",
)
_NOT_IN_SUMMARY_ONLY = ("Addresses", "ContactGroups", "ContactPersons", "IsSupplier", "IsCustomer")
_ADDRESS_TYPES = ("STREET", "POBOX")
_PHONE_TYPES = ("DDI", "DEFAULT", "FAX", "MOBILE")


def _view(call: Call, record: Record, shape: str) -> Record:
    """A contact in a list without pages lacks what ``_PAGED_ONLY`` names; empty lists stay, clients rely on them."""
    shown = _flagged(call, record)
    if shape != SUMMARY:
        if shown["IsCustomer"] or shown["IsSupplier"]:
            shown["Balances"] = call.organisation.outstanding(record["ContactID"], call.today)
        return shown
    for name in _PAGED_ONLY:
        shown.pop(name, None)
    shown["ContactPersons"], shown["ContactGroups"] = [], []
    if call.asks("summaryOnly"):
        for name in _NOT_IN_SUMMARY_ONLY:
            shown.pop(name, None)
    return shown


def _has_documents(side: str) -> Callable[[Call, Record], bool]:
    """A contact is a customer or a supplier by having invoices or bills, whatever it was called before (XERO 4.1)."""
    return lambda call, record: call.organisation.has("Invoices", side, record["ContactID"])


DERIVED = {"IsSupplier": _has_documents("Supplier"), "IsCustomer": _has_documents("Customer")}


def _flagged(call: Call, record: Record) -> Record:
    return {
        **record,
        **{name: derive(call, record) for name, derive in DERIVED.items()},
        "ContactGroups": _groups(call, record),
        "HasAttachments": record.get("HasAttachments", False),
        "HasValidationErrors": False,
    }


def _groups(call: Call, record: Record) -> list[Record]:
    """The contact groups that a contact belongs to (XERO 4.2)."""
    found = (call.organisation.get("ContactGroups", group_id) for group_id in record.get("_groups", ()))
    active = [group for group in found if group and group["Status"] == "ACTIVE"]
    return [{**group, "Contacts": [], "HasValidationErrors": False} for group in active]


def nested(call: Call, contact_id: str, shape: str) -> Record:
    """The contact inside a document: whole in a single document, id and name in a list."""
    record = call.organisation.get("Contacts", contact_id)
    if record is None:
        return {"ContactID": contact_id}
    if shape == SINGLE:
        return _flagged(call, record)
    empty: dict[str, list[Any]] = {"Addresses": [], "Phones": [], "ContactGroups": [], "ContactPersons": []}
    return {"ContactID": contact_id, "Name": record["Name"], **empty, "HasValidationErrors": False}


def _match(call: Call, values: Record, check: Check) -> Record | None:
    """POST means the contact of this number, else of this name, and overwrites it (XERO 3.3)."""
    number, name = values.get("ContactNumber"), values.get("Name")
    if number:
        found = call.organisation.find("Contacts", "AnyContactNumber", number)
        active = [record for record in found if record["ContactStatus"] == "ACTIVE"]
        if found:
            check.illegal.append("POST of a contact by number, without its id, overwrites")
            return (active or found)[0]
    match = call.organisation.find_one("Contacts", "Name", name) if name else None
    if match is not None:
        check.illegal.append("POST of a contact by name, without its id, overwrites")
    return match


def _build(call: Call, old: Record | None, values: Record, check: Check) -> Record:
    if old is not None and old["ContactStatus"] != "ACTIVE" and not call.is_person:
        check.refuse(ARCHIVED_EDIT, illegal="write to an archived contact")
    record = {**(old or _blank(call)), **{name: value for name, value in values.items() if value is not None or old}}
    record["Name"] = " ".join((record.get("Name") or "").split())
    record["ContactStatus"] = record["ContactStatus"] or "ACTIVE"
    record["Addresses"] = _by_type(
        "AddressType", _ADDRESS_TYPES, ("City", "Region", "PostalCode", "Country"), old, "Addresses", values
    )
    record["Phones"] = _by_type(
        "PhoneType", _PHONE_TYPES, ("PhoneNumber", "PhoneAreaCode", "PhoneCountryCode"), old, "Phones", values
    )
    record["ContactPersons"] = [
        {"IncludeInEmails": False, **person} for person in values.get("ContactPersons", record["ContactPersons"]) or []
    ]
    _check_texts(record, check)
    _check_unique(call, record, check)
    _check_defaults(call, values, check)
    return record


def _blank(call: Call) -> Record:
    return {
        "ContactID": call.world.new_id(),
        "ContactStatus": "ACTIVE",
        "Name": "",
        "FirstName": "",
        "LastName": "",
        "EmailAddress": "",
        "BankAccountDetails": "",
        "ContactPersons": [],
    }


def _by_type(
    type_name: str, types: tuple[str, ...], always: tuple[str, ...], old: Record | None, name: str, values: Record
) -> list[Record]:
    """Addresses and phones merge by type; ``types`` are always shown, with empty strings (XERO 4.1)."""
    stored = {row[type_name]: row for row in (old or {}).get(name, [])}
    for row in values.get(name) or []:
        kind = row.get(type_name) or types[1]
        stored[kind] = {member: value for member, value in row.items() if value is not None}
    return [
        {**dict.fromkeys(always, ""), **stored.get(kind, {}), type_name: kind}
        for kind in dict.fromkeys((*types, *stored))
    ]


def _check_texts(record: Mapping[str, Any], check: Check) -> None:
    if not record["Name"]:
        check.refuse("Contact Name cannot be empty.")
    if "<" in record["Name"] or ">" in record["Name"]:
        check.refuse("Contact Name cannot contain angle brackets.")
    emails = [record.get("EmailAddress"), *(person.get("EmailAddress") for person in record["ContactPersons"])]
    if any(email and not _EMAIL.match(email) for email in emails):
        check.refuse("Email address must be valid.")
    if any(sign.isdigit() for address in record["Addresses"] for sign in address["Country"]):
        check.refuse("Country must consist of letters.")


def _check_unique(call: Call, record: Record, check: Check) -> None:
    if record["ContactStatus"] != "ACTIVE":
        return
    messages = {
        "Name": f"The contact name {record['Name']} is already assigned to another contact. "
        "The contact name must be unique across all active contacts.",
        "ContactNumber": "Another contact has this contact number. Please enter a different contact number.",
        "AccountNumber": "The Account Number already exists. Please enter a different Account Number.",
    }
    for name, message in messages.items():
        others = call.organisation.find("Contacts", name, record[name]) if record.get(name) else []
        if any(other["ContactID"] != record["ContactID"] for other in others):
            check.refuse(message)


def _check_defaults(call: Call, values: Record, check: Check) -> None:
    """Default currency, accounts and tax types must exist when they are set."""
    code = values.get("DefaultCurrency")
    if code and call.organisation.get("Currencies", code) is None:
        check.refuse(f"Organisation is not subscribed to currency {code}")
    for name in ("SalesDefaultAccountCode", "PurchasesDefaultAccountCode"):
        if values.get(name) and call.organisation.find_one("Accounts", "Code", values[name]) is None:
            check.refuse(f"Account code '{values[name]}' is not a valid account.")
    for name in ("AccountsReceivableTaxType", "AccountsPayableTaxType"):
        rate = call.organisation.get("TaxRates", values[name]) if values.get(name) else None
        if values.get(name) and (rate is None or rate["Status"] != "ACTIVE"):
            check.refuse(f"The TaxType code '{values[name]}' does not exist or cannot be used for this contact.")


def _visible(call: Call, record: Record) -> bool:
    """Archived contacts are listed only on request (XERO 4.1)."""
    return record["ContactStatus"] == "ACTIVE" or call.asks("includeArchived")


def _always(_call: Call, _values: list[str]) -> Keep:
    return lambda _call, _record: True


CONTACTS = Kind(
    plural="Contacts",
    singular="Contact",
    id_field="ContactID",
    families=("accounting.contacts",),
    fields=FIELDS,
    view=_view,
    match=_match,
    build=_build,
    number_index="AnyContactNumber",
    derived=DERIVED,
    lists={"IDs": _always},
    visible=_visible,
    paged=True,
    errors_flag="HasValidationErrors",
    event="CONTACT",
    searched=("Name", "FirstName", "LastName", "ContactNumber", "CompanyNumber", "EmailAddress"),
)


def resolve(call: Call, sent: Record | None, check: Check) -> Record | None:
    """The contact that a document names: by id, number, or name; an unknown name is created (XERO 4.1)."""
    sent = {name: value for name, value in (sent or {}).items() if value is not None}
    contact_id, number, name = (sent.get(member) for member in ("ContactID", "ContactNumber", "Name"))
    if contact_id:
        found = call.organisation.get("Contacts", contact_id)
    else:
        by_number = call.organisation.find("Contacts", "AnyContactNumber", number) if number else []
        by_name = call.organisation.find("Contacts", "Name", name) if name and not by_number else []
        found = next(iter(by_number or by_name), None)
    if found is None and name and not contact_id:
        check.illegal.append("a document creates its contact by name")
        outcome = write_element(call, CONTACTS, "PUT", {"Name": name, **sent})
        for error in outcome.echo.get("ValidationErrors", ()):
            check.refuse(error["Message"])
        return None if outcome.failed else call.organisation.get("Contacts", outcome.echo["ContactID"])
    if found is None:
        check.refuse("A Contact must be specified for this type of transaction")
    elif found["ContactStatus"] != "ACTIVE":
        check.refuse(ARCHIVED_USE, illegal="a document for an archived contact")
    elif contact_id and len(sent) > 1:
        return _update(call, found, sent, check)
    return found


def _update(call: Call, old: Record, sent: Record, check: Check) -> Record:
    """A document that says more of its contact than the id writes that to it, and drops the contact persons that it
    leaves out (XERO 4.1). A contact that is sent as it stands is not touched (unconfirmed)."""
    record = _build(call, old, {"ContactPersons": [], **sent}, check)
    if check.problems or record == old:
        return old
    check.illegal.append("a document changes its contact")
    return store(call, CONTACTS, record)


# A bank transaction may also name the prepayment or overpayment that it made, so its own id comes first.
_DOCUMENT_IDS = (
    *("InvoiceID", "CreditNoteID", "BankTransactionID", "PrepaymentID", "OverpaymentID"),
    *("PurchaseOrderID", "QuoteID", "RepeatingInvoiceID", "ReceiptID"),
)


def merge(call: Call, loser: Record, survivor: Record, document_kinds: tuple[str, ...]) -> None:
    """What a person can do in Xero only: the loser is archived and its documents belong to the survivor. Their stamps
    do not move (unconfirmed; the reading under which a client must notice by MergedToContactID)."""
    store(
        call,
        CONTACTS,
        {**loser, "ContactStatus": "ARCHIVED", "MergedToContactID": survivor["ContactID"]},
    )
    for plural in document_kinds:
        for document in call.organisation.find(plural, "Contact", loser["ContactID"]):
            moved = {**document, "Contact": {"ContactID": survivor["ContactID"]}}
            id_field = next(name for name in _DOCUMENT_IDS if name in moved)
            call.organisation.put(plural, moved[id_field], moved)
