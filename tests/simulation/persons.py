"""People at customers, on both sides: sales hire them and part with them, finance edit the list that Xero holds.

Xero gives a person no id, so the judge knows one by its first name, which nobody edits and no two share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .people import Desks, People, Record
from .shared import EITHER, SALESFORCE, XERO, Edit, Kind, Part

HIRE, EDIT, PART = "hire a person", "edit a person", "part with a person"
MEMBERS = {"LastName": "LastName", "Email": "EmailAddress"}
"""What people edit of a person, by field of Salesforce: the member of Xero."""


def persons_of(contact: Mapping[str, Any], first_name: str) -> list[Record]:
    """The persons of a contact with that first name: one, unless somebody was told twice."""
    return [each for each in contact.get("ContactPersons", ()) if each.get("FirstName") == first_name]


def _part(field: str, first_name: str) -> Part:
    """One value of one person, by its name in the review queue."""

    def in_xero(contact: Record) -> str:
        return next((str(each.get(MEMBERS[field]) or "") for each in persons_of(contact, first_name)), "")

    return Part(f"{field} of {first_name}", field, in_xero, lambda _text: {}, EITHER)


def _kind(first_name: str) -> Kind:
    return Kind("Contact", "Contacts", "ContactID", tuple(_part(field, first_name) for field in MEMBERS))


def _told(desks: Desks) -> Iterator[tuple[Record, Record, Record]]:
    """A Salesforce contact, its account and the Xero contact of that: where all of them are in use."""
    contacts = {each["ContactID"]: each for each in desks.books.all("Contacts")}
    for row in desks.org_rows("Contact"):
        account = desks.org_row("Account", row["AccountId"])
        contact = contacts.get(account.get("Xero_Contact_Id__c"))
        if contact and contact["ContactStatus"] == "ACTIVE":
            yield row, account, contact


def hire(people: People) -> str:
    """Sales enter somebody at a customer, or finance do, with an e-mail address that nobody else has."""
    linked = [row for row in people.desks.org_rows("Account") if row.get("Xero_Contact_Id__c")]
    account = people.one(linked)
    if account is None:
        return ""
    number = 1 + people.ledger.counts.get(HIRE, 0)
    person = {"FirstName": f"Ann{number}", "LastName": "Lee", "Email": f"ann{number}@example.com"}
    people.desks.salesforce("POST", "/sobjects/Contact", {"AccountId": account["Id"], **person})
    people.shared.made[account["Id"]] += 1
    return f"{person['FirstName']} at {account['Name']}"


def edit(people: People) -> str:
    """Somebody on either side corrects a person's name or address; now and then somebody on the other side does too."""
    met = [found for found in _told(people.desks) if persons_of(found[2], found[0]["FirstName"])]
    found = people.one(met)
    if found is None:
        return ""
    row, account, contact = found
    kind = _kind(row["FirstName"])
    part = people.chance.choice(kind.parts)
    sides = people.chance.choice(((SALESFORCE,), (XERO,), (SALESFORCE, XERO)))
    for side in sides:
        word = f"lee{people.chance.randrange(1, 10_000)}"
        text = f"{word}@example.com" if part.field == "Email" else word.title()
        was = people.shared.value(kind, part, side, row["Id"], contact["ContactID"])
        if side == SALESFORCE:
            people.desks.salesforce("PATCH", f"/sobjects/Contact/{row['Id']}", {part.field: text})
        else:
            _write(people, contact, {row["FirstName"]: {MEMBERS[part.field]: text}})
        people.shared.add(Edit(kind, part, row["Id"], contact["ContactID"], side, people.now, text, was))
        people.shared.made[account["Id"]] += 1
    return f"{part.name} in {' and '.join(sides)}"


def part_with(people: People) -> str:
    """Somebody takes a person off one side: nobody may vanish from the other."""
    found = people.one(list(_told(people.desks)))
    if found is None:
        return ""
    row, account, contact = found
    if people.chance.random() < 0.5:
        people.desks.ask("salesforce", "DELETE", f"/services/data/v66.0/sobjects/Contact/{row['Id']}")
    elif persons_of(contact, row["FirstName"]):
        _write(people, contact, {row["FirstName"]: None})
    else:
        return ""
    for place in [each for each in people.shared.edits if each[1] == row["Id"]]:
        del people.shared.edits[place]
    people.shared.made[account["Id"]] += 1
    return f"{row['FirstName']} of {account['Name']}"


def _write(people: People, contact: Record, changes: Mapping[str, Mapping[str, str] | None]) -> None:
    """Finance save the list of a contact's persons, which Xero takes whole."""
    names = ("FirstName", "LastName", "EmailAddress", "IncludeInEmails")
    rows = [{name: each[name] for name in names if name in each} for each in contact.get("ContactPersons", ())]
    changed = ((row, changes.get(row["FirstName"], {})) for row in rows)
    kept = [{**row, **change} for row, change in changed if change is not None]
    people.desks.xero("POST", "Contacts", [{"ContactID": contact["ContactID"], "ContactPersons": kept}])
    people.ledger.touched[contact["ContactID"]] = people.now


def doubled(desks: Desks) -> Iterable[str]:
    """People whom one contact in Xero holds more than once."""
    for contact in desks.books.all("Contacts"):
        names = Counter(each.get("FirstName") for each in contact.get("ContactPersons", ()))
        yield from (f"{name} of {contact['Name']}" for name, count in names.items() if count > 1)


def untold(desks: Desks, causes: Mapping[str, str]) -> Iterator[str]:
    """People of whom both sides say different things, though nothing in the review queue names them: ``causes`` has
    what waits of each account."""
    for row, account, contact in _told(desks):
        if f"{row['FirstName']} " in causes.get(account["Id"], ""):
            continue
        here = [str(row.get(field) or "") for field in MEMBERS]
        there = [[str(each.get(m) or "") for m in MEMBERS.values()] for each in persons_of(contact, row["FirstName"])]
        if there != [here]:
            yield f"{row['FirstName']} of {account['Name']}: {here} in Salesforce, {there} in Xero"
