"""Who a user is: userinfo, the identity URL, the id token, and what OpenID clients discover (SF 1.3)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from crossfoot.emulators.salesforce import sessions, signing
from crossfoot.emulators.salesforce.errors import ApiError, IdentityError, OAuthError
from crossfoot.emulators.salesforce.values import to_json
from crossfoot.emulators.salesforce.world import Row, World
from crossfoot.emulators.wire import Response

ID_TOKEN_LIFE_S = 120
JSON = (("Content-Type", "application/json;charset=UTF-8"),)
Form = Mapping[str, str]


def address_of(world: World, user_id: str) -> str:
    """The identity URL of a user."""
    return f"{world.public_url}/id/{world.organization['Id']}/{user_id}"


def host_seconds(world: World, instant: datetime) -> int:
    """An instant in a signed token: on the host's clock, with which clients compare it."""
    return int((instant - timedelta(seconds=world.host_offset_s)).timestamp())


def userinfo(world: World, form: Form, headers: Form, now: datetime) -> Response:
    """GET /services/oauth2/userinfo."""
    user = _signed_in(world, form, headers, now)
    return Response(200, JSON, to_json({**_claims(world, user, now), "sub": address_of(world, user["Id"])}))


def identity(world: World, path: str, form: Form, headers: Form, now: datetime) -> Response:
    """GET /id/{organisation}/{user}: whoever the token stands for, and nobody else."""
    user = _signed_in(world, form, headers, now)
    if path != f"/id/{world.organization['Id']}/{user['Id']}":
        raise OAuthError("invalid_request", "Bad_Id", status=403)
    claims = _claims(world, user, now)
    extra = {
        "id": address_of(world, user["Id"]),
        "asserted_user": True,
        "username": user["Username"],
        "display_name": claims["name"],
        "nick_name": user.get("Alias"),
        "first_name": user.get("FirstName"),
        "last_name": user["LastName"],
        "timezone": user.get("TimeZoneSidKey"),
        "is_lightning_login_user": False,
        "last_modified_date": f"{user['LastModifiedDate']:%Y-%m-%dT%H:%M:%SZ}",
    }
    return Response(200, JSON, to_json(claims | extra))


def single_access(world: World, form: Form, headers: Form, now: datetime) -> Response:
    """GET /services/oauth2/singleaccess: an address that opens the user interface once, as command lines show it."""
    try:
        _signed_in(world, form, headers, now)
    except IdentityError as error:
        raise ApiError("INVALID_SESSION_ID", "Session expired or invalid", status=401) from error
    query = {"otp": world.random_text(40)} | ({"startURL": form["redirect_uri"]} if "redirect_uri" in form else {})
    return Response(200, JSON, to_json({"frontdoor_uri": f"{world.public_url}/secur/frontdoor.jsp?{urlencode(query)}"}))


def _signed_in(world: World, form: Form, headers: Form, now: datetime) -> Row:
    token = sessions.bearer(headers) or form.get("oauth_token", "") or form.get("access_token", "")
    session = sessions.session_of(world, token, now)
    if session is None:
        raise IdentityError("Bad_OAuth_Token" if token else "Missing_OAuth_Token")
    return sessions.user_of(world, session["user"])


def _claims(world: World, user: Row, now: datetime) -> dict[str, Any]:
    name = " ".join(user[part] for part in ("FirstName", "LastName") if user.get(part))
    picture = f"{world.public_url}/profilephoto/005"
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
        "profile": f"{world.public_url}/{user['Id']}",
        "picture": f"{picture}/F",
        "photos": {"picture": f"{picture}/F", "thumbnail": f"{picture}/T"},
        "zoneinfo": user.get("TimeZoneSidKey"),
        "locale": user.get("LocaleSidKey"),
        "language": user.get("LanguageLocaleKey"),
        "utcOffset": _standard_offset_ms(user.get("TimeZoneSidKey") or "UTC", now),
        "user_type": "STANDARD",
        "active": bool(user.get("IsActive")),
        "is_app_installed": True,
        "updated_at": f"{user['LastModifiedDate']:%Y-%m-%dT%H:%M:%SZ}",
        "urls": _urls(world, user["Id"]),
    }


def _standard_offset_ms(zone: str, now: datetime) -> int:
    """How far a zone is ahead of UTC without summer time."""
    local = now.astimezone(ZoneInfo(zone))
    ahead = (local.utcoffset() or timedelta()) - (local.dst() or timedelta())
    return ahead // timedelta(milliseconds=1)


def _urls(world: World, user_id: str) -> dict[str, str]:
    """Addresses with a literal ``{version}`` (SF 1.3)."""
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
        "tooling_soap": f"{base}/services/Soap/T/{{version}}/{org_id[:15]}",
        "tooling_rest": f"{data}tooling/",
        "profile": f"{base}/{user_id}",
        "custom_domain": base,
    }


def id_token(world: World, user: Row, app_key: str, access_token: str, nonce: str | None, now: datetime) -> str:
    """A signed OpenID token, for the scope ``openid``."""
    issued = host_seconds(world, now)
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    claims = {
        "iss": world.public_url,
        "sub": address_of(world, user["Id"]),
        "aud": app_key,
        "iat": issued,
        "exp": issued + ID_TOKEN_LIFE_S,
        "at_hash": base64.urlsafe_b64encode(half).decode().rstrip("="),
        **({"nonce": nonce} if nonce else {}),
    }
    return signing.sign(world.seed, claims)


def keys(world: World, _form: Form, _headers: Form, _now: datetime) -> Response:
    """GET /id/keys: what id tokens are checked with."""
    return Response(200, JSON, to_json(signing.key_set(world.seed)))


def discovery(world: World, _form: Form, _headers: Form, _now: datetime) -> Response:
    """GET /.well-known/openid-configuration."""
    base = world.public_url
    oauth = f"{base}/services/oauth2"
    described = {
        "issuer": base,
        "authorization_endpoint": f"{oauth}/authorize",
        "token_endpoint": f"{oauth}/token",
        "revocation_endpoint": f"{oauth}/revoke",
        "introspection_endpoint": f"{oauth}/introspect",
        "userinfo_endpoint": f"{oauth}/userinfo",
        "jwks_uri": f"{base}/id/keys",
        "scopes_supported": list(world.settings["scopes"]),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
    }
    return Response(200, JSON, to_json(described))
