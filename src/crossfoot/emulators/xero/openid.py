"""What discovery names: who the person behind a token is, how a session ends, and the routes of identity (XERO 1.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import parse_qs, urlencode

from crossfoot.emulators.pages import page_response
from crossfoot.emulators.wire import Request, Response
from crossfoot.emulators.xero import identity
from crossfoot.emulators.xero.errors import ApiError, json_response
from crossfoot.emulators.xero.gate import check_bearer
from crossfoot.emulators.xero.world import World

# What each scope tells besides ``sub``; section 5.4 of OpenID Connect Core.
CLAIMS = {
    "profile": ("xero_userid", "preferred_username", "given_name", "family_name", "name"),
    "email": ("email",),
}


def user_info(world: World, request: Request, now: datetime) -> Response:
    """The claims that the granted scopes open. Without ``openid``, a refusal by the protocol (XERO 1.1)."""
    grant = check_bearer(world, request, now)["grant"]
    if grant["user"] is None or "openid" not in grant["scope"]:
        raise ApiError(403, b"", (("WWW-Authenticate", 'Bearer error="insufficient_scope"'),))
    known = {**identity.subject_claims(grant), **identity.person_claims(world, grant)}
    names = [name for scope, opened in CLAIMS.items() if scope in grant["scope"] for name in opened]
    return json_response({name: known[name] for name in ("sub", *names)})


def end_session(_world: World, request: Request, _now: datetime) -> Response:
    """Where a browser goes to sign out: back to the app, if it says where. Tokens live on (OpenID Connect logout)."""
    asked = {name: values[0] for name, values in parse_qs(request.query).items()}
    back = asked.get("post_logout_redirect_uri")
    if back is None:
        return page_response("Signed out | Xero emulator", "<h1>Signed out</h1>")
    state = f"?{urlencode({'state': asked['state']})}" if "state" in asked else ""
    return Response(302, (("Location", back + state),))


IDENTITY_ROUTES: Mapping[tuple[str, str], Callable[[World, Request, datetime], Response]] = {
    ("GET", "/.well-known/openid-configuration"): identity.discovery,
    ("GET", "/.well-known/openid-configuration/jwks"): identity.jwks,
    ("GET", "/identity/connect/authorize"): identity.show_consent,
    ("POST", "/identity/connect/authorize"): identity.give_consent,
    ("POST", "/connect/token"): identity.exchange,
    ("POST", "/connect/revocation"): identity.revoke,
    ("GET", "/connect/userinfo"): user_info,
    ("POST", "/connect/userinfo"): user_info,
    ("GET", "/connect/endsession"): end_session,
}
