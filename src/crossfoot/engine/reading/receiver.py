"""The receiver of Xero's webhooks: verify the raw bytes, keep the hint, answer. Nothing else happens in the request.

A hint only makes the next run come sooner. What it says is never believed: the run's sweep reads what changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from crossfoot.core.errors import NeedsPerson, RetryLater
from crossfoot.core.records import Side
from crossfoot.engine.host import Host
from crossfoot.engine.session import Workspace
from crossfoot.store.audit import append_audit
from crossfoot.store.database import Database
from crossfoot.store.hints import keep_hint
from crossfoot.store.workspace import StoredGrant, load_connections, load_grant, save_grant
from crossfoot.vault.envelope import associated_data, open_sealed, seal
from crossfoot.xero.webhooks import BODY_BYTES_MAX, SIGNATURE_HEADER, is_signed, tenants_in

PATH = "/webhooks/xero"
READ_S_MAX = 4.0  # Xero waits five seconds for the answer (XERO 6.3)
KEYS_MAX = 2  # the newest and the one before it: deliveries that were signed before a change still come
GRANT = "xero webhooks"
"""Under which the signing keys are sealed, beside the tokens."""
_KIND = "webhook key"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Decides about one delivery; ``hinted`` is told when something of this organisation changed."""

    database: Database
    host: Host
    organisation_id: str
    tenant_id: str
    keys: Sequence[str]
    hinted: Callable[[], None]

    def receive(self, body: bytes, signature: str) -> HTTPStatus:
        """The status to answer with, its body always empty. 200 means that the hint is committed (XERO 6.3, 6.4)."""
        if not is_signed(body, signature, self.keys):
            return HTTPStatus.UNAUTHORIZED
        if self.tenant_id not in tenants_in(body):
            return HTTPStatus.OK
        try:
            with self.database.writing("hint", fenced=False) as connection:
                keep_hint(connection, self.organisation_id, body, self.host.now())
        except (RetryLater, SQLAlchemyError):
            return HTTPStatus.SERVICE_UNAVAILABLE  # Xero sends it again
        self.hinted()
        return HTTPStatus.OK


def save_webhook_key(workspace: Workspace, database: Database, host: Host, key: str, actor: str) -> None:
    """Seal the signing key of the app's webhooks; the one before it stays good for what it signed."""
    if not key.strip():
        raise NeedsPerson("The webhook key is empty. It stands in the Xero developer portal, under Webhooks.")
    keys = [key.strip(), *(each for each in load_webhook_keys(workspace, database) if each != key.strip())][:KEYS_MAX]
    sealed = seal(msgspec.json.encode(keys), key=workspace.load_key(), associated=associated_data(GRANT, _KIND))
    with database.writing("webhook key") as connection:
        known = load_grant(connection, GRANT)
        generation = (known.generation if known else 0) + 1
        save_grant(connection, StoredGrant(GRANT, Side.XERO, _KIND, sealed, generation, None), host.now())
        for organisation in load_connections(connection, Side.XERO):
            append_audit(
                connection, organisation.home, host.now(), actor=actor, action="webhook key kept", record_id=""
            )


def load_webhook_keys(workspace: Workspace, database: Database) -> list[str]:
    """The signing keys, newest first; none where none was kept."""
    with database.reading() as connection:
        stored = load_grant(connection, GRANT)
    if stored is None:
        return []
    opened = open_sealed(stored.sealed, key=workspace.load_key(), associated=associated_data(GRANT, _KIND))
    return msgspec.json.decode(opened, type=list[str])


@contextmanager
def receiving(receiver: Receiver, address: str, port: int) -> Iterator[int]:
    """Listen on threads of its own; yields the port. A key must be there: an open door that believes nobody is useless,
    and one that believes everybody is worse."""
    if not receiver.keys:
        raise NeedsPerson("Webhooks need the app's signing key: run `crossfoot webhook-key` first.")
    try:
        server = _Server((address, port), _Exchange)
    except OSError as error:
        raise NeedsPerson(f"Webhooks cannot be received on {address}:{port}: {error.strerror}.") from None
    server.receiver = receiver
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver

    def server_bind(self) -> None:
        """Bind without looking the host's name up, which may ask the network."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are no news."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "crossfoot", ""
    timeout = READ_S_MAX
    server: _Server

    def do_POST(self) -> None:
        """One delivery."""
        length = self.headers.get("Content-Length", "")
        if self.path != PATH:
            self._answer(HTTPStatus.NOT_FOUND)
        elif not length.isascii() or not length.isdigit():
            self._answer(HTTPStatus.LENGTH_REQUIRED)
        elif int(length) > BODY_BYTES_MAX:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            body = self.rfile.read(int(length))
            self._answer(self.server.receiver.receive(body, self.headers.get(SIGNATURE_HEADER, "")))

    def _answer(self, status: HTTPStatus) -> None:
        """An empty answer, and the connection ends: deliveries are rare and bodies may be unread."""
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
        """Deliveries are not logged: what they led to is."""
