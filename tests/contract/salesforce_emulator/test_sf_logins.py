"""How people and machines log in: pages, assertions, passwords, SOAP, OpenID, and what the org refuses (SF 1)."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from crossfoot.emulators.salesforce import World, new_world

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Answer, Org

AUTHORIZE = "/services/oauth2/authorize"
CALLBACK = "http://localhost:1717/OauthRedirect"
VERIFIER = "w" * 64
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def asked(org: Org, **changes: str) -> dict[str, str]:
    """What an app asks for when it sends a person to the login page."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
    return {
        "response_type": "code",
        "client_id": org.world.settings["consumer_key"],
        "redirect_uri": CALLBACK,
        "scope": "api refresh_token",
        "state": "s1",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **changes,
    }


def shown_form(answer: Answer, button: str) -> dict[str, str]:
    """What a browser sends when a person presses a button of the page without typing."""
    assert answer.status == 200
    page = answer.body.decode()
    fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page))
    [(name, value)] = re.findall(rf'<button[^>]* name="([^"]*)" value="([^"]*)">{button}</button>', page)
    return {key: unescape(text) for key, text in {**fields, name: value}.items()}


def submit(org: Org, form: dict[str, str]) -> Answer:
    return org.send("POST", AUTHORIZE, urlencode(form).encode())


def brought_back(answer: Answer) -> dict[str, str]:
    assert answer.status == 302, answer.body
    address = urlsplit(answer.headers["Location"])
    assert address._replace(query="").geturl() == CALLBACK
    return {name: values[0] for name, values in parse_qs(address.query).items()}


def exchanged(org: Org, code: str, **changes: str) -> Answer:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return org.token_by(**form, **changes)


def approve(org: Org, username: str, **changes: str) -> Answer:
    """The token answer after a person has logged in and allowed the app."""
    login = {"username": username, "password": org.world.settings["password"]}
    return exchanged(org, brought_back(submit(org, {**asked(org, **changes), **login}))["code"])


def test_a_person_logs_in_on_one_page_and_allows_on_the_next(org: Org) -> None:
    first = org.send("GET", AUTHORIZE, query=urlencode(asked(org, state='a"b<c')))
    assert b"a&quot;b&lt;c" in first.body
    typed = {"username": "SALES@harbourpoint.example", "password": org.world.settings["password"]}
    second = submit(org, shown_form(first, "Log in") | typed)
    assert b"You are logged in as sales@harbourpoint.example" in second.body
    assert b"Perform requests at any time" in second.body
    back = brought_back(submit(org, shown_form(second, "Allow")))
    assert back["state"] == 'a"b<c'
    token = exchanged(org, back["code"]).body["access_token"]
    claims = org.call("GET", "/services/oauth2/userinfo", token=token).body
    assert (claims["preferred_username"], claims["utcOffset"]) == ("sales@harbourpoint.example", 36_000_000)


def test_the_allow_page_serves_once_and_not_for_long(org: Org) -> None:
    typed = {"username": "sales@harbourpoint.example", "password": org.world.settings["password"], "step": "login"}
    page = submit(org, {**asked(org), **typed})
    denied = submit(org, shown_form(page, "Deny"))
    assert brought_back(denied)["error"] == "access_denied"
    allow = shown_form(page, "Allow")
    assert submit(org, allow).status == 302
    assert b"Your login has timed out" in submit(org, allow).body
    late = shown_form(submit(org, {**asked(org), **typed}), "Allow")
    org.tick(901)
    assert b"Your login has timed out" in submit(org, late).body
    assert b"Your login has timed out" in submit(org, {**late, "visit": "made-up"}).body


def test_a_blocked_app_is_told_by_redirect(org: Org) -> None:
    assert org.control("settings", {"app_error": "OAUTH_APP_BLOCKED"}).status == 200
    answer = org.send("GET", AUTHORIZE, query=urlencode(asked(org)))
    assert brought_back(answer)["error"] == "OAUTH_APP_BLOCKED"


