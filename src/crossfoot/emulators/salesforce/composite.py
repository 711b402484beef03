"""Several requests in one: composite, whose requests build on each other, and batch (SF 2.7)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.exchange import Ask, Reply, error_reply, flag, member

SUBREQUESTS_MAX = 25
QUERIES_MAX = 5
REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}")
_ADDRESS = re.compile(r"(?:/?services/data/)?/?v(\d\d)\.0/?(.*)")
_QUERIES = re.compile(r"(query|queryall|composite/sobjects)(/|\Z)", re.IGNORECASE)
_COLLECTION = re.compile(r"composite/sobjects(/|\Z)", re.IGNORECASE)
_NOT_INSIDE = re.compile(r"(composite(/(batch|graph|tree)(/.*)?)?/?|jobs(/.*)?|metadata(/.*)?)\Z", re.IGNORECASE)

Request = Mapping[str, Any]


def composite(ask: Ask) -> Reply:
    """Requests in order, each able to use the outcome of earlier ones by ``@{ref.path}`` (SF 2.7)."""
    requests = subrequests(ask.fields(), "compositeRequest")
    if sum(_QUERIES.match(path_of(each)[1]) is not None for each in requests) > QUERIES_MAX:
        raise ApiError("LIMIT_EXCEEDED", f"at most {QUERIES_MAX} subrequests may be queries or collections")
    answers, _ = perform_in_order(ask, requests, atomic=flag(ask.fields(), "allOrNone"))
    return Reply(200, {"compositeResponse": answers})


def perform_in_order(ask: Ask, requests: Sequence[Request], *, atomic: bool) -> tuple[list[dict[str, Any]], bool]:
    """The answers of requests that refer to each other, and whether none failed; all or none when ``atomic``."""
    start = ask.tx.mark()
    replies: dict[str, Reply] = {}
    failed: set[str] = set()
    for request in requests:
        reference = str(request["referenceId"])
        replies[reference] = _perform_filled(ask, request, replies, atomic=atomic)
        if _failed(replies[reference]):
            failed.add(reference)
            if atomic:
                ask.tx.rollback(start)
                replies = {str(each["referenceId"]): HALTED for each in requests} | {reference: replies[reference]}
                break
    answers = [
        {"body": reply.payload, "httpHeaders": dict(reply.headers), "httpStatusCode": reply.status, "referenceId": name}
        for name, reply in replies.items()
    ]
    return answers, not failed


def _perform_filled(ask: Ask, request: Request, replies: Mapping[str, Reply], *, atomic: bool) -> Reply:
    """One request once its references are filled in; the outer allOrNone overrides that of a collection."""
    try:
        filled = _fill(request, replies)
        body = filled.get("body")
        if atomic and _COLLECTION.match(path_of(filled)[1]):
            if isinstance(body, dict):
                body = body | {"allOrNone": True}
            else:  # a deletion has it in its address
                filled = filled | {"url": f"{filled['url']}&allOrNone=true"}
        return _perform(ask, filled, body)
    except ApiError as error:
        return error_reply(error)


HALTED = error_reply(
    ApiError(
        "PROCESSING_HALTED",
        "The transaction was rolled back since another operation in the same transaction failed.",
    )
)


def batch(ask: Ask) -> Reply:
    """Independent requests; with haltOnError those after a failure are not done."""
    halt = flag(ask.fields(), "haltOnError")
    results: list[dict[str, Any]] = []
    failed = False
    for request in subrequests(ask.fields(), "batchRequests", named=False):
        if failed and halt:
            reply = error_reply(
                ApiError("BATCH_PROCESSING_HALTED", "Batch processing halted by request option", status=412)
            )
        else:
            reply = _perform(ask, request, request.get("richInput"))
        failed = failed or reply.status >= 400
        results.append({"statusCode": reply.status, "result": reply.payload})
    return Reply(200, {"hasErrors": failed, "results": results})


def subrequests(
    body: Mapping[str, Any], name: str, *, named: bool = True, most: int = SUBREQUESTS_MAX
) -> list[dict[str, Any]]:
    """The requests of an envelope. What is wrong with the envelope is refused before any work."""
    requests = body.get(name)
    if not isinstance(requests, list) or not requests or not all(isinstance(each, dict) for each in requests):
        raise ApiError("BAD_REQUEST", f"{name}: an array of requests is required")
    if len(requests) > most:
        raise ApiError("LIMIT_EXCEEDED", f"The maximum number of subrequests is {most}")
    if not all(isinstance(each.get("method"), str) and isinstance(each.get("url"), str) for each in requests):
        raise ApiError("BAD_REQUEST", "each subrequest has a method and a url")
    references = [str(each.get("referenceId", "")) for each in requests]
    if named and (
        len(set(references)) < len(references) or not all(re.fullmatch(r"[A-Za-z0-9_]+", each) for each in references)
    ):
        raise ApiError(
            "BAD_REQUEST", "each referenceId has to be given, unique, and made of letters, digits and underscores"
        )
    return requests


def path_of(request: Request) -> tuple[int | None, str, str]:
    """Version, path and query of a sub-request: its URL is absolute, or begins with the version (SF 2.7)."""
    path, _, query = str(request["url"]).partition("?")
    match = _ADDRESS.match(path)
    return (int(match.group(1)), match.group(2), query) if match else (None, path.lstrip("/"), query)


def _failed(reply: Reply) -> bool:
    if reply.status >= 400:
        return True
    payload = reply.payload
    return isinstance(payload, list) and any(
        isinstance(each, dict) and each.get("success") is False for each in payload
    )


def _perform(ask: Ask, request: Request, body: Any) -> Reply:
    version, path, query = path_of(request)
    before = ask.tx.mark()
    headers = {name.lower(): str(value) for name, value in (member(request, "httpHeaders", dict) or {}).items()}
    inner = dataclasses.replace(
        ask,
        method=str(request["method"]).upper(),
        path=path,
        version=version or ask.version,
        params=dict(parse_qsl(query, keep_blank_values=True)),
        headers={**ask.headers, **headers},
        payload=body,
    )
    try:
        if _NOT_INSIDE.match(path):
            raise ApiError("BAD_REQUEST", f"{path} cannot be a subrequest")
        return ask.dispatch(inner)
    except ApiError as error:
        ask.tx.rollback(before)
        ask.complain(error)
        return error_reply(error)


def _fill(value: Any, replies: Mapping[str, Reply]) -> Any:
    """The same structure with every ``@{ref.records[0].Id}`` replaced by what it points at."""
    if isinstance(value, dict):
        return {key: _fill(each, replies) for key, each in value.items()}
    if isinstance(value, list):
        return [_fill(each, replies) for each in value]
    if not isinstance(value, str):
        return value
    whole = REFERENCE.fullmatch(unquote(value) if value.startswith("%40") else value)
    if whole:
        return _pointed_at(whole, replies)
    return REFERENCE.sub(lambda match: str(_pointed_at(match, replies)), value)


def _pointed_at(match: re.Match[str], replies: Mapping[str, Reply]) -> Any:
    reply = replies.get(match.group(1))
    if reply is None or reply.status >= 400:
        raise ApiError("PROCESSING_HALTED", f"Invalid reference specified. No value for {match.group(1)} found.")
    found = reply.payload
    for name, position in re.findall(r"\.(\w+)|\[(\d+)\]", match.group(2)):
        try:
            found = found[name] if name else found[int(position)]
        except (KeyError, IndexError, TypeError) as error:
            raise ApiError(
                "PROCESSING_HALTED", f"Invalid reference specified. No value for {match.group()} found."
            ) from error
    return found
