"""The conditional headers of a request for a row: entity tags of accounts, dates of any row (SF 2.1)."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from typing import Any

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.exchange import Ask
from crossfoot.emulators.salesforce.schema import SObject
from crossfoot.emulators.salesforce.values import render, to_json
from crossfoot.emulators.salesforce.world import Row

TAGGED = frozenset({"Account"})  # of other objects a tag says nothing
_TAGS = re.compile(r'\s*(\*|"[^"]*"(\s*,\s*"[^"]*")*)\s*')


def tags_of(sobject: SObject, row: Row) -> tuple[tuple[str, str], ...]:
    """The headers by which a later request may ask whether the row has changed."""
    modified = (("Last-Modified", http_date(row["LastModifiedDate"])),)
    return (("ETag", _tag(row)), *modified) if sobject.name in TAGGED else modified


def _tag(row: Row) -> str:
    content: dict[str, Any] = {name: render(value) for name, value in sorted(row.items())}
    return f'"{base64.b64encode(hashlib.sha256(to_json(content)).digest()).decode()}"'


def http_date(instant: datetime) -> str:
    return f"{instant:%a, %d %b %Y %H:%M:%S} GMT"


def read_date(text: str) -> datetime | None:
    """The instant that a header names; None when it names none."""
    try:
        return datetime.strptime(text.replace("GMT", "+0000"), "%a, %d %b %Y %H:%M:%S %z")
    except ValueError:
        return None


def is_unchanged(ask: Ask, sobject: SObject, row: Row) -> bool:
    """Whether a read is to be answered with 304. A tag goes before a date; what cannot be read is no condition."""
    tags = ask.headers.get("if-none-match")
    if tags is not None and sobject.name in TAGGED:
        return _has(tags, row)
    since = read_date(ask.headers.get("if-modified-since", ""))
    return since is not None and row["LastModifiedDate"] <= since


def check_conditions(ask: Ask, sobject: SObject, row: Row, *, write: bool) -> None:
    """Refuse with 412 what holds for another state of the row; of a write also a condition that cannot be read."""
    wanted, unwanted = ask.headers.get("if-match"), ask.headers.get("if-none-match")
    if write:
        _check_readable(ask)
    if sobject.name in TAGGED:
        if wanted is not None and not _has(wanted, row):
            raise _failed()
        if write and unwanted is not None and _has(unwanted, row):
            raise _failed()
    unmodified = read_date(ask.headers.get("if-unmodified-since", ""))
    if unmodified is not None and row["LastModifiedDate"] > unmodified:
        raise _failed()


def _check_readable(ask: Ask) -> None:
    for name in ("if-match", "if-none-match", "if-unmodified-since"):
        text = ask.headers.get(name)
        if text is not None and not (read_date(text) if name == "if-unmodified-since" else _TAGS.fullmatch(text)):
            raise ApiError("INVALID_HEADER", f"{name.title()}: invalid value: {text}")


def _has(tags: str, row: Row) -> bool:
    """Whether a header names the row's tag. A tag of a packed answer is that of the answer."""
    named = {each.strip().replace('-gzip"', '"') for each in tags.split(",")}
    return "*" in named or _tag(row) in named


def _failed() -> ApiError:
    return ApiError("ENTITY_MODIFIED", "the record was modified since the given date", status=412)
