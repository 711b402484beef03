"""ORDER BY over rows, or over groups (SF 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from crossfoot.emulators.salesforce.soql.column import Column
from crossfoot.emulators.salesforce.soql.syntax import Order
from crossfoot.emulators.salesforce.world import Row


def order_rows(rows: Iterable[Row], keys: Sequence[tuple[Column, Order]]) -> list[Row]:
    """The rows in order, the least telling key sorted first; nulls first in both directions unless NULLS LAST."""
    ordered = list(rows)
    for column, order in reversed(keys):
        key = _sort_key(column)
        keyed: list[tuple[Any, Row]] = [(key(row), row) for row in ordered]
        nulls = [row for value, row in keyed if value is None]
        known = sorted(
            (pair for pair in keyed if pair[0] is not None), key=lambda pair: pair[0], reverse=order.descending
        )
        others = [row for _, row in known]
        ordered = others + nulls if order.nulls_last else nulls + others
    return ordered


def _sort_key(column: Column) -> Callable[[Row], Any]:
    """Values of a picklist come in the order of its definition, others after them by their text (SF 3.2)."""
    read = column.key
    if column.field.type != "picklist" or not column.field.picklist:
        return read
    places = {column.field.fold(each): place for place, each in enumerate(column.field.picklist)}

    def key(row: Row) -> tuple[int, str] | None:
        value = read(row)
        return None if value is None else (places.get(value, len(places)), value)

    return key
