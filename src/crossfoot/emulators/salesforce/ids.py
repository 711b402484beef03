"""Record ids: 15 case-sensitive characters, or 18 with a checksum that survives folded case (SF 0.3)."""

from __future__ import annotations

import re

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECKSUM_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[A-Z0-5]{3})?\Z")


def checksum(id_15: str) -> str:
    """The three characters that tell which of the fifteen are capitals."""
    blocks = (id_15[start : start + 5] for start in (0, 5, 10))
    return "".join(
        CHECKSUM_DIGITS[sum(1 << bit for bit, char in enumerate(block) if "A" <= char <= "Z")] for block in blocks
    )


def make_id(prefix: str, instance: str, number: int) -> str:
    """The id of the ``number``-th record of a key prefix: ids of one prefix sort in the order of their making."""
    body = ""
    for _ in range(9):
        number, digit = divmod(number, 62)
        body = DIGITS[digit] + body
    id_15 = prefix + instance + body
    return id_15 + checksum(id_15)


def to_18(value: object) -> str | None:
    """The 18-character form of a 15- or 18-character id; None when it is neither."""
    if not isinstance(value, str) or not _ID.match(value):
        return None
    full = value[:15] + checksum(value[:15])
    return full if len(value) == 15 or value == full else None
