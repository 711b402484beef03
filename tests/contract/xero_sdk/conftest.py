"""The emulators served on a free port, for clients that know nothing of Crossfoot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crossfoot.emulators.host import Host, HostSettings

from .integration import App


@contextmanager
def served(folder: Path, **settings: int) -> Iterator[Host]:
    """Both emulators with an empty organisation in Xero and these settings of it, over real HTTP."""
    scenario = folder / "scenario.yaml"
    told = "".join(f"    {name}: {value}\n" for name, value in settings.items())
    scenario.write_text(f"xero:\n  $settings:\n{told}", encoding="utf-8")
    host = Host(HostSettings(scenario=str(scenario)))
    host.start()
    try:
        yield host
    finally:
        host.stop()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One organisation for a whole module: each test makes records of its own."""
    with served(tmp_path_factory.mktemp("host"), minute_limit=100_000) as running:
        yield running


@pytest.fixture(scope="module")
def app(host: Host) -> App:
    return App(host)
