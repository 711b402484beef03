"""People at a customer: which Salesforce contact is which of a Xero contact's persons.

Xero gives a contact person no id (XERO 4.1), so that one is known by what both sides last agreed on, else by e-mail or
name. The contact's own first name, last name and e-mail are its primary person; five more fit beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from crossfoot.core.agreement import Value, Values
from crossfoot.core.books import LedgerContact, LedgerPerson
from crossfoot.core.documents import ContactChange

PEOPLE_MAX = 5
PRIMARY = -1
"""The place of the primary person; others have their place in the list."""
IDENTIFYING = ("FirstName", "LastName", "Email")
FIELDS = (*IDENTIFYING, "IncludeInEmails")


class PartOf(NamedTuple):
    """A value of one person: the Salesforce contact's id and the field."""

    contact_id: str
    field: str


def part_name(contact_id: str, field: str) -> str:
    """Under which name a person's value is merged and remembered."""
    return f"{contact_id} {field}"


def part_label(field: str, name: str, contact_id: str = "") -> str:
    """What a person's value is called before people; with the contact's id where two have one name."""
    return f"{field} of {name} ({contact_id})" if contact_id else f"{field} of {name}"


def part_of(name: str) -> PartOf | None:
    """Whose value a part is; None for a value of the customer itself."""
    contact_id, _, field = name.partition(" ")
    return PartOf(contact_id, field) if field in FIELDS else None


@dataclass(frozen=True, slots=True)
class Person:
    """A Salesforce contact that goes by the settings' rule. ``texts`` has the mapped fields only. One of which that
    cannot be told, or that cannot be read, has none: it keeps its place, and ``problem`` says why."""

    contact_id: str
    name: str
    texts: Mapping[str, str]
    primary: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where people stand in Xero. ``places`` is by contact id, None for one still to be added; ``gone`` were taken away
    in Xero, ``without_room`` do not fit, ``strangers`` are places of persons that are nobody's: the primary one's only
    where a contact whom the rule names was it.

    Who has neither a name nor an e-mail is in none of them: there is nothing to add, or to find somebody by."""

    places: Mapping[str, int | None]
    gone: tuple[str, ...] = ()
    without_room: tuple[str, ...] = ()
    strangers: tuple[int, ...] = ()


def person_texts(contact: LedgerContact, place: int | None) -> dict[str, str]:
    """A person's values as Xero has them."""
    if place is None:
        return {}
    if place == PRIMARY:
        own = (contact.first_name, contact.last_name, contact.email)
        return dict(zip(IDENTIFYING, map(_spaced_once, own), strict=True))
    return _texts(contact.people[place])


def place_people(
    people: Sequence[Person],
    contact: LedgerContact,
    base: Values,
    told: Collection[str] = (),
    *,
    has_primary: bool = True,
) -> Placed:
    """Find each person's place: first by all that was agreed, then by all that is said now, by e-mail, by
    name; each place once. Of several persons who say all the same, any is the right one. Whom the rule names no more
    stays the primary person; ``has_primary`` says whether there is such a rule.

    Who is in ``told`` was sent to Xero before, and never seen to be agreed: where strangers stand there now, one of
    them may be this person under another name and address, so that nobody is added.
    """
    free = dict(enumerate(contact.people))
    agreed = {person.contact_id: _agreed(person, base) for person in people}
    places: dict[str, int | None] = dict.fromkeys(_primary(people, contact, agreed), PRIMARY)
    looks: tuple[Callable[[Person], Iterable[tuple[str, ...]]], ...] = (
        lambda person: [_whole(agreed[person.contact_id])],
        lambda person: [_whole(person.texts)],
        lambda person: [_email(agreed[person.contact_id]), _email(person.texts)],
        lambda person: [_name(agreed[person.contact_id]), _name(person.texts)],
    )
    for look, key in zip(looks, (_whole, _whole, _email, _name), strict=True):
        for person in people:
            if person.contact_id in places:
                continue
            wanted = [each for each in look(person) if any(each)]
            found = [place for place, other in free.items() if key(_texts(other)) in wanted]
            if key is _email:  # an address is handed on from one to another, a name is not
                others = _names([each for each in people if each.contact_id not in places], agreed)
                others -= _names([person], agreed)
                found = [place for place in found if _name(_texts(free[place])) not in others]
            if len(found) == 1 or (found and key is _whole):
                places[person.contact_id] = found[0]
                del free[found[0]]
    missing = {p.contact_id: p for p in people if p.contact_id not in places and any(_whole(p.texts))}
    taken = [person_texts(contact, place) for place in places.values()]
    gone = [each for each in missing if agreed[each] or (free and each in told)]
    gone = [each for each in gone if not _was_another(missing[each], agreed[each], taken)]
    if has_primary and PRIMARY not in places.values():
        still = [each for each in gone if agreed[each] and _stands_as_primary(missing[each], people, contact, agreed)]
        places |= dict.fromkeys(still[:1], PRIMARY)
    gone = [each for each in gone if each not in places]
    new = [each for each in missing if each not in {*gone, *places}]
    room = max(PEOPLE_MAX - len(contact.people), 0)
    places |= dict.fromkeys(new[:room])
    if PRIMARY not in places.values() and any(missing[each].primary for each in gone):
        free[PRIMARY] = LedgerPerson()
    return Placed(places, tuple(gone), tuple(new[room:]), tuple(free))


