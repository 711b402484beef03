"""What makes a document *the* document: identity, the numbers and markers derived from it, and idempotency keys."""

from __future__ import annotations

import hashlib
import re
import string
from dataclasses import dataclass
from enum import StrEnum

IDEMPOTENCY_KEY_LENGTH_MAX = 128
_SALESFORCE_ID = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z]*[0-9])([A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?)(?![A-Za-z0-9])")
_CHECKSUM_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_CAPITALS = str.maketrans(string.ascii_letters + string.digits, "0" * 26 + "1" * 26 + "0" * 10)


class Kind(StrEnum):
    """Kinds of Xero record that Crossfoot writes."""

    CONTACT = "Contact"
    ITEM = "Item"
    INVOICE = "Invoice"
    PAYMENT = "Payment"
    CREDIT_NOTE = "CreditNote"


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """(org, organisation, kind, source key, part, epoch): no flow name, alias or installation enters it."""

    org_id: str
    organisation_id: str
    kind: Kind
    source_key: str
    part: str = ""
    epoch: int = 1

    def __str__(self) -> str:
        return "/".join((self.org_id, self.organisation_id, self.kind, self.source_key, self.part, str(self.epoch)))


class LinkState(StrEnum):
    """A live link pairs two records; a retired one remembers a pairing that a person ended."""

    LIVE = "live"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Link:
    """The durable pairing of a Salesforce record and a Xero record under one identity.

    ``base`` is the canonical form both sides last agreed on (as read back); ``born`` says who made the Xero record:
    ``crossfoot``, or ``people`` where an existing record was linked.
    """

    identity: Identity
    xero_id: str
    number: str
    born: str
    base_hash: str
    evidence: str = ""
    state: LinkState = LinkState.LIVE


def document_number(prefix: str, own_number: str, *, part: int = 1, epoch: int = 1) -> str:
    """Prefix and the deal's own number; ``-2`` and so on for a further part or re-issue, so it can be rebuilt."""
    suffix = part + epoch - 1
    return f"{prefix}{own_number}" + (f"-{suffix}" if suffix > 1 else "")


def series_number(prefix: str, value: int, digits: int = 5) -> str:
    """A number of the organisation's own series, where the deal has none."""
    return f"{prefix}{value:0{digits}d}"


def number_in_series(prefix: str, number: str) -> int | None:
    """The position of a number in the series, or None when it is not one of it."""
    rest = number[len(prefix) :] if number.startswith(prefix) else ""
    return int(rest) if rest.isascii() and rest.isdigit() else None


def epoch_in(prefix: str, own_number: str, number: str) -> int | None:
    """Which issue of a deal's invoice a number stands for, or None when Crossfoot would not have given it."""
    if not own_number:
        return None if number_in_series(prefix, number) is None else 1
    first = document_number(prefix, own_number)
    if number == first:
        return 1
    rest = number.removeprefix(f"{first}-")
    return int(rest) if rest != number and rest.isascii() and rest.isdigit() and int(rest) > 1 else None


def record_url(instance_url: str, record_id: str) -> str:
    """The address of a Salesforce record; it is also the marker that Xero keeps for us."""
    return f"{instance_url.rstrip('/')}/{record_id}"


def record_id_in(url: str) -> str | None:
    """The 18-character Salesforce id that a document's Url carries behind its host, or None."""
    behind_host = url.split("://", 1)[-1].partition("/")[2]
    found: list[str] = _SALESFORCE_ID.findall(behind_host)
    for match in reversed(found):
        if len(match) == 15:
            return salesforce_id_18(match)
        if salesforce_id_18(match[:15]) == match:
            return match
    return None


def salesforce_id_18(record_id: str) -> str:
    """The 18-character form of a 15-character id (docs/vendors/salesforce.md 0.3)."""
    if len(record_id) == 18:
        return record_id
    capitals = record_id.translate(_CAPITALS)[::-1]
    first, second, third = (int(capitals[start : start + 5], 2) for start in (10, 5, 0))
    return record_id + _CHECKSUM_ALPHABET[first] + _CHECKSUM_ALPHABET[second] + _CHECKSUM_ALPHABET[third]


def idempotency_key(organisation_id: str, call_id: str, body_hash: str) -> str:
    """The key of one call. It guards one network retry for six minutes and nothing more (XERO 3.6)."""
    digest = hashlib.sha256(f"{organisation_id}:{call_id}:{body_hash}".encode()).hexdigest()
    return f"crossfoot-{digest}"[:IDEMPOTENCY_KEY_LENGTH_MAX]
