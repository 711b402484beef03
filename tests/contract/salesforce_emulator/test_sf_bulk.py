"""Bulk API 2.0: jobs, their states by the clock, files and results (SF 4)."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.salesforce_emulator.conftest import API

from crossfoot.emulators.salesforce.world import World

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Answer, Org

INGEST, QUERY = f"{API}/jobs/ingest", f"{API}/jobs/query"
RESULTS = ("successfulResults", "failedResults", "unprocessedrecords")


def create(org: Org, operation: str = "insert", kind: str = "Account", **more: str) -> Answer:
    return org.call("POST", INGEST, {"object": kind, "operation": operation, "contentType": "CSV", **more})


def upload(org: Org, job: str, text: str) -> Answer:
    signed = {"authorization": f"Bearer {org.token}", "content-type": "text/csv; charset=UTF-8"}
    return org.send("PUT", f"{INGEST}/{job}/batches", text.encode(), **signed)


def close(org: Org, job: str) -> Answer:
    return org.call("PATCH", f"{INGEST}/{job}", {"state": "UploadComplete"})


def status(org: Org, job: str, base: str = INGEST) -> dict[str, Any]:
    told: dict[str, Any] = org.call("GET", f"{base}/{job}").body
    return told


def load(org: Org, text: str, operation: str = "insert", kind: str = "Account", **more: str) -> str:
    """A job that has ended."""
    job = str(create(org, operation, kind, **more).body["id"])
    assert upload(org, job, text).status == 201
    assert close(org, job).status == 200
    org.tick(60)
    return job


def result(org: Org, job: str, name: str) -> list[dict[str, str]]:
    answer = org.call("GET", f"{INGEST}/{job}/{name}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv")
    return list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))


def test_a_job_goes_from_state_to_state_as_time_passes(org: Org) -> None:
    created = create(org, "upsert", "Xero_Invoice__c", externalIdFieldName="xero_key__c")
    job = created.body["id"]
    assert created.status == 200
    assert created.body == {
        "id": job,
        "operation": "upsert",
        "object": "Xero_Invoice__c",
        "createdById": created.body["createdById"],
        "createdDate": "2026-11-20T01:30:00.000+0000",
        "systemModstamp": "2026-11-20T01:30:00.000+0000",
        "state": "Open",
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": 66,
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
        "contentUrl": f"services/data/v66.0/jobs/ingest/{job}/batches",
        "externalIdFieldName": "Xero_Key__c",
    }
    assert job.startswith("750")
    sent = upload(org, job, "Xero_Key__c,Status__c\na,PAID\n")
    assert (sent.status, sent.body) == (201, b"")
    assert upload(org, job, "Xero_Key__c\nb\n").code == "INVALIDJOBSTATE"
    assert close(org, job).body["state"] == "UploadComplete"
    assert status(org, job)["state"] == "UploadComplete"
    org.tick(1)
    assert status(org, job)["state"] == "InProgress"
    assert org.soql("SELECT Id FROM Xero_Invoice__c") == []
    org.tick(1)
    told = status(org, job)
    assert (told["state"], told["jobType"]) == ("JobComplete", "V2Ingest")
    assert (told["numberRecordsProcessed"], told["numberRecordsFailed"], told["retries"]) == (1, 0, 0)
    assert org.soql("SELECT Xero_Key__c FROM Xero_Invoice__c")[0]["Xero_Key__c"] == "a"


def test_each_row_succeeds_or_fails_alone_and_the_files_tell(org: Org) -> None:
    org.create("Xero_Invoice__c", Xero_Key__c="known", Status__c="DRAFT")
    text = 'Xero_Key__c,Status__c,Name\nknown,PAID,"a ""quoted"", name"\nnew,DRAFT,x\n,DRAFT,-\ntwice,,x\ntwice,,y\n'
    job = load(org, text, "upsert", "Xero_Invoice__c", externalIdFieldName="Xero_Key__c")
    done, failed, left = (result(org, job, each) for each in RESULTS)
    assert [(each["sf__Created"], each["Xero_Key__c"], each["Name"]) for each in done] == [
        ("false", "known", 'a "quoted", name'),
        ("true", "new", "x"),
    ]
    assert done[0]["sf__Id"].startswith("a0")
    assert [each["sf__Error"].partition(":")[0] for each in failed] == [
        "MISSING_ARGUMENT",
        "DUPLICATE_VALUE",
        "DUPLICATE_VALUE",
    ]
    assert failed[1]["sf__Error"] == "DUPLICATE_VALUE:Duplicate external id specified: twice:Xero_Key__c --"
    assert left == []
    assert (status(org, job)["state"], status(org, job)["numberRecordsFailed"]) == ("JobComplete", 3)


def test_an_empty_cell_is_ignored_and_na_clears(org: Org) -> None:
    first, second = (org.create("Account", Name=name, Site="Quay", Phone="02 9000 0000") for name in "AB")
    load(org, f"Id,Site,Phone\n{first},,#N/A\n{second[:15]},#N/A,\n", "update")
    assert [org.read("Account", first)[each] for each in ("Site", "Phone")] == ["Quay", None]
    assert [org.read("Account", second)[each] for each in ("Site", "Phone")] == [None, "02 9000 0000"]


def test_values_are_read_from_text_and_a_wrong_one_fails_its_row_alone(org: Org) -> None:
    text = "Name,StageName,CloseDate,Amount\nA,Prospecting,2026-11-20,12.5\nB,Prospecting,20/11/2026,1\n"
    job = load(org, text, kind="Opportunity")
    assert str(org.soql("SELECT Amount FROM Opportunity")[0]["Amount"]) == "12.5"
    (failed,) = result(org, job, "failedResults")
    assert failed["sf__Error"].startswith("INVALID_TYPE_ON_FIELD_IN_RECORD:")
    load(org, "Name,IsActive\nP,1\nQ,0\nR,true\n", kind="Product2")
    found = org.soql("SELECT Name FROM Product2 WHERE IsActive = true ORDER BY Name")
    assert [each["Name"] for each in found] == ["P", "R"]


def test_a_parent_is_named_by_external_id(org: Org) -> None:
    invoice = org.create("Xero_Invoice__c", Xero_Key__c="inv-1")
    text = "Xero_Key__c,Invoice__r.Xero_Key__c\np1,inv-1\np2,inv-9\n"
    relation = next(
        (child.name, field.relationship)
        for child, field in org.world.schema.children("Xero_Invoice__c")
        if child.field("Xero_Key__c")
    )
    job = load(org, text.replace("Invoice__r", str(relation[1])), kind=relation[0])
    made = result(org, job, "successfulResults")
    assert [each["Xero_Key__c"] for each in made] == ["p1"]
    field = org.world.object(relation[0]).parent(str(relation[1]))
    assert field is not None
    assert org.read(relation[0], made[0]["sf__Id"])[field.name] == invoice
    assert "Foreign key external ID: inv-9 not found" in result(org, job, "failedResults")[0]["sf__Error"]


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        ("Name,Nickname\nA,B\n", {}, "InvalidBatch : Field name not found : Nickname"),
        ("Name,Account.Key__c\nA,B\n", {}, "InvalidBatch : Field name not found : Account.Key__c"),
        ("Name,NAME\nA,B\n", {}, "InvalidBatch : a column stands in the header twice"),
        (
            "Name\r\nA\r\n",
            {},
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        (
            "Name\nA\n",
            {"lineEnding": "CRLF"},
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is CRLF",
        ),
        ("Name;Site\nA;B\n", {}, "InvalidBatch : Field name not found : Name;Site"),
        ("Name,Site\nA\n", {}, "InvalidBatch : row 1 has 1 columns, the header has 2"),
        ('Name\n"A\n', {}, "InvalidBatch : Failed to parse CSV: unexpected end of data"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_fails_the_job(org: Org, text: str, more: dict[str, str], message: str) -> None:
    job = load(org, text, **more)
    told = status(org, job)
    assert (told["state"], told["errorMessage"], told["numberRecordsProcessed"]) == ("Failed", message, 0)
    assert org.call("GET", f"{INGEST}/{job}/unprocessedrecords").body == text.encode()
    assert result(org, job, "successfulResults") == []
    assert org.soql("SELECT Id FROM Account") == []


@pytest.mark.parametrize(
    ("name", "sign"), [("BACKQUOTE", "`"), ("CARET", "^"), ("PIPE", "|"), ("SEMICOLON", ";"), ("TAB", "\t")]
)
def test_delimiters_and_line_endings_are_kept_in_the_results(org: Org, name: str, sign: str) -> None:
    job = load(org, f'Name{sign}Site\r\n"A\r\nB"{sign}C\r\n', columnDelimiter=name, lineEnding="CRLF")
    (row,) = org.soql("SELECT Id, Name, Site FROM Account")
    assert (row["Name"], row["Site"]) == ("A\r\nB", "C")
    text = org.call("GET", f"{INGEST}/{job}/SUCCESSFULRESULTS/").body.decode()
    cells = (("sf__Id", "sf__Created", "Name", "Site"), (row["Id"], "true", "A\r\nB", "C"))
    assert text == "".join(sign.join(f'"{cell}"' for cell in line) + "\r\n" for line in cells)


def test_batches_commit_one_by_one_and_an_aborted_job_keeps_them(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossfoot.emulators.salesforce.bulk.ingest.BATCH_RECORDS_MAX", 2)
    job = str(create(org).body["id"])
    upload(org, job, "Name\n" + "".join(f"A{each}\n" for each in range(5)))
    close(org, job)
    org.tick(2)
    first = org.call("GET", f"{INGEST}/{job}")
    assert (first.body["state"], first.body["numberRecordsProcessed"], len(first.events)) == ("InProgress", 2, 2)
    assert len(org.soql("SELECT Id FROM Account")) == 2
    assert org.call("GET", f"{INGEST}/{job}/successfulResults").code == "INVALIDJOBSTATE"
    assert org.call("PATCH", f"{INGEST}/{job}", {"state": "Aborted"}).body["state"] == "Aborted"
    org.tick(60)
    assert len(org.soql("SELECT Id FROM Account")) == 2
    assert [each["Name"] for each in result(org, job, "unprocessedrecords")] == ["A2", "A3", "A4"]
    assert len(result(org, job, "successfulResults")) == 2


def test_rows_are_stamped_when_their_batch_is_done_whenever_one_looks(org: Org) -> None:
    job = load(org, "Name\nA\n")
    org.tick(3600)
    assert status(org, job)["systemModstamp"] == "2026-11-20T01:30:02.000+0000"
    assert org.soql("SELECT CreatedDate FROM Account")[0]["CreatedDate"] == "2026-11-20T01:30:02.000+0000"


def test_deletion_takes_ids_alone_and_hard_deletion_a_permission(org: Org) -> None:
    soft, hard = org.create("Account", Name="S"), org.create("Account", Name="H")
    assert status(org, load(org, f"Id,Name\n{soft},S\n", "delete"))["state"] == "Failed"
    job = load(org, f"Id\n{soft}\nnonsense\n", "delete")
    assert [each["sf__Id"] for each in result(org, job, "successfulResults")] == [soft]
    assert result(org, job, "failedResults")[0]["sf__Error"].startswith("MALFORMED_ID:")
    assert create(org, "hardDelete").code == "FEATURENOTENABLED"
    sets = org.person("GET", "query?q=SELECT+Id+FROM+PermissionSet+WHERE+IsOwnedByProfile+=+false").body["records"]
    granted = org.person("PATCH", f"sobjects/PermissionSet/{sets[0]['Id']}", {"PermissionsBulkApiHardDelete": True})
    assert granted.status == 204, granted.body
    load(org, f"Id\n{hard}\n", "hardDelete")
    left = org.soql("SELECT Id, IsDeleted FROM Account", resource="queryAll")
    assert [(each["Id"], each["IsDeleted"]) for each in left] == [(soft, True)]


def test_a_file_may_come_with_its_job(org: Org) -> None:
    body = (
        '--XX\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name="job"\r\n\r\n'
        '{"object":"Account","operation":"insert","contentType":"CSV"}\r\n'
        '--XX\r\nContent-Type: text/csv\r\nContent-Disposition: form-data; name="content"; filename="content"\r\n\r\n'
        "Name\nA\n\r\n--XX--\r\n"
    )
    signed = {"authorization": f"Bearer {org.token}", "content-type": "multipart/form-data; boundary=XX"}
    made = org.send("POST", INGEST, body.encode(), **signed)
    assert (made.status, made.body["state"]) == (200, "UploadComplete")
    org.tick(5)
    assert status(org, made.body["id"])["state"] == "JobComplete"
    assert len(org.soql("SELECT Id FROM Account")) == 1


REFUSED_JOBS: list[tuple[dict[str, Any], str]] = [
    ({"object": "Nope", "operation": "insert"}, "INVALIDENTITY"),
    ({"object": "Account", "operation": "merge"}, "INVALIDJOB"),
    ({"object": "Account", "operation": "upsert"}, "INVALIDJOB"),
    ({"object": "Account", "operation": "upsert", "externalIdFieldName": "Site"}, "NOT_FOUND"),
    ({"object": "Account", "operation": "insert", "columnDelimiter": ","}, "INVALIDJOB"),
    ({"object": "Account", "operation": "insert", "lineEnding": "CR"}, "INVALIDJOB"),
    ({"object": "Account", "operation": "insert", "contentType": "XML"}, "INVALIDJOB"),
]


@pytest.mark.parametrize(("wish", "code"), REFUSED_JOBS)
def test_jobs_that_are_refused(org: Org, wish: dict[str, Any], code: str) -> None:
    assert org.call("POST", INGEST, wish).code == code
    assert org.world.jobs == {}


def test_jobs_are_listed_deleted_and_forgotten(org: Org) -> None:
    opened = str(create(org).body["id"])
    ended = load(org, "Name\nA\n")
    asked = ask(org, "SELECT Id FROM Account")
    listed = org.call("GET", INGEST, query={"jobType": "V2Ingest"}).body
    assert [(each["id"], each["jobType"]) for each in listed["records"]] == [(opened, "V2Ingest"), (ended, "V2Ingest")]
    assert (listed["done"], listed["nextRecordsUrl"]) == (True, None)
    assert [each["id"] for each in org.call("GET", QUERY).body["records"]] == [asked]
    assert org.call("DELETE", f"{INGEST}/{opened}").code == "INVALIDJOBSTATE"
    gone = org.call("DELETE", f"{INGEST}/{ended}")
    assert (gone.status, gone.body) == (204, b"")
    assert org.call("GET", f"{INGEST}/{ended}").status == 404
    assert org.call("GET", f"{INGEST}/{asked}").status == 404
    org.tick(24 * 3600)
    token = org.token_by(grant_type="client_credentials").body["access_token"]
    assert org.call("GET", f"{INGEST}/{opened}", token=token).body["state"] == "Aborted"
    org.tick(7 * 24 * 3600)
    token = org.token_by(grant_type="client_credentials").body["access_token"]
    assert org.call("GET", INGEST, token=token).body["records"] == []


def test_the_allowance_of_a_day_is_counted_and_kept(org: Org) -> None:
    org.world.settings |= {"daily_bulk_batches": 1, "daily_bulk_query_jobs": 1}
    load(org, "Name\nA\n")
    ask(org, "SELECT Id FROM Account")
    wish = {"operation": "query", "query": "SELECT Id FROM Account"}
    assert [create(org).code, org.call("POST", QUERY, wish).code] == ["EXCEEDEDQUOTA"] * 2
    told = org.call("GET", "limits").body
    assert [told[each] for each in ("DailyBulkApiBatches", "DailyBulkV2QueryJobs")] == [{"Max": 1, "Remaining": 0}] * 2
    org.now = org.now.replace(day=22)
    org.token = org.token_by(grant_type="client_credentials").body["access_token"]
    assert create(org).status == 200


def test_jobs_are_part_of_the_state(org: Org) -> None:
    job = str(create(org).body["id"])
    upload(org, job, "Name\nA\n")
    close(org, job)
    org.world = World.load(org.world.dump())
    org.tick(5)
    assert status(org, job)["state"] == "JobComplete"


def ask(org: Org, soql: str, operation: str = "query", **more: str) -> str:
    """A query job that has ended."""
    made = org.call("POST", QUERY, {"operation": operation, "query": soql, **more})
    assert made.status == 200, made.body
    assert made.body["state"] == "UploadComplete"
    org.tick(5)
    return str(made.body["id"])


def pages(org: Org, job: str, **params: str) -> Answer:
    return org.call("GET", f"{QUERY}/{job}/results", query=params)


def test_a_query_job_answers_one_file_in_pages(org: Org) -> None:
    parent = org.create("Account", Name='P "1"')
    for number in range(5):
        org.create("Contact", LastName=f"L{number}", AccountId=parent if number else None)
    made = org.call("POST", QUERY, {"operation": "query", "query": "SELECT Id FROM Contact"}).body["id"]
    assert pages(org, made).code == "INVALIDJOBSTATE"
    job = ask(org, "select lastname, account.name, createddate, isdeleted, email from contact order by lastname")
    told = status(org, job, QUERY)
    assert (told["state"], told["jobType"], told["numberRecordsProcessed"]) == ("JobComplete", "V2Query", 5)
    first = pages(org, job, maxRecords="3")
    assert first.body.decode().splitlines()[:3] == [
        '"LastName","Account.Name","CreatedDate","IsDeleted","Email"',
        '"L0","","2026-11-20T01:30:00.000Z","false",""',
        '"L1","P ""1""","2026-11-20T01:30:00.000Z","false",""',
    ]
    assert (first.headers["Sforce-NumberOfRecords"], first.headers["Sforce-Locator"]) == ("3", "Mw")
    last = pages(org, job, maxRecords="3", locator="Mw")
    assert (last.headers["Sforce-NumberOfRecords"], last.headers["Sforce-Locator"]) == ("2", "null")
    assert len(last.body.splitlines()) == 3
    assert pages(org, job, locator="zzz").code == "INVALIDLOCATOR"
    other = org.call("GET", f"/services/data/v60.0/jobs/query/{job}/results")
    assert other.status == 409


