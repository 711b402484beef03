"""Xero's identity service and /connections: consent, tokens, rotation with grace, revocation, discovery (XERO 1)."""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from jwt.algorithms import RSAAlgorithm

from crossfoot.emulators.pages import hidden_fields, page_response
from crossfoot.emulators.wire import Request, Response
from crossfoot.emulators.xero import scopes
from crossfoot.emulators.xero.chart import FOUNDED
from crossfoot.emulators.xero.errors import ApiError, json_response, not_allowed, not_found

if TYPE_CHECKING:
    from crossfoot.emulators.xero.world import World

Record = dict[str, Any]

ACCESS_LIFE = timedelta(minutes=30)
EXPIRED_KEPT = timedelta(days=1)  # an expired token is named as such for this long, then it is unknown
CODE_LIFE = timedelta(minutes=5)
REFRESH_LIFE = timedelta(days=60)
REFRESH_GRACE = timedelta(minutes=30)
KEY_ID = "emulator-1"

# Which user of the organisation stands behind each grant; see chart.USERS.
CONSENTING_USER, ACCESS_USER, REFRESH_USER = 1, 2, 3


def _refusal(error: str, description: str | None = None) -> ApiError:
    """The identity service's errors have a shape of their own (XERO 1.5)."""
    body = {"error": error, **({"error_description": description} if description else {})}
    return ApiError(400, json.dumps(body).encode())


