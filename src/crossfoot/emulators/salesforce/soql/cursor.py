"""A place in a list of tokens: what the parser sees, takes and complains about (SF 2.3, 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.soql.tokens import Token, query_error, tokenize

T = TypeVar("T")
DIGITS_MAX = 18  # of a whole number: no bound of a query is larger

# Words that are no name of a field, a function or an alias. GROUP and ORDER are objects and relationships too.
RESERVED = frozenset(
    [
        "AND",
        "AS",
        "ASC",
        "DESC",
        "EXCLUDES",
        "FIRST",
        "FROM",
        "HAVING",
        "IN",
        "INCLUDES",
        "LAST",
        "LIKE",
        "LIMIT",
        "NOT",
        "NULL",
        "NULLS",
        "OR",
        "SELECT",
        "TRUE",
        "FALSE",
        "USING",
        "WHERE",
        "WITH",
    ]
)


class Cursor:
    """Reads tokens from left to right, and never back."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokenize(text)
        self._next = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._next]

    def peek(self, ahead: int = 1) -> Token:
        return self._tokens[min(self._next + ahead, len(self._tokens) - 1)]

    def take(self) -> Token:
        token = self.token
        self._next += token.kind != "end"
        return token

    def accept(self, *folded: str) -> bool:
        """Take these tokens when all of them follow."""
        if all(self.peek(ahead).folded == each for ahead, each in enumerate(folded)):
            self._next += len(folded)
            return True
        return False

    def expect(self, folded: str) -> Token:
        if self.token.folded != folded:
            raise self.unexpected(f"expecting '{folded}'")
        return self.take()

    def word(self) -> Token:
        """Any name, reserved or not."""
        if self.token.kind != "name":
            raise self.unexpected()
        return self.take()

    def name(self) -> Token:
        if self.token.folded in RESERVED:
            raise self.unexpected()
        return self.word()

    def whole_number(self) -> int:
        if self.token.kind != "number" or not self.token.text.isdecimal() or len(self.token.text) > DIGITS_MAX:
            raise self.unexpected()
        return int(self.take().text)

    def listed(self, one: Callable[[], T]) -> tuple[T, ...]:
        """One or more, with commas between them."""
        found = [one()]
        while self.accept(","):
            found.append(one())
        return tuple(found)

    def end(self) -> None:
        if self.token.kind != "end":
            raise self.unexpected()

    def unexpected(self, hint: str = "") -> ApiError:
        return self.refuse(f"unexpected token: '{self.token.text}'" + (f" ({hint})" if hint else ""))

    def refuse(self, message: str, at: int | None = None) -> ApiError:
        """MALFORMED_QUERY at the present token, or at ``at``."""
        return query_error("MALFORMED_QUERY", self.text, self.token.at if at is None else at, message)
