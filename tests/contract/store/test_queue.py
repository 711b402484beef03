"""The review queue: an entry opens with its reason, follows its particulars, and closes when the cause goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Connection, insert
from sqlalchemy.exc import IntegrityError
from tests.unit.core.cases import context, deal, deal_id

from crossfoot.core.findings import Finding
from crossfoot.core.money import Money
from crossfoot.core.plan import decide_deal
from crossfoot.core.records import RecordRef, Side
from crossfoot.store import queue as queue_store
from crossfoot.store.schema import queue

AU, NZ = "organisation-au", "organisation-nz"
NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
DEAL = RecordRef(Side.SALESFORCE, "Opportunity", "006A")
RECORDS = {"006A": "Deal A", "006B": "Deal B"}
MISSING = Finding("no_account", DEAL, "Account Name is empty", Money("AUD", Decimal("100.00")), owner_name="Priya")
LOCKED = Finding("locked_period", DEAL, "dated 2026-06-01", fix="The first open day is 2026-07-01.")


def keep(
    connection: Connection, findings: Iterable[Finding], *, codes: Iterable[str] | None = None, home: str = AU
) -> tuple[int, int]:
    return queue_store.replace_findings(connection, home, RECORDS, findings, NOW, codes=codes)


def entries(connection: Connection, home: str = AU) -> list[queue_store.QueueEntry]:
    return list(queue_store.open_entries(connection, home))


@pytest.mark.promise("S0-41", "S1-55")
def test_an_entry_says_everything_a_person_needs(connection: Connection) -> None:
    related = (RecordRef(Side.XERO, "Invoice", "invoice-1"),)
    assert keep(connection, [replace(MISSING, related=related, vendor_text="as Xero said")]) == (1, 0)
    (entry,) = entries(connection)
    assert (entry.record, entry.record_name, entry.code, entry.weight) == (DEAL, "Deal A", "no_account", "waits")
    assert (entry.owner, entry.owner_name) == ("deal owner", "Priya")
    assert (entry.cause, entry.fix) == ("Account Name is empty", "Fill Account Name on the opportunity.")
    assert (entry.money, entry.related, entry.vendor_text) == (Money("AUD", Decimal(100)), related, "as Xero said")


def test_what_still_holds_stays_the_same_entry_with_new_particulars(connection: Connection) -> None:
    keep(connection, [MISSING])
    (before,) = entries(connection)
    assert keep(connection, [replace(MISSING, cause="still empty", money=Money("AUD", Decimal(250)))]) == (0, 0)
    (after,) = entries(connection)
    assert (after.id, after.opened_at) == (before.id, before.opened_at)
    assert (after.cause, after.money.amount) == ("still empty", Decimal(250))


def test_what_asks_about_one_record_more_gets_another_number(connection: Connection) -> None:
    one, other = (RecordRef(Side.XERO, "Contact", f"contact-{number}") for number in (1, 2))
    similar = replace(MISSING, code="contact_similar", related=(one,))
    keep(connection, [similar])
    (before,) = entries(connection)
    assert keep(connection, [replace(similar, related=(other, one))]) == (0, 0)
    (after,) = entries(connection)
    assert (after.id != before.id, after.opened_at, after.related) == (True, before.opened_at, (other, one))
    assert keep(connection, [replace(similar, related=(one,))]) == (0, 0)
    assert entries(connection) == [replace(after, related=(one,))]


@pytest.mark.promise("S0-43")
def test_an_entry_closes_by_itself_when_its_cause_goes(connection: Connection) -> None:
    keep(connection, [MISSING, LOCKED])
    (entry,) = (each for each in entries(connection) if each.code == "no_account")
    assert keep(connection, [LOCKED]) == (0, 1)
    assert [each.code for each in entries(connection)] == ["locked_period"]
    closed = queue_store.find_entry(connection, AU, entry.id)
    assert closed is not None
    assert closed.state == "closed"


def test_a_cause_that_returns_opens_a_new_entry(connection: Connection) -> None:
    for findings in ([MISSING], [], [MISSING]):
        keep(connection, findings)
    (entry,) = entries(connection)
    assert entry.id == 2


def test_a_caller_closes_only_entries_of_its_own_codes(connection: Connection) -> None:
    keep(connection, [MISSING, LOCKED])
    assert keep(connection, [], codes={"locked_period"}) == (0, 1)
    assert [entry.code for entry in entries(connection)] == ["no_account"]


def test_records_that_were_not_looked_at_keep_their_entries(connection: Connection) -> None:
    other = replace(MISSING, record=replace(DEAL, id="006B"))
    keep(connection, [MISSING, other])
    assert queue_store.replace_findings(connection, AU, {"006A": "Deal A"}, [], NOW) == (0, 1)
    assert [entry.record.id for entry in entries(connection)] == ["006B"]


def test_the_biggest_money_comes_first_whatever_its_sign(connection: Connection) -> None:
    amounts = {"no_account": "10.00", "locked_period": "-300.00", "undone": "200.00"}
    keep(
        connection, [replace(MISSING, code=code, money=Money("AUD", Decimal(worth))) for code, worth in amounts.items()]
    )
    assert [entry.code for entry in entries(connection)] == ["locked_period", "undone", "no_account"]


def test_organisations_have_queues_of_their_own(connection: Connection) -> None:
    keep(connection, [MISSING])
    keep(connection, [MISSING], home=NZ)
    keep(connection, [], home=NZ)
    assert len(entries(connection)) == 1
    assert entries(connection, NZ) == []


def test_an_ignored_entry_stays_open_until_its_day(connection: Connection) -> None:
    keep(connection, [MISSING])
    (entry,) = entries(connection)
    queue_store.ignore_entry(connection, entry, reason="asked the client", until="2026-12-01")
    keep(connection, [MISSING])
    (entry,) = entries(connection)
    assert (entry.state, entry.ignored_reason, entry.ignored_until) == ("open", "asked the client", "2026-12-01")


@pytest.mark.parametrize(("worth", "until"), [("100.00", "2026-12-01"), ("9000.00", None)])
def test_an_ignored_entry_comes_back_when_another_amount_is_at_stake(
    connection: Connection, worth: str, until: str | None
) -> None:
    keep(connection, [MISSING])
    queue_store.ignore_entry(connection, entries(connection)[0], reason="asked the client", until="2026-12-01")
    keep(connection, [replace(MISSING, cause="in other words", money=Money("AUD", Decimal(worth)))])
    assert entries(connection)[0].ignored_until == until


def test_one_reason_is_open_once_for_a_record(connection: Connection) -> None:
    keep(connection, [MISSING])
    row = {column.name: "" for column in queue.columns if column.name != "id"}
    twin = {**row, "organisation_id": AU, "record_id": "006A", "code": "no_account", "amount": 0, "state": "open"}
    with pytest.raises(IntegrityError):
        connection.execute(insert(queue).values(**twin))


def test_decisions_are_kept_once_and_can_be_taken_back(connection: Connection) -> None:
    for _ in range(2):
        queue_store.decide(connection, AU, "not_same", "006A", "invoice-1", actor="Priya", now=NOW)
    assert queue_store.decisions(connection, AU, "not_same") == [("006A", "invoice-1")]
    queue_store.forget_decision(connection, AU, "not_same", "006A")
    assert queue_store.decisions(connection, AU, "not_same") == []


def test_each_won_deal_stands_in_one_bucket_with_its_money(connection: Connection) -> None:
    decided = [decide_deal(deal(1), context()), decide_deal(deal(2, amount=Decimal("0.10"), invoice=None), context())]
    queue_store.save_dispositions(connection, AU, decided, 1)
    queue_store.save_dispositions(connection, AU, decided, 2)
    assert queue_store.buckets(connection, AU) == {deal_id(1): "ready", deal_id(2): "waiting"}
    queue_store.set_bucket(connection, AU, deal_id(1), "drafted")
    assert queue_store.bucket_totals(connection, AU) == [
        ("drafted", "AUD", 1, Decimal(100)),
        ("waiting", "AUD", 1, Decimal("0.10")),
    ]
