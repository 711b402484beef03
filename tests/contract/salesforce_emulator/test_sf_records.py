"""Rows one by one and in collections: statuses, error shapes, what happens to values (SF 0.4, 2.3-2.7)."""

from __future__ import annotations

import dataclasses
import gzip
import json
import zlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.schema import Field
from crossfoot.emulators.salesforce.values import to_stored

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Org

KEY = "sobjects/Xero_Invoice__c/Xero_Key__c"


def test_a_row_is_created_read_changed_and_deleted(org: Org) -> None:
    created = org.call(
        "POST", "sobjects/account/", {"name": "  Acme  ", "Phone": "", "attributes": {"type": "Account"}}
    )
    assert created.status == 201
    record_id = created.body["id"]
    assert created.body == {"id": record_id, "success": True, "errors": []}
    row = org.call("GET", f"sobjects/Account/{record_id[:15]}", query={"fields": "name,Phone,CreatedDate"}).body
    assert (row["Name"], row["Phone"], row["CreatedDate"]) == ("Acme", None, "2026-11-20T01:30:00.000+0000")
    org.tick(5)
    changed = org.call("PATCH", f"sobjects/Account/{record_id}", {"Phone": "02 9000 0000"})
    assert (changed.status, changed.body) == (204, b"")
    after = org.read("Account", record_id)
    assert (after["Name"], after["Phone"]) == ("Acme", "02 9000 0000")
    assert after["SystemModstamp"] == "2026-11-20T01:30:05.000+0000"
    assert org.call("DELETE", f"sobjects/Account/{record_id}").status == 204
    gone = org.call("GET", f"sobjects/Account/{record_id}")
    assert (gone.status, gone.code) == (404, "ENTITY_IS_DELETED")
    assert org.soql("SELECT Id FROM Account") == []
    assert org.soql("SELECT IsDeleted FROM Account", resource="queryAll")[0]["IsDeleted"] is True


