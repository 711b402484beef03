"""Which resource answers which path below ``/services/data/vXX.X`` (SF 11.1)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from crossfoot.emulators.salesforce import composite, queries, resources
from crossfoot.emulators.salesforce.errors import ApiError
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
    (
        "sobjects/*/*",
        {
            "GET": resources.read_row,
            "PATCH": resources.update_row,
            "DELETE": resources.delete_row,
            "POST": resources.create_by_id,
        },
    ),
    (
        "sobjects/*/*/*",
        {"GET": resources.read_by_key, "PATCH": resources.upsert_row, "DELETE": resources.delete_by_key},
    ),
    ("query", {"GET": queries.query}),
    ("queryall", {"GET": queries.query_all}),
    ("query/*", {"GET": queries.next_page}),
    ("queryall/*", {"GET": queries.next_page}),
    ("limits", {"GET": resources.limits}),
    ("recordcount", {"GET": resources.record_counts}),
    ("limits/recordcount", {"GET": resources.record_counts}),
    ("composite", {"POST": composite.composite}),
    ("composite/batch", {"POST": composite.batch}),
    (
        "composite/sobjects",
        {
            "POST": composite.insert_collection,
            "PATCH": composite.update_collection,
            "DELETE": composite.delete_collection,
        },
    ),
    ("composite/sobjects/*", {"GET": composite.retrieve_collection, "POST": composite.retrieve_collection}),
    ("composite/sobjects/*/*", {"PATCH": composite.upsert_collection}),
    ("metadata/deployrequest", {"POST": rest.create_deployment}),
    ("metadata/deployrequest/*", {"GET": rest.read_deployment, "PATCH": rest.change_deployment}),
)
_TABLE = tuple((tuple(pattern.split("/")) if pattern else (), methods) for pattern, methods in ROUTES)


def dispatch(ask: Ask) -> Reply:
    """Answer one request. Segments are decoded one by one; a trailing slash is no matter (SF 2.1)."""
    path = ask.path.strip("/")
    segments = tuple(unquote(each) for each in path.split("/")) if path else ()
    if segments and segments[0].lower() == "tooling":
        return dispatch(dataclasses.replace(ask, path="/".join(path.split("/")[1:]), tooling=True))
    for pattern, methods in _TABLE:
        if len(pattern) == len(segments) and all(
            one in ("*", other.lower()) for one, other in zip(pattern, segments, strict=True)
        ):
            answer = methods.get(ask.method)
            if answer is None:
                allowed = ",".join(methods)
                message = f"HTTP Method '{ask.method}' not allowed. Allowed are {allowed}"
                raise ApiError("METHOD_NOT_ALLOWED", message, status=405)
            return answer(ask, *(other for one, other in zip(pattern, segments, strict=True) if one == "*"))
    raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
