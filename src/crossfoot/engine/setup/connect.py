"""Connecting: OAuth with both sides, the choice of the organisation, and what is pinned for the live guard."""

from __future__ import annotations

import hashlib
import secrets as random_secrets
import webbrowser
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from crossfoot.core.errors import NeedsPerson, NeedsReauthorisation
from crossfoot.core.records import Side
from crossfoot.engine.calls.grants import (
    CLIENT_CREDENTIALS,
    Grants,
    GrantSecrets,
    client_credentials,
    exchange,
    read_tokens,
)
from crossfoot.engine.calls.remote import Remote, Tools
from crossfoot.engine.host import Host
from crossfoot.engine.session import Workspace
from crossfoot.engine.showing.recall import show_anew
from crossfoot.http import Answer, Http, HttpRequest, require_safe_address
from crossfoot.salesforce import oauth as salesforce_oauth
from crossfoot.salesforce import requests as sf
from crossfoot.salesforce import soql
from crossfoot.store.audit import append_audit
from crossfoot.store.database import Database
from crossfoot.store.workspace import StoredConnection, load_connections, remove_connections, save_connection
from crossfoot.vault.secret import Secret
from crossfoot.xero import oauth as xero_oauth
from crossfoot.xero import requests as xero
from crossfoot.xero.reference import decode_organisation

REDIRECT_PORT = 8912
REDIRECT_PATH = "/callback"
CONSENT_S_MAX = 300
REQUESTS_MAX = 20


@dataclass(frozen=True, slots=True)
class App:
    """An app that an administrator registered with a vendor, and where that vendor answers."""

    side: Side
    client_id: str
    client_secret: str
    login_base: str
    token_base: str
    api_base: str = ""
    pubsub: str = ""
    scopes: Mapping[str, str] = field(default_factory=dict)
    """What is asked for, each with its reason."""


def salesforce_app(values: Mapping[str, str]) -> App:
    """The Salesforce app from ``NAME=value`` settings."""
    base = values.get("SF_LOGIN_URL") or values.get("SF_INSTANCE_URL") or "https://login.salesforce.com"
    return App(
        Side.SALESFORCE,
        _required(values, "SF_CONSUMER_KEY"),
        values.get("SF_CONSUMER_SECRET", ""),
        base,
        base,
        values.get("SF_INSTANCE_URL", ""),
        values.get("SF_PUBSUB_ENDPOINT", ""),
        salesforce_oauth.SCOPES,
    )


def xero_app(values: Mapping[str, str], *, payments: bool = False) -> App:
    """The Xero app from ``NAME=value`` settings. ``payments`` says that payments are to be made, not only read."""
    identity = values.get("XERO_IDENTITY_BASE")
    api = (values.get("XERO_API_BASE") or "https://api.xero.com").rstrip("/").removesuffix("/api.xro/2.0")
    return App(
        Side.XERO,
        _required(values, "XERO_CLIENT_ID"),
        values.get("XERO_CLIENT_SECRET", ""),
        identity or "https://login.xero.com",
        identity or "https://identity.xero.com",
        api,
        scopes=xero_oauth.scopes(payments=payments),
    )


def _required(values: Mapping[str, str], name: str) -> str:
    if not values.get(name):
        raise NeedsPerson(f"{name} is not set. Give it in the environment or in the file named by --env-file.")
    return values[name]


