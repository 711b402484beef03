"""Links: the durable pairing of a source record and a Xero record, unique on each side while live."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, literal_column, select

from crossfoot.core.agreement import Told, ToldStage, Value
from crossfoot.core.documents import read_anew
from crossfoot.core.links import Identity, Kind, Link, LinkState
from crossfoot.core.records import Side
from crossfoot.store.codec import instant, moment
from crossfoot.store.feed import changed_since, touch
from crossfoot.store.lookups import chunks
from crossfoot.store.prepared import Bound, Prepared, beside, change
from crossfoot.store.schema import link, version
from crossfoot.store.versions import last_seq, newest_change, set_seq

TOLD_MAX = 40
ROWS_AT_ONCE = 1_000
_LIVE = link.c.state == literal_column(f"'{LinkState.LIVE.value}'")  # word for word what the indexes of live links say
UNSETTLED = 0
"""What a link was compared up to that waits to be compared, whatever changed: a new one, or one not settled."""
_UNSETTLED = link.c.merged_seq == literal_column(str(UNSETTLED))


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
    merged_seq: int = UNSETTLED


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
            merged_seq=UNSETTLED,
            created_at=instant(now),
        )
    )
    touch(connection, identity.organisation_id, source_id, new.xero_id)


@cache
def _links(by: str = "", *, live_only: bool) -> Prepared:
    """All links of one kind, or those of which one column is among some ids."""

    def build(organisation_id: Bound, kind: Bound, ids: Bound) -> Select[Any]:
        of_kind = beside(link.c.kind) if by == "xero_id" else link.c.kind
        query = select(link).where(link.c.organisation_id == organisation_id, of_kind == kind).order_by(link.c.id)
        query = query.where(_LIVE) if live_only else query
        return query.where(link.c[by].in_(ids)) if by else query

    return Prepared(build)


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
    mine = {"organisation_id": organisation_id, "kind": kind.value}
    if source_keys is None and xero_ids is None:
        yield from map(_stored, _links(live_only=live_only)(connection, **mine))
        return
    by, wanted = ("source_key", source_keys) if xero_ids is None else ("xero_id", xero_ids)
    for part in chunks(wanted or ()):
        yield from map(_stored, _links(by, live_only=live_only)(connection, **mine, ids=part))


def linked_pairs(connection: Connection, organisation_id: str, kind: Kind) -> Iterator[tuple[str, str]]:
    """Source id and Xero id of every live link of one kind, without holding them all."""
    query = select(link.c.source_id, link.c.xero_id).where(
        link.c.organisation_id == organisation_id, link.c.kind == kind.value, link.c.state == LinkState.LIVE.value
    )
    for row in connection.execute(query.execution_options(yield_per=ROWS_AT_ONCE)):
        yield row.source_id, row.xero_id


@Prepared
def _count(organisation_id: Bound, kind: Bound) -> Select[Any]:
    return select(func.count()).where(link.c.organisation_id == organisation_id, link.c.kind == kind, _LIVE)


def count_links(connection: Connection, organisation_id: str, kind: Kind) -> int:
    """How many live links of one kind there are."""
    return int(_count(connection, organisation_id=organisation_id, kind=kind.value).scalar_one())


def find_link(connection: Connection, organisation_id: str, kind: Kind, source_key: str) -> StoredLink | None:
    """The live link of one source key."""
    found = list(load_links(connection, organisation_id, kind, source_keys=[source_key]))
    assert len(found) <= 1, found
    return found[0] if found else None


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
        told=_told(get["told"]),
        conflicts=json.loads(get["conflicts"]),
        merged_seq=get["merged_seq"],
    )


def set_base(
    connection: Connection, link_id: int, *, base_hash: str | None = None, source_hash: str | None = None
) -> None:
    """Record what both sides agreed on last."""
    values = {"base_hash": base_hash, "source_hash": source_hash}
    changed = {name: value for name, value in values.items() if value is not None}
    change(connection, link, {"id": link_id}, changed)
    _touch(connection, link_id)


def rename_source(connection: Connection, organisation_id: str, source_id: str, was: str, now: str) -> None:
    """What an invoice was agreed on with is called otherwise: the same version of its deal, read with other fields."""
    stored = find_link(connection, organisation_id, Kind.INVOICE, source_id)
    if stored:
        change(connection, link, {"id": stored.id}, {"source_hash": read_anew(stored.source_hash, was, now)})


@Prepared
def _paired(link_id: Bound) -> Select[Any]:
    return select(link.c.organisation_id, link.c.source_id, link.c.xero_id).where(link.c.id == link_id)


def _touch(connection: Connection, link_id: int) -> None:
    row = _paired(connection, link_id=link_id).one()
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
    found settled, or UNSETTLED. ``suffix`` is what the Xero name carries beyond the Salesforce name."""
    values = {
        "base": json.dumps(dict(base), sort_keys=True, ensure_ascii=False),
        "suffix": suffix,
        "conflicts": json.dumps(dict(conflicts), sort_keys=True),
        "merged_seq": merged_seq,
    }
    change(connection, link, {"id": link_id}, values)


