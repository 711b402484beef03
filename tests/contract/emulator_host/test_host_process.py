"""The emulators as a process: started, killed and started again on the same state."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

START = "from crossfoot.cli.emulator import app; app()"
SCENARIO = """
clock: 2026-11-20T01:30:00Z
start_date: 2026-10-01
xero: {Contacts: [{Name: Acme}]}
salesforce: {Account: [{Name: Acme}]}
"""
ready_s_max = 30


@contextmanager
def running(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The emulators on free ports, and the content of their env file."""
    env_file = folder / "emulators.env"
    env_file.unlink(missing_ok=True)
    command = [sys.executable, "-c", START, "up", "--salesforce-port", "0", "--xero-port", "0", "--pubsub-port", "0"]
    process = subprocess.Popen(
        [*command, "--env-file", str(env_file), *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        deadline = time.monotonic() + ready_s_max
        while not env_file.exists():
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < deadline, "the emulators did not get ready"
            time.sleep(0.02)
        yield process, dict(line.split("=", 1) for line in env_file.read_text().splitlines())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


def person(base: str, method: str, path: str, body: Any = None) -> Any:
    answer = httpx2.post(f"{base}/control/person", json={"method": method, "path": path, "body": body}, trust_env=False)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "office.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


def test_a_kill_loses_nothing_that_was_answered(tmp_path: Path, scenario: Path) -> None:
    options = ("--scenario", str(scenario), "--state", str(tmp_path / "state"))
    with running(tmp_path, *options) as (process, env):
        xero, salesforce = env["XERO_API_BASE"], env["SF_LOGIN_URL"]
        made = person(xero, "PUT", "/Contacts", {"Name": "Made just before the kill"})["Contacts"][0]
        record = person(salesforce, "POST", "/services/data/v66.0/sobjects/Account", {"Name": "Also made"})
        before = httpx2.get(f"{salesforce}/control/clock", trust_env=False).json()["now"]
        httpx2.post(f"{xero}/control/clock", json={"advance_s": 86400}, trust_env=False)
        process.kill()
    with running(tmp_path, *options) as (process, env):
        xero, salesforce = env["XERO_API_BASE"], env["SF_LOGIN_URL"]
        found = person(xero, "GET", f"/Contacts/{made['ContactID']}")["Contacts"][0]
        assert found["Name"] == "Made just before the kill"
        account = person(salesforce, "GET", f"/services/data/v66.0/sobjects/Account/{record['id']}")
        assert account["Name"] == "Also made"
        now = httpx2.get(f"{salesforce}/control/clock", trust_env=False).json()["now"]
        moved = datetime.fromisoformat(now) - datetime.fromisoformat(before)
        assert timedelta(days=1) <= moved < timedelta(days=1, minutes=1)
        assert len(person(xero, "GET", "/Contacts")["Contacts"]) == 2


def test_tokens_of_the_env_file_survive_a_clean_restart(tmp_path: Path, scenario: Path) -> None:
    options = ("--scenario", str(scenario), "--state", str(tmp_path / "state"))
    with running(tmp_path, *options) as (process, env):
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=10)
        assert process.returncode == 0, output
        assert "Nothing here touches a real account." in output
        assert output.endswith("Stopped.\n")
    with running(tmp_path, *options) as (_process, again):
        for name in ("SF_ACCESS_TOKEN", "XERO_REFRESH_TOKEN", "XERO_CLIENT_SECRET", "CROSSFOOT_START_DATE"):
            assert again[name] == env[name]
        answer = httpx2.get(
            f"{again['XERO_API_BASE']}/api.xro/2.0/Organisation",
            headers={
                "authorization": f"Bearer {env['XERO_ACCESS_TOKEN']}",
                "xero-tenant-id": env["XERO_TENANT_ID"],
                "accept": "application/json",
            },
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        answer = httpx2.get(
            f"{again['SF_INSTANCE_URL']}/services/data/v66.0/query?q=SELECT+Name+FROM+Account",
            headers={"authorization": f"Bearer {env['SF_ACCESS_TOKEN']}"},
            trust_env=False,
        )
        assert [row["Name"] for row in answer.json()["records"]] == ["Acme"]


def test_the_env_file_holds_every_name_and_is_private(tmp_path: Path) -> None:
    with running(tmp_path, "--scenario", "empty") as (_process, env):
        names = """
            SF_LOGIN_URL SF_INSTANCE_URL SF_CONSUMER_KEY SF_CONSUMER_SECRET SF_USERNAME SF_PASSWORD SF_ACCESS_TOKEN
            SF_REFRESH_TOKEN XERO_API_BASE XERO_IDENTITY_BASE XERO_CLIENT_ID XERO_CLIENT_SECRET XERO_TENANT_ID
            XERO_ACCESS_TOKEN XERO_REFRESH_TOKEN XERO_WEBHOOK_KEY SF_PUBSUB_ENDPOINT CROSSFOOT_START_DATE"""
        assert set(env) == set(names.split())
        assert all(env.values())
        assert (tmp_path / "emulators.env").stat().st_mode & 0o077 == 0


def test_an_access_token_that_ran_out_while_down_is_renewed(tmp_path: Path, scenario: Path) -> None:
    options = ("--scenario", str(scenario), "--state", str(tmp_path / "state"))
    with running(tmp_path, *options) as (process, env):
        httpx2.post(f"{env['XERO_API_BASE']}/control/clock", json={"advance_s": 3600}, trust_env=False)
        process.kill()
    with running(tmp_path, *options) as (_process, again):
        assert again["XERO_ACCESS_TOKEN"] != env["XERO_ACCESS_TOKEN"]
        assert again["XERO_REFRESH_TOKEN"] == env["XERO_REFRESH_TOKEN"]


def _refused(*options: str) -> str:
    command = [sys.executable, "-c", START, "up", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_busy_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        message = _refused("--scenario", "empty", "--xero-port", str(taken.getsockname()[1]), "--salesforce-port", "0")
    assert "already in use" in message
    assert message.count("\n") == 1


def test_a_refused_record_names_its_place_and_the_vendors_words(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(json.dumps({"xero": {"Contacts": [{"Name": "A"}, {"Name": "A"}]}}))
    message = _refused("--scenario", str(path), "--xero-port", "0", "--salesforce-port", "0")
    assert f"{path}: xero, Contacts, record 2: The contact name" in message
