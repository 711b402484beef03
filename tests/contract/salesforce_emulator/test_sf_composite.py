"""Composite, graph, tree, batch and collections: what refers to what, and what is undone together (SF 2.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.salesforce_emulator.conftest import API

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Answer, Org

Node = dict[str, Any]


def node(name: str, method: str, url: str, body: Any = None) -> Node:
    return {"referenceId": name, "method": method, "url": f"{API}/{url}", "body": body}


def graphs(org: Org, **named: list[Node]) -> Answer:
    wish = [{"graphId": name, "compositeRequest": nodes} for name, nodes in named.items()]
    return org.call("POST", "composite/graph", {"graphs": wish})


def codes(composite: dict[str, Any]) -> list[Any]:
    """Statuses of what went well, error codes of what did not."""
    return [
        each["body"][0]["errorCode"] if each["httpStatusCode"] >= 400 else each["httpStatusCode"]
        for each in composite["compositeResponse"]
    ]


def test_a_query_feeds_later_requests_in_address_and_body(org: Org) -> None:
    account = org.create("Account", Name="A", Site="Quay")
    wishes = [
        node("find", "GET", "query?q=SELECT+Id,Site+FROM+Account"),
        node("read", "GET", "sobjects/Account/@{find.records[0].Id}?fields=Name"),
        node("made", "POST", "sobjects/Contact", {"LastName": "@{read.Name}", "AccountId": "@{find.records[0].Id}"}),
        node("kept", "PATCH", "sobjects/Account/@{find.records[0].Id}", {"Phone": "at @{find.records[0].Site}!"}),
    ]
    answer = org.call("POST", "composite", {"compositeRequest": wishes, "collateSubrequests": True})
    assert codes(answer.body) == [200, 200, 201, 204]
    made = answer.body["compositeResponse"][2]
    assert made["httpHeaders"] == {"Location": f"{API}/sobjects/Contact/{made['body']['id']}"}
    assert org.read("Contact", made["body"]["id"])["AccountId"] == account
    assert org.read("Account", account)["Phone"] == "at Quay!"


def test_without_all_or_none_only_what_hangs_on_a_failure_fails(org: Org) -> None:
    wishes = [
        node("bad", "POST", "sobjects/Account", {}),
        node("child", "POST", "sobjects/Contact", {"LastName": "L", "AccountId": "@{bad.id}"}),
        node("good", "POST", "sobjects/Account", {"Name": "A"}),
        node("lost", "POST", "sobjects/Contact", {"LastName": "@{good.nothing}"}),
    ]
    answer = org.call("POST", "composite", {"compositeRequest": wishes})
    assert codes(answer.body) == ["REQUIRED_FIELD_MISSING", "PROCESSING_HALTED", 201, "PROCESSING_HALTED"]
    assert [each["Name"] for each in org.soql("SELECT Name FROM Account")] == ["A"]


def test_all_or_none_stops_at_the_first_failure_and_undoes_the_rest(org: Org) -> None:
    typed = {"attributes": {"type": "Account"}}
    rows = {"allOrNone": False, "records": [{**typed, "Name": "A"}, typed]}
    wishes = [
        node("one", "POST", "sobjects/Account", {"Name": "A"}),
        node("rows", "POST", "composite/sobjects", rows),
        node("last", "POST", "sobjects/Account", {}),
    ]
    answer = org.call("POST", "composite", {"allOrNone": True, "compositeRequest": wishes})
    told = answer.body["compositeResponse"]
    assert [each["httpStatusCode"] for each in told] == [400, 200, 400]
    codes = [each["errors"][0]["statusCode"] for each in told[1]["body"]]  # the outer allOrNone overrides the inner
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert told[2]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert org.soql("SELECT Id FROM Account") == []
    kept = org.create("Account", Name="K")
    gone = node("gone", "DELETE", f"composite/sobjects?ids={kept},001000000000009AAA")
    told = org.call("POST", "composite", {"allOrNone": True, "compositeRequest": [gone]}).body["compositeResponse"]
    assert [each["success"] for each in told[0]["body"]] == [False, False]
    assert org.read("Account", kept)["Name"] == "K"


@pytest.mark.parametrize(
    "wishes",
    [
        [],
        [node("a", "GET", "limits")] * 2,
        [node("a-b", "GET", "limits")],
        [{"referenceId": "a", "method": "GET"}],
        [node(f"r{each}", "GET", "limits") for each in range(26)],
        [node(f"r{each}", "GET", "query?q=SELECT+Id+FROM+Account") for each in range(6)],
    ],
)
def test_a_bad_envelope_is_refused_before_any_work(org: Org, wishes: list[Node]) -> None:
    first = node("first", "POST", "sobjects/Account", {"Name": "A"})
    assert org.call("POST", "composite", {"compositeRequest": wishes and [first, *wishes]}).status == 400
    assert org.soql("SELECT Id FROM Account") == []


@pytest.mark.parametrize("url", ["composite", "composite/batch", "composite/tree/Account", "jobs/ingest"])
def test_some_resources_are_no_subrequests(org: Org, url: str) -> None:
    answer = org.call("POST", "composite", {"compositeRequest": [node("a", "POST", url, {})]})
    assert codes(answer.body) == ["BAD_REQUEST"]


def test_a_batch_goes_on_after_a_failure_or_halts(org: Org) -> None:
    wishes = [
        {"method": "POST", "url": "v66.0/sobjects/Account", "richInput": {}},
        {"method": "POST", "url": "v66.0/sobjects/Account", "richInput": {"Name": "A"}},
    ]
    went_on = org.call("POST", "composite/batch", {"batchRequests": wishes}).body
    assert ([each["statusCode"] for each in went_on["results"]], went_on["hasErrors"]) == ([400, 201], True)
    halted = org.call("POST", "composite/batch", {"batchRequests": wishes, "haltOnError": True}).body
    assert [each["statusCode"] for each in halted["results"]] == [400, 412]
    assert halted["results"][1]["result"][0]["errorCode"] == "BATCH_PROCESSING_HALTED"
    assert len(org.soql("SELECT Id FROM Account")) == 1


def test_each_graph_is_done_whole_or_not_at_all(org: Org) -> None:
    good = [
        node("a", "POST", "sobjects/Account", {"Name": "A"}),
        node("c", "POST", "sobjects/Contact", {"LastName": "L", "AccountId": "@{a.id}"}),
        node("i", "PATCH", "sobjects/Xero_Invoice__c/Xero_Key__c/k", {"Status__c": "PAID"}),
    ]
    bad = [node("a", "POST", "sobjects/Account", {"Name": "B"}), node("c", "POST", "sobjects/Contact", {})]
    told = graphs(org, one=good, two=bad, three=good[:1]).body["graphs"]
    assert [(each["graphId"], each["isSuccessful"]) for each in told] == [
        ("one", True),
        ("two", False),
        ("three", True),
    ]
    assert codes(told[0]["graphResponse"]) == [201, 201, 201]
    assert codes(told[1]["graphResponse"]) == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING"]
    assert [each["Name"] for each in org.soql("SELECT Name FROM Account")] == ["A", "A"]
    assert org.soql("SELECT Account.Name FROM Contact")[0]["Account"]["Name"] == "A"


def test_graphs_halt_after_fourteen_failures(org: Org) -> None:
    wishes = {f"g{each}": [node("a", "POST", "sobjects/Account", {})] for each in range(14)}
    wishes["last"] = [node("a", "POST", "sobjects/Account", {"Name": "A"})]
    told = graphs(org, **wishes).body["graphs"]
    assert codes(told[13]["graphResponse"]) == ["REQUIRED_FIELD_MISSING"]
    assert (codes(told[14]["graphResponse"]), told[14]["isSuccessful"]) == (["PROCESSING_HALTED"], False)
    assert org.soql("SELECT Id FROM Account") == []


def chain(length: int) -> list[Node]:
    first = node("n0", "POST", "sobjects/Account", {"Name": "A"})
    links = range(1, length)
    return [
        first,
        *(node(f"n{at}", "POST", "sobjects/Account", {"Name": "A", "ParentId": f"@{{n{at - 1}.id}}"}) for at in links),
    ]


def test_graphs_have_bounds(org: Org) -> None:
    account = {"Name": "A"}
    nodes = [node(f"r{each}", "POST", "sobjects/Account", account) for each in range(501)]
    assert graphs(org, g=chain(15)).status == 200
    before = len(org.soql("SELECT Id FROM Account"))
    bounds: list[dict[str, list[Node]]] = [
        {"g": chain(16)},
        {"g": nodes},
        {f"g{each}": nodes[:1] for each in range(76)},
        {"g": [node("q", "GET", "query?q=SELECT+Id+FROM+Account")]},
        {"g": [node("q", "PATCH", "sobjects/Account", account)]},
        {"g": [node("q", "POST", "composite/sobjects", account)]},
        {"g": []},
    ]
    for refused in bounds:
        assert graphs(org, **refused).status == 400
    assert len(org.soql("SELECT Id FROM Account")) == before
    assert org.call("POST", "/services/data/v49.0/composite/graph", {"graphs": []}).status == 404


def leaf(name: str, kind: str, **fields: Any) -> Node:
    return {"attributes": {"type": kind, "referenceId": name}, **fields}


def test_a_tree_is_created_level_by_level(org: Org) -> None:
    contacts = {"records": [leaf("c1", "Contact", LastName="L"), leaf("c2", "Contact", LastName="M")]}
    answer = org.call(
        "POST",
        "composite/tree/account",
        {"records": [leaf("a1", "Account", Name="A", Contacts=contacts), leaf("a2", "Account", Name="B")]},
    )
    assert (answer.status, answer.body["hasErrors"]) == (201, False)
    ids = {each["referenceId"]: each["id"] for each in answer.body["results"]}
    assert list(ids) == ["a1", "a2", "c1", "c2"]
    assert org.read("Contact", ids["c2"])["AccountId"] == ids["a1"]


def test_a_tree_with_an_error_creates_nothing_and_names_every_error(org: Org) -> None:
    contacts = {"records": [leaf("c1", "Contact"), leaf("c2", "Contact", LastName="M")]}
    records = [leaf("a1", "Account", Name="A", Contacts=contacts), leaf("a2", "Account")]
    answer = org.call("POST", "composite/tree/Account", {"records": records})
    assert (answer.status, answer.body["hasErrors"]) == (400, True)
    assert [(each["referenceId"], each["errors"][0]["statusCode"]) for each in answer.body["results"]] == [
        ("a2", "REQUIRED_FIELD_MISSING"),
        ("c1", "REQUIRED_FIELD_MISSING"),
    ]
    assert org.soql("SELECT Id FROM Account") == []


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([], "INVALID_INPUT"),
        ([leaf("a", "Account", Name="A"), leaf("a", "Account", Name="B")], "INVALID_INPUT"),
        ([leaf("a", "Contact", LastName="L")], "INVALID_INPUT"),
        ([{"attributes": {"type": "Account"}, "Name": "A"}], "INVALID_INPUT"),
        ([leaf("a", "Account", Name="A", Fruits={"records": [leaf("f", "Fruit")]})], "INVALID_FIELD"),
        ([leaf(f"a{each}", "Account", Name="A") for each in range(201)], "LIMIT_EXCEEDED"),
    ],
)
def test_trees_that_cannot_be_read(org: Org, records: list[Node], code: str) -> None:
    answer = org.call("POST", "composite/tree/Account", {"records": records})
    assert (answer.status, answer.body["results"][0]["errors"][0]["statusCode"]) == (400, code)
    assert org.soql("SELECT Id FROM Account") == []


def test_collections_upsert_by_id_or_by_key_from_v46_on(org: Org) -> None:
    known = org.create("Account", Name="A")
    typed = {"attributes": {"type": "Account"}}
    batch = {"records": [{**typed, "Id": known, "Site": "Quay"}, {**typed, "Name": "B"}]}
    told = org.call("PATCH", "composite/sobjects/Account/Id", batch).body
    assert [each["created"] for each in told] == [False, True]
    assert (told[0]["id"], org.read("Account", known)["Site"]) == (known, "Quay")
    old = org.call("PATCH", "/services/data/v45.0/composite/sobjects/Account/Id", batch)
    assert old.status == 404


def test_an_upsert_may_be_forbidden_to_create_and_answers_by_version(org: Org) -> None:
    url = "sobjects/Xero_Invoice__c/Xero_Key__c/k"
    assert org.call("PATCH", url, {}, query={"updateOnly": "true"}).status == 404
    assert org.call("PATCH", url, {"Status__c": "DRAFT"}).status == 201
    assert org.call("PATCH", url, {"Status__c": "PAID"}, query={"updateOnly": "true"}).status == 200
    old = org.call("PATCH", f"/services/data/v45.0/{url}", {"Status__c": "PAID"})
    assert (old.status, old.body) == (204, b"")


def test_a_collection_says_which_failure_undid_the_others(org: Org) -> None:
    typed = {"attributes": {"type": "Account"}}
    batch = [{**typed, "Name": "A"}, typed, {**typed, "Name": "B", "Nickname": "x"}]
    told = org.call("POST", "composite/sobjects", {"allOrNone": True, "records": batch}).body
    assert [each["errors"][0]["statusCode"] for each in told] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
        "INVALID_FIELD",
    ]
    kept = org.create("Account", Name="K")
    ids = {"ids": f"{kept},001000000000009AAA", "allOrNone": "true"}
    gone = org.call("DELETE", "composite/sobjects", query=ids).body
    assert [each["success"] for each in gone] == [False, False]
    assert org.read("Account", kept)["Name"] == "K"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("composite/sobjects/Account", {"ids": [["x"]], "fields": ["Id"]}),
        ("composite/sobjects/Account", {"ids": ["x"], "fields": False}),
        ("parameterizedSearch", {"q": "Acme", "sobjects": [["Account"]]}),
        ("parameterizedSearch", {"q": "Acme", "fields": [["Id"]]}),
        ("jobs/query", {"operation": ["query"]}),
        ("jobs/ingest", {"object": "Account", "operation": "insert", "lineEnding": ["LF"]}),
    ],
)
def test_a_member_of_the_wrong_json_type_spoils_the_body(org: Org, path: str, body: Any) -> None:
    """SF 2.3: what the parser cannot read is refused as a whole."""
    answer = org.call("POST", path, body)
    assert (answer.status, answer.code) == (400, "JSON_PARSER_ERROR")


def test_a_member_without_a_name_is_no_field_and_no_relationship(org: Org) -> None:
    """SF 2.5: an unknown field is refused."""
    assert org.call("POST", "sobjects/Account", {"Name": "x", "": {"Name": "y"}}).code == "INVALID_FIELD"


def test_a_text_that_says_false_is_not_true(org: Org) -> None:
    """SF 2.7: all or none only where it is asked for."""
    record = {"attributes": {"type": "Account"}}
    wish = {"allOrNone": "false", "records": [record | {"Name": "x"}, record]}
    assert [each["success"] for each in org.call("POST", "composite/sobjects", wish).body] == [True, False]