def repoint_link(connection: Connection, link_id: int, xero_id: str) -> None:
    """Let a link follow a Xero record into the one that it was merged into, with which it was never compared."""
    _touch(connection, link_id)
    change(connection, link, {"id": link_id}, {"xero_id": xero_id, "merged_seq": UNSETTLED})
    _touch(connection, link_id)


def note_told(connection: Connection, link_id: int, told: Sequence[Told]) -> None:
    """Record what each side was told lately; what is older is forgotten."""
    rows = [[each.part, each.side.value, each.value_hash, instant(each.at), each.stage] for each in told[-TOLD_MAX:]]
    change(connection, link, {"id": link_id}, {"told": json.dumps(rows)})


def told_of(connection: Connection, link_id: int) -> tuple[Told, ...]:
    """What each side of a link was told lately, oldest first."""
    return _told(connection.execute(select(link.c.told).where(link.c.id == link_id)).scalar_one())


def _told(rows: str) -> tuple[Told, ...]:
    """Rows from before stages were kept have none, and count as agreed."""
    return tuple(
        Told(part, Side(side), value, moment(at), ToldStage(*stage or [ToldStage.AGREED]))
        for part, side, value, at, *stage in json.loads(rows)
    )


@dataclass(frozen=True, slots=True)
class LinkedKind:
    """Linked records of one kind: where each side has them, and as what."""

    org_id: str
    source_kind: str
    organisation_id: str
    kind: Kind

    @property
    def _compared(self) -> str:
        return f"compared {self.org_id} {self.source_kind} {self.organisation_id} {self.kind.value}"


@cache
def _to_agree(by: str = "") -> Prepared:
    """Links of one kind of which a side changed: all, those of which one column is among some ids, or (by what they
    were compared up to) those that are not settled."""

    def build(org_id: Bound, source_kind: Bound, organisation_id: Bound, kind: Bound, ids: Bound) -> Select[Any]:
        theirs, ours = version.alias("theirs"), version.alias("ours")
        their_own = (
            (theirs.c.home == organisation_id) & (theirs.c.kind == kind) & (theirs.c.record_id == link.c.xero_id)
        )
        our_own = (ours.c.home == org_id) & (ours.c.kind == source_kind) & (ours.c.record_id == link.c.source_id)
        newer = (theirs.c.changed_seq > link.c.merged_seq) | (ours.c.changed_seq > link.c.merged_seq)
        of_kind = (beside(link.c.kind) if by == "xero_id" else link.c.kind) == kind
        query = select(link).outerjoin(theirs, their_own).outerjoin(ours, our_own)
        query = query.where(link.c.organisation_id == organisation_id, of_kind, _LIVE, newer).order_by(link.c.id)
        if by == "merged_seq":
            return query.where(_UNSETTLED)
        return query.where(link.c[by].in_(ids)) if by else query

    return Prepared(build)


# By what a link is found from its record in Salesforce. The key of an item is its code: products are looked for among
# all links of items, which are few.
_OURS: Mapping[Kind, str] = {Kind.CONTACT: "source_key", Kind.ITEM: "source_id"}


