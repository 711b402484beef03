"""How Xero writes and reads numbers, dates and JSON, and the one place where amounts are rounded."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

ARITHMETIC = Context(prec=50, rounding=ROUND_HALF_UP)
ZERO = Decimal("0.00")
ZERO_ID = "00000000-0000-0000-0000-000000000000"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONTH_NAMES = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
MONTHS = tuple(name[:3] for name in MONTH_NAMES)

_EPOCH_DAY = EPOCH.date()
_AS_THEY_ARE = frozenset({str, Decimal, bool, int})  # most members: JSON has these
_STEPS = {places: Decimal(1).scaleb(-places) for places in range(11)}
_MS_DATE = re.compile(r"^/Date\((-?\d+)(?:[+-]\d{2,4})?\)/$")
_ISO_DATE = re.compile(r"^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?)?$")
_BARE_GUID = re.compile(r"[0-9a-f]{32}")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def round_amount(value: Decimal, places: int = 2) -> Decimal:
    """Round half away from zero, as Xero's rounding guide says (XERO 5.1)."""
    rounded = value.quantize(_STEPS[places], rounding=ROUND_HALF_UP, context=ARITHMETIC)
    return rounded or rounded.copy_abs()  # a zero has no sign


def parse_json(body: bytes) -> Any:
    """Decode JSON with every fraction as Decimal; raises ``ValueError`` with the parser's text."""
    return _DECODER.decode(body)


def to_json(value: Any) -> bytes:
    """Encode what ``to_wire`` made."""
    return _ENCODER.encode(value)


def to_wire(value: Any) -> Any:
    """Turn a record into JSON values: dates as ``/Date(ms+0000)/``, no nulls, no private members (XERO 3.1, 3.2)."""
    if isinstance(value, dict):
        return {
            name: member if type(member) in _AS_THEY_ARE else to_wire(member)
            for name, member in value.items()
            if member is not None and name[0] != "_"
        }
    if isinstance(value, list | tuple):
        return [to_wire(member) for member in value]
    if isinstance(value, datetime):
        return f"/Date({_milliseconds(value)}+0000)/"
    if isinstance(value, date):
        return f"/Date({(value - _EPOCH_DAY).days * 86_400_000}+0000)/"
    return value


def _milliseconds(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(milliseconds=1)


def envelope_date(instant: datetime) -> str:
    """``DateTimeUTC`` of a response has no offset (XERO 3.1)."""
    return f"/Date({_milliseconds(instant)})/"


def date_string(day: date | None) -> str | None:
    """The ``DateString`` companion of a date (XERO 3.2)."""
    return f"{day.isoformat()}T00:00:00" if day else None


def stamp_string(instant: datetime | None) -> str | None:
    """The ``UpdatedDateUTCString`` companion of a stamp, to the second (XERO 3.2)."""
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}" if instant else None


def lock_date_text(day: date) -> str:
    """A lock date as the validation message writes it: ``30-Nov-2018`` (XERO 4.13)."""
    return f"{day.day}-{MONTHS[day.month - 1]}-{day.year}"


def parse_day(text: str) -> date:
    """Read a date in any of the three accepted forms, leading zeros or not (XERO 3.2); raises ``ValueError``."""
    if match := _MS_DATE.match(text):
        try:
            return (EPOCH + timedelta(milliseconds=int(match[1]))).date()
        except OverflowError:
            raise ValueError(f"String was not recognized as a valid DateTime: {text}") from None
    if match := _ISO_DATE.match(text):
        return date(int(match[1]), int(match[2]), int(match[3]))
    raise ValueError(f"String was not recognized as a valid DateTime: {text}")


def parse_modified_since(text: str) -> datetime | None:
    """Read If-Modified-Since in the forms clients send; what cannot be read is ignored (XERO 3.7)."""
    text = text.strip()
    try:
        instant = parsedate_to_datetime(text) if "," in text else datetime.fromisoformat(text)
        return instant.replace(microsecond=0, tzinfo=instant.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_number(value: Any) -> Decimal:
    """Read a JSON number, or a number in a string, exactly; raises ``ValueError``."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError(f"Error converting value {value!r} to type 'System.Decimal'.")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"Could not convert string to decimal: {value}.") from None
    if not number.is_finite() or abs(number.adjusted()) > 28:
        raise ValueError(f"Value was either too large or too small for a Decimal: {value}.")
    return number


def unaccented(text: str) -> str:
    """Fold case and accents: how filters compare text (XERO 3.8)."""
    if text.isascii():
        return text.lower()
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return plain.casefold()


def plain_guid(text: str) -> str:
    """A Guid in the one form that is stored, whether it came with hyphens or as 32 digits; other text in lower case."""
    lowered = text.strip().lower()
    if not _BARE_GUID.fullmatch(lowered):
        return lowered
    return "-".join(lowered[start:end] for start, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))


def fold(text: str) -> str:
    """Fold case, accents and runs of white space: how names are compared (XERO 3.8, 4.1)."""
    return " ".join(unaccented(text).split())


def is_true(query: Mapping[str, str], name: str, default: bool = False) -> bool:
    """Read a query flag; SDKs send ``True``/``False`` as well as ``true``/``false`` (XERO 3.4)."""
    text = query.get(name.lower(), "").lower()
    return text == "true" if text in {"true", "false"} else default
