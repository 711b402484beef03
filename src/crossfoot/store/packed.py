"""How ids, digests and bodies lie in the database: in as few bytes as they need, and read as they always were.

A deal brings some sixty ids and digests. As text a UUID takes 36 bytes, a SHA-256 64 and a Salesforce id 18; as bytes
17, 33 and 13. Bodies are compressed against words that most of them hold.
"""

from __future__ import annotations

import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from sqlalchemy import BigInteger, BindParameter, ColumnElement, LargeBinary, column, select, table
from sqlalchemy.types import TypeDecorator, UserDefinedType

from crossfoot.core.links import salesforce_id_18
from crossfoot.store.words import COMMON, WORDS

_BODY_FORM = max(WORDS)  # of what is written now
_LEVEL = 6
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REMEMBERED = 65_536  # what a run is about stands in many rows


def _microseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - _BEGINNING) // _MICROSECOND


def _at(microseconds: int) -> datetime:
    return _BEGINNING + microseconds * _MICROSECOND


def _stamp(text: str) -> bytes:
    return _microseconds(text).to_bytes(8, signed=True)


def _of_stamp(kept: bytes) -> datetime:
    return _at(int.from_bytes(kept, signed=True))


def _uuid(digits: bytes) -> str:
    text = digits.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _salesforce_id(text: str) -> bytes:
    """Six bits for each of fifteen characters; the last three follow from them."""
    if salesforce_id_18(text[:15]) != text:
        raise ValueError
    return b64decode(text[:15] + "A")


def _of_salesforce_id(kept: bytes) -> str:
    return salesforce_id_18(b64encode(kept)[:15].decode())


@dataclass(frozen=True, slots=True)
class _Form:
    """Text of one form, kept as bytes behind a mark: so many of them, or as many as the byte behind the mark says."""

    mark: bytes
    pattern: str
    size: int | None
    shorten: Callable[[str], bytes]
    restore: Callable[[bytes], str]

    def kept(self, text: str) -> bytes:
        """Mark and bytes, or the text itself where it only looks like this form."""
        try:
            short = self.shorten(text)
        except ValueError:
            return text.encode()
        return self.mark + (b"" if self.size else bytes([len(short)])) + short


_NUMBERED = table("home", column("id"), column("code"))
_MOMENT = r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
# What is stored is found by its form: only a migration may change these, or the words in common. The marks of the newer
# ones are bytes that UTF-8 never holds, so that what was packed before there were any reads on.
_FORMS = (
    _Form(
        b"\x01", r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", 16,
        lambda text: bytes.fromhex(text.replace("-", "")), _uuid,
    ),
    _Form(b"\xfc", r"[0-9a-f]{64}", 32, bytes.fromhex, bytes.hex),
    _Form(b"\xfd", r"[0-9a-f]{32}", 16, bytes.fromhex, bytes.hex),
    _Form(b"\x02", r"(?:[0-9a-f]{2}){8,255}", None, bytes.fromhex, bytes.hex),
    _Form(b"\xf8", r"[0-9A-Za-z]{15}[A-Z0-5]{3}", 12, _salesforce_id, _of_salesforce_id),
    _Form(
        b"\xf9", rf"{_MOMENT}\.\d{{6}}\+00:00", 8, _stamp,
        lambda kept: _of_stamp(kept).isoformat(timespec="microseconds"),
    ),
    _Form(
        b"\xfa", rf"{_MOMENT}\.\d{{3}}\+0000", 8, _stamp,
        lambda kept: _of_stamp(kept).isoformat(timespec="milliseconds").replace("+00:00", "+0000"),
    ),
    _Form(
        b"\xfb", "|".join(map(re.escape, sorted(COMMON, reverse=True))), 1,
        lambda text: bytes([COMMON.index(text)]), lambda kept: COMMON[kept[0]],
    ),
)  # fmt: skip
_PLAIN = b"\x00"
_ESCAPED = re.compile("[\x00-\x02]")
_FOUND = re.compile("|".join(f"({form.pattern})" for form in _FORMS), re.ASCII)
_MARK = re.compile(b"[" + b"".join(form.mark for form in _FORMS) + b"]")
_BY_MARK = {form.mark: form for form in _FORMS}


