"""What a record of Salesforce is called before people."""

from __future__ import annotations

from sqlalchemy import Connection

from crossfoot.core.records import RecordRef
from crossfoot.store.codec import decode_fields
from crossfoot.store.versions import load_versions


def record_name(connection: Connection, org_id: str, record: RecordRef) -> str:
    """Its name as last read; blank where it was not read."""
    versions = load_versions(connection, org_id, record.kind, ids=[record.id])
    return next((str(decode_fields(version.body).get("Name") or "") for version in versions), "")
