"""The shape of a parsed query. ``at`` is the offset in the text where a node begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

AGGREGATES = frozenset({"COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"})
DATE_FUNCTIONS = frozenset(
    {
        "CALENDAR_MONTH",
        "CALENDAR_QUARTER",
        "CALENDAR_YEAR",
        "DAY_IN_MONTH",
        "DAY_IN_WEEK",
        "DAY_IN_YEAR",
        "DAY_ONLY",
        "FISCAL_MONTH",
        "FISCAL_QUARTER",
        "FISCAL_YEAR",
        "HOUR_IN_DAY",
        "WEEK_IN_MONTH",
        "WEEK_IN_YEAR",
    }
)
# Each function of one path, with the functions that may stand in the place of that path.
NESTED: dict[str, frozenset[str]] = {
    **dict.fromkeys(AGGREGATES | {"GROUPING", "TOLABEL", "CONVERTCURRENCY", "CONVERTTIMEZONE"}, frozenset()),
    **dict.fromkeys(DATE_FUNCTIONS, frozenset({"CONVERTTIMEZONE"})),
    "FORMAT": AGGREGATES | {"CONVERTCURRENCY"},
}


@dataclass(frozen=True, slots=True)
class Path:
    """``Account.Owner.Name``"""

    names: tuple[str, ...]
    at: int

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True, slots=True)
class Literal:
    """``kind``: text number boolean null date datetime range currency; a range is one like LAST_N_DAYS:3.

    ``source`` is the text as it was written: LIKE reads escapes that ``=`` does not know.
    """

    kind: str
    value: Any
    at: int
    source: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A function: an aggregate, a date function, ``toLabel``, ``FIELDS``, ``DISTANCE``; COUNT() has no argument."""

    name: str
    arguments: tuple[Path | Call | Literal, ...]
    at: int

    @property
    def argument(self) -> Path | Call | None:
        """The one path or call that it is a function of."""
        first = self.arguments[0] if self.arguments else None
        return None if isinstance(first, Literal) else first

    def __str__(self) -> str:
        return f"{self.name}({', '.join(str(getattr(each, 'value', each)) for each in self.arguments)})"


Expression = Path | Call


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
class TypeOf:
    """``TYPEOF What WHEN Account THEN Phone ELSE Name END``"""

    relationship: Path
    whens: tuple[tuple[Path, tuple[Path, ...]], ...]
    otherwise: tuple[Path, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Item:
    """One selected thing, with its alias."""

    what: Expression | Query | TypeOf
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    what: Expression
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT statement. ``grouping`` is ROLLUP, CUBE or empty; ``aliases`` name relationships of the source."""

    items: tuple[Item, ...]
    source: str
    at: int
    alias: str | None = None
    aliases: tuple[tuple[str, Path], ...] = ()
    using: str | None = None
    where: Condition | None = None
    group_by: tuple[Expression, ...] = ()
    grouping: str = ""
    having: Condition | None = None
    order_by: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    all_rows: bool = False

    @property
    def aggregated(self) -> bool:
        return bool(self.group_by) or any(is_aggregate(item.what) for item in self.items)

    @property
    def counts(self) -> bool:
        """Whether this is ``SELECT COUNT()``, which answers a total and no rows."""
        first = self.items[0].what
        return isinstance(first, Call) and first.name == "COUNT" and not first.arguments


def is_aggregate(what: object) -> bool:
    """Whether the value of an expression belongs to a group and not to a row."""
    if not isinstance(what, Call):
        return False
    return what.name in AGGREGATES or what.name == "GROUPING" or is_aggregate(what.argument)
