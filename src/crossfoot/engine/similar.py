"""Which names a person might take for the same one."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rapidfuzz import fuzz, process

SIMILAR_SCORE_MIN = 88.0
SIMILAR_MAX = 20


def similar_names(key: str, others: Sequence[str], *, limit: int | None = SIMILAR_MAX) -> Collection[int]:
    """Positions of names that a person might take for the same one; of those alike in letters the ``limit`` closest."""
    found = process.extract(key, others, scorer=fuzz.token_sort_ratio, score_cutoff=SIMILAR_SCORE_MIN, limit=limit)
    words = set(key.split())
    positions = {index for _, _, index in found}
    if len(words) > 1:  # one name within the other: "Brightwater Legal" and "Brightwater Legal Group"
        positions.update(
            index
            for index, other in enumerate(others)
            if (theirs := set(other.split())) and len(theirs) > 1 and (words <= theirs or theirs <= words)
        )
    return positions
