"""OAuth: only the access that is needed, secrets in the body and never in an address."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from crossfoot.salesforce import oauth as salesforce
from crossfoot.xero import oauth as xero


@pytest.mark.promise("S0-55", "S1-73", "S1-74")
def test_the_access_asked_for_is_exactly_this() -> None:
    assert set(xero.SCOPES) == {
        "offline_access",
        "accounting.contacts",
        "accounting.invoices",
        "accounting.payments.read",
        "accounting.settings.read",
    }
    assert set(xero.scopes(payments=True)) ^ set(xero.SCOPES) == {"accounting.payments", "accounting.payments.read"}
    assert set(salesforce.SCOPES) == {"api", "refresh_token"}
    assert all(reason for reason in (*xero.SCOPES.values(), *salesforce.SCOPES.values()))


@pytest.mark.promise("S1-16")
def test_the_browser_is_sent_with_state_and_challenge_and_no_secret() -> None:
    for address in (
        xero.authorize_address(
            "https://login.xero.com", client_id="c", redirect="http://localhost:1", state="s", challenge="x"
        ),
        salesforce.authorize_address(
            "https://acme.my.salesforce.com", client_id="c", redirect="r", state="s", challenge="x"
        ),
    ):
        query = parse_qs(urlsplit(address).query)
        assert query["state"] == ["s"]
        assert (query["code_challenge"], query["code_challenge_method"]) == (["x"], ["S256"])
        assert "client_secret" not in query


@pytest.mark.parametrize("module", [xero, salesforce])
def test_token_requests_carry_nothing_in_the_address(module: object) -> None:
    for request in (
        module.client_credentials("id", "canary"),  # type: ignore[attr-defined]
        module.refresh("id", "canary", "canary"),  # type: ignore[attr-defined]
        module.exchange_code("id", "canary", code="canary", redirect="r", verifier="canary"),  # type: ignore[attr-defined]
    ):
        assert request.params == {}
        assert "canary" not in f"{request.path} {request!r}"
        assert request.is_write


def test_a_public_client_sends_its_verifier_and_no_secret() -> None:
    request = xero.exchange_code("id", "", code="code", redirect="r", verifier="v")
    form = parse_qs(request.body.decode())
    assert (form["client_id"], form["code_verifier"]) == (["id"], ["v"])
    assert "Authorization" not in request.headers
