"""The grammar of mapping expressions: from Salesforce formula text, by an allow-list, to a tree with no text in it.

The scanner knows every token an expression may hold; anything else is refused with a sentence of its own. What passes
is handed to Python's parser as placeholders and operators only (``v0 + f2 ( v4 )``), so no name, number or string that
a person wrote is ever seen by Python: there is nothing to escape from.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NoReturn

from crossfoot.core.errors import NeedsPerson

TEXT_CHARS_MAX = 2_000
TOKENS_MAX = 600
NESTING_MAX = 40
TREE_DEPTH_MAX = 80
NUMBER_DIGITS_MAX = 30
PATH_PARTS_MAX = 6  # five parents and a field: as far as SOQL follows relationships (SF 3.1)

Value = str | Decimal | bool | date | datetime | None
FieldPath = tuple[str, ...]
Leaf = Value | FieldPath


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands in ``crossfoot.yaml``."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class ExpressionError(NeedsPerson):
    """An expression that cannot be read, or not be worked out for a record. Says what, where in it, and what to do."""

    def __init__(self, sentence: str, text: str, start: int = 0, end: int | None = None, place: Place | None = None):
        self.sentence = sentence
        self.text = text
        self.place = place
        prefix = f"{place}: " if place else ""
        super().__init__(f"{prefix}{sentence}\n{_underline(text, start, start + 1 if end is None else end)}")


def _underline(text: str, start: int, end: int) -> str:
    """The line of ``text`` that holds ``start``, at most a screen wide, and carets below the part meant."""
    start = min(start, len(text))
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line_end = len(text) if line_end < 0 else line_end
    shown_from = max(line_start, start - 60)
    shown = text[shown_from : min(line_end, shown_from + 110)]
    shown = "".join(char if char.isprintable() else " " for char in shown)
    carets = "^" * max(1, min(end, shown_from + len(shown)) - start)
    return f"    {shown}\n    {' ' * (start - shown_from)}{carets}"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: ``kind`` is ``value``, ``function``, ``binary``, ``(``, ``)``, ``,`` or ``end``."""

    kind: str
    text: str
    start: int
    end: int
    leaf: Leaf = None


@dataclass(frozen=True, slots=True)
class Syntax:
    """A parsed expression. Names in ``tree`` are keys of ``leaves`` or ``functions``."""

    tree: ast.expr
    leaves: dict[str, Leaf]
    functions: dict[str, str]
    starts: dict[int, int] = field(repr=False)
    ends: dict[int, int] = field(repr=False)

    def span(self, node: ast.expr) -> tuple[int, int]:
        """Where ``node`` stands in the text as written."""
        return self.starts[node.col_offset], self.ends[node.end_col_offset or 0]


