"""How ids, digests and bodies lie in the database: in as few bytes as they need, and read as they always were.

A million deals bring some twenty million ids and digests. As text a UUID takes 36 bytes and a SHA-256 takes 64; as
bytes 17 and 34. Bodies are compressed against words that most of them hold.
"""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from sqlalchemy import BigInteger, LargeBinary
from sqlalchemy.types import TypeDecorator

from crossfoot.store.words import WORDS

_PLAIN, _UUID, _HEX = b"\x00", b"\x01", b"\x02"
_FOUND = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})|((?:[0-9a-f]{2}){8,255})")
_MARK = re.compile(rb"[\x01\x02]")
_BODY_FORM = b"\x01"  # which words a body was compressed against: a change of them is another form
_LEVEL = 6
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_REMEMBERED = 4096  # the organisation's own id stands in every row


@lru_cache(_REMEMBERED)
def pack(text: str) -> bytes:
    """Text with each UUID and each run of 16 or more hexadecimal digits as bytes behind a mark."""
    if any(mark in text for mark in "\x00\x01\x02"):
        return _PLAIN + text.encode()
    packed, reached = b"", 0
    for found in _FOUND.finditer(text):
        packed += text[reached : found.start()].encode()
        reached = found.end()
        digits = bytes.fromhex(found.group().replace("-", ""))
        packed += _UUID + digits if found.group(1) else _HEX + bytes([len(digits)]) + digits
    return packed + text[reached:].encode()


@lru_cache(_REMEMBERED)
def unpack(packed: bytes) -> str:
    """The text that ``pack`` was given."""
    if packed[:1] == _PLAIN:
        return packed[1:].decode()
    text, reached = "", 0
    while mark := _MARK.search(packed, reached):
        text += packed[reached : mark.start()].decode()
        if mark.group() == _UUID:
            reached = mark.end() + 16
            digits = packed[mark.end() : reached].hex()
            text += f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        else:
            first = mark.end() + 1
            reached = first + packed[mark.end()]
            text += packed[first:reached].hex()
    return text + packed[reached:].decode()


def compress(body: bytes) -> bytes:
    """A body as it is kept; an empty one stays empty."""
    if not body:
        return b""
    packing = zlib.compressobj(_LEVEL, wbits=-zlib.MAX_WBITS, zdict=WORDS)
    return _BODY_FORM + packing.compress(body) + packing.flush()


def decompress(kept: bytes) -> bytes:
    """The body that ``compress`` was given."""
    if not kept:
        return b""
    if kept[:1] != _BODY_FORM:
        raise ValueError("a body in a form that this version does not know")
    unpacking = zlib.decompressobj(wbits=-zlib.MAX_WBITS, zdict=WORDS)
    return unpacking.decompress(kept[1:]) + unpacking.flush()


class Packed(TypeDecorator[str]):
    """Text that is mostly ids or digests."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> bytes | None:  # noqa: ARG002
        return None if value is None else pack(value)

    def process_result_value(self, value: bytes | None, dialect: object) -> str | None:  # noqa: ARG002
        return None if value is None else unpack(bytes(value))


class Body(TypeDecorator[bytes]):
    """Bytes that are mostly JSON."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: object) -> bytes | None:  # noqa: ARG002
        return None if value is None else compress(value)

    def process_result_value(self, value: bytes | None, dialect: object) -> bytes | None:  # noqa: ARG002
        return None if value is None else decompress(bytes(value))


class Instant(TypeDecorator[str]):
    """An instant as ``codec.instant`` writes it, held as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> int | None:  # noqa: ARG002
        return None if value is None else (datetime.fromisoformat(value) - _BEGINNING) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: object) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        return (_BEGINNING + timedelta(microseconds=value)).isoformat(timespec="microseconds")
