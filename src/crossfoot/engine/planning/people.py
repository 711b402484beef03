"""People at linked customers: the Salesforce contacts that go, and which customers they make worth comparing again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from crossfoot.core.agreement import Part, Told, ToldStage, Values
from crossfoot.core.books import LedgerContact
from crossfoot.core.findings import Finding
from crossfoot.core.links import Kind
from crossfoot.core.people import (
    PEOPLE_MAX,
    PRIMARY,
    Person,
    Placed,
    part_label,
    part_name,
    part_of,
    person_texts,
)
from crossfoot.core.records import RecordRef, Side
from crossfoot.engine.reading.scope import REFERS
from crossfoot.engine.session import Session
from crossfoot.mapping.people import PeopleLens
from crossfoot.store.codec import decode_fields
from crossfoot.store.feed import changed_since
from crossfoot.store.links import load_links, note_told
from crossfoot.store.lookups import find_candidates, save_keys
from crossfoot.store.versions import Version, load_reference, load_versions, save_reference

_COMPARED_TO = "people compared to"
_HAS = "has person"
"""By what an account is found from the contacts that it has or had: one that moved away names another one now."""


@dataclass(frozen=True, slots=True)
class People:
    """People of one customer as both sides have them: each with its version, and where it stands in Xero."""

    lens: PeopleLens
    versions: Mapping[str, Version]
    people: Mapping[str, Person]
    placed: Placed

    def object_of(self, contact_id: str) -> tuple[str, str]:
        """The object of a contact, and the hash of the version that was compared."""
        version = self.versions[contact_id]
        return version.ref.kind, version.hash

    def without_added(self, base: Values) -> Values:
        """What was agreed, less what was with people who are to be added: that was said of somebody else."""
        added = {contact_id for contact_id, place in self.placed.places.items() if place is None}
        return {
            name: value for name, value in base.items() if not (part := part_of(name)) or part.contact_id not in added
        }

    def labels(self) -> dict[str, str]:
        """What each shared value is called before a person."""
        named = Counter(each.name for each in self.people.values())
        return {
            part_name(each.contact_id, field): part_label(
                field, each.name, each.contact_id if named[each.name] > 1 else ""
            )
            for each in self.people.values()
            for field in each.texts
        }

    def saved(self) -> dict[str, tuple[datetime, str]]:
        """When and by whom each shared value was saved in Salesforce: with its contact, not with the account."""
        return {
            part_name(each.contact_id, field): saved_of(self.versions[each.contact_id])
            for each in self.people.values()
            for field in each.texts
        }


def saved_of(version: Version) -> tuple[datetime, str]:
    """When and by whom a Salesforce record was saved."""
    user = decode_fields(version.body).get("LastModifiedBy")
    by = str(user.get("Name") or "") if isinstance(user, Mapping) else ""
    return datetime.fromisoformat(version.stamp), by


def load_people(session: Session, connection: Connection, account_ids: Collection[str]) -> dict[str, list[Version]]:
    """Contacts of some accounts, in the order of their ids; whether they count is the mapping's to say."""
    lens = session.mapping.people
    if lens is None or not account_ids:
        return {}
    found: dict[str, list[Version]] = defaultdict(list)
    ids = find_candidates(connection, session.org_id, lens.object, REFERS, account_ids)
    for version in sorted(load_versions(connection, session.org_id, lens.object, ids=ids), key=lambda v: v.ref.id):
        account_id = str(decode_fields(version.body).get(lens.account) or "")
        if not version.deleted and account_id in account_ids:
            found[account_id].append(version)
    return found


def doubt_people(session: Session) -> None:
    """After an old copy of the database: whoever it does not know may have been entered in Xero since, and stand there
    under another name and address by now. They count as sent, so that nobody is added where a stranger stands."""
    home, now = session.organisation_id, session.host.now()
    with session.database.writing("people doubted") as connection:
        links = {stored.source_id: stored for stored in load_links(connection, home, Kind.CONTACT)}
        for account_id, versions in load_people(session, connection, links.keys()).items():
            stored = links[account_id]
            known = {part.contact_id for name, value in stored.base.items() if value and (part := part_of(name))}
            parts = [part_name(version.ref.id, "Email") for version in versions if version.ref.id not in known]
            if parts:
                doubts = [Told(part, Side.XERO, "", now, ToldStage.SENT) for part in parts]
                note_told(connection, stored.id, [*stored.told, *doubts])


def changed_customers(session: Session, connection: Connection) -> tuple[int, set[str]]:
    """Accounts whose contacts changed, or moved away, since customers were compared last, and up to which change that
    is: 0 where none did."""
    lens = session.mapping.people
    if lens is None:
        return 0, set()
    known = load_reference(connection, session.org_id, _COMPARED_TO)
    since = int(known[1]) if known else 0
    ids = changed_since(connection, session.org_id, lens.object, since)
    versions = list(load_versions(connection, session.org_id, lens.object, ids=ids))
    accounts = {str(decode_fields(version.body).get(lens.account) or "") for version in versions}
    accounts |= find_candidates(connection, session.org_id, session.mapping.account_object, _HAS, ids)
    return max((version.changed_seq for version in versions), default=0), accounts - {""}


def keep_compared(session: Session, connection: Connection, seq: int, people: Mapping[str, Iterable[str]]) -> None:
    """Keep up to which change of a contact customers were compared, and the people of each account that was."""
    keys = {account_id: tuple((_HAS, each) for each in ids) for account_id, ids in people.items()}
    save_keys(connection, session.org_id, session.mapping.account_object, keys)
    known = load_reference(connection, session.org_id, _COMPARED_TO)
    if seq > (int(known[1]) if known else 0):
        save_reference(connection, session.org_id, _COMPARED_TO, str(seq).encode(), session.host.now())


def shared_parts(people: People, contact: LedgerContact) -> list[tuple[Part, str, str]]:
    """The values that both sides share of people who have, or shall get, a place: ours and theirs."""
    return [
        (part, person.texts[field], person_texts(contact, place).get(field, ""))
        for contact_id, place in people.placed.places.items()
        if (person := people.people.get(contact_id))
        for part in people.lens.parts(person, place)
        if (field := part.name.partition(" ")[2])
    ]


def people_findings(people: People, contact: LedgerContact, source: RecordRef, target: RecordRef) -> list[Finding]:
    """What a person should know: who is on one side only, and who cannot be read. Nobody is deleted, and nobody new is
    made in Salesforce."""
    placed, found = people.placed, []
    for place in placed.strangers:
        texts = person_texts(contact, place)
        shown = " ".join(filter(None, (texts["FirstName"], texts["LastName"], texts["Email"])))
        found.append(Finding("person_unknown", source, f"{shown or 'a person without a name'}", related=(target,)))
    not_primary = [each for each, place in placed.places.items() if people.people[each].primary and place != PRIMARY]
    told = (
        ("person_gone", placed.gone),
        ("person_no_room", placed.without_room),
        ("person_not_primary", not_primary),
        ("field_unreadable", [each.contact_id for each in people.people.values() if each.problem]),
    )
    for code, ids in told:
        for contact_id in ids:
            ref = RecordRef(Side.SALESFORCE, people.lens.object, contact_id)
            cause = people.people[contact_id].name
            if code == "person_no_room":
                cause += f": Xero holds {PEOPLE_MAX} persons beside the primary one"
            elif code == "field_unreadable":
                cause += f": {people.people[contact_id].problem}"
            found.append(Finding(code, source, cause, related=(ref, target)))
    return found
