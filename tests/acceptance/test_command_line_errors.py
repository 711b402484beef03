"""What a user can cause is told in one sentence that says what to do, never with a stack trace."""

from __future__ import annotations

import fcntl
import shutil
import socket
from pathlib import Path

import pytest

from .command_line import SMALL_FIRM, Terminal, emulators

WRITING = ("doctor", "plan", "sync", "tieout", "apply none.plan", "undo 1 --yes", "go-live --name x")
READING = ("status", "runs", "queue ls", "queue show 1", "queue retry 1", "explain x", "audit verify")


@pytest.fixture
def copied(synced: Terminal, tmp_path: Path) -> Terminal:
    """The synced workspace in a place of its own, to damage."""
    shutil.copytree(synced.home, tmp_path, dirs_exist_ok=True)
    return Terminal(tmp_path, synced.env)


@pytest.mark.parametrize("command", [*WRITING, *READING])
def test_a_directory_that_is_no_workspace(tmp_path: Path, command: str) -> None:
    elsewhere = Terminal(tmp_path, {})
    assert "is no workspace yet. `crossfoot init` makes one." in elsewhere.refused(*command.split())
    assert not elsewhere.workspace.exists()


@pytest.mark.parametrize(
    ("old", "new", "column", "words"),
    [
        ("prices: ex_tax", "prices: extax", 9, "input should be 'ex_tax' or 'inc_tax'"),
        ("due_days: 14", "due_day: 14", 12, "`policy.due_day` is not a setting"),
        ("when: IsWon", "when: IsWon AND (", 11, "IsWon"),
    ],
    ids=["value", "name", "expression"],
)
def test_a_mistake_in_the_settings_is_told_with_its_place(
    copied: Terminal, old: str, new: str, column: int, words: str
) -> None:
    settings = copied.workspace / "crossfoot.yaml"
    text = settings.read_text()
    line = text[: text.index(old)].count("\n") + 1
    settings.write_text(text.replace(old, new))

    said = copied.refused("plan")

    assert f"crossfoot.yaml:{line}:{column}: " in said
    assert words in said


def test_settings_that_are_no_yaml_are_told_with_the_place(copied: Terminal) -> None:
    settings = copied.workspace / "crossfoot.yaml"
    settings.write_text("crossfoot: 1\nxero: [one\nprices: ex_tax\n")
    assert "crossfoot.yaml:3:7: not valid YAML" in copied.refused("plan")


@pytest.mark.parametrize("content", [None, "", "{}", '{"kind": "another"}', "\x00\xff", '{"kind": "crossfoot plan 1"}'])
def test_a_file_that_is_no_plan(copied: Terminal, content: str | None) -> None:
    path = copied.home / "some.plan"
    if content is not None:
        path.write_text(content, encoding="latin-1")
    said = copied.refused("apply", str(path), "--yes")
    assert "There is no file" in said if content is None else "is not a plan that Crossfoot saved" in said


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("queue", "show", "99"), "There is no queue entry 99"),
        (("queue", "link", "99"), "There is no queue entry 99"),
        (("queue", "retry", "1", "--all"), "Say either an entry's number, or --reason"),
        (("queue", "ignore", "1", "--reason", "x", "--until", "tomorrow"), "Write it as YYYY-MM-DD"),
        (("queue", "ignore", "1", "--reason", "x", "--until", "2020-01-01"), "must lie after today"),
        (("queue", "ignore", "1", "--reason", " ", "--until", "2030-01-01"), "needs a reason"),
        (("explain", "Nobody"), "No deal or invoice is known as 'Nobody'"),
        (("undo", "nothing", "--yes"), "There is no run nothing"),
        (("connect", "myob"), "cannot be connected"),
        (("go-live", "--name", "Lantern Advisory"), "is a test organisation"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_not_there_or_not_possible(synced: Terminal, command: tuple[str, ...], words: str) -> None:
    assert words in synced.refused(*command)


@pytest.mark.parametrize("command", ["show", "retry", "link", "approve"])
def test_a_number_beyond_any(synced: Terminal, command: str) -> None:
    assert "Invalid value" in synced.refused("queue", command, "9" * 20, expect=2)


def test_bad_input_to_init(terminal: Terminal) -> None:
    init = ("init", "--env-file", "apps.env", "--yes")
    assert "Write it as YYYY-MM-DD" in terminal.refused(*init, "--start-date", "1/11/2026")
    assert "cannot be read" in terminal.refused("init", "--env-file", "nowhere.env", "--yes")
    (terminal.home / "broken.env").write_text("# apps\nSF_CONSUMER_KEY\n")
    assert "broken.env:2: not a NAME=value line" in terminal.refused("init", "--env-file", "broken.env", "--yes")
    other = terminal.home / "other.env"
    other.write_text((terminal.home / "apps.env").read_text().replace("XERO_TENANT_ID=", "XERO_TENANT_ID=0"))
    assert "must name one of the organisations" in terminal.refused("init", "--env-file", "other.env", "--yes")
    plain = other.read_text().replace("http://127.0.0.1", "http://salesforce.example")
    other.write_text(plain)
    assert "Plain http is used only towards this machine" in terminal.refused(
        "init", "--env-file", "other.env", "--yes"
    )

    terminal.init()
    assert "exists already" in terminal.refused(*init)


def test_a_second_writer_is_turned_away_and_readers_are_not(copied: Terminal) -> None:
    with (copied.workspace / ".crossfoot" / "lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "Another crossfoot command is writing" in copied.refused("sync", expect=2)
        copied.run("status")
        copied.run("queue", "ls")
    copied.run("sync")


def test_a_busy_port_keeps_the_emulators_from_starting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        said = Terminal(tmp_path, {}).refused("emulator", "up", "--scenario", "empty", "--salesforce-port", port)
    assert "did not start" in said
    assert "use" in said


def test_a_scenario_that_cannot_be_played_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(SMALL_FIRM.read_text().replace("StageName: Closed Won", "StageName: Won"))
    said = Terminal(tmp_path, {}).refused("emulator", "up", "--scenario", str(path), "--salesforce-port", "0")
    assert "salesforce, Opportunity, record 7" in said
    assert "StageName" in said


def test_vendors_that_are_down_and_grants_that_are_gone(tmp_path: Path) -> None:
    """First the emulators stop; then others with other apps answer at the same addresses."""
    with emulators(tmp_path) as env:
        terminal = Terminal(tmp_path, env)
        terminal.init()
        terminal.run("sync")
    said = terminal.refused("sync")
    assert "cannot be reached" in said
    assert "run again later" in said
    terminal.run("queue", "ls")

    ports = [env[name].rsplit(":", 1)[1] for name in ("SF_LOGIN_URL", "XERO_API_BASE")]
    other = tmp_path / "other.yaml"
    other.write_text(SMALL_FIRM.read_text().replace("seed: 7", "seed: 8"))
    with emulators(tmp_path, other, ports):
        said = terminal.refused("sync")
        assert "crossfoot connect" in said
