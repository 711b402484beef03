"""OAuth with Xero: code with PKCE, client credentials, refresh (XERO 1.2 to 1.6)."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64decode
from collections.abc import Iterable
from urllib.parse import urlencode

import msgspec

from crossfoot.http import HttpRequest

STAY_CONNECTED = "offline_access"
"""Given to people's consent alone: an app's own token ends and is asked for anew."""

# Granular scopes, each with the reason that ``connect`` shows. A write scope implies reading (XERO 1.8).
SCOPES: dict[str, str] = {
    STAY_CONNECTED: "stay connected without asking every half hour",
    "accounting.contacts": "find your customers, and create those that are missing",
    "accounting.invoices": "read and create sales invoices and items",
    "accounting.payments.read": "read payments and overpayments",
    "accounting.settings.read": "read the chart of accounts, tax rates, tracking, currencies and lock dates",
}

MAKE_PAYMENTS = "accounting.payments"
_INSTEAD = {MAKE_PAYMENTS: "read payments and overpayments, and record those that are entered in Salesforce"}


def scopes(*, payments: bool) -> dict[str, str]:
    """What to ask for: to make payments only where people record them in Salesforce."""
    if not payments:
        return SCOPES
    return {scope: why for scope, why in SCOPES.items() if scope != f"{MAKE_PAYMENTS}.read"} | _INSTEAD


class Tokens(msgspec.Struct, frozen=True):
    """A token answer. ``refresh_token`` is empty for client credentials."""

    access_token: str
    expires_in: int = 1800
    refresh_token: str = ""
    scope: str = ""


class Tenant(msgspec.Struct, frozen=True, rename={"tenant_id": "tenantId", "name": "tenantName", "kind": "tenantType"}):
    """An organisation that a token reaches."""

    tenant_id: str
    name: str = ""
    kind: str = "ORGANISATION"
    id: str = ""


def authorize_address(
    login_base: str, *, client_id: str, redirect: str, state: str, challenge: str, wanted: Iterable[str] = SCOPES
) -> str:
    """Where the person's browser goes. The redirect must say localhost: Xero refuses 127.0.0.1."""
    query = urlencode(
        {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect,
            "scope": " ".join(wanted),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
    )
    return f"{login_base.rstrip('/')}/identity/connect/authorize?{query}"


def client_credentials(client_id: str, client_secret: str, wanted: Iterable[str] = SCOPES) -> HttpRequest:
    """A token of a custom connection: one app, one organisation, no refresh token."""
    asked = " ".join(scope for scope in wanted if scope != STAY_CONNECTED)
    return _token({"grant_type": "client_credentials", "scope": asked}, client_id, client_secret)


def exchange_code(client_id: str, client_secret: str, *, code: str, redirect: str, verifier: str) -> HttpRequest:
    """Tokens for a code that the browser brought back."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
    return _token(form, client_id, client_secret)


def refresh(client_id: str, client_secret: str, refresh_token: str) -> HttpRequest:
    """A new pair of tokens; the old refresh token keeps working for 30 minutes only."""
    return _token({"grant_type": "refresh_token", "refresh_token": refresh_token}, client_id, client_secret)


def revoke(client_id: str, client_secret: str, refresh_token: str) -> HttpRequest:
    """End the grant: drops *all* connections of that user to the app, not only one (XERO 1.5)."""
    return _token({"token": refresh_token}, client_id, client_secret, path="/connect/revocation")


def consent_of(access_token: str) -> str:
    """The id of the consent that gave an access token, or nothing. It only narrows what a person is shown, so the
    signature is not checked: the token came from Xero itself over TLS (XERO 1.5, 1.6)."""
    try:
        _, claims, _ = access_token.split(".")
        said = msgspec.json.decode(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    except (ValueError, msgspec.DecodeError):
        return ""
    return str(said.get("authentication_event_id", "")) if isinstance(said, dict) else ""


def _token(form: dict[str, str], client_id: str, client_secret: str, *, path: str = "/connect/token") -> HttpRequest:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if client_secret:
        pair = b64encode(f"{client_id}:{client_secret}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    else:
        form = {**form, "client_id": client_id}
    return HttpRequest("POST", path, headers=headers, body=urlencode(form).encode())