def links_to_agree(connection: Connection, linked: LinkedKind) -> list[StoredLink]:
    """Live links of which either record changed since they were compared last, or that were not settled then.

    It looks at what changed since all were compared last (``save_compared_to``), and at what is not settled; at every
    link before the first time.
    """
    mine = asdict(linked)
    since = compared_to(connection, linked)
    if not since:
        return [_stored(row) for row in _to_agree()(connection, **mine)]
    ours = changed_since(connection, linked.org_id, linked.source_kind, since)
    theirs = changed_since(connection, linked.organisation_id, linked.kind.value, since)
    found = {row.id: row for row in _to_agree("merged_seq")(connection, **mine)}
    for by, ids in ((_OURS[linked.kind], ours), ("xero_id", theirs)):
        for part in chunks(ids):
            found |= {row.id: row for row in _to_agree(by)(connection, **mine, ids=part)}
    return [_stored(found[number]) for number in sorted(found)]


def newest_of_either(connection: Connection, linked: LinkedKind) -> int:
    """The highest change sequence of a record of either side, linked or not."""
    ours = newest_change(connection, linked.org_id, linked.source_kind)
    return max(ours, newest_change(connection, linked.organisation_id, linked.kind.value))


def compared_to(connection: Connection, linked: LinkedKind) -> int:
    """Up to which change of either side all linked records were compared; 0 before the first time."""
    return last_seq(connection, linked._compared)


def save_compared_to(connection: Connection, linked: LinkedKind, seq: int) -> None:
    """Keep it, in the transaction that keeps what was found of each link that was to be compared.

    ``seq`` was read (``newest_of_either``) before these links were.
    """
    set_seq(connection, linked._compared, seq)


def compare_again(connection: Connection, organisation_id: str, source_id: str) -> None:
    """Have a linked record compared at the next run, though neither side changed: a person asks for it."""
    for kind, found_by in _OURS.items():
        mine = {"organisation_id": organisation_id, "kind": kind.value, found_by: source_id}
        change(connection, link, {**mine, "state": LinkState.LIVE.value}, {"merged_seq": UNSETTLED})


def retire_link(connection: Connection, link_id: int) -> None:
    """End a pairing; its identity and epoch stay known for ever."""
    change(connection, link, {"id": link_id}, {"state": LinkState.RETIRED.value})
    _touch(connection, link_id)


def drop_link(connection: Connection, link_id: int) -> None:
    """Take back a pairing that is none, as with a record that never came to be: its identity and epoch are free
    again."""
    _touch(connection, link_id)
    connection.execute(delete(link).where(link.c.id == link_id))


def next_identity(connection: Connection, org_id: str, organisation_id: str, kind: Kind, source_key: str) -> Identity:
    """The identity under which a record is linked next: one that it had before, and ended, is not had again."""
    epochs = highest_epochs(connection, organisation_id, kind, [source_key])
    return Identity(org_id, organisation_id, kind, source_key, epoch=epochs.get(source_key, 0) + 1)


@cache
def _epochs(*, of_some: bool) -> Prepared:
    def build(organisation_id: Bound, kind: Bound, ids: Bound) -> Select[Any]:
        mine = (link.c.organisation_id == organisation_id) & (link.c.kind == kind)
        query = select(link.c.source_key, func.max(link.c.epoch).label("epoch")).where(mine).group_by(link.c.source_key)
        return query.where(link.c.source_key.in_(ids)) if of_some else query

    return Prepared(build)


def highest_epochs(
    connection: Connection, organisation_id: str, kind: Kind, source_keys: Iterable[str] | None = None
) -> dict[str, int]:
    """The highest epoch that each source key, or each of some, ever had."""
    ask = _epochs(of_some=source_keys is not None)
    parts: Iterable[list[str]] = [[]] if source_keys is None else chunks(source_keys)
    mine = {"organisation_id": organisation_id, "kind": kind.value}
    return {row.source_key: row.epoch for part in parts for row in ask(connection, **mine, ids=part)}
