"""Change events as plain values, and what is to be done about each: hints that say where to look (SF 5.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

CLIENT = "Crossfoot"
_OVERFLOW = "GAP_OVERFLOW"


def topic_of(name: str) -> str:
    """The topic of one object's changes. The topic of all objects' asks for View All Data, which we are not given."""
    return f"/data/{name.removesuffix('c') if name.endswith('__c') else name}ChangeEvent"


@dataclass(frozen=True, slots=True)
class Change:
    """One event's header. ``ids`` are records of ``object``; one may stand for many, as ``001*``."""

    object: str
    ids: tuple[str, ...]
    kind: str
    origin: str
    committed_at: datetime
    replay_id: bytes

    @property
    def is_own(self) -> bool:
        """Whether a call of ours made it: the origin ends with the name that our calls carry (SF 5.8)."""
        return self.origin.endswith(f"client={CLIENT}")


@dataclass(frozen=True, slots=True)
class Received:
    """What a stream brought: changes, the replay id to go on from, and how many more it may bring unasked."""

    changes: tuple[Change, ...]
    latest: bytes
    pending: int


class StreamEnded(Exception):
    """A stream ended. ``code`` is the platform's, without its prefix; empty for an end in good order."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Stream(Protocol):
    """An open subscription: the Pub/Sub API's, or one that the simulator holds."""

    def ask(self, number: int) -> None:
        """Let so many more changes come."""

    def receive(self, timeout_s: float) -> Received | None:
        """What came, None where nothing came in time. Raises ``StreamEnded``."""

    def close(self) -> None:
        """Leave the stream."""


@dataclass(frozen=True, slots=True)
class Look:
    """Where to look: records by object, and whole objects whose changes cannot be told one by one."""

    ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sweep: frozenset[str] = frozenset()


def where_to_look(changes: Iterable[Change], objects: frozenset[str]) -> Look:
    """Each changed record of ``objects`` once, our own writes too: what they started in the org carries their origin.

    An overflow names no usable records, and neither does an id that stands for many (SF 5.6).
    """
    ids: dict[str, dict[str, None]] = {}
    sweep = set()
    for change in changes:
        if change.object not in objects:
            continue
        if change.kind == _OVERFLOW or not change.ids or any(not each.isalnum() for each in change.ids):
            sweep.add(change.object)
        else:
            ids.setdefault(change.object, {}).update(dict.fromkeys(change.ids))
    return Look({name: tuple(found) for name, found in ids.items() if name not in sweep}, frozenset(sweep))


class Again(StrEnum):
    """What to do when a stream has ended."""

    RESUME = "subscribe again from the last id"
    RENEW = "a new token first"
    RECOVER = "the id is no longer known: subscribe to what is new, then sweep"
    PARK = "the day's deliveries are used up: poll, and try again later"
    ASK = "a person has to grant or select something: poll meanwhile"


_BY_CODE: Mapping[str, Again] = {
    "service.auth.error": Again.RENEW,
    "unauthenticated": Again.RENEW,
    "subscription.fetch.replayid.corrupted": Again.RECOVER,
    "subscription.fetch.replayid.validation.failed": Again.RECOVER,
    "subscription.limit.exceeded": Again.PARK,
    "service.tenant.license": Again.ASK,
    "topic.meta.permission": Again.ASK,
    "schema.meta.permission": Again.ASK,
    "subscription.topic.cannot.subscribe": Again.ASK,
    "topic.not.found": Again.ASK,
    "permission_denied": Again.ASK,
    "not_found": Again.ASK,
}


def after_end(code: str) -> Again:
    """What an end calls for; streams end routinely, so that any other is resumed (SF 5.2, 5.4)."""
    return _BY_CODE.get(code, Again.RESUME)
