"""Whatever is sent is answered: no request ends in an exception, and a refused one changes nothing (SF 2.1, 2.3).

Requests are made from a seed, which a failure names: most are a sound request with something odd in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossfoot.emulators.salesforce import World, handle, new_world
from crossfoot.emulators.wire import Request
from tests.property.test_xero_robust import ODD, ODD_TEXTS, spoiled

REQUESTS, BLOCK = 4_000, 1_000
NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
STATUSES = {200, 201, 204, 300, 304, 400, 401, 403, 404, 405, 409, 410, 412, 413, 414, 415, 431}
FAULT = 500  # how SOAP tells any refusal
API = "/services/data/v66.0"
KINDS = (
    *("Account", "Contact", "Opportunity", "OpportunityLineItem", "Product2", "Pricebook2", "PricebookEntry", "Quote"),
    *("QuoteLineItem", "Order", "OrderItem", "Contract", "Lead", "User", "Organization", "CurrencyType", "RecordType"),
    *("Xero_Invoice__c", "PermissionSetAssignment", "FieldPermissions", "Nothing", "account", "", "\U0001f600"),
)
INVOICE = {"Name": "I", "Xero_Id__c": "k"}
MADE = {"attributes": {"type": "Account"}, "Name": "A", "BillingCity": "Oslo", "AnnualRevenue": 1.5}
DEAL = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-11-20", "Amount": 5, "Account": {"Name": "x"}}
LINE = {"OpportunityId": "006?", "PricebookEntryId": "01u?", "Quantity": 2, "UnitPrice": 3.335, "Discount": 10}
QUERY = "SELECT Id, Name, (SELECT Id FROM Contacts) FROM Account WHERE Name LIKE 'A%' ORDER BY Name LIMIT 5"
JOB = {
    "object": "Account",
    "operation": "upsert",
    "externalIdFieldName": "Id",
    "contentType": "CSV",
    "lineEnding": "LF",
}
STEP = {"method": "POST", "url": f"{API}/sobjects/Account", "referenceId": "a", "body": {"Name": "A"}}
NEXT = {"method": "GET", "url": f"{API}/sobjects/Account/@{{a.id}}", "referenceId": "b", "httpHeaders": {"x": "y"}}
NODE = {"attributes": {"type": "Account", "referenceId": "r"}, "Name": "A"}
CHILD = {"attributes": {"type": "Contact", "referenceId": "c"}, "LastName": "C"}
# Requests that are sound but for what the seed does to them: method, path (``001?`` stands for a known id), body
SOUND: tuple[tuple[str, str, Any], ...] = (
    ("POST", "sobjects/Account", {**MADE, "Parent": {"Id": "001?"}}),
    ("PATCH", "sobjects/Account/001?", {"Name": "B", "OwnerId": "005?", "NumberOfEmployees": 3}),
    ("POST", "sobjects/Opportunity", DEAL),
    ("PATCH", "sobjects/Opportunity/006?", {"Pricebook2Id": "01s?", "Amount": "7", "StageName": "Closed Won"}),
    ("POST", "sobjects/OpportunityLineItem", LINE),
    ("PATCH", "sobjects/OpportunityLineItem/00k?", {"Quantity": 3, "Discount": None, "TotalPrice": 9}),
    ("POST", "sobjects/Product2", {"Name": "P", "ProductCode": "P", "IsActive": True}),
    ("POST", "sobjects/PricebookEntry", {"Pricebook2Id": "01s?", "Product2Id": "01t?", "UnitPrice": 4}),
    ("POST", "sobjects/Order", {"AccountId": "001?", "EffectiveDate": "2026-11-20", "Status": "Draft"}),
    ("POST", "sobjects/Quote", {"Name": "Q", "OpportunityId": "006?"}),
    ("POST", "sobjects/Contract", {"AccountId": "001?", "StartDate": "2026-11-20", "ContractTerm": 12}),
    ("POST", "sobjects/Lead", {"LastName": "L", "Company": "C", "Email": "a@b.example"}),
    ("PATCH", "sobjects/Xero_Invoice__c/Xero_Id__c/k", {"Name": "I"}),
    (
        "POST",
        "composite/sobjects",
        {"allOrNone": False, "records": [MADE, {**DEAL, "attributes": {"type": "Opportunity"}}]},
    ),
    ("PATCH", "composite/sobjects", {"allOrNone": True, "records": [{**MADE, "id": "001?"}]}),
    ("PATCH", "composite/sobjects/Account/Id", {"records": [{**MADE, "Id": "001?"}, MADE]}),
    ("POST", "composite/sobjects/Account", {"ids": ["001?", "x"], "fields": ["Name", "Id"]}),
    ("POST", "composite", {"allOrNone": True, "collateSubrequests": False, "compositeRequest": [STEP, NEXT]}),
    ("POST", "composite/batch", {"haltOnError": True, "batchRequests": [{**STEP, "richInput": {"Name": "A"}}, NEXT]}),
    ("POST", "composite/graph", {"graphs": [{"graphId": "1", "compositeRequest": [STEP, NEXT]}]}),
    ("POST", "composite/tree/Account", {"records": [{**NODE, "Contacts": {"records": [CHILD]}}]}),
    ("POST", "parameterizedSearch", {"q": "Acme", "sobjects": [{"name": "Account", "limit": 2}], "fields": ["Id"]}),
    ("POST", "jobs/ingest", JOB),
    ("PATCH", "jobs/ingest/750?", {"state": "UploadComplete"}),
    ("POST", "jobs/query", {"operation": "query", "query": "SELECT Id FROM Account", "contentType": "CSV"}),
    ("PATCH", "jobs/query/750?", {"state": "Aborted"}),
    ("POST", "metadata/deployRequest", {"deployOptions": {"checkOnly": True}}),
)
PLACES = (
    *("", "sobjects", "query", "queryAll", "limits", "recordCount", "search", "parameterizedSearch", "composite"),
    *("composite/sobjects", "composite/sobjects/Account", "jobs/ingest", "jobs/query", "tooling/query", "tooling"),
    *("jobs/ingest/750?", "jobs/ingest/750?/batches", "jobs/ingest/750?/failedResults", "jobs/query/750?/results"),
    *("jobs/query/750?/resultPages", "query/01g?-200", "query/01g?-x", "metadata/deployRequest/0Af?", "nonsense"),
)
NESTED = ("describe", "updated", "deleted", "001?", "006?", "001?/Contacts", "006?/Account", "Id/001?", "x", "Name/x")
PARAMETERS = (
    *("q", "fields", "ids", "start", "end", "sObjects", "allOrNone", "updateOnly", "_HttpMethod", "explain", "columns"),
    *("maxRecords", "locator", "jobType", "includeDetails", "sobject", "in", "isPkChunkingEnabled", "x"),
)
WORDS = (
    *(
        "SELECT",
        "FROM",
        "WHERE",
        "GROUP BY",
        "ORDER BY",
        "LIMIT",
        "OFFSET",
        "HAVING",
        "COUNT()",
        "Id",
        "Name",
        "(",
        ")",
    ),
    *("Account", "Contacts", "'A%'", "LIKE", "IN", "=", ",", "NULL", "5", "2026-11-20", "LAST_N_DAYS:9", "TYPEOF"),
    *("FIND {a}", "RETURNING", "AND", "NOT", "CALENDAR_YEAR(", "CreatedDate", "FIELDS(ALL)", "SUM(", "\\", "'", ":"),
)
STAMPS = ("2026-11-20T00:00:00Z", "2026-11-20T01:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00")
DATES = (
    "Fri, 20 Nov 2026 00:00:00 GMT",
    "Fri, 99 Nov 2026 99:00:00 GMT",
    "Mon, 01 Jan 0001 00:00:00 +1400",
    '"x"',
    "*",
)
TYPES = ("application/json", "text/csv", "multipart/form-data; boundary=x", "text/xml", "", "\U0001f600")
HEADERS: Mapping[str, tuple[str, ...]] = {
    **{f"if-{name}": DATES for name in ("match", "none-match", "modified-since", "unmodified-since")},
    "content-type": TYPES,
    "content-encoding": ("gzip", "x"),
    "sforce-query-options": ("batchSize=200", "batchSize=" + "9" * 5000, "batchSize=\u0663", "x"),
    "sforce-duplicate-rule-header": ("allowSave=true", "x"),
    "sforce-call-options": ("client=x", "client="),
}


@cache
def start() -> tuple[dict[str, Any], str, dict[str, str]]:
    """An org with records of several kinds as saved data, the token of its session, and an id by key prefix."""
    world = new_world(seed=5)
    token = world.credentials()["access_token"]
    known = dict.fromkeys(("750", "01g", "0Af"), "x")

    def create(path: str, body: Any) -> None:
        wish = {"method": "POST", "path": f"{API}/{path}", "body": with_ids(body, known)}
        answer = json.loads(
            handle(world, Request("POST", "/control/person", "", {}, json.dumps(wish).encode()), NOW)[0].body
        )
        known[answer["id"][:3]] = answer["id"]

    for kind in ("User", "Pricebook2"):
        record_id = next(iter(world.rows[kind]))
        known[record_id[:3]] = record_id
    create("sobjects/Account", {"Name": "Acme"})
    create("sobjects/Contact", {"LastName": "C", "AccountId": "001?"})
    create("sobjects/Product2", {"Name": "P", "IsActive": True})
    create("sobjects/PricebookEntry", {"Pricebook2Id": "01s?", "Product2Id": "01t?", "UnitPrice": 4, "IsActive": True})
    create("sobjects/Opportunity", {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-11-20"})
    create("sobjects/OpportunityLineItem", {key: value for key, value in LINE.items() if key != "Discount"})
    for path, body in (("jobs/ingest", JOB), ("jobs/query", {"operation": "query", "query": "SELECT Id FROM Account"})):
        signed = {"authorization": f"Bearer {token}"}
        handle(world, Request("POST", f"{API}/{path}", "", signed, json.dumps(body).encode()), NOW)
    known["750"] = next(iter(world.jobs))
    return world.dump(), token, known


def with_ids(value: Any, known: Mapping[str, str]) -> Any:
    """The value with a known id wherever a prefix with a question mark stands for one."""
    text = json.dumps(value)
    for prefix, record_id in known.items():
        text = text.replace(f"{prefix}?", record_id)
    return json.loads(text)


def any_place(chance: Random) -> str:
    if chance.random() < 0.4:
        return chance.choice(PLACES)
    nested = chance.choice(("", *NESTED, chance.choice(ODD_TEXTS)))
    return f"sobjects/{quote(chance.choice(KINDS))}/{quote(nested, safe='/?')}"


def any_text(chance: Random, known: Mapping[str, str]) -> str:
    """What a parameter of the address may hold: often a query with some words changed."""
    if chance.random() < 0.4:
        return str(chance.choice((*ODD_TEXTS, *STAMPS, "true", "Id,Name", *known.values(), "Account", "PATCH")))
    words = QUERY.replace("(", "( ").replace(")", " )").replace(",", " ,").split()
    for _ in range(chance.choice((0, 1, 2, 6))):
        words[chance.randrange(len(words))] = chance.choice(WORDS)
    return " ".join(words)


def any_request(seed: int) -> Request:
    """The request of a seed, without who sends it."""
    chance, known = Random(seed), start()[2]
    method, path, body = chance.choice(SOUND)
    sound = with_ids(body, known)
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        sound = json.loads(json.dumps(spoiled(chance, sound)))
    if chance.random() < 0.4:
        method = chance.choice(("GET", "GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "get", "X"))
        path = any_place(chance)
    if chance.random() < 0.1:
        sound = chance.choice(ODD)
    raw = json.dumps(sound).encode()
    if method in {"GET", "HEAD", "DELETE"} or chance.random() < 0.05:
        raw = chance.choice((b"", b"", b"{", b"\xff", b"Id,Name\n001,x\n", raw[:-1]))
    names = [chance.choice(PARAMETERS) for _ in range(chance.choice((0, 0, 1, 2, 3)))]
    query = {name: any_text(chance, known) for name in names}
    odd = {name: chance.choice(HEADERS[name]) for name in HEADERS if chance.random() < 0.06}
    version = chance.choice((*("v66.0",) * 20, "v45.0", "v68.0", "v31.0", "v99.0", "v66", "V66.0"))
    place = str(with_ids(path, known)) + chance.choice(("", "", "", "/"))
    return Request(method, f"/services/data/{version}/{place}", urlencode(query), odd, raw)


@pytest.mark.parametrize("first", range(0, REQUESTS, BLOCK))
def test_requests_of_any_kind_are_answered_and_refusals_change_nothing(first: int) -> None:
    dump, token, _ = start()
    before, met = World.load(dump).rows, set()
    world, sound = World.load(dump), True
    for seed in range(first, first + BLOCK):
        world = world if sound else World.load(dump)
        asked = any_request(seed)
        signed = {"authorization": f"Bearer {token}", **asked.headers}
        request = Request(asked.method, asked.path, asked.query, signed, asked.body)
        try:
            response, events = handle(world, request, NOW)
        except Exception as error:
            error.add_note(f"request {seed}: {asked}")
            raise
        told = f"request {seed}: {asked}\n{response}"
        assert response.status in STATUSES, told
        sound = response.status >= 300
        if sound:
            assert world.rows == before, told
            assert not events, told
        if response.status >= 400:
            assert json.loads(response.body), told
        met.add((request.method, response.status))
    assert {("GET", 200), ("GET", 400), ("POST", 201), ("POST", 400), ("PATCH", 204), ("PATCH", 400)} <= met


RECORD = "<sObjects><type>Account</type><fieldsToNull>Site</fieldsToNull><Id>001?</Id><Name>x</Name></sObjects>"
OPERATIONS: Mapping[str, str] = {
    **dict.fromkeys(("create", "update"), RECORD),
    "upsert": f"<externalIDFieldName>Id</externalIDFieldName>{RECORD}",
    "login": "<username>integration@harbourpoint.example</username><password>correct-horse-battery-staple</password>",
    "query": "<queryString>SELECT Id, (SELECT Id FROM Contacts) FROM Account</queryString>",
    "queryMore": "<queryLocator>01g?-200</queryLocator>",
    "retrieve": "<fieldList>Id,Name</fieldList><sObjectType>Account</sObjectType><ids>001?</ids>",
    **dict.fromkeys(("delete", "undelete", "emptyRecycleBin"), "<ids>001?</ids><ids>x</ids>"),
    "merge": "<request><masterRecord><type>Account</type><Id>001?</Id></masterRecord>"
    "<recordToMergeIds>001?</recordToMergeIds></request>",
    "convertLead": "<leadConverts><leadId>00Q?</leadId><convertedStatus>Qualified</convertedStatus></leadConverts>",
    "getUpdated": "<sObjectType>Account</sObjectType>"
    "<startDate>2026-11-19T00:00:00Z</startDate><endDate>2026-11-20T00:00:00Z</endDate>",
    "describeSObjects": "<sObjectType>Account</sObjectType>",
    **dict.fromkeys(("describeGlobal", "getUserInfo", "getServerTimestamp", "logout"), ""),
}
METADATA: Mapping[str, str] = {
    "deploy": "<ZipFile>UEsF</ZipFile><DeployOptions><checkOnly>true</checkOnly></DeployOptions>",
    "checkDeployStatus": "<asyncProcessId>0Af?</asyncProcessId><includeDetails>true</includeDetails>",
    "retrieve": "<retrieveRequest><apiVersion>60.0</apiVersion>"
    "<unpackaged><types><members>*</members><name>CustomObject</name></types></unpackaged></retrieveRequest>",
    "listMetadata": "<queries><type>CustomObject</type></queries><asOfVersion>60.0</asOfVersion>",
    "readMetadata": "<type>CustomObject</type><fullNames>Account</fullNames>",
    "createMetadata": '<metadata xsi:type="CustomField">'
    "<fullName>Account.X__c</fullName><type>Text</type><length>5</length></metadata>",
    "deleteMetadata": "<type>CustomField</type><fullNames>Account.X__c</fullNames>",
    "describeMetadata": "<asOfVersion>60.0</asOfVersion>",
}
JOBS = "/services/async/60.0/job"
JOB_1 = "<jobInfo><operation>insert</operation><object>Account</object><contentType>CSV</contentType></jobInfo>"
FORMS = (
    "grant_type=authorization_code&code=x&client_id=PlatformCLI&redirect_uri=http://localhost:1717/OauthRedirect",
    "grant_type=refresh_token&refresh_token=x&client_id=PlatformCLI",
    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=eyJhbGciOiJSUzI1NiJ9.e30.x",
    "grant_type=client_credentials&client_id=PlatformCLI&client_secret=x",
    "response_type=code&client_id=PlatformCLI&redirect_uri=http%3A%2F%2Flocalhost%3A1717%2FOauthRedirect&scope=api",
)
ENVELOPE = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    "<e:Header><SessionHeader><sessionId>{token}</sessionId></SessionHeader></e:Header><e:Body>{inner}</e:Body></e:Envelope>"
)
TEXTS: tuple[tuple[str, str, str], ...] = (
    *(("POST", "/services/Soap/u/60.0", f"<{name}>{inner}</{name}>") for name, inner in OPERATIONS.items()),
    *(("POST", "/services/Soap/m/60.0", f"<{name}>{inner}</{name}>") for name, inner in METADATA.items()),
    *(("POST", f"/services/oauth2/{place}", form) for form in FORMS for place in ("token", "authorize", "introspect")),
    *(
        ("GET", f"{JOBS}/750?/{place}", "")
        for place in ("", "batch", "batch/751?", "batch/751?/result", "batch/x/result/y")
    ),
    ("POST", JOBS, JOB_1),
    ("POST", f"{JOBS}/750?", "<jobInfo><state>Closed</state></jobInfo>"),
    ("POST", f"{JOBS}/750?/batch", "Name,Site\nA,B\n"),
    ("PUT", f"{API}/jobs/ingest/750?/batches", "Name,Site\nA,B\n"),
)


def any_text_request(seed: int) -> Request:
    """A request in XML, in a form or as a file, with some of its words changed, doubled or left out."""
    chance, (_, token, known) = Random(seed), start()
    method, path, text = (with_ids(each, known) for each in chance.choice(TEXTS))
    for _ in range(chance.choice((0, 1, 1, 2, 4))):
        words = re.split(r"(\W)", text)
        at = chance.randrange(len(words))
        words[at] = chance.choice((str(chance.choice(ODD_TEXTS)), "", words[at] * 2, chance.choice(words)))
        text = "".join(words)
    if "/Soap/" in path and chance.random() < 0.95:
        text = ENVELOPE.format(token=token, inner=text)
    kind = (
        "text/csv"
        if "batch" in path
        else chance.choice(("text/xml", "application/xml", "application/x-www-form-urlencoded"))
    )
    return Request(method, path, "", {"content-type": kind, "x-sfdc-session": token}, text.encode())


@pytest.mark.parametrize("first", range(0, REQUESTS, BLOCK))
def test_texts_of_any_kind_are_answered(first: int) -> None:
    dump, token, _ = start()
    world = World.load(dump)
    for seed in range(first, first + BLOCK):
        asked = any_text_request(seed)
        world = world if seed % 50 else World.load(dump)
        headers = {"authorization": f"Bearer {token}", **asked.headers}
        try:
            response, _ = handle(world, Request(asked.method, asked.path, "", headers, asked.body), NOW)
        except Exception as error:
            error.add_note(f"request {seed}: {asked}")
            raise
        assert response.status in STATUSES | {302} or (response.status == FAULT and "/Soap/" in asked.path)


@settings(max_examples=100)
@given(st.text(max_size=30), st.text(max_size=12), st.sampled_from(("", "Bearer ", "Bearer x", "Basic eA==")))
def test_paths_methods_and_tokens_of_any_kind_are_answered(path: str, method: str, authorization: str) -> None:
    world = World.load(start()[0])
    before, body = World.load(start()[0]).rows, path.encode("utf-8", "replace")
    for place in (f"/{path}", f"{API}/{quote(path)}", f"/services/oauth2/{path}", f"/services/Soap/u/{path}", "/id/x"):
        request = Request(method, place, path, {"authorization": authorization}, body)
        status = handle(world, request, NOW)[0].status
        assert status < FAULT or "/Soap/" in place
    assert world.rows == before


FAR_MOMENT, MANY_DIGITS, SQUARED = "9999-12-31T23:59:59-14:00", "9" * 5_000, "\u00b2"


@pytest.mark.parametrize(
    ("path", "query", "header"),
    [
        ("query", {"q": "SELECT Id FROM Account"}, f"batchSize={MANY_DIGITS}"),
        *(("query", {"q": f"SELECT Id FROM Account {word} {MANY_DIGITS}"}, "") for word in ("LIMIT", "OFFSET")),
        ("query", {"q": f"SELECT Id FROM Account WHERE CreatedDate > {FAR_MOMENT}"}, ""),
        ("query", {"q": f"SELECT Id FROM Account WHERE AnnualRevenue > USD{SQUARED}"}, ""),
        ("sobjects/Account/updated", {"start": FAR_MOMENT, "end": FAR_MOMENT}, ""),
        *((f"query/{{}}-{place}", {}, "") for place in (quote(SQUARED), MANY_DIGITS)),
        *(("jobs/query/{}/results", {"maxRecords": count}, "") for count in (SQUARED, MANY_DIGITS)),
    ],
)
def test_numbers_and_instants_beyond_all_bounds_are_answered(path: str, query: dict[str, str], header: str) -> None:
    dump, token, _ = start()
    world = World.load(dump)
    signed = {"authorization": f"Bearer {token}", "sforce-query-options": header or "batchSize=200"}

    def ask(method: str, place: str, wish: Mapping[str, str], body: Any = None) -> dict[str, Any]:
        sent = b"" if body is None else json.dumps(body).encode()
        response, _ = handle(world, Request(method, f"{API}/{place}", urlencode(wish), signed, sent), NOW)
        assert response.status in {200, 400}
        return json.loads(response.body) if response.status == 200 else {}

    found = ""
    if path.startswith("query/"):
        rows = [{"attributes": {"type": "Account"}, "Name": f"A{number}"} for number in range(200)]
        ask("POST", "composite/sobjects", {}, {"records": rows})
        following = ask("GET", "query", {"q": "SELECT Id FROM Account"})["nextRecordsUrl"]
        found = following.rpartition("/")[2].partition("-")[0]
    elif path.startswith("jobs/"):
        found = ask("POST", "jobs/query", {}, {"operation": "query", "query": "SELECT Id FROM Account"})["id"]
        later = Request("GET", f"{API}/jobs/query/{found}", "", signed)
        for _ in range(2):
            handle(world, later, NOW + timedelta(seconds=5))
    ask("GET", path.format(found), query)
