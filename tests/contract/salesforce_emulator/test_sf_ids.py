"""Record ids (SF 0.3)."""

from __future__ import annotations

import pytest

from crossfoot.emulators.salesforce.ids import make_id, to_18


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("001D000000IqhSL", "001D000000IqhSLIAZ"),
        ("001D000000IqhSLIAZ", "001D000000IqhSLIAZ"),
        ("001000000000000", "001000000000000AAA"),
        ("001D000000IqhSLIAA", None),
        ("001D000000Iqh", None),
        ("001D000000Iqh-L", None),
        (None, None),
    ],
)
def test_fifteen_characters_get_their_checksum_and_eighteen_have_to_carry_it(given: object, full: str | None) -> None:
    assert to_18(given) == full


def test_ids_sort_in_the_order_of_their_making() -> None:
    made = [make_id("001", "5g0", number) for number in (1, 9, 10, 35, 36, 61, 62, 3843, 3844)]
    assert made == sorted(made)
    assert all(to_18(each[:15]) == each for each in made)
