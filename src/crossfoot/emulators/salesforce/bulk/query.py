"""Reading rows: a query's answer as one file, in pages by locator (SF 4.4)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from crossfoot.emulators.salesforce.bulk.job import COMPLETE, FAILED, Job, caller_of, enter
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.permissions import seen
from crossfoot.emulators.salesforce.soql.column import Read
from crossfoot.emulators.salesforce.soql.context import Context
from crossfoot.emulators.salesforce.soql.projection import field_set, path_of
from crossfoot.emulators.salesforce.soql.run import Runner
from crossfoot.emulators.salesforce.soql.scope import Scope
from crossfoot.emulators.salesforce.soql.syntax import Call, Item, Path, Query, TypeOf
from crossfoot.emulators.salesforce.transaction import Caller
from crossfoot.emulators.salesforce.values import render
from crossfoot.emulators.salesforce.world import World
from crossfoot.emulators.wire import Event

JOBS_PER_DAY = "DailyBulkV2QueryJobs"
COMPOUND_TYPES = frozenset({"address", "location"})


class Column(NamedTuple):
    name: str
    read: Read


def prepare(world: World, caller: Caller, now: datetime, version: int, text: str, *, all_rows: bool) -> Runner:
    """A query that a job may run: what the bulk API leaves out of SOQL is refused when the job is made."""
    context = Context(seen(world, caller), now, text, version, caller.user_id, all_rows=all_rows)
    runner = Runner(context)
    query = runner.query
    if query.aggregated:
        raise _unsupported("Aggregate functions and GROUP BY are")
    if query.offset:
        raise _unsupported("OFFSET is")
    for item in query.items:
        if isinstance(item.what, Query):
            raise _unsupported("Aggregate Relationships")
        if isinstance(item.what, TypeOf):
            raise _unsupported("TYPEOF is")
    columns_of(runner)
    return runner


def _unsupported(what: str) -> ApiError:
    return ApiError("FEATURENOTENABLED", f"{what} not supported in Bulk Query")


def chunked(query: Query) -> bool:
    """Whether the platform could split the query by id: ordering and limiting forbid it (SF 4.4)."""
    return not query.order_by and query.limit is None


def columns_of(runner: Runner) -> list[Column]:
    """The columns of the file, in the order of the query; parents' fields by their path."""
    found: list[Column] = []
    scope = runner.scope
    for item in runner.query.items:
        if isinstance(item.what, Call) and item.what.name == "FIELDS":
            for each in field_set(scope, item.what):
                found.append(_column(scope, Item(Path((each.name,), item.what.at))))
        else:
            found.append(_column(scope, item))
    return found


def _column(scope: Scope, item: Item) -> Column:
    if isinstance(item.what, Query | TypeOf):
        raise TypeError(item)
    path = path_of(item)
    value = scope.value(item.what)
    if path is None:
        return Column(item.alias or "expr0", value.read)
    steps, _, _ = scope.steps(path)
    field = scope.column(path).field
    if field.type in COMPOUND_TYPES:
        raise ApiError("FEATURENOTENABLED", "Selecting compound data not supported in Bulk Query")
    if field.type == "base64":
        raise _unsupported(f"{field.name}: base64 fields are")
    return Column(".".join([*(str(each.relationship) for each in steps), item.alias or field.name]), value.read)


def begin(_world: World, _job: Job, _at: datetime) -> None:
    """The rows are chosen when the work is done."""


def work(world: World, job: Job, at: datetime) -> list[Event]:
    """Run the query. The file holds the rows as they are at this instant."""
    try:
        all_rows = job["operation"] == "queryAll"
        runner = prepare(world, caller_of(job), at, job["version"], job["query"], all_rows=all_rows)
        columns = columns_of(runner)
        table = world.rows.get(runner.sobject.name, {})
        cell = _cell if job.get("content_type", "CSV") == "CSV" else _value
        rows = [[cell(each.read(table[row_id])) for each in columns] for row_id in runner.select().ids]
    except ApiError as error:
        enter(job, FAILED, at, error=str(error))
        return []
    job |= {"header": [each.name for each in columns], "rows": rows}
    enter(job, COMPLETE, at)
    return []


def _cell(value: Any) -> str:
    """A value as text. Null and empty text look alike; instants end in Z here (SF 4.4)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}.000Z"
    return str(render(value))


def _value(value: Any) -> Any:
    """A value as it is: what is not CSV tells its type."""
    return value


def locator_of(position: int) -> str:
    return base64.urlsafe_b64encode(str(position).encode()).decode().rstrip("=")


def position_of(locator: str, rows: Sequence[object]) -> int:
    """Where the page of a locator begins."""
    try:
        text = base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not text.isdecimal() or int(text) > len(rows):
        raise ApiError("INVALIDLOCATOR", f"The locator {locator} is not one of this job's")
    return int(text)
