"""What the org shows of its objects, kept in the store and asked for again only where it changed (SF 2.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from crossfoot.core.errors import NeedsPerson
from crossfoot.engine.session import Session
from crossfoot.salesforce import requests as sf
from crossfoot.salesforce.shapes import ObjectShape, Seen, decode_shapes
from crossfoot.store.codec import decode, encode
from crossfoot.store.versions import load_references, save_references

DESCRIBE_AGE = timedelta(hours=1)
# Whether a change of permissions moves a describe's Last-Modified is not told: once a day it is read regardless.
IN_FULL_AGE = timedelta(days=1)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_SHAPE = "shape "


class _Kept(msgspec.Struct, frozen=True):
    """A shape as last read (None: the object was not shown), its stamp, and when it was last read in full."""

    shape: ObjectShape | None
    modified: str
    in_full_at: datetime


def shapes(session: Session, names: Iterable[str], *, fresh: bool = False) -> dict[str, ObjectShape | None]:
    """Objects as the org shows them, None for what it does not show: from the store unless ``fresh`` or an hour old."""
    wanted = sorted(set(names))
    known = _load(session, wanted)
    stale = [name for name in wanted if fresh or session.host.now() - known[name][0] > DESCRIBE_AGE]
    for start in range(0, len(stale), sf.DESCRIBES_PER_CALL):
        chunk = stale[start : start + sf.DESCRIBES_PER_CALL]
        since = {name: _since(known[name][1], session.host.now()) for name in chunk}
        answer = session.salesforce.read(sf.describe_changed(since))
        known |= _keep(session, {name: (known[name][1], seen) for name, seen in decode_shapes(answer.body)})
    return {name: known[name][1].shape for name in wanted}


def require_shapes(session: Session, names: Iterable[str], *, fresh: bool = False) -> dict[str, ObjectShape]:
    """The same, where every object has to be there."""
    found = shapes(session, names, fresh=fresh)
    missing = [name for name, shape in found.items() if shape is None]
    if missing:
        raise NeedsPerson(
            f"Salesforce does not show {', '.join(missing)} to the integration user. "
            "Grant it, or take it out of crossfoot.yaml; `crossfoot doctor` shows what is missing."
        )
    return {name: shape for name, shape in found.items() if shape is not None}


def _load(session: Session, names: Iterable[str]) -> dict[str, tuple[datetime, _Kept]]:
    stored = {f"{_SHAPE}{name}": name for name in names}
    with session.database.reading() as connection:
        known = load_references(connection, session.org_id, stored)
    read = {stored[key]: (at, decode(body, _Kept)) for key, (at, body) in known.items()}
    return {name: read.get(name, (_NEVER, _Kept(None, "", _NEVER))) for name in stored.values()}


def _since(kept: _Kept, now: datetime) -> str:
    return kept.modified if kept.shape is not None and now - kept.in_full_at < IN_FULL_AGE else ""


def _keep(session: Session, answered: Mapping[str, tuple[_Kept, Seen]]) -> dict[str, tuple[datetime, _Kept]]:
    now = session.host.now()
    kept = {
        name: before if seen.unchanged else _Kept(seen.shape, seen.modified, now)
        for name, (before, seen) in answered.items()
    }
    with session.database.writing("describes") as connection:
        save_references(connection, session.org_id, {f"{_SHAPE}{n}": encode(each) for n, each in kept.items()}, now)
    return {name: (now, each) for name, each in kept.items()}
