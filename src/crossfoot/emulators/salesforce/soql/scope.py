"""What names in a query stand for: paths, and functions of them, as columns over rows of one object (SF 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.schema import Field, SObject
from crossfoot.emulators.salesforce.soql.column import NAME, Column, name_reader, polymorphic, reader, through
from crossfoot.emulators.salesforce.soql.context import Context
from crossfoot.emulators.salesforce.soql.currencies import in_caller_currency
from crossfoot.emulators.salesforce.soql.functions import FUNCTIONS
from crossfoot.emulators.salesforce.soql.syntax import Expression, Path, Query
from crossfoot.emulators.salesforce.world import Row, World

RELATIONSHIP_LEVELS_MAX = 5
_ADVICE = (
    "If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)


class Scope:
    """One queried object, with the query's aliases. ``values_of`` answers semi-joins where they are allowed."""

    def __init__(
        self,
        context: Context,
        sobject: SObject,
        query: Query | None = None,
        values_of: Callable[[Scope, Field, Query], frozenset[Any]] | None = None,
    ) -> None:
        self.context = context
        self.sobject = sobject
        self.values_of = values_of
        self._own_names = {sobject.name.lower(), (query.alias if query and query.alias else sobject.name).lower()}
        self._aliases = {name.lower(): path for name, path in query.aliases} if query else {}

    @property
    def world(self) -> World:
        return self.context.world

    def error(self, code: str, at: int, message: str) -> ApiError:
        return self.context.error(code, at, message)

    def names(self, path: Path) -> tuple[str, ...]:
        """The names of a path, from the queried object on: aliases are replaced by what they stand for."""
        names = path.names
        for _ in self._aliases:  # an alias may begin with another one
            if len(names) == 1 or names[0].lower() not in self._aliases:
                break
            names = self._aliases[names[0].lower()].names + names[1:]
        return names[1:] if len(names) > 1 and names[0].lower() in self._own_names else names

    def steps(self, path: Path) -> tuple[tuple[Field, ...], SObject, str]:
        """The references that a path follows, the object where it ends, and its last name."""
        names = self.names(path)
        owner = self.sobject
        followed: list[Field] = []
        for name in names[:-1]:
            parent = owner.parent(name)
            target = self._target(parent) if parent else None
            if parent is None or target is None or len(followed) == RELATIONSHIP_LEVELS_MAX:
                raise self.error(
                    "INVALID_FIELD", path.at, f"Didn't understand relationship '{name}' in field path. {_ADVICE}"
                )
            followed.append(parent)
            owner = target
        return tuple(followed), owner, names[-1]

    def _target(self, step: Field) -> SObject | None:
        """What a reference leads to, as far as the caller may see it."""
        return NAME if polymorphic(step) else self.world.schema.object(step.reference_to[0])

    def reference(self, path: Path) -> Field:
        """The reference field of the queried object behind a relationship."""
        (step,), _, _ = self.steps(Path((*self.names(path)[:1], "Id"), path.at))
        return step

    def column(self, path: Path) -> Column:
        followed, owner, name = self.steps(path)
        field = self.context.field(owner, name)
        if field is None:
            raise self.error("INVALID_FIELD", path.at, f"No such column '{name}' on entity '{owner.name}'. {_ADVICE}")
        read = name_reader(self.world, field.name) if owner is NAME else reader(self.world, field)
        compared = None
        if field.type == "currency" and self.world.multi_currency:
            compared = self._through(followed, in_caller_currency(self.context, owner.name, read))
        return Column(field, self._through(followed, read), followed, compared)

    def _through(self, steps: tuple[Field, ...], read: Callable[[Row], Any]) -> Callable[[Row], Any]:
        for step in reversed(steps):
            read = through(self.world, step, read)
        return read

    def value(self, expression: Expression) -> Column:
        """A path, or a function of one, as a column."""
        if isinstance(expression, Path):
            return self.column(expression)
        function = FUNCTIONS.get(expression.name)
        if function is None:
            raise self.error("MALFORMED_QUERY", expression.at, f"{expression.name} is not allowed here")
        return function(self, expression)
