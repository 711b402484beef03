"""The command line as a person at a terminal meets it, against both emulators over TCP."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from .command_line import SMALL_FIRM, Terminal, crossfoot, emulators

COMMANDS = (
    "init", "connect", "doctor", "plan", "apply", "sync", "status", "runs", "undo", "go-live", "tieout", "explain",
    "demo", "queue", "queue ls", "queue show", "queue retry", "queue ignore", "queue link", "queue not-same", "audit",
    "audit verify", "emulator", "emulator up",
)  # fmt: skip
HEAVY = ("sqlalchemy", "httpx2", "pydantic", "rich", "cryptography", "alembic", "ruamel", "rapidfuzz")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_answers_and_gives_an_example(command: str) -> None:
    """In this process: what a person reads, without starting the command."""
    from typer.testing import CliRunner

    from crossfoot.cli.app import app

    said = CliRunner().invoke(app, [*command.split(), "--help"])

    assert said.exit_code == 0
    assert "Usage:" in said.output
    if command and command not in {"queue", "audit", "emulator"}:
        assert "Example: crossfoot" in said.output


def test_help_lists_every_command_and_loads_nothing_heavy() -> None:
    script = (
        "import sys\nsys.argv = ['crossfoot', '--help']\nfrom crossfoot.cli import main\n"
        f"try: main()\nfinally: print('LOADED', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert "LOADED []" in said.stdout
    for command in COMMANDS:
        assert command.split()[0] in said.stdout


@pytest.mark.promise("S3-68", "S1-12", "S3-02", "N-23")
def test_the_first_hour_from_init_to_a_second_sync_that_writes_nothing(terminal: Terminal) -> None:
    said = terminal.init()
    settings = (terminal.workspace / "crossfoot.yaml").read_text()
    assert said.out.rstrip().endswith("Nothing has been written to Salesforce or Xero.")
    assert "start_date: 2026-11-01 " in settings  # CROSSFOOT_START_DATE of the env file
    assert len(settings.splitlines()) <= 60

    assert "Nothing was written to either side." in terminal.run("doctor").out
    planned = terminal.run("plan", expect=2).out
    assert planned.startswith("5 wins since 2026-11-01, 3 drafts would be made, 2 wait")
    assert "1 earlier wins are left alone (AUD 8,000.00)" in planned
    assert terminal.writes() == 0

    done = terminal.run("sync").out
    assert "Planned 3 invoices: 3 created, 0 updated, 0 refused; 3 read back as meant." in done
    assert {number: invoice["Status"] for number, invoice in terminal.invoices().items() if number[:2] == "SF"} == {
        "SF-D-00002": "DRAFT",
        "SF-D-00003": "DRAFT",
        "SF-D-00006": "DRAFT",
    }

    before = terminal.writes()
    assert "Nothing had to be written." in terminal.run("sync").out
    assert terminal.writes() == before
    assert "3 drafts" not in terminal.run("plan").out
    assert "Last run: sync" in terminal.run("status").out


def test_a_start_date_on_the_command_line_beats_the_env_file(terminal: Terminal) -> None:
    terminal.run("init", "--env-file", "apps.env", "--start-date", "2026-11-15", "--yes")
    assert "start_date: 2026-11-15 " in (terminal.workspace / "crossfoot.yaml").read_text()
    [document] = terminal.json("plan", expect=2)["documents"]
    assert (document["name"], document["ex_tax"]) == ("Second audit", "8600.00")


def test_a_question_that_nobody_answers_says_how_to_agree_beforehand(synced: Terminal) -> None:
    synced.run("plan", "--out", "later.plan", expect=None)
    assert "Not agreed to" in synced.refused("apply", "later.plan")
    assert "give --yes" in synced.refused("undo", synced.json("runs")[0]["id"])
    assert "give --name" in synced.refused("go-live")


def test_a_command_that_asks_first_does_nothing_for_a_machine_that_did_not_agree(synced: Terminal) -> None:
    synced.run("plan", "--out", "later.plan", expect=None)
    before, run = synced.writes(), synced.json("runs")[0]["id"]
    asking = (("apply", "later.plan"), ("undo", run), ("disconnect", "xero", "Lantern Advisory"))

    said = [json.loads(synced.refused(*command, "--json"))["error"] for command in asking]

    assert [error["code"] for error in said] == ["declined"] * 3
    assert synced.writes() == before
    assert "Connected there: 'Lantern Advisory'" in synced.refused("disconnect", "xero", "nobody", "--yes")


@pytest.mark.promise("S0-77", "S1-53")
def test_init_asks_what_it_cannot_know_and_writes_the_answers_down(terminal: Terminal) -> None:
    env_file = terminal.home / "undated.env"
    told = (terminal.home / "apps.env").read_text().splitlines()
    env_file.write_text("\n".join(line for line in told if not line.startswith("CROSSFOOT_START_DATE")))
    asking = crossfoot("init", "-C", str(terminal.workspace), "--env-file", str(env_file))
    answers = "2026-11-05\ny\n260\n21\n"
    said = subprocess.run(
        asking, env=terminal.variables, cwd=terminal.home, input=answers, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
    settings = (terminal.workspace / "crossfoot.yaml").read_text()
    for line in ("start_date: 2026-11-05", "prices: inc_tax", 'account: "260"', "due_days: 21"):
        assert line in settings
    assert "Tax basis" in terminal.run("doctor", expect=1).out  # prices with tax do not fit this ledger


def test_without_a_key_nothing_connects_and_the_message_says_how(terminal: Terminal) -> None:
    init = ("init", "--env-file", "apps.env", "--yes", "--no-key")
    assert "CROSSFOOT_KEY_FILE" in terminal.refused(*init)

    terminal.init()  # makes the key file, outside the workspace and for nobody else's eyes

    [key_file] = (terminal.home / "config").rglob("*.key")
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert not list(terminal.workspace.rglob("*.key"))


def test_a_plan_is_saved_reviewed_and_applied(terminal: Terminal) -> None:
    terminal.init()
    said = terminal.run("plan", "--out", "november.plan", expect=2)
    assert "Send it with `crossfoot apply november.plan`" in said.out
    assert terminal.writes() == 0

    report = terminal.json("apply", "november.plan", "--yes")
    assert (report["created"], report["left_out"]) == (3, [])
    assert terminal.json("apply", "november.plan", "--yes")["writes"] == 0
    assert "To Xero organisation Lantern Advisory (test)" in terminal.run("apply", "november.plan", "--yes").out


def test_strict_stops_all_with_exit_status_2_when_a_document_moved(terminal: Terminal) -> None:
    terminal.init()
    terminal.run("plan", "--out", "november.plan", expect=2)
    [line] = terminal.soql("SELECT Id, UnitPrice FROM OpportunityLineItem WHERE Opportunity.Name = 'Annual audit'")
    path = f"/services/data/v66.0/sobjects/OpportunityLineItem/{line['Id']}"
    terminal.person("salesforce", "PATCH", path, {"Quantity": 2, "UnitPrice": line["UnitPrice"]})

    assert "Annual audit" in terminal.refused("apply", "november.plan", "--yes", "--strict", expect=2)
    assert terminal.writes() == 0
    assert "Left out, it changed since the plan: Annual audit" in terminal.run("apply", "november.plan", "--yes").out
    assert sorted(terminal.invoices()) == ["INV-0001", "SF-D-00003", "SF-D-00006"]


@pytest.mark.promise("S0-42", "S1-55")
def test_the_queue_is_worked_from_the_terminal(terminal: Terminal) -> None:
    terminal.init()
    terminal.run("sync")
    listed = terminal.run("queue", "ls").out
    assert listed.index("Training") < listed.index("Contract review")  # biggest money first

    training = terminal.entry("Training")
    assert (Decimal(training["amount"]), training["who_fixes_it"]) == (Decimal("1250.00"), "finance")
    shown = terminal.run("queue", "show", str(training["entry"])).out
    assert "INV-0001" in shown
    assert "AUD 1,250.00" in shown

    later = (date.today() + timedelta(days=30)).isoformat()  # noqa: DTZ011 - the command counts days as this machine does
    contract = str(terminal.entry("Contract review")["entry"])
    terminal.run("queue", "ignore", contract, "--reason", "asked the client", "--until", later)
    assert "Contract review" not in terminal.run("queue", "ls").out
    assert "asked the client" in terminal.run("queue", "show", contract).out
    assert "Contract review" in terminal.run("queue", "ls", "--all").out
    assert terminal.json("queue", "not-same", contract)["reason"] == "contact_similar"
    terminal.run("queue", "link", str(training["entry"]))

    report = terminal.json("sync")

    assert (report["created"], report["contacts"]) == (1, 1)
    [name] = terminal.json("queue", "ls")  # Acme in Salesforce, Acme Pty Ltd in Xero: neither is overwritten unasked
    assert name["reason"] == "field_conflict"
    terminal.run("queue", "choose", str(name["entry"]), "--field", "Name", "--side", "salesforce")
    terminal.run("sync")
    assert terminal.run("queue", "ls").out.strip() == "Nothing waits."
    assert terminal.json("explain", "Training")["invoice"]["number"] == "INV-0001"
    story = terminal.run("explain", "Training").out
    assert "made by people" in story
    assert f"queue link  entry {training['entry']}" in story
    assert "they are different" in terminal.run("queue", "unlink", str(training["entry"])).out
    assert terminal.json("sync")["created"] == 1


def test_the_tie_out_ends_with_2_while_a_new_win_has_no_invoice(terminal: Terminal) -> None:
    terminal.init()
    terminal.run("sync")
    assert "Unexplained: 0.00." in terminal.run("tieout").out
    win = {"Name": "Third audit", "StageName": "Closed Won", "CloseDate": "2026-11-17", "Amount": 500}
    [account] = terminal.soql("SELECT AccountId FROM Opportunity WHERE Name = 'Second audit'")
    path = "/services/data/v66.0/sobjects/Opportunity"
    terminal.person("salesforce", "POST", path, {**win, "AccountId": account["AccountId"]})

    found = terminal.json("tieout", expect=2)

    assert found["unexplained"] is True
    [row] = [row for row in found["rows"] if row["unexplained"] != "0.00"]
    assert (row["month"], row["unexplained"]) == ("2026-11", "500.00")
    assert [difference["deal_name"] for difference in row["without_a_name"]] == ["Third audit"]
    assert "UNEXPLAINED" in terminal.run("tieout", expect=2).out
    terminal.run("sync")
    assert terminal.json("tieout")["unexplained"] is False


def test_a_run_is_undone_and_asked_for_again_under_the_next_number(terminal: Terminal) -> None:
    terminal.init()
    run = terminal.json("sync")["run"]
    assert [found["id"] for found in terminal.json("runs")] == [run]

    undone = terminal.json("undo", run, "--yes")

    assert sorted(undone["deleted"]) == ["SF-D-00002", "SF-D-00003", "SF-D-00006"]
    assert {kept["what"].split()[0] for kept in undone["kept"]} == {"Contact", "Item"}
    terminal.run("sync")
    terminal.run("queue", "retry", str(terminal.entry("Advice")["entry"]))
    assert terminal.json("sync")["created"] == 1
    assert terminal.invoices()["SF-D-00003-2"]["Status"] == "DRAFT"


@pytest.mark.promise("S1-76", "N-14")
def test_a_changed_audit_log_is_found_out(terminal: Terminal) -> None:
    terminal.init()
    terminal.run("sync")
    assert terminal.json("audit", "verify")["holds"] is True
    database = sqlite3.connect(terminal.workspace / ".crossfoot" / "crossfoot.db")
    tampering = "UPDATE audit SET actor = 'nobody' WHERE seq > 3"
    with pytest.raises(sqlite3.IntegrityError, match="append-only"), database:
        database.execute(tampering)
    guards = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    with database:  # whoever owns the file can take its guards away
        for name in guards:
            database.execute(f"DROP TRIGGER {name}")
        database.execute(tampering)
    database.close()

    found = terminal.json("audit", "verify", expect=1)

    assert found["holds"] is False
    assert "does NOT hold" in terminal.run("audit", "verify", expect=1).out


def test_on_a_live_pair_each_step_is_asked_for(tmp_path: Path) -> None:
    """Read-only, then its name typed, then a reviewed plan; only then sync writes."""
    text = SMALL_FIRM.read_text().replace("{Name: Lantern Advisory}", "{Name: Lantern Advisory, IsDemoCompany: false}")
    scenario = tmp_path / "live.yaml"
    scenario.write_text(text.replace("\nsalesforce:\n", "\nsalesforce:\n  $settings: {is_sandbox: false}\n"))
    with emulators(tmp_path, scenario) as env:
        terminal = Terminal(tmp_path, env)
        made = terminal.json("init", "--env-file", "apps.env", "--yes")
        assert (made["salesforce"]["is_sandbox"], made["xero"]["is_demo"]) == (False, False)

        assert "is live and read-only" in terminal.refused("sync", "--yes", expect=2)
        assert "is not 'Lantern Advisory'" in terminal.refused("go-live", "--name", "Lantern", expect=2)
        assert terminal.json("go-live", "--name", "Lantern Advisory")["live"] is True
        assert "by a reviewed plan" in terminal.refused("sync", "--yes", expect=2)
        assert terminal.writes() == 0
        terminal.run("plan", "--out", "first.plan", expect=2)
        assert terminal.json("apply", "first.plan", "--yes")["created"] == 3
        terminal.run("sync")


@pytest.mark.parametrize(
    ("command", "status"),
    [("doctor", 0), ("plan", 0), ("sync", 0), ("status", 0), ("runs", 0), ("queue ls", 0), ("tieout", 0),
     ("explain Advice", 0), ("audit verify", 0)],
)  # fmt: skip
def test_every_report_speaks_json_with_amounts_as_exact_text(synced: Terminal, command: str, status: int) -> None:
    body = synced.json(*command.split(), expect=status)
    assert body
    amounts = [text for text in _texts(body) if text.replace(".", "", 1).isdigit() and "." in text]
    assert all(Decimal(text) == Decimal(text).quantize(Decimal("0.0001")) for text in amounts)
    if command == "tieout":
        assert "18429.46" in amounts


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


def test_errors_speak_json_too(synced: Terminal) -> None:
    error = json.loads(synced.refused("queue", "show", "99", "--json"))
    assert error["error"]["message"].startswith("There is no queue entry 99")


def test_the_workspace_is_the_current_directory_unless_told(synced: Terminal) -> None:
    process = synced.start("status", "-C", str(Path("workspace")))
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, "Lantern Advisory (demo company)" in out) == (0, True)
