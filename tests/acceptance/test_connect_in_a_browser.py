"""``crossfoot connect`` through the vendors' own consent pages, with a plain HTTP client as the browser."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from html import unescape
from urllib.parse import urljoin

import httpx2
import pytest

from .command_line import Terminal

PORT = 8912
OPEN_S_MAX = 30


def wait_for_page(process: subprocess.Popen[str]) -> str:
    """The address that the command prints for the person to open."""
    assert process.stderr
    for line in process.stderr:
        if line.startswith("http"):
            return line.strip()
    raise AssertionError("no address was printed")


def consent(address: str, **typed: str) -> httpx2.Response:
    """Open the page, fill the form in, send it, and follow the redirect to this machine."""
    with httpx2.Client(trust_env=False, timeout=OPEN_S_MAX) as browser:
        page = browser.get(address)
        assert page.status_code == 200, page.text
        filled = re.findall(r'<input (?:type="hidden" )?name="([^"]*)" value="([^"]*)">', page.text)
        [action] = re.findall(r'<form method="post" action="([^"]*)">', page.text)
        chosen = dict(re.findall(r'<select name="(\w+)"><option value="([^"]+)">', page.text))
        form = {unescape(name): unescape(value) for name, value in filled} | chosen | typed
        answer = browser.post(urljoin(address, action), data=form)
        assert answer.status_code == 302, answer.text
        back = answer.headers["location"]
        assert back.startswith(f"http://localhost:{PORT}/callback?")
        deadline = time.monotonic() + OPEN_S_MAX
        while True:
            try:
                return browser.get(back)
            except httpx2.ConnectError:  # the command prints the address just before it listens
                assert time.monotonic() < deadline
                time.sleep(0.05)


def connect(terminal: Terminal, side: str, *, env_file: str = "apps.env", **typed: str) -> tuple[int, str, str]:
    """Run ``crossfoot connect`` and consent. Exit status, what it said, and what it said of errors."""
    arguments = ("connect", side, "--env-file", env_file, "-C", str(terminal.workspace))
    with terminal.start(*arguments) as process:
        try:
            page = consent(wait_for_page(process), **typed)
            said = "Nothing was connected" if typed.get("decision") == "deny" else "Crossfoot has what it needs"
            assert f"{said}. You can close this page." in page.text
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, out, err


@pytest.mark.promise("S1-16")
def test_both_sides_are_connected_by_a_person_who_consents(terminal: Terminal) -> None:
    (terminal.home / "nothing.env").write_text("")
    terminal.run("init", "--env-file", "nothing.env", "--yes")

    with socket.create_server(("127.0.0.1", PORT)):
        said = terminal.refused("connect", "salesforce", "--env-file", "apps.env")
        assert f"Port {PORT} is in use" in said
    status, _, err = connect(terminal, "salesforce", decision="deny")
    assert (status, "Access was not granted: access_denied" in err) == (1, True)

    status, out, err = connect(
        terminal, "salesforce", username=terminal.env["SF_USERNAME"], password=terminal.env["SF_PASSWORD"]
    )
    assert (status, err) == (0, "")
    assert "Crossfoot asks Salesforce for:" in out
    assert "Connected: Harbour Point Advisory. Nothing has been written to it." in out
    status, out, err = connect(terminal, "xero", decision="allow")
    assert (status, err) == (0, "")
    assert "Connected: Lantern Advisory. Nothing has been written to it." in out

    terminal.run("init", "--start-date", "2026-11-01", "--yes")
    assert terminal.json("sync")["created"] == 3
    assert "SF-D-00002" in terminal.invoices()


def test_the_organisation_is_the_one_picked_at_consent_and_access_to_it_can_be_ended(terminal: Terminal) -> None:
    """Nobody names the organisation: what the person picked on Xero's page is meant, and nothing is asked twice."""
    (terminal.home / "nothing.env").write_text("")
    terminal.run("init", "--env-file", "nothing.env", "--yes")
    apps = (terminal.home / "apps.env").read_text().splitlines()
    unnamed = [line for line in apps if not line.startswith("XERO_TENANT_ID=")]
    (terminal.home / "unnamed.env").write_text("\n".join(unnamed))
    status, out, err = connect(terminal, "xero", env_file="unnamed.env", decision="allow")
    assert (status, err) == (0, "")
    assert "Connected: Lantern Advisory." in out

    assert "Connected there: 'Lantern Advisory'" in terminal.refused("disconnect", "xero", "Lantern", "--yes")
    shown = terminal.run("disconnect", "xero", "Lantern Advisory", "--dry-run").out
    assert "Would delete the connection to Lantern Advisory at Xero" in shown
    assert "Nothing was changed." in shown
    done = terminal.json("disconnect", "xero", "lantern advisory", "--yes")
    assert done["steps"][0] == "delete the connection to Lantern Advisory at Xero"
    assert "Connected there: none" in terminal.refused("disconnect", "xero", "Lantern Advisory", "--yes")