REFUSED: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("Account", {}, "REQUIRED_FIELD_MISSING", ["Name"]),
    ("Account", {"Name": None}, "REQUIRED_FIELD_MISSING", ["Name"]),
    ("Account", {"Name": "x" * 256}, "STRING_TOO_LONG", ["Name"]),
    (
        "Account",
        {"Name": "x", "CreatedDate": "2020-01-01T00:00:00Z"},
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        ["CreatedDate"],
    ),
    ("Account", {"Name": "x", "ParentId": "abc"}, "MALFORMED_ID", ["ParentId"]),
    ("Account", {"Name": "x", "ParentId": "001000000000001AAA"}, "INVALID_CROSS_REFERENCE_KEY", ["ParentId"]),
    ("Account", {"Name": "x", "ParentId": "003000000000001AAA"}, "FIELD_INTEGRITY_EXCEPTION", ["ParentId"]),
    ("Account", {"Name": "x", "CurrencyIsoCode": "CHF"}, "INVALID_CURRENCY_ISO", ["CurrencyIsoCode"]),
    ("Account", {"Name": "x", "Xero_Balance__c": 10**14}, "NUMBER_OUTSIDE_VALID_RANGE", ["Xero_Balance__c"]),
    ("Contact", {"LastName": "x", "Email": "nobody"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
    (
        "Opportunity",
        {"Name": "x", "StageName": "Sold", "CloseDate": "2026-11-20"},
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        ["StageName"],
    ),
]


@pytest.mark.parametrize(
    ("kind", "body", "code", "fields"), REFUSED, ids=[f"{row[2]} {row[1]!s:.40}" for row in REFUSED]
)
def test_a_refused_save_names_code_and_fields(
    org: Org, kind: str, body: dict[str, Any], code: str, fields: list[str]
) -> None:
    answer = org.call("POST", f"sobjects/{kind}", body)
    assert (answer.status, answer.code, answer.body[0]["fields"]) == (400, code, fields)
    assert org.call("GET", "recordCount", query={"sObjects": kind}).body["sObjects"][0]["count"] == 0
    in_collection = org.call("POST", "composite/sobjects", {"records": [{"attributes": {"type": kind}, **body}]})
    assert in_collection.status == 200
    assert in_collection.body[0]["errors"][0] == {
        "statusCode": code,
        "message": answer.body[0]["message"],
        "fields": fields,
    }


def test_the_three_error_shapes_differ(org: Org) -> None:
    assert set(org.call("GET", "sobjects/Nothing/describe").body[0]) == {"message", "errorCode"}
    item = org.call("POST", "composite/sobjects", {"records": [{"attributes": {"type": "Account"}}]}).body[0]
    assert item == {
        "success": False,
        "errors": [
            {
                "statusCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [Name]",
                "fields": ["Name"],
            }
        ],
    }
    assert set(org.token_by(grant_type="nonsense").body) == {"error", "error_description"}


def test_numbers_are_rounded_to_their_scale_and_stay_exact(org: Org) -> None:
    record_id = org.create("Account", Name="x", Xero_Balance__c=1200)
    response = org.call("PATCH", f"sobjects/Account/{record_id}", {"Xero_Balance__c": "10.005"})
    assert response.status == 204
    assert org.read("Account", record_id)["Xero_Balance__c"] == Decimal("10.01")


def test_upsert_creates_with_201_updates_with_200_and_before_v46_with_204(org: Org) -> None:
    created = org.call("PATCH", f"{KEY}/org1%3Ainv1", {"Status__c": "DRAFT"})
    assert (created.status, created.body["created"]) == (201, True)
    assert org.read("Xero_Invoice__c", created.body["id"])["Xero_Key__c"] == "org1:inv1"
    updated = org.call("PATCH", f"{KEY}/org1%3Ainv1/", {"Status__c": "PAID"})
    assert (updated.status, updated.body) == (200, {**created.body, "created": False})
    old = org.call("PATCH", f"/services/data/v45.0/{KEY}/org1:inv1", {"Status__c": "VOIDED"})
    assert (old.status, old.body) == (204, b"")
    assert [row["Status__c"] for row in org.soql("SELECT Status__c FROM Xero_Invoice__c")] == ["VOIDED"]


def test_upsert_refuses_what_is_no_key(org: Org) -> None:
    assert org.call("PATCH", "sobjects/Account/Name/Acme", {"Phone": "1"}).status == 404
    assert org.call("PATCH", "sobjects/Account/Xero_Contact_Id__c/x", {"Name": "1"}).status == 404
    assert org.call("PATCH", f"{KEY}/", {}).status == 405
    assert org.call("PATCH", f"{KEY}/k", {"Xero_Key__c": "k"}).code == "INVALID_FIELD"
    assert org.call("PATCH", f"{KEY}/k", {}, query={"updateOnly": "true"}).status == 404


def test_a_key_that_several_rows_have_answers_300_with_their_addresses(org: Org) -> None:
    ids = [org.create("Contact", LastName=name, Email="a@b.example") for name in ("One", "Two")]
    answer = org.call("PATCH", "sobjects/Contact/Email/A@B.example", {"LastName": "Three"})
    assert (answer.status, answer.body) == (300, [f"/services/data/v66.0/sobjects/Contact/{each}" for each in ids])
    assert org.call("GET", "sobjects/Contact/Email/a@b.example").status == 300


def test_a_unique_value_is_refused_with_the_other_rows_id_until_that_is_deleted(org: Org) -> None:
    first = org.create("Xero_Payment__c", Xero_Key__c="K")
    second = org.call("POST", "sobjects/Xero_Payment__c", {"Xero_Key__c": " K "})
    assert second.code == "DUPLICATE_VALUE"
    assert (
        second.body[0]["message"] == f"duplicate value found: Xero_Key__c duplicates value on record with id: {first}"
    )
    org.call("DELETE", f"sobjects/Xero_Payment__c/{first}")
    assert org.call("POST", "sobjects/Xero_Payment__c", {"Xero_Key__c": "k"}).status == 201


def test_parents_are_named_by_external_id(org: Org) -> None:
    invoice = org.create("Xero_Invoice__c", Xero_Key__c="inv")
    payment = org.create("Xero_Payment__c", Xero_Key__c="pay", Xero_Invoice__r={"Xero_Key__c": "inv"})
    assert org.read("Xero_Payment__c", payment)["Xero_Invoice__c"] == invoice
    missing = org.call("POST", "sobjects/Xero_Payment__c", {"Xero_Invoice__r": {"Xero_Key__c": "no"}})
    assert missing.body[0]["message"] == (
        "Foreign key external ID: no not found for field Xero_Key__c in entity Xero_Invoice__c"
    )


def test_a_collection_keeps_the_good_rows_and_reports_each(org: Org) -> None:
    batch = [{"attributes": {"type": "Account"}, "Name": name} for name in ("One", None, "Three")]
    answer = org.call("POST", "composite/sobjects", {"allOrNone": False, "records": batch})
    assert answer.status == 200
    assert [each["success"] for each in answer.body] == [True, False, True]
    assert [row["Name"] for row in org.soql("SELECT Name FROM Account")] == ["One", "Three"]


def test_all_or_none_keeps_nothing_and_tells_cause_from_collateral(org: Org) -> None:
    batch = [{"attributes": {"type": "Account"}, "Name": name} for name in ("One", None)]
    answer = org.call("POST", "composite/sobjects", {"allOrNone": True, "records": batch})
    codes = [each["errors"][0]["statusCode"] for each in answer.body]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert org.soql("SELECT Id FROM Account", resource="queryAll") == []
    assert answer.events == []


def test_collections_update_upsert_delete_and_retrieve(org: Org) -> None:
    ids = [org.create("Account", Name=name) for name in ("One", "Two")]
    typed = {"attributes": {"type": "Account"}}
    updated = org.call("PATCH", "composite/sobjects", {"records": [{**typed, "id": each, "Site": "S"} for each in ids]})
    assert [each["id"] for each in updated.body] == ids
    keyed = [{"attributes": {"type": "Xero_Invoice__c"}, "Xero_Key__c": key} for key in ("a", "b", "b")]
    upserted = org.call("PATCH", "composite/sobjects/Xero_Invoice__c/Xero_Key__c", {"records": keyed}).body
    assert [each.get("created") for each in upserted] == [True, None, None]
    assert upserted[1]["errors"][0]["statusCode"] == "DUPLICATE_VALUE"
    again = org.call("PATCH", "composite/sobjects/Xero_Invoice__c/Xero_Key__c", {"records": keyed[:1]}).body
    assert again[0]["created"] is False
    org.call("DELETE", "composite/sobjects", query={"ids": ids[0]})
    found = org.call("POST", "composite/sobjects/Account", {"ids": ids, "fields": ["Site"]}).body
    assert found[0] is None
    assert found[1]["Site"] == "S"


def test_a_refused_transaction_leaves_no_trace_in_rows_or_indexes(org: Org) -> None:
    account = org.create("Account", Name="A")
    deal, entry = org.deal(AccountId=account), org.priced_product("P", "10")
    line = org.create("OpportunityLineItem", OpportunityId=deal, PricebookEntryId=entry, Quantity=1, UnitPrice=10)
    org.create("Xero_Invoice__c", Xero_Key__c="k", Opportunity__c=deal)
    org.tick()
    before = org.world.dump()
    requests: list[dict[str, Any]] = [
        {"method": "DELETE", "url": f"/services/data/v66.0/sobjects/OpportunityLineItem/{line}"},
        {"method": "PATCH", "url": f"/services/data/v66.0/{KEY}/k", "body": {"Status__c": "PAID"}},
        {"method": "PATCH", "url": f"/services/data/v66.0/{KEY}/new", "body": {"Status__c": "PAID"}},
        {"method": "DELETE", "url": f"/services/data/v66.0/sobjects/Account/{account}"},
        {"method": "POST", "url": "/services/data/v66.0/sobjects/Account", "body": {}},
    ]
    wishes = [{**each, "referenceId": f"r{number}"} for number, each in enumerate(requests)]
    answer = org.call("POST", "composite", {"allOrNone": True, "compositeRequest": wishes})
    halted = [each["body"][0]["errorCode"] for each in answer.body["compositeResponse"]]
    assert halted == ["PROCESSING_HALTED"] * 4 + ["REQUIRED_FIELD_MISSING"]
    after = org.world.dump()
    assert (after["rows"], after["deletions"], answer.events) == (before["rows"], before["deletions"], [])
    assert org.soql("SELECT Id FROM Xero_Invoice__c WHERE Xero_Key__c = 'new'") == []
    assert org.soql(f"SELECT Id FROM OpportunityLineItem WHERE OpportunityId = '{deal}'")[0]["Id"] == line


def test_a_value_of_the_wrong_json_type_spoils_the_whole_collection(org: Org) -> None:
    batch = [{"attributes": {"type": "Account"}, "Name": name} for name in ("One", 2)]
    answer = org.call("POST", "composite/sobjects", {"records": batch})
    assert (answer.status, answer.code) == (400, "JSON_PARSER_ERROR")
    assert org.soql("SELECT Id FROM Account") == []


def test_an_id_is_not_given_in_an_insert(org: Org) -> None:
    batch = [{"attributes": {"type": "Account"}, "Id": "001000000000001AAA", "Name": "x"}]
    item = org.call("POST", "composite/sobjects", {"records": batch}).body[0]
    assert item["errors"][0]["statusCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_a_collection_has_at_most_200_records_in_10_runs_of_one_type(org: Org) -> None:
    many = [{"attributes": {"type": "Account"}, "Name": "x"}] * 201
    assert org.call("POST", "composite/sobjects", {"records": many}).status == 400
    mixed = [{"attributes": {"type": kind}, "Name": "x", "LastName": "x"} for kind in ("Account", "Contact") * 6]
    assert org.call("POST", "composite/sobjects", {"records": mixed}).status == 400
    assert org.soql("SELECT Id FROM Account") == []


def test_composite_requests_use_earlier_outcomes_and_roll_back_together(org: Org) -> None:
    requests: list[dict[str, Any]] = [
        {"method": "POST", "url": "/services/data/v66.0/sobjects/Account", "referenceId": "acc", "body": {"Name": "A"}},
        {
            "method": "POST",
            "url": "/services/data/v66.0/sobjects/Contact",
            "referenceId": "con",
            "body": {"AccountId": "@{acc.id}"},
        },
    ]
    rolled = org.call("POST", "composite", {"allOrNone": True, "compositeRequest": requests}).body["compositeResponse"]
    assert [each["httpStatusCode"] for each in rolled] == [400, 400]
    assert [each["body"][0]["errorCode"] for each in rolled] == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING"]
    assert org.soql("SELECT Id FROM Account") == []
    requests[1]["body"] = {"AccountId": "@{acc.id}", "LastName": "Lee"}
    done = org.call("POST", "composite", {"compositeRequest": requests}).body["compositeResponse"]
    assert [each["httpStatusCode"] for each in done] == [201, 201]
    assert org.soql("SELECT Account.Name FROM Contact")[0]["Account"]["Name"] == "A"


@pytest.mark.parametrize("base", ["v66.0", "/services/data/v66.0"])
def test_batch_takes_relative_and_absolute_addresses(org: Org, base: str) -> None:
    wishes = [{"method": "GET", "url": f"{base}/limits"}, {"method": "GET", "url": f"{base}/sobjects/Nope/describe"}]
    answer = org.call("POST", "composite/batch", {"batchRequests": wishes}).body
    assert answer["hasErrors"] is True
    assert [each["statusCode"] for each in answer["results"]] == [200, 404]


def test_bodies_may_be_gzip_and_methods_may_be_overridden(org: Org) -> None:
    record_id = org.create("Account", Name="x")
    packed = gzip.compress(json.dumps({"Name": "y"}).encode())
    signed = {"authorization": f"OAuth {org.token}", "content-encoding": "gzip"}
    answer = org.send(
        "POST", f"/services/data/v60.0/sobjects/Account/{record_id}", packed, "_HttpMethod=PATCH", **signed
    )
    assert answer.status == 204
    assert org.read("Account", record_id)["Name"] == "y"


def test_wrong_json_methods_and_paths_have_their_own_statuses(org: Org) -> None:
    signed = {"authorization": f"Bearer {org.token}"}
    assert org.send("POST", "/services/data/v66.0/sobjects/Account", b"{", **signed).code == "JSON_PARSER_ERROR"
    assert org.call("POST", "sobjects/Account", {"Name": 5}).code == "JSON_PARSER_ERROR"
    assert org.call("PUT", "sobjects/Account", {}).status == 405
    assert org.call("GET", "nonsense").status == 404
    assert org.call("GET", "/services/data/v99.0/sobjects").status == 404
    assert org.call("GET", "/services/data/v30.0/sobjects").status == 410
    assert org.call("GET", "query", query={"q": "x" * 17_000}).status == 414
    illegal = [each["illegal"] for each in org.world.log if each["illegal"]]
    assert any(each.startswith("JSON_PARSER_ERROR") for each in illegal)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (zlib.compress(b'{"Name": "Kea"}'), {"content-encoding": "deflate"}, 201),
        (b'{"Name": "Kea"}', {"content-encoding": "identity"}, 201),
        (b'{"Name": "Kea"}', {"content-encoding": "br"}, 415),
        (b"Kea", {"content-encoding": "gzip"}, 400),
        ('{"Name": "Ke\xe4"}'.encode("latin-1"), {"content-type": "application/json; charset=ISO-8859-1"}, 201),
        ('{"Name": "Ke\xe4"}'.encode("utf-16"), {"content-type": 'application/json;charset="UTF-16"'}, 201),
        (b'\xef\xbb\xbf{"Name": "Kea"}', {}, 201),
        (b'{"Name": "Ke\xe4"}', {}, 400),
        (b'{"Name": "Kea"}', {"content-type": "application/json; charset=nonsense"}, 415),
        (b'{"Name": "Kea"}', {"content-type": "application/json; charset=rot13"}, 415),
    ],
)
def test_a_body_comes_packed_and_in_a_charset_of_its_own(
    org: Org, body: bytes, headers: dict[str, str], status: int
) -> None:
    """SF 2.1."""
    signed = {"authorization": f"Bearer {org.token}", **headers}
    assert org.send("POST", "/services/data/v66.0/sobjects/Account", body, "", **signed).status == status


