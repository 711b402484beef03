"""Running emulators as the commands reach them: where they are, and one question to their control plane."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

DEFAULT_PORTS = {"salesforce": 8091, "xero": 8092}
ENV_NAMES = {"salesforce": "SF_LOGIN_URL", "xero": "XERO_API_BASE"}
answer_s_max = 10
state_s_max = 600


class System(StrEnum):
    """Which of the two emulators."""

    SALESFORCE = "salesforce"
    XERO = "xero"


SystemOption = Annotated[System, typer.Option("--system", help="Which emulator.")]
UrlOption = Annotated[str, typer.Option("--url", help="Where that emulator is, if not at its usual port.")]
EnvFileOption = Annotated[
    Path | None, typer.Option("--env-file", help="The file that `crossfoot emulator up --env-file` wrote; says where.")
]


@dataclass(frozen=True, slots=True)
class Remote:
    """The control plane of one running emulator."""

    system: str
    url: str

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One question, answered in JSON. Raises Rejected with the emulator's own words."""
        sent = None if body is None else json.dumps(body).encode()
        return json.loads(self.send(method, path, sent, answer_s_max))

    def send(self, method: str, path: str, content: bytes | None, wait_s_max: float) -> bytes:
        """One question in bytes. Raises NeedsPerson when nobody listens there, Rejected when it is refused."""
        import ssl

        import httpx2

        from crossfoot.core.errors import NeedsPerson, Rejected

        # The system's certificates and SSL_CERT_FILE: emulators on https have a certificate of the user's own making.
        trusted = ssl.create_default_context()
        address = f"{self.url}/control{path}"
        try:
            answer = httpx2.request(
                method, address, content=content, timeout=wait_s_max, trust_env=False, verify=trusted
            )
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            raise NeedsPerson(
                f"No {self.system} emulator answers at {self.url} ({error}). Start it with `crossfoot emulator up`, "
                "or say with --url or --env-file where it is."
            ) from None
        if answer.status_code >= 400:
            raise Rejected(_words(answer.content), status=answer.status_code)
        return answer.content


def _words(body: bytes) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace") or "The emulator refused without a word."
    return str(told.get("error", told)) if isinstance(told, dict) else str(told)


def find_emulator(system: System, url: str, env_file: Path | None) -> Remote:
    """The emulator at ``url``, or where the env file says, or at its usual port on this machine."""
    from crossfoot.core.errors import NeedsPerson

    if url:
        return Remote(system, url.rstrip("/"))
    if env_file is None:
        return Remote(system, f"http://127.0.0.1:{DEFAULT_PORTS[system]}")
    found = _read_env(env_file).get(ENV_NAMES[system])
    if found is None:
        raise NeedsPerson(f"{env_file} does not name {ENV_NAMES[system]}: it was not written by the emulators.")
    return Remote(system, found.rstrip("/"))


def _read_env(env_file: Path) -> Mapping[str, str]:
    lines = env_file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)
