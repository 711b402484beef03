"""Statements that are built once: to build one takes several times as long as to run it.

A statement that is asked often is a function from what it binds to the statement, and is run by calling it with the
connection and the values by name::

    @Prepared
    def _watermark(home: Bound, resource: Bound) -> Select[Any]:
        return select(watermark.c.position).where(watermark.c.home == home, watermark.c.resource == resource)

    _watermark(connection, home=home, resource=resource).scalar()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from inspect import signature
from typing import Any

from sqlalchemy import BindParameter, Connection, CursorResult, Function, Table, Update, bindparam, func, update
from sqlalchemy.sql.base import Executable

Bound = BindParameter[Any]
"""A value that is given when the statement is run; ``column.in_`` of one takes a list."""
_MARK = "given_"  # a name of its own: in an UPDATE those of columns stand for what is set


class Prepared:
    """A statement that is built when it is first run. ``names`` are given where the function takes any."""

    def __init__(self, build: Callable[..., Executable], names: Iterable[str] = ()) -> None:
        self._build = build
        self._names = names

    @cached_property
    def _statement(self) -> Executable:
        names = self._names or signature(self._build).parameters
        return self._build(**{name: bindparam(_MARK + name) for name in names})

    def __call__(self, connection: Connection, **given: object) -> CursorResult[Any]:
        """Run it."""
        return connection.execute(self._statement, _marked(given))

    def each(self, connection: Connection, rows: Iterable[Mapping[str, object]]) -> None:
        """Run it once for each of many rows of values, none of which answers anything."""
        if marked := [_marked(row) for row in rows]:
            connection.execute(self._statement, marked)


def _marked(given: Mapping[str, object]) -> dict[str, object]:
    return {_MARK + name: value for name, value in given.items()}


def change(
    connection: Connection, table: Table, key: Mapping[str, object], values: Mapping[str, object]
) -> CursorResult[Any]:
    """Set columns of the rows whose columns are as ``key`` says."""
    return connection.execute(_of_key(table, tuple(key)), {**_marked(key), **values})


@cache
def _of_key(table: Table, names: tuple[str, ...]) -> Update:
    return update(table).where(*(table.c[name] == bindparam(_MARK + name) for name in names))


def beside(column: Any) -> Function[Any]:
    """A column by which no index shall be chosen, in a query that has a better one.

    SQLite is not told how much its indexes hold, and takes the one of which most columns are compared with one value
    each. For a list of ids, or the few rows of a partial index, that is often every row of an organisation.
    """
    return func.coalesce(column, column)
