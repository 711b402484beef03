"""Whether a deal may be invoiced already, by people who keyed it by hand: what names the deal, and what looks like it.

A hit makes the deal wait and shows the invoice; a person decides. What is missed is billed twice, so near is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import combinations

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.documents import Deal, IntendedInvoice
from crossfoot.core.money import EXACT, Totals

NAME_LENGTH_MIN = 8
"""A deal's name shorter than this, without its spaces, stands in too many texts to say anything."""
PARTS_AMONG_MAX = 50
"""Among more invoices than these, two that happen to make up the sum are no sign."""
_WORD = re.compile(r"\w+(?:-\w+)*")
_NUMBER = re.compile(r"(?<!\d)\d{4,}(?!\d)")
_YEAR = re.compile(r"(19|20)\d\d")


def reference_word(text: str) -> str:
    """A number or word as references are searched by it: letters and digits alone, so that D-00042 is d00042."""
    return "".join(filter(str.isalnum, text.casefold()))


def reference_words(reference: str) -> set[str]:
    """The words of an invoice's reference, by one of which it may name a deal, whatever signs stand around them."""
    return {reference_word(word) for word in (*reference.split(), *_WORD.findall(reference))} - {""}


def lookalikes(
    deal: Deal, invoice: IntendedInvoice, totals: Totals, others: Sequence[LedgerInvoice], rounding_max: Decimal
) -> Iterator[LedgerInvoice]:
    """Of a customer's invoices in the deal's currency and near its date, those that may be its own.

    By the amount, ex tax or gross as either may have been keyed, alone or as two parts; by the deal's number, name or
    order number in what people wrote.
    """

    def near(left: Decimal, right: Decimal) -> bool:
        return EXACT.subtract(left, right).copy_abs() <= rounding_max

    for other in others:
        amounts = (
            (theirs, ours) for theirs in (other.sub_total, other.total) for ours in (totals.ex_tax, totals.gross)
        )
        if any(near(theirs, ours) for theirs, ours in amounts) or _names(other, deal, invoice):
            yield other
    for first, second in combinations(others, 2) if len(others) <= PARTS_AMONG_MAX else ():
        if first.sub_total == EXACT.subtract(totals.ex_tax, second.sub_total):
            yield from (first, second)


def _names(other: LedgerInvoice, deal: Deal, invoice: IntendedInvoice) -> bool:
    written = [other.reference, *(line.description for line in other.lines)]
    words = {word for text in written for word in reference_words(text)}
    own = {word for word in reference_words(f"{invoice.reference} {invoice.own_number}") if _tells(word)}
    name = reference_word(deal.name)
    return (
        bool(words & own)
        or bool(set(_numbers([other.reference])) & set(_numbers([invoice.reference])))
        or (len(name) >= NAME_LENGTH_MIN and any(name in reference_word(text) for text in written))
    )


def _tells(word: str) -> bool:
    return any(map(str.isdigit, word)) and not _YEAR.fullmatch(word)


def _numbers(texts: Iterable[str]) -> Iterator[str]:
    """Numbers of four digits or more that are no year: an order number with or without the letters before it."""
    return (number for text in texts for number in _NUMBER.findall(text) if not _YEAR.fullmatch(number))
