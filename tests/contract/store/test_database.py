"""The database file: migrations give exactly the declared tables, nothing newer is opened, nothing is half written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Thread
from time import sleep

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, insert, inspect, select, text

from crossfoot.core.errors import NeedsPerson, RetryLater
from crossfoot.store import database as module
from crossfoot.store.database import HEAD, Database, open_database
from crossfoot.store.schema import counter, metadata


def test_migrations_give_exactly_the_declared_tables(connection: Connection) -> None:
    assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrations_give_exactly_the_declared_indexes(connection: Connection) -> None:
    seen = inspect(connection)
    for table in metadata.sorted_tables:
        declared = {
            (index.name, index.unique, tuple(column.name for column in index.columns)) for index in table.indexes
        }
        found = {
            (index["name"], bool(index["unique"]), tuple(index["column_names"]))
            for index in seen.get_indexes(table.name)
            if not str(index["name"]).startswith("sqlite_autoindex") and "duplicates_constraint" not in index
        }
        assert found == declared, table.name


def test_the_known_schema_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(Path(module.__file__).parent / "migrations")).get_heads() == [HEAD]


def test_a_block_that_fails_writes_nothing(database: Database) -> None:
    def write_and_stop(connection: Connection) -> None:
        connection.execute(insert(counter).values(name="seq", value=1))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), database.writing() as connection:
        write_and_stop(connection)
    with database.reading() as connection:
        assert connection.execute(select(counter.c.value)).all() == []


def test_the_seam_is_called_around_a_transaction_and_never_in_one(template: bytes) -> None:
    seen: list[str] = []
    opened = module.open_memory(template, seen.append)
    with opened.writing("plan"):
        seen.append("inside")
    assert seen == ["commit plan begins", "inside", "commit plan done"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "crossfoot.db"


def close(database: Database) -> None:
    database.engine.dispose()


def write(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(statement)
        raw.commit()


def value(path: Path) -> object:
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute("SELECT value FROM counter WHERE name = 'kept'").fetchone()[0]


def test_a_file_is_made_once_and_opened_again_with_what_it_holds(path: Path) -> None:
    close(open_database(path))
    write(path, "INSERT INTO counter VALUES ('kept', 42)")
    opened = open_database(path)
    with opened.reading() as connection:
        assert connection.execute(select(counter.c.value)).scalar_one() == 42
    close(opened)
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name]


def test_a_newer_schema_is_refused_with_advice_and_not_touched(path: Path) -> None:
    close(open_database(path))
    write(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NeedsPerson, match=rf"newer Crossfoot \(schema 9999, this one knows {HEAD}\)"):
        open_database(path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("whole", [True, False], ids=["from its beginning", "further on"])
def test_a_damaged_file_is_told_with_what_to_do(path: Path, *, whole: bool) -> None:
    database = open_database(path)
    with database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO counter VALUES ('kept', 42)")
    close(database)
    size, beginning = path.stat().st_size, b"" if whole else path.read_bytes()[:4096]
    path.write_bytes(beginning + b"\xa5" * (size - len(beginning)))
    with (
        pytest.raises(NeedsPerson, match=r"damaged: .*`crossfoot restore`"),
        open_database(path).reading() as connection,
    ):
        connection.exec_driver_sql("SELECT * FROM counter").all()


def test_a_copy_is_made_before_an_older_file_is_migrated(path: Path) -> None:
    """Here the migration itself fails (no way leads from schema 0000): the file is as before, and so is the copy."""
    close(open_database(path))
    write(path, "INSERT INTO counter VALUES ('kept', 42)")
    write(path, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(CommandError):
        open_database(path)
    assert value(path) == value(path.with_suffix(f".before-{HEAD}.db")) == 42


def test_a_file_that_cannot_be_made_is_tried_again_later(path: Path) -> None:
    with pytest.raises(RetryLater, match="unable to open database file"):
        open_database(path.parent / "gone" / path.name)


def test_of_two_that_find_an_older_file_the_second_leaves_the_copy_of_the_first(path: Path) -> None:
    """It would take what the first one made of the file for what was there before."""
    close(open_database(path))
    write(path, "UPDATE alembic_version SET version_num = '0005'")
    with closing(sqlite3.connect(path, isolation_level=None)) as first:
        first.execute("BEGIN IMMEDIATE")
        second = Thread(target=lambda: close(open_database(path)))
        second.start()
        second.join(timeout=0.5)
        first.execute(f"UPDATE alembic_version SET version_num = '{HEAD}'")
        first.execute("COMMIT")
        second.join()
    assert [each.name for each in path.parent.glob("*.db")] == [path.name]


@pytest.mark.parametrize(
    "refusal",
    ["SET TRANSACTION READ ONLY", "SET LOCAL idle_in_transaction_session_timeout = 1"],
    ids=["a standby", "a machine that slept"],
)
def test_what_a_server_does_not_take_now_may_be_tried_again_later(migrated: Database, refusal: str) -> None:
    def write_under(refusal: str) -> None:
        with migrated.writing() as connection:
            connection.execute(text(refusal))
            sleep(0.1)
            connection.execute(insert(counter).values(name="seq", value=1))

    with pytest.raises(RetryLater, match="does not take this now"):
        write_under(refusal)


def test_a_copy_holds_what_was_committed_but_still_stands_in_the_write_ahead_log(path: Path) -> None:
    close(open_database(path))
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_autocheckpoint=0")
        other.execute("INSERT INTO counter VALUES ('kept', 42)")
        other.execute("UPDATE alembic_version SET version_num = '0000'")
        other.commit()
        with pytest.raises(CommandError):
            open_database(path)
        assert value(path.with_suffix(f".before-{HEAD}.db")) == 42
