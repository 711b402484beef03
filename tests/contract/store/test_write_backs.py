"""What should stand in Salesforce: kept until it was taken for certain, and found by what is left to send."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select, text

from crossfoot.store.codec import instant
from crossfoot.store.schema import write_back
from crossfoot.store.write_backs import (
    WriteBack,
    pending_write_backs,
    refused_sources,
    retry_write_backs,
    rows_below,
    rows_but,
    want_write_backs,
    wanted_states,
    write_back_refused,
    write_backs_written,
)

HERE = "ef134f2a-180b-405d-a91a-b32d2976f51d"
NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
LINE = WriteBack("Line__c", f"{HERE}:line", {"Amount__c": 10}, "a" * 32, "006A", 3, parent=f"{HERE}:invoice")


def pending(connection: Connection, now: datetime = NOW) -> list[WriteBack]:
    return list(pending_write_backs(connection, HERE, now, now - timedelta(days=1)))


def kept_fields(connection: Connection) -> bytes:
    return bytes(connection.execute(select(write_back.c.fields)).scalar_one())


def test_what_is_wanted_is_pending_until_it_is_written_and_its_fields_go_then(connection: Connection) -> None:
    want_write_backs(connection, HERE, [LINE])
    (item,) = pending(connection)
    assert (item.key, item.fields, item.parent) == (LINE.key, {"Amount__c": 10}, LINE.parent)
    write_backs_written(connection, HERE, [(item, None)])
    assert pending(connection) == []
    assert kept_fields(connection) == b""
    assert wanted_states(connection, HERE, "Line__c", [LINE.key, "other"]) == {LINE.key: LINE.state}


def test_a_row_that_an_earlier_call_may_overtake_keeps_its_fields_and_is_sent_again(connection: Connection) -> None:
    want_write_backs(connection, HERE, [LINE])
    write_backs_written(connection, HERE, [(LINE, instant(NOW + timedelta(minutes=10)))])
    assert pending(connection) == []
    (again,) = pending(connection, NOW + timedelta(minutes=10))
    assert again.fields == LINE.fields


def test_what_was_written_is_not_what_is_wanted_by_now(connection: Connection) -> None:
    want_write_backs(connection, HERE, [replace(LINE, fields={"Amount__c": 20}, wanted_hash="b" * 32)])
    write_backs_written(connection, HERE, [(LINE, None)])
    (item,) = pending(connection)
    assert item.fields == {"Amount__c": 20}


def test_a_refused_row_waits_for_a_change_a_day_or_a_person(connection: Connection) -> None:
    want_write_backs(connection, HERE, [LINE])
    write_back_refused(connection, HERE, LINE, NOW)
    assert pending(connection) == []
    assert refused_sources(connection, HERE, ["006A", "006B"]) == {"006A"}
    assert len(pending(connection, NOW + timedelta(days=2))) == 1
    retry_write_backs(connection, HERE, "006A")
    assert refused_sources(connection, HERE, ["006A"]) == set()
    assert len(pending(connection)) == 1


def test_rows_are_found_below_their_invoice_and_by_what_they_do_not_say(connection: Connection) -> None:
    other = replace(LINE, key=f"{HERE}:other", parent=f"{HERE}:elsewhere", wanted_hash="c" * 32)
    want_write_backs(connection, HERE, [LINE, other, replace(LINE, object="Issue__c", parent=None)])
    assert rows_below(connection, HERE, "Line__c", [f"{HERE}:invoice"]) == [(LINE.key, "006A", LINE.parent)]
    assert rows_but(connection, HERE, "Line__c", LINE.wanted_hash) == {other.key}


def test_ids_and_digests_lie_packed(connection: Connection) -> None:
    want_write_backs(connection, HERE, [LINE])
    length = connection.execute(text("SELECT length(key), length(wanted_hash) FROM write_back")).one()
    assert tuple(length) == (len(":line"), 17)


def test_keys_come_back_whole_and_none_stands_for_another(connection: Connection) -> None:
    keys = [f"{HERE}:line", "001000000000001AAA", HERE, f"{HERE}-2:line", "other:line"]
    want_write_backs(connection, HERE, [replace(LINE, key=key) for key in keys])
    assert set(wanted_states(connection, HERE, "Line__c", keys)) == set(keys)
    assert {item.key for item in pending(connection)} == set(keys)
    with pytest.raises(ValueError, match="cannot be the key"):
        want_write_backs(connection, HERE, [replace(LINE, key=":line")])
