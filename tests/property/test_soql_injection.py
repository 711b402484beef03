"""No value can make the builder's query mean something else: it finds the rows that have the value (SF 3.2)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crossfoot.core.errors import Defect
from crossfoot.emulators.salesforce import new_world
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.ids import make_id
from crossfoot.emulators.salesforce.soql.parser import parse_query
from crossfoot.emulators.salesforce.soql.run import run_query
from crossfoot.emulators.salesforce.soql.syntax import Compare, In, Literal, Path, Query
from crossfoot.salesforce import soql

NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
WORLD = new_world(seed=3)
HOSTILE = st.text(st.sampled_from("'\\%_\"nrtbfu0027 ()=ORSELECT;-/*\n\r\t\u2019\uff07é\U0001f600"), max_size=30)
ANYTHING = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30)


@given(HOSTILE | ANYTHING, HOSTILE)
@example("' OR Name != '", "bystander")
@example("\\", "bystander")
@example("\\' OR Id != null OR Name = \\'", "bystander")
@example("\\u0027 OR Name != \\u0027", "bystander")
def test_exactly_the_rows_with_the_value_are_found(value: str, other: str) -> None:
    kept = {make_id("001", "abc", number): text for number, text in enumerate((value, other, "x"))}
    stored = {key: {"Id": key, "IsDeleted": False, "Name": text or None} for key, text in kept.items()}
    WORLD.rows["Account"] = {key: row | {"SystemModstamp": NOW} for key, row in stored.items()}
    WORLD.declare()
    text = soql.select(["Id"], "Account", where=soql.equals("Name", value))
    found = run_query(WORLD, text, NOW, 66)[1].ids
    assert set(found) == {key for key, name in kept.items() if name.lower() == value.lower()}


@given(HOSTILE | ANYTHING)
def test_a_query_is_the_one_that_was_asked_for_whatever_the_value(value: str) -> None:
    text = soql.select(["Id", "Name"], "Account", where=soql.equals("Site", value), order=["Id"], limit=5)
    query = parse_query(text)
    assert isinstance(query.where, Compare)
    assert (str(query.where.left), query.where.operator, query.where.right.value) == ("Site", "=", value)
    assert [str(item.what) for item in query.items] == ["Id", "Name"]
    assert (query.source, query.limit, [str(each.what) for each in query.order_by]) == ("Account", 5, ["Id"])


@given(st.lists(HOSTILE | st.from_regex(r"[A-Za-z0-9]{15,18}", fullmatch=True), min_size=1, max_size=3))
def test_a_list_of_ids_is_that_list_or_refused(ids: list[str]) -> None:
    try:
        query = parse_query(soql.select(["Id"], "Account", where=soql.one_of("Id", ids)))
    except Defect:
        return
    assert isinstance(query.where, In)
    assert not isinstance(query.where.values, Query)
    assert [each.value for each in query.where.values if isinstance(each, Literal)] == ids


@given(HOSTILE | ANYTHING, HOSTILE | ANYTHING)
def test_a_name_is_one_name_or_refused(field: str, source: str) -> None:
    """A word that SOQL keeps for itself passes the builder and is refused by the org: it finds nothing else."""
    try:
        query = parse_query(soql.select([field], source))
    except (Defect, ApiError):
        return
    (item,) = query.items
    assert isinstance(item.what, Path)
    assert (str(item.what), query.source, query.where, item.alias) == (field, source, None, None)


@pytest.mark.parametrize("word", ["SELECT", "From", "null", "LIKE", "Having"])
def test_reserved_words_are_no_names(word: str) -> None:
    with pytest.raises(ApiError, match="unexpected token"):
        parse_query(f"SELECT {word} FROM Account")
