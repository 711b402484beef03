"""Disconnecting: end the access at the vendor, then erase the secrets here. What was learned and decided stays.

At Xero the connection is deleted *before* a grant is revoked, and the grant is revoked only with the user's last
connection: revoking drops all of that user's connections to the app (XERO 1.5). What is gone already is no problem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import httpx2
import msgspec

from crossfoot.core.errors import NeedsPerson, NeedsReauthorisation, OutcomeUnknown, Rejected, RetryLater
from crossfoot.core.records import Side
from crossfoot.engine.calls.grants import Grants
from crossfoot.engine.calls.remote import NotApplied, Remote, Tools
from crossfoot.engine.host import Host
from crossfoot.engine.reading.receiver import GRANT as WEBHOOK_KEYS
from crossfoot.http import TOKEN_EXCHANGE, Http, HttpRequest, Lost
from crossfoot.salesforce import oauth as salesforce_oauth
from crossfoot.store import operations as ops
from crossfoot.store.audit import append_audit
from crossfoot.store.database import Database
from crossfoot.store.workspace import StoredConnection, load_connections, remove_connection, remove_grant
from crossfoot.vault.envelope import VaultKey
from crossfoot.xero import oauth as xero_oauth
from crossfoot.xero import requests as xero

SENDS_MAX = 3


class Act(Enum):
    """What a step does, in the order in which steps are taken."""

    DELETE = "delete the connection"
    KEEP = "keep the grant"
    REVOKE = "revoke the grant"
    ERASE = "erase the secrets"


@dataclass(frozen=True, slots=True)
class Ending:
    """One step, in words for the person; ``connection_id`` is Xero's own id of the connection."""

    act: Act
    words: str
    connection_id: str = ""


class Disconnector:
    """Ends connections of one workspace. The caller holds the lock of the one process that may write."""

    def __init__(
        self,
        database: Database,
        host: Host,
        load_key: Callable[[], VaultKey],
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._database = database
        self._host = host
        self._http = Http(self._is_committed, transport)
        self._grants = Grants(database, self._http, host, load_key)

    def close(self) -> None:
        """Let the sockets go."""
        self._http.close()
        self._database.engine.dispose()

    def find(self, side: str, name: str) -> StoredConnection:
        """The connection of that name, alias or id."""
        with self._database.reading() as connection:
            known = [found for found in load_connections(connection) if found.side.value == side]
        for found in known:
            if found.is_called(name):
                return found
        shown = ", ".join(repr(found.name) for found in known) or "none"
        raise NeedsPerson(f"{name!r} is not connected as {side}. Connected there: {shown}.")

    def steps(self, connection: StoredConnection) -> list[Ending]:
        """What ending this connection takes, read from the vendor; nothing is changed."""
        erase = Ending(Act.ERASE, f"erase the secrets of {connection.name}; links, queue and audit log stay")
        try:
            return [*self._at_vendor(connection), erase]
        except NeedsReauthorisation:
            return [erase]  # the access has ended already

    def _at_vendor(self, connection: StoredConnection) -> list[Ending]:
        if connection.side is Side.SALESFORCE:
            return [Ending(Act.REVOKE, f"revoke Crossfoot's access to Salesforce org {connection.name}")]
        answer = self._app(connection).read(xero.connections())
        reached = msgspec.json.decode(answer.body, type=list[xero_oauth.Tenant])
        mine = [tenant for tenant in reached if tenant.tenant_id == connection.home]
        others = [tenant for tenant in reached if tenant.tenant_id != connection.home]
        steps = [Ending(Act.DELETE, f"delete the connection to {tenant.name} at Xero", tenant.id) for tenant in mine]
        if self._grants.secrets(connection.grant_id).refresh_token:
            names = ", ".join(tenant.name for tenant in others)
            if others:
                kept = f"keep the grant at Xero, which revoking would end for {names} too"
                return [*steps, Ending(Act.KEEP, kept)]
            steps.append(Ending(Act.REVOKE, "revoke the grant at Xero: this was its user's last connection"))
        return steps

    def carry_out(self, connection: StoredConnection, steps: Sequence[Ending], actor: str) -> None:
        """Take the steps in their order. Stopped half-way it can be run again: what is gone is passed over."""
        for step in steps:
            if step.act is Act.DELETE:
                self._delete(connection, step.connection_id)
            elif step.act is Act.REVOKE:
                self._revoke(connection)
        now = self._host.now()
        with self._database.writing("disconnect") as database:
            remove_connection(database, connection.side, connection.home)
            remove_grant(database, connection.grant_id)
            if connection.side is Side.XERO:
                remove_grant(database, WEBHOOK_KEYS)
            append_audit(
                database,
                connection.home,
                now,
                actor=actor,
                action=f"disconnect {connection.side.value}",
                record_id=connection.home,
                name=connection.name,
                steps=[step.act.value for step in steps],
            )

    def _delete(self, connection: StoredConnection, connection_id: str) -> None:
        request = xero.delete_connection(connection_id)
        remote = self._app(connection)
        for _ in range(SENDS_MAX):
            access = remote.access()
            call = ops.StoredCall(
                self._host.new_id(), connection.home, "", request.method, request.path, b"", "", access.generation
            )
            with self._database.writing("disconnect intent") as database:
                ops.commit_call(database, call, [], self._host.now())
            state: ops.CallState = "unknown"
            try:
                remote.write(call.id, request, access)
                state = "answered"
                return
            except (NotApplied, OutcomeUnknown):
                continue  # deleting again does no harm: the second answer is 404
            except Rejected as refused:
                state = "answered"
                if refused.status != 404:
                    raise
                return
            except NeedsReauthorisation:
                state = "answered"
                return
            finally:
                with self._database.writing("disconnect call ended") as database:
                    ops.end_call(database, call.id, self._host.now(), state=state)
        raise RetryLater(
            "Xero did not say whether the connection is deleted. Run `crossfoot disconnect` again.", after_s=60
        )

    def _revoke(self, connection: StoredConnection) -> None:
        secrets = self._grants.secrets(connection.grant_id)
        if connection.side is Side.XERO:
            request = xero_oauth.revoke(secrets.client_id, secrets.client_secret, secrets.refresh_token)
        else:
            request = salesforce_oauth.revoke(secrets.refresh_token or secrets.access_token)
        try:
            answer = self._http.send(secrets.token_base, request, {}, intent=TOKEN_EXCHANGE)
        except Lost as lost:
            raise RetryLater(
                f"The grant was not revoked: {lost}. Run `crossfoot disconnect` again.", after_s=60
            ) from None
        if answer.status >= 500 or answer.status == 429:
            raise RetryLater(
                f"The grant was not revoked (HTTP {answer.status}). Run `crossfoot disconnect` again.", after_s=60
            )

    def _app(self, connection: StoredConnection) -> Remote[HttpRequest]:
        """The app's own access: a connection is not deleted in the organisation's name."""
        bare = StoredConnection(
            connection.side, "", connection.name, "", connection.grant_id, connection.settings, connection.pinned
        )
        return Remote(bare, Tools(self._http, self._grants, self._database, self._host))

    def _is_committed(self, call_id: str) -> bool:
        with self._database.reading() as connection:
            return ops.call_is_committed(connection, call_id)
