"""JSON values on their way in and out of a record (SF 0.4): kept as str, bool, int, Decimal, date or datetime."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from crossfoot.emulators.salesforce.errors import ApiError, field_error
from crossfoot.emulators.salesforce.ids import to_18
from crossfoot.emulators.salesforce.schema import ID_TYPES, NUMBER_TYPES, TEXT_TYPES, Field

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})")
_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?\s*")
_EMAIL = re.compile(r"[^\s@]+@[^\s@.]+(\.[^\s@.]+)+")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def from_json(body: bytes) -> Any:
    """A JSON text, its numbers as int or Decimal."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError("JSON_PARSER_ERROR", f"Unexpected character or end of input: {error}") from error


def to_json(payload: Any) -> bytes:
    return _ENCODER.encode(payload)


def round_half_up(value: Decimal, scale: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP)


def canonical(value: Decimal) -> Decimal:
    """The shortest decimal text with at least one decimal, as the platform prints doubles: 1200.0, 12.3456."""
    if value == 0:
        return Decimal("0.0")
    normal = value.normalize()
    exponent = normal.as_tuple().exponent
    return normal.quantize(Decimal("0.1")) if isinstance(exponent, int) and exponent >= 0 else normal


def render(value: Any) -> Any:
    """A stored value as JSON carries it."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}.000+0000"
    if isinstance(value, date):
        return value.isoformat()
    return value


def parse_datetime(text: str) -> datetime:
    """An ISO instant with a zone, cut to the second (SF 0.4, 0.5). ValueError when it is not one."""
    if not _MOMENT.fullmatch(text):
        raise ValueError(text)
    try:
        return datetime.fromisoformat(text).astimezone(UTC).replace(microsecond=0)
    except OverflowError as error:  # its zone moves it out of the years that there are
        raise ValueError(text) from error


def to_stored(field: Field, value: Any) -> Any:
    """The value as the record keeps it; an ApiError in the platform's words when the field does not take it."""
    if value is None:
        return False if field.type == "boolean" else None
    if field.type in TEXT_TYPES:
        return _text(field, value)
    if field.type in NUMBER_TYPES or field.type == "int":
        return _number(field, value)
    if field.type in ID_TYPES:
        return _id(field, value)
    if field.type == "base64":
        return _base64(field, value)
    if field.type == "boolean":
        return _boolean(field, value)
    return _time(field, value)


_TOKENS = {
    str: "VALUE_STRING",
    bool: "VALUE_BOOLEAN",
    int: "VALUE_NUMBER_INT",
    list: "START_ARRAY",
    dict: "START_OBJECT",
}


def _unreadable(field: Field, value: Any) -> ApiError:
    """The parser's refusal in the words that clients have met; the place that it names is not worked out."""
    token = _TOKENS.get(type(value), "VALUE_NUMBER_FLOAT")
    shown = "" if isinstance(value, dict | list) else f"{value} or request may be missing a required field at "
    message = f"Cannot deserialize instance of {field.type} from {token} value {shown}[line:1, column:1]"
    return ApiError("JSON_PARSER_ERROR", message, fields=[field.name])


def _text(field: Field, value: Any) -> str | None:
    if not isinstance(value, str):
        raise _unreadable(field, value)
    trimmed = value.strip()
    if not trimmed:
        return None
    if len(trimmed) > field.length:
        shown = f"{field.label or field.name}: data value too large: {trimmed} (max length={field.length})"
        raise field_error("STRING_TOO_LONG", shown, field.name)
    if field.type == "picklist" and field.picklist:
        return _choice(field, trimmed)
    if field.type == "multipicklist" and field.picklist:
        return _choices(field, trimmed)
    if field.type == "email" and not _EMAIL.fullmatch(trimmed):
        shown = f"{field.label or field.name}: invalid email address: {trimmed}"
        raise field_error("INVALID_EMAIL_ADDRESS", shown, field.name)
    return trimmed


def _choice(field: Field, text: str) -> str:
    """The value as the picklist spells it; another one only where the picklist is not restricted."""
    match = next((each for each in field.picklist if each.lower() == text.lower()), None)
    if match is None and field.restricted:
        shown = f"{field.label or field.name}: bad value for restricted picklist field: {text}"
        raise field_error("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", shown, field.name)
    return match or text


def _choices(field: Field, text: str) -> str | None:
    """Several values, each once, in the order of their definition (SF 0.4)."""
    given = dict.fromkeys(_choice(field, each.strip()) for each in text.split(";") if each.strip())
    known = [each for each in field.picklist if each in given]
    return ";".join([*known, *(each for each in given if each not in known)]) or None


def _number(field: Field, value: Any) -> Decimal | int | None:
    if value == "":
        return None
    if isinstance(value, bool) or not (isinstance(value, int | Decimal) or _is_number(value)):
        raise _unreadable(field, value)
    exact = Decimal(value)
    if abs(exact) >= Decimal(10) ** (field.precision - field.scale):
        shown = f"{field.label or field.name}: value outside of valid range on numeric field: {value}"
        raise field_error("NUMBER_OUTSIDE_VALID_RANGE", shown, field.name)
    rounded = round_half_up(exact, field.scale)
    return int(rounded) if field.type == "int" else canonical(rounded)


def _is_number(value: object) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _id(field: Field, value: Any) -> str:
    record_id = to_18(value)
    if record_id is None:
        shown = f"{field.label or field.name}: id value of incorrect type: {value}"
        raise field_error("MALFORMED_ID", shown, field.name)
    return record_id


def _base64(field: Field, value: Any) -> str:
    try:
        b64decode(value, validate=True)
    except (TypeError, ValueError) as error:
        raise _unreadable(field, value if isinstance(value, str) and len(value) < 80 else "of base64") from error
    return str(value)


def _boolean(field: Field, value: Any) -> bool:
    known = {True: True, False: False, "true": True, "false": False}
    if isinstance(value, bool | str) and (value.lower() if isinstance(value, str) else value) in known:
        return known[value.lower() if isinstance(value, str) else value]
    raise _unreadable(field, value)


def _time(field: Field, value: Any) -> date | datetime | None:
    if value == "":
        return None
    try:
        if field.type == "date":
            if not _DATE.fullmatch(value):
                raise ValueError(value)
            return date.fromisoformat(value)
        return parse_datetime(value)
    except (TypeError, ValueError) as error:
        raise _unreadable(field, value) from error
