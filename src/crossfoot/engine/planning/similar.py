"""Which names a person might take for the same one.

Asking once too often costs a minute; a customer made twice costs trust. So names are compared in several ways, and
each way may raise the question: by their letters, without their spaces, and one within the other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

from rapidfuzz import fuzz, process

SIMILAR_SCORE_MIN = 88.0
SQUEEZED_SCORE_MIN = 92.0
SIMILAR_MAX = 20
LONE_WORD_LENGTH_MIN = 3
NAMES_REMEMBERED = 200_000

_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
"""Letters that have no accent to take away, as people write them without."""

_SPELLINGS = """
associates assoc assocs | australia aust aus | avenue ave av | brothers bros | building bldg | centre center ctr
college coll | construction constr | department dept | development dev | distribution distr | electrical elec electric
engineering eng engr | enterprises ent | equipment equip | finance fin | government govt | group grp | holdings hldgs
hospital hosp | industries inds ind | institute inst | insurance ins | international intl int | laboratories labs lab
maintenance maint | management mgmt mgt | manufacturing mfg manufacturers mfr | marketing mktg | medical med | mount mt
national natl nat | organisation organization org | partners ptnrs | photography photo | professional prof
property prop properties | road rd | saint st street | school sch | services svcs svc service | society soc
solutions soln solns | supplies sup supply | systems sys | technology tech technologies | trading tdg | transport transp
university univ uni | warehouse whse | zealand nz | first 1st | second 2nd | third 3rd
one 1 | two 2 | three 3 | four 4 | five 5 | six 6 | seven 7 | eight 8 | nine 9 | ten 10
alexander alex | anthony tony | benjamin ben | charles charlie | christopher chris | daniel dan | david dave
edward ed eddie | elizabeth liz | gregory greg | james jim jimmy | john johnny jack | joseph joe | katherine kate
matthew matt | michael mike mick | nicholas nick | patrick pat | peter pete | robert bob rob | samuel sam
stephen steven steve | thomas tom | timothy tim | william bill will
"""
_SPELT = {
    word: words[0]
    for line in _SPELLINGS.strip().splitlines()
    for words in (part.split() for part in line.split("|"))
    for word in words
}


def similar_names(key: str, others: Sequence[str], *, limit: int | None = SIMILAR_MAX) -> Collection[int]:
    """Positions of names that a person might take for the same one; of those alike in letters the ``limit`` closest."""
    mine, theirs = _spelt(key), list(map(_spelt, others))
    letters = process.extract(mine, theirs, scorer=fuzz.token_sort_ratio, score_cutoff=SIMILAR_SCORE_MIN, limit=limit)
    squeezed = process.extract(
        _squeezed(key), list(map(_squeezed, others)), scorer=fuzz.ratio, score_cutoff=SQUEEZED_SCORE_MIN, limit=limit
    )
    holding = process.extract(mine, theirs, scorer=fuzz.token_set_ratio, score_cutoff=100, limit=None)
    positions = {index for _, _, index in (*letters, *squeezed)}
    positions.update(index for other, _, index in holding if _within(mine, other))
    return positions


def _within(left: str, right: str) -> bool:
    """Whether one name holds the other: "Brightwater Legal" and "Brightwater Legal Group", "Acme" and "Acme Paints"."""
    short, long = sorted((left.split(), right.split()), key=len)
    if len(short) > 1:
        return set(short) <= set(long)
    return bool(short) and len(short[0]) >= LONE_WORD_LENGTH_MIN and short[0] == long[0]


@lru_cache(maxsize=NAMES_REMEMBERED)
def _spelt(key: str) -> str:
    """A name key with usual abbreviations, numbers and short first names written in one way."""
    return " ".join(_SPELT.get(word, word) for word in key.translate(_LETTERS).split())


@lru_cache(maxsize=NAMES_REMEMBERED)
def _squeezed(key: str) -> str:
    return _spelt(key).replace(" ", "")
