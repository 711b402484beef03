"""What the engine needs from the machine: clock, sleep, ids, chance, and named points at which it may be interrupted.

Production gives it the real ones; the simulator gives it virtual ones and takes the baton at every point.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _nowhere(_name: str) -> None:
    """A point at which nothing happens."""


@dataclass(frozen=True, slots=True)
class Host:
    """The machine as the engine sees it."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    new_id: Callable[[], str]
    jitter: Callable[[], float]
    point: Callable[[str], None] = _nowhere


def real_host() -> Host:
    """The machine itself."""
    chance = random.SystemRandom()
    return Host(
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
        new_id=lambda: uuid.uuid4().hex,
        jitter=chance.random,
    )
