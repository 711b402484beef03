"""The bytes that cross between a client and an emulated vendor, as values.

An emulator at heart is ``handle(world, request, now) -> (response, events)``: deterministic and single-threaded, with
no input, output, clock or randomness but the world's own seeded stream. Sockets, delay and loss belong to the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. ``path`` is as sent (still percent-encoded, no query); header names are lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer. Header names keep the vendor's spelling; the host adds Content-Length and Date."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the vendor would push to subscribers: a webhook event, or a change event."""

    topic: str
    payload: Mapping[str, object]
