"""What the audit log says of a write to either side: who, what, when, why, before, after, under which mapping."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from crossfoot.core.documents import differences
from crossfoot.core.links import Kind
from crossfoot.engine.session import Session
from crossfoot.store.audit import Said, append_all, append_audit, bodies_to_pack, pack_bodies
from crossfoot.store.codec import decode_fields
from crossfoot.store.operations import StoredOperation
from crossfoot.store.write_backs import WriteBack

PACKINGS_MAX = 1_000
_HEAD = ("contact", "dated", "due", "currency", "reference", "url", "line_amounts")


def note(connection: Connection, session: Session, action: str, *, record_id: str = "", **body: object) -> None:
    """One entry for what this run did; belongs in the transaction of what it records."""
    append_audit(
        connection,
        session.organisation_id,
        session.host.now(),
        actor=session.actor,
        action=action,
        record_id=record_id,
        **body,
    )


def note_write(connection: Connection, session: Session, operation: StoredOperation, xero_id: str) -> None:
    """One entry for one write that Xero took; belongs in the transaction that settles its operation."""
    before, after = before_and_after(operation)
    note(
        connection,
        session,
        f"{operation.action} {operation.identity.kind.value}",
        record_id=operation.source_id,
        run=session.run_id or operation.run_id,
        operation=operation.id,
        call=operation.call_id,
        xero_id=xero_id,
        number=operation.number,
        currency=operation.currency,
        ex_tax=str(operation.ex_tax),
        gross=str(operation.gross),
        payload=operation.payload_hash,
        content=hashlib.sha256(operation.body).hexdigest(),
        before=before,
        after=after,
        reason=operation.reason,
        mapping=session.mapping.hash,
    )


def note_refused(connection: Connection, session: Session, operation: StoredOperation, reasons: Sequence[str]) -> None:
    """One entry for one write that Xero refused; belongs in the transaction that settles its operation."""
    body = {"operation": operation.id, "reasons": list(reasons)}
    note(connection, session, "refused by Xero", record_id=operation.source_id, **body)


def before_and_after(operation: StoredOperation) -> tuple[Any, Any]:
    """The target as it was and as it was meant to be: of a change its changed parts, of a new invoice its head.

    The whole is kept with the operation until it is verified; the entry carries its digest as ``content``.
    """
    body = decode_fields(operation.body)
    before, after = body.get("before"), body.get("form")
    if operation.action == "delete":
        return before or operation.pre_image, None
    if operation.identity.kind is not Kind.INVOICE or not after:
        return before, body["element"]
    if not before:
        return None, {**{name: after.get(name) for name in _HEAD}, "lines": len(after["lines"] or [])}
    changed = differences(before, after)
    return _parts(before, changed), _parts(after, changed)


def _parts(form: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """The named parts of a form, as ``core.documents.differences`` names them."""
    parts: dict[str, Any] = {}
    for name in names:
        first, _, rest = name.partition(" ")
        if first == "line":
            number, _, key = rest.partition(" ")
            parts[name] = form["lines"][int(number) - 1][key]
        elif first == "number":
            parts["lines"] = form["lines"]
        else:
            parts[name] = form[name]
    return parts


def note_write_backs(connection: Connection, session: Session, rows: Iterable[tuple[WriteBack, str]]) -> None:
    """One entry for each row that Salesforce took, or refused in the words beside it. ``before`` names what we wrote
    there last, by digest."""
    entries = [
        Said(
            f"write back {item.object}" + (" refused" if refusal else ""),
            item.source_id,
            {
                "key": item.key,
                "run": session.run_id,
                "before": item.written_hash or None,
                "after": item.fields,
                "content": item.wanted_hash,
                "reason": "it follows what Xero holds",
                "refusal": refusal,
                "mapping": session.mapping.hash,
            },
        )
        for item, refusal in rows
    ]
    append_all(connection, session.organisation_id, session.host.now(), session.actor, entries)


def pack_trail(session: Session) -> None:
    """Lay together what many entries say, some thousands in each transaction, and only where there are enough."""
    for _ in range(PACKINGS_MAX):
        with session.database.reading() as connection:
            if not bodies_to_pack(connection, session.organisation_id):
                return
        with session.database.writing("audit packed") as connection:
            if not pack_bodies(connection, session.organisation_id):
                return
