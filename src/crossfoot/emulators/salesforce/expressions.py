"""The platform's formula language, for formula fields and for the conditions of deployed validation rules (SF 8.4).

A formula is compiled once against the object that it belongs to. What the emulator does not know is refused at that
time, by name. Text that is missing is empty, a number that is missing stays missing and makes what is computed of it
missing too, as with ``formulaTreatBlanksAs`` BlankAsBlank.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

from crossfoot.emulators.salesforce.schema import Field, Schema, SObject
from crossfoot.emulators.salesforce.values import canonical, render, round_half_up

if TYPE_CHECKING:
    from crossfoot.emulators.salesforce.world import Row, World

CHARS_MAX = 3_900
DEPTH_MAX = 60
_TOKEN = re.compile(
    r'\s*(?:(?P<number>\d+(?:\.\d+)?|\.\d+)|"(?P<double>(?:[^"\\]|\\.)*)"|\'(?P<single>(?:[^\'\\]|\\.)*)\''
    r"|(?P<name>\$?[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*)"
    r"|(?P<sign><>|!=|<=|>=|==|&&|\|\||[-+*/^&=<>!(),])|/\*.*?\*/)",
    re.DOTALL,
)


class ExpressionError(Exception):
    """A formula does not compile; the message says why."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a formula may look at beside its row: who saves, when, and the row as it was; None when it is only read."""

    world: World
    reader: Callable[[World, Field], Callable[[Row], Any]]
    permissions: frozenset[str] = frozenset()
    now: datetime | None = None
    old: Row | None = None
    user_id: str = ""


Evaluate = Callable[[Moment, "Row"], Any]


def compile_expression(schema: Schema, sobject: SObject, text: str, *, saving: bool = False) -> Evaluate:
    """The formula as a function. ``saving`` allows what only a save knows: ISNEW, TODAY, $Permission and the like."""
    if len(text) > CHARS_MAX:
        raise ExpressionError(f"Compiled formula is too big: {len(text)} characters (maximum {CHARS_MAX})")
    parser = _Parser(schema, sobject, text, saving=saving)
    made = parser.expression(0)
    parser.expect_end()
    return made


class _Parser:
    def __init__(self, schema: Schema, sobject: SObject, text: str, *, saving: bool) -> None:
        self._schema = schema
        self._sobject = sobject
        self._saving = saving
        self._tokens = list(_tokens(text))
        self._depth = 0

    def expression(self, binding: int) -> Evaluate:
        """An operand, and operators that bind more tightly than ``binding``."""
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise ExpressionError("Syntax error: nested too deeply")
        left = self._operand()
        while self._tokens and self._tokens[0][0] == "sign" and _BINDING.get(self._tokens[0][1], -1) > binding:
            sign = self._tokens.pop(0)[1]
            left = _infix(sign, left, self.expression(_BINDING[sign]))
        self._depth -= 1
        return left

    def expect_end(self) -> None:
        if self._tokens:
            raise ExpressionError(f"Syntax error. Extra {self._tokens[0][1]}")

    def _operand(self) -> Evaluate:
        if not self._tokens:
            raise ExpressionError("Syntax error. Found end of formula")
        kind, text = self._tokens.pop(0)
        if kind == "number":
            value = Decimal(text)
            return lambda _moment, _row: value
        if kind == "text":
            return lambda _moment, _row: text
        if kind == "name":
            return self._named(text)
        if text == "(":
            inner = self.expression(0)
            self._expect(")")
            return inner
        if text in {"-", "+", "!"}:
            return _prefix(text, self.expression(_BINDING["^"]))
        raise ExpressionError(f"Syntax error. Found {text}")

    def _expect(self, sign: str) -> None:
        if not self._tokens or self._tokens.pop(0) != ("sign", sign):
            raise ExpressionError(f"Syntax error. Missing '{sign}'")

    def _named(self, name: str) -> Evaluate:
        if name.upper() in _CONSTANTS:
            value = _CONSTANTS[name.upper()]
            return lambda _moment, _row: value
        if self._tokens and self._tokens[0] == ("sign", "("):
            return self._call(name.upper())
        if name.lower().startswith("$permission.") and self._saving:
            wanted = name.partition(".")[2].lower()
            return lambda moment, _row: wanted in moment.permissions
        if name.lower() == "$user.id" and self._saving:
            return lambda moment, _row: moment.user_id
        return self._field(name)

    def _call(self, name: str) -> Evaluate:
        self._tokens.pop(0)
        arguments: list[Evaluate] = []
        first = self._tokens[0] if self._tokens else ("", "")
        while self._tokens and self._tokens[0] != ("sign", ")"):
            arguments.append(self.expression(0))
            if self._tokens and self._tokens[0] == ("sign", ","):
                self._tokens.pop(0)
            elif self._tokens[:1] != [("sign", ")")]:
                raise ExpressionError("Syntax error. Missing ')'")
        self._expect(")")
        if name in _LAZY:
            return _LAZY[name](arguments)
        if self._saving and name in {"ISCHANGED", "PRIORVALUE"} and len(arguments) == 1 and first[0] == "name":
            return _of_before(name, arguments[0])
        known = _FUNCTIONS.get(name) or (_SAVING_FUNCTIONS.get(name) if self._saving else None)
        if known is None:
            raise ExpressionError(f"The emulator does not know the function {name} here")
        least, most, function = known
        if not least <= len(arguments) <= most:
            raise ExpressionError(f"Incorrect number of parameters for function '{name}()'. Received {len(arguments)}")
        return lambda moment, row: function(moment, *(each(moment, row) for each in arguments))

    def _field(self, name: str) -> Evaluate:
        """A field of the object, or through relationships of a parent."""
        owner, steps = self._sobject, []
        *path, last = name.split(".")
        for each in path:
            parent = owner.parent(each)
            if parent is None:
                raise ExpressionError(f"Field {each} does not exist. Check spelling.")
            steps.append(parent)
            owner = self._schema.objects[parent.reference_to[0].lower()]
        field = owner.field(last)
        if field is None:
            raise ExpressionError(f"Field {last} does not exist. Check spelling.")
        return _follow(steps, field)


