"""The engine killed at each point of the write protocol, stopped, and with a database that is full, locked or old.

Both emulators are a process of their own over TCP. What is compared at the end are the two vendors' own books.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from crossfoot.core.links import record_id_in

from .command_line import Terminal

ROOT = Path(__file__).parents[2]
SENT = "send xero P"  # a creation or an update
# The write protocol's kill points, in the order in which one first run passes them: point, and what must be past.
KILLS = {
    "K0 before the intent": ("commit reserve begins", ""),
    "K1 intent committed": ("commit reserve done", ""),
    "K2 about to send": ("commit call done", ""),
    "K3 as bytes leave": (SENT, ""),
    "K5 answer in memory": ("commit outcome begins", SENT),
    "K6 applied": ("commit outcome done", SENT),
    "K7 verified": ("commit verified done", ""),
    "K8 write-back under way": ("answered salesforce PATCH", ""),
    "K9 written back": ("commit run ended begins", ""),
}


def unlucky(terminal: Terminal, **luck: str) -> subprocess.Popen[str]:
    """``crossfoot sync`` on a machine with this luck."""
    variables = {**terminal.variables, "CROSSFOOT_WORKSPACE": str(terminal.workspace), **luck}
    command = [sys.executable, "-m", "tests.acceptance.unlucky", "sync"]
    return subprocess.Popen(command, env=variables, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def die_at(terminal: Terminal, point: str, after: str = "", delay_s: str = "0") -> None:
    """Let a run be killed at a point."""
    with unlucky(terminal, UNLUCKY_POINT=point, UNLUCKY_AFTER=after, UNLUCKY_DELAY_S=delay_s) as process:
        _, said = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, f"not killed at {point!r}: {process.returncode} {said}"


def sell_one_more(terminal: Terminal) -> None:
    """Sales sell one more of the first line of a won deal: there is something to write."""
    query = "SELECT Id, Quantity, UnitPrice FROM OpportunityLineItem WHERE Opportunity.IsWon = TRUE ORDER BY Id LIMIT 1"
    [line] = terminal.soql(query)
    change = {"Quantity": line["Quantity"] + 1, "UnitPrice": line["UnitPrice"]}
    terminal.person("salesforce", "PATCH", f"/services/data/v66.0/sobjects/OpportunityLineItem/{line['Id']}", change)


def require_one_invoice_each(terminal: Terminal) -> None:
    """Two undisturbed runs: the first finishes, the second finds nothing to write; then no deal has two invoices."""
    terminal.run("sync")
    before = terminal.writes()
    assert terminal.json("sync")["writes"] == 0
    assert terminal.writes() == before
    assert set(by_deal(terminal).values()) == {1}
    terminal.run("tieout")
    assert terminal.json("audit", "verify")["holds"] is True


def by_deal(terminal: Terminal) -> Counter[str | None]:
    """How many invoices carry each deal's id."""
    return Counter(record_id_in(found["Url"]) for found in terminal.invoices().values() if found.get("Url"))


@pytest.mark.promise("S0-39", "S1-59")
def test_killed_at_each_point_of_the_protocol(terminal: Terminal) -> None:
    terminal.init()
    for point, after in KILLS.values():
        sell_one_more(terminal)
        die_at(terminal, point, after)
    require_one_invoice_each(terminal)


@pytest.mark.promise("S0-39")
def test_killed_after_xero_committed_and_before_it_answered(terminal: Terminal) -> None:
    """K4: the answer is three seconds under way when the engine dies."""
    terminal.init()
    slow = {"match": {"method": "PUT", "path_contains": "Invoices"}, "kind": "slow", "seconds": 3, "times": 1}
    base = terminal.env["XERO_API_BASE"]
    httpx2.post(f"{base}/control/fault", json=slow, trust_env=False).raise_for_status()
    die_at(terminal, "send xero PUT Invoices", delay_s="1.5")
    made = by_deal(terminal)
    assert made, "Xero committed before the engine died"

    require_one_invoice_each(terminal)
    assert by_deal(terminal) == made


def test_a_stopped_run_keeps_others_out_and_goes_on(terminal: Terminal) -> None:
    """SIGSTOP with the lock held: the kernel keeps it, a second run is refused; after SIGCONT the first ends well."""
    terminal.init()
    with unlucky(terminal, UNLUCKY_POINT=SENT, UNLUCKY_SIGNAL="SIGSTOP") as sleeper:
        _wait_until_stopped(sleeper.pid)
        said = terminal.refused("sync", expect=2)
        sleeper.send_signal(signal.SIGCONT)
        _, told = sleeper.communicate(timeout=60)
    assert "Another crossfoot command is writing" in said
    assert sleeper.returncode == 0, told
    require_one_invoice_each(terminal)


def _wait_until_stopped(pid: int) -> None:
    _, status = os.waitpid(pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)


def test_a_full_database_stops_sending_and_is_recovered_from(terminal: Terminal) -> None:
    """Nothing leaves whose intent cannot be kept; once there is room the next run finishes the work."""
    terminal.init()
    room = _pages(terminal) + 12
    with unlucky(terminal, UNLUCKY_PAGES=str(room)) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "The database does not take this now" in said
    assert "Traceback" not in said
    require_one_invoice_each(terminal)


def _pages(terminal: Terminal) -> int:
    with closing(sqlite3.connect(_database(terminal))) as connection:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])


def _database(terminal: Terminal) -> Path:
    return terminal.workspace / ".crossfoot" / "crossfoot.db"


def test_a_locked_database_ends_the_run_and_no_more(terminal: Terminal) -> None:
    terminal.init()
    before = terminal.writes()
    with closing(sqlite3.connect(_database(terminal), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with unlucky(terminal, UNLUCKY_BUSY_MS="200") as process:
            _, said = process.communicate(timeout=60)
        other.execute("ROLLBACK")
    assert process.returncode == 1
    assert "The database does not take this now" in said
    assert terminal.writes() == before
    require_one_invoice_each(terminal)


def test_an_old_copy_of_the_database_makes_nothing_twice(terminal: Terminal, tmp_path: Path) -> None:
    """F24: the copy does not know of the invoices. It is refused until a person says so; then links come first."""
    terminal.init()
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(_database(terminal))) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    terminal.run("sync")
    made = by_deal(terminal)
    for leftover in _database(terminal).parent.glob("crossfoot.db*"):
        leftover.unlink()
    shutil.copy(copy, _database(terminal))
    before = terminal.writes()

    assert "crossfoot restore" in terminal.refused("sync", expect=2)
    assert terminal.writes() == before
    restored = terminal.json("restore", "--reason", "the disk failed")
    assert restored["linked"] == len(made)
    assert terminal.writes() == before
    assert terminal.json("sync")["created"] == 0
    assert by_deal(terminal) == made
