"""The key sweep finds what the sweeps missed, and names what is gone."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete

from crossfoot.core.records import RecordRef, Side
from crossfoot.engine.key_sweep import sweep_keys
from crossfoot.store.schema import version
from crossfoot.store.versions import load_versions, next_seq, save_versions

from .business import Business

GONE = "006000000000001AAA"


def test_a_missed_deal_is_read_and_a_purged_one_is_named(synced: Business) -> None:
    session = synced.session()
    with session.database.writing() as connection:
        missed, other, *_ = load_versions(connection, session.org_id, "Opportunity")
        connection.execute(delete(version).where(version.c.record_id == missed.ref.id))
        gone = replace(other, ref=RecordRef(Side.SALESFORCE, "Opportunity", GONE))
        save_versions(connection, next_seq(connection), [gone])
    [swept] = [each for each in sweep_keys(session) if each.object == "Opportunity"]
    assert (swept.missed, swept.gone, swept.theirs) == ((missed.ref.id,), (GONE,), swept.ours)
    with session.database.reading() as connection:
        (read,) = load_versions(connection, session.org_id, "Opportunity", ids=[missed.ref.id])
    assert read.body == missed.body
    assert not [each for each in sweep_keys(session) if each.missed]