def _follow(steps: Sequence[Field], field: Field) -> Evaluate:
    def read(moment: Moment, row: Row) -> Any:
        for step in steps:
            found = moment.world.row(step.reference_to[0], row.get(step.name))
            if found is None:
                return False if field.type == "boolean" else None
            row = found
        return moment.reader(moment.world, field)(row)

    return read


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"Syntax error. Found {text[at:].strip()[0]}")
        at = match.end()
        kind, value = match.lastgroup, match.group(match.lastgroup or 0)
        if kind in {"double", "single"}:
            found.append(("text", re.sub(r"\\(.)", r"\1", value)))
        elif kind:
            found.append((kind, value))
    return found


_CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}
_BINDING = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("=", "==", "<>", "!="), 3),
    **dict.fromkeys(("<", ">", "<=", ">="), 4),
    **dict.fromkeys(("+", "-", "&"), 5),
    **dict.fromkeys(("*", "/"), 6),
    "^": 7,
}
_ORDERED: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "*": operator.mul,
    "^": operator.pow,
}


def _infix(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    if sign == "&&":
        return lambda moment, row: bool(left(moment, row)) and bool(right(moment, row))
    if sign == "||":
        return lambda moment, row: bool(left(moment, row)) or bool(right(moment, row))
    return lambda moment, row: _combine(sign, left(moment, row), right(moment, row))


def _combine(sign: str, left: Any, right: Any) -> Any:
    if sign in {"=", "==", "<>", "!="}:
        return (_plain(left) == _plain(right)) is (sign in {"=", "=="})
    if sign == "&" or (sign == "+" and isinstance(left if left is not None else right, str)):
        return _text(left) + _text(right)
    if left is None or right is None:
        return False if sign in {"<", "<=", ">", ">="} else None
    if sign in {"+", "-"}:
        return _shift(left, right if sign == "+" else -right if not isinstance(right, date) else right)
    if sign == "/":
        return None if right == 0 else Decimal(left) / Decimal(right)
    return _ORDERED[sign](left, right)


def _shift(left: Any, right: Any) -> Any:
    """Numbers add up; a date moves by whole days; two dates differ by days."""
    if isinstance(left, date) and isinstance(right, date):
        return Decimal((left - right).days)
    if isinstance(left, date):
        return type(left).fromordinal(left.toordinal() + int(right)) if type(left) is date else left
    return left + right


def _prefix(sign: str, inner: Evaluate) -> Evaluate:
    if sign == "!":
        return lambda moment, row: not inner(moment, row)

    def signed(moment: Moment, row: Row) -> Any:
        value = inner(moment, row)
        return value if value is None or sign == "+" else -value

    return signed


def _plain(value: Any) -> Any:
    return "" if value is None else value


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "" if value is None else str(render(value))


def _if(parts: Sequence[Evaluate]) -> Evaluate:
    if len(parts) != 3:
        raise ExpressionError(f"Incorrect number of parameters for function 'IF()'. Received {len(parts)}")
    test, then, otherwise = parts
    return lambda moment, row: then(moment, row) if test(moment, row) else otherwise(moment, row)


def _case(parts: Sequence[Evaluate]) -> Evaluate:
    if len(parts) < 4 or len(parts) % 2:
        raise ExpressionError(f"Incorrect number of parameters for function 'CASE()'. Received {len(parts)}")

    def choose(moment: Moment, row: Row) -> Any:
        value = _plain(parts[0](moment, row))
        for test, then in zip(parts[1:-1:2], parts[2:-1:2], strict=True):
            if _plain(test(moment, row)) == value:
                return then(moment, row)
        return parts[-1](moment, row)

    return choose


def _of_before(name: str, field: Evaluate) -> Evaluate:
    """ISCHANGED and PRIORVALUE. A row that is new has not changed."""

    def read(moment: Moment, row: Row) -> Any:
        before = field(moment, moment.old if moment.old is not None else row)
        return before if name == "PRIORVALUE" else before != field(moment, row)

    return read


def _rounded(_: Moment, value: Any, places: Any) -> Any:
    return None if value is None else round_half_up(Decimal(value), int(places))


def _date_part(part: str) -> Callable[[Moment, Any], Any]:
    return lambda _moment, value: None if value is None else Decimal(getattr(value, part))


def _known(value: Any, then: Callable[[Any], Any]) -> Any:
    return None if value is None else then(value)


_LAZY: Mapping[str, Callable[[Sequence[Evaluate]], Evaluate]] = {
    "IF": _if,
    "CASE": _case,
    "AND": lambda parts: lambda moment, row: all(each(moment, row) for each in parts),
    "OR": lambda parts: lambda moment, row: any(each(moment, row) for each in parts),
}
# Name: fewest and most arguments, and the function of the moment and their values.
_FUNCTIONS: Mapping[str, tuple[int, int, Callable[..., Any]]] = {
    "ABS": (1, 1, lambda _, value: _known(value, abs)),
    "BEGINS": (2, 2, lambda _, text, start: _text(text).startswith(_text(start))),
    "BLANKVALUE": (2, 2, lambda _, value, default: default if value in {None, ""} else value),
    "CEILING": (1, 1, lambda _, value: _known(value, lambda known: known.to_integral_value(ROUND_CEILING))),
    "CONTAINS": (2, 2, lambda _, text, part: _text(part) in _text(text)),
    "DATE": (3, 3, lambda _, *parts: date(*(int(each) for each in parts))),
    "DATEVALUE": (1, 1, lambda _, value: value.date() if isinstance(value, datetime) else value),
    "DAY": (1, 1, _date_part("day")),
    "FLOOR": (1, 1, lambda _, value: _known(value, lambda known: known.to_integral_value(ROUND_FLOOR))),
    "ISBLANK": (1, 1, lambda _, value: value in {None, ""}),
    "ISNULL": (1, 1, lambda _, value: value in {None, ""}),
    "ISPICKVAL": (2, 2, lambda _, value, wanted: _plain(value) == wanted),
    "LEFT": (2, 2, lambda _, text, count: _text(text)[: int(count)]),
    "LEN": (1, 1, lambda _, text: Decimal(len(_text(text)))),
    "LOWER": (1, 1, lambda _, text: _text(text).lower()),
    "MAX": (1, 30, lambda _, *values: None if None in values else max(values)),
    "MIN": (1, 30, lambda _, *values: None if None in values else min(values)),
    "MOD": (2, 2, lambda _, value, divisor: None if None in (value, divisor) else value % divisor),
    "MONTH": (1, 1, _date_part("month")),
    "NOT": (1, 1, lambda _, value: not value),
    "NULLVALUE": (2, 2, lambda _, value, default: default if value is None else value),
    "RIGHT": (2, 2, lambda _, text, count: _text(text)[-int(count) :] if count else ""),
    "ROUND": (2, 2, _rounded),
    "SUBSTITUTE": (3, 3, lambda _, text, old, new: _text(text).replace(_text(old), _text(new))),
    "TEXT": (1, 1, lambda _, value: _text(value)),
    "TRIM": (1, 1, lambda _, text: _text(text).strip()),
    "UPPER": (1, 1, lambda _, text: _text(text).upper()),
    "YEAR": (1, 1, _date_part("year")),
}
_SAVING_FUNCTIONS: Mapping[str, tuple[int, int, Callable[..., Any]]] = {
    "ISNEW": (0, 0, lambda moment: moment.old is None),
    "NOW": (0, 0, lambda moment: moment.now),
    "TODAY": (0, 0, lambda moment: moment.now.date()),
}


def as_field(field: Field, value: Any) -> Any:
    """A formula's value as its field shows it: numbers by its scale, text by its length."""
    if field.type == "boolean":
        return bool(value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return canonical(round_half_up(Decimal(value), field.scale))
    if field.type in {"date", "datetime"} or value is None:
        return value
    return _text(value)[: field.length] or None