def test_what_can_be_read_has_a_head_and_a_refused_method_names_the_others(org: Org) -> None:
    """SF 2.3: in the words and the order that clients have met."""
    path = f"sobjects/Account/{org.create('Account', Name='x')}"
    read, head = org.call("GET", path), org.call("HEAD", path)
    assert (head.status, head.headers["ETag"]) == (200, read.headers["ETag"])
    assert org.call("HEAD", "sobjects/Account/001000000000001AAA").status == 404
    for method, place, allowed in (
        ("PATCH", "sobjects/Account/", "HEAD,GET,POST"),
        ("PATCH", "sobjects/Account/Xero_Key__c/", "HEAD,GET,POST"),
        ("POST", path, "HEAD,GET,PATCH,DELETE"),
        ("GET", "composite/sobjects/Account/Id", "PATCH"),
    ):
        answer = org.call(method, place, {})
        assert (answer.status, answer.headers["Allow"]) == (405, allowed)
        assert answer.body[0]["message"] == f"HTTP Method '{method}' not allowed. Allowed are {allowed}"


@pytest.mark.parametrize(
    ("field", "value", "token"),
    [
        ("CloseDate", "20261120", "date from VALUE_STRING value 20261120 or"),
        ("CloseDate", "2026-W47-5", "date from VALUE_STRING value 2026-W47-5 or"),
        ("CloseDate", 20261120, "date from VALUE_NUMBER_INT value 20261120 or"),
        ("Amount", "1_000", "currency from VALUE_STRING value 1_000 or"),
        ("Amount", "\u0663", "currency from VALUE_STRING value \u0663 or"),
        ("Amount", "NaN", "currency from VALUE_STRING value NaN or"),
        ("Name", ["a"], "string from START_ARRAY value [line:"),
        ("Name", {"a": 1}, "string from START_OBJECT value [line:"),
    ],
)
def test_a_value_is_read_in_its_own_format_alone(org: Org, field: str, value: Any, token: str) -> None:
    """SF 0.4: dates as yyyy-MM-dd, numbers in digits; the parser names the token, and no field (SF 2.3)."""
    deal = {"Name": "d", "StageName": "Prospecting", "CloseDate": "2026-11-20", field: value}
    answer = org.call("POST", "sobjects/Opportunity", deal)
    assert (answer.status, answer.code, "fields" in answer.body[0]) == (400, "JSON_PARSER_ERROR", False)
    assert answer.body[0]["message"].startswith(f"Cannot deserialize instance of {token}")


