"""Insert or replace, said once for both databases."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Table
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
    keys = [column.name for column in table.primary_key]
    columns = [name for name in rows[0] if name not in keys] if replace is None else list(replace)
    statement = _INSERTS[connection.dialect.name](table)
    if columns:
        newer = {name: statement.excluded[name] for name in columns}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=newer)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    connection.execute(statement, [dict(row) for row in rows])


def add_one(connection: Connection, table: Table, key: Mapping[str, object], column: Column[int]) -> int:
    """Add one to a whole number in the row of that primary key, which begins at one. Returns what it became."""
    statement = _INSERTS[connection.dialect.name](table).values(**key, **{column.name: 1})
    raised = statement.on_conflict_do_update(index_elements=list(key), set_={column.name: column + 1})
    return int(connection.execute(raised.returning(column)).scalar_one())
