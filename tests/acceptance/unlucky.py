"""The ``crossfoot`` command on a machine with bad luck, as a process: ``python -m tests.acceptance.unlucky``.

What goes wrong is named by variables, and lives here alone; Crossfoot itself has no such switch.

``UNLUCKY_POINT``: the point at which it strikes: one of the engine's own (``host.point``) or a commit's. With
``UNLUCKY_AFTER`` only once that other point has been passed; with ``UNLUCKY_DELAY_S`` so long after it.
``UNLUCKY_SIGNAL``: what strikes, SIGKILL unless it is told.
``UNLUCKY_PAGES``: the database's file cannot grow beyond so many pages. ``UNLUCKY_BUSY_MS``: how long it waits for it.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from dataclasses import replace
from unittest.mock import patch

from sqlalchemy import event
from sqlalchemy.engine import Engine

from crossfoot.cli.app import app
from crossfoot.engine import session
from crossfoot.engine.host import Host, real_host

_POINT = os.environ.get("UNLUCKY_POINT", "")
_PRAGMAS = {"UNLUCKY_PAGES": "max_page_count", "UNLUCKY_BUSY_MS": "busy_timeout"}
_STRUCK = "it struck"
_passed: set[str] = set()


def _at_point(name: str) -> None:
    armed_by = os.environ.get("UNLUCKY_AFTER", "")
    if armed_by and name.startswith(armed_by):
        _passed.add(armed_by)
    if not _POINT or _STRUCK in _passed or not name.startswith(_POINT) or (armed_by and armed_by not in _passed):
        return
    _passed.add(_STRUCK)
    strikes = signal.Signals[os.environ.get("UNLUCKY_SIGNAL", "SIGKILL")]
    delay = float(os.environ.get("UNLUCKY_DELAY_S", "0"))
    if delay:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), strikes))
        signal.setitimer(signal.ITIMER_REAL, delay)
    else:
        os.kill(os.getpid(), strikes)


def _unlucky_host() -> Host:
    return replace(real_host(), point=_at_point)


@event.listens_for(Engine, "connect")
def _on_connect(connection: object, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        for variable, pragma in _PRAGMAS.items():
            if value := os.environ.get(variable):
                connection.execute(f"PRAGMA {pragma}={int(value)}")


if __name__ == "__main__":
    with patch.object(session, "real_host", _unlucky_host):
        app()
