"""OAuth with Salesforce: web server flow with PKCE, client credentials, refresh with rotation (SF 1)."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import urlencode

import msgspec

from crossfoot.http import HttpRequest

SCOPES: dict[str, str] = {
    "api": "read deals, accounts and products; write invoice status back",
    "refresh_token": "stay connected without asking again",
}


class Tokens(msgspec.Struct, frozen=True):
    """A token answer. Salesforce gives no lifetime; ``refresh_token`` is new after each refresh where it rotates."""

    access_token: str
    instance_url: str = ""
    id: str = ""
    issued_at: str = ""
    signature: str = ""
    refresh_token: str = ""


def signature_holds(tokens: Tokens, client_secret: str) -> bool:
    """Whether the identity in the answer was signed with the app's secret."""
    message = (tokens.id + tokens.issued_at).encode()
    digest = hmac.new(client_secret.encode(), message, hashlib.sha256).digest()
    return hmac.compare_digest(b64encode(digest).decode(), tokens.signature)


def authorize_address(
    login_base: str, *, client_id: str, redirect: str, state: str, challenge: str, wanted: Iterable[str] = SCOPES
) -> str:
    """Where the person's browser goes."""
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
    return f"{login_base.rstrip('/')}/services/oauth2/authorize?{query}"


def client_credentials(client_id: str, client_secret: str) -> HttpRequest:
    """A session of the app's own integration user; only the My Domain host gives it."""
    return _token({"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret})


def exchange_code(client_id: str, client_secret: str, *, code: str, redirect: str, verifier: str) -> HttpRequest:
    """Tokens for a code that the browser brought back."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
    return _token({**form, "client_id": client_id, **({"client_secret": client_secret} if client_secret else {})})


def refresh(client_id: str, client_secret: str, refresh_token: str) -> HttpRequest:
    """A new session; where tokens rotate the old refresh token dies at once, and with it the old session's cursors."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client_id}
    return _token({**form, **({"client_secret": client_secret} if client_secret else {})})


def revoke(token: str) -> HttpRequest:
    """End a session, or with a refresh token the whole grant (SF 1.3)."""
    return _token({"token": token}, path="/services/oauth2/revoke")


def _token(form: dict[str, str], *, path: str = "/services/oauth2/token") -> HttpRequest:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    return HttpRequest("POST", path, headers=headers, body=urlencode(form).encode())
