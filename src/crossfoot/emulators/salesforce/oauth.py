"""The OAuth endpoints: authorize with PKCE, token, revoke, introspect, userinfo and the identity URL (SF 1.3)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode

from crossfoot.emulators.salesforce import sessions
from crossfoot.emulators.salesforce.errors import ApiError, OAuthError
from crossfoot.emulators.salesforce.values import to_json
from crossfoot.emulators.salesforce.world import World
from crossfoot.emulators.wire import Request, Response

CODE_LIFE = timedelta(minutes=15)
JSON = (
    ("Content-Type", "application/json;charset=UTF-8"),
    ("Cache-Control", "no-cache, no-store"),
    ("Pragma", "no-cache"),
)
Form = Mapping[str, str]


def serve(world: World, request: Request, now: datetime) -> Response | None:
    """The answer of an OAuth or identity endpoint; None when the path is not one."""
    path = request.path.rstrip("/")
    form = dict(parse_qsl(request.query, keep_blank_values=True))
    if request.method == "POST":
        form |= dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        if path == "/services/oauth2/authorize":
            return _authorize(world, request.method, form, now)
        if path in _ENDPOINTS:
            return _ENDPOINTS[path](world, form, dict(request.headers), now)
        if path.startswith("/id/"):
            return _identity(world, path, form, dict(request.headers), now)
    except OAuthError as error:
        return Response(error.status, JSON, to_json({"error": error.error, "error_description": error.description}))
    return None


def _json(payload: Any) -> Response:
    return Response(200, JSON, to_json(payload))


def _authorize(world: World, method: str, form: Form, now: datetime) -> Response:
    """The login-and-allow page, by a browser or by a plain POST of its fields. What is wrong with the app is shown
    here; everything else goes back to the client by redirect."""
    if form.get("client_id") != world.settings["consumer_key"]:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if form.get("redirect_uri") not in world.settings["redirect_uris"]:
        raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
    refusal = _refuse_authorization(world, form)
    if refusal:
        return _redirect(form, error=refusal[0], error_description=refusal[1])
    if method != "POST" or "username" not in form:
        return _login_page(world, form, "")
    if form.get("decision") == "deny":
        return _redirect(form, error="access_denied", error_description="end-user denied authorization")
    users = world.rows["User"].values()
    user = next((each for each in users if each["Username"].lower() == form["username"].lower()), None)
    if user is None or not user.get("IsActive") or form.get("password") != world.settings["password"]:
        return _login_page(world, form, "Please check your username and password.")
    code = f"aPrx{world.random_text(60)}"
    world.codes[code] = {
        "user": user["Id"],
        "redirect_uri": form["redirect_uri"],
        "scope": _scope(world, form),
        "challenge": form.get("code_challenge"),
        "made": now,
    }
    return _redirect(form, code=code)


def _scope(world: World, form: Form) -> str:
    return form.get("scope", "").strip() or " ".join(world.settings["scopes"])


def _refuse_authorization(world: World, form: Form) -> tuple[str, str] | None:
    if form.get("response_type") != "code":
        return "unsupported_response_type", "response type not supported"
    if not set(_scope(world, form).split()) <= set(world.settings["scopes"]):
        return "invalid_scope", "the requested scope is not allowed"
    if world.settings["pkce_required"] and not form.get("code_challenge"):
        return "invalid_request", "missing required code challenge"
    if form.get("code_challenge") and form.get("code_challenge_method", "S256") != "S256":
        return "invalid_request", "invalid code challenge method"
    return None


def _redirect(form: Form, **answer: str) -> Response:
    state = {"state": form["state"]} if "state" in form else {}
    joint = "&" if "?" in form["redirect_uri"] else "?"
    return Response(302, (("Location", form["redirect_uri"] + joint + urlencode({**answer, **state})),))


def _login_page(world: World, form: Form, problem: str) -> Response:
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in form.items()
        if name not in {"username", "password", "decision"}
    )
    scopes = "".join(f"<li>{escape(each)}</li>" for each in _scope(world, form).split())
    username = escape(form.get("username", world.settings["username"]))
    page = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Salesforce emulator</title></head>
<body><main><h1>Salesforce emulator</h1><p>{escape(world.settings["name"])}</p><p role="alert">{escape(problem)}</p>
<form method="post" action="/services/oauth2/authorize">{hidden}
<p><label>Username <input name="username" value="{username}"></label></p>
<p><label>Password <input name="password" type="password"></label></p>
<p>The app asks for:</p><ul>{scopes}</ul>
<button name="decision" value="allow">Log in and allow</button> <button name="decision" value="deny">Deny</button>
</form></main></body></html>"""
    return Response(200, (("Content-Type", "text/html;charset=UTF-8"),), page.encode())