def test_pages_can_be_fetched_at_the_same_time(org: Org) -> None:
    for number in range(7):
        org.create("Account", Name=f"A{number}")
    job = ask(org, "SELECT Name FROM Account")
    told = org.call("GET", f"{QUERY}/{job}/resultPages", query={"maxRecords": "1"}).body
    assert (len(told["resultPages"]), told["done"]) == (5, False)
    rest = org.call("GET", told["nextRecordsUrl"].partition("?")[0], query={"maxRecords": "1", "locator": "NQ"}).body
    assert (len(rest["resultPages"]), rest["done"], rest["nextRecordsUrl"]) == (2, True, None)
    names = []
    for page in told["resultPages"] + rest["resultPages"]:
        path, _, query = page["resultUrl"].partition("?")
        signed = {"authorization": f"Bearer {org.token}"}
        names.append(org.send("GET", path, b"", query, **signed).body.decode().splitlines()[1])
    assert names == [f'"A{number}"' for number in range(7)]


def test_query_all_has_deleted_rows_and_no_rows_are_a_header(org: Org) -> None:
    org.call("DELETE", f"sobjects/Account/{org.create('Account', Name='A')}")
    assert pages(org, ask(org, "SELECT Name FROM Account", "queryAll")).headers["Sforce-NumberOfRecords"] == "1"
    nothing = pages(org, ask(org, "SELECT Name FROM Account"))
    assert (nothing.body, nothing.headers["Sforce-NumberOfRecords"]) == (b'"Name"\n', "0")


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT COUNT(Id) FROM Account", "FEATURENOTENABLED"),
        ("SELECT Name FROM Account GROUP BY Name", "FEATURENOTENABLED"),
        ("SELECT Name FROM Account OFFSET 5", "FEATURENOTENABLED"),
        ("SELECT Name, (SELECT Id FROM Contacts) FROM Account", "FEATURENOTENABLED"),
        ("SELECT BillingAddress FROM Account", "FEATURENOTENABLED"),
        ("SELECT Account.BillingAddress FROM Contact", "FEATURENOTENABLED"),
        ("SELECT Nickname FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Id FRO Account", "MALFORMED_QUERY"),
    ],
)
def test_what_bulk_queries_leave_out_is_refused_at_once(org: Org, soql: str, code: str) -> None:
    answer = org.call("POST", QUERY, {"operation": "query", "query": soql})
    assert (answer.status, answer.code) == (400, code)
    assert org.world.jobs == {}


