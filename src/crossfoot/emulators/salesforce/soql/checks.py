"""What a query may not do although its grammar is right: limits and clashing constructs (SF 3.1, 3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.soql.context import Context
from crossfoot.emulators.salesforce.soql.syntax import (
    DATE_FUNCTIONS,
    Call,
    Compare,
    Condition,
    Expression,
    In,
    Includes,
    Item,
    Junction,
    Literal,
    Not,
    Path,
    Query,
    TypeOf,
)

STATEMENT_CHARS_MAX = 100_000
LITERAL_CHARS_MAX = 4_000
OFFSET_MAX = 2_000
FIELDS_LIMIT_MAX = 200
CHILD_QUERIES_MAX = 20
PARENT_RELATIONSHIPS_MAX = 55
SEMI_JOINS_MAX = 2
GROUPING_FIELDS_MAX = 3
NESTED_CHILDREN_VERSION_MIN = 58
CHILD_LEVELS_MAX = 5


def check_query(context: Context, query: Query) -> None:
    """Refuse a query, and the queries in it, that breaks a limit or a rule."""
    if query.offset > OFFSET_MAX:
        raise ApiError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {OFFSET_MAX}")
    _check_counts(context, query)
    _check_aggregates(context, query)
    _check_items(context, query)
    _check_filtered(context, query)
    if query.where is not None:
        _check_semi_joins(context, query.where)
        for literal in _literals(query.where):
            if literal.kind == "text" and len(literal.value) > LITERAL_CHARS_MAX:
                message = f"String literals can not be longer than {LITERAL_CHARS_MAX} characters"
                raise context.error("MALFORMED_QUERY", literal.at, message)


def _check_filtered(context: Context, query: Query) -> None:
    """Some objects are queried by certain ids only (SF 2.4)."""
    sobject = context.world.schema.object(query.source)
    needed = sobject.filtered_by if sobject is not None else ()
    if sobject is None or not needed or _names(query.where) & {each.lower() for each in needed}:
        return
    wanted = " or ".join(needed)
    message = (
        f"Implementation restriction: {sobject.name} requires a filter by a single Id on {wanted} using the equals "
        "operator or multiple Id's using the IN operator."
    )
    raise context.error("MALFORMED_QUERY", query.at, message)


def _names(condition: Condition | None) -> set[str]:
    """The fields that a condition compares with an id or a list of ids, wherever only AND is above them."""
    if isinstance(condition, Junction) and condition.operator == "AND":
        return set().union(*(_names(each) for each in condition.conditions))
    if (isinstance(condition, Compare) and condition.operator == "=") or (
        isinstance(condition, In) and not condition.negated
    ):
        return {str(condition.left).lower()}
    return set()


def _check_counts(context: Context, query: Query) -> None:
    levels = CHILD_LEVELS_MAX if context.version >= NESTED_CHILDREN_VERSION_MIN else 1
    if _child_levels(query) > levels:
        message = f"SOQL relationship queries can be nested {levels} level(s) deep at most"
        raise context.error("MALFORMED_QUERY", query.at, message)
    if sum(1 for _ in _child_queries(query)) > CHILD_QUERIES_MAX:
        message = f"Maximum number of parent-to-child relationships is {CHILD_QUERIES_MAX}"
        raise context.error("MALFORMED_QUERY", query.at, message)
    parents = {str(path).lower().rpartition(".")[0] for path in _paths(query)} - {""}
    if len(parents) > PARENT_RELATIONSHIPS_MAX:
        message = f"Maximum number of child-to-parent relationships is {PARENT_RELATIONSHIPS_MAX}"
        raise context.error("MALFORMED_QUERY", query.at, message)


def _check_aggregates(context: Context, query: Query) -> None:
    first = query.items[0]
    if query.counts and (len(query.items) > 1 or query.group_by or query.order_by or first.alias):
        raise context.error("MALFORMED_QUERY", _at(first), "COUNT() stands alone, without GROUP BY and ORDER BY")
    if query.aggregated and not query.group_by and query.limit is not None and not query.counts:
        message = "LIMIT is not allowed in an aggregate query without GROUP BY"
        raise context.error("MALFORMED_QUERY", _at(first), message)
    if query.grouping and len(query.group_by) > GROUPING_FIELDS_MAX:
        message = f"GROUP BY {query.grouping} takes {GROUPING_FIELDS_MAX} fields at most"
        raise context.error("MALFORMED_QUERY", query.group_by[0].at, message)


def _check_items(context: Context, query: Query) -> None:
    for item in query.items:
        what = item.what
        if isinstance(what, Call) and what.name == "FIELDS":
            _check_fields(context, query, what)
        if query.aggregated:
            continue
        if isinstance(what, Path) and item.alias:
            raise context.error("MALFORMED_QUERY", what.at, f"unexpected token: '{item.alias}'")
        if isinstance(what, Call) and what.name in DATE_FUNCTIONS:
            message = f"Date function {what.name} is selected only where it is grouped"
            raise context.error("MALFORMED_QUERY", what.at, message)


def _check_fields(context: Context, query: Query, call: Call) -> None:
    if query.aggregated:
        raise context.error("MALFORMED_QUERY", call.at, "The SOQL FIELDS function is not supported with GROUP BY")
    bounded = query.limit is not None and query.limit <= FIELDS_LIMIT_MAX
    if str(call.argument) != "STANDARD" and not bounded:
        message = f"The SOQL FIELDS function must have a LIMIT of at most {FIELDS_LIMIT_MAX}"
        raise ApiError("MALFORMED_QUERY", message)


def _check_semi_joins(context: Context, where: Condition) -> None:
    """At most two, joined to the rest by AND, and none inside another."""
    found = list(_semi_joins(where, joined=True))
    if len(found) > SEMI_JOINS_MAX:
        message = f"Maximum {SEMI_JOINS_MAX} semi join sub-selects are allowed"
        raise context.error("EXCEEDED_MAX_SEMIJOIN_SUBSELECTS", found[SEMI_JOINS_MAX][0].at, message)
    for query, joined in found:
        inner = list(_semi_joins(query.where, joined=True)) if query.where else []
        if not joined or inner:
            message = (
                "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE "
                "expressions or nested queries."
            )
            raise context.error("MALFORMED_QUERY", query.at, message)
        if query.aggregated or query.order_by or query.limit is not None or query.offset:
            message = "Semi join sub-selects can not use aggregates, ORDER BY, LIMIT or OFFSET"
            raise context.error("MALFORMED_QUERY", query.at, message)


def _semi_joins(condition: Condition, *, joined: bool) -> Iterator[tuple[Query, bool]]:
    """Each semi-join, and whether only ANDs stand above it."""
    if isinstance(condition, In) and isinstance(condition.values, Query):
        yield condition.values, joined
    elif isinstance(condition, Junction):
        for each in condition.conditions:
            yield from _semi_joins(each, joined=joined and condition.operator == "AND")
    elif isinstance(condition, Not):
        yield from _semi_joins(condition.condition, joined=False)


def _child_queries(query: Query) -> Iterator[Query]:
    for item in query.items:
        if isinstance(item.what, Query):
            yield item.what
            yield from _child_queries(item.what)


def _child_levels(query: Query) -> int:
    return max((1 + _child_levels(item.what) for item in query.items if isinstance(item.what, Query)), default=0)


def _leaves(condition: Condition | None) -> Iterator[Compare | In | Includes]:
    if isinstance(condition, Junction):
        for each in condition.conditions:
            yield from _leaves(each)
    elif isinstance(condition, Not):
        yield from _leaves(condition.condition)
    elif condition is not None:
        yield condition


def _literals(condition: Condition) -> Iterator[Literal]:
    for leaf in _leaves(condition):
        if isinstance(leaf, Compare):
            yield leaf.right
        elif not isinstance(leaf.values, Query):
            yield from leaf.values


def _paths(query: Query) -> Iterator[Path]:
    """Every path that a query itself uses, its children aside."""
    expressions: list[Expression] = [item.what for item in query.items if isinstance(item.what, Path | Call)]
    expressions += [leaf.left for clause in (query.where, query.having) for leaf in _leaves(clause)]
    expressions += [*query.group_by, *(order.what for order in query.order_by)]
    yield from _paths_of(expressions)
    for item in query.items:
        if isinstance(item.what, TypeOf):
            yield Path((*item.what.relationship.names, "Id"), item.what.at)


def _paths_of(expressions: Iterable[Expression | Literal]) -> Iterator[Path]:
    for each in expressions:
        if isinstance(each, Path):
            yield each
        elif isinstance(each, Call):
            yield from _paths_of(each.arguments)


def _at(item: Item) -> int:
    return item.what.at
