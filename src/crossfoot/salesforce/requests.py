"""The requests Crossfoot makes to Salesforce (REST, one pinned API version)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from crossfoot.core.errors import Rejected
from crossfoot.http import HttpRequest
from crossfoot.salesforce.soql import identifier, record_id

API_VERSION = "v62.0"
DATA = f"/services/data/{API_VERSION}"
COLLECTION_SIZE = 200
COLLECTIONS_PER_CALL = 5
DESCRIBES_PER_CALL = 25
# The name marks our writes as ours in change events; no assignment rule may fire (SF 2.1, 5.8).
HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/json",
    "Sforce-Call-Options": "client=Crossfoot",
    "Sforce-Auto-Assign": "FALSE",
}
# A duplicate rule may warn about a row that is there already: changing it makes no duplicate. What would be made anew
# is refused by such a rule and waits with the rule's own words (SF 2.1, 2.3).
_CHANGES = {**HEADERS, "Sforce-Duplicate-Rule-Header": "allowSave=true"}
_MAY_MAKE = {**HEADERS, "Sforce-Duplicate-Rule-Header": "allowSave=false"}
_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def query(soql: str, *, deleted: bool = False) -> HttpRequest:
    """The first page of a query; ``deleted`` includes what is in the recycle bin."""
    return HttpRequest("GET", f"{DATA}/{'queryAll' if deleted else 'query'}", {"q": soql}, HEADERS)


def next_page(path: str) -> HttpRequest:
    """A further page, by the path that the answer gave."""
    return HttpRequest("GET", path, headers=HEADERS)


def describe(objects: Sequence[str]) -> HttpRequest:
    """Describe several objects in one call."""
    calls = [{"method": "GET", "url": f"{DATA}/sobjects/{identifier(name)}/describe"} for name in objects]
    body = _encoder.encode({"haltOnError": False, "batchRequests": calls})
    return HttpRequest("POST", f"{DATA}/composite/batch", headers=HEADERS, body=body, only_reads=True)


def describe_changed(objects: Mapping[str, str]) -> HttpRequest:
    """Describe several objects in one call, each only if it changed since its ``Last-Modified`` (empty: in any case).

    A describe may be conditional and may stand in a composite with headers of its own (SF 2.4, 2.7).
    """
    calls = [
        {
            "method": "GET",
            "url": f"{DATA}/sobjects/{identifier(name)}/describe",
            "referenceId": name,
            **({"httpHeaders": {"If-Modified-Since": since}} if since else {}),
        }
        for name, since in objects.items()
    ]
    body = _encoder.encode({"allOrNone": False, "compositeRequest": calls})
    return HttpRequest("POST", f"{DATA}/composite", headers=HEADERS, body=body, only_reads=True)


def limits() -> HttpRequest:
    """What is left of the org's allowances."""
    return HttpRequest("GET", f"{DATA}/limits", headers=HEADERS)


def userinfo() -> HttpRequest:
    """Who the connecting user is."""
    return HttpRequest("GET", "/services/oauth2/userinfo", headers=HEADERS)


def update_records(rows: Sequence[tuple[str, str, Mapping[str, Any]]]) -> HttpRequest:
    """Update up to 200 rows of (object, id, fields); each succeeds or fails alone."""
    records = [{"attributes": {"type": identifier(kind)}, "id": key, **fields} for kind, key, fields in rows]
    body = _encoder.encode({"allOrNone": False, "records": records})
    return HttpRequest("PATCH", f"{DATA}/composite/sobjects", headers=_CHANGES, body=body)


def create_record(kind: str, fields: Mapping[str, Any]) -> HttpRequest:
    """Create one row."""
    return HttpRequest("POST", f"{DATA}/sobjects/{identifier(kind)}", headers=HEADERS, body=_encoder.encode(fields))


