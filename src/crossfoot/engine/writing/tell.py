"""Tell: what linked customers and products shall say is written to both sides, and read back from both.

Xero is told by the operations and calls that make its documents; Salesforce by updates of the record, under the same
protocol: the intent is committed first, the target is read again just before, and what is not certain is not repeated
but compared anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from crossfoot.core.agreement import Told, ToldStage, Value, value_hash
from crossfoot.core.errors import OutcomeUnknown, Rejected
from crossfoot.core.findings import Finding
from crossfoot.core.links import Identity, Kind
from crossfoot.core.pacing import Lane
from crossfoot.core.records import Side
from crossfoot.engine.calls.remote import NotApplied
from crossfoot.engine.committed import commit, of_each
from crossfoot.engine.planning.agree import Compared, compare, keep
from crossfoot.engine.planning.telling import (
    Row,
    hold_refused,
    plain,
    reason,
    rows_of,
    told_hash,
    told_to,
    xero_operations,
)
from crossfoot.engine.reading.follow import follow_merges
from crossfoot.engine.reading.ledger import CONTACT, ITEM
from crossfoot.engine.reading.observe import observe_xero, row_versions
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note_write
from crossfoot.engine.writing.apply import Applied, apply_operations
from crossfoot.salesforce import requests as sf
from crossfoot.salesforce import soql
from crossfoot.store import operations as ops
from crossfoot.store.codec import decode_fields, encode
from crossfoot.store.links import note_told, set_agreed, told_of
from crossfoot.store.operations import StoredOperation
from crossfoot.store.queue import replace_findings
from crossfoot.store.versions import load_versions, next_seq, save_versions

SENDS_MAX = 4
SALESFORCE_PART = "salesforce"
"""The part of the identity under which a record's change in Salesforce stands, beside the one in Xero."""


@dataclass(slots=True)
class Agreed:
    """What a run told each side about linked customers and products."""

    to_xero: int = 0
    to_salesforce: int = 0
    refused: int = 0
    stopped: str = ""

    @property
    def writes(self) -> int:
        """Records changed on either side."""
        return self.to_xero + self.to_salesforce


def look_at_links(session: Session) -> list[Compared]:
    """Follow merges, compare what changed and keep the outcome; writes nothing to either side."""
    follow_merges(session)
    found, reached = compare(session)
    compared = hold_refused(session, found)
    keep(session, compared, reached)
    return compared


def planned_changes(session: Session) -> list[dict[str, object]]:
    """What `sync` would tell each side about linked customers and products, as compared last."""
    return [
        {
            "kind": item.flow.object,
            "id": item.stored.source_id,
            "name": item.agreement.record.name,
            "told": side.value,
            "values": plain(told_to(item.agreement, side)),
            "parts": [item.agreement.record.label(name) for name in told_to(item.agreement, side)],
        }
        for item in hold_refused(session, compare(session)[0])
        for side in Side
        if told_to(item.agreement, side)
    ]


def tell(session: Session, compared: Sequence[Compared]) -> Agreed:
    """Write what both sides shall say, read it back, and compare again."""
    agreed = Agreed()
    compared = _without_standing(session, compared)
    if not any(item.agreement.to_xero or item.agreement.to_salesforce for item in compared):
        return agreed
    agreed.stopped, held = _brake(session, compared)
    if held:
        return agreed
    applied = _tell_xero(session, compared)
    agreed.to_xero, agreed.refused = applied.contacts + applied.items, len(applied.refused)
    wanted = [(item, row) for item in compared for row in rows_of(item)]
    for start in range(0, len(wanted), sf.COLLECTION_SIZE):
        written, refused = _tell_salesforce(session, wanted[start : start + sf.COLLECTION_SIZE])
        agreed.to_salesforce, agreed.refused = agreed.to_salesforce + written, agreed.refused + refused
    _read_back(session, compared)
    look_at_links(session)
    return agreed


def _without_standing(session: Session, compared: Sequence[Compared]) -> list[Compared]:
    """Leave out records that an earlier call may still change: they are compared again when it no longer can."""
    with session.database.reading() as connection:
        standing = {
            (operation.identity.kind, operation.source_id)
            for operation in ops.load_operations(connection, session.organisation_id, states=ops.STANDING)
        }
    return [item for item in compared if (item.flow.kind, item.stored.source_id) not in standing]


