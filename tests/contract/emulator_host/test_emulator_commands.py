"""``crossfoot emulator fault|clock|log|state`` against running emulators."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from crossfoot.cli import emulator_control, emulator_remote
from crossfoot.cli.emulator import app
from crossfoot.emulators.host import Host, HostSettings

Run = Callable[..., Result]


@pytest.fixture
def env_file(tmp_path: Path) -> Iterator[Path]:
    """Both emulators, empty; where their env file is."""
    path = tmp_path / "commands.env"
    host = Host(HostSettings(scenario="empty", env_file=path))
    host.start()
    yield path
    host.stop()


@pytest.fixture
def run(env_file: Path) -> Run:
    def run(*words: str) -> Result:
        return CliRunner().invoke(app, [*words, "--env-file", str(env_file)])

    return run


def said(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def contact(env_file: Path, name: str, **headers: str) -> int:
    """A contact as the app creates it; the answer's status."""
    import httpx2

    env = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
    sent = {"authorization": f"Bearer {env['XERO_ACCESS_TOKEN']}", "xero-tenant-id": env["XERO_TENANT_ID"], **headers}
    url = f"{env['XERO_API_BASE']}/api.xro/2.0/Contacts"
    return httpx2.put(url, json={"Name": name}, headers=sent, trust_env=False).status_code


def test_faults_are_added_listed_struck_and_cleared(run: Run, env_file: Path) -> None:
    assert "No fault" in said(run("fault", "list"))
    shown = said(run("fault", "add", "status", "status=418", 'headers={"X-A": "b"}', "--method", "put", "--after", "1"))
    assert "status=418" in shown
    assert [contact(env_file, name) for name in "AB"] == [200, 418]
    said(run("fault", "add", "limit_day", "retry_after_s=72000", "--path", "/Contacts"))
    [found] = json.loads(said(run("fault", "list", "--json")))["faults"]
    assert (found["kind"], found["retry_after_s"], found["match"]["path_contains"]) == ("limit_day", 72000, "/Contacts")
    said(run("fault", "clear", "1"))
    assert contact(env_file, "C") == 200


def test_an_act_is_done_at_once(run: Run, env_file: Path) -> None:
    contact(env_file, "Acme")
    assert "No fault" in said(run("fault", "add", "contact_archived", "contact=Acme"))
    assert contact(env_file, "Acme") == 200, "an archived contact's name is free"


def test_the_kinds_are_listed_without_emulators() -> None:
    output = said(CliRunner().invoke(app, ["fault", "kinds"]))
    assert "lost_response  (on the wire)\n    The vendor commits, then the connection closes" in output
    assert "limit_minute" not in said(CliRunner().invoke(app, ["fault", "kinds", "--system", "salesforce"]))
    assert "settings" in json.loads(said(CliRunner().invoke(app, ["fault", "kinds", "--json"])))["slow"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fault", "add", "gremlin"], "kind must be one of lost_request, "),
        (["fault", "add", "slow", "seconds"], "'seconds' is no setting: write NAME=VALUE."),
        (["fault", "add", "slow", "seconds=soon"], "seconds does not read as a number"),
        (["fault", "add", "account_archived", "account=999"], "no such record in Accounts: 999"),
        (["clock", "advance", "tomorrow"], "'tomorrow' is no span of time"),
        (["clock", "set", "2020-01-01T00:00:00Z"], "The clock only turns forward."),
    ],
)
def test_what_cannot_be_is_one_sentence(run: Run, words: list[str], message: str) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_nobody_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setitem(emulator_remote.DEFAULT_PORTS, "xero", port)
    result = CliRunner().invoke(app, ["fault", "list", "--json"])
    assert result.exit_code == 1
    message = json.loads(result.stderr)["error"]["message"]
    assert f"No xero emulator answers at http://127.0.0.1:{port}" in message
    assert "crossfoot emulator up" in message


def test_the_clock_turns_for_both(run: Run) -> None:
    before = json.loads(said(run("clock", "show", "--json")))["offset_s"]
    after = json.loads(said(run("clock", "advance", "1d12h", "--json")))["offset_s"]
    assert after - before == 36 * 3600
    assert said(run("clock", "set", "2099-01-01T00:00:00Z")).startswith("2099-01-01T00:00:0")


def test_the_log_shows_illegal_attempts_in_words_and_which_fault_struck(run: Run, env_file: Path) -> None:
    contact(env_file, "Acme")
    said(run("fault", "add", "lost_response", "--path", "/Contacts"))
    with pytest.raises(Exception, match="disconnected"):
        contact(env_file, "Beta")
    output = said(run("log"))
    assert output.count("PUT    /api.xro/2.0/Contacts") == 2
    assert "fault: lost_response" in output
    assert said(run("log", "--illegal")) == ""
    assert len(json.loads(said(run("log", "--json", "--last", "1")))["entries"]) == 1
    counts = json.loads(said(run("log", "--summary", "--json")))
    assert (counts["calls"], counts["by"]["PUT Contacts"]) == (2, 2)
    assert "bytes in" in said(run("log", "--summary"))


def test_an_illegal_attempt_says_so_without_colour(capsys: pytest.CaptureFixture[str]) -> None:
    entry = {
        "at": "2026-11-20T01:30:00",
        "status": 400,
        "method": "POST",
        "path": "/x",
        "illegal": "edit behind a lock",
    }
    emulator_control._show_entry(entry, as_json=False)
    assert "ILLEGAL: edit behind a lock" in capsys.readouterr().out


def test_following_shows_what_comes(run: Run, env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) > 2:
            raise KeyboardInterrupt
        contact(env_file, f"Contact {len(pauses)}")

    monkeypatch.setattr(emulator_control, "sleep", pause)
    result = run("log", "--follow", "--json")
    entries = [json.loads(line) for line in result.stdout.splitlines()]
    assert [entry["method"] for entry in entries] == ["PUT", "PUT"]
    assert result.exit_code == 130


@pytest.mark.parametrize("name", ["saved", "saved.json"])
def test_a_state_is_saved_and_loaded(run: Run, env_file: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    contact(env_file, "Before")
    said(run("state", "save", str(target)))
    written = target if target.suffix else target / "snapshot.json"
    assert written.stat().st_mode & 0o077 == 0
    assert "exists already" in run("state", "save", str(target)).stderr
    contact(env_file, "After")
    assert "Addresses and tokens" in said(run("state", "load", str(target)))
    assert (contact(env_file, "After"), contact(env_file, "Before")) == (200, 400)


def test_emulators_start_from_a_saved_state(run: Run, env_file: Path, tmp_path: Path) -> None:
    contact(env_file, "Before")
    said(run("state", "save", str(tmp_path / "saved")))
    host = Host(HostSettings(scenario="empty", state=tmp_path / "saved", env_file=tmp_path / "again.env"))
    host.start()
    try:
        assert contact(tmp_path / "again.env", "Before") == 400
        refused = run("state", "load", str(tmp_path / "saved"))
        assert refused.exit_code == 1
        assert "came after its snapshot" in refused.stderr
    finally:
        host.stop()


def test_help_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from typer.testing import CliRunner; from crossfoot.cli.emulator import app\n"
        "for words in (['--help'], ['fault', '--help'], ['fault', 'add', '--help'], ['state', 'save', '--help']):\n"
        "    assert CliRunner().invoke(app, words).exit_code == 0\n"
        "print([name for name in sys.modules if name.startswith(('httpx2', 'crossfoot.emulators', 'cryptography'))])"
    )
    done: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
