"""The audit chain: any entry that is changed, taken out, put in or put elsewhere is found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from crossfoot.store.audit import (
    BLOCK,
    BODIES_KEPT,
    append_audit,
    bodies_to_pack,
    broken_audit_entry,
    pack_bodies,
    prune_bodies,
    read_audit,
)
from crossfoot.store.schema import audit, audit_body

HERE, ELSEWHERE = "organisation-au", "organisation-nz"
NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)


@pytest.fixture
def chain(connection: Connection) -> Connection:
    """Five entries and another chain, in a database whose own guard an intruder has taken away."""
    if connection.dialect.name == "sqlite":
        for trigger in ("audit_kept", "audit_whole", "audit_once", "audit_body_kept"):
            connection.execute(text(f"DROP TRIGGER {trigger}"))
    for number in range(1, 6):
        append_audit(
            connection,
            HERE,
            NOW,
            actor="crossfoot",
            action="create Invoice",
            record_id=f"006{number}",
            number=f"SF-{number}",
            gross=Decimal("110.10"),
        )
    append_audit(connection, ELSEWHERE, NOW, actor="Priya", action="link", note="another\nchain")
    return connection


@pytest.mark.promise("S1-76")
def test_an_untouched_chain_verifies(chain: Connection) -> None:
    assert broken_audit_entry(chain, HERE) is None
    assert broken_audit_entry(chain, ELSEWHERE) is None
    assert broken_audit_entry(chain, "never seen") is None


def test_entries_are_read_in_order_and_by_record(chain: Connection) -> None:
    assert [entry.seq for entry in read_audit(chain, HERE)] == [1, 2, 3, 4, 5]
    (entry,) = read_audit(chain, HERE, "0063")
    assert (entry.actor, entry.action, entry.body) == (
        "crossfoot",
        "create Invoice",
        {"number": "SF-3", "gross": "110.10"},
    )
    assert [entry.seq for entry in read_audit(chain, ELSEWHERE)] == [1]


def _change(**values: object) -> Callable[[Connection], None]:
    def tamper(chain: Connection) -> None:
        chain.execute(update(audit).where(audit.c.organisation_id == HERE, audit.c.seq == 3).values(**values))

    return tamper


def _say(body: bytes | None) -> Callable[[Connection], None]:
    """Make the third entry say something else, or nothing."""

    def tamper(chain: Connection) -> None:
        third = (audit_body.c.organisation_id == HERE) & (audit_body.c.seq == 3)
        chain.execute(
            delete(audit_body).where(third) if body is None else update(audit_body).where(third).values(body=body)
        )

    return tamper


def _by_hand(statement: str) -> Callable[[Connection], None]:
    """Write over the third entry as somebody would who knows nothing of how it lies there."""

    def tamper(chain: Connection) -> None:
        value = "'nobody'" if chain.dialect.name == "sqlite" else "'nobody'::bytea"
        chain.exec_driver_sql(f"{statement.format(value)} WHERE seq = 3")

    return tamper


def _take_out(chain: Connection) -> None:
    chain.execute(delete(audit).where(audit.c.organisation_id == HERE, audit.c.seq == 3))


def _take_out_and_close_the_gap(chain: Connection) -> None:
    _take_out(chain)
    for seq in (4, 5):
        chain.execute(update(audit).where(audit.c.organisation_id == HERE, audit.c.seq == seq).values(seq=seq - 1))


def _swap(chain: Connection) -> None:
    for old, new in ((3, 99), (4, 3), (99, 4)):
        chain.execute(update(audit).where(audit.c.organisation_id == HERE, audit.c.seq == old).values(seq=new))


def _move_from_another_chain(chain: Connection) -> None:
    _take_out(chain)
    chain.execute(update(audit).where(audit.c.organisation_id == ELSEWHERE).values(organisation_id=HERE, seq=3))


def _put_in(chain: Connection) -> None:
    row = dict(chain.execute(select(audit).where(audit.c.organisation_id == HERE, audit.c.seq == 5)).mappings().one())
    chain.execute(insert(audit).values(**{**row, "seq": 6}))


@pytest.mark.promise("S1-76", "N-14")
@pytest.mark.parametrize(
    ("tamper", "found_at"),
    [
        (_say(b'{"gross":"1.10","number":"SF-3"}'), 3),
        (_say(None), 3),
        (_change(digest="0" * 64), 3),
        (_change(actor="somebody else"), 3),
        (_change(action="nothing"), 3),
        (_change(record_id="0069"), 3),
        (_change(at="2026-11-19T00:00:00+00:00"), 3),
        (_change(hash="f" * 64), 3),
        (_by_hand("UPDATE audit SET actor = {}"), 3),
        (_by_hand("UPDATE audit SET hash = {}"), 3),
        (_by_hand("UPDATE audit_body SET body = {}"), 3),
        (_take_out, 3),
        (_take_out_and_close_the_gap, 3),
        (_swap, 3),
        (_move_from_another_chain, 3),
        (_put_in, 6),
    ],
)
def test_tampering_is_found_at_its_entry(
    chain: Connection, tamper: Callable[[Connection], None], found_at: int
) -> None:
    tamper(chain)
    assert broken_audit_entry(chain, HERE) == found_at


def _told(connection: Connection, at: datetime, count: int, home: str = HERE) -> None:
    for number in range(count):
        append_audit(
            connection,
            home,
            at,
            actor="crossfoot",
            action="create",
            record_id=f"{number % 7}",
            number=number,
            note="a\nb",
        )


def _numbers(connection: Connection, record_id: str | None = None) -> list[object]:
    return [entry.body.get("number") for entry in read_audit(connection, HERE, record_id)]


def _rows(connection: Connection) -> int:
    mine = audit_body.c.organisation_id == HERE
    return int(connection.execute(select(func.count()).select_from(audit_body).where(mine)).scalar_one())


@pytest.fixture
def packed(connection: Connection) -> Connection:
    """Two blocks and five entries, beside another chain, with a database whose own guard is there."""
    _told(connection, NOW, 2 * BLOCK + 5)
    _told(connection, NOW, 3, ELSEWHERE)
    assert pack_bodies(connection, HERE) == 2
    return connection


def test_what_many_entries_say_lies_in_few_rows_and_reads_as_before(packed: Connection) -> None:
    assert _rows(packed) == 2 + 5
    assert _numbers(packed) == list(range(2 * BLOCK + 5))
    assert _numbers(packed, "3") == list(range(3, 2 * BLOCK + 5, 7))
    assert broken_audit_entry(packed, HERE) is None
    assert broken_audit_entry(packed, ELSEWHERE) is None


def test_what_follows_is_laid_together_once_there_is_enough(packed: Connection) -> None:
    assert (bodies_to_pack(packed, HERE), pack_bodies(packed, HERE)) == (False, 0)
    _told(packed, NOW, BLOCK - 5)
    assert (bodies_to_pack(packed, HERE), pack_bodies(packed, HERE)) == (True, 1)
    assert (_rows(packed), broken_audit_entry(packed, HERE)) == (3, None)


@pytest.mark.parametrize(
    ("seq", "tamper", "found_at"),
    [
        (BLOCK, lambda body: body.replace(b"a", b"o"), 1),
        (2 * BLOCK, lambda body: body.replace(b"a", b"o"), BLOCK + 1),
        (2 * BLOCK + 2, lambda body: body.replace(b"a", b"o"), 2 * BLOCK + 2),
        (2 * BLOCK, lambda body: body + b"\n{}", 2 * BLOCK),
        (2 * BLOCK, lambda body: body.rpartition(b"\n")[0], 2 * BLOCK),
    ],
    ids=["first", "second", "single", "a line more", "a line less"],
)
def test_words_that_are_changed_in_a_block_are_found(
    packed: Connection, seq: int, tamper: Callable[[bytes], bytes], found_at: int
) -> None:
    mine = (audit_body.c.organisation_id == HERE) & (audit_body.c.seq == seq)
    row = dict(packed.execute(select(audit_body).where(mine)).mappings().one())
    packed.execute(delete(audit_body).where(mine))
    packed.execute(insert(audit_body).values(**{**row, "body": tamper(row["body"])}))
    assert broken_audit_entry(packed, HERE) == found_at


def test_a_block_that_was_taken_out_is_found_unless_it_is_the_oldest(packed: Connection) -> None:
    mine = audit_body.c.organisation_id == HERE
    packed.execute(delete(audit_body).where(mine, audit_body.c.seq == 2 * BLOCK))
    assert broken_audit_entry(packed, HERE) == BLOCK + 1
    packed.execute(delete(audit_body).where(mine, audit_body.c.seq == BLOCK))
    assert broken_audit_entry(packed, HERE) is None
    assert _numbers(packed) == [None] * (2 * BLOCK) + list(range(2 * BLOCK, 2 * BLOCK + 5))


def test_words_are_not_laid_over_a_gap(connection: Connection) -> None:
    _told(connection, NOW, BLOCK + 1)
    connection.execute(delete(audit_body).where(audit_body.c.organisation_id == HERE, audit_body.c.seq == 3))
    assert pack_bodies(connection, HERE) == 0
    assert broken_audit_entry(connection, HERE) == 3


def test_a_block_goes_when_its_youngest_entry_is_old(connection: Connection) -> None:
    _told(connection, NOW - BODIES_KEPT - timedelta(days=1), 2 * BLOCK - 1)
    _told(connection, NOW - timedelta(days=1), 2)
    pack_bodies(connection, HERE)
    assert prune_bodies(connection, HERE, NOW) == BLOCK
    assert prune_bodies(connection, HERE, NOW) == 0
    assert prune_bodies(connection, HERE, NOW + BODIES_KEPT) == BLOCK + 1
    assert (_rows(connection), broken_audit_entry(connection, HERE)) == (0, None)


def test_an_organisation_that_was_never_connected_has_no_log(connection: Connection) -> None:
    with pytest.raises(IntegrityError), connection.begin_nested():
        _told(connection, NOW, 1, "never connected")
    assert list(read_audit(connection, "never connected")) == []


def test_what_entries_say_goes_after_a_time_and_the_chain_still_verifies(connection: Connection) -> None:
    _told(connection, NOW - BODIES_KEPT - timedelta(seconds=1), 2)
    _told(connection, NOW, 2)
    assert prune_bodies(connection, HERE, NOW) == 2
    assert prune_bodies(connection, HERE, NOW) == 0
    assert _numbers(connection) == [None, None, 0, 1]
    assert broken_audit_entry(connection, HERE) is None
