"""Which Xero contact is this account? Every rule by an example, and that the order of the accounts never matters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from crossfoot.core.books import LedgerContact, LedgerPhone
from crossfoot.core.documents import IntendedContact
from crossfoot.core.matching import (
    CONTACT_NAME_LENGTH_MAX,
    MERGE_CHAIN_MAX,
    ContactDecision,
    ContactDirectory,
    decide_contacts,
    vouches_for,
)
from crossfoot.core.names import name_key, same_numbers, unique_name
from crossfoot.core.reach import SHARED_MAX

from .cases import account, account_id, contact

ABN_ONE, ABN_TWO, ABN_THREE = "51824753556", "53004085616", "83914571673"


def no_similar_names(_key: str, _others: Sequence[str]) -> Collection[int]:
    return ()


def one_within_the_other(key: str, others: Sequence[str]) -> Collection[int]:
    words = set(key.split())
    return [index for index, other in enumerate(others) if words <= set(other.split()) or set(other.split()) <= words]


def decide(
    accounts: Iterable[IntendedContact],
    contacts: Iterable[LedgerContact] = (),
    *,
    links: Mapping[str, str] | None = None,
    chosen: Mapping[str, str] | None = None,
    not_same: Collection[tuple[str, str]] = (),
) -> dict[str, ContactDecision]:
    links = links or {}
    directory = ContactDirectory(
        {each.contact_id: each for each in contacts},
        one_within_the_other,
        linked_accounts={contact_id: source for source, contact_id in links.items()},
    )
    return decide_contacts(accounts, directory, links=links, chosen=chosen or {}, not_same=not_same)


def decide_one(*contacts: LedgerContact, **changed: Any) -> ContactDecision:
    return decide([account(**changed)], contacts)[account_id()]


def codes(decision: ContactDecision) -> list[str]:
    return [finding.code for finding in decision.findings]


def test_an_unknown_customer_is_created_under_its_own_name() -> None:
    decision = decide_one(contact(name="Somebody Else"))
    assert (decision.create_as, decision.contact_id, decision.findings) == ("Customer 1", "", ())


def test_a_stored_link_is_followed_whatever_the_names_say() -> None:
    decision = decide([account()], [contact(name="Renamed")], links={account_id(): "contact-1"})[account_id()]
    assert decision.contact_id == "contact-1"


def test_a_link_to_a_contact_that_is_gone_waits() -> None:
    assert codes(decide([account()], links={account_id(): "contact-9"})[account_id()]) == ["contact_ambiguous"]


def test_what_a_person_chose_is_used() -> None:
    decision = decide([account()], [contact(5, name="Other")], chosen={account_id(): "contact-5"})[account_id()]
    assert decision.contact_id == "contact-5"


def test_the_accounts_id_on_the_contact_links_it() -> None:
    decision = decide_one(contact(name="Other", contact_number=account_id()))
    assert decision.contact_id == "contact-1"
    assert "account's id" in decision.evidence


def test_the_accounts_id_on_two_contacts_waits() -> None:
    marked = [contact(number, name=f"N{number}", contact_number=account_id()) for number in (1, 2)]
    decision = decide_one(*marked)
    assert codes(decision) == ["contact_ambiguous"]
    assert [ref.id for ref in decision.candidates] == ["contact-1", "contact-2"]


def test_a_contact_that_carries_the_accounts_id_and_was_merged_leads_to_the_one_that_stands() -> None:
    gone = contact(1, name="Before", contact_number=account_id(), status="ARCHIVED", merged_to="contact-2")
    stands = contact(2, name="After")

    alone = decide_one(gone, stands)
    other = account(2, name="Other")
    taken = decide([account(), other], [gone, stands], links={account_id(2): "contact-2"})[account_id()]

    assert (alone.contact_id, alone.create_as, alone.findings) == ("contact-2", "", ())
    assert (taken.contact_id, taken.create_as, codes(taken)) == ("", "", ["contact_ambiguous"])
    assert account_id(2) in taken.findings[0].cause


@pytest.mark.promise("S0-17", "S1-62")
def test_the_same_tax_number_links_whatever_the_spelling_and_shows_the_evidence() -> None:
    decision = decide_one(contact(name="CUSTOMER ONE P/L", tax_number=ABN_ONE), tax_number=ABN_ONE)
    assert decision.contact_id == "contact-1"
    assert ABN_ONE in decision.evidence
    assert "CUSTOMER ONE P/L" in decision.evidence


@pytest.mark.parametrize(
    ("ours", "theirs", "vouched"),
    [
        ({}, {"contact_number": account_id()}, True),
        ({"tax_number": ABN_ONE}, {"tax_number": ABN_ONE, "name": "Renamed"}, True),
        ({"tax_number": ABN_ONE}, {"tax_number": ABN_TWO}, False),
        ({}, {"contact_number": account_id(2)}, False),
        ({}, {}, False),
    ],
    ids=["its id", "its tax number", "another tax number", "another account's id", "the same name alone"],
)
def test_a_contact_says_itself_whose_it_is(ours: dict[str, Any], theirs: dict[str, Any], *, vouched: bool) -> None:
    assert bool(vouches_for(contact(**theirs), account(**ours), str)) is vouched


@pytest.mark.parametrize(
    "names",
    [
        ("Harvest Foods Store 21", "Harvest Foods Store 22"),
        ("Cockatoo Fund II Pty Ltd", "Cockatoo Fund III Pty Ltd"),
        ("Brolga Rentals Wagga Wagga", "Brolga Rentals Albury"),
        ("Tax Store Dubbo", "Tax Store Darwin"),
        ("Tax Store Manly", "Tax Store Mosman"),
        ("Brolga Care 001 Bondi", "Brolga Care 002 Manly"),
        ("Balwyn High School", "Kew High School"),
        ("Diocese of Sale - St Mary's Primary", "Diocese of Sale - St Mark's Primary"),
        ("Brolga Health Caulfield North Clinic", "Brolga Health Brighton East Rooms"),
        ("Red Cross Dubbo", "Orange Red Cross"),
        ("Brolga Water - Wagga Depot", "Wollongong Office - Brolga Water"),
        ("Tribune Hotel Marion", "Tribune Hotel Marian"),
        ("Lifeline Shop Nowra", "Nowra Counselling - Lifeline Shop HQ"),
    ],
)
def test_another_branch_of_one_tax_number_waits_until_a_person_tells(names: tuple[str, str]) -> None:
    ours, theirs = account(name=names[0], tax_number=ABN_ONE), contact(name=names[1], tax_number=ABN_ONE)
    assert codes(decide([ours], [theirs])[account_id()]) == ["contact_similar"]
    told_apart = decide([ours], [theirs], not_same=[(account_id(), theirs.contact_id)])
    assert told_apart[account_id()].create_as == names[0]


@pytest.mark.parametrize(
    "name", ["Harvest Food Stores", "Harvest Foods Store 21 Eng", "Old Paddock Holdings", "J & K Harvest"]
)
def test_one_tax_number_links_names_that_tell_no_branches_apart(name: str) -> None:
    theirs = contact(name=name, tax_number=ABN_ONE)
    assert decide_one(theirs, name="Harvest Foods Store 21", tax_number=ABN_ONE).contact_id == "contact-1"


@pytest.mark.parametrize("name", ["Barington Tops Honey", "Barrington Top Honey", "Barringtontops Honey"])
def test_one_tax_number_links_what_is_written_with_a_slip(name: str) -> None:
    theirs = contact(name=name, tax_number=ABN_ONE)
    assert decide_one(theirs, name="Barrington Tops Honey", tax_number=ABN_ONE).contact_id == "contact-1"


def test_a_contact_of_exactly_the_name_speaks_against_the_one_of_the_tax_number() -> None:
    office, branch = contact(1, name="Brolga Health", tax_number=ABN_ONE), contact(2, name="Brolga Health Caulfield")
    ours = {"name": "Brolga Health Caulfield Pty Ltd", "tax_number": ABN_ONE}
    decision = decide_one(office, branch, **ours)
    assert codes(decision) == ["contact_ambiguous"]
    assert {ref.id for ref in decision.candidates} == {"contact-1", "contact-2"}
    assert decide_one(office, contact(2, name="Brolga Health Caulfield Kitchen"), **ours).contact_id == "contact-1"


def test_the_same_tax_number_on_two_contacts_waits() -> None:
    twice = [contact(number, name=f"N{number}", tax_number=ABN_ONE) for number in (1, 2)]
    assert codes(decide_one(*twice, tax_number=ABN_ONE)) == ["contact_ambiguous"]


def test_of_two_contacts_with_the_tax_number_the_active_one_is_meant() -> None:
    old = contact(1, name="N1", tax_number=ABN_ONE, status="ARCHIVED")
    assert decide_one(old, contact(2, name="N2", tax_number=ABN_ONE), tax_number=ABN_ONE).contact_id == "contact-2"


@pytest.mark.promise("S0-69")
def test_two_accounts_of_one_tax_number_both_wait() -> None:
    decisions = decide([account(number, name=f"N{number}", tax_number=ABN_ONE) for number in (1, 2)])
    assert {number: codes(decisions[account_id(number)]) for number in (1, 2)} == {
        1: ["contact_same_tax_number"],
        2: ["contact_same_tax_number"],
    }


@pytest.mark.parametrize("told", [(1, 2), (2, 1)])
def test_two_accounts_of_one_tax_number_that_a_person_told_apart(told: tuple[int, int]) -> None:
    accounts = [account(number, name="Blue Gum", tax_number=ABN_ONE) for number in (1, 2)]
    not_same = {(account_id(told[0]), account_id(told[1]))}

    names = {decision.create_as for decision in decide(accounts, not_same=not_same).values()}
    assert len(names - {""}) == 2

    known = contact(name="Blue Gum", tax_number=ABN_ONE)
    asked = decide(accounts, [known], not_same=not_same).values()
    assert [codes(decision) for decision in asked] == [["contact_similar"]] * 2

    one_is_linked = decide(accounts, [known], links={account_id(1): known.contact_id}, not_same=not_same)
    assert one_is_linked[account_id(2)].create_as


@pytest.mark.parametrize(
    ("links", "marker"), [({account_id(1): "contact-1"}, ""), ({}, account_id(1))], ids=["by link", "by its id"]
)
@pytest.mark.parametrize("older", [1, 2])
def test_a_contact_that_is_another_accounts_is_not_taken_by_tax_number(
    links: Mapping[str, str], marker: str, older: int
) -> None:
    accounts = [
        account(1, name="First", created=_day(older == 2)),
        account(2, name="Second", tax_number=ABN_ONE, created=_day(older == 1)),
    ]
    theirs = contact(1, name="First", tax_number=ABN_ONE, contact_number=marker)
    decisions = decide(accounts, [theirs], links=links)
    assert decisions[account_id(1)].contact_id == "contact-1"
    assert codes(decisions[account_id(2)]) == ["contact_same_tax_number"]


def _day(later: bool) -> dt.datetime:
    return dt.datetime(2024, 2 if later else 1, 1, tzinfo=dt.UTC)


@pytest.mark.promise("S0-71")
@pytest.mark.parametrize("theirs", ["Customer 1", "CUSTOMER  1", "Customer 1 Pty Ltd", "Customer 1 Holdings"])
def test_a_name_alone_never_links(theirs: str) -> None:
    decision = decide_one(contact(name=theirs))
    assert codes(decision) == ["contact_similar"]
    assert not decision.contact_id


def test_a_name_alone_waits_even_where_one_side_has_a_tax_number() -> None:
    assert codes(decide_one(contact(name="Customer 1"), tax_number=ABN_ONE)) == ["contact_similar"]
    assert codes(decide_one(contact(name="Customer 1", tax_number=ABN_ONE))) == ["contact_similar"]


def test_a_person_can_tell_two_customers_of_one_name_apart() -> None:
    decision = decide([account()], [contact()], not_same={(account_id(), "contact-1")})[account_id()]
    assert decision.create_as == f"Customer 1 ({account_id()[-6:]})"


@pytest.mark.promise("S1-38")
@pytest.mark.parametrize(("number", "suffix"), [("A-77", " (A-77)"), ("", f" ({account_id()[-6:]})")])
def test_the_same_name_with_another_tax_number_gets_a_readable_suffix(number: str, suffix: str) -> None:
    taken = contact(name="customer  1", tax_number=ABN_TWO)
    for _ in range(2):
        decision = decide_one(taken, tax_number=ABN_ONE, account_number=number)
        assert decision.create_as == f"Customer 1{suffix}"


@pytest.mark.promise("S1-38")
def test_a_suffix_that_is_taken_too_gives_way_to_the_next() -> None:
    contacts = [contact(1, tax_number=ABN_TWO), contact(2, name="Customer 1 (A-77)", tax_number=ABN_THREE)]
    decision = decide_one(*contacts, tax_number=ABN_ONE, account_number="A-77")
    assert decision.create_as == f"Customer 1 ({account_id()[-6:]})"


def test_a_long_name_keeps_its_suffix_within_xeros_limit() -> None:
    name = "N" * 300
    decision = decide_one(
        contact(name=name[:CONTACT_NAME_LENGTH_MAX], tax_number=ABN_TWO), name=name, tax_number=ABN_ONE
    )
    assert len(decision.create_as) == CONTACT_NAME_LENGTH_MAX
    assert decision.create_as.endswith(f"N ({account_id()[-6:]})")


def test_the_plain_name_goes_to_the_older_account() -> None:
    accounts = [account(number, name="Same Name", tax_number=abn) for number, abn in ((1, ABN_ONE), (2, ABN_TWO))]
    for order in (accounts, accounts[::-1]):
        decisions = decide(order)
        assert decisions[account_id(1)].create_as == "Same Name"
        assert decisions[account_id(2)].create_as == f"Same Name ({account_id(2)[-6:]})"


def test_older_means_created_earlier_and_not_a_smaller_id() -> None:
    accounts = [
        account(1, name="Same Name", tax_number=ABN_ONE, created=_day(later=True)),
        account(2, name="Same Name", tax_number=ABN_TWO, created=_day(later=False)),
    ]
    decisions = decide(accounts)
    assert decisions[account_id(2)].create_as == "Same Name"
    assert decisions[account_id(1)].create_as == f"Same Name ({account_id(1)[-6:]})"


def test_two_new_accounts_of_one_name_without_tax_numbers_make_one_contact_only() -> None:
    decisions = decide([account(number, name="Same Name") for number in (2, 1)])
    assert decisions[account_id(1)].create_as == "Same Name"
    assert codes(decisions[account_id(2)]) == ["contact_similar"]


@pytest.mark.promise("S0-71")
@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("Depot 12", "Depot 13", False),
        ("Depot 12", "Depot 12 Pty Ltd", True),
        ("3rd Wave", "Wave", False),
        ("Wave", "Waves", True),
        ("Block A", "Block B", False),
        ("J Smith Joinery", "Smith Joinery", True),
        ("Depot 07", "Depot 7", True),
        ("Depot ٧", "Depot 8", False),
        ("Beef Week", "Beef Week 2024", True),
        ("Beef Week 2023", "Beef Week 2024", False),
        ("Depot", "Depot ABN 51 824 753 556", True),
        ("Compania S.A.", "Compania S.A. de C.V.", True),
        ("Блок А", "Блок Б", False),
    ],
)
def test_digits_distinguish(left: str, right: str, same: bool) -> None:
    assert same_numbers(name_key(left), name_key(right)) is same


def test_numbered_branches_are_different_customers_however_similar_their_names() -> None:
    def everything_is_similar(_key: str, others: Sequence[str]) -> Collection[int]:
        return range(len(others))

    directory = ContactDirectory({"contact-1": contact(name="Customer 11")}, everything_is_similar)
    decided = decide_contacts([account()], directory, links={}, chosen={}, not_same=())
    assert decided[account_id()].create_as == "Customer 1"


@pytest.mark.parametrize("status", ["ARCHIVED", "GDPRREQUEST"])
def test_an_archived_contact_waits_until_it_is_restored(status: str) -> None:
    known = contact(tax_number=ABN_ONE)
    waiting = decide_one(contact(tax_number=ABN_ONE, status=status), tax_number=ABN_ONE)
    assert codes(waiting) == ["contact_archived"]
    assert waiting.evidence.startswith("same ABN")
    assert decide_one(known, tax_number=ABN_ONE).contact_id == "contact-1"


def test_a_customer_that_this_run_will_create_is_shown_as_its_account() -> None:
    decisions = decide([account(number, name="Same Name") for number in (1, 2)])
    assert decisions[account_id(2)].candidates == (account(1).source,)


def test_a_person_can_tell_an_account_from_one_that_this_run_will_create() -> None:
    accounts = [account(number, name="Same Name") for number in (1, 2)]
    decisions = decide(accounts, not_same={(account_id(2), account_id(1))})
    assert decisions[account_id(2)].create_as == f"Same Name ({account_id(2)[-6:]})"


def test_an_archived_name_is_free_for_a_new_customer() -> None:
    archived = contact(tax_number=ABN_TWO, status="ARCHIVED")
    assert decide_one(archived, tax_number=ABN_ONE).create_as == "Customer 1"


def chain(length: int) -> list[LedgerContact]:
    """``contact-1`` was merged into ``contact-2``, and so on."""
    return [contact(n, merged_to=f"contact-{n + 1}") for n in range(1, length + 1)] + [contact(length + 1)]


@pytest.mark.parametrize("length", [1, 3, MERGE_CHAIN_MAX - 1])
def test_a_merged_contact_leads_to_the_one_that_survived(length: int) -> None:
    decision = decide([account()], chain(length), links={account_id(): "contact-1"})[account_id()]
    assert decision.contact_id == f"contact-{length + 1}"


def test_contacts_merged_in_a_circle_wait() -> None:
    circle = [contact(1, merged_to="contact-2"), contact(2, merged_to="contact-1")]
    assert codes(decide([account()], circle, links={account_id(): "contact-1"})[account_id()]) == ["contact_ambiguous"]


def test_a_merged_contact_is_no_candidate() -> None:
    gone = contact(1, tax_number=ABN_ONE, contact_number=account_id(), merged_to="contact-9")
    assert decide_one(gone, tax_number=ABN_ONE).create_as == "Customer 1"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"name": "Gone"}, {}),
        ({"tax_number": ABN_ONE}, {"tax_number": ABN_ONE}),
        ({"email": "a@b.example"}, {"email": "A@b.example"}),
        ({"phone": "02 9000 0001"}, {"phones": (LedgerPhone("DEFAULT", "90000001", "02"),)}),
    ],
    ids=["name", "tax number", "e-mail", "phone"],
)
def test_a_contact_that_was_merged_away_is_asked_about_as_the_one_that_stands(
    ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    contacts = [contact(1, **{"name": "Gone", **theirs}, merged_to="contact-2"), contact(2, name="Stands")]

    decision = decide([account(**ours)], contacts)[account_id()]

    assert (codes(decision), [ref.id for ref in decision.candidates]) == (["contact_similar"], ["contact-2"])
    assert "'Gone' was merged into 'Stands'" in decision.findings[0].cause
    assert decide([account(**ours)], contacts, not_same={(account_id(), "contact-2")})[account_id()].create_as


@pytest.mark.parametrize(
    "speaks", [{"name": "Customer 1 Holdings"}, {"name": "Trading As", "email": "a@b.example"}], ids=["name", "e-mail"]
)
def test_a_tax_number_of_a_contact_for_which_nothing_else_speaks_waits_where_more_speaks_for_another(
    speaks: dict[str, Any],
) -> None:
    """An ABN that was copied from another account would bill the wrong company."""
    other, own = contact(1, name="Zenith", tax_number=ABN_ONE), contact(2, **speaks)

    decision = decide_one(other, own, tax_number=ABN_ONE, email="a@b.example")

    assert (codes(decision), [ref.id for ref in decision.candidates]) == (
        ["contact_ambiguous"],
        ["contact-1", "contact-2"],
    )
    assert decide_one(other, tax_number=ABN_ONE).contact_id == "contact-1"
    assert decide_one(replace(other, email="a@b.example"), own, tax_number=ABN_ONE, email="a@b.example").contact_id
    told = decide([account(tax_number=ABN_ONE)], [other, own], not_same={(account_id(), "contact-2")})
    assert told[account_id()].contact_id == "contact-1"


def test_contacts_of_its_tax_number_that_a_person_told_apart_are_not_asked_about_again() -> None:
    twice = [contact(number, name=f"N{number}", tax_number=ABN_ONE) for number in (1, 2)]
    told = {(account_id(), each.contact_id) for each in twice}
    assert decide([account(tax_number=ABN_ONE)], twice, not_same=told)[account_id()].create_as == "Customer 1"
    told.pop()
    assert decide([account(tax_number=ABN_ONE)], twice, not_same=told)[account_id()].contact_id


def test_a_tax_number_that_is_not_valid_is_no_evidence() -> None:
    directory = ContactDirectory(
        {"contact-1": contact(name="Other", tax_number="12 345")},
        no_similar_names,
        tax_number_of=lambda text: text if len(text) == 11 else "",
    )
    decided = decide_contacts([account(tax_number="12 345")], directory, links={}, chosen={}, not_same=())
    assert decided[account_id()].create_as == "Customer 1"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("The Ångström & Søn Company Pty. Ltd.", "angstrom søn"),
        ("Ltd", "ltd"),
        ("O'Brien-Smith", "o brien smith"),
    ],
)
def test_a_name_as_a_person_compares_it(name: str, key: str) -> None:
    assert name_key(name) == key


def test_a_name_as_xero_compares_it() -> None:
    assert unique_name("  Straße   Bau ") == unique_name("STRASSE Bau")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"email": "Accounts@Harbour.example"}, {"email": "accounts@harbour.example"}),
        ({"phone": "(02) 9000 0001"}, {"phones": (LedgerPhone("DEFAULT", "9000 0001", "2", "61"),)}),
        ({"phone": "+61 2 9000 0001"}, {"phones": (LedgerPhone("MOBILE", "0290000001"),)}),
        ({"phone": "02 9000 0001 ext. 12"}, {"phones": (LedgerPhone("DEFAULT", "90000001 x7", "02"),)}),
        ({"phone": "02 9000 0001 / 0412 000 111"}, {"phones": (LedgerPhone("DEFAULT", "9000 0001", "02"),)}),
        ({"phone": "02/9000/0001"}, {"phones": (LedgerPhone("DEFAULT", "9000 0001", "02"),)}),
        ({"email": "sales@harbour.example"}, {"email": "Jo@Harbour.example"}),
        ({"email": "jo+xero@gmail.com"}, {"email": "jo@gmail.com"}),
        ({"email": "jo@gmail.com; Harbour <ap@harbour.example>"}, {"email": "AP@harbour.example"}),
        ({"email": "https://www.Harbour.example/contact"}, {"email": "jo@harbour.example"}),
    ],
)
def test_another_name_with_the_same_email_or_phone_waits(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    decision = decide_one(contact(name="Somebody Else", **theirs), **ours)
    assert codes(decision) == ["contact_similar"]
    assert "'Somebody Else' (same " in decision.findings[0].cause


def test_another_name_with_the_same_tax_number_of_another_country_waits() -> None:
    theirs = contact(name="Somebody Else", tax_number="123456782")
    directory = ContactDirectory({theirs.contact_id: theirs}, no_similar_names, tax_number_of=lambda _text: "")
    british = account(tax_number="GB 123 4567 82")
    decision = decide_contacts([british], directory, links={}, chosen={}, not_same=())[account_id()]
    assert "'Somebody Else' (same tax number)" in decision.findings[0].cause


def test_neither_email_nor_phone_asks_where_tax_numbers_differ_or_a_person_told_them_apart() -> None:
    shared = contact(name="Somebody Else", email="a@b.example", tax_number=ABN_ONE)
    assert decide_one(shared, email="a@b.example", tax_number=ABN_TWO).create_as
    told = decide([account(email="a@b.example")], [shared], not_same={(account_id(), shared.contact_id)})
    assert told[account_id()].create_as


def test_a_switchboard_that_another_account_shares_asks_nothing() -> None:
    theirs = contact(5, name="Sister Company", phones=(LedgerPhone("DEFAULT", "90000001", "02"),))
    decided = decide([account(phone="02 9000 0001")], [theirs], links={account_id(2): "contact-5"})
    assert decided[account_id()].create_as


def test_an_extension_is_no_phone_number() -> None:
    theirs = contact(name="Somebody Else", phones=(LedgerPhone("DDI", "123"),))
    assert decide_one(theirs, phone="123").create_as


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"phone": "00 0000 0000"}, {"phones": (LedgerPhone("DEFAULT", "0000000000"),)}),
        ({"phone": "1234567890"}, {"phones": (LedgerPhone("DEFAULT", "1234567890"),)}),
        ({"email": "none@nowhere.example"}, {"email": "none@nowhere.example"}),
        ({"email": "n/a"}, {"email": "n/a"}),
        ({"email": "www.facebook.com/harbour"}, {"email": "jo@facebook.com"}),
        ({"email": "harbour@gmail.com"}, {"email": "jo@gmail.com"}),
        ({"email": "a@stores.example"}, {"email": "a@stores.example", "name": "Customer 2"}),
    ],
    ids=[
        "no number",
        "keys in a row",
        "no address",
        "nothing",
        "a network's page",
        "a provider's domain",
        "another branch",
    ],
)
def test_what_tells_nobody_apart_asks_nothing(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert decide_one(contact(**{"name": "Somebody Else", **theirs}), **ours).create_as


@pytest.mark.parametrize(("sharing", "asked"), [(SHARED_MAX, True), (SHARED_MAX + 1, False)])
def test_an_address_that_many_share_is_a_bookkeepers(sharing: int, asked: bool) -> None:
    clients = [contact(n, name=f"Client {'abcdefgh'[n] * 4}", email="books@ledgers.example") for n in range(sharing)]
    assert bool(decide_one(*clients, email="books@ledgers.example").findings) is asked
