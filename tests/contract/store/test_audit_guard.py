"""The database itself refuses to change the audit log: by triggers on SQLite, by the role on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, delete, insert, make_url, select, text, update
from sqlalchemy.exc import IntegrityError, ProgrammingError

from crossfoot.core.errors import NeedsPerson
from crossfoot.store.audit import append_audit, broken_audit_entry
from crossfoot.store.audit_guard import audit_is_kept, make_role, role_statements
from crossfoot.store.database import Database, open_memory, open_server
from crossfoot.store.schema import audit, audit_body, metadata
from crossfoot.store.workspace import keep_home

NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
ROLE = "crossfoot_app"


@pytest.fixture(params=["sqlite", "postgresql"])
def guarded(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database as Crossfoot is meant to be connected to it, with two entries in the log."""
    if request.param == "sqlite":
        database = open_memory(request.getfixturevalue("template"))
        with database.writing() as connection:
            _two_entries(connection)
        yield database
        return
    owner: Database = request.getfixturevalue("migrated")
    with owner.writing() as connection:
        make_role(connection, ROLE)
    address = make_url(request.getfixturevalue("server")).set(username=ROLE)
    database = open_server(address.render_as_string(hide_password=False))
    with database.writing() as connection:
        _two_entries(connection)
    yield database
    database.engine.dispose()
    tables = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
    with owner.writing() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))


def _two_entries(connection: Connection) -> None:
    keep_home(connection, "organisation")
    for number in (1, 2):
        append_audit(connection, "organisation", NOW, actor="Priya", action="link", record_id=f"006{number}")


FIRST = audit.c.seq == 1


@pytest.mark.promise("S1-76")
@pytest.mark.parametrize(
    "tamper",
    [
        update(audit).where(FIRST).values(actor="nobody"),
        update(audit).values(digest=""),
        update(audit_body).values(body=b"{}"),
        delete(audit).where(FIRST),
        delete(audit),
        text("INSERT OR REPLACE INTO audit SELECT organisation_id, 1, at, 'nobody', action, record_id, digest, hash "
             "FROM audit WHERE seq = 2"),
        text("INSERT OR REPLACE INTO audit_body SELECT organisation_id, 1, first, body FROM audit_body WHERE seq = 2"),
        text("TRUNCATE audit"),
        text("ALTER TABLE audit ADD COLUMN more TEXT"),
    ],
    ids=["update one", "update all", "say otherwise", "delete one", "delete all", "replace", "replace what one says",
         "truncate", "alter"],
)  # fmt: skip
def test_an_entry_can_be_added_but_never_changed_or_taken_out(guarded: Database, tamper: object) -> None:
    sqlite_cannot = {"TRUNCATE audit", "ALTER TABLE audit ADD COLUMN more TEXT"}
    if guarded.engine.dialect.name == "sqlite" and str(tamper) in sqlite_cannot:
        pytest.skip("a file has one owner, who may add a column: it is in no entry's hash")
    before = _entries(guarded)
    with pytest.raises((IntegrityError, NeedsPerson, ProgrammingError)), guarded.writing() as connection:
        connection.execute(tamper)  # type: ignore[call-overload]
    assert _entries(guarded) == before
    with guarded.writing() as connection:
        append_audit(connection, "organisation", NOW, actor="Priya", action="link")
    with guarded.reading() as connection:
        assert broken_audit_entry(connection, "organisation") is None
        assert audit_is_kept(connection)
    assert len(_entries(guarded)) == len(before) + 1


def _entries(database: Database) -> list[tuple[object, ...]]:
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(select(audit).order_by(audit.c.seq))]


def test_the_same_place_cannot_be_taken_twice(guarded: Database) -> None:
    with guarded.reading() as connection:
        row = dict(connection.execute(select(audit).where(FIRST)).mappings().one())
    with pytest.raises(IntegrityError), guarded.writing() as connection:
        connection.execute(insert(audit).values(**row))


def test_the_owner_of_the_tables_is_told_that_the_log_is_not_kept_from_it(migrated: Database) -> None:
    with migrated.reading() as connection:
        assert not audit_is_kept(connection)


def test_a_user_without_the_rights_is_told_who_has_them(migrated: Database, server: str) -> None:
    with migrated.writing() as connection:
        connection.execute(text("CREATE ROLE stranger LOGIN"))
    address = make_url(server).set(username="stranger")
    with pytest.raises(NeedsPerson, match=r"permission denied.* owner of the tables"):
        open_server(address.render_as_string(hide_password=False))


def test_a_role_is_named_plainly_and_only_a_server_has_roles(template: bytes) -> None:
    with pytest.raises(NeedsPerson, match="cannot name a role"):
        role_statements('app"; DROP TABLE audit; --')
    with pytest.raises(NeedsPerson, match="SQLite has no roles"), open_memory(template).writing() as connection:
        make_role(connection, ROLE)
