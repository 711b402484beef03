"""Semi-joins and anti-joins: ``Id IN (SELECT AccountId FROM Contact)`` (SF 3.2)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.schema import ID_TYPES, Field, SObject
from crossfoot.emulators.salesforce.soql.column import Column
from crossfoot.emulators.salesforce.soql.scope import Scope
from crossfoot.emulators.salesforce.soql.syntax import Path, Query


def join_column(outer: Scope, left: Field, inner: Scope, query: Query) -> Column:
    """The one field that a semi-join selects, which has to point at what the left side points at."""
    path = query.items[0].what
    if len(query.items) != 1 or not isinstance(path, Path):
        raise outer.error("MALFORMED_QUERY", query.at, "semi join sub-selects have to select one field")
    if left.type not in ID_TYPES:
        message = "The left operand field in the where expression for outer query should be an id field, cannot use: "
        raise outer.error("MALFORMED_QUERY", query.at, message + f"'{left.name}'")
    if inner.sobject.name == outer.sobject.name:
        message = "The inner and outer selects should not be on the same object type"
        raise outer.error("MALFORMED_QUERY", query.at, message)
    column = inner.column(path)
    if column.steps or column.field.type not in ID_TYPES:
        message = f"Entity '{inner.sobject.name}' is not supported for semi join inner selects by '{path}'"
        raise outer.error("MALFORMED_QUERY", path.at, message)
    if not _targets(inner.sobject, column.field) & _targets(outer.sobject, left):
        message = (
            f"The selected field '{column.field.name}' in the subquery and the left operand field in the where "
            f"expression in the outer query '{left.name}' should point to the same object type"
        )
        raise outer.error("MALFORMED_QUERY", path.at, message)
    return column


def _targets(sobject: SObject, field: Field) -> frozenset[str]:
    return frozenset({sobject.name} if field.type == "id" else field.reference_to)
