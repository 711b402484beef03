"""The ``where`` and ``order`` language of Xero's lists: tokens, a recursive parser, closures (XERO 3.8).

``compile_where`` answers a predicate over records. Members are resolved by a ``Lookup`` given by the resource, so that
``Contact.Name`` on an invoice reads the contact as it is now.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from crossfoot.emulators.xero.errors import ApiError, bad_query
from crossfoot.emulators.xero.formats import fold

Record = Mapping[str, Any]
Row = dict[str, Any]
Getter = Callable[[Record], Any]
Lookup = Callable[[tuple[str, ...], int], Getter]  # (member path, place in the text) -> how to read it

DEPTH_MAX = 40
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"[^"]*") | (?P<number>-?\d+(?:\.\d+)?) | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>==|=|!=|<>|>=|<=|>|<|&&|\|\||\(|\)|\.|,)
    )""",
    re.VERBOSE,
)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_EQUALITY = frozenset({"==", "=", "!=", "<>"})
_JOINS = {"and": "and", "&&": "and", "or": "or", "||": "or"}
_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    index: int


def compile_where(text: str, lookup: Lookup) -> Callable[[Record], bool]:
    """Compile a filter; raises the QueryParseException answer (ErrorNumber 16) when it cannot be read."""
    parser = _Parser(_tokens(text), lookup)
    getter = parser.either(0)
    parser.expect_end()
    return lambda record: getter(record) is True


def compile_order(text: str, lookup: Lookup) -> Callable[[Iterable[Row]], list[Row]]:
    """Compile ``Field[ ASC|DESC][, ...]`` into a stable sort."""
    keys: list[tuple[Getter, bool]] = []
    for part in text.split(","):
        words = part.split()
        if not words or len(words) > 2 or (len(words) == 2 and words[1].upper() not in {"ASC", "DESC"}):
            raise bad_query(f"Syntax error in order '{part.strip()}' (at index 0)")
        keys.append((lookup(tuple(words[0].split(".")), 0), len(words) == 2 and words[1].upper() == "DESC"))

    def sort(records: Iterable[Row]) -> list[Row]:
        rows = list(records)
        for getter, descending in reversed(keys):
            rows.sort(key=lambda record: _sort_key(getter(record)), reverse=descending)
        return rows

    return sort


def _sort_key(value: Any) -> tuple[bool, Any]:
    if value is None:
        return (False, 0)
    return (True, fold(value) if isinstance(value, str) else _comparable(value))


def _tokens(text: str) -> list[_Token]:
    found, place = [], 0
    while place < len(text.rstrip()):
        match = _TOKEN.match(text, place)
        if match is None:
            raise bad_query(f"Syntax error '{text[place:].strip()[:1]}' (at index {place})")
        kind = match.lastgroup or ""
        found.append(_Token(kind, match[kind], match.start(kind)))
        place = match.end()
    found.append(_Token("end", "", len(text)))
    return found


