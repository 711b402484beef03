"""Which Salesforce contact is which of a Xero contact's persons, which have no id there (XERO 4.1)."""

from __future__ import annotations

from crossfoot.core.books import LedgerPerson
from crossfoot.core.people import Person, part_name, place_people

from .cases import contact

ANN = Person("003A", "Ann Lee", {"FirstName": "Ann", "LastName": "Lee", "Email": "ann@example.com"})
DEE = Person("003D", "Dee Fox", {"FirstName": "Dee", "LastName": "Fox", "Email": ""})
AS_AGREED = {part_name("003A", field): text for field, text in ANN.texts.items()}


def there(*persons: tuple[str, str, str]) -> tuple[LedgerPerson, ...]:
    return tuple(LedgerPerson(first, last, email, include_in_emails=False) for first, last, email in persons)


def test_a_person_is_known_by_what_was_agreed_else_by_address_else_by_name() -> None:
    for known in (
        ("Ann", "Lee", "ann@example.com"),
        ("Anna", "Lee", "ann@example.com"),
        ("Ann", "Lee", "x@example.com"),
    ):
        placed = place_people([ANN], contact(people=there(("Bo", "Ng", ""), known)), AS_AGREED)
        assert (placed.places, placed.gone) == ({"003A": 1}, ())


def test_who_was_agreed_on_and_stands_nowhere_is_gone_and_a_stranger_is_nobody() -> None:
    placed = place_people([ANN], contact(people=there(("Bo", "Ng", ""))), AS_AGREED)
    assert (placed.places, placed.gone, placed.strangers) == ({}, ("003A",), (0,))


def test_who_was_sent_and_is_not_found_is_added_again_only_where_no_stranger_may_be_them() -> None:
    renamed = contact(people=there(("Anna", "Leigh", "leigh@example.com")))
    assert place_people([ANN], renamed, {}, told={"003A"}).gone == ("003A",)
    assert place_people([ANN], renamed, {}).places == {"003A": None}
    assert place_people([ANN], contact(people=()), {}, told={"003A"}).places == {"003A": None}


def test_a_blank_on_both_sides_does_not_tell_that_a_person_was_there() -> None:
    both_blank = {part_name("003D", "Email"): ""}
    for people in ((), there(("Bo", "Ng", "bo@example.com"))):
        placed = place_people([DEE], contact(people=people), both_blank)
        assert (placed.places, placed.gone) == ({"003D": None}, ())


def test_who_has_no_e_mail_is_known_by_name_whatever_its_case() -> None:
    placed = place_people([DEE], contact(people=there(("Bo", "Ng", ""), ("DEE", "fox", "dee@example.com"))), {})
    assert (placed.places, placed.strangers) == ({"003D": 1}, (0,))


def test_of_two_persons_who_say_the_same_each_is_somebody_once() -> None:
    namesake = Person("003E", "Dee Fox", DEE.texts)
    dee = ("Dee", "Fox", "")
    for persons, places in (((dee,), {"003D": 0, "003E": None}), ((dee, dee), {"003D": 0, "003E": 1})):
        placed = place_people([DEE, namesake], contact(people=there(*persons)), {}, told={"003D"})
        assert (placed.places, placed.gone, placed.strangers) == (places, (), ())


def test_who_has_neither_name_nor_e_mail_takes_nobodys_room() -> None:
    nobody = Person("003B", "Nobody", {"FirstName": "", "LastName": "", "Email": "", "IncludeInEmails": "true"})
    four = there(*((f"P{number}", "Ng", "") for number in range(4)))
    placed = place_people([nobody, DEE], contact(people=four), {})
    assert (placed.places, placed.gone, placed.without_room) == ({"003D": None}, (), ())
