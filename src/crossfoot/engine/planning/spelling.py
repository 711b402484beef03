"""One spelling for what people write in several ways: abbreviations, numbers, first names, letters with accents.

It is made to compare names by, never to be shown.
"""

from __future__ import annotations

import re
from functools import lru_cache

from crossfoot.core.names import NUMBER_WORDS, tens_joined, without_form

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
    (re.compile(r"\b(?:(gov|dep) t|(int|nat) l|(ass|comm) n)\b"), r"\1\2\3"),
    (re.compile(r"^sr (?=\w)"), ""),
    (re.compile(r"\bn z\b"), "nz"),
    (re.compile(r"(?<=\w\w) n (?=\w\w)"), " "),
    (re.compile(r"\bvan de[nr]?\b|\bv d\b"), "vd"),
    (re.compile(r"\bdr(?: (?:h c|ing|iur|med|dent|phil|rer|nat|vet))+\b"), "dr"),
)
"""Words of which a name key has the pieces: "Jones's", "d'Or", "N.Z.", "v.d.", "Dr. med."."""
_SPELLINGS = """
australia aust aus | avenue ave av | brothers bros | building bldg builders builder | centre center ctr | college coll
construction constr constructions constructors | department dept dep | development dev
distribution distr distributors distributor distributing | electrical elec electric electrics electrician electricians
engineering eng engr engineers engineer engrg | enterprises ent | equipment equip | finance fin | government govt gov
group grp | holdings hldgs | hospital hosp | industries inds ind | institute inst | insurance ins
international intl int | laboratories labs lab | maintenance maint | management mgmt mgt
manufacturing mfg manufacturers mfr mfrs | marketing mktg | medical med | mount mt | national natl nat
organisation organization org | partners ptnrs | photography photo photographers photographer photographic photos
professional prof | property prop properties | road rd | saint st street sainte ste societe | school sch
services svcs svc service | society soc | solutions soln solns | supplies sup supply suppliers supplier | systems sys
technology tech technologies | trading tdg traders trader | transport transp transportation transports
university univ uni | warehouse whse | zealand nz | first 1st | second 2nd | third 3rd | fourth 4th | fifth 5th
sixth 6th | seventh 7th | eighth 8th | ninth 9th | tenth 10th | association associates assn ass assoc assocs
board bd | commonwealth cth | community comm | cooperative coop operative op | district dist | fort ft | highway hwy
island is | mountain mtn | north nth | south sth | peninsula pen
physiotherapy physio physiotherapists physiotherapist physios | secondary sec | veterinary vet vets
compagnie cie companhia compania cia | etablissements ets | gebruder gebr | hermanos hnos | fratelli flli
lincolnshire lincs | nottinghamshire notts | hampshire hants | hertfordshire herts | oxfordshire oxon
gloucestershire glos | northamptonshire northants | shropshire salop | council borough shire | commune mairie ville
prefeitura municipio municipal | architects architect architecture architectural arch | bakery bakers baker bakehouse
crossing xing | landscapes landscape landscaping landscapers | victoria vic | queensland qld | tasmania tas tassie
aluminium aluminum | catalogue catalog | cheque check | defence defense | grey gray | licence license | mould mold
jewellery jewelry jewellers jewelers jeweller jeweler | plough plow | programme program | tyre tyres tire tires
rechtsanwalte rechtsanwalt rechtsanwaltin rechtsanwaltskanzlei ra | steuerberater steuerberaterin steuerburo stb
stadt landeshauptstadt hansestadt kreisstadt stadtverwaltung | landkreis landratsamt kreisverwaltung
gemeinde gemeindeverwaltung marktgemeinde stadtgemeinde | gmina miejska miejski urzad | alexander alex | anthony tony
benjamin ben | charles charlie chas | christopher chris | daniel dan danny | david dave | edward ed eddie ted
elizabeth liz lizzie beth betty | gregory greg | james jim jimmy | john johnny jack | joseph joe joey
katherine kate catherine kathryn katharine kathy cathy katie | matthew matt | michael mike mick
mohammed mohamed mohammad muhammad mohamad mohd md | nicholas nick nicolas nicky | patrick pat paddy | peter pete
robert bob rob bobby robbie | samuel sam | sheikh shaikh shaykh | stephen steven steve | thomas tom tommy
timothy tim | william bill will billy willy | andrew andy | barbara barb | deborah deb debbie | donald don
douglas doug | frederick fred freddie | gerald gerry jerry | geoffrey geoff jeffrey jeff | jennifer jen jenny
jonathan jon | kenneth ken kenny | lawrence laurence larry laurie | leonard len | margaret maggie meg peggy
pamela pam | philip phillip phil | raymond ray | rebecca becky bec | ronald ron | susan sue suzie | terence terry
"""
_LEFT_OUT = frozenset(
    [
        *("of", "for", "und", "et", "og", "och", "de", "du", "des", "la", "le", "les", "del", "der", "die"),
        *("en", "het", "ve", "zum", "zur", "am", "im", "no", "nr", "owners", "late", "deceased"),
        *(
            "mr",
            "mrs",
            "ms",
            "miss",
            "dr",
            "drs",
            "dra",
            "messrs",
            "herr",
            "herrn",
            "frau",
            "mme",
            "mlle",
            "sra",
            "srta",
        ),
        *map(str, range(1900, 2100)),
    ]
)
"""What people write or leave out: small words, titles, and a year."""
_SPELT = NUMBER_WORDS | {
    word: words[0]
    for group in re.split(r"[|\n]", _UMLAUT.sub(lambda found: found[1] or "a", _SPELLINGS.strip()))
    for words in (group.split(),)
    for word in words
}
_OTHER_NAME = re.compile(
    r" (?:trading as|t as|t a|doing business as|dba|d b a|operating as|o a|atf|as trustee for|formerly(?: known as)?"
    r"|previously(?: known as)?|now known as|also known as|aka|a k a|fka|f k a) "
)
_AMERICAN = (
    (re.compile(r"(?<=\w\w\w)our(?=s?$|ing$|ers?$)"), "or"),
    (re.compile(r"([bt])re(?=s?$)"), r"\1er"),
    (re.compile(r"is(?=ations?$|ing$|e[drs]?$)"), "iz"),
    (re.compile(r"ll(?=ing$|[eo]rs?$)"), "l"),
    (re.compile(r"(?<=\w\w)ies$"), "y"),
)
_ENDING = re.compile(r"(?<=\w{4})(?:ing|ings|ers|ery|ry|ants?|ancy|ors|s?gesellschaft)$")