def _client(world: World, form: Form, headers: Form, *, secret_required: bool = True) -> None:
    """Check the app's id and secret, from the body or from a Basic header."""
    key, secret = form.get("client_id"), form.get("client_secret")
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            key, _, secret = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise OAuthError("invalid_client", "invalid client credentials", status=401) from error
    if key != world.settings["consumer_key"]:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if (secret is not None or secret_required) and secret != world.settings["consumer_secret"]:
        raise OAuthError("invalid_client", "invalid client credentials")


def _token(world: World, form: Form, headers: Form, now: datetime) -> Response:
    grants: Mapping[str, Callable[[World, Form, Form, datetime], Response]] = {
        "authorization_code": _by_code,
        "refresh_token": _by_refresh_token,
        "client_credentials": _by_client_credentials,
    }
    grant = grants.get(form.get("grant_type", ""))
    if grant is None:
        raise OAuthError("unsupported_grant_type", "grant type not supported")
    return grant(world, form, headers, now)


def _by_code(world: World, form: Form, headers: Form, now: datetime) -> Response:
    _client(world, form, headers)
    grant = world.codes.pop(form.get("code", ""), None)
    if grant is None:
        raise OAuthError("invalid_grant", "invalid authorization code")
    if now - grant["made"] > CODE_LIFE:
        raise OAuthError("invalid_grant", "expired authorization code")
    if form.get("redirect_uri") != grant["redirect_uri"]:
        raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
    if grant["challenge"]:
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != grant["challenge"].rstrip("="):
            raise OAuthError("invalid_grant", "invalid code verifier")
    if "refresh_token" in grant["scope"].split():
        access_token, refresh_token = sessions.open_family(world, grant["user"], grant["scope"], now)
        return _granted(world, grant["user"], access_token, grant["scope"], now, refresh_token)
    access_token = sessions.open_session(world, grant["user"], grant["scope"], now)
    return _granted(world, grant["user"], access_token, grant["scope"], now)


def _by_refresh_token(world: World, form: Form, headers: Form, now: datetime) -> Response:
    _client(world, form, headers)
    access_token, rotated, user_id, scope = sessions.refresh(world, form.get("refresh_token", ""), now)
    return _granted(world, user_id, access_token, scope, now, rotated)


def _by_client_credentials(world: World, form: Form, headers: Form, now: datetime) -> Response:
    """A further session of the run-as user, separate from every other; scopes for people are left out (SF 1.3)."""
    _client(world, form, headers)
    scope = " ".join(each for each in world.settings["scopes"] if each not in {"web", "full", "refresh_token"})
    user_id = world.grants["integration"]
    return _granted(world, user_id, sessions.open_session(world, user_id, scope, now), scope, now)


def _granted(
    world: World, user_id: str, access_token: str, scope: str, now: datetime, refresh_token: str | None = None
) -> Response:
    issued_at = str(int((now - timedelta(seconds=world.host_offset_s)).timestamp() * 1000))
    identity = f"{world.public_url}/id/{world.organization['Id']}/{user_id}"
    digest = hmac.new(
        world.settings["consumer_secret"].encode(), (identity + issued_at).encode(), hashlib.sha256
    ).digest()
    answer = {
        "access_token": access_token,
        "signature": base64.b64encode(digest).decode(),
        "scope": scope,
        "instance_url": world.public_url,
        "id": identity,
        "token_type": "Bearer",
        "issued_at": issued_at,
    }
    return _json(answer if refresh_token is None else answer | {"refresh_token": refresh_token})


def _revoke(world: World, form: Form, _headers: Form, _now: datetime) -> Response:
    if not sessions.revoke(world, form.get("token", "")):
        raise OAuthError("unsupported_token_type", "this token type is not supported")
    return Response(200)


