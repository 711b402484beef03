"""Expressions: what they give, what they refuse and how they say so, and that nothing gets out of them."""

from __future__ import annotations

import ast
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crossfoot.core.errors import NeedsPerson
from crossfoot.mapping.expressions import ExpressionError, FieldPath, Place, Value, compile_expression
from crossfoot.mapping.formula_functions import FUNCTIONS
from crossfoot.mapping.reference import renew

DEAL: dict[FieldPath, Value] = {
    ("Name",): "Acme – Phase 2",
    ("Amount",): Decimal("1234.5"),
    ("Discount",): None,
    ("Empty",): "",
    ("IsWon",): True,
    ("CloseDate",): date(2026, 11, 21),
    ("SignedAt",): datetime(2026, 11, 21, 23, 30, tzinfo=timezone(timedelta(hours=11))),
    ("Account", "ABN__c"): "51824753556",
    ("Product2", "ProductCode"): "CONS-01",
}


def evaluate(text: str, record: dict[FieldPath, Value] = DEAL) -> Value:
    return compile_expression(text).evaluate(record.__getitem__)


@pytest.mark.promise("S1-78")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Name", "Acme – Phase 2"),
        ("  Account.ABN__c ", "51824753556"),
        ("BLANKVALUE(Discount, 0)", Decimal(0)),
        ("blankvalue(Empty, Name)", "Acme – Phase 2"),
        ("IF(IsWon && Amount > 1000, 'big', \"small\")", "big"),
        ("If(ISBLANK(Empty), TRUE, false)", True),
        ("CASE(LEFT(Product2.ProductCode, 4), 'CONS', '200', 'PROD', '210', '260')", "200"),
        ("CASE(Discount, NULL, 'none', 'some')", "none"),
        ("AND(IsWon, NOT(ISBLANK(Name)), Amount <> 0)", True),
        ("OR(FALSE, Discount > 1, Name = 'x')", False),
        ("TEXT(Amount) & '/' & TEXT(CloseDate)", "1234.5/2026-11-21"),
        ("TEXT(100.00)", "100"),
        ("TEXT(0 * -1)", "0"),
        ("CONCAT('a', NULL, 'b')", "ab"),
        ("MID('INV-0042', 5, 2) & RIGHT('abc', 0) & RIGHT('abc', 9)", "00abc"),
        ("LEN(TRIM('  ab '))", Decimal(2)),
        ("UPPER('ß') & LOWER('ABC')", "SSabc"),
        ("SUBSTITUTE('a-b-c', '-', '')", "abc"),
        ("CONTAINS(Name, 'Phase') && BEGINS(Name, 'Acme')", True),
        ("ABS(-2.5) + MIN(3, 1, 2) + MAX(1, 4)", Decimal("7.5")),
        ("MIN(1, Discount)", None),
        ("VALUE(' -12.30 ')", Decimal("-12.30")),
        ("VALUE('')", None),
        ("DATEVALUE('2026-02-28') + 1", date(2026, 3, 1)),
        ("DATEVALUE(SignedAt)", date(2026, 11, 21)),
        ("ADDDAYS(CloseDate, -21)", date(2026, 10, 31)),
        ("CloseDate - 21", date(2026, 10, 31)),
        ("CloseDate - DATEVALUE('2026-11-01')", Decimal(20)),
        ("2 ^ 10 - -1", Decimal(1025)),
        ("2 + 3 * 4 = 14 && 'a' & 'b' = 'ab'", True),
        ("!IsWon = FALSE", True),
        ("1 = 1.00", True),
        ("'a' == \"a\" || 1 / 0 > 1", True),
        (r"'it\'s \\ \n'", "it's \\ \n"),
    ],
)
def test_it_gives_what_a_salesforce_formula_gives(text: str, expected: Value) -> None:
    value = evaluate(text)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NULL = ''", True),
        ("Discount = Empty", True),
        ("Discount <> 0", True),
        ("Discount + 1", None),
        ("-Discount", None),
        ("CloseDate + Discount", None),
        ("NULL & 'x'", "x"),
        ("NULL + 'x'", "x"),
        ("NULL & NULL", ""),
        ("Discount < 1", False),
        ("Discount >= 0", False),
        ("IF(Discount, 1, 2)", Decimal(2)),
        ("ROUND(Discount, 2)", None),
    ],
)
def test_blank_follows_salesforce(text: str, expected: Value) -> None:
    assert evaluate(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2.345, 2", "2.35"), ("-2.345, 2", "-2.35"), ("2.5, 0", "3"), ("1250, -2", "1300"), ("-0.004, 2", "0.00")],
)
def test_round_takes_halves_away_from_zero(text: str, expected: str) -> None:
    assert str(evaluate(f"ROUND({text})")) == expected


