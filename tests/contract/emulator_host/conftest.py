"""The demo business, loaded once into both emulators."""

from __future__ import annotations

import pytest

from crossfoot.emulators.host import Worlds

from .probe import load_demo


@pytest.fixture(scope="session")
def demo_worlds() -> Worlds:
    """Shared by tests that only read it."""
    return load_demo()
