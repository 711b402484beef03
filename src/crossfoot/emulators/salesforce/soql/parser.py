"""A recursive-descent parser for the grammar of SF 3.2."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import TypeVar

from crossfoot.emulators.salesforce.soql.syntax import (
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
)
from crossfoot.emulators.salesforce.soql.tokens import Token, query_error, tokenize, unquote
from crossfoot.emulators.salesforce.values import parse_datetime

T = TypeVar("T")

COMPARISONS = frozenset({"=", "!=", "<>", "<", "<=", ">", ">="})
_CLAUSES = frozenset({"WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "ALL", "USING"})


def parse_query(text: str) -> Query:
    """A whole SELECT statement, or MALFORMED_QUERY."""
    parser = _Parser(text)
    query = parser.query()
    parser.end()
    return query


def parse_condition(text: str) -> Condition:
    """The condition of a WHERE clause by itself."""
    parser = _Parser(text)
    condition = parser.condition()
    parser.end()
    return condition


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._next = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _peek(self, ahead: int = 1) -> Token:
        return self._tokens[min(self._next + ahead, len(self._tokens) - 1)]

    def _take(self) -> Token:
        token = self._token
        self._next += token.kind != "end"
        return token

    def _accept(self, *folded: str) -> bool:
        """Take these tokens when all of them follow."""
        if all(self._peek(ahead).folded == each for ahead, each in enumerate(folded)):
            self._next += len(folded)
            return True
        return False

    def _expect(self, folded: str) -> Token:
        if self._token.folded != folded:
            raise self._unexpected(f"expecting '{folded}'")
        return self._take()

    def _name(self) -> Token:
        if self._token.kind != "name":
            raise self._unexpected()
        return self._take()

    def _whole_number(self) -> int:
        if self._token.kind != "number" or not self._token.text.isdigit():
            raise self._unexpected()
        return int(self._take().text)

    def _unexpected(self, hint: str = "") -> Exception:
        message = f"unexpected token: '{self._token.text}'" + (f" ({hint})" if hint else "")
        return query_error("MALFORMED_QUERY", self._text, self._token.at, message)

    def end(self) -> None:
        if self._token.kind != "end":
            raise self._unexpected()

    def query(self) -> Query:
        self._expect("SELECT")
        items = self._list(self._item)
        self._expect("FROM")
        source, alias = self._source()
        if self._accept("USING", "SCOPE"):
            self._name()
        where = self.condition() if self._accept("WHERE") else None
        if self._accept("WITH"):
            self._name()
        group_by = self._list(self._expression) if self._accept("GROUP", "BY") else ()
        having = self.condition() if self._accept("HAVING") else None
        order_by = self._list(self._order) if self._accept("ORDER", "BY") else ()
        limit = self._whole_number() if self._accept("LIMIT") else None
        offset = self._whole_number() if self._accept("OFFSET") else 0
        if self._accept("FOR") and self._name().folded not in {"VIEW", "REFERENCE", "UPDATE"}:
            raise self._unexpected()
        all_rows = self._accept("ALL", "ROWS")
        return Query(items, source.text, source.at, alias, where, group_by, having, order_by, limit, offset, all_rows)

    def _source(self) -> tuple[Token, str | None]:
        source = self._name()
        alias = None
        if self._token.kind == "name" and self._token.folded not in _CLAUSES:
            self._accept("AS")
            alias = self._name().text
        return source, alias

    def _list(self, one: Callable[[], T]) -> tuple[T, ...]:
        found = [one()]
        while self._accept(","):
            found.append(one())
        return tuple(found)

    def _item(self) -> Item:
        if self._accept("("):
            query = self.query()
            self._expect(")")
            return Item(query)
        what = self._expression()
        alias = None
        if self._token.kind == "name" and self._token.folded != "FROM":
            alias = self._name().text
        return Item(what, alias)

    def _expression(self) -> Expression:
        first = self._name()
        if self._accept("("):
            argument = None if self._token.text == ")" else self._path(self._name())
            self._expect(")")
            return Call(first.folded, argument, first.at)
        return self._path(first)

    def _path(self, first: Token) -> Path:
        names = [first.text]
        while self._accept("."):
            names.append(self._name().text)
        return Path(tuple(names), first.at)

    def _order(self) -> Order:
        what = self._expression()
        descending = self._accept("DESC") or (self._accept("ASC") and False)
        nulls_last = False
        if self._accept("NULLS"):
            nulls_last = self._accept("LAST")
            if not nulls_last:
                self._expect("FIRST")
        return Order(what, descending, nulls_last)

    def condition(self) -> Condition:
        """AND and OR may not be mixed at one level without parentheses (SF 3.2)."""
        conditions = [self._predicate()]
        operator = self._token.folded
        if operator not in {"AND", "OR"}:
            return conditions[0]
        while self._accept(operator):
            conditions.append(self._predicate())
        if self._token.folded in {"AND", "OR"}:
            raise self._unexpected("AND and OR need parentheses")
        return Junction(operator, tuple(conditions))

    def _predicate(self) -> Condition:
        if self._accept("NOT"):
            return Not(self._predicate())
        if self._accept("("):
            inner = self.condition()
            self._expect(")")
            return inner
        left = self._expression()
        if self._accept("NOT", "IN"):
            return self._in(left, negated=True)
        if self._accept("IN"):
            return self._in(left, negated=False)
        if isinstance(left, Path) and self._token.folded in {"INCLUDES", "EXCLUDES"}:
            return Includes(left, negated=self._take().folded == "EXCLUDES", values=self._literals())
        if self._accept("LIKE"):
            return Compare(left, "LIKE", self._literal())
        if self._token.text not in COMPARISONS:
            raise self._unexpected()
        operator = self._take().text
        return Compare(left, "!=" if operator == "<>" else operator, self._literal())

    def _in(self, left: Expression, *, negated: bool) -> In:
        if self._token.text == "(" and self._peek().folded == "SELECT":
            self._take()
            query = self.query()
            self._expect(")")
            return In(left, query, negated)
        return In(left, self._literals(), negated)

    def _literals(self) -> tuple[Literal, ...]:
        self._expect("(")
        values = self._list(self._literal)
        self._expect(")")
        return values

    def _literal(self) -> Literal:
        token = self._take()
        if token.kind == "text":
            return Literal("text", unquote(token.text), token.at)
        if token.kind == "number":
            return Literal("number", Decimal(token.text), token.at)
        try:
            if token.kind == "date":
                return Literal("date", date.fromisoformat(token.text), token.at)
            if token.kind == "datetime":
                return Literal("datetime", parse_datetime(token.text), token.at)
        except ValueError as error:
            raise query_error("MALFORMED_QUERY", self._text, token.at, f"Invalid date: {token.text}") from error
        if token.kind == "name":
            return self._word(token)
        raise query_error("MALFORMED_QUERY", self._text, token.at, f"unexpected token: '{token.text}'")

    def _word(self, token: Token) -> Literal:
        if token.folded in {"TRUE", "FALSE"}:
            return Literal("boolean", token.folded == "TRUE", token.at)
        if token.folded == "NULL":
            return Literal("null", None, token.at)
        if len(token.text) > 3 and token.text[:3].isalpha() and token.text[3:].isdigit():
            return Literal("currency", (token.folded[:3], Decimal(token.text[3:])), token.at)
        count = self._whole_number() if self._accept(":") else None
        return Literal("range", (token.folded, count), token.at)
