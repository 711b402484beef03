"""Transforms: the one form of each value, what is refused and why, and that twice is once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pycountry
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossfoot.core.errors import NeedsPerson
from crossfoot.core.findings import REASONS
from crossfoot.engine.reading.ledger import canonical_tax_number
from crossfoot.mapping.formula_syntax import Value
from crossfoot.mapping.transforms import TRANSFORMS, TransformError, find_transform, join_street, split_street

STREET = "Level 9\r\n  1  George St \n\nTower B\nPlaza\nGate 4"


@pytest.mark.promise("S1-79", "S1-83")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("phone", "  + 61  2 9999 1234 ", "+61 2 9999 1234"),
        ("phone", "(02) 9999-1234", "(02) 9999-1234"),
        ("email", " Accounts@Example.COM.au ", "accounts@example.com.au"),
        ("country", "UK", "GB"),
        ("country", "U.S.A.", "US"),
        ("country", "aotearoa", "NZ"),
        ("country", "The Netherlands", "NL"),
        ("country", "AUS", "AU"),
        ("country", "Cote d'Ivoire", "CI"),
        ("country_name", "au", "Australia"),
        ("country_name", "Viet Nam", "Vietnam"),
        ("country_name", "Timor-Leste", "Timor Leste"),
        ("text", " e\u0301te\x00\ud800 ", "éte"),
        ("text 5", "four five", "four"),
        ("text 4", Decimal("12.50"), "12.5"),
        ("upper", "straße", "STRASSE"),
        ("digits", "ACN 004-085-616", "004085616"),
        ("digits", "none", None),
        ("line1", STREET, "Level 9"),
        ("line2", STREET, "1 George St"),
        ("line4", STREET, "Plaza, Gate 4"),
        ("line3", "one line", None),
    ],
)
def test_a_value_in_its_one_form(name: str, value: Value, expected: Value) -> None:
    assert find_transform(name)(value) == expected


@pytest.mark.promise("S1-48")
@pytest.mark.parametrize(
    "written",
    [
        "51 824 753 556",
        "51824753556",
        "51-824-753-556",
        "51\u00a0824 753 556",
        "ABN 51.824.753.556",
        "A.B.N.: 51824753556",
    ],
)
def test_an_abn_is_eleven_digits(written: str) -> None:
    assert TRANSFORMS["abn"](written) == canonical_tax_number(written) == "51824753556"
    assert TRANSFORMS["abn"](Decimal(51824753556)) == "51824753556"


@pytest.mark.parametrize(
    ("name", "value", "code", "message"),
    [
        ("abn", "51 824 753 557", "tax_number_invalid", "check digits"),
        ("abn", "5182475355", "tax_number_invalid", "11 digits"),
        ("abn", "٥١٨٢٤٧٥٣٥٥٦", "tax_number_invalid", "ABN"),
        ("abn", "GB 123456789", "tax_number_invalid", "11 digits"),
        ("country", "Atlantis", "country_blank", "Atlantis"),
        ("email", "bücher@example.com", "unreadable", "e-mail"),
        ("email", "two@@example.com", "unreadable", "e-mail"),
        ("email", "a@b.com, c@d.com", "unreadable", "e-mail"),
        ("text 255", date(2026, 11, 21), "unreadable", "not a text"),
        ("digits", True, "unreadable", "not a text"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason_of_the_catalogue(
    name: str, value: Value, code: str, message: str
) -> None:
    with pytest.raises(TransformError, match=message) as caught:
        find_transform(name)(value)
    assert caught.value.reason_code == code
    assert code in REASONS


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("blank", [None, "", " \n\t"])
def test_blank_stays_blank(name: str, blank: Value) -> None:
    assert TRANSFORMS[name](blank) is None


CHOOSE_A_PART = {"line2", "line3", "line4"}
values = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"[ +0-9()-]{0,20}", fullmatch=True),
    st.emails(),
    st.sampled_from([country.name for country in pycountry.countries] + ["51 824 753 556", "UK", "33 051 775 556"]),
    st.decimals(allow_nan=False, allow_infinity=False),
)


@pytest.mark.parametrize("name", [name for name in [*TRANSFORMS, "text 7"] if name not in CHOOSE_A_PART])
@settings(deadline=None)
@given(value=values)
def test_twice_is_once(name: str, value: Value) -> None:
    transform = find_transform(name)
    try:
        once = transform(value)
    except TransformError:
        return
    assert transform(once) == once
    assert once is None or (isinstance(once, str) and once == once.strip() != "")


def test_every_country_comes_back_from_its_name_and_is_letters_only() -> None:
    for country in pycountry.countries:
        name = TRANSFORMS["country_name"](country.alpha_2)
        assert isinstance(name, str)
        assert name.replace(" ", "").isalpha()
        assert len(name) <= 50
        assert TRANSFORMS["country"](name) == country.alpha_2


@pytest.mark.promise("S1-40")
def test_a_street_of_several_lines_is_split_and_comes_back() -> None:
    assert split_street("Level 9\n1 George St") == ("Level 9", "1 George St", None, None)
    assert split_street(STREET) == ("Level 9", "1 George St", "Tower B", "Plaza, Gate 4")
    assert split_street(None) == (None,) * 4
    assert join_street(split_street(None)) is None


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abc 1,", max_size=8), max_size=4))
def test_up_to_four_lines_nothing_is_lost(lines: list[str]) -> None:
    split = split_street("\n".join(lines))
    assert split_street(join_street(split)) == split
    assert "".join(line or "" for line in split).replace(" ", "") == "".join(lines).replace(" ", "")


@pytest.mark.parametrize("written", ["", "abm", "abn 11", "text 0", "text x", "text 9999999", "text 10 20"])
def test_an_unknown_transform_is_explained(written: str) -> None:
    with pytest.raises(NeedsPerson, match=r"no transform|takes no number|whole number of characters"):
        find_transform(written)


def test_what_is_lost_is_declared() -> None:
    assert find_transform("text 10").loss == "what is beyond the limit"
    assert find_transform("text").loss == ""
    assert all(TRANSFORMS[name].loss for name in ("upper", "digits", "email", "line1"))
