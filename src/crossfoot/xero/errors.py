"""Xero's error bodies (XERO 3.5), and the messages that mean something to the engine."""

from __future__ import annotations

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
    reasons = [
        message.get("Message") or message.get("Description") or ""
        for element in said.get("Elements") or []
        for message in element.get("ValidationErrors") or []
    ]
    message = said.get("Message") or said.get("Detail") or said.get("Title") or f"Xero answered {status}"
    code = str(said.get("Type") or said.get("ErrorNumber") or "")
    return Rejected(message, status=status, code=code, request_id=request_id, reasons=[r for r in reasons if r])


def says_taken(reasons: tuple[str, ...]) -> bool:
    """Whether Xero refused because the document's number, name or code exists already."""
    return any(sign in reason.casefold() for reason in reasons for sign in _TAKEN)
