"""Xero's error bodies (XERO 3.5), and the messages that mean something to the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from crossfoot.core.errors import Rejected

# A name, number or code that exists already: after an unknown outcome this is the sign that the write was done.
_TAKEN = ("must be unique", "already exists", "already assigned", "has this contact number")


def as_rejection(status: int, body: bytes, request_id: str) -> Rejected:
    """An error answer as an error that keeps Xero's own words."""
    try:
        said: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        text = body[:200].decode("utf-8", errors="replace").strip()
        return Rejected(text or f"Xero answered {status}", status=status, request_id=request_id)
    if not isinstance(said, dict):
        return Rejected(f"Xero answered {status}", status=status, request_id=request_id)
    reasons = list(dict.fromkeys(messages_in(said.get("Elements"))))
    message = said.get("Message") or said.get("Detail") or said.get("Title") or f"Xero answered {status}"
    code = str(said.get("Type") or said.get("ErrorNumber") or "")
    return Rejected(message, status=status, code=code, request_id=request_id, reasons=reasons)


def messages_in(value: Any) -> Iterator[str]:
    """Messages of ``ValidationErrors`` wherever they stand: on the element, its contact, its lines (XERO 3.4)."""
    if isinstance(value, list):
        for inner in value:
            yield from messages_in(inner)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name != "ValidationErrors":
                yield from messages_in(inner)
                continue
            said = [entry for entry in inner or [] if isinstance(entry, dict)]
            yield from (str(text) for entry in said if (text := entry.get("Message") or entry.get("Description")))


def says_taken(reasons: tuple[str, ...]) -> bool:
    """Whether Xero refused because the document's number, name or code exists already."""
    return any(sign in reason.casefold() for reason in reasons for sign in _TAKEN)
