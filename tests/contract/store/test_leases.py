"""One engine of several may write: by the database's clock, and one that slept past its lease commits nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, insert, select, update

from crossfoot.core.errors import Stopped
from crossfoot.store.codec import instant, moment
from crossfoot.store.database import Database, hold_lease
from crossfoot.store.leases import LEASE_LIFE, Lease, database_now, take_lease
from crossfoot.store.schema import counter, lease

PAIR = "org/organisation"


def lapse(database: Database) -> None:
    """Time passes: the lease that stands has run out."""
    with database.writing() as connection:
        connection.execute(update(lease).values(until=instant(database_now(connection) - timedelta(seconds=1))))


def write(database: Database, name: str) -> None:
    with database.writing() as connection:
        connection.execute(insert(counter).values(name=name, value=1))


def written(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(select(counter.c.name).order_by(counter.c.name)).scalars())


def test_the_clock_is_the_databases(connection: Connection) -> None:
    assert abs(database_now(connection) - datetime.now(UTC)) < timedelta(seconds=30)


def test_a_lease_that_stands_is_nobody_elses(database: Database) -> None:
    with hold_lease(database, PAIR, "engine one"), pytest.raises(Stopped, match="engine one is writing") as stopped:
        _take(database, "engine two")
    assert stopped.value.code == "locked"
    assert _take(database, "engine two").fence == 2


def _take(database: Database, holder: str) -> Lease:
    with database.writing() as connection:
        return take_lease(connection, PAIR, holder)


def test_another_pair_has_a_lease_of_its_own(database: Database) -> None:
    with hold_lease(database, PAIR, "engine one"), database.writing() as connection:
        assert take_lease(connection, "org/another", "engine two").fence == 1


def test_an_engine_that_slept_past_its_lease_commits_nothing_after_another_took_it(database: Database) -> None:
    sleeper, other = database, Database(database.engine)
    with hold_lease(sleeper, PAIR, "sleeper"):
        write(sleeper, "before")
        lapse(other)
        with hold_lease(other, PAIR, "other"):
            write(other, "meanwhile")
            with pytest.raises(Stopped, match="other took over") as stopped:
                write(sleeper, "too late")
            assert stopped.value.code == "lease_lost"
            write(other, "still")
        with pytest.raises(Stopped):
            write(sleeper, "too late, although the other ended")
    assert written(database) == ["before", "meanwhile", "still"]


def test_what_a_lost_engine_gives_back_is_not_the_others_lease(database: Database) -> None:
    other = Database(database.engine)
    with hold_lease(database, PAIR, "sleeper"):
        lapse(other)
        other.lease = _take(other, "other")
    write(other, "still")
    with other.reading() as connection:
        assert connection.execute(select(lease.c.holder)).scalar_one() == "other"


def test_an_engine_that_slept_while_nobody_came_goes_on(database: Database) -> None:
    with hold_lease(database, PAIR, "engine one"):
        lapse(Database(database.engine))
        write(database, "after")
        with pytest.raises(Stopped, match="engine one is writing"):
            _take(Database(database.engine), "engine two")


def test_working_renews_the_lease(database: Database) -> None:
    with hold_lease(database, PAIR, "engine one"):
        with database.writing() as connection:
            soon = database_now(connection) + timedelta(seconds=30)
            connection.execute(update(lease).values(until=instant(soon)))
        write(database, "work")
        with database.reading() as connection:
            until = moment(connection.execute(select(lease.c.until)).scalar_one())
            assert until - database_now(connection) > LEASE_LIFE / 2


def test_new_tokens_are_kept_even_by_an_engine_that_lost_its_lease(database: Database) -> None:
    """A rotated refresh token that is not stored would lock everybody out."""
    with hold_lease(database, PAIR, "sleeper"):
        lapse(Database(database.engine))
        _take(Database(database.engine), "other")
        with database.writing("grant", fenced=False) as connection:
            connection.execute(insert(counter).values(name="token", value=1))
    assert written(database) == ["token"]
