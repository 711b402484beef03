"""SOQL only through a builder: identifiers are checked, values are escaped, nothing else can be written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from crossfoot.core.errors import Defect

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*){0,5}")
_RECORD_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
IDS_PER_QUERY = 400


def identifier(name: str) -> str:
    """A field path or object name that can be nothing else."""
    if not _IDENTIFIER.fullmatch(name):
        raise Defect(f"{name!r} is not a Salesforce name")
    return name


def is_record_id(text: str) -> bool:
    """Whether a text has the form of a record's id."""
    return _RECORD_ID.fullmatch(text) is not None


def record_id(text: str) -> str:
    """A record's id that can be nothing else."""
    if not is_record_id(text):
        raise Defect(f"{text!r} is not a Salesforce id")
    return text


def literal(value: str | bool | int | Decimal | date | datetime | None) -> str:
    """A value as SOQL writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | Decimal):
        return format(Decimal(value), "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if "\0" in value:
        raise Defect("a SOQL value cannot hold a NUL character")
    return f"'{value.translate(_ESCAPES)}'"


def select(
    fields: Sequence[str],
    source: str,
    *,
    where: str = "",
    order: Sequence[str] = (),
    limit: int = 0,
    children: Iterable[str] = (),
) -> str:
    """A query. ``where`` is made by the functions below, ``children`` by ``select`` itself."""
    items = [identifier(field) for field in fields] + [f"({child})" for child in children]
    query = f"SELECT {', '.join(items)} FROM {identifier(source)}"  # noqa: S608 - checked names only
    if where:
        query += f" WHERE {where}"
    if order:
        query += f" ORDER BY {', '.join(identifier(field) for field in order)}"
    if limit:
        query += f" LIMIT {int(limit)}"
    return query


def count(source: str, *, filled: Sequence[str] = ()) -> str:
    """How many rows there are, or how many have something in one of these fields."""
    query = f"SELECT COUNT() FROM {identifier(source)}"  # noqa: S608 - checked names only
    if filled:
        query += " WHERE " + " OR ".join(map(is_filled, filled))
    return query


def after(stamp: datetime, record_id: str) -> str:
    """Rows strictly after (stamp, id): any number of rows may share a second (SF 7)."""
    at = literal(stamp)
    return f"SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > {literal(record_id)})"


def since(stamp: datetime) -> str:
    """Rows at or after a stamp."""
    return f"SystemModstamp >= {literal(stamp)}"


def is_filled(field: str) -> str:
    """Rows that have something in a field."""
    return f"{identifier(field)} != null"


def equals(field: str, value: str | bool | int | Decimal | date | datetime | None) -> str:
    """Rows whose field has the value."""
    return f"{identifier(field)} = {literal(value)}"


def one_of(field: str, ids: Sequence[str]) -> str:
    """Rows whose field is one of some ids."""
    if not 0 < len(ids) <= IDS_PER_QUERY:
        raise Defect(f"{len(ids)} ids do not fit one query")
    for record_id in ids:
        if not is_record_id(record_id):
            raise Defect(f"{record_id!r} is not a Salesforce id")
    return f"{identifier(field)} IN ({', '.join(literal(record_id) for record_id in ids)})"