def test_an_unknown_field_is_named_in_the_message_alone(org: Org) -> None:
    """SF 2.3: ``fields`` is there for what a rule says of a field, not for one that does not exist."""
    answer = org.call("POST", "sobjects/Account", {"Name": "x", "Foo": 1})
    assert answer.body == [{"message": "No such column 'Foo' on sobject of type Account", "errorCode": "INVALID_FIELD"}]


@pytest.mark.parametrize("value", ["@", "a@b", "a b@c.example", "a@b@c.example", "a@.example", "a@b."])
def test_an_email_address_has_a_name_and_a_domain(org: Org, value: str) -> None:
    """SF 2.3: INVALID_EMAIL_ADDRESS names the field."""
    answer = org.call("POST", "sobjects/Contact", {"LastName": "x", "Email": value})
    assert (answer.code, answer.body[0]["fields"]) == ("INVALID_EMAIL_ADDRESS", ["Email"])
    assert org.call("POST", "sobjects/Contact", {"LastName": "x", "Email": "a.b+c@d-e.example"}).status == 201


def test_a_merge_moves_children_and_leaves_a_pointer(org: Org) -> None:
    winner, loser = (org.create("Account", Name=name) for name in ("Keep", "Drop"))
    deal = org.deal(AccountId=loser)
    org.tick(10)
    answer = org.control("merge", {"object": "Account", "winner": winner, "losers": [loser]})
    assert answer.status == 200
    assert org.read("Opportunity", deal)["AccountId"] == winner
    text = "SELECT Name, IsDeleted, MasterRecordId, SystemModstamp FROM Account ORDER BY Name"
    gone, kept = org.soql(text, resource="queryAll")
    assert (gone["IsDeleted"], gone["MasterRecordId"]) == (True, winner)
    assert kept["SystemModstamp"] == gone["SystemModstamp"] == "2026-11-20T01:30:10.000+0000"


