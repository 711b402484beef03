"""Consent, tokens, rotation with grace, connections, scopes (XERO 1)."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest

from crossfoot.emulators.wire import Request, Response
from crossfoot.emulators.xero import credentials, handle

from .conftest import Client

REDIRECT = "http://localhost:8400/callback"
SCOPE = "openid profile email offline_access accounting.contacts accounting.invoices.read"


def _post(xero: Client, path: str, form: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return handle(xero.world, Request("POST", path, "", headers or {}, urlencode(form).encode()), xero.now)[0]


def _app(xero: Client) -> dict[str, str]:
    app = xero.world.app
    return {"client_id": app["client_id"], "client_secret": app["client_secret"]}


def _token(xero: Client, **form: Any) -> dict[str, Any]:
    response = _post(xero, "/connect/token", form)
    assert response.status == 200, response.body
    found: dict[str, Any] = json.loads(response.body)
    return found


def _error(xero: Client, **form: Any) -> str:
    response = _post(xero, "/connect/token", form)
    assert response.status == 400
    return str(json.loads(response.body)["error"])


def _consent(xero: Client, **more: str) -> dict[str, str]:
    asked = {
        "response_type": "code",
        "client_id": xero.world.app["client_id"],
        "redirect_uri": REDIRECT,
        "scope": SCOPE,
        "state": "s1",
        **more,
    }
    response = _post(xero, "/identity/connect/authorize", asked)
    assert response.status == 302, response.body
    location = urlsplit(dict(response.headers)["Location"])
    return {name: value[0] for name, value in parse_qs(location.query).items()}


def _by_code(xero: Client, **more: str) -> dict[str, Any]:
    code = _consent(xero, **more)["code"]
    return _token(xero, grant_type="authorization_code", code=code, redirect_uri=REDIRECT, **_app(xero))


def test_consent_page_offers_the_organisations(xero: Client) -> None:
    query = urlencode(
        {
            "response_type": "code",
            "client_id": xero.world.app["client_id"],
            "redirect_uri": REDIRECT,
            "scope": SCOPE,
            "state": '"><script>',
        }
    )
    page = handle(xero.world, Request("GET", "/identity/connect/authorize", query), xero.now)[0]
    assert page.status == 200
    assert b"Harbour Point Advisory" in page.body
    assert b"<script>" not in page.body


def test_code_flow_yields_tokens_and_a_connection(xero: Client) -> None:
    tokens = _by_code(xero)
    assert set(tokens) == {"id_token", "access_token", "expires_in", "token_type", "refresh_token", "scope"}
    assert (tokens["expires_in"], tokens["token_type"], tokens["scope"]) == (1800, "Bearer", SCOPE)
    xero.token = tokens["access_token"]
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    query = {"authEventId": claims["authentication_event_id"]}
    (connection,) = xero.json("GET", "/Connections", query=query)
    assert (connection["tenantId"], connection["tenantType"]) == (xero.tenant, "ORGANISATION")
    assert connection["createdDateUtc"] == "2026-11-20T01:30:00.0000000"
    assert xero.rows("GET", "/Contacts") == []


def test_id_token_verifies_against_the_published_key(xero: Client) -> None:
    xero.world.host_offset_s = 3600
    tokens = _by_code(xero)
    discovery = json.loads(handle(xero.world, Request("GET", "/.well-known/openid-configuration"), xero.now)[0].body)
    place = urlsplit(discovery["jwks_uri"]).path
    keys = json.loads(handle(xero.world, Request("GET", place), xero.now)[0].body)["keys"]
    claims = jwt.decode(
        tokens["id_token"],
        jwt.PyJWK(keys[0]),
        algorithms=["RS256"],
        audience=xero.world.app["client_id"],
        issuer=discovery["issuer"],
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    assert claims["iat"] == xero.now.timestamp() - 3600


@pytest.mark.parametrize(
    ("scope", "members"),
    [
        ("openid", {"sub"}),
        ("openid email", {"sub", "email"}),
        ("openid profile", {"sub", "xero_userid", "preferred_username", "given_name", "family_name", "name"}),
        ("email", None),
    ],
)
def test_user_info_tells_what_the_scopes_open(xero: Client, scope: str, members: set[str] | None) -> None:
    code = _consent(xero, scope=scope)["code"]
    token = _token(xero, grant_type="authorization_code", code=code, redirect_uri=REDIRECT, **_app(xero))
    signed = {"authorization": f"Bearer {token['access_token']}"}
    answer = handle(xero.world, Request("GET", "/connect/userinfo", "", signed), xero.now)[0]
    if members is None:
        assert (answer.status, dict(answer.headers)["WWW-Authenticate"]) == (403, 'Bearer error="insufficient_scope"')
        return
    told = json.loads(answer.body)
    assert set(told) == members
    claims = jwt.decode(token["id_token"], options={"verify_signature": False})
    assert told["sub"] == claims["sub"]


def test_a_browser_that_signs_out_is_led_back(xero: Client) -> None:
    asked = urlencode({"post_logout_redirect_uri": "http://localhost:8400/", "state": "s2"})
    answer = handle(xero.world, Request("GET", "/connect/endsession", asked), xero.now)[0]
    assert (answer.status, dict(answer.headers)["Location"]) == (302, "http://localhost:8400/?state=s2")
    assert b"Signed out" in handle(xero.world, Request("GET", "/connect/endsession"), xero.now)[0].body


def test_a_code_is_good_once_and_for_five_minutes(xero: Client) -> None:
    for wait in (0, 6):
        code = _consent(xero)["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **_app(xero)}
        if wait:
            xero.wait(minutes=wait)
        else:
            _token(xero, **form)
        assert _error(xero, **form) == "invalid_grant"


def test_pkce(xero: Client) -> None:
    verifier = "v" * 43
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "client_id": xero.world.app["client_id"]}
    for sent, good in ((verifier, True), ("w" * 43, False)):
        code = _consent(xero, code_challenge=challenge, code_challenge_method="S256")["code"]
        if good:
            tokens = _token(xero, **form, code=code, code_verifier=sent)
            refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
            assert _token(xero, **refresh, client_id=form["client_id"])["access_token"]
        else:
            assert _error(xero, **form, code=code, code_verifier=sent) == "invalid_grant"
    assert _error(xero, **form, code=_consent(xero)["code"]) == "invalid_client"


@pytest.mark.parametrize("uri", ["http://127.0.0.1:8400/callback", "https://example.com/cb", "javascript:x", ""])
def test_redirects_go_to_localhost_only(xero: Client, uri: str) -> None:
    asked = {"response_type": "code", "client_id": xero.world.app["client_id"], "redirect_uri": uri, "scope": SCOPE}
    assert _post(xero, "/identity/connect/authorize", asked).status == 400


def test_a_secret_that_comes_with_a_refresh_counts_but_for_pkce(xero: Client) -> None:
    verifier = "v" * 43
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    code = _consent(xero, code_challenge=challenge, code_challenge_method="S256")["code"]
    app = {"client_id": xero.world.app["client_id"]}
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": verifier}
    public, confidential = _token(xero, **form, **app), _by_code(xero)
    sent = {"grant_type": "refresh_token", "client_secret": "PLACEHOLDER", **app}
    again = _token(xero, **sent, refresh_token=public["refresh_token"])
    assert _token(xero, **sent, refresh_token=again["refresh_token"])["access_token"]
    assert _error(xero, **sent, refresh_token=confidential["refresh_token"]) == "invalid_client"


def test_refusing_consent_says_so(xero: Client) -> None:
    assert _consent(xero, decision="deny") == {"error": "access_denied", "state": "s1"}


def test_refresh_rotates_and_the_used_token_has_thirty_minutes_of_grace(xero: Client) -> None:
    first = _by_code(xero)["refresh_token"]
    form = {"grant_type": "refresh_token", **_app(xero)}
    second = _token(xero, **form, refresh_token=first)["refresh_token"]
    assert second != first
    xero.wait(minutes=30)
    third = _token(xero, **form, refresh_token=first)["refresh_token"]
    assert third not in {first, second}
    xero.wait(seconds=1)
    assert _error(xero, **form, refresh_token=first) == "invalid_grant"
    xero.wait(days=59)
    assert _token(xero, **form, refresh_token=second)
    xero.wait(days=2)
    assert _error(xero, **form, refresh_token=third) == "invalid_grant"


def test_access_token_expires_after_thirty_minutes(xero: Client) -> None:
    xero.wait(minutes=29, seconds=59)
    assert xero.send("GET", "/Organisation").status == 200
    xero.wait(seconds=1)
    answer = xero.json("GET", "/Organisation")
    assert (answer["Status"], answer["Detail"]) == (401, "TokenExpired: token expired at 11/20/2026 02:00:00")


def test_client_credentials(xero: Client) -> None:
    basic = b64encode(":".join(_app(xero).values()).encode()).decode()
    response = _post(xero, "/connect/token", {"grant_type": "client_credentials"}, {"authorization": f"Basic {basic}"})
    tokens = json.loads(response.body)
    assert set(tokens) == {"access_token", "expires_in", "token_type", "scope"}
    xero.token, tenant = tokens["access_token"], xero.tenant
    assert [row["tenantId"] for row in xero.json("GET", "/connections")] == [tenant]
    xero.tenant = ""
    assert xero.one("GET", "/Organisation")["OrganisationID"] == tenant


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", "scope": "accounting.nonsense"}, "invalid_scope"),
        ({"grant_type": "client_credentials", "client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "client_credentials", "client_secret": "schlüssel"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "nope"}, "invalid_grant"),
    ],
)
def test_refused_grants(xero: Client, form: dict[str, str], error: str) -> None:
    assert _error(xero, **{**_app(xero), **form}) == error


@pytest.mark.parametrize(
    "address",
    [
        "",
        "http://127.0.0.1:8400/",
        "http://[bad",
        "http://localhost/\r\nX-Header: 1",
        "http://localhost/€",
        "localhost",
    ],
)
def test_a_consent_leads_back_to_known_addresses_only(xero: Client, address: str) -> None:
    """XERO 1.2: registered ones, and plain http on localhost."""
    asked = {"response_type": "code", "client_id": xero.world.app["client_id"], "redirect_uri": address, "scope": SCOPE}
    assert _post(xero, "/identity/connect/authorize", asked).status == 400


def test_broad_scopes_only_for_apps_of_the_older_generation(make_client: Any) -> None:
    form = {"grant_type": "client_credentials", "scope": "accounting.transactions"}
    old, new = make_client(), make_client(legacy_scopes=False)
    old.token = _token(old, **form, **_app(old))["access_token"]
    assert old.send("GET", "/Invoices").status == 200
    assert old.send("GET", "/Contacts").status == 401
    assert _error(new, **form, **_app(new)) == "invalid_scope"


def test_missing_scope_is_401_and_read_scopes_do_not_write(xero: Client) -> None:
    xero.token = _by_code(xero)["access_token"]
    assert xero.send("GET", "/Invoices").status == 200
    refused = xero.send("PUT", "/Invoices", {"Invoices": []})
    assert refused.status == 401
    assert b"AuthorizationUnsuccessful" in refused.body
    assert "insufficient_scope" in dict(refused.headers)["WWW-Authenticate"]
    assert xero.send("GET", "/Accounts").status == 401


def test_unknown_tenant_is_403_and_junk_is_401(xero: Client) -> None:
    xero.tenant = "5f0c1c1e-0000-4000-8000-000000000000"
    assert xero.json("GET", "/Contacts")["Detail"] == "AuthenticationUnsuccessful"
    xero.token = "junk"
    assert xero.send("GET", "/Contacts").status == 401


def test_disconnecting_closes_the_organisation(xero: Client) -> None:
    (connection,) = xero.json("GET", "/connections")
    assert xero.send("DELETE", f"/connections/{connection['id']}").status == 204
    assert xero.send("DELETE", f"/connections/{connection['id']}").status == 404
    assert xero.send("GET", "/Contacts").status == 403


def test_revocation_ends_the_users_connections_only(xero: Client) -> None:
    tokens = _by_code(xero)
    assert _post(xero, "/connect/revocation", {"token": tokens["refresh_token"], **_app(xero)}).status == 200
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **_app(xero)}
    assert _error(xero, **form) == "invalid_grant"
    assert xero.send("GET", "/Contacts").status == 200  # another user's token
    xero.token = tokens["access_token"]
    assert xero.send("GET", "/Contacts").status == 403


def test_ready_tokens_are_grants_of_their_own(xero: Client) -> None:
    ready = credentials(xero.world, xero.now)
    assert ready == credentials(xero.world, xero.now)
    _token(xero, grant_type="refresh_token", refresh_token=ready["refresh_token"], **_app(xero))
    assert xero.send("GET", "/Contacts").status == 200
    xero.now += timedelta(hours=1)
    renewed = credentials(xero.world, xero.now)
    assert renewed["access_token"] != ready["access_token"]


def test_the_app_itself_sees_and_ends_connections_of_all_users(xero: Client) -> None:
    """XERO 1.4: ``app.connections`` is no tenant's scope."""
    users = _by_code(xero)["access_token"]
    form = {"grant_type": "client_credentials", **_app(xero)}
    ready, xero.token = xero.token, _token(xero, **form, scope="app.connections")["access_token"]
    rows = xero.json("GET", "/connections")
    assert len(rows) == 3  # of the three users that have consented
    assert xero.send("GET", "/Organisation").status == 403
    tenant, xero.tenant = xero.tenant, ""
    assert xero.send("GET", "/Organisation").status == 403
    assert [xero.send("DELETE", f"/connections/{row['id']}").status for row in rows] == [204] * 3
    assert xero.json("GET", "/connections") == []
    xero.tenant = tenant
    for xero.token in (users, ready):
        assert xero.send("GET", "/Organisation").status == 403
    assert _error(xero, **form, scope="app.connections accounting.contacts accounting.nonsense") == "invalid_scope"


def test_a_user_connects_several_organisations_with_one_set_of_tokens(make_client: Any) -> None:
    xero = make_client(organisations=[{"Name": "Harbour Point Advisory"}, {"Name": "Quay Street Trading"}])
    first, second = xero.world.organisations
    contacts = "openid offline_access accounting.contacts"
    earlier = _by_code(xero, tenant_id=first, scope=contacts)
    xero.token = _by_code(xero, tenant_id=second, scope="openid offline_access accounting.settings")["access_token"]
    known = {row["tenantId"]: row for row in xero.json("GET", "/connections")}
    assert known.keys() == {first, second}
    event = known[second]["authEventId"]
    assert [row["tenantId"] for row in xero.json("GET", "/connections", query={"authEventId": event})] == [second]
    for xero.tenant in (first, second):
        assert xero.send("GET", "/Contacts").status == xero.send("GET", "/Organisation").status == 200
    _post(xero, "/connect/revocation", {**_app(xero), "token": earlier["refresh_token"]})
    assert xero.json("GET", "/connections") == []
