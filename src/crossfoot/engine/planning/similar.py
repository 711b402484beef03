"""Which names a person might take for the same one.

Asking once too often costs a minute; a customer made twice costs trust. So names are compared in several ways, and
each way may raise the question: by their letters, without their spaces, one within the other, and one in short.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate, takewhile

from rapidfuzz import fuzz, process

from crossfoot.core.names import without_form
from crossfoot.engine.planning.spelling import VOWELS, every_word, one_spelling, other_names, spelt, squeezed, words_of

SIMILAR_SCORE_MIN = 88.0
SQUEEZED_SCORE_MIN = 92.0
SIMILAR_MAX = 20
LONE_WORD_LENGTH_MIN = 3
PERSON_WORDS = (2, 3)
ACRONYM_LENGTH_MIN = 3
CONTRACTED_LENGTH_MIN = 4
PLURAL_LENGTH_MIN = 3
SHORTENED_WORDS_MAX = 6
UNSPACED_LENGTH_MIN = 4
JOINED_LENGTH_MIN = 6

_SOUND_ALIKE = ("ckqsz", "gj", "fpv", "ijy", "vw", "kn", "dt", "aeiouy")
_FIRST_UNSPACED = "\u1100"


def similar_names(key: str, others: Sequence[str], *, limit: int | None = SIMILAR_MAX) -> Collection[int]:
    """Positions of names that a person might take for the same one; of those alike in letters the ``limit`` closest."""
    more = [(index, name) for index, other in enumerate(others) for name in other_names(other)]
    places = [*range(len(others)), *(index for index, _ in more)]
    every = [*others, *(name for _, name in more)]
    return {places[index] for name in (key, *other_names(key)) for index in _similar(name, every, limit)}


def _similar(key: str, others: Sequence[str], limit: int | None) -> Collection[int]:
    mine, theirs = spelt(key), list(map(spelt, others))
    letters = process.extract(mine, theirs, scorer=fuzz.token_sort_ratio, score_cutoff=SIMILAR_SCORE_MIN, limit=None)
    joined = process.extract(
        squeezed(key), list(map(squeezed, others)), scorer=fuzz.ratio, score_cutoff=SQUEEZED_SCORE_MIN, limit=None
    )
    words = words_of(key)
    sharing = [(index, words_of(others[index])) for index in _sharing(words, theirs)]
    positions: set[int] = set()
    for found in (letters, joined):
        positions.update([index for _, _, index in found if not _one_word_apart(mine, theirs[index])][:limit])
    positions.update(index for index, other in sharing if _within(words, other) or _shortened(words, other))
    positions.update(_begun(mine, theirs))
    positions.update(_initialled(mine, theirs))
    positions.update(_acronyms(key, theirs))
    positions.update(_held(key, others))
    return positions


def _sharing(words: Sequence[str], others: Sequence[str]) -> Collection[int]:
    """Positions of names that may have one of these words; of words of one letter only where there is no other."""
    longer = [one_spelling(word) for word in words if len(word) > 1] or words
    return {index for word in longer for index, other in enumerate(others) if word in other}


def _one_word_apart(left: str, right: str) -> bool:
    """Whether one word alone differs and begins otherwise: 'Bay Street' and 'Kay Street' are two, where a slip of the
    pen seldom meets the first letter. 'Carl' may be 'Karl', and 'Sofia' 'Zofia'."""
    words, others = left.split(), right.split()
    ours, theirs = set(words) - set(others), set(others) - set(words)
    if len(words) != len(others) or len(ours) != 1 or len(theirs) != 1 or len(words) == 1:
        return False
    first, second = ours.pop()[0], theirs.pop()[0]
    return first != second and not any(first in sound and second in sound for sound in _SOUND_ALIKE)


def _begun(name: str, others: Sequence[str]) -> list[int]:
    """Positions of names of which one begins with the other, where either has two words in one: 'Kwik Fix Plumbing' and
    'Kwikfix'."""
    joined = name.replace(" ", "")
    if len(joined) < JOINED_LENGTH_MIN:
        return []
    start = joined[:JOINED_LENGTH_MIN]
    likely = ((index, other) for index, other in enumerate(others) if other[:1] == name[0])
    return [
        index
        for index, other in likely
        if other.replace(" ", "").startswith(start)
        and (_begins(other, joined) or _begins(name, other.replace(" ", "")))
    ]


def _begins(name: str, joined: str) -> bool:
    """Whether the first words of a name are these letters."""
    return joined in accumulate(name.split())


def _initialled(name: str, others: Sequence[str]) -> list[int]:
    """Positions of names with the same first letter and last word, where one of the two has an initial alone: 'R J
    Whitlock' and 'Robert Whitlock', or 'Whitlock R'."""
    name = _initials_first(name)
    words = name.split()
    if len(words) not in PERSON_WORDS or len(words[-1]) == 1:
        return []
    first, end, initial = name[0], f" {words[-1]}", len(words[0]) == 1
    turned = (_initials_first(other) if other[-2:-1] == " " else other for other in others)
    return [
        index
        for index, other in enumerate(turned)
        if other.endswith(end)
        and other[0] == first
        and (initial or other[1] == " ")
        and other.count(" ") + 1 in PERSON_WORDS
    ]


