"""One canonical form for values that mean the same, so that an echo is no change."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from crossfoot.core.records import RecordRef, Side, canonical, content_hash

SYDNEY = dt.timezone(dt.timedelta(hours=11))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("  Cafe\u0301 ", "Caf\u00e9"),
        ("", None),
        (" \t", None),
        (Decimal("100.00"), Decimal("1E+2")),
        (Decimal("-0.00"), Decimal(0)),
        (7, Decimal("7.0")),
        (dt.datetime(2026, 11, 20, 12, tzinfo=SYDNEY), dt.datetime(2026, 11, 20, 1, tzinfo=dt.UTC)),
        (dt.date(2026, 11, 20), "2026-11-20"),
        ({"a": 1, "b": [Decimal("2.50")]}, {"b": (Decimal("2.5"),), "a": Decimal("1.0")}),
    ],
)
def test_values_that_mean_the_same_have_one_form_and_one_hash(left: Any, right: Any) -> None:
    assert canonical(left) == canonical(right)
    assert content_hash({"value": left}) == content_hash({"value": right})


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Cafe", "Caf\u00e9"),
        ("a b", "ab"),
        (Decimal("0.10"), Decimal("0.11")),
        (True, 1),
        ([1, 2], [2, 1]),
        ({"a": None}, {"b": None}),
        (Decimal("12345678901234567890123456789.01"), Decimal("12345678901234567890123456789.02")),
    ],
)
def test_values_that_differ_have_different_hashes(left: Any, right: Any) -> None:
    assert content_hash(left) != content_hash(right)


@pytest.mark.parametrize("value", [0.1, b"bytes", {1, 2}, object()])
def test_what_has_no_exact_form_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="has no canonical form"):
        canonical({"value": [value]})


def test_a_reference_reads_as_kind_and_id() -> None:
    assert str(RecordRef(Side.XERO, "Invoice", "abc")) == "Invoice abc"
