"""``?explain=``: how a query would find its rows (SF 2.6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from crossfoot.emulators.salesforce.soql.candidates import candidate_ids, stamp_floor
from crossfoot.emulators.salesforce.soql.run import Runner

_NOTE = "Not considering filter for optimization because unindexed"


def query_plan(runner: Runner) -> dict[str, Any]:
    """One plan: by index where a condition has one, else over the whole table. The costs are proportions, not times."""
    world, query = runner.context.world, runner.query
    total = len(world.rows.get(runner.sobject.name, {}))
    ids, floor = candidate_ids(runner.scope, query.where), stamp_floor(query.where)
    if ids is None and floor is not None:
        ids = list(world.index.since(runner.sobject.name, floor))
    indexed = ids is not None
    found = len(ids) if ids is not None else total
    note = {"description": _NOTE, "fields": [], "tableEnumOrId": runner.sobject.name}
    plan = {
        "cardinality": found,
        "fields": [],
        "leadingOperationType": "Index" if indexed else "TableScan",
        "notes": [] if indexed or query.where is None else [note],
        "relativeCost": Decimal(found) / Decimal(total or 1) if indexed else Decimal(1),
        "sobjectCardinality": total,
        "sobjectType": runner.sobject.name,
    }
    return {"plans": [plan], "sourceQuery": runner.context.text}
