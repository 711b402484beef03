"""Names of customers as people compare them: without case, accents, punctuation and legal form, and with their numbers.

None of it decides anything by itself; ``matching`` asks a person where two names are the same or similar.
"""

from __future__ import annotations

import html
import re
import unicodedata
from contextlib import suppress
from functools import lru_cache
from itertools import takewhile

NAMES_REMEMBERED = 200_000
SLIP_LENGTH_MIN = 7
SHARED_WORDS_MIN = 2
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
cyf|cyfyngedig|teo|teoranta|p.c.|pc|pllc|pvt|private|private limited|pte|sdn bhd|bhd|l.p.|cc|c.c.|dac|enr
gmbh|g.m.b.h.|ges.m.b.h.|mbh|m.b.h.|ag|a.g.|aktiengesellschaft|kg|k.g.|ohg|e.k.|ek|e.v.|ug|haftungsbeschränkt|kgaa|se|mbb|partgmbb
sa|s.a.|sas|s.a.s.|sasu|sarl|s.a.r.l.|srl|s.r.l.|spa|s.p.a.|snc|s.n.c.|sl|s.l.|slu|de c.v.|de cv|ltda|lda|limitada|eirl
eireli|mei|epp|me
bv|b.v.|nv|n.v.|vof|a/s|as|aps|ab|aktiebolag|asa|oy|oyj|ehf|hf|sp. z o.o.|sp. z oo|sp. k.|sp. j.|s.r.o.|sro|a.s.|kft|zrt
osuuskunta|osk|osakeyhtiö|egen|stichting|s.s.|eg|bt|v.o.f.
d.o.o.|doo|d.d.|a.ş.|ltd. şti.|şti|α.ε.|αε|ε.π.ε.|ο.ε.|οε|ооо|ooo|оао|зао|пао|ао|ип|тов|ат|фоп|пп|ет|оод|еоод
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
_UNITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
NUMBER_WORDS = {word: str(number) for number, word in enumerate((*_UNITS, *_TEENS), 1)} | {
    word: str(10 * number) for number, word in enumerate(_TENS, 2)
}
_IN_DIGITS = NUMBER_WORDS | {word: str(number) for number, word in enumerate(_ORDINALS, 1)}
_TENS_AND_ONE = re.compile(rf"\b({'|'.join(_TENS)}) ({'|'.join(_UNITS)})\b")
_MISREAD = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u2122]")
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")


def unique_name(name: str) -> str:
    """The form in which Xero compares contact names (XERO 4.1): without case, spaces collapsed."""
    return " ".join(name.split()).casefold()


def name_key(name: str) -> str:
    """A name without accents, punctuation, case and the commonest legal words, as it is kept to be searched."""
    words = _words(_as_meant(name))
    return " ".join([word for word in words if word not in _LEGAL_WORDS] or words)


def _as_meant(name: str) -> str:
    """A name without signs that nobody sees, and with the letters that stood there before a programme took each for
    two others ('Ã¼' for 'ü') or for a code of web pages ('&amp;')."""
    name = _UNSEEN.sub("", html.unescape(name))
    if not _MISREAD.search(name):
        return name
    with suppress(UnicodeError):
        return b"".join(map(_byte, name)).decode()
    return name


def _byte(char: str) -> bytes:
    with suppress(UnicodeError):
        return char.encode("cp1252")
    return char.encode("latin-1")


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(char for char in plain if not unicodedata.combining(char)))


_FORMS = sorted({" ".join(_words(form)) for form in re.split(r"[|\n]", _LEGAL_FORMS.strip())}, key=len, reverse=True)
_UNSPACED = "|".join(re.escape(form) for form in _FORMS if len(form) > 1 and form[0] >= "\u1100")
_SPACED = "|".join(re.escape(form) for form in _FORMS)
_BEHIND = re.compile("[a-z] [a-z]|cc|lp|pc|nl|se|hf|eg|me|mei|epp")
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
    letters, others = _letters(left), _letters(right)
    if letters and others and letters != others and left.replace(" ", "") != right.replace(" ", ""):
        return False
    alone = _numbers(left) ^ _numbers(right)
    in_words = _numbers(_in_digits(left)) == _numbers(_in_digits(right))
    nothing_said = all(number in _YEAR or number >= 10 ** (IDENTIFYING_DIGITS - 1) for number in alone)
    return not clash_in_number(left, right) and (in_words or nothing_said)


