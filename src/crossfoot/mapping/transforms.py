"""Transforms: what ``as:`` in a field's mapping does to a value on its way, each a pure function in one table.

A transform brings a value into the one form that both sides are compared in, so applying it twice changes nothing
(``line1`` to ``line4`` choose a part instead). Blank stays blank. What a transform loses is declared in its row; what
it cannot read it refuses with a reason from the catalogue of findings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, partial
from types import MappingProxyType

import pycountry
from stdnum.au import abn as au_abn
from stdnum.exceptions import ValidationError

from crossfoot.core.errors import NeedsPerson
from crossfoot.core.money import EXACT
from crossfoot.mapping.formula_syntax import Value

STREET_LINES_MAX = 4  # AddressLine1 to AddressLine4 (XERO 4.1)
TEXT_LIMIT_MAX = 131_072


class TransformError(NeedsPerson):
    """A record's value that a transform cannot read. ``reason_code`` is a code of the catalogue of findings."""

    def __init__(self, reason_code: str, message: str) -> None:
        super().__init__(message)
        self.reason_code = reason_code


@dataclass(frozen=True, slots=True)
class Transform:
    """A row of the transform table; ``loss`` says what of the value does not come back."""

    usage: str
    purpose: str
    apply: Callable[[str], str | None]
    loss: str = ""

    @property
    def name(self) -> str:
        """The word written after ``as:``."""
        return self.usage.partition(" ")[0]

    def __call__(self, value: Value) -> Value:
        """The value in its one form, None if it is blank; raises `TransformError` for what cannot be read."""
        given = _readable(value)
        return (self.apply(given) or None) if given else None


def _readable(value: Value) -> str:
    """``value`` as clean text: NFC, no control characters but line breaks and tabs, nothing blank at the ends."""
    if value is None:
        return ""
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) <= 30:
        return format(value.normalize(EXACT), "f")
    if not isinstance(value, str):
        raise TransformError("unreadable", f"`{value}` is not a text; write it as one with TEXT() in the mapping.")
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(char for char in lines if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))
    return unicodedata.normalize("NFC", kept).strip()


def _truncate(given: str, length: int) -> str:
    return given[:length].rstrip()


def _abn(given: str) -> str:
    compact = re.sub(r"(?i)^\W*a\.?b\.?n\W*|[\s.\-]", "", given)
    try:
        return str(au_abn.validate(compact))
    except ValidationError:
        reason = "its check digits do not fit" if re.fullmatch("[0-9]{11}", compact) else "an ABN has 11 digits"
        raise TransformError("tax_number_invalid", f"`{_short(given)}` is not a valid ABN: {reason}.") from None


def _phone(given: str) -> str:
    spaced = " ".join(given.split())
    return re.sub(r"^\+\s+", "+", spaced)


def _email(given: str) -> str:
    """Xero takes no letters beyond ASCII in an address (XERO 4.1)."""
    address = given.lower()
    if not _EMAIL.fullmatch(address):
        raise TransformError(
            "unreadable",
            f"`{_short(given)}` is not an e-mail address that Xero takes (plain letters, one @, a domain).",
        )
    return address


_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}"
)


def split_street(street: Value) -> tuple[str | None, ...]:
    """A street of several lines as Xero's four address lines; what goes beyond joins the fourth after a comma."""
    lines = [line for line in (" ".join(part.split()) for part in _readable(street).split("\n")) if line]
    if len(lines) > STREET_LINES_MAX:
        lines[STREET_LINES_MAX - 1 :] = [", ".join(lines[STREET_LINES_MAX - 1 :])]
    return tuple(lines[i] if i < len(lines) else None for i in range(STREET_LINES_MAX))


def join_street(lines: tuple[str | None, ...]) -> str | None:
    """The street that `split_street` would split into ``lines``."""
    return "\n".join(line for line in lines if line) or None


def _street_line(index: int, given: str) -> str | None:
    return split_street(given)[index]


# Names in daily use that ISO 3166 does not list, and short letters-only names for those that it writes with commas or
# brackets: Xero's Country takes letters only (XERO 4.1).
_SHORT_NAMES = {
    "BN": "Brunei",
    "BQ": "Caribbean Netherlands",
    "CC": "Cocos Islands",
    "CI": "Ivory Coast",
    "CD": "Democratic Republic of the Congo",
    "FK": "Falkland Islands",
    "FM": "Micronesia",
    "MF": "Saint Martin",
    "PS": "Palestine",
    "RU": "Russia",
    "SH": "Saint Helena",
    "SX": "Sint Maarten",
    "VA": "Vatican City",
    "VG": "British Virgin Islands",
    "VI": "United States Virgin Islands",
}
_ALIASES = {
    "America": "US",
    "Aotearoa": "NZ",
    "Aotearoa New Zealand": "NZ",
    "Britain": "GB",
    "Burma": "MM",
    "Cape Verde": "CV",
    "Czech Republic": "CZ",
    "East Timor": "TL",
    "England": "GB",
    "Great Britain": "GB",
    "Holland": "NL",
    "Hong Kong SAR": "HK",
    "Korea": "KR",
    "Macau": "MO",
    "Macedonia": "MK",
    "Northern Ireland": "GB",
    "Republic of Ireland": "IE",
    "Scotland": "GB",
    "Swaziland": "SZ",
    "Turkey": "TR",
    "UAE": "AE",
    "UK": "GB",
    "U.K.": "GB",
    "U.S.": "US",
    "U.S.A.": "US",
    "United States of America": "US",
    "Wales": "GB",
}


