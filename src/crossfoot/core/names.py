"""Names of customers as people compare them: without case, accents, punctuation and legal form, and with their numbers.

None of it decides anything by itself; ``matching`` asks a person where two names are the same or similar.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import takewhile

NAMES_REMEMBERED = 200_000
SLIP_LENGTH_MIN = 6
IDENTIFYING_DIGITS = 9
"""A number this long is a registration, which people write behind a name or leave out."""
_LEGAL_WORDS = frozenset(
    [
        *("pty", "ltd", "limited", "proprietary", "inc", "incorporated", "llc", "llp", "plc"),
        *("corp", "corporation", "co", "company", "gmbh", "the", "and"),
    ]
)
_LEGAL_FORMS = """
pty|ltd|limited|pty ltd|proprietary|inc|incorporated|corp|corporation|company|llc|l.l.c.|llp|lp|plc|cic|c.i.c.|nl|p/l
cyf|cyfyngedig|p.c.|pc|pvt|private|private limited|pte|sdn bhd|bhd|l.p.|cc|c.c.|dac|enr
gmbh|g.m.b.h.|ges.m.b.h.|mbh|m.b.h.|ag|a.g.|aktiengesellschaft|kg|k.g.|ohg|e.k.|ek|e.v.|ug|haftungsbeschränkt|kgaa|se
sa|s.a.|sas|s.a.s.|sasu|sarl|s.a.r.l.|srl|s.r.l.|spa|s.p.a.|snc|s.n.c.|sl|s.l.|slu|de c.v.|de cv|ltda|lda|limitada|eirl
bv|b.v.|nv|n.v.|vof|a/s|as|aps|ab|aktiebolag|asa|oy|oyj|ehf|hf|sp. z o.o.|sp. z oo|sp. k.|sp. j.|s.r.o.|sro|a.s.|kft|zrt
osuuskunta|osk|osakeyhtiö|egen|stichting|s.s.|eg|bt|v.o.f.
d.o.o.|doo|d.d.|a.ş.|ltd. şti.|şti|α.ε.|αε|ε.π.ε.|ο.ε.|οε|ооо|оао|зао|пао|ао|ип|тов|ат|фоп|пп|ет|оод|еоод
общество с ограниченной ответственностью|индивидуальный предприниматель|приватне підприємство
товариство з обмеженою відповідальністю|фізична особа підприємець|spółka z ograniczoną odpowiedzialnością
株式会社|有限会社|合同会社|株|有|有限公司|有限责任公司|有限責任公司|股份有限公司|股份公司|股公司|公司|주식회사|유한회사|주
合資会社|合名会社|医療法人|医療法人社団|医療法人財団|学校法人|社会福祉法人|社団法人|財団法人|宗教法人|有限合伙
一般社団法人|一般財団法人|公益社団法人|公益財団法人|特定非営利活動法人|학교법인|사단법인|재단법인|의료법인|사회복지법인
شركة|مؤسسة|المحدودة|ش.م.م|ذ.م.م|בע"מ|בעמ|บริษัท|จำกัด|มหาชน
"""
_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"\d{1,40}")
_UNIT = re.compile(r"\b\d+[a-z]\b")
_REGISTRATION = re.compile(r"\d(?: ?\d){8,}")
_YEAR = range(1900, 2100)
_ROMAN = frozenset(["i", "ii", "iii", "iv", "vii", "viii", "ix", "xii", "xiii"])
"""Without V and X, which are initials, and VI and XI, which are first names."""
_NUMBER_WORDS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "twenty": "20", "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5",
    "sixth": "6", "seventh": "7", "eighth": "8", "ninth": "9", "tenth": "10",
}  # fmt: skip


def unique_name(name: str) -> str:
    """The form in which Xero compares contact names (XERO 4.1): without case, spaces collapsed."""
    return " ".join(name.split()).casefold()


def name_key(name: str) -> str:
    """A name without accents, punctuation, case and the commonest legal words, as it is kept to be searched."""
    words = _words(name)
    return " ".join([word for word in words if word not in _LEGAL_WORDS] or words)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(char for char in plain if not unicodedata.combining(char)))


_FORMS = sorted({" ".join(_words(form)) for form in re.split(r"[|\n]", _LEGAL_FORMS.strip())}, key=len, reverse=True)
_UNSPACED = "|".join(re.escape(form) for form in _FORMS if len(form) > 1 and form[0] >= "\u1100")
_SPACED = "|".join(re.escape(form) for form in _FORMS)
_BEHIND = re.compile("[a-z] [a-z]|cc|lp|pc|nl|se|hf|eg")
"""Forms that never stand before a name: 'P. C. Smith' and 'PC World' begin with none."""
_BEFORE = "|".join(re.escape(form) for form in _FORMS if not _BEHIND.fullmatch(form))
_FORM = re.compile(rf"^(?:(?:{_BEFORE}) |(?:{_UNSPACED}) ?)|(?: (?:{_SPACED})| ?(?:{_UNSPACED}))$")


@lru_cache(maxsize=NAMES_REMEMBERED)
def without_form(key: str) -> str:
    """A name key without the legal forms before and behind it: 'sp z o o' or, without a space, '株式会社'."""
    while (shorter := _FORM.sub("", key)) and shorter != key:
        key = shorter
    return key


def same_numbers(left: str, right: str) -> bool:
    """Whether both keys carry the same numbers and, where both have some, the same single letters and Roman numerals.

    'Depot 12' and 'Depot 13' are two customers, and so are 'Block A' and 'Block B', 'Fund II' and 'Fund III'. 'J Smith'
    may be 'Smith', 'Seven Seas' '7 Seas', and a year or a registration number that only one side has says nothing.
    """
    numerals, their_numerals = _ROMAN.intersection(left.split()), _ROMAN.intersection(right.split())
    if numerals and their_numerals and numerals != their_numerals:
        return False
    units, their_units = set(_UNIT.findall(left)), set(_UNIT.findall(right))
    if units and their_units and units != their_units:
        return False
    letters, others = _letters(left), _letters(right)
    if letters and others and letters != others and left.replace(" ", "") != right.replace(" ", ""):
        return False
    return _agree(_numbers(left), _numbers(right)) or _agree(_numbers(_in_digits(left)), _numbers(_in_digits(right)))


def differ_in_number(left: str, right: str) -> bool:
    """Whether two keys are one name but for the number or single letter that tells branches apart."""
    bare = (" ".join(word for word in key.split() if not _tells_branches(word)) for key in (left, right))
    return not same_numbers(left, right) and len(set(bare)) == 1


def _tells_branches(word: str) -> bool:
    return len(word) == 1 or word.isdigit() or word in _ROMAN


def are_branches(left: str, right: str) -> bool:
    """Whether two keys begin or end with the same words and each has others besides, as branches do: 'Tax Store Dubbo'
    and 'Tax Store Darwin', 'Kew High School' and 'Balwyn High School'. What one adds to the other may be left out, and
    a slip of the pen be one."""
    words, others = (_in_digits(without_form(key)).split() for key in (left, right))
    rest, theirs = _between_the_same(words, others)
    if not (rest and theirs) or len(rest) == len(words) or sorted(rest) == sorted(theirs):
        return False
    return not (_is_slip("".join(rest), "".join(theirs)) or all(map(_is_slip, rest, theirs)))


def _is_slip(word: str, other: str) -> bool:
    """Whether two words are one, the one in the plural or with a letter too many, too few or another inside. Of short
    words a letter makes another one: 'Mary' and 'Mark'."""
    rest, theirs = _between_the_same(word, other)
    if rest == theirs or word.removesuffix("s") == other.removesuffix("s"):
        return True
    if not (word + other).isalpha() or word[0] != other[0] or min(len(word), len(other)) < SLIP_LENGTH_MIN:
        return False
    return max(len(rest), len(theirs)) == 1 or (len(rest) == 2 and rest == theirs[::-1])


def _between_the_same(left: Sequence[str], right: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What stands between the words or letters with which both begin and those with which both end."""
    first = _shared(left, right)
    left, right = left[first:], right[first:]
    last = _shared(left[::-1], right[::-1])
    return left[: len(left) - last], right[: len(right) - last]


def _shared(left: Sequence[str], right: Sequence[str]) -> int:
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False))))


def _in_digits(key: str) -> str:
    return " ".join(_NUMBER_WORDS.get(word, word) for word in key.split())


def _letters(key: str) -> frozenset[str]:
    """Single letters of a script that has capitals; in others a letter may be a word, or a piece of one."""
    return frozenset(word for word in without_form(key).split() if len(word) == 1 and word != word.upper())


def _numbers(key: str) -> frozenset[int]:
    """By their value: in digits of any script, and with or without zeros before them."""
    return frozenset(map(int, _DIGITS.findall(_REGISTRATION.sub(lambda found: found[0].replace(" ", ""), key))))


def _agree(left: frozenset[int], right: frozenset[int]) -> bool:
    if left and right:
        return left == right
    return all(number in _YEAR or number >= 10 ** (IDENTIFYING_DIGITS - 1) for number in left | right)
