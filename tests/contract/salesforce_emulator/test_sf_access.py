"""Grants, sessions, paging and the org's state: SF 1.3-1.5, 2.1, 2.6, 2.8."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from crossfoot.emulators.salesforce import World, new_world

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Org

VERIFIER = "v" * 64
CALLBACK = "http://localhost:1717/OauthRedirect"


def authorize(org: Org, **form: str) -> dict[str, str]:
    """Log in and allow; the parameters of the redirect."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code",
        "client_id": org.world.settings["consumer_key"],
        "redirect_uri": CALLBACK,
        "scope": "api refresh_token",
        "state": "s1",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    known = org.world.credentials()
    login = {"username": known["username"], "password": known["password"]}
    answer = org.send("POST", "/services/oauth2/authorize", urlencode({**asked, **login, **form}).encode())
    assert answer.status == 302, answer.body
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def test_a_person_allows_the_app_and_the_code_works_once(org: Org) -> None:
    given = authorize(org)
    assert given["state"] == "s1"
    form = {"grant_type": "authorization_code", "code": given["code"], "redirect_uri": CALLBACK}
    assert org.token_by(**form, code_verifier="wrong").body["error"] == "invalid_grant"
    code = authorize(org)["code"]
    granted = org.token_by(**{**form, "code": code}, code_verifier=VERIFIER)
    assert granted.status == 200
    assert granted.body["refresh_token"]
    assert org.call("GET", "limits", token=granted.body["access_token"]).status == 200
    assert org.token_by(**{**form, "code": code}, code_verifier=VERIFIER).body["error"] == "invalid_grant"


def test_a_wrong_password_shows_the_page_again_and_a_denial_goes_back(org: Org) -> None:
    page = org.send("GET", "/services/oauth2/authorize", query=urlencode({"client_id": "nobody"}))
    assert page.body["error"] == "invalid_client_id"
    assert authorize(org, decision="deny")["error"] == "access_denied"
    assert authorize(org, code_challenge="")["error"] == "invalid_request"
    asked = {"response_type": "code", "client_id": org.world.settings["consumer_key"], "redirect_uri": CALLBACK}
    login = {"code_challenge": "x", "username": "admin@harbourpoint.example", "password": "wrong"}
    again = org.send("POST", "/services/oauth2/authorize", urlencode({**asked, **login}).encode())
    assert again.status == 200
    assert b"check your username and password" in again.body


def test_the_signature_vouches_for_the_identity(org: Org) -> None:
    granted = org.token_by(grant_type="client_credentials").body
    secret = org.world.credentials()["consumer_secret"].encode()
    digest = hmac.new(secret, (granted["id"] + granted["issued_at"]).encode(), hashlib.sha256).digest()
    assert granted["signature"] == base64.b64encode(digest).decode()
    assert "expires_in" not in granted
    assert "refresh_token" not in granted
    claims = org.call("GET", urlsplit(granted["id"]).path, token=granted["access_token"]).body
    assert claims["organization_id"] == org.world.credentials()["org_id"]


def test_a_refresh_rotates_the_token_and_ends_the_earlier_session(org: Org) -> None:
    known = org.world.credentials()
    first = org.token_by(grant_type="refresh_token", refresh_token=known["refresh_token"]).body
    second = org.token_by(grant_type="refresh_token", refresh_token=first["refresh_token"]).body
    assert org.call("GET", "limits", token=first["access_token"]).code == "INVALID_SESSION_ID"
    assert org.call("GET", "limits", token=second["access_token"]).status == 200
    assert org.call("GET", "limits", token=known["access_token"]).status == 200