def _primary(people: Sequence[Person], contact: LedgerContact, agreed: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Who stands as the primary person, if anybody: who says the same, or did when both sides agreed, else whom the
    rule names, unless that one was agreed on, and stood among the others or another stands there now. What one person
    says in a place is nobody else's edit.
    """
    marked = [person for person in people if person.primary]
    own = _whole(person_texts(contact, PRIMARY))
    others = {_whole(_texts(other)) for other in contact.people}
    candidates = [*marked, *sorted(people, key=lambda person: person.contact_id)] if own not in others else marked
    there = [each for each in candidates if any(own) and own in (_whole(agreed[each.contact_id]), _whole(each.texts))]
    new = []
    for each in marked:
        before = agreed[each.contact_id]
        hers = not any(own) or _in_question(each, before) or _stands_as_primary(each, people, contact, agreed)
        if not before or (hers and _whole(before) not in others):
            new.append(each)
    return [each.contact_id for each in [*there, *new][:1]] if marked else []


def _in_question(person: Person, agreed: Mapping[str, str]) -> bool:
    """Whether not all that is said of a person was agreed on: who it is in Xero may still be asked."""
    return any(person.texts.get(field) and field not in agreed for field in IDENTIFYING)


def _was_another(person: Person, agreed: Mapping[str, str], taken: Iterable[Mapping[str, str]]) -> bool:
    """Whether all that was agreed with a person stands where it was asked who it is, and is known to be another now."""
    met = bool(agreed) and _in_question(person, agreed)
    return met and any(agreed.items() <= texts.items() for texts in taken)


def _stands_as_primary(
    person: Person, people: Sequence[Person], contact: LedgerContact, agreed: Mapping[str, Mapping[str, str]]
) -> bool:
    """Whether the primary person goes by this one's name, or by the e-mail and by no other one's name."""
    own = {field: text for field, text in person_texts(contact, PRIMARY).items() if field in person.texts}
    others = _names([each for each in people if each is not person], agreed)
    mailed_at = {_email(agreed[person.contact_id]), _email(person.texts)} - {("",)}
    if _name(own) in _names([person], agreed):
        return True
    return _email(own) in mailed_at and _name(own) not in others


def changed_people(contact: LedgerContact, placed: Placed, values: Values) -> tuple[LedgerPerson, ...]:
    """All of a contact's persons as they shall be: Xero replaces the list whole (XERO 4.1)."""
    told: dict[str, dict[str, Value]] = {}
    for name, value in values.items():
        if (part := part_of(name)) and placed.places.get(part.contact_id) != PRIMARY:
            told.setdefault(part.contact_id, {})[part.field] = value
    people = list(contact.people)
    for contact_id in sorted(told):
        place = placed.places[contact_id]
        before = _texts(people[place]) if place is not None else {}
        texts = {**before, **{field: str(value) for field, value in told[contact_id].items()}}
        person = LedgerPerson(
            texts.get("FirstName", ""),
            texts.get("LastName", ""),
            texts.get("Email", ""),
            texts.get("IncludeInEmails") == "true",
        )
        if place is None:
            people.append(person)
        else:
            people[place] = person
    return tuple(people) if told else ()


def with_people(change: ContactChange, contact: LedgerContact, placed: Placed, values: Values) -> ContactChange:
    """A contact's change with what it says of people: the primary one in texts of its own, the others in the list."""
    own = tuple(
        (part.field, str(value))
        for name, value in values.items()
        if (part := part_of(name)) and placed.places.get(part.contact_id) == PRIMARY
    )
    people = changed_people(contact, placed, values)
    return replace(change, texts=tuple(sorted({**dict(change.texts), **dict(own)}.items())), people=people)


def _agreed(person: Person, base: Values) -> dict[str, str]:
    """What was agreed of a person. A blank does not count: of who was never in Xero, both sides say as much."""
    found = {field: base.get(part_name(person.contact_id, field)) for field in FIELDS}
    return {field: value for field, value in found.items() if isinstance(value, str) and value}


def _texts(person: LedgerPerson) -> dict[str, str]:
    include = "true" if person.include_in_emails else "false"
    said = map(_spaced_once, (person.first_name, person.last_name, person.email))
    return dict(zip(FIELDS, (*said, include), strict=True))


def _spaced_once(text: str) -> str:
    """As Salesforce's values are read. It keeps no space at the ends (SF 0.4): one of Xero's would be told for ever."""
    return " ".join(text.split())


def _whole(texts: Mapping[str, str]) -> tuple[str, ...]:
    return (*_name(texts), *_email(texts))


def _email(texts: Mapping[str, str]) -> tuple[str, ...]:
    return (texts.get("Email", "").casefold(),)


def _names(people: Iterable[Person], agreed: Mapping[str, Mapping[str, str]]) -> set[tuple[str, ...]]:
    """What these people are called, and were when both sides agreed."""
    said = (texts for person in people for texts in (person.texts, agreed[person.contact_id]))
    return {name for name in map(_name, said) if any(name)}


def _name(texts: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(" ".join(texts.get(field, "").split()).casefold() for field in ("FirstName", "LastName"))