def clash_in_number(left: str, right: str) -> bool:
    """Whether both keys carry numbers, single letters or Roman numerals, and not the same. What one of them alone has
    may be a postcode or an account's number behind the name, or tell a copy: 'Depot 12' may be 'Depot'."""
    numerals, their_numerals = _ROMAN.intersection(left.split()), _ROMAN.intersection(right.split())
    if numerals and their_numerals and numerals != their_numerals:
        return True
    units, their_units = set(_UNIT.findall(left)), set(_UNIT.findall(right))
    if units and their_units and units != their_units:
        return True
    letters, others = _letters(left), _letters(right)
    if letters - others and others - letters and left.replace(" ", "") != right.replace(" ", ""):
        return True
    ours, theirs = _numbers(_in_digits(left)), _numbers(_in_digits(right))
    return bool(ours and theirs) and ours != theirs and _numbers(left) != _numbers(right)


def differ_in_number(left: str, right: str) -> bool:
    """Whether two keys are one name but for the number or single letter that tells branches apart."""
    bare = (" ".join(word for word in key.split() if not _tells_branches(word)) for key in (left, right))
    return not same_numbers(left, right) and len(set(bare)) == 1


def _tells_branches(word: str) -> bool:
    return len(word) == 1 or word.isdigit() or word in _ROMAN


def are_branches(left: str, right: str) -> bool:
    """Whether two keys share words and each has others besides, as branches do: 'Tax Store Dubbo' and 'Tax Store Yass',
    'Kew High School' and 'Balwyn High School', 'Red Cross Dubbo' and 'Orange Red Cross'. What one adds to the other may
    be left out where the order is the same, a slip of the pen be one, and a lone word in two places an owner's name."""
    words, others = (_in_digits(without_form(key)).split() for key in (left, right))
    rest, theirs = [w for w in words if w not in others], [w for w in others if w not in words]
    if not (rest and theirs):
        longer = iter(others if theirs else words)
        return bool(rest or theirs) and not all(word in longer for word in (words if theirs else others))
    if len({*words} & {*others}) < SHARED_WORDS_MIN and words[0] != others[0] and words[-1] != others[-1]:
        return False
    return not (_is_slip("".join(rest), "".join(theirs)) or all(map(_is_slip, rest, theirs)))


def _is_slip(word: str, other: str) -> bool:
    """Whether two words are one, the one in the plural or with a letter too many, too few or another inside. Of short
    words a letter makes another one: 'Mary' and 'Mark'."""
    if word.removesuffix("s") == other.removesuffix("s"):
        return True
    if not (word + other).isalpha() or word[0] != other[0] or min(len(word), len(other)) < SLIP_LENGTH_MIN:
        return False
    same = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(word, other, strict=False))))
    rest, theirs = word[same:], other[same:]
    swapped = rest[:2] == theirs[1::-1] and rest[2:] == theirs[2:]
    return swapped or rest[1:] in (theirs, theirs[1:]) or rest == theirs[1:]


def _in_digits(key: str) -> str:
    return " ".join(_IN_DIGITS.get(word, word) for word in tens_joined(key).split())


def tens_joined(key: str) -> str:
    """A key in which 'twenty four' is 24."""
    return _TENS_AND_ONE.sub(lambda found: str(int(NUMBER_WORDS[found[1]]) + int(NUMBER_WORDS[found[2]])), key)


def _letters(key: str) -> frozenset[str]:
    """Single letters of a script that has capitals; in others a letter may be a word, or a piece of one."""
    return frozenset(word for word in without_form(key).split() if len(word) == 1 and word != word.upper())


def _numbers(key: str) -> frozenset[int]:
    """By their value: in digits of any script, and with or without zeros before them."""
    return frozenset(map(int, _DIGITS.findall(_REGISTRATION.sub(lambda found: found[0].replace(" ", ""), key))))
