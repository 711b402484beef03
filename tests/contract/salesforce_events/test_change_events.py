"""What the bus tells of a change: headers, values, bitmaps, merged and gap events (SF 5.5, 5.6)."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfoot.emulators.salesforce import World, new_world
from crossfoot.emulators.salesforce.events.avro import AvroError, Codec
from crossfoot.emulators.salesforce.events.schemas import bitmaps, change_schema, changed_paths
from crossfoot.emulators.salesforce.schema import SObject, declaration, text
from crossfoot.emulators.snapshot import decode, encode

from .conftest import API, NOON, Org

HEADER = "ChangeEventHeader"


def kinds(events: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(each[HEADER]["entityName"], each[HEADER]["changeType"], len(each[HEADER]["recordIds"])) for each in events]


def test_a_creation_tells_every_value_and_who_made_it(org: Org) -> None:
    made = org.create("Account", Name="Acme", AnnualRevenue=1200, BillingCity="Perth", NumberOfEmployees=3)
    (event,) = org.news()
    header = event[HEADER]
    assert (header["entityName"], header["changeType"], header["recordIds"]) == ("Account", "CREATE", [made])
    assert header["changeOrigin"] == "com/salesforce/api/rest/66.0"
    assert header["commitTimestamp"] == int(NOON.timestamp()) * 1000
    assert header["commitUser"] == org.world.grants["integration"]
    assert header["changedFields"] == header["nulledFields"] == header["diffFields"] == []
    assert (event["Name"], event["AnnualRevenue"], event["NumberOfEmployees"]) == ("Acme", 1200.0, 3)
    assert event["BillingAddress"]["City"] == "Perth"
    assert event["CreatedDate"] == int(NOON.timestamp()) * 1000
    assert event["Phone"] is None


def test_an_update_tells_changed_values_and_names_those_that_were_emptied(org: Org) -> None:
    made = org.create("Account", Name="Acme", Phone="1", BillingCity="Perth", BillingStreet="1 Quay")
    org.news()
    org.tick()
    path = f"sobjects/Account/{made}"
    org.call(
        "PATCH", path, {"Phone": None, "Website": "a.example", "BillingCity": "Hobart"}, sforce_call_options="client=me"
    )
    (event,) = org.news()
    changed = {"Phone", "Website", "BillingAddress.City", "LastModifiedDate"}
    assert set(org.names(event, "changedFields")) == changed
    assert org.names(event, "nulledFields") == ["Phone"]
    assert (event["Phone"], event["Website"], event["Name"]) == (None, "a.example", None)
    assert event["BillingAddress"] == dict.fromkeys(event["BillingAddress"]) | {"City": "Hobart"}
    assert event[HEADER]["changeOrigin"].endswith(";client=me")


def test_bitmaps_are_hex_in_whole_bytes() -> None:
    assert bitmaps([(5, None), (26, None), (4, 4)]) == ["0x04000020", "4-0x10"]
    assert bitmaps([(8, 1)]) == ["8-0x02"]
    assert bitmaps([]) == []


def test_a_save_that_changes_nothing_is_not_told(org: Org) -> None:
    made = org.create("Account", Name="Acme")
    org.news()
    org.tick()
    org.call("PATCH", f"sobjects/Account/{made}", {"Name": "Acme"})
    assert org.news() == []


def test_deleting_and_restoring(org: Org) -> None:
    made = org.create("Contact", LastName="Lee", FirstName="Ann")
    (created,) = org.news()
    assert created["Name"] == dict.fromkeys(created["Name"]) | {"FirstName": "Ann", "LastName": "Lee"}
    org.call("DELETE", f"sobjects/Contact/{made}")
    org.control("undelete", {"object": "Contact", "id": made})
    deleted, restored = org.news()
    assert kinds([deleted, restored]) == [("Contact", "DELETE", 1), ("Contact", "UNDELETE", 1)]
    assert {name for name, value in deleted.items() if value is not None} == {HEADER}
    assert restored["Name"]["LastName"] == "Lee"


def test_a_merge_deletes_the_loser_and_updates_the_winner(org: Org) -> None:
    winner, loser = (org.create("Account", Name=name) for name in "AB")
    org.news()
    org.tick()
    org.control("merge", {"object": "Account", "winner": winner, "losers": [loser]})
    deleted, updated = org.news()
    assert (deleted[HEADER]["changeType"], deleted[HEADER]["recordIds"]) == ("DELETE", [loser])
    assert (updated[HEADER]["changeType"], updated[HEADER]["recordIds"]) == ("UPDATE", [winner])


def test_records_that_change_alike_share_an_event_and_one_transaction_has_one_key(org: Org) -> None:
    ids = [org.create("Account", Name=name) for name in "ABC"]
    org.news()
    org.tick()
    wishes = [("1", ids[0]), ("1", ids[1]), ("2", ids[2])]
    records = [{"attributes": {"type": "Account"}, "id": each, "Phone": phone} for phone, each in wishes]
    org.call("PATCH", "composite/sobjects", {"records": records})
    events = [each[HEADER] for each in org.news()]
    assert [each["recordIds"] for each in events] == [ids[:2], ids[2:]]
    assert len({each["transactionKey"] for each in events}) == len({each["commitNumber"] for each in events}) == 1
    assert [each["sequenceNumber"] for each in events] == [1, 2]


def test_a_transaction_that_is_undone_tells_nothing(org: Org) -> None:
    record = {"attributes": {"type": "Account"}, "Name": "A"}
    org.call("POST", "composite/sobjects", {"allOrNone": True, "records": [record, {**record, "Name": ""}]})
    assert org.news() == []


def test_what_the_platform_derives_is_told_of_a_deal_but_not_its_system_stamp(org: Org) -> None:
    deal = org.create("Opportunity", Name="D", StageName="Prospecting", CloseDate="2026-11-30", Amount=100)
    (created,) = org.news()
    assert (created["IsWon"], created["CloseDate"]) == (False, 1_796_083_200_000 - 86_400_000)
    assert not {"SystemModstamp", "IsDeleted", "Id"} & set(created)
    org.call("PATCH", f"sobjects/Opportunity/{deal}", {"StageName": "Closed Won"})
    (won,) = org.news()
    assert {"StageName", "IsWon", "IsClosed", "Probability"} <= set(org.names(won, "changedFields"))
    assert (won["IsWon"], won["Probability"]) == (True, 100.0)


def test_schemas_say_what_avro_cannot(org: Org) -> None:
    topic = org.pubsub("GetTopic", topic_name="/data/OpportunityChangeEvent")
    docs = {each["name"]: each.get("doc", "") for each in org.schema(topic["schema_id"])["fields"]}
    assert (docs["CloseDate"], docs["Amount"]) == ("Data:DateOnly", "Data:Currency")
    assert (docs["AccountId"], docs["CreatedDate"]) == ("ForeignKey:EntityId", "CreatedDate:DateTime")
    assert docs["PO_Number__c"].startswith("Data:Text:00N")
    account = org.schema(org.pubsub("GetTopic", topic_name="/data/AccountChangeEvent")["schema_id"])
    assert account["name"].endswith("AccountChangeEvent")
    name = next(each for each in account["fields"] if each["name"] == "Name")
    assert name["type"][:2] == ["null", "string"]
    assert name["type"][2]["name"].endswith("Switchable_PersonName")


def test_a_schema_changes_with_its_fields_and_stays_known_under_its_id(org: Org) -> None:
    def schema_id() -> str:
        return str(org.pubsub("GetTopic", topic_name="/data/AccountChangeEvent")["schema_id"])

    before = schema_id()
    org.create("Account", Name="old")
    org.world.declare(declaration(SObject("Account", "001", (text("Rating__c", 20),))))
    assert schema_id() not in (before, "")
    created = {"method": "POST", "path": f"{API}/sobjects/Account", "body": {"Name": "new", "Rating__c": "A"}}
    org.control("person", created)
    old, new = org.news()
    assert ("Rating__c" in old, "Rating__c" in new) == (False, True)


def test_only_selected_objects_are_told_and_no_more_than_five(org: Org) -> None:
    org.create("Product2", Name="P")
    assert org.news() == []
    assert org.pubsub("GetTopic", topic_name="/data/Product2ChangeEvent")["error_code"].endswith("topic.not.found")
    org.control("change-events", {"entities": ["product2"]})
    org.create("Product2", Name="Q")
    org.create("Account", Name="A")
    assert kinds(org.news()) == [("Product2", "CREATE", 1)]
    six = ["Account", "Contact", "Opportunity", "OpportunityLineItem", "Product2", "Pricebook2"]
    assert org.send("POST", "/control/change-events", {"entities": six})[0] == 400
    assert org.send("POST", "/control/change-events", {"entities": ["Profile"]})[0] == 400
    with pytest.raises(ValueError, match="may select 5"):
        new_world(settings={"change_event_entities": six})


@pytest.mark.parametrize(("fault", "told"), [("event_gap", "GAP_UPDATE"), ("event_overflow", "GAP_OVERFLOW")])
def test_a_fault_takes_the_values_away(org: Org, fault: str, told: str) -> None:
    made = org.create("Account", Name="A")
    org.news()
    org.control("fault", {"kind": fault, "match": {"method": "PATCH"}})
    org.call("PATCH", f"sobjects/Account/{made}", {"Phone": "1"})
    (event,) = org.news()
    assert event[HEADER]["changeType"] == told
    assert event[HEADER]["recordIds"] == [made if told == "GAP_UPDATE" else "000000000000000AAA"]
    assert event["Phone"] is None


def test_an_event_can_be_lost_and_a_gap_be_told_of_any_record(org: Org) -> None:
    org.control("fault", {"kind": "event_lost", "match": {"path_contains": "/sobjects/Account"}})
    made = org.create("Account", Name="A")
    assert org.news() == []
    org.control("change-gap", {"object": "Account", "ids": [made, "001*"], "change": "CREATE"})
    (event,) = org.news()
    assert (event[HEADER]["changeType"], event[HEADER]["recordIds"]) == ("GAP_CREATE", [made, "001*"])
    assert org.send("POST", "/control/change-gap", {"object": "Account", "ids": [], "change": "NOPE"})[0] == 400


def test_the_control_plane_reads_the_bus(org: Org) -> None:
    org.create("Account", Name="A")
    shown = org.send("GET", "/control/events")[1]
    (entry,) = shown["entries"]
    assert (entry["topic"], entry["payload"]["Name"]) == ("/data/AccountChangeEvent", "A")
    assert org.world.settings["change_event_entities"] == shown["selected"]


def test_the_bus_survives_a_saved_state_and_a_state_without_one_still_loads(org: Org) -> None:
    org.create("Account", Name="A")
    seen = org.fetch()
    state = decode(b"".join(encode(org.world.dump())))
    again = Org(World.load(state))
    assert again.fetch(replay_id=seen["latest_replay_id"])["events"] == []
    assert again.payloads(again.fetch())[0]["Name"] == "A"
    del state["events"]
    assert Org(World.load(state)).fetch()["events"] == []


LEAVES = {"string": st.text(max_size=5), "double": st.floats(allow_nan=False), "boolean": st.booleans()}
LEAVES |= {"long": st.integers(-(2**63), 2**63 - 1), "int": st.integers(-(2**31), 2**31 - 1)}


@given(st.fixed_dictionaries({name: st.none() | leaf for name, leaf in LEAVES.items()}), st.lists(st.text(max_size=3)))
def test_avro_as_another_library_writes_and_reads_it(values: dict[str, Any], texts: list[str]) -> None:
    inner = {"type": "record", "name": "Inner", "fields": [{"name": "x", "type": ["null", "long"]}]}
    fields: list[Any] = [{"name": name, "type": ["null", name]} for name in LEAVES]
    fields += [
        {"name": "texts", "type": {"type": "array", "items": "string"}},
        {"name": "one", "type": ["null", inner]},
    ]
    fields += [{"name": "two", "type": ["null", "string", "Inner"]}]
    schema = {"type": "record", "name": "Outer", "fields": fields}
    value = {**values, "texts": texts, "one": None, "two": {"x": values["long"]}}
    payload = Codec(json.dumps(schema)).encode(value)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    assert payload == out.getvalue()
    assert Codec(json.dumps(schema)).decode(payload) == value
    for broken in (payload[:-1], payload + b"\x00"):
        with pytest.raises(AvroError):
            Codec(json.dumps(schema)).decode(broken)


def test_every_object_with_change_events_has_a_schema_that_avro_takes(org: Org) -> None:
    for sobject in org.world.schema.objects.values():
        if sobject.change_events:
            schema = change_schema(org.world, sobject)
            fastavro.parse_schema(json.loads(schema.json))
            assert changed_paths(schema.fields, {}, {}) == []
