"""Several requests in one: composite, graph and batch (SF 2.7)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.exchange import Ask, Reply, error_reply

SUBREQUESTS_MAX = 25


def composite(ask: Ask) -> Reply:
    """Requests in order, each able to use the outcome of earlier ones by ``@{ref.path}`` (SF 2.7)."""
    requests = _subrequests(ask, "compositeRequest")
    references = [str(each.get("referenceId", "")) for each in requests]
    if len(set(references)) < len(references) or not all(re.fullmatch(r"\w+", each) for each in references):
        raise ApiError(
            "BAD_REQUEST", "each referenceId has to be given, unique, and made of letters, digits and underscores"
        )
    atomic = bool(ask.fields().get("allOrNone"))
    start = ask.tx.mark()
    replies: dict[str, Reply] = {}
    for reference, request in zip(references, requests, strict=True):
        try:
            filled = _fill(request, replies)
            body = filled.get("body")
            if atomic and isinstance(body, dict) and "records" in body:
                body = body | {"allOrNone": False}
            replies[reference] = _perform(ask, filled, body)
        except ApiError as error:
            replies[reference] = error_reply(error)
    failed = [name for name, reply in replies.items() if _failed(reply)]
    if atomic and failed:
        ask.tx.rollback(start)
        halted = error_reply(
            ApiError("PROCESSING_HALTED", "The transaction was rolled back since another operation failed.")
        )
        replies = {name: reply if name in failed else halted for name, reply in replies.items()}
    answers = [
        {"body": reply.payload, "httpHeaders": dict(reply.headers), "httpStatusCode": reply.status, "referenceId": name}
        for name, reply in replies.items()
    ]
    return Reply(200, {"compositeResponse": answers})


def batch(ask: Ask) -> Reply:
    """Independent requests; with haltOnError those after a failure are not done."""
    halt = bool(ask.fields().get("haltOnError"))
    results: list[dict[str, Any]] = []
    failed = False
    for request in _subrequests(ask, "batchRequests"):
        if failed and halt:
            reply = error_reply(
                ApiError("BATCH_PROCESSING_HALTED", "Batch processing halted by request option", status=412)
            )
        else:
            reply = _perform(ask, request, request.get("richInput"))
        failed = failed or reply.status >= 400
        results.append({"statusCode": reply.status, "result": reply.payload})
    return Reply(200, {"hasErrors": failed, "results": results})


def _failed(reply: Reply) -> bool:
    if reply.status >= 400:
        return True
    payload = reply.payload
    return isinstance(payload, list) and any(
        isinstance(each, dict) and each.get("success") is False for each in payload
    )


def _subrequests(ask: Ask, name: str) -> list[dict[str, Any]]:
    requests = ask.fields().get(name)
    if not isinstance(requests, list) or not requests or not all(isinstance(each, dict) for each in requests):
        raise ApiError("BAD_REQUEST", f"{name}: an array of requests is required")
    if len(requests) > SUBREQUESTS_MAX:
        raise ApiError("LIMIT_EXCEEDED", f"The maximum number of subrequests is {SUBREQUESTS_MAX}")
    return requests


def _perform(ask: Ask, request: Mapping[str, Any], body: Any) -> Reply:
    """One sub-request. Its URL is absolute, or begins with the version (SF 2.7)."""
    path, _, query = str(request.get("url", "")).partition("?")
    path = path.removeprefix("/services/data").lstrip("/")
    match = re.match(r"v(\d\d)\.0/?(.*)", path)
    before = ask.tx.mark()
    headers = {name.lower(): str(value) for name, value in (request.get("httpHeaders") or {}).items()}
    inner = dataclasses.replace(
        ask,
        method=str(request.get("method", "")).upper(),
        path=match.group(2) if match else path,
        version=int(match.group(1)) if match else ask.version,
        params=dict(parse_qsl(query, keep_blank_values=True)),
        headers={**ask.headers, **headers},
        payload=body,
    )
    try:
        return ask.dispatch(inner)
    except ApiError as error:
        ask.tx.rollback(before)
        ask.complain(error)
        return error_reply(error)


_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}")


def _fill(value: Any, replies: Mapping[str, Reply]) -> Any:
    """The same structure with every ``@{ref.records[0].Id}`` replaced by what it points at."""
    if isinstance(value, dict):
        return {key: _fill(each, replies) for key, each in value.items()}
    if isinstance(value, list):
        return [_fill(each, replies) for each in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(unquote(value) if value.startswith("%40") else value)
    if whole:
        return _pointed_at(whole, replies)
    return _REFERENCE.sub(lambda match: str(_pointed_at(match, replies)), value)


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