class _Parser:
    """either := all (OR all)*; all := test (AND test)*; test := value [comparison value] | ( either )."""

    def __init__(self, tokens: list[_Token], lookup: Lookup) -> None:
        self.tokens = tokens
        self.lookup = lookup
        self.place = 0

    def peek(self) -> _Token:
        return self.tokens[self.place]

    def take(self) -> _Token:
        token = self.tokens[self.place]
        self.place = min(self.place + 1, len(self.tokens) - 1)
        return token

    def at_call(self) -> bool:
        """Whether ``.name(`` comes next."""
        return self.tokens[self.place + 2].text == "("

    def expect(self, sign: str) -> None:
        token = self.take()
        if token.text != sign:
            raise bad_query(f"'{sign}' expected (at index {token.index})")

    def expect_end(self) -> None:
        if self.peek().kind != "end":
            raise bad_query(f"Syntax error (at index {self.peek().index})")

    def _joined(self, word: str, operand: Callable[[int], Getter], depth: int) -> Getter:
        parts = [operand(depth)]
        while _JOINS.get(self.peek().text.lower()) == word and self.peek().kind != "text":
            self.take()
            parts.append(operand(depth))
        if len(parts) == 1:
            return parts[0]
        join: Callable[[Iterable[bool]], bool] = all if word == "and" else any
        return lambda record: join(part(record) is True for part in parts)

    def either(self, depth: int) -> Getter:
        if depth > DEPTH_MAX:
            raise bad_query(f"Expression is nested too deeply (at index {self.peek().index})")
        return self._joined("or", lambda inner: self._joined("and", self.test, inner), depth)

    def test(self, depth: int) -> Getter:
        left = self.value(depth)
        token = self.peek()
        if token.kind != "sign" or token.text not in _COMPARISONS:
            return left
        self.take()
        return _compare(left, token, self.value(depth))

    def value(self, depth: int) -> Getter:
        token = self.take()
        if token.text == "(":
            inner = self.either(depth + 1)
            self.expect(")")
            return inner
        if token.kind == "text":
            return self.calls(_constant(token.text[1:-1]))
        if token.kind == "number":
            return _constant(Decimal(token.text))
        if token.kind == "name":
            return self.named(token)
        raise bad_query(f"Expression expected (at index {token.index})")

    def named(self, token: _Token) -> Getter:
        word = token.text.lower()
        if word in {"true", "false", "null"}:
            return _constant({"true": True, "false": False, "null": None}[word])
        if word in {"guid", "datetime"} and self.peek().text == "(":
            return _constant(self.literal(word, token))
        path = [token.text]
        while self.peek().text == "." and self.tokens[self.place + 2 : self.place + 3] and not self.at_call():
            self.take()
            path.append(self.take().text)
        return self.calls(self.lookup(tuple(path), token.index))

    def literal(self, word: str, token: _Token) -> Any:
        self.expect("(")
        arguments = [self.take()]
        while self.peek().text == ",":
            self.take()
            arguments.append(self.take())
        self.expect(")")
        try:
            if word == "guid":
                return arguments[0].text.strip('"').lower()
            year, month, day, *time = (int(argument.text) for argument in arguments)
            return datetime(year, month, day, *time[:3], tzinfo=UTC)  # type: ignore[misc,arg-type]
        except (ValueError, TypeError):
            raise bad_query(
                f"No applicable constructor exists in type '{token.text}' (at index {token.index})"
            ) from None

    def calls(self, subject: Getter) -> Getter:
        while self.peek().text == ".":
            self.take()
            method = self.take()
            self.expect("(")
            argument = None if self.peek().text == ")" else self.value(DEPTH_MAX)
            self.expect(")")
            subject = _method(subject, method, argument)
        return subject


def _constant(value: Any) -> Getter:
    return lambda _record: value


def _method(subject: Getter, method: _Token, argument: Getter | None) -> Getter:
    name = method.text.lower()
    if name in {"tolower", "toupper", "trim", "tostring"} and argument is None:
        return subject  # comparison folds case anyway
    test = _TEXT_TESTS.get(name)
    if test is None or argument is None:
        raise bad_query(f"No applicable method '{method.text}' exists in type 'String' (at index {method.index})")

    def apply(record: Record) -> bool:
        text, part = subject(record), argument(record)
        if not isinstance(text, str) or not isinstance(part, str):
            raise bad_query("Object reference not set to an instance of an object.")
        return test(fold(text), fold(part))

    return apply


def _compare(left: Getter, token: _Token, right: Getter) -> Getter:
    compare = _COMPARISONS[token.text]
    equality = token.text in _EQUALITY

    def apply(record: Record) -> bool:
        a, b = _comparable(left(record)), _comparable(right(record))
        if a is None or b is None:
            return equality and compare(a, b)
        if isinstance(a, str) and isinstance(b, str):
            return compare(fold(a), fold(b))
        if type(a) is not type(b):
            raise _incompatible(token, a, b)
        return compare(a, b)

    return apply


def _comparable(value: Any) -> Any:
    """Bring a stored value to the type its literal has: dates compare with DateTime(...), integers with numbers."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value


def _incompatible(token: _Token, a: Any, b: Any) -> ApiError:
    names = {str: "String", Decimal: "Decimal", datetime: "DateTime", bool: "Boolean"}
    types = " and ".join(f"'{names.get(type(value), 'Object')}'" for value in (a, b))
    return bad_query(f"Operator '{token.text}' incompatible with operand types {types} (at index {token.index})")
