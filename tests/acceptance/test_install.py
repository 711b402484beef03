"""The package goes in and out by the command line, against the emulator over TCP."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest

from crossfoot.cli.package import ADMIN_TOKEN
from crossfoot.emulators.salesforce.settings import DEFAULT_SETTINGS

from .command_line import Terminal, emulators

LOGIN = """<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Body>
<login xmlns="urn:partner.soap.sforce.com"><username>{user}</username><password>{password}</password></login>
</env:Body></env:Envelope>"""


def administrator(env: dict[str, str]) -> str:
    """A session of the org's administrator, as another tool would get it."""
    body = LOGIN.format(user=DEFAULT_SETTINGS["admin_username"], password=env["SF_PASSWORD"])
    headers = {"Content-Type": "text/xml", "SOAPAction": "login"}
    answer = httpx2.post(f"{env['SF_LOGIN_URL']}/services/Soap/u/59.0", content=body, headers=headers, trust_env=False)
    found = re.search(r"<sessionId>([^<]+)</sessionId>", answer.text)
    assert found is not None, answer.text
    return found[1]


@pytest.mark.promise("S3-01")
def test_the_package_is_looked_at_installed_and_only_taken_out_on_the_typed_name(tmp_path: Path) -> None:
    with emulators(tmp_path) as env:
        terminal = Terminal(tmp_path, env)
        terminal.init()
        apps = tmp_path / "apps.env"
        apps.write_text(apps.read_text() + f"{ADMIN_TOKEN}={administrator(env)}\n")
        install = ("connect", "salesforce", "--install", "--env-file", str(apps))

        looked = terminal.json(*install, "--dry-run")
        assert looked["changes"] == 0
        assert {each["state"] for each in looked["components"]} == {"create", "change", "unchanged"}

        assert "changes made" in terminal.run(*install).out
        assert terminal.json(*install)["changes"] == 0

        removal = ("uninstall", "--env-file", str(apps))
        lost = terminal.json(*removal, "--dry-run")
        assert {each["object"] for each in lost["losses"]} >= {"Xero_Invoice__c"}
        assert "Nothing was changed" in terminal.refused(*removal, "--yes", "--name", "Another org")
        assert terminal.json(*install)["changes"] == 0
        assert terminal.json(*removal, "--name", lost["org"])["removed"] > 0
        rows = terminal.soql("SELECT Name FROM PermissionSet WHERE Name = 'Crossfoot_Integration'")
        assert rows == []