@lru_cache(maxsize=NAMES_REMEMBERED)
def spelt(key: str) -> str:
    """A name key without what people leave out; abbreviations, numbers and first names in one spelling."""
    return " ".join(map(one_spelling, _those_that_count(every_word(key))))


@lru_cache(maxsize=NAMES_REMEMBERED)
def squeezed(key: str) -> str:
    """The same without spaces."""
    return spelt(key).replace(" ", "")


@lru_cache(maxsize=NAMES_REMEMBERED)
def one_spelling(word: str) -> str:
    """The word that this one stands for, where it is a usual abbreviation; else what is left of it, in America's
    spelling, without the endings in which one trade is written in several ways."""
    one = _one(word) if len(word) >= PLURAL_LENGTH_MIN else word
    return _SPELT.get(word) or _SPELT.get(one) or _stem(word)


def _stem(word: str) -> str:
    """'Brew' for 'brewery', 'brewers' and 'brewing'."""
    for written, plain in _AMERICAN:
        word = written.sub(plain, word)
    return _ENDING.sub("", word)


@lru_cache(maxsize=NAMES_REMEMBERED)
def words_of(key: str) -> tuple[str, ...]:
    """The words of a name key that count, as they are written, in the singular."""
    return tuple(map(_singular, _those_that_count(every_word(key))))


def every_word(key: str) -> list[str]:
    """The words of a name key without its legal form, in plain letters and each in one piece."""
    name = without_form(without_form(key).translate(_LETTERS)) or key
    name = tens_joined(name)
    for pieces, together in _PIECES:
        name = pieces.sub(together, name)
    return _UMLAUT.sub(_plain_vowel, name).split()


def _those_that_count(words: list[str]) -> list[str]:
    return [word for word in words if word not in _LEFT_OUT] or words


def _plain_vowel(written: re.Match[str]) -> str:
    return written[1] or "a"


def _singular(word: str) -> str:
    """'Excavation' for 'Excavations', where it is no initials and has no spelling of its own."""
    one = _one(word)
    plural = len(word) >= PLURAL_LENGTH_MIN and word[-1] == "s" and one[-1] != "s" and not VOWELS.isdisjoint(one)
    return one if plural and word not in _SPELT else word


def _one(word: str) -> str:
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(("ches", "shes", "xes")) else word.removesuffix("s")


@lru_cache(maxsize=NAMES_REMEMBERED)
def other_names(key: str) -> tuple[str, ...]:
    """The two names of a customer that trades under another one, or holds in trust; none of any other."""
    names = _OTHER_NAME.split(key)
    return tuple(names) if len(names) > 1 else ()