def test_a_refresh_token_used_twice_kills_its_whole_family_and_nothing_else(org: Org) -> None:
    known = org.world.credentials()
    first = org.token_by(grant_type="refresh_token", refresh_token=known["refresh_token"]).body
    reused = org.token_by(grant_type="refresh_token", refresh_token=known["refresh_token"])
    assert (reused.status, reused.body["error"]) == (400, "invalid_grant")
    assert org.call("GET", "limits", token=first["access_token"]).status == 401
    assert org.token_by(grant_type="refresh_token", refresh_token=first["refresh_token"]).status == 400
    assert org.call("GET", "limits").status == 200
    assert org.token_by(grant_type="client_credentials").status == 200


def test_client_credentials_open_sessions_beside_one_another(org: Org) -> None:
    tokens = [org.token_by(grant_type="client_credentials").body["access_token"] for _ in range(2)]
    assert [org.call("GET", "limits", token=each).status for each in tokens] == [200, 200]
    wrong = org.send("POST", "/services/oauth2/token", b"grant_type=client_credentials&client_id=x&client_secret=y")
    assert (wrong.status, wrong.body["error"]) == (400, "invalid_client_id")


def test_a_session_slides_and_then_lapses(org: Org) -> None:
    for _ in range(3):
        org.tick(7_000)
        assert org.call("GET", "limits").status == 200
    org.tick(7_201)
    answer = org.call("GET", "limits")
    assert (answer.status, answer.code) == (401, "INVALID_SESSION_ID")


def test_revoked_and_introspected_tokens(org: Org) -> None:
    token = org.token_by(grant_type="client_credentials").body["access_token"]
    app = {"client_id": org.world.settings["consumer_key"], "client_secret": org.world.settings["consumer_secret"]}
    asked = urlencode({**app, "token": token}).encode()
    assert org.send("POST", "/services/oauth2/introspect", asked).body["active"] is True
    assert org.send("POST", "/services/oauth2/revoke", asked).status == 200
    assert org.send("POST", "/services/oauth2/introspect", asked).body == {"active": False}
    refused = org.call("GET", "/services/oauth2/userinfo", token=token)
    assert (refused.status, refused.body) == (403, b"Bad_OAuth_Token")
    assert org.call("GET", "/services/oauth2/userinfo").body["preferred_username"] == "integration@harbourpoint.example"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "INVALID_SESSION_ID"),
        ({"authorization": "Bearer 00D!none"}, "INVALID_SESSION_ID"),
        ({"authorization": "OAuth "}, "INVALID_AUTH_HEADER"),
        ({"authorization": "Basic eDp5"}, "INVALID_AUTH_HEADER"),
    ],
)
def test_who_sends_no_good_token_is_told_which_way_it_is_bad(org: Org, header: Any, code: str) -> None:
    """SF 1.5."""
    answer = org.send("GET", "/services/data/v66.0/limits", b"", "", **header)
    assert (answer.status, answer.code) == (401, code)


def test_what_an_org_may_do_is_told_by_name(org: Org) -> None:
    """SF 2.8: each with Max and Remaining, some with a limit of their own inside; the names that clients look for."""
    told = org.call("GET", "limits").body
    assert all({"Max", "Remaining"} <= set(each) for each in told.values())
    assert told["PermissionSets"]["CreateCustom"]["Remaining"] < told["PermissionSets"]["CreateCustom"]["Max"]
    assert {
        "DailyDurableStreamingApiEvents",
        "HourlyTimeBasedWorkflow",
        "MassEmail",
        "StreamingApiConcurrentClients",
    } <= set(told)
    listed = org.call("GET", "").body
    assert listed["metadata"] == "/services/data/v66.0/metadata"
    assert {"actions", "identity", "process"} <= set(listed)
    counted = org.call("GET", "limits/recordCount", query={"sObjects": "Account, Contact"}).body["sObjects"]
    assert [each["name"] for each in counted] == ["Account", "Contact"]


