"""Canonical values and contact matching, over whatever Hypothesis can think of."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfoot.core.books import LedgerContact
from crossfoot.core.documents import IntendedContact
from crossfoot.core.matching import ContactDecision, ContactDirectory, decide_contacts
from crossfoot.core.names import unique_name
from crossfoot.core.records import canonical, content_hash
from tests.unit.core.cases import MORNING, account, account_id, contact

numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**18), max_value=10**18, places=6)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | numbers
    | st.text(max_size=20)
    | st.dates()
    | st.datetimes(timezones=st.just(dt.UTC))
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_the_canonical_form_of_a_canonical_form_is_itself(value: Any) -> None:
    assert canonical(canonical(value)) == canonical(value)
    assert content_hash(canonical(value)) == content_hash(value)


@given(st.dictionaries(st.text(max_size=8), leaves, max_size=8), st.randoms(use_true_random=False))
def test_the_hash_does_not_depend_on_the_order_of_fields(fields: dict[str, Any], chance: random.Random) -> None:
    names = list(fields)
    chance.shuffle(names)
    assert content_hash({name: fields[name] for name in names}) == content_hash(fields)


@given(numbers, st.integers(0, 12))
def test_the_hash_does_not_depend_on_padding(number: Decimal, zeros: int) -> None:
    padded = Decimal(f"{number:f}" + "0" * zeros)
    assert content_hash({"amount": padded}) == content_hash({"amount": number})
    assert content_hash({"name": f" {'x' * zeros} "}) == content_hash({"name": "x" * zeros})


@given(numbers)
def test_a_number_survives_its_canonical_form_exactly(number: Decimal) -> None:
    assert canonical(number) == number
    assert "E" not in json.dumps(format(canonical(number), "f"))


ABNS = ("", "51824753556", "53004085616", "83914571673")
NAMES = ("Acme", "ACME ", "Acme Pty Ltd", "Acme 1", "Acme 2", "Zenith")


@st.composite
def accounts(draw: st.DrawFn) -> list[IntendedContact]:
    count = draw(st.integers(1, 6))
    return [
        account(
            number,
            name=draw(st.sampled_from(NAMES)).strip(),
            tax_number=draw(st.sampled_from(ABNS)),
            account_number=draw(st.sampled_from(("", "A-1", "A-2"))),
            created=MORNING - dt.timedelta(days=draw(st.integers(0, 2))),
        )
        for number in range(1, count + 1)
    ]


@st.composite
def ledgers(draw: st.DrawFn) -> list[LedgerContact]:
    """Contacts as Xero may hold them: active names are unique."""
    found: list[LedgerContact] = []
    for number in range(1, draw(st.integers(0, 5)) + 1):
        name = draw(st.sampled_from(NAMES))
        status = draw(st.sampled_from(("ACTIVE", "ACTIVE", "ARCHIVED")))
        if status == "ACTIVE" and any(c.is_active and unique_name(c.name) == unique_name(name) for c in found):
            continue
        marker = draw(st.sampled_from(("", "", account_id(1), account_id(2))))
        abn = draw(st.sampled_from(ABNS))
        found.append(contact(number, name=name, status=status, tax_number=abn, contact_number=marker))
    return found


def same_first_word(key: str, others: Sequence[str]) -> Collection[int]:
    return [index for index, other in enumerate(others) if other.split()[:1] == key.split()[:1]]


def decide(moving_in: Sequence[IntendedContact], ledger: Sequence[LedgerContact]) -> dict[str, ContactDecision]:
    directory = ContactDirectory({each.contact_id: each for each in ledger}, same_first_word)
    return decide_contacts(moving_in, directory, links={}, chosen={}, not_same=())


@given(accounts(), ledgers(), st.randoms(use_true_random=False))
def test_the_order_in_which_accounts_arrive_is_irrelevant(
    moving_in: list[IntendedContact], ledger: list[LedgerContact], chance: random.Random
) -> None:
    decided = decide(moving_in, ledger)
    chance.shuffle(moving_in)
    chance.shuffle(ledger)
    assert decide(moving_in, ledger) == decided


@pytest.mark.promise("S1-38")
@given(accounts(), ledgers())
def test_no_created_name_is_taken_in_xero_or_by_another_account(
    moving_in: list[IntendedContact], ledger: list[LedgerContact]
) -> None:
    created = [unique_name(each.create_as) for each in decide(moving_in, ledger).values() if each.create_as]
    active = [unique_name(each.name) for each in ledger if each.is_active]
    assert len({*created, *active}) == len(created) + len(active)


@pytest.mark.promise("S0-15")
@given(accounts(), ledgers())
def test_no_run_creates_a_second_contact_for_a_key(
    moving_in: list[IntendedContact], ledger: list[LedgerContact]
) -> None:
    """Neither for an id nor for a tax number, and a second run over what the first made creates nothing."""
    decided = decide(moving_in, ledger)
    by_id = {each.source.id: each for each in moving_in}
    made = [
        contact(
            100 + number,
            name=decision.create_as,
            tax_number=by_id[record_id].tax_number,
            contact_number=record_id,
        )
        for number, (record_id, decision) in enumerate(sorted(decided.items()))
        if decision.create_as
    ]
    active = [each for each in ledger if each.is_active]
    for new in made:
        assert not any(each.contact_number == new.contact_number for each in ledger)
        assert not (new.tax_number and any(each.tax_number == new.tax_number for each in active))
    numbers_made = [each.tax_number for each in made if each.tax_number]
    assert len(numbers_made) == len(set(numbers_made))
    again = decide(moving_in, [*ledger, *made])
    assert not [record_id for record_id, decision in again.items() if decision.create_as]


@given(accounts(), ledgers())
def test_each_account_uses_creates_or_waits_and_no_contact_serves_two(
    moving_in: list[IntendedContact], ledger: list[LedgerContact]
) -> None:
    decided = decide(moving_in, ledger)
    for decision in decided.values():
        assert sum([bool(decision.contact_id), bool(decision.create_as), bool(decision.findings)]) == 1
    used = [decision.contact_id for decision in decided.values() if decision.contact_id]
    assert len(used) == len(set(used))
