"""Decisions at the command line: overrides with a second person, many retried at once, an old copy put back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from .command_line import Terminal


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def test_an_override_a_second_person_and_an_old_copy(terminal: Terminal) -> None:
    terminal.init()
    database = terminal.workspace / ".crossfoot" / "crossfoot.db"
    copy = terminal.home / "copy.db"
    terminal.run("plan", expect=2)
    _copy(database, copy)
    terminal.run("sync")
    deals = [found for found in terminal.json("queue", "ls") if found["record"]["kind"] == "Opportunity"]
    entry = str(deals[0]["entry"])

    assert "needs a reason" in terminal.refused("queue", "edit", entry, "--set", "reference=X", "--reason", " ")
    assert "PART=VALUE" in terminal.refused("queue", "edit", entry, "--set", "reference", "--reason", "x")
    terminal.run("queue", "edit", entry, "--set", "reference=PO 9", "--reason", "by letter", CROSSFOOT_ACTOR="Priya")
    edit = ("queue", "edit", entry, "--set", "unit_amount:1=1.00", "--reason", "by phone")
    terminal.run(*edit, CROSSFOOT_ACTOR="Priya")
    standing = {each["field"]: each for each in terminal.json("queue", "overrides")}
    assert {field: each["state"] for field, each in standing.items()} == {
        "reference": "stands",
        "unit_amount:1": "proposed",
    }
    number = str(standing["unit_amount:1"]["override"])
    assert "second person" in terminal.refused("queue", "approve", number, CROSSFOOT_ACTOR="Priya")
    terminal.run("queue", "approve", number, CROSSFOOT_ACTOR="Sam")
    assert "approved by Sam" in terminal.run("queue", "overrides").out
    assert len(terminal.json("tieout")["overrides"]) == 2
    terminal.run("queue", "withdraw", number, "--reason", "not agreed after all", CROSSFOOT_ACTOR="Sam")
    assert len(terminal.json("queue", "overrides")) == 1

    assert "is no reason" in terminal.refused("queue", "retry", "--reason", "nonsense")
    assert "Say which" in terminal.refused("queue", "retry")
    assert len(terminal.json("queue", "retry", "--all")) >= 1

    invoices = terminal.invoices()
    for left in (*database.parent.glob("crossfoot.db-*"), database):
        left.unlink()
    _copy(copy, database)
    assert "not the database of the last run" in terminal.refused("sync", expect=2)
    assert "does NOT hold" in terminal.run("audit", "verify", expect=1).out
    assert "linked again" in terminal.run("restore", "--reason", "disk failed").out
    assert "The audit log holds" in terminal.run("audit", "verify").out
    assert terminal.json("sync")["created"] == 0
    assert terminal.invoices().keys() == invoices.keys()
    terminal.run("tieout")
