"""Terminals at a small firm: one of their own for tests that change something, a shared one for those that do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .command_line import Terminal, emulators


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A new firm, nothing connected."""
    with emulators(tmp_path) as env:
        yield Terminal(tmp_path, env)


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A firm after its first sync, for tests that leave everything as it is."""
    home = tmp_path_factory.mktemp("synced")
    with emulators(home) as env:
        made = Terminal(home, env)
        made.init()
        made.run("sync")
        yield made
