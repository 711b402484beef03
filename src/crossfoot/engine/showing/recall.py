"""Which rows Salesforce has is asked of Salesforce, after an old copy of the database was put back.

A line or payment that was shown since the copy and is gone again in Xero, or an issue that nobody knows any more, would
be shown for ever: nothing that is read of Xero tells of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from crossfoot.engine.reading.observe import read_rows
from crossfoot.engine.session import Session
from crossfoot.engine.showing.mirror import WAVES
from crossfoot.mapping.compiled import Reading
from crossfoot.salesforce import soql
from crossfoot.salesforce.package import KEY_FIELD
from crossfoot.store.feed import forget_shown_to
from crossfoot.store.write_backs import WriteBack, doubt_write_backs, want_write_backs, wanted_states

_BELOW_INVOICES = ("line", "payment")
_ALONE = ("issue",)


def show_anew(connection: Connection, organisation_id: str) -> None:
    """Let the next write-back tell Salesforce everything once more: what it was told may be gone from there, as after
    an old copy of the database, in another org, or where the package was taken out and brought in again."""
    doubt_write_backs(connection, organisation_id)
    forget_shown_to(connection, organisation_id)


def recall_rows(session: Session) -> None:
    """Know rows again that may have to go. What they say is not asked: the next write-back tells all of them anew."""
    if session.mapping.settings.direction == "to_xero":
        return
    records = {str(kind): name for kind, name in session.mapping.settings.flows.invoices.records.items()}
    invoice = records.get("invoice", "").removesuffix("__c")
    for kind in (*(_BELOW_INVOICES if invoice else ()), *_ALONE):
        if name := records.get(kind):
            rows = list(_rows(session, kind, name, f"{invoice}__r" if kind in _BELOW_INVOICES else ""))
            with session.database.writing("rows recalled") as connection:
                known = wanted_states(connection, session.organisation_id, name, (row.key for row in rows))
                new = [row for row in rows if row.key not in known]
                want_write_backs(connection, session.organisation_id, new)


def _rows(session: Session, kind: str, name: str, parent: str) -> Iterator[WriteBack]:
    """This organisation's rows of one object, each below its parent's key; what they should say is left open."""
    fields = (KEY_FIELD, f"{parent}.{KEY_FIELD}") if parent else (KEY_FIELD,)
    for row in read_rows(session, Reading(name, fields), soql.is_filled(KEY_FIELD)):
        key, above = str(row[KEY_FIELD]), (row.get(parent) or {}).get(KEY_FIELD)
        if key.startswith(f"{session.organisation_id}:") and not row["IsDeleted"] and (above or not parent):
            yield WriteBack(name, key, {}, "", str(above or key), WAVES[kind], parent=above)
