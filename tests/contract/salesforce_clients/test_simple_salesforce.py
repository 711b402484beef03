"""simple-salesforce, unmodified: each of its ways to log in, and what it does with rows, queries and refusals."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

from .conftest import INSTANCE, MY_DOMAIN, App

pytestmark = pytest.mark.usefixtures("salesforce_names")


@pytest.fixture
def session(app: App) -> Iterator[requests.Session]:
    """A plain session of the HTTP library that trusts the test's authority."""
    with requests.Session() as opened:
        opened.trust_env = False
        opened.verify = str(app.authority.bundle)
        yield opened


def log_in(**how: Any) -> Any:
    return Salesforce(**how)


def first_error(refused: pytest.ExceptionInfo[SalesforceMalformedRequest]) -> Any:
    content: Any = refused.value.content
    return content[0]


@pytest.fixture
def client(app: App, session: requests.Session) -> Any:
    return log_in(instance_url=INSTANCE, session_id=app.env["SF_ACCESS_TOKEN"], session=session)


def me(client: Any) -> str:
    """The name of the user that a client is logged in as."""
    return str(client.restful("../../oauth2/userinfo")["preferred_username"])


def test_a_session_id_given_by_hand(client: Any, app: App) -> None:
    assert me(client) == app.env["SF_USERNAME"]
    made = client.Account.create({"Name": "By hand", "Site": "Quay"})
    assert (made["success"], made["errors"]) == (True, [])
    row = client.Account.get(made["id"])
    assert (row["Name"], row["Site"], row["IsDeleted"]) == ("By hand", "Quay", False)
    assert client.Account.update(made["id"], {"Site": "Wharf"}) == 204
    found = client.query(f"SELECT Site, Owner.Username FROM Account WHERE Id = '{made['id']}'")
    assert [(each["Site"], each["Owner"]["Username"]) for each in found["records"]] == [
        ("Wharf", app.env["SF_USERNAME"])
    ]
    assert client.api_usage["api-usage"].total == app.settings["daily_api_limit"]


def test_a_password_with_a_security_token_by_soap(app: App, session: requests.Session) -> None:
    env = app.env
    login = {"username": env["SF_USERNAME"], "password": env["SF_PASSWORD"], "domain": "test", "session": session}
    client = log_in(**login, security_token=app.settings["security_token"])
    assert client.sf_instance == f"{MY_DOMAIN}.salesforce.com"
    assert me(client) == env["SF_USERNAME"]
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        log_in(**login, security_token="wrong")
    assert refused.value.code == "INVALID_LOGIN"
    with pytest.raises(SalesforceAuthenticationFailed) as gone:
        log_in(**login, security_token=app.settings["security_token"], version="65.0")
    assert gone.value.code == "UNSUPPORTED_API_VERSION"


def test_a_password_with_the_apps_secret(app: App, session: requests.Session) -> None:
    env = app.env
    client = log_in(
        username=env["SF_USERNAME"],
        password=env["SF_PASSWORD"],
        consumer_key=env["SF_CONSUMER_KEY"],
        consumer_secret=env["SF_CONSUMER_SECRET"],
        domain="test",
        session=session,
    )
    assert me(client) == env["SF_USERNAME"]


def test_client_credentials_at_my_domain(app: App, session: requests.Session) -> None:
    secret = {"consumer_key": app.env["SF_CONSUMER_KEY"], "consumer_secret": app.env["SF_CONSUMER_SECRET"]}
    client = log_in(**secret, domain=MY_DOMAIN, session=session)
    assert me(client) == app.env["SF_USERNAME"]
    assert session.post(f"{client.oauth2_url}revoke", data={"token": client.session_id}).status_code == 200
    assert client.query("SELECT Username FROM User WHERE Alias = 'sales'")["totalSize"] == 1  # it has logged in again
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        log_in(consumer_key=app.env["SF_CONSUMER_KEY"], consumer_secret="x", domain=MY_DOMAIN, session=session)
    assert refused.value.code == "invalid_client"


def test_a_private_key(app: App, session: requests.Session) -> None:
    machine = {"consumer_key": app.env["SF_CONSUMER_KEY"], "privatekey": app.key_pem, "session": session}
    client = log_in(username=app.env["SF_USERNAME"], domain="test", **machine)
    assert me(client) == app.env["SF_USERNAME"]
    with (
        pytest.warns(UserWarning, match="authorize this"),
        pytest.raises(SalesforceAuthenticationFailed, match="approved this consumer"),
    ):
        log_in(username="sales@harbourpoint.example", domain="test", **machine)


