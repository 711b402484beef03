"""Our subscriber over real gRPC, against an emulated org whose Pub/Sub API shares no code with it (SF 5.1 to 5.6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from crossfoot.core.errors import NeedsPerson
from crossfoot.emulators.host import Host, HostSettings
from crossfoot.emulators.salesforce import World
from crossfoot.emulators.salesforce.events.pubsub import PubSubSettings
from crossfoot.salesforce.changes import Change, StreamEnded, topic_of
from crossfoot.salesforce.pubsub import Caller, Channel, GrpcStream

WAIT_S = 10.0


class Org:
    """A served org."""

    def __init__(self) -> None:
        self.host = Host(HostSettings(scenario="empty", pubsub=PubSubSettings(keepalive_s=0.2, unasked_s_max=0.5)))
        self.host.start()
        env, world = self.host.env(), self.host.worlds.salesforce.world
        assert isinstance(world, World)
        self.token = env["SF_ACCESS_TOKEN"]
        self.caller = Caller(self.token, "https://x.example", world.organization["Id"])
        self.channel = Channel(env["SF_PUBSUB_ENDPOINT"])

    def rest(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        connection = HTTPConnection(urlsplit(self.host.urls["salesforce"]).netloc, timeout=10)
        try:
            signed = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **headers}
            connection.request(method, path, None if body is None else json.dumps(body), signed)
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status < 300, content
            return json.loads(content or b"null")
        finally:
            connection.close()

    def create(self, name: str, client: str = "someone") -> str:
        options = {"Sforce-Call-Options": f"client={client}"}
        return str(self.rest("POST", "/services/data/v62.0/sobjects/Account", {"Name": name}, **options)["id"])

    def subscribe(self, replay_id: bytes | None, **caller: str) -> GrpcStream:
        named = Caller(caller.get("token", self.token), "https://x.example", self.caller.org_id)
        return self.channel.subscribe(named, topic_of("Account"), replay_id)


@pytest.fixture(scope="module")
def org() -> Iterator[Org]:
    made = Org()
    made.rest("POST", "/control/change-events", {"entities": ["Account"]})
    yield made
    made.channel.close()
    made.host.stop()


def changes(stream: GrpcStream) -> tuple[tuple[Change, ...], bytes]:
    """The next changes, after signs of life."""
    for _ in range(100):
        received = stream.receive(WAIT_S)
        assert received is not None
        if received.changes:
            return received.changes, received.latest
    raise AssertionError("only signs of life came")


def alive(stream: GrpcStream) -> bytes:
    received = stream.receive(WAIT_S)
    assert received is not None
    return received.latest


def end_of(stream: GrpcStream) -> StreamEnded:
    try:
        for _ in range(100):
            stream.receive(WAIT_S)
    except StreamEnded as ended:
        return ended
    raise AssertionError("it did not end")


def test_a_change_tells_where_to_look_and_whose_it_is(org: Org) -> None:
    stream = org.subscribe(None)
    alive(stream)
    made = org.create("Ours", client="Crossfoot")
    [change] = changes(stream)[0]
    assert (change.object, change.ids, change.kind, change.is_own) == ("Account", (made,), "CREATE", True)
    org.create("Theirs")
    assert not changes(stream)[0][0].is_own
    stream.close()


def test_a_stream_goes_on_behind_its_position(org: Org) -> None:
    stream = org.subscribe(None)
    position = alive(stream)
    stream.close()
    first, second = org.create("First"), org.create("Second")
    stream = org.subscribe(position)
    seen: list[str] = []
    while len(seen) < 2:
        seen += [each for change in changes(stream)[0] for each in change.ids]
    assert seen == [first, second]
    stream.close()


def test_a_position_that_never_was_is_told_apart(org: Org) -> None:
    assert end_of(org.subscribe(b"never was")).code == "subscription.fetch.replayid.corrupted"


def test_a_token_that_is_none_is_told_apart(org: Org) -> None:
    assert end_of(org.subscribe(None, token="00Dx!none")).code == "service.auth.error"


def test_silence_is_heard_as_nothing(org: Org) -> None:
    org.rest("POST", "/control/fault", {"kind": "stream_silent"})
    stream = org.subscribe(None)
    for _ in range(10):
        if stream.receive(0.5) is None:
            break
    else:
        raise AssertionError("it was not silent")
    stream.close()


def test_a_caller_does_not_show_its_token(org: Org) -> None:
    assert org.token not in repr(org.caller)


def test_custom_objects_have_topics_of_their_own() -> None:
    assert topic_of("Xero_Payment__c") == "/data/Xero_Payment__ChangeEvent"


def test_an_object_that_was_not_selected_is_told_apart(org: Org) -> None:
    stream = org.channel.subscribe(org.caller, topic_of("Product2"), None)
    assert end_of(stream).code == "topic.not.found"


def test_an_address_without_a_port_is_refused() -> None:
    with pytest.raises(NeedsPerson, match="HOST:PORT"):
        Channel("api.pubsub.salesforce.com")
