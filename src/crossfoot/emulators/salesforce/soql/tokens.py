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
    | (?P<number>[+-]?(?:\d+(?:\.\d+)?|\.\d+))
    | (?P<currency>[A-Za-z]{3}\d+\.\d+)
    | (?P<name>[A-Za-z]\w*)
    | (?P<sign>!=|<>|<=|>=|[=<>(),.:])""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "'": "'", '"': '"', "\\": "\\", "%": "%", "_": "_"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """``kind``: text datetime date number currency name sign end."""

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
        if match.lastgroup == "text":
            _check_escapes(text, match)
        if match.lastgroup != "space":
            tokens.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    tokens.append(Token("end", "<EOF>", len(text)))
    return tokens


def _check_escapes(text: str, literal: re.Match[str]) -> None:
    """A backslash stands only before what it escapes (SF 3.2)."""
    for escape in _ESCAPE.finditer(literal.group()):
        if len(escape.group(1)) == 1 and escape.group(1).lower() not in _ESCAPES:
            message = (
                f"Invalid string literal {literal.group()}. Illegal character sequence '{escape.group()}' in string"
            )
            raise query_error("MALFORMED_QUERY", text, literal.start() + escape.start(), f"{message} literal.")


def _unescaped(escape: re.Match[str]) -> str:
    char = escape.group(1)
    return chr(int(char[1:], 16)) if len(char) == 5 else _ESCAPES[char.lower()]


def unquote(text: str) -> str:
    """The value of a quoted string."""
    return _ESCAPE.sub(_unescaped, text[1:-1])


def like_pattern(text: str) -> re.Pattern[str]:
    """A quoted string as LIKE reads it: ``%`` and ``_`` are wildcards unless a backslash precedes them (SF 3.2)."""
    wildcards = {"%": ".*", "_": "."}
    parts = re.finditer(r"\\(u[0-9A-Fa-f]{4}|.)|.", text[1:-1], re.DOTALL)
    pattern = (
        re.escape(_unescaped(part)) if part.group(1) else wildcards.get(part.group()) or re.escape(part.group())
        for part in parts
    )
    return re.compile("".join(pattern), re.IGNORECASE | re.DOTALL)


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