@pytest.mark.parametrize("text", ["0 * -1", "-0", "0 / -4", "TEXT(-0.00)", "ROUND(-0.4, 0)"])
def test_there_is_no_negative_nought(text: str) -> None:
    assert str(evaluate(text)) == "0"


def test_only_what_is_needed_is_worked_out() -> None:
    for text in ("IF(TRUE, 1, 1 / 0)", "CASE(1, 1, 1, 1 / 0, 2, 3)", "BLANKVALUE(1, 1 / 0)"):
        assert evaluate(text) == 1
    assert evaluate("AND(FALSE, 1 / 0 = 1)") is False
    assert evaluate("OR(TRUE, 1 / 0 = 1)") is True
    assert evaluate("FALSE && 1 / 0 = 1") is False


def test_every_path_is_named_even_those_not_taken() -> None:
    expression = compile_expression("IF(TRUE, CloseDate, Account.Renewal__c) & BLANKVALUE(NULL, 'Name')")
    assert expression.paths == {("CloseDate",), ("Account", "Renewal__c")}
    assert compile_expression("1 + 1").paths == frozenset()


def test_equal_texts_are_equal_expressions() -> None:
    place = Place("crossfoot.yaml", 4, 9)
    assert compile_expression("Name", place) == compile_expression("Name")
    assert len({compile_expression("Name"), compile_expression("Name", place), compile_expression("Id")}) == 2


def test_a_condition_must_be_one() -> None:
    assert compile_expression("IsWon").holds(DEAL.__getitem__) is True
    assert compile_expression("Discount").holds(DEAL.__getitem__) is False
    with pytest.raises(ExpressionError, match=r'Compare it, as in field = "Yes"'):
        compile_expression("Name").holds(DEAL.__getitem__)


REFUSED = {
    "": "is empty",
    " \n ": "is empty",
    "Name.upper()": "A value has no methods",
    "a.__class__": "no access to anything inside a value",
    "().__class__.__bases__": "no access to anything inside a value",
    "__import__('os')": "Field names begin with a letter",
    "_private": "Field names begin with a letter",
    "import os": "cannot import",
    "lambda x: x": "cannot define functions",
    "[x for x in y]": "no list",
    "(x for x in y)": "Two values stand side by side|no loops",
    "{'a': 1}": "no merge fields",
    "x[0]": "no indexing",
    "f'{x}'": "side by side",
    "'%s' % x": "no remainder",
    "x := 1": "cannot give a name",
    "a if b else c": "IF is a function",
    "a and b": "a && b",
    "a in b": "no `in`",
    "a is NULL": "no `is`",
    "Stage like 'x'": "no LIKE",
    "None": "Blank is written NULL",
    "2 ** 3": r"written with `\^`",
    "7 // 2": "no whole division",
    "a /* why */": "Comments",
    "a # why": "comment",
    "$User.Id": "Global variables",
    "a ~ b": "Similarity",
    "a ? b : c": "IF\\(condition",
    "a | b": "Or is written",
    "a; b": "one value",
    "“curly”": "straight quotes",
    "1e400": "plain decimals",
    "0x10": "plain decimals",
    "1_000": "plain decimals",
    "1.2.3": "plain decimals",
    "٣": "no meaning outside a quoted text",
    "ｅval": "no meaning outside a quoted text",
    "a\x00b": r"U\+0000",
    "'open": "no closing '",
    r"'\x41'": "not known inside a text",
    "a b": "side by side",
    "'it''s'": "side by side",
    "a = ": "missing at the end",
    "* a": "missing before this `\\*`",
    "(a": "never closed",
    "IF(a, b,": "never closed",
    "a)": "no opening one",
    "(a, b)": "no lists",
    "a < b < c": "two values at a time",
    "TODAY() + 1": "must not depend on the day it is planned",
    "NOW()": "must not depend on the day it is planned",
    "ISPICKVAL(a, 'b')": "A picklist is its text",
    "eval('1')": "no function eval",
    "BLANKVALU(a, b)": "Did you mean BLANKVALUE",
    "ROUND(a)": r"written ROUND\(number, digits\)",
    "CASE(a, b, c, d, e)": "cannot take 5",
    "A.b.c.d.e.f.g": "5 relationships",
    "9" * 31: "30 digits",
    "a" * 2001: "longer than 2000",
    "(" * 41 + "a" + ")" * 41: "more than 40 deep",
    "-" * 300 + "a": "too deeply nested",
    "a" + "+a" * 200: "too deeply nested",
    "a" + "+a" * 900: "more than 600 parts",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:24]))
