"""Which resource answers which path below ``/services/data/vXX.X`` (SF 11.1)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from crossfoot.emulators.salesforce import collection, composite, graph, queries, resources, screens, search, tree
from crossfoot.emulators.salesforce.bulk import resources as bulk
from crossfoot.emulators.salesforce.errors import ApiError, method_not_allowed
from crossfoot.emulators.salesforce.exchange import Ask, Reply
from crossfoot.emulators.salesforce.metadata import rest

# "*" stands for any one segment, which becomes an argument. The first pattern that fits decides.
ROUTES: tuple[tuple[str, Mapping[str, Callable[..., Reply]]], ...] = (
    ("", {"GET": resources.resource_list}),
    ("sobjects", {"GET": resources.list_objects}),
    ("sobjects/*", {"GET": resources.object_summary, "POST": resources.create_row}),
    ("sobjects/*/describe", {"GET": resources.object_describe}),
    ("sobjects/*/updated", {"GET": resources.list_updated}),
    ("sobjects/*/deleted", {"GET": resources.list_deleted}),
    ("sobjects/*/listviews", {"GET": screens.list_views}),
    ("sobjects/*/listviews/*", {"GET": screens.list_view}),
    ("sobjects/*/listviews/*/describe", {"GET": screens.list_view_describe}),
    ("sobjects/*/listviews/*/results", {"GET": screens.list_view_results}),
    ("sobjects/*/quickactions", {"GET": screens.of_object([])}),
    ("sobjects/*/describe/compactlayouts", {"GET": screens.compact_layouts}),
    ("sobjects/*/describe/approvallayouts", {"GET": screens.of_object({"approvalLayouts": []})}),
    ("sobjects/*/describe/*", {"GET": screens.no_layouts}),
    ("sobjects/*/id", {"POST": resources.create_row}),
    (
        "sobjects/*/*",
        {"GET": resources.read_row, "PATCH": resources.update_row, "DELETE": resources.delete_row},
    ),
    (
        "sobjects/*/*/*",
        {"GET": resources.read_by_key, "PATCH": resources.upsert_row, "DELETE": resources.delete_by_key},
    ),
    ("query", {"GET": queries.query}),
    ("queryall", {"GET": queries.query_all}),
    ("query/*", {"GET": queries.next_page}),
    ("queryall/*", {"GET": queries.next_page}),
    ("search", {"GET": search.search}),
    ("parameterizedsearch", {"GET": search.parameterized, "POST": search.parameterized}),
    ("recent", {"GET": screens.always([])}),
    ("tabs", {"GET": screens.tabs}),
    ("theme", {"GET": screens.theme}),
    ("quickactions", {"GET": screens.always([])}),
    ("process", {"GET": screens.processes}),
    ("process/rules", {"GET": screens.always({"rules": {}})}),
    ("process/approvals", {"GET": screens.always({"approvals": {}})}),
    ("actions", {"GET": screens.actions}),
    ("actions/custom/flow", {"GET": screens.always({"actions": []})}),
    ("limits", {"GET": resources.limits}),
    ("recordcount", {"GET": resources.record_counts}),
    ("limits/recordcount", {"GET": resources.record_counts}),
    ("composite", {"POST": composite.composite}),
    ("composite/batch", {"POST": composite.batch}),
    ("composite/graph", {"POST": graph.graph}),
    ("composite/tree/*", {"POST": tree.create_tree}),
    (
        "composite/sobjects",
        {
            "POST": collection.insert_collection,
            "PATCH": collection.update_collection,
            "DELETE": collection.delete_collection,
        },
    ),
    ("composite/sobjects/*", {"GET": collection.retrieve_collection, "POST": collection.retrieve_collection}),
    ("composite/sobjects/*/*", {"PATCH": collection.upsert_collection}),
    ("jobs/ingest", {"GET": bulk.list_ingest, "POST": bulk.create_ingest}),
    ("jobs/ingest/*", {"GET": bulk.read_ingest, "PATCH": bulk.change_ingest, "DELETE": bulk.delete_ingest}),
    ("jobs/ingest/*/batches", {"PUT": bulk.upload}),
    ("jobs/ingest/*/successfulresults", {"GET": bulk.successful_results}),
    ("jobs/ingest/*/failedresults", {"GET": bulk.failed_results}),
    ("jobs/ingest/*/unprocessedrecords", {"GET": bulk.unprocessed_records}),
    ("jobs/query", {"GET": bulk.list_query, "POST": bulk.create_query}),
    ("jobs/query/*", {"GET": bulk.read_query, "PATCH": bulk.change_query, "DELETE": bulk.delete_query}),
    ("jobs/query/*/results", {"GET": bulk.query_results}),
    ("jobs/query/*/resultpages", {"GET": bulk.result_pages}),
    ("metadata/deployrequest", {"POST": rest.create_deployment}),
    ("metadata/deployrequest/*", {"GET": rest.read_deployment, "PATCH": rest.change_deployment}),
)
_TABLE = tuple((tuple(pattern.split("/")) if pattern else (), methods) for pattern, methods in ROUTES)


def dispatch(ask: Ask) -> Reply:
    """Answer one request. Segments are decoded one by one; a trailing slash is no matter (SF 2.1)."""
    ask.tx.duplicate_header = ask.headers.get("sforce-duplicate-rule-header", "")
    path = ask.path.strip("/")
    segments = tuple(unquote(each) for each in path.split("/")) if path else ()
    if segments and segments[0].lower() == "tooling":
        return dispatch(dataclasses.replace(ask, path="/".join(path.split("/")[1:]), tooling=True))
    for pattern, methods in _TABLE:
        if len(pattern) == len(segments) and all(
            one in ("*", other.lower()) for one, other in zip(pattern, segments, strict=True)
        ):
            # What GET answers, HEAD answers too; the host leaves the body out.
            answer = methods.get("GET" if ask.method == "HEAD" else ask.method)
            if answer is None:
                raise method_not_allowed(ask.method, tuple(methods))
            return answer(ask, *(other for one, other in zip(pattern, segments, strict=True) if one == "*"))
    raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
