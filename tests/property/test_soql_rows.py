"""Filters agree with an evaluation of their own, orders are total, keyset pages give each row once (SF 3.2)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise, product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from crossfoot.emulators.salesforce import World, new_world
from crossfoot.emulators.salesforce.ids import make_id
from crossfoot.emulators.salesforce.soql.run import run_query
from crossfoot.salesforce import soql

NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
WORLD = new_world(seed=3, settings={"multi_currency": False})
ALPHABET = "aAbBéÉ%_\\' \n"
Row = dict[str, Any]
# A condition beside its own meaning: the text of SOQL, and what it should say of a row.
Condition = tuple[str, Callable[[Row], bool]]

texts = st.text(ALPHABET, min_size=1, max_size=4)
numbers = st.integers(-3, 3)
amounts = st.decimals(-2, 2, places=2)
rows_of_fields = st.fixed_dictionaries(
    {
        "Name": texts,
        "Site": st.none() | texts,
        "NumberOfEmployees": st.none() | numbers,
        "AnnualRevenue": st.none() | amounts,
        "Stamp": st.integers(0, 2),
    }
)
tables = st.lists(rows_of_fields, max_size=12)
# Every combination of a few telling values: a filter is tried on all of them.
DOMAIN: dict[str, tuple[Any, ...]] = {
    "Name": ("a", "A%b", "é\\'"),
    "Site": (None, "aA", "b\n"),
    "NumberOfEmployees": (None, -1, 2),
    "AnnualRevenue": (None, Decimal("0.50")),
    "Stamp": (0, 1),
}
EVERY_ROW = [dict(zip(DOMAIN, values, strict=True)) for values in product(*DOMAIN.values())]


def filled(rows: list[Row]) -> World:
    """The one world, with these accounts and no other."""
    WORLD.rows["Account"] = {}
    for number, row in enumerate(rows):
        stamp = NOW - timedelta(seconds=row["Stamp"])
        record_id = make_id("001", "abc", number)
        WORLD.rows["Account"][record_id] = {"Id": record_id, "IsDeleted": False, "SystemModstamp": stamp} | row
    WORLD.declare()
    return WORLD


def found(rows: list[Row], tail: str) -> list[str]:
    """The ids that a query answers."""
    world = filled(rows)
    sobject, selection = run_query(world, f"SELECT Id FROM Account {tail}", NOW, 66)
    return [each["Id"] for each in selection.records(world.rows[sobject.name], selection.ids)]


def quoted(text: str) -> str:
    """A string literal by hand, not by the builder: every character that needs it is escaped."""
    special = {"\\": "\\\\", "'": "\\'", "\n": "\\n"}
    return "'" + "".join(special.get(char, char) for char in text) + "'"


def fold(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def written(value: Any) -> str:
    return "null" if value is None else quoted(value) if isinstance(value, str) else str(value)


def comparison(field: str, sign: str, value: Any) -> Condition:
    """Null and empty text are one; only = and != see nulls."""
    wanted = fold(value) or None if isinstance(value, str) else value

    def holds(row: Row) -> bool:
        own = fold(row[field])
        if sign in {"=", "!="}:
            return (own == wanted) is (sign == "=")
        ordered = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}[sign]
        return own is not None and wanted is not None and bool(ordered(own, wanted))

    return f"{field} {sign} {written(value)}", holds


def membership(field: str, values: list[Any], negated: bool) -> Condition:
    members = {fold(each) or None if isinstance(each, str) else each for each in values}
    listed = ", ".join(map(written, values))

    def holds(row: Row) -> bool:
        return (fold(row[field]) in members) is not negated

    return f"{field} {'NOT ' if negated else ''}IN ({listed})", holds


def likeness(field: str, parts: list[str]) -> Condition:
    """A pattern of single characters and the wildcards ANY and ONE, matched character by character."""
    marks = {"ANY": "%", "ONE": "_", "\\": "\\\\", "'": "\\'", "%": "\\%", "_": "\\_", "\n": "\\n"}

    def matches(text: str, place: int) -> bool:
        if place == len(parts):
            return not text
        if parts[place] == "ANY":
            return any(matches(text[cut:], place + 1) for cut in range(len(text) + 1))
        if not text or (parts[place] != "ONE" and fold(parts[place]) != fold(text[0])):
            return False
        return matches(text[1:], place + 1)

    pattern = "".join(marks.get(each, each) for each in parts)
    return f"{field} LIKE '{pattern}'", lambda row: row[field] is not None and matches(row[field], 0)


def stamping(sign: str, seconds: int) -> Condition:
    """The one kind of condition that an index serves by order."""
    ages = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
    holds = comparison("Stamp", ages[sign], seconds)[1]
    return f"SystemModstamp {sign} {NOW - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}", holds


def joined(word: str, parts: list[Condition]) -> Condition:
    whole = all if word == "AND" else any
    text = "(" + f" {word} ".join(each for each, _ in parts) + ")"
    return text, lambda row: whole(holds(row) for _, holds in parts)


def negation(inner: Condition) -> Condition:
    return f"(NOT {inner[0]})", lambda row: not inner[1](row)


signs = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])


def pairs(values_of: Callable[[st.SearchStrategy[Any]], st.SearchStrategy[Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    """A field, with values of its kind: those of the rows, and others."""
    drawn = {"Name": texts, "Site": texts, "NumberOfEmployees": numbers, "AnnualRevenue": amounts}
    return st.one_of(
        *(
            st.tuples(st.just(field), values_of(st.sampled_from(DOMAIN[field]) | st.none() | values))
            for field, values in drawn.items()
        )
    )


patterns = st.lists(st.sampled_from(["ANY", "ONE", *ALPHABET]), max_size=4)
leaves = st.one_of(
    st.builds(lambda pair, sign: comparison(pair[0], sign, pair[1]), pairs(lambda values: values), signs),
    st.builds(
        lambda pair, negated: membership(pair[0], pair[1], negated),
        pairs(lambda values: st.lists(values, min_size=1, max_size=3)),
        st.booleans(),
    ),
    st.builds(likeness, st.sampled_from(["Name", "Site"]), patterns),
    st.builds(stamping, signs, st.integers(0, 2)),
)
conditions = st.recursive(
    leaves,
    lambda inner: (
        st.builds(joined, st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3))
        | st.builds(negation, inner)
    ),
    max_leaves=6,
)


@settings(max_examples=300)
@given(conditions)
def test_a_filter_says_of_each_row_what_its_parts_say(condition: Condition) -> None:
    text, holds = condition
    expected = [make_id("001", "abc", number) for number, row in enumerate(EVERY_ROW) if holds(row)]
    assert sorted(found(EVERY_ROW, f"WHERE {text}")) == expected


ORDERED = ("Name", "Site", "NumberOfEmployees", "AnnualRevenue")
orders = st.lists(
    st.tuples(st.sampled_from(ORDERED), st.booleans(), st.booleans()), max_size=3, unique_by=lambda key: key[0]
)


@given(tables, orders)
def test_an_order_with_id_is_total_and_puts_nulls_where_they_are_asked_for(
    rows: list[Row], keys: list[tuple[str, bool, bool]]
) -> None:
    terms = [f"{field} {'DESC' if down else 'ASC'} NULLS {'LAST' if last else 'FIRST'}" for field, down, last in keys]
    ids = found(rows, f"ORDER BY {', '.join([*terms, 'Id'])}")
    by_id = {make_id("001", "abc", number): row for number, row in enumerate(rows)}
    assert sorted(ids) == sorted(by_id)

    def comes_before(one: str, other: str) -> bool:
        """Whether ``one`` comes first by the first key that tells them apart, else by id."""
        for field, down, last in keys:
            mine, theirs = (fold(by_id[each][field]) for each in (one, other))
            if mine == theirs:
                continue
            if mine is None or theirs is None:
                return (mine is None) is not last
            return bool(mine > theirs if down else mine < theirs)
        return one < other

    assert all(comes_before(*pair) for pair in pairwise(ids))


@given(tables, st.integers(1, 4))
def test_keyset_pages_give_each_row_once(rows: list[Row], size: int) -> None:
    world = filled(rows)
    stamp, last, seen = NOW - timedelta(days=1), "001000000000000AAA", list[str]()
    for _ in range(len(rows) + 1):
        text = soql.select(["Id"], "Account", where=soql.after(stamp, last), order=["SystemModstamp", "Id"], limit=size)
        page = run_query(world, text, NOW, 66)[1].ids
        if not page:
            break
        seen += page
        stamp, last = world.rows["Account"][page[-1]]["SystemModstamp"], page[-1]
    assert sorted(seen) == sorted(world.rows["Account"])
    assert len(seen) == len(rows)


@given(tables, st.lists(st.sampled_from(ORDERED), min_size=1, max_size=2, unique=True))
def test_groups_part_the_rows_and_their_totals_add_up(rows: list[Row], keys: list[str]) -> None:
    world = filled(rows)
    names = ", ".join(each for each in keys if each != "AnnualRevenue") or "Name"
    text = f"SELECT {names}, COUNT(Id) n, SUM(AnnualRevenue) total FROM Account GROUP BY ROLLUP({names})"
    records = run_query(world, text, NOW, 66)[1].aggregates or ()
    *groups, whole = records
    lowest = groups[: len({tuple(fold(row[name.strip()]) for name in names.split(",")) for row in rows})]
    assert whole["n"] == sum(each["n"] for each in lowest) == len(rows)
    amounts_of = [row["AnnualRevenue"] for row in rows if row["AnnualRevenue"] is not None]
    assert (whole["total"] or 0) == sum(amounts_of, Decimal(0))
