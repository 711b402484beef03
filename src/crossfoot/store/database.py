"""Opening the database: transactions, migrations (SQLite: with a copy beforehand), refusal of a newer schema.

SQLite by default; PostgreSQL where several processes share one workspace. Both give the same: one write transaction at
a time, and reads that never wait for it.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.exc import ArgumentError, DatabaseError, InternalError, OperationalError
from sqlalchemy.pool import NullPool, StaticPool

from crossfoot.core.errors import CrossfootError, NeedsPerson, RetryLater
from crossfoot.store.audit_guard import renew_roles
from crossfoot.store.leases import Lease, take_lease

HEAD = "0006"
_ONE_WRITER = 0x43726F7373666F6F  # the key of the advisory lock that makes write transactions wait for each other
# An engine that is paused within a transaction must not keep the others out: the server ends it.
_SERVER_OPTIONS = "-c idle_in_transaction_session_timeout=60s -c lock_timeout=90s"
_NO_RIGHT = "42501"  # PostgreSQL's code for what a user may not do
_CACHE_KIB = 65_536  # the two megabytes that SQLite takes by itself are read over and over at 100,000 deals
_MIGRATIONS = Path(__file__).parent / "migrations"


def _no_seam(_name: str) -> None:
    """Outside the simulator nothing happens between two commits."""


class Database:
    """The database of one workspace. ``seam`` is called before and after each write transaction, never in one."""

    def __init__(self, engine: Engine, seam: Callable[[str], None] = _no_seam) -> None:
        self.engine = engine
        self.seam = seam
        self.lease: Lease | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read transaction."""
        with _told(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, name: str = "write", *, fenced: bool = True) -> Iterator[Connection]:
        """A write transaction: all or nothing, durable when the block ends. Never hold one across a remote call.

        Once this engine has lost its lease every one is refused, but for what must be kept by anyone who has it.
        """
        self.seam(f"commit {name} begins")
        with _told(), self.engine.connect() as connection:
            _begin_write(connection)
            try:
                if self.lease and fenced:
                    self.lease.keep(connection)
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()
        self.seam(f"commit {name} done")


@contextmanager
def hold_lease(database: Database, name: str, holder: str) -> Iterator[None]:
    """Be the one engine of several that may write, until the block ends."""
    with database.writing("lease") as connection:
        taken = take_lease(connection, name, holder)
    database.lease = taken
    try:
        yield
    finally:
        database.lease = None
        with suppress(RetryLater), database.writing("lease given back") as connection:
            taken.give_back(connection)


@contextmanager
def _told() -> Iterator[None]:
    """What the database cannot do now (full, locked, away, read-only) may be tried again later: nothing was half
    written. What its user may not do, and what is no database any more, is for a person to put right."""
    try:
        yield
    except (OperationalError, InternalError, sqlite3.OperationalError) as error:
        raise RetryLater(f"The database does not take this now: {getattr(error, 'orig', error)}", after_s=60) from error
    except DatabaseError as error:
        if getattr(error.orig, "sqlstate", "") == _NO_RIGHT:
            raise NeedsPerson(
                f"The database refuses this to its user: {str(error.orig).splitlines()[0]}. Run the command once as "
                "the owner of the tables: that brings older ones up to date. `crossfoot audit role` gives another user "
                "the rights that it needs."
            ) from error
        if type(error) is not DatabaseError:  # what is told of itself, not of one statement, has no class of its own
            raise
        raise NeedsPerson(
            f"The database is damaged: {error.orig}. Put your newest copy back, then run `crossfoot restore`."
        ) from error


def open_database(path: Path, seam: Callable[[str], None] = _no_seam) -> Database:
    """Open (and create or migrate) the database file of a workspace."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": 30})
    _prepare(engine)
    with _told():
        if _bring_up(engine, str(path), lambda: _copy(path, path.with_suffix(f".before-{HEAD}.db"))):
            _give_room_back(engine)
    return Database(engine, seam)


def open_server(address: str, seam: Callable[[str], None] = _no_seam) -> Database:
    """Open (and create or migrate) a workspace's database on a PostgreSQL server: ``postgresql://user@host/name``."""
    try:
        url = make_url(address).set(drivername="postgresql+psycopg")
        engine = create_engine(url, pool_pre_ping=True, connect_args={"options": _SERVER_OPTIONS})
        engine.connect().close()
    except ModuleNotFoundError:
        raise NeedsPerson("PostgreSQL needs the package psycopg: pip install 'crossfoot[postgres]'.") from None
    except ArgumentError:
        raise NeedsPerson("The database's address must read postgresql://user@host/name.") from None
    except OperationalError as error:
        raise RetryLater(f"PostgreSQL cannot be reached: {error.orig}", after_s=60) from None
    try:
        with _told():
            _bring_up(engine, "The database")
    except CrossfootError:
        engine.dispose()
        raise
    return Database(engine, seam)


def _bring_up(engine: Engine, name: str, before: Callable[[], None] = lambda: None) -> bool:
    """Make the tables, or bring older ones up to date; says whether it did. ``before`` is done before older ones are
    changed. Of several processes that come at once one does it, and the others wait for it."""
    with engine.connect() as connection:
        if _is_current(connection, name):
            return False
    with engine.connect() as connection:
        _begin_write(connection)
        if _is_current(connection, name):
            return False
        if _schema_version(connection) is not None:
            before()
        _migrate(connection)
        connection.commit()
    return True


def _is_current(connection: Connection, name: str) -> bool:
    found = _schema_version(connection)
    if found is not None and found > HEAD:
        raise NeedsPerson(
            f"{name} was written by a newer Crossfoot (schema {found}, this one knows {HEAD}). Install that version."
        )
    return found == HEAD


def address_without_secret(address: str) -> str:
    """A server's address as settings may keep it; libpq finds the password in ~/.pgpass or PGPASSWORD."""
    url = make_url(address)
    plain = URL.create(url.drivername, url.username, None, url.host, url.port, url.database, url.query)
    return plain.render_as_string()


def open_memory(template: bytes | None = None, seam: Callable[[str], None] = _no_seam) -> Database:
    """A database in memory, from a serialised template where one is given (tests and the simulator)."""
    raw = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    if template is not None:
        raw.deserialize(template)
    dialect, compiled = _in_memory()
    engine = Engine(StaticPool(lambda: cast("Any", raw)), dialect, make_url("sqlite://"))
    engine = engine.execution_options(compiled_cache=compiled)
    _prepare(engine)
    if template is None:
        _bring_up(engine, "The database")
    database = Database(engine, seam)
    weakref.finalize(database, raw.close)  # it lives as long as its database, and is closed with it
    return database


@cache
def _in_memory() -> tuple[Dialect, dict[Any, Any]]:
    """The dialect of all databases in memory, and their statements as it compiled them: a history of the simulator is
    over before compiling its own would pay."""
    engine = create_engine("sqlite://")
    with engine.connect():
        return engine.dialect, {}


def _begin_write(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(select(func.pg_advisory_xact_lock(_ONE_WRITER)))


def _prepare(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        cursor.close()


def _schema_version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _copy(path: Path, copy: Path) -> None:
    """Copy a database with what still stands in its write-ahead log, which a copy of the file alone would lose."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    copy.chmod(path.stat().st_mode)


def _give_room_back(engine: Engine) -> None:
    """Make the file as small as what is in it: a migration lays whole tables aside. It takes the room of both, and
    where there is none the file stays as large as it is."""
    with suppress(OperationalError), engine.connect() as connection:
        connection.exec_driver_sql("VACUUM")


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - only a new or old database pays for it
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    renew_roles(connection)
