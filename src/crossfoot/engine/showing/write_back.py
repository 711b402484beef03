"""Write back: what Xero holds, into Salesforce, by update or by upsert on a unique key.

What should stand there is kept first (``engine.wanting``), then sent; repeating it changes nothing. A row whose content
is as it was is not sent.
"""

from __future__ import annotations

from datetime import date

from crossfoot.core.recovery import REFUSED_AGAIN_AFTER
from crossfoot.engine.reading.drift import WRITE_CODES, tell
from crossfoot.engine.session import Session
from crossfoot.engine.showing.bulk_load import resume_loads
from crossfoot.engine.showing.sending import send_rows
from crossfoot.engine.showing.wanting import Wanting
from crossfoot.store.queue import open_about, replace_findings
from crossfoot.store.write_backs import let_refusals_go, pending_write_backs, refused_sources

REFUSED = "write_back_refused"


def write_back(session: Session, as_of: date) -> tuple[int, int]:
    """Carry what changed into Salesforce. Returns rows written and rows refused."""
    if session.mapping.settings.direction == "to_xero":
        _ask_no_more(session)
        return 0, 0
    with session.database.writing("write-back wanted") as connection:
        Wanting(session, connection, as_of).want_all()
    written, refused = resume_loads(session)
    good, bad = _send_pending(session)
    if good + bad + written + refused + _close_over(session):  # sending opens and closes entries of the review queue
        with session.database.writing("issues wanted") as connection:
            Wanting(session, connection, as_of).want_issues()
        more, worse = _send_pending(session)
        good, bad = good + more, bad + worse
    return written + good, refused + bad


def _ask_no_more(session: Session) -> None:
    """Where nothing goes to Salesforce nobody is asked about what it refused, or would refuse."""
    with session.database.writing("refusals let go") as connection:
        let_refusals_go(connection, session.organisation_id, ())
    tell(session, (), WRITE_CODES)
    _close_over(session)


def _close_over(session: Session) -> int:
    """Close what was asked about rows that are no longer refused: what should stand there does by now, or is wanted no
    more. Returns how many entries."""
    home = session.organisation_id
    with session.database.reading() as connection:
        asked = {each.record.id: each.record_name for each in open_about(connection, home, [REFUSED])}
        over = asked.keys() - refused_sources(connection, home, asked)
    if over:
        with session.database.writing("refusals over") as connection:
            names = {record_id: asked[record_id] for record_id in over}
            replace_findings(connection, home, names, (), session.host.now(), codes={REFUSED})
    return len(over)


def _send_pending(session: Session) -> tuple[int, int]:
    now = session.host.now()
    with session.database.reading() as connection:
        pending = pending_write_backs(connection, session.organisation_id, now, now - REFUSED_AGAIN_AFTER)
        named = [row for row in pending if row.object in session.mapping.written_objects]
    return send_rows(session, named)