def test_a_waiting_query_can_be_aborted(org: Org) -> None:
    job = org.call("POST", QUERY, {"operation": "query", "query": "SELECT Id FROM Account"}).body["id"]
    assert org.call("PATCH", f"{QUERY}/{job}", {"state": "Aborted"}).body["state"] == "Aborted"
    org.tick(60)
    assert pages(org, job).code == "INVALIDJOBSTATE"
    assert org.call("DELETE", f"{QUERY}/{job}").status == 204


ASYNC = "/services/async/61.0/job"


def classic(org: Org, method: str, path: str, body: str = "", kind: str = "application/json", **more: str) -> Answer:
    signed = {"x-sfdc-session": org.token, "content-type": kind, **more}
    return org.send(method, f"{ASYNC}{path}", body.encode(), **signed)


def texts(answer: Answer, name: str) -> list[str]:
    """The texts of the elements of a name in an XML answer."""
    assert answer.headers["Content-Type"].startswith("application/xml")
    return re.findall(f"<{name}>([^<]*)</{name}>", answer.body.decode())


def test_a_singer_tap_reads_by_bulk_api_1(org: Org) -> None:
    org.create("Account", Name="A & B")
    wish = '{"operation":"queryAll","object":"Account","contentType":"CSV"}'
    made = classic(org, "POST", "", wish)
    assert (made.status, made.body["state"], made.body["apiVersion"]) == (201, "Open", 61)
    job = made.body["id"]
    added = classic(org, "POST", f"/{job}/batch", "SELECT Id, Name FROM Account", "text/csv")
    (batch,) = texts(added, "id")
    assert (added.status, texts(added, "state"), batch[:3]) == (201, ["Queued"], "751")
    assert classic(org, "POST", f"/{job}", '{"state":"Closed"}').body["state"] == "Closed"
    assert classic(org, "POST", f"/{job}/batch", "SELECT Id FROM Account", "text/csv").status == 400
    assert classic(org, "GET", f"/{job}/batch/{batch}/result").body["exceptionCode"] == "InvalidBatch"
    org.tick(5)
    assert texts(classic(org, "GET", f"/{job}/batch/{batch}"), "state") == ["Completed"]
    (result_id,) = texts(classic(org, "GET", f"/{job}/batch/{batch}/result"), "result")
    read = classic(org, "GET", f"/{job}/batch/{batch}/result/{result_id}")
    assert [each["Name"] for each in csv.DictReader(io.StringIO(read.body.decode()))] == ["A & B"]
    assert classic(org, "GET", f"/{job}").body["numberBatchesCompleted"] == 1
    assert org.call("GET", INGEST).body["records"] == []


