"""How values are kept: JSON with exact numbers, instants as ISO text in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


def encode(value: Any) -> bytes:
    """JSON with Decimals as numbers and members in order."""
    return _encoder.encode(value)


def decode(body: bytes | str, kind: type[T]) -> T:
    """A value of the given type from JSON; amounts become Decimal without passing through float."""
    return msgspec.json.decode(body, type=kind)


def decode_fields(body: bytes | str) -> dict[str, Any]:
    """A record's fields, every number a Decimal."""
    decoded: dict[str, Any] = _exact(msgspec.json.Decoder(float_hook=Decimal).decode(body))
    return decoded


def _exact(value: Any) -> Any:
    kind = type(value)  # what the decoder makes, and nothing derived from it
    if kind is dict:
        return {key: _exact(inner) for key, inner in value.items()}
    if kind is list:
        return [_exact(inner) for inner in value]
    return Decimal(value) if kind is int else value


def instant(moment: datetime) -> str:
    """An aware instant as sortable text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """The instant that ``instant`` wrote."""
    return datetime.fromisoformat(text)
