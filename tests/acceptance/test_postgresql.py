"""A workspace whose state a PostgreSQL server keeps: the whole command line on it, and two engines that share it."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from crossfoot.core.links import record_id_in
from tests.postgresql import running_postgresql

from .command_line import Said, Terminal, emulators

ROLE = "crossfoot_app"


class Shared(Terminal):
    """A terminal of a firm whose workspace is on a server."""

    address: str = ""

    def init(self) -> Said:
        """Make the workspace; its settings name the server from then on."""
        env_file = str(self.home / "apps.env")
        return self.run("init", "--env-file", env_file, "--yes", CROSSFOOT_DATABASE=self.address)


@contextmanager
def database(address: str, name: str) -> Iterator[str]:
    """A database of its own on the server."""
    admin = _engine(address)
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    admin.dispose()
    yield make_url(address).set(database=name).render_as_string(hide_password=False)


def _engine(address: str) -> Engine:
    url = make_url(address).set(drivername="postgresql+psycopg")
    return create_engine(url, isolation_level="AUTOCOMMIT")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_postgresql(tmp_path_factory.mktemp("pg")) as address:
        yield address


@pytest.fixture
def terminal(tmp_path: Path, server: str) -> Iterator[Shared]:
    """A new firm on an empty database."""
    with emulators(tmp_path) as env, database(server, tmp_path.name) as address:
        made = Shared(tmp_path, env)
        made.address = address
        yield made


def test_the_first_hour_on_a_server(terminal: Shared) -> None:
    """Init, sync, tie-out, queue and the audit log; the settings name the server, and no file holds state."""
    terminal.init()

    settings = (terminal.workspace / "crossfoot.yaml").read_text()
    assert "database: postgresql://" in settings
    assert not list((terminal.workspace / ".crossfoot").glob("*.db"))
    first = terminal.json("sync")
    assert first["created"] > 0
    assert terminal.json("sync")["writes"] == 0
    terminal.run("tieout")
    assert terminal.json("queue", "ls")
    assert terminal.json("audit", "verify")["holds"] is True


def test_as_the_role_that_may_not_change_the_log(terminal: Shared) -> None:
    """The owner makes the tables and the role; from then on Crossfoot runs as the role, and the log is kept from it."""
    terminal.init()
    assert terminal.json("audit", "verify")["kept_by_database"] is False
    terminal.run("audit", "role", ROLE)
    as_role = make_url(terminal.address).set(username=ROLE).render_as_string(hide_password=False)

    terminal.run("sync", CROSSFOOT_DATABASE=as_role)
    terminal.variables["CROSSFOOT_DATABASE"] = as_role
    found = terminal.json("audit", "verify")
    assert (found["holds"], found["kept_by_database"]) == (True, True)
    assert found["entries"] > 0


def test_an_engine_paused_past_its_lease_writes_no_more_and_nothing_is_doubled(terminal: Shared) -> None:
    """SIGSTOP in the middle of a run, the lease runs out, another engine does the work, SIGCONT."""
    terminal.init()
    engine = _engine(terminal.address)
    sleeper = terminal.start("sync", CROSSFOOT_WORKSPACE=str(terminal.workspace))
    try:
        _until(engine, "SELECT count(*) FROM call WHERE state = 'committed'")
        sleeper.send_signal(signal.SIGSTOP)
        (terminal.workspace / ".crossfoot" / "lock").unlink()  # the other engine is on another machine
        assert "is writing for this workspace" in terminal.refused("sync", expect=2)
        with engine.connect() as connection:
            connection.execute(text("UPDATE lease SET until = '2000-01-01T00:00:00.000000+00:00'"))
        terminal.run("sync")
    finally:
        sleeper.send_signal(signal.SIGCONT)
    _, said = sleeper.communicate(timeout=60)
    engine.dispose()

    assert sleeper.returncode == 2, said
    assert "took over" in said
    terminal.run("sync")
    deals = Counter(record_id_in(i["Url"]) for i in terminal.invoices().values() if i.get("Url"))
    assert deals
    assert set(deals.values()) == {1}
    terminal.run("tieout")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "told to end"])
def test_a_run_that_is_ended_gives_its_lease_back(terminal: Shared, number: signal.Signals) -> None:
    terminal.init()
    engine = _engine(terminal.address)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    ended = terminal.start("sync", CROSSFOOT_WORKSPACE=str(terminal.workspace))
    _until(engine, "SELECT count(*) FROM call WHERE state = 'committed'")
    ended.send_signal(number)
    _, said = ended.communicate(timeout=60)
    engine.dispose()

    assert (ended.returncode, "running again is safe" in said) == (130, True), said
    terminal.run("sync")
    deals = Counter(record_id_in(i["Url"]) for i in terminal.invoices().values() if i.get("Url"))
    assert set(deals.values()) == {1}


def _until(engine: Engine, query: str) -> None:
    """Wait until a count is not zero."""
    deadline = time.monotonic() + 60
    with engine.connect() as connection:
        while not connection.execute(text(query)).scalar():
            assert time.monotonic() < deadline, query
            time.sleep(0.001)