_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))
    | (?P<string>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*')
    | (?P<name>[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*)
    | (?P<refused>\*\*|//|/\*|:=|=>|<-|->)
    | (?P<binary>&&|\|\||==|<>|!=|<=|>=|[=<>&+\-*/^])
    | (?P<not>!)
    | (?P<mark>[(),])
    """,
    re.VERBOSE | re.DOTALL,
)

# Python's parser gets these; `!` binds as tightly as a sign, as in Salesforce, hence `~` and not `not`.
_PYTHON = {"&&": "and", "||": "or", "=": "==", "<>": "!=", "^": "**", "!": "~"}
_SIGNS = ("+", "-", "!")

_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None}

_REFUSED_SYMBOLS = {
    "**": "Powers are written with `^`, as in Salesforce.",
    "//": "There is no whole division; use ROUND(a / b, 0).",
    "/*": "Comments are not part of an expression; write them in crossfoot.yaml after a #.",
    ":=": "An expression cannot give a name to a value.",
    "=>": "At least is written `>=`.",
    "<-": "Leave a space between `<` and `-`.",
    "->": "An arrow has no meaning in an expression.",
    "%": "There is no remainder; a percentage is a plain number, divided by 100.",
    "[": "There is no indexing and no list; use LEFT, MID or RIGHT for parts of a text.",
    "]": "There is no indexing and no list; use LEFT, MID or RIGHT for parts of a text.",
    "{": "There are no merge fields in braces; write the field's name alone.",
    "}": "There are no merge fields in braces; write the field's name alone.",
    ":": "A colon has no meaning in an expression; if it is part of a text, put that text in quotes.",
    ";": "An expression holds one value; arguments are separated by commas.",
    "$": "Global variables such as $User are not available: a document depends on its record alone.",
    "@": "`@` has no meaning in an expression; if it is part of a text, put that text in quotes.",
    "#": "A comment cannot stand inside an expression; if `#` is part of a text, put that text in quotes.",
    "|": "Or is written `||` or OR(a, b).",
    "~": "Similarity is for `match:` only; here use `=`, CONTAINS or BEGINS.",
    "?": "There is no `? :`; write IF(condition, value, other value).",
    "`": "Texts are put in \"double\" or 'single' quotes.",
    "\\": "A backslash is allowed inside a quoted text only.",
    "_": "Field names begin with a letter; nothing behind an underscore can be reached.",
    ".": "A dot stands only between names, as in Account.Name; there is no access to anything inside a value.",
    **dict.fromkeys("“”‘’«»", "Curly quotes are not understood; use straight quotes \" or '."),
}

_REFUSED_WORDS = {
    "and": "AND is a function here, AND(a, b), or write `a && b`.",
    "or": "OR is a function here, OR(a, b), or write `a || b`.",
    "not": "NOT is a function here, NOT(a), or write `!a`.",
    "if": "IF is a function here: IF(condition, value, other value).",
    "else": "There is no else; write IF(condition, value, other value).",
    "in": "There is no `in`; use CONTAINS(text, part), CASE, or OR(a = b, a = c).",
    "is": "There is no `is`; compare with `=`, or use ISBLANK(a).",
    "like": "There is no LIKE; use CONTAINS(text, part) or BEGINS(text, part).",
    "none": "Blank is written NULL.",
    "for": "There are no loops in an expression.",
    "while": "There are no loops in an expression.",
    "lambda": "An expression cannot define functions.",
    "def": "An expression cannot define functions.",
    "import": "An expression cannot import anything.",
    "await": "An expression cannot wait for anything.",
    "yield": "An expression cannot wait for anything.",
}

_ESCAPES = {"n": "\n", "\\": "\\", '"': '"', "'": "'"}


class _Reader:
    """Turns one text into tokens; a refusal carries the part of the text it is about."""

    def __init__(self, text: str, place: Place | None) -> None:
        self.text = text
        self.place = place

    def refuse(self, sentence: str, start: int, end: int | None = None) -> NoReturn:
        raise ExpressionError(sentence, self.text, start, end, self.place)

    def tokens(self) -> Iterator[Token]:
        position = 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if match is None:
                self._refuse_character(position)
            kind, start, position = str(match.lastgroup), match.start(), match.end()
            if kind == "refused":
                self.refuse(_REFUSED_SYMBOLS[match.group()], start, position)
            if kind != "space":
                yield self._token(kind, match.group(), start, position)
        yield Token("end", "", len(self.text), len(self.text))

    def _refuse_character(self, position: int) -> NoReturn:
        char = self.text[position]
        if char in "\"'":
            self.refuse(f"The text that begins here has no closing {char}.", position, len(self.text))
        shown = f"`{char}`" if char.isprintable() else "This character"
        self.refuse(
            _REFUSED_SYMBOLS.get(char, f"{shown} (U+{ord(char):04X}) has no meaning outside a quoted text."), position
        )

    def _token(self, kind: str, text: str, start: int, end: int) -> Token:
        match kind:
            case "number":
                return Token("value", text, start, end, self._number(text, start, end))
            case "string":
                return Token("value", text, start, end, self._string(text, start))
            case "name" if self._is_called(end):
                if "." in text:
                    self.refuse("A value has no methods; write the function first, as in UPPER(Name).", start, end)
                return Token("function", text, start, end)
            case "name":
                return Token("value", text, start, end, self._path(text, start, end))
            case "mark":
                return Token(text, text, start, end)
            case _:
                return Token(kind, text, start, end)

    def _is_called(self, end: int) -> bool:
        return self.text[end:].lstrip().startswith("(")

    def _number(self, text: str, start: int, end: int) -> Decimal:
        following = self.text[end : end + 1]
        if following.isalnum() or following in ("_", "."):
            self.refuse(
                "Numbers are plain decimals such as 1250.50, with no exponent, separator or unit; "
                "a text that begins with a digit needs quotes.",
                start,
                end + 1,
            )
        if len(text) > NUMBER_DIGITS_MAX:
            self.refuse(f"A number may have {NUMBER_DIGITS_MAX} digits at most.", start, end)
        return Decimal(text)

    def _string(self, text: str, start: int) -> str:
        def unescape(match: re.Match[str]) -> str:
            if match[1] not in _ESCAPES:
                at = start + 1 + match.start()
                self.refuse(
                    f"`\\{match[1]}` is not known inside a text; a backslash itself is written `\\\\`.", at, at + 2
                )
            return _ESCAPES[match[1]]

        return re.sub(r"\\(.)", unescape, text[1:-1], flags=re.DOTALL)

    def _path(self, text: str, start: int, end: int) -> Leaf:
        lower = text.lower()
        if lower in _CONSTANTS:
            return _CONSTANTS[lower]
        if lower in _REFUSED_WORDS:
            self.refuse(_REFUSED_WORDS[lower], start, end)
        path = tuple(text.split("."))
        if len(path) > PATH_PARTS_MAX:
            self.refuse(f"A field is reached over {PATH_PARTS_MAX - 1} relationships at most.", start, end)
        return path


def parse_formula(text: str, place: Place | None = None) -> Syntax:
    """Read ``text``; raise `ExpressionError` at the first construct that is not part of the language."""
    reader = _Reader(text, place)
    if not text.strip():
        reader.refuse("The expression is empty; write a field's name, a value or a formula.", 0)
    if len(text) > TEXT_CHARS_MAX:
        reader.refuse(f"The expression is longer than {TEXT_CHARS_MAX} characters; divide it over fields.", 0)
    tokens = list(reader.tokens())
    if len(tokens) > TOKENS_MAX:
        reader.refuse(
            f"The expression has more than {TOKENS_MAX} parts; divide it over fields.", tokens[TOKENS_MAX].start
        )
    return _emit(reader, _checked(reader, tokens))


def _checked(reader: _Reader, tokens: list[Token]) -> Iterator[Token]:
    """Check that values and operators alternate and parentheses close; mark signs. After this, parsing cannot fail."""
    open_parentheses: list[tuple[Token, bool]] = []
    value_wanted, previous = True, Token("start", "", 0, 0)
    for token in tokens:
        in_call = bool(open_parentheses) and open_parentheses[-1][1]
        kind = token.kind
        if kind == "not" or (value_wanted and token.text in _SIGNS and kind == "binary"):
            kind = "sign"
        empty_call = kind == ")" and previous.kind == "(" and in_call
        if value_wanted and kind in ("binary", ")", ",", "end") and not empty_call:
            _refuse_missing_value(reader, token, open_parentheses)
        if not value_wanted and kind in ("value", "function", "(", "sign"):
            reader.refuse(
                "Two values stand side by side; an operator or a comma is missing before this.", *_span(token)
            )
        match kind:
            case "(":
                open_parentheses.append((token, previous.kind == "function"))
                if len(open_parentheses) > NESTING_MAX:
                    reader.refuse(f"Parentheses are nested more than {NESTING_MAX} deep.", token.start)
            case ")":
                if not open_parentheses:
                    reader.refuse("This closing parenthesis has no opening one.", token.start)
                open_parentheses.pop()
            case "," if not in_call:
                reader.refuse("A comma separates the arguments of a function; there are no lists.", token.start)
            case "end" if open_parentheses:
                reader.refuse("This parenthesis is never closed.", open_parentheses[-1][0].start)
        value_wanted = kind not in ("value", ")")
        previous = token
        yield token


def _refuse_missing_value(reader: _Reader, token: Token, open_parentheses: list[tuple[Token, bool]]) -> NoReturn:
    if token.kind == "end" and open_parentheses:
        reader.refuse("This parenthesis is never closed.", open_parentheses[-1][0].start)
    before = "at the end" if token.kind == "end" else f"before this `{token.text}`"
    reader.refuse(f"A value is missing {before}.", *_span(token))


def _span(token: Token) -> tuple[int, int]:
    return token.start, max(token.end, token.start + 1)


def _emit(reader: _Reader, tokens: Iterator[Token]) -> Syntax:
    leaves: dict[str, Leaf] = {}
    functions: dict[str, str] = {}
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    source = ""
    for index, token in enumerate(tokens):
        if token.kind == "value":
            python = f"v{index}"
            leaves[python] = token.leaf
        elif token.kind == "function":
            python = f"f{index}"
            functions[python] = token.text
        else:
            python = _PYTHON.get(token.text, token.text)
        starts[len(source)] = token.start
        source += python
        ends[len(source)] = token.end
        source += " "
    try:
        tree = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, MemoryError, RecursionError):
        reader.refuse("The expression is too deeply nested.", 0, len(reader.text))
    syntax = Syntax(tree, leaves, functions, starts, ends)
    _check_shape(reader, syntax)
    return syntax


def _check_shape(reader: _Reader, syntax: Syntax) -> None:
    """Bound the depth, so that working it out cannot exhaust the stack, and refuse chains such as ``a < b < c``."""
    level: list[ast.expr] = [syntax.tree]
    for _ in range(TREE_DEPTH_MAX):
        for node in level:
            if isinstance(node, ast.Compare) and len(node.ops) > 1:
                reader.refuse("Compare two values at a time and join the comparisons with `&&`.", *syntax.span(node))
        level = [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        if not level:
            return
    reader.refuse("The expression is too deeply nested.", 0, len(reader.text))