def test_queries_of_many_pages(client: Any) -> None:
    for start in range(0, 2200, 200):
        batch = [{"attributes": {"type": "Account"}, "Name": f"P{start + each:04d}"} for each in range(200)]
        saved = client.restful("composite/sobjects", method="POST", data=json.dumps({"records": batch}))
        assert all(each["success"] for each in saved)
    soql = "SELECT Name FROM Account WHERE Name LIKE 'P%' ORDER BY Name"
    page = client.query(soql)
    assert (page["totalSize"], page["done"], len(page["records"])) == (2200, False, 2000)
    rest = client.query_more(page["nextRecordsUrl"], identifier_is_url=True)
    assert (rest["done"], len(rest["records"])) == (True, 200)
    assert [each["Name"] for each in client.query_all_iter(soql)] == [f"P{each:04d}" for each in range(2200)]
    gone = client.query("SELECT Id FROM Account WHERE Name = 'P0000'")["records"][0]["Id"]
    assert client.Account.delete(gone) == 204
    assert client.query_all(f"SELECT Id FROM Account WHERE Id = '{gone}'")["totalSize"] == 0
    assert client.query_all(f"SELECT Id FROM Account WHERE Id = '{gone}'", include_deleted=True)["totalSize"] == 1


def test_changes_since_an_instant(client: Any) -> None:
    kept, gone = (client.Account.create({"Name": name})["id"] for name in ("Kept", "Gone"))
    client.Account.delete(gone)
    end = datetime.now(UTC) + timedelta(minutes=1)
    start = end - timedelta(hours=1)
    assert kept in client.Account.updated(start, end)["ids"]
    assert gone in {each["id"] for each in client.Account.deleted(start, end)["deletedRecords"]}


def test_describe_and_limits(client: Any) -> None:
    names = {each["name"] for each in client.describe()["sobjects"]}
    assert {"Account", "Opportunity", "Product2"} <= names
    fields = {each["name"]: each for each in client.Opportunity.describe()["fields"]}
    assert (fields["StageName"]["type"], fields["StageName"]["nillable"]) == ("picklist", False)
    assert client.Account.metadata()["objectDescribe"]["keyPrefix"] == "001"
    assert client.limits()["DailyApiRequests"]["Max"] == 100_000
    assert client.is_sandbox() is True


def test_upserts_and_refusals(client: Any) -> None:
    assert client.Xero_Invoice__c.upsert("Xero_Key__c/s-1", {"Status__c": "DRAFT"}) == 201
    assert client.Xero_Invoice__c.upsert("Xero_Key__c/s-1", {"Status__c": "PAID"}) in {200, 204}
    assert client.Xero_Invoice__c.get_by_custom_id("Xero_Key__c", "s-1")["Status__c"] == "PAID"
    with pytest.raises(SalesforceMalformedRequest) as refused:
        client.Opportunity.create({"Name": "No stage"})
    assert first_error(refused)["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert set(first_error(refused)["fields"]) == {"StageName", "CloseDate"}
    with pytest.raises(SalesforceMalformedRequest) as bad:
        client.query("SELECT Nope FROM Account")
    assert first_error(bad)["errorCode"] == "INVALID_FIELD"
    with pytest.raises(SalesforceResourceNotFound):
        client.Account.get("001000000000001AAA")


def test_bulk_2_loads_rows_and_reads_them_back(client: Any) -> None:
    rows = [{"Name": f"B{each:03d}", "Site": 'Quay, "North"'} for each in range(30)]
    [job] = client.bulk2.Account.insert(records=[*rows, {"Name": "", "Site": "nameless"}], wait=0)
    assert (job["numberRecordsTotal"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (31, 31, 1)
    loaded = list(csv.DictReader(io.StringIO(client.bulk2.Account.get_successful_records(job["job_id"]))))
    assert [each["Name"] for each in loaded] == [each["Name"] for each in rows]
    assert all(each["sf__Created"] == "true" for each in loaded)
    [failed] = csv.DictReader(io.StringIO(client.bulk2.Account.get_failed_records(job["job_id"])))
    assert failed["sf__Error"].startswith("REQUIRED_FIELD_MISSING")
    soql = "SELECT Name, Site FROM Account WHERE Name LIKE 'B0%' ORDER BY Name"
    pages = list(client.bulk2.Account.query(soql, max_records=20, wait=0))
    assert [len(list(csv.DictReader(io.StringIO(page)))) for page in pages] == [20, 10]
    assert next(csv.DictReader(io.StringIO(pages[0]))) == rows[0]
