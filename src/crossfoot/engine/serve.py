"""Sync by itself, one run at a time: driven by the clock, with Salesforce's change events and Xero's webhooks as hints.

Hints only make a run begin sooner; the clock makes the result right without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock, Thread

from crossfoot.core.errors import CrossfootError, Defect, RetryLater
from crossfoot.engine.host import Host
from crossfoot.engine.reading.events import listen, over_grpc, watched
from crossfoot.engine.reading.key_sweep import sweep_is_due, sweep_keys
from crossfoot.engine.reading.receiver import Receiver, load_webhook_keys, receiving
from crossfoot.engine.runs import RunReport, sync
from crossfoot.engine.session import Session, Workspace, open_session
from crossfoot.store.hints import forget_hints, open_hints

GATHER_S = 2.0  # changes of one person come in a burst: one run takes them together
WAIT_S_MIN = 5.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One run by itself: its report, or in one sentence why there is none; and how long until the next."""

    report: RunReport | None
    problem: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class Served:
    """How to serve a workspace. ``events`` off: by the clock alone."""

    workspace: Workspace
    host: Host
    actor: str
    every_s: float
    events: bool = True


def serve(served: Served, stop: Event, told: Callable[[Turn], None]) -> None:
    """Run until ``stop`` is set, and hold the workspace's lock meanwhile. Each turn is told as it ends.

    What a run meets (an outage, a guard, a missing setting) ends that run only. A ``Defect`` ends all.
    """
    renewing, hinted = Lock(), Event()
    with (
        served.workspace.only_writer(),
        _webhooks(served, renewing, hinted),
        _listeners(served, renewing, stop, hinted, told),
    ):
        while not stop.is_set():
            hinted.clear()
            turn = _turn(served, renewing)
            told(turn)
            if turn.report is not None:
                _sweep(served, renewing, told)
            _wait(stop, hinted, max(turn.wait_s, WAIT_S_MIN))


def hinted_sync(session: Session) -> RunReport:
    """One run, which covers the hints that were there as it began: they are forgotten once it has ended."""
    with session.database.reading() as connection:
        hints = open_hints(connection, session.organisation_id)
    report = sync(session)
    if hints:
        with session.database.writing("hints covered") as connection:
            forget_hints(connection, hints)
    return report


def _turn(served: Served, renewing: Lock) -> Turn:
    try:
        with _session(served, renewing) as session, session.only_engine():
            return Turn(hinted_sync(session), "", served.every_s)
    except Defect:
        raise
    except RetryLater as later:
        return Turn(None, str(later), min(max(later.after_s, WAIT_S_MIN), served.every_s))
    except CrossfootError as error:
        return Turn(None, str(error), served.every_s)


def _sweep(served: Served, renewing: Lock, told: Callable[[Turn], None]) -> None:
    """Once a week compare the ids of both sides with what is stored; only what is found is told."""
    try:
        with _session(served, renewing) as session, session.only_engine():
            words = [each.words for each in sweep_keys(session)] if sweep_is_due(session) else []
    except Defect:
        raise
    except CrossfootError as error:
        words = [str(error)]
    if found := "; ".join(filter(None, words)):
        told(Turn(None, f"Key sweep: {found}", served.every_s))


def _wait(stop: Event, hinted: Event, seconds: float) -> None:
    """Until the time is over, a hint came, or it is to stop."""
    for _ in range(int(seconds / 0.25)):
        if stop.wait(0.25):
            return
        if hinted.is_set():
            stop.wait(GATHER_S)
            return


@contextmanager
def _session(served: Served, renewing: Lock) -> Iterator[Session]:
    """A session with the settings as they stand now. All of one process renew tokens one at a time."""
    session = open_session(served.workspace, host=served.host, renewing=renewing)
    session.actor = served.actor
    try:
        yield session
    finally:
        session.close()


@contextmanager
def _webhooks(served: Served, renewing: Lock, hinted: Event) -> Iterator[None]:
    """Receive Xero's webhooks where the settings say so, on threads and a database connection of their own."""
    rule = served.workspace.load_settings().settings.serve.webhooks
    if rule is None:
        yield
        return
    with _session(served, renewing) as session:
        keys = load_webhook_keys(served.workspace, session.database)
        receiver = Receiver(session.database, served.host, session.organisation_id, session.tenant.id, keys, hinted.set)
        with receiving(receiver, rule.address, rule.port):
            yield


@contextmanager
def _listeners(
    served: Served, renewing: Lock, stop: Event, hinted: Event, told: Callable[[Turn], None]
) -> Iterator[None]:
    """Follow every object that the mapping reads, each on a thread and with a session of its own."""
    if not served.events:
        yield
        return

    def follow(name: str) -> None:
        try:
            with _session(served, renewing) as session:
                listen(session, over_grpc(session), stop, name, hinted.set)
        except CrossfootError as error:
            told(Turn(None, f"Change events of {name} are not followed: {error}", served.every_s))

    with _session(served, renewing) as session:
        threads = [Thread(target=follow, args=(name,), daemon=True) for name in watched(session)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=10)