def test_headers_have_a_limit_too(org: Org) -> None:
    """SF 2.1."""
    assert org.call("GET", "limits", headers={"x": "y" * 17_000}).status == 431
    asked = "SELECT Id FROM Account WHERE Name = 'x'" + " " * 12_000
    assert org.call("GET", "query", query={"q": asked}, headers={"x": "y" * 3_000}).status == 200
    assert org.call("GET", "query", query={"q": asked}, headers={"x": "y" * 5_000}).status == 414
    assert org.call("GET", "query", query={"q": asked[:8_000]}, headers={"x": "y" * 9_000}).status == 431


def many_accounts(org: Org, count: int) -> None:
    for start in range(0, count, 200):
        batch = [
            {"attributes": {"type": "Account"}, "Name": f"A{start + each:04d}"}
            for each in range(min(200, count - start))
        ]
        org.call("POST", "composite/sobjects", {"records": batch})


def test_pages_follow_their_locator_to_the_end(org: Org) -> None:
    many_accounts(org, 450)
    page = org.call(
        "GET", "query/", query={"q": "SELECT Name FROM Account"}, headers={"sforce-query-options": "batchSize=1"}
    )
    names = [each["Name"] for each in page.body["records"]]
    assert (page.body["totalSize"], page.body["done"], len(names)) == (450, False, 200)
    while not page.body["done"]:
        page = org.call("GET", page.body["nextRecordsUrl"], headers={"sforce-query-options": "batchSize=200"})
        assert page.body["totalSize"] == 450
        names += [each["Name"] for each in page.body["records"]]
    assert "nextRecordsUrl" not in page.body
    assert len(set(names)) == 450


def test_a_cursor_dies_with_its_session(org: Org) -> None:
    many_accounts(org, 201)
    known = org.world.credentials()
    granted = org.token_by(grant_type="refresh_token", refresh_token=known["refresh_token"]).body
    asked = {"q": "SELECT Name FROM Account"}
    few = {"sforce-query-options": "batchSize=200"}
    page = org.call("GET", "query", query=asked, headers=few, token=granted["access_token"]).body
    stranger = org.call("GET", page["nextRecordsUrl"])
    assert (stranger.status, stranger.code) == (400, "INVALID_QUERY_LOCATOR")
    again = org.token_by(grant_type="refresh_token", refresh_token=granted["refresh_token"]).body
    assert org.call("GET", page["nextRecordsUrl"], token=again["access_token"]).code == "INVALID_QUERY_LOCATOR"


def test_a_user_has_at_most_ten_open_cursors(org: Org) -> None:
    many_accounts(org, 201)
    few = {"sforce-query-options": "batchSize=200"}
    pages = [org.call("GET", "query", query={"q": "SELECT Id FROM Account"}, headers=few).body for _ in range(11)]
    statuses = [org.call("GET", page["nextRecordsUrl"]).status for page in pages]
    assert statuses == [400] + [200] * 10


def test_every_answer_carries_the_usage_and_a_used_up_day_refuses(org: Org) -> None:
    org.world.settings["daily_api_limit"] = 2
    first = org.call("GET", "limits")
    assert first.headers["Sforce-Limit-Info"] == "api-usage=1/2"
    org.call("GET", "limits")
    refused = org.call("GET", "limits")
    assert (refused.status, refused.code) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert refused.headers["Sforce-Limit-Info"] == "api-usage=2/2"
    assert org.send("GET", "/services/data").status == 200


def test_describe_tells_what_saving_enforces(org: Org) -> None:
    names = {each["name"] for each in org.call("GET", "sobjects").body["sobjects"]}
    assert {"Account", "OpportunityLineItem", "CurrencyType", "Xero_Invoice__c"} <= names
    assert "ValidationRule" not in names
    described = org.call("GET", "sobjects/opportunity/describe").body
    fields = {each["name"]: each for each in described["fields"]}
    required = {
        name
        for name, each in fields.items()
        if each["createable"] and not each["nillable"] and not each["defaultedOnCreate"]
    }
    assert required == {"Name", "StageName", "CloseDate"}
    assert (fields["Deal_Number__c"]["autoNumber"], fields["Deal_Number__c"]["createable"]) == (True, False)
    assert (fields["Amount"]["precision"], fields["Amount"]["scale"]) == (18, 2)
    assert "OpportunityLineItems" in {each["relationshipName"] for each in described["childRelationships"]}
    key = {each["name"]: each for each in org.call("GET", "sobjects/Xero_Invoice__c/describe").body["fields"]}[
        "Xero_Key__c"
    ]
    assert (key["externalId"], key["unique"], key["caseSensitive"], key["length"]) == (True, True, True, 120)


