"""The review queue, the decisions people took in it, and where each won deal stands."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select, update

from crossfoot.core.decided import DealDecision
from crossfoot.core.findings import Finding
from crossfoot.core.money import Money
from crossfoot.core.records import RecordRef, Side
from crossfoot.store.codec import instant
from crossfoot.store.feed import touch
from crossfoot.store.lookups import chunks
from crossfoot.store.prepared import Bound, Prepared, change
from crossfoot.store.schema import decision, disposition, from_units, queue, to_units
from crossfoot.store.upsert import upsert

EntryState = Literal["open", "closed"]
Decided = Literal["not_same", "link_contact", "field", "cancel", "reissue", "undone", "approved"]
"""What a person said: two records differ, this contact is the customer's, which side is right, take an invoice back,
credit it and make it anew, make it not again, or yes to what was asked in Salesforce."""

ONE_OR_ANOTHER = frozenset({"already_invoiced", "contact_similar", "contact_ambiguous", "payment_maybe_there"})
"""Reasons that ask whether a record is one of those shown: the answer is about these, and about no other."""


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One reason for which a record waits or is flagged."""

    id: int
    record: RecordRef
    record_name: str
    code: str
    weight: str
    cause: str
    fix: str
    owner: str
    owner_name: str
    money: Money
    related: tuple[RecordRef, ...]
    vendor_text: str
    opened_at: str
    state: EntryState = "open"
    ignored_reason: str = ""
    ignored_until: str | None = None


def replace_findings(
    connection: Connection,
    organisation_id: str,
    records: Mapping[str, str],
    findings: Iterable[Finding],
    now: datetime,
    *,
    codes: Iterable[str] | None = None,
) -> tuple[int, int]:
    """Make the open entries of ``records`` (id -> name) equal ``findings``; those whose cause went are closed.

    ``codes`` limits which entries are this caller's to close. What asks about a record more than before gets another
    number: whoever answers the old one did not see it. Returns how many were opened and closed.
    """
    wanted = _merged(findings)
    mine = None if codes is None else set(codes)
    closed = 0
    changed = set()
    asked_since: dict[tuple[str, str], str] = {}
    for entry in list(open_entries(connection, organisation_id, record_ids=records)):
        key = (entry.record.id, entry.code)
        if mine is not None and entry.code not in mine:
            continue
        finding = wanted.pop(key, None)
        if finding is None:
            closed += 1
            close_entry(connection, entry.id, now)
        elif finding.code in ONE_OR_ANOTHER and not {*finding.related} <= {*entry.related}:
            close_entry(connection, entry.id, now)
            wanted[key], asked_since[key] = finding, entry.opened_at
        elif not _says(entry, finding):
            change(connection, queue, {"id": entry.id}, {**_particulars(finding), **_back_in_sight(entry, finding)})
            changed.add(entry.record.id)
    rows = [
        {
            "organisation_id": organisation_id,
            "side": finding.record.side.value,
            "kind": finding.record.kind,
            "record_id": finding.record.id,
            "record_name": records.get(finding.record.id, ""),
            "code": finding.code,
            "weight": finding.reason.weight.value,
            "owner": finding.reason.owner.value,
            "state": "open",
            "opened_at": asked_since.get(key, instant(now)),
            "ignored_reason": "",
            **_particulars(finding),
        }
        for key, finding in wanted.items()
    ]
    if rows:
        connection.execute(insert(queue), rows)
    changed |= {finding.record.id for finding in wanted.values()}
    if changed:
        touch(connection, organisation_id, *sorted(changed))
    return len(rows) - len(asked_since), closed


def _back_in_sight(entry: QueueEntry, finding: Finding) -> dict[str, object]:
    """What was put aside comes back where it is about another amount or other records than the person saw (I26)."""
    if (entry.money, entry.related) == (_money(finding), finding.related):
        return {}
    return {"ignored_reason": "", "ignored_until": None}


def _money(finding: Finding) -> Money:
    return finding.money or Money("", Decimal(0))


def _says(entry: QueueEntry, finding: Finding) -> bool:
    """Whether an entry reads already as the finding does: most do, run after run."""
    theirs = (finding.cause, finding.fix or finding.reason.fix, finding.owner_name, _money(finding), finding.related)
    ours = (entry.cause, entry.fix, entry.owner_name, entry.money, entry.related)
    return ours == theirs and entry.vendor_text == finding.vendor_text


def _merged(findings: Iterable[Finding]) -> dict[tuple[str, str], Finding]:
    """One finding for each record and reason: several causes of one reason are told together."""
    merged: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        known = merged.setdefault((finding.record.id, finding.code), finding)
        if finding.cause not in known.cause:
            related = (*known.related, *(ref for ref in finding.related if ref not in known.related))
            together = replace(known, cause=f"{known.cause}; {finding.cause}", related=related)
            merged[finding.record.id, finding.code] = together
    return merged


def _particulars(finding: Finding) -> dict[str, object]:
    money = _money(finding)
    return {
        "cause": finding.cause,
        "fix": finding.fix or finding.reason.fix,
        "owner_name": finding.owner_name,
        "currency": money.currency,
        "amount": to_units(money.amount),
        "related": json.dumps([[ref.side.value, ref.kind, ref.id] for ref in finding.related]),
        "vendor_text": finding.vendor_text,
    }


