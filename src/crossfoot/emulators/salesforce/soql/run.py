"""Running a query: choose rows, order and limit them, and render the records that were asked for (SF 2.6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from crossfoot.emulators.salesforce.schema import Field, SObject
from crossfoot.emulators.salesforce.soql.candidates import candidate_ids, in_stamp_order, stamp_floor
from crossfoot.emulators.salesforce.soql.checks import STATEMENT_CHARS_MAX, check_query
from crossfoot.emulators.salesforce.soql.column import Column
from crossfoot.emulators.salesforce.soql.context import Context, visible_fields
from crossfoot.emulators.salesforce.soql.evaluate import Predicate, condition_of
from crossfoot.emulators.salesforce.soql.functions import FILTERS
from crossfoot.emulators.salesforce.soql.groups import grouped_records
from crossfoot.emulators.salesforce.soql.order import order_rows
from crossfoot.emulators.salesforce.soql.parser import parse_query
from crossfoot.emulators.salesforce.soql.projection import Render, attributes, blob_address, projection
from crossfoot.emulators.salesforce.soql.scope import Scope
from crossfoot.emulators.salesforce.soql.semi_joins import join_column
from crossfoot.emulators.salesforce.soql.syntax import Expression, Path, Query
from crossfoot.emulators.salesforce.soql.tokens import query_error
from crossfoot.emulators.salesforce.world import Row, World

__all__ = ["Runner", "Selection", "attributes", "blob_address", "run_query", "visible_fields"]

_UNSORTED_TYPES = frozenset({"multipicklist", "address", "location", "base64"})
_OWNER_SCOPES = frozenset({"MINE", "MINE_AND_MY_GROUPS", "TEAM"})
# (offset of the child query in the text, ids that did not fit, rows already shown) -> address of the next page
OpenChildren = Callable[[int, Sequence[str], int], str]


@dataclass(frozen=True, slots=True)
class Selection:
    """The answer of a query before paging: ids to render, or the finished records of an aggregate."""

    ids: Sequence[str]
    record: Render
    total: int
    aggregates: tuple[dict[str, Any], ...] | None = None

    def records(self, table: dict[str, Row], ids: Iterable[str]) -> list[Any]:
        return [self.record(table[each]) for each in ids if each in table]


def run_query(
    world: World, text: str, now: datetime, version: int, *, all_rows: bool = False, user_id: str | None = None
) -> tuple[SObject, Selection]:
    """Run SOQL; refusals are ApiErrors in the platform's words."""
    runner = Runner(Context(world, now, text, version, user_id, all_rows))
    return runner.sobject, runner.select()


