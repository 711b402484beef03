"""Records as one side has them, their canonical form, and the hash by which a change is told from an echo."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from crossfoot.core.money import EXACT, ZERO

Fields = Mapping[str, Any]


class Side(StrEnum):
    """Which system a record lives in."""

    SALESFORCE = "salesforce"
    XERO = "xero"


@dataclass(frozen=True, slots=True, order=True)
class RecordRef:
    """Points at one record: its side, its kind (the vendor's object name) and its id there."""

    side: Side
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


@dataclass(frozen=True, slots=True)
class Record:
    """One observed state of a record. ``stamp`` is the vendor's; ``fields`` hold canonical values."""

    ref: RecordRef
    stamp: datetime
    fields: Fields
    deleted: bool = False


def canonical(value: Any) -> Any:
    """One form for values that mean the same: text in NFC, blank text as None, numbers as Decimal without padding."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = value.strip() if value.isascii() else unicodedata.normalize("NFC", value).strip()
        return text or None
    if isinstance(value, int | Decimal):
        number = Decimal(value)
        return EXACT.add(EXACT.normalize(number), ZERO) if number else ZERO
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (dict, Mapping)):  # the plain kinds first: asking an abstract one takes longer
        return {key: canonical(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, Sequence)) and not isinstance(value, bytes):
        return [canonical(inner) for inner in value]
    raise TypeError(f"{type(value).__name__} has no canonical form")


def content_hash(value: Any) -> str:
    """SHA-256 of the canonical form, in hex."""
    text = json.dumps(canonical(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} cannot be hashed")
