"""A recursive-descent parser for the grammar of SF 3.2."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from crossfoot.emulators.salesforce.soql.cursor import RESERVED, Cursor
from crossfoot.emulators.salesforce.soql.dates import is_literal
from crossfoot.emulators.salesforce.soql.syntax import (
    NESTED,
    Call,
    Compare,
    Condition,
    Expression,
    In,
    Includes,
    Item,
    Junction,
    Literal,
    Not,
    Order,
    Path,
    Query,
    TypeOf,
)
from crossfoot.emulators.salesforce.soql.tokens import Token, unquote
from crossfoot.emulators.salesforce.values import parse_datetime

T = TypeVar("T")

COMPARISONS = frozenset({"=", "!=", "<>", "<", "<=", ">", ">="})
NESTING_MAX = 100
_CLAUSES = frozenset({"GROUP", "ORDER", "OFFSET", "FOR", "ALL"})
_SCOPES = frozenset(
    ["DELEGATED", "EVERYTHING", "MINE", "MINE_AND_MY_GROUPS", "MY_TERRITORY", "MY_TEAM_TERRITORY", "TEAM"]
)
_MODES = frozenset({"SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"})
_FIELD_SETS = frozenset({"ALL", "CUSTOM", "STANDARD"})


def parse_query(text: str) -> Query:
    """A whole SELECT statement, or MALFORMED_QUERY."""
    parser = _Parser(Cursor(text))
    query = parser.query()
    parser.cursor.end()
    return query


def parse_condition(text: str) -> Condition:
    """The condition of a WHERE clause by itself."""
    parser = _Parser(Cursor(text))
    condition = parser.condition()
    parser.cursor.end()
    return condition


class _Parser:
    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self._depth = 0

    def query(self) -> Query:
        cursor = self.cursor
        cursor.expect("SELECT")
        items = cursor.listed(self._item)
        cursor.expect("FROM")
        source, at, alias, aliases = self._from()
        using = self._one_of(_SCOPES) if cursor.accept("USING", "SCOPE") else None
        where = self.condition() if cursor.accept("WHERE") else None
        if cursor.accept("WITH"):
            self._one_of(_MODES)
        group_by, grouping = self._group_by() if cursor.accept("GROUP", "BY") else ((), "")
        having = self.condition() if group_by and cursor.accept("HAVING") else None
        order_by = cursor.listed(self._order) if cursor.accept("ORDER", "BY") else ()
        limit = cursor.whole_number() if cursor.accept("LIMIT") else None
        offset = cursor.whole_number() if cursor.accept("OFFSET") else 0
        if cursor.accept("FOR"):
            self._one_of(frozenset({"VIEW", "REFERENCE", "UPDATE"}))
        all_rows = cursor.accept("ALL", "ROWS")
        return Query(
            items,
            source,
            at,
            alias,
            aliases,
            using,
            where,
            group_by,
            grouping,
            having,
            order_by,
            limit,
            offset,
            all_rows,
        )

    def _one_of(self, words: frozenset[str]) -> str:
        if self.cursor.token.folded not in words:
            raise self.cursor.unexpected()
        return self.cursor.take().folded

    def _from(self) -> tuple[str, int, str | None, tuple[tuple[str, Path], ...]]:
        """The object, its alias, and aliases of relationships: ``FROM Contact c, c.Account a``."""
        source, alias = self._path(), self._alias()
        aliases: list[tuple[str, Path]] = []
        while self.cursor.accept(","):
            path = self._path()
            name = self._alias()
            if name is None:
                raise self.cursor.unexpected()
            aliases.append((name, path))
        return str(source), source.at, alias, tuple(aliases)

    def _alias(self) -> str | None:
        token = self.cursor.token
        if token.kind != "name" or token.folded in RESERVED or token.folded in _CLAUSES:
            return None
        return self.cursor.take().text

    def _item(self) -> Item:
        if self.cursor.accept("("):
            query = self._nested(self.query)
            self.cursor.expect(")")
            return Item(query)
        if self.cursor.token.folded == "TYPEOF" and self.cursor.peek().kind == "name":
            return Item(self._type_of(self.cursor.take().at))
        what = self._expression()
        token = self.cursor.token
        named = token.kind == "name" and token.folded not in RESERVED | {"GROUP"}
        return Item(what, self.cursor.take().text if named else None)

    def _type_of(self, at: int) -> TypeOf:
        relationship = self._path()
        whens: list[tuple[Path, tuple[Path, ...]]] = []
        while self.cursor.accept("WHEN"):
            kind = self._path()
            self.cursor.expect("THEN")
            whens.append((kind, self.cursor.listed(self._path)))
        otherwise = self.cursor.listed(self._path) if whens and self.cursor.accept("ELSE") else ()
        self.cursor.expect("END" if whens else "WHEN")
        return TypeOf(relationship, tuple(whens), otherwise, at)

    def _expression(self) -> Expression:
        if self.cursor.peek().text != "(":
            return self._path()
        first = self.cursor.name()
        self.cursor.expect("(")
        found = self._call(first)
        self.cursor.expect(")")
        return found

    def _call(self, first: Token) -> Call:
        """The arguments of a function whose name and parenthesis have been read."""
        name = first.folded
        if name == "COUNT" and self.cursor.token.text == ")":
            return Call(name, (), first.at)
        if name == "FIELDS":
            word = self.cursor.token
            return Call(name, (Path((self._one_of(_FIELD_SETS),), word.at),), first.at)
        if name == "DISTANCE":
            return self._distance(first.at)
        if name not in NESTED:
            raise self.cursor.refuse(f"unexpected token: '{first.text}'", first.at)
        inner = self._expression()
        if isinstance(inner, Call) and inner.name not in NESTED[name]:
            raise self.cursor.refuse(f"unexpected token: '{inner.name}'", inner.at)
        return Call(name, (inner,), first.at)

    def _distance(self, at: int) -> Call:
        """``DISTANCE(Location__c, GEOLOCATION(-33.86, 151.2), 'km')``; the other place may be a field as well."""
        place: Path | Call = self._path()
        self.cursor.expect(",")
        other: Path | Call
        if self.cursor.token.folded == "GEOLOCATION":
            begin = self.cursor.take().at
            self.cursor.expect("(")
            latitude = self._number()
            self.cursor.expect(",")
            other = Call("GEOLOCATION", (latitude, self._number()), begin)
            self.cursor.expect(")")
        else:
            other = self._path()
        self.cursor.expect(",")
        unit = self._literal()
        if unit.kind != "text" or str(unit.value).lower() not in {"mi", "km"}:
            raise self.cursor.refuse("Invalid distance unit: must be 'mi' or 'km'", unit.at)
        return Call("DISTANCE", (place, other, unit), at)

    def _number(self) -> Literal:
        if self.cursor.token.kind != "number":
            raise self.cursor.unexpected()
        return self._literal()

    def _path(self) -> Path:
        first = self.cursor.name()
        names = [first.text]
        while self.cursor.accept("."):
            names.append(self.cursor.word().text)
        return Path(tuple(names), first.at)

    def _group_by(self) -> tuple[tuple[Expression, ...], str]:
        token = self.cursor.token
        if token.folded in {"ROLLUP", "CUBE"} and self.cursor.peek().text == "(":
            self.cursor.take()
            self.cursor.take()
            expressions = self.cursor.listed(self._expression)
            self.cursor.expect(")")
            return expressions, token.folded
        return self.cursor.listed(self._expression), ""

    def _order(self) -> Order:
        what = self._expression()
        descending = self.cursor.accept("DESC") or (self.cursor.accept("ASC") and False)
        nulls_last = False
        if self.cursor.accept("NULLS"):
            nulls_last = self.cursor.accept("LAST")
            if not nulls_last:
                self.cursor.expect("FIRST")
        return Order(what, descending, nulls_last)

    def condition(self) -> Condition:
        """AND and OR may not be mixed at one level without parentheses (SF 3.2)."""
        conditions = [self._predicate()]
        operator = self.cursor.token.folded
        if operator not in {"AND", "OR"}:
            return conditions[0]
        while self.cursor.accept(operator):
            conditions.append(self._predicate())
        if self.cursor.token.folded in {"AND", "OR"}:
            raise self.cursor.unexpected("AND and OR need parentheses")
        return Junction(operator, tuple(conditions))

    def _predicate(self) -> Condition:
        if self.cursor.accept("NOT"):
            return Not(self._nested(self._predicate))
        if self.cursor.accept("("):
            inner = self._nested(self.condition)
            self.cursor.expect(")")
            return inner
        left = self._expression()
        if self.cursor.accept("NOT", "IN"):
            return self._in(left, negated=True)
        if self.cursor.accept("IN"):
            return self._in(left, negated=False)
        if isinstance(left, Path) and self.cursor.token.folded in {"INCLUDES", "EXCLUDES"}:
            return Includes(left, negated=self.cursor.take().folded == "EXCLUDES", values=self._literals())
        if self.cursor.accept("LIKE"):
            return Compare(left, "LIKE", self._literal())
        if self.cursor.token.text not in COMPARISONS:
            raise self.cursor.unexpected()
        operator = self.cursor.take().text
        return Compare(left, "!=" if operator == "<>" else operator, self._literal())

    def _nested(self, one: Callable[[], T]) -> T:
        """Whatever stands one level deeper, as far as levels go."""
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise self.cursor.refuse("the query is nested too deeply")
        found = one()
        self._depth -= 1
        return found

    def _in(self, left: Expression, *, negated: bool) -> In:
        if self.cursor.token.text == "(" and self.cursor.peek().folded == "SELECT":
            self.cursor.take()
            query = self._nested(self.query)
            self.cursor.expect(")")
            return In(left, query, negated)
        return In(left, self._literals(), negated)

    def _literals(self) -> tuple[Literal, ...]:
        self.cursor.expect("(")
        values = self.cursor.listed(self._literal)
        self.cursor.expect(")")
        return values

    def _literal(self) -> Literal:
        token = self.cursor.token
        if token.kind == "name":
            return self._word(self.cursor.take())
        if token.text == ":":
            raise self.cursor.refuse("Bind variables only allowed in Apex code")
        if token.kind in {"sign", "end"}:
            raise self.cursor.unexpected()
        try:
            value = _READERS[token.kind](token.text)
        except ValueError as error:
            raise self.cursor.refuse(f"Invalid {token.kind}: {token.text}") from error
        self.cursor.take()
        return Literal(token.kind, value, token.at, token.text)

    def _word(self, token: Token) -> Literal:
        if token.folded in {"TRUE", "FALSE"}:
            return Literal("boolean", token.folded == "TRUE", token.at, token.text)
        if token.folded == "NULL":
            return Literal("null", None, token.at, token.text)
        if len(token.text) > 3 and token.text[:3].isalpha() and token.text[3:].isdecimal():
            return Literal("currency", _currency(token.text), token.at, token.text)
        count = self.cursor.whole_number() if self.cursor.accept(":") else None
        if not is_literal(token.folded, count):
            raise self.cursor.refuse(f"unexpected token: '{token.text}'", token.at)
        return Literal("range", (token.folded, count), token.at, token.text)


def _currency(text: str) -> tuple[str, Decimal]:
    return text[:3].upper(), Decimal(text[3:])


_READERS: dict[str, Callable[[str], Any]] = {
    "text": unquote,
    "number": Decimal,
    "date": date.fromisoformat,
    "datetime": parse_datetime,
    "currency": _currency,
}
