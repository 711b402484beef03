"""Two engines share one database. One stands still in the middle of its run, past its lease, and wakes up."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import update

from crossfoot.core.errors import Stopped
from crossfoot.core.links import record_id_in
from crossfoot.engine.runs import RunReport, sync
from crossfoot.engine.session import Session, make_session
from crossfoot.store.codec import instant
from crossfoot.store.database import Database, hold_lease
from crossfoot.store.leases import database_now
from crossfoot.store.schema import lease

from .business import KEY, Business, machine

PAIR = "the pair"


def another_engine(firm: Business) -> Session:
    """Another process on the same database."""
    shared = Database(firm.database.engine)
    return make_session(shared, firm.mapping, lambda: KEY, host=machine(firm.time), transport=firm.carrier)


@pytest.mark.parametrize(
    "seam",
    [
        "commit run done",
        "commit reserve done",
        "commit call begins",
        "commit call done",
        "commit outcome begins",
        "commit outcome done",
        "commit verified begins",
    ],
)
def test_the_one_that_slept_commits_and_sends_nothing_more(connected: Business, seam: str) -> None:
    connected.set("start_date: 2026-10-01", "start_date: 2026-11-16")
    sleeper, other = connected.session(), another_engine(connected)
    done: list[RunReport] = []
    woke_at: dict[str, int] = {}

    def stand_still(name: str) -> None:
        if name != seam or done:
            return
        with other.database.writing() as connection:
            over = instant(database_now(connection) - timedelta(seconds=1))
            connection.execute(update(lease).values(until=over))
        connected.later()
        with hold_lease(other.database, PAIR, "the other"):
            done.append(sync(other))
        woke_at.update({"salesforce": len(connected.org.log), "xero": len(connected.ledger.log)})

    sleeper.database.seam = stand_still
    with hold_lease(sleeper.database, PAIR, "the sleeper"), pytest.raises(Stopped, match="took over") as stopped:
        sync(sleeper)
    sleeper.database.seam = lambda _name: None

    assert stopped.value.code == "lease_lost"
    assert done
    after = [*connected.org.log[woke_at["salesforce"] :], *connected.ledger.log[woke_at["xero"] :]]
    assert not [entry for entry in after if entry["method"] not in {"GET", "HEAD"}]
    connected.later()
    assert connected.sync().writes == 0
    found = Counter(record_id_in(invoice["Url"]) for invoice in connected.invoices() if invoice.get("Url"))
    assert len(found) >= 5
    assert set(found.values()) == {1}
    assert not connected.tie_out().result.unexplained
