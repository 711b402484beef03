"""Write back: what Xero holds, into Salesforce, by update or by upsert on a unique key.

What should stand there is kept first (``engine.wanting``), then sent; repeating it changes nothing. A row whose content
is as it was is not sent.
"""

from __future__ import annotations

from datetime import date

from crossfoot.core.recovery import REFUSED_AGAIN_AFTER
from crossfoot.engine.session import Session
from crossfoot.engine.showing.bulk_load import resume_loads
from crossfoot.engine.showing.sending import send_rows
from crossfoot.engine.showing.wanting import Wanting
from crossfoot.store.write_backs import pending_write_backs


def write_back(session: Session, as_of: date) -> tuple[int, int]:
    """Carry what changed into Salesforce. Returns rows written and rows refused."""
    with session.database.writing("write-back wanted") as connection:
        Wanting(session, connection, as_of).want_all()
    written, refused = resume_loads(session)
    good, bad = _send_pending(session)
    if good + bad + written + refused:  # sending opens and closes entries of the review queue
        with session.database.writing("issues wanted") as connection:
            Wanting(session, connection, as_of).want_issues()
        more, worse = _send_pending(session)
        good, bad = good + more, bad + worse
    return written + good, refused + bad


def _send_pending(session: Session) -> tuple[int, int]:
    now = session.host.now()
    with session.database.reading() as connection:
        pending = pending_write_backs(connection, session.organisation_id, now, now - REFUSED_AGAIN_AFTER)
        named = [row for row in pending if row.object in session.mapping.written_objects]
    return send_rows(session, named)