def test_deletion_cascades_and_undelete_brings_all_of_it_back(org: Org) -> None:
    account = org.create("Account", Name="A")
    deal = org.deal(AccountId=account)
    entry = org.priced_product("P", "10")
    org.create("OpportunityLineItem", OpportunityId=deal, PricebookEntryId=entry, Quantity=1, UnitPrice=10)
    mirror = org.create("Xero_Invoice__c", Opportunity__c=deal)
    org.call("DELETE", f"sobjects/Account/{account}")
    assert org.soql("SELECT Id FROM Opportunity") == []
    assert org.read("Xero_Invoice__c", mirror)["Opportunity__c"] is None
    assert org.control("undelete", {"object": "Account", "id": account}).status == 200
    assert (
        org.soql("SELECT (SELECT Id FROM OpportunityLineItems) FROM Opportunity")[0]["OpportunityLineItems"][
            "totalSize"
        ]
        == 1
    )


def test_updated_and_deleted_tell_what_moved_in_a_window(org: Org) -> None:
    window = {"start": "2026-11-20T01:00:00Z", "end": "2026-11-20T02:00:00+00:00"}
    kept, dropped = (org.create("Account", Name=name) for name in ("Keep", "Drop"))
    org.call("DELETE", f"sobjects/Account/{dropped}")
    updated = org.call("GET", "sobjects/Account/updated/", query=window).body
    assert updated == {"ids": [kept], "latestDateCovered": "2026-11-20T01:30:00.000+0000"}
    deleted = org.call("GET", "sobjects/Account/deleted/", query=window).body["deletedRecords"]
    assert deleted == [{"id": dropped, "deletedDate": "2026-11-20T01:30:00.000+0000"}]
    old = {**window, "start": "2026-01-01T00:00:00Z"}
    assert org.call("GET", "sobjects/Account/updated", query=old).code == "INVALID_REPLICATION_DATE"


