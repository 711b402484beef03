"""The shape of a parsed query. ``at`` is the offset in the text where a node begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Path:
    """``Account.Owner.Name``"""

    names: tuple[str, ...]
    at: int

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of a path: an aggregate, a date function, ``toLabel``, ``FIELDS``; COUNT() has no argument."""

    name: str
    argument: Path | None
    at: int


Expression = Path | Call


@dataclass(frozen=True, slots=True)
class Literal:
    """``kind``: text number boolean null date datetime range currency; a range is one like LAST_N_DAYS:3."""

    kind: str
    value: Any
    at: int


@dataclass(frozen=True, slots=True)
class Compare:
    left: Expression
    operator: str
    right: Literal


@dataclass(frozen=True, slots=True)
class In:
    left: Expression
    values: tuple[Literal, ...] | Query
    negated: bool


@dataclass(frozen=True, slots=True)
class Includes:
    left: Path
    values: tuple[Literal, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions joined by AND, or by OR; never by both at one level."""

    operator: str
    conditions: tuple[Condition, ...]


Condition = Compare | In | Includes | Not | Junction


@dataclass(frozen=True, slots=True)
class Item:
    """One selected thing, with the alias that an aggregate may have."""

    what: Expression | Query
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    what: Expression
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    items: tuple[Item, ...]
    source: str
    at: int
    alias: str | None = None
    where: Condition | None = None
    group_by: tuple[Expression, ...] = ()
    having: Condition | None = None
    order_by: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    all_rows: bool = False
