"""The token endpoint with its grants, revoke and introspect (SF 1.3-1.4)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from crossfoot.emulators.salesforce import sessions, signing
from crossfoot.emulators.salesforce.apps import App, authenticated_app, find_app
from crossfoot.emulators.salesforce.errors import OAuthError
from crossfoot.emulators.salesforce.identity import address_of, host_seconds, id_token
from crossfoot.emulators.salesforce.values import to_json
from crossfoot.emulators.salesforce.world import World
from crossfoot.emulators.wire import Response

CODE_LIFE = timedelta(minutes=15)
ASSERTION_SKEW_S = 180
JSON = (
    ("Content-Type", "application/json;charset=UTF-8"),
    ("Cache-Control", "no-cache, no-store"),
    ("Pragma", "no-cache"),
)
LOGIN_HOSTS = ("login.salesforce.com", "test.salesforce.com")
# Scopes that mean a person at a browser: other grants leave them out (SF 1.3).
PERSONAL_SCOPES = frozenset({"web", "full", "refresh_token", "offline_access"})
Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Granted:
    """What a grant gives, before it is written down as a token answer."""

    app: App
    user_id: str
    scope: str
    access_token: str
    refresh_token: str | None = None
    by_person: bool = False
    nonce: str | None = None


def token(world: World, form: Form, headers: Form, now: datetime) -> Response:
    """POST /services/oauth2/token."""
    grant = _GRANTS.get(form.get("grant_type", ""))
    if grant is None:
        raise OAuthError("unsupported_grant_type", "grant type not supported")
    return _answer(world, grant(world, form, headers, now), now)


def _answer(world: World, granted: Granted, now: datetime) -> Response:
    """The token answer. Its signature vouches for the identity; opaque tokens have no ``expires_in`` (SF 1.3)."""
    issued_at = str(int((now - timedelta(seconds=world.host_offset_s)).timestamp() * 1000))
    address = address_of(world, granted.user_id)
    digest = hmac.new((granted.app.secret or "").encode(), (address + issued_at).encode(), hashlib.sha256).digest()
    answer = {
        "access_token": granted.access_token,
        "signature": base64.b64encode(digest).decode(),
        "scope": granted.scope,
        "instance_url": world.public_url,
        "id": address,
        "token_type": "Bearer",
        "issued_at": issued_at,
    }
    if granted.refresh_token is not None:
        answer["refresh_token"] = granted.refresh_token
    if granted.by_person and "openid" in granted.scope.split():
        user = sessions.user_of(world, granted.user_id)
        answer["id_token"] = id_token(world, user, granted.app.key, granted.access_token, granted.nonce, now)
    return Response(200, JSON, to_json(answer))


def _by_code(world: World, form: Form, headers: Form, now: datetime) -> Granted:
    """A code works once, for the app and the address that it was made for, with the verifier of its challenge."""
    app = authenticated_app(world, form, headers)
    code = world.codes.pop(form.get("code", ""), None)
    if code is None or code.get("app", app.key) != app.key:
        raise OAuthError("invalid_grant", "invalid authorization code")
    if now - code["made"] > CODE_LIFE:
        raise OAuthError("invalid_grant", "expired authorization code")
    if form.get("redirect_uri") != code["redirect_uri"]:
        raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
    if code["challenge"]:
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != code["challenge"].rstrip("="):
            raise OAuthError("invalid_grant", "invalid code verifier")
    user_id, scope, refresh_token = code["user"], code["scope"], None
    if {"refresh_token", "offline_access"} & set(scope.split()):
        access_token, refresh_token = sessions.open_family(world, user_id, app.key, scope, now)
    else:
        access_token = sessions.open_session(world, user_id, scope, now)
    return Granted(app, user_id, scope, access_token, refresh_token, by_person=True, nonce=code.get("nonce"))


def _by_refresh_token(world: World, form: Form, headers: Form, now: datetime) -> Granted:
    app = authenticated_app(world, form, headers)
    old = form.get("refresh_token", "")
    access_token, rotated, user_id, scope = sessions.refresh(world, old, app.key, now)
    return Granted(app, user_id, scope, access_token, rotated, by_person=True)


def _by_client_credentials(world: World, form: Form, headers: Form, now: datetime) -> Granted:
    """A further session of the run-as user, separate from every other; only the My Domain host gives it (SF 1.2)."""
    if headers.get("host", "").partition(":")[0].lower() in LOGIN_HOSTS:
        raise OAuthError("invalid_grant", "request not supported on this domain")
    app = authenticated_app(world, form, headers)
    user = sessions.user_named(world, world.settings["run_as_username"])
    if user is None or app.secret is None:
        raise OAuthError("invalid_grant", "no client credentials user enabled")
    sessions.count_login(world, user["Id"], now)
    return _without_a_person(world, app, user["Id"], now)


def _by_assertion(world: World, form: Form, _headers: Form, now: datetime) -> Granted:
    """JWT bearer: what the holder of the registered certificate signed, for a user who need not be asked (SF 1.3).

    An ``exp`` far ahead is taken, as some clients write it in milliseconds; so is one of a moment ago, as others
    write the instant of signing, and the platform allows for clocks that differ.
    """
    certificate = world.settings["certificate"]
    claims = signing.claims_of(form.get("assertion", ""), certificate) if certificate else None
    if claims is None:
        raise OAuthError("invalid_grant", "invalid assertion")
    app = find_app(world, claims.get("iss"))
    audience = claims.get("aud")
    known = {world.public_url, *(f"https://{host}" for host in LOGIN_HOSTS)}
    if not known & {str(each).rstrip("/") for each in (audience if isinstance(audience, list) else [audience])}:
        raise OAuthError("invalid_grant", "audience is invalid")
    if _expires(claims) + ASSERTION_SKEW_S < host_seconds(world, now):
        raise OAuthError("invalid_grant", "invalid assertion")
    user = sessions.user_named(world, claims.get("sub"))
    if user is None or not _may_skip_approval(world, user["Username"], user["Id"], app):
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")
    sessions.count_login(world, user["Id"], now)
    return _without_a_person(world, app, user["Id"], now)


def _expires(claims: Mapping[str, Any]) -> Decimal:
    try:
        found = Decimal(str(claims.get("exp")))
    except InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() else Decimal(0)


def _may_skip_approval(world: World, username: str, user_id: str, app: App) -> bool:
    """An administrator has approved the app for the user, or the user has in a browser. The app needs the
    refresh_token scope besides (SF 1.3, unconfirmed)."""
    admitted = {str(each).lower() for each in world.settings["preauthorized_usernames"]}
    approved = username.lower() in admitted or sessions.has_approved(world, user_id, app.key)
    return approved and "refresh_token" in world.settings["scopes"]


def _by_password(world: World, form: Form, headers: Form, now: datetime) -> Granted:
    """Username and password: switched off in new orgs (SF 1.1)."""
    app = authenticated_app(world, form, headers)
    user = None
    if world.settings["password_grant"]:
        user = sessions.log_in(world, form.get("username", ""), form.get("password", ""), now, token=True)
    if user is None:
        raise OAuthError("invalid_grant", "authentication failure")
    return _without_a_person(world, app, user["Id"], now)


def _without_a_person(world: World, app: App, user_id: str, now: datetime) -> Granted:
    """A session that nobody clicked for: no refresh token, no scopes meant for people."""
    scope = " ".join(each for each in world.settings["scopes"] if each not in PERSONAL_SCOPES)
    return Granted(app, user_id, scope, sessions.open_session(world, user_id, scope, now))


def revoke(world: World, form: Form, _headers: Form, _now: datetime) -> Response:
    """End an access token, or a refresh token with its sessions (SF 1.3)."""
    if not sessions.revoke(world, form.get("token", "")):
        raise OAuthError("unsupported_token_type", "this token type is not supported")
    return Response(200)


def introspect(world: World, form: Form, headers: Form, now: datetime) -> Response:
    """What a token is good for; looking does not prolong a session (SF 1.3)."""
    app = authenticated_app(world, form, headers)
    name = form.get("token", "")
    family = world.families.get(world.refresh_tokens.get(name, ""))
    if family is not None:
        grant = family if family["live"] and family["current"] == name else None
        instants = {}
    else:
        grant = sessions.live_session(world, name, now)
        instants = _instants(world, grant, now) if grant else {}
    if grant is None:
        return Response(200, JSON, to_json({"active": False}))
    user = sessions.user_of(world, grant["user"])
    answer = {
        "active": True,
        "scope": grant["scope"],
        "client_id": app.key,
        "username": user["Username"],
        "sub": address_of(world, user["Id"]),
        "token_type": "refresh_token" if family is not None else "access_token",
        **instants,
    }
    return Response(200, JSON, to_json(answer))


def _instants(world: World, session: Mapping[str, Any], now: datetime) -> dict[str, int]:
    opened = host_seconds(world, session.get("opened") or now)
    life_s = world.settings["session_timeout_s"]
    return {"exp": host_seconds(world, session["seen"] or now) + life_s, "iat": opened, "nbf": opened}


_GRANTS: Mapping[str, Callable[[World, Form, Form, datetime], Granted]] = {
    "authorization_code": _by_code,
    "refresh_token": _by_refresh_token,
    "client_credentials": _by_client_credentials,
    "password": _by_password,
    "urn:ietf:params:oauth:grant-type:jwt-bearer": _by_assertion,
}
