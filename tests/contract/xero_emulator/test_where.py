"""The filter language (XERO 3.8)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from crossfoot.emulators.xero.errors import ApiError, bad_query
from crossfoot.emulators.xero.where import Term, compile_order, compile_where

RECORD = {
    "Name": "Café Nero",
    "Status": "PAID",
    "AmountDue": Decimal("10.50"),
    "Date": date(2026, 11, 20),
    "Sent": True,
    "Reference": None,
    "ContactID": "5f0c1c1e-aaaa-4000-8000-000000000000",
    "Contact": {"Name": "Acme"},
}


TYPES = {"AmountDue": "Decimal", "Date": "DateTime", "Sent": "Boolean", "ContactID": "Guid"}


def lookup(path: tuple[str, ...], index: int) -> Term:
    if path[0] not in RECORD:
        raise bad_query(f"No property or field '{path[0]}' exists in type 'Thing' (at index {index})")

    def read(record: Mapping[str, Any]) -> Any:
        value: Any = record
        for name in path:
            value = value[name]
        return value

    return Term(read, TYPES.get(path[0], "String"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Status=="PAID"', True),
        ('Status="paid"', True),
        ('Status != "PAID"', False),
        ('Name=="CAFE nero"', True),
        ("AmountDue>=10.5", True),
        ("AmountDue > 10.5", False),
        ("AmountDue>-1", True),
        ("Date>=DateTime(2026, 11, 20)", True),
        ("Date>DateTime(2026,11,20,0,0,0)", False),
        ('Date>=DateTime.Parse("2026-11-20T00:00:00")', True),
        ('Date > datetime.parse("2026-11-20")', False),
        ('Date<DateTime.Parse("2026-11-20T12:00:00+11:00") && Sent', True),
        ("Sent==true", True),
        ("Sent", True),
        ("Reference==null", True),
        ("Reference != null", False),
        ('Reference == "x"', False),
        ('ContactID==Guid("5F0C1C1E-AAAA-4000-8000-000000000000")', True),
        ('Contact.Name.StartsWith("ac")', True),
        ('Name.ToLower().Contains("nero")', True),
        ('Name.EndsWith("caf")', False),
        ('Status=="X" OR Status=="PAID" AND AmountDue==0', False),
        ('(Status=="X" or Status=="PAID") && AmountDue>0', True),
        ('Reference != null AND Reference.Contains("x")', False),
        ('Status=="X" || Sent==true', True),
        ('Name=="a OR b"', False),
    ],
)
def test_filters(text: str, expected: bool) -> None:
    assert compile_where(text, lookup)(RECORD) is expected


@pytest.mark.parametrize(
    "text",
    [
        "Nope==1",
        "Status==",
        '(Status=="X"',
        'Status=="X',
        "Status==5",
        'Reference.Contains("x")',
        'Name.Matches("x")',
        "Date>DateTime(2026,13,1)",
        "Date>DateTime(",
        'Date>DateTime.Parse("soon")',
        'Date>DateTime.Parse("0001-01-01T00:00:00+14:00")',
        "Date>DateTime.Parse(2026, 11, 20)",
        "Date>DateTime.Parse",
        "Date>DateTime.Now",
        "Name.",
        'Status=="X" Name=="Y"',
        "Name == 'x'",
        "(" * 200 + "Sent" + ")" * 200,
    ],
)
def test_what_cannot_be_read_is_error_16(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        compile_where(text, lookup)(RECORD)
    assert caught.value.response.status == 400
    assert b'"ErrorNumber":16' in caught.value.response.body


def test_unknown_member_is_named_with_its_place() -> None:
    with pytest.raises(ApiError) as caught:
        compile_where('Status=="X" OR Nope==1', lookup)
    assert b"No property or field 'Nope' exists in type 'Thing' (at index 15)" in caught.value.response.body


def test_order_is_stable_and_puts_nulls_first() -> None:
    rows: list[dict[str, Any]] = [
        {"Status": status, "AmountDue": due} for status, due in (("b", 2), ("A", None), ("B", 1), ("a", 3))
    ]
    by_both = compile_order("Status, AmountDue DESC", lookup)(rows)
    assert [(row["Status"], row["AmountDue"]) for row in by_both] == [("a", 3), ("A", None), ("b", 2), ("B", 1)]
