"""What mapping expressions can do: the operators and functions, named and behaving as Salesforce formulas do.

Two tables, `OPERATORS` and `FUNCTIONS`; a function is added by adding its row. Blank follows Salesforce: a blank text
and no value are the same, arithmetic on blank is blank, blank joined to a text adds nothing, and blank is neither
less nor more than anything. All arithmetic is Decimal, to 60 significant digits in a context of its own.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, DecimalException, DivisionByZero, InvalidOperation, Overflow
from types import MappingProxyType
from typing import Any

from crossfoot.mapping.formula_syntax import NUMBER_DIGITS_MAX, Value

RESULT_CHARS_MAX = 131_072  # as long as Salesforce's longest text field
EXPONENT_MAX = 12
ROUND_DIGITS_MAX = 15
ARITHMETIC = Context(
    prec=60, rounding=ROUND_HALF_UP, Emin=-60, Emax=60, traps=[DivisionByZero, InvalidOperation, Overflow]
)

Thunk = Callable[[], Value]


class Refused(Exception):
    """A value does not suit what is done with it. The evaluator adds where; the reader sees an `ExpressionError`."""


@dataclass(frozen=True, slots=True)
class Function:
    """A row of the function table. ``lazy`` functions get their arguments unevaluated and take only those they need."""

    usage: str
    purpose: str
    call: Callable[..., Value]
    arguments_min: int
    arguments_max: int
    lazy: bool = False

    @property
    def name(self) -> str:
        """Its name in capitals."""
        return self.usage.partition("(")[0]

    def takes(self, count: int) -> bool:
        """Whether it can be called with ``count`` arguments."""
        return self.arguments_min <= count <= self.arguments_max and (self.name != "CASE" or count % 2 == 0)


def kind_of(value: Value) -> str:
    """The kind of a value in a reader's words."""
    return "blank" if is_blank(value) else _KINDS[type(value)]


_KINDS = {str: "text", Decimal: "number", bool: "checkbox", date: "date", datetime: "date and time"}


def is_blank(value: Value) -> bool:
    """No value, or a text of no characters."""
    return value is None or value == ""


def show(value: Value) -> str:
    """A value in a message, short."""
    if is_blank(value):
        return "a blank"
    shown = str(value)
    return f"the {kind_of(value)} `{shown if len(shown) <= 40 else shown[:39] + '…'}`"


_HINTS = {
    ("number", "text"): " Use VALUE() to read a number from a text.",
    ("text", "number"): " Use TEXT() to write a number as text.",
    ("text", "date and time"): " Use TEXT() to write a date as text.",
    ("text", "checkbox"): ' Use IF(field, "Yes", "No") to write a checkbox as text.',
    ("date", "text"): " Use DATEVALUE() to read a date from a text, or TEXT() on a field of text that may hold a date.",
    ("date", "date and time"): " Use DATEVALUE() to take the date of it.",
    ("checkbox", "text"): ' Compare it, as in field = "Yes".',
    ("checkbox", "number"): " Compare it, as in field > 0.",
}


def _refuse(wanted: str, value: Value) -> Refused:
    return Refused(f"A {wanted} is needed here, not {show(value)}.{_HINTS.get((wanted, kind_of(value)), '')}")


def number(value: Value) -> Decimal | None:
    """``value`` as a number; blank stays blank."""
    if isinstance(value, Decimal):
        return value
    if is_blank(value):
        return None
    raise _refuse("number", value)