def _initials_first(name: str) -> str:
    """A name with the initials that stand behind it before it."""
    words = name.split()
    initials = [*takewhile(lambda word: len(word) == 1, reversed(words))][::-1]
    return " ".join(initials + words[: len(words) - len(initials)])


def _acronyms(key: str, others: Sequence[str]) -> list[int]:
    """Positions of names that are this one's initials, or of which this one is the initials: 'Royal Flying Doctor
    Service' and 'RFDS'."""
    mine = spelt(key)
    initials = {each for words in (every_word(key), mine.split()) for each in _written_initials(words)}
    positions = [index for index, other in enumerate(others) if other in initials] if initials else []
    whole = mine.replace(" ", "")
    if len(whole) >= ACRONYM_LENGTH_MIN and mine in (whole, " ".join(whole)):
        start, spaces = whole[0], len(whole) - 1
        likely = (i for i, other in enumerate(others) if other[:1] == start and 0 < other.count(" ") <= spaces)
        positions += [index for index in likely if whole in _written_initials(others[index].split())]
    return positions


def _written_initials(words: Sequence[str]) -> Iterable[str]:
    """'RFDS', 'R F D S', and of 'HM Revenue & Customs' 'HMRC' too."""
    every = {_initials(words), "".join(word if VOWELS.isdisjoint(word) else word[0] for word in words)}
    long = [initials for initials in every if len(initials) >= ACRONYM_LENGTH_MIN]
    return [*long, *map(" ".join, long)]


def _initials(words: Sequence[str]) -> str:
    return "".join(word[0] for word in words)


def _shortened(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether two names have a word in common, and for the others one of the two has them in short or in initials:
    'Lorne SLSC' and 'Lorne Surf Life Saving Club', 'Distrib. Andina' and 'Distribuidora Andina'.

    Beside one common word an initial alone says too little: 'Jones R' may be 'Jones Roofing', or anybody.
    """
    common = set(map(one_spelling, left)) & set(map(one_spelling, right))
    ours, theirs = ([word for word in words if one_spelling(word) not in common] for words in (left, right))
    if not common or not ours or not theirs or max(len(ours), len(theirs)) > SHORTENED_WORDS_MAX:
        return False
    initials = any(len(word) == 1 for word in (*ours, *theirs))
    if initials and len(ours) == len(common) == 1:
        return False
    return _aligned(ours, theirs, more=len(common) > 1 and not initials)


def _aligned(left: Sequence[str], right: Sequence[str], *, more: bool) -> bool:
    """Whether the words of both stand for one another in order, and whether one may say ``more``."""
    if not left or not right:
        return more or not (left or right)
    for short, long in ((left, right), (right, left)):
        many = len(short[0])
        if 1 < many <= len(long) and short[0] == _initials(long[:many]) and _aligned(short[1:], long[many:], more=more):
            return True
        if _compounds(short[0], long[:2]) and _aligned(short[1:], long[2:], more=more):
            return True
    return _in_short(*sorted((left[0], right[0]), key=len)) and _aligned(left[1:], right[1:], more=more)


def _compounds(word: str, parts: Sequence[str]) -> bool:
    """Whether a word is made of two, of which the first may be in short: 'Ingenieurbüro' and 'Ing.-Büro'."""
    if len(parts) < 2 or min(map(len, parts)) < LONE_WORD_LENGTH_MIN:
        return False
    return len(word) >= len("".join(parts)) and word.startswith(parts[0]) and word.endswith(parts[1])


def _in_short(short: str, long: str) -> bool:
    """Whether a word is another one in short, in the singular or plural: 'apt' and 'apts' are both 'apartment'."""
    one = short.removesuffix("s") if len(short) > PLURAL_LENGTH_MIN else short
    return any(_abbreviates(each, long) for each in {short, one})


def _abbreviates(short: str, long: str) -> bool:
    """As an initial, by its beginning up to a vowel ('distrib'), by its consonants ('mfr'), or by some of its letters
    up to the last ('ayto')."""
    if short[0] != long[0] or 2 * len(short) > len(long) + len(short) // 5:
        return False
    if len(short) == 1 or (long.startswith(short) and short[-1] not in VOWELS and long[len(short)] in VOWELS):
        return True
    letters = iter(long)
    if not all(letter in letters for letter in short):
        return False
    return VOWELS.isdisjoint(short[1:]) or (len(short) >= CONTRACTED_LENGTH_MIN and short[-1] == long[-1])


def _held(key: str, others: Sequence[str]) -> list[int]:
    """Positions of names in a script without spaces of which one holds the other, as behind the name of a city."""
    mine = _in_syllables(key)
    if len(mine) < UNSPACED_LENGTH_MIN or mine[0] < _FIRST_UNSPACED:
        return []
    theirs = ((index, _in_syllables(other)) for index, other in enumerate(others) if other[:1] >= _FIRST_UNSPACED)
    return [index for index, other in theirs if len(other) >= UNSPACED_LENGTH_MIN and (mine in other or other in mine)]


def _in_syllables(key: str) -> str:
    return unicodedata.normalize("NFC", without_form(key))


def _within(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether one name holds the other: "Brightwater Legal" and "Brightwater Legal Group", "Acme" and "Acme Paints"."""
    short, long = sorted((list(map(one_spelling, words)) for words in (left, right)), key=len)
    if len(short) > 1:
        return set(short) <= set(long)
    return bool(short) and len(short[0]) >= LONE_WORD_LENGTH_MIN and short[0] == long[0]
