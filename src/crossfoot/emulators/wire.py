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


CLOSED, TRUNCATED = "closed", "truncated"
IN_PROGRESS = "x-emulator-in-progress"  # the host's own header: how many calls its caller has in progress, this one too


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer. Header names keep the vendor's spelling; the host adds Content-Length and Date.

    A fault may ask more of the host: ``wire`` closes the connection without an answer or breaks the body off, and
    ``delay_s`` holds the answer back.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    wire: str = ""
    delay_s: float = 0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the vendor would push to subscribers: a webhook event, or a change event."""

    topic: str
    payload: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST that a vendor wants made to a subscriber now; ``id`` is how its receipt names it."""

    id: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a subscriber took a delivery. ``status`` is None when no answer came."""

    status: int | None
    milliseconds: int = 0
    has_body: bool = False
    sets_cookies: bool = False