def test_a_validation_rule_refuses_with_its_own_text_until_it_is_switched_off(org: Org) -> None:
    deal = org.deal("Guarded")
    rule = {
        "object": "Opportunity",
        "name": "No_status",
        "condition": "Name = 'Guarded' AND Xero_Status__c != null",
        "message": "Finance holds this deal.",
    }
    assert org.control("validation-rule", rule).status == 200
    refused = org.call("PATCH", f"sobjects/Opportunity/{deal}", {"Xero_Status__c": "DRAFT"})
    assert (refused.code, refused.body[0]["message"]) == (
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "Finance holds this deal.",
    )
    assert org.call("PATCH", f"sobjects/Opportunity/{deal}", {"NextStep": "call"}).status == 204
    org.control("validation-rule", {**rule, "active": False})
    assert org.call("PATCH", f"sobjects/Opportunity/{deal}", {"Xero_Status__c": "DRAFT"}).status == 204


def test_only_a_person_or_the_tooling_api_makes_validation_rules(org: Org) -> None:
    rule = {
        "EntityDefinition": "Account",
        "ValidationName": "R",
        "ErrorConditionFormula": "Site = null",
        "ErrorMessage": "Site!",
    }
    assert org.call("POST", "sobjects/ValidationRule", rule).status == 404
    assert org.person("POST", "tooling/sobjects/ValidationRule", rule).status == 201
    assert org.call("POST", "sobjects/Account", {"Name": "x"}).code == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    bad = {**rule, "ErrorConditionFormula": "Nowhere = 1"}
    assert org.person("POST", "tooling/sobjects/ValidationRule", bad).code == "INVALID_FIELD"


