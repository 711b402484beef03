"""What follows from the bytes of a file, and the document that stands for all its versions (SF 6.14)."""

from __future__ import annotations

import hashlib
from base64 import b64decode

from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.world import Row

_KINDS = {"txt": "TEXT", "docx": "WORD_X", "xlsx": "EXCEL_X", "pptx": "POWER_POINT_X", "jpeg": "JPG", "": "UNKNOWN"}
_SHARED = ("Title", "FileType", "FileExtension", "ContentSize", "OwnerId")


def before_attachment(_: Transaction, _old: Row | None, row: Row, given: frozenset[str]) -> None:
    if "Body" in given:
        row["BodyLength"] = len(b64decode(row["Body"] or ""))


def before_version(tx: Transaction, old: Row | None, row: Row, _given: frozenset[str]) -> None:
    """Its kind by its path, its size and sum by its bytes; a version of no document begins one."""
    if old is not None or not row.get("PathOnClient") or not row.get("VersionData"):
        return  # without these it is refused
    name, dot, extension = row["PathOnClient"].rpartition("/")[2].rpartition(".")
    extension = extension.lower() if dot else ""
    content = b64decode(row["VersionData"])
    row["Title"] = row.get("Title") or (name if dot else row["PathOnClient"])
    row["FileExtension"] = extension or None
    row["FileType"] = _KINDS.get(extension, extension.upper())
    row["ContentSize"] = len(content)
    row["Checksum"] = hashlib.md5(content, usedforsecurity=False).hexdigest()
    row["IsLatest"] = True
    versions = tx.world.index.find("ContentVersion", "ContentDocumentId", row.get("ContentDocumentId"))
    row["VersionNumber"] = str(1 + len(list(versions))) if row.get("ContentDocumentId") else "1"
    if not row.get("ContentDocumentId"):
        row["ContentDocumentId"] = tx.world.next_id("069")
        tx.write(tx.world.object("ContentDocument"), {"Id": row["ContentDocumentId"], **_shown(row)})


def after_version(tx: Transaction, old: Row | None, row: Row | None) -> None:
    """The document shows its newest version, which alone is the latest; a new file is linked to where it was put."""
    if row is None or not row["IsLatest"]:
        return
    document, version = tx.world.object("ContentDocument"), tx.world.object("ContentVersion")
    tx.change(document, row["ContentDocumentId"], LatestPublishedVersionId=row["Id"], **_shown(row))
    if old is not None:
        return
    for other in list(tx.world.index.find("ContentVersion", "ContentDocumentId", row["ContentDocumentId"])):
        if other != row["Id"]:
            tx.change(version, other, IsLatest=False)
    if row["VersionNumber"] == "1":
        _link(tx, row, row["OwnerId"], "I")
        if row.get("FirstPublishLocationId") not in {None, row["OwnerId"]}:
            _link(tx, row, row["FirstPublishLocationId"], "V")


def _shown(row: Row) -> Row:
    return {name: row.get(name) for name in _SHARED}


def _link(tx: Transaction, row: Row, place: str, share_type: str) -> None:
    link = {"ContentDocumentId": row["ContentDocumentId"], "LinkedEntityId": place, "ShareType": share_type}
    made = {"Id": tx.world.next_id("06A"), **link, "Visibility": "AllUsers"}
    tx.write(tx.world.object("ContentDocumentLink"), made)
