"""Links: the durable pairing of a source record and a Xero record, unique on each side while live."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import Connection, delete, func, insert, select, update

from crossfoot.core.agreement import Told, Value
from crossfoot.core.links import Identity, Kind, Link, LinkState
from crossfoot.core.records import Side
from crossfoot.store.codec import instant, moment
from crossfoot.store.feed import touch
from crossfoot.store.lookups import chunks
from crossfoot.store.schema import link, version

TOLD_MAX = 40
ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class StoredLink:
    """A link with what the engine keeps beside it."""

    id: int
    link: Link
    source_id: str
    source_hash: str
    sent_hash: str
    base: Mapping[str, Value] = field(default_factory=dict)
    suffix: str = ""
    told: tuple[Told, ...] = ()
    conflicts: Mapping[str, str] = field(default_factory=dict)
    merged_seq: int = 0


def add_link(
    connection: Connection,
    new: Link,
    now: datetime,
    *,
    source_id: str,
    source_hash: str = "",
    sent_hash: str = "",
    base: Mapping[str, Value] = MappingProxyType({}),
    suffix: str = "",
) -> None:
    """Store a new live link. A second live one for either side is refused by the database."""
    identity = new.identity
    connection.execute(
        insert(link).values(
            org_id=identity.org_id,
            organisation_id=identity.organisation_id,
            kind=identity.kind.value,
            source_key=identity.source_key,
            part=identity.part,
            epoch=identity.epoch,
            source_id=source_id,
            xero_id=new.xero_id,
            number=new.number,
            born=new.born,
            evidence=new.evidence,
            state=new.state.value,
            base_hash=new.base_hash,
            source_hash=source_hash,
            sent_hash=sent_hash,
            base=json.dumps(dict(base), sort_keys=True, ensure_ascii=False),
            suffix=suffix,
            told="[]",
            conflicts="{}",
            merged_seq=0,
            created_at=instant(now),
        )
    )
    touch(connection, identity.organisation_id, source_id, new.xero_id)


def load_links(
    connection: Connection,
    organisation_id: str,
    kind: Kind,
    *,
    live_only: bool = True,
    source_keys: Iterable[str] | None = None,
    xero_ids: Iterable[str] | None = None,
) -> Iterator[StoredLink]:
    """Links of one kind: all, those of some source keys, or those to some Xero records."""
    query = select(link).where(link.c.organisation_id == organisation_id, link.c.kind == kind.value)
    if live_only:
        query = query.where(link.c.state == LinkState.LIVE.value)
    if source_keys is None and xero_ids is None:
        yield from map(_stored, connection.execute(query.order_by(link.c.id)))
        return
    column, wanted = (link.c.source_key, source_keys) if xero_ids is None else (link.c.xero_id, xero_ids)
    for part in chunks(wanted or ()):
        yield from map(_stored, connection.execute(query.where(column.in_(part)).order_by(link.c.id)))


def linked_pairs(connection: Connection, organisation_id: str, kind: Kind) -> Iterator[tuple[str, str]]:
    """Source id and Xero id of every live link of one kind, without holding them all."""
    query = select(link.c.source_id, link.c.xero_id).where(
        link.c.organisation_id == organisation_id, link.c.kind == kind.value, link.c.state == LinkState.LIVE.value
    )
    for row in connection.execute(query.execution_options(yield_per=ROWS_AT_ONCE)):
        yield row.source_id, row.xero_id


def count_links(connection: Connection, organisation_id: str, kind: Kind) -> int:
    """How many live links of one kind there are."""
    query = select(func.count()).where(
        link.c.organisation_id == organisation_id, link.c.kind == kind.value, link.c.state == LinkState.LIVE.value
    )
    return int(connection.execute(query).scalar() or 0)


def find_link(connection: Connection, organisation_id: str, kind: Kind, source_key: str) -> StoredLink | None:
    """The live link of one source key."""
    row = connection.execute(
        select(link).where(
            link.c.organisation_id == organisation_id,
            link.c.kind == kind.value,
            link.c.source_key == source_key,
            link.c.state == LinkState.LIVE.value,
        )
    ).one_or_none()
    return _stored(row) if row else None


def _stored(row: object) -> StoredLink:
    get = row._mapping  # type: ignore[attr-defined]
    identity = Identity(
        get["org_id"], get["organisation_id"], Kind(get["kind"]), get["source_key"], get["part"], get["epoch"]
    )
    pairing = Link(
        identity,
        get["xero_id"],
        get["number"],
        get["born"],
        get["base_hash"],
        get["evidence"],
        LinkState(get["state"]),
    )
    return StoredLink(
        get["id"],
        pairing,
        get["source_id"],
        get["source_hash"],
        get["sent_hash"],
        base={
            name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(get["base"]).items()
        },
        suffix=get["suffix"],
        told=tuple(Told(part, Side(side), value, moment(at)) for part, side, value, at in json.loads(get["told"])),
        conflicts=json.loads(get["conflicts"]),
        merged_seq=get["merged_seq"],
    )


def set_base(
    connection: Connection, link_id: int, *, base_hash: str | None = None, source_hash: str | None = None
) -> None:
    """Record what both sides agreed on last."""
    values = {"base_hash": base_hash, "source_hash": source_hash}
    changed = {name: value for name, value in values.items() if value is not None}
    connection.execute(update(link).where(link.c.id == link_id).values(**changed))
    _touch(connection, link_id)


def _touch(connection: Connection, link_id: int) -> None:
    query = select(link.c.organisation_id, link.c.source_id, link.c.xero_id).where(link.c.id == link_id)
    row = connection.execute(query).one()
    touch(connection, row.organisation_id, row.source_id, row.xero_id)


def set_agreed(
    connection: Connection,
    link_id: int,
    *,
    base: Mapping[str, Value],
    suffix: str,
    conflicts: Mapping[str, str],
    merged_seq: int,
) -> None:
    """Record the values that both sides were seen to share, what waits for a choice, and up to which change both were
    compared. ``suffix`` is what the Xero name carries beyond the Salesforce name."""
    values = {
        "base": json.dumps(dict(base), sort_keys=True, ensure_ascii=False),
        "suffix": suffix,
        "conflicts": json.dumps(dict(conflicts), sort_keys=True),
        "merged_seq": merged_seq,
    }
    connection.execute(update(link).where(link.c.id == link_id).values(**values))


def repoint_link(connection: Connection, link_id: int, xero_id: str) -> None:
    """Let a link follow a Xero record into the one that it was merged into."""
    _touch(connection, link_id)
    connection.execute(update(link).where(link.c.id == link_id).values(xero_id=xero_id))
    _touch(connection, link_id)


def note_told(connection: Connection, link_id: int, told: Sequence[Told]) -> None:
    """Record what each side was told lately; what is older is forgotten."""
    rows = [[each.part, each.side.value, each.value_hash, instant(each.at)] for each in told[-TOLD_MAX:]]
    connection.execute(update(link).where(link.c.id == link_id).values(told=json.dumps(rows)))


def links_to_agree(connection: Connection, organisation_id: str, kind: Kind, source_kind: str) -> list[StoredLink]:
    """Live links of which either record changed since they were compared last, or that were not settled then."""
    theirs, ours = version.alias("theirs"), version.alias("ours")
    query = (
        select(link)
        .outerjoin(
            theirs,
            (theirs.c.home == link.c.organisation_id)
            & (theirs.c.kind == link.c.kind)
            & (theirs.c.record_id == link.c.xero_id),
        )
        .outerjoin(
            ours,
            (ours.c.home == link.c.org_id) & (ours.c.kind == source_kind) & (ours.c.record_id == link.c.source_id),
        )
        .where(
            link.c.organisation_id == organisation_id,
            link.c.kind == kind.value,
            link.c.state == LinkState.LIVE.value,
            (theirs.c.changed_seq > link.c.merged_seq) | (ours.c.changed_seq > link.c.merged_seq),
        )
    )
    return [_stored(row) for row in connection.execute(query.order_by(link.c.id))]


def compare_again(connection: Connection, organisation_id: str, source_id: str) -> None:
    """Have a linked record compared at the next run, though neither side changed: a person asks for it."""
    mine = (link.c.organisation_id == organisation_id, link.c.source_id == source_id)
    connection.execute(update(link).where(*mine, link.c.state == LinkState.LIVE.value).values(merged_seq=0))


def retire_link(connection: Connection, link_id: int) -> None:
    """End a pairing; its identity and epoch stay known for ever."""
    connection.execute(update(link).where(link.c.id == link_id).values(state=LinkState.RETIRED.value))
    _touch(connection, link_id)


def drop_link(connection: Connection, link_id: int) -> None:
    """Take back a pairing with a record that never came to be: its identity and epoch are free again."""
    _touch(connection, link_id)
    connection.execute(delete(link).where(link.c.id == link_id))


def highest_epochs(
    connection: Connection, organisation_id: str, kind: Kind, source_keys: Iterable[str] | None = None
) -> dict[str, int]:
    """The highest epoch that each source key, or each of some, ever had."""
    query = (
        select(link.c.source_key, func.max(link.c.epoch))
        .where(link.c.organisation_id == organisation_id, link.c.kind == kind.value)
        .group_by(link.c.source_key)
    )
    queries = (
        [query] if source_keys is None else [query.where(link.c.source_key.in_(part)) for part in chunks(source_keys)]
    )
    return {key: epoch for each in queries for key, epoch in connection.execute(each)}
