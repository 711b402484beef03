"""``/connect/userinfo``, which discovery names: who the person behind a token is, as OpenID Connect has it (XERO 1.1)."""

from __future__ import annotations

from datetime import datetime

from crossfoot.emulators.wire import Request, Response
from crossfoot.emulators.xero.errors import ApiError, json_response
from crossfoot.emulators.xero.gate import check_bearer
from crossfoot.emulators.xero.identity import person_claims, subject_claims
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
    known = {**subject_claims(grant), **person_claims(world, grant)}
    names = [name for scope, opened in CLAIMS.items() if scope in grant["scope"] for name in opened]
    return json_response({name: known[name] for name in ("sub", *names)})