@lru_cache(_REMEMBERED)
def pack(text: str) -> bytes:
    """Text with what has one of the known forms as bytes behind a mark."""
    if _ESCAPED.search(text):
        return _PLAIN + text.encode()
    packed, reached = b"", 0
    for found in _FOUND.finditer(text):
        packed += text[reached : found.start()].encode() + _FORMS[(found.lastindex or 1) - 1].kept(found.group())
        reached = found.end()
    return packed + text[reached:].encode()


@lru_cache(_REMEMBERED)
def unpack(packed: bytes) -> str:
    """The text that ``pack`` was given."""
    if packed[:1] == _PLAIN:
        return packed[1:].decode()
    text, reached = "", 0
    while mark := _MARK.search(packed, reached):
        text += packed[reached : mark.start()].decode()
        form, first = _BY_MARK[mark.group()], mark.end()
        if form.size is None:
            first += 1
        reached = first + (form.size or packed[mark.end()])
        text += form.restore(packed[first:reached])
    return text + packed[reached:].decode()


def compress(body: bytes) -> bytes:
    """A body as it is kept; an empty one stays empty."""
    if not body:
        return b""
    packing = zlib.compressobj(_LEVEL, wbits=-zlib.MAX_WBITS, zdict=WORDS[_BODY_FORM])
    return _BODY_FORM + packing.compress(body) + packing.flush()


def decompress(kept: bytes) -> bytes:
    """The body that ``compress`` was given."""
    if not kept:
        return b""
    if kept[:1] not in WORDS:
        raise ValueError("a body in a form that this version does not know")
    unpacking = zlib.decompressobj(wbits=-zlib.MAX_WBITS, zdict=WORDS[kept[:1]])
    try:
        return unpacking.decompress(kept[1:]) + unpacking.flush()
    except zlib.error as error:
        raise ValueError("a body that cannot be read") from error


class Packed(TypeDecorator[str]):
    """Text that is mostly ids or digests."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> bytes | None:  # noqa: ARG002
        return None if value is None else pack(value)

    def process_result_value(self, value: bytes | str | None, dialect: object) -> str | None:  # noqa: ARG002
        if value is None or isinstance(value, str):  # text that somebody wrote there by hand reads as it stands
            return value
        return unpack(bytes(value))


class Home(UserDefinedType[str]):
    """The id of an org or organisation, held as the number that stands for it in the table ``home``.

    What has no number (``workspace.save_connection`` gives it) finds nothing, and cannot be stored.
    """

    cache_ok = True

    def get_col_spec(self, **_kw: object) -> str:
        return "BIGINT"

    def bind_expression(self, bindvalue: BindParameter[str]) -> ColumnElement[str]:
        return select(_NUMBERED.c.code).where(_NUMBERED.c.id == bindvalue).scalar_subquery()

    def column_expression(self, colexpr: ColumnElement[str]) -> ColumnElement[str]:
        return select(_NUMBERED.c.id).where(_NUMBERED.c.code == colexpr).scalar_subquery()


class Body(TypeDecorator[bytes]):
    """Bytes that are mostly JSON."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: object) -> bytes | None:  # noqa: ARG002
        return None if value is None else compress(value)

    def process_result_value(self, value: bytes | str | None, dialect: object) -> bytes | None:  # noqa: ARG002
        if value is None:
            return None
        return decompress(value.encode() if isinstance(value, str) else bytes(value))


class BodyText(TypeDecorator[str]):
    """Text that is mostly JSON."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> bytes | None:  # noqa: ARG002
        return None if value is None else compress(value.encode())

    def process_result_value(self, value: bytes | None, dialect: object) -> str | None:  # noqa: ARG002
        return None if value is None else decompress(bytes(value)).decode()


class Instant(TypeDecorator[str]):
    """An instant as ``codec.instant`` writes it, held as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> int | None:  # noqa: ARG002
        return None if value is None else _microseconds(value)

    def process_result_value(self, value: int | None, dialect: object) -> str | None:  # noqa: ARG002
        return None if value is None else _at(value).isoformat(timespec="microseconds")