def delete_record(kind: str, key: str) -> HttpRequest:
    """Delete one row."""
    return HttpRequest("DELETE", f"{DATA}/sobjects/{identifier(kind)}/{record_id(key)}", headers=HEADERS)


def upsert_records(kind: str, key_field: str, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> HttpRequest:
    """Upsert up to 200 rows of one object by a unique external id: safe to repeat."""
    records = [{"attributes": {"type": identifier(kind)}, identifier(key_field): key, **fields} for key, fields in rows]
    body = _encoder.encode({"allOrNone": False, "records": records})
    return HttpRequest("PATCH", f"{DATA}/composite/sobjects/{kind}/{key_field}", headers=_MAY_MAKE, body=body)


def in_one_call(parts: Sequence[HttpRequest]) -> HttpRequest:
    """Up to five collections in one call, in this order; each of their rows succeeds or fails alone (SF 2.7).

    The slash at the end changes nothing at Salesforce: it tells these writes from composites that only read.
    """
    if len(parts) == 1:
        return parts[0]
    calls = [
        {"method": part.method, "url": part.path, "referenceId": f"part{number}", "body": msgspec.Raw(part.body)}
        for number, part in enumerate(parts)
    ]
    body = _encoder.encode({"allOrNone": False, "compositeRequest": calls})
    return HttpRequest("POST", f"{DATA}/composite/", headers=HEADERS, body=body)


@dataclass(frozen=True, slots=True)
class QueryPage:
    """Rows of one page, and the path of the next."""

    rows: list[dict[str, Any]]
    next_path: str


def decode_query(body: bytes) -> QueryPage:
    """A page of rows; a short page is not the last one unless it says so (SF 2.6)."""
    answer = _decoder.decode(body)
    return QueryPage(answer["records"], "" if answer.get("done") else answer.get("nextRecordsUrl", ""))


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of one row of a collection."""

    id: str
    success: bool
    code: str = ""
    message: str = ""


def decode_outcomes(body: bytes, sizes: Sequence[int] = ()) -> list[RowOutcome]:
    """Outcomes in the order in which the rows were sent; ``sizes`` are the rows of each part of a composite."""
    answer = _decoder.decode(body)
    if isinstance(answer, list):
        return [_outcome(row) for row in answer]
    outcomes: list[RowOutcome] = []
    for part, rows in zip(answer["compositeResponse"], sizes, strict=True):
        if part["httpStatusCode"] == 200:
            outcomes += [_outcome(row) for row in part["body"]]
        else:  # refused as a whole, as a row would be
            error = part["body"][0]
            outcomes += [RowOutcome("", success=False, code=error["errorCode"], message=error["message"])] * rows
    return outcomes


def _outcome(row: Mapping[str, Any]) -> RowOutcome:
    error = (row.get("errors") or [{}])[0]
    return RowOutcome(
        row.get("id") or "", bool(row.get("success")), error.get("statusCode", ""), error.get("message", "")
    )


def decode_describes(objects: Sequence[str], body: bytes) -> dict[str, dict[str, Any] | None]:
    """Describes by object name; None where the object does not exist for this user."""
    results = _decoder.decode(body)["results"]
    return {
        name: result["result"] if result["statusCode"] == 200 else None
        for name, result in zip(objects, results, strict=True)
    }


def decode_json(body: bytes) -> Any:
    """Any other JSON answer, numbers exact."""
    return _decoder.decode(body)


def as_rejection(status: int, body: bytes, request_id: str) -> Rejected:
    """Salesforce's error array as an error that keeps its code and words."""
    try:
        error = _decoder.decode(body)
    except msgspec.DecodeError:
        return Rejected(f"Salesforce answered {status} without a readable reason", status=status)
    first = error[0] if isinstance(error, list) and error else error if isinstance(error, dict) else {}
    code = first.get("errorCode") or first.get("error") or ""
    message = first.get("message") or first.get("error_description") or f"Salesforce answered {status}"
    return Rejected(message, status=status, code=code, request_id=request_id)