def test_a_single_currency_org_has_no_currency_field(org: Org) -> None:
    single = type(org)(new_world(settings={"multi_currency": False}))
    fields = {each["name"] for each in single.call("GET", "sobjects/Account/describe").body["fields"]}
    assert "CurrencyIsoCode" not in fields
    assert single.call("GET", "query", query={"q": "SELECT CurrencyIsoCode FROM Account"}).code == "INVALID_FIELD"
    assert single.call("GET", "query", query={"q": "SELECT Id FROM CurrencyType"}).code == "INVALID_TYPE"
    deal, entry = single.deal(), single.priced_product("A", "10")
    single.create("OpportunityLineItem", OpportunityId=deal, PricebookEntryId=entry, Quantity=1, UnitPrice=10)
    assert single.read("Opportunity", deal)["Amount"] == 10


def test_settings_are_checked_by_name() -> None:
    with pytest.raises(ValueError, match="colour"):
        new_world(settings={"colour": "red"})


def test_a_dumped_world_goes_on_as_if_nothing_had_happened(org: Org) -> None:
    many_accounts(org, 250)
    few = {"sforce-query-options": "batchSize=200"}
    page = org.call("GET", "query", query={"q": "SELECT Name FROM Account"}, headers=few).body
    copy = type(org)(World.load(org.world.dump()))
    copy.token = org.token
    assert copy.world.dump() == org.world.dump()
    answers = []
    for one in (org, copy):
        one.tick(30)
        deal, entry = one.deal("Same"), one.priced_product("A", "10")
        one.create("OpportunityLineItem", OpportunityId=deal, PricebookEntryId=entry, Quantity=2, UnitPrice=10)
        answers.append((one.call("GET", page["nextRecordsUrl"]).body, one.read("Opportunity", deal)))
    assert answers[0] == answers[1]
    assert copy.world.dump() == org.world.dump()


def test_changes_are_told_once_per_record_and_only_for_what_changed(org: Org) -> None:
    created = org.call("POST", "sobjects/Account", {"Name": "x"}, headers={"sforce-call-options": "client=crossfoot"})
    (event,) = created.events
    assert (event.topic, event.payload["changeType"], event.payload["recordIds"]) == (
        "change",
        "CREATE",
        [created.body["id"]],
    )
    assert event.payload["changeOrigin"] == "com/salesforce/api/rest/66.0;client=crossfoot"
    path = f"sobjects/Account/{created.body['id']}"
    (changed,) = org.call("PATCH", path, {"Phone": "1"}).events
    assert changed.payload["changedFields"] == ["Phone"]
    org.tick()
    assert org.call("PATCH", path, {"Phone": "1"}).events == []
    (deleted,) = org.call("DELETE", path).events
    assert (deleted.payload["changeType"], deleted.payload["entityName"]) == ("DELETE", "Account")


def test_the_log_tells_who_did_what_and_counts_add_up(org: Org) -> None:
    org.call("GET", "limits")
    org.call("POST", "sobjects/Account", {"Nope": 1})
    entries = org.send("GET", "/control/log").body["entries"]
    assert [(each["method"], each["status"], bool(each["illegal"])) for each in entries] == [
        ("GET", 200, False),
        ("POST", 400, True),
    ]
    assert entries[0]["user"] == org.world.grants["integration"]
    counts = org.send("GET", "/control/counts").body
    assert (counts["calls"], counts["illegal"]) == (2, 1)
