"""What Xero's webhooks say, and whether it was Xero who said it (XERO 6)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable

import msgspec

SIGNATURE_HEADER = "x-xero-signature"
BODY_BYTES_MAX = 1_000_000


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    tenant_id: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    events: list[_Event] = []


def is_signed(body: bytes, signature: str, keys: Iterable[str]) -> bool:
    """Whether the raw bytes carry the signature of one of the keys; takes as long whichever it is (XERO 6.3)."""
    sent = signature.encode("utf-8", errors="replace")
    matches = [hmac.compare_digest(sent, _sign(body, key)) for key in keys]
    return any(matches)


def _sign(body: bytes, key: str) -> bytes:
    return base64.b64encode(hmac.new(key.encode("utf-8"), body, hashlib.sha256).digest())


def tenants_in(body: bytes) -> frozenset[str]:
    """The organisations that a signed body has events of; none in Xero's test of the address (XERO 6.4), nor in what
    cannot be read: polling goes on."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return frozenset()
    return frozenset(event.tenant_id for event in envelope.events)
