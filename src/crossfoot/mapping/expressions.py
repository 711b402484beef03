"""Mapping expressions: small, safe, exact formulas over a record's fields, compiled once and worked out often.

An expression is text in ``crossfoot.yaml`` such as ``BLANKVALUE(Deal_Number__c, Id)``. Three modules make it:
`formula_syntax` says what can be written, `formula_functions` what can be done, and this one works it out with a
simpleeval reduced to six kinds of node. There are no loops, so the length limit is also the limit on steps.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, DecimalException
from difflib import get_close_matches
from functools import partial
from typing import Any, cast

from simpleeval import SimpleEval

from crossfoot.mapping.formula_functions import (
    ARITHMETIC,
    FUNCTIONS,
    OPERATORS,
    REFUSED_FUNCTIONS,
    Function,
    Refused,
    flag,
)
from crossfoot.mapping.formula_syntax import (
    ExpressionError,
    FieldPath,
    Leaf,
    Place,
    Syntax,
    Value,
    parse_formula,
)

__all__ = ["Expression", "ExpressionError", "FieldPath", "Lookup", "Place", "Value", "compile_expression"]

Lookup = Callable[[FieldPath], Value]


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. Equal and hashed by its text; safe to share between threads."""

    text: str
    place: Place | None = field(compare=False)
    paths: frozenset[FieldPath] = field(compare=False)
    _syntax: Syntax = field(compare=False, repr=False)
    _functions: Mapping[str, Function] = field(compare=False, repr=False)
    _bare_path: FieldPath | None = field(compare=False, repr=False)

    def evaluate(self, lookup: Lookup) -> Value:
        """Its value for the record whose fields ``lookup`` gives (KeyError for a field the record does not have)."""
        if self._bare_path is not None:
            try:
                return _field_value(lookup, self._bare_path)
            except Refused as refused:
                raise self._error(str(refused), self._syntax.tree) from None
        value: Value = _Evaluator(self, lookup).eval(self.text, self._syntax.tree)
        return value

    @property
    def own_field(self) -> str:
        """The field's name, where the expression is one field of the record itself and nothing more; else empty."""
        return self._bare_path[0] if self._bare_path and len(self._bare_path) == 1 else ""

    def holds(self, lookup: Lookup) -> bool:
        """Its value as a condition: a checkbox or a comparison; blank is false."""
        try:
            return flag(self.evaluate(lookup))
        except Refused as refused:
            raise self._error(str(refused), self._syntax.tree) from None

    def _error(self, sentence: str, node: ast.expr) -> ExpressionError:
        start, end = self._syntax.span(node)
        return ExpressionError(sentence, self.text, start, end, self.place)


def compile_expression(text: str, place: Place | None = None) -> Expression:
    """Read an expression; whatever is not part of the language raises `ExpressionError` here, not during a run."""
    syntax = parse_formula(text, place)
    paths = frozenset(leaf for leaf in syntax.leaves.values() if isinstance(leaf, tuple))
    bare = syntax.leaves[syntax.tree.id] if isinstance(syntax.tree, ast.Name) else None
    functions = {}
    for node in ast.walk(syntax.tree):
        if isinstance(node, ast.Call):
            called = cast(ast.Name, node.func).id
            try:
                functions[called] = _find_function(syntax.functions[called], len(node.args))
            except Refused as refused:
                raise ExpressionError(str(refused), text, *syntax.span(node), place) from None
    return Expression(text, place, paths, syntax, functions, bare if isinstance(bare, tuple) else None)


def _find_function(written: str, arguments: int) -> Function:
    name = written.upper()
    if name in REFUSED_FUNCTIONS:
        raise Refused(f"{name} is not available. {REFUSED_FUNCTIONS[name]}")
    function = FUNCTIONS.get(name)
    if function is None:
        near = get_close_matches(name, FUNCTIONS, n=1)
        raise Refused(
            f"There is no function {written}." + (f" Did you mean {FUNCTIONS[near[0]].usage}?" if near else "")
        )
    if not function.takes(arguments):
        raise Refused(f"{name} cannot take {arguments} argument(s); it is written {function.usage}.")
    return function


def _field_value(lookup: Lookup, path: FieldPath) -> Value:
    """A field's value, once it is certain that it is of a kind that expressions are exact about."""
    try:
        value = lookup(path)
    except KeyError:
        raise Refused(f"The record has no field {'.'.join(path)}.") from None
    kind = type(value)
    if value is None or kind in _PLAIN_KINDS or (kind is datetime and cast(datetime, value).tzinfo is not None):
        return value
    if kind is int or (isinstance(value, Decimal) and value.is_finite()):
        try:
            return ARITHMETIC.plus(Decimal(cast(Decimal, value)))
        except DecimalException:
            raise Refused(f"The number in {'.'.join(path)} is too large.") from None
    raise Refused(f"{'.'.join(path)} holds {kind.__name__}, which no expression can be exact about.")


_PLAIN_KINDS = frozenset({str, bool, date})


class _Evaluator(SimpleEval):  # type: ignore[misc]
    """One evaluation for one record: simpleeval with its node table replaced by the few kinds the grammar can make.

    Attributes, subscripts, comprehensions, format strings and its own functions are not disabled: they are absent.
    """

    def __init__(self, expression: Expression, lookup: Lookup) -> None:
        # The base constructor would build the table of everything that this class exists to leave out.
        self.expression = expression
        self.lookup = lookup
        self.leaves: dict[str, Leaf] = expression._syntax.leaves
        self.functions = expression._functions
        self.operators = OPERATORS
        self.nodes = {
            ast.Name: self._eval_name,
            ast.UnaryOp: self._eval_unaryop,
            ast.BinOp: self._eval_binop,
            ast.BoolOp: self._eval_boolop,
            ast.Compare: self._eval_compare,
            ast.Call: self._eval_call,
        }

    def _eval(self, node: Any) -> Value:
        try:
            value: Value = self.nodes[type(node)](node)
        except Refused as refused:
            raise self.expression._error(str(refused), node) from None
        return value

    def _eval_name(self, node: ast.Name) -> Value:
        leaf = self.leaves[node.id]
        return _field_value(self.lookup, leaf) if isinstance(leaf, tuple) else leaf

    def _eval_boolop(self, node: ast.BoolOp) -> bool:
        conditions = (flag(self._eval(value)) for value in node.values)
        return all(conditions) if isinstance(node.op, ast.And) else any(conditions)

    def _eval_call(self, node: ast.Call) -> Value:
        function = self.functions[cast(ast.Name, node.func).id]
        if function.lazy:
            return function.call(*(partial(self._eval, argument) for argument in node.args))
        return function.call(*(self._eval(argument) for argument in node.args))
