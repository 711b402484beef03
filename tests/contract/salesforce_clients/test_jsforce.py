"""jsforce, unmodified and over real HTTP: ``node/session.js`` uses it once, the tests judge what it saw (SF 10.2)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crossfoot.emulators.host import VENDORS, Host

from .conftest import served

NODE = Path(__file__).parent / "node"
FILES = ("package.json", "package-lock.json", "session.js")
PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which npm has installed the library at the locked version."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js with npm is not installed, so jsforce cannot be tried.")
    folder = tmp_path_factory.mktemp("node")
    for name in FILES:
        shutil.copy(NODE / name, folder)
    run(["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"], folder, dict(os.environ))
    return folder


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    running = served(tmp_path_factory.mktemp("salesforce"), "", "")
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def seen(library: Path, host: Host) -> dict[str, Any]:
    world: Any = host.worlds.salesforce.world
    known = world.credentials()
    env = {name: known[name] for name in ("username", "password", "access_token")}
    env |= {"clientId": known["consumer_key"], "clientSecret": known["consumer_secret"]}
    env |= {"security_token": world.settings["security_token"]}
    direct = {name: value for name, value in os.environ.items() if name.lower() not in PROXIES}
    told = run(["node", "session.js", host.urls["salesforce"], json.dumps(env)], library, direct)
    answer: dict[str, Any] = json.loads(told)
    return answer


def run(command: list[str], folder: Path, env: dict[str, str]) -> str:
    """The output of a command that must succeed."""
    ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=180, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_login_by_soap_and_logout(seen: dict[str, Any], host: Host) -> None:
    soap = seen["soap"]
    assert soap["organization"] == VENDORS["salesforce"].credentials(host.worlds.salesforce.world, None)["org_id"]
    assert (soap["username"], soap["instance"]) == (host.env()["SF_USERNAME"], host.urls["salesforce"])
    assert soap["wrong"]["message"].startswith("INVALID_LOGIN: Invalid username")
    assert soap["gone"]["message"].startswith("UNSUPPORTED_API_VERSION")
    assert soap["after"]["code"] == "INVALID_SESSION_ID"


def test_login_in_a_browser_with_pkce_and_renewal(seen: dict[str, Any], host: Host) -> None:
    web = seen["web"]
    assert web["identity"] == host.env()["SF_USERNAME"]
    assert (web["renewed"], web["after"]) == (True, "Harbour Point Advisory")
    assert web["ended"]["code"] == "INVALID_SESSION_ID"
    assert web["machine"] == host.env()["SF_USERNAME"]
    assert web["typed"] == web["organization"]


def test_a_row_from_creation_to_deletion(seen: dict[str, Any], host: Host) -> None:
    row = seen["row"]
    assert (row["success"], row["site"], row["owner"]) == (True, "Wharf", host.env()["SF_USERNAME"])
    assert row["gone"]["code"] == "ENTITY_IS_DELETED"
    assert [each["IsDeleted"] for each in row["deleted"]] == [True]
    assert row["refused"]["code"] == "REQUIRED_FIELD_MISSING"


def test_an_upsert_tells_whether_it_created(seen: dict[str, Any]) -> None:
    assert seen["upserts"] == [{"success": True, "created": True}, {"success": True, "created": False}]


def test_arrays_become_collections_with_an_outcome_each(seen: dict[str, Any]) -> None:
    assert seen["made"] == {"good": 450, "bad": ["REQUIRED_FIELD_MISSING"]}
    assert seen["updated"] == 450
    assert (seen["destroyed"], seen["left"]) == ([True] * 3, 447)


def test_pages_by_locator_and_all_of_them_at_once(seen: dict[str, Any]) -> None:
    assert seen["pages"] == {"total": 450, "first": 200, "second": 200}
    assert seen["fetched"] == {"count": 450, "first": "J0000", "last": "J0449"}


def test_bulk_2_loads_rows_and_reads_them_back(seen: dict[str, Any]) -> None:
    names = [f"K{number}" for number in range(30)]
    assert (seen["bulk"]["good"], seen["bulk"]["unprocessed"]) == (names, 0)
    assert seen["bulk"]["bad"] == ["REQUIRED_FIELD_MISSING"]
    assert [each["Name"] for each in seen["bulk"]["read"]] == sorted(names)
    assert {each["Site"] for each in seen["bulk"]["read"]} == {'Dock, "East"'}


def test_describe_limits_and_a_malformed_query(seen: dict[str, Any]) -> None:
    assert {"Account", "Opportunity", "Xero_Invoice__c"} <= set(seen["objects"])
    assert (seen["stage"]["type"], seen["stage"]["nillable"]) == ("picklist", False)
    assert "Closed Won" in seen["stage"]["values"]
    assert (seen["limits"], seen["usage"]) == (100_000, 100_000)
    assert seen["malformed"]["code"] == "INVALID_FIELD"
