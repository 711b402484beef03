"""SOQL only through the builder: whatever a value holds, the emulator's own parser reads the same value back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crossfoot.core.errors import Defect
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.soql.parser import parse_query
from crossfoot.emulators.salesforce.soql.syntax import Compare, In, Item, Junction, Path, Query
from crossfoot.salesforce import requests, soql
from tests.unit.core.cases import deal_id

STAMP = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)


def read_back(value: str | Decimal | date | datetime | bool | None) -> object:
    query = parse_query(soql.select(["Id"], "Account", where=soql.equals("Name", value)))
    assert isinstance(query.where, Compare)
    return query.where.right.value


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40))
@example("it's")
@example("\\")
@example("\\'")
@example("' OR Name != '")
@example("\u2018curly\u2019 and \u201cdouble\u201d \uff07full\uff07")
@example("two\nlines\r\n\tand a tab")
@example("\\u0027")
@example("-- comment /* */")
@example("100%_")
def test_a_text_is_read_back_as_it_was(value: str) -> None:
    assert read_back(value) == value


@pytest.mark.parametrize("value", [Decimal("0.30"), Decimal("1E+2"), Decimal("-9999999999.99"), True, False, None])
def test_other_values_are_read_back_as_they_were(value: Decimal | bool | None) -> None:
    assert read_back(value) == value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (date(2026, 11, 20), "2026-11-20"),
        (STAMP, "2026-11-20T01:30:00Z"),
        (datetime(2026, 11, 20, 12, 30, tzinfo=timezone(timedelta(hours=11))), "2026-11-20T01:30:00Z"),
        (Decimal("1E-7"), "0.0000001"),
    ],
)
def test_values_as_soql_writes_them(value: date | Decimal, written: str) -> None:
    assert soql.literal(value) == written


def test_a_nul_character_is_refused() -> None:
    with pytest.raises(Defect, match="NUL"):
        soql.literal("a\0b")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Name OR 1=1",
        "Name'",
        "Name--",
        "1Name",
        "Account..Name",
        "(SELECT Id FROM User)",
        "Name\n",
        "Näme",
        "a.b.c.d.e.f.g",
    ],
)
def test_what_is_not_a_name_is_no_identifier(name: str) -> None:
    with pytest.raises(Defect, match="not a Salesforce name"):
        soql.identifier(name)


@given(st.text(max_size=20))
def test_an_identifier_is_a_path_of_names_or_refused(name: str) -> None:
    try:
        query = parse_query(soql.select([name], "Account"))
    except (Defect, ApiError):
        return  # a word that SOQL keeps for itself passes the builder, and the org refuses it
    (item,) = query.items
    assert isinstance(item.what, Path)
    assert str(item.what) == name


def test_a_page_after_a_stamp_and_an_id() -> None:
    child = soql.select(["Id", "UnitPrice"], "OpportunityLineItems")
    text = soql.select(
        ["Id", "Account.Name"],
        "Opportunity",
        where=soql.after(STAMP, deal_id()),
        order=["SystemModstamp", "Id"],
        limit=2000,
        children=[child],
    )
    query = parse_query(text)
    assert (query.source, query.limit, len(query.order_by)) == ("Opportunity", 2000, 2)
    assert isinstance(query.items[2], Item)
    assert isinstance(query.items[2].what, Query)
    assert isinstance(query.where, Junction)
    later, tied = query.where.conditions
    assert query.where.operator == "OR"
    assert isinstance(later, Compare)
    assert isinstance(tied, Junction)
    assert (later.operator, tied.operator) == (">", "AND")


def test_ids_are_checked_before_they_are_asked_for() -> None:
    query = parse_query(soql.select(["Id"], "Opportunity", where=soql.one_of("Id", [deal_id(1), deal_id(2)])))
    assert isinstance(query.where, In)
    for bad in (["x"], [f"{deal_id()}'"], [], [deal_id()] * 401):
        with pytest.raises(Defect):
            soql.one_of("Id", bad)


def test_rows_are_written_with_exact_numbers() -> None:
    request = requests.update_records([("Opportunity", deal_id(), {"Xero_Total__c": Decimal("0.30")})])
    assert b'"Xero_Total__c":0.30' in request.body
    assert b'"allOrNone":false' in request.body
    assert request.is_write
    assert not requests.describe(["Opportunity"]).is_write


def test_outcomes_are_read_row_by_row() -> None:
    body = b'[{"id":"006","success":true,"errors":[]},{"success":false,"errors":[{"statusCode":"X","message":"no"}]}]'
    first, second = requests.decode_outcomes(body)
    assert (first.success, first.id) == (True, "006")
    assert (second.success, second.code, second.message) == (False, "X", "no")


def test_a_page_of_rows_says_itself_whether_it_is_the_last() -> None:
    more = requests.decode_query(b'{"records":[{"Amount":0.10}],"done":false,"nextRecordsUrl":"/next"}')
    assert (more.rows, more.next_path) == ([{"Amount": Decimal("0.10")}], "/next")
    assert requests.decode_query(b'{"records":[],"done":true}').next_path == ""
