"""The real ``crossfoot`` as processes: the emulators of a small firm over TCP, and the command in a workspace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote_plus

import httpx2

SMALL_FIRM = Path(__file__).parent / "small_firm.yaml"
READY_S_MAX = 60
_READ_PATHS = ("/composite", "/composite/batch", "/token")


def crossfoot(*arguments: str) -> list[str]:
    """The command as a process is given it."""
    return [sys.executable, "-m", "crossfoot", *arguments]


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str


@contextmanager
def emulators(home: Path, scenario: Path = SMALL_FIRM, ports: Sequence[str] = ("0", "0")) -> Iterator[dict[str, str]]:
    """Both emulators as a process; their env file is ``apps.env`` in ``home``, and what it says is given."""
    env_file = home / "apps.env"
    env_file.unlink(missing_ok=True)
    up = crossfoot("emulator", "up", "--scenario", str(scenario), "--env-file", str(env_file))
    up += ["--salesforce-port", ports[0], "--xero-port", ports[1], "--pubsub-port", "0"]
    with subprocess.Popen(up, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            deadline = time.monotonic() + READY_S_MAX
            while not env_file.exists():
                assert process.poll() is None, process.stdout and process.stdout.read()
                assert time.monotonic() < deadline, "the emulators did not get ready"
                time.sleep(0.02)
            yield dict(line.split("=", 1) for line in env_file.read_text().splitlines())
        finally:
            process.terminate()
            process.communicate(timeout=30)


class Terminal:
    """Somebody at a terminal in a workspace directory."""

    def __init__(self, home: Path, env: dict[str, str]) -> None:
        self.home, self.env, self.workspace = home, env, home / "workspace"
        self.variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CROSSFOOT_")},
            "XDG_CONFIG_HOME": str(home / "config"),
            "BROWSER": "true",
            "COLUMNS": "200",
        }

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            crossfoot(*arguments),
            env={**self.variables, **variables},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, expect: int | None = 0, **variables: str) -> Said:
        """Run a command in the workspace to its end. It never ends in a stack trace."""
        process = self.start(*arguments, CROSSFOOT_WORKSPACE=str(self.workspace), **variables)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in out + err, err
        assert expect is None or process.returncode == expect, f"{arguments}: {process.returncode}\n{out}{err}"
        return Said(process.returncode, out, err)

    def json(self, *arguments: str, expect: int = 0) -> Any:
        """Run a command with ``--json``: what it says parses, and holds no number that lost its exact text."""
        return json.loads(self.run(*arguments, "--json", expect=expect).out, parse_float=_inexact)

    def refused(self, *arguments: str, expect: int = 1, **variables: str) -> str:
        """Run a command that must not succeed. It tells so in a few lines on stderr, with --json as JSON."""
        said = self.run(*arguments, expect=expect, **variables)
        assert said.err
        assert len(said.err.splitlines()) <= 6, said.err
        return said.err

    def init(self) -> Said:
        """Make the workspace."""
        return self.run("init", "--env-file", str(self.home / "apps.env"), "--yes")

    def entry(self, deal: str) -> Any:
        """What waits about a deal."""
        [found] = [entry for entry in self.json("queue", "ls") if entry["record"]["name"] == deal]
        return found

    # The vendors, without Crossfoot

    def person(self, side: str, method: str, path: str, body: Any = None, query: str = "") -> Any:
        """A person's request in one vendor's own pages."""
        base = self.env["SF_LOGIN_URL" if side == "salesforce" else "XERO_API_BASE"]
        wish = {"method": method, "path": path, "body": body, "query": query}
        answer = httpx2.post(f"{base}/control/person", json=wish, trust_env=False)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def soql(self, query: str) -> list[dict[str, Any]]:
        """Rows of a query."""
        path = "/services/data/v66.0/query"
        rows: list[dict[str, Any]] = self.person("salesforce", "GET", path, query=f"q={quote_plus(query)}")["records"]
        return rows

    def invoices(self) -> dict[str, dict[str, Any]]:
        """Sales invoices in Xero by number."""
        query = "where=Type==%22ACCREC%22&page=1&pageSize=100"
        found = self.person("xero", "GET", "/Invoices", query=query)["Invoices"]
        return {invoice["InvoiceNumber"]: invoice for invoice in found}

    def writes(self) -> int:
        """How many of the app's requests may have changed a record, on either side."""
        count = 0
        for name in ("SF_LOGIN_URL", "XERO_API_BASE"):
            log = httpx2.get(f"{self.env[name]}/control/log", trust_env=False).json()
            entries = log.get("entries", log.get("log"))
            count += sum(e["method"] != "GET" and not e["path"].endswith(_READ_PATHS) for e in entries)
        return count


def _inexact(text: str) -> NoReturn:
    raise AssertionError(f"{text} is a bare number in JSON; amounts are exact text")
