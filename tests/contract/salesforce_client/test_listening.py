"""The listener against an emulated org: hints stored with their position, silence, gaps, lost positions (SF 5)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from tests.scenario.business import URLS, Business

from crossfoot.core.errors import RetryLater
from crossfoot.engine.reading.events import Heard, Listener, Subscribe, listen, watched
from crossfoot.engine.reading.observe import observe
from crossfoot.engine.session import Session
from crossfoot.salesforce.changes import Change, Received, Stream, StreamEnded
from crossfoot.store.codec import decode_fields
from crossfoot.store.database import Database
from crossfoot.store.versions import load_reference, load_versions

Step = Received | StreamEnded | None
QUIET: list[Step] = [None] * 80


@dataclass
class Script:
    """A stream that plays steps; None is five seconds in which nothing comes. Then it asks the listener to stop."""

    firm: Business
    stop: Event
    streams: list[list[Step]]
    opened: list[bytes | None] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    _steps: deque[Step] = field(default_factory=deque)

    def open(self, topic: str, position: bytes | None) -> Stream:
        assert topic.endswith("ChangeEvent")
        self.opened.append(position)
        self._steps = deque(self.streams.pop(0) if self.streams else [])
        return self

    def ask(self, number: int) -> None:
        self.asked.append(number)

    def receive(self, timeout_s: float) -> Received | None:
        if not self._steps:
            self.stop.set()
            return None
        step = self._steps.popleft()
        if isinstance(step, StreamEnded):
            raise step
        if step is None:
            self.firm.time.pass_s(timeout_s)
        return step

    def close(self) -> None:
        self._steps.clear()


def hint(object_: str, *ids: str, kind: str = "UPDATE", latest: bytes = b"after", origin: str = "") -> Received:
    change = Change(object_, ids, kind, origin, datetime(2026, 11, 20, tzinfo=UTC), latest)
    return Received((change,), latest, 99)


def alive(latest: bytes = b"alive", pending: int = 100) -> Received:
    return Received((), latest, pending)


def follow(
    firm: Business, *streams: list[Step], session: Session | None = None, name: str = "Opportunity"
) -> tuple[Heard, Script, list[str]]:
    """Listen until the streams are played out."""
    stop, told = Event(), list[str]()
    script = Script(firm, stop, list(streams))
    subscribe: Subscribe = script.open
    heard = listen(session or firm.session(), subscribe, stop, name, lambda: told.append("changed"))
    return heard, script, told


def position(firm: Business) -> bytes | None:
    with firm.database.reading() as connection:
        known = load_reference(connection, firm.session().org_id, "replay /data/OpportunityChangeEvent")
    return known[1] if known else None


def stored(firm: Business, deal_id: str) -> dict[str, object]:
    with firm.database.reading() as connection:
        [version] = load_versions(connection, firm.session().org_id, "Opportunity", ids=[deal_id])
    return decode_fields(version.body)


@pytest.fixture
def listening(synced: Business) -> Business:
    """A firm whose listener has a position."""
    follow(synced, [alive(b"here")])
    return synced


def any_deal(firm: Business) -> str:
    return str(firm.soql("SELECT Id FROM Opportunity WHERE Xero_Status__c = 'Draft' LIMIT 1")[0]["Id"])


def test_without_a_position_what_went_before_is_swept_once_the_stream_is_open(synced: Business) -> None:
    deal = any_deal(synced)
    synced.edit("Opportunity", deal, PO_Number__c="PO-9")
    heard, script, told = follow(synced, [alive(b"here")])
    assert script.opened == [None]
    assert stored(synced, deal)["PO_Number__c"] == "PO-9"
    assert (heard.swept, told, position(synced)) == (1, ["changed"], b"here")


def test_a_hint_is_read_over_rest_and_stored_with_its_position(listening: Business) -> None:
    deal = any_deal(listening)
    listening.edit("Opportunity", deal, PO_Number__c="PO-7")
    heard, script, told = follow(listening, [hint("Opportunity", deal, latest=b"there")])
    assert script.opened == [b"here"]
    assert stored(listening, deal)["PO_Number__c"] == "PO-7"
    assert (heard.changes, heard.changed, heard.swept, told) == (1, 1, 0, ["changed"])
    assert position(listening) == b"there"


def test_an_echo_of_our_own_write_changes_nothing(listening: Business) -> None:
    own = hint("Opportunity", any_deal(listening), origin="com/salesforce/api/rest/62.0;client=Crossfoot")
    heard, _, told = follow(listening, [own])
    assert (heard.own, heard.changed, told) == (1, 0, [])


def test_what_the_org_did_upon_our_write_is_seen_although_it_carries_our_origin(listening: Business) -> None:
    deal = any_deal(listening)
    listening.edit("Opportunity", deal, PO_Number__c="by a flow")
    own = hint("Opportunity", deal, origin="com/salesforce/api/rest/62.0;client=Crossfoot")
    assert follow(listening, [own])[2] == ["changed"]
    assert stored(listening, deal)["PO_Number__c"] == "by a flow"


def test_a_changed_line_means_its_deal(listening: Business) -> None:
    [line] = listening.soql("SELECT Id, OpportunityId FROM OpportunityLineItem WHERE Quantity = 1 LIMIT 1")
    listening.edit("OpportunityLineItem", line["Id"], Description="by hand")
    heard, _, _ = follow(listening, [hint("OpportunityLineItem", line["Id"])], name="OpportunityLineItem")
    assert heard.changes == 1
    rows = stored(listening, line["OpportunityId"])["OpportunityLineItems"]
    assert isinstance(rows, list)
    assert "by hand" in {row.get("Description") for row in rows}


def test_a_deleted_record_is_read_as_deleted(listening: Business) -> None:
    deal = any_deal(listening)
    listening.office.salesforce("DELETE", f"/sobjects/Opportunity/{deal}")
    follow(listening, [hint("Opportunity", deal, kind="DELETE")])
    with listening.database.reading() as connection:
        [version] = load_versions(connection, listening.session().org_id, "Opportunity", ids=[deal])
    assert version.deleted


def test_an_overflow_is_swept(listening: Business) -> None:
    deal = any_deal(listening)
    listening.edit("Opportunity", deal, PO_Number__c="PO-5")
    heard, _, told = follow(listening, [hint("Opportunity", "000000000000000AAA", kind="GAP_OVERFLOW")])
    assert stored(listening, deal)["PO_Number__c"] == "PO-5"
    assert (heard.swept, told) == (1, ["changed"])


def test_a_silent_stream_is_left_after_five_minutes_and_resumed(listening: Business) -> None:
    began = listening.time.now
    heard, script, _ = follow(listening, QUIET, [alive(b"back")])
    assert script.opened == [b"here", b"here"]
    assert timedelta(seconds=300) < listening.time.now - began < timedelta(seconds=315)
    assert (heard.resubscribed, position(listening)) == (1, b"back")


def test_a_sign_of_life_is_kept_so_that_a_quiet_topic_does_not_age(listening: Business) -> None:
    follow(listening, [*QUIET[:50], alive(b"b"), *QUIET[:50], alive(b"c")])
    assert position(listening) == b"c"


def test_more_is_asked_for_before_the_stream_runs_dry(listening: Business) -> None:
    assert follow(listening, [alive(pending=60), alive(pending=49)])[1].asked == [51]


def test_a_position_that_is_no_longer_known_is_replaced_by_a_sweep(listening: Business) -> None:
    deal = any_deal(listening)
    listening.edit("Opportunity", deal, PO_Number__c="PO-3")
    lost = StreamEnded("subscription.fetch.replayid.corrupted", "expired")
    _, script, told = follow(listening, [lost], [alive(b"new")])
    assert script.opened == [b"here", None]
    assert stored(listening, deal)["PO_Number__c"] == "PO-3"
    assert (told, position(listening)) == (["changed"], b"new")


def test_a_stream_that_ends_is_resumed_ever_later(listening: Business) -> None:
    began = listening.time.now
    end = StreamEnded("service.unavailable", "deploying")
    _, script, _ = follow(listening, [end], [end], [end], [alive()])
    assert script.opened == [b"here"] * 4
    assert listening.time.now - began == timedelta(seconds=0.375 + 0.75 + 1.5)


def test_a_refused_token_is_renewed(listening: Business) -> None:
    session = listening.session()
    before = session.salesforce.access().generation
    follow(listening, [StreamEnded("service.auth.error", "expired")], [alive()], session=session)
    assert session.salesforce.access().generation == before + 1


def test_a_token_that_cannot_be_renewed_now_is_renewed_later(listening: Business) -> None:
    listening.carrier.down_after["salesforce.invalid"] = 0
    refused: list[Step] = [StreamEnded("service.auth.error", "expired")]
    heard, script, _ = follow(listening, refused, [alive(b"later")])
    assert (script.opened, heard.resubscribed) == ([b"here", b"here"], 1)
    assert position(listening) == b"later"


def test_a_refused_reading_parks_the_listener_and_its_hints_come_again(listening: Business) -> None:
    deal, began = any_deal(listening), listening.time.now
    listening.edit("Opportunity", deal, PO_Number__c="PO-8")
    fault = {"kind": "query_timeout", "match": {"path_contains": "/query"}}
    listening.post(f"{URLS['salesforce']}/control/fault", fault)
    _, script, _ = follow(listening, [hint("Opportunity", deal, latest=b"lost")], [hint("Opportunity", deal)])
    assert script.opened == [b"here", b"here"]
    assert listening.time.now - began == timedelta(hours=1)
    assert (stored(listening, deal)["PO_Number__c"], position(listening)) == ("PO-8", b"after")


def test_used_up_deliveries_park_the_listener_for_an_hour(listening: Business) -> None:
    began = listening.time.now
    follow(listening, [StreamEnded("subscription.limit.exceeded", "used up")], [alive()])
    assert listening.time.now - began == timedelta(hours=1)


def test_hints_whose_records_cannot_be_read_come_again(listening: Business) -> None:
    """The position moves with the records or not at all."""
    deal = any_deal(listening)
    listening.edit("Opportunity", deal, PO_Number__c="PO-1")
    listening.carrier.down_after["salesforce.invalid"] = 0
    listener = Listener(listening.session(), lambda *_: Script(listening, Event(), []), "Opportunity")
    with pytest.raises(RetryLater):
        listener.absorb(hint("Opportunity", deal, latest=b"lost"))
    assert position(listening) == b"here"
    listening.carrier.down_after.clear()
    listener.absorb(replace(hint("Opportunity", deal), latest=b"there"))
    assert (stored(listening, deal)["PO_Number__c"], position(listening)) == ("PO-1", b"there")


def test_a_sweep_finds_nothing_new_after_a_hint(listening: Business) -> None:
    deal = any_deal(listening)
    listening.edit("Opportunity", deal, PO_Number__c="PO-2")
    follow(listening, [hint("Opportunity", deal)])
    assert observe(listening.session()).counts["Salesforce Opportunity"].changed == 0


def test_a_sweep_that_stood_still_passes_nothing_that_a_listener_read_meanwhile(listening: Business) -> None:
    """What it sees is not stored over what was read under a later number: the next sweep has to read it again."""
    deal, session = any_deal(listening), listening.session()

    def stand_still(seam: str) -> None:
        if seam == "commit sweep Opportunity done":
            listening.edit("Opportunity", deal, PO_Number__c="PO-4")
            follow(listening, [hint("Opportunity", deal)])
            listening.time.pass_s(1)
            listening.edit("Opportunity", deal, PO_Number__c="PO-5")
            listening.time.pass_s(1200)

    session.database = Database(listening.database.engine, stand_still)
    observe(session)
    observe(listening.session())
    assert stored(listening, deal)["PO_Number__c"] == "PO-5"


def test_what_the_mapping_reads_is_what_is_listened_to(listening: Business) -> None:
    assert watched(listening.session()) == ["Account", "Product2", "Opportunity", "OpportunityLineItem"]
    heard, _, told = follow(listening, [hint("Lead", "00Q000000000001AAA")])
    assert (heard.changes, heard.changed, told) == (1, 0, [])


def test_a_listener_that_began_under_other_settings_stores_nothing_and_has_a_run_made(listening: Business) -> None:
    """What it reads lacks the fields that the settings name since: a deal would be judged without them."""
    before = listening.session()
    listening.set("when: IsWon", "when: \"AND(IsWon, NOT(Type = 'HOLD'))\"")
    listening.sync()
    deal = any_deal(listening)
    listening.edit("Opportunity", deal, Type="HOLD")
    listening.later()
    listening.sync()

    late, gap = hint("Opportunity", deal), hint("Opportunity", "000000000000000AAA", kind="GAP_OVERFLOW")
    assert follow(listening, [late, gap], session=before)[2] == ["changed"]

    assert stored(listening, deal)["Type"] == "HOLD"
    assert position(listening) == b"after"
    everything = len(listening.soql("SELECT Id FROM Opportunity"))
    assert listening.sync().observed.counts["Salesforce Opportunity"].read < everything / 2