def test_every_refused_construct_has_its_own_sentence(text: str) -> None:
    with pytest.raises(ExpressionError, match=REFUSED[text]):
        compile_expression(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Amount = '10'", r"number is needed here, not the text `10`.*VALUE\(\)"),
        ("Name + 1", r"text is needed.*TEXT\(\)"),
        ("Name & IsWon", "IF\\(field"),
        ("Name * 2", "number is needed"),
        ("3 * 'ab'", "number is needed"),
        ("IsWon > FALSE", "neither less nor more"),
        ("CloseDate < SignedAt", "is needed"),
        ("'PO ' + CloseDate", "Use & to join texts"),
        ("CloseDate = 'soon'", r"the text `soon`.*TEXT\(\)"),
        ("SignedAt - SignedAt", r"DATEVALUE\(\) on both"),
        ("CloseDate + 0.5", "whole number"),
        ("CloseDate * 2", "number is needed"),
        ("ADDDAYS(CloseDate, 99999) + 99999 * 40", "whole number"),
        ("DATEVALUE('9999-12-31') + 1", "years 1 to 9999"),
        ("DATEVALUE('20261121')", "date such as"),
        ("VALUE('1,000')", "plain number"),
        ("VALUE('-+5')", "plain number"),
        ("VALUE('NaN')", "plain number"),
        ("IF(Name, 1, 2)", "checkbox is needed"),
        ("1 / 0", "Division by zero"),
        ("0 / 0", "not a number"),
        ("9 ^ 99", "from 0 to 12"),
        ("2 ^ 0.5", "whole number"),
        ("999999999 ^ 12", "not a number that can be held"),
        ("Missing", "no field Missing"),
        ("Missing & ''", "no field Missing"),
        ("LEFT(Name, 1 / 3)", "whole number"),
    ],
)
def test_a_value_that_does_not_suit_is_explained(text: str, sentence: str) -> None:
    with pytest.raises(ExpressionError, match=sentence):
        evaluate(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'PO ' & Number__c", "PO 2026-11-21"),
        ("LEFT(Number__c, 4)", "2026"),
        ("Number__c = '2026-11-21'", True),
        ("'2026-11-22' <> Number__c", True),
        ("CASE(Number__c, '2026-11-21', 'a', 'b')", "a"),
    ],
)
def test_a_field_of_text_may_hold_what_reads_as_a_day(text: str, expected: Value) -> None:
    assert evaluate(text, {("Number__c",): date(2026, 11, 21)}) == expected


def test_texts_cannot_be_made_to_grow_without_end() -> None:
    record: dict[FieldPath, Value] = {("T",): "a" * 100_000}
    for text in ("T & T", "CONCAT(T, T)", "SUBSTITUTE(T, 'a', 'bbb')"):
        with pytest.raises(ExpressionError, match="longer than 131072"):
            evaluate(text, record)
    assert evaluate("LEFT(T, 2)", record) == "aa"