@Prepared
def _close(entry_id: Bound, at: Bound) -> Any:
    closing = update(queue).where(queue.c.id == entry_id).values(state="closed", closed_at=at)
    return closing.returning(queue.c.organisation_id, queue.c.record_id)


def close_entry(connection: Connection, entry_id: int, now: datetime) -> None:
    """Its cause is gone, or a person settled it."""
    row = _close(connection, entry_id=entry_id, at=instant(now)).one()
    touch(connection, row.organisation_id, row.record_id)


def _is_open(organisation_id: Bound) -> ColumnElement[bool]:
    return (queue.c.organisation_id == organisation_id) & (queue.c.state == "open")


def _by_money(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(queue).where(*conditions).order_by(func.abs(queue.c.amount).desc(), queue.c.id)


@Prepared
def _open(organisation_id: Bound) -> Select[Any]:
    return _by_money(_is_open(organisation_id))


@Prepared
def _open_of(organisation_id: Bound, record_ids: Bound) -> Select[Any]:
    return select(queue).where(_is_open(organisation_id), queue.c.record_id.in_(record_ids))


@Prepared
def _open_about(organisation_id: Bound, codes: Bound) -> Select[Any]:
    return _by_money(_is_open(organisation_id), queue.c.code.in_(codes))


def open_entries(
    connection: Connection, organisation_id: str, *, record_ids: Iterable[str] | None = None
) -> Iterator[QueueEntry]:
    """Open entries, biggest money first."""
    if record_ids is None:
        yield from map(_entry, _open(connection, organisation_id=organisation_id))
        return
    parts = (_open_of(connection, organisation_id=organisation_id, record_ids=part) for part in chunks(record_ids))
    found = [_entry(row) for rows in parts for row in rows]
    yield from sorted(found, key=lambda entry: (-abs(entry.money.amount), entry.id))


def open_about(connection: Connection, organisation_id: str, codes: Iterable[str]) -> list[QueueEntry]:
    """Open entries of some reasons, biggest money first."""
    return [_entry(row) for row in _open_about(connection, organisation_id=organisation_id, codes=sorted(codes))]


def find_entry(connection: Connection, organisation_id: str, entry_id: int) -> QueueEntry | None:
    """One entry, open or closed."""
    query = select(queue).where(queue.c.organisation_id == organisation_id, queue.c.id == entry_id)
    row = connection.execute(query).one_or_none()
    return _entry(row) if row else None


def _entry(row: object) -> QueueEntry:
    get = row._mapping  # type: ignore[attr-defined]
    return QueueEntry(
        id=get["id"],
        record=RecordRef(Side(get["side"]), get["kind"], get["record_id"]),
        record_name=get["record_name"],
        code=get["code"],
        weight=get["weight"],
        cause=get["cause"],
        fix=get["fix"],
        owner=get["owner"],
        owner_name=get["owner_name"],
        money=Money(get["currency"], from_units(get["amount"])),
        related=tuple(RecordRef(Side(side), kind, record_id) for side, kind, record_id in json.loads(get["related"])),
        vendor_text=get["vendor_text"],
        opened_at=get["opened_at"],
        state=get["state"],
        ignored_reason=get["ignored_reason"],
        ignored_until=get["ignored_until"],
    )


def ignore_entry(connection: Connection, entry: QueueEntry, *, reason: str, until: str) -> QueueEntry:
    """Put an entry out of sight until a day; it stays open and on the tie-out."""
    change(connection, queue, {"id": entry.id}, {"ignored_reason": reason, "ignored_until": until})
    return replace(entry, ignored_reason=reason, ignored_until=until)


def decide(
    connection: Connection,
    organisation_id: str,
    kind: Decided,
    source_id: str,
    target_id: str,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Keep what a person decided about two records, or about one: its kind says what."""
    key = {"organisation_id": organisation_id, "kind": kind, "source_id": source_id, "target_id": target_id}
    upsert(connection, decision, [{**key, "actor": actor, "at": instant(now)}], replace=())
    touch(connection, organisation_id, source_id)


def forget_decision(connection: Connection, organisation_id: str, kind: Decided, source_id: str) -> None:
    """Take decisions of one kind about one source back."""
    connection.execute(
        delete(decision).where(
            decision.c.organisation_id == organisation_id,
            decision.c.kind == kind,
            decision.c.source_id == source_id,
        )
    )
    touch(connection, organisation_id, source_id)


def rename_answers(connection: Connection, organisation_id: str, source_id: str, was: str, now: str) -> None:
    """What people decided about a version of a record is about the same version, read with other fields."""
    connection.execute(
        update(decision)
        .where(
            decision.c.organisation_id == organisation_id,
            decision.c.source_id == source_id,
            decision.c.target_id.endswith(f":{was}", autoescape=True),
        )
        .values(target_id=func.replace(decision.c.target_id, was, now))
    )


def take_back(connection: Connection, organisation_id: str, kind: Decided, source_id: str, target_id: str) -> None:
    """Take one decision back."""
    connection.execute(
        delete(decision).where(
            decision.c.organisation_id == organisation_id,
            decision.c.kind == kind,
            decision.c.source_id == source_id,
            decision.c.target_id == target_id,
        )
    )


@Prepared
def _decided(organisation_id: Bound, kind: Bound) -> Select[Any]:
    mine = (decision.c.organisation_id == organisation_id) & (decision.c.kind == kind)
    return select(decision.c.source_id, decision.c.target_id).where(mine)


def decisions(connection: Connection, organisation_id: str, kind: Decided) -> list[tuple[str, str]]:
    """(source id, target id) of every decision of one kind."""
    rows = _decided(connection, organisation_id=organisation_id, kind=kind)
    return [(row.source_id, row.target_id) for row in rows]


def save_dispositions(connection: Connection, organisation_id: str, decided: Iterable[DealDecision], seq: int) -> None:
    """Keep in which bucket each planned deal is."""
    rows = [
        {
            "organisation_id": organisation_id,
            "record_id": item.deal.ref.id,
            "bucket": item.bucket.value,
            "name": item.deal.name,
            "currency": item.deal.currency,
            "amount": to_units(item.deal.amount),
            "planned_seq": seq,
            "owner": item.deal.owner,
            "account_id": item.standing.account_id,
            "moves_in": item.standing.moves_in,
            "leans": item.standing.leans,
            "unsettled": item.standing.unsettled,
        }
        for item in decided
    ]
    upsert(connection, disposition, rows)


def forget_deals(connection: Connection, organisation_id: str, *, but: Collection[str]) -> dict[str, str]:
    """Let go of where deals stand that are planned no more: the settings name another object. Returns their names."""
    mine = disposition.c.organisation_id == organisation_id
    rows = connection.execute(select(disposition.c.record_id, disposition.c.name).where(mine))
    gone = {row.record_id: row.name for row in rows if row.record_id not in but}
    for part in chunks(gone):
        connection.execute(delete(disposition).where(mine, disposition.c.record_id.in_(part)))
    return gone


def set_bucket(connection: Connection, organisation_id: str, record_id: str, bucket: str) -> None:
    """Move one deal to another bucket."""
    key = {"organisation_id": organisation_id, "record_id": record_id}
    change(connection, disposition, key, {"bucket": bucket})


@Prepared
def _deal(organisation_id: Bound, record_id: Bound) -> Select[Any]:
    mine = (disposition.c.organisation_id == organisation_id) & (disposition.c.record_id == record_id)
    return select(disposition).where(mine)


def deal_facts(connection: Connection, organisation_id: str, record_id: str) -> tuple[str, Money]:
    """The name and worth of a planned deal; blank for a record that is none."""
    row = _deal(connection, organisation_id=organisation_id, record_id=record_id).one_or_none()
    return (row.name, Money(row.currency, from_units(row.amount))) if row else ("", Money("", Decimal(0)))


def bucket_totals(connection: Connection, organisation_id: str) -> list[tuple[str, str, int, Decimal]]:
    """(bucket, currency, deals, amount) of all won deals."""
    query = (
        select(disposition.c.bucket, disposition.c.currency, func.count(), func.sum(disposition.c.amount))
        .where(disposition.c.organisation_id == organisation_id, disposition.c.bucket != "not won")
        .group_by(disposition.c.bucket, disposition.c.currency)
        .order_by(disposition.c.bucket, disposition.c.currency)
    )
    return [
        (bucket, currency, count, from_units(worth)) for bucket, currency, count, worth in connection.execute(query)
    ]


@Prepared
def _buckets(organisation_id: Bound) -> Select[Any]:
    columns = (disposition.c.record_id, disposition.c.bucket)
    return select(*columns).where(disposition.c.organisation_id == organisation_id)


@Prepared
def _buckets_of(organisation_id: Bound, ids: Bound) -> Select[Any]:
    mine = (disposition.c.organisation_id == organisation_id) & disposition.c.record_id.in_(ids)
    return select(disposition.c.record_id, disposition.c.bucket).where(mine)


def buckets(connection: Connection, organisation_id: str, record_ids: Iterable[str] | None = None) -> dict[str, str]:
    """The bucket of each deal, or of each of some."""
    if record_ids is None:
        return {row.record_id: row.bucket for row in _buckets(connection, organisation_id=organisation_id)}
    parts = (_buckets_of(connection, organisation_id=organisation_id, ids=part) for part in chunks(record_ids))
    return {row.record_id: row.bucket for rows in parts for row in rows}


@dataclass(frozen=True, slots=True)
class DealStanding:
    """Where a planned deal stands, and its worth."""

    record_id: str
    bucket: str
    currency: str
    amount: Decimal


def dispositions(connection: Connection, organisation_id: str) -> Iterator[DealStanding]:
    """Every planned deal."""
    query = select(disposition).where(disposition.c.organisation_id == organisation_id)
    for row in connection.execute(query.order_by(disposition.c.record_id)):
        yield DealStanding(row.record_id, row.bucket, row.currency, from_units(row.amount))
