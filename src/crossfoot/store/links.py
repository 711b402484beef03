"""Links: the durable pairing of a source record and a Xero record, unique on each side while live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from crossfoot.core.links import Identity, Kind, Link, LinkState
from crossfoot.store.codec import instant
from crossfoot.store.schema import link, version


@dataclass(frozen=True, slots=True)
class StoredLink:
    """A link with what the engine keeps beside it."""

    id: int
    link: Link
    source_id: str
    source_hash: str
    sent_hash: str
    written_seq: int


def add_link(
    connection: Connection,
    new: Link,
    now: datetime,
    *,
    source_id: str,
    source_hash: str = "",
    sent_hash: str = "",
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
            written_seq=0,
            created_at=instant(now),
        )
    )


def load_links(
    connection: Connection, organisation_id: str, kind: Kind, *, live_only: bool = True
) -> Iterator[StoredLink]:
    """Links of one kind."""
    query = select(link).where(link.c.organisation_id == organisation_id, link.c.kind == kind.value)
    if live_only:
        query = query.where(link.c.state == LinkState.LIVE.value)
    for row in connection.execute(query.order_by(link.c.id)):
        yield _stored(row)


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
    return StoredLink(get["id"], pairing, get["source_id"], get["source_hash"], get["sent_hash"], get["written_seq"])


def set_base(
    connection: Connection, link_id: int, *, base_hash: str | None = None, source_hash: str | None = None
) -> None:
    """Record what both sides agreed on last."""
    values = {"base_hash": base_hash, "source_hash": source_hash}
    changed = {name: value for name, value in values.items() if value is not None}
    connection.execute(update(link).where(link.c.id == link_id).values(**changed))


def retire_link(connection: Connection, link_id: int) -> None:
    """End a pairing; its identity and epoch stay known for ever."""
    connection.execute(update(link).where(link.c.id == link_id).values(state=LinkState.RETIRED.value))


def highest_epochs(connection: Connection, organisation_id: str, kind: Kind) -> dict[str, int]:
    """The highest epoch that each source key ever had."""
    rows = connection.execute(
        select(link.c.source_key, func.max(link.c.epoch))
        .where(link.c.organisation_id == organisation_id, link.c.kind == kind.value)
        .group_by(link.c.source_key)
    )
    return {key: epoch for key, epoch in rows}  # noqa: C416 - rows are not plain tuples


def links_to_write_back(connection: Connection, organisation_id: str, kind: Kind) -> Iterator[tuple[StoredLink, int]]:
    """Live links whose Xero record changed since its state was last carried into Salesforce."""
    query = (
        select(link, version.c.changed_seq)
        .join(
            version,
            (version.c.home == link.c.organisation_id)
            & (version.c.kind == link.c.kind)
            & (version.c.record_id == link.c.xero_id),
        )
        .where(
            link.c.organisation_id == organisation_id,
            link.c.kind == kind.value,
            link.c.state == LinkState.LIVE.value,
            version.c.changed_seq > link.c.written_seq,
        )
    )
    for row in connection.execute(query.order_by(link.c.id)):
        yield _stored(row), row.changed_seq


def mark_written(connection: Connection, link_id: int, seq: int) -> None:
    """The link's state up to ``seq`` is planned for Salesforce."""
    connection.execute(update(link).where(link.c.id == link_id).values(written_seq=seq))
