"""The ``where`` and ``order`` language of Xero's lists: tokens, a recursive parser, closures (XERO 3.8).

``compile_where`` answers a predicate over records. Members are resolved by a ``Lookup`` given by the resource, so that
``Contact.Name`` on an invoice reads the contact as it is now. Types are checked before any record is read: what two
values cannot be compared, or are not a condition, is refused on an empty list too.
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
from crossfoot.emulators.xero.formats import fold, plain_guid, unaccented

Record = Mapping[str, Any]
Row = dict[str, Any]
Getter = Callable[[Record], Any]
TEXT, NUMBER, TIME, FLAG, GUID, NULL, OBJECT = "String", "Decimal", "DateTime", "Boolean", "Guid", "Null", "Object"


@dataclass(frozen=True, slots=True)
class Term:
    """A value of the language: how to read it from a record, and its type as the messages name it."""

    read: Getter
    type: str


Lookup = Callable[[tuple[str, ...], int], Term]  # (member path, place in the text) -> how to read it

DEPTH_MAX = 40
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"[^"]*") | (?P<number>-?[0-9]+(?:\.[0-9]+)?) | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
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
_UNORDERED = frozenset({FLAG, GUID, OBJECT})
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
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


Literal = Callable[[list[_Token]], Any]  # the value that arguments stand for, None where they stand for none


def compile_where(text: str, lookup: Lookup) -> Callable[[Record], bool]:
    """Compile a filter; raises the QueryParseException answer (ErrorNumber 16) when it cannot be read."""
    parser = _Parser(_tokens(text), lookup)
    read = _condition(parser.either(0), 0)
    parser.expect_end()
    return lambda record: read(record) is True


def compile_order(text: str, lookup: Lookup) -> Callable[[Iterable[Row]], list[Row]]:
    """Compile ``Field[ ASC|DESC][, ...]`` into a stable sort."""
    keys: list[tuple[Getter, bool]] = []
    for part in text.split(","):
        words = part.split()
        if not words or len(words) > 2 or (len(words) == 2 and words[1].upper() not in {"ASC", "DESC"}):
            raise bad_query(f"Syntax error in order '{part.strip()}' (at index 0)")
        keys.append((lookup(tuple(words[0].split(".")), 0).read, len(words) == 2 and words[1].upper() == "DESC"))

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

    def at_member(self) -> bool:
        """Whether ``.name`` comes next, and not ``.name(``."""
        signs = [token.text for token in self.tokens[self.place : self.place + 3]]
        return len(signs) == 3 and signs[0] == "." and signs[2] != "(" and self.tokens[self.place + 1].kind == "name"

    def at_parse(self) -> bool:
        """Whether ``.Parse(`` comes next."""
        return [token.text.lower() for token in self.tokens[self.place : self.place + 3]] == [".", "parse", "("]

    def expect(self, sign: str) -> None:
        token = self.take()
        if token.text != sign:
            raise bad_query(f"'{sign}' expected (at index {token.index})")

    def expect_end(self) -> None:
        if self.peek().kind != "end":
            raise bad_query(f"Syntax error (at index {self.peek().index})")

    def _joined(self, word: str, operand: Callable[[int], Term], depth: int) -> Term:
        begin = self.peek().index
        parts = [operand(depth)]
        while self.peek().kind != "text" and _JOINS.get(self.peek().text.lower()) == word:
            self.take()
            parts.append(operand(depth))
        if len(parts) == 1:
            return parts[0]
        reads = [_condition(part, begin) for part in parts]
        join: Callable[[Iterable[bool]], bool] = all if word == "and" else any
        return Term(lambda record: join(read(record) is True for read in reads), FLAG)

    def either(self, depth: int) -> Term:
        if depth > DEPTH_MAX:
            raise bad_query(f"Expression is nested too deeply (at index {self.peek().index})")
        return self._joined("or", lambda inner: self._joined("and", self.test, inner), depth)

    def test(self, depth: int) -> Term:
        left = self.value(depth)
        token = self.peek()
        if token.kind != "sign" or token.text not in _COMPARISONS:
            return left
        self.take()
        return _compare(left, token, self.value(depth))

    def value(self, depth: int) -> Term:
        token = self.take()
        if token.kind == "sign" and token.text == "(":
            inner = self.either(depth + 1)
            self.expect(")")
            return inner
        if token.kind == "text":
            return self.calls(_constant(token.text[1:-1], TEXT))
        if token.kind == "number":
            return _constant(Decimal(token.text), NUMBER)
        if token.kind == "name":
            return self.named(token)
        raise bad_query(f"Expression expected (at index {token.index})")

    def named(self, token: _Token) -> Term:
        word = token.text.lower()
        if word == "null":
            return _constant(None, NULL)
        if word in {"true", "false"}:
            return _constant(word == "true", FLAG)
        if word in _LITERALS and self.peek().text == "(":
            return self.literal(token, _LITERALS[word])
        if word == "datetime" and self.at_parse():
            self.place += 2
            return self.literal(token, _parsed_time)
        path = [token.text]
        while self.at_member():
            self.take()
            path.append(self.take().text)
        return self.calls(_comparable_member(self.lookup(tuple(path), token.index)))

    def literal(self, token: _Token, read: Literal) -> Term:
        """``Guid("...")``, ``DateTime(yyyy, mm, dd[, hh, mm, ss])`` or ``DateTime.Parse("...")``."""
        self.expect("(")
        arguments = [self.take()]
        while self.peek().text == ",":
            self.take()
            arguments.append(self.take())
        self.expect(")")
        value = read(arguments)
        if value is None:
            raise bad_query(f"No applicable constructor exists in type '{token.text}' (at index {token.index})")
        return _constant(value, GUID if isinstance(value, str) else TIME)

    def calls(self, subject: Term) -> Term:
        while self.peek().text == "." and self.peek().kind == "sign":
            self.take()
            method = self.take()
            self.expect("(")
            argument = None if self.peek().text == ")" else self.value(DEPTH_MAX)
            self.expect(")")
            subject = _method(subject, method, argument)
        return subject


def _guid(arguments: list[_Token]) -> str | None:
    text = plain_guid(arguments[0].text.strip('"'))
    return text if [token.kind for token in arguments] == ["text"] and _GUID.fullmatch(text) else None


def _date_time(arguments: list[_Token]) -> datetime | None:
    if {token.kind for token in arguments} != {"number"} or len(arguments) not in {3, 6}:
        return None
    try:
        year, month, day, *time = (int(token.text) for token in arguments)
        return datetime(year, month, day, *time, tzinfo=UTC)  # type: ignore[misc,arg-type]
    except (ValueError, OverflowError):
        return None


def _parsed_time(arguments: list[_Token]) -> datetime | None:
    """A date or a time as ISO 8601 writes it; what else .NET would read is not known."""
    if [token.kind for token in arguments] != ["text"]:
        return None
    try:
        found = datetime.fromisoformat(arguments[0].text.strip('"'))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


_LITERALS: Mapping[str, Literal] = {"guid": _guid, "datetime": _date_time}


def _constant(value: Any, kind: str) -> Term:
    known = None if value is None else _comparable(value)
    return Term(lambda _record: known, kind)


def _comparable_member(member: Term) -> Term:
    read = member.read

    def comparable(record: Record) -> Any:
        value = read(record)
        return None if value is None else _comparable(value)

    return Term(comparable, member.type)


def _condition(term: Term, index: int) -> Getter:
    if term.type != FLAG:
        raise bad_query(f"Expression of type 'Boolean' expected (at index {index})")
    return term.read


def _method(subject: Term, method: _Token, argument: Term | None) -> Term:
    name = method.text.lower()
    test = _TEXT_TESTS.get(name)
    if subject.type != TEXT or (argument is not None and argument.type != TEXT):
        test = None
    if test is not None and argument is not None:
        part_of = argument.read
        return Term(lambda record: test(_text(subject, record), part_of(record) or ""), FLAG)
    if subject.type == TEXT and argument is None and name in {"tolower", "toupper", "trim", "tostring"}:
        return Term(lambda record: _text(subject, record), TEXT)  # comparison folds case anyway
    raise bad_query(f"No applicable method '{method.text}' exists in type '{subject.type}' (at index {method.index})")


def _text(subject: Term, record: Record) -> str:
    """The text that a method is called on; null must be guarded against."""
    text = subject.read(record)
    if text is None:
        raise bad_query("Object reference not set to an instance of an object.")
    return str(text)


def _compare(left: Term, token: _Token, right: Term) -> Term:
    compare = _COMPARISONS[token.text]
    equality = token.text in _EQUALITY
    kinds = {left.type, right.type} - {NULL}
    if len(kinds) > 1 or (kinds & _UNORDERED and not equality):
        raise _incompatible(token, left, right)

    def apply(record: Record) -> bool:
        a, b = left.read(record), right.read(record)
        return (equality or not (a is None or b is None)) and compare(a, b)

    return Term(apply, FLAG)


def _comparable(value: Any) -> Any:
    """Bring a value to the form in which two are compared: text without case and accents, dates as the instants that
    DateTime(...) stands for, integers as numbers."""
    if isinstance(value, str):
        return unaccented(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value


def _incompatible(token: _Token, left: Term, right: Term) -> ApiError:
    types = f"'{left.type}' and '{right.type}'"
    return bad_query(f"Operator '{token.text}' incompatible with operand types {types} (at index {token.index})")
