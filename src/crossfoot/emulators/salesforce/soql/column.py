"""Columns: what kind of value a part of a query has, and how it is read from a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crossfoot.emulators.salesforce.formulas import reader
from crossfoot.emulators.salesforce.schema import TEXT_TYPES, Field, SObject, text
from crossfoot.emulators.salesforce.world import Row, World

Read = Callable[[Row], Any]
__all__ = ["NAME", "Column", "Read", "name_reader", "parent_row", "polymorphic", "reader", "through"]

# What a polymorphic relationship shows of whatever it refers to (SF 3.2).
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


@dataclass(frozen=True, slots=True)
class Column:
    """An expression over rows of the queried object.

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
        return (lambda row: fold(read(row))) if self.field.type in TEXT_TYPES else read


def name_reader(world: World, name: str) -> Read:
    """How a field of NAME is read from a record of any object."""

    def read(row: Row) -> Any:
        owner = world.schema.by_prefix[row["Id"][:3]]
        field = owner.field(name)
        return owner.name if name == "Type" else None if field is None else reader(world, field)(row)

    return read


def polymorphic(step: Field) -> bool:
    return len(step.reference_to) > 1


def parent_row(world: World, step: Field, row: Row) -> Row | None:
    """The record to which a reference of a row points."""
    record_id = row.get(step.name)
    if record_id is None or not polymorphic(step):
        return world.row(step.reference_to[0], record_id)
    owner = world.schema.by_prefix.get(record_id[:3])
    return None if owner is None else world.row(owner.name, record_id)


def through(world: World, step: Field, read: Read) -> Read:
    """Read the same of the record to which a reference points; null where there is none."""

    def follow(row: Row) -> Any:
        found = parent_row(world, step, row)
        return None if found is None else read(found)

    return follow
