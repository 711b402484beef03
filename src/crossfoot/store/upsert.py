"""Insert or replace, said once for both databases."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

# An INSERT of the connection's own dialect knows ON CONFLICT. Rows go by executemany: multi-row VALUES are slower.
_INSERTS: Mapping[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, object]],
    *,
    replace: Collection[str] | None = None,
) -> None:
    """Insert rows; where one of that primary key stands, its columns in ``replace`` (default: all given) become new.

    With an empty ``replace`` a row that stands is left as it is.
    """
    if not rows:
        return
    columns = tuple(rows[0]) if replace is None else tuple(replace)
    connection.execute(_statement(connection.dialect.name, table, columns), [dict(row) for row in rows])


@cache
def _statement(dialect: str, table: Table, columns: tuple[str, ...]) -> Any:
    """The statement for one table and the columns to replace: building one costs more than running it."""
    keys = [column.name for column in table.primary_key]
    statement = _INSERTS[dialect](table)
    newer = {name: statement.excluded[name] for name in columns if name not in keys}
    if not newer:
        return statement.on_conflict_do_nothing(index_elements=keys)
    return statement.on_conflict_do_update(index_elements=keys, set_=newer)


def add(connection: Connection, table: Table, key: Mapping[str, object], name: str, amount: int = 1) -> int:
    """Add to a whole number in the row of that primary key, where it begins at zero. Returns what it became."""
    statement = _addition(connection.dialect.name, table, name)
    return int(connection.execute(statement, {**key, name: amount}).scalar_one())


@cache
def _addition(dialect: str, table: Table, name: str) -> Any:
    statement, column = _INSERTS[dialect](table), table.c[name]
    keys = [column.name for column in table.primary_key]
    raised = statement.on_conflict_do_update(index_elements=keys, set_={name: column + statement.excluded[name]})
    return raised.returning(column)
