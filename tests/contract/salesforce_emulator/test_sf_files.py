"""Files, attachments and notes (SF 6.14)."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Org

HELLO = b64encode(b"hello").decode()


@pytest.fixture
def admin(org: Org) -> Org:
    org.token = org.token_by(grant_type="client_credentials").body["access_token"]
    return org


def links(org: Org, document: str) -> list[tuple[str, str]]:
    text = f"SELECT LinkedEntityId, ShareType FROM ContentDocumentLink WHERE ContentDocumentId = '{document}'"
    found = org.call("GET", "query", query={"q": text}).body["records"]
    return sorted((each["LinkedEntityId"], each["ShareType"]) for each in found)


def test_a_version_begins_a_document_and_the_next_one_follows_it(admin: Org) -> None:
    account = admin.create("Account", Name="Kea")
    first = admin.create(
        "ContentVersion", PathOnClient="in/quote.txt", VersionData=HELLO, FirstPublishLocationId=account
    )
    made = admin.read("ContentVersion", first)
    shown = ("Title", "FileType", "FileExtension", "ContentSize", "VersionNumber", "IsLatest")
    assert [made[name] for name in shown] == ["quote", "TEXT", "txt", 5, "1", True]
    assert made["VersionData"].endswith(f"/sobjects/ContentVersion/{first}/VersionData")
    assert admin.call("GET", made["VersionData"]).body == b"hello"
    document = made["ContentDocumentId"]
    assert links(admin, document) == sorted([(account, "V"), (made["OwnerId"], "I")])
    more = {"ContentDocumentId": document, "PathOnClient": "quote.pdf", "VersionData": ""}
    assert admin.call("POST", "sobjects/ContentVersion", more).code == "REQUIRED_FIELD_MISSING"
    second = admin.create("ContentVersion", **{**more, "VersionData": HELLO})
    assert (admin.read("ContentVersion", first)["IsLatest"], len(links(admin, document))) == (False, 2)
    latest = admin.read("ContentDocument", document)
    assert (latest["LatestPublishedVersionId"], latest["FileType"]) == (second, "PDF")
    assert admin.call("DELETE", f"sobjects/ContentDocument/{document}").status == 204
    assert admin.call("GET", f"sobjects/ContentVersion/{first}").code == "ENTITY_IS_DELETED"


def test_a_form_carries_the_bytes_as_they_are(admin: Org) -> None:
    account = admin.create("Account", Name="Kea")
    fields = json.dumps({"Name": "a.bin", "ParentId": account})
    body = (
        b'--xx\r\nContent-Disposition: form-data; name="entity_attachment"\r\nContent-Type: application/json\r\n\r\n'
        + fields.encode()
        + b'\r\n--xx\r\nContent-Disposition: form-data; name="Body"; filename="a.bin"\r\n\r\n\x00\r\n\xff\r\n--xx--\r\n'
    )
    signed = {"authorization": f"Bearer {admin.token}", "content-type": "multipart/form-data; boundary=xx"}
    made = admin.send("POST", "/services/data/v60.0/sobjects/Attachment", body, **signed)
    assert made.status == 201, made.body
    (row,) = admin.call("GET", "query", query={"q": "SELECT Body, BodyLength FROM Attachment"}).body["records"]
    assert (admin.call("GET", row["Body"]).body, row["BodyLength"]) == (b"\x00\r\n\xff", 4)
    admin.create("Note", Title="n", ParentId=account)
    admin.call("DELETE", f"sobjects/Account/{account}")
    assert admin.call("GET", "query", query={"q": "SELECT COUNT() FROM Note"}).body["totalSize"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "sobjects/ContentDocument", {"Title": "x"}, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
        ("POST", "sobjects/ContentVersion", {"PathOnClient": "a.txt"}, "REQUIRED_FIELD_MISSING"),
        ("POST", "sobjects/ContentVersion", {"PathOnClient": "a", "VersionData": "$"}, "JSON_PARSER_ERROR"),
        ("GET", "query?q=SELECT+Id+FROM+ContentDocumentLink", None, "MALFORMED_QUERY"),
        ("GET", "query?q=SELECT+Id+FROM+ContentVersion+WHERE+VersionData='x'", None, "INVALID_FIELD"),
    ],
)
def test_what_files_refuse(admin: Org, method: str, path: str, body: Any, code: str) -> None:
    place, _, text = path.partition("?q=")
    query = {"q": text.replace("+", " ")} if text else {}
    assert admin.call(method, place, body, query=query).code == code


def test_the_statuses_of_leads_are_rows(admin: Org) -> None:
    text = "SELECT MasterLabel FROM LeadStatus WHERE IsConverted = TRUE"
    (row,) = admin.call("GET", "query", query={"q": text}).body["records"]
    assert row["MasterLabel"] == "Closed - Converted"
