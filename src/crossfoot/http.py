"""One HTTP exchange, and nothing more: no retry, no redirect, no write without a committed intent.

The transport is a seam: production uses sockets, tests and the simulator hand in their own. Plain HTTP is refused
except to loopback, and certificates are always verified.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2

from crossfoot.core.errors import Defect, NeedsPerson
from crossfoot.core.pacing import Lane

TIMEOUT_S = 90.0
ANSWER_BYTES_MAX = 64 * 1024 * 1024
TOKEN_EXCHANGE = "token exchange"  # noqa: S105 - names a purpose, not a secret
_READS = frozenset({"GET", "HEAD"})
_HEADERS = {"User-Agent": "Crossfoot", "Accept-Encoding": "gzip"}
# One layer of compression, which the client takes off in bounded pieces; what was not asked for is not decoded.
_ENCODINGS = frozenset({"", "identity", "gzip"})


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to send. ``path`` is appended to a base address; ``body`` is sent as it is. Secrets in it are not shown.

    ``lane`` says how urgent it is where calls are few.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    only_reads: bool = False
    lane: Lane = Lane.SWEEP

    @property
    def is_write(self) -> bool:
        """Whether it may change something. ``only_reads`` marks a POST that carries nothing but reads."""
        return self.method not in _READS and not self.only_reads


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer; header names are lower case. ``received_bytes`` is its body as it came, compressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_bytes: int = 0

    @property
    def text(self) -> str:
        """The body as text, for messages and for telling errors apart."""
        return self.body.decode("utf-8", errors="replace")

    @property
    def date(self) -> datetime | None:
        """The server's own clock, if it said so."""
        stamp = self.headers.get("date")
        return parsedate_to_datetime(stamp) if stamp else None

    @property
    def request_id(self) -> str:
        """The vendor's id of this exchange, for support."""
        return self.headers.get("xero-correlation-id") or self.headers.get("x-request-id", "")


class Lost(Exception):
    """No complete answer came. ``sent`` is False only when no byte of the request can have left."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Http:
    """Sends requests. ``may_write`` is asked, with the call's id, before any byte of a write leaves."""

    def __init__(self, may_write: Callable[[str], bool], transport: httpx2.BaseTransport | None = None) -> None:
        self._may_write = may_write
        self._client = httpx2.Client(transport=transport, timeout=TIMEOUT_S, follow_redirects=False, headers=_HEADERS)

    def send(self, base: str, request: HttpRequest, headers: Mapping[str, str], *, intent: str = "") -> Answer:
        """Send once. Raises ``Lost`` when no complete answer comes, ``Defect`` for a write without intent."""
        require_safe_address(base)
        if request.is_write and intent != TOKEN_EXCHANGE and not (intent and self._may_write(intent)):
            raise Defect(f"{request.method} {request.path} has no committed intent; nothing was sent")
        try:
            with self._client.stream(
                request.method,
                base.rstrip("/") + request.path,
                params=dict(request.params) or None,
                headers={**request.headers, **headers},
                content=request.body or None,
            ) as response:
                body = _bounded_body(response)
                lowered = {name.lower(): value for name, value in response.headers.items()}
                received_bytes = response.num_bytes_downloaded or len(body)  # in process the body is there already
                return Answer(response.status_code, lowered, body, received_bytes)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise Lost(f"{urlsplit(base).netloc} cannot be reached: {error}", sent=False) from error
        except httpx2.HTTPError as error:
            raise Lost(f"no answer from {urlsplit(base).netloc}: {error}", sent=True) from error

    def close(self) -> None:
        """Let the sockets go."""
        self._client.close()


def _bounded_body(response: httpx2.Response) -> bytes:
    """The body, decoded piece by piece, so that a small answer cannot inflate beyond the bound."""
    encoding = response.headers.get("content-encoding", "").strip().casefold()
    if encoding not in _ENCODINGS:
        raise Lost(f"the answer is encoded as {encoding!r}, which was not asked for", sent=True)
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise Lost(f"the answer exceeds {ANSWER_BYTES_MAX} bytes", sent=True)
    return bytes(body)


def require_safe_address(address: str) -> None:
    """Refuse plain HTTP to anything but this machine."""
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname and is_loopback(parts.hostname):
        return
    raise NeedsPerson(f"{address!r} is not an https address. Plain http is used only towards this machine.")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and nobody else reaches it: ``localhost``, ``::1``, and all of 127.0.0.0/8."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
