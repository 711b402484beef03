"""A field of crossfoot.yaml, compiled: where its value comes from, and by which rule two sides share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from crossfoot.core.merge import Owner
from crossfoot.mapping.expressions import Expression, Value
from crossfoot.mapping.transforms import Transform


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled field: an expression and perhaps a transform; ``owner`` and ``empties`` where it is shared."""

    expression: Expression
    transform: Transform | None = None
    owner: Owner | None = None
    empties: bool = False

    def value(self, lookup: Callable[[tuple[str, ...]], Value]) -> Value:
        """The field's value for a record. Raises ``ExpressionError`` or ``TransformError``."""
        value = self.expression.evaluate(lookup)
        return self.transform(value) if self.transform else value


Rules = Mapping[str, Rule]
