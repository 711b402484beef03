"""The emulators' clock: the host's time plus an offset that scenarios and tests may turn forward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil


def host_now() -> datetime:
    """The host's own time, as aware UTC."""
    return datetime.now(UTC)


class ClockBackwardsError(ValueError):
    """The clock was asked to turn back: stamps already given would lie in the future."""


@dataclass(slots=True)
class Clock:
    """Tells the emulators' time. ``offset_s`` is whole seconds, so that it survives a snapshot exactly."""

    offset_s: int = 0
    read_host: Callable[[], datetime] = host_now

    @classmethod
    def starting_at(cls, instant: datetime | None, read_host: Callable[[], datetime] = host_now) -> Clock:
        """A clock that shows ``instant`` now (or up to a second more), or the host's time where that is later."""
        if instant is None:
            return cls(0, read_host)
        return cls(max(0, ceil((instant - read_host()).total_seconds())), read_host)

    def now(self) -> datetime:
        """The emulators' present instant (aware UTC)."""
        return self.read_host() + timedelta(seconds=self.offset_s)

    def advance(self, seconds: int) -> None:
        """Turn the clock forward."""
        if seconds < 0:
            raise ClockBackwardsError("The clock only turns forward.")
        self.offset_s += seconds

    def advance_to(self, instant: datetime) -> None:
        """Turn the clock forward so that it shows ``instant``."""
        self.advance(ceil((instant - self.now()).total_seconds()))
