"""A public Node client of the Pub/Sub API, unmodified and over TLS, reads and publishes events (SF 10.2)."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crossfoot.emulators.salesforce.events.pubsub import PubSubSettings
from crossfoot.emulators.salesforce.schema import declaration

from .conftest import ORDER_SHIPPED
from .test_pubsub_grpc import ACCOUNTS, SHIPPED, Office, make_certificate

NODE = Path(__file__).parent / "node"
FILES = ("package.json", "package-lock.json", "session.js")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which npm has installed the client at the locked version."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js with npm is not installed, so the Node client cannot be tried.")
    folder = tmp_path_factory.mktemp("node")
    for name in FILES:
        shutil.copy(NODE / name, folder)
    run(["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
    return folder


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    certificate, key = make_certificate(tmp_path_factory.mktemp("tls"))
    made = Office(PubSubSettings(certificate=certificate, key=key))
    yield made
    made.host.stop()


def run(command: list[str], folder: Path) -> list[Any]:
    """The lines that a command printed, as JSON where they are; it must succeed."""
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]


def session(client: Path, office: Office, topic: str, wanted: int, *more: str) -> list[Any]:
    metadata = office.metadata
    words = [office.env["SF_PUBSUB_ENDPOINT"], metadata["accesstoken"], metadata["tenantid"], topic, str(wanted), *more]
    return run(["node", "session.js", *words], client)


def test_it_reads_changes_with_their_bitmaps_and_resumes(client: Path, office: Office) -> None:
    made = office.create("Acme")
    office.rest(
        "PATCH",
        f"/services/data/v66.0/sobjects/Account/{made}",
        {"Phone": "1", "BillingCity": "Perth", "Name": "Acme 2"},
    )
    (seen,) = session(client, office, ACCOUNTS, 2)
    created, updated = (each["payload"] for each in seen["events"])
    assert (created["Name"], created["ChangeEventHeader"]["changeType"]) == ("Acme", "CREATE")
    header = updated["ChangeEventHeader"]
    assert (header["changeType"], header["recordIds"], header["nulledFields"]) == ("UPDATE", [made], [])
    assert {"Name", "Phone", "BillingAddress.City"} <= set(header["changedFields"])
    assert (updated["Phone"], updated["BillingAddress"]["City"]) == ("1", "Perth")
    office.create("Later")
    (after,) = session(client, office, ACCOUNTS, 1, str(seen["last"]))
    assert after["events"][0]["payload"]["Name"] == "Later"


def test_it_tells_a_position_that_is_gone(client: Path, office: Office) -> None:
    (seen,) = session(client, office, ACCOUNTS, 1, "12345")
    assert "INVALID_ARGUMENT" in seen["error"]


def test_it_publishes(client: Path, office: Office) -> None:
    office.world.declare(declaration(ORDER_SHIPPED))
    integration = office.world.sessions[office.metadata["accesstoken"]]
    integration["user"] = office.world.grants["admin"]
    published, seen = session(client, office, SHIPPED, 1)
    assert published["published"]["correlationKey"] == "my-key"
    assert seen["events"][0]["payload"]["Number__c"] == "9"
