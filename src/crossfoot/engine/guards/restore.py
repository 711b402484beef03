"""After an old copy of the database was put back: know it, hold every write, rebuild the links, then go on.

The vendors went on while the copy stood still. Documents made since are known by what they carry (the record's id and
a number that Crossfoot gives it, docs/adr/0004); what people decided since, and the log's last entries, are lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from crossfoot.core.agreement import ToldStage, fingerprint
from crossfoot.core.errors import NeedsPerson, Stopped
from crossfoot.core.merge import Direction, Owner
from crossfoot.engine.guards.anchor import Anchor, departs, drop_anchor, newest, read_anchor
from crossfoot.engine.planning.agree import Compared, compare
from crossfoot.engine.session import Session
from crossfoot.engine.showing.recall import show_anew
from crossfoot.engine.trail import note
from crossfoot.engine.writing.tell import look_at_links
from crossfoot.store.links import UNSETTLED, note_told, set_agreed


@dataclass(frozen=True, slots=True)
class Restored:
    """What was found after a restore: links made again, and between which entries the log has its gap."""

    departed: str
    linked: int
    lost_from: int
    lost_to: int


def require_current(session: Session) -> None:
    """Refuse to write from a database that is older than its last run, or whose log is not the one of that run."""
    with session.database.reading() as connection:
        anchor = read_anchor(session.anchor_path, session.organisation_id)
        problem = departs(connection, session.organisation_id, anchor)
    if problem:
        raise Stopped(
            f"This is not the database of the last run: {problem} when it ended. If you put a copy back, run "
            '`crossfoot restore --reason "..."`: it rebuilds the links. Nothing was written.',
            code="restored",
        )


def find_gap(session: Session, reason: str) -> Restored:
    """What the copy lacks, before anything that is found again is noted in its log."""
    if not reason.strip():
        raise NeedsPerson('Going on with an old copy needs a reason: --reason "...".')
    anchor = read_anchor(session.anchor_path, session.organisation_id)
    with session.database.reading() as connection:
        problem = departs(connection, session.organisation_id, anchor)
        here = newest(connection, session.organisation_id)
    return Restored(problem, 0, here.seq + 1, anchor.seq if anchor else here.seq)


def doubt_shared_values(session: Session) -> None:
    """What both sides last shared is as old as the copy: where by that one side alone seems to have changed, the other
    may have been changed too since, and set back. What either may change then counts as changed on both, so that a
    person chooses."""
    doubts = [(item, doubted) for item in compare(session)[0] if (doubted := _told_by_base(item))]
    with session.database.writing("shared values doubted") as connection:
        for item, doubted in doubts:
            stored, record = item.stored, item.agreement.record
            asked = {name: fingerprint(record.salesforce[name], record.xero[name]) for name in doubted}
            set_agreed(
                connection,
                stored.id,
                base={**item.agreement.base, **dict.fromkeys(doubted, "")},
                suffix=item.suffix,
                conflicts={**item.agreement.conflicts, **asked},  # whichever side was saved last, as by us
                merged_seq=UNSETTLED,
            )
            told = [replace(each, stage=ToldStage.AGREED) if each.part in doubted else each for each in stored.told]
            note_told(connection, stored.id, told)
    look_at_links(session)


def _told_by_base(item: Compared) -> set[str]:
    """Parts that one side would be told only because the other has what it had before. People are known by what they
    shared, so theirs stand."""
    if item.flow.direction is not Direction.BOTH:
        return set()
    record, agreement = item.agreement.record, item.agreement
    either = {part.name for part in item.flow.parts if part.owner in {Owner.EITHER, Owner.NEWEST}}
    shared = {*item.stored.base, *(each.part for each in item.stored.told)}
    told = {*agreement.to_salesforce, *agreement.to_xero}
    return {name for name in told & either & shared if record.salesforce.get(name) and record.xero.get(name)}


def settle_restored(session: Session, reason: str, gap: Restored, linked: int) -> Restored:
    """Take the copy as the database from now on, with a note in its log. ``linked`` were found again by their marks.

    What was written into Salesforce since the copy is not known, so the next write-back writes every row once more.
    """
    anchor = read_anchor(session.anchor_path, session.organisation_id)
    with session.database.writing("restored") as connection:
        show_anew(connection, session.organisation_id)
        note(
            connection,
            session,
            "restore",
            reason=reason.strip(),
            departed=gap.departed,
            lost_from=gap.lost_from,
            lost_to=gap.lost_to,
            lost_hash=anchor.hash if anchor else "",
            linked=linked,
        )
    keep_anchor(session)
    return replace(gap, linked=linked)


def keep_anchor(session: Session) -> Anchor:
    """Keep the newest hash outside the database; gives it for the run's report."""
    with session.database.reading() as connection:
        anchor = newest(connection, session.organisation_id)
    drop_anchor(session.anchor_path, session.organisation_id, anchor)
    return anchor
