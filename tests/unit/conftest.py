"""A database in memory, made once by the real migrations and copied for each test."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from crossfoot.store.database import Database, open_memory


@pytest.fixture(scope="session")
def template() -> bytes:
    database = open_memory()
    raw = database.engine.raw_connection().driver_connection
    assert isinstance(raw, sqlite3.Connection)
    copy = raw.serialize()
    raw.close()
    return copy


@pytest.fixture
def database(template: bytes) -> Iterator[Database]:
    opened = open_memory(template)
    yield opened
    raw = opened.engine.raw_connection().driver_connection
    assert raw is not None
    raw.close()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """A write transaction, for tests that look at what they wrote."""
    with database.writing() as opened:
        yield opened
