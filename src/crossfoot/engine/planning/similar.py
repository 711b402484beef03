"""Which names a person might take for the same one.

Asking once too often costs a minute; a customer made twice costs trust. So names are compared in several ways, and
each way may raise the question: by their letters, without their spaces, and one within the other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache

from rapidfuzz import fuzz, process

from crossfoot.core.names import behind_the_same, without_form

SIMILAR_SCORE_MIN = 88.0
SQUEEZED_SCORE_MIN = 92.0
SIMILAR_MAX = 20
LONE_WORD_LENGTH_MIN = 3
PERSON_WORDS = (2, 3)
NAMES_REMEMBERED = 200_000

_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ـ": ""}
    | dict(zip("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "0123456789" * 2, strict=True))
)
"""Letters that have no accent to take away, as people write them without; an Arabic stroke that only widens a word."""
_VOWELS = re.compile(r"([aou])e|aa")
"""ä, ö, ü and å as they are written where the keyboard has none."""

_SOUND_ALIKE = ("ckqsz", "gj", "fpv", "ijy", "vw", "kn", "dt", "aeiouy")

_SPELLINGS = """
australia aust aus | avenue ave av | brothers bros | building bldg | centre center ctr
college coll | construction constr | department dept | development dev | distribution distr | electrical elec electric
engineering eng engr | enterprises ent | equipment equip | finance fin | government govt | group grp | holdings hldgs
hospital hosp | industries inds ind | institute inst | insurance ins | international intl int | laboratories labs lab
maintenance maint | management mgmt mgt | manufacturing mfg manufacturers mfr | marketing mktg | medical med | mount mt
national natl nat | organisation organization org | partners ptnrs | photography photo | professional prof
property prop properties | road rd | saint st street | school sch | services svcs svc service | society soc
solutions soln solns | supplies sup supply | systems sys | technology tech technologies | trading tdg | transport transp
university univ uni | warehouse whse | zealand nz | first 1st | second 2nd | third 3rd
fourth 4th | fifth 5th | sixth 6th | seventh 7th | eighth 8th | ninth 9th | tenth 10th
1 one | 2 two | 3 three | 4 four | 5 five | 6 six | 7 seven | 8 eight | 9 nine | 10 ten | 20 twenty
association associates assn assoc assocs | board bd | commonwealth cth | community comm | cooperative coop operative op
district dist | fort ft | highway hwy | island is | mountain mtn | north nth | south sth | peninsula pen
physiotherapy physio | secondary sec | veterinary vet vets | compagnie cie | societe ste
etablissements ets | gebruder gebr | hermanos hnos | fratelli flli
alexander alex | anthony tony | benjamin ben | charles charlie | christopher chris | daniel dan | david dave
edward ed eddie | elizabeth liz | gregory greg | james jim jimmy | john johnny jack | joseph joe | katherine kate
matthew matt | michael mike mick | nicholas nick | patrick pat | peter pete | robert bob rob | samuel sam
stephen steven steve | thomas tom | timothy tim | william bill will
"""
_LEFT_OUT = frozenset(
    [
        *("of", "for", "und", "et", "og", "och", "de", "du", "des", "la", "le", "les", "del", "der", "die"),
        *("mr", "mrs", "ms", "miss", "dr", "messrs", "herr", "frau", *map(str, range(1900, 2100))),
    ]
)
"""What people write or leave out: small words, titles, and a year."""
_SPELT = {
    word: words[0]
    for line in _SPELLINGS.strip().splitlines()
    for words in (part.split() for part in line.split("|"))
    for word in words
}


def similar_names(key: str, others: Sequence[str], *, limit: int | None = SIMILAR_MAX) -> Collection[int]:
    """Positions of names that a person might take for the same one; of those alike in letters the ``limit`` closest."""
    mine, theirs = _spelt(key), list(map(_spelt, others))
    letters = process.extract(mine, theirs, scorer=fuzz.token_sort_ratio, score_cutoff=SIMILAR_SCORE_MIN, limit=None)
    squeezed = process.extract(
        _squeezed(key), list(map(_squeezed, others)), scorer=fuzz.ratio, score_cutoff=SQUEEZED_SCORE_MIN, limit=None
    )
    holding = process.extract(mine, theirs, scorer=fuzz.token_set_ratio, score_cutoff=100, limit=None)
    positions: set[int] = set()
    for found in (letters, squeezed):
        positions.update([index for _, _, index in found if not _one_word_apart(mine, theirs[index])][:limit])
    positions.update(index for other, _, index in holding if _within(mine, other))
    positions.update(_initialled(mine, theirs))
    positions.update(_shortened(mine, theirs))
    return positions


def _one_word_apart(left: str, right: str) -> bool:
    """Whether one word alone differs and begins otherwise: 'Bay Street' and 'Kay Street' are two, where a slip of the
    pen seldom meets the first letter. 'Carl' may be 'Karl', and 'Sofia' 'Zofia'."""
    words, others = left.split(), right.split()
    ours, theirs = set(words) - set(others), set(others) - set(words)
    if len(words) != len(others) or len(ours) != 1 or len(theirs) != 1 or len(words) == 1:
        return False
    first, second = ours.pop()[0], theirs.pop()[0]
    return first != second and not any(first in sound and second in sound for sound in _SOUND_ALIKE)


def _initialled(name: str, others: Sequence[str]) -> list[int]:
    """Positions of names with the same first letter and last word, where one of the two has an initial alone: 'R J
    Whitlock' and 'Robert Whitlock'."""
    words = name.split()
    if len(words) not in PERSON_WORDS or len(words[-1]) == 1:
        return []
    first, end, initial = name[0], f" {words[-1]}", len(words[0]) == 1
    return [
        index
        for index, other in enumerate(others)
        if other.endswith(end)
        and other[0] == first
        and (initial or other[1] == " ")
        and other.count(" ") + 1 in PERSON_WORDS
    ]


def _shortened(name: str, others: Sequence[str]) -> list[int]:
    """Positions of names that say in initials what this one says in words, or the other way about, after the same
    words: 'Lorne SLSC' and 'Lorne Surf Life Saving Club'."""
    words = name.split()
    start = "".join(words[:1]) + " "
    ends = (
        (index, behind_the_same(words, other.split())) for index, other in enumerate(others) if other.startswith(start)
    )
    return [index for index, (mine, theirs) in ends if mine and theirs and _in_initials(mine, theirs)]


def _in_initials(left: list[str], right: list[str]) -> bool:
    return left == ["".join(word[0] for word in right)] or right == ["".join(word[0] for word in left)]


def _within(left: str, right: str) -> bool:
    """Whether one name holds the other: "Brightwater Legal" and "Brightwater Legal Group", "Acme" and "Acme Paints"."""
    short, long = sorted((left.split(), right.split()), key=len)
    if len(short) > 1:
        return set(short) <= set(long)
    return bool(short) and len(short[0]) >= LONE_WORD_LENGTH_MIN and short[0] == long[0]


@lru_cache(maxsize=NAMES_REMEMBERED)
def _spelt(key: str) -> str:
    """A name key without what people leave out; abbreviations, numbers and first names in one spelling."""
    words = without_form(key.translate(_LETTERS)).split()
    spelt = [_SPELT.get(word, word) for word in words if word not in _LEFT_OUT] or words
    return _VOWELS.sub(_plain_vowel, " ".join(spelt))


def _plain_vowel(written: re.Match[str]) -> str:
    return written[1] or "a"


@lru_cache(maxsize=NAMES_REMEMBERED)
def _squeezed(key: str) -> str:
    return _spelt(key).replace(" ", "")