def _introspect(world: World, form: Form, headers: Form, now: datetime) -> Response:
    _client(world, form, headers)
    token = form.get("token", "")
    family = world.families.get(world.refresh_tokens.get(token, ""))
    if family is not None:
        live, grant = family["live"] and family["current"] == token, family
        expires = {}
    else:
        grant = world.sessions.get(token, {})
        life = timedelta(seconds=world.settings["session_timeout_s"])
        seen = grant.get("seen") or now
        live = bool(grant) and now - seen <= life
        expires = {"exp": int((seen + life).timestamp()) - world.host_offset_s}
    if not live:
        return _json({"active": False})
    user = sessions.user_of(world, grant["user"])
    return _json(
        {
            "active": True,
            "scope": grant["scope"],
            "client_id": world.settings["consumer_key"],
            "username": user["Username"],
            "sub": f"{world.public_url}/id/{world.organization['Id']}/{user['Id']}",
            "token_type": "refresh_token" if family is not None else "access_token",
            **expires,
        }
    )


def _signed_in(world: World, form: Form, headers: Form, now: datetime) -> dict[str, Any]:
    token = sessions.bearer(dict(headers)) or form.get("oauth_token", "") or form.get("access_token", "")
    session = sessions.session_of(world, token, now)
    if session is None:
        raise ApiError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
    return dict(sessions.user_of(world, session["user"]))


def _urls(world: World, user_id: str) -> dict[str, str]:
    base, org_id = world.public_url, world.organization["Id"]
    data = f"{base}/services/data/v{{version}}/"
    return {
        "enterprise": f"{base}/services/Soap/c/{{version}}/{org_id[:15]}",
        "metadata": f"{base}/services/Soap/m/{{version}}/{org_id[:15]}",
        "partner": f"{base}/services/Soap/u/{{version}}/{org_id[:15]}",
        "rest": data,
        "sobjects": f"{data}sobjects/",
        "search": f"{data}search/",
        "query": f"{data}query/",
        "recent": f"{data}recent/",
        "tooling_rest": f"{data}tooling/",
        "profile": f"{base}/{user_id}",
        "custom_domain": base,
    }


def _userinfo(world: World, form: Form, headers: Form, now: datetime) -> Response:
    user = _signed_in(world, form, headers, now)
    return _json({**_claims(world, user), "sub": f"{world.public_url}/id/{world.organization['Id']}/{user['Id']}"})


def _claims(world: World, user: Mapping[str, Any]) -> dict[str, Any]:
    name = " ".join(user[part] for part in ("FirstName", "LastName") if user.get(part))
    return {
        "user_id": user["Id"],
        "organization_id": world.organization["Id"],
        "preferred_username": user["Username"],
        "nickname": user.get("Alias"),
        "name": name,
        "given_name": user.get("FirstName"),
        "family_name": user["LastName"],
        "email": user.get("Email"),
        "email_verified": True,
        "zoneinfo": user.get("TimeZoneSidKey"),
        "locale": user.get("LocaleSidKey"),
        "language": user.get("LanguageLocaleKey"),
        "utcOffset": 36_000_000,
        "user_type": "STANDARD",
        "active": bool(user.get("IsActive")),
        "is_app_installed": True,
        "updated_at": f"{user['LastModifiedDate']:%Y-%m-%dT%H:%M:%SZ}",
        "urls": _urls(world, user["Id"]),
    }


def _identity(world: World, path: str, form: Form, headers: Form, now: datetime) -> Response:
    user = _signed_in(world, form, headers, now)
    if path != f"/id/{world.organization['Id']}/{user['Id']}":
        raise OAuthError("invalid_request", "Bad_Id", status=403)
    claims = _claims(world, user)
    extra = {
        "id": world.public_url + path,
        "asserted_user": True,
        "username": user["Username"],
        "display_name": claims["name"],
    }
    return _json(claims | extra)


_ENDPOINTS: Mapping[str, Callable[[World, Form, Form, datetime], Response]] = {
    "/services/oauth2/token": _token,
    "/services/oauth2/revoke": _revoke,
    "/services/oauth2/introspect": _introspect,
    "/services/oauth2/userinfo": _userinfo,
}