class Connector:
    """Makes connections of one workspace."""

    def __init__(self, workspace: Workspace, database: Database, host: Host, transport: Any = None) -> None:
        self._database = database
        self._host = host
        self._instance_url = ""
        self._http = Http(lambda _call: False, transport)
        self._grants = Grants(database, self._http, host, workspace.load_key)
        self._tools = Tools(self._http, self._grants, database, host)
        workspace.load_key()  # without a key nothing may be stored

    def close(self) -> None:
        """Let the sockets go."""
        self._http.close()

    def with_credentials(self, app: App) -> str:
        """A grant of the app's own user: no browser, no refresh token. Returns the grant's id."""
        request = client_credentials(app.side, app.client_id, app.client_secret, app.scopes)
        return self._keep(app, CLIENT_CREDENTIALS, exchange(self._http, self._host, app.token_base, request, app.side))

    def with_browser(self, app: App, show: Callable[[str], None], *, port: int = REDIRECT_PORT) -> str:
        """A grant of a person who consents in a browser, by code and PKCE on a loopback redirect."""
        return self._keep(app, "authorization_code", self._consented(app, show, port))

    def passing_session(self, app: App, show: Callable[[str], None], *, port: int = REDIRECT_PORT) -> Secret:
        """The session of a person, asked who they are, for one piece of work. It is not kept: end it after use."""
        answer = self._consented(app, show, port, fresh_login=True)
        return Secret(msgspec.json.decode(answer.body, type=salesforce_oauth.Tokens).access_token)

    def _consented(self, app: App, show: Callable[[str], None], port: int, *, fresh_login: bool = False) -> Answer:
        oauth = salesforce_oauth if app.side is Side.SALESFORCE else xero_oauth
        verifier = random_secrets.token_urlsafe(64)
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        state = random_secrets.token_urlsafe(32)
        redirect = f"http://localhost:{port}{REDIRECT_PATH}"
        require_safe_address(app.login_base)
        address = oauth.authorize_address(
            app.login_base,
            client_id=app.client_id,
            redirect=redirect,
            state=state,
            challenge=challenge,
            wanted=app.scopes,
        )
        if fresh_login:
            address += "&prompt=login"  # whoever is logged in already may be another (SF 1.3)
        show(address)
        code = _wait_for_code(port, state, address)
        request = oauth.exchange_code(app.client_id, app.client_secret, code=code, redirect=redirect, verifier=verifier)
        return exchange(self._http, self._host, app.token_base, request, app.side)

    def _keep(self, app: App, kind: str, answer: Any) -> str:
        secrets = GrantSecrets(app.token_base, app.client_id, app.client_secret)
        tokens, expires = read_tokens(app.side, answer, secrets, self._host.now())
        grant_id = f"{app.side.value}-{self._host.new_id()[:12]}"
        self._grants.save(grant_id, app.side, kind, tokens, expires)
        if app.side is Side.SALESFORCE:
            granted = msgspec.json.decode(answer.body, type=salesforce_oauth.Tokens)
            self._instance_url = granted.instance_url
        return grant_id

    def remote(self, connection: StoredConnection) -> Remote[HttpRequest]:
        """The Salesforce org of a connection, or Xero's app where no organisation is chosen yet."""
        return Remote(connection, self._tools)

    def organisation(self, connection: StoredConnection) -> Remote[xero.OrganisationRequest]:
        """The Xero organisation of a connection."""
        return Remote(connection, self._tools)

    def connect_salesforce(self, app: App, grant_id: str) -> StoredConnection:
        """Pin the org that the grant reaches and keep the connection."""
        base = app.api_base or self._instance_url
        draft = StoredConnection(Side.SALESFORCE, "", "Salesforce", "", grant_id, {"base": base}, {})
        query = soql.select(["Id", "Name", "IsSandbox", "OrganizationType"], "Organization")
        org = sf.decode_query(self.remote(draft).read(sf.query(query)).body).rows[0]
        connection = StoredConnection(
            Side.SALESFORCE,
            org["Id"],
            org["Name"],
            alias_of(org["Name"]),
            grant_id,
            {
                "base": base,
                "instance_url": self._instance_url or base,
                "edition": org["OrganizationType"],
                **({"pubsub": app.pubsub} if app.pubsub else {}),
            },
            {"org_id": org["Id"], "is_sandbox": bool(org["IsSandbox"])},
        )
        return self._pin(connection)

    def organisations(self, app: App, grant_id: str, *, consented: bool = False) -> list[xero_oauth.Tenant]:
        """The organisations that the grant reaches, or those that its own consent gave (XERO 1.6); a person chooses."""
        draft = self.remote(StoredConnection(Side.XERO, "", "Xero", "", grant_id, {"base": app.api_base}, {}))
        consent = xero_oauth.consent_of(draft.access().token.reveal()) if consented else ""
        if consented and not consent:
            return []
        tenants = msgspec.json.decode(draft.read(xero.connections(consent)).body, type=list[xero_oauth.Tenant])
        return [tenant for tenant in tenants if tenant.kind == "ORGANISATION"]

    def connect_xero(self, app: App, grant_id: str, tenant_id: str) -> StoredConnection:
        """Pin the chosen organisation and keep the connection."""
        draft = StoredConnection(Side.XERO, tenant_id, "Xero", "", grant_id, {"base": app.api_base}, {})
        asked = xero.organisation(xero.Tenant(tenant_id))
        organisation = decode_organisation(self.organisation(draft).read(asked).body)
        if (
            organisation.org_class in {"LEDGER", "GST_CASHBOOK", "NON_GST_CASHBOOK"}
            or organisation.edition == "PARTNER"
        ):
            raise NeedsPerson(f"{organisation.name} is on a plan without invoicing; Crossfoot cannot write to it.")
        connection = StoredConnection(
            Side.XERO,
            tenant_id,
            organisation.name,
            alias_of(f"{organisation.name} {organisation.country}"),
            grant_id,
            {"base": app.api_base, "country": organisation.country, "currency": organisation.base_currency},
            {"organisation_id": organisation.organisation_id, "is_demo": organisation.is_demo},
        )
        return self._pin(connection)

    def _pin(self, connection: StoredConnection) -> StoredConnection:
        now = self._host.now()
        with self._database.writing("connection") as database:
            earlier = {c.home: c for c in load_connections(database, connection.side)}.get(connection.home)
            kept = replace(connection, alias=earlier.alias) if earlier else connection  # crossfoot.yaml names it so
            if earlier and earlier.pinned == connection.pinned:
                kept = kept.open_as(earlier)
            if connection.side is Side.SALESFORCE and not earlier:  # another org was shown nothing yet
                for organisation in load_connections(database, Side.XERO):
                    show_anew(database, organisation.home)
            remove_connections(database, connection.side, keep=connection.home)
            save_connection(database, kept, now)
            append_audit(
                database,
                connection.home,
                now,
                actor="person",
                action=f"connect {connection.side.value}",
                record_id=connection.home,
                name=connection.name,
                pinned=dict(connection.pinned),
            )
        return kept