def test_primary_key_chunking_leaves_the_first_batch_undone(org: Org) -> None:
    wish = '{"operation":"query","object":"Account","contentType":"CSV"}'
    header = {"sforce-enable-pkchunking": "true; chunkSize=100000"}
    job = classic(org, "POST", "", wish, **header).body["id"]
    classic(org, "POST", f"/{job}/batch", "SELECT Id FROM Account", "text/csv")
    org.tick(5)
    told = classic(org, "GET", f"/{job}/batch")
    assert texts(told, "state") == ["NotProcessed", "Completed"]
    batch = texts(told, "id")[1]
    (result_id,) = texts(classic(org, "GET", f"/{job}/batch/{batch}/result"), "result")
    empty = classic(org, "GET", f"/{job}/batch/{batch}/result/{result_id}").body
    assert empty == b"Records not found for this query"


def loaded(org: Org, kind: str, rows: str, operation: str = "insert", **more: str) -> tuple[str, str]:
    """A job in XML with one batch, and a while for it."""
    wish = {"operation": operation, "object": "Account", "contentType": kind, **more}
    members = "".join(f"<{name}>{value}</{name}>" for name, value in wish.items())
    namespace = "http://www.force.com/2009/06/asyncapi/dataload"
    (job,) = texts(
        classic(org, "POST", "", f'<jobInfo xmlns="{namespace}">{members}</jobInfo>', "application/xml"), "id"
    )
    added = classic(org, "POST", f"/{job}/batch", rows, f"{ROW_TYPES[kind]}; charset=UTF-8")
    batch = added.body["id"] if kind == "JSON" else texts(added, "id")[0]
    org.tick(5)
    return job, batch


