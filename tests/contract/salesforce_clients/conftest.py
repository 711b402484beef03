"""The emulator on a free port, plain and behind TLS, for clients that know nothing of Crossfoot."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from crossfoot.emulators.host import Host, HostSettings
from crossfoot.emulators.server import EmulatorServer

from .authority import Authority, Signer

MY_DOMAIN = "harbourpoint--crossfoot.sandbox.my"
INSTANCE = f"https://{MY_DOMAIN}.salesforce.com"


@dataclass(frozen=True, slots=True)
class App:
    """What a client is told of the org, and where the test finds it."""

    host: Host
    port: int
    authority: Authority
    key_pem: str

    @property
    def env(self) -> dict[str, str]:
        return self.host.env()

    @property
    def settings(self) -> dict[str, Any]:
        world: Any = self.host.worlds.salesforce.world
        settings: dict[str, Any] = world.settings
        return settings


def served(folder: Any, instance: str, certificate: str) -> Host:
    """A host with an empty org that clients reach as ``instance``."""
    scenario = folder / "scenario.yaml"
    settings = {"certificate": certificate, "password_grant": True}
    scenario.write_text(json.dumps({"salesforce": {"$settings": settings}}), encoding="utf-8")
    urls = {"salesforce": instance} if instance else {}
    return Host(HostSettings(scenario=str(scenario), public_urls=urls))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """One org for a whole module, reached by TLS as a sandbox's My Domain: each test makes records of its own."""
    folder = tmp_path_factory.mktemp("salesforce")
    authority, signer = Authority(folder), Signer.new("integration")
    host = served(folder, INSTANCE, signer.certify(signer))
    host.start()
    server = EmulatorServer("127.0.0.1", 0, authority.server_context())
    server.start(host.worlds.salesforce, {})
    try:
        yield App(host, server.server_port, authority, signer.key_pem)
    finally:
        server.shutdown()
        server.server_close()
        host.stop()


@pytest.fixture
def salesforce_names(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Salesforce's host names lead to the emulator, as an entry in a hosts file would make them."""
    resolve = socket.getaddrinfo

    def resolved(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if str(host).endswith(".salesforce.com"):
            return resolve("127.0.0.1", app.port, *args, **options)
        return resolve(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