def discovery(world: World, _request: Request, _now: datetime) -> Response:
    """OIDC discovery; xero-node depends on it (XERO 1.1)."""
    base = _identity_url(world)
    return json_response(
        {
            "issuer": base,
            "jwks_uri": f"{base}/.well-known/openid-configuration/jwks",
            "authorization_endpoint": f"{base}/identity/connect/authorize",
            "token_endpoint": f"{base}/connect/token",
            "userinfo_endpoint": f"{base}/connect/userinfo",
            "end_session_endpoint": f"{base}/connect/endsession",
            "revocation_endpoint": f"{base}/connect/revocation",
            "scopes_supported": world.app["scopes"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
    )


def _identity_url(world: World) -> str:
    """Where identity is served: from the API's host, but where that goes by Xero's own name (XERO 1.1)."""
    return world.public_url.replace("//api.xero.com", "//identity.xero.com")


def jwks(world: World, _request: Request, _now: datetime) -> Response:
    public = RSAAlgorithm.to_jwk(world.signing_key.public_key(), as_dict=True)
    return json_response({"keys": [{**public, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]})


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def show_consent(world: World, request: Request, _now: datetime) -> Response:
    """The page on which a person picks one organisation (XERO 1.2)."""
    asked = _form(request.query.encode())
    _check_authorize(world, asked)
    options = "".join(
        f'<option value="{tenant}">{escape(found.info["Name"])}</option>'
        for tenant, found in world.organisations.items()
    )
    wishes = "".join(f"<li>{escape(scope)}</li>" for scope in asked.get("scope", "").split())
    content = f"""<h1>{escape(world.app["name"])} wants access</h1><p>Xero, emulated</p>
<p>The app is asking for:</p><ul>{wishes}</ul>
<form method="post" action="/identity/connect/authorize">{hidden_fields(asked)}
<label for="organisation">Organisation</label><select id="organisation" name="tenant_id">{options}</select>
<button name="decision" value="deny">Cancel</button>
<button class="main" name="decision" value="allow">Allow access</button></form>"""
    return page_response("Allow access | Xero emulator", content)


def give_consent(world: World, request: Request, now: datetime) -> Response:
    """The form's answer: a redirect with a code, or with access_denied."""
    asked = _form(request.query.encode()) | _form(request.body)
    scope = _check_authorize(world, asked)
    state = {"state": asked["state"]} if "state" in asked else {}
    if asked.get("decision") == "deny":
        return _redirect(asked["redirect_uri"], {"error": "access_denied", **state})
    tenant = asked.get("tenant_id") or next(iter(world.organisations))
    if tenant not in world.organisations:
        raise _refusal("invalid_request", "Unknown organisation")
    grant = _new_grant(world, tenant, CONSENTING_USER, now, scope)
    code = world.new_secret()
    world.state["codes"][code] = {
        "grant": grant,
        "expires": now + CODE_LIFE,
        "redirect_uri": asked["redirect_uri"],
        "challenge": asked.get("code_challenge"),
        "nonce": asked.get("nonce"),
    }
    return _redirect(asked["redirect_uri"], {"code": code, "scope": " ".join(scope), **state})


def _redirect(uri: str, members: Mapping[str, str]) -> Response:
    joint = "&" if urlsplit(uri).query else "?"
    return Response(302, (("Location", f"{uri}{joint}{urlencode(members)}"),))


def _check_authorize(world: World, asked: Mapping[str, str]) -> list[str]:
    if asked.get("client_id") != world.app["client_id"]:
        raise _refusal("unauthorized_client", "Unknown client or client not enabled")
    if not _may_return_to(world, asked.get("redirect_uri", "")):
        raise _refusal("unauthorized_client", "Invalid redirect_uri")
    if asked.get("response_type") != "code":
        raise _refusal("unsupported_response_type")
    if "code_challenge" in asked and asked.get("code_challenge_method") != "S256":
        raise _refusal("invalid_request", "Transform algorithm not supported")
    scope = asked.get("scope", "").split()
    if not scope or not set(scope) <= set(world.app["scopes"]):
        raise _refusal("unauthorized_client", "Invalid scope for client")
    return scope


def _may_return_to(world: World, address: str) -> bool:
    """Whether a consent may lead back to an address: one that is registered, or any on this machine (XERO 1.2)."""
    try:
        uri = urlsplit(address)
    except ValueError:
        return False
    local = uri.scheme == "http" and uri.hostname == "localhost" and address.isascii() and address.isprintable()
    return local or address in world.app["redirect_uris"]


def _new_grant(world: World, tenant: str, user_place: int, now: datetime, scope: list[str]) -> Record:
    """Connect a user to an organisation; scopes add up over a user's consents (XERO 1.8)."""
    users = list(world.organisations[tenant].all("Users"))
    user = users[user_place]["UserID"]
    event = world.new_id()
    mine = [found for found in world.state["connections"].values() if found["user"] == user]
    connection = next((found for found in mine if found["tenant"] == tenant), None)
    earlier = [name for found in mine for name in found["scope"]]
    all_scopes = list(dict.fromkeys([*earlier, *scope]))
    connection_id = connection["id"] if connection else world.new_id()
    world.state["connections"][connection_id] = {
        "id": connection_id,
        "user": user,
        "tenant": tenant,
        "event": event,
        "scope": all_scopes,
        "created": connection["created"] if connection else now,
        "updated": now,
    }
    return {"user": user, "event": event, "scope": all_scopes, "session": world.new_id(), "auth_time": now}


def exchange(world: World, request: Request, now: datetime) -> Response:
    """POST /connect/token for all three grants."""
    form = _form(request.body)
    client_id, secret = _client(request, form)
    if not client_id or client_id != world.app["client_id"]:
        raise _refusal("invalid_client" if client_id else "unauthorized_client")
    known = str(world.app["client_secret"]).encode()
    if secret is not None and not _is_public(world, form) and not compare_digest(secret.encode(), known):
        raise _refusal("invalid_client")
    grant_type = _GRANTS.get(form.get("grant_type", ""))
    if grant_type is None:
        raise _refusal("unsupported_grant_type")
    return json_response(grant_type(world, form, secret is not None, now), headers=(("Cache-Control", "no-store"),))


def _is_public(world: World, form: Mapping[str, str]) -> bool:
    """Whether a refresh goes on from PKCE: such an app has no secret, and one that it sends all the same is not looked
    at (XERO 1.3; unconfirmed)."""
    found = world.state["refresh_tokens"].get(form.get("refresh_token", ""))
    return found is not None and bool(found["grant"].get("public"))


def _client(request: Request, form: Mapping[str, str]) -> tuple[str, str | None]:
    """Client id and secret from Basic authentication or the body; PKCE clients have no secret."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = b64decode(token, validate=True).decode().partition(":")
        except (Base64Error, UnicodeDecodeError):
            raise _refusal("invalid_client") from None
        return client_id, secret
    return form.get("client_id", ""), form.get("client_secret") or None


def _by_code(world: World, form: Mapping[str, str], confidential: bool, now: datetime) -> Record:
    found = world.state["codes"].pop(form.get("code", ""), None)
    if found is None or found["expires"] < now or found["redirect_uri"] != form.get("redirect_uri"):
        raise _refusal("invalid_grant")
    if found["challenge"] is not None:
        verifier = form.get("code_verifier", "")
        digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        if not 43 <= len(verifier) <= 128 or digest != found["challenge"]:
            raise _refusal("invalid_grant")
    elif not confidential:
        raise _refusal("invalid_client")
    return _token_set(world, {**found["grant"], "public": not confidential}, now, found["nonce"])


def _by_refresh(world: World, form: Mapping[str, str], _confidential: bool, now: datetime) -> Record:
    """Rotate: a new refresh token each time; the used one works for 30 minutes more (XERO 1.5)."""
    found = world.state["refresh_tokens"].get(form.get("refresh_token", ""))
    if found is None:
        raise _refusal("invalid_grant")
    unused = found["used"] is None and now - (found["issued"] or now) > REFRESH_LIFE
    if unused or (found["used"] is not None and now - found["used"] > REFRESH_GRACE):
        raise _refusal("invalid_grant")
    found["used"] = found["used"] or now
    return _token_set(world, found["grant"], now)


def _by_client(world: World, form: Mapping[str, str], confidential: bool, now: datetime) -> Record:
    """Custom connection: no user, no refresh token, one organisation. What an app does not ask for by ``scope`` it
    gets all of; some SDKs send ``scopes``, which means nothing (XERO 1.4)."""
    if not confidential:
        raise _refusal("invalid_client")
    asked = form.get("scope", "").split()
    of_the_app = bool(asked) and set(asked) <= set(scopes.OF_THE_APP)
    if world.state["custom_ended"] and not of_the_app:
        raise _refusal("unauthorized_client")
    available = [scope for scope in world.app["scopes"] if scope not in scopes.BASE_SCOPES]
    asked = asked or available
    if not of_the_app and not set(asked) <= set(world.app["scopes"]):
        raise _refusal("invalid_scope")
    grant = {"user": None, "event": world.new_id(), "scope": asked, "session": world.new_id(), "auth_time": now}
    return {
        "access_token": _access_token(world, grant, now),
        "expires_in": int(ACCESS_LIFE.total_seconds()),
        "token_type": "Bearer",
        "scope": " ".join(asked),
    }


_GRANTS: Mapping[str, Callable[[World, Mapping[str, str], bool, datetime], Record]] = {
    "authorization_code": _by_code,
    "refresh_token": _by_refresh,
    "client_credentials": _by_client,
}


def _token_set(world: World, grant: Record, now: datetime, nonce: str | None = None) -> Record:
    scope = grant["scope"]
    answer: Record = {"id_token": _id_token(world, grant, now, nonce)} if "openid" in scope else {}
    answer["access_token"] = _access_token(world, grant, now)
    answer["expires_in"] = int(ACCESS_LIFE.total_seconds())
    answer["token_type"] = "Bearer"  # noqa: S105 - a kind of token, not a token
    if "offline_access" in scope:
        answer["refresh_token"] = _refresh_token(world, grant, now)
    answer["scope"] = " ".join(scope)
    return answer


def _refresh_token(world: World, grant: Record, issued: datetime | None) -> str:
    token = world.new_secret()
    world.state["refresh_tokens"][token] = {"grant": grant, "issued": issued, "used": None}
    return token


def _access_token(world: World, grant: Record, now: datetime) -> str:
    """Sign an access token; inside the emulator it is looked up, and it expires by the emulator's clock."""
    jti = world.new_secret()
    claims = {
        **_claims(world, grant, now, ACCESS_LIFE),
        "aud": f"{_identity_url(world)}/resources",
        "client_id": world.app["client_id"],
        "jti": jti,
        "authentication_event_id": grant["event"],
        "scope": grant["scope"],
    }
    token = _signed(world, claims)
    known = world.state["access_tokens"].items()
    world.state["access_tokens"] = {
        **{key: row for key, row in known if row["expires"] is None or row["expires"] > now - EXPIRED_KEPT},
        token: {"grant": grant, "expires": now + ACCESS_LIFE, "jti": jti},
    }
    return token


def _id_token(world: World, grant: Record, now: datetime, nonce: str | None) -> str:
    claims = {
        **_claims(world, grant, now, timedelta(minutes=5)),
        "aud": world.app["client_id"],
        **person_claims(world, grant),
        **({"nonce": nonce} if nonce else {}),
    }
    return _signed(world, claims)


def person_claims(world: World, grant: Record) -> Record:
    """What the person behind a grant is called."""
    user = next(u for found in world.organisations.values() if (u := found.get("Users", grant["user"])))
    first, last = user["FirstName"], user["LastName"]
    return {
        "email": user["EmailAddress"],
        "preferred_username": user["EmailAddress"],
        "given_name": first,
        "family_name": last,
        "name": f"{first} {last}",
    }


def subject_claims(grant: Record) -> Record:
    """Who the person behind a grant is; nobody stands behind a custom connection."""
    user = grant["user"]
    return {"sub": sha256(user.encode()).hexdigest()[:32], "xero_userid": user} if user else {}


def _claims(world: World, grant: Record, now: datetime, life: timedelta) -> Record:
    # Clients compare signed instants with their own clock, so these stay on the host's.
    host_now = int(now.timestamp() - world.host_offset_s)
    return {
        "nbf": host_now,
        "iat": host_now,
        "exp": host_now + int(life.total_seconds()),
        "iss": _identity_url(world),
        "auth_time": int(grant["auth_time"].timestamp() - world.host_offset_s),
        "global_session_id": grant["session"],
        **subject_claims(grant),
    }


def _signed(world: World, claims: Record) -> str:
    return jwt.encode(claims, world.signing_key, algorithm="RS256", headers={"kid": KEY_ID})


def ready_tokens(world: World, now: datetime | None) -> Record:
    """The access token and the refresh token that a world hands out at its start, renewed when they have run out.
    In a world that has seen no clock yet, the access token's half hour begins with its first use."""
    instant = now or FOUNDED
    ready: Record = world.state["ready"]
    scope = [scope for scope in world.app["scopes"] if scope not in scopes.LEGACY]
    access = world.state["access_tokens"].get(ready.get("access_token"))
    if access is None or (access["expires"] is not None and access["expires"] <= instant):
        grant = _new_grant(world, world.app["tenant_id"], ACCESS_USER, instant, scope)
        ready["access_token"] = token = _access_token(world, grant, instant)
        if now is None:
            world.state["access_tokens"][token]["expires"] = None
    refresh = world.state["refresh_tokens"].get(ready.get("refresh_token"))
    if refresh is None or refresh["used"] is not None:
        grant = _new_grant(world, world.app["tenant_id"], REFRESH_USER, instant, scope)
        ready["refresh_token"] = _refresh_token(world, grant, now)
    return {"access_token": ready["access_token"], "refresh_token": ready["refresh_token"]}


def revoke(world: World, request: Request, _now: datetime) -> Response:
    """Drop the user's refresh tokens and all of that user's connections to the app (XERO 1.5)."""
    form = _form(request.body)
    client_id, secret = _client(request, form)
    if client_id != world.app["client_id"] or (secret is not None and secret != world.app["client_secret"]):
        raise _refusal("invalid_client")
    found = world.state["refresh_tokens"].get(form.get("token", ""))
    if found is not None:
        user = found["grant"]["user"]
        tokens, connected = world.state["refresh_tokens"], world.state["connections"]
        world.state["refresh_tokens"] = {key: row for key, row in tokens.items() if row["grant"]["user"] != user}
        world.state["connections"] = {key: row for key, row in connected.items() if row["user"] != user}
    return Response(200)


def tenants_of(world: World, grant: Record) -> list[str]:
    """The organisations a token may reach: the user's connections, or the custom connection's one while it lasts; none
    for a token of the app itself."""
    if grant["user"] is None:
        return (
            []
            if world.state["custom_ended"] or set(grant["scope"]) <= set(scopes.OF_THE_APP)
            else [world.app["tenant_id"]]
        )
    return [found["tenant"] for found in world.state["connections"].values() if found["user"] == grant["user"]]


def connections(world: World, request: Request, grant: Record, path: list[str]) -> Response:
    """GET /connections and DELETE /connections/{id} (XERO 1.6)."""
    every, of_the_app = (
        world.state["connections"],
        "app.connections" in grant["scope"],
    )  # all users', for the app itself
    mine = {key: row for key, row in every.items() if of_the_app or row["user"] == grant["user"]}
    if request.method == "DELETE" and len(path) == 2:
        if grant["user"] is None and path[1].lower() in tenants_of(world, grant):
            world.state["custom_ended"] = True
            return Response(204)
        if path[1].lower() not in mine:
            raise not_found()
        del world.state["connections"][path[1].lower()]
        return Response(204)
    if request.method != "GET" or len(path) != 1:
        raise not_allowed()
    if grant["user"] is None and not of_the_app:
        return json_response([_custom_connection(world, grant) for _ in tenants_of(world, grant)])
    event = {name.lower(): value for name, value in _form(request.query.encode()).items()}.get("autheventid")
    return json_response([_connection(world, row) for row in mine.values() if event in {None, row["event"]}])


def _custom_connection(world: World, grant: Record) -> Record:
    tenant = world.app["tenant_id"]
    made = world.organisations[tenant].info["CreatedDateUTC"]
    row = {"id": tenant, "event": grant["event"], "tenant": tenant, "created": made, "updated": made}
    return _connection(world, row)


def _connection(world: World, row: Record) -> Record:
    return {
        "id": row["id"],
        "authEventId": row["event"],
        "tenantId": row["tenant"],
        "tenantType": "ORGANISATION",
        "tenantName": world.organisations[row["tenant"]].info["Name"],
        # Seven digits of a second and no Z, unlike every other stamp (XERO 1.6).
        "createdDateUtc": f"{row['created']:%Y-%m-%dT%H:%M:%S.%f}0",
        "updatedDateUtc": f"{row['updated']:%Y-%m-%dT%H:%M:%S.%f}0",
    }
