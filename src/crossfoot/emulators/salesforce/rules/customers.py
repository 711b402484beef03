"""Person accounts with their contacts, and leads (SF 6.2-6.4)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.errors import ApiError, field_error
from crossfoot.emulators.salesforce.rules.refusals import missing
from crossfoot.emulators.salesforce.standard.customers import ACCOUNT, PERSON
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.world import Row

_PERSON_FIELDS = frozenset(each.name for each in ACCOUNT.fields if each.feature == PERSON)
# Field of the contact behind a person account -> field of the account.
_CONTACT_FIELDS = {
    "Salutation": "Salutation",
    "FirstName": "FirstName",
    "LastName": "LastName",
    "Email": "PersonEmail",
    "MobilePhone": "PersonMobilePhone",
    "Title": "PersonTitle",
    "Birthdate": "PersonBirthdate",
    "Phone": "Phone",
    "CurrencyIsoCode": "CurrencyIsoCode",
    "OwnerId": "OwnerId",
}


def before_account(tx: Transaction, old: Row | None, row: Row, given: frozenset[str]) -> None:
    """The record type makes an account a person, whose name is put together (SF 6.2)."""
    if not tx.world.settings["person_accounts"]:
        return
    kinds = tx.world.rows.get("RecordType", {})
    if old is None and row.get("RecordTypeId") is None and "LastName" in given and "Name" not in given:
        row["RecordTypeId"] = next((each["Id"] for each in kinds.values() if each.get("IsPersonType")), None)
    person = bool(kinds.get(row.get("RecordTypeId") or "", {}).get("IsPersonType"))
    refused = sorted(given & {"Name"} if person else given & _PERSON_FIELDS)
    if refused:
        shown = f"Account: bad field names on insert/update call: {', '.join(refused)}"
        raise field_error("INVALID_FIELD_FOR_INSERT_UPDATE", shown, *refused)
    row["IsPersonAccount"] = person
    if not person:
        return
    if old is not None and not old.get("IsPersonAccount") and row.get("LastName") is None:
        row["LastName"] = old["Name"]
    if row.get("LastName") is None:
        raise missing("LastName")
    row["Name"] = " ".join(row[part] for part in ("FirstName", "LastName") if row.get(part))
    if row.get("PersonContactId") is None:
        row["PersonContactId"] = tx.world.next_id("003")


def after_account(tx: Transaction, _old: Row | None, row: Row | None) -> None:
    """A person account also shows as a contact of itself."""
    if row is None or not row.get("IsPersonAccount"):
        return
    contact = tx.world.row("Contact", row["PersonContactId"]) or {}
    values = {name: row.get(source) for name, source in _CONTACT_FIELDS.items()}
    made = {**contact, **values, "Id": row["PersonContactId"], "AccountId": row["Id"], "IsPersonAccount": True}
    tx.write(tx.world.object("Contact"), {name: value for name, value in made.items() if value is not None})


def before_contact(_: Transaction, old: Row | None, _row: Row, given: frozenset[str]) -> None:
    if old is not None and old.get("IsPersonAccount"):
        shown = "A person account is changed through its account"
        raise field_error("INVALID_FIELD_FOR_INSERT_UPDATE", shown, *sorted(given))


def before_contact_delete(_: Transaction, row: Row) -> None:
    if row.get("IsPersonAccount"):
        raise ApiError("DELETE_FAILED", "A person account is deleted through its account", fields=[])


def before_lead(_: Transaction, old: Row | None, _row: Row, _given: frozenset[str]) -> None:
    if old is not None and old.get("IsConverted"):
        raise field_error("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
