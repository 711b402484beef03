"""The engine killed for real, at any moment, as often as one likes: every counting deal ends with exactly one invoice.

Both emulators run as a process of their own over TCP; ``crossfoot sync`` is started and killed with SIGKILL after a
random time, while answers are lost on the wire. What is compared at the end are the two vendors' APIs.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

KILLS = int(os.environ.get("CROSSFOOT_KILLS", "14"))
SEED = int(os.environ.get("CROSSFOOT_KILL_SEED", "0")) or random.SystemRandom().randrange(10**6)
COUNTING = 112  # deals of the demo business that go without a person's decision


def crossfoot(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "crossfoot", *arguments]


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "XDG_CONFIG_HOME": str(home / "config")}


@pytest.fixture
def emulators(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Both emulators, up and loaded; their env file as a mapping."""
    env_file = tmp_path / "apps.env"
    up = crossfoot("emulator", "up", "--env-file", str(env_file), "--salesforce-port", "0", "--xero-port", "0")
    with subprocess.Popen(up, env=environment(tmp_path), stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                if env_file.exists():
                    break
                time.sleep(0.1)
            yield dict(line.split("=", 1) for line in env_file.read_text().splitlines() if "=" in line)
        finally:
            process.terminate()


@pytest.fixture
def workspace(tmp_path: Path, emulators: dict[str, str]) -> Path:
    """A connected workspace."""
    home = tmp_path / "workspace"
    command = crossfoot("init", "-C", str(home), "--env-file", str(tmp_path / "apps.env"), "--yes")
    subprocess.run(command, env=environment(tmp_path), check=True, capture_output=True)
    return home


class Books:
    """Both vendors' APIs, asked without Crossfoot."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.client = httpx2.Client(timeout=60)

    def xero(self, path: str, **params: str) -> Any:
        """A read with the user's own token."""
        headers = {
            "Authorization": f"Bearer {self.env['XERO_ACCESS_TOKEN']}",
            "xero-tenant-id": self.env["XERO_TENANT_ID"],
            "Accept": "application/json",
        }
        answer = self.client.get(f"{self.env['XERO_API_BASE']}/api.xro/2.0/{path}", params=params, headers=headers)
        answer.raise_for_status()
        return json.loads(answer.content, parse_float=Decimal)

    def invoices(self) -> list[dict[str, Any]]:
        """Every sales invoice that carries a Salesforce id."""
        found = self.xero("Invoices", page="1", pageSize="1000", where='Type=="ACCREC"', unitdp="4")["Invoices"]
        return [invoice for invoice in found if self.env["SF_INSTANCE_URL"] in (invoice.get("Url") or "")]

    def deals(self) -> dict[str, dict[str, Any]]:
        """Every won deal by id."""
        fields = "Id, Name, Amount, CurrencyIsoCode, Whole_Deal_Discount__c, Xero_Invoice_Number__c, Xero_Status__c"
        answer = self.client.get(
            f"{self.env['SF_INSTANCE_URL']}/services/data/v62.0/query",
            params={"q": f"SELECT {fields} FROM Opportunity WHERE IsWon = TRUE"},
            headers={"Authorization": f"Bearer {self.env['SF_ACCESS_TOKEN']}"},
        )
        answer.raise_for_status()
        rows = json.loads(answer.content, parse_float=Decimal)["records"]
        return {row["Id"]: row for row in rows}

    def lose_answers(self, chance: random.Random) -> None:
        """Let some of the next writes be done but not answered."""
        for side, path in (
            ("XERO_API_BASE", "Invoices"),
            ("XERO_API_BASE", "Contacts"),
            ("SF_INSTANCE_URL", "composite"),
        ):
            if chance.random() < 0.5:
                fault = {
                    "match": {"method": "PATCH" if path == "composite" else "PUT", "path_contains": path},
                    "kind": chance.choice(["lost_response", "lost_request"]),
                    "times": 1,
                }
                self.client.post(f"{self.env[side]}/control/fault", json=fault).raise_for_status()

    def writes(self) -> int:
        """Writes that either vendor has received from apps."""
        total = 0
        for side in ("XERO_API_BASE", "SF_INSTANCE_URL"):
            log = self.client.get(f"{self.env[side]}/control/log").json()
            entries = log["entries"] if isinstance(log, dict) else log
            total += sum(
                1
                for entry in entries
                if entry["method"] in {"PUT", "POST", "PATCH", "DELETE"}
                and "/connect/token" not in entry["path"]
                and "oauth2" not in entry["path"]
                and not entry["path"].endswith(("/composite", "/composite/batch"))  # Crossfoot sends only reads there
            )
        return total


@pytest.fixture
def books(emulators: dict[str, str]) -> Iterator[Books]:
    """Both vendors' APIs; the sockets are let go at the end."""
    asked = Books(emulators)
    yield asked
    asked.client.close()


def sync(home: Path, base: Path) -> dict[str, Any]:
    """One undisturbed run."""
    done = subprocess.run(
        crossfoot("sync", "-C", str(home), "--json"), env=environment(base), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.promise("S0-39", "S1-59", "U-03")
def test_killed_at_any_moment_every_counting_deal_has_exactly_one_invoice(
    tmp_path: Path, workspace: Path, books: Books
) -> None:
    chance = random.Random(SEED)
    for _ in range(KILLS):
        books.lose_answers(chance)
        with subprocess.Popen(
            crossfoot("sync", "-C", str(workspace)),
            env=environment(tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            time.sleep(chance.uniform(0.4, 3.5))
            process.send_signal(signal.SIGKILL)
            process.wait()
    for side in ("XERO_API_BASE", "SF_INSTANCE_URL"):
        books.client.delete(f"{books.env[side]}/control/fault")
    sync(workspace, tmp_path)
    sync(workspace, tmp_path)
    invoices, deals = books.invoices(), books.deals()
    by_deal = Counter(invoice["Url"].rsplit("/", 1)[1] for invoice in invoices)
    assert set(by_deal.values()) == {1}, f"seed {SEED}: {by_deal.most_common(3)}"
    assert len(by_deal) == COUNTING, f"seed {SEED}: {len(by_deal)} deals have an invoice"
    for invoice in invoices:
        deal = deals[invoice["Url"].rsplit("/", 1)[1]]
        worth = Decimal(deal["Amount"]) - Decimal(deal["Whole_Deal_Discount__c"] or 0)
        cent = Decimal("0.01") if deal["Name"] == "Cent and Sons Bakers - Flour costing" else Decimal(0)
        assert abs(invoice["SubTotal"] - worth) <= cent, f"seed {SEED}: {deal['Name']}"
        assert deal["Xero_Invoice_Number__c"] in {invoice["InvoiceNumber"], None}
    contacts = books.xero("Contacts", page="1", pageSize="1000", includeArchived="true")["Contacts"]
    numbers = Counter(contact.get("ContactNumber") for contact in contacts if contact.get("ContactNumber"))
    assert set(numbers.values()) == {1}, f"seed {SEED}: a customer was made twice"


@pytest.mark.promise("S0-37")
def test_a_second_undisturbed_run_writes_nothing(tmp_path: Path, workspace: Path, books: Books) -> None:
    first = sync(workspace, tmp_path)
    assert first["created"] == COUNTING
    written = books.writes()
    second = sync(workspace, tmp_path)
    assert second["writes"] == 0
    assert books.writes() == written