def _country_key(name: str) -> str:
    """Letters only, without accents, case or a leading article, so that spellings of one name meet."""
    without_article = re.sub(r"^the\s+", "", unicodedata.normalize("NFKD", name).casefold())
    return "".join(char for char in without_article if char.isalpha())


@cache
def _country_names() -> Mapping[str, str]:
    """ISO-2 code -> the name shown."""
    names: dict[str, str] = {}
    for country in pycountry.countries:
        name = _SHORT_NAMES.get(country.alpha_2) or str(getattr(country, "common_name", country.name))
        names[country.alpha_2] = " ".join(re.sub(r"[^\w ]", " ", name).split())
    return names


@cache
def _country_codes() -> Mapping[str, str]:
    """Key of every name and code -> ISO-2 code."""
    codes: dict[str, str] = {}
    for country in pycountry.countries:
        spellings = [country.alpha_2, country.alpha_3, country.name, _country_names()[country.alpha_2]]
        spellings += [getattr(country, kind, "") for kind in ("common_name", "official_name")]
        codes.update({_country_key(spelling): country.alpha_2 for spelling in spellings if spelling})
    return codes | {_country_key(alias): code for alias, code in _ALIASES.items()}


def _country(given: str) -> str:
    code = _country_codes().get(_country_key(given))
    if code is None:
        raise TransformError("country_blank", f"`{_short(given)}` is not a country by its name or its ISO code.")
    return code


def _country_name(given: str) -> str:
    return _country_names()[_country(given)]


def _short(given: str) -> str:
    return given if len(given) <= 60 else given[:59] + "…"


_ROWS = (
    Transform(
        "text 255",
        "Clean text, cut to so many characters; `text` alone cuts nothing.",
        lambda given: given,
        "what is beyond the limit",
    ),
    Transform("abn", "An Australian Business Number as 11 digits, its check digits verified.", _abn),
    Transform("phone", "A phone number with single spaces, its leading + kept.", _phone),
    Transform("email", "An e-mail address in small letters, its form checked.", _email, "capitals"),
    Transform("country", "A country's name, ISO code or common alias, as its two-letter ISO code.", _country),
    Transform("country_name", "The same, as its English name in letters only, as Xero takes it.", _country_name),
    *(
        Transform(
            f"line{index + 1}",
            f"Line {index + 1} of a street of several lines" + (", with all that follow." if index == 3 else "."),
            partial(_street_line, index),
            "line breaks" if index == 3 else "the other lines",
        )
        for index in range(STREET_LINES_MAX)
    ),
    Transform("upper", "In capitals.", lambda given: unicodedata.normalize("NFC", given.upper()), "small letters"),
    Transform("digits", "The digits 0 to 9 alone.", lambda given: re.sub("[^0-9]", "", given), "all that is no digit"),
)

TRANSFORMS: Mapping[str, Transform] = MappingProxyType({row.name: row for row in _ROWS})


def find_transform(written: str) -> Transform:
    """The transform that ``as:`` names, such as ``abn`` or ``text 255``; raises `NeedsPerson` where there is none."""
    name, _, limit = " ".join(written.split()).partition(" ")
    row = TRANSFORMS.get(name)
    if row is None:
        raise NeedsPerson(f"There is no transform `{name}`. There are: {', '.join(TRANSFORMS)}.")
    if name != "text":
        if limit:
            raise NeedsPerson(f"`{name}` takes no number; write `as: {name}`.")
        return row
    if not limit:
        return replace(row, usage=name, loss="")
    if not re.fullmatch("[1-9][0-9]{0,5}", limit) or int(limit) > TEXT_LIMIT_MAX:
        raise NeedsPerson(f"`{written}` needs a whole number of characters, as in `{row.usage}`.")
    return replace(row, usage=f"{name} {limit}", apply=partial(_truncate, length=int(limit)))


def country_code(text: str) -> str:
    """The ISO code of a country, however it is spelt; what is none is left as the words it is."""
    words = " ".join(text.split())
    return _country_codes().get(_country_key(words), words)


def transforms_table() -> str:
    """The transform table of the reference page, in Markdown."""
    rows = [f"| `{row.usage}` | {row.purpose} | {row.loss or 'nothing'} |" for row in TRANSFORMS.values()]
    return "\n".join(["| `as:` | Gives | Loses |", "|---|---|---|", *rows])