ROW_TYPES = {"CSV": "text/csv", "JSON": "application/json", "XML": "application/xml"}
ROWS = {
    "CSV": 'Name,Phone\nGood,1\n"",2\n',
    "JSON": '[{"Name": "Good", "Phone": "1", "attributes": {"type": "Account"}}, {"Name": null, "Phone": "2"}]',
    "XML": '<sObjects xmlns="urn:x" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><sObject><Name>Good</Name>'
    '<Phone>1</Phone></sObject><sObject><Name xsi:nil="true"/><Phone>2</Phone></sObject></sObjects>',
}


@pytest.mark.parametrize("kind", ROWS)
def test_bulk_api_1_loads_rows_and_tells_each_in_order(org: Org, kind: str) -> None:
    job, batch = loaded(org, kind, ROWS[kind])
    answer = classic(org, "GET", f"/{job}/batch/{batch}/result")
    assert answer.headers["Content-Type"] == ROW_TYPES[kind]
    if kind == "JSON":
        told = [(each["success"], bool(each["errors"])) for each in answer.body]
        assert answer.body[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    elif kind == "CSV":
        table = list(csv.DictReader(io.StringIO(answer.body.decode())))
        told = [(each["Success"] == "true", each["Error"] != "") for each in table]
    else:
        successes = texts(answer, "success")
        told = [(each == "true", each == "false") for each in successes]
        assert texts(answer, "statusCode") == ["REQUIRED_FIELD_MISSING"]
    assert told == [(True, False), (False, True)]
    assert [each["Phone"] for each in org.soql("SELECT Phone FROM Account WHERE Name = 'Good'")] == ["1"]


def test_bulk_api_1_counts_failed_rows_and_a_file_that_is_wrong_fails_its_batch(org: Org) -> None:
    job, batch = loaded(org, "CSV", ROWS["CSV"])
    told = classic(org, "GET", f"/{job}/batch/{batch}")
    assert (texts(told, "numberRecordsProcessed"), texts(told, "numberRecordsFailed")) == (["2"], ["1"])
    assert classic(org, "GET", f"/{job}").body["numberRecordsFailed"] == 1
    job, batch = loaded(org, "CSV", "Nope\n1\n")
    told = classic(org, "GET", f"/{job}/batch/{batch}")
    assert texts(told, "state") == ["Failed"]
    assert texts(told, "stateMessage") == ["InvalidBatch : Field name not found : Nope"]


def test_bulk_api_1_updates_upserts_and_deletes(org: Org) -> None:
    account = org.create("Account", Name="Old")
    job, batch = loaded(org, "CSV", f"Id,Name\n{account},New\n", "upsert", externalIdFieldName="Id")
    (row,) = csv.DictReader(io.StringIO(classic(org, "GET", f"/{job}/batch/{batch}/result").body.decode()))
    assert row == {"Id": account, "Success": "true", "Created": "false", "Error": ""}
    assert org.read("Account", account)["Name"] == "New"
    job, batch = loaded(org, "JSON", '[{"Name": "Newer"}]', "upsert", externalIdFieldName="Id")
    (made,) = classic(org, "GET", f"/{job}/batch/{batch}/result").body
    assert (made["success"], made["created"]) == (True, True)
    loaded(org, "JSON", f'[{{"Id": "{account}"}}, {{"Id": "{made["id"]}"}}]', "delete")
    assert org.soql("SELECT Id FROM Account") == []


def test_bulk_api_1_queries_in_json_write_instants_as_milliseconds(org: Org) -> None:
    deal = org.deal("Deal", CloseDate="2026-11-20")
    wish = '{"operation":"query","object":"Opportunity","contentType":"JSON"}'
    job = classic(org, "POST", "", wish).body["id"]
    soql = "SELECT Id, CloseDate, CreatedDate, Owner.Alias, AccountId FROM Opportunity"
    batch = classic(org, "POST", f"/{job}/batch", soql).body["id"]
    org.tick(5)
    (result_id,) = classic(org, "GET", f"/{job}/batch/{batch}/result").body
    (row,) = classic(org, "GET", f"/{job}/batch/{batch}/result/{result_id}").body
    assert row["attributes"]["url"].endswith(f"/sobjects/Opportunity/{deal}")
    assert (row["CloseDate"], row["CreatedDate"]) == (1_795_132_800_000, 1_795_138_200_000)
    assert (row["Owner"]["Alias"], row["AccountId"]) == ("admin", None)


def test_bulk_api_1_refuses_in_its_own_shape(org: Org) -> None:
    lost = org.send("POST", ASYNC, b"{}", **{"x-sfdc-session": "00D!none", "content-type": "application/json"})
    assert (lost.status, lost.body["exceptionCode"]) == (401, "InvalidSessionId")
    assert classic(org, "GET", "/750000000000001AAA").body["exceptionCode"] == "InvalidJob"
    wish = '{"operation":"query","object":"Nope","contentType":"CSV"}'
    assert classic(org, "POST", "", wish).body["exceptionCode"] == "InvalidEntity"
    assert classic(org, "POST", "", wish.replace('"query"', '"copy"')).body["exceptionCode"] == "InvalidJob"
    assert classic(org, "POST", "", wish.replace("CSV", "ZIP_CSV")).body["exceptionCode"] == "FeatureNotEnabled"
    assert classic(org, "GET", "/a/b/c/d/e/f/g").status == 404
    job = classic(org, "POST", "", wish.replace("Nope", "Account")).body["id"]
    (batch,) = texts(classic(org, "POST", f"/{job}/batch", "SELECT Nope FROM Account", "text/csv"), "id")
    org.tick(5)
    told = classic(org, "GET", f"/{job}/batch/{batch}")
    assert texts(told, "state") == ["Failed"]
    assert texts(told, "stateMessage")[0].startswith("InvalidBatch : Failed to process query: INVALID_FIELD:")


@pytest.mark.parametrize(("version", "status"), [("30", 400), ("9", 400), ("69", 400), ("31", 200), ("68", 200)])
def test_bulk_api_1_knows_the_versions_of_the_others(org: Org, version: str, status: int) -> None:
    """SF 0.1: a retired version answers 400 here."""
    wish = b'{"operation": "query", "object": "Account", "contentType": "CSV"}'
    headers = {"x-sfdc-session": org.token, "content-type": "application/json"}
    answer = org.send("POST", f"/services/async/{version}.0/job", wish, "", **headers)
    assert (answer.status == 400) is (status == 400)