def test_a_record_that_is_not_shared_is_not_newly_referred_to(org: Org) -> None:
    account = org.create("Account", Name="Kea")
    known = org.create("Contact", LastName="Tui", AccountId=account)
    org.control("hide", {"object": "Account", "id": account})
    answer = org.call("POST", "sobjects/Contact", {"LastName": "Moa", "AccountId": account})
    assert (answer.status, answer.code) == (400, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY")
    assert answer.body[0]["message"] == f"insufficient access rights on cross-reference id: {account}"
    assert org.call("PATCH", f"sobjects/Contact/{known}", {"AccountId": account, "Title": "Dr"}).status == 204
    org.control("show", {"object": "Account", "id": account})
    assert org.call("POST", "sobjects/Contact", {"LastName": "Moa", "AccountId": account}).status == 201


def test_what_the_tooling_api_answers_is_addressed_there(org: Org) -> None:
    rule = {"object": "Account", "name": "R", "condition": "Site = null", "message": "Site!"}
    org.control("validation-rule", rule)
    found = org.soql("SELECT Id FROM ValidationRule", resource="tooling/query")[0]
    row = org.call("GET", found["attributes"]["url"])
    assert (row.status, row.body["attributes"]) == (200, found["attributes"])
    described = org.call("GET", "tooling/sobjects/ValidationRule/describe").body
    assert org.call("GET", described["urls"]["sobject"]).status == 200
    assert org.call("GET", "tooling").body["sobjects"] == "/services/data/v66.0/tooling/sobjects"


def test_people_may_write_audit_fields_and_their_calls_are_not_counted(org: Org) -> None:
    before = org.call("GET", "limits").body["DailyApiRequests"]["Remaining"]
    record_id = org.create("Account", Name="Old", CreatedDate="2024-02-29T10:00:00Z")
    assert org.call("GET", "limits").body["DailyApiRequests"]["Remaining"] == before - 1
    row = org.read("Account", record_id)
    assert (row["CreatedDate"], row["SystemModstamp"]) == (
        "2024-02-29T10:00:00.000+0000",
        "2026-11-20T01:30:00.000+0000",
    )
    assert row["LastModifiedById"] != org.soql("SELECT Id FROM User WHERE LastName = 'Integration User'")[0]["Id"]


def test_an_account_has_a_tag_that_a_read_or_a_write_may_name(org: Org) -> None:
    """SF 2.1: ETags on accounts alone, 304 and 412; an invalid one on a write is 400; DELETE asks for none."""
    path = f"sobjects/Account/{org.create('Account', Name='x')}"
    tag = org.call("GET", path).headers["ETag"]
    named, other = {"if-match": f'"a", {tag}'}, {"if-match": '"a"'}
    assert org.call("GET", path, headers={"if-none-match": tag}).status == 304
    assert org.call("GET", path, headers={"if-none-match": '"a"'}).status == 200
    assert org.call("GET", path, headers=other).status == 412
    assert org.call("PATCH", path, {"Name": "y"}, headers={"if-none-match": tag}).status == 412
    assert org.call("PATCH", path, {"Name": "y"}, headers=other).status == 412
    assert org.call("PATCH", path, {"Name": "y"}, headers={"if-match": "a"}).status == 400
    assert org.call("PATCH", path, {"Name": "y"}, headers=named).status == 204
    assert org.call("PATCH", path, {"Name": "z"}, headers=named).status == 412, "the row is another one now"
    assert org.call("DELETE", path, headers=other).status == 204
    contact = f"sobjects/Contact/{org.create('Contact', LastName='x')}"
    assert "ETag" not in org.call("GET", contact).headers
    assert org.call("PATCH", contact, {"LastName": "y"}, headers=other).status == 204


def test_a_row_may_be_asked_for_by_its_date(org: Org) -> None:
    """SF 2.1: the dates are weak conditions, by the second; what is no date is none, but for a write."""
    path = f"sobjects/Contact/{org.create('Contact', LastName='x')}"
    before, then = "Fri, 20 Nov 2026 01:29:59 GMT", "Fri, 20 Nov 2026 01:30:00 GMT"
    assert org.call("GET", path).headers["Last-Modified"] == then
    since, until = "if-modified-since", "if-unmodified-since"
    reads = [(since, before), (since, then), (since, "x"), (until, before), (until, then), (until, "x")]
    told = [org.call("GET", path, headers={name: text}).status for name, text in reads]
    assert told == [200, 304, 200, 412, 200, 200]
    writes = [org.call("PATCH", path, {"LastName": "y"}, headers={until: text}).status for text in (before, "x", then)]
    assert writes == [412, 400, 204]


def test_several_choices_stand_once_each_in_the_order_of_their_definition() -> None:
    """SF 0.4."""
    topics = Field("Topics__c", "multipicklist", length=4000, picklist=("Tax", "Audit", "Payroll"))
    assert to_stored(topics, "payroll; Tax;Tax;Other") == "Tax;Payroll;Other"
    assert to_stored(topics, ";") is None
    with pytest.raises(ApiError, match="INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"):
        to_stored(dataclasses.replace(topics, restricted=True), "Tax;Other")


@pytest.mark.parametrize("value", ["2026-11-20 01:30:00Z", "2026-11-20T01:30Z", "2026-11-20T01:30:00", "2026-11-20"])
def test_an_instant_has_its_seconds_and_its_zone(org: Org, value: str) -> None:
    """SF 0.4: yyyy-MM-ddTHH:mm:ss, perhaps a fraction, and Z or an offset."""
    refused = org.person("POST", "sobjects/Account", {"Name": "x", "CreatedDate": value})
    assert refused.code == "JSON_PARSER_ERROR"
    for zone in ("Z", ".000Z", ".5+00:00", "+0000"):
        assert org.create("Account", Name="x", CreatedDate=f"2026-11-20T01:30:00{zone}")