def _brake(session: Session, compared: Sequence[Compared]) -> tuple[str, bool]:
    """Why these changes are too many to make unasked, counted over 24 hours, and whether they are held for it (I25)."""
    brake = session.mapping.policy.brake
    with session.database.reading() as connection:
        recent = ops.recent_changes(connection, session.organisation_id, session.host.now())
    changes = sum(bool(told_to(item.agreement, side)) for item in compared for side in Side)
    if recent + changes <= brake.records:
        return "", False
    held = session.is_live or brake.on_test_pair
    words = "holds" if held else "on a live organisation would hold"
    return (
        f"The brake {words} changes to customers and products: {recent + changes} within 24 hours (at most "
        f"{brake.records}). Look at what changed them; `policy.brake.records` in crossfoot.yaml is the limit."
    ), held


def _tell_xero(session: Session, compared: Sequence[Compared]) -> Applied:
    planned = list(xero_operations(session, compared))
    with session.database.writing("told") as connection:
        for item, _ in planned:
            if item.suffix != item.stored.suffix:
                _note_suffix(connection, item)
        _note_sent(connection, session, [item for item, _ in planned], Side.XERO)
    applied = apply_operations(session, [operation for _, operation in planned])
    with session.database.writing("told") as connection:
        _note_answered(connection, [item for item, _ in planned], Side.XERO)
    return applied


def _note_suffix(connection: Connection, item: Compared) -> None:
    """A new suffix is known before the name that carries it leaves: else its own echo would look like a rename."""
    set_agreed(
        connection,
        item.stored.id,
        base=item.agreement.base,
        suffix=item.suffix,
        conflicts=item.agreement.conflicts,
        merged_seq=item.stored.merged_seq,
    )


def _note_sent(connection: Connection, session: Session, items: Sequence[Compared], side: Side) -> None:
    """What a side is about to be told is known before it leaves: else its echo would look like a person's edit."""
    now = session.host.now()
    for item in items:
        values = told_to(item.agreement, side)
        earlier = [each for each in told_of(connection, item.stored.id) if not _is_sent(each, values, side)]
        told = [Told(name, side, value_hash(value), now, ToldStage.SENT) for name, value in values.items()]
        note_told(connection, item.stored.id, [*earlier, *told])


def _note_answered(connection: Connection, items: Sequence[Compared], side: Side) -> None:
    for item in items:
        values = told_to(item.agreement, side)
        told = [
            replace(each, stage=ToldStage.ANSWERED) if _is_sent(each, values, side) else each
            for each in told_of(connection, item.stored.id)
        ]
        note_told(connection, item.stored.id, told)


def _is_sent(told: Told, values: Mapping[str, Value], side: Side) -> bool:
    """Whether it is what was sent last of one of these values."""
    return told.stage is ToldStage.SENT and told.side is side and told.part in values


def _tell_salesforce(session: Session, batch: Sequence[tuple[Compared, Row]]) -> tuple[int, int]:
    """Reserve, look again, send. Returns rows written and rows refused."""
    with session.database.writing("reserve") as connection:
        standing = {o.identity for o in ops.load_operations(connection, session.organisation_id, states=ops.STANDING)}
        pairs = [
            (item, row, operation)
            for item, row in batch
            if (operation := _intent(session, item, row)).identity not in standing
        ]
        ops.reserve(connection, [operation for _, _, operation in pairs], session.host.now())
    written = refused = 0
    for _ in range(SENDS_MAX):
        looked_at = session.host.now()
        pairs = list(_unmoved(session, pairs))
        if not pairs:
            break
        try:
            call_id, outcomes = _call(session, pairs, looked_at)
        except NotApplied:
            continue
        except OutcomeUnknown:
            break  # they stay unknown: the next run gives them up and compares both sides anew
        except Rejected as error:
            call_id = ""
            outcomes = [sf.RowOutcome("", success=False, code=error.code, message=str(error))] * len(pairs)
        with session.database.writing("told Salesforce") as connection:
            for (item, row, operation), outcome in zip(pairs, outcomes, strict=True):
                _settle(connection, session, item, row, replace(operation, call_id=call_id), outcome)
                written += outcome.success
                refused += not outcome.success
            _note_answered(connection, _records(pairs), Side.SALESFORCE)
        break
    return written, refused


def _intent(session: Session, item: Compared, row: Row) -> StoredOperation:
    record, values = item.agreement.record, row.values
    before = plain({name: record.salesforce.get(name, "") for name in values})
    identity = record.identity
    return StoredOperation(
        id=session.host.new_id(),
        run_id=session.run_id,
        identity=Identity(
            identity.org_id,
            identity.organisation_id,
            identity.kind,
            identity.source_key,
            SALESFORCE_PART if row.id == item.stored.source_id else f"{SALESFORCE_PART} {row.id}",
            identity.epoch,
        ),
        source_id=row.id,
        action="update",
        body=encode({"element": row.fields, "form": None, "before": before}),
        payload_hash=told_hash(Side.SALESFORCE, values),
        pre_image=row.pre_image,
        xero_id=item.stored.link.xero_id,
        reason=reason(item, values, Side.XERO),
    )