@pytest.mark.parametrize(
    "value",
    [1.5, float("nan"), Decimal("NaN"), Decimal("1E+999"), b"x", ["x"], {}, ast, datetime(2026, 1, 1)],  # noqa: DTZ001
)
@pytest.mark.parametrize("text", ["F", "BLANKVALUE(F, 1)"])
def test_a_field_of_an_inexact_or_unknown_kind_is_refused(value: Any, text: str) -> None:
    with pytest.raises(ExpressionError, match="F"):
        evaluate(text, {("F",): value})


def test_an_error_shows_its_place_and_the_part_meant() -> None:
    place = Place("crossfoot.yaml", 31, 18)
    expression = compile_expression("Name &\n  ROUND( (Name), 2) & 'x'", place)
    with pytest.raises(NeedsPerson) as caught:
        expression.evaluate(DEAL.__getitem__)
    first, text, carets = str(caught.value).splitlines()
    assert first.startswith("crossfoot.yaml:31:18: A number is needed here")
    assert text[carets.index("^") : carets.rindex("^") + 1] == "ROUND( (Name), 2)"
    assert isinstance(caught.value, ExpressionError)
    assert caught.value.place == place


def test_arithmetic_does_not_use_the_threads_context() -> None:
    with localcontext() as context:
        context.prec = 3
        assert evaluate("1234.5678 + 0.0001 - Amount") == Decimal("0.0679")
        assert evaluate("-Amount") == Decimal("-1234.5")


money = st.decimals(min_value=-(10**14), max_value=10**14, places=4, allow_nan=False)


@settings(deadline=None)
@given(money, money)
def test_sums_differences_and_products_are_exact(a: Decimal, b: Decimal) -> None:
    record: dict[FieldPath, Value] = {("A",): a, ("B",): b}
    with localcontext() as exact:
        exact.prec = 80
        assert evaluate("A + B", record) == a + b
        assert evaluate("A - B", record) == a - b
        assert evaluate("A * B", record) == a * b


@settings(deadline=None)
@given(st.from_regex(r"[0-9]{1,15}(\.[0-9]{1,14})?", fullmatch=True))
def test_a_number_is_the_decimal_that_was_written(text: str) -> None:
    assert str(evaluate(text)) == str(Decimal(text))


VALUES = ["Name", "Amount", "IsWon", "CloseDate", "Discount", "SignedAt", "'2026-01-01'", "2", "-1", "NULL"]
SIGNS = ["+", "-", "*", "/", "^", "&", "=", "<>", "<", ">=", "&&", "||"]
pieces = st.sampled_from([*FUNCTIONS, *VALUES, *SIGNS, "(", ")", ",", "!", " ", ".", "__class__", "Account.ABN__c"])
calls = st.recursive(
    st.sampled_from(VALUES),
    lambda inner: st.one_of(
        st.builds(
            lambda name, arguments: f"{name}({', '.join(arguments)})",
            st.sampled_from(sorted(FUNCTIONS)),
            st.lists(inner, min_size=1, max_size=4),
        ),
        st.builds(lambda a, sign, b: f"({a} {sign} {b})", inner, st.sampled_from(SIGNS), inner),
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(pieces, max_size=12).map("".join), calls))
@example("((((" * 9 + "IF(AND(IsWon, TRUE), Amount, 0)" + "))))" * 9)
def test_nothing_but_an_expression_error_comes_out(text: str) -> None:
    try:
        value = evaluate(text)
    except ExpressionError:
        return
    assert value is None or isinstance(value, str | Decimal | bool | date)


def test_the_deepest_expression_allowed_still_works_out() -> None:
    assert evaluate("AND(" * 40 + "IsWon" + ")" * 40) is True
    assert evaluate(" & ".join(["'a'"] * 79)) == "a" * 79


def test_moments_are_aware() -> None:
    assert evaluate("S", {("S",): datetime(2026, 1, 1, tzinfo=UTC)}) == datetime(2026, 1, 1, tzinfo=UTC)


def test_the_reference_page_is_current() -> None:
    path = Path(__file__).parents[3] / "docs" / "reference" / "expressions.md"
    page = path.read_text(encoding="utf-8")
    assert all(f"`{row.usage}`" in page for row in FUNCTIONS.values())
    assert renew(page) == page, "run: python -m crossfoot.mapping.reference docs/reference/expressions.md"
