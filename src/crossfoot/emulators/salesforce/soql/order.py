"""ORDER BY over rows, or over groups (SF 3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from crossfoot.emulators.salesforce.soql.evaluate import Column
from crossfoot.emulators.salesforce.soql.syntax import Order
from crossfoot.emulators.salesforce.world import Row


def order_rows(rows: Iterable[Row], keys: Sequence[tuple[Column, Order]]) -> list[Row]:
    """The rows in order, the least telling key sorted first; nulls first in both directions unless NULLS LAST."""
    ordered = list(rows)
    for column, order in reversed(keys):
        keyed: list[tuple[Any, Row]] = [(column.field.fold(column.read(row)), row) for row in ordered]
        nulls = [row for key, row in keyed if key is None]
        known = sorted(
            (pair for pair in keyed if pair[0] is not None), key=lambda pair: pair[0], reverse=order.descending
        )
        others = [row for _, row in known]
        ordered = others + nulls if order.nulls_last else nulls + others
    return ordered
