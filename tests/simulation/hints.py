"""Xero's webhooks on their way to the receiver: late, twice, never, in another order, forged (I13, I14).

The emulator decides what is sent and when; here it is carried to the receiver, which may die at any seam.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from crossfoot.emulators.wire import Delivery, Receipt
from crossfoot.emulators.xero import webhooks
from crossfoot.engine.reading.receiver import Receiver
from crossfoot.store.database import Database
from crossfoot.store.schema import hint
from crossfoot.xero.webhooks import SIGNATURE_HEADER

from .machine import Machine, Violation
from .rare import Reached
from .world import Pair

KEY = "the signing key of webhooks"
DISTURBED_PERCENT = 30
WAITS_S = (1.0, 40.0)


class Hints:
    """The way between Xero and the receiver. ``seen_at`` is when the last run that ended had begun."""

    def __init__(self, machine: Machine, pair: Pair, reached: Reached) -> None:
        self.seen_at = machine.now
        self._machine = machine
        self._pair = pair
        self._reached = reached
        self._world: Any = pair.xero.world
        self._kept: list[tuple[datetime, bytes]] = []
        self._sent: dict[bytes, str] = {}

    @property
    def _home(self) -> str:
        (home,) = self._world.organisations
        return str(home)

    def subscribe(self) -> None:
        """Subscribe, show the intent to receive, and let batches be disturbed in every way from then on."""
        webhooks.subscribe(self._world, {"url": "https://receiver.invalid/webhooks/xero", "signing_key": KEY})
        while (due := self._due()) is not None:
            self._carry(due)
        for kind in webhooks.DISTURBANCES:
            wish = {"kind": kind, "times": 1_000, "percent": DISTURBED_PERCENT, "seconds": 90}
            webhooks.disturb(self._world, wish)

    def body(self) -> None:
        """The receiver's process: for a while it takes in whatever comes."""
        for _ in range(self._machine.aside.randrange(1, 6)):
            self._machine.pause("the receiver waits", self._machine.aside.uniform(*WAITS_S))
            while (due := self._due()) is not None:
                self._carry(due)

    def check(self) -> None:
        """I13: what was acknowledged is kept until a run that began later has ended."""
        self._kept = [(at, body) for at, body in self._kept if at > self.seen_at]
        for at, body in self._kept:
            if not self._holds(body):
                raise Violation(f"I13: a webhook that was acknowledged at {at:%H:%M:%S} is gone, and no run covered it")

    def forget(self) -> None:
        """An old copy of the database was put back."""
        self._kept.clear()

    def again(self) -> None:
        """Everything that was ever sent comes once more, twice, in another order (I14)."""
        everything = [*self._sent.items()] * 2
        self._machine.aside.shuffle(everything)
        for body, signature in everything:
            self._receiver().receive(body, signature)

    def _due(self) -> Delivery | None:
        return next(iter(webhooks.due(self._world, self._machine.now)), None)

    def _carry(self, delivery: Delivery) -> None:
        """Hand a delivery over. Until it is answered the emulator takes it for one that nobody answered."""
        machine, left = self._machine, self._machine.now
        signature = dict(delivery.headers)[SIGNATURE_HEADER]
        status = self._receiver().receive(delivery.body, signature)
        machine.note(f"webhook {delivery.id} is answered {status.value}")
        batch = delivery.id.startswith("batch")
        if status == 200 and batch:
            self._sent[delivery.body] = signature
            if self.seen_at < left and not self._holds(delivery.body):
                raise Violation(f"I13: webhook {delivery.id} was acknowledged before it was kept")
            self._kept.append((left, delivery.body))
            self._reached.note("a webhook was kept")
        elif batch:
            self._reached.note("a forged webhook was refused")
        webhooks.outcome(self._world, delivery.id, Receipt(status.value, 10), machine.now)

    def _receiver(self) -> Receiver:
        machine, home = self._machine, self._home
        database = Database(self._pair.database.engine, machine.pause)
        tenant = self._world.organisations[home].tenant_id
        return Receiver(database, machine.host(), home, tenant, [KEY], lambda: None)

    def _holds(self, body: bytes) -> bool:
        with self._pair.database.reading() as connection:
            return bool(connection.execute(select(func.count()).where(hint.c.body == body)).scalar())
