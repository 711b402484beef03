"""The store's one contract suite, on both databases: SQLite in memory, and a real PostgreSQL started here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text
from tests.postgresql import running_postgresql

from crossfoot.store.database import Database, open_memory, open_server
from crossfoot.store.schema import metadata
from crossfoot.store.workspace import keep_home

HOMES = (
    "00D5g000004abcdEAA",
    "00DOTHER",
    "ef134f2a-180b-405d-a91a-b32d2976f51d",
    "org",
    "organisation",
    "organisation-au",
    "organisation-nz",
)


@pytest.fixture(scope="session")
def template() -> bytes:
    """A SQLite database made once by the real migrations."""
    database = open_memory()
    raw = database.engine.raw_connection().driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw.serialize()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL that lives as long as the tests do."""
    with running_postgresql(tmp_path_factory.mktemp("pg")) as address:
        yield address


@pytest.fixture(scope="session")
def migrated(server: str) -> Iterator[Database]:
    opened = open_server(server)
    yield opened
    opened.engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database of each kind in turn, empty but for the homes that were connected."""
    if request.param == "sqlite":
        opened = open_memory(request.getfixturevalue("template"))
        keep_homes(opened)
        yield opened
        return
    opened = request.getfixturevalue("migrated")
    keep_homes(opened)
    yield opened
    tables = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
    with opened.writing() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))


def keep_homes(database: Database) -> None:
    with database.writing() as opened:
        for home in HOMES:
            keep_home(opened, home)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """A write transaction, for tests that look at what they wrote."""
    with database.writing() as opened:
        yield opened
