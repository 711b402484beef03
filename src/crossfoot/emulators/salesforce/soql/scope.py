"""What names in a query stand for: paths, and functions of them, as columns that read rows (SF 3.2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.formulas import FORMULAS
from crossfoot.emulators.salesforce.schema import Field, SObject, text
from crossfoot.emulators.salesforce.soql.context import Context
from crossfoot.emulators.salesforce.soql.currencies import in_caller_currency
from crossfoot.emulators.salesforce.soql.functions import FUNCTIONS
from crossfoot.emulators.salesforce.soql.syntax import Expression, Path
from crossfoot.emulators.salesforce.world import Row, World

Read = Callable[[Row], Any]

RELATIONSHIP_LEVELS_MAX = 5
# What a polymorphic relationship shows of whatever it refers to.
NAME = SObject(
    "Name",
    "",
    (
        Field("Id", "id"),
        text("Name"),
        text("Type"),
        text("FirstName"),
        text("LastName"),
        text("Email"),
        text("Phone"),
        text("Title"),
        text("Username"),
        text("Alias"),
        Field("IsActive", "boolean"),
    ),
)
_ADVICE = (
    "If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)


@dataclass(frozen=True, slots=True)
class Column:
    """An expression over rows of the queried object: what kind of value it has and how it is read.

    ``compared`` reads what filters, orders and aggregates see where that is not what is selected: amounts.
    """

    field: Field
    read: Read
    steps: tuple[Field, ...] = ()
    compared: Read | None = None

    @property
    def key(self) -> Read:
        """How the value is read to be compared with others: text without case."""
        read, fold = self.compared or self.read, self.field.fold
        return read if self.field.folds else lambda row: fold(read(row))


def reader(world: World, field: Field) -> Read:
    """How one field of a row is read: stored, or computed at each read."""
    if field.formula is not None:
        formula = FORMULAS[field.formula]
        return lambda row: formula(world, row)
    name = field.name
    if field.type == "boolean":
        return lambda row: row.get(name, False)
    return lambda row: row.get(name)


def polymorphic(step: Field) -> bool:
    return len(step.reference_to) > 1


def parent_row(world: World, step: Field, row: Row) -> Row | None:
    """The record to which a reference of a row points."""
    record_id = row.get(step.name)
    if record_id is None or not polymorphic(step):
        return world.row(step.reference_to[0], record_id)
    owner = world.schema.by_prefix.get(record_id[:3])
    return None if owner is None else world.row(owner.name, record_id)


def name_reader(world: World, name: str) -> Read:
    """How a field of NAME is read from a record of any object."""

    def read(row: Row) -> Any:
        owner = world.schema.by_prefix[row["Id"][:3]]
        field = owner.field(name)
        return owner.name if name == "Type" else None if field is None else reader(world, field)(row)

    return read
