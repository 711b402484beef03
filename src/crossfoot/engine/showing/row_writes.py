"""Writing rows into Salesforce: by collections or the bulk API, parent by parent, each row with an outcome of its own.

What should stand is kept before it is sent, and sending it again changes nothing. A row that Salesforce refuses waits
alone with the rule's own text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from crossfoot.core.errors import OutcomeUnknown, Rejected
from crossfoot.core.findings import Finding
from crossfoot.core.pacing import Lane
from crossfoot.core.records import RecordRef, Side
from crossfoot.core.recovery import BOTH_END_WITHIN
from crossfoot.engine.calls.remote import NotApplied
from crossfoot.engine.committed import commit
from crossfoot.engine.reading.names import record_name
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note_write_backs
from crossfoot.http import HttpRequest
from crossfoot.salesforce import requests as sf
from crossfoot.salesforce.bulk import UpsertRow, Value, together
from crossfoot.salesforce.package import KEY_FIELD
from crossfoot.salesforce.soql import is_record_id
from crossfoot.store import write_backs as store
from crossfoot.store.codec import decode_fields, instant
from crossfoot.store.queue import deal_facts, replace_findings
from crossfoot.store.versions import load_versions
from crossfoot.store.write_backs import WriteBack

SENDS_MAX = 4
REPEATED_WITHIN = timedelta(seconds=10)  # a proxy may deliver a request once more that was answered already
BUSY = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "TOO_MANY_APEX_REQUESTS"})
_PARENTS = ("Account__c", "AccountId")


def key_field(item: WriteBack) -> str:
    """The field that names the row: its id, or the external id under which it is upserted."""
    return "Id" if is_record_id(item.key) else KEY_FIELD


def by_parent(session: Session, items: Sequence[WriteBack]) -> list[UpsertRow]:
    """Rows of one object, each with the record that Salesforce locks when it saves it (SF 4.3)."""
    with session.database.reading() as connection:
        accounts = _accounts_of_deals(connection, session, {item.source_id for item in items})
    return [UpsertRow(item.key, plain_fields(item.fields), _parent(item, accounts)) for item in items]


def _accounts_of_deals(connection: Connection, session: Session, deals: Iterable[str]) -> dict[str, str]:
    member = f"{session.mapping.account_object}Id"
    versions = load_versions(connection, session.org_id, session.mapping.deal_object, ids=deals)
    return {version.ref.id: str(decode_fields(version.body).get(member) or "") for version in versions}


def _parent(item: WriteBack, accounts: Mapping[str, str]) -> str:
    own = next((str(item.fields[name]) for name in _PARENTS if item.fields.get(name)), "")
    return own or accounts.get(item.source_id, "")


def parents(item: WriteBack) -> list[tuple[str, str]]:
    """The rows of ours that a row points at, by object and key: ``Parent__r`` by its external id (SF 2.5)."""
    return [
        (f"{name.removesuffix('__r')}__c", str(value[KEY_FIELD]))
        for name, value in item.fields.items()
        if isinstance(value, Mapping) and KEY_FIELD in value
    ]


def plain_fields(fields: Mapping[str, Any]) -> dict[str, Value]:
    """Fields with each parent's external id under its path, as a column of a file: ``Parent__r.Key__c`` (SF 4.2)."""
    plain: dict[str, Value] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            plain.update({f"{name}.{inner}": each for inner, each in value.items()})
        else:
            plain[name] = value
    return plain


def batches(session: Session, pending: Sequence[WriteBack]) -> Iterator[list[WriteBack]]:
    """Parents before children, up to 200 rows a call, the rows of one parent in one call where they fit.

    Small updates of several objects share a call, each object's rows side by side (SF 2.7).
    """
    groups: dict[tuple[int, str], list[WriteBack]] = defaultdict(list)
    for item in pending:
        groups[item.wave, item.object].append(item)
    collected: list[WriteBack] = []
    for _, items in sorted(groups.items()):
        rows = {item.key: item for item in items}
        for portion in together(by_parent(session, items), rows_max=sf.COLLECTION_SIZE):
            batch = [rows[row.key] for row in portion]
            if collected and not _may_share(collected, batch):
                yield collected
                collected = []
            collected = [*collected, *batch]
    if collected:
        yield collected


def _may_share(first: Sequence[WriteBack], second: Sequence[WriteBack]) -> bool:
    """Whether portions of one wave and of different objects may go in one call: updates by id share a collection,
    upserts are collections of their own."""
    if first[0].wave != second[0].wave or first[-1].object == second[0].object:
        return False
    if all(key_field(batch[0]) == "Id" for batch in (first, second)):
        return len(first) + len(second) <= sf.COLLECTION_SIZE
    upserts = all(key_field(batch[0]) != "Id" for batch in (first, second))
    return upserts and len(_collections([*first, *second])) <= sf.COLLECTIONS_PER_CALL


def _collections(batch: Sequence[WriteBack]) -> list[list[WriteBack]]:
    """The collections that a batch is sent as."""
    if key_field(batch[0]) == "Id":
        return [list(batch)]
    return [list(rows) for _, rows in groupby(batch, key=lambda item: item.object)]