class Runner:
    """One query in its context.

    ``children_max`` child rows are shown with a record; the others wait behind an address of ``open_children``.
    """

    def __init__(
        self, context: Context, *, children_max: int | None = None, open_children: OpenChildren | None = None
    ) -> None:
        if len(context.text) > STATEMENT_CHARS_MAX:
            message = f"SOQL statements cannot be longer than {STATEMENT_CHARS_MAX} characters."
            raise query_error("MALFORMED_QUERY", context.text[:100], 0, message)
        self.query = parse_query(context.text)
        self.context = dataclasses.replace(context, all_rows=context.all_rows or self.query.all_rows)
        self.sobject = self._object(self.query)
        self._children_max = children_max
        self._open_children = open_children
        check_query(self.context, self.query)

    @property
    def scope(self) -> Scope:
        return self.scope_of(self.query, self.sobject)

    def scope_of(self, query: Query, sobject: SObject) -> Scope:
        return Scope(self.context, sobject, query, self._values_of)

    def _object(self, query: Query) -> SObject:
        world = self.context.world
        sobject = world.schema.object(query.source)
        hidden = sobject is not None and (
            (sobject.tooling and not self.context.tooling)
            or (sobject.name == "CurrencyType" and not world.multi_currency)
        )
        if sobject is None or hidden:
            message = (
                f"sObject type '{query.source}' is not supported. If you are attempting to use a custom object, be "
                "sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for "
                "the appropriate names."
            )
            raise self.context.error("INVALID_TYPE", query.at, message)
        return sobject

    def select(self) -> Selection:
        query, scope = self.query, self.scope
        if not query.aggregated:
            record = self.record()
            ids = [row["Id"] for row in self._chosen(query, scope)]
            return Selection(ids, record, len(ids))
        rows = list(self._matching(query, scope, self._source(query, scope)[0]))
        if query.counts:
            total = max(0, len(rows) - query.offset)
            total = total if query.limit is None else min(query.limit, total)
            return Selection((), lambda _: None, total, ())
        records = grouped_records(scope, query, rows)
        return Selection((), lambda _: None, len(records), tuple(records))

    def record(self) -> Render:
        return projection(self.scope, self.query, self._children)

    def child(self, at: int) -> tuple[SObject, Render]:
        """The object and the records of the child query that begins at this offset."""
        return self._reach(self.query, self.scope, at)

    def _reach(self, query: Query, scope: Scope, at: int) -> tuple[SObject, Render]:
        inner = max(
            (item.what for item in query.items if isinstance(item.what, Query) and item.what.at <= at),
            key=lambda each: each.at,
        )
        child, _ = self.child_of(inner, scope)
        below = self.scope_of(inner, child)
        return (child, projection(below, inner, self._children)) if inner.at == at else self._reach(inner, below, at)

    def _source(self, query: Query, scope: Scope) -> tuple[Iterable[Row], bool]:
        """The rows worth a look, by id; or in stamp order, and then True, where the index serves that."""
        world, name = self.context.world, scope.sobject.name
        table = world.rows.get(name, {})
        ids = candidate_ids(scope, query.where)
        if ids is not None:
            return (table[each] for each in sorted(ids) if each in table), False
        floor = stamp_floor(query.where)
        if floor is None:
            return table.values(), False
        stamped = world.index.since(name, floor)
        if in_stamp_order(query):
            return (table[each] for each in stamped if each in table), True
        return (table[each] for each in sorted(stamped) if each in table), False

    def _matching(self, query: Query, scope: Scope, source: Iterable[Row]) -> Iterable[Row]:
        where: Predicate = condition_of(scope, query.where) if query.where else lambda _: True
        owner = self._owner(query, scope)
        deleted = self.context.all_rows
        return (
            row
            for row in source
            if (deleted or not row["IsDeleted"]) and (owner is None or row.get("OwnerId") == owner) and where(row)
        )

    def _owner(self, query: Query, scope: Scope) -> str | None:
        """Whose rows USING SCOPE leaves; None for everybody's."""
        if query.using is None or query.using == "EVERYTHING":
            return None
        if query.using not in _OWNER_SCOPES or scope.sobject.field("OwnerId") is None:
            message = f"filter scope '{query.using.lower()}' is not supported for {scope.sobject.name}"
            raise scope.error("INVALID_QUERY_SCOPE", query.at, message)
        return self.context.user_id

    def _chosen(self, query: Query, scope: Scope, source: Iterable[Row] | None = None) -> list[Row]:
        looked_at, in_order = (source, False) if source is not None else self._source(query, scope)
        keys = [(_sorted_by(scope, each.what), each) for each in query.order_by]
        rows = self._matching(query, scope, looked_at)
        end = None if query.limit is None else query.offset + query.limit
        if not keys or in_order:
            return list(islice(rows, query.offset, end))
        return order_rows(rows, keys)[query.offset : end]

    def _values_of(self, outer: Scope, left: Field, query: Query) -> frozenset[Any]:
        """The values of a semi-join's one field; nulls are none of them."""
        scope = self.scope_of(query, self._object(query))
        key = join_column(outer, left, scope, query).key
        return frozenset(value for row in self._chosen(query, scope) if (value := key(row)) is not None)

    def child_of(self, query: Query, scope: Scope) -> tuple[SObject, Field]:
        """The child object behind ``FROM Contacts``, ``FROM Account.Contacts`` or ``FROM a.Contacts``."""
        names = scope.names(Path(tuple(query.source.split(".")), query.at))
        found = self.context.world.schema.child(scope.sobject.name, names[0]) if len(names) == 1 else None
        if found is None:
            message = f"Didn't understand relationship '{query.source}' in FROM part of query call."
            raise scope.error("INVALID_TYPE", query.at, message)
        return found

    def _children(self, query: Query, scope: Scope) -> tuple[str, Render]:
        child, reference = self.child_of(query, scope)
        if query.aggregated:
            raise scope.error("MALFORMED_QUERY", query.at, "aggregates are not allowed in a relationship query")
        check_query(self.context, query)
        inner = self.scope_of(query, child)
        record = projection(inner, query, self._children)
        world = self.context.world
        table = world.rows.get(child.name, {})
        self._chosen(query, inner, ())  # complains about WHERE and ORDER BY even where no parent has children

        def render_children(row: Row) -> Any:
            ids = world.index.find(child.name, reference.name, row["Id"])
            chosen = self._chosen(query, inner, [table[each] for each in sorted(ids) if each in table])
            if not chosen:
                return None
            most = self._children_max if self._open_children else None
            made: dict[str, Any] = {"totalSize": len(chosen), "done": most is None or len(chosen) <= most}
            if self._open_children and most is not None and len(chosen) > most:
                made["nextRecordsUrl"] = self._open_children(query.at, [each["Id"] for each in chosen], most)
            return made | {"records": [record(each) for each in chosen[:most]]}

        return str(reference.children), render_children


def _sorted_by(scope: Scope, expression: Expression) -> Column:
    column = scope.value(expression)
    unsorted = isinstance(expression, Path) and (column.field.type in _UNSORTED_TYPES or not column.field.filterable)
    if unsorted or (not isinstance(expression, Path) and expression.name not in FILTERS):
        message = f"field '{expression}' can not be sorted in a query call"
        raise scope.error("MALFORMED_QUERY", expression.at, message)
    return column
