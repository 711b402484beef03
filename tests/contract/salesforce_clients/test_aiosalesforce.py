"""aiosalesforce, unmodified: its three ways to log in, rows, pages, composites, and a session that ends under it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from aiosalesforce import Salesforce
from aiosalesforce.auth import Auth, ClientCredentialsFlow, JwtBearerFlow, SoapLogin
from aiosalesforce.exceptions import AuthenticationError, SalesforceError

from .conftest import INSTANCE, App

Told = TypeVar("Told")
_WHO = "SELECT Username FROM User WHERE Alias = 'integrat'"


class ToEmulator(httpx.AsyncHTTPTransport):
    """Carries requests for Salesforce's host names to the emulator; the name stays in Host and in the TLS handshake."""

    def __init__(self, app: App) -> None:
        super().__init__(verify=ssl.create_default_context(cafile=app.authority.bundle))
        self._port = app.port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host.endswith(".salesforce.com")
        named = {**request.extensions, "sni_hostname": request.url.host}
        here = request.url.copy_with(host="127.0.0.1", port=self._port)
        return await super().handle_async_request(
            httpx.Request(request.method, here, headers=request.headers, stream=request.stream, extensions=named)
        )


def run(app: App, auth: Auth, visit: Callable[[Salesforce], Awaitable[Told]]) -> Told:
    """Visit the org with a client that logs in as ``auth`` says."""

    async def session() -> Told:
        async with httpx.AsyncClient(transport=ToEmulator(app)) as carrier:
            return await visit(Salesforce(carrier, base_url=INSTANCE, auth=auth))

    return asyncio.run(session())


def machine(app: App) -> ClientCredentialsFlow:
    return ClientCredentialsFlow(app.env["SF_CONSUMER_KEY"], app.env["SF_CONSUMER_SECRET"])


async def rows(client: Salesforce, soql: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "attributes"} async for row in client.query(soql)]


async def me(client: Salesforce) -> str:
    ask: Any = client.request  # its annotations borrow another function's
    answer = await ask("GET", f"{client.base_url}/services/oauth2/userinfo")
    return str(answer.json()["preferred_username"])


def test_client_credentials(app: App) -> None:
    assert run(app, machine(app), me) == app.env["SF_USERNAME"]
    with pytest.raises(AuthenticationError) as refused:
        run(app, ClientCredentialsFlow("nobody", "x"), me)
    assert refused.value.error_code == "invalid_client_id"


def test_a_private_key(app: App, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text(app.key_pem)
    assert (
        run(app, JwtBearerFlow(app.env["SF_CONSUMER_KEY"], app.env["SF_USERNAME"], key), me) == app.env["SF_USERNAME"]
    )


def test_soap_login(app: App) -> None:
    env, token = app.env, app.settings["security_token"]
    assert run(app, SoapLogin(env["SF_USERNAME"], env["SF_PASSWORD"], token), me) == env["SF_USERNAME"]
    with pytest.raises(AuthenticationError) as refused:
        run(app, SoapLogin(env["SF_USERNAME"], "wrong", token), me)
    assert refused.value.error_code == "INVALID_LOGIN"


def test_a_row_from_creation_to_deletion(app: App) -> None:
    async def visit(client: Salesforce) -> None:
        made = await client.sobject.create("Account", {"Name": "Row", "Site": "Quay"})
        assert (await client.sobject.get("Account", made, fields=["Name", "Site"]))["Site"] == "Quay"
        await client.sobject.update("Account", made, {"Site": "Wharf"})
        assert await rows(client, f"SELECT Site FROM Account WHERE Id = '{made}'") == [{"Site": "Wharf"}]
        await client.sobject.delete("Account", made)
        assert await rows(client, f"SELECT Id FROM Account WHERE Id = '{made}'") == []
        gone = [
            row["IsDeleted"] async for row in client.query(f"SELECT IsDeleted FROM Account WHERE Id = '{made}'", True)
        ]
        assert gone == [True]
        with pytest.raises(SalesforceError) as missing:
            await client.sobject.get("Account", made)
        assert missing.value.response
        assert missing.value.response.status_code == 404

    run(app, machine(app), visit)


def test_an_upsert_tells_whether_it_created(app: App) -> None:
    async def visit(client: Salesforce) -> None:
        kind, key = "Xero_Invoice__c", "Xero_Key__c"
        first = await client.sobject.upsert(kind, "a-1", external_id_field=key, data={"Status__c": "DRAFT"})
        again = await client.sobject.upsert(kind, "a-1", external_id_field=key, data={"Status__c": "PAID"})
        assert (first.created, again.created, again.id) == (True, False, first.id)
        row = await client.sobject.get(kind, "a-1", external_id_field=key)
        assert row["Status__c"] == "PAID"

    run(app, machine(app), visit)


def test_a_composite_carries_an_id_from_one_request_to_the_next(app: App) -> None:
    async def visit(client: Salesforce) -> None:
        async with client.composite(all_or_none=True) as together:
            account = together.sobject.create("Account", {"Name": "Together"})
            contact = together.sobject.create("Contact", {"LastName": "Nair", "AccountId": str(account.reference.id)})
        found = await rows(client, f"SELECT Account.Name FROM Contact WHERE Id = '{contact.id}'")
        assert found[0]["Account"]["Name"] == "Together"
        async with client.composite.batch() as apart:
            good = apart.query("SELECT Name FROM Account WHERE Name = 'Together'")
            bad = apart.query("SELECT Nope FROM Account")
        assert [row["Name"] for row in good.records] == ["Together"]
        assert (bad.is_success, bad.status_code) == (False, 400)

    run(app, machine(app), visit)


def test_a_session_that_ends_is_renewed_once_and_the_call_repeated(app: App) -> None:
    auth = machine(app)

    async def visit(client: Salesforce) -> tuple[str, str]:
        before = await auth.get_access_token(client)
        form = {"token": before}
        await client.httpx_client.post(f"{client.base_url}/services/oauth2/revoke", data=form)
        assert await rows(client, _WHO) == [{"Username": app.env["SF_USERNAME"]}]
        return before, await auth.get_access_token(client)

    before, after = run(app, auth, visit)
    assert before != after


def test_limits_and_a_refused_query(app: App) -> None:
    async def visit(client: Salesforce) -> None:
        limits = await client.get_limits()
        assert limits["DailyApiRequests"]["Max"] == 100_000
        with pytest.raises(SalesforceError) as refused:
            await rows(client, "SELECT Nope FROM Account")
        assert refused.value.error_code == "INVALID_FIELD"

    run(app, machine(app), visit)


def test_bulk_2_tells_each_rows_outcome(app: App) -> None:
    async def visit(client: Salesforce) -> None:
        load = client.bulk_v2.ingest.perform_operation
        data = [{"Name": "C1", "Site": "Quay"}, {"Name": "", "Site": "nameless"}]
        [result] = [each async for each in load("insert", "Account", data, polling_interval=0.2)]
        assert [row["Name"] for row in result.successful_results] == ["C1"]
        assert [row["Site"] for row in result.failed_results] == ["nameless"]
        assert result.unprocessed_records == []
        made = result.successful_results[0]["sf__Id"]
        assert await rows(client, f"SELECT Site FROM Account WHERE Id = '{made}'") == [{"Site": "Quay"}]

    run(app, machine(app), visit)
