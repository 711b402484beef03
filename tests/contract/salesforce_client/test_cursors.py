"""Reading goes on where a cursor dies: it is bound to its session, and sessions end (SF 1.4, 2.6)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.scenario.business import Business

from crossfoot.engine.reading import observe as observing
from crossfoot.engine.reading.observe import observe
from crossfoot.salesforce import requests as sf
from crossfoot.store.versions import load_versions


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of 200 rows, the fewest that a client may ask for; child rows count (SF 2.1, 2.6)."""
    monkeypatch.setitem(sf.HEADERS, "Sforce-Query-Options", "batchSize=200")


def deals(firm: Business) -> dict[str, bytes]:
    with firm.database.reading() as connection:
        return {v.ref.id: v.body for v in load_versions(connection, firm.session().org_id, "Opportunity")}


@pytest.mark.usefixtures("small_pages")
def test_a_cursor_that_dies_loses_and_repeats_nothing(connected: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    session, died = connected.session(), list[str]()
    read = session.salesforce.read

    def renewed_once(request: Any) -> Any:
        if "/query/" in request.path and not died:
            died.append(request.path)
            connected.org.cursors.clear()
        return read(request)

    monkeypatch.setattr(session.salesforce, "read", renewed_once)
    counts = observe(session).counts["Salesforce Opportunity"]
    assert died
    told = connected.soql("SELECT COUNT(Id) total FROM Opportunity")[0]["total"]
    assert counts.read == counts.changed == len(deals(connected)) == told


def test_a_read_by_small_pages_gives_what_one_page_gives(connected: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    observe(connected.session())
    whole = deals(connected)
    monkeypatch.setattr(observing, "ROWS_PER_QUERY", 7)
    with connected.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM watermark")
        connection.exec_driver_sql("DELETE FROM version")
    observe(connected.session())
    assert deals(connected) == whole


def test_a_token_is_renewed_between_reads_before_it_is_old(connected: Business) -> None:
    session = connected.session()
    before = session.salesforce.access().generation
    connected.later(minutes=50)
    session.salesforce.freshen()
    assert session.salesforce.access().generation == before
    connected.later(minutes=30)
    session.salesforce.freshen()
    assert session.salesforce.access().generation == before + 1