Pair = tuple[Compared, Row, StoredOperation]


def _records(pairs: Iterable[Pair]) -> list[Compared]:
    """What the rows belong to, each once: a customer has a row of its own and those of its people."""
    return list({item.stored.id: item for item, _, _ in pairs}.values())


def _unmoved(session: Session, pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Those whose record still reads as it did when both sides were compared; the others are given up."""
    _read_salesforce(session, [row for _, row, _ in pairs])
    now: dict[str, str] = {}
    with session.database.reading() as connection:
        for name in {row.object for _, row, _ in pairs}:
            ids = [row.id for _, row, _ in pairs if row.object == name]
            found = load_versions(connection, session.org_id, name, ids=ids)
            now |= {version.ref.id: version.hash for version in found if not version.deleted}
    moved = [pair for pair in pairs if now.get(pair[1].id) != pair[1].pre_image]
    if moved:
        with session.database.writing("moved") as connection:
            for _, _, operation in moved:
                ops.settle(connection, operation.id, "abandoned", session.host.now())
    return (pair for pair in pairs if pair not in moved)


def _call(session: Session, pairs: Sequence[Pair], looked_at: datetime) -> tuple[str, list[sf.RowOutcome]]:
    """Commit a call for the rows, then send it while the look at them is fresh."""
    operations = [operation for _, _, operation in pairs]
    rows = [(row.object, row.id, decode_fields(operation.body)["element"]) for _, row, operation in pairs]
    access = session.salesforce.access()
    with session.database.writing("call") as connection:
        call = commit(connection, session, session.salesforce, access, sf.update_records(rows), operations)
        _note_sent(connection, session, _records(pairs), Side.SALESFORCE)
    sent = call.send(of_each(operations, sf.decode_outcomes), looked_at=looked_at)
    with session.database.writing("call ended") as connection:
        sent.end(connection, session.host.now())
        for operation in operations if sent.stops else ():
            ops.settle(connection, operation.id, "abandoned", session.host.now())
    return call.id, sent.unwrap()


def _settle(
    connection: Connection,
    session: Session,
    item: Compared,
    row: Row,
    operation: StoredOperation,
    outcome: sf.RowOutcome,
) -> None:
    now = session.host.now()
    if outcome.success:
        ops.settle(connection, operation.id, "verified", now)
        note_write(connection, session, replace(operation, action=f"update {row.object} for"), operation.xero_id)
        return
    ops.settle(connection, operation.id, "refused", now, refusal=outcome.message)
    record = item.agreement.record
    cause = f"{', '.join(sorted(map(record.label, row.values)))} refused by Salesforce: {outcome.message}"
    related = (record.target,) if row.ref == record.source else (row.ref, record.target)
    finding = Finding("field_refused", record.source, cause, related=related, vendor_text=outcome.message)
    names = {record.source.id: record.name}
    replace_findings(connection, session.organisation_id, names, [finding], now, codes={"field_refused"})


def _read_salesforce(session: Session, rows: Sequence[Row]) -> None:
    readings = session.mapping.readings()
    for name in sorted({row.object for row in rows}):
        ids = sorted({row.id for row in rows if row.object == name})
        for start in range(0, len(ids), soql.IDS_PER_QUERY):
            with session.database.writing("look") as connection:
                read_seq = next_seq(connection)
            versions = row_versions(session, readings[name], ids[start : start + soql.IDS_PER_QUERY])
            with session.database.writing("looked") as connection:
                save_versions(connection, read_seq, versions)


def _read_back(session: Session, compared: Sequence[Compared]) -> None:
    """Read what was written, so that the base may move. Not visible yet is no mismatch: the next run looks again."""
    told = [item for item in compared if item.agreement.to_xero]
    for kind, resource in ((Kind.CONTACT, CONTACT), (Kind.ITEM, ITEM)):
        if any(item.flow.kind is kind for item in told):
            observe_xero(session, resource, lane=Lane.RECOVERY)
    if wanted := [row for item in compared for row in rows_of(item)]:
        _read_salesforce(session, wanted)
    with session.database.writing("verified") as connection:
        for operation in list(ops.load_operations(connection, session.organisation_id, states=("applied",))):
            if operation.action == "update" and operation.identity.kind in {Kind.CONTACT, Kind.ITEM}:
                ops.settle(connection, operation.id, "verified", session.host.now())
