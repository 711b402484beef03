"""Reading a stored record: the value at a path, as expressions and documents take it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from crossfoot.core.money import EXACT
from crossfoot.mapping.expressions import Value

Fields = Mapping[str, Any]
AMOUNT_MAX = Decimal(10) ** 12
"""More than this is a slip of the keyboard: no invoice comes to it, and sums of such amounts could not be kept."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})")
_NO_VALUE = (dict, list)  # a related record, or several
_LONG_AGO = "1970-01-01T00:00:00+00:00"


def raw_at(fields: Fields, path: tuple[str, ...]) -> Any:
    """The value at the end of a path over relations; None where it breaks off."""
    value: Any = fields.get(path[0])
    for name in path[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    return None if isinstance(value, _NO_VALUE) else value


def value_at(fields: Fields, path: tuple[str, ...]) -> Value:
    """The same, with dates and instants read as such. A number such as 4500-12-99 is a text."""
    value = raw_at(fields, path)
    if isinstance(value, str) and value[4:5] == "-":  # most text is neither, and to ask a pattern takes longer
        with suppress(ValueError):
            if _DATE.fullmatch(value):
                return date.fromisoformat(value)
            if _INSTANT.fullmatch(value):
                return instant(value)
    result: Value = value
    return result


def lookup_in(fields: Fields) -> Callable[[tuple[str, ...]], Value]:
    """What an expression over one record asks its fields of."""
    return lambda path: value_at(fields, path)


def as_text(value: Any) -> str:
    """A value as the text that both sides are compared in."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(EXACT.normalize(value) if value else Decimal(0), "f")
    return str(value).strip()


def instant(value: object) -> datetime:
    """A stamp of a record; one that is missing is long ago."""
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value if isinstance(value, str) and value else _LONG_AGO)


def day(value: Value, zone: ZoneInfo) -> date | None:
    """The calendar day of an instant where the books are kept."""
    if isinstance(value, datetime):
        return value.astimezone(zone).date()
    return value if isinstance(value, date) else None