def alias_of(name: str) -> str:
    """A short name for the settings file."""
    plain = "".join(char if char.isalnum() else "-" for char in name.casefold())
    alias = "-".join(part for part in plain.split("-") if part)[:40]
    return alias if alias and not alias.isdigit() else f"connection-{alias}".rstrip("-")


def _wait_for_code(port: int, state: str, address: str) -> str:
    """Serve the loopback redirect once. The state must be the one that was sent."""
    received: dict[str, str] = {}

    class Redirect(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path != REDIRECT_PATH:
                self.send_error(404)
                return
            received.update({key: values[0] for key, values in parse_qs(parts.query).items()})
            granted = received.get("state") == state and "code" in received
            said = b"Crossfoot has what it needs" if granted else b"Nothing was connected"
            body = b"<p>" + said + b". You can close this page.</p>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """The address holds a code: it is not logged."""

    try:
        server = HTTPServer(("127.0.0.1", port), Redirect)
    except OSError as error:
        raise NeedsPerson(f"Port {port} is in use ({error.strerror}); it is needed for the consent's answer.") from None
    with server:
        server.timeout = CONSENT_S_MAX
        webbrowser.open(address)
        for _ in range(REQUESTS_MAX):  # a browser may also ask for an icon
            server.handle_request()
            if received:
                break
    if received.get("state") != state:
        raise NeedsReauthorisation("The consent's answer does not belong to this request; nothing was connected.")
    if "code" not in received:
        raise NeedsReauthorisation(f"Access was not granted: {received.get('error', 'no code came back')}.")
    return received["code"]
