"""One spelling for what people write in several ways: abbreviations, numbers, first names, letters with accents.

It is made to compare names by, never to be shown.
"""

from __future__ import annotations

import re
from functools import lru_cache

from crossfoot.core.names import without_form

NAMES_REMEMBERED = 200_000
PLURAL_LENGTH_MIN = 5

_CYRILLIC = """
аa бb вv гg ґg дd еe єe жzh зz иi іi кk лl мm нn оo пp рr сs тt уu фf хkh цts чch шsh щsch ъ ыy ь эe юyu яya
"""
_GREEK = "αa βv γg δd εe ζz ηi θth ιi κk λl μm νn ξx οo πp ρr σs ςs τt υy φf χch ψps ωo"
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ـ": ""}
    | dict(zip("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "0123456789" * 2, strict=True))
    | {each[0]: each[1:] for each in (_CYRILLIC + _GREEK).split()}
)
"""Letters that have no accent to take away, as people write them without; an Arabic stroke that only widens a word;
Cyrillic and Greek as they are written in Latin letters."""
_UMLAUT = re.compile(r"([aou])e|aa")
"""ä, ö, ü and å as they are written where the keyboard has none."""
VOWELS = frozenset("aeiou")

_PIECES = (
    (re.compile(r"(?<=\w[^\Ws]) s\b"), "s"),
    (re.compile(r"(?<=\w\w) [dl](?= \w\w)"), ""),
    (re.compile(r"\bn z\b"), "nz"),
    (re.compile(r"\bvan de[nr]?\b|\bv d\b"), "vd"),
    (re.compile(r"\bdr(?: (?:h c|ing|iur|med|dent|phil|rer|nat|vet))+\b"), "dr"),
)
"""Words of which a name key has the pieces: "Jones's", "d'Or", "N.Z.", "v.d.", "Dr. med."."""
_SPELLINGS = """
australia aust aus | avenue ave av | brothers bros | building bldg | centre center ctr
college coll | construction constr | department dept | development dev | distribution distr | electrical elec electric
engineering eng engr | enterprises ent | equipment equip | finance fin | government govt | group grp | holdings hldgs
hospital hosp | industries inds ind | institute inst | insurance ins | international intl int | laboratories labs lab
maintenance maint | management mgmt mgt | manufacturing mfg manufacturers mfr mfrs | marketing mktg | medical med
mount mt | national natl nat | organisation organization org | partners ptnrs | photography photo | professional prof
property prop properties | road rd | saint st street sainte ste societe | school sch
services svcs svc service | society soc
solutions soln solns | supplies sup supply | systems sys | technology tech technologies | trading tdg | transport transp
university univ uni | warehouse whse | zealand nz | first 1st | second 2nd | third 3rd
fourth 4th | fifth 5th | sixth 6th | seventh 7th | eighth 8th | ninth 9th | tenth 10th
1 one | 2 two | 3 three | 4 four | 5 five | 6 six | 7 seven | 8 eight | 9 nine | 10 ten | 20 twenty
association associates assn assoc assocs | board bd | commonwealth cth | community comm | cooperative coop operative op
district dist | fort ft | highway hwy | island is | mountain mtn | north nth | south sth | peninsula pen
physiotherapy physio | secondary sec | veterinary vet vets | compagnie cie
etablissements ets | gebruder gebr | hermanos hnos | fratelli flli
lincolnshire lincs | nottinghamshire notts | hampshire hants | hertfordshire herts | oxfordshire oxon
gloucestershire glos | northamptonshire northants | shropshire salop
council borough shire | commune mairie ville | prefeitura municipio municipal
gemeinde gemeindeverwaltung marktgemeinde stadtgemeinde | gmina miejska miejski urzad
alexander alex | anthony tony | benjamin ben | charles charlie | christopher chris | daniel dan | david dave
edward ed eddie | elizabeth liz | gregory greg | james jim jimmy | john johnny jack | joseph joe | katherine kate
matthew matt | michael mike mick | mohammed mohamed mohammad muhammad mohamad mohd md | nicholas nick | patrick pat
peter pete | robert bob rob | samuel sam | sheikh shaikh shaykh
stephen steven steve | thomas tom | timothy tim | william bill will
"""
_LEFT_OUT = frozenset(
    [
        *("of", "for", "und", "et", "og", "och", "de", "du", "des", "la", "le", "les", "del", "der", "die"),
        *("en", "het", "ve", "zum", "zur", "am", "im", "no", "nr", "owners", "late", "deceased"),
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
_OTHER_NAME = re.compile(
    r" (?:trading as|t as|t a|doing business as|dba|d b a|atf|as trustee for|formerly known as|formerly|also known as"
    r"|aka|a k a|fka|f k a) "
)


@lru_cache(maxsize=NAMES_REMEMBERED)
def spelt(key: str) -> str:
    """A name key without what people leave out; abbreviations, numbers and first names in one spelling."""
    return " ".join(map(one_spelling, _those_that_count(every_word(key))))


@lru_cache(maxsize=NAMES_REMEMBERED)
def squeezed(key: str) -> str:
    """The same without spaces."""
    return spelt(key).replace(" ", "")


def one_spelling(word: str) -> str:
    """The word that this one stands for, where it is a usual abbreviation."""
    return _SPELT.get(word, word)


@lru_cache(maxsize=NAMES_REMEMBERED)
def words_of(key: str) -> tuple[str, ...]:
    """The words of a name key that count, as they are written, in the singular."""
    return tuple(map(_singular, _those_that_count(every_word(key))))


def every_word(key: str) -> list[str]:
    """The words of a name key without its legal form, in plain letters and each in one piece."""
    name = without_form(without_form(key).translate(_LETTERS)) or key
    for pieces, together in _PIECES:
        name = pieces.sub(together, name)
    return _UMLAUT.sub(_plain_vowel, name).split()


def _those_that_count(words: list[str]) -> list[str]:
    return [word for word in words if word not in _LEFT_OUT] or words


def _plain_vowel(written: re.Match[str]) -> str:
    return written[1] or "a"


def _singular(word: str) -> str:
    """'Excavation' for 'Excavations', where it is no initials and neither of the two has a spelling of its own."""
    one = word[:-1]
    plural = len(word) >= PLURAL_LENGTH_MIN and word[-1] == "s" and one[-1] != "s" and not VOWELS.isdisjoint(one)
    return one if plural and word not in _SPELT and one not in _SPELT else word


@lru_cache(maxsize=NAMES_REMEMBERED)
def other_names(key: str) -> tuple[str, ...]:
    """The two names of a customer that trades under another one, or holds in trust; none of any other."""
    names = _OTHER_NAME.split(key)
    return tuple(names) if len(names) > 1 else ()