def send_batch(session: Session, batch: Sequence[WriteBack]) -> tuple[int, int]:
    """Send one collection. Returns rows written and rows refused.

    The same rows may be sent again, since they end in the same state.
    """
    written = refused = 0
    work, lost = list(batch), False
    for _ in range(SENDS_MAX):
        try:
            sizes = [len(rows) for rows in _collections(work)]
            outcomes = sf.decode_outcomes(_send_rows(session, work), sizes)
        except OutcomeUnknown:
            lost = True  # it may still land, after what is sent next: these rows are written once more later
            continue
        except NotApplied:
            continue
        except Rejected as error:
            outcomes = [sf.RowOutcome("", success=False, code=error.code, message=str(error))] * len(work)
        told = list(zip(work, outcomes, strict=True))
        again = [item for item, outcome in told if not outcome.success and outcome.code in BUSY]
        with session.database.writing("write-back outcome") as connection:
            settled = [(item, outcome) for item, outcome in told if outcome.success or outcome.code not in BUSY]
            taken = settle_rows(connection, session, settled, lost=lost)
        written, refused = written + taken, refused + len(settled) - taken
        if not again:
            break
        work = again
        session.host.sleep(1 + session.host.jitter())
    return written, refused


def _send_rows(session: Session, batch: Sequence[WriteBack]) -> bytes:
    parts = []
    for rows in _collections(batch):
        if key_field(rows[0]) == "Id":
            parts.append(sf.update_records([(item.object, item.key, item.fields) for item in rows]))
        else:
            parts.append(sf.upsert_records(rows[0].object, KEY_FIELD, [(item.key, item.fields) for item in rows]))
    return send_committed(session, sf.in_one_call(parts), batch)


def send_committed(session: Session, request: HttpRequest, rows: Sequence[WriteBack] = ()) -> bytes:
    """Send a write once its intent is committed; ``rows`` are those that it may change. Returns the answer's body."""
    session.salesforce.require_room(Lane.SWEEP)
    access = session.salesforce.access()
    with session.database.writing("write-back call") as connection:
        call = commit(connection, session, session.salesforce, access, request)
        mark_leaving(connection, session, rows)
    sent = call.send(bytes)
    with session.database.writing("write-back call ended") as connection:
        sent.end(connection, session.host.now())
    return sent.unwrap()


def mark_leaving(connection: Connection, session: Session, rows: Iterable[WriteBack]) -> None:
    """Until their outcome is known these rows may land at any time."""
    store.write_backs_leave(connection, session.organisation_id, rows, session.host.now() + BOTH_END_WITHIN)


def _unsure_until(session: Session, item: WriteBack, *, lost: bool) -> str | None:
    """Until when an earlier call for this row may still land: after that it is written once more."""
    now = session.host.now()
    if lost:
        return instant(now + BOTH_END_WITHIN)
    if item.unsure_until and item.unsure_until > instant(now):
        return item.unsure_until
    return instant(now + REPEATED_WITHIN) if (item.object, item.key) in session.just_shown else None


def settle_rows(
    connection: Connection, session: Session, rows: Sequence[tuple[WriteBack, sf.RowOutcome]], *, lost: bool = False
) -> int:
    """Keep what became of each row; a refusal opens an entry in the review queue, and once no row of a record is
    refused any more it closes. Returns how many Salesforce took."""
    home, now = session.organisation_id, session.host.now()
    session.just_shown = {row: at for row, at in session.just_shown.items() if now - at < REPEATED_WITHIN}
    taken = [(item, _unsure_until(session, item, lost=lost)) for item, outcome in rows if outcome.success]
    store.write_backs_written(connection, home, taken)
    session.just_shown |= {(item.object, item.key): now for item, _ in taken}
    findings, names = [], {}
    for item, outcome in rows:
        if not outcome.success:
            store.write_back_refused(connection, home, item, now)
            finding, names[item.source_id] = _refusal(connection, session, item, outcome.message)
            if not _is_told(connection, session, item):
                findings.append(finding)
    note_write_backs(connection, session, [(item, "" if each.success else each.message) for item, each in rows])
    sources = {item.source_id for item, _ in taken}
    names |= dict.fromkeys(sources - store.refused_sources(connection, home, sources), "")
    replace_findings(connection, home, names, findings, now, codes={"write_back_refused"})
    return len(taken)


def _refusal(connection: Connection, session: Session, item: WriteBack, words: str) -> tuple[Finding, str]:
    """What is told of a row that Salesforce refused, and the name of its record."""
    name, money = deal_facts(connection, session.organisation_id, item.source_id)
    ref = _concerned(session, item)
    finding = Finding("write_back_refused", ref, f"{item.object}: {words}", money=money, vendor_text=words)
    return finding, name or record_name(connection, session.org_id, ref)


def _is_told(connection: Connection, session: Session, item: WriteBack) -> bool:
    """Whether it is the row of an issue about a record of which something was refused before: one entry says so, as
    where a customer is hidden from the integration user, so that no row can point at it."""
    if item.object != session.mapping.settings.flows.invoices.records.get("issue"):
        return False
    about = item.key.removeprefix(f"{session.organisation_id}:").rpartition(":")[0]
    return bool(store.refused_sources(connection, session.organisation_id, [about]))


def _concerned(session: Session, item: WriteBack) -> RecordRef:
    """The Salesforce record that a row is about; a row that stands for itself is one of Xero's."""
    if not is_record_id(item.source_id):
        return RecordRef(Side.XERO, item.object, item.source_id)
    mapping = session.mapping
    if item.key == item.source_id:  # the record itself
        kind = item.object
    elif item.object == mapping.settings.flows.invoices.records.get("contact"):
        kind = mapping.account_object
    else:
        kind = mapping.deal_object
    return RecordRef(Side.SALESFORCE, kind, item.source_id)