def text(value: Value) -> str:
    """``value`` as a text; blank is the text of no characters. A day is its digits, since a field of text may hold what
    reads as one."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if _is_day(value):
        return str(value)
    raise _refuse("text", value)


def _is_day(value: Value) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _is_day_in_text(value: Value) -> bool:
    if not isinstance(value, str) or len(value) != len("2026-11-21"):
        return False
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def flag(value: Value) -> bool:
    """``value`` as a condition; blank is false."""
    if isinstance(value, bool):
        return value
    if is_blank(value):
        return False
    raise _refuse("checkbox", value)


def whole(value: Value, least: int, most: int) -> int:
    """``value`` as a whole number within limits; blank is nought."""
    given = number(value) or Decimal(0)
    if given != given.to_integral_value() or not least <= given <= most:
        raise Refused(f"A whole number from {least} to {most} is needed here, not {show(given)}.")
    return int(given)


def bounded(result: str) -> str:
    """``result``, unless it is longer than any field could hold."""
    if len(result) > RESULT_CHARS_MAX:
        raise Refused(f"The resulting text is longer than {RESULT_CHARS_MAX} characters.")
    return result


def _arithmetic(compute: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Value, Value], Value]:
    def apply(left: Value, right: Value) -> Value:
        a, b = number(left), number(right)
        if a is None or b is None:
            return None
        try:
            return ARITHMETIC.plus(compute(a, b))  # plus: there is no negative nought in a document
        except DivisionByZero:
            raise Refused("Division by zero; guard it with IF(divisor = 0, ...).") from None
        except DecimalException:
            raise Refused("The result is not a number that can be held (beyond 60 digits, or 0 / 0).") from None

    return apply


def _add(left: Value, right: Value) -> Value:
    for day, other in ((left, right), (right, left)):
        if isinstance(day, date) and isinstance(other, str) and other:
            raise Refused(f"To a date days are added, not {show(other)}. Use & to join texts, or VALUE().")
        if isinstance(day, date):
            return add_days(day, other)
    if isinstance(left, str) or isinstance(right, str):
        return join(left, right)
    return _sum(left, right)


def _subtract(left: Value, right: Value) -> Value:
    if not isinstance(left, date):
        return _difference(left, right)
    if isinstance(right, date):
        if isinstance(left, datetime) or isinstance(right, datetime):
            raise Refused("The days between two moments depend on a time zone; use DATEVALUE() on both.")
        return Decimal((left - right).days)
    days = number(right)
    return None if days is None else add_days(left, ARITHMETIC.minus(days))


def _raise_power(base: Decimal, exponent: Decimal) -> Decimal:
    return ARITHMETIC.power(base, whole(exponent, 0, EXPONENT_MAX))


def join(*parts: Value) -> str:
    """The texts one after another; blank adds nothing."""
    return bounded("".join([text(part) for part in parts]))


def same(left: Value, right: Value) -> bool:
    """Whether two values are equal. Blank equals blank; values of two kinds are an error, not a silent "no"."""
    if is_blank(left) or is_blank(right):
        return is_blank(left) and is_blank(right)
    if (_is_day(left) and _is_day_in_text(right)) or (_is_day(right) and _is_day_in_text(left)):
        return text(left) == text(right)
    if kind_of(left) != kind_of(right):
        raise _refuse(kind_of(left), right)
    return left == right


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Value, Value], bool]:
    def apply(left: Value, right: Value) -> bool:
        for value in (left, right):
            if isinstance(value, bool):
                raise Refused("A checkbox is neither less nor more than anything; compare it with `=`.")
        if is_blank(left) or is_blank(right):
            return False
        if kind_of(left) != kind_of(right):
            raise _refuse(kind_of(left), right)
        return compare(left, right)

    return apply


def _sign(apply: Callable[[Decimal], Decimal]) -> Callable[[Value], Value]:
    def signed(value: Value) -> Value:
        given = number(value)
        return None if given is None else apply(given)

    return signed


_sum = _arithmetic(ARITHMETIC.add)
_difference = _arithmetic(ARITHMETIC.subtract)

OPERATORS: Mapping[type[ast.AST], Callable[..., Value]] = MappingProxyType(
    {
        ast.Add: _add,
        ast.Sub: _subtract,
        ast.Mult: _arithmetic(ARITHMETIC.multiply),
        ast.Div: _arithmetic(ARITHMETIC.divide),
        ast.Pow: _arithmetic(_raise_power),
        ast.BitAnd: join,
        ast.Eq: same,
        ast.NotEq: lambda left, right: not same(left, right),
        ast.Lt: _ordered(operator.lt),
        ast.LtE: _ordered(operator.le),
        ast.Gt: _ordered(operator.gt),
        ast.GtE: _ordered(operator.ge),
        ast.USub: _sign(ARITHMETIC.minus),
        ast.UAdd: _sign(ARITHMETIC.plus),
        ast.Invert: lambda value: not flag(value),
    }
)


def _if(condition: Thunk, then: Thunk, otherwise: Thunk) -> Value:
    return then() if flag(condition()) else otherwise()


def _blank_value(value: Thunk, substitute: Thunk) -> Value:
    given = value()
    return substitute() if is_blank(given) else given


def _case(value: Thunk, *rest: Thunk) -> Value:
    given = value()
    for match, result in zip(rest[:-1:2], rest[1::2], strict=True):
        if same(given, match()):
            return result()
    return rest[-1]()


def _write_text(value: Value) -> str:
    if isinstance(value, bool):
        raise _refuse("text", value)
    if isinstance(value, Decimal):
        plain = format(ARITHMETIC.plus(value), "f")
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    return value.isoformat() if isinstance(value, date) else text(value)


def round_half_up(value: Value, digits: Value = None) -> Value:
    """``value`` to ``digits`` decimals, halves away from zero; negative digits round to tens, hundreds and so on."""
    given = number(value)
    if given is None:
        return None
    places = whole(digits, -ROUND_DIGITS_MAX, ROUND_DIGITS_MAX)
    try:
        rounded = ARITHMETIC.plus(given.quantize(Decimal(1).scaleb(-places), context=ARITHMETIC))
        return rounded if places >= 0 else rounded.quantize(Decimal(1), context=ARITHMETIC)
    except DecimalException:
        raise Refused("The number has too many digits to be rounded.") from None


def _middle(value: Value, start: Value, count: Value) -> str:
    first = whole(start, 1, RESULT_CHARS_MAX) - 1
    return text(value)[first : first + whole(count, 0, RESULT_CHARS_MAX)]


def _right(value: Value, count: Value) -> str:
    given, wanted = text(value), whole(count, 0, RESULT_CHARS_MAX)
    return given[max(0, len(given) - wanted) :]


def _substitute(value: Value, old: Value, new: Value) -> str:
    given, before, after = text(value), text(old), text(new)
    if not before:
        return given
    if len(given) + given.count(before) * (len(after) - len(before)) > RESULT_CHARS_MAX:
        raise Refused(f"The resulting text is longer than {RESULT_CHARS_MAX} characters.")
    return given.replace(before, after)


def _of_numbers(choose: Callable[..., Decimal]) -> Callable[..., Value]:
    def apply(*values: Value) -> Value:
        numbers = [number(value) for value in values]
        present = [given for given in numbers if given is not None]
        return choose(present) if len(present) == len(numbers) else None

    return apply


_PLAIN_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")


def _read_number(value: Value) -> Value:
    given = text(value).strip()
    if not given:
        return None
    if not _PLAIN_NUMBER.fullmatch(given) or len(given) > NUMBER_DIGITS_MAX:
        raise Refused(f"A plain number such as 1250.50 is needed here, not {show(given)}.")
    return Decimal(given)


def _read_date(value: Value) -> Value:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date) or is_blank(value):
        return value or None
    given = text(value).strip()
    try:
        if len(given) == len("2026-11-21"):
            return date.fromisoformat(given)
    except ValueError:
        pass
    raise Refused(f"A date such as 2026-11-21 is needed here, not {show(given)}.")


def add_days(value: Value, days: Value) -> Value:
    """A date moved by whole days; blank if either is blank."""
    if is_blank(value) or is_blank(days):
        return None
    if not isinstance(value, date):
        raise _refuse("date", value)
    try:
        return value + timedelta(days=whole(days, -100_000, 100_000))
    except OverflowError:
        raise Refused("The date falls outside the years 1 to 9999.") from None


_MANY = 50

_ROWS = (
    Function("IF(condition, value, other)", "`value` if the condition holds, else `other`.", _if, 3, 3, lazy=True),
    Function("ISBLANK(value)", "Whether there is no value.", is_blank, 1, 1),
    Function("BLANKVALUE(value, substitute)", "`substitute` where `value` is blank.", _blank_value, 2, 2, lazy=True),
    Function(
        "CASE(value, match, result, …, other)",
        "The result beside the first match that equals `value`, else `other`.",
        _case,
        4,
        2 * _MANY,
        lazy=True,
    ),
    Function(
        "AND(condition, …)", "Whether all hold.", lambda *all_: all(flag(each()) for each in all_), 1, _MANY, lazy=True
    ),
    Function("OR(condition, …)", "Whether any holds.", lambda *any_: any(flag(x()) for x in any_), 1, _MANY, lazy=True),
    Function("NOT(condition)", "Whether it does not hold.", lambda value: not flag(value), 1, 1),
    Function(
        "TEXT(value)",
        "A number without padding (`12.5`), a date as `2026-11-21`, or a picklist's value, as text.",
        _write_text,
        1,
        1,
    ),
    Function("CONCAT(text, …)", "The texts one after another, as `&` does.", join, 1, _MANY),
    Function(
        "LEFT(text, count)", "The first characters.", lambda value, count: _middle(value, Decimal(1), count), 2, 2
    ),
    Function("RIGHT(text, count)", "The last characters.", _right, 2, 2),
    Function("MID(text, start, count)", "Characters from `start`, which counts from 1.", _middle, 3, 3),
    Function("LEN(text)", "How many characters.", lambda value: Decimal(len(text(value))), 1, 1),
    Function("UPPER(text)", "In capitals.", lambda value: text(value).upper(), 1, 1),
    Function("LOWER(text)", "In small letters.", lambda value: text(value).lower(), 1, 1),
    Function("TRIM(text)", "Without blanks at either end.", lambda value: text(value).strip(), 1, 1),
    Function("SUBSTITUTE(text, old, new)", "With each `old` replaced by `new`.", _substitute, 3, 3),
    Function("CONTAINS(text, part)", "Whether `part` occurs in it.", lambda a, b: text(b) in text(a), 2, 2),
    Function("BEGINS(text, part)", "Whether it begins with `part`.", lambda a, b: text(a).startswith(text(b)), 2, 2),
    Function("ROUND(number, digits)", "To that many decimals, halves away from zero.", round_half_up, 2, 2),
    Function("ABS(number)", "Without its sign.", _sign(ARITHMETIC.abs), 1, 1),
    Function("MIN(number, …)", "The smallest; blank if any is blank.", _of_numbers(min), 1, _MANY),
    Function("MAX(number, …)", "The largest; blank if any is blank.", _of_numbers(max), 1, _MANY),
    Function("VALUE(text)", "The number that a text holds; blank for a blank text.", _read_number, 1, 1),
    Function(
        "DATEVALUE(value)",
        "The date that a text such as `2026-11-21` holds, or the day of a date and time in the time zone it carries.",
        _read_date,
        1,
        1,
    ),
    Function("ADDDAYS(date, days)", "The date moved by whole days, as `date + days` does.", add_days, 2, 2),
)

FUNCTIONS: Mapping[str, Function] = MappingProxyType({row.name: row for row in _ROWS})

_DAY = "A document must not depend on the day it is planned; use a date of the record."
_ISBLANK = "Use ISBLANK(value)."
_PICKLIST = 'A picklist is its text here; write field = "value".'
_CHANGE = "A document depends on the record as it is, not on what it was."

REFUSED_FUNCTIONS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("TODAY", "NOW", "TIMENOW"), _DAY),
        **dict.fromkeys(("ISCHANGED", "ISNEW", "PRIORVALUE"), _CHANGE),
        "ISNULL": _ISBLANK,
        "NULLVALUE": "Use BLANKVALUE(value, substitute).",
        "ISPICKVAL": _PICKLIST,
        "REGEX": "Patterns are not available; use BEGINS, CONTAINS, LEFT, MID and RIGHT.",
        "FORMAT": "How a value is shown depends on the reader; use TEXT(value).",
        "VLOOKUP": "Other records are reached by their relationship, as in Account.Name.",
    }
)


def functions_table() -> str:
    """The function table of the reference page, in Markdown."""
    rows = [f"| `{row.usage}` | {row.purpose} |" for row in FUNCTIONS.values()]
    return "\n".join(["| Function | Gives |", "|---|---|", *rows])


def refused_functions_table() -> str:
    """Salesforce functions that are refused, with the reason, in Markdown."""
    rows = [f"| `{name}` | {reason} |" for name, reason in REFUSED_FUNCTIONS.items()]
    return "\n".join(["| Not available | Instead |", "|---|---|", *rows])
