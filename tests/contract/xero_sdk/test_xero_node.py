"""The official Node SDK, unmodified and over real HTTP, works on the Xero emulator as on Xero (XERO 9.2).

``node/session.js`` uses the SDK once from consent to disconnection; the tests judge what it saw.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from crossfoot.emulators.host import Host

NODE = Path(__file__).parent / "node"
FILES = ("package.json", "package-lock.json", "session.js")
SCOPE = (
    "openid profile email offline_access accounting.contacts accounting.invoices accounting.settings "
    "accounting.attachments"
)


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which npm has installed the SDK at the locked version."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js with npm is not installed, so the official Node SDK cannot be tried.")
    folder = tmp_path_factory.mktemp("node")
    for name in FILES:
        shutil.copy(NODE / name, folder)
    run(["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
    return folder


@pytest.fixture(scope="module")
def seen(sdk: Path, host: Host) -> dict[str, Any]:
    env = host.env()
    # The id token's issuer must be the address at which the SDK discovered it.
    told = run(["node", "session.js", host.urls["xero"], env["XERO_CLIENT_ID"], env["XERO_CLIENT_SECRET"]], sdk)
    answer: dict[str, Any] = json.loads(told)
    return answer


def run(command: list[str], folder: Path) -> str:
    """The output of a command that must succeed."""
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_consent_gives_a_signed_id_token_and_the_scopes_asked_for(seen: dict[str, Any], host: Host) -> None:
    assert seen["claims"]["iss"] == host.urls["xero"]
    assert {"sub", "email", "xero_userid", "auth_time"} <= set(seen["claims"])
    assert set(seen["granted"]["scope"].split()) == set(SCOPE.split())
    assert seen["granted"]["expires_in"] in range(1700, 1801)


def test_a_code_serves_once(seen: dict[str, Any]) -> None:
    assert seen["reused_code"] == "invalid_grant"


def test_a_refresh_rotates_the_refresh_token(seen: dict[str, Any]) -> None:
    assert seen["rotated"]


def test_the_tenant_is_the_organisation_that_was_picked(seen: dict[str, Any]) -> None:
    assert seen["tenant"] == {"name": "Harbour Point Advisory", "type": "ORGANISATION", "currency": "AUD"}


def test_a_custom_connection_reaches_its_one_organisation_without_naming_it(seen: dict[str, Any]) -> None:
    assert seen["machine"]["name"] == "Harbour Point Advisory"
    assert {"access_token", "token_type", "scope"} <= set(seen["machine"]["tokens"])
    assert not {"refresh_token", "id_token"} & set(seen["machine"]["tokens"])


def test_a_contact_is_created_and_the_quota_headers_are_there(seen: dict[str, Any]) -> None:
    assert seen["contact"] == {"status": "ACTIVE", "groups": []}
    assert {"x-daylimit-remaining", "x-minlimit-remaining", "x-appminlimit-remaining"} <= set(seen["headers"])


def test_a_batch_is_answered_element_by_element(seen: dict[str, Any]) -> None:
    good, bad = seen["batch"]
    assert (good["hasErrors"], good["total"]) == (False, 110.06)
    assert bad["hasErrors"]


def test_invoices_are_listed_by_page_with_real_dates(seen: dict[str, Any]) -> None:
    assert seen["invoice"] == {"status": "AUTHORISED", "due": 110.06, "stamped": True}
    assert seen["page"] == {"page": 1, "pageSize": 100, "pageCount": 1, "itemCount": 1}


def test_a_refusal_is_thrown_as_a_json_string_that_holds_the_validation_errors(seen: dict[str, Any]) -> None:
    refused = seen["refused"]
    assert (refused["thrown"], refused["status"]) == ("string", 400)
    assert refused["body"]["ErrorNumber"] == 10
    assert refused["body"]["Elements"][0]["ValidationErrors"][0]["Message"]


def test_what_is_not_there_is_404(seen: dict[str, Any]) -> None:
    assert (seen["missing"]["thrown"], seen["missing"]["status"]) == ("string", 404)


def test_a_contact_joins_a_group_and_leaves_it(seen: dict[str, Any]) -> None:
    assert seen["group"] == {"members": ["Around Pty Ltd"], "left": 0}


def test_the_history_of_an_invoice(seen: dict[str, Any]) -> None:
    assert [row["changes"] for row in seen["history"]] == ["Note", "Approved", "Created"]
    assert all(row["stamped"] for row in seen["history"])


def test_a_file_comes_back_byte_for_byte(seen: dict[str, Any]) -> None:
    assert seen["attachment"] == {"uploaded": 1, "name": "plan.png", "type": "image/png", "same": True}


def test_a_customer_gets_a_link_and_a_pdf_but_no_email_from_a_demo_company(seen: dict[str, Any]) -> None:
    assert seen["customer"]["url"].startswith("https://in.xero.com/")
    assert seen["customer"]["pdf"] == "%PDF-"
    assert (seen["email"]["thrown"], seen["email"]["status"]) == ("string", 400)


def test_a_disconnected_organisation_is_forbidden(seen: dict[str, Any]) -> None:
    assert seen["left"] == 0
    assert seen["disconnected"]["status"] == 403
    assert seen["disconnected"]["body"]["Detail"] == "AuthenticationUnsuccessful"
