"""The content types of Bulk API 1.0: rows in CSV, JSON or XML become a table; results go back likewise (SF 4.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from html import escape
from typing import Any

from crossfoot.emulators.salesforce.bulk.files import FileError, Table, read_table, write_table
from crossfoot.emulators.salesforce.bulk.job import Job
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.metadata.xml import Element, XmlError, parse_xml
from crossfoot.emulators.salesforce.values import from_json, render, to_json
from crossfoot.emulators.wire import Response

NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
NULL = "#N/A"
BATCH_RECORDS_MAX = 10_000
_TYPES = {"CSV": "text/csv", "JSON": "application/json", "XML": "application/xml"}
_NO_ROWS = "Records not found for this query"
_RESULT_HEADER = ("Id", "Success", "Created", "Error")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_batch(batch: Job, content: bytes) -> Table:
    """The rows of a batch. FileError for what cannot be read as its content type, and for too many rows.

    JSON and XML have no header that would have to name the key of an upsert, so a row may do without.
    """
    header, rows = _READERS[batch["content_type"]](content)
    if batch["content_type"] != "CSV" and batch["key"] and batch["key"] not in header:
        header, rows = [*header, batch["key"]], [[*row, ""] for row in rows]
    if len(rows) > BATCH_RECORDS_MAX:
        raise FileError(f"InvalidBatch : Records not processed: more than {BATCH_RECORDS_MAX} in one batch")
    return header, rows


def _read_csv(content: bytes) -> Table:
    head, newline, _ = content.partition(b"\n")
    return read_table(content, "COMMA", "CRLF" if newline and head.endswith(b"\r") else "LF")


def _read_json(content: bytes) -> Table:
    try:
        records = from_json(content)
    except ApiError as error:
        raise FileError(f"InvalidBatch : Failed to parse JSON: {error.message}") from error
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise FileError("InvalidBatch : a batch in JSON is a list of records")
    return _table([_flat(each) for each in records])


def _flat(record: Mapping[str, Any]) -> dict[str, str]:
    """A record as cells: null and empty text clear a field, a reference by external id is a column of its own."""
    cells: dict[str, str] = {}
    for name, value in record.items():
        if name == "attributes":
            continue
        if isinstance(value, dict):
            kind = value.get("attributes", {}).get("type")
            prefix = f"{kind}:{name}" if kind else name
            cells |= {f"{prefix}.{key}": _cell(each) for key, each in value.items() if key != "attributes"}
        else:
            cells[name] = _cell(value)
    return cells


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return NULL if value is None or value == "" else str(value)


def _read_xml(content: bytes) -> Table:
    try:
        root = parse_xml(content)
    except XmlError as error:
        raise FileError(f"InvalidBatch : Failed to parse XML: {error.reason}") from error
    if root.tag != "sObjects":
        raise FileError("InvalidBatch : a batch in XML is one element sObjects")
    return _table([_xml_cells(each) for each in root.all("sObject")])


def _xml_cells(record: Element) -> dict[str, str]:
    cells: dict[str, str] = {}
    for each in record.children:
        referred = each.one("sObject")
        if referred is not None:
            kind = referred.get("type")
            prefix = f"{kind}:{each.tag}" if kind else each.tag
            cells |= {f"{prefix}.{key.tag}": key.text for key in referred.children if key.tag != "type"}
        else:
            cells[each.tag] = NULL if each.attributes.get("nil") == "true" else each.text
    return cells


def _table(records: Sequence[Mapping[str, str]]) -> Table:
    header = list(dict.fromkeys(name for each in records for name in each))
    return header, [[each.get(name, "") for name in header] for each in records]


def query_result(job: Job, batch: Job) -> Response:
    """What a query found. In CSV no rows are a sentence, in JSON and XML they are an empty list."""
    kind = job.get("content_type", "CSV")
    if kind == "CSV":
        text = write_table([batch["header"], *batch["rows"]], batch["delimiter"], batch["line_ending"])
        return answer(kind, (text if batch["rows"] else _NO_ROWS).encode(), charset=True)
    if kind == "JSON":
        return answer(kind, to_json([_json_record(job, batch["header"], row) for row in batch["rows"]]))
    found = "".join(_xml_record(job["object"], batch["header"], row) for row in batch["rows"])
    return document(200, "queryResult", f"{found}<done>true</done><size>{len(batch['rows'])}</size>")


def _json_record(job: Job, header: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """A record as REST has it, but that days and instants are milliseconds (SF 4.5)."""
    made: dict[str, Any] = {"attributes": {"type": job["object"]}}
    for name, value in zip(header, row, strict=True):
        if name == "Id":
            made["attributes"]["url"] = f"/services/data/v{job['version']}.0/sobjects/{job['object']}/{value}"
        *path, last = name.split(".")
        place = made
        for step in path:
            place = place.setdefault(step, {})
        place[last] = _milliseconds(value)
    return made


def _milliseconds(value: Any) -> Any:
    if isinstance(value, datetime):
        return int((value - _EPOCH).total_seconds()) * 1000
    if isinstance(value, date):
        return (value - _EPOCH.date()).days * 86_400_000
    return value


def _xml_record(kind: str, header: Sequence[str], row: Sequence[Any]) -> str:
    cells = "".join(_xml_value(name.split("."), value) for name, value in zip(header, row, strict=True))
    return f'<records xsi:type="sObject"><type>{kind}</type>{cells}</records>'


def _xml_value(path: Sequence[str], value: Any) -> str:
    name = path[0]
    if len(path) > 1:
        return f'<{name} xsi:type="sObject">{_xml_value(path[1:], value)}</{name}>'
    return f'<{name} xsi:nil="true"/>' if value is None else elements({name: render(value)})


def load_result(job: Job, batch: Job) -> Response:
    """What became of each row of a batch, in the order of the batch."""
    kind = job.get("content_type", "CSV")
    outcomes: list[list[str]] = batch["outcomes"]
    if kind == "CSV":
        rows = [[row, str(not error).lower(), created or "false", error] for row, created, error in outcomes]
        return answer(kind, write_table([_RESULT_HEADER, *rows], "COMMA", "LF").encode())
    told = [_outcome(*each) for each in outcomes]
    if kind == "JSON":
        return answer(kind, to_json(told))
    return document(200, "results", "".join(f"<result>{elements(each)}</result>" for each in told))


def _outcome(row: str, created: str, error: str) -> dict[str, Any]:
    code, _, rest = error.partition(":")
    message, _, fields = rest.removesuffix(" --").rpartition(":")
    named = fields.split(",") if fields else []
    errors = [{"fields": named, "message": message, "statusCode": code}] if error else []
    return {"success": not error, "created": created == "true", "id": row or None, "errors": errors}


def answer(kind: str, body: bytes, *, status: int = 200, charset: bool = False) -> Response:
    """An answer in a content type. Where clients compare the header as a whole, it has no charset (SF 4.5)."""
    return Response(status, (("Content-Type", _TYPES[kind] + ("; charset=UTF-8" if charset else "")),), body)


def written(kind: str, status: int, tag: str, payload: Mapping[str, Any]) -> Response:
    """One structure, in JSON or else in XML."""
    if kind == "JSON":
        return answer(kind, to_json(payload), status=status)
    return document(status, tag, elements(payload))


def elements(payload: Mapping[str, Any]) -> str:
    """A mapping as elements: a list repeats its name, nothing is left out."""
    return "".join(_element(name, value) for name, value in payload.items())


def _element(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "".join(_element(name, each) for each in value)
    if isinstance(value, Mapping):
        return f"<{name}>{elements(value)}</{name}>"
    text = str(value).lower() if isinstance(value, bool) else f"{value:f}" if isinstance(value, Decimal) else str(value)
    return f"<{name}>{escape(text, quote=False)}</{name}>"


def document(status: int, tag: str, content: str) -> Response:
    """An XML document of this API."""
    schema = "http://www.w3.org/2001/XMLSchema-instance"
    text = f'<?xml version="1.0" encoding="UTF-8"?><{tag} xmlns="{NAMESPACE}" xmlns:xsi="{schema}">{content}</{tag}>'
    return answer("XML", text.encode(), status=status)


def read_wish(request_type: str, body: bytes) -> Mapping[str, Any]:
    """What a job shall be, from JSON or XML. ValueError for neither."""
    if request_type.startswith("application/json"):
        try:
            found = from_json(body)
        except ApiError as error:
            raise ValueError(error.message) from error
        if not isinstance(found, dict):
            raise ValueError("the body has to be a JSON object")
        return found
    try:
        root = parse_xml(body)
    except XmlError as error:
        raise ValueError(error.reason) from error
    return {each.tag: each.text for each in root.children}


_READERS: Mapping[str, Callable[[bytes], Table]] = {"CSV": _read_csv, "JSON": _read_json, "XML": _read_xml}
CONTENT_TYPES: Iterable[str] = tuple(_READERS)