def test_an_openid_client_discovers_keys_that_vouch_for_the_id_token(org: Org) -> None:
    described = org.send("GET", "/.well-known/openid-configuration").body
    granted = approve(org, "sales@harbourpoint.example", scope="openid api", nonce="n1").body
    assert "refresh_token" not in granted
    keys = org.send("GET", urlsplit(described["jwks_uri"]).path).body["keys"]
    [key] = [each for each in keys if each["kid"] == jwt.get_unverified_header(granted["id_token"])["kid"]]
    claims = jwt.decode(
        granted["id_token"],
        jwt.PyJWK(key),
        algorithms=["RS256"],
        audience=org.world.settings["consumer_key"],
        issuer=described["issuer"],
        options={"verify_exp": False, "verify_iat": False},  # the test's clock is not the host's
    )
    half = hashlib.sha256(granted["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).decode().rstrip("=")
    assert (claims["sub"], claims["nonce"]) == (granted["id"], "n1")


def test_an_app_that_keeps_no_secret_signs_in_with_pkce_alone(org: Org) -> None:
    login = {"username": "admin@harbourpoint.example", "password": org.world.settings["password"]}
    wish = {**asked(org, client_id="PlatformCLI", scope="refresh_token api web"), **login}
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    form |= {"client_id": "PlatformCLI"}
    code = brought_back(submit(org, wish))["code"]
    sent = urlencode({**form, "code": code, "client_secret": "x"}).encode()
    assert org.send("POST", "/services/oauth2/token", sent).body["error"] == "invalid_client"
    granted = org.send("POST", "/services/oauth2/token", urlencode({**form, "code": code}).encode()).body
    other = org.token_by(grant_type="refresh_token", refresh_token=granted["refresh_token"])
    assert other.body["error"] == "invalid_grant"
    mine = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"], "client_id": "PlatformCLI"}
    assert org.send("POST", "/services/oauth2/token", urlencode(mine).encode()).status == 200


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


@pytest.fixture(scope="module")
def certificate(key: rsa.RSAPrivateKey) -> str:
    """A self-signed certificate, as an administrator uploads it for an app."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "integration")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=3650))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def machine(org: Org, certificate: str) -> Org:
    assert org.control("settings", {"certificate": certificate}).status == 200
    return org


def asserted(org: Org, key: rsa.RSAPrivateKey, **changes: Any) -> Answer:
    claims = {
        "iss": org.world.settings["consumer_key"],
        "sub": org.world.settings["username"],
        "aud": "https://login.salesforce.com",
        "exp": int(org.now.timestamp()) + 180,
        **changes,
    }
    return org.token_by(grant_type=BEARER, assertion=jwt.encode(claims, key, algorithm="RS256"))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": "https://test.salesforce.com/"},
        {"aud": "https://harbourpoint--crossfoot.sandbox.my.salesforce.com"},
        {"exp": "1795138800"},
        {"exp": 1_795_138_200_300},
        {"exp": 1_795_138_100},
        {"sub": "INTEGRATION@harbourpoint.example"},
    ],
    ids=["plain", "test-host", "my-domain", "exp-as-text", "exp-in-milliseconds", "exp-just-past", "name-in-capitals"],
)
def test_a_signed_assertion_opens_a_session(machine: Org, key: rsa.RSAPrivateKey, changes: dict[str, Any]) -> None:
    granted = asserted(machine, key, **changes)
    assert granted.status == 200, granted.body
    assert not {"refresh_token", "expires_in"} & set(granted.body)
    assert "refresh_token" not in granted.body["scope"].split()
    assert machine.call("GET", "sobjects", token=granted.body["access_token"]).status == 200


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"aud": "https://example.com"}, "audience is invalid"),
        ({"exp": 1_600_000_000}, "invalid assertion"),
        ({"exp": "soon"}, "invalid assertion"),
        ({"sub": "sales@harbourpoint.example"}, "user hasn't approved this consumer"),
        ({"sub": "nobody@harbourpoint.example"}, "user hasn't approved this consumer"),
    ],
    ids=["audience", "expired", "no-number", "not-approved", "unknown"],
)
def test_an_assertion_that_does_not_hold(
    machine: Org, key: rsa.RSAPrivateKey, changes: dict[str, Any], description: str
) -> None:
    refused = asserted(machine, key, **changes)
    expected = (400, {"error": "invalid_grant", "error_description": description})
    assert (refused.status, refused.body) == expected


def test_an_assertion_needs_the_registered_key_and_app(machine: Org, key: rsa.RSAPrivateKey) -> None:
    stranger = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    assert asserted(machine, stranger).body["error_description"] == "invalid assertion"
    assert asserted(machine, key, iss="nobody").body["error"] == "invalid_client_id"
    unsigned = jwt.encode({"iss": machine.world.settings["consumer_key"]}, "", algorithm="none")
    refused = machine.token_by(grant_type=BEARER, assertion=unsigned)
    assert refused.body["error_description"] == "invalid assertion"
    machine.control("settings", {"certificate": ""})
    assert asserted(machine, key).status == 400
    assert machine.control("settings", {"certificate": "no pem"}).status == 400


def test_who_has_approved_in_a_browser_may_be_asserted(machine: Org, key: rsa.RSAPrivateKey) -> None:
    granted = approve(machine, "sales@harbourpoint.example").body
    assert asserted(machine, key, sub="sales@harbourpoint.example").status == 200
    machine.send("POST", "/services/oauth2/revoke", urlencode({"token": granted["refresh_token"]}).encode())
    assert asserted(machine, key, sub="sales@harbourpoint.example").status == 400


def test_client_credentials_need_my_domain_and_a_user_to_run_as(org: Org) -> None:
    basic = base64.b64encode(f"{org.world.settings['consumer_key']}:{org.world.settings['consumer_secret']}".encode())
    headers = {"authorization": f"Basic {basic.decode()}", "host": "login.salesforce.com"}
    form = b"grant_type=client_credentials"
    refused = org.send("POST", "/services/oauth2/token", form, **headers)
    assert refused.body["error_description"] == "request not supported on this domain"
    granted = org.send("POST", "/services/oauth2/token", form, **{**headers, "host": "acme.my.salesforce.com"})
    assert not {"web", "full", "refresh_token"} & set(granted.body["scope"].split())
    org.control("settings", {"run_as_username": ""})
    refused = org.token_by(grant_type="client_credentials")
    assert refused.body["error_description"] == "no client credentials user enabled"


def test_the_password_grant_is_off_until_it_is_switched_on(org: Org) -> None:
    known = org.world.credentials()
    password = known["password"] + org.world.settings["security_token"]
    form = {"grant_type": "password", "username": known["username"], "password": password}
    refused = org.token_by(**form)
    assert refused.body == {"error": "invalid_grant", "error_description": "authentication failure"}
    org.control("settings", {"password_grant": True})
    assert org.token_by(**form).status == 200
    assert org.token_by(**{**form, "password": "wrong"}).status == 400


def test_the_token_endpoint_takes_posts_and_known_grants_only(org: Org) -> None:
    query = urlencode({"grant_type": "client_credentials"})
    assert org.send("GET", "/services/oauth2/token", query=query).body["error"] == "invalid_request"
    assert org.token_by(grant_type="magic").body["error"] == "unsupported_grant_type"


def test_a_sixth_approval_ends_the_first(org: Org) -> None:
    tokens = [approve(org, "sales@harbourpoint.example").body["refresh_token"] for _ in range(6)]
    statuses = [org.token_by(grant_type="refresh_token", refresh_token=each).status for each in tokens]
    assert statuses == [400] + [200] * 5


def test_a_refresh_token_that_lay_idle_for_a_month_is_dead(org: Org) -> None:
    token = approve(org, "sales@harbourpoint.example").body["refresh_token"]
    for _ in range(2):
        org.tick(29 * 86_400)
        token = org.token_by(grant_type="refresh_token", refresh_token=token).body["refresh_token"]
    org.tick(30 * 86_400 + 1)
    assert org.token_by(grant_type="refresh_token", refresh_token=token).body["error"] == "invalid_grant"


def test_without_rotation_the_refresh_token_stays(org: Org) -> None:
    org.control("settings", {"refresh_token_rotation": False})
    token = approve(org, "sales@harbourpoint.example").body["refresh_token"]
    answers = [org.token_by(grant_type="refresh_token", refresh_token=token) for _ in range(2)]
    assert [each.status for each in answers] == [200, 200]
    assert "refresh_token" not in answers[0].body
    sessions = [each.body["access_token"] for each in answers]
    assert [org.call("GET", "sobjects", token=each).status for each in sessions] == [200, 200]
    org.send("POST", "/services/oauth2/revoke", urlencode({"token": token}).encode())
    assert [org.call("GET", "sobjects", token=each).status for each in sessions] == [401, 401]


def test_a_user_logs_in_so_many_times_an_hour(org: Org) -> None:
    org.control("settings", {"logins_per_hour": 2})
    answers = [org.token_by(grant_type="client_credentials") for _ in range(3)]
    assert [each.status for each in answers] == [200, 200, 400]
    assert answers[2].body["error"] == "rate_limit_exceeded"
    org.tick(3600)
    assert org.token_by(grant_type="client_credentials").status == 200


def test_a_session_without_the_api_scope_and_an_org_without_the_api(org: Org) -> None:
    token = approve(org, "sales@harbourpoint.example", scope="id").body["access_token"]
    refused = org.call("GET", "sobjects", token=token)
    expected = (401, "This session is not valid for use with the REST API")
    assert (refused.status, refused.body[0]["message"]) == expected
    assert org.call("GET", "/services/oauth2/userinfo", token=token).status == 200
    org.control("settings", {"api_enabled": False})
    refused = org.call("GET", "sobjects")
    assert (refused.status, refused.code) == (403, "API_DISABLED_FOR_ORG")


@pytest.mark.parametrize(
    ("version", "status"), [("31.0", 200), ("51.0", 200), ("68.0", 200), ("30.0", 410), ("69.0", 404), ("60.5", 404)]
)
def test_any_supported_version_and_both_spellings_of_the_header(org: Org, version: str, status: int) -> None:
    for scheme in ("Bearer", "OAuth"):
        answer = org.send("GET", f"/services/data/v{version}", authorization=f"{scheme} {org.token}")
        assert answer.status == status
        if status == 200:
            assert answer.body["identity"].endswith(f"/{org.world.grants['integration']}")
            claims = org.send("GET", urlsplit(answer.body["identity"]).path, query=f"oauth_token={org.token}").body
            assert (claims["asserted_user"], claims["username"]) == (True, org.world.settings["username"])


def test_an_identity_belongs_to_the_bearer_alone(org: Org) -> None:
    path = f"/id/{org.world.organization['Id']}/{org.world.grants['admin']}"
    assert org.call("GET", path).status == 403


def test_a_user_without_the_permission_for_the_api(org: Org) -> None:
    token = approve(org, "sales@harbourpoint.example").body["access_token"]
    assert org.call("GET", "sobjects", token=token).status == 200
    asked = "SELECT Id FROM PermissionSet WHERE Profile.Name = 'Standard User'"
    query = urlencode({"q": asked})
    [row] = org.person("GET", f"query?{query}").body["records"]
    assert org.person("PATCH", f"sobjects/PermissionSet/{row['Id']}", {"PermissionsApiEnabled": False}).status == 204
    refused = org.call("GET", "sobjects", token=token)
    assert (refused.status, refused.code) == (403, "API_CURRENTLY_DISABLED")
    assert org.call("GET", "/services/oauth2/userinfo", token=token).status == 200


def test_introspection_neither_prolongs_nor_revives_a_session(org: Org) -> None:
    app = {"client_id": org.world.settings["consumer_key"], "client_secret": org.world.settings["consumer_secret"]}
    token = org.token_by(grant_type="client_credentials").body["access_token"]
    form = urlencode({**app, "token": token}).encode()
    org.tick(7_000)
    seen = org.send("POST", "/services/oauth2/introspect", form).body
    assert (seen["active"], seen["exp"] - seen["iat"]) == (True, 7_200)
    org.tick(201)
    assert org.send("POST", "/services/oauth2/introspect", form).body == {"active": False}


def soap(org: Org, operation: str, content: str = "", *, version: str = "59.0", session: str = "") -> Answer:
    body = (
        '<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:u="urn:partner.soap.sforce.com"><e:Header><u:SessionHeader>'
        f"<u:sessionId>{session}</u:sessionId></u:SessionHeader></e:Header>"
        f"<e:Body><u:{operation}>{content}</u:{operation}></e:Body></e:Envelope>"
    )
    return org.send("POST", f"/services/Soap/u/{version}", body.encode(), **{"content-type": "text/xml"})


def password_login(org: Org, password: str | None = None, **options: str) -> Answer:
    known = org.world.credentials()
    names = {"username": known["username"], "password": known["password"] if password is None else password}
    return soap(org, "login", "".join(f"<u:{key}>{value}</u:{key}>" for key, value in names.items()), **options)


def told(answer: Answer, element: str) -> str:
    found = re.search(rf"<{element}[^>]*>([^<]*)</{element}>", answer.body.decode())
    assert found, answer.body
    return found.group(1)


def test_soap_login_gives_a_session_that_logout_ends(org: Org) -> None:
    known = org.world.credentials()
    granted = password_login(org, known["password"] + org.world.settings["security_token"])
    assert granted.status == 200
    token = told(granted, "sessionId")
    assert told(granted, "organizationId") == known["org_id"]
    assert urlsplit(told(granted, "serverUrl")).path == f"/services/Soap/u/59.0/{known['org_id'][:15]}"
    assert org.call("GET", "sobjects", token=token).status == 200
    assert told(soap(org, "getUserInfo", session=token), "userName") == known["username"]
    assert told(soap(org, "getServerTimestamp", session=token), "timestamp") == "2026-11-20T01:30:00.000Z"
    assert soap(org, "logout", session=token).status == 200
    assert told(soap(org, "getUserInfo", session=token), "sf:exceptionCode") == "INVALID_SESSION_ID"


def test_soap_login_is_refused_with_faults(org: Org) -> None:
    wrong = password_login(org, "wrong")
    assert (wrong.status, told(wrong, "sf:exceptionCode")) == (500, "INVALID_LOGIN")
    assert told(wrong, "faultstring").startswith("INVALID_LOGIN: Invalid username")
    assert password_login(org, version="64.0").status == 200
    for version in ("65.0", "30.0"):
        assert told(password_login(org, version=version), "sf:exceptionCode") == "UNSUPPORTED_API_VERSION"
    org.control("settings", {"soap_login": False})
    assert told(password_login(org), "sf:exceptionCode") == "INVALID_OPERATION"
    org.control("settings", {"soap_login": True})
    org.tick(200 * 86_400)
    assert told(password_login(org), "sf:exceptionCode") == "UNSUPPORTED_API_VERSION"


def test_soap_refuses_what_is_no_envelope_or_dangerous(org: Org) -> None:
    bombs = (
        b"not xml",
        b"<Envelope><Body/></Envelope>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><Envelope><Body><login>&a;</login></Body></Envelope>',
        b"<a>" * 100 + b"</a>" * 100,
    )
    for body in bombs:
        answer = org.send("POST", "/services/Soap/u/59.0", body)
        assert (answer.status, told(answer, "faultcode")) == (500, "soapenv:Client")
    assert "No operation available" in told(soap(org, "describeTabs"), "faultstring")


def test_an_org_saved_before_a_setting_existed_has_its_default(org: Org) -> None:
    state = org.world.dump()
    for name in ("logins_per_hour", "certificate", "run_as_username"):
        del state["settings"][name]
    del state["logins"], state["visits"]
    older = type(org)(World.load(state))
    assert older.token_by(grant_type="client_credentials").status == 200


def test_settings_that_cannot_be_are_refused(org: Org) -> None:
    with pytest.raises(ValueError, match="a whole number"):
        new_world(settings={"session_timeout_s": "long"})
    with pytest.raises(ValueError, match="a list"):
        new_world(settings={"preauthorized_usernames": "sales@harbourpoint.example"})
    assert org.control("settings", {"multi_currency": False}).status == 400
    assert org.control("settings", {"session_timeout_s": True}).status == 400
    assert org.control("settings", {}).body["session_timeout_s"] == 7_200
