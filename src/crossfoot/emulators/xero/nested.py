"""The resources around a record, by the name that follows its id in a path: one table."""

from __future__ import annotations

from collections.abc import Mapping

from crossfoot.emulators.xero import (
    allocations,
    attachments,
    contact_groups,
    credit_documents,
    delivery,
    history,
    tracking_options,
)
from crossfoot.emulators.xero.bodies import Asked, Nested, Payload, read_rows
from crossfoot.emulators.xero.errors import not_allowed, not_found, validation_error
from crossfoot.emulators.xero.fields import Check, read_members, text
from crossfoot.emulators.xero.kinds import Call, Kind, Record, person_name

NOTE_FIELDS = {"Details": text(history.NOTE_LENGTH_MAX)}
NO_HISTORY = "The document with the supplied id was not found for this endpoint."


def _history(call: Call, kind: Kind, record: Record, asked: Asked) -> Record:
    """Rows newest first (unconfirmed); PUT adds one note, which stays for ever and moves no stamp (XERO 4.21)."""
    if kind.plural not in history.KINDS:
        raise validation_error([{"ValidationErrors": [{"Message": NO_HISTORY}]}])
    if asked.rest or asked.method not in {"GET", "PUT"}:
        raise not_found() if asked.rest else not_allowed()
    if asked.method == "GET":
        return {"HistoryRecords": [history.shown(row) for row in reversed(history.rows(record))]}
    sent, check = read_rows(call, "HistoryRecords", "HistoryRecord", asked.body), Check()
    if len(sent) > 1:
        call.illegal.append("several notes in one call; only the first is kept")
    details = read_members(NOTE_FIELDS, sent[0], check).get("Details") or ""
    if not details.strip():
        check.refuse("Details cannot be empty.")
    if check.problems:
        errors = [{"Message": message} for message in check.problems]
        raise validation_error([{"Details": details, "ValidationErrors": errors}])
    row = (call.now, "Note", person_name(call) or history.SYSTEM_USER, details)
    call.organisation.put(kind.plural, kind.key(record), history.with_row(record, row))
    return {"HistoryRecords": [{**history.shown(row), "ValidationErrors": []}]}


def _allocations(call: Call, kind: Kind, record: Record, asked: Asked) -> Record:
    if asked.method == "PUT" and not asked.rest:
        return allocations.allocate(call, kind, record, read_rows(call, "Allocations", "Allocation", asked.body))
    if asked.method == "DELETE" and len(asked.rest) == 1:
        return allocations.remove(call, kind, record, asked.rest[0])
    raise not_found()


# Name in the path -> the kinds that have it (None: it answers for each kind), and who answers
NESTED: Mapping[str, tuple[frozenset[str] | None, Nested]] = {
    "allocations": (frozenset(credit_documents.CREDITS), _allocations),
    "attachments": (attachments.KINDS, attachments.answer),
    "contacts": (frozenset({"ContactGroups"}), contact_groups.answer_members),
    "email": (frozenset({"Invoices"}), delivery.email),
    "history": (None, _history),
    "onlineinvoice": (frozenset({"Invoices"}), delivery.online_invoice),
    "options": (frozenset({"TrackingCategories"}), tracking_options.answer),
    "pdf": (frozenset(delivery.PRINTED), delivery.pdf),
}


def answer(call: Call, kind: Kind, record: Record, name: str, asked: Asked) -> Payload:
    """What is asked about a record's surroundings."""
    kinds, found = NESTED.get(name.lower(), (frozenset[str](), None))
    if found is None or (kinds is not None and kind.plural not in kinds):
        raise not_found()
    return found(call, kind, record, asked)
