"""Stages of the demo firm's life, each made once in a test process and copied for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crossfoot.emulators.people import approve_and_pay
from crossfoot.emulators.scenarios import demo

from .business import LIVE, URLS, Business, Stage, demo_firm, found


@pytest.fixture(scope="session")
def connected_stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Both sides connected, nothing synced."""
    return found(demo_firm(), tmp_path_factory.mktemp("connected"), demo.START_DATE)


@pytest.fixture(scope="session")
def synced_stage(connected_stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """After the first sync: all that may go is a draft in Xero."""
    firm = Business(connected_stage, tmp_path_factory.mktemp("synced"))
    firm.sync()
    firm.later()
    return firm.freeze()


@pytest.fixture(scope="session")
def settled_stage(synced_stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """After the controller approved, customers paid and things changed on both sides; and a second sync."""
    firm = Business(synced_stage, tmp_path_factory.mktemp("settled"))
    approve_and_pay(URLS["salesforce"], URLS["xero"], firm.carrier)
    firm.later()
    firm.sync()
    firm.later()
    return firm.freeze()


@pytest.fixture(scope="session")
def shared_stage(synced_stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """After the first sync, with customers and products kept in agreement both ways: settled, nothing left to write."""
    firm = Business(synced_stage, tmp_path_factory.mktemp("shared"))
    firm.set("    salesforce: Product2\n", "    salesforce: Product2\n    direction: both\n")
    while firm.sync().writes:
        firm.later()
    firm.later()
    return firm.freeze()


@pytest.fixture(scope="session")
def live_stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The same firm on a production org and a live organisation, connected, nothing synced."""
    return found(demo_firm(**LIVE), tmp_path_factory.mktemp("live"), demo.START_DATE)


def _copy(stage: Stage, directory: Path) -> Iterator[Business]:
    firm = Business(stage, directory)
    yield firm
    firm.close()


@pytest.fixture
def connected(connected_stage: Stage, tmp_path: Path) -> Iterator[Business]:
    yield from _copy(connected_stage, tmp_path)


@pytest.fixture
def synced(synced_stage: Stage, tmp_path: Path) -> Iterator[Business]:
    yield from _copy(synced_stage, tmp_path)


@pytest.fixture
def settled(settled_stage: Stage, tmp_path: Path) -> Iterator[Business]:
    yield from _copy(settled_stage, tmp_path)


@pytest.fixture
def live(live_stage: Stage, tmp_path: Path) -> Iterator[Business]:
    yield from _copy(live_stage, tmp_path)


@pytest.fixture
def shared(shared_stage: Stage, tmp_path: Path) -> Iterator[Business]:
    yield from _copy(shared_stage, tmp_path)
