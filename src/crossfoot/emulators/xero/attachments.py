"""Files attached to records: listed, uploaded, downloaded; never deleted (XERO 4.22)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import quote

from crossfoot.emulators.wire import Response
from crossfoot.emulators.xero import history
from crossfoot.emulators.xero.bodies import Asked, Payload
from crossfoot.emulators.xero.errors import no_data, not_allowed, not_found, too_large, validation_error
from crossfoot.emulators.xero.formats import ZERO_ID
from crossfoot.emulators.xero.kinds import Call, Kind, Record

FAMILIES = ("accounting.attachments",)
KINDS = frozenset(
    {
        "Accounts",
        "BankTransactions",
        "BankTransfers",
        "Contacts",
        "CreditNotes",
        "Invoices",
        "ManualJournals",
        "PurchaseOrders",
        "Quotes",
        "Receipts",
        "RepeatingInvoices",
    }
)
COUNT_MAX = 10
BYTES_MAX = 10 * 1024 * 1024
ILLEGAL_IN_NAMES = frozenset('<>:"/\\|?*\0+')
SENT_ONLINE = frozenset({"ACCREC", "ACCRECCREDIT"})  # documents that a customer sees online
BAD_NAME = 'A file name must not be empty or contain any of < > : " / \\ | ? * +'
TOO_MANY = f"A document may have at most {COUNT_MAX} attachments."
BINARY = "application/octet-stream"
# xero-python sends every file as octet-stream, xero-node as a form: what says nothing leaves the type to the name.
SAYS_NOTHING = frozenset({"", BINARY, "application/x-www-form-urlencoded"})
TYPES: Mapping[str, str] = {
    ".bmp": "image/bmp",
    ".csv": "text/csv",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".eml": "message/rfc822",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".txt": "text/plain",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xml": "application/xml",
    ".zip": "application/zip",
}


def answer(call: Call, kind: Kind, record: Record, asked: Asked) -> Payload:
    """One request about the files of a record; a file is named by its id or its name."""
    if len(asked.rest) > 1:
        raise not_found()
    name = asked.rest[0] if asked.rest else None
    if asked.method == "GET" and name is None:
        return {"Attachments": listed(call, kind.key(record))}
    if asked.method == "GET" and name is not None:
        found = _find(call, kind.key(record), name)
        if found is None:
            raise not_found()
        return Response(200, (("Content-Type", found["MimeType"]),), found["_content"])
    if asked.method not in {"PUT", "POST"} or name is None:
        raise not_allowed()
    return {"Attachments": [_upload(call, kind, record, name, asked.body)]}


def listed(call: Call, parent: str) -> list[Record]:
    """The files of one record, as the API shows them."""
    return call.organisation.find("Attachments", "Parent", parent)


def _find(call: Call, parent: str, name: str) -> Record | None:
    wanted = name.lower()
    files = listed(call, parent)
    return next((row for row in files if wanted in {row["AttachmentID"], row["FileName"].lower()}), None)


def _upload(call: Call, kind: Kind, record: Record, name: str, content: bytes) -> Record:
    """Keep a file; one of the same name is overwritten and keeps its id (unconfirmed). The record's stamp does not
    move (unconfirmed)."""
    parent = kind.key(record)
    if len(content) > BYTES_MAX:
        raise too_large()
    if not content:
        raise no_data("Attachment")
    old = _find(call, parent, name)
    problems = [BAD_NAME] if not name.strip() or ILLEGAL_IN_NAMES & set(name) else []
    if old is None and len(listed(call, parent)) >= COUNT_MAX:
        problems.append(TOO_MANY)
    if problems:
        errors = [{"Message": message} for message in problems]
        raise validation_error([{"AttachmentID": ZERO_ID, "FileName": name, "ValidationErrors": errors}])
    attachment_id = old["AttachmentID"] if old else call.world.new_id()
    row = {
        "AttachmentID": attachment_id,
        "FileName": name,
        "Url": f"{call.world.public_url}/api.xro/2.0/{kind.plural}/{parent}/Attachments/{quote(name)}",
        "MimeType": _type(call, name),
        "ContentLength": len(content),
        "_parent": parent,
        "_content": content,
    }
    if record.get("Type") in SENT_ONLINE:
        row["IncludeOnline"] = call.asks("includeOnline")
    call.organisation.put("Attachments", attachment_id, row)
    details = f"Attached the file {name} through the Xero API using {call.world.app['name']}"
    told = history.with_row(record, (call.now, "Attached a file", history.SYSTEM_USER, details))
    call.organisation.put(kind.plural, parent, {**told, "HasAttachments": True})
    return row


def _type(call: Call, name: str) -> str:
    sent = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    return TYPES.get(PurePosixPath(name.lower()).suffix, BINARY) if sent in SAYS_NOTHING else sent
