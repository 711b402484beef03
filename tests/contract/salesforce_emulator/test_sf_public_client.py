"""A public client, unmodified but for its transport, against the emulator."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import BaseAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

from crossfoot.emulators.salesforce import handle
from crossfoot.emulators.wire import Request

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Org


class EmulatorAdapter(BaseAdapter):
    """Carries the client's prepared bytes to ``handle`` in place of a socket."""

    def __init__(self, org: Org) -> None:
        super().__init__()
        self._org = org

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        url = urlsplit(str(request.url))
        body: Any = request.body.encode() if isinstance(request.body, str) else request.body or b""
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        sent = Request(str(request.method), url.path, url.query, headers, bytes(body))
        answer, _events = handle(self._org.world, sent, self._org.now)
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(dict(answer.headers))
        response.raw = io.BytesIO(answer.body)
        response.url, response.request = str(request.url), request
        return response

    def close(self) -> None:
        """Nothing is held open."""


@pytest.fixture
def client(org: Org) -> Any:
    session = requests.Session()
    session.mount("https://", EmulatorAdapter(org))
    return Salesforce(instance_url=org.world.public_url, session_id=org.token, session=session, version="59.0")


def test_rows_queries_and_describe(client: Any) -> None:
    made = client.Account.create({"Name": "Acme"})
    assert made["success"] is True
    assert client.Account.get(made["id"])["Name"] == "Acme"
    assert client.Account.update(made["id"], {"Site": "Quay"}) == 204
    assert client.query("SELECT Id, Site FROM Account")["records"][0]["Site"] == "Quay"
    assert client.Xero_Invoice__c.upsert("Xero_Key__c/a", {"Status__c": "DRAFT"}) == 201
    assert client.Account.describe()["keyPrefix"] == "001"
    assert client.describe()["maxBatchSize"] == 200
    assert client.limits()["DailyApiRequests"]["Max"] == 100_000
    assert client.Account.delete(made["id"]) == 204
    (deleted,) = client.query_all_iter("SELECT Id FROM Account", include_deleted=True)
    assert deleted["Id"] == made["id"]
    assert client.api_usage["api-usage"].total == 100_000


def test_many_pages(client: Any, org: Org) -> None:
    for start in range(0, 4200, 200):
        batch = [{"attributes": {"type": "Account"}, "Name": f"A{start + each}"} for each in range(200)]
        org.call("POST", "composite/sobjects", {"records": batch})
    found = client.query_all("SELECT Name FROM Account")
    assert (found["totalSize"], len({each["Name"] for each in found["records"]})) == (4200, 4200)


def test_errors_become_the_clients_own(client: Any) -> None:
    with pytest.raises(SalesforceMalformedRequest):
        client.query("SELECT Nope FROM Account")
    with pytest.raises(SalesforceResourceNotFound):
        client.Account.get("001000000000001AAA")
    client.session_id = "gone"
    client.headers["Authorization"] = "Bearer gone"
    with pytest.raises(SalesforceExpiredSession):
        client.query("SELECT Id FROM Account")
