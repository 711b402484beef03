"""simple-salesforce's Metadata API, unmodified, by the bytes that it sends (SF 8.2, 10.2)."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import BaseAdapter
from simple_salesforce.api import Salesforce
from tests.contract.salesforce_emulator.metadata_zips import custom_object, field, manifest, packed

from crossfoot.emulators.salesforce import handle, new_world, sessions
from crossfoot.emulators.wire import Request

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Wire(BaseAdapter):
    """Carries requests to an org in this process; each takes a second of its clock."""

    def __init__(self, org: Any) -> None:
        super().__init__()
        self.org = org

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        self.org.tick()
        address = urlsplit(request.url or "")
        body = request.body if isinstance(request.body, bytes | str) else b""
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        content = body.encode() if isinstance(body, str) else body
        sent = Request(str(request.method), str(address.path), str(address.query), headers, content)
        answer, _events = handle(self.org.world, sent, self.org.now)
        made = requests.Response()
        made.status_code, made._content, made.url, made.request = answer.status, answer.body, str(request.url), request
        made.headers.update(dict(answer.headers))
        return made

    def close(self) -> None:
        pass


@pytest.fixture
def client(org: Any) -> Any:
    """The Metadata API of an administrator, in an org without the package."""
    bare = type(org)(new_world(seed=7, settings={"package": False}))
    token = sessions.open_session(bare.world, bare.world.grants["admin"], "api", bare.now)
    session = requests.Session()
    session.mount("https://", Wire(bare))
    made: Any = Salesforce(
        instance_url="https://emulator.my.salesforce.com", session_id=token, session=session, version="66.0"
    ).mdapi
    made._client.transport.session = session
    made.org = bare
    return made


def test_it_deploys_and_watches(client: Any) -> None:
    files = {
        "package.xml": manifest(CustomObject=["Bill__c"]),
        "objects/Bill__c.object": custom_object("Bill", field("Key__c", "Text", length=20)),
    }
    record_id, state = client.deploy(io.BytesIO(packed(files)), sandbox=True)
    assert (record_id[:3], state) == ("0Af", "Queued")
    client.org.tick(5)
    status, detail, deployed, tests = client.check_deploy_status(record_id)
    assert (status, detail) == ("Succeeded", None)
    assert (deployed["deployed_count"], deployed["errors"], tests["failed_count"]) == ("2", [], "0")
    assert client.CustomObject.read(["Bill__c"]).pluralLabel == "Bills"
    assert client.org.world.object("Bill__c").field("Key__c") is not None


def test_it_describes_lists_and_saves(client: Any) -> None:
    types = {each.xmlName for each in client.describe_metadata().metadataObjects}
    assert {"CustomObject", "PermissionSet", "Layout"} <= types
    query = client._client.get_type("ns0:ListMetadataQuery")(type="CustomField")
    assert "Account.ABN__c" in {each.fullName for each in client.list_metadata([query])}
    text = client._client.get_type("ns0:FieldType")("Text")
    client.CustomField.create([client.CustomField(fullName="Account.Grade__c", label="Grade", type=text, length=20)])
    assert client.CustomField.read(["Account.Grade__c"]).label == "Grade"
    with pytest.raises(Exception, match="DUPLICATE_DEVELOPER_NAME"):
        client.CustomField.create([client.CustomField(fullName="Account.Grade__c", label="G", type=text, length=20)])
    client.CustomField.delete(["Account.Grade__c"])
    assert client.org.world.object("Account").field("Grade__c") is None
