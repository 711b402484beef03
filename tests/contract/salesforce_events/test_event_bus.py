"""Topics, positions, retention, allocations, rights and publishing (SF 5.3-5.7)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import timedelta

import pytest

from crossfoot.emulators.salesforce import new_world
from crossfoot.emulators.salesforce.events import log

from .conftest import NOON, Org

ACCOUNTS = "/data/AccountChangeEvent"
SHIPPED = "/event/Order_Shipped__e"
CORRUPTED = "sfdc.platform.eventbus.grpc.subscription.fetch.replayid.corrupted"


def code(answer: dict[str, str]) -> str:
    return answer["error_code"].removeprefix("sfdc.platform.eventbus.grpc.")


def test_a_custom_position_resumes_after_it_and_ids_only_grow(org: Org) -> None:
    for name in "ABC":
        org.create("Account", Name=name)
    first = org.fetch(ACCOUNTS, number=1)
    assert [each["Name"] for each in org.payloads(first)] == ["A"]
    assert first["pending_num_requested"] == 0
    rest = org.fetch(ACCOUNTS, first["latest_replay_id"], number=10)
    assert [each["Name"] for each in org.payloads(rest)] == ["B", "C"]
    assert rest["pending_num_requested"] == 8
    assert rest["latest_replay_id"] == rest["events"][-1]["replay_id"]
    ids = [each["replay_id"] for each in first["events"] + rest["events"]]
    assert len(set(ids)) == 3
    assert sorted(ids, key=b64decode) == ids


def test_latest_tells_only_what_comes_after(org: Org) -> None:
    org.create("Account", Name="A")
    start = org.fetch(ACCOUNTS, replay_preset="LATEST")
    assert start["events"] == []
    org.create("Account", Name="B")
    (event,) = org.payloads(org.fetch(ACCOUNTS, start["latest_replay_id"]))
    assert event["Name"] == "B"


def test_an_id_of_eight_bytes_is_as_good_as_one_of_ten(org: Org) -> None:
    org.create("Account", Name="A")
    sent = b64decode(org.fetch()["latest_replay_id"])
    assert len(sent) == 10
    assert org.fetch(replay_id=b64encode(sent[:8]).decode())["events"] == []


def test_an_id_that_expired_was_made_up_or_is_of_another_org_is_corrupted(org: Org) -> None:
    org.create("Account", Name="A")
    known = org.fetch()["latest_replay_id"]
    other = Org(new_world(seed=8))
    other.create("Account", Name="A")
    made_up = (int.from_bytes(b64decode(known), "big") + (1 << 16)).to_bytes(10, "big")
    for wrong in (
        other.fetch()["latest_replay_id"],
        b64encode(made_up).decode(),
        b64encode(b"\0" * 10).decode(),
        "AAAA",
    ):
        refused = org.fetch(replay_id=wrong)
        assert (refused["error_code"], refused["status"]) == (CORRUPTED, "INVALID_ARGUMENT")
    org.world.settings["session_timeout_s"] = 10**6
    org.tick(72 * 3600 - 1)
    assert org.fetch(replay_id=known)["events"] == []
    org.tick(2)
    assert org.fetch(replay_id=known)["error_code"] == CORRUPTED
    assert org.fetch()["events"] == []


def test_the_position_of_a_quiet_topic_does_not_age(org: Org) -> None:
    org.world.settings["session_timeout_s"] = 10**6
    position = org.fetch(replay_preset="LATEST")["latest_replay_id"]
    for _ in range(3):
        org.tick(60 * 3600)
        answer = org.fetch(replay_id=position)
        assert answer["events"] == []
        position = answer["latest_replay_id"]
    org.create("Account", Name="A")
    assert len(org.fetch(replay_id=position)["events"]) == 1


def test_the_bus_keeps_a_bounded_number_of_events(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "EVENTS_KEPT_MAX", 10)
    monkeypatch.setattr(log, "_PRUNE_EVERY", 12)
    for number in range(12):
        org.create("Account", Name=str(number))
    assert [each["Name"] for each in org.payloads(org.fetch())] == [str(number) for number in range(2, 12)]


def test_what_a_subscription_is_refused_for(org: Org) -> None:
    assert code(org.fetch("")) == "topic.validation.empty"
    assert code(org.fetch("/data/NopeChangeEvent")) == "topic.not.found"
    assert code(org.fetch(ACCOUNTS, number=0)) == "subscription.fetch.requested.events.invalid"
    assert code(org.fetch(ACCOUNTS, replay_preset="CUSTOM")) == "subscription.fetch.replayid.validation.failed"
    assert code(org.fetch(ACCOUNTS, token="x")) == "service.auth.error"
    headers = {"accesstoken": org.token, "instanceurl": "https://x", "tenantid": "00D000000000000AAA"}
    refused = org.send("POST", "/eventbus.v1.PubSub/GetTopic", {"topic_name": ACCOUNTS}, **headers)[1]
    assert (code(refused), refused["status"]) == ("service.auth.headers.invalid", "UNAUTHENTICATED")
    managed = org.pubsub("ManagedSubscribe", developer_name="Mine", num_requested=1)
    assert code(managed) == "managed.subscription.developer.name.not.found"


def test_a_good_position_can_be_refused_as_corrupted(org: Org) -> None:
    good = org.fetch()["latest_replay_id"]
    org.control("fault", {"kind": "replay_id_corrupted"})
    assert org.fetch(replay_id=good)["error_code"] == CORRUPTED
    assert org.fetch(replay_id=good)["events"] == []


def test_subscribing_needs_the_right_to_see_every_record(org: Org) -> None:
    assert org.pubsub("GetTopic", topic_name=ACCOUNTS)["can_subscribe"]
    assert code(org.pubsub("GetTopic", topic_name="/data/ChangeEvents")) == "topic.meta.permission"
    world = org.world
    grants = world.rows["PermissionSetAssignment"]
    for each in [each for each, row in grants.items() if row["AssigneeId"] == world.grants["integration"]]:
        world.drop(world.object("PermissionSetAssignment"), each)
    assert code(org.fetch(ACCOUNTS, token=org.token)) == "topic.meta.permission"


def test_values_of_fields_that_the_subscriber_may_not_read_are_left_out(org: Org) -> None:
    org.create("Account", Name="A", ABN__c="51824753556", Phone="1")
    world = org.world
    field = next(
        row
        for row in world.rows["FieldPermissions"].values()
        if row["Field"] == "Account.ABN__c"
        and (world.row("PermissionSet", row["ParentId"]) or {}).get("Name") == "Crossfoot_Org"
    )
    world.put(world.object("FieldPermissions"), field | {"PermissionsRead": False, "PermissionsEdit": False})
    org.control("person", {"method": "PATCH", "path": path_of(org, "Account"), "body": {"ABN__c": "1", "Phone": "2"}})
    created, updated = org.payloads(org.fetch(ACCOUNTS, token=org.token))
    assert (created["ABN__c"], created["Phone"], updated["ABN__c"], updated["Phone"]) == (None, "1", None, "2")
    assert "ABN__c" not in org.names(updated, "changedFields")
    assert "Phone" in org.names(updated, "changedFields")


def path_of(org: Org, kind: str) -> str:
    return f"/services/data/v66.0/sobjects/{kind}/{next(iter(org.world.rows[kind]))}"


def test_deliveries_are_counted_and_end_when_the_allocation_is_used_up(org: Org) -> None:
    org.world.settings["event_deliveries_per_day"] = 3
    for name in "ABCD":
        org.create("Account", Name=name)
    first = org.fetch(ACCOUNTS, number=2)
    assert org.call("GET", "limits")["DailyDeliveredPlatformEvents"] == {"Max": 3, "Remaining": 1}
    second = org.fetch(ACCOUNTS, first["latest_replay_id"])
    assert len(second["events"]) == 1
    refused = org.fetch(ACCOUNTS, second["latest_replay_id"])
    assert (code(refused), refused["status"]) == ("subscription.limit.exceeded", "RESOURCE_EXHAUSTED")
    org.now = NOON + timedelta(hours=25)
    org.world.settings["session_timeout_s"] = 10**6
    assert len(org.fetch(ACCOUNTS, second["latest_replay_id"])["events"]) == 1


def test_a_platform_event_is_created_like_a_record_and_only_sent(shop: Org) -> None:
    made = shop.call("POST", "sobjects/Order_Shipped__e", {"Number__c": "7", "Amount__c": 12.5})
    assert made["success"]
    (enqueued,) = made["errors"]
    assert enqueued["statusCode"] == "OPERATION_ENQUEUED"
    answer = shop.fetch(SHIPPED)
    (payload,) = shop.payloads(answer)
    assert (payload["Number__c"], payload["Amount__c"], payload["Late__c"]) == ("7", 12.5, False)
    assert payload["CreatedById"] == shop.world.grants["admin"]
    assert answer["events"][0]["event"]["id"] == enqueued["message"]
    assert not shop.world.rows.get("Order_Shipped__e")
    assert shop.fetch()["events"] == []


def test_a_published_event_has_to_fit_the_present_schema(shop: Org) -> None:
    topic = shop.pubsub("GetTopic", topic_name=SHIPPED)
    assert topic["can_publish"]
    assert not shop.pubsub("GetTopic", topic_name=ACCOUNTS)["can_publish"]
    content = {"CreatedDate": 1, "CreatedById": shop.world.grants["admin"], "Number__c": "8"}
    good = {"id": "a", "schema_id": topic["schema_id"], "payload": shop.encode(topic["schema_id"], content)}
    broken = {**good, "id": "b", "payload": good["payload"][:-8]}
    other = {**good, "id": "c", "schema_id": "x"}
    answer = shop.pubsub("Publish", topic_name=SHIPPED, events=[good, broken, other])
    assert [each["correlation_key"] for each in answer["results"]] == ["a", "b", "c"]
    assert ["error" in each for each in answer["results"]] == [False, True, True]
    assert [each["Number__c"] for each in shop.payloads(shop.fetch(SHIPPED))] == ["8"]
    assert code(shop.pubsub("Publish", topic_name=SHIPPED, events=[])) == "publish.event.count.invalid"
    assert code(shop.pubsub("Publish", topic_name=ACCOUNTS, events=[good])) == "topic.meta.permission"
    shop.world.settings["events_published_per_hour"] = 1
    assert "error" in shop.pubsub("Publish", topic_name=SHIPPED, events=[good])["results"][0]
