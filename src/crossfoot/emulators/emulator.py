"""One emulated vendor as the host holds it: its world, its handle and a lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from crossfoot.emulators.clock import Clock
from crossfoot.emulators.wire import Delivery, Event, Request, Response


class World(Protocol):
    """What the host needs of a vendor's state; everything else stays with the vendor.

    ``host_offset_s`` is how far the emulators' clock is ahead of the host's, which signed tokens keep.
    """

    host_offset_s: Any
    public_url: str

    def dump(self) -> dict[str, Any]:
        """The entire state as plain values."""


Handle = Callable[[Any, Request, datetime], tuple[Response, list[Event]]]
Due = Callable[[Any, datetime], list[Delivery]]
Record = Callable[[str, datetime, Request], None]
Lane = Callable[[Request], "str | None"]


def uncounted(_request: Request) -> None:
    """The lane of a vendor that does not limit calls in progress."""


class StoppedError(RuntimeError):
    """The emulator no longer takes requests: its last snapshot is being written."""


@dataclass(slots=True)
class Emulator:
    """Serves one world, one request at a time.

    ``lane`` names whose calls in progress are counted together, None for a request that is not counted. ``changed``
    goes with ``lock``, and wakes those who wait for what the vendor pushes.
    """

    name: str
    world: World
    handle: Handle
    clock: Clock
    lane: Lane = uncounted
    lock: threading.RLock = field(default_factory=threading.RLock)
    record: Record | None = None
    due: Due | None = None
    stopped: bool = False
    changed: threading.Condition = field(init=False)

    def __post_init__(self) -> None:
        self.changed = threading.Condition(self.lock)

    def answer(self, request: Request) -> Response:
        """Handle one request at the emulators' present instant.

        The request is recorded before it is handled: whatever a client has been answered can be replayed. Reads are
        recorded too, because they draw ids, use up quotas and extend sessions.
        """
        with self.lock:
            if self.stopped:
                raise StoppedError(self.name)
            now = self.clock.now()
            if self.record is not None:
                self.record(self.name, now, request)
            response, events = self.handle(self.world, request, now)
            if events:
                self.changed.notify_all()
            return response

    def deliveries(self) -> list[Delivery]:
        """What the vendor would send to subscribers at this instant; asking changes nothing."""
        with self.lock:
            if self.stopped:
                raise StoppedError(self.name)
            return [] if self.due is None else self.due(self.world, self.clock.now())
