"""SOQL text to tokens, and the platform's way of pointing at the one that is wrong (SF 2.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crossfoot.emulators.salesforce.errors import ApiError

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<text>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)
    | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<name>[A-Za-z]\w*)
    | (?P<sign>!=|<>|<=|>=|[=<>(),.:])""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Token:
    """``kind``: text datetime date number name sign end."""

    kind: str
    text: str
    at: int

    @property
    def folded(self) -> str:
        return self.text.upper() if self.kind == "name" else self.text


def tokenize(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise query_error("MALFORMED_QUERY", text, at, f"unexpected token: '{text[at]}'")
        if match.lastgroup != "space":
            tokens.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    tokens.append(Token("end", "<EOF>", len(text)))
    return tokens


def unquote(text: str) -> str:
    """The value of a quoted string. ``\\%`` and ``\\_`` keep their backslash: LIKE reads them (SF 3.2)."""

    def plain(match: re.Match[str]) -> str:
        char = match.group(1)
        if char.startswith("u") and len(char) == 5:
            return chr(int(char[1:], 16))
        return match.group() if char in "%_" else _ESCAPES.get(char, char)

    return re.sub(r"\\(u[0-9A-Fa-f]{4}|.)", plain, text[1:-1])


def query_error(code: str, text: str, at: int, message: str) -> ApiError:
    """An error in a query: a fragment, a caret under the place, row and column, then the message."""
    row = text.count("\n", 0, at)
    start = text.rfind("\n", 0, at) + 1
    column = at - start
    line = text[start:].split("\n", 1)[0]
    first = max(0, column - 40)
    fragment = line[first : column + 40]
    return ApiError(
        code, f"\n{fragment}\n{' ' * (column - first)}^\nERROR at Row:{row + 1}:Column:{column + 1}\n{message}"
    )
